/* embed_exit.c - a host calls exit() while threads of its own still compute: the process ends at once, with its status.
 *
 * (A server that stops, a solver that gives up: nobody joins the workers first.) The library may not wait for loops that
 * go on and on.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tapir.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *compute(void *unused)
{
    (void)unused;
    tp_tape   *T = tp_tape_new();
    tp_tensor *x = tp_keep(tp_ones(T, TP_F32, tp_shape(1 << 19)));
    for (;;) {
        tp_sum(T, tp_exp(T, x));
        tp_tape_reset(T);
    }
    return NULL;
}

int main(void)
{
    int bad = 0;
    for (int round = 0; round < 4 && !bad; round++) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t t;
            omp_set_num_threads(4);
            for (int i = 0; i < 3; i++)
                pthread_create(&t, NULL, compute, NULL);
            nanosleep(&(struct timespec){0, 30000000}, NULL);
            exit(17);
        }
        int    status = 0;
        double start = seconds();
        while (waitpid(child, &status, WNOHANG) == 0 && seconds() - start < 4)
            nanosleep(&(struct timespec){0, 10000000}, NULL);
        if (seconds() - start >= 4) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            printf("exit() takes more than 4 seconds\n");
            bad++;
        } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 17) {
            printf("exit(17) ends as %s %d\n", WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            bad++;
        }
    }
    return bad != 0;
}
