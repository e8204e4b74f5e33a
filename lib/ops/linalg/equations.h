/* equations.h - what equations between matrices, and functions of them, share. */
#ifndef TAPIR_OPS_EQUATIONS_H
#define TAPIR_OPS_EQUATIONS_H

#include "kernel/schur.h"
#include "ops/linalg/linalg.h"

#define TP__NO_FORM "has no Schur form that the iteration finds; another one is needed"
/* All with the same leading dimensions; false after a failure. None is NULL on a tape that is well. */
bool tp__broadcast_all(tp_tape *T, const char *name, int n, tp_tensor **x);
/* In infer: in[i] is [..., m, n] of the first one's leading dimensions and dtype. */
tp_status tp__fits_first(const tp_call *c, int i, const char *name, int64_t m, int64_t n);
/* A of which the lower half is read, as a whole; its gradient is symmetric. */
tp_tensor *tp__mirrored(tp_tape *T, tp_tensor *a);

/* X with A X + X B = C, A X + X A^T = C, X - A X A^T = C. */
tp_tensor *tp__sylvester(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_tensor *c);
tp_tensor *tp__lyapunov(tp_tape *T, tp_tensor *a, tp_tensor *c, bool discrete);

#endif
