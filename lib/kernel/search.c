/* search.c - bisection of boundaries, and counting. Counts are made on one thread, in order. */
#include "kernel/search.h"
#include "kernel/index.h"

#include <string.h>

enum { BLOCK = 2048, AT_ONCE = 8 };

/* ---- bisection --------------------------------------------------------------------------------------------- */

#define TYPE float
#define NAME(f) f##_f32
#define IS_FLOAT 1
#include "kernel/search_body.h"
#define TYPE double
#define NAME(f) f##_f64
#define IS_FLOAT 1
#include "kernel/search_body.h"
#define TYPE int32_t
#define NAME(f) f##_i32
#define IS_FLOAT 0
#include "kernel/search_body.h"
#define TYPE int64_t
#define NAME(f) f##_i64
#define IS_FLOAT 0
#include "kernel/search_body.h"
#define TYPE uint8_t
#define NAME(f) f##_u8
#define IS_FLOAT 0
#include "kernel/search_body.h"

typedef void (*search_fn)(const void *bounds, int64_t m, int64_t n, const void *values, int64_t *index);
static const search_fn searchers[2][TP_DTYPES] = {
    {[TP_F32] = left_of_all_f32,
     [TP_F64] = left_of_all_f64,
     [TP_I32] = left_of_all_i32,
     [TP_I64] = left_of_all_i64,
     [TP_U8] = left_of_all_u8},
    {[TP_F32] = right_of_all_f32,
     [TP_F64] = right_of_all_f64,
     [TP_I32] = right_of_all_i32,
     [TP_I64] = right_of_all_i64,
     [TP_U8] = right_of_all_u8},
};
TP__DTYPES_ARE(6); /* but for bool */

typedef struct {
    search_fn search;
    const char *bounds, *values;
    int64_t size, m, each, *index;
} search_job;

static void search_range(int64_t begin, int64_t end, void *user)
{
    const search_job *j = user;
    for (int64_t at = begin, n; at < end; at += n) {
        int64_t row = at / j->each, left = (row + 1) * j->each - at;
        n = left < end - at ? left : end - at;
        j->search(j->bounds + row * j->m * j->size, j->m, n, j->values + at * j->size, j->index + at);
    }
}

void tp__search(tp_dtype dtype, bool right, int64_t rows, int64_t m, int64_t each, const void *bounds,
                const void *values, int64_t *index)
{
    search_job j = {searchers[right][dtype], bounds, values, (int64_t)tp_dtype_size(dtype), m, each, index};
    tp__parallel_for(rows * each, 4096, search_range, &j);
}

/* ---- counting ------------------------------------------------------------------------------------------------ */

/* Four at a time, so that none waits for the one before. */
void tp__extent(int64_t n, const int64_t *x, int64_t *least, int64_t *most)
{
    tp__reduce(TP__MIN, TP_I64, 1, n, 1, x, least, false);
    tp__reduce(TP__MAX, TP_I64, 1, n, 1, x, most, false);
}

/* clang-format off */
#define COUNT(S, type, weight)                                                                     \
    static void count_##S(int64_t n, const int64_t *x, int64_t low, const void *weights, void *out) \
    { type *o = out; const type *w = weights; (void)w;                                             \
      for (int64_t i = 0; i < n; i++) o[x[i] - low] += weight; }
COUNT(i64, int64_t, 1)
COUNT(f32, float, w[i])
COUNT(f64, double, w[i])
/* clang-format on */

/* By blocks, each checked just before it is counted. */
int64_t tp__count(int64_t n, const int64_t *x, int64_t low, int64_t bins, tp_dtype weight_dtype, const void *weight,
                  void *out)
{
    int64_t size = (int64_t)tp_dtype_size(weight_dtype);
    for (int64_t at = 0, m, bad; at < n; at += m) {
        m = n - at < BLOCK ? n - at : BLOCK;
        if ((bad = tp__out_of_range(m, low, bins, x + at)) >= 0)
            return at + bad;
        (weight == NULL           ? count_i64
         : weight_dtype == TP_F32 ? count_f32
                                  : count_f64)(m, x + at, low, weight ? (const char *)weight + at * size : NULL, out);
    }
    return -1;
}

/* ---- histograms ---------------------------------------------------------------------------------------------- */

static double float_at(tp_dtype dtype, const void *p, int64_t i)
{
    return dtype == TP_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

void tp__histogram(const tp__bins *b, int64_t n, const void *points, const void *weight, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t to = 0;
        for (int d = 0; d < b->dims && to >= 0; d++) {
            int64_t p = i * b->dims + d;
            int64_t at = b->dtype == TP_F32 ? bin_f32(b->rule, b->edge[d], b->bins[d], ((const float *)points)[p])
                                            : bin_f64(b->rule, b->edge[d], b->bins[d], ((const double *)points)[p]);
            to = at < 0 ? -1 : to * b->bins[d] + at;
        }
        if (to >= 0)
            out[to] += weight ? float_at(b->dtype, weight, i) : 1;
    }
}
