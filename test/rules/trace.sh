#!/bin/sh
# Every function of ops.h, linalg.h and random.h that takes a tape is in trace.h.
missing=$(cat include/tapir/ops.h include/tapir/linalg.h include/tapir/random.h |
    grep -v '^TP_API void' | sed -n 's/^TP_API .*[ *]\(tp_[a-z0-9_]*\)(tp_tape \*T,.*/\1/p' | sort -u |
    while read -r name; do
        grep -q "#define $name(T, \.\.\.) $name(" include/tapir/trace.h || echo "$name"
    done)
[ -z "$missing" ] || { echo "not in trace.h: $missing"; exit 1; }
