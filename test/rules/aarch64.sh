#!/bin/sh
# The library compiles for another processor (NEON, no AVX), without a warning, where its compiler is installed.
build=${1:-build}
cc=aarch64-linux-gnu-gcc
command -v $cc > /dev/null || { echo "no $cc"; exit 77; }
echo '#include <stdio.h>' | $cc -fsyntax-only -xc - 2> /dev/null || { echo "$cc has no C library's headers"; exit 77; }
blas=$(sed -n 's/^BLAS_CFLAGS *[:?]*= *//p' "$build/config.mk")
bad=0
for source in $(find lib -name "*.c"); do
    isa=
    case $source in lib/kernel/vec_*) isa=-DTP__ISA=base ;; lib/ops/*) isa='-DTP__OPERATORS="/dev/null"' ;; esac
    # shellcheck disable=SC2086 # words are wanted
    $cc -fsyntax-only -std=c11 -fopenmp -Wall -Wextra -Wshadow -Wconversion -Werror -ffp-contract=off -fno-math-errno \
        -fno-trapping-math -Iinclude -Ilib -I"$build" $blas -idirafter /usr/include -DHAVE_CONFIG_H \
        -include "$build/config.h" $isa "$source" || bad=1
done
exit $bad
