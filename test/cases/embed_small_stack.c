/* embed_small_stack.c - a host whose threads have small stacks (a server with thousands of them, a coroutine library):
 * in 48 KiB there is room for loops, products, reductions, sorts, factorizations, losses, backward passes and files.
 * (The system takes all libraries' thread-local variables out of the stack, OpenBLAS's 60 KiB among them: the size that it
 * asks for at least comes on top.)
 *
 * Truth: what a thread with a large stack gets, bit for bit. A stack that is too small is a segmentation fault.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

enum { RESULTS = 32 };

typedef struct {
    double of[RESULTS];
    int    n;
    char   error[300];
} results;

static void note(results *r, tp_tensor *x) { r->of[r->n++] = tp_item(x); }

static void *work(void *arg)
{
    results   *r = arg;
    tp_tape   *T = tp_tape_new();
    tp_manual_seed(T, 1);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(400, 300)), *row = tp_randn(T, TP_F64, tp_shape(300));
    tp_tensor *column = tp_randn(T, TP_F32, tp_shape(400, 1)), *i = tp_to(T, tp_round(T, tp_mul_scalar(T, x, 100)), TP_I64);
    tp_tensor *wide = tp_randn(T, TP_F32, tp_shape(600, 700)), *many = tp_randn(T, TP_F64, tp_shape(200000));

    /* loops, with broadcasting and conversion */
    note(r, tp_sum(T, tp_add(T, tp_mul(T, x, column), tp_to(T, row, TP_F32))));
    note(r, tp_sum(T, tp_where(T, tp_gt(T, tp_t(T, tp_t(T, x)), column), tp_add(T, i, row), row)));
    note(r, tp_sum(T, tp_addcmul(T, x, column, tp_to(T, row, TP_F32), 0.5)));
    /* products */
    note(r, tp_sum(T, tp_matmul(T, tp_t(T, wide), wide)));
    note(r, tp_sum(T, tp_matmul(T, wide, tp_t(T, wide))));
    note(r, tp_sum(T, tp_matmul(T, tp_to(T, wide, TP_F64), tp_to(T, tp_t(T, wide), TP_F64))));
    note(r, tp_sum(T, tp_linalg_multi_dot(T, 3, (tp_tensor *[]){x, tp_t(T, x), x})));
    /* reductions, sorts, statistics */
    note(r, tp_sum(T, tp_logsumexp(T, x, 1, &(int){0}, false)));
    note(r, tp_sum(T, tp_softmax(T, tp_t(T, x), 0)));
    note(r, tp_sum(T, tp_cumsum(T, many, 0)));
    tp_tensor *index;
    note(r, tp_select(T, tp_sort(T, many, 0, false, &index), 0, 777));
    note(r, tp_select(T, index, 0, 777));
    note(r, tp_select(T, tp_sort(T, tp_flatten(T, i, 0, -1), 0, true, NULL), 0, 777));
    note(r, tp_median(T, many));
    note(r, tp_std(T, many, 0, NULL, 1, false));
    /* a factorization, a network, its derivatives, its parameters in a file */
    tp_tensor *a = tp_add(T, tp_matmul(T, tp_narrow(T, wide, 0, 0, 300), tp_t(T, tp_narrow(T, wide, 0, 0, 300))), tp_mul_scalar(T, tp_eye(T, TP_F32, 300, 300), 1000));
    note(r, tp_sum(T, tp_linalg_solve(T, a, tp_t(T, x))));
    note(r, tp_sum(T, tp_linalg_cholesky(T, a)));
    tp_module *net = tp_nn_sequential(T, tp_nn_linear(T, 300, 256, NULL), tp_nn_tanh(T), tp_nn_linear(T, 256, 300, NULL));
    tp_tensor *y = tp_forward(T, net, x);
    tp_backward(T, tp_add(T, tp_mse_loss(T, y, tp_sin(T, x), TP_MEAN), tp_binary_cross_entropy_with_logits(T, y, tp_sigmoid(T, x), TP_MEAN)));
    note(r, tp_sum(T, tp_grad(tp_module_param(net, "0.weight"))));
    char path[] = "/tmp/tapir_stack_XXXXXX", text[3000];
    close(mkstemp(path));
    tp_module_save(T, net, path);
    tp_module_load(T, net, path);
    unlink(path);
    if (tp_error_status(T) == TP_EUNSUPPORTED) tp_clear_error(T); /* built without jansson */
    note(r, tp_sum(T, tp_module_param(net, "0.weight")));
    r->of[r->n++] = (double)tp_format(x, text, sizeof text);
    tp_module_free(net);
    if (tp_error(T)) snprintf(r->error, sizeof r->error, "%s", tp_error(T));
    tp_tape_free(T);
    return NULL;
}

static void *nothing(void *arg) { return arg; }

/* A thread with 48 KiB more than the smallest stack that the system takes */
static bool start(pthread_t *t, void *(*f)(void *), void *arg)
{
    for (size_t kib = 16; kib <= 1024; kib += 4) {
        pthread_attr_t attr;
        pthread_t      probe;
        pthread_attr_init(&attr);
        bool made = pthread_attr_setstacksize(&attr, kib * 1024) == 0 && pthread_create(&probe, &attr, nothing, NULL) == 0;
        if (made) {
            pthread_join(probe, NULL);
            made = pthread_attr_setstacksize(&attr, (kib + 48) * 1024) == 0 && pthread_create(t, &attr, f, arg) == 0;
            pthread_attr_destroy(&attr);
            return made;
        }
        pthread_attr_destroy(&attr);
    }
    return false;
}

int main(void)
{
#ifdef __SANITIZE_ADDRESS__
    printf("AddressSanitizer's frames are larger\n");
    return 77;
#endif
    static results large, small;
    pthread_t      t;
    work(&large);
    if (!start(&t, work, &small)) { printf("no thread with a small stack can be made\n"); return 77; }
    pthread_join(t, NULL);
    if (large.error[0] || memcmp(&large, &small, sizeof large) != 0) { printf("%s %s: other bits\n", large.error, small.error); return 1; }
    return 0;
}
