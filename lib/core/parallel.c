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
 * the core, then they sleep: to wake one takes tens of microseconds.
 *
 * The chunks depend on the sizes alone, and a body gives the same bits for any cut.
 */
#define _DEFAULT_SOURCE
#include "core/core.h"

#ifdef _OPENMP

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

enum { MOST = 63, CHUNKS = 16, SPINS = 20000, YIELDS = 5000, LINE = 64 };

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
    share share[MOST + 1];
    struct {
        _Alignas(LINE) _Atomic uint64_t chunks; /* ever done by this thread */
    } done[MOST + 1];
    _Alignas(LINE) atomic_int sleepers;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    _Alignas(LINE) atomic_flag taken; /* one loop at a time; others run alone. The rest is the taker's. */
    bool minds_forks;
    int threads;
    uint64_t posted; /* chunks ever */
    int64_t rest;    /* until when loops run alone */
    pthread_t thread[MOST];
} pool = {.taken = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

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

/* Its own share first, then what is left of the others'. */
static void run_chunks(int me)
{
    int shares = atomic_load_explicit(&pool.shares, memory_order_relaxed);
    for (int k = 0; k < shares && me < shares; k++) {
        share *s = &pool.share[(me + k) % shares];
        int64_t begin, end;
        while (take(s, &begin, &end)) {
            pool.body(begin, end, pool.user);
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

/* True where there has been a loop since the `seen`-th. */
static bool await_bell(unsigned seen)
{
    for (int i = 0; i < SPINS + YIELDS; i++) {
        if (atomic_load_explicit(&pool.bell, memory_order_acquire) != seen)
            return true;
        if (i < SPINS)
            pause_a_little();
        else
            sched_yield();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.bell) == seen && !atomic_load(&pool.stop))
        pthread_cond_wait(&pool.wake, &pool.lock);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.lock);
    return !atomic_load(&pool.stop);
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
    return NULL;
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
    atomic_store(&pool.sleepers, 0);
    pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    pool.wake = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    atomic_flag_clear(&pool.taken);
}

/* At least `want` helpers, where the system gives them. Called by the one that has the pool. */
static int have_helpers(int want)
{
    if (!pool.minds_forks && pthread_atfork(NULL, NULL, forget_helpers) != 0)
        return 0;
    pool.minds_forks = true;
    for (; pool.threads < want && pool.threads < MOST; pool.threads++)
        if (pthread_create(&pool.thread[pool.threads], NULL, helper, (void *)(intptr_t)(pool.threads + 1)) != 0)
            break;
    return (int)least(pool.threads, want);
}

/* Before the library's code goes. The pool stays taken, so that loops of threads that go on run alone; one that is at
 * work is waited for, but not where it is this thread's own that calls exit. */
__attribute__((destructor)) static void stop_helpers(void)
{
    for (int i = 0; atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire); i++) {
        if (i > SPINS)
            return;
        sched_yield();
    }
    atomic_store(&pool.stop, true);
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    for (int i = 0; i < pool.threads; i++)
        pthread_join(pool.thread[i], NULL);
    pool.threads = 0;
}

static bool run_together(int64_t n, int64_t grain, int want, tp__range_fn body, void *user)
{
    if (atomic_flag_test_and_set_explicit(&pool.taken, memory_order_acquire))
        return false;
    int64_t start = nanoseconds();
    int helpers = start < pool.rest ? 0 : have_helpers(want);
    if (helpers > 0) {
        post(n, grain, helpers + 1, body, user);
        int threads = tp__alone_begin(); /* as the helpers are */
        run_chunks(0);
        tp__alone_end(threads);
        await_chunks(start);
    }
    atomic_flag_clear_explicit(&pool.taken, memory_order_release);
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
    int64_t most = n / grain; /* threads that find enough to do */
    if (most > 1 && !omp_in_parallel() && (threads = omp_get_max_threads()) > 1) {
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
