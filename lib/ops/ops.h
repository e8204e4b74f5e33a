/* ops.h - what operator files share.
 *
 * A family file defines its operators as `static const tp_op NAME_op` (or a struct that begins with one), the public
 * functions over them, and ends with the list of them, which the build fills in (operators.awk): none can be forgotten. A
 * new file with such a list is found, too (registry.c).
 */
#ifndef TAPIR_OPS_INTERNAL_H
#define TAPIR_OPS_INTERNAL_H

#include "tape/tape.h"
#include "tapir/ops.h"

#define TP__READS_NOTHING (TP_OP_FORGETS_IN | TP_OP_FORGETS_OUT)
#define TP__VIEW_FLAGS (TP_OP_VIEW | TP_OP_STRIDED | TP__READS_NOTHING)

/* One input, two inputs; attr as in tp_apply. */
static inline tp_tensor *tp__apply1(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *x)
{
    return tp_apply(T, op, attr, 1, &x);
}
static inline tp_tensor *tp__apply2(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *a, tp_tensor *b)
{
    tp_tensor *in[2] = {a, b};
    return tp_apply(T, op, attr, 2, in);
}
static inline tp_tensor *tp__apply3(tp_tape *T, const tp_op *op, const void *attr, tp_tensor *a, tp_tensor *b,
                                    tp_tensor *c)
{
    tp_tensor *in[3] = {a, b, c};
    return tp_apply(T, op, attr, 3, in);
}

/* May all inputs be used? Otherwise T fails. For functions whose operators count their inputs differently. */
bool tp__usable_inputs(tp_tape *T, const char *name, int n, tp_tensor *const *in);

/* Is what is made of x recorded, so that a gradient by it may be asked for? */
static inline bool tp__will_differentiate(const tp_tape *T, const tp_tensor *x)
{
    return T && T->recording && x && (x->flags & TP__REQUIRES_GRAD);
}

/* A number as a 0-d tensor of x's dtype; NULL for NULL. */
tp_tensor *tp__number(tp_tape *T, const tp_tensor *x, double value);
/* An integer dtype or bool holds the whole numbers from the first of these to below the second, which are exact. */
static inline double tp__least_of(tp_dtype dtype) { return dtype == TP_I64 ? -0x1p63 : dtype == TP_I32 ? -0x1p31 : 0; }
static inline double tp__end_of(tp_dtype dtype)
{
    return dtype == TP_I64 ? 0x1p63 : dtype == TP_I32 ? 0x1p31 : dtype == TP_U8 ? 0x1p8 : 2;
}
/* Can the number be an element of this dtype? Otherwise T fails. `what` it is: "value". */
bool tp__fits(tp_tape *T, const char *name, const char *what, tp_dtype dtype, double value);
/* A 0-d tensor converted to a dtype, whose element it must fit. */
tp_tensor *tp__value_as(tp_tape *T, const char *name, tp_tensor *value, tp_dtype dtype);
/* value a b c, in one pass over memory */
tp_tensor *tp__mul3(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c, double value);

/* derivative.c: what derivatives are made of, right over the whole range of the floats, and of any order themselves. */
tp_tensor *tp__over_square(tp_tape *T, tp_tensor *x, tp_tensor *y);    /* x / (x^2 + y^2)          */
tp_tensor *tp__over_cross(tp_tape *T, tp_tensor *x, tp_tensor *y);     /* x y / (x^2 + y^2)^2      */
tp_tensor *tp__over_gap(tp_tape *T, tp_tensor *x, tp_tensor *y);       /* (y^2 - x^2) / (x^2 + y^2)^2 */
tp_tensor *tp__direction(tp_tape *T, tp_tensor *x, tp_tensor *y);      /* x / hypot(x, y)          */
tp_tensor *tp__direction_turn(tp_tape *T, tp_tensor *x, tp_tensor *y); /* x y / hypot(x, y)^3   */
tp_tensor *tp__direction_bend(tp_tape *T, tp_tensor *x, tp_tensor *y); /* y^2 / hypot(x, y)^3   */
tp_tensor *tp__share(tp_tape *T, tp_tensor *x, tp_tensor *y);          /* e^x / (e^x + e^y)        */
tp_tensor *tp__share2(tp_tape *T, tp_tensor *x, tp_tensor *y);         /* 2^x / (2^x + 2^y)        */
/* c x^(y - n) log(x)^k, times y - i for each bit i < n of the mask */
tp_tensor *tp__power_term(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int n, int k, uint32_t mask);
/* value c a / b^k, whatever a / b^k alone is */
tp_tensor *tp__quotient(tp_tape *T, tp_tensor *c, tp_tensor *a, tp_tensor *b, int k, double value);
/* s'(x) g for the sigmoid s; the derivative of tanh at x is 4 s'(2 x) */
tp_tensor *tp__sigmoid_backward(tp_tape *T, tp_tensor *x, tp_tensor *g);
/* factor x^k e^(-half x^2) */
tp_tensor *tp__bell(tp_tape *T, tp_tensor *x, double factor, double half, int k);
/* c x 2^y (ln 2)^k, whatever of it leaves the range alone */
tp_tensor *tp__ldexp_slope(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y, int k);
/* -c times the whole number that x / y is next to, which is without a slope */
tp_tensor *tp__rest_slope(tp_tape *T, tp_tensor *c, tp_tensor *x, tp_tensor *y);
tp_tensor *tp__erfcx_slope(tp_tape *T, tp_tensor *x);
tp_tensor *tp__hazard(tp_tape *T, tp_tensor *x); /* the derivative of log_ndtr */
tp_tensor *tp__erfinv_slope(tp_tape *T, tp_tensor *x);
tp_tensor *tp__ndtri_slope(tp_tape *T, tp_tensor *p);
tp_tensor *tp__i1_slope(tp_tape *T, tp_tensor *x);
/* The derivative of order k of i0e (v = 0) or i1e (v = 1) */
tp_tensor *tp__bessel_ie(tp_tape *T, tp_tensor *x, int v, int k);
/* The derivative of order k by x of f = x^(a - 1) e^-x / gamma(a), k = 0, 1; and of order k > 0 of zeta(a, x) */
tp_tensor *tp__gamma_density(tp_tape *T, tp_tensor *a, tp_tensor *x, int k);
tp_tensor *tp__zeta_slope(tp_tape *T, tp_tensor *a, tp_tensor *x, int k);

/* vector_norm.c: the slope of y, the norm of x over n dimensions, which y has kept */
tp_tensor *tp__norm_slope(tp_tape *T, tp_tensor *x, tp_tensor *y, double p, int n, const int *dims);

/* The operand of a map for x broadcast to shape. */
tp__operand tp__operand_of(const tp_tensor *x, tp_dims shape);

/* A dimension of a public call in [0, ndim); otherwise T fails and it is -1. */
int tp__dim_of(tp_tape *T, const char *name, int ndim, int dim);
/* Is x usable, with at least so many dimensions? Otherwise T fails. */
bool tp__has_dims(tp_tape *T, const char *name, const tp_tensor *x, int least);
/* Is there a list of at least so many entries? Otherwise T fails. `what` they are: "sizes". */
bool tp__listed(tp_tape *T, const char *name, const char *what, int64_t n, int64_t least, const void *list);
/* Dimensions as a list, wrapped and checked: bit d of *mask is set for each; n = 0 means all. Fails
 * the call with TP_EINDEX (out of range) or TP_EINVAL (twice, no list). */
tp_status tp__dims_mask(const tp_call *c, int ndim, int n, const int *dims, uint32_t *mask);

/* x (contiguous) reduced over the dimensions of the mask into out, in the dtype that the kind has for it; `order`: of
 * TP__NORM_P. */
tp_status tp__reduce_over(tp_tape *T, tp__reduction kind, double order, const tp_tensor *x, uint32_t mask, void *out);
/* The dimensions of a public call as a mask; false after a failure. */
bool tp__mask_of(tp_tape *T, const char *name, const tp_tensor *x, int n, const int *dims, uint32_t *mask);
/* What is left of x's shape, and how many elements go into one result. */
tp_dims tp__shape_over(const tp_tensor *x, uint32_t mask, bool keepdim);
int64_t tp__count_over(const tp_tensor *x, uint32_t mask);
/* x with the dimensions of the mask last, as [rest, all of them]. */
tp_tensor *tp__rows_over(tp_tape *T, tp_tensor *x, uint32_t mask);
/* The dimensions of the mask as the middle of [outer, n, inner]; false where they are no neighbours. */
bool tp__as_middle(const tp_tensor *x, uint32_t mask, int64_t *outer, int64_t *n, int64_t *inner);
/* g reduced over what was broadcast, or expanded, to x's shape; and in its dtype. */
tp_tensor *tp__fit_gradient(tp_tape *T, tp_tensor *g, const tp_tensor *x);
/* A vjp_fused for what the kernel does not do: gin (+)= what vjp makes, of the inputs in `which`. */
tp_status tp__vjp_fused_by_operators(tp_vjp *v, uint32_t which);

/* recurrent.c: a layer in one direction. x [steps, batch, in], h and c (of an LSTM) the states before, weights as torch has them,
 * lengths [batch] or NULL -> y [steps, batch, out], NULL after a failure; the states after. */
typedef struct {
    tp__rnn_kind kind;
    bool reverse;
    tp_tensor *x, *h, *c, *weight_ih, *weight_hh, *weight_hr, *bias_ih, *bias_hh, *lengths;
} tp__recurrent;
tp_tensor *tp__recurrent_layer(tp_tape *T, const tp__recurrent *r, tp_tensor **h, tp_tensor **c);
/* The same of a step, x [batch, in] or [in], states alike -> h. */
tp_tensor *tp__recurrent_cell(tp_tape *T, const char *name, const tp__recurrent *r, tp_tensor **c);

/* The layer of that name (local_response_norm.c). */
tp_tensor *tp__cross_map_lrn(tp_tape *T, tp_tensor *x, int64_t size, const tp_local_response_norm_options *o);

/* dst = src, broadcast and converted; nothing is asked, and no version moves. */
tp_status tp__copy_into(tp_tape *T, tp_tensor *dst, tp_tensor *src);
/* May x be written in place? Otherwise T fails (but for NULL, which is quiet), and it is not TP_OK. */
tp_status tp__writable(tp_tape *T, const char *name, const tp_tensor *x);

/* x [rows, columns], contiguous floats, as its QR factorization has it, with R positive on the diagonal; of fewer rows than
 * columns the same of its transpose (orthonormal.c). To be called with recording off, of an x that may be overwritten. */
tp_tensor *tp__orthonormal(tp_tape *T, tp_tensor *x);

/* A view's infer: out[0] on in[0]'s storage. */
tp_status tp__infer_view(tp_call *c, tp_dims shape, const int64_t *stride, int64_t offset);
/* Samples an operator of one input. */
void tp__sample_one(tp_sampler *s, tp_dims shape, const void *attr);
/* T fails: there is no such dimension of ndim; of in[0]. */
tp_status tp__no_dim(tp_tape *T, const char *name, int64_t dim, int ndim);
tp_status tp__no_such_dim(const tp_call *c, int dim);
/* The call fails: x is of no float dtype. */
tp_status tp__no_float(const tp_call *c, const tp_tensor *x);

/* Common infers. */
tp_status tp__infer_like_first(tp_call *c); /* out[0] is like in[0]              */
tp_status tp__infer_float_like(tp_call *c); /* the same; in[0] must be a float   */

#endif
