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

/* ---- signs are LAPACK's choice: "post" says what was made of the results ------------------------------------------------ */

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

const call_entry decomposition_calls[] = {
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
