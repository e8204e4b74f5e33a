/* augment.h - pictures changed at random, for training on them: x [n, c, h, w] -> the same, each picture by draws of its own from
 * the tape's generator. So it goes over a batch, before the network, or in a loader's collate (data.h), ahead in a worker.
 *
 *     x = tp_random_crop(T, tp_random_horizontal_flip(T, batch[0], 0.5), 28, 28, &(tp_random_crop_options){.padding = 2});
 *
 * All have derivatives by x, of any order. Flips, crops and erasing take any dtype, the others floats (TP_EDTYPE). What is not
 * [n, c, h, w] is TP_ESHAPE, a probability that is none, or a value that the dtype does not hold, TP_EINVAL. torchvision has such
 * transforms of one picture; the draws for n are told here in torch's words.
 */
#ifndef TAPIR_AUGMENT_H
#define TAPIR_AUGMENT_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Left to right, top to bottom, with probability p: where torch.rand(n) < p. */
TP_API tp_tensor *tp_random_horizontal_flip(tp_tape *T, tp_tensor *x, double p);
TP_API tp_tensor *tp_random_vertical_flip(tp_tape *T, tp_tensor *x, double p);

typedef struct {
    int64_t padding; /* rows and columns on each side, before */
    double  fill;    /* what is there */
    TP_RESERVED(4);
} tp_random_crop_options;
/* A window, -> [n, c, height, width]: its top row is torch.randint(0, h + 2 padding - height + 1, (n,)), then as many first
 * columns are drawn. With padding and the size of x pictures are moved. TP_ESHAPE where it is larger than the padded picture. */
TP_API tp_tensor *tp_random_crop(tp_tape *T, tp_tensor *x, int64_t height, int64_t width,
                                 const tp_random_crop_options *options);

typedef struct {
    double fill;    /* what comes in at the corners */
    bool   nearest; /* the nearest pixel; otherwise bilinear */
    TP_RESERVED(4);
} tp_random_rotation_options;
/* Turned about the middle, anticlockwise by low + (high - low) torch.rand(n, dtype=float64) degrees; pictures keep their size. */
TP_API tp_tensor *tp_random_rotation(tp_tape *T, tp_tensor *x, double low, double high,
                                     const tp_random_rotation_options *options);

/* x + mean + std torch.randn_like(x), of any shape: tables and single pictures, too */
TP_API tp_tensor *tp_gaussian_noise(tp_tape *T, tp_tensor *x, double mean, double std);

typedef struct {
    double p;                     /* 0: 0.5; TP_ZERO: none                                                  */
    double scale_low, scale_high; /* the rectangle's part of the picture, both 0: 0.02 and 0.33             */
    double ratio_low, ratio_high; /* its height by its width, drawn by its logarithm, both 0: 0.3 and 3.3   */
    double value;                 /* what is there then, in all channels                                    */
    TP_RESERVED(4);
} tp_random_erasing_options;
/* A rectangle of each picture is blotted out, with probability p. Zhong et al., "Random erasing data augmentation", 2017. Of each
 * picture torch.rand(4, dtype=float64) are drawn, for: whether, its size, its ratio, and where it is (the fraction, times the
 * places for it, says which of them); a rectangle that is larger than the picture is cut to its size. */
TP_API tp_tensor *tp_random_erasing(tp_tape *T, tp_tensor *x, const tp_random_erasing_options *options);

#ifdef __cplusplus
}
#endif
#endif
