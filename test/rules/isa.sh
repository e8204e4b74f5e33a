#!/bin/sh
# The kernels of each set of instructions that the processor has: the mathematics and its derivatives, and convolutions, within their
# bounds in all of them.
build=$1
for isa in base avx2 avx512; do
    for program in test_math test_conv test_winograd 'accuracy --short' 'derivatives --short'; do
        # shellcheck disable=SC2086 # a program and its argument
        TAPIR_ISA=$isa "$build"/test/$program >"$build/isa.log" 2>&1 || { echo "$program, TAPIR_ISA=$isa:"; cat "$build/isa.log"; exit 1; }
    done
done
cores=Prescott
grep -q avx2 /proc/cpuinfo 2>/dev/null && cores="$cores Haswell Zen"
grep -q avx512bw /proc/cpuinfo 2>/dev/null && cores="$cores SkylakeX Cooperlake"
for core in $cores; do
    OPENBLAS_CORETYPE=$core "$build"/test/test_products >"$build/isa.log" 2>&1 || { echo "test_products, $core kernels:"; cat "$build/isa.log"; exit 1; }
done
