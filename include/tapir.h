/* tapir.h - tensors, a tape that differentiates what was computed, modules, optimizers.
 *
 * One include for all; each header below can be read as the manual of its topic. A program needs
 * little more than a tape (tapir/tape.h), operators (tapir/ops.h), modules (tapir/nn.h) and an
 * optimizer (tapir/optim.h).
 */
#ifndef TAPIR_H
#define TAPIR_H

#include "tapir/tensor.h"
#include "tapir/tape.h"
#include "tapir/op.h"
#include "tapir/ops.h"
#include "tapir/functional.h"
#include "tapir/debug.h"
#include "tapir/state.h"
#include "tapir/nn.h"
#include "tapir/nn_init.h"
#include "tapir/parametrize.h"
#include "tapir/optim.h"
#include "tapir/schedule.h"
#include "tapir/dataset.h"
#include "tapir/augment.h"
#include "tapir/data.h"
#include "tapir/metrics.h"
#include "tapir/events.h"
#include "tapir/io.h"
#include "tapir/lr_find.h"
#include "tapir/share.h"
#include "tapir/hdf5.h"
#include "tapir/snapshot.h"

#ifdef TP_TRACE
#include "tapir/trace.h"
#endif

#endif
