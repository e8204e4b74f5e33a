/* test_gradcheck.c - the gradcheck itself: right operators pass, and each broken one is caught. */
#include "support/support.h"

/* y = x^3, with derivatives that are right or wrong in different ways */

static tp_status cube_infer(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }

static tp_status cube_forward(tp_call *c)
{
    const double *x = tp_data(c->in[0]);
    double *y = tp_data(c->out[0]);
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        y[i] = x[i] * x[i] * x[i];
    return TP_OK;
}

static tp_tensor *slope(tp_vjp *v, double factor)
{
    return tp_mul(v->tape, v->gout[0], tp_mul_scalar(v->tape, tp_square(v->tape, v->in[0]), factor));
}

static tp_status right_vjp(tp_vjp *v)
{
    v->gin[0] = slope(v, 3);
    return TP_OK;
}

static tp_status factor_vjp(tp_vjp *v) /* 2 x^2 */
{
    v->gin[0] = slope(v, 2);
    return TP_OK;
}

static tp_status nothing_vjp(tp_vjp *v) /* forgets the gradient */
{
    (void)v;
    return TP_OK;
}

static tp_status gout_vjp(tp_vjp *v) /* forgets gout */
{
    v->gin[0] = tp_mul_scalar(v->tape, tp_square(v->tape, v->in[0]), 3);
    return TP_OK;
}

static tp_status one_element_vjp(tp_vjp *v) /* wrong in the last element alone */
{
    tp_tensor *wrong = tp_ones_like(v->tape, v->in[0]);
    ((double *)tp_data(wrong))[tp_numel(wrong) - 1] = 1.01;
    v->gin[0] = tp_mul(v->tape, wrong, slope(v, 3));
    return TP_OK;
}

static tp_status detached_vjp(tp_vjp *v) /* right at first order, constant at second */
{
    v->gin[0] = tp_mul(v->tape, v->gout[0],
                       tp_mul_scalar(v->tape, tp_square(v->tape, tp_detach(v->tape, v->in[0])), 3));
    return TP_OK;
}

static tp_status detached_gout_vjp(tp_vjp *v) /* loses the dependence on gout */
{
    v->gin[0] = tp_mul(v->tape, tp_detach(v->tape, v->gout[0]),
                       tp_mul_scalar(v->tape, tp_square(v->tape, v->in[0]), 3));
    return TP_OK;
}

static void fused(tp_vjp *v, double factor, bool overwrite)
{
    const double *x = tp_data(v->in[0]), *g = tp_data(v->gout[0]);
    double *gx = tp_data(v->gin[0]);
    for (int64_t i = 0; i < tp_numel(v->in[0]); i++) {
        double d = factor * x[i] * x[i] * g[i];
        gx[i] = overwrite ? d : gx[i] + d;
    }
}

static tp_status right_fused(tp_vjp *v)
{
    fused(v, 3, false);
    return TP_OK;
}

static tp_status wrong_fused(tp_vjp *v)
{
    fused(v, 3.001, false);
    return TP_OK;
}

static tp_status failing_vjp(tp_vjp *v) { return tp_fail(v->tape, TP_EUSER, "no derivative today"); }

/* clang-format off */
#define CUBE(vjp_of, fused_of)                                                                     \
    {.name = "user.cube", .n_in = 1, .n_out = 1, .infer = cube_infer, .forward = cube_forward, .vjp = vjp_of, .vjp_fused = fused_of}
/* clang-format on */

static const struct {
    const char *what;
    tp_op op;
    bool first, second; /* passes */
} cases[] = {
    {"right", CUBE(right_vjp, NULL), true, true},
    {"right, fused", CUBE(right_vjp, right_fused), true, true},
    {"fused alone", CUBE(NULL, right_fused), true, false},
    {"a wrong factor", CUBE(factor_vjp, NULL), false, false},
    {"no gradient", CUBE(nothing_vjp, NULL), false, false},
    {"without gout", CUBE(gout_vjp, NULL), false, false},
    {"one wrong element", CUBE(one_element_vjp, NULL), false, false},
    {"wrong composite behind a right kernel", CUBE(factor_vjp, right_fused), false, false},
    {"wrong kernel before a right composite", CUBE(right_vjp, wrong_fused), false, false},
    {"detached input", CUBE(detached_vjp, NULL), true, false},
    {"detached gout", CUBE(detached_gout_vjp, NULL), true, false},
    {"failing", CUBE(failing_vjp, NULL), false, false},
};

START_TEST(broken)
{
    tp_tape *T = tp_tape_new();
    double values[] = {0.5, -1.25, 2, 0.75, 1.5};
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(5), values), true);
    for (int second = 0; second < 2; second++) {
        tp_gradcheck_options o = {.second = second, .rtol = 1e-5};
        bool passes = tp_gradcheck(T, &cases[_i].op, NULL, 1, &x, &o) == TP_OK;
        ck_assert_msg(passes == (second ? cases[_i].second : cases[_i].first), "%s: order %d: %s", cases[_i].what,
                      second + 1, passes ? "passed" : tp_error(T));
        if (!passes)
            ck_assert_ptr_nonnull(
                strstr(tp_error(T), strcmp(cases[_i].what, "failing") == 0 ? "no derivative" : "user.cube"));
        tp_clear_error(T);
        ck_assert_mem_eq(tp_data(x), values, sizeof values);
        ck_assert_ptr_null(tp_grad(x));
    }
    tp_tape_free(T);
}
END_TEST

/* What is said of a difference: where it is largest, out of how many, and both values. */
START_TEST(reported)
{
    tp_tape *T = tp_tape_new();
    const double values[] = {0.5, -1.25, 2, 0.75, 1.5, -3};
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(2, 3), values), true);
    tp_op wrong = cases[0].op;
    wrong.vjp = factor_vjp; /* 2 x^2 for 3 x^2: most at -3 */
    tp_gradcheck(T, &wrong, NULL, 1, &x, NULL);
    const char *parts[] = {"user.cube: input 0 of shape [2, 3], element [1, 2]", "the derivative is ",
                           "6 of 6 elements"};
    for (size_t i = 0; i < LENGTH(parts); i++)
        ck_assert_msg(strstr(tp_error(T), parts[i]) != NULL, "%s", tp_error(T));
    tp_clear_error(T);
    wrong.vjp = one_element_vjp;
    tp_gradcheck(T, &wrong, NULL, 1, &x, NULL);
    ck_error(T, TP_ENUMERIC, "1 of 6 elements");
    tp_tape_free(T);
}
END_TEST

/* Large inputs along random directions: each operator is judged as before; calls are few, and the generator is not
 * moved. */
static int64_t calls;
static tp_status counted_forward(tp_call *c)
{
    calls++;
    return cube_forward(c);
}

START_TEST(directions)
{
    tp_tape *T = tp_tape_new();
    tp_op op = cases[_i].op;
    op.forward = counted_forward;
    tp_tensor *x = tp_requires_grad(tp_add_scalar(T, tp_rand(T, TP_F64, tp_shape(40, 50)), 0.5), true);
    x = tp_requires_grad(tp_detach(T, x), true);
    double before[2000], drawn = tp_item(tp_rand(T, TP_F64, tp_shape(1)));
    memcpy(before, tp_data(x), sizeof before);
    for (int second = 0; second < 2; second++) {
        tp_manual_seed(T, 3);
        calls = 0;
        bool passes = tp_gradcheck(T, &op, NULL, 1, &x,
                                   &(tp_gradcheck_options){.second = second, .rtol = 1e-5, .directions = 4}) == TP_OK;
        ck_assert_msg(passes == (second ? cases[_i].second : cases[_i].first), "%s: order %d: %s", cases[_i].what,
                      second + 1, passes ? "passed" : tp_error(T));
        ck_assert_int_lt(calls, 60);
        if (!passes && strcmp(cases[_i].what, "failing") != 0 && tp_error_status(T) == TP_ENUMERIC)
            ck_assert_msg(strstr(tp_error(T), "of 4 directions differ") != NULL, "%s", tp_error(T));
        tp_clear_error(T);
        ck_assert_mem_eq(tp_data(x), before, sizeof before);
        double next = tp_item(tp_rand(T, TP_F64, tp_shape(1)));
        tp_manual_seed(T, 3);
        ck_assert(next == tp_item(tp_rand(T, TP_F64, tp_shape(1))) && next != drawn);
    }
    tp_tape_free(T);
}
END_TEST

/* Attributes that own something are lent to the calls, and stay the caller's. */
static int freed;
static void count_freed(void *attr)
{
    (void)attr;
    freed++;
}

START_TEST(lent_attributes)
{
    tp_tape *T = tp_tape_new();
    tp_op op = cases[1].op;
    int attr = 1;
    op.attr_size = sizeof attr;
    op.free_attr = count_freed;
    const double values[] = {0.5, -1.25};
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(2), values), true);
    ck_assert_int_eq(tp_gradcheck(T, &op, &attr, 1, &x, &(tp_gradcheck_options){.second = true}), TP_OK);
    op.vjp_fused = wrong_fused;
    ck_assert_int_eq(tp_gradcheck(T, &op, &attr, 1, &x, &(tp_gradcheck_options){.rtol = 1e-5}), TP_ENUMERIC);
    tp_clear_error(T);
    ck_assert_int_eq(freed, 0);
    tp_apply(T, &op, &attr, 1, &x);
    tp_tape_free(T);
    ck_assert_int_eq(freed, 1);
}
END_TEST

/* Of a function: y0 = a sin(b), y1 = the sum of all that a user's operator makes of a b. */
static tp_status mixed(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    tp_tensor *product = tp_mul(T, in[0], in[1]);
    out[0] = tp_mul(T, in[0], tp_sin(T, in[1]));
    if (n_out > 1)
        out[1] = tp_sum(T, tp_apply(T, user, NULL, 1, &product));
    return TP_OK;
}

static tp_status forgetful(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)T, (void)user, (void)n_in, (void)in, (void)n_out, (void)out;
    return TP_OK;
}

static tp_status refusing(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user, (void)n_in, (void)in, (void)n_out, (void)out;
    return tp_fail(T, TP_EUSER, "not today");
}

START_TEST(functions)
{
    tp_tape *T = tp_tape_new();
    const double a[] = {0.5, -1.25, 2}, b[] = {0.75};
    tp_tensor *in[2] = {tp_requires_grad(tp_from(T, TP_F64, tp_shape(3), a), true),
                        tp_requires_grad(tp_from(T, TP_F64, tp_shape(1), b), true)};
    tp_gradcheck_options strict = {.rtol = 1e-5, .second = true};
    tp_op right = cases[0].op, wrong = cases[0].op;
    wrong.vjp = factor_vjp;
    ck_assert_int_eq(tp_gradcheck_of(T, mixed, &right, 2, in, 2, &strict), TP_OK);
    ck_assert_int_eq(tp_gradcheck_of(T, mixed, NULL, 2, in, 1, &strict), TP_OK);
    ck_assert_int_eq(tp_gradcheck_of(T, mixed, &wrong, 2, in, 2, &strict), TP_ENUMERIC);
    ck_error(T, TP_ENUMERIC, "function: input 0 of shape [3], element [2]");
    ck_assert_int_eq(tp_gradcheck_of(T, forgetful, NULL, 2, in, 1, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "output 0 of the function is NULL");
    ck_assert_int_eq(tp_gradcheck_of(T, refusing, NULL, 2, in, 1, NULL), TP_EUSER);
    ck_error(T, TP_EUSER, "not today");
    ck_assert_int_eq(tp_gradcheck_of(T, mixed, NULL, 17, in, 1, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "1 to 16");
    ck_assert_ptr_null(tp_grad(in[0])); /* nothing is left behind */
    tp_tape_free(T);
}
END_TEST

START_TEST(arguments)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(2)), *y = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(2)), true);
    ck_assert_int_ne(tp_gradcheck(T, &cases[0].op, NULL, 1, &x, NULL), TP_OK);
    ck_error(T, TP_EINVAL, "no input asks");
    ck_assert_int_ne(tp_gradcheck(T, &cases[0].op, NULL, 1, &y, NULL), TP_OK);
    ck_error(T, TP_EDTYPE, "float64");
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gradcheck");
    TCase *t = tcase_create("gradcheck");
    tcase_add_loop_test(t, broken, 0, (int)LENGTH(cases));
    tcase_add_test(t, reported);
    tcase_add_loop_test(t, directions, 0, (int)LENGTH(cases));
    tcase_add_test(t, lent_attributes);
    tcase_add_test(t, functions);
    tcase_add_test(t, arguments);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
