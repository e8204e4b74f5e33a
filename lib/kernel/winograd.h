/* winograd.h - what conv_winograd.c is made of, compiled for each instruction set (vec_winograd.c): float32 alone.
 *
 * A tile is 4 x 4 pixels of the result and the 6 x 6 of x that these see. Along one dimension, four results r = sum over k of
 * x[. + k] w[k] are values of a product of polynomials, which is made at six points (S. Winograd, "Arithmetic complexity of
 * computations", 1980; A. Lavin and S. Gray, "Fast algorithms for convolutional neural networks", 2016):
 *
 *     r = A' (B' x . G w),    points 0, +-sqrt(1/2), +-sqrt(2), infinity,
 *
 * with which errors stay small, B being of the polynomial x (x^2 - 1/2) (x^2 - 2) = x^5 - 5/2 x^3 + x; in two dimensions
 * A' (B' x B . G w G') A: 36 products a tile and pair of channels instead of 144. What is multiplied is
 *
 *     v = B' x B of x,    z = A y A' of y,    u = G w G' of w;
 *     y = A' (sum of v u) A,    w = G' (sum of v z) G,    x = B (sum of z u) B', where tiles overlap added up.
 *
 * Pixels lie in a scratch of their own, 16 channels of each side by side; points as [36] matrices [tiles, channels]. */
#ifndef TAPIR_KERNEL_WINOGRAD_H
#define TAPIR_KERNEL_WINOGRAD_H

#include "kernel/placed.h"

enum {
    TP__WINOGRAD_POINTS = 36,
    TP__WINOGRAD_OUT = 4, /* pixels of the result along a tile... */
    TP__WINOGRAD_IN = 6,  /* ... and of x                          */
    TP__WINOGRAD_LANES = TP__PLACED_LANES,
    TP__WINOGRAD_PANEL = 64,                 /* columns of a product at once */
    TP__WINOGRAD_LARGEST = (127 + 35) << 23, /* the bits of 2^35... */
    TP__WINOGRAD_LEAST = (127 - 75) << 23    /* ... and of 2^-75: the largest numbers are between these */
};

/* Tiles of which the first pixel is at place at[i] of a scratch, whose rows are `pitch` pixels apart; their points go to, or are
 * in, the matrices at `points`, which are `slab` elements apart and have `row` elements in a row. */
typedef struct {
    int64_t count, pitch, row, slab;
    const int32_t *at;
    float *pixels, *points;
} tp__winograd_tiles;

/* 3 x 3 weights of an output o of at most 16 and of c begin at w + o `output` + c `input`, `flipped`: are in reverse. */
typedef struct {
    int64_t outputs, inputs, output, input;
    bool flipped;
} tp__winograd_weights;

typedef struct {
    void (*points_of_x)(const tp__winograd_tiles *t); /* v */
    void (*points_of_y)(const tp__winograd_tiles *t); /* z */
    void (*pixels_of)(const tp__winograd_tiles *t);   /* A' (...) A */
    void (*add_pixels)(const tp__winograd_tiles *t);  /* B (...) B', added to what is there */
    /* u [36] matrices [inputs, PANEL], `slab` elements apart: 16 columns of it. And back: w (+)= G' u G, u's rows being `row` elements
     * long. */
    void (*points_of_w)(const tp__winograd_weights *s, const float *w, int64_t slab, float *u);
    void (*weights_of)(const tp__winograd_weights *s, const float *u, int64_t row, int64_t slab, bool accumulate,
                       float *w);
    /* The bits of the largest |x|, which are in its order, NaN after infinity; where these are in range, the sum of squares times
     * 2^30, which raises no overflow otherwise either. */
    void (*range)(int64_t n, const float *x, uint32_t *largest, float *squares);
} tp__winograd_table;

TP__TABLE_OF(tp__winograd_table, tp__winograd_table);

#endif
