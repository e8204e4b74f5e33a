/* recurrent.h - recurrent nets: one layer in one direction over all steps of a batch of sequences.
 *
 * a = x W_ih^T + b_ih + h' W_hh^T + b_hh with h' (and c') of the step before, in parts of `hidden` units:
 *
 *     tanh, relu  h = f(a)
 *     LSTM        i, f, g, o = a;  c = s(f) c' + s(i) tanh(g);  h = s(o) tanh(c), and W_hr times that where projected
 *     GRU         r, z, n = a, but n = n_x + s(r) n_h of its two sums;  h = (1 - s(z)) tanh(n) + s(z) h'
 *
 * (Hochreiter and Schmidhuber, 1997; Cho et al., 2014; PyTorch's order of the parts.) What a step keeps for backward is what
 * the functions were taken of, in this order, for a GRU n, r, z and n_h; and c. The cells are compiled for each instruction
 * set (vec_recurrent.c). */
#ifndef TAPIR_KERNEL_RECURRENT_H
#define TAPIR_KERNEL_RECURRENT_H

#include "kernel/kernel.h"

/* Numbers of a unit: rows of its weights; what a step keeps. */
static inline int64_t tp__rnn_gates(tp__rnn_kind k) { return k == TP__LSTM ? 4 : k == TP__GRU ? 3 : 1; }
static inline int64_t tp__rnn_kept(tp__rnn_kind k) { return k == TP__LSTM || k == TP__GRU ? 4 : 1; }

/* What is given and made, by place. Of `out` are the states h and y, of `hidden` units c; they are one unless projected. */
typedef enum {
    TP__RNN_X,    /* [steps, batch, in]   */
    TP__RNN_H0,   /* [batch, out]         */
    TP__RNN_C0,   /* [batch, hidden], of an LSTM */
    TP__RNN_W_IH, /* [gates hidden, in]   */
    TP__RNN_W_HH, /* [gates hidden, out]  */
    TP__RNN_W_HR, /* [out, hidden] or NULL */
    TP__RNN_B_IH, /* [gates hidden] or NULL, both */
    TP__RNN_B_HH,
    TP__RNN_OPERANDS
} tp__rnn_operand;

typedef struct {
    tp__rnn_kind kind;
    tp_dtype dtype;
    bool reverse; /* from the last step to the first */
    int64_t steps, batch, in, hidden, out;
    const int64_t *lengths; /* [batch]: later steps are not there: their y is 0; NULL: all are */
    const void *of[TP__RNN_OPERANDS];
    void *y, *h, *c;             /* [steps, batch, out], and the last states */
    void *kept, *cells;          /* [steps, batch, kept hidden]; c of all steps */
    const void *gy, *gh, *gc;    /* backward: gradients of y, h, c; NULL: 0 */
    void *gin[TP__RNN_OPERANDS]; /* what is to be added to; NULL: not wanted... */
    uint32_t fresh;              /* ...or bit i: overwritten */
    void *room;                  /* tp__rnn_room bytes */
} tp__rnn_job;

size_t tp__rnn_room(const tp__rnn_job *job, bool backward); /* SIZE_MAX: more than there are */
/* False where tp__blas_ready says so. */
bool tp__rnn_forward(const tp__rnn_job *job);
bool tp__rnn_backward(const tp__rnn_job *job);

/* A step of some rows and n of their units. Rows of an array are `_row` elements apart, gates of one `_gate`. */
typedef struct {
    int64_t rows, n, hidden;
    const uint8_t *on; /* of each row: is it there? NULL: all are */
    void *kept;        /* gates are `hidden` apart; x's part before, all of it after */
    int64_t kept_row;
    const void *rec; /* h' W_hh^T */
    int64_t rec_gate, rec_row;
    const void *bias;   /* as kept */
    const void *before; /* h' of these units, of a GRU */
    void *h, *c;        /* c' before and c after */
    int64_t h_row;      /* of h and before */
} tp__rnn_tile;

/* The same backward, all units of a row. */
typedef struct {
    int64_t hidden;
    const void *kept, *c;
    const void *before; /* the state before: of an LSTM c, of a GRU h */
    void *gh;           /* by h before it is projected; of a GRU afterwards what of it goes to the h before directly */
    void *gc;           /* by c, then by the c before */
    void *ga;           /* by what was kept */
} tp__rnn_slope;

typedef struct {
    void (*forward[2][4])(const tp__rnn_tile *t); /* by float64, kind */
    void (*backward[2][4])(const tp__rnn_slope *s);
    void (*output[2])(int64_t n, const void *o, const void *c, void *h); /* of an LSTM: h of what o and c were */
} tp__rnn_table;

TP__TABLE_OF(tp__rnn_table, tp__rnn_table);

#endif
