/* rows.c - the table of calls. */
#include "sweep.h"

#include <math.h>

/* ---- calls of more than one expression ---- */

static tp_tensor *einsum2(tp_tape *T, const char *equation, tp_tensor *x, tp_tensor *y)
{
    return tp_einsum(T, equation, 2, (tp_tensor *[]){x, y});
}

static tp_tensor *first_gradient(tp_tape *T, tp_tensor *x)
{
    tp_tensor *out = NULL;
    return tp_gradient(T, x, NULL, &out) == TP_OK ? out : NULL;
}

static tp_tensor *split_cat(tp_tape *T, tp_tensor *x, int64_t size)
{
    tp_tensor *part[2];
    int n = tp_split(T, x, size, 1, 2, part);
    return n > 0 ? tp_cat(T, n, part, 1) : NULL;
}

static tp_tensor *meshgrid_add(tp_tape *T, tp_tensor *x, tp_tensor *y)
{
    tp_tensor *out[2];
    return tp_meshgrid(T, 2, (tp_tensor *[]){x, y}, false, out) == TP_OK ? tp_add(T, out[0], out[1]) : NULL;
}

static tp_tensor *unique_inverse(tp_tape *T, tp_tensor *x)
{
    tp_tensor *inverse = NULL;
    tp_unique(T, x, &inverse, NULL);
    return inverse;
}

#define DIMS(...) ((const int[]){__VA_ARGS__})

/* ---- rows.def twice: once as functions, once as the table ---- */

#define ROW(family, name, inputs, torch, ...) \
    static tp_tensor *call_##name(tp_tape *T, tp_tensor **in, const sweep_sizes *z) \
    { \
        tp_tensor *x = in[0], *y = in[1], *v = in[2]; \
        int64_t n = z->n, r = z->r, c = z->c; \
        (void)x, (void)y, (void)v, (void)n, (void)r, (void)c; \
        return __VA_ARGS__; \
    }
#include "rows.def"
#undef ROW

const sweep_row sweep_rows[] = {
#define ROW(family, name, inputs, torch, ...) {#family, #name, inputs, torch, call_##name},
#include "rows.def"
#undef ROW
    {0}};
