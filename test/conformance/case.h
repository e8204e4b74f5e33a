/* case.h - one case of a case file: a call's arguments, and what came of it in PyTorch.
 *
 * A runner reads arguments by position and keyword, calls the library, and checks results against the
 * stored tensors. What Tapir cannot be asked for skips the case; a difference fails it. The first
 * reason given is kept.
 */
#ifndef CONFORMANCE_CASE_H
#define CONFORMANCE_CASE_H

#include "tapir.h"

#include <jansson.h>

typedef enum { PASSED, FAILED, SKIPPED } outcome;

enum { CASE_MAX_IN = 64, CASE_MAX_OUT = 64, CASE_MAX_OWNED = 40 };

typedef struct {
    double rtol, atol;
} tolerance;

typedef struct {
    tp_tape *T;
    const tp_safetensors *file;
    int number;
    const char *op;
    json_t *json;
    json_t *args, *kwargs;
    json_t *unread; /* keyword arguments that nobody has asked for ... */
    uint64_t read;  /* ... and positions that somebody has             */
    int n_in, n_out, n_owned;
    tp_tensor *in[CASE_MAX_IN];
    tp_tensor *out[CASE_MAX_OUT];
    tp_tensor *owned[CASE_MAX_OWNED]; /* freed with the case */
    tp_module *module;                /* the same            */
    outcome came_to;
    char why[4096];
} test_case;

/* ---- life (case.c) --------------------------------------------------------------------------- */

/* Reads case `number` of a file; false, with a reason, where it cannot be read. Strided: the inputs are views that are not
 * contiguous. */
bool case_open(test_case *c, tp_tape *T, const tp_safetensors *file, int number, bool strided);
/* Gives back what the case made, and the tape's contents and error. */
void case_close(test_case *c);
void case_skip(test_case *c, const char *format, ...) TP_PRINTF(2, 3);
void case_fail(test_case *c, const char *format, ...) TP_PRINTF(2, 3);
/* Fails the case where the tape has failed. True where all is well so far. */
bool case_ok(test_case *c);

const char *case_text(const test_case *c, const char *key); /* "" where there is none */
tp_dtype case_dtype(test_case *c);                          /* the one the sample was drawn in */
bool dtype_of_name(const char *name, tp_dtype *out);
/* The numbers in the list at a key; returns how many. More than there is room for fail the case. */
int case_numbers(test_case *c, const char *key, int max, int *out);
/* Tolerances: prefix "", "grad_" or "gg_". */
tolerance case_tolerance(const test_case *c, const char *prefix);

bool case_has(const test_case *c, const char *kind, const char *name);
tp_tensor *case_tensor(test_case *c, const char *kind, const char *name);
tp_tensor *case_tensor_at(test_case *c, const char *kind, int k);
/* An owned tensor with x's values that the case frees. */
tp_tensor *case_keep(test_case *c, tp_tensor *x);

/* ---- checks (compare.c) ---------------------------------------------------------------------- */

/* Fails the case where got is not want. */
void check(test_case *c, const char *label, tp_tensor *got, tp_tensor *want, tolerance allowed);
void check_stored(test_case *c, tp_tensor *got, const char *kind, const char *name, tolerance allowed);
void check_stored_at(test_case *c, tp_tensor *got, const char *kind, int k, tolerance allowed);
void check_text(test_case *c, const char *got, const char *want);

/* ---- arguments (args.c) ---------------------------------------------------------------------- */

/* From here on the helpers below read these. */
void args_use(test_case *c, json_t *args, json_t *kwargs);
/* Skips the case where an argument was given that nobody asked for. */
void args_done(test_case *c);

/* An argument by position (-1: keyword only) or keyword. NULL where it is missing or None. */
json_t *arg(test_case *c, int position, const char *name);
bool arg_is_tensor(const json_t *a);
bool arg_is_number(const json_t *a);                                 /* bool, int or float */
tp_tensor *arg_tensor(test_case *c, int position, const char *name); /* needed        */
tp_tensor *arg_tensor_or_null(test_case *c, int position, const char *name);
int64_t arg_int(test_case *c, int position, const char *name, int64_t otherwise);
bool arg_bool(test_case *c, int position, const char *name, bool otherwise);
double arg_double(test_case *c, int position, const char *name, double otherwise);
/* The same for an option of ours, of which 0 is the default. */
double arg_option(test_case *c, int position, const char *name, double otherwise);
const char *arg_string(test_case *c, int position, const char *name, const char *otherwise);
tp_bag_mode arg_bag_mode(test_case *c, int position); /* mode */
tp_dtype arg_dtype(test_case *c, int position, const char *name, tp_dtype otherwise);
/* A list of sizes, or the rest of the positional arguments as one. */
tp_dims arg_shape(test_case *c, int position, const char *name);
/* A dimension, a list of them, or None for all. */
typedef struct {
    bool single; /* given as a number */
    int n, dim[TP_MAX_DIMS];
} dim_list;
dim_list arg_dims(test_case *c, int position, const char *name);
/* n sizes, of a list or all of one number; out is left where there are none. */
void arg_sizes(test_case *c, int position, const char *name, int n, int64_t *out);
/* Sizes as a list or one for all; None is -1. */
tp_dims arg_sizes_or_none(test_case *c, int position, const char *name);
/* size, scale_factor; and after these mode, align_corners, recompute_scale_factor, antialias. */
void size_asked(test_case *c, int position, tp_interpolate_options *o);
void interpolation_asked(test_case *c, int position, tp_interpolate_options *o);
/* dilation, padding, stride */
void unfold_asked(test_case *c, int position, tp_unfold_options *o);
int arg_tensors(test_case *c, int position, const char *name, int max, tp_tensor **out);
/* x times the argument alpha, in x's dtype: booleans stay booleans. */
tp_tensor *times_alpha(test_case *c, tp_tensor *x);
/* A tensor, or a number as the 0-d tensor that promotes as a Python number does beside `beside`. */
tp_tensor *arg_operand(test_case *c, int position, const char *name, const tp_tensor *beside);
double number_of(const json_t *a);

#endif
