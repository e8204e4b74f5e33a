/* add.c - sums beyond a + b: with a factor, and of several tensors. */
#include "ops/elementwise/elementwise.h"

#include <math.h>

/* ---- a + alpha b ----------------------------------------------------------------------------------------------- */

static tp_status add_alpha_vjp(tp_vjp *v)
{
    tp_tensor *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = g;
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul_scalar(v->tape, g, *(const double *)v->attr);
    return TP_OK;
}

static tp_status add_alpha_infer(tp_call *c)
{
    double alpha = *(const double *)c->attr;
    tp_dtype dtype = tp__result_type(2, c->in);
    if (dtype == TP_BOOL)
        return tp_call_fail(c, TP_EDTYPE, "both operands are bool; a factor needs numbers");
    if (!tp_dtype_is_float(dtype) && alpha != floor(alpha))
        return tp_call_fail(c, TP_EINVAL, "alpha is %g, the operands are %s; a whole number is needed", alpha,
                            tp_dtype_name(dtype));
    return tp__fits(c->tape, "add_alpha", "factor", dtype, alpha) ? tp__map_infer(c) : c->tape->status;
}

static void add_alpha_samples(tp_sampler *s)
{
    const double alpha[] = {1.7, -0.4};
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -2.3, 2.1),
                        tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -2.1, 2.3)};
    tp_sample(s, &alpha[0], 2, in);
    in[1] = tp_sample_tensor(s, (tp_dims){1, {4}}, -1.1, 2);
    tp_sample(s, &alpha[1], 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, -1, 1);
    tp_sample(s, &alpha[0], 2, in);
}

TP__MAP_OP_BY(add_alpha, 2, SAME, add_alpha_infer, tp__map_forward, .attr_size = sizeof(double),
              .flags = TP_OP_STRIDED | TP__READS_NOTHING, .vjp = add_alpha_vjp, .samples = add_alpha_samples,
              .grad_name = "AddBackward0");

tp_tensor *tp_add_alpha(tp_tape *T, tp_tensor *a, tp_tensor *b, double alpha)
{
    return tp__apply2(T, &add_alpha_op.op, &alpha, a, b);
}

tp_tensor *tp_sub_alpha(tp_tape *T, tp_tensor *a, tp_tensor *b, double alpha)
{
    TP__NAMED(T, "sub_alpha");
    return tp_add_alpha(T, a, b, -alpha);
}

/* ---- the sum of several ------------------------------------------------------------------------------------------ */

static tp_status add_n_infer(tp_call *c)
{
    for (int i = 1; i < c->n_in; i++) {
        if (c->in[i]->dtype != c->in[0]->dtype)
            return tp_call_fail(c, TP_EDTYPE, "input %d is %s, input 0 is %s; one dtype is needed", i,
                                tp_dtype_name(c->in[i]->dtype), tp_dtype_name(c->in[0]->dtype));
        if (!tp__same_shape(c->in[i], c->in[0]))
            return tp_call_fail(c, TP_ESHAPE, "input %d is %s, input 0 is %s; one shape is needed", i,
                                TP__SHAPE(c->in[i]), TP__SHAPE(c->in[0]));
    }
    return tp__infer_like_first(c);
}

enum { BLOCK = 512 };

typedef struct {
    const tp_call *call;
    tp__block_fn add;
    size_t size;
} summation;

/* Blocks stay in cache while one input after another is added: ((x0 + x1) + x2) + ... */
static void sum_part(int64_t begin, int64_t end, void *user)
{
    const summation *s = user;
    const tp_call *c = s->call;
    double scratch[2][BLOCK];
    for (int64_t at = begin; at < end; at += BLOCK) {
        int64_t n = end - at < BLOCK ? end - at : BLOCK;
        size_t skip = (size_t)at * s->size;
        const void *sum = (const char *)c->in[0]->data + skip;
        for (int i = 1; i < c->n_in; i++) {
            const void *in[2] = {sum, (const char *)c->in[i]->data + skip};
            void *to = i == c->n_in - 1 ? (char *)c->out[0]->data + skip : (void *)scratch[i & 1];
            s->add(n, to, in, NULL);
            sum = to;
        }
    }
}

static tp_status add_n_forward(tp_call *c)
{
    enum { GRAIN = 16384 };
    tp_dtype dtype = c->out[0]->dtype;
    summation s = {c, TP__FN(add, dtype), tp_dtype_size(dtype)};
    tp__parallel_for(c->out[0]->numel, GRAIN, sum_part, &s);
    return TP_OK;
}

static tp_status add_n_vjp(tp_vjp *v)
{
    for (int i = 0; i < v->n_in; i++)
        if (tp_vjp_needs(v, i))
            v->gin[i] = v->gout[0];
    return TP_OK;
}

static void add_n_samples(tp_sampler *s)
{
    const tp_dims shapes[] = {{2, {3, 4}}, {.ndim = 0}, {2, {0, 4}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        tp_tensor *in[3];
        for (int k = 0; k < 3; k++)
            in[k] = tp_sample_tensor(s, shapes[i], -2.3, 2.1);
        tp_sample(s, NULL, 3, in);
        tp_sample(s, NULL, 2, in);
    }
}

/* clang-format off */
static const tp_op add_n_op = {
        .name = "add_n", .n_in = -2, .n_out = 1, .flags = TP__READS_NOTHING, .infer = add_n_infer, .forward = add_n_forward,
        .vjp = add_n_vjp, .samples = add_n_samples, .grad_name = "AddNBackward0"};
/* clang-format on */

static bool alike(int n, tp_tensor *const *x)
{
    for (int i = 0; i < n; i++)
        if (x[i] && x[0] && (x[i]->dtype != x[0]->dtype || !tp__same_shape(x[i], x[0])))
            return false;
    return true;
}

tp_tensor *tp_add_n(tp_tape *T, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "add_n");
    if (!tp__ok(T))
        return NULL;
    if (n < 1 || x == NULL) {
        tp_fail(T, TP_EINVAL, "add_n: of %d tensors; one or more are needed", x ? n : 0);
        return NULL;
    }
    if (n > 1 && alike(n, x))
        return tp_apply(T, &add_n_op, NULL, n, x);
    tp_tensor *sum = tp__usable(T, "add_n", x[0]) ? x[0] : NULL;
    for (int i = 1; i < n; i++)
        sum = tp_add(T, sum, x[i]);
    return sum;
}

const tp_op *const tp__ops_add[] = {
#include TP__OPERATORS
    NULL};
