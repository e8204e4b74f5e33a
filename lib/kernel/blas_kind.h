/* blas_kind.h - the kernels that OpenBLAS runs, for blas_kind.c, blas_room.c and their tests. */
#ifndef TAPIR_KERNEL_BLAS_KIND_H
#define TAPIR_KERNEL_BLAS_KIND_H

#include "kernel/kernel.h"

/* The name of OpenBLAS's kernels for a processor; NULL: any will do. */
const char *tp__blas_core_for(tp__processor p);
/* Makes OpenBLAS use kernels of this name; false where it does not have them, and uses what it found instead. Not while
 * another thread computes. The environment is as it was afterwards. */
bool tp__blas_use_core(const char *name);
/* Looks at what OpenBLAS picked, and picks better where that is called for: what happens when the library is loaded. */
void tp__blas_choose_core(void);
/* It is OpenBLAS (blas_room.c). */
bool tp__blas_takes_buffers(void);

#endif
