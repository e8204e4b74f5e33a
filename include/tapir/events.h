/* events.h - logs that TensorBoard shows: scalars, histograms, images, graphs by step.
 *
 *     tp_events *log = tp_events_open(T, "runs/first");
 *     tp_events_scalar(T, log, "loss/train", tp_item(loss), step);
 *
 * Each call appends a record, which is in the file when it returns; a failure is the tape's, and leaves whole records. Tags are
 * UTF-8; what comes before a slash groups them.
 */
#ifndef TAPIR_EVENTS_H
#define TAPIR_EVENTS_H

#include "nn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_events tp_events;
/* A new file in the directory, which is made where it is not there; its parent has to be (torch.utils.tensorboard.SummaryWriter). */
TP_API tp_events  *tp_events_open(tp_tape *T, const char *directory);
TP_API void        tp_events_close(tp_events *e);
TP_API const char *tp_events_path(const tp_events *e); /* of the file; NULL of none */

/* A number, which the file has in float32 (torch.utils.tensorboard.SummaryWriter.add_scalar). */
TP_API tp_status tp_events_scalar(tp_tape *T, tp_events *e, const char *tag, double value, int64_t step);
/* How the elements of x, of any shape, are spread, in TensorBoard's bins, each a tenth wider than the one before; those that are
 * not finite are passed over (torch.utils.tensorboard.SummaryWriter.add_histogram). */
TP_API tp_status tp_events_histogram(tp_tape *T, tp_events *e, const char *tag, tp_tensor *x, int64_t step);
/* A picture, as tp_image_save has it: x [channels, height, width] or [height, width]; TP_EUNSUPPORTED in a library without libpng
 * (torch.utils.tensorboard.SummaryWriter.add_image). */
TP_API tp_status tp_events_image(tp_tape *T, tp_events *e, const char *tag, tp_tensor *x, int64_t step);
/* What T has recorded, from its last reset on: calls, leaves and constants with their dtypes and shapes. Parameters of m have
 * their names there; m may be NULL (torch.utils.tensorboard.SummaryWriter.add_graph). */
TP_API tp_status tp_events_graph(tp_tape *T, tp_events *e, tp_module *m);

#ifdef __cplusplus
}
#endif
#endif
