/* test_recurrent.c - recurrent nets: each against steps made of plain operators, sequence by sequence. */
#include "support/support.h"

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 7);
}
static void teardown(void)
{
    ck_assert_msg(tp_error(T) == NULL, "%s", tp_error(T));
    tp_tape_free(T);
}

/* ---- the definition, in plain operators --------------------------------------------------------------------------- */

typedef enum { PLAIN, RELU, LSTM, GRU } kind;

static tp_tensor *weight(tp_module *m, const char *name, int layer, int direction)
{
    char text[64];
    snprintf(text, sizeof text, "%s_l%d%s", name, layer, direction ? "_reverse" : "");
    return tp_module_param(m, text);
}

static tp_tensor *part(tp_tensor *a, int64_t g, int64_t n) { return tp_narrow(T, a, 1, g * n, n); }

/* A step of one sequence, [1, in]; *h and *c move on. */
static void step(kind k, tp_module *m, int layer, int direction, tp_tensor *x, tp_tensor **h, tp_tensor **c)
{
    tp_tensor *by_x = tp_linear(T, x, weight(m, "weight_ih", layer, direction), weight(m, "bias_ih", layer, direction));
    tp_tensor *by_h = tp_linear(T, *h, weight(m, "weight_hh", layer, direction),
                                weight(m, "bias_hh", layer, direction));
    tp_tensor *a = tp_add(T, by_x, by_h), *projection = weight(m, "weight_hr", layer, direction);
    if (k == PLAIN || k == RELU) {
        *h = k == PLAIN ? tp_tanh(T, a) : tp_relu(T, a);
    } else if (k == LSTM) {
        int64_t n = tp_size(a, 1) / 4;
        *c = tp_add(T, tp_mul(T, tp_sigmoid(T, part(a, 1, n)), *c),
                    tp_mul(T, tp_sigmoid(T, part(a, 0, n)), tp_tanh(T, part(a, 2, n))));
        *h = tp_mul(T, tp_sigmoid(T, part(a, 3, n)), tp_tanh(T, *c));
        if (projection)
            *h = tp_linear(T, *h, projection, NULL);
    } else {
        int64_t n = tp_size(a, 1) / 3;
        tp_tensor *r = tp_sigmoid(T, part(a, 0, n)), *z = tp_sigmoid(T, part(a, 1, n));
        tp_tensor *fresh = tp_tanh(T, tp_add(T, part(by_x, 2, n), tp_mul(T, r, part(by_h, 2, n))));
        *h = tp_add(T, tp_mul(T, tp_rsub_scalar(T, z, 1), fresh), tp_mul(T, z, *h));
    }
}

enum { STEPS = 70, DEEP = 2 };

/* Sequence b of x [steps, batch, in], of which `length` steps are there; its y [steps, 1, out]. */
static tp_tensor *run_one(kind k, tp_module *m, int layer, int direction, tp_tensor *x, int64_t b, int64_t length,
                          tp_tensor **h, tp_tensor **c)
{
    tp_tensor *y[STEPS];
    int64_t steps = tp_size(x, 0);
    for (int64_t s = 0; s < length; s++) {
        int64_t t = direction ? length - 1 - s : s;
        step(k, m, layer, direction, tp_narrow(T, tp_select(T, x, 0, t), 0, b, 1), h, c);
        y[t] = *h;
    }
    for (int64_t t = length; t < steps; t++)
        y[t] = tp_zeros_like(T, *h);
    return tp_stack(T, (int)steps, y, 0);
}

static tp_tensor *state(tp_tensor *all, int64_t i, int64_t b)
{
    return all ? tp_narrow(T, tp_select(T, all, 0, i), 0, b, 1) : NULL;
}

/* y and the last states, as the module's out. */
static void define(kind k, tp_module *m, int layers, int directions, tp_tensor *x, tp_tensor *h, tp_tensor *c,
                   const int64_t *lengths, tp_tensor **out)
{
    enum { BATCH = 40 };
    tp_tensor *last_h[2 * DEEP], *last_c[2 * DEEP];
    int64_t batch = tp_size(x, 1);
    for (int layer = 0; layer < layers; layer++) {
        tp_tensor *of[2];
        for (int d = 0; d < directions; d++) {
            tp_tensor *y[BATCH], *hs[BATCH], *cs[BATCH];
            int i = layer * directions + d;
            for (int64_t b = 0; b < batch; b++) {
                hs[b] = state(h, i, b);
                cs[b] = state(c, i, b);
                y[b] = run_one(k, m, layer, d, x, b, lengths ? lengths[b] : tp_size(x, 0), &hs[b], &cs[b]);
            }
            of[d] = tp_cat(T, (int)batch, y, 1);
            last_h[i] = tp_cat(T, (int)batch, hs, 0);
            last_c[i] = c ? tp_cat(T, (int)batch, cs, 0) : NULL;
        }
        x = directions == 2 ? tp_cat(T, 2, of, 2) : of[0];
    }
    out[0] = x;
    out[1] = tp_stack(T, layers * directions, last_h, 0);
    out[2] = c ? tp_stack(T, layers * directions, last_c, 0) : NULL;
}

/* ---- both ways alike ------------------------------------------------------------------------------------------------ */

typedef struct {
    kind kind;
    int layers;
    bool bidirectional, biased, with_lengths;
    int64_t in, hidden, projected, steps, batch;
} net;

static tp_module *make(const net *n, tp_dtype dtype)
{
    tp_rnn_options o = {.num_layers = n->layers,
                        .no_bias = !n->biased,
                        .bidirectional = n->bidirectional,
                        .relu = n->kind == RELU,
                        .proj_size = n->projected,
                        .dtype = dtype};
    if (n->kind == LSTM)
        return tp_nn_lstm(T, n->in, n->hidden, &o);
    return (n->kind == GRU ? tp_nn_gru : tp_nn_rnn)(T, n->in, n->hidden, &o);
}

enum { GIVEN = 3, MOST_WEIGHTS = 2 * DEEP * 5 };

/* The gradients of a weighted sum of all outputs by inputs and weights. */
static int slopes(int n_out, tp_tensor *const *out, tp_module *m, tp_tensor *const *in, int n_in, tp_tensor **g)
{
    tp_tensor *of[GIVEN + MOST_WEIGHTS], *loss = NULL;
    tp_params *all = tp_module_params(m);
    int n = 0;
    for (int i = 0; i < n_in; i++)
        of[n++] = in[i];
    for (int i = 0; i < tp_params_length(all); i++)
        of[n++] = tp_params_at(all, i);
    for (int i = 0; i < n_out; i++) {
        tp_tensor *w = tp_reshape(T, tp_linspace(T, tp_dtype_of(out[i]), -1, 1.5, tp_numel(out[i])),
                                  tp_shape_of(out[i]));
        tp_tensor *sum = tp_sum(T, tp_mul(T, out[i], w));
        loss = loss ? tp_add(T, loss, sum) : sum;
    }
    ck_assert_int_eq(tp_gradients(T, 1, &loss, n, of, g, NULL), TP_OK);
    return n;
}

static void expect_alike(const net *n, tp_dtype dtype, double rtol, double atol)
{
    int64_t lengths[40], out = n->projected ? n->projected : n->hidden, rows = n->layers * (n->bidirectional ? 2 : 1);
    bool lstm = n->kind == LSTM;
    tp_module *m = make(n, dtype);
    tp_tensor *in[GIVEN] = {tp_randn(T, dtype, tp_shape(n->steps, n->batch, n->in)),
                            tp_randn(T, dtype, tp_shape(rows, n->batch, out)),
                            lstm ? tp_randn(T, dtype, tp_shape(rows, n->batch, n->hidden)) : NULL};
    tp_tensor *made[3] = {NULL}, *defined[3], *of_made[GIVEN + MOST_WEIGHTS], *of_defined[GIVEN + MOST_WEIGHTS];
    for (int i = 0; i < 2 + lstm; i++)
        tp_requires_grad(in[i], true);
    for (int64_t b = 0; b < n->batch; b++)
        lengths[b] = b * 7 % (n->steps + 1); /* 0, 1 and all of them, too */
    tp_tensor *given = n->with_lengths ? tp_from(T, TP_I64, tp_shape(n->batch), lengths) : NULL;
    tp_rnn_state s = {in[1], in[2]};
    made[0] = tp_rnn_forward(T, m, in[0], given, &s, &s);
    made[1] = s.h;
    made[2] = s.c;
    ck_no_error(T);
    define(n->kind, m, n->layers, n->bidirectional ? 2 : 1, in[0], in[1], in[2], n->with_lengths ? lengths : NULL,
           defined);
    for (int i = 0; i < 2 + lstm; i++)
        ck_assert_msg(tensors_close(made[i], defined[i], rtol, atol), "kind %d: output %d", n->kind, i);
    int count = slopes(2 + lstm, made, m, in, 2 + lstm, of_made);
    slopes(2 + lstm, defined, m, in, 2 + lstm, of_defined);
    ck_no_error(T);
    for (int i = 0; i < count; i++)
        ck_assert_msg(tensors_close(of_made[i], of_defined[i], rtol, 10 * atol), "kind %d: gradient %d", n->kind, i);
    tp_module_free(m);
    tp_tape_reset(T);
}

START_TEST(defined)
{
    for (int variant = 0; variant < 8; variant++) {
        net n = {.kind = (kind)_i,
                 .layers = 1 + variant / 4,
                 .bidirectional = variant & 1,
                 .with_lengths = variant & 2,
                 .biased = variant != 3,
                 .in = 3,
                 .hidden = 5,
                 .projected = _i == LSTM && variant > 3 ? 2 : 0,
                 .steps = 4,
                 .batch = 6};
        expect_alike(&n, TP_F64, 1e-12, 1e-13);
    }
}
END_TEST

/* Panels of weights that end within, more rows than a block has, a single step, a single sequence. */
START_TEST(defined_at_size)
{
    static const int64_t sizes[][5] = {
        {5, 37, 3, 40, 4}, {20, 66, 2, 33, 7}, {3, 16, 70, 1, 1}, {8, 50, 1, 17, 5}, {2, 1, 3, 2, 1}};
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        const int64_t *s = sizes[k];
        net n = {(kind)_i, 1, k % 2 == 0, true, k < 2, s[0], s[1], _i == LSTM && k == 1 ? s[4] : 0, s[2], s[3]};
        expect_alike(&n, TP_F64, 1e-11, 1e-12);
        expect_alike(&n, TP_F32, 1e-4, 1e-4);
    }
}
END_TEST

/* ---- the same on any number of threads ------------------------------------------------------------------------------- */

static void run_large(tp_tape *tape, void *user, tp_tensor **out)
{
    tp_module *m = user;
    tp_tensor *x = tp_requires_grad(tp_full(tape, TP_F32, tp_shape(9, 50, 40), 0.3), true), *g[2];
    out[0] = tp_forward(tape, m, x);
    tp_tensor *of[2] = {x, tp_module_param(m, "weight_hh_l0")}, *sum = tp_sum(tape, tp_square(tape, out[0]));
    tp_gradients(tape, 1, &sum, 2, of, g, NULL);
    out[1] = g[0];
    out[2] = g[1];
}

START_TEST(threads)
{
    net n = {(kind)_i, 1, true, true, false, 40, 90, 0, 0, 0};
    tp_module *m = make(&n, TP_F32);
    ck_same_on_threads(T, 3, run_large, m);
    tp_module_free(m);
}
END_TEST

/* ---- lengths ----------------------------------------------------------------------------------------------------------- */

/* What lies beyond a sequence's end counts for nothing, not even NaN; without a step the states stay. */
START_TEST(padding)
{
    tp_module *m = tp_nn_lstm(T, 2, 3, &(tp_rnn_options){.bidirectional = true, .dtype = TP_F64});
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(4, 3, 2)),
              *lengths = tp_from(T, TP_I64, tp_shape(3), (int64_t[]){0, 1, 3});
    double *at = tp_data(x);
    for (int64_t t = 0; t < 4; t++)
        for (int64_t b = 0; b < 3; b++)
            for (int64_t i = 0; i < 2 && t >= (b == 2 ? 3 : b); i++)
                at[(t * 3 + b) * 2 + i] = NAN;
    tp_requires_grad(x, true);
    tp_rnn_state s = {tp_full(T, TP_F64, tp_shape(2, 3, 3), 0.25), tp_full(T, TP_F64, tp_shape(2, 3, 3), 0.5)}, last;
    tp_tensor *y = tp_rnn_forward(T, m, x, lengths, &s, &last), *loss = tp_sum(T, y);
    for (int64_t i = 0; i < tp_numel(y); i++) {
        int64_t b = i / 6 % 3, t = i / 18;
        ck_assert(t < (b == 2 ? 3 : b) ? tp_item_at(y, i) != 0 : tp_item_at(y, i) == 0);
    }
    ck_values(tp_index(T, last.h, ":, 0"), 0, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25);
    ck_values(tp_index(T, last.c, ":, 0"), 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5);
    tp_backward(T, loss);
    for (int i = 0; i < tp_params_length(tp_module_params(m)); i++)
        ck_assert(isfinite(tp_item(tp_sum(T, tp_grad(tp_params_at(tp_module_params(m), i))))));
    ck_values(tp_index(T, tp_grad(x), "3"), 0, 0, 0, 0, 0, 0, 0);
    tp_module_free(m);
}
END_TEST

/* ---- through time, a stretch at a time -------------------------------------------------------------------------------- */

START_TEST(truncated)
{
    tp_module *m = tp_nn_gru(T, 2, 4, &(tp_rnn_options){.dtype = TP_F64});
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(6, 3, 2));
    tp_tensor *whole = tp_forward(T, m, x);
    tp_rnn_state s;
    tp_tensor *a = tp_rnn_forward(T, m, tp_narrow(T, x, 0, 0, 3), NULL, NULL, &s);
    tp_tensor *b = tp_rnn_forward(T, m, tp_narrow(T, x, 0, 3, 3), NULL, &s, &s);
    ck_assert(tensors_close(tp_cat(T, 2, (tp_tensor *[]){a, b}, 0), whole, 1e-15, 1e-15));
    /* cut: the second stretch's gradient is that of it alone, from a state that is given */
    tp_tensor *w = tp_module_param(m, "weight_hh_l0"), *sum = tp_sum(T, b), *all, *cut, *alone;
    tp_gradients(T, 1, &sum, 1, &w, &all, &(tp_gradients_options){.retain_graph = true});
    tp_rnn_forward(T, m, tp_narrow(T, x, 0, 0, 3), NULL, NULL, &s);
    s.h = tp_detach(T, s.h);
    sum = tp_sum(T, tp_rnn_forward(T, m, tp_narrow(T, x, 0, 3, 3), NULL, &s, NULL));
    tp_gradients(T, 1, &sum, 1, &w, &cut, NULL);
    tp_rnn_state copy = {tp_clone(T, s.h), NULL};
    sum = tp_sum(T, tp_rnn_forward(T, m, tp_narrow(T, x, 0, 3, 3), NULL, &copy, NULL));
    tp_gradients(T, 1, &sum, 1, &w, &alone, NULL);
    ck_assert(tensors_identical(cut, alone));
    ck_assert(!tensors_close(cut, all, 1e-3, 1e-3));
    tp_module_free(m);
}
END_TEST

/* ---- options -------------------------------------------------------------------------------------------------------- */

/* Batch first, without a batch, by a cell, and the whole net at once are the same. */
START_TEST(arranged)
{
    tp_module *m = tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.dtype = TP_F64, .num_layers = 2});
    tp_module *first = tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.dtype = TP_F64, .num_layers = 2, .batch_first = true});
    tp_state_dict *d = tp_module_state_dict(T, m);
    tp_module_load_state_dict(T, first, d->n, d->names, d->tensors, NULL);
    tp_state_dict_free(d);
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(5, 1, 3)), *y = tp_forward(T, m, x);
    ck_assert(tensors_identical(tp_transpose(T, tp_forward(T, first, tp_transpose(T, x, 0, 1)), 0, 1), y));
    tp_rnn_state s;
    ck_assert(
        tensors_identical(tp_rnn_forward(T, first, tp_squeeze_dim(T, x, 1), NULL, NULL, &s), tp_squeeze_dim(T, y, 1)));
    ck_assert_int_eq(tp_ndim(s.h), 2);
    ck_assert(tensors_identical(tp_select(T, s.h, 0, 1), tp_index(T, y, "4, 0")));
    tp_module_free(m);
    tp_module_free(first);
}
END_TEST

START_TEST(cells)
{
    tp_module *layer = tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.dtype = TP_F64});
    tp_module *cell = tp_nn_lstm_cell(T, 3, 4, &(tp_rnn_cell_options){.dtype = TP_F64});
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    for (int i = 0; i < 4; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_l0", names[i]);
        tp_copy_into(T, tp_module_param(cell, names[i]), tp_module_param(layer, name));
    }
    tp_tensor *x = tp_randn(T, TP_F64, tp_shape(3, 2, 3)), *y = tp_forward(T, layer, x);
    tp_tensor *state[3] = {NULL};
    for (int64_t t = 0; t < 3; t++) {
        tp_tensor *in[3] = {tp_select(T, x, 0, t), state[0], state[1]};
        ck_assert_int_eq(tp_forward_n(T, cell, t ? 3 : 1, in, 2, state), TP_OK);
        ck_assert(tensors_close(state[0], tp_select(T, y, 0, t), 1e-14, 1e-14));
    }
    tp_tensor *one = tp_forward(T, cell, tp_index(T, x, "0, 0"));
    ck_assert_int_eq(tp_ndim(one), 1);
    ck_assert(tensors_close(one, tp_index(T, y, "0, 0"), 1e-14, 1e-14));
    tp_module_free(layer);
    tp_module_free(cell);
}
END_TEST

/* In training a part of what goes from a layer to the next is dropped; behind the last nothing is. */
START_TEST(dropped)
{
    tp_module *m = tp_nn_gru(T, 3, 8, &(tp_rnn_options){.num_layers = 2, .dropout = 1});
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(4, 2, 3)), *zeros = tp_zeros_like(T, x);
    ck_assert(tensors_identical(tp_forward(T, m, x), tp_forward(T, m, zeros)));
    tp_module_eval(m);
    ck_assert(!tensors_identical(tp_forward(T, m, x), tp_forward(T, m, zeros)));
    tp_module_free(m);
    m = tp_nn_gru(T, 3, 8, &(tp_rnn_options){.dropout = 1});
    ck_assert(!tensors_identical(tp_forward(T, m, x), tp_forward(T, m, zeros)));
    tp_module_free(m);
}
END_TEST

/* ---- far from 0 ------------------------------------------------------------------------------------------------------- */

/* Gates that are open or closed all the way have slopes that are right, or 0, and never NaN. (Of a GRU's second step they go by
 * the difference of numbers near 1, of which float32 has few digits.) */
START_TEST(saturated)
{
    static const double far[] = {20, 40, 90, 1e4, 1e30, -20, -90, -1e30};
    for (size_t k = 0; k < LENGTH(far); k++) {
        net n = {(kind)_i, 1, false, true, false, 1, 1, 0, 0, 0};
        int64_t steps = _i == GRU ? 1 : 2;
        tp_tensor *slope[2];
        for (int wide = 0; wide < 2; wide++) {
            tp_module *m = make(&n, wide ? TP_F64 : TP_F32);
            tp_params *all = tp_module_params(m);
            for (int i = 0; i < tp_params_length(all); i++)
                tp_fill_(T, tp_params_at(all, i), 1);
            tp_tensor *x = tp_requires_grad(tp_full(T, wide ? TP_F64 : TP_F32, tp_shape(steps, 1, 1), far[k]), true);
            tp_tensor *sum = tp_sum(T, tp_forward(T, m, x));
            tp_gradients(T, 1, &sum, 1, &x, &slope[wide], NULL);
            ck_assert(isfinite(tp_item(sum)) || _i == RELU);
            tp_module_free(m);
        }
        for (int64_t i = 0; i < steps; i++) {
            double a = tp_item_at(slope[0], i), b = tp_item_at(slope[1], i);
            ck_assert_msg(fabs(a - b) <= 1e-4 * fabs(b) + 1e-37, "%g: %g, not %g", far[k], a, b);
        }
    }
}
END_TEST

/* ---- what is refused ---------------------------------------------------------------------------------------------------- */

START_TEST(refusals)
{
    tp_module *m = tp_nn_lstm(T, 3, 4, NULL), *linear = tp_nn_linear(T, 3, 4, NULL);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(5, 2, 3)), *h = tp_zeros(T, TP_F32, tp_shape(1, 2, 4));
    tp_tensor *late = tp_from(T, TP_I64, tp_shape(2), (int64_t[]){5, 6});
    ck_refused(T, tp_forward(T, m, tp_randn(T, TP_F32, tp_shape(5, 2, 4))), "LSTM: x is [5, 2, 4]; [steps, batch, in]");
    ck_refused(T, tp_forward(T, m, tp_randn(T, TP_F32, tp_shape(3))), "LSTM: x is [3]");
    ck_refused(T, tp_forward(T, m, tp_to(T, x, TP_F64)), "one dtype is needed");
    ck_refused(T, tp_rnn_forward(T, m, x, late, NULL, NULL), "length 6; 0 to 5 is needed");
    ck_refused(T, tp_rnn_forward(T, m, x, NULL, &(tp_rnn_state){h, NULL}, NULL), "c");
    ck_refused(T, tp_rnn_forward(T, m, x, NULL, &(tp_rnn_state){h, x}, NULL), "c is [5, 2, 3]; [1, 2, 4] is needed");
    ck_refused(T, tp_rnn_forward(T, linear, x, NULL, NULL, NULL), "the module is Linear; RNN, LSTM or GRU is needed");
    ck_assert_ptr_null(tp_nn_gru(T, 3, 4, &(tp_rnn_options){.proj_size = 2}));
    ck_error(T, TP_EINVAL, "0 is needed of all but an LSTM");
    ck_assert_ptr_null(tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.proj_size = 4}));
    ck_error(T, TP_EINVAL, "proj_size is 4, hidden is 4");
    ck_assert_ptr_null(tp_nn_lstm(T, 3, 0, NULL));
    ck_error(T, TP_EINVAL, "hidden is 0; 1 or more is needed");
    ck_assert_ptr_null(tp_nn_lstm(T, 3, 4, &(tp_rnn_options){.relu = true}));
    ck_error(T, TP_EINVAL, "relu");
    tp_module_free(m);
    tp_module_free(linear);
}
END_TEST

START_TEST(printed)
{
    tp_rnn_options o = {
        .num_layers = 2, .no_bias = true, .batch_first = true, .dropout = 0.5, .bidirectional = true, .proj_size = 3};
    ck_printed(tp_nn_lstm(T, 10, 20, &o), "LSTM(10, 20, proj_size=3, num_layers=2, bias=False, batch_first=True, "
                                          "dropout=0.5, bidirectional=True)");
    ck_printed(tp_nn_rnn(T, 10, 20, &(tp_rnn_options){.relu = true}), "RNN(10, 20)");
    ck_printed(tp_nn_rnn_cell(T, 10, 20, &(tp_rnn_cell_options){.relu = true, .no_bias = true}),
               "RNNCell(10, 20, bias=False, nonlinearity=relu)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recurrent");
    TCase *t = tcase_create("recurrent");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, defined, 0, 4);
    tcase_add_loop_test(t, defined_at_size, 0, 4);
    tcase_add_loop_test(t, threads, 0, 4);
    tcase_add_test(t, padding);
    tcase_add_test(t, truncated);
    tcase_add_test(t, arranged);
    tcase_add_test(t, cells);
    tcase_add_test(t, dropped);
    tcase_add_loop_test(t, saturated, 0, 4);
    tcase_add_test(t, refusals);
    tcase_add_test(t, printed);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
