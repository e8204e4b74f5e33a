/* Whole numbers in TP_I64. From 2^53 to 2^53 + 4 by 1 there are four, each one more than the last; all arguments are
 * exact doubles. start + i step in double repeats and skips some and reaches the end, which is not part of the range
 * (PyTorch 1.13: right). And 144962911544046900, which is 100 * 1449629115440469, is 144962911544046912 as a double: as
 * with the integer in PyTorch there are 100 values from 0, the last 99 * 1449629115440469, none at the end. */
#include <inttypes.h>
#include <stdio.h>
#include <tapir.h>

int main(void)
{
    tp_tape *T = tp_tape_new();
    int      bad = 0;
    int64_t  v[4] = {0}, w[100] = {0};
    const int64_t from = INT64_C(9007199254740992), step = INT64_C(1449629115440469);
    tp_tensor *x = tp_arange(T, TP_I64, 9007199254740992.0, 9007199254740996.0, 1);
    if (!tp_tolist(x, TP_I64, 4, v)) { printf("2^53: %" PRId64 " values, 4 are right\n", tp_numel(x)); bad++; }
    for (int i = 0; i < 4; i++)
        if (v[i] != from + i) { printf("2^53 + %d: %" PRId64 "\n", i, v[i]); bad++; }
    x = tp_arange(T, TP_I64, 0, 144962911544046900.0, 1449629115440469.0);
    if (!tp_tolist(x, TP_I64, 100, w)) { printf("long steps: %" PRId64 " values, 100 are right\n", tp_numel(x)); bad++; }
    else if (w[99] != 99 * step) { printf("last: %" PRId64 ", %" PRId64 " is right\n", w[99], 99 * step); bad++; }
    if (tp_error(T)) { printf("%s\n", tp_error(T)); bad++; }
    tp_tape_free(T);
    return bad != 0;
}
