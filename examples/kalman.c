/* kalman.c - the Nile's flow, 1871 to 1970, as a level that wanders and is seen with noise: the two variances by maximum
 * likelihood, through the steps of a Kalman filter, and the level itself, which is a derivative.
 *
 * usage: kalman [picture]
 *
 * J. Durbin and S. J. Koopman, "Time series analysis by state space methods", 2001, chapter 2: y_t = level_t + e_t,
 * level_(t+1) = level_t + h_t, of variances 15099 and 1469. The data are theirs (R has them, too: datasets::Nile).
 */
#define _DEFAULT_SOURCE
#include "support/plot.h"

#include <math.h>
#include <tapir.h>

enum { FIRST_YEAR = 1871, YEARS = 100 };

/* The year's flow at Aswan, 10^8 m^3. */
static double flow[YEARS] = {
    1120, 1160, 963, 1210, 1160, 1160, 813, 1230, 1370, 1140, 995, 935, 1110, 994, 1020, 960, 1180, 799, 958, 1140,
    1100, 1210, 1150, 1250, 1260, 1220, 1030, 1100, 774, 840, 874, 694, 940, 833, 701, 916, 692, 1020, 1050, 969,
    831, 726, 456, 824, 702, 1120, 1100, 832, 764, 821, 768, 845, 864, 862, 698, 845, 744, 796, 1040, 759,
    781, 865, 845, 944, 984, 897, 822, 1010, 771, 676, 649, 846, 812, 742, 801, 1040, 860, 874, 848, 890,
    744, 749, 838, 1050, 918, 986, 797, 923, 975, 815, 1020, 906, 901, 1170, 912, 746, 919, 718, 714, 740,
};

/* in: the flow y [YEARS] and the logarithms of the variances of e and h [2]; out: log p(y_2, ... | y_1), as of the level nothing is
 * known before the first year. user, where it is not NULL: gets the level as each year's flow leaves it. */
static tp_status log_likelihood(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    double *filtered = user;
    tp_tensor *y[YEARS], *variance[2];
    if (tp_unbind(T, in[0], 0, YEARS, y) != YEARS || tp_unbind(T, tp_exp(T, in[1]), 0, 2, variance) != 2)
        return tp_error_status(T);
    tp_tensor *level = y[0], *p = variance[0], *sum = NULL; /* p: the level's variance */
    for (int t = 0; t < YEARS; t++) {
        if (t > 0) {
            p = tp_add(T, p, variance[1]);
            tp_tensor *surprise = tp_sub(T, y[t], level), *f = tp_add(T, p, variance[0]), *gain = tp_div(T, p, f);
            tp_tensor *term = tp_add(T, tp_log(T, f), tp_div(T, tp_square(T, surprise), f));
            sum = sum ? tp_add(T, sum, term) : term;
            level = tp_add(T, level, tp_mul(T, gain, surprise));
            p = tp_mul(T, p, tp_rsub_scalar(T, gain, 1));
        }
        if (filtered)
            filtered[t] = tp_item(level);
    }
    out[0] = tp_mul_scalar(T, tp_add_scalar(T, sum, (YEARS - 1) * log(2 * acos(-1))), -0.5);
    return TP_OK;
}

static double objective(tp_tape *T, void *user)
{
    tp_tensor *const *in = user, *value;
    log_likelihood(T, NULL, 2, in, 1, &value);
    tp_tensor *loss = tp_neg(T, value);
    tp_zero_grad(in[1]);
    tp_backward(T, loss);
    double result = tp_item(loss);
    tp_tape_reset(T);
    return result;
}

static void draw(tp_tape *T, const char *path, const double *filtered, const double *level, const double *deviation)
{
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "The flow of the Nile at Aswan", .xlabel = "year",
                                                   .ylabel = "10^8 m^3 a year", .width = 1000, .height = 560,
                                                   .x_min = FIRST_YEAR - 1, .x_max = FIRST_YEAR + YEARS});
    const tp_dims years = tp_shape(YEARS);
    tp_tensor *year = tp_arange(T, TP_F64, FIRST_YEAR, FIRST_YEAR + YEARS, 1);
    tp_tensor *mean = tp_from(T, TP_F64, years, level), *twice = tp_mul_scalar(T, tp_from(T, TP_F64, years, deviation), 2);
    tp_plot_band(T, p, year, tp_sub(T, mean, twice), tp_add(T, mean, twice),
                 &(tp_series_options){.label = "two deviations", .color = "#4080c0"});
    tp_plot_curve(T, p, year, mean, &(tp_series_options){.label = "level, of all years", .color = "#204080"});
    tp_plot_curve(T, p, year, tp_from(T, TP_F64, years, filtered),
                  &(tp_series_options){.label = "level, of the years so far", .color = "#d04020", .dashed = true});
    tp_plot_scatter(T, p, year, tp_from(T, TP_F64, years, flow), &(tp_series_options){.label = "flow", .color = "#000000"});
    plot_finish(T, p, path, "picture");
}

int main(int argc, char **argv)
{
    const char *picture = argc > 1 ? argv[1] : "kalman.png";
    double log_variances[2] = {log(10000), log(10000)}, filtered[YEARS], level[YEARS], deviation[YEARS];
    tp_tape *T = tp_tape_new();
    tp_tensor *in[2] = {tp_keep(tp_wrap(T, TP_F64, tp_shape(YEARS), flow)),
                        tp_requires_grad(tp_keep(tp_wrap(T, TP_F64, tp_shape(2), log_variances)), true)};
    tp_params *params = tp_params_of(T, 1, &in[1]);
    tp_optim *optimizer = tp_optim_lbfgs(T, params, &(tp_lbfgs_options){.max_iter = 50, .line_search = TP_STRONG_WOLFE});
    double before = -tp_optim_step_closure(T, optimizer, objective, in);
    tp_lbfgs_report report = tp_lbfgs_info(optimizer);
    double noise2 = exp(log_variances[0]), walk2 = exp(log_variances[1]);
    printf("log likelihood %.4f -> %.4f in %d evaluations\nvariances: %.1f of the noise, %.1f of the level's steps\n", before,
           -report.loss, report.evaluations, noise2, walk2);

    /* The noise in y_t, given all years, is normal: its mean is -noise2 d/dy_t log p(y), its variance noise2 + noise2^2
     * d^2/dy_t^2 log p(y). What is left of y_t is the level: no second pass of formulas, from the last year to the first. */
    tp_tensor *slope[2], *curvature[4];
    tp_hessian(T, log_likelihood, filtered, 2, in, curvature, &(tp_functional_options){.gradient = slope});
    for (int t = 0; t < YEARS; t++) {
        level[t] = flow[t] + noise2 * tp_item_at(slope[0], t);
        deviation[t] = sqrt(noise2 + noise2 * noise2 * tp_item_at(curvature[0], t * (YEARS + 1)));
    }
    printf("level: %.1f +- %.1f in %d, %.1f +- %.1f in %d\n", level[0], deviation[0], FIRST_YEAR, level[YEARS - 1],
           deviation[YEARS - 1], FIRST_YEAR + YEARS - 1);
    draw(T, picture, filtered, level, deviation);

    bool failed = tp_error(T) != NULL || !(fabs(noise2 - 15098.5) < 0.5) || !(fabs(walk2 - 1469.2) < 0.1) ||
                  !(fabs(level[0] - 1111.67) < 0.01) || !(fabs(level[YEARS - 1] - 798.37) < 0.01);
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    tp_optim_free(optimizer);
    tp_params_free(params);
    tp_free(in[0]);
    tp_free(in[1]);
    tp_tape_free(T);
    return failed;
}
