/* dlpack.c - tensors of other libraries, and ours for them. The structs are those of DLPack's ABI
 * (https://dmlc.github.io/dlpack/latest/c_api.html), as far as they are used: what it says of their layout holds for all versions
 * with the same first number. */
#include "tape/tape.h"
#include "tapir/create.h"
#include "tapir/share.h"

enum { CPU = 1, CUDA_HOST = 3, ROCM_HOST = 11 };    /* devices whose memory is the host's */
enum { INT = 0, UINT = 1, FLOAT = 2, BOOLEAN = 6 }; /* kinds of dtypes */
enum { READ_ONLY = 1 };                             /* flags */
enum { MAJOR = 1, MINOR = 0 };

typedef struct {
    void *data;
    struct {
        int32_t type, id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides; /* of elements; NULL: row-major */
    uint64_t byte_offset;     /* from data to the first element */
} description;

struct DLManagedTensor {
    description tensor;
    void *context;
    void (*deleter)(struct DLManagedTensor *);
};

struct DLManagedTensorVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void *context;
    void (*deleter)(struct DLManagedTensorVersioned *);
    uint64_t flags;
    description tensor;
};

static const struct {
    uint8_t code, bits;
} kinds[] = {[TP_F32] = {FLOAT, 32}, [TP_F64] = {FLOAT, 64}, [TP_I32] = {INT, 32},
             [TP_I64] = {INT, 64},   [TP_U8] = {UINT, 8},    [TP_BOOL] = {BOOLEAN, 8}};
TP__DTYPES_ARE(sizeof kinds / sizeof *kinds);

/* ---- ours, for others ---------------------------------------------------------------------------------------------- */

/* What goes out, in one block: one of the two structs, and what it points to. */
typedef struct {
    union {
        struct DLManagedTensor plain;
        struct DLManagedTensorVersioned versioned;
    };
    tp__storage *storage;
    int64_t shape[TP_MAX_DIMS], stride[TP_MAX_DIMS];
} shared;

static void drop(void *context)
{
    shared *s = context;
    tp__storage_unref(s->storage);
    tp__free(s);
}

static void drop_plain(struct DLManagedTensor *m) { drop(m->context); }
static void drop_versioned(struct DLManagedTensorVersioned *m) { drop(m->context); }

static shared *share(tp_tape *T, const char *who, tp_tensor *x, description *d)
{
    if (!tp__usable(T, who, x))
        return NULL;
    if (x->flags & TP__REQUIRES_GRAD) {
        tp_fail(T, TP_EINVAL, "%s: x asks for a gradient, of which others know nothing; tp_detach(T, x) is needed",
                who);
        return NULL;
    }
    shared *s = tp__calloc(1, sizeof *s);
    if (s == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
        return NULL;
    }
    memcpy(s->shape, x->shape, sizeof s->shape);
    memcpy(s->stride, x->stride, sizeof s->stride);
    s->storage = x->storage;
    tp__storage_escape(s->storage);
    *d = (description){.data = x->data, .device = {CPU, 0}, .ndim = x->ndim, .shape = s->shape, .strides = s->stride};
    d->dtype.code = kinds[x->dtype].code;
    d->dtype.bits = kinds[x->dtype].bits;
    d->dtype.lanes = 1;
    return s;
}

struct DLManagedTensor *tp_to_dlpack(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "to_dlpack");
    description d;
    shared *s = share(T, "to_dlpack", x, &d);
    if (s)
        s->plain = (struct DLManagedTensor){.tensor = d, .context = s, .deleter = drop_plain};
    return s ? &s->plain : NULL;
}

struct DLManagedTensorVersioned *tp_to_dlpack_versioned(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "to_dlpack_versioned");
    description d;
    shared *s = share(T, "to_dlpack_versioned", x, &d);
    if (s)
        s->versioned = (struct DLManagedTensorVersioned){
            .version = {MAJOR, MINOR}, .context = s, .deleter = drop_versioned, .tensor = d};
    return s ? &s->versioned : NULL;
}

/* ---- others', for us ----------------------------------------------------------------------------------------------- */

/* The dtype, or -1. */
static int dtype_of(const description *d)
{
    for (int k = 0; k < TP_DTYPES; k++)
        if (kinds[k].code == d->dtype.code && kinds[k].bits == d->dtype.bits && d->dtype.lanes == 1)
            return k;
    return -1;
}

static bool check(tp_tape *T, const char *who, const description *d)
{
    if (d->device.type != CPU && d->device.type != CUDA_HOST && d->device.type != ROCM_HOST)
        tp_fail(T, TP_EUNSUPPORTED, "%s: its memory is that of device %d; the host's (1) is needed", who,
                (int)d->device.type);
    else if (dtype_of(d) < 0)
        tp_fail(
            T, TP_EUNSUPPORTED,
            "%s: its elements are %d of %d bits of kind %d; float32, float64, int32, int64, uint8 or bool is needed",
            who, (int)d->dtype.lanes, (int)d->dtype.bits, (int)d->dtype.code);
    else if (d->ndim < 0 || d->ndim > TP_MAX_DIMS || (d->ndim > 0 && d->shape == NULL))
        tp_fail(T, TP_EUNSUPPORTED, "%s: it has %d dimensions; 0 to %d, and a shape, are needed", who, (int)d->ndim,
                TP_MAX_DIMS);
    else if (((uintptr_t)d->data + d->byte_offset) % tp_dtype_size((tp_dtype)dtype_of(d)) != 0)
        tp_fail(T, TP_EUNSUPPORTED, "%s: its elements lie at no multiple of their size; that is needed", who);
    return tp__ok(T);
}

/* Takes over what release(user) gives back, in any case. */
static tp_tensor *take(tp_tape *T, const char *who, const description *d, void (*release)(void *), void *user)
{
    tp_dims shape = {.ndim = d->ndim};
    if (!tp__ok(T) || !check(T, who, d)) {
        release(user);
        return NULL;
    }
    if (d->ndim > 0)
        memcpy(shape.dim, d->shape, (size_t)d->ndim * sizeof *shape.dim);
    char *data = d->data ? (char *)d->data + d->byte_offset : NULL;
    return tp_from_blob(T, (tp_dtype)dtype_of(d), shape, d->ndim > 0 ? d->strides : NULL, data, release, user);
}

static void release_plain(void *user)
{
    struct DLManagedTensor *m = user;
    if (m->deleter)
        m->deleter(m);
}

static void release_versioned(void *user)
{
    struct DLManagedTensorVersioned *m = user;
    if (m->deleter)
        m->deleter(m);
}

tp_tensor *tp_from_dlpack(tp_tape *T, struct DLManagedTensor *m)
{
    TP__NAMED(T, "from_dlpack");
    if (m == NULL)
        tp__missing(T, "from_dlpack", "the tensor");
    return m ? take(T, "from_dlpack", &m->tensor, release_plain, m) : NULL;
}

tp_tensor *tp_from_dlpack_versioned(tp_tape *T, struct DLManagedTensorVersioned *m)
{
    static const char who[] = "from_dlpack_versioned";
    TP__NAMED(T, who);
    if (m == NULL) {
        tp__missing(T, who, "the tensor");
        return NULL;
    }
    if (m->version.major != MAJOR) { /* the deleter stands where it stood in any version */
        if (tp__ok(T))
            tp_fail(T, TP_EUNSUPPORTED, "%s: it is of version %u.%u of DLPack; %d is needed", who, m->version.major,
                    m->version.minor, MAJOR);
        release_versioned(m);
        return NULL;
    }
    bool read_only = (m->flags & READ_ONLY) != 0;
    tp_tensor *x = take(T, who, &m->tensor, release_versioned, m), *copy;
    if (x == NULL || !read_only)
        return x;
    if ((copy = tp__tensor_make(T, x->dtype, tp__dims_of(x))) != NULL)
        tp__copy_elements(x, copy->data, copy->dtype);
    tp__tensor_release(x);
    return copy;
}
