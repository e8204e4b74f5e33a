/* alloc.h - the tests' malloc: counts what is live, and fails where it is told to.
 *
 * The test programs are linked with --wrap for malloc, calloc, realloc, aligned_alloc, mmap and free, so
 * this sees what the library asks of the system, and nothing of what other libraries do.
 */
#ifndef TEST_SUPPORT_ALLOC_H
#define TEST_SUPPORT_ALLOC_H

/* The n-th request from now on fails, and all after it; 0: none does. */
void alloc_fail_from(long n);
/* The n-th request fails alone. */
void alloc_fail_at(long n);
long alloc_requests(void);  /* since the last alloc_fail_* */
long long alloc_live(void); /* blocks and mappings not given back */

#endif
