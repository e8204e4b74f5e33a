/* metrics.h - how good predictions are, and when a training has had enough. Nothing here is recorded; a metric that cannot be
 * computed is NaN, and the tape says why.
 */
#ifndef TAPIR_METRICS_H
#define TAPIR_METRICS_H

#include "op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- classes ------------------------------------------------------------------------------------------------------- */

/* The part of n samples whose target [n] is among the k largest of their logits [n, classes] (top-k accuracy); of equal
 * logits the first counts as larger, as for tp_argmax. NaN of no samples. */
TP_API double tp_accuracy(tp_tape *T, tp_tensor *logits, tp_tensor *target, int64_t k);

/* How often class `target` was taken for class `predicted`: counts [classes, classes], row-major, are
 * added to. logits [n, classes], target [n]. */
TP_API tp_status tp_confusion_add(tp_tape *T, tp_tensor *logits, tp_tensor *target, int64_t classes, int64_t *counts);

typedef struct {
    double accuracy;
    double precision, recall, f1; /* means over the classes that occur, as target or as prediction */
} tp_class_scores;
/* Of such counts: of each class, into lists [classes] or NULL, how much of what was taken for it is it (precision), how much of
 * it was found (recall), and 2 p r / (p + r). 0 / 0 is 0, as in scikit-learn; accuracy of no counts is NaN. */
TP_API tp_class_scores tp_confusion_scores(const int64_t *counts, int64_t classes, double *precision, double *recall,
                                           double *f1);

/* ---- yes or no: scores [n], target [n] of 0 and 1 ---------------------------------------------------------------------- */

/* The area below the ROC curve: how often a positive has a larger score than a negative, equal ones counted half. A target
 * without one of both is TP_EINVAL, a score that is NaN TP_ENUMERIC. */
TP_API double tp_roc_auc(tp_tape *T, tp_tensor *scores, tp_tensor *target);
/* The curve itself, TP_F64: the part of the negatives, and through *tpr of the positives, whose score is at least the
 * threshold, for infinity and then each score there is, from the largest on. */
TP_API tp_tensor *tp_roc_curve(tp_tape *T, tp_tensor *scores, tp_tensor *target, tp_tensor **tpr,
                               tp_tensor **thresholds);

/* ---- numbers: x and target of one shape ---------------------------------------------------------------------------------- */

TP_API double tp_mean_absolute_error(tp_tape *T, tp_tensor *x, tp_tensor *target);
/* 1 - sum (target - x)^2 / sum (target - its mean)^2; where the target is constant 1 if x is it, else 0, as in
 * scikit-learn. */
TP_API double tp_r2_score(tp_tape *T, tp_tensor *x, tp_tensor *target);

/* ---- along a training ------------------------------------------------------------------------------------------------------ */

/* A mean of values that come one after the other, summed with compensation (Neumaier, 1974). Begins as {0}. */
typedef struct {
    double sum, rest, weight;
} tp_running_mean;
TP_API void   tp_running_mean_add(tp_running_mean *m, double value, double weight);
TP_API double tp_running_mean_value(const tp_running_mean *m); /* NaN of none */

/* Begins as {.patience = 5}, say. */
typedef struct {
    int64_t patience;  /* epochs without an improvement, after which it is enough */
    double  min_delta; /* an improvement is by more than this */
    bool    max;       /* more is better */
    double  best;      /* so far, in epoch best_epoch, the first of which is 1; 0: none */
    int64_t epoch, best_epoch;
} tp_early_stopping;
/* An epoch's metric; true: enough. NaN is no improvement. */
TP_API bool tp_early_stopping_step(tp_early_stopping *s, double metric) TP_MUST_CHECK;

/* Fold 0 ... k - 1 of n samples for cross-validation: the rows to train with, TP_I64, ascending, and through *test the others.
 * The first n mod k folds test one more. With `order`, a permutation [n] (tp_randperm), its elements instead of 0 ... n - 1. */
TP_API tp_tensor *tp_k_fold(tp_tape *T, int64_t n, int64_t k, int64_t fold, tp_tensor *order, tp_tensor **test);

#ifdef __cplusplus
}
#endif
#endif
