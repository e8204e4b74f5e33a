/* tril.c - tril and triu: the lower and the upper triangle of matrices. */
#include "ops/linalg/linalg.h"

#include <string.h>

static tp_status triangle_infer(tp_call *c)
{
    if (c->in[0]->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; [..., n, m] is needed", TP__SHAPE(c->in[0]));
    return tp__infer_like_first(c);
}

tp_status tp__triangle_forward(tp_call *c)
{
    const tp__triangle *at = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t rows = tp__rows(x), columns = tp__columns(x);
    size_t size = tp_dtype_size(x->dtype);
    for (int64_t r = 0; columns > 0 && r < x->numel / columns; r++) {
        int64_t split = tp__add_clipped(r % rows + !at->upper,
                                        at->diagonal); /* columns before it are below the diagonal */
        split = split < 0 ? 0 : split > columns ? columns : split;
        char *y = (char *)c->out[0]->data + (size_t)(r * columns) * size;
        const char *from = (const char *)x->data + (size_t)(r * columns) * size;
        size_t low = (size_t)split * size, high = (size_t)(columns - split) * size;
        if (at->upper) {
            memset(y, 0, low);
            memcpy(y + low, from + low, high);
        } else {
            memcpy(y, from, low);
            memset(y + low, 0, high);
        }
    }
    return TP_OK;
}

static tp_status triangle_vjp(tp_vjp *v)
{
    const tp__triangle *at = v->attr;
    v->gin[0] = (at->upper ? tp_triu : tp_tril)(v->tape, v->gout[0], at->diagonal);
    return TP_OK;
}

static void tril_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1, 1);
    tp_sample(s, &(tp__triangle){0, false}, 1, &x);
    tp_sample(s, &(tp__triangle){-1, false}, 1, &x);
}

static void triu_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 1);
    tp_sample(s, &(tp__triangle){0, true}, 1, &x);
    tp_sample(s, &(tp__triangle){1, true}, 1, &x);
}

/* clang-format off */
static const tp_op tril_op = {
    .name = "tril", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__triangle), .flags = TP__READS_NOTHING,
    .grad_name = "TrilBackward0",
    .infer = triangle_infer, .forward = tp__triangle_forward, .vjp = triangle_vjp, .samples = tril_samples};
static const tp_op triu_op = {
    .name = "triu", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__triangle), .flags = TP__READS_NOTHING,
    .grad_name = "TriuBackward0",
    .infer = triangle_infer, .forward = tp__triangle_forward, .vjp = triangle_vjp, .samples = triu_samples};
/* clang-format on */

tp_tensor *tp_tril(tp_tape *T, tp_tensor *x, int64_t diagonal)
{
    return tp__apply1(T, &tril_op, &(tp__triangle){diagonal, false}, x);
}

tp_tensor *tp_triu(tp_tape *T, tp_tensor *x, int64_t diagonal)
{
    return tp__apply1(T, &triu_op, &(tp__triangle){diagonal, true}, x);
}

const tp_op *const tp__ops_tril[] = {
#include TP__OPERATORS
    NULL};
