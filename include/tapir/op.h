/* op.h - operators: the one struct that built-in and user-defined operators are made of.
 *
 *     static tp_status cube_infer(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }
 *     static tp_status cube_forward(tp_call *c) { ... tp_data(c->in[0]) to tp_data(c->out[0]) ... }
 *     static tp_status cube_vjp(tp_vjp *v)
 *     {
 *         v->gin[0] = tp_mul(v->tape, v->gout[0], tp_mul_scalar(v->tape, tp_square(v->tape, v->in[0]), 3));
 *         return TP_OK;
 *     }
 *     static const tp_op cube = {.name = "user.cube", .n_in = 1, .n_out = 1,
 *                                .infer = cube_infer, .forward = cube_forward, .vjp = cube_vjp};
 *     tp_tensor *y = tp_apply(T, &cube, NULL, 1, &x);
 */
#ifndef TAPIR_OP_H
#define TAPIR_OP_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_op      tp_op;
typedef struct tp_sampler tp_sampler;

enum { TP_MAX_OUT = 4 };

/* One application of an operator. What infer and forward see, and what the tape records. */
typedef struct tp_call {
    tp_tape          *tape;
    const tp_op      *op;
    const void       *attr; /* attr_size bytes, or NULL */
    int               n_in, n_out;
    tp_tensor *const *in;  /* none is NULL */
    tp_tensor       **out; /* made by infer through tp_call_out; forward fills them       */
} tp_call;

/* One application, seen backward. */
typedef struct tp_vjp {
    tp_tape          *tape;
    const tp_op      *op;
    const void       *attr;
    int               n_in, n_out;
    tp_tensor *const *in;
    tp_tensor *const *out;
    tp_tensor *const *gout;  /* NULL for an output that nothing was derived from */
    tp_tensor       **gin;   /* vjp: set where needed. vjp_fused: buffers to add to, NULL where not needed */
    uint32_t          need;  /* bit i: input i wants a gradient                  */
    uint32_t          fresh; /* vjp_fused with TP_OP_OVERWRITES: bit i: gin[i] holds nothing yet, overwrite it */
} tp_vjp;

/* Does input i want a gradient? (Of more than 32, the later ones always count as wanting.) */
static inline bool tp_vjp_needs(const tp_vjp *v, int i) { return i > 31 || ((v->need >> i) & 1u); }

enum {
    TP_OP_VIEW = 1u << 0,           /* out[0] shares in[0]'s storage                                         */
    TP_OP_RANDOM = 1u << 1,         /* draws from the tape's generator                                       */
    TP_OP_NO_GRAD = 1u << 2,        /* has no derivative: results never ask for a gradient                   */
    TP_OP_STRIDED = 1u << 3,        /* forward and vjp_fused take any strides; otherwise both get contiguous */
    TP_OP_FORGETS_IN = 1u << 4,     /* vjp reads shapes and dtypes of inputs only, not their values          */
    TP_OP_FORGETS_OUT = 1u << 5,    /* the same of outputs                                                   */
    TP_OP_OVERWRITES = 1u << 6,     /* vjp_fused honours `fresh`; otherwise buffers come zeroed              */
    TP_OP_ELEMENTWISE = 1u << 7,    /* vjp_fused is for inputs and gout of one shape and dtype, contiguous */
    TP_OP_SYMMETRIC = 1u << 8,      /* in[0] is taken as symmetric: its derivative is along such directions  */
    TP_OP_FORGETS_RESULTS = 1u << 9 /* vjp reads the values of constant outputs (constant_out) only       */
};

struct tp_op {
    const char *name;              /* "sigmoid"; a user's own has a dot: "user.decay_chain"     */
    int         n_in, n_out;       /* n_in < 0: variadic, at least -n_in                        */
    size_t      attr_size;         /* plain data, copied onto the tape                          */
    unsigned    flags;             /* TP_OP_*                                                   */
    tp_status (*infer)(tp_call *); /* dtypes and shapes of outputs; the place that checks them  */
    tp_status (*forward)(tp_call *);
    tp_status (*vjp)(tp_vjp *);       /* gin[i] = ..., in differentiable operators               */
    tp_status (*vjp_fused)(tp_vjp *); /* gin[i] += ..., a kernel, first order only; optional     */
    void (*samples)(tp_sampler *);    /* inputs on which the generic tests run this operator     */
    const char *grad_name;            /* what tp_print shows: "SigmoidBackward0"; NULL: made from the name */
    /* Frees what the attributes own. They belong to the call, whatever comes of it: this is called once for each call,
     * when the tape gives it back (reset, rewind, free), or at once where it is not recorded, failed, or was refused. */
    void (*free_attr)(void *attr);
    uint32_t constant_out; /* bit i: output i has no derivative (an index, a mask, a value saved for vjp) */
    TP_RESERVED(4);
};

/* In infer: output i has this dtype and shape. */
TP_API tp_status tp_call_out(tp_call *call, int i, tp_dtype dtype, tp_dims shape);
/* In forward, and in vjp_fused: memory for the length of the call, aligned to a cache line, not zeroed, given back by the
 * tape. NULL: no memory, and the tape has failed. */
TP_API void *tp_call_scratch(const tp_call *call, size_t bytes);
TP_API void *tp_vjp_scratch(const tp_vjp *v, size_t bytes);
/* Fails the call with a message that starts with the operator's name. Returns `status`. */
TP_API tp_status tp_call_fail(const tp_call *call, tp_status status, const char *format, ...) TP_PRINTF(3, 4);

/* Applies an operator; returns its first output. `attr` points to op->attr_size bytes. An input that is NULL fails a tape
 * that is well (TP_EINVAL). */
TP_API tp_tensor *tp_apply(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in);
/* The same with all outputs. */
TP_API tp_status tp_apply_all(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in,
                              tp_tensor **out);

typedef struct {
    double eps;    /* step of the central difference; 0: 1e-6          */
    double atol;   /* 0: 1e-5                                          */
    double rtol;   /* 0: 1e-3                                          */
    bool   second; /* check the derivative of the derivative as well (torch's gradgradcheck) */
    /* 0: every element of every input, two calls each. Otherwise, where an input has more elements than this, along so
     * many random directions of length one: a single wrong element weighs the less the more there are. */
    int directions;
    TP_RESERVED(4);
} tp_gradcheck_options;
/* Compares an operator's derivatives with central differences, at these float64 inputs (those that
 * ask for a gradient). On a difference the tape fails with TP_ENUMERIC and a message that names input,
 * the element that is furthest off, both values, and how many differ. The inputs and their gradients are left as they are,
 * and so is the generator; attributes stay the caller's, also where the operator has a free_attr. tp_gradcheck_of
 * (functional.h) checks a function. */
TP_API tp_status tp_gradcheck(tp_tape *T, const tp_op *op, const void *attr, int n, tp_tensor *const *in,
                              const tp_gradcheck_options *options);

/* ---- the registry ---- */

/* The built-in operators, in a fixed order; NULL past the last. */
TP_API const tp_op *tp_op_at(int i);
TP_API const tp_op *tp_op_find(const char *name);

/* What `samples` is given: each tp_sample call runs the generic tests on one set of inputs. */
struct tp_sampler {
    tp_tape *tape;
    tp_dtype dtype; /* TP_F32 or TP_F64: what the float inputs should be */
    void (*run)(tp_sampler *, const void *attr, int n, tp_tensor *const *in);
    void *user;
};
/* A tensor of values spread over [low, high], the same at every call; float ones ask for a gradient. */
TP_API tp_tensor *tp_sample_tensor(tp_sampler *s, tp_dims shape, double low, double high);
/* Integers low <= i < high; where that is none, low. */
TP_API tp_tensor *tp_sample_index(tp_sampler *s, tp_dims shape, int64_t low, int64_t high);
TP_API void       tp_sample(tp_sampler *s, const void *attr, int n, tp_tensor *const *in);

#ifdef __cplusplus
}
#endif
#endif
