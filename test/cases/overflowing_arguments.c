/* Arguments near the ends of the integers: PyTorch's answer, or refused. Sums of them overflow. */
#include <limits.h>
#include <stdio.h>
#include <tapir.h>

static tp_tape *T;
static int      bad;

static void check(const char *what, tp_tensor *y, int64_t numel, double sum)
{
    double got = y ? tp_item(tp_sum(T, tp_to(T, y, TP_F64))) : 0;
    bool   right = numel < 0 ? y == NULL && tp_error(T) : y && tp_numel(y) == numel && got == sum;
    if (!right) { printf("%s: %lld elements, sum %.17g, %s\n", what, y ? (long long)tp_numel(y) : -1, got, tp_error(T) ? tp_error(T) : "no error"); bad++; }
    tp_clear_error(T);
}
static void parts(const char *what, int n, int want)
{
    if (n != want || (want < 0) != (tp_error(T) != NULL)) { printf("%s: %d parts, %s\n", what, n, tp_error(T) ? tp_error(T) : "no error"); bad++; }
    tp_clear_error(T);
}
static tp_tensor *smallest(void) { return tp_full(T, TP_I64, tp_shape(1), -0x1p63); }

int main(void)
{
    T = tp_tape_new();
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(2, 2)), *d = tp_arange(T, TP_F64, 0, 4, 1), *out[9];
    const int64_t one[1] = {1}, low[1] = {INT64_MIN}, high[1] = {INT64_MAX};
    check("tril, INT64_MAX", tp_tril(T, x, INT64_MAX), 4, 4);
    check("tril, INT64_MAX - 1", tp_tril(T, x, INT64_MAX - 1), 4, 4);
    check("triu, INT64_MAX", tp_triu(T, x, INT64_MAX), 4, 0);
    check("triu, INT64_MIN", tp_triu(T, x, INT64_MIN), 4, 4);
    check("as_strided, offset INT64_MIN + 1", tp_as_strided(T, d, tp_shape(2), one, INT64_MIN + 1), -1, 0);
    check("as_strided, offset 2^61", tp_as_strided(T, d, tp_shape(2), one, (int64_t)1 << 61), -1, 0);
    check("as_strided, offset INT64_MAX", tp_as_strided(T, d, tp_shape(2), one, INT64_MAX), -1, 0);
    check("as_strided, stride INT64_MAX", tp_as_strided(T, d, tp_shape(2), high, 0), -1, 0);
    check("as_strided, stride INT64_MIN", tp_as_strided(T, d, tp_shape(2), low, 0), -1, 0);
    check("as_strided_scatter, offset 2^61", tp_as_strided_scatter(T, d, d, tp_shape(4), one, (int64_t)1 << 61), -1, 0);
    check("diagonal, INT64_MIN", tp_diagonal(T, x, INT64_MIN, 0, 1), 0, 0);
    check("diagonal, INT64_MAX", tp_diagonal(T, x, INT64_MAX, 0, 1), 0, 0);
    tp_tensor *none[2] = {tp_zeros(T, TP_F32, tp_shape(0, (int64_t)1 << 62)), tp_zeros(T, TP_F32, tp_shape(0, (int64_t)1 << 62))};
    check("glu, 2^62 of nothing", tp_glu(T, none[0], 1), 0, 0);
    check("block_diag, 2^63 columns", tp_block_diag(T, 2, none), -1, 0);
    check("diag_embed, 2^31 of nothing", tp_diag_embed(T, tp_zeros(T, TP_F32, tp_shape(0, 0)), (int64_t)1 << 31, 1, 2), 0, 0);
    check("diag_embed, INT64_MIN", tp_diag_embed(T, d, INT64_MIN, 0, 1), -1, 0);
    check("diag_embed, INT64_MAX", tp_diag_embed(T, d, INT64_MAX, 0, 1), -1, 0);
    check("tril_indices, INT64_MAX", tp_tril_indices(T, TP_I64, 2, 2, INT64_MAX), 8, 4);
    check("triu_indices, INT64_MIN", tp_triu_indices(T, TP_I64, 2, 2, INT64_MIN), 8, 4);
    parts("chunk, INT64_MAX", tp_chunk(T, d, INT64_MAX, 0, 9, out), 4);
    parts("chunk, INT64_MAX - 2", tp_chunk(T, d, INT64_MAX - 2, 0, 9, out), 4);
    parts("split, INT64_MAX", tp_split(T, d, INT64_MAX, 0, 9, out), 1);
    parts("split, INT64_MIN", tp_split(T, d, INT64_MIN, 0, 9, out), -1);
    parts("tensor_split, INT64_MAX", tp_tensor_split(T, d, INT64_MAX, 0, 9, out), -1);
    check("slice, step INT64_MAX", tp_slice(T, d, 0, 1, INT64_MAX, INT64_MAX), 1, 1);
    check("slice, from INT64_MIN", tp_slice(T, d, 0, INT64_MIN, INT64_MAX, 3), 2, 3);
    check("narrow, INT64_MAX", tp_narrow(T, d, 0, 1, INT64_MAX), -1, 0);
    check("unfold, step INT64_MAX", tp_unfold(T, d, 0, 2, INT64_MAX), 2, 1);
    check("roll by INT64_MIN", tp_select(T, tp_roll(T, d, 1, low, (int[]){0}), 0, 1), 1, 1);
    check("roll by INT64_MAX", tp_select(T, tp_roll(T, d, 1, high, (int[]){0}), 0, 0), 1, 1);
    check("arange, step 1e-300", tp_arange(T, TP_F32, 0, 1, 1e-300), -1, 0);
    check("repeat_interleave, INT64_MAX", tp_repeat_interleave(T, d, INT64_MAX, 0), -1, 0);
    check("repeat, INT64_MAX", tp_repeat(T, d, tp_shape(INT64_MAX)), -1, 0);
    check("vander, INT64_MAX", tp_vander(T, d, INT64_MAX, false), -1, 0);
    check("eye, INT64_MAX", tp_eye(T, TP_F32, INT64_MAX, 2), -1, 0);
    check("combinations of 4 by 40, again", tp_select(T, tp_combinations(T, d, 40, true), 0, -1), 40, 120);
    check("bincount, INT64_MAX", tp_bincount(T, tp_to(T, d, TP_I64), NULL, INT64_MAX), -1, 0);
    check("multinomial, INT64_MAX", tp_multinomial(T, d, INT64_MAX, true), -1, 0);
    check("matrix_power, INT_MIN", tp_linalg_matrix_power(T, tp_eye(T, TP_F64, 2, 2), INT_MIN), 4, 2);
    check("kaiser_window, INT64_MAX", tp_kaiser_window(T, TP_F32, INT64_MAX, true, 12), -1, 0);
    check("histc, INT64_MAX", tp_histc(T, d, INT64_MAX, 0, 1), -1, 0);
    check("left shift by 64", tp_bitwise_left_shift(T, tp_scalar(T, TP_I64, 1), tp_scalar(T, TP_I64, 64)), 1, 0);
    check("floor_divide(INT64_MIN, -1)", tp_floor_divide(T, smallest(), tp_scalar(T, TP_I64, -1)), 1, -0x1p63);
    check("remainder(INT64_MIN, -1)", tp_remainder(T, smallest(), tp_scalar(T, TP_I64, -1)), 1, 0);
    check("gcd(INT64_MIN, INT64_MIN)", tp_gcd(T, smallest(), smallest()), 1, -0x1p63);
    check("linspace, 1 step", tp_linspace(T, TP_F32, 3, 9, 1), 1, 3);
    check("randint over all", tp_mul_scalar(T, tp_randint(T, TP_I64, tp_shape(3), INT64_MIN, INT64_MAX), 0), 3, 0);
    tp_tape_free(T);
    return bad != 0;
}
