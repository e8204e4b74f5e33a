#!/bin/sh
# The programs in README.md compile as they stand there, without a warning, and run.
cd "$(dirname "$0")/../.." || exit 1
build=$(cd "${1:-build}" && pwd) || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
awk -v dir="$dir" '/^```c$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (dir "/" n ".c") }' README.md
[ -e "$dir/2.c" ] || { echo 'fewer than two programs in README.md'; exit 1; }
for program in "$dir"/*.c; do
    # shellcheck disable=SC2086 # a sanitizer's flags are words
    ${TEST_CC:-cc} -std=c11 -Wall -Wextra -Werror -Iinclude "$program" -L"$build" -Wl,-rpath,"$build" -ltapir -o "$dir/program" &&
        "$dir/program" || exit 1
done
