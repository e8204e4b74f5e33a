/* torch.c - PyTorch's files, both formats. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path) { fuzz_state_dict(T, tp_torch_load(T, path)); }
