/* Operators of a user's that lack something: an infer that makes no output, more outputs than there is room for (nothing
 * is written past the caller's array), no forward. Each is an error that names the operator. */
#include <stdio.h>
#include <string.h>
#include <tapir.h>

static tp_status makes_none(tp_call *c) { (void)c; return TP_OK; }
static tp_status makes_one(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }
static tp_status forward(tp_call *c) { (void)c; return TP_OK; }
static tp_status vjp(tp_vjp *v) { v->gin[0] = v->gout[0]; return TP_OK; }

static int check(tp_tape *T, const char *what, const tp_op *op)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(3)), true), *out[TP_MAX_OUT + 1], *mark = x;
    memset(out, 0, sizeof out);
    out[TP_MAX_OUT] = mark;
    tp_tensor *y = tp_apply(T, op, NULL, 1, &x);
    int bad = y || tp_error_status(T) != TP_EINVAL || strncmp(tp_error(T), "user.", 5) != 0;
    if (bad) printf("%s: %p, %s\n", what, (void *)y, tp_error(T) ? tp_error(T) : "no error");
    tp_clear_error(T);
    tp_status s = tp_apply_all(T, op, NULL, 1, &x, out);
    if (s != TP_EINVAL || out[TP_MAX_OUT] != mark) { printf("%s, all: %s\n", what, tp_status_name(s)); bad++; }
    tp_clear_error(T);
    return bad;
}
int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_op    op = {.name = "user.none", .n_in = 1, .n_out = 1, .infer = makes_none, .forward = forward, .vjp = vjp};
    int      bad = check(T, "no output", &op);
    op.n_out = 2, op.infer = makes_one, bad += check(T, "one of two", &op);
    op.n_out = 4000, bad += check(T, "4000 outputs", &op);
    op.n_out = 0, bad += check(T, "none at all", &op);
    op.n_out = 1, op.forward = NULL, bad += check(T, "no forward", &op);
    op.forward = forward, op.infer = NULL, bad += check(T, "no infer", &op);
    tp_tape_free(T);
    return bad != 0;
}
