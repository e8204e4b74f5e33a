/* A host with memory of its own: the library allocates where tp_set_allocator says and nowhere else, gives all of it back, and
 * a tape stays within its limit. An operator takes scratch memory, which goes with the call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>

static size_t live_bytes;
static long live_blocks;

static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    *(long *)user += (block == NULL) - (new_size == 0);
    live_bytes += new_size - old_size;
    if (new_size == 0) {
        memset(block, 0xdd, old_size);
        free(block);
        return NULL;
    }
    return realloc(block, new_size);
}

static int check(bool holds, const char *what)
{
    if (!holds)
        printf("not so: %s\n", what);
    return !holds;
}

/* The sum of x, twice, by way of scratch memory. */
static tp_status twice_infer(tp_call *c) { return tp_call_out(c, 0, TP_F64, TP_SCALAR); }
static tp_status twice_forward(tp_call *c)
{
    int64_t n = tp_numel(c->in[0]);
    double *a = tp_call_scratch(c, (size_t)n * sizeof *a), *b = tp_call_scratch(c, (size_t)n * sizeof *b), sum = 0;
    if (a == NULL || b == NULL)
        return TP_ENOMEM;
    memcpy(a, tp_data(c->in[0]), (size_t)n * sizeof *a);
    memcpy(b, a, (size_t)n * sizeof *b);
    for (int64_t i = 0; i < n; i++)
        sum += a[i] + b[i];
    *(double *)tp_data(c->out[0]) = sum;
    return TP_OK;
}
static const tp_op twice = {
    .name = "user.twice", .n_in = 1, .n_out = 1, .flags = TP_OP_NO_GRAD, .infer = twice_infer, .forward = twice_forward};

static int train(void)
{
    int wrong = 0;
    tp_tape *T = tp_tape_new();
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 4, 300, NULL), tp_nn_tanh(T), tp_nn_linear(T, 300, 1, NULL));
    tp_optim *o = tp_optim_adam(T, tp_module_params(net), NULL);
    for (int i = 0; i < 5; i++) {
        tp_optim_zero_grad(o);
        tp_tensor *y = tp_forward(T, net, tp_rand(T, TP_F32, tp_shape(64, 4)));
        tp_backward(T, tp_mean(T, tp_square(T, y)));
        tp_optim_step(T, o);
        tp_tape_reset(T);
    }
    wrong |= check(tp_error_status(T) == TP_OK, "a network trains");
    wrong |= check(live_blocks > 0 && live_bytes > 0, "its memory is the host's");
    wrong |= check(tp_set_allocator(NULL, NULL) == TP_EINVAL, "the allocator stays while something lives");

    tp_tensor *x = tp_ones(T, TP_F64, tp_shape(1000));
    int64_t before = tp_tape_memory(T).bytes_in_use;
    tp_tensor *sum = tp_apply(T, &twice, NULL, 1, &x);
    wrong |= check(tp_item(sum) == 2000, "an operator has scratch memory");
    wrong |= check(tp_tape_memory(T).bytes_in_use - before < 4000, "which is given back when it returns");

    tp_tape_set_memory_limit(T, tp_tape_memory(T).bytes_reserved + (1 << 20));
    wrong |= check(tp_ones(T, TP_F64, tp_shape(1000)) != NULL, "below the limit there is memory");
    wrong |= check(tp_ones(T, TP_F64, tp_shape(1000, 1000)) == NULL && tp_error_status(T) == TP_ENOMEM, "above there is none");
    tp_clear_error(T);
    tp_tape_set_memory_limit(T, 0);
    wrong |= check(tp_ones(T, TP_F64, tp_shape(1000, 1000)) != NULL, "without one there is again");
    tp_optim_free(o);
    tp_module_free(net);
    tp_tape_free(T);
    return wrong;
}

int main(void)
{
    int wrong = check(tp_set_allocator(allocate, &live_blocks) == TP_OK, "an allocator is taken before anything is made");
    wrong |= train();
    wrong |= check(live_blocks == 0 && live_bytes == 0, "all is given back");
    wrong |= check(tp_set_allocator(NULL, NULL) == TP_OK, "then it may change");
    wrong |= check(strcmp(tp_version(), TP_VERSION) == 0, "headers and library are of one version");
    wrong |= check(strcmp(tp_status_name(TP_EUSER), "TP_EUSER") == 0 && tp_status_text(TP_OK)[0], "statuses have names");
    return wrong;
}
