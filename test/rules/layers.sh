#!/bin/sh
# Who may use whom (doc/architecture.md), by the symbols of the objects: no folder of lib/ takes one from a folder above it.
cd "$(dirname "$0")/../.." || exit 1
build=${1:-build}
command -v nm > /dev/null || { echo 'nm is missing'; exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
find "$build/obj/lib" -name '*.o' | while read -r object; do
    [ -e "$(echo "$object" | sed "s|^$build/obj/||; s|\.[a-z0-9]*\.o$|.o|; s|\.o$|.c|")" ] || continue # of a source that is gone
    folder=${object#"$build"/obj/lib/}
    nm "$object" | awk -v folder="${folder%%/*}" -v object="$object" '
        $1 == "U" || $1 == "w" { print $2, folder, object >> "'"$work"'/used" }
        $2 ~ /^[TDBRVW]$/      { print $3, folder >> "'"$work"'/defined" }'
done
sort -u "$work/defined" -o "$work/defined"
sort -u "$work/used" -o "$work/used"
wrong=$(join "$work/used" "$work/defined" | awk '
    function may(folder, list,   n, i, a) { n = split(list, a, " "); for (i = 1; i <= n; i++) allowed[folder, a[i]] = 1 }
    BEGIN {
        may("kernel", "core")
        may("tape", "core kernel")
        may("ops", "core kernel tape")
        may("autograd", "core tape ops")
        may("nn", "core tape ops autograd")
        may("optim", "core kernel tape")
        may("io", "core kernel tape ops nn optim data")
        may("data", "core tape ops")
    }
    $2 != $4 && !(($2, $4) in allowed) { sub(/.*obj\//, "", $3); print $3 " takes " $1 " from " $4 }' | sort -u)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
