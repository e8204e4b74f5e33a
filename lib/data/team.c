/* team.c - workers that make batches ahead of the one who takes them.
 *
 * The batches ahead have a ring of slots. Who finds the next batch unclaimed, and its slot free, claims it: a worker, or the
 * one who wants that very batch, so that nobody waits for a worker that has no core, or that could not be made. Batch b goes
 * into slot b % slots and is taken from there in its turn: who made it does not matter.
 *
 * A worker that has found nothing to do for a fifth of a second ends, so that a loader that was left lying keeps no process
 * alive; the next take makes a new one. Slots, claims and threads are changed under the lock alone. What a worker reads without it, the
 * recipe and the epoch, changes only while none is at work.
 */
#define _POSIX_C_SOURCE 200809L
#include "data/team.h"

#include <errno.h>
#include <fenv.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { KEEP = 200000000, MESSAGE = 512 }; /* nanoseconds without work; bytes */

typedef enum { FREE, CLAIMED, READY, FAILED, YOURS } slot_state;

typedef struct {
    slot_state state;
    tp_tensor *batch; /* headers */
    tp_status status; /* of what FAILED */
    char message[MESSAGE];
} slot;

typedef struct {
    tp__team *team;
    pthread_t thread;
    bool made, ended; /* and not joined; or about to end */
    tp_tape *tape;
} worker;

struct tp__team {
    pid_t process;
    tp__recipe *recipe;
    const tp__epoch *epoch;
    pthread_mutex_t lock;
    pthread_cond_t work, done; /* there is something to do; something was done */
    int64_t slots, next, at;   /* the next batch to be claimed; to be taken */
    int64_t batches;           /* of the epoch; 0 where there is none */
    slot *slot;
    tp_tensor *headers;
    int workers, awake, busy; /* threads that have not ended; that make a batch */
    bool stop, refused;       /* no more workers: for good; the system gave none in this epoch */
    fenv_t mode;              /* of who began the epoch */
    worker worker[];
};

/* ---- the end of the process ------------------------------------------------------------------------------------------- */

static atomic_bool leaving;
static atomic_int running; /* workers of this process */
static atomic_long process;

/* Workers are given a moment to leave the library's code, and BLAS's, before these go. */
__attribute__((destructor)) static void await_workers(void)
{
    atomic_store(&leaving, true);
    for (int i = 0; i < 300 && atomic_load(&process) == (long)getpid() && atomic_load(&running) > 0; i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* ---- at work ---------------------------------------------------------------------------------------------------------- */

static bool may_claim(const tp__team *t) { return t->next < t->batches && t->next < t->at + t->slots; }
static slot *slot_of(const tp__team *t, int64_t b) { return &t->slot[b % t->slots]; }

/* With the lock; gives it up meanwhile. */
static void make_next(tp__team *t, worker *w)
{
    int64_t b = t->next++;
    slot *s = slot_of(t, b);
    fenv_t mode = t->mode;
    s->state = CLAIMED;
    t->busy++;
    pthread_mutex_unlock(&t->lock);
    fesetenv(&mode);
    tp_status status = tp__batch_make(w->tape, t->recipe, t->epoch, b, s->batch);
    pthread_mutex_lock(&t->lock);
    t->busy--;
    s->state = status == TP_OK ? READY : FAILED;
    s->status = status;
    if (status != TP_OK)
        tp__snprintf(s->message, sizeof s->message, "%s", tp_error(w->tape));
    pthread_cond_broadcast(&t->done);
}

/* With the lock: false where nothing came for long. */
static bool await_work(tp__team *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += KEEP;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    int failed = 0;
    while (!failed && !t->stop && !atomic_load_explicit(&leaving, memory_order_relaxed) && !may_claim(t))
        failed = pthread_cond_timedwait(&t->work, &t->lock, &until);
    return !t->stop && !atomic_load_explicit(&leaving, memory_order_relaxed) && may_claim(t);
}

static void *work(void *user)
{
    worker *w = user;
    tp__team *t = w->team;
    tp__alone_begin(); /* of this thread, for good: the loops of its functions are not divided */
    pthread_mutex_lock(&t->lock);
    while (await_work(t))
        make_next(t, w);
    w->ended = true;
    t->awake--;
    pthread_mutex_unlock(&t->lock);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* ---- workers come and go -------------------------------------------------------------------------------------------------- */

/* With the lock. It is not held by what is joined: that has ended but for a few instructions. */
static void hire(tp__team *t)
{
    int64_t left = t->batches - t->next;
    for (int i = 0; i < t->workers && t->awake < left && !t->refused; i++) {
        worker *w = &t->worker[i];
        if (w->made && !w->ended)
            continue;
        if (w->made)
            pthread_join(w->thread, NULL);
        w->made = w->ended = false;
        if (w->tape == NULL)
            w->tape = tp_tape_new();
        atomic_fetch_add(&running, 1);
        w->made = w->tape && tp__thread_start(&w->thread, work, w, false);
        if (!w->made)
            atomic_fetch_sub(&running, 1);
        t->awake += w->made;
        t->refused = !w->made;
    }
}

void tp__team_begin(tp__team *t, int64_t b)
{
    pthread_mutex_lock(&t->lock);
    t->at = t->next = b;
    t->batches = t->epoch->batches;
    t->refused = false;
    atomic_store(&t->recipe->cancel, false);
    fegetenv(&t->mode);
    hire(t);
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
}

void tp__team_cancel(tp__team *t)
{
    pthread_mutex_lock(&t->lock);
    t->batches = 0;
    atomic_store(&t->recipe->cancel, true);
    while (t->busy > 0)
        pthread_cond_wait(&t->done, &t->lock);
    for (int64_t i = 0; i < t->slots; i++) {
        tp__batch_drop(t->recipe->width, t->slot[i].batch);
        t->slot[i].state = FREE;
    }
    atomic_store(&t->recipe->cancel, false);
    pthread_mutex_unlock(&t->lock);
}

bool tp__team_is_here(const tp__team *t) { return t->process == getpid(); }

bool tp__team_has_this(tp__team *t)
{
    bool has = false;
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->workers; i++)
        has |= t->worker[i].made && pthread_equal(t->worker[i].thread, pthread_self());
    pthread_mutex_unlock(&t->lock);
    return has;
}

/* ---- batches ------------------------------------------------------------------------------------------------------------- */

/* With the lock: the slot's batch has been taken. */
static void pass(tp__team *t, slot *s)
{
    s->state = FREE;
    t->at++;
    if (t->awake < t->workers)
        hire(t);
    pthread_cond_signal(&t->work);
}

tp__taken tp__team_take(tp__team *t, int64_t b, tp_tensor *out, tp_status *status, char *message, size_t room)
{
    tp__taken taken = TP__YOURS;
    pthread_mutex_lock(&t->lock);
    TP__ASSERT(b == t->at);
    slot *s = slot_of(t, b);
    if (t->next == b) { /* nobody has come to it */
        t->next++;
        s->state = YOURS;
    }
    while (s->state == CLAIMED)
        pthread_cond_wait(&t->done, &t->lock);
    if (s->state == READY) {
        memcpy(out, s->batch, (size_t)t->recipe->width * sizeof *out);
        memset(s->batch, 0, (size_t)t->recipe->width * sizeof *out);
        pass(t, s);
        taken = TP__TAKEN;
    } else if (s->state == FAILED) {
        *status = s->status;
        tp__snprintf(message, room, "%s", s->message);
        s->state = YOURS;
        taken = TP__FAILED;
    }
    pthread_mutex_unlock(&t->lock);
    return taken;
}

void tp__team_passed(tp__team *t)
{
    pthread_mutex_lock(&t->lock);
    pass(t, slot_of(t, t->at));
    pthread_mutex_unlock(&t->lock);
}

/* ---- life -------------------------------------------------------------------------------------------------------------- */

static bool make_locks(tp__team *t)
{
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&t->work, &attr) == 0;
    pthread_condattr_destroy(&attr);
    return ok && pthread_cond_init(&t->done, NULL) == 0 && pthread_mutex_init(&t->lock, NULL) == 0;
}

tp__team *tp__team_new(tp__recipe *r, const tp__epoch *e, int workers, int64_t most)
{
    size_t headers, bytes;
    tp__team *t = tp__calloc(1, sizeof *t + (size_t)workers * sizeof *t->worker);
    if (t == NULL)
        return NULL;
    t->process = getpid();
    t->recipe = r;
    t->epoch = e;
    t->slots = most;
    if (tp__mul_size((size_t)most, (size_t)r->width, &headers) && tp__mul_size(headers, sizeof *t->headers, &bytes))
        t->headers = tp__calloc(headers, sizeof *t->headers);
    t->slot = tp__calloc((size_t)most, sizeof *t->slot);
    if (t->headers == NULL || t->slot == NULL || !make_locks(t)) {
        tp__free(t->headers);
        tp__free(t->slot);
        tp__free(t);
        return NULL;
    }
    for (int64_t i = 0; i < most; i++)
        t->slot[i].batch = t->headers + i * r->width;
    for (t->workers = 0; t->workers < workers; t->workers++)
        t->worker[t->workers].team = t;
    if (atomic_exchange(&process, (long)t->process) != (long)t->process)
        atomic_store(&running, 0); /* a fork's child has none of its parent's */
    return t;
}

void tp__team_free(tp__team *t)
{
    if (t == NULL)
        return;
    tp__team_cancel(t);
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_broadcast(&t->work);
    pthread_mutex_unlock(&t->lock);
    for (int i = 0; i < t->workers; i++) {
        if (t->worker[i].made)
            pthread_join(t->worker[i].thread, NULL);
        tp_tape_free(t->worker[i].tape);
    }
    pthread_cond_destroy(&t->work);
    pthread_cond_destroy(&t->done);
    pthread_mutex_destroy(&t->lock);
    tp__free(t->headers);
    tp__free(t->slot);
    tp__free(t);
}
