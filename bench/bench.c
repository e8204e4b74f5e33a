/* bench.c - times workloads under the names and units of peers_torch.py.
 *
 * usage: tapir-bench [options] [name or glob ...]      without names: all rows, start-up and memory
 *   --list         names only
 *   --json         one JSON object a line
 *   --threads N    threads of the library and of BLAS
 *   --budget SEC   time for a row (0.6)
 *   --floor        beside each row what the hardware allows, measured just after it
 *   --limits       limits of the machine, and nothing else
 *   --startup      wall time and memory of a process that trains ten steps
 *   --rss NAME     the most memory that five steps of NAME take
 *   --calls N      N calls of each row, not timed: for tools that count instructions
 *   --cpu          the processor's time instead of the clock's: beside other processes, on one thread
 *   --bare         no header
 */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <fnmatch.h>
#include <math.h>
#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads(void) { return 1; }
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
    bool list, json, floor, limits, startup, bare;
    int threads, calls;
    double budget;
    const char *rss;
    char **patterns;
    int n_patterns;
} options;

static const workload *const groups[] = {bench_products, bench_operators,    bench_elementwise, bench_convolutions,
                                         bench_training, bench_optimizers,   bench_loading,     bench_files,
                                         bench_linalg,   bench_linalg_sizes, bench_scaling,     bench_recurrent};
enum { GROUPS = sizeof groups / sizeof groups[0] };

/* ---- workloads ---- */

double bench_figure(const workload *w, double seconds)
{
    return w->less_is_better ? w->work * seconds : w->work / seconds;
}

tp_tensor *bench_randn(tp_tape *T, tp_dtype dtype, tp_dims shape) { return tp_keep(tp_randn(T, dtype, shape)); }

bool bench_open(bench_state *s, const workload *w)
{
    *s = (bench_state){.w = w, .T = tp_tape_new()};
    if (s->T == NULL)
        return false;
    tp_manual_seed(s->T, 0);
    w->setup(s);
    return tp_tape_reset(s->T) == TP_OK;
}

void bench_close(bench_state *s)
{
    tp_loader_free(s->loader);
    tp_optim_free(s->optim);
    tp_params_free(s->set);
    tp_module_free(s->net);
    for (int i = 0; i < s->n_in; i++)
        tp_free(s->in[i]);
    for (int i = 0; i < s->n_batches; i++) {
        tp_free(s->x[i]);
        tp_free(s->y[i]);
    }
    tp_free(s->cotangent);
    tp_tape_free(s->T);
}

static void run_state(void *arg)
{
    bench_state *s = arg;
    s->w->run(s);
}

static const char *error_of(const bench_state *s) { return s->T == NULL ? "no memory" : tp_error(s->T); }

/* ---- output ---- */

/* A number, or null for a NaN. */
static void json_number(const char *key, double x)
{
    if (x != x)
        printf(", \"%s\": null", key);
    else
        printf(", \"%s\": %.5g", key, x);
}

static void json_string(const char *key, const char *text)
{
    printf("\"%s\": \"", key);
    for (const char *c = text; *c != '\0'; c++)
        if (*c == '"' || *c == '\\')
            printf("\\%c", *c);
        else if ((unsigned char)*c >= 32)
            putchar(*c);
    putchar('"');
}

/* A figure with its best, median and floor (NaN: none). */
typedef struct {
    const char *prefix, *name, *unit;
    double best, median, floor;
    int64_t n;
    bench_timing time; /* all zero where the figure is not made from one */
    bool less_is_better;
} result;

/* How near the floor the best is: 1 is at it. */
static double floor_share(const result *r) { return r->less_is_better ? r->floor / r->best : r->best / r->floor; }

static void print_json(const result *r)
{
    printf("{\"name\": \"%s%s\", \"unit\": \"%s\"", r->prefix, r->name, r->unit);
    json_number("min", r->best);
    json_number("median", r->median);
    printf(", \"n\": %lld, \"less_is_better\": %s", (long long)r->n, r->less_is_better ? "true" : "false");
    if (r->time.n > 0) {
        json_number("t_min_us", r->time.best * 1e6);
        json_number("t_med_us", r->time.median * 1e6);
        printf(", \"foreign\": %.3f", r->time.foreign);
    }
    json_number("floor", r->floor);
    printf(", \"floor_unit\": \"%s\"}\n", r->unit);
}

static void print_result(const options *o, const result *r)
{
    if (o->json) {
        print_json(r);
    } else {
        int width = 34 - (int)strlen(r->prefix);
        printf("%s%-*s %12.5g %12.5g  %-10s", r->prefix, width, r->name, r->best, r->median, r->unit);
        if (r->floor == r->floor)
            printf(" %12.5g %5.0f %%", r->floor, 100 * floor_share(r));
        printf(r->time.foreign > 0.05 ? "  ~%.0f %% foreign load\n" : "\n", 100 * r->time.foreign);
    }
    fflush(stdout);
}

/* A figure that is not the time of a call. */
static void print_figure(const options *o, const char *prefix, const char *name, const char *unit, double best,
                         double median, double limit, bool less_is_better)
{
    print_result(o, &(result){.prefix = prefix,
                              .name = name,
                              .unit = unit,
                              .best = best,
                              .median = median,
                              .floor = limit,
                              .n = 1,
                              .less_is_better = less_is_better});
}

static void print_failure(const options *o, const workload *w, const char *message)
{
    if (o->json) {
        printf("{\"name\": \"%s\", \"unit\": \"%s\", ", w->name, w->unit);
        json_string("error", message);
        printf("}\n");
    } else {
        printf("%-34s failed: %s\n", w->name, message);
    }
    fflush(stdout);
}

static void cpu_name(char *name, size_t n)
{
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    snprintf(name, n, "unknown processor");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        char *value = strncmp(line, "model name", 10) == 0 ? strchr(line, ':') : NULL;
        if (value == NULL)
            continue;
        value[strcspn(value, "\n")] = '\0';
        snprintf(name, n, "%s", value + 2);
        break;
    }
    if (f != NULL)
        fclose(f);
}

static void print_header(const options *o)
{
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    if (o->json) {
        printf("{\"header\": true, ");
        json_string("blas", tp_blas_info());
        printf(", \"threads\": %d, ", omp_get_max_threads());
        json_string("cpu", cpu);
        printf("}\n");
    } else {
        printf("# %s; %d threads; %s\n", tp_blas_info(), omp_get_max_threads(), cpu);
        printf("# %-32s %12s %12s  %-10s%s\n", "workload", "best", "median", "unit",
               o->floor ? "        floor   share" : "");
    }
    fflush(stdout);
}

/* ---- rows ---- */

static int run_row(const options *o, const workload *w)
{
    bench_state s;
    bool ok = bench_open(&s, w);
    bench_timing t = {0};
    if (ok) {
        w->run(&s);
        ok = tp_error(s.T) == NULL;
    }
    if (ok) {
        t = bench_time(run_state, &s, o->budget);
        ok = tp_error(s.T) == NULL;
    }
    if (!ok)
        print_failure(o, w, error_of(&s));
    bench_close(&s);
    if (!ok)
        return 1;
    double limit = o->floor && w->floor != NULL ? w->floor(w, o->budget / 2) : 0;
    print_result(o, &(result){.prefix = "",
                              .name = w->name,
                              .unit = w->unit,
                              .best = bench_figure(w, t.best),
                              .median = bench_figure(w, t.median),
                              .floor = limit > 0 ? bench_figure(w, limit) : (double)NAN,
                              .n = t.n,
                              .time = t,
                              .less_is_better = w->less_is_better});
    return 0;
}

static int call_row(const options *o, const workload *w)
{
    bench_state s;
    bool ok = bench_open(&s, w);
    for (int i = 0; i < o->calls && ok; i++)
        w->run(&s);
    ok = ok && tp_error(s.T) == NULL;
    if (!ok)
        print_failure(o, w, error_of(&s));
    bench_close(&s);
    return !ok;
}

static bool wanted(const options *o, const workload *const *group, const char *name)
{
    bool found = o->n_patterns == 0 && *group != bench_scaling && *group != bench_linalg_sizes;
    for (int i = 0; i < o->n_patterns && !found; i++)
        found = fnmatch(o->patterns[i], name, 0) == 0;
    return found;
}

static int run_rows(const options *o)
{
    int failures = 0, rows = 0;
    for (int g = 0; g < GROUPS; g++) {
        for (const workload *w = groups[g]; w->name != NULL; w++) {
            if (!wanted(o, &groups[g], w->name))
                continue;
            rows++;
            if (o->list)
                printf("%s\n", w->name);
            else
                failures += o->calls > 0 ? call_row(o, w) : run_row(o, w);
        }
    }
    if (rows == 0)
        fprintf(stderr, "tapir-bench: no workload of that name\n");
    return failures > 0 || rows == 0;
}

static int run_limits(const options *o)
{
    floor_limit limit[FLOOR_LIMITS];
    floor_limits(limit, o->budget);
    for (int i = 0; i < FLOOR_LIMITS; i++) {
        double figure = limit[i].figure;
        bool less = strcmp(limit[i].unit, "ns") == 0;
        print_figure(o, "", limit[i].name, limit[i].unit, figure, figure, (double)NAN, less);
    }
    return 0;
}

/* ---- memory and start-up ---- */

static const workload *find(const char *name)
{
    for (int g = 0; g < GROUPS; g++)
        for (const workload *w = groups[g]; w->name != NULL; w++)
            if (strcmp(w->name, name) == 0)
                return w;
    return NULL;
}

static int run_rss(const options *o)
{
    const workload *w = find(o->rss);
    if (w == NULL) {
        fprintf(stderr, "tapir-bench: no workload '%s'\n", o->rss);
        return 1;
    }
    bench_state s;
    bool ok = bench_open(&s, w);
    for (int i = 0; i < 5 && ok; i++)
        w->run(&s);
    ok = ok && tp_error(s.T) == NULL;
    if (ok) {
        double mib = bench_peak_mib(), needed = floor_net_bytes(w) / (1 << 20);
        print_figure(o, "rss_", w->name, "MiB", mib, mib, needed > 0 ? needed : (double)NAN, true);
    } else {
        print_failure(o, w, error_of(&s));
    }
    bench_close(&s);
    return ok ? 0 : 1;
}

/* Runs this program anew with one argument; the seconds it took, or a negative number. Its figure,
 * which it prints, goes to *mib. */
static double spawn_self(const char *argument, double *mib)
{
    int ends[2];
    double start = bench_now();
    if (pipe(ends) != 0)
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execl("/proc/self/exe", "tapir-bench", argument, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    char text[64] = {0};
    FILE *f = fdopen(ends[0], "r");
    if (f != NULL && fgets(text, sizeof text, f) != NULL)
        *mib = strtod(text, NULL);
    if (f != NULL)
        fclose(f);
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        return -1;
    return bench_now() - start;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The floor is the same program when it ends at once: what loading the libraries takes. */
static int run_startup(const options *o)
{
    enum { RUNS = 7 };
    double wall[RUNS], mib[RUNS] = {0}, idle[RUNS], idle_mib[RUNS] = {0};
    for (int i = 0; i < RUNS; i++) {
        wall[i] = spawn_self("--first-steps", &mib[i]) * 1e3;
        idle[i] = spawn_self("--idle", &idle_mib[i]) * 1e3;
        if (wall[i] < 0 || idle[i] < 0) {
            fprintf(stderr, "tapir-bench: the process could not be started, or failed\n");
            return 1;
        }
    }
    qsort(wall, RUNS, sizeof wall[0], by_value);
    qsort(mib, RUNS, sizeof mib[0], by_value);
    qsort(idle, RUNS, sizeof idle[0], by_value);
    qsort(idle_mib, RUNS, sizeof idle_mib[0], by_value);
    print_figure(o, "", "startup_logreg10_wall", "ms", wall[0], wall[RUNS / 2], idle[0], true);
    print_figure(o, "", "startup_logreg10_rss", "MiB", mib[0], mib[RUNS / 2], idle_mib[0], true);
    return 0;
}

/* A figure of memory is of a process that has done nothing else. */
static int spawn_rss(const options *o, const char *name)
{
    int status = 1;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "tapir-bench", "--bare", "--rss", name, o->json ? "--json" : (char *)NULL,
              (char *)NULL);
        _exit(127);
    }
    return child < 0 || waitpid(child, &status, 0) != child || status != 0;
}

static int run_all(const options *o)
{
    static const char *const remembered[] = {"logreg_p8_b32_sgd", "mlp_784_256_128_10_b128_adam", "mlp_large_b256_sgd",
                                             "mlp_large_b256_adam"};
    int failed = run_rows(o);
    failed |= run_startup(o);
    for (size_t i = 0; i < sizeof remembered / sizeof remembered[0]; i++)
        failed |= spawn_rss(o, remembered[i]);
    return failed;
}

/* ---- the command line ---- */

static int usage(void)
{
    fprintf(stderr, "usage: tapir-bench [--list] [--json] [--threads N] [--budget SEC] [--floor] [--limits] "
                    "[--startup] [--rss NAME] [--calls N] [--cpu] [--bare] [name or glob ...]\n");
    return 2;
}

static bool parse(options *o, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        const char *a = argv[i] + 2;
        bool *flag = strcmp(a, "list") == 0      ? &o->list
                     : strcmp(a, "json") == 0    ? &o->json
                     : strcmp(a, "floor") == 0   ? &o->floor
                     : strcmp(a, "limits") == 0  ? &o->limits
                     : strcmp(a, "startup") == 0 ? &o->startup
                     : strcmp(a, "bare") == 0    ? &o->bare
                     : strcmp(a, "cpu") == 0     ? &bench_cpu_time
                                                 : NULL;
        if (flag != NULL)
            *flag = true;
        else if (i + 1 < argc && strcmp(a, "threads") == 0)
            o->threads = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(a, "calls") == 0)
            o->calls = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(a, "budget") == 0)
            o->budget = strtod(argv[++i], NULL);
        else if (i + 1 < argc && strcmp(a, "rss") == 0)
            o->rss = argv[++i];
        else
            return false;
    }
    o->patterns = argv + i;
    o->n_patterns = argc - i;
    return o->threads >= 0 && o->calls >= 0 && o->budget > 0;
}

/* OpenMP and BLAS read their number of threads when they are loaded: start anew with it. */
static void restart_with_threads(int threads, char **argv)
{
    char text[16];
    const char *now = getenv("OMP_NUM_THREADS");
    snprintf(text, sizeof text, "%d", threads);
    if (now != NULL && strcmp(now, text) == 0)
        return;
    setenv("OMP_NUM_THREADS", text, 1);
    execv("/proc/self/exe", argv);
}

int main(int argc, char **argv)
{
    options o = {.budget = 0.6};
    if (argc == 2 && strcmp(argv[1], "--first-steps") == 0)
        return bench_first_steps();
    if (argc == 2 && strcmp(argv[1], "--idle") == 0) {
        printf("%.3f\n", bench_peak_mib());
        return 0;
    }
    if (!parse(&o, argc, argv))
        return usage();
    if (o.threads > 0)
        restart_with_threads(o.threads, argv);
    if (o.list)
        return run_rows(&o);
    if (o.calls > 0)
        return run_rows(&o);
    if (!o.bare)
        print_header(&o);
    if (o.rss != NULL)
        return run_rss(&o);
    if (o.startup)
        return run_startup(&o);
    if (o.limits)
        return run_limits(&o);
    return o.n_patterns > 0 ? run_rows(&o) : run_all(&o);
}
