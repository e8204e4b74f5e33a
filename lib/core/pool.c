/* pool.c - the pool that a tape takes its storage from.
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

enum {
    ALIGN = 64,
    HEADER = (sizeof(tp__storage) + ALIGN - 1) / ALIGN * ALIGN,
    CLASSES = 4 * 48,
    LARGE = 256 * 1024,     /* blocks from here on are mapped one by one */
    CHUNK = 256 * 1024,     /* small blocks are cut from chunks of this size... */
    FIRST_CHUNK = 32 * 1024 /* ...but for the first: a small program stays small */
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
    size_t limit;                    /* of bytes_reserved; 0: none */
    size_t blocks, bytes;            /* ever cut: how many, and what they hold */
    atomic_int owners;               /* the tape, and each escaped block */
    _Atomic(tp__storage *) returned; /* escaped blocks on their way back */
};

/* ---- size classes: 4 steps between powers of two, from 64 bytes on ------------------------------- */

static int class_of(size_t bytes)
{
    if (bytes <= ALIGN)
        return 3; /* log 5, step 3 */
    int log = 63 - __builtin_clzll((unsigned long long)(bytes - 1));
    int step = (int)((bytes - 1) >> (log - 2)) & 3;
    return 4 * (log - 5) + step;
}

static size_t class_bytes(int c)
{
    int log = c / 4 + 5, step = c % 4;
    return ((size_t)1 << log) + ((size_t)(step + 1) << (log - 2));
}

/* ---- the system ----------------------------------------------------------------------------------- */

static void *region_new(tp__pool *pool, size_t bytes)
{
    bytes = (bytes + ALIGN + 4095) & ~(size_t)4095;
    region *r = tp__pool_may_reserve(pool, bytes) ? tp__pages(bytes) : NULL;
    if (r == NULL)
        return NULL;
    r->bytes = bytes;
    r->next = pool->regions;
    pool->regions = r;
    tp__pool_count_system(pool, bytes);
    return (char *)r + ALIGN;
}

bool tp__pool_may_reserve(const tp__pool *pool, size_t bytes)
{
    return pool->limit == 0 || (size_t)pool->memory.bytes_reserved + bytes <= pool->limit;
}

void tp__pool_limit(tp__pool *pool, size_t bytes) { pool->limit = bytes; }

void tp__pool_count_system(tp__pool *pool, size_t bytes)
{
    pool->memory.system_allocations++;
    pool->memory.bytes_reserved += (int64_t)bytes;
}

/* ---- life ----------------------------------------------------------------------------------------- */

tp__pool *tp__pool_new(void)
{
    tp__pool *pool = tp__calloc(1, sizeof *pool);
    if (pool)
        atomic_init(&pool->owners, 1);
    return pool;
}

void tp__pool_hold(tp__pool *pool) { atomic_fetch_add(&pool->owners, 1); }

void tp__pool_release(tp__pool *pool)
{
    if (pool == NULL || atomic_fetch_sub(&pool->owners, 1) != 1)
        return;
    for (region *r = pool->regions, *next; r; r = next) {
        next = r->next;
        tp__pages_free(r, r->bytes);
    }
    tp__free(pool);
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

void tp__pool_take_back(tp__pool *pool, tp__storage *s)
{
    if (!s->escaped) {
        put_back(pool, s);
        return;
    }
    s->next = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    while (!atomic_compare_exchange_weak(&pool->returned, &s->next, s))
        ;
    tp__pool_release(pool);
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
