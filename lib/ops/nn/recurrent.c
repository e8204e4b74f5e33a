/* recurrent.c - one layer of a recurrent net in one direction, over all steps (kernel/recurrent.h), and single cells. */
#include "kernel/recurrent.h"
#include "ops/ops.h"

#include <string.h>

/* The operands are those of the kernel that there are, in its order, then lengths [batch]; the results y, h, of an LSTM c,
 * and what is kept for backward, [kept (and 1 of an LSTM: c), steps, batch, hidden] as far as sizes go. */
typedef struct {
    bool reverse, projected, biased, has_lengths;
} recurrent;

typedef struct {
    tp_op op;
    tp__rnn_kind kind;
} recurrent_op;

static tp__rnn_kind kind_of(const tp_op *op) { return ((const recurrent_op *)op)->kind; }

/* Where operand i is; -1: it is not. TP__RNN_OPERANDS stands for the lengths. */
static int place_of(tp__rnn_kind kind, const recurrent *a, int i)
{
    bool there[TP__RNN_OPERANDS + 1] = {true,         true,      kind == TP__LSTM, true,          true,
                                        a->projected, a->biased, a->biased,        a->has_lengths};
    int place = 0;
    for (int k = 0; k < i; k++)
        place += there[k];
    return there[i] ? place : -1;
}

/* Sizes, and operands by their places; NULL where there is none. */
typedef struct {
    tp__rnn_kind kind;
    int64_t steps, batch, in, hidden, out, gates;
    tp_tensor *of[TP__RNN_OPERANDS], *lengths;
} parts;

static parts parts_of(const tp_op *op, const recurrent *a, int n, tp_tensor *const *in)
{
    parts p = {.kind = kind_of(op), .gates = tp__rnn_gates(kind_of(op))};
    for (int i = 0; i <= TP__RNN_OPERANDS; i++) {
        int k = place_of(p.kind, a, i);
        tp_tensor *x = k >= 0 && k < n ? in[k] : NULL;
        if (i < TP__RNN_OPERANDS)
            p.of[i] = x;
        else
            p.lengths = x;
    }
    return p;
}

static const char *const names[] = {"x", "h", "c", "weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh"};

static tp_status check_shape(const tp_call *c, const char *name, const tp_tensor *x, tp_dims needed, const parts *p)
{
    if (x == NULL || tp__dims_equal(tp__dims_of(x), needed))
        return TP_OK;
    return tp_call_fail(c, TP_ESHAPE, "%s is %s, x is %s, weight_hh is %s; %s is needed", name, TP__SHAPE(x),
                        TP__SHAPE(p->of[TP__RNN_X]), TP__SHAPE(p->of[TP__RNN_W_HH]), TP__DIMS(needed));
}

static tp_status check_shapes(const tp_call *c, const parts *p)
{
    int64_t rows = p->gates * p->hidden;
    const tp_dims needed[TP__RNN_OPERANDS] = {[TP__RNN_X] = {3, {p->steps, p->batch, p->in}},
                                              [TP__RNN_H0] = {2, {p->batch, p->out}},
                                              [TP__RNN_C0] = {2, {p->batch, p->hidden}},
                                              [TP__RNN_W_IH] = {2, {rows, p->in}},
                                              [TP__RNN_W_HH] = {2, {rows, p->out}},
                                              [TP__RNN_W_HR] = {2, {p->out, p->hidden}},
                                              [TP__RNN_B_IH] = {1, {rows}},
                                              [TP__RNN_B_HH] = {1, {rows}}};
    tp_status status = TP_OK;
    for (int i = 0; i < TP__RNN_OPERANDS && status == TP_OK; i++) {
        status = check_shape(c, names[i], p->of[i], needed[i], p);
        if (status == TP_OK && p->of[i] && p->of[i]->dtype != p->of[0]->dtype)
            status = tp_call_fail(c, TP_EDTYPE, "%s is %s, x is %s; one dtype is needed", names[i],
                                  tp_dtype_name(p->of[i]->dtype), tp_dtype_name(p->of[0]->dtype));
    }
    return status;
}

static tp_status check_lengths(const tp_call *c, const parts *p)
{
    const tp_tensor *l = p->lengths;
    if (l == NULL)
        return TP_OK;
    if (l->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE, "lengths is %s; int64 is needed", tp_dtype_name(l->dtype));
    if (l->ndim != 1 || l->shape[0] != p->batch)
        return tp_call_fail(c, TP_ESHAPE, "lengths is %s, x is %s; [%lld] is needed", TP__SHAPE(l),
                            TP__SHAPE(p->of[TP__RNN_X]), (long long)p->batch);
    for (int64_t i = 0; i < p->batch; i++) {
        int64_t n = ((const int64_t *)l->data)[i];
        if (n < 0 || n > p->steps)
            return tp_call_fail(c, TP_EINDEX, "length %lld; 0 to %lld is needed", (long long)n, (long long)p->steps);
    }
    return TP_OK;
}

/* The sizes, read off x and weight_hh. */
static tp_status measure(const tp_call *c, parts *p)
{
    const recurrent *a = c->attr;
    const tp_tensor *x = p->of[TP__RNN_X], *w = p->of[TP__RNN_W_HH];
    if (c->n_in !=
        place_of(p->kind, &(recurrent){a->reverse, a->projected, a->biased, true}, TP__RNN_OPERANDS) + a->has_lengths)
        return tp_call_fail(c, TP_EINVAL, "%d operands; other options are needed for so many", c->n_in);
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (x->ndim != 3 || w->ndim != 2 || w->shape[0] % p->gates != 0 || w->shape[0] == 0 || w->shape[1] == 0)
        return tp_call_fail(c, TP_ESHAPE,
                            "x is %s, weight_hh is %s; [steps, batch, in] and [%lld hidden, out] are needed",
                            TP__SHAPE(x), TP__SHAPE(w), (long long)p->gates);
    p->steps = x->shape[0];
    p->batch = x->shape[1];
    p->in = x->shape[2];
    p->hidden = w->shape[0] / p->gates;
    p->out = a->projected ? w->shape[1] : p->hidden;
    return TP_OK;
}

static tp_status recurrent_infer(tp_call *c)
{
    parts p = parts_of(c->op, c->attr, c->n_in, c->in);
    tp_status status = measure(c, &p);
    if (status == TP_OK)
        status = check_shapes(c, &p);
    if (status == TP_OK)
        status = check_lengths(c, &p);
    if (status != TP_OK)
        return status;
    tp_dtype dtype = c->in[0]->dtype;
    int64_t kept = tp__rnn_kept(p.kind) + (p.kind == TP__LSTM);
    int at = 0;
    status = tp_call_out(c, at++, dtype, (tp_dims){3, {p.steps, p.batch, p.out}});
    if (status == TP_OK)
        status = tp_call_out(c, at++, dtype, (tp_dims){2, {p.batch, p.out}});
    if (status == TP_OK && p.kind == TP__LSTM)
        status = tp_call_out(c, at++, dtype, (tp_dims){2, {p.batch, p.hidden}});
    return status == TP_OK ? tp_call_out(c, at, dtype, (tp_dims){4, {kept, p.steps, p.batch, p.hidden}}) : status;
}

/* ---- the kernel ---- */

static void *data_of(const tp_tensor *x) { return x ? x->data : NULL; }

static tp__rnn_job job_of(const tp_op *op, const recurrent *a, int n_in, tp_tensor *const *in, int n_out,
                          tp_tensor *const *out)
{
    parts p = parts_of(op, a, n_in, in);
    const tp_tensor *x = in[0], *kept = out[n_out - 1];
    tp__rnn_job j = {.kind = p.kind,
                     .dtype = x->dtype,
                     .reverse = a->reverse,
                     .steps = x->shape[0],
                     .batch = x->shape[1],
                     .in = x->shape[2],
                     .hidden = kept->shape[3],
                     .out = out[0]->shape[2],
                     .lengths = data_of(p.lengths),
                     .y = out[0]->data,
                     .h = out[1]->data,
                     .kept = kept->data};
    for (int i = 0; i < TP__RNN_OPERANDS; i++)
        j.of[i] = data_of(p.of[i]);
    if (p.kind == TP__LSTM) {
        j.c = out[2]->data;
        j.cells = (char *)kept->data + (size_t)(kept->numel / 5 * 4) * tp_dtype_size(kept->dtype);
    }
    return j;
}

static tp_status refused(tp_tape *T, const char *name)
{
    tp_status status;
    const char *trouble = tp__blas_trouble(&status);
    return tp_fail(T, status, "%s: %s", name, trouble);
}

static tp_status recurrent_forward(tp_call *c)
{
    tp__rnn_job j = job_of(c->op, c->attr, c->n_in, c->in, c->n_out, c->out);
    if ((j.room = tp_call_scratch(c, tp__rnn_room(&j, false))) == NULL)
        return c->tape->status;
    return tp__rnn_forward(&j) ? TP_OK : refused(c->tape, c->op->name);
}

static tp_status recurrent_vjp_fused(tp_vjp *v)
{
    const recurrent *a = v->attr;
    tp__rnn_job j = job_of(v->op, a, v->n_in, v->in, v->n_out, v->out);
    j.gy = data_of(v->gout[0]);
    j.gh = data_of(v->gout[1]);
    j.gc = j.kind == TP__LSTM ? data_of(v->gout[2]) : NULL;
    for (int i = 0; i < TP__RNN_OPERANDS; i++) {
        int k = place_of(j.kind, a, i);
        if (k < 0 || v->gin[k] == NULL)
            continue;
        j.gin[i] = v->gin[k]->data;
        j.fresh |= ((v->fresh >> k) & 1u) << i;
    }
    if ((j.room = tp_vjp_scratch(v, tp__rnn_room(&j, true))) == NULL)
        return v->tape->status;
    return tp__rnn_backward(&j) ? TP_OK : refused(v->tape, v->op->name);
}

/* ---- the gradient in operators, which can be differentiated ----
 *
 * The steps are made once more, and gone through backward. */

/* Of each step: the state before it; what the functions are taken of (of a GRU: r, z, n_x and r, z, n_h); c; the gradients by
 * these, and by h before and after it was projected. */
typedef struct {
    tp_tensor *h_before, *c_before, *a, *over_h, *c, *full, *ga, *g_over_h, *gh, *on;
} step;

/* Part g of a [batch, gates hidden]. */
static tp_tensor *gate(tp_tape *T, tp_tensor *a, int64_t hidden, int64_t g)
{
    return tp_narrow(T, a, 1, g * hidden, hidden);
}

/* a where rows are there, else b. */
static tp_tensor *where_on(tp_tape *T, const step *s, tp_tensor *a, tp_tensor *b)
{
    return s->on ? tp_where(T, s->on, a, b) : a;
}

static tp_tensor *nothing_like(tp_tape *T, tp_tensor *x) { return tp_zeros_like(T, x); }
static tp_tensor *tanh_slope(tp_tape *T, tp_tensor *a, tp_tensor *g)
{
    return tp_mul_scalar(T, tp__sigmoid_backward(T, tp_mul_scalar(T, a, 2), g), 4);
}

/* n of a GRU before its tanh */
static tp_tensor *new_of(tp_tape *T, const step *s, int64_t n)
{
    tp_tensor *r = tp_sigmoid(T, gate(T, s->a, n, 0));
    return tp_add(T, gate(T, s->a, n, 2), tp_mul(T, r, s->over_h));
}

/* s->a is the sum over x, *h and *c the states before and after. */
static void step_forward(tp_tape *T, const parts *p, step *s, tp_tensor **h, tp_tensor **c)
{
    int64_t n = p->hidden;
    tp_tensor *made, *over_h = tp_linear(T, *h, p->of[TP__RNN_W_HH], p->of[TP__RNN_B_HH]);
    s->h_before = *h;
    s->c_before = *c;
    if (p->kind == TP__GRU) {
        tp_tensor *rz = tp_add(T, tp_narrow(T, s->a, 1, 0, 2 * n), tp_narrow(T, over_h, 1, 0, 2 * n));
        s->over_h = gate(T, over_h, n, 2);
        s->a = tp_cat(T, 2, (tp_tensor *[2]){rz, gate(T, s->a, n, 2)}, 1);
        tp_tensor *z = tp_sigmoid(T, gate(T, s->a, n, 1)), *fresh = tp_tanh(T, new_of(T, s, n));
        made = tp_add(T, fresh, tp_mul(T, z, tp_sub(T, *h, fresh)));
    } else if (p->kind == TP__LSTM) {
        s->a = tp_add(T, s->a, over_h);
        tp_tensor *i = tp_sigmoid(T, gate(T, s->a, n, 0)), *f = tp_sigmoid(T, gate(T, s->a, n, 1));
        tp_tensor *g = tp_tanh(T, gate(T, s->a, n, 2)), *o = tp_sigmoid(T, gate(T, s->a, n, 3));
        s->c = tp_add(T, tp_mul(T, f, *c), tp_mul(T, i, g));
        *c = where_on(T, s, s->c, *c);
        s->full = made = tp_mul(T, o, tp_tanh(T, s->c));
        if (p->of[TP__RNN_W_HR])
            made = tp_linear(T, made, p->of[TP__RNN_W_HR], NULL);
    } else {
        s->a = tp_add(T, s->a, over_h);
        made = p->kind == TP__RNN_RELU ? tp_relu(T, s->a) : tp_tanh(T, s->a);
    }
    *h = where_on(T, s, made, *h);
}

static void lstm_backward(tp_tape *T, int64_t n, step *s, tp_tensor *gh, tp_tensor **gc)
{
    tp_tensor *a[4], *ga[4];
    for (int k = 0; k < 4; k++)
        a[k] = gate(T, s->a, n, k);
    tp_tensor *d = tp_add(T, where_on(T, s, *gc, nothing_like(T, *gc)),
                          tanh_slope(T, s->c, tp_mul(T, gh, tp_sigmoid(T, a[3]))));
    ga[0] = tp__sigmoid_backward(T, a[0], tp_mul(T, d, tp_tanh(T, a[2])));
    ga[1] = tp__sigmoid_backward(T, a[1], tp_mul(T, d, s->c_before));
    ga[2] = tanh_slope(T, a[2], tp_mul(T, d, tp_sigmoid(T, a[0])));
    ga[3] = tp__sigmoid_backward(T, a[3], tp_mul(T, gh, tp_tanh(T, s->c)));
    s->ga = s->g_over_h = tp_cat(T, 4, ga, 1);
    *gc = where_on(T, s, tp_mul(T, d, tp_sigmoid(T, a[1])), *gc);
}

/* Returns what goes to the state before directly. */
static tp_tensor *gru_backward(tp_tape *T, int64_t n, step *s, tp_tensor *gh)
{
    tp_tensor *a_r = gate(T, s->a, n, 0), *a_z = gate(T, s->a, n, 1), *a_n = new_of(T, s, n);
    tp_tensor *by_n = tanh_slope(T, a_n, tp_mul(T, gh, tp_sigmoid(T, tp_neg(T, a_z))));
    tp_tensor *by_z = tp_mul(T, gh, tp_sub(T, s->h_before, tp_tanh(T, a_n)));
    tp_tensor *by_r = tp__sigmoid_backward(T, a_r, tp_mul(T, by_n, s->over_h));
    by_z = tp__sigmoid_backward(T, a_z, by_z);
    s->ga = tp_cat(T, 3, (tp_tensor *[3]){by_r, by_z, by_n}, 1);
    s->g_over_h = tp_cat(T, 3, (tp_tensor *[3]){by_r, by_z, tp_mul(T, by_n, tp_sigmoid(T, a_r))}, 1);
    return tp_mul(T, gh, tp_sigmoid(T, a_z));
}

/* *gh and *gc are gradients by the states after, then before. */
static void step_backward(tp_tape *T, const parts *p, step *s, tp_tensor *gy, tp_tensor **gh, tp_tensor **gc)
{
    tp_tensor *g = gy ? tp_add(T, *gh, gy) : *gh, *direct = NULL;
    g = s->gh = where_on(T, s, g, nothing_like(T, g));
    if (p->of[TP__RNN_W_HR])
        g = tp_matmul(T, g, p->of[TP__RNN_W_HR]);
    if (p->kind == TP__LSTM) {
        lstm_backward(T, p->hidden, s, g, gc);
    } else if (p->kind == TP__GRU) {
        direct = gru_backward(T, p->hidden, s, g);
    } else {
        s->ga = s->g_over_h = p->kind == TP__RNN_TANH ? tanh_slope(T, s->a, g)
                                                      : tp_where(T, tp_gt_scalar(T, s->a, 0), g, nothing_like(T, g));
    }
    tp_tensor *to = tp_matmul(T, s->g_over_h, p->of[TP__RNN_W_HH]);
    *gh = where_on(T, s, direct ? tp_add(T, direct, to) : to, *gh);
}

/* One tensor of each step, at `offset` in its struct, as [steps batch, n]. */
static tp_tensor *of_all(tp_tape *T, const step *s, int64_t steps, size_t offset)
{
    tp_tensor **list = tp__arena_alloc(&T->arena, (size_t)steps * sizeof *list);
    if (list == NULL) {
        tp_fail(T, TP_ENOMEM, "no memory for the steps");
        return NULL;
    }
    for (int64_t t = 0; t < steps; t++)
        memcpy(&list[t], (const char *)&s[t] + offset, sizeof *list);
    return tp_cat(T, (int)steps, list, 0);
}

/* x with 0 where steps are not there. */
static tp_tensor *x_of_all(tp_tape *T, const parts *p)
{
    tp_tensor *x = p->of[TP__RNN_X];
    if (p->lengths) {
        tp_tensor *t = tp_unsqueeze(T, tp_arange(T, TP_I64, 0, (double)p->steps, 1), 1);
        x = tp_where(T, tp_unsqueeze(T, tp_lt(T, t, p->lengths), 2), x, nothing_like(T, x));
    }
    return tp_reshape(T, x, (tp_dims){2, {p->steps * p->batch, p->in}});
}

static tp_status gather(tp_vjp *v, const parts *p, const step *s)
{
    tp_tape *T = v->tape;
    tp_tensor *g[TP__RNN_OPERANDS] = {NULL};
    tp_tensor *ga = of_all(T, s, p->steps, offsetof(step, ga));
    tp_tensor *g_over_h = of_all(T, s, p->steps, offsetof(step, g_over_h));
    g[TP__RNN_X] = tp_reshape(T, tp_matmul(T, ga, p->of[TP__RNN_W_IH]), tp__dims_of(v->in[0]));
    g[TP__RNN_W_IH] = tp_matmul(T, tp_t(T, ga), x_of_all(T, p));
    g[TP__RNN_W_HH] = tp_matmul(T, tp_t(T, g_over_h), of_all(T, s, p->steps, offsetof(step, h_before)));
    g[TP__RNN_B_IH] = tp_sum_dim(T, ga, 0, false);
    g[TP__RNN_B_HH] = tp_sum_dim(T, g_over_h, 0, false);
    if (p->of[TP__RNN_W_HR])
        g[TP__RNN_W_HR] = tp_matmul(T, tp_t(T, of_all(T, s, p->steps, offsetof(step, gh))),
                                    of_all(T, s, p->steps, offsetof(step, full)));
    for (int i = 0; i < TP__RNN_OPERANDS; i++) {
        int k = place_of(p->kind, v->attr, i);
        if (k >= 0 && i != TP__RNN_H0 && i != TP__RNN_C0 && tp_vjp_needs(v, k))
            v->gin[k] = g[i];
    }
    return T->status;
}

/* The steps, and states after each, of all operands in operators. */
static void make_steps(tp_vjp *v, const parts *p, step *s)
{
    tp_tape *T = v->tape;
    const recurrent *a = v->attr;
    tp_tensor *h = p->of[TP__RNN_H0], *c = p->of[TP__RNN_C0];
    tp_tensor *sums = tp_linear(T, p->of[TP__RNN_X], p->of[TP__RNN_W_IH], p->of[TP__RNN_B_IH]);
    for (int64_t k = 0; k < p->steps && tp__ok(T); k++) {
        int64_t t = a->reverse ? p->steps - 1 - k : k;
        s[t].a = tp_select(T, sums, 0, t);
        if (p->lengths)
            s[t].on = tp_unsqueeze(T, tp_gt_scalar(T, p->lengths, (double)t), 1);
        step_forward(T, p, &s[t], &h, &c);
    }
}

static tp_status recurrent_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const recurrent *a = v->attr;
    parts p = parts_of(v->op, a, v->n_in, v->in);
    const tp_tensor *x = v->in[0];
    p.steps = x->shape[0];
    p.batch = x->shape[1];
    p.in = x->shape[2];
    p.hidden = v->out[v->n_out - 1]->shape[3];
    p.out = v->out[0]->shape[2];
    step *s = tp__arena_alloc(&T->arena, ((size_t)p.steps + 1) * sizeof *s);
    if (s == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory for its steps", v->op->name);
    memset(s, 0, (size_t)p.steps * sizeof *s);
    tp_tensor *gh = v->gout[1] ? v->gout[1] : nothing_like(T, p.of[TP__RNN_H0]), *gc = NULL;
    if (p.kind == TP__LSTM)
        gc = v->gout[2] ? v->gout[2] : nothing_like(T, p.of[TP__RNN_C0]);
    make_steps(v, &p, s);
    for (int64_t k = p.steps - 1; k >= 0 && tp__ok(T); k--) {
        int64_t t = a->reverse ? p.steps - 1 - k : k;
        step_backward(T, &p, &s[t], v->gout[0] ? tp_select(T, v->gout[0], 0, t) : NULL, &gh, &gc);
    }
    for (int i = 0; i < v->n_in && p.steps == 0; i++)
        v->gin[i] = tp_vjp_needs(v, i) ? nothing_like(T, v->in[i]) : NULL;
    v->gin[TP__RNN_H0] = gh;
    if (p.kind == TP__LSTM)
        v->gin[TP__RNN_C0] = gc;
    return p.steps > 0 && tp__ok(T) ? gather(v, &p, s) : T->status;
}

/* ---- samples ---- */

typedef struct {
    int64_t steps, batch, in, hidden, out; /* out 0: not projected */
    bool reverse, biased;
    const char *lengths; /* a digit each */
} shape;

static tp_tensor *sample_lengths(tp_sampler *s, const char *text)
{
    tp_tensor *l = tp_sample_index(s, (tp_dims){1, {(int64_t)strlen(text)}}, 0, 1);
    for (int64_t i = 0; l && i < l->numel; i++)
        ((int64_t *)l->data)[i] = text[i] - '0';
    return l;
}

static void sample(tp_sampler *s, tp__rnn_kind kind, shape k)
{
    tp_tensor *in[TP__RNN_OPERANDS + 1];
    recurrent a = {k.reverse, k.out > 0, k.biased, k.lengths != NULL};
    int64_t rows = tp__rnn_gates(kind) * k.hidden, out = k.out ? k.out : k.hidden;
    const tp_dims shapes[TP__RNN_OPERANDS] = {{3, {k.steps, k.batch, k.in}},
                                              {2, {k.batch, out}},
                                              {2, {k.batch, k.hidden}},
                                              {2, {rows, k.in}},
                                              {2, {rows, out}},
                                              {2, {out, k.hidden}},
                                              {1, {rows}},
                                              {1, {rows}}};
    int n = 0;
    for (int i = 0; i < TP__RNN_OPERANDS; i++)
        if (place_of(kind, &a, i) >= 0)
            in[n++] = tp_sample_tensor(s, shapes[i], i < 3 ? -1.5 : -0.8 - 0.1 * i, i < 3 ? 1.7 : 0.9);
    if (k.lengths)
        in[n++] = sample_lengths(s, k.lengths);
    tp_sample(s, &a, n, in);
}

static void samples_of(tp_sampler *s, tp__rnn_kind kind)
{
    static const shape shapes[] = {
        {3, 2, 3, 2, 0, false, true, NULL},  {2, 1, 1, 3, 0, true, false, NULL}, {3, 3, 2, 2, 0, false, true, "301"},
        {3, 4, 2, 2, 0, true, true, "1032"}, {1, 3, 2, 2, 0, false, true, NULL}, {1, 2, 2, 2, 0, true, true, "10"},
        {0, 2, 2, 2, 0, false, true, NULL},  {2, 2, 0, 2, 0, false, true, NULL}, {2, 0, 2, 2, 0, false, true, NULL}};
    static const shape projected[] = {
        {3, 2, 2, 3, 2, false, true, NULL}, {2, 3, 2, 2, 1, true, false, "201"}, {1, 2, 2, 2, 1, false, true, "10"}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        sample(s, kind, shapes[i]);
    for (size_t i = 0; i < sizeof projected / sizeof *projected && kind == TP__LSTM; i++)
        sample(s, kind, projected[i]);
}
static void rnn_tanh_samples(tp_sampler *s) { samples_of(s, TP__RNN_TANH); }
static void rnn_relu_samples(tp_sampler *s) { samples_of(s, TP__RNN_RELU); }
static void lstm_samples(tp_sampler *s) { samples_of(s, TP__LSTM); }
static void gru_samples(tp_sampler *s) { samples_of(s, TP__GRU); }

/* clang-format off */
#define RECURRENT(title, kind, results)                                                                               \
    static const recurrent_op title##_op = {                                                                          \
        {.name = #title, .n_in = -4, .n_out = (results), .attr_size = sizeof(recurrent), .flags = TP_OP_OVERWRITES,   \
         .constant_out = 1u << ((results) - 1), .infer = recurrent_infer, .forward = recurrent_forward,               \
         .vjp = recurrent_vjp, .vjp_fused = recurrent_vjp_fused, .samples = title##_samples},                         \
        kind};
RECURRENT(rnn_tanh, TP__RNN_TANH, 3)
RECURRENT(rnn_relu, TP__RNN_RELU, 3)
RECURRENT(lstm, TP__LSTM, 4)
RECURRENT(gru, TP__GRU, 3)
/* clang-format on */

/* ---- functions ---- */

tp_tensor *tp__recurrent_layer(tp_tape *T, const tp__recurrent *r, tp_tensor **h, tp_tensor **c)
{
    static const recurrent_op *const ops[] = {&rnn_tanh_op, &rnn_relu_op, &lstm_op, &gru_op};
    recurrent a = {r->reverse, r->weight_hr != NULL, r->bias_ih != NULL, r->lengths != NULL};
    tp_tensor *const all[] = {r->x,         r->h,       r->c,       r->weight_ih, r->weight_hh,
                              r->weight_hr, r->bias_ih, r->bias_hh, r->lengths};
    tp_tensor *in[TP__RNN_OPERANDS + 1], *out[TP_MAX_OUT] = {NULL};
    int n = 0;
    for (int i = 0; i <= TP__RNN_OPERANDS; i++)
        if (place_of(r->kind, &a, i) >= 0)
            in[n++] = all[i];
    if (tp_apply_all(T, &ops[r->kind]->op, &a, n, in, out) != TP_OK)
        return NULL;
    *h = out[1];
    if (r->kind == TP__LSTM)
        *c = out[2];
    return out[0];
}

/* [in] as [1, in]; and [batch, in] as [1, batch, in] */
static tp_tensor *with_front(tp_tape *T, tp_tensor *x, int dims)
{
    while (x && x->ndim < dims)
        x = tp_unsqueeze(T, x, 0);
    return x;
}

tp_tensor *tp__recurrent_cell(tp_tape *T, const char *name, const tp__recurrent *r, tp_tensor **c)
{
    TP__NAMED(T, name);
    tp__recurrent one = *r;
    tp_tensor *h = NULL, *c_after = NULL;
    bool needed = tp__usable(T, name, r->x) && tp__usable(T, name, r->h) && tp__usable(T, name, r->weight_ih) &&
                  tp__usable(T, name, r->weight_hh) && (r->kind != TP__LSTM || tp__usable(T, name, r->c));
    if (!needed)
        return NULL;
    if ((r->bias_ih == NULL) != (r->bias_hh == NULL))
        tp__missing(T, name, r->bias_ih ? "bias_hh" : "bias_ih");
    int dims = r->x->ndim;
    if (dims < 1 || dims > 2 || r->h->ndim != dims || (r->kind == TP__LSTM && r->c->ndim != dims))
        tp_fail(T, TP_ESHAPE,
                "%s: x is %s, the state is %s; [batch, in] and [batch, hidden], or [in] and [hidden], are needed", name,
                TP__SHAPE(r->x), TP__SHAPE(r->h));
    one.x = with_front(T, r->x, 3);
    one.h = with_front(T, r->h, 2);
    one.c = r->kind == TP__LSTM ? with_front(T, r->c, 2) : NULL;
    if (!tp__ok(T) || tp__recurrent_layer(T, &one, &h, &c_after) == NULL)
        return NULL;
    if (c)
        *c = dims == 1 && c_after ? tp_squeeze_dim(T, c_after, 0) : c_after;
    return dims == 1 ? tp_squeeze_dim(T, h, 0) : h;
}

static tp_tensor *plain_cell(tp_tape *T, const char *name, tp__rnn_kind kind, tp_tensor *x, tp_tensor *h,
                             tp_tensor *weight_ih, tp_tensor *weight_hh, tp_tensor *bias_ih, tp_tensor *bias_hh)
{
    tp__recurrent r = {.kind = kind,
                       .x = x,
                       .h = h,
                       .weight_ih = weight_ih,
                       .weight_hh = weight_hh,
                       .bias_ih = bias_ih,
                       .bias_hh = bias_hh};
    return tp__recurrent_cell(T, name, &r, NULL);
}

tp_tensor *tp_rnn_tanh_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                            tp_tensor *bias_ih, tp_tensor *bias_hh)
{
    return plain_cell(T, "rnn_tanh_cell", TP__RNN_TANH, x, h, weight_ih, weight_hh, bias_ih, bias_hh);
}

tp_tensor *tp_rnn_relu_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                            tp_tensor *bias_ih, tp_tensor *bias_hh)
{
    return plain_cell(T, "rnn_relu_cell", TP__RNN_RELU, x, h, weight_ih, weight_hh, bias_ih, bias_hh);
}

tp_tensor *tp_gru_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *weight_ih, tp_tensor *weight_hh,
                       tp_tensor *bias_ih, tp_tensor *bias_hh)
{
    return plain_cell(T, "gru_cell", TP__GRU, x, h, weight_ih, weight_hh, bias_ih, bias_hh);
}

tp_tensor *tp_lstm_cell(tp_tape *T, tp_tensor *x, tp_tensor *h, tp_tensor *c, tp_tensor *weight_ih,
                        tp_tensor *weight_hh, tp_tensor *bias_ih, tp_tensor *bias_hh, tp_tensor **c_after)
{
    tp__recurrent r = {.kind = TP__LSTM,
                       .x = x,
                       .h = h,
                       .c = c,
                       .weight_ih = weight_ih,
                       .weight_hh = weight_hh,
                       .bias_ih = bias_ih,
                       .bias_hh = bias_hh};
    if (c_after)
        *c_after = NULL;
    return tp__recurrent_cell(T, "lstm_cell", &r, c_after);
}

const tp_op *const tp__ops_recurrent[] = {
#include TP__OPERATORS
    NULL};
