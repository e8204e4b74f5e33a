/* special.c - the derivatives of the special functions of one argument. */
#include "derivatives/derivatives.h"

/* clang-format off */
#define ROW(name, f1, f2)                                                                          \
    static real name##_1(real x) { return f1; }                                                    \
    static real name##_2(real x) { return f2; }

static const real none = (real)NAN; /* nothing to compare */

ROW(entr, x < 0 ? none : -1 - logl(x), x < 0 ? none : -1 / x)

#define OF(name) #name, tp_##name, name##_1, name##_2
const one_row special_rows[] = {
    {OF(entr), CONDITIONED | OPEN, 0},
    {0},
};
/* clang-format on */
