# The table from PyTorch's names to ours, of what the public headers say: awk -f from-pytorch.awk HEADER... > from-pytorch.md
# Names that differ are taken from the list "PyTorch's other names" (ops.h) and from "torch.name" in the comment of a
# function; all other functions have PyTorch's name behind their tp_.

function row(torch, ours, same) { sub(/^ +/, "", torch); same_as[++n_rows] = same; rows[n_rows] = "| " torch " | " ours " |" }

# "a, b: what" of the list of other names, as rows
function other_names(text,    parts, n, i, at)
{
    n = split(text, parts, /\.  +/)
    for (i = 1; i <= n; i++)
        if ((at = index(parts[i], ": ")) > 0) {
            sub(/\.$/, "", parts[i])
            row(marked(substr(parts[i], 1, at - 1)), marked(substr(parts[i], at + 2)))
        }
}

# tp_ names in code type, and lists of words that have none
function marked(text,    out, before)
{
    out = ""
    while (match(text, /tp_[A-Za-z0-9_]*[A-Za-z0-9](\([^)]*\))?/)) {
        out = out substr(text, 1, RSTART - 1) "`" substr(text, RSTART, RLENGTH) "`"
        text = substr(text, RSTART + RLENGTH)
    }
    return out text
}

# What a comment says of PyTorch's name of the function that follows it
function named(comment, ours,    text, name, last)
{
    text = comment
    while (match(text, /torch\.[a-z0-9_]+(\.[A-Za-z0-9_]+)*/)) {
        name = substr(text, RSTART, RLENGTH)
        text = substr(text, RSTART + RLENGTH)
        if (!((name, ours) in said) && name != "torch.nn.init") {
            said[name, ours] = 1
            last = name
            sub(/.*\./, "", last)
            row("`" name "`", "`" ours "`", name == "torch." last || ours == "tp_" last ? "tp_" last : "")
        }
    }
}

FNR == 1 {
    topic = FILENAME
    sub(/.*\//, "", topic)
    topics[++n_topics] = topic
    comment = inside = list = ""
}

/PyTorch's other names/ { list = " " }
list != "" {
    line = $0
    ended = sub(/ *\*\/.*/, "", line)
    if (line ~ /^ \*   / || list != " ") {
        sub(/^ \* */, "", line)
        list = list line (line ~ /\.$/ ? "  " : " ")
    }
    if (ended) { other_names(list); list = "" }
    next
}

/\/\*/ && !/^TP_API/ { comment = ""; inside = 1 }
inside { comment = comment " " $0 }
/\*\// { inside = 0 }

/^TP_API/ && match($0, /tp_[a-z0-9_]+\(/) {
    ours = substr($0, RSTART, RLENGTH - 1)
    declared[ours] = 1
    functions[topic] = functions[topic] (functions[topic] == "" ? "" : ", ") substr(ours, 4)
    named(comment " " (match($0, /\/\*.*/) ? substr($0, RSTART) : ""), ours)
    comment = ""
}

END {
    print "# From PyTorch's names to Tapir's\n"
    print "Made from the headers by `make doc/from-pytorch.md`. A function of PyTorch's has its name behind `tp_`, whether it is"
    print "`torch.name`, `Tensor.name` or `torch.nn.functional.name`; the tape is its first argument. A second form says what it"
    print "takes: `_scalar` a C number, `_dim` and `_dims` dimensions, `_out` and `_into` a place. Groups are prefixes:\n"
    print "| PyTorch | Tapir |\n| --- | --- |"
    print "| `torch.linalg.name` | `tp_linalg_name` |\n| `torch.special.name` | `tp_name` |\n| `torch.nn.Name` | `tp_nn_name` |"
    print "| `torch.optim.Name` | `tp_optim_name` |\n| `x.name_()` | `tp_name_`, or `tp_copy_into` |"
    print "| `x + y`, `x @ y`, `-x` | `tp_add`, `tp_matmul`, `tp_neg` |\n| `x[1:3, None]` | `tp_index(T, x, \"1:3, None\")` |"
    print "| `loss.backward()`, `x.grad` | `tp_backward(T, loss)`, `tp_grad(x)` |\n| `with torch.no_grad():` | `tp_tape_record(T, false)` |"
    print "\n## Other names\n\n| PyTorch | Tapir |\n| --- | --- |"
    for (i = 1; i <= n_rows; i++)
        if (!(same_as[i] in declared)) # its own name is the rule
            print rows[i]
    print "\n## All functions, by header (without `tp_`)"
    for (i = 1; i <= n_topics; i++)
        if (functions[topics[i]] != "")
            print "\n**" topics[i] "**: " functions[topics[i]]
}
