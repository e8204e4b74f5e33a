/* cpu.c - what the machine can do. */
#define _DEFAULT_SOURCE /* _SC_NPROCESSORS_ONLN */
#include "core/core.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

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
    __builtin_cpu_init(); /* which asks the system, too, whether it keeps the registers */
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma"))
        return TP__ISA_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return TP__ISA_AVX2;
#endif
    return TP__ISA_BASE;
}

_Atomic(int) tp__cpu_known;

/* Every thread that races here finds the same answer. */
tp__isa tp__cpu_find(void)
{
    tp__isa can = find(), may = allowed(), isa = can < may ? can : may;
    atomic_store_explicit(&tp__cpu_known, (int)isa + 1, memory_order_relaxed);
    return isa;
}

#if defined(__x86_64__)
static tp__vendor vendor_of(unsigned ebx, unsigned ecx)
{
    return ebx == signature_INTEL_ebx && ecx == signature_INTEL_ecx ? TP__INTEL
           : ebx == signature_AMD_ebx && ecx == signature_AMD_ecx   ? TP__AMD
                                                                    : TP__OTHER_VENDOR;
}
#endif

tp__processor tp__cpu(void)
{
    tp__processor p = {.isa = find()};
#if defined(__x86_64__)
    unsigned a, b, c, d;
    if (__get_cpuid(0, &a, &b, &c, &d))
        p.vendor = vendor_of(b, c);
    if (__get_cpuid(1, &a, &b, &c, &d))
        p.family = (int)((a >> 8 & 15) + ((a >> 8 & 15) == 15 ? a >> 20 & 255 : 0));
    if (p.isa == TP__ISA_AVX512 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
        p.bf16 = a >> 5 & 1;
#endif
    return p;
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
