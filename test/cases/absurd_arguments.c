/* Small tensors, large arguments: an answer, PyTorch's, or an error, each within a second. */
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <tapir.h>

static tp_tape *T;
static int      bad;
static double   began;

static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* numel -1: an error is expected */
static void check(const char *what, tp_tensor *y, int64_t numel, double sum)
{
    double took = now() - began, got = y ? tp_item(tp_sum(T, tp_to(T, y, TP_F64))) : 0;
    bool   right = numel < 0 ? y == NULL && tp_error(T) : y && tp_numel(y) == numel && got == sum;
    if (!right || took > 1) { printf("%s: %lld elements, sum %g, %.1f s, %s\n", what, y ? (long long)tp_numel(y) : -1, got, took, tp_error(T) ? tp_error(T) : "no error"); bad++; }
    tp_clear_error(T);
    began = now();
}
int main(void)
{
    T = tp_tape_new();
    tp_tensor *x = tp_full(T, TP_F64, tp_shape(4), 2.5), *eye = tp_eye(T, TP_F64, 3, 3);
    began = now();
    check("triu_indices, no column", tp_triu_indices(T, TP_I64, INT64_MAX, 0, 0), 0, 0);
    check("triu_indices, two columns", tp_triu_indices(T, TP_I64, INT64_MAX, 2, 0), 6, 3);
    check("triu_indices, down to row 2", tp_triu_indices(T, TP_I64, INT64_MAX, 2, -1), 10, 7);
    check("triu_indices, all", tp_triu_indices(T, TP_I64, 3, 2, INT64_MIN), 12, 9);
    check("triu_indices, none", tp_triu_indices(T, TP_I64, 3, 2, INT64_MAX), 0, 0);
    check("tril_indices, the last row", tp_tril_indices(T, TP_I64, 4, INT64_MAX, -3), 2, 3);
    check("tril_indices, all", tp_tril_indices(T, TP_I64, 3, 2, INT64_MAX), 12, 9);
    check("tril_indices, none", tp_tril_indices(T, TP_I64, INT64_MAX, INT64_MAX, INT64_MIN), 0, 0);
    check("tril_indices, wide", tp_tril_indices(T, TP_I64, 3, INT64_MAX, 1), 18, 21);
    check("tril_indices, 10^12 rows", tp_tril_indices(T, TP_I64, 1000000000000, 1, 0), -1, 0);
    check("tril_indices, too large", tp_tril_indices(T, TP_I64, INT64_MAX, INT64_MAX, 0), -1, 0);
    check("diff of order INT_MAX", tp_diff(T, x, INT_MAX, 0, NULL, NULL), 0, 0);
    check("matrix_power INT_MAX", tp_linalg_matrix_power(T, eye, INT_MAX), 9, 3);
    check("matrix_power INT_MIN", tp_linalg_matrix_power(T, eye, INT_MIN), 9, 3);
    check("rot90 INT_MAX", tp_rot90(T, eye, INT_MAX, 0, 1), 9, 3);
    check("rot90 INT_MIN", tp_rot90(T, eye, INT_MIN, 0, 1), 9, 3);
    check("bincount of 10^15", tp_bincount(T, tp_full(T, TP_I64, tp_shape(1), 1e15), NULL, 0), -1, 0);
    check("combinations of 60 by 30", tp_combinations(T, tp_ones(T, TP_F32, tp_shape(60)), 30, false), -1, 0);
    check("combinations by INT64_MAX", tp_combinations(T, x, INT64_MAX, false), 0, 0);
    check("combinations by INT64_MAX, again", tp_combinations(T, x, INT64_MAX, true), -1, 0);
    tp_tape_free(T);
    return bad != 0;
}
