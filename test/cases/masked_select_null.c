/* A NULL in place of x: the result is NULL, and the error says which operand it is. An uninitialized array was read. */
#include <stdio.h>
#include <string.h>
#include <tapir.h>

static int check(tp_tape *T, const char *what, tp_tensor *y)
{
    int bad = y != NULL || tp_error(T) == NULL || strstr(tp_error(T), "NULL") == NULL;
    if (bad) printf("%s: %p, %s\n", what, (void *)y, tp_error(T) ? tp_error(T) : "no error");
    tp_clear_error(T);
    return bad;
}
int main(void)
{
    tp_tape   *T = tp_tape_new();
    tp_tensor *m = tp_ones(T, TP_BOOL, tp_shape(5, 3));
    int        bad = check(T, "masked_select", tp_masked_select(T, NULL, m));
    bad += check(T, "masked_scatter", tp_masked_scatter(T, NULL, m, m));
    bad += check(T, "masked_scatter, no source", tp_masked_scatter(T, m, m, NULL));
    bad += check(T, "masked_fill", tp_masked_fill(T, NULL, m, 1));
    tp_tape_free(T);
    return bad != 0;
}
