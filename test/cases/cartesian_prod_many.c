/* More vectors than a tensor has dimensions: refused, where the library wrote past an array of its own stack. */
#include <stdio.h>
#include <tapir.h>

int main(void)
{
    tp_tape   *T = tp_tape_new();
    tp_tensor *x[400], *out[400] = {NULL};
    tp_dims    many[2] = {{2, {3, 1}}, {400, {1}}}, shape;
    int        bad = 0;
    for (int i = 0; i < 400; i++) x[i] = tp_ones(T, TP_F32, tp_shape(1));
    for (int n = 1; n <= 400; n += n < 12 ? 1 : 97) {
        tp_tensor *y = tp_cartesian_prod(T, n, x);
        bool       fits = n <= TP_MAX_DIMS;
        if (fits != (y != NULL) || (!fits && tp_error_status(T) != TP_EINVAL)) { printf("product of %d: %s\n", n, tp_error(T) ? tp_error(T) : "no error"); bad++; }
        tp_clear_error(T);
        tp_status s = tp_meshgrid(T, n, x, false, out);
        if (fits != (s == TP_OK)) { printf("grid of %d: %s\n", n, tp_error(T) ? tp_error(T) : "no error"); bad++; }
        tp_clear_error(T);
    }
    if (tp_broadcast_shapes(2, many, &shape)) { printf("a shape of 400 dimensions is taken\n"); bad++; }
    tp_tape_free(T);
    return bad != 0;
}
