/* test_files_image.c - PNG and PNM: what is written comes back, heads that lie, files that are cut or damaged. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <unistd.h>

static tp_tape *T;
static char path[64];

/* Before a path's ending can be chosen, its name has to be free. */
static const char *named(const char *ending)
{
    snprintf(path, sizeof path, "/tmp/tapir_image_%ld%s", (long)getpid(), ending);
    return path;
}

static void setup(void) { T = tp_tape_new(); }

static void teardown(void)
{
    static const char *const endings[] = {".png", ".pbm", ".pgm", ".ppm", ".pnm"};
    for (size_t i = 0; i < LENGTH(endings); i++)
        unlink(named(endings[i]));
    tp_tape_free(T);
}

static tp_tensor *load(const char *text, size_t n, tp_image_mode mode)
{
    write_file(named(".pnm"), text, n);
    return tp_image_load(T, path, mode);
}
#define LOAD(text) load(text, sizeof text - 1, TP_IMAGE_UNCHANGED)

static tp_tensor *drawn(tp_dtype dtype, int64_t channels, int64_t h, int64_t w)
{
    return tp_randint(T, dtype, tp_shape(channels, h, w), 0, dtype == TP_U8 ? 256 : dtype == TP_BOOL ? 2 : 65536);
}

START_TEST(pnm_text)
{
    tp_tensor *x = LOAD("P1 # a comment\n3 2\n1 0 1\n#x\n010");
    ck_values(x, 0, 0, 255, 0, 255, 0, 255);
    ck_assert_int_eq(tp_dtype_of(x), TP_U8);
    ck_assert(tp_size(x, 0) == 1 && tp_size(x, 1) == 2 && tp_size(x, 2) == 3);
    ck_values(LOAD("P2\n2 2\n255\n0 1\n254 255\n"), 0, 0, 1, 254, 255);
    ck_values(LOAD("P2 2 1 3 1 2"), 0, 85, 170);
    ck_values(LOAD("P2 2 1 65535 7 65535"), 0, 7, 65535);
    ck_values(LOAD("P2 2 1 1000 500 1000"), 0, 32768, 65535);
    ck_values(LOAD("P3 1 2 255 1 2 3 4 5 6"), 0, 1, 4, 2, 5, 3, 6);
    ck_values(LOAD("P4 9 2\n\x80\x00\x00\x80"), 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
              255, 255, 255, 0);
    ck_values(LOAD("P5 2 1 255\n\x0a\xff"), 0, 10, 255);
    ck_values(LOAD("P5 2 1 256\n\x01\x00\x00\x80"), 0, 65535, 32768);
    ck_values(LOAD("P6 1 1 255\n\x01\x02\x03P6 1 1 255\n\x04\x05\x06"), 0, 1, 2, 3);
    ck_no_error(T);
}
END_TEST

START_TEST(modes)
{
    static const char colour[] = "P3 1 1 255 200 100 50", gray[] = "P2 1 1 255 7", wide[] = "P3 1 1 65535 200 100 50";
    ck_values(load(colour, sizeof colour - 1, TP_IMAGE_GRAY), 0, 124); /* 124.2 */
    ck_values(load(colour, sizeof colour - 1, TP_IMAGE_GRAY_ALPHA), 0, 124, 255);
    ck_values(load(colour, sizeof colour - 1, TP_IMAGE_RGB), 0, 200, 100, 50);
    ck_values(load(colour, sizeof colour - 1, TP_IMAGE_RGB_ALPHA), 0, 200, 100, 50, 255);
    ck_values(load(gray, sizeof gray - 1, TP_IMAGE_RGB), 0, 7, 7, 7);
    ck_values(load(wide, sizeof wide - 1, TP_IMAGE_RGB_ALPHA), 0, 200, 100, 50, 65535);
    ck_assert_ptr_null(load(gray, sizeof gray - 1, (tp_image_mode)5));
    ck_error(T, TP_EINVAL, "mode is 5");
}
END_TEST

START_TEST(pnm_wrong)
{
    static const struct {
        const char *text, *wrong;
    } cases[] = {
        {"P7", "it begins neither"},
        {"P5", "it ends early"},
        {"P5 1", "it ends early"},
        {"P5 x", "byte 3: a number is needed"},
        {"P5 99999999999999999999 1 255\n", "too large"},
        {"P5 2147483647 2147483647 65535\n", "shorter than its head"},
        {"P3 2147483647 2147483647 65535\n", "shorter than its head"},
        {"P1 2147483647 2147483647\n", "shorter than its head"},
        {"P5 0 1 255\n", "is 0"},
        {"P5 1 1 0\n", "is 0"},
        {"P5 1 1 65536\n", "too large"},
        {"P5 1 1 255", "a blank is needed"},
        {"P5 2 1 255\n\x01", "shorter than its head"},
        {"P5 1 1 3\n\x04", "above the largest"},
        {"P2 2 1 255 1 256", "too large"},
        {"P2 2 1 255 1", "shorter than its head"},
        {"P2 2 1 255 1     ", "it ends early"},
        {"P1 2 1 1 2", "0 or 1 is needed"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        ck_assert_ptr_null(load(cases[i].text, strlen(cases[i].text), TP_IMAGE_UNCHANGED));
        ck_error(T, TP_EIO, cases[i].wrong);
    }
}
END_TEST

/* What has been written comes back bit for bit, from each layout in memory. */
static void round_trip(tp_dtype dtype, int64_t channels, const char *ending, const tp_image_options *o)
{
    for (int64_t w = 1; w < 20; w += 16) {
        tp_tensor *x = drawn(dtype, channels, 7, w), *turned = tp_transpose(T, drawn(dtype, channels, w, 7), 1, 2);
        ck_assert_int_eq(tp_image_save(T, named(ending), x, o), TP_OK);
        tp_tensor *back = tp_image_load(T, path, TP_IMAGE_UNCHANGED);
        ck_no_error(T);
        ck_assert(tensors_identical(back, dtype == TP_BOOL ? tp_mul_scalar(T, tp_to(T, x, TP_U8), 255) : x));
        ck_assert_int_eq(tp_image_save(T, path, turned, o), TP_OK);
        back = tp_image_load(T, path, TP_IMAGE_UNCHANGED);
        ck_no_error(T);
        ck_assert(tp_equal(T, back, dtype == TP_BOOL ? tp_mul_scalar(T, tp_to(T, turned, TP_U8), 255) : turned));
    }
}

START_TEST(written_pnm)
{
    for (int ascii = 0; ascii < 2; ascii++) {
        const tp_image_options o = {.ascii = ascii};
        round_trip(TP_BOOL, 1, ".pbm", &o);
        round_trip(TP_U8, 1, ".pgm", &o);
        round_trip(TP_I32, 1, ".pgm", &o);
        round_trip(TP_U8, 3, ".ppm", &o);
        round_trip(TP_I32, 3, ".pnm", &o);
        /* gray as colours */
        tp_tensor *x = drawn(TP_U8, 1, 3, 4);
        ck_assert_int_eq(tp_image_save(T, named(".ppm"), x, &o), TP_OK);
        ck_assert(tp_equal(T, tp_image_load(T, path, TP_IMAGE_UNCHANGED), tp_cat(T, 3, (tp_tensor *[]){x, x, x}, 0)));
    }
}
END_TEST

START_TEST(written_png)
{
#ifdef HAVE_PNG
    for (int channels = 1; channels <= 4; channels++) {
        round_trip(TP_U8, channels, ".png", NULL);
        round_trip(TP_I32, channels, ".png", &(tp_image_options){.compression = 1});
    }
    round_trip(TP_BOOL, 1, ".png", NULL);
#else
    ck_assert_int_eq(tp_image_save(T, named(".png"), drawn(TP_U8, 1, 2, 2), NULL), TP_EUNSUPPORTED);
    ck_error(T, TP_EUNSUPPORTED, "--with-png");
    write_file(path, "\x89PNG\r\n\x1a\n", 8);
    ck_assert_ptr_null(tp_image_load(T, path, TP_IMAGE_UNCHANGED));
    ck_error(T, TP_EUNSUPPORTED, "--with-png");
#endif
}
END_TEST

START_TEST(floats)
{
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(1, 9),
                           (const double[]){0, 1, 0.5, -1, 2, NAN, INFINITY, -INFINITY, 100.4 / 255});
    const tp_tensor *u = tp_image_from_float(T, x);
    ck_values(u, 0, 0, 255, 128, 0, 255, 0, 255, 0, 100);
    ck_assert_int_eq(tp_dtype_of(u), TP_U8);
    ck_assert_int_eq(tp_image_save(T, named(".pgm"), x, NULL), TP_OK);
    ck_assert(tp_equal(T, tp_image_load(T, path, TP_IMAGE_UNCHANGED), tp_unsqueeze(T, tp_image_from_float(T, x), 0)));
    ck_values(tp_image_to_float(T, tp_from(T, TP_U8, tp_shape(2), (const uint8_t[]){51, 255})), 0, 0.2f, 1);
    ck_values(tp_image_to_float(T, tp_from(T, TP_I32, tp_shape(2), (const int32_t[]){0, 65535})), 0, 0, 1);
    /* All bytes come back. */
    tp_tensor *all = tp_to(T, tp_arange(T, TP_I64, 0, 256, 1), TP_U8);
    ck_assert(tp_equal(T, all, tp_image_from_float(T, tp_image_to_float(T, all))));
    ck_no_error(T);
    ck_assert_ptr_null(tp_image_from_float(T, all));
    ck_error(T, TP_EDTYPE, "x is uint8");
    ck_assert_ptr_null(tp_image_to_float(T, tp_zeros(T, TP_I64, tp_shape(1))));
    ck_error(T, TP_EDTYPE, "x is int64");
}
END_TEST

START_TEST(not_written)
{
    static const struct {
        const char *ending;
        tp_dtype dtype;
        tp_dims shape;
        double value;
        tp_status status;
        const char *wrong;
    } cases[] = {
        {".jpg", TP_U8, {3, {1, 2, 2}}, 1, TP_EINVAL, ".png, .pbm"},
        {".pgm", TP_U8, {3, {3, 2, 2}}, 1, TP_ESHAPE, "3 channels"},
        {".ppm", TP_U8, {3, {2, 2, 2}}, 1, TP_ESHAPE, "2 channels"},
        {".ppm", TP_U8, {3, {4, 2, 2}}, 1, TP_ESHAPE, "4 channels"},
        {".pgm", TP_U8, {3, {5, 2, 2}}, 1, TP_ESHAPE, "[5, 2, 2]"},
        {".pgm", TP_U8, {1, {4}}, 1, TP_ESHAPE, "[4]"},
        {".pgm", TP_U8, {2, {0, 2}}, 1, TP_ESHAPE, "[0, 2]"},
        {".pgm", TP_I64, {2, {2, 2}}, 1, TP_EDTYPE, "int64"},
        {".pgm", TP_I32, {2, {2, 2}}, 65536, TP_EINVAL, "65536"},
        {".pgm", TP_I32, {2, {2, 2}}, -1, TP_EINVAL, "-1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_tensor *x = tp_full(T, cases[i].dtype, cases[i].shape, cases[i].value);
        tp_image_save(T, named(cases[i].ending), x, NULL);
        ck_error(T, cases[i].status, cases[i].wrong);
        ck_assert_int_ne(access(path, F_OK), 0);
    }
    tp_image_save(T, named(".pgm"), drawn(TP_U8, 1, 1, 1), &(tp_image_options){.compression = 10});
    ck_error(T, TP_EINVAL, "compression is 10");
}
END_TEST

/* Asserts have memory of their own: what is live is looked at without any in between. */
static void read_damaged(size_t bytes, size_t whole)
{
    char message[200];
    long long live = alloc_live();
    tp_tape *tape = tp_tape_new();
    bool good = tp_image_load(tape, path, TP_IMAGE_UNCHANGED) != NULL;
    tp_status status = tp_error_status(tape);
    snprintf(message, sizeof message, "%s", tp_error(tape) ? tp_error(tape) : "");
    tp_tape_free(tape);
    live -= alloc_live();
    ck_assert_int_eq(live, 0);
    ck_assert_msg(good || status == TP_EIO, "%s", message);
    ck_assert_msg(bytes == whole || !good, "cut off at %zu of %zu", bytes, whole);
}

START_TEST(damaged)
{
    static const char *const endings[] = {".ppm", ".png"};
#ifdef HAVE_PNG
    const size_t n = 2;
#else
    const size_t n = 1;
#endif
    for (size_t i = 0; i < n; i++) {
        tp_image_save(T, named(endings[i]), drawn(TP_U8, 3, 6, 5), NULL);
        ck_no_error(T);
        each_damage(path, read_damaged);
    }
}
END_TEST

#ifdef HAVE_PNG
/* The sum that PNG has of a chunk: CRC-32 of its kind and its data. */
static uint32_t crc(const unsigned char *at, size_t n)
{
    uint32_t c = UINT32_MAX;
    for (; n-- > 0; at++) {
        c ^= *at;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
    }
    return ~c;
}

/* A head that claims too much, with a sum that is right. */
START_TEST(png_lies)
{
    tp_image_save(T, named(".png"), drawn(TP_U8, 3, 6, 5), NULL);
    size_t n;
    unsigned char *b = read_file(path, &n);
    for (int large = 0; large < 2; large++) {
        for (int i = 0; i < 8; i++)
            b[16 + i] = (unsigned char)(large == 0 ? (i % 4 == 2) : i % 4 ? 255 : 127);
        uint32_t sum = crc(b + 12, 17);
        for (int i = 0; i < 4; i++)
            b[29 + i] = (unsigned char)(sum >> (24 - 8 * i));
        write_file(path, b, n);
        tp_memory before = tp_tape_memory(T);
        ck_assert_ptr_null(tp_image_load(T, path, TP_IMAGE_UNCHANGED));
        ck_error(T, TP_EIO, large ? "shorter than its head" : "tapir_image");
        ck_assert_int_lt(tp_tape_memory(T).bytes_reserved, before.bytes_reserved + 1000000);
    }
    free(b);
}
END_TEST
#endif

#ifdef HAVE_PNG
/* A picture that is far larger than its file is read as well; cut off, no room is made for it. */
START_TEST(png_blank)
{
    tp_tensor *x = tp_full(T, TP_U8, tp_shape(4, 1500, 1500), 7);
    tp_image_save(T, named(".png"), x, NULL);
    ck_assert(tensors_identical(tp_image_load(T, path, TP_IMAGE_UNCHANGED), x));
    ck_no_error(T);
    size_t n;
    unsigned char *b = read_file(path, &n);
    ck_assert_int_lt((int)n, 20000);
    write_file(path, b, n - 20);
    free(b);
    tp_tape *tape = tp_tape_new();
    tp_tape_set_memory_limit(tape, 1 << 20);
    ck_assert_ptr_null(tp_image_load(tape, path, TP_IMAGE_UNCHANGED));
    ck_error(tape, TP_EIO, "it ends early");
    tp_tape_free(tape);
}
END_TEST
#endif

/* Each request for memory in turn fails: a message, nothing left. */
START_TEST(no_memory)
{
    static const char *const endings[] = {".ppm", ".png"};
    tp_tensor *x = drawn(TP_U8, 3, 6, 5);
#ifdef HAVE_PNG
    const size_t n = 2;
#else
    const size_t n = 1;
#endif
    for (size_t i = 0; i < n; i++) {
        for (long k = 1;; k++) {
            alloc_fail_at(k);
            tp_status status = tp_image_save(T, named(endings[i]), x, NULL);
            bool asked = alloc_requests() >= k;
            alloc_fail_at(0);
            if (!asked)
                break;
            if (status != TP_OK)
                ck_error(T, TP_ENOMEM, "no memory");
            ck_assert_int_lt(k, 1000);
        }
        ck_no_error(T);
        for (long k = 1;; k++) {
            long long live = alloc_live();
            alloc_fail_at(k);
            tp_tape *tape = tp_tape_new();
            const tp_tensor *back = tape ? tp_image_load(tape, path, TP_IMAGE_UNCHANGED) : NULL;
            bool asked = alloc_requests() >= k, same = back && tensors_identical(back, x);
            tp_status status = tape ? tp_error_status(tape) : TP_ENOMEM;
            alloc_fail_at(0);
            tp_tape_free(tape);
            live -= alloc_live();
            ck_assert_int_eq(live, 0);
            ck_assert(asked ? back || status == TP_ENOMEM : same);
            if (!asked)
                break;
        }
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("files_image");
    TCase *t = tcase_create("files_image");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, pnm_text);
    tcase_add_test(t, modes);
    tcase_add_test(t, pnm_wrong);
    tcase_add_test(t, written_pnm);
    tcase_add_test(t, written_png);
    tcase_add_test(t, floats);
    tcase_add_test(t, not_written);
    tcase_add_test(t, damaged);
#ifdef HAVE_PNG
    tcase_add_test(t, png_lies);
    tcase_add_test(t, png_blank);
#endif
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
