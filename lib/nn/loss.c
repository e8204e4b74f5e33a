/* loss.c - losses and distances as modules: a function of the inputs, its options, and its weights as buffers. */
#include "nn/nn.h"
#include "tapir/linalg.h"

typedef struct {
    tp_module base;
    union { /* the function's options, with the weights that the module has kept */
        tp_reduction reduction;
        tp_smooth_l1_options smooth_l1;
        tp_huber_options huber;
        tp_bce_options bce;
        tp_class_loss_options classes;
        tp_kl_div_options kl_div;
        tp_poisson_nll_options poisson;
        tp_gaussian_nll_options gaussian;
        tp_margin_loss_options margin;
        tp_triplet_options triplet;
        tp_multi_margin_options multi_margin;
        tp_multilabel_soft_margin_options soft_margin;
        tp_ctc_options ctc;
        struct {
            double p, eps;
            int dim;
            bool keepdim;
        } distance;
    } o;
    tp_distance_fn fn;
    void *user;
} criterion;

typedef struct {
    tp_module_class type;
    tp_tensor *(*function)(tp_tape *T, const criterion *m, tp_tensor *const *in);
} criterion_class;

static tp_status criterion_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                   tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = ((const criterion_class *)self->type)->function(T, (const criterion *)self, in);
    return tp_error_status(T);
}

static criterion *new_criterion(tp_tape *T, const criterion_class *type)
{
    return (criterion *)tp_module_new(T, &type->type);
}

/* The module's own weight, a buffer; NULL for NULL. */
static tp_tensor *kept(tp_tape *T, criterion *m, const char *name, tp_tensor *weight)
{
    if (weight == NULL || !tp__usable(T, m->base.type->name, weight))
        return NULL;
    tp_tensor *own = tp_keep(weight);
    if (own == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory for %s", m->base.type->name, name);
        return NULL;
    }
    return tp_module_add_buffer(T, &m->base, name, own);
}

/* m, or NULL where T has failed. */
static tp_module *finished(tp_tape *T, criterion *m)
{
    if (m == NULL || tp_error(T) == NULL)
        return m ? &m->base : NULL;
    tp_module_free(&m->base);
    return NULL;
}

/* clang-format off */
/* A class: its name, how many inputs it has, and what it makes of them. */
#define CRITERION(fn, Name, n, call)                                                               \
    static tp_tensor *fn##_of(tp_tape *T, const criterion *m, tp_tensor *const *in) { return call; } \
    static const criterion_class fn##_class = {                                                    \
        {.name = Name, .size = sizeof(criterion), .forward_n = criterion_forward, .n_in = (n)}, fn##_of};
/* One whose only option is the reduction, and one with a struct of options and no weights. */
#define PLAIN(fn, Name, call)                                                                      \
    CRITERION(fn, Name, 2, call)                                                                   \
    tp_module *tp_nn_##fn(tp_tape *T, tp_reduction reduction)                                      \
    { TP__NAMED(T, "nn_" #fn); criterion *m = new_criterion(T, &fn##_class); if (m) m->o.reduction = reduction; return finished(T, m); }
#define WITH_OPTIONS(fn, Name, n, type, field, call)                                               \
    CRITERION(fn, Name, n, call)                                                                   \
    tp_module *tp_nn_##fn(tp_tape *T, const type *options)                                         \
    { TP__NAMED(T, "nn_" #fn); criterion *m = new_criterion(T, &fn##_class); if (m && options) m->o.field = *options; return finished(T, m); }
/* And with weights. */
#define WITH_WEIGHT(fn, Name, type, field, call)                                                   \
    CRITERION(fn, Name, 2, call)                                                                   \
    tp_module *tp_nn_##fn(tp_tape *T, const type *options)                                         \
    { TP__NAMED(T, "nn_" #fn); criterion *m = new_criterion(T, &fn##_class);                                                \
      if (m && options) { m->o.field = *options; m->o.field.weight = kept(T, m, "weight", options->weight); } \
      return finished(T, m); }

PLAIN(l1_loss, "L1Loss", tp_l1_loss(T, in[0], in[1], m->o.reduction))
PLAIN(mse_loss, "MSELoss", tp_mse_loss(T, in[0], in[1], m->o.reduction))
WITH_WEIGHT(cross_entropy_loss, "CrossEntropyLoss", tp_class_loss_options, classes, tp_cross_entropy(T, in[0], in[1], &m->o.classes))
WITH_OPTIONS(ctc_loss, "CTCLoss", 4, tp_ctc_options, ctc, tp_ctc_loss(T, in[0], in[1], in[2], in[3], &m->o.ctc))
WITH_WEIGHT(nll_loss, "NLLLoss", tp_class_loss_options, classes, tp_nll_loss(T, in[0], in[1], &m->o.classes))
WITH_OPTIONS(poisson_nll_loss, "PoissonNLLLoss", 2, tp_poisson_nll_options, poisson, tp_poisson_nll_loss(T, in[0], in[1], &m->o.poisson))
WITH_OPTIONS(gaussian_nll_loss, "GaussianNLLLoss", 3, tp_gaussian_nll_options, gaussian, tp_gaussian_nll_loss(T, in[0], in[1], in[2], &m->o.gaussian))
WITH_OPTIONS(kl_div_loss, "KLDivLoss", 2, tp_kl_div_options, kl_div, tp_kl_div(T, in[0], in[1], &m->o.kl_div))
CRITERION(bce_loss, "BCELoss", 2, tp_binary_cross_entropy_weighted(T, in[0], in[1], &m->o.bce))
CRITERION(bce_with_logits_loss, "BCEWithLogitsLoss", 2, tp_binary_cross_entropy_with_logits_weighted(T, in[0], in[1], &m->o.bce))
WITH_OPTIONS(margin_ranking_loss, "MarginRankingLoss", 3, tp_margin_loss_options, margin, tp_margin_ranking_loss(T, in[0], in[1], in[2], &m->o.margin))
WITH_OPTIONS(hinge_embedding_loss, "HingeEmbeddingLoss", 2, tp_margin_loss_options, margin, tp_hinge_embedding_loss(T, in[0], in[1], &m->o.margin))
PLAIN(multilabel_margin_loss, "MultiLabelMarginLoss", tp_multilabel_margin_loss(T, in[0], in[1], m->o.reduction))
WITH_OPTIONS(huber_loss, "HuberLoss", 2, tp_huber_options, huber, tp_huber_loss(T, in[0], in[1], &m->o.huber))
WITH_OPTIONS(smooth_l1_loss, "SmoothL1Loss", 2, tp_smooth_l1_options, smooth_l1, tp_smooth_l1_loss(T, in[0], in[1], &m->o.smooth_l1))
PLAIN(soft_margin_loss, "SoftMarginLoss", tp_soft_margin_loss(T, in[0], in[1], m->o.reduction))
WITH_WEIGHT(multilabel_soft_margin_loss, "MultiLabelSoftMarginLoss", tp_multilabel_soft_margin_options, soft_margin, tp_multilabel_soft_margin_loss(T, in[0], in[1], &m->o.soft_margin))
WITH_OPTIONS(cosine_embedding_loss, "CosineEmbeddingLoss", 3, tp_margin_loss_options, margin, tp_cosine_embedding_loss(T, in[0], in[1], in[2], &m->o.margin))
WITH_WEIGHT(multi_margin_loss, "MultiMarginLoss", tp_multi_margin_options, multi_margin, tp_multi_margin_loss(T, in[0], in[1], &m->o.multi_margin))
WITH_OPTIONS(triplet_margin_loss, "TripletMarginLoss", 3, tp_triplet_options, triplet, tp_triplet_margin_loss(T, in[0], in[1], in[2], &m->o.triplet))
CRITERION(triplet_margin_with_distance_loss, "TripletMarginWithDistanceLoss", 3, tp_triplet_margin_with_distance_loss(T, in[0], in[1], in[2], m->fn, m->user, &m->o.triplet))
CRITERION(cosine_similarity, "CosineSimilarity", 2, tp_cosine_similarity(T, in[0], in[1], m->o.distance.dim, m->o.distance.eps))
CRITERION(pairwise_distance, "PairwiseDistance", 2, tp_pairwise_distance(T, in[0], in[1], m->o.distance.p, m->o.distance.eps, m->o.distance.keepdim))
/* clang-format on */

/* The cross entropies of two classes */
static tp_module *bce(tp_tape *T, const criterion_class *type, const tp_bce_options *options)
{
    criterion *m = new_criterion(T, type);
    if (m && options) {
        m->o.bce = *options;
        m->o.bce.weight = kept(T, m, "weight", options->weight);
        m->o.bce.pos_weight = kept(T, m, "pos_weight", options->pos_weight);
    }
    return finished(T, m);
}

tp_module *tp_nn_bce_loss(tp_tape *T, const tp_bce_options *options)
{
    if (options && options->pos_weight) {
        tp_fail(T, TP_EINVAL, "nn_bce_loss: pos_weight is given; logits are needed for it");
        return NULL;
    }
    TP__NAMED(T, "nn_bce_loss");
    return bce(T, &bce_loss_class, options);
}

tp_module *tp_nn_bce_with_logits_loss(tp_tape *T, const tp_bce_options *options)
{
    TP__NAMED(T, "nn_bce_with_logits_loss");
    return bce(T, &bce_with_logits_loss_class, options);
}

tp_module *tp_nn_triplet_margin_with_distance_loss(tp_tape *T, tp_distance_fn distance, void *user,
                                                   const tp_triplet_options *options)
{
    criterion *m = new_criterion(T, &triplet_margin_with_distance_loss_class);
    if (m) {
        m->fn = distance;
        m->user = user;
        m->o.triplet = options ? *options : (tp_triplet_options){0};
    }
    return finished(T, m);
}

static tp_module *new_distance(tp_tape *T, const criterion_class *type, double p, int dim, double eps, bool keepdim)
{
    criterion *m = new_criterion(T, type);
    if (m) {
        m->o.distance.p = p;
        m->o.distance.dim = dim;
        m->o.distance.eps = eps;
        m->o.distance.keepdim = keepdim;
    }
    return finished(T, m);
}

tp_module *tp_nn_cosine_similarity(tp_tape *T, int dim, double eps)
{
    return new_distance(T, &cosine_similarity_class, 2, dim, eps, false);
}

tp_module *tp_nn_pairwise_distance(tp_tape *T, double p, double eps, bool keepdim)
{
    return new_distance(T, &pairwise_distance_class, p, -1, eps, keepdim);
}
