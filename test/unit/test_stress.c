/* test_stress.c - random graphs: gradients against differences, with and without fused kernels, and after failures.
 *
 * A seed stands for a graph of up to some 200 operators on matrices of a few sizes: views, shared inputs, broadcasting,
 * several losses.
 */
#include "support/alloc.h"
#include "support/support.h"

enum { SEEDS = 1000, PARAMS = 4, LIVE = 24, LOSSES = 3, MOST = 200 };

typedef struct {
    uint64_t state;
} dice;

static uint64_t roll(dice *d, uint64_t n)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (d->state >> 33) % n;
}

static const int64_t sizes[] = {1, 2, 3, 4};

static tp_tensor *any(dice *d, int n, tp_tensor *const *x) { return x[roll(d, (uint64_t)n)]; }

/* Values stay in (-1, 1), so that depth does no harm. */
static tp_tensor *tame(tp_tape *T, tp_tensor *x) { return tp_tanh(T, tp_mul_scalar(T, x, 0.7)); }

/* Two tensors that broadcast: one may be a row, a column or a number of the other's. */
static tp_tensor *fitting(tp_tape *T, dice *d, const tp_tensor *x, tp_tensor *y)
{
    tp_tensor *flat = tp_reshape(T, y, tp_shape(-1));
    if (x == NULL || flat == NULL)
        return NULL;
    tp_dims shape = tp_shape_of(x);
    int64_t want = 1;
    for (int i = 0; i < shape.ndim; i++) {
        if (roll(d, 3) == 0)
            shape.dim[i] = 1;
        want *= shape.dim[i];
    }
    int64_t have = tp_numel(flat), times = (want + have - 1) / have;
    return tp_reshape(T, tp_narrow(T, tp_tile(T, flat, tp_shape(times)), 0, 0, want), shape);
}

/* One of x's shape, another where there is one. */
static tp_tensor *twin(dice *d, tp_tensor *x, int n, tp_tensor *const *live)
{
    int start = (int)roll(d, (uint64_t)n);
    for (int i = 0; i < n; i++) {
        tp_tensor *y = live[(start + i) % n];
        if (y != x && y && tp_size(y, 0) == tp_size(x, 0) && tp_size(y, 1) == tp_size(x, 1))
            return y;
    }
    return x;
}

static tp_tensor *step(tp_tape *T, dice *d, tp_tensor *x, tp_tensor *other, int n, tp_tensor *const *live)
{
    tp_tensor *pair[2] = {x, x};
    if (x == NULL)
        return NULL;
    int64_t rows = tp_size(x, 0), columns = tp_size(x, 1);
    switch (roll(d, 24)) {
    case 0:
        return tp_add(T, x, fitting(T, d, x, other));
    case 1:
        return tp_mul(T, x, fitting(T, d, x, other));
    case 2:
        return tp_sub(T, fitting(T, d, x, other), x);
    case 3:
        return tp_div(T, x, tp_add_scalar(T, tp_square(T, fitting(T, d, x, other)), 1));
    case 4:
        return tp_t(T, x);
    case 5:
        return tp_matmul(T, x, tp_t(T, x));
    case 6:
        return tp_sigmoid(T, x);
    case 7:
        return tp_sin(T, x);
    case 8:
        return tp_exp(T, x);
    case 9:
        return tp_softmax(T, x, (int)roll(d, 2));
    case 10:
        return tp_sum_dim(T, x, (int)roll(d, 2), true);
    case 11:
        return tp_expand(T, tp_narrow(T, x, 0, 0, 1), tp_shape(3, columns));
    case 12:
        return tp_slice(T, x, 1, (int64_t)roll(d, (uint64_t)columns), INT64_MAX, 1);
    case 13:
        return tp_narrow(T, tp_cat(T, 2, pair, (int)roll(d, 2)), 0, 0, rows);
    case 14:
        return tp_cumsum(T, x, (int)roll(d, 2));
    case 15:
        return tp_flip(T, x, 1, &(int){(int)roll(d, 2)});
    case 16:
        return tp_softplus(T, x);
    case 17:
        return tp_layer_norm(T, x, tp_shape(columns), NULL, NULL, 0.5);
    case 18:
        return tp_linear(T, x, tp_clone(T, x), NULL);
    case 19:
    case 20: /* one gradient goes to both, and may not be written to while it does */
        return tp_add(T, x, twin(d, x, n, live));
    case 21:
        return tp_sub(T, x, twin(d, x, n, live));
    case 22:
        return tp_mul(T, x, twin(d, x, n, live));
    default:
        return tp_reshape(T, x, tp_shape(columns, rows));
    }
}

/* The losses of the graph that the seed stands for. */
static void build(tp_tape *T, uint64_t seed, tp_tensor *const *params, tp_tensor **losses)
{
    dice d = {seed * 2654435761u + 12345};
    tp_tensor *live[LIVE];
    int n = 0, operators = 20 + (int)roll(&d, MOST - 20) / 3;
    for (int i = 0; i < PARAMS; i++)
        live[n++] = params[i];
    for (int i = 0; i < operators; i++) {
        tp_tensor *y = tame(T, step(T, &d, any(&d, n, live), any(&d, n, live), n, live));
        if (y && tp_size(y, 0) > 6)
            y = tp_narrow(T, y, 0, 1, 4);
        if (y && tp_size(y, 1) > 6)
            y = tp_narrow(T, y, 1, 1, 4);
        if (n < LIVE)
            live[n++] = y;
        else
            live[roll(&d, LIVE)] = y;
    }
    for (int k = 0; k < LOSSES; k++) {
        losses[k] = tp_mean(T, tp_square(T, live[n - 1 - k]));
        losses[k] = tp_add(T, losses[k], tp_sum(T, any(&d, n, live)));
    }
}

static tp_tensor *total(tp_tape *T, uint64_t seed, tp_tensor *const *params)
{
    tp_tensor *losses[LOSSES];
    build(T, seed, params, losses);
    return tp_add(T, losses[0], tp_add(T, losses[1], losses[2]));
}

static tp_tensor *random_like(tp_tape *T, tp_dims shape, double bound)
{
    return tp_mul_scalar(T, tp_sub_scalar(T, tp_rand(T, TP_F64, shape), 0.5), 2 * bound);
}

static void make_params(tp_tape *T, uint64_t seed, tp_tensor **params)
{
    tp_manual_seed(T, seed);
    for (int i = 0; i < PARAMS; i++)
        params[i] = tp_requires_grad(tp_keep(random_like(T, tp_shape(sizes[i], sizes[(seed + (uint64_t)i) % 4]), 0.9)),
                                     true);
    tp_tape_reset(T);
}

/* The derivative of the loss by one number, which may be of any parameter, by central differences. */
static double difference_by(tp_tape *T, uint64_t seed, tp_tensor *const *params, double *number)
{
    const double h = 1e-5, at = *number;
    double loss[2];
    bool was = tp_tape_record(T, false);
    for (int k = 0; k < 2; k++) {
        *number = k ? at - h : at + h;
        loss[k] = tp_item(total(T, seed, params));
        tp_tape_reset(T);
    }
    *number = at;
    tp_tape_record(T, was);
    return (loss[0] - loss[1]) / (2 * h);
}

static void same(tp_tensor *a, tp_tensor *b, double tolerance, uint64_t seed, const char *what)
{
    ck_assert(tp_numel(a) == tp_numel(b));
    for (int64_t k = 0; k < tp_numel(a); k++) {
        double x = tp_item_at(a, k), y = tp_item_at(b, k);
        ck_assert_msg(fabs(x - y) <= tolerance * (1 + fabs(x)), "seed %llu, %s: %.17g and %.17g",
                      (unsigned long long)seed, what, x, y);
    }
}

START_TEST(gradients)
{
    for (uint64_t seed = (uint64_t)_i; seed < SEEDS; seed += 4) {
        tp_tape *T = tp_tape_new();
        tp_tensor *params[PARAMS], *losses[LOSSES], *plain[PARAMS];
        make_params(T, seed, params);
        build(T, seed, params, losses);
        tp_gradients(T, LOSSES, losses, PARAMS, params, plain,
                     &(tp_gradients_options){.create_graph = true, .allow_unused = true}); /* operators alone */
        for (int k = 0; k < LOSSES; k++) /* kernels, and sums over several sweeps */
            tp_backward_from(T, 1, &losses[k], &(tp_backward_options){.retain_graph = true});
        ck_no_error(T);
        double size = 1; /* of all that was added up to a gradient, for the differences' rounding */
        for (int i = 0; i < PARAMS; i++) {
            ck_assert((plain[i] != NULL) == (tp_grad(params[i]) != NULL));
            if (plain[i] == NULL)
                continue;
            same(plain[i], tp_grad(params[i]), 1e-11, seed, "fused and composite");
            size += tp_item(tp_sum(T, tp_abs(T, tp_grad(params[i]))));
        }
        tp_tape_reset(T);
        for (int i = 0; i < PARAMS; i++)
            for (int64_t k = 0; k < tp_numel(params[i]); k++) {
                double slope = tp_grad(params[i]) ? tp_item_at(tp_grad(params[i]), k) : 0;
                double difference = difference_by(T, seed, params, (double *)tp_data(params[i]) + k);
                ck_assert_msg(fabs(slope - difference) <= 1e-6 * size, "seed %llu, element %lld of %d: %.12g and %.12g",
                              (unsigned long long)seed, (long long)k, i, slope, difference);
            }
        ck_no_error(T);
        for (int i = 0; i < PARAMS; i++)
            tp_free(params[i]);
        tp_tape_free(T);
    }
}
END_TEST

/* The gradient at params + h v. */
static void gradient_at(tp_tape *T, uint64_t seed, tp_tensor *const *params, tp_tensor *const *v, double h,
                        tp_tensor **g)
{
    tp_tensor *moved[PARAMS];
    for (int i = 0; i < PARAMS; i++)
        moved[i] = tp_requires_grad(tp_detach(T, tp_add(T, params[i], tp_mul_scalar(T, v[i], h))), true);
    tp_tensor *loss = total(T, seed, moved);
    tp_gradients(T, 1, &loss, PARAMS, moved, g, &(tp_gradients_options){.allow_unused = true});
}

/* w . H v, by differentiating gradient . v, and by differences of w . gradient. */
START_TEST(second_order)
{
    for (uint64_t seed = (uint64_t)_i; seed < SEEDS / 4; seed += 4) {
        tp_tape *T = tp_tape_new();
        tp_tensor *params[PARAMS], *v[PARAMS], *w[PARAMS], *g[PARAMS], *hv[PARAMS], *up[PARAMS], *down[PARAMS];
        make_params(T, seed, params);
        tp_tensor *loss = total(T, seed, params), *slope = tp_zeros(T, TP_F64, TP_SCALAR);
        tp_gradients(T, 1, &loss, PARAMS, params, g,
                     &(tp_gradients_options){.create_graph = true, .allow_unused = true});
        for (int i = 0; i < PARAMS; i++) {
            v[i] = random_like(T, tp_shape_of(params[i]), 1);
            w[i] = random_like(T, tp_shape_of(params[i]), 1);
            slope = g[i] ? tp_add(T, slope, tp_sum(T, tp_mul(T, g[i], v[i]))) : slope;
        }
        ck_no_error(T);
        double h = 1e-4, product = 0, difference = 0, size = 1;
        bool curved = tp_needs_grad(slope);
        memset(hv, 0, sizeof hv);
        if (curved)
            tp_gradients(T, 1, &slope, PARAMS, params, hv, &(tp_gradients_options){.allow_unused = true});
        gradient_at(T, seed, params, v, h, up);
        gradient_at(T, seed, params, v, -h, down);
        ck_no_error(T);
        for (int i = 0; i < PARAMS; i++) {
            if (hv[i]) {
                product += tp_item(tp_sum(T, tp_mul(T, hv[i], w[i])));
                size += tp_item(tp_sum(T, tp_abs(T, hv[i])));
            }
            if (up[i])
                difference += tp_item(tp_sum(T, tp_mul(T, tp_sub(T, up[i], down[i]), w[i]))) / (2 * h);
        }
        ck_assert_msg(fabs(product - difference) <= 1e-5 * size, "seed %llu: w.Hv %.12g, difference %.12g, size %g",
                      (unsigned long long)seed, product, difference, size);
        for (int i = 0; i < PARAMS; i++)
            tp_free(params[i]);
        tp_tape_free(T);
    }
}
END_TEST

/* A failure in the middle of recording or sweeping leaves a tape whose next step is right to the bit. */
START_TEST(after_failures)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *params[PARAMS], *want[PARAMS];
    uint64_t seed = 7 + (uint64_t)_i;
    make_params(T, seed, params);
    tp_backward(T, total(T, seed, params));
    ck_no_error(T);
    for (int i = 0; i < PARAMS; i++) {
        want[i] = tp_grad(params[i]) ? tp_keep(tp_clone(T, tp_grad(params[i]))) : NULL;
        tp_zero_grad(params[i]);
    }
    tp_tape_free(T);
    for (long n = 1;; n++) { /* the n-th allocation fails */
        alloc_fail_at(n);
        T = tp_tape_new();
        if (T)
            tp_backward(T, total(T, seed, params));
        bool failed = alloc_requests() >= n;
        alloc_fail_at(0);
        if (T) {
            tp_clear_error(T);
            tp_tape_reset(T);
        } else {
            T = tp_tape_new();
        }
        for (int i = 0; i < PARAMS; i++)
            tp_zero_grad(params[i]);
        tp_backward(T, total(T, seed, params));
        ck_no_error(T);
        for (int i = 0; i < PARAMS; i++)
            if (want[i])
                same(want[i], tp_grad(params[i]), 0, seed, "after a failure");
        tp_tape_free(T);
        if (!failed)
            break;
        ck_assert(n < 10000);
    }
    for (int i = 0; i < PARAMS; i++) {
        tp_free(want[i]);
        tp_free(params[i]);
    }
}
END_TEST

/* A hook that fails at its n-th call. */
static tp_tensor *fails_at(tp_tape *T, tp_tensor *g, void *user)
{
    (void)g;
    if (--*(int *)user == 0)
        tp_fail(T, TP_EINVAL, "a hook had enough");
    return NULL;
}

START_TEST(errors_in_hooks)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *params[PARAMS], *want[PARAMS], *x[6];
    make_params(T, 3, params);
    tp_backward(T, total(T, 3, params));
    for (int i = 0; i < PARAMS; i++)
        want[i] = tp_grad(params[i]) ? tp_keep(tp_clone(T, tp_grad(params[i]))) : NULL;
    for (int stop = 1; stop <= 6; stop++) {
        int left = stop;
        tp_tape_reset(T);
        x[0] = tp_tanh(T, params[1]);
        tp_register_hook(T, x[0], fails_at, &left);
        for (int i = 1; i < 6; i++) {
            x[i] = tp_sin(T, tp_mul(T, x[i - 1], x[0]));
            tp_register_hook(T, x[i], fails_at, &left);
        }
        tp_backward(T, tp_sum(T, x[5]));
        ck_assert_int_eq(tp_error_status(T), TP_EINVAL);
        tp_clear_error(T);
        tp_tape_reset(T);
        for (int i = 0; i < PARAMS; i++)
            tp_zero_grad(params[i]);
        tp_backward(T, total(T, 3, params));
        ck_no_error(T);
        for (int i = 0; i < PARAMS; i++)
            if (want[i])
                same(want[i], tp_grad(params[i]), 0, 3, "after a hook's error");
    }
    for (int i = 0; i < PARAMS; i++) {
        tp_free(want[i]);
        tp_free(params[i]);
    }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress");
    TCase *tc = tcase_create("stress");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, gradients, 0, 4);
    tcase_add_loop_test(tc, second_order, 0, 4);
    tcase_add_loop_test(tc, after_failures, 0, 3);
    tcase_add_test(tc, errors_in_hooks);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
