/* embed_traps.c - a host that wants to hear of floating-point exceptions, by flags (fetestexcept) or by traps (feenableexcept).
 *
 * 1. Right results on finite operands raise none of invalid, divide-by-zero and overflow: loops, products, reductions,
 *    sorts and a training step run with these trapped.
 * 2. What is wrong raises its exception in the thread that made the call, whoever computed the element: as a flag, or as a
 *    SIGFPE there.
 * 3. A helper that was made while the host trapped does not die of what the host lets pass afterwards.
 */
#define _GNU_SOURCE
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <tapir.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

enum { N = 1 << 20, BAD = FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW };
static pthread_t host;

static void train(tp_tape *T)
{
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 64, 256, NULL), tp_nn_relu(T), tp_nn_linear(T, 256, 10, NULL));
    tp_optim  *o = tp_optim_adam(T, tp_module_params(net), NULL);
    for (int i = 0; i < 20; i++) {
        tp_optim_zero_grad(o);
        tp_tensor *x = tp_randn(T, TP_F32, tp_shape(512, 64)), *t = tp_randint(T, TP_I64, tp_shape(512), 0, 10);
        tp_backward(T, tp_cross_entropy(T, tp_forward(T, net, x), t, NULL));
        tp_optim_step(T, o);
        tp_tape_reset(T);
    }
    tp_optim_free(o);
    tp_module_free(net);
}

static void loops(tp_tape *T, tp_dtype dtype)
{
    tp_tensor *x = tp_randn(T, dtype, tp_shape(N)), *p = tp_add_scalar(T, tp_abs(T, x), 0.1), *m = tp_randn(T, dtype, tp_shape(1000, 1000));
    tp_add(T, x, p);
    tp_mul(T, x, tp_scalar(T, dtype, 3));
    tp_div(T, x, p);
    tp_exp(T, x);
    tp_log(T, p);
    tp_sqrt(T, p);
    tp_sin(T, x);
    tp_tanh(T, x);
    tp_sigmoid(T, x);
    tp_pow(T, p, p);
    tp_maximum(T, x, p);
    tp_where(T, tp_gt(T, x, p), x, p);
    tp_sum(T, m);
    tp_sum_dims(T, m, 1, &(int){0}, false);
    tp_max(T, m);
    tp_softmax(T, m, 1);
    tp_cumsum(T, m, 0);
    tp_matmul(T, m, m);
    tp_matmul(T, m, tp_t(T, m));
    tp_sort(T, x, 0, false, NULL);
    tp_contiguous(T, tp_t(T, m));
    tp_to(T, m, dtype == TP_F32 ? TP_F64 : TP_F32);
    tp_to(T, m, TP_I64);
    tp_tape_reset(T);
}

/* The k-th element is divided by zero: arithmetic, unlike functions, always says so. */
static void divide(tp_tape *T, int64_t k)
{
    static float x[N];
    for (int i = 0; i < N; i++)
        x[i] = i == k ? 0 : 1;
    tp_reciprocal(T, tp_from(T, TP_F32, tp_shape(N), x));
    tp_tape_reset(T);
}

static void heard(int signal)
{
    (void)signal;
    _exit(pthread_equal(pthread_self(), host) ? 42 : 43);
}

/* The status of a child that divides by zero while the host traps that, at element k */
static int trapped(int64_t k)
{
    pid_t child = fork();
    if (child == 0) {
        sigaction(SIGFPE, &(struct sigaction){.sa_handler = heard}, NULL);
        tp_tape *T = tp_tape_new();
        feclearexcept(FE_ALL_EXCEPT);
        feenableexcept(FE_DIVBYZERO);
        divide(T, k);
        _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

/* Helpers are made while the host traps, and compute infinities when it does not. */
static int let_pass(void)
{
    pid_t child = fork();
    if (child == 0) {
        tp_tape *T = tp_tape_new();
        feenableexcept(FE_DIVBYZERO | FE_INVALID);
        tp_exp(T, tp_ones(T, TP_F32, tp_shape(N)));
        fedisableexcept(FE_ALL_EXCEPT);
        for (int i = 0; i < 20; i++) {
            tp_reciprocal(T, tp_zeros(T, TP_F32, tp_shape(N)));
            tp_tape_reset(T);
        }
        _exit(tp_error(T) != NULL);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

int main(void)
{
    int bad = 0, status;
    host = pthread_self();
    omp_set_num_threads(4);
    tp_tape *T = tp_tape_new();
    feclearexcept(FE_ALL_EXCEPT);
    loops(T, TP_F32);
    loops(T, TP_F64);
    train(T);
    if (fetestexcept(BAD)) {
        printf("right results raise%s%s%s\n", fetestexcept(FE_INVALID) ? " invalid" : "", fetestexcept(FE_DIVBYZERO) ? " divide-by-zero" : "", fetestexcept(FE_OVERFLOW) ? " overflow" : "");
        bad++;
    } else if (feenableexcept(BAD) != -1) {
        loops(T, TP_F32); /* or die */
        train(T);
        fedisableexcept(FE_ALL_EXCEPT);
    }
    for (int i = 0; i < 16; i++) {
        feclearexcept(FE_ALL_EXCEPT);
        divide(T, i * (N / 16) + 17);
        if (!fetestexcept(FE_DIVBYZERO)) { printf("element %d is divided by zero, without a flag\n", i * (N / 16) + 17); bad++; }
    }
    if (tp_error(T)) { printf("%s\n", tp_error(T)); bad++; }
    tp_tape_free(T);
    if (feenableexcept(0) == -1) return bad != 0; /* a processor without traps */
    for (int i = 0; i < 16; i++)
        if ((status = trapped(i * (N / 16) + 17)) != 42) {
            printf("element %d traps %s (%d)\n", i * (N / 16) + 17, status == 43 ? "in another thread" : "not in the host's", status);
            bad++;
        }
    if ((status = let_pass()) != 0) { printf("what the host lets pass ends it: %d\n", status); bad++; }
    return bad != 0;
}
