/* snapshot.c - a training in a file: it is loaded whole, or not at all. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    int64_t epoch = 7;
    tp_module *net = tp_nn_linear(T, 2, 1, NULL);
    tp_optim *optim = tp_optim_adam(T, tp_module_params(net), NULL);
    tp_schedule *schedule = tp_step_lr(T, optim, 2, 0.5);
    tp_tensor *rows = tp_zeros(T, TP_F32, tp_shape(5, 2));
    tp_loader *loader = tp_loader_new(T, 1, &rows, &(tp_loader_options){.batch_size = 2, .shuffle = true});
    tp_snapshot *s = tp_snapshot_new(T);
    tp_snapshot_module(T, s, "model", net);
    tp_snapshot_optim(T, s, "optim", optim);
    tp_snapshot_schedule(T, s, "schedule", schedule);
    tp_snapshot_loader(T, s, "loader", loader);
    tp_snapshot_i64(T, s, "epoch", &epoch);
    fuzz_expect(tp_error(T) == NULL, "there is a snapshot to be loaded");
    tp_status status = tp_snapshot_load(T, s, path);
    fuzz_expect((status == TP_OK) == (tp_error(T) == NULL), "success, or a message");
    fuzz_expect(status == TP_OK || epoch == 7, "what cannot be loaded changes nothing");
    tp_clear_error(T);
    tp_snapshot_free(s);
    tp_loader_free(loader);
    tp_schedule_free(schedule);
    tp_optim_free(optim);
    tp_module_free(net);
}
