/* cross.c - cross products of many vectors of three elements. */
#include "kernel/kernel.h"

enum { GRAIN = 8192 };

/* Of n pairs of vectors, which lie `next` apart, their elements `step` apart. */
typedef void (*cross_fn)(int64_t n, int64_t next, int64_t step, const void *a, const void *b, void *y, bool add);

/* Products and differences of integers wrap, in U. */
/* clang-format off */
#define CROSS_LOOP(type, U, NEXT, STEP, ADD)                                                       \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const type *p = a + i * (NEXT), *q = b + i * (NEXT);                                       \
        U p0 = (U)p[0], p1 = (U)p[STEP], p2 = (U)p[2 * (STEP)];                                    \
        U q0 = (U)q[0], q1 = (U)q[STEP], q2 = (U)q[2 * (STEP)];                                    \
        type *r = y + i * (NEXT);                                                                  \
        r[0] = (type)((ADD ? (U)r[0] : 0) + (p1 * q2 - p2 * q1));                                  \
        r[STEP] = (type)((ADD ? (U)r[STEP] : 0) + (p2 * q0 - p0 * q2));                            \
        r[2 * (STEP)] = (type)((ADD ? (U)r[2 * (STEP)] : 0) + (p0 * q1 - p1 * q0)); }
#define CROSS(name, type, U)                                                                       \
    static void name(int64_t n, int64_t next, int64_t step, const void *in_a, const void *in_b, void *out, bool add) \
    { const type *a = in_a, *b = in_b; type *restrict y = out;                                     \
      if (step == 1 && add) CROSS_LOOP(type, U, 3, 1, true)                                        \
      else if (step == 1) CROSS_LOOP(type, U, 3, 1, false)                                         \
      else if (next == 1 && add) CROSS_LOOP(type, U, 1, step, true)                                \
      else CROSS_LOOP(type, U, next, step, false) }
CROSS(cross_f32, float, float)
CROSS(cross_f64, double, double)
CROSS(cross_i32, int32_t, uint32_t)
CROSS(cross_i64, int64_t, uint64_t)
CROSS(cross_u8, uint8_t, uint32_t)
/* clang-format on */

typedef struct {
    cross_fn fn;
    size_t size;
    int64_t inner;
    const char *a, *b;
    char *y;
    bool accumulate;
} job;

/* Vectors are counted through outer and inner. */
static void cross_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    if (j->inner == 1) {
        size_t at = 3 * (size_t)begin * j->size;
        j->fn(end - begin, 3, 1, j->a + at, j->b + at, j->y + at, j->accumulate);
        return;
    }
    for (int64_t n; begin < end; begin += n) {
        int64_t row = begin / j->inner, column = begin % j->inner;
        size_t at = (size_t)(3 * row * j->inner + column) * j->size;
        n = j->inner - column < end - begin ? j->inner - column : end - begin;
        j->fn(n, 1, j->inner, j->a + at, j->b + at, j->y + at, j->accumulate);
    }
}

void tp__cross(tp_dtype dtype, int64_t outer, int64_t inner, const void *a, const void *b, void *y, bool accumulate)
{
    TP__DTYPES_ARE(6); /* but for bool */
    static const cross_fn fn[TP_DTYPES] = {
        [TP_F32] = cross_f32, [TP_F64] = cross_f64, [TP_I32] = cross_i32, [TP_I64] = cross_i64, [TP_U8] = cross_u8};
    job j = {fn[dtype], tp_dtype_size(dtype), inner, a, b, y, accumulate};
    tp__parallel_for(outer * inner, GRAIN, cross_range, &j);
}
