/* clip.c - gradients kept within bounds: by their norm, or each element. A norm that is representable comes out, whatever
 * the elements are. */
#include "tape/params.h"
#include "tape/tape.h"

#include <math.h>
#include <string.h>

typedef struct {
    const tp_params *set;
    double most, order;
    double *norm; /* of all gradients, before */
} clip_attr;

static double reduced(tp__reduction kind, const tp__run_of_params *run, double order)
{
    double norm = 0;
    tp__reduced shape = {.outer = {0}, .n = run->n, .step = 1, .inner = 1, .apart = 1};
    if (kind == TP__NORM_P)
        tp__norm_p(order, run->dtype, &shape, run->grad, &norm);
    else
        tp__reduce(kind, run->dtype, 1, run->n, 1, run->grad, &norm, false);
    return tp__load(&norm, run->dtype);
}

/* The norm of a float32 gradient may be none itself. */
static double norm_of(const tp__run_of_params *run, double order)
{
    const float *x = run->grad;
    double largest, sum = 0;
    tp__reduction kind = order == 2 ? TP__NORM_2 : order == 1 ? TP__NORM_1 : isinf(order) ? TP__NORM_MAX : TP__NORM_P;
    double norm = reduced(kind, run, order);
    if (run->dtype == TP_F64 || isfinite(norm) || isinf(order))
        return norm;
    largest = reduced(TP__NORM_MAX, run, INFINITY);
    if (!isfinite(largest))
        return norm;
    for (int64_t i = 0; i < run->n; i++)
        sum += pow(fabs((double)x[i]) / largest, order);
    return largest * pow(sum, 1 / order);
}

/* The norm of two norms, but of infinity and NaN, which is NaN. */
static double join(double a, double b, double order)
{
    double most = a > b ? a : b, least = a > b ? b : a;
    if (isnan(a) || isnan(b))
        return NAN;
    if (isinf(order) || least == 0 || isinf(most))
        return most;
    return order == 2 ? hypot(a, b) : most * pow(1 + pow(least / most, order), 1 / order);
}

static double norm_of_all(const tp_params *p, double order)
{
    tp__run_of_params run;
    double norm = 0;
    for (int at = 0; tp__params_next(p, &at, &run);)
        norm = join(norm, norm_of(&run, order), order);
    return norm;
}

static void scale(tp_dtype dtype, int64_t n, void *x, double by)
{
    for (int64_t i = 0; i < n; i++)
        if (dtype == TP_F32)
            ((float *)x)[i] = (float)((double)((float *)x)[i] * by);
        else
            ((double *)x)[i] *= by;
}

static tp_status norm_forward(tp_call *c)
{
    const clip_attr *a = c->attr;
    tp__run_of_params run;
    *a->norm = norm_of_all(a->set, a->order);
    double by = a->most / (*a->norm + 1e-6);
    for (int at = 0; !(by >= 1) && tp__params_next(a->set, &at, &run);)
        scale(run.dtype, run.n, run.grad, by);
    return TP_OK;
}

static void clamp(tp_dtype dtype, int64_t n, void *x, double most)
{
    float *f = x, limit = (float)most;
    double *d = x;
    for (int64_t i = 0; i < n && dtype == TP_F32; i++)
        f[i] = f[i] > limit ? limit : f[i] < -limit ? -limit : f[i];
    for (int64_t i = 0; i < n && dtype == TP_F64; i++)
        d[i] = d[i] > most ? most : d[i] < -most ? -most : d[i];
}

static tp_status value_forward(tp_call *c)
{
    const clip_attr *a = c->attr;
    tp__run_of_params run;
    for (int at = 0; tp__params_next(a->set, &at, &run);)
        clamp(run.dtype, run.n, run.grad, a->most);
    return TP_OK;
}

static const tp_op by_norm = {.name = "clip_grad_norm", .attr_size = sizeof(clip_attr), .forward = norm_forward};
static const tp_op by_value = {.name = "clip_grad_value", .attr_size = sizeof(clip_attr), .forward = value_forward};

/* Is there a set, and a norm of this order? */
static bool ready(tp_tape *T, const char *name, const tp_params *p, double order)
{
    if (p == NULL)
        tp__missing(T, name, "the parameter set");
    else if (tp__ok(T) && !(order > 0))
        tp_fail(T, TP_EINVAL, "%s: order is %g; a number above 0, or infinity, is needed", name, order);
    return tp__ok(T) && p;
}

static double clip(tp_tape *T, const char *name, tp_params *p, double max_norm, double order)
{
    double norm = NAN;
    if (!ready(T, name, p, order))
        return NAN;
    clip_attr attr = {p, max_norm, order, &norm};
    tp_call call = {T, &by_norm, &attr, 0, 0, NULL, NULL};
    if (tp__run(T, &call) == TP_OK && !(max_norm / (norm + 1e-6) >= 1))
        tp__params_touch_grads(p);
    return norm;
}

double tp_params_clip_grad_norm(tp_tape *T, tp_params *p, double max_norm)
{
    return clip(T, "params_clip_grad_norm", p, max_norm, 2);
}

double tp_params_clip_grad_norm_of(tp_tape *T, tp_params *p, double max_norm, double order)
{
    return clip(T, "params_clip_grad_norm_of", p, max_norm, order);
}

double tp_params_grad_norm(tp_tape *T, const tp_params *p, double order)
{
    return ready(T, "params_grad_norm", p, order) ? norm_of_all(p, order) : (double)NAN;
}

tp_status tp_params_clip_grad_value(tp_tape *T, tp_params *p, double most)
{
    if (!ready(T, "params_clip_grad_value", p, 2))
        return tp_error_status(T);
    if (!(most >= 0))
        return tp_fail(T, TP_EINVAL, "params_clip_grad_value: most is %g; 0 or more is needed", most);
    clip_attr attr = {p, most, 0, NULL};
    tp_call call = {T, &by_value, &attr, 0, 0, NULL, NULL};
    if (tp__run(T, &call) == TP_OK)
        tp__params_touch_grads(p);
    return T->status;
}
