/* per_float.h - reads a body of kernels, TP__BODY, once for float and once for double. In it REAL is the type, NAME(f) the
 * name of a function of this type, FN(f) libm's function for it, and IS_F64 tells which it is.
 */
#define REAL float
#define NAME(f) f##_f32
#define FN(name) name##f
#define IS_F64 0
#include TP__BODY
#undef REAL
#undef NAME
#undef FN
#undef IS_F64

#define REAL double
#define NAME(f) f##_f64
#define FN(name) name
#define IS_F64 1
#include TP__BODY
#undef REAL
#undef NAME
#undef FN
#undef IS_F64
#undef TP__BODY
