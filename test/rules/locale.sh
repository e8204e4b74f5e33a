#!/bin/sh
# What depends on the locale is asked of text.c alone: floats in text, the kinds of letters, the system's messages.
cd "$(dirname "$0")/../.." || exit 1
wrong=$(for f in $(find lib -name '*.[ch]'); do
    [ "$f" = lib/core/text.c ] && continue
    # calls that format a float, whole
    tr '\n' ' ' < "$f" | grep -oE '[^_a-z](v?snprintf|v?fprintf|v?sprintf|printf)\([^;]*%[-+ #0-9.*]*[aefgAEFG][^;]*;' | sed "s|^|$f: |"
    grep -nE '[^_a-z](vs?n?printf|vfprintf|isspace|isdigit|isalpha|isalnum|toupper|tolower|strto[fd]|strtold|atof|sscanf|fscanf|strerror|setlocale|localeconv)\(' "$f" | sed "s|^|$f: |"
done)
[ -z "$wrong" ] || { echo "$wrong"; exit 1; }
