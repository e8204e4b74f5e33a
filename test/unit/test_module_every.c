/* test_module_every.c - what holds for every module, a row each in modules.def: it is cloned, its state goes into another one and
 * through a file, to the same bits; it prints and is summarized alike; in evaluation it draws nothing; its gradients are those of
 * what it computes. */
#define _POSIX_C_SOURCE 200809L
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUTS = 4 };

static tp_tape *T;
static tp_dtype dtype; /* of what is made */
static void setup(void)
{
    T = tp_tape_new();
    dtype = TP_F32;
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *squared_distance(tp_tape *tape, tp_tensor *a, tp_tensor *b, void *user)
{
    (void)user;
    return tp_sum_dims(tape, tp_square(tape, tp_sub(tape, a, b)), 1, (int[]){-1}, false);
}

#define LINEAR(in, out) tp_nn_linear(T, in, out, &(tp_linear_options){.dtype = dtype})
#define CONV(...) \
    &(tp_nn_conv_options) { .dtype = dtype, __VA_ARGS__ }
#define INSTANCE(...) \
    &(tp_nn_instance_norm_options) { .dtype = dtype, __VA_ARGS__ }
/* The mean of a model that goes. */
static tp_module *averaged(tp_module *model)
{
    tp_module *mean = tp_nn_averaged_model(T, model, NULL);
    (void)tp_averaged_update(T, mean, model);
    tp_module_free(model);
    return mean;
}
static tp_module *weight_normed(tp_module *m)
{
    tp_weight_norm(T, m, "weight", 0);
    return m;
}
static tp_module *pruned(tp_module *m)
{
    tp_prune_l1_unstructured(T, m, "weight", 0.4, NULL);
    return m;
}
#define MODULE(name, inputs, ...) \
    static tp_module *make_##name(void) { return __VA_ARGS__; }
#include "modules.def"
#undef MODULE

static const struct {
    const char *name, *inputs;
    tp_module *(*make)(void);
} rows[] = {
#define MODULE(name, inputs, ...) {#name, inputs, make_##name},
#include "modules.def"
#undef MODULE
};

/* "i5:4,3" */
static tp_tensor *input(const char *spec)
{
    char kind = spec[strcspn(spec, ": ")] == ':' ? spec[0] : 'n', *end;
    int64_t n = strchr("ic", kind) ? strtoll(spec + 1, &end, 10) : 0, numel = 1;
    tp_dims shape = {.ndim = 0};
    spec += kind == 'n' ? 0 : strcspn(spec, ":") + 1;
    for (; *spec >= '0' && *spec <= '9'; spec = *end == ',' ? end + 1 : end) {
        shape.dim[shape.ndim] = strtoll(spec, &end, 10);
        numel *= shape.dim[shape.ndim++];
    }
    tp_tensor *x = tp_randn(T, dtype, shape);
    if (kind == 'u' || kind == 'U')
        x = tp_add_scalar(T, tp_mul_scalar(T, tp_rand(T, dtype, shape), 0.9), 0.05);
    if (kind == 'S')
        x = tp_sign(T, x);
    if (kind == 'i')
        x = tp_randint(T, TP_I64, shape, 0, n);
    if (kind == 'c')
        x = tp_full(T, TP_I64, shape, (double)n);
    if (kind == 'a')
        x = tp_reshape(T, tp_arange(T, TP_I64, 0, (double)numel, 1), shape);
    ck_no_error(T);
    return tp_requires_grad(tp_detach(T, x), kind == 'n' || kind == 'u');
}

static bool is_tried(int row) { return rows[row].inputs[0] != '!'; }
static bool has_forward(int row) { return rows[row].inputs[0] != '\0'; }

static int inputs(int row, tp_tensor **in)
{
    int n = 0;
    for (const char *spec = rows[row].inputs + !is_tried(row); *spec; n++) {
        in[n] = input(spec);
        spec += strcspn(spec, " ");
        spec += strspn(spec, " ");
    }
    return n;
}

/* NULL of one that has no forward. */
static tp_tensor *result(int row, tp_module *m, int n, tp_tensor *const *in)
{
    tp_tensor *y = NULL;
    if (has_forward(row))
        tp_forward_n(T, m, n, in, 1, &y);
    ck_no_error(T);
    return y;
}

static bool same(tp_tensor *a, tp_tensor *b) { return a == NULL ? b == NULL : tensors_identical(a, b); }

/* A copy gives the same, also in training, where it draws the same. */
START_TEST(cloned)
{
    tp_tensor *in[INPUTS];
    tp_manual_seed(T, 1);
    tp_module *m = rows[_i].make();
    int n = inputs(_i, in);
    tp_module *c = tp_module_clone(T, m);
    ck_no_error(T);
    char of_m[2000], of_c[2000];
    tp_module_format(m, of_m, sizeof of_m);
    tp_module_format(c, of_c, sizeof of_c);
    ck_assert_str_eq(of_m, of_c);
    tp_manual_seed(T, 2);
    tp_tensor *y = result(_i, m, n, in);
    tp_manual_seed(T, 2);
    ck_assert_msg(same(result(_i, c, n, in), y), "%s", rows[_i].name);
    tp_module_free(m);
    tp_module_eval(c);
    tp_tensor *state = tp_get_rng_state(T);
    result(_i, c, n, in);
    ck_assert(tensors_identical(state, tp_get_rng_state(T)));
    if (has_forward(_i))
        ck_assert_int_gt(tp_module_summary(T, c, n, in, of_c, sizeof of_c), 0);
    tp_module_free(c);
}
END_TEST

static void expect_same_state(int row, tp_module *a, tp_module *b)
{
    tp_state_dict *of_a = tp_module_state_dict(T, a), *of_b = tp_module_state_dict(T, b);
    ck_assert_int_eq(of_a->n, of_b->n);
    for (int i = 0; i < of_a->n; i++) {
        ck_assert_str_eq(of_a->names[i], of_b->names[i]);
        ck_assert_msg(tensors_identical(of_a->tensors[i], of_b->tensors[i]), "%s: %s", rows[row].name, of_a->names[i]);
    }
    tp_state_dict_free(of_a);
    tp_state_dict_free(of_b);
}

/* Its state makes another one, that began with other values, the same. */
START_TEST(stated)
{
    tp_tensor *in[INPUTS];
    tp_manual_seed(T, 1);
    tp_module *m = rows[_i].make(), *other = rows[_i].make();
    int n = inputs(_i, in);
    result(_i, m, n, in); /* moves what it gathers */
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_assert_int_eq(tp_module_load_state_dict(T, other, d->n, d->names, d->tensors, NULL), TP_OK);
    tp_state_dict_free(d);
    expect_same_state(_i, m, other);
    tp_module_eval(m);
    tp_module_eval(other);
    tp_tensor *y = result(_i, m, n, in);
    ck_assert_msg(same(result(_i, other, n, in), y), "%s", rows[_i].name);
#ifdef HAVE_JANSSON
    char path[] = "/tmp/tapir_test_XXXXXX";
    close(mkstemp(path));
    tp_module *third = rows[_i].make();
    tp_module_eval(third);
    ck_assert_int_eq(tp_module_save(T, m, path), TP_OK);
    ck_assert_int_eq(tp_module_load(T, third, path), TP_OK);
    unlink(path);
    expect_same_state(_i, m, third);
    ck_assert_msg(same(result(_i, third, n, in), y), "%s", rows[_i].name);
    tp_module_free(third);
#endif
    tp_module_free(m);
    tp_module_free(other);
}
END_TEST

/* ---- gradients ---- */

static tp_status forward_all(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    return tp_forward_n(tape, user, n_in, in, n_out, out);
}

static double loss_at(int row, tp_module *m, int n, tp_tensor *const *in, tp_tensor *c)
{
    tp_mark mark = tp_tape_mark(T);
    double loss = tp_item(tp_sum(T, tp_mul(T, result(row, m, n, in), c)));
    tp_tape_rewind(T, mark);
    return loss;
}

/* By each parameter, element by element. */
static void expect_parameter_slopes(int row, tp_module *m, int n, tp_tensor *const *in)
{
    const double eps = 1e-6;
    tp_tensor *y = result(row, m, n, in), *c = tp_randn(T, TP_F64, tp_shape_of(y));
    tp_params *all = tp_module_params(m);
    if (tp_params_length(all) == 0)
        return;
    tp_backward(T, tp_sum(T, tp_mul(T, y, c)));
    ck_no_error(T);
    for (int k = 0; k < tp_params_length(all); k++) {
        tp_tensor *p = tp_params_at(all, k);
        double *at = tp_data(p);
        for (int64_t i = 0; i < tp_numel(p); i++) {
            double was = at[i], slope = tp_grad(p) ? tp_item_at(tp_grad(p), i) : 0;
            at[i] = was + eps;
            double up = loss_at(row, m, n, in, c);
            at[i] = was - eps;
            double tried = (up - loss_at(row, m, n, in, c)) / (2 * eps);
            at[i] = was;
            ck_assert_msg(fabs(tried - slope) < 1e-5 + 1e-4 * fabs(slope), "%s: parameter %d [%lld]: %g, not %g",
                          rows[row].name, k, (long long)i, slope, tried);
        }
    }
}

/* In training and in evaluation; of what draws in evaluation alone. */
START_TEST(differentiated)
{
    tp_tensor *in[INPUTS];
    dtype = TP_F64;
    if (!has_forward(_i) || !is_tried(_i))
        return;
    for (int training = 0; training < 2; training++) {
        tp_manual_seed(T, 3);
        tp_module *m = rows[_i].make();
        int n = inputs(_i, in);
        tp_module_train(m, training);
        tp_tensor *state = tp_get_rng_state(T);
        result(_i, m, n, in);
        if (tensors_identical(state, tp_get_rng_state(T))) {
            bool asked = false;
            for (int i = 0; i < n; i++)
                asked |= tp_needs_grad(in[i]);
            if (asked)
                tp_gradcheck_of(T, forward_all, m, n, in, 1, &(tp_gradcheck_options){.second = true});
            ck_assert_msg(tp_error(T) == NULL, "%s: %s", rows[_i].name, tp_error(T));
            expect_parameter_slopes(_i, m, n, in);
        } else
            ck_assert(training);
        tp_module_free(m);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_every");
    TCase *t = tcase_create("module_every");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, cloned, 0, LENGTH(rows));
    tcase_add_loop_test(t, stated, 0, LENGTH(rows));
    tcase_add_loop_test(t, differentiated, 0, LENGTH(rows));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
