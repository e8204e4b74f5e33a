/* test_lr_find.c - the range test of learning rates: what it finds, and that nothing is changed by it. */
#define _POSIX_C_SOURCE 200809L
#include "support/support.h"

#include <unistd.h>

static tp_tape *T;
static tp_module *net;
static tp_optim *optim;
static tp_loader *loader;
static tp_tensor *data[2];
static int fail_at, calls;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
    net = tp_nn_sequential(T, tp_nn_linear(T, 2, 16, NULL), tp_nn_batch_norm1d(T, 16, NULL), tp_nn_tanh(T),
                           tp_nn_dropout(T, 0.1), tp_nn_linear(T, 16, 1, NULL));
    optim = tp_optim_adam(T, tp_module_params(net), NULL);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(256, 2));
    data[0] = tp_keep(x);
    data[1] = tp_keep(tp_sum_dim(T, tp_sin(T, x), 1, true));
    loader = tp_loader_new(T, 2, data, &(tp_loader_options){.batch_size = 16, .shuffle = true});
    fail_at = calls = 0;
    tp_tape_reset(T);
}

static void teardown(void)
{
    tp_loader_free(loader);
    tp_optim_free(optim);
    tp_module_free(net);
    tp_free(data[0]);
    tp_free(data[1]);
    tp_tape_free(T);
}

static double step(tp_tape *tape, void *user)
{
    (void)user;
    tp_tensor *batch[2];
    if (++calls == fail_at)
        tp_fail(tape, TP_EUSER, "the closure has had enough; another is needed");
    if (!tp_loader_next(tape, loader, batch)) {
        tp_loader_start(tape, loader);
        if (!tp_loader_next(tape, loader, batch))
            return NAN;
    }
    tp_optim_zero_grad(optim);
    tp_tensor *loss = tp_mse_loss(tape, tp_forward(tape, net, batch[0]), batch[1], TP_MEAN);
    tp_backward(tape, loss);
    double value = tp_item(loss);
    tp_tape_reset(tape);
    return value;
}

/* Some steps of training from here: losses to the last bit, and the parameters they lead to. */
static void train(int n, double *losses)
{
    for (int i = 0; i < n; i++)
        losses[i] = tp_optim_step_closure(T, optim, step, NULL);
    ck_no_error(T);
}

enum { STEPS = 40, BEFORE = 7 };

/* The training goes on as one that knows nothing of it; after a failure, too. */
START_TEST(nothing_is_changed)
{
    double want[STEPS], is[STEPS];
    tp_loader_start(T, loader);
    train(BEFORE, want);
    tp_snapshot *s = tp_snapshot_new(T);
    char path[] = "/tmp/tapir_lr_find_XXXXXX";
    close(mkstemp(path));
    tp_snapshot_module(T, s, "m", net);
    tp_snapshot_optim(T, s, "o", optim);
    tp_snapshot_loader(T, s, "l", loader);
    bool stored = tp_snapshot_save(T, s, path, 0) == TP_OK; /* not without jansson */
    tp_clear_error(T);
    for (int i = 0; i < 3 && stored; i++) {
        fail_at = i == 2 ? calls + 13 : 0;
        if (i > 0) {
            tp_lr_range r = tp_lr_find(T, net, optim, step, NULL, &(tp_lr_find_options){.loader = loader});
            if (i == 2) {
                ck_error(T, TP_EUSER, "the closure has had enough");
                ck_assert(r.lr == NULL && isnan(r.suggestion));
            }
            ck_no_error(T);
            ck_assert(tp_optim_lr(optim) == 1e-3);
        }
        train(STEPS, i ? is : want);
        ck_assert(i == 0 || memcmp(is, want, sizeof is) == 0);
        ck_assert_int_eq(tp_snapshot_load(T, s, path), TP_OK);
    }
    tp_snapshot_free(s);
    remove(path);
}
END_TEST

START_TEST(finds_a_rate)
{
    tp_lr_range r = tp_lr_find(T, net, optim, step, NULL, &(tp_lr_find_options){.loader = loader, .steps = 150});
    ck_no_error(T);
    int64_t n = tp_numel(r.lr);
    ck_assert(n > 50 && n <= 150 && tp_numel(r.loss) == n && tp_numel(r.mean) == n);
    ck_assert(tp_item_at(r.lr, 0) == 1e-7);
    for (int64_t i = 1; i < n; i++)
        ck_assert_double_eq_tol(tp_item_at(r.lr, i) / tp_item_at(r.lr, i - 1), pow(1e8, 1 / 149.0), 1e-9);
    ck_assert_msg(r.suggestion > 1e-3 && r.suggestion < 0.3, "%g", r.suggestion);
    ck_assert(r.lowest >= r.suggestion);
    char text[8000];
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.log_x = true});
    ck_assert_int_eq(tp_plot_lr_range(T, p, &r), TP_OK);
    ck_assert_int_gt(tp_plot_format(p, text, sizeof text), 0);
    ck_assert_ptr_nonnull(strstr(text, "suggestion 0.0"));
    tp_plot_free(p);
}
END_TEST

/* A parabola under plain steps: the loss falls until the rate is above 2 over its curvature, and then grows. */
static double parabola(tp_tape *tape, void *user)
{
    tp_tensor *x = user, *loss = tp_mul_scalar(tape, tp_square(tape, x), 5);
    tp_zero_grad(x);
    tp_backward(tape, loss);
    double value = tp_item(loss);
    tp_tape_reset(tape);
    return value;
}

START_TEST(stops_where_it_diverges)
{
    tp_tensor *x = tp_requires_grad(tp_keep(tp_scalar(T, TP_F64, 3)), true);
    tp_params *params = tp_params_of(T, 1, &x);
    tp_optim *o = tp_optim_sgd(T, params, &(tp_sgd_options){.lr = 0.5});
    tp_lr_range r = tp_lr_find(T, NULL, o, parabola, x,
                               &(tp_lr_find_options){.start = 1e-4, .end = 100, .beta = TP_ZERO});
    ck_no_error(T);
    int64_t n = tp_numel(r.lr);
    ck_assert_msg(n < 100 && tp_item_at(r.lr, n - 1) > 0.2 && tp_item_at(r.lr, n - 1) < 2, "%d steps, to %g", (int)n,
                  tp_item_at(r.lr, n - 1));
    ck_assert(r.lowest < 0.4 && r.suggestion < r.lowest);
    ck_assert(tensors_identical(r.mean, r.loss)); /* no mean was asked for */
    ck_assert(tp_item(x) == 3 && tp_optim_lr(o) == 0.5);
    tp_optim_free(o);
    tp_params_free(params);
    tp_free(x);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        tp_lr_find_options o;
        const char *wrong;
    } cases[] = {
        {{.start = 1, .end = 0.1}, "from 1 to 0.1"},
        {{.start = -1}, "from -1"},
        {{.end = INFINITY}, "to inf"},
        {{.steps = 1}, "1 steps"},
        {{.beta = 1}, "beta is 1"},
        {{.diverged = 1}, "diverged 1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_lr_find(T, net, optim, step, NULL, &cases[i].o);
        ck_error(T, TP_EINVAL, cases[i].wrong);
    }
    tp_lr_find(T, net, NULL, step, NULL, NULL);
    ck_error(T, TP_EINVAL, "the optimizer is NULL");
    ck_assert_int_eq(calls, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("lr_find");
    TCase *t = tcase_create("lr_find");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, nothing_is_changed);
    tcase_add_test(t, finds_a_rate);
    tcase_add_test(t, stops_where_it_diverges);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
