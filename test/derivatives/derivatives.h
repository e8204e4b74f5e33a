/* derivatives.h - the tables that derivatives.c works through: an elementwise operator a row.
 *
 * A row has the operator's name in the registry, a function that applies it, and its derivatives as formulas in long
 * double. They are right where long double is: written so that nothing cancels, or overflows before the result does.
 * NaN says that there is nothing to compare: outside of the domain, at a kink. (At x = NaN itself the result must be NaN,
 * unless the row says FLAT.) Infinite arguments are tried, too: give the limit there.
 *
 * To add a row, write its formulas beside the others of one.c (one argument), special.c (one argument, of the
 * special functions) or two.c (two arguments), and run `build/test/derivatives NAME`.
 */
#ifndef TEST_DERIVATIVES_H
#define TEST_DERIVATIVES_H

#include "tapir.h"

#include <math.h>

typedef long double real;

enum {
    /* Near a root of the derivative, or where it is steep, what a change of x by four units in its last place does to the
     * derivative is forgiven: its own conditioning. */
    CONDITIONED = 1,
    /* The derivative of NaN is a number, as in PyTorch: rounding and the like. */
    FLAT = 2,
    /* Known to be wrong: measured, but it does not fail. */
    OPEN = 4,
    /* Without a derivative: tried for exceptions alone. */
    VALUES = 8,
    /* Right for any gradient that comes from above, also where it alone brings the product into the range of the floats. */
    ANY_GRADIENT = 16
};

/* A function of one argument. Bounds are in units in the last place; 0 means 8. */
typedef struct {
    const char *name;
    tp_tensor *(*fn)(tp_tape *, tp_tensor *);
    real (*first)(real x);
    real (*second)(real x);
    unsigned flags;
    double bound;
} one_row;

/* A function of two arguments: by x, by y, by x twice, by both, by y twice. NULL is not looked at. */
typedef struct {
    const char *name;
    tp_tensor *(*fn)(tp_tape *, tp_tensor *, tp_tensor *);
    real (*slope[5])(real x, real y);
    unsigned flags;
    double bound;
} two_row;

extern const one_row one_rows[], special_rows[]; /* to a name that is NULL */
extern const two_row two_rows[];

/* Without a name of its own in a table: operators that others are made of, and why no row is theirs. */
extern const char *const needs_no_row[];

static const real pi = 3.14159265358979323846264338327950288L, ln2 = 0.693147180559945309417232121458176568L;

/* e^(-x^2), with what the square loses */
static inline real bell_of(real x)
{
    real square = x * x;
    return square > 20000 ? 0 : expl(-square) * (1 - fmal(x, x, -square));
}

#endif
