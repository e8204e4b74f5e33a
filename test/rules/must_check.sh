#!/bin/sh
# Results that alone say whether something came of a call may not be ignored unseen.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
printf '#include <tapir.h>\nvoid f(tp_tape *T, tp_tensor *x, void *to) { tp_equal(T, x, x); tp_tolist(x, TP_F64, 1, to); }\n' > "$dir/f.c"
n=$(${TEST_CC:-cc} -std=c11 -Wall -Iinclude -c "$dir/f.c" -o "$dir/f.o" 2>&1 | grep -c 'unused.result')
[ "$n" -ge 2 ] || { echo "$n warnings, not 2"; exit 1; }
