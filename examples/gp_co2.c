/* gp_co2.c - carbon dioxide over Mauna Loa by a Gaussian process: fitted to the months until 1991, told for twenty years more,
 * of which ten have been measured.
 *
 * usage: gp_co2 [picture]
 *
 * The kernel is that of C. E. Rasmussen and C. K. I. Williams, "Gaussian processes for machine learning", 2006, section 5.4.3:
 * a long smooth trend, a season whose shape drifts, irregularities of months to years, and noise, with eleven parameters, of
 * which L-BFGS finds those that make the data most likely. The gradient goes through the Cholesky factor. (Where the power of the
 * irregularities grows without end, one length of theirs is enough.)
 */
#define _DEFAULT_SOURCE
#include "support/mauna_loa.h"
#include "support/plot.h"

#include <math.h>
#include <tapir.h>

enum { MONTHS = 12 * CO2_YEARS, FITTED = 12 * 34, TOLD = 12 * 54 };
enum { TREND, TREND_LENGTH, SEASON, SEASON_DECAY, SEASON_SHAPE, MEDIUM, MEDIUM_LENGTH, MEDIUM_POWER, SHORT, SHORT_LENGTH, NOISE,
       PARAMETERS };

static const struct {
    const char *what;
    double      start;
} parameter[PARAMETERS] = {
    {"trend, ppm", 50},           {"its length, years", 50},      {"season, ppm", 2},          {"its decay, years", 100},
    {"its shape", 1},             {"irregularities, ppm", 0.5},   {"their length, years", 1},  {"their power", 1},
    {"short ones, ppm", 0.1},     {"their length, years", 0.1},   {"noise, ppm", 0.1},
};

static double year_of(int month) { return CO2_FIRST_YEAR + (month + 0.5) / 12; }

/* ---- the model ---------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tensor *log_theta; /* [PARAMETERS], in the program's array */
    tp_tensor *x, *y;     /* [n] years, [n] ppm above the mean */
} process;

/* -a / (2 l^2) */
static tp_tensor *over(tp_tape *T, tp_tensor *a, tp_tensor *length)
{
    return tp_mul_scalar(T, tp_div(T, a, tp_square(T, length)), -0.5);
}

/* k(x, y) of all x [n] and y [m] -> [n, m], without the noise. */
static tp_tensor *covariance(tp_tape *T, const process *p, tp_tensor *x, tp_tensor *y)
{
    tp_tensor *t[PARAMETERS];
    if (tp_unbind(T, tp_exp(T, p->log_theta), 0, PARAMETERS, t) != PARAMETERS)
        return NULL;
    tp_tensor *apart = tp_sub(T, tp_unsqueeze(T, x, 1), tp_unsqueeze(T, y, 0)), *apart2 = tp_square(T, apart);
    tp_tensor *chord2 = tp_square(T, tp_sin(T, tp_mul_scalar(T, apart, acos(-1)))); /* of the year as a circle */

    tp_tensor *trend = tp_exp(T, over(T, apart2, t[TREND_LENGTH]));
    tp_tensor *season = tp_exp(T, tp_add(T, over(T, apart2, t[SEASON_DECAY]),
                                         over(T, tp_mul_scalar(T, chord2, 4), t[SEASON_SHAPE])));
    /* A mixture of lengths: (1 + a^2 / (2 p l^2))^-p, which is e^(-p log(1 + ...)). */
    tp_tensor *quotient = tp_div(T, tp_neg(T, over(T, apart2, t[MEDIUM_LENGTH])), t[MEDIUM_POWER]);
    tp_tensor *medium = tp_exp(T, tp_neg(T, tp_mul(T, t[MEDIUM_POWER], tp_log1p(T, quotient))));
    tp_tensor *rest = tp_exp(T, over(T, apart2, t[SHORT_LENGTH]));

    tp_tensor *k = tp_mul(T, trend, tp_square(T, t[TREND]));
    k = tp_add(T, k, tp_mul(T, season, tp_square(T, t[SEASON])));
    k = tp_add(T, k, tp_mul(T, medium, tp_square(T, t[MEDIUM])));
    return tp_add(T, k, tp_mul(T, rest, tp_square(T, t[SHORT])));
}

/* The lower L of the measurements' covariance, K + noise^2 I = L L^T. */
static tp_tensor *factor(tp_tape *T, const process *p)
{
    tp_tensor *noise2 = tp_exp(T, tp_mul_scalar(T, tp_select(T, p->log_theta, 0, NOISE), 2));
    tp_tensor *one = tp_eye(T, TP_F64, tp_numel(p->x), tp_numel(p->x));
    return tp_linalg_cholesky(T, tp_add(T, covariance(T, p, p->x, p->x), tp_mul(T, one, noise2)));
}

/* log p(y) = -1/2 y^T K^-1 y - 1/2 log det K - n/2 log 2 pi; with K = L L^T the first is half the square of L^-1 y, the second
 * the sum of the logarithms on L's diagonal. */
static tp_tensor *log_likelihood(tp_tape *T, const process *p)
{
    tp_tensor *l = factor(T, p);
    tp_tensor *white = tp_linalg_solve_triangular(T, l, tp_unsqueeze(T, p->y, 1), false);
    tp_tensor *half = tp_add(T, tp_mul_scalar(T, tp_sum(T, tp_square(T, white)), 0.5),
                             tp_sum(T, tp_log(T, tp_diagonal(T, l, 0, -2, -1))));
    return tp_rsub_scalar(T, half, -0.5 * (double)tp_numel(p->y) * log(2 * acos(-1)));
}

static double objective(tp_tape *T, void *user)
{
    process *p = user;
    tp_tensor *loss = tp_neg(T, log_likelihood(T, p));
    tp_zero_grad(p->log_theta);
    tp_backward(T, loss);
    double value = tp_item(loss);
    if (tp_error_status(T) == TP_ENUMERIC) { /* too far: K has no factor there, and the line search turns back */
        tp_clear_error(T);
        value = INFINITY;
    }
    tp_tape_reset(T);
    return value;
}

/* Mean and deviation of the curve at x [m], given the data: k^T K^-1 y, and k(x, x) - k^T K^-1 k. */
static void tell(tp_tape *T, const process *p, tp_tensor *x, tp_tensor **mean, tp_tensor **deviation)
{
    tp_tensor *l = factor(T, p), *k = covariance(T, p, p->x, x);
    *mean = tp_mv(T, tp_t(T, k), tp_squeeze_dim(T, tp_cholesky_solve(T, tp_unsqueeze(T, p->y, 1), l, false), 1));
    tp_tensor *known = tp_sum_dim(T, tp_square(T, tp_linalg_solve_triangular(T, l, k, false)), 0, false);
    *deviation = tp_sqrt(T, tp_sub(T, tp_diagonal(T, covariance(T, p, x, x), 0, 0, 1), known));
}

/* ---- the picture ---------------------------------------------------------------------------------------------------- */

static void plot_months(tp_tape *T, tp_plot *p, int from, int to, const char *label, const char *color)
{
    double year[MONTHS], measured[MONTHS];
    int    n = 0;
    for (int m = from; m < to; m++)
        if (co2[m / 12][m % 12] > 0) {
            year[n] = year_of(m);
            measured[n++] = co2[m / 12][m % 12];
        }
    tp_plot_scatter(T, p, tp_from(T, TP_F64, tp_shape(n), year), tp_from(T, TP_F64, tp_shape(n), measured),
                    &(tp_series_options){.label = label, .color = color, .size = 0.6});
}

static void draw(tp_tape *T, const char *path, tp_tensor *years, tp_tensor *mean, tp_tensor *deviation)
{
    char title[100];
    snprintf(title, sizeof title, "Carbon dioxide over Mauna Loa: a Gaussian process fitted to the months until %d",
             CO2_FIRST_YEAR + FITTED / 12 - 1);
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = title, .xlabel = "year", .ylabel = "CO2, parts per million",
                                                   .width = 1100, .height = 620, .key = TP_PLOT_TOP_LEFT,
                                                   .x_min = CO2_FIRST_YEAR, .x_max = CO2_FIRST_YEAR + TOLD / 12});
    tp_tensor *twice = tp_mul_scalar(T, deviation, 2);
    tp_plot_band(T, p, years, tp_sub(T, mean, twice), tp_add(T, mean, twice),
                 &(tp_series_options){.label = "two deviations", .color = "#4080c0"});
    tp_plot_curve(T, p, years, mean, &(tp_series_options){.label = "mean", .color = "#204080", .size = 0.75});
    plot_months(T, p, 0, FITTED, "fitted", "#000000");
    plot_months(T, p, FITTED, MONTHS, "measured later", "#d04020");
    plot_finish(T, p, path, "picture");
}

/* ---- the whole -------------------------------------------------------------------------------------------------------- */

/* The months to be fitted: when, and what was measured, less its mean. How many there are is returned. */
static int read_months(double *x, double *y, double *average)
{
    int n = 0;
    *average = 0;
    for (int m = 0; m < FITTED; m++)
        if (co2[m / 12][m % 12] > 0) {
            x[n] = year_of(m);
            *average += y[n++] = co2[m / 12][m % 12];
        }
    *average /= n;
    for (int i = 0; i < n; i++)
        y[i] -= *average;
    return n;
}

static void print_parameters(const double *log_theta)
{
    for (int k = 0; k < PARAMETERS; k++)
        printf("  %-20s %10.4g\n", parameter[k].what, exp(log_theta[k]));
}

/* How far what was measured later is from what was told. */
static void compare(const double *mean, const double *deviation, double noise)
{
    double squares = 0;
    int later = 0, within = 0;
    for (int m = FITTED; m < MONTHS; m++, later++) {
        double off = co2[m / 12][m % 12] - mean[m];
        squares += off * off;
        within += fabs(off) < 2 * hypot(deviation[m], noise);
    }
    printf("\nten years told: %.2f ppm off in the mean square, %d of %d months within two deviations\n", sqrt(squares / later),
           within, later);
}

int main(int argc, char **argv)
{
    const char *picture = argc > 1 ? argv[1] : "gp_co2.png";
    double x[FITTED], y[FITTED], all[TOLD], log_theta[PARAMETERS], average;
    int n = read_months(x, y, &average);
    for (int m = 0; m < TOLD; m++)
        all[m] = year_of(m);
    for (int k = 0; k < PARAMETERS; k++)
        log_theta[k] = log(parameter[k].start);

    tp_tape *T = tp_tape_new();
    process p = {.log_theta = tp_requires_grad(tp_keep(tp_wrap(T, TP_F64, tp_shape(PARAMETERS), log_theta)), true),
                 .x = tp_keep(tp_wrap(T, TP_F64, tp_shape(n), x)),
                 .y = tp_keep(tp_wrap(T, TP_F64, tp_shape(n), y))};
    tp_params *params = tp_params_of(T, 1, &p.log_theta);
    tp_optim *optimizer = tp_optim_lbfgs(T, params, &(tp_lbfgs_options){.max_iter = 100, .line_search = TP_STRONG_WOLFE});
    double before = -tp_optim_step_closure(T, optimizer, objective, &p);
    tp_lbfgs_report report = tp_lbfgs_info(optimizer);
    printf("%d months, log likelihood %.2f -> %.2f in %d evaluations\n\n", n, before, -report.loss, report.evaluations);
    print_parameters(log_theta);

    tp_tape_record(T, false);
    tp_tensor *mean, *deviation;
    tp_tensor *years = tp_wrap(T, TP_F64, tp_shape(TOLD), all);
    tell(T, &p, years, &mean, &deviation);
    mean = tp_add_scalar(T, mean, average);
    bool failed = tp_error(T) != NULL || !(fabs(before + 318.66613) < 1e-4) || !(report.loss < 95.2);
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    else {
        compare(tp_data(mean), tp_data(deviation), exp(log_theta[NOISE]));
        draw(T, picture, years, mean, deviation);
    }
    tp_optim_free(optimizer);
    tp_params_free(params);
    tp_free(p.log_theta);
    tp_free(p.x);
    tp_free(p.y);
    tp_tape_free(T);
    return failed;
}
