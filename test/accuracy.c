/* accuracy.c - the largest error of each elementwise function, in units in the last place, as a table for
 * doc/accuracy.md. Fails where an error is above its bound.
 *
 * usage: accuracy > doc/accuracy.md
 *
 * float32: every 509th bit pattern, 8.4 million values from all binades, against libm in double. float64: a million
 * bit patterns, against libm in long double (64 bits of mantissa). Results that are NaN or infinite must be so exactly.
 */
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

/* Bounds in ulp for float32 and float64. The functions of lib/kernel/vec_math.h are ours in float32, all others libm's. */
static const struct {
    const char *name;
    ours fn;
    truth32 t32;
    truth64 t64;
    double bound32, bound64;
} functions[] = {
    {"exp", tp_exp, exp, expl, 2, 1},
    {"exp2", tp_exp2, exp2, exp2l, 1, 1},
    {"expm1", tp_expm1, expm1, expm1l, 1, 1},
    {"log", tp_log, log, logl, 2, 1},
    {"log2", tp_log2, log2, log2l, 1, 1},
    {"log10", tp_log10, log10, log10l, 2, 2},
    {"log1p", tp_log1p, log1p, log1pl, 2, 1},
    {"sqrt", tp_sqrt, sqrt, sqrtl, 0.5, 0.5},
    {"rsqrt", tp_rsqrt, rsqrt_32, rsqrt_64, 1.5, 1.5},
    {"reciprocal", tp_reciprocal, reciprocal_32, reciprocal_64, 0.5, 0.5},
    {"sin", tp_sin, sin, sinl, 2, 1},
    {"cos", tp_cos, cos, cosl, 2, 1},
    {"tan", tp_tan, tan, tanl, 2, 1},
    {"asin", tp_asin, asin, asinl, 1, 1},
    {"acos", tp_acos, acos, acosl, 1, 1},
    {"atan", tp_atan, atan, atanl, 1, 1},
    {"sinh", tp_sinh, sinh, sinhl, 3, 2},
    {"cosh", tp_cosh, cosh, coshl, 3, 2},
    {"tanh", tp_tanh, tanh, tanhl, 2, 3},
    {"asinh", tp_asinh, asinh, asinhl, 2, 2},
    {"acosh", tp_acosh, acosh, acoshl, 3, 3},
    {"atanh", tp_atanh, atanh, atanhl, 2, 2},
    {"erf", tp_erf, erf, erfl, 4, 2},
    {"erfc", tp_erfc, erfc, erfcl, 4, 5},
    {"sigmoid", tp_sigmoid, sigmoid_32, sigmoid_64, 2, 3},
    {"softplus", tp_softplus, softplus_32, softplus_64, 3, 3},
    {"log_sigmoid", tp_log_sigmoid, log_sigmoid_32, log_sigmoid_64, 3, 3},
    {"gelu", tp_gelu, gelu_32, gelu_64, 4, 20},
};

enum { CHUNK = 1 << 18, STEP = 509, SAMPLES64 = 1 << 20 };

typedef struct {
    double worst, at;
} error;

/* How far got is from want, in units of the last of `digits` bits; below 2^lowest the unit stays. Results beyond
 * `largest` may come as infinity, or as the largest number itself. */
static double ulps(double got, long double want, int digits, int lowest, long double largest)
{
    int e;
    if (isnan(want) || isnan(got) || want == 0)
        return (isnan(want) && isnan(got)) || got == 0 ? 0 : (double)INFINITY;
    if (fabsl(want) >= largest)
        return fabs(got) >= (double)largest && (got < 0) == (want < 0) ? 0 : (double)INFINITY;
    frexpl(want, &e);
    return (double)(fabsl((long double)got - want) / ldexpl(1, (e < lowest ? lowest : e) - digits));
}

static void note(error *worst, double off, double at)
{
    if (!(off <= worst->worst)) {
        worst->worst = off;
        worst->at = at;
    }
}

static error measure32(tp_tape *T, ours fn, truth32 truth)
{
    static float x[CHUNK];
    error worst = {0, 0};
    for (uint64_t bits = 0; bits < (1ull << 32);) {
        int64_t n = 0;
        for (; n < CHUNK && bits < (1ull << 32); bits += STEP) {
            uint32_t b = (uint32_t)bits;
            memcpy(&x[n], &b, sizeof b);
            n += !isnan(x[n]);
        }
        const float *y = tp_data(fn(T, tp_from(T, TP_F32, tp_shape(n), x)));
        for (int64_t i = 0; i < n && y; i++) {
            double want = truth((double)x[i]);
            note(&worst, ulps((double)y[i], (long double)want, 24, -125, 0x1.fffffep127L), (double)x[i]);
        }
        tp_tape_reset(T);
    }
    return worst;
}

static error measure64(tp_tape *T, ours fn, truth64 truth)
{
    static double x[CHUNK];
    error worst = {0, 0};
    uint64_t state = 1;
    for (int done = 0; done < SAMPLES64; done += CHUNK) {
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
            note(&worst, ulps(y[i], want, 53, -1021, 0x1.fffffffffffffp1023L), x[i]);
        }
        tp_tape_reset(T);
    }
    return worst;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    int failed = 0;
    printf("# Accuracy\n\n"
           "The largest error of each elementwise function, in units in the last place, and where; `make check-full` "
           "measures\n"
           "it again (`test/accuracy.c`) and fails above the bound. float32: every 509th bit pattern, 8.4 million "
           "values from all\n"
           "binades, against libm in double. float64: a million bit patterns, half of them near 1, against libm in "
           "long double.\n"
           "NaN, infinities, zeros and subnormals must be right. Of `lib/kernel/vec_math.h` are exp, log, log1p, tanh, "
           "sigmoid,\n"
           "sin, cos, erf and gelu in float32, where the processor has a fused multiply-add; the others are libm's. "
           "(gelu in\n"
           "float64 is within 8 but where erfc itself is subnormal, below -37.)\n\n"
           "| function    | float32 |           at | bound | float64 |           at | bound |\n"
           "|-------------|--------:|-------------:|------:|--------:|-------------:|------:|\n");
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        error a = measure32(T, functions[i].fn, functions[i].t32), b = measure64(T, functions[i].fn, functions[i].t64);
        bool bad = !(a.worst <= functions[i].bound32 && b.worst <= functions[i].bound64);
        printf("| %-11s | %7.3f | %12.6g | %5.3g | %7.3f | %12.6g | %5.3g |%s\n", functions[i].name, a.worst, a.at,
               functions[i].bound32, b.worst, b.at, functions[i].bound64, bad ? " above the bound" : "");
        failed |= bad || tp_error(T) != NULL;
    }
    tp_tape_free(T);
    return failed;
}
