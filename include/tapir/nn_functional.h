/* nn_functional.h - convolutions, pooling, activation functions, normalization, softmax and losses as functions
 * (torch.nn.functional).
 * ops.h says what holds for all operators.
 */
#ifndef TAPIR_NN_FUNCTIONAL_H
#define TAPIR_NN_FUNCTIONAL_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- convolutions ----------------------------------------------------------------------------
 *
 * How they are made. float32 by 3 x 3 weights over planes, stride 1, no dilation, with 16 to 1024 channels a group on both sides,
 * its gradients, and conv_transpose2d alike, by Winograd's algorithm F(4 x 4, 3 x 3), with a quarter of the products, where
 * there are enough pixels for it to pay: 9 for each 54 of 4 x 4 tiles and 24 more. Others by sums over the taps: directly where
 * a group has few channels (up to 16 of what is made, stride 1), as products of planes (1 x 1) or of pixels with the weights.
 *
 * How exact they are. A sum of n products has an error of at most n u sum |x w|, u = 2^-24 (float64: 2^-53), mostly of a few
 * u sqrt(n). By Winograd's algorithm it is at most about 1e-5 of |y| + the root of the mean of y^2 (2e-5 was the most that was
 * seen, with 1000 channels); and a pixel that is much larger than others disturbs results beside it that do not see it, up to
 * twice as much. So it is not used where a pixel of an image is more than 128 times the root of the mean of the squares of that
 * image (of x, or of y's gradient), where the largest of it is not 0 and beyond [2^-75, 2^35], a weight beyond 2^35, the largest
 * products below 2^-100, or anything not finite. It is not exact of integers, nor of the identity.
 * tp_tape_use_winograd(T, false) does without it.
 *
 * What is not finite. A result that sees an infinity or a NaN has what the arithmetic makes of it, and no other has. Padding
 * counts as zeros that are read: a weight that is infinite makes NaN (0 inf) at the border, where it meets padding.
 *
 * Memory beside the result, while a call runs: 400 KiB for each processor that has a part in it, and the weights once more; by
 * Winograd's algorithm 1.4 MiB for each forward and by input, 4 MiB by weight, and four times the
 * weights. By weight, where a sum is made in parts, at most 16 times the weights. The same bits come out on any number of
 * threads. */

/* How much 0 lies round x: as many as `padding` says on both sides, what keeps the size (a stride of 1 is needed; where the
 * number is odd the larger half lies behind), or none. */
typedef enum { TP_PADDING_SIZES = 0, TP_PADDING_SAME, TP_PADDING_VALID } tp_padding_kind;
/* An entry for each dimension of space: torch's stride=2 is {2, 2} of an image; {2} is (2, 1). torch's defaults where it is 0. */
typedef struct {
    int64_t         stride[3]; /* 0: 1 */
    int64_t         padding[3];
    int64_t         dilation[3];       /* 0: 1 */
    int64_t         output_padding[3]; /* of transposed convolutions: added to the size, behind */
    int64_t         groups;            /* 0: 1 */
    tp_padding_kind padding_kind;      /* not of transposed convolutions */
    TP_RESERVED(4);
} tp_conv_options;
/* y[n, o, p] = bias[o] + sum over c and k of x[n, c, p stride - padding + k dilation] weight[o, c, k], of x [n, in, l],
 * [n, in, h, w] or [n, in, d, h, w], or without n; weight [out, in / groups, k..]; bias [out] or NULL. Each of `groups` groups of
 * channels of x makes as many of y. A size comes to (x + 2 padding - dilation (k - 1) - 1) / stride + 1, rounded down
 * (TP_ESHAPE where that is less than 1). One dtype, any but bool (TP_EDTYPE); TP_EINVAL for options out of range. */
TP_API tp_tensor *tp_conv1d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
TP_API tp_tensor *tp_conv2d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
TP_API tp_tensor *tp_conv3d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                            const tp_conv_options *options);
/* The gradient of a convolution by its input, as a function: each x[n, c, p] adds x[n, c, p] weight[c, o, k] to
 * y[n, o, p stride - padding + k dilation]. weight [in, out / groups, k..]. A size comes to
 * (x - 1) stride - 2 padding + dilation (k - 1) + output_padding + 1; output_padding is less than the stride or the dilation
 * (TP_EINVAL). */
TP_API tp_tensor *tp_conv_transpose1d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);
TP_API tp_tensor *tp_conv_transpose2d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);
TP_API tp_tensor *tp_conv_transpose3d(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias,
                                      const tp_conv_options *options);
/* ---- pooling ---------------------------------------------------------------------------------
 *
 * Of x [n, c, l], [n, c, h, w] or [n, c, d, h, w], floats (TP_EDTYPE), or without n; no size but n is 0 (TP_ESHAPE). A kernel is
 * tp_shape(2), for all dimensions of space, or has a size for each. */

/* An entry for each dimension of space: torch's stride=2 is {2, 2} of an image. torch's defaults where it is 0. */
typedef struct {
    int64_t stride[3];   /* 0: the kernel's size */
    int64_t padding[3];  /* on both sides; at most half the kernel */
    int64_t dilation[3]; /* 0: 1; of max pooling alone */
    bool    ceil_mode;   /* a last window may go beyond the end */
    bool    exclude_pad; /* the padding does not count in a mean (torch's count_include_pad=False) */
    int64_t divisor;     /* of average pooling, instead of how many elements there are (divisor_override); 0: none */
    TP_RESERVED(4);
} tp_pool_options;
/* The largest of each window; padding does not count, NaN is the largest. A size comes to
 * (x + 2 padding - dilation (k - 1) - 1) / stride + 1, rounded down, or with ceil_mode up (TP_ESHAPE where that is less than
 * 1). Where indices is not NULL it gets where they are (the first of several), as row-major places in the space of x, TP_I64. */
TP_API tp_tensor *tp_max_pool1d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options,
                                tp_tensor **indices);
TP_API tp_tensor *tp_max_pool2d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options,
                                tp_tensor **indices);
TP_API tp_tensor *tp_max_pool3d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options,
                                tp_tensor **indices);
/* As torch's max_unpool: zeros, but for x at these indices (TP_I64, of x's shape; TP_EINDEX), of places named twice the last
 * one. A size comes to (x - 1) stride - 2 padding + k, or to output_size, which is less than a stride off (TP_EINVAL). */
typedef struct {
    int64_t stride[3]; /* 0: the kernel's size */
    int64_t padding[3];
    tp_dims output_size; /* of space, or all; empty: as above */
    TP_RESERVED(4);
} tp_unpool_options;
TP_API tp_tensor *tp_max_unpool1d(tp_tape *T, tp_tensor *x, tp_tensor *indices, tp_dims kernel,
                                  const tp_unpool_options *options);
TP_API tp_tensor *tp_max_unpool2d(tp_tape *T, tp_tensor *x, tp_tensor *indices, tp_dims kernel,
                                  const tp_unpool_options *options);
TP_API tp_tensor *tp_max_unpool3d(tp_tape *T, tp_tensor *x, tp_tensor *indices, tp_dims kernel,
                                  const tp_unpool_options *options);
/* The mean of each window, in which padding counts as zeros. Sizes as above. */
TP_API tp_tensor *tp_avg_pool1d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options);
TP_API tp_tensor *tp_avg_pool2d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options);
TP_API tp_tensor *tp_avg_pool3d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options);
/* (sum x^p)^(1/p) of each window, 0 where that sum is below 0. There are stride and ceil_mode only (TP_EINVAL). */
TP_API tp_tensor *tp_lp_pool1d(tp_tape *T, tp_tensor *x, double p, tp_dims kernel, const tp_pool_options *options);
TP_API tp_tensor *tp_lp_pool2d(tp_tape *T, tp_tensor *x, double p, tp_dims kernel, const tp_pool_options *options);
/* Windows such that these sizes come out, from i x / size to (i + 1) x / size, rounded to the outside. One size is for all
 * dimensions; -1 keeps x's (torch's None). */
TP_API tp_tensor *tp_adaptive_max_pool1d(tp_tape *T, tp_tensor *x, tp_dims size, tp_tensor **indices);
TP_API tp_tensor *tp_adaptive_max_pool2d(tp_tape *T, tp_tensor *x, tp_dims size, tp_tensor **indices);
TP_API tp_tensor *tp_adaptive_max_pool3d(tp_tape *T, tp_tensor *x, tp_dims size, tp_tensor **indices);
TP_API tp_tensor *tp_adaptive_avg_pool1d(tp_tape *T, tp_tensor *x, tp_dims size);
TP_API tp_tensor *tp_adaptive_avg_pool2d(tp_tape *T, tp_tensor *x, tp_dims size);
TP_API tp_tensor *tp_adaptive_avg_pool3d(tp_tape *T, tp_tensor *x, tp_dims size);

/* ---- padding, and pixels out of channels ------------------------------------------------------- */

/* What lies round x: 0 (or another value), x mirrored at its edge (which is not doubled), its edge, or its other end. */
typedef enum { TP_PAD_ZEROS = 0, TP_PAD_REFLECT, TP_PAD_REPLICATE, TP_PAD_CIRCULAR } tp_pad_mode;
/* x with so many elements more in front of and behind the last dimension, then the one before, ...: tp_shape(1, 2) or
 * tp_shape(1, 2, 0, 3); below 0 so many are left out (TP_ESHAPE where there are not that many). `value` is what lies round x
 * with TP_PAD_ZEROS. The other modes are for 1 to 3 dimensions, all behind channels, with or without samples, and take no more
 * than there is (TP_ESHAPE). Any dtype. */
TP_API tp_tensor *tp_pad(tp_tape *T, tp_tensor *x, tp_dims padding, tp_pad_mode mode, double value);
/* x [.., c r r, h, w] -> [.., c, h r, w r], and back: blocks of r by r pixels out of as many channels. TP_ESHAPE where sizes are
 * not divisible. */
TP_API tp_tensor *tp_pixel_shuffle(tp_tape *T, tp_tensor *x, int64_t r);
TP_API tp_tensor *tp_pixel_unshuffle(tp_tape *T, tp_tensor *x, int64_t r);
/* x [n, c, ..], of which channel i of group g of `groups` becomes channel i groups + g. */
TP_API tp_tensor *tp_channel_shuffle(tp_tape *T, tp_tensor *x, int64_t groups);

/* ---- space at another size -------------------------------------------------------------------- */

/* What an element is made of: the nearest one (nearest-exact is what others call so, nearest may be one off), a weighted sum of
 * 2 neighbours along each of 1, 2, 3 dimensions, or of 4 along each of 2 (Keys, 1981), or the mean of an area, as
 * tp_adaptive_avg_pool2d. */
typedef enum {
    TP_NEAREST = 0,
    TP_NEAREST_EXACT,
    TP_LINEAR,
    TP_BILINEAR,
    TP_TRILINEAR,
    TP_BICUBIC,
    TP_AREA
} tp_interpolation;
typedef struct {
    tp_dims          size;            /* of space, one for all or each; or empty, and...                       */
    double           scale_factor[3]; /* x's sizes times these, rounded down; the first alone is for all       */
    tp_interpolation mode;
    bool             align_corners;          /* the outermost elements stay where they are; linear and cubic modes    */
    bool             recompute_scale_factor; /* places go by the sizes, not by scale_factor                    */
    bool             antialias; /* what x shrinks by is spread over so many elements; bilinear, bicubic        */
    TP_RESERVED(4);
} tp_interpolate_options;
/* x [n, c, l], [n, c, h, w] or [n, c, d, h, w] at another size. Floats, or TP_U8 for the nearest modes (TP_EDTYPE); TP_ESHAPE
 * where the mode is for other dimensions, TP_EINVAL for options that do not go together. */
TP_API tp_tensor *tp_interpolate(tp_tape *T, tp_tensor *x, const tp_interpolate_options *options);

typedef enum { TP_GRID_BILINEAR = 0, TP_GRID_NEAREST, TP_GRID_BICUBIC } tp_grid_mode;
/* What lies beyond x: 0, its edge, or x mirrored there. */
typedef enum { TP_GRID_ZEROS = 0, TP_GRID_BORDER, TP_GRID_REFLECTION } tp_grid_padding;
typedef struct {
    tp_grid_mode    mode; /* bilinear is trilinear where there is a depth; bicubic is for images (TP_EINVAL) */
    tp_grid_padding padding;
    bool            align_corners; /* -1 and 1 are the middles of the outermost elements, not their outer edges */
    TP_RESERVED(4);
} tp_grid_sample_options;
/* x [n, c, h, w] at the points of grid [n, h2, w2, 2], each (x, y) from -1 to 1 -> [n, c, h2, w2]; or x [n, c, d, h, w] and grid
 * [n, d2, h2, w2, 3] -> [n, c, d2, h2, w2]. Floats of one dtype (TP_EDTYPE). NaN is as -1. On an edge that x is clipped at,
 * the slope is 0. */
TP_API tp_tensor *tp_grid_sample(tp_tape *T, tp_tensor *x, tp_tensor *grid, const tp_grid_sample_options *options);
/* The grid that maps an image of this size [n, c, h, w], or [n, c, d, h, w], by theta [n, 2, 3], or [n, 3, 4]: each point is theta
 * times its own place (x, y, (z,) 1). Jaderberg et al., "Spatial transformer networks", 2015. */
TP_API tp_tensor *tp_affine_grid(tp_tape *T, tp_tensor *theta, tp_dims size, bool align_corners);

/* ---- blocks of images as columns --------------------------------------------------------------- */

typedef struct {
    int64_t stride[2];   /* 0: 1 */
    int64_t padding[2];  /* zeros on both sides */
    int64_t dilation[2]; /* 0: 1 */
    TP_RESERVED(4);
} tp_unfold_options;
/* torch.nn.functional.unfold: the blocks of x [n, c, h, w] as the columns of [n, c k1 k2, blocks], row by row; kernel is
 * tp_shape(k) or tp_shape(k1, k2). There are as many as a convolution makes. x may have no n. Floats (TP_EDTYPE). */
TP_API tp_tensor *tp_im2col(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_unfold_options *options);
/* torch.nn.functional.fold: the image [n, c, h, w] of this size to which the columns of x [n, c k1 k2, blocks] sum up. */
TP_API tp_tensor *tp_col2im(tp_tape *T, tp_tensor *x, tp_dims size, tp_dims kernel, const tp_unfold_options *options);

/* ---- activation functions --------------------------------------------------------------------
 *
 * Of each element, x's shape comes out. relu, sigmoid and tanh are in elementwise.h, one_hot in index.h, rrelu in random.h.
 * Floats, unless more is said (TP_EDTYPE); softplus, log_sigmoid, softsign and tanhshrink make float32 of integers. */

/* x, and slope x below 0; torch's slope is 0.01. */
TP_API tp_tensor *tp_leaky_relu(tp_tape *T, tp_tensor *x, double slope);
/* x, and a learned slope times x below 0: weight is one number, [] or [1], or [channels] for x [n, channels, ...] (TP_ESHAPE),
 * of x's dtype (TP_EDTYPE). */
TP_API tp_tensor *tp_prelu(tp_tape *T, tp_tensor *x, tp_tensor *weight);
/* x between the bounds, and the bounds beyond, whose slope is 0, there as well; torch's are -1 and 1. Of integers, too, with
 * bounds without their fractions, which are not below 0 for uint8 (TP_EINVAL). relu6 is between 0 and 6. */
TP_API tp_tensor *tp_hardtanh(tp_tape *T, tp_tensor *x, double low, double high);
TP_API tp_tensor *tp_relu6(tp_tape *T, tp_tensor *x);
/* x above the threshold, else the value. Of integers, too. */
TP_API tp_tensor *tp_threshold(tp_tape *T, tp_tensor *x, double threshold, double value);
/* 0 from -lambda to lambda, beyond x itself, or x moved towards 0 by lambda, which is 0 or more then (TP_EINVAL); torch's is
 * 0.5. */
TP_API tp_tensor *tp_hardshrink(tp_tape *T, tp_tensor *x, double lambda);
TP_API tp_tensor *tp_softshrink(tp_tape *T, tp_tensor *x, double lambda);
/* (x + 3) / 6 between 0 and 1, and x times that. (The slope of hardsigmoid is the float32 next to 1/6, of float64, too; that of
 * celu is of the float32 next to alpha: as torch's.) */
TP_API tp_tensor *tp_hardsigmoid(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_hardswish(tp_tape *T, tp_tensor *x);
/* x above 0, else alpha (e^x - 1); torch's alpha is 1. Clevert et al., "Fast and accurate deep network learning by exponential
 * linear units", 2016. */
TP_API tp_tensor *tp_elu(tp_tape *T, tp_tensor *x, double alpha);
/* scale elu(x, alpha) with the two numbers that keep mean 0 and variance 1. Klambauer et al., "Self-normalizing neural
 * networks", 2017. */
TP_API tp_tensor *tp_selu(tp_tape *T, tp_tensor *x);
/* x above 0, else alpha (e^(x / alpha) - 1), whose slope at 0 is 1 on both sides; torch's alpha is 1, 0 is TP_EINVAL. */
TP_API tp_tensor *tp_celu(tp_tape *T, tp_tensor *x, double alpha);
TP_API tp_tensor *tp_gelu(tp_tape *T, tp_tensor *x);      /* x P(X <= x) for a standard normal X */
TP_API tp_tensor *tp_gelu_tanh(tp_tape *T, tp_tensor *x); /* x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2 */
TP_API tp_tensor *tp_silu(tp_tape *T, tp_tensor *x);      /* x / (1 + e^-x) */
TP_API tp_tensor *tp_mish(tp_tape *T, tp_tensor *x);      /* x tanh(log(1 + e^x)) */
/* log(1 + e^(beta x)) / beta, and x itself where beta x is above the threshold; tp_softplus has torch's 1 and 20. */
TP_API tp_tensor *tp_softplus(tp_tape *T, tp_tensor *x);
TP_API tp_tensor *tp_softplus_with(tp_tape *T, tp_tensor *x, double beta, double threshold);
TP_API tp_tensor *tp_log_sigmoid(tp_tape *T, tp_tensor *x); /* -log(1 + e^-x) */
TP_API tp_tensor *tp_softsign(tp_tape *T, tp_tensor *x);    /* x / (1 + |x|) */
TP_API tp_tensor *tp_tanhshrink(tp_tape *T, tp_tensor *x);  /* x - tanh x */
/* a times the sigmoid of b, for the halves a and b of x along dim, whose size is even (TP_ESHAPE); torch's dim is -1. */
TP_API tp_tensor *tp_glu(tp_tape *T, tp_tensor *x, int dim);

/* ---- dropout -----------------------------------------------------------------------------------
 *
 * dropout and alpha_dropout are in random.h. These drop whole channels, x[i][j] of x [n, channels, ...], with probability p in
 * [0, 1] (TP_EINVAL), and are x itself where not training. dropout1d takes [n, c, l] or [c, l] (TP_ESHAPE), dropout2d
 * [n, c, h, w], dropout3d [n, c, d, h, w] or [c, d, h, w]. As in torch, the latter two warn of other ranks (tp_warning), of
 * which dropout2d takes the first two dimensions as [n, c], dropout3d the first one as [c]. */

TP_API tp_tensor *tp_dropout1d(tp_tape *T, tp_tensor *x, double p, bool training);
TP_API tp_tensor *tp_dropout2d(tp_tape *T, tp_tensor *x, double p, bool training);
TP_API tp_tensor *tp_dropout3d(tp_tape *T, tp_tensor *x, double p, bool training);
/* Channels as alpha_dropout does elements; 2 dimensions or more (TP_ESHAPE). */
TP_API tp_tensor *tp_feature_alpha_dropout(tp_tape *T, tp_tensor *x, double p, bool training);

/* ---- normalization --------------------------------------------------------------------------- */

/* (x - mean) / sqrt(var + eps) weight + bias, mean and (biased) variance over the last dimensions, which are of
 * `normalized_shape` (TP_ESHAPE); weight and bias are of that shape too, or NULL; x's shape and dtype come out, x is a
 * float (TP_EDTYPE). torch's eps is 1e-5. Ba, Kiros and Hinton, "Layer normalization", 2016. */
TP_API tp_tensor *tp_layer_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, tp_tensor *bias,
                                double eps);
/* x / sqrt(mean of x^2 + eps) weight, the same way; weight may be NULL. eps 0: the dtype's epsilon, torch's default; TP_ZERO: 0.
 * Zhang and Sennrich, "Root mean square layer normalization", 2019. */
TP_API tp_tensor *tp_rms_norm(tp_tape *T, tp_tensor *x, tp_dims normalized_shape, tp_tensor *weight, double eps);

/* x / max(|x|_p, eps), with the norms along dim (tp_linalg_vector_norm); torch's p is 2, dim 1, eps 1e-12. */
TP_API tp_tensor *tp_normalize(tp_tape *T, tp_tensor *x, double p, int dim, double eps);

/* Below, x is [n, channels, ...], floats (TP_EDTYPE), weight and bias are [channels] or NULL, and eps is added to a variance.
 * Statistics are gathered in float64, the variance is biased; y = (x - mean) / sqrt(var + eps) weight + bias.
 *
 * running_mean and running_var [channels] are leaves: each call that makes statistics moves them, by
 * running = (1 - momentum) running + momentum statistic, with the unbiased variance, and averaged over samples where each has
 * its own. So does a second call in backward (tp_checkpoint), as in torch. Calls that use them do not. */
typedef struct {
    tp_tensor *weight;   /* [n], or NULL: 1 */
    tp_tensor *bias;     /* [n], or NULL: 0 */
    bool       training; /* by the batch's own statistics, which move the running ones */
    double     momentum; /* 0: 0.1;  TP_ZERO: 0 */
    double     eps;      /* 0: 1e-5; TP_ZERO: 0 */
    TP_RESERVED(4);
} tp_batch_norm_options;
/* By statistics of each channel over all samples, or the running ones, which are needed then (TP_EINVAL) and may be NULL, both,
 * in training. There a single value per channel is TP_ESHAPE. Ioffe and Szegedy, "Batch normalization", 2015. */
TP_API tp_tensor *tp_batch_norm(tp_tape *T, tp_tensor *x, tp_tensor *running_mean, tp_tensor *running_var,
                                const tp_batch_norm_options *options);
typedef struct {
    tp_tensor *running_mean; /* [n], or NULL */
    tp_tensor *running_var;
    tp_tensor *weight;            /* [n], or NULL: 1 */
    tp_tensor *bias;              /* [n], or NULL: 0 */
    bool       use_running_stats; /* torch's use_input_stats=False */
    double     momentum;          /* 0: 0.1;  TP_ZERO: 0 */
    double     eps;               /* 0: 1e-5; TP_ZERO: 0 */
    TP_RESERVED(4);
} tp_instance_norm_options;
/* By statistics of each channel of each sample, of more than one element (TP_ESHAPE). */
TP_API tp_tensor *tp_instance_norm(tp_tape *T, tp_tensor *x, const tp_instance_norm_options *options);
/* By statistics of each of `groups` of channels of each sample, into which they divide evenly, of more than one element in all
 * (TP_ESHAPE). torch's eps is 1e-5. Wu and He, "Group normalization", 2018. */
TP_API tp_tensor *tp_group_norm(tp_tape *T, tp_tensor *x, int64_t groups, tp_tensor *weight, tp_tensor *bias,
                                double eps);

typedef struct {
    double alpha; /* 0: 1e-4; TP_ZERO: 0 */
    double beta;  /* 0: 0.75; TP_ZERO: 0 */
    double k;     /* 0: 1;    TP_ZERO: 0 */
    TP_RESERVED(4);
} tp_local_response_norm_options;
/* x / (k + alpha m)^beta, where m is the mean of x^2 over `size` (1 or more, TP_EINVAL) channels round each, those that are not
 * there being 0: from size / 2 before it to (size - 1) / 2 after it. x has 3 dimensions or more (TP_ESHAPE); of TP_I64, m is
 * whole and float32 comes out, as in torch. Krizhevsky et al., "ImageNet classification with deep convolutional neural
 * networks", 2012. */
TP_API tp_tensor *tp_local_response_norm(tp_tape *T, tp_tensor *x, int64_t size,
                                         const tp_local_response_norm_options *options);

/* ---- embeddings ------------------------------------------------------------------------------------ */

typedef struct {
    bool    has_padding;
    int64_t padding_idx;        /* this row gets no gradient; -1 is the last one (out of range: TP_EINDEX) */
    double  max_norm;           /* 0: none. Larger rows among those used are scaled to it first, in place */
    double  norm_type;          /* 0: 2; above 0 */
    bool    scale_grad_by_freq; /* a row's gradient is divided by how often it was used */
    /* The gradient of a leaf keeps in mind which rows it has: clearing it, and the optimizers that pass over others (SparseAdam;
     * SGD without momentum and decay; Adagrad without decay), touch these alone. Numbers are the same for everyone else. After
     * tp_data of the gradient, and other writers, all rows count until it is cleared. */
    bool sparse;
    TP_RESERVED(4);
} tp_embedding_options;
/* Rows of weight [rows, columns] at index [...], TP_I64 or TP_I32, 0 to rows - 1 (TP_EINDEX) -> [..., columns]. */
TP_API tp_tensor *tp_embedding(tp_tape *T, tp_tensor *index, tp_tensor *weight, const tp_embedding_options *options);
typedef enum { TP_BAG_MEAN, TP_BAG_SUM, TP_BAG_MAX } tp_bag_mode;
typedef struct {
    tp_bag_mode mode;
    tp_tensor  *offsets; /* [bags], where each begins in the index, from 0 on; NULL of an index [bags, entries] */
    tp_tensor  *per_sample_weights;  /* as the index: of each entry, for sums; or NULL */
    bool        include_last_offset; /* offsets is [bags + 1] and has the end of the last one */
    bool        has_padding;
    int64_t     padding_idx; /* entries of this row do not count; -1 is the last one (out of range: TP_EINDEX) */
    double      max_norm, norm_type;        /* as above, as are the next */
    bool        scale_grad_by_freq, sparse; /* not of a maximum (TP_EINVAL) */
    TP_RESERVED(4);
} tp_embedding_bag_options;
/* The means, sums or maxima of bags of rows of weight [rows, columns]: index [entries] with offsets, or [bags, entries]
 * -> [bags, columns]; 0 of empty bags. */
TP_API tp_tensor *tp_embedding_bag(tp_tape *T, tp_tensor *index, tp_tensor *weight,
                                   const tp_embedding_bag_options *options);

/* ---- cells of recurrent nets ------------------------------------------------------------------- */

/* A step: x [batch, in] or [in], the state h [batch, hidden] or [hidden] (and c) before -> h after. Weights are
 * [gates hidden, in] and [gates hidden, hidden], biases [gates hidden] or both NULL; gates are 1, of a GRU 3 (r, z, n), of an
 * LSTM 4 (i, f, g, o), as torch has them. Layers over all steps are modules (nn.h). */
TP_API tp_tensor *tp_rnn_tanh_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                                   tp_tensor *bias_ih, tp_tensor *bias_hh);
TP_API tp_tensor *tp_rnn_relu_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                                   tp_tensor *bias_ih, tp_tensor *bias_hh);
TP_API tp_tensor *tp_gru_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                              tp_tensor *bias_ih, tp_tensor *bias_hh);
/* c after goes to *c_after, where that is not NULL. */
TP_API tp_tensor *tp_lstm_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *c, tp_tensor *weight_ih,
                               tp_tensor *weight_hh, tp_tensor *bias_ih, tp_tensor *bias_hh, tp_tensor **c_after);

/* ---- softmax and losses ---------------------------------------------------------------------- */

/* e^x / sum e^x along dim (TP_EINDEX), and its logarithm, x less the logarithm of that sum: of x's shape, floats (TP_EDTYPE).
 * Shifted by the largest element, so that nothing overflows; where all along dim are -infinity it is NaN, as torch's. */
TP_API tp_tensor *tp_softmax(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_log_softmax(tp_tape *T, tp_tensor *x, int dim);
TP_API tp_tensor *tp_softmin(tp_tape *T, tp_tensor *x, int dim); /* softmax(-x) */
/* A draw of a class with the logits' probabilities, along dim: softmax((logits + Gumbel noise) / tau), which comes nearer to
 * a one-hot vector the smaller tau is (not 0: TP_EINVAL; torch's is 1). hard: that vector itself, with the same gradient. */
TP_API tp_tensor *tp_gumbel_softmax(tp_tape *T, tp_tensor *logits, double tau, bool hard, int dim);

/* What a loss returns: the mean of its terms (the default), their sum, both 0-d, or the terms themselves; tp_kl_div alone
 * also the sum over the size of the first dimension. Others are TP_EINVAL. */
typedef enum { TP_MEAN = 0, TP_SUM, TP_NONE, TP_BATCHMEAN } tp_reduction;

/* Of options, 0 or NULL is torch's default; TP_ZERO says zero where that differs. */

/* (x - target)^2 and |x - target|, x and target floats. Shapes that differ are broadcast, and warned of (tp_warning); those
 * that do not fit are TP_ESHAPE. The slope of |x - target| at 0 is 0. */
TP_API tp_tensor *tp_mse_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
typedef struct {
    double       beta; /* 0: 1; TP_ZERO: the loss is |x - target|; below 0 is TP_EINVAL */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_smooth_l1_options;
typedef struct {
    double       delta; /* 0: 1; TP_ZERO and below 0 are TP_EINVAL */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_huber_options;
/* With z = |x - target|, shapes as above: z^2 / (2 beta) where z < beta, else z - beta / 2. And z^2 / 2 where z <= delta, else
 * delta (z - delta / 2). */
TP_API tp_tensor *tp_smooth_l1_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_smooth_l1_options *options);
TP_API tp_tensor *tp_huber_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_huber_options *options);
/* -(t log x + (1 - t) log(1 - x)) of probabilities x and targets t in [0, 1] of one shape (TP_ESHAPE); the logarithms are
 * clamped at -100, as torch does. The same of logits, log(1 + e^x) - t x, without going by the probability. */
TP_API tp_tensor *tp_binary_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
TP_API tp_tensor *tp_binary_cross_entropy_with_logits(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                      tp_reduction reduction);
typedef struct {
    tp_tensor   *weight;     /* of each term; what can be expanded to x's shape (TP_ESHAPE). NULL: all 1 */
    tp_tensor   *pos_weight; /* the same of the targets' part, t log x; of logits only (TP_EINVAL)       */
    tp_reduction reduction;  /* a mean is over the number of terms                                       */
    TP_RESERVED(4);
} tp_bce_options;
TP_API tp_tensor *tp_binary_cross_entropy_weighted(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                   const tp_bce_options *options);
TP_API tp_tensor *tp_binary_cross_entropy_with_logits_weighted(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                               const tp_bce_options *options);
typedef struct {
    bool log_target; /* the target is given by its logarithm */
    tp_reduction
        reduction; /* TP_BATCHMEAN is what the divergence of distributions in rows is; x is not 0-d then (TP_ESHAPE) */
    TP_RESERVED(4);
} tp_kl_div_options;
/* t (log t - x) of log-probabilities x and probabilities t, 0 for t = 0; or e^t (t - x). Shapes as of mse_loss. */
TP_API tp_tensor *tp_kl_div(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_kl_div_options *options);
typedef struct {
    bool         no_log_input; /* x is the rate, not its logarithm                              */
    bool         full;         /* adds log t! as Stirling has it, where t > 1                   */
    double       eps;          /* 0: 1e-8; added to a rate before its logarithm                 */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_poisson_nll_options;
/* e^x - t x, or x - t log(x + eps), of counts t. They are broadcast. */
TP_API tp_tensor *tp_poisson_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                      const tp_poisson_nll_options *options);
typedef struct {
    bool         full; /* adds log(2 pi) / 2                              */
    double       eps;  /* 0: 1e-6; the least variance, which is no bound for its derivative */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_gaussian_nll_options;
/* (log v + (x - t)^2 / v) / 2 of means x, targets t, which are broadcast, and variances v: of x's shape, or of that without
 * its last dimension, or with a last one of 1 (TP_ESHAPE); one below 0 is TP_EINVAL. */
TP_API tp_tensor *tp_gaussian_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_tensor *variance,
                                       const tp_gaussian_nll_options *options);
typedef struct {
    double       margin; /* 0: the loss's default */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_margin_loss_options;
/* Of targets 1 and -1: x where it is 1, max(0, margin - x) where it is -1, both of others; the margin is 1 by default. */
TP_API tp_tensor *tp_hinge_embedding_loss(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                          const tp_margin_loss_options *options);
/* log(1 + e^(-t x)) of targets t, 1 or -1. */
TP_API tp_tensor *tp_soft_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
/* max(0, margin - t (x1 - x2)): x1 should be the larger one where t is 1, the smaller one where it is -1. All of as many
 * dimensions (TP_ESHAPE), and broadcast; the margin is 0 by default. */
TP_API tp_tensor *tp_margin_ranking_loss(tp_tape *T, tp_tensor *x1, tp_tensor *x2, tp_tensor *target,
                                         const tp_margin_loss_options *options);
/* 1 - cos(x1, x2) where the target is 1, max(0, cos - margin) where it is -1: x1 and x2 are [n, d], target [n]; or [d], [d] and
 * [] (TP_ESHAPE). The margin is 0 by default. */
TP_API tp_tensor *tp_cosine_embedding_loss(tp_tape *T, tp_tensor *x1, tp_tensor *x2, tp_tensor *target,
                                           const tp_margin_loss_options *options);
typedef struct {
    double       margin; /* 0: 1                                                             */
    double       p, eps; /* of tp_pairwise_distance, the distance by default: 0: 2, and 1e-6 */
    bool         swap;   /* the negative's distance is that to the nearer of the two others  */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_triplet_options;
/* max(0, d(anchor, positive) - d(anchor, negative) + margin) of tensors [..., n] of as many dimensions (TP_ESHAPE). */
TP_API tp_tensor *tp_triplet_margin_loss(tp_tape *T, tp_tensor *anchor, tp_tensor *positive, tp_tensor *negative,
                                         const tp_triplet_options *options);
/* The distance of a and b, made on T; NULL after a failure. */
typedef tp_tensor *(*tp_distance_fn)(tp_tape *T, tp_tensor *a, tp_tensor *b, void *user);
/* The same of another distance; NULL: as above. */
TP_API tp_tensor *tp_triplet_margin_with_distance_loss(tp_tape *T, tp_tensor *anchor, tp_tensor *positive,
                                                       tp_tensor *negative, tp_distance_fn distance, void *user,
                                                       const tp_triplet_options *options);
typedef struct {
    int          p;      /* 1 or 2 (TP_EINVAL); 0: 1                     */
    double       margin; /* 0: 1                                         */
    tp_tensor   *weight; /* [classes], of the targets' classes, or NULL  */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_multi_margin_options;
/* Sum over the classes i but t of max(0, margin - x[t] + x[i])^p / c: x [n, c] and target [n], TP_I64 in [0, c) (TP_EINDEX); or
 * x [c] and one target. */
TP_API tp_tensor *tp_multi_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                       const tp_multi_margin_options *options);
/* The sum of these, p and margin 1, over the right classes t of a row, i being the others: target [n, c], TP_I64, lists the
 * right ones, up to the first -1; or both are [c]. */
TP_API tp_tensor *tp_multilabel_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
typedef struct {
    tp_tensor   *weight; /* of each class; what can be expanded to x's shape. NULL: all 1 */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_multilabel_soft_margin_options;
/* The mean over the last dimension of tp_binary_cross_entropy_with_logits, x not 0-d. */
TP_API tp_tensor *tp_multilabel_soft_margin_loss(tp_tape *T, tp_tensor *x, tp_tensor *target,
                                                 const tp_multilabel_soft_margin_options *options);
typedef struct {
    int64_t      blank;         /* the class that is no label                            */
    bool         zero_infinity; /* targets that are too long for their input do not count */
    tp_reduction reduction;     /* a mean is of the losses over their targets' lengths    */
    TP_RESERVED(4);
} tp_ctc_options;
/* - log of the probability of targets, spread in any way over time with blanks between: log_probs [time, n, classes], of
 * log_softmax; targets [n, most], or one after the other [sum of lengths]; input_lengths and target_lengths [n]; integers. Or
 * log_probs [time, classes] and the rest of one. Infinite where no way is there. The gradient is torch's, right through
 * log_softmax. Graves et al., "Connectionist temporal classification", 2006. */
TP_API tp_tensor *tp_ctc_loss(tp_tape *T, tp_tensor *log_probs, tp_tensor *targets, tp_tensor *input_lengths,
                              tp_tensor *target_lengths, const tp_ctc_options *options);
typedef struct {
    tp_tensor *weight;     /* [classes], or NULL                           */
    bool       has_ignore; /* use ignore_index below; otherwise it is -100 */
    int64_t
        ignore_index; /* targets of this value do not count; not of probabilities (TP_EINVAL where it is 0 or more) */
    double       label_smoothing; /* in [0, 1]; cross entropy only                */
    tp_reduction reduction;
    TP_RESERVED(4);
} tp_class_loss_options;
/* -weight[t] x[t], of log-probabilities x [n, c] (or [c], or [n, c, ...]) and classes target [n] (or [], [n, ...]), TP_I64 in
 * [0, c) or ignore_index (TP_EINDEX). TP_MEAN divides by the sum of the weights that count; all ignored: NaN, with a gradient
 * of zero. */
TP_API tp_tensor *tp_nll_loss(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);
/* The same of log_softmax(x), of logits x and classes (TP_I64), or class probabilities of x's shape. label_smoothing s takes
 * (1 - s) of a target and spreads s over all classes. */
TP_API tp_tensor *tp_cross_entropy(tp_tape *T, tp_tensor *x, tp_tensor *target, const tp_class_loss_options *options);

#ifdef __cplusplus
}
#endif
#endif
