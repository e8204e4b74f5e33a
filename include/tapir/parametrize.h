/* parametrize.h - parameters that are computed for each call of their module (torch.nn.utils.parametrize, parametrizations), and
 * pruned ones (torch.nn.utils.prune).
 *
 *     tp_module *layer = tp_nn_linear(T, 20, 40, NULL);
 *     tp_spectral_norm(T, layer, "weight", NULL);        // layer's weight is now divided by its largest singular value
 *     y = tp_forward(T, layer, x);                       // gradients go to parametrizations.weight.original
 *
 * Such a parameter is none of the module any more: what it is computed from is, and is what sets and states have, under torch's
 * names. It must be one that the module's struct points to and that its forward reads there, or by its name (by_name of the
 * class), as all of the library's do (TP_EUNSUPPORTED); who reads it from elsewhere finds what it is computed from, and asks
 * tp_parametrized for its value.
 * Names may be dotted: "0.weight" of a Sequential. Names of no parameter are TP_EINVAL. */
#ifndef TAPIR_PARAMETRIZE_H
#define TAPIR_PARAMETRIZE_H

#include "nn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes the n tensors that a parametrization makes the value of, to out. */
typedef tp_status (*tp_right_inverse)(tp_tape *T, tp_module *by, tp_tensor *value, int n, tp_tensor **out);

/* From now on the parameter is what `by`, a module without a parent, makes of it: of the same shape and dtype (TP_ESHAPE). m owns
 * `by`, as parametrizations.NAME.0, which is freed after a failure; returns it. What it is made of is the parameter as it was,
 * parametrizations.NAME.original, or, with a right inverse, what that gives: original, or original0, original1 ... where `by`
 * takes several (at most 4); these must come before there is a set of parameters (tp_module_params), TP_EINVAL. Another
 * parametrization, without an inverse, may follow and goes by what the last one makes. `by` is called once to see whether it fits, and
 * then at each call of the module. */
TP_API tp_module *tp_parametrize(tp_tape *T, tp_module *m, const char *name, tp_module *by, tp_right_inverse inverse);
/* The value that a call would compute now, differentiable; of another parameter itself. */
TP_API tp_tensor *tp_parametrized(tp_tape *T, tp_module *m, const char *name);
/* Of the module itself, not of those below it; NULL: any of its parameters. */
TP_API bool tp_is_parametrized(const tp_module *m, const char *name);
/* Makes it a parameter again, with the value that it has (leave_parametrized) or the one that it is made of. */
TP_API tp_status tp_remove_parametrizations(tp_tape *T, tp_module *m, const char *name, bool leave_parametrized);

/* weight = g v / |v|, the norms over all dimensions but dim (negative: from the end), or all with TP_ALL_DIMS: g [.., d, ..] is
 * original0, v original1. Salimans and Kingma, "Weight normalization", 2016. A v of zeros gives NaN. */
#define TP_ALL_DIMS (-128)
TP_API tp_module *tp_weight_norm(tp_tape *T, tp_module *m, const char *name, int dim);

typedef struct {
    int    n_power_iterations; /* at each call in training mode, at most 1000; 0: 1 */
    double eps;                /* below a norm; 0: 1e-12 */
    int    dim; /* whose entries are the rows of the matrix; 0, but 1 for transposed convolutions, as torch */
    TP_RESERVED(4);
} tp_spectral_norm_options;
/* weight / sigma, where sigma is the largest singular value of the weight as a matrix, by power iteration from vectors _u and _v, which are
 * buffers; a weight of one dimension is divided by its norm. Miyato et al., "Spectral normalization", 2018. */
TP_API tp_module *tp_spectral_norm(tp_tape *T, tp_module *m, const char *name, const tp_spectral_norm_options *options);

/* ---- pruning ---------------------------------------------------------------------------------------------------------
 *
 * A pruned parameter NAME is NAME_orig, which is trained, times NAME_mask, a buffer of zeros and ones. Pruning again goes on
 * from what is left. An amount is a share of that, in [0, 1], rounded half to even, or above 1 a whole number of elements, or
 * of channels along dim; more than there are is TP_EINVAL. `scores`: of the parameter's shape, what to go by instead of it, or
 * NULL. A set of parameters that was made before goes on. */
TP_API tp_status tp_prune_identity(tp_tape *T, tp_module *m, const char *name); /* a mask of ones */
TP_API tp_status tp_prune_random_unstructured(tp_tape *T, tp_module *m, const char *name, double amount);
/* The elements of least magnitude. */
TP_API tp_status tp_prune_l1_unstructured(tp_tape *T, tp_module *m, const char *name, double amount, tp_tensor *scores);
TP_API tp_status tp_prune_random_structured(tp_tape *T, tp_module *m, const char *name, double amount, int dim);
/* The channels along dim of the least n-norms; n: as the order of tp_linalg_vector_norm. */
TP_API tp_status tp_prune_ln_structured(tp_tape *T, tp_module *m, const char *name, double amount, double n, int dim,
                                        tp_tensor *scores);
/* Where the mask, of the parameter's shape, is 0, too. */
TP_API tp_status tp_prune_custom_from_mask(tp_tape *T, tp_module *m, const char *name, tp_tensor *mask);
/* The elements of least magnitude (or at random) of n parameters together: names[i] of modules[i]. */
TP_API tp_status tp_prune_global_unstructured(tp_tape *T, int n, tp_module *const *modules, const char *const *names,
                                              double amount, bool at_random);
/* Makes it a parameter again, with zeros where it was pruned. */
TP_API tp_status tp_prune_remove(tp_tape *T, tp_module *m, const char *name);
/* Is there a pruned parameter in it, or below it? */
TP_API bool tp_is_pruned(const tp_module *m);

#ifdef __cplusplus
}
#endif
#endif
