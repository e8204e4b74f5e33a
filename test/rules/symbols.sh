#!/bin/sh
# The shared library exports tp_* and nothing else, all that the headers declare; the static one adds tp__*.
build=$1
wrong=$(nm -D --defined-only "$build"/libtapir.so | awk '$2 != "A" {print $3}' | sed 's/@.*//' | grep -v '^tp_[^_]')
wrong="$wrong$(nm -g --defined-only "$build"/libtapir.a 2>/dev/null | awk 'NF == 3 {print $3}' | grep -v '^tp_')"
nm -D --defined-only "$build"/libtapir.so | awk '{print $3}' | sed 's/@.*//' | sort >"$build/exported"
cd "$(dirname "$0")/../.." || exit 1
declared=$(cat include/tapir/*.h | tr '\n' ' ' | grep -o 'TP_API [^;(]*(' | sed 's/($//' | grep -o 'tp_[a-z0-9_]*$' | sort -u)
for s in $declared; do
    grep -qx "$s" "$build/exported" || wrong="$wrong
$s is declared and not exported"
done
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
