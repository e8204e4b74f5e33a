#!/bin/sh
# The demo on a little data, where the data set is installed (and zlib, for it is gzipped); without it, it says how to
# get it.
build=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$build"/examples/fashion_mnist --data "$out" >"$out/log" 2>&1 && exit 1
grep -qi 'dataset-fashion-mnist' "$out/log" || exit 1
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || { echo "no $data"; exit 77; }
if ! "$build"/examples/fashion_mnist --train-samples 2000 --epochs 2 --save "$out/m.safetensors" --plot "$out/m.png" >"$out/log" 2>&1; then
    cat "$out/log"
    grep -q 'zlib is not built in' "$out/log" && { echo 'built without zlib'; exit 77; }
    exit 1
fi
[ -s "$out/m.safetensors" ] || grep -q 'built without jansson' "$out/log"
