/* inplace.c - writing to tensors that are there already.
 *
 * What recorded operators computed is never written, and nothing here is recorded. The version of the storage moves,
 * so that a sweep which needs the old values says so. A form without a loop of its own computes the new values beside
 * the tensor and copies them.
 */
#include "ops/index/index.h"

#include "kernel/index.h"

/* ---- what may be written ------------------------------------------------------------------------------------------ */

tp_status tp__writable(tp_tape *T, const char *name, const tp_tensor *x)
{
    if (!tp__usable(T, name, x))
        return tp_error_status(T);
    if (x->node)
        return tp_fail(T, TP_EINVAL,
                       "%s: the target was computed; only leaves can be written, and views made with recording off",
                       name);
    for (int d = 0; d < x->ndim; d++)
        if (x->stride[d] == 0 && x->shape[d] > 1 && x->numel > 0)
            return tp_fail(T, TP_EINVAL, "%s: several elements of the target lie in one place; write a tp_clone", name);
    return TP_OK;
}

/* The same, with another tensor that is read. */
static tp_status writable_from(tp_tape *T, const char *name, const tp_tensor *x, const tp_tensor *src)
{
    tp_status status = tp__writable(T, name, x);
    if (status == TP_OK && !tp__usable(T, name, src))
        status = T->status;
    return status;
}

/* Does src broadcast to x? */
static tp_status fits_into(tp_tape *T, const char *name, const tp_tensor *x, const tp_tensor *src)
{
    tp_dims shape = tp__dims_of(x), both;
    if (tp__dims_broadcast(shape, tp__dims_of(src), &both) && tp__dims_equal(both, shape))
        return TP_OK;
    return tp_fail(T, TP_ESHAPE, "%s: %s into %s; a shape that broadcasts to that is needed", name, TP__SHAPE(src),
                   TP__DIMS(shape));
}

/* Where the memory of x's elements ends. */
static uintptr_t end_of(const tp_tensor *x)
{
    int64_t last = 0;
    for (int d = 0; d < x->ndim; d++)
        last += (x->shape[d] - 1) * x->stride[d];
    return (uintptr_t)x->data + (uintptr_t)(last + 1) * tp_dtype_size(x->dtype);
}

/* May writing one of them change the other? */
static bool overlap(const tp_tensor *a, const tp_tensor *b)
{
    return a->numel > 0 && b->numel > 0 && (uintptr_t)a->data < end_of(b) && (uintptr_t)b->data < end_of(a);
}

static tp_status written(tp_tensor *x)
{
    x->storage->version++;
    return TP_OK;
}

/* ---- copying ------------------------------------------------------------------------------------------------------ */

static tp_status copy_into_forward(tp_call *c)
{
    tp_tape *T = c->tape;
    tp_tensor *dst = c->out[0], *src = c->in[0];
    tp_dims shape = tp__dims_of(dst);
    tp_dtype dtype = dst->dtype;
    tp__operand from = tp__operand_of(src, shape);
    if (tp__contiguous(dst) && !overlap(dst, src)) {
        tp__copy(shape, dst->data, dtype, &from);
    } else if (src->dtype == dst->dtype && tp__contiguous(src) && tp__same_shape(dst, src) && !overlap(dst, src)) {
        tp__copy_out(shape, dst->data, dst->stride, src->data, dtype);
    } else {
        tp__storage *dense = tp__pool_alloc(T->pool, (size_t)dst->numel * tp_dtype_size(dtype));
        if (dense == NULL)
            return tp_fail(T, TP_ENOMEM, "copy_into: no memory");
        tp__copy(shape, dense->data, dtype, &from);
        tp__copy_out(shape, dst->data, dst->stride, dense->data, dtype);
        tp__storage_unref(dense);
    }
    return TP_OK;
}

/* clang-format off */
static const tp_op copy_into_action = {
    .name = "copy_into", .n_in = 1, .n_out = 1,
    .forward = copy_into_forward};
/* clang-format on */

tp_status tp__copy_into(tp_tape *T, tp_tensor *dst, tp_tensor *src)
{
    tp_call call = {T, &copy_into_action, NULL, 1, 1, &src, &dst};
    return tp__run(T, &call);
}

tp_status tp_copy_into(tp_tape *T, tp_tensor *dst, tp_tensor *src)
{
    tp_status status = writable_from(T, "copy_into", dst, src);
    if (status == TP_OK)
        status = fits_into(T, "copy_into", dst, src);
    if (status == TP_OK)
        status = tp__copy_into(T, dst, src);
    return status == TP_OK ? written(dst) : status;
}

/* ---- values that are computed beside the tensor --------------------------------------------------------------------- */

typedef struct {
    tp_mark mark;
    bool recorded;
} aside;

static aside aside_begin(tp_tape *T) { return (aside){tp_tape_mark(T), tp_tape_record(T, false)}; }

/* x = value, whose kind of number x must hold; all that was made on the way is given back. */
static tp_status aside_end(tp_tape *T, aside a, const char *name, tp_tensor *x, tp_tensor *value)
{
    if (value && !tp_can_cast(value->dtype, x->dtype))
        tp_fail(T, TP_EDTYPE, "%s: the result is %s, x is %s; a dtype that holds it is needed", name,
                tp_dtype_name(value->dtype), tp_dtype_name(x->dtype));
    if (value && tp__ok(T) && fits_into(T, name, x, value) == TP_OK)
        tp_copy_into(T, x, value);
    tp_status status = T->status;
    tp_tape_record(T, a.recorded);
    tp__rewind(T, a.mark);
    return status;
}

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

static tp_status fill(tp_tape *T, const char *name, tp_tensor *x, double value)
{
    tp_status status = tp__writable(T, name, x);
    if (status != TP_OK)
        return status;
    if (!tp__fits(T, name, "value", x->dtype, value))
        return T->status;
    if (tp__contiguous(x)) {
        tp__fill(x->numel, x->data, x->dtype, value);
        return written(x);
    }
    aside a = aside_begin(T);
    return aside_end(T, a, name, x, tp__number(T, x, value));
}

tp_status tp_zero_(tp_tape *T, tp_tensor *x) { return fill(T, "zero_", x, 0); }
tp_status tp_fill_(tp_tape *T, tp_tensor *x, double value) { return fill(T, "fill_", x, value); }

/* ---- functions of numbers, activation functions ---------------------------------------------------------------------- */

/* May x be written? Then what is computed from here on is aside. */
static bool write_begin(tp_tape *T, const char *name, const tp_tensor *x, aside *a)
{
    bool well = tp__writable(T, name, x) == TP_OK;
    if (well)
        *a = aside_begin(T);
    return well;
}

/* clang-format off */
#define IN_PLACE(NAME, PARAMETERS, VALUE)                                                          \
    tp_status tp_##NAME PARAMETERS                                                                 \
    {                                                                                              \
        TP__NAMED(T, #NAME);                                                                       \
        aside a;                                                                                   \
        return write_begin(T, #NAME, x, &a) ? aside_end(T, a, #NAME, x, VALUE) : tp_error_status(T); \
    }

IN_PLACE(mul_scalar_, (tp_tape *T, tp_tensor *x, double s), tp_mul_scalar(T, x, s))
IN_PLACE(clamp_, (tp_tape *T, tp_tensor *x, double low, double high), tp_clamp(T, x, low, high))
IN_PLACE(relu_, (tp_tape *T, tp_tensor *x), tp_relu(T, x))
IN_PLACE(leaky_relu_, (tp_tape *T, tp_tensor *x, double slope), tp_leaky_relu(T, x, slope))
IN_PLACE(threshold_, (tp_tape *T, tp_tensor *x, double threshold, double value), tp_threshold(T, x, threshold, value))
IN_PLACE(hardtanh_, (tp_tape *T, tp_tensor *x, double low, double high), tp_hardtanh(T, x, low, high))
IN_PLACE(elu_, (tp_tape *T, tp_tensor *x, double alpha), tp_elu(T, x, alpha))
IN_PLACE(selu_, (tp_tape *T, tp_tensor *x), tp_selu(T, x))
IN_PLACE(celu_, (tp_tape *T, tp_tensor *x, double alpha), tp_celu(T, x, alpha))
IN_PLACE(rrelu_, (tp_tape *T, tp_tensor *x, double lower, double upper, bool training), tp_rrelu(T, x, lower, upper, training))
/* clang-format on */

/* ---- tensors -------------------------------------------------------------------------------------------------------- */

tp_status tp_add_(tp_tape *T, tp_tensor *x, tp_tensor *y, double alpha)
{
    TP__NAMED(T, "add_");
    tp_status status = writable_from(T, "add_", x, y);
    if (status != TP_OK)
        return status;
    if (tp_dtype_is_float(x->dtype) && x->dtype == y->dtype && tp__same_shape(x, y) && tp__contiguous(x) &&
        tp__contiguous(y) && !overlap(x, y)) {
        tp__axpy(x->numel, x->dtype, alpha, y->data, x->data);
        return written(x);
    }
    if (!tp__fits(T, "add_", "factor", tp_result_type(x, y), alpha))
        return T->status;
    aside a = aside_begin(T);
    return aside_end(T, a, "add_", x, tp_add(T, x, alpha == 1 ? y : tp_mul_scalar(T, y, alpha)));
}

tp_status tp_masked_fill_(tp_tape *T, tp_tensor *x, tp_tensor *mask, double value)
{
    TP__NAMED(T, "masked_fill_");
    tp_status status = writable_from(T, "masked_fill_", x, mask);
    if (status != TP_OK)
        return status;
    aside a = aside_begin(T);
    return aside_end(T, a, "masked_fill_", x, tp_masked_fill(T, x, mask, value));
}

/* An index of numbers and slices is a view, which is written. */
static tp_status put_view(tp_tape *T, tp_tensor *x, const char *index, tp_tensor *values, bool accumulate)
{
    aside a = aside_begin(T);
    tp_tensor *part = tp_index(T, x, index);
    while (part && values && values->ndim > part->ndim && values->shape[0] == 1) /* as assignment in Python */
        values = tp_squeeze_dim(T, values, 0);
    tp_tensor *value = accumulate ? tp_add(T, part, values) : tp_to(T, values, x->dtype);
    return aside_end(T, a, "index_put_", part, part ? value : NULL);
}

/* One with tensors is a list of places. */
static tp_status put_places(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                            tp_tensor *values, bool accumulate)
{
    aside a = aside_begin(T);
    if (!tp__contiguous(x) || (accumulate && x->dtype == TP_BOOL))
        return aside_end(T, a, "index_put_", x, tp_index_put(T, x, index, n, tensors, values, accumulate));
    if (overlap(x, values))
        values = tp_clone(T, values);
    tp_tensor *at = tp__index_places(T, x, index, n, tensors, accumulate, &values);
    values = at ? tp_contiguous(T, values) : NULL;
    at = values ? tp_contiguous(T, at) : NULL;
    if (at) {
        tp__index_place(accumulate ? TP__ADD_TO : TP__PUT, x->dtype, 1, x->numel, 1, at->numel, x->data, at->data,
                        values->data, false);
        written(x);
    }
    return aside_end(T, a, "index_put_", x, NULL);
}

tp_status tp_index_put_(tp_tape *T, tp_tensor *x, const char *index, int n, tp_tensor *const *tensors,
                        tp_tensor *values, bool accumulate)
{
    TP__NAMED(T, "index_put_");
    tp_status status = writable_from(T, "index_put_", x, values);
    if (status != TP_OK)
        return status;
    return n == 0 ? put_view(T, x, index, values, accumulate) : put_places(T, x, index, n, tensors, values, accumulate);
}

/* ---- functions of the caller's ---------------------------------------------------------------------------------------- */

static char *element(const tp_tensor *x, int64_t position)
{
    int64_t offset = tp__offset_at(x->ndim, x->shape, x->stride, position);
    return (char *)x->data + offset * (int64_t)tp_dtype_size(x->dtype);
}

tp_status tp_apply_(tp_tape *T, tp_tensor *x, double (*f)(double, void *), void *user)
{
    tp_status status = tp__writable(T, "apply_", x);
    if (status != TP_OK)
        return status;
    if (f == NULL)
        return tp_fail(T, TP_EINVAL, "apply_: the function is NULL");
    tp__kept *kept = tp__kept_open(T, "apply_", tp__frame_here());
    if (kept == NULL || tp__kept_add(T, kept, x) != TP_OK)
        return T->status;
    tp_dtype dtype = x->dtype;
    tp__call_out call;
    tp__enter(T, &call);
    for (int64_t i = 0; i < x->numel; i++) {
        char *p = element(x, i);
        tp__store(p, dtype, f(tp__load(p, dtype), user));
    }
    tp__leave(&call);
    status = written(x);
    tp__kept_close(T, kept);
    return status;
}

tp_status tp_map_(tp_tape *T, tp_tensor *x, tp_tensor *y, double (*f)(double, double, void *), void *user)
{
    tp_status status = writable_from(T, "map_", x, y);
    if (status == TP_OK)
        status = fits_into(T, "map_", x, y);
    if (status != TP_OK)
        return status;
    if (f == NULL)
        return tp_fail(T, TP_EINVAL, "map_: the function is NULL");
    tp__kept *kept = tp__kept_open(T, "map_", tp__frame_here());
    if (kept == NULL || tp__kept_add(T, kept, x) != TP_OK || tp__kept_add(T, kept, y) != TP_OK)
        return T->status;
    aside a = aside_begin(T);
    tp_tensor *value = tp_clone(T, x), *other = tp_expand(T, y, tp__dims_of(x));
    tp__call_out call;
    tp__enter(T, &call);
    for (int64_t i = 0; value && other && i < x->numel; i++) {
        char *p = element(value, i);
        double v = f(tp__load(p, x->dtype), tp__load(element(other, i), y->dtype), user);
        tp__store(p, x->dtype, v);
    }
    tp__leave(&call);
    status = aside_end(T, a, "map_", x, other ? value : NULL);
    tp__kept_close(T, kept);
    return status;
}
