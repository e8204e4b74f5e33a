/* sweep.h - the calls by which every operator is measured beside PyTorch. */
#ifndef BENCH_SWEEP_H
#define BENCH_SWEEP_H

#include "tapir.h"

enum { SWEEP_MAX_INPUTS = 4 };

/* Sizes that follow from the number of elements n; see rows.def. */
typedef struct {
    int64_t n, r, c, s, e, h, q, k, t, g, a, b;
} sweep_sizes;

typedef struct {
    const char *family, *name, *inputs, *torch;
    tp_tensor *(*call)(tp_tape *T, tp_tensor **in, const sweep_sizes *z);
} sweep_row;

extern const sweep_row sweep_rows[]; /* the last one has no name */

sweep_sizes sweep_sizes_of(int64_t n);
/* The size that a letter or a number stands for. */
int64_t sweep_size(const sweep_sizes *z, const char *text);

/* Makes the inputs that a row asks for, owned: how many, or -1 with the tape's error. The seed is set anew, so that
 * PyTorch can have the same ones. */
int sweep_inputs(tp_tape *T, const char *spec, tp_dtype dtype, const sweep_sizes *z, tp_tensor **in);

#endif
