/* test_files.c - what writing and reading does to the files there: names, links, modes, FIFOs, failures, two savers. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/alloc.h"
#include "support/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static tp_tape *T;
static char folder[] = "/tmp/tapir_files_XXXXXX", path[100], other[100];

static void setup(void)
{
    T = tp_tape_new();
    strcpy(folder, "/tmp/tapir_files_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/x", folder);
    snprintf(other, sizeof other, "%s/y", folder);
}

/* Names in the folder */
static int entries(bool removed)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            n++;
            if (removed)
                unlinkat(dirfd(d), e->d_name, 0);
        }
    closedir(d);
    return n;
}

static void teardown(void)
{
    entries(true);
    rmdir(folder);
    tp_tape_free(T);
}

/* Nothing that asks for these may wait for their other ends: the test's time limit would tell. */
START_TEST(no_regular_file)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/tty", "/"};
    ck_assert_ptr_null(tp_read_idx(T, path));
    ck_error(T, TP_EIO, "not a regular file");
    ck_assert_ptr_null(tp_safetensors_open(T, path));
#ifdef HAVE_JANSSON
    ck_error(T, TP_EIO, "not a regular file");
    for (size_t i = 0; i < LENGTH(devices); i++) {
        ck_assert_ptr_null(tp_safetensors_open(T, devices[i]));
        ck_error(T, TP_EIO, devices[i]);
    }
#endif
    for (size_t i = 0; i < LENGTH(devices); i++) {
        tp_clear_error(T);
        ck_assert_ptr_null(tp_read_idx(T, devices[i]));
        ck_error(T, TP_EIO, devices[i]);
    }
}
END_TEST

#ifdef HAVE_JANSSON
static tp_status save(double value, int64_t n)
{
    tp_tensor *x = tp_full(T, TP_F32, tp_shape(n), value);
    const char *name = "x";
    return tp_safetensors_save(T, path, 1, &name, &x, 0, NULL, NULL);
}

static double saved(tp_tape *U)
{
    tp_safetensors *f = tp_safetensors_open(U, path);
    tp_tensor *x = tp_safetensors_get(U, f, "x");
    double first = tp_item_at(x, 0), last = tp_item_at(x, tp_numel(x) - 1);
    tp_safetensors_close(f);
    return first == last ? first : NAN;
}

START_TEST(not_written_to)
{
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    save(1, 1);
    ck_error(T, TP_EIO, "not a regular file");
    unlink(path);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    save(1, 1);
    ck_error(T, TP_EIO, "not a regular file");
    ck_assert_int_eq(entries(false), 1);
}
END_TEST

/* A link in the way of a temporary name, or at the path, leads nowhere. */
START_TEST(no_link_is_followed)
{
    char guess[200];
    FILE *f = fopen(other, "w");
    fputs("precious", f);
    fclose(f);
    snprintf(guess, sizeof guess, "%s.part", path);
    ck_assert_int_eq(symlink(other, guess), 0);
    ck_assert_int_eq(save(1, 1), TP_OK);
    unlink(path);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_eq(save(2, 1), TP_OK);
    ck_assert_double_eq(saved(T), 2);
    struct stat about;
    ck_assert(stat(other, &about) == 0 && about.st_size == (off_t)strlen("precious"));
    ck_assert_int_eq(entries(false), 3);
}
END_TEST

START_TEST(modes_are_kept)
{
    struct stat about;
    mode_t usual = umask(027);
    ck_assert_int_eq(save(1, 1), TP_OK);
    ck_assert(stat(path, &about) == 0 && (about.st_mode & 0777) == 0640);
    static const mode_t modes[] = {0600, 0666, 0444, 0755};
    for (size_t i = 0; i < LENGTH(modes); i++) {
        chmod(path, modes[i]);
        ck_assert_int_eq(save((double)i, 1), TP_OK);
        ck_assert(stat(path, &about) == 0 && (about.st_mode & 0777) == modes[i]);
        ck_assert_double_eq(saved(T), (double)i);
    }
    umask(usual);
}
END_TEST

/* A full disk, played by a limit on the size of files: the old file is whole, and nothing else is there. */
START_TEST(failures_leave_the_old_file)
{
    static const char *bad = "\xff";
    ck_assert_int_eq(save(1, 10), TP_OK);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit usual, small;
    getrlimit(RLIMIT_FSIZE, &usual);
    small = usual;
    small.rlim_cur = 10000;
    setrlimit(RLIMIT_FSIZE, &small);
    ck_assert_int_eq(save(2, 1000000), TP_EIO);
    setrlimit(RLIMIT_FSIZE, &usual);
    ck_error(T, TP_EIO, path);
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(3));
    ck_assert_int_eq(tp_safetensors_save(T, path, 1, &bad, &x, 0, NULL, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "UTF-8");
    const char *twice[2] = {"a", "a"};
    ck_assert_int_eq(tp_safetensors_save(T, path, 2, twice, (tp_tensor *[]){x, x}, 0, NULL, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "a is there twice");
    ck_assert_double_eq(saved(T), 1);
    ck_assert_int_eq(entries(false), 1);
    strcat(path, "/no/folder");
    ck_assert_int_eq(save(1, 1), TP_EIO);
    ck_error(T, TP_EIO, path);
}
END_TEST

enum { ROUNDS = 30 };

static void *saver(void *value)
{
    tp_tape *U = tp_tape_new();
    const char *name = "x";
    for (int i = 0; i < ROUNDS; i++) {
        tp_tensor *x = tp_full(U, TP_F32, tp_shape(20000), *(double *)value);
        tp_safetensors_save(U, path, 1, &name, &x, 0, NULL, NULL);
        tp_tape_reset(U);
    }
    bool ok = tp_error(U) == NULL;
    tp_tape_free(U);
    return ok ? value : NULL;
}

START_TEST(two_savers_of_one_path)
{
    pthread_t thread[3];
    double value[3] = {1, 2, 3};
    ck_assert_int_eq(save(1, 1), TP_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, saver, &value[i]), 0);
    for (int i = 0; i < ROUNDS; i++) { /* whole at any time */
        double v = saved(T);
        ck_assert_msg(v >= 1 && v <= 3, "%g: %s", v, tp_error(T));
        tp_tape_reset(T);
    }
    for (int i = 0; i < 3; i++) {
        void *ok;
        pthread_join(thread[i], &ok);
        ck_assert_ptr_nonnull(ok);
    }
    ck_assert_int_eq(entries(false), 1);
}
END_TEST

/* Each request for memory fails in turn. */
START_TEST(without_memory)
{
    int failed = 0;
    bool last = false;
    for (long n = 1; n < 30; n++) {
        tp_tensor *x[2] = {tp_t(T, tp_ones(T, TP_F32, tp_shape(3, 5))), tp_ones(T, TP_I64, tp_shape(2))};
        const char *names[2] = {"a", "b"}, *key = "k", *value = "v";
        alloc_fail_at(n);
        tp_status status = tp_safetensors_save(T, path, 2, names, x, 1, &key, &value);
        tp_safetensors *f = status == TP_OK ? tp_safetensors_open(T, path) : NULL;
        alloc_fail_at(0);
        last = f != NULL;
        ck_assert(last || tp_error_status(T) == TP_ENOMEM);
        ck_assert_int_le(entries(false), 1);
        failed += !last;
        tp_safetensors_close(f);
        tp_clear_error(T);
        tp_tape_reset(T);
    }
    ck_assert_int_ge(failed, 5);
    ck_assert(last);
}
END_TEST

/* What is no safetensors file is told from one that was cut off. */
START_TEST(something_else)
{
    static const struct {
        size_t n;
        const char *bytes, *says;
    } cases[] = {
        {7, "epoch,l", "it is too short"},
        {8, "epoch,lo", "it does not begin as a safetensors file does"},
        {15, "epoch,loss\n1,2\n", "it does not begin as a safetensors file does"},
        {12, "\x93NUMPY\1\0v\0{'", "it does not begin as a safetensors file does"},
        {12, "\x40\0\0\0\0\0\0\0{\"a\"", "its header is longer than the file"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        FILE *f = fopen(path, "wb");
        ck_assert(fwrite(cases[i].bytes, 1, cases[i].n, f) == cases[i].n && fclose(f) == 0);
        ck_assert_ptr_null(tp_safetensors_open(T, path));
        ck_error(T, TP_EIO, cases[i].says);
    }
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *t = tcase_create("files");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_regular_file);
#ifdef HAVE_JANSSON
    tcase_add_test(t, not_written_to);
    tcase_add_test(t, no_link_is_followed);
    tcase_add_test(t, modes_are_kept);
    tcase_add_test(t, failures_leave_the_old_file);
    tcase_add_test(t, two_savers_of_one_path);
    tcase_add_test(t, without_memory);
    tcase_add_test(t, something_else);
#endif
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
