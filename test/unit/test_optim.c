/* test_optim.c - the optimizers' rules by hand, parameters without gradients, L-BFGS. Trajectories against PyTorch
 * are in the conformance set. */
#include "support/support.h"

static tp_tape *T;
static tp_tensor *x[2];
static tp_params *both;

static void setup(void)
{
    T = tp_tape_new();
    for (int i = 0; i < 2; i++)
        x[i] = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(1), 1)), true);
    both = tp_params_of(T, 2, x);
}

static void teardown(void)
{
    tp_params_free(both);
    tp_free(x[0]);
    tp_free(x[1]);
    tp_tape_free(T);
}

static void gradient(int i, double g) { tp_set_grad(T, x[i], tp_full(T, TP_F64, tp_shape(1), g)); }

START_TEST(sgd)
{
    tp_optim *o = tp_optim_sgd(T, both, &(tp_sgd_options){.lr = 0.1, .momentum = 0.9, .dampening = 0.5});
    gradient(0, 2);
    tp_optim_step(T, o); /* v = 2 */
    ck_assert_double_eq_tol(tp_item(x[0]), 0.8, 1e-15);
    ck_assert(tp_item(x[1]) == 1); /* no gradient: passed over */
    gradient(0, 4);
    gradient(1, 4);
    tp_optim_step(T, o); /* v = 1.8 + 2; the other's starts at 4 */
    ck_assert_double_eq_tol(tp_item(x[0]), 0.8 - 0.38, 1e-15);
    ck_assert_double_eq_tol(tp_item(x[1]), 0.6, 1e-15);
    tp_optim_set_lr(o, 0);
    tp_optim_step(T, o);
    ck_assert_double_eq_tol(tp_item(x[1]), 0.6, 1e-15);
    ck_assert(tp_optim_lr(o) == 0);
    tp_optim_zero_grad(o);
    ck_assert(tp_grad(x[0]) == NULL);
    tp_optim_free(o);
}
END_TEST

START_TEST(adam)
{
    tp_optim *o = tp_optim_adam(T, both, &(tp_adam_options){.lr = 0.1});
    gradient(0, 3);
    tp_optim_step(T, o); /* the first step has the length of the learning rate */
    ck_assert_double_eq_tol(tp_item(x[0]), 0.9, 1e-8);
    for (int i = 0; i < 5; i++)
        tp_optim_step(T, o);
    gradient(1, -5);
    tp_optim_step(T, o); /* counts its steps alone */
    ck_assert_double_eq_tol(tp_item(x[1]), 1.1, 1e-8);
    tp_optim_free(o);
    o = tp_optim_adamw(T, both, &(tp_adam_options){.lr = 0.1, .weight_decay = 0.5});
    double was = tp_item(x[1]);
    gradient(1, 1);
    tp_optim_step(T, o);
    ck_assert_double_eq_tol(tp_item(x[1]), was * 0.95 - 0.1, 1e-8);
    tp_optim_free(o);
}
END_TEST

START_TEST(options)
{
    ck_assert_ptr_null(tp_optim_sgd(T, both, NULL));
    ck_error(T, TP_EINVAL, "lr");
    ck_assert_ptr_null(tp_optim_sgd(T, both, &(tp_sgd_options){.lr = -1}));
    ck_error(T, TP_EINVAL, "lr");
    ck_assert_ptr_null(tp_optim_sgd(T, both, &(tp_sgd_options){.lr = 1, .nesterov = true}));
    ck_error(T, TP_EINVAL, "nesterov");
    ck_assert_ptr_null(tp_optim_adam(T, both, &(tp_adam_options){.beta2 = 1}));
    ck_error(T, TP_EINVAL, "beta2");
    ck_assert_ptr_null(tp_optim_adam(T, both, &(tp_adam_options){.eps = NAN}));
    ck_error(T, TP_EINVAL, "eps");
    ck_assert_ptr_null(tp_optim_adam(T, NULL, NULL));
    ck_error(T, TP_EINVAL, "adam: the parameter set is NULL");
    tp_optim *o = tp_optim_sgd(T, both, &(tp_sgd_options){.lr = TP_ZERO});
    ck_assert(o != NULL && tp_optim_lr(o) == 0);
    tp_optim_free(o);
    o = tp_optim_lbfgs(T, both, NULL);
    ck_assert_int_eq(tp_optim_step(T, o), TP_EINVAL);
    ck_error(T, TP_EINVAL, "closure");
    tp_optim_free(o);
}
END_TEST

/* A failed tape updates nothing. */
START_TEST(groups)
{
    tp_params *one[2] = {tp_params_of(T, 1, &x[0]), tp_params_of(T, 1, &x[1])};
    tp_optim *o = tp_optim_sgd(T, one[0], &(tp_sgd_options){.lr = 0.1});
    ck_assert_int_eq(tp_optim_sgd_group(T, o, one[1], &(tp_sgd_options){.lr = 0.5, .momentum = 0.9}), TP_OK);
    ck_assert_int_eq(tp_optim_groups(o), 2);
    gradient(0, 1);
    gradient(1, 1);
    tp_optim_step(T, o);
    tp_optim_step(T, o); /* v = 1, 1.9 */
    ck_assert_double_eq_tol(tp_item(x[0]), 0.8, 1e-15);
    ck_assert_double_eq_tol(tp_item(x[1]), 1 - 0.5 * 2.9, 1e-15);
    tp_optim_set_group_lr(o, 1, 0);
    tp_optim_step(T, o);
    ck_assert_double_eq_tol(tp_item(x[0]), 0.7, 1e-15);
    ck_assert_double_eq_tol(tp_item(x[1]), 1 - 0.5 * 2.9, 1e-15);
    ck_assert(tp_optim_group_lr(o, 0) == 0.1 && tp_optim_group_lr(o, 1) == 0 && isnan(tp_optim_group_lr(o, 2)));
    tp_optim_zero_grad(o);
    ck_assert(tp_grad(x[0]) == NULL && tp_grad(x[1]) == NULL);
    /* in one group each, of one kind, with options that make sense */
    ck_assert_int_eq(tp_optim_sgd_group(T, o, one[1], &(tp_sgd_options){.lr = 1}), TP_EINVAL);
    ck_assert_ptr_nonnull(strstr(tp_error(T), "parameter 0 is in another group"));
    tp_clear_error(T);
    ck_assert_int_eq(tp_optim_adam_group(T, o, both, NULL), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_optim_sgd_group(T, o, NULL, NULL), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_optim_groups(o), 2);
    tp_optim_free(o);
    tp_params_free(one[0]);
    tp_params_free(one[1]);
}
END_TEST

/* What is no operator passes where operators pass, so it is measured, too. */
START_TEST(updates_are_calls)
{
    char text[4000] = "";
    tp_optim *o = tp_optim_adam(T, both, NULL);
    gradient(0, 1);
    tp_tape_profile(T, true);
    tp_params_clip_grad_norm(T, both, 0.5);
    tp_optim_step(T, o);
    tp_tape_profile(T, false);
    FILE *f = tmpfile();
    ck_assert_int_eq(tp_profile_print(T, f), TP_OK);
    rewind(f);
    ck_assert(fread(text, 1, sizeof text - 1, f) > 0);
    fclose(f);
    ck_assert(strstr(text, "\nadam ") && strstr(text, "\nclip_grad_norm "));
    tp_optim_free(o);
}
END_TEST

START_TEST(failed_tape)
{
    tp_optim *o = tp_optim_sgd(T, both, &(tp_sgd_options){.lr = 1});
    gradient(0, 1);
    tp_fail(T, TP_EUSER, "stop");
    ck_assert_int_eq(tp_optim_step(T, o), TP_EUSER);
    ck_assert(tp_item(x[0]) == 1);
    tp_clear_error(T);
    tp_optim_free(o);
}
END_TEST

/* In a slab whose gradients were poisoned, a parameter that nothing reached stays as it is. */
START_TEST(poisoned_slab)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL), tp_nn_linear(T, 3, 3, NULL),
                                    tp_nn_linear(T, 3, 3, NULL));
    tp_params *p = tp_module_params(m);
    tp_optim *o = tp_optim_adam(T, p, NULL);
    for (int i = 0; i < tp_params_length(p); i++) {
        tp_tensor *q = tp_params_at(p, i);
        tp_set_grad(T, q, tp_full(T, TP_F32, tp_shape_of(q), NAN));
    }
    tp_optim_zero_grad(o);
    tp_tensor *before = tp_clone(T, tp_module_param(m, "1.weight"));
    tp_tensor *a = tp_forward(T, tp_module_child(m, "0"), tp_ones(T, TP_F32, tp_shape(2, 3)));
    tp_tensor *b = tp_forward(T, tp_module_child(m, "2"), tp_ones(T, TP_F32, tp_shape(2, 3)));
    tp_backward(T, tp_sum(T, tp_add(T, a, b)));
    ck_assert_int_eq(tp_optim_step(T, o), TP_OK);
    ck_assert(tensors_identical(before, tp_detach(T, tp_module_param(m, "1.weight"))));
    for (int i = 0; i < tp_params_length(p); i++)
        for (int64_t k = 0; k < tp_numel(tp_params_at(p, i)); k++)
            ck_assert(isfinite(tp_item_at(tp_params_at(p, i), k)));
    tp_optim_free(o);
    tp_module_free(m);
}
END_TEST

/* ---- L-BFGS ------------------------------------------------------------------------------------------------- */

typedef struct {
    int calls, fail_at;
} rosenbrock;

static double valley(tp_tape *tape, void *user)
{
    rosenbrock *r = user;
    tp_zero_grad(x[0]);
    tp_zero_grad(x[1]);
    if (++r->calls == r->fail_at)
        tp_fail(tape, TP_EUSER, "the model broke");
    tp_tensor *a = tp_square(tape, tp_rsub_scalar(tape, x[0], 1));
    tp_tensor *b = tp_square(tape, tp_sub(tape, x[1], tp_square(tape, x[0])));
    tp_tensor *loss = tp_sum(tape, tp_add(tape, a, tp_mul_scalar(tape, b, 100)));
    tp_backward(tape, loss);
    double value = tp_item(loss);
    tp_tape_reset(tape);
    return value;
}

static void start_at(double a, double b)
{
    tp_copy_into(T, x[0], tp_full(T, TP_F64, tp_shape(1), a));
    tp_copy_into(T, x[1], tp_full(T, TP_F64, tp_shape(1), b));
}

START_TEST(lbfgs)
{
    rosenbrock r = {0};
    start_at(-1.2, 1);
    tp_optim *o = tp_optim_lbfgs(T, both, &(tp_lbfgs_options){.max_iter = 100, .line_search = TP_STRONG_WOLFE});
    ck_assert_double_eq_tol(tp_optim_step_closure(T, o, valley, &r), 24.2, 1e-12);
    ck_assert_double_eq_tol(tp_item(x[0]), 1, 1e-4);
    ck_assert_double_eq_tol(tp_item(x[1]), 1, 1e-4);
    ck_assert_int_lt(r.calls, 70);
    tp_optim_free(o);
}
END_TEST

/* A closure that fails leaves parameters that a step had reached, never a point of the line search. */
START_TEST(lbfgs_fails)
{
    for (int at = 1; at < 30; at++) {
        rosenbrock r = {.fail_at = at}, sound = {0};
        start_at(-1.2, 1);
        tp_optim *o = tp_optim_lbfgs(T, both, &(tp_lbfgs_options){.max_iter = 100, .line_search = TP_STRONG_WOLFE});
        ck_assert(isnan(tp_optim_step_closure(T, o, valley, &r)));
        ck_assert_int_eq(tp_error_status(T), TP_EUSER);
        tp_clear_error(T);
        ck_assert(isfinite(tp_item(x[0])) && valley(T, &sound) <= 24.2 + 1e-9);
        tp_optim_free(o);
    }
}
END_TEST

/* sum (x - log x), which is NaN below 0, and has a gradient of 1e308 near it; or the first `bad` calls are not finite. */
typedef struct {
    int calls, bad_from, bad_to;
    double bad;
} barrier;

static double wall(tp_tape *tape, void *user)
{
    barrier *b = user;
    tp_params_zero_grad(both);
    tp_tensor *l = tp_add(tape, tp_sub(tape, x[0], tp_log(tape, x[0])), tp_sub(tape, x[1], tp_log(tape, x[1])));
    tp_backward(tape, tp_sum(tape, l));
    int call = ++b->calls;
    return call >= b->bad_from && call <= b->bad_to ? b->bad : tp_item(l);
}

static void ck_finite(void)
{
    ck_assert(isfinite(tp_item(x[0])) && isfinite(tp_item(x[1])));
    ck_assert_ptr_null(tp_error(T));
}

START_TEST(lbfgs_steps_back)
{
    static const double starts[][2] = {{5, 5}, {10, 0.1}, {1e-300, 3}, {1e100, 1e-10}};
    static const double lengths[] = {1e-3, 1, 10, 1e10, 1e300};
    for (int search = 0; search < 2; search++)
        for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
            for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
                barrier b = {0};
                start_at(starts[i][0], starts[i][1]);
                double first = wall(T, &b);
                tp_optim *o = tp_optim_lbfgs(
                    T, both,
                    &(tp_lbfgs_options){.lr = lengths[k], .line_search = search ? TP_STRONG_WOLFE : TP_NO_LINE_SEARCH});
                for (int s = 0; s < 5; s++)
                    tp_optim_step_closure(T, o, wall, &b);
                ck_finite();
                if (search)
                    ck_assert(wall(T, &b) <= first);
                tp_optim_free(o);
            }
}
END_TEST

/* Whatever the calls that are bad, and in which way: parameters stay finite, and the search goes on after them. */
START_TEST(lbfgs_bad_calls)
{
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int from = 1; from < 12; from++)
        for (int n = 0; n < 4; n++)
            for (int k = 0; k < 3; k++) {
                barrier b = {.bad_from = from, .bad_to = from + n, .bad = bad[k]};
                start_at(3, 0.5);
                tp_optim *o = tp_optim_lbfgs(T, both, &(tp_lbfgs_options){.line_search = TP_STRONG_WOLFE});
                for (int s = 0; s < 8; s++)
                    tp_optim_step_closure(T, o, wall, &b);
                ck_finite();
                ck_assert_double_eq_tol(tp_item(x[0]), 1, 1e-4);
                ck_assert_double_eq_tol(tp_item(x[1]), 1, 1e-4);
                tp_optim_free(o);
            }
}
END_TEST

START_TEST(lbfgs_info)
{
    barrier b = {0};
    start_at(3, 0.5);
    tp_optim *o = tp_optim_lbfgs(T, both, &(tp_lbfgs_options){.max_iter = 2, .line_search = TP_STRONG_WOLFE});
    ck_assert_int_eq(tp_lbfgs_info(o).stop, TP_LBFGS_FAILED);
    tp_optim_step_closure(T, o, wall, &b);
    tp_lbfgs_report r = tp_lbfgs_info(o);
    ck_assert(r.stop == TP_LBFGS_MAX_ITER || r.stop == TP_LBFGS_MAX_EVAL);
    ck_assert_int_eq(r.evaluations, b.calls);
    ck_assert_int_le(r.iterations, 2);
    ck_assert_double_eq(r.loss, wall(T, &b));
    for (int s = 0; s < 20; s++)
        tp_optim_step_closure(T, o, wall, &b);
    ck_assert_int_eq(tp_lbfgs_info(o).stop, TP_LBFGS_GRADIENT);
    start_at(-1, 1);
    tp_optim_step_closure(T, o, wall, &b);
    ck_assert_int_eq(tp_lbfgs_info(o).stop, TP_LBFGS_NOT_FINITE);
    ck_assert_double_eq(tp_item(x[0]), -1);
    tp_optim_free(o);
    o = tp_optim_adam(T, both, NULL);
    ck_assert_int_eq(tp_lbfgs_info(o).stop, TP_LBFGS_FAILED);
    ck_assert_int_eq(tp_lbfgs_info(NULL).stop, TP_LBFGS_FAILED);
    tp_optim_free(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("optim");
    TCase *t = tcase_create("optim");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, sgd);
    tcase_add_test(t, adam);
    tcase_add_test(t, options);
    tcase_add_test(t, groups);
    tcase_add_test(t, updates_are_calls);
    tcase_add_test(t, failed_tape);
    tcase_add_test(t, poisoned_slab);
    tcase_add_test(t, lbfgs);
    tcase_add_test(t, lbfgs_fails);
    tcase_add_test(t, lbfgs_steps_back);
    tcase_add_test(t, lbfgs_bad_calls);
    tcase_add_test(t, lbfgs_info);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
