/* test_files_hdf5.c - HDF5 files: in and out again, cut, and wrong. h5py is asked in test/interop. */
#define _DEFAULT_SOURCE
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

#ifdef HAVE_HDF5
static tp_status save_some(void)
{
    static const char *const names[] = {"f32", "model/0.weight", "model/deep/i64", "i32",
                                        "u8",  "bool",           "scalar",         "none"};
    tp_tensor *a = tp_reshape(T, tp_arange(T, TP_F64, 0, 6, 1), tp_shape(2, 3));
    tp_tensor *x[] = {tp_t(T, tp_to(T, a, TP_F32)), a,
                      tp_to(T, a, TP_I64),          tp_to(T, a, TP_I32),
                      tp_to(T, a, TP_U8),           tp_to(T, a, TP_BOOL),
                      tp_scalar(T, TP_F64, 0.1),    tp_zeros(T, TP_F32, tp_shape(0, 3))};
    const tp_hdf5_attr attributes[] = {{"", "title", NULL, "\xc3\xa4 file"},
                                       {"", "version", tp_scalar(T, TP_I64, 3), NULL},
                                       {"model", "layers", tp_arange(T, TP_I32, 4, 6, 1), NULL},
                                       {"model/deep/i64", "trained", tp_ones(T, TP_BOOL, TP_SCALAR), NULL},
                                       {"f32", "unit", NULL, "m/s"}};
    return tp_hdf5_save(T, path, 8, names, x, 5, attributes);
}

START_TEST(round_trip)
{
    static const char *const order[] = {"bool",           "f32",  "i32",    "model/0.weight",
                                        "model/deep/i64", "none", "scalar", "u8"};
    char text[20];
    ck_assert_int_eq(save_some(), TP_OK);
    tp_hdf5 *f = tp_hdf5_open(T, path);
    ck_no_error(T);
    ck_assert_int_eq(tp_hdf5_length(f), 8);
    for (int i = 0; i < 8; i++)
        ck_assert_str_eq(tp_hdf5_name(f, i), order[i]);
    ck_assert_ptr_null(tp_hdf5_name(f, 8));
    tp_tensor *x = tp_hdf5_get(T, f, "f32");
    ck_assert(tp_dtype_of(x) == TP_F32 && tp_size(x, 0) == 3);
    ck_values(x, 0, 0, 3, 1, 4, 2, 5);
    static const struct {
        const char *name;
        tp_dtype dtype;
    } others[] = {{"model/0.weight", TP_F64},
                  {"model.0.weight", TP_F64},
                  {"model.deep.i64", TP_I64},
                  {"i32", TP_I32},
                  {"u8", TP_U8}};
    for (size_t i = 0; i < LENGTH(others); i++) {
        x = tp_hdf5_get(T, f, others[i].name);
        ck_assert(tp_hdf5_has(f, others[i].name) && tp_dtype_of(x) == others[i].dtype && tp_size(x, 1) == 3);
        ck_values(x, 0, 0, 1, 2, 3, 4, 5);
    }
    x = tp_hdf5_get(T, f, "bool");
    ck_assert_int_eq(tp_dtype_of(x), TP_BOOL);
    ck_values(x, 0, 0, 1, 1, 1, 1, 1);
    x = tp_hdf5_get(T, f, "scalar");
    ck_assert(tp_ndim(x) == 0 && tp_item(x) == 0.1);
    ck_assert_int_eq(tp_size(tp_hdf5_get(T, f, "none"), 1), 3);
    ck_assert_int_eq(tp_hdf5_text(f, "", "title", text, sizeof text), 7);
    ck_assert_str_eq(text, "\xc3\xa4 file");
    ck_assert_int_eq(tp_hdf5_text(f, "f32", "unit", text, 3), 3);
    ck_assert_str_eq(text, "m/");
    ck_assert_int_eq(tp_hdf5_text(f, "f32", "none", text, 3), -1);
    ck_assert_int_eq(tp_hdf5_text(f, "", "version", NULL, 0), -1);
    ck_assert(tp_item(tp_hdf5_attribute(T, f, "", "version")) == 3);
    x = tp_hdf5_attribute(T, f, "model", "layers");
    ck_values(x, 0, 4, 5);
    ck_assert_int_eq(tp_dtype_of(tp_hdf5_attribute(T, f, "model.deep.i64", "trained")), TP_BOOL);
    ck_no_error(T);
    tp_hdf5_attribute(T, f, "", "title");
    ck_error(T, TP_EUNSUPPORTED, "title");
    tp_hdf5_attribute(T, f, "", "none");
    ck_error(T, TP_EINVAL, "the file has no attribute none");
    tp_hdf5_get(T, f, "model");
    ck_error(T, TP_EINVAL, "model is not in");
    tp_hdf5_close(f);
}
END_TEST

START_TEST(refused)
{
    static const char *const names[] = {"", "/a", "a/", "a//b", ".", "a/./b", "a"};
    tp_tensor *x[2] = {tp_ones(T, TP_F32, tp_shape(2)), tp_ones(T, TP_F32, tp_shape(2))};
    for (int i = 0; i < 6; i++) {
        tp_hdf5_save(T, path, 1, &names[i], x, 0, NULL);
        ck_error(T, TP_EINVAL, "parts with slashes");
    }
    tp_hdf5_save(T, path, 2, (const char *const[]){"a", "a"}, x, 0, NULL);
    ck_error(T, TP_EINVAL, "a is there twice");
    tp_hdf5_save(T, path, 2, (const char *const[]){"a", "a/b"}, x, 0, NULL);
    ck_error(T, TP_EIO, "a/b");
    tp_hdf5_save(T, path, 1, &names[6], x, 1, &(tp_hdf5_attr){"b", "k", x[0], NULL});
    ck_error(T, TP_EINVAL, "not written");
    tp_hdf5_save(T, path, 1, &names[6], x, 1, &(tp_hdf5_attr){"a", "k", NULL, NULL});
    ck_error(T, TP_EINVAL, "attribute 0 lacks");
    ck_assert_ptr_null(tp_hdf5_open(T, path)); /* empty, as it was */
    ck_error(T, TP_EIO, path);
    ck_assert_ptr_null(tp_hdf5_open(T, "/no/such/file"));
    ck_error(T, TP_EIO, "/no/such/file");
    ck_assert_ptr_null(tp_hdf5_open(T, "/dev/zero"));
    ck_error(T, TP_EIO, "/dev/zero");
}
END_TEST

static void look(tp_hdf5 *f)
{
    char text[20];
    for (int i = 0; i < tp_hdf5_length(f); i++) {
        tp_hdf5_get(T, f, tp_hdf5_name(f, i));
        tp_clear_error(T);
        tp_hdf5_text(f, tp_hdf5_name(f, i), "unit", text, sizeof text);
    }
    tp_hdf5_attribute(T, f, "model", "layers");
    tp_clear_error(T);
    tp_hdf5_text(f, "", "title", text, sizeof text);
    tp_hdf5_close(f);
}

/* Cut at many places. Turned bytes are not tried: the HDF Group's library dies of some (hdf5.h). */
START_TEST(cut)
{
    size_t n;
    save_some();
    unsigned char *file = read_file(path, &n);
    for (size_t left = 0; left < n; left += 97) {
        write_file(path, file, left);
        tp_hdf5 *f = tp_hdf5_open(T, path);
        ck_assert(f != NULL || strstr(tp_error(T), path) != NULL);
        tp_clear_error(T);
        look(f);
    }
    free(file);
}
END_TEST

START_TEST(without_memory)
{
    bool last = false;
    int n = 1;
    for (; n < 200 && !last; n++) {
        alloc_fail_at(n);
        tp_status status = save_some();
        tp_hdf5 *f = status == TP_OK ? tp_hdf5_open(T, path) : NULL;
        tp_tensor *x = f ? tp_hdf5_get(T, f, "f32") : NULL;
        alloc_fail_at(0);
        last = x != NULL;
        ck_assert_msg(last || tp_error_status(T) == TP_ENOMEM, "%s", tp_error(T));
        tp_hdf5_close(f);
        tp_clear_error(T);
        tp_tape_reset(T);
    }
    ck_assert(last && n > 10);
}
END_TEST
#else
START_TEST(not_built_in)
{
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(2));
    ck_assert_ptr_null(tp_hdf5_open(T, path));
    ck_error(T, TP_EUNSUPPORTED, "--with-hdf5");
    ck_assert_int_eq(tp_hdf5_save(T, path, 1, (const char *const[]){"a"}, &x, 0, NULL), TP_EUNSUPPORTED);
    ck_error(T, TP_EUNSUPPORTED, "--with-hdf5");
    ck_assert_ptr_null(tp_hdf5_get(T, NULL, "a"));
    ck_error(T, TP_EUNSUPPORTED, "--with-hdf5");
    ck_assert(tp_hdf5_length(NULL) == 0 && !tp_hdf5_has(NULL, "a") && tp_hdf5_text(NULL, "", "a", NULL, 0) == -1);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("files_hdf5");
    TCase *t = tcase_create("hdf5");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
#ifdef HAVE_HDF5
    tcase_add_test(t, round_trip);
    tcase_add_test(t, refused);
    tcase_add_test(t, cut);
    tcase_add_test(t, without_memory);
#else
    tcase_add_test(t, not_built_in);
#endif
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
