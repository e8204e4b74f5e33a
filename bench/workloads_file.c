/* workloads_file.c - files, read and written: 64 MB of float32, a table of 200,000 x 10. They lie in memory (/dev/shm), where
 * there is such a place: what is measured is what the libraries do, not the disk. */
#define _DEFAULT_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 4096, ROWS = 200000, COLUMNS = 10 };

typedef enum { NPY, NPZ, SAFETENSORS, PT, CSV } format;
static const char *const ends[] = {"npy", "npz", "safetensors", "pt", "csv"};
typedef struct {
    format is;
    bool reads;
} file_case;

static char path[80];
static const char *const name = "x";

static void remove_file(void) { unlink(path); }

static void write_it(bench_state *s)
{
    const file_case *c = s->w->arg;
    if (c->is == NPY)
        tp_npy_save(s->T, path, s->in[0]);
    else if (c->is == NPZ)
        tp_npz_save(s->T, path, 1, &name, s->in);
    else if (c->is == SAFETENSORS)
        tp_safetensors_save(s->T, path, 1, &name, s->in, 0, NULL, NULL);
    else if (c->is == PT)
        tp_torch_save(s->T, path, 1, &name, s->in);
    else
        tp_csv_save(s->T, path, s->in[0], NULL, NULL);
    tp_tape_reset(s->T);
}

static void read_it(bench_state *s)
{
    const file_case *c = s->w->arg;
    if (c->is == NPY) {
        tp_npy_load(s->T, path);
    } else if (c->is == NPZ) {
        tp_npz *f = tp_npz_open(s->T, path);
        tp_npz_get(s->T, f, name);
        tp_npz_close(f);
    } else if (c->is == SAFETENSORS) {
        tp_safetensors *f = tp_safetensors_open(s->T, path);
        tp_safetensors_get(s->T, f, name);
        tp_safetensors_close(f);
    } else if (c->is == PT) {
        tp_state_dict_free(tp_torch_load(s->T, path));
    } else {
        tp_csv_load(s->T, path, NULL, NULL);
    }
    tp_tape_reset(s->T);
}

static void setup(bench_state *s)
{
    const file_case *c = s->w->arg;
    static bool removed_at_exit;
    if (!removed_at_exit)
        atexit(remove_file);
    removed_at_exit = true;
    remove_file();
    snprintf(path, sizeof path, "%s/tapir-bench-%ld.%s", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp",
             (long)getpid(), ends[c->is]);
    s->n_in = 1;
    s->in[0] = c->is == CSV ? bench_randn(s->T, TP_F64, tp_shape(ROWS, COLUMNS))
                            : bench_randn(s->T, TP_F32, tp_shape(SIDE, SIDE));
    if (c->reads)
        write_it(s);
}

/* A number of a table takes 19 bytes or so, with what stands behind it. */
#define ROW(name, is, reads) \
    { \
        name, "MB/s", (is) == CSV ? 19e-6 * ROWS *COLUMNS : 4e-6 * SIDE *SIDE, false, setup, \
            (reads) ? read_it : write_it, &(const file_case){is, reads}, NULL \
    }

const workload bench_files[] = {
    ROW("npy_read", NPY, true),
    ROW("npy_write", NPY, false),
    ROW("npz_read", NPZ, true),
    ROW("npz_write", NPZ, false),
    ROW("safetensors_read", SAFETENSORS, true),
    ROW("safetensors_write", SAFETENSORS, false),
    ROW("pt_read", PT, true),
    ROW("pt_write", PT, false),
    ROW("csv_read", CSV, true),
    ROW("csv_write", CSV, false),
    {0},
};
