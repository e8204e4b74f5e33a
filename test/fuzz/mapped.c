/* mapped.c - files that are mapped: what they say lies where elements are looked for. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    fuzz_result(T, tp_from_file(T, path, NULL));
    tp_npz *z = tp_npz_open(T, path);
    for (int i = 0; i < tp_npz_length(z); i++)
        fuzz_result(T, tp_npz_map(T, z, tp_npz_name(z, i)));
    tp_npz_close(z);
    tp_clear_error(T);
    tp_safetensors *s = tp_safetensors_open(T, path);
    for (int i = 0; i < tp_safetensors_length(s); i++)
        fuzz_result(T, tp_safetensors_map(T, s, tp_safetensors_name(s, i)));
    tp_safetensors_close(s);
    tp_clear_error(T);
}
