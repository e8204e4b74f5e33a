/* test_embedding.c - tables: rows alone and in bags, and gradients that know which rows they have. */
#include "support/alloc.h"
#include "support/support.h"

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 3);
}
static void teardown(void)
{
    ck_assert_msg(tp_error(T) == NULL, "%s", tp_error(T));
    tp_tape_free(T);
}

#define INDEX(...) tp_from(T, TP_I64, tp_shape((int64_t)LENGTH(((int64_t[]){__VA_ARGS__}))), (int64_t[]){__VA_ARGS__})

/* rows x 2: 0 1, 2 3, ... */
static tp_tensor *table(int64_t rows)
{
    tp_tensor *w = tp_reshape(T, tp_arange(T, TP_F64, 0, 2 * (double)rows, 1), tp_shape(rows, 2));
    return tp_requires_grad(tp_detach(T, w), true);
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

START_TEST(rows)
{
    tp_tensor *w = table(4), *y = tp_embedding(T, INDEX(3, 0, 3), w, &(tp_embedding_options){.has_padding = true});
    ck_values(y, 0, 6, 7, 0, 1, 6, 7);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(w), 0, 0, 0, 0, 0, 0, 0, 2, 2);
    tp_zero_grad(w);
    y = tp_embedding(T, tp_to(T, INDEX(3, 1, 3), TP_I32), w,
                     &(tp_embedding_options){.has_padding = true, .padding_idx = -3, .scale_grad_by_freq = true});
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(w), 0, 0, 0, 0, 0, 0, 0, 1, 1);
}
END_TEST

/* Rows that are too long are made shorter in the table, before they are read; a table may be read twice so. */
START_TEST(normed)
{
    tp_tensor *w = table(3), *one = tp_keep(w);
    tp_requires_grad(one, true);
    tp_embedding_options o = {.max_norm = 1.5};
    tp_tensor *a = tp_embedding(T, INDEX(0, 1), one, &o), *b = tp_embedding(T, INDEX(1, 2), one, &o);
    double by = 1.5 / (sqrt(13) + 1e-7), last = 1.5 / (sqrt(41) + 1e-7);
    ck_values(a, 1e-14, 0, 1, 2 * by, 3 * by);
    ck_values(b, 1e-14, 2 * by, 3 * by, 4 * last, 5 * last);
    tp_backward(T, tp_sum(T, tp_add(T, a, b)));
    ck_values(tp_grad(one), 0, 1, 1, 2, 2, 1, 1);
    ck_values(tp_embedding(T, INDEX(2), one, &(tp_embedding_options){.max_norm = 1, .norm_type = 1}), 1e-7, 4. / 9,
              5. / 9);
    tp_tape_reset(T);
    tp_free(one);
}
END_TEST

START_TEST(bags)
{
    tp_tensor *w = table(4), *index = INDEX(0, 3, 1, 2), *offsets = INDEX(0, 1, 1, 4);
    tp_embedding_bag_options o = {.offsets = offsets, .mode = TP_BAG_SUM};
    ck_values(tp_embedding_bag(T, index, w, &o), 0, 0, 1, 0, 0, 12, 15, 0, 0);
    o.include_last_offset = true;
    ck_values(tp_embedding_bag(T, index, w, &o), 0, 0, 1, 0, 0, 12, 15);
    o.mode = TP_BAG_MEAN;
    o.has_padding = true;
    o.padding_idx = 3;
    ck_values(tp_embedding_bag(T, index, w, &o), 0, 0, 1, 0, 0, 3, 4);
    o.mode = TP_BAG_MAX;
    ck_values(tp_embedding_bag(T, index, w, &o), 0, 0, 1, 0, 0, 4, 5);
    ck_values(tp_embedding_bag(T, tp_reshape(T, index, tp_shape(2, 2)), w, NULL), 0, 3, 4, 3, 4);
    o = (tp_embedding_bag_options){.mode = TP_BAG_SUM, .scale_grad_by_freq = true};
    o.per_sample_weights = tp_reshape(T, tp_from(T, TP_F64, tp_shape(4), (double[]){1, 2, -1, 0.5}), tp_shape(2, 2));
    tp_tensor *y = tp_embedding_bag(T, tp_reshape(T, INDEX(1, 1, 3, 0), tp_shape(2, 2)), w, &o);
    ck_values(y, 0, 6, 9, -6, -6.5);
    tp_backward(T, tp_sum(T, y));
    ck_values(tp_grad(w), 0, 0.5, 0.5, 1.5, 1.5, 0, 0, -1, -1);
}
END_TEST

START_TEST(refusals)
{
    tp_tensor *w = table(4), *index = INDEX(0, 4);
    ck_refused(T, tp_embedding(T, index, w, NULL), "index 4; 0 to 3 is needed");
    ck_refused(T, tp_embedding(T, index, w, &(tp_embedding_options){.max_norm = 1}), "index 4; 0 to 3 is needed");
    ck_refused(T, tp_embedding(T, INDEX(-1), w, NULL), "index -1; 0 to 3 is needed");
    ck_refused(T, tp_embedding(T, INDEX(1), tp_sum(T, w), NULL), "weight is []");
    ck_refused(T, tp_embedding(T, w, w, NULL), "int64 is needed");
    ck_refused(T, tp_embedding(T, INDEX(1), w, &(tp_embedding_options){.has_padding = true, .padding_idx = 4}),
               "-4 to 3");
    ck_refused(T, tp_embedding(T, INDEX(1), w, &(tp_embedding_options){.max_norm = -1}), "max_norm is -1");
    tp_embedding_bag_options o = {.offsets = INDEX(1, 2)};
    ck_refused(T, tp_embedding_bag(T, INDEX(1, 2), w, NULL), "offsets are not there");
    ck_refused(T, tp_embedding_bag(T, INDEX(1, 2), w, &o), "offset 0 is 1; 0 to 0 is needed");
    o.offsets = INDEX(0, 2, 1);
    ck_refused(T, tp_embedding_bag(T, INDEX(1, 2), w, &o), "offset 2 is 1; 2 to 2 is needed");
    o.offsets = INDEX(0, 1);
    o.per_sample_weights = tp_ones(T, TP_F64, tp_shape(2));
    ck_refused(T, tp_embedding_bag(T, INDEX(1, 2), w, &o), "TP_BAG_SUM is needed");
    o = (tp_embedding_bag_options){.offsets = INDEX(0), .mode = TP_BAG_MAX, .sparse = true};
    ck_refused(T, tp_embedding_bag(T, INDEX(1, 2), w, &o), "a mean or a sum is needed");
}
END_TEST

/* ---- gradients that know their rows ------------------------------------------------------------------------------------ */

enum { ROWS = 300, COLUMNS = 5 };

static tp_optim *optimizer(int kind, tp_params *p)
{
    if (kind == 0)
        return tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 0.1});
    if (kind == 1)
        return tp_optim_sgd(T, p, &(tp_sgd_options){.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01});
    if (kind == 2)
        return tp_optim_adagrad(T, p, NULL);
    return kind == 3 ? tp_optim_sparse_adam(T, p, NULL) : tp_optim_adam(T, p, NULL);
}

/* What happens to gradients between backward and step, in turn. */
static void meddle(int step, tp_module *m)
{
    tp_tensor *w = tp_module_param(m, "0.weight"), *g = tp_grad(w);
    if (step % 7 == 3)
        ((double *)tp_data(g))[(ROWS - 1) * COLUMNS] = 0.5; /* by pointer */
    if (step % 7 == 4)
        tp_fill_(T, tp_narrow(T, g, 0, 7, 1), 0.25); /* in place */
    if (step % 7 == 5)
        tp_params_clip_grad_norm(T, tp_module_params(m), 0.5);
    if (step % 7 == 6)
        tp_set_grad(T, w, tp_full(T, TP_F64, tp_shape(ROWS, COLUMNS), 0.125));
}

static tp_module *net(bool sparse)
{
    tp_manual_seed(T, 11);
    return tp_nn_module_list(
        T, tp_nn_embedding(T, ROWS, COLUMNS, &(tp_nn_embedding_options){.sparse = sparse, .dtype = TP_F64}),
        tp_nn_linear(T, COLUMNS, 1, &(tp_linear_options){.dtype = TP_F64}),
        tp_nn_embedding_bag(T, ROWS, COLUMNS, &(tp_nn_embedding_options){.sparse = sparse, .dtype = TP_F64}));
}

static void train(tp_module *m, tp_optim *o, int steps, bool tied)
{
    tp_manual_seed(T, 12);
    for (int step = 0; step < steps; step++) {
        tp_tensor *index = tp_randint(T, TP_I64, tp_shape(2, 6), 0, step % 3 ? ROWS : 20),
                  *w = tp_module_param(m, "0.weight");
        if (step % 5 != 4) /* else what was is added to */
            tp_optim_zero_grad(o);
        tp_tensor *y = tp_add(T, tp_sum_dim(T, tp_forward(T, tp_nn_at(m, 0), index), 1, false),
                              tp_forward(T, tp_nn_at(m, 2), index));
        y = tp_forward(T, tp_nn_at(m, 1), y);
        if (tied && step % 2)
            y = tp_add(T, y, tp_mul_scalar(T, tp_sum(T, tp_square(T, w)), 0.01));
        tp_backward(T, tp_sum(T, tp_square(T, y)));
        meddle(step, m);
        tp_optim_step(T, o);
        ck_no_error(T);
        tp_tape_reset(T);
    }
}

/* Whatever happens to the gradient, steps are the same as with one that knows nothing of its rows. */
START_TEST(sparse)
{
    for (int tied = 0; tied < 2; tied++) {
        tp_module *a = net(false), *b = net(true);
        tp_optim *of_a = optimizer(_i, tp_module_params(a)), *of_b = optimizer(_i, tp_module_params(b));
        train(a, of_a, 30, tied);
        train(b, of_b, 30, tied);
        for (int i = 0; i < tp_params_length(tp_module_params(a)); i++) {
            tp_tensor *x = tp_params_at(tp_module_params(a), i), *y = tp_params_at(tp_module_params(b), i);
            ck_assert_msg(tensors_close(x, y, 1e-11, 1e-13), "parameter %d", i); /* norms are of other stretches */
            ck_assert_msg(tensors_close(tp_grad(x), tp_grad(y), 1e-11, 1e-13), "gradient %d", i);
        }
        tp_optim_free(of_a);
        tp_optim_free(of_b);
        tp_module_free(a);
        tp_module_free(b);
    }
}
END_TEST

/* A step looks at the rows that were used alone: others may hold what no update could pass over. */
START_TEST(others_untouched)
{
    tp_module *m = tp_nn_embedding(T, ROWS, COLUMNS, &(tp_nn_embedding_options){.sparse = true});
    tp_params *set = tp_module_params(m);
    tp_tensor *w = tp_module_param(m, "weight");
    tp_optim *o = tp_optim_sgd(T, set, &(tp_sgd_options){.lr = 0.1});
    float *at = tp_data(w);
    for (int step = 0; step < 3; step++) {
        tp_optim_zero_grad(o);
        tp_backward(T, tp_sum(T, tp_forward(T, m, INDEX(step, 17, 17))));
        tp_optim_step(T, o);
        if (step == 0) { /* 0 times 0.1 of an infinity would be none */
            float *g = tp_data(tp_grad(w));
            tp_optim_zero_grad(o);
            tp_backward(T, tp_sum(T, tp_forward(T, m, INDEX(1, 17, 17))));
            g[40 * COLUMNS] = INFINITY; /* by a pointer from before: nobody is told */
        }
        ck_assert(isfinite(at[40 * COLUMNS]));
        tp_tape_reset(T);
    }
    tp_optim_free(o);
    tp_module_free(m);
}
END_TEST

/* Without memory for the list all is as without it. */
START_TEST(no_memory)
{
    for (long fail = 1; fail < 12; fail++) {
        tp_module *m = tp_nn_embedding(T, ROWS, COLUMNS, &(tp_nn_embedding_options){.sparse = true, .dtype = TP_F64});
        tp_tensor *w = tp_module_param(m, "weight"), *y = tp_forward(T, m, INDEX(3, 9, 3));
        alloc_fail_at(fail);
        tp_backward(T, tp_sum(T, y));
        alloc_fail_at(0);
        if (tp_error(T) == NULL)
            for (int64_t i = 0; i < ROWS * COLUMNS; i++)
                ck_assert(tp_item_at(tp_grad(w), i) == (i / COLUMNS == 3 ? 2 : i / COLUMNS == 9));
        tp_clear_error(T);
        tp_module_free(m);
        tp_tape_reset(T);
    }
}
END_TEST

START_TEST(printed)
{
    tp_nn_embedding_options o = {.has_padding = true,
                                 .padding_idx = -1,
                                 .max_norm = 2,
                                 .norm_type = 1,
                                 .sparse = true,
                                 .scale_grad_by_freq = true};
    ck_printed(tp_nn_embedding(T, 5, 3, &o),
               "Embedding(5, 3, padding_idx=4, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, sparse=True)");
    o.mode = TP_BAG_SUM;
    ck_printed(tp_nn_embedding_bag(T, 5, 3, &o),
               "EmbeddingBag(5, 3, max_norm=2.0, norm_type=1.0, scale_grad_by_freq=True, mode=sum, padding_idx=4)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embedding");
    TCase *t = tcase_create("embedding");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, rows);
    tcase_add_test(t, normed);
    tcase_add_test(t, bags);
    tcase_add_test(t, refusals);
    tcase_add_loop_test(t, sparse, 0, 5);
    tcase_add_test(t, others_untouched);
    tcase_add_test(t, no_memory);
    tcase_add_test(t, printed);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
