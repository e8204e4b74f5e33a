/* test_checkpoint.c - checkpoints: the same bits as without, the memory and the calls that were promised. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 11);
}
static void teardown(void) { tp_tape_free(T); }

/* ---- a recurrence with two states, which uses parameters and a tensor of the tape besides ---------------------- */

enum { N = 5 };

typedef struct {
    tp_tensor *w, *b;  /* owned: [N, N], [N] */
    tp_tensor *factor; /* made on the tape   */
    double dropout;
    int64_t calls;
    bool nested, looks_inside;
} cell;

static tp_status inner(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    cell *c = user;
    (void)n_in;
    (void)n_out;
    tp_tensor *h = tp_tanh(tape, tp_add(tape, tp_mv(tape, c->w, in[0]), c->b));
    out[0] = tp_dropout(tape, tp_mul(tape, h, c->factor), c->dropout, true);
    return TP_OK;
}

/* The derivative of the sum of sines, by a sweep within. */
static tp_tensor *slope_inside(tp_tape *tape, tp_tensor *x)
{
    tp_tensor *g = NULL, *y = tp_sum(tape, tp_sin(tape, x));
    if (tp_needs_grad(y))
        tp_gradients(tape, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = true});
    else
        g = tp_cos(tape, x);
    return g;
}

static tp_status cell_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    cell *c = user;
    c->calls++;
    tp_tensor *h;
    if (c->nested)
        tp_checkpoint(tape, inner, c, 1, state, 1, &h);
    else
        inner(tape, c, 1, state, 1, &h);
    if (c->looks_inside)
        h = tp_add(tape, h, tp_mul_scalar(tape, slope_inside(tape, state[0]), 0.125));
    next[0] = tp_add_scalar(tape, h, 0.01 * (double)(step % 7));
    next[1] = tp_add(tape, tp_mul_scalar(tape, state[1], 0.75), tp_mul(tape, h, state[0]));
    if (n == 3)
        next[2] = tp_add_scalar(tape, state[2], 1); /* asks for no gradient, but by accident */
    return TP_OK;
}

static tp_tensor *owned(tp_dtype dtype, tp_dims shape, bool grad)
{
    return tp_requires_grad(tp_keep(tp_mul_scalar(T, tp_randn(T, dtype, shape), 0.5)), grad);
}

static void make_cell(cell *c, tp_dtype dtype)
{
    *c = (cell){.w = owned(dtype, tp_shape(N, N), true), .b = owned(dtype, tp_shape(N), true)};
}

static void free_cell(cell *c)
{
    tp_free(c->w);
    tp_free(c->b);
}

/* Everything at once: a loss whose graph has the parameters before, in and after the recurrence. snapshots 0: none is
 * checkpointed. */
static tp_tensor *loss_of(cell *c, int64_t n, int64_t snapshots, tp_tensor *x, tp_tensor **factor)
{
    tp_manual_seed(T, 5);
    tp_tensor *before = tp_mv(T, c->w, x);
    *factor = c->factor = tp_exp(T, tp_mul_scalar(T, x, 0.1));
    tp_tensor *state[3] = {before, tp_mul(T, x, x), tp_zeros(T, tp_dtype_of(x), TP_SCALAR)}, *out[3];
    if (snapshots > 0) {
        tp_checkpoint_steps(T, cell_step, c, n, snapshots, 3, state, out);
    } else {
        for (int64_t k = 0; k < n; k++) {
            cell_step(T, c, k, 3, state, out);
            memcpy(state, out, sizeof state);
        }
        memcpy(out, state, sizeof out);
    }
    tp_tensor *noise = tp_rand(T, tp_dtype_of(x), tp_shape(N)); /* the generator goes on where it should */
    tp_tensor *end = tp_add(T, tp_mul(T, out[0], tp_add(T, c->b, noise)), tp_mul(T, out[1], before));
    return tp_add(T, tp_sum(T, end), tp_mul(T, out[2], tp_sum(T, c->factor)));
}

typedef struct {
    tp_tensor *loss, *w, *b, *x, *after;
} outcome;

static tp_tensor *copy(tp_tensor *x) { return x ? tp_keep(tp_clone(T, tp_detach(T, x))) : NULL; }

static outcome measure(cell *c, int64_t n, int64_t snapshots, const tp_tensor *x0)
{
    tp_tensor *factor;
    tp_tensor *x = tp_requires_grad(tp_from(T, tp_dtype_of(x0), tp_shape(N), tp_data(x0)), true);
    tp_zero_grad(c->w);
    tp_zero_grad(c->b);
    tp_tensor *loss = loss_of(c, n, snapshots, x, &factor);
    tp_backward(T, loss);
    outcome o = {copy(loss), copy(tp_grad(c->w)), copy(tp_grad(c->b)), copy(tp_grad(x)),
                 copy(tp_rand(T, TP_F64, tp_shape(3)))};
    tp_tape_reset(T);
    return o;
}

static void free_outcome(outcome *o)
{
    tp_free(o->loss);
    tp_free(o->w);
    tp_free(o->b);
    tp_free(o->x);
    tp_free(o->after);
}

static bool outcomes_agree(const outcome *a, const outcome *b)
{
    return tensors_identical(a->loss, b->loss) && tensors_identical(a->w, b->w) && tensors_identical(a->b, b->b) &&
           tensors_identical(a->x, b->x) && tensors_identical(a->after, b->after);
}

START_TEST(steps_give_the_same_bits)
{
    const int64_t lengths[] = {1, 2, 7, 37}, snapshots[] = {1, 2, 3, 20, 37, 1000};
    cell c;
    make_cell(&c, _i & 1 ? TP_F64 : TP_F32);
    c.dropout = _i & 2 ? 0.3 : 0;
    c.nested = _i & 4;
    c.looks_inside = _i & 8;
    tp_tensor *x = owned(tp_dtype_of(c.w), tp_shape(N), false);
    for (size_t l = 0; l < LENGTH(lengths); l++) {
        outcome plain = measure(&c, lengths[l], 0, x);
        ck_assert(tp_item(tp_sum(T, tp_abs(T, plain.w))) > 0);
        ck_no_error(T);
        for (size_t s = 0; s < LENGTH(snapshots); s++) {
            outcome saved = measure(&c, lengths[l], snapshots[s], x);
            ck_no_error(T);
            ck_assert(outcomes_agree(&plain, &saved));
            free_outcome(&saved);
        }
        free_outcome(&plain);
    }
    tp_free(x);
    free_cell(&c);
}
END_TEST

/* tp_gradients by an owned parameter, by a leaf of the tape, by a computed tensor that the steps use unasked. */
static void gradients_of(cell *c, int64_t snapshots, const tp_tensor *x0, tp_tensor **g)
{
    tp_tensor *x = tp_requires_grad(tp_from(T, tp_dtype_of(x0), tp_shape(N), tp_data(x0)), true), *factor;
    tp_tensor *loss = loss_of(c, 23, snapshots, x, &factor), *by[] = {c->b, x, factor, c->b}, *got[4];
    for (int twice = 0; twice < 2; twice++) {
        tp_gradients(T, 1, &loss, 4, by, got, &(tp_gradients_options){.retain_graph = twice == 0});
        ck_no_error(T);
        for (int i = 0; i < 4 && twice; i++) {
            ck_assert(tensors_identical(g[i], got[i]));
            tp_free(g[i]);
        }
        for (int i = 0; i < 4; i++)
            g[i] = copy(got[i]);
    }
    ck_assert_int_ne(tp_gradients(T, 1, &loss, 4, by, got, NULL), TP_OK);
    ck_error(T, TP_EGRAPH, "retain_graph");
    tp_tape_reset(T);
}

START_TEST(gradients_by_chosen_tensors)
{
    cell c;
    tp_tensor *plain[4], *saved[4];
    make_cell(&c, TP_F64);
    c.dropout = 0.2;
    c.nested = _i & 1;
    c.looks_inside = _i & 2;
    tp_tensor *x = owned(TP_F64, tp_shape(N), false);
    gradients_of(&c, 0, x, plain);
    for (int64_t snapshots = 1; snapshots < 6; snapshots++) {
        gradients_of(&c, snapshots, x, saved);
        for (int i = 0; i < 4; i++) {
            ck_assert(tensors_identical(plain[i], saved[i]));
            tp_free(saved[i]);
        }
    }
    ck_assert_ptr_null(tp_grad(c.w)); /* sweeps to chosen tensors touch no other */
    for (int i = 0; i < 4; i++)
        tp_free(plain[i]);
    tp_free(x);
    free_cell(&c);
}
END_TEST

START_TEST(gradients_into_a_sink)
{
    cell c;
    tp_tensor *factor;
    make_cell(&c, TP_F32);
    tp_tensor *x = owned(TP_F32, tp_shape(N), true);
    tp_params *params = tp_params_of(T, 1, &c.w);
    tp_grads *plain = tp_grads_new(params), *saved = tp_grads_new(params);
    tp_backward_into(T, loss_of(&c, 19, 0, x, &factor), plain);
    tp_backward_into(T, loss_of(&c, 19, 3, x, &factor), saved);
    ck_no_error(T);
    ck_assert(tensors_identical(tp_grads_at(plain, 0), tp_grads_at(saved, 0)));
    ck_assert_ptr_null(tp_grad(x));
    tp_grads_free(plain);
    tp_grads_free(saved);
    tp_params_free(params);
    tp_free(x);
    free_cell(&c);
}
END_TEST

/* Second and third derivatives, through a recorded sweep. */
static double deep(cell *c, int64_t snapshots, tp_tensor *x, int order, tp_tensor **gw, tp_tensor **gx)
{
    tp_tensor *factor, *y = loss_of(c, 6, snapshots, x, &factor), *by[] = {c->w, x}, *g[2];
    for (int k = 0; k < order; k++) {
        ck_assert_int_eq(tp_gradients(T, 1, &y, 2, by, g, &(tp_gradients_options){.create_graph = true}), TP_OK);
        y = tp_add(T, tp_sum(T, tp_square(T, g[0])), tp_sum(T, tp_mul(T, g[1], x)));
    }
    tp_gradients(T, 1, &y, 2, by, g, NULL);
    ck_no_error(T);
    *gw = copy(g[0]);
    *gx = copy(g[1]);
    double value = tp_item(y);
    tp_tape_reset(T);
    return value;
}

START_TEST(higher_derivatives)
{
    cell c;
    make_cell(&c, TP_F64);
    c.dropout = 0.2;
    c.nested = _i & 1;
    tp_tensor *x = owned(TP_F64, tp_shape(N), true), *plain[2], *saved[2];
    for (int order = 1; order < 3; order++) {
        double a = deep(&c, 0, x, order, &plain[0], &plain[1]);
        for (int64_t snapshots = 1; snapshots < 4; snapshots++) {
            double b = deep(&c, snapshots, x, order, &saved[0], &saved[1]);
            /* First derivatives are the same bits; what was recorded again lies elsewhere on the tape, so a sweep
             * through their graph adds in another order. */
            ck_assert(order == 1 ? a == b : fabs(a - b) <= 1e-13 * fabs(a));
            for (int i = 0; i < 2; i++) {
                ck_assert(tensors_close(plain[i], saved[i], 1e-13, 1e-13));
                tp_free(saved[i]);
            }
        }
        tp_free(plain[0]);
        tp_free(plain[1]);
    }
    tp_free(x);
    free_cell(&c);
}
END_TEST

/* ---- how often a step is called -------------------------------------------------------------------------------- */

static tp_status count_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    (void)step;
    (void)n;
    ++*(int64_t *)user;
    next[0] = tp_mul_scalar(tape, state[0], 2);
    return TP_OK;
}

/* The least number of steps forward to reverse n of them with c snapshots, by all ways there are. */
enum { MOST_STEPS = 70, MOST_SHOTS = 8 };
static int64_t least[MOST_STEPS + 1][MOST_SHOTS + 1];

static void fill_least(void)
{
    for (int c = 1; c <= MOST_SHOTS; c++)
        for (int n = 1; n <= MOST_STEPS; n++) {
            least[n][c] = (int64_t)n * (n - 1) / 2;
            for (int m = 1; m < n && c > 1; m++) {
                int64_t cost = m + least[n - m][c - 1] + least[m][c];
                if (cost < least[n][c])
                    least[n][c] = cost;
            }
        }
}

START_TEST(calls_are_as_few_as_can_be)
{
    fill_least();
    for (int c = 1; c <= MOST_SHOTS; c++)
        for (int n = 1; n <= MOST_STEPS; n++) {
            int64_t calls = 0;
            tp_tensor *x = tp_requires_grad(tp_scalar(T, TP_F64, 1), true), *y;
            tp_checkpoint_steps(T, count_step, &calls, n, c, 1, &x, &y);
            ck_assert_int_eq(calls, n);
            calls = 0;
            tp_backward(T, y);
            ck_assert(tp_item(tp_grad(x)) == pow(2, n));
            ck_assert_msg(calls <= least[n][c] + n, "%d steps, %d snapshots: %lld calls", n, c, (long long)calls);
            if (c >= n)
                ck_assert_int_eq(calls, n);
            tp_tape_reset(T);
        }
    ck_no_error(T);
}
END_TEST

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static tp_status wide_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    (void)step;
    (void)n;
    tp_tensor *y = state[0];
    for (int i = 0; i < 3; i++)
        y = tp_mul(tape, tp_sin(tape, y), *(tp_tensor **)user);
    next[0] = y;
    return TP_OK;
}

/* The most that tensors used while n steps ran forward and back, in bytes. */
static int64_t peak_of(int64_t n, int64_t snapshots, tp_tensor *rate)
{
    tp_tape *outside = T;
    T = tp_tape_new();
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(4096)), true), *y = x;
    if (snapshots > 0)
        tp_checkpoint_steps(T, wide_step, &rate, n, snapshots, 1, &x, &y);
    else
        for (int64_t k = 0; k < n; k++)
            wide_step(T, &rate, k, 1, &y, &y);
    tp_zero_grad(rate);
    tp_tensor *g = tp_ones_like(T, y);
    tp_backward_from(T, 1, &y, &(tp_backward_options){.grad_outputs = &g});
    ck_no_error(T);
    int64_t peak = tp_tape_memory(T).bytes_peak;
    tp_tape_free(T);
    T = outside;
    return peak;
}

START_TEST(memory_is_snapshots_and_a_step)
{
    const int64_t state = 4096 * 8 + 64 + 256, lists = 4096; /* a header each; nodes */
    tp_tensor *rate = tp_requires_grad(tp_keep(tp_full(T, TP_F64, TP_SCALAR, 0.9)), true);
    int64_t one = peak_of(1, 0, rate);
    ck_assert_int_gt(peak_of(200, 0, rate), 600 * state);
    for (int64_t snapshots = 1; snapshots <= 20; snapshots += snapshots < 4 ? 1 : 8)
        for (int64_t n = 1; n <= 200; n = 3 * n + 1) {
            int64_t used = snapshots < n ? snapshots : n;
            ck_assert_int_le(peak_of(n, snapshots, rate),
                             (used + 1) * state + lists + one); /* and the last state, which is ours */
        }
    tp_free(rate);
}
END_TEST

/* Headers are given back as well: a long chain asks the system for no more than a short one, and again for nothing. */
START_TEST(headers_do_not_pile_up)
{
    double rate = 0.999;
    tp_tensor *w = tp_requires_grad(tp_keep(tp_wrap(T, TP_F64, TP_SCALAR, &rate)), true);
    int64_t reserved[3];
    for (int round = 0; round < 3; round++) {
        tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2)), true), *y;
        tp_checkpoint_steps(T, wide_step, &w, round == 0 ? 100 : 20000, 10, 1, &x, &y);
        tp_backward(T, tp_sum(T, y));
        ck_no_error(T);
        reserved[round] = tp_tape_memory(T).bytes_reserved;
        tp_tape_reset(T);
    }
    ck_assert_int_le(reserved[1], reserved[0] + 100000);
    ck_assert_int_eq(reserved[2], reserved[1]);
    tp_free(w);
}
END_TEST

START_TEST(a_checkpoint_keeps_its_inputs_only)
{
    tp_tensor *rate = tp_requires_grad(tp_keep(tp_full(T, TP_F64, TP_SCALAR, 0.9)), true), *x, *y;
    x = y = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(4096)), true);
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_checkpoint_steps(T, wide_step, &rate, 1, 1, 1, &x, &y);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use - before, 4096 * 8 + 64 + 1024);
    tp_checkpoint_steps(T, wide_step, &rate, 50, 3, 1, &y, &x);
    ck_assert_int_le(tp_tape_memory(T).bytes_in_use - before, 4 * (4096 * 8 + 64) + 4096);
    tp_backward(T, tp_sum(T, x));
    ck_no_error(T);
    tp_free(rate);
}
END_TEST

/* ---- checkpoints of functions ------------------------------------------------------------------------------------ */

/* An input as it is, an input twice, whole numbers, a constant: outputs of every kind. */
static tp_status odd_outputs(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    (void)n_in;
    (void)n_out;
    out[0] = in[0];
    out[1] = tp_mul(tape, in[0], in[1]);
    out[2] = tp_gt(tape, in[0], in[1]);
    out[3] = tp_ones(tape, TP_F64, tp_shape(3));
    out[4] = out[1];
    out[5] = tp_transpose(tape, tp_mul(tape, tp_unsqueeze(tape, in[0], 0), tp_unsqueeze(tape, in[1], 1)), 0, 1);
    return TP_OK;
}

START_TEST(outputs_of_every_kind)
{
    double a[] = {1, 2, 3}, b[] = {2, 1, 5};
    tp_tensor *g[2][2];
    for (int saved = 0; saved < 2; saved++) {
        tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(3), a), true), *out[6];
        tp_tensor *in[2] = {tp_square(T, x), tp_from(T, TP_F64, tp_shape(3), b)};
        if (saved)
            tp_checkpoint(T, odd_outputs, NULL, 2, in, 6, out);
        else
            odd_outputs(T, NULL, 2, in, 6, out);
        ck_assert(!tp_needs_grad(out[2]) && !tp_needs_grad(out[3]) && tp_dtype_of(out[2]) == TP_BOOL);
        ck_assert(tp_needs_grad(out[0]) && tp_needs_grad(out[1]) && tp_needs_grad(out[5]));
        ck_values(out[2], 0, 0, 1, 1);
        ck_values(out[5], 0, 2, 1, 5, 8, 4, 20, 18, 9, 45);
        tp_tensor *y = tp_sum(T, tp_mul(T, tp_add(T, out[0], out[1]), tp_mul(T, out[4], out[3])));
        y = tp_add(T, y, tp_sum(T, tp_mul(T, tp_square(T, out[5]), tp_where(T, out[2], out[3], out[1]))));
        tp_tensor *by[2] = {x, in[0]};
        tp_gradients(T, 1, &y, 2, by, g[saved], NULL);
        ck_no_error(T);
    }
    ck_assert(tensors_identical(g[0][0], g[1][0]) && tensors_identical(g[0][1], g[1][1]));
}
END_TEST

START_TEST(no_inputs_but_parameters)
{
    cell c;
    make_cell(&c, TP_F64);
    c.factor = tp_ones(T, TP_F64, TP_SCALAR);
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(N)), *plain, *saved, *none;
    inner(T, &c, 1, &x, 1, &plain);
    tp_backward(T, tp_sum(T, plain));
    tp_tensor *want = copy(tp_grad(c.w));
    tp_zero_grad(c.w);
    tp_checkpoint(T, inner, &c, 1, &x, 1, &saved); /* x asks for nothing, the parameters do */
    ck_assert(tp_needs_grad(saved));
    char text[400];
    tp_format(saved, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "grad_fn=<CheckpointFunctionBackward>"));
    tp_backward(T, tp_sum(T, saved));
    ck_no_error(T);
    ck_assert(tensors_identical(want, tp_grad(c.w)));
    tp_tape_record(T, false);
    tp_checkpoint(T, inner, &c, 1, &x, 1, &none);
    ck_assert(!tp_needs_grad(none) && tensors_identical(none, plain));
    tp_tape_record(T, true);
    tp_free(want);
    free_cell(&c);
}
END_TEST

/* A graph of checkpoints in checkpoints, with sums that come together at shared tensors. */
static int depths[] = {0, 1, 2, 3};
static bool checkpointed;
static tp_status branch(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    int *depth = user;
    (void)n_out;
    if (*depth == 0) {
        out[0] = tp_sigmoid(tape, tp_mul(tape, in[0], in[1]));
        return TP_OK;
    }
    tp_tensor *a, *b, *swapped[2] = {in[1], in[0]};
    if (checkpointed) {
        tp_checkpoint(tape, branch, depth - 1, n_in, in, 1, &a);
        tp_checkpoint(tape, branch, depth - 1, n_in, swapped, 1, &b);
    } else {
        branch(tape, depth - 1, n_in, in, 1, &a);
        branch(tape, depth - 1, n_in, swapped, 1, &b);
    }
    out[0] = tp_add(tape, tp_mul(tape, a, in[0]), tp_sub(tape, b, a));
    return TP_OK;
}

START_TEST(nested)
{
    tp_tensor *g[2][2], *y;
    for (int saved = 0; saved < 2; saved++) {
        checkpointed = saved;
        tp_tensor *x[2] = {tp_requires_grad(tp_full(T, TP_F32, tp_shape(3), 0.3), true),
                           tp_requires_grad(tp_full(T, TP_F32, tp_shape(2, 1), 0.7), true)};
        tp_tensor *in[2] = {tp_exp(T, x[0]), x[1]};
        if (saved)
            tp_checkpoint(T, branch, &depths[3], 2, in, 1, &y);
        else
            branch(T, &depths[3], 2, in, 1, &y);
        tp_backward(T, tp_add(T, tp_sum(T, y), tp_sum(T, in[0])));
        ck_no_error(T);
        g[saved][0] = tp_grad(x[0]);
        g[saved][1] = tp_grad(x[1]);
    }
    ck_assert(tensors_identical(g[0][0], g[1][0]) && tensors_identical(g[0][1], g[1][1]));
}
END_TEST

/* What a function made within a module's scope has ended when the scope has; a checkpoint keeps what it needs. */
static tp_status through(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in;
    (void)n_out;
    out[0] = tp_forward(tape, user, in[0]);
    return TP_OK;
}

START_TEST(sequential)
{
    tp_module *part[7];
    tp_function f[7];
    void *user[7];
    for (int i = 0; i < 7; i++) {
        part[i] = i % 2 ? tp_nn_dropout(T, 0.4) : tp_nn_linear(T, 6, 6, NULL);
        f[i] = through;
        user[i] = part[i];
    }
    tp_tensor *x = owned(TP_F32, tp_shape(4, 6), true), *want[5] = {NULL};
    for (int segments = 0; segments <= 7; segments++) {
        tp_manual_seed(T, 21);
        tp_tensor *y = x;
        if (segments > 0)
            y = tp_checkpoint_sequential(T, 7, f, user, segments, x);
        for (int i = 0; i < 7 && segments == 0; i++)
            y = tp_forward(T, part[i], y);
        tp_tensor *got[5] = {x};
        for (int i = 0; i < 4; i++)
            got[i + 1] = tp_module_param(part[2 * i], "weight");
        for (int i = 0; i < 5; i++)
            tp_zero_grad(got[i]);
        tp_backward(T, tp_sum(T, tp_square(T, y)));
        ck_no_error(T);
        for (int i = 0; i < 5; i++)
            if (segments == 0)
                want[i] = copy(tp_grad(got[i]));
            else
                ck_assert(tensors_identical(want[i], tp_grad(got[i])));
        tp_tape_reset(T);
    }
    ck_assert_ptr_null(tp_checkpoint_sequential(T, 7, f, user, 8, x));
    ck_error(T, TP_EINVAL, "checkpoint_sequential: 7 functions in 8 segments");
    for (int i = 0; i < 5; i++)
        tp_free(want[i]);
    for (int i = 0; i < 7; i++)
        tp_module_free(part[i]);
    tp_free(x);
}
END_TEST

/* ---- errors -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int what, call;
} mischief;

static tp_status mischievous(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    mischief *m = user;
    (void)n_in;
    (void)n_out;
    m->call++;
    out[0] = tp_exp(tape, in[0]);
    if (m->what == 0)
        return TP_EUSER;
    if (m->what == 1)
        out[0] = NULL;
    if (m->what == 2)
        out[0] = tp_add(tape, in[0], tp_zeros(tape, TP_F64, tp_shape(7)));
    if (m->what == 3 && m->call == 2)
        out[0] = tp_sum(tape, out[0]);
    if (m->what == 4 && m->call == 2)
        return TP_EUSER;
    return TP_OK;
}

START_TEST(errors)
{
    const struct {
        tp_status status;
        const char *part;
    } want[] = {{TP_EUSER, "checkpoint: the function failed"},
                {TP_EINVAL, "output 0 is NULL"},
                {TP_ESHAPE, "add"},
                {TP_ESHAPE, "called again, the function makes [] of float64 as output 0, not [3]"},
                {TP_EUSER, "checkpoint: the function failed"}};
    for (int what = 0; what < 5; what++) {
        mischief m = {.what = what};
        tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true), *y = x;
        tp_status status = tp_checkpoint(T, mischievous, &m, 1, &x, 1, &y);
        ck_assert((status == TP_OK) == (what > 2) && (y != NULL) == (what > 2));
        if (what > 2)
            tp_backward(T, tp_sum(T, y));
        ck_error(T, want[what].status, want[what].part);
        ck_assert_ptr_null(tp_grad(x));
        m = (mischief){.what = 9}; /* the tape goes on */
        tp_checkpoint(T, mischievous, &m, 1, &x, 1, &y);
        tp_backward(T, tp_sum(T, y));
        ck_no_error(T);
        ck_values(tp_grad(x), 1e-15, exp(1), exp(1), exp(1));
    }
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(3)), *y = x, *none = NULL;
    ck_assert_int_ne(tp_checkpoint(T, NULL, NULL, 1, &x, 1, &y), TP_OK);
    ck_error(T, TP_EINVAL, "checkpoint: 1 inputs, 1 outputs; a function");
    ck_assert_int_ne(tp_checkpoint(T, mischievous, NULL, 1, &none, 1, &y), TP_OK);
    ck_assert_ptr_null(y);
    ck_error(T, TP_EINVAL, "checkpoint: input 0 is NULL");
    ck_assert_int_ne(tp_checkpoint_steps(T, count_step, NULL, 3, 0, 1, &x, &y), TP_OK);
    ck_error(T, TP_EINVAL, "0 snapshots");
    ck_assert_int_eq(tp_checkpoint_steps(T, count_step, NULL, 0, 1, 1, &x, &y), TP_OK);
    ck_assert_ptr_eq(x, y);
}
END_TEST

static tp_status growing_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    (void)user;
    (void)n;
    next[0] = step < 2 ? tp_exp(tape, state[0]) : tp_unsqueeze(tape, state[0], 0);
    return TP_OK;
}

START_TEST(steps_must_fit)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(3)), true), *y;
    ck_assert_int_eq(tp_checkpoint_steps(T, growing_step, NULL, 5, 2, 1, &x, &y), TP_ESHAPE);
    ck_assert_ptr_null(y);
    ck_error(T, TP_ESHAPE, "step 2 makes [1, 3] of float64 from state 0, which is [3]");
}
END_TEST

START_TEST(what_was_changed_in_between)
{
    cell c;
    make_cell(&c, TP_F64);
    c.factor = tp_ones(T, TP_F64, TP_SCALAR);
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(N)), *y;
    tp_checkpoint(T, inner, &c, 1, &x, 1, &y);
    tp_copy_into(T, c.w, tp_zeros(T, TP_F64, TP_SCALAR));
    ck_assert_int_eq(tp_backward(T, tp_sum(T, y)), TP_EMUTATED);
    ck_error(T, TP_EMUTATED, "checkpoint");
    free_cell(&c);
}
END_TEST

/* ---- no memory ------------------------------------------------------------------------------------------------------- */

/* The whole on a fresh tape; true where all went well. */
static bool whole(cell *c, const tp_tensor *x0)
{
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(N), tp_data(x0)), true), *factor, *g[2];
    tp_zero_grad(c->w);
    tp_tensor *loss = loss_of(c, 9, 3, x, &factor), *by[2] = {c->b, factor};
    tp_gradients(T, 1, &loss, 2, by, g, &(tp_gradients_options){.retain_graph = true});
    return tp_backward(T, loss) == TP_OK;
}

/* x w v, where w is the input of a scalar; w and v are owned, and freed by the function itself. */
static tp_status frees_what_it_uses(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out,
                                    tp_tensor **out)
{
    tp_tensor *const *x = user;
    (void)n_in, (void)n_out;
    tp_tensor *v = tp_requires_grad(tp_keep(tp_full(tape, TP_F64, tp_shape(N), 5)), true);
    out[0] = tp_sum(tape, tp_mul(tape, tp_mul(tape, *x, in[0]), v));
    tp_free(v);
    tp_free(in[0]);
    return TP_OK;
}

START_TEST(what_the_function_frees)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(N)), true), *y;
    tp_tensor *w = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(N), 3)), true);
    tp_checkpoint(T, frees_what_it_uses, &x, 1, (tp_tensor *[]){w}, 1, &y);
    ck_values(y, 0, 15 * N);
    tp_backward(T, y);
    ck_no_error(T);
    ck_values(tp_grad(x), 0, 15, 15, 15, 15, 15);
    ck_assert_int_eq(tp_tape_reset(T), TP_OK); /* the last holder */
}
END_TEST

START_TEST(any_allocation_may_fail)
{
    cell c;
    make_cell(&c, TP_F64);
    c.dropout = 0.2;
    c.nested = true;
    tp_tensor *x = owned(TP_F64, tp_shape(N), false);
    outcome want = measure(&c, 9, 3, x);
    tp_tape *outside = T;
    for (int alone = 0; alone < 2; alone++) {
        for (long n = 1;; n++) {
            ck_assert_int_lt(n, 2000);
            long long live = alloc_live();
            T = tp_tape_new();
            (alone ? alloc_fail_at : alloc_fail_from)(n);
            bool well = whole(&c, x);
            bool reached = alloc_requests() >= n;
            alloc_fail_at(0);
            tp_status status = tp_error_status(T);
            tp_clear_error(T);
            outcome again = measure(&c, 9, 3, x); /* the tape can be used on */
            bool same = outcomes_agree(&want, &again);
            free_outcome(&again);
            tp_tape_free(T);
            live -= alloc_live(); /* before Check allocates for itself */
            ck_assert_msg(well != reached, "allocation %ld failed, and nobody said so", n);
            ck_assert_msg(status == (reached ? TP_ENOMEM : TP_OK), "allocation %ld: %s", n, tp_status_name(status));
            ck_assert(same);
            ck_assert_msg(live == 0, "allocation %ld failed, and %lld blocks leak", n, -live);
            if (!reached)
                break;
        }
    }
    T = outside;
    free_outcome(&want);
    tp_free(x);
    free_cell(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, steps_give_the_same_bits, 0, 16);
    tcase_add_loop_test(tc, gradients_by_chosen_tensors, 0, 4);
    tcase_add_test(tc, gradients_into_a_sink);
    tcase_add_loop_test(tc, higher_derivatives, 0, 2);
    tcase_add_test(tc, calls_are_as_few_as_can_be);
    tcase_add_test(tc, memory_is_snapshots_and_a_step);
    tcase_add_test(tc, headers_do_not_pile_up);
    tcase_add_test(tc, a_checkpoint_keeps_its_inputs_only);
    tcase_add_test(tc, outputs_of_every_kind);
    tcase_add_test(tc, no_inputs_but_parameters);
    tcase_add_test(tc, nested);
    tcase_add_test(tc, sequential);
    tcase_add_test(tc, errors);
    tcase_add_test(tc, steps_must_fit);
    tcase_add_test(tc, what_was_changed_in_between);
    tcase_add_test(tc, what_the_function_frees);
    tcase_add_test(tc, any_allocation_may_fail);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
