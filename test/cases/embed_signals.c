/* embed_signals.c - a host with signals: a timer every 0.2 ms, and a signal that it holds back while it must.
 *
 * 1. Training under a storm of SIGALRM gives the same bits as without.
 * 2. The host has one thread. What it blocks by sigprocmask is held back until it says so: no thread that the library
 *    made may take it (helper threads block all signals).
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <tapir.h>
#include <time.h>
#include <unistd.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

enum { IN = 64, WIDE = 128, STEPS = 150 };
static volatile sig_atomic_t ticks, taken;
static void tick(int s) { (void)s; ticks++; }
static void take(int s) { (void)s; taken++; }

static void train(float weight[WIDE * IN])
{
    tp_tape   *T = tp_tape_new();
    tp_manual_seed(T, 1);
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, IN, WIDE, NULL), tp_nn_tanh(T), tp_nn_linear(T, WIDE, 8, NULL));
    tp_optim  *o = tp_optim_adam(T, tp_module_params(net), NULL);
    for (int i = 0; i < STEPS; i++) {
        tp_optim_zero_grad(o);
        tp_tensor *x = tp_randn(T, TP_F32, tp_shape(256, IN));
        tp_backward(T, tp_mse_loss(T, tp_forward(T, net, x), tp_narrow(T, x, 1, 0, 8), TP_MEAN));
        tp_optim_step(T, o);
        tp_tape_reset(T);
    }
    memset(weight, 0, sizeof(float) * WIDE * IN);
    if (tp_error(T)) printf("%s\n", tp_error(T));
    else memcpy(weight, tp_data(tp_module_param(net, "0.weight")), sizeof(float) * WIDE * IN);
    tp_optim_free(o);
    tp_module_free(net);
    tp_tape_free(T);
}

int main(void)
{
    static float calm[WIDE * IN], storm[WIDE * IN];
    int          bad = 0;
    omp_set_num_threads(4);
    train(calm);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = tick}, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 200}, {0, 200}}, NULL);
    train(storm);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
    if (memcmp(calm, storm, sizeof calm) != 0 || calm[0] == 0) { printf("other bits after %d signals\n", (int)ticks); bad++; }

    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 10; i++) { /* the helpers are there */
        tp_exp(T, tp_ones(T, TP_F32, tp_shape(1 << 20)));
        tp_tape_reset(T);
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaction(SIGUSR1, &(struct sigaction){.sa_handler = take}, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1);
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    if (taken != 0) { printf("the handler of a blocked signal ran, in a thread that is not the host's\n"); bad++; }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (taken != 1) { printf("the handler ran %d times in all\n", (int)taken); bad++; }
    if (tp_error(T)) { printf("%s\n", tp_error(T)); bad++; }
    tp_tape_free(T);
    return bad != 0;
}
