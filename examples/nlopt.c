/* nlopt.c - an outside optimizer drives a model: NLopt sees its parameters and gradients as plain vectors.
 *
 * The population of the United States by censuses of 1790 to 1990, in millions, grows as Verhulst's logistic curve:
 * K / (1 + exp(-r (t - t0))), with t in decades. K, r and t0 are fitted by least squares: by NLopt's L-BFGS, by this
 * library's, and by NLopt's SLSQP under a condition that no optimizer here knows: the curve goes through the last census.
 *
 * tp_params_data is where the parameters lie, one after another; a sink's tp_grads_data is where their gradients go. So
 * the objective that NLopt calls copies n numbers in and n out.
 */
#include <math.h>
#include <nlopt.h>
#include <stdio.h>
#include <string.h>
#include <tapir.h>

static const double census[] = {3.929, 5.308, 7.240, 9.638, 12.866, 17.069, 23.192, 31.443, 38.558, 50.156, 62.948,
                                75.995, 91.972, 105.711, 122.775, 131.669, 150.697, 179.323, 203.302, 226.542, 248.710};
enum { DECADES = sizeof census / sizeof *census, N = 3 };
static const double start[N] = {2, 0.2, 1.2}; /* K in hundreds of millions, r a decade, t0 in centuries from 1790 on */

/* ---- the model ---- */

static tp_tensor *growth_forward(tp_tape *T, tp_module *m, tp_tensor *t)
{
    tp_tensor *K = tp_module_param(m, "K"), *r = tp_module_param(m, "r"), *t0 = tp_module_param(m, "t0");
    return tp_mul(T, K, tp_sigmoid(T, tp_mul(T, r, tp_sub(T, t, tp_mul_scalar(T, t0, 10)))));
}

static const tp_module_class growth_class = {.name = "Growth", .size = sizeof(tp_module), .forward = growth_forward};

typedef struct {
    tp_tape   *T;
    tp_module *model;
    tp_params *params;
    tp_grads  *sink;
    tp_tensor *t, *data;
    int        evaluations;
} problem;

static tp_module *growth_new(tp_tape *T)
{
    static const char *const names[N] = {"K", "r", "t0"};
    tp_module *m = tp_module_new(T, &growth_class);
    for (int i = 0; i < N; i++)
        tp_module_add_param(T, m, names[i], tp_keep(tp_scalar(T, TP_F64, start[i])));
    return m;
}

/* Sum of squares of what the curve is off. */
static tp_tensor *loss_of(problem *p) { return tp_mse_loss(p->T, tp_forward(p->T, p->model, p->t), p->data, TP_SUM); }
/* What it is off at the last census. */
static tp_tensor *last_of(problem *p)
{
    tp_tensor *off = tp_sub(p->T, tp_forward(p->T, p->model, p->t), p->data);
    return tp_select(p->T, off, 0, DECADES - 1);
}

/* ---- as NLopt wants it ---- */

/* The value at x, and its gradient. */
static double value_at(problem *p, tp_tensor *(*of)(problem *), const double *x, double *gradient)
{
    memcpy(tp_params_data(p->params), x, N * sizeof *x);
    tp_grads_zero(p->sink);
    tp_tensor *y = of(p);
    if (gradient) {
        tp_backward_into(p->T, y, p->sink);
        memcpy(gradient, tp_grads_data(p->sink), N * sizeof *gradient);
    }
    double value = tp_item(y);
    tp_tape_reset(p->T);
    p->evaluations++;
    return value;
}

static double objective(unsigned n, const double *x, double *gradient, void *user)
{
    (void)n;
    return value_at(user, loss_of, x, gradient);
}

static double condition(unsigned n, const double *x, double *gradient, void *user)
{
    (void)n;
    return value_at(user, last_of, x, gradient);
}

static double by_nlopt(problem *p, nlopt_algorithm algorithm, int through_last, double x[N])
{
    double    loss = NAN;
    nlopt_opt o = nlopt_create(algorithm, N);
    memcpy(x, start, sizeof start);
    p->evaluations = 0;
    nlopt_set_min_objective(o, objective, p);
    nlopt_set_lower_bounds(o, (const double[N]){0, 0, 0});
    nlopt_set_upper_bounds(o, (const double[N]){10, 1, 5});
    if (through_last) nlopt_add_equality_constraint(o, condition, p, 1e-9);
    nlopt_set_xtol_rel(o, 1e-10);
    nlopt_set_maxeval(o, 1000);
    if (nlopt_optimize(o, x, &loss) < 0) loss = NAN;
    nlopt_destroy(o);
    return loss;
}

/* ---- as this library has it ---- */

static double closure(tp_tape *T, void *user)
{
    problem   *p = user;
    tp_tensor *loss = loss_of(p);
    tp_params_zero_grad(p->params);
    tp_backward(T, loss);
    double value = tp_item(loss);
    tp_tape_reset(T);
    return value;
}

static double by_tapir(problem *p, double x[N])
{
    memcpy(tp_params_data(p->params), start, sizeof start);
    tp_optim *o = tp_optim_lbfgs(p->T, p->params, &(tp_lbfgs_options){.max_iter = 200, .line_search = TP_STRONG_WOLFE});
    tp_optim_step_closure(p->T, o, closure, p);
    tp_lbfgs_report report = tp_lbfgs_info(o);
    p->evaluations = report.evaluations;
    memcpy(x, tp_params_data(p->params), N * sizeof *x);
    tp_optim_free(o);
    return report.loss;
}

static void tell(const char *who, const problem *p, double loss, const double x[N])
{
    printf("%-22s %9.6f  %3d evaluations   K %.2f million, r %.4f a decade, t0 %.0f\n", who, loss, p->evaluations, 100 * x[0], x[1],
           1790 + 100 * x[2]);
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    problem  p = {.T = T, .model = growth_new(T)};
    p.params = tp_module_params(p.model);
    p.sink = tp_grads_new(p.params);
    p.t = tp_keep(tp_arange(T, TP_F64, 0, DECADES, 1));
    p.data = tp_keep(tp_mul_scalar(T, tp_from(T, TP_F64, tp_shape(DECADES), census), 0.01)); /* in hundreds of millions, too */
    tp_tape_reset(T);

    double x[3][N], nlopt = by_nlopt(&p, NLOPT_LD_LBFGS, 0, x[0]);
    tell("NLopt, L-BFGS", &p, nlopt, x[0]);
    double tapir = by_tapir(&p, x[1]);
    tell("Tapir, L-BFGS", &p, tapir, x[1]);
    double through = by_nlopt(&p, NLOPT_LD_SLSQP, 1, x[2]);
    tell("NLopt, SLSQP, through", &p, through, x[2]);
    double off = value_at(&p, last_of, x[2], NULL);
    printf("the last curve is %.1e million off in 1990\n", 100 * off);

    int failed = tp_error(T) != NULL || !(fabs(nlopt - tapir) < 1e-6 * tapir) || !(through > tapir) || !(fabs(off) < 1e-6);
    for (int i = 0; i < N; i++) failed |= !(fabs(x[0][i] - x[1][i]) < 1e-3 * x[1][i]);
    if (tp_error(T)) fprintf(stderr, "%s\n", tp_error(T));
    tp_free(p.t);
    tp_free(p.data);
    tp_grads_free(p.sink);
    tp_module_free(p.model);
    tp_tape_free(T);
    return failed;
}
