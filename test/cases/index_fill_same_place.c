/* A position named twice is one place: y = (0, v, 2, 3) has the slope 1 by v, whether it is named 1 and 1 or 1 and -3, and
 * x has none there. (PyTorch 1.13: the same.) */
#include <stdio.h>
#include <tapir.h>

int main(void)
{
    tp_tape *T = tp_tape_new();
    int      bad = 0;
    int64_t  at[2][2] = {{1, 1}, {1, -3}};
    for (int k = 0; k < 2; k++) {
        tp_tensor *x = tp_requires_grad(tp_arange(T, TP_F64, 0, 4, 1), true), *v = tp_requires_grad(tp_scalar(T, TP_F64, 5), true);
        tp_tensor *y = tp_index_fill(T, x, 0, tp_from(T, TP_I64, tp_shape(2), at[k]), v);
        tp_backward(T, tp_sum(T, y));
        for (int i = 0; i < 4; i++) {
            double value = i == 1 ? 5 : i, slope = i != 1;
            if (tp_item_at(y, i) != value || tp_item_at(tp_grad(x), i) != slope) {
                printf("{1, %d}: [%d] is %g with slope %g, %g and %g are right\n", (int)at[k][1], i, tp_item_at(y, i),
                       tp_item_at(tp_grad(x), i), value, slope);
                bad++;
            }
        }
        if (tp_item(tp_grad(v)) != 1) { printf("{1, %d}: the value's slope is %g, 1 is right\n", (int)at[k][1], tp_item(tp_grad(v))); bad++; }
    }
    if (tp_error(T)) { printf("%s\n", tp_error(T)); bad++; }
    tp_tape_free(T);
    return bad != 0;
}
