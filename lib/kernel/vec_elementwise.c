/* vec_elementwise.c - the elementwise block functions; compiled once an instruction set (TP__ISA).
 *
 * A function is one line of a table: its name, the dtypes it takes, and its formula in x (and y). The
 * compiler vectorizes what it can: arithmetic, and the functions of vec_math.h (V). All others are libm's (M).
 */
#include "kernel/elementwise.h"
#include "kernel/special.h"
#include "kernel/vec_smooth.h"
#include "kernel/vec_math.h"
#include "kernel/vec_derivative.h"
#include "kernel/vec_bessel.h"
#include "kernel/vec_special32.h"

#include <math.h>
#include <string.h>

/* One formula for both precisions: the functions of the type at hand, by overloading on a macro. */
#define F32_FN(name) name##f
#define F64_FN(name) name
#define F32_VEC(name) v_##name##f
#define F64_VEC(name) v_##name

/* A number of the operator's attributes as it counts beside elements: that of an integer wraps. */
static inline float number_float(double v) { return (float)v; }
static inline double number_double(double v) { return v; }
static inline int32_t number_int32_t(double v) { return (int32_t)(uint32_t)(uint64_t)tp__to_i64(v); }
static inline int64_t number_int64_t(double v) { return tp__to_i64(v); }
static inline uint8_t number_uint8_t(double v) { return (uint8_t)(uint64_t)tp__to_i64(v); }

/* clang-format off */
#define BINARY(id, type, result, formula)                                                          \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; result *restrict o = out; const type *a = in[0], *b = in[1];                     \
      for (int64_t i = 0; i < n; i++) { type x = a[i], y = b[i]; o[i] = (result)(formula); } }
#define UNARY(id, type, result, formula)                                                           \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; result *restrict o = out; const type *a = in[0];                                 \
      for (int64_t i = 0; i < n; i++) { type x = a[i]; o[i] = (result)(formula); } }
#define ADDING(id, type, formula)                                                                  \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const type *a = in[0], *b = in[1];                       \
      for (int64_t i = 0; i < n; i++) { type x = a[i], y = b[i]; o[i] += (formula); } }
#define SCALAR(id, type, formula)                                                                  \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr;                      \
      type s = number_##type(at[0]), t = number_##type(at[1]); (void)t;                                            \
      for (int64_t i = 0; i < n; i++) { type x = a[i]; o[i] = (type)(formula); } }
#define SCALED(id, type, number, formula)                                                          \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0], *b = in[1]; number s = number_##number(*(const double *)attr); \
      for (int64_t i = 0; i < n; i++) { type x = a[i], y = b[i]; o[i] = (type)(formula); } }
#define TERNARY(id, type, formula)                                                                 \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0], *b = in[1], *c = in[2];                       \
      const double *at = attr; type s = number_##type(at ? at[0] : 0); (void)s;                    \
      for (int64_t i = 0; i < n; i++) { type x = a[i], y = b[i], z = c[i]; o[i] = (type)(formula); } }
/* Bounds beyond the integers of a type are no bounds. */
#define CLAMP_WHOLE(id, type, least, most)                                                         \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr;                      \
      type s = at[0] >= (double)most ? most : at[0] <= (double)least ? least : number_##type(at[0]); \
      type t = at[1] >= (double)most ? most : at[1] <= (double)least ? least : number_##type(at[1]); \
      for (int64_t i = 0; i < n; i++) { type x = a[i]; o[i] = (x > s ? x : s) < t ? (x > s ? x : s) : t; } }
#define REPLACE(id, type)                                                                          \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr;                      \
      type nan = (type)at[0], top = (type)at[1], bottom = (type)at[2];                             \
      for (int64_t i = 0; i < n; i++)                                                              \
          o[i] = a[i] != a[i] ? nan : a[i] == (type)INFINITY ? top : a[i] == -(type)INFINITY ? bottom : a[i]; }
#define AT_LEAST(v, low) ((v) < (low) ? (low) : (v)) /* keeps NaN */
/* log x and log(1 - x), at least -100; where they are less, no logarithm of 0 is taken, which raises an exception */
#define LOG_OF_CHANCE(V, R, x) V(at_least)(V(log)(V(most)(x, (R)3.7e-44)), -100)
#define LOG_OF_REST(V, x) V(pick)(x >= 1, -100, V(log1p)(V(either)(x >= 1, 0, -x)))
#define WHERE(id, type)                                                                            \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const uint8_t *c = in[0]; const type *a = in[1], *b = in[2]; \
      for (int64_t i = 0; i < n; i++) o[i] = c[i] ? a[i] : b[i]; }

/* A function of x and of a whole number k, the first attribute. */
#define BY_ORDER(id, type, k, formula)                                                             \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const int k = (int)*(const double *)attr;     \
      for (int64_t i = 0; i < n; i++) { type x = a[i]; o[i] = (type)(formula); } }

/* Derivatives of i0e and i1e: (-1)^k (E_k - v E_k+1)(|x|), odd or even; the attributes are the function's order v and k > 0. */
#define BESSEL_IE(id, type)                                                                        \
    UNARY(id##_1, type, type, v_i0e_slope((double)x)) UNARY(id##_2, type, type, v_i0e_fall2(fabs((double)x))) \
    UNARY(id##_3, type, type, v_i1e_slope((double)x)) UNARY(id##_4, type, type, v_i1e_bend((double)x)) \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr; int v = (int)at[0], k = (int)at[1]; \
      if (k < 3) (v ? k == 1 ? id##_3 : id##_4 : k == 1 ? id##_1 : id##_2)(n, out, in, attr);      \
      else for (int64_t i = 0; i < n; i++) o[i] = (type)scaled_bessel_term(v, k, (double)a[i]); }

#define BELL(id, type)                                                                             \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr;                      \
      double factor = at[0], half = at[1]; int k = (int)at[2];                                     \
      if (k == 0) for (int64_t i = 0; i < n; i++) o[i] = (type)v_bell_term((double)a[i], factor, half, 0); \
      else if (k == 1) for (int64_t i = 0; i < n; i++) o[i] = (type)v_bell_term((double)a[i], factor, half, 1); \
      else for (int64_t i = 0; i < n; i++) o[i] = (type)v_bell_term((double)a[i], factor, half, k); }

/* The order is the first attribute: 1 has a fast way for x > 0. */
#define POLYGAMMA(id, type, S, M)                                                                  \
    UNARY_OR(trigamma_##S, type, (type)v_trigamma((double)x), (type)tp__polygamma(1, (double)x, (double)M(sin)((type)3.14159265358979323846 * x))) \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0]; const double *at = attr;                      \
      if (at[0] == 0) digamma_##S(n, out, in, attr);                                               \
      else if (at[0] == 1) trigamma_##S(n, out, in, attr);                                         \
      else for (int64_t i = 0; i < n; i++) o[i] = (type)tp__polygamma(at[0], (double)a[i], 1); }

/* The sum over j < p of the derivative of order k of log gamma at x - j / 2; the attributes are k and p. */
#define MULTIGAMMA(id, type, S)                                                                    \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *o = out, x[256], y[256]; const type *a = in[0]; const double *at = attr; double sum[256], order = at[0] - 1; \
      for (int64_t i = 0; i < n; i += 256) {                                                       \
          int64_t m = n - i < 256 ? n - i : 256;                                                   \
          for (int64_t k = 0; k < m; k++) sum[k] = 0;                                              \
          for (double j = 0; j < at[1]; j++) {                                                     \
              for (int64_t k = 0; k < m; k++) x[k] = (type)(a[i + k] - 0.5 * j);                   \
              if (order < 0) lgamma_##S(m, y, (const void *[]){x}, NULL);                          \
              else polygamma_##S(m, y, (const void *[]){x}, &order);                               \
              for (int64_t k = 0; k < m; k++) sum[k] += y[k];                                      \
          }                                                                                        \
          for (int64_t k = 0; k < m; k++) o[i + k] = (type)sum[k];                                 \
      } }

/* c x^(y - n) log(x)^k times y - i for the bits i of a mask, below n; n, k and the mask are the attributes, and whether it is the
 * sum c x^(y - 1) (1 + y log x). */
#define POWER_TERM(id, type, quick, term)                                                          \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *c = in[0], *x = in[1], *y = in[2]; const double *at = attr; \
      double less = at[0]; int k = (int)at[1], joint = at[3] != 0, odd = 0; unsigned mask = (unsigned)at[2]; \
      int plain = joint == 0 && mask < 4 && k < 2;                                                 \
      if (joint) for (int64_t i = 0; i < n; i++) o[i] = (type)term((double)c[i], (double)x[i], (double)y[i], 1, 1, 0, 0, 1); \
      else if (plain && k == 0) for (int64_t i = 0; i < n; i++) { \
          type v = (type)quick((double)c[i], (double)x[i], (double)y[i], less, 0, mask); odd |= v != v; o[i] = v; } \
      else if (plain) for (int64_t i = 0; i < n; i++) { \
          type v = (type)quick((double)c[i], (double)x[i], (double)y[i], less, 1, mask); odd |= v != v; o[i] = v; } \
      else for (int64_t i = 0; i < n; i++) o[i] = (type)term((double)c[i], (double)x[i], (double)y[i], less, k, mask, 1, 0); \
      for (int64_t i = 0; odd && i < n; i++) \
          if (o[i] != o[i]) o[i] = (type)term((double)c[i], (double)x[i], (double)y[i], less, k, mask, 0, 0); }

/* The regularized incomplete gamma functions, of the density as far as that has a fast way */
#define INCOMPLETE_GAMMA(id, type, density, upper)                                                 \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const type *a = in[0], *b = in[1]; double known[256];    \
      for (int64_t at = 0; at < n; at += 256) {                                                    \
          int64_t m = n - at < 256 ? n - at : 256;                                                 \
          for (int64_t i = 0; i < m; i++) known[i] = density((double)a[at + i], (double)b[at + i]); \
          for (int64_t i = 0; i < m; i++) o[at + i] = (type)tp__igamma((double)a[at + i], (double)b[at + i], upper, known[i]); } }

/* The density's derivative of order 0 or 1, an attribute: the former by the fast way where there is one */
#define GAMMA_DENSITY(id, type, density)                                                           \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const type *a = in[0], *b = in[1]; int k = (int)*(const double *)attr; \
      for (int64_t i = 0; k == 0 && i < n; i++) o[i] = (type)density((double)a[i], (double)b[i]);  \
      for (int64_t i = 0; i < n; i++) if (k || o[i] != o[i]) o[i] = (type)tp__gamma_pdf((double)a[i], (double)b[i], k); }

/* value c a / b^k, or value c d a / b^k; the attributes are value, k, and how many there are above b. */
#define QUOTIENT(id, type, ratio, cube, slow)                                                            \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *restrict o = out; const double *at = attr; int k = (int)at[1], four = at[2] == 3, odd = 0; \
      const type *c = in[0], *d = in[four ? 1 : 0], *a = in[four ? 2 : 1], *b = in[four ? 3 : 2];  \
      type value = number_##type(at[0]);                                                           \
      if (!four && k == 2) for (int64_t i = 0; i < n; i++) { type v = ratio(value, c[i], 1, a[i], b[i], 2); odd |= v != v; o[i] = v; } \
      else if (four && k == 3) for (int64_t i = 0; i < n; i++) { type v = (type)cube(value, c[i], d[i], a[i], b[i], 3); odd |= v != v; o[i] = v; } \
      else for (int64_t i = 0; i < n; i++) o[i] = (type)slow((double)value, (double)c[i], four ? (double)d[i] : 1, (double)a[i], (double)b[i], k); \
      for (int64_t i = 0; odd && i < n; i++) if (o[i] != o[i]) o[i] = (type)slow((double)value, (double)c[i], four ? (double)d[i] : 1, (double)a[i], (double)b[i], k); }

/* Arguments far out need a longer reduction; they are rare, and are done again one by one. */
#define PERIODIC(id, type, near, limit, any)                                                       \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const type *a = in[0], end = (type)(limit); int far = 0; \
      for (int64_t i = 0; i < n; i++) { \
          type x = a[i], here = (x < 0 ? -x : x) <= end ? 1 : 0; far |= here == 0; o[i] = near(x * here); } \
      for (int64_t i = 0; far && i < n; i++) if (!((a[i] < 0 ? -a[i] : a[i]) <= end)) o[i] = any(a[i]); }

/* ---- floats: R is float or double, M(name) its libm function -------------------------------------------- */

/* Where the fast way gives NaN, which should be rare, the slow one answers. */
#define UNARY_OR(id, type, fast, slow)                                                             \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const type *a = in[0]; int odd = 0;                      \
      for (int64_t i = 0; i < n; i++) { type x = a[i], v = (fast); odd |= v != v; o[i] = v; }      \
      for (int64_t i = 0; odd && i < n; i++) if (o[i] != o[i]) { type x = a[i]; o[i] = (slow); } }
#define BINARY_OR(id, type, fast, slow)                                                            \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *restrict o = out; const type *a = in[0], *b = in[1]; int odd = 0;          \
      for (int64_t i = 0; i < n; i++) { type x = a[i], y = b[i], v = (fast); odd |= v != v; o[i] = v; } \
      for (int64_t i = 0; odd && i < n; i++) if (o[i] != o[i]) { type x = a[i], y = b[i]; o[i] = (slow); } }

/* Of two ways, for |x| below `end` and from there on, a stretch that lies on one side takes one alone. */
#define SIDES(id, type, end, near, far, slow)                                                      \
    static void id##_stretch(int64_t n, type *restrict o, const type *a)                           \
    { int some = 0, all = 1, odd = 0;                                                              \
      for (int64_t i = 0; i < n; i++) { int here = fabs((double)a[i]) < (end); some |= here; all &= here; } \
      if (all) for (int64_t i = 0; i < n; i++) { double x = (double)a[i], v = near(x); odd |= v != v; o[i] = (type)v; } \
      else if (!some) for (int64_t i = 0; i < n; i++) { double x = (double)a[i], v = far(x); odd |= v != v; o[i] = (type)v; } \
      else for (int64_t i = 0; i < n; i++) {                                                       \
          double x = (double)a[i], v = v_pick(fabs(x) < (end), near(x), far(x)); odd |= v != v; o[i] = (type)v; } \
      for (int64_t i = 0; odd && i < n; i++) if (o[i] != o[i]) { double x = (double)a[i]; o[i] = (type)(slow); } } \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { (void)attr; type *o = out; const type *a = in[0];                                            \
      for (int64_t i = 0; i < n; i += 256) id##_stretch(n - i < 256 ? n - i : 256, o + i, a + i); }

/* A function of two operands, the second a number. */
#define BY_NUMBER(id, type, fn)                                                                    \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { type *o = out, y[256]; const type *a = in[0];                                                \
      for (int64_t i = 0; i < 256 && i < n; i++) y[i] = (type)*(const double *)attr;               \
      for (int64_t i = 0; i < n; i += 256) fn(n - i < 256 ? n - i : 256, o + i, (const void *[]){a + i, y}, NULL); }

/* Short ways for common exponents. (2 is an operator of its own.) */
#define POWER(id, S)                                                                               \
    static void id(int64_t n, void *out, const void *const *in, const void *attr)                  \
    { double s = *(const double *)attr;                                                            \
      (s == 3 ? cube_##S : s == 0.5 ? sqrt_##S : s == -0.5 ? rsqrt_##S : s == -1 ? reciprocal_##S  \
       : s == -2 ? inverse_square_##S : power_##S)(n, out, in, attr); }

#define CURVE(name, R, S, V)                                                                       \
    BINARY(name##_slope_##S, R, R, y *V(name##_slope)(x)) TERNARY(name##_bend_##S, R, y *z *V(name##_bend)(x))

#define FLOATS(R, S, M, V)                                                                            \
    BINARY(add_##S, R, R, x + y)                                                                   \
    BINARY(sub_##S, R, R, x - y)                                                                   \
    BINARY(mul_##S, R, R, x *y)                                                                    \
    BINARY(div_##S, R, R, x / y)                                                                   \
    BINARY(pow_##S, R, R, V(pow)(x, y))                                                            \
    BINARY(atan2_##S, R, R, V(atan2)(x, y))                                                        \
    BINARY(maximum_##S, R, R, x > y || x != x ? x : y)                                             \
    BINARY(minimum_##S, R, R, x < y || x != x ? x : y)                                             \
    UNARY(neg_##S, R, R, -x)                                                                       \
    UNARY(abs_##S, R, R, M(fabs)(x))                                                               \
    UNARY(sign_##S, R, R, (R)(x > 0) - (R)(x < 0))                                                 \
    UNARY(square_##S, R, R, x *x)                                                                  \
    UNARY(sqrt_##S, R, R, M(sqrt)(x))                                                              \
    UNARY(rsqrt_##S, R, R, 1 / M(sqrt)(x))                                                         \
    UNARY(reciprocal_##S, R, R, 1 / x)                                                             \
    UNARY(exp_##S, R, R, V(exp)(x))                                                                \
    UNARY(expm1_##S, R, R, V(expm1)(x))                                                            \
    UNARY(log_##S, R, R, V(log)(x))                                                                \
    UNARY(log1p_##S, R, R, V(log1p)(x))                                                            \
    UNARY(log2_##S, R, R, V(log2)(x))                                                              \
    UNARY(log10_##S, R, R, V(log10)(x))                                                            \
    UNARY(sinh_##S, R, R, V(sinh)(x))                                                              \
    UNARY(cosh_##S, R, R, V(cosh)(x))                                                              \
    UNARY(tanh_##S, R, R, V(tanh)(x))                                                              \
    UNARY(asin_##S, R, R, V(asin)(x))                                                              \
    UNARY(acos_##S, R, R, V(acos)(x))                                                              \
    UNARY(atan_##S, R, R, V(atan)(x))                                                              \
    UNARY(erf_##S, R, R, V(erf)(x))                                                                \
    UNARY(floor_##S, R, R, M(floor)(x))                                                            \
    UNARY(ceil_##S, R, R, M(ceil)(x))                                                              \
    UNARY(round_##S, R, R, M(nearbyint)(x))                                                        \
    UNARY(trunc_##S, R, R, M(trunc)(x))                                                            \
    UNARY(sigmoid_##S, R, R, V(sigmoid)(x))                                                        \
    UNARY(relu_##S, R, R, x <= 0 ? 0 : x)                                                          \
    UNARY(softplus_##S, R, R, V(pick)(x > 20, x, (x < 0 ? 0 : x) + V(log1p_exp)(M(fabs)(x))))      \
    UNARY(log_sigmoid_##S, R, R, (x < 0 ? x : 0) - V(log1p_exp)(M(fabs)(x)))                       \
    UNARY(isnan_##S, R, uint8_t, x != x)                                                           \
    UNARY(isinf_##S, R, uint8_t, M(fabs)(x) == (R)INFINITY)                                        \
    UNARY(isfinite_##S, R, uint8_t, M(fabs)(x) < (R)INFINITY)                                      \
    SCALED(add_alpha_##S, R, R, x + s * y)                                                         \
    SCALED(leaky_relu_backward_##S, R, R, x > 0 ? y : y * s)                                       \
    SCALAR(leaky_relu_##S, R, x > 0 ? x : x * s)                                                   \
    SCALAR(div_s_##S, R, x / s)                                                                    \
    BY_NUMBER(power_##S, R, pow_##S)                                                               \
    UNARY(cube_##S, R, R, x *x *x)                                                                 \
    UNARY(inverse_square_##S, R, R, (1 / x) * (1 / x)) /* x^2 may overflow before 1 / x^2 is 0 */    \
    POWER(pow_s_##S, S)                                                                            \
    SCALAR(clamp_##S, R, x != x ? x : s != s || t != t ? (R)NAN : (x > s ? x : s) < t ? (x > s ? x : s) : t) \
    UNARY(gelu_##S, R, R, V(gelu)(x))                                                              \
    UNARY(gelu_tanh_##S, R, R, V(gelu_tanh)(x))                                                    \
    UNARY(sinc_##S, R, R, V(sinc)(x))                                                              \
    CURVE(sigmoid, R, S, V) CURVE(tanh, R, S, V) CURVE(softplus, R, S, V) CURVE(log_sigmoid, R, S, V) \
    CURVE(gelu, R, S, V) CURVE(gelu_tanh, R, S, V) CURVE(expm1, R, S, V) CURVE(exp2, R, S, V)      \
    CURVE(log2, R, S, V) CURVE(log10, R, S, V) CURVE(rsqrt, R, S, V) CURVE(asin, R, S, V) CURVE(atan, R, S, V) \
    CURVE(asinh, R, S, V) CURVE(acosh, R, S, V) CURVE(atanh, R, S, V) CURVE(erf, R, S, V) CURVE(sinc, R, S, V) \
    SCALED(logit_slope_##S, R, R, y *V(logit_slope)(x, s)) TERNARY(logit_bend_##S, R, y *z *V(logit_bend)(x, s)) \
    BINARY_OR(floor_divide_##S, R, (R)floor_near((double)x, (double)y), (R)floor_quotient((double)x, (double)y, fmod((double)x, (double)y))) \
    BINARY(trunc_divide_##S, R, R, M(trunc)(x / y))                                                \
    BINARY_OR(fmod_##S, R, V(fmod)(x, y), M(fmod)(x, y))                                           \
    BINARY_OR(remainder_##S, R, (R)floor_rest((double)y, v_fmod((double)x, (double)y)), (R)floor_rest((double)y, fmod((double)x, (double)y))) \
    BINARY(fmax_##S, R, R, x != x ? y : y != y || x > y ? x : y)                                   \
    BINARY(fmin_##S, R, R, x != x ? y : y != y || x < y ? x : y)                                   \
    BINARY(hypot_##S, R, R, V(hypot)(x, y))                                                        \
    BINARY(copysign_##S, R, R, M(copysign)(x, y))                                                  \
    BINARY(logaddexp_##S, R, R, V(pick)(x == y, x + (R)0.693147180559945309417, (x > y ? x : y) + V(log1p_exp)((R)fabs(v_apart((double)x, (double)y))))) \
    BINARY(logaddexp2_##S, R, R, V(pick)(x == y, x + 1, (x > y ? x : y) + (R)1.44269504088896340736 * V(log1p)(V(exp2)(-(R)fabs(v_apart((double)x, (double)y)))))) \
    BINARY(xlogy_##S, R, R, V(pick)(x == 0, y != y ? y : 0, x * V(log)(V(either)(x == 0, 1, y))))               \
    BINARY(xlog1py_##S, R, R, V(pick)(x == 0, y != y ? y : 0, x * V(log1p)(V(either)(x == 0, 1, y))))           \
    BINARY(nextafter_##S, R, R, V(nextafter)(x, y))                                                \
    BINARY(zeta_##S, R, R, tp__zeta((double)x, (double)y))                                         \
    INCOMPLETE_GAMMA(igamma_##S, R, V(gamma_density), 0)                                       \
    INCOMPLETE_GAMMA(igammac_##S, R, V(gamma_density), 1)                                      \
    BINARY(ldexp_##S, R, R, v_ldexp((double)x, (double)y))                                         \
    TERNARY(ldexp_slope_##S, R, v_ldexp_slope(at[0], (double)x, (double)y, (double)z))             \
    BINARY(over_square_##S, R, R, v_over_square((double)x, (double)y))                             \
    BINARY(over_cross_##S, R, R, v_over_cross((double)x, (double)y))                               \
    BINARY(over_gap_##S, R, R, v_over_gap((double)x, (double)y))                                   \
    BINARY(direction_##S, R, R, V(direction)(x, y))                                 \
    BINARY(direction_bend_##S, R, R, v_direction_bend((double)x, (double)y))                       \
    BINARY(direction_turn_##S, R, R, v_direction_turn((double)x, (double)y))                       \
    BINARY(share_##S, R, R, v_share((double)x, (double)y))                                         \
    BINARY(share2_##S, R, R, v_share2((double)x, (double)y))                                       \
    UNARY(erfcx_slope_##S, R, R, V(erfcx_slope)(x))                                         \
    UNARY(erfcx_bend_##S, R, R, v_erfcx_bend((double)x))                                           \
    UNARY(hazard_##S, R, R, V(hazard)(x))                                                   \
    UNARY(hazard_slope_##S, R, R, v_hazard_slope((double)x))                                       \
    UNARY(hazard_gap_##S, R, R, v_hazard_gap((double)x))                                           \
    UNARY(erfinv_slope_##S, R, R, v_erfinv_slope_at((double)x, v_erfinv((double)x)))               \
    UNARY(ndtri_slope_##S, R, R, V(ndtri_slope)(x)) \
    UNARY(i1_slope_##S, R, R, v_i1_slope((double)x))                                               \
    BY_ORDER(bessel_i_##S, R, k, tp__bessel_i(k, (double)x))                                       \
    BESSEL_IE(bessel_ie_##S, R)                                                                    \
    BELL(bell_##S, R)                                                                              \
    GAMMA_DENSITY(gamma_density_##S, R, V(gamma_density))                                      \
    SCALED(zeta_slope_##S, R, R, tp__zeta_derivative((double)x, (double)y, (int)s))                     \
    UNARY(erfcx_##S, R, R, v_erfcx((double)x))                                                   \
    UNARY(ndtr_##S, R, R, V(ndtr)(x))                                                              \
    UNARY(log_ndtr_##S, R, R, v_log_ndtr((double)x))                                             \
    UNARY(ndtri_##S, R, R, V(ndtri)(x))                                   \
    UNARY(entr_##S, R, R, entropy((double)x))                                                      \
    UNARY(i0_##S, R, R, v_i0((double)x))                                                         \
    SIDES(i0e_##S, R, 8, v_i0e_to_8, v_i0e_from_8, x)                                                       \
    UNARY(i1_##S, R, R, v_i1((double)x))                                                         \
    SIDES(i1e_##S, R, 8, v_i1e_to_8, v_i1e_from_8, x)                                                       \
    SIDES(bessel_j0_##S, R, 5, v_j0_near, v_j0_far, tp__bessel_j(0, x))                            \
    SIDES(bessel_j1_##S, R, 5, v_j1_near, v_j1_far, tp__bessel_j(1, x))                            \
    SIDES(bessel_y0_##S, R, 5, v_y0_near, v_y0_far, tp__bessel_y(0, x))                            \
    SIDES(bessel_y1_##S, R, 5, v_y1_near, v_y1_far, tp__bessel_y(1, x))                            \
    UNARY(angle_##S, R, R, x < 0 ? (R)3.14159265358979323846 : x == x ? 0 : x)                     \
    UNARY(exp2_##S, R, R, V(exp2)(x))                                                              \
    UNARY(asinh_##S, R, R, V(asinh)(x))                                                            \
    UNARY(acosh_##S, R, R, V(acosh)(x))                                                            \
    UNARY(atanh_##S, R, R, V(atanh)(x))                                                            \
    UNARY(erfc_##S, R, R, V(erfc)(x))                                                              \
    UNARY(erfinv_##S, R, R, V(erfinv)(x))                                                          \
    UNARY_OR(digamma_##S, R, (R)v_digamma_near((double)x, (double)V(digamma)(x)), (R)tp__digamma((double)x))                             \
    UNARY(frac_##S, R, R, x - M(trunc)(x))                                                         \
    UNARY(signbit_##S, R, uint8_t, sign_bit((double)x))                                                \
    UNARY(isposinf_##S, R, uint8_t, x == (R)INFINITY)                                              \
    UNARY(isneginf_##S, R, uint8_t, x == -(R)INFINITY)                                             \
    SCALAR(round_to_##S, R, t > 0 ? M(nearbyint)(x / s) * s : M(nearbyint)(x * s) / s)             \
    SCALAR(logit_##S, R, V(log_odds)(s < 0 ? x : x < s ? s : x > 1 - s ? 1 - s : x))        \
    POLYGAMMA(polygamma_##S, R, S, M)                                                              \
    MULTIGAMMA(multigamma_##S, R, S)                                                               \
    REPLACE(nan_to_num_##S, R)                                                                     \
    TERNARY(lerp_##S, R, (z < 0 ? -z : z) < (R)0.5 ? x + z * (y - x) : y - (y - x) * (1 - z))      \
    TERNARY(addcdiv_##S, R, x + s * (y / z))                                                       \
    ADDING(mul_add_##S, R, x *y)                                                                   \
    TERNARY(mul3_##S, R, s *x *y *z)                                                               \
    BINARY(relu_backward_##S, R, R, x <= 0 ? 0 : y)                                                \
    BINARY(squared_error_##S, R, R, (x - y) * (x - y))                                             \
    BINARY(squared_error_slope_##S, R, R, 2 * (x - y))                                             \
    BINARY(absolute_error_##S, R, R, M(fabs)(x - y))                                               \
    BINARY(absolute_error_slope_##S, R, R, (R)(x > y) - (R)(x < y))                                \
    BINARY(bce_##S, R, R, (y - 1) * LOG_OF_REST(V, x) - y * LOG_OF_CHANCE(V, R, x))                \
    BINARY(bce_slope_##S, R, R, (x - y) / AT_LEAST((1 - x) * x, (R)1e-12))                         \
    UNARY(bce_by_target_##S, R, R, LOG_OF_REST(V, x) - LOG_OF_CHANCE(V, R, x))                     \
    BINARY(bce_logits_##S, R, R, (1 - y) * x + (x < 0 ? -x : 0) + V(log1p_exp)(M(fabs)(x)))        \
    BINARY(bce_logits_slope_##S, R, R, (1 - y) * V(sigmoid)(x) - y * V(sigmoid)(-x))

/* ---- integers: U is the unsigned type that arithmetic wraps in ------------------------------------------- */

#define INTEGERS(R, S, U)                                                                          \
    BINARY(add_##S, R, R, (U)x + (U)y)                                                             \
    BINARY(sub_##S, R, R, (U)x - (U)y)                                                             \
    SCALED(add_alpha_##S, R, int64_t, (U)((U)x + (U)s * (U)y))                                      \
    BINARY(mul_##S, R, R, (U)((U)x * (U)y))                                                        \
    BINARY(pow_##S, R, R, whole_power((int64_t)x, (int64_t)y))                                     \
    BINARY(maximum_##S, R, R, x > y ? x : y)                                                       \
    BINARY(minimum_##S, R, R, x < y ? x : y)                                                       \
    UNARY(neg_##S, R, R, (U)0 - (U)x)                                                              \
    UNARY(sign_##S, R, R, (x > 0) - (x < 0))                                                       \
    UNARY(square_##S, R, R, (U)((U)x * (U)x))                                                      \
    UNARY(relu_##S, R, R, x > 0 ? x : 0)                                                           \
    BINARY(floor_divide_##S, R, R, y == 0 ? 0 : whole_floor((int64_t)x, (int64_t)y))               \
    BINARY(trunc_divide_##S, R, R, y == 0 ? 0 : whole_quotient((int64_t)x, (int64_t)y))            \
    BINARY(fmod_##S, R, R, y == 0 || (int64_t)y == -1 ? 0 : x % y)                                 \
    BINARY(remainder_##S, R, R, y == 0 ? 0 : (int64_t)x - (U)whole_floor((int64_t)x, (int64_t)y) * (U)y) \
    BINARY(bit_and_##S, R, R, x &y)                                                                \
    BINARY(bit_or_##S, R, R, x | y)                                                                \
    BINARY(bit_xor_##S, R, R, x ^ y)                                                               \
    BINARY(shift_left_##S, R, R, y < 0 || y >= (R)(8 * sizeof(R)) ? 0 : (U)x << y)                 \
    BINARY(shift_right_##S, R, R, y < 0 || y >= (R)(8 * sizeof(R)) ? x >> (8 * sizeof(R) - 1) : x >> y) \
    BINARY(gcd_##S, R, R, common_divisor((int64_t)x, (int64_t)y))                                  \
    BINARY(lcm_##S, R, R, common_multiple((int64_t)x, (int64_t)y))                                 \
    UNARY(bit_not_##S, R, R, ~x)                                                                   \
    SCALAR(pow_s_##S, R, whole_power((int64_t)x, (int64_t)s))

/* ---- all dtypes ------------------------------------------------------------------------------------------- */

#define ALL(R, S, U)                                                                               \
    BINARY(eq_##S, R, uint8_t, x == y)                                                             \
    BINARY(ne_##S, R, uint8_t, x != y)                                                             \
    BINARY(lt_##S, R, uint8_t, x < y)                                                              \
    BINARY(le_##S, R, uint8_t, x <= y)                                                             \
    BINARY(gt_##S, R, uint8_t, x > y)                                                              \
    BINARY(ge_##S, R, uint8_t, x >= y)                                                             \
    BINARY(and_##S, R, uint8_t, x != 0 && y != 0)                                                  \
    BINARY(or_##S, R, uint8_t, x != 0 || y != 0)                                                   \
    UNARY(not_##S, R, uint8_t, x == 0)                                                             \
    BINARY(xor_##S, R, uint8_t, (x != 0) != (y != 0))                                              \
    BINARY(heaviside_##S, R, R, x == 0 ? y : x > 0)                                                \
    BINARY(clamp_min_##S, R, R, x != x ? x : y > x || y != y ? y : x)                              \
    BINARY(clamp_max_##S, R, R, x != x ? x : y < x || y != y ? y : x)                              \
    TERNARY(clamp_between_##S, R, x != x ? x : y != y ? y : z != z ? z : (x > y ? x : y) < z ? (x > y ? x : y) : z) \
    TERNARY(addcmul_##S, R, (U)x + (U)s * (U)y * (U)z)                                             \
    SCALAR(add_s_##S, R, (U)x + (U)s)                                                              \
    SCALAR(rsub_s_##S, R, (U)s - (U)x)                                                             \
    SCALAR(mul_s_##S, R, (U)((U)x * (U)s))                                                         \
    WHERE(where_##S, R)
/* clang-format on */
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

/* What is representable of a quotient: the smallest integer has no positive counterpart. */
static int64_t whole_quotient(int64_t x, int64_t y) { return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y; }

static int64_t whole_floor(int64_t x, int64_t y)
{
    int64_t q = whole_quotient(x, y);
    return y != -1 && x % y != 0 && (x < 0) != (y < 0) ? q - 1 : q;
}

static int64_t common_divisor(int64_t x, int64_t y)
{
    uint64_t a = x < 0 ? 0 - (uint64_t)x : (uint64_t)x, b = y < 0 ? 0 - (uint64_t)y : (uint64_t)y;
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return (int64_t)a;
}

static int64_t common_multiple(int64_t x, int64_t y)
{
    int64_t d = common_divisor(x, y);
    uint64_t m = d ? (uint64_t)(x / d) * (uint64_t)y : 0;
    return (int64_t)m < 0 ? (int64_t)(0 - m) : (int64_t)m;
}

/* floor(x / y) of the exact quotient, in the steps that Python takes, given fmod(x, y). */
static inline double floor_quotient(double x, double y, double rest)
{
    double q = (x - rest) / y, less = rest * copysign(1, y) < 0 ? q - 1 : q;
    double whole = floor(less), near = less - whole > 0.5 ? whole + 1 : whole;
    double zero = copysign(0, x / y), v = less == 0 ? zero : near;
    return y == 0 ? x / y : v;
}

/* NaN where v_fmod is; what NaN is compared with would raise an exception. */
static inline double floor_near(double x, double y)
{
#if defined(__FMA__)
    return v_floor_divide(x, y);
#else
    double rest = v_fmod(x, y), known = rest == rest ? rest : 0;
    return v_pick(rest == rest, floor_quotient(x, y == 0 ? 1 : y, known), NAN);
#endif
}

/* x less floor(x / y) y, given fmod(x, y). */
static inline double floor_rest(double y, double rest)
{
    double known = rest == rest ? rest : 0; /* a sum that is not wanted might overflow; x + -0 is x */
    return rest + v_either(known * copysign(1, y) < 0, y, -0.0);
}

static inline uint8_t sign_bit(double x) { return (uint8_t)(v_bits64(x) >> 63); }
static inline double v_at_least(double v, double low) { return v_pick(v < low, low, v); } /* keeps NaN */
static inline float v_at_leastf(float v, float low) { return v_pickf(v < low, low, v); }

static inline double entropy(double x)
{
    double y = -x * v_log(v_most(x, 0x1p-1074));
    return x > 0 ? y : x == 0 ? 0 : x != x ? x : -INFINITY;
}

static double scaled_bessel_term(int v, int k, double x)
{
    double a = fabs(x), term = tp__i0e_fall(k, a) - (v ? tp__i0e_fall(k + 1, a) : 0), even = k % 2 ? -term : term;
    return (k + v) % 2 == 0 ? even : x < 0 ? -even : x > 0 ? even : x;
}

/* clang-format off */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wtype-limits"
UNARY_OR(lgamma_f32, float, v_lgammaf(x), (float)tp__lgamma((double)x))
UNARY(lgamma_f64, double, double, tp__lgamma(x))
FLOATS(float, f32, F32_FN, F32_VEC)
FLOATS(double, f64, F64_FN, F64_VEC)
INTEGERS(int32_t, i32, uint32_t)
INTEGERS(int64_t, i64, uint64_t)
INTEGERS(uint8_t, u8, uint32_t)
ALL(float, f32, float)
ALL(double, f64, double)
ALL(int32_t, i32, uint32_t)
ALL(int64_t, i64, uint64_t)
ALL(uint8_t, u8, uint32_t)
CLAMP_WHOLE(clamp_i32, int32_t, INT32_MIN, INT32_MAX)
CLAMP_WHOLE(clamp_i64, int64_t, INT64_MIN, INT64_MAX)
CLAMP_WHOLE(clamp_u8, uint8_t, 0, UINT8_MAX)
UNARY(abs_i32, int32_t, int32_t, x < 0 ? 0u - (uint32_t)x : (uint32_t)x)
UNARY(abs_i64, int64_t, int64_t, x < 0 ? 0u - (uint64_t)x : (uint64_t)x)
UNARY(abs_u8, uint8_t, uint8_t, x)
UNARY(same_i32, int32_t, int32_t, x)
UNARY(same_i64, int64_t, int64_t, x)
UNARY(same_u8, uint8_t, uint8_t, x)
PERIODIC(sin_f32, float, v_sinf_near, V_NEAR, sinf)
PERIODIC(cos_f32, float, v_cosf_near, V_NEAR, cosf)
PERIODIC(tan_f32, float, v_tanf_near, V_NEAR64, tanf)
PERIODIC(sin_f64, double, v_sin_near, V_NEAR64, sin)
PERIODIC(cos_f64, double, v_cos_near, V_NEAR64, cos)
PERIODIC(tan_f64, double, v_tan_near, V_NEAR64, tan)
POWER_TERM(power_term_f32, float, v_power_quickf, v_power_termf)
POWER_TERM(power_term_f64, double, v_power_quick, v_power_term)
QUOTIENT(quotient_f32, float, v_quotientf, v_quotient_wide, v_quotient_wide)
QUOTIENT(quotient_f64, double, v_quotient, v_quotient, tp__ratio)
UNARY(signbit_i32, int32_t, uint8_t, x < 0)
UNARY(signbit_i64, int64_t, uint8_t, x < 0)
UNARY(signbit_u8, uint8_t, uint8_t, x < 0)
BINARY(add_bool, uint8_t, uint8_t, x || y)
BINARY(mul_bool, uint8_t, uint8_t, x &&y)
#pragma GCC diagnostic pop

#define FLOAT_ONLY(name) {[TP_F32] = name##_f32, [TP_F64] = name##_f64}
#define NUMBERS(name) {[TP_F32] = name##_f32, [TP_F64] = name##_f64, [TP_I32] = name##_i32, [TP_I64] = name##_i64, [TP_U8] = name##_u8}
#define INTEGER_ONLY(name) {[TP_I32] = name##_i32, [TP_I64] = name##_i64, [TP_U8] = name##_u8}
#define WHOLE(name) {[TP_I32] = name##_i32, [TP_I64] = name##_i64, [TP_U8] = name##_u8, [TP_BOOL] = name##_u8}
#define ROUNDING(name) {[TP_F32] = name##_f32, [TP_F64] = name##_f64, [TP_I32] = same_i32, [TP_I64] = same_i64, [TP_U8] = same_u8}
#define ANY(name) {[TP_F32] = name##_f32, [TP_F64] = name##_f64, [TP_I32] = name##_i32, [TP_I64] = name##_i64, [TP_U8] = name##_u8, [TP_BOOL] = name##_u8}
#define CURVE_OF(KIND, name) [TP__##KIND##_SLOPE] = FLOAT_ONLY(name##_slope), [TP__##KIND##_BEND] = FLOAT_ONLY(name##_bend)

const tp__map_table TP__OF_ISA(tp__map_table) = {{
    [TP__ADD] = {add_f32, add_f64, add_i32, add_i64, add_u8, add_bool},
    [TP__MUL] = {mul_f32, mul_f64, mul_i32, mul_i64, mul_u8, mul_bool},
    [TP__SUB] = NUMBERS(sub), [TP__DIV] = FLOAT_ONLY(div), [TP__POW] = NUMBERS(pow), [TP__ATAN2] = FLOAT_ONLY(atan2),
    [TP__MAXIMUM] = ANY(maximum), [TP__MINIMUM] = ANY(minimum),
    [TP__EQ] = ANY(eq), [TP__NE] = ANY(ne), [TP__LT] = ANY(lt), [TP__LE] = ANY(le), [TP__GT] = ANY(gt), [TP__GE] = ANY(ge),
    [TP__AND] = ANY(and), [TP__OR] = ANY(or), [TP__NOT] = ANY(not), [TP__WHERE] = ANY(where),
    [TP__XOR] = ANY(xor), [TP__FLOOR_DIVIDE] = NUMBERS(floor_divide), [TP__TRUNC_DIVIDE] = NUMBERS(trunc_divide),
    [TP__FMOD] = NUMBERS(fmod), [TP__REMAINDER] = NUMBERS(remainder),
    [TP__FMAX] = {fmax_f32, fmax_f64, maximum_i32, maximum_i64, maximum_u8, maximum_u8},
    [TP__FMIN] = {fmin_f32, fmin_f64, minimum_i32, minimum_i64, minimum_u8, minimum_u8},
    [TP__HYPOT] = FLOAT_ONLY(hypot), [TP__COPYSIGN] = FLOAT_ONLY(copysign), [TP__LOGADDEXP] = FLOAT_ONLY(logaddexp),
    [TP__LOGADDEXP2] = FLOAT_ONLY(logaddexp2), [TP__XLOGY] = FLOAT_ONLY(xlogy), [TP__XLOG1PY] = FLOAT_ONLY(xlog1py),
    [TP__HEAVISIDE] = ANY(heaviside), [TP__NEXTAFTER] = FLOAT_ONLY(nextafter), [TP__CLAMP_MIN] = ANY(clamp_min),
    [TP__CLAMP_MAX] = ANY(clamp_max), [TP__BIT_AND] = WHOLE(bit_and), [TP__BIT_OR] = WHOLE(bit_or),
    [TP__BIT_XOR] = WHOLE(bit_xor), [TP__SHIFT_LEFT] = INTEGER_ONLY(shift_left),
    [TP__SHIFT_RIGHT] = INTEGER_ONLY(shift_right), [TP__GCD] = INTEGER_ONLY(gcd), [TP__LCM] = INTEGER_ONLY(lcm),
    [TP__ZETA] = FLOAT_ONLY(zeta), [TP__IGAMMA] = FLOAT_ONLY(igamma), [TP__IGAMMAC] = FLOAT_ONLY(igammac),
    [TP__LDEXP] = FLOAT_ONLY(ldexp), [TP__LDEXP_SLOPE] = FLOAT_ONLY(ldexp_slope),
    [TP__OVER_SQUARE] = FLOAT_ONLY(over_square),
    [TP__OVER_CROSS] = FLOAT_ONLY(over_cross), [TP__OVER_GAP] = FLOAT_ONLY(over_gap),
    [TP__DIRECTION_TURN] = FLOAT_ONLY(direction_turn), [TP__DIRECTION_BEND] = FLOAT_ONLY(direction_bend),
    [TP__DIRECTION] = FLOAT_ONLY(direction), [TP__SHARE] = FLOAT_ONLY(share), [TP__SHARE2] = FLOAT_ONLY(share2),
    [TP__POWER_TERM] = FLOAT_ONLY(power_term), [TP__QUOTIENT] = FLOAT_ONLY(quotient),
    [TP__ERFCX_SLOPE] = FLOAT_ONLY(erfcx_slope), [TP__ERFCX_BEND] = FLOAT_ONLY(erfcx_bend),
    [TP__HAZARD] = FLOAT_ONLY(hazard), [TP__HAZARD_SLOPE] = FLOAT_ONLY(hazard_slope),
    [TP__HAZARD_GAP] = FLOAT_ONLY(hazard_gap), [TP__ERFINV_SLOPE] = FLOAT_ONLY(erfinv_slope),
    [TP__NDTRI_SLOPE] = FLOAT_ONLY(ndtri_slope), [TP__I1_SLOPE] = FLOAT_ONLY(i1_slope),
    [TP__BESSEL_I] = FLOAT_ONLY(bessel_i), [TP__BESSEL_IE] = FLOAT_ONLY(bessel_ie), [TP__BELL] = FLOAT_ONLY(bell),
    [TP__MULTIGAMMA] = FLOAT_ONLY(multigamma), [TP__GAMMA_DENSITY] = FLOAT_ONLY(gamma_density), [TP__ZETA_SLOPE] = FLOAT_ONLY(zeta_slope),
    [TP__ERFCX] = FLOAT_ONLY(erfcx), [TP__NDTR] = FLOAT_ONLY(ndtr), [TP__LOG_NDTR] = FLOAT_ONLY(log_ndtr),
    [TP__NDTRI] = FLOAT_ONLY(ndtri), [TP__ENTR] = FLOAT_ONLY(entr), [TP__I0] = FLOAT_ONLY(i0),
    [TP__BESSEL_J0] = FLOAT_ONLY(bessel_j0), [TP__BESSEL_J1] = FLOAT_ONLY(bessel_j1), [TP__BESSEL_Y0] = FLOAT_ONLY(bessel_y0),
    [TP__BESSEL_Y1] = FLOAT_ONLY(bessel_y1), [TP__ANGLE] = FLOAT_ONLY(angle), [TP__I0E] = FLOAT_ONLY(i0e), [TP__I1] = FLOAT_ONLY(i1), [TP__I1E] = FLOAT_ONLY(i1e),
    [TP__ROUND_TO] = FLOAT_ONLY(round_to), [TP__LOGIT] = FLOAT_ONLY(logit),
    [TP__POLYGAMMA] = FLOAT_ONLY(polygamma),
    [TP__NAN_TO_NUM] = {nan_to_num_f32, nan_to_num_f64, same_i32, same_i64, same_u8, same_u8},
    [TP__EXP2] = FLOAT_ONLY(exp2), [TP__ASINH] = FLOAT_ONLY(asinh), [TP__ACOSH] = FLOAT_ONLY(acosh),
    [TP__ATANH] = FLOAT_ONLY(atanh), [TP__ERFC] = FLOAT_ONLY(erfc), [TP__ERFINV] = FLOAT_ONLY(erfinv),
    [TP__LGAMMA] = FLOAT_ONLY(lgamma), [TP__DIGAMMA] = FLOAT_ONLY(digamma), [TP__FRAC] = FLOAT_ONLY(frac),
    [TP__SINC] = FLOAT_ONLY(sinc),
    [TP__SIGNBIT] = {signbit_f32, signbit_f64, signbit_i32, signbit_i64, signbit_u8, signbit_u8},
    [TP__ISPOSINF] = FLOAT_ONLY(isposinf), [TP__ISNEGINF] = FLOAT_ONLY(isneginf),
    [TP__BIT_NOT] = {NULL, NULL, bit_not_i32, bit_not_i64, bit_not_u8, not_u8},
    [TP__ADD_ALPHA] = NUMBERS(add_alpha), [TP__LEAKY_RELU] = FLOAT_ONLY(leaky_relu),
    [TP__LEAKY_RELU_BACKWARD] = FLOAT_ONLY(leaky_relu_backward),
    [TP__LERP] = FLOAT_ONLY(lerp), [TP__ADDCMUL] = NUMBERS(addcmul), [TP__ADDCDIV] = FLOAT_ONLY(addcdiv),
    [TP__CLAMP_BETWEEN] = ANY(clamp_between),
    [TP__ADD_S] = NUMBERS(add_s), [TP__RSUB_S] = NUMBERS(rsub_s), [TP__MUL_S] = NUMBERS(mul_s),
    [TP__DIV_S] = FLOAT_ONLY(div_s), [TP__POW_S] = NUMBERS(pow_s), [TP__CLAMP] = NUMBERS(clamp),
    [TP__NEG] = NUMBERS(neg), [TP__ABS] = NUMBERS(abs), [TP__SIGN] = {sign_f32, sign_f64, sign_i32, sign_i64, sign_u8, same_u8}, [TP__SQUARE] = NUMBERS(square),
    [TP__SQRT] = FLOAT_ONLY(sqrt), [TP__RSQRT] = FLOAT_ONLY(rsqrt), [TP__RECIPROCAL] = FLOAT_ONLY(reciprocal),
    [TP__EXP] = FLOAT_ONLY(exp), [TP__EXPM1] = FLOAT_ONLY(expm1), [TP__LOG] = FLOAT_ONLY(log),
    [TP__LOG1P] = FLOAT_ONLY(log1p), [TP__LOG2] = FLOAT_ONLY(log2), [TP__LOG10] = FLOAT_ONLY(log10),
    [TP__SIN] = FLOAT_ONLY(sin), [TP__COS] = FLOAT_ONLY(cos), [TP__TAN] = FLOAT_ONLY(tan), [TP__SINH] = FLOAT_ONLY(sinh),
    [TP__COSH] = FLOAT_ONLY(cosh), [TP__TANH] = FLOAT_ONLY(tanh), [TP__ASIN] = FLOAT_ONLY(asin),
    [TP__ACOS] = FLOAT_ONLY(acos), [TP__ATAN] = FLOAT_ONLY(atan), [TP__ERF] = FLOAT_ONLY(erf),
    [TP__FLOOR] = ROUNDING(floor), [TP__CEIL] = ROUNDING(ceil), [TP__ROUND] = ROUNDING(round),
    [TP__TRUNC] = ROUNDING(trunc), [TP__SIGMOID] = FLOAT_ONLY(sigmoid), [TP__RELU] = NUMBERS(relu),
    [TP__SOFTPLUS] = FLOAT_ONLY(softplus), [TP__LOG_SIGMOID] = FLOAT_ONLY(log_sigmoid),
    [TP__ISNAN] = FLOAT_ONLY(isnan), [TP__ISINF] = FLOAT_ONLY(isinf), [TP__ISFINITE] = FLOAT_ONLY(isfinite),
    [TP__GELU] = FLOAT_ONLY(gelu), [TP__GELU_TANH] = FLOAT_ONLY(gelu_tanh),
    CURVE_OF(SIGMOID, sigmoid), CURVE_OF(TANH, tanh), CURVE_OF(SOFTPLUS, softplus), CURVE_OF(LOG_SIGMOID, log_sigmoid),
    CURVE_OF(GELU, gelu), CURVE_OF(GELU_TANH, gelu_tanh), CURVE_OF(EXPM1, expm1), CURVE_OF(EXP2, exp2),
    CURVE_OF(LOG2, log2), CURVE_OF(LOG10, log10), CURVE_OF(RSQRT, rsqrt), CURVE_OF(LOGIT, logit), CURVE_OF(ASIN, asin),
    CURVE_OF(ATAN, atan), CURVE_OF(ASINH, asinh), CURVE_OF(ACOSH, acosh), CURVE_OF(ATANH, atanh), CURVE_OF(ERF, erf),
    CURVE_OF(SINC, sinc),
    [TP__MUL_ADD] = FLOAT_ONLY(mul_add),
    [TP__MUL3] = FLOAT_ONLY(mul3),
    [TP__RELU_BACKWARD] = FLOAT_ONLY(relu_backward),
    [TP__SQUARED_ERROR] = FLOAT_ONLY(squared_error), [TP__SQUARED_ERROR_SLOPE] = FLOAT_ONLY(squared_error_slope),
    [TP__ABSOLUTE_ERROR] = FLOAT_ONLY(absolute_error), [TP__ABSOLUTE_ERROR_SLOPE] = FLOAT_ONLY(absolute_error_slope),
    [TP__BCE] = FLOAT_ONLY(bce), [TP__BCE_SLOPE] = FLOAT_ONLY(bce_slope),
    [TP__BCE_BY_TARGET] = FLOAT_ONLY(bce_by_target),
    [TP__BCE_LOGITS] = FLOAT_ONLY(bce_logits), [TP__BCE_LOGITS_SLOPE] = FLOAT_ONLY(bce_logits_slope),
}};
/* clang-format on */
