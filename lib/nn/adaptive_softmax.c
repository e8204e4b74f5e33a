/* adaptive_softmax.c - a softmax of many classes, sorted by how often they occur: a head has the frequent ones and the
 * clusters of the others, each with a projection of its own to fewer features the rarer it is. Grave et al., "Efficient
 * softmax approximation for GPUs", 2017. */
#include "nn/nn.h"
#include "tapir/ops.h"

#include <math.h>

/* Its parts, read off the children: classes below `first` are in the head, where the clusters follow them. */
typedef struct {
    tp_module *head, *tail;
    int clusters;
    int64_t in, first, classes;
} layout;

static int64_t size_of(const layout *m, int k) { return tp_module_param(tp_nn_at(m->tail, k), "1.weight")->shape[0]; }

static layout layout_of(tp_module *self)
{
    layout m = {tp_module_child(self, "head"), tp_module_child(self, "tail"), 0, 0, 0, 0};
    const tp_tensor *weight = tp_module_param(m.head, "weight");
    m.clusters = tp_nn_length(m.tail);
    m.in = weight->shape[1];
    m.classes = m.first = weight->shape[0] - m.clusters;
    for (int k = 0; k < m.clusters; k++)
        m.classes += size_of(&m, k);
    return m;
}

/* Log-probabilities of what module k of the tail makes of x */
static tp_tensor *of_cluster(tp_tape *T, const layout *m, int k, tp_tensor *x)
{
    return tp_log_softmax(T, tp_forward(T, tp_nn_at(m->tail, k), x), 1);
}

/* x [n, in], target [n] of classes, or one of each: as a batch; false after a failure. */
static bool batch_of(tp_tape *T, const layout *m, tp_tensor **x, tp_tensor **target)
{
    const tp_tensor *in = *x, *t = *target;
    bool fits = t->ndim < 2 && in->ndim == t->ndim + 1 && (t->ndim == 0 || in->shape[0] == t->shape[0]);
    if (!fits || in->shape[in->ndim - 1] != m->in || t->dtype != TP_I64) {
        tp_fail(T, TP_ESHAPE,
                "AdaptiveLogSoftmaxWithLoss: x is %s, target is %s of %s; [n, %lld] and [n] of int64 are needed",
                TP__SHAPE(in), TP__SHAPE(t), tp_dtype_name(t->dtype), (long long)m->in);
        return false;
    }
    if (t->ndim == 0) {
        *x = tp_unsqueeze(T, *x, 0);
        *target = tp_unsqueeze(T, *target, 0);
    }
    if ((*target = tp_contiguous(T, *target)) == NULL)
        return false;
    for (int64_t i = 0; i < (*target)->numel; i++) {
        int64_t k = ((const int64_t *)(*target)->data)[i];
        if (k < 0 || k >= m->classes) {
            tp_fail(T, TP_EINDEX, "AdaptiveLogSoftmaxWithLoss: target %lld; 0 to %lld is needed", (long long)k,
                    (long long)m->classes - 1);
            return false;
        }
    }
    return tp__ok(T);
}

/* What the targets in cluster k, the classes from low to below high, add to `output` [n], and where to look for them in the head. */
static tp_tensor *add_cluster(tp_tape *T, const layout *m, int k, int64_t low, tp_tensor *x, tp_tensor *target,
                              tp_tensor *output, tp_tensor **place)
{
    int64_t high = low + size_of(m, k);
    tp_tensor *within = tp_logical_and(T, tp_ge_scalar(T, target, (double)low), tp_lt_scalar(T, target, (double)high));
    tp_tensor *rows = tp_reshape(T, tp_nonzero(T, within), (tp_dims){1, {-1}});
    if (rows == NULL || rows->numel == 0)
        return output;
    tp_tensor *label = tp_sub_scalar(T, tp_index_select(T, target, 0, rows), (double)low);
    tp_tensor *logp = of_cluster(T, m, k, tp_index_select(T, x, 0, rows));
    tp_tensor *picked = tp_squeeze_dim(T, tp_gather(T, logp, 1, tp_unsqueeze(T, label, 1)), 1);
    *place = tp_masked_fill(T, *place, within, (double)(m->first + k));
    return tp_index_add(T, output, 0, rows, picked);
}

static tp_status adaptive_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                  tp_tensor **out)
{
    layout m = layout_of(self);
    int64_t low = m.first;
    (void)n_in;
    tp_tensor *x = in[0], *target = in[1];
    bool one = target->ndim == 0;
    if (!batch_of(T, &m, &x, &target))
        return tp_error_status(T);
    tp_tensor *place = target, *head = tp_log_softmax(T, tp_forward(T, m.head, x), 1);
    tp_tensor *output = head ? tp_zeros(T, head->dtype, tp__dims_of(target)) : NULL;
    for (int k = 0; k < m.clusters && tp__ok(T); k++) {
        output = add_cluster(T, &m, k, low, x, target, output, &place);
        low += size_of(&m, k);
    }
    output = tp_add(T, output, tp_squeeze_dim(T, tp_gather(T, head, 1, tp_unsqueeze(T, place, 1)), 1));
    out[0] = one ? tp_squeeze_dim(T, output, 0) : output;
    if (n_out > 1)
        out[1] = tp_neg(T, tp_mean(T, output));
    return tp_error_status(T);
}

static const tp_module_class adaptive_class = {.name = "AdaptiveLogSoftmaxWithLoss",
                                               .size = sizeof(tp_module),
                                               .forward_n = adaptive_forward,
                                               .n_in = 2,
                                               .max_out = 2};

/* A layer that projects to fewer features, and one of the cluster's classes. */
static tp_module *cluster(tp_tape *T, int64_t in, int64_t features, int64_t classes, tp_dtype dtype)
{
    const tp_linear_options plain = {.no_bias = true, .dtype = dtype};
    tp_module *first = tp_nn_linear(T, in, features, &plain), *second = tp_nn_linear(T, features, classes, &plain);
    return tp_nn_sequential_of(T, 2, (tp_module *[2]){first, second});
}

/* Of cluster k: how often divisor^(k + 1) goes into `in`, which may be less than the rounded quotient: 0.1 into 3 goes 29 times. */
static int64_t features_of(tp_tape *T, int64_t in, double divisor, int k)
{
    double by = pow(divisor, k + 1), features = rint(((double)in - fmod((double)in, by)) / by);
    if (features >= 0 && features < 0x1p62)
        return (int64_t)features;
    tp_fail(T, TP_EINVAL,
            "nn_adaptive_log_softmax_with_loss: div_value is %g; one that makes 0 features or more is needed", divisor);
    return 0;
}

static bool cutoffs_fit(tp_tape *T, int64_t classes, int n, const int64_t *cutoffs)
{
    bool fits = n > 0 && cutoffs;
    for (int k = 0; fits && k < n; k++)
        fits = cutoffs[k] > (k ? cutoffs[k - 1] : 0) && cutoffs[k] < classes;
    if (!fits)
        tp_fail(T, TP_EINVAL,
                "nn_adaptive_log_softmax_with_loss: %d cutoffs of %lld classes; a list of at least one is needed, each "
                "above the last, from 1 to %lld",
                n, (long long)classes, (long long)classes - 1);
    return fits;
}

tp_module *tp_nn_adaptive_log_softmax_with_loss(tp_tape *T, int64_t in, int64_t classes, int n, const int64_t *cutoffs,
                                                const tp_adaptive_softmax_options *options)
{
    TP__NAMED(T, "nn_adaptive_log_softmax_with_loss");
    tp_adaptive_softmax_options o = options ? *options : (tp_adaptive_softmax_options){0};
    if (!tp__ok(T) || !cutoffs_fit(T, classes, n, cutoffs))
        return NULL;
    double divisor = o.div_value != 0 ? o.div_value : 4;
    tp_linear_options of_head = {.no_bias = !o.head_bias, .dtype = o.dtype};
    tp_module *m = tp_module_new(T, &adaptive_class);
    tp_module_add(T, m, "head", tp_nn_linear(T, in, cutoffs[0] + n, &of_head));
    tp_module *tail = tp_module_add(T, m, "tail", tp_nn_module_list_of(T, 0, NULL));
    for (int k = 0; k < n && tp__ok(T); k++) {
        int64_t features = features_of(T, in, divisor, k), end = k + 1 < n ? cutoffs[k + 1] : classes;
        tp_nn_append(T, tail, cluster(T, in, features, end - cutoffs[k], o.dtype));
    }
    if (tp_error(T)) {
        tp_module_free(m);
        return NULL;
    }
    return m;
}

/* Is it such a layer, and x a batch? Otherwise T fails. */
static bool usable(tp_tape *T, const char *name, tp_module *m, tp_tensor *x)
{
    if (m == NULL)
        tp__missing(T, name, "the module");
    if (m == NULL || !tp__usable(T, name, x))
        return false;
    if (m->type != &adaptive_class) {
        tp_fail(T, TP_EINVAL, "%s: %s is given; AdaptiveLogSoftmaxWithLoss is needed", name, m->type->name);
        return false;
    }
    const tp_tensor *weight = tp_module_param(tp_module_child(m, "head"), "weight");
    if (x->ndim == 2 && x->shape[1] == weight->shape[1] && x->dtype == weight->dtype)
        return true;
    tp_fail(T, x->dtype == weight->dtype ? TP_ESHAPE : TP_EDTYPE, "%s: x is %s of %s; [n, %lld] of %s is needed", name,
            TP__SHAPE(x), tp_dtype_name(x->dtype), (long long)weight->shape[1], tp_dtype_name(weight->dtype));
    return false;
}

tp_tensor *tp_adaptive_log_softmax_log_prob(tp_tape *T, tp_module *module, tp_tensor *x)
{
    TP__NAMED(T, "adaptive_log_softmax_log_prob");
    if (!usable(T, "adaptive_log_softmax_log_prob", module, x))
        return NULL;
    layout m = layout_of(module);
    tp_tensor *head = tp_log_softmax(T, tp_forward(T, m.head, x), 1), *all = tp_narrow(T, head, 1, 0, m.first);
    for (int k = 0; k < m.clusters && tp__ok(T); k++) {
        tp_tensor *here = tp_add(T, of_cluster(T, &m, k, x), tp_narrow(T, head, 1, m.first + k, 1));
        all = tp_cat(T, 2, (tp_tensor *[2]){all, here}, 1);
    }
    return all;
}

tp_tensor *tp_adaptive_log_softmax_predict(tp_tape *T, tp_module *module, tp_tensor *x)
{
    TP__NAMED(T, "adaptive_log_softmax_predict");
    return tp_argmax(T, tp_adaptive_log_softmax_log_prob(T, module, x), 1, false);
}
