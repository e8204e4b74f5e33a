/* functional.h - derivatives of whole functions: products with Jacobians and Hessians, the matrices themselves,
 * and checkpoints, which compute again in backward instead of keeping.
 *
 * A function here is a C function that computes tensors from tensors on the tape, and what it knows besides:
 *
 *     static tp_status rosenbrock(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
 *     {
 *         tp_tensor *a = tp_slice(T, in[0], 0, 0, -1, 1), *b = tp_slice(T, in[0], 0, 1, INT64_MAX, 1);
 *         tp_tensor *valley = tp_square(T, tp_sub(T, b, tp_square(T, a)));
 *         out[0] = tp_sum(T, tp_add(T, tp_mul_scalar(T, valley, 100), tp_square(T, tp_rsub_scalar(T, a, 1))));
 *         return TP_OK;
 *     }
 *     tp_tensor *f, *hv;
 *     tp_hvp(T, rosenbrock, NULL, 1, &x, &v, &f, &hv, NULL);
 */
#ifndef TAPIR_FUNCTIONAL_H
#define TAPIR_FUNCTIONAL_H

#include "ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sets all of out[0 .. n_out) and returns TP_OK, or another status. An operator that fails fails the tape, so a
 * function need not look at each result. `user` is the caller's, as it was given. */
typedef tp_status (*tp_function)(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out);

/* ---- products and matrices ----------------------------------------------------------------------------
 *
 * y = f(x) for several inputs x_0, x_1, ... and outputs y_0, y_1, ... of any shape, float32 or float64, 0-d
 * included; J is the matrix of all dy/dx, H that of all d2y/dx2. The function is called once, on detached
 * inputs: whether they ask for a gradient does not matter, and their gradients are not touched. What else the
 * function uses (parameters it finds through `user`) counts as constant.
 *
 *     tp_vjp_of     v^T J             one sweep                          torch.autograd.functional.vjp
 *     tp_jvp        J v               two sweeps                         torch.autograd.functional.jvp
 *     tp_vhp        v^T H             two sweeps                         torch.autograd.functional.vhp
 *     tp_hvp        H v               the same, as H is symmetric        torch.autograd.functional.hvp
 *     tp_jacobian   J                 min(elements of y, of x + 1) sweeps  torch.autograd.functional.jacobian
 *     tp_hessian    H                 1 + elements of x sweeps           torch.autograd.functional.hessian
 *
 * A sweep costs a few times the function. There is no forward mode of its own: with u^T J = g(u), which is
 * linear in u, a forward product is J v = d(g(u) . v)/du, the reverse of a reverse. So a function for tp_jvp,
 * for a forward Jacobian and for all of the second order must have operators with a `vjp` of operators; one
 * that has a `vjp_fused` alone fails with TP_EUNSUPPORTED.
 *
 * Results are new tensors of the tape, and all else that was made on the way is given back. On failure all are
 * NULL. Where `values` is asked for (not NULL; for matrices in the options), it gets the function's outputs. */

typedef enum {
    TP_CHEAPER = 0, /* by the numbers of elements; reverse where an operator leaves no choice */
    TP_REVERSE,     /* a sweep for each element of the outputs: a row */
    TP_FORWARD      /* a sweep for each element of the inputs: a column */
} tp_jacobian_mode;

typedef struct {
    bool             create_graph; /* results (and values) are recorded: inputs that ask for it, and what the function
                                      uses besides, get gradients through them; nothing is given back */
    bool             strict;       /* an output that does not depend on an input is an error (TP_EGRAPH), not zeros */
    tp_jacobian_mode mode;         /* tp_jacobian only */
    tp_tensor      **values;       /* of tp_jacobian and tp_hessian, not NULL: gets the function's outputs, one each */
    tp_tensor      **gradient;     /* of tp_hessian, not NULL: gets dy/dx_i, of x_i's shape, one an input */
    TP_RESERVED(4);
} tp_functional_options;

/* result[i] = sum over k of v[k]^T dy_k/dx_i, of in[i]'s shape. v[k] is of y_k's shape; v may be NULL where there
 * is one output of one element: 1. */
TP_API tp_status tp_vjp_of(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                           tp_tensor *const *v, tp_tensor **values, tp_tensor **result,
                           const tp_functional_options *options);
/* result[k] = sum over i of dy_k/dx_i v[i], of y_k's shape. v[i] is of in[i]'s shape; v may be NULL where there is
 * one input of one element: 1. */
TP_API tp_status tp_jvp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                        tp_tensor *const *v, tp_tensor **values, tp_tensor **result,
                        const tp_functional_options *options);
/* The function has one output, of one element. result[i] = sum over j of d2y/dx_i dx_j v[j], of in[i]'s shape;
 * v[j] is of in[j]'s. `value` gets one tensor, or is NULL. */
TP_API tp_status tp_hvp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor *const *v,
                        tp_tensor **value, tp_tensor **result, const tp_functional_options *options);
TP_API tp_status tp_vhp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor *const *v,
                        tp_tensor **value, tp_tensor **result, const tp_functional_options *options);
/* blocks[k * n_in + i] = dy_k/dx_i, [shape of y_k..., shape of x_i...], in x_i's dtype. */
TP_API tp_status tp_jacobian(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                             tp_tensor **blocks, const tp_functional_options *options);
/* The function has one output, of one element. blocks[i * n_in + j] = d2y/dx_i dx_j, [shape of x_i..., of x_j...]. */
TP_API tp_status tp_hessian(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor **blocks,
                            const tp_functional_options *options);

/* tp_gradcheck (op.h) of a whole function, by the inputs that ask for a gradient, which are float64: with fused kernels
 * and without, and of second order with `second` (torch.autograd.gradcheck, gradgradcheck). At most 16 inputs and as
 * many outputs. */
TP_API tp_status tp_gradcheck_of(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                                 const tp_gradcheck_options *options);

/* ---- checkpoints ---------------------------------------------------------------------------------------
 *
 * A checkpoint calls its function and keeps the inputs alone; backward calls the function again and goes
 * through what that recorded as if it had been on the tape all along. Gradients are the same bits as without a
 * checkpoint. They reach the inputs, and all that the function uses besides: parameters, and tensors made on the
 * tape before. Random numbers are drawn the same again (dropout keeps its masks), and the generator then goes on
 * where it was. Checkpoints may be nested, and may compute gradients of their own inside.
 *
 * The function must do the same each time: it may not rely on what the program changes in between, and `user`
 * must live until the graph is given back. What it makes is gone when it returns, but for its outputs. It is
 * recorded once already on the way forward (this shows which parameters it uses), so the memory of one call's
 * graph is needed at any time, and no more. Under create_graph the repetition stays on the tape: derivatives of
 * every order are right, and memory is what it is without checkpoints. On a tape that does not record, the function
 * is called, and that is all. */

/* out = f(in), as torch.utils.checkpoint. */
TP_API tp_status tp_checkpoint(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                               tp_tensor **out);
/* x through n functions of one input and one output, in `segments` (1 to n) parts of equal length, but for the last, which
 * is longer and not checkpointed (torch.utils.checkpoint_sequential). users[i] goes with functions[i]; users may be NULL.
 * Both arrays are copied. */
TP_API tp_tensor *tp_checkpoint_sequential(tp_tape *T, int n, const tp_function *functions, void *const *users,
                                           int segments, tp_tensor *x);

/* One step of a recurrence: next[i] from state[i], for step = 0, 1, ...; next[i] is of state[i]'s shape and dtype. */
typedef tp_status (*tp_step_function)(tp_tape *T, void *user, int64_t step, int n_state, tp_tensor *const *state,
                                      tp_tensor **next);
/* state_out = state_in after n_steps steps, where backward never holds more than `snapshots` (1 or more) states, the first
 * one included, besides one step's graph. With c snapshots and n steps, where r is the smallest number with
 * C(c + r, c) >= n, backward calls the function at most r n - C(c + r, c + 1) + n times, the least there is:
 * Griewank and Walther, "Algorithm 799: revolve", ACM TOMS 26 (2000). So 20 snapshots reach 10,626 steps with r = 4,
 * 53,130 with r = 5 and 230,230 with r = 6; with as many snapshots as steps r is 1, and each step is called twice in all. */
TP_API tp_status tp_checkpoint_steps(tp_tape *T, tp_step_function f, void *user, int64_t n_steps, int64_t snapshots,
                                     int n_state, tp_tensor *const *state_in, tp_tensor **state_out);

#ifdef __cplusplus
}
#endif
#endif
