/* embed_last_thread.c - a host whose main thread ends by pthread_exit; a worker computes and ends, and with it, as POSIX has
 * it, the process: threads that the library made do not keep it.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <tapir.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

static void compute(void)
{
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 20; i++) {
        tp_tensor *x = tp_ones(T, TP_F32, tp_shape(400, 1000));
        tp_matmul(T, tp_exp(T, x), tp_t(T, x));
        tp_tape_reset(T);
    }
    tp_tape_free(T);
}

static void *worker(void *arg)
{
    omp_set_num_threads(4);
    compute();
    return arg;
}

/* The child is a program of its own: LLVM's libomp 14 crashes in the destructor of its own thread data, without the library,
 * where a forked child's main thread leaves by pthread_exit. */
int main(int argc, char **argv)
{
    pid_t child = argc > 1 ? 0 : fork();
    if (child == 0 && argc == 1) {
        execl("/proc/self/exe", argv[0], "child", (char *)NULL);
        return 1;
    }
    if (child == 0) {
        pthread_t t;
        omp_set_num_threads(4);
        compute();
        pthread_create(&t, NULL, worker, NULL);
        pthread_detach(t);
        pthread_exit(NULL);
    }
    int status = 0;
    for (int i = 0; i < 500; i++) { /* five seconds */
        if (waitpid(child, &status, WNOHANG) == child) {
            if (status != 0) printf("the process ends with %d\n", status);
            return status != 0;
        }
        nanosleep(&(struct timespec){0, 10000000}, NULL);
    }
    kill(child, SIGKILL);
    printf("the process outlives its last thread\n");
    return 1;
}
