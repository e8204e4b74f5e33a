/* test_norm.c - normalization: statistics over the whole range of floats, running statistics, layers. */
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 5);
}

static void teardown(void)
{
    ck_assert_msg(tp_error(T) == NULL, "%s", tp_error(T));
    tp_tape_free(T);
}

static double at(tp_tensor *x, int64_t i) { return tp_item_at(x, i); }

/* Fails T as it should, in these words; T is well again then. */
/* ---- batch_norm ------------------------------------------------------------------------------------------------- */

static const tp_batch_norm_options training = {.training = true};

/* x times any factor is normalized to the same, where eps is no part of it, and the gradient is divided by it. */
START_TEST(any_scale)
{
    static const double factors[2][3] = {{1e30, 1e-30, 1e-37}, {1e300, 1e-300, 1e-307}};
    static const tp_dims shapes[3] = {{2, {6, 3}}, {3, {3, 2, 40}}, {3, {2, 2, 5000}}};
    const tp_batch_norm_options no_eps = {.training = true, .eps = TP_ZERO};
    for (int k = 0; k < 18; k++) {
        tp_dtype dtype = k % 2 ? TP_F64 : TP_F32;
        double factor = factors[k % 2][k / 2 % 3], close = k % 2 ? 1e-12 : 1e-5;
        tp_tensor *x = tp_requires_grad(tp_randn(T, dtype, shapes[k / 6]), true);
        tp_tensor *z = tp_requires_grad(tp_mul_scalar(T, tp_detach(T, x), factor), true);
        tp_tensor *u = tp_randn(T, dtype, shapes[k / 6]);
        for (int way = 0; way < 2; way++) {
            tp_tensor *a = way ? tp_group_norm(T, x, 1, NULL, NULL, 0) : tp_batch_norm(T, x, NULL, NULL, &no_eps);
            tp_tensor *b = way ? tp_group_norm(T, z, 1, NULL, NULL, 0) : tp_batch_norm(T, z, NULL, NULL, &no_eps);
            tp_tensor *gx, *gz, *v = tp_mul_scalar(T, u, factor);
            for (int recorded = 0; recorded < 2; recorded++) {
                tp_gradients_options o = {.create_graph = recorded, .retain_graph = true, .grad_outputs = &u};
                tp_gradients(T, 1, &a, 1, &x, &gx, &o);
                o.grad_outputs = &v;
                tp_gradients(T, 1, &b, 1, &z, &gz, &o);
                for (int64_t i = 0; i < tp_numel(x); i++) {
                    ck_assert_double_eq_tol(at(a, i), at(b, i), close * 10);
                    ck_assert_double_eq_tol(at(gx, i), at(gz, i), close * 20);
                }
            }
        }
        tp_tape_reset(T);
    }
}
END_TEST

/* What is cut for threads and for speed: large sets, of one part and of several, and channels of short parts over many
 * samples. Shapes are [n, c, length], 0 groups is batch_norm, -1 with given statistics. */
static const struct {
    int64_t n, c, length, groups;
} cut[] = {{1, 1, 600001, 1}, {2, 6, 100003, 2}, {3, 2, 150000, 0},  {3, 2, 150000, -1},
           {3000, 7, 5, 0},   {999, 300, 1, 0},  {2001, 3, 100, -1}, {5, 4, 2000, 2}};

typedef struct {
    int which;
    tp_tensor *x, *weight, *bias, *mean, *var, *g;
} operands;

static void normalized(tp_tape *tape, void *user, tp_tensor **out)
{
    const operands *p = user;
    int64_t groups = cut[p->which].groups;
    tp_batch_norm_options o = {.weight = p->weight, .bias = p->bias, .training = groups == 0};
    tp_tensor *leaves[3] = {p->x, p->weight, p->bias};
    tp_gradients_options back = {.grad_outputs = (tp_tensor **)&p->g};
    out[0] = groups > 0 ? tp_group_norm(tape, p->x, groups, p->weight, p->bias, 1e-5)
                        : tp_batch_norm(tape, p->x, groups ? p->mean : NULL, groups ? p->var : NULL, &o);
    tp_gradients(tape, 1, &out[0], 3, leaves, out + 1, &back);
}

START_TEST(cut_in_pieces)
{
    int64_t n = cut[_i].n, c = cut[_i].c, groups = cut[_i].groups;
    tp_dims shape = {3, {n, c, cut[_i].length}}, channels = {1, {c}}, beside = {3, {1, c, 1}};
    operands p = {_i,
                  tp_requires_grad(tp_randn(T, TP_F64, shape), true),
                  tp_requires_grad(tp_randn(T, TP_F64, channels), true),
                  tp_requires_grad(tp_randn(T, TP_F64, channels), true),
                  tp_randn(T, TP_F64, channels),
                  tp_rand(T, TP_F64, channels),
                  tp_randn(T, TP_F64, shape)};
    tp_tensor *got[4], *want[4], *leaves[3] = {p.x, p.weight, p.bias}, *mean;
    normalized(T, &p, got);
    tp_dims sets = groups > 0 ? (tp_dims){3, {1, n * groups, -1}} : shape;
    tp_tensor *x = tp_reshape(T, p.x, sets), *var = tp_var_mean(T, x, 2, (int[]){0, 2}, 0, true, &mean);
    if (groups < 0) {
        mean = tp_reshape(T, p.mean, beside);
        var = tp_reshape(T, p.var, beside);
    }
    tp_tensor *xhat = tp_mul(T, tp_sub(T, x, mean), tp_rsqrt(T, tp_add_scalar(T, var, 1e-5)));
    want[0] = tp_add(T, tp_mul(T, tp_reshape(T, xhat, shape), tp_reshape(T, p.weight, beside)),
                     tp_reshape(T, p.bias, beside));
    tp_gradients_options back = {.grad_outputs = &p.g};
    tp_gradients(T, 1, want, 3, leaves, want + 1, &back);
    ck_no_error(T);
    for (int k = 0; k < 4; k++)
        ck_assert_msg(tensors_close(got[k], want[k], 1e-9, 1e-9), "result %d", k);
    ck_same_on_threads(T, 4, normalized, &p);
}
END_TEST

typedef struct {
    tp_tensor *x, *weight, *bias, *g;
    bool root; /* rms_norm */
} row_operands;

static void rows_normalized(tp_tape *tape, void *user, tp_tensor **out)
{
    const row_operands *p = user;
    tp_tensor *leaves[3] = {p->x, p->weight, p->bias};
    tp_gradients_options back = {.grad_outputs = (tp_tensor **)&p->g};
    tp_dims row = tp_shape(tp_size(p->x, 1));
    out[0] = p->root ? tp_rms_norm(tape, p->x, row, p->weight, 1e-5)
                     : tp_layer_norm(tape, p->x, row, p->weight, p->bias, 1e-5);
    tp_gradients(tape, 1, &out[0], p->root ? 2 : 3, leaves, out + 1, &back);
}

/* Few rows that are long, by layer_norm and by rms_norm. A row of large numbers, whose squares have no room, goes another way. */
START_TEST(long_rows)
{
    bool root = _i & 1, large = _i & 2;
    tp_dims shape = {2, {3, 300007}}, row = {1, {300007}};
    tp_tensor *z = tp_randn(T, TP_F64, shape);
    row_operands p = {tp_requires_grad(large ? tp_mul_scalar(T, z, 1e200) : z, true),
                      tp_requires_grad(tp_randn(T, TP_F64, row), true),
                      tp_requires_grad(tp_randn(T, TP_F64, row), true), tp_randn(T, TP_F64, shape), root};
    tp_tensor *got[4], *want[4], *leaves[3] = {p.x, p.weight, p.bias};
    tp_tensor *x = large ? tp_mul_scalar(T, p.x, 1e-200) : p.x;
    tp_tensor *centred = root ? x : tp_sub(T, x, tp_mean_dim(T, x, 1, true));
    tp_tensor *squares = tp_mean_dim(T, tp_square(T, centred), 1, true);
    tp_tensor *xhat = tp_mul(T, centred, tp_rsqrt(T, large ? squares : tp_add_scalar(T, squares, 1e-5)));
    want[0] = tp_mul(T, xhat, p.weight);
    want[0] = root ? want[0] : tp_add(T, want[0], p.bias);
    rows_normalized(T, &p, got);
    tp_gradients_options back = {.grad_outputs = &p.g};
    tp_gradients(T, 1, want, root ? 2 : 3, leaves, want + 1, &back);
    ck_no_error(T);
    for (int k = 0; k < (root ? 3 : 4); k++)
        ck_assert_msg(tensors_close(got[k], want[k], 1e-9, k == 1 && large ? 1e-209 : 1e-9), "result %d", k);
    ck_same_on_threads(T, root ? 3 : 4, rows_normalized, &p);
}
END_TEST

/* Far from 0 the digits of the deviations stay. */
START_TEST(far_from_zero)
{
    for (int64_t length = 1; length <= 64; length *= 64) {
        tp_tensor *z = tp_floor(T, tp_mul_scalar(T, tp_rand(T, TP_F32, tp_shape(8, 3, length)), 64));
        tp_tensor *x = tp_add_scalar(T, z, 1 << 20);
        tp_tensor *a = tp_batch_norm(T, z, NULL, NULL, &training), *b = tp_batch_norm(T, x, NULL, NULL, &training);
        for (int64_t i = 0; i < tp_numel(x); i++)
            ck_assert_double_eq_tol(at(a, i), at(b, i), 1e-5);
    }
}
END_TEST

START_TEST(not_a_number)
{
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(2, 2, 3));
    ((float *)tp_data(x))[7] = NAN;
    tp_tensor *y = tp_batch_norm(T, x, NULL, NULL, &training), *z = tp_group_norm(T, x, 2, NULL, NULL, 1e-5);
    for (int64_t i = 0; i < 12; i++) {
        ck_assert_int_eq(isnan(at(y, i)) != 0, i / 3 % 2 == 0);
        ck_assert_int_eq(isnan(at(z, i)) != 0, i / 3 == 2);
    }
}
END_TEST

/* torch: of [0, 3] and of no elements the running statistics stay. */
START_TEST(empty)
{
    tp_tensor *mean = tp_zeros(T, TP_F32, tp_shape(3)), *var = tp_ones(T, TP_F32, tp_shape(3));
    for (int i = 0; i < 2; i++) {
        tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F32, i ? tp_shape(2, 3, 0) : tp_shape(0, 3)), true);
        tp_tensor *weight = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(3)), true);
        tp_tensor *y = tp_batch_norm(T, x, mean, var, &(tp_batch_norm_options){.training = true, .weight = weight});
        tp_backward(T, tp_sum(T, y));
        for (int64_t c = 0; c < 3; c++) {
            ck_assert_double_eq(at(mean, c), 0);
            ck_assert_double_eq(at(var, c), 1);
            ck_assert_double_eq(at(tp_grad(weight), c), 0);
        }
    }
}
END_TEST

START_TEST(errors)
{
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(4, 3)), *three = tp_ones(T, TP_F32, tp_shape(3));
    tp_tensor *four = tp_ones(T, TP_F32, tp_shape(4)), *wide = tp_ones(T, TP_F64, tp_shape(3));
    tp_tensor *one = tp_ones(T, TP_F32, tp_shape(1, 3)), *computed = tp_exp(T, tp_requires_grad(three, true));
    ck_refused(T, tp_batch_norm(T, x, NULL, NULL, NULL), "batch_norm: running_mean and running_var are NULL");
    ck_refused(T, tp_batch_norm(T, x, three, NULL, NULL), "running_var is NULL");
    ck_refused(T, tp_batch_norm(T, one, NULL, NULL, &training), "more than one value per channel");
    ck_refused(T, tp_batch_norm(T, three, NULL, NULL, &training), "x is [3]");
    ck_refused(T, tp_batch_norm(T, x, four, four, NULL), "running_mean is [4], x is [4, 3]; [3] is needed");
    ck_refused(T, tp_batch_norm(T, x, wide, wide, NULL), "running_mean is float64");
    ck_refused(T, tp_batch_norm(T, x, computed, computed, &training), "only leaves can be written");
    ck_refused(T, tp_batch_norm(T, x, NULL, NULL, &(tp_batch_norm_options){.training = true, .weight = four}),
               "weight is [4], x is [4, 3]; [3] is needed");
    ck_refused(T, tp_batch_norm(T, x, NULL, NULL, &(tp_batch_norm_options){.training = true, .bias = wide}),
               "bias is float64");
    ck_refused(T, tp_instance_norm(T, x, NULL), "instance_norm: x is [4, 3]; more than one element per channel");
    ck_refused(T, tp_instance_norm(T, x, &(tp_instance_norm_options){.use_running_stats = true}), "they are needed");
    ck_refused(T, tp_group_norm(T, x, 2, NULL, NULL, 1e-5), "group_norm: x is [4, 3], 2 groups");
    ck_refused(T, tp_group_norm(T, x, 0, NULL, NULL, 1e-5), "0 groups");
    ck_refused(T, tp_group_norm(T, one, 3, NULL, NULL, 1e-5), "more than one value per group");
    ck_refused(T, tp_group_norm(T, tp_arange(T, TP_I64, 0, 3, 1), 3, NULL, NULL, 1e-5), "x is [3]");
}
END_TEST

static tp_tensor *summed(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_sum(tape, tp_batch_norm(tape, x, NULL, NULL, &training));
}

/* The output is not kept for backward, as are the statistics: its memory is given back at the end of a scope. */
START_TEST(forgets_its_output)
{
    static const tp_module_class type = {.name = "Summed", .size = sizeof(tp_module), .forward = summed};
    tp_module *m = tp_module_new(T, &type);
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(64, 4, 256)), true);
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_tensor *loss = tp_forward(T, m, x);
    ck_assert_int_lt(tp_tape_memory(T).bytes_in_use - before, 64 * 4 * 256 * 2);
    tp_backward(T, loss);
    ck_assert_ptr_nonnull(tp_grad(x));
    tp_module_free(m);
}
END_TEST

/* ---- rms_norm and local_response_norm, by their definitions -------------------------------------------------------- */

START_TEST(root_mean_square)
{
    static const double factors[2][3] = {{1, 1e30, 1e-30}, {1, 1e300, 1e-300}};
    for (int64_t n = 5; n <= 500; n *= 10)
        for (int k = 0; k < 6; k++) {
            tp_dtype dtype = k % 2 ? TP_F64 : TP_F32;
            double factor = factors[k % 2][k / 2], close = k % 2 ? 1e-12 : 1e-5;
            tp_tensor *z = tp_randn(T, dtype, tp_shape(40, n)), *weight = tp_randn(T, dtype, tp_shape(n));
            tp_tensor *y = tp_rms_norm(T, tp_mul_scalar(T, z, factor), tp_shape(n), weight, TP_ZERO);
            for (int64_t r = 0; r < 40; r++) {
                double squares = 0;
                for (int64_t i = 0; i < n; i++)
                    squares += at(z, r * n + i) * at(z, r * n + i) / (double)n;
                for (int64_t i = 0; i < n; i++)
                    ck_assert_double_eq_tol(at(y, r * n + i), at(z, r * n + i) / sqrt(squares) * at(weight, i),
                                            10 * close);
            }
        }
    tp_tensor *small = tp_full(T, TP_F64, tp_shape(1, 3), 1e-8); /* eps is 2^-52 */
    ck_assert_double_eq_tol(at(tp_rms_norm(T, small, tp_shape(3), NULL, 0), 0), 1e-8 / sqrt(1e-16 + 0x1p-52), 1e-14);
    ck_refused(T, tp_rms_norm(T, small, tp_shape(2), NULL, 0), "rms_norm: normalized_shape is [2], x is [1, 3]");
}
END_TEST

START_TEST(local_response)
{
    const tp_local_response_norm_options o = {.alpha = 0.5, .beta = 0.6, .k = 2};
    for (int64_t size = 1; size < 9; size++) {
        tp_tensor *x = tp_randn(T, TP_F64, tp_shape(2, 5, 3)), *y = tp_local_response_norm(T, x, size, &o);
        for (int64_t i = 0; i < 30; i++) {
            double squares = 0;
            for (int64_t c = i / 3 % 5 - size / 2; c <= i / 3 % 5 + (size - 1) / 2; c++)
                if (c >= 0 && c < 5)
                    squares += pow(at(x, i + (c - i / 3 % 5) * 3), 2);
            ck_assert_double_eq_tol(at(y, i), at(x, i) / pow(2 + 0.5 * squares / (double)size, 0.6), 1e-14);
        }
    }
    ck_refused(T, tp_local_response_norm(T, tp_ones(T, TP_F32, tp_shape(2, 3)), 2, NULL), "3 dimensions or more");
    ck_refused(T, tp_local_response_norm(T, tp_ones(T, TP_F32, tp_shape(2, 3, 1)), 0, NULL), "1 or more are needed");
    ck_assert_int_eq(tp_numel(tp_local_response_norm(T, tp_ones(T, TP_F32, tp_shape(0, 3, 1)), 2, NULL)), 0);
}
END_TEST

/* ---- the layers -------------------------------------------------------------------------------------------------- */

/* The running statistics of two batches: 0.1 of each in turn; or their mean. Then they are used. */
/* PyTorch's numbers, values and gradients, of windows of 3 and 4 channels; and its text. */
START_TEST(cross_map)
{
    tp_local_response_norm_options o = {.alpha = 0.5, .k = 2};
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(1, 5, 1, 1), (const double[]){1, -2, 0.5, 3, -1.5});
    tp_module *m[] = {tp_nn_cross_map_lrn2d(T, 3, &o), tp_nn_cross_map_lrn2d(T, 4, &o),
                      tp_nn_cross_map_lrn2d(T, 5, NULL)};
    tp_tensor *y = tp_forward(T, m[0], tp_requires_grad(x, true));
    ck_values(y, 1e-11, 0.457906435005, -0.905840239005, 0.165286149058, 1.04438380627, -0.526224288567);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(x), 1e-11, 0.417502926034, 0.376189704574, 0.345032440447, 0.364273719249, 0.412071441127);
    tp_zero_grad(x);
    y = tp_forward(T, m[1], x);
    ck_values(y, 1e-11, 0.484900932385, -0.961232143461, 0.184392588228, 1.15692471792, -0.582297479411);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(x), 1e-11, 0.518116832215, 0.432471140324, 0.350376021994, 0.471849339224, 0.446871957387);
    ck_no_error(T);
    char text[100];
    tp_module_format(m[2], text, sizeof text);
    ck_assert_str_eq(text, "CrossMapLRN2d(5, alpha=0.0001, beta=0.75, k=1)");
    ck_refused(T, tp_forward(T, m[0], tp_ones(T, TP_F32, tp_shape(2, 3, 1))), "[n, c, h, w] are needed");
    for (int i = 0; i < 3; i++)
        tp_module_free(m[i]);
    ck_assert_ptr_null(tp_nn_cross_map_lrn2d(T, 0, NULL));
    ck_error(T, TP_EINVAL, "nn_cross_map_lrn2d: 0 channels");
}
END_TEST

START_TEST(running_statistics)
{
    for (int cumulative = 0; cumulative < 2; cumulative++) {
        tp_nn_batch_norm_options o = {.cumulative = cumulative, .dtype = TP_F64};
        tp_module *m = tp_nn_batch_norm1d(T, 2, &o);
        double mean[2] = {0, 0}, var[2] = {1, 1};
        for (int batch = 0; batch < 2; batch++) {
            tp_tensor *x = tp_randn(T, TP_F64, tp_shape(5, 2, 3)), *average;
            tp_tensor *v = tp_var_mean(T, x, 2, (int[]){0, 2}, 1, false, &average);
            double momentum = cumulative ? 1.0 / (batch + 1) : 0.1;
            tp_forward(T, m, x);
            for (int c = 0; c < 2; c++) {
                mean[c] = (1 - momentum) * mean[c] + momentum * at(average, c);
                var[c] = (1 - momentum) * var[c] + momentum * at(v, c);
                ck_assert_double_eq_tol(at(tp_module_param(m, "running_mean"), c), mean[c], 1e-14);
                ck_assert_double_eq_tol(at(tp_module_param(m, "running_var"), c), var[c], 1e-14);
            }
        }
        ck_assert_double_eq(tp_item(tp_module_param(m, "num_batches_tracked")), 2);
        tp_module_eval(m);
        tp_tensor *one = tp_randn(T, TP_F64, tp_shape(1, 2)), *y = tp_forward(T, m, one);
        for (int c = 0; c < 2; c++)
            ck_assert_double_eq_tol(at(y, c), (at(one, c) - mean[c]) / sqrt(var[c] + 1e-5), 1e-13);
        ck_assert_double_eq(tp_item(tp_module_param(m, "num_batches_tracked")), 2);
        tp_module_train(m, true);
        ck_refused(T, tp_forward(T, m, one), "more than one value per channel");
        ck_assert_double_eq(tp_item(tp_module_param(m, "num_batches_tracked")), 2);
        tp_module_free(m);
    }
}
END_TEST

/* As in torch: the repetition moves them once more. */
START_TEST(checkpointed)
{
    tp_module *m = tp_nn_batch_norm2d(T, 2, NULL);
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(3, 2, 4, 4)), true), *y = NULL;
    tp_checkpoint(T, forward_module, m, 1, &x, 1, &y);
    ck_assert_double_eq(tp_item(tp_module_param(m, "num_batches_tracked")), 1);
    tp_backward(T, tp_sum(T, tp_square(T, y)));
    ck_assert_double_eq(tp_item(tp_module_param(m, "num_batches_tracked")), 2);
    tp_module_free(m);
}
END_TEST

/* Running statistics that move after they were used in a graph are noticed. */
START_TEST(moved_after_use)
{
    tp_module *m = tp_nn_batch_norm1d(T, 2, NULL);
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(4, 2)), true);
    tp_module_eval(m);
    tp_tensor *loss = tp_sum(T, tp_forward(T, m, x));
    tp_module_train(m, true);
    tp_forward(T, m, x);
    ck_assert_int_eq(tp_backward(T, loss), TP_EMUTATED);
    tp_clear_error(T);
    tp_module_free(m);
}
END_TEST

START_TEST(printing)
{
    ck_printed(
        tp_nn_batch_norm2d(T, 3, &(tp_nn_batch_norm_options){.eps = 1e-3, .cumulative = true, .no_affine = true}),
        "BatchNorm2d(3, eps=0.001, momentum=None, affine=False, track_running_stats=True)");
    ck_printed(tp_nn_instance_norm3d(T, 2, &(tp_nn_instance_norm_options){.affine = true}),
               "InstanceNorm3d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=False)");
    ck_printed(tp_nn_group_norm(T, 2, 4, NULL), "GroupNorm(2, 4, eps=1e-05, affine=True)");
    ck_printed(tp_nn_layer_norm(T, tp_shape(2, 3), &(tp_nn_norm_options){.no_affine = true}),
               "LayerNorm((2, 3), eps=1e-05, elementwise_affine=False)");
    ck_printed(tp_nn_rms_norm(T, tp_shape(3), NULL), "RMSNorm((3,), eps=None, elementwise_affine=True)");
    ck_printed(tp_nn_rms_norm(T, tp_shape(2, 3), &(tp_nn_norm_options){.eps = 1e-6, .no_affine = true}),
               "RMSNorm((2, 3), eps=1e-06, elementwise_affine=False)");
    ck_printed(tp_nn_local_response_norm(T, 2, NULL), "LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0)");
    ck_printed(tp_nn_layer_norm(T, tp_shape(3), NULL), "LayerNorm((3,), eps=1e-05, elementwise_affine=True)");
}
END_TEST

/* One sample without the batch's dimension is normalized as in a batch of one. */
START_TEST(unbatched)
{
    tp_module *m[3] = {tp_nn_instance_norm1d(T, 3, NULL), tp_nn_instance_norm2d(T, 3, NULL),
                       tp_nn_instance_norm3d(T, 3, NULL)};
    tp_dims shape = {1, {3}};
    for (int k = 0; k < 3; k++) {
        shape.dim[shape.ndim++] = 4;
        tp_tensor *x = tp_randn(T, TP_F32, shape), *y = tp_forward(T, m[k], x);
        tp_tensor *z = tp_squeeze_dim(T, tp_forward(T, m[k], tp_unsqueeze(T, x, 0)), 0);
        ck_assert(tp_equal(T, y, z));
        ck_refused(T, tp_forward(T, m[k], tp_zeros(T, TP_F32, tp_shape(3))), "dimensions are needed");
        tp_module_free(m[k]);
    }
    tp_module *b = tp_nn_batch_norm2d(T, 3, NULL);
    ck_refused(T, tp_forward(T, b, tp_zeros(T, TP_F32, tp_shape(2, 3, 4))),
               "BatchNorm2d: x is [2, 3, 4]; 4 dimensions");
    tp_module_free(b);
}
END_TEST

/* First and second derivatives of each layer, in both modes. */
START_TEST(derivatives)
{
    tp_nn_batch_norm_options b = {.dtype = TP_F64};
    tp_nn_instance_norm_options i = {.dtype = TP_F64, .affine = true, .track_running_stats = true};
    tp_nn_norm_options o = {.dtype = TP_F64};
    tp_module *m[6] = {tp_nn_batch_norm1d(T, 4, &b),
                       tp_nn_batch_norm1d(T, 4, &b),
                       tp_nn_instance_norm1d(T, 4, &i),
                       tp_nn_group_norm(T, 2, 4, &o),
                       tp_nn_layer_norm(T, tp_shape(4, 3), &o),
                       tp_nn_rms_norm(T, tp_shape(3), &o)};
    for (int k = 0; k < 12; k++) {
        tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(3, 4, 3)), true);
        tp_uniform_(T, tp_module_param(m[k / 2], "weight"), 0.5, 1.5);
        tp_module_train(m[k / 2], k % 2 == 0);
        ck_assert_int_eq(
            tp_gradcheck_of(T, forward_module, m[k / 2], 1, &x, 1, &(tp_gradcheck_options){.second = true}), TP_OK);
    }
    for (int k = 0; k < 6; k++)
        tp_module_free(m[k]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("norm");
    TCase *t = tcase_create("norm");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, any_scale);
    tcase_add_loop_test(t, cut_in_pieces, 0, (int)LENGTH(cut));
    tcase_add_loop_test(t, long_rows, 0, 4);
    tcase_add_test(t, far_from_zero);
    tcase_add_test(t, not_a_number);
    tcase_add_test(t, empty);
    tcase_add_test(t, errors);
    tcase_add_test(t, forgets_its_output);
    tcase_add_test(t, root_mean_square);
    tcase_add_test(t, local_response);
    tcase_add_test(t, cross_map);
    tcase_add_test(t, running_statistics);
    tcase_add_test(t, checkpointed);
    tcase_add_test(t, moved_after_use);
    tcase_add_test(t, printing);
    tcase_add_test(t, unbatched);
    tcase_add_test(t, derivatives);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
