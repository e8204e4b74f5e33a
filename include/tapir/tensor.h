/* tensor.h - dtypes, shapes, statuses, and what a tensor tells of itself.
 *
 * There is one tensor type and there are two lifetimes. A tensor made on a tape lives until
 * tp_tape_reset or tp_tape_free and is never freed by hand, so calls nest. An owned tensor, made
 * by tp_keep or by a module, is freed by tp_free (or by its module).
 *
 * NULL is what a failed call returns, and so every function takes it for a tensor: the result is then NULL, NaN, 0,
 * false or a status. On a tape that has failed nothing more is said, and the first message stays. On a tape that is well
 * a NULL is itself the first failure ("mul: input 1 is NULL"), so that a misspelt parameter name cannot train nothing;
 * but for operands that a function says may be NULL (biases, weights, options, results that nobody asks for). Functions
 * that take no tape, as those below, have nowhere to say it. A list of results may be the list of operands, as where a
 * state becomes the next one; after a failure it holds NULLs.
 *
 * PyTorch's dim and ndimension are tp_ndim, nelement is tp_numel, data_ptr is tp_data, element_size, is_floating_point and
 * is_signed are tp_dtype_size, tp_dtype_is_float and tp_dtype_is_signed of tp_dtype_of(x), is_nonzero is
 * tp_item(x) != 0. There is one device, no complex dtype, and no default dtype: functions that make tensors are told one.
 */
#ifndef TAPIR_TENSOR_H
#define TAPIR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define TP_API __attribute__((visibility("default")))
#define TP_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define TP_MUST_CHECK __attribute__((warn_unused_result)) /* nothing else says whether, or how much, there is */
#else
#define TP_API
#define TP_PRINTF(f, a)
#define TP_MUST_CHECK
#endif

/* Of these headers. A program that was compiled with an older version runs with a newer one of the same first number. */
#define TP_VERSION_MAJOR 0
#define TP_VERSION_MINOR 1
#define TP_VERSION_PATCH 0
#define TP_VERSION "0.1.0"

/* Room at the end of a struct that a program fills in, for what later versions add; it is zero. */
#define TP_RESERVED(n) void *reserved[n]

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that runs: "0.1.0". */
TP_API const char *tp_version(void);

typedef struct tp_tape   tp_tape;
typedef struct tp_tensor tp_tensor;

/* What a call came to. Functions that return a tensor return NULL on failure instead and leave the
 * status in the tape (tp_error_status). */
/* clang-format off */
#define TP_STATUS_LIST(X)                                                                          \
    X(TP_OK, "all is well")                                                                        \
    X(TP_ESHAPE, "shapes do not fit each other or the operator")                                   \
    X(TP_EDTYPE, "a dtype that the operator does not take")                                        \
    X(TP_EINDEX, "an index or dimension out of range")                                             \
    X(TP_EINVAL, "any other bad argument")                                                         \
    X(TP_ENOMEM, "no memory, or a size beyond what can be addressed")                              \
    X(TP_EFOREIGN, "a tensor of another tape")                                                     \
    X(TP_EMUTATED, "backward met a saved value that was changed in place")                         \
    X(TP_EGRAPH, "nothing to differentiate, or a graph that was given back")                       \
    X(TP_ENUMERIC, "a singular matrix, a derivative that is none: the numbers are wrong")          \
    X(TP_EIO, "a file that cannot be read or written, or is not what it claims")                   \
    X(TP_EUNSUPPORTED, "not built in, or not possible")                                            \
    X(TP_EUSER, "for operators and callbacks of the user's own")
#define TP_ONE_OF_LIST(id, ...) id,
#define TP_COUNT_OF_LIST(...) +1
typedef enum { TP_STATUS_LIST(TP_ONE_OF_LIST) } tp_status;
enum { TP_STATUSES = 0 TP_STATUS_LIST(TP_COUNT_OF_LIST) };
/* clang-format on */

/* "TP_ESHAPE" and so on; never NULL. */
TP_API const char *tp_status_name(tp_status status);
/* What the list above says of it; never NULL. */
TP_API const char *tp_status_text(tp_status status);

/* The dtypes: torch's name and the C type of an element. */
/* clang-format off */
#define TP_DTYPE_LIST(X)                                                                           \
    X(TP_F32, "float32", float)                                                                    \
    X(TP_F64, "float64", double)                                                                   \
    X(TP_I32, "int32", int32_t)                                                                    \
    X(TP_I64, "int64", int64_t)                                                                    \
    X(TP_U8, "uint8", uint8_t)                                                                     \
    X(TP_BOOL, "bool", uint8_t)
typedef enum { TP_DTYPE_LIST(TP_ONE_OF_LIST) } tp_dtype;
enum { TP_DTYPES = 0 TP_DTYPE_LIST(TP_COUNT_OF_LIST) };
/* clang-format on */

TP_API const char *tp_dtype_name(tp_dtype dtype); /* "float32" ...; "?" for no dtype */
TP_API size_t      tp_dtype_size(tp_dtype dtype); /* bytes an element; 0 for no dtype */
TP_API bool        tp_dtype_is_float(tp_dtype dtype);
/* The dtype that an operation on two tensors of these dtypes computes in (torch.promote_types). */
TP_API tp_dtype tp_promote_types(tp_dtype a, tp_dtype b);

TP_API bool tp_dtype_is_signed(tp_dtype dtype);
/* False where a conversion would lose the kind: float to integer, number to boolean. */
TP_API bool tp_can_cast(tp_dtype from, tp_dtype to) TP_MUST_CHECK;

/* A shape, passed by value: tp_shape(3, 7) is 3 rows of 7; TP_SCALAR has no dimension. */
enum { TP_MAX_DIMS = 10 };
typedef struct {
    int     ndim;
    int64_t dim[TP_MAX_DIMS];
} tp_dims;

#ifndef __cplusplus
/* clang-format off */
#define tp_shape(...)                                                                              \
    ((tp_dims){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#define TP_SCALAR ((tp_dims){0, {0}})
/* clang-format on */
#endif

/* A zero that is meant: options take 0 for "the default", and TP_ZERO (negative zero) for zero. */
#define TP_ZERO (-0.0)

TP_API tp_dtype tp_dtype_of(const tp_tensor *x);
TP_API int      tp_ndim(const tp_tensor *x);
TP_API int64_t  tp_numel(const tp_tensor *x);
TP_API tp_dims  tp_shape_of(const tp_tensor *x);
TP_API int64_t  tp_size(const tp_tensor *x, int dim);   /* negative dims count from the end; -1 if none */
TP_API int64_t  tp_stride(const tp_tensor *x, int dim); /* in elements                                  */
TP_API int64_t  tp_storage_offset(const tp_tensor *x);  /* of its first element, in elements            */
TP_API bool     tp_is_contiguous(const tp_tensor *x);
TP_API bool     tp_is_same_size(const tp_tensor *a, const tp_tensor *b);
/* What arithmetic of both gives: 0-d tensors count only where they are of a higher kind (float, integer, boolean). */
TP_API tp_dtype tp_result_type(const tp_tensor *a, const tp_tensor *b);
/* The first element. Elements lie as the strides say; see tp_contiguous. */
TP_API void *tp_data(const tp_tensor *x);
/* The value of a tensor of one element, as a double; NaN for NULL or any other number of elements. */
TP_API double tp_item(const tp_tensor *x);
/* The element at a flat row-major position, as a double; NaN out of range. */
TP_API double tp_item_at(const tp_tensor *x, int64_t position);

/* Writes the elements in row-major order, converted, as out[0] to out[n - 1]; false, and nothing is written, where x has
 * not n elements. */
TP_API bool tp_tolist(const tp_tensor *x, tp_dtype dtype, int64_t n, void *out) TP_MUST_CHECK;

/* Prints as PyTorch does, to stdout: tensor([1., 2.], requires_grad=True). The one function of the
 * library that prints. */
TP_API void tp_print(const tp_tensor *x);
/* The same text into a buffer of n bytes (cut and terminated where it is longer); returns the
 * length of the whole text, as snprintf does. */
TP_API int64_t tp_format(const tp_tensor *x, char *buffer, size_t n);

typedef struct {
    int precision;  /* digits after the point; 0: 4                                  */
    int threshold;  /* elements beyond which a tensor is summarized; 0: 1000         */
    int edge_items; /* elements shown at each end of a summary; 0: 3                 */
    int line_width; /* 0: 80                                                         */
    int sci_mode;   /* 1: scientific, -1: never, 0: where the range asks for it      */
    TP_RESERVED(4);
} tp_print_options;
/* How tp_print and tp_format write the tensors of this tape from now on; NULL: as at first. (torch.set_printoptions is a
 * global; owned tensors are of no tape, and are written with the defaults, or by the functions below.) torch's profile "short" is {.precision = 2,
 * .edge_items = 2}, its profile "full" {.threshold = INT_MAX}. */
TP_API void tp_set_printoptions(tp_tape *T, const tp_print_options *options);
/* With options of their own; NULL: as tp_print does. */
TP_API void    tp_print_with(const tp_tensor *x, const tp_print_options *options);
TP_API int64_t tp_format_with(const tp_tensor *x, const tp_print_options *options, char *buffer, size_t n);

#ifdef __cplusplus
}
#endif
#endif
