/* test_winograd.c - convolutions of planes by 3 x 3 weights as Winograd's algorithm makes them, beside float64 and beside what
 * is made where it is turned off: errors, what is left to others, threads, sums onto a gradient. */
#include "support/support.h"

#ifdef _OPENMP
#include <omp.h>
#endif

typedef struct {
    int64_t n, groups, in, out; /* channels of a group */
    int64_t rows, columns, pad[2];
} geometry;

/* One tile an image and many; ends of tiles, of vectors of channels and of panels; more channels than a job takes. */
static const geometry cases[] = {
    {64, 1, 64, 64, 4, 4, {1, 1}},    {3, 1, 32, 48, 14, 14, {1, 1}}, {2, 1, 17, 33, 29, 31, {0, 0}},
    {2, 2, 24, 20, 30, 17, {1, 0}},   {9, 1, 18, 20, 13, 12, {2, 2}}, {2, 1, 40, 130, 25, 26, {5, 0}},
    {1, 1, 20, 24, 7, 800, {0, 3}},   {1, 1, 18, 24, 300, 9, {1, 4}}, {6, 1, 140, 130, 20, 20, {1, 1}},
    {40, 1, 300, 40, 7, 7, {1, 1}},   {3, 3, 19, 70, 24, 24, {0, 1}}, {20, 1, 1000, 17, 8, 8, {1, 1}},
    {100, 1, 128, 256, 5, 4, {1, 1}},
};

typedef struct {
    tp_tensor *y, *x, *w; /* results; gradients by a cotangent that is given */
} passes;

static tp_dims x_shape(const geometry *g) { return tp_shape(g->n, g->groups * g->in, g->rows, g->columns); }
static tp_dims w_shape(const geometry *g) { return tp_shape(g->groups * g->out, g->in, 3, 3); }
static tp_dims y_shape(const geometry *g)
{
    return tp_shape(g->n, g->groups * g->out, g->rows + 2 * g->pad[0] - 2, g->columns + 2 * g->pad[1] - 2);
}

/* With a bias, which is all 1. */
static passes run(tp_tape *T, const geometry *g, tp_dtype dtype, tp_tensor *x, tp_tensor *w, tp_tensor *cotangent)
{
    passes p;
    tp_tensor *in[2] = {tp_requires_grad(tp_clone(T, tp_to(T, x, dtype)), true),
                        tp_requires_grad(tp_clone(T, tp_to(T, w, dtype)), true)};
    tp_tensor *grads[2] = {NULL, NULL}, *c = tp_to(T, cotangent, dtype);
    tp_conv_options o = {.padding = {g->pad[0], g->pad[1]}, .groups = g->groups};
    p.y = tp_conv2d(T, in[0], in[1], tp_ones(T, dtype, tp_shape(g->groups * g->out)), &o);
    tp_gradients(T, 1, &p.y, 2, in, grads, &(tp_gradients_options){.grad_outputs = &c});
    p.x = grads[0];
    p.w = grads[1];
    ck_no_error(T);
    return p;
}

/* Without the algorithm. */
static passes run_plain(tp_tape *T, const geometry *g, tp_tensor *x, tp_tensor *w, tp_tensor *c)
{
    ck_assert(tp_tape_use_winograd(T, false));
    passes p = run(T, g, TP_F32, x, w, c);
    ck_assert(!tp_tape_use_winograd(T, true));
    return p;
}

/* The largest |error| beside |value| and the root of the mean of their squares. */
static double error_of(tp_tape *T, tp_tensor *got, tp_tensor *want)
{
    const double *a = tp_data(tp_contiguous(T, tp_to(T, got, TP_F64))), *b = tp_data(tp_contiguous(T, want));
    double squares = 0, most = 0;
    for (int64_t i = 0; i < tp_numel(want); i++)
        squares += b[i] * b[i];
    double rms = sqrt(squares / (double)tp_numel(want));
    for (int64_t i = 0; i < tp_numel(want); i++) {
        double e = fabs(a[i] - b[i]) / (fabs(b[i]) + rms);
        most = e <= most ? most : e; /* NaN stays */
    }
    return most;
}

static void check_errors(const passes *got, const passes *want, tp_tape *T, double bound)
{
    double e[3] = {error_of(T, got->y, want->y), error_of(T, got->x, want->x), error_of(T, got->w, want->w)};
    ck_assert_msg(e[0] <= bound && e[1] <= bound && e[2] <= bound, "errors are %g, %g, %g; %g is allowed", e[0], e[1],
                  e[2], bound);
}

static bool same(const passes *a, const passes *b)
{
    return tensors_identical(a->y, b->y) && tensors_identical(a->x, b->x) && tensors_identical(a->w, b->w);
}
static bool none_same(const passes *a, const passes *b)
{
    return !tensors_identical(a->y, b->y) && !tensors_identical(a->x, b->x) && !tensors_identical(a->w, b->w);
}

/* A scale for each image, which are of their own; and zeros as a relu leaves them. */
START_TEST(errors)
{
    const geometry *g = &cases[_i];
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 3);
    for (int kind = 0; kind < 3; kind++) {
        tp_tensor *x = tp_randn(T, TP_F32, x_shape(g)), *w = tp_randn(T, TP_F32, w_shape(g));
        tp_tensor *c = tp_randn(T, TP_F32, y_shape(g));
        if (kind == 1)
            x = tp_relu(T, x);
        if (kind == 2) {
            x = tp_mul_scalar(T, x, 1e9);
            c = tp_mul_scalar(T, c, 1e-12);
        }
        passes exact = run(T, g, TP_F64, x, w, c), fast = run(T, g, TP_F32, x, w, c), plain = run_plain(T, g, x, w, c);
        ck_assert_msg(none_same(&fast, &plain), "it was not used");
        check_errors(&plain, &exact, T, 5e-6);
        check_errors(&fast, &exact, T, 3e-5);
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* One pixel that is as large as it may be beside the others, one weight that is much larger; what is larger is left to others. */
START_TEST(spread)
{
    const geometry g = {8, 1, 32, 48, 30, 30, {1, 1}};
    tp_tape *T = tp_tape_new();
    const double large[] = {100, 1e4, 1e30, -1e30, 1e-30, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < LENGTH(large); i++)
        for (int where = 0; where < 3; where++) {
            tp_tensor *in[3] = {tp_randn(T, TP_F32, x_shape(&g)), tp_randn(T, TP_F32, w_shape(&g)),
                                tp_randn(T, TP_F32, y_shape(&g))};
            float *at = tp_data(in[where]);
            if (large[i] == 1e-30)
                in[where] = tp_mul_scalar(T, in[where], where == 1 ? 1e-33 : 1e-30);
            else
                at[tp_numel(in[where]) / 2 + 3] = (float)large[i];
            passes fast = run(T, &g, TP_F32, in[0], in[1], in[2]), plain = run_plain(T, &g, in[0], in[1], in[2]);
            bool of[3] = {where != 2, where != 0, where != 1}; /* passes that see it */
            bool refused = i > (where == 1 ? 1 : 0);
            tp_tensor *a[3] = {fast.y, fast.x, fast.w}, *b[3] = {plain.y, plain.x, plain.w};
            for (int k = 0; k < 3; k++)
                ck_assert_msg(tensors_identical(a[k], b[k]) == (of[k] && refused), "%g in %d, pass %d", large[i], where,
                              k);
            if (!refused) {
                passes exact = run(T, &g, TP_F64, in[0], in[1], in[2]);
                check_errors(&fast, &exact, T, 5e-5);
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* Of nothing comes nothing, but for the bias. */
START_TEST(zeros)
{
    const geometry g = {8, 1, 32, 48, 30, 30, {1, 1}};
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, x_shape(&g)), *w = tp_randn(T, TP_F32, w_shape(&g)),
              *c = tp_zeros(T, TP_F32, y_shape(&g));
    passes p = run(T, &g, TP_F32, x, w, c);
    ck_assert(tensors_close(p.y, tp_ones(T, TP_F32, y_shape(&g)), 0, 0));
    ck_assert(tensors_close(p.x, x, 0, 0) && tensors_close(p.w, tp_zeros_like(T, w), 0, 0));
    tp_tape_free(T);
}
END_TEST

START_TEST(threads)
{
#ifdef _OPENMP
    const geometry *g = &cases[_i];
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_randn(T, TP_F32, x_shape(g)), *w = tp_randn(T, TP_F32, w_shape(g)),
              *c = tp_randn(T, TP_F32, y_shape(g));
    passes first = {NULL, NULL, NULL};
    for (int count = 1; count <= 4; count++) {
        omp_set_num_threads(count);
        passes p = run(T, g, TP_F32, x, w, c);
        first = count == 1 ? p : first;
        ck_assert_msg(same(&first, &p), "on %d threads", count);
    }
    tp_tape_free(T);
#endif
}
END_TEST

/* A second sweep adds its gradients to those of the first. */
START_TEST(accumulation)
{
    const geometry *g = &cases[_i];
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, x_shape(g)), true),
              *w = tp_requires_grad(tp_randn(T, TP_F32, w_shape(g)), true), *c = tp_randn(T, TP_F32, y_shape(g));
    tp_conv_options o = {.padding = {g->pad[0], g->pad[1]}, .groups = g->groups};
    tp_tensor *first[2] = {NULL, NULL};
    for (int k = 0; k < 2; k++) {
        tp_backward(T, tp_sum(T, tp_mul(T, tp_conv2d(T, x, w, NULL, &o), c)));
        ck_no_error(T);
        if (k == 0) {
            first[0] = tp_clone(T, tp_grad(x));
            first[1] = tp_clone(T, tp_grad(w));
        }
    }
    ck_assert(tensors_identical(tp_grad(x), tp_mul_scalar(T, first[0], 2)));
    ck_assert(tensors_identical(tp_grad(w), tp_mul_scalar(T, first[1], 2)));
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("winograd");
    TCase *t = tcase_create("winograd");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, errors, 0, (int)LENGTH(cases));
    tcase_add_test(t, spread);
    tcase_add_test(t, zeros);
    tcase_add_loop_test(t, threads, 0, (int)LENGTH(cases));
    tcase_add_loop_test(t, accumulation, 0, (int)LENGTH(cases));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
