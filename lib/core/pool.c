/* pool.c - storage, and the pool that a tape takes it from.
 *
 * Blocks come in size classes, four to each power of two, and go back to a free list of their class,
 * the last one freed first out: a training step asks for the same sizes again and again, finds them
 * hot, and never asks the system. Small blocks are cut from chunks; large ones are mapped, on huge
 * pages where the system has them.
 *
 * An owned tensor may hold a block of a pool ("escaped"). It may be freed from any thread, and after
 * the tape: such blocks come back through an atomic list, and the pool lives until the last has.
 */
#define _GNU_SOURCE
#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    ALIGN = 64,
    HEADER = (sizeof(tp__storage) + ALIGN - 1) / ALIGN * ALIGN,
    CLASSES = 4 * 48,
    LARGE = 256 * 1024,      /* blocks from here on are mapped one by one */
    CHUNK = 256 * 1024,      /* small blocks are cut from chunks of this size... */
    FIRST_CHUNK = 32 * 1024, /* ...but for the first: a small program stays small */
    HUGE_PAGE = 2 * 1024 * 1024
};

typedef struct region { /* what the system gave: a chunk or one large block */
    struct region *next;
    size_t bytes;
} region;

struct tp__pool {
    tp__storage *free_list[CLASSES];
    region *regions;
    char *at, *end; /* the rest of the current chunk */
    tp_memory memory;
    size_t blocks, bytes;            /* ever cut: how many, and what they hold */
    atomic_int owners;               /* the tape, and each escaped block */
    _Atomic(tp__storage *) returned; /* escaped blocks on their way back */
};

/* ---- size classes: 4 steps between powers of two, from 64 bytes on ------------------------------- */

static int class_of(size_t bytes)
{
    size_t n = bytes <= ALIGN ? ALIGN : bytes;
    int log = 63 - __builtin_clzll((unsigned long long)(n - 1));
    int step = (int)((n - 1) >> (log - 2)) & 3;
    return 4 * (log - 5) + step; /* 64 bytes: log 5, step 3 */
}

static size_t class_bytes(int c)
{
    int log = c / 4 + 5, step = c % 4;
    return ((size_t)1 << log) + ((size_t)(step + 1) << (log - 2));
}

/* ---- the system ----------------------------------------------------------------------------------- */

static void *map_pages(size_t bytes)
{
    if (bytes < HUGE_PAGE) {
        void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return p == MAP_FAILED ? NULL : p;
    }
    size_t span = bytes + HUGE_PAGE; /* room to start on a huge page */
    char *p = mmap(NULL, span, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == (char *)MAP_FAILED)
        return NULL;
    size_t lead = (HUGE_PAGE - ((uintptr_t)p & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
    if (lead)
        munmap(p, lead);
    munmap(p + lead + bytes, HUGE_PAGE - lead);
#ifdef MADV_HUGEPAGE
    madvise(p + lead, bytes, MADV_HUGEPAGE);
#endif
    return p + lead;
}

static void *region_new(tp__pool *pool, size_t bytes)
{
    bytes = (bytes + ALIGN + 4095) & ~(size_t)4095;
    region *r = map_pages(bytes);
    if (r == NULL)
        return NULL;
    r->bytes = bytes;
    r->next = pool->regions;
    pool->regions = r;
    tp__pool_count_system(pool, bytes);
    return (char *)r + ALIGN;
}

void tp__pool_count_system(tp__pool *pool, size_t bytes)
{
    pool->memory.system_allocations++;
    pool->memory.bytes_reserved += (int64_t)bytes;
}

/* ---- life ----------------------------------------------------------------------------------------- */

tp__pool *tp__pool_new(void)
{
    tp__pool *pool = calloc(1, sizeof *pool);
    if (pool)
        atomic_init(&pool->owners, 1);
    return pool;
}

void tp__pool_release(tp__pool *pool)
{
    if (pool == NULL || atomic_fetch_sub(&pool->owners, 1) != 1)
        return;
    for (region *r = pool->regions, *next; r; r = next) {
        next = r->next;
        munmap(r, r->bytes);
    }
    free(pool);
}

tp_memory tp__pool_memory(const tp__pool *pool) { return pool->memory; }
size_t tp__pool_peak(const tp__pool *pool) { return (size_t)pool->memory.bytes_peak; }
void tp__pool_peak_from_now(tp__pool *pool) { pool->memory.bytes_peak = pool->memory.bytes_in_use; }

/* ---- blocks --------------------------------------------------------------------------------------- */

static void put_back(tp__pool *pool, tp__storage *s)
{
    TP__ASSERT(s->pool == pool && s->size_class < CLASSES && s->capacity == class_bytes(s->size_class));
    TP__ASSERT(pool->memory.bytes_in_use >= (int64_t)s->capacity);
    pool->memory.bytes_in_use -= (int64_t)s->capacity;
#ifdef TP__ASSERTS
    atomic_store_explicit(&s->refs, 0, memory_order_relaxed); /* the only holder has not counted down */
#endif
    s->next = pool->free_list[s->size_class];
    pool->free_list[s->size_class] = s;
}

static void take_in_returned(tp__pool *pool)
{
    tp__storage *s = atomic_exchange(&pool->returned, NULL);
    while (s) {
        tp__storage *next = s->next;
        put_back(pool, s);
        s = next;
    }
}

static tp__storage *block_new(tp__pool *pool, int c)
{
    size_t bytes = HEADER + class_bytes(c);
    tp__storage *s;
    if (bytes >= LARGE) {
        s = region_new(pool, bytes);
    } else {
        if ((size_t)(pool->end - pool->at) < bytes) {
            size_t chunk = pool->regions == NULL && bytes * 4 < FIRST_CHUNK ? FIRST_CHUNK : CHUNK;
            char *fresh = region_new(pool, chunk + HEADER);
            if (fresh == NULL)
                return NULL;
            pool->at = fresh;
            pool->end = fresh + chunk;
        }
        s = (tp__storage *)(void *)pool->at;
        pool->at += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    if (s == NULL)
        return NULL;
    memset(s, 0, sizeof *s);
    s->data = (char *)s + HEADER;
    s->capacity = class_bytes(c);
    s->size_class = (uint8_t)c;
    s->pool = pool;
    pool->blocks++;
    pool->bytes += s->capacity;
    return s;
}

tp__storage *tp__pool_alloc(tp__pool *pool, size_t bytes)
{
    if (bytes > (size_t)1 << 46)
        return NULL;
    int c = class_of(bytes);
    if (pool->free_list[c] == NULL && atomic_load_explicit(&pool->returned, memory_order_relaxed))
        take_in_returned(pool);
    tp__storage *s = pool->free_list[c];
    if (s)
        pool->free_list[c] = s->next;
    else if ((s = block_new(pool, c)) == NULL)
        return NULL;
    TP__ASSERT(s->pool == pool && s->size_class == c && s->capacity >= bytes);
    TP__ASSERT(atomic_load_explicit(&s->refs, memory_order_relaxed) == 0);
    atomic_store_explicit(&s->refs, 1, memory_order_relaxed);
    s->data = (char *)s + HEADER; /* a header may have been lent to the caller's memory */
    s->escaped = false;
    s->bytes = bytes;
    s->version = 0;
    pool->memory.bytes_in_use += (int64_t)s->capacity;
    if (pool->memory.bytes_in_use > pool->memory.bytes_peak)
        pool->memory.bytes_peak = pool->memory.bytes_in_use;
    return s;
}

/* Every block is in use, on the list of its class, or on its way back. */
const char *tp__pool_check(const tp__pool *pool)
{
    size_t blocks = 0, free = 0;
    if (atomic_load(&((tp__pool *)(uintptr_t)pool)->returned) != NULL) /* other threads may be adding to it */
        return NULL;
    for (int c = 0; c < CLASSES; c++)
        for (const tp__storage *s = pool->free_list[c]; s; s = s->next) {
            if (++blocks > pool->blocks)
                return "a list of free blocks goes round, or has a block twice";
            if (s->pool != pool || s->size_class != c || s->capacity != class_bytes(c))
                return "a free block is on the list of another size";
            free += s->capacity;
        }
    return pool->bytes - free == (size_t)pool->memory.bytes_in_use ? NULL : "bytes in use are not what is not free";
}

/* ---- storage outside a pool ------------------------------------------------------------------------ */

tp__storage *tp__storage_new(size_t bytes)
{
    if (bytes > (size_t)1 << 46)
        return NULL;
    size_t whole = HEADER + (bytes + ALIGN - 1) / ALIGN * ALIGN;
    bool huge = whole >= 2 * (size_t)HUGE_PAGE;
    tp__storage *s = aligned_alloc(huge ? HUGE_PAGE : ALIGN,
                                   huge ? (whole + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1) : whole);
    if (s == NULL)
        return NULL;
#ifdef MADV_HUGEPAGE
    if (huge)
        madvise(s, whole, MADV_HUGEPAGE);
#endif
    memset(s, 0, whole);
    s->data = (char *)s + HEADER;
    s->bytes = bytes;
    atomic_init(&s->refs, 1);
    return s;
}

tp__storage *tp__storage_wrap(void *data, size_t bytes)
{
    tp__storage *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->data = data;
    s->bytes = bytes;
    atomic_init(&s->refs, 1);
    return s;
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
        free(s);
    } else if (s->escaped) {
        s->next = atomic_load_explicit(&pool->returned, memory_order_relaxed);
        while (!atomic_compare_exchange_weak(&pool->returned, &s->next, s))
            ;
        tp__pool_release(pool);
    } else {
        put_back(pool, s);
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
        atomic_fetch_add(&s->pool->owners, 1);
    }
}
