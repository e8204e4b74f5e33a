/* test_elements.c - where a C double becomes an element: what wraps, what is refused, what is exact. The values are
 * PyTorch's. */
#include "kernel/kernel.h"
#include "support/support.h"

#include <string.h>

enum { PLANE = 40000 };

static tp_tape *T;

static void setup(void) { T = tp_tape_new(); }
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *i32(void) { return tp_from(T, TP_I32, tp_shape(2), (const int32_t[]){1, 2}); }
static tp_tensor *u8(void) { return tp_from(T, TP_U8, tp_shape(2), (const uint8_t[]){1, 2}); }
static tp_tensor *ends(void) { return tp_from(T, TP_I64, tp_shape(2), (const int64_t[]){INT64_MIN, INT64_MAX}); }
static tp_tensor *mask(void) { return tp_from(T, TP_BOOL, tp_shape(2), (const bool[]){true, false}); }
static tp_tensor *first(void) { return tp_zeros(T, TP_I64, tp_shape(1)); }

static void expect(tp_tensor *x, tp_dtype dtype, int64_t a, int64_t b)
{
    int64_t v[2] = {0};
    ck_no_error(T);
    ck_assert_int_eq(tp_dtype_of(x), dtype);
    ck_assert(tp_tolist(x, TP_I64, 2, v));
    ck_assert_int_eq(v[0], a);
    ck_assert_int_eq(v[1], b);
}

START_TEST(arithmetic_wraps)
{
    expect(tp_add_scalar(T, i32(), 1e12), TP_I32, -727379967, -727379966);
    expect(tp_mul_scalar(T, i32(), 3e9), TP_I32, -1294967296, 1705032704);
    expect(tp_rsub_scalar(T, i32(), 1e12), TP_I32, -727379969, -727379970);
    expect(tp_add_scalar(T, u8(), 300), TP_U8, 45, 46);
    expect(tp_sub_scalar(T, u8(), 2), TP_U8, 255, 0);
    expect(tp_sub_scalar(T, u8(), 300), TP_U8, 213, 214);
    expect(tp_rsub_scalar(T, u8(), 300), TP_U8, 43, 42);
    expect(tp_mul_scalar(T, u8(), -1), TP_U8, 255, 254);
    expect(tp_mul_scalar(T, u8(), 1000), TP_U8, 232, 208);
    expect(tp_sub_scalar(T, ends(), -0x1p63), TP_I64, 0, -1);
    expect(tp_add_scalar(T, ends(), -0x1p63), TP_I64, 0, -1);
    expect(tp_rsub_scalar(T, ends(), -0x1p63), TP_I64, 0, 1);
    ck_assert_int_eq(tp_dtype_of(tp_add_scalar(T, i32(), 1e20)), TP_F32);
    ck_assert_int_eq(tp_dtype_of(tp_mul_scalar(T, i32(), (double)NAN)), TP_F32);
    ck_assert_int_eq(tp_dtype_of(tp_mul_scalar(T, i32(), INFINITY)), TP_F32);
    tp_tensor *x = i32();
    ck_assert_int_eq(tp_mul_scalar_(T, x, 3e9), TP_OK);
    expect(x, TP_I32, -1294967296, 1705032704);
    expect(tp_addcmul(T, u8(), u8(), u8(), -1), TP_U8, 0, 254);
    expect(tp_addcmul(T, i32(), i32(), i32(), 2.5), TP_I32, 3, 10);
    x = u8();
    ck_assert_int_eq(tp_add_(T, x, u8(), -1), TP_OK);
    expect(x, TP_U8, 0, 0);
}
END_TEST

/* -2^63 is an int64, and 2^63 is none: beside integers it counts as a float, wherever a number may stand. */
START_TEST(whole_numbers_end)
{
    tp_tensor *(*const with[])(tp_tape *, tp_tensor *, double) = {tp_add_scalar, tp_sub_scalar, tp_rsub_scalar,
                                                                  tp_mul_scalar, tp_pow_scalar};
    for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
        tp_tensor *y = with[i](T, ends(), 0x1p63);
        ck_assert_int_eq(tp_dtype_of(y), TP_F32);
        ck_assert_int_eq(tp_dtype_of(with[i](T, i32(), 0x1p63)), TP_F32);
        if (i < 4)
            ck_assert_int_eq(tp_dtype_of(with[i](T, ends(), -0x1p63)), TP_I64);
    }
    ck_assert(tp_item_at(tp_add_scalar(T, ends(), 0x1p63), 1) == 0x1p64);
    ck_assert(tp_item_at(tp_sub_scalar(T, ends(), 0x1p63), 0) == -0x1p64);
    tp_tensor *all = tp_ones(T, TP_BOOL, tp_shape(2));
    ck_assert_int_eq(tp_dtype_of(tp_where_scalar(T, all, ends(), 0x1p63)), TP_F32);
    ck_assert_int_eq(tp_dtype_of(tp_where_scalar(T, all, ends(), -0x1p63)), TP_I64);
    ck_assert_int_eq(tp_dtype_of(tp_add_scalar(T, all, 0x1p63)), TP_F32);
    ck_assert_int_eq(tp_dtype_of(tp_add_scalar(T, all, -0x1p63)), TP_I64);
    ck_assert_ptr_null(tp_error(T));
}
END_TEST

/* Numbers that are elements as they are, of each integer dtype; the last ones are not. */
static const struct {
    tp_dtype dtype;
    double value;
    int64_t element;
    bool refused;
} elements[] = {
    {TP_I32, 2147483647, 2147483647, false},
    {TP_I32, -2147483648.0, INT32_MIN, false},
    {TP_I32, -2.7, -2, false},
    {TP_I64, -0x1p63, INT64_MIN, false},
    {TP_I64, 0x1.fffffffffffffp62, INT64_C(9223372036854774784), false},
    {TP_U8, 255, 255, false},
    {TP_U8, 2.7, 2, false},
    {TP_U8, -1, 255, false},
    {TP_U8, -255, 1, false},
    {TP_BOOL, 300, 1, false},
    {TP_BOOL, (double)NAN, 1, false},
    {TP_BOOL, -0.0, 0, false},
    {TP_I32, 2147483648.0, 0, true},
    {TP_I32, 2147483647.5, 0, true},
    {TP_I32, -2147483649.0, 0, true},
    {TP_I32, (double)NAN, 0, true},
    {TP_I32, -INFINITY, 0, true},
    {TP_I64, 0x1p63, 0, true},
    {TP_I64, 1e300, 0, true},
    {TP_I64, (double)NAN, 0, true},
    {TP_U8, 256, 0, true},
    {TP_U8, 255.5, 0, true},
    {TP_U8, -256, 0, true},
    {TP_U8, -0.5, 0, true},
    {TP_U8, INFINITY, 0, true},
};

static void judge(tp_tensor *x, size_t i, const char *name)
{
    int64_t got = -7, flat[4] = {0};
    if (elements[i].refused) {
        ck_assert_msg(x == NULL, "%s takes %g", name, elements[i].value);
        ck_error(T, TP_EINVAL, name);
        return;
    }
    ck_no_error(T);
    ck_assert(tp_tolist(x, TP_I64, tp_numel(x), flat));
    got = flat[0];
    ck_assert_msg(got == elements[i].element, "%s of %g is %lld", name, elements[i].value, (long long)got);
}

START_TEST(elements_fit)
{
    size_t i = (size_t)_i;
    tp_dtype dtype = elements[i].dtype;
    double v = elements[i].value;
    tp_tensor *x = tp_zeros(T, dtype, tp_shape(2)), *strided = tp_select(T, tp_zeros(T, dtype, tp_shape(2, 2)), 1, 0);
    judge(tp_full(T, dtype, tp_shape(2), v), i, "full");
    judge(tp_full_like(T, x, v), i, "full_like");
    judge(tp_scalar(T, dtype, v), i, "scalar");
    judge(tp_masked_fill(T, x, mask(), v), i, "masked_fill");
    judge(tp_masked_fill_tensor(T, x, mask(), tp_scalar(T, TP_F64, v)), i, "masked_fill");
    judge(tp_index_fill(T, x, 0, first(), tp_scalar(T, TP_F64, v)), i, "index_fill");
    judge(tp_scatter_scalar(T, x, 0, first(), v, TP_SCATTER_PUT), i, "scatter");
    judge(tp_fill_diagonal(T, tp_zeros(T, dtype, tp_shape(2, 2)), v, false), i, "fill_diagonal");
    judge(tp_fill_(T, x, v) == TP_OK ? x : NULL, i, "fill_");
    judge(tp_fill_(T, strided, v) == TP_OK ? strided : NULL, i, "fill_");
    judge(tp_masked_fill_(T, x, mask(), v) == TP_OK ? x : NULL, i, "masked_fill");
    judge(tp_linspace(T, dtype, v, 0, 2), i, "linspace");
    if (elements[i].refused)
        judge(tp_logspace(T, dtype, 0, v, 3, 10), i, "logspace");
}
END_TEST

/* torch.clamp refuses bounds that the dtype does not hold; here they are none, as the mathematics has it. */
START_TEST(clamped)
{
    expect(tp_clamp(T, ends(), 0, INFINITY), TP_I64, 0, INT64_MAX);
    expect(tp_clamp(T, ends(), -INFINITY, 0x1p62), TP_I64, INT64_MIN, INT64_C(1) << 62);
    expect(tp_clamp(T, ends(), -INFINITY, INFINITY), TP_I64, INT64_MIN, INT64_MAX);
    expect(tp_clamp(T, ends(), -1e18, 1e300), TP_I64, INT64_C(-1000000000000000000), INT64_MAX);
    expect(tp_clamp(T, i32(), 2, 1e12), TP_I32, 2, 2);
    expect(tp_clamp(T, i32(), -1e12, 1), TP_I32, 1, 1);
    expect(tp_clamp(T, u8(), -5, 300), TP_U8, 1, 2);
    expect(tp_clamp(T, u8(), 300, 2), TP_U8, 2, 2);
    ck_assert_ptr_null(tp_clamp(T, u8(), 256, 300));
    ck_error(T, TP_EINVAL, "clamp");
    ck_assert_ptr_null(tp_clamp(T, u8(), -INFINITY, -1));
    ck_error(T, TP_EINVAL, "clamp");
    ck_assert_ptr_null(tp_clamp(T, ends(), INFINITY, INFINITY));
    ck_error(T, TP_EINVAL, "clamp");
    ck_assert_int_eq(tp_dtype_of(tp_clamp(T, i32(), 0.5, 2)), TP_F32);
    ck_assert(isnan(tp_item_at(tp_clamp(T, i32(), (double)NAN, 2), 0)));
}
END_TEST

START_TEST(factors_fit)
{
    tp_tensor *m = tp_ones(T, TP_I32, tp_shape(2, 2)), *x = i32();
    ck_assert_ptr_null(tp_pow_scalar(T, u8(), 300));
    ck_error(T, TP_EINVAL, "pow_scalar: the exponent is 300");
    ck_assert_ptr_null(tp_pow_scalar(T, i32(), 0x1p33));
    ck_error(T, TP_EINVAL, "pow");
    expect(tp_pow_scalar(T, u8(), 9), TP_U8, 1, 0);
    ck_assert_ptr_null(tp_addcmul(T, i32(), i32(), i32(), 1e12));
    ck_error(T, TP_EINVAL, "addcmul: the value is 1000000000000");
    ck_assert_ptr_null(tp_addmm(T, m, m, m, 1e12, 1));
    ck_error(T, TP_EINVAL, "addmm");
    ck_assert_ptr_null(tp_addmm(T, m, m, m, 1, (double)NAN));
    ck_error(T, TP_EINVAL, "addmm");
    ck_assert_ptr_null(tp_add_alpha(T, u8(), u8(), 300));
    ck_error(T, TP_EINVAL, "add_alpha: the factor is 300");
    expect(tp_sub_alpha(T, u8(), u8(), 1), TP_U8, 0, 0);
    ck_assert_ptr_null(tp_where_scalar(T, mask(), u8(), 300));
    ck_error(T, TP_EINVAL, "where_scalar: the number is 300");
    ck_assert_ptr_null(tp_one_hot(T, ends(), -1));
    ck_error(T, TP_EINDEX, "one_hot");
    ck_assert_ptr_null(tp_one_hot(T, tp_clamp(T, ends(), 0, INFINITY), -1));
    ck_error(T, TP_ENOMEM, "one_hot");
    ck_assert_int_eq(tp_add_(T, x, i32(), 1e12), TP_EINVAL);
    ck_error(T, TP_EINVAL, "add_");
    expect(x, TP_I32, 1, 2);
}
END_TEST

START_TEST(ranges)
{
    int64_t v[4] = {0};
    expect(tp_arange(T, TP_U8, -2, 0, 1), TP_U8, 254, 255);
    expect(tp_arange(T, TP_I32, 0, 0x1p32, 0x1p31), TP_I32, 0, INT32_MIN);
    expect(tp_arange(T, TP_I64, 0x1.fffffffffffffp62, 0x1.fffffffffffffp62 - 2048, -1024), TP_I64,
           INT64_C(9223372036854774784), INT64_C(9223372036854773760));
    expect(tp_arange(T, TP_I64, -0x1p63, 0x1p62, 0x1.8p62), TP_I64, INT64_MIN, -(INT64_C(1) << 61));
    ck_assert(tp_tolist(tp_arange(T, TP_I64, -0x1p63, 0x1.8p62, 0x1p62), TP_I64, 4, v));
    ck_assert_int_eq(v[3], INT64_C(1) << 62);
    ck_assert_int_eq(tp_numel(tp_arange(T, TP_I64, 0x1p60 - 1024, 0x1p60, 1)), 1024);
    ck_assert_ptr_null(tp_arange(T, TP_I64, 0, 1e20, 1e19));
    ck_error(T, TP_EINVAL, "arange: the bound is");
    ck_assert_ptr_null(tp_arange(T, TP_I32, 0, 3, 0.7));
    ck_error(T, TP_EINVAL, "step");
    ck_assert_ptr_null(tp_arange(T, TP_F32, 0, (double)NAN, 1));
    ck_error(T, TP_EINVAL, "finite");
    ck_assert_ptr_null(tp_arange(T, TP_F32, 0, 1, 1e-300));
    ck_error(T, TP_ENOMEM, "arange");
    ck_assert_ptr_null(tp_arange(T, TP_I64, -0x1p63, 0x1.8p62, 1));
    ck_error(T, TP_ENOMEM, "arange");
    expect(tp_logspace(T, TP_I32, 0, 10, 2, 10), TP_I32, 1, INT32_MIN);
    expect(tp_logspace(T, TP_U8, 0, 3, 2, 10), TP_U8, 1, 232);
}
END_TEST

START_TEST(random_ranges)
{
    static const struct {
        tp_dtype dtype;
        int64_t low, high;
        bool refused;
    } c[] = {{TP_I32, INT32_MIN, INT64_C(1) << 31, false},
             {TP_I32, 0, (INT64_C(1) << 31) + 1, true},
             {TP_I32, INT32_MIN - INT64_C(1), 0, true},
             {TP_U8, 0, 256, false},
             {TP_U8, 0, 257, true},
             {TP_U8, -1, 5, true},
             {TP_BOOL, 0, 2, false},
             {TP_BOOL, 0, 3, true},
             {TP_I64, INT64_MIN, INT64_MAX, false},
             {TP_F32, 0, INT64_C(1) << 60, false},
             {TP_I64, INT64_MIN, INT64_MIN, true}};
    for (size_t i = 0; i < LENGTH(c); i++) {
        tp_tensor *x = tp_randint(T, c[i].dtype, tp_shape(8), c[i].low, c[i].high);
        ck_assert_msg((x == NULL) == c[i].refused, "case %zu", i);
        if (c[i].refused)
            ck_error(T, TP_EINVAL, "randint");
    }
}
END_TEST

/* The same on every machine: truncated, the smallest where nothing fits, the low bits for uint8. */
START_TEST(converted)
{
    const double v[] = {1e20, -1e20, (double)NAN, 300.7, -3.5, 0x1p31, INFINITY, -INFINITY};
    const double whole[] = {0, 3, 254, -2, -255, -256, -1e9, 1e15};
    const int64_t as_u8[] = {0, 0, 0, 44, 253, 0, 0, 0}, whole_u8[] = {0, 3, 254, 254, 1, 0, 0, 0};
    const int64_t low = INT32_MIN, as_i32[] = {low, low, low, 300, -3, low, low, low};
    int64_t got[8];
    for (int wide = 0; wide < 2; wide++) {
        tp_dtype from = wide ? TP_F64 : TP_F32;
        tp_tensor *x = tp_to(T, tp_from(T, TP_F64, tp_shape(8), v), from);
        ck_assert(tp_tolist(tp_to(T, x, TP_I32), TP_I64, 8, got));
        ck_assert_mem_eq(got, as_i32, sizeof got);
        ck_assert(tp_tolist(tp_to(T, x, TP_U8), TP_I64, 8, got));
        ck_assert_mem_eq(got, as_u8, sizeof got);
        ck_assert(tp_tolist(tp_to(T, tp_from(T, TP_F64, tp_shape(8), whole), TP_U8), TP_I64, 8, got));
        for (int i = 0; i < 6; i++)
            ck_assert_int_eq(got[i], whole_u8[i]);
        ck_assert(tp_tolist(tp_to(T, x, TP_I64), TP_I64, 8, got));
        ck_assert(got[0] == INT64_MIN && got[2] == INT64_MIN && got[5] == INT64_C(1) << 31 && got[6] == INT64_MIN);
    }
}
END_TEST

/* An index that a double does not hold exactly is out of range, not something near it. */
START_TEST(exact_indices)
{
    tp_tensor *x = tp_arange(T, TP_F32, 0, 4, 1), *at = tp_sub_scalar(T, tp_full(T, TP_I64, TP_SCALAR, -0x1p63), 1);
    int64_t far = 0;
    ck_assert(tp_tolist(at, TP_I64, 1, &far));
    ck_assert_int_eq(far, INT64_MAX);
    ck_assert_ptr_null(tp_index_with(T, x, "@", 1, &at));
    ck_error(T, TP_EINDEX, "9223372036854775807");
    int64_t counts[4] = {0};
    tp_tensor *logits = tp_ones(T, TP_F32, tp_shape(1, 2)), *target = tp_reshape(T, at, tp_shape(1));
    ck_assert_int_eq(tp_confusion_add(T, logits, target, 2, counts), TP_EINDEX);
    ck_error(T, TP_EINDEX, "9223372036854775807");
}
END_TEST

/* Planes of elements of every size that is moved, at any steps: as element by element. Those of 16 bytes at multiples of 8. */
static void copied(size_t size, tp__plane p, const char *from, char *got, char *want)
{
    int64_t bytes = (int64_t)size;
    memset(got, 0, PLANE);
    memset(want, 0, PLANE);
    tp__copy_plane(size, p, got, from);
    for (int64_t r = 0; r < p.rows; r++)
        for (int64_t c = 0; c < p.columns; c++)
            memcpy(want + (r * p.to_row + c * p.to_column) * bytes, from + (r * p.from_row + c * p.from_column) * bytes,
                   size);
    ck_assert_msg(memcmp(got, want, PLANE) == 0, "%zu bytes, %lld x %lld to (%lld, %lld) from (%lld, %lld)", size,
                  (long long)p.rows, (long long)p.columns, (long long)p.to_row, (long long)p.to_column,
                  (long long)p.from_row, (long long)p.from_column);
}

START_TEST(every_size)
{
    static const int64_t shapes[][2] = {{1, 40}, {3, 5}, {8, 8}, {17, 19}, {40, 2}, {2, 4}, {9, 8}};
    static _Alignas(16) char from[2 * PLANE + 8], got[PLANE], want[PLANE];
    size_t size = (size_t)1 << _i;
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)(i * 37 + i / 251);
    const char *at = from + PLANE + (size == 16 ? 8 : 0); /* steps lead back, too */
    for (size_t s = 0; s < LENGTH(shapes); s++) {
        int64_t n = shapes[s][0], m = shapes[s][1];
        tp__plane to[] = {{n, m, m, 1, 0, 0}, {n, m, 1, n, 0, 0}, {n, m, 2 * m, 2, 0, 0}};
        const int64_t steps[][2] = {{m, 1}, {1, n}, {1, 0}, {0, 0}, {m, -1}, {2 * m, 2}, {3, n * 3}, {-m, 1}, {-1, n}};
        for (size_t k = 0; k < LENGTH(to); k++)
            for (size_t f = 0; f < LENGTH(steps); f++) {
                to[k].from_row = steps[f][0];
                to[k].from_column = steps[f][1];
                copied(size, to[k], at, got, want);
            }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("elements");
    TCase *all = tcase_create("elements");
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, arithmetic_wraps);
    tcase_add_test(all, whole_numbers_end);
    tcase_add_loop_test(all, elements_fit, 0, (int)LENGTH(elements));
    tcase_add_test(all, clamped);
    tcase_add_test(all, factors_fit);
    tcase_add_test(all, ranges);
    tcase_add_test(all, random_ranges);
    tcase_add_test(all, converted);
    tcase_add_test(all, exact_indices);
    tcase_add_loop_test(all, every_size, 0, 5);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
