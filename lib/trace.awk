# Makes trace.h of the headers: a macro for each function that is called on a tape and has more arguments.
#     awk -f trace.awk create.h elementwise.h ... > trace.h
BEGIN {
    print "/* trace.h - calls that note where they stand. A program that defines TP_TRACE before it includes tapir.h finds file and"
    print " * line of the call in anomaly reports and in tp_tape_print; it pays a store a call. Each function of a tape is a macro"
    print " * of its own name here; its address can still be taken. Made from the headers."
    print " */"
    print "#ifndef TAPIR_TRACE_H\n#define TAPIR_TRACE_H\n\n#include \"tapir/debug.h\"\n"
}
/^TP_API / && !/^TP_API +void/ && match($0, /tp_[A-Za-z0-9_]*\(tp_tape \*T,/) {
    name = substr($0, RSTART, index(substr($0, RSTART), "(") - 1)
    printf "#define %s(T, ...) %s(TP_HERE(T), __VA_ARGS__)\n", name, name
}
END { print "\n#endif" }
