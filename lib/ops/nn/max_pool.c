/* max_pool.c - the largest of each window, and where it is; and back from there. */
#include "ops/nn/pool.h"

#include <stdatomic.h>
#include <string.h>

/* ---- the operator: values, and places in the plane, which have no derivative ------------------------------------------ */

static bool max_pool_slides(const void *attr, int d, tp__axis *a)
{
    const tp__pooling *p = attr;
    if (p->adaptive)
        return tp__adaptive_slides(a);
    *a = tp__axis_sliding(a->n_in, a->n_out, p->kernel[d], p->stride[d], p->padding[d], p->dilation[d]);
    return true;
}

static tp__taps max_pool_taps(const void *attr, tp_dtype dtype, int d, int64_t o, double *weight)
{
    const tp__pooling *p = attr;
    (void)dtype, (void)weight;
    return tp__adaptive_taps(p->in[d], p->out[d], o);
}

/* out[1], where there is one: the places. */
static tp_status max_pool_infer(tp_call *c)
{
    const tp__pooling *p = c->attr;
    const tp_tensor *x = c->in[0];
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (x->ndim < p->space || !tp__dims_equal(tp__dims_of(x), tp__space_shape(x, p->space, p->in)))
        return tp_call_fail(c, TP_ESHAPE, "x is %s; another shape is needed", TP__SHAPE(x));
    tp_dims shape = tp__space_shape(x, p->space, p->out);
    tp_status status = tp_call_out(c, 0, x->dtype, shape);
    return status == TP_OK && c->n_out > 1 ? tp_call_out(c, 1, TP_I64, shape) : status;
}

static tp_status max_pool_forward(tp_call *c)
{
    const tp__pooling *p = c->attr;
    const tp_tensor *x = c->in[0], *y = c->out[0];
    tp__windows w = {.x = x->data, .y = y->data, .index = c->n_out > 1 ? c->out[1]->data : NULL, .largest = true};
    if (y->numel == 0)
        return TP_OK;
    if (!tp__axes(c, max_pool_slides, max_pool_taps, p, p->space, x->dtype, p->in, p->out, false, &w) ||
        !tp__plan_windows(c, x, y, &w))
        return c->tape->status;
    tp__window_largest(x->dtype, tp__planes_of(x, p->space), &w);
    return TP_OK;
}

/* x as [planes, all of a plane] */
static tp_tensor *flat(tp_tape *T, tp_tensor *x, int space)
{
    tp_dims s = {2, {x ? tp__planes_of(x, space) : 0, 1}};
    for (int d = 0; x && d < space; d++)
        s.dim[1] *= x->shape[x->ndim - 1 - d];
    return tp_reshape(T, x, s);
}

static tp_status max_pool_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int space = ((const tp__pooling *)v->attr)->space;
    if (v->gout[0] == NULL)
        return TP_OK;
    tp_tensor *zeros = flat(T, tp_zeros_like(T, v->in[0]), space);
    tp_tensor *sum = tp_scatter_add(T, zeros, 1, flat(T, v->out[1], space), flat(T, v->gout[0], space));
    v->gin[0] = tp_reshape(T, sum, tp__dims_of(v->in[0]));
    return TP_OK;
}

static tp_status max_pool_vjp_fused(tp_vjp *v)
{
    int space = ((const tp__pooling *)v->attr)->space;
    tp_tensor *gx = v->gin[0], *index = v->out[1];
    int64_t planes = tp__planes_of(gx, space);
    if (v->gout[0] && gx->numel)
        tp__window_scatter(gx->dtype, planes, gx->numel / planes, index->numel / planes, index->data, v->gout[0]->data,
                           gx->data, !(v->fresh & 1u));
    else if (v->fresh & 1u)
        tp__fill(gx->numel, gx->data, gx->dtype, 0);
    return TP_OK;
}

static void max_pool_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){4, {2, 3, 5, 6}}, -1.9, 2.1);
    tp__pooling p = {.space = 2,
                     .in = {1, 5, 6},
                     .out = {1, 3, 3},
                     .kernel = {1, 3, 2},
                     .stride = {1, 2, 2},
                     .padding = {0, 1, 0},
                     .dilation = {1, 1, 1}};
    tp_sample(s, &p, 1, &x);
    p = (tp__pooling){.space = 2, .adaptive = true, .in = {1, 5, 6}, .out = {1, 3, 4}};
    tp_sample(s, &p, 1, &x);
    x = tp_sample_tensor(s, (tp_dims){4, {2, 3, 4, 5}}, -1.9, 2.1);
    p = (tp__pooling){
        .space = 3, .in = {3, 4, 5}, .out = {2, 2, 2}, .kernel = {2, 2, 2}, .stride = {1, 2, 1}, .dilation = {1, 1, 2}};
    p.out[2] = 3;
    tp_sample(s, &p, 1, &x);
}

static const tp_op max_pool_op = {.name = "max_pool",
                                  .n_in = 1,
                                  .n_out = 2,
                                  .attr_size = sizeof(tp__pooling),
                                  .flags = TP_OP_FORGETS_IN | TP_OP_OVERWRITES,
                                  .infer = max_pool_infer,
                                  .forward = max_pool_forward,
                                  .vjp = max_pool_vjp,
                                  .vjp_fused = max_pool_vjp_fused,
                                  .samples = max_pool_samples,
                                  .constant_out = 2};

/* Where nobody asks for places, nor a gradient, which goes by them. */
static const tp_op max_pool_values_op = {.name = "max_pool_values",
                                         .n_in = 1,
                                         .n_out = 1,
                                         .attr_size = sizeof(tp__pooling),
                                         .flags = TP_OP_NO_GRAD | TP__READS_NOTHING,
                                         .infer = max_pool_infer,
                                         .forward = max_pool_forward,
                                         .samples = max_pool_samples};

static tp_tensor *pooled(tp_tape *T, const char *name, tp_tensor *x, const tp__pooling *p, bool well,
                         tp_tensor **indices)
{
    TP__NAMED(T, name);
    tp_tensor *out[TP_MAX_OUT] = {NULL};
    if (well && indices == NULL && !tp__will_differentiate(T, x))
        return tp__apply1(T, &max_pool_values_op, p, x);
    if (well && tp_apply_all(T, &max_pool_op, p, 1, &x, out) != TP_OK)
        out[0] = out[1] = NULL;
    if (indices)
        *indices = out[1];
    return out[0];
}

/* clang-format off */
#define MAX_POOL(space)                                                                            \
    tp_tensor *tp_max_pool##space##d(tp_tape *T, tp_tensor *x, tp_dims kernel, const tp_pool_options *options, tp_tensor **indices) \
    { tp__pooling p; return pooled(T, "max_pool" #space "d", x, &p, tp__pooling_of(T, "max_pool" #space "d", x, space, kernel, options, true, &p), indices); } \
    tp_tensor *tp_adaptive_max_pool##space##d(tp_tape *T, tp_tensor *x, tp_dims size, tp_tensor **indices) \
    { tp__pooling p; return pooled(T, "adaptive_max_pool" #space "d", x, &p, tp__adaptive_pooling_of(T, "adaptive_max_pool" #space "d", x, space, size, &p), indices); }

MAX_POOL(1)
MAX_POOL(2)
MAX_POOL(3)
/* clang-format on */

/* ---- and back: y [planes, size], zeros but for x [planes, n] at these places ------------------------------------------- */

static tp_status max_unpool_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *index = c->in[1];
    if (x->ndim != 2 || !tp__dims_equal(tp__dims_of(x), tp__dims_of(index)))
        return tp_call_fail(c, TP_ESHAPE, "x is %s, indices are %s; one shape is needed", TP__SHAPE(x),
                            TP__SHAPE(index));
    if (index->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "indices are %s; int64 is needed", tp_dtype_name(index->dtype));
    return tp_call_out(c, 0, x->dtype, (tp_dims){2, {x->shape[0], *(const int64_t *)c->attr}});
}

/* clang-format off */
#define PUT(size, type)                                                                            \
    static void put##size(int64_t n, const int64_t *index, const void *x, void *y)                 \
    { type *to = y; const type *from = x; for (int64_t i = 0; i < n; i++) to[index[i]] = from[i]; }
#define OF_SIZE(size, type) PUT(size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

static void (*const put_of_size[])(int64_t, const int64_t *, const void *, void *) = {
#define OF_SIZE(size, type) put##size,
    TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
};

typedef struct {
    const tp_tensor *x, *y;
    const int64_t *index;
    atomic_bool astray; /* some index is in no plane */
} unpooling;

static int64_t first_astray(int64_t n, const int64_t *index, int64_t size)
{
    uint64_t astray = 0;
    for (int64_t i = 0; i < n; i++)
        astray |= (uint64_t)index[i] >= (uint64_t)size;
    for (int64_t i = 0; i < (astray ? n : 0); i++)
        if (index[i] < 0 || index[i] >= size)
            return i;
    return n;
}

static void unpool_range(int64_t begin, int64_t end, void *user)
{
    unpooling *u = user;
    size_t size = tp_dtype_size(u->x->dtype);
    int64_t n = u->x->shape[1], all = u->y->shape[1];
    for (int64_t p = begin; p < end; p++) {
        char *y = (char *)u->y->data + (size_t)(p * all) * size;
        memset(y, 0, (size_t)all * size);
        if (first_astray(n, u->index + p * n, all) < n)
            atomic_store(&u->astray, true);
        else
            put_of_size[tp__size_place(size)](n, u->index + p * n, (char *)u->x->data + (size_t)(p * n) * size, y);
    }
}

static tp_status max_unpool_forward(tp_call *c)
{
    unpooling u = {.x = c->in[0], .y = c->out[0], .index = c->in[1]->data};
    int64_t all = u.y->shape[1];
    if (u.x->shape[0] > 0)
        tp__parallel_for(u.x->shape[0], 1 + 32768 / (all + u.x->shape[1] + 1), unpool_range, &u);
    if (!atomic_load(&u.astray))
        return TP_OK;
    return tp_call_fail(c, TP_EINDEX, "an index is %lld, a plane of the result has %lld; 0 to less is needed",
                        (long long)u.index[first_astray(u.x->numel, u.index, all)], (long long)all);
}

/* Of places named twice each has the slope, as in torch, whose way of putting them there names no last one. */
static tp_status max_unpool_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_gather(v->tape, v->gout[0], 1, v->in[1]);
    return TP_OK;
}

static void max_unpool_samples(tp_sampler *s)
{
    tp_tensor *places = tp_arange(s->tape, TP_I64, 0, 12, 2);
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 6}}, -1.9, 2.1),
                        tp_contiguous(s->tape, tp_expand(s->tape, places, (tp_dims){2, {3, 6}}))};
    tp_sample(s, (int64_t[]){13}, 2, in);
}

static const tp_op max_unpool_op = {.name = "max_unpool",
                                    .n_in = 2,
                                    .n_out = 1,
                                    .attr_size = sizeof(int64_t),
                                    .flags = TP_OP_FORGETS_OUT,
                                    .infer = max_unpool_infer,
                                    .forward = max_unpool_forward,
                                    .vjp = max_unpool_vjp,
                                    .samples = max_unpool_samples};

/* The sizes that come out: as asked for, or those that pooling without a rest has come from. */
static bool unpooled(tp_tape *T, const char *name, const tp_tensor *x, int space, tp_dims kernel,
                     const tp_unpool_options *o, tp_dims *shape)
{
    int64_t size[TP__SPACE] = {1, 1, 1}, k[TP__SPACE];
    tp_dims asked = o->output_size;
    if (!tp__sizes_of_space(T, name, "the kernel", kernel, space, 1, k))
        return false;
    bool fits = asked.ndim == 0 || asked.ndim == space || asked.ndim == x->ndim;
    for (int d = 0; fits && d < space; d++) {
        int at = TP__SPACE - space + d;
        int64_t stride = o->stride[d] ? o->stride[d] : k[at], plain = 0, in = x->shape[x->ndim - space + d];
        fits = stride > 0 && stride <= INT32_MAX && o->padding[d] >= 0 && o->padding[d] <= INT32_MAX &&
               !__builtin_mul_overflow(in - 1, stride, &plain) &&
               !__builtin_add_overflow(plain, k[at] - 2 * o->padding[d], &plain);
        size[at] = asked.ndim ? asked.dim[asked.ndim - space + d] : plain;
        fits = fits && size[at] > 0 && (!asked.ndim || (size[at] > plain - stride && size[at] < plain + stride));
    }
    if (!fits)
        tp_fail(T, TP_EINVAL,
                "%s: x is %s, the kernel %s, the size %s; strides and sizes above 0, and a size less than a stride "
                "from that of "
                "pooling without a rest are needed",
                name, TP__SHAPE(x), TP__DIMS(kernel), TP__DIMS(asked));
    *shape = tp__space_shape(x, space, size);
    return fits;
}

static tp_tensor *unpool(tp_tape *T, const char *name, tp_tensor *x, tp_tensor *indices, int space, tp_dims kernel,
                         const tp_unpool_options *options)
{
    TP__NAMED(T, name);
    tp_unpool_options none = {.stride = {0}};
    tp_dims shape;
    int64_t numel;
    if (!tp__has_space(T, name, x, space) || !tp__usable_input(T, name, 1, indices) ||
        !unpooled(T, name, x, space, kernel, options ? options : &none, &shape))
        return NULL;
    if (!tp__dims_equal(tp__dims_of(x), tp__dims_of(indices))) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s, indices are %s; one shape is needed", name, TP__SHAPE(x),
                TP__SHAPE(indices));
        return NULL;
    }
    tp_dims plane = {.ndim = space};
    for (int d = 0; d < space; d++)
        plane.dim[d] = shape.dim[shape.ndim - space + d];
    if (!tp__dims_numel(plane, &numel)) {
        tp_fail(T, TP_ENOMEM, "%s: the result is %s; less is needed", name, TP__DIMS(shape));
        return NULL;
    }
    return tp_reshape(T, tp__apply2(T, &max_unpool_op, &numel, flat(T, x, space), flat(T, indices, space)), shape);
}

/* clang-format off */
#define MAX_UNPOOL(space)                                                                          \
    tp_tensor *tp_max_unpool##space##d(tp_tape *T, tp_tensor *x, tp_tensor *indices, tp_dims kernel, const tp_unpool_options *options) \
    { return unpool(T, "max_unpool" #space "d", x, indices, space, kernel, options); }

MAX_UNPOOL(1)
MAX_UNPOOL(2)
MAX_UNPOOL(3)
/* clang-format on */

const tp_op *const tp__ops_max_pool[] = {
#include TP__OPERATORS
    NULL};
