/* special.c - the special functions of torch.special that networks seldom need: of the normal distribution, Bessel's, the
 * incomplete gamma functions, zeta. Derivatives are written in operators.
 */
#include "ops/elementwise/elementwise.h"

#include <math.h>
#include <string.h>

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

static tp_status by_second_alone(const tp_vjp *v)
{
    return tp_vjp_needs(v, 0) ? tp_fail(v->tape, TP_EINVAL, "%s: has no derivative by its first argument", v->op->name)
                              : TP_OK;
}

static tp_status angle_vjp(tp_vjp *v)
{
    v->gin[0] = tp_zeros_like(v->tape, v->in[0]);
    return TP_OK;
}

/* clang-format off */
#define VJP(name, formula)                                                                         \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *g = v->gout[0];                               \
      v->gin[0] = tp_mul(T, g, (formula)); return TP_OK; }
#define VJP_BY_SECOND(name, formula)                                                               \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *a = v->in[0], *x = v->in[1], *g = v->gout[0];               \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, g, (formula));                                 \
      return by_second_alone(v); }

VJP(entr, tp_rsub_scalar(T, tp_log(T, x), -1))
VJP(erfcx, tp__erfcx_slope(T, x))
VJP(ndtr, tp__bell(T, x, 0.39894228040143267794, 0.5, 0))
VJP(log_ndtr, tp__hazard(T, x))
VJP(ndtri, tp__ndtri_slope(T, x))
VJP(i0, tp_i1(T, x))
VJP(i0e, tp__bessel_ie(T, x, 0, 1))
VJP(i1, tp__i1_slope(T, x))
VJP(i1e, tp__bessel_ie(T, x, 1, 1))
VJP_BY_SECOND(zeta, tp__zeta_slope(T, a, x, 1))
VJP_BY_SECOND(igamma, tp__gamma_density(T, a, x, 0))
VJP_BY_SECOND(igammac, tp_neg(T, tp__gamma_density(T, a, x, 0)))
/* clang-format on */

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

/* ---- the table: name, block function, dtype rule, what it reads, samples, printed name --------------------------- */

/* clang-format off */
#define UNARY(fn, KIND, READS, WHERE_SAMPLED, PRINTED)                                             \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | (READS), \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = fn##_vjp, \
        .samples = WHERE_SAMPLED, .grad_name = PRINTED}, TP__##KIND, TP__TO_FLOAT}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define WITHOUT_GRAD(fn, KIND, WHERE_SAMPLED)                                                      \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 1, .n_out = 1, .flags = TP__MAP_FLAGS | TP_OP_NO_GRAD, \
        .infer = tp__map_infer, .forward = tp__map_forward, .samples = WHERE_SAMPLED}, TP__##KIND, TP__TO_FLOAT}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &fn##_op.op, NULL, x); }
#define BINARY(fn, KIND, RULE, PRINTED)                                                            \
    static const tp__map_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, \
        .infer = tp__map_infer, .forward = tp__map_forward, .vjp = fn##_vjp, \
        .samples = pair_samples, .grad_name = PRINTED}, TP__##KIND, TP__##RULE}; \
    tp_tensor *tp_##fn(tp_tape *T, tp_tensor *a, tp_tensor *x) { return tp__apply2(T, &fn##_op.op, NULL, a, x); }

UNARY(entr, ENTR, TP_OP_FORGETS_OUT, positive_samples, "SpecialEntrBackward0")
UNARY(erfcx, ERFCX, TP_OP_FORGETS_OUT, all_samples, "SpecialErfcxBackward0")
UNARY(ndtr, NDTR, TP_OP_FORGETS_OUT, all_samples, "SpecialNdtrBackward0")
UNARY(log_ndtr, LOG_NDTR, TP_OP_FORGETS_OUT, all_samples, "SpecialLogNdtrBackward0")
UNARY(ndtri, NDTRI, TP_OP_FORGETS_OUT, unit_samples, "SpecialNdtriBackward0")
UNARY(i0, I0, TP_OP_FORGETS_OUT, all_samples, "I0Backward0")
UNARY(i0e, I0E, TP_OP_FORGETS_OUT, positive_samples, "SpecialI0EBackward0")
UNARY(i1, I1, TP_OP_FORGETS_OUT, all_samples, "SpecialI1Backward0")
UNARY(i1e, I1E, TP_OP_FORGETS_OUT, positive_samples, "SpecialI1EBackward0")
UNARY(angle, ANGLE, TP__READS_NOTHING, all_samples, "AngleBackward0")
WITHOUT_GRAD(bessel_j0, BESSEL_J0, all_samples)
WITHOUT_GRAD(bessel_j1, BESSEL_J1, all_samples)
WITHOUT_GRAD(bessel_y0, BESSEL_Y0, positive_samples)
WITHOUT_GRAD(bessel_y1, BESSEL_Y1, positive_samples)
BINARY(zeta, ZETA, TO_FLOAT, "SpecialZetaBackward0")
BINARY(igamma, IGAMMA, SAME, "IgammaBackward0")
BINARY(igammac, IGAMMAC, SAME, "IgammacBackward0")
/* clang-format on */

tp_tensor *tp_isreal(tp_tape *T, tp_tensor *x)
{
    return tp__usable(T, "isreal", x) ? tp_full(T, TP_BOOL, tp__dims_of(x), 1) : NULL;
}

/* ---- mantissa and exponent ---------------------------------------------------------------------------------------- */

static tp_status frexp_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp_call_fail(c, TP_EDTYPE, "of %s, not a float dtype", tp_dtype_name(x->dtype));
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
