/* metrics.c - how good predictions are. What is counted is counted in integers, and what is added up in double. */
#include "tape/tape.h"
#include "tapir/data.h"
#include "tapir/reduce.h"
#include "tapir/sort.h"

#include <math.h>

static double element(const tp_tensor *x, int64_t i, int64_t stride)
{
    return tp__load((const char *)x->data + i * stride * (int64_t)tp_dtype_size(x->dtype), x->dtype);
}

/* ---- classes ------------------------------------------------------------------------------------------------------- */

static bool are_classes(tp_tape *T, const char *name, const tp_tensor *logits, const tp_tensor *target)
{
    if (!tp__usable(T, name, logits) || !tp__usable(T, name, target))
        return false;
    if (logits->ndim == 2 && target->ndim == 1 && target->shape[0] == logits->shape[0] &&
        !tp_dtype_is_float(target->dtype))
        return true;
    tp_fail(T, TP_ESHAPE, "%s: logits are %s, targets %s of %s; [n, classes], and [n] of integers, are needed", name,
            TP__SHAPE(logits), TP__SHAPE(target), tp_dtype_name(target->dtype));
    return false;
}

/* Sample i's; -1 after a failure. */
static int64_t class_of(tp_tape *T, const char *name, const tp_tensor *target, int64_t i, int64_t classes)
{
    int64_t k = tp__load_i64((const char *)target->data + i * target->stride[0] * (int64_t)tp_dtype_size(target->dtype),
                             target->dtype);
    if (k >= 0 && k < classes)
        return k;
    tp_fail(T, TP_EINDEX, "%s: target %lld; 0 to %lld is needed", name, (long long)k, (long long)classes - 1);
    return -1;
}

/* How many of a row's logits come before the one of class k: larger ones, NaN first, and of equal ones those on the left. */
static int64_t rank_of(const tp_tensor *logits, int64_t row, int64_t k)
{
    int64_t before = 0, at = row * logits->stride[0];
    double mine = element(logits, at + k * logits->stride[1], 1);
    for (int64_t j = 0; j < logits->shape[1]; j++) {
        double other = element(logits, at + j * logits->stride[1], 1);
        bool equal = other == mine || (isnan(other) && isnan(mine));
        before += equal ? j < k : isnan(other) || other > mine;
    }
    return before;
}

double tp_accuracy(tp_tape *T, tp_tensor *logits, tp_tensor *target, int64_t k)
{
    TP__NAMED(T, "accuracy");
    int64_t right = 0;
    if (!tp__ok(T) || !are_classes(T, "accuracy", logits, target))
        return NAN;
    if (k < 1) {
        tp_fail(T, TP_EINVAL, "accuracy: k is %lld; 1 or more is needed", (long long)k);
        return NAN;
    }
    for (int64_t i = 0; i < target->numel; i++) {
        int64_t of = class_of(T, "accuracy", target, i, logits->shape[1]);
        if (of < 0)
            return NAN;
        right += rank_of(logits, i, of) < k;
    }
    return (double)right / (double)target->numel;
}

tp_status tp_confusion_add(tp_tape *T, tp_tensor *logits, tp_tensor *target, int64_t classes, int64_t *counts)
{
    if (!tp__usable(T, "confusion_add", logits) || !tp__usable(T, "confusion_add", target))
        return tp_error_status(T);
    if (counts == NULL)
        return tp__missing(T, "confusion_add", "the table of counts");
    if (!are_classes(T, "confusion_add", logits, target))
        return T->status;
    if (logits->shape[1] != classes)
        return tp_fail(T, TP_ESHAPE, "confusion_add: logits are %s; [n, %lld] is needed", TP__SHAPE(logits),
                       (long long)classes);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *guess = logits->shape[0] ? tp_argmax(T, logits, 1, false) : NULL;
    for (int64_t i = 0; guess && i < target->numel; i++) {
        int64_t k = class_of(T, "confusion_add", target, i, classes);
        if (k < 0)
            break;
        counts[k * classes + ((const int64_t *)guess->data)[i]]++;
    }
    tp__rewind(T, mark);
    return T->status;
}

static double part(double a, double of) { return of > 0 ? a / of : 0; }

tp_class_scores tp_confusion_scores(const int64_t *counts, int64_t classes, double *precision, double *recall,
                                    double *f1)
{
    tp_class_scores all = {.accuracy = NAN};
    double right = 0, total = 0, occurring = 0;
    for (int64_t k = 0; counts && k < classes; k++) {
        double hit = (double)counts[k * classes + k], targets = 0, guesses = 0;
        for (int64_t j = 0; j < classes; j++) {
            targets += (double)counts[k * classes + j];
            guesses += (double)counts[j * classes + k];
        }
        double p = part(hit, guesses), r = part(hit, targets), f = part(2 * hit, targets + guesses);
        if (precision)
            precision[k] = p;
        if (recall)
            recall[k] = r;
        if (f1)
            f1[k] = f;
        right += hit;
        total += targets;
        occurring += targets + guesses > 0;
        all.precision += p;
        all.recall += r;
        all.f1 += f;
    }
    if (total > 0)
        all.accuracy = right / total;
    all.precision = part(all.precision, occurring);
    all.recall = part(all.recall, occurring);
    all.f1 = part(all.f1, occurring);
    return all;
}

/* ---- yes or no ------------------------------------------------------------------------------------------------------------ */

/* Samples by falling scores, in the tape's arena. */
typedef struct {
    int64_t n, positives;
    double *score;
    bool *is_positive;
} ranking;

static bool are_scores(tp_tape *T, const char *name, const tp_tensor *scores, const tp_tensor *target)
{
    if (!tp__usable(T, name, scores) || !tp__usable(T, name, target))
        return false;
    if (scores->ndim == 1 && target->ndim == 1 && target->shape[0] == scores->shape[0])
        return true;
    tp_fail(T, TP_ESHAPE, "%s: scores are %s, targets %s; [n] of both is needed", name, TP__SHAPE(scores),
            TP__SHAPE(target));
    return false;
}

static bool rank_all(tp_tape *T, const char *name, tp_tensor *scores, tp_tensor *target, ranking *r)
{
    *r = (ranking){.n = scores->numel};
    tp_tensor *order = NULL;
    tp_tensor *sorted = tp_sort(T, scores, 0, true, &order);
    r->score = tp__arena_alloc(&T->arena, ((size_t)r->n + 1) * sizeof *r->score);
    r->is_positive = tp__arena_alloc(&T->arena, (size_t)r->n + 1);
    if (sorted == NULL || order == NULL || r->score == NULL || r->is_positive == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", name);
        return false;
    }
    for (int64_t i = 0; i < r->n; i++) {
        double y = element(target, ((const int64_t *)order->data)[i], target->stride[0]);
        r->score[i] = element(sorted, i, 1);
        r->is_positive[i] = y == 1;
        r->positives += y == 1;
        if (y != 0 && y != 1)
            tp_fail(T, TP_EINVAL, "%s: a target is %g; 0 or 1 is needed", name, y);
        else if (isnan(r->score[i]))
            tp_fail(T, TP_ENUMERIC, "%s: a score is NaN; numbers are needed", name);
        if (T->status != TP_OK)
            return false;
    }
    if (r->positives == 0 || r->positives == r->n)
        tp_fail(T, TP_EINVAL, "%s: %lld of %lld targets are 1; some of both kinds are needed", name,
                (long long)r->positives, (long long)r->n);
    return T->status == TP_OK;
}

double tp_roc_auc(tp_tape *T, tp_tensor *scores, tp_tensor *target)
{
    TP__NAMED(T, "roc_auc");
    if (!tp__ok(T) || !are_scores(T, "roc_auc", scores, target))
        return NAN;
    tp_mark mark = tp_tape_mark(T);
    ranking r;
    double area = 0, above = 0; /* positives with a larger score */
    if (!rank_all(T, "roc_auc", scores, target, &r))
        area = NAN;
    for (int64_t i = 0, end; !isnan(area) && i < r.n; i = end) {
        double positives = 0, negatives = 0;
        for (end = i; end < r.n && r.score[end] == r.score[i]; end++)
            *(r.is_positive[end] ? &positives : &negatives) += 1;
        area += negatives * (above + positives / 2);
        above += positives;
    }
    if (!isnan(area))
        area /= (double)r.positives * (double)(r.n - r.positives);
    tp__rewind(T, mark);
    return area;
}

tp_tensor *tp_roc_curve(tp_tape *T, tp_tensor *scores, tp_tensor *target, tp_tensor **tpr, tp_tensor **thresholds)
{
    TP__NAMED(T, "roc_curve");
    ranking r;
    if (tpr)
        *tpr = NULL;
    if (thresholds)
        *thresholds = NULL;
    if (!tp__ok(T) || !are_scores(T, "roc_curve", scores, target) || !rank_all(T, "roc_curve", scores, target, &r))
        return NULL;
    int64_t points = 1;
    for (int64_t i = 0; i < r.n; i++)
        points += i + 1 == r.n || r.score[i] != r.score[i + 1];
    tp_tensor *out[3];
    for (int k = 0; k < 3; k++)
        if ((out[k] = tp__tensor_make(T, TP_F64, (tp_dims){1, {points}})) == NULL)
            return NULL;
    double *x = out[0]->data, *y = out[1]->data, *at = out[2]->data, positives = 0, negatives = 0;
    x[0] = y[0] = 0;
    at[0] = INFINITY;
    for (int64_t i = 0, k = 1; i < r.n; i++) {
        *(r.is_positive[i] ? &positives : &negatives) += 1;
        if (i + 1 < r.n && r.score[i] == r.score[i + 1])
            continue;
        x[k] = negatives / (double)(r.n - r.positives);
        y[k] = positives / (double)r.positives;
        at[k++] = r.score[i];
    }
    if (tpr)
        *tpr = out[1];
    if (thresholds)
        *thresholds = out[2];
    return out[0];
}

/* ---- numbers ------------------------------------------------------------------------------------------------------------------ */

static bool are_alike(tp_tape *T, const char *name, const tp_tensor *x, const tp_tensor *target)
{
    if (!tp__usable(T, name, x) || !tp__usable(T, name, target))
        return false;
    if (tp__dims_equal(tp__dims_of(x), tp__dims_of(target)))
        return true;
    tp_fail(T, TP_ESHAPE, "%s: x is %s, target %s; one shape is needed", name, TP__SHAPE(x), TP__SHAPE(target));
    return false;
}

double tp_mean_absolute_error(tp_tape *T, tp_tensor *x, tp_tensor *target)
{
    TP__NAMED(T, "mean_absolute_error");
    tp_running_mean m = {0};
    if (!tp__ok(T) || !are_alike(T, "mean_absolute_error", x, target))
        return NAN;
    for (int64_t i = 0; i < x->numel; i++)
        tp_running_mean_add(&m, fabs(tp_item_at(x, i) - tp_item_at(target, i)), 1);
    return tp_running_mean_value(&m);
}

double tp_r2_score(tp_tape *T, tp_tensor *x, tp_tensor *target)
{
    TP__NAMED(T, "r2_score");
    tp_running_mean mean = {0}, rest = {0}, all = {0};
    if (!tp__ok(T) || !are_alike(T, "r2_score", x, target))
        return NAN;
    for (int64_t i = 0; i < x->numel; i++)
        tp_running_mean_add(&mean, tp_item_at(target, i), 1);
    double middle = tp_running_mean_value(&mean);
    for (int64_t i = 0; i < x->numel; i++) {
        double y = tp_item_at(target, i), off = y - tp_item_at(x, i), spread = y - middle;
        tp_running_mean_add(&rest, off * off, 1);
        tp_running_mean_add(&all, spread * spread, 1);
    }
    double unexplained = tp_running_mean_value(&rest), variance = tp_running_mean_value(&all);
    return variance == 0 ? (unexplained == 0 ? 1 : 0) : 1 - unexplained / variance;
}

/* ---- along a training ---------------------------------------------------------------------------------------------------------- */

void tp_running_mean_add(tp_running_mean *m, double value, double weight)
{
    if (m == NULL)
        return;
    double term = value * weight, sum = m->sum + term;
    if (isfinite(sum)) /* what the sum has lost */
        m->rest += fabs(m->sum) >= fabs(term) ? (m->sum - sum) + term : (term - sum) + m->sum;
    m->sum = sum;
    m->weight += weight;
}

double tp_running_mean_value(const tp_running_mean *m)
{
    return m && m->weight != 0 ? (m->sum + m->rest) / m->weight : (double)NAN;
}

bool tp_early_stopping_step(tp_early_stopping *s, double metric)
{
    if (s == NULL)
        return false;
    s->epoch++;
    bool first = s->best_epoch == 0 && !isnan(metric);
    if (first || (s->best_epoch > 0 && (s->max ? metric > s->best + s->min_delta : metric < s->best - s->min_delta))) {
        s->best = metric;
        s->best_epoch = s->epoch;
    }
    return s->epoch - s->best_epoch >= (s->patience > 0 ? s->patience : 1);
}

tp_tensor *tp_k_fold(tp_tape *T, int64_t n, int64_t k, int64_t fold, tp_tensor *order, tp_tensor **test)
{
    TP__NAMED(T, "k_fold");
    if (test)
        *test = NULL;
    if (!tp__ok(T) || (order && !tp__usable(T, "k_fold", order)))
        return NULL;
    if (k < 2 || n < k || fold < 0 || fold >= k) {
        tp_fail(T, TP_EINVAL,
                "k_fold: fold %lld of %lld, of %lld samples; 2 folds or more, a sample in each, are needed",
                (long long)fold, (long long)k, (long long)n);
        return NULL;
    }
    if (order && (order->dtype != TP_I64 || order->ndim != 1 || order->numel != n)) {
        tp_fail(T, TP_ESHAPE, "k_fold: order is %s of %s; [%lld] of int64 is needed", TP__SHAPE(order),
                tp_dtype_name(order->dtype), (long long)n);
        return NULL;
    }
    int64_t size = n / k, more = n % k, begin = fold * size + (fold < more ? fold : more),
            end = begin + size + (fold < more);
    tp_tensor *train = tp__tensor_make(T, TP_I64, (tp_dims){1, {n - (end - begin)}});
    tp_tensor *rest = train ? tp__tensor_make(T, TP_I64, (tp_dims){1, {end - begin}}) : NULL;
    if (rest == NULL)
        return NULL;
    for (int64_t i = 0, a = 0, b = 0; i < n; i++) {
        int64_t row = order ? ((const int64_t *)order->data)[i * order->stride[0]] : i;
        if (i >= begin && i < end)
            ((int64_t *)rest->data)[b++] = row;
        else
            ((int64_t *)train->data)[a++] = row;
    }
    if (test)
        *test = rest;
    return train;
}
