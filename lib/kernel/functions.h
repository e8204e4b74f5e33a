/* functions.h - reads a file of elementwise functions, TP__BODY, once for each dtype that is computed in and once for the
 * tables of what came out (compiled for each instruction set, TP__ISA), or once as it stands, for operators.
 *
 * A function is a line: how many operands it has, its name, what it returns (tp__map_result without its prefix), its formula;
 * what follows is the operator's.
 *     UNARY(exp, TO_FLOAT, FLOATS(V(exp)(x)), ...)
 * UNARY, BINARY and TERNARY have operands x, y and z; NUMBER has one, and numbers s and t, the first attributes;
 * SCALED has two and s; TERNARY has s where there are attributes. at[] are all of them. The formula says what dtypes it is for:
 *     FLOATS(f)        float32 and float64, each in its own
 *     WIDE(f)          both, computed in float64
 *     LIGHT(f), ALONE(f)    the same two, where f is so little work, or no compiler makes vectors of it, that elements beyond
 *                      the last whole vector are computed alone
 *     FLOATS_OR(f, g)  f, or g where f is NaN, which should be rare; WIDE_OR(f, g) in float64
 *     INTEGERS(f)      int32, int64 and uint8;      WHOLE(f) and bool, as uint8, or WHOLE_BY_KIND(i, b) by b
 *     NUMBERS(f)       floats and integers;         ANY(f) and bool, as uint8
 *     BY_KIND(f, i)    floats by f, integers by i;  ANY_BY_KIND(f, i) and bool, as uint8
 *     BY_KIND_OR(f, g, i)    floats by f or g, integers by i
 *     EACH(f, i, b)    and bool by b
 *     OWN_FLOATS, OWN_WIDE, OWN_NUMBERS, OWN_ANY    by the function NAME(fn) that the body has, as a tp__block_fn
 * While a dtype is read, ELEM is its type, NAME(f) the name of a function for it, U the unsigned type that integers are
 * computed in, so that they wrap; for floats V(f) is a function of vec_math.h, M(f) one of libm's, and BY_SIZE(a, b) is a
 * for float32 and b for float64. READS_FLOATS, READS_WIDE, READS_INTEGERS and READS_BOOL tell which it is.
 */
#if !defined(TP__ISA)

#define TP__READING
#include TP__BODY
#undef TP__READING

#else

#include "kernel/elementwise.h"
#include "kernel/vector.h"

#include <math.h>
#include <string.h>

/* float32 by a function of float64 */
__attribute__((unused, noinline)) static void widened(tp__block_fn wide, int n_in, int64_t n, void *out,
                                                      const void *const *in, const void *attr)
{
    enum { BLOCK = 256 };
    double x[3][BLOCK], y[BLOCK];
    const void *const from[3] = {x[0], x[1], x[2]};
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t m = n - at < BLOCK ? n - at : BLOCK;
        for (int k = 0; k < n_in; k++)
            for (int64_t i = 0; i < m; i++)
                x[k][i] = (double)((const float *)in[k])[at + i];
        wide(m, y, from, attr);
        for (int64_t i = 0; i < m; i++)
            ((float *)out)[at + i] = (float)y[i];
    }
}

/* Loops over floats take whole vectors alone: code for what is left would be as long again. What is left is computed before
 * the others, by the same loop, as the end of the last whole vector, or filled up with copies of the last element, so that
 * no exception is raised that would not be. So a formula does not read o.
 * How many of n elements NAME(fn)'s loops take, when the others have been computed: */
#define TP__WHOLE_VECTORS(fn, n_in, TYPE)                                                                            \
    (n % (VECTOR / (int64_t)sizeof(ELEM)) ? NAME(last_vector)(NAME(fn), n_in, n, sizeof(TYPE), out, in, attr) : (void)0, \
     n & -(VECTOR / (int64_t)sizeof(ELEM)))

/* ---- a line, given the function's name, what it returns, and how its formula is computed -------------------------- */

/* clang-format off */
#define UNARY(fn, rule, ...) TP__LINE(UNARY, 1, fn, rule, __VA_ARGS__)
#define BINARY(fn, rule, ...) TP__LINE(BINARY, 2, fn, rule, __VA_ARGS__)
#define TERNARY(fn, rule, ...) TP__LINE(TERNARY, 3, fn, rule, __VA_ARGS__)
#define NUMBER(fn, rule, ...) TP__LINE(NUMBER, 1, fn, rule, __VA_ARGS__)
#define SCALED(fn, rule, ...) TP__LINE(SCALED, 2, fn, rule, __VA_ARGS__)
/* Of what comes after the rule, once expanded, the first says how, the second is the formula, the rest the operator's. */
#define TP__LINE(shape, n_in, fn, rule, ...) TP__LINE_OF(shape, n_in, fn, rule, __VA_ARGS__, )
#define TP__LINE_OF(shape, n_in, fn, rule, how, formula, ...) TP__BY_##how(shape, n_in, fn, rule, formula)

#define TP__OF_SAME ELEM
#define TP__OF_CHOICE ELEM
#define TP__OF_TO_FLOAT ELEM
#define TP__OF_TO_BOOL uint8_t
#define TP__OF_FLOAT_TO_BOOL uint8_t

#define TP__BLOCK_FN(id) static void id(int64_t n, void *out, const void *const *in, const void *attr)
#define TP__OPERANDS_UNARY const ELEM *a0 = in[0];
#define TP__OPERANDS_BINARY const ELEM *a0 = in[0], *a1 = in[1];
#define TP__OPERANDS_TERNARY const ELEM *a0 = in[0], *a1 = in[1], *a2 = in[2]; TP__NUMBER_IF_ANY
#define TP__OPERANDS_NUMBER TP__OPERANDS_UNARY TP__NUMBERS
#define TP__OPERANDS_SCALED TP__OPERANDS_BINARY const ELEM s = NAME(number)(at[0]); (void)s;
#define TP__NUMBER_IF_ANY const ELEM s = at ? NAME(number)(at[0]) : 0; (void)s;
#define TP__NUMBERS const ELEM s = NAME(number)(at[0]), t = NAME(number)(at[1]); (void)s; (void)t;
#define TP__ELEMENTS_UNARY const ELEM x = a0[i];
#define TP__ELEMENTS_BINARY const ELEM x = a0[i], y = a1[i];
#define TP__ELEMENTS_TERNARY const ELEM x = a0[i], y = a1[i], z = a2[i];
#define TP__ELEMENTS_NUMBER TP__ELEMENTS_UNARY
#define TP__ELEMENTS_SCALED TP__ELEMENTS_BINARY

#define TP__BY_NOTHING(shape, n_in, fn, rule, formula)
#define TP__BY_LOOP(shape, n_in, fn, rule, formula)                                                                 \
    TP__BLOCK_FN(NAME(fn)) {                                                                                        \
        const double *at = attr; TP__OF_##rule *restrict o = out; TP__OPERANDS_##shape (void)at;                    \
        for (int64_t i = 0; i < n; i++) { TP__ELEMENTS_##shape o[i] = (TP__OF_##rule)formula; } }
#define TP__BY_VECTORS(shape, n_in, fn, rule, formula)                                                              \
    TP__BLOCK_FN(NAME(fn)) {                                                                                        \
        const double *at = attr; TP__OF_##rule *restrict o = out; TP__OPERANDS_##shape (void)at;                    \
        n = TP__WHOLE_VECTORS(fn, n_in, TP__OF_##rule);                                                             \
        for (int64_t i = 0; i < n; i++) { TP__ELEMENTS_##shape o[i] = (TP__OF_##rule)formula; } }
#define TP__BY_EITHER(shape, n_in, fn, rule, ways)                                                                  \
    TP__BLOCK_FN(NAME(fn)) {                                                                                        \
        const double *at = attr; ELEM *restrict o = out; int odd = 0; TP__OPERANDS_##shape (void)at;                \
        for (int64_t i = 0; i < n; i++) { TP__ELEMENTS_##shape const ELEM v = (ELEM)TP__FAST ways; odd |= v != v; o[i] = v; } \
        for (int64_t i = 0; odd && i < n; i++) if (o[i] != o[i]) { TP__ELEMENTS_##shape o[i] = (ELEM)TP__SLOW ways; } }
#define TP__FAST(f, g) (f)
#define TP__SLOW(f, g) (g)
#define TP__BY_WIDER(shape, n_in, fn, rule, formula)                                                                \
    TP__BLOCK_FN(fn##_f32) { widened(fn##_f64, n_in, n, out, in, attr); }

#define TP__TABLE(fn, ...) const tp__block_fns TP__OF_ISA(tp__fn_##fn) = {{__VA_ARGS__}};
#define TP__FLOATS_OF(fn) [TP_F32] = fn##_f32, [TP_F64] = fn##_f64
#define TP__INTEGERS_OF(fn) [TP_I32] = fn##_i32, [TP_I64] = fn##_i64, [TP_U8] = fn##_u8
#define TP__BY_FLOAT_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__FLOATS_OF(fn))
#define TP__BY_INTEGER_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__INTEGERS_OF(fn))
#define TP__BY_WHOLE_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__INTEGERS_OF(fn), [TP_BOOL] = fn##_u8)
#define TP__BY_WHOLE_KINDS_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__INTEGERS_OF(fn), [TP_BOOL] = fn##_bool)
#define TP__BY_NUMBER_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__FLOATS_OF(fn), TP__INTEGERS_OF(fn))
#define TP__BY_ANY_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__FLOATS_OF(fn), TP__INTEGERS_OF(fn), [TP_BOOL] = fn##_u8)
#define TP__BY_EACH_TABLE(shape, n_in, fn, ...) TP__TABLE(fn, TP__FLOATS_OF(fn), TP__INTEGERS_OF(fn), [TP_BOOL] = fn##_bool)
/* How a form is computed as float64, as float32, as an integer, as bool; and its table. */
#define TP__FLOATS_AS(how64, how32) TP__FORM(how64, how32, NOTHING, NOTHING, FLOAT_TABLE)
#define FLOATS(...) TP__FLOATS_AS(VECTORS, VECTORS), (__VA_ARGS__)
#define LIGHT(...) TP__FLOATS_AS(LOOP, LOOP), (__VA_ARGS__)
#define FLOATS_OR(f, g) TP__FLOATS_AS(EITHER, EITHER), (f, g)
#define WIDE(...) TP__FLOATS_AS(VECTORS, WIDER), (__VA_ARGS__)
#define ALONE(...) TP__FLOATS_AS(LOOP, WIDER), (__VA_ARGS__)
#define WIDE_OR(f, g) TP__FLOATS_AS(EITHER, WIDER), (f, g)
#define INTEGERS(...) TP__FORM(NOTHING, NOTHING, LOOP, NOTHING, INTEGER_TABLE), (__VA_ARGS__)
#define WHOLE(...) TP__FORM(NOTHING, NOTHING, LOOP, NOTHING, WHOLE_TABLE), (__VA_ARGS__)
#define WHOLE_BY_KIND(i, b) TP__FORM(NOTHING, NOTHING, LOOP, LOOP, WHOLE_KINDS_TABLE), (TP__KIND(0, i, b))
#define NUMBERS(...) TP__FORM(LOOP, LOOP, LOOP, NOTHING, NUMBER_TABLE), (__VA_ARGS__)
#define ANY(...) TP__FORM(LOOP, LOOP, LOOP, NOTHING, ANY_TABLE), (__VA_ARGS__)
#define BY_KIND(f, i) NUMBERS(TP__KIND(f, i, 0))
#define BY_KIND_OR(f, g, i) TP__FORM(EITHER, EITHER, LOOP, NOTHING, NUMBER_TABLE), TP__KIND((f, g), (i), 0)
#define ANY_BY_KIND(f, i) ANY(TP__KIND(f, i, 0))
#define EACH(f, i, b) TP__FORM(LOOP, LOOP, LOOP, LOOP, EACH_TABLE), (TP__KIND(f, i, b))
#define OWN_FLOATS TP__FLOATS_AS(NOTHING, NOTHING), 0
#define OWN_WIDE TP__FLOATS_AS(NOTHING, WIDER), 0
#define OWN_NUMBERS TP__FORM(NOTHING, NOTHING, NOTHING, NOTHING, NUMBER_TABLE), 0
#define OWN_ANY TP__FORM(NOTHING, NOTHING, NOTHING, NOTHING, ANY_TABLE), 0
/* clang-format on */

/* ---- the dtypes ---------------------------------------------------------------------------------------------------- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wtautological-compare"
#define TP__READING

#define READS_FLOATS 1
#define READS_INTEGERS 0
#define READS_BOOL 0
#define TP__KIND(f, i, b) f

static inline double number_f64(double v) { return v; }
#define ELEM double
#define U double
#define NAME(f) f##_f64
#define V(name) v_##name
#define M(name) name
#define BY_SIZE(single, wide) wide
#define READS_WIDE 1
#define TP__FORM(f64, f32, i, b, table) f64
#include "kernel/last_vector.h"
#include TP__BODY
#undef ELEM
#undef U
#undef NAME
#undef V
#undef M
#undef BY_SIZE
#undef READS_WIDE
#undef TP__FORM

static inline float number_f32(double v) { return (float)v; }
#define ELEM float
#define U float
#define NAME(f) f##_f32
#define V(name) v_##name##f
#define M(name) name##f
#define BY_SIZE(single, wide) single
#define READS_WIDE 0
#define TP__FORM(f64, f32, i, b, table) f32
#include "kernel/last_vector.h"
#include TP__BODY
#undef ELEM
#undef U
#undef NAME
#undef V
#undef M
#undef BY_SIZE
#undef READS_WIDE
#undef TP__FORM

#undef READS_FLOATS
#undef READS_INTEGERS
#undef READS_BOOL
#undef TP__KIND
#define READS_WIDE 0
#define READS_FLOATS 0
#define READS_INTEGERS 1
#define READS_BOOL 0
#define TP__KIND(f, i, b) i
#define TP__FORM(f64, f32, i, b, table) i

static inline int64_t number_i64(double v) { return tp__to_i64(v); }
#define ELEM int64_t
#define U uint64_t
#define NAME(f) f##_i64
#include TP__BODY
#undef ELEM
#undef U
#undef NAME

static inline int32_t number_i32(double v) { return (int32_t)(uint32_t)(uint64_t)tp__to_i64(v); }
#define ELEM int32_t
#define U uint32_t
#define NAME(f) f##_i32
#include TP__BODY
#undef ELEM
#undef U
#undef NAME

static inline uint8_t number_u8(double v) { return (uint8_t)(uint64_t)tp__to_i64(v); }
#define ELEM uint8_t
#define U uint32_t
#define NAME(f) f##_u8
#include TP__BODY
#undef ELEM
#undef U
#undef NAME

#undef READS_FLOATS
#undef READS_INTEGERS
#undef READS_BOOL
#undef TP__KIND
#undef TP__FORM
#define READS_FLOATS 0
#define READS_INTEGERS 0
#define READS_BOOL 1
#define TP__KIND(f, i, b) b
#define TP__FORM(f64, f32, i, b, table) b

#define ELEM uint8_t
#define U uint32_t
#define NAME(f) f##_bool
#include TP__BODY
#undef ELEM
#undef U
#undef NAME

#undef READS_FLOATS
#undef READS_INTEGERS
#undef READS_BOOL
#undef TP__KIND
#undef TP__FORM

/* The tables */
#define READS_FLOATS 0
#define READS_INTEGERS 0
#define READS_BOOL 0
#define TP__FORM(f64, f32, i, b, table) table
#define TP__KIND(f, i, b) 0
#include TP__BODY

#undef TP__READING
#pragma GCC diagnostic pop

#endif
