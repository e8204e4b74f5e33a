/* cpu.c - what the machine can do. */
#define _DEFAULT_SOURCE /* _SC_NPROCESSORS_ONLN */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What TAPIR_ISA allows: base, avx2 or avx512; anything else is no limit. */
static tp__isa allowed(void)
{
    const char *name = getenv("TAPIR_ISA");
    if (name && strcmp(name, "base") == 0)
        return TP__ISA_BASE;
    return name && strcmp(name, "avx2") == 0 ? TP__ISA_AVX2 : TP__ISA_AVX512;
}

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
        tp__isa can = find(), may = allowed();
        isa = (int)(can < may ? can : may) + 1;
        atomic_store_explicit(&known, isa, memory_order_relaxed);
    }
    return (tp__isa)(isa - 1);
}

int tp__cpu_count(void)
{
    static atomic_int known;
    int n = atomic_load_explicit(&known, memory_order_relaxed);
    if (n == 0) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        n = online < 1 ? 1 : online > 1024 ? 1024 : (int)online;
        atomic_store_explicit(&known, n, memory_order_relaxed);
    }
    return n;
}
