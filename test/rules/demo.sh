#!/bin/sh
# The demo on a little data, where the data set is installed (and zlib, for it is gzipped); without it, it says how to
# get it.
build=$1
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$build"/examples/fashion_mnist --data "$out" >"$out/log" 2>&1 && exit 1
grep -qi 'dataset-fashion-mnist' "$out/log" || exit 1
"$build"/examples/tabular --data "$out/none.csv" >"$out/log" 2>&1 && exit 1
grep -q 'apt install python3-sklearn' "$out/log" || exit 1
if [ -r /usr/lib/python3/dist-packages/sklearn/datasets/data/breast_cancer.csv ]; then
    "$build"/examples/tabular --divisions 1 --save "$out/t.safetensors" --plot "$out/t.png" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
    grep -q 'committee of networks  *5  *9[78]... %  *0.99' "$out/log" || { cat "$out/log"; exit 1; }
    [ -s "$out/t.png" ] || ! command -v gnuplot >/dev/null || exit 1
fi
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || { echo "no $data"; exit 77; }
if ! "$build"/examples/fashion_mnist --train-samples 2000 --epochs 2 --save "$out/m.safetensors" --plot "$out/m.png" >"$out/log" 2>&1; then
    cat "$out/log"
    grep -q 'zlib is not built in' "$out/log" && { echo 'built without zlib'; exit 77; }
    exit 1
fi
[ -s "$out/m.safetensors" ] || grep -q 'built without jansson' "$out/log" || exit 1
# Its head fits a terminal, and says when OpenBLAS runs kernels that are slow here: asked for by hand, of a processor without AVX2.
LC_ALL=C tr -d '\200-\277' <"$out/log" | awk 'length > 80 { print "more than 80 columns: " $0; bad = 1 } END { exit bad }' || exit 1
grep -q '^products by ' "$out/log" || { cat "$out/log"; exit 1; }
if grep -q 'OpenBLAS' "$out/log" && grep -q avx2 /proc/cpuinfo 2>/dev/null; then
    OPENBLAS_CORETYPE=Prescott "$build"/examples/fashion_mnist --train-samples 500 --epochs 1 --save "$out/m.safetensors" --plot "$out/m.png" >"$out/log" 2>&1 || exit 1
    if grep -q 'Prescott' "$out/log"; then # else it has no kernels to choose among
        grep -q 'would suit this processor: OPENBLAS_CORETYPE is set' "$out/log" || { cat "$out/log"; exit 1; }
        awk 'length > 80 { exit 1 }' "$out/log" || exit 1
    fi
fi
# The others, on less.
"$build"/examples/autoencoder --train-samples 320 --epochs 1 --picture "$out/a.png" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
# As NumPy has it: of the variance of these, and of what is left of the test set.
"$build"/examples/pca_fashion --samples 2000 --picture "$out/p.png" >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
for line in 'component 1  29.42 %' 'component 5   3.77 %, so far 62.50 %' 'the first 156$' 'by  50 numbers a picture: 0.01239 off'; do
    grep -q "$line" "$out/log" || { echo "no line \"$line\""; cat "$out/log"; exit 1; }
done
[ -s "$out/p.png" ] || ! command -v gnuplot >/dev/null
