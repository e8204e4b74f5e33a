/* debug.h - looking at what a tape does: hooks on gradients, the first NaN, the graph, where the time goes. */
#ifndef TAPIR_DEBUG_H
#define TAPIR_DEBUG_H

#include "tape.h"

#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- hooks ----------------------------------------------------------------------------------- */

/* Sees the whole gradient of a tensor in backward, before it is stored or goes on, and may replace it: returns a tensor
 * of the same shape and dtype, or NULL to leave it. A hook may fail the tape, may differentiate something else, and may
 * register and remove hooks; it may not keep `grad`, nor reset the tape (TP_EINVAL). Its operators are recorded under create_graph. */
typedef tp_tensor *(*tp_hook)(tp_tape *T, tp_tensor *grad, void *user);
/* Hooks of one tensor run in the order of registration, once a sweep; what tp_retain_grad keeps, and what tp_gradients
 * returns, is what they made of the gradient (as in torch since 2.0). They belong to this tape's sweeps. On a tensor of
 * the tape a hook lasts as long as the tensor, on an owned one until it is removed or the tape is freed: remove it
 * before the tensor is freed. A removed hook runs no more. Returns a handle above 0, or 0 after a failure (TP_EGRAPH:
 * x does not require a gradient). An unknown handle is passed over. */
TP_API int64_t tp_register_hook(tp_tape *T, tp_tensor *x, tp_hook hook, void *user);
TP_API void    tp_remove_hook(tp_tape *T, int64_t handle);

/* ---- the first NaN ---------------------------------------------------------------------------- */

/* In anomaly mode the first operator whose result, or whose gradient in backward, holds NaN or an infinity fails the
 * tape with TP_ENUMERIC: the message names it, its inputs' shapes, its place on the tape, and file and line of the
 * call where the program was compiled with TP_TRACE (below). Returns what it was (torch.is_anomaly_enabled). Slow: every
 * result is read. */
TP_API bool tp_tape_anomaly(tp_tape *T, bool on);

/* Notes where the program is; returns T: tp_log(tp_at(T, __FILE__, __LINE__), x). With TP_TRACE defined before
 * tapir.h is included, TP_HERE(T) is that, and calls note their place by themselves (tapir/trace.h, which the build makes
 * of the headers). */
TP_API tp_tape *tp_at(tp_tape *T, const char *file, int line);
#define TP_HERE(T) tp_at((T), __FILE__, __LINE__)

/* ---- the graph --------------------------------------------------------------------------------- */

/* What is recorded, a line a call: number, operator, shapes of inputs and outputs, where it was called. */
TP_API tp_status tp_tape_print(const tp_tape *T, FILE *to);
/* The same for Graphviz: leaves as ellipses, calls as boxes. */
TP_API tp_status tp_tape_dot(const tp_tape *T, FILE *to);

/* Does the tape hang together: counts, chains, lists of free memory? TP_OK, or TP_EINVAL with a sentence in `message`
 * (n bytes; it may be NULL) that says what is wrong with the tape, which is then the library's fault, or that of an
 * operator that wrote where it should not. Reads everything, changes nothing, not even a failed tape's error. In the
 * middle of one of the caller's functions, where counts are on the way, nothing is looked at. */
TP_API tp_status tp_tape_check(tp_tape *T, char *message, size_t n);

/* ---- where the time goes ------------------------------------------------------------------------ */

/* Turns measuring on or off; on starts anew. Calls inside an operator count for the operator. Returns what it was. */
TP_API bool tp_tape_profile(tp_tape *T, bool on);
/* Calls, time and bytes of results by operator, forward and backward, the longest first. */
TP_API tp_status tp_profile_print(const tp_tape *T, FILE *to);
/* All calls in the order they ran, for chrome://tracing or ui.perfetto.dev. */
TP_API tp_status tp_profile_json(const tp_tape *T, FILE *to);

#ifdef __cplusplus
}
#endif
#endif
