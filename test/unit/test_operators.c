/* test_operators.c - the generic tests: every registered operator, on its own samples. A new operator is
 * tested without a change here. */
#include "support/alloc.h"
#include "support/support.h"

#ifdef _OPENMP
#include <omp.h>
#endif

enum { MOST = 16 };

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
    tp_dtype other;
} context;

static context *start(tp_sampler *s)
{
    context *c = s->user;
    c->samples++;
    return c;
}

static void over_samples(const tp_op *op, tp_dtype dtype,
                         void (*run)(tp_sampler *, const void *, int, tp_tensor *const *))
{
    context c = {.op = op};
    tp_sampler s = {.tape = tp_tape_new(), .dtype = dtype, .run = run, .user = &c};
    ck_assert_msg(op->samples != NULL, "%s has no samples", op->name);
    op->samples(&s);
    ck_no_error(s.tape);
    ck_assert_msg(c.samples > 0, "%s: no sample was run", op->name);
    tp_tape_free(s.tape);
}

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

/* Owned copies of the inputs: two sweeps add to one buffer, the first of which finds it fresh. */
static void run_fused_into_leaves(tp_sampler *s, const void *attr, int n, tp_tensor *const *in, const result *once)
{
    context *c = s->user;
    tp_tensor *own[MOST];
    result r;
    for (int i = 0; i < n; i++)
        own[i] = tp_requires_grad(tp_keep(tp_clone(s->tape, tp_detach(s->tape, in[i]))), tp_needs_grad(in[i]));
    for (int sweeps = 1; sweeps <= 2; sweeps++) {
        tp_tensor *roots[TP_MAX_OUT], *w[TP_MAX_OUT];
        int k = 0;
        memset(&r, 0, sizeof r);
        r.n = n;
        tp_manual_seed(s->tape, 5);
        tp_apply_all(s->tape, c->op, attr, n, own, r.out);
        for (int o = 0; o < c->op->n_out; o++)
            if (tp_needs_grad(r.out[o])) {
                roots[k] = r.out[o];
                w[k++] = weights(s->tape, r.out[o]);
            }
        if (k > 0)
            tp_backward_from(s->tape, k, roots, &(tp_backward_options){.grad_outputs = w});
        ck_no_error(s->tape);
        for (int i = 0; i < n; i++)
            if (once->grad[i])
                r.grad[i] = tp_mul_scalar(s->tape, tp_detach(s->tape, tp_grad(own[i])), 1.0 / sweeps);
        expect_close(c->op, sweeps == 1 ? "into fresh leaves" : "into leaves once more", &r, once, 1e-10, 1e-12);
    }
    for (int i = 0; i < n; i++)
        tp_free(own[i]);
}

static void run_fused(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    context *c = start(s);
    result a, b;
    for (int times = 2; times >= 1; times--) {
        ck_assert_msg(evaluate_times(s->tape, c->op, attr, n, in, false, times, &a), "%s", tp_error(s->tape));
        ck_assert_msg(evaluate_times(s->tape, c->op, attr, n, in, true, times, &b), "%s", tp_error(s->tape));
        expect_close(c->op, times == 1 ? "fused against composite" : "fused, added up", &a, &b, 1e-10, 1e-12);
    }
    run_fused_into_leaves(s, attr, n, in, &b);
}

START_TEST(fused)
{
    if (tp_op_at(_i)->vjp && tp_op_at(_i)->vjp_fused)
        over_samples(tp_op_at(_i), TP_F64, run_fused);
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

/* The sample blown up: a matrix of many rows where the operator takes one, so that the work is split; a square one, too,
 * for those that take no other. */
static void run_threads(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
#ifdef _OPENMP
    context *c = start(s);
    static const int64_t rows[] = {0, 400, 320}, columns[] = {0, 300, 320};
    for (int large = 0; large < 3; large++) {
        tp_tensor *x[MOST];
        result one, two;
        for (int i = 0; i < n; i++) {
            tp_dims shape = large ? (tp_dims){2, {rows[large], columns[large]}} : tp_shape_of(in[i]);
            x[i] = !large ? in[i]
                   : tp_dtype_is_float(tp_dtype_of(in[i]))
                       ? tp_sample_tensor(s, shape, 0.2, 0.9)
                       : tp_to(s->tape, tp_sample_index(s, shape, 0, 2), tp_dtype_of(in[i]));
        }
        omp_set_num_threads(1);
        bool ok = evaluate(s->tape, c->op, attr, n, x, false, &one);
        tp_clear_error(s->tape);
        omp_set_num_threads(2);
        bool again = evaluate(s->tape, c->op, attr, n, x, false, &two);
        tp_clear_error(s->tape);
        ck_assert_msg(ok == again && (large || ok), "%s fails", c->op->name);
        if (ok)
            expect_identical(c->op, &one, &two);
    }
#else
    (void)attr, (void)n, (void)in;
    start(s);
#endif
}

START_TEST(threads) { over_samples(tp_op_at(_i), TP_F32, run_threads); }
END_TEST

/* ---- the registry ------------------------------------------------------------------------------------------------------ */

START_TEST(registry)
{
    int n = 0;
    for (const tp_op *op; (op = tp_op_at(n)) != NULL; n++) {
        ck_assert_ptr_eq(tp_op_find(op->name), op);
        ck_assert_msg(op->infer != NULL, "%s has no infer", op->name);
        ck_assert_msg(op->vjp || (op->flags & TP_OP_NO_GRAD), "%s has no vjp and does not say so", op->name);
    }
    ck_assert_int_gt(n, 90);
    ck_assert_ptr_null(tp_op_at(-1));
    ck_assert_ptr_null(tp_op_find("no such operator"));
}
END_TEST

int main(void)
{
    int n = 0;
    while (tp_op_at(n))
        n++;
    Suite *suite = suite_create("operators");
    TCase *t = tcase_create("generic");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, registry);
    tcase_add_loop_test(t, precision, 0, n);
    tcase_add_loop_test(t, first_order, 0, n);
    tcase_add_loop_test(t, second_order, 0, n);
    tcase_add_loop_test(t, fused, 0, n);
    tcase_add_loop_test(t, layout, 0, n);
    tcase_add_loop_test(t, empty, 0, n);
    tcase_add_loop_test(t, out_of_memory, 0, n);
    tcase_add_loop_test(t, bad_arguments, 0, n);
    tcase_add_loop_test(t, threads, 0, n);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
