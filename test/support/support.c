/* support.c - see support.h. */
#include "support/support.h"

#include <stdatomic.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

/* Every step of every test ends with these: the tape must hang together before and after. */
tp_status __real_tp_tape_reset(tp_tape *T);
tp_status __wrap_tp_tape_reset(tp_tape *T);
tp_status __real_tp_backward(tp_tape *T, tp_tensor *loss);
tp_status __wrap_tp_backward(tp_tape *T, tp_tensor *loss);
void __real_tp_tape_free(tp_tape *T);
void __wrap_tp_tape_free(tp_tape *T);

static void check_tape(tp_tape *T, const char *when)
{
    char message[200];
    if (T && tp_tape_check(T, message, sizeof message) != TP_OK)
        ck_abort_msg("%s: %s", when, message);
}

tp_status __wrap_tp_tape_reset(tp_tape *T)
{
    check_tape(T, "before a reset");
    tp_status status = __real_tp_tape_reset(T);
    check_tape(T, "after a reset");
    return status;
}

tp_status __wrap_tp_backward(tp_tape *T, tp_tensor *loss)
{
    static atomic_int calls; /* a tape that is never reset is long: then now and then */
    tp_status status = __real_tp_backward(T, loss);
    int n = calls++;
    if (n < 64 || n % 256 == 0)
        check_tape(T, "after backward");
    return status;
}

void __wrap_tp_tape_free(tp_tape *T)
{
    check_tape(T, "at the end");
    __real_tp_tape_free(T);
}

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
    if (tp_is_contiguous(a) && tp_is_contiguous(b))
        return tp_numel(a) == 0 ||
               memcmp(tp_data(a), tp_data(b), (size_t)tp_numel(a) * tp_dtype_size(tp_dtype_of(a))) == 0;
    for (int64_t i = 0; i < tp_numel(a); i++) {
        double x = tp_item_at(a, i), y = tp_item_at(b, i);
        if (memcmp(&x, &y, sizeof x) != 0)
            return false;
    }
    return true;
}

tp_status forward_module(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = tp_forward(T, user, in[0]);
    return tp_error_status(T);
}

void ck_printed(tp_module *m, const char *want)
{
    char text[256];
    tp_module_format(m, text, sizeof text);
    ck_assert_str_eq(text, want);
    tp_module_free(m);
}

void ck_same_on_threads(tp_tape *T, int n, void (*run)(tp_tape *T, void *user, tp_tensor **out), void *user)
{
    tp_tensor *was[MOST_RESULTS] = {NULL};
    for (int threads = 1; threads <= 4; threads++) {
        tp_tensor *now[MOST_RESULTS] = {NULL};
        omp_set_num_threads(threads);
        run(T, user, now);
        ck_no_error(T);
        for (int i = 0; i < n; i++) {
            now[i] = tp_clone(T, tp_detach(T, now[i]));
            ck_assert_msg(threads == 1 || tensors_identical(was[i], now[i]), "result %d, on %d threads", i, threads);
            was[i] = now[i];
        }
    }
}

void ck_refused(tp_tape *T, const tp_tensor *y, const char *words)
{
    ck_assert_ptr_null(y);
    ck_assert_msg(tp_error(T) && strstr(tp_error(T), words), "\"%s\" is not in \"%s\"", words, tp_error(T));
    tp_clear_error(T);
}
