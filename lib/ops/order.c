/* order.c - elements in another order along their dimensions: flip, and what is made of it and of cat. */
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
        if ((mask >> d) & 1u && x->shape[d] > 0) {
            offset += (x->shape[d] - 1) * in.stride[d];
            in.stride[d] = -in.stride[d];
        }
    in.data = (const char *)in.data + offset * (int64_t)tp_dtype_size((tp_dtype)x->dtype);
    if (x->numel)
        tp__copy(tp__dims_of(x), c->out[0]->data, (tp_dtype)x->dtype, &in);
    return TP_OK;
}

static tp_status flip_vjp(tp_vjp *v);

static void flip_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(uint32_t){5});
    tp__sample_one(s, (tp_dims){2, {0, 4}}, &(uint32_t){3});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(uint32_t){0});
}

static const tp_op flip_op = {.name = "flip",
                              .n_in = 1,
                              .n_out = 1,
                              .attr_size = sizeof(uint32_t),
                              .flags = TP_OP_STRIDED | TP__READS_NOTHING,
                              .infer = flip_infer,
                              .forward = flip_forward,
                              .vjp = flip_vjp,
                              .samples = flip_samples,
                              .grad_name = "FlipBackward0"};

static tp_status flip_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &flip_op, v->attr, v->gout[0]);
    return TP_OK;
}

tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims)
{
    uint32_t mask = 0;
    tp_call c = {.tape = T, .op = &flip_op};
    if (!tp__usable(T, "flip", x) || (n > 0 && tp__dims_mask(&c, x->ndim, n, dims, &mask) != TP_OK))
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

tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts, const int *dims)
{
    if (!tp__has_dims(T, "roll", x, dims && n > 0))
        return NULL;
    if (dims == NULL) { /* all of x as a vector */
        if (n != 1) {
            tp_fail(T, TP_EINVAL, "roll: %d shifts, and no dimensions", n);
            return NULL;
        }
        tp_tensor *flat = tp_roll(T, tp_reshape(T, x, (tp_dims){1, {-1}}), 1, shifts, &(int){0});
        return tp_reshape(T, flat, tp__dims_of(x));
    }
    tp_tensor *y = x;
    for (int i = 0; i < n && y; i++) {
        int d = tp__dim_of(T, "roll", x->ndim, dims[i]);
        if (d < 0)
            return NULL;
        int64_t size = x->shape[d], shift = size ? (shifts[i] % size + size) % size : 0;
        if (shift == 0)
            continue;
        tp_tensor *parts[2] = {tp_narrow(T, y, d, size - shift, shift), tp_narrow(T, y, d, 0, size - shift)};
        y = tp_cat(T, 2, parts, d);
    }
    return y == x ? tp_clone(T, x) : y;
}

tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1)
{
    if (!tp__has_dims(T, "rot90", x, 2))
        return NULL;
    int a = tp__dim_of(T, "rot90", x->ndim, dim0), b = tp__dim_of(T, "rot90", x->ndim, dim1);
    if (a >= 0 && a == b)
        tp_fail(T, TP_EINVAL, "rot90: in the plane of dimension %d alone", a);
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

const tp_op *const tp__ops_order[] = {&flip_op, NULL};
