/* parallel.c - loops over ranges, on OpenMP's threads where that pays. */
#include "core/core.h"

#ifdef _OPENMP
#include <omp.h>
#endif

/* Where a region would cost more than it saves, or one is open already, the range is run as a whole.
 * (An if() clause on the pragma costs 0.1 us even when false, so this branches around it.) */
void tp__parallel_for(int64_t n, int64_t grain, tp__range_fn body, void *user)
{
#ifdef _OPENMP
    if (n > grain && !omp_in_parallel() && omp_get_max_threads() > 1) {
        int64_t blocks = (n + grain - 1) / grain;
#pragma omp parallel
        {
            int64_t threads = omp_get_num_threads(), me = omp_get_thread_num();
            int64_t begin = blocks * me / threads * grain, end = blocks * (me + 1) / threads * grain;
            if (end > n)
                end = n;
            if (begin < end)
                body(begin, end, user);
        }
        return;
    }
#else
    (void)grain;
#endif
    if (n > 0)
        body(0, n, user);
}
