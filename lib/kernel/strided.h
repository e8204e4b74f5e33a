/* strided.h - adding to places that strides describe. */
#ifndef TAPIR_KERNEL_STRIDED_H
#define TAPIR_KERNEL_STRIDED_H

#include "kernel/kernel.h"

/* out[sum of i_d stride_d] += in[i], in row-major and in order; places may coincide. Floats. */
void tp__add_strided(tp_dtype dtype, tp_dims shape, void *out, const int64_t *stride, const void *in);

#endif
