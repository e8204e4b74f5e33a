/* transpose_body.h - vectors of VECTOR bytes, and as many of them as a matrix, transposed. REAL and NAME are the type at hand
 * and its suffix. */

typedef REAL NAME(vec) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));
#if IS_F64
typedef uint64_t NAME(index) __attribute__((vector_size(VECTOR)));
#else
typedef uint32_t NAME(index) __attribute__((vector_size(VECTOR)));
#endif

#define LANES ((int)(VECTOR / sizeof(REAL)))

static ALWAYS_INLINE NAME(vec) NAME(load)(const REAL *x) { return *(const NAME(vec) *)x; }
static ALWAYS_INLINE void NAME(store)(REAL *x, NAME(vec) v) { *(NAME(vec) *)x = v; }

#if defined(__clang__)
#define MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define MIX(a, b, ...) __builtin_shuffle(a, b, (NAME(index)){__VA_ARGS__})
#endif
#if VECTOR == 64 && !IS_F64
#define LOW(a, b) MIX(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23)
#define HIGH(a, b) MIX(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
#elif (VECTOR == 64 && IS_F64) || (VECTOR == 32 && !IS_F64)
#define LOW(a, b) MIX(a, b, 0, 8, 1, 9, 2, 10, 3, 11)
#define HIGH(a, b) MIX(a, b, 4, 12, 5, 13, 6, 14, 7, 15)
#elif VECTOR == 32 || !IS_F64
#define LOW(a, b) MIX(a, b, 0, 4, 1, 5)
#define HIGH(a, b) MIX(a, b, 2, 6, 3, 7)
#else
#define LOW(a, b) MIX(a, b, 0, 2)
#define HIGH(a, b) MIX(a, b, 1, 3)
#endif

/* LANES vectors as a matrix, transposed: each round is a perfect shuffle of all elements, and log2 of them reverse what is a row
 * and what a column. */
static ALWAYS_INLINE void NAME(transpose)(NAME(vec) * v)
{
    NAME(vec) t[LANES];
#pragma GCC unroll 16
    for (int n = LANES; n > 1; n /= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < LANES / 2; i++) {
            t[2 * i] = LOW(v[i], v[i + LANES / 2]);
            t[2 * i + 1] = HIGH(v[i], v[i + LANES / 2]);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            v[i] = t[i];
    }
}

#undef LOW
#undef HIGH
#undef MIX
