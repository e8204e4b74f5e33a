/* workloads_recurrent.c - training steps of recurrent nets, and of embeddings. */
#include "bench.h"

/* A layer over sequences, batch first, whose last state a linear layer takes to 10 classes; with Adam. */
typedef struct {
    tp_module *(*make)(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options);
    int64_t in, hidden, steps, batch;
} recurrent;

enum { CLASSES = 10, BATCHES = 2 };

static void recurrent_setup(bench_state *s)
{
    const recurrent *r = s->w->arg;
    tp_tape *T = s->T;
    tp_module *layer = r->make(T, r->in, r->hidden, &(tp_rnn_options){.batch_first = true});
    s->net = tp_nn_module_list(T, layer, tp_nn_linear(T, r->hidden, CLASSES, NULL));
    if (s->net == NULL)
        return;
    s->optim = tp_optim_adam(T, tp_module_params(s->net), &(tp_adam_options){.lr = 1e-4});
    s->n_batches = BATCHES;
    for (int i = 0; i < BATCHES; i++) {
        s->x[i] = tp_keep(tp_rand(T, TP_F32, tp_shape(r->batch, r->steps, r->in)));
        s->y[i] = tp_keep(tp_randint(T, TP_I64, tp_shape(r->batch), 0, CLASSES));
    }
    tp_tape_reset(T);
}

static void recurrent_step(bench_state *s)
{
    tp_tape *T = s->T;
    int b = s->at++ % s->n_batches;
    tp_optim_zero_grad(s->optim);
    tp_tensor *y = tp_forward(T, tp_nn_at(s->net, 0), s->x[b]);
    tp_tensor *z = tp_forward(T, tp_nn_at(s->net, 1), tp_select(T, y, 1, -1));
    tp_backward(T, tp_cross_entropy(T, z, s->y[b], NULL));
    tp_optim_step(T, s->optim);
    tp_tape_reset(T);
}

#define ROW(name, layer) \
    { \
        name, "samples/s", 32, false, recurrent_setup, recurrent_step, &(const recurrent){layer, 64, 256, 64, 32}, \
            NULL \
    }

const workload bench_recurrent[] = {
    ROW("lstm_i64_h256_t64_b32_adam", tp_nn_lstm),
    ROW("gru_i64_h256_t64_b32_adam", tp_nn_gru),
    ROW("rnn_i64_h256_t64_b32_adam", tp_nn_rnn),
    {0},
};
