/* rprop.c - resilient backpropagation without backtracking (Riedmiller and Braun, 1993; iRprop-: Igel and Huesken, 2000). */
#include "optim/optim.h"

#include <math.h>

#if defined(REAL)

static void NAME(rprop)(const void *attr, int64_t n, void *const *at)
{
    const numbers *u = attr;
    REAL *restrict p = at[0], *restrict before = at[2], *restrict size = at[3];
    const REAL *restrict grad = at[1];
    REAL less = (REAL)u->etaminus, more = (REAL)u->etaplus, least = (REAL)u->step_size_min,
         most = (REAL)u->step_size_max;
    REAL start = (REAL)u->start, sign = u->maximize ? -1 : 1;
    bool first = u->first;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i], turn = g * before[i];
        REAL by = turn > 0 ? more : turn < 0 ? less : turn == 0 ? 1 : turn; /* NaN stays */
        REAL s = (first ? start : size[i]) * by;
        s = s < least ? least : s;
        size[i] = s > most ? most : s;
        g = by == less ? 0 : g;
        p[i] -= (g > 0 ? 1 : g < 0 ? -1 : g) * size[i];
        before[i] = g;
    }
}

#else

/* p -= sign(g) size; the size grows while g keeps its sign, and shrinks where it turned */
typedef struct {
    double etaminus, etaplus, step_size_min, step_size_max;
    double start; /* of the size */
    bool first, maximize;
} numbers;

#if defined(TP__ISA)

#define TP__BODY "optim/rprop.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__rprop_update) = {{rprop_f32, rprop_f64}};

#else

TP__TABLE_OF(tp__update_table, tp__rprop_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__rprop_update); }

static bool check(tp_tape *T, const char *name, void *options)
{
    tp_rprop_options *o = options;
    o->lr = tp__option(o->lr, 1e-2);
    o->etaminus = tp__option(o->etaminus, 0.5);
    o->etaplus = tp__option(o->etaplus, 1.2);
    o->step_size_min = tp__option(o->step_size_min, 1e-6);
    o->step_size_max = tp__option(o->step_size_max, 50);
    if (!(o->etaminus > 0 && o->etaminus < 1))
        return tp__optim_bad(T, name, "etaminus", o->etaminus, "a number in (0, 1)");
    if (!(o->etaplus > 1))
        return tp__optim_bad(T, name, "etaplus", o->etaplus, "more than 1");
    if (!(o->step_size_max >= o->step_size_min))
        return tp__optim_bad(T, name, "step_size_max", o->step_size_max, "step_size_min or more");
    return tp__optim_not_below_0(T, name, "step_size_min", o->step_size_min);
}

static unsigned states(const void *options) { return (void)options, 3; }

static void fill(const tp__group *g, int i, void *u)
{
    const tp_rprop_options *o = g->options;
    *(numbers *)u = (numbers){.etaminus = o->etaminus,
                              .etaplus = o->etaplus,
                              .step_size_min = o->step_size_min,
                              .step_size_max = o->step_size_max,
                              .start = g->lr,
                              .first = g->steps[i] == 0,
                              .maximize = o->maximize};
}

static const tp__option_field fields[] = {TP__NUMBER(tp_rprop_options, lr),
                                          TP__NUMBER_OF(tp_rprop_options, etaminus, "etas", 0, 2),
                                          TP__NUMBER_OF(tp_rprop_options, etaplus, "etas", 1, 2),
                                          TP__NUMBER_OF(tp_rprop_options, step_size_min, "step_sizes", 0, 2),
                                          TP__NUMBER_OF(tp_rprop_options, step_size_max, "step_sizes", 1, 2),
                                          TP__FLAG(tp_rprop_options, maximize),
                                          {0}};
static const tp__optim_class rprop_class = {.op = TP__OPTIM_OP("rprop"),
                                            .title = "Rprop",
                                            .size = sizeof(tp_optim),
                                            .options_size = sizeof(tp_rprop_options),
                                            .fields = fields,
                                            .state = {"prev", "step_size"},
                                            .counts = true,
                                            .check = check,
                                            .states = states,
                                            .numbers = fill,
                                            .kernel = kernel};
_Static_assert(sizeof(numbers) <= TP__UPDATE_NUMBERS * sizeof(double), "numbers of an update");
_Static_assert(sizeof(tp_rprop_options) <= TP__UPDATE_NUMBERS * sizeof(double), "options");

tp_optim *tp_optim_rprop(tp_tape *T, tp_params *params, const tp_rprop_options *options)
{
    TP__NAMED(T, "optim_rprop");
    return tp__optim_new(T, &rprop_class, params, options);
}

tp_status tp_optim_rprop_group(tp_tape *T, tp_optim *o, tp_params *params, const tp_rprop_options *options)
{
    TP__NAMED(T, "optim_rprop_group");
    return tp__optim_add_group(T, o, &rprop_class, params, options);
}

#endif
#endif
