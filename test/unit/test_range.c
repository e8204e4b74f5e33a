/* test_range.c - sums and squares that leave the range where the result does not: norms, means, deviations, layer
 * normalization, cosines and clipping (and slopes of losses), of elements scaled by a power of two. Scaling by one is exact, so what must come out is
 * what comes out of the unscaled, scaled; values and gradients, in both sweeps, however the tensor lies. */
#include "support/support.h"

#include <fenv.h>

typedef tp_tensor *(*function)(tp_tape *T, tp_tensor *x, const int *dims, int n);

/* clang-format off */
#define NORM(id, order)                                                                            \
    static tp_tensor *id(tp_tape *T, tp_tensor *x, const int *dims, int n)                         \
    { return tp_linalg_vector_norm(T, x, order, n, dims, false); }
NORM(norm_1, 1)
NORM(norm_2, 2)
NORM(norm_half, 0.5)
NORM(norm_3_halves, 1.5)
NORM(norm_3, 3)
NORM(norm_10, 10)
NORM(norm_100, 100)
NORM(norm_minus_1, -1)
NORM(norm_minus_3, -3)
NORM(norm_largest, INFINITY)
NORM(norm_smallest, -INFINITY)
/* clang-format on */

static tp_tensor *mean(tp_tape *T, tp_tensor *x, const int *dims, int n) { return tp_mean_dims(T, x, n, dims, false); }
static tp_tensor *std(tp_tape *T, tp_tensor *x, const int *dims, int n) { return tp_std(T, x, n, dims, 1, false); }
static tp_tensor *mean_beside_std(tp_tape *T, tp_tensor *x, const int *dims, int n)
{
    tp_tensor *m = NULL, *s = tp_std_mean(T, x, n, dims, 0, false, &m);
    return tp_add(T, s, m);
}
static tp_tensor *unit(tp_tape *T, tp_tensor *x, const int *dims, int n)
{
    return tp_div(T, x, tp_linalg_vector_norm(T, x, 2, n, dims, true));
}
static tp_tensor *layer_norm(tp_tape *T, tp_tensor *x, const int *dims, int n)
{
    (void)dims, (void)n;
    return tp_layer_norm(T, x, tp_shape(tp_size(x, -1)), NULL, NULL, 0);
}
static tp_tensor *layer_norm_weighted(tp_tape *T, tp_tensor *x, const int *dims, int n)
{
    (void)dims, (void)n;
    tp_tensor *w = tp_add_scalar(T, tp_arange(T, tp_dtype_of(x), 0, (double)tp_size(x, -1), 1), 0.5);
    return tp_layer_norm(T, x, tp_shape(tp_size(x, -1)), w, w, 0);
}
static tp_tensor *cosine(tp_tape *T, tp_tensor *x, const int *dims, int n)
{
    (void)n;
    tp_tensor *other = tp_flip(T, x, 1, (const int[]){dims[0]});
    return tp_cosine_similarity(T, x, tp_detach(T, other), dims[0], 0);
}
/* From the rows of x to half of them, each at distance 0 from itself. */
static tp_tensor *cdist(tp_tape *T, tp_tensor *x, double p)
{
    tp_tensor *rows = tp_flatten(T, x, 0, 1);
    return tp_cdist(T, rows, tp_narrow(T, rows, 0, 0, tp_size(rows, 0) / 2), p);
}
static tp_tensor *pdist(tp_tape *T, tp_tensor *x, double p) { return tp_pdist(T, tp_flatten(T, x, 0, 1), p); }

/* clang-format off */
#define DISTANCES(order, p)                                                                        \
    static tp_tensor *cdist_##order(tp_tape *T, tp_tensor *x, const int *dims, int n)              \
    { (void)dims; (void)n; return cdist(T, x, p); }                                                \
    static tp_tensor *pdist_##order(tp_tape *T, tp_tensor *x, const int *dims, int n)              \
    { (void)dims; (void)n; return pdist(T, x, p); }
DISTANCES(half, 0.5)
DISTANCES(1, 1)
DISTANCES(3_halves, 1.5)
DISTANCES(2, 2)
DISTANCES(3, 3)
DISTANCES(30, 30)
DISTANCES(largest, (double)INFINITY)
/* clang-format on */

static const struct {
    const char *name;
    function f;
    int degree; /* f(s x) = s^degree f(x) */
} functions[] = {
    {"norm of order 1", norm_1, 1},
    {"norm of order 2", norm_2, 1},
    {"norm of order 0.5", norm_half, 1},
    {"norm of order 1.5", norm_3_halves, 1},
    {"norm of order 3", norm_3, 1},
    {"norm of order 10", norm_10, 1},
    {"norm of order 100", norm_100, 1},
    {"norm of order -1", norm_minus_1, 1},
    {"norm of order -3", norm_minus_3, 1},
    {"largest", norm_largest, 1},
    {"smallest", norm_smallest, 1},
    {"mean", mean, 1},
    {"std", std, 1},
    {"std and mean", mean_beside_std, 1},
    {"unit vectors", unit, 0},
    {"layer_norm", layer_norm, 0},
    {"layer_norm with weights", layer_norm_weighted, 0},
    {"cosine_similarity", cosine, 0},
    {"pdist of order 0.5", pdist_half, 1},
    {"pdist of order 1", pdist_1, 1},
    {"pdist of order 1.5", pdist_3_halves, 1},
    {"pdist of order 2", pdist_2, 1},
    {"pdist of order 3", pdist_3, 1},
    {"pdist of order 30", pdist_30, 1},
    {"pdist of the largest", pdist_largest, 1},
    {"cdist of order 0.5", cdist_half, 1},
    {"cdist of order 1", cdist_1, 1},
    {"cdist of order 1.5", cdist_3_halves, 1},
    {"cdist of order 2", cdist_2, 1},
    {"cdist of order 3", cdist_3, 1},
    {"cdist of order 30", cdist_30, 1},
    {"cdist of the largest", cdist_largest, 1},
};

/* Over which dimensions: the last, the first, the middle, some that are no neighbours, all. */
static const struct {
    int n, dims[3];
} over[] = {{1, {2}}, {1, {0}}, {1, {1}}, {2, {0, 2}}, {3, {0, 1, 2}}};

/* [5, 4, 67] numbers times 2^exponent, all kinds of places in memory. */
static tp_tensor *numbers(tp_tape *T, tp_dtype dtype, int exponent, bool strided)
{
    tp_manual_seed(T, 3);
    tp_tensor *x = tp_add_scalar(T, tp_randn(T, TP_F32, tp_shape(5, 4, 67)), 0.3);
    x = tp_mul_scalar(T, tp_mul_scalar(T, tp_to(T, x, TP_F64), ldexp(1, exponent / 2)),
                      ldexp(1, exponent - exponent / 2));
    x = tp_to(T, x, dtype);
    if (strided)
        x = tp_transpose(T, tp_contiguous(T, tp_transpose(T, x, 0, 2)), 0, 2);
    return tp_requires_grad(tp_detach(T, x), true);
}

/* y, and the gradient of sum(w y) */
static void value_and_slope(tp_tape *T, const char *name, function f, tp_tensor *x, int way, bool create,
                            tp_tensor *out[2])
{
    out[0] = f(T, x, over[way].dims, over[way].n);
    tp_tensor *w = tp_add_scalar(
        T, tp_reshape(T, tp_arange(T, tp_dtype_of(x), 0, (double)tp_numel(out[0]), 1), tp_shape_of(out[0])), 1);
    w = tp_div_scalar(T, w, (double)tp_numel(w));
    tp_gradients_options o = {.grad_outputs = &w, .create_graph = create};
    ck_assert_msg(tp_gradients(T, 1, &out[0], 1, &x, &out[1], &o) == TP_OK, "%s: %s", name, tp_error(T));
}

/* The gradient of sum(w dy / dx), w being such that it scales as the slope of a function of degree 1 does: by 1 / s. */
static tp_tensor *curvature(tp_tape *T, const char *name, function f, tp_tensor *x, int way, int lift)
{
    tp_tensor *out[2],
        *curved = NULL,
        *w = tp_add_scalar(T, tp_sin(T, tp_reshape(T, tp_arange(T, TP_F64, 0, (double)tp_numel(x), 1), tp_shape_of(x))),
                           0.2);
    value_and_slope(T, name, f, x, way, true, out);
    w = tp_to(T, tp_ldexp(T, w, tp_scalar(T, TP_F64, lift)), tp_dtype_of(x));
    tp_gradients_options o = {.grad_outputs = &w, .allow_unused = true};
    if (!tp_needs_grad(out[1]))
        return NULL; /* straight */
    ck_assert_msg(tp_gradients(T, 1, &out[1], 1, &x, &curved, &o) == TP_OK, "%s: %s", name, tp_error(T));
    return curved;
}

static void expect_scaled(const char *name, const char *what, int exponent, const tp_tensor *got, const tp_tensor *want,
                          int power, double tolerance)
{
    double top = 0;
    for (int64_t i = 0; i < tp_numel(want); i++)
        top = fmax(top, fabs(tp_item_at(want, i)));
    for (int64_t i = 0; i < tp_numel(want); i++) {
        double w = ldexp(tp_item_at(want, i), power * exponent), g = tp_item_at(got, i);
        ck_assert_msg(fabs(g - w) <= tolerance * (fabs(w) + ldexp(top, power * exponent)),
                      "%s times 2^%d: %s %d is %g, %g is right", name, exponent, what, (int)i, g, w);
    }
}

static void expect_curvature(tp_tape *T, int which, int way, tp_dtype dtype, int exponent, bool strided,
                             double tolerance)
{
    const char *name = functions[which].name;
    int lift = functions[which].degree == 0 ? exponent : 0;
    tp_tensor *want = curvature(T, name, functions[which].f, numbers(T, TP_F64, 0, false), way, 0);
    tp_tensor *got = curvature(T, name, functions[which].f, numbers(T, dtype, exponent, strided), way, lift);
    ck_no_error(T);
    if (want || got)
        expect_scaled(name, "curvature", exponent, got, want, -1, tolerance);
}

static void try_scale(int which, tp_dtype dtype, int exponent)
{
    const char *name = functions[which].name;
    double tolerance = dtype == TP_F32 ? 1e-5 : 1e-12;
    for (int way = 0; way < (int)LENGTH(over); way++)
        for (int kind = 0; kind < 4; kind++) {
            tp_tape *T = tp_tape_new();
            bool strided = kind & 1, create = kind & 2;
            tp_tensor *want[2], *got[2];
            int degree = functions[which].degree;
            value_and_slope(T, name, functions[which].f, numbers(T, TP_F64, 0, false), way, false, want);
            value_and_slope(T, name, functions[which].f, numbers(T, dtype, exponent, strided), way, create, got);
            ck_no_error(T);
            expect_scaled(name, "value", exponent, got[0], want[0], degree, tolerance);
            expect_scaled(name, "slope", exponent, got[1], want[1], degree - 1, tolerance);
            if (create && functions[which].f != norm_100) /* 1 less a power of nearly 1, which cancels */
                expect_curvature(T, which, way, dtype, exponent, strided, 10 * tolerance);
            tp_tape_free(T);
        }
}

START_TEST(scales)
{
    static const int narrow[] = {0, 100, -100}, wide[] = {0, 1000, -990, 600, -600};
    for (size_t i = 0; i < LENGTH(narrow); i++)
        try_scale(_i, TP_F32, narrow[i]);
    for (size_t i = 0; i < LENGTH(wide); i++)
        try_scale(_i, TP_F64, wide[i]);
}
END_TEST

/* Gradients of the sum of the gradients of a cosine, by both of its vectors, times 2^e. */
static void sum_of_curvatures(tp_dtype dtype, int e, double out[6])
{
    const double numbers[2][3] = {{1, 2, -0.5}, {0.25, -1, 2}};
    tp_tape *T = tp_tape_new();
    tp_tensor *in[2], *g[2], *gg[2], *ones = tp_ones(T, dtype, tp_shape(3)), *w[2] = {ones, ones};
    for (int i = 0; i < 2; i++) {
        tp_tensor *x = tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(3), numbers[i]), ldexp(1, e));
        in[i] = tp_requires_grad(tp_detach(T, tp_to(T, x, dtype)), true);
    }
    tp_tensor *y = tp_cosine_similarity(T, in[0], in[1], 0, 0);
    tp_gradients(T, 1, &y, 2, in, g, &(tp_gradients_options){.create_graph = true});
    tp_gradients(T, 2, g, 2, in, gg, &(tp_gradients_options){.grad_outputs = w});
    ck_no_error(T);
    for (int i = 0; i < 6; i++)
        out[i] = tp_item_at(gg[i / 3], i % 3);
    tp_tape_free(T);
}

/* They fall with the square of the scale: infinite or 0, with their sign, where that is not a number. */
START_TEST(cosines_beyond_the_range)
{
    static const int exponents[2][6] = {{60, -40, -62, -66, -90, -118}, {800, -400, -511, -514, -800, -1010}};
    for (int wide = 0; wide < 2; wide++)
        for (size_t k = 0; k < LENGTH(exponents[0]); k++) {
            int e = exponents[wide][k];
            double want[6], got[6], close = wide ? 1e-12 : 1e-4, least = wide ? 1e-306 : 1e-36;
            sum_of_curvatures(wide ? TP_F64 : TP_F32, 0, want);
            sum_of_curvatures(wide ? TP_F64 : TP_F32, e, got);
            for (int i = 0; i < 6; i++) {
                double right = ldexp(want[i], -2 * e);
                right = wide ? right : (double)(float)right;
                ck_assert_msg(got[i] == right || fabs(got[i] - right) <= close * fabs(right) + least,
                              "times 2^%d: %g, %g is right", e, got[i], right);
            }
        }
}
END_TEST

/* The slope and a sum of curvatures by one side, times a scale, with gradients of this size from above. */
static void cosine_derivatives(tp_dtype dtype, double scale, double above, double out[6])
{
    static const double numbers[2][3] = {{4, 8, -2}, {1, -4, 8}};
    tp_tape *T = tp_tape_new();
    tp_tensor *x[2], *slope = NULL, *bend = NULL, *of_y = tp_full(T, dtype, tp_shape(), above),
                     *of_slope = tp_full(T, dtype, tp_shape(3), above);
    for (int i = 0; i < 2; i++)
        x[i] = tp_to(T, tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(3), numbers[i]), i ? 1 : scale), dtype);
    x[0] = tp_requires_grad(tp_detach(T, x[0]), true);
    tp_tensor *y = tp_cosine_similarity(T, x[0], x[1], 0, 0);
    tp_gradients(T, 1, &y, 1, x, &slope, &(tp_gradients_options){.grad_outputs = &of_y, .create_graph = true});
    tp_gradients(T, 1, &slope, 1, x, &bend, &(tp_gradients_options){.grad_outputs = &of_slope});
    ck_no_error(T);
    for (int i = 0; i < 3; i++) {
        out[i] = tp_item_at(slope, i);
        out[3 + i] = tp_item_at(bend, i);
    }
    tp_tape_free(T);
}

/* The same of vectors below the normal numbers, with gradients from above that bring it into the range. */
START_TEST(cosines_of_subnormal_vectors)
{
    for (int wide = 0; wide < 2; wide++) {
        double want[6], got[6], scale = ldexp(1, wide ? -1072 : -147), above = ldexp(1, wide ? -1000 : -110);
        cosine_derivatives(TP_F64, 1, 1, want);
        cosine_derivatives(wide ? TP_F64 : TP_F32, scale, above, got);
        for (int i = 0; i < 6; i++) {
            double right = i < 3 ? want[i] * above / scale : want[i] * above / scale * above / scale;
            ck_assert_msg(fabs(got[i] - right) <= 8 * (wide ? 0x1p-52 : 0x1p-23) * fabs(right),
                          "float%d, derivative %d: %.17g, %.17g is right", wide ? 64 : 32, i, got[i], right);
        }
    }
}
END_TEST

/* The curvature of norms, of which one element is nearly all: what it leaves of 1 is made of the others. */
enum { BESIDE = 5 };

/* (p - 1) / y |s_i|^(p-2) times the others' |s_j|^p, or - (p - 1) / y u_i u_k */
static long double curvature_of_norm(const tp_tensor *x, double order, int i, int k)
{
    long double p = (long double)order, sum = 0, others = 0, norm, s[BESIDE], power[BESIDE];
    for (int j = 0; j < BESIDE; j++)
        sum += powl(fabsl((long double)tp_item_at(x, j)), p);
    norm = powl(sum, 1 / p);
    for (int j = 0; j < BESIDE; j++) {
        s[j] = (long double)tp_item_at(x, j) / norm;
        power[j] = powl(fabsl(s[j]), p);
        others += j == i ? 0 : power[j];
    }
    return (p - 1) / norm * power[i] / s[i] * (i == k ? others / s[i] : -power[k] / s[k]);
}

static void norm_curvature(tp_dtype dtype, double p, double size, int k)
{
    static const double numbers[BESIDE] = {-3e-6, 1.25, 2e-5, 7e-4, -1e-5};
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(BESIDE), numbers), *g = NULL, *gg = NULL;
    x = tp_mul_scalar(T, p < 0 ? tp_reciprocal(T, x) : x, size); /* the smallest is nearly all, then */
    x = tp_requires_grad(tp_detach(T, tp_to(T, x, dtype)), true);
    tp_tensor *y = tp_linalg_vector_norm(T, x, p, 0, NULL, false);
    tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = true});
    tp_tensor *one = tp_select(T, g, 0, k);
    tp_gradients(T, 1, &one, 1, &x, &gg, NULL);
    ck_no_error(T);
    for (int i = 0; i < BESIDE; i++) {
        long double want = curvature_of_norm(x, p, i, k), least = dtype == TP_F32 ? 0x1p-126L : 0x1p-1022L;
        long double unit = fmaxl(fabsl(want), least) * (dtype == TP_F32 ? 0x1p-24L : 0x1p-53L);
        long double off = fabsl((long double)tp_item_at(gg, i) - want) / unit;
        ck_assert_msg(off <= 16, "%s, order %g, size %g, by %d and %d: %.17g, %.17Lg is right, %.3Lg units off",
                      tp_dtype_name(dtype), p, size, k, i, tp_item_at(gg, i), want, off);
    }
    tp_tape_free(T);
}

START_TEST(norms_beside_a_large_element)
{
    static const double orders[] = {2, 1.5, 3, 7, 0.75, -1}, sizes[] = {1, 0x1p40, 0x1p-60};
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (size_t o = 0; o < LENGTH(orders); o++)
            for (int e = 0; e < BESIDE * (int)LENGTH(sizes); e++)
                norm_curvature((tp_dtype)dtype, orders[o], sizes[e / BESIDE], e % BESIDE);
}
END_TEST

/* Sums whose parts overflow, not they themselves. */
START_TEST(sums_in_between)
{
    tp_tape *T = tp_tape_new();
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (int n = 4; n <= 400000; n *= 10) {
            double big = dtype == TP_F32 ? 3e38 : 1.7e308;
            tp_tensor *x = tp_full(T, (tp_dtype)dtype, tp_shape(n / 4, 4), big);
            ck_assert_double_eq_tol(tp_item(tp_mean(T, x)) / tp_item_at(x, 0), 1, 1e-12);
            ck_assert_double_eq_tol(tp_item_at(tp_mean_dim(T, x, 0, false), 1) / tp_item_at(x, 0), 1, 1e-12);
            tp_tensor *signs = tp_clone(T, x);
            tp_mul_scalar_(T, tp_slice(T, signs, 1, 2, 4, 1), -1); /* + + - - */
            ck_assert_double_eq(tp_item(tp_sum(T, signs)), 0);
            ck_assert_double_eq(tp_item_at(tp_sum_dim(T, signs, 1, false), 0), 0);
            tp_tensor *columns = tp_expand(T, tp_narrow(T, tp_mT(T, signs), 1, 0, 1), tp_shape(4, 100));
            tp_tensor *sums = tp_sum_dim(T, tp_contiguous(T, columns), 0, false);
            ck_assert_double_eq(tp_item(tp_amax(T, tp_abs(T, sums), 0, NULL, false)), 0);
            tp_tensor *nothing = tp_full(T, (tp_dtype)dtype, tp_shape(3), INFINITY);
            ck_assert_double_eq(tp_item(tp_mean(T, nothing)), (double)INFINITY);
            ck_assert(isnan(
                tp_item(tp_linalg_vector_norm(T, tp_full(T, (tp_dtype)dtype, tp_shape(3), NAN), 2, 0, NULL, false))));
            ck_assert_double_eq(tp_item(tp_linalg_vector_norm(T, nothing, 2, 0, NULL, false)), (double)INFINITY);
        }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* Gradients are clipped to a norm, however large or small they are. */
START_TEST(clipping)
{
    const int exponents[] = {0, 100, -100, 1000, -1000};
    for (size_t i = 0; i < LENGTH(exponents); i++) {
        tp_dtype dtype = abs(exponents[i]) < 128 ? TP_F32 : TP_F64;
        tp_tape *T = tp_tape_new();
        double unit = ldexp(1, exponents[i]);
        tp_tensor *w[2] = {tp_requires_grad(tp_keep(tp_ones(T, dtype, tp_shape(40))), true),
                           tp_requires_grad(tp_keep(tp_ones(T, dtype, tp_shape(60))), true)};
        tp_params *p = tp_params_of(T, 2, w);
        tp_backward(T, tp_sum(T, tp_mul_scalar(T, tp_add(T, tp_sum(T, w[0]), tp_sum(T, w[1])), unit)));
        double most = exponents[i] < 0 ? 1 : unit, norm = tp_params_clip_grad_norm(T, p, most);
        ck_assert_msg(fabs(norm / (10 * unit) - 1) < 1e-6, "the norm of 2^%d: %g", exponents[i], norm);
        double clipped = exponents[i] < 0 ? unit : unit / 10;
        ck_assert_msg(fabs(tp_item_at(tp_grad(w[1]), 7) / clipped - 1) < 1e-6, "clipped from 2^%d: %g, %g is right",
                      exponents[i], tp_item_at(tp_grad(w[1]), 7), clipped);
        ck_no_error(T);
        tp_params_free(p);
        tp_free(w[0]);
        tp_free(w[1]);
        tp_tape_free(T);
    }
}
END_TEST

/* Where a norm, a deviation or a distance is 0, so is the gradient, without a division by it. */
START_TEST(slopes_at_zero)
{
    tp_tape *T = tp_tape_new();
    const double orders[] = {2, 1, 3, 1.5, 0.5, INFINITY, 0};
    for (int k = 0; k < (int)LENGTH(orders) + 1; k++)
        for (int create = 0; create < 2; create++) {
            tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(3, 40)), true), *g = NULL;
            feclearexcept(FE_ALL_EXCEPT);
            tp_tensor *y = k < (int)LENGTH(orders) ? tp_linalg_vector_norm(T, x, orders[k], 1, (const int[]){1}, false)
                                                   : tp_std(T, x, 1, (const int[]){1}, 1, false);
            tp_tensor *sum = tp_sum(T, y);
            tp_gradients(T, 1, &sum, 1, &x, &g, &(tp_gradients_options){.create_graph = create});
            int raised = fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
            ck_no_error(T);
            ck_assert_msg(raised == 0, "order %d: %s raised", k, raised & FE_INVALID ? "invalid" : "division by zero");
            for (int64_t i = 0; i < tp_numel(x); i++)
                ck_assert_double_eq(tp_item_at(g, i), 0);
        }
    tp_tape_free(T);
}
END_TEST

/* The same of rows that are one point, in distances and of their gradients. */
START_TEST(rows_at_one_point)
{
    tp_tape *T = tp_tape_new();
    const double orders[] = {2, 1, 3, 1.5, 0.5, INFINITY, 0};
    for (int k = 0; k < 2 * (int)LENGTH(orders); k++)
        for (int create = 0; create < 2; create++) {
            tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(40, 3)), true), *g = NULL, *gg = NULL;
            double p = orders[k / 2];
            tp_tensor *y = k % 2 ? tp_pdist(T, x, p) : tp_cdist(T, x, tp_detach(T, x), p), *sum = tp_sum(T, y);
            tp_gradients(T, 1, &sum, 1, &x, &g, &(tp_gradients_options){.create_graph = create});
            ck_assert(tp_item(tp_all(T, tp_eq_scalar(T, y, 0))) == 1);
            ck_assert_msg(tp_item(tp_all(T, tp_eq_scalar(T, g, 0))) == 1, "order %g: a slope at distance 0", p);
            sum = tp_sum(T, tp_mul(T, g, x));
            if (create && tp_gradients(T, 1, &sum, 1, &x, &gg, NULL) == TP_OK)
                ck_assert_msg(tp_item(tp_all(T, tp_eq_scalar(T, gg, 0))) == 1, "order %g: a curvature at distance 0",
                              p);
            ck_no_error(T);
        }
    tp_tape_free(T);
}
END_TEST

/* ---- losses and sums of exponentials --------------------------------------------------------------------------- */

/* d/dx of a loss of logits, by the kernel and by operators. */
static void logit_slope(tp_tape *T, tp_dtype dtype, double x, double t, double want)
{
    for (int create = 0; create < 2; create++) {
        tp_tensor *logit = tp_requires_grad(tp_full(T, dtype, tp_shape(3), x), true), *g = NULL;
        tp_tensor *loss = tp_binary_cross_entropy_with_logits(T, logit, tp_full(T, dtype, tp_shape(3), t), TP_SUM);
        tp_gradients(T, 1, &loss, 1, &logit, &g, &(tp_gradients_options){.create_graph = create});
        ck_no_error(T);
        ck_assert(isfinite(tp_item(loss)));
        ck_assert_msg(fabs(tp_item_at(g, 1) - want) <= (dtype == TP_F32 ? 5e-7 : 1e-15) * fabs(want),
                      "logit %g, target %g: slope %.17g, %.17g is right", x, t, tp_item_at(g, 1), want);
    }
}

START_TEST(slopes_of_logits)
{
    tp_tape *T = tp_tape_new();
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (double x = dtype == TP_F32 ? -80 : -700; x <= 700 && (dtype == TP_F64 || x <= 80); x += 0.5) {
            double logit = dtype == TP_F32 ? (float)x : x;
            logit_slope(T, (tp_dtype)dtype, x, 1, -1 / (1 + exp(logit)));
            logit_slope(T, (tp_dtype)dtype, x, 0, 1 / (1 + exp(-logit)));
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* What is ignored counts for nothing, whatever its logits are. */
START_TEST(ignored_rows)
{
    tp_tape *T = tp_tape_new();
    double v[6] = {-INFINITY, 1, 2, 0, 1, 3}, w[3] = {1, 2, 3};
    int64_t to[2] = {-100, 1};
    tp_tensor *t = tp_from(T, TP_I64, tp_shape(2), to), *weight = tp_from(T, TP_F64, tp_shape(3), w);
    for (int kind = 0; kind < 3; kind++)
        for (int create = 0; create < 2; create++) {
            tp_class_loss_options o = {.weight = kind == 1 ? weight : NULL, .label_smoothing = kind == 2 ? 0.1 : 0};
            tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(2, 3), v), true), *g = NULL;
            tp_tensor *alone = tp_detach(T, tp_narrow(T, x, 0, 1, 1)), *loss = tp_cross_entropy(T, x, t, &o);
            tp_gradients(T, 1, &loss, 1, &x, &g, &(tp_gradients_options){.create_graph = create});
            ck_no_error(T);
            ck_assert_double_eq_tol(tp_item(loss), tp_item(tp_cross_entropy(T, alone, tp_narrow(T, t, 0, 1, 1), &o)),
                                    1e-14);
            for (int i = 0; i < 3; i++)
                ck_assert_double_eq(tp_item_at(g, i), 0);
            ck_assert(tp_item_at(g, 4) < -0.5);
        }
    tp_tape_free(T);
}
END_TEST

/* Elements of -infinity have no weight, and where there are no others no slope; of first and second order. */
START_TEST(nothing_to_add_up)
{
    tp_tape *T = tp_tape_new();
    double v[8] = {-INFINITY, -INFINITY, 1, 3, -INFINITY, -INFINITY, -INFINITY, -INFINITY}, e = exp(1) + exp(3);
    for (int running = 0; running < 2; running++)
        for (int create = 0; create < 2; create++)
            for (int dim = 0; dim < 2; dim++) {
                tp_tensor *x = tp_from(T, TP_F64, tp_shape(2, 4), v), *g = NULL, *gg = NULL;
                x = tp_requires_grad(tp_detach(T, dim ? x : tp_contiguous(T, tp_t(T, x))), true);
                tp_tensor *y = running ? tp_logcumsumexp(T, x, dim) : tp_logsumexp(T, x, 1, &dim, false);
                tp_tensor *finite = tp_sum(T, tp_where(T, tp_isinf(T, y), tp_zeros_like(T, y), y));
                tp_tensor *all[2] = {finite, y}, *w[2] = {tp_ones_like(T, finite), tp_ones_like(T, y)};
                tp_gradients_options o = {.create_graph = create, .grad_outputs = w};
                tp_gradients(T, running ? 1 : 2, all, 1, &x, &g, &o);
                ck_no_error(T);
                for (int i = 0; i < 8; i++) {
                    int column = dim ? i % 4 : i / 2, row = dim ? i / 4 : i % 2;
                    double share = row == 0 && column == 2 ? exp(1) / e : row == 0 && column == 3 ? exp(3) / e : 0;
                    double want = running ? share + (row == 0 && column == 2) : 2 * share;
                    ck_assert_msg(fabs(tp_item_at(g, i) - want) < 1e-14, "%d: slope %g, %g is right", i,
                                  tp_item_at(g, i), want);
                }
                tp_tensor *square = tp_sum(T, tp_square(T, g));
                if (create && tp_gradients(T, 1, &square, 1, &x, &gg, NULL) == TP_OK)
                    ck_assert(tp_item(tp_all(T, tp_isfinite(T, gg))) == 1);
                ck_no_error(T);
            }
    tp_tape_free(T);
}
END_TEST

/* ---- rows with elements of -infinity: what is left is as if they were not there ---- */

static tp_tensor *first_class(tp_tape *T, tp_tensor *x, int dim)
{
    tp_tensor *to = tp_zeros(T, TP_I64, tp_shape(tp_size(x, 1 - dim)));
    return tp_cross_entropy(T, dim ? x : tp_t(T, x), to, &(tp_class_loss_options){.reduction = TP_NONE});
}
static tp_tensor *log_sum(tp_tape *T, tp_tensor *x, int dim) { return tp_logsumexp(T, x, 1, &dim, false); }

static const struct {
    const char *name;
    tp_tensor *(*f)(tp_tape *T, tp_tensor *x, int dim);
    bool is_row;
    double at_nothing; /* its value where the element is -infinity */
} exponentials[] = {{"softmax", tp_softmax, true, 0},
                    {"log_softmax", tp_log_softmax, true, -(double)INFINITY},
                    {"logsumexp", log_sum, false, 0},
                    {"cross_entropy", first_class, false, 0}};

/* Beside +infinity what is finite has no slope, and infinity's is no number; beside NaN nothing is a number. */
START_TEST(sums_beside_infinity)
{
    const double inf = (double)INFINITY, no = (double)NAN;
    const double v[20] = {inf, 1, 2, 3, inf, inf, 0, -inf, no, inf, 1, 2, 4, no, 3, 1, 0, 0, 0, 0};
    const double sum[5] = {inf, inf, no, no, log(4)};
    const double slope[20] = {no, 0, 0, 0, no, no, 0, 0, no, no, no, no, no, no, no, no, 0.25, 0.25, 0.25, 0.25};
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 8; i++) { /* dtypes, dimensions, fused or of operators */
        int dim = i / 2 % 2;
        tp_tensor *x = tp_from(T, TP_F64, tp_shape(5, 4), v), *g;
        x = tp_to(T, dim ? x : tp_contiguous(T, tp_t(T, x)), i % 2 ? TP_F32 : TP_F64);
        x = tp_requires_grad(tp_detach(T, x), true);
        tp_tensor *y = log_sum(T, x, dim), *one = tp_ones_like(T, y);
        tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = i / 4, .grad_outputs = &one});
        ck_no_error(T);
        g = dim ? g : tp_t(T, g);
        for (int k = 0; k < 20; k++)
            ck_assert_msg(isnan(slope[k]) ? isnan(tp_item_at(g, k)) : fabs(tp_item_at(g, k) - slope[k]) < 1e-7,
                          "case %d: slope %d is %g, %g is right", i, k, tp_item_at(g, k), slope[k]);
        for (int k = 0; k < 5; k++) {
            double got = tp_item_at(y, k), want = sum[k];
            ck_assert_msg(isnan(want) ? isnan(got) : got == want || fabs(got - want) < 1e-6, "case %d: %g", i, got);
        }
    }
    tp_tape_free(T);
}
END_TEST

/* renorm leaves a row of NaN as it is, as one that is small enough: its slope is 1. */
START_TEST(renorm_beside_nan)
{
    const double v[6] = {(double)NAN, 1, 2, 0.3, 0.4, 0}, y[6] = {(double)NAN, 1, 2, 0.3, 0.4, 0};
    tp_tape *T = tp_tape_new();
    for (int create = 0; create < 2; create++) {
        tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(2, 3), v), true), *g;
        tp_tensor *scaled = tp_renorm(T, x, 2, 0, 1), *one = tp_ones_like(T, scaled);
        tp_gradients(T, 1, &scaled, 1, &x, &g, &(tp_gradients_options){.create_graph = create, .grad_outputs = &one});
        ck_no_error(T);
        for (int k = 0; k < 6; k++) {
            ck_assert(isnan(y[k]) ? isnan(tp_item_at(scaled, k)) : tp_item_at(scaled, k) == y[k]);
            ck_assert_double_eq(tp_item_at(g, k), 1);
        }
    }
    tp_tape_free(T);
}
END_TEST

enum { LEFT = 5 };

static tp_tensor *table(tp_tape *T, tp_dtype dtype, int dim, int n, const double *values)
{
    tp_tensor *t = tp_from(T, TP_F64, tp_shape(3, n), values);
    return tp_detach(T, tp_contiguous(T, tp_to(T, dim ? t : tp_t(T, t), dtype)));
}

/* Of 3 rows of LEFT numbers, those at `there` of n columns or, for dim = 0, rows, y = f(x), g = dy/dx and its derivative. The
 * rest of x is -infinity. */
static void three_orders(tp_tape *T, int which, tp_dtype dtype, int dim, int n, const int *there, bool create,
                         tp_tensor *out[3])
{
    double x[3 * 64], w[3 * 64], u[3 * 64] = {0};
    for (int i = 0; i < 3 * n; i++) {
        x[i] = -(double)INFINITY;
        w[i] = 0.7;
    }
    for (int r = 0; r < 3; r++)
        for (int k = 0; k < LEFT; k++) {
            x[r * n + there[k]] = r == 2 ? 90 * k : 1.5 * k * (r - 0.7) - k * k * 0.25; /* one row is steep */
            u[r * n + there[k]] = w[r * n + there[k]] = 0.3 + k * (0.5 - r * 0.125);
        }
    tp_tensor *t = table(T, dtype, dim, n, x), *v = table(T, dtype, dim, n, w), *down = table(T, dtype, dim, n, u);
    t = tp_requires_grad(t, true);
    out[0] = exponentials[which].f(T, t, dim);
    down = exponentials[which].is_row ? down : tp_ones_like(T, out[0]);
    tp_gradients(T, 1, &out[0], 1, &t, &out[1], &(tp_gradients_options){.grad_outputs = &down, .create_graph = create});
    if (create)
        tp_gradients(T, 1, &out[1], 1, &t, &out[2], &(tp_gradients_options){.grad_outputs = &v});
}

static void left_as_without(int which, tp_dtype dtype, int dim, int n, bool create)
{
    static const int all[LEFT] = {0, 1, 2, 3, 4};
    const int spread[LEFT] = {0, 2, n / 2, n - 4, n - 1};
    const char *const order[] = {"value", "slope", "curvature"};
    tp_tape *T = tp_tape_new();
    tp_tensor *want[3] = {NULL}, *got[3] = {NULL};
    three_orders(T, which, TP_F64, dim, LEFT, all, create, want);
    three_orders(T, which, dtype, dim, n, spread, create, got);
    ck_no_error(T);
    for (int k = 0; k < (create ? 3 : 2); k++) {
        bool rows = k > 0 || exponentials[which].is_row;
        double nothing = k == 0 ? exponentials[which].at_nothing : 0;
        for (int r = 0; r < 3; r++)
            for (int c = 0, left = 0; c < (rows ? n : 1); c++) {
                bool there = !rows || (left < LEFT && spread[left] == c);
                int from = there ? left++ : 0;
                double w = there ? tp_item_at(want[k], !rows ? r : dim ? r * LEFT + from : from * 3 + r) : nothing;
                double g = tp_item_at(got[k], !rows ? r : dim ? r * n + c : c * 3 + r);
                ck_assert_msg(g == w || fabs(g - w) <= (dtype == TP_F32 ? 2e-6 : 1e-14) * (1 + fabs(w)),
                              "%s, dim %d of %d: %s %d of row %d is %g, %g is right", exponentials[which].name, dim, n,
                              order[k], c, r, g, w);
            }
    }
    tp_tape_free(T);
}

START_TEST(elements_that_are_not_there)
{
    const int sizes[] = {9, 16, 61};
    for (int kind = 0; kind < 8; kind++)
        for (size_t i = 0; i < LENGTH(sizes); i++)
            left_as_without(_i, kind & 1 ? TP_F32 : TP_F64, kind >> 1 & 1, sizes[i], kind >> 2 & 1);
}
END_TEST

/* Where no element is there, as in torch: 0 / 0; and +infinity takes what there is, but in the logarithm of the sum. */
START_TEST(rows_without_elements)
{
    const double inf = (double)INFINITY, rows[2][2] = {{-inf, -inf}, {inf, 1}};
    for (int which = 0; which < (int)LENGTH(exponentials); which++)
        for (int kind = 0; kind < 8; kind++) {
            tp_tape *T = tp_tape_new();
            const double *row = rows[kind & 1];
            int dim = kind >> 1 & 1, n = kind >> 2 & 1 ? 2 : 40;
            tp_tensor *x = tp_full(T, TP_F64, dim ? tp_shape(3, n) : tp_shape(n, 3), row[1]);
            tp_fill_(T, tp_select(T, x, dim, n / 2), row[0]);
            tp_tensor *y = exponentials[which].f(T, x, dim);
            ck_no_error(T);
            for (int64_t i = 0; i < tp_numel(y); i++)
                ck_assert_msg(exponentials[which].f == log_sum ? tp_item_at(y, i) == row[0] : isnan(tp_item_at(y, i)),
                              "%s of %g and %g: %g", exponentials[which].name, row[0], row[1], tp_item_at(y, i));
            tp_tape_free(T);
        }
}
END_TEST

/* The cosine at any scale, of first and second order, where these are in the range; of it by one side, and by both. */
static tp_tensor *cosine_of_itself(tp_tape *T, tp_tensor *x)
{
    return tp_cosine_similarity(T, x, tp_mul_scalar(T, tp_flip(T, x, 1, (const int[]){1}), 0.5), 2, 0);
}
static tp_tensor *cosine_beside(tp_tape *T, tp_tensor *x)
{
    return tp_cosine_similarity(T, tp_detach(T, tp_roll(T, x, 1, (const int64_t[]){3}, (const int[]){1})), x, 1, 0);
}

static void cosine_curvature(tp_tape *T, int both, tp_dtype dtype, int exponent, tp_tensor *out[3])
{
    tp_tensor *x = numbers(T, dtype, exponent, false), *one;
    out[0] = both ? cosine_of_itself(T, x) : cosine_beside(T, x);
    one = tp_add_scalar(T, tp_sin(T, tp_reshape(T, tp_arange(T, dtype, 0, 1340, 1), tp_shape(5, 4, 67))), 0.125);
    tp_tensor *each = tp_ones_like(T, out[0]);
    tp_gradients(T, 1, &out[0], 1, &x, &out[1], &(tp_gradients_options){.grad_outputs = &each, .create_graph = true});
    tp_gradients(T, 1, &out[1], 1, &x, &out[2], &(tp_gradients_options){.grad_outputs = &one});
    ck_no_error(T);
}

START_TEST(cosines_at_any_scale)
{
    static const int narrow[] = {0, 50, 62, -50, -62}, wide[] = {0, 300, 500, -300, -500};
    const char *const order[] = {"value", "slope", "curvature"};
    for (int dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (size_t i = 0; i < LENGTH(narrow); i++)
            for (int both = 0; both < 2; both++) {
                tp_tape *T = tp_tape_new();
                int exponent = dtype == TP_F32 ? narrow[i] : wide[i];
                tp_tensor *want[3], *got[3];
                cosine_curvature(T, both, TP_F64, 0, want);
                cosine_curvature(T, both, (tp_dtype)dtype, exponent, got);
                for (int k = 0; k < 3; k++)
                    expect_scaled(both ? "cosine by both" : "cosine by one", order[k], exponent, got[k], want[k], -k,
                                  dtype == TP_F32 ? 2e-6 : 1e-14);
                tp_tape_free(T);
            }
}
END_TEST

static int lines_of(const tp_tape *T)
{
    FILE *f = tmpfile();
    int lines = 0;
    tp_tape_print(T, f);
    rewind(f);
    for (int c; (c = fgetc(f)) != EOF;)
        lines += c == '\n';
    fclose(f);
    return lines;
}

/* A norm is one operator, and leaves nothing behind. */
START_TEST(one_node)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(100, 100)), true);
    tp_linalg_vector_norm(T, x, 2, 0, NULL, false);
    tp_memory before = tp_tape_memory(T);
    int lines = lines_of(T);
    tp_linalg_vector_norm(T, x, 2, 0, NULL, false);
    tp_linalg_vector_norm(T, x, 2.5, 1, (const int[]){0}, false);
    ck_assert_int_eq(lines_of(T) - lines, 2);
    ck_assert_int_lt(tp_tape_memory(T).bytes_in_use - before.bytes_in_use, 4096);
    tp_tape_free(T);
}
END_TEST

/* Quantiles among infinite elements, and of ones whose difference is none: what lies at a whole rank is that element, and
 * between a number and infinity is infinity. Only between both infinities there is nothing. */
START_TEST(infinite_elements)
{
    const double inf = (double)INFINITY, nan = (double)NAN, most = 1.5e308;
    const struct {
        double x[3], at[5]; /* two or three elements in order, quantiles at 0, 1/4 ... 1 */
    } rows[] = {
        {{1, inf, nan}, {1, inf, inf, inf, inf}},
        {{-inf, 1, nan}, {-inf, -inf, -inf, -inf, 1}},
        {{-inf, inf, nan}, {-inf, nan, nan, nan, inf}},
        {{inf, inf, nan}, {inf, inf, inf, inf, inf}},
        {{-inf, -inf, nan}, {-inf, -inf, -inf, -inf, -inf}},
        {{-inf, 0, inf}, {-inf, -inf, 0, inf, inf}},
        {{-most, most, nan}, {-most, -most / 2, 0, most / 2, most}},
    };
    tp_tape *T = tp_tape_new();
    for (size_t i = 0; i < LENGTH(rows); i++)
        for (int k = 0; k < 10; k++) {
            bool three = !isnan(rows[i].x[2]), skips = k >= 5;
            double want = rows[i].at[k % 5];
            tp_tensor *x = tp_from(T, TP_F64, tp_shape(skips || three ? 3 : 2), rows[i].x);
            x = tp_requires_grad(x, true);
            tp_tensor *y = (skips ? tp_nanquantile_scalar : tp_quantile_scalar)(T, x, 0.25 * (k % 5), NULL);
            ck_assert(isnan(want) ? isnan(tp_item(y)) : tp_item(y) == want);
            ck_assert(tp_item(tp_nanmedian(T, x)) == (three ? rows[i].x[1] : rows[i].x[0]));
            tp_backward(T, y);
            ck_assert(three || tp_item_at(tp_grad(x), 1) == 0.25 * (k % 5)); /* each has its share */
            ck_assert(tp_item_at(tp_grad(x), 0) + tp_item_at(tp_grad(x), 1) + (three ? tp_item_at(tp_grad(x), 2) : 0) ==
                      1);
        }
    ck_assert_ptr_null(tp_error(T));
    tp_tape_free(T);
}
END_TEST

/* Rows made shorter have a gradient that depends on their direction alone, pairs at a distance, too: at any scale. */
START_TEST(distances_at_any_scale)
{
    const double a[4] = {3, -1, 2, 0.5}, b[4] = {1, 2, -2, 0.25},
                 factors[2][2] = {{0x1p110, 0x1p80}, {0x1p1000, 0x1p700}};
    for (int d = 0; d < 2; d++)
        for (int f = 0; f < 4; f++) {
            tp_tape *T = tp_tape_new();
            double value[3][4], slope[3][4];
            for (int k = 0; k < 3; k++) {
                double s = k ? factors[d][k - 1] : 0x1p60; /* beside which renorm's 1e-7 does not count */
                tp_dtype dtype = d ? TP_F64 : TP_F32;
                tp_tensor *x = tp_to(T, tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(2, 2), a), s), dtype);
                tp_tensor *y = tp_to(T, tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(2, 2), b), s), dtype), *z;
                x = tp_requires_grad(tp_detach(T, x), true);
                z = f < 2 ? tp_renorm(T, x, 2 + f, 0, s) : tp_pairwise_distance(T, x, y, f, 0, true);
                z = tp_expand(T, tp_mul_scalar(T, z, 1 / s), tp_shape(2, 2));
                tp_backward(T, tp_sum(T, tp_mul_scalar(T, z, s)));
                for (int i = 0; i < 4; i++) {
                    value[k][i] = tp_item_at(z, i);
                    slope[k][i] = tp_item_at(tp_grad(x), i);
                    ck_assert(fabs(value[k][i] - value[0][i]) <= 1e-5 * fabs(value[0][i]));
                    ck_assert(fabs(slope[k][i] - slope[0][i]) <= 1e-5 && fabs(slope[0][i]) > 1e-3);
                }
            }
            ck_assert_ptr_null(tp_error(T));
            tp_tape_free(T);
        }
}
END_TEST

/* The gradient of the weighted distances of order p from the rows of x to those of y, or with NULL to each other. */
static tp_tensor *pull(tp_tape *T, tp_tensor *x, tp_tensor *y, double p, tp_tensor *weight, bool by_operators)
{
    tp_tensor *d = y ? tp_cdist(T, x, y, p) : tp_pdist(T, x, p), *g[2] = {NULL, NULL};
    tp_tensor *sum = tp_sum(T, tp_mul(T, d, tp_to(T, weight, tp_dtype_of(x))));
    tp_gradients(T, 1, &sum, y ? 2 : 1, (tp_tensor *[]){x, y}, g,
                 &(tp_gradients_options){.create_graph = by_operators});
    return y ? tp_cat(T, 2, g, 0) : g[0];
}

static double furthest(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    return tp_item(tp_amax(T, tp_abs(T, tp_sub(T, a, b)), 0, NULL, false));
}

/* More rows than the kernels take at a time, and longer ones; a few weights, or none, of another magnitude, so that they
 * cannot be divided by the distance first. */
START_TEST(distances_of_many_rows)
{
    const double orders[] = {2, 1, INFINITY, 3};
    const int64_t n = 301, m = _i & 1 ? 270 : 0, pairs = m ? n * m : n * (n - 1) / 2;
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 5);
    tp_tensor *x[2], *weight = tp_randn(T, TP_F64, tp_shape(pairs));
    for (int k = 0; k < 2; k++)
        x[k] = tp_to(T, tp_randn(T, TP_F32, tp_shape(k ? m : n, 19)), TP_F64);
    if (_i & 2)
        weight = tp_where(T, tp_lt_scalar(T, tp_rand(T, TP_F64, tp_shape(pairs)), 0.0005),
                          tp_mul_scalar(T, weight, 0x1p-60), weight);
    weight = tp_keep(m ? tp_view(T, weight, tp_shape(n, m)) : weight);
    for (int k = 0; k < 2; k++)
        x[k] = tp_keep(x[k]);
    for (int k = 0; k < (int)LENGTH(orders); k++) {
        tp_tape_reset(T);
        tp_tensor *in[2][2] = {{NULL}}, *g[3];
        for (int f = 0; f < 2; f++)
            for (int j = 0; j < (m ? 2 : 1); j++)
                in[f][j] = tp_requires_grad(tp_to(T, tp_detach(T, x[j]), f ? TP_F32 : TP_F64), true);
        for (int f = 0; f < 3; f++)
            g[f] = tp_to(T, tp_detach(T, pull(T, in[f == 2][0], in[f == 2][1], orders[k], weight, f == 0)), TP_F64);
        ck_no_error(T);
        double scale = tp_item(tp_amax(T, tp_abs(T, g[0]), 0, NULL, false));
        ck_assert_msg(furthest(T, g[0], g[1]) <= 1e-13 * scale, "order %g, float64: %g of %g", orders[k],
                      furthest(T, g[0], g[1]), scale);
        ck_assert_msg(furthest(T, g[0], g[2]) <= 1e-5 * scale, "order %g, float32: %g of %g", orders[k],
                      furthest(T, g[0], g[2]), scale);
    }
    tp_free(weight);
    for (int k = 0; k < 2; k++)
        tp_free(x[k]);
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("range");
    TCase *t = tcase_create("scales");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, scales, 0, (int)LENGTH(functions));
    tcase_add_test(t, cosines_beyond_the_range);
    tcase_add_test(t, cosines_of_subnormal_vectors);
    tcase_add_test(t, norms_beside_a_large_element);
    tcase_add_test(t, sums_in_between);
    tcase_add_test(t, clipping);
    tcase_add_test(t, slopes_at_zero);
    tcase_add_test(t, rows_at_one_point);
    tcase_add_test(t, one_node);
    tcase_add_test(t, slopes_of_logits);
    tcase_add_test(t, ignored_rows);
    tcase_add_test(t, nothing_to_add_up);
    tcase_add_test(t, sums_beside_infinity);
    tcase_add_test(t, renorm_beside_nan);
    tcase_add_loop_test(t, elements_that_are_not_there, 0, (int)LENGTH(exponentials));
    tcase_add_test(t, rows_without_elements);
    tcase_add_test(t, cosines_at_any_scale);
    tcase_add_test(t, infinite_elements);
    tcase_add_test(t, distances_at_any_scale);
    tcase_add_loop_test(t, distances_of_many_rows, 0, 4);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
