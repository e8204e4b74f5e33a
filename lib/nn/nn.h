/* nn.h - modules from inside. */
#ifndef TAPIR_NN_INTERNAL_H
#define TAPIR_NN_INTERNAL_H

#include "tape/tape.h"
#include "tapir/nn.h"
#include "tapir/nn_init.h"

/* A parameter of zeros, to be filled by nn_init.h. It has memory of its own rather than the tape's, which would keep it
 * when the values move to the slab. NULL after a failure, which T then says. */
tp_tensor *tp__param(tp_tape *T, tp_module *m, const char *name, tp_dtype dtype, tp_dims shape);

/* Uniform on +-1/sqrt(n), zeros where n is 0: torch's first values of biases, of n inputs. */
void tp__init_fan_in_(tp_tape *T, tp_tensor *x, int64_t n);

enum { TP__DEEPEST = 1000 }; /* modules within each other */

/* What a module has, by name. */
typedef enum { TP__IS_PARAM, TP__IS_BUFFER, TP__IS_CHILD, TP__KINDS } tp__entry_kind;
struct tp_module_entry {
    char *name;
    tp__entry_kind kind;
    bool unsaved; /* a buffer that is not in the state */
    union {
        tp_tensor *tensor;
        tp_module *child;
    };
};

/* Can tp_forward call it: one tensor in, one out? Otherwise T fails, in the name of the chain whose child it is. */
bool tp__module_chains(tp_tape *T, const tp_module *m, const char *chain, const char *child);

/* ---- while its functions run ---- */

/* The dotted name of where a walk is; grows as it must. */
typedef struct {
    char *text;
    size_t room;
} tp__dotted;

struct tp_module_use {
    tp__busy busy;
    tp__dotted path;                /* of a visit, which may be left by a jump */
    struct tp__module_hooks *hooks; /* once there were some */
    bool hollow;                    /* a copy that does not own yet what its class frees (clone.c) */
    tp_module *self;                /* whose it is: a call may be given a copy of the struct (parametrize.c) */
    struct tp__computed *computed;  /* parameters that are */
};

/* The module that this is, or is a copy of for a call. */
static inline tp_module *tp__module_self(const tp_module *m) { return m->use->self; }

void tp__module_destroy(tp_module *m);

/* ---- hooks (hooks.c) ---- */

typedef tp_status (*tp__forward_of)(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                    tp_tensor **out);
/* Within a call of the module, which has hooks: these, and between them its forward. */
tp_status tp__hooked_forward(tp_tape *T, tp_module *m, tp__forward_of forward, int n_in, tp_tensor *const *in,
                             int needed, int n_out, tp_tensor **out);
void tp__module_hooks_abandon(tp_module *m); /* which goes */
/* Removes all that call these functions. */
void tp__module_forget_hooks(tp_module *m, tp_forward_pre_hook pre, tp_forward_hook post);

/* ---- parameters that are computed (parametrize.c) ---- */

enum { TP__MOST_ORIGINALS = 4 };
typedef struct tp__computed tp__computed;
/* m's parameter x of this name, which its struct must point to; or T fails. To be added, or freed (tp__free). */
tp__computed *tp__computed_new(tp_tape *T, const tp_module *m, const char *name, const tp_tensor *x, bool masked);
tp__computed *tp__computed_find(const tp_module *m, const char *name);
bool tp__computed_is_masked(const tp__computed *c);
bool tp__computed_any(const tp_module *m, bool masked);
/* Between calls m's words for it point to `from`; after its removal to x. */
void tp__computed_add(tp_module *m, tp__computed *c, const tp_tensor *from);
void tp__computed_remove(tp_module *m, tp__computed *c, const tp_tensor *x);
void tp__computed_abandon(tp_module *m); /* which goes */
bool tp__computed_clone(tp_module *copy, const tp_module *from);
tp_tensor *tp__computed_value(tp_tape *T, const tp_module *m, const tp__computed *c);
/* What a call's function is given instead of m; NULL after a failure. */
tp_module *tp__computed_begin(tp_tape *T, tp_module *m);
void tp__computed_end(tp_module *m, tp_module *copy);

/* The parameter or buffer NAMEsuffix of m itself, or NULL. */
tp_tensor *tp__param_after(tp_module *m, const char *name, const char *suffix);
/* The parameter of a dotted name, which *m, then the module that has it, is not called for meanwhile; *name is then its own. Of one that is
 * computed *c, and NULL is returned. Otherwise T fails in the speaker's name. */
tp_tensor *tp__module_parameter(tp_tape *T, tp_module **m, const char **name, tp__computed **c, const char *speaker);
/* An entry of `from` becomes the last of `to`, under another name. */
bool tp__module_move_entry(tp_tape *T, tp_module *from, const char *name, tp_module *to, const char *new_name);
void tp__module_drop_entry(tp_module *m, const char *name);

/* ---- walks (walk.c) ---- */

/* What to call on the way, in this order for each module: `before`, `tensor` for each of its parameters and then its
 * buffers, `between`, then its children, `after`. That is torch's order. */
typedef struct {
    tp_module_visitor tensor;
    tp_submodule_visitor before, between, after;
    void *user;
    bool of[TP__KINDS]; /* parameters? buffers? */
    bool once;          /* a tensor that is there several times comes where it is first */
    bool saved;         /* what the state has, only */
    bool shallow;       /* the module and its children */
    /* the walk's own */
    tp__dotted *path;
    const tp_module *root;
} tp__walk;
/* Stops at the first status that is not TP_OK, and returns it. Without names nothing needs memory, and all are NULL. */
tp_status tp__module_walk(tp_module *m, tp__walk *w, bool names);

/* Round a call of one of its functions, which may free it. */
static inline __attribute__((always_inline)) bool tp__module_use(tp_module *m) { return tp__busy_begin(&m->use->busy); }
static inline void tp__module_let_go(tp_module *m, bool outermost)
{
    if (tp__busy_end(&m->use->busy, outermost))
        tp__module_destroy(m);
}

#endif
