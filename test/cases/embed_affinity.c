/* embed_affinity.c - a host that pins its threads.
 *
 * 1. A thread on one core of many: helpers do not stand in its way, on the same core alone.
 * 2. A process that was given one core, whatever OpenMP was told: there are no helpers.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tapir.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

static void pin(void)
{
    cpu_set_t all, one;
    CPU_ZERO(&one);
    sched_getaffinity(0, sizeof all, &all);
    for (int i = CPU_SETSIZE - 1; i >= 0; i--)
        if (CPU_ISSET(i, &all)) CPU_SET(i, &one), i = -1;
    sched_setaffinity(0, sizeof one, &one);
}

static void compute(void)
{
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 10; i++) {
        tp_exp(T, tp_ones(T, TP_F32, tp_shape(1 << 20)));
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}

/* Threads of this process beside this one; *pinned of them to a single core */
static int others(int *pinned)
{
    DIR           *tasks = opendir("/proc/self/task");
    struct dirent *e;
    int            n = 0;
    *pinned = 0;
    while (tasks && (e = readdir(tasks)) != NULL) {
        cpu_set_t set;
        int       id = atoi(e->d_name);
        if (id == 0 || id == getpid()) continue;
        n++;
        if (sched_getaffinity(id, sizeof set, &set) == 0) *pinned += CPU_COUNT(&set) == 1;
    }
    if (tasks) closedir(tasks);
    return n;
}

int main(int argc, char **argv)
{
    int bad = 0, pinned, n;
    omp_set_num_threads(4);
    if (argc > 1) { /* with one core from the start */
        compute();
        return others(&pinned) != 0;
    }
    cpu_set_t all;
    if (access("/proc/self/task", R_OK) != 0 || sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2) { printf("there is one core\n"); return 77; }
    pin();
    compute();
    n = others(&pinned);
    if (pinned) { printf("%d of %d helpers are pinned to this thread's core\n", pinned, n); bad++; }
    int   status = 0;
    pid_t child = fork();
    if (child == 0) {
        pin(); /* LLVM's OpenMP gives a child all cores again */
        execl(argv[0], argv[0], "child", (char *)NULL);
        _exit(3);
    }
    waitpid(child, &status, 0);
    if (status != 0) { printf("a process on one core has helpers (%d)\n", status); bad++; }
    return bad != 0;
}
