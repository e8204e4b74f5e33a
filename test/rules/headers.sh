#!/bin/sh
# Each public header compiles alone, as C11 and as C++17, without a warning. Exit status 77: no C++ compiler here.
cd "$(dirname "$0")/../.." || exit 2
warn='-Wall -Wextra -Werror -pedantic -Iinclude -fsyntax-only'
bad=0 cxx=
for c in ${CXX:-} g++ clang++ c++; do
    if command -v "$c" > /dev/null; then
        cxx=$c
        break
    fi
done
for header in include/tapir.h include/tapir/*.h; do
    name=${header#include/}
    echo "#include <$name>" | ${CC:-cc} -std=c11 $warn -x c - || { echo "$name: not clean C11"; bad=1; }
    [ -z "$cxx" ] || echo "#include <$name>" | $cxx -std=c++17 $warn -x c++ - || { echo "$name: not clean C++17"; bad=1; }
done
[ $bad = 0 ] || exit 1
[ -n "$cxx" ] || { echo 'no C++ compiler: checked as C only'; exit 77; }
