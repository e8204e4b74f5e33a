/* calls_products.c - products of many kinds, distances. */
#include "calls.h"

#include <string.h>

static tp_tensor *pair(test_case *c, binary_fn f)
{
    return f(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "other"));
}
static tp_tensor *call_inner(test_case *c) { return pair(c, tp_inner); }
static tp_tensor *call_outer(test_case *c) { return pair(c, tp_outer); }
static tp_tensor *call_kron(test_case *c) { return pair(c, tp_kron); }

typedef tp_tensor *(*add_fn)(tp_tape *, tp_tensor *, tp_tensor *, tp_tensor *, double, double);
static tp_tensor *added(test_case *c, add_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *a = arg_tensor(c, 1, "mat1"), *b = arg_tensor(c, 2, "mat2");
    double beta = arg_double(c, -1, "beta", 1);
    return f(c->T, x, a, b, beta, arg_double(c, -1, "alpha", 1));
}
static tp_tensor *call_addmm(test_case *c) { return added(c, tp_addmm); }
static tp_tensor *call_addmv(test_case *c) { return added(c, tp_addmv); }
static tp_tensor *call_addr(test_case *c) { return added(c, tp_addr); }
static tp_tensor *call_baddbmm(test_case *c) { return added(c, tp_baddbmm); }
static tp_tensor *call_addbmm(test_case *c) { return added(c, tp_addbmm); }

static tp_tensor *call_einsum(test_case *c)
{
    tp_tensor *x[CASE_MAX_IN];
    const char *equation = arg_string(c, 0, "equation", NULL);
    int n = 0;
    if (arg_is_tensor(arg(c, 1, "operands")))
        for (; n + 1 < (int)json_array_size(c->args); n++)
            x[n] = arg_tensor(c, n + 1, "operands");
    else
        n = arg_tensors(c, 1, "operands", CASE_MAX_IN, x);
    return tp_einsum(c->T, equation, n, x);
}

static tp_tensor *call_tensordot(test_case *c)
{
    int dims[2][TP_MAX_DIMS], n = 2;
    const json_t *d = arg(c, 2, "dims");
    tp_tensor *a = arg_tensor(c, 0, "a"), *b = arg_tensor(c, 1, "b");
    if (d == NULL || json_is_integer(d)) {
        n = d ? (int)json_integer_value(d) : 2;
        for (int i = 0; i < n && i < TP_MAX_DIMS; i++) {
            dims[0][i] = tp_ndim(a) - n + i;
            dims[1][i] = i;
        }
    } else {
        for (size_t side = 0; side < 2; side++) {
            const json_t *list = json_array_get(d, side);
            n = json_is_integer(list) ? 1 : (int)json_array_size(list);
            for (int i = 0; i < n && i < TP_MAX_DIMS; i++)
                dims[side][i] = (int)json_integer_value(json_is_integer(list) ? list : json_array_get(list, (size_t)i));
        }
    }
    return tp_tensordot(c->T, a, b, n, dims[0], dims[1]);
}

static tp_tensor *call_trace(test_case *c)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    if (tp_ndim(x) == 2 && tp_size(x, 0) > tp_size(x, 1) + 1)
        case_skip(c, "PyTorch's gradient of a tall matrix's trace is wrong: it marks elements below the diagonal");
    return tp_trace(c->T, x);
}

/* torch.cross looks for a dimension of 3 where none is given. */
static tp_tensor *call_cross(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input"), *b = arg_tensor(c, 1, "other");
    int dim = 0;
    while (dim < tp_ndim(a) - 1 && tp_size(a, dim) != 3)
        dim++;
    return tp_linalg_cross(c->T, a, b, (int)arg_int(c, 2, "dim", dim));
}

static tp_tensor *call_linalg_cross(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input"), *b = arg_tensor(c, 1, "other");
    return tp_linalg_cross(c->T, a, b, (int)arg_int(c, 2, "dim", -1));
}

static tp_tensor *call_vecdot(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "x"), *b = arg_tensor(c, 1, "y");
    return tp_linalg_vecdot(c->T, a, b, (int)arg_int(c, 2, "dim", -1));
}

static tp_tensor *call_multi_dot(test_case *c)
{
    tp_tensor *x[CASE_MAX_IN];
    int n = 0;
    if (arg_is_tensor(arg(c, 0, "tensors")))
        for (; n < (int)json_array_size(c->args); n++)
            x[n] = arg_tensor(c, n, "tensors");
    else
        n = arg_tensors(c, 0, "tensors", CASE_MAX_IN, x);
    return tp_linalg_multi_dot(c->T, n, x);
}

static tp_tensor *call_matrix_power(test_case *c)
{
    return tp_linalg_matrix_power(c->T, arg_tensor(c, 0, "input"), (int)arg_int(c, 1, "n", 1));
}

static tp_tensor *call_bilinear(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input1"), *b = arg_tensor(c, 1, "input2"), *w = arg_tensor(c, 2, "weight");
    return tp_bilinear(c->T, a, b, w, arg_tensor_or_null(c, 3, "bias"));
}

static tp_tensor *call_cdist(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "x1"), *b = arg_tensor(c, 1, "x2");
    arg(c, 3, "compute_mode"); /* how, not what */
    return tp_cdist(c->T, a, b, arg_double(c, 2, "p", 2));
}

static tp_tensor *call_pdist(test_case *c)
{
    return tp_pdist(c->T, arg_tensor(c, 0, "input"), arg_double(c, 1, "p", 2));
}

static tp_tensor *call_pairwise_distance(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "x1"), *b = arg_tensor(c, 1, "x2");
    double p = arg_double(c, 2, "p", 2), eps = arg_double(c, 3, "eps", 1e-6);
    return tp_pairwise_distance(c->T, a, b, p, eps, arg_bool(c, 4, "keepdim", false));
}

static tp_tensor *call_cosine_similarity(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "x1"), *b = arg_tensor(c, 1, "x2");
    int dim = (int)arg_int(c, 2, "dim", 1);
    return tp_cosine_similarity(c->T, a, b, dim, arg_double(c, 3, "eps", 1e-8));
}

const call_entry products_calls[] = {
    {"inner", call_inner},
    {"outer", call_outer},
    {"ger", call_outer},
    {"kron", call_kron},
    {"addmm", call_addmm},
    {"addmv", call_addmv},
    {"addr", call_addr},
    {"baddbmm", call_baddbmm},
    {"addbmm", call_addbmm},
    {"einsum", call_einsum},
    {"tensordot", call_tensordot},
    {"trace", call_trace},
    {"cross", call_cross},
    {"linalg.cross", call_linalg_cross},
    {"linalg.vecdot", call_vecdot},
    {"linalg.multi_dot", call_multi_dot},
    {"chain_matmul", call_multi_dot},
    {"matrix_power", call_matrix_power},
    {"linalg.matrix_power", call_matrix_power},
    {"nn.functional.bilinear", call_bilinear},
    {"cdist", call_cdist},
    {"pdist", call_pdist},
    {"nn.functional.pdist", call_pdist},
    {"nn.functional.pairwise_distance", call_pairwise_distance},
    {"nn.functional.cosine_similarity", call_cosine_similarity},
    {NULL, NULL},
};
