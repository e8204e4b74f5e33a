/* linalg.c - what the solves and factorizations share, and what BLAS there is. */
#include "ops/linalg/linalg.h"

#include <string.h>

int64_t tp__matrices(const tp_tensor *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim - 2; d++)
        n *= x->shape[d];
    return n;
}

tp_dims tp__batch_of(const tp_tensor *x)
{
    tp_dims batch = tp__dims_of(x);
    batch.ndim = x->ndim - 2;
    return batch;
}

tp_dims tp__batch_and_one(const tp_tensor *x, int64_t n)
{
    tp_dims shape = tp__batch_of(x);
    shape.dim[shape.ndim++] = n;
    return shape;
}

tp_dims tp__batch_and(const tp_tensor *x, int64_t rows, int64_t columns)
{
    tp_dims shape = tp__batch_and_one(x, rows);
    shape.dim[shape.ndim++] = columns;
    return shape;
}

tp_tensor *tp__corner(tp_tape *T, tp_tensor *x, int64_t rows, int64_t columns)
{
    if (x && tp__rows(x) != rows)
        x = tp_narrow(T, x, -2, 0, rows);
    return x && tp__columns(x) != columns ? tp_narrow(T, x, -1, 0, columns) : x;
}

tp_status tp__matrix_floats(const tp_call *c, int i, const char *name)
{
    const tp_tensor *x = c->in[i];
    if (x->ndim < 2)
        return tp_call_fail(c, TP_ESHAPE, "%s is %s; [..., m, n] is needed", name, TP__SHAPE(x));
    if (!tp_dtype_is_float(x->dtype))
        return tp_call_fail(c, TP_EDTYPE, "%s is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    return TP_OK;
}

tp_status tp__square_floats(const tp_call *c, const tp_tensor *a)
{
    if (a->ndim < 2 || tp__columns(a) != tp__rows(a))
        return tp_call_fail(c, TP_ESHAPE, "A is %s; [..., n, n] is needed", TP__SHAPE(a));
    if (!tp_dtype_is_float(a->dtype))
        return tp_call_fail(c, TP_EDTYPE, "A is %s; float32 or float64 is needed", tp_dtype_name(a->dtype));
    return TP_OK;
}

tp_status tp__solve_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    if (tp__square_floats(c, a) != TP_OK)
        return c->tape->status;
    bool fits = a->ndim == b->ndim && tp__columns(a) == tp__rows(b);
    for (int d = 0; d < a->ndim - 2 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "A is %s, B is %s; [..., n, n] and [..., n, k] are needed", TP__SHAPE(a),
                            TP__SHAPE(b));
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "A is %s, B is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, a->dtype, tp__dims_of(b));
}

/* ---- batches -------------------------------------------------------------------------------------------------------- */

enum { PARTS = 16, SMALL = 1 << 20 };

typedef struct {
    const tp__batch *b;
    int64_t at[PARTS];      /* of each part: the first matrix with trouble; count: none */
    int info[PARTS];        /* ... and LAPACK's info there; negative: no kernel could be called, as is told at once, */
    const char *why[PARTS]; /* since for the next matrix it may be otherwise */
    tp_status status[PARTS];
} outcome;

static void note(outcome *o, int64_t part, int64_t i, int info)
{
    if (o->b->info)
        o->b->info[i] = info;
    if (info == 0 || o->info[part] != 0)
        return;
    o->at[part] = i;
    o->info[part] = info;
    if (info < 0)
        o->why[part] = tp__blas_trouble(&o->status[part]);
}

/* From the i-th matrix on, as many as one call takes; returns how many. */
static int64_t run_next(outcome *o, int64_t part, int64_t i, int64_t end)
{
    const tp__batch *b = o->b;
    if (b->lanes == NULL) {
        note(o, part, i, b->one(b, i, b->room + (size_t)part * b->scratch));
        return 1;
    }
    enum { MOST = 4 * TP__LANES_MOST };
    int32_t info[MOST];
    int64_t count = end - i < MOST ? end - i : MOST;
    tp__lanes_run(b->lanes, i, count, info);
    for (int64_t k = 0; k < count; k++)
        note(o, part, i + k, info[k]);
    if (b->after && b->after(b, i, count, b->room + (size_t)part * b->scratch) < 0)
        note(o, part, i, -1);
    return count;
}

static void run_parts(int64_t begin, int64_t end, void *user)
{
    outcome *o = user;
    const tp__batch *b = o->b;
    for (int64_t part = begin; part < end; part++) {
        int64_t last = (part + 1) * b->each < b->count ? (part + 1) * b->each : b->count;
        o->at[part] = b->count;
        o->info[part] = 0;
        for (int64_t i = part * b->each; i < last;)
            i += run_next(o, part, i, last);
    }
}

static const char *name_of(const tp__batch *b) { return b->call ? b->call->op->name : b->vjp->op->name; }
static tp_tape *tape_of(const tp__batch *b) { return b->call ? b->call->tape : b->vjp->tape; }

/* Of the first matrix that something is wrong with. */
static tp_status tell(const outcome *o, int64_t part)
{
    const tp__batch *b = o->b;
    int64_t at = o->at[part];
    int info = o->info[part];
    if (info < 0)
        return tp_fail(tape_of(b), o->status[part], "%s: %s", name_of(b), o->why[part]);
    if (b->trouble == NULL && b->told == NULL)
        return TP_OK;
    char which[64];
    if (b->count == 1)
        snprintf(which, sizeof which, "%s", b->what ? b->what : "A");
    else
        snprintf(which, sizeof which, "%s %lld of the batch", b->what ? b->what : "matrix", (long long)at);
    if (b->told)
        return tp_fail(tape_of(b), TP_ENUMERIC, "%s: %s %s", name_of(b), which, b->told[info - 1]);
    return tp_fail(tape_of(b), TP_ENUMERIC, "%s: %s is %s (%s %d); %s is needed", name_of(b), which, b->trouble,
                   b->counted, info, b->needed);
}

tp__lanes_operand tp__in_lane(const tp_tensor *from, const tp_tensor *to)
{
    const tp_tensor *x = from ? from : to;
    return (tp__lanes_operand){from ? from->data : NULL, to ? to->data : NULL, x ? tp__rows(x) * tp__columns(x) : 0,
                               false};
}

/* Parts are of whole groups of lanes, and so large that a thread is worth it. */
static void divide(tp__batch *b)
{
    enum { LEAST = 1 << 14 };
    b->parts = b->flops >= SMALL || b->count < PARTS ? 1 : PARTS;
    b->each = (b->count + b->parts - 1) / b->parts;
    if (b->lanes == NULL)
        return;
    int64_t least = LEAST / (b->flops + 1) + 1, each = b->each > least ? b->each : least;
    b->each = (each + TP__LANES_MOST - 1) / TP__LANES_MOST * TP__LANES_MOST;
    b->parts = (b->count + b->each - 1) / b->each;
}

tp_status tp__run_batch(tp__batch *b)
{
    if (b->lanes && !tp__in_lanes(b->lanes->n, b->lanes->k))
        b->lanes = NULL;
    b->scratch = b->lanes && !b->after ? 0 : (b->scratch + 63) / 64 * 64;
    b->room = NULL;
    if (b->count == 0)
        return TP_OK;
    divide(b);
    if (b->scratch > 0) {
        size_t bytes = b->scratch * (size_t)b->parts;
        b->room = b->scratch > SIZE_MAX / 2 / PARTS ? NULL
                  : b->call                         ? tp_call_scratch(b->call, bytes)
                                                    : tp_vjp_scratch(b->vjp, bytes);
        if (b->room == NULL)
            return tp_fail(tape_of(b), TP_ENOMEM, "%s: no memory for the work on a matrix", name_of(b));
    }
    outcome o = {.b = b};
    tp__parallel_for(b->parts, 1, run_parts, &o);
    for (int64_t part = 0; part < b->parts; part++)
        if (o.info[part] != 0 && tell(&o, part) != TP_OK)
            break;
    return tape_of(b)->status;
}

void tp__take_elements(tp_tensor *to, const tp_tensor *from)
{
    if (from->numel > 0)
        memcpy(to->data, from->data, (size_t)from->numel * tp_dtype_size(from->dtype));
}

tp_status tp__factor_copies(tp_call *c, int at, tp__batch b)
{
    if (b.lanes == NULL || !tp__in_lanes(b.lanes->n, b.lanes->k))
        tp__take_elements(c->out[at], c->in[0]);
    b.call = c;
    b.count = tp__matrices(c->in[0]);
    b.info = c->out[c->n_out - 1]->data;
    b.trouble = ((const tp__told *)c->attr)->info ? NULL : "singular";
    b.counted = "pivot";
    b.needed = "a regular one";
    return tp__run_batch(&b);
}

void tp__give_gradient(const tp_vjp *v, int in, int64_t i, const void *g)
{
    const tp_tensor *to = v->gin[in];
    int64_t n = to ? tp__rows(to) * tp__columns(to) : 0;
    if (n > 0 && (v->fresh >> in & 1u))
        memcpy(tp__matrix(to, i), g, (size_t)n * tp_dtype_size(to->dtype));
    else if (n > 0)
        tp__axpy(n, to->dtype, 1, g, tp__matrix(to, i));
}

tp__lanes_job tp__solve_back_lanes(const tp_vjp *v, tp__lanes_kernel kernel, const void *a)
{
    const tp_tensor *x = v->out[0];
    int64_t n = tp__rows(x);
    tp__lanes_job job = {.kernel = kernel,
                         .dtype = x->dtype,
                         .n = n,
                         .k = tp__columns(x),
                         .x = {{a, NULL, n * n, false},
                               tp__in_lane(v->gout[0], v->gin[1]),
                               tp__in_lane(x, NULL),
                               tp__in_lane(NULL, v->gin[0])}};
    job.x[1].add = !(v->fresh & 2u);
    job.x[3].add = !(v->fresh & 1u);
    return job;
}

typedef struct {
    const tp_tensor *x;
    tp__half half;
} looked_at;

static int look(const tp__batch *b, int64_t i, void *scratch)
{
    (void)scratch;
    const looked_at *at = b->user;
    return tp__first_not_finite(at->x->dtype, at->half, tp__rows(at->x), tp__columns(at->x), tp__matrix(at->x, i));
}

tp_status tp__must_be_finite_as(const tp_call *c, const char *name, const tp_tensor *x, tp__half half)
{
    looked_at at = {x, half};
    return tp__run_batch(&(tp__batch){.one = look,
                                      .call = c,
                                      .count = tp__matrices(x),
                                      .flops = tp__rows(x) * tp__columns(x),
                                      .what = name,
                                      .trouble = "not finite",
                                      .counted = "row",
                                      .needed = "a finite one",
                                      .user = &at});
}

/* ---- leading dimensions --------------------------------------------------------------------------------------------- */

bool tp__broadcast_batches(tp_tape *T, const char *name, tp_tensor **a, tp_tensor **b)
{
    if (*a == NULL || *b == NULL) /* the tape has failed */
        return false;
    tp_dims sa = tp__dims_of(*a), sb = tp__dims_of(*b), batch;
    if (sa.ndim < 2 || sb.ndim < 2) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s; [..., n, n] and [..., n, k] are needed", name, TP__DIMS(sa),
                TP__DIMS(sb));
        return false;
    }
    tp_dims lead_a = sa, lead_b = sb;
    lead_a.ndim -= 2;
    lead_b.ndim -= 2;
    if (!tp__dims_broadcast(lead_a, lead_b, &batch)) {
        tp_fail(T, TP_ESHAPE, "%s: A is %s, B is %s; leading dimensions that broadcast are needed", name, TP__DIMS(sa),
                TP__DIMS(sb));
        return false;
    }
    for (int side = 0; side < 2; side++) {
        tp_tensor **x = side ? b : a;
        tp_dims whole = batch;
        whole.dim[whole.ndim++] = tp__rows(*x);
        whole.dim[whole.ndim++] = tp__columns(*x);
        if (!tp__dims_equal(tp__dims_of(*x), whole) && (*x = tp_expand(T, *x, whole)) == NULL)
            return false;
    }
    return true;
}

tp_tensor *tp__sample_matrix(tp_sampler *s, tp_dims shape)
{
    int64_t n = shape.dim[shape.ndim - 1];
    tp_tensor *x = tp_add(s->tape, tp_sample_tensor(s, shape, -0.6, 0.7),
                          tp_mul_scalar(s->tape, tp_eye(s->tape, s->dtype, n, n), 2.5));
    return tp_requires_grad(tp_detach(s->tape, x), true);
}

const char *tp_blas_info(void) { return tp__blas_info(); }
