/* accuracy.c - the largest error of each elementwise function, in units in the last place, as a table for
 * doc/accuracy.md. Fails where an error is above its bound.
 *
 * usage: accuracy > doc/accuracy.md
 *        accuracy --short    a sixtieth of the samples
 *
 * float32: every 509th bit pattern, 8.4 million values from all binades, against libm in double. float64: four million
 * bit patterns, against libm in long double (64 bits of mantissa). Results that are NaN or infinite must be so exactly.
 */
#define _GNU_SOURCE /* j0l and its kin */
#include "core/core.h"
#include "support/ulp.h"
#include "tapir.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef tp_tensor *(*ours)(tp_tape *, tp_tensor *);
typedef double (*truth32)(double);
typedef long double (*truth64)(long double);

/* clang-format off */
#define BOTH(name, formula32, formula64)                                                           \
    static double name##_32(double x) { return formula32; }                                        \
    static long double name##_64(long double x) { return formula64; }
BOTH(rsqrt, 1 / sqrt(x), 1 / sqrtl(x))
BOTH(reciprocal, 1 / x, 1 / x)
BOTH(sigmoid, x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)), x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)))
BOTH(softplus, x > 20 ? x : log1p(exp(x)), x > 20 ? x : log1pl(expl(x)))
BOTH(log_sigmoid, (x < 0 ? x : 0) - log1p(exp(-fabs(x))), (x < 0 ? x : 0) - log1pl(expl(-fabsl(x))))
BOTH(gelu, 0.5 * x * erfc(-x * 0.70710678118654752440), 0.5L * x * erfcl(-x * 0.707106781186547524400844362104849039L))
/* clang-format on */

/* References in long double for what libm has not. */
#define WIDE(name) \
    static double name##_32(double x) { return (double)name##_64((long double)x); }

static const long double pi = 3.14159265358979323846264338327950288L,
                         root_half = 0.707106781186547524400844362104849039L;

static long double erfcx_64(long double x)
{
    long double square = x * x, rest = fmal(x, x, -square), r = 0.5L / x / x, sum = 1;
    if (x < 40)
        return x < -100 ? (long double)INFINITY : expl(square) * (1 + rest) * erfcl(x);
    for (int k = 12; k > 0; k--)
        sum = 1 - (2 * k - 1) * r * sum;
    return sum / (x * sqrtl(pi));
}
WIDE(erfcx)

static long double ndtr_64(long double x)
{
    long double square = x * x;
    return x < -1 && x > -100
               ? 0.5L * erfcx_64(-root_half * x) * expl(-0.5L * square) * (1 - 0.5L * fmal(x, x, -square))
               : 0.5L * erfcl(-root_half * x);
}
WIDE(ndtr)

static long double log_ndtr_64(long double x)
{
    long double t = root_half * x;
    return x < -1 ? logl(0.5L * erfcx_64(-t)) - t * t : log1pl(-ndtr_64(-x));
}
WIDE(log_ndtr)

static long double gelu_tanh_64(long double x)
{
    long double v = 2 * sqrtl(2 / pi) * (x + 0.044715L * x * x * x);
    return fabsl(x) > 1e4L ? (x < 0 ? 0 : x) : v < 0 ? x * expl(v) / (1 + expl(v)) : x / (1 + expl(-v));
}
WIDE(gelu_tanh)

/* Whole turns taken off first, and a quarter where there is one */
static long double sinc_64(long double x)
{
    long double n = roundl(x), r = fabsl(x - n), rest = 0.5L - r;
    long double s = copysignl(r > 0.25L ? cosl(pi * rest) : sinl(pi * r), x - n) * (fmodl(n, 2) != 0 ? -1 : 1);
    return isinf(x) ? (long double)NAN : x == 0 ? 1 : s / (pi * x);
}
WIDE(sinc)

static long double entr_64(long double x) { return x > 0 ? -x * logl(x) : x == 0 ? 0 : (long double)-INFINITY; }
WIDE(entr)

static long double scaled_bessel(int order, long double x)
{
    long double sum = 1, term = 1;
    if (x < 40) {
        for (int k = 1; term > 1e-21L * sum; k++)
            sum += term *= 0.25L * x * x / ((long double)k * (k + order));
        return (order ? 0.5L * x : 1) * sum * expl(-x);
    }
    for (int k = 1; k < 60 && fabsl(term) > 1e-21L; k++)
        sum += term *= ((2.0L * k - 1) * (2.0L * k - 1) - 4.0L * order) / (8 * x * k);
    return sum / (sqrtl(2 * pi) * sqrtl(x));
}
static long double i0e_64(long double x) { return scaled_bessel(0, fabsl(x)); }
static long double i1e_64(long double x) { return copysignl(scaled_bessel(1, fabsl(x)), x); }
static long double i0_64(long double x) { return fabsl(x) > 2000 ? (long double)INFINITY : i0e_64(x) * expl(fabsl(x)); }
static long double i1_64(long double x)
{
    return fabsl(x) > 2000 ? copysignl((long double)INFINITY, x) : i1e_64(x) * expl(fabsl(x));
}
WIDE(i0e)
WIDE(i1e)
WIDE(i0)
WIDE(i1)

/* Inverses, by Newton's method: of log P in the tail, of erf near 0. */
static long double tail_of(long double p)
{
    long double target = logl(p), y = -sqrtl(-2 * target), step = 1;
    for (int i = 0; i < 30 && fabsl(step) > 1e-16L * fabsl(y); i++) {
        long double t = -root_half * y, scaled = erfcx_64(t);
        step = (logl(0.5L * scaled) - t * t - target) * scaled * sqrtl(0.5L * pi);
        y -= step;
    }
    return y;
}

static long double erfinv_64(long double x)
{
    long double a = fabsl(x), y = a, step = 1;
    if (!(a < 1))
        return a == 1 ? copysignl((long double)INFINITY, x) : (long double)NAN;
    if (a > 0.8L)
        return copysignl(root_half * tail_of(0.5L * (1 - a)), x);
    for (int i = 0; i < 30 && fabsl(step) > 1e-16L * y; i++)
        y -= step = (erfl(y) - a) * 0.5L * sqrtl(pi) * expl(y * y);
    return copysignl(y, x);
}
WIDE(erfinv)

static long double ndtri_64(long double p)
{
    if (!(p >= 0 && p <= 1))
        return (long double)NAN;
    if (p == 0 || p == 1)
        return p == 0 ? (long double)-INFINITY : (long double)INFINITY;
    return p < 0.2L ? tail_of(p) : p > 0.8L ? -tail_of(1 - p) : 2 * root_half * erfinv_64(2 * p - 1);
}
WIDE(ndtri)

/* Bounds in ulp for float32 and float64; and those of libm, which does the work where there is no fused multiply-add, if
 * they are wider. */
static const struct {
    const char *name;
    ours fn;
    truth32 t32;
    truth64 t64;
    double bound32, bound64, libm32, libm64;
    int rooted; /* many roots: what a change of x by two units in its last place does is forgiven */
} functions[] = {
    {"exp", tp_exp, exp, expl, 2, 2, 0, 0, 0},
    {"exp2", tp_exp2, exp2, exp2l, 1, 2, 0, 0, 0},
    {"expm1", tp_expm1, expm1, expm1l, 1, 2, 0, 0, 0},
    {"log", tp_log, log, logl, 2, 1, 0, 0, 0},
    {"log2", tp_log2, log2, log2l, 2, 1, 0, 0, 0},
    {"log10", tp_log10, log10, log10l, 2, 1, 0, 2, 0},
    {"log1p", tp_log1p, log1p, log1pl, 2, 1, 0, 0, 0},
    {"sqrt", tp_sqrt, sqrt, sqrtl, 0.5, 0.5, 0, 0, 0},
    {"rsqrt", tp_rsqrt, rsqrt_32, rsqrt_64, 1.5, 1.5, 0, 0, 0},
    {"reciprocal", tp_reciprocal, reciprocal_32, reciprocal_64, 0.5, 0.5, 0, 0, 0},
    {"sin", tp_sin, sin, sinl, 2, 1, 0, 0, 0},
    {"cos", tp_cos, cos, cosl, 2, 1, 0, 0, 0},
    {"tan", tp_tan, tan, tanl, 2, 1.5, 0, 0, 0},
    {"asin", tp_asin, asin, asinl, 1, 2, 0, 0, 0},
    {"acos", tp_acos, acos, acosl, 1, 2, 0, 0, 0},
    {"atan", tp_atan, atan, atanl, 2, 1, 0, 0, 0},
    {"sinh", tp_sinh, sinh, sinhl, 1, 2, 3, 0, 0},
    {"cosh", tp_cosh, cosh, coshl, 1, 2, 3, 0, 0},
    {"tanh", tp_tanh, tanh, tanhl, 2, 2, 0, 3, 0},
    {"asinh", tp_asinh, asinh, asinhl, 1, 1.5, 2, 2, 0},
    {"acosh", tp_acosh, acosh, acoshl, 1, 1.5, 3, 3, 0},
    {"atanh", tp_atanh, atanh, atanhl, 1, 1, 2, 2, 0},
    {"erf", tp_erf, erf, erfl, 4, 2, 0, 0, 0},
    {"erfc", tp_erfc, erfc, erfcl, 1, 4, 4, 5, 0},
    {"sigmoid", tp_sigmoid, sigmoid_32, sigmoid_64, 2, 2, 0, 3, 0},
    {"softplus", tp_softplus, softplus_32, softplus_64, 3, 3, 0, 0, 0},
    {"log_sigmoid", tp_log_sigmoid, log_sigmoid_32, log_sigmoid_64, 3, 3, 0, 0, 0},
    {"gelu", tp_gelu, gelu_32, gelu_64, 4, 5, 0, 20, 0},
    {"gelu_tanh", tp_gelu_tanh, gelu_tanh_32, gelu_tanh_64, 1, 4, 0, 6, 0},
    {"sinc", tp_sinc, sinc_32, sinc_64, 4, 3, 0, 4, 0},
    {"erfinv", tp_erfinv, erfinv_32, erfinv_64, 1, 3, 0, 4, 0},
    {"erfcx", tp_erfcx, erfcx_32, erfcx_64, 1, 6, 0, 0, 0},
    {"ndtr", tp_ndtr, ndtr_32, ndtr_64, 1, 4, 0, 8, 0},
    {"log_ndtr", tp_log_ndtr, log_ndtr_32, log_ndtr_64, 1, 8, 0, 0, 0},
    {"ndtri", tp_ndtri, ndtri_32, ndtri_64, 1, 4, 0, 6, 0},
    {"entr", tp_entr, entr_32, entr_64, 1, 2, 0, 0, 0},
    {"i0", tp_i0, i0_32, i0_64, 1, 16, 0, 0, 0},
    {"i0e", tp_i0e, i0e_32, i0e_64, 1, 16, 0, 0, 0},
    {"i1", tp_i1, i1_32, i1_64, 1, 16, 0, 0, 0},
    {"i1e", tp_i1e, i1e_32, i1e_64, 1, 16, 0, 0, 0},
    {"bessel_j0", tp_bessel_j0, j0, j0l, 1, 6, 0, 0, 1},
    {"bessel_j1", tp_bessel_j1, j1, j1l, 1, 6, 0, 0, 1},
    {"bessel_y0", tp_bessel_y0, y0, y0l, 1, 6, 0, 0, 1},
    {"bessel_y1", tp_bessel_y1, y1, y1l, 1, 6, 0, 0, 1},
};

enum { CHUNK = 1 << 16, STEP = 509, CHUNKS64 = 64, SHORT = 61 };

typedef struct {
    double worst, at;
} error;

static void note(error *worst, double off, double at)
{
    if (!(off <= worst->worst)) {
        worst->worst = off;
        worst->at = at;
    }
}

/* What a change of x by two units does to a function. */
static long double change32(truth32 truth, double x)
{
    long double off = truth(x + 2 * (double)ulp_at(x, format32)) - truth(x);
    return isfinite(off) ? fabsl(off) : 0;
}
static long double change64(truth64 truth, double x)
{
    long double off = truth(x + 2 * ulp_at(x, format64)) - truth(x);
    return isfinite(off) ? fabsl(off) : 0;
}

static error measure32(tp_tape *T, ours fn, truth32 truth, uint64_t step, int rooted)
{
    static float x[CHUNK];
    error worst = {0, 0};
    for (uint64_t bits = 0; bits < (1ull << 32);) {
        int64_t n = 0;
        for (; n < CHUNK && bits < (1ull << 32); bits += step) {
            uint32_t b = (uint32_t)bits;
            memcpy(&x[n], &b, sizeof b);
            n += !isnan(x[n]);
        }
        const float *y = tp_data(fn(T, tp_from(T, TP_F32, tp_shape(n), x)));
        for (int64_t i = 0; i < n && y; i++) {
            double want = truth((double)x[i]);
            long double slack = rooted ? change32(truth, (double)x[i]) : 0;
            note(&worst, ulps_off((double)y[i], (long double)want, format32, slack), (double)x[i]);
        }
        tp_tape_reset(T);
    }
    return worst;
}

static error measure64(tp_tape *T, ours fn, truth64 truth, int chunks, int rooted)
{
    static double x[CHUNK];
    error worst = {0, 0};
    uint64_t state = 1;
    for (int done = 0; done < chunks; done++) {
        for (int i = 0; i < CHUNK; i++)
            do { /* half of them near 1, where functions bend; half from all binades */
                state = state * 6364136223846793005u + 1442695040888963407u;
                uint64_t b = state ^ (state >> 29);
                if (i % 2)
                    b = (b & 0x800fffffffffffffu) | ((uint64_t)(1010 + (state >> 33) % 20) << 52);
                memcpy(&x[i], &b, sizeof b);
            } while (isnan(x[i]));
        const double *y = tp_data(fn(T, tp_from(T, TP_F64, tp_shape(CHUNK), x)));
        for (int i = 0; i < CHUNK && y; i++) {
            long double want = truth((long double)x[i]);
            note(&worst, ulps_off(y[i], want, format64, rooted ? change64(truth, x[i]) : 0), x[i]);
        }
        tp_tape_reset(T);
    }
    return worst;
}

int main(int argc, char **argv)
{
    tp_tape *T = tp_tape_new();
    int failed = 0, shorter = argc > 1 && strcmp(argv[1], "--short") == 0 ? SHORT : 1,
        libm = tp__cpu_isa() == TP__ISA_BASE;
    printf(
        "# Accuracy\n\n"
        "The largest error of each elementwise function, in units in the last place, and where; `make check-full` "
        "measures\n"
        "it again (`test/accuracy.c`) and fails above the bound, and `make check` does so with fewer samples for each "
        "set\n"
        "of instructions (`TAPIR_ISA`). float32: every 509th bit pattern, 8.4 million values from all binades, "
        "against\n"
        "libm in double. float64: four million bit patterns, half of them near 1, against libm in long double. NaN,\n"
        "infinities, zeros and subnormals must be right. All but the Bessel functions, erfcx and log_ndtr are computed "
        "by\n"
        "`lib/kernel/vec_math.h` and `vec_math64.h` where the processor has a fused multiply-add, and by libm and\n"
        "`lib/kernel/special.c` elsewhere, with somewhat wider bounds; float32 goes through float64 where that is "
        "fast\n"
        "enough. The references of what libm has not are series and iterations in long double. Of J and Y, which have "
        "many\n"
        "roots, what a change of x by two units in its last place does is forgiven.\n\n"
        "| function    | float32 |           at | bound | float64 |           at | bound |\n"
        "|-------------|--------:|-------------:|------:|--------:|-------------:|------:|\n");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        error a = measure32(T, functions[i].fn, functions[i].t32, (uint64_t)(STEP * shorter), functions[i].rooted);
        error b = measure64(T, functions[i].fn, functions[i].t64, 1 + CHUNKS64 / shorter, functions[i].rooted);
        double bound32 = fmax(functions[i].bound32, libm ? functions[i].libm32 : 0);
        double bound64 = fmax(functions[i].bound64, libm ? functions[i].libm64 : 0);
        bool bad = !(a.worst <= bound32 && b.worst <= bound64);
        printf("| %-11s | %7.3f | %12.6g | %5.3g | %7.3f | %12.6g | %5.3g |%s\n", functions[i].name, a.worst, a.at,
               bound32, b.worst, b.at, bound64, bad ? " above the bound" : "");
        failed |= bad || tp_error(T) != NULL;
    }
    tp_tape_free(T);
    return failed;
}
