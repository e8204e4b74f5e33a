/* schedules.c - learning rates and momenta of SGD with two groups over 60 epochs. */
#include "groups.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    test_case *c;
    tp_optim *o;
    const char *expression; /* of lr_lambda */
} made;

/* ---- functions of the epoch, as Python writes them: + - * / // % **, min, max, parentheses; NaN for anything else -------- */

typedef struct {
    const char *at;
    double epoch;
} reader;

static bool next_is(reader *r, const char *text)
{
    while (*r->at == ' ')
        r->at++;
    size_t n = strlen(text);
    if (strncmp(r->at, text, n) != 0)
        return false;
    r->at += n;
    return true;
}

static double sum(reader *r);

static double least_or_most(reader *r, bool most)
{
    double x = sum(r);
    while (next_is(r, ",")) {
        double y = sum(r);
        x = most ? fmax(x, y) : fmin(x, y);
    }
    return next_is(r, ")") ? x : NAN;
}

static double atom(reader *r)
{
    if (next_is(r, "min("))
        return least_or_most(r, false);
    if (next_is(r, "max("))
        return least_or_most(r, true);
    if (next_is(r, "("))
        return least_or_most(r, false);
    if (next_is(r, "epoch"))
        return r->epoch;
    char *end;
    double x = strtod(r->at, &end);
    if (end == r->at)
        return NAN;
    r->at = end;
    return x;
}

static double power(reader *r)
{
    if (next_is(r, "-"))
        return -power(r);
    double x = atom(r);
    return next_is(r, "**") ? pow(x, power(r)) : x;
}

static double term(reader *r)
{
    double x = power(r), y;
    for (;;) {
        if (next_is(r, "//"))
            x = floor(x / power(r));
        else if (next_is(r, "*"))
            x *= power(r);
        else if (next_is(r, "/"))
            x /= power(r);
        else if (next_is(r, "%"))
            y = power(r), x -= y * floor(x / y);
        else
            return x;
    }
}

static double sum(reader *r)
{
    double x = term(r);
    for (;;) {
        if (next_is(r, "+"))
            x += term(r);
        else if (next_is(r, "-"))
            x -= term(r);
        else
            return x;
    }
}

static double by_expression(int64_t epoch, int group, void *user)
{
    reader r = {((const made *)user)->expression, (double)epoch};
    (void)group;
    double x = sum(&r);
    return next_is(&r, "") && *r.at == 0 ? x : NAN;
}

static double number(test_case *c, const char *name)
{
    const json_t *a = arg(c, -1, name);
    if (a != NULL && !arg_is_number(a))
        case_skip(c, "%s is not a number", name);
    return a == NULL ? 0 : number_of(a) == 0 ? TP_ZERO : number_of(a);
}

static int64_t whole(test_case *c, const char *name) { return arg_int(c, -1, name, 0); }

enum { MOST = 16 };

static int list(test_case *c, const char *name, int64_t *out)
{
    const json_t *a = arg(c, -1, name);
    int n = (int)json_array_size(a);
    for (int i = 0; i < n && i < MOST; i++)
        out[i] = json_integer_value(json_array_get(a, (size_t)i));
    if (n > MOST)
        case_fail(c, "%s has more than %d", name, MOST);
    return n > MOST ? 0 : n;
}

/* A number for all groups, or a list of one each. */
static double each(test_case *c, const char *name, double *out, const double **used)
{
    const json_t *a = arg(c, -1, name);
    *used = json_is_array(a) ? out : NULL;
    for (size_t i = 0; i < json_array_size(a) && i < 2; i++)
        out[i] = number_of(json_array_get(a, i));
    return json_is_array(a) ? 0 : number(c, name);
}

static tp_schedule *make_cyclic(test_case *c, tp_optim *o)
{
    double low[2], high[2];
    const char *mode = arg_string(c, -1, "mode", "triangular");
    tp_cyclic_options p = {.step_size_up = whole(c, "step_size_up"),
                           .step_size_down = whole(c, "step_size_down"),
                           .gamma = number(c, "gamma"),
                           .no_cycle_momentum = !arg_bool(c, -1, "cycle_momentum", true),
                           .base_momentum = number(c, "base_momentum"),
                           .max_momentum = number(c, "max_momentum")};
    p.base_lr = each(c, "base_lr", low, &p.base_lrs);
    p.max_lr = each(c, "max_lr", high, &p.max_lrs);
    p.mode = strcmp(mode, "triangular2") == 0 ? TP_TRIANGULAR2
             : strcmp(mode, "exp_range") == 0 ? TP_EXP_RANGE
                                              : TP_TRIANGULAR;
    return tp_cyclic_lr(c->T, o, &p);
}

static tp_schedule *make_one_cycle(test_case *c, tp_optim *o)
{
    double high[2];
    int64_t epochs = whole(c, "epochs"), steps = whole(c, "steps_per_epoch"), total = whole(c, "total_steps");
    tp_one_cycle_options p = {.total_steps = total ? total : epochs * steps,
                              .pct_start = number(c, "pct_start"),
                              .linear = strcmp(arg_string(c, -1, "anneal_strategy", "cos"), "linear") == 0,
                              .no_cycle_momentum = !arg_bool(c, -1, "cycle_momentum", true),
                              .base_momentum = number(c, "base_momentum"),
                              .max_momentum = number(c, "max_momentum"),
                              .div_factor = number(c, "div_factor"),
                              .final_div_factor = number(c, "final_div_factor"),
                              .three_phase = arg_bool(c, -1, "three_phase", false)};
    p.max_lr = each(c, "max_lr", high, &p.max_lrs);
    return tp_one_cycle_lr(c->T, o, &p);
}

static tp_schedule *make_plateau(test_case *c, tp_optim *o)
{
    double least[2];
    arg(c, 0, NULL); /* the metrics */
    int64_t patience = arg_int(c, -1, "patience", 10);
    tp_plateau_options p = {.max = strcmp(arg_string(c, -1, "mode", "min"), "max") == 0,
                            .factor = number(c, "factor"),
                            .patience = patience == 0 ? -1 : patience,
                            .threshold = number(c, "threshold"),
                            .absolute = strcmp(arg_string(c, -1, "threshold_mode", "rel"), "abs") == 0,
                            .cooldown = whole(c, "cooldown"),
                            .eps = number(c, "eps")};
    p.min_lr = each(c, "min_lr", least, &p.min_lrs);
    return tp_reduce_lr_on_plateau(c->T, o, &p);
}

static const char *expression(test_case *c)
{
    return json_string_value(json_object_get(arg(c, -1, "lr_lambda"), "expr"));
}

static tp_schedule *make(test_case *c, made *m, const char *name, json_t *kwargs);

static tp_schedule *make_of_schedules(test_case *c, made *m, bool sequential)
{
    tp_schedule *parts[MOST];
    int64_t milestones[MOST] = {0};
    json_t *inner = arg(c, -1, "schedulers"), *kwargs = c->kwargs;
    int n = (int)json_array_size(inner);
    if (sequential)
        list(c, "milestones", milestones);
    for (int i = 0; i < n && i < MOST; i++) {
        json_t *one = json_array_get(inner, (size_t)i);
        parts[i] = make(c, m, json_string_value(json_object_get(one, "op")), json_object_get(one, "kwargs"));
    }
    args_use(c, c->args, kwargs);
    arg(c, -1, "schedulers");
    arg(c, -1, "milestones");
    return sequential ? tp_sequential_lr(c->T, n, parts, milestones) : tp_chained_lr(c->T, n, parts);
}

static tp_schedule *make(test_case *c, made *m, const char *name, json_t *kwargs)
{
    int64_t milestones[MOST];
    args_use(c, c->args, kwargs);
    if (strcmp(name, "StepLR") == 0)
        return tp_step_lr(c->T, m->o, whole(c, "step_size"), number(c, "gamma"));
    if (strcmp(name, "MultiStepLR") == 0) {
        int n = list(c, "milestones", milestones);
        return tp_multi_step_lr(c->T, m->o, n, milestones, number(c, "gamma"));
    }
    if (strcmp(name, "ConstantLR") == 0)
        return tp_constant_lr(c->T, m->o, number(c, "factor"), whole(c, "total_iters"));
    if (strcmp(name, "LinearLR") == 0)
        return tp_linear_lr(c->T, m->o, number(c, "start_factor"), number(c, "end_factor"), whole(c, "total_iters"));
    if (strcmp(name, "ExponentialLR") == 0)
        return tp_exponential_lr(c->T, m->o, number(c, "gamma"));
    if (strcmp(name, "PolynomialLR") == 0)
        return tp_polynomial_lr(c->T, m->o, whole(c, "total_iters"), number(c, "power"));
    if (strcmp(name, "CosineAnnealingLR") == 0)
        return tp_cosine_annealing_lr(c->T, m->o, whole(c, "T_max"), number(c, "eta_min"));
    if (strcmp(name, "CosineAnnealingWarmRestarts") == 0)
        return tp_cosine_annealing_warm_restarts(c->T, m->o, whole(c, "T_0"), whole(c, "T_mult"), number(c, "eta_min"));
    if (strcmp(name, "CyclicLR") == 0)
        return make_cyclic(c, m->o);
    if (strcmp(name, "OneCycleLR") == 0)
        return make_one_cycle(c, m->o);
    if (strcmp(name, "ReduceLROnPlateau") == 0)
        return make_plateau(c, m->o);
    m->expression = expression(c);
    if (strcmp(name, "LambdaLR") == 0)
        return tp_lambda_lr(c->T, m->o, by_expression, m);
    if (strcmp(name, "MultiplicativeLR") == 0)
        return tp_multiplicative_lr(c->T, m->o, by_expression, m);
    if (strcmp(name, "SequentialLR") == 0 || strcmp(name, "ChainedScheduler") == 0)
        return make_of_schedules(c, m, name[0] == 'S');
    case_skip(c, "no such schedule");
    return NULL;
}

bool schedule_known(const char *op) { return strncmp(op, "lr_scheduler.", 13) == 0; }

enum { MOST_EPOCHS = 100 };

/* The rates, or momenta, of both groups before each epoch. */
static void note(const tp_optim *o, int epoch, double *lr, double *momentum)
{
    for (int g = 0; g < 2; g++) {
        lr[2 * epoch + g] = tp_optim_group_lr(o, g);
        momentum[2 * epoch + g] = tp_optim_option(o, g, "momentum");
    }
}

static tp_optim *make_sgd(test_case *c, tp_params **params)
{
    const json_t *base = json_object_get(c->json, "base");
    tp_optim *o = NULL;
    for (int g = 0; g < 2; g++) {
        tp_tensor *x = tp_requires_grad(case_keep(c, tp_ones(c->T, TP_F64, tp_shape(1))), true);
        params[g] = tp_params_of(c->T, 1, &x);
        tp_sgd_options p = {.lr = number_of(json_array_get(json_object_get(base, "lr"), (size_t)g)),
                            .momentum = number_of(json_array_get(json_object_get(base, "momentum"), (size_t)g))};
        if (g == 0)
            o = tp_optim_sgd(c->T, params[0], &p);
        else
            (void)tp_optim_sgd_group(c->T, o, params[1], &p);
    }
    return o;
}

void run_schedule(test_case *c)
{
    double lr[2 * MOST_EPOCHS + 2], momentum[2 * MOST_EPOCHS + 2];
    int epochs = (int)json_integer_value(json_object_get(c->json, "epochs"));
    made m = {.c = c};
    tp_params *params[2] = {NULL, NULL};
    if (epochs > MOST_EPOCHS)
        case_fail(c, "more than %d epochs", MOST_EPOCHS);
    m.o = make_sgd(c, params);
    tp_schedule *s = case_ok(c) ? make(c, &m, c->op + 13, c->kwargs) : NULL;
    args_done(c);
    bool by_metric = c->n_in > 0;
    for (int e = 0; e <= epochs && case_ok(c); e++) {
        note(m.o, e, lr, momentum);
        if (e < epochs)
            (void)(by_metric ? tp_schedule_step_metric(c->T, s, tp_item_at(c->in[0], e)) : tp_schedule_step(c->T, s));
    }
    if (case_ok(c)) {
        check_stored_at(c, tp_from(c->T, TP_F64, tp_shape(epochs + 1, 2), lr), "out", 0, case_tolerance(c, ""));
        check_stored_at(c, tp_from(c->T, TP_F64, tp_shape(epochs + 1, 2), momentum), "out", 1, case_tolerance(c, ""));
    }
    tp_schedule_free(s);
    tp_optim_free(m.o);
    tp_params_free(params[0]);
    tp_params_free(params[1]);
}
