/* glu.c - the gated linear unit, a s(b) for the halves a and b of x along a dimension and the sigmoid s. (Dauphin et al.,
 * "Language modeling with gated convolutional networks", 2017.) It lies as [outer, 2, half].
 */
#if defined(TP__READING)

/* clang-format off */
GATE(BINARY, glu, FLOATS(x * V(sigmoid)(y)))
GATE(BINARY, glu_by_value, FLOATS(x * V(sigmoid)(y))) /* of g and b */
GATE(TERNARY, glu_by_gate, FLOATS(z * (x * V(sigmoid_slope)(y)))) /* of a, b and g */
/* clang-format on */

#else

#if defined(TP__ISA)

#include "kernel/special.h"
#include "kernel/vec_math.h"

#define GATE(shape, fn, form) shape(fn, SAME, form)

#else

#include "ops/elementwise/elementwise.h"

#define GATE(shape, fn, form) TP__FUNCTION(fn);

#endif

#define TP__BODY "ops/nn/glu.c"
#include "kernel/functions.h"

#if !defined(TP__ISA)

/* How x lies; attr is the dimension. */
typedef struct {
    int64_t outer, half;
} halves;

static halves halves_of(const tp_tensor *x, const void *attr)
{
    int dim = *(const int *)attr;
    halves h = {1, x->shape[dim] / 2};
    for (int d = 0; d < x->ndim; d++) {
        h.outer *= d < dim ? x->shape[d] : 1;
        h.half *= d > dim ? x->shape[d] : 1;
    }
    return h;
}

static tp_status glu_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    int dim = *(const int *)c->attr;
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (dim < 0 || dim >= x->ndim)
        return tp_call_fail(c, TP_EINDEX, "x is %s, the dimension %d; one of x's is needed", TP__SHAPE(x), dim);
    if (x->shape[dim] % 2)
        return tp_call_fail(c, TP_ESHAPE, "x is %s; an even size of dimension %d is needed", TP__SHAPE(x), dim);
    tp_dims shape = tp__dims_of(x);
    shape.dim[dim] /= 2;
    return tp_call_out(c, 0, x->dtype, shape);
}

static tp_status glu_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    if (x->numel == 0)
        return TP_OK; /* no second half, however far it is */
    halves h = halves_of(x, c->attr);
    tp__operand in[2] = {{.data = x->data, .dtype = x->dtype, .stride = {2 * h.half, 1}},
                         {.data = (char *)x->data + (size_t)h.half * tp_dtype_size(x->dtype),
                          .dtype = x->dtype,
                          .stride = {2 * h.half, 1}}};
    tp__map(TP__FN(glu, x->dtype), NULL, (tp_dims){2, {h.outer, h.half}}, c->out[0]->data, x->dtype, x->dtype, false, 2,
            in);
    return TP_OK;
}

static tp_status glu_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    int dim = *(const int *)v->attr;
    int64_t half = v->in[0]->shape[dim] / 2;
    tp_tensor *a = tp_narrow(T, v->in[0], dim, 0, half), *b = tp_narrow(T, v->in[0], dim, half, half), *g = v->gout[0];
    tp_tensor *both[2] = {tp_mul(T, g, tp_sigmoid(T, b)), tp_mul(T, g, tp__sigmoid_backward(T, b, a))};
    v->gin[0] = tp_cat(T, 2, both, dim);
    return TP_OK;
}

enum { BLOCK = 1024 };

/* Pieces of rows of halves */
typedef struct {
    tp_vjp *v;
    halves h;
    int64_t pieces; /* of a row */
} sweep;

/* One half's gradient to where it belongs: written, or added. */
static void put(const tp_vjp *v, tp__block_fn f, int64_t n, int64_t at, const void *const *in)
{
    double block[BLOCK];
    tp_tensor *gx = v->gin[0];
    void *to = (char *)gx->data + (size_t)at * tp_dtype_size(gx->dtype);
    bool fresh = v->fresh & 1u;
    f(n, fresh ? to : block, in, NULL);
    if (!fresh)
        tp__axpy(n, gx->dtype, 1, block, to);
}

static void sweep_pieces(int64_t begin, int64_t end, void *user)
{
    const sweep *s = user;
    const tp_tensor *x = s->v->in[0], *g = s->v->gout[0];
    tp__block_fn by_value = TP__FN(glu_by_value, x->dtype), by_gate = TP__FN(glu_by_gate, x->dtype);
    size_t size = tp_dtype_size(x->dtype);
    int64_t half = s->h.half;
    for (int64_t i = begin; i < end; i++) {
        int64_t row = i / s->pieces, first = i % s->pieces * BLOCK, n = half - first < BLOCK ? half - first : BLOCK;
        int64_t value = 2 * row * half + first, gate = value + half;
        const void *a = (const char *)x->data + (size_t)value * size, *b = (const char *)x->data + (size_t)gate * size;
        const void *from = (const char *)g->data + (size_t)(row * half + first) * size;
        put(s->v, by_value, n, value, (const void *[]){from, b});
        put(s->v, by_gate, n, gate, (const void *[]){a, b, from});
    }
}

static tp_status glu_vjp_fused(tp_vjp *v)
{
    halves h = halves_of(v->in[0], v->attr);
    sweep s = {v, h, (h.half + BLOCK - 1) / BLOCK};
    tp__parallel_for(h.outer * s.pieces, h.half < BLOCK && h.half > 0 ? 1 + BLOCK / h.half : 1, sweep_pieces, &s);
    return TP_OK;
}

static void glu_samples(tp_sampler *s)
{
    for (int dim = 0; dim < 3; dim++) {
        tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {2, 4, 6}}, -2, 2.5);
        tp_sample(s, &dim, 1, &x);
    }
    tp_tensor *none = tp_sample_tensor(s, (tp_dims){2, {3, 0}}, -2, 2),
              *few = tp_sample_tensor(s, (tp_dims){1, {2}}, -2, 2);
    tp_sample(s, &(int){1}, 1, &none);
    tp_sample(s, &(int){0}, 1, &few);
}

/* clang-format off */
static const tp_op glu_op = {
    .name = "glu", .n_in = 1, .n_out = 1, .attr_size = sizeof(int), .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES,
    .grad_name = "GluBackward0", .infer = glu_infer, .forward = glu_forward, .vjp = glu_vjp, .vjp_fused = glu_vjp_fused,
    .samples = glu_samples};
/* clang-format on */

tp_tensor *tp_glu(tp_tape *T, tp_tensor *x, int dim)
{
    if (!tp__usable(T, "glu", x))
        return NULL;
    int d = tp__dim_of(T, "glu", x->ndim, dim);
    return d < 0 ? NULL : tp__apply1(T, &glu_op, &d, x);
}

const tp_op *const tp__ops_glu[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
