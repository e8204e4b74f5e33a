/* tape.c - the life of a tape: errors, headers, scopes, reset and rewind. */
#include "tape/hooks.h"
#include "tape/watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* torch's default seed */
#define DEFAULT_SEED 67280421310721u

tp_tape *tp_tape_new(void)
{
    tp_tape *T = tp__calloc(1, sizeof *T);
    if (T == NULL || (T->pool = tp__pool_new()) == NULL) {
        tp__free(T);
        return NULL;
    }
    T->recording = true;
    T->epoch = 1;
    T->arena.pool = T->headers.pool = T->gradients.pool = T->pool;
    tp__rng_seed(&T->rng, DEFAULT_SEED);
    return T;
}

/* ---- errors ----------------------------------------------------------------------------------------- */

static bool in_name(char c)
{
    return tp__is_digit(c) || (tp__upper(c) >= 'A' && tp__upper(c) <= 'Z') || c == '_' || c == '.';
}

/* A message's text behind the name that it begins with: "pow: input 0 is NULL" has one. */
static const char *behind_name(const char *message)
{
    const char *p = message;
    while (in_name(*p))
        p++;
    return p > message && p[0] == ':' && p[1] == ' ' ? p + 2 : message;
}

/* The message becomes "name: text", as far as there is room; the text is a part of it. */
static void retell(tp_tape *T, const char *name, const char *text)
{
    size_t most = sizeof T->message - 1, head = strlen(name) + 2, n = strlen(text);
    if (head >= most)
        return;
    n = n < most - head ? n : most - head;
    memmove(T->message + head, text, n);
    T->message[head + n] = '\0';
    memcpy(T->message, name, head - 2);
    memcpy(T->message + head - 2, ": ", 2);
}

static void set_error(tp_tape *T, tp_status status, const char *name, const char *format, va_list args)
{
    if (T == NULL || T->status != TP_OK)
        return;
    T->status = status;
    tp__vsnprintf(T->message, sizeof T->message, format, args);
    if (T->speaker || name)
        retell(T, T->speaker ? T->speaker : name, T->speaker ? behind_name(T->message) : T->message);
}

void tp__name_error(tp_tape *T, const char *name)
{
    if (T->status != TP_OK && behind_name(T->message) == T->message)
        retell(T, name, T->message);
}

tp_status tp_fail(tp_tape *T, tp_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_error(T, status, NULL, format, args);
    va_end(args);
    return status;
}

tp_status tp_call_fail(const tp_call *c, tp_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_error(c->tape, status, c->op->name, format, args);
    va_end(args);
    return status;
}

const char *tp_error(const tp_tape *T) { return T && T->status != TP_OK ? T->message : NULL; }

tp_status tp_error_status(const tp_tape *T) { return T ? T->status : TP_EINVAL; }

void tp_clear_error(tp_tape *T)
{
    if (T) {
        T->status = TP_OK;
        T->message[0] = '\0';
    }
}

void tp_warn(tp_tape *T, const char *format, ...)
{
    char said[sizeof T->warning];
    va_list args;
    if (T == NULL)
        return;
    va_start(args, format);
    tp__vsnprintf(said, sizeof said, format, args);
    va_end(args);
    if (strcmp(said, T->warning) == 0)
        return;
    memcpy(T->warning, said, sizeof said);
    if (T->on_warning) {
        tp__call_out call;
        tp__enter(T, &call);
        T->on_warning(T->on_warning_user, T->warning);
        tp__leave(&call);
    }
}

const char *tp_warning(const tp_tape *T) { return T && T->warning[0] ? T->warning : NULL; }

void tp_clear_warning(tp_tape *T)
{
    if (T)
        T->warning[0] = '\0';
}

void tp_tape_on_warning(tp_tape *T, tp_warning_handler handler, void *user)
{
    if (T) {
        T->on_warning = handler;
        T->on_warning_user = user;
    }
}

/* ---- headers ---------------------------------------------------------------------------------------- */

tp_tensor *tp__tensor_headers(tp_tape *T, size_t n)
{
    size_t bytes;
    return tp__mul_size(n, sizeof(tp_tensor), &bytes) ? tp__arena_alloc(&T->headers, bytes) : NULL;
}

static tp_tensor *blank(tp_tape *T)
{
    tp_tensor *x = tp__arena_alloc(&T->headers, sizeof *x);
    if (x == NULL)
        tp_fail(T, TP_ENOMEM, "no memory for a tensor");
    return x;
}

static inline void join(tp_tape *T, tp_tensor *x)
{
    x->tape = T;
    x->seq = T->n_nodes;
    x->serial = ++T->serial;
    x->prev = T->last;
    T->last = x;
}

void tp__tensor_link(tp_tape *T, tp_tensor *x) { join(T, x); }

tp_tensor *tp__tensor_join(tp_tape *T, const tp_tensor *model)
{
    tp_tensor *x = blank(T);
    if (x == NULL)
        return NULL;
    *x = *model;
    join(T, x);
    return x;
}

static tp_tensor *header(tp_tape *T, tp_dtype dtype, tp_dims shape, int64_t numel)
{
    tp_tensor *x = blank(T);
    if (x == NULL)
        return NULL;
    tp__tensor_init(x, dtype, shape, numel);
    join(T, x);
    return x;
}

tp_tensor *tp__tensor_new(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    int64_t numel;
    if (!tp__ok(T))
        return NULL;
    if ((unsigned)dtype >= TP_DTYPES) {
        tp_fail(T, TP_EDTYPE, "the dtype is %d; one of tp_dtype is needed", (int)dtype);
        return NULL;
    }
    if (shape.ndim < 0 || shape.ndim > TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "%d dimensions; at most %d", shape.ndim, TP_MAX_DIMS);
        return NULL;
    }
    if (!tp__dims_numel(shape, &numel)) {
        bool negative = false;
        for (int d = 0; d < shape.ndim; d++)
            negative |= shape.dim[d] < 0;
        tp_fail(T, negative ? TP_ESHAPE : TP_ENOMEM,
                negative ? "the shape is %s; sizes of 0 or more are needed"
                         : "the shape is %s; fewer elements are needed",
                TP__DIMS(shape));
        return NULL;
    }
    return header(T, dtype, shape, numel);
}

bool tp__give_storage(tp_tape *T, tp_tensor *x)
{
    size_t bytes;
    if (!tp__mul_size((size_t)x->numel, tp__size_of(x->dtype), &bytes) ||
        (x->storage = tp__pool_alloc(T->pool, bytes)) == NULL) {
        tp_fail(T, TP_ENOMEM, "no memory for %s of %s", TP__SHAPE(x), tp_dtype_name(x->dtype));
        return false;
    }
    x->data = x->storage->data;
    return true;
}

tp_tensor *tp__tensor_make(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    tp_tensor *x = tp__tensor_new(T, dtype, shape);
    return x && tp__give_storage(T, x) ? x : NULL;
}

/* The way of small operators: nothing is checked that x has shown already, copies are of known length. */
tp_tensor *tp__tensor_like(tp_tape *T, const tp_tensor *x, tp_dtype dtype)
{
    if (!tp__contiguous(x))
        return tp__tensor_make(T, dtype, tp__dims_of(x));
    tp_tensor *y = blank(T);
    if (y == NULL)
        return NULL;
    y->data = NULL;
    y->storage = NULL;
    y->saves = y->uses = 0;
    y->node = NULL;
    y->grad = y->acc = NULL;
    memcpy(y->shape, x->shape, sizeof y->shape + sizeof y->stride);
    y->dtype = dtype;
    y->ndim = x->ndim;
    y->flags = TP__CONTIGUOUS;
    y->numel = x->numel;
    join(T, y);
    return tp__give_storage(T, y) ? y : NULL;
}

tp_tensor *tp__tensor_on(tp_tape *T, tp_dtype dtype, tp_dims shape, const int64_t *stride, tp__storage *s, void *data)
{
    tp_tensor *x = tp__tensor_new(T, dtype, shape);
    if (x == NULL)
        return NULL;
    if (stride) {
        memcpy(x->stride, stride, (size_t)shape.ndim * sizeof *stride);
        tp__tensor_note_layout(x);
    }
    tp__storage_ref(s);
    x->storage = s;
    x->data = data;
    return x;
}

tp_tensor *tp__tensor_alias(tp_tape *T, const tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset)
{
    tp_tensor *y = tp__tensor_new(T, x->dtype, shape);
    if (y == NULL)
        return NULL;
    memcpy(y->stride, stride, (size_t)shape.ndim * sizeof *stride);
    tp__tensor_note_layout(y);
    y->storage = x->storage;
    if (y->storage)
        tp__storage_ref(y->storage);
    offset = y->numel ? offset : 0; /* where nothing lies any place will do */
    y->data = x->data ? (char *)x->data + offset * (int64_t)tp_dtype_size(x->dtype) : NULL;
    return y;
}

void tp__tensor_release(tp_tensor *x)
{
    if (x->flags & TP__RELEASED)
        return;
    tp__storage_unref(x->storage);
    x->storage = NULL;
    x->data = NULL;
    x->flags |= TP__RELEASED;
}

tp_status tp__refuse(tp_tape *T, const char *name, int i, const tp_tensor *x)
{
    char who[32] = "the tensor";
    if (i >= 0)
        snprintf(who, sizeof who, "input %d", i);
    if (!tp__ok(T)) /* what failed before has left NULLs behind it: the first message stays */
        return T ? T->status : TP_EINVAL;
    if (x == NULL)
        return tp_fail(T, TP_EINVAL, "%s: %s is NULL", name, who);
    if (x->tape && x->tape != T)
        return tp_fail(T, TP_EFOREIGN,
                       "%s: %s is a tensor of another tape; one of this tape, or an owned one, is needed", name, who);
    const char *by = x->flags & TP__BY_RESET    ? "by tp_tape_reset"
                     : x->flags & TP__BY_REWIND ? "by tp_tape_rewind"
                                                : "when its scope ended";
    return tp_fail(T, TP_EINVAL, "%s: %s was given back %s; one that is there is needed", name, who, by);
}

tp_status tp__missing(tp_tape *T, const char *name, const char *what)
{
    return tp__ok(T) ? tp_fail(T, TP_EINVAL, "%s: %s is NULL", name, what) : T ? T->status : TP_EINVAL;
}

static bool may_be_used(const tp_tape *T, const tp_tensor *x)
{
    return x && tp__ok(T) && (x->tape == T || x->tape == NULL) && !(x->flags & TP__RELEASED);
}

bool tp__usable(tp_tape *T, const char *name, const tp_tensor *x)
{
    return may_be_used(T, x) || tp__refuse(T, name, -1, x) == TP_OK;
}

bool tp__usable_input(tp_tape *T, const char *name, int i, const tp_tensor *x)
{
    return may_be_used(T, x) || tp__refuse(T, name, i, x) == TP_OK;
}

/* ---- scopes, rewind, reset ---------------------------------------------------------------------------- */

static bool is_one_of(const tp_tensor *x, int n, tp_tensor *const *list)
{
    for (int i = 0; i < n; i++)
        if (list[i] == x)
            return true;
    return false;
}

void tp__scope_close(tp_tape *T, tp__scope scope, int n_keep, tp_tensor *const *keep)
{
    for (tp_tensor *x = T->last; x != scope.last; x = x->prev) {
        TP__ASSERT(x && (scope.last == NULL || x->serial > scope.last->serial));
        if (is_one_of(x, n_keep, keep))
            continue;
        x->flags |= TP__SCOPED;
        if (x->saves == 0)
            tp__tensor_release(x);
    }
}

static __attribute__((noinline, cold)) void bury_gradient(tp_tape *T, tp_tensor *x, uint32_t how)
{
    if (x->grad->flags & TP__GRADIENT) {
        tp__tensor_bury(T, x->grad, how);
        x->grad->prev = T->free_gradients;
        T->free_gradients = x->grad;
    }
    x->grad = NULL;
}

/* What is said of a tensor that has gone: its shape, and what took it. */
static inline void bury(tp_tape *T, tp_tensor *x, uint32_t how)
{
    uint32_t flags = x->flags;
    TP__ASSERT(x->tape == T && x->serial != 0); /* once only */
    if (flags & TP__HOOKED)
        tp__hooks_forget(T, x);
    if (!(flags & TP__RELEASED))
        tp__storage_unref(x->storage);
    if (x->grad)
        bury_gradient(T, x, how);
    x->flags = (flags & TP__CONTIGUOUS) | TP__RELEASED | how;
    x->data = NULL;
    x->storage = NULL;
    x->node = NULL;
    x->serial = 0;
}

void tp__tensor_bury(tp_tape *T, tp_tensor *x, uint32_t how) { bury(T, x, how); }

/* From the newest tensor back to `end`, which stays. */
static void bury_until(tp_tape *T, const tp_tensor *end, uint32_t how)
{
    for (tp_tensor *x = T->last; x != end; x = x->prev) {
        TP__ASSERT(x->prev == NULL || x->prev->serial < x->serial);
        bury(T, x, how);
    }
}

/* ---- marks ---- */

typedef struct {
    tp_tensor *last;
    tp__arena_place headers, arena;
    uint64_t serial, epoch; /* of the tape when it was taken */
    uint64_t n_nodes;
    tp_tape *tape;
} place;

_Static_assert(sizeof(place) <= sizeof(tp_mark), "tp_mark is too small");

tp_mark tp_tape_mark(tp_tape *T)
{
    tp_mark opaque = {{0}};
    if (T) {
        place m = {.last = T->last,
                   .headers = tp__arena_here(&T->headers),
                   .arena = tp__arena_here(&T->arena),
                   .serial = T->serial,
                   .epoch = T->epoch,
                   .n_nodes = T->n_nodes,
                   .tape = T};
        memcpy(&opaque, &m, sizeof m);
    }
    return opaque;
}

/* Is what was newest when the mark was taken still there? Where a rewind has gone below it, its header has no serial, or
 * that of a later tensor. */
static bool still_there(const tp_tape *T, const place *m)
{
    return m->tape == T && m->epoch == T->epoch && m->n_nodes <= T->n_nodes &&
           (m->last == NULL || (m->last->serial != 0 && m->last->serial <= m->serial));
}

/* Bytes of headers, nodes and lists. */
static size_t beside_tensors(const tp_tape *T)
{
    return tp__arena_used(&T->headers) + tp__arena_used(&T->arena) + tp__arena_used(&T->gradients);
}

/* Since the last look headers and nodes have only become more, and tensors at most the pool's peak. */
static void look_at_peak(tp_tape *T)
{
    size_t peak = tp__pool_peak(T->pool) + beside_tensors(T);
    if (peak > T->peak)
        T->peak = peak;
}

/* In anomaly mode headers are not used again while they are few enough: a stale pointer then always tells. */
static bool keeps_headers(const tp_tape *T)
{
    return tp__is_anomalous(T) && tp__arena_used(&T->headers) < (size_t)64 << 20;
}

/* ---- the user's functions ---- */

void tp__recover(tp_tape *T)
{
    T->ground = 0;
    T->speaker = NULL;
    T->recording = T->was_recording;
    T->sweep = NULL;
    tp__scratch_drop(T, NULL);
    T->lent = NULL;
    tp__kept_close(T, NULL);
    tp__watch_recover(T);
    for (tp_tensor *x = T->last; x; x = x->prev) {
        x->acc = NULL;
        x->uses = 0;
        x->flags &= (uint32_t) ~(TP__TARGET | TP__SWEPT | TP__YOUNG | TP__MOVED);
    }
    tp__hooks_purge(T);
}

bool tp__inside(tp_tape *T)
{
    if (T->ground == 0)
        return false;
    if (tp__frame_lives(T->frame))
        return true;
    tp__recover(T);
    return false;
}

static tp_status rewind_to(tp_tape *T, tp_mark opaque, uint32_t how)
{
    place m;
    memcpy(&m, &opaque, sizeof m);
    if (T == NULL)
        return TP_EINVAL;
    if (!still_there(T, &m))
        return tp_fail(T, TP_EINVAL,
                       "tape_rewind: the mark is not of this tape, or a reset or a rewind to an older mark "
                       "has made it stale; a new one is needed");
    if (m.serial < T->ground)
        return tp_fail(T, TP_EINVAL,
                       "tape_rewind: in the middle of backward, or of a function that another call runs, "
                       "to a mark from before it; one made since is needed");
    look_at_peak(T);
    tp__cleanup(T, (uint32_t)m.n_nodes);
    tp__nodes_drop(T, (uint32_t)m.n_nodes, m.serial);
    tp__unhold(T, (uint32_t)m.n_nodes);
    tp__left_settle(T, m.serial);
    bury_until(T, m.last, how);
    TP__ASSERT(T->n_nodes == m.n_nodes && T->serial >= m.serial);
    T->last = m.last;
    tp__arena_back(&T->arena, m.arena);
    if (keeps_headers(T))
        T->free_gradients = NULL;
    else
        tp__arena_back(&T->headers, m.headers);
    tp__pool_peak_from_now(T->pool);
    return T->status;
}

tp_status tp_tape_rewind(tp_tape *T, tp_mark mark)
{
    if (T)
        tp__inside(T);
    return rewind_to(T, mark, TP__BY_REWIND);
}

tp_status tp__rewind(tp_tape *T, tp_mark mark) { return rewind_to(T, mark, 0); }

tp_scope tp_scope_open(tp_tape *T) { return (tp_scope){tp_tape_mark(T)}; }

tp_status tp_scope_close(tp_tape *T, tp_scope scope, int n, tp_tensor *const *keep)
{
    place m;
    memcpy(&m, &scope.from, sizeof m);
    if (T == NULL)
        return TP_EINVAL;
    tp__inside(T);
    if (!still_there(T, &m))
        return tp_fail(T, TP_EINVAL,
                       "scope_close: the scope is not of this tape, or a reset or a rewind to before it has ended it; "
                       "an open one is needed");
    if (m.serial < T->ground)
        return tp_fail(T, TP_EINVAL,
                       "scope_close: in the middle of backward, or of a function that another call runs, of a scope "
                       "from before it; one opened since is needed");
    if (n < 0 || (n > 0 && keep == NULL))
        return tp_fail(T, TP_EINVAL, "scope_close: %d tensors to keep, but the list of them is NULL", n);
    tp__scope_close(T, (tp__scope){m.last}, n, keep);
    return T->status;
}

tp_status tp_tape_reset(tp_tape *T)
{
    if (T == NULL)
        return TP_EINVAL;
    if (tp__inside(T))
        return tp_fail(T, TP_EINVAL,
                       "tape_reset: in the middle of backward, or of a function that another call runs; wait until it "
                       "has returned");
    look_at_peak(T);
    tp__kept_close(T, NULL);
    tp__cleanup(T, 0);
    tp__unhold(T, 0);
    tp__left_bury(T);
    bury_until(T, NULL, TP__BY_RESET);
    T->last = NULL;
    T->free_gradients = NULL;
    T->n_nodes = 0;
    T->epoch++;
    T->serial = 0;
    tp__arena_back(&T->arena, (tp__arena_place){NULL, NULL});
    if (!keeps_headers(T)) {
        tp__arena_back(&T->headers, (tp__arena_place){NULL, NULL});
        tp__arena_back(&T->gradients, (tp__arena_place){NULL, NULL});
    }
    tp__pool_peak_from_now(T->pool);
    return T->status;
}

void tp_tape_free(tp_tape *T)
{
    if (T == NULL)
        return;
    if (tp__inside(T) || tp__busy_runs(&T->stepping)) {
        tp_fail(T, TP_EINVAL,
                "tape_free: in the middle of backward, or of a function that another call runs; wait until it has "
                "returned");
        return;
    }
    tp_tape_reset(T);
    tp__hooks_free(T);
    tp__watch_free(T->watch);
    tp__arena_free(&T->arena);
    tp__arena_free(&T->headers);
    tp__arena_free(&T->gradients);
    tp__free(T->nodes);
    tp__pool_release(T->pool);
    tp__free(T);
}

/* ---- state ---------------------------------------------------------------------------------------------- */

bool tp_tape_record(tp_tape *T, bool on)
{
    bool was = T && T->recording;
    if (T)
        T->recording = on;
    return was;
}

bool tp_tape_is_recording(const tp_tape *T) { return T && T->recording; }

bool tp_tape_use_winograd(tp_tape *T, bool on)
{
    bool was = T && !T->no_winograd;
    if (T)
        T->no_winograd = !on;
    return was;
}

void tp_tape_set_memory_limit(tp_tape *T, int64_t bytes)
{
    if (T)
        tp__pool_limit(T->pool, bytes > 0 ? (size_t)bytes : 0);
}

tp_memory tp_tape_memory(const tp_tape *T)
{
    if (T == NULL)
        return (tp_memory){0};
    tp_memory m = tp__pool_memory(T->pool);
    size_t beside = beside_tensors(T), peak = tp__pool_peak(T->pool) + beside;
    m.bytes_in_use += (int64_t)beside;
    m.bytes_peak = (int64_t)(peak > T->peak ? peak : T->peak);
    return m;
}
