/* A leaf's gradient from a recorded sweep (create_graph) lies above the mark. After the rewind its numbers stay
 * (tape.h: "Gradients of older tensors stay"), whatever is made later. */
#include <stdio.h>
#include <tapir.h>

#define EXPECT(what) do { if (!(what)) { fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #what, tp_error(T) ? tp_error(T) : "no error"); return 1; } } while (0)

int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_full(T, TP_F64, tp_shape(3), 2), true);
    tp_mark m = tp_tape_mark(T);
    tp_tensor *y = tp_sum(T, tp_square(T, x));
    EXPECT(tp_backward_from(T, 1, &y, &(tp_backward_options){.create_graph = true}) == TP_OK);
    EXPECT(tp_item_at(tp_grad(x), 1) == 4 && tp_needs_grad(tp_grad(x)));
    EXPECT(tp_tape_rewind(T, m) == TP_OK);
    tp_full(T, TP_I64, tp_shape(2, 2), 7);
    tp_randn(T, TP_F32, tp_shape(2, 5, 2, 2));
    tp_ones(T, TP_BOOL, tp_shape(1));
    EXPECT(tp_grad(x) && tp_dtype_of(tp_grad(x)) == TP_F64 && tp_numel(tp_grad(x)) == 3);
    EXPECT(tp_item_at(tp_grad(x), 1) == 4 && !tp_needs_grad(tp_grad(x)));
    EXPECT(tp_backward(T, tp_sum(T, tp_square(T, x))) == TP_OK && tp_item_at(tp_grad(x), 2) == 8);
    tp_tape_free(T);
    return 0;
}
