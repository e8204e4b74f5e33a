/* test_parametrize.c - parameters that are computed for each call: weight and spectral normalization, users' own, pruning. The
 * numbers are PyTorch 1.13's. */
#include "support/alloc.h"
#include "support/support.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void)
{
    ck_no_error(T);
    char message[256];
    ck_assert_msg(tp_tape_check(T, message, sizeof message) == TP_OK, "%s", message);
    tp_tape_free(T);
}

/* A linear layer of float64 whose weight is sin(0), sin(1), ..., without a bias. */
static tp_module *layer(int64_t in, int64_t out)
{
    tp_module *m = tp_nn_linear(T, in, out, &(tp_linear_options){.dtype = TP_F64, .no_bias = true});
    tp_tensor *w = tp_module_param(m, "weight");
    tp_copy_into(T, w, tp_reshape(T, tp_sin(T, tp_arange(T, TP_F64, 0, (double)(in * out), 1)), tp_shape(out, in)));
    ck_no_error(T);
    return m;
}

static tp_tensor *input(void) { return tp_reshape(T, tp_cos(T, tp_arange(T, TP_F64, 0, 6, 1)), tp_shape(2, 3)); }

/* Computes x once. */
#define CK_VALUES(x, ...) \
    do { \
        tp_tensor *got_ = (x); \
        ck_no_error(T); \
        ck_values(got_, 1e-9, __VA_ARGS__); \
    } while (0)

static void ck_mask(tp_module *m, const char *want)
{
    tp_tensor *mask = tp_module_param(m, "weight_mask");
    char got[64] = "";
    for (int64_t i = 0; i < tp_numel(mask); i++)
        strcat(got, tp_item_at(mask, i) == 1 ? "1" : tp_item_at(mask, i) == 0 ? "0" : "?");
    ck_assert_str_eq(got, want);
}

/* Loss of a call, and backward. */
static tp_tensor *call(tp_module *m, tp_tensor *x)
{
    tp_tensor *y = tp_forward(T, m, x);
    tp_backward(T, tp_sum(T, tp_sin(T, y)));
    ck_no_error(T);
    return y;
}

/* ---- normalization -------------------------------------------------------------------------------------------------- */

START_TEST(spectral)
{
    tp_module *m = layer(3, 4);
    tp_manual_seed(T, 7);
    ck_assert_ptr_nonnull(tp_spectral_norm(T, m, "weight", NULL));
    CK_VALUES(call(m, input()), 0.031514732382, 0.0542572268811, -0.138943227379, 0.220848278237, -0.120726659212,
              0.0342895068791, 0.0528339501674, -0.138899935342);
    CK_VALUES(tp_grad(tp_module_param(m, "parametrizations.weight.original")), 0.00666785830509, -0.0441722016354,
              -0.0544005431029, 0.00401306226825, -0.0478447993775, -0.0557143731231, 0.000481609520266,
              -0.0477997356981, -0.0521342243554, -0.00172591423192, -0.0504670948333, -0.0528090611858);
    CK_VALUES(tp_module_param(m, "parametrizations.weight.0._u"), -0.501018661984, 0.50706082391, -0.502954159998,
              0.488780865154);
    tp_tensor *u = tp_clone(T, tp_module_param(m, "parametrizations.weight.0._u"));
    tp_module_eval(m);
    tp_tensor *y = tp_forward(T, m, input());
    ck_assert(tensors_identical(u, tp_module_param(m, "parametrizations.weight.0._u")));
    ck_assert(tensors_identical(y, tp_forward(T, m, input())));
    tp_tensor *w = tp_parametrized(T, m, "weight");
    ck_assert(fabs(tp_item(tp_linalg_matrix_norm(T, w, 2, 0, 1, false)) - 1) < 1e-6);
    tp_module_free(m);
}
END_TEST

START_TEST(weight)
{
    tp_module *m = layer(3, 4);
    ck_assert_ptr_nonnull(tp_weight_norm(T, m, "weight", 0));
    tp_tensor *g = tp_module_param(m, "parametrizations.weight.original0"),
              *v = tp_module_param(m, "parametrizations.weight.original1");
    ck_assert(tp_numel(g) == 4 && tp_ndim(g) == 2);
    tp_copy_into(T, g, tp_mul_scalar(T, g, 2));
    CK_VALUES(call(m, input()), 0.152494931518, 0.262542356295, -0.672324857062, 1.06865077124, -0.584177692064,
              0.165921637535, 0.255655339697, -0.672115373567);
    CK_VALUES(tp_grad(g), -0.135835593195, 0.169628174162, -0.11420172007, -0.00478446721125);
    CK_VALUES(tp_grad(v), 0.325154398054, 0.162089918594, -0.149999284506, -0.0602589100888, -0.0369697222869,
              0.0203092576909, -0.403188074104, -0.296365742203, 0.0829338863181, -0.58347880091, -0.507157335955,
              0.0354422448018);
    tp_module_free(m);
}
END_TEST

/* By any dimension the value stays what it was. */
START_TEST(any_dimension)
{
    static const int dims[] = {0, 1, 2, 3, -1, -4, TP_ALL_DIMS};
    for (size_t i = 0; i < LENGTH(dims); i++) {
        tp_module *m = tp_nn_conv2d(T, 2, 3, tp_shape(2, 4), &(tp_nn_conv_options){.dtype = TP_F64});
        tp_tensor *before = tp_clone(T, tp_module_param(m, "weight")), *x = tp_randn(T, TP_F64, tp_shape(2, 2, 5, 5));
        tp_tensor *y = tp_forward(T, m, x);
        ck_assert_ptr_nonnull(tp_weight_norm(T, m, "weight", dims[i]));
        ck_assert(tensors_close(tp_parametrized(T, m, "weight"), before, 1e-14, 0));
        ck_assert(tensors_close(tp_forward(T, m, x), y, 1e-13, 1e-14));
        ck_assert_ptr_null(tp_module_param(m, "weight"));
        tp_module_free(m);
    }
    tp_module *up = tp_nn_conv_transpose2d(T, 2, 3, tp_shape(2, 4), NULL);
    tp_spectral_norm(T, up, "weight", NULL); /* by dimension 1 */
    ck_assert_int_eq((int)tp_numel(tp_module_param(up, "parametrizations.weight.0._u")), 3);
    tp_module_free(up);
}
END_TEST

START_TEST(of_one_dimension)
{
    tp_module *m = tp_nn_linear(T, 3, 4, &(tp_linear_options){.dtype = TP_F64});
    ck_assert_ptr_nonnull(tp_spectral_norm(T, m, "bias", NULL));
    ck_assert(fabs(tp_item(tp_linalg_vector_norm(T, tp_parametrized(T, m, "bias"), 2, 0, NULL, false)) - 1) < 1e-14);
    tp_module_free(m);
}
END_TEST

/* Modules that ask for their weights by name: layers of a recurrent net, where what is computed is what a net without has. */
START_TEST(by_name)
{
    tp_module *m = tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.num_layers = 2, .bidirectional = true, .dtype = TP_F64});
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(5, 2, 3)), *y = NULL, *again = NULL;
    ck_assert_int_eq(tp_forward_n(T, m, 1, &x, 1, &y), TP_OK);
    tp_weight_norm(T, m, "weight_hh_l0", 0);
    tp_weight_norm(T, m, "weight_ih_l1_reverse", 0);
    ck_assert_int_eq(tp_forward_n(T, m, 1, &x, 1, &again), TP_OK);
    ck_assert(tensors_close(y, again, 1e-12, 1e-14));
    tp_tensor *g = tp_module_param(m, "parametrizations.weight_hh_l0.original0");
    tp_copy_into(T, g, tp_mul_scalar(T, g, 2));
    tp_forward_n(T, m, 1, &x, 1, &again);
    ck_assert(!tensors_close(y, again, 1e-3, 0));
    ck_assert_int_eq(tp_remove_parametrizations(T, m, "weight_hh_l0", true), TP_OK);
    tp_forward_n(T, m, 1, &x, 1, &y);
    ck_assert(tensors_close(y, again, 1e-12, 1e-14));
    tp_module_free(m);
}
END_TEST

/* ---- users' own ------------------------------------------------------------------------------------------------------ */

static tp_tensor *symmetric_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    tp_tensor *upper = tp_triu(tape, x, 0);
    return tp_add(tape, upper, tp_t(tape, tp_triu(tape, x, 1)));
}
static const tp_module_class symmetric = {.name = "Symmetric", .size = sizeof(tp_module), .forward = symmetric_forward};

static tp_tensor *half_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_mul_scalar(tape, x, 0.5);
}
static const tp_module_class half = {.name = "Half", .size = sizeof(tp_module), .forward = half_forward};

static tp_tensor *short_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_narrow(tape, x, 0, 0, 1);
}
static const tp_module_class cut = {.name = "Short", .size = sizeof(tp_module), .forward = short_forward};

START_TEST(two_in_a_row)
{
    tp_module *net = tp_nn_sequential(T, layer(3, 3), tp_nn_tanh(T));
    tp_tensor *w = tp_module_param(net, "0.weight");
    ck_assert_ptr_nonnull(tp_parametrize(T, net, "0.weight", tp_module_new(T, &symmetric), NULL));
    ck_assert_ptr_nonnull(tp_parametrize(T, net, "0.weight", tp_module_new(T, &half), NULL));
    ck_assert_ptr_eq(tp_module_param(net, "0.parametrizations.weight.original"), w);
    tp_tensor *is = tp_parametrized(T, net, "0.weight");
    ck_assert(tensors_identical(is, tp_contiguous(T, tp_t(T, is))));
    ck_assert(tp_item_at(is, 1) == 0.5 * sin(1));
    ck_assert(tp_is_parametrized(tp_module_child(net, "0"), "weight") && !tp_is_parametrized(net, NULL));
    ck_printed(net, "Sequential(\n"
                    "  (0): ParametrizedLinear(\n"
                    "    in_features=3, out_features=3, bias=False\n"
                    "    (parametrizations): ModuleDict(\n"
                    "      (weight): ParametrizationList(\n"
                    "        (0): Symmetric()\n"
                    "        (1): Half()\n"
                    "      )\n"
                    "    )\n"
                    "  )\n"
                    "  (1): Tanh()\n"
                    ")");
}
END_TEST

/* Out of the way again, with the value that it has, or the one it is made of. */
START_TEST(removal)
{
    for (int leave = 0; leave < 2; leave++) {
        tp_module *m = layer(3, 3);
        tp_tensor *w = tp_module_param(m, "weight"), *before = tp_clone(T, w);
        tp_parametrize(T, m, "weight", tp_module_new(T, &symmetric), NULL);
        tp_tensor *value = tp_parametrized(T, m, "weight");
        ck_assert_int_eq(tp_remove_parametrizations(T, m, "weight", leave), TP_OK);
        ck_assert_ptr_eq(tp_module_param(m, "weight"), w);
        ck_assert(tensors_identical(w, leave ? value : before));
        ck_assert(tp_requires_grad(w, true) == w && !tp_is_parametrized(m, NULL));
        ck_assert_ptr_null(tp_module_child(m, "parametrizations"));
        ck_assert(tensors_identical(tp_forward(T, m, input()), tp_linear(T, input(), w, NULL)));
        tp_module_free(m);
    }
    tp_module *m = layer(3, 4);
    tp_weight_norm(T, m, "weight", 0);
    tp_tensor *y = tp_forward(T, m, input());
    ck_assert_int_eq(tp_remove_parametrizations(T, m, "weight", false), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_remove_parametrizations(T, m, "weight", true), TP_OK);
    ck_assert(tensors_close(tp_forward(T, m, input()), y, 1e-14, 0));
    tp_module_free(m);
}
END_TEST

START_TEST(refused)
{
    tp_module *m = layer(3, 4);
    ck_assert_ptr_null(tp_parametrize(T, m, "weight", tp_module_new(T, &cut), NULL));
    ck_assert_int_eq(tp_error_status(T), TP_ESHAPE);
    tp_clear_error(T);
    ck_assert_ptr_null(tp_parametrize(T, m, "no", tp_module_new(T, &half), NULL));
    tp_clear_error(T);
    ck_assert_ptr_null(tp_weight_norm(T, m, "weight", 2));
    ck_assert_int_eq(tp_error_status(T), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_remove_parametrizations(T, m, "weight", true), TP_EINVAL);
    tp_clear_error(T);
    tp_module_params(m);
    ck_assert_ptr_null(tp_weight_norm(T, m, "weight", 0)); /* g would not be trained */
    ck_assert_int_eq(tp_error_status(T), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_ptr_nonnull(tp_module_param(m, "weight"));
    ck_assert_ptr_nonnull(tp_forward(T, m, input()));
    ck_assert_ptr_nonnull(tp_parametrize(T, m, "weight", tp_module_new(T, &half), NULL)); /* trains the same tensor */
    tp_module_free(m);
}
END_TEST

/* ---- lifetimes ------------------------------------------------------------------------------------------------------- */

static tp_module *network(void)
{
    tp_module *net = tp_nn_sequential(T, layer(3, 4), tp_nn_tanh(T), layer(4, 2), layer(2, 2));
    tp_weight_norm(T, net, "0.weight", 0);
    tp_spectral_norm(T, net, "2.weight", NULL);
    tp_prune_l1_unstructured(T, net, "3.weight", 0.5, NULL);
    ck_no_error(T);
    return net;
}

START_TEST(copies)
{
    tp_module *net = network(), *copy = tp_module_clone(T, net);
    ck_no_error(T);
    ck_assert(tp_is_pruned(copy) && tp_is_parametrized(tp_module_child(copy, "2"), "weight"));
    tp_tensor *y = tp_forward(T, net, input());
    tp_module_free(net);
    ck_assert(tensors_identical(tp_forward(T, copy, input()), y));
    tp_module_free(copy);
}
END_TEST

START_TEST(states)
{
    tp_module *a = network(), *b = network();
    tp_state_dict *s = tp_module_state_dict(T, a);
    static const char *const names[] = {"0.parametrizations.weight.original0",
                                        "0.parametrizations.weight.original1",
                                        "2.parametrizations.weight.original",
                                        "2.parametrizations.weight.0._u",
                                        "2.parametrizations.weight.0._v",
                                        "3.weight_orig",
                                        "3.weight_mask"};
    ck_assert_int_eq(s->n, (int)LENGTH(names));
    for (int i = 0; i < s->n; i++)
        ck_assert_str_eq(s->names[i], names[i]);
    tp_fill_(T, tp_module_param(b, "0.parametrizations.weight.original0"), 3);
    ck_assert_int_eq(tp_module_load_state_dict(T, b, s->n, s->names, s->tensors, NULL), TP_OK);
    tp_module_eval(a);
    tp_module_eval(b);
    ck_assert(tensors_identical(tp_forward(T, a, input()), tp_forward(T, b, input())));
    tp_state_dict_free(s);
    tp_module_free(a);
    tp_module_free(b);
}
END_TEST

/* Two threads call one module, each on a tape of its own. */
static tp_module *shared;
static void *many_calls(void *user)
{
    (void)user;
    tp_tape *own = tp_tape_new();
    bool same = true;
    for (int i = 0; i < 200; i++) {
        tp_tensor *x = tp_full(own, TP_F64, tp_shape(2, 3), 1 + i % 3);
        tp_tensor *y = tp_forward(own, shared, x), *w = tp_parametrized(own, shared, "weight");
        same = same && tensors_close(y, tp_matmul(own, x, tp_t(own, w)), 1e-14, 0);
        tp_tape_reset(own);
    }
    same = same && tp_error(own) == NULL;
    tp_tape_free(own);
    return same ? &shared : NULL;
}
START_TEST(threads)
{
    pthread_t thread[2];
    void *fine[2];
    shared = layer(3, 4);
    tp_weight_norm(T, shared, "weight", 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, many_calls, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], &fine[i]);
    ck_assert(fine[0] && fine[1]);
    tp_module_free(shared);
}
END_TEST

/* A forward that changes its struct and its tree, and removes itself. */
typedef struct {
    tp_module base;
    tp_tensor *weight;
    int64_t calls;
} counter;
static tp_tensor *counter_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    counter *m = (counter *)self;
    if (m->calls++ == 0)
        tp_module_add(tape, self, "late", tp_nn_identity(tape));
    ck_assert(tp_module_child(self, "late") != NULL);
    x = tp_forward(tape, tp_module_child(self, "late"), x);
    if (m->calls == 3)
        tp_module_free(self);
    return tp_mul(tape, x, m->weight);
}
static const tp_module_class counter_class = {.name = "Counter", .size = sizeof(counter), .forward = counter_forward};
START_TEST(changes_in_a_call)
{
    counter *m = (counter *)tp_module_new(T, &counter_class);
    m->weight = tp_module_add_param(T, &m->base, "weight", tp_keep(tp_full(T, TP_F64, tp_shape(3), 4)));
    tp_parametrize(T, &m->base, "weight", tp_module_new(T, &half), NULL);
    ck_assert_int_eq((int)m->calls, 0);
    for (int i = 1; i <= 3; i++) {
        CK_VALUES(tp_forward(T, &m->base, tp_ones(T, TP_F64, tp_shape(3))), 2, 2, 2);
        if (i < 3)
            ck_assert_int_eq((int)m->calls, i);
    }
}
END_TEST

/* Each request fails in turn: an error, and the module is as it was. */
START_TEST(failing_memory)
{
    for (int which = 0; which < 4; which++) {
        bool whole = false;
        for (long k = 1; k < 400 && !whole; k++) {
            tp_module *m = layer(3, 4);
            alloc_fail_at(k);
            if (which == 0)
                tp_weight_norm(T, m, "weight", 0);
            else if (which == 1)
                tp_spectral_norm(T, m, "weight", NULL);
            else if (which == 2)
                tp_prune_l1_unstructured(T, m, "weight", 0.5, NULL);
            else
                tp_forward(T, m, input());
            alloc_fail_at(0);
            whole = tp_error(T) == NULL;
            ck_assert_int_eq(tp_error_status(T), whole ? TP_OK : TP_ENOMEM);
            tp_clear_error(T);
            ck_assert_ptr_nonnull(tp_forward(T, m, input()));
            tp_module_free(m);
            tp_tape_reset(T);
        }
        ck_assert(whole);
    }
}
END_TEST

/* ---- pruning --------------------------------------------------------------------------------------------------------- */

START_TEST(pruned_as_torch)
{
    tp_module *m = layer(5, 4);
    tp_prune_l1_unstructured(T, m, "weight", 0.3, NULL);
    ck_mask(m, "01101101101111110110");
    tp_prune_l1_unstructured(T, m, "weight", 4, NULL);
    ck_mask(m, "01101101100100100110");
    tp_prune_ln_structured(T, m, "weight", 0.25, 2, 1, NULL);
    ck_mask(m, "01101001100100100110");
    tp_module_free(m);
    m = layer(5, 4);
    tp_manual_seed(T, 11);
    tp_prune_random_unstructured(T, m, "weight", 0.5);
    ck_mask(m, "10000111010001110101");
    tp_prune_random_structured(T, m, "weight", 2, 0);
    ck_mask(m, "00000111010001100000");
    tp_module_free(m);
}
END_TEST

START_TEST(pruned_together)
{
    tp_module *a = layer(5, 4), *b = layer(4, 2);
    tp_copy_into(T, tp_module_param(b, "weight"),
                 tp_mul_scalar(T, tp_cos(T, tp_reshape(T, tp_arange(T, TP_F64, 0, 8, 1), tp_shape(2, 4))), 0.7));
    tp_prune_l1_unstructured(T, a, "weight", 0.2, NULL);
    tp_prune_global_unstructured(T, 2, (tp_module *[]){a, b}, (const char *[]){"weight", "weight"}, 0.4, false);
    ck_mask(a, "01101101100100110110");
    ck_mask(b, "10010010");
    ck_assert_int_eq(
        tp_prune_global_unstructured(T, 2, (tp_module *[]){a, a}, (const char *[]){"weight", "weight"}, 0.4, false),
        TP_EINVAL);
    tp_clear_error(T);
    tp_module_free(a);
    tp_module_free(b);
}
END_TEST

/* A set that was made before goes on, and zeros stay; when it is removed, they are in the parameter. */
START_TEST(trained)
{
    tp_module *m = layer(3, 4);
    tp_params *p = tp_module_params(m);
    tp_optim *o = tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 0.1, .momentum = 0.9});
    tp_prune_l1_unstructured(T, m, "weight", 0.5, NULL);
    tp_tensor *w = tp_module_param(m, "weight_orig"), *before = tp_keep(tp_clone(T, w));
    for (int i = 0; i < 3; i++) {
        tp_optim_zero_grad(o);
        call(m, input());
        tp_optim_step(T, o);
        tp_tape_reset(T);
    }
    tp_tensor *is = tp_parametrized(T, m, "weight");
    for (int i = 0; i < 12; i++) {
        double kept = tp_item_at(tp_module_param(m, "weight_mask"), i);
        ck_assert(tp_item_at(is, i) == kept * tp_item_at(w, i));
        ck_assert((tp_item_at(w, i) != tp_item_at(before, i)) == (kept == 1));
    }
    is = tp_keep(tp_clone(T, is));
    ck_assert_int_eq(tp_prune_remove(T, m, "weight"), TP_OK);
    ck_assert(!tp_is_pruned(m) && tensors_identical(tp_module_param(m, "weight"), is));
    ck_assert_int_eq(tp_prune_remove(T, m, "weight"), TP_EINVAL);
    tp_clear_error(T);
    tp_optim_free(o);
    tp_free(is);
    tp_free(before);
    tp_module_free(m);
}
END_TEST

START_TEST(amounts)
{
    static const double bad[] = {-0.1, 1.5, NAN, INFINITY, 21, 0x1p62};
    tp_module *m = layer(5, 4);
    for (size_t i = 0; i < LENGTH(bad); i++) {
        ck_assert_int_eq(tp_prune_l1_unstructured(T, m, "weight", bad[i], NULL), TP_EINVAL);
        tp_clear_error(T);
    }
    ck_assert(!tp_is_pruned(m));
    tp_prune_identity(T, m, "weight");
    ck_mask(m, "11111111111111111111");
    tp_prune_custom_from_mask(T, m, "weight", tp_reshape(T, tp_arange(T, TP_F64, 0, 20, 1), tp_shape(4, 5)));
    ck_assert(tp_item_at(tp_module_param(m, "weight_mask"), 0) == 0);
    tp_prune_l1_unstructured(T, m, "weight", 1, NULL);
    ck_assert_int_eq(tp_prune_ln_structured(T, m, "weight", 0.5, NAN, 0, NULL), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_prune_ln_structured(T, m, "weight", 0.5, 2, 2, NULL), TP_EINVAL);
    tp_clear_error(T);
    ck_assert_int_eq(tp_prune_l1_unstructured(T, m, "weight", 0.5, tp_ones(T, TP_F64, tp_shape(2))), TP_ESHAPE);
    tp_clear_error(T);
    tp_module_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parametrize");
    TCase *t = tcase_create("parametrize");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, spectral);
    tcase_add_test(t, weight);
    tcase_add_test(t, any_dimension);
    tcase_add_test(t, of_one_dimension);
    tcase_add_test(t, by_name);
    tcase_add_test(t, two_in_a_row);
    tcase_add_test(t, removal);
    tcase_add_test(t, refused);
    tcase_add_test(t, copies);
    tcase_add_test(t, states);
    tcase_add_test(t, threads);
    tcase_add_test(t, changes_in_a_call);
    tcase_add_test(t, failing_memory);
    tcase_add_test(t, pruned_as_torch);
    tcase_add_test(t, pruned_together);
    tcase_add_test(t, trained);
    tcase_add_test(t, amounts);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
