/* prune.c - parameters with zeros that stay (torch.nn.utils.prune): NAME_orig times NAME_mask. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/elementwise.h"
#include "tapir/index.h"
#include "tapir/inplace.h"
#include "tapir/parametrize.h"
#include "tapir/random.h"
#include "tapir/reduce.h"
#include "tapir/sort.h"

#include <math.h>
#include <string.h>

/* ---- how much ------------------------------------------------------------------------------------------------------ */

static double half_to_even(double x)
{
    double low = floor(x), rest = x - low;
    return low + (rest > 0.5 || (rest == 0.5 && fmod(low, 2) != 0) ? 1 : 0);
}

static bool is_amount(tp_tape *T, double amount)
{
    bool fine = amount >= 0 && (amount <= 1 || (amount == floor(amount) && amount < 0x1p62));
    if (!fine)
        tp_fail(T, TP_EINVAL, "%s: the amount is %g; a share in [0, 1] or a whole number is needed", T->speaker,
                amount);
    return fine;
}

/* Of n; -1 after a failure. */
static int64_t count_of(tp_tape *T, double amount, int64_t n, const char *what)
{
    double k = amount <= 1 ? half_to_even(amount * (double)n) : amount;
    if (k <= (double)n)
        return (int64_t)k;
    tp_fail(T, TP_EINVAL, "%s: %g %s of %lld that are left; no more are possible", T->speaker, k, what, (long long)n);
    return -1;
}

/* ---- masks: what is left of one, given scores ----------------------------------------------------------------------- */

/* x with `value` at these places of dimension 0. */
static tp_tensor *with(tp_tape *T, tp_tensor *x, tp_tensor *index, double value)
{
    return tp_index_fill(T, x, 0, index, tp_full(T, x->dtype, (tp_dims){0}, value));
}

static tp_tensor *prune_elements(tp_tape *T, tp_tensor *mask, tp_tensor *scores, double amount, bool at_random)
{
    tp_tensor *kept = tp_eq_scalar(T, mask, 1), *left = tp_masked_select(T, scores, kept), *which = NULL;
    int64_t k = left ? count_of(T, amount, left->shape[0], "elements") : -1;
    if (k <= 0)
        return k == 0 ? mask : NULL;
    if (at_random)
        tp_topk(T, tp_rand_like(T, left), k, 0, true, &which);
    else
        tp_topk(T, tp_abs(T, left), k, 0, false, &which);
    return tp_masked_scatter(T, mask, kept, with(T, tp_ones_like(T, left), which, 0));
}

/* All dimensions but one. */
static int others(const tp_tensor *x, int dim, int *dims)
{
    int n = 0;
    for (int d = 0; d < x->ndim; d++)
        if (d != dim)
            dims[n++] = d;
    return n;
}

/* Channels that stay, of `of` [k] that are there still. Of order n; NaN: at random. */
static tp_tensor *channels_to_keep(tp_tape *T, tp_tensor *scores, tp_tensor *of, int dim, double n, int64_t k)
{
    int dims[TP_MAX_DIMS], n_dims = others(scores, dim, dims);
    tp_tensor *which = NULL;
    if (isnan(n)) {
        tp_tensor *chance = tp_rand(T, TP_F32, (tp_dims){1, {of->shape[0]}});
        which = tp_nonzero(T, tp_gt(T, chance, tp_kthvalue(T, chance, k, 0, false, NULL)));
        which = tp_flatten(T, which, 0, -1);
    } else {
        tp_tensor *norm = tp_linalg_vector_norm(T, tp_index_select(T, scores, dim, of), n, n_dims, dims, false);
        tp_topk(T, norm, of->shape[0] - k, 0, true, &which);
    }
    return tp_index_select(T, of, 0, which);
}

static tp_tensor *prune_channels(tp_tape *T, tp_tensor *mask, tp_tensor *scores, double amount, int dim, double n)
{
    int dims[TP_MAX_DIMS], n_dims = others(mask, dim, dims);
    tp_tensor *some = tp_ne_scalar(T, tp_sum_dims(T, mask, n_dims, dims, false), 0);
    tp_tensor *left = tp_flatten(T, tp_nonzero(T, some), 0, -1);
    int64_t k = left ? count_of(T, amount, left->shape[0], "channels") : -1;
    if (k <= 0)
        return k == 0 ? mask : NULL;
    tp_tensor *keep = channels_to_keep(T, scores, left, dim, n, k);
    tp_dims shape = {mask->ndim, {0}};
    for (int d = 0; d < mask->ndim; d++)
        shape.dim[d] = d == dim ? mask->shape[d] : 1;
    tp_tensor *stays = with(T, tp_zeros(T, mask->dtype, (tp_dims){1, {mask->shape[dim]}}), keep, 1);
    return tp_mul(T, mask, tp_reshape(T, stays, shape));
}

/* ---- one parameter -------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module *m;
    const char *name;
    tp__computed *is; /* NULL: not yet */
    tp_tensor *original, *mask;
} pruned;

static bool find(tp_tape *T, tp_module *m, const char *name, pruned *p)
{
    *p = (pruned){.m = m, .name = name};
    if (m == NULL)
        tp__missing(T, T->speaker, "the module");
    if (!tp__ok(T) || m == NULL)
        return false;
    p->original = tp__module_parameter(T, &p->m, &p->name, &p->is, T->speaker);
    if (p->is && !tp__computed_is_masked(p->is))
        tp_fail(T, TP_EINVAL, "%s: %s of %s is parametrized; tp_remove_parametrizations is needed first", T->speaker,
                p->name, p->m->type->name);
    if (!tp__ok(T))
        return false;
    if (p->is == NULL)
        return true;
    p->original = tp__param_after(p->m, p->name, "_orig");
    p->mask = tp__param_after(p->m, p->name, "_mask");
    if (p->original == NULL || p->mask == NULL)
        tp_fail(T, TP_EINVAL, "%s: %s_orig or %s_mask of %s is gone; both are needed", T->speaker, p->name, p->name,
                p->m->type->name);
    return tp__ok(T);
}

/* Its mask so far, and its value, or the scores instead. */
static tp_tensor *mask_of(tp_tape *T, const pruned *p) { return p->mask ? p->mask : tp_ones_like(T, p->original); }
static tp_tensor *scores_of(tp_tape *T, const pruned *p, tp_tensor *given)
{
    if (given && !tp__dims_equal(tp__dims_of(given), tp__dims_of(p->original)))
        tp_fail(T, TP_ESHAPE, "%s: scores %s of a parameter %s; its shape is needed", T->speaker, TP__SHAPE(given),
                TP__SHAPE(p->original));
    return given ? given : p->mask ? tp_mul(T, p->original, p->mask) : p->original;
}

/* A name with something behind it, of the tape. */
static char *name_with(tp_tape *T, const char *name, const char *suffix)
{
    size_t n = strlen(name) + strlen(suffix) + 1;
    char *text = tp__arena_alloc(&T->arena, n);
    if (text == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", T->speaker);
    else
        tp__snprintf(text, n, "%s%s", name, suffix);
    return text;
}

/* The parameter becomes a pruned one, with this mask. */
static void start(tp_tape *T, const pruned *p, tp_tensor *mask)
{
    char *original = name_with(T, p->name, "_orig"), *masks = name_with(T, p->name, "_mask");
    tp__computed *c = original && masks ? tp__computed_new(T, p->m, p->name, p->original, true) : NULL;
    tp_tensor *kept = c ? tp__tensor_owned(p->original->dtype, tp__dims_of(p->original)) : NULL;
    if (c && kept == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", T->speaker);
    if (kept)
        tp_copy_into(T, kept, mask);
    if (kept && tp_module_add_buffer(T, p->m, masks, kept)) {
        if (tp__module_move_entry(T, p->m, p->name, p->m, original)) {
            tp__computed_add(p->m, c, p->original);
            return;
        }
        tp__module_drop_entry(p->m, masks);
    }
    tp__free(c);
}

static void set_mask(tp_tape *T, const pruned *p, tp_tensor *mask)
{
    if (mask == NULL || !tp__ok(T))
        return;
    if (p->is)
        tp_copy_into(T, p->mask, mask);
    else
        start(T, p, mask);
}

/* ---- for users ------------------------------------------------------------------------------------------------------ */

/* The status after what was computed aside. */
static tp_status end(tp_tape *T, tp__aside a)
{
    tp__aside_end(T, a);
    return tp_error_status(T);
}

static tp_status prune_unstructured(tp_tape *T, tp_module *m, const char *name, double amount, tp_tensor *scores,
                                    bool at_random)
{
    pruned p;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__aside a = tp__aside_begin(T);
    if (find(T, m, name, &p) && is_amount(T, amount)) {
        tp_tensor *of = scores_of(T, &p, scores);
        if (tp__ok(T))
            set_mask(T, &p, prune_elements(T, mask_of(T, &p), of, amount, at_random));
    }
    return end(T, a);
}

static tp_status prune_structured(tp_tape *T, tp_module *m, const char *name, double amount, double n, int dim,
                                  tp_tensor *scores)
{
    pruned p;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__aside a = tp__aside_begin(T);
    if (find(T, m, name, &p) && is_amount(T, amount)) {
        const int ndim = p.original->ndim;
        if (ndim < 2 || dim < -ndim || dim >= ndim)
            tp_fail(T, TP_EINVAL, "%s: dim %d of a parameter %s; a dimension of two or more is needed", T->speaker, dim,
                    TP__SHAPE(p.original));
        tp_tensor *of = tp__ok(T) ? scores_of(T, &p, scores) : NULL;
        if (tp__ok(T))
            set_mask(T, &p, prune_channels(T, mask_of(T, &p), of, amount, dim < 0 ? dim + ndim : dim, n));
    }
    return end(T, a);
}

tp_status tp_prune_identity(tp_tape *T, tp_module *m, const char *name)
{
    TP__NAMED(T, "prune_identity");
    return prune_unstructured(T, m, name, 0, NULL, false);
}

tp_status tp_prune_random_unstructured(tp_tape *T, tp_module *m, const char *name, double amount)
{
    TP__NAMED(T, "prune_random_unstructured");
    return prune_unstructured(T, m, name, amount, NULL, true);
}

tp_status tp_prune_l1_unstructured(tp_tape *T, tp_module *m, const char *name, double amount, tp_tensor *scores)
{
    TP__NAMED(T, "prune_l1_unstructured");
    return prune_unstructured(T, m, name, amount, scores, false);
}

tp_status tp_prune_random_structured(tp_tape *T, tp_module *m, const char *name, double amount, int dim)
{
    TP__NAMED(T, "prune_random_structured");
    return prune_structured(T, m, name, amount, NAN, dim, NULL);
}

tp_status tp_prune_ln_structured(tp_tape *T, tp_module *m, const char *name, double amount, double n, int dim,
                                 tp_tensor *scores)
{
    TP__NAMED(T, "prune_ln_structured");
    if (isnan(n))
        return tp_fail(T, TP_EINVAL, "prune_ln_structured: the norm's order is NaN; a number is needed");
    return prune_structured(T, m, name, amount, n, dim, scores);
}

tp_status tp_prune_custom_from_mask(tp_tape *T, tp_module *m, const char *name, tp_tensor *mask)
{
    TP__NAMED(T, "prune_custom_from_mask");
    pruned p;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__aside a = tp__aside_begin(T);
    if (mask == NULL)
        tp__missing(T, "prune_custom_from_mask", "the mask");
    if (mask && find(T, m, name, &p)) {
        if (!tp__dims_equal(tp__dims_of(mask), tp__dims_of(p.original)))
            tp_fail(T, TP_ESHAPE, "prune_custom_from_mask: a mask %s of a parameter %s; its shape is needed",
                    TP__SHAPE(mask), TP__SHAPE(p.original));
        else
            set_mask(T, &p, tp_mul(T, mask_of(T, &p), tp_to(T, mask, p.original->dtype)));
    }
    return end(T, a);
}

/* All of them as one vector, and its parts back as masks. */
static void prune_together(tp_tape *T, int n, pruned *p, double amount, bool at_random)
{
    tp_tensor **masks = tp__arena_alloc(&T->arena, (size_t)n * sizeof *masks);
    tp_tensor **values = tp__arena_alloc(&T->arena, (size_t)n * sizeof *values);
    if (masks == NULL || values == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", T->speaker);
        return;
    }
    for (int i = 0; i < n; i++) {
        masks[i] = tp_flatten(T, mask_of(T, &p[i]), 0, -1);
        values[i] = tp_flatten(T, scores_of(T, &p[i], NULL), 0, -1);
    }
    tp_tensor *mask = prune_elements(T, tp_cat(T, n, masks, 0), tp_cat(T, n, values, 0), amount, at_random);
    int64_t at = 0;
    for (int i = 0; i < n && mask && tp__ok(T); i++) {
        const tp_tensor *x = p[i].original;
        int64_t numel = tp_numel(x);
        set_mask(T, &p[i], tp_to(T, tp_reshape(T, tp_narrow(T, mask, 0, at, numel), tp__dims_of(x)), x->dtype));
        at += numel;
    }
}

tp_status tp_prune_global_unstructured(tp_tape *T, int n, tp_module *const *modules, const char *const *names,
                                       double amount, bool at_random)
{
    TP__NAMED(T, "prune_global_unstructured");
    if (n < 1 || modules == NULL || names == NULL)
        return tp_fail(T, TP_EINVAL, "prune_global_unstructured: %d parameters%s; a list of them is needed", n,
                       modules && names ? "" : ", and a list is NULL");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__aside a = tp__aside_begin(T);
    pruned *p = tp__ok(T) ? tp__arena_alloc(&T->arena, (size_t)n * sizeof *p) : NULL;
    if (tp__ok(T) && p == NULL)
        tp_fail(T, TP_ENOMEM, "prune_global_unstructured: no memory");
    bool all = p && is_amount(T, amount);
    for (int i = 0; i < n && all; i++) {
        all = find(T, modules[i], names[i], &p[i]);
        for (int k = 0; k < i && all; k++)
            if (p[k].original == p[i].original)
                all = tp_fail(T, TP_EINVAL, "prune_global_unstructured: %s is there twice; each once is needed",
                              p[i].name) == TP_OK;
    }
    if (all)
        prune_together(T, n, p, amount, at_random);
    return end(T, a);
}

tp_status tp_prune_remove(tp_tape *T, tp_module *m, const char *name)
{
    TP__NAMED(T, "prune_remove");
    pruned p;
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__aside a = tp__aside_begin(T);
    if (find(T, m, name, &p) && p.is == NULL)
        tp_fail(T, TP_EINVAL, "prune_remove: %s of %s is not pruned; one that is is needed", p.name, p.m->type->name);
    if (tp__ok(T) && tp_copy_into(T, p.original, tp_mul(T, p.original, p.mask)) == TP_OK) {
        char *original = name_with(T, p.name, "_orig"), *mask = name_with(T, p.name, "_mask");
        if (original && mask && tp__module_move_entry(T, p.m, original, p.m, p.name)) {
            tp__module_drop_entry(p.m, mask);
            tp__computed_remove(p.m, p.is, p.original);
        }
    }
    return end(T, a);
}

static bool any_pruned(const tp_module *m)
{
    bool any = tp__computed_any(m, true);
    for (int i = 0; i < m->n_entries && !any; i++)
        any = m->entries[i].kind == TP__IS_CHILD && any_pruned(m->entries[i].child);
    return any;
}

bool tp_is_pruned(const tp_module *m) { return m && any_pruned(tp__module_self(m)); }
