/* random.c - draws after a seed: the same values, to the last bit, and the generator left in the same
 * state. */
#include "groups.h"

#include <stdio.h>
#include <string.h>

static const tolerance exact = {0, 0};

/* ---- draws: n numbers from one function ------------------------------------------------------ */

typedef tp_tensor *(*draw_fn)(test_case *c, tp_dtype dtype, int64_t n);

static tp_tensor *draw_rand(test_case *c, tp_dtype dtype, int64_t n) { return tp_rand(c->T, dtype, tp_shape(n)); }

static tp_tensor *draw_randn(test_case *c, tp_dtype dtype, int64_t n) { return tp_randn(c->T, dtype, tp_shape(n)); }

/* The arguments' defaults are those of the files of single draws; a sequence does not repeat them. */
static tp_tensor *draw_randint(test_case *c, tp_dtype dtype, int64_t n)
{
    int64_t low = arg_int(c, -1, "low", -5), high = arg_int(c, -1, "high", 17);
    return tp_randint(c->T, dtype, tp_shape(n), low, high);
}

static tp_tensor *draw_randperm(test_case *c, tp_dtype dtype, int64_t n)
{
    (void)dtype;
    return tp_randperm(c->T, n);
}

static tp_tensor *draw_bernoulli(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_bernoulli(c->T, tp_full(c->T, dtype, tp_shape(n), arg_double(c, -1, "p", .3)));
}

static tp_tensor *draw_dropout(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_dropout(c->T, tp_ones(c->T, dtype, tp_shape(n)), arg_double(c, -1, "p", .4), true);
}

static tp_tensor *draw_uniform(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = case_keep(c, tp_empty(c->T, dtype, tp_shape(n)));
    double low = arg_double(c, -1, "a", -1), high = arg_double(c, -1, "b", 3);
    tp_uniform_(c->T, x, low, high);
    return x;
}

static tp_tensor *draw_normal(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = case_keep(c, tp_empty(c->T, dtype, tp_shape(n)));
    double mean = arg_double(c, -1, "mean", 2), std = arg_double(c, -1, "std", 3);
    tp_normal_(c->T, x, mean, std);
    return x;
}

static tp_tensor *owned(test_case *c, tp_dtype dtype, int64_t n)
{
    return case_keep(c, tp_empty(c->T, dtype, tp_shape(n)));
}

static tp_tensor *draw_bernoulli_in_place(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    tp_bernoulli_(c->T, x, arg_double(c, -1, "p", .3));
    return x;
}

static tp_tensor *draw_exponential(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    tp_exponential_(c->T, x, arg_double(c, -1, "lambd", 1.5));
    return x;
}

static tp_tensor *draw_log_normal(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    double mean = arg_double(c, -1, "mean", .5), std = arg_double(c, -1, "std", .25);
    tp_log_normal_(c->T, x, mean, std);
    return x;
}

static tp_tensor *draw_cauchy(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    double median = arg_double(c, -1, "median", .5), scale = arg_double(c, -1, "sigma", 2);
    tp_cauchy_(c->T, x, median, scale);
    return x;
}

static tp_tensor *draw_geometric(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    tp_geometric_(c->T, x, arg_double(c, -1, "p", .2));
    return x;
}

static tp_tensor *draw_random(test_case *c, tp_dtype dtype, int64_t n)
{
    tp_tensor *x = owned(c, dtype, n);
    tp_random_(c->T, x);
    return x;
}

static tp_tensor *draw_multinomial(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_multinomial(c->T, tp_arange(c->T, dtype, 1, (double)n + 1, 1), n < 5 ? n : 5, false);
}

static tp_tensor *draw_multinomial_replacement(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_multinomial(c->T, tp_arange(c->T, dtype, 1, (double)n + 1, 1), 9, true);
}

static tp_tensor *draw_alpha_dropout(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_alpha_dropout(c->T, tp_ones(c->T, dtype, tp_shape(n)), arg_double(c, -1, "p", .4), true);
}

static tp_tensor *draw_rrelu(test_case *c, tp_dtype dtype, int64_t n)
{
    return tp_rrelu(c->T, tp_neg(c->T, tp_ones(c->T, dtype, tp_shape(n))), 1. / 8, 1. / 3, true);
}

static const struct {
    const char *name;
    draw_fn draw;
    bool whole; /* 64-bit integers, in a sequence of any dtype */
} draws[] = {
    {"rand", draw_rand, false},
    {"randn", draw_randn, false},
    {"randint", draw_randint, true},
    {"randint_wide", draw_randint, true},
    {"randperm", draw_randperm, true},
    {"bernoulli", draw_bernoulli, false},
    {"dropout", draw_dropout, false},
    {"uniform_", draw_uniform, false},
    {"normal_", draw_normal, false},
    {"bernoulli_", draw_bernoulli_in_place, false},
    {"exponential_", draw_exponential, false},
    {"log_normal_", draw_log_normal, false},
    {"cauchy_", draw_cauchy, false},
    {"geometric_", draw_geometric, false},
    {"random_", draw_random, false},
    {"multinomial", draw_multinomial, false},
    {"multinomial_replacement", draw_multinomial_replacement, false},
    {"alpha_dropout", draw_alpha_dropout, false},
    {"rrelu", draw_rrelu, false},
};
enum { DRAWS = sizeof draws / sizeof draws[0] };

static int find_draw(const char *name)
{
    for (int i = 0; i < DRAWS; i++)
        if (strcmp(draws[i].name, name) == 0)
            return i;
    return -1;
}

static void run_draw(test_case *c, const char *name)
{
    int i = find_draw(name);
    tp_dtype dtype = case_dtype(c);
    if (i < 0) {
        case_skip(c, "no %s", name);
        return;
    }
    tp_tensor *x = draws[i].draw(c, dtype, arg_int(c, 0, "n", 0));
    args_done(c);
    tp_tensor *next = tp_rand(c->T, TP_F64, tp_shape(1));
    check_stored_at(c, x, "out", 0, exact);
    check_stored_at(c, next, "out", 1, exact);
}

/* The bytes of the state after a draw; and they restore it. */
static void run_state(test_case *c)
{
    const char *drawn = case_text(c, "after");
    int n = 0;
    if (sscanf(drawn, "randn(%d)", &n) == 1)
        tp_randn(c->T, TP_F32, tp_shape(n));
    else if (sscanf(drawn, "rand(%d)", &n) == 1)
        tp_rand(c->T, TP_F32, tp_shape(n));
    else if (strcmp(drawn, "seed") != 0)
        case_skip(c, "after %s", drawn);
    tp_tensor *state = tp_get_rng_state(c->T);
    check_stored_at(c, state, "out", 0, exact);
    double next = tp_item(tp_randn(c->T, TP_F64, tp_shape(1)));
    tp_set_rng_state(c->T, state);
    if (tp_item(tp_randn(c->T, TP_F64, tp_shape(1))) != next)
        case_fail(c, "the state does not restore the generator");
}

/* ---- several draws from one generator -------------------------------------------------------- */

static bool all_drawable(test_case *c, const json_t *program)
{
    for (size_t i = 0; i < json_array_size(program); i++) {
        const char *name = json_string_value(json_array_get(json_array_get(program, i), 0));
        if (name == NULL || find_draw(name) < 0) {
            case_skip(c, "no %s", name != NULL ? name : "function");
            return false;
        }
    }
    return true;
}

static void run_sequence(test_case *c)
{
    const json_t *program = json_object_get(c->json, "program");
    tp_dtype dtype = case_dtype(c);
    if (!all_drawable(c, program))
        return;
    for (size_t i = 0; i < json_array_size(program) && case_ok(c); i++) {
        const json_t *step = json_array_get(program, i);
        int d = find_draw(json_string_value(json_array_get(step, 0)));
        int64_t n = json_integer_value(json_array_get(step, 1));
        tp_tensor *x = draws[d].draw(c, draws[d].whole ? TP_I64 : dtype, n);
        check_stored_at(c, x, "out", (int)i, exact);
    }
}

/* ---- initial values -------------------------------------------------------------------------- */

static void run_layer(test_case *c, const char *name)
{
    module_build(c, name);
    const json_t *names = json_object_get(c->json, "params");
    for (size_t i = 0; i < json_array_size(names) && case_ok(c); i++) {
        const char *param = json_string_value(json_array_get(names, i));
        check_stored(c, tp_module_param(c->module, param), "param", param, exact);
    }
}

static void init_uniform(test_case *c, tp_tensor *x)
{
    double low = arg_double(c, 1, "a", 0), high = arg_double(c, 2, "b", 1);
    tp_uniform_(c->T, x, low, high);
}
static void init_normal(test_case *c, tp_tensor *x)
{
    double mean = arg_double(c, 1, "mean", 0), std = arg_double(c, 2, "std", 1);
    tp_normal_(c->T, x, mean, std);
}
static void init_trunc_normal(test_case *c, tp_tensor *x)
{
    double mean = arg_double(c, 1, "mean", 0), std = arg_double(c, 2, "std", 1);
    double low = arg_double(c, 3, "a", -2), high = arg_double(c, 4, "b", 2);
    tp_init_trunc_normal_(c->T, x, mean, std, low, high);
}
static void init_constant(test_case *c, tp_tensor *x) { tp_fill_(c->T, x, arg_double(c, 1, "val", 0)); }
static void init_ones(test_case *c, tp_tensor *x) { tp_fill_(c->T, x, 1); }
static void init_zeros(test_case *c, tp_tensor *x) { tp_zero_(c->T, x); }
static void init_xavier_uniform(test_case *c, tp_tensor *x)
{
    tp_init_xavier_uniform_(c->T, x, arg_double(c, 1, "gain", 1));
}
static void init_xavier_normal(test_case *c, tp_tensor *x)
{
    tp_init_xavier_normal_(c->T, x, arg_double(c, 1, "gain", 1));
}

static tp_kaiming_options kaiming_options(test_case *c)
{
    static const char *const names[] = {"leaky_relu", "linear", "sigmoid", "tanh", "relu", "selu"};
    tp_kaiming_options o = {.a = arg_double(c, 1, "a", 0)};
    o.mode = strcmp(arg_string(c, 2, "mode", "fan_in"), "fan_out") == 0 ? TP_FAN_OUT : TP_FAN_IN;
    const char *name = arg_string(c, 3, "nonlinearity", names[0]);
    int i = 0;
    while (i < 6 && strcmp(names[i], name) != 0)
        i++;
    if (i == 6)
        case_skip(c, "nonlinearity %s", name);
    o.nonlinearity = (tp_nonlinearity)i;
    return o;
}
static void init_kaiming_uniform(test_case *c, tp_tensor *x)
{
    tp_kaiming_options o = kaiming_options(c);
    tp_init_kaiming_uniform_(c->T, x, &o);
}
static void init_kaiming_normal(test_case *c, tp_tensor *x)
{
    tp_kaiming_options o = kaiming_options(c);
    tp_init_kaiming_normal_(c->T, x, &o);
}
static void init_orthogonal(test_case *c, tp_tensor *x) { tp_init_orthogonal_(c->T, x, arg_double(c, 1, "gain", 1)); }
static void init_eye(test_case *c, tp_tensor *x) { tp_init_eye_(c->T, x); }
static void init_dirac(test_case *c, tp_tensor *x) { tp_init_dirac_(c->T, x, arg_int(c, 1, "groups", 1)); }
static void init_sparse(test_case *c, tp_tensor *x)
{
    double sparsity = arg_double(c, 1, "sparsity", 0), std = arg_double(c, 2, "std", 0.01);
    tp_init_sparse_(c->T, x, sparsity, std);
}

static const struct {
    const char *name;
    void (*fill)(test_case *c, tp_tensor *x);
    bool rounds; /* by a function that is not correctly rounded: the case's tolerance holds */
} inits[] = {
    {"uniform_", init_uniform, false},
    {"normal_", init_normal, false},
    {"trunc_normal_", init_trunc_normal, true},
    {"constant_", init_constant, false},
    {"ones_", init_ones, false},
    {"zeros_", init_zeros, false},
    {"xavier_uniform_", init_xavier_uniform, false},
    {"xavier_normal_", init_xavier_normal, false},
    {"kaiming_uniform_", init_kaiming_uniform, false},
    {"kaiming_normal_", init_kaiming_normal, false},
    {"orthogonal_", init_orthogonal, true},
    {"eye_", init_eye, false},
    {"dirac_", init_dirac, false},
    {"sparse_", init_sparse, false},
};
enum { INITS = sizeof inits / sizeof inits[0] };

static int find_init(const char *name)
{
    for (int i = 0; i < INITS; i++)
        if (strcmp(inits[i].name, name) == 0)
            return i;
    return -1;
}

static void run_init(test_case *c, const char *name)
{
    int i = find_init(name);
    if (i < 0) {
        case_skip(c, "no %s", name);
        return;
    }
    tp_tensor *x = case_keep(c, tp_zeros(c->T, case_dtype(c), arg_shape(c, 0, "shape")));
    inits[i].fill(c, x);
    args_done(c);
    check_stored_at(c, x, "out", 0, inits[i].rounds ? case_tolerance(c, "") : exact);
}

/* ---- by name --------------------------------------------------------------------------------- */

static const char *after(const char *op, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(op, prefix, n) == 0 ? op + n : NULL;
}

bool random_known(const char *op)
{
    const char *layer = after(op, "init."), *init = after(op, "nn.init."), *draw = after(op, "rng.");
    if (layer != NULL)
        return module_known(layer);
    if (init != NULL)
        return find_init(init) >= 0;
    return draw != NULL &&
           (strcmp(draw, "sequence") == 0 || strcmp(draw, "get_rng_state") == 0 || find_draw(draw) >= 0);
}

void run_random(test_case *c)
{
    const char *layer = after(c->op, "init."), *init = after(c->op, "nn.init."), *draw = after(c->op, "rng.");
    tp_manual_seed(c->T, (uint64_t)json_integer_value(json_object_get(c->json, "seed")));
    if (layer != NULL)
        run_layer(c, layer);
    else if (init != NULL)
        run_init(c, init);
    else if (draw != NULL && strcmp(draw, "sequence") == 0)
        run_sequence(c);
    else if (draw != NULL && strcmp(draw, "get_rng_state") == 0)
        run_state(c);
    else
        run_draw(c, draw != NULL ? draw : c->op);
}
