/* test_lifetime.c - what outlives what: tensors and marks after a reset or rewind, tensors that are freed while a graph
 * has them, gradients of what has gone, parameters of several modules, modules and sets freed before their optimizer. */
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

/* Check's own assertions allocate; where blocks are counted, what must hold is looked at in the end. */
static bool all_held;
#define HOLDS(what) \
    (all_held = all_held && (what), (void)(all_held || fprintf(stderr, "line %d: %s\n", __LINE__, #what)))

static bool failed_with(tp_status status, const char *part)
{
    bool so = tp_error_status(T) == status && tp_error(T) && strstr(tp_error(T), part);
    tp_clear_error(T);
    return so;
}

static tp_tensor *leaf(double value) { return tp_requires_grad(tp_full(T, TP_F64, tp_shape(3), value), true); }

static tp_tensor *owned(double value)
{
    return tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(3), value)), true);
}

/* ---- tensors that were given back ------------------------------------------------------------------------- */

static void expect_told(tp_tensor *x, const char *by)
{
    char text[200];
    ck_assert_ptr_null(tp_mul(T, tp_ones(T, TP_F64, tp_shape(3)), x));
    ck_error(T, TP_EINVAL, by);
    ck_assert_int_eq(tp_backward(T, x), TP_EINVAL);
    ck_error(T, TP_EINVAL, by);
    ck_assert_ptr_null(tp_keep(x));
    ck_error(T, TP_EINVAL, by);
    ck_assert(isnan(tp_item_at(x, 0)) && tp_data(x) == NULL && tp_grad(x) == NULL && tp_is_leaf(x));
    tp_format(x, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "<"));
}

START_TEST(given_back)
{
    tp_tensor *first = leaf(1), *x = tp_exp(T, leaf(2)), *y;
    tp_backward(T, tp_sum(T, tp_square(T, first)));
    tp_tape_reset(T);
    tp_ones(T, TP_F64, tp_shape(2)); /* where `first` lay */
    expect_told(x, "was given back by tp_tape_reset");
    tp_mark mark = tp_tape_mark(T);
    y = tp_exp(T, leaf(3));
    x = tp_exp(T, y);
    tp_tape_rewind(T, mark);
    expect_told(x, "given back by tp_tape_rewind");
    tp_tape_reset(T);
    tp_tape *U = tp_tape_new();
    ck_assert_ptr_null(tp_exp(T, tp_ones(U, TP_F64, tp_shape(2))));
    ck_error(T, TP_EFOREIGN, "another tape");
    tp_tape_free(U);
}
END_TEST

/* In anomaly mode no header is used again soon. */
START_TEST(given_back_in_anomaly_mode)
{
    tp_tape_anomaly(T, true);
    for (int round = 0; round < 3; round++) {
        tp_tensor *x = leaf(1), *y = tp_exp(T, x), *g;
        tp_backward(T, tp_sum(T, y));
        g = tp_grad(x);
        tp_tape_reset(T);
        for (int k = 0; k < 200; k++)
            tp_backward(T, tp_sum(T, tp_exp(T, leaf(k * 1e-3))));
        expect_told(x, "given back by tp_tape_reset");
        expect_told(y, "given back by tp_tape_reset");
        expect_told(g, "given back by tp_tape_reset");
        tp_mark mark = tp_tape_mark(T);
        y = tp_exp(T, leaf(3));
        tp_tape_rewind(T, mark);
        for (int k = 0; k < 200; k++)
            tp_exp(T, leaf(k * 1e-3));
        expect_told(y, "given back by tp_tape_rewind");
    }
    ck_no_error(T);
    tp_tape_anomaly(T, false);
    tp_tape_reset(T);
    int64_t reserved = tp_tape_memory(T).bytes_reserved;
    for (int k = 0; k < 1000; k++) {
        tp_backward(T, tp_sum(T, tp_exp(T, leaf(1))));
        tp_tape_reset(T);
    }
    ck_assert_int_eq(tp_tape_memory(T).bytes_reserved, reserved);
}
END_TEST

/* ---- marks --------------------------------------------------------------------------------------------------- */

START_TEST(stale_marks)
{
    tp_tensor *a = leaf(1);
    tp_mark outer = tp_tape_mark(T);
    tp_tensor *b = tp_mul(T, a, a);
    tp_mark inner = tp_tape_mark(T);
    tp_mul(T, b, a);
    ck_assert_int_eq(tp_tape_rewind(T, inner), TP_OK);
    ck_assert_int_eq(tp_tape_rewind(T, inner), TP_OK);
    ck_assert_int_eq(tp_tape_rewind(T, outer), TP_OK);
    ck_assert_int_eq(tp_tape_rewind(T, inner), TP_EINVAL);
    ck_error(T, TP_EINVAL, "stale");
    b = tp_mul(T, a, a); /* lies where the first b lay */
    tp_mul(T, b, b);
    ck_assert_int_eq(tp_tape_rewind(T, inner), TP_EINVAL);
    ck_error(T, TP_EINVAL, "stale");
    ck_assert_int_eq(tp_tape_rewind(T, outer), TP_OK);
    tp_tape_reset(T);
    ck_assert_int_eq(tp_tape_rewind(T, outer), TP_EINVAL);
    ck_error(T, TP_EINVAL, "stale");
    tp_mark empty = tp_tape_mark(T);
    leaf(1);
    ck_assert_int_eq(tp_tape_rewind(T, empty), TP_OK);
    tp_tape_reset(T);
    ck_assert_int_eq(tp_tape_rewind(T, empty), TP_EINVAL);
    ck_error(T, TP_EINVAL, "stale");
    ck_assert_int_eq(tp_tape_rewind(T, (tp_mark){{0}}), TP_EINVAL);
    ck_error(T, TP_EINVAL, "not of this tape");
}
END_TEST

/* What dropped nodes had saved of a tensor whose scope has ended goes with them. */
static tp_tensor *hidden;
static tp_tensor *two_exps(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    hidden = tp_exp(tape, x);
    return tp_sum(tape, tp_mul(tape, hidden, tp_exp(tape, hidden)));
}

START_TEST(a_rewind_unsaves)
{
    static const tp_module_class type = {.name = "TwoExps", .size = sizeof(tp_module), .forward = two_exps};
    tp_module *m = tp_module_new(T, &type);
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(1000)), true);
    tp_tensor *y = tp_forward(T, m, x);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *z = tp_square(T, y);
    tp_tape_rewind(T, mark);
    (void)z;
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_backward(T, y);
    ck_no_error(T);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use, before - 2 * 8000 + 8000 + 1024); /* x's gradient is new */
    /* saved above a mark by one node, below it by none */
    before = tp_tape_memory(T).bytes_in_use;
    mark = tp_tape_mark(T);
    tp_tensor *big = tp_exp(T, x);
    for (int k = 0; k < 3; k++) {
        tp_mark inner = tp_tape_mark(T);
        tp_sum(T, tp_square(T, big));
        tp_tape_rewind(T, inner);
    }
    tp_tape_rewind(T, mark);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use, before);
    tp_module_free(m);
}
END_TEST

/* ---- gradients -------------------------------------------------------------------------------------------------- */

START_TEST(recorded_gradients_outlive_a_rewind)
{
    tp_tensor *x = leaf(2), *never = leaf(5);
    for (int round = 1; round <= 3; round++) {
        tp_mark mark = tp_tape_mark(T);
        tp_tensor *y = tp_sum(T, tp_square(T, x)), *above = leaf(1), *z = tp_sum(T, tp_mul(T, above, x));
        tp_backward_from(T, 1, &y, &(tp_backward_options){.create_graph = true});
        tp_backward_from(T, 1, &z, &(tp_backward_options){.create_graph = true});
        ck_assert(tp_needs_grad(tp_grad(x)));
        tp_tape_rewind(T, mark);
        for (int k = 0; k < 20; k++)
            tp_randn(T, TP_F32, tp_shape(2, 5));
        ck_values(tp_grad(x), 0, 5. * round, 5. * round, 5. * round);
        ck_assert(!tp_needs_grad(tp_grad(x)) && tp_grad(never) == NULL);
    }
    tp_backward(T, tp_sum(T, x));
    ck_values(tp_grad(x), 0, 16, 16, 16);
    /* in a module's scope, whose end must not take it */
    ck_no_error(T);
}
END_TEST

/* The caller's own tensor as grad_outputs, which a recorded sweep would leave as it is at the leaf. */
START_TEST(a_gradient_is_not_the_callers)
{
    tp_tensor *x = leaf(2), *g = tp_keep(tp_ones(T, TP_F64, tp_shape(3)));
    tp_backward_from(T, 1, &x, &(tp_backward_options){.grad_outputs = &g, .create_graph = true});
    tp_free(g);
    ck_values(tp_grad(x), 0, 1, 1, 1);
    ck_no_error(T);
}
END_TEST

START_TEST(gradients_of_dead_leaves_go)
{
    tp_tensor *w = owned(1);
    tp_memory warm = {0};
    for (int k = 0; k < 100000; k++) {
        tp_mark mark = tp_tape_mark(T);
        tp_tensor *x = tp_requires_grad(tp_full(T, TP_F64, tp_shape(3), 1), true);
        tp_tensor *y = tp_sum(T, tp_mul(T, x, w));
        tp_backward_from(T, 1, &y, &(tp_backward_options){.create_graph = k % 2});
        tp_tape_rewind(T, mark);
        if (k == 10)
            warm = tp_tape_memory(T);
    }
    ck_no_error(T);
    tp_memory now = tp_tape_memory(T);
    ck_assert_int_eq(now.bytes_in_use, warm.bytes_in_use);
    ck_assert_int_eq(now.bytes_reserved, warm.bytes_reserved);
    tp_free(w);
}
END_TEST

START_TEST(a_gradient_that_asks_for_one)
{
    tp_module *m = tp_nn_linear(T, 3, 2, NULL);
    tp_params *p = tp_module_params(m);
    tp_tensor *w = tp_module_param(m, "weight"), *b = tp_module_param(m, "bias"),
              *x = tp_ones(T, TP_F32, tp_shape(4, 3));
    long long live = 0;
    (void)p;
    all_held = true;
    for (int k = 0; k < 10; k++) {
        tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
        HOLDS(tp_error(T) == NULL);
        HOLDS((float *)tp_data(tp_grad(w)) + 6 == tp_data(tp_grad(b)));
        HOLDS(tp_item_at(tp_grad(w), 0) == 4 * (k + 1));
        HOLDS(tp_requires_grad(tp_grad(w), true) == tp_grad(w));
        if (k == 0)
            live = alloc_live();
    }
    HOLDS(alloc_live() == live);
    ck_assert(all_held);
    /* it is a leaf as any other */
    tp_tensor *g = tp_grad(w);
    tp_backward(T, tp_sum(T, tp_square(T, g)));
    ck_assert(tp_item_at(tp_grad(g), 0) == 80);
    tp_free(g); /* w's */
    tp_free(tp_grad(g));
    ck_assert(tp_item_at(tp_grad(w), 0) == 40);
    tp_zero_grad(w);
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    ck_assert(!tp_needs_grad(tp_grad(w)));
    ck_no_error(T);
    tp_module_free(m);
}
END_TEST

/* ---- owned tensors ---------------------------------------------------------------------------------------------- */

START_TEST(freed_between_forward_and_backward)
{
    all_held = true;
    long long live = alloc_live();
    for (int by = 0; by < 3; by++) { /* a reset, a rewind, the end of the tape */
        tp_tape *outer = T;
        T = tp_tape_new();
        tp_mark mark = tp_tape_mark(T);
        tp_tensor *w = owned(2), *x = leaf(3), *y, *g;
        for (int create = 0; create < 2; create++) {
            y = tp_sum(T, tp_mul(T, tp_exp(T, tp_mul_scalar(T, w, 0)), tp_mul(T, x, w)));
            if (create == 0) {
                tp_free(w);
                tp_free(w); /* its header is still there, and shows it */
            }
            tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = create});
            HOLDS(tp_error(T) == NULL);
            HOLDS(tp_item_at(g, 2) == 2);
        }
        if (by == 0)
            tp_tape_reset(T);
        if (by == 1)
            tp_tape_rewind(T, mark);
        tp_tape_free(T);
        T = outer;
        HOLDS(alloc_live() == live);
    }
    ck_assert(all_held);
}
END_TEST

START_TEST(module_freed_between_forward_and_backward)
{
    all_held = true;
    long long live = alloc_live();
    for (int k = 0; k < 3; k++) {
        tp_tape *outer = T;
        T = tp_tape_new();
        tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 4, NULL), tp_nn_tanh(T), tp_nn_linear(T, 4, 1, NULL));
        tp_optim *o = tp_optim_adam(T, tp_module_params(m), NULL);
        tp_grads *sink = tp_grads_new(tp_module_params(m));
        tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(2, 3)), true), *y = tp_sum(T, tp_forward(T, m, x));
        tp_module_free(m);
        HOLDS((k == 1 ? tp_backward_into(T, y, sink) : tp_backward(T, y)) == TP_OK);
        HOLDS(k == 1 || tp_grad(x) != NULL);
        HOLDS(tp_optim_step(T, o) == TP_EINVAL);
        HOLDS(failed_with(TP_EINVAL, "optim_step: the parameters of adam were freed"));
        HOLDS(isnan(tp_optim_step_closure(T, o, NULL, NULL)));
        tp_clear_error(T);
        tp_optim_zero_grad(o);
        if (k == 2)
            tp_tape_reset(T);
        tp_optim_free(o);
        tp_grads_free(sink);
        tp_tape_free(T);
        T = outer;
        HOLDS(alloc_live() == live);
    }
    ck_assert(all_held);
}
END_TEST

static tp_tensor *see(tp_tape *tape, tp_tensor *grad, void *user)
{
    (void)tape;
    (void)grad;
    ++*(int *)user;
    return NULL;
}

START_TEST(freed_under_a_hook)
{
    long long live = alloc_live();
    int seen = 0;
    tp_tensor *w = owned(2);
    int64_t h = tp_register_hook(T, w, see, &seen);
    tp_tensor *y = tp_sum(T, tp_square(T, w));
    tp_free(w);
    tp_backward(T, y);
    ck_assert_int_eq(seen, 1);
    tp_remove_hook(T, h);
    tp_tape_reset(T);
    ck_no_error(T);
    ck_assert_int_le(alloc_live(), live + 10); /* chunks of the tape */
}
END_TEST

START_TEST(sets_of_freed_tensors)
{
    tp_tensor *list[2] = {owned(1), owned(2)};
    tp_params *p = tp_params_of(T, 2, list);
    tp_optim *o = tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 1});
    tp_tensor *y = tp_sum(T, tp_mul(T, list[0], list[1]));
    tp_free(list[0]);
    ck_assert_ptr_null(tp_params_at(p, 0));
    tp_backward(T, y);
    ck_assert_int_eq(tp_optim_step(T, o), TP_OK);
    ck_values(list[1], 0, 1, 1, 1);
    tp_params_free(p);
    ck_assert_int_eq(tp_optim_step(T, o), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the parameters of sgd were freed");
    tp_tape_reset(T);
    tp_free(list[1]);
    tp_optim_free(o);
}
END_TEST

/* ---- modules --------------------------------------------------------------------------------------------------- */

static const tp_module_class plain = {.name = "Plain", .size = sizeof(tp_module)};

START_TEST(tied_weights)
{
    all_held = true;
    long long live = alloc_live();
    tp_tape *outer = T;
    T = tp_tape_new();
    tp_module *net = tp_module_new(T, &plain), *a = tp_module_add(T, net, "a", tp_module_new(T, &plain)),
              *b = tp_module_add(T, net, "b", tp_module_new(T, &plain)), *c = tp_module_new(T, &plain);
    tp_tensor *w = tp_keep(tp_full(T, TP_F64, tp_shape(2), 3));
    HOLDS(tp_module_add_param(T, a, "weight", w) == w);
    HOLDS(tp_module_add_param(T, b, "weight", w) == w);
    HOLDS(tp_module_add_buffer(T, c, "shared", w) == w);
    HOLDS(tp_module_add_param(T, b, "weight", w) == NULL); /* the name is taken: w stays */
    HOLDS(failed_with(TP_EINVAL, "taken"));
    tp_free(w); /* the modules' */
    HOLDS(tp_params_length(tp_module_params(net)) == 1);
    tp_backward(T, tp_sum(T, tp_mul(T, tp_module_param(net, "a.weight"), tp_module_param(net, "b.weight"))));
    HOLDS(tp_item_at(tp_grad(w), 1) == 6);
    tp_module_free(a);
    tp_module_free(net);
    HOLDS(tp_item_at(w, 1) == 3);
    tp_module_free(c);
    HOLDS(tp_error(T) == NULL);
    tp_tape_free(T);
    T = outer;
    HOLDS(alloc_live() == live);
    ck_assert(all_held);
}
END_TEST

START_TEST(no_module_within_itself)
{
    tp_module *top = tp_module_new(T, &plain), *middle = tp_module_add(T, top, "m", tp_module_new(T, &plain)),
              *low = tp_module_add(T, middle, "l", tp_module_new(T, &plain));
    ck_assert_ptr_null(tp_module_add(T, top, "self", top));
    ck_error(T, TP_EINVAL, "within itself");
    ck_assert_ptr_null(tp_module_add(T, low, "self", top));
    ck_error(T, TP_EINVAL, "within itself");
    ck_assert_ptr_null(tp_module_add(T, low, "self", middle));
    ck_error(T, TP_EINVAL, "within itself");
    ck_assert_ptr_null(tp_module_add(T, top, "again", low));
    ck_error(T, TP_EINVAL, "has a parent");
    ck_assert_ptr_eq(tp_module_child(top, "m.l"), low);
    tp_module_free(top);
}
END_TEST

START_TEST(conversion_under_a_graph)
{
    tp_module *m = tp_nn_linear(T, 3, 2, NULL);
    tp_tensor *w = tp_module_param(m, "weight"),
              *y = tp_sum(T, tp_square(T, tp_forward(T, m, tp_ones(T, TP_F32, tp_shape(4, 3)))));
    tp_tensor *sum = tp_sum(T, w); /* a node that reads no values */
    ck_assert_int_eq(tp_module_to(T, m, TP_F64), TP_OK);
    ck_assert_int_eq(tp_backward(T, y), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "tp_module_to");
    ck_assert_int_eq(tp_backward(T, sum), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "tp_module_to");
    tp_tape_reset(T);
    tp_tape *U = tp_tape_new();
    tp_sum(U, tp_square(U, w));
    ck_assert_int_eq(tp_module_to(T, m, TP_F32), TP_EINVAL);
    ck_error(T, TP_EINVAL, "another tape");
    tp_tape_free(U);
    ck_assert_int_eq(tp_module_to(T, m, TP_F32), TP_OK);
    tp_tensor *list[1] = {w};
    tp_params *p = tp_params_of(T, 1, list);
    ck_assert_int_eq(tp_module_to(T, m, TP_F64), TP_EINVAL);
    ck_error(T, TP_EINVAL, "parameter set");
    ck_assert_int_eq(tp_dtype_of(tp_module_param(m, "bias")), TP_F32); /* nothing was changed */
    tp_params_free(p);
    ck_assert_int_eq(tp_module_to(T, m, TP_F64), TP_OK);
    tp_backward(T, tp_sum(T, tp_forward(T, m, tp_ones(T, TP_F64, tp_shape(4, 3)))));
    ck_no_error(T);
    tp_module_free(m);
}
END_TEST

/* ---- within the user's functions ---------------------------------------------------------------------------------- */

/* What a function does that it may not. */
typedef enum { NOTHING, RESET, REWIND, FREE, JUMP, DEEDS, FREE_INPUT } deed;
static deed to_do;
static tp_tensor *victim; /* an owned input of the call that runs */
static int done;          /* how often */
static tp_mark old_mark;
static jmp_buf outside;

static void misbehave(void)
{
    if (to_do == NOTHING)
        return;
    done++;
    if (to_do == RESET)
        ck_assert_int_eq(tp_tape_reset(T), TP_EINVAL);
    if (to_do == REWIND)
        ck_assert_int_eq(tp_tape_rewind(T, old_mark), TP_EINVAL);
    if (to_do == FREE)
        tp_tape_free(T);
    if (to_do == JUMP)
        longjmp(outside, 1);
    if (to_do == FREE_INPUT) {
        tp_free(victim);
        victim = NULL;
    }
}

enum { IN_INFER = 1, IN_FORWARD, IN_VJP, IN_FUSED };
static int where; /* in which of the operator's functions */

static tp_status bad_infer(tp_call *c)
{
    if (where == IN_INFER)
        misbehave();
    return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0]));
}
static tp_status bad_forward(tp_call *c)
{
    if (where == IN_FORWARD)
        misbehave();
    memcpy(tp_data(c->out[0]), tp_data(c->in[0]), (size_t)tp_numel(c->in[0]) * 8);
    return TP_OK;
}
static tp_status bad_vjp(tp_vjp *v)
{
    if (where == IN_VJP)
        misbehave();
    v->gin[0] = tp_mul_scalar(v->tape, v->gout[0], 1);
    return TP_OK;
}
static tp_status bad_fused(tp_vjp *v)
{
    if (where == IN_FUSED)
        misbehave();
    for (int64_t i = 0; i < tp_numel(v->gin[0]); i++)
        ((double *)tp_data(v->gin[0]))[i] += ((double *)tp_data(v->gout[0]))[i];
    return TP_OK;
}
static const tp_op bad_op = {
    .name = "user.bad", .n_in = 1, .n_out = 1, .infer = bad_infer, .forward = bad_forward, .vjp = bad_vjp};
static const tp_op bad_fused_op = {.name = "user.bad_fused",
                                   .n_in = 1,
                                   .n_out = 1,
                                   .infer = bad_infer,
                                   .forward = bad_forward,
                                   .vjp_fused = bad_fused};

static tp_tensor *bad_hook(tp_tape *tape, tp_tensor *grad, void *user)
{
    (void)tape, (void)grad, (void)user;
    misbehave();
    return NULL;
}
static tp_status bad_function(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user, (void)n_in, (void)n_out;
    out[0] = tp_sum(tape, tp_square(tape, in[0]));
    misbehave();
    return TP_OK;
}
static bool from_now; /* a checkpoint's function misbehaves when it is called again */
static tp_status late_function(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user, (void)n_in, (void)n_out;
    out[0] = tp_sum(tape, tp_square(tape, in[0]));
    if (from_now)
        misbehave();
    return TP_OK;
}
static tp_tensor *bad_module(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    x = tp_square(tape, x);
    misbehave();
    return x;
}
static double bad_element(double x, void *user)
{
    (void)user;
    misbehave();
    return x;
}
static void bad_sample(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    (void)s, (void)attr, (void)n, (void)in;
    misbehave();
}

/* Each of these has a function of the user's run. */
static void by_operator(tp_tensor *x)
{
    tp_backward(T, tp_sum(T, tp_apply(T, where == IN_FUSED ? &bad_fused_op : &bad_op, NULL, 1, &x)));
}
static void by_hook(tp_tensor *x)
{
    tp_tensor *y = tp_square(T, x);
    tp_register_hook(T, y, bad_hook, NULL);
    tp_backward(T, tp_sum(T, y));
}
static void by_leaf_hook(tp_tensor *x)
{
    tp_register_hook(T, x, bad_hook, NULL);
    tp_backward(T, tp_sum(T, tp_square(T, x)));
}
static void by_checkpoint(tp_tensor *x)
{
    tp_tensor *y;
    tp_checkpoint(T, bad_function, NULL, 1, &x, 1, &y);
}
static void by_late_checkpoint(tp_tensor *x)
{
    tp_tensor *y;
    from_now = false;
    tp_checkpoint(T, late_function, NULL, 1, &x, 1, &y);
    from_now = true;
    tp_backward(T, y);
}
static void by_jacobian(tp_tensor *x)
{
    tp_tensor *j;
    tp_jacobian(T, bad_function, NULL, 1, &x, 1, &j, NULL);
}
static void by_gradcheck(tp_tensor *x) { tp_gradcheck_of(T, bad_function, NULL, 1, &x, 1, NULL); }
static void by_module(tp_tensor *x)
{
    static const tp_module_class type = {.name = "Bad", .size = sizeof(tp_module), .forward = bad_module};
    static tp_module *m;
    tp_module_free(m);
    m = tp_module_new(T, &type);
    tp_forward(T, m, x);
    if (to_do != JUMP) {
        tp_module_free(m);
        m = NULL;
    }
}
static void by_element(tp_tensor *x) { tp_apply_(T, tp_detach(T, x), bad_element, NULL); }
static void bad_warning(void *user, const char *message)
{
    (void)user, (void)message;
    misbehave();
}
static void by_warning(tp_tensor *x)
{
    tp_clear_warning(T);
    tp_tape_on_warning(T, bad_warning, NULL);
    tp_mse_loss(T, x, tp_scalar(T, TP_F64, 1), TP_MEAN);
}
static void bad_free(void *attr)
{
    (void)attr;
    misbehave();
}
static void by_attributes(tp_tensor *x, bool recorded)
{
    static const tp_op owner = {.name = "user.owner",
                                .n_in = 1,
                                .n_out = 1,
                                .attr_size = sizeof(int),
                                .infer = bad_infer,
                                .forward = bad_forward,
                                .vjp = bad_vjp,
                                .free_attr = bad_free};
    tp_tensor *in = recorded ? x : tp_detach(T, x);
    tp_mark mark = tp_tape_mark(T);
    tp_apply(T, &owner, &(int){1}, 1, &in);
    tp_tape_rewind(T, mark);
}
static void by_lent_attributes(tp_tensor *x) { by_attributes(x, false); }
static void by_recorded_attributes(tp_tensor *x) { by_attributes(x, true); }
static void by_sampler(tp_tensor *x)
{
    tp_sampler s = {.tape = T, .dtype = TP_F64, .run = bad_sample};
    tp_sample(&s, NULL, 1, &x);
}

typedef struct {
    const char *name;
    void (*run)(tp_tensor *x);
    int where;
} way;
static const way ways[] = {{"infer", by_operator, IN_INFER},
                           {"forward", by_operator, IN_FORWARD},
                           {"vjp", by_operator, IN_VJP},
                           {"vjp_fused", by_operator, IN_FUSED},
                           {"hook", by_hook, 0},
                           {"hook of a leaf", by_leaf_hook, 0},
                           {"checkpoint", by_checkpoint, 0},
                           {"checkpoint, called again", by_late_checkpoint, 0},
                           {"jacobian", by_jacobian, 0},
                           {"gradcheck", by_gradcheck, 0},
                           {"module", by_module, 0},
                           {"element", by_element, 0},
                           {"warning", by_warning, 0},
                           {"attributes, not recorded", by_lent_attributes, 0},
                           {"attributes", by_recorded_attributes, 0},
                           {"sampler", by_sampler, 0}};

static void a_right_step(tp_tensor *w, const char *after)
{
    tp_tensor *x = leaf(3), *y = tp_sum(T, tp_mul(T, tp_square(T, x), w));
    tp_zero_grad(w);
    tp_backward(T, y);
    ck_assert_msg(tp_error(T) == NULL && tp_item_at(tp_grad(x), 0) == 12 && tp_item_at(tp_grad(w), 1) == 9 &&
                      tp_tape_is_recording(T),
                  "after %s: %s", after, tp_error(T) ? tp_error(T) : "wrong gradients");
    ck_assert_int_eq(tp_tape_reset(T), TP_OK);
}

/* It is told, and nothing happens; a jump out leaves a tape that a reset makes well. */
START_TEST(within_functions)
{
    const way *c = &ways[_i];
    tp_tensor *w = owned(2);
    for (int k = NOTHING; k < DEEDS; k++) {
        tp_tensor *below = leaf(1), *x = leaf(2);
        old_mark = tp_tape_mark(T);
        to_do = (deed)k;
        where = c->where;
        done = 0;
        if (setjmp(outside) == 0)
            c->run(x);
        else
            to_do = NOTHING;
        ck_assert_msg(k == NOTHING || done > 0, "%s was not called", c->name);
        if (tp_error(T) == NULL) { /* who was left by a jump speaks no more */
            tp_neg(T, NULL);
            ck_error(T, TP_EINVAL, "neg: input 0 is NULL");
        }
        if (k == RESET || k == REWIND || k == FREE) {
            ck_assert_msg(tp_error_status(T) == TP_EINVAL, "%s: %s", c->name, tp_error(T) ? tp_error(T) : "no error");
            ck_error(T, TP_EINVAL, k == RESET ? "tape_reset: in" : k == REWIND ? "tape_rewind: in" : "tape_free: in");
            ck_values(below, 0, 1, 1, 1);
        }
        ck_no_error(T);
        ck_assert_int_eq(tp_tape_reset(T), TP_OK);
        to_do = NOTHING;
        a_right_step(w, c->name);
    }
    tp_free(w);
}
END_TEST

/* One frees what the call of it has been given: that is there until the call is done, and is seldom an error. */
START_TEST(input_freed_within_functions)
{
    const way *c = &ways[_i];
    tp_tensor *w = owned(2);
    for (int recorded = 0; recorded < 2; recorded++) {
        tp_tensor *x = tp_requires_grad(owned(2), recorded);
        victim = x;
        to_do = FREE_INPUT;
        where = c->where;
        done = 0;
        c->run(x);
        ck_assert_msg(!recorded || done > 0, "%s was not called", c->name);
        to_do = NOTHING;
        tp_clear_error(T);
        ck_assert_int_eq(tp_tape_reset(T), TP_OK);
        tp_free(victim);
        victim = NULL;
        a_right_step(w, c->name);
    }
    tp_free(w);
}
END_TEST

static tp_tensor *frees_what_it_returns(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)tape, (void)self;
    tp_free(x);
    return x;
}
static tp_status frees_what_they_return(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                        tp_tensor **out)
{
    (void)tape, (void)self, (void)n_in;
    for (int i = 0; i < n_out; i++) {
        out[i] = in[i];
        tp_free(in[i]);
    }
    return TP_OK;
}

/* An owned input that its module frees and returns: told, and nothing is read that has gone. */
START_TEST(input_freed_and_returned)
{
    static const tp_module_class one = {.name = "One", .size = sizeof(tp_module), .forward = frees_what_it_returns};
    static const tp_module_class two = {
        .name = "Two", .size = sizeof(tp_module), .forward_n = frees_what_they_return, .n_in = 2, .n_out = 2};
    tp_module *m = tp_module_new(T, &one), *n = tp_module_new(T, &two);
    tp_module *chain = tp_nn_sequential(T, tp_nn_identity(T), m);
    ck_assert_ptr_null(tp_forward(T, m, owned(2)));
    ck_error(T, TP_EINVAL, "One: its forward has freed the input that it returns");
    ck_assert_ptr_null(tp_forward(T, chain, owned(2)));
    ck_error(T, TP_EINVAL, "One: its forward has freed the input that it returns");
    tp_tensor *pair[2] = {owned(2), owned(3)};
    ck_assert_int_eq(tp_forward_n(T, n, 2, pair, 2, pair), TP_EINVAL);
    ck_assert_ptr_null(pair[0]);
    ck_assert_ptr_null(pair[1]);
    ck_error(T, TP_EINVAL, "Two: its forward has freed the input that it returns");
    tp_tensor *x = tp_zeros(T, TP_F64, tp_shape(2));
    ck_assert_ptr_eq(tp_forward(T, m, x), x); /* one of the tape is not freed by that */
    tp_module_free(chain);
    tp_module_free(n);
}
END_TEST

/* A rewind to a mark from before does as well. */
START_TEST(well_after_a_jump)
{
    const way *c = &ways[_i];
    tp_tensor *w = owned(2);
    for (volatile int round = 0; round < 2; round++) {
        tp_tensor *x = leaf(2);
        old_mark = tp_tape_mark(T);
        to_do = JUMP;
        where = c->where;
        if (setjmp(outside) == 0)
            c->run(x);
        to_do = NOTHING;
        ck_assert_int_eq(round == 0 ? tp_tape_rewind(T, old_mark) : tp_tape_reset(T), TP_OK);
        a_right_step(w, c->name);
    }
    tp_free(w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *t = tcase_create("lifetime");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_test(t, given_back);
    tcase_add_test(t, given_back_in_anomaly_mode);
    tcase_add_test(t, stale_marks);
    tcase_add_test(t, a_rewind_unsaves);
    tcase_add_test(t, recorded_gradients_outlive_a_rewind);
    tcase_add_test(t, a_gradient_is_not_the_callers);
    tcase_add_test(t, gradients_of_dead_leaves_go);
    tcase_add_test(t, a_gradient_that_asks_for_one);
    tcase_add_test(t, freed_between_forward_and_backward);
    tcase_add_test(t, module_freed_between_forward_and_backward);
    tcase_add_test(t, freed_under_a_hook);
    tcase_add_test(t, sets_of_freed_tensors);
    tcase_add_test(t, tied_weights);
    tcase_add_test(t, no_module_within_itself);
    tcase_add_test(t, conversion_under_a_graph);
    tcase_add_loop_test(t, within_functions, 0, LENGTH(ways));
    tcase_add_loop_test(t, input_freed_within_functions, 0, LENGTH(ways));
    tcase_add_test(t, input_freed_and_returned);
    tcase_add_loop_test(t, well_after_a_jump, 0, LENGTH(ways));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
