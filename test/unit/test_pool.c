/* test_pool.c - pooling of many shapes against the definition, element by element; which of several is the largest; that what
 * is taken apart for speed comes to the same; bits on any number of threads; options that are refused; the layers. */
#include "support/support.h"

enum { SPACE = 3 };

/* Sizes from the first dimension of space on; 0 past the last. */
typedef struct {
    int64_t size[SPACE], kernel[SPACE], stride[SPACE], padding[SPACE], dilation[SPACE];
    bool ceil_mode, exclude_pad;
    int64_t divisor;
} geometry;

/* The usual ones, odd ones, windows that lie one in the other, rows that are too long to be worked on at once, windows that
 * differ much in size, large ones. */
static const geometry cases[] = {
    {{17}, {3}, {0}, {1}, {1}, false, false, 0},
    {{20}, {2}, {2}, {0}, {1}, false, false, 0},
    {{300}, {40}, {1}, {20}, {3}, false, true, 0},
    {{7}, {7}, {1}, {3}, {1}, true, false, 4},
    {{8, 10}, {2, 2}, {2, 2}, {0, 0}, {1, 1}, false, false, 0},
    {{9, 70}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, false, false, 0},
    {{9, 71}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, true, true, 0},
    {{13, 11}, {3, 2}, {2, 3}, {1, 1}, {2, 1}, true, false, 0},
    {{12, 40}, {5, 6}, {3, 4}, {2, 3}, {1, 2}, true, false, -3},
    {{4, 9000}, {2, 3}, {2, 2}, {0, 1}, {1, 1}, false, true, 0},
    {{3, 20}, {3, 20}, {1, 1}, {1, 10}, {1, 1}, false, false, 0},
    {{9000}, {3}, {2}, {1}, {1}, false, false, 0},
    {{5000}, {70}, {70}, {0}, {1}, false, false, 0},
    {{3, 5000}, {2, 4000}, {1, 500}, {1, 0}, {1, 1}, true, false, 0},
    {{30, 6}, {3, 3}, {3, 3}, {0, 0}, {1, 1}, false, false, 0},
    {{30, 6}, {4, 2}, {3, 2}, {2, 0}, {1, 1}, true, true, 0},
    {{5, 6, 7}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0}, {1, 1, 1}, false, false, 0},
    {{6, 5, 9}, {3, 2, 3}, {1, 2, 2}, {1, 1, 1}, {2, 1, 1}, true, true, 0},
};

static int space_of(const geometry *g)
{
    int n = 0;
    while (n < SPACE && g->size[n])
        n++;
    return n;
}

static tp_pool_options options_of(const geometry *g, bool largest)
{
    tp_pool_options o = {.ceil_mode = g->ceil_mode};
    for (int d = 0; d < space_of(g); d++) {
        o.stride[d] = g->stride[d];
        o.padding[d] = g->padding[d];
        o.dilation[d] = largest ? g->dilation[d] : 0;
    }
    if (!largest) {
        o.exclude_pad = g->exclude_pad;
        o.divisor = g->divisor;
    }
    return o;
}

static tp_tensor *max_pool(tp_tape *T, const geometry *g, tp_tensor *x, tp_tensor **indices)
{
    static tp_tensor *(*const of[])(tp_tape *, tp_tensor *, tp_dims, const tp_pool_options *,
                                    tp_tensor **) = {tp_max_pool1d, tp_max_pool2d, tp_max_pool3d};
    tp_dims kernel = {space_of(g), {g->kernel[0], g->kernel[1], g->kernel[2]}};
    tp_pool_options o = options_of(g, true);
    return of[kernel.ndim - 1](T, x, kernel, &o, indices);
}

static tp_tensor *avg_pool(tp_tape *T, const geometry *g, tp_tensor *x)
{
    static tp_tensor *(*const of[])(tp_tape *, tp_tensor *, tp_dims,
                                    const tp_pool_options *) = {tp_avg_pool1d, tp_avg_pool2d, tp_avg_pool3d};
    tp_dims kernel = {space_of(g), {g->kernel[0], g->kernel[1], g->kernel[2]}};
    tp_pool_options o = options_of(g, false);
    return of[kernel.ndim - 1](T, x, kernel, &o);
}

/* ---- by the definition ---- */

/* What one window comes to. */
typedef struct {
    double sum, largest;
    int64_t at, n, padded; /* the padding within counts for these */
} window;

static void see(const tp_tensor *x, int64_t plane, int64_t volume, int64_t at, window *w)
{
    double v = tp_item_at(x, plane * volume + at);
    w->sum += v;
    if (w->n++ == 0 || v > w->largest || isnan(v)) {
        w->largest = v;
        w->at = at;
    }
}

/* Window o of a plane; with `dilates` of max pooling. */
static window look(const tp_tensor *x, const geometry *g, int64_t plane, const int64_t *o, bool dilates)
{
    window w = {.sum = 0};
    int space = space_of(g);
    int64_t k[SPACE] = {0}, total = 1, volume = 1;
    for (int d = 0; d < space; d++) {
        total *= g->kernel[d];
        volume *= g->size[d];
    }
    for (int64_t i = 0; i < total; i++) {
        int64_t at = 0, rest = i;
        bool inside = true, padded = true;
        for (int d = space - 1; d >= 0; d--, rest /= g->kernel[d + 1 < SPACE ? d + 1 : d])
            k[d] = rest % g->kernel[d];
        for (int d = 0; d < space; d++) {
            int64_t stride = g->stride[d] ? g->stride[d] : g->kernel[d];
            int64_t p = o[d] * stride - g->padding[d] + k[d] * (dilates ? g->dilation[d] : 1);
            inside = inside && p >= 0 && p < g->size[d];
            padded = padded && p < g->size[d] + g->padding[d];
            at = at * g->size[d] + p;
        }
        w.padded += padded;
        if (inside)
            see(x, plane, volume, at, &w);
    }
    return w;
}

static void check_all(tp_tensor *x, const geometry *g, tp_tensor *largest, tp_tensor *indices, tp_tensor *mean)
{
    int space = space_of(g);
    const tp_tensor *of[2] = {largest, mean};
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; i < tp_numel(of[k]); i++) {
            int64_t o[SPACE] = {0}, rest = i;
            for (int d = space - 1; d >= 0; d--) {
                o[d] = rest % tp_size(of[k], 2 + d);
                rest /= tp_size(of[k], 2 + d);
            }
            window w = look(x, g, rest, o, k == 0);
            double got = tp_item_at(of[k], i);
            if (k == 0)
                ck_assert_msg(got == w.largest && tp_item_at(indices, i) == (double)w.at,
                              "largest %lld: %g at %g, not %g at %g", (long long)i, got, tp_item_at(indices, i),
                              w.largest, (double)w.at);
            double count = g->divisor ? (double)g->divisor : g->exclude_pad ? (double)w.n : (double)w.padded;
            double unit = tp_dtype_of(x) == TP_F32 ? 6e-8 : 1.2e-16;
            if (k == 1)
                ck_assert_msg(fabs(got - w.sum / count) <= unit * (4 + 4 * (double)w.n), "mean %lld: %.9g, not %.9g",
                              (long long)i, got, w.sum / count);
        }
}

START_TEST(by_the_definition)
{
    tp_tape *T = tp_tape_new();
    const geometry *g = &cases[_i];
    tp_dims shape = {2 + space_of(g), {2, 3, g->size[0], g->size[1], g->size[2]}};
    for (int wide = 0; wide < 2; wide++) {
        tp_tensor *x = tp_randn(T, wide ? TP_F64 : TP_F32, shape), *indices;
        tp_tensor *largest = max_pool(T, g, x, &indices), *mean = avg_pool(T, g, x);
        ck_no_error(T);
        check_all(x, g, largest, indices, mean);
        /* Few different values: the first of several that are largest. */
        x = tp_round(T, x);
        largest = max_pool(T, g, x, &indices);
        mean = avg_pool(T, g, x);
        ck_no_error(T);
        check_all(x, g, largest, indices, mean);
        ck_assert(tensors_close(largest, max_pool(T, g, x, NULL), 0, 0));
        /* Without samples it is the same. */
        tp_tensor *one = avg_pool(T, g, tp_select(T, x, 0, 1));
        ck_assert(tensors_identical(one, tp_contiguous(T, tp_select(T, mean, 0, 1))));
    }
    tp_tape_free(T);
}
END_TEST

/* The gradients are those of the transposed maps: <y(x), g> = <x, y'(g)> for means, and the scattered g for the largest. The
 * second one is added to the first. */
START_TEST(gradients)
{
    tp_tape *T = tp_tape_new();
    const geometry *g = &cases[_i];
    tp_dims shape = {2 + space_of(g), {2, 3, g->size[0], g->size[1], g->size[2]}};
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, shape), true);
    for (int k = 0; k < 2; k++) {
        tp_tensor *y = k ? avg_pool(T, g, x) : max_pool(T, g, x, NULL);
        tp_tensor *again = k ? avg_pool(T, g, x) : max_pool(T, g, x, NULL), *recorded;
        tp_tensor *loss = tp_sum(T, tp_mul(T, y, tp_randn(T, TP_F64, tp_shape_of(y))));
        loss = tp_add(T, loss, tp_sum(T, tp_mul(T, again, tp_randn(T, TP_F64, tp_shape_of(y)))));
        tp_zero_grad(x);
        tp_gradients(T, 1, &loss, 1, &x, &recorded, &(tp_gradients_options){.create_graph = true});
        tp_backward(T, loss);
        ck_no_error(T);
        double of_y = tp_item(loss), of_x = tp_item(tp_sum(T, tp_mul(T, x, tp_grad(x))));
        ck_assert_msg(fabs(of_y - of_x) <= 1e-11 * (1 + fabs(of_y)), "%g and %g", of_y, of_x);
        ck_assert(tensors_close(tp_grad(x), recorded, 1e-13, 1e-13));
    }
    tp_tape_free(T);
}
END_TEST

static tp_tensor *one_of(tp_tape *T, tp_tensor *x, int which)
{
    const geometry g = {.size = {40, 41}, .kernel = {3, 3}, .stride = {2, 2}, .padding = {1, 1}, .dilation = {1, 1}};
    switch (which) {
    case 0:
        return max_pool(T, &g, x, NULL);
    case 1:
        return avg_pool(T, &g, x);
    case 2:
        return tp_adaptive_avg_pool2d(T, x, tp_shape(7, 9));
    case 3:
        return tp_mul(T, x, tp_max(T, max_pool(T, &g, tp_detach(T, x), NULL)));
    case 4:
        return tp_avg_pool1d(T, tp_reshape(T, x, tp_shape(1, 1, -1)), tp_shape(40), NULL);
    default:
        return tp_adaptive_avg_pool1d(T, tp_reshape(T, x, tp_shape(1, 1, -1)), tp_shape(11));
    }
}

typedef struct {
    tp_tensor *x;
    int which;
} pooling;

static void pool_and_back(tp_tape *T, void *user, tp_tensor **out)
{
    const pooling *p = user;
    out[0] = one_of(T, p->x, p->which);
    tp_zero_grad(p->x);
    tp_backward(T, tp_sum(T, tp_square(T, out[0])));
    out[1] = tp_grad(p->x);
}

START_TEST(threads)
{
    tp_tape *T = tp_tape_new();
    pooling p = {tp_requires_grad(tp_randn(T, TP_F32, tp_shape(16, 8, 40, 41)), true), _i};
    ck_same_on_threads(T, 2, pool_and_back, &p);
    tp_tape_free(T);
}
END_TEST

/* Large windows of a long axis, there and back: tables are no larger than what they are for. */
START_TEST(takes_little_memory)
{
    enum { N = 1 << 18 };
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(1, 1, N)), true), *y = NULL;
    const tp_pool_options steps = {.stride = {1}, .padding = {500}};
    switch (_i) {
    case 0:
        y = tp_adaptive_avg_pool1d(T, x, tp_shape(3));
        break;
    case 1:
        y = tp_adaptive_max_pool1d(T, x, tp_shape(3), NULL);
        break;
    case 2:
        y = tp_adaptive_avg_pool1d(T, x, tp_shape(4));
        break;
    case 3:
        y = tp_avg_pool1d(T, x, tp_shape(1000), &steps);
        break;
    case 4:
        y = tp_max_pool1d(T, x, tp_shape(1000), &steps, NULL);
        break;
    default:
        y = tp_avg_pool1d(T, x, tp_shape(2), NULL);
    }
    tp_backward(T, tp_sum(T, y));
    ck_no_error(T);
    double data = (double)(tp_numel(x) + tp_numel(y)) * sizeof(float), indices = (double)tp_numel(y) * sizeof(int64_t);
    double most = (double)tp_tape_memory(T).bytes_peak, allowed = 4 * data + (_i % 3 == 1 ? indices : 0);
    ck_assert_msg(most <= allowed + 1e6, "%g bytes, %g times the data", most, most / data);
    tp_tape_free(T);
}
END_TEST

/* NaN is the largest, and the last one is told; where all is -infinity the first; signs of zeros; no samples; integers. */
START_TEST(edges)
{
    tp_tape *T = tp_tape_new();
    const float p[] = {1, NAN, 2, 3, 4, NAN, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY};
    tp_tensor *indices, *x = tp_from(T, TP_F32, tp_shape(1, 2, 6), p);
    tp_tensor *y = tp_max_pool2d(T, x, tp_shape(2, 3), NULL, &indices);
    ck_assert(isnan(tp_item_at(y, 0)) && isnan(tp_item_at(y, 1)));
    ck_values(indices, 0, 1, 5);
    y = tp_max_pool1d(T, x, tp_shape(6), NULL, &indices);
    ck_assert(isnan(tp_item_at(y, 0)) && tp_item_at(y, 1) == -(double)INFINITY);
    ck_values(indices, 0, 5, 0);
    y = tp_avg_pool1d(T, tp_from(T, TP_F32, tp_shape(1, 2), (const float[]){-0.0f, -0.0f}), tp_shape(2), NULL);
    ck_assert(tp_item(y) == 0 && signbit(tp_item(y)));
    y = tp_avg_pool1d(T, tp_from(T, TP_F32, tp_shape(1, 9), (const float[]){3, 3, 3, 3, 3, 3, 3, 3, 3}), tp_shape(3),
                      NULL);
    ck_values(y, 0, 3, 3, 3);
    y = tp_avg_pool1d(T, tp_from(T, TP_I64, tp_shape(1, 4), (const int64_t[]){1, 2, -4, -3}), tp_shape(2), NULL);
    ck_values(y, 0, 1, -3);
    y = tp_max_pool3d(T, tp_zeros(T, TP_F64, tp_shape(0, 2, 4, 4, 4)), tp_shape(2), NULL, NULL);
    ck_assert(tp_ndim(y) == 5 && tp_size(y, 0) == 0 && tp_size(y, 4) == 2);
    y = tp_adaptive_avg_pool2d(T, tp_zeros(T, TP_F64, tp_shape(0, 2, 4, 4)), tp_shape(-1, 3));
    ck_assert(tp_size(y, 0) == 0 && tp_size(y, 2) == 4 && tp_size(y, 3) == 3);
    y = tp_adaptive_max_pool1d(T, tp_from(T, TP_F32, tp_shape(1, 5), (const float[]){1, 5, 3, 3, 2}), tp_shape(2),
                               &indices);
    ck_values(y, 0, 5, 3);
    ck_values(indices, 0, 1, 2);
    y = tp_adaptive_avg_pool2d(T, tp_from(T, TP_F32, tp_shape(1, 2, 2), (const float[]){1, 5, 3, 3}), tp_shape(1));
    ck_assert(tp_ndim(y) == 3 && tp_item(y) == 3);
    tp_adaptive_avg_pool1d(T, tp_ones(T, TP_I64, tp_shape(1, 4)), tp_shape(1));
    ck_error(T, TP_EDTYPE, "adaptive_avg_pool1d");
    x = tp_from(T, TP_F32, tp_shape(1, 2), (const float[]){7, 8});
    y = tp_max_unpool1d(T, x, tp_from(T, TP_I64, tp_shape(1, 2), (const int64_t[]){1, 2}), tp_shape(2), NULL);
    ck_values(y, 0, 0, 7, 8, 0);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(refused)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 2, 6, 6)), *i = tp_zeros(T, TP_I64, tp_shape(1, 2, 6, 6));
    tp_max_pool1d(T, x, tp_shape(2), NULL, NULL);
    ck_error(T, TP_ESHAPE, "max_pool1d: x is [1, 2, 6, 6]");
    tp_max_pool2d(T, x, tp_shape(2, 2, 2), NULL, NULL);
    ck_error(T, TP_EINVAL, "the kernel is [2, 2, 2]");
    tp_max_pool2d(T, x, tp_shape(0), NULL, NULL);
    ck_error(T, TP_EINVAL, "the kernel is [0]");
    tp_max_pool2d(T, x, tp_shape(7), NULL, NULL);
    ck_error(T, TP_ESHAPE, "the kernel [7]");
    tp_max_pool2d(T, x, tp_shape(2), &(tp_pool_options){.padding = {2, 0}}, NULL);
    ck_error(T, TP_EINVAL, "padding 2");
    tp_max_pool2d(T, x, tp_shape(2), &(tp_pool_options){.stride = {1, -1}}, NULL);
    ck_error(T, TP_EINVAL, "stride -1");
    tp_max_pool2d(T, x, tp_shape(2), &(tp_pool_options){.stride = {1, 1, 1}}, NULL);
    ck_error(T, TP_EINVAL, "2 dimensions");
    tp_max_pool1d(T, tp_zeros(T, TP_F32, tp_shape(1, 1)), tp_shape(2),
                  &(tp_pool_options){.stride = {2}, .padding = {1}, .dilation = {3}, .ceil_mode = true}, NULL);
    ck_error(T, TP_ESHAPE, "windows that meet x");
    tp_avg_pool2d(T, x, tp_shape(2), &(tp_pool_options){.dilation = {1, 1}});
    ck_error(T, TP_EINVAL, "avg_pool2d");
    tp_avg_pool2d(T, i, tp_shape(2, 2), &(tp_pool_options){.padding = {INT64_MIN, 0}});
    ck_error(T, TP_EINVAL, "padding");
    tp_max_pool2d(T, i, tp_shape(2), NULL, NULL);
    ck_error(T, TP_EDTYPE, "int64");
    tp_adaptive_avg_pool2d(T, x, tp_shape(-2, 2));
    ck_error(T, TP_EINVAL, "the size is [-2, 2]");
    tp_max_unpool2d(T, x, i, tp_shape(2), &(tp_unpool_options){.output_size = tp_shape(14, 12)});
    ck_error(T, TP_EINVAL, "the size [14, 12]");
    tp_max_unpool2d(T, x, tp_sub_scalar(T, i, 1), tp_shape(2), NULL);
    ck_error(T, TP_EINDEX, "an index is -1");
    tp_nn_max_pool2d(T, tp_shape(1, 2, 3), NULL);
    ck_error(T, TP_EINVAL, "nn_max_pool2d: 3 sizes");
    tp_tape_free(T);
}
END_TEST

/* ---- the layers ---- */

START_TEST(layers)
{
    tp_tape *T = tp_tape_new();
    const tp_pool_options steps = {.stride = {2, 1}}, padded = {.padding = {1, 0}, .exclude_pad = true};
    tp_module *list[] = {tp_nn_max_pool2d(T, tp_shape(3, 2), &steps), tp_nn_avg_pool2d(T, tp_shape(2), &padded),
                         tp_nn_lp_pool2d(T, 2, tp_shape(2, 3), NULL), tp_nn_adaptive_max_pool2d(T, tp_shape(3, -1)),
                         tp_nn_adaptive_avg_pool2d(T, tp_shape(2))};
    for (size_t i = 0; i < LENGTH(list); i++) {
        tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 2, 5, 4)), true);
        tp_gradcheck_of(T, forward_module, list[i], 1, &x, 1, &(tp_gradcheck_options){.second = true});
        ck_no_error(T);
        tp_module_eval(list[i]);
        ck_assert(tensors_identical(tp_forward(T, list[i], x), tp_forward(T, list[i], x)));
    }
    tp_module *back = tp_nn_max_unpool2d(T, tp_shape(3, 2), &(tp_unpool_options){.stride = {2, 1}});
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(2, 2, 5, 4)), *both[2], *y;
    tp_forward_n(T, list[0], 1, &x, 2, both);
    tp_forward_n(T, back, 2, both, 1, &y);
    ck_no_error(T);
    ck_assert(tp_size(y, 2) == 5 && tp_size(y, 3) == 4);
    ck_assert(tensors_identical(tp_max_pool2d(T, tp_abs(T, y), tp_shape(5, 4), NULL, NULL),
                                tp_max_pool2d(T, tp_abs(T, both[0]), tp_shape(2, 3), NULL, NULL)));
    for (size_t i = 0; i < LENGTH(list); i++)
        tp_module_free(list[i]);
    tp_module_free(back);
    tp_tape_free(T);
}
END_TEST

START_TEST(printed)
{
    tp_tape *T = tp_tape_new();
    const tp_pool_options ceil = {.ceil_mode = true, .stride = {2, 2}, .padding = {1, 1}};
    ck_printed(tp_nn_max_pool2d(T, tp_shape(3), &ceil),
               "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=True)");
    ck_printed(tp_nn_max_pool2d(T, tp_shape(3, 2), &ceil),
               "MaxPool2d(kernel_size=(3, 2), stride=(2, 2), padding=(1, 1), dilation=1, ceil_mode=True)");
    ck_printed(tp_nn_avg_pool1d(T, tp_shape(3), NULL), "AvgPool1d(kernel_size=(3,), stride=(3,), padding=(0,))");
    ck_printed(tp_nn_avg_pool2d(T, tp_shape(2), NULL), "AvgPool2d(kernel_size=2, stride=2, padding=0)");
    ck_printed(tp_nn_lp_pool2d(T, 1.5, tp_shape(2), NULL),
               "LPPool2d(norm_type=1.5, kernel_size=2, stride=None, ceil_mode=False)");
    ck_printed(tp_nn_max_unpool2d(T, tp_shape(2), NULL),
               "MaxUnpool2d(kernel_size=(2, 2), stride=(2, 2), padding=(0, 0))");
    ck_printed(tp_nn_adaptive_avg_pool2d(T, tp_shape(3, -1)), "AdaptiveAvgPool2d(output_size=(3, None))");
    ck_printed(tp_nn_adaptive_max_pool3d(T, tp_shape(3)), "AdaptiveMaxPool3d(output_size=3)");
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *t = tcase_create("pool");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, by_the_definition, 0, (int)LENGTH(cases));
    tcase_add_loop_test(t, gradients, 0, (int)LENGTH(cases));
    tcase_add_loop_test(t, threads, 0, 6);
    tcase_add_loop_test(t, takes_little_memory, 0, 6);
    tcase_add_test(t, edges);
    tcase_add_test(t, refused);
    tcase_add_test(t, layers);
    tcase_add_test(t, printed);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
