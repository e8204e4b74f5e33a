/* test_files_numpy.c - .npy and .npz files: as NumPy 1.24 wrote them, as it would, cut, and wrong. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <unistd.h>

static tp_tape *T;
static char path[] = "/tmp/tapir_test_XXXXXX";

static void setup(void)
{
    T = tp_tape_new();
    strcpy(path, "/tmp/tapir_test_XXXXXX");
    close(mkstemp(path));
}

static void teardown(void)
{
    unlink(path);
    tp_tape_free(T);
}

/* ---- .npy ---------------------------------------------------------------------------------------------------------- */

static size_t make_npy(unsigned char *to, int version, const char *head, const void *data, size_t bytes)
{
    size_t length = strlen(head), wide = version == 1 ? 2 : 4;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (unsigned char)version;
    for (size_t i = 0; i <= wide; i++)
        to[7 + i] = (unsigned char)(i == 0 ? 0 : length >> (8 * (i - 1)));
    memcpy(to + 8 + wide, head, length);
    memcpy(to + 8 + wide + length, data, bytes);
    return 8 + wide + length + bytes;
}

static tp_tensor *load(int version, const char *head, const void *data, size_t bytes)
{
    unsigned char file[4096];
    write_file(path, file, make_npy(file, version, head, data, bytes));
    return tp_npy_load(T, path);
}

#define HEAD(descr, order, shape) "{'descr': '" descr "', 'fortran_order': " order ", 'shape': (" shape "), }\n"
#define LOAD(version, descr, order, shape, data) load(version, HEAD(descr, order, shape), data, sizeof(data) - 1)

START_TEST(dtypes)
{
    static const struct {
        const char *descr, *data;
        size_t bytes;
        tp_dtype dtype;
        double want[2];
    } cases[] = {
        {"<f4", "\0\0\xc0\x3f\0\0\x10\xc0", 8, TP_F32, {1.5, -2.25}},
        {">f4", "\x3f\xc0\0\0\xc0\x10\0\0", 8, TP_F32, {1.5, -2.25}},
        {"=f4", "\0\0\xc0\x3f\0\0\x10\xc0", 8, TP_F32, {1.5, -2.25}},
        {">f8", "\x3f\xf8\0\0\0\0\0\0\xc0\2\0\0\0\0\0\0", 16, TP_F64, {1.5, -2.25}},
        {"<i4", "\1\0\0\0\xfe\xff\xff\xff", 8, TP_I32, {1, -2}},
        {">i8", "\0\0\0\0\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xfe", 16, TP_I64, {1, -2}},
        {"|u1", "\1\xff", 2, TP_U8, {1, 255}},
        {"|b1", "\0\2", 2, TP_BOOL, {0, 1}},
        {"|i1", "\1\xfe", 2, TP_I32, {1, -2}},
        {"<i2", "\1\0\xfe\xff", 4, TP_I32, {1, -2}},
        {">i2", "\0\1\xff\xfe", 4, TP_I32, {1, -2}},
        {"<u2", "\1\0\xfe\xff", 4, TP_I32, {1, 65534}},
        {">u4", "\0\0\0\1\xff\xff\xff\xfe", 8, TP_I64, {1, 4294967294.0}},
        {"<u8", "\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40", 16, TP_I64, {1, 0x1p62}},
        {"<f2", "\0\x3e\x80\xc0", 4, TP_F32, {1.5, -2.25}},
        {">f2", "\x7b\xff\x80\1", 4, TP_F32, {65504, -0x1p-24}},
        {"<f2", "\xff\x03\0\x7c", 4, TP_F32, {1023 * 0x1p-24, INFINITY}},
    };
    char head[200];
    snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (2,), }", cases[_i].descr);
    tp_tensor *x = load(1, head, cases[_i].data, cases[_i].bytes);
    ck_no_error(T);
    ck_assert_int_eq(tp_dtype_of(x), cases[_i].dtype);
    ck_assert_int_eq(tp_numel(x), 2);
    for (int i = 0; i < 2; i++)
        ck_assert_double_eq(tp_item_at(x, i), cases[_i].want[i]);
}
END_TEST

/* Each half there is becomes the float of its formula. */
START_TEST(halves)
{
    static unsigned char data[2 * 65536], file[2 * 65536 + 200];
    for (unsigned h = 0; h < 65536; h++) {
        data[2 * h] = (unsigned char)(h & 255);
        data[2 * h + 1] = (unsigned char)(h >> 8);
    }
    write_file(path, file, make_npy(file, 1, HEAD("<f2", "False", "65536,"), data, sizeof data));
    tp_tensor *x = tp_npy_load(T, path);
    for (int h = 0; h < 65536; h++) {
        int e = h >> 10 & 31, f = h & 1023;
        double want = e == 31  ? (f ? NAN : INFINITY)
                      : e == 0 ? ldexp(f, -24)
                               : ldexp(1024 + f, e - 25),
               is = tp_item_at(x, h);
        ck_assert_msg(isnan(want) ? isnan(is) : is == (h >> 15 ? -want : want), "%x: %g, not %g", (unsigned)h, is,
                      want);
    }
}
END_TEST

START_TEST(orders_and_versions)
{
    for (int version = 1; version <= 3; version++) {
        tp_tensor *x = LOAD(version, "|u1", "False", "2, 3", "\0\1\2\3\4\5");
        ck_assert_int_eq(tp_size(x, 0), 2);
        ck_values(x, 0, 0, 1, 2, 3, 4, 5);
        x = LOAD(version, "|u1", "True", "2, 3", "\0\1\2\3\4\5");
        ck_assert_int_eq(tp_size(x, 0), 2);
        ck_assert(tp_is_contiguous(x));
        ck_values(x, 0, 0, 2, 4, 1, 3, 5);
    }
    ck_values(LOAD(1, "<i2", "True", "2, 1, 2", "\1\0\2\0\3\0\4\0"), 0, 1, 3, 2, 4);
    tp_tensor *x = LOAD(1, "<f4", "False", "", "\0\0\xc0\x3f");
    ck_assert_int_eq(tp_ndim(x), 0);
    ck_assert_double_eq(tp_item(x), 1.5);
    x = LOAD(1, "<f8", "True", "3, 0, 2", "");
    ck_no_error(T);
    ck_assert(tp_ndim(x) == 3 && tp_numel(x) == 0 && tp_size(x, 2) == 2);
    /* Python 2, other quotes, another order, no spaces */
    x = load(1, "{\"shape\":(2L,),\"fortran_order\":False,\"descr\":\"|u1\"}", "\7\x8", 2);
    ck_values(x, 0, 7, 8);
    ck_no_error(T);
}
END_TEST

START_TEST(refused)
{
    static const struct {
        const char *head, *says;
        tp_status status;
    } cases[] = {
        {HEAD("<c8", "False", "1,"), "<c8", TP_EUNSUPPORTED},
        {HEAD("<f16", "False", "1,"), "<f16", TP_EUNSUPPORTED},
        {HEAD("|O", "False", "1,"), "|O", TP_EUNSUPPORTED},
        {HEAD("<U2", "False", "1,"), "<U2", TP_EUNSUPPORTED},
        {HEAD("|V2", "False", "4,"), "|V2", TP_EUNSUPPORTED},
        {"{'descr': [('a', '<f4'), ('b', '<f4')], 'fortran_order': False, 'shape': (1,), }", "record", TP_EUNSUPPORTED},
        {HEAD("<u8", "False", "1,"), "element 0", TP_EUNSUPPORTED},
        {HEAD("|u1", "False", "1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 8"), "11 dimensions", TP_EUNSUPPORTED},
        {HEAD("<f4", "False", "3,"), "does not fit its shape", TP_EIO},
        {HEAD("<f4", "False", "1,"), "does not fit its shape", TP_EIO},
        {HEAD("<f4", "False", "4611686018427387904, 4"), "does not fit its shape", TP_EIO},
        {HEAD("<f4", "False", "4294967296, 4294967296, 0"), "does not fit its shape", TP_EIO},
        {HEAD("<f4", "False", "99999999999999999999,"), "shape", TP_EIO},
        {HEAD("<f4", "False", "-2,"), "shape", TP_EIO},
        {HEAD("<f4", "Maybe", "2,"), "order", TP_EIO},
        {"{'descr': '<f4', 'fortran_order': False, }", "lacks a key", TP_EIO},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "twice", TP_EIO},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}", "not known", TP_EIO},
        {HEAD("<f4", "False", "2,") "x", "more than a dict", TP_EIO},
        {"", "no dict", TP_EIO},
        {"{", "no dict", TP_EIO},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        ck_assert_ptr_null(load(1, cases[i].head, "\xff\xff\xff\xff\xff\xff\xff\xff", 8));
        ck_assert_ptr_nonnull(strstr(tp_error(T), path));
        ck_error(T, cases[i].status, cases[i].says);
    }
    ck_assert_ptr_null(LOAD(4, "|u1", "False", "1,", "\1"));
    ck_error(T, TP_EIO, "version");
    ck_assert_ptr_null(tp_npy_load(T, "/no/such/file"));
    ck_error(T, TP_EIO, "/no/such/file");
}
END_TEST

START_TEST(saved)
{
    /* numpy.save of arange(6, dtype='<i4').reshape(3, 2).T and of array(2.5) */
    static const char *const heads[] = {"{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }",
                                        "{'descr': '<f8', 'fortran_order': False, 'shape': (), }",
                                        "{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }"};
    tp_tensor *x[] = {tp_t(T, tp_reshape(T, tp_arange(T, TP_I32, 0, 6, 1), tp_shape(3, 2))),
                      tp_full(T, TP_F64, TP_SCALAR, 2.5), tp_ones(T, TP_BOOL, tp_shape(1))};
    static const unsigned char data[][24] = {
        {0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 5, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 4, 0x40}, {1}};
    for (size_t i = 0; i < LENGTH(x); i++) {
        size_t n, bytes = (size_t)tp_numel(x[i]) * tp_dtype_size(tp_dtype_of(x[i]));
        ck_assert_int_eq(tp_npy_save(T, path, x[i]), TP_OK);
        unsigned char *file = read_file(path, &n);
        ck_assert_uint_eq(n, 128 + bytes);
        ck_assert(memcmp(file, "\x93NUMPY\1\0\x76\0", 10) == 0 && file[127] == '\n');
        ck_assert(memcmp(file + 10, heads[i], strlen(heads[i])) == 0);
        ck_assert(memcmp(file + 128, data[i], bytes) == 0);
        free(file);
        ck_assert(tensors_identical(tp_npy_load(T, path), x[i]));
    }
    tp_dims large = {TP_MAX_DIMS, {0}};
    for (int d = 0; d < TP_MAX_DIMS; d++)
        large.dim[d] = d == 5 ? 0 : INT64_C(1) << 6;
    tp_tensor *empty = tp_zeros(T, TP_F32, large);
    ck_assert_int_eq(tp_npy_save(T, path, empty), TP_OK);
    ck_assert(tensors_identical(tp_npy_load(T, path), empty));
    ck_no_error(T);
}
END_TEST

static void npy_is_damaged(size_t bytes, size_t whole)
{
    tp_tensor *x = tp_npy_load(T, path);
    ck_assert(bytes == whole || x == NULL);
    ck_assert(x != NULL || strstr(tp_error(T), path) != NULL);
    tp_clear_error(T);
    tp_tape_reset(T);
}

START_TEST(damaged_npy)
{
    tp_npy_save(T, path, tp_ones(T, TP_F32, tp_shape(2, 3)));
    each_damage(path, npy_is_damaged);
}
END_TEST

/* ---- .npz ---------------------------------------------------------------------------------------------------------- */

#ifdef HAVE_ZLIB
/* numpy.savez_compressed(f, a=arange(6, dtype='>i2').reshape(2, 3), b=array([1.5, -2.25], '<f2')) */
static const unsigned char packed[] = {
    80,  75,  3,   4,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   144, 188, 221, 194, 82,  0,   0,   0,   140,
    0,   0,   0,   5,   0,   20,  0,   97,  46,  110, 112, 121, 1,   0,   16,  0,   140, 0,   0,   0,   0,   0,   0,
    0,   82,  0,   0,   0,   0,   0,   0,   0,   155, 236, 23,  234, 27,  16,  201, 200, 80,  198, 80,  173, 158, 146,
    90,  156, 92,  164, 110, 165, 160, 110, 151, 105, 164, 174, 163, 160, 158, 150, 95,  84,  82,  148, 152, 23,  159,
    95,  148, 146, 10,  18,  119, 75,  204, 41,  78,  5,   138, 23,  103, 36,  22,  164, 2,   249, 26,  70,  58,  10,
    198, 154, 58,  10,  181, 10,  100, 3,   46,  6,   6,   6,   70,  6,   38,  6,   102, 6,   22,  6,   86,  0,   80,
    75,  3,   4,   20,  0,   0,   0,   8,   0,   0,   0,   33,  0,   248, 89,  1,   55,  72,  0,   0,   0,   132, 0,
    0,   0,   5,   0,   20,  0,   98,  46,  110, 112, 121, 1,   0,   16,  0,   132, 0,   0,   0,   0,   0,   0,   0,
    72,  0,   0,   0,   0,   0,   0,   0,   155, 236, 23,  234, 27,  16,  201, 200, 80,  198, 80,  173, 158, 146, 90,
    156, 92,  164, 110, 165, 160, 110, 147, 102, 164, 174, 163, 160, 158, 150, 95,  84,  82,  148, 152, 23,  159, 95,
    148, 146, 10,  18,  119, 75,  204, 41,  78,  5,   138, 23,  103, 36,  22,  164, 2,   249, 26,  70,  58,  154, 58,
    10,  181, 10,  20,  0,   46,  6,   187, 134, 3,   0,   80,  75,  1,   2,   20,  3,   20,  0,   0,   0,   8,   0,
    0,   0,   33,  0,   144, 188, 221, 194, 82,  0,   0,   0,   140, 0,   0,   0,   5,   0,   0,   0,   0,   0,   0,
    0,   0,   0,   0,   0,   128, 1,   0,   0,   0,   0,   97,  46,  110, 112, 121, 80,  75,  1,   2,   20,  3,   20,
    0,   0,   0,   8,   0,   0,   0,   33,  0,   248, 89,  1,   55,  72,  0,   0,   0,   132, 0,   0,   0,   5,   0,
    0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   128, 1,   137, 0,   0,   0,   98,  46,  110, 112, 121, 80,  75,
    5,   6,   0,   0,   0,   0,   2,   0,   2,   0,   102, 0,   0,   0,   8,   1,   0,   0,   0,   0};

START_TEST(read_packed)
{
    write_file(path, packed, sizeof packed);
    tp_npz *f = tp_npz_open(T, path);
    ck_no_error(T);
    ck_assert_int_eq(tp_npz_length(f), 2);
    ck_assert_str_eq(tp_npz_name(f, 0), "a");
    ck_assert_str_eq(tp_npz_name(f, 1), "b");
    ck_assert_ptr_null(tp_npz_name(f, 2));
    tp_tensor *a = tp_npz_get(T, f, "a");
    ck_assert_int_eq(tp_size(a, 1), 3);
    ck_values(a, 0, 0, 1, 2, 3, 4, 5);
    ck_values(tp_npz_get(T, f, "b"), 0, 1.5, -2.25);
    ck_assert(tp_npz_has(f, "a") && !tp_npz_has(f, "a.npy"));
    ck_no_error(T);
    ck_assert_ptr_null(tp_npz_get(T, f, "c"));
    ck_error(T, TP_EINVAL, "c is not in");
    tp_npz_close(f);
}
END_TEST
#endif

static tp_status save_some(bool compressed)
{
    const char *names[] = {"weight", "a/b.c", "\xc3\xa4"};
    tp_tensor *x[] = {tp_t(T, tp_reshape(T, tp_arange(T, TP_F32, 0, 6, 1), tp_shape(2, 3))),
                      tp_full(T, TP_I64, TP_SCALAR, -7), tp_zeros(T, TP_F64, tp_shape(0, 4))};
    return (compressed ? tp_npz_save_compressed : tp_npz_save)(T, path, 3, names, x);
}

static void check_some(void)
{
    tp_npz *f = tp_npz_open(T, path);
    ck_no_error(T);
    ck_values(tp_npz_get(T, f, "weight"), 0, 0, 3, 1, 4, 2, 5);
    ck_values(tp_npz_get(T, f, "a/b.c"), 0, -7);
    ck_assert_int_eq(tp_size(tp_npz_get(T, f, "\xc3\xa4"), 1), 4);
    ck_no_error(T);
    tp_npz_close(f);
}

START_TEST(round_trip)
{
    tp_npz *f;
    ck_assert_int_eq(save_some(false), TP_OK);
    check_some();
#ifdef HAVE_ZLIB
    ck_assert_int_eq(save_some(true), TP_OK);
    check_some();
    /* more than a piece of either side's, and what does not pack */
    tp_tensor *x[] = {tp_randn(T, TP_F32, tp_shape(300000)), tp_zeros(T, TP_F64, tp_shape(100000))};
    ck_assert_int_eq(tp_npz_save_compressed(T, path, 2, (const char *const[]){"x", "zeros"}, x), TP_OK);
    f = tp_npz_open(T, path);
    ck_assert(tensors_identical(tp_npz_get(T, f, "x"), x[0]));
    ck_assert(tensors_identical(tp_npz_get(T, f, "zeros"), x[1]));
    tp_npz_close(f);
#else
    ck_assert_int_eq(save_some(true), TP_EUNSUPPORTED);
    ck_error(T, TP_EUNSUPPORTED, "zlib");
#endif
    ck_assert_int_eq(tp_npz_save(T, path, 0, NULL, NULL), TP_OK);
    f = tp_npz_open(T, path);
    ck_assert(f != NULL && tp_npz_length(f) == 0);
    tp_npz_close(f);
}
END_TEST

/* So many that the directory needs its 64-bit end. */
START_TEST(many)
{
    enum { N = 66000 };
    static char text[N][8];
    static const char *names[N];
    static tp_tensor *x[N];
    tp_tensor *one = tp_ones(T, TP_U8, tp_shape(1));
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%d", i);
        names[i] = text[i];
        x[i] = one;
    }
    ck_assert_int_eq(tp_npz_save(T, path, N, names, x), TP_OK);
    tp_npz *f = tp_npz_open(T, path);
    ck_no_error(T);
    ck_assert_int_eq(tp_npz_length(f), N);
    ck_values(tp_npz_get(T, f, "65999"), 0, 1);
    tp_npz_close(f);
}
END_TEST

START_TEST(refused_names)
{
    tp_tensor *x[2] = {tp_ones(T, TP_F32, tp_shape(2)), tp_ones(T, TP_F32, tp_shape(2))};
    ck_assert_int_eq(tp_npz_save(T, path, 2, (const char *const[]){"a", "a"}, x), TP_EINVAL);
    ck_error(T, TP_EINVAL, "a is there twice");
    static const char *const no_text[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < LENGTH(no_text); i++) {
        tp_npz_save(T, path, 1, &no_text[i], x);
        ck_error(T, TP_EINVAL, "UTF-8");
    }
    const char *fine = "\xe2\x82\xac\xf0\x9f\x98\x80";
    ck_assert_int_eq(tp_npz_save(T, path, 1, &fine, x), TP_OK);
}
END_TEST

static void npz_is_damaged(size_t bytes, size_t whole)
{
    tp_npz *f = tp_npz_open(T, path);
    ck_assert(bytes == whole || f == NULL);
    ck_assert(f != NULL || strstr(tp_error(T), path) != NULL || strstr(tp_error(T), "twice"));
    tp_clear_error(T);
    for (int i = 0; i < tp_npz_length(f); i++) {
        tp_npz_get(T, f, tp_npz_name(f, i));
        tp_clear_error(T);
    }
    tp_npz_close(f);
    tp_tape_reset(T);
}

START_TEST(damaged_npz)
{
    save_some(false);
    each_damage(path, npz_is_damaged);
#ifdef HAVE_ZLIB
    save_some(true);
    each_damage(path, npz_is_damaged);
#endif
}
END_TEST

/* The sum that an archive has of its entries is that of its definition, for lengths on both sides of all steps. */
START_TEST(sum_is_crc32)
{
    static const int lengths[] = {1, 63, 64, 1000, 1023, 1024, 1087, 1088, 1089, 5000, 300001};
    static unsigned char data[300001];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * i >> 3);
    for (size_t k = 0; k < LENGTH(lengths); k++) {
        size_t n, bytes = (size_t)lengths[k] + 128; /* .npy's head is in it */
        tp_tensor *x = tp_from(T, TP_U8, tp_shape(lengths[k]), data);
        ck_assert_int_eq(tp_npz_save(T, path, 1, (const char *const[]){"x"}, &x), TP_OK);
        unsigned char *file = read_file(path, &n), *at = file + n - 22 - 46 - 5 - bytes;
        while (memcmp(at, "\x93NUMPY", 6) != 0)
            at--;
        uint32_t crc = UINT32_MAX, stored;
        for (size_t i = 0; i < bytes; i++) {
            crc ^= at[i];
            for (int bit = 0; bit < 8; bit++)
                crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
        }
        memcpy(&stored, file + 14, 4);
        ck_assert_uint_eq(stored, ~crc);
        free(file);
        tp_npz *f = tp_npz_open(T, path);
        ck_assert_ptr_nonnull(tp_npz_get(T, f, "x"));
        tp_npz_close(f);
    }
}
END_TEST

/* A turned bit of the data is noticed by its sum. */
START_TEST(sums)
{
    for (int compressed = 0; compressed < 2; compressed++) {
        if (save_some(compressed) != TP_OK)
            break; /* without zlib */
        size_t n;
        unsigned char *file = read_file(path, &n);
        file[compressed ? 100 : 200] ^= 16;
        write_file(path, file, n);
        free(file);
        tp_npz *f = tp_npz_open(T, path);
        ck_assert_ptr_null(tp_npz_get(T, f, "weight"));
        ck_assert_ptr_nonnull(strstr(tp_error(T), "weight"));
        ck_error(T, TP_EIO, path);
        tp_npz_close(f);
    }
}
END_TEST

/* Each request for memory fails in turn. */
START_TEST(without_memory)
{
    int failed = 0;
    bool last = false;
    for (long n = 1; n < 200 && !last; n++) {
        tp_tensor *x[2] = {tp_t(T, tp_ones(T, TP_F32, tp_shape(3, 5))), tp_ones(T, TP_I64, tp_shape(2))};
        const char *names[2] = {"a", "b"};
        bool compressed = n % 2; /* without zlib: not supported */
#ifndef HAVE_ZLIB
        compressed = false;
#endif
        alloc_fail_at(n / 2 + 1);
        tp_status status = (compressed ? tp_npz_save_compressed : tp_npz_save)(T, path, 2, names, x);
        tp_npz *f = status == TP_OK ? tp_npz_open(T, path) : NULL;
        tp_tensor *a = tp_npz_get(T, f, "a");
        alloc_fail_at(0);
        last = a != NULL;
        ck_assert_msg(last || tp_error_status(T) == TP_ENOMEM || f == NULL || compressed, "%s", tp_error(T));
        failed += !last;
        tp_npz_close(f);
        tp_clear_error(T);
        tp_tape_reset(T);
    }
    ck_assert_int_ge(failed, 10);
    ck_assert(last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files_numpy");
    TCase *t = tcase_create("npy");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, dtypes, 0, 17);
    tcase_add_test(t, halves);
    tcase_add_test(t, orders_and_versions);
    tcase_add_test(t, refused);
    tcase_add_test(t, saved);
    tcase_add_test(t, damaged_npy);
#ifdef HAVE_ZLIB
    tcase_add_test(t, read_packed);
#endif
    tcase_add_test(t, round_trip);
    tcase_add_test(t, many);
    tcase_add_test(t, refused_names);
    tcase_add_test(t, damaged_npz);
    tcase_add_test(t, sum_is_crc32);
    tcase_add_test(t, sums);
    tcase_add_test(t, without_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
