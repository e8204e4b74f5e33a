/* gradcheck.c - an operator's or a function's derivatives against central differences.
 *
 * What is differentiated is s(x) = sum of u . y over the outputs y = f(x), with fixed u; for the second
 * order t(x, u) = sum of v . ds/dx, with fixed v, whose derivatives by x and by u are checked.
 */
#include "tapir/functional.h"
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 16 };

typedef struct {
    tp_tape *T;
    const char *name;
    const tp_op *op; /* with attr; or NULL, and a function */
    const void *attr;
    tp_function f;
    void *user;
    bool symmetric; /* in[0] */
    int n;
    tp_tensor *in[MOST]; /* copies, those that count as leaves */
    bool by[MOST];       /* differentiate by this input */
    int n_out;
    tp_tensor *u[MOST]; /* NULL for outputs without a gradient */
    tp_gradcheck_options o;
    tp__rng rng;  /* random operators draw the same each time */
    tp__rng dice; /* for directions */
} check;

/* A fixed vector of weights between 0.5 and 1.5. */
static tp_tensor *weights(tp_tape *T, tp_dims shape, int salt)
{
    tp_tensor *w = tp__tensor_make(T, TP_F64, shape);
    for (int64_t i = 0; w && i < w->numel; i++) {
        double turn = (double)(i + 1) * 0.7548776662466927 + 0.19 * salt;
        ((double *)w->data)[i] = 0.5 + turn - floor(turn);
    }
    return w;
}

static tp_tensor *copy_of(tp_tape *T, tp_tensor *x)
{
    tp_tensor *y = tp_clone(T, x);
    return y ? tp_detach(T, y) : NULL;
}

static tp_status call(check *c, tp_tensor **out)
{
    c->T->rng = c->rng;
    if (c->op)
        return tp_apply_all(c->T, c->op, c->attr, c->n, c->in, out);
    memset(out, 0, (size_t)c->n_out * sizeof *out);
    const char *speaker = c->T->speaker;
    c->T->speaker = NULL;
    tp_status status = c->f(c->T, c->user, c->n, c->in, c->n_out, out);
    c->T->speaker = speaker;
    if (status != TP_OK)
        return tp_fail(c->T, status, "gradcheck: the %s failed", c->name);
    for (int k = 0; k < c->n_out; k++)
        if (out[k] == NULL && c->T->status == TP_OK)
            return tp_fail(c->T, TP_EINVAL, "gradcheck: output %d of the %s is NULL", k, c->name);
    return c->T->status;
}

static double dot(const tp_tensor *a, const tp_tensor *b)
{
    double sum = 0;
    for (int64_t i = 0; a && b && i < a->numel; i++)
        sum += tp_item_at(a, i) * tp_item_at(b, i);
    return sum;
}

/* s at the present inputs */
static double value(check *c)
{
    tp_mark mark = tp_tape_mark(c->T);
    tp_tensor *out[MOST];
    bool was = tp_tape_record(c->T, false);
    double s = call(c, out) == TP_OK ? 0 : NAN;
    for (int k = 0; k < c->n_out; k++)
        if (c->u[k])
            s += dot(out[k], c->u[k]);
    tp_tape_record(c->T, was);
    tp__rewind(c->T, mark);
    return s;
}

/* ds/dx for the inputs that count, NULL for the others. */
static tp_status slopes(check *c, bool create_graph, tp_tensor **grad)
{
    tp_tensor *out[MOST], *roots[MOST], *u[MOST], *x[MOST], *g[MOST];
    int n_roots = 0, n_x = 0;
    if (call(c, out) != TP_OK)
        return c->T->status;
    for (int k = 0; k < c->n_out; k++)
        if (c->u[k] && (out[k]->flags & TP__REQUIRES_GRAD)) {
            roots[n_roots] = out[k];
            u[n_roots++] = c->u[k];
        }
    for (int i = 0; i < c->n; i++) {
        grad[i] = NULL;
        if (c->by[i])
            x[n_x++] = c->in[i];
    }
    if (n_roots == 0)
        return tp_fail(c->T, TP_EGRAPH, "gradcheck: %s: no output has a derivative; one is needed", c->name);
    tp_gradients_options o = {.grad_outputs = u, .create_graph = create_graph, .allow_unused = true};
    tp_status status = tp_gradients(c->T, n_roots, roots, n_x, x, g, &o);
    for (int i = 0, k = 0; i < c->n && status == TP_OK; i++)
        if (c->by[i])
            grad[i] = g[k++];
    return status;
}

/* t at the present inputs and u */
static double slope_value(check *c, tp_tensor *const *v)
{
    tp_mark mark = tp_tape_mark(c->T);
    tp_tensor *grad[MOST];
    double t = slopes(c, false, grad) == TP_OK ? 0 : NAN;
    for (int i = 0; i < c->n; i++)
        if (grad[i] && v[i])
            t += dot(grad[i], v[i]);
    tp__rewind(c->T, mark);
    return t;
}

/* The element of x opposite the diagonal from i; i itself where there is none. */
static int64_t mirror(const tp_tensor *x, int64_t i)
{
    int64_t n = x->shape[x->ndim - 1], matrix = i / (n * n), row = i / n % n, column = i % n;
    return matrix * n * n + column * n + row;
}

/* What is compared: a gradient (NULL: zeros) with differences of s, or of t where there is a v. */
typedef struct {
    check *c;
    tp_tensor *x;
    const tp_tensor *analytic;
    bool symmetric;
    tp_tensor *const *v;
    const char *what;
    int number;
} comparison;

/* The largest of the differences that are too large. */
typedef struct {
    int64_t wrong, at;
    double got, want;
} verdict;

static double function_of(const comparison *m) { return m->v ? slope_value(m->c, m->v) : value(m->c); }

static void judge(const comparison *m, int64_t at, double got, double want, verdict *r)
{
    const tp_gradcheck_options *o = &m->c->o;
    double off = fabs(got - want);
    if (off <= o->atol + o->rtol * fabs(want)) /* false for NaN */
        return;
    if (r->wrong++ == 0 || off > fabs(r->got - r->want) || isnan(off)) {
        r->at = at;
        r->got = got;
        r->want = want;
    }
}

static void compare_element(const comparison *m, int64_t i, verdict *r)
{
    double *at = m->x->data, eps = m->c->o.eps, f[2], got = m->analytic ? tp_item_at(m->analytic, i) : 0;
    int64_t j = m->symmetric ? mirror(m->x, i) : i;
    double keep[2] = {at[i], at[j]};
    if (j != i && m->analytic)
        got += tp_item_at(m->analytic, j);
    for (int side = 0; side < 2; side++) {
        at[i] = keep[0] + (side ? -eps : eps);
        if (j != i)
            at[j] = keep[1] + (side ? -eps : eps);
        f[side] = function_of(m);
        at[i] = keep[0];
        at[j] = keep[1];
    }
    judge(m, i, got, (f[0] - f[1]) / (2 * eps), r);
}

/* A random direction of length one; symmetric where x is. */
static void draw_direction(const comparison *m, double *d)
{
    double norm = 0;
    for (int64_t i = 0; i < m->x->numel; i++)
        d[i] = 2 * tp__rng_uniform_f64(&m->c->dice) - 1;
    for (int64_t i = 0; i < m->x->numel && m->symmetric; i++)
        d[i] = d[mirror(m->x, i)];
    for (int64_t i = 0; i < m->x->numel; i++)
        norm += d[i] * d[i];
    for (int64_t i = 0; i < m->x->numel; i++)
        d[i] /= sqrt(norm);
}

static void compare_direction(const comparison *m, int64_t number, double *d, double *keep, verdict *r)
{
    double *at = m->x->data, eps = m->c->o.eps, f[2], got = 0;
    draw_direction(m, d);
    for (int64_t i = 0; i < m->x->numel && m->analytic; i++)
        got += d[i] * tp_item_at(m->analytic, i);
    memcpy(keep, at, (size_t)m->x->numel * sizeof *at);
    for (int side = 0; side < 2; side++) {
        for (int64_t i = 0; i < m->x->numel; i++)
            at[i] = keep[i] + (side ? -eps : eps) * d[i];
        f[side] = function_of(m);
    }
    memcpy(at, keep, (size_t)m->x->numel * sizeof *at);
    judge(m, number, got, (f[0] - f[1]) / (2 * eps), r);
}

/* Where element i is. */
static tp_dims place_of(const tp_tensor *x, int64_t i)
{
    tp_dims at = tp__dims_of(x);
    for (int d = x->ndim - 1; d >= 0; d--) {
        at.dim[d] = i % x->shape[d];
        i /= x->shape[d];
    }
    return at;
}

static tp_status report(const comparison *m, int64_t n, bool elements, const verdict *r)
{
    char number[40];
    snprintf(number, sizeof number, "%lld", (long long)r->at);
    return tp_fail(m->c->T, TP_ENUMERIC,
                   "gradcheck: %s: %s %d of shape %s, %s %s: the derivative is %.9g, differences say %.9g; %lld of "
                   "%lld %ss differ, this one most",
                   m->c->name, m->what, m->number, TP__SHAPE(m->x), elements ? "element" : "direction",
                   elements ? TP__DIMS(place_of(m->x, r->at)) : number, r->got, r->want, (long long)r->wrong,
                   (long long)n, elements ? "element" : "direction");
}

static tp_status compare(check *c, tp_tensor *x, const tp_tensor *analytic, bool symmetric, tp_tensor *const *v,
                         const char *what, int number)
{
    comparison m = {c, x, analytic, symmetric, v, what, number};
    verdict r = {0};
    bool elements = c->o.directions <= 0 || x->numel <= c->o.directions;
    int64_t n = elements ? x->numel : c->o.directions;
    tp__storage *room = elements ? NULL : tp__pool_alloc(c->T->pool, 2 * (size_t)x->numel * sizeof(double));
    if (!elements && room == NULL)
        return tp_fail(c->T, TP_ENOMEM, "gradcheck: no memory");
    for (int64_t i = 0; i < n && c->T->status == TP_OK; i++)
        if (elements)
            compare_element(&m, i, &r);
        else
            compare_direction(&m, i, room->data, (double *)room->data + x->numel, &r);
    tp__storage_unref(room);
    return c->T->status == TP_OK && r.wrong > 0 ? report(&m, n, elements, &r) : c->T->status;
}

static tp_status first_order(check *c, bool composite)
{
    tp_tensor *grad[MOST];
    if (slopes(c, composite, grad) != TP_OK)
        return c->T->status;
    for (int i = 0; i < c->n && c->T->status == TP_OK; i++)
        if (c->by[i])
            compare(c, c->in[i], grad[i], i == 0 && c->symmetric, NULL,
                    composite || !(c->op && c->op->vjp_fused) ? "input" : "fused, input", i);
    return c->T->status;
}

static tp_status second_order(check *c)
{
    tp_tensor *grad[MOST], *v[MOST] = {NULL}, *roots[MOST], *weight[MOST], *x[2 * MOST], *g[2 * MOST];
    int n_roots = 0, n_x = 0;
    for (int k = 0; k < c->n_out; k++)
        tp_requires_grad(c->u[k], true);
    if (slopes(c, true, grad) != TP_OK)
        return c->T->status;
    for (int i = 0; i < c->n; i++)
        if (c->by[i]) {
            x[n_x++] = c->in[i];
            if (grad[i] && (v[i] = weights(c->T, tp__dims_of(grad[i]), 3 + i)) == NULL)
                return c->T->status;
            if (grad[i] && (grad[i]->flags & TP__REQUIRES_GRAD)) {
                roots[n_roots] = grad[i];
                weight[n_roots++] = v[i];
            }
        }
    for (int k = 0; k < c->n_out; k++)
        if (c->u[k])
            x[n_x++] = c->u[k];
    memset(g, 0, sizeof g);
    if (n_roots > 0) {
        tp_gradients_options o = {.grad_outputs = weight, .allow_unused = true, .retain_graph = true};
        if (tp_gradients(c->T, n_roots, roots, n_x, x, g, &o) != TP_OK)
            return c->T->status;
    }
    int at = 0;
    for (int i = 0; i < c->n && c->T->status == TP_OK; i++)
        if (c->by[i])
            compare(c, c->in[i], g[at++], i == 0 && c->symmetric, v, "second order, input", i);
    for (int k = 0; k < c->n_out && c->T->status == TP_OK; k++)
        if (c->u[k])
            compare(c, c->u[k], g[at++], false, v, "second order, gradient of output", k);
    return c->T->status;
}

/* Copies of the inputs, and weights for the outputs. */
static tp_status prepare(check *c, tp_tensor *const *in)
{
    tp_tensor *out[MOST];
    bool any = false;
    for (int i = 0; i < c->n; i++) {
        if ((c->in[i] = in[i]) == NULL || !(in[i]->flags & TP__REQUIRES_GRAD))
            continue;
        if (!tp__usable(c->T, "gradcheck", in[i]))
            return c->T->status;
        if (in[i]->dtype != TP_F64)
            return tp_fail(c->T, TP_EDTYPE, "gradcheck: %s: input %d is %s; float64 is needed", c->name, i,
                           tp_dtype_name(in[i]->dtype));
        c->in[i] = tp_requires_grad(copy_of(c->T, in[i]), true);
        c->by[i] = any = true;
    }
    if (!any)
        return tp_fail(c->T, TP_EINVAL, "gradcheck: %s: no input asks for a gradient; one is needed", c->name);
    if (call(c, out) != TP_OK)
        return c->T->status;
    for (int k = 0; k < c->n_out; k++) {
        c->u[k] = out[k]->flags & TP__REQUIRES_GRAD ? weights(c->T, tp__dims_of(out[k]), k) : NULL;
        if (c->u[k] && out[k]->dtype != TP_F64)
            return tp_fail(c->T, TP_EDTYPE, "gradcheck: %s: output %d is %s; float64 is needed", c->name, k,
                           tp_dtype_name(out[k]->dtype));
    }
    return c->T->status;
}

/* All of it, with options; `both`: there are two forms of the derivative. */
static tp_status run(check *c, tp_tensor *const *in, bool both, const tp_gradcheck_options *options)
{
    tp_tape *T = c->T;
    if (options)
        c->o = *options;
    c->o.eps = c->o.eps > 0 ? c->o.eps : 1e-6;
    c->o.atol = c->o.atol > 0 ? c->o.atol : 1e-5;
    c->o.rtol = c->o.rtol > 0 ? c->o.rtol : 1e-3;
    c->rng = T->rng;
    tp__rng_seed(&c->dice, 1);
    tp_mark mark = tp_tape_mark(T);
    tp__call_out call;
    tp__enter(T, &call);
    T->speaker = c->f ? "gradcheck_of" : NULL;
    bool was = tp_tape_record(T, true);
    const void *lent = T->lent;
    T->lent = c->attr;
    if (prepare(c, in) == TP_OK)
        first_order(c, false);
    if (T->status == TP_OK && both)
        first_order(c, true);
    if (T->status == TP_OK && c->o.second)
        second_order(c);
    tp_tape_record(T, was);
    tp__leave(&call);
    tp__rewind(T, mark);
    T->lent = lent;
    T->rng = c->rng;
    return T->status;
}

tp_status tp_gradcheck(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in,
                       const tp_gradcheck_options *options)
{
    if (op == NULL || in == NULL)
        return tp__missing(T, "gradcheck", op ? "the list of inputs" : "the operator");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (n < 1 || n > MOST || op->n_out < 1 || op->n_out > TP_MAX_OUT)
        return tp_fail(T, TP_EINVAL, "gradcheck: %s: %d inputs and %d outputs; 1 to %d and 1 to %d are needed",
                       op->name, n, op->n_out, MOST, TP_MAX_OUT);
    check c = {.T = T,
               .name = op->name,
               .op = op,
               .attr = attr,
               .symmetric = (op->flags & TP_OP_SYMMETRIC) != 0,
               .n = n,
               .n_out = op->n_out};
    return run(&c, in, op->vjp && op->vjp_fused, options);
}

tp_status tp_gradcheck_of(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                          const tp_gradcheck_options *options)
{
    if (f == NULL || in == NULL)
        return tp__missing(T, "gradcheck_of", f ? "the list of inputs" : "the function");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (n_in < 1 || n_in > MOST || n_out < 1 || n_out > MOST)
        return tp_fail(T, TP_EINVAL, "gradcheck_of: %d inputs and %d outputs; 1 to %d of each are needed", n_in, n_out,
                       MOST);
    check c = {.T = T, .name = "function", .f = f, .user = user, .n = n_in, .n_out = n_out};
    return run(&c, in, true, options);
}
