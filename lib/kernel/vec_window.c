/* vec_window.c - rows of sums, and of the largest elements, of windows; compiled once an instruction set (TP__ISA).
 * window_body.h is read for float and double (per_float.h). */
#include "kernel/window.h"

#include <string.h>

enum { HALF = TP__SCRATCH / 2 };

/* A block of a row of the result. */
typedef struct {
    int64_t row, plane, z, y, block; /* `row` counts through all planes */
} spot;

static spot spot_at(const tp__windows *w, int64_t unit)
{
    int64_t row = unit / w->blocks, high = w->axis[1].n_out, of_plane = w->axis[0].n_out * high, in = row % of_plane;
    return (spot){row, row / of_plane, in / high, in % high, unit % w->blocks};
}

static void advance(const tp__windows *w, spot *s)
{
    if (++s->block < w->blocks)
        return;
    s->block = 0;
    s->row++;
    if (++s->y < w->axis[1].n_out)
        return;
    s->y = 0;
    if (++s->z < w->axis[0].n_out)
        return;
    s->z = 0;
    s->plane++;
}

/* The rows of x in a window: runs of its depth and its height; and where its plane begins. */
typedef struct {
    tp__interval depth, height;
    int64_t from;
} rows;

static inline __attribute__((always_inline)) rows rows_at(const tp__windows *w, const spot *s)
{
    return (rows){tp__window_of(&w->axis[0], s->z), tp__window_of(&w->axis[1], s->y),
                  s->plane * w->axis[0].n_in * w->axis[1].n_in * w->axis[2].n_in};
}

static bool same_rows(rows a, rows b)
{
    return a.from == b.from && a.depth.first == b.depth.first && a.height.first == b.height.first &&
           a.depth.n == b.depth.n && a.height.n == b.height.n;
}

/* Where the row of x of these two elements begins in its plane. */
static int64_t row_place(const tp__windows *w, rows r, int64_t z, int64_t y)
{
    return (tp__place_of(&w->axis[0], r.depth, z) * w->axis[1].n_in + tp__place_of(&w->axis[1], r.height, y)) *
           w->axis[2].n_in;
}

static double row_weight(const tp__windows *w, rows r, int64_t z, int64_t y)
{
    return tp__weight_of(&w->axis[0], r.depth, z) * tp__weight_of(&w->axis[1], r.height, y);
}

/* How many of n windows, runs, end at `at` or before it; or begin before it. */
static int64_t windows_before(const tp__axis *a, int64_t n, int64_t at, bool end)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t o = low + (high - low) / 2;
        bool before = end ? a->first[o] + a->count[o] <= at : a->first[o] < at;
        low = before ? o + 1 : low;
        high = before ? high : o;
    }
    return low;
}

/* The windows, elements of a row of x, that reach into elements [i, i + n) of the result. */
static tp__interval windows_over(const tp__axis *a, int64_t i, int64_t n)
{
    int64_t low = i + a->padding - a->kernel + 1, high = i + n - 1 + a->padding;
    if (a->kernel == 0) {
        low = windows_before(a, a->n_in, i, true);
        high = windows_before(a, a->n_in, i + n, false);
    } else {
        low = low > 0 ? (low + a->stride - 1) / a->stride : 0;
        high = high / a->stride + 1;
        high = high < a->n_in ? high : a->n_in;
    }
    return (tp__interval){low, high > low ? high - low : 0};
}

/* The columns of x that windows [o, o + n) see. */
static tp__interval columns_seen(const tp__windows *w, int64_t o, int64_t n)
{
    const tp__axis *a = &w->axis[2];
    int64_t begin = o * a->stride - a->padding, end = begin + (n - 1) * a->stride + (a->kernel - 1) * a->step + 1;
    if (w->way == TP__BY_COLUMNS || (w->way == TP__SPREADING && w->blocks == 1))
        return (tp__interval){0, a->n_in};
    if (w->way == TP__SPREADING)
        return windows_over(a, o, n);
    begin = begin > 0 ? begin : 0;
    end = end < a->n_in ? end : a->n_in;
    return (tp__interval){begin, end > begin ? end - begin : 0};
}

static int64_t block_size(const tp__windows *w, const spot *s)
{
    int64_t left = w->axis[2].n_out - s->block * w->block;
    return left < w->block ? left : w->block;
}

/* x[at - base] of a vector of places that lie in the vector of x. */
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#define PICKS
#define LANES_OF(type, name) typedef type name __attribute__((vector_size(LINE), aligned(sizeof(type)), may_alias))
#endif
#if !defined(PICKS)
enum { LINE = 0 };
#elif defined(__AVX512F__)
enum { LINE = 64 };
LANES_OF(float, lanes_f32);
LANES_OF(double, lanes_f64);
static inline lanes_f32 picked_f32(const float *x, const int32_t *at, int32_t base)
{
    __m512i i = _mm512_sub_epi32(_mm512_loadu_si512(at), _mm512_set1_epi32(base));
    return (lanes_f32)_mm512_permutexvar_ps(i, _mm512_loadu_ps(x));
}
static inline lanes_f64 picked_f64(const double *x, const int32_t *at, int32_t base)
{
    __m256i i = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at), _mm256_set1_epi32(base));
    return (lanes_f64)_mm512_permutexvar_pd(_mm512_cvtepi32_epi64(i), _mm512_loadu_pd(x));
}
#else
enum { LINE = 32 };
LANES_OF(float, lanes_f32);
LANES_OF(double, lanes_f64);
static inline lanes_f32 picked_f32(const float *x, const int32_t *at, int32_t base)
{
    __m256i i = _mm256_sub_epi32(_mm256_loadu_si256((const __m256i *)(const void *)at), _mm256_set1_epi32(base));
    return (lanes_f32)_mm256_permutevar8x32_ps(_mm256_loadu_ps(x), i);
}
/* As pairs of floats, of which there is a permutation. */
static inline lanes_f64 picked_f64(const double *x, const int32_t *at, int32_t base)
{
    __m128i i = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)(const void *)at), _mm_set1_epi32(base));
    __m256i low = _mm256_slli_epi64(_mm256_cvtepi32_epi64(i), 1);
    __m256i both = _mm256_or_si256(low, _mm256_slli_epi64(_mm256_add_epi64(low, _mm256_set1_epi64x(1)), 32));
    __m256 pairs = _mm256_castpd_ps(_mm256_loadu_pd(x));
    return (lanes_f64)_mm256_castps_pd(_mm256_permutevar8x32_ps(pairs, both));
}
#endif

/* v, 0 where there is no place. */
#if defined(PICKS)
typedef int32_t places_f32 __attribute__((vector_size(LINE), aligned(4), may_alias));
typedef int32_t places_f64 __attribute__((vector_size(LINE / 2), aligned(4), may_alias));
typedef int64_t bits_f64 __attribute__((vector_size(LINE)));
static inline lanes_f32 present_f32(lanes_f32 v, const int32_t *at)
{
    return (lanes_f32)((places_f32)v & (*(const places_f32 *)at >= 0));
}
static inline lanes_f64 present_f64(lanes_f64 v, const int32_t *at)
{
    return (lanes_f64)((bits_f64)v & (__builtin_convertvector(*(const places_f64 *)at, bits_f64) >= 0));
}
#endif

#define TP__BODY "kernel/window_body.h"
#include "kernel/per_float.h"

const tp__window_table TP__OF_ISA(tp__window_table) = {
    .sum = {sum_f32, sum_f64},
    .largest = {largest_f32, largest_f64},
    .line = LINE,
};
