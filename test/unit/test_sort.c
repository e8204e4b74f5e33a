/* test_sort.c - sorting against its definition, and what is selected against what is sorted: sizes at both sides of where the
 * kernels change their ways, many equal elements, infinities, zeros of both signs and NaN among them. */
#include "support/support.h"

static const int64_t sizes[] = {1, 2, 23, 24, 25, 47, 48, 49, 71, 96, 97, 200, 383, 500, 769, 1000, 1537, 3000};
static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_I64, TP_U8};

/* Whole numbers from a few to many different ones; floats with what is none among them. */
static tp_tensor *mixed(tp_tape *T, tp_dtype dtype, int64_t n, int64_t different)
{
    tp_tensor *x = tp_to(T, tp_randint(T, TP_I64, tp_shape(n), 0, different), dtype);
    if (tp_dtype_is_float(dtype) && n > 20) {
        static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0, 0.5, NAN, -2.5};
        for (size_t k = 0; k < LENGTH(odd); k++)
            tp_fill_(T, tp_narrow(T, x, 0, (int64_t)(3 + 7919 * k) % n, 1), odd[k]);
    }
    return x;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* May a stand before b? */
static bool ordered(double a, double b, bool descending)
{
    if (isnan(a) || isnan(b))
        return descending ? isnan(a) : isnan(b);
    return descending ? a >= b : a <= b;
}

static void check_sorted(const tp_tensor *x, const tp_tensor *y, const tp_tensor *index, bool descending)
{
    for (int64_t i = 0; i < tp_numel(y); i++) {
        int64_t at = (int64_t)tp_item_at(index, i);
        double v = tp_item_at(y, i), next = i + 1 < tp_numel(y) ? tp_item_at(y, i + 1) : v;
        ck_assert(same(tp_item_at(x, at), v));
        if (i + 1 < tp_numel(y))
            ck_assert_msg(ordered(v, next, descending), "%g before %g", v, next);
        if (i + 1 < tp_numel(y) && same(v, next)) /* each position once, then, and in their order */
            ck_assert(at < (int64_t)tp_item_at(index, i + 1));
    }
}

static void check_selected(tp_tape *T, tp_tensor *x, tp_tensor *up, tp_tensor *down)
{
    int64_t n = tp_numel(x);
    const int64_t some[] = {1, (n + 1) / 2, n};
    for (int k = 0; k < 3; k++) {
        tp_tensor *top = tp_topk(T, x, some[k], 0, true, NULL), *kth = tp_kthvalue(T, x, some[k], 0, false, NULL);
        ck_assert(same(tp_item(kth), tp_item_at(up, some[k] - 1)));
        for (int64_t i = 0; i < some[k]; i++)
            ck_assert(same(tp_item_at(top, i), tp_item_at(down, i)));
    }
    bool none = isnan(tp_item_at(up, n - 1));
    double median = tp_item(tp_median(T, x));
    ck_assert(none ? isnan(median) : median == tp_item_at(up, (n - 1) / 2));
}

START_TEST(sorted_and_selected)
{
    tp_tape *T = tp_tape_new();
    for (size_t d = 0; d < LENGTH(dtypes); d++)
        for (size_t s = (size_t)_i; s < LENGTH(sizes); s += 3)
            for (int64_t different = 3; different < 300; different = different * 8 + 5) {
                tp_tensor *x = mixed(T, dtypes[d], sizes[s], different), *at, *back;
                tp_tensor *up = tp_sort(T, x, 0, false, &at), *down = tp_sort(T, x, 0, true, &back);
                ck_no_error(T);
                check_sorted(x, up, at, false);
                check_sorted(x, down, back, true);
                check_selected(T, x, up, down);
                tp_tape_reset(T);
            }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sort");
    TCase *t = tcase_create("sort");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, sorted_and_selected, 0, 3);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
