/* test_reductions.c - reductions against their definition, element by element: random shapes, dtypes and dimensions, of
 * tensors that lie in memory in any way: turned, narrowed, stepped, expanded, overlapping, with NaN among them. */
#include "support/support.h"

#include <fenv.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

typedef enum { SUM, MEAN, PROD, AMAX, AMIN, ALL, ANY, NORM, KINDS } kind;
static const char *const names[KINDS] = {"sum", "mean", "prod", "amax", "amin", "all", "any", "norm"};

/* ---- numbers to choose by, the same in each run --------------------------------------------------------------- */

static uint64_t state;
static int64_t below(int64_t n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((state >> 33) % (uint64_t)n);
}

/* Sizes at both sides of where the kernels change their ways. */
static int64_t some_size(int64_t most)
{
    static const int64_t sizes[] = {1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 64, 65, 127, 129, 260, 513, 4100, 33000};
    int64_t n = 0;
    while (n < (int64_t)LENGTH(sizes) && sizes[n] <= most)
        n++;
    return below(60) == 0 ? 0 : sizes[below(n)];
}

/* Whole numbers, so that sums are exact in whatever order. */
static tp_tensor *dense(tp_tape *T, tp_dtype dtype, bool nan)
{
    tp_dims shape = {.ndim = (int)below(5)};
    int64_t most = 40000;
    for (int d = 0; d < shape.ndim; d++) {
        shape.dim[d] = some_size(most);
        most /= shape.dim[d] > 0 ? shape.dim[d] : 1;
    }
    int64_t low = dtype == TP_U8 || dtype == TP_BOOL ? 0 : -2, high = dtype == TP_BOOL ? 2 : 4;
    tp_tensor *x = tp_to(T, tp_randint(T, TP_I64, shape, low, high), dtype);
    if (nan && tp_dtype_is_float(dtype) && tp_numel(x) > 0)
        for (int k = 0; k < 3; k++) {
            tp_tensor *flat = tp_view(T, x, tp_shape(-1));
            tp_fill_(T, tp_narrow(T, flat, 0, below(tp_numel(x)), 1), NAN);
        }
    return x;
}

/* The same in another way of lying. */
static tp_tensor *moved(tp_tape *T, tp_tensor *x)
{
    int n = tp_ndim(x), dim = n ? (int)below(n) : 0;
    int64_t size = n ? tp_size(x, dim) : 1;
    switch (n ? below(6) : 0) {
    case 0:
        return x;
    case 1:
        return tp_transpose(T, x, dim, (int)below(n));
    case 2:
        return tp_narrow(T, x, dim, size / 3, size - size / 3);
    case 3:
        return size > 1 ? tp_slice(T, x, dim, 0, size, 2) : x;
    case 4:
        return n < 5 && size > 3 && tp_numel(x) < 20000 ? tp_unfold(T, x, dim, 3, 1) : x;
    default: {
        tp_tensor *y = n < 5 && tp_numel(x) < 20000 ? tp_unsqueeze(T, x, dim) : NULL;
        if (y == NULL)
            return x;
        tp_dims shape = tp_shape_of(y);
        shape.dim[dim] = 3;
        return tp_expand(T, y, shape);
    }
    }
}

/* ---- the definition --------------------------------------------------------------------------------------------- */

static double start_of(kind k) { return k == PROD || k == ALL ? 1 : k == AMAX ? -INFINITY : k == AMIN ? INFINITY : 0; }

static double taken_in(kind k, double a, double x)
{
    switch (k) {
    case PROD:
        return a * x;
    case AMAX:
        return a != a || x != x ? NAN : fmax(a, x);
    case AMIN:
        return a != a || x != x ? NAN : fmin(a, x);
    case ALL:
        return a != 0 && x != 0;
    case ANY:
        return a != 0 || x != 0;
    case NORM:
        return a + x * x;
    default:
        return a + x;
    }
}

static double *by_definition(kind k, const tp_tensor *x, uint32_t mask, int64_t results)
{
    double *y = malloc((size_t)(results + 1) * sizeof *y);
    int64_t count = 1;
    for (int64_t i = 0; i < results; i++)
        y[i] = start_of(k);
    for (int d = 0; d < tp_ndim(x); d++)
        count *= (mask >> d) & 1u ? tp_size(x, d) : 1;
    for (int64_t i = 0; i < tp_numel(x); i++) {
        int64_t at = 0, step = 1, left = i;
        for (int d = tp_ndim(x) - 1; d >= 0; left /= tp_size(x, d--))
            if (!((mask >> d) & 1u)) {
                at += left % tp_size(x, d) * step;
                step *= tp_size(x, d);
            }
        y[at] = taken_in(k, y[at], tp_item_at(x, i));
    }
    for (int64_t i = 0; i < results; i++)
        y[i] = k == MEAN ? y[i] / (double)count : k == NORM ? sqrt(y[i]) : y[i];
    return y;
}

static tp_tensor *computed(tp_tape *T, kind k, tp_tensor *x, int n, const int *dims)
{
    switch (k) {
    case SUM:
        return tp_sum_dims(T, x, n, dims, false);
    case MEAN:
        return tp_mean_dims(T, x, n, dims, false);
    case PROD:
        return tp_prod_dim(T, x, dims[0], false);
    case AMAX:
        return tp_amax(T, x, n, dims, false);
    case AMIN:
        return tp_amin(T, x, n, dims, false);
    case ALL:
        return tp_all_dim(T, x, dims[0], false);
    case ANY:
        return tp_any_dim(T, x, dims[0], false);
    default:
        return tp_linalg_vector_norm(T, x, 2, n, dims, false);
    }
}

static bool same(double a, double b, double rtol, double atol)
{
    return (a != a && b != b) || a == b || fabs(a - b) <= rtol * fabs(b) + atol;
}

/* Does this kind reduce such a tensor over these dimensions? */
static bool allowed(kind k, const tp_tensor *x, int64_t count)
{
    return ((k != MEAN && k != NORM) || tp_dtype_is_float(tp_dtype_of(x))) && ((k != AMAX && k != AMIN) || count > 0);
}

static void compare(tp_tape *T, kind k, tp_tensor *x)
{
    int dims[TP_MAX_DIMS], n = 0, ndim = tp_ndim(x);
    uint32_t mask = 0;
    int64_t count = 1, results = 1;
    bool one = k == PROD || k == ALL || k == ANY;
    for (int d = 0, only = ndim ? (int)below(ndim) : 0; d < ndim; d++)
        if (one ? d == only : below(2) || (d == ndim - 1 && n == 0)) {
            dims[n++] = d;
            mask |= 1u << d;
        }
    for (int d = 0; d < ndim; d++)
        *((mask >> d) & 1u ? &count : &results) *= tp_size(x, d);
    if (ndim == 0)
        dims[0] = 0;
    if (!allowed(k, x, count))
        return;
    tp_tensor *y = computed(T, k, x, n, dims);
    ck_no_error(T);
    ck_assert_int_eq(tp_numel(y), results);
    double *want = by_definition(k, x, mask, results);
    double rtol = tp_dtype_of(x) == TP_F32 ? 3e-7 : 1e-14;
    double atol = k == MEAN ? 3 * rtol : 0; /* means of means of elements up to 3, each rounded */
    for (int64_t i = 0; i < results; i++)
        ck_assert_msg(k == PROD && fabs(want[i]) > 1e15 ? true : same(tp_item_at(y, i), want[i], rtol, atol),
                      "%s of dtype %d, mask %x of %d dimensions: element %lld is %.17g, not %.17g", names[k],
                      (int)tp_dtype_of(x), mask, ndim, (long long)i, tp_item_at(y, i), want[i]);
    free(want);
}

START_TEST(any_layout)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_I64, TP_U8, TP_BOOL};
    tp_tape *T = tp_tape_new();
    state = (uint64_t)_i + 1;
    tp_manual_seed(T, (uint64_t)_i);
    for (int round = 0; round < 60; round++) {
        tp_tensor *x = dense(T, dtypes[below((int64_t)LENGTH(dtypes))], below(5) == 0);
        for (int64_t k = below(4); k > 0; k--)
            x = moved(T, x);
        ck_no_error(T);
        for (int k = 0; k < KINDS; k++)
            compare(T, (kind)k, x);
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}
END_TEST

/* Lengths around each bound of the kernels, as a row, as columns and turned. */
START_TEST(long_ones)
{
    static const int64_t lengths[] = {4095, 4097, 32768, 32769, 600001};
    tp_tape *T = tp_tape_new();
    for (size_t i = 0; i < LENGTH(lengths); i++)
        for (int64_t width = 1; width <= 9; width += 4) {
            tp_tensor *x = tp_to(T, tp_randint(T, TP_I64, tp_shape(lengths[i], width), -3, 4), TP_F32);
            compare(T, SUM, x);
            compare(T, SUM, tp_t(T, x));
            compare(T, AMAX, tp_slice(T, tp_t(T, x), 1, 0, lengths[i], 3));
            compare(T, NORM, tp_expand(T, tp_narrow(T, x, 1, 0, 1), tp_shape(lengths[i], 2)));
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* Threads change no bit, however the elements lie, of a sum whose neighbour is not finite, either. */
START_TEST(same_bits)
{
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 3);
    tp_tensor *flat = tp_randn(T, TP_F32, tp_shape(1200000));
    static const int64_t shapes[][2] = {{1200000, 1}, {240000, 5}, {150000, 8}, {1000, 1200}, {5, 240000}};
    for (size_t i = 0; i < LENGTH(shapes); i++)
        for (int k = 0; k < 8; k++) {
            ((float *)tp_data(flat))[777777] = k & 4 ? INFINITY : 1;
            tp_tensor *x = tp_reshape(T, flat, tp_shape(shapes[i][0], shapes[i][1]));
            x = k & 1 ? tp_t(T, x) : x;
            int dim = k >> 1 & 1;
            omp_set_num_threads(3);
            tp_tensor *many = tp_sum_dim(T, x, dim, false);
            omp_set_num_threads(1);
            tp_tensor *alone = tp_sum_dim(T, x, dim, false);
            ck_no_error(T);
            ck_assert(tensors_identical(many, alone));
        }
    tp_tape_free(T);
}
END_TEST

/* ---- the gradient of a product, and places of the largest: by definition -------------------------------------- */

/* The product of all but one, and of g. */
static double others(const tp_tensor *x, int64_t first, int64_t step, int64_t n, int64_t but, double g)
{
    long double product = (long double)g;
    for (int64_t i = 0; i < n; i++)
        product *= i == but ? 1 : (long double)tp_item_at(x, first + i * step);
    return tp_dtype_of(x) == TP_F32 ? (double)(float)product : (double)product;
}

static bool as_good_as(double a, double b, double rtol)
{
    return a == b || (a != a && b != b) || fabs(a - b) <= rtol * fabs(b);
}

static void set(tp_tensor *x, int64_t i, double v)
{
    if (tp_dtype_of(x) == TP_F32)
        ((float *)tp_data(x))[i] = (float)v;
    else
        ((double *)tp_data(x))[i] = v;
}

/* Numbers with zeros, infinities, NaN or such exponents among them that products leave the range on the way. */
static tp_tensor *factors(tp_tape *T, tp_dtype dtype, int64_t n, int64_t inner, int how)
{
    const double odd[] = {1, 0, -0.0, (double)INFINITY, (double)NAN};
    const double far = dtype == TP_F32 ? 0x1p100 : 0x1p900;
    tp_tensor *x = tp_empty(T, dtype, tp_shape(3, n, inner));
    for (int64_t i = 0; i < tp_numel(x); i++) {
        double v = (i % 3 ? 1 : -1) * (0.75 + 0.5 * (double)(i * 7919 % 101) / 101);
        set(x, i, how == 1 ? v * (i / inner % 2 ? far : 1 / far) : v);
    }
    for (int k = 0; how >= 2 && k < how - 1; k++) /* in the first and the last slice */
        for (int slice = 0; slice < 3; slice += 2)
            set(x, slice * n * inner + (k * 5 + 1) % n * inner, odd[(how + k) % 5]);
    return x;
}

START_TEST(products_of_others)
{
    static const int64_t shapes[][2] = {{1, 1},   {2, 1},     {7, 1}, {16, 1},  {40, 1},
                                        {777, 1}, {70000, 1}, {5, 3}, {600, 33}};
    tp_dtype dtype = _i % 2 ? TP_F32 : TP_F64;
    tp_tape *T = tp_tape_new();
    for (size_t s = 0; s < LENGTH(shapes); s++)
        for (int how = 0; how < 7; how++) {
            int64_t n = shapes[s][0], inner = shapes[s][1];
            tp_tensor *x = tp_requires_grad(factors(T, dtype, n, inner, how), true);
            tp_tensor *gx, *y = tp_mul_scalar(T, tp_sum(T, tp_prod_dim(T, x, 1, false)), -1.5);
            ck_assert(tp_gradients(T, 1, &y, 1, &x, &gx, NULL) == TP_OK);
            for (int64_t i = 0; i<tp_numel(x); i += n> 1000 ? 997 : 1) {
                int64_t slice = i / (n * inner), k = i / inner % n;
                double want = others(x, slice * n * inner + i % inner, inner, n, k, -1.5);
                ck_assert_msg(as_good_as(tp_item_at(gx, i), want, (double)n * (dtype == TP_F32 ? 1e-7 : 3e-16)),
                              "%lld %lld, %d: %g at %lld, not %g", (long long)n, (long long)inner, how,
                              tp_item_at(gx, i), (long long)i, want);
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* The first of the largest, and its gradient there; NaN is the largest, and zeros are equal. */
START_TEST(places_of_the_largest)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_I64, TP_U8, TP_BOOL};
    static const int64_t shapes[][2] = {{1, 1}, {2, 1}, {16, 1}, {65, 1}, {1000, 1}, {40000, 1}, {3, 2}, {130, 140}};
    tp_tape *T = tp_tape_new();
    for (size_t s = 0; s < LENGTH(shapes) * LENGTH(dtypes); s++)
        for (int how = 0; how < 4; how++) {
            int64_t n = shapes[s / LENGTH(dtypes)][0], inner = shapes[s / LENGTH(dtypes)][1];
            tp_tensor *x = tp_randint(T, TP_F64, tp_shape(2, n, inner), how & 1 ? -2 : -90, how & 1 ? 1 : 90), *at, *gx;
            for (int64_t i = 0; how >= 2 && i < tp_numel(x); i += 7)
                set(x, i, i % 2 ? (double)NAN : -0.0);
            tp_dtype dtype = dtypes[s % LENGTH(dtypes)];
            if (!tp_dtype_is_float(dtype)) /* which have no NaN */
                x = tp_to(T, tp_abs(T, tp_nan_to_num(T, x, NULL)), dtype);
            else
                x = tp_requires_grad(tp_detach(T, tp_to(T, x, dtype)), true);
            tp_tensor *y = how & 1 ? tp_max_dim(T, x, 1, false, &at) : tp_min_dim(T, x, 1, false, &at);
            ck_no_error(T);
            bool graded = tp_dtype_is_float(dtype);
            if (graded) {
                tp_tensor *sum = tp_sum(T, y);
                ck_assert(tp_gradients(T, 1, &sum, 1, &x, &gx, NULL) == TP_OK);
            }
            for (int64_t k = 0; k < 2 * inner; k++) {
                int64_t best = 0, first = k / inner * n * inner + k % inner;
                for (int64_t i = 1; i < n; i++) {
                    double v = tp_item_at(x, first + i * inner), top = tp_item_at(x, first + best * inner);
                    best = top == top && (v != v || (how & 1 ? v > top : v < top)) ? i : best;
                }
                double v = tp_item_at(y, k), want = tp_item_at(x, first + best * inner);
                ck_assert_int_eq((int64_t)tp_item_at(at, k), best);
                ck_assert(v != v ? want != want : v == want && signbit(v) == signbit(want));
                for (int64_t i = 0; graded && i < n; i++)
                    ck_assert(tp_item_at(gx, first + i * inner) == (i == best));
            }
            tp_tape_reset(T);
        }
    tp_tape_free(T);
}
END_TEST

/* What is not zero counts, also where an integer of it would be. */
START_TEST(truth_of_fractions)
{
    static const double values[] = {0.5, -0.25, 256, -256, 1e-30, 4294967296};
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        for (int d = 0; d < 2; d++)
            for (int64_t n = 1; n < 70; n += n < 40 ? 1 : 7) {
                tp_tape *tape = tp_tape_new();
                tp_tensor *x = tp_full(tape, d ? TP_F64 : TP_F32, tp_shape(n, 37), values[k]);
                for (int dim = 0; dim < 2; dim++) {
                    ck_assert(tp_item(tp_all(tape, tp_all_dim(tape, x, dim, false))) == 1);
                    ck_assert(tp_item(tp_all(tape, tp_any_dim(tape, x, dim, false))) == 1);
                }
                ck_assert(tp_item(tp_all(tape, x)) == 1 && tp_item(tp_any(tape, x)) == 1);
                ck_assert(tp_item(tp_any(tape, tp_mul_scalar(tape, x, 0))) == 0);
                tp_tape_free(tape);
            }
}
END_TEST

/* One that is no number, wherever in a row it is, is the largest and the smallest; beside it infinities count for nothing. */
START_TEST(no_number_anywhere)
{
    static const int64_t sizes[] = {1, 2, 7, 8, 9, 17, 40, 63, 64, 65, 72, 135, 200};
    tp_tape *tape = tp_tape_new();
    for (int d = 0; d < 2; d++)
        for (size_t s = 0; s < LENGTH(sizes); s++)
            for (int64_t at = -1; at < sizes[s]; at++) {
                const int64_t n = sizes[s];
                tp_tensor *x = tp_randn(tape, d ? TP_F64 : TP_F32, tp_shape(3, n)), *most = NULL;
                tp_tensor *row = tp_select(tape, x, 0, 1);
                tp_fill_(tape, tp_narrow(tape, row, 0, n / 2, 1), at % 2 ? INFINITY : -INFINITY);
                if (at >= 0)
                    tp_fill_(tape, tp_narrow(tape, row, 0, at, 1), at % 3 ? NAN : -NAN);
                tp_tensor *lows = tp_aminmax(tape, x, 1, (const int[]){1}, false, &most);
                tp_tensor *norms = tp_linalg_vector_norm(tape, x, INFINITY, 1, (const int[]){1}, false);
                double top = -INFINITY, low = INFINITY;
                for (int64_t i = 0; i < n; i++) {
                    top = fmax(top, tp_item_at(x, n + i));
                    low = fmin(low, tp_item_at(x, n + i));
                }
                double got[] = {tp_item_at(lows, 1), tp_item_at(most, 1), tp_item_at(norms, 1)};
                double want[] = {low, top, fmax(-low, top)};
                for (int k = 0; k < 3; k++)
                    ck_assert_msg(at >= 0 ? isnan(got[k]) : got[k] == want[k], "%d: %g of %lld, NaN at %lld", k, got[k],
                                  (long long)n, (long long)at);
                ck_assert(!isnan(tp_item_at(most, 0)) && !isnan(tp_item_at(most, 2)));
                ck_no_error(tape);
                tp_tape_reset(tape);
            }
    tp_tape_free(tape);
}
END_TEST

/* A product that float32 holds comes out whatever its parts are, and raises nothing: elements far from 1 among others, their
 * reciprocals at other places, so that the product is that of the others. */
START_TEST(products_in_range)
{
    static const float far[] = {0x1p100f, 0x1p-100f, 0x1p33f, 0x1p-32f, 0x1p126f, 0x1p-126f, 0x1p-140f};
    static const int64_t sizes[] = {40, 192, 200, 400, 1000, 5000};
    tp_tape *tape = tp_tape_new();
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (size_t k = 0; k < LENGTH(far); k++)
            for (int64_t first = 0; first + 4 < sizes[s]; first += 1 + sizes[s] / 7) {
                tp_tensor *x = tp_full(tape, TP_F32, tp_shape(2, sizes[s]), 1);
                float *v = (float *)tp_data(x) + sizes[s];
                for (int64_t i = 0; i < sizes[s]; i++)
                    v[i] = i % 2 ? 1.0625f : 1 / 1.0625f;
                float inverse = far[k] < 0x1p-126f ? 0x1p127f : 1 / far[k], product = far[k] * inverse;
                v[first] = v[first + 2] = far[k];
                v[sizes[s] - 1] = v[sizes[s] - 3] = inverse;
                double want = (double)product * (double)product;
                for (int64_t i = 0; i < sizes[s]; i++)
                    want *= i == first || i == first + 2 || i == sizes[s] - 1 || i == sizes[s] - 3 ? 1 : (double)v[i];
                feclearexcept(FE_ALL_EXCEPT);
                double got = tp_item_at(tp_prod_dim(tape, x, 1, false), 1);
                ck_assert(!fetestexcept(FE_OVERFLOW | FE_INVALID | FE_DIVBYZERO));
                ck_assert_msg(fabs(got - want) <= 1e-4 * want, "%g of %lld at %lld: %g, not %g", (double)far[k],
                              (long long)sizes[s], (long long)first, got, want);
                tp_tape_reset(tape);
            }
    tp_tape_free(tape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reductions");
    TCase *t = tcase_create("definition");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, any_layout, 0, 12);
    tcase_add_test(t, truth_of_fractions);
    tcase_add_test(t, long_ones);
    tcase_add_test(t, no_number_anywhere);
    tcase_add_test(t, products_in_range);
    tcase_add_test(t, same_bits);
    tcase_add_loop_test(t, products_of_others, 0, 2);
    tcase_add_test(t, places_of_the_largest);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
