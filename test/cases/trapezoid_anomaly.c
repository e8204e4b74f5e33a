/* Where the sum of neighbours fails (here in anomaly mode: they are infinite) the result is NULL, and no derivative of
 * what is not there is looked at. */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

int main(void)
{
    tp_tape   *T = tp_tape_new();
    tp_tensor *y = tp_full(T, TP_F64, tp_shape(5, 3), INFINITY), *x = tp_ones(T, TP_F64, tp_shape(3));
    int        bad = 0;
    tp_tape_anomaly(T, true);
    for (int cumulative = 0; cumulative < 2; cumulative++)
        for (int with_x = 0; with_x < 2; with_x++) {
            tp_tensor *at = with_x ? x : NULL;
            tp_tensor *z = cumulative ? tp_cumulative_trapezoid(T, y, at, 1, 1) : tp_trapezoid(T, y, at, 1, 1);
            if (z || tp_error_status(T) != TP_ENUMERIC) { printf("%d %d: %p %s\n", cumulative, with_x, (void *)z, tp_error(T) ? tp_error(T) : "no error"); bad++; }
            tp_clear_error(T);
        }
    tp_tape_free(T);
    return bad;
}
