/* test_callback.c - functions of the user's that free what runs them, or are left by a jump: nothing crashes, nothing is
 * lost, whatever the depth of the stack. */
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>

static tp_tape *T;
static jmp_buf outside;
static int calls;

static void setup(void)
{
    T = tp_tape_new();
    calls = 0;
}
static void teardown(void) { tp_tape_free(T); }

static tp_tensor *owned(double value)
{
    return tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(3), value)), true);
}

/* ---- modules ---------------------------------------------------------------------------------------------------- */

enum { ROOT, MIDDLE, INNER, MODULES }; /* each within the one before it */
static tp_module *tree[MODULES];
static int victim; /* of these */
static int frees;  /* how often a module's own free has run */

static void free_victim(void)
{
    if (calls++ == 0)
        tp_module_free(tree[victim]);
}

static int free_in_repr(const tp_module *self, char *buffer, size_t n)
{
    if (self == tree[INNER])
        free_victim();
    return snprintf(buffer, n, "extra");
}
static tp_tensor *free_in_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    for (int i = ROOT; i < INNER; i++)
        if (self == tree[i])
            x = tp_forward(tape, tree[i + 1], x);
    if (self == tree[INNER])
        free_victim();
    return tp_square(tape, x);
}
static void free_in_free(tp_module *self)
{
    frees++;
    tp_module_free(self);
}
static tp_status free_in_visit(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)is_param, (void)user;
    if (strstr(name, "inner"))
        free_victim();
    ck_assert_int_eq(tp_numel(x), 3);
    return TP_OK;
}

static void make_tree(void)
{
    static const tp_module_class type = {.name = "Node",
                                         .size = sizeof(tp_module) + 1,
                                         .forward = free_in_forward,
                                         .extra_repr = free_in_repr,
                                         .free = free_in_free};
    const char *names[] = {"root", "middle", "inner"};
    for (int i = 0; i < MODULES; i++) {
        tree[i] = tp_module_new(T, &type);
        tp_module_add_param(T, tree[i], "weight", owned(1));
        tp_module_add_param(T, tree[i], "bias", owned(2));
        if (i > 0)
            tp_module_add(T, tree[i - 1], names[i], tree[i]);
    }
    calls = frees = 0;
}

/* 0: a visitor, 1: extra_repr, 2: forward. The tree is gone afterwards, but for what was not the victim's. */
START_TEST(module_freed_by_its_function)
{
    char text[1000];
    for (int from = ROOT; from < MODULES; from++)
        for (victim = ROOT; victim < MODULES; victim++) {
            make_tree();
            tp_tensor *x = tp_ones(T, TP_F64, tp_shape(2));
            if (_i == 0)
                tp_module_visit(tree[from], free_in_visit, NULL);
            else if (_i == 1)
                tp_module_format(tree[from], text, sizeof text);
            else
                tp_forward(T, tree[from], x);
            if (_i == 0 && from == INNER) { /* where no name has "inner" */
                ck_assert_int_eq(calls, 0);
                tp_module_free(tree[ROOT]);
            } else {
                ck_assert_int_ge(calls, 1);
                ck_assert_int_eq(frees, MODULES - victim);
                if (victim > ROOT)
                    tp_module_free(tree[ROOT]);
            }
            ck_assert_int_eq(frees, MODULES);
            ck_no_error(T);
        }
}
END_TEST

static tp_status jump_in_visit(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)x, (void)is_param, (void)user;
    longjmp(outside, 1);
}

/* A visit that was left is no reason not to free the module. */
START_TEST(visit_left_by_a_jump)
{
    make_tree();
    for (volatile int k = 0; k < 3; k++) {
        if (setjmp(outside) == 0)
            tp_module_visit(tree[ROOT], jump_in_visit, NULL);
    }
    tp_module_free(tree[ROOT]);
    ck_assert_int_eq(frees, MODULES);
    long long live = alloc_live();
    make_tree();
    for (volatile int k = 0; k < 3; k++) { /* each time from the same place */
        if (setjmp(outside) == 0)
            tp_module_visit(tree[ROOT], jump_in_visit, NULL);
    }
    tp_module_free(tree[ROOT]);
    ck_assert_int_eq(alloc_live(), live);
}
END_TEST

/* ---- optimizers ------------------------------------------------------------------------------------------------- */

typedef enum { FREE_OPTIMIZER, FREE_PARAMETERS, FREE_TAPE, STEP_AGAIN, JUMP, DEEDS } deed;
typedef struct {
    tp_optim *optimizer;
    tp_params *params;
    tp_tensor *x;
    deed to_do;
    int when; /* in which call */
} scene;

static double closure(tp_tape *tape, void *user)
{
    scene *s = user;
    tp_tape_reset(tape);
    tp_optim_zero_grad(s->optimizer);
    tp_tensor *loss = tp_sum(tape, tp_square(tape, s->x));
    tp_backward(tape, loss);
    double value = tp_item(loss);
    if (calls++ < s->when)
        return value;
    if (s->to_do == FREE_OPTIMIZER)
        tp_optim_free(s->optimizer);
    else if (s->to_do == FREE_PARAMETERS)
        tp_params_free(s->params);
    else if (s->to_do == FREE_TAPE)
        tp_tape_free(tape);
    else if (s->to_do == STEP_AGAIN)
        tp_optim_step_closure(tape, s->optimizer, closure, s);
    else
        longjmp(outside, 1);
    return value;
}

static const char *const told[DEEDS] = {
    [FREE_OPTIMIZER] = "optim_step_closure: the closure has freed the optimizer",
    [FREE_PARAMETERS] = "optim_step_closure: the parameters of ",
    [FREE_TAPE] = "tape_free: in the middle",
    [STEP_AGAIN] = "optim_step_closure: within the closure of the same optimizer's step"};

static void play(bool lbfgs, deed to_do, int when)
{
    scene s = {.x = owned(1), .to_do = to_do, .when = when};
    s.params = tp_params_of(T, 1, &s.x);
    s.optimizer = lbfgs ? tp_optim_lbfgs(T, s.params, &(tp_lbfgs_options){.line_search = TP_STRONG_WOLFE})
                        : tp_optim_adam(T, s.params, NULL);
    calls = 0;
    if (setjmp(outside) == 0) {
        ck_assert(isnan(tp_optim_step_closure(T, s.optimizer, closure, &s)));
        ck_assert_int_eq(calls, when + 1);
        ck_error(T, TP_EINVAL, told[to_do]);
    } else { /* it can be stepped again */
        s.when = 1000;
        calls = 0;
        ck_assert(tp_optim_step_closure(T, s.optimizer, closure, &s) >= 0);
        ck_no_error(T);
    }
    if (to_do != FREE_OPTIMIZER)
        tp_optim_free(s.optimizer);
    if (to_do != FREE_PARAMETERS)
        tp_params_free(s.params);
    tp_free(s.x);
    ck_no_error(T);
}

START_TEST(closure_that_frees)
{
    play(false, (deed)_i, 0);
    play(true, (deed)_i, 0);
    play(true, (deed)_i, 1);
    long long live = alloc_live();
    tp_tape *outer = T;
    T = tp_tape_new();
    scene s = {.x = owned(1), .to_do = (deed)_i, .when = 1};
    s.params = tp_params_of(T, 1, &s.x);
    s.optimizer = tp_optim_lbfgs(T, s.params, NULL);
    calls = 0;
    if (setjmp(outside) == 0)
        tp_optim_step_closure(T, s.optimizer, closure, &s);
    if (_i != FREE_OPTIMIZER)
        tp_optim_free(s.optimizer);
    if (_i != FREE_PARAMETERS)
        tp_params_free(s.params);
    tp_free(s.x);
    tp_tape_free(T);
    T = outer;
    ck_assert_int_eq(alloc_live(), live);
}
END_TEST

/* One of two parameters goes in the n-th call, or between two steps. The loss is the sum of the squares of what is there. */
static tp_tensor *pair_of[2];
static int goes_at;
static double closure_of_two(tp_tape *tape, void *user)
{
    tp_tensor *loss = tp_scalar(tape, TP_F64, 0);
    tp_optim_zero_grad(*(tp_optim **)user);
    for (int i = 0; i < 2; i++)
        if (pair_of[i])
            loss = tp_add(tape, loss, tp_sum(tape, tp_square(tape, tp_sub_scalar(tape, pair_of[i], 3 + i))));
    tp_backward(tape, loss);
    double value = tp_item(loss);
    if (calls++ == goes_at) {
        tp_free(pair_of[0]);
        pair_of[0] = NULL;
    }
    return value;
}

START_TEST(closure_that_frees_a_parameter)
{
    for (int search = 0; search < 2; search++)
        for (goes_at = 0; goes_at < 4; goes_at++) {
            for (int i = 0; i < 2; i++)
                pair_of[i] = owned(1 + i);
            tp_params *p = tp_params_of(T, 2, pair_of);
            tp_optim *o = tp_optim_lbfgs(
                T, p, &(tp_lbfgs_options){.lr = 0.1, .max_iter = 3, .line_search = search ? TP_STRONG_WOLFE : 0});
            bool between = goes_at == 3;
            calls = between ? 10 : 0;
            tp_optim_step_closure(T, o, closure_of_two, &o);
            if (between) {
                tp_free(pair_of[0]);
                pair_of[0] = NULL;
            } else if (pair_of[0] == NULL)
                ck_error(T, TP_EINVAL, "optim_step_closure: the closure has freed a parameter");
            for (int k = 0; k < 40; k++) /* and goes on with the other */
                tp_optim_step_closure(T, o, closure_of_two, &o);
            ck_no_error(T);
            ck_assert_double_eq_tol(tp_item_at(pair_of[1], 1), 4, 1e-3);
            tp_optim_free(o);
            tp_params_free(p);
            for (int i = 0; i < 2; i++)
                tp_free(pair_of[i]);
        }
}
END_TEST

/* ---- elements, checkpoints ----------------------------------------------------------------------------------------- */

static tp_tensor *mine, *other;

static double free_both(double x, void *user)
{
    (void)user;
    if (calls++ == 0) {
        tp_free(mine);
        tp_free(other);
    }
    return x + 1;
}
static double free_both_of(double x, double y, void *user) { return free_both(x, user) + y; }

START_TEST(freed_by_its_elements)
{
    mine = tp_keep(tp_ones(T, TP_F64, tp_shape(3)));
    other = NULL;
    ck_assert_int_eq(tp_apply_(T, mine, free_both, NULL), TP_OK);
    calls = 0;
    mine = tp_keep(tp_ones(T, TP_F64, tp_shape(3)));
    other = tp_keep(tp_ones(T, TP_F64, tp_shape(3)));
    ck_assert_int_eq(tp_map_(T, mine, other, free_both_of, NULL), TP_OK);
    ck_assert_int_eq(calls, 3);
    ck_no_error(T);
}
END_TEST

static int jump_at;
static tp_status step_with(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    tp_tensor *w = user;
    (void)n;
    if (step == jump_at)
        longjmp(outside, 1);
    next[0] = tp_mul(tape, state[0], w);
    return TP_OK;
}

/* A step that is not the first is left: what the ones before it used is not held for ever. */
START_TEST(checkpoint_left_by_a_jump)
{
    for (volatile int again = 0; again < 2; again++) {
        tp_tape *volatile outer = T;
        long long live = alloc_live();
        T = tp_tape_new();
        tp_tensor *volatile w = owned(2), *volatile x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true);
        tp_tensor *y = NULL, *in = x;
        volatile double slope = 32;
        jump_at = 3;
        for (volatile int k = 0; k < 3; k++) { /* each time from the same place */
            in = x;
            if (setjmp(outside) == 0)
                tp_checkpoint_steps(T, step_with, w, 5, 2, 1, &in, &y);
        }
        if (again) { /* the next checkpoint goes on from there */
            jump_at = -1;
            in = x;
            tp_checkpoint_steps(T, step_with, w, 5, 2, 1, &in, &y);
            tp_backward(T, tp_sum(T, y));
            slope = tp_item_at(tp_grad(x), 1);
        }
        tp_free(w);
        tp_tape_free(T);
        T = outer;
        ck_assert_int_eq(alloc_live(), live);
        ck_assert_double_eq(slope, 32);
    }
}
END_TEST

/* ---- depth ------------------------------------------------------------------------------------------------------- */

enum { DEEP = 100000 };

/* Runs f on a stack that is far deeper than the caller's; what lay there before is not written over. */
static __attribute__((noinline)) void deep_down(void (*f)(void))
{
    volatile char room[DEEP];
    room[0] = 1;
    f();
    room[DEEP - 1] = room[0];
}

static tp_status jumping(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)tape, (void)user, (void)n_in, (void)in, (void)n_out, (void)out;
    longjmp(outside, 1);
}
static tp_tensor *jumping_hook(tp_tape *tape, tp_tensor *grad, void *user)
{
    (void)tape, (void)grad, (void)user;
    longjmp(outside, 1);
}
static void leave_checkpoint(void)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true), *y;
    tp_checkpoint(T, jumping, NULL, 1, &x, 1, &y);
}
static void leave_jacobian(void)
{
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(3)), *j;
    tp_jacobian(T, jumping, NULL, 1, &x, 1, &j, NULL);
}
static void leave_backward(void)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true), *y = tp_square(T, x);
    tp_register_hook(T, y, jumping_hook, NULL);
    tp_backward(T, tp_sum(T, y));
}
static void reset_it(void) { ck_assert_int_eq(tp_tape_reset(T), TP_OK); }
static void refused_reset(void)
{
    ck_assert_int_eq(tp_tape_reset(T), TP_EINVAL);
    ck_error(T, TP_EINVAL, "tape_reset: in the middle");
}

static void (*const ways_out[])(void) = {leave_checkpoint, leave_jacobian, leave_backward};

START_TEST(reset_from_far_deeper)
{
    for (volatile int round = 0; round < 2; round++) {
        if (setjmp(outside) == 0)
            ways_out[_i]();
        deep_down(reset_it);
        tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true);
        tp_backward(T, tp_sum(T, tp_square(T, x)));
        ck_no_error(T);
        ck_values(tp_grad(x), 0, 2, 2, 2);
    }
}
END_TEST

static tp_status refusing(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user, (void)n_in, (void)n_out;
    calls++;
    refused_reset();
    deep_down(refused_reset);
    out[0] = tp_sum(tape, tp_square(tape, in[0]));
    return TP_OK;
}

/* What runs is found from any depth, and within other functions that run. */
START_TEST(refused_from_far_deeper)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true), *y = NULL, *j;
    tp_jacobian(T, refusing, NULL, 1, &x, 1, &j, NULL);
    tp_checkpoint(T, refusing, NULL, 1, &x, 1, &y);
    tp_backward(T, y);
    ck_no_error(T);
    ck_assert_int_eq(calls, 3);
    ck_values(tp_grad(x), 0, 2, 2, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("callback");
    TCase *t = tcase_create("callback");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, module_freed_by_its_function, 0, 3);
    tcase_add_test(t, visit_left_by_a_jump);
    tcase_add_loop_test(t, closure_that_frees, 0, DEEDS);
    tcase_add_test(t, closure_that_frees_a_parameter);
    tcase_add_test(t, freed_by_its_elements);
    tcase_add_test(t, checkpoint_left_by_a_jump);
    tcase_add_loop_test(t, reset_from_far_deeper, 0, 3);
    tcase_add_test(t, refused_from_far_deeper);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
