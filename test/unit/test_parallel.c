/* test_parallel.c - loops over ranges: each element once, whoever helps; from several threads, within each other,
 * after a fork; in the caller's floating-point mode; by helpers that take no signals, and end when there is nothing to do. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/core.h"
#include "support/support.h"

#include <dirent.h>
#include <fenv.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

enum { MOST = 70000 };

typedef struct {
    int64_t n, grain;
    atomic_int *times; /* that each element was met */
    atomic_int astray; /* ranges that begin or end where none should */
} census;

static void count(int64_t begin, int64_t end, void *user)
{
    census *c = user;
    if (begin % c->grain != 0 || (end % c->grain != 0 && end != c->n) || begin >= end)
        atomic_fetch_add(&c->astray, 1);
    for (int64_t i = begin; i < end; i++)
        atomic_fetch_add_explicit(&c->times[i], 1, memory_order_relaxed);
}

static bool each_once(atomic_int *times, int64_t n, int64_t grain)
{
    census c = {.n = n, .grain = grain, .times = times};
    bool once = true;
    memset(times, 0, (size_t)(n + 1) * sizeof *times);
    tp__parallel_for(n, grain, count, &c);
    for (int64_t i = 0; i < n; i++)
        once &= atomic_load(&times[i]) == 1;
    return once && atomic_load(&times[n]) == 0 && atomic_load(&c.astray) == 0;
}

static bool all_sizes(void)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 1000, 1024, 65537},
                         grains[] = {1, 2, 7, 64, 5000};
    atomic_int *times = malloc((MOST + 1) * sizeof *times);
    bool good = times != NULL;
    for (size_t s = 0; good && s < LENGTH(sizes); s++)
        for (size_t g = 0; g < LENGTH(grains); g++)
            good = good && each_once(times, sizes[s], grains[g]);
    free(times);
    return good;
}

START_TEST(every_element_once)
{
    omp_set_num_threads(_i);
    ck_assert(all_sizes());
}
END_TEST

static void *loops(void *bad)
{
    for (int i = 0; i < 20; i++)
        if (!all_sizes())
            atomic_fetch_add((atomic_int *)bad, 1);
    return NULL;
}

START_TEST(from_several_threads_at_once)
{
    pthread_t thread[4];
    atomic_int bad = 0;
    omp_set_num_threads(3);
    for (size_t i = 0; i < LENGTH(thread); i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, loops, &bad), 0);
    for (size_t i = 0; i < LENGTH(thread); i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(atomic_load(&bad), 0);
}
END_TEST

static void inner(int64_t begin, int64_t end, void *user)
{
    for (int64_t i = begin; i < end; i++)
        if (!each_once((atomic_int *)user + i * 101, 100, 1))
            ((atomic_int *)user)[16 * 101] = 1;
}

START_TEST(within_each_other)
{
    static atomic_int times[16 * 101 + 1];
    omp_set_num_threads(4);
    for (int round = 0; round < 200; round++)
        tp__parallel_for(16, 1, inner, times);
    ck_assert_int_eq(times[16 * 101], 0);
}
END_TEST

/* ---- owned tensors on several tapes ---- */

typedef struct {
    tp_tensor *x, *w, *g; /* an operand, a parameter, the gradient that the root is given */
    pthread_barrier_t met;
    atomic_int bad;
} shared;

enum { SHARERS = 4, STEPS = 20, SHARED = 300 };

/* d/da sum(g a x w) = g x w, where the tape's own leaf is a alone. */
static void share_once(tp_tape *T, shared *s, bool frees)
{
    tp_tensor *a = tp_requires_grad(tp_full(T, TP_F64, tp_shape(SHARED), 3), true);
    tp_tensor *y = tp_mul(T, tp_mul(T, a, s->x), s->w), *grad = NULL;
    tp_gradients(T, 1, &y, 1, &a, &grad, &(tp_gradients_options){.grad_outputs = &s->g});
    for (int64_t i = 0; i < SHARED && !tp_error(T); i++)
        if (((const double *)tp_data(grad))[i] != 2.0 * 5.0 * 7.0 || ((const double *)tp_data(y))[i] != 3.0 * 2.0 * 5.0)
            atomic_fetch_add(&s->bad, 1);
    atomic_fetch_add(&s->bad, tp_error(T) != NULL);
    if (frees) { /* the graphs of all hold them; the last that is given back takes them along */
        int met = pthread_barrier_wait(&s->met);
        if (met == PTHREAD_BARRIER_SERIAL_THREAD) {
            tp_free(s->x);
            tp_free(s->g);
        }
    }
    tp_tape_reset(T);
}

static void *share(void *user)
{
    shared *s = user;
    tp_tape *T = tp_tape_new();
    for (int step = 0; step < STEPS; step++)
        share_once(T, s, step == STEPS - 1);
    tp_tape_free(T);
    return NULL;
}

START_TEST(owned_on_several_tapes)
{
    pthread_t thread[SHARERS];
    shared s = {0};
    tp_tape *T = tp_tape_new();
    s.x = tp_keep(tp_full(T, TP_F64, tp_shape(SHARED), 2));
    s.w = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(SHARED), 5)), true);
    s.g = tp_keep(tp_full(T, TP_F64, tp_shape(SHARED), 7));
    ck_assert_int_eq(pthread_barrier_init(&s.met, NULL, SHARERS), 0);
    tp_tape_free(T); /* they outlive it */
    for (int i = 0; i < SHARERS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, share, &s), 0);
    for (int i = 0; i < SHARERS; i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(atomic_load(&s.bad), 0);
    tp_free(s.w);
    pthread_barrier_destroy(&s.met);
}
END_TEST

/* The child of a fork has helpers of its own, even where the parent's were at work. */
START_TEST(after_a_fork)
{
    pthread_t other;
    atomic_int bad = 0;
    omp_set_num_threads(3);
    ck_assert(all_sizes());
    ck_assert_int_eq(pthread_create(&other, NULL, loops, &bad), 0);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(all_sizes() ? 0 : 1);
        int status = -1;
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    pthread_join(other, NULL);
    ck_assert_int_eq(atomic_load(&bad), 0);
}
END_TEST

/* ---- what is the host's ------------------------------------------------------------------------------------------ */

static unsigned control_word(void) /* rounding, flushing, masks */
{
#if defined(__x86_64__)
    return __builtin_ia32_stmxcsr() & ~0x3fu;
#else
    return (unsigned)fegetround();
#endif
}

static void set_control_word(unsigned word)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(word);
#else
    fesetround((int)word);
#endif
}

typedef struct {
    pthread_t caller;
    unsigned mode;
    atomic_int others, wrong; /* chunks that helpers ran; chunks in another mode, or where a signal could be taken */
} surroundings;

static void look_around(int64_t begin, int64_t end, void *user)
{
    surroundings *s = user;
    bool helper = !pthread_equal(pthread_self(), s->caller);
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    bool takes = sigismember(&blocked, SIGUSR1) == 0 || sigismember(&blocked, SIGALRM) == 0 ||
                 sigismember(&blocked, SIGTERM) == 0 || sigismember(&blocked, SIGCHLD) == 0;
    if (control_word() != s->mode || (helper && takes))
        atomic_fetch_add(&s->wrong, 1);
    if (helper)
        atomic_fetch_add(&s->others, 1);
    for (volatile int64_t i = 0; i < 20000 * (end - begin);)
        i = i + 1;
    if (helper && begin % 2 == 0)
        feraiseexcept(FE_UNDERFLOW);
}

START_TEST(surrounded_as_the_caller)
{
#if defined(__x86_64__)
    /* flush, up, down, cut and denormals, both zero */
    static const unsigned modes[] = {0, 0x8000, 0x4000, 0x6040, 0x8040};
#endif
    unsigned usual = control_word();
    surroundings s = {.caller = pthread_self()};
    omp_set_num_threads(3);
    for (int round = 0; round < 200; round++) {
#if defined(__x86_64__)
        s.mode = usual | modes[round % (int)LENGTH(modes)];
#else
        s.mode = (unsigned)(round % 2 ? FE_UPWARD : FE_TONEAREST);
#endif
        feclearexcept(FE_ALL_EXCEPT);
        set_control_word(s.mode);
        int before = atomic_load(&s.others);
        tp__parallel_for(64, 1, look_around, &s);
        unsigned after = control_word();
        bool raised = fetestexcept(FE_UNDERFLOW) != 0, helped = atomic_load(&s.others) - before > 32;
        set_control_word(usual);
        ck_assert_uint_eq(after, s.mode);
        ck_assert_msg(raised || !helped, "an exception in a helper is lost");
    }
    ck_assert_int_eq(atomic_load(&s.wrong), 0);
}
END_TEST

static int threads_now(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *e; tasks && (e = readdir(tasks)) != NULL;)
        n += e->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return n;
}

START_TEST(helpers_end)
{
    omp_set_num_threads(3);
    for (int round = 0; round < 3; round++) {
        ck_assert(all_sizes());
        for (int i = 0; i < 2000 && threads_now() > 1; i++)
            usleep(10000);
        ck_assert_int_le(threads_now(), 1); /* 0 where there is no /proc */
    }
}
END_TEST

/* ---- buffers for bodies ---------------------------------------------------------------------------------------- */

static void scribble(int64_t begin, int64_t end, void *bad)
{
    for (int64_t i = begin; i < end; i++) {
        char *s = tp__scratch_take();
        memset(s, (int)i & 127, TP__SCRATCH);
        sched_yield();
        for (size_t k = 0; k < TP__SCRATCH; k += 4096)
            if (s[k] != (char)(i & 127) || (uintptr_t)s % 64 != 0)
                atomic_fetch_add((atomic_int *)bad, 1);
        tp__scratch_give(s);
    }
}

static void *scribbles(void *bad)
{
    scribble(0, 50, bad);
    return NULL;
}

START_TEST(one_buffer_one_body)
{
    enum { THREADS = 90 }; /* more than there are buffers */
    pthread_t thread[THREADS];
    atomic_int bad = 0;
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, scribbles, &bad), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    ck_assert_int_eq(atomic_load(&bad), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("parallel");
    TCase *c = tcase_create("loops"), *f = tcase_create("fork"); /* what ThreadSanitizer does not take */
    tcase_set_timeout(c, 60);
    tcase_set_timeout(f, 60);
    tcase_add_loop_test(c, every_element_once, 1, 6);
    tcase_add_test(c, from_several_threads_at_once);
    tcase_add_test(c, within_each_other);
    tcase_add_test(c, owned_on_several_tapes);
    tcase_add_test(c, surrounded_as_the_caller);
    tcase_add_test(c, one_buffer_one_body);
    tcase_add_test(f, after_a_fork);
    tcase_add_test(f, helpers_end);
    suite_add_tcase(s, c);
    suite_add_tcase(s, f);
    return run_suite(s);
}
