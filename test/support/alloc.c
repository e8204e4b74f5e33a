/* alloc.c - see alloc.h. */
#define _GNU_SOURCE
#include "support/alloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdbool.h>
#include <sys/mman.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
void __real_free(void *p);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
int __real_munmap(void *p, size_t n);

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void __wrap_free(void *p);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
int __wrap_munmap(void *p, size_t n);

static atomic_long requests, fail_at;
static atomic_bool fail_on;
static atomic_llong live, mapped;

void alloc_fail_from(long n)
{
    requests = 0;
    fail_on = true;
    fail_at = n;
}

void alloc_fail_at(long n)
{
    requests = 0;
    fail_on = false;
    fail_at = n;
}

long alloc_requests(void) { return requests; }

/* Mappings are trimmed in pieces, so they are counted by the byte. */
long long alloc_live(void) { return live + mapped / 4096; }

static bool fails(void)
{
    long now = ++requests, at = fail_at;
    return at > 0 && (now == at || (fail_on && now > at));
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n) { return fails() ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_aligned_alloc(size_t align, size_t n) { return fails() ? NULL : counted(__real_aligned_alloc(align, n)); }

void *__wrap_realloc(void *p, size_t n)
{
    if (fails())
        return NULL;
    void *q = __real_realloc(p, n);
    live += p == NULL && q != NULL;
    return q;
}

void __wrap_free(void *p)
{
    live -= p != NULL;
    __real_free(p);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    void *p = __real_mmap(at, n, prot, flags, fd, offset);
    if (p != MAP_FAILED)
        mapped += (long long)((n + 4095) / 4096 * 4096);
    return p;
}

int __wrap_munmap(void *p, size_t n)
{
    if (n > 0)
        mapped -= (long long)((n + 4095) / 4096 * 4096);
    return __real_munmap(p, n);
}
