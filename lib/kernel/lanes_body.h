/* lanes_body.h - see vec_lanes.c: REAL and NAME are the type at hand and its suffix. */

#include "kernel/transpose_body.h"

#if IS_F64
typedef int64_t NAME(sign);
#define INTRINSIC_OF(f) INTRINSIC(f##_pd)
#else
typedef int32_t NAME(sign);
#define INTRINSIC_OF(f) INTRINSIC(f##_ps)
#endif
typedef NAME(sign) NAME(mask) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));

/* ---- what vectors and numbers do each in its way; a mask is -1 or 0 in each lane ---- */

static ALWAYS_INLINE REAL NAME(pick_alone)(NAME(sign) m, REAL x, REAL y) { return m ? x : y; }
static ALWAYS_INLINE NAME(vec) NAME(pick_many)(NAME(mask) m, NAME(vec) x, NAME(vec) y)
{
    return (NAME(vec))((m & (NAME(mask))x) | (~m & (NAME(mask))y));
}

static ALWAYS_INLINE bool NAME(any_alone)(NAME(sign) m) { return m != 0; }
static ALWAYS_INLINE bool NAME(any_many)(NAME(mask) m)
{
#if VECTOR == 64
    return _mm512_test_epi32_mask((__m512i)m, (__m512i)m) != 0;
#elif VECTOR == 32
    return _mm256_movemask_epi8((__m256i)m) != 0;
#elif defined(__x86_64__)
    return _mm_movemask_epi8((__m128i)m) != 0;
#else
    NAME(sign) any = 0;
    for (int l = 0; l < LANES; l++)
        any |= m[l];
    return any != 0;
#endif
}

/* x - a b, rounded once where the instruction set can */
static ALWAYS_INLINE REAL NAME(less_alone)(REAL x, REAL a, REAL b)
{
#if defined(__FMA__)
    return FN(__builtin_fma)(-a, b, x);
#else
    return x - a * b;
#endif
}
static ALWAYS_INLINE NAME(vec) NAME(less_many)(NAME(vec) x, NAME(vec) a, NAME(vec) b)
{
#if defined(__FMA__)
    return (NAME(vec))INTRINSIC_OF(fnmadd)(a, b, x);
#else
    return x - a * b;
#endif
}

static ALWAYS_INLINE REAL NAME(root_alone)(REAL x) { return FN(sqrt)(x); }
static ALWAYS_INLINE NAME(vec) NAME(root_many)(NAME(vec) x)
{
#if defined(__x86_64__)
    return (NAME(vec))INTRINSIC_OF(sqrt)(x);
#else
    for (int l = 0; l < LANES; l++)
        x[l] = FN(sqrt)(x[l]);
    return x;
#endif
}

/* |x| with the sign of y */
static ALWAYS_INLINE REAL NAME(signed_alone)(REAL x, REAL y) { return FN(copysign)(x, y); }
static ALWAYS_INLINE NAME(vec) NAME(signed_many)(NAME(vec) x, NAME(vec) y)
{
    NAME(mask) sign = (NAME(mask))(-(NAME(vec)){0});
    return (NAME(vec))(((NAME(mask))x & ~sign) | ((NAME(mask))y & sign));
}

static ALWAYS_INLINE REAL NAME(size_alone)(REAL x) { return FN(fabs)(x); }
static ALWAYS_INLINE NAME(vec) NAME(size_many)(NAME(vec) x)
{
    return (NAME(vec))((NAME(mask))x & ~(NAME(mask))(-(NAME(vec)){0}));
}

#if NUMBERS
#define V REAL
#define M NAME(sign)
#define MASK(comparison) (-(NAME(sign))(comparison))
#define OF(f) NAME(f##_alone)
#include "kernel/lanes_kernels.h"
#undef V
#undef M
#undef MASK
#undef OF

static void NAME(run_one)(const tp__lanes_job *j, int64_t i, int32_t *info, void *space)
{
    REAL *x[TP__LANES_OPERANDS], *at = space;
    NAME(sign) pivots[ORDER], found = 0;
    for (int o = 0; o < TP__LANES_OPERANDS; at += j->x[o++].each) {
        x[o] = at;
        if (j->x[o].from)
            memcpy(at, (const REAL *)j->x[o].from + i * j->x[o].each, (size_t)j->x[o].each * sizeof(REAL));
    }
    for (int64_t q = 0; j->pivots && q < j->pivots_each; q++)
        pivots[q] = j->pivots[i * j->pivots_each + q] - 1;
    NAME(kernels_alone)[j->kernel](j, x, pivots, &found);
    for (int64_t q = 0; j->pivots_to && q < j->pivots_each; q++)
        j->pivots_to[i * j->pivots_each + q] = (int32_t)pivots[q] + 1;
    *info = (int32_t)found;
    for (int o = 0; o < TP__LANES_OPERANDS; o++) {
        REAL *to = j->x[o].to;
        for (int64_t e = 0; to && e < j->x[o].each; e++)
            to[i * j->x[o].each + e] = j->x[o].add ? to[i * j->x[o].each + e] + x[o][e] : x[o][e];
    }
}
#endif

#if VECTORS
#define V NAME(vec)
#define M NAME(mask)
#define MASK(comparison) ((NAME(mask))(comparison))
#define OF(f) NAME(f##_many)
#include "kernel/lanes_kernels.h"
#undef V
#undef M
#undef MASK
#undef OF

/* ---- to and from the lanes --------------------------------------------------------------------------------------- */

/* Lanes beyond the last matrix repeat the first, so that nothing is computed that no matrix asked for. */
static void NAME(gather)(int64_t each, int64_t count, const REAL *from, NAME(vec) * to)
{
    int64_t e = 0;
    for (; each >= LANES && e < each; e += LANES) {
        NAME(vec) v[LANES];
        e = least(e, each - LANES);
#pragma GCC unroll 16
        for (int l = 0; l < LANES; l++)
            v[l] = NAME(load)(from + (l < count ? l : 0) * each + e);
        NAME(transpose)(v);
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            to[e + i] = v[i];
    }
    for (; e < each; e++)
        for (int l = 0; l < LANES; l++)
            ((REAL *)(to + e))[l] = from[(l < count ? l : 0) * each + e];
}

static void NAME(scatter)(int64_t each, int64_t count, const NAME(vec) * from, REAL *to, bool add)
{
    int64_t e = 0;
    for (; e + LANES <= each; e += LANES) {
        NAME(vec) v[LANES];
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            v[i] = from[e + i];
        NAME(transpose)(v);
#pragma GCC unroll 16
        for (int l = 0; l < LANES; l++) {
            REAL *at = to + l * each + e;
            if (l < count && add)
                v[l] += NAME(load)(at);
            if (l < count)
                NAME(store)(at, v[l]);
        }
    }
    for (; e < each; e++)
        for (int64_t l = 0; l < count; l++) {
            REAL x = ((const REAL *)(from + e))[l], *at = to + l * each + e;
            *at = add ? *at + x : x;
        }
}

/* count <= LANES matrices at once */
static void NAME(run_together)(const tp__lanes_job *j, int64_t first, int64_t count, int32_t *info, void *space)
{
    NAME(vec) * x[TP__LANES_OPERANDS], *at = space;
    NAME(mask) pivots[ORDER], found = {0};
    for (int o = 0; o < TP__LANES_OPERANDS; at += j->x[o++].each) {
        x[o] = at;
        if (j->x[o].from)
            NAME(gather)(j->x[o].each, count, (const REAL *)j->x[o].from + first * j->x[o].each, at);
    }
    for (int64_t i = 0; j->pivots && i < j->pivots_each; i++)
        for (int64_t l = 0; l < LANES; l++)
            pivots[i][l] = j->pivots[(first + (l < count ? l : 0)) * j->pivots_each + i] - 1;
    NAME(kernels_many)[j->kernel](j, x, pivots, &found);
    for (int64_t i = 0; j->pivots_to && i < j->pivots_each; i++)
        for (int64_t l = 0; l < count; l++)
            j->pivots_to[(first + l) * j->pivots_each + i] = (int32_t)pivots[i][l] + 1;
    for (int64_t l = 0; l < count; l++)
        info[l] = (int32_t)found[l];
    for (int o = 0; o < TP__LANES_OPERANDS; o++)
        if (j->x[o].to)
            NAME(scatter)(j->x[o].each, count, x[o], (REAL *)j->x[o].to + first * j->x[o].each, j->x[o].add);
}

#endif

#undef LANES
#undef INTRINSIC_OF
