/* safetensors.c - safetensors files. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    tp_safetensors *f = tp_safetensors_open(T, path);
    fuzz_expect((f == NULL) == (tp_error(T) != NULL), "a file, or a message");
    tp_safetensors_metadata(f, "format");
    for (int i = 0; i < tp_safetensors_length(f); i++) {
        fuzz_expect(tp_safetensors_has(f, tp_safetensors_name(f, i)), "a name that is listed is there");
        fuzz_result(T, tp_safetensors_get(T, f, tp_safetensors_name(f, i)));
    }
    tp_safetensors_close(f);
}
