/* test_module.c - the tree of modules, parameter sets and slabs, sinks, forward scopes, state files, text. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/support.h"

#include <unistd.h>

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 11);
}
static void teardown(void) { tp_tape_free(T); }

static tp_module *small_net(void)
{
    return tp_nn_sequential(T, tp_nn_linear(T, 3, 4, NULL), tp_nn_tanh(T), tp_nn_linear(T, 4, 2, NULL), NULL);
}

START_TEST(text)
{
    char buffer[600];
    tp_module *m = tp_nn_sequential(
        T, tp_nn_flatten(T, 1, -1), tp_nn_linear(T, 6, 2, &(tp_linear_options){.no_bias = true}),
        tp_nn_sequential(T, tp_nn_relu(T), tp_nn_dropout(T, 0.25)), tp_nn_dropout(T, 1), tp_nn_sigmoid(T));
    tp_module_format(m, buffer, sizeof buffer);
    ck_assert_str_eq(buffer, "Sequential(\n"
                             "  (0): Flatten(start_dim=1, end_dim=-1)\n"
                             "  (1): Linear(in_features=6, out_features=2, bias=False)\n"
                             "  (2): Sequential(\n"
                             "    (0): ReLU()\n"
                             "    (1): Dropout(p=0.25, inplace=False)\n"
                             "  )\n"
                             "  (3): Dropout(p=1.0, inplace=False)\n"
                             "  (4): Sigmoid()\n"
                             ")");
    char cut[8];
    ck_assert_int_eq(tp_module_format(m, cut, sizeof cut), (int64_t)strlen(buffer));
    ck_assert_str_eq(cut, "Sequent");
    tp_module_free(m);
}
END_TEST

static tp_status join_names(const char *name, tp_tensor *x, bool is_param, void *user)
{
    char *all = user;
    ck_assert(x != NULL && is_param == (strstr(name, "running") == NULL));
    strcat(strcat(all, name), " ");
    return TP_OK;
}

static tp_status count_long(const char *name, tp_tensor *x, bool is_param, void *user)
{
    int *n = user;
    ck_assert(x && is_param);
    ck_assert_int_eq((int64_t)strlen(name), 200 * ++*n + 1);
    return TP_OK;
}

START_TEST(names)
{
    tp_module *m = small_net();
    char all[200] = "";
    tp_module_add_buffer(T, m, "running", tp_keep(tp_zeros(T, TP_F32, tp_shape(1))));
    tp_module_visit(m, join_names, all);
    ck_assert_str_eq(all, "running 0.weight 0.bias 2.weight 2.bias ");
    ck_assert_int_eq(tp_size(tp_module_param(m, "2.weight"), 1), 4);
    ck_assert_ptr_null(tp_module_param(m, "2.wei"));
    ck_assert_ptr_null(tp_module_param(m, "2"));
    ck_assert_ptr_null(tp_module_param(m, ""));
    ck_assert_ptr_null(tp_module_param(m, "0.weight.x"));
    ck_assert_ptr_nonnull(tp_module_child(m, "1"));
    ck_assert_int_eq(tp_params_length(tp_module_params(m)), 4);
    ck_assert_int_eq(tp_params_count(tp_module_params(m)), 3 * 4 + 4 + 4 * 2 + 2);
    tp_module_free(m);
}
END_TEST

START_TEST(refusals)
{
    tp_module *m = small_net(), *child = tp_nn_relu(T);
    ck_assert_ptr_null(tp_module_add(T, m, "a.b", tp_nn_relu(T)));
    ck_error(T, TP_EINVAL, "a.b");
    ck_assert_ptr_null(tp_module_add(T, m, "0", tp_nn_relu(T)));
    ck_error(T, TP_EINVAL, "\"0\"");
    ck_assert_ptr_eq(tp_module_add(T, m, "more", child), child);
    ck_assert_ptr_null(tp_module_add(T, m, "again", child));
    ck_error(T, TP_EINVAL, "parent");
    ck_assert_ptr_null(tp_module_add_param(T, m, "p", tp_zeros(T, TP_F32, tp_shape(1))));
    ck_error(T, TP_EINVAL, "tp_keep");
    ck_assert_ptr_null(tp_module_add_param(T, m, "p", tp_keep(tp_zeros(T, TP_I64, tp_shape(1)))));
    ck_error(T, TP_EDTYPE, "int64");
    ck_assert_ptr_null(tp_nn_dropout(T, 1.5));
    ck_error(T, TP_EINVAL, "1.5");
    ck_assert_ptr_null(tp_nn_linear(T, -1, 2, NULL));
    ck_error(T, TP_ESHAPE, "negative");
    ck_assert_ptr_null(tp_nn_sequential(T, tp_nn_linear(T, 1, INT64_MAX / 2, NULL), tp_nn_relu(T), NULL));
    ck_error(T, TP_ENOMEM, "memory");
    tp_module_free(m);
}
END_TEST

/* As deep as a tree may be, all that goes through it has room on the stack; deeper ones are refused, from above and below. */
START_TEST(deep)
{
    tp_module *m = tp_nn_tanh(T), *more = tp_nn_sequential(T, tp_nn_linear(T, 2, 2, NULL));
    for (int i = 1; i < 1000; i++)
        m = tp_nn_sequential(T, m);
    ck_no_error(T);
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2)), true), *y = tp_forward(T, m, x);
    tp_backward(T, tp_sum(T, y));
    tp_module_eval(m);
    tp_state_dict_free(tp_module_state_dict(T, m));
    tp_module *copy = tp_module_clone(T, m);
    ck_assert(tp_module_format(m, NULL, 0) > 0 && tp_module_summary(T, m, 1, &x, NULL, 0) > 0);
    ck_no_error(T);
    ck_assert_ptr_null(tp_nn_sequential(T, copy));
    ck_error(T, TP_EINVAL, "nn_sequential: Sequential would be in a tree that is 1001 modules deep");
    for (tp_module *at = m; at; at = tp_nn_at(at, 0))
        if (tp_nn_length(at) == 1 && tp_nn_length(tp_nn_at(at, 0)) == 0) {
            ck_assert_ptr_null(tp_nn_append(T, at, more));
            break;
        }
    ck_error(T, TP_EINVAL, "nn_append: Sequential would be in a tree that is 1001 modules deep");
    tp_module_free(m);
}
END_TEST

/* A linear layer by hand, and its gradients: in the slab, side by side. */
START_TEST(linear_layer)
{
    tp_module *m = tp_nn_linear(T, 2, 1, NULL);
    tp_params *p = tp_module_params(m);
    tp_tensor *w = tp_module_param(m, "weight"), *b = tp_module_param(m, "bias");
    ck_assert_ptr_eq((float *)tp_data(w) + 2, tp_data(b));
    ((float *)tp_data(w))[0] = 2;
    ((float *)tp_data(w))[1] = 3;
    ((float *)tp_data(b))[0] = 4;
    const float xs[] = {1, 10, 100, 1000};
    tp_tensor *y = tp_forward(T, m, tp_from(T, TP_F32, tp_shape(2, 2), xs));
    ck_values(y, 0, 36, 3204);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(w), 0, 101, 1010);
    ck_values(tp_grad(b), 0, 2);
    ck_assert_ptr_eq((float *)tp_data(tp_grad(w)) + 2, tp_data(tp_grad(b)));
    ck_assert_ptr_eq(tp_params_at(p, 1), b);
    tp_module_free(m);
}
END_TEST

/* Moving into the slab keeps values, gradients and what was recorded. */
START_TEST(into_the_slab)
{
    tp_module *m = small_net();
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(5, 3)), *w = tp_module_param(m, "0.weight");
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    tp_tensor *before = tp_clone(T, w), *grad = tp_clone(T, tp_grad(w)), *loss = tp_sum(T, tp_forward(T, m, x));
    tp_module_params(m);
    ck_assert(tensors_identical(before, tp_detach(T, w)) && tensors_identical(grad, tp_grad(w)));
    ck_assert_int_eq(tp_backward(T, loss), TP_OK);
    ck_assert(tensors_close(tp_grad(w), tp_mul_scalar(T, grad, 2), 1e-6, 1e-7));
    tp_module_free(m);
}
END_TEST

START_TEST(to_double)
{
    tp_module *m = small_net();
    double was = tp_item_at(tp_module_param(m, "2.bias"), 1);
    ck_assert_int_eq(tp_module_to(T, m, TP_F64), TP_OK);
    ck_assert_int_eq(tp_dtype_of(tp_module_param(m, "2.bias")), TP_F64);
    ck_assert(tp_item_at(tp_module_param(m, "2.bias"), 1) == was);
    ck_assert_int_eq(tp_dtype_of(tp_forward(T, m, tp_zeros(T, TP_F64, tp_shape(1, 3)))), TP_F64);
    tp_module_params(m);
    ck_assert_int_eq(tp_module_to(T, m, TP_F32), TP_EINVAL);
    ck_error(T, TP_EINVAL, "before");
    tp_module_free(m);
}
END_TEST

/* What forward makes and neither returns nor saves is given back when it returns. */
static tp_tensor *wasteful_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    for (int i = 0; i < 20; i++)
        x = tp_add_scalar(tape, x, 1); /* saves nothing */
    return x;
}
static const tp_module_class wasteful_class = {
    .name = "Wasteful", .size = sizeof(tp_module), .forward = wasteful_forward};

/* A dotted name of any length is a name, and none is left out. */
START_TEST(long_names)
{
    char name[200];
    tp_module *top = tp_nn_sequential(T, NULL), *m = top;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    for (int depth = 0; depth < 5; depth++) {
        m = tp_module_add(T, m, name, tp_nn_sequential(T, NULL));
        tp_module_add_param(T, m, "w", tp_keep(tp_ones(T, TP_F32, tp_shape(2))));
    }
    ck_no_error(T);
    ck_assert_int_eq(tp_params_length(tp_module_params(top)), 5);
    int n = 0;
    ck_assert_int_eq(tp_module_visit(top, count_long, &n), TP_OK);
    ck_assert_int_eq(n, 5);
    tp_module_free(top);
}
END_TEST

START_TEST(scope)
{
    enum { N = 10000 };
    tp_module *m = tp_module_new(T, &wasteful_class);
    tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F32, tp_shape(N)), true);
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_tensor *y = tp_forward(T, m, x);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use - before, 2 * N * (int64_t)sizeof(float));
    tp_backward(T, tp_sum(T, y));
    ck_assert(tp_item_at(tp_grad(x), N - 1) == 1 && tp_item_at(y, 0) == 20);
    ck_no_error(T);
    tp_module_free(m);
}
END_TEST

START_TEST(dropout_trains_and_not)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_dropout(T, 0.5));
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(1000)), *y = tp_forward(T, m, x);
    double mean = tp_item(tp_mean(T, y));
    ck_assert(mean > 0.8 && mean < 1.2 && tp_item(tp_max(T, y)) == 2 && tp_item(tp_min(T, y)) == 0);
    tp_module_train(m, false);
    ck_assert(tensors_identical(tp_forward(T, m, x), x));
    tp_module_free(m);
}
END_TEST

/* ---- parameter sets ------------------------------------------------------------------------------------------- */

START_TEST(own_memory)
{
    double mine[3] = {1, 2, 3};
    tp_tensor *x = tp_requires_grad(tp_keep(tp_wrap(T, TP_F64, tp_shape(3), mine)), true);
    tp_params *p = tp_params_of(T, 1, &x), *q = tp_params_of(T, 1, &x); /* in two sets */
    ck_assert_ptr_eq(tp_data(x), mine);
    tp_optim *o = tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 0.5});
    tp_backward(T, tp_sum(T, x));
    ck_assert_int_eq(tp_optim_step(T, o), TP_OK);
    ck_assert(mine[0] == 0.5 && mine[2] == 2.5);
    ck_assert_ptr_null(tp_params_of(T, 1, &(tp_tensor *){tp_zeros(T, TP_F32, tp_shape(1))}));
    ck_error(T, TP_EINVAL, "params_of");
    tp_params_free(q);
    tp_free(x); /* before its set */
    ck_assert_ptr_null(tp_params_at(p, 0));
    ck_assert_int_eq(tp_optim_step(T, o), TP_OK);
    tp_optim_free(o);
    tp_params_free(p);
}
END_TEST

START_TEST(clipping)
{
    tp_module *m = tp_nn_linear(T, 1, 1, NULL);
    tp_params *p = tp_module_params(m);
    tp_tensor *w = tp_module_param(m, "weight"), *b = tp_module_param(m, "bias");
    tp_set_grad(T, w, tp_full(T, TP_F32, tp_shape(1, 1), 3));
    tp_set_grad(T, b, tp_full(T, TP_F32, tp_shape(1), 4));
    ck_assert_double_eq_tol(tp_params_clip_grad_norm(T, p, 10), 5, 1e-12);
    ck_assert(tp_item(tp_grad(w)) == 3);
    tp_params_clip_grad_norm(T, p, 1);
    ck_assert_double_eq_tol(tp_item(tp_grad(w)), 0.6, 1e-6);
    ck_assert_double_eq_tol(tp_item(tp_grad(b)), 0.8, 1e-6);
    tp_module_free(m);
}
END_TEST

START_TEST(sinks)
{
    tp_module *m = small_net();
    tp_params *p = tp_module_params(m);
    tp_grads *a = tp_grads_new(p), *b = tp_grads_new(p);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(4, 3));
    tp_tensor *other = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(1)), true);
    tp_backward_into(T, tp_sum(T, tp_mul(T, tp_forward(T, m, x), other)), a);
    ck_assert_ptr_null(tp_grad(tp_module_param(m, "0.weight")));
    ck_assert_ptr_null(tp_grad(other));
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    for (int i = 0; i < 4; i++)
        ck_assert(tensors_identical(tp_grads_at(a, i), tp_grad(tp_params_at(p, i))));
    tp_grads_add(b, a);
    tp_grads_add(b, a);
    ck_assert(tensors_close(tp_grads_at(b, 0), tp_mul_scalar(T, tp_grads_at(a, 0), 2), 1e-6, 0));
    tp_grads_zero(b);
    ck_assert_ptr_null(tp_grads_at(b, 0));
    for (int64_t i = 0; i < tp_params_count(p); i++)
        ck_assert(((float *)tp_grads_data(b))[i] == 0);
    tp_grads_free(a);
    tp_grads_free(b);
    tp_module_free(m);
}
END_TEST

/* The layout of slabs, with both dtypes in turn. */
START_TEST(slabs)
{
    static const struct {
        tp_dtype dtype;
        int64_t n;
        size_t offset;
    } of[] = {{TP_F64, 2, 24}, {TP_F32, 3, 0}, {TP_F64, 1, 40}, {TP_F32, 2, 12}};
    tp_tensor *x[4];
    size_t at32, at64;
    for (int i = 0; i < 4; i++)
        x[i] = tp_requires_grad(tp_keep(tp_full(T, of[i].dtype, tp_shape(of[i].n), i)), true);
    tp_params *p = tp_params_of(T, 4, x);
    ck_assert(tp_params_count_of(p, TP_F32, &at32) == 5 && at32 == 0);
    ck_assert(tp_params_count_of(p, TP_F64, &at64) == 3 && at64 == 24);
    ck_assert(tp_params_count_of(p, TP_I64, NULL) == 0 && tp_params_bytes(p) == 48);
    ck_assert(tp_params_offset(p, 4) == SIZE_MAX && tp_params_offset(p, -1) == SIZE_MAX);
    ck_assert_ptr_null(tp_params_data(p)); /* the user's tensors lie where they lie */
    tp_grads *g = tp_grads_new(p);
    char *slab = tp_grads_data(g);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(tp_params_offset(p, i), of[i].offset);
        ck_assert_ptr_eq(tp_data(tp_grads_at(g, i)), slab + of[i].offset);
    }
    tp_grads_free(g);
    tp_params_free(p);
    for (int i = 0; i < 4; i++)
        tp_free(x[i]);
    tp_module *m = small_net();
    p = tp_module_params(m);
    slab = tp_params_data(p);
    ck_assert_ptr_nonnull(slab);
    for (int i = 0; i < tp_params_length(p); i++)
        ck_assert_ptr_eq(tp_data(tp_params_at(p, i)), slab + tp_params_offset(p, i));
    tp_module_free(m);
}
END_TEST

/* What comes into a slab from outside counts, also for a parameter that had nothing, also in later steps. */
START_TEST(slabs_from_outside)
{
    tp_tensor *x[2], *y[2];
    for (int i = 0; i < 2; i++) {
        x[i] = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2))), true);
        y[i] = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2 + i))), true);
    }
    tp_params *p = tp_params_of(T, 2, x), *replica = tp_params_of(T, 2, (tp_tensor *[]){x[1], x[0]}),
              *others = tp_params_of(T, 2, y);
    tp_grads *g = tp_grads_new(p);
    tp_backward_into(T, tp_sum(T, x[0]), g);
    ck_assert_ptr_null(tp_grads_at(g, 1));
    ck_assert_int_eq(tp_params_set_grads(T, p, g), TP_OK);
    ck_values(tp_grad(x[0]), 0, 1, 1);
    ck_assert_ptr_null(tp_grad(x[1]));
    double *slab = tp_grads_data(g);
    for (int step = 0; step < 3; step++) {
        tp_grads_zero(g);
        for (int i = 0; i < 4; i++)
            ck_assert_double_eq(slab[i], 0);
        tp_backward_into(T, tp_sum(T, tp_square(T, x[0])), g);
        slab[3] += 5;
        ck_assert_int_eq(tp_params_set_grads(T, p, g), TP_OK);
        ck_values(tp_grad(x[0]), 0, 2, 2);
        ck_values(tp_grad(x[1]), 0, 0, 5);
    }
    ck_assert_int_eq(tp_params_set_grads(T, replica, g), TP_OK);
    ck_values(tp_grad(x[1]), 0, 2, 2);
    ck_assert_int_eq(tp_params_set_grads(T, others, g), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "parameter 1 is [3] of float64");
    ck_assert_ptr_null(tp_grad(y[0]));
    ck_assert_int_eq(tp_params_set_grads(T, NULL, g), TP_EINVAL);
    ck_error(T, TP_EINVAL, "the set is NULL");
    tp_grads_free(g);
    tp_params_free(p);
    tp_params_free(replica);
    tp_params_free(others);
    for (int i = 0; i < 2; i++) {
        tp_free(x[i]);
        tp_free(y[i]);
    }
}
END_TEST

#ifdef HAVE_JANSSON
/* ---- state ------------------------------------------------------------------------------------------------------- */

START_TEST(save_and_load)
{
    char path[] = "/tmp/tapir_test_XXXXXX";
    close(mkstemp(path));
    tp_module *m = small_net(), *n = small_net(), *wider = tp_nn_sequential(T, tp_nn_linear(T, 3, 5, NULL));
    ck_assert(!tensors_identical(tp_module_param(m, "0.weight"), tp_module_param(n, "0.weight")));
    ck_assert_int_eq(tp_module_save(T, m, path), TP_OK);
    ck_assert_int_eq(tp_module_load(T, n, path), TP_OK);
    ck_assert(tensors_identical(tp_module_param(m, "0.weight"), tp_module_param(n, "0.weight")));
    ck_assert(tensors_identical(tp_module_param(m, "2.bias"), tp_module_param(n, "2.bias")));
    double was = tp_item_at(tp_module_param(wider, "0.bias"), 0);
    ck_assert_int_ne(tp_module_load(T, wider, path), TP_OK);
    tp_clear_error(T);
    ck_assert(tp_item_at(tp_module_param(wider, "0.bias"), 0) == was);
    tp_module_to(T, n, TP_F64);
    ck_assert_int_eq(tp_module_load(T, n, path), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "float64");
    ck_assert_int_eq(tp_module_save(T, m, "/nowhere/at/all"), TP_EIO);
    ck_error(T, TP_EIO, "/nowhere/at/all");
    unlink(path);
    tp_module_free(m);
    tp_module_free(n);
    tp_module_free(wider);
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("module");
    TCase *t = tcase_create("module");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, text);
    tcase_add_test(t, names);
    tcase_add_test(t, long_names);
    tcase_add_test(t, refusals);
    tcase_add_test(t, deep);
    tcase_add_test(t, linear_layer);
    tcase_add_test(t, into_the_slab);
    tcase_add_test(t, to_double);
    tcase_add_test(t, scope);
    tcase_add_test(t, dropout_trains_and_not);
    tcase_add_test(t, own_memory);
    tcase_add_test(t, clipping);
    tcase_add_test(t, sinks);
    tcase_add_test(t, slabs);
    tcase_add_test(t, slabs_from_outside);
#ifdef HAVE_JANSSON
    tcase_add_test(t, save_and_load);
#endif
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
