/* strided.h - adding to, or writing, places that strides describe. */
#ifndef TAPIR_KERNEL_STRIDED_H
#define TAPIR_KERNEL_STRIDED_H

#include "kernel/kernel.h"

/* out[sum of i_d stride_d] += in[i], in a fixed order; places may coincide. Floats. */
void tp__add_strided(tp_dtype dtype, tp_dims shape, void *out, const int64_t *stride, const void *in);
/* out[sum of i_d stride_d] = in[i], the same way: the last one counts. Any dtype. */
void tp__put_strided(tp_dims shape, void *out, const int64_t *stride, const void *in, tp_dtype dtype);

/* out[sum of i_d to_d] = (or +=) in[sum of i_d from_d]; no two places of out coincide. Any dtype; floats where added. */
void tp__move_strided(bool add, tp_dtype dtype, tp_dims shape, void *out, const int64_t *to, const void *in,
                      const int64_t *from);

#endif
