/* softmax.c - softmax and its logarithm over rows, shifted by the row's largest element. */
#include "kernel/kernel.h"

#include <math.h>

enum { WORK = 16384 };

typedef struct {
    int64_t     n;
    const void *x, *g;
    void       *y;
    bool        accumulate;
} rows;

/* The sum is gathered in double, as sums are everywhere. */
#define FORWARD(id, R, EXP)                                                                        \
    static void id(int64_t begin, int64_t end, void *user)                                         \
    { const rows *w = user;                                                                        \
      for (int64_t r = begin; r < end; r++) {                                                      \
          const R *x = (const R *)w->x + r * w->n; R *y = (R *)w->y + r * w->n, top = (R)-INFINITY; double sum = 0; \
          for (int64_t i = 0; i < w->n; i++) top = x[i] > top || x[i] != x[i] ? x[i] : top;        \
          for (int64_t i = 0; i < w->n; i++) sum += (double)(y[i] = EXP(x[i] - top));              \
          for (int64_t i = 0; i < w->n; i++) y[i] = (R)((double)y[i] / sum); } }
#define LOG_FORWARD(id, R, EXP)                                                                    \
    static void id(int64_t begin, int64_t end, void *user)                                         \
    { const rows *w = user;                                                                        \
      for (int64_t r = begin; r < end; r++) {                                                      \
          const R *x = (const R *)w->x + r * w->n; R *y = (R *)w->y + r * w->n, top = (R)-INFINITY; double sum = 0; \
          for (int64_t i = 0; i < w->n; i++) top = x[i] > top || x[i] != x[i] ? x[i] : top;        \
          for (int64_t i = 0; i < w->n; i++) sum += (double)EXP(x[i] - top);                       \
          R shift = (R)log(sum);                                                                   \
          for (int64_t i = 0; i < w->n; i++) y[i] = x[i] - top - shift; } }
#define BACKWARD(id, R, weight, gradient)                                                          \
    static void id(int64_t begin, int64_t end, void *user)                                         \
    { const rows *w = user;                                                                        \
      for (int64_t r = begin; r < end; r++) {                                                      \
          const R *y = (const R *)w->x + r * w->n, *g = (const R *)w->g + r * w->n; R *gx = (R *)w->y + r * w->n; \
          double dot = 0;                                                                          \
          for (int64_t i = 0; i < w->n; i++) dot += (double)(weight);                              \
          R s = (R)dot;                                                                            \
          for (int64_t i = 0; i < w->n; i++) { R d = gradient; gx[i] = w->accumulate ? gx[i] + d : d; } } }

FORWARD(softmax_f32, float, expf)
FORWARD(softmax_f64, double, exp)
LOG_FORWARD(log_softmax_f32, float, expf)
LOG_FORWARD(log_softmax_f64, double, exp)
BACKWARD(softmax_backward_f32, float, g[i] * y[i], y[i] * (g[i] - s))
BACKWARD(softmax_backward_f64, double, g[i] * y[i], y[i] * (g[i] - s))
BACKWARD(log_softmax_backward_f32, float, g[i], g[i] - expf(y[i]) * s)
BACKWARD(log_softmax_backward_f64, double, g[i], g[i] - exp(y[i]) * s)

void tp__softmax(tp_dtype dtype, bool log, int64_t n_rows, int64_t n, const void *x, void *y)
{
    static const tp__range_fn fn[2][2] = {{softmax_f32, softmax_f64}, {log_softmax_f32, log_softmax_f64}};
    rows w = {.n = n, .x = x, .y = y};
    tp__parallel_for(n_rows, 1 + WORK / (n + 1), fn[log][dtype == TP_F64], &w);
}

void tp__softmax_backward(tp_dtype dtype, bool log, int64_t n_rows, int64_t n, const void *y, const void *g, void *gx,
                          bool accumulate)
{
    static const tp__range_fn fn[2][2] = {{softmax_backward_f32, softmax_backward_f64},
                                          {log_softmax_backward_f32, log_softmax_backward_f64}};
    rows w = {.n = n, .x = y, .g = g, .y = gx, .accumulate = accumulate};
    tp__parallel_for(n_rows, 1 + WORK / (n + 1), fn[log][dtype == TP_F64], &w);
}
