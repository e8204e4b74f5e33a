/* custom_operator.c - an operator of one's own, its gradient, and the check that the gradient is right.
 *
 * The soft threshold: y = x - t where x > t, x + t where x < -t, 0 between; dy/dx = 1 outside, 0 inside. What the
 * built-in operators are made of is all there is to it.
 */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

/* ---- the operator, in 25 lines --------------------------------------------------------------- */

static tp_status shrink_infer(tp_call *c)
{
    if (tp_dtype_of(c->in[0]) != TP_F64)
        return tp_call_fail(c, TP_EDTYPE, "takes float64, not %s", tp_dtype_name(tp_dtype_of(c->in[0])));
    return tp_call_out(c, 0, TP_F64, tp_shape_of(c->in[0]));
}

static tp_status shrink_forward(tp_call *c)
{
    const double t = *(const double *)c->attr, *x = tp_data(c->in[0]);
    double *y = tp_data(c->out[0]);
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        y[i] = copysign(fmax(fabs(x[i]) - t, 0), x[i]);
    return TP_OK;
}

static tp_status shrink_vjp(tp_vjp *v) /* in operators, so it has derivatives of its own */
{
    v->gin[0] = tp_mul(v->tape, v->gout[0], tp_abs(v->tape, tp_sign(v->tape, v->out[0])));
    return TP_OK;
}

static const tp_op shrink = {.name = "user.shrink", .n_in = 1, .n_out = 1, .attr_size = sizeof(double),
                             .infer = shrink_infer, .forward = shrink_forward, .vjp = shrink_vjp};

/* ---- its use --------------------------------------------------------------------------------- */

/* The lasso by proximal gradient steps, min |A w - b|^2 / 2 + t |w|_1; then the gradient of the answer's error by b,
 * through all of the steps. */
int main(void)
{
    enum { ROWS = 40, COLUMNS = 12, STEPS = 400 };
    const double rate = 1.0 / 160, threshold = 4 * rate;
    tp_tape *T = tp_tape_new();
    tp_manual_seed(T, 1);

    tp_tensor *sample = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(3, 5)), true);
    tp_gradcheck(T, &shrink, &threshold, 1, &sample, &(tp_gradcheck_options){.second = true});
    printf("gradcheck: %s\n", tp_error(T) ? tp_error(T) : "the gradient is right, and so is its own");

    double truth[COLUMNS] = {3, 0, 0, -2, 0, 0, 0, 1, 0, 0, 0, 0};
    tp_tensor *w = tp_from(T, TP_F64, tp_shape(COLUMNS), truth), *A = tp_randn(T, TP_F64, tp_shape(ROWS, COLUMNS));
    tp_tensor *noise = tp_mul_scalar(T, tp_randn(T, TP_F64, tp_shape(ROWS)), 0.05);
    tp_tensor *b = tp_requires_grad(tp_detach(T, tp_add(T, tp_mv(T, A, w), noise)), true);
    tp_tensor *x = tp_zeros(T, TP_F64, tp_shape(COLUMNS));
    for (int k = 0; k < STEPS; k++) {
        tp_tensor *residual = tp_sub(T, tp_mv(T, A, x), b);
        tp_tensor *moved = tp_sub(T, x, tp_mul_scalar(T, tp_mv(T, tp_t(T, A), residual), rate));
        x = tp_apply(T, &shrink, &threshold, 1, &moved);
    }
    tp_tensor *error = tp_sum(T, tp_square(T, tp_sub(T, x, w)));
    tp_backward(T, error);
    int found = 0, missed = 0;
    for (int i = 0; i < COLUMNS; i++)
        (truth[i] != 0) == (tp_item_at(x, i) != 0) ? found++ : missed++;
    printf("%d of %d coefficients told apart from zero rightly, squared error %.4f\n", found, COLUMNS, tp_item(error));
    printf("its gradient by the data has norm %.4f\n", sqrt(tp_item(tp_sum(T, tp_square(T, tp_grad(b))))));
    bool failed = tp_error(T) != NULL || missed > 0;
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    tp_tape_free(T);
    return failed;
}
