/* scratch.c - buffers for the middle of a loop body: of a size that a small thread's stack has no room for.
 *
 * They are there from the start, so taking one cannot fail; their pages come when they are used. Who has one waits for
 * nobody, so that who finds none waits a little only. A thread looks for the one that it had last, which is in its core's
 * caches.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/core.h"

#include <pthread.h>
#include <sched.h>

enum { COUNT = 64 };
static _Alignas(64) char buffer[COUNT][TP__SCRATCH];
static _Atomic uint64_t taken; /* a bit each */

/* A multiplicative hash of the thread (Knuth, The Art of Computer Programming 3, 6.4). */
static unsigned place_of_thread(void)
{
    return (unsigned)((uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9e3779b97f4a7c15) >> 58);
}

void *tp__scratch_take(void)
{
    unsigned first = place_of_thread();
    for (unsigned k = 0;; k++) {
        unsigned i = (first + k) % COUNT;
        uint64_t bit = UINT64_C(1) << i;
        if (!(atomic_load_explicit(&taken, memory_order_relaxed) & bit) &&
            !(atomic_fetch_or_explicit(&taken, bit, memory_order_acquire) & bit))
            return buffer[i];
        if (i == (first + COUNT - 1) % COUNT)
            sched_yield();
    }
}

void tp__scratch_give(void *scratch)
{
    uint64_t i = (uint64_t)((char *)scratch - buffer[0]) / TP__SCRATCH;
    atomic_fetch_and_explicit(&taken, ~(UINT64_C(1) << i), memory_order_release);
}

/* The threads of a fork's parent that have one are not in the child. */
static void forget(void) { atomic_store(&taken, 0); }

__attribute__((constructor)) static void mind_forks(void) { pthread_atfork(NULL, NULL, forget); }
