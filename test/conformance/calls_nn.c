/* calls_nn.c - linear, losses, dropout. */
#include "calls.h"

#include <string.h>

static tp_reduction reduction_asked(test_case *c)
{
    const char *text = arg_string(c, -1, "reduction", "mean");
    if (strcmp(text, "mean") == 0)
        return TP_MEAN;
    if (strcmp(text, "none") == 0)
        return TP_NONE;
    if (strcmp(text, "batchmean") == 0)
        return TP_BATCHMEAN;
    return strcmp(text, "sum") == 0 ? TP_SUM : (tp_reduction)99;
}

typedef tp_tensor *(*loss_fn)(tp_tape *, tp_tensor *, tp_tensor *, tp_reduction);

static tp_tensor *loss(test_case *c, loss_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target");
    return f(c->T, x, target, reduction_asked(c));
}
static tp_tensor *call_mse_loss(test_case *c) { return loss(c, tp_mse_loss); }
static tp_tensor *call_l1_loss(test_case *c) { return loss(c, tp_l1_loss); }
static tp_tensor *call_soft_margin_loss(test_case *c) { return loss(c, tp_soft_margin_loss); }

/* A number where 0 is meant as such. */
static double number_asked(test_case *c, int position, const char *name, double otherwise)
{
    double value = arg_double(c, position, name, otherwise);
    return value == 0 ? TP_ZERO : value;
}

static tp_bce_options weights_asked(test_case *c, bool logits)
{
    return (tp_bce_options){.weight = arg_tensor_or_null(c, 2, "weight"),
                            .pos_weight = logits ? arg_tensor_or_null(c, -1, "pos_weight") : NULL,
                            .reduction = reduction_asked(c)};
}
static tp_tensor *call_bce(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target");
    tp_bce_options options = weights_asked(c, false);
    return options.weight ? tp_binary_cross_entropy_weighted(c->T, x, target, &options)
                          : tp_binary_cross_entropy(c->T, x, target, options.reduction);
}
static tp_tensor *call_bce_logits(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target");
    tp_bce_options options = weights_asked(c, true);
    return options.weight || options.pos_weight
               ? tp_binary_cross_entropy_with_logits_weighted(c->T, x, target, &options)
               : tp_binary_cross_entropy_with_logits(c->T, x, target, options.reduction);
}

static tp_tensor *call_smooth_l1_loss(test_case *c)
{
    tp_smooth_l1_options options = {.beta = number_asked(c, -1, "beta", 1), .reduction = reduction_asked(c)};
    return tp_smooth_l1_loss(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}

static tp_tensor *call_huber_loss(test_case *c)
{
    tp_huber_options options = {.delta = number_asked(c, -1, "delta", 1), .reduction = reduction_asked(c)};
    return tp_huber_loss(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}

static tp_tensor *call_kl_div(test_case *c)
{
    tp_kl_div_options options = {.log_target = arg_bool(c, -1, "log_target", false), .reduction = reduction_asked(c)};
    return tp_kl_div(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}

static tp_tensor *call_poisson_nll_loss(test_case *c)
{
    tp_poisson_nll_options options = {.no_log_input = !arg_bool(c, -1, "log_input", true),
                                      .full = arg_bool(c, -1, "full", false),
                                      .eps = number_asked(c, -1, "eps", 1e-8),
                                      .reduction = reduction_asked(c)};
    return tp_poisson_nll_loss(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}

static tp_tensor *call_gaussian_nll_loss(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target"), *var = arg_tensor(c, 2, "var");
    tp_gaussian_nll_options options = {
        .full = arg_bool(c, 3, "full", false), .eps = number_asked(c, 4, "eps", 1e-6), .reduction = reduction_asked(c)};
    return tp_gaussian_nll_loss(c->T, x, target, var, &options);
}

static tp_tensor *call_embedding(test_case *c)
{
    tp_embedding_options o = {.has_padding = arg(c, 2, "padding_idx") != NULL,
                              .padding_idx = arg_int(c, 2, "padding_idx", 0),
                              .max_norm = arg_double(c, 3, "max_norm", 0),
                              .norm_type = arg_double(c, 4, "norm_type", 2),
                              .scale_grad_by_freq = arg_bool(c, 5, "scale_grad_by_freq", false),
                              .sparse = arg_bool(c, 6, "sparse", false)};
    return tp_embedding(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "weight"), &o);
}

static tp_tensor *call_embedding_bag(test_case *c)
{
    tp_embedding_bag_options o = {.offsets = arg_tensor_or_null(c, 2, "offsets"),
                                  .max_norm = arg_double(c, 3, "max_norm", 0),
                                  .norm_type = arg_double(c, 4, "norm_type", 2),
                                  .scale_grad_by_freq = arg_bool(c, 5, "scale_grad_by_freq", false),
                                  .mode = arg_bag_mode(c, 6),
                                  .sparse = arg_bool(c, 7, "sparse", false),
                                  .per_sample_weights = arg_tensor_or_null(c, 8, "per_sample_weights"),
                                  .include_last_offset = arg_bool(c, 9, "include_last_offset", false),
                                  .has_padding = arg(c, 10, "padding_idx") != NULL,
                                  .padding_idx = arg_int(c, 10, "padding_idx", 0)};
    return tp_embedding_bag(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "weight"), &o);
}

static tp_tensor *call_hinge_embedding_loss(test_case *c)
{
    tp_margin_loss_options options = {.margin = number_asked(c, -1, "margin", 1), .reduction = reduction_asked(c)};
    return tp_hinge_embedding_loss(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}

static tp_tensor *call_margin_ranking_loss(test_case *c)
{
    tp_tensor *x1 = arg_tensor(c, 0, "input1"), *x2 = arg_tensor(c, 1, "input2"), *target = arg_tensor(c, 2, "target");
    tp_margin_loss_options options = {.margin = arg_double(c, -1, "margin", 0), .reduction = reduction_asked(c)};
    return tp_margin_ranking_loss(c->T, x1, x2, target, &options);
}

static tp_tensor *call_cosine_embedding_loss(test_case *c)
{
    tp_tensor *x1 = arg_tensor(c, 0, "input1"), *x2 = arg_tensor(c, 1, "input2"), *target = arg_tensor(c, 2, "target");
    tp_margin_loss_options options = {.margin = arg_double(c, -1, "margin", 0), .reduction = reduction_asked(c)};
    return tp_cosine_embedding_loss(c->T, x1, x2, target, &options);
}

static tp_triplet_options triplet_asked(test_case *c)
{
    return (tp_triplet_options){.margin = number_asked(c, -1, "margin", 1),
                                .swap = arg_bool(c, -1, "swap", false),
                                .reduction = reduction_asked(c)};
}
static tp_tensor *call_triplet_margin_loss(test_case *c)
{
    tp_tensor *anchor = arg_tensor(c, 0, "anchor"), *positive = arg_tensor(c, 1, "positive");
    tp_triplet_options options = triplet_asked(c);
    options.p = number_asked(c, -1, "p", 2);
    options.eps = number_asked(c, -1, "eps", 1e-6);
    return tp_triplet_margin_loss(c->T, anchor, positive, arg_tensor(c, 2, "negative"), &options);
}
static tp_tensor *call_triplet_margin_with_distance_loss(test_case *c)
{
    tp_tensor *anchor = arg_tensor(c, 0, "anchor"), *positive = arg_tensor(c, 1, "positive");
    tp_tensor *negative = arg_tensor(c, 2, "negative");
    tp_triplet_options options = triplet_asked(c);
    return tp_triplet_margin_with_distance_loss(c->T, anchor, positive, negative, NULL, NULL, &options);
}

static tp_tensor *call_multi_margin_loss(test_case *c)
{
    tp_multi_margin_options options = {.p = (int)arg_int(c, 2, "p", 1),
                                       .margin = number_asked(c, 3, "margin", 1),
                                       .weight = arg_tensor_or_null(c, 4, "weight"),
                                       .reduction = reduction_asked(c)};
    return tp_multi_margin_loss(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "target"), &options);
}
static tp_tensor *call_multilabel_margin_loss(test_case *c) { return loss(c, tp_multilabel_margin_loss); }
static tp_tensor *call_multilabel_soft_margin_loss(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target");
    tp_multilabel_soft_margin_options options = {.weight = arg_tensor_or_null(c, 2, "weight"),
                                                 .reduction = reduction_asked(c)};
    return tp_multilabel_soft_margin_loss(c->T, x, target, &options);
}

/* A tensor of lengths, or a list of them. */
static tp_tensor *lengths_asked(test_case *c, int position, const char *name)
{
    const json_t *a = arg(c, position, name);
    int64_t length[64], n = (int64_t)json_array_size(a);
    if (!json_is_array(a))
        return arg_tensor(c, position, name);
    for (int64_t i = 0; i < n && i < 64; i++)
        length[i] = json_integer_value(json_array_get(a, (size_t)i));
    return tp_from(c->T, TP_I64, tp_shape(n < 64 ? n : 64), length);
}
static tp_tensor *ctc_loss_asked(test_case *c, const tp_ctc_options *options)
{
    tp_tensor *x = arg_tensor(c, 0, "log_probs"), *targets = arg_tensor(c, 1, "targets");
    tp_tensor *times = lengths_asked(c, 2, "input_lengths"), *lengths = lengths_asked(c, 3, "target_lengths");
    return tp_ctc_loss(c->T, x, targets, times, lengths, options);
}
static tp_tensor *call_ctc_loss(test_case *c)
{
    tp_ctc_options options = {.blank = arg_int(c, 4, "blank", 0),
                              .zero_infinity = arg_bool(c, -1, "zero_infinity", false),
                              .reduction = reduction_asked(c)};
    return ctc_loss_asked(c, &options);
}

typedef tp_tensor *(*class_loss_fn)(tp_tape *, tp_tensor *, tp_tensor *, const tp_class_loss_options *);

static tp_tensor *class_loss(test_case *c, class_loss_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *target = arg_tensor(c, 1, "target");
    tp_class_loss_options options = {.weight = arg_tensor_or_null(c, 2, "weight"),
                                     .has_ignore = true,
                                     .ignore_index = arg_int(c, -1, "ignore_index", -100),
                                     .label_smoothing = arg_double(c, -1, "label_smoothing", 0),
                                     .reduction = reduction_asked(c)};
    return f(c->T, x, target, &options);
}
static tp_tensor *call_nll_loss(test_case *c) { return class_loss(c, tp_nll_loss); }
static tp_tensor *call_cross_entropy(test_case *c) { return class_loss(c, tp_cross_entropy); }

static tp_tensor *call_linear(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *weight = arg_tensor(c, 1, "weight");
    return tp_linear(c->T, x, weight, arg_tensor_or_null(c, 2, "bias"));
}

/* ---- activation functions with numbers ---- */

/* clang-format off */
#define WITH_NUMBER(fn, argument, otherwise)                                                       \
    static tp_tensor *call_##fn(test_case *c)                                                      \
    { return tp_##fn(c->T, arg_tensor(c, 0, "input"), arg_double(c, 1, argument, otherwise)); }
/* clang-format on */
WITH_NUMBER(leaky_relu, "negative_slope", 0.01)
WITH_NUMBER(elu, "alpha", 1)
WITH_NUMBER(celu, "alpha", 1)
WITH_NUMBER(hardshrink, "lambd", 0.5)
WITH_NUMBER(softshrink, "lambd", 0.5)

static tp_tensor *call_softplus(test_case *c)
{
    double beta = arg_double(c, 1, "beta", 1), threshold = arg_double(c, 2, "threshold", 20);
    return tp_softplus_with(c->T, arg_tensor(c, 0, "input"), beta, threshold);
}

static tp_tensor *call_hardtanh(test_case *c)
{
    double low = arg_double(c, 1, "min_val", -1), high = arg_double(c, 2, "max_val", 1);
    return tp_hardtanh(c->T, arg_tensor(c, 0, "input"), low, high);
}

static tp_tensor *call_threshold(test_case *c)
{
    double threshold = arg_double(c, 1, "threshold", 0), value = arg_double(c, 2, "value", 0);
    return tp_threshold(c->T, arg_tensor(c, 0, "input"), threshold, value);
}

static tp_tensor *call_rrelu(test_case *c)
{
    double lower = arg_double(c, 1, "lower", 1. / 8), upper = arg_double(c, 2, "upper", 1. / 3);
    return tp_rrelu(c->T, arg_tensor(c, 0, "input"), lower, upper, arg_bool(c, 3, "training", false));
}

static tp_tensor *call_prelu(test_case *c)
{
    return tp_prelu(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "weight"));
}

static tp_tensor *call_glu(test_case *c)
{
    return tp_glu(c->T, arg_tensor(c, 0, "input"), (int)arg_int(c, 1, "dim", -1));
}

static tp_tensor *call_softmin(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int dim = (int)arg_int(c, 1, "dim", -1);
    return tp_softmin(c->T, tp_to(c->T, x, arg_dtype(c, -1, "dtype", tp_dtype_of(x))), dim);
}

static tp_tensor *call_normalize(test_case *c)
{
    double p = arg_double(c, 1, "p", 2), eps = arg_double(c, 3, "eps", 1e-12);
    return tp_normalize(c->T, arg_tensor(c, 0, "input"), p, (int)arg_int(c, 2, "dim", 1), eps);
}

static tp_tensor *call_gelu(test_case *c)
{
    bool tanh = strcmp(arg_string(c, -1, "approximate", "none"), "tanh") == 0;
    return (tanh ? tp_gelu_tanh : tp_gelu)(c->T, arg_tensor(c, 0, "input"));
}

static tp_tensor *call_one_hot(test_case *c)
{
    return tp_one_hot(c->T, arg_tensor(c, 0, "input"), (int64_t)arg_double(c, 1, "num_classes", -1));
}

static tp_tensor *call_layer_norm(test_case *c)
{
    tp_dims shape = arg_shape(c, 1, "normalized_shape");
    tp_tensor *weight = arg_tensor_or_null(c, 2, "weight"), *bias = arg_tensor_or_null(c, 3, "bias");
    return tp_layer_norm(c->T, arg_tensor(c, 0, "input"), shape, weight, bias, arg_double(c, 4, "eps", 1e-5));
}

/* clang-format off */
#define DROPOUT(fn, trained)                                                                       \
    static tp_tensor *call_##fn(test_case *c)                                                      \
    { double p = arg_double(c, 1, "p", .5); return tp_##fn(c->T, arg_tensor(c, 0, "input"), p, arg_bool(c, 2, "training", trained)); }
/* clang-format on */
DROPOUT(dropout, true)
DROPOUT(dropout1d, true)
DROPOUT(dropout2d, true)
DROPOUT(dropout3d, true)
DROPOUT(alpha_dropout, false)
DROPOUT(feature_alpha_dropout, false)

/* torch writes running statistics that are given as an input; the case's are leaves that may be. */
static tp_tensor *call_batch_norm(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    tp_tensor *mean = arg_tensor_or_null(c, 1, "running_mean"), *var = arg_tensor_or_null(c, 2, "running_var");
    tp_batch_norm_options o = {.weight = arg_tensor_or_null(c, 3, "weight"),
                               .bias = arg_tensor_or_null(c, 4, "bias"),
                               .training = arg_bool(c, 5, "training", false),
                               .momentum = arg_option(c, 6, "momentum", 0.1),
                               .eps = arg_option(c, 7, "eps", 1e-5)};
    return tp_batch_norm(c->T, x, mean, var, &o);
}

static tp_tensor *call_instance_norm(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    tp_instance_norm_options o = {.running_mean = arg_tensor_or_null(c, 1, "running_mean"),
                                  .running_var = arg_tensor_or_null(c, 2, "running_var"),
                                  .weight = arg_tensor_or_null(c, 3, "weight"),
                                  .bias = arg_tensor_or_null(c, 4, "bias"),
                                  .use_running_stats = !arg_bool(c, 5, "use_input_stats", true),
                                  .momentum = arg_option(c, 6, "momentum", 0.1),
                                  .eps = arg_option(c, 7, "eps", 1e-5)};
    return tp_instance_norm(c->T, x, &o);
}

static tp_tensor *call_local_response_norm(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int64_t size = arg_int(c, 1, "size", 1);
    tp_local_response_norm_options o = {.alpha = arg_option(c, 2, "alpha", 1e-4),
                                        .beta = arg_option(c, 3, "beta", 0.75),
                                        .k = arg_option(c, 4, "k", 1)};
    return tp_local_response_norm(c->T, x, size, &o);
}

static tp_tensor *call_group_norm(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    int64_t groups = arg_int(c, 1, "num_groups", 1);
    tp_tensor *weight = arg_tensor_or_null(c, 2, "weight"), *bias = arg_tensor_or_null(c, 3, "bias");
    return tp_group_norm(c->T, x, groups, weight, bias, arg_double(c, 4, "eps", 1e-5));
}

static int space_of(const test_case *c) { return c->op[strlen(c->op) - 2] - '0'; }

static tp_tensor *conv(test_case *c, bool transposed)
{
    int space = space_of(c), i = transposed ? 6 : 5;
    tp_conv_options o = {.groups = 0};
    const json_t *padding = transposed ? NULL : json_object_get(c->kwargs, "padding");
    if (json_array_size(c->args) > 4 && !transposed)
        padding = json_array_get(c->args, 4);
    arg_sizes(c, 3, "stride", space, o.stride);
    if (json_is_string(padding))
        o.padding_kind = strcmp(arg_string(c, 4, "padding", ""), "same") == 0 ? TP_PADDING_SAME : TP_PADDING_VALID;
    else
        arg_sizes(c, 4, "padding", space, o.padding);
    if (transposed)
        arg_sizes(c, 5, "output_padding", space, o.output_padding);
    o.groups = arg_int(c, transposed ? i : i + 1, "groups", 1);
    arg_sizes(c, transposed ? i + 1 : i, "dilation", space, o.dilation);
    tp_tensor *(*const calls[2][3])(tp_tape *, tp_tensor *, tp_tensor *, tp_tensor *, const tp_conv_options *) = {
        {tp_conv1d, tp_conv2d, tp_conv3d}, {tp_conv_transpose1d, tp_conv_transpose2d, tp_conv_transpose3d}};
    tp_tensor *x = arg_tensor(c, 0, "input"), *weight = arg_tensor(c, 1, "weight");
    return calls[transposed][space - 1](c->T, x, weight, arg_tensor_or_null(c, 2, "bias"), &o);
}
static tp_tensor *call_conv(test_case *c) { return conv(c, false); }
static tp_tensor *call_conv_transpose(test_case *c) { return conv(c, true); }

const call_entry nn_calls[] = {
    {"nn.functional.conv1d", call_conv},
    {"nn.functional.conv2d", call_conv},
    {"nn.functional.conv3d", call_conv},
    {"nn.functional.conv_transpose1d", call_conv_transpose},
    {"nn.functional.conv_transpose2d", call_conv_transpose},
    {"nn.functional.conv_transpose3d", call_conv_transpose},

    {"nn.functional.mse_loss", call_mse_loss},
    {"nn.functional.l1_loss", call_l1_loss},
    {"nn.functional.binary_cross_entropy", call_bce},
    {"nn.functional.binary_cross_entropy_with_logits", call_bce_logits},
    {"nn.functional.smooth_l1_loss", call_smooth_l1_loss},
    {"nn.functional.huber_loss", call_huber_loss},
    {"nn.functional.kl_div", call_kl_div},
    {"nn.functional.poisson_nll_loss", call_poisson_nll_loss},
    {"nn.functional.gaussian_nll_loss", call_gaussian_nll_loss},
    {"nn.functional.embedding", call_embedding},
    {"nn.functional.embedding_bag", call_embedding_bag},
    {"nn.functional.hinge_embedding_loss", call_hinge_embedding_loss},
    {"nn.functional.soft_margin_loss", call_soft_margin_loss},
    {"nn.functional.margin_ranking_loss", call_margin_ranking_loss},
    {"nn.functional.cosine_embedding_loss", call_cosine_embedding_loss},
    {"nn.functional.triplet_margin_loss", call_triplet_margin_loss},
    {"nn.functional.triplet_margin_with_distance_loss", call_triplet_margin_with_distance_loss},
    {"nn.functional.multi_margin_loss", call_multi_margin_loss},
    {"nn.functional.multilabel_margin_loss", call_multilabel_margin_loss},
    {"nn.functional.multilabel_soft_margin_loss", call_multilabel_soft_margin_loss},
    {"nn.functional.ctc_loss", call_ctc_loss},
    {"nn.functional.nll_loss", call_nll_loss},
    {"nn.functional.cross_entropy", call_cross_entropy},
    {"nn.functional.linear", call_linear},
    {"nn.functional.softplus", call_softplus},
    {"nn.functional.dropout", call_dropout},
    {"nn.functional.dropout1d", call_dropout1d},
    {"nn.functional.dropout2d", call_dropout2d},
    {"nn.functional.dropout3d", call_dropout3d},
    {"nn.functional.alpha_dropout", call_alpha_dropout},
    {"nn.functional.feature_alpha_dropout", call_feature_alpha_dropout},
    {"nn.functional.gelu", call_gelu},
    {"nn.functional.leaky_relu", call_leaky_relu},
    {"nn.functional.elu", call_elu},
    {"nn.functional.celu", call_celu},
    {"nn.functional.hardshrink", call_hardshrink},
    {"nn.functional.softshrink", call_softshrink},
    {"nn.functional.hardtanh", call_hardtanh},
    {"nn.functional.threshold", call_threshold},
    {"nn.functional.rrelu", call_rrelu},
    {"nn.functional.prelu", call_prelu},
    {"nn.functional.glu", call_glu},
    {"nn.functional.softmin", call_softmin},
    {"nn.functional.normalize", call_normalize},
    {"nn.functional.one_hot", call_one_hot},
    {"nn.functional.layer_norm", call_layer_norm},
    {"nn.functional.batch_norm", call_batch_norm},
    {"nn.functional.instance_norm", call_instance_norm},
    {"nn.functional.group_norm", call_group_norm},
    {"nn.functional.local_response_norm", call_local_response_norm},
    {NULL, NULL},
};
