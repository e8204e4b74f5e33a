/* test_events.c - TensorBoard's files, taken apart here by their format's description alone: sums bit by bit, messages field by
 * field. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <dirent.h>
#include <unistd.h>

static tp_tape *T;
static tp_events *log_;
static char folder[] = "/tmp/tapir_events_XXXXXX";

static void setup(void)
{
    T = tp_tape_new();
    strcpy(folder, "/tmp/tapir_events_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    log_ = tp_events_open(T, folder);
    ck_no_error(T);
}

static void teardown(void)
{
    tp_events_close(log_);
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(folder);
    tp_tape_free(T);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* CRC-32C as RFC 3720 has it: the polynomial 0x1edc6f41, the lowest bit first. */
static uint32_t sum_of(const unsigned char *at, size_t n)
{
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            uint32_t in = (uint32_t)(at[i] >> bit) & 1;
            c = (c & 1) ^ in ? c >> 1 ^ 0x82f63b78u : c >> 1;
        }
    c = ~c;
    return ((c >> 15) | (c << 17)) + 0xa282ead8u;
}

typedef struct {
    const unsigned char *at, *end;
} message;
typedef struct {
    unsigned number, type;
    uint64_t value; /* of a varint, or the bits of a number */
    message in;
} field;

static uint64_t varint(message *m)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        ck_assert(m->at < m->end);
        v |= (uint64_t)(*m->at & 127) << shift;
        if (*m->at++ < 128)
            break;
    }
    return v;
}

static bool next(message *m, field *f)
{
    *f = (field){0};
    if (m->at == m->end)
        return false;
    uint64_t key = varint(m);
    f->number = (unsigned)(key >> 3);
    f->type = key & 7;
    size_t fixed = f->type == 1 ? 8 : f->type == 5 ? 4 : 0;
    if (f->type == 0)
        f->value = varint(m);
    else if (f->type == 2) {
        uint64_t n = varint(m);
        ck_assert(n <= (uint64_t)(m->end - m->at));
        f->in = (message){m->at, m->at + n};
        m->at += n;
    } else {
        ck_assert(fixed && (size_t)(m->end - m->at) >= fixed);
        memcpy(&f->value, m->at, fixed);
        m->at += fixed;
    }
    return true;
}

/* The one field of this number; type 99: there is none. */
static field get(message m, unsigned number)
{
    field f, found = {.type = 99};
    while (next(&m, &f))
        if (f.number == number) {
            ck_assert_uint_eq(found.type, 99);
            found = f;
        }
    return found;
}

static double as_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static float as_float(uint64_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static bool is_text(field f, const char *text)
{
    size_t n = (size_t)(f.in.end - f.in.at);
    return f.type == 2 && n == strlen(text) && memcmp(f.in.at, text, n) == 0;
}

/* Record i of the file, whose bytes are for free(); its sums are right. How many there are is returned. */
static int record(unsigned char **bytes, int i, message *m)
{
    size_t n, at = 0;
    int count = 0;
    *bytes = read_file(tp_events_path(log_), &n);
    while (at < n) {
        uint64_t length;
        uint32_t sums[2];
        ck_assert(n - at >= 16);
        memcpy(&length, *bytes + at, 8);
        memcpy(&sums[0], *bytes + at + 8, 4);
        ck_assert_uint_eq(sums[0], sum_of(*bytes + at, 8));
        ck_assert(length <= n - at - 16);
        memcpy(&sums[1], *bytes + at + 12 + length, 4);
        ck_assert_uint_eq(sums[1], sum_of(*bytes + at + 12, length));
        if (count++ == i)
            *m = (message){*bytes + at + 12, *bytes + at + 12 + length};
        at += 16 + length;
    }
    return count;
}

/* ---- the tests ----------------------------------------------------------------------------------------------------- */

START_TEST(sums)
{
    ck_assert_uint_eq(sum_of((const unsigned char *)"123456789", 9),
                      ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}
END_TEST

START_TEST(scalars)
{
    unsigned char *bytes;
    message event;
    static const double values[] = {0.25, -3, 1e300, NAN, 0};
    static const int64_t steps[] = {1, INT64_MAX, -1, 300, 0};
    for (size_t i = 0; i < LENGTH(values); i++)
        ck_assert_int_eq(tp_events_scalar(T, log_, "loss/train", values[i], steps[i]), TP_OK);
    ck_assert_int_eq(record(&bytes, 0, &event), 6);
    ck_assert(is_text(get(event, 3), "brain.Event:2"));
    ck_assert(as_double(get(event, 1).value) > 1.6e9);
    free(bytes);
    for (size_t i = 0; i < LENGTH(values); i++) {
        record(&bytes, (int)i + 1, &event);
        ck_assert_int_eq((int64_t)get(event, 2).value, steps[i]);
        message value = get(get(event, 5).in, 1).in;
        ck_assert(is_text(get(value, 1), "loss/train"));
        float v = as_float(get(value, 2).value), want = (float)values[i];
        ck_assert(get(value, 2).type == 5 && (v == want || (isnan(v) && isnan(want))));
        free(bytes);
    }
}
END_TEST

START_TEST(histograms)
{
    unsigned char *bytes;
    message event;
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(9), (const double[]){1, 1.05, -2, 0, 0, NAN, INFINITY, 1e-13, 1e30});
    ck_assert_int_eq(tp_events_histogram(T, log_, "w", x, 7), TP_OK);
    tp_events_histogram(T, log_, "none", tp_zeros(T, TP_F32, tp_shape(0)), 7);
    ck_assert_int_eq(record(&bytes, 1, &event), 3);
    message h = get(get(get(event, 5).in, 1).in, 5).in;
    static const double want[] = {-2, 1e30, 7, 1e30, 1e60};
    for (unsigned i = 0; i < 5; i++)
        ck_assert_double_eq_tol(as_double(get(h, i + 1).value) / want[i], 1, 1e-12);
    message limits = get(h, 6).in, counts = get(h, 7).in;
    size_t n = (size_t)(limits.end - limits.at) / 8;
    ck_assert((size_t)(counts.end - counts.at) == 8 * n && n > 100);
    double below = -INFINITY, all = 0, limit, count, last = 0;
    for (size_t i = 0; i < n; i++, below = limit) {
        memcpy(&limit, limits.at + 8 * i, 8);
        memcpy(&count, counts.at + 8 * i, 8);
        ck_assert(limit > below);
        double expected = 0;
        for (int k = 0; k < 9; k++) {
            double v = tp_item_at(x, k);
            expected += isfinite(v) && v >= below && (v < limit || i == n - 1);
        }
        ck_assert_msg(count == expected, "from %g to %g: %g, not %g", below, limit, count, expected);
        all += count;
        last = count;
    }
    ck_assert(all == 7 && last > 0);
    memcpy(&count, counts.at, 8);
    ck_assert(count == 0);
    free(bytes);
    record(&bytes, 2, &event);
    ck_assert(as_double(get(get(get(get(event, 5).in, 1).in, 5).in, 3).value) == 0);
    free(bytes);
}
END_TEST

START_TEST(images)
{
#ifdef HAVE_PNG
    unsigned char *bytes;
    message event;
    char path[100];
    tp_tensor *x = tp_randint(T, TP_U8, tp_shape(3, 4, 5), 0, 256);
    ck_assert_int_eq(tp_events_image(T, log_, "picture", x, 3), TP_OK);
    record(&bytes, 1, &event);
    message image = get(get(get(event, 5).in, 1).in, 4).in, png = get(image, 4).in;
    ck_assert(get(image, 1).value == 4 && get(image, 2).value == 5 && get(image, 3).value == 3);
    snprintf(path, sizeof path, "%s/x.png", folder);
    write_file(path, png.at, (size_t)(png.end - png.at));
    ck_assert(tensors_identical(tp_image_load(T, path, TP_IMAGE_UNCHANGED), x));
    free(bytes);
#else
    tp_events_image(T, log_, "picture", tp_zeros(T, TP_U8, tp_shape(4, 5)), 3);
    ck_error(T, TP_EUNSUPPORTED, "--with-png");
#endif
    tp_events_image(T, log_, "picture", tp_zeros(T, TP_U8, tp_shape(5)), 3);
    ck_error(T, TP_ESHAPE, "[5]");
}
END_TEST

/* Each node once, its inputs nodes before it or leaves, parameters by name. */
START_TEST(graphs)
{
    unsigned char *bytes;
    message event;
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 4, NULL), tp_nn_tanh(T), tp_nn_linear(T, 4, 1, NULL));
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(2, 3));
    tp_tensor *loss = tp_sum(T, tp_add(T, tp_forward(T, m, x), tp_forward(T, m, x)));
    ck_assert_int_eq(tp_events_graph(T, log_, m), TP_OK);
    tp_backward(T, loss);
    tp_events_graph(T, log_, NULL);
    ck_no_error(T);
    ck_assert_int_eq(record(&bytes, 1, &event), 3);
    message graph = get(event, 4).in;
    ck_assert(get(get(graph, 4).in, 1).value == 22);
    static const char *const parameters[] = {"parameters/0/weight", "parameters/0/bias", "parameters/2/weight",
                                             "parameters/2/bias"};
    int found[4] = {0}, calls = 0, constants = 0;
    char names[64][64];
    int n = 0;
    field f;
    while (next(&graph, &f)) {
        if (f.number != 1)
            continue;
        field name = get(f.in, 1), op = get(f.in, 2), input;
        message rest = f.in;
        int inputs = 0;
        while (next(&rest, &input)) {
            if (input.number != 3)
                continue;
            bool known = false;
            for (int i = 0; i < n; i++)
                known |= is_text(input, names[i]);
            ck_assert_msg(known, "%.*s", (int)(input.in.end - input.in.at), (const char *)input.in.at);
            inputs++;
        }
        for (int i = 0; i < 4; i++)
            found[i] += is_text(name, parameters[i]) && is_text(op, "Parameter");
        constants += is_text(op, "Const");
        calls += inputs > 0;
        ck_assert_int_lt(n, 64);
        snprintf(names[n++], 64, "%.*s", (int)(name.in.end - name.in.at), (const char *)name.in.at);
        for (int i = 0; i < n - 1; i++)
            ck_assert_str_ne(names[i], names[n - 1]);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(found[i], 1);
    ck_assert_msg(constants == 1 && calls >= 8, "%d constants, %d calls", constants, calls);
    free(bytes);
    tp_module_free(m);
}
END_TEST

START_TEST(refused)
{
    ck_assert_ptr_null(tp_events_open(T, "/no/such/directory"));
    ck_error(T, TP_EIO, "/no/such/directory");
    tp_events_scalar(T, NULL, "x", 1, 1);
    ck_error(T, TP_EINVAL, "the log is NULL");
    tp_events_scalar(T, log_, NULL, 1, 1);
    ck_error(T, TP_EINVAL, "the tag is NULL");
    /* Two logs of one second do not share a file. */
    tp_events *other = tp_events_open(T, folder);
    ck_no_error(T);
    ck_assert_str_ne(tp_events_path(other), tp_events_path(log_));
    tp_events_close(other);
}
END_TEST

START_TEST(no_memory)
{
    tp_module *m = tp_nn_linear(T, 3, 4, NULL);
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(2, 3));
    (void)tp_forward(T, m, x);
    unsigned char *bytes;
    message event;
    tp_events_graph(T, log_, m); /* the tape's own memory has grown by then */
    for (long k = 1;; k++) {
        long long live = alloc_live();
        alloc_fail_at(k);
        tp_status status = tp_events_scalar(T, log_, "a", 1, 1);
        status = status ? status : tp_events_histogram(T, log_, "b", x, 1);
        status = status ? status : tp_events_graph(T, log_, m);
        bool asked = alloc_requests() >= k;
        alloc_fail_at(0);
        live -= alloc_live();
        ck_assert_int_eq(live, 0);
        ck_assert_int_eq(status, asked ? TP_ENOMEM : TP_OK);
        tp_clear_error(T);
        record(&bytes, 0, &event); /* whole records */
        free(bytes);
        if (!asked)
            break;
    }
    tp_module_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("events");
    TCase *t = tcase_create("events");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, sums);
    tcase_add_test(t, scalars);
    tcase_add_test(t, histograms);
    tcase_add_test(t, images);
    tcase_add_test(t, graphs);
    tcase_add_test(t, refused);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
