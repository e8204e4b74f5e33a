/* pixels.h - pixels out of channels, and back. */
#ifndef TAPIR_KERNEL_PIXELS_H
#define TAPIR_KERNEL_PIXELS_H

#include "kernel/kernel.h"

/* channels [n, r, r, h, w], pixels [n, h, r, w, r], whose elements have so many bytes. */
typedef struct {
    size_t size;
    int64_t n, r, h, w;
} tp__pixels;

void tp__pixels_of_channels(const tp__pixels *p, const void *channels, void *pixels);
void tp__channels_of_pixels(const tp__pixels *p, const void *pixels, void *channels);

#endif
