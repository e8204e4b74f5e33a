#!/bin/sh
# Runs libFuzzer on each reader: two at once where there are two processors, for so many seconds each, from the files of
# test/fuzz/corpus and what was found before (BUILD/corpus). What it finds is in BUILD/found; build/test/fuzz_READER shows it again.
#
# usage: run.sh BUILD SECONDS [READER]
#        run.sh --has-clang    says what is missing, if anything
cd "$(dirname "$0")/../.." || exit 2

if [ "$1" = --has-clang ]; then
    program='#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *, unsigned long); int LLVMFuzzerTestOneInput(const uint8_t *d, unsigned long n) { return d && n > n; }'
    echo "$program" | clang -fsanitize=fuzzer -x c - -o /dev/null 2> /dev/null && exit 0
    echo 'make fuzz needs clang with libFuzzer: on Debian the packages clang and libclang-rt-14-dev' >&2
    exit 1
fi

build=$1 seconds=$2 reader=${3:-}
mkdir -p "$build/found" || exit 2
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=1}"

one() # driver
{
    name=${1##*/fuzz_}
    mkdir -p "$build/corpus/$name"
    log=$build/found/$name.log
    if "$1" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/found/$name-" "$build/corpus/$name" "test/fuzz/corpus/$name" > "$log" 2>&1; then
        awk -v name="$name" '/number_of_executed_units/ { n = $2 } / cov: / { cov = $0; sub(/.* cov: /, "", cov); sub(/ .*/, "", cov) }
            END { printf "%-12s %9d files, %s edges, nothing found\n", name, n, cov }' "$log"
    else
        printf '%-12s found something: %s\n' "$name" "$log"
        grep -E 'ERROR|runtime error|not so:|SUMMARY|Test unit written' "$log" | sed 's/^/    /'
        return 1
    fi
}

bad=0 waiting=
for driver in "$build"/test/fuzz_${reader:-*}; do
    one "$driver" &
    waiting="$waiting $!"
    # shellcheck disable=SC2086 # numbers
    set -- $waiting
    if [ $# -ge "$(nproc 2> /dev/null || echo 1)" ]; then
        wait "$1" || bad=1
        shift
        waiting="$*"
    fi
done
for pid in $waiting; do wait "$pid" || bad=1; done
exit $bad
