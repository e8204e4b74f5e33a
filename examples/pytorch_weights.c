/* pytorch_weights.c - a network that PyTorch trained goes on here, and back.
 *
 *     pytorch_weights [in.pt [out.pt]]
 *
 * in.pt was made by examples/support/moons.py: the network separates two moons, and the file has its weights, Adam's state,
 * 200 points, and what the network says of them. First it has to say the same here. Then the moons are turned by 40 degrees,
 * which it has never seen, and it is trained on, with Adam as PyTorch left it. What comes of that is written as
 * torch.save({"model": ..., "optimizer": ..., "epoch": ..., "x": ..., "says": ...}) writes it, and torch.load reads it.
 */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

enum { EPOCHS = 60, BATCH = 50 };

/* What stands in the file under `key`, for a module or an optimizer of that kind. */
static void load_part(tp_tape *T, const tp_state_dict *file, const char *key, tp_module *net, tp_optim *adam)
{
    tp_state_dict *part = tp_state_dict_part(T, file, key);
    if (part && net)
        tp_module_load_state_dict(T, net, part->n, part->names, part->tensors, NULL);
    else if (part)
        tp_optim_load_state_dict(T, adam, part->n, part->names, part->tensors);
    tp_state_dict_free(part);
}

static double accuracy(tp_tape *T, tp_module *net, tp_tensor *x, tp_tensor *y)
{
    return tp_accuracy(T, tp_forward(T, net, x), y, 1);
}

static tp_tensor *turned(tp_tape *T, tp_tensor *x, double degrees)
{
    const double a = degrees * acos(-1) / 180;
    const float turn[] = {(float)cos(a), (float)sin(a), (float)-sin(a), (float)cos(a)};
    return tp_matmul(T, x, tp_from(T, TP_F32, tp_shape(2, 2), turn));
}

static void train(tp_tape *T, tp_module *net, tp_optim *adam, tp_tensor *x, tp_tensor *y)
{
    tp_loader *loader = tp_loader_new(T, 2, (tp_tensor *[]){x, y}, &(tp_loader_options){.batch_size = BATCH, .shuffle = true});
    tp_tensor *batch[2];
    for (int epoch = 0; epoch < EPOCHS && !tp_error(T); epoch++) {
        tp_loader_start(T, loader);
        while (tp_loader_next(T, loader, batch)) {
            tp_optim_zero_grad(adam);
            tp_backward(T, tp_cross_entropy(T, tp_forward(T, net, batch[0]), batch[1], NULL));
            tp_optim_step(T, adam);
            tp_tape_reset(T);
        }
    }
    tp_loader_free(loader);
}

static void save(tp_tape *T, const char *path, tp_module *net, tp_optim *adam, int64_t epoch, tp_tensor *x)
{
    static const char *const nameless[] = {""}; /* is all there is under its key */
    tp_tensor     *value[] = {tp_scalar(T, TP_I64, (double)epoch), x, tp_forward(T, net, x)};
    tp_state_dict  of_value[3], *model = tp_module_state_dict(T, net), *optimizer = tp_optim_state_dict(T, adam);
    for (int i = 0; i < 3; i++)
        of_value[i] = (tp_state_dict){1, nameless, &value[i]};
    tp_torch_save_parts(T, path, 5, (const char *const[]){"model", "optimizer", "epoch", "x", "says"},
                        (tp_state_dict *[]){model, optimizer, &of_value[0], &of_value[1], &of_value[2]});
    tp_state_dict_free(model);
    tp_state_dict_free(optimizer);
}

int main(int argc, char **argv)
{
    const char *in = argc > 1 ? argv[1] : "test/data/moons.pt", *out = argc > 2 ? argv[2] : "moons_tuned.pt";
    tp_tape    *T = tp_tape_new();
    tp_manual_seed(T, 0);
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 2, 24, NULL), tp_nn_tanh(T), tp_nn_linear(T, 24, 24, NULL), tp_nn_tanh(T),
                                      tp_nn_linear(T, 24, 2, NULL));
    tp_optim  *adam = tp_optim_adam(T, tp_module_params(net), NULL);

    tp_state_dict *file = tp_torch_load(T, in);
    load_part(T, file, "model", net, NULL);
    load_part(T, file, "optimizer", NULL, adam);
    tp_tensor *x = tp_state_dict_get(file, "x"), *y = tp_state_dict_get(file, "y"), *says = tp_state_dict_get(file, "says");
    double     off = tp_item(tp_max(T, tp_abs(T, tp_sub(T, tp_forward(T, net, x), says))));
    printf("PyTorch's network: accuracy %.3f, at most %.1e from what PyTorch says; Adam goes on with lr %g\n", accuracy(T, net, x, y), off,
           tp_optim_lr(adam));

    tp_tensor *other = tp_keep(turned(T, x, 40));
    double     before = accuracy(T, net, other, y);
    train(T, net, adam, other, y);
    double after = accuracy(T, net, other, y);
    printf("moons turned by 40 degrees: accuracy %.3f, after %d epochs more %.3f\n", before, EPOCHS, after);
    save(T, out, net, adam, (int64_t)tp_item(tp_state_dict_get(file, "epoch")) + EPOCHS, other);
    printf("written to %s\n", out);

    int failed = tp_error(T) != NULL || !(off < 1e-5) || !(after > 0.97) || !(after > before + 0.1);
    if (tp_error(T)) fprintf(stderr, "%s\n", tp_error(T));
    tp_free(other);
    tp_state_dict_free(file);
    tp_optim_free(adam);
    tp_module_free(net);
    tp_tape_free(T);
    return failed;
}
