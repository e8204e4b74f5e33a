#!/bin/sh
# Who may include whom (doc/architecture.md): each folder of lib/ names the folders it may see.
cd "$(dirname "$0")/../.." || exit 1
status=0
may() { # folder, then what it may include
    folder=$1
    shift
    for f in $(find lib/"$folder" -name "*.[ch]"); do
        sed -n 's/^#include "\([^"]*\)".*/\1/p' "$f" | while read -r h; do
            ok=no
            for d in "$folder" tapir "$@"; do
                case $h in "$d"/*) ok=yes ;; esac
            done
            case $h in config.h | families.h) ok=yes ;; esac
            [ $ok = yes ] || echo "$f includes $h"
        done
    done
}
wrong=$(
    may core
    may kernel core
    may tape core kernel
    may ops core kernel tape
    may autograd core kernel tape ops
    may nn core kernel tape ops
    may optim core kernel tape
    may io core tape nn optim data kernel
    may data core tape nn
    for h in include/tapir.h include/tapir/*.h; do
        grep -H '#include "' "$h" | grep -v '"\(tapir/\)\{0,1\}[a-z0-9_]*\.h"'
    done
    grep -l '#include <cblas.h>' $(find lib -name '*.[ch]') | grep -v 'lib/kernel/\(blas\|blas_kind\|blas_room\)\.c'
    grep -l '#include <lapacke.h>' $(find lib -name '*.[ch]') | grep -v 'lib/kernel/\(lapack\|lu\|orthogonal\|schur\|sqrtm\|riccati\|banded\)\.c'
)
[ -z "$wrong" ] || { echo "$wrong"; status=1; }
exit $status
