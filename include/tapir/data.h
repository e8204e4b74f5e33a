/* data.h - what a training program needs around the training: batches, progress, metrics. */
#ifndef TAPIR_DATA_H
#define TAPIR_DATA_H

#include "dataset.h"
#include "metrics.h"
#include "op.h"
#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Batches of a dataset's samples: in order, shuffled, or as a sampler has it, a new order at
 * each tp_loader_start. Orders are torch's for the same seed: a start draws a number from the tape's generator as torch's iterator
 * does (whether it shuffles or not), and then what its sampler draws.
 *
 *     tp_loader *loader = tp_loader_of(T, data, &(tp_loader_options){.batch_size = 64, .shuffle = true, .num_workers = 2});
 *     tp_tensor *batch[2];
 *     for (int epoch = 0; epoch < 10; epoch++) {
 *         tp_loader_start(T, loader);
 *         while (tp_loader_next(T, loader, batch))
 *             ...
 *     }
 *
 * A batch's tensors are the tape's like any others, in memory that the loader uses again when the last that looks at it is
 * gone: after a reset, or when what was kept of it is freed.
 *
 * Workers are threads that make batches ahead, at most prefetch_factor for each of them. Order and values do not depend on
 * how many there are: where none is needed, none can be made (the system gives no thread, or no memory for it) or one has lost
 * its core, the caller's thread makes the next batch itself. They block signals as all threads of the library's do
 * (tape.h), compute on one thread each, and end when there has been nothing to do for a fifth of a second; a loader that is
 * freed, or started anew in the middle of an epoch, waits for the sample that each is at. The child of a fork has none of them
 * and goes on with workers of its own. Free a loader before the library is unloaded; exit() gives workers a third of a second
 * to come to an end.
 *
 * The user's functions (a dataset's, collate) run on tapes of the loader's own: in several threads at once where there are
 * workers, and perhaps in the caller's. They may call anything of the library's on the tape that they are given, and what
 * threads may share; not this loader. Such a tape's generator is seeded for each batch anew, by the number that the start drew
 * and the batch's place in the epoch: so what they draw is the same for any number of workers, and after a load. What fails
 * there fails the tape of the tp_loader_next whose turn the batch is; after tp_clear_error the next call tries that batch
 * again, in the caller's thread. */
typedef struct tp_loader tp_loader;

/* Makes a batch of n samples: samples[i * width + k] is tensor k of the i-th. What it puts in batch[0], batch[1], ... is on T, or
 * owned: then it is copied. What is not TP_OK fails the batch. */
typedef tp_status (*tp_collate_fn)(tp_tape *T, void *user, int64_t n, int width, tp_tensor *const *samples,
                                   tp_tensor **batch);
typedef struct {
    int64_t          batch_size; /* 0: 1 */
    bool             shuffle, drop_last;
    int              num_workers;     /* threads that make batches ahead; 0: none       */
    int              prefetch_factor; /* batches ahead for each of them; 0: 2           */
    tp_data_sampler *sampler;         /* instead of shuffle; one of batches instead of batch_size and drop_last, too */
    tp_collate_fn    collate;         /* NULL: samples, of one dtype and shape, one upon the other: [n, ...] */
    void            *user;            /* of collate */
    int              collate_width;   /* how many tensors it makes; 0: as many as a sample has */
    TP_RESERVED(4);
} tp_loader_options;
/* torch.utils.data.DataLoader; the dataset is held. */
TP_API tp_loader *tp_loader_of(tp_tape *T, tp_dataset *dataset, const tp_loader_options *options);
/* Of the rows of n tensors, whose storage it shares (tp_tensor_dataset). */
TP_API tp_loader *tp_loader_new(tp_tape *T, int n, tp_tensor *const *tensors, const tp_loader_options *options);
TP_API void       tp_loader_free(tp_loader *loader);
TP_API int64_t    tp_loader_length(const tp_loader *loader); /* batches an epoch          */
TP_API int        tp_loader_width(const tp_loader *loader);  /* tensors in a batch        */
TP_API tp_status  tp_loader_start(tp_tape *T, tp_loader *loader);
/* The next batch as tensors of the tape; false at the end of the epoch, before the first start, or after a failure. */
TP_API bool tp_loader_next(tp_tape *T, tp_loader *loader, tp_tensor **batch) TP_MUST_CHECK;

/* Where in its epoch it is, whatever workers are ahead: "at", the next sample of the order; the "order" [n], TP_I64; the epoch's
 * "base_seed"; and, of a sampler that says where batches end, "ends". */
TP_API tp_state_dict *tp_loader_state_dict(tp_tape *T, const tp_loader *loader);
/* Goes on from there; other keys, or an order that is none of this loader's, is TP_EINVAL or TP_ESHAPE, and nothing is changed.
 * Without "base_seed" it is 0. */
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
