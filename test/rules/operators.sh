#!/bin/sh
# Every operator of lib/ops is in its family's list and every family in the registry: one that is left out works, and no
# generic test runs on it. What operators there are is read from the objects, so that macros hide none.
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
command -v nm > /dev/null || { echo 'nm is missing'; exit 77; }
operators() # object
{
    nm "$1" | sed -n 's/.* [dDrRS] \([a-z0-9_]*_op\)$/\1/p'
}
wrong=$(
    for source in lib/ops/*/*.c; do
        object=$build/obj/${source%.c}.o
        [ -e "$object" ] || { echo "$object is missing"; continue; }
        # as the compiler sees it: a list may be made by macros, too
        list=$(${TEST_CC:-cc} -E -P -DHAVE_CONFIG_H -Iinclude -Ilib -I"$build" "$source" | tr -d ' \n' |
            sed -n 's/.*\(consttp_op\*consttp__ops_[a-z0-9_]*\[\]={[^}]*}\).*/\1/p')
        for op in $(operators "$object"); do
            case $list in
                *"&$op,"* | *"&$op."*) ;;
                *) echo "$source: $op is in no list: add it to tp__ops_..." ;;
            esac
        done
        for family in $(nm "$object" | sed -n 's/.* [dDrRS] \(tp__ops_[a-z0-9_]*\)$/\1/p'); do
            grep -q "^ *$family,$" lib/ops/registry.c || echo "$source: $family is not in lib/ops/registry.c"
        done
    done
    # The names are how operators are known here.
    grep -nE '^ *static const (tp_op|tp__map_op|[a-z_]+_op) [a-z0-9_#]+ *=' lib/ops/*/*.c | grep -vE '_op *=' |
        sed 's/$/: its name must end in _op/'
)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
