/* test_averaged.c - means of models, statistics made anew, parameters as one vector, gradients within bounds. */
#include "support/support.h"

static tp_tape *T;
static tp_module *net;

static void setup(void)
{
    T = tp_tape_new();
    net = tp_nn_sequential(T, tp_nn_batch_norm1d(T, 2, &(tp_nn_batch_norm_options){.momentum = 0.3, .dtype = TP_F64}),
                           tp_nn_linear(T, 2, 3, &(tp_linear_options){.dtype = TP_F64}));
    ck_no_error(T);
}

static void teardown(void)
{
    tp_module_free(net);
    tp_tape_free(T);
}

static void set_all(tp_module *m, double value)
{
    tp_params *p = tp_module_params(m);
    for (int i = 0; i < tp_params_length(p); i++)
        tp_fill_(T, tp_params_at(p, i), value);
    ck_no_error(T);
}

/* ---- means ------------------------------------------------------------------------------------------------------------ */

START_TEST(mean_of_all)
{
    tp_module *mean = tp_nn_averaged_model(T, net, NULL);
    static const double values[] = {3, 5, -2, 10}, means[] = {3, 4, 2, 4};
    for (size_t i = 0; i < LENGTH(values); i++) {
        set_all(net, values[i]);
        ck_assert_int_eq(tp_averaged_update(T, mean, net), TP_OK);
        ck_assert_double_eq_tol(tp_item_at(tp_module_param(mean, "module.1.weight"), 2), means[i], 1e-15);
    }
    ck_assert(tp_item(tp_module_get_buffer(T, mean, "n_averaged")) == 4);
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(3, 2));
    ck_assert(tensors_identical(tp_forward(T, mean, x), tp_forward(T, tp_module_child(mean, "module"), x)));
    ck_printed(tp_nn_averaged_model(T, net, NULL),
               "AveragedModel(\n"
               "  (module): Sequential(\n"
               "    (0): BatchNorm1d(2, eps=1e-05, momentum=0.3, affine=True, track_running_stats=True)\n"
               "    (1): Linear(in_features=2, out_features=3, bias=True)\n  )\n)");
    tp_module_free(mean);
}
END_TEST

/* The buffers are the model's, or their means. */
START_TEST(exponential)
{
    tp_module *mean = tp_nn_averaged_model(T, net, &(tp_averaged_options){.decay = 0.75});
    tp_module *both = tp_nn_averaged_model(T, net, &(tp_averaged_options){.decay = 0.75, .use_buffers = true});
    for (int i = 0; i < 3; i++) {
        set_all(net, i + 1);
        tp_fill_(T, tp_module_get_buffer(T, net, "0.running_mean"), i);
        tp_fill_(T, tp_module_get_buffer(T, net, "0.num_batches_tracked"), 7);
        ck_assert_int_eq(tp_averaged_update(T, mean, net), TP_OK);
        ck_assert_int_eq(tp_averaged_update(T, both, net), TP_OK);
    }
    ck_assert_double_eq(tp_item_at(tp_module_param(mean, "module.1.bias"), 0), (1 * 0.75 + 2 * 0.25) * 0.75 + 3 * 0.25);
    ck_assert_double_eq(tp_item_at(tp_module_get_buffer(T, mean, "module.0.running_mean"), 0), 2);
    ck_assert_double_eq(tp_item_at(tp_module_get_buffer(T, both, "module.0.running_mean"), 0), 0.25 * 0.75 + 0.5);
    ck_assert_double_eq(tp_item(tp_module_get_buffer(T, both, "module.0.num_batches_tracked")), 7);
    tp_module_free(mean);
    tp_module_free(both);
}
END_TEST

START_TEST(models_that_do_not_fit)
{
    tp_module *mean = tp_nn_averaged_model(T, net, NULL), *other = tp_nn_linear(T, 2, 3, NULL);
    ck_assert_int_eq(tp_averaged_update(T, mean, other), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the model has 2 parameters and buffers; 7 are needed");
    ck_assert_int_eq(tp_averaged_update(T, net, net), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the first module is a Sequential");
    ck_assert_ptr_null(tp_nn_averaged_model(T, net, &(tp_averaged_options){.decay = 1}));
    ck_error(T, TP_EINVAL, "decay is 1");
    tp_module_free(mean);
    tp_module_free(other);
}
END_TEST

/* ---- statistics (torch.optim.swa_utils.update_bn) ------------------------------------------------------------------------ */

static tp_tensor *next_batch(tp_tape *tape, void *user)
{
    static const double values[6] = {1, 2, 3, -1, 0.5, 0}, by[] = {1, 2, -3};
    int *k = user;
    return *k < 3 ? tp_mul_scalar(tape, tp_from(tape, TP_F64, tp_shape(3, 2), values), by[(*k)++]) : NULL;
}

static tp_tensor *too_wide(tp_tape *tape, void *user)
{
    (void)user;
    return tp_ones(tape, TP_F64, tp_shape(3, 5));
}

START_TEST(update_bn)
{
    int k = 0;
    tp_tensor *kept = tp_ones(T, TP_F64, tp_shape(2));
    tp_module_eval(net);
    ck_assert_int_eq(tp_update_bn(T, net, next_batch, &k), TP_OK);
    ck_values(tp_module_get_buffer(T, net, "0.running_mean"), 1e-15, 0, 0);
    ck_values(tp_module_get_buffer(T, net, "0.running_var"), 1e-14, 8.1666666666666679, 10.888888888888889);
    ck_assert(tp_item(tp_module_get_buffer(T, net, "0.num_batches_tracked")) == 3);
    ck_assert(!net->training && tp_tape_is_recording(T) && tp_item_at(kept, 1) == 1);
    k = 0; /* the momentum is what it was */
    tp_module_train(net, true);
    tp_forward(T, net, next_batch(T, &k));
    ck_values(tp_module_get_buffer(T, net, "0.running_mean"), 1e-15, 0.45, 0.1);
    ck_assert_int_eq(tp_update_bn(T, net, too_wide, NULL), TP_ESHAPE);
    tp_clear_error(T);
    ck_assert(net->training && tp_tape_is_recording(T));
    tp_module *none = tp_nn_relu(T);
    ck_assert_int_eq(tp_update_bn(T, none, next_batch, &k), TP_OK);
    tp_module_free(none);
}
END_TEST

/* ---- one vector ------------------------------------------------------------------------------------------------------------ */

START_TEST(vector_and_back)
{
    tp_params *p = tp_module_params(net);
    tp_tensor *v = tp_parameters_to_vector(T, p);
    ck_assert_int_eq(tp_numel(v), 2 + 2 + 6 + 3);
    ck_assert_int_eq(tp_backward(T, tp_sum(T, tp_square(T, v))), TP_OK);
    ck_assert_double_eq(tp_item_at(tp_grad(tp_module_param(net, "1.weight")), 3),
                        2 * tp_item_at(tp_module_param(net, "1.weight"), 3));
    ck_assert_int_eq(tp_vector_to_parameters(T, tp_arange(T, TP_F64, 0, 13, 1), p), TP_OK);
    ck_values(tp_module_param(net, "1.weight"), 0, 4, 5, 6, 7, 8, 9);
    ck_assert_int_eq(tp_vector_to_parameters(T, tp_arange(T, TP_F64, 0, 12, 1), p), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "vector is [12]; [13] is needed");
    ck_assert_int_eq(tp_vector_to_parameters(T, tp_arange(T, TP_I64, 0, 13, 1), p), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "vector is int64");
}
END_TEST

/* ---- bounds (torch.nn.utils.clip_grad_norm_, clip_grad_value_) ------------------------------------------------------------------ */

static tp_tensor *x[2];
static tp_params *gradients(double a, double b, double c)
{
    x[0] = tp_requires_grad(tp_keep(tp_zeros(T, TP_F64, tp_shape(2))), true);
    x[1] = tp_requires_grad(tp_keep(tp_zeros(T, TP_F32, tp_shape(1))), true);
    tp_set_grad(T, x[0], tp_from(T, TP_F64, tp_shape(2), (const double[]){a, b}));
    tp_set_grad(T, x[1], tp_full(T, TP_F32, tp_shape(1), c));
    return tp_params_of(T, 2, x);
}
static void drop(tp_params *p)
{
    tp_params_free(p);
    tp_free(x[0]);
    tp_free(x[1]);
}

START_TEST(norms_of_any_order)
{
    static const double order[] = {1, 2, 3, INFINITY}, norm[] = {1007, 1000.0124999218759, 1000.0000303333317, 1000};
    static const double first[] = {0.0059582919503889855, 0.0059999249954063704, 0.0059999998120000165,
                                   0.0059999999940000001};
    for (size_t i = 0; i < LENGTH(order); i++) {
        tp_params *p = gradients(3, -4, 1000);
        ck_assert_double_eq_tol(tp_params_grad_norm(T, p, order[i]), norm[i], 1e-12);
        ck_assert_double_eq_tol(tp_params_clip_grad_norm_of(T, p, 2, order[i]), norm[i], 1e-12);
        ck_assert_double_eq_tol(tp_item_at(tp_grad(x[0]), 0), first[i], 1e-16);
        ck_assert_double_eq_tol(tp_item(tp_grad(x[1])), first[i] * 1000 / 3, 1e-6);
        drop(p);
        p = gradients(3e30, -4e30, 1e38); /* float32's cube is none */
        ck_assert_double_eq_tol(tp_params_grad_norm(T, p, order[i]) / 1e38, 1, 1e-6);
        drop(p);
        p = gradients(NAN, 1, 1);
        ck_assert(isnan(tp_params_grad_norm(T, p, order[i])));
        drop(p);
        p = gradients(1, -INFINITY, 1);
        ck_assert(isinf(tp_params_grad_norm(T, p, order[i])));
        drop(p);
    }
    tp_params *p = gradients(1, 1, 1);
    ck_assert(isnan(tp_params_clip_grad_norm_of(T, p, 1, 0)));
    ck_error(T, TP_EINVAL, "params_clip_grad_norm_of: order is 0");
    drop(p);
}
END_TEST

START_TEST(values)
{
    tp_params *p = gradients(3, NAN, -1000);
    ck_assert_int_eq(tp_params_clip_grad_value(T, p, 2.5), TP_OK);
    ck_assert(tp_item_at(tp_grad(x[0]), 0) == 2.5 && isnan(tp_item_at(tp_grad(x[0]), 1)) &&
              tp_item(tp_grad(x[1])) == -2.5);
    ck_assert_int_eq(tp_params_clip_grad_value(T, p, -1), TP_EINVAL);
    ck_error(T, TP_EINVAL, "most is -1");
    drop(p);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("averaged");
    TCase *t = tcase_create("averaged");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, mean_of_all);
    tcase_add_test(t, exponential);
    tcase_add_test(t, models_that_do_not_fit);
    tcase_add_test(t, update_bn);
    tcase_add_test(t, vector_and_back);
    tcase_add_test(t, norms_of_any_order);
    tcase_add_test(t, values);
    suite_add_tcase(s, t);
    return run_suite(s);
}
