/* ulp.h - how far a float is from the truth, in units in the last place. */
#ifndef TEST_ULP_H
#define TEST_ULP_H

#include <math.h>

/* A format of floats: bits of the mantissa, the exponent (of frexp) below which the unit stays, the largest number. */
typedef struct {
    int digits, lowest;
    long double largest;
} float_format;

static const float_format format32 = {24, -125, 0x1.fffffep127L}, format64 = {53, -1021, 0x1.fffffffffffffp1023L};

/* The unit in the last place of numbers around v */
static inline long double ulp_at(long double v, float_format f)
{
    int e;
    frexpl(v, &e);
    return ldexpl(1, (e < f.lowest ? f.lowest : e) - f.digits);
}

/* How far got is from want in units in the last place, `slack` (an absolute error) forgiven. Results beyond the largest
 * number may come as infinity or as that number; NaN must be NaN, and zero zero. */
static inline double ulps_off(double got, long double want, float_format f, long double slack)
{
    long double reached = isinf(got) && !isinf(want) ? copysignl(f.largest + ulp_at(f.largest, f), got) : got;
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got) ? 0 : (double)INFINITY;
    if (fabsl(want) >= f.largest)
        return fabsl(reached) >= f.largest && (got < 0) == (want < 0) ? 0 : (double)INFINITY;
    if (want == 0 && slack == 0)
        return got == 0 ? 0 : (double)INFINITY;
    return (double)(fmaxl(fabsl(reached - want) - slack, 0) / ulp_at(want, f));
}

#endif
