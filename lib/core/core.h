/* core.h - what everything stands on: memory pool, storage, tensor headers, generator, threads.
 * Knows nothing of operators or differentiation. */
#ifndef TAPIR_CORE_H
#define TAPIR_CORE_H

#include "tapir/tape.h"
#include "tapir/tensor.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What configure asks, too: sizes are counted in 64 bits, and files have the order of bytes of memory. */
_Static_assert(sizeof(size_t) == 8, "a 64-bit machine is needed");
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a little-endian machine is needed"
#endif

/* What must hold wherever it stands, whatever a user does. Looked at in builds for that (ASSERTS=1, and those with
 * sanitizers), which end with a message; elsewhere the library does not end its host, and this is nothing. */
#ifdef TP__ASSERTS
_Noreturn void tp__broken(const char *what, const char *file, int line);
#define TP__ASSERT(what) ((what) ? (void)0 : tp__broken(#what, __FILE__, __LINE__))
#else
#define TP__ASSERT(what) ((void)sizeof((what) ? 1 : 0))
#endif

/* ---- sizes (shape.c) --------------------------------------------------------------------------- */

/* false on overflow */
static inline bool tp__mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
/* Elements of a shape; false for a bad rank, a negative size, or where the sizes that are not 0 have a product beyond
 * int64_t, as in NumPy: no product of some of them overflows. */
bool tp__dims_numel(tp_dims shape, int64_t *numel);
/* Where the elements of this shape lie, counted from the one that all indices are 0 of: from *begin to before *end, which are
 * the same where there are none. False where that is beyond int64_t. */
bool tp__dims_extent(tp_dims shape, const int64_t *stride, int64_t *begin, int64_t *end);
/* "[32, 7]" into buffer; returns buffer. */
const char *tp__dims_text(tp_dims shape, char *buffer, size_t n);
/* The same of a shape, and of a tensor's, for an error's text: it is there until the block ends that this stands in. */
#define TP__DIMS(shape) tp__dims_text(shape, (char[224]){0}, 224)
#define TP__SHAPE(x) TP__DIMS(tp__dims_of(x))
bool tp__dims_equal(tp_dims a, tp_dims b);
/* The broadcast of two shapes; false where they do not fit. */
bool tp__dims_broadcast(tp_dims a, tp_dims b, tp_dims *out);
/* A dim in [-ndim, ndim) as one in [0, ndim), or -1; a 0-d shape counts as one dimension. */
int tp__dim_wrap(int ndim, int dim);

/* Where the element at a flat row-major position lies, in elements from the first. */
static inline int64_t tp__offset_at(int ndim, const int64_t *dim, const int64_t *stride, int64_t position)
{
    int64_t offset = 0;
    for (int d = ndim - 1; d >= 0; d--) {
        offset += position % dim[d] * stride[d];
        position /= dim[d];
    }
    return offset;
}

/* Bytes of an element; of what is a dtype for sure. */
static inline size_t tp__size_of(tp_dtype dtype)
{
#define TP__SIZE_OF(id, name, type) sizeof(type),
    static const uint8_t size[TP_DTYPES] = {TP_DTYPE_LIST(TP__SIZE_OF)};
#undef TP__SIZE_OF
    return size[dtype];
}
static inline bool tp__is_float(tp_dtype dtype) { return dtype == TP_F32 || dtype == TP_F64; }

/* Beside what is written out for each dtype: one that comes does not compile before it is there, too. */
#define TP__DTYPES_ARE(n) _Static_assert((n) == TP_DTYPES, "a dtype is missing here")

/* What moves elements and does not compute goes by their size: its bytes, and a type of so many bits. Sizes are powers of two
 * up to 16; elements of 16 bytes may lie at multiples of 8. */
__extension__ typedef unsigned __int128 tp__bits128 __attribute__((aligned(8)));
#define TP__SIZE_LIST(X) X(1, uint8_t) X(2, uint16_t) X(4, uint32_t) X(8, uint64_t) X(16, tp__bits128)
enum { TP__WIDEST = 16 };
/* The entry for a size in a table made by TP__SIZE_LIST. */
static inline int tp__size_place(size_t size) { return __builtin_ctzl(size); }

/* ---- text (text.c) ---------------------------------------------------------------------------- */

/* As those of C, with a decimal point in every locale: what formats floats or the user's arguments uses these. */
int tp__snprintf(char *buffer, size_t n, const char *format, ...) TP_PRINTF(3, 4);
int tp__vsnprintf(char *buffer, size_t n, const char *format, va_list args) TP_PRINTF(3, 0);
int tp__fprintf(FILE *to, const char *format, ...) TP_PRINTF(2, 3);
const char *tp__error_text(int error); /* of an errno, in English */
/* A number as Python prints it, in the fewest digits that are only its own: "0.1", "1.0" ("1" where a `whole` one is one),
 * "1e-05"; returns text. */
const char *tp__python_float(double v, bool whole, char text[32]);

/* ASCII's, of any char */
static inline bool tp__is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool tp__is_digit(char c) { return c >= '0' && c <= '9'; }
static inline char tp__upper(char c) { return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c); }

/* ---- storage and pool (pool.c) ---------------------------------------------------------------- */

typedef struct tp__pool tp__pool;
typedef struct tp__storage tp__storage;

/* ---- memory (memory.c) ------------------------------------------------------------------------ */

/* As those of libc, from where tp_set_allocator says. */
void *tp__malloc(size_t bytes);
void *tp__calloc(size_t n, size_t size);
void *tp__realloc(void *p, size_t bytes);
void tp__free(void *p);
/* Aligned to a cache line, with its own way back. */
void *tp__aligned_malloc(size_t bytes);
void tp__aligned_free(void *p);
/* Zeroed, aligned to a cache line; large ones on huge pages. */
void *tp__pages(size_t bytes);
void tp__pages_free(void *p, size_t bytes);

/* A counted block of memory. Blocks of a pool carry their header in front of the data; the caller's
 * memory and segments of a slab have a header of their own. */
struct tp__storage {
    void *data;
    size_t bytes;    /* asked for: what a view may reach */
    size_t capacity; /* of a pool's block; of its own: the pages, 0 where it is not on pages */
    atomic_int refs;
    uint32_t version; /* moves when the values are changed in place */
    uint8_t size_class;
    bool escaped;        /* an owned tensor holds it: it may outlive, or be freed beside, the tape */
    bool lent;           /* somebody wants to hear when it is gone (storage.c) */
    tp__pool *pool;      /* NULL: of its own, or lent */
    tp__storage *parent; /* a segment's slab */
    union {
        tp__storage *next; /* of a pool: in a free list */
        struct tp__row_list
            *rows; /* of its own, that of a gradient: which rows of it are not 0 (tape/rows.c); NULL: any may be */
    };
};

/* Rows of a gradient buffer that may hold something: all others are 0. It holds for this version of the storage alone. */
typedef struct tp__row_list {
    int64_t n, room, *at;
    uint64_t *seen; /* a bit for each row */
    uint32_t version;
    bool all; /* any row may */
} tp__row_list;
static inline tp__row_list *tp__rows_in(const tp__storage *s) { return s && s->pool == NULL ? s->rows : NULL; }
static inline void tp__rows_forget(const tp__storage *s)
{
    tp__row_list *r = tp__rows_in(s);
    if (r)
        r->all = true;
}

tp__pool *tp__pool_new(void);
void tp__pool_release(tp__pool *pool);                     /* freed when nothing escaped is left */
tp__storage *tp__pool_alloc(tp__pool *pool, size_t bytes); /* 64-byte aligned; NULL: no memory */
tp_memory tp__pool_memory(const tp__pool *pool);
const char *tp__pool_check(const tp__pool *pool); /* what is wrong with its lists; NULL: nothing */
void tp__pool_hold(tp__pool *pool);               /* a block has escaped */
void tp__pool_take_back(tp__pool *pool, tp__storage *s);
void tp__pool_limit(tp__pool *pool, size_t bytes);
bool tp__pool_may_reserve(const tp__pool *pool, size_t bytes);
size_t tp__pool_peak(const tp__pool *pool);               /* the most that was in use... */
void tp__pool_peak_from_now(tp__pool *pool);              /* ...since this was called */
void tp__pool_count_system(tp__pool *pool, size_t bytes); /* the tape's other allocations */

tp__storage *tp__storage_new(size_t bytes);              /* from malloc, aligned, zeroed */
tp__storage *tp__storage_wrap(void *data, size_t bytes); /* the caller's memory */
/* The same, which is given back by release(user) when nobody has it any more, in whatever thread; after a failure, at once. */
tp__storage *tp__storage_lent(void *data, size_t bytes, void (*release)(void *user), void *user);
tp__storage *tp__storage_segment(tp__storage *slab, size_t offset, size_t bytes);
void tp__storage_ref(tp__storage *s);
void tp__storage_unref(tp__storage *s);  /* NULL is fine */
void tp__storage_escape(tp__storage *s); /* an owned tensor takes a reference */

/* ---- tensors (tensor.c) ----------------------------------------------------------------------- */

struct tp__node;
struct tp__member;

enum {
    TP__REQUIRES_GRAD = 1u << 0,
    TP__OWNED = 1u << 1,
    TP__RETAIN_GRAD = 1u << 2,
    TP__HAS_GRAD = 1u << 3, /* an owned leaf's gradient buffer holds one */
    TP__SCOPED = 1u << 4,   /* its scope has ended: only saved values keep it */
    TP__RELEASED = 1u << 5, /* the storage is given back */
    TP__TARGET = 1u << 6,   /* a sweep wants this tensor's gradient */
    TP__CONTIGUOUS = 1u << 7,
    TP__SWEPT = 1u << 8,      /* a temporary of a sweep, to be given back or written to freely */
    TP__HOOKED = 1u << 9,     /* some tape has hooks on it */
    TP__PARAMETER = 1u << 10, /* a module's: it is printed as such */
    TP__BY_RESET = 1u << 11,  /* given back by tp_tape_reset... */
    TP__BY_REWIND = 1u << 12, /* ...or by tp_tape_rewind */
    TP__BELONGS =
        1u << 13, /* an owned tensor of a module, a sink, or a leaf whose gradient it is: tp_free is not for it */
    TP__YOUNG = 1u << 14,    /* made by a function whose tape is being rewound... */
    TP__MOVED = 1u << 15,    /* ...but held beyond that (sweep.c, checkpoint.c) */
    TP__GRADIENT = 1u << 16, /* a leaf's gradient buffer, which lives as long as the leaf */
    TP__FREED = 1u << 17,    /* by tp_free, and still held by a graph */
    TP__SHELVED = 1u << 18   /* a snapshot of a checkpoint (checkpoint.c) */
};

/* Headers of a tape lie in an arena where nothing else lies, so that a pointer which outlived a reset meets a header
 * still: of a tensor that was given back (serial 0), or of a later one. */
struct tp_tensor {
    void *data;
    tp__storage *storage;
    int64_t numel;
    tp_dtype dtype : 8;
    uint8_t ndim;
    uint32_t flags;
    union {
        uint32_t saves;    /* of a tape: nodes that saved it for backward, and leaves whose gradient it is */
        atomic_uint holds; /* owned: its owner, its modules, graphs it was recorded in, hooks */
    };
    union {
        uint32_t uses;    /* of a tape: as a gradient in a sweep, who holds it */
        uint32_t modules; /* owned: modules that hold it */
    };
    tp_tape *tape;         /* NULL: owned */
    struct tp__node *node; /* the operator that made it; NULL: a leaf */
    tp_tensor *grad;
    tp_tensor *acc; /* the gradient that is gathering in a sweep */
    union {
        tp_tensor *prev;           /* of a tape: the tensor made before it */
        struct tp__member *member; /* owned: of which parameter sets */
    };
    uint32_t seq;    /* nodes on the tape when it was made */
    uint64_t serial; /* of the tape's tensors, counted up and never given twice between resets; 0: given back */
    int64_t shape[TP_MAX_DIMS];
    int64_t stride[TP_MAX_DIMS];
};
_Static_assert(sizeof(tp_tensor) == 256, "a header is four cache lines");

/* Fills dtype, shape, numel and row-major strides; storage and data are left alone. */
void tp__tensor_init(tp_tensor *x, tp_dtype dtype, tp_dims shape, int64_t numel);
/* An owned tensor with zeroed storage of its own, or NULL. */
tp_tensor *tp__tensor_owned(tp_dtype dtype, tp_dims shape);
/* An owned header on a storage (whose count is raised), row-major. */
tp_tensor *tp__tensor_owned_on(tp_dtype dtype, tp_dims shape, tp__storage *s, void *data);
/* A header for n elements in a row, for the length of a call: it holds nothing. */
void tp__tensor_span(tp_tensor *x, tp_dtype dtype, int64_t n, void *data, tp__storage *s);
/* Sets TP__CONTIGUOUS from shape and strides. */
void tp__tensor_note_layout(tp_tensor *x);

/* ---- numbers as elements (number.c) ------------------------------------------------------------
 *
 * A number becomes an element here and nowhere else, so that all machines agree: a C conversion of what the integer does
 * not hold is undefined, and processors differ.
 *   - An element converted (tp_to) is truncated; what the integer does not hold becomes its smallest value, for
 *     int32 and int64, as x86 has it; a uint8 is the low byte of that int64.
 *   - A number in arithmetic is an int64, of which a narrower dtype takes the low bits: it wraps.
 *   - A number that is to be an element as it is must be one (tp__holds). */
/* Is the number an int64? 2^63 is none. */
static inline bool tp__is_i64(double v) { return v >= -0x1p63 && v < 0x1p63 && v == (double)(int64_t)v; }
static inline int64_t tp__to_i64(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN; }
static inline int32_t tp__to_i32(double v) { return v > -0x1p31 - 1 && v < 0x1p31 ? (int32_t)v : INT32_MIN; }
/* Can a number be an element of this dtype? torch's rule: what is truncated to one can (but not -0.5 to uint8), floats
 * and booleans take all, and whole numbers down to -255 count from the end of uint8. */
bool tp__holds(tp_dtype dtype, double value);
/* An option: 0 stands for the default, negative zero for zero (TP_ZERO). */
double tp__option(double value, double otherwise);
double tp__load(const void *p, tp_dtype dtype);        /* any element as a double */
int64_t tp__load_i64(const void *p, tp_dtype dtype);   /* any element as an integer, exactly where it is one */
void tp__store(void *p, tp_dtype dtype, double value); /* converted as elements are */
/* a + b, or the end of the integers that it is beyond */
static inline int64_t tp__add_clipped(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : b < 0 && a < INT64_MIN - b ? INT64_MIN : a + b;
}

static inline bool tp__contiguous(const tp_tensor *x) { return (x->flags & TP__CONTIGUOUS) != 0; }

/* All of shape is copied, used or not: a copy of known length is a few instructions. */
static inline tp_dims tp__dims_of(const tp_tensor *x)
{
    tp_dims s;
    s.ndim = x->ndim;
    memcpy(s.dim, x->shape, sizeof s.dim);
    return s;
}

static inline bool tp__same_shape(const tp_tensor *a, const tp_tensor *b)
{
    if (a->ndim != b->ndim || a->numel != b->numel)
        return false;
    for (int d = 0; d < a->ndim; d++)
        if (a->shape[d] != b->shape[d])
            return false;
    return true;
}

/* ---- random generator (mt19937.c) ------------------------------------------------------------- */

typedef struct {
    uint32_t state[624];
    int left; /* draws until the next refill, and where they are */
    int next;
    uint64_t seed;
    bool has_normal; /* Box-Muller's second value, kept for the next draw */
    double normal;
} tp__rng;

void tp__rng_seed(tp__rng *g, uint64_t seed);
uint32_t tp__rng_u32(tp__rng *g);
uint64_t tp__rng_u64(tp__rng *g);
float tp__rng_uniform_f32(tp__rng *g);                       /* U24 * 2^-24 */
double tp__rng_uniform_f64(tp__rng *g);                      /* U53 * 2^-53 */
uint64_t tp__rng_below(tp__rng *g, uint64_t range);          /* a word modulo the range */
void tp__rng_shuffle(tp__rng *g, int64_t *order, int64_t n); /* Fisher and Yates, from the front */
double tp__rng_normal(tp__rng *g);                           /* one standard normal */
/* The state in PyTorch's layout; false where the bytes are none. */
enum { TP__RNG_STATE = 5056 };
void tp__rng_get(const tp__rng *g, void *to);
bool tp__rng_set(tp__rng *g, const void *from);
/* Fill contiguous memory as torch's uniform_ and normal_ do; a uniform fill from 0 to 1 is n single draws, only faster. */
void tp__rng_fill_uniform(tp__rng *g, tp_dtype dtype, void *out, int64_t n, double low, double high);
void tp__rng_fill_normal(tp__rng *g, tp_dtype dtype, void *out, int64_t n, double mean, double std);

/* ---- calls that may be left by a jump (frame.c) ------------------------------------------------- */

/* A function's frame on the stack. */
typedef struct {
    const void *end, *back; /* the caller's end of it, and where in the caller it returns to */
} tp__frame;
static inline __attribute__((always_inline)) tp__frame tp__frame_here(void)
{
    return (tp__frame){__builtin_dwarf_cfa(), __builtin_return_address(0)};
}
/* Is this called, from however deep, by the function of that frame? It takes microseconds. */
bool tp__frame_lives(tp__frame frame);
/* The same, asked by a function that may have the very frame of one that was left: which is none then. */
static inline bool tp__frame_is_above(tp__frame frame, tp__frame here)
{
    return (uintptr_t)frame.end > (uintptr_t)here.end && tp__frame_lives(frame);
}

/* In an object of which functions of the user's are called, which may free it: it goes when they have come back. Several
 * threads may be in a module at once: it knows the call of one of them, and the others' are not taken for it. */
typedef struct {
    atomic_uintptr_t thread;    /* whose call it knows; 0: nobody's */
    atomic_uintptr_t end, back; /* the frame of the outermost call */
    bool doomed;                /* it was freed meanwhile */
} tp__busy;
static inline uintptr_t tp__this_thread(void) { return (uintptr_t)pthread_self(); }
static inline tp__frame tp__busy_frame(const tp__busy *b)
{
    return (tp__frame){(const void *)atomic_load_explicit(&b->end, memory_order_relaxed),
                       (const void *)atomic_load_explicit(&b->back, memory_order_relaxed)};
}
static inline bool tp__busy_here(const tp__busy *b)
{
    return atomic_load_explicit(&b->thread, memory_order_relaxed) == tp__this_thread();
}
/* Round such a call; the first says whether it is the outermost, the second, which is told so, whether the object is to be
 * freed now. */
static inline __attribute__((always_inline)) bool tp__busy_begin(tp__busy *b)
{
    tp__frame here = tp__frame_here();
    if (tp__busy_here(b) && tp__frame_is_above(tp__busy_frame(b), here))
        return false;
    atomic_store_explicit(&b->thread, tp__this_thread(), memory_order_relaxed);
    atomic_store_explicit(&b->end, (uintptr_t)here.end, memory_order_relaxed);
    atomic_store_explicit(&b->back, (uintptr_t)here.back, memory_order_relaxed);
    return true;
}
static inline bool tp__busy_end(tp__busy *b, bool outermost)
{
    if (outermost && tp__busy_here(b))
        atomic_store_explicit(&b->thread, 0, memory_order_relaxed);
    return outermost && b->doomed;
}
/* Does one run, of this thread's? */
bool tp__busy_runs(const tp__busy *b);
/* The object is freed: true where that has to wait. */
bool tp__busy_doom(tp__busy *b);

/* ---- threads and cpu (parallel.c, thread.c, cpu.c) --------------------------------------------- */

/* Runs body over [0, n) in ranges whose bounds are multiples of `grain`: on one thread where n is small, a parallel
 * region is open or another loop runs, else with as many helpers as OpenMP may have threads here. A body must give the
 * same bits for any split. */
typedef void (*tp__range_fn)(int64_t begin, int64_t end, void *user);
void tp__parallel_for(int64_t n, int64_t grain, tp__range_fn body, void *user);
/* Starts a thread as a guest in the process (thread.c); false where the system gives none, or where it `needs_core` and
 * there is one for all. */
bool tp__thread_start(pthread_t *thread, void *(*run)(void *), void *user, bool needs_core);
/* Between these the calling thread's OpenMP, and a BLAS that uses it, stay on one thread. */
int tp__alone_begin(void);
void tp__alone_end(int threads);

/* A buffer of TP__SCRATCH bytes, 64-byte aligned, for a loop body that would need it on the stack: taken and given back
 * within the body, which takes no second one meanwhile (scratch.c). */
enum { TP__SCRATCH = 64 * 1024 };
void *tp__scratch_take(void);
void tp__scratch_give(void *scratch);

typedef enum { TP__ISA_BASE, TP__ISA_AVX2, TP__ISA_AVX512 } tp__isa;
extern _Atomic(int) tp__cpu_known; /* 0: not yet; else the answer + 1 */
tp__isa tp__cpu_find(void);
/* what the processor can do; found once */
static inline tp__isa tp__cpu_isa(void)
{
    int isa = atomic_load_explicit(&tp__cpu_known, memory_order_relaxed);
    return isa ? (tp__isa)(isa - 1) : tp__cpu_find();
}
int tp__cpu_count(void); /* processors of the machine */

typedef enum { TP__OTHER_VENDOR, TP__INTEL, TP__AMD } tp__vendor;
typedef struct {
    tp__vendor vendor;
    int family;
    tp__isa isa; /* whatever TAPIR_ISA allows */
    bool bf16;   /* AVX-512's */
} tp__processor;
tp__processor tp__cpu(void); /* asked each time, which a virtual machine answers slowly */

/* A table of kernels that is made for each instruction set, by vec_*.c or by what a file has under TP__ISA: its name there,
 * its declaration, and the one for this machine. */
#define TP__PASTE2(a, b) a##b
#define TP__PASTE(a, b) TP__PASTE2(a, b)
#define TP__OF_ISA(name) TP__PASTE(name##_, TP__ISA)
#if defined(__x86_64__)
enum { TP__ISAS = 3 };
#define TP__TABLE_OF(type, name) extern const type name##_base, name##_avx2, name##_avx512
#define TP__EACH_ISA(name) &name##_base, &name##_avx2, &name##_avx512
#define TP__PICK(name) \
    (tp__cpu_isa() == TP__ISA_AVX512 ? &name##_avx512 : tp__cpu_isa() == TP__ISA_AVX2 ? &name##_avx2 : &name##_base)
#else
enum { TP__ISAS = 1 };
#define TP__TABLE_OF(type, name) extern const type name##_base
#define TP__EACH_ISA(name) &name##_base
#define TP__PICK(name) (&name##_base)
#endif

#endif
