/* test_optimizers.c - what every optimizer must do: go on bit for bit from a state, train parameters that came later, lose
 * nothing where memory fails; and the rules of those that PyTorch 1.13 does not have, by numpy. Trajectories of the others
 * are in the conformance set. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

/* ---- all of them --------------------------------------------------------------------------------------------------------- */

static tp_optim *sgd(tp_params *p)
{
    return tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01});
}
static tp_optim *adam(tp_params *p) { return tp_optim_adam(T, p, &(tp_adam_options){.amsgrad = true}); }
static tp_optim *adamw(tp_params *p) { return tp_optim_adamw(T, p, NULL); }
static tp_optim *sparse_adam(tp_params *p) { return tp_optim_sparse_adam(T, p, NULL); }
static tp_optim *adamax(tp_params *p) { return tp_optim_adamax(T, p, &(tp_adamax_options){.weight_decay = 0.1}); }
static tp_optim *nadam(tp_params *p) { return tp_optim_nadam(T, p, NULL); }
static tp_optim *radam(tp_params *p) { return tp_optim_radam(T, p, &(tp_radam_options){.beta2 = 0.7}); }
static tp_optim *adagrad(tp_params *p)
{
    return tp_optim_adagrad(T, p, &(tp_adagrad_options){.lr_decay = 0.1, .initial_accumulator_value = 0.2});
}
static tp_optim *adadelta(tp_params *p) { return tp_optim_adadelta(T, p, NULL); }
static tp_optim *rmsprop(tp_params *p)
{
    return tp_optim_rmsprop(T, p, &(tp_rmsprop_options){.momentum = 0.5, .centered = true});
}
static tp_optim *rprop(tp_params *p) { return tp_optim_rprop(T, p, NULL); }
static tp_optim *asgd(tp_params *p) { return tp_optim_asgd(T, p, &(tp_asgd_options){.t0 = 2, .lambd = 0.1}); }
static tp_optim *lion(tp_params *p) { return tp_optim_lion(T, p, NULL); }
static tp_optim *lamb(tp_params *p) { return tp_optim_lamb(T, p, NULL); }
static tp_optim *adafactor(tp_params *p) { return tp_optim_adafactor(T, p, NULL); }
static tp_optim *muon(tp_params *p) { return tp_optim_muon(T, p, NULL); }

static tp_optim *(*const makers[])(tp_params *p) = {sgd,   adam,    adamw,     sparse_adam, adamax, nadam,
                                                    radam, adagrad, adadelta,  rmsprop,     rprop,  asgd,
                                                    lion,  lamb,    adafactor, muon};

/* ---- from a state on ------------------------------------------------------------------------------------------------------- */

enum { PARAMETERS = 3 };

typedef struct {
    tp_tensor *x[PARAMETERS];
    tp_params *params;
    tp_optim *o;
} training;

/* Matrices of both dtypes, so that Muon takes them. */
static training begin(int kind)
{
    static const tp_dtype dtypes[PARAMETERS] = {TP_F64, TP_F32, TP_F64};
    training t;
    for (int i = 0; i < PARAMETERS; i++)
        t.x[i] = tp_requires_grad(tp_keep(tp_full(T, dtypes[i], tp_shape(i + 2, 4), 0.5 + i)), true);
    t.params = tp_params_of(T, PARAMETERS, t.x);
    t.o = makers[kind](t.params);
    ck_no_error(T);
    return t;
}

static void end(training *t)
{
    tp_optim_free(t->o);
    tp_params_free(t->params);
    for (int i = 0; i < PARAMETERS; i++)
        tp_free(t->x[i]);
    tp_tape_reset(T);
}

/* Step number s; the last parameter has a gradient from the second step on. */
static void step(training *t, int s)
{
    tp_optim_zero_grad(t->o);
    for (int i = 0; i < (s == 0 ? PARAMETERS - 1 : PARAMETERS); i++) {
        tp_tensor *at = tp_arange(T, tp_dtype_of(t->x[i]), 0, (double)tp_numel(t->x[i]), 1);
        tp_tensor *g = tp_reshape(T, tp_sin(T, tp_add_scalar(T, at, 1 + 3.0 * i + 0.7 * s)), tp_shape_of(t->x[i]));
        tp_set_grad(T, t->x[i], g);
    }
    ck_assert_int_eq(tp_optim_step(T, t->o), TP_OK);
    tp_tape_reset(T);
}

/* A state as a file would keep it: copies. */
typedef struct {
    int n;
    const char *names[64];
    char text[64][64];
    tp_tensor *tensors[64];
} stored;

static void store(stored *s, tp_state_dict *d)
{
    ck_no_error(T);
    ck_assert(d && d->n <= 64);
    s->n = d->n;
    for (int i = 0; i < d->n; i++) {
        snprintf(s->text[i], sizeof s->text[i], "%s", d->names[i]);
        s->names[i] = s->text[i];
        s->tensors[i] = tp_keep(tp_clone(T, d->tensors[i]));
    }
    tp_state_dict_free(d);
    ck_no_error(T);
}

static void forget(stored *s)
{
    for (int i = 0; i < s->n; i++)
        tp_free(s->tensors[i]);
}

START_TEST(goes_on_bit_for_bit)
{
    training t = begin(_i), u = begin(_i);
    stored s;
    step(&t, 0);
    step(&t, 1);
    step(&t, 2);
    tp_optim_set_lr(t.o, 0.05);
    store(&s, tp_optim_state_dict(T, t.o));
    for (int i = 0; i < PARAMETERS; i++)
        tp_copy_into(T, u.x[i], t.x[i]);
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, s.tensors), TP_OK);
    ck_assert(tp_optim_lr(u.o) == 0.05);
    for (int k = 3; k < 6; k++) {
        step(&t, k);
        step(&u, k);
        for (int i = 0; i < PARAMETERS; i++)
            ck_assert_msg(tensors_identical(t.x[i], u.x[i]), "step %d, parameter %d", k, i);
    }
    forget(&s);
    end(&t);
    end(&u);
}
END_TEST

/* What fails because memory does changes neither parameters nor what the optimizer knows. */
START_TEST(memory_fails)
{
    for (long n = 1, done = 0; !done; n++) {
        training t = begin(_i);
        stored s;
        step(&t, 0);
        step(&t, 1);
        store(&s, tp_optim_state_dict(T, t.o));
        step(&t, 2);
        alloc_fail_at(n);
        tp_state_dict *d = tp_optim_state_dict(T, t.o);
        tp_optim *o = makers[_i](t.params);
        tp_status loaded = tp_optim_load_state_dict(T, t.o, s.n, s.names, s.tensors);
        done = alloc_requests() < n;
        alloc_fail_from(0);
        ck_assert_int_eq(loaded, tp_error_status(T));
        ck_assert(done == (tp_error(T) == NULL));
        tp_state_dict_free(d);
        tp_optim_free(o);
        tp_clear_error(T);
        forget(&s);
        end(&t);
    }
}
END_TEST

/* ---- frozen, and added ------------------------------------------------------------------------------------------------------ */

START_TEST(groups_come_later)
{
    tp_tensor *x[2];
    tp_params *p[2];
    for (int i = 0; i < 2; i++) {
        x[i] = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(3))), true);
        p[i] = tp_params_of(T, 1, &x[i]);
        tp_set_grad(T, x[i], tp_ones(T, TP_F64, tp_shape(3)));
    }
    tp_optim *o = tp_optim_rmsprop(T, p[0], NULL);
    tp_optim_step(T, o);
    ck_assert(tp_item_at(x[1], 0) == 1);
    ck_assert_int_eq(tp_optim_rmsprop_group(T, o, p[1], &(tp_rmsprop_options){.lr = 0.5}), TP_OK);
    ck_assert(tp_optim_option(o, 1, "lr") == 0.5 && tp_optim_option(o, 0, "lr") == 0.01);
    tp_optim_step(T, o);
    ck_assert(tp_item_at(x[1], 0) < -3 && tp_item_at(x[0], 0) > 0.7);
    tp_state_dict *d = tp_optim_state_dict(T, o);
    ck_assert_double_eq(tp_item(tp_state_dict_get(d, "state.0.step")), 2);
    ck_assert_double_eq(tp_item(tp_state_dict_get(d, "state.1.step")), 1);
    ck_assert_double_eq(tp_item(tp_state_dict_get(d, "param_groups.1.alpha")), 0.99);
    ck_assert_int_eq((int)tp_item(tp_state_dict_get(d, "param_groups.1.params")), 1);
    ck_assert_ptr_null(tp_state_dict_get(d, "state.0.momentum_buffer"));
    tp_state_dict_free(d);
    tp_optim_free(o);
    for (int i = 0; i < 2; i++) {
        tp_params_free(p[i]);
        tp_free(x[i]);
    }
}
END_TEST

START_TEST(options_by_name)
{
    training t = begin(0);
    ck_assert(tp_optim_option(t.o, 0, "momentum") == 0.9 && tp_optim_option(t.o, 0, "nesterov") == 1);
    ck_assert(isnan(tp_optim_option(t.o, 0, "beta1")) && isnan(tp_optim_option(t.o, 1, "lr")));
    ck_assert(isnan(tp_optim_option(NULL, 0, "lr")) && isnan(tp_optim_option(t.o, 0, NULL)));
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "momentum", 0), TP_EINVAL);
    ck_error(T, TP_EINVAL, "with nesterov, momentum is 0");
    ck_assert(tp_optim_option(t.o, 0, "momentum") == 0.9);
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "nesterov", 0), TP_OK);
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "momentum", 0), TP_OK);
    ck_assert(tp_optim_option(t.o, 0, "momentum") == 0);
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "weight_decay", NAN), TP_EINVAL);
    ck_error(T, TP_EINVAL, "weight_decay is NaN");
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "lr", INFINITY), TP_EINVAL);
    ck_error(T, TP_EINVAL, "lr is inf");
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "beta3", 1), TP_EINVAL);
    ck_error(T, TP_EINVAL, "no option \"beta3\"");
    end(&t);
}
END_TEST

/* A momentum that was off, and is turned on when steps were made. */
START_TEST(momentum_comes_later)
{
    training t = begin(0);
    tp_optim_free(t.o);
    t.o = tp_optim_sgd(T, t.params, &(tp_sgd_options){.lr = 0.1});
    step(&t, 0);
    ck_assert_int_eq(tp_optim_set_option(T, t.o, 0, "momentum", 0.5), TP_OK);
    step(&t, 1);
    step(&t, 2);
    ck_no_error(T);
    end(&t);
}
END_TEST

/* ---- states that do not fit -------------------------------------------------------------------------------------------------- */

START_TEST(misfits)
{
    training t = begin(1), u = begin(1);
    stored s;
    step(&t, 0);
    step(&t, 1);
    store(&s, tp_optim_state_dict(T, t.o));
    tp_tensor *const *tensors = s.tensors;
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n - 1, s.names, tensors),
                     TP_OK); /* "params" alone is missing */
    const char *first = s.names[0];
    s.names[0] = "state.0.stop";
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Missing key in state_dict: \"state.0.step\"");
    s.names[0] = first;
    s.names[s.n - 1] = "state.7.exp_avg";
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Unexpected key in state_dict: \"state.7.exp_avg\"");
    s.names[s.n - 1] = "param_groups.0.foreach"; /* torch's own */
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, tensors), TP_OK);
    s.names[s.n - 1] = "param_groups.1.lr";
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "with 1 groups");
    s.names[s.n - 1] = first;
    ck_assert_int_eq(tp_optim_load_state_dict(T, u.o, s.n, s.names, tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "is there twice");
    tp_optim *other = sgd(t.params);
    s.names[s.n - 1] = "param_groups.0.params";
    ck_assert_int_eq(tp_optim_load_state_dict(T, other, s.n, s.names, tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Unexpected key");
    tp_optim_free(other);
    forget(&s);
    end(&t);
    end(&u);
}
END_TEST

START_TEST(shapes_do_not_fit)
{
    training t = begin(1);
    stored s;
    step(&t, 0);
    store(&s, tp_optim_state_dict(T, t.o));
    tp_tensor *kept = s.tensors[1];
    s.tensors[1] = tp_ones(T, TP_F64, tp_shape(4, 2));
    ck_assert_int_eq(tp_optim_load_state_dict(T, t.o, s.n, s.names, s.tensors), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "state.0.exp_avg is [4, 2]; [2, 4] is needed");
    s.tensors[1] = kept;
    kept = s.tensors[0];
    s.tensors[0] = tp_full(T, TP_F64, tp_shape(), -1);
    ck_assert_int_eq(tp_optim_load_state_dict(T, t.o, s.n, s.names, s.tensors), TP_EINVAL);
    ck_error(T, TP_EINVAL, "state.0.step is -1");
    s.tensors[0] = kept;
    forget(&s);
    end(&t);
}
END_TEST

/* ---- rules that PyTorch 1.13 does not have ------------------------------------------------------------------------------------ */

static const double start[6] = {0.5, -1, 2, 1.5, 0.25, -0.75}, slope[6] = {1, -2, 0.5, 0.25, 3, -1};

/* Three steps with gradients of slope, -1.5 ... and 2 ... of it; rows of zeros in the second where `sparse`. */
static tp_tensor *three_steps(tp_dims shape, bool sparse, tp_optim *(*make)(tp_params *p))
{
    static const double by[3] = {1, 1.5, -2};
    tp_tensor *x = tp_requires_grad(tp_keep(tp_from(T, TP_F64, shape, start)), true);
    tp_params *p = tp_params_of(T, 1, &x);
    tp_optim *o = make(p);
    for (int k = 0; k < 3; k++) {
        tp_tensor *g = tp_mul_scalar(T, tp_from(T, TP_F64, shape, slope), by[k]);
        if (sparse && k == 1)
            tp_zero_(T, tp_select(T, g, 0, 1));
        tp_set_grad(T, x, g);
        tp_optim_step(T, o);
    }
    ck_no_error(T);
    tp_optim_free(o);
    tp_params_free(p);
    return x;
}

static tp_optim *lion_of(tp_params *p)
{
    return tp_optim_lion(T, p, &(tp_lion_options){.lr = 0.01, .weight_decay = 0.1});
}
static tp_optim *lamb_of(tp_params *p) { return tp_optim_lamb(T, p, &(tp_lamb_options){.lr = 0.01}); }
static tp_optim *adafactor_of(tp_params *p)
{
    return tp_optim_adafactor(T, p, &(tp_adafactor_options){.lr = 0.05, .weight_decay = 0.1});
}
static tp_optim *muon_of(tp_params *p) { return tp_optim_muon(T, p, &(tp_muon_options){.lr = 0.02}); }
static tp_optim *muon_as_adamw(tp_params *p)
{
    return tp_optim_muon(T, p, &(tp_muon_options){.lr = 0.02, .adjust_lr = TP_MUON_MATCH_RMS_ADAMW});
}
static tp_optim *sparse_adam_of(tp_params *p)
{
    return tp_optim_sparse_adam(T, p, &(tp_sparse_adam_options){.lr = 0.1});
}

#define ck_three_steps(make, shape, sparse, ...) \
    do { \
        tp_tensor *x = three_steps(shape, sparse, make); \
        ck_values(x, 1e-13, __VA_ARGS__); \
        tp_free(x); \
    } while (0)

START_TEST(rules)
{
    tp_dims wide = tp_shape(2, 3), tall = tp_shape(3, 2);
    ck_three_steps(lion_of, wide, false, 0.48853148950000003, -0.98703298900000003, 1.9840359879999998,
                   1.4855344884999999, 0.23928073974999997, -0.73778223924999997);
    ck_three_steps(lamb_of, wide, false, 0.46678073470459092, -0.96547702194972707, 1.9628696620324642,
                   1.4641734141426268, 0.21743256703143771, -0.7161288848864088);
    ck_three_steps(adafactor_of, wide, false, 0.39871698689882185, -0.9314309800560957, 1.9269006592339593,
                   1.4606703300262287, 0.18814702424901222, -0.67632721200535595);
    ck_three_steps(adafactor_of, tp_shape(3), false, 0.42433680971423127, -0.91687424721423116, 1.9019491222142313);
    ck_three_steps(muon_of, wide, false, 0.48468326051358274, -0.98667660280004432, 1.9874265711123595,
                   1.4842527295795971, 0.23656022404668159, -0.74070377974066148);
    ck_three_steps(muon_of, tall, false, 0.49986341540053475, -0.97131562764965107, 1.9825274629321092,
                   1.4847183270721271, 0.22937433312897129, -0.74801127336114204);
    ck_three_steps(muon_as_adamw, tall, false, 0.49781419625392481, -0.98759249074383515, 1.986469333071984,
                   1.4892361748154899, 0.24309259454186027, -0.74621674548187455);
    ck_three_steps(sparse_adam_of, wide, true, 0.29712221951651424, -0.79712219479080493, 1.7971222689679132,
                   1.4314287256598623, 0.18142862600861165, -0.68142864412703963);
}
END_TEST

START_TEST(muon_takes_matrices)
{
    tp_tensor *x = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(3))), true);
    tp_params *p = tp_params_of(T, 1, &x);
    ck_assert_ptr_null(tp_optim_muon(T, p, NULL));
    ck_error(T, TP_ESHAPE, "parameter 0 has 1 dimensions");
    tp_params_free(p);
    tp_free(x);
}
END_TEST

/* Gradients as large and as small as floats go: the directions of those that normalize stay what they are. */
START_TEST(any_size_of_gradient)
{
    static const double sizes[] = {1e-30, 1e-12, 1, 1e15, 1e30};
    double first[6];
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        tp_tensor *x = tp_requires_grad(tp_keep(tp_from(T, TP_F64, tp_shape(2, 3), start)), true);
        tp_params *p = tp_params_of(T, 1, &x);
        tp_optim *o = tp_optim_muon(T, p, &(tp_muon_options){.lr = 0.1, .eps = TP_ZERO});
        tp_set_grad(T, x, tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(2, 3), slope), sizes[k]));
        tp_optim_step(T, o);
        for (int i = 0; i < 6; i++) {
            first[i] = k ? first[i] : tp_item_at(x, i);
            ck_assert_double_eq_tol(tp_item_at(x, i), first[i], 1e-12);
        }
        tp_optim_free(o);
        tp_params_free(p);
        tp_free(x);
    }
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------------------------ */

static void train_large(tp_tape *tape, void *user, tp_tensor **out)
{
    tp_optim *(*make)(tp_params * p) = makers[*(const int *)user];
    tp_tensor *x = tp_requires_grad(tp_keep(tp_ones(tape, TP_F32, tp_shape(500, 700))), true);
    tp_params *p = tp_params_of(tape, 1, &x);
    tp_optim *o = make(p);
    tp_tensor *at = tp_arange(tape, TP_F32, 0, 350000, 1);
    for (int k = 0; k < 2; k++) {
        tp_set_grad(tape, x, tp_reshape(tape, tp_sin(tape, tp_add_scalar(tape, at, k)), tp_shape(500, 700)));
        tp_optim_step(tape, o);
    }
    tp_optim_free(o);
    tp_params_free(p);
    *out = tp_clone(tape, tp_detach(tape, x));
    tp_free(x);
}

START_TEST(same_on_threads) { ck_same_on_threads(T, 1, train_large, &_i); }
END_TEST

int main(void)
{
    Suite *s = suite_create("optimizers");
    TCase *t = tcase_create("optimizers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, goes_on_bit_for_bit, 0, LENGTH(makers));
    tcase_add_loop_test(t, memory_fails, 0, LENGTH(makers));
    tcase_add_loop_test(t, same_on_threads, 0, LENGTH(makers));
    tcase_add_test(t, groups_come_later);
    tcase_add_test(t, options_by_name);
    tcase_add_test(t, momentum_comes_later);
    tcase_add_test(t, misfits);
    tcase_add_test(t, shapes_do_not_fit);
    tcase_add_test(t, rules);
    tcase_add_test(t, muon_takes_matrices);
    tcase_add_test(t, any_size_of_gradient);
    suite_add_tcase(s, t);
    return run_suite(s);
}
