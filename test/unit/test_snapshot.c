/* test_snapshot.c - a training in one file: it goes on bit for bit, whenever it was killed; what does not fit changes nothing. */
#define _DEFAULT_SOURCE
#include "support/alloc.h"
#include "support/support.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[] = "/tmp/tapir_test_XXXXXX", path[64];
static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/run.safetensors", directory);
}

static void teardown(void)
{
    static const char *const ends[] = {"", ".1", ".2", ".3", ".final"};
    for (size_t i = 0; i < LENGTH(ends); i++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
    char remove[96]; /* what a killed child was writing */
    snprintf(remove, sizeof remove, "rm -rf %s", directory);
    ck_assert_int_eq(system(remove), 0);
    tp_tape_free(T);
}

/* ---- a training ------------------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_module *net;
    tp_optim *optim;
    tp_schedule *schedule;
    tp_loader *loader;
    tp_snapshot *snapshot;
    tp_tensor *losses; /* of each epoch */
    int64_t epoch, steps;
    double best;
} training;

enum { EPOCHS = 5, ROWS = 40, BATCH = 8 };

static void begin(tp_tape *tape, training *t)
{
    *t = (training){.best = INFINITY};
    tp_manual_seed(tape, 7);
    tp_tensor *data[2] = {tp_randn(tape, TP_F32, tp_shape(ROWS, 6)), tp_randn(tape, TP_F32, tp_shape(ROWS, 2))};
    t->net = tp_nn_sequential(tape, tp_nn_linear(tape, 6, 12, NULL), tp_nn_batch_norm1d(tape, 12, NULL),
                              tp_nn_relu(tape), tp_nn_dropout(tape, 0.3), tp_nn_linear(tape, 12, 2, NULL));
    t->optim = tp_optim_adamw(tape, tp_module_params(t->net), &(tp_adam_options){.lr = 0.01, .amsgrad = true});
    t->schedule = tp_one_cycle_lr(tape, t->optim,
                                  &(tp_one_cycle_options){.max_lr = 0.05, .total_steps = EPOCHS * ROWS / BATCH});
    t->loader = tp_loader_new(tape, 2, data, &(tp_loader_options){.batch_size = BATCH, .shuffle = true});
    t->losses = tp_keep(tp_zeros(tape, TP_F64, tp_shape(EPOCHS)));
    t->snapshot = tp_snapshot_new(tape);
    tp_status status[] = {tp_snapshot_module(tape, t->snapshot, "model", t->net),
                          tp_snapshot_optim(tape, t->snapshot, "optim", t->optim),
                          tp_snapshot_schedule(tape, t->snapshot, "schedule", t->schedule),
                          tp_snapshot_loader(tape, t->snapshot, "loader", t->loader),
                          tp_snapshot_tensor(tape, t->snapshot, "losses", t->losses),
                          tp_snapshot_i64(tape, t->snapshot, "epoch", &t->epoch),
                          tp_snapshot_i64(tape, t->snapshot, "steps", &t->steps),
                          tp_snapshot_f64(tape, t->snapshot, "best", &t->best)};
    for (size_t i = 0; i < LENGTH(status); i++)
        ck_assert_int_eq(status[i], TP_OK);
    tp_tape_reset(tape);
}

static void end(training *t)
{
    tp_snapshot_free(t->snapshot);
    tp_schedule_free(t->schedule);
    tp_optim_free(t->optim);
    tp_loader_free(t->loader);
    tp_module_free(t->net);
    tp_free(t->losses);
}

/* To the end, or for so many steps; saved after each where `save`. */
static tp_status train(tp_tape *tape, training *t, int64_t most, bool save)
{
    tp_tensor *batch[2];
    while (t->epoch < EPOCHS) {
        if (t->steps % (ROWS / BATCH) == 0)
            tp_loader_start(tape, t->loader);
        while (tp_loader_next(tape, t->loader, batch)) {
            tp_optim_zero_grad(t->optim);
            tp_tensor *loss = tp_mse_loss(tape, tp_forward(tape, t->net, batch[0]), batch[1], TP_MEAN);
            tp_backward(tape, loss);
            tp_params_clip_grad_norm(tape, tp_module_params(t->net), 1);
            tp_optim_step(tape, t->optim);
            (void)tp_schedule_step(tape, t->schedule);
            t->best = fmin(t->best, tp_item(loss));
            ((double *)tp_data(t->losses))[t->epoch] += tp_item(loss);
            if (++t->steps % (ROWS / BATCH) == 0)
                t->epoch++;
            tp_tape_reset(tape);
            if (save && tp_snapshot_save(tape, t->snapshot, path, 1) != TP_OK)
                return tp_error_status(tape);
            if (--most == 0)
                return tp_error_status(tape);
        }
    }
    return tp_error_status(tape);
}

static void ck_same(const training *a, const training *b)
{
    tp_state_dict *x[] = {tp_module_state_dict(T, a->net), tp_optim_state_dict(T, a->optim)};
    tp_state_dict *y[] = {tp_module_state_dict(T, b->net), tp_optim_state_dict(T, b->optim)};
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(x[k]->n, y[k]->n);
        for (int i = 0; i < x[k]->n; i++)
            ck_assert_msg(tensors_identical(x[k]->tensors[i], y[k]->tensors[i]), "%s differs", x[k]->names[i]);
        tp_state_dict_free(x[k]);
        tp_state_dict_free(y[k]);
    }
    ck_assert(tensors_identical(a->losses, b->losses));
    ck_assert(a->best == b->best && a->epoch == b->epoch && a->steps == b->steps);
}

/* Saved in the middle of an epoch, and at its end; the tape's generator is at another place when it is loaded. */
START_TEST(goes_on)
{
    training whole;
    begin(T, &whole);
    ck_assert_int_eq(train(T, &whole, -1, false), TP_OK);
    for (int64_t stop = 3; stop <= 10; stop += 7) {
        training first;
        begin(T, &first);
        ck_assert_int_eq(train(T, &first, stop, false), TP_OK);
        ck_assert_int_eq(tp_snapshot_save(T, first.snapshot, path, 0), TP_OK);
        end(&first);
        training second;
        begin(T, &second);
        bool resumed = false;
        ck_assert_int_eq(train(T, &second, 2, false), TP_OK);
        ck_assert_int_eq(tp_snapshot_resume(T, second.snapshot, path, &resumed), TP_OK);
        ck_assert(resumed && second.steps == stop);
        ck_assert_int_eq(train(T, &second, -1, false), TP_OK);
        ck_same(&whole, &second);
        end(&second);
    }
    end(&whole);
}
END_TEST

/* ---- killed ------------------------------------------------------------------------------------------------------------------ */

/* Goes on from the file, to the end; then it is under another name. */
static void child(void)
{
    tp_tape *tape = tp_tape_new();
    char final[80];
    training t;
    begin(tape, &t);
    snprintf(final, sizeof final, "%s.final", path);
    bool good = tp_snapshot_resume(tape, t.snapshot, path, NULL) == TP_OK && train(tape, &t, -1, true) == TP_OK &&
                tp_snapshot_save(tape, t.snapshot, final, 0) == TP_OK;
    if (!good)
        fprintf(stderr, "child: %s\n", tp_error(tape) ? tp_error(tape) : "?");
    _exit(good ? 0 : 1);
}

START_TEST(killed_at_any_moment)
{
    char final[80];
    uint64_t random = 12345;
    const char *often = getenv("TAPIR_TEST_KILLS"); /* make check-full asks for 100 */
    int kills = often ? atoi(often) : 12, killed = 0;
    snprintf(final, sizeof final, "%s.final", path);
    for (bool done = false; !done;) {
        int status;
        pid_t id = fork();
        if (id == 0)
            child();
        random = random * 6364136223846793005u + 1442695040888963407u;
        if (killed < kills) {
            usleep((useconds_t)((random >> 33) % 40000));
            kill(id, SIGKILL);
        }
        ck_assert_int_eq(waitpid(id, &status, 0), id);
        killed += WIFSIGNALED(status);
        ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        done = !WIFSIGNALED(status);
        if (done && killed < kills) { /* it was through: from the beginning */
            unlink(path);
            done = false;
        }
    }
    training whole, last;
    begin(T, &whole);
    begin(T, &last);
    ck_assert_int_eq(train(T, &whole, -1, false), TP_OK);
    ck_assert_int_eq(tp_snapshot_load(T, last.snapshot, final), TP_OK);
    ck_same(&whole, &last);
    end(&whole);
    end(&last);
}
END_TEST

/* ---- files that were before ---------------------------------------------------------------------------------------------------- */

static double epoch_in(const char *end_of_name)
{
    char name[80];
    snprintf(name, sizeof name, "%s%s", path, end_of_name);
    tp_safetensors *f = tp_safetensors_open(T, name);
    double value = f ? tp_item(tp_safetensors_get(T, f, "epoch")) : -1;
    tp_safetensors_close(f);
    tp_clear_error(T);
    return value;
}

START_TEST(keeps_some)
{
    int64_t epoch = 0;
    tp_snapshot *s = tp_snapshot_new(T);
    ck_assert_int_eq(tp_snapshot_i64(T, s, "epoch", &epoch), TP_OK);
    for (epoch = 1; epoch <= 5; epoch++)
        ck_assert_int_eq(tp_snapshot_save(T, s, path, 2), TP_OK);
    ck_assert(epoch_in("") == 5 && epoch_in(".1") == 4 && epoch_in(".2") == 3 && epoch_in(".3") == -1);
    epoch = 6;
    ck_assert_int_eq(tp_snapshot_save(T, s, path, 0), TP_OK); /* the older ones stay */
    ck_assert(epoch_in("") == 6 && epoch_in(".1") == 4);
    tp_snapshot_free(s);
}
END_TEST

/* ---- misfits: nothing is changed ------------------------------------------------------------------------------------------------ */

START_TEST(what_does_not_fit)
{
    training t, u, kept;
    begin(T, &t);
    begin(T, &u);
    begin(T, &kept);
    ck_assert_int_eq(train(T, &t, 4, false), TP_OK);
    ck_assert_int_eq(tp_snapshot_save(T, t.snapshot, path, 0), TP_OK);
    double more = 1;
    tp_tensor *random = tp_keep(tp_get_rng_state(T));
    ck_assert_int_eq(tp_snapshot_f64(T, u.snapshot, "more", &more), TP_OK);
    ck_assert_int_eq(tp_snapshot_load(T, u.snapshot, path), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Missing key: \"more\"");
    ck_same(&u, &kept);
    ck_assert(tensors_identical(random, tp_get_rng_state(T)));
    tp_snapshot *few = tp_snapshot_new(T);
    ck_assert_int_eq(tp_snapshot_module(T, few, "model", u.net), TP_OK);
    ck_assert_int_eq(tp_snapshot_load(T, few, path), TP_EINVAL);
    ck_error(T, TP_EINVAL, "Unexpected key");
    ck_same(&u, &kept);
    ck_assert_int_eq(tp_snapshot_load(T, few, "/nowhere/run"), TP_EIO);
    tp_clear_error(T);
    bool resumed = true;
    ck_assert_int_eq(tp_snapshot_resume(T, few, "/nowhere/run", &resumed), TP_OK);
    ck_assert(!resumed);
    tp_snapshot_free(few);
    tp_free(random);
    end(&t);
    end(&u);
    end(&kept);
}
END_TEST

START_TEST(loaders_that_do_not_fit)
{
    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(4, 2)), *batch;
    tp_loader *l = tp_loader_new(T, 1, &x, NULL);
    const char *names[] = {"at", "order"};
    const int64_t order[] = {3, 1, 1, 0};
    tp_tensor *values[] = {tp_scalar(T, TP_I64, 2), tp_from(T, TP_I64, tp_shape(4), order)};
    ck_assert_int_eq(tp_loader_load_state_dict(T, l, 2, names, values), TP_EINVAL);
    ck_error(T, TP_EINVAL, "order has a row twice");
    values[1] = tp_arange(T, TP_I64, 0, 4, 1);
    values[0] = tp_scalar(T, TP_I64, 5);
    ck_assert_int_eq(tp_loader_load_state_dict(T, l, 2, names, values), TP_EINVAL);
    ck_error(T, TP_EINVAL, "at is 5");
    values[0] = tp_scalar(T, TP_F64, 2);
    ck_assert_int_eq(tp_loader_load_state_dict(T, l, 2, names, values), TP_EINVAL);
    ck_error(T, TP_EINVAL, "at is not there, or not int64");
    values[0] = tp_scalar(T, TP_I64, 2);
    ck_assert_int_eq(tp_loader_load_state_dict(T, l, 2, names, values), TP_OK);
    ck_assert(tp_loader_next(T, l, &batch) && tp_loader_next(T, l, &batch) && !tp_loader_next(T, l, &batch));
    values[1] = tp_arange(T, TP_I64, 0, 3, 1);
    ck_assert_int_eq(tp_loader_load_state_dict(T, l, 2, names, values), TP_ESHAPE);
    ck_error(T, TP_ESHAPE, "order [3]");
    tp_loader_free(l);
}
END_TEST

START_TEST(names)
{
    double v = 0;
    tp_snapshot *s = tp_snapshot_new(T);
    ck_assert_int_eq(tp_snapshot_f64(T, s, "a.b", &v), TP_EINVAL);
    ck_error(T, TP_EINVAL, "one without dots");
    ck_assert_int_eq(tp_snapshot_f64(T, s, "generator", &v), TP_EINVAL);
    ck_error(T, TP_EINVAL, "is there already");
    ck_assert_int_eq(tp_snapshot_tensor(T, s, "x", tp_ones(T, TP_F64, tp_shape(1))), TP_EINVAL);
    ck_error(T, TP_EINVAL, "an owned one");
    ck_assert_int_eq(tp_snapshot_save(T, s, path, -1), TP_EINVAL);
    ck_error(T, TP_EINVAL, "keep is -1");
    tp_snapshot_free(s);
}
END_TEST

/* A save or a load for which there is no memory: the file and the training are what they were. */
START_TEST(memory_fails)
{
    training t, u, kept;
    begin(T, &t);
    begin(T, &u);
    begin(T, &kept);
    ck_assert_int_eq(train(T, &t, 3, false), TP_OK);
    ck_assert_int_eq(tp_snapshot_save(T, t.snapshot, path, 0), TP_OK);
    bool done = false;
    for (long n = 1; !done; n++) {
        alloc_fail_at(n);
        tp_status status = _i ? tp_snapshot_load(T, u.snapshot, path) : tp_snapshot_save(T, u.snapshot, path, 0);
        done = alloc_requests() < n;
        alloc_fail_from(0);
        ck_assert(status == TP_OK || (!done && status == TP_ENOMEM));
        tp_clear_error(T);
        if (_i && status != TP_OK)
            ck_same(&u, &kept);
        if (_i && status == TP_OK) { /* it could do without */
            end(&u);
            begin(T, &u);
        }
        tp_tape_reset(T);
    }
    end(&t);
    end(&u);
    end(&kept);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("snapshot");
    TCase *t = tcase_create("snapshot");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, goes_on);
    tcase_add_test(t, killed_at_any_moment);
    tcase_add_test(t, keeps_some);
    tcase_add_test(t, what_does_not_fit);
    tcase_add_test(t, loaders_that_do_not_fit);
    tcase_add_test(t, names);
    tcase_add_loop_test(t, memory_fails, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
