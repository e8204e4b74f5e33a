/* workloads_data.c - epochs of a loader: shuffled rows of the size of Fashion-MNIST, pictures as float32 and labels. */
#include "bench.h"

#include <stdio.h>

enum { ROWS = 60000, PIXELS = 784 };

typedef struct {
    int64_t batch;
    int workers;
} loading;

static void setup(bench_state *s)
{
    const loading *a = s->w->arg;
    s->in[s->n_in++] = tp_keep(tp_rand(s->T, TP_F32, tp_shape(ROWS, PIXELS)));
    s->in[s->n_in++] = tp_keep(tp_randint(s->T, TP_I64, tp_shape(ROWS), 0, 10));
    s->loader = tp_loader_new(s->T, 2, s->in,
                              &(tp_loader_options){.batch_size = a->batch, .shuffle = true, .num_workers = a->workers});
}

static void epoch(bench_state *s)
{
    tp_tensor *batch[2];
    tp_loader_start(s->T, s->loader);
    while (tp_loader_next(s->T, s->loader, batch))
        tp_tape_reset(s->T);
}

#define ROW(name, batch, workers) \
    { \
        name, "samples/s", ROWS, false, setup, epoch, &(const loading){batch, workers}, floor_rows \
    }

const workload bench_loading[] = {
    ROW("loader_60k_784_b64", 64, 0),
    ROW("loader_60k_784_b128", 128, 0),
    ROW("loader_60k_784_b128_workers2", 128, 2),
    {0},
};
