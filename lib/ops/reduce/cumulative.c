/* cumulative.c - running sums, products, log-sums and extremes along a dimension. */
#include "kernel/cumulative.h"
#include "ops/ops.h"

#include <math.h>

typedef struct {
    int dim;
    bool reverse;
} direction;

typedef struct {
    tp_op op;
    tp__scan_kind kind;
} scan_op;

static tp__scan_kind kind_of(const tp_call *c) { return ((const scan_op *)(const void *)c->op)->kind; }

static void split(const tp_tensor *x, int dim, int64_t *outer, int64_t *n, int64_t *inner)
{
    *outer = *inner = 1;
    *n = x->ndim ? x->shape[dim] : 1;
    for (int d = 0; d < x->ndim; d++)
        *(d < dim ? outer : inner) *= d == dim ? 1 : x->shape[d];
}

static bool has_dim(const tp_tensor *x, int dim) { return dim >= 0 && dim < (x->ndim ? x->ndim : 1); }

static tp_status scan_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp_dtype dtype = x->dtype;
    int dim = ((const direction *)c->attr)->dim;
    if (!has_dim(x, dim))
        return tp__no_such_dim(c, dim);
    if (!tp_dtype_is_float(dtype) && (dtype != TP_I64 || kind_of(c) == TP__LOGCUMSUMEXP))
        return tp_call_fail(c, TP_EDTYPE, "x is %s; float32 or float64%s is needed", tp_dtype_name(dtype),
                            kind_of(c) == TP__LOGCUMSUMEXP ? "" : ", or int64,");
    if (tp__infer_like_first(c) != TP_OK)
        return c->tape->status;
    return c->n_out > 1 ? tp_call_out(c, 1, TP_I64, tp__dims_of(x)) : TP_OK;
}

static tp_status scan_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const direction *a = c->attr;
    int64_t outer, n, inner;
    split(x, a->dim, &outer, &n, &inner);
    tp__scan(kind_of(c), x->dtype, a->reverse, outer, n, inner, x->data, c->out[0]->data,
             c->n_out > 1 ? c->out[1]->data : NULL);
    return TP_OK;
}

/* ---- a linear recurrence, which derivatives are made of ------------------------------------------------------- */

static tp_tensor *recurrence(tp_tape *T, const direction *a, tp_tensor *w, tp_tensor *g);

/* x moved by one place along dim, towards the end or (back) the beginning; `fill` comes in. */
static tp_tensor *shifted(tp_tape *T, tp_tensor *x, int dim, bool back, double fill)
{
    if (x == NULL || x->ndim == 0 || x->shape[dim] == 0)
        return x;
    tp_dims edge = tp__dims_of(x);
    edge.dim[dim] = 1;
    tp_tensor *new = tp_full(T, x->dtype, edge, fill), *rest = tp_narrow(T, x, dim, back, x->shape[dim] - 1);
    tp_tensor *parts[2] = {back ? rest : new, back ? new : rest};
    return tp_cat(T, 2, parts, dim);
}

static tp_status recurrence_infer(tp_call *c)
{
    int dim = ((const direction *)c->attr)->dim;
    if (!has_dim(c->in[0], dim))
        return tp__no_such_dim(c, dim);
    if (!tp__same_shape(c->in[0], c->in[1]) || c->in[0]->dtype != c->in[1]->dtype)
        return tp_call_fail(c, TP_ESHAPE, "weights are %s of %s, terms %s of %s; one shape and dtype are needed",
                            TP__SHAPE(c->in[0]), tp_dtype_name(c->in[0]->dtype), TP__SHAPE(c->in[1]),
                            tp_dtype_name(c->in[1]->dtype));
    return tp__infer_float_like(c);
}

static tp_status recurrence_forward(tp_call *c)
{
    const tp_tensor *w = c->in[0];
    const direction *a = c->attr;
    int64_t outer, n, inner;
    split(w, a->dim, &outer, &n, &inner);
    tp__recurrence(w->dtype, a->reverse, outer, n, inner, w->data, c->in[1]->data, c->out[0]->data);
    return TP_OK;
}

/* The adjoint runs the other way, with the weights one place on; the weight w_k multiplied the value before. */
static tp_status recurrence_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const direction *a = v->attr;
    direction other = {a->dim, !a->reverse};
    tp_tensor *adjoint = recurrence(T, &other, shifted(T, v->in[0], a->dim, !a->reverse, 0), v->gout[0]);
    if (tp_vjp_needs(v, 0))
        v->gin[0] = v->in[0]->ndim ? tp_mul(T, adjoint, shifted(T, v->out[0], a->dim, a->reverse, 0))
                                   : tp_zeros_like(T, v->in[0]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = adjoint;
    return TP_OK;
}

/* ---- derivatives ------------------------------------------------------------------------------------------------ */

static tp_tensor *running(tp_tape *T, const scan_op *op, const direction *a, tp_tensor *x, tp_tensor **index);

static tp_status cumsum_vjp(tp_vjp *v)
{
    const direction *a = v->attr;
    direction other = {a->dim, !a->reverse};
    v->gin[0] = running(v->tape, (const scan_op *)(const void *)v->op, &other, v->gout[0], NULL);
    return TP_OK;
}

/* The product of all before, times s_k = g_k + x_(k+1) s_(k+1): right with zeros, too. */
static tp_status cumprod_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const direction *a = v->attr;
    direction other = {a->dim, !a->reverse};
    if (v->in[0]->ndim == 0) {
        v->gin[0] = v->gout[0];
        return TP_OK;
    }
    tp_tensor *rest = recurrence(T, &other, shifted(T, v->in[0], a->dim, !a->reverse, 0), v->gout[0]);
    v->gin[0] = tp_mul(T, shifted(T, v->out[0], a->dim, a->reverse, 1), rest);
    return TP_OK;
}

/* e^(a - b) for a <= b, but 0 of -infinity whatever b, and 1 where both are infinity. */
static tp_tensor *share(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    tp_tensor *zero = tp__number(T, a, 0), *endless = tp_isinf(T, a);
    return tp_exp(T, tp_sub(T, tp_where(T, tp_isposinf(T, a), zero, a), tp_where(T, endless, zero, b)));
}

/* e^(x_k - y_k) s_k with s_k = g_k + e^(y_k - y_(k+1)) s_(k+1); the y grow, so no factor is above 1. */
static tp_status logcumsumexp_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const direction *a = v->attr;
    direction other = {a->dim, !a->reverse};
    tp_tensor *x = v->in[0], *y = v->out[0];
    if (x->ndim == 0) {
        v->gin[0] = v->gout[0];
        return TP_OK;
    }
    tp_tensor *factor = share(T, y, shifted(T, y, a->dim, !a->reverse, INFINITY));
    v->gin[0] = tp_mul(T, share(T, x, y), recurrence(T, &other, factor, v->gout[0]));
    return TP_OK;
}

static tp_status extreme_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int dim = ((const direction *)v->attr)->dim;
    if (v->gout[0])
        v->gin[0] = tp_scatter_add(T, tp_zeros_like(T, v->in[0]), dim, v->out[1], v->gout[0]);
    return TP_OK;
}

/* ---- samples, the table ------------------------------------------------------------------------------------------ */

static void samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 4, 3}}, -1.3, 1.7);
    tp_sample(s, &(direction){1, false}, 1, &x);
    tp_sample(s, &(direction){2, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, 0.5, 2);
    tp_sample(s, &(direction){0, false}, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, 0.5, 2);
    tp_sample(s, &(direction){0, false}, 1, &x);
}

static void cumsum_samples(tp_sampler *s)
{
    samples(s);
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1.3, 1.7);
    tp_sample(s, &(direction){0, true}, 1, &x);
}

static void recurrence_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -0.9, 0.8),
                        tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 2)};
    tp_sample(s, &(direction){0, false}, 2, in);
    tp_sample(s, &(direction){1, true}, 2, in);
}

/* clang-format off */
#define SCAN(id, KIND, N_OUT, FLAGS, VJP, SAMPLES, PRINTED) \
    static const scan_op id##_op = {{ \
        .name = #id, .n_in = 1, .n_out = N_OUT, .attr_size = sizeof(direction), \
        .flags = FLAGS, .infer = scan_infer, .forward = scan_forward, .vjp = VJP, \
        .samples = SAMPLES, .grad_name = PRINTED}, TP__##KIND};
SCAN(cumsum, CUMSUM, 1, TP__READS_NOTHING, cumsum_vjp, cumsum_samples, "CumsumBackward0")
SCAN(cumprod, CUMPROD, 1, 0, cumprod_vjp, samples, "CumprodBackward0")
SCAN(logcumsumexp, LOGCUMSUMEXP, 1, 0, logcumsumexp_vjp, samples, "LogcumsumexpBackward0")
SCAN(cummax, CUMMAX, 2, TP_OP_FORGETS_IN, extreme_vjp, samples, "CummaxBackward0")
SCAN(cummin, CUMMIN, 2, TP_OP_FORGETS_IN, extreme_vjp, samples, "CumminBackward0")
static const tp_op recurrence_op = {
    .name = "recurrence", .n_in = 2, .n_out = 1, .attr_size = sizeof(direction),
    .infer = recurrence_infer, .forward = recurrence_forward, .vjp = recurrence_vjp, .samples = recurrence_samples};
/* clang-format on */

static tp_tensor *recurrence(tp_tape *T, const direction *a, tp_tensor *w, tp_tensor *g)
{
    return tp__apply2(T, &recurrence_op, a, w, g);
}

static tp_tensor *running(tp_tape *T, const scan_op *op, const direction *a, tp_tensor *x, tp_tensor **index)
{
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    if (tp_apply_all(T, &op->op, a, 1, &x, out) != TP_OK)
        return NULL;
    if (index)
        *index = out[1];
    return out[0];
}

/* Along `dim`; integers as int64, in which sums and products stay. */
static tp_tensor *scan(tp_tape *T, const scan_op *op, tp_tensor *x, int dim, tp_tensor **index)
{
    if (index)
        *index = NULL;
    if (!tp__usable(T, op->op.name, x))
        return NULL;
    direction a = {tp__dim_of(T, op->op.name, x->ndim ? x->ndim : 1, dim), false};
    tp_dtype dtype = x->dtype;
    bool keeps = op->kind == TP__CUMMAX || op->kind == TP__CUMMIN;
    if (a.dim < 0)
        return NULL;
    if (!tp_dtype_is_float(dtype) && op->kind != TP__LOGCUMSUMEXP)
        x = tp_to(T, x, TP_I64);
    tp_tensor *y = running(T, op, &a, x, index);
    return keeps ? tp_to(T, y, dtype) : y;
}

tp_tensor *tp_cumsum(tp_tape *T, tp_tensor *x, int dim) { return scan(T, &cumsum_op, x, dim, NULL); }
tp_tensor *tp_cumprod(tp_tape *T, tp_tensor *x, int dim) { return scan(T, &cumprod_op, x, dim, NULL); }
tp_tensor *tp_logcumsumexp(tp_tape *T, tp_tensor *x, int dim) { return scan(T, &logcumsumexp_op, x, dim, NULL); }
tp_tensor *tp_cummax(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index)
{
    return scan(T, &cummax_op, x, dim, index);
}
tp_tensor *tp_cummin(tp_tape *T, tp_tensor *x, int dim, tp_tensor **index)
{
    return scan(T, &cummin_op, x, dim, index);
}

const tp_op *const tp__ops_scan[] = {
#include TP__OPERATORS
    NULL};
