/* test_module_summary.c - the table of a module's layers: shapes, numbers and sums; nothing is changed by looking. */
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 13);
}
static void teardown(void) { tp_tape_free(T); }

static char text[4000];
static void ck_summary(tp_module *m, int n, tp_tensor *const *in, const char *wanted)
{
    char cut[20];
    ck_assert_int_eq(tp_module_summary(T, m, n, in, text, sizeof text), (int64_t)strlen(wanted));
    ck_no_error(T);
    ck_assert_str_eq(text, wanted);
    ck_assert_int_eq(tp_module_summary(T, m, n, in, cut, sizeof cut), (int64_t)strlen(wanted));
    ck_assert(strncmp(cut, wanted, 19) == 0 && cut[19] == '\0');
}

START_TEST(network)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 784, 256, NULL), tp_nn_relu(T), tp_nn_dropout(T, 0.5),
                                    tp_nn_linear(T, 256, 10, NULL));
    tp_module_requires_grad(tp_module_child(m, "3"), false);
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(64, 784));
    ck_summary(m, 1, &x,
               "Layer              Output shape  Parameters      Bytes  Multiply-adds\n"
               "---------------------------------------------------------------------\n"
               "Sequential         [64, 10]               -          -              -\n"
               "  (0): Linear      [64, 256]        200,960    803,840     12,845,056\n"
               "  (1): ReLU        [64, 256]              -          -              -\n"
               "  (2): Dropout     [64, 256]              -          -              -\n"
               "  (3): Linear      [64, 10]           2,570     10,280        163,840\n"
               "---------------------------------------------------------------------\n"
               "Total                               203,530    814,120     13,008,896\n"
               "Trainable                           200,960\n"
               "Not trainable                         2,570\n"
               "Input                                          200,704\n"
               "Outputs of layers                              199,168\n"
               "All together                                 1,213,992\n");
    tp_module_free(m);
}
END_TEST

/* Modules within modules, one called twice, one not at all, tied parameters, several inputs and outputs, products of a
 * module's own. */
typedef struct {
    tp_module base;
    tp_module *inner;
    tp_tensor *w;
} own;
static tp_status own_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    own *m = (own *)self;
    (void)n_in, (void)n_out;
    ck_assert(!self->training && !tp_tape_is_recording(tape));
    out[0] = tp_forward(tape, m->inner, tp_forward(tape, m->inner, in[0]));
    out[1] = tp_matmul(tape, in[1], m->w);
    return TP_OK;
}
static const tp_module_class own_class = {
    .name = "Own", .size = sizeof(own), .forward_n = own_forward, .n_in = 2, .n_out = 2};

START_TEST(of_ones_own)
{
    own *m = (own *)tp_module_new(T, &own_class);
    m->inner = tp_module_add(T, &m->base, "inner", tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL)));
    m->w = tp_module_add_param(T, &m->base, "w", tp_module_param(m->inner, "0.weight"));
    tp_module_add(T, &m->base, "idle", tp_nn_linear(T, 3, 5, NULL));
    tp_module_add_buffer(T, &m->base, "seen", tp_keep(tp_zeros(T, TP_I64, tp_shape(2))));
    tp_tensor *in[] = {tp_zeros(T, TP_F32, tp_shape(2, 3)), tp_zeros(T, TP_F32, tp_shape(4, 3))};
    ck_summary(&m->base, 2, in,
               "Layer                  Output shape    Parameters  Bytes  Multiply-adds\n"
               "-----------------------------------------------------------------------\n"
               "Own                    [2, 3], [4, 3]           9     52             36\n"
               "  (inner): Sequential  [2, 3]                   -      -              -\n"
               "    (0): Linear        [2, 3]                   3     12             36\n"
               "  (idle): Linear       -                       20     80              -\n"
               "-----------------------------------------------------------------------\n"
               "Total                                          32    144             72\n"
               "Trainable                                      32\n"
               "Not trainable                                   0\n"
               "Input                                                 72\n"
               "Outputs of layers                                     48\n"
               "All together                                         264\n");
    tp_module_free(&m->base);
}
END_TEST

/* Convolutions count as people count them: out [1, 4, 3, 3], each element a sum of 2 x 2 x 2. */
START_TEST(convolutions)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_conv2d(T, 2, 4, tp_shape(2, 2), NULL));
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 2, 4, 4));
    ck_assert_int_gt(tp_module_summary(T, m, 1, &x, text, sizeof text), 0);
    ck_assert(strstr(text, "(0): Conv2d") && strstr(text, "[1, 4, 3, 3]") && strstr(text, " 288\n"));
    tp_module_free(m);
}
END_TEST

/* Modes, generator, gradients, hooks and memory are as they were. */
static int calls;
static tp_status count(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)user;
    calls++;
    return TP_OK;
}
START_TEST(nothing_changes)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_dropout(T, 0.5), tp_nn_sequential(T, tp_nn_dropout(T, 0.5)));
    tp_module_eval(tp_module_child(m, "1"));
    tp_module_register_forward_pre_hook(T, m, count, NULL);
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(100)), true), *state = tp_get_rng_state(T);
    tp_module_summary(T, m, 1, &x, text, sizeof text); /* the first one makes what stays with the tape */
    int64_t bytes = tp_tape_memory(T).bytes_in_use;
    long long live = alloc_live();
    tp_module_summary(T, m, 1, &x, text, sizeof text);
    long long now = alloc_live();
    ck_assert_int_eq(now, live);
    ck_assert_int_eq(tp_tape_memory(T).bytes_in_use, bytes);
    ck_assert(m->training && tp_module_child(m, "0")->training && !tp_module_child(m, "1")->training);
    ck_assert(tensors_identical(state, tp_get_rng_state(T)) && tp_tape_is_recording(T));
    ck_assert_int_eq(calls, 2);
    tp_forward(T, m, x);
    ck_assert_int_eq(calls, 3);
    ck_no_error(T);
    tp_module_free(m);
}
END_TEST

static tp_module *top;
static jmp_buf outside;
static int deed;
static tp_tensor *bad_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    if (deed == 1)
        longjmp(outside, 1);
    if (deed == 2)
        tp_module_free(top);
    if (deed == 3)
        tp_tape_reset(tape);
    return x;
}
static const tp_module_class bad_class = {.name = "Bad", .size = sizeof(tp_module), .forward = bad_forward};

START_TEST(failures)
{
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(2, 5));
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL));
    ck_assert_int_eq(tp_module_summary(T, m, 1, &x, text, sizeof text), -1);
    ck_error(T, TP_ESHAPE, "linear: ");
    ck_assert_int_eq(tp_module_summary(T, m, 2, (tp_tensor *[]){x, x}, text, sizeof text), -1);
    ck_error(T, TP_EINVAL, "called with 2 inputs");
    ck_assert_int_eq(tp_module_summary(T, NULL, 1, &x, text, sizeof text), -1);
    ck_error(T, TP_EINVAL, "module_summary: the module is NULL");
    ck_assert_int_eq(tp_module_summary(T, m, 1, NULL, text, sizeof text), -1);
    ck_error(T, TP_EINVAL, "module_summary: the list of inputs is NULL");
    ck_assert(m->training && tp_module_child(m, "0")->training);
    tp_module_free(m);
    for (volatile int k = 1; k < 4; k++) {
        tp_tape_reset(T);
        top = tp_nn_sequential(T, tp_nn_tanh(T), tp_module_new(T, &bad_class));
        x = tp_zeros(T, TP_F32, tp_shape(2, 5));
        deed = k;
        if (setjmp(outside) == 0)
            tp_module_summary(T, top, 1, &x, text, sizeof text);
        tp_tape_reset(T);
        tp_clear_error(T);
        deed = 0;
        x = tp_zeros(T, TP_F32, tp_shape(2, 5));
        if (k != 2) { /* it can be called again, and looked at */
            ck_assert_ptr_nonnull(tp_forward(T, top, x));
            ck_assert_int_gt(tp_module_summary(T, top, 1, &x, text, sizeof text), 0);
            tp_module_free(top);
        }
        ck_no_error(T);
        ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
    }
}
END_TEST

START_TEST(failing_memory)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL), tp_nn_tanh(T));
    tp_tensor *x = tp_keep(tp_zeros(T, TP_F32, tp_shape(2, 3)));
    bool whole = false;
    for (long k = 1; k < 100 && !whole; k++) {
        tp_tape *tape = tp_tape_new();
        alloc_fail_from(k);
        int64_t length = tp_module_summary(tape, m, 1, &x, text, sizeof text);
        alloc_fail_from(0);
        whole = length > 0;
        ck_assert_int_eq(tp_error_status(tape), whole ? TP_OK : TP_ENOMEM);
        ck_assert(m->training && tp_module_child(m, "1")->training);
        tp_tape_free(tape);
    }
    ck_assert(whole);
    tp_free(x);
    tp_module_free(m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_summary");
    TCase *t = tcase_create("module_summary");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, network);
    tcase_add_test(t, of_ones_own);
    tcase_add_test(t, convolutions);
    tcase_add_test(t, nothing_changes);
    tcase_add_test(t, failures);
    tcase_add_test(t, failing_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
