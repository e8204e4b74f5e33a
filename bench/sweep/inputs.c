/* inputs.c - the inputs of the rows, made so that PyTorch can make the same. */
#define _POSIX_C_SOURCE 200809L
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t at_least_one(int64_t n) { return n > 0 ? n : 1; }

static int64_t largest_divisor_below_root(int64_t n)
{
    int64_t d = (int64_t)sqrt((double)n);
    while (d > 1 && n % d != 0)
        d--;
    return at_least_one(d);
}

sweep_sizes sweep_sizes_of(int64_t n)
{
    sweep_sizes z = {.n = n, .r = largest_divisor_below_root(n), .s = (int64_t)sqrt((double)n)};
    z.c = n / z.r;
    z.e = at_least_one(n / 8);
    z.h = at_least_one(n / 16);
    z.t = at_least_one(n / 64);
    z.k = at_least_one(n / 1024);
    z.g = at_least_one(n / 3);
    z.q = at_least_one((int64_t)sqrt((double)n / 8));
    z.a = (int64_t)pow((double)n, 0.25);
    z.b = at_least_one(n / 50176);
    return z;
}

int64_t sweep_size(const sweep_sizes *z, const char *text)
{
    static const char letters[] = "nrcsehqktgab";
    const int64_t sizes[] = {z->n, z->r, z->c, z->s, z->e, z->h, z->q, z->k, z->t, z->g, z->a, z->b};
    const char *at = strchr(letters, *text);
    return at && *text ? sizes[at - letters] : strtoll(text, NULL, 10);
}

static tp_dims parse_shape(const sweep_sizes *z, const char *text)
{
    tp_dims shape = {.ndim = 0};
    for (; text; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL)
        shape.dim[shape.ndim++] = sweep_size(z, text);
    return shape;
}

/* index[i][j] = (i + j) mod rows: no place twice */
static tp_tensor *shifted_rows(tp_tape *T, tp_dims shape)
{
    tp_tensor *x = tp_empty(T, TP_I64, shape);
    int64_t *p = x ? tp_data(x) : NULL;
    for (int64_t i = 0; p && i < tp_numel(x); i++)
        p[i] = (i / shape.dim[1] + i % shape.dim[1]) % shape.dim[0];
    return x;
}

/* X X^T / n + 1 of a random X: symmetric, with eigenvalues from 1 to 5 */
static tp_tensor *positive_definite(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    int64_t n = shape.dim[shape.ndim - 1];
    tp_tensor *x = tp_randn(T, dtype, shape);
    return tp_add(T, tp_div_scalar(T, tp_matmul(T, x, tp_mT(T, x)), (double)n), tp_eye(T, dtype, n, n));
}

static tp_tensor *lower(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    int64_t n = shape.dim[shape.ndim - 1];
    return tp_add(T, tp_div_scalar(T, tp_tril(T, tp_randn(T, dtype, shape), 0), (double)n), tp_eye(T, dtype, n, n));
}

static tp_tensor *uniform(tp_tape *T, tp_dtype dtype, tp_dims shape, double low, double width)
{
    return tp_add_scalar(T, tp_mul_scalar(T, tp_rand(T, dtype, shape), width), low);
}

/* Small letters ask for a gradient where they are floats:
 * u 0.1 to 0.9, p 0.5 to 2.5, o 1.1 to 2.1, b booleans, i.. integers below a size, I a permutation, J shifted rows,
 * A ascending, S positive definite, L lower triangular, N normal. */
static tp_tensor *make_input(tp_tape *T, const char *kind, tp_dtype dtype, tp_dims shape, const sweep_sizes *z)
{
    switch (*kind) {
    case 'u':
    case 'U':
        return uniform(T, dtype, shape, 0.1, 0.8);
    case 'p':
    case 'P':
        return uniform(T, dtype, shape, 0.5, 2);
    case 'o':
        return uniform(T, dtype, shape, 1.1, 1);
    case 'b':
        return tp_lt(T, tp_rand(T, dtype, shape), tp_scalar(T, dtype, 0.5));
    case 'i':
        return tp_randint(T, TP_I64, shape, 0, sweep_size(z, kind + 1));
    case 'I':
        return tp_randperm(T, shape.dim[0]);
    case 'J':
        return shifted_rows(T, shape);
    case 'A':
        return tp_linspace(T, dtype, -3, 3, shape.dim[0]);
    case 'S':
        return positive_definite(T, dtype, shape);
    case 'L':
        return lower(T, dtype, shape);
    default:
        return tp_randn(T, dtype, shape);
    }
}

int sweep_inputs(tp_tape *T, const char *spec, tp_dtype dtype, const sweep_sizes *z, tp_tensor **in)
{
    char text[128], *rest = text;
    int n = 0;
    strncpy(text, spec, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tp_manual_seed(T, 0);
    for (char *item = strtok_r(rest, " ", &rest); item; item = strtok_r(NULL, " ", &rest), n++) {
        char *colon = strchr(item, ':');
        const char *kind = colon ? item : "";
        in[n] = tp_keep(make_input(T, kind, dtype, parse_shape(z, colon ? colon + 1 : item), z));
        if (in[n] == NULL)
            return -1;
        if (tp_dtype_is_float(tp_dtype_of(in[n])) && strchr("NUPA", *kind ? *kind : 'n') == NULL)
            tp_requires_grad(in[n], true);
    }
    tp_tape_reset(T);
    return n;
}
