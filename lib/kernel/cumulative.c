/* cumulative.c - running sums, products, extremes and linear recurrences: one pass each, some columns side by side. */
#include "kernel/cumulative.h"

#include <math.h>

enum { COLUMNS = 32, WORK = 16384 };

typedef struct {
    tp__scan_kind kind;
    bool reverse;
    int64_t n, inner;
    const void *in, *g;
    void *out;
    int64_t *index;
} walk;

#define T float
#define ACC double
#define NAME(f) f##_f32
#define IS_NAN(x) isnan(x)
#include "kernel/cumulative_body.h"
#undef T
#undef ACC
#undef NAME

#define T double
#define ACC double
#define NAME(f) f##_f64
#include "kernel/cumulative_body.h"
#undef T
#undef ACC
#undef NAME

#define T int64_t
#define ACC uint64_t
#undef IS_NAN
#define NAME(f) f##_i64
#define IS_NAN(x) false
#include "kernel/cumulative_body.h"
#undef T
#undef ACC
#undef NAME

/* log(e^a + e^b) */
static double add_logs(double a, double b)
{
    double top = a > b || a != a ? a : b;
    return isinf(top) && a == b ? top : top + log1p(exp(-fabs(a - b)));
}

static double load(tp_dtype dtype, const void *p, int64_t i)
{
    return dtype == TP_F32 ? (double)((const float *)p)[i] : ((const double *)p)[i];
}

static void store(tp_dtype dtype, void *p, int64_t i, double value)
{
    if (dtype == TP_F32)
        ((float *)p)[i] = (float)value;
    else
        ((double *)p)[i] = value;
}

static void log_sums(const walk *w, tp_dtype dtype, int64_t at, int64_t columns)
{
    for (int64_t c = 0; c < columns; c++) {
        double sum = -INFINITY;
        for (int64_t k = 0; k < w->n; k++) {
            int64_t i = at + c + (w->reverse ? w->n - 1 - k : k) * w->inner;
            store(dtype, w->out, i, sum = add_logs(sum, load(dtype, w->in, i)));
        }
    }
}
static void log_sums_f32(const walk *w, int64_t at, int64_t columns) { log_sums(w, TP_F32, at, columns); }
static void log_sums_f64(const walk *w, int64_t at, int64_t columns) { log_sums(w, TP_F64, at, columns); }

static void recur(const walk *w, tp_dtype dtype, int64_t at, int64_t columns)
{
    for (int64_t c = 0; c < columns; c++) {
        double last = 0;
        for (int64_t k = 0; k < w->n; k++) {
            int64_t i = at + c + (w->reverse ? w->n - 1 - k : k) * w->inner;
            last = load(dtype, w->g, i) + (k == 0 ? 0 : load(dtype, w->in, i) * last);
            store(dtype, w->out, i, last);
        }
    }
}
static void recur_f32(const walk *w, int64_t at, int64_t columns) { recur(w, TP_F32, at, columns); }
static void recur_f64(const walk *w, int64_t at, int64_t columns) { recur(w, TP_F64, at, columns); }

/* ---- over all columns ------------------------------------------------------------------------------------------ */

typedef void (*columns_fn)(const walk *w, int64_t at, int64_t columns);

typedef struct {
    walk w;
    columns_fn fn;
} job;

/* Groups of columns [begin, end), counted over all of outer. */
static void run_groups(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t groups = (j->w.inner + COLUMNS - 1) / COLUMNS;
    for (int64_t g = begin; g < end; g++) {
        int64_t first = g % groups * COLUMNS, left = j->w.inner - first;
        j->fn(&j->w, g / groups * j->w.n * j->w.inner + first, left < COLUMNS ? left : COLUMNS);
    }
}

static void run(job *j, int64_t outer)
{
    int64_t groups = (j->w.inner + COLUMNS - 1) / COLUMNS, width = j->w.inner < COLUMNS ? j->w.inner : COLUMNS;
    tp__parallel_for(outer * groups, 1 + WORK / (width + 1) / (j->w.n + 1), run_groups, j);
}

void tp__scan(tp__scan_kind kind, tp_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *in,
              void *out, int64_t *index)
{
    static const columns_fn fns[][3] = {
        [TP__CUMSUM] = {sums_f32, sums_f64, sums_i64},
        [TP__CUMPROD] = {products_f32, products_f64, products_i64},
        [TP__LOGCUMSUMEXP] = {log_sums_f32, log_sums_f64, NULL},
        [TP__CUMMAX] = {extremes_f32, extremes_f64, extremes_i64},
        [TP__CUMMIN] = {extremes_f32, extremes_f64, extremes_i64},
    };
    job j = {{.kind = kind, .reverse = reverse, .n = n, .inner = inner, .in = in, .out = out, .index = index},
             fns[kind][dtype == TP_F32   ? 0
                       : dtype == TP_F64 ? 1
                                         : 2]};
    if (n > 0 && outer > 0 && inner > 0)
        run(&j, outer);
}

void tp__recurrence(tp_dtype dtype, bool reverse, int64_t outer, int64_t n, int64_t inner, const void *w, const void *g,
                    void *out)
{
    job j = {{.reverse = reverse, .n = n, .inner = inner, .in = w, .g = g, .out = out},
             dtype == TP_F32 ? recur_f32 : recur_f64};
    if (n > 0 && outer > 0 && inner > 0)
        run(&j, outer);
}
