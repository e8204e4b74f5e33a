/* put_back.c - the adjoint of a strided view: values added among zeros where it looks. */
#include "kernel/strided.h"
#include "ops/shape/strided_view.h"

#include <string.h>

static tp_status put_back_infer(tp_call *c)
{
    const tp__strided_view *v = c->attr;
    if (!tp__dims_equal(v->shape, tp__dims_of(c->in[0])))
        return tp_call_fail(c, TP_ESHAPE, "the values are %s; the view's shape, %s, is needed", TP__SHAPE(c->in[0]),
                            TP__DIMS(v->shape));
    if (!tp_dtype_is_float(c->in[0]->dtype) && !tp__view_apart(v))
        return tp__no_float(c, c->in[0]);
    return tp_call_out(c, 0, c->in[0]->dtype, v->whole);
}

/* A view that walks y's first dimension as it is, and looks at each place once, is put back by stretches of that
 * dimension, each cleared just before. */
typedef struct {
    const tp__strided_view *v;
    tp_tensor *y;
    const char *g;
    int64_t stride[TP_MAX_DIMS], offset, stretch; /* g's elements in a step of the first dimension */
} stretching;

static void put_back_range(int64_t begin, int64_t end, void *user)
{
    const stretching *p = user;
    tp_dtype dtype = p->y->dtype;
    int64_t size = (int64_t)tp_dtype_size(dtype), step = p->y->stride[0], few = 1 + 32768 / step;
    tp_dims shape = p->v->shape;
    for (int64_t at = begin; at < end; at += few) {
        char *to = (char *)p->y->data + at * step * size;
        shape.dim[0] = end - at < few ? end - at : few;
        memset(to, 0, (size_t)(shape.dim[0] * step * size));
        tp__copy_out(shape, to + p->offset * size, p->stride, p->g + at * p->stretch * size, dtype);
    }
}

static bool by_stretches(const tp__strided_view *v)
{
    bool free = v->shape.ndim > 1 && v->from[0][0] == 0 && v->from[0][1] < 0 && v->coef[0] == 1 && v->start[0] == 0 &&
                v->shape.dim[0] == v->whole.dim[0];
    for (int k = 1; k < v->shape.ndim && free; k++)
        free = v->from[k][0] != 0 && v->from[k][1] != 0;
    return free && tp__view_apart(v);
}

static tp_status put_back_forward(tp_call *c)
{
    const tp__strided_view *v = c->attr;
    const tp_tensor *g = c->in[0];
    tp_tensor *y = c->out[0];
    stretching p = {v, y, g->data, {0}, 0, 1};
    if (y->numel == 0)
        return TP_OK; /* its places may be farther than there is memory */
    p.offset = tp__view_strides(v, y->stride, p.stride);
    if (g->numel && by_stretches(v)) {
        p.stretch = g->numel / v->shape.dim[0];
        tp__parallel_for(v->shape.dim[0], 1 + 32768 / y->stride[0], put_back_range, &p);
        return TP_OK;
    }
    tp__fill(y->numel, y->data, y->dtype, 0);
    char *to = (char *)y->data + p.offset * (int64_t)tp_dtype_size(y->dtype);
    if (g->numel && tp__view_apart(v))
        tp__copy_out(v->shape, to, p.stride, g->data, y->dtype);
    else if (g->numel)
        tp__add_strided(y->dtype, v->shape, to, p.stride, g->data);
    return TP_OK;
}

static tp_status put_back_vjp(tp_vjp *v)
{
    v->gin[0] = tp__view_at(v->tape, v->attr, v->gout[0]);
    return TP_OK;
}

static void put_back_samples(tp_sampler *s)
{
    tp__view_sample(s, tp__sample_windows().shape, tp__sample_windows());
    tp__view_sample(s, tp__sample_diagonal().shape, tp__sample_diagonal());
}

/* clang-format off */
static const tp_op put_back_op = {
    .name = "put_back", .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__strided_view), .flags = TP__READS_NOTHING,
    .infer = put_back_infer, .forward = put_back_forward, .vjp = put_back_vjp, .samples = put_back_samples};
/* clang-format on */

tp_tensor *tp__put_back(tp_tape *T, const tp__strided_view *v, tp_tensor *g)
{
    return tp__apply1(T, &put_back_op, v, g);
}

const tp_op *const tp__ops_put_back[] = {
#include TP__OPERATORS
    NULL};
