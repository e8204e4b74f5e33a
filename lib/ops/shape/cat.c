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

/* Rows of the result, each made of one stretch of every input. */
typedef struct {
    int n_in;
    tp_tensor *const *in;
    int64_t rows, row, size; /* of the result, in elements; bytes of one */
    char *out;
} joining;

/* Rows [begin, end), some at a time, so that what is written lies in cache until its lines are whole. */
static void join_range(int64_t begin, int64_t end, void *user)
{
    const joining *j = user;
    const int64_t some = 1 + (1 << 18) / (j->row * j->size);
    for (int64_t r = begin, n; r < end; r += n) {
        char *to = j->out + r * j->row * j->size;
        n = end - r < some ? end - r : some;
        for (int i = 0; i < j->n_in; i++) {
            int64_t part = j->in[i]->numel / j->rows;
            if (part > 0 && tp__contiguous(j->in[i]))
                tp__copy_plane((size_t)j->size, (tp__plane){n, part, j->row, 1, part, 1}, to,
                               (const char *)j->in[i]->data + r * part * j->size);
            to += part * j->size;
        }
    }
}

static tp_status cat_forward(tp_call *c)
{
    int dim = *(const int *)c->attr;
    tp_tensor *y = c->out[0];
    joining j = {c->n_in, c->in, 1, 1, (int64_t)tp_dtype_size(y->dtype), y->data};
    if (y->numel == 0)
        return TP_OK;
    for (int d = 0; d < y->ndim; d++)
        *(d < dim ? &j.rows : &j.row) *= y->shape[d];
    char *to = y->data;
    for (int i = 0; i < c->n_in; i++) {
        const tp_tensor *x = c->in[i];
        if (x->numel > 0 && !tp__contiguous(x))
            tp__move_strided(false, x->dtype, tp__dims_of(x), to, y->stride, x->data, x->stride);
        else if (j.rows == 1)
            tp__convert(x->numel, to, x->dtype, x->data, x->dtype);
        to += x->numel / j.rows * j.size;
    }
    if (j.rows > 1)
        tp__parallel_for(j.rows, 1 + 32768 / j.row, join_range, &j);
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
