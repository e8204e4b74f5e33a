/* support.h - what the tests share. */
#ifndef TEST_SUPPORT_H
#define TEST_SUPPORT_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>

#define LENGTH(a) (sizeof(a) / sizeof *(a))

/* Runs a suite; the exit status of the program. */
int run_suite(Suite *suite);

/* |a - b| <= atol + rtol |b| element by element, NaN equal to NaN, with the same shape. */
bool tensors_close(const tp_tensor *a, const tp_tensor *b, double rtol, double atol);
bool tensors_identical(const tp_tensor *a, const tp_tensor *b); /* dtype, shape and bits */

/* The forward of the module `user`, for tp_gradcheck_of and tp_checkpoint. */
tp_status forward_module(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out);
/* The module's text is `want`; frees it. */
void ck_printed(tp_module *m, const char *want);
/* What `run` makes, n tensors, has the same bits on 1 to 4 threads. */
enum { MOST_RESULTS = 4 };
void ck_same_on_threads(tp_tape *T, int n, void (*run)(tp_tape *T, void *user, tp_tensor **out), void *user);

/* Fails the test with the tape's message where it has one. */
#define ck_no_error(T) ck_assert_msg(tp_error(T) == NULL, "%s", tp_error(T))
/* The tape failed with this status and a message that has `part` in it; clears it. */
/* clang-format off */
#define ck_error(T, status, part)                                                                  \
    do {                                                                                           \
        ck_assert_msg(tp_error_status(T) == (status), "%s (%s)", tp_status_name(tp_error_status(T)), \
                      tp_error(T) ? tp_error(T) : "no error");                                     \
        ck_assert_msg(strstr(tp_error(T), (part)) != NULL, "\"%s\" does not mention %s", tp_error(T), (part)); \
        tp_clear_error(T);                                                                         \
    } while (0)
/* clang-format on */

/* There is no y, and the tape's message has these words in it; clears it. */
void ck_refused(tp_tape *T, const tp_tensor *y, const char *words);

/* Compares a tensor with a list of values. */
/* clang-format off */
#define ck_values(x, tolerance, ...)                                                               \
    do {                                                                                           \
        const double want_[] = {__VA_ARGS__};                                                      \
        ck_assert_int_eq(tp_numel(x), (int64_t)LENGTH(want_));                                     \
        for (size_t i_ = 0; i_ < LENGTH(want_); i_++)                                              \
            ck_assert_msg(fabs(tp_item_at((x), (int64_t)i_) - want_[i_]) <= (tolerance), "element %zu is %.17g, not %.17g", \
                          i_, tp_item_at((x), (int64_t)i_), want_[i_]);                            \
    } while (0)
/* clang-format on */

#endif
