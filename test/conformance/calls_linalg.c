/* calls_linalg.c - factorizations and solves. */
#include "calls.h"

static tp_tensor *mT(test_case *c, tp_tensor *x) { return tp_transpose(c->T, x, -2, -1); }

static tp_tensor *call_solve(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    bool left = arg_bool(c, -1, "left", true);
    return left ? tp_linalg_solve(c->T, a, b) : tp_linalg_solve_ex(c->T, a, b, false, NULL);
}
static tp_tensor *call_solve_ex(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    c->n_out = 2;
    return tp_linalg_solve_ex(c->T, a, b, arg_bool(c, -1, "left", true), &c->out[1]);
}

static tp_tensor *call_solve_triangular(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    return tp_linalg_solve_triangular_with(c->T, a, b, arg_bool(c, -1, "upper", false), arg_bool(c, -1, "left", true),
                                           arg_bool(c, -1, "unitriangular", false));
}

/* The deprecated one, which hands A back, too. */
static tp_tensor *call_triangular_solve(test_case *c)
{
    tp_tensor *b = arg_tensor(c, 0, "b"), *a = arg_tensor(c, 1, "A");
    bool upper = arg_bool(c, 2, "upper", true), turned = arg_bool(c, 3, "transpose", false);
    c->n_out = 2;
    c->out[1] = tp_clone(c->T, a);
    return tp_linalg_solve_triangular_with(c->T, turned ? mT(c, a) : a, b, upper != turned, true,
                                           arg_bool(c, 4, "unitriangular", false));
}

static tp_tensor *call_cholesky(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    bool upper = arg_bool(c, 1, "upper", false);
    return upper ? tp_linalg_cholesky_ex(c->T, a, true, NULL) : tp_linalg_cholesky(c->T, a);
}
static tp_tensor *call_cholesky_ex(test_case *c)
{
    c->n_out = 2;
    return tp_linalg_cholesky_ex(c->T, arg_tensor(c, 0, "A"), arg_bool(c, -1, "upper", false), &c->out[1]);
}
static tp_tensor *call_cholesky_solve(test_case *c)
{
    return tp_cholesky_solve(c->T, arg_tensor(c, 0, "B"), arg_tensor(c, 1, "L"), arg_bool(c, 2, "upper", false));
}
static tp_tensor *call_cholesky_inverse(test_case *c)
{
    return tp_cholesky_inverse(c->T, arg_tensor(c, 0, "L"), arg_bool(c, 1, "upper", false));
}

/* ---- LU ---- */

/* There is no other on a CPU. */
static void read_pivot(test_case *c, int at)
{
    if (!arg_bool(c, at, "pivot", true))
        case_skip(c, "without pivots");
}

static tp_tensor *call_lu_factor(test_case *c)
{
    read_pivot(c, -1);
    c->n_out = 2;
    return tp_linalg_lu_factor(c->T, arg_tensor(c, 0, "A"), &c->out[1]);
}
static tp_tensor *call_lu_factor_ex(test_case *c)
{
    read_pivot(c, -1);
    c->n_out = 3;
    return tp_linalg_lu_factor_ex(c->T, arg_tensor(c, 0, "A"), &c->out[1], &c->out[2]);
}
/* torch.lu(A, pivot, get_infos) */
static tp_tensor *call_torch_lu(test_case *c)
{
    bool infos = arg_bool(c, 2, "get_infos", false);
    read_pivot(c, 1);
    tp_tensor *info, *lu = tp_linalg_lu_factor_ex(c->T, arg_tensor(c, 0, "A"), &c->out[1], &info);
    c->n_out = infos ? 3 : 2;
    if (infos)
        c->out[2] = info;
    return lu;
}
static tp_tensor *call_lu(test_case *c)
{
    tp_tensor *p = NULL;
    read_pivot(c, -1);
    c->n_out = 3;
    tp_linalg_lu(c->T, arg_tensor(c, 0, "A"), &p, &c->out[1], &c->out[2]);
    return p;
}
static tp_tensor *call_lu_unpack(test_case *c)
{
    tp_tensor *p = NULL;
    c->n_out = 3;
    tp_lu_unpack(c->T, arg_tensor(c, 0, "LU_data"), arg_tensor(c, 1, "LU_pivots"), &p, &c->out[1], &c->out[2]);
    return p;
}
static tp_tensor *call_lu_solve(test_case *c)
{
    return tp_linalg_lu_solve(c->T, arg_tensor(c, 0, "LU"), arg_tensor(c, 1, "pivots"), arg_tensor(c, 2, "B"),
                              arg_bool(c, -1, "left", true), arg_bool(c, -1, "adjoint", false));
}
static tp_tensor *call_old_lu_solve(test_case *c)
{
    return tp_linalg_lu_solve(c->T, arg_tensor(c, 1, "LU_data"), arg_tensor(c, 2, "LU_pivots"), arg_tensor(c, 0, "b"),
                              true, false);
}

static tp_tensor *call_inv(test_case *c) { return tp_linalg_inv(c->T, arg_tensor(c, 0, "A")); }
static tp_tensor *call_inv_ex(test_case *c)
{
    c->n_out = 2;
    return tp_linalg_inv_ex(c->T, arg_tensor(c, 0, "A"), &c->out[1]);
}
static tp_tensor *call_det(test_case *c) { return tp_linalg_det(c->T, arg_tensor(c, 0, "A")); }
static tp_tensor *call_slogdet(test_case *c)
{
    c->n_out = 2;
    return tp_linalg_slogdet(c->T, arg_tensor(c, 0, "A"), &c->out[1]);
}
static tp_tensor *call_logdet(test_case *c) { return tp_logdet(c->T, arg_tensor(c, 0, "input")); }

/* ---- LDL ---- */

static tp_tensor *call_ldl_factor(test_case *c)
{
    c->n_out = 2;
    return tp_linalg_ldl_factor(c->T, arg_tensor(c, 0, "A"), &c->out[1]);
}
static tp_tensor *call_ldl_factor_ex(test_case *c)
{
    c->n_out = 3;
    return tp_linalg_ldl_factor_ex(c->T, arg_tensor(c, 0, "A"), &c->out[1], &c->out[2]);
}
static tp_tensor *call_ldl_solve(test_case *c)
{
    return tp_linalg_ldl_solve(c->T, arg_tensor(c, 0, "LD"), arg_tensor(c, 1, "pivots"), arg_tensor(c, 2, "B"));
}

const call_entry linalg_calls[] = {
    {"linalg.solve", call_solve},
    {"linalg.solve_triangular", call_solve_triangular},
    {"linalg.cholesky", call_cholesky},
    {"cholesky", call_cholesky},
    {"linalg.solve_ex", call_solve_ex},
    {"triangular_solve", call_triangular_solve},
    {"linalg.cholesky_ex", call_cholesky_ex},
    {"cholesky_solve", call_cholesky_solve},
    {"cholesky_inverse", call_cholesky_inverse},
    {"linalg.lu_factor", call_lu_factor},
    {"linalg.lu_factor_ex", call_lu_factor_ex},
    {"lu", call_torch_lu},
    {"linalg.lu", call_lu},
    {"lu_unpack", call_lu_unpack},
    {"linalg.lu_solve", call_lu_solve},
    {"lu_solve", call_old_lu_solve},
    {"linalg.inv", call_inv},
    {"linalg.inv_ex", call_inv_ex},
    {"inverse", call_inv},
    {"linalg.det", call_det},
    {"det", call_det},
    {"linalg.slogdet", call_slogdet},
    {"slogdet", call_slogdet},
    {"logdet", call_logdet},
    {"linalg.ldl_factor", call_ldl_factor},
    {"linalg.ldl_factor_ex", call_ldl_factor_ex},
    {"linalg.ldl_solve", call_ldl_solve},
    {NULL, NULL},
};
