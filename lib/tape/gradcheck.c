/* gradcheck.c - an operator's derivatives against central differences.
 *
 * What is differentiated is s(x) = sum of u . y over the outputs y = op(x), with fixed u; for the second
 * order t(x, u) = sum of v . ds/dx, with fixed v, whose derivatives by x and by u are checked.
 */
#include "tape/internal.h"

#include <math.h>
#include <string.h>

enum { MOST = 16 };

typedef struct {
    tp_tape *T;
    const tp_op *op;
    const void *attr;
    int n;
    tp_tensor *in[MOST]; /* copies, those that count as leaves */
    bool by[MOST];       /* differentiate by this input */
    int n_out;
    tp_tensor *u[TP_MAX_OUT]; /* NULL for outputs without a gradient */
    tp_gradcheck_options o;
    tp__rng rng; /* random operators draw the same each time */
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
    return tp_apply_all(c->T, c->op, c->attr, c->n, c->in, out);
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
    tp_tensor *out[TP_MAX_OUT];
    bool was = tp_tape_record(c->T, false);
    double s = call(c, out) == TP_OK ? 0 : NAN;
    for (int k = 0; k < c->n_out; k++)
        if (c->u[k])
            s += dot(out[k], c->u[k]);
    tp_tape_record(c->T, was);
    tp_tape_rewind(c->T, mark);
    return s;
}

/* ds/dx for the inputs that count, NULL for the others. */
static tp_status slopes(check *c, bool create_graph, tp_tensor **grad)
{
    tp_tensor *out[TP_MAX_OUT], *roots[TP_MAX_OUT], *u[TP_MAX_OUT], *x[MOST], *g[MOST];
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
        return tp_fail(c->T, TP_EGRAPH, "gradcheck: %s: has no derivative", c->op->name);
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
    tp_tape_rewind(c->T, mark);
    return t;
}

/* The element of x opposite the diagonal from i; i itself where there is none. */
static int64_t mirror(const tp_tensor *x, int64_t i)
{
    int64_t n = x->shape[x->ndim - 1], matrix = i / (n * n), row = i / n % n, column = i % n;
    return matrix * n * n + column * n + row;
}

/* Compares a gradient (NULL: zeros) with differences of f along each element of x. */
static tp_status compare(check *c, tp_tensor *x, const tp_tensor *analytic, bool symmetric, tp_tensor *const *v,
                         const char *what, int number)
{
    double *at = x->data;
    for (int64_t i = 0; i < x->numel; i++) {
        int64_t j = symmetric ? mirror(x, i) : i;
        double keep[2] = {at[i], at[j]}, got = analytic ? tp_item_at(analytic, i) : 0, f[2];
        if (j != i && analytic)
            got += tp_item_at(analytic, j);
        for (int side = 0; side < 2; side++) {
            at[i] = keep[0] + (side ? -c->o.eps : c->o.eps);
            if (j != i)
                at[j] = keep[1] + (side ? -c->o.eps : c->o.eps);
            f[side] = v ? slope_value(c, v) : value(c);
            at[i] = keep[0];
            at[j] = keep[1];
        }
        double want = (f[0] - f[1]) / (2 * c->o.eps);
        if (c->T->status != TP_OK)
            return c->T->status;
        if (!(fabs(got - want) <= c->o.atol + c->o.rtol * fabs(want)))
            return tp_fail(c->T, TP_ENUMERIC,
                           "gradcheck: %s: %s %d, element %lld: the derivative is %.9g, differences say %.9g",
                           c->op->name, what, number, (long long)i, got, want);
    }
    return TP_OK;
}

static tp_status first_order(check *c, bool composite)
{
    tp_tensor *grad[MOST];
    if (slopes(c, composite, grad) != TP_OK)
        return c->T->status;
    for (int i = 0; i < c->n && c->T->status == TP_OK; i++)
        if (c->by[i])
            compare(c, c->in[i], grad[i], i == 0 && (c->op->flags & TP_OP_SYMMETRIC), NULL,
                    composite || c->op->vjp_fused == NULL ? "input" : "fused, input", i);
    return c->T->status;
}

static tp_status second_order(check *c)
{
    tp_tensor *grad[MOST], *v[MOST] = {NULL}, *roots[MOST], *weight[MOST], *x[MOST + TP_MAX_OUT], *g[MOST + TP_MAX_OUT];
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
            compare(c, c->in[i], g[at++], i == 0 && (c->op->flags & TP_OP_SYMMETRIC), v, "second order, input", i);
    for (int k = 0; k < c->n_out && c->T->status == TP_OK; k++)
        if (c->u[k])
            compare(c, c->u[k], g[at++], false, v, "second order, gradient of output", k);
    return c->T->status;
}

/* Copies of the inputs, and weights for the outputs. */
static tp_status prepare(check *c, tp_tensor *const *in)
{
    tp_tensor *out[TP_MAX_OUT];
    bool any = false;
    for (int i = 0; i < c->n; i++) {
        if ((c->in[i] = in[i]) == NULL || !(in[i]->flags & TP__REQUIRES_GRAD))
            continue;
        if (!tp__usable(c->T, "gradcheck", in[i]))
            return c->T->status;
        if (in[i]->dtype != TP_F64)
            return tp_fail(c->T, TP_EDTYPE, "gradcheck: %s: input %d is %s; float64 is needed", c->op->name, i,
                           tp_dtype_name((tp_dtype)in[i]->dtype));
        c->in[i] = tp_requires_grad(copy_of(c->T, in[i]), true);
        c->by[i] = any = true;
    }
    if (!any)
        return tp_fail(c->T, TP_EINVAL, "gradcheck: %s: no input asks for a gradient", c->op->name);
    if (call(c, out) != TP_OK)
        return c->T->status;
    for (int k = 0; k < c->n_out; k++) {
        c->u[k] = out[k]->flags & TP__REQUIRES_GRAD ? weights(c->T, tp__dims_of(out[k]), k) : NULL;
        if (c->u[k] && out[k]->dtype != TP_F64)
            return tp_fail(c->T, TP_EDTYPE, "gradcheck: %s: output %d is not float64", c->op->name, k);
    }
    return c->T->status;
}

tp_status tp_gradcheck(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in,
                       const tp_gradcheck_options *options)
{
    if (!tp__ok(T) || op == NULL || in == NULL)
        return T && T->status != TP_OK ? T->status : TP_EINVAL;
    if (n < 1 || n > MOST || op->n_out < 1 || op->n_out > TP_MAX_OUT)
        return tp_fail(T, TP_EINVAL, "gradcheck: %s: takes 1 to %d inputs", op->name, MOST);
    check c = {.T = T, .op = op, .attr = attr, .n = n, .n_out = op->n_out, .rng = T->rng};
    if (options)
        c.o = *options;
    c.o.eps = c.o.eps > 0 ? c.o.eps : 1e-6;
    c.o.atol = c.o.atol > 0 ? c.o.atol : 1e-5;
    c.o.rtol = c.o.rtol > 0 ? c.o.rtol : 1e-3;
    tp_mark mark = tp_tape_mark(T);
    bool was = tp_tape_record(T, true);
    if (prepare(&c, in) == TP_OK)
        first_order(&c, false);
    if (T->status == TP_OK && op->vjp && op->vjp_fused)
        first_order(&c, true);
    if (T->status == TP_OK && c.o.second)
        second_order(&c);
    tp_tape_record(T, was);
    tp_tape_rewind(T, mark);
    return T->status;
}
