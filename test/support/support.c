/* support.c - see support.h. */
#include "support/support.h"

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

static bool same_shape(const tp_tensor *a, const tp_tensor *b)
{
    if (a == NULL || b == NULL || tp_ndim(a) != tp_ndim(b))
        return false;
    for (int d = 0; d < tp_ndim(a); d++)
        if (tp_size(a, d) != tp_size(b, d))
            return false;
    return true;
}

bool tensors_close(const tp_tensor *a, const tp_tensor *b, double rtol, double atol)
{
    if (!same_shape(a, b))
        return false;
    for (int64_t i = 0; i < tp_numel(a); i++) {
        double x = tp_item_at(a, i), y = tp_item_at(b, i);
        bool equal = x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= atol + rtol * fabs(y);
        if (!equal)
            return false;
    }
    return true;
}

bool tensors_identical(const tp_tensor *a, const tp_tensor *b)
{
    if (!same_shape(a, b) || tp_dtype_of(a) != tp_dtype_of(b))
        return false;
    for (int64_t i = 0; i < tp_numel(a); i++) {
        double x = tp_item_at(a, i), y = tp_item_at(b, i);
        if (memcmp(&x, &y, sizeof x) != 0)
            return false;
    }
    return true;
}
