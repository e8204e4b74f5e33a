/* lbfgs.c - limited-memory BFGS: the direction by two loops over the history (Nocedal and Wright, 2006, algorithm
 * 7.4), the step by a line search or of fixed length. Vectors are in double over all parameters in order; a
 * parameter without a gradient counts as one with a gradient of zero.
 *
 * Where the loss at the start is finite the parameters stay finite, and no point that is kept has a loss that is not:
 * a step to one is cut (line search) or taken back (fixed length). */
#include "optim/line_search.h"
#include "optim/optim.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    tp_optim base;
    tp_lbfgs_options o;
    int64_t n;
    double *memory; /* all vectors below are in it */
    double *x, *d, *prev, *gradient[TP__LINE_GRADIENTS];
    double *s, *y, *rho, *alpha; /* history: a ring of `kept` pairs, the oldest at `oldest` */
    int kept, oldest;
    double diagonal, t;
    double least_change;             /* tolerance_change, in the scale of the first loss */
    int64_t iterations, evaluations; /* in all */
    double prev_loss;                /* before the last iteration */
    tp_lbfgs_report report;
    /* of the step under way */
    tp_tape *T;
    tp_closure closure;
    void *user;
} lbfgs;

/* ---- vectors ------------------------------------------------------------------------------------------------- */

static double dot(const lbfgs *m, const double *a, const double *b) { return tp__dot(TP_F64, m->n, a, 1, b, 1); }
static void add(const lbfgs *m, double factor, const double *x, double *y) { tp__axpy(m->n, TP_F64, factor, x, y); }
static void copy(const lbfgs *m, double *to, const double *from) { memcpy(to, from, (size_t)m->n * sizeof *to); }

static double largest(const lbfgs *m, const double *x)
{
    double most = 0;
    for (int64_t i = 0; i < m->n; i++)
        most = fabs(x[i]) > most || isnan(x[i]) ? fabs(x[i]) : most;
    return most;
}

static void gather(const lbfgs *m, bool gradients, double *out)
{
    const tp_params *p = m->base.groups->params;
    for (int i = 0; i < p->n; i++) {
        const tp_tensor *x = p->at[i], *from = gradients ? tp_grad(x) : x;
        if (x == NULL)
            continue;
        if (from)
            tp__convert(x->numel, out, TP_F64, from->data, from->dtype);
        else
            memset(out, 0, (size_t)x->numel * sizeof *out);
        out += x->numel;
    }
}

/* Parameters = x + t d; false where one is not finite in its dtype. */
static bool place(const lbfgs *m, double t)
{
    tp_params *p = m->base.groups->params;
    const double *x = m->x, *d = m->d;
    bool finite = true;
    for (int i = 0; i < p->n; i++) {
        tp_tensor *to = p->at[i];
        if (to == NULL)
            continue;
        double most = to->dtype == TP_F32 ? FLT_MAX : DBL_MAX;
        for (int64_t k = 0; k < to->numel; k++, x++, d++) {
            double v = t == 0 ? *x : *x + t * *d;
            tp__store((char *)to->data + (size_t)k * tp_dtype_size(to->dtype), to->dtype, v);
            finite &= fabs(v) <= most;
        }
        to->storage->version++;
    }
    return finite;
}

/* How many elements there are to move: fewer where a parameter was freed, and then the vectors here are of another layout. */
static int64_t elements(const lbfgs *m)
{
    const tp_params *p = m->base.groups->params;
    int64_t n = 0;
    for (int i = 0; i < p->n; i++)
        n += p->at[i] ? p->at[i]->numel : 0;
    return n;
}

/* ---- values and slopes ---------------------------------------------------------------------------------------- */

/* The loss where the parameters are, its gradient in `slot`; false after a failure. */
static bool evaluate_here(lbfgs *m, int slot, double *f)
{
    m->report.evaluations++;
    m->evaluations++;
    if (!tp__optim_evaluate(m->T, &m->base, m->closure, m->user, f))
        return false;
    if (elements(m) != m->n) {
        tp_fail(m->T, TP_EINVAL,
                "optim_step_closure: the closure has freed a parameter; L-BFGS moves all that it began with");
        return false;
    }
    gather(m, true, m->gradient[slot]);
    return true;
}

static bool evaluate(void *user, double t, int slot, tp__line_point *p)
{
    lbfgs *m = user;
    if (!place(m, t)) {
        p->f = INFINITY;
        return true;
    }
    bool ok = evaluate_here(m, slot, &p->f);
    p->slope = ok ? dot(m, m->gradient[slot], m->d) : NAN;
    return ok;
}

/* ---- direction --------------------------------------------------------------------------------------------------- */

static double *pair(const lbfgs *m, double *ring, int i)
{
    return ring + (size_t)((m->oldest + i) % m->o.history_size) * (size_t)m->n;
}

/* Takes the last step and the change of the gradient into the history, where the curvature is positive. */
static void remember(lbfgs *m, const double *g)
{
    int at = m->kept < m->o.history_size ? m->kept : 0;         /* 0: the oldest, which goes */
    double *y = m->gradient[TP__LINE_GRADIENTS - 1], *s = m->x; /* both are free between steps */
    copy(m, y, g);
    add(m, -1, m->prev, y);
    copy(m, s, m->d);
    for (int64_t i = 0; i < m->n; i++)
        s[i] *= m->t;
    double ys = dot(m, y, s);
    if (!(ys > 1e-10))
        return;
    copy(m, pair(m, m->y, at), y);
    copy(m, pair(m, m->s, at), s);
    m->rho[(m->oldest + at) % m->o.history_size] = 1 / ys;
    if (m->kept < m->o.history_size)
        m->kept++;
    else
        m->oldest = (m->oldest + 1) % m->o.history_size;
    m->diagonal = ys / dot(m, y, y);
}

/* d = - H g */
static void find_direction(lbfgs *m, const double *g)
{
    for (int64_t i = 0; i < m->n; i++)
        m->d[i] = -g[i];
    for (int i = m->kept - 1; i >= 0; i--) {
        m->alpha[i] = dot(m, pair(m, m->s, i), m->d) * m->rho[(m->oldest + i) % m->o.history_size];
        add(m, -m->alpha[i], pair(m, m->y, i), m->d);
    }
    for (int64_t i = 0; i < m->n; i++)
        m->d[i] *= m->diagonal;
    for (int i = 0; i < m->kept; i++) {
        double beta = dot(m, pair(m, m->y, i), m->d) * m->rho[(m->oldest + i) % m->o.history_size];
        add(m, m->alpha[i] - beta, pair(m, m->s, i), m->d);
    }
}

/* ---- one step of the optimizer: several iterations ------------------------------------------------------------------ */

static double first_length(const lbfgs *m, const double *g)
{
    double sum = 0;
    for (int64_t i = 0; i < m->n; i++)
        sum += fabs(g[i]);
    return fmin(1, 1 / sum) * m->base.groups->lr;
}

/* Moves along d by a length that is not searched for, or back to where it began if that is not finite. The loss at the
 * end of the last iteration is for the next step to find. */
static bool advance_fixed(lbfgs *m, tp__line_point *here, bool last)
{
    double before = here->f;
    bool finite = place(m, m->t);
    if (finite && last) {
        here->f = NAN;
        return true;
    }
    if (finite && !evaluate_here(m, 0, &here->f))
        return false;
    if (!finite || !isfinite(here->f)) {
        place(m, m->t = 0);
        here->f = before;
        copy(m, m->gradient[0], m->prev);
        m->report.stop = TP_LBFGS_NOT_FINITE;
    }
    return true;
}

static bool advance_searched(lbfgs *m, tp__line_point *here)
{
    tp__line_point found;
    tp__line line = {evaluate, m, largest(m, m->d), 1e-9, 0};
    if (!tp__strong_wolfe(&line, *here, m->t, &found))
        return false;
    m->t = found.t;
    place(m, m->t);
    double *kept = m->gradient[found.gradient];
    m->gradient[found.gradient] = m->gradient[0];
    m->gradient[0] = kept;
    here->f = found.f;
    return true;
}

/* Moves along d; the new value is in *here, its gradient in slot 0. False after a failure. */
static bool advance(lbfgs *m, tp__line_point *here, bool last)
{
    gather(m, false, m->x);
    bool ok = m->o.line_search == TP_STRONG_WOLFE ? advance_searched(m, here) : advance_fixed(m, here, last);
    if (!ok && elements(m) == m->n)
        place(m, 0); /* where this iteration began */
    return ok;
}

/* One direction and the step along it; true where another may follow, else report.stop says why not. */
static bool iterate(lbfgs *m, tp__line_point *here, bool last)
{
    double before = here->f;
    if (m->iterations++ > 0)
        remember(m, m->gradient[0]);
    find_direction(m, m->gradient[0]);
    copy(m, m->prev, m->gradient[0]);
    m->prev_loss = before;
    m->t = m->iterations == 1 ? first_length(m, m->gradient[0]) : m->base.groups->lr;
    here->t = 0;
    here->slope = dot(m, m->gradient[0], m->d);
    m->report.iterations++;
    m->report.stop = !isfinite(here->slope)           ? TP_LBFGS_NOT_FINITE
                     : here->slope > -m->least_change ? TP_LBFGS_CHANGE
                                                      : TP_LBFGS_MAX_ITER;
    if (m->report.stop != TP_LBFGS_MAX_ITER)
        return false;
    if (!advance(m, here, last)) {
        m->report.stop = TP_LBFGS_FAILED;
        return false;
    }
    if (m->report.stop == TP_LBFGS_NOT_FINITE)
        return false;
    if (largest(m, m->gradient[0]) <= m->o.tolerance_grad)
        m->report.stop = TP_LBFGS_GRADIENT;
    else if (m->report.evaluations >= m->o.max_eval)
        m->report.stop = TP_LBFGS_MAX_EVAL;
    else if (largest(m, m->d) * fabs(m->t) <= m->o.tolerance_change || fabs(here->f - before) < m->least_change)
        m->report.stop = TP_LBFGS_CHANGE;
    return m->report.stop == TP_LBFGS_MAX_ITER;
}

static double step(tp_tape *T, tp_optim *base, tp_closure closure, void *user)
{
    lbfgs *m = (lbfgs *)base;
    tp__line_point here = {.gradient = 0};
    int history = m->o.history_size; /* which the memory was made for */
    m->o = *(const tp_lbfgs_options *)base->groups->options;
    m->o.history_size = history;
    m->T = T;
    m->closure = closure;
    m->user = user;
    m->report = (tp_lbfgs_report){.loss = NAN, .stop = TP_LBFGS_FAILED};
    if (elements(m) != m->n) { /* one was freed since the last step */
        m->n = elements(m);
        m->kept = m->oldest = 0;
        m->iterations = 0;
        m->diagonal = 1;
    }
    if (!evaluate_here(m, 0, &here.f))
        return NAN;
    double loss = here.f;
    if (m->iterations == 0)
        m->least_change = m->o.tolerance_change * fmin(1, fabs(loss));
    bool flat = largest(m, m->gradient[0]) <= m->o.tolerance_grad;
    m->report.stop = !isfinite(loss) ? TP_LBFGS_NOT_FINITE : flat ? TP_LBFGS_GRADIENT : TP_LBFGS_MAX_ITER;
    if (m->report.stop == TP_LBFGS_MAX_ITER)
        for (int k = 1; k <= m->o.max_iter && iterate(m, &here, k == m->o.max_iter);)
            k++;
    m->report.loss = here.f;
    return m->report.stop == TP_LBFGS_FAILED ? NAN : loss;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

static void release(tp_optim *base) { tp__free(((lbfgs *)base)->memory); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_lbfgs_options *o = options;
    o->lr = tp__option(o->lr, 1);
    o->max_iter = o->max_iter ? o->max_iter : 20;
    o->max_eval = o->max_eval ? o->max_eval : (int)((int64_t)o->max_iter * 5 / 4);
    o->history_size = o->history_size ? o->history_size : 100;
    o->tolerance_grad = tp__option(o->tolerance_grad, 1e-7);
    o->tolerance_change = tp__option(o->tolerance_change, 1e-9);
    if (o->max_iter < 0)
        return tp__optim_bad(T, name, "max_iter", o->max_iter, "0 or more");
    return o->history_size >= 0 || tp__optim_bad(T, name, "history_size", o->history_size, "0 or more");
}

/* ---- state: torch's keys and order; the vectors in double, as they are kept ---------------------------------------------- */

static void list_vectors(tp__state_list *l, const char *name, int64_t rows, const lbfgs *m, double *ring)
{
    tp_tensor *x = tp__tensor_owned(TP_F64, (tp_dims){.ndim = 2, .dim = {rows, m->n}});
    for (int i = 0; x && i < rows; i++)
        copy(m, (double *)x->data + (size_t)i * (size_t)m->n, pair(m, ring, i));
    tp__state_add(l, x, "%s", name);
}

static void list(const tp_optim *o, tp__state_list *l)
{
    const lbfgs *m = (const lbfgs *)o;
    const double evaluations = (double)m->evaluations, iterations = (double)m->iterations;
    if (m->iterations == 0)
        return;
    tp__state_add_numbers(l, TP_I64, 0, 1, &evaluations, "state.0.func_evals");
    tp__state_add_numbers(l, TP_I64, 0, 1, &iterations, "state.0.n_iter");
    tp__state_add_numbers(l, TP_F64, 1, m->n, m->d, "state.0.d");
    tp__state_add_numbers(l, TP_F64, 0, 1, &m->t, "state.0.t");
    list_vectors(l, "state.0.old_dirs", m->kept, m, m->y);
    list_vectors(l, "state.0.old_stps", m->kept, m, m->s);
    tp_tensor *rho = tp__tensor_owned(TP_F64, (tp_dims){.ndim = 1, .dim = {m->kept}});
    for (int i = 0; rho && i < m->kept; i++)
        ((double *)rho->data)[i] = m->rho[(m->oldest + i) % m->o.history_size];
    tp__state_add(l, rho, "state.0.ro");
    tp__state_add_numbers(l, TP_F64, 0, 1, &m->diagonal, "state.0.H_diag");
    tp__state_add_numbers(l, TP_F64, 1, m->n, m->prev, "state.0.prev_flat_grad");
    tp__state_add_numbers(l, TP_F64, 0, 1, &m->prev_loss, "state.0.prev_loss");
    tp__state_add_numbers(l, TP_F64, 0, 1, &m->least_change, "state.0.least_change"); /* Tapir's own */
}

static bool restore_pairs(lbfgs *m, tp__optim_source *s, int64_t kept, bool check)
{
    size_t room = (size_t)kept * (size_t)m->n + 1;
    double *spare = check ? tp__malloc(room * sizeof *spare) : NULL;
    if (check && spare == NULL)
        tp_fail(s->T, TP_ENOMEM, "%s: no memory for %lld vectors", s->speaker, (long long)kept);
    bool ok = (!check || spare) && tp__optim_numbers(s, kept * m->n, check ? spare : m->y, "state.0.old_dirs") &&
              tp__optim_numbers(s, kept * m->n, check ? spare : m->s, "state.0.old_stps") &&
              tp__optim_numbers(s, kept, check ? spare : m->rho, "state.0.ro");
    tp__free(spare);
    return ok;
}

/* What is checked goes into spare room: the step's own vectors, which nobody reads between steps. */
static tp_status restore(tp_optim *o, tp__optim_source *s, bool check)
{
    lbfgs *m = (lbfgs *)o;
    double evaluations = 0, iterations = 0, t, diagonal, loss, least;
    const tp_tensor *rho = tp__optim_given(s, "state.0.ro");
    if (!tp__optim_given(s, "state.0.n_iter")) { /* it had made no step */
        if (!check) {
            m->kept = m->oldest = 0;
            m->iterations = m->evaluations = 0;
            m->diagonal = 1;
        }
        return TP_OK;
    }
    int64_t kept = rho ? rho->numel : 0;
    if (kept > m->o.history_size)
        return tp_fail(s->T, TP_EINVAL, "%s: a history of %lld; history_size %d is needed or less", s->speaker,
                       (long long)kept, m->o.history_size);
    if (!tp__optim_number(s, &iterations, "state.0.n_iter") ||
        !tp__optim_number(s, &evaluations, "state.0.func_evals") || !tp__optim_number(s, &t, "state.0.t") ||
        !tp__optim_number(s, &diagonal, "state.0.H_diag") || !tp__optim_number(s, &loss, "state.0.prev_loss") ||
        !tp__optim_numbers(s, m->n, check ? m->gradient[0] : m->d, "state.0.d") ||
        !tp__optim_numbers(s, m->n, check ? m->gradient[0] : m->prev, "state.0.prev_flat_grad") ||
        !restore_pairs(m, s, kept, check))
        return s->T->status;
    bool own = tp__optim_given(s, "state.0.least_change") != NULL;
    least = m->o.tolerance_change;
    if (own && !tp__optim_number(s, &least, "state.0.least_change"))
        return s->T->status;
    if (check)
        return TP_OK;
    m->iterations = (int64_t)iterations;
    m->evaluations = (int64_t)evaluations;
    m->t = t;
    m->diagonal = diagonal;
    m->prev_loss = loss;
    m->least_change = least;
    m->kept = (int)kept;
    m->oldest = 0;
    return TP_OK;
}

static const tp__option_field fields[] = {TP__NUMBER(tp_lbfgs_options, lr),
                                          TP__WHOLE(tp_lbfgs_options, max_iter),
                                          TP__WHOLE(tp_lbfgs_options, max_eval),
                                          TP__NUMBER(tp_lbfgs_options, tolerance_grad),
                                          TP__NUMBER(tp_lbfgs_options, tolerance_change),
                                          TP__WHOLE(tp_lbfgs_options, history_size),
                                          TP__WHOLE(tp_lbfgs_options, line_search),
                                          {0}};
static const tp__optim_class lbfgs_class = {.op = TP__OPTIM_OP("lbfgs"),
                                            .size = sizeof(lbfgs),
                                            .options_size = sizeof(tp_lbfgs_options),
                                            .title = "LBFGS",
                                            .fields = fields,
                                            .check = check,
                                            .step_closure = step,
                                            .list = list,
                                            .restore = restore,
                                            .free = release};
_Static_assert(sizeof(tp_lbfgs_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

/* One allocation; the system gives its pages as the history grows into them. */
static bool allocate(lbfgs *m)
{
    size_t n = (size_t)m->n, h = (size_t)m->o.history_size, vectors = 3 + TP__LINE_GRADIENTS + 2 * h, count;
    if (!tp__mul_size(vectors, n, &count) || (m->memory = tp__calloc(count + 2 * h + 1, sizeof(double))) == NULL)
        return false;
    double *at = m->memory;
    m->rho = at;
    m->alpha = at += h;
    m->x = at += h;
    m->d = at += n;
    m->prev = at += n;
    for (int i = 0; i < TP__LINE_GRADIENTS; i++)
        m->gradient[i] = at += n;
    m->s = at += n;
    m->y = at + h * n;
    return true;
}

tp_optim *tp_optim_lbfgs(tp_tape *T, tp_params *params, const tp_lbfgs_options *options)
{
    TP__NAMED(T, "optim_lbfgs");
    lbfgs *m = (lbfgs *)tp__optim_new(T, &lbfgs_class, params, options);
    if (m == NULL)
        return NULL;
    m->o = *(const tp_lbfgs_options *)m->base.groups->options;
    m->n = params->count;
    m->diagonal = 1;
    if (!allocate(m)) {
        tp_optim_free(&m->base);
        tp_fail(T, TP_ENOMEM, "lbfgs: no memory");
        return NULL;
    }
    return &m->base;
}

tp_lbfgs_report tp_lbfgs_info(const tp_optim *o)
{
    if (o == NULL || o->type != &lbfgs_class)
        return (tp_lbfgs_report){.loss = NAN, .stop = TP_LBFGS_FAILED};
    return ((const lbfgs *)o)->report;
}
