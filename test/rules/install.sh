#!/bin/sh
# What make install leaves is enough to build a program, shared and static, and to start it.
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.." || exit 1
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
env -u CC -u MAKEFLAGS make -s install BUILD="$1" prefix=/opt/tapir DESTDIR="$root" >/dev/null || exit 1
export PKG_CONFIG_PATH="$root/opt/tapir/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR=
flags=$(pkg-config --define-variable=prefix="$root/opt/tapir" --cflags --libs tapir) || exit 1
# shellcheck disable=SC2086
${TEST_CC:-cc} examples/errors.c $flags -o "$root/shared" && "$root/shared" || exit 1
size=$(stat -L -c %s "$root/opt/tapir/lib/libtapir.so")
[ "$size" -lt 8000000 ] || [ -n "$(nm -a "$root/opt/tapir/lib/libtapir.so" 2> /dev/null | grep -m1 asan)" ] || { echo "libtapir.so has $size bytes"; exit 1; }
flags=$(pkg-config --define-variable=prefix="$root/opt/tapir" --cflags --static --libs tapir | sed 's/-ltapir/-l:libtapir.a/') || exit 1
# shellcheck disable=SC2086
${TEST_CC:-cc} examples/errors.c $flags -o "$root/static" && "$root/static" || exit 1
! ldd "$root/static" | grep -q libtapir
