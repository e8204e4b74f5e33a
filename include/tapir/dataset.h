/* dataset.h - where samples come from, and in which order: datasets and samplers, for loaders (data.h).
 *
 *     tp_dataset *all = tp_tensor_dataset(T, 2, (tp_tensor *[]){x, y}), *part[2];
 *     tp_random_split_fractions(T, all, 2, (double[]){0.8, 0.2}, part);
 *     tp_loader *train = tp_loader_of(T, part[0], &(tp_loader_options){.batch_size = 64, .shuffle = true});
 *     tp_dataset_free(all);
 *     tp_dataset_free(part[0]);
 *     tp_dataset_free(part[1]);
 *
 * Lives. Datasets and samplers are counted: what is made of one holds it, and so does a loader. Each is freed once by who
 * made it, at any time, and is there until nobody holds it. They never change, so threads may share them; but for
 * tp_sampler_set_epoch.
 *
 * Orders are PyTorch's for the same seed: what is drawn is drawn from the tape's generator as torch draws it from its default
 * one, and a tape with a seed of its own is torch's generator=.
 */
#ifndef TAPIR_DATASET_H
#define TAPIR_DATASET_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- datasets -------------------------------------------------------------------------------- */

/* `length` samples, each of so many tensors (picture and label: two). */
typedef struct tp_dataset tp_dataset;

/* The rows of n tensors, which have as many (torch.utils.data.TensorDataset). Nothing is copied: their storage is shared,
 * whatever their strides, and read where a sample is asked for; so they may lie in a mapped file that is larger than memory. */
TP_API tp_dataset *tp_tensor_dataset(tp_tape *T, int n, tp_tensor *const *tensors);

/* Makes sample `index` of a dataset of your own, on T: sample[0], sample[1], ... Owned tensors will do, too. What is not
 * TP_OK fails the call that wanted the sample, with tp_fail's message where there was one. Nothing is recorded meanwhile.
 * For a loader T is a tape of its own, in whatever thread: see data.h. */
typedef tp_status (*tp_dataset_get_fn)(tp_tape *T, void *user, int64_t index, tp_tensor **sample);
typedef struct {
    void (*free_user)(void *user); /* called when the dataset goes; not where it could not be made */
    TP_RESERVED(4);
} tp_dataset_options;
/* `length` samples of `width` tensors that a function makes (torch.utils.data.Dataset with its __getitem__). */
TP_API tp_dataset *tp_dataset_new(tp_tape *T, int64_t length, int width, tp_dataset_get_fn get, void *user,
                                  const tp_dataset_options *options);

/* These n samples of another one, in this order (torch.utils.data.Subset). Negative ones count from its end. */
TP_API tp_dataset *tp_subset(tp_tape *T, tp_dataset *of, int64_t n, const int64_t *indices);
/* One after the other; n of the same width (torch.utils.data.ConcatDataset). */
TP_API tp_dataset *tp_concat_dataset(tp_tape *T, int n, tp_dataset *const *parts);
/* n subsets without a sample in common, of these lengths, which add up to the whole: parts[0], parts[1], ... by a permutation
 * from the tape's generator. All are NULL after a failure. */
TP_API tp_status tp_random_split(tp_tape *T, tp_dataset *of, int n, const int64_t *lengths, tp_dataset **parts);
/* The same by fractions, which add up to 1 (rounded down; what is left over goes one each to the first ones). */
TP_API tp_status tp_random_split_fractions(tp_tape *T, tp_dataset *of, int n, const double *fractions,
                                           tp_dataset **parts);
TP_API void      tp_dataset_free(tp_dataset *dataset);
TP_API int64_t   tp_dataset_length(const tp_dataset *dataset);
TP_API int       tp_dataset_width(const tp_dataset *dataset); /* tensors in a sample */
/* One sample (dataset[index], from the end where it is negative): its tensors on T. Those of a tensor dataset share its
 * storage. All are NULL after a failure. */
TP_API tp_status tp_dataset_get(tp_tape *T, tp_dataset *dataset, int64_t index, tp_tensor **sample);

/* ---- samplers -------------------------------------------------------------------------------- */

/* Which samples an epoch takes, in which order: a loader asks at the beginning of each. (op.h has a tp_sampler, of
 * operators' test inputs.) */
typedef struct tp_data_sampler tp_data_sampler;

/* 0 to n - 1 (torch.utils.data.SequentialSampler). */
TP_API tp_data_sampler *tp_sequential_sampler(tp_tape *T, int64_t n);
typedef struct {
    bool    replacement; /* each is drawn from all n                                                      */
    int64_t num_samples; /* 0: n; more than n without replacement are several permutations                 */
    tp_tape *
        generator; /* drawn from this tape's, which lives as long; NULL: from one that is seeded by the tape's at hand */
    TP_RESERVED(4);
} tp_random_sampler_options;
/* n samples in random order (torch.utils.data.RandomSampler). */
TP_API tp_data_sampler *tp_random_sampler(tp_tape *T, int64_t n, const tp_random_sampler_options *options);
/* These n samples in random order (torch.utils.data.SubsetRandomSampler). */
TP_API tp_data_sampler *tp_subset_random_sampler(tp_tape *T, int64_t n, const int64_t *indices);
/* num_samples draws with probabilities in proportion to weights [n], as tp_multinomial of them in float64
 * (torch.utils.data.WeightedRandomSampler; its replacement is true). */
TP_API tp_data_sampler *tp_weighted_random_sampler(tp_tape *T, tp_tensor *weights, int64_t num_samples,
                                                   bool replacement);
/* Batches of a sampler's samples (torch.utils.data.BatchSampler); drop_last: of batch_size all. */
TP_API tp_data_sampler *tp_batch_sampler(tp_tape *T, tp_data_sampler *of, int64_t batch_size, bool drop_last);
typedef struct {
    int64_t world_size, rank; /* 0: 1 process; which one this is, from 0 on                     */
    bool    no_shuffle;       /* in order; torch's shuffle=False                                */
    bool    drop_last;        /* the same number for each by leaving some out, not by repeating */
    int64_t seed;             /* the same in all processes                                      */
    TP_RESERVED(4);
} tp_distributed_sampler_options;
/* This process's share of n samples (torch.utils.data.distributed.DistributedSampler). All processes draw the permutation of
 * seed + epoch: say the epoch before each. */
TP_API tp_data_sampler *tp_distributed_sampler(tp_tape *T, int64_t n, const tp_distributed_sampler_options *options);
/* Which epoch comes (set_epoch); other samplers do not mind. Not while another thread draws from it. */
TP_API void tp_sampler_set_epoch(tp_data_sampler *sampler, int64_t epoch);

/* An order of your own: samples [n], TP_I64, on T. *ends may be set to where its batches end, [batches] of TP_I64, rising from
 * 1 or more up to n at most; left alone, the loader cuts them. */
typedef tp_tensor *(*tp_sampler_draw_fn)(tp_tape *T, void *user, tp_tensor **ends);
/* `length` is what tp_sampler_length says of it: samples, or where it has ends (`batches`) batches. */
TP_API tp_data_sampler *tp_sampler_new(tp_tape *T, int64_t length, bool batches, tp_sampler_draw_fn draw, void *user);
TP_API void             tp_sampler_free(tp_data_sampler *sampler);
/* Samples of an epoch; of a sampler of batches, batches (torch's len). */
TP_API int64_t tp_sampler_length(const tp_data_sampler *sampler);
/* An epoch's order, [n] of TP_I64 on T: drawn as a loader does. *ends (or NULL) is where the batches end, NULL for a sampler
 * that makes none. */
TP_API tp_tensor *tp_sampler_draw(tp_tape *T, tp_data_sampler *sampler, tp_tensor **ends);

#ifdef __cplusplus
}
#endif
#endif
