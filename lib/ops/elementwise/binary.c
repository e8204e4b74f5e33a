/* binary.c - elementwise functions of two tensors, or of a tensor and a number; comparisons.
 *
 * A function is a line: name, dtype it returns, formula (kernel/functions.h; the arithmetic that kernels use, too, is in
 * kernel/vec_arithmetic.c), what its derivatives read, where it is sampled, printed name. Derivatives are written in
 * operators; the sweep sums them over what was broadcast.
 */
#if defined(TP__READING)

/* clang-format off */
ARITHMETIC(add, SAME, TP__READS_NOTHING, all, "AddBackward0")
ARITHMETIC(div, TO_FLOAT, READS_IN, positive, "DivBackward0")
ARITHMETIC(pow, SAME, READS_IN, positive, "PowBackward1")
SMOOTH(atan2, TO_FLOAT, FLOATS(V(atan2)(x, y)), READS_IN, all, "Atan2Backward0")
SMOOTH(maximum, SAME, ANY(x > y || x != x ? x : y), READS_IN, all, "MaximumBackward0")
SMOOTH(minimum, SAME, ANY(x < y || x != x ? x : y), READS_IN, all, "MinimumBackward0")
SMOOTH(fmax, SAME, ANY(x != x ? y : y != y || x > y ? x : y), READS_IN, all, "FmaxBackward0")
SMOOTH(fmin, SAME, ANY(x != x ? y : y != y || x < y ? x : y), READS_IN, all, "FminBackward0")
SMOOTH(hypot, SAME, FLOATS(V(hypot)(x, y)), READS_IN, all, "HypotBackward0")
SMOOTH(copysign, TO_FLOAT, LIGHT(M(copysign)(x, y)), READS_ALL, all, "CopysignBackward0")
SMOOTH(logaddexp, SAME, FLOATS(V(pick)(x == y, x + (ELEM)0.693147180559945309417, (x > y ? x : y) + V(log1p_exp)((ELEM)fabs(v_apart((double)x, (double)y))))), READS_IN, all, "LogaddexpBackward0")
SMOOTH(logaddexp2, SAME, FLOATS(V(pick)(x == y, x + 1, (x > y ? x : y) + (ELEM)1.44269504088896340736 * V(log1p)(V(exp2)(-(ELEM)fabs(v_apart((double)x, (double)y)))))), READS_IN, all, "Logaddexp2Backward0")
SMOOTH(xlogy, TO_FLOAT, FLOATS(V(pick)(x == 0, y != y ? y : 0, x * V(log)(V(either)(x == 0, 1, y)))), READS_IN, positive, "XlogyBackward0")
SMOOTH(xlog1py, TO_FLOAT, FLOATS(V(pick)(x == 0, y != y ? y : 0, x * V(log1p)(V(either)(x == 0, 1, y)))), READS_IN, positive, "SpecialXlog1PyBackward0")
SMOOTH(clamp_min, SAME, ANY(x != x ? x : y > x || y != y ? y : x), READS_IN, all, "ClampMinBackward1")
SMOOTH(clamp_max, SAME, ANY(x != x ? x : y < x || y != y ? y : x), READS_IN, all, "ClampMaxBackward1")
RESTS(fmod, BY_KIND_OR(V(fmod)(x, y), M(fmod)(x, y), y == 0 || (int64_t)y == -1 ? 0 : x % y), fmod, READS_ALL, "FmodBackward1")
RESTS(remainder, BY_KIND_OR((ELEM)floor_rest((double)y, v_fmod((double)x, (double)y)), (ELEM)floor_rest((double)y, fmod((double)x, (double)y)), y == 0 ? 0 : (int64_t)x - (U)whole_floor((int64_t)x, (int64_t)y) * (U)y), remainder, READS_IN, "RemainderBackward1")
RESTS(floor_divide, BY_KIND_OR((ELEM)floor_near((double)x, (double)y), (ELEM)floor_quotient((double)x, (double)y, fmod((double)x, (double)y)), y == 0 ? 0 : whole_floor((int64_t)x, (int64_t)y)), divided_whole, TP__READS_NOTHING, "DivBackward3")
RESTS(trunc_divide, BY_KIND(M(trunc)(x / y), y == 0 ? 0 : whole_quotient((int64_t)x, (int64_t)y)), divided_whole, TP__READS_NOTHING, "DivBackward3")
LDEXP(ldexp, SAME, WIDE(v_ldexp(x, y)))
UNSMOOTH(heaviside, SAME, ANY(x == 0 ? y : x > 0), heaviside_infer, all)
UNSMOOTH(nextafter, SAME, FLOATS(V(nextafter)(x, y)), tp__map_infer, all)
UNSMOOTH(bitwise_and, SAME, WHOLE(x & y), tp__map_infer, whole)
UNSMOOTH(bitwise_or, SAME, WHOLE(x | y), tp__map_infer, whole)
UNSMOOTH(bitwise_xor, SAME, WHOLE(x ^ y), tp__map_infer, whole)
UNSMOOTH(bitwise_left_shift, SAME, INTEGERS(y < 0 || y >= (ELEM)(8 * sizeof(ELEM)) ? 0 : (U)x << y), tp__map_infer, whole)
UNSMOOTH(bitwise_right_shift, SAME, INTEGERS(y < 0 || y >= (ELEM)(8 * sizeof(ELEM)) ? x >> (8 * sizeof(ELEM) - 1) : x >> y), tp__map_infer, whole)
UNSMOOTH(gcd, SAME, INTEGERS(common_divisor((int64_t)x, (int64_t)y)), tp__map_infer, whole)
UNSMOOTH(lcm, SAME, INTEGERS(common_multiple((int64_t)x, (int64_t)y)), tp__map_infer, whole)
COMPARISON(eq, TO_BOOL, ANY(x == y))
COMPARISON(ne, TO_BOOL, ANY(x != y))
COMPARISON(lt, TO_BOOL, ANY(x < y))
COMPARISON(le, TO_BOOL, ANY(x <= y))
COMPARISON(gt, TO_BOOL, ANY(x > y))
COMPARISON(ge, TO_BOOL, ANY(x >= y))
COMPARISON(logical_and, TO_BOOL, ANY(x != 0 && y != 0))
COMPARISON(logical_or, TO_BOOL, ANY(x != 0 || y != 0))
COMPARISON(logical_xor, TO_BOOL, ANY((x != 0) != (y != 0)))
BY_NUMBER(add_scalar, SAME, TP__READS_NOTHING, number, "AddBackward0")
BY_NUMBER(rsub_scalar, SAME, TP__READS_NOTHING, number, "RsubBackward1")
BY_NUMBER(mul_scalar, SAME, TP__READS_NOTHING, number, "MulBackward0")
BY_NUMBER(div_scalar, TO_FLOAT, TP__READS_NOTHING, number, "DivBackward0")
BY_NUMBER(pow_scalar, SAME, READS_IN, power, "PowBackward0")
CLAMP(clamp, SAME, OWN_NUMBERS)
/* clang-format on */

#if READS_FLOATS || READS_INTEGERS

/* Bounds beyond the integers of a type are no bounds. */
static inline ELEM NAME(bound)(double v)
{
#if READS_INTEGERS
    const int64_t most = sizeof(ELEM) == 1 ? UINT8_MAX : sizeof(ELEM) == 4 ? INT32_MAX : INT64_MAX;
    const int64_t least = sizeof(ELEM) == 1 ? 0 : -most - 1;
    if (v >= (double)most)
        return (ELEM)most;
    if (v <= (double)least)
        return (ELEM)least;
#endif
    return NAME(number)(v);
}

static void NAME(clamp)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const ELEM *a = in[0];
    const double *at = attr;
    const ELEM low = NAME(bound)(at[0]), high = NAME(bound)(at[1]);
    const bool none = low != low || high != high;
    for (int64_t i = 0; i < n; i++) {
        ELEM x = a[i], v = (x > low ? x : low) < high ? (x > low ? x : low) : high;
        o[i] = x != x ? x : none ? (ELEM)(low + high) : v;
    }
}

#endif

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"
#include "kernel/vec_derivative.h"

#define ARITHMETIC(fn, ...) /* vec_arithmetic.c */
#define BY_NUMBER(fn, ...)
#define SMOOTH BINARY
#define RESTS(fn, form, ...) BINARY(fn, SAME, form)
#define LDEXP BINARY
#define UNSMOOTH BINARY
#define COMPARISON BINARY
#define CLAMP NUMBER

/* What is representable of a quotient: the smallest integer has no positive counterpart. */
static int64_t whole_quotient(int64_t x, int64_t y) { return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y; }

static int64_t whole_floor(int64_t x, int64_t y)
{
    int64_t q = whole_quotient(x, y);
    return y != -1 && x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
}

static int64_t common_divisor(int64_t x, int64_t y)
{
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return (int64_t)a;
}

static int64_t common_multiple(int64_t x, int64_t y)
{
    int64_t d = common_divisor(x, y);
    uint64_t m = d ? (uint64_t)(x / d) * (uint64_t)y : 0;
    return (int64_t)m < 0 ? (int64_t)(0 - m) : (int64_t)m;
}

/* floor(x / y) of the exact quotient, in the steps that Python takes, given fmod(x, y). */
static inline double floor_quotient(double x, double y, double rest)
{
    double q = (x - rest) / y, less = rest * copysign(1, y) < 0 ? q - 1 : q;
    double whole = floor(less), near = less - whole > 0.5 ? whole + 1 : whole;
    double zero = copysign(0, x / y), v = less == 0 ? zero : near;
    return y == 0 ? x / y : v;
}

/* NaN where v_fmod is; what NaN is compared with would raise an exception. */
static inline double floor_near(double x, double y)
{
#if defined(__FMA__)
    return v_floor_divide(x, y);
#else
    double rest = v_fmod(x, y), known = rest == rest ? rest : 0;
    return v_pick(rest == rest, floor_quotient(x, y == 0 ? 1 : y, known), NAN);
#endif
}

/* x less floor(x / y) y, given fmod(x, y). */
static inline double floor_rest(double y, double rest)
{
    double known = rest == rest ? rest : 0; /* a sum that is not wanted might overflow; x + -0 is x */
    return rest + v_either(known * copysign(1, y) < 0, y, -0.0);
}

#else

#include "ops/elementwise/elementwise.h"

#include <math.h>

/* ---- derivatives ------------------------------------------------------------------------------------------- */

/* clang-format off */
#define VJP2(name, of_a, of_b)                                                                     \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *y = v->out[0], *g = v->gout[0];                     \
      tp_tensor *a = tp__seen(T, v->in[0], y), *b = tp__seen(T, v->in[1], y);                              \
      (void)T; (void)a; (void)b; (void)y; (void)g;                                                       \
      if (tp_vjp_needs(v, 0)) v->gin[0] = (of_a);                                                  \
      if (tp_vjp_needs(v, 1)) v->gin[1] = (of_b);                                                  \
      return TP_OK; }
#define VJP_S(name, formula)                                                                       \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *g = v->gout[0]; double s = ((const double *)v->attr)[0]; \
      (void)T; (void)x; (void)s; v->gin[0] = (formula); return TP_OK; }
/* clang-format on */

/* g where a is chosen, half of it where both are equal; NaN passes it on. */
static tp_tensor *chosen(tp_tape *T, tp_tensor *g, tp_tensor *loses, tp_tensor *ties)
{
    return tp_where(T, loses, tp__number(T, g, 0), tp_where(T, ties, tp_mul_scalar(T, g, 0.5), g));
}

/* s x^(s - 1); by the power's own short ways where s - 1 is exact, and s neither large enough to bring back what they lose
 * below the normal numbers, nor small enough for what they lose above */
static tp_tensor *pow_scalar_slope(tp_tape *T, tp_tensor *x, double s, tp_tensor *g)
{
    if (s == 0)
        return tp_zeros_like(T, x);
    if (fabs(s) <= 3 && 2 * s == floor(2 * s) && s != -0.5)
        return tp_mul(T, g, tp_mul_scalar(T, tp_pow_scalar(T, x, s - 1), s));
    return tp__power_term(T, g, x, tp__number(T, x, s), 1, 0, 1);
}

/* Where fmax or fmin chose a: it also does where b is NaN. */
static tp_tensor *wins(tp_tape *T, tp_tensor *a, tp_tensor *b, bool largest)
{
    return tp_logical_or(T, largest ? tp_ge(T, a, b) : tp_le(T, a, b), tp_isnan(T, b));
}

/* y, and in its place `one`, whose logarithm is 0, where x is 0 and y not positive: there x log y is 0 and flat. */
static tp_tensor *logged(tp_tape *T, tp_tensor *x, tp_tensor *y, double zero, double one)
{
    tp_tensor *flat = tp_logical_and(T, tp_eq(T, x, tp__number(T, x, 0)), tp_le(T, y, tp__number(T, y, zero)));
    return tp_where(T, flat, tp__number(T, y, one), y);
}

/* clang-format off */
VJP2(add, g, g)
VJP2(sub, g, tp_neg(T, g))
VJP2(mul, tp_mul(T, g, b), tp_mul(T, g, a))
VJP2(div, tp_div(T, g, b), tp__quotient(T, g, a, b, 2, -1))
VJP2(pow, tp__power_term(T, g, a, b, 1, 0, 1), tp__power_term(T, g, a, b, 0, 1, 0))
VJP2(atan2, tp_mul(T, g, tp__over_square(T, b, a)), tp_neg(T, tp_mul(T, g, tp__over_square(T, a, b))))
VJP2(maximum, chosen(T, g, tp_lt(T, a, b), tp_eq(T, a, b)), chosen(T, g, tp_lt(T, b, a), tp_eq(T, a, b)))
VJP2(minimum, chosen(T, g, tp_gt(T, a, b), tp_eq(T, a, b)), chosen(T, g, tp_gt(T, b, a), tp_eq(T, a, b)))
VJP2(fmod, g, tp__rest_slope(T, g, tp_detach(T, tp_sub(T, a, y)), b)) /* the quotient alone may be rounded to the next whole number */
VJP2(remainder, g, tp_neg(T, tp_mul(T, g, tp_floor_divide(T, a, b))))
VJP2(divided_whole, tp_zeros_like(T, a), tp_zeros_like(T, b))
VJP2(fmax, tp_where(T, wins(T, a, b, true), g, tp__number(T, g, 0)), tp_where(T, wins(T, a, b, true), tp__number(T, g, 0), g))
VJP2(fmin, tp_where(T, wins(T, a, b, false), g, tp__number(T, g, 0)), tp_where(T, wins(T, a, b, false), tp__number(T, g, 0), g))
VJP2(hypot, tp_mul(T, g, tp__direction(T, a, b)), tp_mul(T, g, tp__direction(T, b, a)))
VJP2(copysign, tp__mul3(T, g, tp_sign(T, a), tp_sign(T, y), 1), tp_zeros_like(T, b))
VJP2(logaddexp, tp_mul(T, g, tp__share(T, a, b)), tp_mul(T, g, tp__share(T, b, a)))
VJP2(logaddexp2, tp_mul(T, g, tp__share2(T, a, b)), tp_mul(T, g, tp__share2(T, b, a)))
VJP2(xlogy, tp_mul(T, g, tp_log(T, tp_to(T, logged(T, a, b, 0, 1), y->dtype))), tp_mul(T, g, tp_div(T, a, logged(T, a, b, 0, 1))))
VJP2(xlog1py, tp_mul(T, g, tp_log1p(T, tp_to(T, logged(T, a, b, -1, 0), y->dtype))),
              tp_mul(T, g, tp_div(T, a, tp_add_scalar(T, tp_to(T, logged(T, a, b, -1, 0), y->dtype), 1))))
VJP2(ldexp, tp_ldexp(T, g, b), tp__ldexp_slope(T, g, a, b, 1))
VJP2(clamp_min, tp_where(T, tp_ge(T, a, b), g, tp__number(T, g, 0)), tp_where(T, tp_lt(T, a, b), g, tp__number(T, g, 0)))
VJP2(clamp_max, tp_where(T, tp_le(T, a, b), g, tp__number(T, g, 0)), tp_where(T, tp_gt(T, a, b), g, tp__number(T, g, 0)))
VJP_S(add_scalar, g)
VJP_S(rsub_scalar, tp_neg(T, g))
VJP_S(mul_scalar, tp_mul_scalar(T, g, s))
VJP_S(div_scalar, tp_div_scalar(T, g, s))
VJP_S(pow_scalar, pow_scalar_slope(T, x, s, g))
/* clang-format on */

/* Both products go straight to where they are gathered. */
static tp_status mul_vjp_fused(tp_vjp *v)
{
    tp_dtype dtype = v->out[0]->dtype;
    for (int i = 0; i < 2; i++) {
        if (v->gin[i] == NULL)
            continue;
        tp__block_fn fn = (v->fresh >> i) & 1u ? TP__FN(mul, dtype) : TP__FN(mul_add, dtype);
        const void *in[2] = {v->gout[0]->data, v->in[1 - i]->data};
        if (v->out[0]->numel <= 1024) { /* the short way for small work */
            fn(v->out[0]->numel, v->gin[i]->data, in, NULL);
            continue;
        }
        tp_dims shape = tp__dims_of(v->out[0]);
        tp__operand operand[2] = {tp__operand_of(v->gout[0], shape), tp__operand_of(v->in[1 - i], shape)};
        tp__map(fn, NULL, shape, v->gin[i]->data, dtype, dtype, false, 2, operand);
    }
    return TP_OK;
}

/* The gradient passes where low <= x <= high. */
static tp_status clamp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = v->gout[0];
    const double *bound = v->attr;
    tp_tensor *inside = tp_logical_and(T, tp_ge(T, x, tp_scalar(T, TP_F64, bound[0])),
                                       tp_le(T, x, tp_scalar(T, TP_F64, bound[1])));
    v->gin[0] = tp_where(T, inside, g, tp__number(T, g, 0));
    return TP_OK;
}

static tp_status whole_forward(tp_call *c)
{
    tp_tape *T = c->tape;
    if (!tp_dtype_is_float(tp__result_type(2, c->in)) &&
        tp_item(tp_any(T, tp_logical_not(T, c->in[1]))) != 0) /* NaN of a failed tape, too */
        return tp_call_fail(c, TP_EINVAL, "an integer is divided by 0; divisors that are not 0 are needed");
    return tp__map_forward(c);
}

static const char truths_differ[] = "booleans have no difference; see tp_logical_xor and tp_logical_not";

static tp_status sub_infer(tp_call *c)
{
    if (c->in[0]->dtype == TP_BOOL || c->in[1]->dtype == TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "%s", truths_differ);
    return tp__map_infer(c);
}

static tp_status heaviside_infer(tp_call *c)
{
    if (c->in[0]->dtype != c->in[1]->dtype)
        return tp_call_fail(c, TP_EDTYPE, "%s and %s; one dtype is needed", tp_dtype_name(c->in[0]->dtype),
                            tp_dtype_name(c->in[1]->dtype));
    return tp__map_infer(c);
}

/* ---- samples ------------------------------------------------------------------------------------------------- */

static void pairs(tp_sampler *s, double low, double high)
{
    const tp_dims shapes[][2] = {
        {{2, {3, 4}}, {2, {3, 4}}}, {{2, {3, 1}}, {3, {2, 1, 4}}}, {{0, {0}}, {1, {5}}},
        {{0, {0}}, {0, {0}}},       {{2, {0, 3}}, {1, {3}}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *a = tp_sample_tensor(s, shapes[i][0], low, high);
        tp_tensor *in[2] = {a, tp_sample_tensor(s, shapes[i][1], low + 0.07, high + 0.11)};
        tp_sample(s, NULL, 2, in);
    }
}

static void all_samples(tp_sampler *s) { pairs(s, -2.3, 2.1); }
static void positive_samples(tp_sampler *s) { pairs(s, 0.4, 2.3); }

/* Quotients stay off whole numbers, where rests jump. */
static void away_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 3.1, 3.8),
                        tp_sample_tensor(s, (tp_dims){1, {4}}, 1.2, 1.4)};
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -3.8, -3.1);
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, 1, 2);
    tp_sample(s, NULL, 2, in);
}

static void whole_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_index(s, (tp_dims){2, {3, 4}}, 1, 9), tp_sample_index(s, (tp_dims){1, {4}}, 1, 5)};
    tp_sample(s, NULL, 2, in);
}

static void numbers(tp_sampler *s, double low, double high, const double attr[2])
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, attr, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, low, high);
    tp_sample(s, attr, 1, &x);
}

static void number_samples(tp_sampler *s) { numbers(s, -2.3, 2.1, (const double[2]){1.7, 0}); }
static void power_samples(tp_sampler *s)
{
    numbers(s, 0.3, 2.1, (const double[2]){2.5, 0});
    numbers(s, -2.3, 2.1, (const double[2]){3, 0});
    numbers(s, -2.3, 2.1, (const double[2]){0, 0});
}
static void clamp_samples(tp_sampler *s) { numbers(s, -2.3, 2.1, (const double[2]){-0.77, 1.03}); }

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

/* clang-format off */
#define READS_IN TP_OP_FORGETS_OUT
#define READS_ALL 0
#define PUBLIC(fn) \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &fn##_op.op, NULL, a, b); }
#define SMOOTH(fn, RULE, form, READS, WHERE, PRINTED)                                              \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = WHERE##_samples, .grad_name = PRINTED); \
    PUBLIC(fn)
#define ARITHMETIC(fn, RULE, READS, WHERE, PRINTED) SMOOTH(fn, RULE, , READS, WHERE, PRINTED)
/* Integers are not divided by 0. */
#define RESTS(fn, form, OF, READS, PRINTED)                                                        \
    TP__MAP_OP_BY(fn, 2, SAME, tp__map_infer, whole_forward, .flags = TP__MAP_FLAGS | (READS), .vjp = OF##_vjp, \
                  .samples = away_samples, .grad_name = PRINTED);                                  \
    PUBLIC(fn)
#define LDEXP(fn, RULE, form)                                                                      \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | READS_IN, .vjp = fn##_vjp, .samples = all_samples, .grad_name = "MulBackward0");
#define UNSMOOTH(fn, RULE, form, INFER, WHERE)                                                     \
    TP__MAP_OP_BY(fn, 2, RULE, INFER, tp__map_forward, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, .samples = WHERE##_samples); \
    PUBLIC(fn)
#define COMPARISON(fn, RULE, form) UNSMOOTH(fn, RULE, form, tp__map_infer, all)
#define BY_NUMBER(fn, RULE, READS, WHERE, PRINTED)                                                 \
    TP__MAP_OP(fn, 1, RULE, .attr_size = 2 * sizeof(double), .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, \
               .samples = WHERE##_samples, .grad_name = PRINTED);
#define CLAMP(fn, RULE, form) BY_NUMBER(fn, RULE, READS_IN, clamp, "ClampBackward1")

TP__MAP_OP_BY(sub, 2, SAME, sub_infer, tp__map_forward, .flags = TP__MAP_FLAGS | TP__READS_NOTHING, .vjp = sub_vjp,
              .samples = all_samples, .grad_name = "SubBackward0");
PUBLIC(sub)
TP__MAP_OP(mul, 2, SAME, .flags = TP__MAP_FLAGS | TP_OP_ELEMENTWISE | TP_OP_OVERWRITES | READS_IN, .vjp = mul_vjp,
           .vjp_fused = mul_vjp_fused, .samples = all_samples, .grad_name = "MulBackward0");
PUBLIC(mul)
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/binary.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

/* ---- with a number ---------------------------------------------------------------------------------------------- */

/* A number counts as a 0-d tensor of its kind: one that is an int64 makes int64 of booleans, any other float32
 * of integers. */
static tp_tensor *beside_number(tp_tape *T, const tp__map_op *op, tp_tensor *x, double s)
{
    if (x == NULL || tp_dtype_is_float(x->dtype))
        return x;
    if (!tp__is_i64(s) && op != &clamp_op)
        return tp_to(T, x, TP_F32);
    return x->dtype == TP_BOOL && op->result == TP__SAME ? tp_to(T, x, TP_I64) : x;
}

static tp_tensor *with_number(tp_tape *T, const tp__map_op *op, tp_tensor *x, double s, double t)
{
    return tp__apply1(T, &op->op, (const double[2]){s, t}, beside_number(T, op, x, s));
}

tp_tensor *tp_add_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &add_scalar_op, x, s, 0); }

/* x, where it may be subtracted from or subtracted. */
static tp_tensor *no_truth(tp_tape *T, const char *name, tp_tensor *x)
{
    if (!tp__usable(T, name, x) || x->dtype != TP_BOOL)
        return x;
    tp_fail(T, TP_EDTYPE, "%s: %s", name, truths_differ);
    return NULL;
}

tp_tensor *tp_sub_scalar(tp_tape *T, tp_tensor *x, double s)
{
    TP__NAMED(T, "sub_scalar");
    /* the smallest int64 is its own negative, which wraps */
    x = beside_number(T, &add_scalar_op, no_truth(T, "sub", x), s);
    return tp__apply1(T, &add_scalar_op.op, (const double[2]){-s, 0}, x);
}

tp_tensor *tp_rsub_scalar(tp_tape *T, tp_tensor *x, double s)
{
    TP__NAMED(T, "rsub_scalar");
    return with_number(T, &rsub_scalar_op, no_truth(T, "rsub", x), s, 0);
}

tp_tensor *tp_mul_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &mul_scalar_op, x, s, 0); }
tp_tensor *tp_div_scalar(tp_tape *T, tp_tensor *x, double s) { return with_number(T, &div_scalar_op, x, s, 0); }

tp_tensor *tp_pow_scalar(tp_tape *T, tp_tensor *x, double s)
{
    TP__NAMED(T, "pow_scalar");
    if (tp__usable(T, "pow", x) && !tp_dtype_is_float(x->dtype) && s < 0 && tp__is_i64(s)) {
        tp_fail(T, TP_EINVAL, "pow: the exponent of integers is %g; 0 or more is needed", s);
        return NULL;
    }
    if (x && x->dtype != TP_BOOL && tp__is_i64(s) && !tp__fits(T, "pow", "exponent", x->dtype, s))
        return NULL;
    return s == 2 ? tp_square(T, x) : with_number(T, &pow_scalar_op, x, s, 0);
}

/* Bounds beyond what an integer dtype holds are no bounds, unless they leave nothing. */
tp_tensor *tp_clamp(tp_tape *T, tp_tensor *x, double low, double high)
{
    if (x && !tp_dtype_is_float(x->dtype)) {
        tp_dtype counts = x->dtype == TP_BOOL ? TP_I64 : x->dtype;
        double end = tp__end_of(counts), bottom = tp__least_of(counts);
        if (low != floor(low) || high != floor(high)) {
            x = tp_to(T, x, TP_F32);
        } else if (high < bottom || (low >= end && high >= end)) {
            tp_fail(T, TP_EINVAL,
                    "clamp: from %g to %g; bounds between which there is something that %s holds are needed", low, high,
                    tp_dtype_name(x->dtype));
            return NULL;
        }
    }
    return with_number(T, &clamp_op, x, low, high);
}

tp_tensor *tp_float_power(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    TP__NAMED(T, "float_power");
    if (!tp__usable_inputs(T, "float_power", 2, (tp_tensor *[]){a, b}))
        return NULL;
    return tp_pow(T, tp_to(T, a, TP_F64), tp_to(T, b, TP_F64));
}

/* 2^exponent is a float32 where the exponent is an integer, as in torch. */
tp_tensor *tp_ldexp(tp_tape *T, tp_tensor *x, tp_tensor *exponent)
{
    bool whole = exponent && !tp_dtype_is_float(exponent->dtype);
    return tp__apply2(T, &ldexp_op.op, NULL, x, whole ? tp_to(T, exponent, TP_F32) : exponent);
}

/* ---- nearness -------------------------------------------------------------------------------------------------- */

tp_tensor *tp_isclose(tp_tape *T, tp_tensor *a, tp_tensor *b, double rtol, double atol, bool equal_nan)
{
    TP__NAMED(T, "isclose");
    if (!tp__usable(T, "isclose", a) || !tp__usable(T, "isclose", b))
        return NULL;
    if (a->dtype != b->dtype) {
        tp_fail(T, TP_EDTYPE, "isclose: %s beside %s; one dtype is needed", tp_dtype_name(a->dtype),
                tp_dtype_name(b->dtype));
        return NULL;
    }
    if (rtol < 0 || atol < 0) {
        tp_fail(T, TP_EINVAL, "isclose: rtol is %g, atol is %g; 0 or more is needed", rtol, atol);
        return NULL;
    }
    tp_tensor *close = tp_eq(T, a, b);
    if (equal_nan && tp_dtype_is_float(a->dtype))
        close = tp_logical_or(T, close, tp_logical_and(T, tp_isnan(T, a), tp_isnan(T, b)));
    if (rtol == 0 && atol == 0)
        return close;
    if (a->dtype == TP_BOOL || a->dtype == TP_U8) { /* differences wrap */
        a = tp_to(T, a, TP_I64);
        b = tp_to(T, b, TP_I64);
    }
    tp_tensor *error = tp_abs(T, tp_sub(T, a, b));
    tp_tensor *allowed = tp_add_scalar(T, tp_abs(T, tp_mul_scalar(T, b, rtol)), atol);
    return tp_logical_or(T, close, tp_logical_and(T, tp_isfinite(T, error), tp_le(T, error, allowed)));
}

bool tp_allclose(tp_tape *T, tp_tensor *a, tp_tensor *b, double rtol, double atol, bool equal_nan)
{
    return tp_item(tp_all(T, tp_isclose(T, a, b, rtol, atol, equal_nan))) == 1;
}

bool tp_equal(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    if (!tp__usable(T, "equal", a) || !tp__usable(T, "equal", b) || !tp__same_shape(a, b))
        return false;
    return tp_item(tp_all(T, tp_eq(T, a, b))) == 1;
}

const tp_op *const tp__ops_binary[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
