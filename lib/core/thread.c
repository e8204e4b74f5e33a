/* thread.c - threads of the library's in a process that is the host's: they block all signals but those that an
 * instruction causes, which belong to the thread, and run where the thread that makes them may. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* affinities */
#endif
#include "core/core.h"

#include <sched.h>
#include <signal.h>

enum { STACK = 256 * 1024 }; /* bytes that a thread's is at least: BLAS's kernels run there */

#ifdef CPU_COUNT
static cpu_set_t at_load; /* where the thread that loaded the library could run */

__attribute__((constructor)) static void note_affinity(void)
{
    if (sched_getaffinity(0, sizeof at_load, &at_load) != 0)
        CPU_ZERO(&at_load);
}

/* Where the thread may run; false where there is one core for all. A system of more cores than the set can count is none
 * of these. */
static bool place_thread(pthread_attr_t *attr)
{
    cpu_set_t here;
    if (sched_getaffinity(0, sizeof here, &here) != 0 || CPU_COUNT(&here) != 1)
        return true;
    return CPU_COUNT(&at_load) > 1 && pthread_attr_setaffinity_np(attr, sizeof at_load, &at_load) == 0;
}
#else
static bool place_thread(pthread_attr_t *attr)
{
    (void)attr;
    return true;
}
#endif

/* A host that handles these handles them wherever they happen, and blocked ones end the process. */
static void signals_of_others(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(set, own[i]);
}

bool tp__thread_start(pthread_t *thread, void *(*run)(void *), void *user, bool needs_core)
{
    pthread_attr_t attr;
    sigset_t blocked, before;
    size_t stack;
    if (pthread_attr_init(&attr) != 0)
        return false;
    if (pthread_attr_getstacksize(&attr, &stack) == 0 && stack < STACK)
        pthread_attr_setstacksize(&attr, STACK);
    bool made = false;
    if (place_thread(&attr) || !needs_core) {
        signals_of_others(&blocked);
        pthread_sigmask(SIG_SETMASK, &blocked, &before); /* threads inherit it */
        made = pthread_create(thread, &attr, run, user) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    pthread_attr_destroy(&attr);
    return made;
}
