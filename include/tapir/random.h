/* random.h - random tensors, from the tape's generator: MT19937, with PyTorch's values.
 *
 * After tp_manual_seed(T, s) every function here gives what PyTorch's CPU generator gives after
 * torch.manual_seed(s), bit for bit. A new tape is seeded as by tp_manual_seed(T, 67280421310721),
 * PyTorch's own default.
 */
#ifndef TAPIR_RANDOM_H
#define TAPIR_RANDOM_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

TP_API void     tp_manual_seed(tp_tape *T, uint64_t seed);
TP_API uint64_t tp_initial_seed(const tp_tape *T);
TP_API uint64_t tp_seed(tp_tape *T); /* seeds from the system's entropy; returns the seed */

TP_API tp_tensor *tp_rand(tp_tape *T, tp_dtype dtype, tp_dims shape);  /* uniform on [0, 1)       */
TP_API tp_tensor *tp_randn(tp_tape *T, tp_dtype dtype, tp_dims shape); /* standard normal         */
/* Whole numbers low <= i < high, all of which an integer dtype must hold (TP_EINVAL). */
TP_API tp_tensor *tp_randint(tp_tape *T, tp_dtype dtype, tp_dims shape, int64_t low, int64_t high);
/* 0 to n - 1 in random order, TP_I64 [n]. */
TP_API tp_tensor *tp_randperm(tp_tape *T, int64_t n);
/* Of x's shape and dtype, contiguous and filled in that order (torch keeps the strides of a transposed x). */
TP_API tp_tensor *tp_rand_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_randn_like(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_randint_like(tp_tape *T, tp_tensor *x, int64_t low, int64_t high);
/* Normal numbers with means and deviations of their own (torch.normal): tp_add(T, mean, tp_mul(T, std, randn)). */
/* 1 with probability p, a tensor of them in [0, 1] (TP_EINVAL), else 0, of p's shape and float dtype. No gradient. */
TP_API tp_tensor *tp_bernoulli(tp_tape *T, tp_tensor *p);
/* Whole numbers with the Poisson distribution of each rate in [0, 2^62] (TP_EINVAL), of the rates' shape and float
 * dtype. No gradient. */
TP_API tp_tensor *tp_poisson(tp_tape *T, tp_tensor *rates);
/* Zero with probability p in [0, 1] (TP_EINVAL; torch's is 0.5), the rest scaled by 1 / (1 - p); x itself where not
 * training. Srivastava et al., "Dropout", 2014. */
TP_API tp_tensor *tp_dropout(tp_tape *T, tp_tensor *x, double p, bool training);

/* [samples] positions (TP_I64) of weights [n], with probabilities in proportion; or a row for each of [rows, n].
 * Weights are floats, finite, none below 0 and not all 0 in a row; without replacement (torch's default) no more are
 * drawn than are above 0. TP_EINVAL otherwise. No gradient. */
TP_API tp_tensor *tp_multinomial(tp_tape *T, tp_tensor *weights, int64_t samples, bool replacement);
/* Dropout that keeps mean and variance of what selu makes; floats. Klambauer et al., "Self-normalizing neural
 * networks", 2017. */
TP_API tp_tensor *tp_alpha_dropout(tp_tape *T, tp_tensor *x, double p, bool training);
/* x, times a slope drawn from [lower, upper) where x <= 0 (torch: 1/8, 1/3); their mean where not training. */
TP_API tp_tensor *tp_rrelu(tp_tape *T, tp_tensor *x, double lower, double upper, bool training);

/* The generator's state: TP_U8 [5056], the bytes of torch.get_rng_state; others are TP_EINVAL. */
TP_API tp_tensor *tp_get_rng_state(tp_tape *T);
TP_API tp_status  tp_set_rng_state(tp_tape *T, tp_tensor *state);

/* Draws into a tensor that was not computed and lies contiguously (TP_EINVAL), element by element (Tensor.bernoulli_
 * and so on); floats, but for bernoulli_, geometric_ and random_, which take any dtype (TP_EDTYPE). Parameters that
 * are of no distribution are TP_EINVAL. */
TP_API tp_status tp_bernoulli_(tp_tape *T, tp_tensor *x, double p);
TP_API tp_status tp_exponential_(tp_tape *T, tp_tensor *x, double rate);
TP_API tp_status tp_log_normal_(tp_tape *T, tp_tensor *x, double mean, double std); /* exp of a normal */
TP_API tp_status tp_cauchy_(tp_tape *T, tp_tensor *x, double median, double scale);
TP_API tp_status tp_geometric_(tp_tape *T, tp_tensor *x, double p); /* trials until the first success */
TP_API tp_status tp_random_(tp_tape *T, tp_tensor *x); /* whole numbers from 0 to the largest that is exact */
/* Fill a contiguous float tensor that was not computed, as torch.nn.init does: low <= high, std >= 0 (TP_EINVAL). */
TP_API tp_status tp_uniform_(tp_tape *T, tp_tensor *x, double low, double high);
TP_API tp_status tp_normal_(tp_tape *T, tp_tensor *x, double mean, double std);

#ifdef __cplusplus
}
#endif
#endif
