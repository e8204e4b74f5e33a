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

const call_entry decomposition_calls[] = {
    {"linalg.qr", call_linalg_qr}, {"qr", call_qr},
    {"geqrf", call_geqrf},         {"linalg.householder_product", call_householder_product},
    {"ormqr", call_ormqr},         {NULL, NULL},
};
