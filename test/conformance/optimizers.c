/* optimizers.c - 25 steps on a least squares problem, or on Rosenbrock's function. */
#include "groups.h"

#include <stdio.h>
#include <string.h>

enum { MAX_STEPS = 64, MAX_SIZE = 16 };

typedef struct {
    tp_optim *optimizer;
    tp_params *params[2]; /* one group, or one a parameter */
    tp_tensor *A, *b;     /* least squares: mean((A w + c - b)^2); NULL: (1 - p0)^2 + 100 (p1 - p0^2)^2 */
    int n;                /* parameters: w and c, or p */
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

/* ---- the optimizers: made with defaults, then told their options by name ------------------------- */

/* SGD has no default for the learning rate. */
static tp_optim *new_SGD(test_case *c, tp_params *p) { return tp_optim_sgd(c->T, p, &(tp_sgd_options){.lr = 1}); }
static tp_status group_SGD(tp_tape *T, tp_optim *o, tp_params *p)
{
    return tp_optim_sgd_group(T, o, p, &(tp_sgd_options){.lr = 1});
}
/* max_eval follows from max_iter, and the memory from history_size, when it is made. */
static tp_optim *new_LBFGS(test_case *c, tp_params *p)
{
    tp_lbfgs_options o = {.max_iter = (int)arg_int(c, -1, "max_iter", 0),
                          .history_size = (int)arg_int(c, -1, "history_size", 0)};
    return tp_optim_lbfgs(c->T, p, &o);
}
#define PLAIN(title, name) \
    static tp_optim *new_##title(test_case *c, tp_params *p) { return tp_optim_##name(c->T, p, NULL); } \
    static tp_status group_##title(tp_tape *T, tp_optim *o, tp_params *p) \
    { \
        return tp_optim_##name##_group(T, o, p, NULL); \
    }
PLAIN(Adam, adam)
PLAIN(AdamW, adamw)
PLAIN(Adamax, adamax)
PLAIN(NAdam, nadam)
PLAIN(RAdam, radam)
PLAIN(Adagrad, adagrad)
PLAIN(Adadelta, adadelta)
PLAIN(RMSprop, rmsprop)
PLAIN(Rprop, rprop)
PLAIN(ASGD, asgd)

typedef struct {
    const char *name;
    tp_optim *(*make)(test_case *c, tp_params *params);
    tp_status (*group)(tp_tape *T, tp_optim *o, tp_params *params);
} maker;
#define MAKER(title) \
    { \
        "optim." #title, new_##title, group_##title \
    }
static const maker makers[] = {MAKER(SGD),      {"optim.LBFGS", new_LBFGS, NULL},
                               MAKER(Adam),     MAKER(AdamW),
                               MAKER(Adamax),   MAKER(NAdam),
                               MAKER(RAdam),    MAKER(Adagrad),
                               MAKER(Adadelta), MAKER(RMSprop),
                               MAKER(Rprop),    MAKER(ASGD)};

static const maker *find_maker(const char *op)
{
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        if (strcmp(makers[i].name, op) == 0)
            return &makers[i];
    return NULL;
}

bool optimizer_known(const char *op) { return find_maker(op) != NULL; }

static void set_pair(test_case *c, tp_optim *o, int group, const json_t *pair, const char *first, const char *second)
{
    tp_optim_set_option(c->T, o, group, first, number_of(json_array_get(pair, 0)));
    tp_optim_set_option(c->T, o, group, second, number_of(json_array_get(pair, 1)));
}

/* torch's tuples have names of their own here. */
static void set_options(test_case *c, tp_optim *o, int group, json_t *options)
{
    const char *key;
    json_t *value;
    json_object_foreach(options, key, value)
    {
        if (strcmp(key, "betas") == 0)
            set_pair(c, o, group, value, "beta1", "beta2");
        else if (strcmp(key, "etas") == 0)
            set_pair(c, o, group, value, "etaminus", "etaplus");
        else if (strcmp(key, "step_sizes") == 0)
            set_pair(c, o, group, value, "step_size_min", "step_size_max");
        else if (strcmp(key, "line_search_fn") == 0)
            tp_optim_set_option(c->T, o, group, "line_search",
                                json_is_string(value) ? TP_STRONG_WOLFE : TP_NO_LINE_SEARCH);
        else if (arg_is_number(value))
            tp_optim_set_option(c->T, o, group, key, number_of(value));
        else
            case_skip(c, "%s is not a number", key);
        arg(c, -1, key);
    }
}

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

/* The state at the end, under torch's names. That of L-BFGS comes of differences of gradients that are nearly equal, which
 * Tapir takes in double: in float32 torch's has few digits or none. */
static void check_state(test_case *c, const problem *p)
{
    tp_state_dict *d = tp_optim_state_dict(c->T, p->optimizer);
    tolerance allowed = case_tolerance(c, "");
    bool differences = strcmp(c->op, "optim.LBFGS") == 0;
    size_t i;
    if (differences)
        allowed.rtol = 1e-7;
    json_t *name;
    json_array_foreach(json_object_get(c->json, "state"), i, name)
    {
        char key[96];
        snprintf(key, sizeof key, "state.%s", json_string_value(name));
        tp_tensor *want = case_tensor(c, "state", json_string_value(name));
        tp_tensor *got = tp_state_dict_get(d, key);
        if (got == NULL)
            case_fail(c, "%s is not there", key);
        else if (want && !(differences && tp_dtype_of(want) == TP_F32))
            check(c, key, tp_reshape(c->T, tp_to(c->T, got, tp_dtype_of(want)), tp_shape_of(want)), want, allowed);
    }
    tp_state_dict_free(d);
}

static void make_optimizer(test_case *c, problem *p, const maker *m)
{
    json_t *groups = json_object_get(c->json, "groups");
    int n = groups ? p->n : 1;
    if (n > 1 && m->group == NULL)
        case_skip(c, "one group");
    for (int i = 0; i < n; i++)
        p->params[i] = tp_params_of(c->T, groups ? 1 : p->n, &p->at[i]);
    p->optimizer = m->make(c, p->params[0]);
    for (int i = 1; i < n && m->group; i++)
        (void)m->group(c->T, p->optimizer, p->params[i]);
    for (int i = 0; i < n && p->optimizer; i++) {
        set_options(c, p->optimizer, i, c->kwargs);
        set_options(c, p->optimizer, i, json_array_get(groups, (size_t)i));
    }
}

void run_optimizer(test_case *c)
{
    problem p;
    const maker *m = find_maker(c->op);
    int steps = (int)json_integer_value(json_object_get(c->json, "steps"));
    memset(&p, 0, sizeof p);
    if (m == NULL)
        case_skip(c, "no such optimizer");
    if (steps > MAX_STEPS)
        case_fail(c, "more than %d steps", MAX_STEPS);
    if (case_ok(c))
        set_up(c, &p);
    if (!case_ok(c))
        return;
    make_optimizer(c, &p, m);
    args_done(c);
    if (case_ok(c))
        walk(c, &p, steps);
    if (case_ok(c))
        check_path(c, &p, steps);
    if (case_ok(c))
        check_state(c, &p);
    tp_optim_free(p.optimizer);
    tp_clear_error(c->T);
    tp_tape_reset(c->T);
    tp_params_free(p.params[0]);
    tp_params_free(p.params[1]);
}
