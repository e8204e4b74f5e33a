/* A mark that a rewind to an older one, or a reset, made stale: TP_EINVAL, and nothing happens. */
#include <stdio.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

int main(void)
{
    tp_tape *T = tp_tape_new();
    for (int reset = 0; reset < 2; reset++)
        for (int later = 0; later < 20; later++) { /* so many tensors lie where others were */
            tp_tensor *a = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(4)), true);
            tp_mark outer = tp_tape_mark(T);
            tp_tensor *b = tp_mul(T, a, a);
            tp_mark inner = tp_tape_mark(T);
            tp_mul(T, b, a);
            if (reset)
                tp_tape_reset(T);
            else
                tp_tape_rewind(T, outer);
            tp_tensor *kept = a = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(4)), true);
            for (int k = 0; k < later; k++)
                kept = tp_add(T, kept, a);
            EXPECT(tp_tape_rewind(T, inner) == TP_EINVAL);
            tp_clear_error(T);
            EXPECT(tp_item_at(kept, 3) == 1 + later);
            EXPECT(tp_backward(T, tp_sum(T, kept)) == TP_OK && tp_item_at(tp_grad(a), 0) == 1 + later);
            tp_tape_reset(T);
            EXPECT(tp_tape_rewind(T, outer) == TP_EINVAL);
            tp_clear_error(T);
        }
    tp_tape_free(T);
    return 0;
}
