/* arena.c - bump allocation in chunks that are kept from step to step. */
#include "tape/tape.h"

struct tp__chunk {
    tp__chunk *next;
    size_t bytes;
    size_t before; /* bytes of the chunks before it */
};

enum { FIRST_BYTES = 16 * 1024, HEAD = 64 };

static void open_chunk(tp__arena *a, tp__chunk *c)
{
    a->current = c;
    a->at = c ? (char *)c + HEAD : NULL;
    a->end = c ? (char *)c + c->bytes : NULL;
    a->origin = c ? (uintptr_t)a->at - c->before : 0;
}

void *tp__arena_grow(tp__arena *a, size_t bytes)
{
    while (a->current && a->current->next) { /* a chunk of an earlier step */
        open_chunk(a, a->current->next);
        if ((size_t)(a->end - a->at) >= bytes)
            return tp__arena_alloc(a, bytes);
    }
    size_t size = a->current ? 2 * a->current->bytes : FIRST_BYTES;
    if (size < bytes + HEAD)
        size = (bytes + HEAD + 4095) & ~(size_t)4095;
    tp__chunk *c = tp__pool_may_reserve(a->pool, size) ? tp__aligned_malloc(size) : NULL;
    if (c == NULL)
        return NULL;
    tp__pool_count_system(a->pool, size);
    c->next = NULL;
    c->bytes = size;
    c->before = a->current ? a->current->before + a->current->bytes : 0;
    if (a->current)
        a->current->next = c;
    else
        a->first = c;
    open_chunk(a, c);
    TP__ASSERT((size_t)(a->end - a->at) >= bytes);
    return tp__arena_alloc(a, bytes);
}

void tp__arena_back(tp__arena *a, tp__arena_place place)
{
    tp__chunk *c = place.chunk ? place.chunk : a->first;
    TP__ASSERT(!place.chunk || (place.at >= (char *)c + HEAD && place.at <= (char *)c + c->bytes));
    if (c != a->current)
        open_chunk(a, c);
    if (c)
        a->at = place.chunk ? place.at : (char *)c + HEAD;
}

void tp__arena_free(tp__arena *a)
{
    for (tp__chunk *c = a->first, *next; c; c = next) {
        next = c->next;
        tp__aligned_free(c);
    }
    *a = (tp__arena){.pool = a->pool};
}
