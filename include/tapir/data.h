/* data.h - what a training program needs around the training: batches, progress, metrics. */
#ifndef TAPIR_DATA_H
#define TAPIR_DATA_H

#include "metrics.h"
#include "op.h"
#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Batches over the first dimension of n tensors, in order or shuffled by the tape's generator (a
 * new order at each tp_loader_start). The loader shares the tensors' storage. */
typedef struct tp_loader tp_loader;
typedef struct {
    int64_t batch_size; /* 0: 1 */
    bool    shuffle, drop_last;
    TP_RESERVED(4);
} tp_loader_options;
TP_API tp_loader *tp_loader_new(tp_tape *T, int n, tp_tensor *const *tensors, const tp_loader_options *options);
TP_API void       tp_loader_free(tp_loader *loader);
TP_API int64_t    tp_loader_length(const tp_loader *loader); /* batches an epoch */
TP_API tp_status  tp_loader_start(tp_tape *T, tp_loader *loader);
/* The next batch as tensors of the tape; false at the end of the epoch, or after a failure. */
TP_API bool tp_loader_next(tp_tape *T, tp_loader *loader, tp_tensor **batch) TP_MUST_CHECK;

/* Where in its epoch it is: "at", the next row, and the rows' "order" [rows], TP_I64. */
TP_API tp_state_dict *tp_loader_state_dict(tp_tape *T, const tp_loader *loader);
/* Goes on from there; other keys, or an order that is none of as many rows, is TP_EINVAL or TP_ESHAPE, and nothing is changed. */
TP_API tp_status tp_loader_load_state_dict(tp_tape *T, tp_loader *loader, int n, const char *const *names,
                                           tp_tensor *const *tensors);

/* A line of text on the state of a loop, and whether it is time to show it: at most ten a second on
 * a terminal. The library does not print; the caller does. */
typedef struct {
    int64_t total, done; /* samples            */
    double  start, last; /* seconds, monotonic */
    int     width;       /* columns that a line may take; 0: 66, with 13 before it one of 79 */
} tp_progress;
/* Sets all of *p; the width is the caller's to change. */
TP_API void tp_progress_start(tp_progress *p, int64_t total);
/* Counts n more; true where a line is due. */
TP_API bool tp_progress_add(tp_progress *p, int64_t n);
/* "[=====>     ]  45 %  loss 0.4321  123456 samples/s  0:12 left"; as snprintf. The bar takes what is left of the width;
 * where nothing is, there is no bar, and then the line ends earlier. */
TP_API int    tp_progress_format(const tp_progress *p, double loss, char *buffer, size_t n);
TP_API double tp_progress_seconds(const tp_progress *p);

#ifdef __cplusplus
}
#endif
#endif
