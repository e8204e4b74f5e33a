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

#define OF(name) #name, tp_##name, {name##_x, name##_y, name##_xx, name##_xy, name##_yy}
const two_row two_rows[] = {
    {OF(add), FLAT, 0}, {"add_alpha", add_alpha, {add_alpha_x, add_alpha_y, add_alpha_xx, add_alpha_xy, add_alpha_yy}, FLAT, 0},
    {OF(sub), FLAT, 0}, {OF(mul), FLAT, 0},
    {0},
};
/* clang-format on */

/* What is only called by the derivatives of others is tried there. */
/* clang-format off */
const char *const needs_no_row[] = {
    /* not written yet */
    "div", "pow", "atan2", "hypot", "copysign", "logaddexp", "logaddexp2", "xlogy", "xlog1py", "ldexp",
    "maximum", "minimum", "fmax", "fmin", "remainder", "clamp_min", "clamp_max", "add_scalar", "rsub_scalar", "mul_scalar",
    "div_scalar", "pow_scalar", "clamp", "zeta", "igamma", "igammac",
    /* parts of derivatives; but for those of lower orders */
    "over_square", "direction", "share", "share2", "gamma_density", "erfcx_slope", "erfcx_bend", "hazard", "hazard_slope",
    "hazard_gap", "erfinv_slope", "ndtri_slope", "i1_slope", "bell", "bessel_i", "bessel_ie", "multigamma",
    NULL,
};
/* clang-format on */
