/* nn.h - modules: parameters with names, a forward function, children.
 *
 * A module of one's own is a struct that starts with a tp_module, and a class:
 *
 *     typedef struct { tp_module base; tp_module *linear; } net;
 *     static tp_tensor *net_forward(tp_tape *T, tp_module *self, tp_tensor *x)
 *     { return tp_sigmoid(T, tp_forward(T, ((net *)self)->linear, x)); }
 *     static const tp_module_class net_class = {.name = "Net", .size = sizeof(net), .forward = net_forward};
 *
 * One that takes or gives several tensors has a forward_n, and says how many:
 *
 *     static tp_status loss_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
 *     { out[0] = tp_mse_loss(T, in[0], in[1], TP_MEAN); return tp_error_status(T); }
 *     static const tp_module_class loss_class = {.name = "Loss", .size = sizeof(tp_module), .forward_n = loss_forward,
 *                                                .n_in = 2};
 *     tp_tensor *loss, *pair[] = {output, target};
 *     tp_forward_n(T, m, 2, pair, 1, &loss);
 *
 * Parameters are given with tp_module_add_param and filled by nn_init.h.
 *
 * Constructors return NULL on failure and on a failed tape; a child given to a parent that could not
 * be made is freed. tp_module_free frees a module, its children and its parameters.
 */
#ifndef TAPIR_NN_H
#define TAPIR_NN_H

#include "nn_functional.h"
#include "state.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_module tp_module;

/* A class has one of the forward functions, or both; with both, tp_forward calls `forward` and tp_forward_n the other. */
typedef struct tp_module_class {
    const char *name; /* "Linear" */
    size_t      size; /* of the struct that starts with a tp_module */
    tp_tensor *(*forward)(tp_tape *T, tp_module *self, tp_tensor *x);
    /* Makes out[0] to out[n_out - 1], which are NULL before. The counts are as those below allow; none of the inputs that
     * are needed is NULL. A status other than TP_OK fails the tape. */
    tp_status (*forward_n)(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out);
    /* How many tensors forward_n needs, and makes at least (0: one), and how many it takes and makes at most (0: no more
     * than these): an LSTM has {.n_in = 1, .max_in = 3, .n_out = 1, .max_out = 3}. Inputs beyond n_in are optional: not
     * given, or NULL. */
    int n_in, max_in, n_out, max_out;
    /* Writes what stands between the parentheses of the printed module; as snprintf. Optional. */
    int (*extra_repr)(const tp_module *self, char *buffer, size_t n);
    /* Frees what the struct holds beside parameters and children. Optional. */
    void (*free)(tp_module *self);
    /* What the state has beside parameters and buffers, as a tensor, owned or of the tape, and back from it. Optional. */
    tp_tensor *(*get_extra_state)(tp_tape *T, tp_module *self);
    tp_status (*set_extra_state)(tp_tape *T, tp_module *self, tp_tensor *state);
    /* For tp_module_clone, needed where there is a `free`: gives the copy, which has all other words of `from`, its own of
     * what `free` frees. After another status than TP_OK it owns nothing. It frees no module and returns. */
    tp_status (*clone)(tp_tape *T, tp_module *copy, const tp_module *from);
    /* Its forward asks for its parameters by name (tp_module_param) at each call, instead of reading pointers that the struct
     * has to them: so they may be parametrized (parametrize.h), too. */
    bool by_name;
    TP_RESERVED(3);
} tp_module_class;

typedef struct tp_module_entry tp_module_entry;
struct tp_module {
    const tp_module_class *type;
    bool                   training;
    tp_module_entry       *entries; /* parameters, buffers, children, in order of addition */
    int                    n_entries;
    tp_module             *parent;
    tp_params             *params; /* the set, once asked for */
    struct tp_module_use  *use;    /* the library's: is one of its functions running? */
};

/* A zeroed struct of the class's size. */
TP_API tp_module *tp_module_new(tp_tape *T, const tp_module_class *type);
/* Within a function that is called for the module (forward, extra_repr, a visitor) it is freed when that has returned. */
TP_API void tp_module_free(tp_module *m);
/* Adds a child, which the parent then owns; returns it. A child has one parent, and is not within itself; a tree is
 * at most 1000 modules deep (TP_EINVAL). */
TP_API tp_module *tp_module_add(tp_tape *T, tp_module *parent, const char *name, tp_module *child);
/* Adds a parameter (asks for a gradient) or a buffer (does not); the module owns the tensor, which
 * must be an owned one (tp_keep). Returns it. Several modules may have the same one (tied weights): it is listed once in
 * a set, gets one gradient, and is freed with the last of them. A parameter that comes too late for the set of a module
 * above it (tp_module_params) is refused, TP_EINVAL: nobody would train it. So is a child with such parameters. */
TP_API tp_tensor *tp_module_add_param(tp_tape *T, tp_module *m, const char *name, tp_tensor *x);
TP_API tp_tensor *tp_module_add_buffer(tp_tape *T, tp_module *m, const char *name, tp_tensor *x);
/* Puts another tensor in the place of a parameter, by its dotted name: an owned one, or a parameter of another module, to which
 * it is tied then (torch's decoder.weight = encoder.weight); returns it. Of the same shape and dtype (TP_ESHAPE, TP_EDTYPE), and
 * before there is a set (TP_EINVAL). What in the struct of the module that has it pointed to the old one points to x; the old one
 * goes when nobody else has it. After a failure an owned tensor that no module has is freed. */
TP_API tp_tensor *tp_module_set_param(tp_tape *T, tp_module *m, const char *name, tp_tensor *x);
/* A buffer that is not part of the state: neither saved nor loaded (torch's persistent=False). */
TP_API tp_tensor *tp_module_add_unsaved_buffer(tp_tape *T, tp_module *m, const char *name, tp_tensor *x);

/* Calls the class's forward (or its forward_n, where that needs no more than one tensor, and makes one) in a scope: what it
 * makes and neither returns nor saves for backward is given back. TP_EINVAL where the module needs more than one tensor,
 * and where its function returns NULL without an error. */
TP_API tp_tensor *tp_forward(tp_tape *T, tp_module *m, tp_tensor *x);
/* The same of several inputs and outputs; of one and one for any module that tp_forward takes. TP_EINVAL where the counts
 * are not what the module takes and makes, or an input that it needs is NULL. After a failure all of `out` is NULL; it may
 * be the list of inputs, as where a state becomes the next one. */
TP_API tp_status tp_forward_n(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out);

/* A parameter, buffer or child by its dotted name ("linear.weight"); NULL where there is none. */
TP_API tp_tensor *tp_module_param(tp_module *m, const char *name);
TP_API tp_module *tp_module_child(tp_module *m, const char *name);
/* The same where it must be there, and be what is asked for: otherwise TP_EINVAL, with the part of the name that is wrong.
 * The submodule of the name "" is m. */
TP_API tp_tensor *tp_module_get_parameter(tp_tape *T, tp_module *m, const char *name);
TP_API tp_tensor *tp_module_get_buffer(tp_tape *T, tp_module *m, const char *name);
TP_API tp_module *tp_module_get_submodule(tp_tape *T, tp_module *m, const char *name);
/* All parameters below m in torch's order, in one slab a dtype; the set belongs to the module and
 * must be asked for after the module is complete: no parameter can be added later. NULL: no memory, or m is NULL, as
 * after a constructor that failed; an optimizer that is given NULL says so. */
TP_API tp_params *tp_module_params(tp_module *m);
/* Converts parameters and float buffers. Before tp_module_params and tp_params_of: of what is in a set, or in a graph on
 * another tape, it is TP_EINVAL, and nothing is changed. What T has recorded of them can no longer be differentiated
 * (TP_EMUTATED). */
TP_API tp_status tp_module_to(tp_tape *T, tp_module *m, tp_dtype dtype);
/* In training, or not: of m and all below it. Dropout and normalization go by it; a new module is in training. */
TP_API void tp_module_train(tp_module *m, bool training);
TP_API void tp_module_eval(tp_module *m); /* tp_module_train(m, false) */
/* All parameters below m ask for a gradient, or not: those of a part that is to stay as it is. */
TP_API void tp_module_requires_grad(tp_module *m, bool on);
TP_API void tp_module_zero_grad(tp_module *m);

/* A deep copy, as Python's copy.deepcopy: new parameters and buffers of the same values (and without gradients), tied where they were, in training or
 * not, asking for gradients or not, as they are. The struct is copied; what in it points to a parameter, buffer or module
 * below m (a word at a multiple of eight bytes) points to the copy's. Without hooks and without a set. TP_EUNSUPPORTED where
 * a class has a `free` and no `clone`. */
TP_API tp_module *tp_module_clone(tp_tape *T, tp_module *m);

/* ---- walking: visitors are called in torch's order, names are dotted, of any length, and theirs for the call. The first
 * status that is not TP_OK ends the walk and is returned. A visitor may free modules: what is gone is passed over. */

/* Each parameter and buffer below m, in the order of torch's state_dict (unsaved ones, too); tied ones under each of their
 * names. */
typedef tp_status (*tp_module_visitor)(const char *name, tp_tensor *x, bool is_param, void *user);
TP_API tp_status tp_module_visit(tp_module *m, tp_module_visitor visit, void *user);
/* torch.nn.Module.named_parameters, named_buffers: each one once, under the name that comes first. */
TP_API tp_status tp_module_visit_parameters(tp_module *m, tp_module_visitor visit, void *user);
TP_API tp_status tp_module_visit_buffers(tp_module *m, tp_module_visitor visit, void *user);
/* torch.nn.Module.named_modules: m itself, whose name is "", and all below it, parents before children. */
typedef tp_status (*tp_submodule_visitor)(const char *name, tp_module *m, void *user);
TP_API tp_status tp_module_visit_modules(tp_module *m, tp_submodule_visitor visit, void *user);
/* torch.nn.Module.named_children: those of m alone. */
TP_API tp_status tp_module_visit_children(tp_module *m, tp_submodule_visitor visit, void *user);
/* As visit_modules, but children before parents: to give all of a kind their first values. m->type->name says which is
 * which. */
TP_API tp_status tp_module_apply(tp_module *m, tp_submodule_visitor apply, void *user);

/* The module as torch prints it (its repr); as snprintf. */
TP_API int64_t tp_module_format(const tp_module *m, char *buffer, size_t n);

/* A table, a line a module: the shape of what it gives for these inputs, how many parameters it has of its own, the bytes of
 * these and its buffers, and the multiply-adds of its own products and convolutions; then sums, in which tied parameters
 * count once. As snprintf; -1 after a failure.
 *
 *     Layer            Output shape  Parameters    Bytes  Multiply-adds
 *     -----------------------------------------------------------------
 *     Sequential       [64, 10]               -        -              -
 *       (0): Linear    [64, 256]        200,960  803,840     12,845,056
 *
 * The inputs go through m once, as in evaluation and without being recorded; modes and generator are as they were
 * afterwards (but where a forward is left by a jump). */
TP_API int64_t tp_module_summary(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, char *buffer, size_t n);

/* ---- hooks -----------------------------------------------------------------------------------------
 *
 * Functions that are called with each call of a module by tp_forward and tp_forward_n, in the order of registration. They may
 * free modules, also this one, register and remove hooks (what is new runs from the next call on), fail the tape, and be left by
 * a jump; not reset the tape. A status other than TP_OK fails the tape. Returned is a handle above 0, or 0 after a failure.
 * While other threads use the module none may be registered or removed. A clone has none. */

/* Before forward: may put other tensors in the place of inputs. */
typedef tp_status (*tp_forward_pre_hook)(tp_tape *T, tp_module *m, int n_in, tp_tensor **in, void *user);
/* After it: may put others in the place of outputs. */
typedef tp_status (*tp_forward_hook)(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out,
                                     tp_tensor **out, void *user);
/* In backward, when the gradients of all inputs are whole: sees them and those of the outputs, NULL where there is none,
 * and may put others of the same shape and dtype in the place of the inputs'. Where no input asks for a gradient it is called
 * when those of the outputs are there. It may keep none of them. Not called of a call that was made before it was
 * registered, after it was removed, or after the module was freed. At most TP_MAX_OUT inputs and outputs may have gradients
 * (TP_EUNSUPPORTED). */
typedef tp_status (*tp_backward_hook)(tp_tape *T, tp_module *m, int n_in, tp_tensor **grad_in, int n_out,
                                      tp_tensor *const *grad_out, void *user);
TP_API int64_t tp_module_register_forward_pre_hook(tp_tape *T, tp_module *m, tp_forward_pre_hook hook, void *user);
TP_API int64_t tp_module_register_forward_hook(tp_tape *T, tp_module *m, tp_forward_hook hook, void *user);
TP_API int64_t tp_module_register_full_backward_hook(tp_tape *T, tp_module *m, tp_backward_hook hook, void *user);
/* An unknown handle is passed over. */
TP_API void tp_module_remove_hook(tp_module *m, int64_t handle);

/* ---- state ---------------------------------------------------------------------------------------
 *
 * What a module knows: its parameters and buffers by their dotted names, and what classes have beside these (extra
 * state), as "...._extra_state". Tied parameters are there under each of their names. */

/* The tensors are the module's own; extra state is a copy. */
TP_API tp_state_dict *tp_module_state_dict(tp_tape *T, tp_module *m);

typedef struct {
    bool   partial;    /* keys may be missing or unexpected (torch's strict=False) */
    bool   same_dtype; /* others are TP_EDTYPE; otherwise values are converted */
    char  *report; /* gets the whole list of what does not fit, in torch's words; empty where all does. As snprintf */
    size_t report_room; /* bytes */
    TP_RESERVED(4);
} tp_load_options;
/* Copies n tensors into the parameters and buffers of these names. Before anything is changed all is checked; missing and
 * unexpected keys (TP_EINVAL) and shapes (TP_ESHAPE, also where `partial`) are told in one message. Of tied parameters one
 * name is enough. */
TP_API tp_status tp_module_load_state_dict(tp_tape *T, tp_module *m, int n, const char *const *names,
                                           tp_tensor *const *tensors, const tp_load_options *options);

/* Save and load the state as safetensors. A tied parameter is saved once, under the first of its names by the alphabet;
 * the others are in the metadata, as torch's safetensors has them. */
TP_API tp_status tp_module_save(tp_tape *T, tp_module *m, const char *path);
/* Everything as it is there, dtypes as well. */
TP_API tp_status tp_module_load(tp_tape *T, tp_module *m, const char *path);
TP_API tp_status tp_module_load_from(tp_tape *T, tp_module *m, const char *path, const tp_load_options *options);

/* ---- the modules ----------------------------------------------------------------------------- */

/* Containers. What they are given is theirs, also where they could not be made: then it is freed.
 *
 * Modules one after the other, named "0", "1", ...; the list may end with a NULL. Each hands one tensor to the next:
 * TP_EINVAL where one needs more, or has no forward. */
TP_API tp_module *tp_nn_sequential_of(tp_tape *T, int n, tp_module *const *modules);
/* Modules that are found by their number, or by a name; they have no forward. A module of one's own has one as a child. */
TP_API tp_module *tp_nn_module_list_of(tp_tape *T, int n, tp_module *const *modules);
TP_API tp_module *tp_nn_module_dict(tp_tape *T, int n, const char *const *names, tp_module *const *modules);
/* The same of parameters, which are owned tensors (tp_keep). */
TP_API tp_module *tp_nn_parameter_list(tp_tape *T, int n, tp_tensor *const *tensors);
TP_API tp_module *tp_nn_parameter_dict(tp_tape *T, int n, const char *const *names, tp_tensor *const *tensors);
/* Appends to a Sequential or a ModuleList, a ParameterList, under the next number; returns what was given. (To a dictionary
 * tp_module_add and tp_module_add_param add.) */
TP_API tp_module *tp_nn_append(tp_tape *T, tp_module *list, tp_module *child);
TP_API tp_tensor *tp_nn_append_param(tp_tape *T, tp_module *list, tp_tensor *x);
/* Of a Sequential or a ModuleList: several at the end, NULL ones being TP_EINVAL; one in front of child i, -1 being the last one
 * and as many as there are the end; and child i out of it, to be freed by the caller, or NULL (TP_EINDEX). The others are
 * numbered anew. */
TP_API tp_status  tp_nn_extend(tp_tape *T, tp_module *list, int n, tp_module *const *modules);
TP_API tp_module *tp_nn_insert(tp_tape *T, tp_module *list, int i, tp_module *child);
TP_API tp_module *tp_nn_pop(tp_tape *T, tp_module *list, int i);
/* Child i of any module, its own parameter i, in the order of addition; -1 is the last one; NULL where there is none. */
TP_API tp_module *tp_nn_at(const tp_module *list, int i);
TP_API tp_tensor *tp_nn_param_at(const tp_module *list, int i);
TP_API int        tp_nn_length(const tp_module *list); /* children */
TP_API int        tp_nn_param_length(const tp_module *list);
#ifndef __cplusplus
/* clang-format off */
#define tp_nn_sequential(T, ...)                                                                   \
    tp_nn_sequential_of((T), (int)(sizeof((tp_module *[]){__VA_ARGS__}) / sizeof(tp_module *)),    \
                        (tp_module *[]){__VA_ARGS__})
#define tp_nn_module_list(T, ...)                                                                  \
    tp_nn_module_list_of((T), (int)(sizeof((tp_module *[]){__VA_ARGS__}) / sizeof(tp_module *)),   \
                         (tp_module *[]){__VA_ARGS__})
/* clang-format on */
#endif

typedef struct {
    bool     no_bias;
    tp_dtype dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_linear_options;
/* x [..., in] -> [..., out]; weight [out, in] and bias [out] are uniform on +-1/sqrt(in). */
TP_API tp_module *tp_nn_linear(tp_tape *T, int64_t in, int64_t out, const tp_linear_options *options);
/* Two inputs, a [..., in1] and b [..., in2] -> [..., out], as tp_bilinear; weight [out, in1, in2] and bias [out] are uniform
 * on +-1/sqrt(in1). */
TP_API tp_module *tp_nn_bilinear(tp_tape *T, int64_t in1, int64_t in2, int64_t out, const tp_linear_options *options);

/* ---- convolutions ---- */

/* As tp_conv_options (nn_functional.h), an entry for each dimension of space: torch's padding=1 is .padding = {1, 1} in 2-d. */
typedef struct {
    int64_t         stride[3]; /* 0: 1 */
    int64_t         padding[3];
    int64_t         dilation[3];       /* 0: 1 */
    int64_t         output_padding[3]; /* of transposed convolutions */
    int64_t         groups;            /* 0: 1 */
    tp_padding_kind padding_kind;      /* not of transposed convolutions, nor is... */
    tp_pad_mode     padding_mode;
    bool            no_bias;
    tp_dtype        dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_nn_conv_options;
/* x [n, in, space..] or [in, space..] -> [n, out, space..], as tp_conv1d to tp_conv3d. `kernel` is tp_shape(3), for all
 * dimensions, or has a size for each; weight [out, in / groups, kernel..] and bias [out] are uniform on +-1/sqrt(in / groups times
 * the kernel's sizes). TP_EINVAL where groups do not divide the channels, and for options out of range. */
TP_API tp_module *tp_nn_conv1d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel, const tp_nn_conv_options *options);
TP_API tp_module *tp_nn_conv2d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel, const tp_nn_conv_options *options);
TP_API tp_module *tp_nn_conv3d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel, const tp_nn_conv_options *options);
/* As tp_conv_transpose1d to tp_conv_transpose3d: weight [in, out / groups, kernel..]; it and bias are uniform on
 * +-1/sqrt(out / groups times the kernel's sizes). */
TP_API tp_module *tp_nn_conv_transpose1d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel,
                                         const tp_nn_conv_options *options);
TP_API tp_module *tp_nn_conv_transpose2d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel,
                                         const tp_nn_conv_options *options);
TP_API tp_module *tp_nn_conv_transpose3d(tp_tape *T, int64_t in, int64_t out, tp_dims kernel,
                                         const tp_nn_conv_options *options);

/* ---- pooling ---- */

/* As tp_max_pool1d and so on (nn_functional.h), with a second output where one is asked for: the indices. */
TP_API tp_module *tp_nn_max_pool1d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_max_pool2d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_max_pool3d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
/* Two inputs, x and indices. */
TP_API tp_module *tp_nn_max_unpool1d(tp_tape *T, tp_dims kernel, const tp_unpool_options *options);
TP_API tp_module *tp_nn_max_unpool2d(tp_tape *T, tp_dims kernel, const tp_unpool_options *options);
TP_API tp_module *tp_nn_max_unpool3d(tp_tape *T, tp_dims kernel, const tp_unpool_options *options);
TP_API tp_module *tp_nn_avg_pool1d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_avg_pool2d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_avg_pool3d(tp_tape *T, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_lp_pool1d(tp_tape *T, double p, tp_dims kernel, const tp_pool_options *options);
TP_API tp_module *tp_nn_lp_pool2d(tp_tape *T, double p, tp_dims kernel, const tp_pool_options *options);
/* Such that these sizes come out; -1 is x's own. */
TP_API tp_module *tp_nn_adaptive_max_pool1d(tp_tape *T, tp_dims size); /* and indices, as above */
TP_API tp_module *tp_nn_adaptive_max_pool2d(tp_tape *T, tp_dims size); /* and indices, as above */
TP_API tp_module *tp_nn_adaptive_max_pool3d(tp_tape *T, tp_dims size); /* and indices, as above */
TP_API tp_module *tp_nn_adaptive_avg_pool1d(tp_tape *T, tp_dims size);
TP_API tp_module *tp_nn_adaptive_avg_pool2d(tp_tape *T, tp_dims size);
TP_API tp_module *tp_nn_adaptive_avg_pool3d(tp_tape *T, tp_dims size);

/* ---- recurrent nets ---- */

typedef struct {
    int      num_layers; /* 0: 1; one over the other, at most 1000 */
    bool     no_bias;
    bool     batch_first; /* x and y are [batch, steps, ...]; states are as they are */
    bool     bidirectional;
    bool     relu;      /* of an RNN: relu(a) in place of tanh(a) */
    double   dropout;   /* of what goes from a layer to the next, in training */
    int64_t  proj_size; /* of an LSTM: h is projected to so many, less than hidden; 0: not */
    tp_dtype dtype;     /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_rnn_options;
/* Inputs x [steps, batch, in], or [steps, in] without a batch, and where wanted (NULL: 0) states h [layers directions, batch,
 * out] (of an LSTM then c [layers directions, batch, hidden]) and lengths [batch], TP_I64: how many of the steps each sequence
 * has, 0 to all (torch's packed sequences). Outputs y [steps, batch, directions out], 0 beyond the lengths, and the last states
 * h (and c), of the steps that are there; out is hidden or proj_size. States of a layer's reverse direction come behind its
 * forward one's. Parameters are weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0, weight_ih_l0_reverse, ..., as
 * torch has them, uniform on +-1/sqrt(hidden). tp_forward gives y alone. hidden is 1 or more (TP_EINVAL). */
TP_API tp_module *tp_nn_rnn(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options);
TP_API tp_module *tp_nn_lstm(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options);
TP_API tp_module *tp_nn_gru(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options);
/* States as above; c is an LSTM's. */
typedef struct {
    tp_tensor *h, *c;
} tp_rnn_state;
/* The same call by names: lengths and the states before may be NULL; `after` may be NULL, or `before`. Back-propagation through
 * time is cut where the states are detached:
 *
 *     y = tp_rnn_forward(T, lstm, x, NULL, &s, &s);
 *     ... backward, step ...
 *     tp_rnn_state next = {tp_keep(s.h), tp_keep(s.c)};   // over a reset; tp_detach within one tape */
TP_API tp_tensor *tp_rnn_forward(tp_tape *T, tp_module *m, tp_tensor *x, tp_tensor *lengths, const tp_rnn_state *before,
                                 tp_rnn_state *after);
typedef struct {
    bool     no_bias;
    bool     relu;  /* of an RNNCell */
    tp_dtype dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_rnn_cell_options;
/* A step: inputs x [batch, in] or [in] and where wanted the states h (and c) before, [batch, hidden] or [hidden]; outputs the
 * states after. Parameters are weight_ih, weight_hh, bias_ih, bias_hh, as tp_lstm_cell has them. */
TP_API tp_module *tp_nn_rnn_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options);
TP_API tp_module *tp_nn_lstm_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options);
TP_API tp_module *tp_nn_gru_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options);

/* ---- embeddings ---- */

typedef struct {
    bool        has_padding; /* as tp_embedding_options, all of these; the padding's row is 0 at first */
    int64_t     padding_idx;
    double      max_norm, norm_type;
    bool        scale_grad_by_freq, sparse;
    tp_bag_mode mode;                /* of bags, as tp_embedding_bag_options */
    bool        include_last_offset; /* the same */
    tp_dtype    dtype;               /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_nn_embedding_options;
/* As tp_embedding: weight [rows, columns] is standard normal. */
TP_API tp_module *tp_nn_embedding(tp_tape *T, int64_t rows, int64_t columns, const tp_nn_embedding_options *options);
/* As tp_embedding_bag: inputs index, and where wanted offsets and per_sample_weights. */
TP_API tp_module *tp_nn_embedding_bag(tp_tape *T, int64_t rows, int64_t columns,
                                      const tp_nn_embedding_options *options);

/* ---- normalization ---- */

typedef struct {
    double   eps;              /* 0: 1e-5; TP_ZERO: 0                                            */
    double   momentum;         /* 0: 0.1;  TP_ZERO: 0                                            */
    bool     cumulative;       /* the running statistics are the mean over all batches (torch's momentum=None) */
    bool     no_affine;        /* without weight and bias                                        */
    bool     no_running_stats; /* the batch's own in evaluation, too (torch's track_running_stats=False) */
    tp_dtype dtype;            /* 0: TP_F32                                                      */
    TP_RESERVED(4);
} tp_nn_batch_norm_options;
/* As tp_batch_norm, of x [b, n] or [b, n, l]; [b, n, h, w]; [b, n, d, h, w]. weight [n] is 1 and bias [n] 0 at first. The
 * buffers running_mean, running_var [n] and num_batches_tracked, TP_I64, are part of the state; each forward in training
 * moves them, also one that a checkpoint repeats, as in torch; in evaluation they are used. */
TP_API tp_module *tp_nn_batch_norm1d(tp_tape *T, int64_t n, const tp_nn_batch_norm_options *options);
TP_API tp_module *tp_nn_batch_norm2d(tp_tape *T, int64_t n, const tp_nn_batch_norm_options *options);
TP_API tp_module *tp_nn_batch_norm3d(tp_tape *T, int64_t n, const tp_nn_batch_norm_options *options);
typedef struct {
    double   eps;      /* 0: 1e-5; TP_ZERO: 0 */
    double   momentum; /* 0: 0.1;  TP_ZERO: 0 */
    bool     affine, track_running_stats;
    tp_dtype dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_nn_instance_norm_options;
/* As tp_instance_norm, of x [b, n, l], [b, n, h, w], [b, n, d, h, w], or these without b. With track_running_stats there are
 * the buffers of batch normalization, which are used in evaluation (num_batches_tracked stays 0, as in torch). */
TP_API tp_module *tp_nn_instance_norm1d(tp_tape *T, int64_t n, const tp_nn_instance_norm_options *options);
TP_API tp_module *tp_nn_instance_norm2d(tp_tape *T, int64_t n, const tp_nn_instance_norm_options *options);
TP_API tp_module *tp_nn_instance_norm3d(tp_tape *T, int64_t n, const tp_nn_instance_norm_options *options);
typedef struct {
    double   eps;       /* 0: 1e-5; TP_ZERO: 0 */
    bool     no_affine; /* without weight and bias */
    tp_dtype dtype;     /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_nn_norm_options;
/* As tp_group_norm, of x [b, n, ...]; weight and bias [n]; n is a multiple of the groups (TP_EINVAL). */
TP_API tp_module *tp_nn_group_norm(tp_tape *T, int64_t groups, int64_t n, const tp_nn_norm_options *options);
/* As tp_layer_norm, over the last dimensions of x, whose sizes these are; so are weight's and bias's. */
TP_API tp_module *tp_nn_layer_norm(tp_tape *T, tp_dims normalized_shape, const tp_nn_norm_options *options);
/* As tp_rms_norm; weight alone, and eps 0 is the dtype's epsilon. */
TP_API tp_module *tp_nn_rms_norm(tp_tape *T, tp_dims normalized_shape, const tp_nn_norm_options *options);
/* As tp_local_response_norm. */
TP_API tp_module *tp_nn_local_response_norm(tp_tape *T, int64_t size, const tp_local_response_norm_options *options);
/* torch's other layer for that, of x [n, c, h, w], for models that were trained with it: as there the first channel counts in
 * the windows of all that come after it, and the gradient is not that of the values but goes by windows one channel off. */
TP_API tp_module *tp_nn_cross_map_lrn2d(tp_tape *T, int64_t size, const tp_local_response_norm_options *options);

/* ---- padding, and pixels out of channels ---- */

/* As tp_pad. A padding is tp_shape(1), on all sides, or has two numbers for each dimension of space, from the last on. */
TP_API tp_module *tp_nn_constant_pad1d(tp_tape *T, tp_dims padding, double value);
TP_API tp_module *tp_nn_constant_pad2d(tp_tape *T, tp_dims padding, double value);
TP_API tp_module *tp_nn_constant_pad3d(tp_tape *T, tp_dims padding, double value);
TP_API tp_module *tp_nn_zero_pad1d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_zero_pad2d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_zero_pad3d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_reflection_pad1d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_reflection_pad2d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_reflection_pad3d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_replication_pad1d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_replication_pad2d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_replication_pad3d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_circular_pad1d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_circular_pad2d(tp_tape *T, tp_dims padding);
TP_API tp_module *tp_nn_circular_pad3d(tp_tape *T, tp_dims padding);
/* As the functions of these names; factors are 1 or more (TP_EINVAL). */
TP_API tp_module *tp_nn_pixel_shuffle(tp_tape *T, int64_t factor);
TP_API tp_module *tp_nn_pixel_unshuffle(tp_tape *T, int64_t factor);
TP_API tp_module *tp_nn_channel_shuffle(tp_tape *T, int64_t groups);

/* ---- space at another size ---- */

/* As tp_interpolate, whose options these are; without antialias (TP_EINVAL), as in torch. */
TP_API tp_module *tp_nn_upsample(tp_tape *T, const tp_interpolate_options *options);
/* The same of images, nearest; and bilinear with align_corners. The options are size or scale_factor. */
TP_API tp_module *tp_nn_upsampling_nearest2d(tp_tape *T, const tp_interpolate_options *options);
TP_API tp_module *tp_nn_upsampling_bilinear2d(tp_tape *T, const tp_interpolate_options *options);

/* ---- blocks of images as columns, and back, as tp_im2col and tp_col2im ---- */

TP_API tp_module *tp_nn_unfold(tp_tape *T, tp_dims kernel, const tp_unfold_options *options);
TP_API tp_module *tp_nn_fold(tp_tape *T, tp_dims size, tp_dims kernel, const tp_unfold_options *options);

/* Dimensions start_dim to end_dim as one (torch's defaults are 1 and -1): [n, ...] -> [n, all of them]. */
TP_API tp_module *tp_nn_flatten(tp_tape *T, int start_dim, int end_dim);
/* Dimension `dim` as those of these sizes, of which one may be -1, as tp_unflatten. */
TP_API tp_module *tp_nn_unflatten(tp_tape *T, int dim, tp_dims sizes);
/* x itself. */
TP_API tp_module *tp_nn_identity(tp_tape *T);

/* ---- activation functions: those of nn_functional.h and elementwise.h by the same names, of any shape ---- */

TP_API tp_module *tp_nn_relu(tp_tape *T);
TP_API tp_module *tp_nn_relu6(tp_tape *T);
TP_API tp_module *tp_nn_leaky_relu(tp_tape *T, double slope); /* torch's default is 0.01 */
TP_API tp_module *tp_nn_elu(tp_tape *T, double alpha);        /* 1                       */
TP_API tp_module *tp_nn_celu(tp_tape *T, double alpha);       /* 1                       */
TP_API tp_module *tp_nn_selu(tp_tape *T);
TP_API tp_module *tp_nn_gelu(tp_tape *T);
TP_API tp_module *tp_nn_gelu_tanh(tp_tape *T); /* torch's approximate='tanh' */
TP_API tp_module *tp_nn_silu(tp_tape *T);
TP_API tp_module *tp_nn_mish(tp_tape *T);
TP_API tp_module *tp_nn_sigmoid(tp_tape *T);
TP_API tp_module *tp_nn_log_sigmoid(tp_tape *T);
TP_API tp_module *tp_nn_tanh(tp_tape *T);
TP_API tp_module *tp_nn_hardtanh(tp_tape *T, double low, double high); /* -1 and 1; low below high (TP_EINVAL) */
TP_API tp_module *tp_nn_hardsigmoid(tp_tape *T);
TP_API tp_module *tp_nn_hardswish(tp_tape *T);
TP_API tp_module *tp_nn_hardshrink(tp_tape *T, double lambda); /* 0.5 */
TP_API tp_module *tp_nn_softshrink(tp_tape *T, double lambda); /* 0.5 */
TP_API tp_module *tp_nn_tanhshrink(tp_tape *T);
TP_API tp_module *tp_nn_softplus(tp_tape *T, double beta, double threshold); /* 1 and 20 */
TP_API tp_module *tp_nn_softsign(tp_tape *T);
TP_API tp_module *tp_nn_threshold(tp_tape *T, double threshold, double value);
/* Slopes are drawn while training. 1/8 and 1/3. */
TP_API tp_module *tp_nn_rrelu(tp_tape *T, double lower, double upper);
typedef struct {
    int64_t  num_parameters; /* 0: 1; otherwise as many as x [n, channels, ...] has channels */
    bool     has_init;       /* weight begins with `init` below; otherwise with 0.25         */
    double   init;
    tp_dtype dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_prelu_options;
/* With a parameter, weight [num_parameters]. */
TP_API tp_module *tp_nn_prelu(tp_tape *T, const tp_prelu_options *options);
TP_API tp_module *tp_nn_glu(tp_tape *T, int dim); /* -1 */
TP_API tp_module *tp_nn_softmax(tp_tape *T, int dim);
TP_API tp_module *tp_nn_log_softmax(tp_tape *T, int dim);
TP_API tp_module *tp_nn_softmin(tp_tape *T, int dim);
TP_API tp_module *tp_nn_softmax2d(tp_tape *T); /* over the channels of [n, c, h, w] or [c, h, w] (TP_ESHAPE) */

/* ---- dropout: while training, as the functions in nn_functional.h and random.h; otherwise x itself. torch's p is 0.5 ---- */

TP_API tp_module *tp_nn_dropout(tp_tape *T, double p); /* p is 0 to 1 (TP_EINVAL) */
TP_API tp_module *tp_nn_dropout1d(tp_tape *T, double p);
TP_API tp_module *tp_nn_dropout2d(tp_tape *T, double p);
TP_API tp_module *tp_nn_dropout3d(tp_tape *T, double p);
TP_API tp_module *tp_nn_alpha_dropout(tp_tape *T, double p);
TP_API tp_module *tp_nn_feature_alpha_dropout(tp_tape *T, double p);

/* ---- losses ---- */

/* What the functions of nn_functional.h make, with their inputs in the same order (tp_forward_n) and their options; NULL: all
 * defaults. A weight becomes a buffer of the module, "weight" or "pos_weight". */
TP_API tp_module *tp_nn_l1_loss(tp_tape *T, tp_reduction reduction);
TP_API tp_module *tp_nn_mse_loss(tp_tape *T, tp_reduction reduction);
TP_API tp_module *tp_nn_cross_entropy_loss(tp_tape *T, const tp_class_loss_options *options);
TP_API tp_module *tp_nn_ctc_loss(tp_tape *T, const tp_ctc_options *options);
TP_API tp_module *tp_nn_nll_loss(tp_tape *T, const tp_class_loss_options *options);
TP_API tp_module *tp_nn_poisson_nll_loss(tp_tape *T, const tp_poisson_nll_options *options);
TP_API tp_module *tp_nn_gaussian_nll_loss(tp_tape *T, const tp_gaussian_nll_options *options);
TP_API tp_module *tp_nn_kl_div_loss(tp_tape *T, const tp_kl_div_options *options);
TP_API tp_module *tp_nn_bce_loss(tp_tape *T, const tp_bce_options *options);
TP_API tp_module *tp_nn_bce_with_logits_loss(tp_tape *T, const tp_bce_options *options);
TP_API tp_module *tp_nn_margin_ranking_loss(tp_tape *T, const tp_margin_loss_options *options);
TP_API tp_module *tp_nn_hinge_embedding_loss(tp_tape *T, const tp_margin_loss_options *options);
TP_API tp_module *tp_nn_multilabel_margin_loss(tp_tape *T, tp_reduction reduction);
TP_API tp_module *tp_nn_huber_loss(tp_tape *T, const tp_huber_options *options);
TP_API tp_module *tp_nn_smooth_l1_loss(tp_tape *T, const tp_smooth_l1_options *options);
TP_API tp_module *tp_nn_soft_margin_loss(tp_tape *T, tp_reduction reduction);
TP_API tp_module *tp_nn_multilabel_soft_margin_loss(tp_tape *T, const tp_multilabel_soft_margin_options *options);
TP_API tp_module *tp_nn_cosine_embedding_loss(tp_tape *T, const tp_margin_loss_options *options);
TP_API tp_module *tp_nn_multi_margin_loss(tp_tape *T, const tp_multi_margin_options *options);
TP_API tp_module *tp_nn_triplet_margin_loss(tp_tape *T, const tp_triplet_options *options);
/* `user` is what the distance is called with. */
TP_API tp_module *tp_nn_triplet_margin_with_distance_loss(tp_tape *T, tp_distance_fn distance, void *user,
                                                          const tp_triplet_options *options);
/* Two inputs, as the functions of linalg.h; torch's defaults are 1 and 1e-8; 2, 1e-6 and false. */
TP_API tp_module *tp_nn_cosine_similarity(tp_tape *T, int dim, double eps);
TP_API tp_module *tp_nn_pairwise_distance(tp_tape *T, double p, double eps, bool keepdim);

typedef struct {
    double   div_value; /* 0: 4; cluster k has in / div_value^(k + 1) features, rounded down */
    bool     head_bias;
    tp_dtype dtype; /* 0: TP_F32 */
    TP_RESERVED(4);
} tp_adaptive_softmax_options;
/* A softmax of many classes, sorted by how often they occur: those below cutoffs[0] are in the head, the rest in n clusters,
 * of which the last ends with the last class; cutoffs go up, between 0 and the number of classes (TP_EINVAL). x [m, in] and
 * target [m], TP_I64 in [0, classes) (TP_EINDEX), or x [in] and one target -> the targets' log-probabilities, and as a second
 * output the mean of their negatives. Grave et al., "Efficient softmax approximation for GPUs", 2017. */
TP_API tp_module *tp_nn_adaptive_log_softmax_with_loss(tp_tape *T, int64_t in, int64_t classes, int n,
                                                       const int64_t                     *cutoffs,
                                                       const tp_adaptive_softmax_options *options);
/* Of such a module: the log-probabilities [m, classes] of all classes, and the likeliest ones [m], of x [m, in]. */
TP_API tp_tensor *tp_adaptive_log_softmax_log_prob(tp_tape *T, tp_module *module, tp_tensor *x);
TP_API tp_tensor *tp_adaptive_log_softmax_predict(tp_tape *T, tp_module *module, tp_tensor *x);

/* ---- averages of models ----------------------------------------------------------------------------------------------
 *
 *     tp_module *mean = tp_nn_averaged_model(T, net, NULL);   // torch.optim.swa_utils.AveragedModel
 *     ... after a step, or an epoch:  tp_averaged_update(T, mean, net);
 *     tp_update_bn(T, mean, next_batch, &data);               // its batch norms' statistics
 */
typedef struct {
    double decay;       /* of the exponential mean, mean = decay mean + (1 - decay) p; 0: the mean of all */
    bool   use_buffers; /* means of float buffers, too; otherwise buffers are the model's as they are */
    TP_RESERVED(4);
} tp_averaged_options;
/* A copy of the model (tp_module_clone), "module", and the buffer n_averaged, TP_I64, which counts updates; it takes and makes what the model does.
 * The first update copies. */
TP_API tp_module *tp_nn_averaged_model(tp_tape *T, tp_module *model, const tp_averaged_options *options);
/* The model has the same parameters and buffers, or it is TP_EINVAL or TP_ESHAPE, and nothing is changed. Nothing is recorded. */
TP_API tp_status tp_averaged_update(tp_tape *T, tp_module *averaged, tp_module *model);
/* The next batch for the module, a tensor of the tape, which is given back after its forward; NULL: that was all. */
typedef tp_tensor *(*tp_batches)(tp_tape *T, void *user);
/* Running statistics of all batch norms below m anew, as means over these batches, in training mode and unrecorded. After a failure
 * they are of the batches so far. */
TP_API tp_status tp_update_bn(tp_tape *T, tp_module *m, tp_batches next, void *user);

/* All parameters of the set, one after the other, as a vector; differentiable. float64 where one is. */
TP_API tp_tensor *tp_parameters_to_vector(tp_tape *T, const tp_params *params);
/* Copies such a vector into the parameters; one of another length is TP_ESHAPE. Nothing is recorded. */
TP_API tp_status tp_vector_to_parameters(tp_tape *T, tp_tensor *vector, tp_params *params);

#ifdef __cplusplus
}
#endif
#endif
