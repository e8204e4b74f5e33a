/* cpu.c - what the processor can do. */
#include "core/core.h"

static tp__isa find(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
        return TP__ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return TP__ISA_AVX2;
#endif
    return TP__ISA_BASE;
}

/* Every thread that races here finds the same answer. */
tp__isa tp__cpu_isa(void)
{
    static atomic_int known; /* 0: not yet; else the answer + 1 */
    int isa = atomic_load_explicit(&known, memory_order_relaxed);
    if (isa == 0) {
        isa = (int)find() + 1;
        atomic_store_explicit(&known, isa, memory_order_relaxed);
    }
    return (tp__isa)(isa - 1);
}
