/* loss.h - what the losses share: an operator of a prediction and a target, made of a function of two numbers, its slope and
 * a reduction (loss.c); and losses of classes, which are made of operators (class_loss.c).
 */
#ifndef TAPIR_OPS_LOSS_H
#define TAPIR_OPS_LOSS_H

#include "ops/elementwise/elementwise.h"

typedef struct {
    tp_op op;
    tp__function value, slope; /* of x and t; slope by x */
} tp__loss_op;

tp_status tp__loss_infer(tp_call *c);
tp_status tp__loss_forward(tp_call *c);
/* d/dx by a kernel: gx += scale g slope(x, t); and by the target where the loss is odd in x - t. */
tp_status tp__loss_vjp_fused(tp_vjp *v);
/* g as a factor of the elementwise derivative */
tp_tensor *tp__loss_factor(const tp_vjp *v);

/* Samples between two numbers, for each reduction. */
void tp__loss_samples(tp_sampler *s, double low, double high);
void tp__loss_all_samples(tp_sampler *s);

/* clang-format off */
#define TP__LOSS_VJP(name, of_x, of_t) \
    static tp_status name##_vjp(tp_vjp *v) \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *t = v->in[1], *g = tp__loss_factor(v); \
      if (tp_vjp_needs(v, 0)) v->gin[0] = tp_mul(T, g, of_x); \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, g, of_t); \
      return TP_OK; }

/* fn_op, a loss of two functions of numbers, fn and fn_slope. */
#define TP__LOSS(fn, FORWARD, VJP_FUSED, WHERE, PRINTED) \
    TP__FUNCTION(fn); \
    TP__FUNCTION(fn##_slope); \
    static const tp__loss_op fn##_op = {{ \
        .name = #fn, .n_in = 2, .n_out = 1, .attr_size = sizeof(tp_reduction), \
        .flags = TP__OP_OURS | TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .infer = tp__loss_infer, .forward = FORWARD, \
        .vjp = fn##_vjp, .vjp_fused = VJP_FUSED, .samples = WHERE, .grad_name = PRINTED}, \
        TP__FUNCTION_OF(fn), TP__FUNCTION_OF(fn##_slope)};
/* clang-format on */

/* Is it one of the enum? Otherwise T fails. */
bool tp__good_reduction(tp_tape *T, const char *name, tp_reduction r);
tp_tensor *tp__loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target, tp_reduction reduction);
/* The regression losses broadcast and promote as arithmetic does. */
tp_tensor *tp__broadcast_loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target,
                              tp_reduction reduction);

/* ---- losses of classes ------------------------------------------------------------------------------------------ */

/* Rows of log-probabilities with their targets, and how much each row counts. */
typedef struct {
    tp_tensor *logp;   /* [rows, classes] */
    tp_tensor *target; /* [rows], ignored ones replaced by 0 */
    tp_tensor *weight; /* [rows]; NULL: all 1 */
    tp_tensor *counts; /* [rows], TP_BOOL: those that are not ignored; NULL: all */
    tp_dims shape;     /* of the target */
} tp__class_rows;

/* Do x and the options fit? Otherwise T fails. */
bool tp__class_loss_fits(tp_tape *T, const char *name, const tp_tensor *x, const tp_class_loss_options *o);
/* x as [rows, classes] and the shape of the target that belongs to it. */
tp_tensor *tp__by_rows(tp_tape *T, tp_tensor *x, tp_dims *target);
/* r but for logp, of a target of classes; false after a failure. */
bool tp__class_targets(tp_tape *T, const char *name, const tp_tensor *x, tp_tensor *target,
                       const tp_class_loss_options *o, tp__class_rows *r);
/* Of ignored rows 0, whatever is there. */
tp_tensor *tp__counted(tp_tape *T, tp_tensor *rows, const tp__class_rows *r);
/* loss [rows] to what was asked for. */
tp_tensor *tp__class_reduced(tp_tape *T, tp_tensor *rows, const tp__class_rows *r, tp_reduction reduction);
/* -log p at the target, times the row's weight */
tp_tensor *tp__nll_rows(tp_tape *T, const tp__class_rows *r);

#endif
