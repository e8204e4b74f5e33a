#!/bin/sh
# An error says what was given and what is needed: "name: what was given; what is needed". Where something is missing,
# "x is NULL" is enough; of memory, files and numbers that went wrong nothing is needed of the caller.
cd "$(dirname "$0")/../.." || exit 1
awk '
    function judge(call,   said, rest) {
        if (call !~ /TP_E(SHAPE|DTYPE|INDEX|INVAL|GRAPH|UNSUPPORTED|MUTATED|FOREIGN)/) return
        while (match(call, /"([^"\\]|\\.)*"/)) {
            said = said substr(call, RSTART + 1, RLENGTH - 2)
            call = substr(call, RSTART + RLENGTH)
        }
        rest = said
        gsub(/%[a-z]+/, "", rest)
        if (rest ~ /[a-z]/ && said !~ /; / && said !~ /is NULL/) { print FILENAME ": " said; bad = 1 }
    }
    # From the call on, until its brackets are closed.
    function take(line,   i, c) {
        for (i = 1; i <= length(line); i++) {
            c = substr(line, i, 1)
            call = call c
            if (c == "\"" && substr(line, i - 1, 1) != "\\") quoted = !quoted
            if (!quoted && c == "(") depth++
            if (!quoted && c == ")" && --depth == 0) { judge(call); call = ""; inside = 0; return }
        }
    }
    FNR == 1 { inside = depth = quoted = 0; call = "" }
    inside { take($0); next }
    match($0, /(^|[^a-z_])tp_(call_)?fail\(/) && !/^[a-z].*format/ { inside = 1; depth = 0; quoted = 0; take(substr($0, RSTART)) }
    END { exit bad }
' $(find lib -name '*.[ch]')
