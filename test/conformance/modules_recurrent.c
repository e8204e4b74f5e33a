/* modules_recurrent.c - recurrent layers and their cells, embeddings. */
#include "groups.h"

#include <string.h>

/* Behind the sizes torch's layers have num_layers, bias, batch_first, dropout, bidirectional, proj_size; of an RNN the
 * nonlinearity is a keyword. */
static tp_module *layers(test_case *c, tp_module *(*make)(tp_tape *, int64_t, int64_t, const tp_rnn_options *))
{
    int64_t in = arg_int(c, 0, "input_size", 0), hidden = arg_int(c, 1, "hidden_size", 0);
    tp_rnn_options o = {.num_layers = (int)arg_int(c, 2, "num_layers", 1),
                        .no_bias = !arg_bool(c, 3, "bias", true),
                        .batch_first = arg_bool(c, 4, "batch_first", false),
                        .dropout = arg_double(c, 5, "dropout", 0),
                        .bidirectional = arg_bool(c, 6, "bidirectional", false),
                        .proj_size = arg_int(c, 7, "proj_size", 0),
                        .relu = strcmp(arg_string(c, -1, "nonlinearity", "tanh"), "relu") == 0,
                        .dtype = case_dtype(c)};
    return make(c->T, in, hidden, &o);
}
static tp_module *build_rnn(test_case *c) { return layers(c, tp_nn_rnn); }
static tp_module *build_lstm(test_case *c) { return layers(c, tp_nn_lstm); }
static tp_module *build_gru(test_case *c) { return layers(c, tp_nn_gru); }

static tp_module *cell(test_case *c, tp_module *(*make)(tp_tape *, int64_t, int64_t, const tp_rnn_cell_options *))
{
    int64_t in = arg_int(c, 0, "input_size", 0), hidden = arg_int(c, 1, "hidden_size", 0);
    tp_rnn_cell_options o = {.no_bias = !arg_bool(c, 2, "bias", true),
                             .relu = strcmp(arg_string(c, 3, "nonlinearity", "tanh"), "relu") == 0,
                             .dtype = case_dtype(c)};
    return make(c->T, in, hidden, &o);
}
static tp_module *build_rnn_cell(test_case *c) { return cell(c, tp_nn_rnn_cell); }
static tp_module *build_lstm_cell(test_case *c) { return cell(c, tp_nn_lstm_cell); }
static tp_module *build_gru_cell(test_case *c) { return cell(c, tp_nn_gru_cell); }

/* torch's layer has padding_idx first, max_norm, norm_type, scale_grad_by_freq, sparse; that of bags max_norm, norm_type,
 * scale_grad_by_freq, mode, sparse, _weight, include_last_offset, padding_idx. */
static tp_module *build_embedding(test_case *c)
{
    int64_t rows = arg_int(c, 0, "num_embeddings", 0), columns = arg_int(c, 1, "embedding_dim", 0);
    tp_nn_embedding_options o = {.has_padding = arg(c, 2, "padding_idx") != NULL,
                                 .padding_idx = arg_int(c, 2, "padding_idx", 0),
                                 .max_norm = arg_double(c, 3, "max_norm", 0),
                                 .norm_type = arg_double(c, 4, "norm_type", 2),
                                 .scale_grad_by_freq = arg_bool(c, 5, "scale_grad_by_freq", false),
                                 .sparse = arg_bool(c, 6, "sparse", false),
                                 .dtype = case_dtype(c)};
    return tp_nn_embedding(c->T, rows, columns, &o);
}

static tp_module *build_embedding_bag(test_case *c)
{
    int64_t rows = arg_int(c, 0, "num_embeddings", 0), columns = arg_int(c, 1, "embedding_dim", 0);
    tp_nn_embedding_options o = {.max_norm = arg_double(c, 2, "max_norm", 0),
                                 .norm_type = arg_double(c, 3, "norm_type", 2),
                                 .scale_grad_by_freq = arg_bool(c, 4, "scale_grad_by_freq", false),
                                 .mode = arg_bag_mode(c, 5),
                                 .sparse = arg_bool(c, 6, "sparse", false),
                                 .include_last_offset = arg_bool(c, 8, "include_last_offset", false),
                                 .has_padding = arg(c, 9, "padding_idx") != NULL,
                                 .padding_idx = arg_int(c, 9, "padding_idx", 0),
                                 .dtype = case_dtype(c)};
    return tp_nn_embedding_bag(c->T, rows, columns, &o);
}

const module_builder recurrent_builders[] = {
    {"Embedding", build_embedding},
    {"EmbeddingBag", build_embedding_bag},
    {"RNN", build_rnn},
    {"LSTM", build_lstm},
    {"GRU", build_gru},
    {"RNNCell", build_rnn_cell},
    {"LSTMCell", build_lstm_cell},
    {"GRUCell", build_gru_cell},
    {NULL, NULL},
};
