/* image.h - pictures as rows of pixels, between files and tensors. */
#ifndef TAPIR_IO_IMAGE_H
#define TAPIR_IO_IMAGE_H

#include "io/bytes.h"
#include "tape/tape.h"
#include "tapir/image.h"

/* Row by row, the channels of a pixel side by side: a byte each, or a uint16_t where depth is 16. */
typedef struct {
    int64_t height, width;
    int channels, depth;
    unsigned char *data;
} tp__pixels;

/* Room for the pixels of this height, width, channels and depth; false: no memory, or more than can be counted. */
bool tp__pixels_make(tp__pixels *p);
void tp__pixels_free(tp__pixels *p);
/* Number i of them. */
int32_t tp__pixels_at(const tp__pixels *p, int64_t i);
static inline size_t tp__pixels_row(const tp__pixels *p)
{
    return (size_t)p->width * (size_t)p->channels * (size_t)(p->depth / 8);
}

/* What x is as pixels: x [channels, height, width] or [height, width] of a dtype that pictures have. */
tp_status tp__pixels_of(tp_tape *T, const char *who, tp_tensor *x, tp__pixels *p);

/* Of a file in memory, which begins as one of its format. False after a failure, which T tells, with nothing left. */
bool tp__png_decode(tp_tape *T, const char *who, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p);
bool tp__pnm_decode(tp_tape *T, const char *who, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p);
tp_status tp__png_encode(tp_tape *T, const char *who, const tp__pixels *p, int compression, tp__bytes *to);
/* kind 'b', 'g' or 'p' (of .pbm, ...). */
void tp__pnm_encode(const tp__pixels *p, char kind, bool ascii, tp__bytes *to);

#endif
