/* test_module_hooks.c - hooks of modules: what they see and may change, their order, several inputs and outputs, gradients of
 * gradients; hooks that free, reset, jump. Numbers are PyTorch's. */
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>

static tp_tape *T;
static char log_text[200];
static void setup(void)
{
    T = tp_tape_new();
    log_text[0] = '\0';
}
static void teardown(void) { tp_tape_free(T); }

static void ck_log(const char *wanted)
{
    ck_assert_str_eq(log_text, wanted);
    log_text[0] = '\0';
}

/* y = x [2 3]^T + 4 */
static tp_module *line(void)
{
    tp_module *m = tp_nn_linear(T, 2, 1, &(tp_linear_options){.dtype = TP_F64});
    const double weight[] = {2, 3};
    tp_copy_into(T, tp_module_param(m, "weight"), tp_from(T, TP_F64, tp_shape(1, 2), weight));
    tp_copy_into(T, tp_module_param(m, "bias"), tp_full(T, TP_F64, tp_shape(1), 4));
    return m;
}
static tp_tensor *points(bool grad)
{
    const double x[] = {1, 10, 100, 1000};
    return tp_requires_grad(tp_from(T, TP_F64, tp_shape(2, 2), x), grad);
}

/* ---- forward ------------------------------------------------------------------------------------------------------------ */

static tp_status twice_before(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    ck_assert(m && n_in == 1);
    strcat(log_text, user ? user : "");
    in[0] = tp_mul_scalar(tape, in[0], 2);
    return TP_OK;
}
static tp_status one_more_after(tp_tape *tape, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out,
                                void *user)
{
    ck_assert(m && n_in == 1 && n_out == 1 && tp_numel(in[0]) == 4);
    strcat(log_text, user ? user : "");
    out[0] = tp_add_scalar(tape, out[0], tp_item_at(in[0], 0));
    return TP_OK;
}

START_TEST(forward_hooks)
{
    tp_module *m = line(), *chain = tp_nn_sequential(T, m);
    int64_t a = tp_module_register_forward_pre_hook(T, m, twice_before, "a"),
            b = tp_module_register_forward_hook(T, m, one_more_after, "b"),
            c = tp_module_register_forward_pre_hook(T, m, twice_before, "c"),
            d = tp_module_register_forward_hook(T, chain, one_more_after, "d");
    ck_assert(a > 0 && b > a && c > b && d > 0);
    tp_tensor *x = points(false), *y, *in = x;
    y = tp_forward(T, m, x);
    ck_values(y, 0, 4 * 32 + 4 + 4, 4 * 3200 + 4 + 4); /* 4 x, whose first element is 4 */
    ck_log("acb");
    ck_assert_int_eq(tp_forward_n(T, chain, 1, &in, 1, &y), TP_OK);
    ck_values(y, 0, 4 * 32 + 4 + 4 + 1, 4 * 3200 + 4 + 4 + 1);
    ck_log("acbd");
    tp_module_remove_hook(m, c);
    tp_module_remove_hook(m, b);
    tp_module_remove_hook(m, 12345);
    tp_module_remove_hook(NULL, 1);
    y = tp_forward(T, m, x);
    ck_values(y, 0, 2 * 32 + 4, 2 * 3200 + 4);
    tp_module_remove_hook(m, a);
    y = tp_forward(T, m, x);
    ck_values(y, 0, 36, 3204);
    ck_log("a");
    ck_no_error(T);
    tp_module_free(chain);
}
END_TEST

/* Of a module with several: any of them may be replaced, and all are there. */
static tp_status swap(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    (void)tape, (void)m, (void)user;
    ck_assert_int_eq(n_in, 2);
    tp_tensor *x = in[0];
    in[0] = in[1];
    in[1] = x;
    return TP_OK;
}

static tp_status pair_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                              tp_tensor **out)
{
    (void)self, (void)n_in, (void)n_out;
    out[0] = tp_mul_scalar(tape, in[0], 3);
    out[1] = tp_mul(tape, in[0], in[1]);
    return TP_OK;
}
static const tp_module_class pair_class = {
    .name = "Pair", .size = sizeof(tp_module), .forward_n = pair_forward, .n_in = 2, .max_in = 6, .n_out = 2};

START_TEST(several)
{
    tp_module *m = tp_module_new(T, &pair_class);
    tp_tensor *in[] = {tp_full(T, TP_F64, tp_shape(1), 5), tp_full(T, TP_F64, tp_shape(1), 7)}, *out[2];
    int64_t h = tp_module_register_forward_pre_hook(T, m, swap, NULL);
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 2, out), TP_OK);
    ck_values(out[0], 0, 21);
    ck_assert(tp_item(in[0]) == 5); /* the caller's list is its own */
    tp_module_remove_hook(m, h);
    tp_forward_n(T, m, 2, in, 2, in);
    ck_values(in[0], 0, 15);
    ck_values(in[1], 0, 35);
    tp_module_free(m);
}
END_TEST

/* ---- backward ----------------------------------------------------------------------------------------------------------- */

static int calls;
static tp_tensor *seen_in[4], *seen_out[4];

/* Notes copies of what it sees; `user` is a factor for the gradients of inputs, or NULL. */
static tp_status look(tp_tape *tape, tp_module *m, int n_in, tp_tensor **grad_in, int n_out, tp_tensor *const *grad_out,
                      void *user)
{
    ck_assert(m && n_in <= 4 && n_out <= 4);
    calls++;
    for (int i = 0; i < n_in; i++) {
        tp_free(seen_in[i]);
        seen_in[i] = grad_in[i] ? tp_keep(tp_clone(tape, grad_in[i])) : NULL;
        if (user && grad_in[i])
            grad_in[i] = tp_mul_scalar(tape, grad_in[i], *(const double *)user);
    }
    for (int i = 0; i < n_out; i++) {
        tp_free(seen_out[i]);
        seen_out[i] = grad_out[i] ? tp_keep(tp_clone(tape, grad_out[i])) : NULL;
    }
    return TP_OK;
}
static void forget(void)
{
    calls = 0;
    for (int i = 0; i < 4; i++) {
        tp_free(seen_in[i]);
        tp_free(seen_out[i]);
        seen_in[i] = seen_out[i] = NULL;
    }
}

START_TEST(backward_hooks)
{
    static const double ten = 10, weights[] = {1, 2};
    tp_module *m = line();
    tp_tensor *x = points(true), *y;
    int64_t h = tp_module_register_full_backward_hook(T, m, look, (void *)(uintptr_t)&ten);
    char name[80];
    y = tp_forward(T, m, x);
    tp_grad_fn(y, name, sizeof name);
    ck_assert_str_eq(name, "BackwardHookFunctionBackward");
    ck_values(y, 0, 36, 3204);
    tp_backward(T, tp_sum(T, tp_mul(T, y, tp_from(T, TP_F64, tp_shape(2, 1), weights))));
    ck_no_error(T);
    ck_assert_int_eq(calls, 1);
    ck_values(seen_in[0], 0, 2, 3, 4, 6);
    ck_values(seen_out[0], 0, 1, 2);
    ck_values(tp_grad(x), 0, 20, 30, 40, 60);
    ck_values(tp_grad(tp_module_param(m, "weight")), 0, 201, 2010);
    ck_values(tp_grad(tp_module_param(m, "bias")), 0, 3);
    tp_backward(T, tp_sum(T, tp_forward(T, m, points(false)))); /* the input asks for none: there is none to see */
    ck_assert(calls == 2 && seen_in[0] == NULL);
    ck_values(seen_out[0], 0, 1, 1);
    bool was = tp_tape_record(T, false);
    tp_forward(T, m, x);
    tp_tape_record(T, was);
    tp_tensor *before = tp_forward(T, m, x);
    tp_module_remove_hook(m, h); /* also where the call was made already */
    tp_backward(T, tp_sum(T, before));
    ck_assert_int_eq(calls, 2);
    ck_no_error(T);
    forget();
    tp_module_free(m);
}
END_TEST

/* Gradients of gradients go through what the hook made. */
START_TEST(second_order)
{
    static const double ten = 10;
    tp_module *m = line();
    tp_tensor *x = points(true), *y, *g;
    tp_module_register_full_backward_hook(T, m, look, (void *)(uintptr_t)&ten);
    y = tp_sum(T, tp_square(T, tp_forward(T, m, x)));
    tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = true});
    ck_values(g, 0, 1440, 2160, 128160, 192240);
    ck_values(seen_in[0], 0, 144, 216, 12816, 19224);
    ck_values(seen_out[0], 0, 72, 6408);
    tp_backward(T, tp_sum(T, g));
    ck_no_error(T);
    ck_assert_int_eq(calls, 2);
    ck_values(seen_in[0], 0, 200, 300, 200, 300);
    ck_values(seen_out[0], 0, 100, 100);
    ck_values(tp_grad(x), 0, 2000, 3000, 2000, 3000);
    forget();
    tp_module_free(m);
}
END_TEST

/* Two inputs and outputs: called once, with what there is of each. */
START_TEST(backward_of_several)
{
    static const double ten = 10;
    tp_module *m = tp_module_new(T, &pair_class);
    tp_tensor *out[2],
        *in[] = {tp_requires_grad(tp_full(T, TP_F64, tp_shape(1), 5), true),
                 tp_requires_grad(tp_full(T, TP_F64, tp_shape(1), 7), true), NULL, tp_full(T, TP_F64, tp_shape(1), 9)};
    tp_module_register_full_backward_hook(T, m, look, (void *)(uintptr_t)&ten);
    tp_forward_n(T, m, 4, in, 2, out);
    tp_backward(T, tp_add(T, out[0], tp_mul_scalar(T, out[1], 100)));
    ck_no_error(T);
    ck_assert(calls == 1 && !seen_in[2] && !seen_in[3]);
    ck_values(seen_in[0], 0, 703);
    ck_values(seen_in[1], 0, 500);
    ck_values(seen_out[0], 0, 1);
    ck_values(seen_out[1], 0, 100);
    ck_values(tp_grad(in[0]), 0, 7030);
    ck_values(tp_grad(in[1]), 0, 5000);
    tp_forward_n(T, m, 2, in, 2, out);
    tp_backward(T, out[0]); /* neither the second input nor the second output has one */
    ck_assert(calls == 2 && !seen_in[1] && !seen_out[1]);
    ck_values(seen_in[0], 0, 3);
    ck_values(tp_grad(in[0]), 0, 7060);
    tp_tensor *many[6], *two[2];
    for (int i = 0; i < 6; i++)
        many[i] = in[0];
    tp_forward_n(T, m, 6, many, 2, two);
    ck_error(T, TP_EUNSUPPORTED, "Pair: more than 4 tensors with a gradient");
    forget();
    tp_module_free(m);
}
END_TEST

/* What is noted of the outputs is not what gathers later: the same gradient goes several ways. */
START_TEST(noted_gradients_stay)
{
    tp_module *m = tp_nn_identity(T);
    tp_tensor *x = points(true);
    tp_module_register_full_backward_hook(T, m, look, NULL);
    tp_tensor *a = tp_square(T, x), *b = tp_forward(T, m, a);
    tp_backward(T, tp_sum(T, tp_add(T, tp_add(T, tp_exp(T, tp_mul_scalar(T, a, 0)), b), tp_mul_scalar(T, a, 5))));
    ck_values(seen_out[0], 0, 1, 1, 1, 1);
    ck_values(seen_in[0], 0, 1, 1, 1, 1);
    ck_values(tp_grad(x), 0, 12, 120, 1200, 12000);
    ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
    forget();
    tp_module_free(m);
}
END_TEST

static tp_status through_module(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = tp_forward(tape, user, tp_forward(tape, user, in[0]));
    return TP_OK;
}

/* Where the forward runs again in backward the hooks see the same, once a call; so where a sweep leads to an input only. */
START_TEST(checkpointed)
{
    static const double ten = 10;
    tp_module *m = tp_nn_linear(T, 2, 2, &(tp_linear_options){.dtype = TP_F64});
    tp_tensor *x = points(true), *y, *g, *loss;
    tp_module_register_full_backward_hook(T, m, look, (void *)(uintptr_t)&ten);
    through_module(T, m, 1, &x, 1, &y);
    tp_backward(T, tp_sum(T, tp_square(T, y)));
    ck_assert_int_eq(calls, 2);
    tp_tensor *wanted = tp_clone(T, tp_grad(x)), *of_weight = tp_clone(T, tp_grad(tp_module_param(m, "weight")));
    tp_zero_grad(x);
    tp_module_zero_grad(m);
    tp_checkpoint(T, through_module, m, 1, &x, 1, &y);
    tp_backward(T, tp_sum(T, tp_square(T, y)));
    ck_no_error(T);
    ck_assert_int_eq(calls, 4);
    ck_assert(tensors_identical(tp_grad(x), wanted) &&
              tensors_identical(tp_grad(tp_module_param(m, "weight")), of_weight));
    through_module(T, m, 1, &x, 1, &y);
    loss = tp_sum(T, tp_square(T, y));
    tp_gradients(T, 1, &loss, 1, &x, &g, NULL);
    ck_assert(calls == 6 && tensors_identical(g, wanted));
    ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
    ck_no_error(T);
    forget();
    tp_module_free(m);
}
END_TEST

static tp_status wrong_shape(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, int n_out, tp_tensor *const *out,
                             void *user)
{
    (void)m, (void)n_in, (void)n_out, (void)out;
    in[0] = user ? tp_zeros(tape, TP_F64, tp_shape(3)) : tp_zeros(tape, TP_F32, tp_shape(2, 2));
    return TP_OK;
}
static tp_status fails(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, int n_out, tp_tensor *const *out,
                       void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)n_out, (void)out, (void)user;
    return TP_ENUMERIC;
}
static tp_status no_input(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    (void)tape, (void)m, (void)n_in;
    in[0] = NULL;
    return user ? TP_ENUMERIC : TP_OK;
}
static tp_status no_output(tp_tape *tape, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out,
                           void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)n_out;
    out[0] = NULL;
    return user ? TP_ENUMERIC : TP_OK;
}

START_TEST(refusals)
{
    tp_module *m = line();
    tp_tensor *x = points(true);
    int64_t h = tp_module_register_full_backward_hook(T, m, wrong_shape, m);
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    ck_error(T, TP_ESHAPE, "Linear: a backward hook made a gradient of float64 [3] for input 0, of float64 [2, 2]");
    tp_backward(T, tp_sum(T, tp_forward(T, m, points(false))));
    ck_error(T, TP_EINVAL, "Linear: a backward hook made a gradient of input 0, which asks for none");
    tp_module_remove_hook(m, h);
    h = tp_module_register_full_backward_hook(T, m, wrong_shape, NULL);
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    ck_error(T, TP_ESHAPE, "float32 [2, 2] for input 0");
    tp_module_remove_hook(m, h);
    h = tp_module_register_full_backward_hook(T, m, fails, NULL);
    tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
    ck_error(T, TP_ENUMERIC, "Linear: its backward hook returned");
    tp_module_remove_hook(m, h);
    for (int i = 0; i < 2; i++) {
        h = tp_module_register_forward_pre_hook(T, m, no_input, i ? m : NULL);
        ck_assert_ptr_null(tp_forward(T, m, x));
        ck_error(T, i ? TP_ENUMERIC : TP_EINVAL, i ? "its forward-pre hook returned" : "input 0 is NULL");
        tp_module_remove_hook(m, h);
        h = tp_module_register_forward_hook(T, m, no_output, i ? m : NULL);
        ck_assert_ptr_null(tp_forward(T, m, x));
        ck_error(T, i ? TP_ENUMERIC : TP_EINVAL, i ? "its forward hook returned" : "the result of its forward is NULL");
        tp_module_remove_hook(m, h);
    }
    ck_assert_int_eq(tp_module_register_forward_hook(T, m, NULL, NULL), 0);
    ck_error(T, TP_EINVAL, "module_register_forward_hook: the hook is NULL");
    ck_assert_int_eq(tp_module_register_full_backward_hook(T, NULL, fails, NULL), 0);
    ck_error(T, TP_EINVAL, "module_register_full_backward_hook: the module is NULL");
    tp_module_free(m);
}
END_TEST

/* ---- deeds ---------------------------------------------------------------------------------------------------------------- */

typedef enum { FREE_MODULE, RESET, JUMP, REMOVE_ALL, REGISTER, DEEDS } deed;
enum { WAYS = 3 };
static struct {
    deed to_do;
    tp_module *m;
    int64_t handle[WAYS];
    int calls;
    bool quiet;
} scene;
static jmp_buf outside;

static tp_status do_it(tp_tape *tape);
static tp_status deed_before(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    (void)m, (void)n_in, (void)in, (void)user;
    return do_it(tape);
}
static tp_status deed_after(tp_tape *tape, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out,
                            void *user)
{
    (void)m, (void)n_in, (void)in, (void)n_out, (void)out, (void)user;
    return do_it(tape);
}
static tp_status deed_back(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, int n_out, tp_tensor *const *out,
                           void *user)
{
    (void)m, (void)n_in, (void)in, (void)n_out, (void)out, (void)user;
    return do_it(tape);
}
static tp_status do_it(tp_tape *tape)
{
    scene.calls++;
    if (scene.quiet)
        return TP_OK;
    switch (scene.to_do) {
    case FREE_MODULE:
        tp_module_free(scene.m);
        break;
    case RESET:
        tp_tape_reset(tape);
        break;
    case JUMP:
        longjmp(outside, 1);
    case REMOVE_ALL:
        for (int i = 0; i < WAYS; i++)
            tp_module_remove_hook(scene.m, scene.handle[i]);
        break;
    default:
        tp_module_register_forward_pre_hook(tape, scene.m, deed_before, NULL);
        tp_module_register_forward_hook(tape, scene.m, deed_after, NULL);
        tp_module_register_full_backward_hook(tape, scene.m, deed_back, NULL);
    }
    return TP_OK;
}

/* One step in which the hook of one way does it. */
static void play(deed to_do, int way)
{
    scene.to_do = to_do;
    scene.calls = 0;
    scene.quiet = false;
    scene.m = line();
    for (int i = 0; i < WAYS; i++)
        scene.handle[i] = 0;
    if (way == 0)
        scene.handle[0] = tp_module_register_forward_pre_hook(T, scene.m, deed_before, NULL);
    if (way == 1)
        scene.handle[1] = tp_module_register_forward_hook(T, scene.m, deed_after, NULL);
    if (way == 2)
        scene.handle[2] = tp_module_register_full_backward_hook(T, scene.m, deed_back, NULL);
    if (setjmp(outside) == 0)
        tp_backward(T, tp_sum(T, tp_forward(T, scene.m, points(true))));
}

/* And one after it. */
static void end(deed to_do)
{
    tp_clear_error(T);
    tp_tape_reset(T);
    scene.quiet = true;
    scene.calls = 0;
    if (to_do != FREE_MODULE) {
        tp_backward(T, tp_sum(T, tp_forward(T, scene.m, points(true))));
        tp_tape_reset(T);
        tp_module_free(scene.m);
    }
}

START_TEST(deeds)
{
    static const int later[DEEDS] = {[RESET] = 1, [JUMP] = 1, [REGISTER] = 4}; /* calls in the next step */
    for (volatile int way = 0; way < WAYS; way++) {
        deed to_do = (deed)_i;
        play(to_do, way);
        ck_assert_int_eq(scene.calls, 1);
        if (to_do == RESET)
            ck_error(T, TP_EINVAL, "tape_reset: ");
        ck_no_error(T);
        end(to_do);
        ck_no_error(T);
        ck_assert_int_eq(scene.calls, later[to_do]);
        ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
        play(to_do, way); /* once more, and nothing is lost */
        end(to_do);
        long long live = alloc_live();
        play(to_do, way);
        end(to_do);
        long long now = alloc_live();
        ck_assert_int_eq(now, live);
    }
}
END_TEST

/* A module that goes between forward and backward takes its hooks along; the gradients come all the same. */
START_TEST(freed_before_backward)
{
    tp_module *m = line();
    tp_tensor *x = points(true);
    tp_module_register_full_backward_hook(T, m, look, NULL);
    tp_tensor *loss = tp_sum(T, tp_forward(T, m, x));
    tp_module_free(m);
    tp_backward(T, loss);
    ck_no_error(T);
    ck_assert_int_eq(calls, 0);
    ck_values(tp_grad(x), 0, 2, 3, 2, 3);
}
END_TEST

START_TEST(failing_memory)
{
    tp_module *m = line();
    tp_tensor *volatile x = points(true);
    for (long k = 1; k < 60; k++) {
        tp_tape_reset(T);
        x = points(true);
        alloc_fail_from(k);
        int64_t h = tp_module_register_full_backward_hook(T, m, deed_back, NULL);
        scene.quiet = true;
        tp_backward(T, tp_sum(T, tp_forward(T, m, x)));
        alloc_fail_from(0);
        ck_assert(tp_error_status(T) == TP_OK || tp_error_status(T) == TP_ENOMEM);
        tp_clear_error(T);
        ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
        tp_module_remove_hook(m, h);
    }
    tp_module_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_hooks");
    TCase *t = tcase_create("module_hooks");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, forward_hooks);
    tcase_add_test(t, several);
    tcase_add_test(t, backward_hooks);
    tcase_add_test(t, second_order);
    tcase_add_test(t, backward_of_several);
    tcase_add_test(t, noted_gradients_stay);
    tcase_add_test(t, checkpointed);
    tcase_add_test(t, refusals);
    tcase_add_loop_test(t, deeds, 0, DEEDS);
    tcase_add_test(t, freed_before_backward);
    tcase_add_test(t, failing_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
