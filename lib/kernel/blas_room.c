/* blas_room.c - address space for OpenBLAS's buffers.
 *
 * A call into OpenBLAS may take a buffer of 128 MiB. OpenBLAS maps one when more calls are under way than ever before, and
 * keeps it; where the system refuses (RLIMIT_AS, strict overcommit), it asks again for ever. So calls are counted, and
 * before there are more of them than ever the system is asked for as much, and OpenBLAS made to take it. Where there is room
 * for no buffer at all, a product fails; where there is room for some, who finds none waits for another call to end.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "kernel/blas_kind.h"

#include <cblas.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

enum { BUFFER = (128 << 20) + (1 << 20) }; /* and what OpenBLAS aligns it by */

static _Atomic int buffers, under_way;
static atomic_bool refused; /* when last asked for the first */
static atomic_flag growing = ATOMIC_FLAG_INIT;

static bool has_room(void)
{
    void *p = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    munmap(p, BUFFER);
    return true;
}

/* A call that takes a buffer, whatever the kernels and however small. */
static void take_buffer(void)
{
    double a = 0, c = 0;
    int threads = tp__alone_begin();
    cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, 1, 1, 0, &a, 1, 1, &c, 1);
    tp__alone_end(threads);
}

/* Makes it `want` buffers; false where there is no room. */
static bool grow(int want)
{
    while (atomic_flag_test_and_set_explicit(&growing, memory_order_acquire))
        sched_yield();
    bool there = atomic_load(&buffers) >= want || !tp__blas_takes_buffers();
    if (!there && has_room()) {
        take_buffer();
        there = true;
    }
    if (there && atomic_load(&buffers) < want)
        atomic_store(&buffers, want);
    atomic_flag_clear_explicit(&growing, memory_order_release);
    return there;
}

bool tp__blas_has_room(void)
{
    if (atomic_load_explicit(&buffers, memory_order_relaxed) > 0)
        return true;
    bool there = grow(1);
    atomic_store(&refused, !there);
    return there;
}

bool tp__blas_was_refused(void) { return atomic_load(&refused); }

void tp__blas_enter(void)
{
    int n = atomic_load_explicit(&under_way, memory_order_relaxed);
    for (;;) {
        int most = atomic_load_explicit(&buffers, memory_order_relaxed);
        if (n < (most ? most : 1)) {
            if (atomic_compare_exchange_weak_explicit(&under_way, &n, n + 1, memory_order_acquire,
                                                      memory_order_relaxed))
                return;
        } else {
            if (!grow(n + 1))
                sched_yield();
            n = atomic_load_explicit(&under_way, memory_order_relaxed);
        }
    }
}

void tp__blas_leave(void) { atomic_fetch_sub_explicit(&under_way, 1, memory_order_release); }

int tp__blas_begin(void)
{
    tp__blas_enter();
    return tp__alone_begin();
}

void tp__blas_end(int threads)
{
    tp__alone_end(threads);
    tp__blas_leave();
}

/* In a fork's child the calls of the parent's other threads never end, and keep their buffers. */
static void forget(void)
{
    int lost = atomic_load(&under_way), had = atomic_load(&buffers);
    atomic_store(&buffers, had > lost ? had - lost : 0);
    atomic_store(&under_way, 0);
    atomic_flag_clear(&growing);
}

__attribute__((constructor)) static void mind_forks(void) { pthread_atfork(NULL, NULL, forget); }
