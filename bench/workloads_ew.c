/* workloads_ew.c - elementwise operators, softmax and the sum, on 2^24 floats.
 *
 * The bytes counted are those that must be moved: every input read and every output written once;
 * backward reads the gradient and what its formula needs, and writes one gradient an input. (The
 * gradient of a sum is one number broadcast and need not be written, though the unit counts it: the
 * floor of that row is reading the input.)
 */
#include "bench.h"

typedef struct {
    int n_in;
    int64_t rows; /* 0: one dimension */
    tp_tensor *(*f)(tp_tape *T, tp_tensor *const *in);
} ew_case;

#define ELEMENTS 16777216

static tp_tensor *muladd(tp_tape *T, tp_tensor *const *in) { return tp_add(T, tp_mul(T, in[0], in[1]), in[2]); }

static tp_tensor *softmax_rows(tp_tape *T, tp_tensor *const *in) { return tp_softmax(T, in[0], -1); }

#define UNARY(f) \
    static tp_tensor *ew_##f(tp_tape *T, tp_tensor *const *in) { return tp_##f(T, in[0]); }
UNARY(exp)
UNARY(tanh)
UNARY(sigmoid)
UNARY(sum)

static void setup(bench_state *s, bool grad)
{
    const ew_case *c = s->w->arg;
    tp_dims shape = c->rows > 0 ? tp_shape(c->rows, ELEMENTS / c->rows) : tp_shape(ELEMENTS);
    s->n_in = c->n_in;
    for (int i = 0; i < c->n_in; i++)
        s->in[i] = tp_requires_grad(bench_randn(s->T, TP_F32, shape), grad);
}

static void setup_forward(bench_state *s) { setup(s, false); }

static void setup_backward(bench_state *s)
{
    const ew_case *c = s->w->arg;
    setup(s, true);
    s->cotangent = tp_keep(tp_ones_like(s->T, tp_detach(s->T, c->f(s->T, s->in))));
    tp_tape_reset(s->T);
}

static void run_forward(bench_state *s)
{
    const ew_case *c = s->w->arg;
    c->f(s->T, s->in);
    tp_tape_reset(s->T);
}

static void run_backward(bench_state *s)
{
    const ew_case *c = s->w->arg;
    tp_gradients_options o = {.grad_outputs = &s->cotangent};
    tp_tensor *y = c->f(s->T, s->in), *grads[BENCH_MAX_INPUTS];
    tp_gradients(s->T, 1, &y, s->n_in, s->in, grads, &o);
    tp_tape_reset(s->T);
}

static const ew_case case_muladd = {3, 0, muladd}, case_exp = {1, 0, ew_exp}, case_tanh = {1, 0, ew_tanh},
                     case_sigmoid = {1, 0, ew_sigmoid}, case_softmax = {1, 4096, softmax_rows},
                     case_sum = {1, 0, ew_sum};

#define ARRAYS(n) ((n)*4e-9 * ELEMENTS) /* n arrays, in GB */
#define FORWARD(name, n, arg, fl) \
    { \
        name, "GB/s", ARRAYS(n), false, setup_forward, run_forward, arg, fl \
    }
#define BACKWARD(name, n, arg, fl) \
    { \
        name, "GB/s", ARRAYS(n), false, setup_backward, run_backward, arg, fl \
    }

const workload bench_elementwise[] = {
    FORWARD("ew_muladd_fwd", 4, &case_muladd, floor_copy),
    BACKWARD("ew_muladd_fwdbwd", 9, &case_muladd, floor_copy),
    FORWARD("ew_exp_fwd", 2, &case_exp, floor_copy),
    BACKWARD("ew_exp_fwdbwd", 5, &case_exp, floor_copy),
    FORWARD("ew_tanh_fwd", 2, &case_tanh, floor_copy),
    BACKWARD("ew_tanh_fwdbwd", 5, &case_tanh, floor_copy),
    FORWARD("ew_sigmoid_fwd", 2, &case_sigmoid, floor_copy),
    BACKWARD("ew_sigmoid_fwdbwd", 5, &case_sigmoid, floor_copy),
    FORWARD("ew_softmax4096_fwd", 2, &case_softmax, floor_copy),
    BACKWARD("ew_softmax4096_fwdbwd", 5, &case_softmax, floor_copy),
    FORWARD("ew_sum_fwd", 1, &case_sum, floor_read),
    BACKWARD("ew_sum_fwdbwd", 2, &case_sum, floor_read),
    {0},
};
