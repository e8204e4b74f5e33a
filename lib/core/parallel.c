/* parallel.c - loops over ranges, on helper threads that take what the caller has not begun.
 *
 * A range is cut into shares, one a thread, and these into chunks. The caller takes the chunks of its share one after
 * another, and so do the helpers that are awake and on a processor; who is done goes on with the others' shares. So
 * the caller never waits for a helper to come, only for chunks that one has taken: where another process holds a
 * core, a loop is as fast as on the cores that are left. (OpenMP's regions wait for every thread at every barrier;
 * with one busy neighbour that costs a time slice each, and small steps become a hundred times slower.) And the same
 * part of an array is the same core's from loop to loop, whose caches have it: cores may share none.
 * A helper that loses its core in the middle of a chunk keeps the caller waiting for a time slice; where that happens,
 * loops run alone for a while, many times as long.
 * Helpers look for work for some hundred microseconds after the last, for some milliseconds whenever nobody else wants
 * the core, then they sleep: to wake one takes tens of microseconds. Who has slept for a fifth of a second ends, so that a
 * process whose own threads have all ended (by pthread_exit, the main one too) ends soon after; the next loop makes
 * new ones.
 *
 * The chunks depend on the sizes alone, and a body gives the same bits for any cut.
 *
 * The process is the host's:
 * - A chunk runs in the floating-point mode of its loop's caller: rounding, flushing of subnormals. Helpers mask traps; the
 *   exceptions that they raise are raised in the caller when the loop is done, where they trap if the host wants that.
 * - Helpers may run where the thread that makes them may; where that is one core, they would stand in its way: then where
 *   the library's loader could run; where that was one core, too, there are none (thread.c).
 * - exit() waits for no loop at work; dlclose, when there can be none, for helpers to have left the library's code.
 */
#define _POSIX_C_SOURCE 200809L
#include "core/core.h"

#ifdef _OPENMP

#include <errno.h>
#include <fenv.h>
#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

enum {
    MOST = 63,
    CHUNKS = 16,
    SPINS = 20000,
    YIELDS = 5000,
    LINE = 64,
    KEEP = 200000000 /* nanoseconds without a loop, after which a helper ends */
};

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* A core that reads what another has written waits for the line, so what is written together lies together, and what
 * different threads write lies apart. */

/* One thread's part of the range. Who takes one off `left` has a chunk. A loop ends when all its chunks are done, so a
 * chunk that can be had is always one of the loop at work, and all it needs stays there until it is done; a thread that
 * comes late finds none, and reads nothing else. */
typedef struct {
    _Alignas(LINE) atomic_int left; /* chunks */
    int chunks;
    int64_t begin, end, size; /* of the part; of a chunk */
} share;

static struct {
    _Alignas(LINE) atomic_uint bell; /* loops so far: helpers look at it */
    atomic_int shares;               /* the caller's is the first, helper i's the one after the i-th */
    tp__range_fn body;
    void *user;
    unsigned loop; /* which one this is, from 1 on */
    fenv_t mode;   /* the caller's */
    share share[MOST + 1];
    struct {
        _Alignas(LINE) _Atomic uint64_t chunks; /* ever done by this thread */
        int raised;                             /* floating-point exceptions, in this loop */
    } done[MOST + 1];
    _Alignas(LINE) atomic_int sleepers;
    atomic_bool stop; /* no more helpers, for good */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Alignas(LINE) atomic_flag taken; /* one loop at a time; others run alone. The rest is the taker's. */
    bool ready;
    int threads;     /* helpers that there ever were: those below have places in `helper` */
    uint64_t posted; /* chunks ever */
    int64_t rest;    /* until when loops run alone */
    struct {
        pthread_t thread;
        bool made;         /* and not joined */
        atomic_bool ended; /* or about to: takes no more chunks */
    } helper[MOST];
} pool = {.taken = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER};

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- a loop, from both sides ----------------------------------------------------------------------------------- */

/* Takes a chunk of s; false where there is none left. */
static bool take(share *s, int64_t *begin, int64_t *end)
{
    int left = atomic_load_explicit(&s->left, memory_order_relaxed);
    do {
        if (left == 0)
            return false;
    } while (
        !atomic_compare_exchange_weak_explicit(&s->left, &left, left - 1, memory_order_acquire, memory_order_relaxed));
    *begin = s->begin + (s->chunks - left) * s->size;
    *end = least(*begin + s->size, s->end);
    return true;
}

/* As the caller computes, but that nothing traps here, and no exception has been raised yet. */
static void take_mode(void)
{
    fenv_t masked;
    fesetenv(&pool.mode);
    feholdexcept(&masked);
}

/* Its own share first, then what is left of the others'. A helper may meet a new loop on its way. */
static void run_chunks(int me)
{
    int shares = atomic_load_explicit(&pool.shares, memory_order_relaxed);
    unsigned mode_of = 0;
    for (int k = 0; k < shares && me < shares; k++) {
        share *s = &pool.share[(me + k) % shares];
        int64_t begin, end;
        while (take(s, &begin, &end)) {
            if (me > 0 && mode_of != pool.loop)
                take_mode();
            mode_of = pool.loop;
            pool.body(begin, end, pool.user);
            if (me > 0)
                pool.done[me].raised = fetestexcept(FE_ALL_EXCEPT);
            atomic_fetch_add_explicit(&pool.done[me].chunks, 1, memory_order_release);
        }
    }
}

/* Shares and chunks are multiples of the grain. */
static void post(int64_t n, int64_t grain, int shares, tp__range_fn body, void *user)
{
    int64_t blocks = (n + grain - 1) / grain, each = (blocks + shares - 1) / shares;
    int64_t chunks = (CHUNKS + shares - 1) / shares, size = (each + chunks - 1) / chunks * grain;
    pool.body = body;
    pool.user = user;
    pool.loop++;
    fegetenv(&pool.mode);
    for (int i = 0; i < shares; i++)
        pool.done[i].raised = 0;
    atomic_store_explicit(&pool.shares, shares, memory_order_relaxed);
    for (int i = 0; i < shares; i++) {
        share *s = &pool.share[i];
        s->begin = least(i * each * grain, n);
        s->end = least(s->begin + each * grain, n);
        s->size = size;
        s->chunks = (int)((s->end - s->begin + size - 1) / size);
        pool.posted += (uint64_t)s->chunks;
        atomic_store_explicit(&s->left, s->chunks, memory_order_release);
    }
    atomic_store_explicit(&pool.bell, atomic_load_explicit(&pool.bell, memory_order_relaxed) + 1, memory_order_release);
    if (atomic_load_explicit(&pool.sleepers, memory_order_relaxed) > 0) { /* one that falls asleep just now sleeps on */
        pthread_mutex_lock(&pool.lock);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.lock);
    }
}

static uint64_t chunks_done(void)
{
    uint64_t sum = 0;
    for (int i = 0; i <= pool.threads; i++)
        sum += atomic_load_explicit(&pool.done[i].chunks, memory_order_acquire);
    return sum;
}

static int64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* Waits for chunks that others have. Much longer than the loop took so far: one of them has lost its core. */
static void await_chunks(int64_t start)
{
    enum { PATIENCE = 2000, LONG = 300000, REST = 16 }; /* turns; nanoseconds; times the wait */
    int64_t since = 0;
    for (int i = 0; chunks_done() != pool.posted; i++) {
        pause_a_little();
        if (i == PATIENCE)
            since = nanoseconds();
        if (i > SPINS)
            sched_yield();
    }
    if (since == 0)
        return;
    int64_t now = nanoseconds(), waited = now - since;
    if (waited > LONG && waited > (since - start) / 2)
        pool.rest = now + REST * waited;
}

/* ---- helpers ----------------------------------------------------------------------------------------------------- */

static struct timespec time_at(int64_t nanoseconds)
{
    return (struct timespec){nanoseconds / INT64_C(1000000000), nanoseconds % INT64_C(1000000000)};
}

/* False where there has been no loop since the `seen`-th for long, or there will be none. */
static bool sleep_until_bell(unsigned seen)
{
    struct timespec until = time_at(nanoseconds() + KEEP);
    int timed_out = 0;
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.bell) == seen && !atomic_load(&pool.stop) && !timed_out)
        timed_out = pthread_cond_timedwait(&pool.wake, &pool.lock, &until);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
    return atomic_load(&pool.bell) != seen && !atomic_load(&pool.stop);
}

static bool await_bell(unsigned seen)
{
    for (int i = 0; i < SPINS + YIELDS; i++) {
        if (atomic_load_explicit(&pool.stop, memory_order_relaxed))
            return false;
        if (atomic_load_explicit(&pool.bell, memory_order_acquire) != seen)
            return true;
        if (i < SPINS)
            pause_a_little();
        else
            sched_yield();
    }
    return sleep_until_bell(seen);
}

static void *helper(void *arg)
{
    int me = (int)(intptr_t)arg;
    unsigned seen = 0;
    omp_set_num_threads(1); /* of this thread alone: BLAS does not divide what is divided already */
    while (await_bell(seen)) {
        seen = atomic_load_explicit(&pool.bell, memory_order_acquire);
        run_chunks(me);
    }
    atomic_store_explicit(&pool.helper[me - 1].ended, true, memory_order_release);
    return NULL;
}

/* How long helpers sleep is counted on the clock that nobody sets. */
static bool make_condition(void)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&pool.wake, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok;
}

/* A fork's child has no helpers. */
static void forget_helpers(void)
{
    pool.threads = 0;
    pool.posted = 0;
    for (int i = 0; i <= MOST; i++) {
        atomic_store(&pool.share[i].left, 0);
        atomic_store(&pool.done[i].chunks, 0);
    }
    for (int i = 0; i < MOST; i++)
        pool.helper[i].made = false;
    atomic_store(&pool.sleepers, 0);
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.ready = make_condition();
    atomic_flag_clear(&pool.taken);
}

/* Its code is left behind when this returns. */
static void join_helper(int i)
{
    pthread_join(pool.helper[i].thread, NULL);
    pool.helper[i].made = false;
    atomic_store_explicit(&pool.helper[i].ended, false, memory_order_relaxed);
}

/* `want` helpers, or as many as the system gives. Called by the one that has the pool. */
static int have_helpers(int want)
{
    int i = 0;
    if (!pool.ready)
        pool.ready = pthread_atfork(NULL, NULL, forget_helpers) == 0 && make_condition();
    if (!pool.ready || atomic_load_explicit(&pool.stop, memory_order_relaxed))
        return 0;
    for (; i < want && i < MOST; i++) {
        if (pool.helper[i].made && atomic_load_explicit(&pool.helper[i].ended, memory_order_acquire))
            join_helper(i);
        if (!pool.helper[i].made &&
            !(pool.helper[i].made = tp__thread_start(&pool.helper[i].thread, helper, (void *)(intptr_t)(i + 1), true)))
            break;
    }
    pool.threads = i > pool.threads ? i : pool.threads;
    return i;
}

/* Before the library's code goes. A loop that is at work has been left behind by exit(), which waits for nobody: its
 * helpers go on until the process ends, and loops that others begin run alone. When there is none, the code may be
 * unmapped. */
__attribute__((destructor)) static void stop_helpers(void)
{
    atomic_store(&pool.stop, true);
    if (atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire) || !pool.ready)
        return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.threads; i++)
        if (pool.helper[i].made)
            join_helper(i);
}

/* Exceptions that helpers have met and this thread has not. */
static int exceptions_of_helpers(void)
{
    int raised = 0;
    for (int i = 1; i < atomic_load_explicit(&pool.shares, memory_order_relaxed); i++)
        raised |= pool.done[i].raised;
    return raised & ~fetestexcept(FE_ALL_EXCEPT);
}

static bool run_together(int64_t n, int64_t grain, int want, tp__range_fn body, void *user)
{
    if (atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire))
        return false;
    int64_t start = nanoseconds();
    int raised = 0, helpers = start < pool.rest ? 0 : have_helpers(want);
    if (helpers > 0) {
        post(n, grain, helpers + 1, body, user);
        int threads = tp__alone_begin(); /* as the helpers are */
        run_chunks(0);
        tp__alone_end(threads);
        await_chunks(start);
        raised = exceptions_of_helpers();
    }
    atomic_flag_clear_explicit(&pool.taken, memory_order_release);
    if (raised) /* may trap, when all is in order */
        feraiseexcept(raised);
    return helpers > 0;
}

int tp__alone_begin(void)
{
    int threads = omp_get_max_threads();
    if (threads > 1)
        omp_set_num_threads(1);
    return threads;
}

void tp__alone_end(int threads)
{
    if (threads > 1)
        omp_set_num_threads(threads);
}

#else

int tp__alone_begin(void) { return 1; }
void tp__alone_end(int threads) { (void)threads; }

#endif

void tp__parallel_for(int64_t n, int64_t grain, tp__range_fn body, void *user)
{
#ifdef _OPENMP
    int threads;
    if (n / 2 >= grain && !omp_in_parallel() && (threads = omp_get_max_threads()) > 1) {
        int64_t most = n / grain; /* threads that find enough to do */
        int want = (most < threads ? (int)most : threads) - 1;
        if (run_together(n, grain, want > MOST ? MOST : want, body, user))
            return;
    }
#else
    (void)grain;
#endif
    if (n > 0)
        body(0, n, user);
}
