/* ctc_loss.c - connectionist temporal classification (Graves et al., 2006): the probability of a sequence of labels, summed
 * over all ways to spread it over time with blanks between.
 *
 * The l labels of an element stand as s = 2 l + 1 states, blanks and labels in turn. alpha[t][s] is the logarithm of the
 * probability of all that begins at 0 and is in s at t; beta[t][s], of all that goes on from there. A state is entered
 * from itself, from the one before, and from the one before that if this skips a blank between unlike labels.
 *
 * The operator differentiates by log-probabilities as such: minus the probability that a label is there at t. torch adds
 * e^x to that, which is what log_softmax makes of it; ctc_normalized does so. */
#if defined(REAL)

/* log(e^a + e^b + e^c) */
static inline __attribute__((always_inline)) REAL NAME(sum3)(REAL a, REAL b, REAL c)
{
    REAL most = a > b ? a : b;
    most = most > c ? most : c;
    REAL base = most == -(REAL)INFINITY ? 0 : most;
    return base + V(log)(V(exp)(a - base) + V(exp)(b - base) + V(exp)(c - base));
}

/* The states' log-probabilities at a time, x [classes] */
static void NAME(emit)(const ctc_element *e, const REAL *x, REAL *restrict out)
{
    for (int64_t s = 0; s < e->states; s++)
        out[s] = x[e->label[s]];
}

/* out[s] = sum over from where it is entered of last, + emitted. `last` has two places of -infinity before it. */
static void NAME(forward_step)(const ctc_element *e, const REAL *last, const REAL *emitted, REAL *restrict out)
{
    for (int64_t s = 0; s < e->states; s++) {
        REAL skipped = e->skips[s] ? last[s - 2] : -(REAL)INFINITY;
        out[s] = NAME(sum3)(last[s], last[s - 1], skipped) + emitted[s];
    }
}

/* The same backward: `next` is beta and what is emitted there, with two places of -infinity behind it. */
static void NAME(backward_step)(const ctc_element *e, const REAL *next, REAL *restrict out)
{
    for (int64_t s = 0; s < e->states; s++) {
        REAL skipped = e->skips[s + 2] ? next[s + 2] : -(REAL)INFINITY;
        out[s] = NAME(sum3)(next[s], next[s + 1], skipped);
    }
}

static void NAME(nothing)(REAL *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = -(REAL)INFINITY;
}

static REAL NAME(minus_log_likelihood)(const ctc_element *e, const REAL *last)
{
    REAL none = -(REAL)INFINITY;
    return -NAME(sum3)(last[e->states - 1], e->states > 1 ? last[e->states - 2] : none, none);
}

/* alpha [time][2 + room], all -infinity so far, as the first two stay; and the loss. */
static void NAME(alpha)(const ctc_element *e, const void *from, void *to, void *scratch, void *loss)
{
    const REAL *x = from;
    REAL *a = to, *emitted = scratch, *y = loss;
    int64_t width = e->room + 2;
    if (e->time == 0) {
        *y = e->states == 1 ? 0 : (REAL)INFINITY;
        return;
    }
    a += 2;
    a[0] = x[e->label[0]];
    if (e->states > 1)
        a[1] = x[e->label[1]];
    for (int64_t t = 1; t < e->time; t++) {
        NAME(emit)(e, x + t * e->stride, emitted);
        NAME(forward_step)(e, a + (t - 1) * width, emitted, a + t * width);
    }
    *y = NAME(minus_log_likelihood)(e, a + (e->time - 1) * width);
}

/* gin -= g (probability that a label is there at t) */
static void NAME(gradient)(const ctc_element *e, const void *from, const void *alphas, void *scratch, const void *gout,
                           void *gin)
{
    const REAL *x = from, *a = (const REAL *)alphas + 2;
    REAL g = *(const REAL *)gout, *to = gin;
    int64_t width = e->room + 2;
    REAL *beta = scratch, *next = beta + width, *emitted = next + width;
    REAL nll = e->time ? NAME(minus_log_likelihood)(e, a + (e->time - 1) * width) : 0;
    if (e->time == 0 || (e->zero_infinity && nll == (REAL)INFINITY))
        return;
    NAME(nothing)(beta, 2 * width);
    beta[e->states - 1] = 0;
    if (e->states > 1)
        beta[e->states - 2] = 0;
    for (int64_t t = e->time - 1; t >= 0; t--) {
        NAME(emit)(e, x + t * e->stride, emitted);
        for (int64_t s = 0; s < e->states; s++) {
            to[t * e->stride + e->label[s]] -= g * V(exp)(a[t * width + s] + beta[s] + nll);
            next[s] = beta[s] + emitted[s];
        }
        NAME(backward_step)(e, next, beta);
    }
}

#undef V

#else

#include "ops/nn/loss.h"

/* One of the batch. The list of labels and that of skips have room for two more states, which are never entered. */
typedef struct {
    int64_t time, states, stride, room; /* stride: from one time to the next in x */
    const int64_t *label;
    const uint8_t *skips;
    bool zero_infinity;
} ctc_element;

typedef struct {
    void (*alpha[2])(const ctc_element *, const void *, void *, void *, void *);
    void (*gradient[2])(const ctc_element *, const void *, const void *, void *, const void *, void *);
} ctc_table;

#if defined(TP__ISA)

#include "kernel/vec_math.h"

#define REAL float
#define NAME(f) f##_f32
#define V(name) v_##name##f
#include "ops/nn/ctc_loss.c"
#undef REAL
#undef NAME
#define REAL double
#define NAME(f) f##_f64
#define V(name) v_##name
#include "ops/nn/ctc_loss.c"
#undef REAL
#undef NAME
const ctc_table TP__OF_ISA(tp__ctc) = {{alpha_f32, alpha_f64}, {gradient_f32, gradient_f64}};

#else

TP__TABLE_OF(ctc_table, tp__ctc);

typedef struct {
    int64_t blank;
    bool zero_infinity;
} ctc_attr;

/* The operands: x [time, n, classes], labels [n, most] or one after the other, how long x and the labels are [n]. */
enum { X, LABELS, TIMES, LENGTHS };

static int64_t number_at(const tp_tensor *x, int64_t i) { return ((const int64_t *)x->data)[i]; }

static int64_t longest(const tp_tensor *lengths)
{
    int64_t most = 0;
    for (int64_t i = 0; i < lengths->numel; i++)
        most = number_at(lengths, i) > most ? number_at(lengths, i) : most;
    return most;
}

/* Where the labels of element i begin. */
static const int64_t *labels_at(tp_tensor *const *in, int64_t i)
{
    int64_t at = 0;
    if (in[LABELS]->ndim == 2)
        at = i * in[LABELS]->shape[1];
    for (int64_t k = 0; k < i && in[LABELS]->ndim == 1; k++)
        at += number_at(in[LENGTHS], k);
    return (const int64_t *)in[LABELS]->data + at;
}

/* Lists of room + 2 entries, into which the states of an element go. */
static ctc_element element_at(tp_tensor *const *in, const ctc_attr *a, int64_t i, int64_t room, int64_t *label,
                              uint8_t *skips)
{
    const int64_t *labels = labels_at(in, i);
    const tp_tensor *x = in[X];
    int64_t states = 2 * number_at(in[LENGTHS], i) + 1;
    for (int64_t s = 0; s < room + 2; s++) {
        label[s] = s < states && s % 2 ? labels[s / 2] : a->blank;
        skips[s] = s > 1 && s < states && s % 2 && label[s] != label[s - 2];
    }
    return (ctc_element){number_at(in[TIMES], i), states, x->shape[1] * x->shape[2], room, label, skips,
                         a->zero_infinity};
}

/* Scratch of a thread: lists of an element, and `rows` rows of its states. */
typedef struct {
    int64_t *label;
    uint8_t *skips;
    char *rows;
} ctc_room;

static size_t room_size(int64_t room, size_t size) { return (size_t)(room + 2) * (8 + 3 * size + 1) + 64; }

static ctc_room room_in(char *memory, int64_t room, size_t size)
{
    size_t n = (size_t)room + 2;
    return (ctc_room){(int64_t *)(void *)memory, (uint8_t *)memory + n * (8 + 3 * size), memory + n * 8};
}

/* Are all elements of x in [low, high]? `what` they are. */
static tp_status check_numbers(const tp_call *c, const char *what, const tp_tensor *x, int64_t low, int64_t high)
{
    for (int64_t i = 0; i < x->numel; i++)
        if (number_at(x, i) < low || number_at(x, i) > high)
            return tp_call_fail(c, TP_EINDEX, "%s %lld; %lld to %lld is needed", what, (long long)number_at(x, i),
                                (long long)low, (long long)high);
    return TP_OK;
}

static tp_status check_shapes(const tp_call *c)
{
    const tp_tensor *x = c->in[X], *labels = c->in[LABELS], *times = c->in[TIMES], *lengths = c->in[LENGTHS];
    int64_t n = x->ndim == 3 ? x->shape[1] : -1;
    if (!tp_dtype_is_float(x->dtype) || labels->dtype != TP_I64 || times->dtype != TP_I64 || lengths->dtype != TP_I64)
        return tp_call_fail(c, TP_EDTYPE,
                            "log_probs is %s, targets is %s; a float, and int64 for all others, are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(labels->dtype));
    bool fits = labels->ndim == 1 || (labels->ndim == 2 && labels->shape[0] == n);
    if (n < 0 || !fits || times->numel != n || lengths->numel != n)
        return tp_call_fail(c, TP_ESHAPE,
                            "log_probs is %s, targets is %s, input_lengths is %s, target_lengths is %s; [time, n, "
                            "classes], [n, most] or one after the other, [n] and [n] are needed",
                            TP__SHAPE(x), TP__SHAPE(labels), TP__SHAPE(times), TP__SHAPE(lengths));
    return TP_OK;
}

/* Lengths that there is room for; of labels side by side, as many as there are. */
static tp_status check_lengths(const tp_call *c)
{
    const tp_tensor *labels = c->in[LABELS], *lengths = c->in[LENGTHS];
    int64_t total = 0, most = labels->ndim == 2 ? labels->shape[1] : labels->numel;
    tp_status status = check_numbers(c, "input length", c->in[TIMES], 0, c->in[X]->shape[0]);
    if (status == TP_OK)
        status = check_numbers(c, "target length", lengths, 0, most);
    for (int64_t i = 0; status == TP_OK && labels->ndim == 1 && i < lengths->numel && total <= most; i++)
        total += number_at(lengths, i);
    if (status == TP_OK && labels->ndim == 1 && total != most)
        status = tp_call_fail(c, TP_ESHAPE,
                              "targets is %s, and their lengths sum to another number; as many are needed",
                              TP__SHAPE(labels));
    return status;
}

/* Labels beyond an element's length are not looked at. */
static tp_status check_labels(const tp_call *c)
{
    int64_t classes = c->in[X]->shape[2], blank = ((const ctc_attr *)c->attr)->blank;
    if (blank < 0 || blank >= classes)
        return tp_call_fail(c, TP_EINDEX, "blank is %lld; 0 to %lld is needed", (long long)blank,
                            (long long)classes - 1);
    for (int64_t i = 0; i < c->in[X]->shape[1]; i++)
        for (int64_t k = 0; k < number_at(c->in[LENGTHS], i); k++) {
            int64_t label = labels_at(c->in, i)[k];
            if (label < 0 || label >= classes)
                return tp_call_fail(c, TP_EINDEX, "target %lld; 0 to %lld is needed", (long long)label,
                                    (long long)classes - 1);
        }
    return TP_OK;
}

static tp_status ctc_infer(tp_call *c)
{
    const tp_tensor *x = c->in[X];
    tp_status status = check_shapes(c);
    if (status == TP_OK)
        status = check_lengths(c);
    if (status == TP_OK)
        status = check_labels(c);
    if (status == TP_OK)
        status = tp_call_out(c, 0, x->dtype, (tp_dims){1, {x->shape[1]}});
    int64_t width = status == TP_OK ? 2 * longest(c->in[LENGTHS]) + 3 : 0;
    return status == TP_OK ? tp_call_out(c, 1, x->dtype, (tp_dims){3, {x->shape[1], x->shape[0], width}}) : status;
}

static tp_status ctc_forward(tp_call *c)
{
    const tp_tensor *x = c->in[X], *alpha = c->out[1];
    const ctc_attr *a = c->attr;
    size_t size = tp_dtype_size(x->dtype);
    int64_t room = alpha->shape[2] - 2, rows = alpha->shape[1] * alpha->shape[2];
    char *memory = tp_call_scratch(c, room_size(room, size));
    if (memory == NULL)
        return TP_ENOMEM;
    tp__fill(alpha->numel, alpha->data, x->dtype, -(double)INFINITY);
    ctc_room r = room_in(memory, room, size);
    for (int64_t i = 0; i < x->shape[1]; i++) {
        ctc_element e = element_at(c->in, a, i, room, r.label, r.skips);
        char *y = (char *)c->out[0]->data + (size_t)i * size;
        TP__PICK(tp__ctc)->alpha[x->dtype == TP_F64](&e, (const char *)x->data + (size_t)(i * x->shape[2]) * size,
                                                     (char *)alpha->data + (size_t)(i * rows) * size, r.rows, y);
        if (a->zero_infinity && tp__load(y, x->dtype) == (double)INFINITY)
            tp__store(y, x->dtype, 0);
    }
    return TP_OK;
}

static tp_status ctc_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[X], *alpha = v->out[1];
    size_t size = tp_dtype_size(x->dtype);
    int64_t room = alpha->shape[2] - 2, rows = alpha->shape[1] * alpha->shape[2];
    char *memory = tp_vjp_scratch(v, room_size(room, size));
    if (memory == NULL || v->gout[0] == NULL)
        return memory ? TP_OK : TP_ENOMEM;
    ctc_room r = room_in(memory, room, size);
    for (int64_t i = 0; i < x->shape[1]; i++) {
        ctc_element e = element_at(v->in, v->attr, i, room, r.label, r.skips);
        size_t at = (size_t)(i * x->shape[2]) * size;
        TP__PICK(tp__ctc)->gradient[x->dtype == TP_F64](
            &e, (const char *)x->data + at, (const char *)alpha->data + (size_t)(i * rows) * size, r.rows,
            (const char *)v->gout[0]->data + (size_t)i * size, (char *)v->gin[X]->data + at);
    }
    return TP_OK;
}

/* ---- the gradient in operators, which can be differentiated: the same steps over the whole batch ---------------------- */

/* Less than the logarithm of any probability; sums of such are finite, and so are their slopes. */
static const double never = -1e30;

typedef struct {
    int64_t time, n, states;
    tp_tensor *label, *skips,
        *last;        /* [n, states]: what a state emits, may it skip a blank (0 or never), does it end */
    tp_tensor *steps; /* [n]: how long x is */
} ctc_batch;

static bool batch_of(const tp_vjp *v, ctc_batch *b)
{
    tp_tape *T = v->tape;
    const tp_tensor *x = v->in[X];
    const ctc_attr *a = v->attr;
    *b = (ctc_batch){x->shape[0], x->shape[1], v->out[1]->shape[2] - 2, NULL, NULL, NULL, v->in[TIMES]};
    tp_dims shape = {2, {b->n, b->states}};
    b->label = tp_full(T, TP_I64, shape, (double)a->blank);
    b->skips = tp_full(T, x->dtype, shape, never);
    b->last = tp_full(T, x->dtype, shape, never);
    if (!tp__ok(T))
        return false;
    for (int64_t i = 0; i < b->n; i++) {
        const int64_t *labels = labels_at(v->in, i);
        int64_t count = number_at(v->in[LENGTHS], i), row = i * b->states, *label = (int64_t *)b->label->data + row;
        for (int64_t k = 0; k < count; k++) {
            label[2 * k + 1] = labels[k];
            if (k > 0 && labels[k] != labels[k - 1])
                tp__store((char *)b->skips->data + (size_t)(row + 2 * k + 1) * tp_dtype_size(x->dtype), x->dtype, 0);
        }
        for (int64_t s = count ? 2 * count - 1 : 0; s <= 2 * count; s++)
            tp__store((char *)b->last->data + (size_t)(row + s) * tp_dtype_size(x->dtype), x->dtype, 0);
    }
    return true;
}

/* x [n, states] by k places to the right (k > 0) or left, `never` coming in */
static tp_tensor *shifted(tp_tape *T, tp_tensor *x, int64_t k)
{
    if (x == NULL)
        return NULL;
    int64_t n = x->shape[0], states = x->shape[1], by = k < 0 ? -k : k;
    if (by >= states)
        return tp_full(T, x->dtype, tp__dims_of(x), never);
    tp_tensor *in = tp_full(T, x->dtype, (tp_dims){2, {n, by}}, never);
    tp_tensor *kept = tp_narrow(T, x, 1, k > 0 ? 0 : by, states - by);
    return tp_cat(T, 2, k > 0 ? (tp_tensor *[2]){in, kept} : (tp_tensor *[2]){kept, in}, 1);
}

/* log of x and of what comes from k places away, and from 2 k where it may skip */
static tp_tensor *entered(tp_tape *T, tp_tensor *x, tp_tensor *skipped, int64_t k)
{
    return tp_logaddexp(T, tp_logaddexp(T, x, shifted(T, x, k)), skipped);
}

/* Where t is before the end of an element, a, else b. */
static tp_tensor *before_end(tp_tape *T, const ctc_batch *b, int64_t t, tp_tensor *a, tp_tensor *otherwise)
{
    tp_tensor *within = tp_unsqueeze(T, tp_gt_scalar(T, b->steps, (double)t), 1);
    return tp_where(T, within, a, otherwise);
}

/* alpha and beta [time] of [n, states]; and minus the log of the probability [n, 1] */
static tp_tensor *recursions(tp_tape *T, const ctc_batch *b, tp_tensor **emitted, tp_tensor **alpha, tp_tensor **beta)
{
    tp_tensor *start = tp_full(T, b->last->dtype, (tp_dims){2, {b->n, b->states}}, never), *to = b->last;
    for (int64_t s = 0; start && s < b->states && s < 2; s++)
        for (int64_t i = 0; i < b->n; i++)
            tp__store((char *)start->data + (size_t)(i * b->states + s) * tp_dtype_size(start->dtype), start->dtype, 0);
    for (int64_t t = 0; t < b->time && tp__ok(T); t++) {
        tp_tensor *from = t ? entered(T, alpha[t - 1], tp_add(T, shifted(T, alpha[t - 1], 2), b->skips), 1) : start;
        alpha[t] = before_end(T, b, t, tp_add(T, from, emitted[t]), t ? alpha[t - 1] : start);
    }
    for (int64_t t = b->time - 1; t >= 0 && tp__ok(T); t--) {
        if (t + 1 < b->time) {
            tp_tensor *next = tp_add(T, to, emitted[t + 1]);
            to = before_end(T, b, t + 1, entered(T, next, shifted(T, tp_add(T, next, b->skips), -2), -1), b->last);
        }
        beta[t] = to;
    }
    tp_tensor *ends = tp__ok(T) ? tp_add(T, alpha[b->time - 1], b->last) : NULL;
    return tp_neg(T, tp_logsumexp(T, ends, 1, (const int[]){1}, true));
}

/* The probabilities [time, n, states] of the states at each time */
static tp_tensor *posterior(tp_tape *T, const ctc_batch *b, tp_tensor *x, tp_tensor **list, bool zero_infinity)
{
    tp_tensor **emitted = list, **alpha = list + b->time, **beta = alpha + b->time;
    tp_tensor *low = tp__number(T, x, never);
    for (int64_t t = 0; t < b->time; t++)
        emitted[t] = tp_maximum(T, tp_gather(T, tp_select(T, x, 0, t), 1, b->label), low);
    tp_tensor *nll = recursions(T, b, emitted, alpha, beta);
    tp_tensor *hopeless = tp_gt_scalar(T, nll, -never / 2), *none = tp__number(T, x, zero_infinity ? 0 : (double)NAN);
    for (int64_t t = 0; t < b->time; t++) {
        tp_tensor *log_p = tp_add(T, tp_add(T, alpha[t], beta[t]), tp_masked_fill(T, nll, hopeless, 0));
        tp_tensor *p = tp_where(T, hopeless, none, tp_exp(T, log_p));
        list[t] = before_end(T, b, t, p, tp__number(T, x, 0));
    }
    return tp_stack(T, (int)b->time, list, 0);
}

static tp_status ctc_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[X], *zeros = tp_zeros_like(T, x);
    ctc_batch b;
    if (!tp_vjp_needs(v, 0) || zeros == NULL || !batch_of(v, &b))
        return T->status;
    v->gin[0] = zeros;
    if (x->numel == 0)
        return TP_OK;
    tp_tensor **list = tp_vjp_scratch(v, (size_t)b.time * 3 * sizeof(tp_tensor *));
    if (list == NULL)
        return TP_ENOMEM;
    tp_tensor *p = posterior(T, &b, x, list, ((const ctc_attr *)v->attr)->zero_infinity);
    tp_tensor *label = tp_expand(T, tp_unsqueeze(T, b.label, 0), (tp_dims){3, {b.time, b.n, b.states}});
    tp_tensor *terms = tp_neg(T, tp_mul(T, p, tp_unsqueeze(T, v->gout[0], 1)));
    v->gin[0] = tp_scatter_add(T, zeros, 2, label, terms);
    return T->status;
}

static tp_tensor *sample_lengths(tp_sampler *s, int64_t a, int64_t b)
{
    return tp_from(s->tape, TP_I64, (tp_dims){1, {2}}, (const int64_t[2]){a, b});
}

static void ctc_samples(tp_sampler *s)
{
    tp_tensor *x = tp_sample_tensor(s, (tp_dims){3, {5, 2, 4}}, -2.3, -0.4);
    const int64_t labels[6] = {1, 1, 3, 2, 3, 1};
    tp_tensor *padded = tp_from(s->tape, TP_I64, (tp_dims){2, {2, 3}}, labels);
    tp_sample(s, &(ctc_attr){0, false}, 4,
              (tp_tensor *[4]){x, padded, sample_lengths(s, 5, 4), sample_lengths(s, 2, 3)});
    tp_tensor *joined = tp_from(s->tape, TP_I64, (tp_dims){1, {3}}, labels + 2);
    tp_sample(s, &(ctc_attr){0, true}, 4,
              (tp_tensor *[4]){x, joined, sample_lengths(s, 5, 3), sample_lengths(s, 3, 0)});
}

/* clang-format off */
static const tp_op ctc_op = {
    .name = "ctc", .n_in = 4, .n_out = 2, .attr_size = sizeof(ctc_attr), .infer = ctc_infer, .forward = ctc_forward,
    .vjp = ctc_vjp, .vjp_fused = ctc_vjp_fused, .samples = ctc_samples, .constant_out = 2, .grad_name = "CtcLossBackward0"};
/* clang-format on */

/* ---- log-probabilities with the derivative of log_softmax, which as a function of its own they would not have ---------- */

static tp_status normalized_infer(tp_call *c) { return tp__infer_view(c, tp__dims_of(c->in[0]), c->in[0]->stride, 0); }

static tp_status normalized_forward(tp_call *c)
{
    (void)c;
    return TP_OK;
}

static tp_status normalized_vjp(tp_vjp *v) /* g - e^x sum(g) */
{
    tp_tape *T = v->tape;
    tp_tensor *g = v->gout[0];
    v->gin[0] = tp_sub(T, g, tp_mul(T, tp_exp(T, v->in[0]), tp_sum_dim(T, g, -1, true)));
    return TP_OK;
}

static tp_status normalized_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0];
    int64_t row = x->shape[2];
    if (x->numel)
        tp__softmax_backward(x->dtype, true, x->numel / row, row, x->data, v->gout[0]->data, v->gin[0]->data,
                             !(v->fresh & 1u));
    return TP_OK;
}

static const tp_op normalized_action = {.name = "ctc_normalized",
                                        .n_in = 1,
                                        .n_out = 1,
                                        .flags = TP_OP_VIEW | TP_OP_FORGETS_OUT | TP_OP_OVERWRITES,
                                        .infer = normalized_infer,
                                        .forward = normalized_forward,
                                        .vjp = normalized_vjp,
                                        .vjp_fused = normalized_vjp_fused};

/* ---- the loss ------------------------------------------------------------------------------------------------------- */

/* Integers as int64, side by side; x of a batch. False after a failure. */
static bool ctc_operands(tp_tape *T, tp_tensor **in)
{
    for (int k = LABELS; k <= LENGTHS; k++) {
        if (tp_dtype_is_float(in[k]->dtype) || in[k]->dtype == TP_BOOL) {
            tp_fail(T, TP_EDTYPE, "ctc_loss: %s is %s; integers are needed",
                    k == LABELS ? "targets" : "a list of lengths", tp_dtype_name(in[k]->dtype));
            return false;
        }
        in[k] = tp_contiguous(T, tp_to(T, in[k], TP_I64));
    }
    if (in[X]->ndim == 2)
        in[X] = tp_unsqueeze(T, in[X], 1);
    if (!tp__ok(T) || (in[X]->ndim == 3 && tp_dtype_is_float(in[X]->dtype)))
        return tp__ok(T);
    tp_fail(T, TP_ESHAPE, "ctc_loss: log_probs is %s of %s; [time, n, classes] of floats is needed", TP__SHAPE(in[X]),
            tp_dtype_name(in[X]->dtype));
    return false;
}

tp_tensor *tp_ctc_loss(tp_tape *T, tp_tensor *log_probs, tp_tensor *targets, tp_tensor *input_lengths,
                       tp_tensor *target_lengths, const tp_ctc_options *options)
{
    TP__NAMED(T, "ctc_loss");
    tp_ctc_options o = options ? *options : (tp_ctc_options){0};
    tp_tensor *in[4] = {log_probs, targets, input_lengths, target_lengths};
    if (!tp__usable_inputs(T, "ctc_loss", 4, in) || !tp__good_reduction(T, "ctc_loss", o.reduction))
        return NULL;
    bool single = log_probs->ndim == 2;
    if (!ctc_operands(T, in))
        return NULL;
    in[X] = tp__apply1(T, &normalized_action, NULL, in[X]);
    tp_tensor *loss = tp_apply(T, &ctc_op, &(ctc_attr){o.blank, o.zero_infinity}, 4, in);
    if (o.reduction == TP_NONE)
        return single ? tp_reshape(T, loss, TP_SCALAR) : loss;
    if (o.reduction == TP_MEAN && loss)
        loss = tp_div(
            T, loss,
            tp_to(T, tp_reshape(T, tp_clamp(T, in[LENGTHS], 1, (double)INFINITY), tp__dims_of(loss)), loss->dtype));
    return tp__loss_reduced(T, loss, o.reduction);
}

const tp_op *const tp__ops_ctc[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
