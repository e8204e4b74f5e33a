#!/bin/sh
# A host loads the library, or a plugin that it is linked into statically, computes and unloads it, again and again:
# no thread stays in code that is gone, and nothing waits for one.
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/plugin.c" <<'END'
#include <tapir.h>
int compute(void);
int compute(void)
{
    tp_tape *T = tp_tape_new();
    for (int i = 0; i < 3; i++) {
        tp_tensor *x = tp_ones(T, TP_F32, tp_shape(1000, 1000));
        tp_exp(T, tp_matmul(T, x, x));
        tp_tape_reset(T);
    }
    int bad = tp_error(T) != NULL;
    tp_tape_free(T);
    return bad;
}
END
cat > "$work/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
int main(int argc, char **argv)
{
    struct timespec a, b;
    for (int i = 0; i < 8 && argc > 1; i++) {
        void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        int (*compute)(void) = plugin ? (int (*)(void))dlsym(plugin, "compute") : NULL;
        if (compute == NULL || compute() != 0) {
            printf("%s: %s\n", argv[1], plugin ? "a failure" : dlerror());
            return 1;
        }
        clock_gettime(CLOCK_MONOTONIC, &a);
        dlclose(plugin);
        clock_gettime(CLOCK_MONOTONIC, &b);
        if (b.tv_sec - a.tv_sec > 2) {
            printf("dlclose takes more than two seconds\n");
            return 1;
        }
    }
    return 0;
}
END
make -s BUILD="$1" lib > /dev/null || exit 1
libs=$(sed -n 's/^\(BLAS_LIBS\|LAPACKE_LIBS\|JANSSON_LIBS\|ZLIB_LIBS\|OPENMP_CFLAGS\) *:*= *//p' "$build/config.mk" | tr '\n' ' ')
cc=${TEST_CC:-cc}
# shellcheck disable=SC2086
$cc -fPIC -shared -Iinclude "$work/plugin.c" -o "$work/shared.so" -L"$build" -Wl,-rpath,"$build" -ltapir &&
    $cc -fPIC -shared -Iinclude "$work/plugin.c" -o "$work/static.so" "$build/libtapir.a" $libs -lm &&
    $cc "$work/host.c" -o "$work/host" -ldl || exit 1
for plugin in shared static; do
    OMP_NUM_THREADS=4 timeout 60 "$work/host" "$work/$plugin.so" || { echo "$plugin: status $?"; exit 1; }
done
