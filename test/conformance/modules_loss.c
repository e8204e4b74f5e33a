/* modules_loss.c - the losses and distances. */
#include "groups.h"

#include <string.h>

static tp_reduction reduction_asked(test_case *c)
{
    const char *const names[] = {"mean", "sum", "none", "batchmean"};
    const tp_reduction are[] = {TP_MEAN, TP_SUM, TP_NONE, TP_BATCHMEAN};
    const char *text = arg_string(c, -1, "reduction", "mean");
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0)
            return are[i];
    return (tp_reduction)99;
}

/* A number where 0 is meant as such. */
static double number_asked(test_case *c, int position, const char *name, double otherwise)
{
    double value = arg_double(c, position, name, otherwise);
    return value == 0 ? TP_ZERO : value;
}

static tp_module *build_l1_loss(test_case *c) { return tp_nn_l1_loss(c->T, reduction_asked(c)); }
static tp_module *build_mse_loss(test_case *c) { return tp_nn_mse_loss(c->T, reduction_asked(c)); }
static tp_module *build_soft_margin(test_case *c) { return tp_nn_soft_margin_loss(c->T, reduction_asked(c)); }
static tp_module *build_multilabel_margin(test_case *c)
{
    return tp_nn_multilabel_margin_loss(c->T, reduction_asked(c));
}

static tp_class_loss_options class_loss_asked(test_case *c)
{
    return (tp_class_loss_options){.weight = arg_tensor_or_null(c, 0, "weight"),
                                   .has_ignore = true,
                                   .ignore_index = arg_int(c, 2, "ignore_index", -100),
                                   .label_smoothing = arg_double(c, -1, "label_smoothing", 0),
                                   .reduction = reduction_asked(c)};
}
static tp_module *build_cross_entropy(test_case *c)
{
    tp_class_loss_options options = class_loss_asked(c);
    return tp_nn_cross_entropy_loss(c->T, &options);
}
static tp_module *build_nll_loss(test_case *c)
{
    tp_class_loss_options options = class_loss_asked(c);
    return tp_nn_nll_loss(c->T, &options);
}

static tp_module *build_bce(test_case *c)
{
    tp_bce_options options = {.weight = arg_tensor_or_null(c, 0, "weight"), .reduction = reduction_asked(c)};
    return tp_nn_bce_loss(c->T, &options);
}
static tp_module *build_bce_with_logits(test_case *c)
{
    tp_bce_options options = {.weight = arg_tensor_or_null(c, 0, "weight"),
                              .pos_weight = arg_tensor_or_null(c, -1, "pos_weight"),
                              .reduction = reduction_asked(c)};
    return tp_nn_bce_with_logits_loss(c->T, &options);
}

static tp_module *build_ctc(test_case *c)
{
    tp_ctc_options options = {.blank = arg_int(c, 0, "blank", 0),
                              .zero_infinity = arg_bool(c, 2, "zero_infinity", false),
                              .reduction = reduction_asked(c)};
    return tp_nn_ctc_loss(c->T, &options);
}

static tp_module *build_poisson_nll(test_case *c)
{
    tp_poisson_nll_options options = {.no_log_input = !arg_bool(c, 0, "log_input", true),
                                      .full = arg_bool(c, 1, "full", false),
                                      .eps = number_asked(c, 3, "eps", 1e-8),
                                      .reduction = reduction_asked(c)};
    return tp_nn_poisson_nll_loss(c->T, &options);
}

static tp_module *build_gaussian_nll(test_case *c)
{
    tp_gaussian_nll_options options = {.full = arg_bool(c, -1, "full", false),
                                       .eps = number_asked(c, -1, "eps", 1e-6),
                                       .reduction = reduction_asked(c)};
    return tp_nn_gaussian_nll_loss(c->T, &options);
}

static tp_module *build_kl_div(test_case *c)
{
    tp_kl_div_options options = {.log_target = arg_bool(c, -1, "log_target", false), .reduction = reduction_asked(c)};
    return tp_nn_kl_div_loss(c->T, &options);
}

static tp_module *build_huber(test_case *c)
{
    tp_huber_options options = {.delta = number_asked(c, 1, "delta", 1), .reduction = reduction_asked(c)};
    return tp_nn_huber_loss(c->T, &options);
}

static tp_module *build_smooth_l1(test_case *c)
{
    tp_smooth_l1_options options = {.beta = number_asked(c, -1, "beta", 1), .reduction = reduction_asked(c)};
    return tp_nn_smooth_l1_loss(c->T, &options);
}

static tp_module *by_margin(test_case *c, tp_module *(*make)(tp_tape *, const tp_margin_loss_options *), double margin)
{
    tp_margin_loss_options options = {.margin = number_asked(c, 0, "margin", margin), .reduction = reduction_asked(c)};
    return make(c->T, &options);
}
static tp_module *build_hinge(test_case *c) { return by_margin(c, tp_nn_hinge_embedding_loss, 1); }
static tp_module *build_ranking(test_case *c) { return by_margin(c, tp_nn_margin_ranking_loss, 0); }
static tp_module *build_cosine_embedding(test_case *c) { return by_margin(c, tp_nn_cosine_embedding_loss, 0); }

static tp_module *build_multi_margin(test_case *c)
{
    tp_multi_margin_options options = {.p = (int)arg_int(c, 0, "p", 1),
                                       .margin = number_asked(c, 1, "margin", 1),
                                       .weight = arg_tensor_or_null(c, 2, "weight"),
                                       .reduction = reduction_asked(c)};
    return tp_nn_multi_margin_loss(c->T, &options);
}

static tp_module *build_multilabel_soft_margin(test_case *c)
{
    tp_multilabel_soft_margin_options options = {.weight = arg_tensor_or_null(c, 0, "weight"),
                                                 .reduction = reduction_asked(c)};
    return tp_nn_multilabel_soft_margin_loss(c->T, &options);
}

static tp_module *build_triplet_margin(test_case *c)
{
    tp_triplet_options options = {.margin = number_asked(c, 0, "margin", 1),
                                  .p = number_asked(c, 1, "p", 2),
                                  .eps = number_asked(c, 2, "eps", 1e-6),
                                  .swap = arg_bool(c, 3, "swap", false),
                                  .reduction = reduction_asked(c)};
    return tp_nn_triplet_margin_loss(c->T, &options);
}
static tp_module *build_triplet_with_distance(test_case *c)
{
    tp_triplet_options options = {.margin = number_asked(c, -1, "margin", 1),
                                  .swap = arg_bool(c, -1, "swap", false),
                                  .reduction = reduction_asked(c)};
    return tp_nn_triplet_margin_with_distance_loss(c->T, NULL, NULL, &options);
}

static tp_module *build_cosine_similarity(test_case *c)
{
    int dim = (int)arg_int(c, 0, "dim", 1);
    return tp_nn_cosine_similarity(c->T, dim, arg_double(c, 1, "eps", 1e-8));
}
static tp_module *build_pairwise_distance(test_case *c)
{
    double p = arg_double(c, 0, "p", 2), eps = arg_double(c, 1, "eps", 1e-6);
    return tp_nn_pairwise_distance(c->T, p, eps, arg_bool(c, 2, "keepdim", false));
}

static tp_module *build_adaptive_softmax(test_case *c)
{
    int64_t in = arg_int(c, 0, "in_features", 0), classes = arg_int(c, 1, "n_classes", 0);
    tp_dims cutoffs = arg_shape(c, 2, "cutoffs");
    tp_adaptive_softmax_options options = {.div_value = arg_double(c, 3, "div_value", 4),
                                           .head_bias = arg_bool(c, 4, "head_bias", false),
                                           .dtype = case_dtype(c)};
    return tp_nn_adaptive_log_softmax_with_loss(c->T, in, classes, cutoffs.ndim, cutoffs.dim, &options);
}

const module_builder loss_builders[] = {
    {"L1Loss", build_l1_loss},
    {"MSELoss", build_mse_loss},
    {"CrossEntropyLoss", build_cross_entropy},
    {"CTCLoss", build_ctc},
    {"NLLLoss", build_nll_loss},
    {"PoissonNLLLoss", build_poisson_nll},
    {"GaussianNLLLoss", build_gaussian_nll},
    {"KLDivLoss", build_kl_div},
    {"BCELoss", build_bce},
    {"BCEWithLogitsLoss", build_bce_with_logits},
    {"MarginRankingLoss", build_ranking},
    {"HingeEmbeddingLoss", build_hinge},
    {"MultiLabelMarginLoss", build_multilabel_margin},
    {"HuberLoss", build_huber},
    {"SmoothL1Loss", build_smooth_l1},
    {"SoftMarginLoss", build_soft_margin},
    {"MultiLabelSoftMarginLoss", build_multilabel_soft_margin},
    {"CosineEmbeddingLoss", build_cosine_embedding},
    {"MultiMarginLoss", build_multi_margin},
    {"TripletMarginLoss", build_triplet_margin},
    {"TripletMarginWithDistanceLoss", build_triplet_with_distance},
    {"CosineSimilarity", build_cosine_similarity},
    {"PairwiseDistance", build_pairwise_distance},
    {"AdaptiveLogSoftmaxWithLoss", build_adaptive_softmax},
    {NULL, NULL},
};
