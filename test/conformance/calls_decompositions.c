/* calls_decompositions.c - orthogonal factorizations, and what is made of them. */
#include "calls.h"

#include <string.h>

static tp_qr_mode mode_asked(test_case *c, int position)
{
    const char *mode = arg_string(c, position, "mode", "reduced");
    if (strcmp(mode, "complete") == 0)
        return TP_QR_COMPLETE;
    return strcmp(mode, "r") == 0 ? TP_QR_R : TP_QR_REDUCED;
}

static tp_tensor *call_linalg_qr(test_case *c)
{
    c->n_out = 2;
    return tp_linalg_qr(c->T, arg_tensor(c, 0, "A"), mode_asked(c, 1), &c->out[1]);
}

static tp_tensor *call_qr(test_case *c)
{
    c->n_out = 2;
    tp_tensor *a = arg_tensor(c, 0, "input");
    return tp_linalg_qr(c->T, a, arg_bool(c, 1, "some", true) ? TP_QR_REDUCED : TP_QR_COMPLETE, &c->out[1]);
}

static tp_tensor *call_geqrf(test_case *c)
{
    c->n_out = 2;
    return tp_geqrf(c->T, arg_tensor(c, 0, "input"), &c->out[1]);
}

static tp_tensor *call_householder_product(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    return tp_linalg_householder_product(c->T, a, arg_tensor(c, 1, "tau"));
}

static tp_tensor *call_ormqr(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input"), *tau = arg_tensor(c, 1, "tau"), *x = arg_tensor(c, 2, "other");
    bool left = arg_bool(c, 3, "left", true);
    return tp_ormqr(c->T, a, tau, x, left, arg_bool(c, 4, "transpose", false));
}

/* ---- signs are LAPACK's choice: "post" says what was made of the results ----------------------------------------- */

static tp_tensor *call_eigh(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *vectors;
    bool upper = strcmp(arg_string(c, 1, "UPLO", "L"), "U") == 0;
    tp_tensor *values = tp_linalg_eigh(c->T, a, upper, &vectors, NULL);
    c->n_out = 2;
    c->out[1] = tp_abs(c->T, vectors);
    return values;
}

static tp_tensor *call_eigvalsh(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    return tp_linalg_eigvalsh(c->T, a, strcmp(arg_string(c, 1, "UPLO", "L"), "U") == 0);
}

static tp_tensor *without_signs(test_case *c, tp_tensor *u, tp_tensor *s, tp_tensor *vh)
{
    const char *post = case_text(c, "post");
    if (!case_ok(c))
        return NULL;
    int64_t k = tp_size(s, -1);
    u = tp_narrow(c->T, u, -1, 0, k);
    vh = tp_narrow(c->T, vh, -2, 0, k);
    c->n_out = strcmp(post, "svd_U") == 0 || strcmp(post, "svd_S") == 0 ? 1 : 2;
    if (strcmp(post, "svd_UVh") == 0) {
        c->out[1] = s;
        return tp_matmul(c->T, u, vh);
    }
    c->out[1] = c->n_out == 2 ? tp_abs(c->T, vh) : NULL;
    return strcmp(post, "svd_U") == 0 ? tp_abs(c->T, u) : s;
}

static tp_tensor *call_linalg_svd(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *s, *vh;
    tp_tensor *u = tp_linalg_svd(c->T, a, arg_bool(c, 1, "full_matrices", true), &s, &vh, NULL);
    return without_signs(c, u, s, vh);
}

static tp_tensor *call_svd(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input"), *s, *v;
    bool some = arg_bool(c, 1, "some", true);
    tp_tensor *u = tp_svd(c->T, a, some, arg_bool(c, 2, "compute_uv", true), &s, &v);
    return without_signs(c, u, s, tp_transpose(c->T, v, -2, -1));
}

static tp_tensor *call_svdvals(test_case *c) { return tp_linalg_svdvals(c->T, arg_tensor(c, 0, "A")); }

/* ---- what is made of them ---------------------------------------------------------------------------------------- */

/* Is one of the tolerances a tensor? Then both are, where they are given. */
static bool tensors_asked(test_case *c, tp_tensor **tolerances)
{
    static const char *const names[] = {"atol", "rtol"};
    if (!arg_is_tensor(arg(c, -1, names[0])) && !arg_is_tensor(arg(c, -1, names[1])))
        return false;
    for (int i = 0; i < 2; i++) {
        const json_t *given = arg(c, -1, names[i]);
        tolerances[i] = arg_is_tensor(given)   ? arg_tensor(c, -1, names[i])
                        : arg_is_number(given) ? tp_scalar(c->T, TP_F64, number_of(given))
                                               : NULL;
    }
    return true;
}

static tp_rank_options rank_asked(test_case *c)
{
    tp_rank_options o = {.hermitian = arg_bool(c, -1, "hermitian", false)};
    const json_t *rtol = arg(c, -1, "rtol");
    o.atol = arg_double(c, -1, "atol", 0);
    if (arg_is_number(rtol))
        o.rtol = number_of(rtol) != 0 ? number_of(rtol) : TP_ZERO;
    else if (rtol != NULL)
        case_skip(c, "rtol is not a number");
    return o;
}

/* Of a b^T where there are two, so that the rank stays. */
static tp_tensor *call_linalg_pinv(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *t[2];
    if (arg_is_tensor(arg(c, 1, NULL)))
        a = tp_matmul(c->T, a, tp_transpose(c->T, arg_tensor(c, 1, "b"), -2, -1));
    if (tensors_asked(c, t))
        return tp_linalg_pinv_tensors(c->T, a, t[0], t[1], arg_bool(c, -1, "hermitian", false));
    tp_rank_options o = rank_asked(c);
    return tp_linalg_pinv(c->T, a, &o);
}

static tp_tensor *call_pinverse(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "input");
    return tp_linalg_pinv(c->T, a, &(tp_rank_options){.rtol = arg_option(c, 1, "rcond", 1e-15)});
}

static tp_tensor *call_matrix_rank(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *t[2];
    if (tensors_asked(c, t))
        return tp_linalg_matrix_rank_tensors(c->T, a, t[0], t[1], arg_bool(c, -1, "hermitian", false));
    tp_rank_options o = rank_asked(c);
    return tp_linalg_matrix_rank(c->T, a, &o);
}

static tp_tensor *call_lstsq(test_case *c)
{
    static const char *const names[] = {"gelsy", "gels", "gelsd", "gelss"};
    tp_lstsq_options o = {.driver = TP_GELSY};
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    const char *driver = arg_string(c, 3, "driver", "gelsy");
    o.rcond = arg_double(c, 2, "rcond", 0);
    for (int i = 0; i < 4; i++)
        if (strcmp(driver, names[i]) == 0)
            o.driver = (tp_lstsq_driver)i;
    c->n_out = (int)json_integer_value(json_object_get(c->json, "outputs"));
    return tp_linalg_lstsq(c->T, a, b, &o, &c->out[1], &c->out[2], &c->out[3]);
}

static double order_asked(test_case *c, int position, const char *name, double otherwise)
{
    const json_t *a = arg(c, position, name);
    if (a == NULL)
        return otherwise;
    if (arg_is_number(a))
        return number_of(a);
    const char *text = json_string_value(a);
    return text != NULL && strcmp(text, "nuc") == 0 ? TP_NORM_NUC : TP_NORM_FRO;
}

static tp_tensor *call_matrix_norm(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    double ord = order_asked(c, 1, "ord", TP_NORM_FRO);
    dim_list dims = arg_dims(c, 2, "dim");
    if (dims.n != 2)
        dims = (dim_list){.n = 2, .dim = {-2, -1}};
    return tp_linalg_matrix_norm(c->T, a, ord, dims.dim[0], dims.dim[1], arg_bool(c, 3, "keepdim", false));
}

static tp_tensor *call_linalg_norm(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    double ord = order_asked(c, 1, "ord", 0.125); /* None */
    dim_list dims = arg_dims(c, 2, "dim");
    bool keepdim = arg_bool(c, 3, "keepdim", false);
    if (ord == 0.125)
        return tp_linalg_vector_norm(c->T, a, 2, dims.n, dims.dim, keepdim);
    return tp_linalg_norm(c->T, a, ord, dims.n, dims.dim, keepdim);
}

static tp_tensor *call_cond(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    return tp_linalg_cond(c->T, a, order_asked(c, 1, "p", 2));
}

static tp_tensor *call_matrix_exp(test_case *c) { return tp_matrix_exp(c->T, arg_tensor(c, 0, "A")); }

static tp_tensor *call_tensorinv(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A");
    return tp_linalg_tensorinv(c->T, a, (int)arg_int(c, 1, "ind", 2));
}

static tp_tensor *call_tensorsolve(test_case *c)
{
    tp_tensor *a = arg_tensor(c, 0, "A"), *b = arg_tensor(c, 1, "B");
    dim_list dims = arg_dims(c, 2, "dims");
    return tp_linalg_tensorsolve(c->T, a, b, dims.n, dims.dim);
}

const call_entry decomposition_calls[] = {
    {"linalg.pinv", call_linalg_pinv},
    {"pinverse", call_pinverse},
    {"linalg.matrix_rank", call_matrix_rank},
    {"linalg.lstsq", call_lstsq},
    {"linalg.matrix_norm", call_matrix_norm},
    {"linalg.norm", call_linalg_norm},
    {"linalg.cond", call_cond},
    {"matrix_exp", call_matrix_exp},
    {"linalg.tensorinv", call_tensorinv},
    {"linalg.tensorsolve", call_tensorsolve},
    {"linalg.eigh", call_eigh},
    {"linalg.eigvalsh", call_eigvalsh},
    {"linalg.svd", call_linalg_svd},
    {"svd", call_svd},
    {"linalg.svdvals", call_svdvals},
    {"linalg.qr", call_linalg_qr},
    {"qr", call_qr},
    {"geqrf", call_geqrf},
    {"linalg.householder_product", call_householder_product},
    {"ormqr", call_ormqr},
    {NULL, NULL},
};
