/* In a process with little address space left (RLIMIT_AS, ulimit -v) OpenBLAS asks for ever for the 128 MiB of its first
 * buffer. Products, solves and gradients fail instead, with TP_ENOMEM and a message; what needs no BLAS goes on, and so do
 * products when there is room again. Where there is room for one buffer, a process with many threads works with that. */
#define _GNU_SOURCE
#include <limits.h> /* __GLIBC__ */
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tapir.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#define CHECK(c) do { if (!(c)) { printf("%s, line %d; %s\n", #c, __LINE__, T && tp_error(T) ? tp_error(T) : ""); fflush(stdout); _exit(1); } } while (0)

static int leave_room(long megabytes)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld", &pages) != 1)
        return 0;
    fclose(f);
    struct rlimit r;
    getrlimit(RLIMIT_AS, &r);
    r.rlim_cur = megabytes < 0 ? r.rlim_max : (rlim_t)(pages * sysconf(_SC_PAGESIZE) + (megabytes << 20));
    return setrlimit(RLIMIT_AS, &r) == 0;
}

static tp_tensor *product(tp_tape *T, int64_t n)
{
    tp_tensor *a = tp_full(T, TP_F64, tp_shape(n, n), 2);
    return tp_matmul(T, a, tp_mT(T, a));
}

static void fails(tp_tape *T)
{
    CHECK(tp_error_status(T) == TP_ENOMEM && strstr(tp_error(T), "128 MiB"));
    printf("%s\n", tp_error(T));
    tp_clear_error(T);
}

static void none(void)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *eye = tp_eye(T, TP_F64, 40, 40), *lower = tp_tril(T, tp_ones(T, TP_F64, tp_shape(40, 40)), 0);
    CHECK(leave_room(100));
    product(T, 300);
    fails(T);
    tp_mv(T, eye, tp_ones(T, TP_F64, tp_shape(40)));
    fails(T);
    tp_linear(T, eye, eye, NULL);
    fails(T);
    tp_linalg_solve(T, eye, eye);
    fails(T);
    tp_linalg_cholesky(T, eye);
    fails(T);
    tp_linalg_solve_triangular(T, lower, eye, false);
    fails(T);
    tp_einsum(T, "ij,kj->ik", 2, (tp_tensor *[]){eye, eye});
    fails(T);
    CHECK(tp_item(tp_sum(T, tp_exp(T, tp_zeros(T, TP_F64, tp_shape(1000))))) == 1000);
    CHECK(leave_room(-1));
    CHECK(tp_item(product(T, 300)) == 1200 || tp_item_at(product(T, 300), 0) == 1200);
    tp_tape_free(T);
}

/* One buffer, four helpers; and afterwards as many threads of the program's own. */
static void *multiply(void *bad)
{
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 20 && !tp_error(T); i++, tp_tape_reset(T))
        if (tp_item_at(product(T, 300), 0) != 1200)
            *(int *)bad = 1;
    if (tp_error(T))
        printf("%s\n", tp_error(T));
    *(int *)bad |= tp_error(T) != NULL;
    tp_tape_free(T);
    return NULL;
}

static void one(void)
{
    tp_tape *T = NULL;
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int bad[THREADS] = {0};
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 1 << 20);
#ifdef M_ARENA_MAX
    mallopt(M_ARENA_MAX, 1); /* each would reserve 64 MiB or 128 */
#endif
#ifdef _OPENMP
    omp_set_num_threads(4);
#endif
    CHECK(leave_room(220));
    multiply(&bad[0]);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], &small, multiply, &bad[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        CHECK(!bad[i]);
}

static int run(const char *name, void (*f)(void))
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(30); /* a hang */
        f();
        fflush(stdout);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return 1;
    if (status != 0)
        printf("%s: status %#x\n", name, status);
    return status != 0;
}

int main(void)
{
    struct rlimit r;
    if (strncmp(tp_blas_info(), "OpenBLAS", 8) != 0 || access("/proc/self/statm", R_OK) != 0 || getrlimit(RLIMIT_AS, &r) != 0) {
        printf("another BLAS, or no /proc: %s\n", tp_blas_info());
        return 77;
    }
    return run("no room", none) | run("room for one", one);
}
