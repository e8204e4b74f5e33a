/* image.h - pictures in files: PNG (with libpng), and PNM, which is PBM, PGM and PPM. As of all files (io.h): nothing in them is
 * trusted, and what is written takes the place of the old file when it is whole.
 *
 * A picture is a tensor [channels, height, width] as torchvision's: 1 channel is gray, 2 gray and alpha, 3 red, green and blue,
 * 4 these and alpha. TP_U8 has 0 to 255; pictures of 16 bits are TP_I32, 0 to 65535. tp_permute makes [height, width, channels]
 * of them.
 */
#ifndef TAPIR_IMAGE_H
#define TAPIR_IMAGE_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which channels a picture is to have; the numbers are how many. */
typedef enum {
    TP_IMAGE_UNCHANGED, /* those of the file; of a palette its colours */
    TP_IMAGE_GRAY,      /* of colours 0.299 r + 0.587 g + 0.114 b (ITU-R BT.601) */
    TP_IMAGE_GRAY_ALPHA,
    TP_IMAGE_RGB,
    TP_IMAGE_RGB_ALPHA
} tp_image_mode;

/* The picture as a tensor of the tape (torchvision.io.read_image). The file's first bytes say what it is, not its name. Fewer
 * than 8 bits, and PNM's with another largest value, are scaled to 0 ... 255 or 0 ... 65535. Alpha that is asked for and not there
 * is full; one that is not asked for is dropped. TP_EUNSUPPORTED of a PNG in a library without libpng. */
TP_API tp_tensor *tp_image_load(tp_tape *T, const char *path, tp_image_mode mode);

typedef struct {
    int  compression; /* of PNG: 1 (fast) to 9 (small); 0: 6 */
    bool ascii;       /* PNM in digits */
    TP_RESERVED(4);
} tp_image_options;
/* Writes x [channels, height, width] or [height, width] in the format of the path's ending: .png, .pbm, .pgm, .ppm, or .pnm,
 * which is the one of these that has it. TP_U8 and TP_BOOL (black and white) are written in 8 bits, TP_I32 of 0 to 65535 in 16,
 * floats as tp_image_from_float makes them. PNM has no alpha, and .pbm black and white alone: what is half as bright as can be
 * or more is white. */
TP_API tp_status tp_image_save(tp_tape *T, const char *path, tp_tensor *x, const tp_image_options *options);

/* TP_F32 from 0 to 1: TP_U8 by 255, TP_I32 by 65535; floats and TP_BOOL as they are (torchvision's convert_image_dtype). */
TP_API tp_tensor *tp_image_to_float(tp_tape *T, tp_tensor *x);
/* TP_U8 of floats from 0 to 1: 255 x to the nearest; what is beyond is 0 or 255, NaN 0. */
TP_API tp_tensor *tp_image_from_float(tp_tape *T, tp_tensor *x);

#ifdef __cplusplus
}
#endif
#endif
