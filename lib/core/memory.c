/* memory.c - all that the library allocates, from the system or from where the program says (tp_set_allocator).
 *
 * A block knows its size, which lies before it, so that an allocator of the program's need not. Pages are for what a tape's
 * pool cuts up; they come from the system page-wise.
 */
#define _GNU_SOURCE
#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 * 1024 * 1024, ALIGN = 64 };

typedef union {
    size_t bytes; /* of the block, this header included */
    max_align_t align;
} header;

static struct {
    tp_alloc fn;
    void *user;
} allocator;
static atomic_llong live; /* blocks */

tp_status tp_set_allocator(tp_alloc fn, void *user)
{
    if (atomic_load(&live) != 0)
        return TP_EINVAL;
    allocator.fn = fn;
    allocator.user = user;
    return TP_OK;
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

static void *change(void *block, size_t old, size_t bytes)
{
    return allocator.fn ? allocator.fn(allocator.user, block, old, bytes) : realloc(block, bytes);
}

void *tp__realloc(void *p, size_t bytes)
{
    header *h = p ? (header *)p - 1 : NULL;
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes += sizeof *h;
    header *grown = change(h, h ? h->bytes : 0, bytes);
    if (grown == NULL)
        return NULL;
    grown->bytes = bytes;
    if (h == NULL)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return grown + 1;
}

void *tp__malloc(size_t bytes) { return tp__realloc(NULL, bytes); }

void *tp__calloc(size_t n, size_t size)
{
    size_t bytes;
    void *p = tp__mul_size(n, size, &bytes) ? tp__malloc(bytes) : NULL;
    return p ? memset(p, 0, bytes) : NULL;
}

void tp__free(void *p)
{
    header *h = p ? (header *)p - 1 : NULL;
    if (h == NULL)
        return;
    if (allocator.fn)
        allocator.fn(allocator.user, h, h->bytes, 0);
    else
        free(h);
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

/* The block's address lies before what is aligned in it. */
void *tp__aligned_malloc(size_t bytes)
{
    char *block = bytes < SIZE_MAX / 4 ? tp__malloc(bytes + ALIGN + sizeof block) : NULL;
    if (block == NULL)
        return NULL;
    char *at = (char *)(((uintptr_t)block + sizeof block + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    memcpy(at - sizeof block, &block, sizeof block);
    return at;
}

void tp__aligned_free(void *p)
{
    char *block = NULL;
    if (p)
        memcpy(&block, (char *)p - sizeof block, sizeof block);
    tp__free(block);
}

/* ---- pages ------------------------------------------------------------------------------------------------------ */

static void *from_system(size_t bytes)
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

void *tp__pages(size_t bytes)
{
    void *p = allocator.fn ? tp__aligned_malloc(bytes) : from_system(bytes);
    if (p && allocator.fn)
        return memset(p, 0, bytes);
    if (p)
        atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return p;
}

void tp__pages_free(void *p, size_t bytes)
{
    if (allocator.fn) {
        tp__aligned_free(p);
    } else if (p) {
        munmap(p, bytes);
        atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
    }
}
