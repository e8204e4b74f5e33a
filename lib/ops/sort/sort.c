/* sort.c - sorting and selecting along a dimension. Each gives values and where they were; the gradient of a value
 * goes back to where it was. */
#include "ops/ops.h"

#include "kernel/index.h"
#include "kernel/sort.h"

#include <math.h>

typedef struct {
    tp__selection what;
    int dim;
    bool descending, keepdim;
    int64_t k; /* how many; or which, from 0 */
} pick;

static bool keeps_dim(const pick *p) { return p->what == TP__SORT || p->what == TP__TOP || p->keepdim; }
static int64_t size_at(const tp_tensor *x, int dim) { return x->ndim ? x->shape[dim] : 1; }

static tp__lines lines_of(const tp_tensor *x, int dim)
{
    tp__lines l = {x->dtype, 1, size_at(x, dim), 1, x->data};
    for (int d = 0; d < x->ndim; d++)
        if (d != dim)
            *(d < dim ? &l.outer : &l.inner) *= x->shape[d];
    return l;
}

/* ---- along a dimension ----------------------------------------------------------------------------------------- */

static tp_dims picked_shape(const tp_tensor *x, const pick *p)
{
    tp_dims shape = tp__dims_of(x);
    if (shape.ndim == 0)
        return shape;
    if (keeps_dim(p)) {
        shape.dim[p->dim] = tp__selected(p->what, shape.dim[p->dim], p->k);
        return shape;
    }
    for (int d = p->dim; d + 1 < shape.ndim; d++)
        shape.dim[d] = shape.dim[d + 1];
    shape.ndim--;
    return shape;
}

static tp_status pick_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    const pick *p = c->attr;
    if (p->dim >= (x->ndim ? x->ndim : 1))
        return tp__no_such_dim(c, p->dim);
    int64_t n = size_at(x, p->dim);
    if (x->dtype == TP_BOOL && p->what != TP__SORT && p->what != TP__MODE)
        return tp_call_fail(c, TP_EDTYPE, "x is bool; numbers are needed");
    if (n == 0 && p->what != TP__SORT && p->what != TP__TOP)
        return tp_call_fail(c, TP_EINDEX, "dimension %d is empty; an element is needed", p->dim);
    if ((p->what == TP__TOP && (p->k < 0 || p->k > n)) || (p->what == TP__KTH && (p->k < 0 || p->k >= n)))
        return tp_call_fail(c, TP_EINDEX, "k is %lld; %d to %lld is needed", (long long)p->k + (p->what == TP__KTH),
                            p->what == TP__KTH, (long long)n);
    tp_dims shape = picked_shape(x, p);
    return tp_call_out(c, 0, x->dtype, shape) == TP_OK ? tp_call_out(c, 1, TP_I64, shape) : c->tape->status;
}

static tp_status pick_forward(tp_call *c)
{
    const pick *p = c->attr;
    tp__lines l = lines_of(c->in[0], p->dim);
    if (c->out[0]->numel == 0)
        return TP_OK;
    void *space = tp_call_scratch(c, tp__select_space(&l));
    if (space == NULL)
        return c->tape->status;
    int64_t k = p->what == TP__TOP && c->in[0]->ndim == 0 ? 1 : p->k; /* a 0-d tensor gives itself, as in torch */
    tp__select(p->what, p->descending, k, &l, c->out[0]->data, c->out[1]->data, space);
    return TP_OK;
}

static tp_status pick_vjp(tp_vjp *v)
{
    const pick *p = v->attr;
    tp_tensor *g = v->gout[0], *at = v->out[1];
    if (g == NULL)
        return TP_OK;
    if (!keeps_dim(p) && v->in[0]->ndim) {
        g = tp_unsqueeze(v->tape, g, p->dim);
        at = tp_unsqueeze(v->tape, at, p->dim);
    }
    v->gin[0] = tp_scatter_add(v->tape, tp_zeros_like(v->tape, v->in[0]), p->dim, at, g);
    return TP_OK;
}

static tp_status pick_vjp_fused(tp_vjp *v)
{
    const pick *p = v->attr;
    tp_tensor *to = v->gin[0];
    const tp_tensor *g = v->gout[0];
    int64_t stride[TP_MAX_DIMS] = {1}, step = 1, one = 1;
    tp_dims shape = tp__dims_of(to);
    if (v->fresh && (g == NULL || p->what != TP__SORT)) /* sorting fills all places */
        tp__fill(to->numel, to->data, to->dtype, 0);
    if (g == NULL)
        return TP_OK;
    if (shape.ndim)
        shape.dim[p->dim] = tp__selected(p->what, shape.dim[p->dim], p->k);
    for (int d = shape.ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= shape.dim[d];
    }
    tp__scatter(v->fresh ? TP__PUT : TP__ADD_TO, g->dtype, shape, p->dim, size_at(to, p->dim),
                to->ndim ? to->stride : &one, to->data, v->out[1]->data, stride, g->data);
    return TP_OK;
}

static void sample_pick(tp_sampler *s, pick p)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 5, 3}}, -1.9, 2.2);
    p.dim = 1;
    tp_sample(s, &p, 1, &x);
    p.dim = 2;
    p.keepdim = p.descending = true;
    tp_sample(s, &p, 1, &x);
    p.dim = 0;
    x = tp_sample_tensor(s, (tp_dims){1, {40}}, -1, 1);
    tp_sample(s, &p, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){2, {5, 0}}, -1, 1);
    tp_sample(s, &p, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, -1, 1);
    p.k = p.what == TP__TOP;
    tp_sample(s, &p, 1, &x);
}

static void sort_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__SORT}); }
static void topk_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__TOP, .k = 2}); }
static void kthvalue_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__KTH, .k = 1}); }
static void median_dim_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__MEDIAN}); }
static void nanmedian_dim_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__NANMEDIAN}); }
static void mode_samples(tp_sampler *s) { sample_pick(s, (pick){.what = TP__MODE}); }

/* clang-format off */
#define PICK(id, printed)                                                                          \
    static const tp_op id##_op = {.name = #id, .n_in = 1, .n_out = 2, .attr_size = sizeof(pick), \
                                  .flags = TP_OP_FORGETS_IN | TP_OP_OVERWRITES,                     \
                                  .infer = pick_infer, .forward = pick_forward, .vjp = pick_vjp,   \
                                  .vjp_fused = pick_vjp_fused, .samples = id##_samples, .grad_name = printed};
PICK(sort, "SortBackward0")
PICK(topk, "TopkBackward0")
PICK(kthvalue, "KthvalueBackward0")
PICK(median_dim, "MedianBackward1")
PICK(nanmedian_dim, "NanmedianBackward1")
PICK(mode, "ModeBackward0")
/* clang-format on */

static tp_tensor *along(tp_tape *T, const tp_op *op, const char *name, tp_tensor *x, int dim, pick p, tp_tensor **index)
{
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    if (index)
        *index = NULL;
    if (!tp__usable(T, name, x) || (p.dim = tp__dim_of(T, name, x->ndim, dim)) < 0 ||
        tp_apply_all(T, op, &p, 1, &x, out) != TP_OK)
        return NULL;
    if (index)
        *index = out[1];
    return out[0];
}

tp_tensor *tp_sort(tp_tape *T, tp_tensor *x, int dim, bool descending, tp_tensor **index)
{
    return along(T, &sort_op, "sort", x, dim, (pick){.what = TP__SORT, .descending = descending}, index);
}

tp_tensor *tp_msort(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "msort");
    return tp_sort(T, x, 0, false, NULL);
}

tp_tensor *tp_argsort(tp_tape *T, tp_tensor *x, int dim, bool descending)
{
    tp_tensor *index;
    bool was = T && tp_tape_record(T, false);
    along(T, &sort_op, "argsort", x, dim, (pick){.what = TP__SORT, .descending = descending}, &index);
    if (T)
        tp_tape_record(T, was);
    return index;
}

tp_tensor *tp_topk(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool largest, tp_tensor **index)
{
    return along(T, &topk_op, "topk", x, dim, (pick){.what = TP__TOP, .descending = largest, .k = k}, index);
}

tp_tensor *tp_kthvalue(tp_tape *T, tp_tensor *x, int64_t k, int dim, bool keepdim, tp_tensor **index)
{
    pick p = {.what = TP__KTH, .keepdim = keepdim, .k = k > 0 ? k - 1 : -1};
    return along(T, &kthvalue_op, "kthvalue", x, dim, p, index);
}

tp_tensor *tp_median_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index)
{
    TP__NAMED(T, "median_dim");
    return along(T, &median_dim_op, "median", x, dim, (pick){.what = TP__MEDIAN, .keepdim = keepdim}, index);
}

tp_tensor *tp_nanmedian_dim(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index)
{
    TP__NAMED(T, "nanmedian_dim");
    return along(T, &nanmedian_dim_op, "nanmedian", x, dim, (pick){.what = TP__NANMEDIAN, .keepdim = keepdim}, index);
}

tp_tensor *tp_mode(tp_tape *T, tp_tensor *x, int dim, bool keepdim, tp_tensor **index)
{
    return along(T, &mode_op, "mode", x, dim, (pick){.what = TP__MODE, .keepdim = keepdim}, index);
}

/* ---- the median of all: attr is the selection --------------------------------------------------------------------- */

static tp_status median_infer(tp_call *c)
{
    if (c->in[0]->dtype == TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "x is bool; numbers are needed");
    return tp_call_out(c, 0, c->in[0]->dtype, (tp_dims){.ndim = 0});
}

static tp_status median_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    tp__lines l = {x->dtype, 1, x->numel, 1, x->data};
    if (x->numel == 0) {
        tp__fill(1, c->out[0]->data, l.dtype, (double)NAN);
        return TP_OK;
    }
    void *space = tp_call_scratch(c, tp__select_space(&l));
    if (space == NULL)
        return c->tape->status;
    tp__select(*(const tp__selection *)c->attr, false, 0, &l, c->out[0]->data, NULL, space);
    return TP_OK;
}

/* g shared equally among the elements that are the median */
static tp_status median_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *y = v->out[0];
    tp_tensor *at = tp_logical_or(T, tp_eq(T, x, y), tp_logical_and(T, tp_isnan(T, x), tp_isnan(T, y)));
    at = tp_to(T, at, x->dtype);
    v->gin[0] = tp_mul(T, at, tp_div(T, v->gout[0], tp_sum(T, at)));
    return TP_OK;
}

static tp_status median_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0];
    tp__share_equal(x->dtype, x->numel, x->data, v->out[0]->data, v->gout[0]->data, v->gin[0]->data);
    return TP_OK;
}

static void sample_median(tp_sampler *s, tp__selection what)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1);
    tp_sample(s, &what, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){.ndim = 0}, -1, 1);
    tp_sample(s, &what, 1, &x);
}

static void median_samples(tp_sampler *s) { sample_median(s, TP__MEDIAN); }
static void nanmedian_samples(tp_sampler *s) { sample_median(s, TP__NANMEDIAN); }

/* clang-format off */
#define MEDIAN(id, printed)                                                                        \
    static const tp_op id##_op = {.name = #id, .n_in = 1, .n_out = 1, .attr_size = sizeof(tp__selection), \
                                  .infer = median_infer, .forward = median_forward, .vjp = median_vjp, \
                                  .vjp_fused = median_vjp_fused, .samples = id##_samples, .grad_name = printed};
MEDIAN(median, "MedianBackward0")
MEDIAN(nanmedian, "NanmedianBackward0")
/* clang-format on */

tp_tensor *tp_median(tp_tape *T, tp_tensor *x) { return tp__apply1(T, &median_op, &(tp__selection){TP__MEDIAN}, x); }

tp_tensor *tp_nanmedian(tp_tape *T, tp_tensor *x)
{
    return tp__apply1(T, &nanmedian_op, &(tp__selection){TP__NANMEDIAN}, x);
}

const tp_op *const tp__ops_sort[] = {
#include TP__OPERATORS
    NULL};
