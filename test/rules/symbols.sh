#!/bin/sh
# usage: symbols.sh BUILD. The shared library exports tp_* alone, and all that the headers declare for it; the
# static one has no other global names than tp_* and tp__*.
top=$(cd "$(dirname "$0")/../.." && pwd) build=$1 bad=0
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$build/libtapir.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort -u > "$work/exported"
nm -g --defined-only "$build/libtapir.a" | awk 'NF == 3 { print $3 }' | sort -u > "$work/global"
[ -s "$work/exported" ] && [ -s "$work/global" ] || { echo "no symbols in $build/libtapir.*"; exit 1; }

# The sanitizers have globals of their own.
grep -vE '^tp_[^_]|^__(asan|odr_asan|ubsan|tsan)' "$work/exported" | sed 's/^/exported: /' > "$work/bad"
grep -vE '^tp_|^__(asan|odr_asan|ubsan|tsan)|^asan\.|^_?__sanitizer' "$work/global" |
    sed 's/^/global in the archive: /' >> "$work/bad"

# Each TP_API declaration, comments taken out, ends in ";" and has its name before the first "(" or the end.
cat "$top"/include/tapir/*.h | grep -v '^#' | tr '\n' ' ' | sed 's|/\*[^*]*\*\+\([^/*][^*]*\*\+\)*/||g' | tr ';' '\n' |
    sed -n 's/.*TP_API[^(]*[ *]\(tp_[a-z0-9_]*\)[[ (].*/\1/p; s/.*TP_API[^(]*[ *]\(tp_[a-z0-9_]*\)$/\1/p' |
    sort -u > "$work/declared"
comm -23 "$work/declared" "$work/exported" | sed 's/^/declared, not there: /' >> "$work/bad"
comm -13 "$work/declared" "$work/exported" | grep -E '^tp_[^_]' | sed 's/^/exported, not declared: /' >> "$work/bad"

[ ! -s "$work/bad" ] || { cat "$work/bad"; bad=1; }
exit $bad
