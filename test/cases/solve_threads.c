/* solve_threads.c - tape.h: "results are the same bits each time, on any number of threads": of solves and Cholesky
 * factors, too, of orders on both sides of those at which the work is divided; of the gradients that go through them.
 *
 * Truth: what one thread gives, here by running this program again with OMP_NUM_THREADS set.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

static const int64_t orders[] = {60, 97, 129, 256, 512, 513, 600, 641};
enum { N = sizeof orders / sizeof *orders };

static uint64_t hash(uint64_t h, const tp_tensor *x)
{
    const uint64_t *p = tp_data((tp_tensor *)x);
    for (int64_t i = 0; i < tp_numel(x); i++) h = (h ^ p[i]) * 1099511628211u;
    return h;
}

static uint64_t results(tp_tape *T, int64_t n)
{
    tp_manual_seed(T, 1);
    tp_tensor *e = tp_mul_scalar(T, tp_eye(T, TP_F64, n, n), 30);
    tp_tensor *a = tp_requires_grad(tp_add(T, tp_randn(T, TP_F64, tp_shape(n, n)), e), true);
    tp_tensor *x = tp_linalg_solve(T, a, tp_ones(T, TP_F64, tp_shape(n)));
    tp_tensor *l = tp_linalg_cholesky(T, tp_matmul(T, a, tp_t(T, a)));
    tp_tensor *y = tp_linalg_solve_triangular(T, l, e, false);
    tp_backward(T, tp_add(T, tp_sum(T, x), tp_add(T, tp_sum(T, tp_square(T, l)), tp_sum(T, y))));
    uint64_t h = hash(hash(hash(hash(14695981039346656037u, x), l), y), tp_grad(a));
    if (tp_error(T)) { fprintf(stderr, "%s\n", tp_error(T)); exit(1); }
    tp_tape_reset(T);
    return h;
}

/* Prints what comes out on so many threads, from a process of its own. */
static int run_again(const char *program, const char *threads, char *text, size_t size)
{
    char command[4200];
    snprintf(command, sizeof command, "OMP_NUM_THREADS=%s '%s' print", threads, program);
    FILE *f = popen(command, "r");
    size_t n = f ? fread(text, 1, size - 1, f) : 0;
    text[n] = '\0';
    return f && pclose(f) == 0 && n > 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        tp_tape *T = tp_tape_new();
        for (int i = 0; i < N; i++) printf("%" PRId64 ": %016" PRIx64 "\n", orders[i], results(T, orders[i]));
        tp_tape_free(T);
        return 0;
    }
    char one[1000], more[1000];
    const char *const threads[] = {"2", "3", "4"};
    if (!run_again(argv[0], "1", one, sizeof one)) return 1;
    for (int i = 0; i < 3; i++)
        if (!run_again(argv[0], threads[i], more, sizeof more) || strcmp(one, more) != 0) {
            printf("one thread:\n%s%s threads:\n%s", one, threads[i], more);
            return 1;
        }
    return 0;
}
