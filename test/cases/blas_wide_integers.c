/* A BLAS with 64-bit integers (ILP64) in the place of the one that was linked: all that needs it fails with TP_EUNSUPPORTED
 * and a message, tp_blas_info says so, and nothing crashes. Debian's libopenblas64-0-openmp (or -pthread) is one; another may
 * be named in ILP64_BLAS. */
#define _GNU_SOURCE
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

static int bad;

static void refused(tp_tape *T, const char *name, const tp_tensor *y)
{
    if (y != NULL || tp_error_status(T) != TP_EUNSUPPORTED || !strstr(tp_error(T), "64-bit integers")) {
        printf("%s: %s\n", name, tp_error(T) ? tp_error(T) : "no error");
        bad = 1;
    }
    tp_clear_error(T);
}

static int try_it(void)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *a = tp_eye(T, TP_F64, 30, 30), *b = tp_eye(T, TP_F32, 30, 30), *x = tp_ones(T, TP_F64, tp_shape(30));
    printf("%s\n", tp_blas_info());
    if (!strstr(tp_blas_info(), "64-bit integers"))
        bad = 1;
    refused(T, "matmul", tp_matmul(T, a, a));
    refused(T, "matmul, float32", tp_matmul(T, b, b));
    refused(T, "mv", tp_mv(T, a, x));
    refused(T, "linear", tp_linear(T, a, a, NULL));
    refused(T, "einsum", tp_einsum(T, "ij,kj->ik", 2, (tp_tensor *[]){a, a}));
    refused(T, "solve", tp_linalg_solve(T, a, a));
    refused(T, "cholesky", tp_linalg_cholesky(T, b));
    refused(T, "solve_triangular", tp_linalg_solve_triangular(T, a, a, true));
    if (tp_item(tp_dot(T, x, x)) != 30 || tp_item(tp_sum(T, tp_exp(T, tp_mul_scalar(T, x, 0)))) != 30 || tp_error(T)) {
        printf("what needs no BLAS fails: %s\n", tp_error(T) ? tp_error(T) : "");
        bad = 1;
    }
    tp_tape_free(T);
    return bad;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return try_it();
    glob_t found = {0};
    const char *library = getenv("ILP64_BLAS");
    if (!library && glob("/usr/lib/*/openblas64-*/libopenblas64.so.0", 0, NULL, &found) == 0)
        library = found.gl_pathv[0];
    if (!library) {
        printf("no BLAS with 64-bit integers is installed (libopenblas64-0-openmp)\n");
        return 77;
    }
    setenv("LD_PRELOAD", library, 1);
    execl("/proc/self/exe", argv[0], "preloaded", (char *)NULL);
    perror("/proc/self/exe");
    return 77;
}
