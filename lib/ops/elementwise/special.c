/* special.c - the special functions of torch.special that networks seldom need: of the normal distribution, Bessel's, the
 * incomplete gamma functions, zeta.
 *
 * A function is a line: name, dtype, formula (kernel/functions.h), derivative (by the second argument, where there are two),
 * what that reads, where it is sampled, printed name. Derivatives are written in operators.
 */
#if defined(TP__READING)

/* clang-format off */
UNARY(entr, TO_FLOAT, WIDE(entropy(x)), tp_rsub_scalar(T, tp_log(T, x), -1), TP_OP_FORGETS_OUT, positive, "SpecialEntrBackward0")
UNARY(erfcx, TO_FLOAT, WIDE(v_erfcx(x)), tp__erfcx_slope(T, x), TP_OP_FORGETS_OUT, all, "SpecialErfcxBackward0")
UNARY(ndtr, TO_FLOAT, WIDE(v_ndtr(x)), tp__bell(T, x, 0.39894228040143267794, 0.5, 0), TP_OP_FORGETS_OUT, all, "SpecialNdtrBackward0")
UNARY(log_ndtr, TO_FLOAT, WIDE(v_log_ndtr(x)), tp__hazard(T, x), TP_OP_FORGETS_OUT, all, "SpecialLogNdtrBackward0")
UNARY(ndtri, TO_FLOAT, WIDE(v_ndtri(x)), tp__ndtri_slope(T, x), TP_OP_FORGETS_OUT, unit, "SpecialNdtriBackward0")
UNARY(i0, TO_FLOAT, WIDE(v_i0(x)), tp_i1(T, x), TP_OP_FORGETS_OUT, all, "I0Backward0")
UNARY(i0e, TO_FLOAT, OWN_WIDE, tp__bessel_ie(T, x, 0, 1), TP_OP_FORGETS_OUT, positive, "SpecialI0EBackward0")
UNARY(i1, TO_FLOAT, WIDE(v_i1(x)), tp__i1_slope(T, x), TP_OP_FORGETS_OUT, all, "I1Backward0")
UNARY(i1e, TO_FLOAT, OWN_WIDE, tp__bessel_ie(T, x, 1, 1), TP_OP_FORGETS_OUT, positive, "SpecialI1EBackward0")
FLAT(angle, TO_FLOAT, FLOATS(x < 0 ? (ELEM)3.14159265358979323846 : x == x ? 0 : x), "AngleBackward0")
WITHOUT_GRAD(bessel_j0, TO_FLOAT, OWN_WIDE, all)
WITHOUT_GRAD(bessel_j1, TO_FLOAT, OWN_WIDE, all)
WITHOUT_GRAD(bessel_y0, TO_FLOAT, OWN_WIDE, positive)
WITHOUT_GRAD(bessel_y1, TO_FLOAT, OWN_WIDE, positive)
BINARY(zeta, TO_FLOAT, ALONE(tp__zeta(x, y)), tp__zeta_slope(T, a, x, 1), "SpecialZetaBackward0")
BINARY(igamma, SAME, OWN_FLOATS, tp__gamma_density(T, a, x, 0), "IgammaBackward0")
BINARY(igammac, SAME, OWN_FLOATS, tp_neg(T, tp__gamma_density(T, a, x, 0)), "IgammacBackward0")
/* clang-format on */

#if READS_WIDE

/* Each of the block functions that go two ways */
static void i0e_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(i0e, 1, double), out, in[0], 8, v_i0e_to_8, v_i0e_from_8, unordered);
}

static void i1e_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(i1e, 1, double), out, in[0], 8, v_i1e_to_8, v_i1e_from_8, unordered);
}

static void bessel_j0_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(bessel_j0, 1, double), out, in[0], 5, v_j0_near, v_j0_far, slow_j0);
}

static void bessel_j1_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(bessel_j1, 1, double), out, in[0], 5, v_j1_near, v_j1_far, slow_j1);
}

static void bessel_y0_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(bessel_y0, 1, double), out, in[0], 5, v_y0_near, v_y0_far, slow_y0);
}

static void bessel_y1_f64(int64_t n, void *out, const void *const *in, const void *attr)
{
    sides(TP__WHOLE_VECTORS(bessel_y1, 1, double), out, in[0], 5, v_y1_near, v_y1_far, slow_y1);
}

#endif
#if READS_FLOATS

/* The regularized incomplete gamma functions, of the density as far as that has a fast way */
static void NAME(incomplete_gamma)(int64_t n, ELEM *restrict o, const ELEM *a, const ELEM *x, int upper)
{
    enum { BLOCK = 256 };
    double known[BLOCK];
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int64_t i = 0; i < m; i++)
            known[i] = V(gamma_density)((double)a[at + i], (double)x[at + i]);
        for (int64_t i = 0; i < m; i++)
            o[at + i] = (ELEM)tp__igamma((double)a[at + i], (double)x[at + i], upper, known[i]);
    }
}

static void NAME(igamma)(int64_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    NAME(incomplete_gamma)(n, out, in[0], in[1], 0);
}

static void NAME(igammac)(int64_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    NAME(incomplete_gamma)(n, out, in[0], in[1], 1);
}

#endif

#else

#if defined(TP__ISA)

#include "kernel/special.h"
#include "kernel/vec_bessel.h"
#include "kernel/vec_math.h"
#include "kernel/vec_special.h"

#define FLAT UNARY
#define WITHOUT_GRAD UNARY

static inline double entropy(double x)
{
    double y = -x * v_log(v_most(x, 0x1p-1074));
    return x > 0 ? y : x == 0 ? 0 : x != x ? x : -INFINITY;
}

static double unordered(double x) { return x; } /* NaN */
static double slow_j0(double x) { return tp__bessel_j(0, x); }
static double slow_j1(double x) { return tp__bessel_j(1, x); }
static double slow_y0(double x) { return tp__bessel_y(0, x); }
static double slow_y1(double x) { return tp__bessel_y(1, x); }

/* Of two ways, for |x| below `end` and from there on, a stretch that lies on one side takes one alone. Where that gives NaN, the
 * slow way answers. */
typedef double way(double x);
static inline __attribute__((always_inline)) void sides_of(int64_t n, double *restrict o, const double *x, double end,
                                                           way *near, way *far, way *slow)
{
    int some = 0, all = 1, odd = 0;
    for (int64_t i = 0; i < n; i++) {
        int here = fabs(x[i]) < end;
        some |= here;
        all &= here;
    }
    for (int64_t i = 0; all && i < n; i++) {
        double v = near(x[i]);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; !some && i < n; i++) {
        double v = far(x[i]);
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; some && !all && i < n; i++) {
        double v = v_pick(fabs(x[i]) < end, near(x[i]), far(x[i]));
        odd |= v != v;
        o[i] = v;
    }
    for (int64_t i = 0; odd && i < n; i++)
        if (o[i] != o[i])
            o[i] = slow(x[i]);
}
static inline __attribute__((always_inline)) void sides(int64_t n, double *o, const double *x, double end, way *near,
                                                        way *far, way *slow)
{
    enum { STRETCH = 256 };
    for (int64_t i = 0; i < n; i += STRETCH)
        sides_of(n - i < STRETCH ? n - i : STRETCH, o + i, x + i, end, near, far, slow);
}

#else

#include "ops/elementwise/elementwise.h"

#include <math.h>
#include <string.h>

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

static tp_status by_second_alone(const tp_vjp *v)
{
    return tp_vjp_needs(v, 0)
               ? tp_fail(v->tape, TP_EINVAL,
                         "%s: there is no derivative by the first argument; one that asks for no gradient is needed",
                         v->op->name)
               : TP_OK;
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

static void samples(tp_sampler *s, double low, double high)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high);
    tp_sample(s, NULL, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 5}}, low, high);
    tp_sample(s, NULL, 1, &x);
}
static void all_samples(tp_sampler *s) { samples(s, -2.3, 2.1); }
static void positive_samples(tp_sampler *s) { samples(s, 0.3, 3.1); }
static void unit_samples(tp_sampler *s) { samples(s, 0.04, 0.97); }

/* The first argument asks for no gradient. */
static void pair_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_requires_grad(tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.3, 4.1), false),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, 0.3, 5.3)};
    tp_sample(s, NULL, 2, in);
}

/* ---- what a line becomes ---------------------------------------------------------------------------------------- */

/* clang-format off */
#define PUBLIC(fn) tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define UNARY(fn, RULE, form, derivative, READS, WHERE, PRINTED)                                   \
    static tp_status fn##_vjp(tp_vjp *v)                                                           \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0]; v->gin[0] = tp_mul(T, v->gout[0], (derivative)); return TP_OK; } \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | (READS), .vjp = fn##_vjp, .samples = WHERE##_samples, .grad_name = PRINTED); \
    PUBLIC(fn)
#define FLAT(fn, RULE, form, PRINTED)                                                              \
    static tp_status fn##_vjp(tp_vjp *v) { v->gin[0] = tp_zeros_like(v->tape, v->in[0]); return TP_OK; } \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | TP__READS_NOTHING, .vjp = fn##_vjp, .samples = all_samples, .grad_name = PRINTED); \
    PUBLIC(fn)
#define WITHOUT_GRAD(fn, RULE, form, WHERE)                                                        \
    TP__MAP_OP(fn, 1, RULE, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, .samples = WHERE##_samples); PUBLIC(fn)
#define BINARY(fn, RULE, form, derivative, PRINTED)                                                \
    static tp_status fn##_vjp(tp_vjp *v)                                                           \
    { tp_tape *T = v->tape; tp_tensor *a = v->in[0], *x = v->in[1];                                 \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, v->gout[0], (derivative));                     \
      return by_second_alone(v); }                                                                 \
    TP__MAP_OP(fn, 2, RULE, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = fn##_vjp, .samples = pair_samples, .grad_name = PRINTED); \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *a, tp_tensor *x) { return tp__apply2(T, &fn##_op.op, NULL, a, x); }
/* clang-format on */

#endif

#define TP__BODY "ops/elementwise/special.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

tp_tensor *tp_isreal(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "isreal", x) ? tp_full(T, TP_BOOL, tp__dims_of(x), 1) : NULL;
}

/* ---- mantissa and exponent ---------------------------------------------------------------------------------------- */

static tp_status frexp_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp_call_fail(c, TP_EDTYPE, "x is %s; a float dtype is needed", tp_dtype_name(x->dtype));
    tp_status s = tp_call_out(c, 0, x->dtype, tp__dims_of(x));
    return s == TP_OK ? tp_call_out(c, 1, TP_I32, tp__dims_of(x)) : s;
}

/* By their bits, but for the numbers below the normal ones, which are scaled first; 0, infinity and NaN have the exponent 0. */
static double split(double x, int32_t *exponent)
{
    uint64_t bits;
    bool small = fabs(x) < 0x1p-1022;
    double y = small ? x * 0x1p54 : x;
    memcpy(&bits, &y, sizeof bits);
    int32_t field = (int32_t)(bits >> 52 & 2047), e = field - (small ? 1022 + 54 : 1022);
    bool none = y == 0 || field == 2047;
    bits = (bits & 0x800fffffffffffffu) | 0x3fe0000000000000u;
    memcpy(&y, &bits, sizeof y);
    *exponent = none ? 0 : e;
    return none ? x : y;
}

static void split_range(int64_t begin, int64_t end, void *user)
{
    const tp_call *c = user;
    const void *x = c->in[0]->data;
    void *mantissa = c->out[0]->data;
    int32_t *exponent = c->out[1]->data;
    if (c->in[0]->dtype == TP_F32)
        for (int64_t i = begin; i < end; i++)
            ((float *)mantissa)[i] = (float)split((double)((const float *)x)[i], &exponent[i]);
    else
        for (int64_t i = begin; i < end; i++)
            ((double *)mantissa)[i] = split(((const double *)x)[i], &exponent[i]);
}

static tp_status frexp_forward(tp_call *c)
{
    tp__parallel_for(c->in[0]->numel, 32768, split_range, c);
    return TP_OK;
}

static tp_status frexp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *power = tp_to(T, v->out[1], v->in[0]->dtype);
    v->gin[0] = v->gout[0] ? tp_ldexp(T, v->gout[0], tp_neg(T, power)) : NULL;
    return TP_OK;
}

static const tp_op frexp_op = {.name = "frexp",
                               .n_in = 1,
                               .n_out = 2,
                               .flags = TP_OP_FORGETS_IN,
                               .constant_out = 1u << 1,
                               .infer = frexp_infer,
                               .forward = frexp_forward,
                               .vjp = frexp_vjp,
                               .samples = positive_samples,
                               .grad_name = "FrexpBackward0"};

tp_tensor *tp_frexp(tp_tape *T, tp_tensor *x, tp_tensor **exponent)
{
    tp_tensor *out[2] = {NULL, NULL};
    tp_apply_all(T, &frexp_op, NULL, 1, &x, out);
    if (exponent)
        *exponent = out[1];
    return out[0];
}

const tp_op *const tp__ops_special[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
