/* kl_div.c - the Kullback-Leibler divergence of log-probabilities from a target, t (log t - x), and the likelihood of counts
 * t under a Poisson distribution of rate x, or e^x. The factorial of counts comes by operators. e^t is
 * taken by halves where it may leave the range of the floats and the product does not. */
#if defined(TP__READING)

/* clang-format off */
SLOPE(kl_div_slope, BINARY, FLOATS(((void)x, -y)))
SLOPE(kl_div_log_slope, BINARY, FLOATS(((void)x, -V(exp)(y))))
FORMULA(poisson_nll_loss_slope, SAME, FLOATS(y < (x + s) / 2 ? 1 - y / (x + s) : (x + s - y) / (x + s)))
SLOPE(poisson_nll_loss_log_slope, BINARY, FLOATS(V(exp)(x) - y))
VALUE(kl_div, BINARY, FLOATS(V(pick)(y == 0, 0, y * V(log)(V(either)(y == 0, 1, y))) - y * x), chance_samples, "KlDivBackward0")
FORMULA(log_divergence, SAME, FLOATS(V(exp)(y / 2) * (y / 2 - x / 2 + s / 2) * (2 * V(exp)(y / 2))))
VALUE(kl_div_log, BINARY, FLOATS(V(exp)(y / 2) * (y / 2 - x / 2) * (2 * V(exp)(y / 2))), tp__loss_all_samples, "KlDivBackward0")
VALUE(poisson_nll_loss, SCALED, FLOATS(x - y * V(log)(x + s)), rate_samples, "PoissonNllLossBackward0")
VALUE(poisson_nll_loss_log, BINARY, FLOATS(V(exp)(x) - y * x), tp__loss_all_samples, "PoissonNllLossBackward0")
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/vec_math.h"

#define VALUE(fn, SHAPE, form, ...) SHAPE(fn, SAME, form)
#define SLOPE(fn, SHAPE, form) SHAPE(fn, SAME, form)
#define FORMULA SCALED

#else

#include "ops/nn/loss.h"

/* 1 - t / (x + eps), where that cancels as one quotient. */
static tp_tensor *poisson_slope(tp_tape *T, tp_tensor *x, tp_tensor *t, double eps);

static tp_status poisson_nll_loss_slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *t = v->in[1], *g = v->gout[0], *rate = tp_add_scalar(T, v->in[0], *(const double *)v->attr);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__quotient(T, g, t, rate, 2, 1);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_neg(T, tp_div(T, g, rate));
    return TP_OK;
}

static void poisson_nll_loss_slope_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.9, 0.4)};
    tp_sample(s, (const double[1]){0.01}, 2, in);
}

/* e^t (t - x + c), whose derivative by t is the same of c + 1. */
static tp_tensor *log_divergence(tp_tape *T, tp_tensor *x, tp_tensor *t, double c);

static tp_status log_divergence_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *t = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_neg(T, tp_mul(T, g, tp_exp(T, t)));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, log_divergence(T, x, t, *(const double *)v->attr + 1));
    return TP_OK;
}

static void log_divergence_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 1.9, -1.4)};
    tp_sample(s, (const double[1]){1}, 2, in);
}

/* clang-format off */
TP__LOSS_VJP(kl_div, tp_neg(T, t), tp_add_scalar(T, tp_sub(T, tp_log(T, t), x), 1))
TP__LOSS_VJP(kl_div_log, tp_neg(T, tp_exp(T, t)), log_divergence(T, x, t, 1))
TP__LOSS_VJP(poisson_nll_loss, poisson_slope(T, x, t, at[0]), tp_neg(T, tp_log(T, tp_add_scalar(T, x, at[0]))))
TP__LOSS_VJP(poisson_nll_loss_log, tp_sub(T, tp_exp(T, x), t), tp_neg(T, x))

static void chance_samples(tp_sampler *s) { tp__loss_pairs(s, NULL, 0.11, 0.89); }
static void rate_samples(tp_sampler *s) { tp__loss_pairs(s, (const double[2]){0.01, 0}, 0.31, 2.3); }

#define SLOPE(fn, ...) TP__FUNCTION(fn);
#define FORMULA(fn, RULE, ...) \
    TP__MAP_OP(fn, 2, RULE, .attr_size = sizeof(double), .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT, .vjp = fn##_vjp, \
               .samples = fn##_samples);
#define VALUE(fn, SHAPE, form, WHERE, PRINTED) \
    TP__LOSS(fn, 2, tp__loss_forward, WHERE, PRINTED, .slope = {TP__FUNCTION_OF(fn##_slope)})
/* clang-format on */

#endif

#define TP__BODY "ops/nn/kl_div.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

static tp_tensor *poisson_slope(tp_tape *T, tp_tensor *x, tp_tensor *t, double eps)
{
    return tp__apply2(T, &poisson_nll_loss_slope_op.op, &eps, x, t);
}

static tp_tensor *log_divergence(tp_tape *T, tp_tensor *x, tp_tensor *t, double c)
{
    return tp__apply2(T, &log_divergence_op.op, &c, x, t);
}

tp_tensor *tp_kl_div(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_kl_div_options *options)
{
    TP__NAMED(T, "kl_div");
    tp_kl_div_options o = options ? *options : (tp_kl_div_options){0};
    bool by_batch = o.reduction == TP_BATCHMEAN;
    tp__loss_attr attr = {{0}, by_batch ? TP_SUM : o.reduction};
    if (!tp__usable_inputs(T, "kl_div", 2, (tp_tensor *[2]){x, target}))
        return NULL;
    if (by_batch && x->ndim == 0) {
        tp_fail(T, TP_ESHAPE, "kl_div: x is 0-d; a dimension of the batch is needed for TP_BATCHMEAN");
        return NULL;
    }
    double batch = by_batch ? (double)x->shape[0] : 1;
    tp_dims of_x = tp__dims_of(x), of_target = tp__dims_of(target);
    tp_tensor *in[2] = {x, target};
    tp_tensor *loss = tp__broadcast_loss(T, o.log_target ? &kl_div_log_op : &kl_div_op, &attr, 2, in);
    loss = by_batch ? tp_div_scalar(T, loss, batch) : loss;
    return tp__warned_of_shapes(T, "kl_div", of_x, of_target, loss);
}

/* log t! for t > 1 as Stirling has it, t log t - t + log(2 pi t) / 2; 0 of others, with its slope. */
static tp_tensor *log_factorial(tp_tape *T, tp_tensor *t)
{
    const double half_log_2pi = 0.91893853320467274178;
    tp_tensor *small = tp_le_scalar(T, t, 1), *s = tp_masked_fill(T, t, small, 1);
    tp_tensor *terms = tp_mul(T, tp_log(T, s), tp_add_scalar(T, s, 0.5));
    return tp_masked_fill(T, tp_add_scalar(T, tp_sub(T, terms, s), half_log_2pi), small, 0);
}

tp_tensor *tp_poisson_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_poisson_nll_options *options)
{
    TP__NAMED(T, "poisson_nll_loss");
    tp_poisson_nll_options o = options ? *options : (tp_poisson_nll_options){0};
    const tp__loss_op *l = o.no_log_input ? &poisson_nll_loss_op : &poisson_nll_loss_log_op;
    tp__loss_attr attr = {{tp__or_default(o.eps, 1e-8)}, o.full ? TP_NONE : o.reduction};
    tp_tensor *in[2] = {x, target};
    if (!tp__usable_inputs(T, "poisson_nll_loss", 2, in) || !tp__good_reduction(T, "poisson_nll_loss", o.reduction))
        return NULL;
    tp_tensor *terms = tp__broadcast_loss(T, l, &attr, 2, in);
    if (!o.full || terms == NULL)
        return terms;
    return tp__loss_reduced(T, tp_add(T, terms, log_factorial(T, tp_to(T, target, terms->dtype))), o.reduction);
}

const tp_op *const tp__ops_kl_div[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
