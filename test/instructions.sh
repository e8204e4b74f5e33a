#!/bin/sh
# Counts the instructions that a recorded operator and a small step take (valgrind) and compares them with
# test/instructions.txt: more than 10 % above fails. With --write the file is made anew.
#
# usage: test/instructions.sh BUILD [--write]
#
# A row is run twice, with few and with many calls; the difference is what the calls take, start-up left out.
# Valgrind has no AVX-512 and OpenBLAS is told so: the counts are of AVX2 kernels, on one thread.
set -u
build=$1
file=test/instructions.txt

total()
{
    env -u OPENBLAS_L2_SIZE OPENBLAS_CORETYPE=Haswell OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 \
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$build/bench/tapir-bench" --calls "$2" "$1" 2>&1 |
        sed -n 's/.*Collected : *\([0-9]*\).*/\1/p'
}

# name, calls (few and many), units in a call
count()
{
    few=$(total "$1" "$2") && many=$(total "$1" "$3") || return 1
    echo "$1 $(((many - few) / ($3 - $2) / $4))"
}

measure()
{
    count op_fwd_nograd 2 6 2000
    count op_fwd_tape 2 6 2000
    count op_fwd_bwd 2 6 2000
    count logreg_p8_b32_sgd 100 600 1
    count mlp_64_64_64_1_b64_tanh_adam 20 60 1
}

if [ "${2:-}" = --write ]; then
    {
        echo '# Instructions a recorded operator (op_*) and a small training step take: test/instructions.sh'
        measure
    } > $file.new && mv $file.new $file
    cat $file
    exit
fi
worse=0
measure > "$build/instructions.now"
while read -r name now; do
    was=$(sed -n "s/^$name //p" $file)
    echo "$name $now (was $was)"
    [ -n "$was" ] && [ "$now" -gt 0 ] && [ "$now" -le $((was + was / 10)) ] || worse=1
done < "$build/instructions.now"
[ -s "$build/instructions.now" ] || worse=1
exit $worse
