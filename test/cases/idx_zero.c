/* An IDX file of 16 bytes that says 0 by 4294967295 by 4294967295: there is nothing to read, and strides of such a shape
 * overflow. It is refused, or empty; printing it takes no time. */
#define _DEFAULT_SOURCE /* mkstemp, fdopen */
#include <stdio.h>
#include <stdlib.h>
#include <tapir.h>

int main(void)
{
    const unsigned char bytes[16] = {0, 0, 8, 3, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    char                name[] = "/tmp/idx_zero_XXXXXX", text[400];
    int                 file = mkstemp(name);
    FILE               *f = file < 0 ? NULL : fdopen(file, "wb");
    if (f == NULL || fwrite(bytes, 1, sizeof bytes, f) != sizeof bytes || fclose(f) != 0) return 77;
    tp_tape   *T = tp_tape_new();
    tp_tensor *x = tp_read_idx(T, name);
    int        bad = x ? tp_numel(x) != 0 : tp_error(T) == NULL;
    tp_format(x, text, sizeof text);
    if (bad) printf("%s, %s\n", text, tp_error(T) ? tp_error(T) : "no error");
    tp_tape_free(T);
    remove(name);
    return bad;
}
