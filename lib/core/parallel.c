/* parallel.c - loops over ranges, on helper threads that take what the caller has not begun.
 *
 * A range is cut into shares, one a thread, and these into chunks. The caller takes the chunks of its share one after
 * another, and so do the helpers that are awake and on a processor; who is done goes on with the others' shares. So
 * the caller never waits for a helper to come, only for chunks that one has taken: where another process holds a
 * core, a loop is as fast as on the cores that are left. (OpenMP's regions wait for every thread at every barrier;
 * with one busy neighbour that costs a time slice each, and small steps become a hundred times slower.) And the same
 * part of an array is the same core's from loop to loop, whose caches have it: cores may share none.
 * Helpers look for work for some hundred microseconds after the last, then sleep.
 *
 * The chunks depend on the sizes alone, and a body gives the same bits for any cut.
 */
#define _DEFAULT_SOURCE
#include "core/core.h"

#ifdef _OPENMP

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { MOST = 63, CHUNKS = 16, SPINS = 20000 };

typedef struct {
    _Alignas(64) _Atomic int64_t next; /* a line of its own: it is written by its thread alone, mostly */
    int64_t end;
} share;

typedef struct {
    tp__range_fn body;
    void *user;
    int64_t size; /* of a chunk */
    int shares;   /* the caller's is the first, helper i's the one after the i-th */
    share share[MOST + 1];
} loop;

static struct {
    atomic_flag taken; /* one loop at a time; others run alone */
    atomic_bool open;  /* the loop below may be joined */
    atomic_int inside; /* helpers that look at it */
    atomic_uint count; /* loops so far */
    atomic_int sleepers, threads;
    atomic_bool stop;
    pid_t process; /* a fork has no helpers */
    pthread_t thread[MOST];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    loop loop;
} pool = {.taken = ATOMIC_FLAG_INIT, .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void run_chunks(loop *l, int me)
{
    for (int k = 0; k < l->shares; k++) {
        share *s = &l->share[(me + k) % l->shares];
        int64_t begin;
        while (atomic_load_explicit(&s->next, memory_order_relaxed) < s->end &&
               (begin = atomic_fetch_add_explicit(&s->next, l->size, memory_order_relaxed)) < s->end)
            l->body(begin, begin + l->size < s->end ? begin + l->size : s->end, l->user);
    }
}

/* Shares and chunks are multiples of the grain. */
static void divide(loop *l, int64_t n, int64_t grain, int shares)
{
    int64_t blocks = (n + grain - 1) / grain, each = (blocks + shares - 1) / shares;
    int64_t chunks = (CHUNKS + shares - 1) / shares;
    l->size = (each + chunks - 1) / chunks * grain;
    l->shares = shares;
    for (int64_t i = 0; i < shares; i++) {
        int64_t begin = i * each * grain, end = begin + each * grain;
        atomic_store_explicit(&l->share[i].next, begin, memory_order_relaxed);
        l->share[i].end = end < n ? end : n;
    }
}

/* True where there has been a loop since the `seen`-th. */
static bool await_loop(unsigned seen)
{
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load_explicit(&pool.count, memory_order_relaxed) != seen)
            return true;
        pause_a_little();
    }
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.sleepers, 1);
    while (atomic_load(&pool.count) == seen && !atomic_load(&pool.stop))
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
    while (await_loop(seen)) {
        seen = atomic_load(&pool.count);
        atomic_fetch_add(&pool.inside, 1); /* before `open` is read: a caller that closes then waits */
        if (atomic_load(&pool.open) && me + 1 < pool.loop.shares)
            run_chunks(&pool.loop, me + 1);
        atomic_fetch_sub(&pool.inside, 1);
    }
    return NULL;
}

static void wake_helpers(void)
{
    atomic_fetch_add(&pool.count, 1);
    if (atomic_load(&pool.sleepers) == 0)
        return;
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

/* At least `want` helpers, where the system gives them. Called by the one that has the pool. */
static int have_helpers(int want)
{
    if (pool.process != getpid()) {
        pool.process = getpid();
        atomic_store(&pool.threads, 0);
        atomic_store(&pool.inside, 0);
        atomic_store(&pool.sleepers, 0);
    }
    int n = atomic_load(&pool.threads);
    for (; n < want && n < MOST; n++)
        if (pthread_create(&pool.thread[n], NULL, helper, (void *)(intptr_t)n) != 0)
            break;
    atomic_store(&pool.threads, n);
    return n < want ? n : want;
}

/* Before the library's code goes. */
__attribute__((destructor)) static void stop_helpers(void)
{
    if (pool.process != getpid())
        return;
    atomic_store(&pool.stop, true);
    wake_helpers();
    for (int i = 0; i < atomic_load(&pool.threads); i++)
        pthread_join(pool.thread[i], NULL);
    atomic_store(&pool.threads, 0);
}

static bool run_together(int64_t n, int64_t grain, int want, tp__range_fn body, void *user)
{
    if (atomic_flag_test_and_set(&pool.taken))
        return false;
    int helpers = have_helpers(want), threads;
    if (helpers > 0) {
        pool.loop.body = body;
        pool.loop.user = user;
        divide(&pool.loop, n, grain, helpers + 1);
        atomic_store(&pool.open, true);
        wake_helpers();
        threads = tp__alone_begin(); /* as the helpers are */
        run_chunks(&pool.loop, 0);
        tp__alone_end(threads);
        atomic_store(&pool.open, false);
        for (int i = 0; atomic_load(&pool.inside) > 0; i++) {
            pause_a_little();
            if (i > SPINS)
                sched_yield();
        }
    }
    atomic_flag_clear(&pool.taken);
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
