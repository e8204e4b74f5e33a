/* create.h - tensors from values, from the caller's memory, and from rules.
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_CREATE_H
#define TAPIR_CREATE_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Nothing here has a gradient before tp_requires_grad. A dtype that is none is TP_EDTYPE, a negative size TP_ESHAPE. */

/* Copies numel elements of this dtype from row-major memory; NULL is TP_EINVAL unless there are none. */
TP_API tp_tensor *tp_from(tp_tape *T, tp_dtype dtype, tp_dims shape, const void *data);
/* Uses the caller's row-major memory as it is; it must outlive the tensor. */
TP_API tp_tensor *tp_wrap(tp_tape *T, tp_dtype dtype, tp_dims shape, void *data);
/* Memory that is given back: deleter(user) is called once, when the last tensor on it is gone (one that is kept, or is in a
 * graph, outlives the tape), by the thread in which it goes; after a failure, at once. NULL: nobody is told. Strides are in
 * elements from `data`, which need not be the lowest one; NULL: row-major. data is a multiple of the dtype's size. (from_blob) */
TP_API tp_tensor *tp_from_blob(tp_tape *T, tp_dtype dtype, tp_dims shape, const int64_t *stride, void *data,
                               void (*deleter)(void *user), void *user);
TP_API tp_tensor *tp_empty(tp_tape *T, tp_dtype dtype, tp_dims shape); /* values are not defined */
TP_API tp_tensor *tp_zeros(tp_tape *T, tp_dtype dtype, tp_dims shape);
TP_API tp_tensor *tp_ones(tp_tape *T, tp_dtype dtype, tp_dims shape);
/* A number becomes an element: integers take what truncates to one of them, of uint8 also whole numbers from -255 on,
 * which wrap; anything else is TP_EINVAL (NaN, 300 as uint8), here as in fill_, masked_fill, index_fill, scatter,
 * linspace. */
TP_API tp_tensor *tp_full(tp_tape *T, tp_dtype dtype, tp_dims shape, double value);
TP_API tp_tensor *tp_scalar(tp_tape *T, tp_dtype dtype, double value); /* 0-d */
/* Of x's shape and dtype, contiguous. */
TP_API tp_tensor *tp_zeros_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_ones_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_full_like(tp_tape *T, tp_tensor *x, double value);
TP_API tp_tensor *tp_empty_like(tp_tape *T, tp_tensor *x);
/* [n, m]: 1 where row and column agree, else 0. */
TP_API tp_tensor *tp_eye(tp_tape *T, tp_dtype dtype, int64_t n, int64_t m);
/* ceil((end - start) / step) values start + i step; step is not 0 and points from start to end. Integers are counted
 * in int64, exactly: the arguments are truncated to it, values beyond a narrower dtype wrap, and a value that rounds
 * to `end` (a double, which beyond 2^53 stands for many integers) is not before it, where steps are longer than such
 * gaps. */
TP_API tp_tensor *tp_arange(tp_tape *T, tp_dtype dtype, double start, double end, double step);
/* `steps` values from start to end, both included; the second half is counted from the end, as torch does. One step:
 * start. */
TP_API tp_tensor *tp_linspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps);

/* base^v for v as in linspace (torch's base is 10). */
TP_API tp_tensor *tp_logspace(tp_tape *T, tp_dtype dtype, double start, double end, int64_t steps, double base);
/* [2, n]: rows and columns of the elements of the triangle that tp_tril, tp_triu keep of [rows, columns], row by row;
 * TP_I64 (torch's) or TP_I32. */
TP_API tp_tensor *tp_tril_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset);
TP_API tp_tensor *tp_triu_indices(tp_tape *T, tp_dtype dtype, int64_t rows, int64_t columns, int64_t offset);
/* [n] numbers between 0 and 1; a periodic one (torch's default) is one of n + 1 without its last. torch's defaults:
 * hamming alpha 0.54, beta 0.46; kaiser beta 12. Time and memory go with n. */
TP_API tp_tensor *tp_bartlett_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_blackman_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_hamming_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double alpha, double beta);
TP_API tp_tensor *tp_hann_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic);
TP_API tp_tensor *tp_kaiser_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double beta);

#ifdef __cplusplus
}
#endif
#endif
