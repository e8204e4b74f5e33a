/* test_hooks.c - the surface of backward beside torch: order of hooks, hooks inside other sweeps and checkpoints, which
 * gradients are added up and which keep their graph, who frees attributes. Numbers are PyTorch's. */
#define TP_TRACE
#include "support/support.h"

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *leaf(double v) { return tp_requires_grad(tp_full(T, TP_F64, tp_shape(1), v), true); }
static tp_tensor *owned(double v) { return tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(1), v)), true); }

static tp_tensor *times_ten(tp_tape *on, tp_tensor *g, void *user)
{
    (void)user;
    return tp_mul_scalar(on, g, 10);
}

static tp_tensor *plus_one(tp_tape *on, tp_tensor *g, void *user)
{
    (void)user;
    return tp_add_scalar(on, g, 1);
}

/* ---- order ------------------------------------------------------------------------------------------------------ */

START_TEST(order)
{
    tp_tensor *x = leaf(2), *y = tp_retain_grad(tp_square(T, x));
    tp_register_hook(T, y, times_ten, NULL);
    tp_register_hook(T, y, plus_one, NULL);
    tp_register_hook(T, x, plus_one, NULL);
    tp_backward(T, tp_mul_scalar(T, y, 3));
    ck_values(tp_grad(y), 0, 31); /* what hooks made of it, in their order */
    ck_values(tp_grad(x), 0, 31 * 4 + 1);
    tp_backward(T, tp_mul_scalar(T, x, 3)); /* the hook sees what is new alone */
    ck_values(tp_grad(x), 0, 31 * 4 + 1 + 4);
    ck_no_error(T);
}
END_TEST

typedef struct {
    int64_t handle[3];
    char log[8];
} trio;

static tp_tensor *log_a(tp_tape *on, tp_tensor *g, void *user)
{
    trio *t = user;
    (void)g;
    strcat(t->log, "a");
    tp_remove_hook(on, t->handle[0]);
    tp_remove_hook(on, t->handle[1]);
    return NULL;
}
static tp_tensor *log_b(tp_tape *on, tp_tensor *g, void *user)
{
    (void)on, (void)g;
    strcat(((trio *)user)->log, "b");
    return NULL;
}
static tp_tensor *log_c(tp_tape *on, tp_tensor *g, void *user)
{
    (void)on, (void)g;
    strcat(((trio *)user)->log, "c");
    return NULL;
}

/* A hook that is removed runs no more, and may be removed by another or by itself. */
START_TEST(removal)
{
    for (int of_owned = 0; of_owned < 2; of_owned++) {
        trio t = {.log = ""};
        tp_tensor *x = of_owned ? owned(2) : leaf(2);
        t.handle[0] = tp_register_hook(T, x, log_a, &t);
        t.handle[1] = tp_register_hook(T, x, log_b, &t);
        t.handle[2] = tp_register_hook(T, x, log_c, &t);
        for (int i = 0; i < 2; i++)
            tp_backward(T, tp_square(T, x));
        ck_assert_str_eq(t.log, "acc");
        ck_values(tp_grad(x), 0, 8);
        tp_tape_reset(T);
        tp_free(of_owned ? x : NULL);
        tp_remove_hook(T, t.handle[2]); /* after the tensor went: nothing happens */
        tp_remove_hook(T, 12345);
    }
    ck_no_error(T);
}
END_TEST

/* While its gradient is half gathered, an owned tensor loses its hook: the gradient arrives all the same. */
static tp_tensor *remove_other(tp_tape *on, tp_tensor *g, void *user)
{
    (void)g;
    tp_remove_hook(on, *(int64_t *)user);
    return NULL;
}

START_TEST(removed_half_way)
{
    tp_tensor *w = owned(2), *y = tp_square(T, w);
    int64_t h = tp_register_hook(T, w, times_ten, NULL);
    tp_register_hook(T, y, remove_other, &h);
    tp_tensor *loss = tp_add(T, y, tp_mul_scalar(T, w, 3)); /* the sweep comes to w by the second way first */
    tp_backward(T, loss);
    ck_no_error(T);
    ck_values(tp_grad(w), 0, 7);
    tp_free(w);
}
END_TEST

static tp_tensor *registers(tp_tape *on, tp_tensor *g, void *user)
{
    (void)g;
    tp_register_hook(on, user, times_ten, NULL);
    return NULL;
}

START_TEST(registered_half_way)
{
    tp_tensor *w = owned(2), *y = tp_square(T, w);
    tp_register_hook(T, y, registers, w);
    tp_backward(T, tp_add(T, y, tp_mul_scalar(T, w, 3)));
    ck_no_error(T);
    ck_values(tp_grad(w), 0, 3 + 40); /* 3 was stored before, what came after it goes through the hook */
    tp_zero_grad(w);
    tp_backward(T, tp_mul_scalar(T, w, 3));
    ck_values(tp_grad(w), 0, 30);
    tp_free(w);
}
END_TEST

/* ---- sweeps within sweeps ----------------------------------------------------------------------------------------- */

/* The hook differentiates something else by the same parameter. */
static tp_tensor *sweeps(tp_tape *on, tp_tensor *g, void *user)
{
    tp_tensor *w = user, *inner;
    bool was = tp_tape_record(on, true);
    tp_tensor *other = tp_mul_scalar(on, tp_square(on, w), 100);
    tp_gradients(on, 1, &other, 1, &w, &inner, NULL);
    tp_tape_record(on, was);
    return tp_add(on, g, tp_mul_scalar(on, inner, 0.001));
}

START_TEST(nested)
{
    for (int of_owned = 0; of_owned < 2; of_owned++) {
        tp_tensor *w = of_owned ? owned(2) : leaf(2), *y = tp_square(T, w);
        tp_register_hook(T, w, plus_one, NULL);
        tp_register_hook(T, y, sweeps, w);
        tp_backward(T, tp_add(T, y, tp_mul_scalar(T, w, 3)));
        ck_no_error(T);
        /* inner: 200 w + 1 = 401; y's gradient 1.401; w's 3 + 1.401 * 4, plus one */
        ck_values(tp_grad(w), 1e-12, 3 + 1.401 * 4 + 1);
        tp_tape_reset(T);
        if (of_owned)
            tp_free(w);
    }
}
END_TEST

static tp_status square_of(tp_tape *on, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = tp_mul(on, tp_sin(on, tp_mul(on, in[0], user)), user);
    return tp_error_status(on);
}

/* Owned tensors with hooks under checkpoints get what they get without. Their hooks are not removed before they are
 * freed: the next tensor, which may lie at the same place, has none of them. */
START_TEST(checkpointed)
{
    double want = NAN;
    for (int kind = 0; kind < 3; kind++) {
        tp_tensor *w = owned(0.7), *x = leaf(0.3), *y, *g = NULL;
        tp_register_hook(T, w, times_ten, NULL);
        if (kind == 0)
            square_of(T, w, 1, &x, 1, &y);
        else
            tp_checkpoint(T, square_of, w, 1, &x, 1, &y);
        tp_tensor *loss = tp_sum(T, tp_mul(T, y, tp_mul(T, w, w)));
        if (kind == 2)
            tp_gradients(T, 1, &loss, 1, &w, &g, NULL);
        else
            tp_backward(T, loss);
        ck_no_error(T);
        double got = tp_item(kind == 2 ? g : tp_grad(w));
        ck_assert_msg(kind == 0 || got == want, "%d: %.17g, not %.17g", kind, got, want);
        want = got;
        tp_tape_reset(T);
        tp_free(w);
    }
}
END_TEST

/* One tape's removal is nothing to another's hook. */
START_TEST(two_tapes)
{
    tp_tape *U = tp_tape_new();
    tp_tensor *w = owned(2);
    int64_t h = tp_register_hook(T, w, times_ten, NULL);
    tp_register_hook(U, w, plus_one, NULL);
    tp_remove_hook(T, h);
    tp_backward(U, tp_mul_scalar(U, w, 3));
    ck_values(tp_grad(w), 0, 4);
    tp_backward(T, tp_mul_scalar(T, w, 3));
    ck_values(tp_grad(w), 0, 7);
    tp_tape_free(U);
    tp_free(w);
}
END_TEST

/* A hook may not pull the ground from under the sweep. */
static tp_tensor *resets(tp_tape *on, tp_tensor *g, void *user)
{
    (void)g;
    if (user)
        tp_tape_rewind(on, *(tp_mark *)user);
    else
        tp_tape_reset(on);
    return NULL;
}

START_TEST(reset_within)
{
    for (int i = 0; i < 2; i++) {
        tp_mark mark = tp_tape_mark(T);
        tp_tensor *x = leaf(2), *y = tp_square(T, x);
        tp_register_hook(T, y, resets, i ? &mark : NULL);
        tp_backward(T, tp_exp(T, y));
        ck_error(T, TP_EINVAL, "backward");
        ck_assert_int_eq(tp_tape_reset(T), TP_OK);
        x = leaf(3);
        tp_backward(T, tp_square(T, x));
        ck_values(tp_grad(x), 0, 6);
    }
}
END_TEST

/* ---- what is added up ------------------------------------------------------------------------------------------------ */

START_TEST(inputs)
{
    tp_tensor *x = leaf(2), *y = tp_square(T, x), *z = tp_mul_scalar(T, y, 3), *two[2] = {y, y}, *other = leaf(1);
    tp_backward_options o = {.retain_graph = true, .n_inputs = 2, .inputs = two};
    tp_backward_from(T, 1, &z, &o);
    ck_values(tp_grad(y), 0, 3); /* named twice, added once */
    ck_assert_ptr_null(tp_grad(x));
    o.n_inputs = 1;
    o.inputs = &other;
    ck_assert_int_eq(tp_backward_from(T, 1, &z, &o), TP_OK);
    ck_assert_ptr_null(tp_grad(other));
    tp_tensor *constant = tp_ones(T, TP_F64, tp_shape(1));
    o.inputs = &constant;
    ck_assert_int_eq(tp_backward_from(T, 1, &z, &o), TP_EGRAPH);
    ck_error(T, TP_EGRAPH, "asks for no gradient");
    tp_tensor *roots[2] = {y, y};
    tp_backward_from(T, 2, roots, NULL);
    ck_values(tp_grad(x), 0, 8);
    tp_tensor *itself = leaf(5);
    tp_backward(T, itself);
    ck_values(tp_grad(itself), 0, 1);
    ck_no_error(T);
}
END_TEST

/* Recorded gradients keep their graph, whether they come first, are added, or were asked for by name. */
START_TEST(recorded)
{
    for (int way = 0; way < 3; way++) {
        tp_tensor *x = leaf(2), *cube = tp_mul(T, x, tp_square(T, x)), *g;
        tp_backward_options o = {.create_graph = true, .n_inputs = way == 2, .inputs = &x};
        if (way == 1)
            tp_backward_from(T, 1, &cube, &(tp_backward_options){.retain_graph = true});
        ck_assert_int_eq(tp_backward_from(T, 1, &cube, &o), TP_OK);
        ck_values(tp_grad(x), 0, way == 1 ? 24 : 12);
        ck_assert(tp_needs_grad(tp_grad(x)));
        tp_tensor *slope = tp_grad(x);
        ck_assert_int_eq(tp_gradients(T, 1, &slope, 1, &x, &g, NULL), TP_OK);
        ck_values(g, 0, 12);
    }
}
END_TEST

/* What two leaves were given together is not shared by them: adding to one leaves the other. */
START_TEST(not_shared)
{
    tp_tensor *a = leaf(1), *b = leaf(2), *sum = tp_add(T, a, b), *v = tp_full(T, TP_F64, tp_shape(1), 5);
    tp_backward_from(T, 1, &sum, &(tp_backward_options){.grad_outputs = &v, .create_graph = true});
    tp_backward(T, tp_mul_scalar(T, a, 2));
    ck_values(tp_grad(a), 0, 7);
    ck_values(tp_grad(b), 0, 5);
    ck_values(v, 0, 5);
}
END_TEST

START_TEST(of_tensors)
{
    char text[64];
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 3)), true), *index = NULL;
    tp_tensor *top = tp_max_dim(T, x, 1, false, &index), *plain = tp_ones(T, TP_F64, tp_shape(1));
    ck_assert(tp_needs_grad(top) && !tp_needs_grad(index) && tp_is_leaf(index) && tp_is_leaf(plain) &&
              !tp_is_leaf(top));
    ck_assert_int_eq(tp_output_nr(top), 0);
    ck_assert_int_eq(tp_output_nr(x), 0);
    ck_assert_int_eq(tp_grad_fn(top, text, sizeof text), 12);
    ck_assert_str_eq(text, "MaxBackward0");
    ck_assert_int_eq(tp_grad_fn(x, text, sizeof text), 0);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(tp_grad_fn(top, text, 4), 12);
    ck_assert_str_eq(text, "Max");
    ck_assert(!tp_retains_grad(top) && tp_retains_grad(tp_retain_grad(top)));
    ck_assert(!tp_retains_grad(tp_retain_grad(x))); /* a leaf keeps its gradient anyway */
    ck_assert_ptr_null(tp_retain_grad(plain));
    ck_error(T, TP_EGRAPH, "retain_grad");
}
END_TEST

/* ---- who frees attributes ------------------------------------------------------------------------------------------------ */

typedef struct {
    int *freed;
    int fails; /* 1: infer, 2: forward, 3: vjp */
} owning;

static void give_up(void *attr) { ++*((owning *)attr)->freed; }

static tp_status own_infer(tp_call *c)
{
    const owning *a = c->attr;
    return a->fails == 1 ? tp_call_fail(c, TP_EUSER, "infer")
                         : tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0]));
}
static tp_status own_forward(tp_call *c)
{
    const owning *a = c->attr;
    memcpy(tp_data(c->out[0]), tp_data(c->in[0]), sizeof(double));
    return a->fails == 2 ? TP_EUSER : TP_OK;
}
static tp_status own_vjp(tp_vjp *v)
{
    const owning *a = v->attr;
    v->gin[0] = v->gout[0];
    return a->fails == 3 ? TP_EUSER : TP_OK;
}

static const tp_op own_op = {.name = "user.own",
                             .n_in = 1,
                             .n_out = 1,
                             .attr_size = sizeof(owning),
                             .infer = own_infer,
                             .forward = own_forward,
                             .vjp = own_vjp,
                             .free_attr = give_up};

/* Whatever comes of the call, its attributes are freed, and once. */
START_TEST(attributes)
{
    int freed = 0;
    tp_tape *U = tp_tape_new();
    for (int fails = 0; fails <= 3; fails++) {
        owning a = {&freed, fails};
        tp_tensor *x = leaf(2);
        freed = 0;
        tp_tensor *y = tp_apply(T, &own_op, &a, 1, &x);
        ck_assert((y == NULL) == (fails == 1 || fails == 2));
        ck_assert_int_eq(freed, y == NULL);
        if (y)
            tp_backward(T, y);
        ck_assert_int_eq(tp_error_status(T), fails ? TP_EUSER : TP_OK);
        ck_assert(fails == 0 || strstr(tp_error(T), "user.own"));
        tp_clear_error(T);
        tp_tape_reset(T);
        ck_assert_int_eq(freed, 1);
    }
    tp_tensor *none = NULL, *foreign = tp_ones(U, TP_F64, tp_shape(1)), *x = leaf(1), *pair[2] = {x, x};
    owning a = {&freed, 0};
    freed = 0;
    tp_apply(T, &own_op, &a, 1, &none);
    ck_error(T, TP_EINVAL, "user.own: input 0 is NULL");
    ck_assert_int_eq(freed, 1);
    tp_apply(NULL, &own_op, &a, 1, &x);
    ck_assert_int_eq(freed, 2);
    tp_apply(T, &own_op, &a, 1, &foreign);
    ck_error(T, TP_EFOREIGN, "user.own");
    ck_assert_int_eq(freed, 3);
    tp_apply(T, &own_op, &a, 2, pair);
    ck_assert_int_eq(freed, 4);
    tp_apply(T, &own_op, &a, 1, &x); /* a failed tape */
    ck_assert_int_eq(freed, 5);
    ck_error(T, TP_EINVAL, "2 inputs; 1 is needed");
    tp_tape_free(U);
}
END_TEST

/* ---- watching ------------------------------------------------------------------------------------------------------------ */

/* A watch that begins in the middle of a sweep counts from there. */
static tp_tensor *begins(tp_tape *on, tp_tensor *g, void *user)
{
    (void)g, (void)user;
    tp_tape_profile(on, true);
    return NULL;
}

static tp_status watched_vjp(tp_vjp *v)
{
    tp_tape_profile(v->tape, true);
    v->gin[0] = v->gout[0];
    return TP_OK;
}

START_TEST(watched_half_way)
{
    static const tp_op op = {.name = "user.watched",
                             .n_in = 1,
                             .n_out = 1,
                             .attr_size = sizeof(owning),
                             .infer = own_infer,
                             .forward = own_forward,
                             .vjp = watched_vjp};
    for (int way = 0; way < 2; way++) {
        char text[4096];
        tp_tape *V = tp_tape_new();
        owning a = {0};
        tp_tensor *x = (tp_requires_grad)((tp_ones)(V, TP_F64, tp_shape(1)), true), *y;
        y = way ? tp_apply(V, &op, &a, 1, &x) : (tp_square)(V, x);
        if (way == 0)
            tp_register_hook(V, y, begins, NULL);
        (tp_backward)(V, y);
        ck_no_error(V);
        (tp_exp)(V, x);
        FILE *f = tmpfile();
        tp_profile_print(V, f);
        rewind(f);
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
        ck_assert_msg(strstr(text, "\nexp ") != NULL, "%s", text);
        tp_tape_free(V);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hooks");
    TCase *t = tcase_create("hooks");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, order);
    tcase_add_test(t, removal);
    tcase_add_test(t, removed_half_way);
    tcase_add_test(t, registered_half_way);
    tcase_add_test(t, nested);
    tcase_add_test(t, checkpointed);
    tcase_add_test(t, two_tapes);
    tcase_add_test(t, reset_within);
    tcase_add_test(t, inputs);
    tcase_add_test(t, recorded);
    tcase_add_test(t, not_shared);
    tcase_add_test(t, of_tensors);
    tcase_add_test(t, attributes);
    tcase_add_test(t, watched_half_way);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
