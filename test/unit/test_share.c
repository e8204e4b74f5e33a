/* test_share.c - memory that others have, too: blocks with a deleter, DLPack's tensors, mapped files. */
#define _DEFAULT_SOURCE
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <pthread.h>
#include <unistd.h>

static tp_tape *T;
static char path[] = "/tmp/tapir_test_XXXXXX";
static int deleted;

static void setup(void)
{
    T = tp_tape_new();
    strcpy(path, "/tmp/tapir_test_XXXXXX");
    close(mkstemp(path));
    deleted = 0;
}

static void teardown(void)
{
    unlink(path);
    tp_tape_free(T);
}

static void count(void *user) { deleted += user == path; }

/* ---- blocks -------------------------------------------------------------------------------------------------------- */

START_TEST(deleted_once)
{
    float data[6] = {0, 1, 2, 3, 4, 5};
    tp_tensor *x = tp_from_blob(T, TP_F32, tp_shape(2, 3), NULL, data, count, path), *kept;
    ck_assert_ptr_eq(tp_data(x), data);
    ck_values(tp_sum(T, x), 0, 15);
    kept = tp_keep(tp_slice(T, x, 0, 1, 2, 1));
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 0);
    tp_copy_into(T, kept, tp_scalar(T, TP_F32, 7));
    ck_assert(data[3] == 7 && data[2] == 2);
    tp_free(kept);
    ck_assert_int_eq(deleted, 1);

    /* a graph has it */
    kept = tp_keep(tp_from_blob(T, TP_F32, tp_shape(6), NULL, data, count, path));
    tp_tape_reset(T);
    tp_tensor *w = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(6)), true), *loss = tp_dot(T, w, kept);
    tp_free(kept);
    ck_assert_int_eq(deleted, 1);
    tp_backward(T, loss);
    ck_values(tp_grad(w), 0, 0, 1, 2, 7, 7, 7);
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 2);

    /* a scope ends */
    tp_mark mark = tp_tape_mark(T);
    tp_from_blob(T, TP_F32, tp_shape(6), NULL, data, count, path);
    tp_tape_rewind(T, mark);
    ck_assert_int_eq(deleted, 3);
    tp_from_blob(T, TP_F32, tp_shape(6), NULL, data, NULL, path);
    ck_no_error(T);
}
END_TEST

START_TEST(beyond_the_tape)
{
    double data[2] = {1, 2};
    tp_tape *other = tp_tape_new();
    tp_tensor *kept = tp_keep(tp_from_blob(other, TP_F64, tp_shape(2), NULL, data, count, path));
    tp_tape_free(other);
    ck_assert_int_eq(deleted, 0);
    ck_values(kept, 0, 1, 2);
    tp_free(kept);
    ck_assert_int_eq(deleted, 1);
}
END_TEST

START_TEST(strided_blocks)
{
    double data[6] = {0, 1, 2, 3, 4, 5};
    tp_tensor *x = tp_from_blob(T, TP_F64, tp_shape(3, 2), (const int64_t[]){1, 3}, data, NULL, NULL);
    ck_values(x, 0, 0, 3, 1, 4, 2, 5);
    x = tp_from_blob(T, TP_F64, tp_shape(3), (const int64_t[]){-2}, data + 5, count, path);
    ck_values(x, 0, 5, 3, 1);
    tp_tensor *back = tp_from_blob(T, TP_F64, tp_shape(2, 3), (const int64_t[]){-3, -1}, data + 5, NULL, NULL);
    ck_values(tp_add_scalar(T, back, 1), 0, 6, 5, 4, 3, 2, 1);
    ck_values(tp_sum_dim(T, back, 0, false), 0, 7, 5, 3);
    x = tp_from_blob(T, TP_F64, tp_shape(2, 2), (const int64_t[]){0, 1}, data, NULL, NULL);
    ck_values(x, 0, 0, 1, 0, 1);
    ck_assert_int_eq(tp_numel(tp_from_blob(T, TP_F64, tp_shape(0, 3), NULL, NULL, count, path)), 0);
    ck_no_error(T);
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 2);
}
END_TEST

START_TEST(refused_blocks)
{
    double data[2] = {1, 2};
    const struct {
        tp_dtype dtype;
        tp_dims shape;
        const int64_t *stride;
        void *data;
        const char *says;
    } cases[] = {
        {TP_F64, tp_shape(2), NULL, NULL, "data is NULL"},
        {TP_F64, tp_shape(1), NULL, (char *)data + 4, "no multiple"},
        {TP_F64, tp_shape(2, 2), (const int64_t[]){INT64_MAX, INT64_MAX}, data, "farther apart"},
        {TP_F64, tp_shape(2), (const int64_t[]){INT64_MAX / 4}, data, "farther apart"},
        {TP_F64, tp_shape(3), (const int64_t[]){INT64_MIN}, data, "farther apart"},
        {TP_F64, tp_shape(-1), NULL, data, "sizes of 0 or more"},
        {(tp_dtype)TP_DTYPES, tp_shape(2), NULL, data, "dtype"},
        {TP_F64, {11, {1}}, NULL, data, "11 dimensions"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        ck_assert_ptr_null(
            tp_from_blob(T, cases[i].dtype, cases[i].shape, cases[i].stride, cases[i].data, count, path));
        ck_assert_ptr_nonnull(strstr(tp_error(T), cases[i].says));
        ck_assert_int_eq(strncmp(tp_error(T), "from_blob: ", 11), 0);
        tp_clear_error(T);
        ck_assert_int_eq(deleted, (int)i + 1);
    }
    tp_fail(T, TP_EUSER, "before");
    ck_assert_ptr_null(tp_from_blob(T, TP_F64, tp_shape(2), NULL, data, count, path));
    ck_assert_int_eq(deleted, (int)LENGTH(cases) + 1);
    ck_error(T, TP_EUSER, "before");
    ck_assert_ptr_null(tp_from_blob(NULL, TP_F64, tp_shape(2), NULL, data, count, path));
    ck_assert_int_eq(deleted, (int)LENGTH(cases) + 2);
}
END_TEST

/* ---- DLPack -------------------------------------------------------------------------------------------------------- */

#if defined(__has_include)
#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>
#define HAVE_DLPACK
#endif
#endif
#ifndef HAVE_DLPACK /* the ABI, written down a second time */
typedef struct {
    void *data;
    struct {
        int32_t device_type, device_id;
    } device;
    int32_t ndim;
    struct {
        uint8_t code, bits;
        uint16_t lanes;
    } dtype;
    int64_t *shape, *strides;
    uint64_t byte_offset;
} DLTensor;
typedef struct DLManagedTensor {
    DLTensor dl_tensor;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensor *self);
} DLManagedTensor;
#endif
#ifndef DLPACK_FLAG_BITMASK_READ_ONLY /* of version 1.0 and later */
struct DLManagedTensorVersioned {
    struct {
        uint32_t major, minor;
    } version;
    void *manager_ctx;
    void (*deleter)(struct DLManagedTensorVersioned *self);
    uint64_t flags;
    DLTensor dl_tensor;
};
#endif
typedef struct DLManagedTensorVersioned versioned;

START_TEST(exported)
{
    static const struct {
        tp_dtype dtype;
        int code, bits;
    } kinds[] = {{TP_F32, 2, 32}, {TP_F64, 2, 64}, {TP_I32, 0, 32}, {TP_I64, 0, 64}, {TP_U8, 1, 8}, {TP_BOOL, 6, 8}};
    tp_tape *other = tp_tape_new();
    tp_tensor *x = tp_to(other, tp_reshape(other, tp_arange(other, TP_F64, 0, 6, 1), tp_shape(2, 3)), kinds[_i].dtype);
    tp_tensor *view = tp_slice(other, tp_t(other, x), 0, 1, 3, 1); /* [2, 2], from element 1 on */
    DLManagedTensor *m = tp_to_dlpack(other, view);
    const DLTensor *d = &m->dl_tensor;
    ck_assert_ptr_eq((char *)d->data + d->byte_offset, tp_data(view));
    ck_assert(d->device.device_type == 1 && d->device.device_id == 0 && d->ndim == 2);
    ck_assert(d->dtype.code == kinds[_i].code && d->dtype.bits == kinds[_i].bits && d->dtype.lanes == 1);
    ck_assert(d->shape[0] == 2 && d->shape[1] == 2 && d->strides[0] == 1 && d->strides[1] == 3);
    tp_tape_reset(other);
    for (int i = 0; i < 20; i++) /* nothing takes its place */
        tp_zeros(other, kinds[_i].dtype, tp_shape(2, 3));
    tp_tape_free(other); /* it outlives the tape */
    tp_tensor *y = tp_from_dlpack(T, m);
    ck_assert_ptr_eq(tp_data(y), d->data);
    bool truth = kinds[_i].dtype == TP_BOOL;
    ck_values(y, 0, 1, truth ? 1 : 4, truth ? 1 : 2, truth ? 1 : 5);
    ck_assert_int_eq(tp_dtype_of(y), kinds[_i].dtype);
    ck_no_error(T);
}
END_TEST

START_TEST(exports_refused)
{
    tp_tensor *w = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(2)), true);
    ck_assert_ptr_null(tp_to_dlpack(T, w));
    ck_error(T, TP_EINVAL, "tp_detach");
    ck_assert_ptr_null(tp_to_dlpack_versioned(T, NULL));
    ck_error(T, TP_EINVAL, "NULL");
    DLManagedTensor *m = tp_to_dlpack(T, tp_detach(T, w));
    m->deleter(m);
    m = tp_to_dlpack(T, tp_scalar(T, TP_F64, 3)); /* 0-d, and nothing at all */
    tp_tensor *x = tp_from_dlpack(T, m);
    ck_values(x, 0, 3);
    m = tp_to_dlpack(T, tp_zeros(T, TP_F64, tp_shape(3, 0)));
    ck_assert_int_eq(tp_size(tp_from_dlpack(T, m), 0), 3);
    ck_no_error(T);
}
END_TEST

static void count_plain(DLManagedTensor *m) { deleted += m->manager_ctx == path; }
static void count_versioned(versioned *m) { deleted += m->manager_ctx == path; }

static DLTensor description(void *data, int64_t *shape, int64_t *strides)
{
    DLTensor d = {.data = data, .ndim = 2, .shape = shape, .strides = strides};
    d.device.device_type = 1;
    d.dtype.code = 2;
    d.dtype.bits = 32;
    d.dtype.lanes = 1;
    return d;
}

START_TEST(imported)
{
    float data[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    int64_t shape[2] = {2, 3}, strides[2] = {1, 2};
    DLManagedTensor m = {description(data, shape, NULL), path, count_plain};
    tp_tensor *x = tp_from_dlpack(T, &m);
    ck_values(x, 0, 0, 1, 2, 3, 4, 5); /* row-major */
    m.dl_tensor.strides = strides;
    m.dl_tensor.byte_offset = 4;
    x = tp_from_dlpack(T, &m);
    ck_values(x, 0, 1, 3, 5, 2, 4, 6);
    tp_copy_into(T, x, tp_scalar(T, TP_F32, 9));
    ck_assert(data[0] == 0 && data[1] == 9 && data[6] == 9 && data[7] == 7);
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 2);
    m.deleter = NULL; /* nobody wants to know */
    tp_from_dlpack(T, &m);
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 2);
    ck_no_error(T);
}
END_TEST

START_TEST(imports_refused)
{
    float data[8] = {0};
    int64_t shape[2] = {2, 3};
    for (int k = 0; k < 10; k++) {
        static const char *const says[] = {"device 2",      "kind 2",      "kind 2",       "11 dimensions",
                                           "a shape",       "no multiple", "data is NULL", "sizes of 0 or more",
                                           "-1 dimensions", "kind 4"};
        DLManagedTensor m = {description(data, shape, NULL), path, count_plain};
        int64_t negative[2] = {-2, 3};
        m.dl_tensor.device.device_type = k == 0 ? 2 : 1;
        m.dl_tensor.dtype.bits = k == 1 ? 16 : 32;
        m.dl_tensor.dtype.lanes = k == 2 ? 4 : 1;
        m.dl_tensor.ndim = k == 3 ? 11 : k == 8 ? -1 : 2;
        m.dl_tensor.shape = k == 4 ? NULL : k == 7 ? negative : shape;
        m.dl_tensor.byte_offset = k == 5 ? 2 : 0;
        m.dl_tensor.data = k == 6 ? NULL : data;
        m.dl_tensor.dtype.code = k == 9 ? 4 : 2;
        ck_assert_ptr_null(tp_from_dlpack(T, &m));
        ck_assert_msg(strstr(tp_error(T), says[k]) && strncmp(tp_error(T), "from_dlpack: ", 13) == 0, "%s",
                      tp_error(T));
        tp_clear_error(T);
        ck_assert_int_eq(deleted, k + 1);
    }
    ck_assert_ptr_null(tp_from_dlpack(T, NULL));
    ck_error(T, TP_EINVAL, "NULL");
}
END_TEST

START_TEST(versions)
{
    float data[6] = {0, 1, 2, 3, 4, 5};
    int64_t shape[2] = {2, 3};
    versioned m = {.manager_ctx = path, .deleter = count_versioned, .dl_tensor = description(data, shape, NULL)};
    m.version.major = 1;
    m.version.minor = 7;
    tp_tensor *x = tp_from_dlpack_versioned(T, &m);
    ck_assert_ptr_eq(tp_data(x), data);
    m.flags = 1; /* read only: a copy, and the deleter is called at once */
    x = tp_from_dlpack_versioned(T, &m);
    ck_values(x, 0, 0, 1, 2, 3, 4, 5);
    ck_assert(tp_data(x) != data && deleted == 1);
    tp_tape_reset(T);
    ck_assert_int_eq(deleted, 2);
    m.version.major = 2;
    ck_assert_ptr_null(tp_from_dlpack_versioned(T, &m));
    ck_error(T, TP_EUNSUPPORTED, "version 2.7");
    ck_assert_int_eq(deleted, 3);
    versioned *out = tp_to_dlpack_versioned(T, tp_ones(T, TP_I64, tp_shape(2)));
    ck_assert(out->version.major == 1 && out->flags == 0 && out->dl_tensor.dtype.code == 0 && out->dl_tensor.ndim == 1);
    tp_tape_reset(T);
    x = tp_from_dlpack_versioned(T, out);
    ck_values(x, 0, 1, 1);
    ck_no_error(T);
}
END_TEST

static void *delete_there(void *user)
{
    DLManagedTensor *m = user;
    m->deleter(m);
    return NULL;
}

START_TEST(deleted_by_another_thread)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, delete_there, tp_to_dlpack(T, tp_ones(T, TP_F32, tp_shape(9)))), 0);
    for (int i = 0; i < 1000; i++)
        tp_ones(T, TP_F32, tp_shape(9));
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    tp_tape_reset(T);
    ck_no_error(T);
}
END_TEST

/* Each request for memory fails in turn, and the deleter is called all the same. */
START_TEST(share_without_memory)
{
    float data[6] = {0};
    int64_t shape[2] = {2, 3};
    bool last = false;
    int n = 1;
    for (; n < 50 && !last; n++) {
        DLManagedTensor m = {description(data, shape, NULL), path, count_plain};
        tp_tape *fresh = tp_tape_new();
        deleted = 0;
        alloc_fail_at(n);
        tp_tensor *x = tp_from_dlpack(fresh, &m), *kept = tp_keep(x);
        DLManagedTensor *out = tp_to_dlpack(fresh, x);
        alloc_fail_at(0);
        last = x && kept && out;
        ck_assert(last || tp_error_status(fresh) == TP_ENOMEM);
        if (out)
            out->deleter(out);
        tp_free(kept);
        tp_tape_free(fresh);
        ck_assert_int_eq(deleted, 1);
    }
    ck_assert(last && n > 3);
}
END_TEST

/* ---- mapped files -------------------------------------------------------------------------------------------------- */

/* How many of the process's mappings are of the file. */
static int mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096];
    int n = 0;
    while (maps && fgets(line, sizeof line, maps))
        n += strstr(line, path) != NULL;
    if (maps)
        fclose(maps);
    return n;
}

START_TEST(mapped_npy)
{
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F32, 0, 6000, 1), tp_shape(20, 300));
    tp_npy_save(T, path, x);
    tp_tensor *m = tp_from_file(T, path, NULL);
    ck_no_error(T);
    ck_assert(mappings() == 1 && tensors_identical(m, x));
    tp_tensor *row = tp_keep(tp_slice(T, m, 0, 7, 8, 1));
    tp_tape_reset(T);
    ck_assert_int_eq(mappings(), 1);
    ck_assert(tp_item_at(row, 0) == 2100);
    /* what is written is one's own */
    tp_copy_into(T, row, tp_scalar(T, TP_F32, -1));
    ck_assert(tp_item_at(row, 5) == -1);
    ck_assert(tp_item_at(tp_npy_load(T, path), 2105) == 2105);
    /* the file goes, and is replaced */
    tp_npy_save(T, path, tp_zeros(T, TP_F32, tp_shape(2)));
    unlink(path);
    ck_assert(tp_item_at(row, 299) == -1);
    tp_free(row);
    ck_assert_int_eq(mappings(), 0);
    ck_no_error(T);
}
END_TEST

START_TEST(mapped_by_name)
{
    tp_tensor *x[] = {tp_reshape(T, tp_arange(T, TP_F64, 0, 6, 1), tp_shape(2, 3)), tp_full(T, TP_I64, TP_SCALAR, -7),
                      tp_ones(T, TP_BOOL, tp_shape(8)), tp_zeros(T, TP_F32, tp_shape(0, 3)),
                      tp_arange(T, TP_I32, 0, 5, 1)};
    const char *names[] = {"w", "a.b", "flags", "none", "i"};
    for (int k = 0; k < 2; k++) {
        if (k && tp_safetensors_save(T, path, 5, names, x, 0, NULL, NULL) == TP_EUNSUPPORTED)
            return; /* built without jansson */
        if (k == 0)
            tp_npz_save(T, path, 5, names, x);
        for (int i = 0; i < 5; i++) {
            tp_tensor *m = tp_from_file(T, path, names[i]);
            if (i != 2)
                ck_assert_msg(m && tensors_identical(m, x[i]), "%s: %s", names[i], tp_error(T));
            else
                ck_error(T, TP_EUNSUPPORTED, k ? "tp_safetensors_get" : "tp_npz_get");
        }
        ck_assert_int_eq(mappings(), 3 * (k + 1));
        ck_assert_ptr_null(tp_from_file(T, path, "x"));
        ck_error(T, TP_EINVAL, "x");
        ck_assert_ptr_null(tp_from_file(T, path, NULL));
        ck_error(T, k ? TP_EIO : TP_EINVAL, path);
    }
    tp_safetensors *f = tp_safetensors_open(T, path);
    tp_tensor *m = tp_safetensors_map(T, f, "w");
    tp_safetensors_close(f);
    ck_values(m, 0, 0, 1, 2, 3, 4, 5);
}
END_TEST

static void write_npy(const char *head, size_t bytes)
{
    unsigned char file[512] = "\x93NUMPY\1";
    size_t n = strlen(head);
    file[8] = (unsigned char)n;
    memcpy(file + 10, head, n);
    memset(file + 10 + n, 1, bytes);
    write_file(path, file, 10 + n + bytes);
}

START_TEST(not_mapped)
{
    static const struct {
        const char *head, *says;
    } cases[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }         ", "other order"},
        {"{'descr': '<f2', 'fortran_order': False, 'shape': (4,), }         ", "converted"},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (8,), }         ", "booleans"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }        ", "multiple of their size"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        write_npy(cases[i].head, 8);
        ck_assert_ptr_null(tp_from_file(T, path, NULL));
        ck_assert_ptr_nonnull(strstr(tp_error(T), cases[i].says));
        ck_assert_ptr_nonnull(strstr(tp_error(T), path));
        ck_error(T, TP_EUNSUPPORTED, "tp_npy_load");
        ck_assert_ptr_nonnull(tp_npy_load(T, path));
    }
    write_npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }         ", 8);
    ck_assert_ptr_null(tp_from_file(T, path, NULL));
    ck_error(T, TP_EIO, "does not fit its shape");
    ck_assert_ptr_null(tp_from_file(T, path, "x"));
    ck_error(T, TP_EINVAL, "has no name, and the name is \"x\"");
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(9));
    tp_npz_save(T, path, 1, (const char *const[]){"x"}, &x);
    ck_assert_ptr_null(tp_from_file(T, path, NULL));
    ck_error(T, TP_EINVAL, "archive of arrays, and the name is NULL");
#ifdef HAVE_ZLIB
    tp_npz_save_compressed(T, path, 1, (const char *const[]){"x"}, &x);
    ck_assert_ptr_null(tp_from_file(T, path, "x"));
    ck_error(T, TP_EUNSUPPORTED, "packed");
#endif
    ck_assert_int_eq(mappings(), 0);
}
END_TEST

START_TEST(mapped_strides)
{
    write_npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 4), }        ", 0);
    FILE *f = fopen(path, "ab");
    fwrite("\0\1\2\3\4\5\6\7", 1, 8, f);
    fclose(f);
    tp_tensor *m = tp_from_file(T, path, NULL);
    ck_assert(tp_stride(m, 0) == 1 && tp_stride(m, 1) == 2);
    ck_values(m, 0, 0, 2, 4, 6, 1, 3, 5, 7);
    ck_assert(tensors_identical(m, tp_npy_load(T, path)));
}
END_TEST

START_TEST(raw_files)
{
    static float data[3000];
    for (int i = 0; i < 3000; i++)
        data[i] = (float)i;
    write_file(path, data, sizeof data);
    tp_tensor *x = tp_from_file_raw(T, path, TP_F32, tp_shape(2, 1000), 4000); /* over a page's end */
    ck_assert(tp_item_at(x, 0) == 1000 && tp_item_at(x, 1999) == 2999);
    ck_assert_int_eq(tp_numel(tp_from_file_raw(T, path, TP_F32, tp_shape(0), 12000)), 0);
    ck_no_error(T);
    ck_assert_ptr_null(tp_from_file_raw(T, path, TP_F32, tp_shape(2, 1000), 4004));
    ck_error(T, TP_EIO, "12000 bytes");
    ck_assert_ptr_null(tp_from_file_raw(T, path, TP_F32, tp_shape(1), 2));
    ck_error(T, TP_EUNSUPPORTED, "multiple");
    ck_assert_ptr_null(tp_from_file_raw(T, path, TP_F32, tp_shape(1), INT64_MAX));
    ck_error(T, TP_EIO, "12000 bytes");
    ck_assert_ptr_null(tp_from_file_raw(T, path, TP_F32, tp_shape(1), -4));
    ck_error(T, TP_EINVAL, "offset");
    ck_assert_ptr_null(tp_from_file_raw(T, path, TP_F64, tp_shape(INT64_C(1) << 62, 4), 0));
    ck_error(T, TP_EINVAL, "sizes");
    ck_assert_ptr_null(tp_from_file_raw(T, "/dev/zero", TP_F32, tp_shape(1), 0));
    ck_error(T, TP_EIO, "/dev/zero");
}
END_TEST

/* Kilobytes that are the process's own; -1: this system does not say. */
static long own_memory(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kilobytes = -1;
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, "RssAnon:", 8) == 0)
            kilobytes = atol(line + 8);
    if (status)
        fclose(status);
    return kilobytes;
}

START_TEST(memory_is_flat)
{
    enum { ROWS = 32, COLUMNS = 1 << 19 }; /* 64 MB, of zeros that the disk does not have */
    ck_assert_int_eq(truncate(path, (off_t)ROWS * COLUMNS * 4), 0);
    tp_tensor *x = tp_keep(tp_from_file_raw(T, path, TP_F32, tp_shape(ROWS, COLUMNS), 0));
    long before = 0;
    for (int i = 0; i < ROWS; i++) {
        ck_values(tp_sum(T, tp_select(T, x, 0, i)), 0, 0);
        tp_tape_reset(T);
        before = i == 0 ? own_memory() : before;
    }
    ck_assert_int_lt(own_memory() - before, 4096);
    tp_free(x);
}
END_TEST

START_TEST(map_without_memory)
{
    tp_npy_save(T, path, tp_ones(T, TP_F32, tp_shape(2, 3)));
    bool last = false;
    int n = 1;
    for (; n < 50 && !last; n++) {
        tp_tape *fresh = tp_tape_new();
        alloc_fail_at(n);
        last = tp_from_file(fresh, path, NULL) != NULL;
        alloc_fail_at(0);
        ck_assert(last || tp_error_status(fresh) == TP_ENOMEM);
        tp_tape_free(fresh);
        ck_assert_int_eq(mappings(), 0);
    }
    ck_assert(last && n > 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("share");
    TCase *t = tcase_create("share");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, deleted_once);
    tcase_add_test(t, beyond_the_tape);
    tcase_add_test(t, strided_blocks);
    tcase_add_test(t, refused_blocks);
    tcase_add_loop_test(t, exported, 0, 6);
    tcase_add_test(t, exports_refused);
    tcase_add_test(t, imported);
    tcase_add_test(t, imports_refused);
    tcase_add_test(t, versions);
    tcase_add_test(t, deleted_by_another_thread);
    tcase_add_test(t, share_without_memory);
    tcase_add_test(t, mapped_npy);
    tcase_add_test(t, mapped_by_name);
    tcase_add_test(t, not_mapped);
    tcase_add_test(t, mapped_strides);
    tcase_add_test(t, raw_files);
    tcase_add_test(t, memory_is_flat);
    tcase_add_test(t, map_without_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
