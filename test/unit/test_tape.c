/* test_tape.c - errors, scopes, marks, recording; backward, gradients, accumulation, second order. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *leaf(double v) { return tp_requires_grad(tp_scalar(T, TP_F64, v), true); }

/* ---- errors ------------------------------------------------------------------------------------------------ */

START_TEST(errors_stick)
{
    tp_tensor *a = tp_zeros(T, TP_F32, tp_shape(2, 3)), *b = tp_zeros(T, TP_F32, tp_shape(4));
    ck_assert_ptr_null(tp_add(T, a, b));
    ck_assert_ptr_null(tp_exp(T, a));
    ck_assert_int_eq(tp_tape_reset(T), TP_ESHAPE);
    tp_fail(T, TP_EUSER, "a second one");
    ck_error(T, TP_ESHAPE, "[2, 3] and [4]");
    ck_no_error(T);
    ck_assert_ptr_nonnull(tp_zeros(T, TP_F32, tp_shape(1)));
    tp_fail(T, TP_EUSER, "%s %d", "mine", 7);
    ck_error(T, TP_EUSER, "mine 7");
}
END_TEST

/* On a tape that is well a NULL is the first failure, on one that has failed it is quiet. */
START_TEST(null_is_a_failure)
{
    tp_tensor *x = leaf(2), *none = NULL, *g;
    ck_assert_ptr_null(tp_mul(T, x, NULL));
    ck_error(T, TP_EINVAL, "mul: input 1 is NULL");
    ck_assert_ptr_null(tp_exp(T, tp_mul(T, x, NULL)));
    ck_error(T, TP_EINVAL, "mul: input 1 is NULL");
    tp_fail(T, TP_EUSER, "before");
    ck_assert_ptr_null(tp_exp(T, NULL));
    ck_assert_int_eq(tp_backward(T, NULL), TP_EUSER);
    ck_error(T, TP_EUSER, "before");
    ck_assert_int_eq(tp_backward(T, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "backward: the loss is NULL");
    ck_assert_int_eq(tp_backward_from(T, 1, &none, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "backward_from: the root is NULL");
    ck_assert_int_eq(tp_backward_from(T, 0, &x, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "0 roots");
    ck_assert_int_eq(tp_backward_into(T, x, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the sink is NULL");
    ck_assert_int_eq(tp_gradients(T, 1, &x, 1, &none, &g, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "gradients: input 0 is NULL");
    ck_assert_int_eq(tp_gradients(T, 1, &none, 1, &x, &g, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "root is NULL");
    ck_assert_int_eq(tp_set_grad(T, NULL, x), TP_EINVAL);
    ck_error(T, TP_EINVAL, "set_grad: the tensor is NULL");
    ck_assert_ptr_null(tp_optim_sgd(T, NULL, &(tp_sgd_options){.lr = 1}));
    ck_error(T, TP_EINVAL, "sgd: the parameter set is NULL");
    ck_assert_int_eq(tp_optim_step(T, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "optim_step: the optimizer is NULL");
    ck_assert(isnan(tp_params_clip_grad_norm(T, NULL, 1)));
    ck_error(T, TP_EINVAL, "the parameter set is NULL");
    ck_assert_ptr_null(tp_forward(T, NULL, x));
    ck_error(T, TP_EINVAL, "the module is NULL");
    tp_module *m = tp_nn_relu(T);
    ck_assert_ptr_null(tp_forward(T, m, NULL));
    ck_error(T, TP_EINVAL, "ReLU: the tensor is NULL");
    ck_assert_ptr_null(tp_module_add(T, m, "child", NULL));
    ck_error(T, TP_EINVAL, "the child is NULL");
    ck_assert_ptr_null(tp_module_add_param(T, m, "w", NULL));
    ck_error(T, TP_EINVAL, "the tensor is NULL");
    ck_assert_int_eq(tp_register_hook(T, x, NULL, NULL), 0);
    ck_error(T, TP_EINVAL, "the hook is NULL");
    tp_module_free(m);
    tp_linear(T, tp_ones(T, TP_F32, tp_shape(2, 3)), tp_ones(T, TP_F32, tp_shape(1, 3)), NULL); /* it may be NULL */
    ck_no_error(T);
}
END_TEST

/* ---- scopes --------------------------------------------------------------------------------------------------- */

START_TEST(marks)
{
    tp_tensor *x = leaf(2), *before = tp_square(T, x);
    tp_memory m0 = tp_tape_memory(T);
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *y = tp_mul(T, before, tp_zeros(T, TP_F64, tp_shape(1000)));
    tp_backward(T, tp_sum(T, y));
    tp_tape_rewind(T, mark);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use - m0.bytes_in_use, 64 + 256); /* x's gradient */
    ck_assert(tp_item(tp_grad(x)) == 0);                                          /* it outlives the rewind */
    ck_assert(tp_item(before) == 4);
    ck_no_error(T);
    tp_tape_reset(T);
    tp_tape_rewind(T, mark);
    tp_clear_error(T);
    tp_tape *U = tp_tape_new();
    ck_assert_int_eq(tp_tape_rewind(U, mark), TP_EINVAL);
    tp_tape_free(U);
}
END_TEST

START_TEST(many_tensors)
{
    for (int round = 0; round < 3; round++) {
        tp_tensor *x = leaf(1), *y = x;
        for (int i = 0; i < 20000; i++)
            y = tp_add_scalar(T, y, 1);
        ck_assert(tp_item(y) == 20001);
        ck_assert_int_eq(tp_backward(T, y), TP_OK);
        ck_assert(tp_item(tp_grad(x)) == 1);
        tp_tape_reset(T);
    }
}
END_TEST

START_TEST(recording)
{
    tp_tensor *x = leaf(3);
    ck_assert(tp_tape_record(T, false));
    tp_tensor *y = tp_square(T, x);
    ck_assert(!tp_needs_grad(y) && tp_is_leaf(y) && !tp_tape_is_recording(T));
    ck_assert(!tp_tape_record(T, true));
    tp_tensor *z = tp_square(T, x);
    ck_assert(tp_needs_grad(z) && !tp_is_leaf(z));
    ck_assert(!tp_needs_grad(tp_detach(T, z)) && !tp_needs_grad(tp_gt(T, z, x)));
    ck_assert_ptr_null(tp_requires_grad(z, false));
    ck_error(T, TP_EINVAL, "detach");
    ck_assert_ptr_null(tp_requires_grad(tp_zeros(T, TP_I64, tp_shape(1)), true));
    ck_error(T, TP_EDTYPE, "int64");
}
END_TEST

/* ---- backward ---------------------------------------------------------------------------------------------------- */

START_TEST(accumulates)
{
    tp_tensor *x = leaf(3), *owned = tp_requires_grad(tp_keep(tp_scalar(T, TP_F64, 5)), true);
    for (int i = 1; i <= 3; i++) {
        tp_backward(T, tp_mul(T, tp_square(T, x), owned));
        ck_assert(tp_item(tp_grad(x)) == i * 30.0 && tp_item(tp_grad(owned)) == i * 9.0);
    }
    tp_zero_grad(x);
    tp_zero_grad(owned);
    ck_assert(tp_grad(x) == NULL && tp_grad(owned) == NULL);
    tp_backward(T, tp_mul(T, x, owned));
    ck_assert(tp_item(tp_grad(x)) == 5 && tp_item(tp_grad(owned)) == 3);
    tp_set_grad(T, x, tp_scalar(T, TP_F64, 100));
    tp_backward(T, tp_mul(T, x, owned));
    ck_assert(tp_item(tp_grad(x)) == 105);
    ck_assert_int_eq(tp_set_grad(T, x, tp_zeros(T, TP_F64, tp_shape(2))), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "set_grad");
    tp_free(owned);
}
END_TEST

START_TEST(diamond)
{
    tp_tensor *x = leaf(2), *a = tp_square(T, x), *b = tp_mul(T, a, x), *c = tp_add(T, tp_mul(T, a, b), a);
    tp_backward(T, c); /* x^5 + x^2 */
    ck_assert(tp_item(tp_grad(x)) == 5 * 16 + 4);
    tp_tensor *y = leaf(3), *twice = tp_mul(T, y, y);
    tp_backward(T, tp_add(T, twice, twice));
    ck_assert(tp_item(tp_grad(y)) == 12);
    ck_assert_ptr_null(tp_grad(a));
}
END_TEST

START_TEST(retained)
{
    tp_tensor *x = leaf(2), *a = tp_retain_grad(tp_square(T, x));
    tp_backward(T, tp_mul_scalar(T, a, 7));
    ck_assert(tp_item(tp_grad(a)) == 7 && tp_item(tp_grad(x)) == 28);
}
END_TEST

START_TEST(broadcast)
{
    tp_tensor *a = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(3, 1)), true);
    tp_tensor *b = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2, 1, 4)), true);
    tp_backward(T, tp_sum(T, tp_mul_scalar(T, tp_mul(T, a, b), 2)));
    ck_values(tp_grad(a), 0, 16, 16, 16);
    ck_values(tp_grad(b), 0, 6, 6, 6, 6, 6, 6, 6, 6);
    ck_assert_int_eq(tp_dtype_of(tp_grad(a)), TP_F32);
    ck_no_error(T);
}
END_TEST

START_TEST(refusals)
{
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(3)), true), *y = tp_sum(T, tp_exp(T, x));
    ck_assert_int_eq(tp_backward(T, tp_exp(T, x)), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "scalar");
    ck_assert_int_eq(tp_backward(T, tp_sum(T, tp_ones(T, TP_F32, tp_shape(2)))), TP_EGRAPH);
    ck_error(T, TP_EGRAPH, "asks for a gradient");
    ck_assert_int_eq(tp_backward(T, y), TP_OK);
    ck_assert_int_eq(tp_backward(T, y), TP_EGRAPH);
    ck_error(T, TP_EGRAPH, "retain_graph");
    tp_tensor *z = tp_sum(T, tp_exp(T, x));
    ck_assert_int_eq(tp_backward_from(T, 1, &z, &(tp_backward_options){.retain_graph = true}), TP_OK);
    ck_assert_int_eq(tp_backward(T, z), TP_OK);
    tp_tensor *unused = leaf(1), *g;
    z = tp_sum(T, x);
    ck_assert_int_eq(tp_gradients(T, 1, &z, 1, &unused, &g, &(tp_gradients_options){.retain_graph = true}), TP_EGRAPH);
    ck_error(T, TP_EGRAPH, "allow_unused");
    ck_assert_int_eq(tp_gradients(T, 1, &z, 1, &unused, &g, &(tp_gradients_options){.allow_unused = true}), TP_OK);
    ck_assert_ptr_null(g);
}
END_TEST

START_TEST(mutated)
{
    tp_tensor *w = tp_requires_grad(tp_keep(tp_ones(T, TP_F32, tp_shape(3))), true);
    tp_tensor *sq = tp_sum(T, tp_mul(T, w, w)), *view = tp_sum(T, tp_square(T, tp_narrow(T, w, 0, 1, 2)));
    tp_tensor *sum = tp_sum(T, w);
    ck_assert_int_eq(tp_copy_into(T, w, tp_zeros(T, TP_F32, tp_shape(1))), TP_OK);
    ck_assert_int_eq(tp_backward(T, sq), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "in place");
    ck_assert_int_eq(tp_backward(T, view), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "in place");
    ck_assert_int_eq(tp_backward(T, sum), TP_OK); /* a sum reads no values */
    ck_assert_int_eq(tp_copy_into(T, w, tp_zeros(T, TP_F32, tp_shape(4))), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "[4] into [3]; ");
    tp_free(w);
}
END_TEST

/* A result that its own derivative reads, written through a tensor that shares its storage. */
START_TEST(mutated_result)
{
    static tp_tensor *(*const readers[])(tp_tape *, tp_tensor *) = {tp_exp, tp_tan, tp_reciprocal, tp_sqrt};
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(4)), true), *g;
    for (int i = 0; i < 8; i++) {
        tp_tensor *y = readers[i / 2](T, x), *sum = tp_sum(T, y);
        ck_assert_int_eq(tp_copy_into(T, tp_narrow(T, tp_detach(T, y), 0, 1, 2), tp_zeros(T, TP_F32, TP_SCALAR)),
                         TP_OK);
        tp_gradients_options o = {.create_graph = i % 2};
        ck_assert_int_eq(tp_gradients(T, 1, &sum, 1, &x, &g, &o), TP_EMUTATED);
        ck_error(T, TP_EMUTATED, "output 0 was changed in place");
    }
    tp_tensor *y = tp_sin(T, x), *sum = tp_sum(T, y); /* its derivative reads x alone */
    ck_assert_int_eq(tp_copy_into(T, tp_detach(T, y), tp_zeros(T, TP_F32, TP_SCALAR)), TP_OK);
    ck_assert_int_eq(tp_gradients(T, 1, &sum, 1, &x, &g, NULL), TP_OK);
    ck_no_error(T);
}
END_TEST

/* Overlapping copies inside one storage go through a buffer. */
START_TEST(copy_onto_itself)
{
    tp_tensor *w = tp_keep(tp_arange(T, TP_F32, 0, 6, 1)), *m = tp_keep(tp_reshape(T, w, tp_shape(2, 3)));
    tp_tensor *odd = tp_keep(tp_index(T, m, ":, 1"));
    tp_copy_into(T, odd, tp_index(T, m, ":, 2"));
    ck_values(w, 0, 0, 2, 2, 3, 5, 5);
    tp_free(odd);
    tp_free(m);
    tp_free(w);
}
END_TEST

/* ---- gradients --------------------------------------------------------------------------------------------------- */

START_TEST(higher_orders)
{
    tp_tensor *x = leaf(1.5), *y = tp_sin(T, tp_square(T, x)), *g = y;
    double s = sin(2.25), c = cos(2.25);
    const double want[] = {3 * c, 2 * c - 9 * s, -18 * s - 27 * c, -12 * s - 108 * c + 81 * s};
    for (size_t k = 0; k < LENGTH(want); k++) {
        tp_tensor *of = g;
        ck_assert_int_eq(tp_gradients(T, 1, &of, 1, &x, &g, &(tp_gradients_options){.create_graph = true}), TP_OK);
        ck_assert_double_eq_tol(tp_item(g), want[k], 1e-12);
    }
    ck_assert_ptr_null(tp_grad(x));
    tp_backward(T, g);
    ck_assert_ptr_nonnull(tp_grad(x));
    ck_no_error(T);
}
END_TEST

START_TEST(with_grad_outputs)
{
    tp_tensor *x = tp_requires_grad(tp_arange(T, TP_F64, 1, 4, 1), true), *y = tp_square(T, x), *z = tp_exp(T, x);
    tp_tensor *roots[2] = {y, z}, *v[2] = {tp_full(T, TP_F64, tp_shape(3), 2), tp_zeros(T, TP_F64, tp_shape(3))}, *g;
    ck_assert_int_eq(tp_gradients(T, 2, roots, 1, &x, &g, &(tp_gradients_options){.grad_outputs = v}), TP_OK);
    ck_values(g, 0, 4, 8, 12);
    ck_values(v[0], 0, 2, 2, 2); /* the caller's stays his */
    ck_assert_ptr_null(tp_grad(x));
    tp_tensor *bad = tp_zeros(T, TP_F64, tp_shape(2));
    y = tp_square(T, x);
    ck_assert_int_ne(tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.grad_outputs = &bad}), TP_OK);
    ck_error(T, TP_ESHAPE, "the gradient is [2]");
}
END_TEST

/* Gradients of computed tensors, of leaves behind them, and twice the same. */
START_TEST(inner_targets)
{
    tp_tensor *x = leaf(2), *y = tp_square(T, x), *z = tp_mul(T, y, x), *in[4] = {y, x, z, x}, *g[4];
    ck_assert_int_eq(tp_gradients(T, 1, &z, 4, in, g, NULL), TP_OK);
    ck_assert(tp_item(g[0]) == 2 && tp_item(g[1]) == 12 && tp_item(g[2]) == 1 && tp_item(g[3]) == 12);
    x = leaf(2);
    y = tp_square(T, x);
    z = tp_mul(T, y, x);
    ck_assert_int_eq(tp_backward_from(T, 1, &z, &(tp_backward_options){.n_inputs = 1, .inputs = &x}), TP_OK);
    ck_assert(tp_item(tp_grad(x)) == 12);
}
END_TEST

/* An operator whose derivative is a kernel alone has no second derivative, and says so. */
static tp_status half_infer(tp_call *c) { return tp_call_out(c, 0, TP_F64, tp_shape_of(c->in[0])); }
static tp_status half_forward(tp_call *c)
{
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        ((double *)tp_data(c->out[0]))[i] = ((double *)tp_data(c->in[0]))[i] / 2;
    return TP_OK;
}
static tp_status half_fused(tp_vjp *v)
{
    for (int64_t i = 0; i < tp_numel(v->gin[0]); i++)
        ((double *)tp_data(v->gin[0]))[i] += ((double *)tp_data(v->gout[0]))[i] / 2;
    return TP_OK;
}
static const tp_op half = {
    .name = "user.half", .n_in = 1, .n_out = 1, .infer = half_infer, .forward = half_forward, .vjp_fused = half_fused};

START_TEST(kernel_alone)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2)), true),
              *y = tp_sum(T, tp_apply(T, &half, NULL, 1, &x)), *g;
    ck_assert_int_eq(tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.retain_graph = true}), TP_OK);
    ck_values(g, 0, 0.5, 0.5);
    ck_assert_int_eq(tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = true}), TP_EUNSUPPORTED);
    ck_error(T, TP_EUNSUPPORTED, "user.half");
}
END_TEST

/* A derivative that fails half-way leaves no gradient behind, and the next sweep is right. */
static int failures;
static tp_status brittle_fused(tp_vjp *v)
{
    if (failures-- > 0)
        return tp_fail(v->tape, TP_EUSER, "broken");
    return half_fused(v);
}
static const tp_op brittle = {.name = "user.brittle",
                              .n_in = 1,
                              .n_out = 1,
                              .infer = half_infer,
                              .forward = half_forward,
                              .vjp_fused = brittle_fused};

START_TEST(failing_derivative)
{
    tp_tensor *x = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2))), true);
    failures = 1;
    ck_assert_int_eq(tp_backward(T, tp_sum(T, tp_apply(T, &brittle, NULL, 1, &x))), TP_EUSER);
    ck_error(T, TP_EUSER, "broken");
    ck_assert_ptr_null(tp_grad(x));
    tp_tape_reset(T);
    tp_backward(T, tp_sum(T, tp_apply(T, &brittle, NULL, 1, &x)));
    ck_values(tp_grad(x), 0, 0.5, 0.5);
    tp_free(x);
}
END_TEST

/* A gradient that was used in what is recorded may not change below it. */
START_TEST(gradient_is_saved)
{
    tp_tensor *x = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2))), true), *c = leaf(3);
    tp_backward(T, tp_sum(T, tp_mul(T, x, x)));
    tp_tensor *norm = tp_mul(T, tp_sum(T, tp_square(T, tp_grad(x))), c), *use = tp_sum(T, tp_mul(T, tp_grad(x), c));
    tp_backward(T, norm);
    tp_backward(T, tp_sum(T, tp_mul(T, x, x)));
    ck_assert_int_eq(tp_backward(T, use), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "in place");
    tp_free(x);
}
END_TEST

/* ---- memory --------------------------------------------------------------------------------------------------------- */

/* Backward gives back what it has consumed: a long chain peaks at its forward. */
START_TEST(peak)
{
    enum { N = 100000, STEPS = 20 };
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(N)), true), *y = x;
    for (int i = 0; i < STEPS; i++)
        y = tp_sin(T, y);
    tp_tensor *loss = tp_sum(T, y);
    int64_t forward = tp_tape_memory(T).bytes_in_use;
    tp_backward(T, loss);
    ck_assert_int_le(tp_tape_memory(T).bytes_peak, forward + 5 * N * (int64_t)sizeof(float));
    ck_no_error(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tape");
    TCase *t = tcase_create("tape");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, errors_stick);
    tcase_add_test(t, null_is_a_failure);
    tcase_add_test(t, marks);
    tcase_add_test(t, many_tensors);
    tcase_add_test(t, recording);
    tcase_add_test(t, accumulates);
    tcase_add_test(t, diamond);
    tcase_add_test(t, retained);
    tcase_add_test(t, broadcast);
    tcase_add_test(t, refusals);
    tcase_add_test(t, mutated);
    tcase_add_test(t, mutated_result);
    tcase_add_test(t, copy_onto_itself);
    tcase_add_test(t, higher_orders);
    tcase_add_test(t, with_grad_outputs);
    tcase_add_test(t, inner_targets);
    tcase_add_test(t, kernel_alone);
    tcase_add_test(t, failing_derivative);
    tcase_add_test(t, gradient_is_saved);
    tcase_add_test(t, peak);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
