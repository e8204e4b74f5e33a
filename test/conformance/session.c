/* session.c - a first session with PyTorch, repeated: draws, norms and their gradients, then logistic
 * regression trained with the same generator. */
#include "groups.h"

#include <stdio.h>
#include <string.h>

static const tolerance exact = {0, 0};

bool session_known(const char *op) { return strcmp(op, "seed_session") == 0; }

/* ---- tensors and gradients ------------------------------------------------------------------- */

static void expect(test_case *c, const char *name, tp_tensor *got, tolerance allowed)
{
    check_stored(c, got, "", name, allowed);
}

static void expect_gradient(test_case *c, const char *name, tp_tensor *of, tp_tensor *x, tolerance allowed)
{
    tp_tensor *g = NULL;
    tp_gradients(c->T, 1, &of, 1, &x, &g, &(tp_gradients_options){.retain_graph = true});
    expect(c, name, g, allowed);
}

static void norms(test_case *c, tp_dtype dtype)
{
    const double v[] = {3, 1, 4, 1, 5, 9, 2};
    tp_tape *T = c->T;
    tolerance allowed = case_tolerance(c, "");
    tp_tensor *x = tp_requires_grad(tp_to(T, tp_from(T, TP_F64, tp_shape(7), v), dtype), true);
    tp_tensor *A = tp_randn(T, dtype, tp_shape(3, 7));
    expect(c, "x", x, exact);
    expect(c, "A", A, exact);
    expect(c, "mv", tp_mv(T, A, x), allowed);
    expect(c, "matmul", tp_matmul(T, A, x), allowed);

    tp_tensor *y = tp_abs(T, x), *l1 = tp_sum(T, y);
    expect(c, "abs", y, exact);
    expect(c, "l1", l1, allowed);
    tp_backward(T, l1);
    expect(c, "grad_after_first", tp_grad(x), allowed);
    tp_tensor *root = tp_abs(T, x), *ones = tp_ones_like(T, x);
    tp_backward_from(T, 1, &root, &(tp_backward_options){.grad_outputs = &ones});
    expect(c, "grad_after_second", tp_grad(x), allowed);

    tp_tensor *z = tp_pow_scalar(T, x, 2), *sum_z = tp_sum(T, z), *l2 = tp_sqrt(T, sum_z);
    l1 = tp_sum(T, tp_abs(T, x));
    tp_tensor *sparsity = tp_div(T, l2, l1);
    expect(c, "z", z, allowed);
    expect(c, "sum_z", sum_z, allowed);
    expect(c, "l2", l2, allowed);
    expect(c, "sparsity", sparsity, allowed);
    expect_gradient(c, "autograd_grad_l1", l1, x, allowed);
    expect_gradient(c, "autograd_grad_l2", l2, x, allowed);
    expect_gradient(c, "autograd_grad_sparsity", sparsity, x, allowed);
    expect(c, "grad_unchanged", tp_grad(x), allowed);
}

/* ---- training -------------------------------------------------------------------------------- */

typedef struct {
    tp_dtype dtype;
    int64_t p, batch;
    tolerance losses, rest;
} training;

/* The stored tensors of all steps, one row a step. */
enum { BATCHES, PRED, LOSS, WEIGHT, BIAS, WEIGHT_GRAD, BIAS_GRAD, HISTORIES };
static const char *const history_names[HISTORIES] = {"batches", "pred",        "loss",     "weight",
                                                     "bias",    "weight_grad", "bias_grad"};

static void expect_row(test_case *c, int which, tp_tensor *const *history, int step, tp_tensor *got, tolerance allowed)
{
    char label[64];
    bool recorded = tp_tape_record(c->T, false);
    tp_tensor *want = tp_select(c->T, history[which], 0, step);
    if (got != NULL && tp_numel(got) == tp_numel(want))
        got = tp_reshape(c->T, got, tp_shape_of(want));
    snprintf(label, sizeof label, "%s in step %d", history_names[which], step);
    check(c, label, got, want, allowed);
    tp_tape_record(c->T, recorded);
}

static void train_step(test_case *c, const training *t, tp_optim *optimizer, tp_tensor *const *history, int step)
{
    tp_tape *T = c->T;
    tp_tensor *weight = tp_module_param(c->module, "weight"), *bias = tp_module_param(c->module, "bias");
    tp_tensor *x = tp_randn(T, t->dtype, tp_shape(t->batch, t->p));
    tp_tensor *y = tp_mul_scalar(T, tp_add_scalar(T, tp_sign(T, tp_index(T, x, ":, 0:1")), 1), .5);
    tp_tensor *pred = tp_sigmoid(T, tp_forward(T, c->module, x));
    tp_tensor *loss = tp_binary_cross_entropy(T, pred, y, TP_MEAN);
    tp_optim_zero_grad(optimizer);
    tp_backward(T, loss);
    expect_row(c, BATCHES, history, step, x, exact);
    expect_row(c, PRED, history, step, pred, t->rest);
    expect_row(c, LOSS, history, step, loss, t->losses);
    expect_row(c, WEIGHT_GRAD, history, step, tp_grad(weight), t->rest);
    expect_row(c, BIAS_GRAD, history, step, tp_grad(bias), t->rest);
    tp_optim_step(T, optimizer);
    expect_row(c, WEIGHT, history, step, weight, t->rest);
    expect_row(c, BIAS, history, step, bias, t->rest);
}

static void train(test_case *c, const training *t)
{
    tp_tensor *history[HISTORIES];
    double lr = json_number_value(json_object_get(c->json, "lr"));
    int steps = (int)json_integer_value(json_object_get(c->json, "steps"));
    c->module = tp_nn_linear(c->T, t->p, 1, &(tp_linear_options){.dtype = t->dtype});
    expect(c, "weight0", tp_module_param(c->module, "weight"), exact);
    expect(c, "bias0", tp_module_param(c->module, "bias"), exact);
    for (int i = 0; i < HISTORIES && case_ok(c); i++)
        history[i] = case_keep(c, case_tensor(c, "", history_names[i]));
    if (!case_ok(c))
        return;
    tp_optim *optimizer = tp_optim_sgd(c->T, tp_module_params(c->module), &(tp_sgd_options){.lr = lr});
    for (int step = 0; step < steps && case_ok(c); step++) {
        train_step(c, t, optimizer, history, step);
        tp_tape_reset(c->T);
    }
    tp_optim_free(optimizer);
}

void run_session(test_case *c)
{
    training t = {.dtype = case_dtype(c),
                  .p = json_integer_value(json_object_get(c->json, "p")),
                  .batch = json_integer_value(json_object_get(c->json, "batch")),
                  .rest = case_tolerance(c, "")};
    t.losses = t.dtype == TP_F32 ? (tolerance){1e-6, 0} : t.rest;
    tp_manual_seed(c->T, (uint64_t)json_integer_value(json_object_get(c->json, "seed")));
    norms(c, t.dtype);
    if (case_ok(c))
        train(c, &t);
}
