/* calls.h - the operators that Tapir has, by the names that torch gives them. */
#ifndef CONFORMANCE_CALLS_H
#define CONFORMANCE_CALLS_H

#include "case.h"

/* Calls the library with the case's arguments; returns the first output. A call with several outputs
 * puts the others into c->out[1] and on, and their number into c->n_out. */
typedef tp_tensor *(*call_fn)(test_case *c);
typedef struct {
    const char *name;
    call_fn fn;
} call_entry;

/* Each table ends with a NULL name. */
extern const call_entry arrange_calls[], products_calls[], reduce_calls[], shape_calls[], create_calls[], nn_calls[],
    linalg_calls[], decomposition_calls[], sort_calls[], space_calls[];

typedef tp_tensor *(*unary_fn)(tp_tape *, tp_tensor *);
typedef tp_tensor *(*binary_fn)(tp_tape *, tp_tensor *, tp_tensor *);

bool call_known(const char *op);
/* Makes the call: c->out and c->n_out are set, or the case is skipped, or the tape has failed. */
void call_operator(test_case *c);

#endif
