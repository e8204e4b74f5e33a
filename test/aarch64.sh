#!/bin/sh
# The library on another processor, emulated: its numbers, conversions and promotions, and the tests that take no time.
# Needs aarch64-linux-gnu-gcc, qemu-user, and Debian's arm64 packages of what the library links (dpkg --add-architecture
# arm64; apt-get update), which are unpacked below BUILD and not installed.
build=${1:-build}/aarch64
root=$build/root lib=$build/root/usr/lib/aarch64-linux-gnu
packages='libopenblas0-openmp libopenblas-openmp-dev libjansson4 libjansson-dev liblapacke liblapacke-dev liblapack3 libblas3
    libtmglib3 zlib1g zlib1g-dev libgfortran5 libgomp1 check libsubunit0 libsubunit-dev'
skip() { echo "$1"; exit 77; }

for tool in aarch64-linux-gnu-gcc qemu-aarch64 dpkg; do
    command -v $tool > /dev/null || skip "no $tool"
done
if [ ! -d "$lib/openblas-openmp" ]; then
    dpkg --print-foreign-architectures | grep -q arm64 || skip 'no arm64 packages: dpkg --add-architecture arm64'
    mkdir -p "$build/packages"
    for p in $packages; do (cd "$build/packages" && apt-get -qq download "$p:arm64") || skip "no package $p:arm64"; done
    for p in "$build"/packages/*.deb; do dpkg -x "$p" "$root" || exit 1; done
fi
root=$(cd "$root" && pwd) lib=$root/usr/lib/aarch64-linux-gnu
libraries=$lib/openblas-openmp:$lib:$lib/lapack
env -u MAKEFLAGS make -s BUILD="$build" CC=aarch64-linux-gnu-gcc CFLAGS=-O2 CONFIGURE_FLAGS=--host=aarch64-linux-gnu \
    CPPFLAGS="-I$root/usr/include/aarch64-linux-gnu/openblas-openmp -I$root/usr/include -I$root/usr/include/aarch64-linux-gnu" \
    LDFLAGS="-L$lib/openblas-openmp -L$lib -L$lib/lapack -Wl,-rpath-link,$libraries:$lib/blas" tests > "$build/log" 2>&1 ||
    { tail -n 20 "$build/log"; exit 1; }

emulate() { QEMU_LD_PREFIX=/usr/aarch64-linux-gnu qemu-aarch64 -E "LD_LIBRARY_PATH=/usr/aarch64-linux-gnu/lib:$libraries" "$@" > "$build/log" 2>&1; }
bad=0
emulate "$build/test/conformance" test/conformance/open/type_promotion.safetensors || { bad=1; cat "$build/log"; }
for t in core numbers views inplace math special random tape io; do
    CK_DEFAULT_TIMEOUT=300 emulate "$build/test/test_$t" || { bad=1; cat "$build/log"; }
done
exit $bad
