/* flip.c - elements in another order along their dimensions: flip, and what is made of it and of cat. */
#include "ops/ops.h"

/* ---- flip ----------------------------------------------------------------------------------------------------- */

/* attr: bit d for dimension d. The copy walks these from the end. */
static tp_status flip_infer(tp_call *c)
{
    uint32_t mask = *(const uint32_t *)c->attr;
    return mask >> c->in[0]->ndim ? tp__no_such_dim(c, 31 - __builtin_clz(mask)) : tp__infer_like_first(c);
}

static tp_status flip_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    uint32_t mask = *(const uint32_t *)c->attr;
    tp__operand in = tp__operand_of(x, tp__dims_of(x));
    int64_t offset = 0;
    for (int d = 0; d < x->ndim; d++)
        if ((mask >> d) & 1u && x->numel > 0) {
            offset += (x->shape[d] - 1) * in.stride[d];
            in.stride[d] = -in.stride[d];
        }
    in.data = (const char *)in.data + offset * (int64_t)tp_dtype_size(x->dtype);
    if (x->numel)
        tp__copy(tp__dims_of(x), c->out[0]->data, x->dtype, &in);
    return TP_OK;
}

static tp_status flip_vjp(tp_vjp *v);

static void flip_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(uint32_t){5});
    tp__sample_one(s, (tp_dims){2, {0, 4}}, &(uint32_t){3});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(uint32_t){0});
}

/* clang-format off */
static const tp_op flip_op = {
    .name = "flip", .n_in = 1, .n_out = 1, .attr_size = sizeof(uint32_t), .flags = TP_OP_STRIDED | TP__READS_NOTHING,
    .grad_name = "FlipBackward0",
    .infer = flip_infer, .forward = flip_forward, .vjp = flip_vjp, .samples = flip_samples};
/* clang-format on */

static tp_status flip_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &flip_op, v->attr, v->gout[0]);
    return TP_OK;
}

tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims)
{
    uint32_t mask = 0;
    tp_call c = {.tape = T, .op = &flip_op};
    if (!tp__usable(T, "flip", x) || (n != 0 && tp__dims_mask(&c, x->ndim, n, dims, &mask) != TP_OK))
        return NULL;
    return tp__apply1(T, &flip_op, &mask, x);
}

tp_tensor *tp_fliplr(tp_tape *T, tp_tensor *x)
{
    return tp__has_dims(T, "fliplr", x, 2) ? tp_flip(T, x, 1, &(int){1}) : NULL;
}
tp_tensor *tp_flipud(tp_tape *T, tp_tensor *x)
{
    return tp__has_dims(T, "flipud", x, 1) ? tp_flip(T, x, 1, &(int){0}) : NULL;
}

/* ---- roll and turn ------------------------------------------------------------------------------------------ */

/* attr: how far each dimension is moved, at least 0 and less than its size */
typedef struct {
    int64_t by[TP_MAX_DIMS];
} shifts_of;

static tp_status roll_infer(tp_call *c)
{
    const shifts_of *s = c->attr;
    for (int d = 0; d < c->in[0]->ndim; d++)
        if (s->by[d] < 0 || (s->by[d] > 0 && s->by[d] >= c->in[0]->shape[d]))
            return tp_call_fail(c, TP_EINVAL, "by %lld in a dimension of size %lld; 0 or more, and less, is needed",
                                (long long)s->by[d], (long long)c->in[0]->shape[d]);
    return tp__infer_like_first(c);
}

static tp_status roll_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->numel)
        tp__roll(tp_dtype_size(x->dtype), tp__dims_of(x), ((const shifts_of *)c->attr)->by, x->data, c->out[0]->data);
    return TP_OK;
}

static tp_status roll_vjp(tp_vjp *v)
{
    shifts_of back = *(const shifts_of *)v->attr;
    for (int d = 0; d < v->in[0]->ndim; d++)
        back.by[d] = back.by[d] ? v->in[0]->shape[d] - back.by[d] : 0;
    v->gin[0] = tp__apply1(v->tape, v->op, &back, v->gout[0]);
    return TP_OK;
}

static void roll_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(shifts_of){{1, 0, 3}});
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(shifts_of){{0, 2}});
    tp__sample_one(s, (tp_dims){2, {0, 4}}, &(shifts_of){{0, 1}});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(shifts_of){{0}});
}

/* clang-format off */
static const tp_op roll_op = {
    .name = "roll", .n_in = 1, .n_out = 1, .attr_size = sizeof(shifts_of), .flags = TP__READS_NOTHING,
    .grad_name = "RollBackward0",
    .infer = roll_infer, .forward = roll_forward, .vjp = roll_vjp, .samples = roll_samples};
/* clang-format on */

tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts, const int *dims)
{
    shifts_of s = {{0}};
    if (!tp__has_dims(T, "roll", x, dims && n > 0) || !tp__listed(T, "roll", "shifts", n, 0, shifts))
        return NULL;
    if (dims == NULL) { /* all of x as a vector */
        if (n != 1) {
            tp_fail(T, TP_EINVAL, "roll: %d shifts without dimensions; one is needed", n);
            return NULL;
        }
        tp_tensor *flat = tp_roll(T, tp_reshape(T, x, (tp_dims){1, {-1}}), 1, shifts, &(int){0});
        return tp_reshape(T, flat, tp__dims_of(x));
    }
    for (int i = 0; i < n; i++) {
        int d = tp__dim_of(T, "roll", x->ndim, dims[i]);
        if (d < 0)
            return NULL;
        int64_t size = x->shape[d], shift = size ? shifts[i] % size : 0, left = size - s.by[d];
        shift = shift < 0 ? shift + size : shift;
        s.by[d] = size == 0 ? 0 : shift >= left ? shift - left : s.by[d] + shift;
    }
    return tp__apply1(T, &roll_op, &s, x);
}

tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1)
{
    if (!tp__has_dims(T, "rot90", x, 2))
        return NULL;
    int a = tp__dim_of(T, "rot90", x->ndim, dim0), b = tp__dim_of(T, "rot90", x->ndim, dim1);
    if (a >= 0 && a == b)
        tp_fail(T, TP_EINVAL, "rot90: dimension %d twice; two are needed", a);
    if (a < 0 || b < 0 || a == b)
        return NULL;
    switch ((k % 4 + 4) % 4) {
    case 1:
        return tp_transpose(T, tp_flip(T, x, 1, &b), a, b);
    case 2:
        return tp_flip(T, x, 2, (const int[2]){a, b});
    case 3:
        return tp_transpose(T, tp_flip(T, x, 1, &a), a, b);
    default:
        return tp_clone(T, x);
    }
}

const tp_op *const tp__ops_order[] = {
#include TP__OPERATORS
    NULL};
