/* tape.h - the tape from inside: arena, nodes, the one choke point. */
#ifndef TAPIR_TAPE_INTERNAL_H
#define TAPIR_TAPE_INTERNAL_H

#include "core/core.h"
#include "kernel/kernel.h"
#include "tapir/op.h"
#include "tapir/shape.h"

/* ---- arena: bump allocation of headers, kept over resets (arena.c) ----------------------------- */

typedef struct tp__chunk tp__chunk;
typedef struct {
    tp__chunk *first, *current;
    char *at, *end;
    uintptr_t origin; /* where the arena would begin, were it one piece */
    tp__pool *pool;   /* where its system allocations are counted */
} tp__arena;

typedef struct {
    tp__chunk *chunk;
    char *at;
} tp__arena_place;

void *tp__arena_grow(tp__arena *a, size_t bytes);
static inline tp__arena_place tp__arena_here(const tp__arena *a) { return (tp__arena_place){a->current, a->at}; }
void tp__arena_back(tp__arena *a, tp__arena_place place); /* a NULL chunk: to the beginning */
static inline size_t tp__arena_used(const tp__arena *a) { return (uintptr_t)a->at - a->origin; }
void tp__arena_free(tp__arena *a);
/* 16-byte aligned, not zeroed; NULL: no memory. */
static inline void *tp__arena_alloc(tp__arena *a, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if ((size_t)(a->end - a->at) < bytes)
        return tp__arena_grow(a, bytes);
    TP__ASSERT(a->at <= a->end && (uintptr_t)a->at % 16 == 0);
    void *p = a->at;
    a->at += bytes;
    return p;
}

/* ---- nodes ------------------------------------------------------------------------------------- */

/* A recorded call. Inputs, outputs, saved versions and attributes lie behind it in the arena. */
typedef struct tp__node {
    const tp_op *op;
    const void *attr;
    uint32_t n_in, n_out;
    bool consumed;  /* a sweep has been here and gave back what was saved */
    bool converted; /* a parameter that it used has another dtype by now (tp_module_to) */
    uint32_t stamp; /* the sweep in which it leads to a wanted input */
    uint32_t index; /* on the tape */
    tp_tensor **in, **out;
    uint32_t *versions; /* of the inputs' storage when recorded, then of the outputs' */
} tp__node;

enum { TP__HELD = 64 };

/* A flag of operators whose functions are the library's: nothing is missing, they make all outputs, come back, and leave
 * the tape alone. So a small call need not look. */
enum { TP__OP_OURS = 1 << 29 };

/* A flag of what is done in the course of a sweep, which is measured by its nodes. */
enum { TP__OP_PART = 1 << 28 };

/* One of the user's functions runs (an operator's, a hook, a checkpointed or differentiated function, a module's forward):
 * the tape may not be reset or freed meanwhile, nor rewound to before it. Lies on the stack of who calls it: where that
 * frame has gone without tp__leave, a longjmp or an exception has left the function. The room above it keeps it deeper than
 * what the function that was jumped to calls next, which so mostly notices at no cost; tp__inside always does. */
typedef struct {
    uint64_t ground; /* the tape's before */
    const char *speaker;
    tp_tape *tape;
    char room[1024];
} tp__call_out;

struct tp_tape {
    tp_status status;
    bool recording;
    bool no_winograd; /* tp_tape_use_winograd */
    uint32_t stamp;
    uint64_t serial; /* of the newest tensor */
    uint64_t epoch;  /* resets, counted from 1 */
    uint32_t n_nodes, cap_nodes;
    tp__node **nodes;
    tp_tensor *last; /* the newest tensor */
    tp__pool *pool;
    tp__arena headers;   /* tensors */
    tp__arena arena;     /* nodes and lists */
    tp__arena gradients; /* headers of tape leaves' gradients: these outlive a rewind */
    tp_tensor *free_gradients;
    struct tp__left *left;           /* gradients with a graph that were left at leaves, newest first (grad.c) */
    struct tp__hold *holds;          /* on owned tensors, newest first (apply.c) */
    struct tp__kept *kept;           /* lists of calls that run, newest first (kept.c) */
    const tp_tensor *held[TP__HELD]; /* some of these, by their address */
    size_t peak;                     /* bytes of tensors, headers and nodes, as far as it was looked at */
    const char *speaker;             /* in whose name errors are told (TP__NAMED); NULL: of who notices them */
    struct tp__sweep *sweep;         /* the one that runs */
    tp__storage *scratch;            /* of the call that runs (tp_call_scratch) */
    uint64_t ground; /* the serial where the user's function was called: nothing older may be given back; 0: none */
    const tp__call_out *outermost; /* of the user's functions that run */
    tp__frame frame;               /* of who called that */
    tp__busy stepping;             /* a closure of an optimizer runs, which may reset but not free it */
    bool was_recording;            /* when that one was called */
    struct tp__watch *watch;       /* anomaly mode, profiling (anomaly.c); NULL: nobody looks */
    struct tp__hook *hooks;        /* in order of registration (hooks.c) */
    int64_t last_hook;
    struct tp__cleanup *cleanups; /* attributes to be freed with their nodes, newest first (apply.c) */
    const void *lent;             /* attributes that calls are given and do not own (gradcheck.c) */
    tp__rng rng;
    tp_print_options print; /* of its tensors */
    char message[1024];
    char warning[512];
    tp_warning_handler on_warning;
    void *on_warning_user;
};

bool tp__is_anomalous(const tp_tape *T);
static inline bool tp__ok(const tp_tape *T) { return T != NULL && T->status == TP_OK; }

/* A new header on the tape with this dtype and shape, without storage. */
tp_tensor *tp__tensor_new(tp_tape *T, tp_dtype dtype, tp_dims shape);
/* The same with storage, not initialized. Fails the tape and returns NULL on overflow or lack of memory. */
tp_tensor *tp__tensor_make(tp_tape *T, tp_dtype dtype, tp_dims shape);
/* The same with x's shape. */
tp_tensor *tp__tensor_like(tp_tape *T, const tp_tensor *x, tp_dtype dtype);
/* A header on x's storage with another shape, strides and offset (in elements); not recorded. */
tp_tensor *tp__tensor_alias(tp_tape *T, const tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset);
/* A header on a storage, whose count is raised; at `data` in it, with these strides, NULL: row-major. */
tp_tensor *tp__tensor_on(tp_tape *T, tp_dtype dtype, tp_dims shape, const int64_t *stride, tp__storage *s, void *data);
bool tp__give_storage(tp_tape *T, tp_tensor *x);
/* x's elements, row-major and in this dtype, to memory; the same as storage with one count, the caller's; NULL: no memory. */
void tp__copy_elements(const tp_tensor *x, void *to, tp_dtype dtype);
tp__storage *tp__dense_copy(tp_tape *T, const tp_tensor *x, tp_dtype dtype);
/* A header like `model`, which has a count of the storage that passes to it; as the newest of the tape. */
tp_tensor *tp__tensor_join(tp_tape *T, const tp_tensor *model);
/* n headers in a row, blank and not yet of the tape, for tp__tensor_link. */
tp_tensor *tp__tensor_headers(tp_tape *T, size_t n);
void tp__tensor_link(tp_tape *T, tp_tensor *x);
/* Gives the storage of a tape's tensor back; the header stays. */
void tp__tensor_release(tp_tensor *x);
/* The header of a tape's tensor, or of a gradient, goes too: `how` is TP__BY_RESET, TP__BY_REWIND or 0. */
void tp__tensor_bury(tp_tape *T, tp_tensor *x, uint32_t how);

/* Round the user's functions. */
void tp__recover(tp_tape *T); /* a function was left by a jump: T is as it was before, but for what was recorded */
bool tp__inside(tp_tape *T);  /* does a function run? Recovers where one was left */
static inline void tp__notice_jump(tp_tape *T, const void *frame)
{
    if (T->ground != 0 && (uintptr_t)frame >= (uintptr_t)T->outermost) /* nested ones lie deeper */
        tp__recover(T);
}
/* From here to tp__leave the function of this frame runs. */
static inline void tp__enter_from(tp_tape *T, tp__call_out *c, tp__frame frame)
{
    tp__notice_jump(T, c);
    c->ground = T->ground;
    c->tape = T;
    if (c->ground == 0) {
        T->outermost = c;
        T->frame = frame;
        T->was_recording = T->recording;
    }
    c->speaker = T->speaker;
    T->speaker = NULL;
    T->ground = ++T->serial;
}
static inline __attribute__((always_inline)) void tp__enter(tp_tape *T, tp__call_out *c)
{
    tp__enter_from(T, c, tp__frame_here());
}
static inline void tp__leave(const tp__call_out *c)
{
    TP__ASSERT(c->tape->ground > c->ground && c->tape->ground <= c->tape->serial);
    c->tape->ground = c->ground;
    c->tape->speaker = c->speaker;
}

/* A public function made of others: what fails in these is told as its own, "std: ...", not as of the one that noticed it.
 * Stands at its beginning and holds to its end; of several the outermost speaks. */
#define TP__NAMED(T, name) \
    __attribute__((cleanup(tp__named_end), unused)) tp_tape *const named_ = tp__named_begin(T, name)
static inline tp_tape *tp__named_begin(tp_tape *T, const char *name)
{
    if (T == NULL || T->speaker)
        return NULL;
    T->speaker = name;
    return T;
}
static inline void tp__named_end(tp_tape *const *T)
{
    if (*T)
        (*T)->speaker = NULL;
}
/* T has just failed: where its message names nobody, it becomes this one's. */
void tp__name_error(tp_tape *T, const char *name);

/* True where x is there and may be used on T; otherwise T fails. On a tape that has failed before, nothing more is
 * said. The second form names x as input i. */
bool tp__usable(tp_tape *T, const char *name, const tp_tensor *x);
bool tp__usable_input(tp_tape *T, const char *name, int i, const tp_tensor *x);
/* Says why x (input i, where i >= 0) is not usable. Returns a status that is not TP_OK. */
tp_status tp__refuse(tp_tape *T, const char *name, int i, const tp_tensor *x);
/* For calls that are given something else than a tensor: T, where it was well, fails since `what` is NULL. */
tp_status tp__missing(tp_tape *T, const char *name, const char *what);

/* Frees the attributes that nodes from `begin` on own. */
void tp__cleanup(tp_tape *T, uint32_t begin);

/* A bit for each output whose values vjp reads; the last one is of all from there on. */
static inline uint32_t tp__saved_outputs(const tp_op *op)
{
    return op->flags & TP_OP_FORGETS_OUT ? 0 : op->flags & TP_OP_FORGETS_RESULTS ? op->constant_out : UINT32_MAX;
}
static inline bool tp__has_bit(uint32_t mask, size_t i) { return (mask >> (i < 31 ? i : 31)) & 1u; }
/* Pushes a node for a call that has run. */
tp_status tp__record(tp_tape *T, const tp_call *call);
/* Forgets the nodes from `begin` on: what they had saved is theirs no more. Results that were made before `clock` stay,
 * as leaves. */
void tp__nodes_drop(tp_tape *T, uint32_t begin, uint64_t clock);
void tp__unsave(tp_tensor *x);
/* A sweep has been here: what the node had saved is given back, once. */
void tp__node_consume(tp__node *node);
/* x is about to change its dtype: what was recorded of it can no longer be differentiated. */
void tp__nodes_convert(tp_tape *T, const tp_tensor *x);
/* How often T holds an owned tensor. */
unsigned tp__holds_of(const tp_tape *T, const tp_tensor *x);
/* Gives back the holds of nodes from `begin` on. */
void tp__unhold(tp_tape *T, uint32_t begin);
/* One holder of an owned tensor more, or less; it is freed with the last. */
void tp__tensor_hold(tp_tensor *x);
void tp__tensor_drop(tp_tensor *x);
/* Tensors that a call needs when the user's function has come back; owned ones are held. */
enum { TP__KEPT_FEW = 4 };
typedef struct tp__kept {
    struct tp__kept *below;
    const char *name; /* of the call */
    int n, room;
    tp_tensor **at; /* `few`, until there are more */
    tp_tensor *few[TP__KEPT_FEW];
} tp__kept;
tp__kept *tp__kept_open(tp_tape *T, const char *name, tp__frame here); /* of the caller; NULL: T has failed */
tp_status tp__kept_add(tp_tape *T, tp__kept *k, tp_tensor *x);
/* Lets go of it, and of those that were opened after it, by calls that were left by a jump; NULL: of all. */
void tp__kept_close(tp_tape *T, const tp__kept *k);
/* Rewinds at the end of a scope: what is used later is told so. */
tp_status tp__rewind(tp_tape *T, tp_mark mark);
/* Rewinds, but for n tensors (NULLs are passed over), which get detached headers. `room` has space for n headers,
 * below the mark. On failure all are NULL. */
tp_status tp__rewind_keep(tp_tape *T, tp_mark mark, int n, tp_tensor **x, tp_tensor *room);

/* The one choke point: forwards, fused vjps (sweep.c), sums of gradients, clearing, clipping (actions.c), updates (optim.c)
 * reach kernels through it, each as a call that is data: it could be run again. */
tp_status tp__run(tp_tape *T, tp_call *call);
/* Gives back the scratch memory of a call; `outer` is that of the call around it. */
void tp__scratch_drop(tp_tape *T, tp__storage *outer);
/* x = 0; x is contiguous. */
tp_status tp__clear(tp_tape *T, tp_tensor *x);

/* A scope: what was made since and is neither `keep` nor saved for backward is given back. */
typedef struct {
    tp_tensor *last;
} tp__scope;
static inline tp__scope tp__scope_open(const tp_tape *T) { return (tp__scope){T->last}; }
void tp__scope_close(tp_tape *T, tp__scope scope, int n_keep, tp_tensor *const *keep);

/* What is computed in between is not recorded, and all of it is given back. */
typedef struct {
    tp__scope scope;
    bool recording;
} tp__aside;
static inline tp__aside tp__aside_begin(tp_tape *T)
{
    tp__aside a = {tp__scope_open(T), T->recording};
    T->recording = false;
    return a;
}
static inline void tp__aside_end(tp_tape *T, tp__aside a)
{
    T->recording = a.recording;
    tp__scope_close(T, a.scope, 0, NULL);
}

/* ---- gradients (grad.c) ---------------------------------------------------------------- */

/* What was left at leaves since `clock` goes: leaves that stay keep the numbers. */
void tp__left_settle(tp_tape *T, uint64_t clock);
/* g, with its graph, is the leaf's gradient from now on. */
tp_status tp__left_leave(tp_tape *T, tp_tensor *leaf, tp_tensor *g);
/* At a reset. */
void tp__left_bury(tp_tape *T);
/* For tp_tape_check: by 1 counts these gradients into `uses`, by -1 clears the count of the buffers that they replaced. */
void tp__left_count(const tp_tape *T, int by);
/* An owned leaf's gradient buffer, made when first asked for; NULL: no memory. */
tp_tensor *tp__grad_buffer(tp_tensor *leaf);
/* The same for who adds to few rows of it (rows.c). */
tp_tensor *tp__grad_buffer_of_rows(tp_tensor *leaf);
/* Adds g (the leaf's shape, any layout) to the gradient of the leaf as numbers, without a graph; the first one is copied. */
tp_status tp__grad_add(tp_tape *T, tp_tensor *leaf, const tp_tensor *g);
/* ---- gradients of which few rows are not 0 (rows.c) ---- */

/* An operator's flag: its vjp_fused adds to a buffer between begin and end, and names each row that it adds to. */
enum { TP__OP_ROWS = 1 << 27 };
/* g is ready to be added to: where it is fresh, it is 0. With `listed` rows are kept in mind. */
void tp__rows_begin(tp_tensor *g, bool fresh, bool listed);
void tp__rows_add(tp_tensor *g, int64_t row);
void tp__rows_end(tp_tensor *g);
/* The rows that are not 0; NULL: any may be. */
const tp__row_list *tp__rows_of(const tp_tensor *g);

/* dst (+)= src, both of one shape; dst contiguous, src any layout. */
tp_status tp__add_into(tp_tape *T, tp_tensor *dst, const tp_tensor *src, bool fresh);

#endif
