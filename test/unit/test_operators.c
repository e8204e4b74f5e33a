/* test_operators.c - the generic tests: every registered operator, on its own samples. A new operator is
 * tested without a change here.
 *
 *     test_operators          all of them
 *     test_operators NAME...  these alone
 *     test_operators --list   their names */
#include "support/alloc.h"
#include "support/support.h"

#include <limits.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MOST = 16, LARGE = 66000 /* two threads' worth */ };

typedef struct {
    int n, n_out;
    tp_tensor *out[TP_MAX_OUT], *grad[MOST];
} result;

static bool draws(const tp_op *op) { return (op->flags & TP_OP_RANDOM) != 0; }
static bool differentiable(const tp_op *op) { return !(op->flags & TP_OP_NO_GRAD) && (op->vjp || op->vjp_fused); }

/* Weights for the outputs, so that gradients are not those of a plain sum. */
static tp_tensor *weights(tp_tape *T, tp_tensor *y)
{
    tp_tensor *w = tp_empty(T, tp_dtype_of(y), tp_shape_of(y));
    for (int64_t i = 0; i < tp_numel(w); i++) {
        double v = 0.25 * (double)(1 + i % 5);
        if (tp_dtype_of(w) == TP_F32)
            ((float *)tp_data(w))[i] = (float)v;
        else
            ((double *)tp_data(w))[i] = v;
    }
    return w;
}

/* Outputs, and gradients of all inputs that ask for one, of the operator applied so many times to the same inputs: the
 * later ones in the sweep add to a gradient that is there. */
static bool evaluate_times(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in, bool composite,
                           int times, result *r)
{
    tp_tensor *roots[2 * TP_MAX_OUT], *w[2 * TP_MAX_OUT], *leaves[MOST], *g[MOST];
    int n_roots = 0, n_leaves = 0;
    memset(r, 0, sizeof *r);
    r->n = n;
    r->n_out = op->n_out;
    for (int t = 0; t < times; t++) {
        tp_manual_seed(T, 5);
        if (tp_apply_all(T, op, attr, n, in, r->out) != TP_OK)
            return false;
        for (int k = 0; k < op->n_out; k++)
            if (tp_needs_grad(r->out[k])) {
                roots[n_roots] = r->out[k];
                w[n_roots++] = tp_mul_scalar(T, weights(T, r->out[k]), 1 + t);
            }
    }
    for (int i = 0; i < n; i++)
        if (tp_needs_grad(in[i]))
            leaves[n_leaves++] = in[i];
    if (n_roots == 0 || n_leaves == 0)
        return true;
    tp_gradients_options o = {.grad_outputs = w, .create_graph = composite, .retain_graph = true, .allow_unused = true};
    if (tp_gradients(T, n_roots, roots, n_leaves, leaves, g, &o) != TP_OK)
        return false;
    for (int i = 0, k = 0; i < n; i++)
        if (tp_needs_grad(in[i]))
            r->grad[i] = g[k++];
    return true;
}

static bool evaluate(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in, bool composite,
                     result *r)
{
    return evaluate_times(T, op, attr, n, in, composite, 1, r);
}

static void expect_close(const tp_op *op, const char *what, const result *a, const result *b, double rtol, double atol)
{
    for (int k = 0; k < a->n_out; k++)
        if (tp_dtype_of(a->out[k]) != TP_U8) /* bytes are what an operator keeps for itself */
            ck_assert_msg(tensors_close(a->out[k], b->out[k], rtol, atol), "%s: %s: output %d differs", op->name, what,
                          k);
    for (int i = 0; i < a->n; i++) {
        ck_assert_msg(!a->grad[i] == !b->grad[i], "%s: %s: gradient %d is missing on one side", op->name, what, i);
        if (a->grad[i])
            ck_assert_msg(tensors_close(a->grad[i], b->grad[i], rtol, atol), "%s: %s: gradient %d differs", op->name,
                          what, i);
    }
}

/* What a test does with each sample. */
typedef struct {
    const tp_op *op;
    int samples;
    int large;              /* samples that were made large */
    uint32_t wanted, added; /* inputs that ask for a gradient; those of which one was added to another */
} context;

static context *start(tp_sampler *s)
{
    context *c = s->user;
    c->samples++;
    return c;
}

static context over_samples(const tp_op *op, tp_dtype dtype,
                            void (*run)(tp_sampler *, const void *, int, tp_tensor *const *))
{
    context c = {.op = op};
    tp_sampler s = {.tape = tp_tape_new(), .dtype = dtype, .run = run, .user = &c};
    ck_assert_msg(op->samples != NULL, "%s has no samples", op->name);
    op->samples(&s);
    ck_no_error(s.tape);
    ck_assert_msg(c.samples > 0, "%s: no sample was run", op->name);
    tp_tape_free(s.tape);
    return c;
}

/* ---- samples made large ------------------------------------------------------------------------------------------ */

/* An input's shape made large enough that its work is split, in three ways, since an operator takes the one or the other:
 * a matrix of many rows; a square one; all sizes but those of 1 times one factor, so that what fits still fits. */
enum { ROWS, SQUARE, ALL_SIZES, WAYS };

static tp_dims enlarged(tp_tensor *x, int way, int64_t factor)
{
    tp_dims shape = tp_shape_of(x);
    if (way != ALL_SIZES)
        return way == ROWS ? tp_shape(300, 222) : tp_shape(258, 258);
    for (int d = 0; d < shape.ndim; d++)
        if (shape.dim[d] > 1)
            shape.dim[d] *= factor;
    return shape;
}

/* By which factor the sizes grow until the largest input has LARGE elements. Of vectors a product of pairs may be wanted. */
static int64_t factor_of(int n, tp_tensor *const *in)
{
    double factor = n > 1 ? 200 : LARGE;
    for (int i = 0; i < n; i++) {
        int dims = 0;
        for (int d = 0; d < tp_ndim(in[i]); d++)
            dims += tp_size(in[i], d) > 1;
        if (tp_numel(in[i]) == 0)
            return 1;
        if (dims > 0)
            factor = fmin(factor, 1 + pow(LARGE / (double)tp_numel(in[i]), 1.0 / dims));
    }
    return (int64_t)factor;
}

/* The inputs of a sample, made large in that way, no two alike; how many elements the largest has. */
static int64_t make_large(tp_sampler *s, int n, tp_tensor *const *in, int way, tp_tensor **x)
{
    int64_t factor = factor_of(n, in), most = 0;
    for (int i = 0; i < n; i++) {
        tp_dims shape = enlarged(in[i], way, factor);
        x[i] = tp_dtype_is_float(tp_dtype_of(in[i]))
                   ? tp_requires_grad(tp_sample_tensor(s, shape, 0.2, 0.9 - 0.05 * (i % 4)), tp_needs_grad(in[i]))
                   : tp_to(s->tape, tp_sample_index(s, shape, 0, 2), tp_dtype_of(in[i]));
        most = tp_numel(x[i]) > most ? tp_numel(x[i]) : most;
    }
    return most;
}

/* The first of these ways: without attributes matrices are what they were for the first sample. */
static int first_way(const context *c) { return c->samples > 1 && c->op->attr_size == 0 ? ALL_SIZES : 0; }

/* ---- (1) float32 against float64 -------------------------------------------------------------------------- */

static void run_precision(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    tp_tensor *narrow[MOST];
    result a, b;
    tp_dtype f32 = TP_F32;
    for (int i = 0; i < n; i++) {
        narrow[i] = tp_dtype_of(in[i]) == TP_F64 ? tp_detach(s->tape, tp_to(s->tape, in[i], TP_F32)) : in[i];
        if (tp_needs_grad(in[i]))
            tp_requires_grad(narrow[i], true);
    }
    if (strcmp(c->op->name, "to") == 0) /* its attribute is the dtype */
        attr = &f32;
    ck_assert_msg(evaluate(s->tape, c->op, attr, n, in, false, &a), "%s", tp_error(s->tape));
    ck_assert_msg(evaluate(s->tape, c->op, attr, n, narrow, false, &b), "%s", tp_error(s->tape));
    expect_close(c->op, "float32 against float64", &b, &a, 2e-5, 2e-5);
}

START_TEST(precision)
{
    if (!draws(tp_op_at(_i))) /* the two precisions draw differently */
        over_samples(tp_op_at(_i), TP_F64, run_precision);
}
END_TEST

/* ---- (2), (3) gradcheck of first and second order ----------------------------------------------------------- */

static void check_derivative(tp_sampler *s, const void *attr, int n, tp_tensor *const *in, bool second)
{
    context *c = start(s);
    bool any = false;
    for (int i = 0; i < n; i++)
        any |= tp_needs_grad(in[i]) && tp_numel(in[i]) > 0;
    if (!differentiable(c->op) || !any)
        return;
    tp_gradcheck_options o = {.second = second, .rtol = 1e-5, .atol = 2e-6};
    ck_assert_msg(tp_gradcheck(s->tape, c->op, attr, n, in, &o) == TP_OK, "%s", tp_error(s->tape));
}

static void run_first(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    check_derivative(s, attr, n, in, false);
}
static void run_second(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    check_derivative(s, attr, n, in, true);
}

START_TEST(first_order) { over_samples(tp_op_at(_i), TP_F64, run_first); }
END_TEST
START_TEST(second_order)
{
    if (tp_op_at(_i)->vjp)
        over_samples(tp_op_at(_i), TP_F64, run_second);
}
END_TEST

/* ---- (4) the fused derivative against the composite one, fresh and added to what is there -------------------- */

static void run_fused(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    result a, b;
    for (int times = 2; times >= 1; times--) {
        ck_assert_msg(evaluate_times(s->tape, c->op, attr, n, in, false, times, &a), "%s", tp_error(s->tape));
        ck_assert_msg(evaluate_times(s->tape, c->op, attr, n, in, true, times, &b), "%s", tp_error(s->tape));
        expect_close(c->op, times == 1 ? "fused against composite" : "fused, added up", &a, &b, 1e-10, 1e-12);
    }
}

START_TEST(fused)
{
    if (tp_op_at(_i)->vjp && tp_op_at(_i)->vjp_fused)
        over_samples(tp_op_at(_i), TP_F64, run_fused);
}
END_TEST

/* ---- a fused derivative adds to every gradient that is there, of floats of either kind, small or large ------------------ */

/* One sweep to these leaves, of weights that lie one after another or are one number spread out; false where the operator
 * refuses these inputs. */
static bool sweep_once(tp_sampler *s, const void *attr, int n, tp_tensor *const *own, bool spread)
{
    context *c = s->user;
    tp_tape *T = s->tape;
    tp_tensor *out[TP_MAX_OUT], *roots[TP_MAX_OUT], *w[TP_MAX_OUT];
    int k = 0;
    tp_manual_seed(T, 5);
    bool ok = tp_apply_all(T, c->op, attr, n, own, out) == TP_OK;
    for (int o = 0; o < c->op->n_out && ok; o++)
        if (tp_needs_grad(out[o])) {
            roots[k] = out[o];
            w[k++] = spread ? tp_expand(T, tp_scalar(T, tp_dtype_of(out[o]), 0.75), tp_shape_of(out[o]))
                            : weights(T, out[o]);
        }
    if (ok && k > 0)
        ok = tp_backward_from(T, k, roots, &(tp_backward_options){.grad_outputs = w}) == TP_OK;
    tp_clear_error(T); /* sizes that do not fit, or a singular matrix */
    return ok;
}

/* Of owned copies: two sweeps add to one buffer, which the first of them finds fresh. False where the operator refuses. */
static bool expect_added(tp_sampler *s, const void *attr, int n, tp_tensor *const *in, bool spread)
{
    context *c = s->user;
    tp_tensor *own[MOST] = {NULL}, *once[MOST] = {NULL};
    double rtol = s->dtype == TP_F64 ? 1e-10 : 1e-4, atol = s->dtype == TP_F64 ? 1e-12 : 1e-5;
    for (int i = 0; i < n; i++) {
        tp_tensor *copy = i > 0 && in[i] == in[0] ? NULL : tp_clone(s->tape, tp_detach(s->tape, in[i]));
        own[i] = copy ? tp_requires_grad(tp_keep(copy), tp_needs_grad(in[i])) : own[0];
    }
    bool ok = sweep_once(s, attr, n, own, spread);
    for (int i = 0; i < n && ok; i++)
        if (tp_needs_grad(own[i]) && tp_grad(own[i]))
            once[i] = tp_clone(s->tape, tp_detach(s->tape, tp_grad(own[i])));
    ok = ok && sweep_once(s, attr, n, own, spread);
    for (int i = 0; i < n && ok; i++)
        if (once[i]) {
            ck_assert_msg(tensors_close(tp_grad(own[i]), tp_mul_scalar(s->tape, once[i], 2), rtol, atol),
                          "%s: of %s, input %d of %lld elements: two gradients are not twice the one", c->op->name,
                          tp_dtype_name(s->dtype), i, (long long)tp_numel(own[i]));
            c->added |= (uint32_t)(tp_numel(once[i]) > 0 && tp_item(tp_any(s->tape, once[i])) != 0) << i;
        }
    for (int i = 0; i < n; i++)
        if (i == 0 || own[i] != own[0])
            tp_free(own[i]);
    return ok;
}

static void run_added(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    tp_tensor *x[MOST];
    for (int i = 0; i < n; i++) {
        x[i] = in[i];
        c->wanted |= (uint32_t)(tp_needs_grad(in[i]) && tp_numel(in[i]) > 0) << i;
    }
    for (int spread = 0; spread < 2; spread++)
        expect_added(s, attr, n, in, spread);
    if (c->op->flags & TP_OP_ELEMENTWISE) { /* fused only of inputs alike */
        tp_broadcast_tensors(s->tape, n, in, x);
        expect_added(s, attr, n, x, false);
    }
    if (n > 1 && tp_needs_grad(x[0]) && tp_needs_grad(x[1])) {
        x[1] = x[0]; /* one tensor twice: both add */
        expect_added(s, attr, n, x, false);
    }
    bool done = false;
    for (int way = first_way(c); way < WAYS && !done; way++) {
        tp_mark here = tp_tape_mark(s->tape);
        make_large(s, n, in, way, x);
        done = expect_added(s, attr, n, x, false);
        tp_tape_rewind(s->tape, here);
    }
}

START_TEST(added)
{
    for (int dtype = TP_F32; dtype <= TP_F64 && tp_op_at(_i)->vjp_fused; dtype++) {
        context c = over_samples(tp_op_at(_i), (tp_dtype)dtype, run_added);
        ck_assert_msg((c.wanted & ~c.added) == 0, "%s: to some input nothing was added: %x of %x", tp_op_at(_i)->name,
                      (unsigned)c.added, (unsigned)c.wanted);
    }
}
END_TEST

/* ---- (5) any layout against contiguous ---------------------------------------------------------------------------- */

typedef tp_tensor *(*relayout)(tp_tape *T, tp_tensor *x);

static tp_tensor *transposed(tp_tape *T, tp_tensor *x)
{
    tp_dims back = {.ndim = tp_ndim(x)};
    for (int d = 0; d < back.ndim; d++)
        back.dim[d] = back.ndim - 1 - d;
    return tp_permute(T, tp_contiguous(T, tp_permute(T, x, back)), back);
}

/* Every second element of something larger. */
static tp_tensor *stepped(tp_tape *T, tp_tensor *x)
{
    int last = tp_ndim(x) - 1;
    if (last < 0)
        return x;
    tp_tensor *pair[2] = {x, tp_zeros_like(T, x)};
    tp_dims shape = tp_shape_of(x);
    shape.dim[last] *= 2;
    return tp_slice(T, tp_reshape(T, tp_stack(T, 2, pair, -1), shape), last, 0, INT64_MAX, 2);
}

/* The first slice, again and again. */
static tp_tensor *repeated(tp_tape *T, tp_tensor *x)
{
    return tp_ndim(x) == 0 || tp_size(x, 0) == 0 ? x : tp_expand(T, tp_narrow(T, x, 0, 0, 1), tp_shape_of(x));
}

static void run_layout(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    static const relayout ways[] = {transposed, stepped, repeated};
    static const char *const names[] = {"transposed", "every second", "broadcast"};
    context *c = start(s);
    for (size_t w = 0; w < LENGTH(ways); w++) {
        tp_tensor *odd[MOST], *even[MOST];
        result a, b;
        for (int i = 0; i < n; i++) {
            odd[i] = tp_detach(s->tape, ways[w](s->tape, in[i]));
            even[i] = tp_detach(s->tape, tp_clone(s->tape, odd[i]));
            if (tp_needs_grad(in[i])) {
                tp_requires_grad(odd[i], true);
                tp_requires_grad(even[i], true);
            }
        }
        ck_no_error(s->tape);
        bool ok = evaluate(s->tape, c->op, attr, n, even, false, &b);
        tp_status failed = tp_error_status(s->tape);
        tp_clear_error(s->tape);
        ck_assert_msg(evaluate(s->tape, c->op, attr, n, odd, false, &a) == ok && tp_error_status(s->tape) == failed,
                      "%s: %s: %s", c->op->name, names[w], tp_error(s->tape));
        tp_clear_error(s->tape); /* a singular matrix, say: on both sides */
        if (ok)
            expect_close(c->op, names[w], &a, &b, 1e-12, 1e-13);
    }
}

START_TEST(layout)
{
    const tp_op *op = tp_op_at(_i);
    bool refuses = strcmp(op->name, "view") == 0 || strcmp(op->name, "reshape") == 0; /* rightly, to be views */
    bool sees_storage = strcmp(op->name, "as_strided") == 0;                          /* whatever x's layout  */
    if (!refuses && !sees_storage)
        over_samples(op, TP_F64, run_layout);
}
END_TEST

/* ---- (6) nothing, and single numbers -------------------------------------------------------------------------------- */

/* With inputs of these shapes an operator works or says what is wrong; it does not crash. */
static void try_shapes(tp_sampler *s, const void *attr, int n, tp_tensor *const *in, tp_dims shape, bool all)
{
    context *c = s->user;
    for (int at = 0; at < (all ? 1 : n); at++) {
        tp_tensor *odd[MOST];
        result r;
        for (int i = 0; i < n; i++) {
            bool here = all || i == at;
            odd[i] = here ? tp_zeros(s->tape, tp_dtype_of(in[i]), shape) : in[i];
            if (here && tp_needs_grad(in[i]))
                tp_requires_grad(odd[i], true);
        }
        if (!evaluate(s->tape, c->op, attr, n, odd, false, &r))
            ck_assert_msg(tp_error(s->tape) && strlen(tp_error(s->tape)) > 5, "%s fails and does not say why",
                          c->op->name);
        tp_clear_error(s->tape);
    }
}

static void run_empty(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    start(s);
    for (int all = 0; all < 2; all++) {
        try_shapes(s, attr, n, in, TP_SCALAR, all);
        try_shapes(s, attr, n, in, tp_shape(0), all);
        try_shapes(s, attr, n, in, tp_shape(3, 0), all);
        try_shapes(s, attr, n, in, tp_shape(0, 3, 2), all);
    }
}

START_TEST(empty) { over_samples(tp_op_at(_i), TP_F32, run_empty); }
END_TEST

/* ---- (7) the n-th allocation fails --------------------------------------------------------------------------------- */

static void run_once(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    result r;
    evaluate(s->tape, c->op, attr, n, in, false, &r);
}

START_TEST(out_of_memory)
{
    const tp_op *op = tp_op_at(_i);
    tp_tape_free(tp_tape_new());
    for (long n = 1;; n++) {
        ck_assert_msg(n < 10000, "%s: no end of allocations", op->name);
        long long live = alloc_live();
        context c = {.op = op};
        alloc_fail_at(n);
        tp_sampler s = {.tape = tp_tape_new(), .dtype = TP_F32, .run = run_once, .user = &c};
        if (s.tape)
            op->samples(&s);
        bool reached = alloc_requests() >= n;
        alloc_fail_at(0);
        tp_status status = s.tape ? tp_error_status(s.tape) : TP_ENOMEM;
        tp_tape_free(s.tape);
        live -= alloc_live(); /* before Check allocates for itself */
        ck_assert_msg(status == TP_ENOMEM || !reached, "%s: allocation %ld failed, and the status is %s", op->name, n,
                      tp_status_name(status));
        ck_assert_msg(live == 0, "%s: allocation %ld failed, and %lld blocks leak", op->name, n, -live);
        if (!reached)
            break;
    }
}
END_TEST

/* ---- (8) bad arguments ------------------------------------------------------------------------------------------------ */

static void expect_message(tp_tape *T, const tp_op *op, tp_status status, const char *what)
{
    ck_assert_msg(tp_error_status(T) == status, "%s: %s: %s", op->name, what, tp_status_name(tp_error_status(T)));
    ck_assert_msg(strstr(tp_error(T), op->name) != NULL, "%s: %s: the message \"%s\" does not name it", op->name, what,
                  tp_error(T));
    tp_clear_error(T);
}

static void run_bad(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    tp_tape *T = s->tape, *U = tp_tape_new();
    tp_tensor *bad[MOST];
    for (int i = 0; i < n; i++) {
        memcpy(bad, in, (size_t)n * sizeof *bad);
        bad[i] = NULL;
        ck_assert_msg(tp_apply(T, c->op, attr, n, bad) == NULL && tp_error(T) && strstr(tp_error(T), "is NULL"),
                      "%s: NULL is passed on quietly", c->op->name);
        expect_message(T, c->op, TP_EINVAL, "NULL");
        bad[i] = tp_zeros(U, tp_dtype_of(in[i]), tp_shape_of(in[i]));
        ck_assert_ptr_null(tp_apply(T, c->op, attr, n, bad));
        expect_message(T, c->op, TP_EFOREIGN, "a tensor of another tape");
        for (int dtype = 0; dtype < TP_DTYPES; dtype++) {
            bad[i] = tp_zeros(T, (tp_dtype)dtype, tp_shape_of(in[i]));
            if (tp_apply(T, c->op, attr, n, bad) == NULL)
                expect_message(T, c->op, tp_error_status(T), "a dtype");
        }
    }
    if (c->op->n_in > 0) {
        memcpy(bad, in, (size_t)n * sizeof *bad);
        bad[n] = in[0];
        ck_assert_ptr_null(tp_apply(T, c->op, attr, n + 1, bad));
        expect_message(T, c->op, TP_EINVAL, "one input too many");
    }
    try_shapes(s, attr, n, in, tp_shape(7, 11, 13), false);
    try_shapes(s, attr, n, in, tp_shape(5, 7), false);
    try_shapes(s, attr, n, in, tp_shape(1, 1, 2, 1, 3, 1, 2, 1), false);
    tp_fail(T, TP_EUSER, "before");
    ck_assert_msg(tp_apply(T, c->op, attr, n, in) == NULL && tp_error_status(T) == TP_EUSER,
                  "%s: runs on a failed tape", c->op->name);
    tp_clear_error(T);
    tp_tape_free(U);
}

START_TEST(bad_arguments) { over_samples(tp_op_at(_i), TP_F32, run_bad); }
END_TEST

/* ---- (9) the same bits on one thread and on two ---------------------------------------------------------------------- */

#ifdef _OPENMP
static void expect_identical(const tp_op *op, const result *a, const result *b)
{
    for (int k = 0; k < a->n_out; k++)
        ck_assert_msg(tensors_identical(a->out[k], b->out[k]), "%s: output %d depends on the threads", op->name, k);
    for (int i = 0; i < a->n; i++)
        if (a->grad[i])
            ck_assert_msg(tensors_identical(a->grad[i], b->grad[i]), "%s: gradient %d depends on the threads", op->name,
                          i);
}
#endif

#ifdef _OPENMP
static bool evaluate_on(int threads, tp_sampler *s, const void *attr, int n, tp_tensor *const *x, result *r)
{
    context *c = s->user;
    omp_set_num_threads(threads);
    bool ok = evaluate(s->tape, c->op, attr, n, x, false, r);
    tp_clear_error(s->tape);
    return ok;
}
#endif

static void run_threads(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
#ifdef _OPENMP
    for (int way = first_way(c); way < WAYS; way++) {
        tp_mark here = tp_tape_mark(s->tape);
        tp_tensor *x[MOST];
        result one, more;
        int64_t most = make_large(s, n, in, way, x);
        bool ok = evaluate_on(1, s, attr, n, x, &one);
        ck_assert_msg(evaluate_on(2 + way % 2, s, attr, n, x, &more) == ok, "%s fails", c->op->name);
        if (ok)
            expect_identical(c->op, &one, &more);
        c->large += ok && most > LARGE / 3;
        tp_tape_rewind(s->tape, here);
    }
#else
    (void)attr, (void)n, (void)in, (void)c;
#endif
}

/* Those of which no large sample can be made, since their attributes hold the sizes or their inputs are of a kind. The views
 * compute nothing and a histogram is counted on one thread; of the others there are large ones below, in test_conv.c and
 * in test_pool.c, test_pad.c and test_linalg_equations.c. */
static const char *const sized[] = {"dot",
                                    "linalg_cross",
                                    "view",
                                    "reshape",
                                    "slice_backward",
                                    "diagonal",
                                    "unfold",
                                    "put_back",
                                    "view_scatter",
                                    "as_strided",
                                    "histogram",
                                    "exchange_rows",
                                    "lu_slope",
                                    "qr_slope",
                                    "ldl_parts",
                                    "linalg_ldl_solve",
                                    "linalg_solve_tridiagonal",
                                    "convolution",
                                    "convolution_by_input",
                                    "convolution_by_weight",
                                    "max_pool",
                                    "max_pool_values",
                                    "avg_pool",
                                    "adaptive_avg_pool",
                                    "pad",
                                    "interpolate",
                                    "im2col",
                                    "col2im",
                                    "grid_sample",
                                    "grid_scatter"};

START_TEST(threads)
{
    bool exempt = false;
    for (size_t i = 0; i < LENGTH(sized); i++)
        exempt |= strcmp(tp_op_at(_i)->name, sized[i]) == 0;
    int large = over_samples(tp_op_at(_i), TP_F32, run_threads).large;
#ifdef _OPENMP
    ck_assert_msg((large > 0) != exempt, "%s: %d large samples", tp_op_at(_i)->name, large);
#else
    (void)large, (void)exempt;
#endif
}
END_TEST

#ifdef _OPENMP
static tp_tensor *large_one(tp_tape *T, int which, tp_tensor *x)
{
    tp_tensor *tall = tp_reshape(T, tp_slice(T, x, 0, 0, 120000, 1), tp_shape(40000, 3));
    tp_tensor *square = tp_reshape(T, tp_slice(T, x, 0, 0, 90000, 1), tp_shape(300, 300));
    tp_tensor *definite = tp_add(T, tp_mm(T, square, tp_t(T, square)), tp_eye(T, TP_F32, 300, 300));
    switch (which) {
    case 0:
        return tp_dot(T, x, tp_square(T, x));
    case 1:
        return tp_linalg_cross(T, tall, tp_square(T, tall), -1);
    case 2:
        return tp_slice(T, x, 0, 1, INT64_MAX, 3);
    case 3:
        return tp_diagonal(T, square, 0, 0, 1);
    case 4:
        return tp_unfold(T, x, 0, 5, 3);
    case 5:
        return tp_slice_scatter(T, x, tp_slice(T, x, 0, 0, 70000, 1), 0, 7, 140007, 2);
    default:
        return tp_linalg_cholesky(T, definite);
    }
}
#endif

START_TEST(threads_of_large)
{
#ifdef _OPENMP
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_keep(tp_rand(T, TP_F32, tp_shape(150000)));
    tp_tensor *was[2] = {NULL};
    tp_requires_grad(x, true);
    for (int count = 1; count <= 3; count++) {
        omp_set_num_threads(count);
        tp_tensor *y = large_one(T, _i, x);
        tp_backward(T, tp_sum(T, tp_square(T, y)));
        ck_no_error(T);
        tp_tensor *now[2] = {tp_clone(T, tp_detach(T, y)), tp_clone(T, tp_grad(x))};
        for (int k = 0; k < 2; k++) {
            ck_assert_msg(count == 1 || tensors_identical(was[k], now[k]), "%d, on %d threads", k, count);
            was[k] = now[k];
        }
        tp_zero_grad(x);
    }
    tp_free(x);
    tp_tape_free(T);
#endif
}
END_TEST

/* ---- the registry ------------------------------------------------------------------------------------------------------ */

START_TEST(registry)
{
    int n = 0;
    for (const tp_op *op; (op = tp_op_at(n)) != NULL; n++) {
        ck_assert_msg(tp_op_find(op->name) == op, "two operators are called %s", op->name);
        ck_assert_msg(op->infer != NULL, "%s has no infer", op->name);
        ck_assert_msg(op->vjp || (op->flags & TP_OP_NO_GRAD), "%s has no vjp and does not say so", op->name);
    }
    ck_assert_ptr_null(tp_op_at(n + 1));
    ck_assert_ptr_null(tp_op_at(INT_MAX));
    ck_assert_ptr_null(tp_op_at(-1));
    ck_assert_ptr_null(tp_op_find("no such operator"));
    ck_assert_ptr_null(tp_op_find(NULL));
}
END_TEST

static TCase *case_of(Suite *suite, const char *name)
{
    TCase *t = tcase_create(name);
    tcase_set_timeout(t, 120);
    suite_add_tcase(suite, t);
    return t;
}

/* The generic tests of the operators from one place in the registry to another. */
static void add_generic(Suite *suite, int from, int to)
{
    tcase_add_loop_test(case_of(suite, "precision"), precision, from, to);
    tcase_add_loop_test(case_of(suite, "first_order"), first_order, from, to);
    tcase_add_loop_test(case_of(suite, "second_order"), second_order, from, to);
    tcase_add_loop_test(case_of(suite, "fused"), fused, from, to);
    tcase_add_loop_test(case_of(suite, "added"), added, from, to);
    tcase_add_loop_test(case_of(suite, "layout"), layout, from, to);
    tcase_add_loop_test(case_of(suite, "empty"), empty, from, to);
    tcase_add_loop_test(case_of(suite, "out_of_memory"), out_of_memory, from, to);
    tcase_add_loop_test(case_of(suite, "bad_arguments"), bad_arguments, from, to);
    tcase_add_loop_test(case_of(suite, "threads"), threads, from, to);
}

static int place_of(const char *name)
{
    int i = 0;
    while (tp_op_at(i) && strcmp(tp_op_at(i)->name, name) != 0)
        i++;
    return tp_op_at(i) ? i : -1;
}

static int list(void)
{
    for (int i = 0; tp_op_at(i); i++)
        puts(tp_op_at(i)->name);
    return 0;
}

int main(int argc, char **argv)
{
    int n = 0;
    while (tp_op_at(n))
        n++;
    if (argc > 1 && strcmp(argv[1], "--list") == 0)
        return list();
    Suite *suite = suite_create("operators");
    if (argc == 1) {
        tcase_add_test(case_of(suite, "registry"), registry);
        add_generic(suite, 0, n);
        tcase_add_loop_test(case_of(suite, "threads"), threads_of_large, 0, 7);
    }
    for (int i = 1; i < argc; i++) {
        int at = place_of(argv[i]);
        if (at < 0) {
            fprintf(stderr, "no operator is called %s: test_operators --list names them\n", argv[i]);
            return 2;
        }
        add_generic(suite, at, at + 1);
    }
    return run_suite(suite);
}
