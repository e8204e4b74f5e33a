/* batch.h - one batch, made on a tape of the loader's and handed over as headers that hold their storage. */
#ifndef TAPIR_DATA_BATCH_H
#define TAPIR_DATA_BATCH_H

#include "data/dataset.h"
#include "data/sampler.h"
#include "tapir/data.h"

/* Of what, and how; the same for all batches. */
typedef struct {
    tp_dataset *data;
    tp_collate_fn collate;
    void *user;
    int width;          /* tensors of a batch */
    atomic_bool cancel; /* nobody wants what is being made */
} tp__recipe;

/* An epoch, which only its loader changes, and only while no worker is at work. */
typedef struct {
    tp__order order;
    int64_t first, size, batches; /* samples before batch 0, which is 0 but after a load; of each batch but the last */
    uint64_t base_seed;
} tp__epoch;
/* Where batch b begins in the order; of the one behind the last, where the last ends. Where the order says where batches end,
 * the size is not asked. */
static inline int64_t tp__epoch_at(const tp__epoch *e, int64_t b)
{
    if (e->order.has_ends)
        return b > 0 ? e->order.ends[b - 1] : 0;
    return b <= (e->order.n - e->first) / e->size ? e->first + b * e->size : e->order.n;
}

/* Batch b as headers out[0] to out[width - 1], each with a count of its storage; none where W has failed, which holds nothing of
 * it then. */
tp_status tp__batch_make(tp_tape *W, const tp__recipe *r, const tp__epoch *e, int64_t b, tp_tensor *out);
void tp__batch_drop(int width, tp_tensor *out);

#endif
