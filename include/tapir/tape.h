/* tape.h - the tape: memory, errors, recording, and derivatives of what was recorded.
 *
 * A tape is the whole world of a computation: it owns the temporaries, the random generator
 * (tapir/random.h), the recording state and the first error. No result depends on anything outside it: N threads
 * use N tapes and may share owned tensors (parameters, data) that nobody writes meanwhile.
 *
 *     tp_tape   *T = tp_tape_new();
 *     tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(8)), true);
 *     tp_backward(T, tp_sum(T, tp_abs(T, x)));
 *     tp_print(tp_grad(x));
 *     tp_tape_free(T);
 *
 * The process is yours. What the library has in it beside tapes, and how it behaves there:
 *
 *   - Threads. Large loops (from some ten thousand elements on) are shared with helper threads, as many as OpenMP may have
 *     where the call is made (OMP_NUM_THREADS, omp_set_num_threads) less one, the caller's own being the other. They are
 *     made when a loop first wants them, serve one loop at a time (others run on their caller's thread), and end when
 *     there has been none for a fifth of a second. None are made inside your parallel regions, or by a build without
 *     OpenMP. BLAS and LAPACK may have threads of their own, see linalg.h; so have loaders that are asked to, see data.h.
 *     The bits of a result do not depend on any of this.
 *   - Signals are blocked in helpers, but for those that a thread's own instructions cause (SIGSEGV, SIGFPE ...).
 *   - Affinity. Helpers may run where the thread that makes them may. If that is a single core, they have the
 *     affinity with which the library was loaded; if that was a single core, too, there are none.
 *   - Stacks. Calls need 48 KiB of stack at most, beside what your callbacks use. (Where OpenBLAS is linked in when the
 *     program starts, the system takes another 64 KiB of each thread's stack for its thread-local variables.)
 *   - Fork. The child has the tapes as they were, and goes on with them; it makes helpers of its own. It may not use a tape
 *     that another thread of the parent was in the middle of a call with.
 *   - Exit. exit() waits for no computation: threads that are still in a call may find BLAS's memory gone (SIGSEGV), as in
 *     any program with OpenBLAS, which frees it then: join your threads before, or leave by _exit. dlclose waits for helpers, not for your threads: let none be in a call.
 *   - Floating point. All is computed in the calling thread's mode (rounding, flushing of subnormals), also in helpers; the
 *     accuracy that is documented is that of rounding to nearest. Right results on finite operands raise none of the
 *     exceptions invalid, divide-by-zero and overflow, so these may be trapped (feenableexcept) to find what is wrong.
 *     Arithmetic (+ - * /, sums, products) that comes to a NaN or an infinity from finite operands raises its exception;
 *     functions (the logarithm of 0) may or may not. What a helper raises is raised in the calling thread at the end of
 *     the loop, as a flag, or as a SIGFPE there if you trap it. A handler may not leave the call by longjmp.
 *     Underflow and inexact mean nothing.
 *   - Locale. What is written and read has a decimal point in every locale.
 *   - The library never changes OpenMP's, BLAS's or the process's settings, never exits, aborts or prints by itself.
 */
#ifndef TAPIR_TAPE_H
#define TAPIR_TAPE_H

#include "tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- life ------------------------------------------------------------------------------------ */

/* NULL when there is no memory. */
TP_API tp_tape *tp_tape_new(void);
TP_API void     tp_tape_free(tp_tape *T);
/* Gives back everything made on the tape; the memory is kept for the next step. Returns the sticky
 * status: an error outlives the reset.
 *
 * While one of the caller's functions runs (an operator's, a hook, a checkpointed or differentiated function, a module's
 * forward, a handler of warnings) the tape is neither reset nor freed nor rewound to before it: that is TP_EINVAL, and
 * nothing happens. (An optimizer's closure may reset it.) Where such a function is left by longjmp or a C++ exception, a reset by the function that caught it, or
 * by a caller of that one, makes the tape well again. (The callers are found by the tables for unwinding that
 * programs have unless told otherwise. Where these are missing, a reset from far deeper than the function that caught it
 * may be refused; one by that function is not.) */
TP_API tp_status tp_tape_reset(tp_tape *T);

/* A scope by hand: rewind gives back all that was made since the mark, values and graph. Gradients of older tensors
 * stay; of one with a graph (create_graph), which goes, the numbers. A mark may be rewound to again and again, until a
 * reset, or a rewind to an older mark, makes it stale: TP_EINVAL.
 *
 * A tensor that was given back tells so wherever its header is still there: TP_EINVAL, "given back by tp_tape_reset";
 * tp_item is NaN and tp_data NULL. A later tensor may have its header, and is then taken for it; but in anomaly mode
 * (debug.h) headers are kept apart, the newest quarter of a million at least. */
typedef struct {
    uint64_t opaque[9];
} tp_mark;
TP_API tp_mark   tp_tape_mark(tp_tape *T);
TP_API tp_status tp_tape_rewind(tp_tape *T, tp_mark mark);

/* A scope that is a function's, as a module's forward has one: when it closes, all that was made since it was opened is given
 * back, but for the n tensors of `keep` and what is saved for backward; the graph stays. So what a function makes on the
 * way does not wait for the reset.
 *
 *     static tp_tensor *roughness(tp_tape *T, tp_tensor *x)
 *     {
 *         tp_scope   scope = tp_scope_open(T);
 *         tp_tensor *y = tp_sum(T, tp_square(T, tp_diff(T, x, 1, -1, NULL, NULL)));
 *         tp_scope_close(T, scope, 1, &y);
 *         return y;
 *     }
 *
 * Scopes nest: what an inner one has kept, an outer one gives back. NULLs among those kept are passed over, owned tensors
 * need not be kept, and a view keeps the elements that it looks at. On a failed tape the scope closes as well. TP_EINVAL
 * after a reset, or a rewind to before the scope, and where it was opened outside of the function of yours (a hook's, an
 * operator's, a module's forward) that is running. Returns the tape's status. */
typedef struct {
    tp_mark from;
} tp_scope;
TP_API tp_scope  tp_scope_open(tp_tape *T);
TP_API tp_status tp_scope_close(tp_tape *T, tp_scope scope, int n, tp_tensor *const *keep);

/* Recording on or off (torch.set_grad_enabled, no_grad, inference_mode); returns what it was. New tapes record. */
TP_API bool tp_tape_record(tp_tape *T, bool on);
TP_API bool tp_tape_is_recording(const tp_tape *T); /* torch.is_grad_enabled */
/* Winograd's algorithm for convolutions of float32 (nn_functional.h says for which, and how exact it is), or others; returns
 * what it was. New tapes use it. */
TP_API bool tp_tape_use_winograd(tp_tape *T, bool on);

typedef struct {
    int64_t system_allocations; /* how often the tape asked the system for memory, ever */
    int64_t bytes_reserved;     /* what it holds of the system's                        */
    int64_t bytes_in_use;       /* what tensors, headers and nodes use of that now      */
    int64_t bytes_peak;         /* the most they used; up to a step's headers too much  */
} tp_memory;
TP_API tp_memory tp_tape_memory(const tp_tape *T);
/* The most that the tape may hold of the system's (bytes_reserved); calls that need more fail with TP_ENOMEM. 0: no limit,
 * as at first. What it holds already stays. */
TP_API void tp_tape_set_memory_limit(tp_tape *T, int64_t bytes);

/* Where all the library's memory comes from (Lua's lua_Alloc): a NULL block of old size 0 asks for new_size bytes, aligned as
 * malloc does; new_size 0 frees; otherwise the block is resized. NULL: no memory. It may be called from several threads, and
 * must outlive all that was made. Without one it is libc's, and pages of the system for what is large. Owned tensors,
 * modules, optimizers and tapes use it alike; OpenBLAS, LAPACKE and threads have their own. Before anything is made:
 * TP_EINVAL while anything lives. */
typedef void *(*tp_alloc)(void *user, void *block, size_t old_size, size_t new_size);
TP_API tp_status tp_set_allocator(tp_alloc alloc, void *user) TP_MUST_CHECK;

/* ---- errors ---------------------------------------------------------------------------------- */

/* The first failure's message, or NULL. It stays, and every call on the tape does nothing, until
 * tp_clear_error. */
TP_API const char *tp_error(const tp_tape *T);
TP_API tp_status   tp_error_status(const tp_tape *T);
TP_API void        tp_clear_error(tp_tape *T);
/* For operators and callbacks: fail the tape with a message; returns `status`. The first failure
 * is kept. */
TP_API tp_status tp_fail(tp_tape *T, tp_status status, const char *format, ...) TP_PRINTF(3, 4);

/* What is allowed and seldom meant (losses of different shapes) is warned of: the last warning's message, or NULL. Nothing
 * else comes of it, and nothing is printed: the handler, if there is one, is called once for a warning that differs from
 * the last. */
TP_API const char *tp_warning(const tp_tape *T);
TP_API void        tp_clear_warning(tp_tape *T);
typedef void (*tp_warning_handler)(void *user, const char *message);
TP_API void tp_tape_on_warning(tp_tape *T, tp_warning_handler handler, void *user); /* NULL: none */
/* For operators and callbacks. */
TP_API void tp_warn(tp_tape *T, const char *format, ...) TP_PRINTF(2, 3);

/* ---- owned tensors and leaves ---------------------------------------------------------------- */

/* An owned, detached tensor that shares x's storage; free it with tp_free. */
TP_API tp_tensor *tp_keep(tp_tensor *x);
/* Frees an owned tensor. It may go while a graph has it, and lives on for backward until that is given back. Left alone
 * are NULL and what is not the caller's: a tensor of a tape, a module's parameter or buffer, a gradient, a sink's. */
TP_API void tp_free(tp_tensor *x);
/* Shares the storage, is not recorded. */
TP_API tp_tensor *tp_detach(tp_tape *T, tp_tensor *x);

/* Makes a leaf ask for a gradient (or not). Returns x. Only float tensors can; a tensor that was
 * computed by recorded operators keeps what it has, and turning it off is an error. */
TP_API tp_tensor *tp_requires_grad(tp_tensor *x, bool on);
TP_API bool       tp_needs_grad(const tp_tensor *x); /* torch's x.requires_grad */
TP_API bool       tp_is_leaf(const tp_tensor *x);
/* Makes a computed tensor keep its gradient in backward. Returns x. TP_EGRAPH where x requires none. */
TP_API tp_tensor *tp_retain_grad(tp_tensor *x);
TP_API bool       tp_retains_grad(const tp_tensor *x); /* not a leaf, which keeps its gradient anyway */
/* What computed x, as torch names it ("MulBackward0"), into a buffer of n bytes; returns the length of the name, 0 for
 * a leaf. */
TP_API int64_t tp_grad_fn(const tp_tensor *x, char *buffer, size_t n);
TP_API int     tp_output_nr(const tp_tensor *x); /* which of the outputs of that operator x is; 0 for a leaf */

/* The gradient that backward left, or NULL. It belongs to x. */
TP_API tp_tensor *tp_grad(const tp_tensor *x);
/* Copies g (x's shape and dtype) into x's gradient; NULL clears it. */
TP_API tp_status tp_set_grad(tp_tape *T, tp_tensor *x, tp_tensor *g);
/* x has no gradient any more (torch's grad = None). */
TP_API void tp_zero_grad(tp_tensor *x);
/* Copies src into dst (broadcast, converted; they may overlap). dst is a leaf: owned, or of the tape and not computed by
 * recorded operators; or a view of one that was not recorded (of a tensor that needs no gradient, or made with recording
 * off), and what is written is the tensor below. The copy is not recorded: src's derivatives end here, and what was
 * recorded from dst and needs its old values can no longer be differentiated (TP_EMUTATED).
 *
 * This is how anything is computed in place: torch's x.exp_(), and its out=x, are tp_copy_into(T, x, tp_exp(T, x)), for
 * each operator there is, and x[1:3] = v is tp_copy_into(T, tp_index(T, x, "1:3"), v). (inplace.h has a few.) */
TP_API tp_status tp_copy_into(tp_tape *T, tp_tensor *dst, tp_tensor *src);

/* ---- derivatives -----------------------------------------------------------------------------
 *
 * What is recorded. While the tape records, an operator with an input that needs a gradient is written down, and its
 * float results need one, too. Leaves are where that begins: tensors that tp_requires_grad was said of, whether the
 * tape owns them or you. Constants cost nothing; tp_tape_record(T, false) records nothing at all, and tp_detach cuts
 * one tensor off.
 *
 * What a sweep does. It goes from the roots back through what was recorded, the last call first, and never recurses:
 * a chain may be millions of calls long. A tensor that was used several times gets the sum of what comes back, in the
 * order of the sweep, so that results are the same bits each time, on any number of threads. A view's gradient goes
 * to the tensor that it looks at. Then
 *   - a leaf's gradient is added to what tp_grad has already: tp_zero_grad before the next step, or accumulate over
 *     several. So does a computed tensor with tp_retain_grad. tp_gradients returns them instead, and adds to none.
 *   - hooks (debug.h) see the whole of a tensor's gradient, before it is stored or goes on.
 *
 * What is kept. Backward gives the graph back as it goes; a second sweep through the same part fails with TP_EGRAPH,
 * unless the first one had retain_graph. Values that a derivative needs must still be what they were: a tensor that
 * was written after it was recorded (tp_copy_into, an optimizer's step) fails the sweep that needs the old value, with
 * the operator's name in the message. Owned tensors outlive tp_tape_reset with their gradients; everything else of the
 * tape goes with it.
 *
 * Higher orders. With create_graph the sweep is recorded as well, in the same operators, and what it returns can be
 * differentiated as anything else, to any order:
 *
 *     tp_tensor *x = tp_requires_grad(tp_scalar(T, TP_F64, 2), true), *y = tp_exp(T, x), *d, *d2;
 *     tp_gradients(T, 1, &y, 1, &x, &d, &(tp_gradients_options){.create_graph = true});
 *     tp_gradients(T, 1, &d, 1, &x, &d2, NULL);
 *
 * Without it a sweep uses fused kernels, which are faster and agree with the others to rounding. Whole Jacobians and
 * Hessians, products with them, and checkpoints are in functional.h; operators of your own and tp_gradcheck in op.h;
 * the first NaN, the graph as text or picture, and profiles in debug.h.
 *
 * Where a derivative does not exist it is torch's choice: 0 at the kink of relu and abs, a half each where maximum
 * ties, the first one where max over a dimension does, 0 of rounding and comparison. Integers and booleans have none.
 *
 * After a failure. Every sweep that fails (an operator, a hook, memory) leaves the tape in order: the message stays
 * until tp_clear_error, and the next step on the same tape is right. */

/* Adds d loss / d leaf to the gradient of every leaf that asked for one. The loss has one element.
 * The graph is given back: a second call fails with TP_EGRAPH. A sweep that fails half-way leaves the gradients that it
 * has stored already: zero them before the next. */
TP_API tp_status tp_backward(tp_tape *T, tp_tensor *loss);

typedef struct {
    tp_tensor *const *grad_outputs; /* one a root, its shape; NULL: ones, for roots of one element */
    bool              retain_graph; /* keep the graph for another sweep                            */
    bool              create_graph; /* record the sweep itself; implies retain_graph. Gradients of leaves of
                                       the tape then have a graph; owned tensors, which outlive it, get
                                       numbers: use tp_gradients to differentiate further                */
    int               n_inputs;     /* 0: all leaves; otherwise only these get gradients: computed
                                       tensors, too; one named twice gets it once, one not used none      */
    tp_tensor *const *inputs;
    TP_RESERVED(4);
} tp_backward_options;
/* The same from several roots, with options (torch.autograd.backward). */
TP_API tp_status tp_backward_from(tp_tape *T, int n, tp_tensor *const *roots, const tp_backward_options *options);

typedef struct {
    tp_tensor *const *grad_outputs;
    bool              retain_graph;
    bool              create_graph;
    bool              allow_unused; /* an input that was not used gets NULL; otherwise an error */
    TP_RESERVED(4);
} tp_gradients_options;
/* torch.autograd.grad: grads[i] = d (sum of outputs . grad_outputs) / d inputs[i], as new tensors;
 * no leaf's gradient is touched. On failure all grads are NULL. */
TP_API tp_status tp_gradients(tp_tape *T, int n_outputs, tp_tensor *const *outputs, int n_inputs,
                              tp_tensor *const *inputs, tp_tensor **grads, const tp_gradients_options *options);

/* ---- parameter sets and sinks ---------------------------------------------------------------- */

/* An ordered set of owned tensors that are trained together.
 *
 * A slab holds something for each of them (values, gradients) in this layout: from its first byte on the float32
 * parameters, one after another in the set's order, each in row-major order; then, from the next multiple of 8 bytes on, the
 * float64 parameters in the same way. tp_params_count_of says where a dtype begins and how many elements there are,
 * tp_params_offset where a parameter does. A module's set (tp_module_params) lays its values in one slab, and
 * their gradients in another; each sink has one.
 *
 * Data-parallel training, by your own MPI: each rank has a replica of the parameters, a sink, and a part of the batch.
 *
 *     tp_grads_zero(sink);
 *     tp_backward_into(T, loss, sink);
 *     size_t  at;
 *     char   *slab = tp_grads_data(sink);
 *     int64_t n = tp_params_count_of(params, TP_F64, &at);
 *     MPI_Allreduce(MPI_IN_PLACE, slab, (int)tp_params_count_of(params, TP_F32, NULL), MPI_FLOAT, MPI_SUM, comm);
 *     MPI_Allreduce(MPI_IN_PLACE, slab + at, (int)n, MPI_DOUBLE, MPI_SUM, comm);
 *     tp_params_set_grads(T, params, sink);
 *     tp_optim_step(T, optim);
 *
 * (for a mean over all samples, with the losses' sums divided by the number of samples of all ranks), and replicas stay the
 * same bits, as they began: MPI_Bcast of tp_params_data, or the same seed. */
typedef struct tp_params tp_params;
/* A set of the caller's tensors, which are not moved; the set does not own them. */
TP_API tp_params *tp_params_of(tp_tape *T, int n, tp_tensor *const *tensors);
/* A module's set is left alone: it goes with the module. An optimizer whose set was freed fails its steps. */
TP_API void       tp_params_free(tp_params *params);
TP_API int        tp_params_length(const tp_params *params); /* tensors         */
TP_API int64_t    tp_params_count(const tp_params *params);  /* elements in all */
TP_API tp_tensor *tp_params_at(const tp_params *params, int i);
TP_API size_t     tp_params_bytes(const tp_params *params);         /* of a slab */
TP_API size_t     tp_params_offset(const tp_params *params, int i); /* in bytes; SIZE_MAX where there is none */
/* Elements of a dtype, and where in a slab the first one is, in bytes (offset may be NULL). */
TP_API int64_t tp_params_count_of(const tp_params *params, tp_dtype dtype, size_t *offset);
/* The slab of values, where the parameters lie so, as those of a module do; else NULL. */
TP_API void *tp_params_data(const tp_params *params);
TP_API void  tp_params_zero_grad(tp_params *params);
/* Scales all gradients so that their 2-norm is at most max_norm; returns the norm before, NaN on a
 * failed tape (torch.nn.utils.clip_grad_norm_). */
TP_API double tp_params_clip_grad_norm(tp_tape *T, tp_params *params, double max_norm);

/* The same by the norm of another order: above 0, or infinity. */
TP_API double tp_params_clip_grad_norm_of(tp_tape *T, tp_params *params, double max_norm, double order);
/* That norm alone (torch.nn.utils.get_total_norm of the gradients). */
TP_API double tp_params_grad_norm(tp_tape *T, const tp_params *params, double order);
/* Every element of every gradient between -most and most; NaN stays (torch.nn.utils.clip_grad_value_). */
TP_API tp_status tp_params_clip_grad_value(tp_tape *T, tp_params *params, double most);

/* A private place for the gradients of a set: one a thread, added up in fixed order. Where the set is freed first,
 * nothing more arrives in it. */
typedef struct tp_grads tp_grads;
TP_API tp_grads        *tp_grads_new(const tp_params *params);
TP_API void             tp_grads_free(tp_grads *grads);
TP_API void             tp_grads_zero(tp_grads *grads);
TP_API void             tp_grads_add(tp_grads *into, const tp_grads *from); /* into += from            */
TP_API tp_tensor       *tp_grads_at(const tp_grads *grads, int i);          /* NULL where none arrived */
/* The sink's slab, to be read and written; it stays where it is. From the first call on each parameter has a gradient
 * in the sink, zeros where nothing arrived, and tp_grads_zero makes zeros of all: what another rank's all-reduce brings
 * counts, whether or not this rank had something for that parameter. */
TP_API void *tp_grads_data(tp_grads *grads);
/* Gives each parameter a copy of its gradient in the sink, or none where none arrived, in place of what it had. The sink
 * may be another set's, of parameters of the same dtypes and shapes (a replica's): otherwise TP_ESHAPE, and nothing is
 * changed. */
TP_API tp_status tp_params_set_grads(tp_tape *T, tp_params *params, const tp_grads *grads);
/* As tp_backward, but gradients of the set's tensors go into the sink and all others nowhere. */
TP_API tp_status tp_backward_into(tp_tape *T, tp_tensor *loss, tp_grads *sink);

#ifdef __cplusplus
}
#endif
#endif
