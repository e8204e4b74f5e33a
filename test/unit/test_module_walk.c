/* test_module_walk.c - going through modules: visitors, apply, what concerns a whole subtree, things by their names. The
 * order is PyTorch's. */
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>

static tp_tape *T;
static char log_text[1000];

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 5);
    log_text[0] = '\0';
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *owned(double value) { return tp_keep(tp_full(T, TP_F32, tp_shape(2), value)); }

static const tp_module_class plain = {.name = "Plain", .size = sizeof(tp_module)};

/* a (w, b, buffer r), with a.deep (w tied to the root's) and b below it, and a buffer s that is b's and the root's. */
static tp_module *tree(void)
{
    tp_module *root = tp_module_new(T, &plain), *a = tp_module_add(T, root, "a", tp_module_new(T, &plain)),
              *b = tp_module_add(T, root, "b", tp_nn_tanh(T)),
              *deep = tp_module_add(T, a, "deep", tp_module_new(T, &plain));
    tp_tensor *w = tp_module_add_param(T, root, "w", owned(1));
    tp_module_add_buffer(T, a, "r", owned(4));
    tp_module_add_param(T, a, "w", owned(2));
    tp_module_add_param(T, a, "b", owned(3));
    tp_module_add_param(T, deep, "w", w);
    tp_module_add_buffer(T, b, "s", tp_module_add_buffer(T, root, "s", owned(5)));
    ck_no_error(T);
    return root;
}

static tp_status log_tensor(const char *name, tp_tensor *x, bool is_param, void *user)
{
    ck_assert(x && user == log_text && is_param == tp_needs_grad(x));
    strcat(strcat(log_text, name), " ");
    return TP_OK;
}
static tp_status log_module(const char *name, tp_module *m, void *user)
{
    ck_assert(m && user == log_text);
    strcat(strcat(strcat(log_text, "<"), name), "> ");
    return TP_OK;
}
static void ck_log(const char *wanted)
{
    ck_assert_str_eq(log_text, wanted);
    log_text[0] = '\0';
}

START_TEST(orders)
{
    tp_module *m = tree();
    ck_assert_int_eq(tp_module_visit(m, log_tensor, log_text), TP_OK);
    ck_log("w s a.w a.b a.r a.deep.w b.s ");
    tp_module_visit_parameters(m, log_tensor, log_text);
    ck_log("w a.w a.b ");
    tp_module_visit_buffers(m, log_tensor, log_text);
    ck_log("s a.r ");
    tp_module_visit_parameters(tp_module_child(m, "a"), log_tensor, log_text); /* names are from there on */
    ck_log("w b deep.w ");
    tp_module_visit_modules(m, log_module, log_text);
    ck_log("<> <a> <a.deep> <b> ");
    tp_module_visit_children(m, log_module, log_text);
    ck_log("<a> <b> ");
    tp_module_apply(m, log_module, log_text);
    ck_log("<a.deep> <a> <b> <> ");
    tp_module_visit_children(tp_module_child(m, "b"), log_module, log_text);
    ck_log("");
    ck_assert_int_eq(tp_params_length(tp_module_params(m)), 3);
    tp_module_free(m);
}
END_TEST

static tp_status stop_at_deep(const char *name, tp_module *m, void *user)
{
    (void)m;
    strcat(log_text, name);
    return strcmp(name, user) == 0 ? TP_ENUMERIC : TP_OK;
}

/* A status ends the walk at once, and comes back; NULLs are refused. */
START_TEST(stops)
{
    tp_module *m = tree();
    ck_assert_int_eq(tp_module_visit_modules(m, stop_at_deep, "a"), TP_ENUMERIC);
    ck_log("a");
    ck_assert_int_eq(tp_module_apply(m, stop_at_deep, "a"), TP_ENUMERIC);
    ck_log("a.deepa");
    ck_assert_int_eq(tp_module_visit_children(m, stop_at_deep, "a"), TP_ENUMERIC);
    ck_assert_int_eq(tp_module_visit_modules(NULL, stop_at_deep, NULL), TP_EINVAL);
    ck_assert_int_eq(tp_module_visit_modules(m, NULL, NULL), TP_EINVAL);
    ck_assert_int_eq(tp_module_visit_children(m, NULL, NULL), TP_EINVAL);
    ck_assert_int_eq(tp_module_apply(NULL, NULL, NULL), TP_EINVAL);
    tp_module_free(m);
}
END_TEST

START_TEST(by_name)
{
    tp_module *m = tree();
    ck_assert_ptr_eq(tp_module_get_parameter(T, m, "a.deep.w"), tp_module_get_parameter(T, m, "w"));
    ck_assert(tp_item_at(tp_module_get_buffer(T, m, "a.r"), 0) == 4);
    ck_assert_ptr_eq(tp_module_get_submodule(T, m, "a.deep"), tp_module_child(m, "a.deep"));
    ck_assert_ptr_eq(tp_module_get_submodule(T, m, ""), m);
    ck_no_error(T);
    static const struct {
        const char *name, *parameter, *buffer, *module;
    } wrong[] = {{"a.x", "Plain has no attribute `x`; an nn.Parameter", "`x`; a buffer", "`x`; an nn.Module"},
                 {"x.w", "Plain has no attribute `x`; an nn.Module", "`x`; an nn.Module", "`x`; an nn.Module"},
                 {"a.w.x", "`w` of Plain is not an nn.Module", "`w` of Plain is not", "`w` of Plain is not"},
                 {"a.", "Plain has no attribute ``", "no attribute ``", "no attribute ``"},
                 {"b.s", "`s` of Tanh is not an nn.Parameter", NULL, "`s` of Tanh is not an nn.Module"},
                 {"a.b", NULL, "`b` of Plain is not a buffer", "`b` of Plain is not an nn.Module"},
                 {"a.deep", "`deep` of Plain is not an nn.Parameter", "`deep` of Plain is not a buffer", NULL}};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        ck_assert((tp_module_get_parameter(T, m, wrong[i].name) == NULL) == (wrong[i].parameter != NULL));
        if (wrong[i].parameter)
            ck_error(T, TP_EINVAL, wrong[i].parameter);
        ck_assert((tp_module_get_buffer(T, m, wrong[i].name) == NULL) == (wrong[i].buffer != NULL));
        if (wrong[i].buffer)
            ck_error(T, TP_EINVAL, wrong[i].buffer);
        ck_assert((tp_module_get_submodule(T, m, wrong[i].name) == NULL) == (wrong[i].module != NULL));
        if (wrong[i].module)
            ck_error(T, TP_EINVAL, wrong[i].module);
    }
    tp_module_free(m);
}
END_TEST

START_TEST(subtrees)
{
    tp_module *m = tree(), *a = tp_module_child(m, "a");
    tp_tensor *w = tp_module_param(m, "w"), *aw = tp_module_param(m, "a.w"), *r = tp_module_param(m, "a.r");
    tp_module_eval(a);
    ck_assert(m->training && !a->training && !tp_module_child(a, "deep")->training);
    tp_module_train(m, true);
    ck_assert(a->training && tp_module_child(a, "deep")->training);
    tp_backward(T, tp_sum(T, tp_mul(T, aw, w)));
    ck_assert(tp_grad(aw) && tp_grad(w));
    tp_module_zero_grad(a); /* a.deep has the root's */
    ck_assert(!tp_grad(aw) && !tp_grad(w));
    tp_module_requires_grad(a, false);
    ck_assert(!tp_needs_grad(aw) && !tp_needs_grad(w) && !tp_needs_grad(r));
    tp_module_requires_grad(m, true);
    ck_assert(tp_needs_grad(aw) && tp_needs_grad(w) && !tp_needs_grad(r));
    tp_module_train(NULL, true);
    tp_module_eval(NULL);
    tp_module_zero_grad(NULL);
    tp_module_requires_grad(NULL, true);
    tp_module_free(m);
}
END_TEST

/* ---- visitors that change the tree ---------------------------------------------------------------------------------- */

static tp_module *top;

static tp_status free_the_second(const char *name, tp_module *m, void *user)
{
    log_module(name, m, log_text);
    if (strcmp(name, user) == 0)
        tp_module_free(tp_module_child(top, "1"));
    return TP_OK;
}

/* A module that goes meanwhile is not seen, and none of the others is passed over. */
START_TEST(freed_meanwhile)
{
    static const struct {
        const char *when, *seen;
    } of[] = {{"", "<> <0> <2> <3> "},
              {"0", "<> <0> <2> <3> "},
              {"1", "<> <0> <1> <2> <3> "},
              {"2", "<> <0> <1> <2> <3> "},
              {"3", "<> <0> <1> <2> <3> "}};
    for (size_t i = 0; i < LENGTH(of); i++) {
        top = tp_nn_module_list(T, tp_nn_linear(T, 1, 1, NULL), tp_nn_linear(T, 1, 1, NULL), tp_nn_tanh(T),
                                tp_nn_linear(T, 1, 1, NULL));
        ck_assert_int_eq(tp_module_visit_modules(top, free_the_second, (void *)(uintptr_t)of[i].when), TP_OK);
        ck_log(of[i].seen);
        ck_assert_int_eq(tp_nn_length(top), 3);
        tp_module_free(top);
    }
}
END_TEST

static tp_status free_the_root(const char *name, tp_module *m, void *user)
{
    (void)name, (void)m, (void)user;
    tp_module_free(top);
    top = NULL;
    return TP_OK;
}

static jmp_buf outside;
static tp_status jump_at_once(const char *name, tp_module *m, void *user)
{
    (void)name, (void)m, (void)user;
    longjmp(outside, 1);
}

START_TEST(root_freed_or_left)
{
    for (int kind = 0; kind < 3; kind++) {
        top = tree();
        if (kind == 0)
            tp_module_visit_modules(top, free_the_root, NULL);
        else if (kind == 1)
            tp_module_visit_children(top, free_the_root, NULL);
        else
            tp_module_apply(top, free_the_root, NULL);
        ck_assert_ptr_null(top);
    }
    tp_module *volatile m = tree();
    for (volatile int k = 0; k < 3; k++)
        if (setjmp(outside) == 0)
            tp_module_apply(m, jump_at_once, NULL);
    ck_assert_int_eq(tp_module_visit_modules(m, log_module, log_text), TP_OK);
    ck_log("<> <a> <a.deep> <b> ");
    tp_module_free(m);
}
END_TEST

/* Without memory for a name the walk ends; what needs no names needs no memory. */
START_TEST(failing_memory)
{
    tp_module *m = tree();
    alloc_fail_from(1);
    tp_status status = tp_module_visit(m, log_tensor, log_text), modules = tp_module_apply(m, log_module, log_text);
    tp_module_eval(m);
    alloc_fail_from(0);
    ck_assert_int_eq(status, TP_ENOMEM);
    ck_assert_int_eq(modules, TP_ENOMEM);
    ck_assert(!tp_module_child(m, "a.deep")->training);
    tp_module_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_walk");
    TCase *t = tcase_create("module_walk");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, orders);
    tcase_add_test(t, stops);
    tcase_add_test(t, by_name);
    tcase_add_test(t, subtrees);
    tcase_add_test(t, freed_meanwhile);
    tcase_add_test(t, root_freed_or_left);
    tcase_add_test(t, failing_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
