#!/bin/sh
# Adds an operator, an elementwise function, a layer and an optimizer to a copy of the tree, each as a file (or a line) and a line in its header (what
# doc/architecture.md says of adding), and sees that they are built, registered and tested.
cd "$(dirname "$0")/.." || exit 1
command -v git > /dev/null && git rev-parse --git-dir > /dev/null 2>&1 || { echo 'no checkout to copy'; exit 77; }
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
git ls-files -z | xargs -0 cp --parents -t "$work" || exit 1
cd "$work" || exit 1

declare_in() { # header, declaration
    sed -i "0,/^#ifdef __cplusplus\$/! {0,/^#ifdef __cplusplus\$/ s|^#ifdef __cplusplus\$|$2\n\n&|}" "include/tapir/$1"
    grep -qF "$2" "include/tapir/$1" || { echo "$1 has no place for a declaration"; exit 1; }
}

# y = a b + b, with a fused gradient that adds to what is there
cat > lib/ops/nn/toy.c << 'END'
/* toy.c - a b + b of tensors of one shape and dtype. */
#include "ops/ops.h"

static tp_status toy_infer(tp_call *c)
{
    if (!tp__same_shape(c->in[0], c->in[1]) || c->in[0]->dtype != c->in[1]->dtype)
        return tp_call_fail(c, TP_ESHAPE, "two tensors of one shape and dtype are needed");
    return tp__infer_float_like(c);
}
#define AT(x, i) (x->dtype == TP_F32 ? (double)((float *)x->data)[i] : ((double *)x->data)[i])
static tp_status toy_forward(tp_call *c)
{
    for (int64_t i = 0; i < c->out[0]->numel; i++)
        tp__store((char *)c->out[0]->data + (size_t)i * tp_dtype_size(c->out[0]->dtype), c->out[0]->dtype,
                  (AT(c->in[0], i) + 1) * AT(c->in[1], i));
    return TP_OK;
}
static tp_status toy_vjp(tp_vjp *v)
{
    v->gin[0] = tp_mul(v->tape, v->gout[0], v->in[1]);
    v->gin[1] = tp_mul(v->tape, v->gout[0], tp_add_scalar(v->tape, v->in[0], 1));
    return TP_OK;
}
static tp_status toy_vjp_fused(tp_vjp *v)
{
    for (int k = 0; k < 2; k++)
        for (int64_t i = 0; v->gin[k] && i < v->gin[k]->numel; i++)
            tp__store((char *)v->gin[k]->data + (size_t)i * tp_dtype_size(v->gin[k]->dtype), v->gin[k]->dtype,
                      AT(v->gin[k], i) + AT(v->gout[0], i) * (k ? AT(v->in[0], i) + 1 : AT(v->in[1], i)));
    return TP_OK;
}
static void toy_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, tp_shape(3, 4), -2, 2), tp_sample_tensor(s, tp_shape(3, 4), -1, 3)};
    tp_sample(s, NULL, 2, in);
}
static const tp_op toy_op = {.name = "toy", .n_in = 2, .n_out = 1, .infer = toy_infer, .forward = toy_forward,
                             .vjp = toy_vjp, .vjp_fused = toy_vjp_fused, .samples = toy_samples};

tp_tensor *tp_toy(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &toy_op, NULL, a, b); }

const tp_op *const tp__ops_toy[] = {
#include TP__OPERATORS
    NULL};
END
declare_in nn_functional.h 'TP_API tp_tensor *tp_toy(tp_tape *T, tp_tensor *a, tp_tensor *b);'

# 3 x + x^2, a line in its family's file
sed -i 's|^UNARY(exp, .*|&\nUNARY(toy_curve, TO_FLOAT, FLOATS(3 * x + x * x), tp_mul(T, g, tp_add_scalar(T, tp_mul_scalar(T, x, 2), 3)), READS_X, all, "ToyBackward0")|' lib/ops/elementwise/unary.c
declare_in elementwise.h 'TP_API tp_tensor *tp_toy_curve(tp_tape *T, tp_tensor *x);'

cat > lib/nn/toy.c << 'END'
/* toy.c - a layer of two inputs. */
#include "nn/nn.h"
#include "tapir/ops.h"

static tp_status toy_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)self, (void)n_in, (void)n_out;
    out[0] = tp_toy(T, in[0], in[1]);
    return tp_error_status(T);
}
static const tp_module_class toy_class = {.name = "Toy", .size = sizeof(tp_module), .forward_n = toy_forward, .n_in = 2};
tp_module *tp_nn_toy(tp_tape *T) { return tp_module_new(T, &toy_class); }
END
declare_in nn.h 'TP_API tp_module *tp_nn_toy(tp_tape *T);'

cat > lib/optim/toy.c << 'END'
/* toy.c - steps of a fixed length against the gradient's sign. */
#include "optim/optim.h"

#if defined(REAL)
static void NAME(toy)(const void *u, int64_t n, void *const *at)
{
    REAL *restrict p = at[0];
    const REAL *restrict g = at[1];
    REAL lr = (REAL) * (const double *)u;
    for (int64_t i = 0; i < n; i++)
        p[i] -= g[i] > 0 ? lr : g[i] < 0 ? -lr : 0;
}
#elif defined(TP__ISA)
#define TP__BODY "optim/toy.c"
#include "kernel/per_float.h"
const tp__update_table TP__OF_ISA(tp__toy_update) = {{toy_f32, toy_f64}};
#else
TP__TABLE_OF(tp__update_table, tp__toy_update);
static const tp__update_table *kernel(void) { return TP__PICK(tp__toy_update); }
static bool check(tp_tape *T, const char *name, void *options)
{
    *(double *)options = 0.25;
    return T && name;
}
static void numbers(const tp__group *g, int64_t steps, void *u)
{
    (void)steps;
    *(double *)u = g->lr;
}
static const tp__optim_class toy_class = {.op = TP__OPTIM_OP("toy"), .size = sizeof(tp_optim),
    .options_size = sizeof(double), .check = check, .numbers = numbers, .kernel = kernel};
tp_optim *tp_optim_toy(tp_tape *T, tp_params *params) { return tp__optim_new(T, &toy_class, params, NULL); }
#endif
END
declare_in optim.h 'TP_API tp_optim *tp_optim_toy(tp_tape *T, tp_params *params);'

cat > toy_user.c << 'END'
#include <stdio.h>
#include <tapir.h>
int main(void)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *p = tp_requires_grad(tp_keep(tp_full(T, TP_F64, tp_shape(2), 1)), true), *y;
    tp_params *set = tp_params_of(T, 1, &p);
    tp_optim *o = tp_optim_toy(T, set);
    tp_module *m = tp_nn_toy(T);
    tp_tensor *in[2] = {p, p};
    tp_tensor *x = tp_requires_grad(tp_full(T, TP_F32, tp_shape(3), 2), true);
    tp_backward(T, tp_sum(T, tp_toy_curve(T, x)));
    if (tp_item_at(tp_toy_curve(T, x), 2) != 10 || tp_item_at(tp_grad(x), 1) != 7)
        return 2;
    tp_forward_n(T, m, 2, in, 1, &y);
    tp_backward(T, tp_sum(T, y));
    tp_optim_step(T, o);
    return !(tp_error(T) == NULL && tp_op_find("toy") && tp_item_at(y, 1) == 2 && tp_item_at(p, 0) == 0.75);
}
END

make WERROR=1 lib build/test/test_operators build/test/calls > make.log 2>&1 || { tail -20 make.log; exit 1; }
build/test/test_operators toy > operators.log 2>&1 || { tail -5 operators.log; exit 1; }
grep -q 'Checks: [1-9]' operators.log || { echo 'no generic test ran on the operator'; exit 1; }
build/test/test_operators toy_curve > operators.log 2>&1 && grep -q 'Checks: [1-9]' operators.log || { echo 'no generic test ran on the function'; exit 1; }
grep -q 'tp_toy(' build/test/calls_list.h || { echo 'the function is not among the generated calls'; exit 1; }
grep -q 'tp_toy(T' build/include/tapir/trace.h || { echo 'the function is not in trace.h'; exit 1; }
${TEST_CC:-cc} -Iinclude toy_user.c -Lbuild -Wl,-rpath,"$work/build" -ltapir -o toy_user && ./toy_user || { echo 'toy_user fails'; exit 1; }
# An operator that is in no list does not build.
sed -i '/#include TP__OPERATORS/d' lib/ops/nn/toy.c
! make lib > make.log 2>&1 && grep -q 'no list of them' make.log || { echo 'a file without its list builds'; exit 1; }
