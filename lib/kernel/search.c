/* search.c - bisection of boundaries, and counting. Counts are made on one thread, in order. */
#include "kernel/search.h"
#include "kernel/index.h"

#include <string.h>

enum { BLOCK = 2048, AT_ONCE = 8 };

/* ---- bisection --------------------------------------------------------------------------------------------- */

/* In [begin, end), the first boundary b for which `stop` holds. The steps depend on how many there are alone, and which half
 * it is is no branch: one would be guessed wrong every other time. So several are looked for at once. */
/* clang-format off */
#define BISECT(id, type, stop)                                                                     \
    static int64_t id(const type *bounds, int64_t begin, int64_t end, type v)                      \
    { int64_t at = begin, half;                                                                    \
      for (int64_t n = end - begin; n > 0; n -= half) {                                            \
          half = (n + 1) >> 1;                                                                     \
          type b = bounds[at + half - 1];                                                          \
          at += half & -(int64_t)!(stop); }                                                        \
      return at; }                                                                                 \
    static void id##_of_all(const void *bounds, int64_t m, int64_t n, const void *values, int64_t *index) \
    { const type *a = bounds, *u = values; int64_t i = 0;                                          \
      for (; i + AT_ONCE <= n; i += AT_ONCE) {                                                     \
          int64_t at[AT_ONCE] = {0}, half;                                                         \
          for (int64_t left = m; left > 0; left -= half) {                                         \
              half = (left + 1) >> 1;                                                              \
              for (int k = 0; k < AT_ONCE; k++) {                                                  \
                  type b = a[at[k] + half - 1], v = u[i + k];                                      \
                  at[k] += half & -(int64_t)!(stop); } }                                           \
          memcpy(index + i, at, sizeof at); }                                                      \
      for (; i < n; i++) index[i] = id(a, 0, m, u[i]); }
#define BOTH(S, type) BISECT(left_##S, type, b >= v) BISECT(right_##S, type, b > v)
BOTH(f32, float)
BOTH(f64, double)
BOTH(i32, int32_t)
BOTH(i64, int64_t)
BOTH(u8, uint8_t)
/* clang-format on */

typedef void (*search_fn)(const void *bounds, int64_t m, int64_t n, const void *values, int64_t *index);
static const search_fn searchers[2][TP_DTYPES] = {
    {[TP_F32] = left_f32_of_all,
     [TP_F64] = left_f64_of_all,
     [TP_I32] = left_i32_of_all,
     [TP_I64] = left_i64_of_all,
     [TP_U8] = left_u8_of_all},
    {[TP_F32] = right_f32_of_all,
     [TP_F64] = right_f64_of_all,
     [TP_I32] = right_i32_of_all,
     [TP_I64] = right_i64_of_all,
     [TP_U8] = right_u8_of_all},
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

/* The bin of v, or -1 outside of the edges. */
/* clang-format off */
#define BIN(S, type)                                                                               \
    static int64_t bin_##S(tp__bin_rule rule, const type *edge, int64_t bins, type v)              \
    { if (!(v >= edge[0] && v <= edge[bins])) return -1;                                           \
      int64_t at = rule == TP__BIN_SEARCH ? right_##S(edge, 0, bins + 1, v) - 1                    \
                                          : tp__to_i64((v - edge[0]) * (type)bins / (edge[bins] - edge[0])); \
      if (rule == TP__BIN_NEAR)                                                                    \
          at = right_##S(edge, at > 0 ? at - 1 : 0, at + 2 < bins + 1 ? at + 2 : bins + 1, v) - 1; \
      return at >= bins ? bins - 1 : at < 0 ? 0 : at; }
BIN(f32, float)
BIN(f64, double)
/* clang-format on */

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
