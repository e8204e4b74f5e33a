/* npz.c - .npz files. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    tp_npz *f = tp_npz_open(T, path);
    fuzz_expect((f == NULL) == (tp_error(T) != NULL), "a file, or a message");
    for (int i = 0; i < tp_npz_length(f); i++)
        fuzz_result(T, tp_npz_get(T, f, tp_npz_name(f, i)));
    tp_npz_close(f);
}
