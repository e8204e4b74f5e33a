#!/bin/sh
# The bench runs, lists its workloads, and knows none that fails. Every operator has a row that is measured beside PyTorch.
build=$1
"$build"/bench/tapir-bench --list | grep -q op_fwd_tape || exit 1
"$build"/bench/tapir-bench --json --budget 0.01 op_fwd_tape logreg_p8_b32_sgd | grep -q '"median"' || exit 1
missing=$("$build"/bench/tapir-sweep --missing)
[ -z "$missing" ] || { echo "in no row of bench/sweep/rows.def: $missing"; exit 1; }
