/* test_io.c - files that are right, cut, and wrong; the loader; progress. */
#define _POSIX_C_SOURCE 200809L
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

static void write_bytes(const void *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(data, 1, n, f) == n);
    fclose(f);
}

/* ---- idx ---------------------------------------------------------------------------------------------------- */

START_TEST(idx)
{
    static const unsigned char good[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6};
    write_bytes(good, sizeof good);
    tp_tensor *x = tp_read_idx(T, path);
    ck_assert_int_eq(tp_dtype_of(x), TP_U8);
    ck_assert_int_eq(tp_size(x, 1), 3);
    ck_values(x, 0, 1, 2, 3, 4, 5, 6);
    for (size_t n = 0; n < sizeof good; n++) { /* cut anywhere */
        write_bytes(good, n);
        ck_assert_ptr_null(tp_read_idx(T, path));
        ck_error(T, TP_EIO, path);
    }
    unsigned char bad[sizeof good + 1];
    for (size_t at = 0; at < 12; at++)
        for (int bit = 0; bit < 8; bit++) { /* any bit of the head */
            memcpy(bad, good, sizeof good);
            bad[at] ^= (unsigned char)(1 << bit);
            write_bytes(bad, sizeof good);
            ck_assert_ptr_null(tp_read_idx(T, path));
            ck_assert(tp_error_status(T) == TP_EIO || tp_error_status(T) == TP_ENOMEM);
            tp_clear_error(T);
        }
    memcpy(bad, good, sizeof good);
    write_bytes(bad, sizeof bad); /* a byte too many */
    ck_assert_ptr_null(tp_read_idx(T, path));
    ck_error(T, TP_EIO, "length");
    ck_assert_ptr_null(tp_read_idx(T, "/no/such/file"));
    ck_error(T, TP_EIO, "/no/such/file");
}
END_TEST

#ifdef HAVE_JANSSON
/* ---- safetensors ------------------------------------------------------------------------------------------------ */

static size_t save_sample(unsigned char *bytes, size_t room)
{
    tp_tensor *x[3] = {tp_reshape(T, tp_arange(T, TP_F32, 0, 6, 1), tp_shape(2, 3)), tp_arange(T, TP_I64, 0, 2, 1),
                       tp_gt(T, tp_arange(T, TP_F32, 0, 3, 1), tp_scalar(T, TP_F32, 0))};
    x[0] = tp_t(T, x[0]); /* strided */
    const char *names[3] = {"a.weight", "b", "c\"\n"}, *key = "who", *value = "tapir";
    ck_assert_int_eq(tp_safetensors_save(T, path, 3, names, x, 1, &key, &value), TP_OK);
    FILE *f = fopen(path, "rb");
    size_t n = fread(bytes, 1, room, f);
    fclose(f);
    return n;
}

START_TEST(round_trip)
{
    unsigned char bytes[2000];
    size_t n = save_sample(bytes, sizeof bytes);
    ck_assert_uint_eq((8 + bytes[0] + 256u * bytes[1]) % 8, 0);
    ck_assert_uint_gt(n, 100);
    tp_safetensors *f = tp_safetensors_open(T, path);
    ck_no_error(T);
    ck_assert_int_eq(tp_safetensors_length(f), 3);
    ck_values(tp_safetensors_get(T, f, "a.weight"), 0, 0, 3, 1, 4, 2, 5);
    ck_values(tp_safetensors_get(T, f, "b"), 0, 0, 1);
    ck_values(tp_safetensors_get(T, f, "c\"\n"), 0, 0, 1, 1);
    ck_assert_str_eq(tp_safetensors_metadata(f, "who"), "tapir");
    ck_assert_ptr_null(tp_safetensors_metadata(f, "what"));
    ck_assert(tp_safetensors_has(f, "b") && !tp_safetensors_has(f, "d"));
    ck_assert_ptr_null(tp_safetensors_get(T, f, "d"));
    ck_error(T, TP_EINVAL, "d is not in the file");
    tp_safetensors_close(f);
}
END_TEST

/* Opens whatever is in the file and reads all of it. */
static void read_everything(void)
{
    tp_safetensors *f = tp_safetensors_open(T, path);
    for (int i = 0; i < tp_safetensors_length(f); i++) {
        tp_safetensors_get(T, f, tp_safetensors_name(f, i));
        tp_clear_error(T);
    }
    ck_assert(f != NULL || strstr(tp_error(T), path) != NULL);
    tp_safetensors_close(f);
    tp_clear_error(T);
    tp_tape_reset(T);
}

START_TEST(damaged)
{
    unsigned char bytes[2000], bad[2000];
    size_t n = save_sample(bytes, sizeof bytes);
    for (size_t m = 0; m < n; m++) {
        write_bytes(bytes, m);
        ck_assert_ptr_null(tp_safetensors_open(T, path));
        ck_assert_ptr_nonnull(strstr(tp_error(T), path));
        tp_clear_error(T);
    }
    for (size_t at = 0; at < n; at++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(bad, bytes, n);
            bad[at] ^= (unsigned char)(1 << bit);
            write_bytes(bad, n);
            read_everything();
        }
}
END_TEST

static void write_header(const char *json, size_t data)
{
    unsigned char bytes[4000] = {0};
    size_t n = strlen(json);
    bytes[0] = (unsigned char)(n & 255);
    bytes[1] = (unsigned char)(n >> 8);
    memcpy(bytes + 8, json, n);
    write_bytes(bytes, 8 + n + data);
}

START_TEST(lies)
{
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"[]", "no object"},
        {"{", "no JSON"},
        {"{\"x\":3}", "shape"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", "does not fit its shape"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8000]}}", "outside the file"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", "outside the file"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}}", "no number"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}", "too large"},
        {"{\"x\":{\"dtype\":\"F33\",\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype"},
        {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_"
         "offsets\":[2,6]}}",
         "overlaps"},
        {"{\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},\"x\":{\"dtype\":\"U8\",\"shape\":[1],\"data_"
         "offsets\":[1,2]}}",
         "no JSON"},
    };
    write_header(cases[_i].json, 8);
    ck_assert_ptr_null(tp_safetensors_open(T, path));
    ck_error(T, TP_EIO, cases[_i].says);
}
END_TEST

START_TEST(unsupported)
{
    write_header(
        "{\"x\":{\"dtype\":\"F8_E5M2\",\"shape\":[4],\"data_offsets\":[0,4]},\"y\":{\"dtype\":\"U8\",\"shape\":[4]"
        ",\"data_offsets\":[4,8]}}",
        8);
    tp_safetensors *f = tp_safetensors_open(T, path);
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(tp_numel(tp_safetensors_get(T, f, "y")), 4);
    ck_assert_ptr_null(tp_safetensors_get(T, f, "x"));
    ck_error(T, TP_EUNSUPPORTED, "x");
    tp_safetensors_close(f);
}
END_TEST

/* Dtypes that there are not here */
START_TEST(converted)
{
    static const struct {
        const char *dtype, *data;
        int elements;
        tp_dtype as;
        double want[2];
    } cases[] = {
        {"F16", "\0\x3e\x80\xc0\0\0\0", 2, TP_F32, {1.5, -2.25}},
        {"BF16", "\xc0\x3f\x10\xc0\0\0\0", 2, TP_F32, {1.5, -2.25}},
        {"I8", "\1\xfe\0\0\0\0\0", 2, TP_I32, {1, -2}},
        {"I16", "\1\0\xfe\xff\0\0\0", 2, TP_I32, {1, -2}},
        {"U16", "\1\0\xfe\xff\0\0\0", 2, TP_I32, {1, 65534}},
        {"U32", "\1\0\0\0\xfe\xff\xff\xff", 2, TP_I64, {1, 4294967294.0}},
        {"U64", "\0\0\0\0\0\0\0\x40", 1, TP_I64, {0x1p62}},
        {"U64", "\1\0\0\0\0\0\0\x80", 1, TP_I64, {NAN}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        unsigned char bytes[300] = {0};
        int sizes[] = {1, 2, 4, 8}, size = cases[i].elements == 1 ? 8 : sizes[(i > 2) + (i > 4)];
        size = i < 2 ? 2 : size;
        int n = snprintf((char *)bytes + 8, 200, "{\"x\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%d]}}",
                         cases[i].dtype, cases[i].elements, size * cases[i].elements);
        bytes[0] = (unsigned char)n;
        memcpy(bytes + 8 + n, cases[i].data, 8);
        write_bytes(bytes, 8 + (size_t)(n + size * cases[i].elements));
        tp_safetensors *f = tp_safetensors_open(T, path);
        tp_tensor *x = tp_safetensors_get(T, f, "x");
        if (isnan(cases[i].want[0])) {
            ck_assert_ptr_null(x);
            ck_error(T, TP_EUNSUPPORTED, "element 0 of x");
        } else {
            ck_no_error(T);
            ck_assert_int_eq(tp_dtype_of(x), cases[i].as);
            for (int k = 0; k < cases[i].elements; k++)
                ck_assert_double_eq(tp_item_at(x, k), cases[i].want[k]);
        }
        tp_safetensors_close(f);
    }
}
END_TEST

#endif

/* ---- loader, progress ---------------------------------------------------------------------------------------------- */

START_TEST(batches)
{
    tp_tensor *x[2] = {tp_reshape(T, tp_arange(T, TP_F32, 0, 20, 1), tp_shape(10, 2)), tp_arange(T, TP_I64, 0, 10, 1)},
              *b[2];
    tp_loader *l = tp_loader_new(T, 2, x, &(tp_loader_options){.batch_size = 4});
    ck_assert_int_eq(tp_loader_length(l), 3);
    int seen = 0;
    tp_loader_start(T, l);
    while (tp_loader_next(T, l, b))
        for (int64_t i = 0; i < tp_numel(b[1]); i++, seen++)
            ck_assert(tp_item_at(b[1], i) == seen && tp_item_at(b[0], 2 * i) == 2 * seen);
    ck_assert_int_eq(seen, 10);
    ck_assert(!tp_loader_next(T, l, b));
    tp_loader_free(l);

    l = tp_loader_new(T, 2, x, &(tp_loader_options){.batch_size = 4, .shuffle = true, .drop_last = true});
    ck_assert_int_eq(tp_loader_length(l), 2);
    tp_manual_seed(T, 0);
    tp_loader_start(T, l);
    ck_assert(tp_loader_next(T, l, b));
    /* torch.manual_seed(0); next(iter(DataLoader(range(10), 4, shuffle=True))) */
    ck_values(b[1], 0, 6, 7, 1, 4);
    tp_loader_free(l);
    x[1] = tp_zeros(T, TP_I64, tp_shape(9));
    ck_assert_ptr_null(tp_loader_new(T, 2, x, NULL));
    ck_error(T, TP_ESHAPE, "rows");
}
END_TEST

START_TEST(progress)
{
    char text[200];
    tp_progress p;
    tp_progress_start(&p, 100);
    ck_assert(tp_progress_add(&p, 50));  /* the first line is due */
    ck_assert(!tp_progress_add(&p, 25)); /* soon after, none is */
    tp_progress_format(&p, 0.5, text, sizeof text);
    ck_assert_msg(strstr(text, " 75 %") && strstr(text, "loss 0.5000") && strstr(text, "samples/s"), "%s", text);
    ck_assert(tp_progress_add(&p, 25)); /* the last one always */
    for (int width = 0; width < 120; width++) {
        p.width = width;
        int n = tp_progress_format(&p, 1e9, text, sizeof text), most = width ? width : 66;
        ck_assert_msg(n == (int)strlen(text) && n <= most, "%d: %s", width, text);
        ck_assert_msg(width < 66 || (text[0] == '[' && strstr(text, "left")), "%d: %s", width, text);
    }
    p = (tp_progress){
        .total = INT64_MAX, .done = INT64_MAX / 2, .start = p.start}; /* absurd figures stay in the line */
    ck_assert_int_le(tp_progress_format(&p, -1e300, text, sizeof text), 66);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io");
    TCase *t = tcase_create("io");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, idx);
#ifdef HAVE_JANSSON
    tcase_add_test(t, round_trip);
    tcase_add_test(t, damaged);
    tcase_add_loop_test(t, lies, 0, 11);
    tcase_add_test(t, unsupported);
    tcase_add_test(t, converted);
#endif
    tcase_add_test(t, batches);
    tcase_add_test(t, progress);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
