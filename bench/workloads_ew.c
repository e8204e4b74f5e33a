/* workloads_ew.c - elementwise operators, softmax, layer norm and the sum on 2^24 floats; functions on 2^16 in cache,
 * also in float64.
 *
 * The bytes counted are those that must be moved: every input read and every output written once;
 * backward reads the gradient and what its formula needs, and writes one gradient an input. (The
 * gradient of a sum is one number broadcast and need not be written, though the unit counts it: the
 * floor of that row is reading the input.)
 */
#include "bench.h"

typedef struct {
    int n_in;
    int64_t rows, columns; /* rows 0: one dimension. With rows, inputs after the first are [columns] */
    tp_tensor *(*f)(tp_tape *T, tp_tensor *const *in);
} ew_case;

#define ELEMENTS 16777216
#define FEW 65536

static tp_tensor *muladd(tp_tape *T, tp_tensor *const *in) { return tp_add(T, tp_mul(T, in[0], in[1]), in[2]); }

/* The same in one pass. */
static tp_tensor *addcmul(tp_tape *T, tp_tensor *const *in) { return tp_addcmul(T, in[2], in[0], in[1], 1); }

static tp_tensor *softmax_rows(tp_tape *T, tp_tensor *const *in) { return tp_softmax(T, in[0], -1); }

static tp_tensor *norm_rows(tp_tape *T, tp_tensor *const *in)
{
    return tp_layer_norm(T, in[0], tp_shape_of(in[1]), in[1], in[2], 1e-5);
}

#define UNARY(f) \
    static tp_tensor *ew_##f(tp_tape *T, tp_tensor *const *in) { return tp_##f(T, in[0]); }
UNARY(exp)
UNARY(tanh)
UNARY(sigmoid)
UNARY(gelu)
UNARY(log)
UNARY(sin)
UNARY(erf)
UNARY(atan)
UNARY(expm1)
UNARY(sum)

/* An exponent that has no short way. */
static tp_tensor *ew_pow(tp_tape *T, tp_tensor *const *in) { return tp_pow_scalar(T, in[0], 1.3); }

static void setup(bench_state *s, bool grad)
{
    const ew_case *c = s->w->arg;
    tp_dims shape = c->rows > 0 ? tp_shape(c->rows, c->columns) : tp_shape(c->columns);
    s->n_in = c->n_in;
    for (int i = 0; i < c->n_in; i++)
        s->in[i] = tp_requires_grad(bench_randn(s->T, TP_F32, i && c->rows ? tp_shape(c->columns) : shape), grad);
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

/* On values in (0, 1), where all of these functions are smooth. */
static void setup_few(bench_state *s)
{
    s->n_in = 1;
    s->in[0] = tp_keep(tp_rand(s->T, TP_F32, tp_shape(FEW)));
}

static void setup_few_f64(bench_state *s)
{
    s->n_in = 1;
    s->in[0] = tp_keep(tp_rand(s->T, TP_F64, tp_shape(FEW)));
}

static const ew_case case_muladd = {3, 0, ELEMENTS, muladd}, case_addcmul = {3, 0, ELEMENTS, addcmul},
                     case_exp = {1, 0, ELEMENTS, ew_exp}, case_tanh = {1, 0, ELEMENTS, ew_tanh},
                     case_sigmoid = {1, 0, ELEMENTS, ew_sigmoid}, case_gelu = {1, 0, ELEMENTS, ew_gelu},
                     case_softmax = {1, 4096, 4096, softmax_rows}, case_norm = {3, 8192, 1024, norm_rows},
                     case_sum = {1, 0, ELEMENTS, ew_sum}, case_log = {1, 0, FEW, ew_log},
                     case_sin = {1, 0, FEW, ew_sin}, case_erf = {1, 0, FEW, ew_erf}, case_atan = {1, 0, FEW, ew_atan},
                     case_expm1 = {1, 0, FEW, ew_expm1}, case_pow = {1, 0, FEW, ew_pow};

#define ARRAYS(n) ((n)*4e-9 * ELEMENTS) /* n arrays, in GB */
#define ROW(name, work, setup, run, arg, fl) \
    { \
        name, "GB/s", work, false, setup, run, arg, fl \
    }
#define BOTH(name, forward, both, arg, fl) \
    ROW(name "_fwd", ARRAYS(forward), setup_forward, run_forward, arg, fl), \
        ROW(name "_fwdbwd", ARRAYS(both), setup_backward, run_backward, arg, fl)
#define IN_CACHE(name, arg) \
    { \
        name, "ns/float", 1e9 / FEW, true, setup_few, run_forward, arg, NULL \
    }
#define IN_CACHE_F64(name, arg) \
    { \
        name, "ns/double", 1e9 / FEW, true, setup_few_f64, run_forward, arg, NULL \
    }

const workload bench_elementwise[] = {
    BOTH("ew_muladd", 4, 9, &case_muladd, floor_copy),
    BOTH("ew_addcmul", 4, 9, &case_addcmul, floor_copy),
    BOTH("ew_exp", 2, 5, &case_exp, floor_copy),
    BOTH("ew_tanh", 2, 5, &case_tanh, floor_copy),
    BOTH("ew_sigmoid", 2, 5, &case_sigmoid, floor_copy),
    BOTH("ew_gelu", 2, 5, &case_gelu, floor_copy),
    BOTH("ew_softmax4096", 2, 5, &case_softmax, floor_copy),
    BOTH("ew_layernorm", 1, 2.5, &case_norm, floor_copy), /* half as many elements */
    BOTH("ew_sum", 1, 2, &case_sum, floor_read),
    IN_CACHE("ew_exp_64k", &case_exp),
    IN_CACHE("ew_tanh_64k", &case_tanh),
    IN_CACHE("ew_sigmoid_64k", &case_sigmoid),
    IN_CACHE("ew_gelu_64k", &case_gelu),
    IN_CACHE("ew_log_64k", &case_log),
    IN_CACHE("ew_sin_64k", &case_sin),
    IN_CACHE("ew_erf_64k", &case_erf),
    IN_CACHE("ew_atan_64k", &case_atan),
    IN_CACHE("ew_expm1_64k", &case_expm1),
    IN_CACHE("ew_pow_64k", &case_pow),
    IN_CACHE_F64("ew_exp_64k_f64", &case_exp),
    IN_CACHE_F64("ew_tanh_64k_f64", &case_tanh),
    IN_CACHE_F64("ew_sigmoid_64k_f64", &case_sigmoid),
    IN_CACHE_F64("ew_gelu_64k_f64", &case_gelu),
    IN_CACHE_F64("ew_log_64k_f64", &case_log),
    IN_CACHE_F64("ew_sin_64k_f64", &case_sin),
    IN_CACHE_F64("ew_erf_64k_f64", &case_erf),
    IN_CACHE_F64("ew_pow_64k_f64", &case_pow),
    {0},
};
