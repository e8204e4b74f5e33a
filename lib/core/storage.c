/* storage.c - counted memory: of a pool, of its own, the caller's, or a segment of another. */
#include "core/core.h"

enum {
    ALIGN = 64,
    HEADER = (sizeof(tp__storage) + ALIGN - 1) / ALIGN * ALIGN,
    MAPPED = 256 * 1024 /* from here on it is mapped, on huge pages where there are any */
};

tp__storage *tp__storage_new(size_t bytes)
{
    if (bytes > (size_t)1 << 46)
        return NULL;
    size_t whole = HEADER + (bytes + ALIGN - 1) / ALIGN * ALIGN;
    tp__storage *s = whole >= MAPPED ? tp__pages(whole) : tp__calloc(1, whole + ALIGN);
    if (s == NULL)
        return NULL;
    s->data = (char *)(((uintptr_t)s + HEADER + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    s->capacity = whole >= MAPPED ? whole : 0;
    s->bytes = bytes;
    atomic_init(&s->refs, 1);
    return s;
}

tp__storage *tp__storage_wrap(void *data, size_t bytes)
{
    tp__storage *s = tp__calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->data = data;
    s->bytes = bytes;
    atomic_init(&s->refs, 1);
    return s;
}

/* The caller's memory, and who is told of its end. */
typedef struct {
    tp__storage storage;
    void (*release)(void *user);
    void *user;
} lent;

tp__storage *tp__storage_lent(void *data, size_t bytes, void (*release)(void *user), void *user)
{
    lent *l = tp__calloc(1, sizeof *l);
    if (l == NULL) {
        release(user);
        return NULL;
    }
    *l = (lent){.storage = {.data = data, .bytes = bytes, .lent = true}, .release = release, .user = user};
    atomic_init(&l->storage.refs, 1);
    return &l->storage;
}

tp__storage *tp__storage_segment(tp__storage *slab, size_t offset, size_t bytes)
{
    tp__storage *s = tp__storage_wrap((char *)slab->data + offset, bytes);
    if (s == NULL)
        return NULL;
    s->parent = slab;
    tp__storage_ref(slab);
    return s;
}

/* ---- counting -------------------------------------------------------------------------------------- */

void tp__storage_ref(tp__storage *s)
{
    TP__ASSERT(atomic_load_explicit(&s->refs, memory_order_relaxed) > 0);
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}

static void storage_gone(tp__storage *s)
{
    tp__pool *pool = s->pool;
    if (pool == NULL) {
        tp__storage_unref(s->parent);
        if (s->rows) {
            tp__free(s->rows->at);
            tp__free(s->rows->seen);
            tp__free(s->rows);
        }
        if (s->lent)
            ((lent *)s)->release(((lent *)s)->user);
        if (s->capacity)
            tp__pages_free(s, s->capacity);
        else
            tp__free(s);
    } else {
        tp__pool_take_back(pool, s);
    }
}

void tp__storage_unref(tp__storage *s)
{
    if (s == NULL)
        return;
    TP__ASSERT(atomic_load_explicit(&s->refs, memory_order_relaxed) > 0);
    /* the only holder needs no locked instruction */
    if (atomic_load_explicit(&s->refs, memory_order_acquire) == 1 ||
        atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        storage_gone(s);
}

void tp__storage_escape(tp__storage *s)
{
    tp__storage_ref(s);
    if (s->pool && !s->escaped) {
        s->escaped = true;
        tp__pool_hold(s->pool);
    }
}
