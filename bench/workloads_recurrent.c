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

/* ---- a table of which a step uses few rows ---- */

enum { TABLE_ROWS = 1000000, TABLE_COLUMNS = 64, USED = 4096 };

static void table_setup(bench_state *s)
{
    tp_tape *T = s->T;
    bool adam = *(const bool *)s->w->arg;
    s->net = tp_nn_embedding(T, TABLE_ROWS, TABLE_COLUMNS, &(tp_nn_embedding_options){.sparse = true});
    if (s->net == NULL)
        return;
    tp_params *set = tp_module_params(s->net);
    s->optim = adam ? tp_optim_sparse_adam(T, set, NULL) : tp_optim_sgd(T, set, &(tp_sgd_options){.lr = 1e-3});
    s->n_batches = BATCHES;
    for (int i = 0; i < BATCHES; i++)
        s->x[i] = tp_keep(tp_randint(T, TP_I64, tp_shape(USED), 0, TABLE_ROWS));
    tp_tape_reset(T);
}

static void table_step(bench_state *s)
{
    tp_tape *T = s->T;
    tp_optim_zero_grad(s->optim);
    tp_backward(T, tp_mean(T, tp_square(T, tp_forward(T, s->net, s->x[s->at++ % s->n_batches]))));
    tp_optim_step(T, s->optim);
    tp_tape_reset(T);
}

#define TABLE(name, adam) \
    { \
        name, "us", 1e6, true, table_setup, table_step, &(const bool){adam}, NULL \
    }

const workload bench_recurrent[] = {
    TABLE("embedding_1M_sgd", false),
    TABLE("embedding_1M_sparse_adam", true),
    ROW("lstm_i64_h256_t64_b32_adam", tp_nn_lstm),
    ROW("gru_i64_h256_t64_b32_adam", tp_nn_gru),
    ROW("rnn_i64_h256_t64_b32_adam", tp_nn_rnn),
    {0},
};
