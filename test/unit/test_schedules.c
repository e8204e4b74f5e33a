/* test_schedules.c - schedules: their state, their lifetime, what they refuse. Rates against PyTorch are in the conformance
 * set. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;
static tp_tensor *x[2];
static tp_params *p[2];
static tp_optim *o;

static void setup(void)
{
    T = tp_tape_new();
    for (int i = 0; i < 2; i++) {
        x[i] = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(1))), true);
        p[i] = tp_params_of(T, 1, &x[i]);
    }
    o = tp_optim_sgd(T, p[0], &(tp_sgd_options){.lr = 0.5, .momentum = 0.9});
    ck_assert_int_eq(tp_optim_sgd_group(T, o, p[1], &(tp_sgd_options){.lr = 0.1, .momentum = 0.9}), TP_OK);
}

static void teardown(void)
{
    tp_optim_free(o);
    for (int i = 0; i < 2; i++) {
        tp_params_free(p[i]);
        tp_free(x[i]);
    }
    tp_tape_free(T);
}

static double halves(int64_t epoch, int group, void *user)
{
    (void)user;
    return group == 0 ? pow(0.5, (double)epoch) : 1;
}

/* ---- each kind ------------------------------------------------------------------------------------------------------------ */

static tp_schedule *step(tp_optim *of) { return tp_step_lr(T, of, 3, 0); }
static tp_schedule *multi_step(tp_optim *of) { return tp_multi_step_lr(T, of, 3, (const int64_t[]){7, 2, 2}, 0.5); }
static tp_schedule *constant(tp_optim *of) { return tp_constant_lr(T, of, 0, 4); }
static tp_schedule *linear(tp_optim *of) { return tp_linear_lr(T, of, 0.1, 0, 8); }
static tp_schedule *exponential(tp_optim *of) { return tp_exponential_lr(T, of, 0.9); }
static tp_schedule *polynomial(tp_optim *of) { return tp_polynomial_lr(T, of, 9, 2); }
static tp_schedule *cosine(tp_optim *of) { return tp_cosine_annealing_lr(T, of, 4, 0.01); }
static tp_schedule *restarts(tp_optim *of) { return tp_cosine_annealing_warm_restarts(T, of, 2, 2, 0); }
static tp_schedule *swa(tp_optim *of) { return tp_swa_lr(T, of, 0.05, 4, false); }
static tp_schedule *lambda(tp_optim *of) { return tp_lambda_lr(T, of, halves, NULL); }
static tp_schedule *multiplicative(tp_optim *of) { return tp_multiplicative_lr(T, of, halves, NULL); }
static tp_schedule *cyclic(tp_optim *of)
{
    return tp_cyclic_lr(
        T, of, &(tp_cyclic_options){.base_lr = 0.01, .max_lr = 0.2, .step_size_up = 3, .mode = TP_TRIANGULAR2});
}
static tp_schedule *one_cycle(tp_optim *of)
{
    return tp_one_cycle_lr(T, of, &(tp_one_cycle_options){.max_lr = 0.4, .total_steps = 12});
}
static tp_schedule *sequential(tp_optim *of)
{
    tp_schedule *parts[] = {linear(of), restarts(of), exponential(of)};
    return tp_sequential_lr(T, 3, parts, (const int64_t[]){3, 6});
}
static tp_schedule *chained(tp_optim *of)
{
    tp_schedule *parts[] = {constant(of), exponential(of)};
    return tp_chained_lr(T, 2, parts);
}

static tp_schedule *(*const makers[])(tp_optim *of) = {step,           multi_step, constant,  linear,     exponential,
                                                       polynomial,     cosine,     restarts,  swa,        lambda,
                                                       multiplicative, cyclic,     one_cycle, sequential, chained};

/* A state, and the optimizer's, taken in the middle: another pair goes on the same way, bit for bit. */
START_TEST(goes_on_from_a_state)
{
    tp_schedule *s = makers[_i](o);
    ck_no_error(T);
    for (int k = 0; k < 4; k++)
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
    tp_state_dict *of_schedule = tp_schedule_state_dict(T, s), *of_optim = tp_optim_state_dict(T, o);
    ck_no_error(T);
    tp_optim *other = tp_optim_sgd(T, p[0], &(tp_sgd_options){.lr = 1, .momentum = 0.1});
    ck_assert_int_eq(tp_optim_sgd_group(T, other, p[1], &(tp_sgd_options){.lr = 1, .momentum = 0.1}), TP_OK);
    tp_schedule *t = makers[_i](other);
    ck_assert_int_eq(tp_optim_load_state_dict(T, other, of_optim->n, of_optim->names, of_optim->tensors), TP_OK);
    ck_assert_int_eq(tp_schedule_load_state_dict(T, t, of_schedule->n, of_schedule->names, of_schedule->tensors),
                     TP_OK);
    for (int k = 0; k < 8; k++) {
        for (int g = 0; g < 2; g++) {
            ck_assert(tp_optim_group_lr(o, g) == tp_optim_group_lr(other, g));
            ck_assert(tp_optim_option(o, g, "momentum") == tp_optim_option(other, g, "momentum"));
        }
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
        ck_assert_int_eq(tp_schedule_step(T, t), TP_OK);
    }
    ck_assert_int_eq(tp_schedule_last_epoch(s), 12);
    tp_state_dict_free(of_schedule);
    tp_state_dict_free(of_optim);
    tp_schedule_free(s);
    tp_optim_free(other);
    ck_assert_int_eq(tp_schedule_step(T, t), TP_EINVAL);
    ck_error(T, TP_EINVAL, "its optimizer was freed");
    tp_schedule_free(t);
}
END_TEST

START_TEST(memory_fails)
{
    for (long n = 1, done = 0; !done; n++) {
        long long before = alloc_live();
        alloc_fail_at(n);
        tp_schedule *s = makers[_i](o);
        tp_state_dict *d = tp_schedule_state_dict(T, s);
        done = alloc_requests() < n;
        alloc_fail_from(0);
        bool failed = tp_error(T) != NULL, made = d != NULL;
        tp_state_dict_free(d);
        tp_schedule_free(s);
        tp_clear_error(T);
        long long after = alloc_live(); /* before Check allocates what it says */
        ck_assert(made != failed);
        ck_assert_int_eq(after, before);
    }
}
END_TEST

/* ---- rates ------------------------------------------------------------------------------------------------------------------ */

START_TEST(swa_rates) /* torch.optim.swa_utils.SWALR */
{
    static const double want[] = {0.5, 0.43409902576697318, 0.275, 0.11590097423302682, 0.05, 0.05, 0.05};
    tp_schedule *s = swa(o);
    for (size_t k = 0; k < LENGTH(want); k++) {
        ck_assert_double_eq_tol(tp_optim_lr(o), want[k], 1e-15);
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
    }
    tp_schedule_free(s);
}
END_TEST

START_TEST(warm_up)
{
    tp_schedule *parts[] = {tp_linear_lr(T, o, 0.25, 1, 3), tp_cosine_annealing_lr(T, o, 4, 0)};
    tp_schedule *s = tp_sequential_lr(T, 2, parts, (const int64_t[]){3});
    static const double want[] = {0.125, 0.25, 0.375, 0.5, 0.4267766952966369, 0.25};
    for (size_t k = 0; k < LENGTH(want); k++) {
        ck_assert_double_eq_tol(tp_optim_lr(o), want[k], 1e-15);
        ck_assert_double_eq_tol(tp_optim_group_lr(o, 1), want[k] / 5, 1e-15);
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
    }
    tp_schedule_free(s);
}
END_TEST

START_TEST(plateau)
{
    tp_schedule *s = tp_reduce_lr_on_plateau(
        T, o,
        &(tp_plateau_options){
            .max = true, .factor = 0.5, .patience = -1, .absolute = true, .threshold = 0.1, .min_lr = 0.2});
    static const double metric[] = {1, 1.05, 1.2, NAN, 1.2}, want[] = {0.5, 0.25, 0.25, 0.2, 0.2};
    for (size_t k = 0; k < LENGTH(want); k++) {
        ck_assert_int_eq(tp_schedule_step_metric(T, s, metric[k]), TP_OK);
        ck_assert_double_eq(tp_optim_lr(o), want[k]);
        ck_assert_double_eq(tp_optim_group_lr(o, 1), 0.1); /* below min_lr: it stays */
    }
    ck_assert_int_eq(tp_schedule_step(T, s), TP_EINVAL);
    ck_error(T, TP_EINVAL, "goes by a metric");
    tp_schedule_free(s);
}
END_TEST

static double wrong_at_three(int64_t epoch, int group, void *user)
{
    (void)group;
    return epoch == 3 ? *(const double *)user : 1;
}

/* All rates stay where one is none, and the step may be made again. */
START_TEST(rates_that_are_none)
{
    double wrong[] = {NAN, -1, INFINITY}, factor;
    for (size_t k = 0; k < LENGTH(wrong); k++) {
        factor = wrong[k];
        tp_schedule *s = tp_lambda_lr(T, o, wrong_at_three, &factor);
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
        ck_assert_int_eq(tp_schedule_step(T, s), TP_ENUMERIC);
        ck_error(T, TP_ENUMERIC, "the rate of group 0 for epoch 3");
        ck_assert(tp_optim_lr(o) == 0.5 && tp_schedule_last_epoch(s) == 2);
        factor = 0.5;
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
        ck_assert(tp_optim_lr(o) == 0.25);
        tp_schedule_free(s);
        tp_optim_set_group_lr(o, 0, 0.5);
    }
}
END_TEST

START_TEST(one_cycle_ends)
{
    tp_schedule *s = one_cycle(o);
    for (int k = 0; k < 12; k++)
        ck_assert_int_eq(tp_schedule_step(T, s), TP_OK);
    ck_assert_int_eq(tp_schedule_step(T, s), TP_EINVAL);
    ck_error(T, TP_EINVAL, "step 14; total_steps is 12");
    tp_schedule_free(s);
}
END_TEST

START_TEST(momentum_by_beta1)
{
    tp_optim *adam = tp_optim_adam(T, p[0], NULL), *adagrad = tp_optim_adagrad(T, p[0], NULL);
    tp_schedule *s = one_cycle(adam);
    ck_assert_double_eq(tp_optim_option(adam, 0, "beta1"), 0.95);
    tp_schedule_free(s);
    ck_assert_ptr_null(one_cycle(adagrad));
    ck_error(T, TP_EINVAL, "adagrad has no momentum to cycle");
    tp_optim_free(adam);
    tp_optim_free(adagrad);
}
END_TEST

/* ---- lifetimes ---------------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_optim *optim;
    tp_schedule *schedule;
} doomed;

static double frees(int64_t epoch, int group, void *user)
{
    doomed *d = user;
    if (epoch == 1 && group == 0) {
        tp_optim_free(d->optim);
        tp_schedule_free(d->schedule);
    }
    return 1;
}

START_TEST(freed_by_its_function)
{
    doomed d = {tp_optim_sgd(T, p[0], &(tp_sgd_options){.lr = 0.5}), NULL};
    d.schedule = tp_lambda_lr(T, d.optim, frees, &d);
    ck_assert_int_eq(tp_schedule_step(T, d.schedule), TP_EINVAL);
    ck_error(T, TP_EINVAL, "its optimizer was freed");
    d = (doomed){NULL, NULL};
    d.schedule = tp_lambda_lr(T, o, frees, &d);
    ck_assert_int_eq(tp_schedule_step(T, d.schedule), TP_OK);
}
END_TEST

START_TEST(parts_have_one_owner)
{
    tp_schedule *a = exponential(o), *list[] = {a, a};
    ck_assert_ptr_null(tp_chained_lr(T, 2, list));
    ck_error(T, TP_EINVAL, "schedule 1 is there twice");
    tp_schedule *part = exponential(o), *inner = tp_chained_lr(T, 1, &part);
    tp_schedule_free(part); /* it is the other's */
    tp_schedule *both[] = {inner, part};
    ck_assert_ptr_null(tp_chained_lr(T, 2, both));
    ck_error(T, TP_EINVAL, "schedule 1 is part of another");
    tp_optim *other = tp_optim_adam(T, p[0], NULL);
    tp_schedule *mixed[] = {exponential(o), exponential(other)};
    ck_assert_ptr_null(tp_sequential_lr(T, 2, mixed, (const int64_t[]){2}));
    ck_error(T, TP_EINVAL, "schedule 1 is of another optimizer");
    tp_optim_free(other);
}
END_TEST

START_TEST(states_that_do_not_fit)
{
    tp_schedule *s = step(o);
    const char *names[] = {"last_epoch", "base_lrs", "_last_lr", "gamma"};
    tp_tensor *values[4];
    for (int i = 0; i < 4; i++)
        values[i] = tp_full(T, TP_F64, tp_shape(i == 1 || i == 2 ? 2 : 1), 7);
    ck_assert_int_eq(tp_schedule_load_state_dict(T, s, 2, names, values), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Missing key in state_dict: \"_last_lr\"");
    ck_assert_int_eq(tp_schedule_load_state_dict(T, s, 4, names, values), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Unexpected key in state_dict: \"gamma\"");
    ck_assert_int_eq(tp_schedule_last_epoch(s), 0);
    ck_assert_int_eq(tp_schedule_load_state_dict(T, s, 3, names, values), TP_OK);
    ck_assert_int_eq(tp_schedule_last_epoch(s), 7);
    values[1] = tp_full(T, TP_F64, tp_shape(3), 7);
    ck_assert_int_eq(tp_schedule_load_state_dict(T, s, 3, names, values), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "base_lrs is [3]; 2 elements are needed");
    tp_schedule_free(s);
}
END_TEST

START_TEST(refused)
{
    ck_assert_ptr_null(tp_step_lr(T, o, 0, 0));
    ck_error(T, TP_EINVAL, "step_lr: step_size is 0; 1 or more is needed");
    ck_assert_ptr_null(tp_exponential_lr(T, o, 0));
    ck_error(T, TP_EINVAL, "gamma is 0");
    ck_assert_ptr_null(tp_constant_lr(T, o, 1.5, 0));
    ck_error(T, TP_EINVAL, "factor is 1.5");
    ck_assert_ptr_null(tp_cosine_annealing_lr(T, o, INT64_MAX, 0));
    ck_error(T, TP_EINVAL, "T_max");
    ck_assert_ptr_null(tp_sequential_lr(T, 3, (tp_schedule *[]){step(o), step(o), step(o)}, (const int64_t[]){4, 4}));
    ck_error(T, TP_EINVAL, "milestone 1 is 4");
    ck_assert_ptr_null(tp_reduce_lr_on_plateau(T, o, &(tp_plateau_options){.factor = 1}));
    ck_error(T, TP_EINVAL, "factor is 1");
    ck_assert_ptr_null(tp_lambda_lr(T, NULL, halves, NULL));
    ck_error(T, TP_EINVAL, "the optimizer");
    ck_assert_ptr_null(tp_one_cycle_lr(T, o, NULL));
    ck_error(T, TP_EINVAL, "the options");
}
END_TEST

int main(void)
{
    Suite *s = suite_create("schedules");
    TCase *t = tcase_create("schedules");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, goes_on_from_a_state, 0, LENGTH(makers));
    tcase_add_loop_test(t, memory_fails, 0, LENGTH(makers));
    tcase_add_test(t, swa_rates);
    tcase_add_test(t, warm_up);
    tcase_add_test(t, plateau);
    tcase_add_test(t, rates_that_are_none);
    tcase_add_test(t, one_cycle_ends);
    tcase_add_test(t, momentum_by_beta1);
    tcase_add_test(t, freed_by_its_function);
    tcase_add_test(t, parts_have_one_owner);
    tcase_add_test(t, states_that_do_not_fit);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
