#!/bin/sh
# Who may include whom: core <- kernel <- tape <- ops <- nn; optim -> core, kernel, tape;
# io, data -> core, tape, nn. Public headers include public headers. Only kernel/blas.c and
# kernel/lapack.c know BLAS and LAPACK.
cd "$(dirname "$0")/../.." || exit 2

grep -n '^[[:space:]]*#[[:space:]]*include' lib/*/*.[ch] include/tapir.h include/tapir/*.h |
awk '
BEGIN {
    allowed["core"]   = " core "
    allowed["kernel"] = " core kernel "
    allowed["tape"]   = " core kernel tape "
    allowed["ops"]    = " core kernel tape ops "
    allowed["nn"]     = " core kernel tape ops nn "
    allowed["optim"]  = " core kernel tape optim "
    allowed["io"]     = " core tape nn io "
    allowed["data"]   = " core tape nn data "
}
{
    split($0, at, ":")
    split(at[1], path, "/")
    name = $0
    sub(/.*include[[:space:]]*/, "", name)
    bracket = substr(name, 1, 1)
    name = substr(name, 2)
    sub(/[">].*/, "", name)
    split(name, to, "/")
    here = path[1] == "lib" ? path[2] : "include"
    bad = 0
    if (bracket == "<")
        bad = name ~ /^(cblas|lapacke|f77blas)/ && at[1] !~ /^lib\/kernel\/(blas|lapack)\.c$/
    else if (here == "include")
        bad = to[1] != "tapir"
    else if (name != "config.h" && name != "tapir.h" && to[1] != "tapir")
        bad = !(here in allowed) || index(allowed[here], " " to[1] " ") == 0
    if (bad) {
        print at[1] ":" at[2] ": may not include " name
        found = 1
    }
    lines++
}
END { exit found || lines == 0 }'
