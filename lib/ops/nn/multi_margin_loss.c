/* multi_margin_loss.c - hinge losses of several classes: of one right class (multi_margin_loss), of a list of right ones
 * (multilabel_margin_loss); and the cross entropy of each class by itself (multilabel_soft_margin_loss).
 *
 * The first two are an operator of x [n, c] that makes the losses [n] of its rows, and one that makes their slopes, which is
 * linear in x or a constant, so that no third one is needed. */
#if defined(REAL)

/* max(0, margin - x[right] + x[i]), 0 where i counts for nothing; its square for p = 2. NaN is no loss, as in torch. */
static inline __attribute__((always_inline)) REAL NAME(excess)(REAL base, REAL x, uint8_t right)
{
    REAL z = base + x;
    return !right && z > 0 ? z : 0;
}

static REAL NAME(row_loss)(const margin_attr *a, int64_t c, const REAL *x, int64_t label, const uint8_t *right)
{
    REAL part[LANES] = {0}, sum = 0, base = (REAL)a->margin - x[label];
    int64_t i = 0;
    for (; i + LANES <= c; i += LANES)
        for (int k = 0; k < LANES; k++) {
            REAL h = NAME(excess)(base, x[i + k], right[i + k]);
            part[k] += a->p == 2 ? h * h : h;
        }
    for (; i < c; i++) {
        REAL h = NAME(excess)(base, x[i], right[i]);
        sum += a->p == 2 ? h * h : h;
    }
    for (int k = 0; k < LANES; k++)
        sum += part[k];
    return sum;
}

/* out += g d loss / d x of one right class */
static void NAME(row_slope)(const margin_attr *a, int64_t c, const REAL *x, int64_t label, const uint8_t *right, REAL g,
                            REAL *restrict out)
{
    REAL part[LANES] = {0}, sum = 0, base = (REAL)a->margin - x[label];
    int64_t i = 0;
    for (; i + LANES <= c; i += LANES)
        for (int k = 0; k < LANES; k++) {
            REAL h = NAME(excess)(base, x[i + k], right[i + k]), s = a->p == 2 ? 2 * h : h > 0;
            out[i + k] += g * s;
            part[k] += s;
        }
    for (; i < c; i++) {
        REAL h = NAME(excess)(base, x[i], right[i]), s = a->p == 2 ? 2 * h : h > 0;
        out[i] += g * s;
        sum += s;
    }
    for (int k = 0; k < LANES; k++)
        sum += part[k];
    out[label] -= g * sum;
}

static void NAME(rows)(const margin_attr *a, const margin_rows *r, void *out)
{
    REAL *y = out;
    for (int64_t row = 0; row < r->n; row++) {
        const REAL *x = (const REAL *)r->x + row * r->c;
        const int64_t *labels = r->labels + row * r->most;
        int64_t count = labels_of(r, labels);
        REAL sum = 0;
        for (int64_t k = 0; k < count; k++)
            sum += NAME(row_loss)(a, r->c, x, labels[k], r->right);
        y[row] = sum / (REAL)r->c;
        forget(r, labels, count);
    }
}

static void NAME(slopes)(const margin_attr *a, const margin_rows *r, void *out)
{
    for (int64_t row = 0; row < r->n; row++) {
        const REAL *x = (const REAL *)r->x + row * r->c;
        const int64_t *labels = r->labels + row * r->most;
        int64_t count = labels_of(r, labels);
        REAL g = (r->g ? ((const REAL *)r->g)[row] : 1) / (REAL)r->c;
        for (int64_t k = 0; k < count; k++)
            NAME(row_slope)(a, r->c, x, labels[k], r->right, g, (REAL *)out + row * r->c);
        forget(r, labels, count);
    }
}

#else

#include "ops/nn/loss.h"

#include <string.h>

typedef struct {
    double margin;
    int64_t p; /* 1 or 2 */
} margin_attr;

/* Rows x [n, c] and their labels [n, most], where fewer than `most` end with -1; `right` [c] is 0 all over. g [n] is a factor
 * of each row's slope, or NULL. */
typedef struct {
    int64_t n, c, most;
    const void *x, *g;
    const int64_t *labels;
    uint8_t *right;
} margin_rows;

typedef void (*margin_fn)(const margin_attr *, const margin_rows *, void *out);

typedef struct {
    margin_fn rows[2], slopes[2]; /* by [dtype == TP_F64] */
} margin_table;

#if defined(TP__ISA)

enum { LANES = 16 };

/* How many labels a row has; they are marked. */
static int64_t labels_of(const margin_rows *r, const int64_t *labels)
{
    int64_t k = 0;
    for (; k < r->most && labels[k] >= 0; k++)
        r->right[labels[k]] = 1;
    return k;
}
static void forget(const margin_rows *r, const int64_t *labels, int64_t count)
{
    for (int64_t k = 0; k < count; k++)
        r->right[labels[k]] = 0;
}

#define TP__BODY "ops/nn/multi_margin_loss.c"
#include "kernel/per_float.h"
const margin_table TP__OF_ISA(tp__margin_rows) = {{rows_f32, rows_f64}, {slopes_f32, slopes_f64}};

#else

TP__TABLE_OF(margin_table, tp__margin_rows);

/* What `of` makes of the rows of x, c->in[0], and their labels, c->in[1]. */
static tp_status over_rows(const tp_call *c, const margin_fn *of, const tp_tensor *g, void *out)
{
    const tp_tensor *x = c->in[0], *target = c->in[1];
    int64_t n = x->shape[0], classes = x->shape[1], most = target->ndim == 2 ? target->shape[1] : 1;
    uint8_t *right = tp_call_scratch(c, (size_t)classes + 1);
    if (right == NULL)
        return TP_ENOMEM;
    memset(right, 0, (size_t)classes);
    margin_rows r = {n, classes, most, x->data, g ? g->data : NULL, target->data, right};
    of[x->dtype == TP_F64](c->attr, &r, out);
    return TP_OK;
}

/* ---- the losses of rows: x [n, c] and labels [n] or [n, c] ------------------------------------- */

static tp_status check(const tp_call *c)
{
    const tp_tensor *x = c->in[0], *target = c->in[1];
    bool listed = target->ndim == 2;
    if (x->ndim != 2 || target->ndim < 1 || target->ndim > 2 || target->shape[0] != x->shape[0] ||
        (listed && target->shape[1] != x->shape[1]))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, target is %s; [n, c] and [n] or [n, c] are needed", TP__SHAPE(x),
                            TP__SHAPE(target));
    if (!tp_dtype_is_float(x->dtype) || target->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "x is %s, target is %s; a float and int64 are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(target->dtype));
    return TP_OK;
}

/* Are all labels classes, or -1 in a list? */
static tp_status check_labels(const tp_call *c)
{
    const tp_tensor *target = c->in[1];
    int64_t low = target->ndim == 2 ? -1 : 0, high = c->in[0]->shape[1] - 1;
    for (int64_t i = 0; i < target->numel; i++) {
        int64_t k = ((const int64_t *)target->data)[i];
        if (k < low || k > high)
            return tp_call_fail(c, TP_EINDEX, "target %lld; %lld to %lld is needed", (long long)k, (long long)low,
                                (long long)high);
    }
    return TP_OK;
}

static tp_status multi_margin_rows_infer(tp_call *c)
{
    tp_status status = check(c);
    return status == TP_OK ? tp_call_out(c, 0, c->in[0]->dtype, (tp_dims){1, {c->in[0]->shape[0]}}) : status;
}

static tp_status multi_margin_slopes_infer(tp_call *c)
{
    tp_status status = check(c);
    return status == TP_OK ? tp__infer_like_first(c) : status;
}

static tp_status multi_margin_rows_forward(tp_call *c)
{
    tp_status status = check_labels(c);
    return status == TP_OK ? over_rows(c, TP__PICK(tp__margin_rows)->rows, NULL, c->out[0]->data) : status;
}

static tp_tensor *slopes(tp_tape *T, tp_tensor *x, tp_tensor *target, const margin_attr *a);

static tp_status multi_margin_rows_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(v->tape, slopes(v->tape, v->in[0], v->in[1], v->attr), tp_unsqueeze(v->tape, v->gout[0], 1));
    return TP_OK;
}

static tp_status multi_margin_rows_vjp_fused(tp_vjp *v)
{
    tp_call c = {.tape = v->tape, .op = v->op, .attr = v->attr, .n_in = 2, .in = v->in};
    return over_rows(&c, TP__PICK(tp__margin_rows)->slopes, v->gout[0], v->gin[0]->data);
}

/* ---- their slopes [n, c] ----------------------------------------------------------------------------------------------- */

static tp_status multi_margin_slopes_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_status status = check_labels(c);
    if (status != TP_OK)
        return status;
    tp__fill(x->numel, c->out[0]->data, x->dtype, 0);
    return over_rows(c, TP__PICK(tp__margin_rows)->slopes, NULL, c->out[0]->data);
}

/* Of p = 2, where there is one label y: u = 2 s (g - g[y]) with s the slopes of p = 1; and at y, - sum u. */
static tp_status multi_margin_slopes_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *g = v->gout[0];
    margin_attr a = *(const margin_attr *)v->attr;
    if (a.p == 1) {
        v->gin[0] = tp_zeros_like(T, x);
        return TP_OK;
    }
    a.p = 1;
    tp_tensor *label = tp_unsqueeze(T, v->in[1], 1);
    tp_tensor *u = tp_mul(T, slopes(T, x, v->in[1], &a), tp_sub(T, g, tp_gather(T, g, 1, label)));
    u = tp_mul_scalar(T, u, 2);
    v->gin[0] = tp_scatter_add(T, u, 1, label, tp_neg(T, tp_sum_dim(T, u, 1, true)));
    return TP_OK;
}

static void margin_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 19}}, -1.3, 1.1);
    tp_tensor *one = tp_sample_index(s, (tp_dims){1, {4}}, 0, 19),
              *list = tp_sample_index(s, (tp_dims){2, {4, 19}}, -1, 19);
    tp_sample(s, &(margin_attr){0.7, 1}, 2, (tp_tensor *[2]){x, one});
    tp_sample(s, &(margin_attr){1, 2}, 2, (tp_tensor *[2]){x, one});
    tp_sample(s, &(margin_attr){1, 1}, 2, (tp_tensor *[2]){x, list});
}

/* clang-format off */
static const tp_op multi_margin_rows_op = {
    .name = "multi_margin_rows", .n_in = 2, .n_out = 1, .attr_size = sizeof(margin_attr), .flags = TP_OP_FORGETS_OUT,
    .infer = multi_margin_rows_infer, .forward = multi_margin_rows_forward, .vjp = multi_margin_rows_vjp,
    .vjp_fused = multi_margin_rows_vjp_fused, .samples = margin_samples, .grad_name = "MultiMarginLossBackward0"};
static const tp_op multi_margin_slopes_op = {
    .name = "multi_margin_slopes", .n_in = 2, .n_out = 1, .attr_size = sizeof(margin_attr), .flags = TP_OP_FORGETS_OUT,
    .infer = multi_margin_slopes_infer, .forward = multi_margin_slopes_forward, .vjp = multi_margin_slopes_vjp,
    .samples = margin_samples};
/* clang-format on */

static tp_tensor *slopes(tp_tape *T, tp_tensor *x, tp_tensor *target, const margin_attr *a)
{
    return tp__apply2(T, &multi_margin_slopes_op, a, x, target);
}

/* ---- the losses -------------------------------------------------------------------------------------------------------- */

/* x [n, c], [c] or [] of floats as [n, c], and labels beside it; false after a failure. */
static bool as_rows(tp_tape *T, const char *name, tp_tensor **x, tp_tensor **target, bool listed)
{
    tp_tensor *in = *x, *labels = *target;
    if (!tp__usable_inputs(T, name, 2, (tp_tensor *[2]){in, labels}))
        return false;
    int64_t n = in->ndim == 2 ? in->shape[0] : 1, c = in->ndim == 0 ? 1 : in->shape[in->ndim - 1];
    bool fits = listed ? tp__dims_equal(tp__dims_of(in), tp__dims_of(labels)) : labels->ndim <= 1 && labels->numel == n;
    if (in->ndim > 2 || c == 0 || !fits) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, target is %s; [n, c] and %s, with classes, are needed", name, TP__SHAPE(in),
                TP__SHAPE(labels), listed ? "[n, c]" : "[n]");
        return false;
    }
    *x = tp_reshape(T, in, (tp_dims){2, {n, c}});
    *target = tp_reshape(T, labels, listed ? (tp_dims){2, {n, c}} : (tp_dims){1, {n}});
    return tp__ok(T);
}

tp_tensor *tp_multi_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_multi_margin_options *options)
{
    TP__NAMED(T, "multi_margin_loss");
    tp_multi_margin_options o = options ? *options : (tp_multi_margin_options){0};
    margin_attr a = {tp__or_default(o.margin, 1), o.p ? o.p : 1};
    const char *name = "multi_margin_loss";
    tp_dims shape = target ? tp__dims_of(target) : TP_SCALAR;
    if (!tp__good_reduction(T, name, o.reduction) || !as_rows(T, name, &x, &target, false))
        return NULL;
    if (a.p != 1 && a.p != 2) {
        tp_fail(T, TP_EINVAL, "%s: p is %d; 1 or 2 is needed", name, o.p);
        return NULL;
    }
    if (o.weight && (!tp__usable(T, name, o.weight) || o.weight->ndim != 1 || o.weight->shape[0] != x->shape[1])) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, weight is %s; a weight for each class is needed", name, TP__SHAPE(x),
                TP__SHAPE(o.weight));
        return NULL;
    }
    tp_tensor *rows = tp__apply2(T, &multi_margin_rows_op, &a, x, target);
    if (o.weight)
        rows = tp_mul(T, rows, tp_index_select(T, o.weight, 0, target));
    return o.reduction == TP_NONE ? tp_reshape(T, rows, shape) : tp__loss_reduced(T, rows, o.reduction);
}

tp_tensor *tp_multilabel_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction)
{
    TP__NAMED(T, "multilabel_margin_loss");
    bool one = x && x->ndim < 2;
    if (!tp__good_reduction(T, "multilabel_margin_loss", reduction) ||
        !as_rows(T, "multilabel_margin_loss", &x, &target, true))
        return NULL;
    tp_tensor *rows = tp__apply2(T, &multi_margin_rows_op, &(margin_attr){1, 1}, x, target);
    return one ? tp_reshape(T, rows, TP_SCALAR) : tp__loss_reduced(T, rows, reduction);
}

tp_tensor *tp_multilabel_soft_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                          const tp_multilabel_soft_margin_options *options)
{
    TP__NAMED(T, "multilabel_soft_margin_loss");
    tp_multilabel_soft_margin_options o = options ? *options : (tp_multilabel_soft_margin_options){0};
    if (!tp__usable_inputs(T, "multilabel_soft_margin_loss", 2, (tp_tensor *[2]){x, target}) ||
        !tp__good_reduction(T, "multilabel_soft_margin_loss", o.reduction))
        return NULL;
    if (x->ndim == 0) {
        tp_fail(T, TP_ESHAPE, "multilabel_soft_margin_loss: x is 0-d; a dimension of classes is needed");
        return NULL;
    }
    tp_bce_options terms = {.weight = o.weight, .reduction = TP_NONE};
    if (o.weight == NULL && o.reduction == TP_MEAN)
        terms.reduction = TP_MEAN;
    if (target->dtype != x->dtype && tp_dtype_is_float(x->dtype))
        target = tp_to(T, target, x->dtype);
    tp_tensor *loss = tp_binary_cross_entropy_with_logits_weighted(T, x, target, &terms);
    if (terms.reduction == TP_MEAN)
        return loss;
    return tp__loss_reduced(T, tp_mean_dim(T, loss, -1, false), o.reduction);
}

const tp_op *const tp__ops_multi_margin[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
