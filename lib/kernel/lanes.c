/* lanes.c - small matrices: many by vectors, a few by numbers, the bits are the same. */
#include "kernel/lanes.h"

void tp__lanes_run(const tp__lanes_job *job, int64_t first, int64_t count, int32_t *info)
{
    enum { FEW = 2 };
    const tp__lanes_table *many = TP__PICK(tp__lanes_table), *numbers = many;
#if defined(__x86_64__)
    if (numbers == &tp__lanes_table_avx512)
        numbers = &tp__lanes_table_avx2;
#endif
    bool f64 = job->dtype == TP_F64;
    int64_t lanes = many->lanes[f64], end = first + count, now;
    void *space = tp__scratch_take();
    for (int64_t i = first; i < end; i += now, info += now) {
        now = end - i > FEW && lanes > 1 ? (end - i < lanes ? end - i : lanes) : 1;
        if (now > 1)
            many->together[f64](job, i, now, info, space);
        else
            numbers->one[f64](job, i, info, space);
    }
    tp__scratch_give(space);
}
