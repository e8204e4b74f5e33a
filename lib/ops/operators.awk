# Finds the operators that a file of lib/ops defines, as the compiler sees it, since macros define most; writes them as
# entries of its list (ops.h). Operators are known by their names, which end in _op; what is run but no operator (actions.c)
# has one that ends in _action.
#     cc -E -P file.c | awk -v file=file.c -f operators.awk > list
{ text = text " " $0 }
END {
    while (match(text, /static const (tp_op|tp__map_op|curve|[a-z_]+_op) [a-z0-9_]+ *=/)) {
        split(substr(text, RSTART, RLENGTH), word, / /)
        text = substr(text, RSTART + RLENGTH)
        name = word[4]
        sub(/=$/, "", name)
        if (name ~ /_op$/) {
            print "    (const tp_op *)&" name ","
            n++
        } else if (name !~ /_action$/) {
            wrong = name ": an operator's name must end in _op"
        }
    }
    while (n > 0 && (getline line < file) > 0)
        listed = listed || line ~ /#include TP__OPERATORS/
    if (n > 0 && !listed)
        wrong = "has operators and no list of them (lib/ops/ops.h)"
    if (wrong) {
        print file ": " wrong > "/dev/stderr"
        exit 1
    }
}
