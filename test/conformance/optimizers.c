/* optimizers.c - 25 steps on a least squares problem, or on Rosenbrock's function. */
#include "groups.h"

#include <stdio.h>
#include <string.h>

enum { MAX_STEPS = 64, MAX_SIZE = 16 };

typedef struct {
    tp_optim *optimizer;
    tp_params *params;
    tp_tensor *A, *b; /* least squares: mean((A w + c - b)^2); NULL: (1 - p0)^2 + 100 (p1 - p0^2)^2 */
    int n;            /* parameters: w and c, or p */
    tp_tensor *at[2];
    double path[2][(MAX_STEPS + 1) * MAX_SIZE]; /* a row a step */
    double loss[MAX_STEPS];
} problem;

static tp_tensor *loss_of(tp_tape *T, const problem *p)
{
    if (p->A != NULL) {
        tp_tensor *residual = tp_sub(T, tp_add(T, tp_mv(T, p->A, p->at[0]), p->at[1]), p->b);
        return tp_mean(T, tp_square(T, residual));
    }
    tp_tensor *p0 = tp_select(T, p->at[0], 0, 0), *p1 = tp_select(T, p->at[0], 0, 1);
    tp_tensor *valley = tp_square(T, tp_sub(T, p1, tp_square(T, p0)));
    return tp_add(T, tp_square(T, tp_rsub_scalar(T, p0, 1)), tp_mul_scalar(T, valley, 100));
}

static double closure(tp_tape *T, void *user)
{
    problem *p = user;
    tp_optim_zero_grad(p->optimizer);
    tp_tensor *loss = loss_of(T, p);
    double value = tp_item(loss);
    tp_backward(T, loss);
    return value;
}

/* ---- the optimizers: 0 is said as TP_ZERO ---------------------------------------------------- */

static double number(test_case *c, const char *name)
{
    const json_t *a = arg(c, -1, name);
    if (a != NULL && !arg_is_number(a))
        case_skip(c, "%s is not a number", name);
    return a == NULL ? 0 : number_of(a) == 0 ? TP_ZERO : number_of(a);
}

static tp_optim *make_sgd(test_case *c, tp_params *params)
{
    tp_sgd_options o = {.lr = number(c, "lr"),
                        .momentum = number(c, "momentum"),
                        .dampening = number(c, "dampening"),
                        .weight_decay = number(c, "weight_decay"),
                        .nesterov = arg_bool(c, -1, "nesterov", false),
                        .maximize = arg_bool(c, -1, "maximize", false)};
    return tp_optim_sgd(c->T, params, &o);
}

static tp_adam_options adam_options(test_case *c)
{
    const json_t *betas = arg(c, -1, "betas");
    tp_adam_options o = {.lr = number(c, "lr"),
                         .eps = number(c, "eps"),
                         .weight_decay = number(c, "weight_decay"),
                         .amsgrad = arg_bool(c, -1, "amsgrad", false),
                         .maximize = arg_bool(c, -1, "maximize", false)};
    if (betas != NULL) {
        double beta1 = number_of(json_array_get(betas, 0)), beta2 = number_of(json_array_get(betas, 1));
        o.beta1 = beta1 == 0 ? TP_ZERO : beta1;
        o.beta2 = beta2 == 0 ? TP_ZERO : beta2;
    }
    return o;
}

static tp_optim *make_adam(test_case *c, tp_params *params)
{
    tp_adam_options o = adam_options(c);
    return tp_optim_adam(c->T, params, &o);
}

static tp_optim *make_adamw(test_case *c, tp_params *params)
{
    tp_adam_options o = adam_options(c);
    return tp_optim_adamw(c->T, params, &o);
}

static tp_optim *make_lbfgs(test_case *c, tp_params *params)
{
    const char *search = arg_string(c, -1, "line_search_fn", "");
    tp_lbfgs_options o = {.lr = number(c, "lr"),
                          .max_iter = (int)arg_int(c, -1, "max_iter", 0),
                          .max_eval = (int)arg_int(c, -1, "max_eval", 0),
                          .tolerance_grad = number(c, "tolerance_grad"),
                          .tolerance_change = number(c, "tolerance_change"),
                          .history_size = (int)arg_int(c, -1, "history_size", 0)};
    o.line_search = strcmp(search, "strong_wolfe") == 0 ? TP_STRONG_WOLFE : TP_NO_LINE_SEARCH;
    return tp_optim_lbfgs(c->T, params, &o);
}

static const struct {
    const char *name;
    tp_optim *(*make)(test_case *c, tp_params *params);
} makers[] = {
    {"optim.SGD", make_sgd},
    {"optim.Adam", make_adam},
    {"optim.AdamW", make_adamw},
    {"optim.LBFGS", make_lbfgs},
};

static int find_maker(const char *op)
{
    for (int i = 0; i < (int)(sizeof makers / sizeof makers[0]); i++)
        if (strcmp(makers[i].name, op) == 0)
            return i;
    return -1;
}

bool optimizer_known(const char *op) { return find_maker(op) >= 0; }

/* ---- a case ---------------------------------------------------------------------------------- */

/* Problem tensors outlive the steps' resets; the parameters ask for gradients. */
static void set_up(test_case *c, problem *p)
{
    bool lsq = strcmp(case_text(c, "problem"), "lsq") == 0;
    int first = lsq ? 2 : 0;
    if (c->n_in != (lsq ? 4 : 1)) {
        case_fail(c, "a problem of %d tensors", c->n_in);
        return;
    }
    p->A = lsq ? case_keep(c, c->in[0]) : NULL;
    p->b = lsq ? case_keep(c, c->in[1]) : NULL;
    p->n = c->n_in - first;
    for (int i = 0; i < p->n; i++) {
        p->at[i] = tp_requires_grad(case_keep(c, c->in[first + i]), true);
        if (tp_numel(p->at[i]) > MAX_SIZE)
            case_fail(c, "a parameter of more than %d elements", MAX_SIZE);
    }
    for (int i = 0; i < c->n_in; i++)
        arg(c, i, NULL);
}

static void note_row(problem *p, int row)
{
    for (int i = 0; i < p->n; i++)
        for (int64_t j = 0, n = tp_numel(p->at[i]); j < n; j++)
            p->path[i][row * n + j] = tp_item_at(p->at[i], j);
}

static void walk(test_case *c, problem *p, int steps)
{
    bool needs_closure = strcmp(c->op, "optim.LBFGS") == 0;
    note_row(p, 0);
    for (int s = 0; s < steps && case_ok(c); s++) {
        if (needs_closure) {
            p->loss[s] = tp_optim_step_closure(c->T, p->optimizer, closure, p);
        } else {
            p->loss[s] = closure(c->T, p);
            tp_optim_step(c->T, p->optimizer);
        }
        tp_tape_reset(c->T);
        note_row(p, s + 1);
    }
}

static void check_path(test_case *c, const problem *p, int steps)
{
    tp_dtype dtype = case_dtype(c);
    tolerance allowed = case_tolerance(c, "");
    for (int i = 0; i < p->n; i++) {
        tp_dims shape = tp_shape(steps + 1, tp_numel(p->at[i]));
        tp_tensor *path = tp_to(c->T, tp_from(c->T, TP_F64, shape, p->path[i]), dtype);
        check_stored_at(c, path, "out", i, allowed);
    }
    tp_tensor *loss = tp_to(c->T, tp_from(c->T, TP_F64, tp_shape(steps), p->loss), dtype);
    check_stored_at(c, loss, "out", p->n, allowed);
}

void run_optimizer(test_case *c)
{
    problem p;
    int maker = find_maker(c->op), steps = (int)json_integer_value(json_object_get(c->json, "steps"));
    memset(&p, 0, sizeof p);
    if (maker < 0)
        case_skip(c, "no such optimizer");
    if (json_object_get(c->json, "groups") != NULL)
        case_skip(c, "parameter groups");
    if (steps > MAX_STEPS)
        case_fail(c, "more than %d steps", MAX_STEPS);
    if (case_ok(c))
        set_up(c, &p);
    if (!case_ok(c))
        return;
    p.params = tp_params_of(c->T, p.n, p.at);
    p.optimizer = makers[maker].make(c, p.params);
    args_done(c);
    if (case_ok(c))
        walk(c, &p, steps);
    if (case_ok(c))
        check_path(c, &p, steps);
    tp_optim_free(p.optimizer);
    tp_clear_error(c->T);
    tp_tape_reset(c->T);
    tp_params_free(p.params);
}
