/* vec_product.c - the gradient of a product; compiled once an instruction set (TP__ISA). product_body.h is read once for float
 * and once for double.
 *
 * The product of the others is that of all, divided by the element. It is kept as mantissa and exponent, so that nothing
 * leaves the range on the way; zeros, infinities and NaN are counted, not multiplied. A column is a lane: a row is taken
 * as LANES columns, which are then joined in order. */
#include "kernel/product.h"

#include <math.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))

/* SHORT factors between 2^-60 and 2^60 have products in range; so have ROOM mantissas. */
enum { LANES = TP__FACTORS, SHORT = 16, ROOM = 512 };

#define INFINITE ((uint64_t)0x7ff << 52)
#define ONE ((uint64_t)0x3ff << 52)
#define MANTISSA (((uint64_t)1 << 52) - 1)

static ALWAYS_INLINE uint64_t bits_of(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

static ALWAYS_INLINE double double_of(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* The mantissa with x's sign, and the exponent; of zeros, infinities and NaN 1 and 0. Unless `small`, there are no subnormal x. */
static ALWAYS_INLINE double split(double x, bool small, int64_t *e, int64_t *odd)
{
    uint64_t size = bits_of(fabs(x)), sign = bits_of(x) ^ size, b = size, grown = 0;
    if (small) {
        uint64_t below = -(uint64_t)(size < ((uint64_t)1 << 52));
        b = (bits_of(fabs(x) * 0x1p64) & below) | (size & ~below);
        grown = 64 & below;
    }
    uint64_t usual = -(uint64_t)(size - 1 < INFINITE - 1); /* neither zero nor out of range: all bits */
    *odd = (int64_t)~usual;
    *e = (int64_t)(((b >> 52) - 1023 - grown) & usual);
    return double_of((b & MANTISSA & usual) | ONE | sign);
}

static ALWAYS_INLINE double power_of_two(int64_t k) { return double_of((uint64_t)(k + 1023) << 52); }

static ALWAYS_INLINE int64_t between(int64_t k, int64_t least, int64_t most)
{
    k = k < least ? least : k;
    return k > most ? most : k;
}

/* v 2^k */
static ALWAYS_INLINE double scaled(double v, int64_t k)
{
    int64_t first = between(k, -1022, 1023);
    return v * power_of_two(first) * power_of_two(between(k - first, -1022, 1023));
}

static void start_at(tp__factors *f, int64_t c)
{
    f->m[c] = 1;
    f->e[c] = f->odd[c] = f->zeros[c] = f->infinite[c] = f->nans[c] = 0;
}

static void start(int64_t columns, tp__factors *f)
{
    for (int64_t c = 0; c < columns; c++)
        start_at(f, c);
}

/* The column c of f, times another one. */
static void join_from(tp__factors *f, int64_t c, const tp__factors *by, int64_t k)
{
    int64_t e, strange;
    f->m[c] = split(f->m[c] * by->m[k], false, &e, &strange);
    f->e[c] += by->e[k] + e;
    f->odd[c] |= by->odd[k];
    f->zeros[c] += by->zeros[k];
    f->infinite[c] += by->infinite[k];
    f->nans[c] += by->nans[k];
}

static void join(tp__factors *f, int64_t to, int64_t from) { join_from(f, to, f, from); }

/* By a call: it is rare, and would fill a loop. */
static __attribute__((noinline)) void count_kind(double x, tp__factors *f, int64_t c)
{
    f->zeros[c] += x == 0;
    f->nans[c] += x != x;
    f->infinite[c] += x == (double)INFINITY || x == (double)-INFINITY;
}

/* How the product of the others is made: by a division; of mantissas and exponents; or looking at each. */
typedef enum { BY_QUOTIENT, BY_PARTS, BY_KIND } manner;

static manner manner_of(int64_t columns, const tp__factors *f)
{
    manner how = BY_QUOTIENT;
    for (int64_t c = 0; c < columns; c++) {
        if (f->odd[c])
            return BY_KIND;
        how = f->e[c] < -400 || f->e[c] > 400 ? BY_PARTS : how;
    }
    return how;
}

/* The others' product at x, where there are zeros, infinities or NaN among all. */
static double by_kind(double x, const tp__factors *f, int64_t c)
{
    int64_t e, odd, zeros = f->zeros[c] - (x == 0), infinite = f->infinite[c] - (fabs(x) == (double)INFINITY);
    double m = f->m[c] / split(x, true, &e, &odd);
    if (f->nans[c] - (x != x) > 0 || (zeros > 0 && infinite > 0))
        return (double)NAN;
    return infinite > 0 ? copysign((double)INFINITY, m) : zeros > 0 ? copysign(0, m) : scaled(m, f->e[c] - e);
}

#define SMALL(R) (sizeof(R) > sizeof(float)) /* may a double of such a number be subnormal? */

#define TP__BODY "kernel/product_body.h"
#include "kernel/per_float.h"

const tp__product_table TP__OF_ISA(tp__product_table) = {
    .rows = {rows_f32, rows_f64},
    .columns = {columns_f32, columns_f64},
    .parts = {parts_f32, parts_f64},
    .elements = {elements_f32, elements_f64},
    .join = join,
};
