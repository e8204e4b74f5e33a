/* sunspots.c - the number of sunspots, eleven years ahead, by a recurrent net with uncertainty.
 *
 * usage: sunspots [picture]
 *
 * A GRU reads 44 years; from its last state come a mean and a spread for each of the next eleven years, which make what was
 * then measured most likely (tp_gaussian_nll_loss). Roots of the numbers are learnt, which scatter alike where many and where few
 * are; the years until 1934 are fitted, and those until 1959 say when to stop. Seven such nets are averaged. Their error on the
 * years from 1960 on, which they have not seen, stands beside those of two simple forecasts: the last number stays, and what was
 * eleven years ago comes back.
 */
#include "support/plot.h"
#include "support/sunspots.h"

#include <math.h>

enum { READ = 44, AHEAD = 11, HIDDEN = 16, NETS = 7, EPOCHS = 600, FITTED = 1935, TESTED = 1960 };

static const double scale = 4; /* roots go to about 15 */

static int year(int y) { return y - SUNSPOT_FIRST_YEAR; }

/* ---- the data -------------------------------------------------------------------------------------------------------- */

/* `count` windows of n years, the first of which begins at `first`, as [count, n]. */
static tp_tensor *windows(tp_tape *T, int first, int count, int n)
{
    tp_tensor *x = tp_empty(T, TP_F32, tp_shape(count, n));
    float     *at = tp_data(x);
    for (int i = 0; i < count && at; i++)
        for (int k = 0; k < n; k++)
            at[i * n + k] = (float)(sqrt(sunspots[first + i + k]) / scale - 1.5);
    return x;
}

static double number_of(double y)
{
    double root = fmax(0, (y + 1.5) * scale);
    return root * root;
}

/* ---- the model ------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module *all, *gru, *head;
} forecaster;

static forecaster make(tp_tape *T)
{
    tp_module *gru = tp_nn_gru(T, 1, HIDDEN, &(tp_rnn_options){.batch_first = true});
    tp_module *all = tp_nn_module_list(T, gru, tp_nn_linear(T, HIDDEN, 2 * AHEAD, NULL));
    return (forecaster){all, tp_nn_at(all, 0), tp_nn_at(all, 1)};
}

/* x [n, READ] -> means and variances [n, AHEAD] of the years after. */
static void foretell(tp_tape *T, const forecaster *f, tp_tensor *x, tp_tensor **mean, tp_tensor **variance)
{
    tp_rnn_state last = {NULL, NULL};
    tp_rnn_forward(T, f->gru, tp_unsqueeze(T, x, 2), NULL, NULL, &last);
    tp_tensor *y = tp_forward(T, f->head, tp_select(T, last.h, 0, 0));
    *mean = tp_narrow(T, y, 1, 0, AHEAD);
    *variance = tp_add_scalar(T, tp_softplus(T, tp_narrow(T, y, 1, AHEAD, AHEAD)), 1e-3);
}

static tp_tensor *loss_of(tp_tape *T, const forecaster *f, tp_tensor *x, tp_tensor *y)
{
    tp_tensor *mean, *variance;
    foretell(T, f, x, &mean, &variance);
    return tp_gaussian_nll_loss(T, mean, y, variance, NULL);
}

/* Fits a new net, and leaves it as it was when it told the years from FITTED to TESTED best. */
static forecaster fit(tp_tape *T, int seed)
{
    tp_manual_seed(T, (uint64_t)seed);
    forecaster f = make(T), best = {NULL, NULL, NULL};
    int        fitted = year(FITTED) - READ - AHEAD + 1, held = year(TESTED) - year(FITTED) - AHEAD + 1;
    tp_optim  *o = tp_optim_adamw(T, tp_module_params(f.all), &(tp_adam_options){.lr = 5e-3, .weight_decay = 0.02});
    double     least = INFINITY;
    tp_tape_reset(T);
    for (int epoch = 0; epoch < EPOCHS && !tp_error(T); epoch++) {
        tp_tensor *order = tp_randperm(T, fitted), *x = windows(T, 0, fitted, READ), *y = windows(T, READ, fitted, AHEAD);
        order = tp_narrow(T, order, 0, 0, fitted / 3);
        tp_optim_zero_grad(o);
        tp_backward(T, loss_of(T, &f, tp_index_select(T, x, 0, order), tp_index_select(T, y, 0, order)));
        tp_params_clip_grad_norm(T, tp_module_params(f.all), 1);
        tp_optim_step(T, o);
        if (epoch % 10 == 9) {
            double loss = tp_item(loss_of(T, &f, windows(T, year(FITTED) - READ, held, READ), windows(T, year(FITTED), held, AHEAD)));
            if (loss < least) {
                least = loss;
                tp_module_free(best.all);
                tp_module *copy = tp_module_clone(T, f.all);
                best = (forecaster){copy, tp_nn_at(copy, 0), tp_nn_at(copy, 1)};
            }
        }
        tp_tape_reset(T);
    }
    printf("net %d: %.3f nats a year on %d to %d\n", seed, least, FITTED, TESTED - 1);
    tp_optim_free(o);
    tp_module_free(f.all);
    return best;
}

/* ---- forecasts --------------------------------------------------------------------------------------------------------- */

/* Of the AHEAD years from `from` on: the mean of all nets and how far numbers are from it, as a deviation. */
static void forecast(tp_tape *T, const forecaster *nets, int from, double mean[AHEAD], double deviation[AHEAD])
{
    double sum[AHEAD] = {0}, squares[AHEAD] = {0};
    for (int i = 0; i < NETS; i++) {
        tp_tensor *m, *v;
        foretell(T, &nets[i], windows(T, from - READ, 1, READ), &m, &v);
        for (int k = 0; k < AHEAD && !tp_error(T); k++) {
            double at = tp_item_at(m, k);
            sum[k] += at / NETS;
            squares[k] += (tp_item_at(v, k) + at * at) / NETS;
        }
    }
    for (int k = 0; k < AHEAD; k++) {
        mean[k] = sum[k];
        deviation[k] = sqrt(fmax(0, squares[k] - sum[k] * sum[k]));
    }
    tp_tape_reset(T);
}

static void compare(tp_tape *T, const forecaster *nets)
{
    double net[AHEAD] = {0}, last[AHEAD] = {0}, season[AHEAD] = {0}, of_net = 0, of_last = 0, of_season = 0, inside = 0;
    int    n = 0;
    for (int from = year(TESTED); from + AHEAD <= SUNSPOT_YEARS; from++, n++) {
        double mean[AHEAD], deviation[AHEAD];
        forecast(T, nets, from, mean, deviation);
        for (int k = 0; k < AHEAD; k++) {
            double is = sunspots[from + k];
            net[k] += pow(number_of(mean[k]) - is, 2);
            last[k] += pow(sunspots[from - 1] - is, 2);
            season[k] += pow(sunspots[from + k - AHEAD] - is, 2);
            inside += fabs(sqrt(is) / scale - 1.5 - mean[k]) < 1.645 * deviation[k];
        }
    }
    printf("\nroot mean square errors from %d on, of %d forecasts\n", TESTED, n);
    printf("years ahead    GRU   last   11 years ago\n");
    for (int k = 0; k < AHEAD; k++) {
        printf("%11d %6.1f %6.1f %6.1f\n", k + 1, sqrt(net[k] / n), sqrt(last[k] / n), sqrt(season[k] / n));
        of_net += net[k] / AHEAD;
        of_last += last[k] / AHEAD;
        of_season += season[k] / AHEAD;
    }
    printf("%11s %6.1f %6.1f %6.1f\n", "all", sqrt(of_net / n), sqrt(of_last / n), sqrt(of_season / n));
    printf("of the numbers %.0f %% lie within the band of 90 %%\n", 100 * inside / (n * AHEAD));
}

/* Every eleven years a forecast of the next eleven, with what came. */
static void draw(tp_tape *T, const forecaster *nets, const char *path)
{
    enum { SHOWN = 1900, MOST = SUNSPOT_YEARS };
    double x[MOST], y[MOST], at[MOST], mid[MOST], low[MOST], high[MOST];
    int    n = 0, told = 0;
    for (int t = year(SHOWN); t < SUNSPOT_YEARS; t++, n++) {
        x[n] = SUNSPOT_FIRST_YEAR + t;
        y[n] = sunspots[t];
    }
    for (int from = year(TESTED); from < SUNSPOT_YEARS; from += AHEAD) {
        double mean[AHEAD], deviation[AHEAD];
        forecast(T, nets, from, mean, deviation);
        for (int k = 0; k < AHEAD; k++, told++) {
            at[told] = SUNSPOT_FIRST_YEAR + from + k;
            mid[told] = number_of(mean[k]);
            low[told] = number_of(mean[k] - 1.645 * deviation[k]);
            high[told] = number_of(mean[k] + 1.645 * deviation[k]);
        }
    }
    tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "sunspots: eleven years ahead, from 1960, 1971, 1982, 1993 and 2004",
                                                   .xlabel = "year", .ylabel = "yearly mean", .key = TP_PLOT_TOP_LEFT});
    tp_tensor *when = tp_from(T, TP_F64, tp_shape(told), at);
    tp_plot_band(T, p, when, tp_from(T, TP_F64, tp_shape(told), low), tp_from(T, TP_F64, tp_shape(told), high),
                 &(tp_series_options){.label = "90 %"});
    tp_plot_curve(T, p, tp_from(T, TP_F64, tp_shape(n), x), tp_from(T, TP_F64, tp_shape(n), y),
                  &(tp_series_options){.label = "measured", .color = "#444444"});
    tp_plot_curve(T, p, when, tp_from(T, TP_F64, tp_shape(told), mid),
                  &(tp_series_options){.label = "forecast", .size = 2});
    plot_finish(T, p, path, "forecasts");
}

int main(int argc, char **argv)
{
    tp_tape   *T = tp_tape_new();
    forecaster nets[NETS];
    for (int i = 0; i < NETS; i++)
        nets[i] = fit(T, i);
    compare(T, nets);
    draw(T, nets, argc > 1 ? argv[1] : NULL);
    int failed = tp_error(T) != NULL;
    if (failed)
        fprintf(stderr, "%s\n", tp_error(T));
    for (int i = 0; i < NETS; i++)
        tp_module_free(nets[i].all);
    tp_tape_free(T);
    return failed;
}
