/* resume.c - a training that goes on where it was when it was stopped: kill it, and run it again.
 *
 *     resume run.safetensors 60
 *
 * Two spirals are told apart. After each epoch all that the training is (model, optimizer, schedule, the loader's order, the
 * generator's state, and the program's own numbers) goes into one file, which takes the old one's place when it is whole.
 * However often it is killed, the last line is the same to the last digit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tapir.h>

enum { POINTS = 2000, BATCH = 50 };

/* Points of two spirals [n, 2], and which one each is on [n]. */
static void spirals(tp_tape *T, tp_tensor **x, tp_tensor **y)
{
    tp_tensor *class = tp_remainder(T, tp_arange(T, TP_F32, 0, POINTS, 1), tp_scalar(T, TP_F32, 2));
    tp_tensor *turn  = tp_mul_scalar(T, tp_sqrt(T, tp_rand(T, TP_F32, tp_shape(POINTS))), 9.5);
    tp_tensor *angle = tp_add(T, turn, tp_mul_scalar(T, class, 3.14159265358979));
    tp_tensor *point = tp_stack(T, 2, (tp_tensor *[]){tp_mul(T, turn, tp_cos(T, angle)), tp_mul(T, turn, tp_sin(T, angle))}, 1);
    *x = tp_add(T, tp_mul_scalar(T, point, 0.2), tp_mul_scalar(T, tp_randn(T, TP_F32, tp_shape(POINTS, 2)), 0.03));
    *y = tp_to(T, class, TP_I64);
}

int main(int argc, char **argv)
{
    const char *path   = argc > 1 ? argv[1] : "resume.safetensors";
    int64_t     epochs = argc > 2 ? strtoll(argv[2], NULL, 10) : 60, epoch = 0;
    double      best   = 0;
    bool        resumed;

    tp_tape *T = tp_tape_new();
    tp_tensor *data[2], *batch[2];
    tp_manual_seed(T, 1);
    spirals(T, &data[0], &data[1]);
    tp_loader *loader = tp_loader_new(T, 2, data, &(tp_loader_options){.batch_size = BATCH, .shuffle = true});
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 2, 64, NULL), tp_nn_silu(T), tp_nn_dropout(T, 0.05),
                                      tp_nn_linear(T, 64, 64, NULL), tp_nn_silu(T), tp_nn_linear(T, 64, 2, NULL));
    tp_optim    *optim    = tp_optim_adamw(T, tp_module_params(net), NULL);
    tp_schedule *schedule = tp_one_cycle_lr(T, optim, &(tp_one_cycle_options){.max_lr = 0.02, .total_steps = epochs * POINTS / BATCH});

    tp_snapshot *all = tp_snapshot_new(T);
    (void)tp_snapshot_module(T, all, "model", net);
    (void)tp_snapshot_optim(T, all, "optim", optim);
    (void)tp_snapshot_schedule(T, all, "schedule", schedule);
    (void)tp_snapshot_loader(T, all, "loader", loader);
    (void)tp_snapshot_i64(T, all, "epoch", &epoch);
    (void)tp_snapshot_f64(T, all, "best", &best);
    if (tp_snapshot_resume(T, all, path, &resumed) == TP_OK && resumed)
        printf("%s: goes on after epoch %lld\n", path, (long long)epoch);

    while (epoch < epochs && !tp_error(T)) {
        double loss_sum = 0, right = 0;
        tp_loader_start(T, loader);
        while (tp_loader_next(T, loader, batch)) {
            tp_optim_zero_grad(optim);
            tp_tensor *logits = tp_forward(T, net, batch[0]);
            tp_tensor *loss   = tp_cross_entropy(T, logits, batch[1], NULL);
            tp_backward(T, loss);
            tp_optim_step(T, optim);
            (void)tp_schedule_step(T, schedule);
            loss_sum += tp_item(loss) * BATCH;
            right += tp_item(tp_sum(T, tp_eq(T, tp_argmax(T, logits, 1, false), batch[1])));
            tp_tape_reset(T);
        }
        epoch++;
        best = right / POINTS > best ? right / POINTS : best;
        (void)tp_snapshot_save(T, all, path, 1);
        printf("epoch %3lld  loss %.4f  right %5.1f %%\n", (long long)epoch, loss_sum / POINTS, 100 * right / POINTS);
        fflush(stdout);
    }
    if (tp_error(T))
        fprintf(stderr, "%s\n", tp_error(T));
    else
        printf("best %.17g\n", best);

    int status = tp_error(T) != NULL;
    tp_snapshot_free(all);
    tp_schedule_free(schedule);
    tp_optim_free(optim);
    tp_loader_free(loader);
    tp_module_free(net);
    tp_tape_free(T);
    return status;
}
