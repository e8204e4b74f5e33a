/* vec_winograd.c - the loops of convolutions by Winograd's algorithm; compiled once an instruction set (TP__ISA). See winograd.h. */
#include "kernel/winograd.h"
#include "kernel/vector.h"

#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* Of a vector of the registers at hand. */
enum { LANES = VECTOR / sizeof(float) };
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));
typedef uint32_t bits __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float)), may_alias));

enum {
    OUT = TP__WINOGRAD_OUT,
    IN = TP__WINOGRAD_IN,
    POINTS = TP__WINOGRAD_POINTS,
    BLOCK = TP__WINOGRAD_LANES,
    TAPS = 3
};

static ALWAYS_INLINE vec load(const float *x) { return *(const vec *)x; }
static ALWAYS_INLINE void store(float *x, vec v) { *(vec *)x = v; }

/* ---- the transforms along one dimension: from elements `from` apart to elements `to` apart ---- */

static const float A = 0.70710678118654752f, B = 1.41421356237309505f; /* the points */

/* B' x */
static ALWAYS_INLINE void x_line(const vec *d, int from, vec *v, int to)
{
    vec d0 = d[0], d1 = d[from], d2 = d[2 * from], d3 = d[3 * from], d4 = d[4 * from], d5 = d[5 * from];
    vec even = d4 - 2 * d2, odd = d3 - 2 * d1;
    v[0] = (d0 + d4) - 2.5f * d2;
    v[to] = even + A * odd;
    v[2 * to] = even - A * odd;
    even = d4 - 0.5f * d2;
    odd = d3 - 0.5f * d1;
    v[3 * to] = even + B * odd;
    v[4 * to] = even - B * odd;
    v[5 * to] = (d1 + d5) - 2.5f * d3;
}

/* B x */
static ALWAYS_INLINE void x_back_line(const vec *v, int from, vec *d, int to)
{
    vec v0 = v[0], v1 = v[from], v2 = v[2 * from], v3 = v[3 * from], v4 = v[4 * from], v5 = v[5 * from];
    vec s = v1 + v2, s2 = v3 + v4, t = v1 - v2, t2 = v3 - v4;
    d[0] = v0;
    d[to] = v5 - (B * t + A * t2);
    d[2 * to] = -2.5f * v0 - (2 * s + 0.5f * s2);
    d[3 * to] = (A * t + B * t2) - 2.5f * v5;
    d[4 * to] = v0 + s + s2;
    d[5 * to] = v5;
}

/* A y */
static ALWAYS_INLINE void y_line(const vec *y, int from, vec *z, int to)
{
    vec y0 = y[0], y1 = y[from], y2 = y[2 * from], y3 = y[3 * from];
    vec even = y0 + 0.5f * y2, odd = y1 + 0.5f * y3;
    z[0] = y0;
    z[to] = even + A * odd;
    z[2 * to] = even - A * odd;
    even = y0 + 2 * y2;
    odd = y1 + 2 * y3;
    z[3 * to] = even + B * odd;
    z[4 * to] = even - B * odd;
    z[5 * to] = y3;
}

/* A' m */
static ALWAYS_INLINE void result_line(const vec *m, int from, vec *y, int to)
{
    vec m1 = m[from], m2 = m[2 * from], m3 = m[3 * from], m4 = m[4 * from];
    vec s = m1 + m2, d = A * (m1 - m2), s2 = m3 + m4, d2 = B * (m3 - m4);
    y[0] = m[0] + s + s2;
    y[to] = d + d2;
    y[2 * to] = 0.5f * s + 2 * s2;
    y[3 * to] = 0.5f * d + 2 * d2 + m[5 * from];
}

/* G w */
static ALWAYS_INLINE void w_line(const vec *w, int from, vec *u, int to)
{
    vec w0 = w[0], w1 = w[from], w2 = w[2 * from];
    vec even = (w0 + 0.5f * w2) * (-2.0f / 3), odd = w1 * (-2.0f / 3 * A);
    u[0] = w0;
    u[to] = even + odd;
    u[2 * to] = even - odd;
    even = (w0 + 2 * w2) * (1.0f / 6);
    odd = w1 * (1.0f / 6 * B);
    u[3 * to] = even + odd;
    u[4 * to] = even - odd;
    u[5 * to] = w2;
}

/* G' u */
static ALWAYS_INLINE void w_back_line(const vec *u, int from, vec *w, int to)
{
    vec u1 = u[from], u2 = u[2 * from], u3 = u[3 * from], u4 = u[4 * from];
    vec s = (u1 + u2) * (-2.0f / 3), d = (u1 - u2) * (-2.0f / 3 * A);
    vec s2 = (u3 + u4) * (1.0f / 6), d2 = (u3 - u4) * (1.0f / 6 * B);
    w[0] = u[0] + s + s2;
    w[to] = d + d2;
    w[2 * to] = 0.5f * s + 2 * s2 + u[5 * from];
}

/* ---- tiles: a vector of channels at a time ---- */

static void points_of_x(const tp__winograd_tiles *t)
{
    for (int64_t i = 0; i < t->count; i++)
        for (int l = 0; l < BLOCK; l += LANES) {
            const float *x = t->pixels + (int64_t)t->at[i] * BLOCK + l;
            float *to = t->points + i * t->row + l;
            vec d[IN * IN], v[IN];
            for (int c = 0; c < IN; c++) {
                for (int r = 0; r < IN; r++)
                    v[r] = load(x + (r * t->pitch + c) * BLOCK);
                x_line(v, 1, d + c, IN);
            }
            for (int r = 0; r < IN; r++) {
                x_line(d + r * IN, 1, v, 1);
                for (int c = 0; c < IN; c++)
                    store(to + (r * IN + c) * t->slab, v[c]);
            }
        }
}

static void points_of_y(const tp__winograd_tiles *t)
{
    for (int64_t i = 0; i < t->count; i++)
        for (int l = 0; l < BLOCK; l += LANES) {
            const float *y = t->pixels + (int64_t)t->at[i] * BLOCK + l;
            float *to = t->points + i * t->row + l;
            vec d[IN * OUT], v[IN];
            for (int c = 0; c < OUT; c++) {
                for (int r = 0; r < OUT; r++)
                    v[r] = load(y + (r * t->pitch + c) * BLOCK);
                y_line(v, 1, d + c, OUT);
            }
            for (int r = 0; r < IN; r++) {
                y_line(d + r * OUT, 1, v, 1);
                for (int c = 0; c < IN; c++)
                    store(to + (r * IN + c) * t->slab, v[c]);
            }
        }
}

static void pixels_of(const tp__winograd_tiles *t)
{
    for (int64_t i = 0; i < t->count; i++)
        for (int l = 0; l < BLOCK; l += LANES) {
            const float *from = t->points + i * t->row + l;
            float *y = t->pixels + (int64_t)t->at[i] * BLOCK + l;
            vec d[OUT * IN], v[IN];
            for (int c = 0; c < IN; c++) {
                for (int r = 0; r < IN; r++)
                    v[r] = load(from + (r * IN + c) * t->slab);
                result_line(v, 1, d + c, IN);
            }
            for (int r = 0; r < OUT; r++) {
                result_line(d + r * IN, 1, v, 1);
                for (int c = 0; c < OUT; c++)
                    store(y + (r * t->pitch + c) * BLOCK, v[c]);
            }
        }
}

static void add_pixels(const tp__winograd_tiles *t)
{
    for (int64_t i = 0; i < t->count; i++)
        for (int l = 0; l < BLOCK; l += LANES) {
            const float *from = t->points + i * t->row + l;
            float *x = t->pixels + (int64_t)t->at[i] * BLOCK + l;
            vec d[IN * IN], v[IN];
            for (int c = 0; c < IN; c++) {
                for (int r = 0; r < IN; r++)
                    v[r] = load(from + (r * IN + c) * t->slab);
                x_back_line(v, 1, d + c, IN);
            }
            for (int r = 0; r < IN; r++) {
                x_back_line(d + r * IN, 1, v, 1);
                for (int c = 0; c < IN; c++) {
                    float *to = x + (r * t->pitch + c) * BLOCK;
                    store(to, load(to) + v[c]);
                }
            }
        }
}

/* ---- weights: 16 outputs side by side ---- */

static void points_of_w(const tp__winograd_weights *s, const float *w, int64_t slab, float *u)
{
    float taps[TAPS * TAPS][BLOCK];
    memset(taps, 0, sizeof taps);
    for (int64_t c = 0; c < s->inputs; c++, u += TP__WINOGRAD_PANEL) {
        for (int64_t o = 0; o < s->outputs; o++)
            for (int k = 0; k < TAPS * TAPS; k++)
                taps[s->flipped ? TAPS * TAPS - 1 - k : k][o] = w[o * s->output + c * s->input + k];
        for (int l = 0; l < BLOCK; l += LANES) {
            vec g[TAPS * TAPS], d[IN * TAPS], v[IN];
            for (int k = 0; k < TAPS * TAPS; k++)
                g[k] = load(taps[k] + l);
            for (int k = 0; k < TAPS; k++)
                w_line(g + k, TAPS, d + k, TAPS);
            for (int r = 0; r < IN; r++) {
                w_line(d + r * TAPS, 1, v, 1);
                for (int k = 0; k < IN; k++)
                    store(u + (r * IN + k) * slab + l, v[k]);
            }
        }
    }
}

static void weights_of(const tp__winograd_weights *s, const float *u, int64_t row, int64_t slab, bool accumulate,
                       float *w)
{
    float taps[TAPS * TAPS][BLOCK];
    for (int64_t c = 0; c < s->inputs; c++, u += row) {
        for (int l = 0; l < BLOCK; l += LANES) {
            vec d[TAPS * IN], v[IN];
            for (int k = 0; k < IN; k++) {
                for (int r = 0; r < IN; r++)
                    v[r] = load(u + (r * IN + k) * slab + l);
                w_back_line(v, 1, d + k, IN);
            }
            for (int r = 0; r < TAPS; r++) {
                w_back_line(d + r * IN, 1, v, 1);
                for (int k = 0; k < TAPS; k++)
                    store(taps[r * TAPS + k] + l, v[k]);
            }
        }
        for (int64_t o = 0; o < s->outputs; o++)
            for (int k = 0; k < TAPS * TAPS; k++) {
                float *to = w + o * s->output + c * s->input + k, sum = taps[k][o];
                *to = accumulate ? *to + sum : sum;
            }
    }
}

/* ---- what is in range ---- */

static ALWAYS_INLINE bits smaller(bits a, bits b)
{
    bits below = (bits)(a < b);
    return (a & below) | (b & ~below);
}

static void range(int64_t n, const float *x, uint32_t *largest, float *squares)
{
    enum { LINES = 4, CLIP = TP__WINOGRAD_LARGEST };
    vec sum[LINES] = {{0}};
    bits most[LINES] = {{0}};
    int64_t i = 0;
    for (; i + LINES * LANES <= n; i += LINES * LANES)
        for (int j = 0; j < LINES; j++) {
            bits b = *(const bits *)(x + i + j * LANES) & 0x7fffffffu, clipped = smaller(b, (bits){0} + CLIP);
            vec v;
            memcpy(&v, &clipped, sizeof v);
            most[j] = ~smaller(~b, ~most[j]);
            v *= 0x1p15f;
            sum[j] += v * v;
        }
    uint32_t all = 0;
    float total = 0;
    for (int j = 0; j < LINES * LANES; j++) {
        uint32_t b = most[j / LANES][j % LANES];
        all = b > all ? b : all;
        total += sum[j / LANES][j % LANES];
    }
    for (; i < n; i++) {
        uint32_t b, clipped;
        float v;
        memcpy(&b, x + i, sizeof b);
        b &= 0x7fffffffu;
        clipped = b < CLIP ? b : CLIP;
        memcpy(&v, &clipped, sizeof v);
        all = b > all ? b : all;
        v *= 0x1p15f;
        total += v * v;
    }
    *largest = all;
    *squares = total;
}

const tp__winograd_table TP__OF_ISA(tp__winograd_table) = {.points_of_x = points_of_x,
                                                           .points_of_y = points_of_y,
                                                           .pixels_of = pixels_of,
                                                           .add_pixels = add_pixels,
                                                           .points_of_w = points_of_w,
                                                           .weights_of = weights_of,
                                                           .range = range};
