/* actions.c - computing that is no operator of the user's: sums of gradients, clearing, clipping. Like all that computes it
 * passes tp__run as a call: an operator, operands, attributes.
 */
#include "tape/params.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

/* ---- dst (+)= src ------------------------------------------------------------------------------------------------ */

static tp_status accumulate_forward(tp_call *c)
{
    tp_tensor *dst = c->out[0];
    const tp_tensor *src = c->in[0];
    bool fresh = *(const bool *)c->attr, plain = tp__contiguous(src) && src->dtype == dst->dtype;
    if (fresh && plain) {
        tp__convert(dst->numel, dst->data, dst->dtype, src->data, src->dtype);
    } else if (fresh) {
        tp__copy_elements(src, dst->data, dst->dtype);
    } else if (plain) {
        tp__axpy(dst->numel, dst->dtype, 1, src->data, dst->data);
    } else {
        tp__storage *dense = tp__dense_copy(c->tape, src, dst->dtype);
        if (dense == NULL)
            return tp_fail(c->tape, TP_ENOMEM, "no memory to add a gradient");
        tp__axpy(dst->numel, dst->dtype, 1, dense->data, dst->data);
        tp__storage_unref(dense);
    }
    return TP_OK;
}

static const tp_op accumulate = {.name = "accumulate",
                                 .n_in = 1,
                                 .n_out = 1,
                                 .attr_size = sizeof(bool),
                                 .flags = TP__OP_PART,
                                 .forward = accumulate_forward};

tp_status tp__add_into(tp_tape *T, tp_tensor *dst, const tp_tensor *src, bool fresh)
{
    tp_tensor *in = (tp_tensor *)(uintptr_t)src;
    tp_call call = {T, &accumulate, &fresh, 1, 1, &in, &dst};
    return tp__run(T, &call);
}

/* ---- x = 0 ------------------------------------------------------------------------------------------------------- */

static tp_status clear_forward(tp_call *c)
{
    tp__fill(c->out[0]->numel, c->out[0]->data, c->out[0]->dtype, 0);
    return TP_OK;
}

static const tp_op clear = {.name = "clear", .n_out = 1, .flags = TP__OP_PART, .forward = clear_forward};

tp_status tp__clear(tp_tape *T, tp_tensor *x)
{
    tp_call call = {T, &clear, NULL, 0, 1, NULL, &x};
    return tp__run(T, &call);
}

/* ---- clipping ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const tp_params *set;
    double max_norm;
    double *norm; /* of all gradients, before */
} clip_attr;

/* The norm of a float32 gradient may be none itself. */
static double norm_of(const tp__run_of_params *run)
{
    const float *x = run->grad;
    double norm, sum = 0;
    tp__reduce(TP__NORM_2, run->dtype, 1, run->n, 1, run->grad, &norm, false);
    norm = tp__load(&norm, run->dtype);
    if (run->dtype == TP_F64 || isfinite(norm))
        return norm;
    for (int64_t i = 0; i < run->n; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

/* hypot, but of infinity and NaN, which is NaN. */
static double join(double a, double b) { return isnan(a) || isnan(b) ? (double)NAN : hypot(a, b); }

static void scale(tp_dtype dtype, int64_t n, void *x, double by)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TP_F32)
            ((float *)x)[i] = (float)((double)((float *)x)[i] * by);
        else
            ((double *)x)[i] *= by;
}

static tp_status clip_forward(tp_call *c)
{
    const clip_attr *a = c->attr;
    tp__run_of_params run;
    double norm = 0;
    for (int at = 0; tp__params_next(a->set, &at, &run);)
        norm = join(norm, norm_of(&run));
    *a->norm = norm;
    double by = a->max_norm / (norm + 1e-6);
    for (int at = 0; !(by >= 1) && tp__params_next(a->set, &at, &run);)
        scale(run.dtype, run.n, run.grad, by);
    return TP_OK;
}

static const tp_op clip = {.name = "clip_grad_norm", .attr_size = sizeof(clip_attr), .forward = clip_forward};

double tp_params_clip_grad_norm(tp_tape *T, tp_params *p, double max_norm)
{
    double norm = NAN;
    if (p == NULL)
        tp__missing(T, "params_clip_grad_norm", "the parameter set");
    if (!tp__ok(T) || p == NULL)
        return NAN;
    clip_attr attr = {p, max_norm, &norm};
    tp_call call = {T, &clip, &attr, 0, 0, NULL, NULL};
    if (tp__run(T, &call) == TP_OK && !(max_norm / (norm + 1e-6) >= 1))
        tp__params_touch_grads(p);
    return norm;
}
