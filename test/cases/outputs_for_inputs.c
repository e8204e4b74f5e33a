/* A list of results may be the list of operands, as in a loop that turns a state into the next one or a vector v into H v:
 * functions that cleared their results first found no inputs any more ("hvp: v[0] is NULL"). After a failure all are NULL. */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

static int bad;
static tp_tape *T;

static tp_status cubes(tp_tape *t, void *u, int n, tp_tensor *const *in, int m, tp_tensor **out)
{
    (void)u, (void)n, (void)m;
    out[0] = tp_sum(t, tp_mul(t, tp_square(t, in[0]), in[0]));
    return TP_OK;
}

static tp_status squares(tp_tape *t, void *u, int n, tp_tensor *const *in, int m, tp_tensor **out)
{
    (void)u, (void)n, (void)m;
    out[0] = tp_square(t, in[0]);
    return TP_OK;
}

static tp_status step(tp_tape *t, void *u, int64_t at, int n, tp_tensor *const *state, tp_tensor **next)
{
    (void)at;
    return squares(t, u, n, state, n, next);
}

static tp_tensor *pair(double a, double b) { return tp_from(T, TP_F64, tp_shape(2), (const double[]){a, b}); }

/* The first and the last element, and the status. */
static void check(const char *name, tp_status status, tp_tensor *const *at, double first, double last)
{
    const tp_tensor *y = *at; /* as it is after the call */
    double a = tp_item_at(y, 0), b = tp_item_at(y, tp_numel(y) - 1);
    if (status != TP_OK || a != first || b != last) {
        printf("%s: %s, %g ... %g, not %g ... %g\n", name, tp_error(T) ? tp_error(T) : tp_status_name(status), a, b, first, last);
        bad = 1;
    }
    tp_clear_error(T);
}

static void check_failed(const char *name, tp_status status, tp_tensor *const *at)
{
    if (status == TP_OK || *at != NULL) {
        printf("%s: %s, a result is left after a failure\n", name, tp_status_name(status));
        bad = 1;
    }
    tp_clear_error(T);
}

int main(void)
{
    T = tp_tape_new();
    tp_tensor *x = pair(1, 2), *v = pair(1, 2);
    check("hvp, v", tp_hvp(T, cubes, NULL, 1, &x, &v, NULL, &v, NULL), &v, 6, 24);
    v = pair(1, 2);
    check("hvp, x", tp_hvp(T, cubes, NULL, 1, &v, &x, NULL, &v, NULL), &v, 6, 24);
    v = pair(1, 2);
    check("vjp", tp_vjp_of(T, squares, NULL, 1, &x, 1, &v, NULL, &v, NULL), &v, 2, 8);
    v = pair(1, 2);
    check("jvp", tp_jvp(T, squares, NULL, 1, &x, 1, &v, NULL, &v, NULL), &v, 2, 8);
    v = pair(1, 2);
    check("jacobian", tp_jacobian(T, squares, NULL, 1, &v, 1, &v, NULL), &v, 2, 4);
    v = pair(1, 2);
    check("hessian", tp_hessian(T, cubes, NULL, 1, &v, &v, NULL), &v, 6, 12);
    v = pair(1, 2);
    check("checkpoint", tp_checkpoint(T, squares, NULL, 1, &v, 1, &v), &v, 1, 4);
    v = tp_requires_grad(pair(1, 2), true);
    tp_tensor *start = v;
    check("checkpoint_steps", tp_checkpoint_steps(T, step, NULL, 2, 1, 1, &v, &v), &v, 1, 16);
    tp_backward(T, tp_sum(T, v));
    tp_tensor *g = tp_grad(start);
    check("its backward", tp_error_status(T), &g, 4, 32);
    v = tp_requires_grad(pair(1, 2), true);
    tp_tensor *y = tp_sum(T, tp_square(T, v));
    check("gradients, inputs", tp_gradients(T, 1, &y, 1, &v, &v, NULL), &v, 2, 4);
    v = tp_requires_grad(pair(1, 2), true);
    y = tp_sum(T, cubes(T, NULL, 1, &v, 1, &y) == TP_OK ? y : NULL);
    const tp_gradients_options again = {.create_graph = true};
    check("gradients, outputs", tp_gradients(T, 1, &y, 1, &v, &y, &again), &y, 3, 12);
    y = tp_sum(T, y);
    check("gradients, again", tp_gradients(T, 1, &y, 1, &v, &y, NULL), &y, 6, 12);
    v = pair(1, 2);
    check("apply_all", tp_apply_all(T, tp_op_find("square"), NULL, 1, &v, &v), &v, 1, 4);
    tp_tensor *two[2] = {pair(1, 2), pair(3, 4)};
    check("meshgrid", tp_meshgrid(T, 2, two, false, two), &two[1], 3, 4);
    tp_tensor *wide[2] = {pair(1, 2), tp_ones(T, TP_F64, tp_shape(3, 1))};
    check("broadcast_tensors", tp_broadcast_tensors(T, 2, wide, wide), &wide[0], 1, 2);

    v = tp_ones(T, TP_I32, tp_shape(2));
    check_failed("hvp", tp_hvp(T, cubes, NULL, 1, &v, &x, NULL, &v, NULL), &v);
    v = tp_ones(T, TP_I32, tp_shape(2));
    check_failed("jacobian", tp_jacobian(T, squares, NULL, 1, &v, 1, &v, NULL), &v);
    v = pair(1, 2);
    check_failed("gradients", tp_gradients(T, 1, &v, 1, &v, &v, NULL), &v);
    v = pair(1, 2);
    check_failed("apply_all", tp_apply_all(T, tp_op_find("bitwise_not"), NULL, 1, &v, &v), &v);
    v = pair(1, 2);
    check_failed("checkpoint_steps", tp_checkpoint_steps(T, step, NULL, -1, 1, 1, &v, &v), &v);
    two[1] = tp_ones(T, TP_F64, tp_shape(3));
    two[0] = pair(1, 2);
    check_failed("broadcast_tensors", tp_broadcast_tensors(T, 2, two, two), &two[0]);
    two[0] = pair(1, 2);
    two[1] = tp_ones(T, TP_F32, tp_shape(3));
    check_failed("meshgrid", tp_meshgrid(T, 2, two, false, two), &two[0]);
    tp_tape_free(T);
    return bad;
}
