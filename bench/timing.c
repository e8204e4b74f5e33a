/* timing.c - repeats a call for a time and says the best and the median of it. */
#define _POSIX_C_SOURCE 200809L
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SAMPLES = 4096, MIN_SAMPLES = 5, MIN_LONG = 2 }; /* long: one that takes more than all the time */

static double clock_seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_now(void) { return clock_seconds(CLOCK_MONOTONIC); }

/* What calls are timed with. */
bool bench_cpu_time;
static double now(void) { return clock_seconds(bench_cpu_time ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC); }

/* Seconds that all processors together were busy since the start of the machine: user, nice, system,
 * interrupts and stolen time, of the first line of /proc/stat; 0 where there is none. */
static double machine_busy(void)
{
    enum { IDLE = 3, IOWAIT = 4, COUNT = 8 };
    unsigned long long v[COUNT] = {0}, busy = 0;
    FILE *f = fopen("/proc/stat", "r");
    if (f == NULL)
        return 0;
    int n = fscanf(f, "cpu");
    for (int i = 0; n >= 0 && i < COUNT; i++) {
        n = fscanf(f, "%llu", &v[i]);
        busy += i == IDLE || i == IOWAIT ? 0 : v[i];
    }
    fclose(f);
    return n == 1 ? (double)busy / (double)sysconf(_SC_CLK_TCK) : 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Calls between two readings of the clock, so that a sample takes some 2 ms. */
static int64_t calls_a_sample(void (*run)(void *), void *arg, double budget, bool *is_long)
{
    double start = now();
    run(arg);
    *is_long = now() - start > budget;
    if (*is_long)
        return 1;
    run(arg);
    start = now();
    run(arg);
    double once = now() - start;
    return once >= 0.002 ? 1 : (int64_t)(0.002 / (once > 1e-7 ? once : 1e-7));
}

bench_timing bench_time(void (*run)(void *), void *arg, double budget)
{
    static double sample[MAX_SAMPLES];
    bool is_long;
    int64_t inner = calls_a_sample(run, arg, budget, &is_long);
    double busy = machine_busy(), own = clock_seconds(CLOCK_PROCESS_CPUTIME_ID), start = now();
    int n = 0;
    for (double t0 = start; n < MAX_SAMPLES && (n < (is_long ? MIN_LONG : MIN_SAMPLES) || t0 - start < budget); n++) {
        for (int64_t i = 0; i < inner; i++)
            run(arg);
        double t1 = now();
        sample[n] = (t1 - t0) / (double)inner;
        t0 = t1;
    }
    double wall = now() - start;
    own = clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - own;
    double foreign = (machine_busy() - busy - own) / wall / (double)sysconf(_SC_NPROCESSORS_ONLN);
    qsort(sample, (size_t)n, sizeof sample[0], by_value);
    double median = n % 2 ? sample[n / 2] : (sample[n / 2 - 1] + sample[n / 2]) / 2;
    return (bench_timing){sample[0], median, n * inner, foreign > 0 && !bench_cpu_time ? foreign : 0};
}

double bench_peak_mib(void)
{
    double kib = 0;
    char line[256];
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtod(line + 6, NULL);
    if (f != NULL)
        fclose(f);
    return kib / 1024;
}
