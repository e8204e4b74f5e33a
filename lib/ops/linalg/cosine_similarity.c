/* cosine_similarity.c - rows brought to length one, and the cosine of their angles. */
#include "kernel/elementwise.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* y = x / n with n = max(|x|, eps) over a dimension. Derivatives fall with powers of n: parts of them leave the range where
 * their sum does not, or only the sum has a sign. So n is given, too, as m / k with m near 1 and a power of two k, which counts
 * as constant: derivatives of any order are made of y and m, and multiplied by k last. `moves` is 1 where n is |x|, 0 where it
 * is eps. */
enum { Y, M, K, MOVES, OUTPUTS };

typedef struct {
    int dim;
    double eps;
} unit;

static tp_status unit_infer(tp_call *c)
{
    tp_dims rows = tp__dims_of(c->in[0]);
    tp_status status = tp__infer_float_like(c);
    if (rows.ndim > 0)
        rows.dim[((const unit *)c->attr)->dim] = 1;
    for (int i = M; i < OUTPUTS && status == TP_OK; i++)
        status = tp_call_out(c, i, c->in[0]->dtype, rows);
    return status;
}

/* 2^-e of n = m 2^e, |e| at most `most`; 1 of what is not finite */
static double unit_of(double n, int most)
{
    uint64_t bits;
    double k;
    memcpy(&bits, &n, sizeof bits);
    int field = (int)(bits >> 52 & 2047), e = field - 1023;
    e = field == 2047 ? 0 : e > most ? most : e < -most ? -most : e;
    bits = (uint64_t)(1023 - e) << 52;
    memcpy(&k, &bits, sizeof k);
    return k;
}

/* Norms, in the place of m, become n. */
static void keep_from_zero(int64_t begin, int64_t end, void *user)
{
    const tp_call *c = user;
    bool narrow = c->out[M]->dtype == TP_F32;
    float *n32 = c->out[M]->data, *moves32 = c->out[MOVES]->data;
    double *n64 = c->out[M]->data, *moves64 = c->out[MOVES]->data, eps = ((const unit *)c->attr)->eps;
    for (int64_t i = begin; i < end; i++) {
        double norm = narrow ? (double)n32[i] : n64[i];
        bool moves = !(norm < eps); /* NaN, too */
        if (narrow) {
            n32[i] = moves ? n32[i] : (float)eps;
            moves32[i] = moves;
        } else {
            n64[i] = moves ? norm : eps;
            moves64[i] = moves;
        }
    }
}

/* n becomes m. */
static void near_one(int64_t begin, int64_t end, void *user)
{
    const tp_call *c = user;
    if (c->out[M]->dtype == TP_F32) {
        float *m = c->out[M]->data, *k = c->out[K]->data;
        for (int64_t i = begin; i < end; i++) {
            k[i] = (float)unit_of((double)m[i], 126);
            m[i] *= k[i];
        }
    } else {
        double *m = c->out[M]->data, *k = c->out[K]->data;
        for (int64_t i = begin; i < end; i++) {
            k[i] = unit_of(m[i], 1022);
            m[i] *= k[i];
        }
    }
}

/* A norm below the normal numbers has lost digits: m and y are made again of that row times k. */
static void lift(int64_t begin, int64_t end, void *user)
{
    const tp_call *c = user;
    const tp_tensor *x = c->in[0], *m = c->out[M];
    const size_t size = tp_dtype_size(x->dtype);
    const int dim = ((const unit *)c->attr)->dim;
    const double most = x->dtype == TP_F32 ? 0x1p126 : 0x1p1022;
    int64_t inner = 1, n = x->ndim ? x->shape[dim] : 1;
    for (int d = dim + 1; d < x->ndim; d++)
        inner *= x->shape[d];
    for (int64_t i = begin; i < end; i++) {
        void *norm = (char *)m->data + (size_t)i * size;
        double k = tp__load((char *)c->out[K]->data + (size_t)i * size, x->dtype), squares = 0;
        if (k != most || tp__load((char *)c->out[MOVES]->data + (size_t)i * size, x->dtype) == 0)
            continue;
        size_t at = (size_t)(i / inner * n * inner + i % inner) * size, step = (size_t)inner * size;
        for (int64_t j = 0; j < n; j++) {
            double e = tp__load((char *)x->data + at + (size_t)j * step, x->dtype) * k;
            squares += e * e;
        }
        tp__store(norm, x->dtype, sqrt(squares));
        for (int64_t j = 0; j < n && squares > 0; j++)
            tp__store((char *)c->out[Y]->data + at + (size_t)j * step, x->dtype,
                      tp__load((char *)x->data + at + (size_t)j * step, x->dtype) * k / sqrt(squares));
    }
}

static tp_status unit_forward(tp_call *c)
{
    enum { ROWS = 16384 };
    const tp_tensor *x = c->in[0];
    const tp_tensor *y = c->out[Y], *n = c->out[M];
    tp_dims shape = tp__dims_of(y);
    uint32_t mask = x->ndim ? 1u << ((const unit *)c->attr)->dim : 0;
    tp_status status = tp__reduce_over(c->tape, x->ndim ? TP__NORM_2 : TP__NORM_1, 2, x, mask, n->data);
    if (status != TP_OK)
        return status;
    tp__parallel_for(n->numel, ROWS, keep_from_zero, c);
    tp__operand in[2] = {tp__operand_of(x, shape), tp__operand_of(n, shape)};
    tp__map(TP__FN(div, x->dtype), NULL, shape, y->data, x->dtype, x->dtype, false, 2, in);
    tp__parallel_for(n->numel, ROWS, near_one, c);
    tp__parallel_for(n->numel, ROWS, lift, c);
    return TP_OK;
}

/* k ((g - y <y, g>) / m + y gm), without what has a factor 0 where n is eps */
static tp_status unit_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *y = v->out[Y], *m = v->out[M], *moves = v->out[MOVES], *g = v->gout[Y], *slope = NULL;
    if (g) {
        tp_tensor *along = tp_mul(T, tp_sum_dim(T, tp_mul(T, y, g), ((const unit *)v->attr)->dim, true), moves);
        slope = tp_div(T, tp_sub(T, g, tp_mul(T, y, along)), m);
    }
    if (v->gout[M]) {
        tp_tensor *of_norm = tp_mul(T, y, tp_mul(T, v->gout[M], moves));
        slope = slope ? tp_add(T, slope, of_norm) : of_norm;
    }
    v->gin[0] = tp_mul(T, slope, v->out[K]);
    return TP_OK;
}

static void unit_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {3, 4, 2}}, &(unit){1, 1e-8});
    tp__sample_one(s, (tp_dims){2, {3, 4}}, &(unit){1, 0});
    tp__sample_one(s, (tp_dims){2, {3, 4}}, &(unit){0, 7.5}); /* n is eps */
    tp__sample_one(s, (tp_dims){2, {0, 4}}, &(unit){1, 1e-8});
    tp__sample_one(s, (tp_dims){2, {3, 0}}, &(unit){1, 1e-8});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(unit){0, 1e-8});
}

static const tp_op unit_op = {.name = "unit_vectors",
                              .n_in = 1,
                              .n_out = OUTPUTS,
                              .attr_size = sizeof(unit),
                              .flags = TP_OP_FORGETS_IN,
                              .constant_out = 1u << K | 1u << MOVES,
                              .infer = unit_infer,
                              .forward = unit_forward,
                              .vjp = unit_vjp,
                              .samples = unit_samples};

tp_tensor *tp_cosine_similarity(tp_tape *T, tp_tensor *a, tp_tensor *b, int dim, double eps)
{
    TP__NAMED(T, "cosine_similarity");
    tp_tensor *in[2] = {a, b}, *x[2], *y[2] = {NULL, NULL};
    if (!tp__usable(T, "cosine_similarity", a) || !tp__usable(T, "cosine_similarity", b) ||
        tp_broadcast_tensors(T, 2, in, x) != TP_OK || (dim = tp__dim_of(T, "cosine_similarity", x[0]->ndim, dim)) < 0)
        return NULL;
    for (int i = 0; i < 2; i++)
        y[i] = tp__apply1(T, &unit_op, &(unit){dim, eps}, x[i]);
    return tp_sum_dim(T, tp_mul(T, y[0], y[1]), dim, false);
}

const tp_op *const tp__ops_cosine_similarity[] = {
#include TP__OPERATORS
    NULL};
