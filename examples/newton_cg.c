/* newton_cg.c - Newton's method where the Hessian is never made: only its products with vectors.
 *
 * Rosenbrock's function of 100 variables, from the usual start (-1.2, 1, -1.2, 1, ...). Each step solves H p = -g by
 * conjugate gradients, cut short where the curvature turns negative or where p is good enough, and backtracks along p
 * (Nocedal and Wright, "Numerical optimization", 2006, algorithm 7.1).
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <tapir.h>

enum { N = 100 };

static tp_status rosenbrock(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user, (void)n_in, (void)n_out;
    tp_tensor *a = tp_index(T, in[0], ":-1"), *b = tp_index(T, in[0], "1:");
    tp_tensor *valley = tp_square(T, tp_sub(T, b, tp_square(T, a))), *slope = tp_square(T, tp_rsub_scalar(T, a, 1));
    out[0] = tp_sum(T, tp_add(T, tp_mul_scalar(T, valley, 100), slope));
    return TP_OK;
}

static tp_tensor *vector(tp_tape *T, const double *x) { return tp_from(T, TP_F64, tp_shape(N), x); }

static double value(tp_tape *T, const double *x)
{
    tp_tensor *f, *in = vector(T, x);
    return rosenbrock(T, NULL, 1, &in, 1, &f) == TP_OK ? tp_item(f) : NAN;
}

static double gradient(tp_tape *T, const double *x, double *g)
{
    tp_tensor *f, *grad, *in = vector(T, x);
    if (tp_vjp_of(T, rosenbrock, NULL, 1, &in, 1, NULL, &f, &grad, NULL) != TP_OK)
        return NAN;
    memcpy(g, tp_data(grad), N * sizeof *g);
    return tp_item(f);
}

static void curve(tp_tape *T, const double *x, const double *v, double *hv)
{
    tp_tensor *in = vector(T, x), *by = vector(T, v), *product;
    if (tp_hvp(T, rosenbrock, NULL, 1, &in, &by, NULL, &product, NULL) == TP_OK)
        memcpy(hv, tp_data(product), N * sizeof *hv);
}

static double dot(const double *a, const double *b)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += a[i] * b[i];
    return sum;
}

/* p with H p = -g, nearly; returns the number of products. */
static int solve(tp_tape *T, const double *x, const double *g, double *p)
{
    double r[N], d[N], hd[N], rr = dot(g, g), enough = rr * fmin(0.25, sqrt(rr));
    for (int i = 0; i < N; i++)
        p[i] = 0, r[i] = g[i], d[i] = -g[i];
    for (int k = 1; k <= 2 * N; k++) {
        curve(T, x, d, hd);
        double curvature = dot(d, hd), step = rr / curvature, before = rr;
        if (!(curvature > 0)) {
            if (k == 1)
                memcpy(p, d, sizeof d);
            return k;
        }
        for (int i = 0; i < N; i++)
            p[i] += step * d[i], r[i] += step * hd[i];
        if ((rr = dot(r, r)) <= enough)
            return k;
        for (int i = 0; i < N; i++)
            d[i] = rr / before * d[i] - r[i];
    }
    return 2 * N;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    double x[N], trial[N], g[N], p[N], norm = 0, worst = 0;
    int products = 0, step = 0;
    for (int i = 0; i < N; i++)
        x[i] = i % 2 ? 1 : -1.2;
    for (;; step++) {
        double f = gradient(T, x, g);
        norm = sqrt(dot(g, g));
        if (step % 40 == 0 || norm < 1e-9)
            printf("step %3d  f %.3e  |g| %.1e  products so far %d\n", step, f, norm, products);
        if (tp_error(T) || norm < 1e-9 || step == 400)
            break;
        products += solve(T, x, g, p);
        double t = 1, slope = dot(g, p);
        for (; t > 1e-10; t /= 2) {
            for (int i = 0; i < N; i++)
                trial[i] = x[i] + t * p[i];
            if (value(T, trial) <= f + 1e-4 * t * slope)
                break;
        }
        memcpy(x, trial, sizeof x);
        tp_tape_reset(T);
    }
    for (int i = 0; i < N; i++)
        worst = fmax(worst, fabs(x[i] - 1));
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    printf("farthest from the minimum (1, ..., 1): %.1e\n", worst);
    bool failed = tp_error(T) != NULL || !(norm < 1e-9);
    tp_tape_free(T);
    return failed;
}
