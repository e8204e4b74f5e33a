/* test_insight.c - hooks, anomaly mode, graphs, profiles, attributes that own memory; and that a tape survives. */
#define TP_TRACE
#include "support/support.h"

#include <string.h>

static tp_tensor *leaf(tp_tape *T, double a, double b)
{
    const double v[2] = {a, b};
    return tp_requires_grad(tp_from(T, TP_F64, tp_shape(2), v), true);
}

/* ---- hooks ---- */

static tp_tensor *count_and_double(tp_tape *T, tp_tensor *g, void *user)
{
    ++*(int *)user;
    return tp_mul_scalar(T, g, 2);
}

static tp_tensor *keep_sum(tp_tape *T, tp_tensor *g, void *user)
{
    *(double *)user = tp_item(tp_sum(T, g));
    return NULL;
}

static tp_tensor *wrong_shape(tp_tape *T, tp_tensor *g, void *user)
{
    (void)g;
    (void)user;
    return tp_zeros(T, TP_F64, tp_shape(3));
}

START_TEST(hooks_on_values)
{
    tp_tape *T = tp_tape_new();
    int calls = 0;
    double seen = 0;
    tp_tensor *x = leaf(T, 1, 2), *y = tp_square(T, x);
    int64_t doubles = tp_register_hook(T, y, count_and_double, &calls);
    tp_register_hook(T, y, keep_sum, &seen);
    ck_assert(doubles > 0);
    tp_tensor *loss = tp_sum(T, tp_add(T, tp_mul_scalar(T, y, 3), y));
    tp_backward_from(T, 1, &loss, &(tp_backward_options){.retain_graph = true});
    ck_no_error(T);
    ck_assert_int_eq(calls, 1);                         /* once, with all of it */
    ck_assert_double_eq(seen, 16);                      /* (3 + 1) 2 each, after the first hook */
    ck_assert_double_eq(tp_item_at(tp_grad(x), 1), 32); /* 8 2x */
    tp_remove_hook(T, doubles);
    tp_zero_grad(x);
    tp_backward(T, loss);
    ck_assert_int_eq(calls, 1);
    ck_assert_double_eq(tp_item_at(tp_grad(x), 1), 16);
    tp_tape_free(T);
}
END_TEST

START_TEST(hooks_on_leaves)
{
    tp_tape *T = tp_tape_new();
    int calls = 0;
    tp_tensor *w = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(2), 3)), true), *g;
    int64_t h = tp_register_hook(T, w, count_and_double, &calls);
    for (int step = 0; step < 3; step++) {
        tp_zero_grad(w);
        tp_tensor *loss = tp_sum(T, tp_add(T, tp_square(T, w), tp_mul(T, w, w)));
        tp_backward_from(T, 1, &loss, &(tp_backward_options){.retain_graph = true});
        ck_assert_double_eq(tp_item_at(tp_grad(w), 0), 24); /* 2 (2w + 2w) */
        tp_gradients(T, 1, &loss, 1, &w, &g, NULL);
        ck_assert_double_eq(tp_item_at(g, 0), 24);
        ck_no_error(T);
        tp_tape_reset(T);
    }
    ck_assert_int_eq(calls, 6);
    tp_remove_hook(T, h);
    tp_backward(T, tp_sum(T, tp_square(T, w)));
    ck_assert_double_eq(tp_item_at(tp_grad(w), 0), 24 + 6);
    tp_free(w);
    tp_tape_free(T);
}
END_TEST

START_TEST(hooks_that_fail)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *w = tp_requires_grad(tp_keep(tp_ones(T, TP_F64, tp_shape(2))), true);
    int64_t h = tp_register_hook(T, w, wrong_shape, NULL);
    tp_backward(T, tp_sum(T, tp_square(T, w)));
    ck_error(T, TP_ESHAPE, "hook");
    ck_assert_ptr_null(tp_grad(w));
    tp_remove_hook(T, h);
    tp_tape_reset(T);
    tp_backward(T, tp_sum(T, tp_square(T, w)));
    ck_no_error(T);
    ck_assert_double_eq(tp_item_at(tp_grad(w), 1), 2);
    ck_assert_int_eq(tp_register_hook(T, tp_ones(T, TP_F64, tp_shape(2)), keep_sum, NULL), 0);
    ck_error(T, TP_EGRAPH, "register_hook");
    tp_free(w);
    tp_tape_free(T);
}
END_TEST

/* ---- anomalies ---- */

START_TEST(anomaly_forward)
{
    tp_tape *T = tp_tape_new();
    ck_assert(!tp_tape_anomaly(T, true));
    tp_tensor *x = leaf(T, -1, 2);
    int line = __LINE__ + 1;
    tp_tensor *y = tp_log(T, x);
    char where[64];
    snprintf(where, sizeof where, "test_insight.c:%d", line);
    ck_assert_ptr_null(tp_sum(T, y));
    ck_assert_msg(strstr(tp_error(T), where) != NULL && strstr(tp_error(T), "[2]") != NULL, "%s", tp_error(T));
    ck_error(T, TP_ENUMERIC, "log");
    tp_tape_free(T);
}
END_TEST

START_TEST(anomaly_backward)
{
    tp_tape *T = tp_tape_new();
    tp_tape_anomaly(T, true);
    tp_tensor *x = leaf(T, 0, 4);
    int line = __LINE__ + 1;
    tp_tensor *y = tp_sqrt(T, x);
    char where[64];
    snprintf(where, sizeof where, "test_insight.c:%d", line);
    tp_backward(T, tp_sum(T, y)); /* 1 / (2 sqrt(0)) */
    ck_assert_msg(strstr(tp_error(T), where) != NULL && strstr(tp_error(T), "gradient") != NULL, "%s", tp_error(T));
    ck_error(T, TP_ENUMERIC, "sqrt");
    tp_tape_reset(T);
    ck_assert(tp_tape_anomaly(T, false));
    x = leaf(T, 0, 4);
    tp_backward(T, tp_sum(T, tp_sqrt(T, x)));
    ck_no_error(T);
    ck_assert(isinf(tp_item_at(tp_grad(x), 0)));
    tp_tape_free(T);
}
END_TEST

/* ---- graphs and profiles ---- */

static void read_all(FILE *f, char *text, size_t n)
{
    rewind(f);
    text[fread(text, 1, n - 1, f)] = '\0';
    fclose(f);
}

START_TEST(graphs)
{
    char text[8192];
    tp_tape *T = tp_tape_new();
    tp_tensor *x = leaf(T, 1, 2);
    tp_sum(T, tp_exp(T, tp_mul(T, x, x)));
    FILE *f = tmpfile();
    ck_assert_int_eq(tp_tape_print(T, f), TP_OK);
    read_all(f, text, sizeof text);
    ck_assert(strstr(text, "mul") && strstr(text, "[2], [2] -> [2]") && strstr(text, "test_insight.c:"));
    f = tmpfile();
    ck_assert_int_eq(tp_tape_dot(T, f), TP_OK);
    read_all(f, text, sizeof text);
    ck_assert(strncmp(text, "digraph", 7) == 0 && strstr(text, "call_1 -> call_2") && text[strlen(text) - 2] == '}');
    tp_tape_free(T);
}
END_TEST

START_TEST(profiles)
{
    char text[65536];
    tp_tape *T = tp_tape_new();
    ck_assert(!tp_tape_profile(T, true));
    tp_tensor *x = leaf(T, 1, 2);
    for (int i = 0; i < 3; i++)
        tp_backward(T, tp_sum(T, tp_exp(T, tp_mul(T, x, x))));
    ck_assert(tp_tape_profile(T, false));
    tp_exp(T, x); /* not measured */
    FILE *f = tmpfile();
    ck_assert_int_eq(tp_profile_print(T, f), TP_OK);
    read_all(f, text, sizeof text);
    long long forward, backward;
    double us;
    const char *row = strstr(text, "\nexp ");
    ck_assert(row && sscanf(row, " exp %lld %lf %lld", &forward, &us, &backward) == 3);
    ck_assert_int_eq(forward, 3);
    ck_assert_int_eq(backward, 3);
    row = strstr(text, "\nall ");
    ck_assert(row && sscanf(row, " all %lld %lf %lld", &forward, &us, &backward) == 3);
    ck_assert_int_eq(forward, 9);
    ck_assert_int_eq(backward, 9);
    f = tmpfile();
    ck_assert_int_eq(tp_profile_json(T, f), TP_OK);
    read_all(f, text, sizeof text);
    ck_assert(strstr(text, "\"traceEvents\"") && strstr(text, "\"cat\": \"backward\""));
    tp_tape_free(T);
}
END_TEST

static tp_status same_infer(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }

static tp_status zero_forward(tp_call *c)
{
    memset(tp_data(c->out[0]), 0, (size_t)tp_numel(c->out[0]) * tp_dtype_size(tp_dtype_of(c->out[0])));
    return TP_OK;
}

static tp_status pass_vjp(tp_vjp *v)
{
    v->gin[0] = v->gout[0];
    return TP_OK;
}

/* A user's operator may have any name. */
START_TEST(names_are_escaped)
{
    static const tp_op op = {
        .name = "a \"b\" \\c\nd", .n_in = 1, .n_out = 1, .infer = same_infer, .forward = zero_forward, .vjp = pass_vjp};
    char text[8192];
    tp_tape *T = tp_tape_new();
    tp_tape_profile(T, true);
    ck_assert_ptr_nonnull(tp_apply(T, &op, NULL, 1, (tp_tensor *[]){leaf(T, 1, 2)}));
    FILE *f = tmpfile();
    ck_assert_int_eq(tp_profile_json(T, f), TP_OK);
    read_all(f, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "{\"name\": \"a \\\"b\\\" \\\\c\\u000ad\", \"cat\""));
    f = tmpfile();
    ck_assert_int_eq(tp_tape_dot(T, f), TP_OK);
    read_all(f, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "label=\"a \\\"b\\\" \\\\c\\u000ad\"]"));
    tp_tape_free(T);
}
END_TEST

/* ---- operators that own something ---- */

typedef struct {
    int *freed;
} owning;

static void give_up(void *attr) { ++*((owning *)attr)->freed; }

static tp_status scale_infer(tp_call *c)
{
    if (tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])) != TP_OK)
        return tp_error_status(c->tape);
    return tp_call_out(c, 1, TP_F64, tp_shape(1)); /* saved for vjp */
}

static tp_status scale_forward(tp_call *c)
{
    const double *x = tp_data(c->in[0]);
    double *y = tp_data(c->out[0]);
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        y[i] = 3 * x[i];
    *(double *)tp_data(c->out[1]) = 3;
    return TP_OK;
}

static tp_status scale_vjp(tp_vjp *v)
{
    v->gin[0] = tp_mul(v->tape, v->gout[0], v->out[1]);
    return TP_OK;
}

static const tp_op scale_op = {.name = "user.scale",
                               .n_in = 1,
                               .n_out = 2,
                               .attr_size = sizeof(owning),
                               .infer = scale_infer,
                               .forward = scale_forward,
                               .vjp = scale_vjp,
                               .free_attr = give_up,
                               .constant_out = 2};

START_TEST(owned_attributes)
{
    tp_tape *T = tp_tape_new();
    int freed = 0;
    owning a = {&freed};
    tp_tensor *x = leaf(T, 1, 2), *out[2];
    ck_assert_int_eq(tp_apply_all(T, &scale_op, &a, 1, &x, out), TP_OK);
    ck_assert(tp_needs_grad(out[0]) && !tp_needs_grad(out[1]));
    tp_backward(T, tp_sum(T, out[0]));
    ck_assert_double_eq(tp_item_at(tp_grad(x), 0), 3);
    ck_assert_int_eq(freed, 0);
    tp_mark mark = tp_tape_mark(T);
    tp_apply(T, &scale_op, &a, 1, &x);
    tp_tape_rewind(T, mark);
    ck_assert_int_eq(freed, 1);
    tp_tape_record(T, false);
    tp_apply(T, &scale_op, &a, 1, &x); /* not recorded: given up at once */
    ck_assert_int_eq(freed, 2);
    tp_tape_record(T, true);
    tp_tape_reset(T);
    ck_assert_int_eq(freed, 3);
    x = leaf(T, 1, 2);
    tp_apply(T, &scale_op, &a, 1, &x);
    tp_tape_free(T);
    ck_assert_int_eq(freed, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("insight");
    TCase *tc = tcase_create("insight");
    tcase_add_test(tc, hooks_on_values);
    tcase_add_test(tc, hooks_on_leaves);
    tcase_add_test(tc, hooks_that_fail);
    tcase_add_test(tc, anomaly_forward);
    tcase_add_test(tc, anomaly_backward);
    tcase_add_test(tc, graphs);
    tcase_add_test(tc, profiles);
    tcase_add_test(tc, names_are_escaped);
    tcase_add_test(tc, owned_attributes);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
