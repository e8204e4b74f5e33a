/* test_training.c - a whole training program: it learns, asks the system for nothing once warm, survives the
 * failure of any allocation, and keeps its parameters whatever fails. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/support.h"

#include <unistd.h>

enum { ROWS = 64, IN = 12, CLASSES = 3, BATCH = 16, EPOCHS = 2 };

static float xs[ROWS * IN];
static int64_t ys[ROWS];

static void make_data(void)
{
    for (int i = 0; i < ROWS; i++) {
        ys[i] = i % CLASSES;
        for (int j = 0; j < IN; j++)
            xs[i * IN + j] = (float)((i * 31 + j * 17) % 13) / 13 + (j == ys[i] ? 1.5f : 0);
    }
}

typedef struct {
    tp_tape *T;
    tp_module *net;
    tp_optim *optim;
    tp_loader *loader;
    tp_tensor *data[2];
} program;

static bool build(program *p)
{
    *p = (program){.T = tp_tape_new()};
    tp_tape *T = p->T;
    tp_manual_seed(T, 1);
    p->data[0] = tp_keep(tp_wrap(T, TP_F32, tp_shape(ROWS, IN), xs));
    p->data[1] = tp_keep(tp_wrap(T, TP_I64, tp_shape(ROWS), ys));
    p->loader = tp_loader_new(T, 2, p->data, &(tp_loader_options){.batch_size = BATCH, .shuffle = true});
    p->net = tp_nn_sequential(T, tp_nn_linear(T, IN, 8, NULL), tp_nn_relu(T), tp_nn_dropout(T, 0.1),
                              tp_nn_linear(T, 8, CLASSES, NULL));
    p->optim = tp_optim_adam(T, tp_module_params(p->net), &(tp_adam_options){.lr = 0.02});
    return p->optim && p->loader && !tp_error(T);
}

static void tear_down(program *p)
{
    tp_optim_free(p->optim);
    tp_module_free(p->net);
    tp_loader_free(p->loader);
    tp_free(p->data[0]);
    tp_free(p->data[1]);
    tp_tape_free(p->T);
}

static double epoch(program *p)
{
    tp_tape *T = p->T;
    tp_tensor *batch[2];
    double sum = 0;
    tp_loader_start(T, p->loader);
    while (tp_loader_next(T, p->loader, batch)) {
        tp_tensor *loss = tp_cross_entropy(T, tp_forward(T, p->net, batch[0]), batch[1], NULL);
        tp_optim_zero_grad(p->optim);
        tp_backward(T, loss);
        tp_params_clip_grad_norm(T, tp_module_params(p->net), 5);
        tp_optim_step(T, p->optim);
        sum += tp_item(loss);
        tp_tape_reset(T);
    }
    return sum;
}

START_TEST(learns)
{
    program p;
    int64_t counts[CLASSES * CLASSES] = {0};
    ck_assert(build(&p));
    for (int e = 0; e < 60; e++)
        epoch(&p);
    tp_module_train(p.net, false);
    tp_confusion_add(p.T, tp_forward(p.T, p.net, p.data[0]), p.data[1], CLASSES, counts);
    ck_no_error(p.T);
    ck_assert_int_ge(counts[0] + counts[4] + counts[8], ROWS * 95 / 100);
    tear_down(&p);
}
END_TEST

/* Once warm, a step asks the system for nothing: neither by the tape's own count nor by malloc's. */
START_TEST(warm_steps_allocate_nothing)
{
    program p;
    ck_assert(build(&p));
    epoch(&p);
    tp_memory before = tp_tape_memory(p.T);
    alloc_fail_at(0);
    for (int e = 0; e < 3; e++)
        epoch(&p);
    long requests = alloc_requests();
    ck_no_error(p.T);
    ck_assert_int_eq(requests, 0);
    ck_assert_int_eq(tp_tape_memory(p.T).system_allocations, before.system_allocations);
    tear_down(&p);
}
END_TEST

static void checksum(program *p, double *sum)
{
    tp_params *q = tp_module_params(p->net);
    *sum = 0;
    for (int i = 0; i < tp_params_length(q); i++)
        for (int64_t k = 0; k < tp_numel(tp_params_at(q, i)); k++)
            *sum += tp_item_at(tp_params_at(q, i), k) * (double)(k + 1 + 100 * i);
}

/* Fails the n-th allocation of the whole program, from the tape to the saved model, for every n. */
START_TEST(any_allocation_may_fail)
{
    char path[] = "/tmp/tapir_test_XXXXXX", part[40];
    close(mkstemp(path));
    snprintf(part, sizeof part, "%s.part", path);
    for (int alone = 0; alone < 2; alone++)
        for (long n = 1;; n++) {
            program p;
            ck_assert_int_lt(n, 5000);
            long long live = alloc_live();
            (alone ? alloc_fail_at : alloc_fail_from)(n);
            if (build(&p))
                for (int e = 0; e < EPOCHS; e++)
                    epoch(&p);
#ifdef HAVE_JANSSON
            if (p.net)
                tp_module_save(p.T, p.net, path);
#endif
            bool reached = alloc_requests() >= n;
            alloc_fail_at(0);
            /* tp_module_params has no tape to leave a message in: NULL says it, and tp_optim_adam says it of NULL */
            bool no_set = p.T && tp_error(p.T) && strstr(tp_error(p.T), "the parameter set is NULL");
            tp_status status = p.T == NULL || no_set ? TP_ENOMEM : tp_error_status(p.T);
            tear_down(&p);
            live -= alloc_live();
            ck_assert_msg((status != TP_OK) == reached, "allocation %ld failed, and nobody said so", n);
            ck_assert_msg(!reached || status == TP_ENOMEM, "allocation %ld: %s", n, tp_status_name(status));
            ck_assert_msg(live == 0, "allocation %ld failed, and %lld blocks leak", n, -live);
            ck_assert_msg(access(part, F_OK) != 0, "allocation %ld: a part of a file is left behind", n);
            if (!reached)
                break;
        }
    unlink(path);
}
END_TEST

/* Parameters of a trained network stay as they are when a later step runs out of memory anywhere. */
START_TEST(parameters_survive)
{
    program p;
    ck_assert(build(&p));
    for (int i = 0; i < 2; i++)
        epoch(&p);
    double before, after;
    checksum(&p, &before);
    for (long n = 1; n < 400; n++) {
        tp_tape *fresh = tp_tape_new(), *own = p.T; /* a cold tape, so that there are allocations to fail */
        p.T = fresh;
        alloc_fail_from(n);
        tp_tensor *x = tp_wrap(fresh, TP_F32, tp_shape(ROWS, IN), xs), *y = tp_wrap(fresh, TP_I64, tp_shape(ROWS), ys);
        tp_tensor *loss = tp_cross_entropy(fresh, tp_forward(fresh, p.net, x), y, NULL);
        tp_backward(fresh, loss);
        bool reached = alloc_requests() >= n;
        alloc_fail_at(0);
        if (reached)
            tp_optim_step(fresh, p.optim);
        bool said = tp_error(fresh) != NULL;
        tp_tape_free(fresh);
        p.T = own;
        ck_assert_int_eq(said, reached);
        checksum(&p, &after);
        ck_assert(before == after);
        if (!reached)
            break;
    }
    tear_down(&p);
}
END_TEST

int main(void)
{
    make_data();
    Suite *suite = suite_create("training");
    TCase *t = tcase_create("training");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, learns);
    tcase_add_test(t, warm_steps_allocate_nothing);
    tcase_add_test(t, any_allocation_may_fail);
    tcase_add_test(t, parameters_survive);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
