/* test_plot.c - plots as text, line by line, and through gnuplot: that nothing in them is taken for a command, that the host's
 * signals, children and files are as they were, and what comes of a gnuplot that is not there, fails, or does not end. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "support/alloc.h"
#include "support/hostile.h"
#include "support/support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static tp_tape *T;
static char folder[] = "/tmp/tapir_plot_XXXXXX", path[200], other[200];
static bool gnuplot; /* it is installed */

static const char *in(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void setup(void)
{
    T = tp_tape_new();
    strcpy(folder, "/tmp/tapir_plot_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    gnuplot = system("command -v gnuplot > /dev/null 2>&1") == 0;
}

static void teardown(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(folder);
    tp_tape_free(T);
}

static tp_tensor *numbers(int n, const double *v) { return tp_from(T, TP_F64, tp_shape(n), v); }

static void ck_text(tp_plot *p, const char *want)
{
    char text[8000], cut[20];
    int64_t n = tp_plot_format(p, text, sizeof text);
    ck_assert_msg(strcmp(text, want) == 0, "\n%s", text);
    ck_assert_int_eq(n, (int64_t)strlen(want));
    ck_assert_int_eq(tp_plot_format(p, cut, sizeof cut), n);
    ck_assert(strlen(cut) < sizeof cut && strncmp(cut, want, strlen(cut)) == 0);
    ck_assert_int_eq(tp_plot_format(p, NULL, 0), n);
    tp_plot_free(p);
    ck_no_error(T);
}

START_TEST(curves_as_text)
{
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "A title",
                                                   .xlabel = "epoch",
                                                   .ylabel = "loss",
                                                   .y2label = "right",
                                                   .columns = 48,
                                                   .rows = 6,
                                                   .ascii = true});
    tp_plot_curve(T, p, NULL, numbers(5, (const double[]){4, 3, NAN, 1, 0}), &(tp_series_options){.label = "a"});
    tp_plot_scatter(T, p, numbers(2, (const double[]){0, 4}), numbers(2, (const double[]){10, 20}),
                    &(tp_series_options){.label = "b\xc3\xa4", .y2 = true});
    ck_text(p, "                    A title\n"
               "  loss                                     right\n"
               "         4 +***                    o+ 20\n"
               "           |   ****                 |\n"
               "           |                        |\n"
               "           |                        |\n"
               "           |                 ****   |\n"
               "         0 +o                    ***+ 10\n"
               "           +------------------------\n"
               "            0        epoch         4\n"
               "  * a  o b? (right)\n");
}
END_TEST

START_TEST(kinds_as_text)
{
    const tp_plot_options small = {.columns = 40, .rows = 4}, ascii = {.columns = 40, .rows = 4, .ascii = true};
    tp_plot *p = tp_plot_new(T, &small);
    tp_plot_histogram(T, p, numbers(7, (const double[]){0, 1, 1, 1, 2, NAN, INFINITY}), 3, NULL);
    ck_text(p, "         3 ┤         ██████████\n"
               "           │         ██████████\n"
               "           │▂▂▂▂▂▂▂▂▂██████████▂▂▂▂▂▂▂▂▂\n"
               "         0 ┤████████████████████████████\n"
               "           └────────────────────────────\n"
               "            0                          2\n");
    p = tp_plot_new(T, &ascii);
    tp_plot_band(T, p, NULL, numbers(2, (const double[]){0, 1}), numbers(2, (const double[]){3, 3}), NULL);
    ck_text(p, "         3 +::::::::::::::::::::::::::::\n"
               "           |::::::::::::::::::::::::::::\n"
               "           |::::::::::::::::::::::::::::\n"
               "         0 +::::::::::::::\n"
               "           +----------------------------\n"
               "            0                          1\n");
    p = tp_plot_new(
        T, &(tp_plot_options){.columns = 40, .rows = 4, .ascii = true, .log_y = true, .y_min = 1, .y_max = 1000});
    tp_plot_curve(T, p, NULL, numbers(6, (const double[]){1, 10, -3, 0, 100, 1000}),
                  &(tp_series_options){.style = TP_PLOT_POINTS});
    ck_text(p, "      1000 +                           *\n"
               "           |                      *\n"
               "           |     *\n"
               "         1 +*\n"
               "           +----------------------------\n"
               "            0                          5\n");
    const int64_t counts[] = {5, 1, 0, 12345678};
    const char *const names[] = {"cat", "a dog of a long name"};
    p = tp_plot_new(T, &small);
    tp_plot_confusion(T, p, counts, 2, names);
    ck_text(p, "                    cat a dog of\n"
               "           cat        5        1\n"
               "a dog of a lon        0 12345678\n");
}
END_TEST

START_TEST(pictures_as_text)
{
    const char *const labels[] = {"one", "two"};
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.ascii = true});
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F64, 0, 16, 1), tp_shape(2, 2, 4));
    tp_plot_images(T, p, x, &(tp_plot_images_options){.labels = labels, .high = 15});
    ck_text(p, "one      two      \n"
               "    ..:: ++****##\n"
               "::--==== %%%%@@@@\n");
    p = tp_plot_new(T, &(tp_plot_options){.ascii = true});
    tp_plot_heatmap(T, p, tp_from(T, TP_F64, tp_shape(2, 2), (const double[]){0, 1, NAN, 0.5}), NULL);
    ck_text(p, "  @@\n"
               "??++\n"
               "  0   ..::--==++**##%%@@ 1\n");
}
END_TEST

START_TEST(refused)
{
    static const struct {
        tp_plot_options o;
        const char *wrong;
    } plots[] = {
        {{.width = -1}, "-1 by 0 pixels"},
        {{.columns = 20}, "20 columns"},
        {{.x_min = 2, .x_max = 1}, "x from 2 to 1"},
        {{.log_y = true, .y_min = -1}, "y from -1"},
        {{.y2_max = NAN}, "y2 from 0 to nan"},
        {{.key = (tp_plot_key)9}, "key is 9"},
        {{.seconds = -1}, "-1 seconds"},
    };
    for (size_t i = 0; i < LENGTH(plots); i++) {
        ck_assert_ptr_null(tp_plot_new(T, &plots[i].o));
        ck_error(T, TP_EINVAL, plots[i].wrong);
    }
    tp_plot *p = tp_plot_new(T, NULL), *images = tp_plot_new(T, NULL);
    tp_tensor *none = tp_zeros(T, TP_F32, tp_shape(0)), *one = tp_ones(T, TP_F32, tp_shape(1)),
              *square = tp_ones(T, TP_F32, tp_shape(1, 2, 2));
    tp_plot_save(T, p, in("x.png"));
    ck_error(T, TP_EINVAL, "nothing is in the plot");
    tp_plot_curve(T, p, NULL, none, NULL);
    ck_error(T, TP_ESHAPE, "y is [0]; [n] of one point or more");
    tp_plot_curve(T, p, square, one, NULL);
    ck_error(T, TP_ESHAPE, "x is [1, 2, 2], y [1]");
    tp_plot_band(T, p, NULL, one, none, NULL);
    ck_error(T, TP_ESHAPE, "high is [0], y [1]");
    tp_plot_histogram(T, p, tp_full(T, TP_F32, tp_shape(3), NAN), 0, NULL);
    ck_error(T, TP_ESHAPE, "no element is finite");
    tp_plot_histogram(T, p, one, -1, NULL);
    ck_error(T, TP_EINVAL, "-1 bins");
    tp_plot_curve(T, p, NULL, one, &(tp_series_options){.color = "red'; exit"});
    ck_error(T, TP_EINVAL, "#rrggbb");
    tp_plot_images(T, images, tp_ones(T, TP_F32, tp_shape(1, 2, 2, 2)), NULL);
    ck_error(T, TP_ESHAPE, "1 or 3");
    tp_plot_images(T, images, square, &(tp_plot_images_options){.low = 2, .high = 1});
    ck_error(T, TP_EINVAL, "low 2, high 1");
    tp_plot_heatmap(T, images, tp_ones(T, TP_F32, tp_shape(51, 50)), &(tp_plot_heatmap_options){.numbers = true});
    ck_error(T, TP_ESHAPE, "[51, 50]");
    ck_assert_int_eq(tp_plot_images(T, images, square, NULL), TP_OK);
    tp_plot_curve(T, images, NULL, one, NULL);
    ck_error(T, TP_EINVAL, "the plot has images");
    tp_plot_images(T, images, square, NULL);
    ck_error(T, TP_EINVAL, "the plot has images");
    tp_plot_curve(T, p, NULL, tp_full(T, TP_F32, tp_shape(3), NAN), NULL);
    tp_plot_save(T, p, in("x.png"));
    ck_error(T, TP_EINVAL, "no point of the plot can be drawn");
    ck_text(p, "(no point can be drawn)\n");
    tp_plot_save(T, images, in("x.jpg"));
    ck_error(T, TP_EINVAL, ".png, .svg or .txt");
    tp_plot_free(images);
}
END_TEST

static tp_plot *simple(const tp_plot_options *o)
{
    tp_plot *p = tp_plot_new(T, o);
    tp_plot_curve(T, p, NULL, numbers(3, (const double[]){1, 2, 4}), &(tp_series_options){.label = "a"});
    ck_no_error(T);
    return p;
}

START_TEST(without_gnuplot)
{
    char text[4000];
    tp_plot *p = simple(&(tp_plot_options){.gnuplot = "/no/such/program"});
    tp_plot_save(T, p, in("x.png"));
    ck_error(T, TP_EUNSUPPORTED, "/no/such/program could not be run");
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_gt(tp_plot_show(T, p, path, text, sizeof text), 500);
    ck_assert_ptr_nonnull(strstr(text, "• a"));
    ck_assert_int_gt(tp_plot_show(T, p, NULL, text, sizeof text), 500);
    ck_no_error(T);
    ck_assert_int_eq(tp_plot_save(T, p, in("x.txt")), TP_OK);
    size_t n;
    unsigned char *file = read_file(path, &n);
    ck_assert(n == strlen(text) && memcmp(file, text, n) == 0);
    free(file);
    tp_plot_free(p);
}
END_TEST

/* A program that stands for gnuplot. */
static const char *program(const char *script)
{
    snprintf(other, sizeof other, "%s/program", folder);
    write_file(other, script, strlen(script));
    ck_assert_int_eq(chmod(other, 0700), 0);
    return other;
}

static int open_files(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

START_TEST(gnuplot_that_fails)
{
    static const struct {
        const char *script, *wrong;
        double seconds;
    } cases[] = {
        {"#!/bin/sh\nexit 1\n", "failed: it has drawn nothing", 0},
        {"#!/bin/sh\necho 'line 1:' >&2; echo ' no such terminal' >&2\n", "failed: line 1: no such terminal", 0},
        {"#!/bin/sh\ncat > /dev/null; echo picture; echo 'tapir: drawn' >&2\n", "failed: tapir: drawn", 0},
        {"#!/bin/sh\nexec sleep 1000\n", "took more than 0.2 seconds", 0.2},
        {"#!/bin/sh\nexec sleep 1000 > /dev/null 2>&1\n", "took more than 0.2 seconds", 0.2},
    };
    int files = open_files();
    for (size_t i = 0; i < LENGTH(cases); i++) {
        tp_plot *p = simple(&(tp_plot_options){.gnuplot = program(cases[i].script), .seconds = cases[i].seconds});
        if (i == 0) /* more than fits a socket, which nobody reads */
            tp_plot_curve(T, p, NULL, tp_rand(T, TP_F64, tp_shape(100000)), NULL);
        tp_plot_save(T, p, in("x.png"));
        ck_error(T, TP_EIO, cases[i].wrong);
        ck_assert_int_ne(access(path, F_OK), 0);
        tp_plot_free(p);
        ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
        ck_assert_int_eq(open_files(), files);
    }
}
END_TEST

static volatile sig_atomic_t heard;
static void hear(int signal) { heard += signal == SIGPIPE; }

static bool svg_has(const char *file, const char *what)
{
    size_t n;
    char *svg = (char *)read_file(file, &n);
    svg[n] = 0;
    bool found = strstr(svg, what) != NULL;
    free(svg);
    return found;
}

START_TEST(nothing_is_a_command)
{
    if (!gnuplot)
        return;
    char title[1000], evil[300];
    snprintf(evil, sizeof evil, "%s/evil", folder);
    snprintf(title, sizeof title, "a'; system('touch %s') #`touch %s`@x $x \"\n!touch %s\n\\\x01\xff{/:Bold b}_c^d",
             evil, evil, evil);
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = title, .xlabel = title, .ylabel = title, .y2label = title});
    tp_plot_curve(T, p, NULL, numbers(2, (const double[]){1, 2}), &(tp_series_options){.label = title});
    tp_plot_curve(T, p, NULL, numbers(2, (const double[]){1, 2}), &(tp_series_options){.label = "", .y2 = true});
    ck_assert_int_eq(tp_plot_save(T, p, in("|touch evil; '.svg")), TP_OK);
    ck_no_error(T);
    ck_assert(svg_has(path, "#`touch /tmp") && svg_has(path, "{/:Bold b}_c^d"));
    tp_plot_free(p);
    const char *const names[] = {title, title};
    p = tp_plot_new(T, &(tp_plot_options){.title = title});
    tp_plot_confusion(T, p, (const int64_t[]){1, 2, 3, 4}, 2, names);
    ck_assert_int_eq(tp_plot_save(T, p, in("b.svg")), TP_OK);
    tp_plot_free(p);
    p = tp_plot_new(T, &(tp_plot_options){.title = title});
    tp_plot_images(T, p, tp_rand(T, TP_F32, tp_shape(2, 1, 1)),
                   &(tp_plot_images_options){.labels = names, .row_labels = names, .columns = 1});
    ck_assert_int_eq(tp_plot_save(T, p, in("c.svg")), TP_OK);
    ck_assert(svg_has(path, "{/:Bold b}_c^d"));
    tp_plot_free(p);
    ck_no_error(T);
    ck_assert_int_ne(access(evil, F_OK), 0);
}
END_TEST

/* A host that ignores its children, hears of broken pipes, and has closed its standard files. */
START_TEST(host_is_left_alone)
{
    struct sigaction before[2], after[2];
    sigset_t mask, mask_after;
    memset(&mask, 0, sizeof mask);
    memset(&mask_after, 0, sizeof mask);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, hear);
    sigaction(SIGCHLD, NULL, &before[0]);
    sigaction(SIGPIPE, NULL, &before[1]);
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    tp_plot *p = simple(&(tp_plot_options){.gnuplot = gnuplot ? NULL : program("#!/bin/sh\nexit 1\n")});
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        close(fd);
    }
    tp_status status = tp_plot_save(T, p, in("x.svg"));
    for (int fd = 0; fd < 3; fd++)
        dup2(saved[fd], fd);
    ck_assert_msg(status == (gnuplot ? TP_OK : TP_EIO), "%s", tp_error(T));
    tp_clear_error(T);
    sigaction(SIGCHLD, NULL, &after[0]);
    sigaction(SIGPIPE, NULL, &after[1]);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int i = 0; i < 2; i++)
        ck_assert(after[i].sa_handler == before[i].sa_handler && after[i].sa_flags == before[i].sa_flags);
    ck_assert_int_eq(memcmp(&mask, &mask_after, sizeof mask), 0);
    ck_assert_int_eq(heard, 0);
    tp_plot_free(p);
}
END_TEST

/* PNG of each kind, as large as asked. */
START_TEST(drawn)
{
    if (!gnuplot)
        return;
    tp_plot *p[3];
    const tp_plot_options o = {.width = 320, .height = 200, .log_x = true};
    for (int i = 0; i < 3; i++)
        p[i] = tp_plot_new(T, &o);
    tp_plot_curve(T, p[0], tp_logspace(T, TP_F64, -300, 300, 100, 10), tp_rand(T, TP_F64, tp_shape(100)), NULL);
    tp_plot_curve(T, p[0], NULL, tp_full(T, TP_F64, tp_shape(2), NAN), &(tp_series_options){.label = "nothing"});
    tp_plot_images(T, p[1], tp_randint(T, TP_U8, tp_shape(5, 3, 4, 4), 0, 256), NULL);
    tp_plot_heatmap(T, p[2], tp_full(T, TP_F64, tp_shape(1, 1), -1e300), NULL);
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(tp_plot_save(T, p[i], in("x.png")) == TP_OK, "%s", tp_error(T));
        size_t n;
        unsigned char *png = read_file(path, &n);
        ck_assert(png[18] == 1 && png[19] == 64 && png[22] == 0 && png[23] == 200);
        free(png);
        tp_plot_free(p[i]);
    }
}
END_TEST

/* Where in an SVG picture a text stands, in pixels from the top; NaN: nowhere. A text follows the <g> that places it. */
static double svg_at(const char *file, const char *text)
{
    size_t n;
    char *svg = (char *)read_file(file, &n), what[50];
    svg[n] = 0;
    snprintf(what, sizeof what, ">%s<", text);
    char *at = NULL; /* the last: a curve is called so, too */
    for (char *c = svg; (c = strstr(c, what)) != NULL; c++)
        at = c;
    double y = NAN;
    for (char *c = svg; at && (c = strstr(c, "translate(")) != NULL && c < at; c++)
        y = strtod(strchr(c, ',') + 1, NULL);
    free(svg);
    return y;
}

/* What is to be read can be: numbers that are far from zero, the axis' name above a legend that is below, and numbers at axes of
 * logarithms that have no power of ten in them. */
START_TEST(legible)
{
    char text[8000];
    tp_plot *p = tp_plot_new(T, NULL);
    tp_plot_curve(T, p, NULL, numbers(2, (const double[]){1000000, 1000001.9}), NULL);
    tp_plot_format(p, text, sizeof text);
    ck_assert_msg(strstr(text, " 1000001.9 ") && strstr(text, " 1000000.5 "), "%s", text);
    ck_assert(!gnuplot || (tp_plot_save(T, p, in("far.svg")) == TP_OK && isfinite(svg_at(path, "1000001.4"))));
    tp_plot_free(p);
    if (!gnuplot)
        return;
    p = tp_plot_new(T, &(tp_plot_options){.xlabel = "rate", .key = TP_PLOT_BELOW});
    tp_plot_curve(T, p, NULL, numbers(2, (const double[]){1, 2}), &(tp_series_options){.label = "series"});
    ck_assert_int_eq(tp_plot_save(T, p, in("below.svg")), TP_OK);
    ck_assert_double_gt(svg_at(path, "series") - svg_at(path, "rate"), 18);
    tp_plot_free(p);
    static const struct {
        double low, high;
        const char *has[2];
    } cases[] = {{2.5, 9, {" 3", " 7"}}, {0.03, 3, {" 0.05", " 2"}}, {31, 39, {" 31", " 39"}}};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        p = tp_plot_new(T, &(tp_plot_options){.log_x = true, .log_y2 = true});
        tp_tensor *x = numbers(2, (const double[]){cases[i].low, cases[i].high});
        tp_plot_curve(T, p, x, x, &(tp_series_options){.y2 = i % 2});
        ck_assert_int_eq(tp_plot_save(T, p, in("log.svg")), TP_OK);
        for (int k = 0; k < 2; k++)
            ck_assert_msg(isfinite(svg_at(path, cases[i].has[k])), "%zu: no %s", i, cases[i].has[k]);
        tp_plot_free(p);
    }
    ck_no_error(T);
}
END_TEST

/* A label that is NULL is none. */
START_TEST(labels_that_are_missing)
{
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.ascii = true});
    const char *const labels[] = {"a", NULL}, *const rows[] = {NULL};
    tp_plot_images(T, p, tp_ones(T, TP_F32, tp_shape(2, 1, 2)),
                   &(tp_plot_images_options){.labels = labels, .row_labels = rows});
    if (gnuplot)
        ck_assert_int_eq(tp_plot_save(T, p, in("x.svg")), TP_OK);
    char text[1000];
    ck_assert_int_gt(tp_plot_format(p, text, sizeof text), 0);
    ck_assert(strncmp(text, "a ", 2) == 0);
    tp_plot_free(p);
    ck_no_error(T);
}
END_TEST

/* Each request for memory fails in turn. */
START_TEST(no_memory)
{
    tp_tensor *x = tp_rand(T, TP_F64, tp_shape(20)), *m = tp_rand(T, TP_F64, tp_shape(2, 3));
    const char *const labels[] = {"a", "b", "c"};
    char text[4000];
    for (long k = 1;; k++) {
        long long live = alloc_live();
        alloc_fail_at(k);
        tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "t", .gnuplot = "/no/such/program"}),
                *q = tp_plot_new(T, NULL);
        tp_plot_band(T, p, NULL, x, x, &(tp_series_options){.label = "l"});
        tp_plot_histogram(T, p, x, 0, NULL);
        tp_plot_heatmap(T, q, m,
                        &(tp_plot_heatmap_options){.row_labels = labels, .column_labels = labels, .bar_label = "v"});
        bool all = tp_error(T) == NULL;
        int64_t length = tp_plot_format(p, text, sizeof text);
        tp_plot_save(T, p, "/tmp/x.png");
        bool asked = alloc_requests() >= k;
        alloc_fail_at(0);
        tp_status status = tp_error_status(T);
        tp_plot_free(p);
        tp_plot_free(q);
        live -= alloc_live();
        ck_assert_int_eq(live, 0);
        ck_assert(status == (asked && (!all || length >= 0) ? TP_ENOMEM : TP_EUNSUPPORTED));
        tp_clear_error(T);
        if (!asked)
            break;
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("plot");
    TCase *t = tcase_create("plot");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, curves_as_text);
    tcase_add_test(t, kinds_as_text);
    tcase_add_test(t, pictures_as_text);
    tcase_add_test(t, refused);
    tcase_add_test(t, without_gnuplot);
    tcase_add_test(t, gnuplot_that_fails);
    tcase_add_test(t, nothing_is_a_command);
    tcase_add_test(t, host_is_left_alone);
    tcase_add_test(t, drawn);
    tcase_add_test(t, legible);
    tcase_add_test(t, labels_that_are_missing);
    tcase_add_test(t, no_memory);
    suite_add_tcase(s, t);
    return run_suite(s);
}
