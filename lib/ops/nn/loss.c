/* loss.c - losses. Those of a prediction and a target are one operator each: a function of two numbers, its
 * slope, and a reduction. Those of classes are made of other operators. */
#include "ops/elementwise/elementwise.h"

#include <math.h>

/* ---- elementwise losses ------------------------------------------------------------------------------------- */

typedef struct {
    tp_op op;
    tp__map_kind value, slope; /* of x and t; slope by x */
} loss_op;

static const loss_op *self(const tp_op *op) { return (const loss_op *)(const void *)op; }

static tp_reduction how(const void *attr) { return *(const tp_reduction *)attr; }

static tp_status loss_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *t = c->in[1];
    char a[200], b[200];
    if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(t)))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, target is %s; one shape is needed",
                            tp__dims_text(tp__dims_of(x), a, sizeof a), tp__dims_text(tp__dims_of(t), b, sizeof b));
    if (!tp_dtype_is_float(x->dtype) || x->dtype != t->dtype)
        return tp_call_fail(c, TP_EDTYPE, "x is %s, target is %s: floats of one kind are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(t->dtype));
    return tp_call_out(c, 0, x->dtype, how(c->attr) == TP_NONE ? tp__dims_of(x) : TP_SCALAR);
}

enum { BLOCK = 1024 };

static tp_status loss_forward(tp_call *c);

static tp_status bce_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    double low = 0, high = 0;
    if (x->numel > 0) {
        tp__reduce(TP__MIN, x->dtype, 1, x->numel, 1, x->data, &low, false);
        tp__reduce(TP__MAX, x->dtype, 1, x->numel, 1, x->data, &high, false);
        low = tp__load(&low, x->dtype);
        high = tp__load(&high, x->dtype);
    }
    if (!(low >= 0 && high <= 1))
        return tp_call_fail(c, TP_EINVAL, "x has %g and %g; all its elements should lie between 0 and 1", low, high);
    return loss_forward(c);
}

static tp_status loss_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *t = c->in[1];
    tp_tensor *y = c->out[0];
    tp_dtype dtype = x->dtype;
    tp__block_fn fn = tp__map_fn(self(c->op)->value, dtype);
    size_t size = tp_dtype_size(dtype);
    double block[BLOCK], sum = 0;
    if (how(c->attr) == TP_NONE) {
        tp_dims shape = tp__dims_of(y);
        tp__operand in[2] = {tp__operand_of(x, shape), tp__operand_of(t, shape)};
        tp__map(fn, NULL, shape, y->data, dtype, dtype, false, 2, in);
        return TP_OK;
    }
    for (int64_t at = 0; at < x->numel; at += BLOCK) {
        int64_t n = x->numel - at < BLOCK ? x->numel - at : BLOCK;
        const void *in[2] = {(const char *)x->data + (size_t)at * size, (const char *)t->data + (size_t)at * size};
        double part = 0;
        fn(n, block, in, NULL);
        tp__reduce(TP__SUM, dtype, 1, n, 1, block, &part, false);
        sum += tp__load(&part, dtype);
    }
    tp__store(y->data, dtype, how(c->attr) == TP_MEAN ? sum / (double)x->numel : sum);
    return TP_OK;
}

/* d/dx by a kernel: gx += scale g slope(x, t). The derivative by the target is not one: it goes by loss_vjp. */
static tp_status loss_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0], *t = v->in[1], *g = v->gout[0];
    tp_dtype dtype = x->dtype;
    tp__block_fn slope = tp__map_fn(self(v->op)->slope, dtype), mul = tp__map_fn(TP__MUL, dtype);
    size_t size = tp_dtype_size(dtype);
    double block[BLOCK], scaled[BLOCK], scale = how(v->attr) == TP_MEAN ? 1 / (double)x->numel : 1;
    if (how(v->attr) != TP_NONE)
        scale *= tp__load(g->data, dtype);
    for (int side = 0; side < 2; side++) { /* the losses with a fused vjp by the target are odd in x - t */
        if (v->gin[side] == NULL)
            continue;
        bool fresh = (v->fresh >> side) & 1u;
        for (int64_t at = 0; at < x->numel; at += BLOCK) {
            int64_t n = x->numel - at < BLOCK ? x->numel - at : BLOCK;
            size_t here = (size_t)at * size;
            char *to = (char *)v->gin[side]->data + here;
            const void *in[2] = {(const char *)x->data + here, (const char *)t->data + here};
            const void *out = block;
            slope(n, block, in, NULL);
            if (how(v->attr) == TP_NONE) {
                mul(n, scaled, (const void *[2]){block, (const char *)g->data + here}, NULL);
                out = scaled;
            }
            if (fresh)
                tp__fill(n, to, dtype, 0);
            tp__axpy(n, dtype, side ? -scale : scale, out, to);
        }
    }
    return TP_OK;
}

/* g as a factor of the elementwise derivative */
static tp_tensor *factor(const tp_vjp *v)
{
    return how(v->attr) == TP_MEAN ? tp_div_scalar(v->tape, v->gout[0], (double)v->in[0]->numel) : v->gout[0];
}

/* clang-format off */
#define VJP(name, of_x, of_t)                                                                      \
    static tp_status name##_vjp(tp_vjp *v)                                                         \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *t = v->in[1], *g = factor(v);                \
      if (tp_vjp_needs(v, 0)) v->gin[0] = tp_mul(T, g, of_x);                                      \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, g, of_t);                                      \
      return TP_OK; }
/* clang-format on */

/* sigmoid(x) - t as (1 - t) sigmoid(x) - t sigmoid(-x), which does not cancel where t is 1 */
static tp_tensor *logit_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp_sub(T, tp_mul(T, tp_rsub_scalar(T, t, 1), tp_sigmoid(T, x)), tp_mul(T, t, tp_sigmoid(T, tp_neg(T, x))));
}

/* ---- derivatives of the cross entropy of probabilities --------------------------------------------------------- */

/* The slope is (x - t) / v, v being x (1 - x) kept from 0: as in torch it is at least 1e-12, and by t the slope falls by
 * 1 / v, as (1 - x) / v + x / v. By x it rises by (1 - t) (x / w)^2 + t ((1 - x) / w)^2, where nothing cancels; torch has
 * w = (x + 1e-12) (1 - x + 1e-12) there. */
static tp_tensor *bce_slope(tp_tape *T, tp_tensor *x, tp_tensor *t);
static tp_tensor *bce_slope_at(tp_tape *T, tp_tensor *x, double t) { return bce_slope(T, x, tp__number(T, x, t)); }

static tp_tensor *bce_mixed(tp_tape *T, tp_tensor *x)
{
    return tp_sub(T, bce_slope_at(T, x, 1), bce_slope_at(T, x, 0));
}

static tp_status bce_slope_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *t = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0)) {
        tp_tensor *rest = tp_rsub_scalar(T, x, 1);
        tp_tensor *w = tp_mul(T, tp_add_scalar(T, x, 1e-12), tp_add_scalar(T, rest, 1e-12));
        tp_tensor *a = tp_square(T, tp_div(T, x, w)), *b = tp_square(T, tp_div(T, rest, w));
        v->gin[0] = tp_mul(T, g, tp_add(T, tp_mul(T, tp_rsub_scalar(T, t, 1), a), tp_mul(T, t, b)));
    }
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(T, g, bce_mixed(T, x));
    return TP_OK;
}

static tp_status bce_by_target_vjp(tp_vjp *v)
{
    v->gin[0] = tp_mul(v->tape, v->gout[0], bce_mixed(v->tape, v->in[0]));
    return TP_OK;
}

static void bce_slope_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.11, 0.89),
                        tp_sample_tensor(s, (tp_dims){2, {3, 1}}, 0.83, 0.09)};
    tp_sample(s, NULL, 2, in);
}

static void bce_by_target_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 5}}, 0.11, 0.89);
    tp_sample(s, NULL, 1, &x);
}

static const tp__map_op bce_slope_op = {{.name = "binary_cross_entropy_slope",
                                         .n_in = 2,
                                         .n_out = 1,
                                         .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT,
                                         .infer = tp__map_infer,
                                         .forward = tp__map_forward,
                                         .vjp = bce_slope_vjp,
                                         .samples = bce_slope_samples},
                                        TP__BCE_SLOPE,
                                        TP__SAME};
static const tp__map_op bce_by_target_op = {{.name = "binary_cross_entropy_by_target",
                                             .n_in = 1,
                                             .n_out = 1,
                                             .flags = TP__MAP_FLAGS | TP_OP_FORGETS_OUT,
                                             .infer = tp__map_infer,
                                             .forward = tp__map_forward,
                                             .vjp = bce_by_target_vjp,
                                             .samples = bce_by_target_samples},
                                            TP__BCE_BY_TARGET,
                                            TP__SAME};

static tp_tensor *bce_slope(tp_tape *T, tp_tensor *x, tp_tensor *t)
{
    return tp__apply2(T, &bce_slope_op.op, NULL, x, t);
}

/* ---- the losses themselves --------------------------------------------------------------------------------------- */

/* clang-format off */
VJP(mse, tp_mul_scalar(T, tp_sub(T, x, t), 2), tp_mul_scalar(T, tp_sub(T, t, x), 2))
VJP(l1, tp_sign(T, tp_sub(T, x, t)), tp_sign(T, tp_sub(T, t, x)))
VJP(bce, bce_slope(T, x, t), tp__apply1(T, &bce_by_target_op.op, NULL, x))
VJP(bce_logits, logit_slope(T, x, t), tp_neg(T, x))
/* clang-format on */

/* A target that asks for a gradient has it from the operators; the slope by x is a kernel. */
static tp_status bce_vjp_fused(tp_vjp *v)
{
    tp_status status = v->gin[1] ? tp__vjp_fused_by_operators(v, 2) : TP_OK;
    tp_tensor *x_only[2] = {v->gin[0], NULL};
    tp_vjp by_x = *v;
    by_x.gin = x_only;
    return status == TP_OK ? loss_vjp_fused(&by_x) : status;
}

static void samples(tp_sampler *s, double low, double high)
{
    for (int r = TP_MEAN; r <= TP_NONE; r++) {
        tp_reduction reduction = (tp_reduction)r;
        tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 5}}, low, high),
                            tp_sample_tensor(s, (tp_dims){2, {3, 5}}, high * 0.93, low * 0.83)};
        tp_sample(s, &reduction, 2, in);
    }
}

static void all_samples(tp_sampler *s) { samples(s, -2.3, 2.1); }
static void unit_samples(tp_sampler *s) { samples(s, 0.11, 0.89); }

/* clang-format off */
#define LOSS_FLAGS (TP_OP_FORGETS_OUT | TP_OP_OVERWRITES)
#define LOSS(NAME, VALUE, SLOPE, FORWARD, VJP_OF, FUSED, SAMPLED, PRINTED)                                  \
    {{ \
        .name = NAME, .n_in = 2, .n_out = 1, .attr_size = sizeof(tp_reduction), .flags = TP__OP_OURS | LOSS_FLAGS, \
        .infer = loss_infer, .forward = FORWARD, .vjp = VJP_OF, .vjp_fused = FUSED, \
        .samples = SAMPLED, .grad_name = PRINTED}, VALUE, SLOPE}

static const loss_op mse_op = LOSS("mse_loss", TP__SQUARED_ERROR, TP__SQUARED_ERROR_SLOPE, loss_forward, mse_vjp, loss_vjp_fused,
                                   all_samples, "MseLossBackward0");
static const loss_op l1_op = LOSS("l1_loss", TP__ABSOLUTE_ERROR, TP__ABSOLUTE_ERROR_SLOPE, loss_forward, l1_vjp, loss_vjp_fused,
                                  all_samples, "L1LossBackward0");
static const loss_op bce_op = LOSS("binary_cross_entropy", TP__BCE, TP__BCE_SLOPE, bce_forward, bce_vjp, bce_vjp_fused, unit_samples,
                                   "BinaryCrossEntropyBackward0");
static const loss_op bce_logits_op = LOSS("binary_cross_entropy_with_logits", TP__BCE_LOGITS, TP__BCE_LOGITS_SLOPE, loss_forward,
                                          bce_logits_vjp, bce_vjp_fused, all_samples, "BinaryCrossEntropyWithLogitsBackward0");
/* clang-format on */

static bool good_reduction(tp_tape *T, const char *name, tp_reduction r)
{
    if ((unsigned)r <= TP_NONE)
        return true;
    tp_fail(T, TP_EINVAL, "%s: %d is no reduction", name, (int)r);
    return false;
}

static tp_tensor *loss(tp_tape *T, const loss_op *l, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    if (!tp__usable(T, l->op.name, x) || !tp__usable(T, l->op.name, target) ||
        !good_reduction(T, l->op.name, reduction))
        return NULL;
    return tp__apply2(T, &l->op, &reduction, x, target);
}

/* The regression losses broadcast and promote as arithmetic does. */
static tp_tensor *broadcast_loss(tp_tape *T, const loss_op *l, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    char a[200], b[200], c[200];
    if (!tp__usable(T, l->op.name, x) || !tp__usable(T, l->op.name, target))
        return NULL;
    tp_dims of_x = tp__dims_of(x), of_target = tp__dims_of(target), shape;
    bool alike = tp__dims_equal(of_x, of_target);
    if (alike && x->dtype == target->dtype)
        return loss(T, l, x, target, reduction);
    tp__dims_text(of_x, a, sizeof a);
    tp__dims_text(of_target, b, sizeof b);
    if (!tp__dims_broadcast(of_x, of_target, &shape)) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, target is %s; one shape is needed", l->op.name, a, b);
        return NULL;
    }
    if (!alike)
        tp_warn(T, "%s: x is %s, target is %s; both are broadcast to %s, which is seldom meant", l->op.name, a, b,
                tp__dims_text(shape, c, sizeof c));
    tp_tensor *in[2] = {x, target};
    tp_dtype dtype = tp__result_type(2, in);
    return loss(T, l, tp_expand(T, tp_to(T, x, dtype), shape), tp_expand(T, tp_to(T, target, dtype), shape), reduction);
}

tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return broadcast_loss(T, &mse_op, x, target, reduction);
}

tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return broadcast_loss(T, &l1_op, x, target, reduction);
}

tp_tensor *tp_binary_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return loss(T, &bce_op, x, target, reduction);
}

tp_tensor *tp_binary_cross_entropy_with_logits(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    return loss(T, &bce_logits_op, x, target, reduction);
}

/* ---- classes --------------------------------------------------------------------------------------------------- */

/* x as [rows, classes] and the shape of the target that belongs to it. */
static tp_tensor *by_rows(tp_tape *T, tp_tensor *x, tp_dims *target)
{
    tp_dims order = {.ndim = x->ndim};
    int c = x->ndim == 1 ? 0 : 1;
    *target = (tp_dims){.ndim = 0};
    for (int d = 0; d < x->ndim; d++)
        if (d != c) {
            order.dim[target->ndim] = d;
            target->dim[target->ndim++] = x->shape[d];
        }
    order.dim[x->ndim - 1] = c;
    if (c != x->ndim - 1)
        x = tp_permute(T, x, order);
    int64_t rows = 1;
    for (int d = 0; d < target->ndim; d++)
        rows *= target->dim[d];
    return x ? tp_reshape(T, x, (tp_dims){2, {rows, x->shape[x->ndim - 1]}}) : NULL;
}

static bool class_loss_fits(tp_tape *T, const char *name, const tp_tensor *x, const tp_class_loss_options *o)
{
    char a[200], b[200];
    if (!good_reduction(T, name, o->reduction))
        return false;
    if (x->ndim == 0) {
        tp_fail(T, TP_ESHAPE, "%s: x has no dimension of classes", name);
        return false;
    }
    if (!tp_dtype_is_float(x->dtype)) {
        tp_fail(T, TP_EDTYPE, "%s: x is %s, not a float", name, tp_dtype_name(x->dtype));
        return false;
    }
    int64_t classes = x->shape[x->ndim == 1 ? 0 : 1];
    if (o->weight && (o->weight->ndim != 1 || o->weight->shape[0] != classes || o->weight->dtype != x->dtype)) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s of %s, weight is %s of %s", name, tp__dims_text(tp__dims_of(x), a, sizeof a),
                tp_dtype_name(x->dtype), tp__dims_text(tp__dims_of(o->weight), b, sizeof b),
                tp_dtype_name(o->weight->dtype));
        return false;
    }
    if (!(o->label_smoothing >= 0 && o->label_smoothing <= 1)) {
        tp_fail(T, TP_EINVAL, "%s: a label smoothing of %g; it lies in [0, 1]", name, o->label_smoothing);
        return false;
    }
    return true;
}

/* Rows of log-probabilities with their targets, and how much each row counts. */
typedef struct {
    tp_tensor *logp;   /* [rows, classes] */
    tp_tensor *target; /* [rows], ignored ones replaced by 0 */
    tp_tensor *weight; /* [rows]; NULL: all 1 */
    tp_tensor *counts; /* [rows], TP_BOOL: those that are not ignored; NULL: all */
    tp_dims shape;     /* of the target */
} class_rows;

static bool class_targets(tp_tape *T, const char *name, const tp_tensor *x, tp_tensor *target,
                          const tp_class_loss_options *o, class_rows *r)
{
    char a[200], b[200];
    int64_t ignored = o->has_ignore ? o->ignore_index : -100, classes = x->shape[x->ndim == 1 ? 0 : 1];
    bool any = false;
    if (target->dtype != TP_I64 || !tp__dims_equal(tp__dims_of(target), r->shape)) {
        tp_fail(T, target->dtype == TP_I64 ? TP_ESHAPE : TP_EDTYPE, "%s: x is %s, target is %s of %s, not %s of int64",
                name, tp__dims_text(tp__dims_of(x), a, sizeof a), tp__dims_text(tp__dims_of(target), b, sizeof b),
                tp_dtype_name(target->dtype), tp__dims_text(r->shape, (char[200]){0}, 200));
        return false;
    }
    if ((target = tp_contiguous(T, target)) == NULL)
        return false;
    for (int64_t i = 0; i < target->numel; i++) {
        int64_t k = ((const int64_t *)target->data)[i];
        any |= k == ignored;
        if (k != ignored && (k < 0 || k >= classes)) {
            tp_fail(T, TP_EINDEX, "%s: target %lld is out of range for %lld classes", name, (long long)k,
                    (long long)classes);
            return false;
        }
    }
    r->target = tp_reshape(T, target, (tp_dims){1, {target->numel}});
    if (any) {
        r->counts = tp_ne(T, r->target, tp_scalar(T, TP_I64, (double)ignored));
        r->target = tp_where(T, r->counts, r->target, tp_scalar(T, TP_I64, 0));
    }
    r->weight = o->weight ? tp_index_select(T, o->weight, 0, r->target) : NULL;
    return r->target != NULL && tp__ok(T);
}

/* Of ignored rows 0, whatever is there. */
static tp_tensor *counted(tp_tape *T, tp_tensor *rows, const class_rows *r)
{
    return r->counts && rows ? tp_where(T, r->counts, rows, tp__number(T, rows, 0)) : rows;
}

/* loss [rows] to what was asked for; a mean is over the weight of the rows that count. Where that is 0 the mean is NaN, as
 * torch has it, but no row had a part in it: there is no slope. */
static tp_tensor *reduced(tp_tape *T, tp_tensor *rows, const class_rows *r, tp_reduction reduction)
{
    if (rows == NULL || reduction == TP_NONE)
        return tp_reshape(T, rows, r->shape);
    if (reduction == TP_SUM)
        return tp_sum(T, rows);
    if (!r->weight && !r->counts)
        return tp_mean(T, rows);
    tp_tensor *total = tp_sum(T, r->weight ? counted(T, r->weight, r) : tp_to(T, r->counts, rows->dtype));
    tp_tensor *nothing = total ? tp_eq(T, total, tp__number(T, total, 0)) : NULL;
    return tp_where(T, nothing, tp__number(T, rows, (double)NAN),
                    tp_div(T, tp_sum(T, rows), tp_where(T, nothing, tp__number(T, total, 1), total)));
}

static tp_tensor *weighted(tp_tape *T, tp_tensor *rows, const class_rows *r)
{
    return counted(T, r->weight ? tp_mul(T, rows, r->weight) : rows, r);
}

/* -log p at the target, times the row's weight */
static tp_tensor *nll_rows(tp_tape *T, const class_rows *r)
{
    tp_tensor *picked = tp_squeeze_dim(T, tp_gather(T, r->logp, 1, tp_unsqueeze(T, r->target, 1)), 1);
    return tp_neg(T, weighted(T, picked, r));
}

tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options)
{
    tp_class_loss_options o = options ? *options : (tp_class_loss_options){0};
    class_rows r = {0};
    if (!tp__usable(T, "nll_loss", x) || !tp__usable(T, "nll_loss", target) || !class_loss_fits(T, "nll_loss", x, &o))
        return NULL;
    r.logp = by_rows(T, x, &r.shape);
    return class_targets(T, "nll_loss", x, target, &o, &r) ? reduced(T, nll_rows(T, &r), &r, o.reduction) : NULL;
}

/* Classes given as probabilities: - sum over classes of log p, target, weight; a mean is over the rows. */
static tp_tensor *cross_entropy_of_probabilities(tp_tape *T, class_rows *r, tp_tensor *target,
                                                 const tp_class_loss_options *o)
{
    tp_dims shape;
    double classes = (double)r->logp->shape[1], s = o->label_smoothing;
    target = by_rows(T, target, &shape);
    if (s > 0)
        target = tp_add_scalar(T, tp_mul_scalar(T, target, 1 - s), s / classes);
    tp_tensor *terms = tp_mul(T, r->logp, target);
    if (o->weight)
        terms = tp_mul(T, terms, o->weight);
    return reduced(T, tp_neg(T, tp_sum_dim(T, terms, 1, false)), r, o->reduction);
}

tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options)
{
    tp_class_loss_options o = options ? *options : (tp_class_loss_options){0};
    class_rows r = {0};
    if (!tp__usable(T, "cross_entropy", x) || !tp__usable(T, "cross_entropy", target) ||
        !class_loss_fits(T, "cross_entropy", x, &o))
        return NULL;
    if ((r.logp = tp_log_softmax(T, by_rows(T, x, &r.shape), 1)) == NULL)
        return NULL;
    if (tp_dtype_is_float(target->dtype) && target->dtype == x->dtype &&
        tp__dims_equal(tp__dims_of(target), tp__dims_of(x)))
        return cross_entropy_of_probabilities(T, &r, target, &o);
    if (!class_targets(T, "cross_entropy", x, target, &o, &r))
        return NULL;
    tp_tensor *nll = nll_rows(T, &r);
    if (o.label_smoothing == 0)
        return reduced(T, nll, &r, o.reduction);
    /* the rest of the probability is spread over all classes */
    double s = o.label_smoothing, classes = (double)r.logp->shape[1];
    tp_tensor *all = o.weight ? tp_mul(T, r.logp, o.weight) : r.logp;
    tp_tensor *spread = tp_neg(T, tp_sum_dim(T, all, 1, false));
    spread = counted(T, spread, &r);
    tp_tensor *rows = tp_add(T, tp_mul_scalar(T, nll, 1 - s), tp_mul_scalar(T, spread, s / classes));
    return reduced(T, rows, &r, o.reduction);
}

const tp_op *const tp__ops_loss[] = {
#include TP__OPERATORS
    NULL};
