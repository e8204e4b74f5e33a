/* test_functional.c - products with Jacobians and Hessians, and the matrices, against closed forms and differences. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 17);
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *random_of(tp_dtype dtype, tp_dims shape) { return tp_randn(T, dtype, shape); }

/* ---- functions ------------------------------------------------------------------------------------------------- */

/* y0 = exp(x0) sum(x1), of x0's shape; y1 = sum(x0^2 x0) + sin(x1), of x1's shape; y2 = x1 alone, 0-d */
static tp_status mixed(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    tp_tensor *s1 = tp_sum(tape, in[1]);
    if (user)
        ++*(int *)user;
    ck_assert_int_eq(n_in, 2);
    out[0] = tp_mul(tape, tp_exp(tape, in[0]), s1);
    out[1] = tp_add(tape, tp_sum(tape, tp_pow_scalar(tape, in[0], 3)), tp_sin(tape, in[1]));
    if (n_out > 2)
        out[2] = tp_mul(tape, s1, s1);
    return TP_OK;
}

static tp_status scalar_of_two(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = tp_mul(tape, tp_sum(tape, tp_pow_scalar(tape, in[0], 3)), tp_sum(tape, tp_square(tape, in[1])));
    return TP_OK;
}

/* A x for a matrix A of `user`: wide or tall. */
static tp_status product(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    out[0] = tp_mv(tape, user, in[0]);
    return TP_OK;
}

/* ---- the parts of J ------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_tensor *x[2], *want[3][2]; /* blocks as matrices [numel y, numel x] */
} mixed_case;

static void set(tp_tensor *x, int64_t at, double v)
{
    if (tp_dtype_of(x) == TP_F32)
        ((float *)tp_data(x))[at] = (float)v;
    else
        ((double *)tp_data(x))[at] = v;
}

static mixed_case make_mixed(tp_dtype dtype)
{
    mixed_case c = {.x = {random_of(dtype, tp_shape(2, 3)), random_of(dtype, tp_shape(4))}};
    const int64_t ny[3] = {6, 4, 1}, nx[2] = {6, 4};
    double s1 = 0;
    for (int64_t i = 0; i < 4; i++)
        s1 += tp_item_at(c.x[1], i);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < 2; i++) {
            c.want[k][i] = tp_zeros(T, dtype, tp_shape(ny[k], nx[i]));
            for (int64_t r = 0; r < ny[k]; r++)
                for (int64_t q = 0; q < nx[i]; q++) {
                    double x0 = tp_item_at(c.x[0], i == 0 ? q : r), x1 = tp_item_at(c.x[1], q % 4), v = 0;
                    if (k == 0)
                        v = i == 0 ? (r == q ? exp(x0) * s1 : 0) : exp(x0);
                    else if (k == 1)
                        v = i == 0 ? 3 * x0 * x0 : (r == q ? cos(x1) : 0);
                    else
                        v = i == 0 ? 0 : 2 * s1;
                    set(c.want[k][i], r * nx[i] + q, v);
                }
        }
    return c;
}

static double tolerance(tp_dtype dtype) { return dtype == TP_F32 ? 1e-5 : 1e-13; }

START_TEST(jacobian_of_several)
{
    tp_dtype dtype = _i & 1 ? TP_F64 : TP_F32;
    mixed_case c = make_mixed(dtype);
    const tp_jacobian_mode modes[] = {TP_CHEAPER, TP_REVERSE, TP_FORWARD};
    for (int create = 0; create < 2; create++)
        for (size_t m = 0; m < LENGTH(modes); m++) {
            int calls = 0;
            tp_tensor *blocks[6];
            tp_functional_options o = {.mode = modes[m], .create_graph = create};
            ck_assert_int_eq(tp_jacobian(T, mixed, &calls, 2, c.x, 3, blocks, &o), TP_OK);
            ck_assert_int_eq(calls, 1);
            for (int k = 0; k < 3; k++)
                for (int i = 0; i < 2; i++) {
                    tp_tensor *b = blocks[k * 2 + i];
                    ck_assert_int_eq(tp_ndim(b), (k == 0 ? 2 : k == 1 ? 1 : 0) + (i == 0 ? 2 : 1));
                    tp_tensor *flat = tp_reshape(T, b, tp_shape_of(c.want[k][i]));
                    ck_assert(tp_dtype_of(b) == dtype);
                    ck_assert(tensors_close(flat, c.want[k][i], tolerance(dtype), tolerance(dtype)));
                }
        }
    ck_no_error(T);
    ck_assert(!tp_needs_grad(c.x[0]) && tp_grad(c.x[0]) == NULL);
}
END_TEST

START_TEST(products_are_those_of_the_blocks)
{
    tp_dtype dtype = _i & 1 ? TP_F64 : TP_F32;
    mixed_case c = make_mixed(dtype);
    tp_tensor *v[3] = {random_of(dtype, tp_shape(2, 3)), random_of(dtype, tp_shape(4)), random_of(dtype, TP_SCALAR)};
    tp_tensor *values[3], *got[3];
    ck_assert_int_eq(tp_vjp_of(T, mixed, NULL, 2, c.x, 3, v, values, got, NULL), TP_OK);
    for (int i = 0; i < 2; i++) {
        tp_tensor *want = NULL;
        for (int k = 0; k < 3; k++) {
            tp_tensor *part = tp_mv(T, tp_t(T, c.want[k][i]), tp_flatten(T, v[k], 0, -1));
            want = want ? tp_add(T, want, part) : part;
        }
        ck_assert(tensors_close(tp_flatten(T, got[i], 0, -1), want, 10 * tolerance(dtype), 10 * tolerance(dtype)));
        ck_assert(!tp_needs_grad(got[i]) && tp_ndim(got[i]) == tp_ndim(c.x[i]));
    }
    tp_tensor *plain[3];
    mixed(T, NULL, 2, c.x, 3, plain);
    for (int k = 0; k < 3; k++)
        ck_assert(tensors_identical(plain[k], values[k]));
    ck_assert_int_eq(tp_jvp(T, mixed, NULL, 2, c.x, 3, v, values, got, NULL), TP_OK);
    for (int k = 0; k < 3; k++) {
        tp_tensor *want = tp_add(T, tp_mv(T, c.want[k][0], tp_flatten(T, v[0], 0, -1)),
                                 tp_mv(T, c.want[k][1], tp_flatten(T, v[1], 0, -1)));
        if (k == 2)
            want = tp_reshape(T, want, tp_shape(1));
        ck_assert(tensors_close(tp_flatten(T, got[k], 0, -1), want, 10 * tolerance(dtype), 10 * tolerance(dtype)));
        ck_assert(tensors_identical(plain[k], values[k]));
    }
    ck_no_error(T);
}
END_TEST

/* ---- H ---------------------------------------------------------------------------------------------------------------- */

/* f = a b with a = sum x0^3, b = sum x1^2: H00 = 6 b diag(x0), H01 = 6 x0^2 x1^T, H11 = 2 a I */
START_TEST(hessian_of_two)
{
    double x0[] = {1, -2, 0.5, 3}, x1[] = {0.3, 2, -1}, v0[] = {1, 0.5, -1, 2}, v1[] = {-1, 0.25, 3};
    tp_tensor *x[2] = {tp_from(T, TP_F64, tp_shape(2, 2), x0), tp_from(T, TP_F64, tp_shape(3), x1)};
    tp_tensor *v[2] = {tp_from(T, TP_F64, tp_shape(2, 2), v0), tp_from(T, TP_F64, tp_shape(3), v1)};
    double a = 0, b = 0, h[7][7] = {{0}}, all[7], dir[7];
    for (int i = 0; i < 4; i++)
        a += x0[i] * x0[i] * x0[i], all[i] = x0[i], dir[i] = v0[i];
    for (int i = 0; i < 3; i++)
        b += x1[i] * x1[i], all[4 + i] = x1[i], dir[4 + i] = v1[i];
    for (int i = 0; i < 7; i++)
        for (int j = 0; j < 7; j++) {
            if (i < 4 && j < 4)
                h[i][j] = i == j ? 6 * b * all[i] : 0;
            else if (i >= 4 && j >= 4)
                h[i][j] = i == j ? 2 * a : 0;
            else
                h[i][j] = 6 * all[i < j ? i : j] * all[i < j ? i : j] * all[i < j ? j : i];
        }
    tp_tensor *blocks[4], *value, *slope[2], *hv[2];
    for (int create = 0; create < 2; create++) {
        tp_functional_options o = {.create_graph = create, .strict = true, .values = &value, .gradient = slope};
        ck_assert_int_eq(tp_hessian(T, scalar_of_two, NULL, 2, x, blocks, &o), TP_OK);
        ck_assert_double_eq_tol(tp_item(value), a * b, 1e-12 * fabs(a * b));
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq_tol(tp_item_at(slope[0], i), 3 * x0[i] * x0[i] * b, 1e-11);
        for (int i = 0; i < 3; i++)
            ck_assert_double_eq_tol(tp_item_at(slope[1], i), 2 * x1[i] * a, 1e-11);
        ck_assert_int_eq(tp_jacobian(T, scalar_of_two, NULL, 2, x, 1, slope, &o), TP_OK);
        ck_assert_double_eq_tol(tp_item(value), a * b, 1e-12 * fabs(a * b));
        for (int i = 0; i < 7; i++)
            for (int j = 0; j < 7; j++) {
                int cols = j < 4 ? 4 : 3;
                double got = tp_item_at(blocks[(i >= 4) * 2 + (j >= 4)], (i % 4) * cols + (j < 4 ? j : j - 4));
                ck_assert_double_eq_tol(got, h[i][j], 1e-12 * (1 + fabs(h[i][j])));
            }
        ck_assert_int_eq(tp_ndim(blocks[1]), 3);
        for (int way = 0; way < 2; way++) {
            (way ? tp_hvp : tp_vhp)(T, scalar_of_two, NULL, 2, x, v, &value, hv, &o);
            ck_no_error(T);
            ck_assert_double_eq_tol(tp_item(value), a * b, 1e-12 * fabs(a * b));
            for (int i = 0; i < 7; i++) {
                double want = 0, got = i < 4 ? tp_item_at(hv[0], i) : tp_item_at(hv[1], i - 4);
                for (int j = 0; j < 7; j++)
                    want += h[i][j] * dir[j];
                ck_assert_double_eq_tol(got, want, 1e-11 * (1 + fabs(want)));
            }
        }
    }
}
END_TEST

/* ---- what is differentiated further ------------------------------------------------------------------------------- */

static tp_status cube(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    out[0] = tp_mul(tape, tp_pow_scalar(tape, in[0], 4), user ? user : in[0]);
    return TP_OK;
}

/* f = c x^4: the trace of J is 4 c x^3, of which the derivatives by x and by the constant c of the function's own are asked. */
START_TEST(graphs_go_on)
{
    for (int mode = TP_REVERSE; mode <= TP_FORWARD; mode++) {
        tp_tensor *x = tp_requires_grad(tp_scalar(T, TP_F64, 1.5), true), *jac, *value, *result;
        tp_tensor *c = tp_requires_grad(tp_scalar(T, TP_F64, 0.7), true), *by[] = {x, c}, *g[2];
        tp_functional_options o = {.create_graph = true, .mode = (tp_jacobian_mode)mode};
        tp_jacobian(T, cube, c, 1, &x, 1, &jac, &o);
        tp_gradients(T, 1, &jac, 2, by, g, NULL);
        ck_no_error(T);
        ck_assert_double_eq_tol(tp_item(jac), 4 * 0.7 * pow(1.5, 3), 1e-12);
        ck_assert_double_eq_tol(tp_item(g[0]), 12 * 0.7 * pow(1.5, 2), 1e-12);
        ck_assert_double_eq_tol(tp_item(g[1]), 4 * pow(1.5, 3), 1e-12);
        tp_hessian(T, cube, c, 1, &x, &jac, &o);
        tp_gradients(T, 1, &jac, 2, by, g, NULL);
        ck_assert_double_eq_tol(tp_item(g[0]), 24 * 0.7 * 1.5, 1e-12);
        ck_assert_double_eq_tol(tp_item(g[1]), 12 * pow(1.5, 2), 1e-12);
        tp_jvp(T, cube, c, 1, &x, 1, NULL, &value, &result, &o);
        tp_gradients(T, 1, &result, 2, by, g, NULL);
        ck_assert_double_eq_tol(tp_item(g[0]), 12 * 0.7 * pow(1.5, 2), 1e-12);
        tp_vjp_of(T, cube, c, 1, &x, 1, NULL, &value, &result, &o);
        tp_gradients(T, 1, &value, 2, by, g, &(tp_gradients_options){.retain_graph = true});
        ck_assert_double_eq_tol(tp_item(g[1]), pow(1.5, 4), 1e-12);
        tp_gradients(T, 1, &result, 2, by, g, NULL);
        ck_assert_double_eq_tol(tp_item(g[0]), 12 * 0.7 * pow(1.5, 2), 1e-12);
        ck_no_error(T);
        ck_assert_ptr_null(tp_grad(x));
    }
}
END_TEST

/* Without a graph nothing stays but the results, and recording is as it was. */
START_TEST(nothing_stays)
{
    mixed_case c = make_mixed(TP_F64);
    tp_tensor *v[3] = {c.x[0], c.x[1], tp_ones(T, TP_F64, TP_SCALAR)}, *values[3], *out[6];
    tp_tensor *w = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(300, 300))), true);
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(300));
    for (int recording = 0; recording < 2; recording++) {
        tp_tape_record(T, recording);
        int64_t before = tp_tape_memory(T).bytes_in_use;
        tp_jacobian(T, mixed, NULL, 2, c.x, 3, out, NULL);
        tp_jvp(T, mixed, NULL, 2, c.x, 3, v, values, out, NULL);
        tp_vjp_of(T, product, w, 1, &x, 1, &x, NULL, out, NULL);
        ck_no_error(T);
        ck_assert_int_le(tp_tape_memory(T).bytes_in_use - before, 20000);
        ck_assert(tp_tape_is_recording(T) == recording);
        ck_assert(!tp_needs_grad(out[0]) && tp_grad(w) == NULL);
    }
    tp_free(w);
}
END_TEST

/* ---- the number of sweeps --------------------------------------------------------------------------------------------- */

static int sweeps;

static tp_status counted_infer(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }
static tp_status counted_forward(tp_call *c)
{
    memcpy(tp_data(c->out[0]), tp_data(c->in[0]), (size_t)tp_numel(c->in[0]) * sizeof(double));
    return TP_OK;
}
static tp_tensor *count_one(tp_tape *tape, tp_tensor *x);
static tp_status counted_vjp(tp_vjp *v)
{
    sweeps++;
    v->gin[0] = count_one(v->tape, v->gout[0]);
    return TP_OK;
}
static const tp_op counted = {.name = "user.counted",
                              .n_in = 1,
                              .n_out = 1,
                              .infer = counted_infer,
                              .forward = counted_forward,
                              .vjp = counted_vjp};
static tp_tensor *count_one(tp_tape *tape, tp_tensor *x) { return tp_apply(tape, &counted, NULL, 1, &x); }

static tp_status counted_fused(tp_vjp *v)
{
    sweeps++;
    for (int64_t i = 0; i < tp_numel(v->gin[0]); i++)
        ((double *)tp_data(v->gin[0]))[i] += ((double *)tp_data(v->gout[0]))[i];
    return TP_OK;
}
static const tp_op fused_only = {.name = "user.fused",
                                 .n_in = 1,
                                 .n_out = 1,
                                 .infer = counted_infer,
                                 .forward = counted_forward,
                                 .vjp_fused = counted_fused};

static const tp_op *through_op = &counted;

static tp_status counted_product(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    out[0] = tp_apply(tape, through_op, NULL, 1, (tp_tensor *[]){tp_mv(tape, user, in[0])});
    return TP_OK;
}

START_TEST(the_cheaper_side)
{
    const int64_t m[] = {2, 40}, n[] = {40, 2};
    for (int k = 0; k < 2; k++) {
        tp_tensor *a = random_of(TP_F64, tp_shape(m[k], n[k])), *x = random_of(TP_F64, tp_shape(n[k])), *jac;
        sweeps = 0;
        through_op = &counted;
        ck_assert_int_eq(tp_jacobian(T, counted_product, a, 1, &x, 1, &jac, NULL), TP_OK);
        ck_assert(tensors_close(jac, a, 0, 0));
        ck_assert_int_le(sweeps, 3);
        sweeps = 0;
        through_op = &fused_only; /* leaves no choice */
        ck_assert_int_eq(tp_jacobian(T, counted_product, a, 1, &x, 1, &jac, NULL), TP_OK);
        ck_assert(tensors_close(jac, a, 0, 0));
        ck_assert_int_eq(sweeps, m[k]);
        ck_assert_int_ne(
            tp_jacobian(T, counted_product, a, 1, &x, 1, &jac, &(tp_functional_options){.mode = TP_FORWARD}), TP_OK);
        ck_assert_ptr_null(jac);
        ck_error(T, TP_EUNSUPPORTED, "user.fused");
    }
}
END_TEST

/* ---- edges ---------------------------------------------------------------------------------------------------------------- */

static tp_status odd(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = in[0];                                                /* itself */
    out[1] = tp_ones(tape, TP_F64, tp_shape(2));                   /* a constant */
    out[2] = tp_transpose(tape, tp_to(tape, in[1], TP_F32), 0, 1); /* another dtype, not contiguous */
    return TP_OK;
}

START_TEST(odd_outputs)
{
    tp_tensor *x[2] = {tp_scalar(T, TP_F64, 3), random_of(TP_F64, tp_shape(0, 2))}, *blocks[6], *out[3], *got[3];
    for (int mode = TP_REVERSE; mode <= TP_FORWARD; mode++)
        for (int create = 0; create < 2; create++) {
            tp_functional_options o = {.mode = (tp_jacobian_mode)mode, .create_graph = create};
            tp_jacobian(T, odd, NULL, 2, x, 3, blocks, &o);
            ck_no_error(T);
            ck_values(blocks[0], 0, 1);
            ck_values(blocks[2], 0, 0, 0);
            ck_assert(tp_ndim(blocks[0]) == 0 && tp_ndim(blocks[5]) == 4 && tp_numel(blocks[5]) == 0);
        }
    x[1] = random_of(TP_F64, tp_shape(3, 2));
    for (int mode = TP_REVERSE; mode <= TP_FORWARD; mode++) {
        tp_jacobian(T, odd, NULL, 2, x, 3, blocks, &(tp_functional_options){.mode = (tp_jacobian_mode)mode});
        tp_tensor *j = tp_reshape(T, blocks[5], tp_shape(2, 3, 3, 2)); /* dy[a, b] / dx[c, d] = [a = d, b = c] */
        for (int64_t i = 0; i < 36; i++)
            ck_assert(tp_item_at(j, i) == (i / 18 == i % 2 && i / 6 % 3 == i / 2 % 3));
    }
    tp_tensor *v[3] = {tp_scalar(T, TP_F64, 2), tp_ones(T, TP_F64, tp_shape(2)), tp_ones(T, TP_F32, tp_shape(2, 3))};
    tp_vjp_of(T, odd, NULL, 2, x, 3, v, out, got, NULL);
    ck_no_error(T);
    ck_values(got[0], 0, 2);
    ck_values(got[1], 0, 1, 1, 1, 1, 1, 1);
    ck_assert(tp_dtype_of(got[1]) == TP_F64 && tp_dtype_of(out[2]) == TP_F32);
    tp_jvp(T, odd, NULL, 2, x, 3, x, NULL, got, NULL);
    ck_no_error(T);
    ck_values(got[0], 0, 3);
    ck_values(got[1], 0, 0, 0);
    ck_assert(tp_dtype_of(got[2]) == TP_F32 && tp_item_at(got[2], 1) == (double)(float)tp_item_at(x[1], 2));
}
END_TEST

static tp_status fails(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)tape;
    (void)n_in;
    (void)n_out;
    out[0] = user ? in[0] : NULL;
    return user ? TP_EUSER : TP_OK;
}

START_TEST(errors)
{
    mixed_case c = make_mixed(TP_F64);
    tp_tensor *out[6], *values[3], *wrong[3] = {c.x[1], c.x[1], c.x[1]}, *whole = tp_arange(T, TP_I64, 0, 3, 1);
    tp_functional_options strict = {.strict = true};
    ck_assert_int_eq(tp_jacobian(T, mixed, NULL, 2, c.x, 3, out, &strict), TP_EGRAPH);
    ck_error(T, TP_EGRAPH, "jacobian: output 2 does not depend on input 0");
    ck_assert_ptr_null(out[0]);
    tp_vjp_of(T, mixed, NULL, 2, c.x, 3, wrong, values, out, NULL);
    ck_error(T, TP_ESHAPE, "vjp_of: v[0] is [4]; [2, 3] is needed");
    ck_assert_ptr_null(values[0]);
    tp_vjp_of(T, mixed, NULL, 2, c.x, 3, NULL, values, out, NULL);
    ck_error(T, TP_EINVAL, "vjp_of: v is NULL; ");
    tp_jvp(T, mixed, NULL, 2, c.x, 3, NULL, values, out, NULL);
    ck_error(T, TP_EINVAL, "jvp: v is NULL; ");
    tp_hessian(T, mixed, NULL, 2, c.x, out, NULL);
    ck_error(T, TP_ESHAPE, "hessian: the output is [2, 3]");
    tp_hvp(T, product, tp_ones(T, TP_F64, tp_shape(2, 4)), 1, &c.x[1], &c.x[1], values, out, NULL);
    ck_error(T, TP_ESHAPE, "hvp: the output is [2]");
    tp_jacobian(T, fails, NULL, 1, c.x, 1, out, NULL);
    ck_error(T, TP_EINVAL, "output 0 is NULL");
    tp_jacobian(T, fails, &c, 1, c.x, 1, out, NULL);
    ck_error(T, TP_EUSER, "jacobian: the function failed");
    tp_jacobian(T, mixed, NULL, 1, &whole, 1, out, NULL);
    ck_error(T, TP_EDTYPE, "jacobian: input 0 is int64");
    tp_jacobian(T, NULL, NULL, 1, c.x, 1, out, NULL);
    ck_error(T, TP_EINVAL, "jacobian: the function is NULL");
    out[0] = c.x[0];
    ck_assert_int_ne(tp_jacobian(T, mixed, NULL, 1, (tp_tensor *[]){NULL}, 1, out, NULL), TP_OK);
    ck_assert_ptr_null(out[0]);
    ck_error(T, TP_EINVAL, "jacobian: input 0 is NULL");
    ck_assert(tp_tape_is_recording(T));
}
END_TEST

/* ---- no memory ---------------------------------------------------------------------------------------------------------------- */

static tp_status softened(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = tp_sum(tape, tp_square(tape, tp_tanh(tape, in[0])));
    return TP_OK;
}

static tp_status wide(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_out;
    tp_checkpoint(tape, softened, user, n_in, in, 1, &out[0]);
    out[0] = tp_mul(tape, out[0], in[0]);
    return TP_OK;
}

static bool all_of_them(bool create)
{
    tp_functional_options o = {.create_graph = create};
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(600)), *few = tp_ones(T, TP_F64, tp_shape(6)), *v = x, *value, *out;
    tp_vjp_of(T, wide, NULL, 1, &x, 1, &v, &value, &out, &o);
    tp_jvp(T, wide, NULL, 1, &x, 1, &v, &value, &out, &o);
    tp_hvp(T, softened, NULL, 1, &x, &v, &value, &out, &o);
    tp_jacobian(T, wide, NULL, 1, &few, 1, &out, &o);
    o.mode = TP_FORWARD;
    tp_jacobian(T, wide, NULL, 1, &few, 1, &out, &o);
    return tp_hessian(T, softened, NULL, 1, &few, &out, &o) == TP_OK && out;
}

START_TEST(any_allocation_may_fail)
{
    tp_tape *outside = T;
    for (int way = 0; way < 4; way++)
        for (long n = 1;; n++) {
            ck_assert_int_lt(n, 2000);
            long long live = alloc_live();
            T = tp_tape_new();
            (way & 1 ? alloc_fail_at : alloc_fail_from)(n);
            bool well = all_of_them(way & 2), reached = alloc_requests() >= n;
            alloc_fail_at(0);
            tp_status status = tp_error_status(T);
            bool recording = tp_tape_is_recording(T);
            tp_clear_error(T);
            bool again = all_of_them(false);
            tp_tape_free(T);
            live -= alloc_live(); /* before Check allocates for itself */
            ck_assert_msg(well != reached && recording && again, "allocation %ld", n);
            ck_assert_msg(status == (reached ? TP_ENOMEM : TP_OK), "allocation %ld: %s", n, tp_status_name(status));
            ck_assert_msg(live == 0, "allocation %ld failed, and %lld blocks leak", n, -live);
            if (!reached)
                break;
        }
    T = outside;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("functional");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, jacobian_of_several, 0, 2);
    tcase_add_loop_test(tc, products_are_those_of_the_blocks, 0, 2);
    tcase_add_test(tc, hessian_of_two);
    tcase_add_test(tc, graphs_go_on);
    tcase_add_test(tc, nothing_stays);
    tcase_add_test(tc, the_cheaper_side);
    tcase_add_test(tc, odd_outputs);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, any_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
