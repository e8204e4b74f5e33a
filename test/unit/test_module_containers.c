/* test_module_containers.c - chains, lists and dictionaries of modules and parameters; texts are PyTorch's. */
#include "support/alloc.h"
#include "support/support.h"

#include <limits.h>
#include <stdio.h>

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *owned(tp_dtype dtype, tp_dims shape) { return tp_keep(tp_ones(T, dtype, shape)); }

static void ck_text(tp_module *m, const char *text)
{
    char buffer[2000], cut[6];
    ck_no_error(T);
    ck_assert_int_eq(tp_module_format(m, buffer, sizeof buffer), (int64_t)strlen(text));
    ck_assert_str_eq(buffer, text);
    ck_assert_int_eq(tp_module_format(m, cut, sizeof cut), (int64_t)strlen(text));
    ck_assert(strncmp(cut, text, 5) == 0 && cut[5] == '\0');
}

START_TEST(texts)
{
    tp_module *parameters = tp_nn_parameter_list(
                  T, 2, (tp_tensor *[]){owned(TP_F32, tp_shape(3, 4)), owned(TP_F64, (tp_dims){0})}),
              *one = tp_nn_parameter_dict(T, 1, (const char *[]){"a"}, (tp_tensor *[]){owned(TP_F64, tp_shape(7))});
    ck_text(parameters, "ParameterList(\n"
                        "    (0): Parameter containing: [torch.float32 of size 3x4]\n"
                        "    (1): Parameter containing: [torch.float64 of size ]\n"
                        ")");
    ck_text(one, "ParameterDict(  (a): Parameter containing: [torch.DoubleTensor of size 7])");
    tp_module *m = tp_nn_module_dict(T, 3, (const char *[]){"list", "shape", "none"},
                                     (tp_module *[]){tp_nn_module_list(T, parameters, one, tp_nn_identity(T)),
                                                     tp_nn_sequential(T, tp_nn_unflatten(T, 1, tp_shape(2, -1)),
                                                                      tp_nn_unflatten(T, -1, tp_shape(6))),
                                                     tp_nn_module_list_of(T, 0, NULL)});
    ck_text(m, "ModuleDict(\n"
               "  (list): ModuleList(\n"
               "    (0): ParameterList(\n"
               "        (0): Parameter containing: [torch.float32 of size 3x4]\n"
               "        (1): Parameter containing: [torch.float64 of size ]\n"
               "    )\n"
               "    (1): ParameterDict(  (a): Parameter containing: [torch.DoubleTensor of size 7])\n"
               "    (2): Identity()\n"
               "  )\n"
               "  (shape): Sequential(\n"
               "    (0): Unflatten(dim=1, unflattened_size=(2, -1))\n"
               "    (1): Unflatten(dim=-1, unflattened_size=(6,))\n"
               "  )\n"
               "  (none): ModuleList()\n"
               ")");
    tp_module_free(m);
}
END_TEST

/* Longer than any buffer on the way. */
START_TEST(long_text)
{
    enum { N = 50 };
    tp_tensor *x[N];
    char wanted[N * 80] = "ParameterList(\n", got[N * 80];
    for (int i = 0; i < N; i++) {
        x[i] = owned(TP_F32, tp_shape(i, 1));
        char *end = wanted + strlen(wanted);
        snprintf(end, 80, "    (%d): Parameter containing: [torch.float32 of size %dx1]\n", i, i);
    }
    strcat(wanted, ")");
    tp_module *m = tp_nn_parameter_list(T, N, x);
    tp_module_format(m, got, sizeof got);
    ck_assert_str_eq(got, wanted);
    tp_module_free(m);
}
END_TEST

START_TEST(as_lists)
{
    tp_module *chain = tp_nn_sequential(T, tp_nn_linear(T, 2, 3, NULL), NULL), *tanh = tp_nn_tanh(T);
    ck_assert_ptr_eq(tp_nn_append(T, chain, tanh), tanh);
    tp_nn_append(T, chain, tp_nn_linear(T, 3, 1, NULL));
    ck_assert_int_eq(tp_nn_length(chain), 3);
    ck_assert_ptr_eq(tp_nn_at(chain, 1), tanh);
    ck_assert_ptr_eq(tp_nn_at(chain, -2), tanh);
    ck_assert_ptr_eq(tp_nn_at(chain, -1), tp_module_child(chain, "2"));
    ck_assert_ptr_null(tp_nn_at(chain, 3));
    ck_assert_ptr_null(tp_nn_at(chain, -4));
    ck_assert_ptr_null(tp_nn_at(chain, INT_MIN));
    ck_assert_ptr_null(tp_nn_at(NULL, 0));
    ck_assert_int_eq(tp_size(tp_forward(T, chain, tp_ones(T, TP_F32, tp_shape(5, 2))), 1), 1);
    ck_assert_ptr_null(tp_nn_append(T, chain, tp_nn_bilinear(T, 1, 1, 1, NULL)));
    ck_error(T, TP_EINVAL, "nn_append: module 3, Bilinear, takes 2");
    ck_assert_ptr_null(tp_nn_append(T, chain, NULL));
    ck_error(T, TP_EINVAL, "nn_append: module 3 is NULL");
    ck_assert_ptr_null(tp_nn_append(T, NULL, tp_nn_tanh(T)));
    ck_error(T, TP_EINVAL, "nn_append: the list is NULL");
    tp_module *list = tp_nn_parameter_list(T, 0, NULL);
    tp_tensor *x = owned(TP_F32, tp_shape(2));
    ck_assert_ptr_eq(tp_nn_append_param(T, list, x), x);
    ck_assert(tp_needs_grad(x) && tp_nn_param_length(list) == 1 && tp_nn_param_length(chain) == 0);
    ck_assert_ptr_eq(tp_nn_param_at(list, -1), x);
    ck_assert_ptr_eq(tp_module_param(list, "0"), x);
    ck_assert_ptr_null(tp_nn_param_at(list, 1));
    ck_assert_ptr_null(tp_nn_append_param(T, list, NULL));
    ck_error(T, TP_EINVAL, "nn_append_param: parameter 1 is NULL");
    tp_module_free(list);
    tp_module_free(chain);
}
END_TEST

/* The children's numbers, by their kind and where they are found. */
static void ck_order(tp_module *list, int n, tp_module *const *want)
{
    ck_no_error(T);
    ck_assert_int_eq(tp_nn_length(list), n);
    for (int i = 0; i < n; i++) {
        char name[8];
        snprintf(name, sizeof name, "%d", i);
        ck_assert_ptr_eq(tp_nn_at(list, i), want[i]);
        ck_assert_ptr_eq(tp_module_child(list, name), want[i]);
        ck_assert_ptr_eq(want[i]->parent, list);
    }
}

START_TEST(moved)
{
    tp_module *a = tp_nn_linear(T, 2, 2, NULL), *b = tp_nn_tanh(T), *c = tp_nn_linear(T, 2, 2, NULL),
              *d = tp_nn_relu(T);
    tp_module *kinds[] = {tp_nn_sequential_of(T, 0, NULL), tp_nn_module_list_of(T, 0, NULL)}, *list = kinds[_i];
    ck_assert_int_eq(tp_nn_extend(T, list, 2, (tp_module *[]){b, c}), TP_OK);
    ck_assert_ptr_eq(tp_nn_insert(T, list, 0, a), a);
    ck_order(list, 3, (tp_module *[]){a, b, c});
    ck_assert_ptr_eq(tp_nn_insert(T, list, -1, d), d);
    ck_order(list, 4, (tp_module *[]){a, b, d, c});
    ck_assert_ptr_eq(tp_nn_pop(T, list, 1), b);
    ck_assert_ptr_null(b->parent);
    ck_order(list, 3, (tp_module *[]){a, d, c});
    tp_nn_insert(T, list, 3, b);
    ck_order(list, 4, (tp_module *[]){a, d, c, b});
    ck_assert(tp_module_param(list, "2.weight") == tp_module_param(c, "weight"));
    tp_params *all = tp_module_params(list); /* what has been counted stays so, in the list and out of it */
    ck_assert_int_eq(tp_params_length(all), 4);
    ck_assert_ptr_eq(tp_nn_pop(T, list, -2), c);
    ck_order(list, 3, (tp_module *[]){a, d, b});
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(1, 2));
    tp_backward(T, tp_sum(T, tp_add(T, tp_forward(T, a, x), tp_forward(T, c, x))));
    ck_no_error(T);
    tp_tape_reset(T);
    ck_assert_ptr_null(tp_nn_insert(T, list, 0, tp_nn_linear(T, 1, 1, NULL)));
    ck_error(T, TP_EINVAL, "whose set is made");
    ck_order(list, 3, (tp_module *[]){a, d, b});
    tp_nn_insert(T, list, 1, c);
    ck_order(list, 4, (tp_module *[]){a, c, d, b});
    c = tp_nn_pop(T, list, 1);
    tp_module_free(list);
    ck_assert(tp_item(tp_sum(T, tp_forward(T, c, tp_zeros(T, TP_F32, tp_shape(1, 2))))) ==
              tp_item(tp_sum(T, tp_module_param(c, "bias"))));
    ck_no_error(T);
    tp_module_free(c);
    tp_module_free(kinds[1 - _i]);
}
END_TEST

static tp_module *none[1];
static const struct {
    tp_status status;
    const char *says;
} unmoved[] = {{TP_EINDEX, "nn_insert: child 3 of 2"},       {TP_EINVAL, "nn_insert: module 2, Bilinear, takes 2"},
               {TP_EINVAL, "nn_insert: module 2 is NULL"},   {TP_EINVAL, "nn_insert: the list is NULL"},
               {TP_EINVAL, "nn_insert: a ModuleDict"},       {TP_EINDEX, "nn_pop: child 2 of 2"},
               {TP_EINDEX, "nn_pop: child -2147483648"},     {TP_EINVAL, "nn_pop: a ModuleDict"},
               {TP_EINVAL, "nn_extend: module 2, Bilinear"}, {TP_EINVAL, "the list of them is NULL"},
               {TP_EINVAL, "nn_extend: module 2 is NULL"}};

static void fail_to_move(int k, tp_module *list, tp_module *dict)
{
    tp_clear_error(T);
    switch (k) {
    case 0:
        tp_nn_insert(T, list, 3, tp_nn_tanh(T));
        break;
    case 1:
        tp_nn_insert(T, list, 0, tp_nn_bilinear(T, 1, 1, 1, NULL));
        break;
    case 2:
        tp_nn_insert(T, list, 0, NULL);
        break;
    case 3:
        tp_nn_insert(T, NULL, 0, tp_nn_tanh(T));
        break;
    case 4:
        tp_nn_insert(T, dict, 0, tp_nn_tanh(T));
        break;
    case 5:
        tp_nn_pop(T, list, 2);
        break;
    case 6:
        tp_nn_pop(T, list, INT_MIN);
        break;
    case 7:
        tp_nn_pop(T, dict, 0);
        break;
    case 8:
        tp_nn_extend(T, list, 2, (tp_module *[]){tp_nn_bilinear(T, 1, 1, 1, NULL), tp_nn_tanh(T)});
        break;
    case 9:
        tp_nn_extend(T, list, 1, NULL);
        break;
    default:
        tp_nn_extend(T, list, 1, none);
    }
}

/* Nothing is moved, and what was given is freed. */
START_TEST(not_moved)
{
    tp_module *list = tp_nn_sequential(T, tp_nn_tanh(T), tp_nn_relu(T)), *dict = tp_nn_module_dict(T, 0, NULL, NULL);
    tp_module *want[] = {tp_nn_at(list, 0), tp_nn_at(list, 1)};
    fail_to_move(_i, list, dict);
    long long live = alloc_live();
    fail_to_move(_i, list, dict);
    long long now = alloc_live();
    ck_assert_int_eq(now, live);
    ck_error(T, unmoved[_i].status, unmoved[_i].says);
    ck_order(list, 2, want);
    tp_module_free(list);
    tp_module_free(dict);
}
END_TEST

/* A list has no forward, Identity gives its input itself, Unflatten checks sizes as the operator does. */
START_TEST(forwards)
{
    tp_module *list = tp_nn_module_list(T, tp_nn_tanh(T)), *same = tp_nn_identity(T),
              *split = tp_nn_unflatten(T, 1, tp_shape(2, -1));
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(3, 6));
    ck_assert_ptr_null(tp_forward(T, list, x));
    ck_error(T, TP_EINVAL, "ModuleList: its class has no forward");
    ck_assert_ptr_eq(tp_forward(T, same, x), x);
    tp_tensor *y = tp_forward(T, split, x);
    ck_assert(tp_ndim(y) == 3 && tp_size(y, 1) == 2 && tp_size(y, 2) == 3);
    ck_assert_ptr_null(tp_forward(T, split, tp_ones(T, TP_F64, tp_shape(3, 7))));
    ck_error(T, TP_ESHAPE, "unflatten");
    ck_assert_ptr_null(tp_nn_sequential(T, tp_nn_module_list(T, tp_nn_tanh(T))));
    ck_error(T, TP_EINVAL, "nn_sequential: module 0, ModuleList, has no forward");
    tp_module_free(list);
    tp_module_free(same);
    tp_module_free(split);
}
END_TEST

static const char *const twice[] = {"a", "a"};
static const struct {
    tp_status status;
    const char *says;
} failures[] = {{TP_EINVAL, "nn_module_dict: \"a\""},
                {TP_EINVAL, "nn_module_dict: the list of names is NULL"},
                {TP_EINVAL, "nn_module_list: module 1 is NULL"},
                {TP_EINVAL, "nn_module_list: -1 modules"},
                {TP_EINVAL, "nn_parameter_dict: \"a\""},
                {TP_EDTYPE, "nn_parameter_list: "}};

static tp_module *fail_to_make(int i)
{
    switch (i) {
    case 0:
        return tp_nn_module_dict(T, 2, twice, (tp_module *[]){tp_nn_tanh(T), tp_nn_linear(T, 2, 2, NULL)});
    case 1:
        return tp_nn_module_dict(T, 1, NULL, (tp_module *[]){tp_nn_tanh(T)});
    case 2:
        return tp_nn_module_list_of(T, 3, (tp_module *[]){tp_nn_tanh(T), NULL, tp_nn_tanh(T)});
    case 3:
        return tp_nn_module_list_of(T, -1, NULL);
    case 4:
        return tp_nn_parameter_dict(T, 2, twice,
                                    (tp_tensor *[]){owned(TP_F32, tp_shape(2)), owned(TP_F32, tp_shape(2))});
    default:
        return tp_nn_parameter_list(T, 2, (tp_tensor *[]){owned(TP_I64, tp_shape(2)), owned(TP_F32, tp_shape(2))});
    }
}

/* What could not be put together is freed, all of it. */
START_TEST(nothing_is_lost)
{
    tp_module *m = fail_to_make(_i);
    ck_assert_ptr_null(m);
    ck_error(T, failures[_i].status, failures[_i].says);
    long long live = alloc_live();
    fail_to_make(_i);
    long long now = alloc_live();
    ck_assert_int_eq(now, live);
}
END_TEST

/* So is what stands in a list more than once, and that once; on a tape that has failed, and on one that is well. */
static void make_of_doubles(bool well)
{
    tp_tensor *x = owned(TP_F32, tp_shape(2)), *y = owned(TP_I64, tp_shape(2));
    tp_module *m = tp_nn_tanh(T), *n = tp_nn_tanh(T), *list = tp_nn_module_list_of(T, 0, NULL);
    if (!well)
        tp_fail(T, TP_EUSER, "before");
    tp_module *made = tp_nn_parameter_list(T, 5, (tp_tensor *[]){x, x, y, y, x});
    if (well)
        tp_clear_error(T);
    tp_module *too = tp_nn_sequential_of(T, 3, (tp_module *[]){m, m, m});
    if (well)
        tp_clear_error(T);
    tp_nn_extend(T, list, 3, (tp_module *[]){n, n, n});
    tp_module_free(list);
    tp_module_free(made);
    tp_module_free(too);
}

START_TEST(twice_in_a_list)
{
    make_of_doubles(_i);
    ck_error(T, _i ? TP_EINVAL : TP_EUSER, _i ? "nn_extend: Tanh has a parent already" : "before");
    long long live = alloc_live();
    make_of_doubles(_i);
    long long now = alloc_live();
    ck_assert_int_eq(now, live);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_containers");
    TCase *t = tcase_create("module_containers");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, texts);
    tcase_add_test(t, long_text);
    tcase_add_test(t, as_lists);
    tcase_add_loop_test(t, moved, 0, 2);
    tcase_add_loop_test(t, not_moved, 0, LENGTH(unmoved));
    tcase_add_test(t, forwards);
    tcase_add_loop_test(t, twice_in_a_list, 0, 2);
    tcase_add_loop_test(t, nothing_is_lost, 0, LENGTH(failures));
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
