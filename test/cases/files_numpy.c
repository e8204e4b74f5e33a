/* NumPy reads what is written here, and what NumPy writes is read. Skipped where there is none. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

static const char script[] =
    "import numpy as np, sys\n"
    "d = sys.argv[1]\n"
    "a = np.load(d + '/a.npy'); assert a.dtype == np.float32 and (a == np.arange(6).reshape(2, 3).T).all()\n"
    "for k in 'zc':\n"
    "    f = np.load(d + '/' + k + '.npz')\n"
    "    assert f.files == ['x', 'y.0'], f.files\n"
    "    assert (f['x'] == a).all() and f['y.0'].shape == () and f['y.0'] == -3 and f['y.0'].dtype == np.int64\n"
    "out = {}\n"
    "for t in 'f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 b1'.split():\n"
    "    for o in '<>':\n"
    "        for g in 'CF':\n"
    "            out[t + o + g] = (np.arange(24).reshape(2, 3, 4) % 7).astype(o + t, order=g)\n"
    "np.savez(d + '/s.npz', **out); np.savez_compressed(d + '/p.npz', **out)\n"
    "for v in 1, 2, 3:\n"
    "    with open(d + '/v%d.npy' % v, 'wb') as f: np.lib.format.write_array(f, np.asfortranarray(a), (v, 0))\n";

static char folder[] = "/tmp/tapir_numpy_XXXXXX", name[100];
static const char *in(const char *file)
{
    snprintf(name, sizeof name, "%s/%s", folder, file);
    return name;
}

static int run(const char *what)
{
    static const char *const pythons[] = {"python3", "/usr/bin/python3"};
    for (int i = 0; i < 2; i++) {
        char command[400];
        snprintf(command, sizeof command, "%s -c 'import numpy' 2> /dev/null", pythons[i]);
        if (system(command) != 0) continue;
        snprintf(command, sizeof command, "%s %s/script.py %s", pythons[i], folder, folder);
        FILE *f = fopen(in("script.py"), "w");
        if (f == NULL || fputs(what, f) < 0 || fclose(f) != 0) return 1;
        return system(command) != 0;
    }
    return 77;
}

static int wrong(tp_tape *T, tp_tensor *x, const char *what, int bools)
{
    int bad = tp_numel(x) != 24 || tp_ndim(x) != 3;
    for (int i = 0; i < 24 && !bad; i++) bad = tp_item_at(x, i) != (bools ? i % 7 != 0 : i % 7);
    if (bad) printf("%s: %s\n", what, tp_error(T) ? tp_error(T) : "other values");
    return bad;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    if (mkdtemp(folder) == NULL) { printf("no folder\n"); return 77; }
    tp_tensor *x[] = {tp_t(T, tp_reshape(T, tp_arange(T, TP_F32, 0, 6, 1), tp_shape(2, 3))), tp_full(T, TP_I64, TP_SCALAR, -3)};
    const char *const names[] = {"x", "y.0"};
    tp_npy_save(T, in("a.npy"), x[0]);
    tp_npz_save(T, in("z.npz"), 2, names, x);
    if (tp_npz_save_compressed(T, in("c.npz"), 2, names, x) == TP_EUNSUPPORTED) {
        tp_clear_error(T); /* built without zlib */
        tp_npz_save(T, in("c.npz"), 2, names, x);
    }
    int bad = tp_error(T) ? 1 : run(script);
    for (int k = 0; k < 2 && bad == 0; k++) {
        tp_npz *f = tp_npz_open(T, in(k ? "p.npz" : "s.npz"));
        bad = tp_npz_length(f) != 48;
        for (int i = 0; i < tp_npz_length(f) && bad == 0; i++) {
            tp_tensor *y = tp_npz_get(T, f, tp_npz_name(f, i));
            if (tp_error_status(T) == TP_EUNSUPPORTED) { tp_clear_error(T); break; } /* without zlib */
            bad |= wrong(T, y, tp_npz_name(f, i), strncmp(tp_npz_name(f, i), "b1", 2) == 0);
        }
        tp_npz_close(f);
    }
    static const char *const versions[] = {"v1.npy", "v2.npy", "v3.npy"};
    for (int v = 0; v < 3 && bad == 0; v++) {
        tp_tensor *y = tp_npy_load(T, in(versions[v]));
        bad = !y || !tp_equal(T, y, x[0]);
    }
    if (tp_error(T)) printf("%s\n", tp_error(T));
    if (bad == 77) printf("python3 has no numpy\n");
    tp_tape_free(T);
    static const char *const files[] = {"a.npy", "z.npz", "c.npz", "s.npz", "p.npz", "script.py", "v1.npy", "v2.npy", "v3.npy"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) remove(in(files[i]));
    rmdir(folder);
    return bad;
}
