/* test_forward.c - modules of one and of several inputs and outputs, scopes by hand, first values of parameters, parameters
 * that come too late. */
#include "support/alloc.h"
#include "support/support.h"

#include <limits.h>
#include <pthread.h>
#include <setjmp.h>

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
}
static void teardown(void)
{
    char wrong[200];
    ck_assert_msg(tp_tape_check(T, wrong, sizeof wrong) == TP_OK, "%s", wrong);
    tp_tape_free(T);
}

static tp_tensor *leaf(int64_t n) { return tp_requires_grad(tp_randn(T, TP_F64, tp_shape(n)), true); }

/* ---- a loss: two in, one out ------------------------------------------------------------------------------------------ */

typedef struct {
    tp_module base;
    int calls;
} loss;

static tp_status loss_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                              tp_tensor **out)
{
    ck_assert(n_in == 2 && n_out == 1 && out[0] == NULL);
    ((loss *)self)->calls++;
    out[0] = tp_mse_loss(tape, in[0], in[1], TP_MEAN);
    return tp_error_status(tape);
}
static const tp_module_class loss_class = {.name = "Loss", .size = sizeof(loss), .forward_n = loss_forward, .n_in = 2};

START_TEST(a_loss)
{
    tp_module *m = tp_module_new(T, &loss_class);
    tp_tensor *pair[] = {leaf(7), leaf(7)}, *y, *want = tp_mse_loss(T, pair[0], pair[1], TP_MEAN), *g[2], *h[2];
    ck_assert_int_eq(tp_forward_n(T, m, 2, pair, 1, &y), TP_OK);
    ck_assert(tensors_identical(y, want) && ((loss *)m)->calls == 1);
    tp_gradients(T, 1, &y, 2, pair, g, NULL);
    tp_gradients(T, 1, &want, 2, pair, h, NULL);
    ck_assert(tensors_identical(g[0], h[0]) && tensors_identical(g[1], h[1]));
    ck_no_error(T);
    tp_module_free(m);
}
END_TEST

START_TEST(counts)
{
    tp_module *m = tp_module_new(T, &loss_class);
    tp_tensor *in[3] = {leaf(2), leaf(2), leaf(2)}, *out[2] = {in[0], in[0]};
    ck_assert_ptr_null(tp_forward(T, m, in[0]));
    ck_error(T, TP_EINVAL, "Loss: called with 1 input and 1 output; it takes 2 and makes 1");
    ck_assert_int_eq(tp_forward_n(T, m, 3, in, 1, out), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Loss: called with 3 inputs");
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 2, out), TP_EINVAL);
    ck_assert(out[0] == NULL && out[1] == NULL);
    ck_error(T, TP_EINVAL, "and 2 outputs");
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 0, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "and 0 outputs");
    ck_assert_int_eq(tp_forward_n(T, m, -1, in, 1, out), TP_EINVAL);
    ck_error(T, TP_EINVAL, "with -1 inputs");
    ck_assert_int_eq(tp_forward_n(T, m, 2, NULL, 1, out), TP_EINVAL);
    ck_error(T, TP_EINVAL, "is NULL");
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 1, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "is NULL");
    in[1] = NULL;
    out[0] = in[0];
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 1, out), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Loss: input 1 is NULL");
    ck_assert_ptr_null(out[0]);
    ck_assert_int_eq(tp_forward_n(T, NULL, 2, in, 1, out), TP_EINVAL);
    ck_error(T, TP_EINVAL, "forward_n: the module is NULL");
    ck_assert_int_eq(((loss *)m)->calls, 0);
    tp_fail(T, TP_EUSER, "an earlier one");
    out[0] = in[0];
    ck_assert_int_eq(tp_forward_n(T, m, 3, NULL, 1, out), TP_EUSER);
    ck_assert_ptr_null(out[0]);
    ck_error(T, TP_EUSER, "an earlier one");
    tp_module_free(m);
}
END_TEST

/* ---- one in, one out, by whichever function there is -------------------------------------------------------------------- */

static tp_tensor *once(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    return tp_add_scalar(tape, x, 1);
}
static tp_status twice(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)self, (void)n_in, (void)n_out;
    out[0] = tp_add_scalar(tape, in[0], 2);
    return TP_OK;
}

START_TEST(either)
{
    const tp_module_class classes[] = {{.name = "One", .size = sizeof(tp_module), .forward = once},
                                       {.name = "Several", .size = sizeof(tp_module), .forward_n = twice},
                                       {.name = "Both", .size = sizeof(tp_module), .forward = once, .forward_n = twice},
                                       {.name = "None", .size = sizeof(tp_module)}};
    static const double by_forward[] = {1, 2, 1}, by_forward_n[] = {1, 2, 2};
    tp_tensor *zero = tp_zeros(T, TP_F64, tp_shape(1)), *y = zero;
    for (int i = 0; i < 3; i++) {
        tp_module *m = tp_module_new(T, &classes[i]);
        ck_assert_double_eq(tp_item(tp_forward(T, m, zero)), by_forward[i]);
        ck_assert_int_eq(tp_forward_n(T, m, 1, &zero, 1, &y), TP_OK);
        ck_assert_double_eq(tp_item(y), by_forward_n[i]);
        ck_assert_int_eq(tp_forward_n(T, m, 2, (tp_tensor *[]){zero, zero}, 1, &y), TP_EINVAL);
        ck_error(T, TP_EINVAL, "it takes 1 and makes 1");
        tp_module_free(m);
    }
    tp_module *m = tp_module_new(T, &classes[3]);
    ck_assert_ptr_null(tp_forward(T, m, zero));
    ck_error(T, TP_EINVAL, "None: its class has no forward");
    ck_assert_int_eq(tp_forward_n(T, m, 1, &zero, 1, &y), TP_EINVAL);
    ck_error(T, TP_EINVAL, "None: its class has no forward");
    tp_module_free(m);
    ck_assert_ptr_null(tp_module_new(T, &(tp_module_class){.size = sizeof(tp_module), .forward = once}));
    ck_error(T, TP_EINVAL, "has no name");
}
END_TEST

/* ---- states: optional inputs, as many outputs as are asked for ------------------------------------------------------------ */

/* (x, h) -> (x + h, 2 h), h being ones where there is none; much is made on the way */
static tp_status cell_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                              tp_tensor **out)
{
    (void)self;
    tp_tensor *h = n_in > 1 && in[1] ? in[1] : tp_ones_like(tape, in[0]), *waste = in[0];
    for (int i = 0; i < 20; i++)
        waste = tp_add_scalar(tape, waste, 1);
    out[0] = tp_add(tape, in[0], h);
    if (n_out > 1)
        out[1] = tp_mul_scalar(tape, h, 2);
    return TP_OK;
}
static const tp_module_class cell_class = {
    .name = "Cell", .size = sizeof(tp_module), .forward_n = cell_forward, .max_in = 2, .max_out = 2};

START_TEST(states)
{
    tp_module *m = tp_module_new(T, &cell_class);
    tp_tensor *x = tp_full(T, TP_F64, tp_shape(1), 10), *state[] = {x, NULL}, *y;
    ck_assert_double_eq(tp_item(tp_forward(T, m, x)), 11);
    ck_assert_int_eq(tp_forward_n(T, m, 2, state, 1, &y), TP_OK);
    ck_assert_double_eq(tp_item(y), 11);
    for (int step = 0; step < 3; step++) /* the outputs are the next inputs */
        ck_assert_int_eq(tp_forward_n(T, m, 2, state, 2, state), TP_OK);
    ck_assert_double_eq(tp_item(state[0]), 10 + 1 + 2 + 4);
    ck_assert_double_eq(tp_item(state[1]), 8);
    ck_assert_int_eq(tp_forward_n(T, m, 3, (tp_tensor *[]){x, x, x}, 1, &y), TP_EINVAL);
    ck_error(T, TP_EINVAL, "it takes 1 to 2 and makes 1 to 2");
    tp_module_free(m);
}
END_TEST

START_TEST(scope_of_several)
{
    enum { N = 10000 };
    tp_module *m = tp_module_new(T, &cell_class);
    tp_tensor *in[] = {tp_ones(T, TP_F32, tp_shape(N)), tp_ones(T, TP_F32, tp_shape(N))}, *out[2];
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_forward_n(T, m, 2, in, 2, out);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use - before, 3 * N * (int64_t)sizeof(float));
    ck_assert_double_eq(tp_item_at(out[0], N - 1), 2);
    ck_assert_double_eq(tp_item_at(out[1], N - 1), 2);
    tp_module_free(m);
}
END_TEST

/* Any number: the sum, and more than lie on the stack. */
static tp_status sum_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)self, (void)n_out;
    out[0] = tp_add_n(tape, n_in, in);
    return TP_OK;
}
static const tp_module_class sum_class = {
    .name = "Sum", .size = sizeof(tp_module), .forward_n = sum_forward, .max_in = INT_MAX};

START_TEST(any_number)
{
    tp_module *m = tp_module_new(T, &sum_class);
    tp_tensor *in[30], *y;
    for (int i = 0; i < 30; i++)
        in[i] = tp_full(T, TP_F64, tp_shape(2), i);
    ck_assert_int_eq(tp_forward_n(T, m, 30, in, 1, in), TP_OK);
    ck_values(in[0], 0, 435, 435);
    ck_assert_int_eq(tp_forward_n(T, m, 0, NULL, 1, &y), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Sum: called with 0 inputs and 1 output; it takes at least 1 and makes 1");
    tp_module_free(m);
}
END_TEST

/* ---- what goes wrong in them ------------------------------------------------------------------------------------------------ */

static tp_module *victim;
typedef enum { NOTHING, A_STATUS, A_MESSAGE, FREES_ITSELF, RESETS } fault;

static tp_status faulty_forward(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                tp_tensor **out)
{
    (void)self, (void)n_out;
    out[0] = tp_square(tape, in[0]);
    switch ((fault)(int)tp_item(in[n_in - 1])) {
    case NOTHING:
        return TP_OK;
    case A_STATUS:
        return TP_EUSER;
    case A_MESSAGE:
        return tp_fail(tape, TP_ENUMERIC, "the sky has fallen");
    case FREES_ITSELF:
        tp_module_free(victim);
        out[1] = out[0];
        return TP_OK;
    case RESETS:
        return tp_tape_reset(tape);
    }
    return TP_OK;
}
static const tp_module_class faulty_class = {
    .name = "Faulty", .size = sizeof(tp_module), .forward_n = faulty_forward, .n_in = 1, .n_out = 2};

static tp_tensor *gives_nothing(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)tape, (void)self, (void)x;
    return NULL;
}

START_TEST(faults)
{
    static const struct {
        fault of;
        tp_status status;
        const char *text;
    } all[] = {{NOTHING, TP_EINVAL, "Faulty: output 1 is NULL"},
               {A_STATUS, TP_EUSER, "Faulty: its forward returned TP_EUSER"},
               {A_MESSAGE, TP_ENUMERIC, "the sky has fallen"},
               {RESETS, TP_EINVAL, "tape_reset: in the middle"}};
    victim = tp_module_new(T, &faulty_class);
    tp_tensor *out[2];
    for (size_t i = 0; i < LENGTH(all); i++) {
        tp_tensor *x = tp_full(T, TP_F64, tp_shape(1), all[i].of);
        out[0] = out[1] = x;
        ck_assert_int_eq(tp_forward_n(T, victim, 1, &x, 2, out), all[i].status);
        ck_assert(out[0] == NULL && out[1] == NULL);
        ck_error(T, all[i].status, all[i].text);
    }
    tp_tensor *x = tp_full(T, TP_F64, tp_shape(1), FREES_ITSELF);
    ck_assert_int_eq(tp_forward_n(T, victim, 1, &x, 2, out), TP_OK);
    ck_assert_double_eq(tp_item(out[1]), 9);
    tp_module *silent = tp_module_new(
        T, &(tp_module_class){.name = "Silent", .size = sizeof(tp_module), .forward = gives_nothing});
    ck_assert_ptr_null(tp_forward(T, silent, x));
    ck_error(T, TP_EINVAL, "Silent: the result of its forward is NULL");
    tp_module_free(silent);
}
END_TEST

static jmp_buf outside;
static tp_status jumps(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)self, (void)n_out;
    out[0] = tp_add_n(tape, n_in, in);
    if (n_in == 2)
        longjmp(outside, 1);
    return TP_OK;
}
static const tp_module_class jumping_class = {
    .name = "Jumping", .size = sizeof(tp_module), .forward_n = jumps, .max_in = 3};

START_TEST(left_by_a_jump)
{
    tp_module *m = tp_module_new(T, &jumping_class);
    tp_tensor *in[3], *y;
    for (volatile int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            in[i] = tp_ones(T, TP_F64, tp_shape(2));
        if (setjmp(outside) == 0)
            tp_forward_n(T, m, 2, in, 1, &y);
        ck_assert_int_eq(tp_forward_n(T, m, 3, in, 1, &y), TP_OK); /* it goes on from there */
        ck_values(y, 0, 3, 3);
        ck_assert_int_eq(tp_tape_reset(T), TP_OK);
    }
    tp_module_free(m);
}
END_TEST

/* Threads with a tape each call the same modules: none finds the others' calls, and it may be freed when all are back. */
typedef struct {
    tp_module *net;
    double sum;
} task;

static void *call_often(void *user)
{
    task *t = user;
    tp_tape *tape = tp_tape_new();
    for (int i = 0; i < 500; i++) {
        t->sum += tp_item(tp_sum(tape, tp_forward(tape, t->net, tp_ones(tape, TP_F32, tp_shape(1, 3)))));
        tp_tape_reset(tape);
    }
    if (tp_error(tape))
        t->sum = NAN;
    tp_tape_free(tape);
    return NULL;
}

START_TEST(called_by_threads)
{
    enum { THREADS = 4 };
    pthread_t thread[THREADS];
    task t[THREADS + 1];
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 3, 2, NULL), tp_nn_tanh(T), tp_module_new(T, &cell_class));
    for (int i = 0; i < THREADS; i++) {
        t[i] = (task){net, 0};
        ck_assert_int_eq(pthread_create(&thread[i], NULL, call_often, &t[i]), 0);
    }
    t[THREADS] = (task){net, 0};
    call_often(&t[THREADS]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        ck_assert(t[i].sum == t[THREADS].sum && t[i].sum != 0);
    }
    tp_module_free(net);
}
END_TEST

/* ---- chains --------------------------------------------------------------------------------------------------------------------- */

START_TEST(chains)
{
    ck_assert_ptr_null(tp_nn_sequential(T, tp_nn_relu(T), tp_nn_bilinear(T, 2, 2, 2, NULL), tp_nn_relu(T)));
    ck_error(T, TP_EINVAL, "nn_sequential: module 1, Bilinear, takes 2 and makes 1; a chain hands on one tensor");
    ck_assert_ptr_null(tp_nn_sequential(T, tp_module_new(T, &faulty_class)));
    ck_error(T, TP_EINVAL, "module 0, Faulty, takes 1 and makes 2");
    ck_assert_ptr_null(
        tp_nn_sequential(T, tp_module_new(T, &(tp_module_class){.name = "None", .size = sizeof(tp_module)})));
    ck_error(T, TP_EINVAL, "module 0, None, has no forward");
    tp_module *m = tp_nn_sequential(T, tp_module_new(T, &cell_class), tp_module_new(T, &sum_class), tp_nn_relu(T));
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(1));
    ck_assert_double_eq(tp_item(tp_forward(T, m, x)), 2);
    tp_module_add(T, m, "late", tp_nn_bilinear(T, 1, 1, 1, NULL));
    ck_assert_ptr_null(tp_forward(T, m, x));
    ck_error(T, TP_EINVAL, "Sequential: module late, Bilinear, takes 2");
    tp_module_free(m);
}
END_TEST

/* ---- the bilinear layer ----------------------------------------------------------------------------------------------------------- */

START_TEST(bilinear_layer)
{
    char text[100];
    tp_linear_options o = {.dtype = TP_F64};
    tp_module *m = tp_nn_bilinear(T, 2, 3, 4, &o);
    tp_tensor *in[] = {tp_randn(T, TP_F64, tp_shape(5, 2)), tp_randn(T, TP_F64, tp_shape(5, 3))}, *y;
    tp_tensor *w = tp_module_param(m, "weight"), *list[] = {in[0], w, in[1]};
    ck_assert(tp_module_format(m, text, sizeof text) < (int64_t)sizeof text);
    ck_assert_str_eq(text, "Bilinear(in1_features=2, in2_features=3, out_features=4, bias=True)");
    ck_assert(tp_item(tp_max(T, tp_abs(T, w))) <= 1 / sqrt(2.0) && tp_item(tp_max(T, w)) > 0);
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 1, &y), TP_OK);
    tp_tensor *want = tp_add(T, tp_einsum(T, "bi,oij,bj->bo", 3, list), tp_module_param(m, "bias"));
    ck_assert(tensors_close(y, want, 1e-12, 1e-14));
    ck_assert_int_eq(tp_params_count(tp_module_params(m)), 2 * 3 * 4 + 4);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(tp_module_param(m, "bias")), 0, 5, 5, 5, 5);
    ck_assert_ptr_null(tp_forward(T, m, in[0]));
    ck_error(T, TP_EINVAL, "Bilinear: called with 1 input and 1 output; it takes 2 and makes 1");
    in[1] = in[0];
    ck_assert_int_eq(tp_forward_n(T, m, 2, in, 1, &y), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "bilinear");
    tp_module_free(m);
    ck_assert_ptr_null(tp_nn_bilinear(T, 2, -3, 4, NULL));
    ck_error(T, TP_ESHAPE, "nn_bilinear: a parameter of [4, 2, -3]; sizes that are not negative");
    m = tp_nn_bilinear(T, 0, 3, 4, &o); /* nothing to draw */
    ck_values(tp_module_param(m, "bias"), 0, 0, 0, 0, 0);
    tp_module_free(m);
}
END_TEST

START_TEST(memory_fails)
{
    for (long n = 1;; n++) {
        long long live = alloc_live();
        tp_tape *outer = T;
        alloc_fail_from(n);
        T = tp_tape_new();
        tp_module *m = tp_nn_bilinear(T, 3, 3, 2, NULL), *sum = tp_module_new(T, &sum_class);
        tp_tensor *in[3000], *y;
        for (int i = 0; i < 3000; i++)
            in[i] = i < 2 ? tp_ones(T, TP_F32, tp_shape(4, 3)) : in[0];
        tp_forward_n(T, sum, 3000, in, 1, in);
        tp_forward_n(T, m, 2, in, 1, &y);
        tp_backward(T, tp_sum(T, y));
        bool reached = alloc_requests() >= n;
        alloc_fail_from(0);
        tp_status status = T ? tp_error_status(T) : TP_ENOMEM;
        tp_module_free(m);
        tp_module_free(sum);
        tp_tape_free(T);
        T = outer;
        live -= alloc_live(); /* before Check allocates for itself */
        ck_assert_msg(live == 0, "allocation %ld failed, and %lld blocks leak", n, -live);
        ck_assert_msg(status == (reached ? TP_ENOMEM : TP_OK), "allocation %ld: %s", n, tp_status_name(status));
        if (!reached)
            break;
    }
}
END_TEST

/* ---- parameters that come too late ---------------------------------------------------------------------------------------------------- */

static tp_tensor *one(void) { return tp_keep(tp_ones(T, TP_F32, tp_shape(2))); }

START_TEST(too_late)
{
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 2, 2, NULL), tp_nn_sequential(T, tp_nn_relu(T)));
    tp_module *child = tp_module_child(net, "1");
    tp_params *set = tp_module_params(net);
    ck_assert_ptr_null(tp_module_add_param(T, child, "w", one()));
    ck_error(T, TP_EINVAL, "module_add_param: w comes after tp_module_params of Sequential");
    ck_assert_ptr_null(tp_module_add(T, child, "more", tp_nn_sequential(T, tp_nn_linear(T, 2, 2, NULL))));
    ck_error(T, TP_EINVAL, "module_add: more comes after");
    ck_assert_ptr_nonnull(tp_module_add(T, net, "act", tp_nn_tanh(T)));
    ck_assert_ptr_nonnull(tp_module_add_buffer(T, child, "seen", one()));
    ck_assert_ptr_nonnull(
        tp_module_add_param(T, child, "tied", tp_module_param(net, "0.weight"))); /* it is in the set */
    ck_no_error(T);
    ck_assert_ptr_eq(tp_module_params(net), set);
    ck_assert_int_eq(tp_params_length(set), 2);
    /* a set of the child's own is no obstacle, nor one beside */
    tp_module *whole = tp_nn_sequential(T, net), *beside = tp_nn_linear(T, 2, 2, NULL);
    ck_assert_ptr_nonnull(tp_module_add(T, whole, "beside", beside));
    ck_assert_int_eq(tp_params_length(tp_module_params(whole)), 4);
    ck_no_error(T);
    tp_module_free(whole);
}
END_TEST

START_TEST(no_set)
{
    ck_assert_ptr_null(tp_optim_sgd(T, tp_module_params(NULL), &(tp_sgd_options){.lr = 1}));
    ck_error(T, TP_EINVAL, "sgd: the parameter set is NULL; its module is, too");
    tp_module *m = tp_nn_relu(T);
    ck_assert_ptr_null(tp_optim_sgd(T, tp_module_params(m), &(tp_sgd_options){.lr = 1}));
    ck_error(T, TP_EINVAL, "sgd: the parameter set is empty");
    tp_module_free(m);
}
END_TEST

/* ---- scopes by hand ----------------------------------------------------------------------------------------------------------------------- */

enum { N = 10000 };

static int64_t in_use(void) { return tp_tape_memory(T).bytes_in_use; }

/* x + 20, and what was made on the way is given back where `close` */
static tp_tensor *plus_twenty(tp_tensor *x, bool close)
{
    tp_scope scope = tp_scope_open(T);
    for (int i = 0; i < 20; i++)
        x = tp_add_scalar(T, x, 1);
    if (close)
        ck_assert_int_eq(tp_scope_close(T, scope, 1, &x), TP_OK);
    return x;
}

START_TEST(scopes)
{
    const int64_t each = N * (int64_t)sizeof(float);
    tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F32, tp_shape(N)), true);
    int64_t before = in_use();
    plus_twenty(x, false);
    ck_assert_int_ge(in_use() - before, 20 * each); /* as it would be without */
    before = in_use();
    tp_tensor *y = plus_twenty(x, true);
    ck_assert_int_le(in_use() - before, 2 * each);
    before = in_use();
    tp_tensor *saved = tp_mul_scalar(T, y, 0.1), *z;
    tp_scope scope = tp_scope_open(T);
    tp_tensor *e = tp_exp(T, saved); /* saves itself for backward */
    z = tp_sum(T, e);
    ck_assert_int_eq(tp_scope_close(T, scope, 1, &z), TP_OK);
    tp_backward(T, z);
    ck_no_error(T);
    ck_assert_double_eq_tol(tp_item_at(tp_grad(x), N - 1), 0.1 * exp(2), 1e-6);
    tp_tape_reset(T);
}
END_TEST

START_TEST(scopes_nest)
{
    tp_scope outer = tp_scope_open(T);
    tp_tensor *a = tp_ones(T, TP_F64, tp_shape(3)), *view, *b;
    tp_scope inner = tp_scope_open(T);
    b = tp_add_scalar(T, a, 1);
    tp_tensor *gone = tp_add_scalar(T, b, 1), *list[] = {NULL, b, NULL};
    ck_assert_int_eq(tp_scope_close(T, inner, 3, list), TP_OK);
    tp_sum(T, gone);
    ck_error(T, TP_EINVAL, "given back when its scope ended");
    ck_values(b, 0, 2, 2, 2);
    view = tp_slice(T, b, 0, 1, 3, 1);
    ck_assert_int_eq(tp_scope_close(T, outer, 1, &view), TP_OK);
    ck_values(view, 0, 2, 2); /* its elements stay */
    tp_sum(T, b);
    ck_error(T, TP_EINVAL, "given back when its scope ended");
    tp_sum(T, a);
    ck_error(T, TP_EINVAL, "given back when its scope ended");
    ck_assert_int_eq(tp_scope_close(T, outer, 0, NULL), TP_OK); /* again: now nothing is kept */
    tp_sum(T, view);
    ck_error(T, TP_EINVAL, "given back when its scope ended");
}
END_TEST

START_TEST(scopes_and_owned)
{
    tp_scope scope = tp_scope_open(T);
    tp_tensor *x = tp_full(T, TP_F64, tp_shape(2), 3), *owned = tp_requires_grad(tp_keep(x), true);
    tp_tensor *y = tp_sum(T, tp_square(T, owned));
    tp_backward(T, y);
    tp_tensor *d = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2)), true);
    tp_backward(T, tp_sum(T, tp_mul(T, d, owned)));
    ck_assert_int_eq(tp_scope_close(T, scope, 1, &owned), TP_OK); /* it need not be named, and may be */
    ck_values(owned, 0, 3, 3);
    ck_values(tp_grad(owned), 0, 7, 7);
    ck_values(tp_grad(d), 0, 3, 3); /* a gradient stays with its leaf */
    ck_assert(tp_data(y) == NULL && tp_data(x) == NULL);
    tp_free(owned);
    ck_no_error(T);
}
END_TEST

static tp_scope from_outside;
static tp_tensor *closes_outside(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self;
    ck_assert_int_eq(tp_scope_close(tape, from_outside, 0, NULL), TP_EINVAL);
    return x;
}
static tp_tensor *has_its_own(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)self, (void)tape;
    return plus_twenty(x, true);
}

START_TEST(scopes_refused)
{
    tp_tape *other = tp_tape_new();
    tp_scope scope = tp_scope_open(T);
    tp_tensor *x = tp_ones(T, TP_F32, tp_shape(3));
    ck_assert_int_eq(tp_scope_close(other, scope, 0, NULL), TP_EINVAL);
    ck_error(other, TP_EINVAL, "scope_close: the scope is not of this tape");
    ck_assert_int_eq(tp_scope_close(T, scope, 1, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "scope_close: 1 tensors to keep, but");
    ck_assert_int_eq(tp_scope_close(T, scope, -1, &x), TP_EINVAL);
    ck_error(T, TP_EINVAL, "scope_close: -1 tensors");
    ck_assert_int_eq(tp_scope_close(NULL, scope, 0, NULL), TP_EINVAL);
    tp_tape_reset(T);
    ck_assert_int_eq(tp_scope_close(T, scope, 0, NULL), TP_EINVAL); /* reset meanwhile */
    ck_error(T, TP_EINVAL, "a reset or a rewind to before it has ended it");
    tp_mark mark = tp_tape_mark(T);
    x = tp_ones(T, TP_F32, tp_shape(3));
    scope = tp_scope_open(T);
    tp_tape_rewind(T, mark);
    x = tp_ones(T, TP_F32, tp_shape(3));
    ck_assert_int_eq(tp_scope_close(T, scope, 0, NULL), TP_EINVAL);
    ck_error(T, TP_EINVAL, "a rewind to before it");
    ck_assert_ptr_nonnull(tp_data(x));
    from_outside = tp_scope_open(T);
    tp_module *m = tp_module_new(
        T, &(tp_module_class){.name = "Closes", .size = sizeof(tp_module), .forward = closes_outside});
    ck_assert_ptr_null(tp_forward(T, m, x));
    ck_error(T, TP_EINVAL, "scope_close: in the middle of");
    tp_module_free(m);
    m = tp_module_new(T, &(tp_module_class){.name = "Own", .size = sizeof(tp_module), .forward = has_its_own});
    ck_values(tp_forward(T, m, x), 0, 21, 21, 21);
    tp_module_free(m);
    /* within a rewind: the mark is in the scope; and on a tape that has failed */
    scope = tp_scope_open(T);
    tp_tensor *y = tp_exp(T, x);
    mark = tp_tape_mark(T);
    tp_exp(T, y);
    tp_tape_rewind(T, mark);
    tp_fail(T, TP_EUSER, "failed");
    ck_assert_int_eq(tp_scope_close(T, scope, 1, (tp_tensor *[]){NULL}), TP_EUSER);
    ck_error(T, TP_EUSER, "failed");
    ck_assert_ptr_null(tp_data(y));
    tp_tape_free(other);
}
END_TEST

/* ---- first values ---------------------------------------------------------------------------------------------------------------------------- */

/* Of 4000 elements, the largest size and the mean square. */
static void spread(tp_tensor *x, double *most, double *square)
{
    *most = tp_item(tp_max(T, tp_abs(T, x)));
    *square = tp_item(tp_mean(T, tp_square(T, x)));
}

START_TEST(fans)
{
    /* [out 20, in 10, 4, 5]: fan in 200, fan out 400 */
    tp_tensor *x = tp_keep(tp_zeros(T, TP_F64, tp_shape(20, 10, 4, 5)));
    tp_requires_grad(x, true);
    double most, square;
    tp_init_xavier_uniform_(T, x, 2);
    spread(x, &most, &square);
    ck_assert(most <= 2 * sqrt(6.0 / 600) && most > 1.99 * sqrt(6.0 / 600));
    tp_init_xavier_normal_(T, x, 2);
    spread(x, &most, &square);
    ck_assert_double_eq_tol(square, 4 * 2.0 / 600, 0.1 * 4 * 2 / 600);
    tp_init_kaiming_uniform_(T, x, NULL);
    spread(x, &most, &square);
    ck_assert(most <= sqrt(6.0 / 200) && most > 0.99 * sqrt(6.0 / 200));
    tp_init_kaiming_normal_(T, x, &(tp_kaiming_options){.mode = TP_FAN_OUT, .nonlinearity = TP_GAIN_TANH});
    spread(x, &most, &square);
    ck_assert_double_eq_tol(square, 25.0 / 9 / 400, 0.1 * 25 / 9 / 400);
    tp_init_trunc_normal_(T, x, 1, 2, 0, 2.5);
    ck_assert(tp_item(tp_min(T, x)) >= 0 && tp_item(tp_max(T, x)) <= 2.5 && tp_item(tp_max(T, x)) > 2.49);
    ck_no_error(T);
    ck_assert(tp_is_leaf(x));
    tp_free(x);
    ck_assert_double_eq(tp_calculate_gain(TP_GAIN_LEAKY_RELU, 0.01), sqrt(2 / (1 + 0.01 * 0.01)));
    ck_assert_double_eq(tp_calculate_gain(TP_GAIN_SELU, 7), 0.75);
    ck_assert(isnan(tp_calculate_gain((tp_nonlinearity)99, 0)));
}
END_TEST

START_TEST(ones_at_places)
{
    tp_tensor *x = tp_keep(tp_ones(T, TP_F32, tp_shape(2, 3)));
    ck_assert_int_eq(tp_init_eye_(T, x), TP_OK);
    ck_values(x, 0, 1, 0, 0, 0, 1, 0);
    tp_free(x);
    tp_tensor *whole = tp_ones(T, TP_I64, tp_shape(3, 2));
    tp_init_eye_(T, tp_T(T, whole)); /* a view, of integers */
    ck_values(whole, 0, 1, 0, 0, 1, 0, 0);
    x = tp_ones(T, TP_F64, tp_shape(4, 2, 3));
    ck_assert_int_eq(tp_init_dirac_(T, x, 2), TP_OK);
    ck_values(x, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0);
    x = tp_zeros(T, TP_F64, tp_shape(10, 50));
    ck_assert_int_eq(tp_init_sparse_(T, x, 0.25, 0.5), TP_OK);
    tp_tensor *zeros = tp_sum_dim(T, tp_to(T, tp_eq_scalar(T, x, 0), TP_F64), 0, false);
    ck_assert(tp_item(tp_min(T, zeros)) == 3 && tp_item(tp_max(T, zeros)) == 3);
    ck_no_error(T);
}
END_TEST

START_TEST(init_refused)
{
    tp_tensor *line = tp_ones(T, TP_F32, tp_shape(3)), *x = tp_ones(T, TP_F32, tp_shape(3, 4));
    tp_tensor *whole = tp_ones(T, TP_I64, tp_shape(3, 4)), *y = tp_square(T, tp_requires_grad(x, true));
    ck_assert_int_eq(tp_init_xavier_normal_(T, line, 1), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "init_xavier_normal_: x is [3]; 2 dimensions or more");
    tp_init_kaiming_uniform_(T, NULL, NULL);
    ck_error(T, TP_EINVAL, "init_kaiming_uniform_: the tensor is NULL");
    tp_init_kaiming_uniform_(T, whole, NULL);
    ck_error(T, TP_EDTYPE, "init_kaiming_uniform_: x is int64; float32 or float64");
    tp_init_kaiming_normal_(T, y, NULL);
    ck_error(T, TP_EINVAL, "init_kaiming_normal_: the target was computed");
    tp_init_kaiming_normal_(T, x, &(tp_kaiming_options){.nonlinearity = (tp_nonlinearity)6});
    ck_error(T, TP_EINVAL, "init_kaiming_normal_: the gain is nan");
    tp_init_kaiming_normal_(T, x, &(tp_kaiming_options){.mode = (tp_fan)2});
    ck_error(T, TP_EINVAL, "init_kaiming_normal_: the mode is 2; ");
    tp_init_xavier_uniform_(T, x, INFINITY);
    ck_error(T, TP_EINVAL, "init_xavier_uniform_: the gain is inf");
    tp_init_trunc_normal_(T, x, 0, 0, -2, 2);
    ck_error(T, TP_EINVAL, "init_trunc_normal_: mean 0, std 0");
    tp_init_trunc_normal_(T, x, 0, 1, 2, -2);
    ck_error(T, TP_EINVAL, "init_trunc_normal_");
    tp_init_eye_(T, line);
    ck_error(T, TP_ESHAPE, "init_eye_: x is [3]; 2 dimensions");
    tp_init_dirac_(T, x, 1);
    ck_error(T, TP_ESHAPE, "init_dirac_: x is [3, 4]; 3 to 5 dimensions");
    tp_init_dirac_(T, tp_ones(T, TP_F32, tp_shape(3, 2, 2)), 2);
    ck_error(T, TP_EINVAL, "init_dirac_: 3 outputs in 2 groups");
    tp_init_sparse_(T, x, 1.5, 1);
    ck_error(T, TP_EINVAL, "init_sparse_: the sparsity is 1.5");
    ck_values(x, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1); /* untouched by all of that */
    tp_tensor *none = tp_ones(T, TP_F32, tp_shape(0, 4));
    ck_assert(tp_init_kaiming_normal_(T, none, NULL) == TP_OK && tp_init_eye_(T, none) == TP_OK);
    ck_assert(tp_init_xavier_uniform_(T, none, 1) == TP_OK && tp_init_sparse_(T, none, 0.5, 1) == TP_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forward");
    TCase *t = tcase_create("forward");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, a_loss);
    tcase_add_test(t, counts);
    tcase_add_test(t, either);
    tcase_add_test(t, states);
    tcase_add_test(t, scope_of_several);
    tcase_add_test(t, any_number);
    tcase_add_test(t, faults);
    tcase_add_test(t, left_by_a_jump);
    tcase_add_test(t, called_by_threads);
    tcase_add_test(t, chains);
    tcase_add_test(t, bilinear_layer);
    tcase_add_test(t, memory_fails);
    tcase_add_test(t, too_late);
    tcase_add_test(t, no_set);
    tcase_add_test(t, scopes);
    tcase_add_test(t, scopes_nest);
    tcase_add_test(t, scopes_and_owned);
    tcase_add_test(t, scopes_refused);
    tcase_add_test(t, fans);
    tcase_add_test(t, ones_at_places);
    tcase_add_test(t, init_refused);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
