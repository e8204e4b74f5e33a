/* vec_arithmetic.c - the elementwise functions that kernels use themselves: arithmetic, alone and with a number, and powers.
 * All others stand with their operators (ops/elementwise). */
#if defined(TP__READING)

/* clang-format off */
BINARY(add, SAME, EACH(x + y, (U)x + (U)y, x || y))
BINARY(sub, SAME, BY_KIND(x - y, (U)x - (U)y))
BINARY(mul, SAME, EACH(x * y, (U)((U)x * (U)y), x && y))
BINARY(div, SAME, LIGHT(x / y))
BINARY(mul_add, SAME, LIGHT(o[i] + x * y))
SCALED(add_alpha, SAME, NUMBERS((U)x + (U)((U)s * (U)y)))
TERNARY(addcmul, SAME, NUMBERS((U)x + (U)s * (U)y * (U)z))
NUMBER(add_scalar, SAME, NUMBERS((U)x + (U)s))
NUMBER(rsub_scalar, SAME, NUMBERS((U)s - (U)x))
NUMBER(mul_scalar, SAME, NUMBERS((U)((U)x * (U)s)))
NUMBER(div_scalar, SAME, LIGHT(x / s))
BINARY(pow, SAME, BY_KIND(V(pow)(x, y), whole_power((int64_t)x, (int64_t)y)))
/* clang-format on */

#if READS_FLOATS

static void NAME(power)(int64_t n, ELEM *o, const ELEM *x, ELEM exponent)
{
    enum { BLOCK = 256 };
    ELEM y[BLOCK];
    for (int64_t i = 0; i < BLOCK && i < n; i++)
        y[i] = exponent;
    for (int64_t i = 0; i < n; i += BLOCK)
        NAME(pow)(n - i < BLOCK ? n - i : BLOCK, o + i, (const void *[]){x + i, y}, NULL);
}

/* Short ways for common exponents. (2 is an operator of its own.) */
static void NAME(pow_scalar)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *restrict o = out;
    const ELEM *x = in[0];
    const double s = *(const double *)attr;
    if (s == 3)
        for (int64_t i = 0; i < n; i++)
            o[i] = x[i] * x[i] * x[i];
    else if (s == 0.5)
        for (int64_t i = 0; i < n; i++)
            o[i] = M(sqrt)(x[i]);
    else if (s == -0.5)
        for (int64_t i = 0; i < n; i++)
            o[i] = 1 / M(sqrt)(x[i]);
    else if (s == -1)
        for (int64_t i = 0; i < n; i++)
            o[i] = 1 / x[i];
    else if (s == -2)
        for (int64_t i = 0; i < n; i++)
            o[i] = (1 / x[i]) * (1 / x[i]); /* x^2 may overflow before 1 / x^2 is 0 */
    else
        NAME(power)(n, o, x, (ELEM)s);
}

#elif READS_INTEGERS

static void NAME(pow_scalar)(int64_t n, void *out, const void *const *in, const void *attr)
{
    ELEM *o = out;
    const ELEM *x = in[0], s = NAME(number)(*(const double *)attr);
    for (int64_t i = 0; i < n; i++)
        o[i] = (ELEM)whole_power((int64_t)x[i], (int64_t)s);
}

#endif

NUMBER(pow_scalar, SAME, OWN_NUMBERS)

#else

#include "kernel/vec_math.h"

/* base^exponent by squaring, wrapping; a negative exponent leaves only those of 1 and -1. */
static int64_t whole_power(int64_t base, int64_t exponent)
{
    uint64_t b = (uint64_t)base, r = 1;
    if (exponent < 0)
        return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
    for (uint64_t e = (uint64_t)exponent; e; e >>= 1, b *= b)
        if (e & 1)
            r *= b;
    return (int64_t)r;
}

#define TP__BODY "kernel/vec_arithmetic.c"
#include "kernel/functions.h"

#endif
