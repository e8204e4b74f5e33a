/* loss.h - what the losses share: an operator of a prediction, a target and perhaps a third tensor, made of a function of so
 * many numbers, its slopes and a reduction (loss.c); and losses of classes, which are made of operators (class_loss.c).
 */
#ifndef TAPIR_OPS_LOSS_H
#define TAPIR_OPS_LOSS_H

#include "ops/elementwise/elementwise.h"

#include <math.h>

enum { TP__LOSS_IN = 3 };

/* The numbers are those that a line of functions.h reads. */
typedef struct {
    double number[2];
    tp_reduction reduction;
} tp__loss_attr;

typedef struct {
    tp_op op;
    tp__function value;              /* of x, t and what else there is */
    tp__function slope[TP__LOSS_IN]; /* by x, by t ...; what has none is differentiated by operators */
    bool odd;                        /* the slope by the second is that by the first with the other sign */
} tp__loss_op;

tp_status tp__loss_infer(tp_call *c);
tp_status tp__loss_forward(tp_call *c);
/* Where a slope has a kernel: gin += scale g slope. */
tp_status tp__loss_vjp_fused(tp_vjp *v);
/* g as a factor of the elementwise derivative */
tp_tensor *tp__loss_factor(const tp_vjp *v);
static inline const double *tp__loss_numbers(const void *attr) { return ((const tp__loss_attr *)attr)->number; }

/* Samples between two numbers, for each reduction. */
void tp__loss_samples(tp_sampler *s, int n, const double *number, const double *low, const double *high);
static inline void tp__loss_pairs(tp_sampler *s, const double *number, double low, double high)
{
    tp__loss_samples(s, 2, number, (const double[2]){low, high * 0.93}, (const double[2]){high, low * 0.83});
}
static inline void tp__loss_all_samples(tp_sampler *s) { tp__loss_pairs(s, NULL, -2.3, 2.1); }

/* clang-format off */
/* The vjp of fn_op; in the formulas, x and t are the inputs, at[] the numbers. */
#define TP__LOSS_VJP(name, of_x, of_t) \
    static tp_status name##_vjp(tp_vjp *v) \
    { tp_tape *T = v->tape; tp_tensor *x = v->in[0], *t = v->in[1], *g = tp__loss_factor(v); \
      const double *at = tp__loss_numbers(v->attr); (void)x; (void)t; (void)at; \
      if (tp_vjp_needs(v, 0)) v->gin[0] = tp_mul(T, g, of_x); \
      if (tp_vjp_needs(v, 1)) v->gin[1] = tp_mul(T, g, of_t); \
      return TP_OK; }

/* fn_op, a loss of n tensors; what follows are the slopes. */
#define TP__LOSS(fn, n, FORWARD, WHERE, PRINTED, ...) \
    TP__FUNCTION(fn); \
    static const tp__loss_op fn##_op = {{ \
        .name = #fn, .n_in = (n), .n_out = 1, .attr_size = sizeof(tp__loss_attr), \
        .flags = TP__OP_OURS | TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .infer = tp__loss_infer, .forward = FORWARD, \
        .vjp = fn##_vjp, .vjp_fused = tp__loss_vjp_fused, .samples = WHERE, .grad_name = PRINTED}, \
        .value = TP__FUNCTION_OF(fn), __VA_ARGS__};
/* clang-format on */

/* Is it one of TP_MEAN, TP_SUM and TP_NONE? Otherwise T fails. */
bool tp__good_reduction(tp_tape *T, const char *name, tp_reduction r);
/* Terms to what was asked for. */
tp_tensor *tp__loss_reduced(tp_tape *T, tp_tensor *terms, tp_reduction reduction);
/* x, but at least low, with the derivative of x alone. */
tp_tensor *tp__kept_from(tp_tape *T, tp_tensor *x, double low);
/* An option's value, where 0 stands for the default and TP_ZERO for zero. */
static inline double tp__or_default(double value, double otherwise)
{
    return value != 0 ? value : signbit(value) ? 0 : otherwise;
}

/* Of n tensors of one shape and dtype; or of what promotes and broadcasts to that as in arithmetic,
 * integers to float32. */
tp_tensor *tp__loss(tp_tape *T, const tp__loss_op *l, const tp__loss_attr *attr, int n, tp_tensor *const *in);
tp_tensor *tp__broadcast_loss(tp_tape *T, const tp__loss_op *l, const tp__loss_attr *attr, int n, tp_tensor *const *in);
/* The loss. Where the shapes differ, which is seldom meant, T is warned; last, as a function of the user's may free x then. */
tp_tensor *tp__warned_of_shapes(tp_tape *T, const char *name, tp_dims of_x, tp_dims of_target, tp_tensor *loss);
/* Of a prediction and a target of floats, broadcast with a warning. */
tp_tensor *tp__regression_loss(tp_tape *T, const tp__loss_op *l, tp_tensor *x, tp_tensor *target,
                               const tp__loss_attr *attr);
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
