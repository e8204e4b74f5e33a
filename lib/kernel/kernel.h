/* kernel.h - loops over pointers, strides and dtypes. No kernel knows a tape or a tensor. */
#ifndef TAPIR_KERNEL_H
#define TAPIR_KERNEL_H

#include "core/core.h"

/* Asks for n elements from base[at] on, which may lie beyond the end: rows come from memory while those before them are
 * worked on. */
static inline void tp__prefetch(const void *base, int64_t at, int64_t n, size_t size)
{
    uintptr_t begin = (uintptr_t)base + (uintptr_t)at * size;
    for (uintptr_t b = 0; b < (uintptr_t)n * size; b += 64)
        __builtin_prefetch((const void *)(begin + b));
}

/* Keeps a vector in its register: gcc would rather read one that is used a few times from memory each time, which is slow where
 * it lies across cache lines. */
#if defined(__x86_64__)
#define TP__HOLD(v) __asm__("" : "+v"(v))
#else
#define TP__HOLD(v) ((void)0)
#endif

/* ---- elementwise (elementwise.c) ---------------------------------------------------------------------- */

/* A block function: n contiguous elements. `attr` is what the operator carries. */
typedef void (*tp__block_fn)(int64_t n, void *out, const void *const *in, const void *attr);

enum { TP__MAX_OPERANDS = 4 };

/* An operand as it lies in memory; strides in elements, 0 where it is broadcast. */
typedef struct {
    const void *data;
    tp_dtype dtype;
    int64_t stride[TP_MAX_DIMS];
} tp__operand;

/* out (row-major, of `shape`) = fn(in...), the inputs converted to `compute` on the way, but for a first one that is a
 * condition. */
void tp__map(tp__block_fn fn, const void *attr, tp_dims shape, void *out, tp_dtype out_dtype, tp_dtype compute,
             bool condition, int n_in, const tp__operand *in);
/* Copies any layout and dtype to row-major memory of another dtype. */
void tp__copy(tp_dims shape, void *out, tp_dtype out_dtype, const tp__operand *in);
/* Are all elements finite? Of a float dtype. */
bool tp__all_finite(tp_dims shape, const tp__operand *x);
/* Copies row-major memory to any layout of the same dtype. */
void tp__copy_out(tp_dims shape, void *out, const int64_t *out_stride, const void *in, tp_dtype dtype);

/* Strides of an array, in elements; neighbouring dimensions that are walked as one are joined, so that ndim >= 1. */
typedef struct {
    int ndim;
    int64_t dim[TP_MAX_DIMS], stride[TP_MAX_DIMS];
} tp__layout;
/* Returns the number of elements. */
int64_t tp__layout_of(tp__layout *l, tp_dims shape, const int64_t *stride);

/* A part of a walk in row-major order that is rows by columns, with the strides of the last two dimensions. */
typedef struct {
    int64_t rows, columns, offset;
} tp__piece;
/* The next piece of the `left` elements from `position` on; false where none are left. */
bool tp__next_piece(const tp__layout *l, int64_t *position, int64_t *left, tp__piece *piece);

typedef struct {
    int64_t rows, columns, to_row, to_column, from_row, from_column; /* strides in elements */
} tp__plane;
void tp__copy_plane(size_t size, tp__plane p, void *to, const void *from);
/* n elements from the row-major position `begin` on, to contiguous memory */
void tp__gather_span(const tp__layout *l, size_t size, const void *strided, int64_t begin, int64_t n, void *dense);
/* out[(i + shift) mod shape] = in[i], both row-major; 0 <= shift[d] < shape.dim[d], which is not 0 */
void tp__roll(size_t size, tp_dims shape, const int64_t *shift, const void *in, void *out);
/* How many bytes rows have that are copied without a call each. */
#define TP__SHORT_ROWS(OF_BYTES) \
    OF_BYTES(4) \
    OF_BYTES(8) \
    OF_BYTES(12) \
    OF_BYTES(16) OF_BYTES(20) OF_BYTES(24) OF_BYTES(28) OF_BYTES(32) OF_BYTES(40) OF_BYTES(48) OF_BYTES(56) \
        OF_BYTES(64)
/* memcpy, fast however both sides are aligned */
void tp__copy_bytes(void *to, const void *from, size_t n);
/* n elements of `size` bytes, ts apart from fs apart (in elements; fs 0 repeats one) */
void tp__copy_run(size_t size, int64_t n, void *to, int64_t ts, const void *from, int64_t fs);
void tp__convert(int64_t n, void *out, tp_dtype to, const void *in, tp_dtype from); /* contiguous */
void tp__fill(int64_t n, void *out, tp_dtype dtype, double value);
/* y += a x over contiguous floats */
void tp__axpy(int64_t n, tp_dtype dtype, double a, const void *x, void *y);

/* ---- reductions over one dimension (reduce.c) ---------------------------------------------------- */

typedef enum {
    TP__SUM,
    TP__PROD,
    TP__MAX,
    TP__MIN,
    TP__ALL,
    TP__ANY,
    TP__MEAN,
    TP__NANSUM,   /* of those that are numbers */
    TP__NORM_0,   /* how many are not zero */
    TP__NORM_1,   /* sum |x| */
    TP__NORM_2,   /* sqrt(sum x^2) */
    TP__NORM_MAX, /* the largest |x|; 0 of none */
    TP__NORM_MIN, /* the smallest */
    TP__NORM_P    /* by tp__norm_p */
} tp__reduction;
/* [outer, n, inner]: n elements `step` apart are reduced, for each of `inner` that lie `apart` (1: neighbours), of each index of
 * outer, whose dimensions may have any strides (in elements). */
typedef struct {
    tp_dims outer;
    int64_t outer_stride[TP_MAX_DIMS], n, step, inner, apart;
} tp__reduced;
/* out [outer, inner], contiguous: sums and products of integers are I64, all and any BOOL; means and norms are of floats.
 * With `accumulate`, sums are added to what out holds (floats only). Sums, means and norms that are representable come
 * out, though what they are added up from is not: then they are made once more, of scaled elements. */
void tp__reduce_strided(tp__reduction kind, tp_dtype dtype, const tp__reduced *shape, const void *in, void *out,
                        bool accumulate);
/* The same of contiguous [outer, n, inner]. */
void tp__reduce(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in, void *out,
                bool accumulate);
/* (sum |x|^p)^(1/p) for p not 0 and finite, the same way. Floats. */
void tp__norm_p(double p, tp_dtype dtype, const tp__reduced *shape, const void *in, void *out);
/* gx (+)= g sign x (|x| / y)^(p-1) for y, the norm of x of finite order p, not 0; g and y [outer, inner]. Where y is 0, so
 * is the slope. Floats. */
void tp__norm_backward(double p, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *y,
                       const void *g, void *gx, bool accumulate);
/* Also where the first largest (smallest) is; NaN counts as the largest (smallest). n > 0. */
void tp__reduce_arg(tp__reduction kind, tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *in,
                    void *out, int64_t *index);
/* gx [outer, n, inner] (+)= g [outer, inner] at these places along n. Floats. */
void tp__arg_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const int64_t *index, const void *g,
                      void *gx, bool accumulate);

/* gx (+)= g times the product of all others along the n of [outer, n, inner], contiguous floats, zeros or not; what is
 * representable comes out, though the whole product is not (product.c). */
void tp__product_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *g,
                          void *gx, bool accumulate);

/* ---- variances over the middle of [outer, n, inner], contiguous floats (variance.c) -------------- */

/* y [outer, inner] = sum (x - mean)^2 / divisor, or with `root` the root of it; and the mean. A root that is representable
 * comes out, though its square is not. */
void tp__variance(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, double divisor, bool root, const void *x,
                  void *y, void *mean);
/* gx (+)= g (x - mean) 2 / divisor, or / (y divisor) of a root (0 where y is 0), + g_mean / n. */
typedef struct {
    tp_dtype dtype;
    int64_t outer, n, inner;
    double divisor;
    bool root, accumulate;
    const void *x, *y, *mean, *g, *g_mean; /* g and g_mean may be NULL */
    void *gx;
} tp__variance_slope;
void tp__variance_backward(const tp__variance_slope *s);

/* ---- distances between the rows of two contiguous matrices of floats (distance.c) ----------------- */

/* Of each of `batch` pairs a [n, d] and b [m, d], y [n, m] = (sum |a_i - b_j|^p)^(1/p), for p 0 how many differ. With
 * `triangle`, b is a and y has the pairs i < j alone, row by row. Made of the differences, so that close points keep their
 * digits; what is representable comes out, though its powers are not. */
typedef struct {
    tp_dtype dtype;
    double p;
    bool triangle;
    int64_t batch, n, m, d;
    const void *a, *b;
    void *y;
} tp__distance_job;
void tp__distance(const tp__distance_job *job);
/* gx (+)= the gradient of a, or of b, or of both that are one; 0 of elements that are equal, and of distances of 0. */
void tp__distance_backward(const tp__distance_job *job, const void *g, bool of_b, void *gx, bool accumulate);

/* ---- softmax over the last of [rows, n], contiguous floats (softmax.c) ------------------------- */

void tp__softmax(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *x, void *y);
/* gx (+)= y (g - sum(g y)), or g - e^y sum(g) for the logarithm */
void tp__softmax_backward(tp_dtype dtype, bool log, int64_t rows, int64_t n, const void *y, const void *g, void *gx,
                          bool accumulate);

/* y [outer, inner] = log sum e^x over the middle of x [outer, n, inner], -infinity of no elements; gx (+)= g softmax(x) for
 * g [outer, inner], 0 where all x are -infinity */
void tp__log_sum_exp(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, void *y);
void tp__log_sum_exp_backward(tp_dtype dtype, int64_t outer, int64_t n, int64_t inner, const void *x, const void *g,
                              void *gx, bool accumulate);

/* ---- normalization of the last of [rows, n], contiguous floats (layer_norm.c) ------------------------- */

/* y = (x - mean) / sqrt(var + eps) weight + bias; weight and bias [n] may be NULL */
void tp__layer_norm(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                    const void *bias, void *y);
/* gin: the gradients of x, weight and bias that are wanted; bit i of `fresh`: gin[i] is overwritten, not added to.
 * Scratch: twice chunks(rows) rows of n elements, where gradients of weight or bias are wanted. */
void tp__layer_norm_backward(tp_dtype dtype, int64_t rows, int64_t n, double eps, const void *x, const void *weight,
                             const void *g, void *const gin[3], uint32_t fresh, void *scratch);
int64_t tp__layer_norm_chunks(int64_t rows, int64_t n);

/* ---- recurrent nets (recurrent.h) ------------------------------------------------------------------------------- */

typedef enum { TP__RNN_TANH, TP__RNN_RELU, TP__LSTM, TP__GRU } tp__rnn_kind;

/* ---- cross products (cross.c) ------------------------------------------------------------------------------------ */

/* y (+)= a x b over the middle of contiguous [outer, 3, inner]; numbers, integers wrap. */
void tp__cross(tp_dtype dtype, int64_t outer, int64_t inner, const void *a, const void *b, void *y, bool accumulate);

/* ---- products, triangles and factorizations by CBLAS and LAPACKE; more of these in factor.h ----------------------- */

/* C [m, n] = alpha op(A) op(B) + beta C, row-major. False where tp__blas_ready says so. */
bool tp__gemm(tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
              int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
/* The same, cut in one of two ways whatever suits this processor: for tests and measurements. */
typedef enum { TP__IN_PANELS, TP__IN_PARTS } tp__cut;
bool tp__gemm_cut(tp__cut how, tp_dtype dtype, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                  const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);
/* y [m] = alpha op(A) x + beta y, A row-major [m, n] before op */
bool tp__gemv(tp_dtype dtype, bool ta, int64_t m, int64_t n, double alpha, const void *a, int64_t lda, const void *x,
              int64_t incx, double beta, void *y, int64_t incy);
/* Any strides. */
double tp__dot(tp_dtype dtype, int64_t n, const void *x, int64_t incx, const void *y, int64_t incy);
/* op(A) X = B in place (left) for triangular A [m, m], B [m, n], row-major; unit: with ones on the diagonal, unread
 * (triangle.c; with one column, blas.c) */
bool tp__trsm(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, int64_t n, const void *a, int64_t lda, void *b,
              int64_t ldb);
bool tp__trsv(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, const void *a, int64_t lda, void *x);
/* Row-major [n, n] in place. 0: done; > 0: where it is singular or not positive definite; < 0: see tp__blas_trouble. */
int tp__getrf(tp_dtype dtype, int64_t n, void *a, int *pivots);
int tp__getrs(tp_dtype dtype, bool ta, int64_t n, int64_t k, const void *lu, const int *pivots, void *b);
int tp__potrf(tp_dtype dtype, int64_t n, void *a); /* lower; the other half becomes zero */
/* The rows of a [k, n], k <= n, as an orthonormal basis of what the first of them span, of the first two, and so on, by the QR
 * factorization of their transpose; each has the sign with which R is positive on its diagonal (0 where that is 0). Not 0
 * where the sizes are LAPACK's no more. work has tp__orthonormal_room(k) elements. */
int64_t tp__orthonormal_room(int64_t k);
int tp__orthonormal_rows(tp_dtype dtype, int64_t k, int64_t n, void *a, void *work);

/* ---- which BLAS that is (blas_kind.c) ------------------------------------------------------------------------------ */

/* Whether it can be given these sizes and strides; whether a product of them can be made; what to say where not. */
bool tp__blas_counts(int64_t a, int64_t b, int64_t c);
bool tp__blas_ready(int64_t a, int64_t b, int64_t c);
const char *tp__blas_trouble(tp_status *status);
/* Is there address space for OpenBLAS's buffers? Then calls that may take one are between enter and leave, or on this
 * thread alone between begin and end, which gets what begin returned (blas_room.c). */
bool tp__blas_has_room(void);
bool tp__blas_was_refused(void);
void tp__blas_enter(void);
void tp__blas_leave(void);
int tp__blas_begin(void);
void tp__blas_end(int threads);
/* It has threads that are not OpenMP's, which our loops cannot keep out of a call. */
bool tp__blas_has_threads(void);
/* Its kernels for this processor multiply small matrices unpacked (blas.c). */
bool tp__blas_has_small_kernels(void);
const char *tp__blas_info(void);

#endif
