/* calls_linalg.c - factorizations and solves. */
#include "calls.h"

static tp_tensor *mT(test_case *c, tp_tensor *x) { return tp_transpose(c->T, x, -2, -1); }

/* X A = B is A^T X^T = B^T. */
static tp_tensor *call_solve(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    if (arg_bool(c, -1, "left", true))
        return tp_linalg_solve(c->T, a, b);
    return mT(c, tp_linalg_solve(c->T, mT(c, a), mT(c, b)));
}

static tp_tensor *call_solve_triangular(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    bool upper = arg_bool(c, -1, "upper", false);
    if (arg_bool(c, -1, "unitriangular", false))
        case_skip(c, "unitriangular");
    if (arg_bool(c, -1, "left", true))
        return tp_linalg_solve_triangular(c->T, a, b, upper);
    return mT(c, tp_linalg_solve_triangular(c->T, mT(c, a), mT(c, b), !upper));
}

static tp_tensor *call_cholesky(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    bool upper = arg_bool(c, 1, "upper", false);
    tp_tensor *lower = tp_linalg_cholesky(c->T, a);
    return upper ? mT(c, lower) : lower;
}

const call_entry linalg_calls[] = {
    {"linalg.solve", call_solve},
    {"linalg.solve_triangular", call_solve_triangular},
    {"linalg.cholesky", call_cholesky},
    {"cholesky", call_cholesky},
    {NULL, NULL},
};
