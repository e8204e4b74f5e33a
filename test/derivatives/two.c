/* two.c - the derivatives of the elementwise functions of two arguments. */
#include "derivatives/derivatives.h"

/* clang-format off */
#define ROW(name, by_x, by_y, by_xx, by_xy, by_yy)                                                 \
    static real name##_x(real x, real y) { (void)x; (void)y; return by_x; }                        \
    static real name##_y(real x, real y) { (void)x; (void)y; return by_y; }                        \
    static real name##_xx(real x, real y) { (void)x; (void)y; return by_xx; }                      \
    static real name##_xy(real x, real y) { (void)x; (void)y; return by_xy; }                      \
    static real name##_yy(real x, real y) { (void)x; (void)y; return by_yy; }

ROW(add, 1, 1, 0, 0, 0)
ROW(sub, 1, -1, 0, 0, 0)
ROW(add_alpha, 1, 0.125L, 0, 0, 0)
ROW(mul, y, x, 0, 1, 0)

static tp_tensor *add_alpha(tp_tape *T, tp_tensor *x, tp_tensor *y) { return tp_add_alpha(T, x, y, 0.125); }

/* Where both are ordinary numbers, neither subnormal: there the parts of derivatives lose digits. */
#define USUAL(formula) (!usual(x) || !usual(y) ? (real)NAN : (formula))
static int usual(real x) { return fabsl(x) > 1e-37L && fabsl(x) < 1e38L; }
static real over_square(real x, real y) { return x / (x * x + y * y); }
static real direction(real x, real y) { return x / sqrtl(x * x + y * y); }
static real share(real d) { return d < 0 ? expl(d) / (1 + expl(d)) : 1 / (1 + expl(-d)); }

ROW(atan2, USUAL(over_square(y, x)), USUAL(-over_square(x, y)), USUAL(-2 * over_square(x, y) * over_square(y, x)),
    USUAL((over_square(x, y) - over_square(y, x)) * (over_square(x, y) + over_square(y, x))),
    USUAL(2 * over_square(x, y) * over_square(y, x)))
ROW(hypot, USUAL(direction(x, y)), USUAL(direction(y, x)), USUAL(direction(y, x) * over_square(y, x)),
    USUAL(-direction(x, y) * over_square(y, x)), USUAL(direction(x, y) * over_square(x, y)))
ROW(logaddexp, USUAL(share(x - y)), USUAL(share(y - x)), USUAL(share(x - y) * share(y - x)),
    USUAL(-share(x - y) * share(y - x)), USUAL(share(x - y) * share(y - x)))
ROW(logaddexp2, USUAL(share(ln2 * (x - y))), USUAL(share(ln2 * (y - x))), USUAL(ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x))),
    USUAL(-ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x))), USUAL(ln2 * share(ln2 * (x - y)) * share(ln2 * (y - x))))
ROW(xlogy, y > 0 ? USUAL(logl(y)) : (real)NAN, y > 0 ? USUAL(x / y) : (real)NAN, 0, y > 0 ? USUAL(1 / y) : (real)NAN,
    y > 0 ? USUAL(-x / y / y) : (real)NAN)
ROW(xlog1py, y > -1 ? USUAL(log1pl(y)) : (real)NAN, y > -1 ? USUAL(x / (1 + y)) : (real)NAN, 0,
    y > -1 ? USUAL(1 / (1 + y)) : (real)NAN, y > -1 ? USUAL(-x / (1 + y) / (1 + y)) : (real)NAN)

#define OF(name) #name, tp_##name, {name##_x, name##_y, name##_xx, name##_xy, name##_yy}
const two_row two_rows[] = {
    {OF(atan2), FLAT | CONDITIONED, 0}, {OF(hypot), FLAT | CONDITIONED, 0}, {OF(logaddexp), FLAT | CONDITIONED, 0},
    {OF(logaddexp2), FLAT | CONDITIONED, 0}, {OF(xlogy), FLAT | CONDITIONED, 0}, {OF(xlog1py), FLAT | CONDITIONED, 0},
    {OF(add), FLAT, 0}, {"add_alpha", add_alpha, {add_alpha_x, add_alpha_y, add_alpha_xx, add_alpha_xy, add_alpha_yy}, FLAT, 0},
    {OF(sub), FLAT, 0}, {OF(mul), FLAT, 0},
    {0},
};
/* clang-format on */

/* What is only called by the derivatives of others is tried there. */
/* clang-format off */
const char *const needs_no_row[] = {
    /* not written yet */
    "div", "pow", "copysign", "ldexp",
    "maximum", "minimum", "fmax", "fmin", "remainder", "clamp_min", "clamp_max", "add_scalar", "rsub_scalar", "mul_scalar",
    "div_scalar", "pow_scalar", "clamp", "zeta", "igamma", "igammac",
    /* parts of derivatives; but for those of lower orders */
    "over_square", "direction", "share", "share2", "gamma_density", "erfcx_slope", "erfcx_bend", "hazard", "hazard_slope",
    "hazard_gap", "erfinv_slope", "ndtri_slope", "i1_slope", "bell", "bessel_i", "bessel_ie", "multigamma",
    NULL,
};
/* clang-format on */
