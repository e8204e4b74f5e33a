/* ode_fit.c - the parameters of an ordinary differential equation from data, through 100,000 steps of its solver (or as many
 * as are given), in the memory of 20 states.
 *
 * usage: ode_fit [steps]
 *
 * Lotka and Volterra's prey and predator, y' = y (r + B y) with B = [[0, -b], [d, 0]], by Runge and Kutta's method of order
 * four; the data are y at 50 times. The gradient is that of the very steps taken (the discrete adjoint): tp_checkpoint_steps
 * keeps 20 states and computes the others again. L-BFGS fits the logarithms of the four rates.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <tapir.h>

enum { SEEN = 50, SNAPSHOTS = 20 };
static int steps = 100000, every; /* ... so many steps an observation */
static double h;                  /* a step of time, of 12 in all */

typedef struct {
    tp_tensor *log_rates;        /* [4]: of r0, b, -r1, d, in the program's array */
    tp_tensor *seen;             /* [SEEN, 2] */
    tp_tensor *rate, *coupling;  /* r [2] and B [2, 2], made from them on the tape */
} problem;

static tp_tensor *slope(tp_tape *T, const problem *p, tp_tensor *y)
{
    return tp_mul(T, y, tp_add(T, p->rate, tp_mv(T, p->coupling, y)));
}

static tp_tensor *ahead(tp_tape *T, tp_tensor *y, double by, tp_tensor *k)
{
    return tp_add(T, y, tp_mul_scalar(T, k, by));
}

/* The state is y [2] and the sum of squares so far []. */
static tp_status step(tp_tape *T, void *user, int64_t at, int n_state, tp_tensor *const *state, tp_tensor **next)
{
    const problem *p = user;
    (void)n_state;
    tp_tensor *y = state[0], *k1 = slope(T, p, y), *k2 = slope(T, p, ahead(T, y, h / 2, k1));
    tp_tensor *k3 = slope(T, p, ahead(T, y, h / 2, k2)), *k4 = slope(T, p, ahead(T, y, h, k3));
    tp_tensor *middle = tp_mul_scalar(T, tp_add(T, k2, k3), 2);
    next[0] = ahead(T, y, h / 6, tp_add(T, tp_add(T, k1, k4), middle));
    next[1] = state[1];
    if ((at + 1) % every == 0) {
        tp_tensor *off = tp_sub(T, next[0], tp_select(T, p->seen, 0, at / every));
        next[1] = tp_add(T, next[1], tp_sum(T, tp_square(T, off)));
    }
    return TP_OK;
}

static tp_tensor *sum_of_squares(tp_tape *T, problem *p)
{
    tp_tensor *q = tp_exp(T, p->log_rates);
    p->rate = tp_mul(T, tp_index(T, q, "0::2"), tp_from(T, TP_F64, tp_shape(2), (const double[]){1, -1}));
    tp_tensor *cross = tp_mul(T, tp_index(T, q, "1::2"), tp_from(T, TP_F64, tp_shape(2), (const double[]){-1, 1}));
    p->coupling = tp_mul(T, tp_unsqueeze(T, cross, 1), tp_from(T, TP_F64, tp_shape(2, 2), (const double[]){0, 1, 1, 0}));
    tp_tensor *start[2] = {tp_from(T, TP_F64, tp_shape(2), (const double[]){1, 0.5}), tp_zeros(T, TP_F64, TP_SCALAR)};
    tp_tensor *end[2];
    tp_checkpoint_steps(T, step, p, steps, SNAPSHOTS, 2, start, end);
    return end[1];
}

static int evaluations;

static double objective(tp_tape *T, void *user)
{
    problem *p = user;
    evaluations++;
    tp_tensor *sum = sum_of_squares(T, p);
    tp_zero_grad(p->log_rates);
    tp_backward(T, sum);
    double value = tp_item(sum);
    tp_tape_reset(T);
    return value;
}

/* The data: the same equation, in plain C, with noise. */
static void observe(const double q[4], double seen[SEEN][2])
{
    double y[2] = {1, 0.5}, k[4][2];
    const double at[4] = {0, h / 2, h / 2, h};
    for (int i = 0; i < steps; i++) {
        for (int s = 0; s < 4; s++) {
            double a = y[0] + (s ? at[s] * k[s - 1][0] : 0), b = y[1] + (s ? at[s] * k[s - 1][1] : 0);
            k[s][0] = a * (q[0] - q[1] * b);
            k[s][1] = b * (-q[2] + q[3] * a);
        }
        for (int d = 0; d < 2; d++)
            y[d] += h / 6 * (k[0][d] + 2 * k[1][d] + 2 * k[2][d] + k[3][d]);
        for (int d = 0; d < 2 && (i + 1) % every == 0; d++)
            seen[i / every][d] = y[d] + 0.01 * sin(12.9898 * (i / every + 1) * (d + 1));
    }
}

int main(int argc, char **argv)
{
    if (argc > 1)
        steps = atoi(argv[1]);
    if (steps < SEEN || steps % SEEN != 0) {
        fprintf(stderr, "usage: %s [steps], a multiple of %d\n", argv[0], SEEN);
        return 2;
    }
    every = steps / SEEN;
    h = 12.0 / steps;
    const double truth[4] = {1.1, 0.8, 0.9, 0.6};
    double seen[SEEN][2], log_rates[4] = {log(1.05), log(0.85), log(0.95), log(0.55)};
    observe(truth, seen);
    tp_tape *T = tp_tape_new();
    problem p = {.log_rates = tp_requires_grad(tp_keep(tp_wrap(T, TP_F64, tp_shape(4), log_rates)), true),
                 .seen = tp_keep(tp_wrap(T, TP_F64, tp_shape(SEEN, 2), seen))};
    tp_params *params = tp_params_of(T, 1, &p.log_rates);
    tp_optim *opt = tp_optim_lbfgs(T, params, &(tp_lbfgs_options){.max_iter = 8, .max_eval = 9, .lr = 1,
                                                                  .line_search = TP_STRONG_WOLFE});
    double first = tp_optim_step_closure(T, opt, objective, &p), last = 0, worst = 0;
    tp_tape_record(T, false);
    last = tp_item(sum_of_squares(T, &p));
    tp_memory memory = tp_tape_memory(T);
    for (int i = 0; i < 4; i++)
        worst = fmax(worst, fabs(exp(log_rates[i]) - truth[i]));
    printf("%d steps; rates %.4f %.4f %.4f %.4f (true 1.1 0.8 0.9 0.6), sum of squares %.3g -> %.3g in %d evaluations\n",
           steps, exp(log_rates[0]), exp(log_rates[1]), exp(log_rates[2]), exp(log_rates[3]), first, last, evaluations);
    printf("most memory in tensors: %.1f kB; all that the tape holds of the system's: %.0f kB\n",
           (double)memory.bytes_peak / 1e3, (double)memory.bytes_reserved / 1e3);
    bool failed = tp_error(T) != NULL || !(worst < 0.02) || memory.bytes_peak > 64000;
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    tp_optim_free(opt);
    tp_params_free(params);
    tp_free(p.log_rates);
    tp_free(p.seen);
    tp_tape_free(T);
    return failed;
}
