/* cat.c - tensors side by side. */
#include "kernel/strided.h"
#include "ops/shape/shape.h"

#include <string.h>

/* attr: the dimension. An empty 1-d tensor joins anything, as in PyTorch. */
static bool nothing(const tp_tensor *x) { return x->ndim == 1 && x->shape[0] == 0; }

static tp_status cat_infer(tp_call *c)
{
    int dim = *(const int *)c->attr;
    const tp_tensor *like = c->in[0];
    for (int i = 0; i < c->n_in && nothing(like); i++)
        like = c->in[i];
    tp_dims shape = tp__dims_of(like);
    if (dim >= shape.ndim)
        return tp__no_dim(c->tape, c->op->name, dim, shape.ndim);
    shape.dim[dim] = 0;
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        bool fits = x->ndim == like->ndim;
        if (x->dtype != c->in[0]->dtype)
            return tp_call_fail(c, TP_EDTYPE, "%s beside %s; one dtype is needed", tp_dtype_name(c->in[0]->dtype),
                                tp_dtype_name(x->dtype));
        if (nothing(x))
            continue;
        for (int d = 0; d < x->ndim && fits; d++)
            fits = d == dim || x->shape[d] == like->shape[d];
        if (!fits)
            return tp_call_fail(c, TP_ESHAPE, "%s and %s; one shape but for dimension %d is needed", TP__SHAPE(like),
                                TP__SHAPE(x), dim);
        if (x->shape[dim] > INT64_MAX - shape.dim[dim])
            return tp_call_fail(c, TP_ENOMEM, "too large");
        shape.dim[dim] += x->shape[dim];
    }
    return tp_call_out(c, 0, c->in[0]->dtype, shape);
}

static tp_status cat_forward(tp_call *c)
{
    int dim = *(const int *)c->attr;
    tp_tensor *y = c->out[0];
    int64_t outer = 1, stretch = 1, at = 0, size = (int64_t)tp_dtype_size(y->dtype);
    for (int d = 0; d < y->ndim; d++)
        *(d < dim ? &outer : &stretch) *= d == dim ? 1 : y->shape[d];
    int64_t whole = stretch * y->shape[dim];
    for (int i = 0; i < c->n_in; i++) {
        if (nothing(c->in[i]) || c->in[i]->numel == 0)
            continue;
        const tp_tensor *x = c->in[i];
        int64_t part = stretch * x->shape[dim];
        char *to = (char *)y->data + at * size;
        if (tp_is_contiguous(x))
            tp__copy_plane((size_t)size, (tp__plane){outer, part, whole, 1, part, 1}, to, x->data);
        else
            tp__move_strided(false, x->dtype, tp__dims_of(x), to, y->stride, x->data, x->stride);
        at += part;
    }
    return TP_OK;
}

static tp_status cat_vjp(tp_vjp *v)
{
    int dim = *(const int *)v->attr;
    int64_t at = 0;
    for (int i = 0; i < v->n_in; i++) {
        if (nothing(v->in[i])) {
            v->gin[i] = tp_zeros_like(v->tape, v->in[i]);
            continue;
        }
        v->gin[i] = tp_narrow(v->tape, v->gout[0], dim, at, v->in[i]->shape[dim]);
        at += v->in[i]->shape[dim];
    }
    return TP_OK;
}

static void cat_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {2, 3}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){2, {1, 3}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){2, {2, 3}}, 0, 1)};
    tp_sample(s, &(int){0}, 3, in);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {2, 0}}, -1, 1);
    tp_sample(s, &(int){1}, 3, in);
}

/* clang-format off */
static const tp_op cat_op = {
    .name = "cat", .n_in = -1, .n_out = 1, .attr_size = sizeof(int),
    .flags = TP_OP_STRIDED | TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT, .grad_name = "CatBackward0",
    .infer = cat_infer, .forward = cat_forward, .vjp = cat_vjp, .samples = cat_samples};
/* clang-format on */

tp_tensor **tp__list_of(tp_tape *T, const char *name, int n, tp_tensor *const *x)
{
    if (!tp__ok(T))
        return NULL;
    if (n < 1 || x == NULL) {
        tp_fail(T, TP_EINVAL, "%s: %d tensors in a list that is %s; 1 or more are needed", name, n,
                x ? "there" : "NULL");
        return NULL;
    }
    tp_tensor **list = tp__arena_alloc(&T->arena, (size_t)n * sizeof *list);
    if (list == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", name);
    for (int i = 0; list && i < n; i++) {
        if (!tp__usable(T, name, x[i]))
            return NULL;
        list[i] = x[i];
    }
    return list;
}

tp_tensor **tp__promoted_list(tp_tape *T, const char *name, int n, tp_tensor *const *x)
{
    tp_tensor **list = tp__list_of(T, name, n, x);
    tp_dtype dtype = list ? x[0]->dtype : TP_BOOL;
    for (int i = 1; list && i < n; i++)
        dtype = tp_promote_types(dtype, x[i]->dtype);
    for (int i = 0; list && i < n; i++)
        if ((list[i] = tp_to(T, x[i], dtype)) == NULL)
            return NULL;
    return list;
}

tp_tensor *tp__cat_list(tp_tape *T, const char *name, int n, tp_tensor *const *x, int dim)
{
    const tp_tensor *like = x[0];
    for (int i = 0; i < n && nothing(like); i++)
        like = x[i];
    int at = tp__dim_wrap(like->ndim, dim);
    if (at < 0 || like->ndim == 0) {
        tp__no_dim(T, name, dim, like->ndim);
        return NULL;
    }
    return tp_apply(T, &cat_op, &at, n, x);
}

tp_tensor *tp_cat(tp_tape *T, int n, tp_tensor *const *x, int dim)
{
    tp_tensor **list = tp__promoted_list(T, "cat", n, x);
    return list ? tp__cat_list(T, "cat", n, list, dim) : NULL;
}

const tp_op *const tp__ops_cat[] = {
#include TP__OPERATORS
    NULL};
