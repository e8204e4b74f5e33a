/* test_activations.c - activation functions and dropouts: values and slopes at the ends of the floats, as modules, draws after
 * a seed, what is refused, and what is printed. */
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
}
static void teardown(void)
{
    char wrong[200];
    ck_assert_msg(tp_tape_check(T, wrong, sizeof wrong) == TP_OK, "%s", wrong);
    tp_tape_free(T);
}

/* ---- at the ends, at the corners, and between -------------------------------------------------------------------------- */

enum { POINTS = 8 };
static const double points[POINTS] = {-INFINITY, -3, -0.5, 0, 0.5, 3, INFINITY, NAN};

static tp_tensor *threshold(tp_tape *tape, tp_tensor *x) { return tp_threshold(tape, x, 0.5, -2); }
static tp_tensor *softplus(tp_tape *tape, tp_tensor *x) { return tp_softplus_with(tape, x, 3, 2); }
static tp_tensor *elu(tp_tape *tape, tp_tensor *x) { return tp_elu(tape, x, 1); }
static tp_tensor *celu(tp_tape *tape, tp_tensor *x) { return tp_celu(tape, x, 1); }
static tp_tensor *hardtanh(tp_tape *tape, tp_tensor *x) { return tp_hardtanh(tape, x, -1, 1); }
static tp_tensor *hardshrink(tp_tape *tape, tp_tensor *x) { return tp_hardshrink(tape, x, 0.5); }
static tp_tensor *softshrink(tp_tape *tape, tp_tensor *x) { return tp_softshrink(tape, x, 0.5); }

/* What torch gives, but for limits at the infinities where that is NaN, and softshrink of NaN. */
static const struct {
    const char *name;
    tp_tensor *(*fn)(tp_tape *, tp_tensor *);
    double value[POINTS], slope[POINTS];
} table[] = {
    {"relu6", tp_relu6, {0, 0, 0, 0, 0.5, 3, 6, NAN}, {0, 0, 0, 0, 1, 1, 0, 0}},
    {"hardtanh", hardtanh, {-1, -1, -0.5, 0, 0.5, 1, 1, NAN}, {0, 0, 1, 1, 1, 0, 0, 0}},
    {"threshold", threshold, {-2, -2, -2, -2, -2, 3, INFINITY, NAN}, {0, 0, 0, 0, 0, 1, 1, 1}},
    {"hardshrink", hardshrink, {-INFINITY, -3, 0, 0, 0, 3, INFINITY, NAN}, {1, 1, 0, 0, 0, 1, 1, 0}},
    {"softshrink", softshrink, {-INFINITY, -2.5, 0, 0, 0, 2.5, INFINITY, NAN}, {1, 1, 0, 0, 0, 1, 1, 0}},
    {"hardsigmoid",
     tp_hardsigmoid,
     {0, 0, 0.41666666666666669, 0.5, 0.58333333333333337, 1, 1, NAN},
     {0, 0, 1 / 6.F, 1 / 6.F, 1 / 6.F, 0, 0, 0}},
    {"hardswish",
     tp_hardswish,
     {0, 0, -0.20833333333333334, 0, 0.29166666666666669, 3, INFINITY, NAN},
     {0, -0.5, 0.33333333333333337, 0.5, 0.66666666666666663, 1, 1, NAN}},
    {"elu",
     elu,
     {-1, -0.95021293163213605, -0.39346934028736658, 0, 0.5, 3, INFINITY, NAN},
     {0, 0.049787068367863944, 0.60653065971263342, 1, 1, 1, 1, NAN}},
    {"celu",
     celu,
     {-1, -0.95021293163213605, -0.39346934028736658, 0, 0.5, 3, INFINITY, NAN},
     {0, 0.049787068367863944, 0.60653065971263342, 1, 1, 1, 1, NAN}},
    {"selu",
     tp_selu,
     {-1.7580993408473766, -1.6705687287671118, -0.69175818780287135, 0, 0.52535049367774023, 3.1521029620664414,
      INFINITY, NAN},
     {0, 0.087530612080264872, 1.0663411530445053, 1.7580993408473766, 1.0507009873554805, 1.0507009873554805,
      1.0507009873554805, NAN}},
    {"silu",
     tp_silu,
     {0, -0.14227761953270035, -0.1887703343990727, 0, 0.3112296656009273, 2.8577223804672998, INFINITY, NAN},
     {0, -0.088104106015169617, 0.26003881269734819, 0.5, 0.73996118730265192, 1.0881041060151693, 1, NAN}},
    {"mish",
     tp_mish,
     {0, -0.14564746127562461, -0.22074377465173001, 0, 0.37524521130489513, 2.9865350049679575, INFINITY, NAN},
     {0, -0.093393114532320839, 0.28951067791351226, 0.6, 0.88642437535772733, 1.0211069109294435, 1, NAN}},
    {"softplus",
     softplus,
     {0, 4.1134063241086273e-05, 0.067137759327584132, 0.23104906018664842, 0.56713775932758415, 3, INFINITY, NAN},
     {0, 0.00012339457598623172, 0.18242552380635632, 0.5, 0.81757447619364365, 1, 1, NAN}},
    {"softsign",
     tp_softsign,
     {-1, -0.75, -1. / 3, 0, 1. / 3, 0.75, 1, NAN},
     {0, 0.0625, 0.44444444444444442, 1, 0.44444444444444442, 0.0625, 0, NAN}},
    {"tanhshrink",
     tp_tanhshrink,
     {-INFINITY, -2.0049452463132695, -0.037882842739990263, 0, 0.037882842739990263, 2.0049452463132695, INFINITY,
      NAN},
     {1, 0.99013396283455979, 0.2135522670340726, 0, 0.2135522670340726, 0.99013396283455979, 1, NAN}},
};

START_TEST(ends)
{
    tp_dtype dtype = _i % 2 ? TP_F64 : TP_F32;
    size_t i = (size_t)_i / 2;
    tp_tensor *x = tp_to(T, tp_from(T, TP_F64, tp_shape(POINTS), points), dtype), *y, *g;
    tp_requires_grad(x, true);
    y = table[i].fn(T, x);
    tp_tensor *sum = tp_sum(T, y);
    ck_assert_int_eq(tp_gradients(T, 1, &sum, 1, &x, &g, NULL), TP_OK);
    double rtol = dtype == TP_F32 ? 2e-6 : 1e-14;
    tp_tensor *value = tp_to(T, tp_from(T, TP_F64, tp_shape(POINTS), table[i].value), dtype);
    tp_tensor *slope = tp_to(T, tp_from(T, TP_F64, tp_shape(POINTS), table[i].slope), dtype);
    ck_assert_msg(tensors_close(y, value, rtol, 0), "%s", table[i].name);
    ck_assert_msg(tensors_close(g, slope, rtol, 0), "the slope of %s", table[i].name);
    for (int k = 0; k < 2; k++) { /* nothing, and a number */
        tp_tensor *other = tp_requires_grad(tp_zeros(T, dtype, k ? TP_SCALAR : tp_shape(2, 0)), true);
        y = table[i].fn(T, other);
        ck_assert(y && tp_ndim(y) == tp_ndim(other) && tp_numel(y) == tp_numel(other));
        ck_assert_int_eq(tp_backward(T, tp_sum(T, y)), TP_OK);
    }
}
END_TEST

/* x - tanh x keeps its digits where x is small: x^3 / 3. */
START_TEST(small)
{
    for (double v = 1e-6; v < 0.2; v *= 3) {
        double want = v * v * v / 3 * (1 - v * v * (2. / 5 - v * v * (17. / 105 - v * v * 62. / 945)));
        ck_assert_double_eq_tol(tp_item(tp_tanhshrink(T, tp_scalar(T, TP_F64, v))), want, (1e-12 + pow(v, 8)) * want);
    }
}
END_TEST

START_TEST(integers)
{
    tp_tensor *x = tp_from(T, TP_I64, tp_shape(3), (const int64_t[]){-4, 2, 9});
    ck_values(tp_relu6(T, x), 0, 0, 2, 6);
    ck_values(tp_hardtanh(T, x, -2.5, 3.5), 0, -2, 2, 3); /* as torch: without the fractions */
    ck_values(tp_threshold(T, x, 2, -7), 0, -7, -7, 9);
    ck_assert_int_eq(tp_dtype_of(tp_softsign(T, x)), TP_F32);
    tp_silu(T, x);
    ck_error(T, TP_EDTYPE, "silu");
    tp_hardtanh(T, tp_to(T, tp_abs(T, x), TP_U8), -1, 1);
    ck_error(T, TP_EINVAL, "hardtanh");
}
END_TEST

/* ---- modules -------------------------------------------------------------------------------------------------------- */

static tp_module *one_of(int i)
{
    switch (i) {
    case 0:
        return tp_nn_relu6(T);
    case 1:
        return tp_nn_leaky_relu(T, 0.25);
    case 2:
        return tp_nn_elu(T, 0.7);
    case 3:
        return tp_nn_celu(T, 1.3);
    case 4:
        return tp_nn_selu(T);
    case 5:
        return tp_nn_gelu(T);
    case 6:
        return tp_nn_gelu_tanh(T);
    case 7:
        return tp_nn_silu(T);
    case 8:
        return tp_nn_mish(T);
    case 9:
        return tp_nn_log_sigmoid(T);
    case 10:
        return tp_nn_hardtanh(T, -1, 1.5);
    case 11:
        return tp_nn_hardsigmoid(T);
    case 12:
        return tp_nn_hardswish(T);
    case 13:
        return tp_nn_hardshrink(T, 0.5);
    case 14:
        return tp_nn_softshrink(T, 0.5);
    case 15:
        return tp_nn_tanhshrink(T);
    case 16:
        return tp_nn_softplus(T, 2, 3);
    case 17:
        return tp_nn_softsign(T);
    case 18:
        return tp_nn_threshold(T, 0.1, 20);
    case 19:
        return tp_nn_rrelu(T, 0.125, 1. / 3);
    case 20:
        return tp_nn_prelu(T, &(tp_prelu_options){.num_parameters = 4, .dtype = TP_F64});
    case 21:
        return tp_nn_glu(T, 1);
    case 22:
        return tp_nn_softmax(T, -1);
    case 23:
        return tp_nn_log_softmax(T, 0);
    case 24:
        return tp_nn_softmin(T, 1);
    case 25:
        return tp_nn_softmax2d(T);
    case 26:
        return tp_nn_dropout(T, 0.3);
    case 27:
        return tp_nn_dropout1d(T, 1e-5);
    case 28:
        return tp_nn_dropout2d(T, 0);
    case 29:
        return tp_nn_dropout3d(T, 1);
    case 30:
        return tp_nn_alpha_dropout(T, 0.5);
    default:
        return tp_nn_feature_alpha_dropout(T, 0.123456789);
    }
}
static const char *const printed[] = {"ReLU6()",
                                      "LeakyReLU(negative_slope=0.25)",
                                      "ELU(alpha=0.7)",
                                      "CELU(alpha=1.3)",
                                      "SELU()",
                                      "GELU(approximate='none')",
                                      "GELU(approximate='tanh')",
                                      "SiLU()",
                                      "Mish()",
                                      "LogSigmoid()",
                                      "Hardtanh(min_val=-1.0, max_val=1.5)",
                                      "Hardsigmoid()",
                                      "Hardswish()",
                                      "Hardshrink(0.5)",
                                      "Softshrink(0.5)",
                                      "Tanhshrink()",
                                      "Softplus(beta=2, threshold=3)",
                                      "Softsign()",
                                      "Threshold(threshold=0.1, value=20.0)",
                                      "RReLU(lower=0.125, upper=0.3333333333333333)",
                                      "PReLU(num_parameters=4)",
                                      "GLU(dim=1)",
                                      "Softmax(dim=-1)",
                                      "LogSoftmax(dim=0)",
                                      "Softmin(dim=1)",
                                      "Softmax2d()",
                                      "Dropout(p=0.3, inplace=False)",
                                      "Dropout1d(p=1e-05, inplace=False)",
                                      "Dropout2d(p=0.0, inplace=False)",
                                      "Dropout3d(p=1.0, inplace=False)",
                                      "AlphaDropout(p=0.5, inplace=False)",
                                      "FeatureAlphaDropout(p=0.123456789, inplace=False)"};

/* Of a module that is not training, the derivatives; and its text. */
START_TEST(each)
{
    tp_module *m = one_of(_i);
    char text[100];
    ck_no_error(T);
    tp_module_format(m, text, sizeof text);
    ck_assert_str_eq(text, printed[_i]);
    tp_module_train(m, false);
    tp_tensor *x = tp_requires_grad(tp_mul_scalar(T, tp_randn(T, TP_F64, tp_shape(2, 4, 3)), 1.5), true);
    tp_gradcheck_options options = {.second = true};
    ck_assert_msg(tp_gradcheck_of(T, forward_module, m, 1, &x, 1, &options) == TP_OK, "%s: %s", text, tp_error(T));
    ck_assert_int_eq(tp_numel(tp_forward(T, m, x)), _i == 21 ? 12 : 24);
    if (_i >= 26)
        ck_assert(tp_forward(T, m, x) == x);
    tp_module_free(m);
}
END_TEST

START_TEST(learned_slopes)
{
    tp_module *m = tp_nn_prelu(T, &(tp_prelu_options){.num_parameters = 3});
    tp_tensor *w = tp_module_param(m, "weight"),
              *x = tp_from(T, TP_F32, tp_shape(2, 3), (const float[]){-1, 2, -3, 4, -5, 6});
    ck_values(w, 0, 0.25, 0.25, 0.25);
    tp_copy_into(T, w, tp_from(T, TP_F32, tp_shape(3), (const float[]){1, 2, 3}));
    tp_tensor *y = tp_forward(T, m, x);
    ck_values(y, 0, -1, 2, -9, 4, -10, 6);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(w), 0, -1, -5, -3);
    tp_forward(T, m, tp_ones(T, TP_F32, tp_shape(2, 4)));
    ck_error(T, TP_ESHAPE, "[2, 4]");
    tp_forward(T, m, tp_ones(T, TP_F64, tp_shape(2, 3)));
    ck_error(T, TP_EDTYPE, "float64");
    tp_module_free(m);
    m = tp_nn_prelu(T, &(tp_prelu_options){.has_init = true, .init = 0});
    ck_values(tp_forward(T, m, tp_scalar(T, TP_F32, -3)), 0, 0); /* a number, too */
    tp_module_free(m);
    ck_assert_ptr_null(tp_nn_prelu(T, &(tp_prelu_options){.num_parameters = -1}));
    ck_error(T, TP_ESHAPE, "prelu");
}
END_TEST

/* ---- draws: torch's after manual_seed(3), and what it draws next ---------------------------------------------------------- */

static tp_tensor *ones(int64_t a, int64_t b, int64_t c) { return tp_ones(T, TP_F32, tp_shape(a, b, c)); }
static void drawn(double next)
{
    ck_no_error(T);
    ck_assert_double_eq_tol(tp_item(tp_rand(T, TP_F32, tp_shape(1))), next, 1e-9);
    tp_manual_seed(T, 3);
}

START_TEST(channels)
{
    const double k = 1.66666663;
    tp_tensor *y;
    y = tp_dropout1d(T, ones(2, 3, 2), 0.4, true);
    ck_values(y, 1e-7, k, k, k, k, 0, 0, k, k, 0, 0, 0, 0);
    drawn(0.149840891);
    y = tp_dropout2d(T, ones(2, 3, 2), 0.4, true);
    ck_values(y, 1e-7, k, k, k, k, 0, 0, k, k, 0, 0, 0, 0);
    drawn(0.149840891);
    ck_assert_ptr_nonnull(strstr(tp_warning(T), "dropout2d")); /* of three dimensions */
    y = tp_dropout1d(T, tp_ones(T, TP_F32, tp_shape(3, 2)), 0.4, true);
    ck_values(y, 1e-7, k, k, k, k, 0, 0);
    drawn(0.771865845);
    y = tp_dropout3d(T, tp_ones(T, TP_F32, tp_shape(3, 2, 1, 1)), 0.4, true);
    ck_values(y, 1e-7, k, k, k, k, 0, 0);
    drawn(0.771865845);
    const double a = 1.47037721, b = -0.910642028;
    y = tp_feature_alpha_dropout(T, ones(2, 3, 2), 0.4, true);
    ck_values(y, 1e-6, a, a, a, a, b, b, a, a, b, b, b, b);
    drawn(0.149840891);
    tp_tensor *x = tp_from(T, TP_F32, tp_shape(5), (const float[]){-1, 2, -3, 0, 1});
    y = tp_rrelu(T, x, 1. / 8, 1. / 3, true);
    ck_values(y, 1e-7, -0.132105872, 2, -0.55421263, 0, 1);
    drawn(0.771865845);
}
END_TEST

START_TEST(refused)
{
    tp_dropout1d(T, tp_ones(T, TP_F32, tp_shape(3)), 0.5, true);
    ck_error(T, TP_ESHAPE, "dropout1d");
    tp_feature_alpha_dropout(T, tp_ones(T, TP_F32, tp_shape(3)), 0.5, true);
    ck_error(T, TP_ESHAPE, "feature_alpha_dropout");
    tp_dropout3d(T, ones(1, 1, 1), 1.5, true);
    ck_error(T, TP_EINVAL, "1.5");
    tp_softshrink(T, ones(1, 1, 1), -1);
    ck_error(T, TP_EINVAL, "softshrink");
    tp_celu(T, ones(1, 1, 1), 0);
    ck_error(T, TP_EINVAL, "celu");
    tp_glu(T, ones(1, 1, 3), -1);
    ck_error(T, TP_ESHAPE, "glu");
    tp_glu(T, ones(1, 1, 2), 3);
    ck_error(T, TP_EINDEX, "glu");
    ck_assert_ptr_null(tp_nn_hardtanh(T, 1, 1));
    ck_error(T, TP_EINVAL, "hardtanh");
    ck_assert_ptr_null(tp_nn_dropout2d(T, -1));
    ck_error(T, TP_EINVAL, "dropout2d");
    tp_tensor *whole = tp_ones(T, TP_I64, tp_shape(2, 2)); /* as it is, where nothing is drawn */
    ck_assert(tp_feature_alpha_dropout(T, whole, 0.5, false) == whole);
    tp_feature_alpha_dropout(T, whole, 0.5, true);
    ck_error(T, TP_EDTYPE, "int64");
}
END_TEST

START_TEST(gumbel)
{
    tp_dtype dtype = _i ? TP_F64 : TP_F32;
    const double numbers[] = {0.5, -1, 2, 0, 0, 0.25};
    tp_tensor *x = tp_to(T, tp_from(T, TP_F64, tp_shape(2, 3), numbers), dtype);
    tp_requires_grad(x, true);
    tp_tensor *y = tp_gumbel_softmax(T, x, 0.7, false, -1);
    ck_values(y, 1e-7, 0.957429111, 0.00434946641, 0.0382214263, 0.828550994, 0.0482043363, 0.123244695);
    drawn(0.149840891);
    tp_tensor *hard = tp_gumbel_softmax(T, x, 0.7, true, 0), *g[2];
    ck_values(hard, 1e-7, 1, 1, 1, 0, 0, 0);
    drawn(0.149840891);
    tp_tensor *soft = tp_gumbel_softmax(T, x, 0.7, false, 0), *w = tp_from(T, TP_F64, tp_shape(2, 3), numbers);
    tp_tensor *sums[2] = {tp_sum(T, tp_mul(T, hard, w)), tp_sum(T, tp_mul(T, soft, w))};
    for (int i = 0; i < 2; i++)
        tp_gradients(T, 1, &sums[i], 1, &x, &g[i], NULL);
    ck_assert(tensors_identical(g[0], g[1]));
    tp_gumbel_softmax(T, x, 0, false, 0);
    ck_error(T, TP_EINVAL, "tau is 0");
}
END_TEST

START_TEST(lengths)
{
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(2, 3), (const double[]){3, 0, 4, 0, 0, 0});
    tp_requires_grad(x, true);
    tp_tensor *y = tp_normalize(T, x, 2, 1, 1e-12);
    ck_values(y, 1e-15, 0.6, 0, 0.8, 0, 0, 0);
    tp_backward(T, tp_select(T, tp_select(T, y, 0, 0), 0, 0));
    ck_values(tp_grad(x), 1e-15, 0.128, 0, -0.096, 0, 0, 0);
}
END_TEST

/* ---- the rows of an orthogonal matrix --------------------------------------------------------------------------------------- */

START_TEST(orthogonal)
{
    static const int64_t shapes[][4] = {{5, 3, 1, 1}, {3, 5, 1, 1}, {4, 2, 3, 2}, {70, 200, 1, 1}, {1, 1, 1, 1}};
    tp_dtype dtype = _i % 2 ? TP_F64 : TP_F32;
    const int64_t *s = shapes[_i / 2];
    tp_tensor *x = tp_keep(tp_zeros(T, dtype, tp_shape(s[0], s[1], s[2], s[3])));
    ck_assert_int_eq(tp_init_orthogonal_(T, x, 0.5), TP_OK);
    tp_tensor *m = tp_reshape(T, x, tp_shape(s[0], -1)), *t = tp_t(T, m);
    bool tall = tp_size(m, 0) >= tp_size(m, 1);
    tp_tensor *product = tall ? tp_matmul(T, t, m) : tp_matmul(T, m, t);
    tp_tensor *want = tp_mul_scalar(T, tp_eye(T, dtype, tp_size(product, 0), tp_size(product, 0)), 0.25);
    ck_assert(tensors_close(product, want, 0, dtype == TP_F32 ? 1e-6 : 1e-14));
    tp_free(x);
}
END_TEST

START_TEST(orthogonal_refused)
{
    tp_init_orthogonal_(T, tp_zeros(T, TP_F32, tp_shape(3)), 1);
    ck_error(T, TP_ESHAPE, "init_orthogonal_");
    tp_init_orthogonal_(T, tp_zeros(T, TP_I64, tp_shape(3, 3)), 1);
    ck_error(T, TP_EDTYPE, "init_orthogonal_");
    ck_assert_int_eq(tp_init_orthogonal_(T, tp_zeros(T, TP_F32, tp_shape(0, 3)), 1), TP_OK);
}
END_TEST

static Suite *activations_suite(void)
{
    Suite *suite = suite_create("activations");
    TCase *c = tcase_create("activations");
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_loop_test(c, ends, 0, 2 * (int)LENGTH(table));
    tcase_add_test(c, small);
    tcase_add_test(c, integers);
    tcase_add_loop_test(c, each, 0, (int)LENGTH(printed));
    tcase_add_test(c, learned_slopes);
    tcase_add_test(c, channels);
    tcase_add_test(c, refused);
    tcase_add_loop_test(c, gumbel, 0, 2);
    tcase_add_test(c, lengths);
    tcase_add_loop_test(c, orthogonal, 0, 10);
    tcase_add_test(c, orthogonal_refused);
    suite_add_tcase(suite, c);
    return suite;
}

int main(void) { return run_suite(activations_suite()); }
