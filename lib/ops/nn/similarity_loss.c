/* similarity_loss.c - losses of how near tensors are to each other, made of operators. */
#include "ops/nn/loss.h"

/* max(0, x), x where both are alike */
static tp_tensor *at_least_zero(tp_tape *T, tp_tensor *x) { return tp_clamp(T, x, 0, (double)INFINITY); }

/* sqrt(sum of squares over the last dimension, and torch's 1e-12) */
static tp_tensor *length_of(tp_tape *T, tp_tensor *x)
{
    return tp_sqrt(T, tp_add_scalar(T, tp_sum_dim(T, tp_square(T, x), -1, false), 1e-12));
}

tp_tensor *tp_cosine_embedding_loss(tp_tape *T, tp_tensor *x1, tp_tensor *x2, tp_tensor *target,
                                    const tp_margin_loss_options *options)
{
    TP__NAMED(T, "cosine_embedding_loss");
    tp_margin_loss_options o = options ? *options : (tp_margin_loss_options){0};
    if (!tp__usable_inputs(T, "cosine_embedding_loss", 3, (tp_tensor *[3]){x1, x2, target}) ||
        !tp__good_reduction(T, "cosine_embedding_loss", o.reduction))
        return NULL;
    if (target->ndim > 1 || x1->ndim != target->ndim + 1 || x2->ndim != target->ndim + 1) {
        tp_fail(T, TP_ESHAPE,
                "cosine_embedding_loss: x1 is %s, x2 is %s, target is %s; [n, d], [n, d] and [n], or [d], [d] and [] "
                "are needed",
                TP__SHAPE(x1), TP__SHAPE(x2), TP__SHAPE(target));
        return NULL;
    }
    tp_tensor *products = tp_mul(T, x1, x2);
    if (products && !tp_dtype_is_float(products->dtype)) {
        x1 = tp_to(T, x1, TP_F32);
        products = tp_mul(T, x1, x2);
    }
    tp_tensor *dot = tp_sum_dim(T, products, -1, false);
    tp_tensor *cosine = tp_div(T, tp_div(T, dot, length_of(T, x1)),
                               length_of(T, tp_to(T, x2, x1 ? x1->dtype : TP_F32)));
    tp_tensor *apart = at_least_zero(T, tp_sub_scalar(T, cosine, o.margin));
    tp_tensor *of_alike = tp_where_scalar(T, tp_eq_scalar(T, target, 1), tp_rsub_scalar(T, cosine, 1), 0);
    tp_tensor *of_apart = tp_where_scalar(T, tp_eq_scalar(T, target, -1), apart, 0);
    return tp__loss_reduced(T, tp_add(T, of_alike, of_apart), o.reduction);
}

/* ---- triplets: an anchor should be nearer to a positive than to a negative ------------------------------------------ */

typedef struct {
    tp_distance_fn fn;
    void *user;
} distance;

static bool triplet_fits(tp_tape *T, const char *name, tp_tensor *const *in, const tp_triplet_options *o)
{
    if (!tp__usable_inputs(T, name, 3, in) || !tp__good_reduction(T, name, o->reduction))
        return false;
    if (in[0]->ndim == in[1]->ndim && in[0]->ndim == in[2]->ndim)
        return true;
    tp_fail(T, TP_ESHAPE, "%s: anchor is %s, positive is %s, negative is %s; one number of dimensions is needed", name,
            TP__SHAPE(in[0]), TP__SHAPE(in[1]), TP__SHAPE(in[2]));
    return false;
}

static tp_tensor *triplet(tp_tape *T, tp_tensor *const *in, distance d, const tp_triplet_options *o)
{
    tp_tensor *near = d.fn(T, in[0], in[1], d.user), *far = d.fn(T, in[0], in[2], d.user);
    if (o->swap)
        far = tp_minimum(T, far, d.fn(T, in[1], in[2], d.user));
    tp_tensor *gap = tp_add_scalar(T, tp_sub(T, near, far), tp__or_default(o->margin, 1));
    return tp__loss_reduced(T, at_least_zero(T, gap), o->reduction);
}

static tp_tensor *p_distance(tp_tape *T, tp_tensor *a, tp_tensor *b, void *user)
{
    const tp_triplet_options *o = user;
    return tp_pairwise_distance(T, a, b, tp__or_default(o->p, 2), tp__or_default(o->eps, 1e-6), false);
}

tp_tensor *tp_triplet_margin_loss(tp_tape *T, tp_tensor *anchor, tp_tensor *positive, tp_tensor *negative,
                                  const tp_triplet_options *options)
{
    TP__NAMED(T, "triplet_margin_loss");
    tp_triplet_options o = options ? *options : (tp_triplet_options){0};
    tp_tensor *in[3] = {anchor, positive, negative};
    return triplet_fits(T, "triplet_margin_loss", in, &o) ? triplet(T, in, (distance){p_distance, &o}, &o) : NULL;
}

tp_tensor *tp_triplet_margin_with_distance_loss(tp_tape *T, tp_tensor *anchor, tp_tensor *positive, tp_tensor *negative,
                                                tp_distance_fn fn, void *user, const tp_triplet_options *options)
{
    TP__NAMED(T, "triplet_margin_with_distance_loss");
    tp_triplet_options o = options ? *options : (tp_triplet_options){0};
    tp_tensor *in[3] = {anchor, positive, negative};
    distance d = {fn ? fn : p_distance, fn ? user : &o};
    return triplet_fits(T, "triplet_margin_with_distance_loss", in, &o) ? triplet(T, in, d, &o) : NULL;
}
