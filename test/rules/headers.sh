#!/bin/sh
# Each public header compiles alone, as C11 and as C++17, without a warning.
cd "$(dirname "$0")/../.." || exit 1
status=0
for h in include/tapir.h include/tapir/*.h; do
    echo "#include \"$h\"" | ${TEST_CC:-${CC:-cc}} -std=c11 -Iinclude -I. -Wall -Wextra -pedantic -Werror -fsyntax-only -x c - || status=1
    if command -v c++ >/dev/null; then
        echo "#include \"$h\"" | c++ -std=c++17 -Iinclude -I. -Wall -Wextra -pedantic -Werror -fsyntax-only -x c++ - || status=1
    fi
done
exit $status
