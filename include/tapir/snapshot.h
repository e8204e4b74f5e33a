/* snapshot.h - a training in one file: what it takes to go on as if it had never stopped.
 *
 *     tp_snapshot *s = tp_snapshot_new(T);
 *     tp_snapshot_module(T, s, "model", net);
 *     tp_snapshot_optim(T, s, "optim", optim);
 *     tp_snapshot_loader(T, s, "loader", loader);
 *     tp_snapshot_i64(T, s, "epoch", &epoch);
 *     tp_snapshot_resume(T, s, "run.safetensors", NULL);   // goes on where the file ends, if there is one
 *     ...
 *         tp_snapshot_save(T, s, "run.safetensors", 2);    // and keeps the two before
 *
 * A loader goes on in the middle of its epoch: the one that was resumed is not started again, but gives the rest of its batches
 * (none, where it was saved between two epochs).
 *
 * What is named lives as long as the snapshot is used. The tape's generator is always in it. The file is a safetensors one:
 * "model.0.weight", "optim.state.0.exp_avg", "loader.order", "epoch", "generator". It takes the old one's place when it is
 * whole and on the disk (io.h): a program that is killed at any moment leaves one that can be loaded.
 */
#ifndef TAPIR_SNAPSHOT_H
#define TAPIR_SNAPSHOT_H

#include "data.h"
#include "nn.h"
#include "schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_snapshot tp_snapshot;
TP_API tp_snapshot *tp_snapshot_new(tp_tape *T);
TP_API void         tp_snapshot_free(tp_snapshot *s);
/* Adds what is to be saved, under a name of its own without dots (TP_EINVAL where it is taken, or "generator"). */
TP_API tp_status tp_snapshot_module(tp_tape *T, tp_snapshot *s, const char *name, tp_module *m);
TP_API tp_status tp_snapshot_optim(tp_tape *T, tp_snapshot *s, const char *name, tp_optim *o);
TP_API tp_status tp_snapshot_schedule(tp_tape *T, tp_snapshot *s, const char *name, tp_schedule *schedule);
TP_API tp_status tp_snapshot_loader(tp_tape *T, tp_snapshot *s, const char *name, tp_loader *loader);
/* An owned tensor, and numbers of the program's own: they are read at a save, and written at a load. */
TP_API tp_status tp_snapshot_tensor(tp_tape *T, tp_snapshot *s, const char *name, tp_tensor *x);
TP_API tp_status tp_snapshot_i64(tp_tape *T, tp_snapshot *s, const char *name, int64_t *value);
TP_API tp_status tp_snapshot_f64(tp_tape *T, tp_snapshot *s, const char *name, double *value);

/* Writes the file. The `keep` files before it stay as path.1 (the last one), path.2, ... */
TP_API tp_status tp_snapshot_save(tp_tape *T, tp_snapshot *s, const char *path, int keep);
/* Everything as it was when it was saved. All is checked first: what is missing, more than was named, or of another shape is
 * an error, and nothing is changed. TP_EIO where there is no file. */
TP_API tp_status tp_snapshot_load(tp_tape *T, tp_snapshot *s, const char *path);
/* The same where there is a file; *resumed (or NULL) tells. */
TP_API tp_status tp_snapshot_resume(tp_tape *T, tp_snapshot *s, const char *path, bool *resumed);

#ifdef __cplusplus
}
#endif
#endif
