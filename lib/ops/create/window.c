/* window.c - the windows of signal processing, as [n] numbers between 0 and 1. */
#include "ops/ops.h"

#include <math.h>

/* At a fraction t of the window, 0 at its start and 1 at its end. */
typedef double (*shape_fn)(double t, double a, double b);

static const double pi = 3.14159265358979323846;

static double triangle(double t, double a, double b)
{
    (void)a, (void)b;
    return 1 - fabs(2 * t - 1);
}
static double raised_cosine(double t, double a, double b) { return a - b * cos(2 * pi * t); }
static double blackman(double t, double a, double b)
{
    (void)a, (void)b;
    double s = sin(pi * t); /* 0.42 - 0.5 cos 2 pi t + 0.08 cos 4 pi t, in a form that is 0 at 0 */
    return s * s * (0.36 + 0.64 * s * s);
}

/* The modified Bessel function of the first kind and order 0, by its series of positive terms. */
static double bessel_i0(double x)
{
    double term = 1, sum = 1;
    for (int k = 1; term > sum * 1e-17 && k < 10000; k++) {
        term *= x * x / (4.0 * k * k);
        sum += term;
    }
    return sum;
}
static double kaiser(double t, double a, double beta)
{
    (void)a;
    return bessel_i0(beta * sqrt(fmax(0, 1 - (2 * t - 1) * (2 * t - 1)))) / bessel_i0(beta);
}

/* A periodic window is one of n + 1 without its last number. */
static tp_tensor *window(tp_tape *T, const char *name, tp_dtype dtype, int64_t n, bool periodic, shape_fn shape,
                         double a, double b)
{
    if (!tp__ok(T))
        return NULL;
    if (!tp_dtype_is_float(dtype) || n < 0) {
        tp_fail(T, TP_EINVAL, "%s: %lld numbers of %s; 0 or more of float32 or float64 are needed", name, (long long)n,
                tp_dtype_name(dtype));
        return NULL;
    }
    tp_tensor *x = tp_empty(T, dtype, (tp_dims){1, {n}});
    double last = (double)(periodic ? n : n - 1);
    for (int64_t i = 0; x && i < n; i++)
        tp__store((char *)x->data + (size_t)i * tp_dtype_size(dtype), dtype,
                  n == 1 ? 1 : shape((double)i / last, a, b));
    return x;
}

tp_tensor *tp_bartlett_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic)
{
    TP__NAMED(T, "bartlett_window");
    return window(T, "bartlett_window", dtype, n, periodic, triangle, 0, 0);
}
tp_tensor *tp_blackman_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic)
{
    TP__NAMED(T, "blackman_window");
    return window(T, "blackman_window", dtype, n, periodic, blackman, 0, 0);
}
tp_tensor *tp_hamming_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double alpha, double beta)
{
    TP__NAMED(T, "hamming_window");
    return window(T, "hamming_window", dtype, n, periodic, raised_cosine, alpha, beta);
}
tp_tensor *tp_hann_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic)
{
    TP__NAMED(T, "hann_window");
    return window(T, "hann_window", dtype, n, periodic, raised_cosine, 0.5, 0.5);
}
tp_tensor *tp_kaiser_window(tp_tape *T, tp_dtype dtype, int64_t n, bool periodic, double beta)
{
    TP__NAMED(T, "kaiser_window");
    return window(T, "kaiser_window", dtype, n, periodic, kaiser, 0, beta);
}
