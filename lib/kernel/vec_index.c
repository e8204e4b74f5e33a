/* vec_index.c - what positions are checked with; compiled once an instruction set (TP__ISA). */
#include "kernel/index.h"

/* By the signs of each place and of what is left up to the last one, in one pass without a branch. */
static bool inside(int64_t n, int64_t low, uint64_t last, const int64_t *index)
{
    uint64_t signs = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = (uint64_t)index[i] - (uint64_t)low;
        signs |= at | (last - at);
    }
    return signs >> 63 == 0;
}

const tp__index_table TP__OF_ISA(tp__index_table) = {inside};
