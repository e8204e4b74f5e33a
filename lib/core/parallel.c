/* parallel.c - loops over ranges, on helper threads that take what the caller has not begun.
 *
 * A range is cut into chunks; the caller takes one after another, and so do the helpers that are awake and on a
 * processor. The caller never waits for a helper to come, only for chunks that one has taken: where another process
 * holds a core, a loop is as fast as on the cores that are left. (OpenMP's regions wait for every thread at every
 * barrier; with one busy neighbour that costs a time slice each, and small steps become a hundred times slower.)
 * Helpers look for work for some tens of microseconds after the last, then sleep.
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
    tp__range_fn body;
    void *user;
    int64_t n, size; /* of the range, of a chunk */
    int helpers;     /* that may join */
    _Atomic int64_t next;
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

static void run_chunks(loop *l)
{
    int64_t begin;
    while ((begin = atomic_fetch_add_explicit(&l->next, l->size, memory_order_relaxed)) < l->n)
        l->body(begin, begin + l->size < l->n ? begin + l->size : l->n, l->user);
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
        if (atomic_load(&pool.open) && me < pool.loop.helpers)
            run_chunks(&pool.loop);
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

static bool run_together(int64_t n, int64_t size, int want, tp__range_fn body, void *user)
{
    if (atomic_flag_test_and_set(&pool.taken))
        return false;
    int helpers = have_helpers(want), threads;
    if (helpers > 0) {
        pool.loop.body = body;
        pool.loop.user = user;
        pool.loop.n = n;
        pool.loop.size = size;
        pool.loop.helpers = helpers;
        atomic_store_explicit(&pool.loop.next, 0, memory_order_relaxed);
        atomic_store(&pool.open, true);
        wake_helpers();
        threads = tp__alone_begin(); /* as the helpers are */
        run_chunks(&pool.loop);
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
    if (n > grain && !omp_in_parallel() && (threads = omp_get_max_threads()) > 1) {
        int64_t blocks = (n + grain - 1) / grain, each = (blocks + CHUNKS - 1) / CHUNKS;
        if (run_together(n, each * grain, threads > MOST ? MOST : threads - 1, body, user))
            return;
    }
#else
    (void)grain;
#endif
    if (n > 0)
        body(0, n, user);
}
