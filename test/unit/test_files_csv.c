/* test_files_csv.c - tables in text: fields of all kinds, headers, numbers to the last bit, what is wrong and where. */
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

static tp_tensor *load(const char *text, const tp_csv_options *options, tp_csv_names **names)
{
    write_file(path, text, strlen(text));
    return tp_csv_load(T, path, options, names);
}

START_TEST(tables)
{
    static const struct {
        const char *text;
        tp_csv_options options;
        int rows, columns;
        double want[6];
        const char *names[3];
    } cases[] = {
        {"1,2\n3,4\n", {0}, 2, 2, {1, 2, 3, 4}, {0}},
        {"1,2\r\n3,4", {0}, 2, 2, {1, 2, 3, 4}, {0}},
        {"a,b\n1,2\n3,4\n", {0}, 2, 2, {1, 2, 3, 4}, {"a", "b"}},
        {"\xef\xbb\xbf"
         "a,b\n\n1,2\n  \n3,4\n\n",
         {0},
         2,
         2,
         {1, 2, 3, 4},
         {"a", "b"}},
        {" a , \"b, \"\"c\"\"\" \n 1 ,\t2 \n \"3\" , \" 4 \" \n", {0}, 2, 2, {1, 2, 3, 4}, {"a", "b, \"c\""}},
        {"x\n", {0}, 0, 1, {0}, {"x"}},
        {"", {0}, 0, 0, {0}, {0}},
        {"\n\n", {0}, 0, 0, {0}, {0}},
        {",\n", {0}, 1, 2, {NAN, NAN}, {0}},
        {"1,\n,2\nNA,nan\n", {0}, 3, 2, {1, NAN, NAN, 2, NAN, NAN}, {0}},
        {"?,N/A,null\nNone,-inf,Infinity\n", {0}, 2, 3, {NAN, NAN, NAN, NAN, -INFINITY, INFINITY}, {0}},
        {"1,-999\n-999.0,2\n", {.missing = "-999"}, 2, 2, {1, NAN, -999, 2}, {0}},
        {"1,\"-999\"\nx,2\n", {.missing = "x"}, 2, 2, {1, -999, NAN, 2}, {0}},
        {"# c\n1,2\n #d\n3,4\n#", {.comment = "#"}, 2, 2, {1, 2, 3, 4}, {0}},
        {"1.5\t-2e3\n", {.separator = "\t"}, 1, 2, {1.5, -2000}, {0}},
        {"\t\n1\t2\n", {.separator = "\t"}, 2, 2, {NAN, NAN, 1, 2}, {0}},
        {"1 2\n", {.separator = " "}, 1, 2, {1, 2}, {0}},
        {"1,5;-2,25e1\n,5;3\n", {.decimal_comma = true}, 2, 2, {1.5, -22.5, 0.5, 3}, {0}},
        {"1.5;x\n", {.decimal_comma = true}, 0, 2, {0}, {"1.5", "x"}},
        {"1,2\n3,4\n", {.header = TP_CSV_HEADER}, 1, 2, {3, 4}, {"1", "2"}},
        {"1,2\n3,4\n", {.header = TP_CSV_NO_HEADER}, 2, 2, {1, 2, 3, 4}, {0}},
        {"rubbish \" here\n,,,\n3,4\n", {.skip = 2}, 1, 2, {3, 4}, {0}},
        {"\"a\nb\",c\n1,2\n", {0}, 1, 2, {1, 2}, {"a\nb", "c"}},
        {"+1,.5,5.\n1e0,1E+2,1e-2\n", {0}, 2, 3, {1, 0.5, 5, 1, 100, 0.01}, {0}},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_csv_names *names;
        tp_tensor *x = load(cases[i].text, &cases[i].options, &names);
        ck_no_error(T);
        ck_assert_msg(tp_size(x, 0) == cases[i].rows && tp_size(x, 1) == cases[i].columns, "case %zu", i);
        for (int k = 0; k < cases[i].rows * cases[i].columns; k++) {
            double is = tp_item_at(x, k), want = cases[i].want[k];
            ck_assert_msg(is == want || (isnan(is) && isnan(want)), "case %zu: %g, not %g", i, is, want);
        }
        ck_assert_int_eq(names->n, cases[i].names[0] ? cases[i].columns : 0);
        for (int k = 0; k < names->n; k++)
            ck_assert_str_eq(names->names[k], cases[i].names[k]);
        tp_csv_names_free(names);
    }
}
END_TEST

START_TEST(wrong)
{
    static const struct {
        const char *text;
        tp_csv_options options;
        const char *says;
        tp_status status;
    } cases[] = {
        {"1,2\n3,x\n", {0}, "line 2, column 2: \"x\" is no number", TP_EIO},
        {"a,b\n\n1,2\n3,4e\n", {0}, "line 4, column 2: \"4e\" is no number", TP_EIO},
        {"a,b\n1,2 3\n", {0}, "line 2, column 2: \"2 3\" is no number", TP_EIO},
        {"a,b\n1,0x10\n", {0}, "line 2, column 2", TP_EIO},
        {"a,b\n1,-\n", {0}, "line 2, column 2", TP_EIO},
        {"a,b\n1,2,3\n", {0}, "line 2 has 3 columns, the first row 2", TP_EIO},
        {"a,b\n1\n", {0}, "line 2 has 1 columns, the first row 2", TP_EIO},
        {"a,b\n1,\"2\n3,4\n", {0}, "line 2, column 2: a quote is not closed", TP_EIO},
        {"a,b\n1,\"2\"3\n", {0}, "line 2, column 2: text comes behind a closing quote", TP_EIO},
        {"a,\"b\nc\"\n1,x\n", {0}, "line 3, column 2", TP_EIO},
        {"1,x\n", {.header = TP_CSV_NO_HEADER}, "line 1, column 2: \"x\"", TP_EIO},
        {"1,5;2.5\n", {.decimal_comma = true, .header = TP_CSV_NO_HEADER}, "\"2.5\"", TP_EIO},
        {"1", {.separator = ""}, "separator", TP_EINVAL},
        {"1", {.separator = ", "}, "separator", TP_EINVAL},
        {"1", {.separator = "."}, "separator", TP_EINVAL},
        {"1", {.separator = ",", .decimal_comma = true}, "separator", TP_EINVAL},
        {"1", {.comment = ","}, "comments", TP_EINVAL},
        {"1", {.comment = "//"}, "comments", TP_EINVAL},
        {"1", {.skip = -1}, "skip is -1", TP_EINVAL},
        {"1", {.header = (tp_csv_header)3}, "header is 3", TP_EINVAL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_csv_names *names;
        ck_assert_ptr_null(load(cases[i].text, &cases[i].options, &names));
        ck_assert_ptr_null(names);
        ck_error(T, cases[i].status, cases[i].says);
    }
    write_file(path, "1,2\n3\0,4\n", 9);
    ck_assert_ptr_null(tp_csv_load(T, path, NULL, NULL));
    ck_error(T, TP_EIO, "no text");
}
END_TEST

/* Each number is the double that strtod has: of all lengths, at the ends of the range, and near the middle between two. */
START_TEST(to_the_last_bit)
{
    enum { N = 60000 };
    static char text[N * 48];
    static double want[N];
    size_t at = 0;
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < N; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        double v;
        memcpy(&v, &state, sizeof v);
        if (i % 3 == 0 || !isfinite(v))
            v = (double)(state >> 11) * ldexp(1, (int)(state % 80) - 90);
        char *begin = text + at;
        if (i % 5 == 0) /* the middle between two */
            at += (size_t)sprintf(begin, "%.0f", ldexp((double)(state >> 11), 10) + ldexp(1, 9));
        else
            at += (size_t)sprintf(begin, i % 2 ? "%.*e" : "%.*g", (int)(state % 20), v);
        if (i % 5 == 0 && at - (size_t)(begin - text) < 22)
            begin[at - (size_t)(begin - text) - 1] ^= (char)(i % 2);
        want[i] = strtod(begin, NULL);
        text[at++] = '\n';
    }
    text[at] = 0;
    tp_tensor *x = load(text, NULL, NULL);
    ck_no_error(T);
    ck_assert_int_eq(tp_numel(x), N);
    ck_assert_int_eq(memcmp(tp_data(x), want, sizeof want), 0);
    static const char *const hard[] = {"9007199254740993",
                                       "9007199254740992.5",
                                       "9007199254740993.00000000000000000000000000000001",
                                       "18446744073709551615",
                                       "18446744073709551616",
                                       "2.2250738585072011e-308",
                                       "4.9406564584124654e-324",
                                       "2.4703282292062327e-324",
                                       "1.7976931348623158e308",
                                       "1.8e308",
                                       "-1e-400",
                                       "1e99999999999999999999",
                                       "0e99999999999999999999",
                                       "1e23",
                                       "8.5e22",
                                       "0.000000000000000000000000000000000000000000000001",
                                       "123456789012345678901234567890e-10",
                                       "-0",
                                       "1090544144181609348835077142190"};
    for (size_t i = 0; i < LENGTH(hard); i++) {
        double is = tp_item(load(hard[i], NULL, NULL)), should = strtod(hard[i], NULL);
        ck_assert_msg(memcmp(&is, &should, sizeof is) == 0, "%s: %.17g", hard[i], is);
    }
}
END_TEST

START_TEST(saved)
{
    static const double values[] = {0.1, -1e300, 3, NAN, 1.0 / 3, -INFINITY, 5e-324, 123456789012345680.0};
    tp_tensor *x = tp_from(T, TP_F64, tp_shape(4, 2), values);
    const char *names[] = {"a,b", " \"c\""};
    for (int comma = 0; comma < 2; comma++) {
        tp_csv_options o = {.decimal_comma = comma};
        tp_csv_names *read;
        ck_assert_int_eq(tp_csv_save(T, path, x, names, &o), TP_OK);
        tp_tensor *y = tp_csv_load(T, path, &o, &read);
        ck_no_error(T);
        ck_assert(tensors_close(y, x, 0, 0) && read->n == 2);
        ck_assert(strcmp(read->names[0], names[0]) == 0 && strcmp(read->names[1], names[1]) == 0);
        tp_csv_names_free(read);
    }
    size_t n;
    tp_csv_save(T, path, tp_from(T, TP_F64, tp_shape(4), values), NULL, NULL);
    unsigned char *text = read_file(path, &n);
    text[n] = 0;
    ck_assert_str_eq((char *)text, "0.1\n-1e+300\n3\nnan\n");
    free(text);
    tp_csv_save(T, path, tp_t(T, tp_reshape(T, tp_arange(T, TP_I64, 0, 4, 1), tp_shape(2, 2))), NULL,
                &(tp_csv_options){.separator = "\t"});
    text = read_file(path, &n);
    text[n] = 0;
    ck_assert_str_eq((char *)text, "0\t2\n1\t3\n");
    free(text);
    tp_csv_save(T, path, tp_zeros(T, TP_F32, tp_shape(2, 2, 2)), NULL, NULL);
    ck_error(T, TP_ESHAPE, "[2, 2, 2]");
}
END_TEST

static void is_damaged(size_t bytes, size_t whole)
{
    (void)bytes, (void)whole;
    tp_csv_names *names;
    tp_tensor *x = tp_csv_load(T, path, &(tp_csv_options){.comment = "#"}, &names);
    ck_assert(x ? names != NULL : names == NULL && strstr(tp_error(T), path) != NULL);
    tp_csv_names_free(names);
    tp_clear_error(T);
    tp_tape_reset(T);
}

START_TEST(damaged)
{
    write_file(path, "# c\n\"a\",b\r\n1,\"2.5\"\n-3e2,NA\n\n12345678901234567890123,4\n", 55);
    each_damage(path, is_damaged);
}
END_TEST

START_TEST(without_memory)
{
    int failed = 0;
    bool last = false;
    for (long n = 1; n < 100 && !last; n++) {
        tp_tensor *x = tp_t(T, tp_ones(T, TP_F32, tp_shape(3, 5)));
        const char *names[3] = {"a", "b", "c"};
        tp_csv_names *read = NULL;
        alloc_fail_at(n);
        tp_tensor *y = tp_csv_save(T, path, x, names, NULL) == TP_OK ? tp_csv_load(T, path, NULL, &read) : NULL;
        alloc_fail_at(0);
        last = y != NULL;
        ck_assert(last || tp_error_status(T) == TP_ENOMEM);
        failed += !last;
        tp_csv_names_free(read);
        tp_clear_error(T);
        tp_tape_reset(T);
    }
    ck_assert(last);
    ck_assert_int_ge(failed, 4);
}
END_TEST

static const char *const log_names[] = {"step", "loss, train", "lr"};

static bool log_is(const char *want)
{
    size_t n;
    unsigned char *is = read_file(path, &n);
    bool same = n == strlen(want) && memcmp(is, want, n) == 0;
    if (!same)
        printf("%.*s\n", (int)n, (const char *)is);
    free(is);
    return same;
}

/* Opened again after whatever may be left of it: it goes on with whole rows, and one head. */
START_TEST(log_goes_on)
{
#define HEAD "step,\"loss, train\",lr\n"
    static const struct {
        const char *before, *after;
        int rows;
    } cases[] = {
        {"", "", 0},
        {"step,\"lo", "", 0},
        {HEAD, "", 0},
        {(HEAD "1,2,3\n"), "1,2,3\n", 1},
        {(HEAD "1,2,3\n4,5,"), "1,2,3\n", 1},
        {(HEAD "1,2,3"), "", 0},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char want[200];
        write_file(path, cases[i].before, strlen(cases[i].before));
        tp_csv_log *log = tp_csv_log_open(T, path, 3, log_names, NULL);
        ck_no_error(T);
        ck_assert_int_eq(tp_csv_log_rows(log), cases[i].rows);
        snprintf(want, sizeof want, "%s%s", HEAD, cases[i].after);
        ck_assert_msg(log_is(want), "case %zu", i);
        ck_assert_int_eq(tp_csv_log_row(T, log, 3, (const double[]){7, 0.1, NAN}), TP_OK);
        strcat(want, "7,0.1,nan\n"); /* it is there before the log is closed */
        ck_assert_msg(log_is(want), "case %zu", i);
        tp_csv_log_close(log);
    }
    tp_tensor *x = tp_csv_load(T, path, NULL, NULL);
    ck_assert(tp_size(x, 0) == 1 && tp_item_at(x, 1) == 0.1 && isnan(tp_item_at(x, 2)));
}
END_TEST

START_TEST(log_rows)
{
    unlink(path);
    tp_csv_log *log = tp_csv_log_open(T, path, 2, (const char *const[]){"a", "b"},
                                      &(tp_csv_options){.separator = ";", .decimal_comma = true});
    for (int i = 0; i < 5; i++)
        tp_csv_log_row(T, log, 2, (const double[]){i, i / 8.0});
    ck_assert_int_eq(tp_csv_log_keep(T, log, 2), TP_OK);
    ck_assert_int_eq(tp_csv_log_rows(log), 2);
    tp_csv_log_row(T, log, 2, (const double[]){9, 1e300});
    ck_assert(log_is("a;b\n0;0\n1;0,125\n9;1e+300\n"));
    ck_no_error(T);
    tp_csv_log_keep(T, log, 4);
    ck_error(T, TP_EINVAL, "4 rows of 3");
    tp_csv_log_row(T, log, 3, (const double[]){9, 1, 2});
    ck_error(T, TP_EINVAL, "3 values; 2 are needed");
    tp_csv_log_close(log);
    ck_assert_ptr_null(
        tp_csv_log_open(T, path, 2, (const char *const[]){"a", "c"}, &(tp_csv_options){.separator = ";"}));
    ck_error(T, TP_EINVAL, "its first line is other names; a;c is needed");
    ck_assert_ptr_null(tp_csv_log_open(T, path, 1, (const char *const[]){"a"}, NULL));
    ck_error(T, TP_EINVAL, "other names");
    ck_assert_ptr_null(tp_csv_log_open(T, path, 0, log_names, NULL));
    ck_error(T, TP_EINVAL, "0 names");
    ck_assert_ptr_null(tp_csv_log_open(T, "/dev/null", 3, log_names, NULL));
    ck_error(T, TP_EIO, "not a regular file");
    ck_assert(log_is("a;b\n0;0\n1;0,125\n9;1e+300\n"));
}
END_TEST

START_TEST(log_without_memory)
{
    for (long k = 1;; k++) {
        unlink(path);
        long long live = alloc_live();
        alloc_fail_at(k);
        tp_csv_log *log = tp_csv_log_open(T, path, 3, log_names, NULL);
        tp_csv_log_row(T, log, 3, (const double[]){1, 2, 3});
        tp_csv_log_keep(T, log, 1);
        bool asked = alloc_requests() >= k;
        alloc_fail_at(0);
        tp_csv_log_close(log);
        live -= alloc_live();
        ck_assert_int_eq(live, 0);
        ck_assert_int_eq(tp_error_status(T), asked ? TP_ENOMEM : TP_OK);
        tp_clear_error(T);
        if (!asked)
            break;
    }
}
END_TEST

/* Numbers of all lengths, and those next to a change of length: the first of 15, 16 and 17 digits that read back. */
START_TEST(digits_as_printf)
{
    enum { N = 60000 };
    static double v[N];
    size_t bytes;
    uint64_t state = 1;
    for (int i = 0; i < N; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double u = (double)(state >> 11) * 0x1p-53, ten = pow(10, (double)(state >> 8 & 31) - 9);
        v[i] = i % 4 == 0   ? (u - 0.5) * ten
               : i % 4 == 1 ? floor(u * 1e5) / 1000
               : i % 4 == 2 ? nextafter(ten, i % 8 == 2 ? 0 : INFINITY)
                            : floor(u * 0x1p53) * (i % 8 == 3 ? 1 : 0x1p-10);
    }
    v[0] = 0;
    v[1] = -0.0;
    v[2] = 1e-4;
    v[3] = 0.00012345678901234567;
    v[4] = 1e15;
    v[5] = 999999999999999.9;
    ck_assert_int_eq(tp_csv_save(T, path, tp_from(T, TP_F64, tp_shape(N), v), NULL, NULL), TP_OK);
    char *text = (char *)read_file(path, &bytes), *at = text;
    for (int i = 0; i < N; i++) {
        char want[40];
        for (int n = 15; n <= 17; n++) {
            snprintf(want, sizeof want, "%.*g", n, v[i]);
            if (strtod(want, NULL) == v[i])
                break;
        }
        size_t length = strlen(want);
        ck_assert_msg(memcmp(at, want, length) == 0 && at[length] == '\n', "%d: %.30s, not %s", i, at, want);
        at += length + 1;
    }
    ck_assert_ptr_eq(at, text + bytes);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files_csv");
    TCase *t = tcase_create("csv");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, tables);
    tcase_add_test(t, wrong);
    tcase_add_test(t, to_the_last_bit);
    tcase_add_test(t, saved);
    tcase_add_test(t, damaged);
    tcase_add_test(t, without_memory);
    tcase_add_test(t, log_goes_on);
    tcase_add_test(t, log_rows);
    tcase_add_test(t, log_without_memory);
    tcase_add_test(t, digits_as_printf);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
