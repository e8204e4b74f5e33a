/* sort.c - sorting and selection, by unsigned keys in the order of the values.
 *
 * Few elements are sorted by insertion and merging, many by radix (lowest digit first); the k-th is found by radix
 * from the highest digit on. All are stable, so that results do not depend on how the work is split.
 */
#include "kernel/sort.h"

#include <string.h>

enum {
    FEW = 24,      /* sorted by insertion                              */
    FEW_FIRST = 8, /* the first of a line are found by comparing with the last of them */
    MANY = 192,    /* times the bytes in which keys differ: from here on by radix */
    WORK = 16384,  /* elements that a task has at least                */
    FEW_TASKS = 8, /* there is space for these, and more of short lines */
    SHORT = 1 << 20
};

int64_t tp__selected(tp__selection what, int64_t n, int64_t k)
{
    return what == TP__SORT ? n : what == TP__TOP ? k : 1;
}

/* What is done to each line. */
typedef struct {
    const tp__lines *l;
    tp__selection what;
    bool descending;
    int64_t k;
    void *values;
    int64_t *index;
    char *space;
    size_t task_space;
    int64_t lines_a_task;
} job;

/* ---- keys -------------------------------------------------------------------------------------------------- */

static inline uint32_t bits_f32(float x)
{
    uint32_t b;
    x += 0.0f; /* -0 becomes 0 */
    memcpy(&b, &x, sizeof b);
    return b & 0x80000000u ? ~b : b | 0x80000000u;
}

static inline uint64_t bits_f64(double x)
{
    uint64_t b;
    x += 0.0;
    memcpy(&b, &x, sizeof b);
    return b >> 63 ? ~b : b | (uint64_t)1 << 63;
}

#define KEY_F32(x, KEY) ((x) != (x) ? (KEY)-1 : (KEY)bits_f32(x))
#define KEY_F64(x, KEY) ((x) != (x) ? (KEY)-1 : (KEY)bits_f64(x))
#define KEY_I32(x, KEY) ((KEY)((uint32_t)(x) ^ 0x80000000u))
#define KEY_I64(x, KEY) ((KEY)((uint64_t)(x) ^ (uint64_t)1 << 63))
#define KEY_U8(x, KEY) ((KEY)(x))

#define KEY uint32_t
#define AT uint32_t
#define S(name) name##_32
#define LOADERS LOAD(f32, float, KEY_F32) LOAD(i32, int32_t, KEY_I32) LOAD(u8, uint8_t, KEY_U8)
#define LOADER_TABLE [TP_F32] = load_f32_32, [TP_I32] = load_i32_32, [TP_U8] = load_u8_32, [TP_BOOL] = load_u8_32
#include "kernel/sort_body.h"
#undef KEY
#undef AT
#undef S
#undef LOADERS
#undef LOADER_TABLE

#define KEY uint64_t
#define AT int64_t
#define S(name) name##_64
#define LOADERS \
    LOAD(f32, float, KEY_F32) \
    LOAD(f64, double, KEY_F64) LOAD(i32, int32_t, KEY_I32) LOAD(i64, int64_t, KEY_I64) LOAD(u8, uint8_t, KEY_U8)
#define LOADER_TABLE \
    [TP_F32] = load_f32_64, [TP_F64] = load_f64_64, [TP_I32] = load_i32_64, [TP_I64] = load_i64_64, \
    [TP_U8] = load_u8_64, [TP_BOOL] = load_u8_64
#include "kernel/sort_body.h"

static bool narrow(const tp__lines *l) { return tp_dtype_size(l->dtype) <= 4 && l->n <= UINT32_MAX; }
static size_t pairs_of(const tp__lines *l)
{
    return 2 * (size_t)l->n * (narrow(l) ? sizeof(pair_32) : sizeof(pair_64));
}

/* ---- lines over tasks: each has its own space -------------------------------------------------------------- */

static int64_t lines_a_task(const tp__lines *l)
{
    int64_t lines = l->outer * l->inner, n = l->n > 0 ? l->n : 1;
    int64_t most = SHORT / n > FEW_TASKS ? SHORT / n : FEW_TASKS;
    int64_t share = (lines + most - 1) / most;
    return share > WORK / n ? share : WORK / n + 1;
}

/* At most four times the bytes of x, so that this cannot overflow. */
size_t tp__select_space(const tp__lines *l)
{
    int64_t share = lines_a_task(l);
    return (size_t)((l->outer * l->inner + share - 1) / share) * pairs_of(l);
}

static void tasks_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t lines = j->l->outer * j->l->inner;
    for (int64_t t = begin; t < end; t++) {
        int64_t from = t * j->lines_a_task, to = from + j->lines_a_task < lines ? from + j->lines_a_task : lines;
        char *space = j->space + (size_t)t * j->task_space;
        if (narrow(j->l))
            lines_32(j, from, to, space);
        else
            lines_64(j, from, to, space);
    }
}

void tp__select(tp__selection what, bool descending, int64_t k, const tp__lines *l, void *values, int64_t *index,
                void *space)
{
    job j = {l, what, descending, k, values, index, space, pairs_of(l), lines_a_task(l)};
    tp__parallel_for((l->outer * l->inner + j.lines_a_task - 1) / j.lines_a_task, 1, tasks_range, &j);
}

/* ---- groups of equal slices ---------------------------------------------------------------------------------- */

size_t tp__group_space(const tp__lines *l, bool sorted) { return (size_t)l->n + 1 + (sorted ? pairs_of(l) + 16 : 0); }

/* clang-format off */
#define DIFFER(id, type)                                                                           \
    static bool differ_##id(const tp__lines *l, int64_t i, int64_t k)                              \
    { const type *x = l->x;                                                                        \
      for (int64_t o = 0; o < l->outer; o++) for (int64_t c = 0; c < l->inner; c++)                \
          if (x[(o * l->n + i) * l->inner + c] != x[(o * l->n + k) * l->inner + c]) return true;   \
      return false; }                                                                              \
    static void neighbours_##id(int64_t n, const void *in, uint8_t *restrict first)                \
    { const type *x = in; for (int64_t i = 1; i < n; i++) first[i] = x[i] != x[i - 1]; }
DIFFER(f32, float)
DIFFER(f64, double)
DIFFER(i32, int32_t)
DIFFER(i64, int64_t)
DIFFER(u8, uint8_t)
/* clang-format on */
typedef bool (*differ_fn)(const tp__lines *l, int64_t i, int64_t k);
static const differ_fn differs[TP_DTYPES] = {[TP_F32] = differ_f32, [TP_F64] = differ_f64, [TP_I32] = differ_i32,
                                             [TP_I64] = differ_i64, [TP_U8] = differ_u8,   [TP_BOOL] = differ_u8};
typedef void (*neighbours_fn)(int64_t n, const void *x, uint8_t *first);
static const neighbours_fn neighbours[TP_DTYPES] = {
    [TP_F32] = neighbours_f32, [TP_F64] = neighbours_f64, [TP_I32] = neighbours_i32,
    [TP_I64] = neighbours_i64, [TP_U8] = neighbours_u8,   [TP_BOOL] = neighbours_u8};
TP__DTYPES_ARE(6);

static void sort_slices(const tp__lines *l, int64_t *order, uint8_t *first, void *space)
{
    size_t size = tp_dtype_size(l->dtype);
    bool more = l->n > 1;
    for (int64_t o = 0; o < l->outer; o++)
        for (int64_t c = 0; c < l->inner && more; c++) {
            const char *x = (const char *)l->x + (size_t)(o * l->n * l->inner + c) * size;
            more = narrow(l) ? refine_32(l, x, order, first, space) : refine_64(l, x, order, first, space);
        }
}

/* Which slices differ from the one before; plain vectors in one pass. */
static void mark_runs(const tp__lines *l, uint8_t *first)
{
    first[0] = 1;
    if (l->outer == 1 && l->inner == 1) {
        neighbours[l->dtype](l->n, l->x, first);
        return;
    }
    for (int64_t i = 1; i < l->n; i++)
        first[i] = differs[l->dtype](l, i, i - 1);
}

void tp__group(bool sorted, const tp__lines *l, int64_t *order, int64_t *group, void *space)
{
    uint8_t *first = (uint8_t *)space + (sorted ? pairs_of(l) : 0);
    if (sorted) {
        for (int64_t i = 0; i < l->n; i++)
            order[i] = i;
        memset(first, 0, (size_t)l->n);
        first[0] = 1;
        sort_slices(l, order, first, space);
    } else {
        mark_runs(l, first);
    }
    for (int64_t i = 0, g = -1; i < l->n; i++)
        group[i] = g += first[i];
}

void tp__group_starts(int64_t n, const int64_t *group, int64_t *start, int64_t *counts)
{
    for (int64_t i = n - 1; i >= 0; i--)
        start[group[i]] = i;
    for (int64_t g = 0, m = group[n - 1]; counts && g <= m; g++)
        counts[g] = (g < m ? start[g + 1] : n) - start[g];
}

void tp__group_inverse(int64_t n, const int64_t *order, const int64_t *group, int64_t *inverse)
{
    for (int64_t i = 0; i < n; i++)
        inverse[order[i]] = group[i];
}

/* ---- a gradient shared among equal elements ------------------------------------------------------------------ */

/* clang-format off */
#define SHARE(id, type)                                                                            \
    static void share_##id(int64_t n, const type *x, type y, type g, type *restrict gx)            \
    { int64_t count = 0; bool is_nan = y != y;                                                     \
      if (is_nan) for (int64_t i = 0; i < n; i++) count += x[i] != x[i];                           \
      else for (int64_t i = 0; i < n; i++) count += x[i] == y;                                     \
      type share = g / (type)count;                                                                \
      if (is_nan) { for (int64_t i = 0; i < n; i++) gx[i] += x[i] != x[i] ? share : 0; }           \
      else for (int64_t i = 0; i < n; i++) gx[i] += x[i] == y ? share : 0; }
SHARE(f32, float)
SHARE(f64, double)
/* clang-format on */

void tp__share_equal(tp_dtype dtype, int64_t n, const void *x, const void *y, const void *g, void *gx)
{
    if (dtype == TP_F32)
        share_f32(n, x, *(const float *)y, *(const float *)g, gx);
    else
        share_f64(n, x, *(const double *)y, *(const double *)g, gx);
}
