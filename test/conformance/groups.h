/* groups.h - the kinds of case files, each with a way to run a case. */
#ifndef CONFORMANCE_GROUPS_H
#define CONFORMANCE_GROUPS_H

#include "case.h"

typedef struct {
    const char *name;              /* the folder, or the file where it stands alone   */
    bool (*knows)(const char *op); /* is there anything in Tapir to compare with?     */
    void (*run)(test_case *c);
    bool prefixed; /* list its operators as "group.op"                */
} case_group;

/* operators.c */
void run_operator(test_case *c);
void run_error(test_case *c);
/* How many outputs there are, and that they are those stored in the case. */
void check_outputs(test_case *c);
/* The gradients stored in the case, of its outputs by its inputs and n more tensors ("pgrad.NAME"). */
void check_gradients(test_case *c, int n, tp_tensor *const *more, const char *const *names);
/* random.c */
bool random_known(const char *op);
void run_random(test_case *c);
/* printing.c */
bool printing_known(const char *op);
void run_printing(test_case *c);
/* modules.c */
bool module_known(const char *op);
void run_module(test_case *c);
/* The module that the case's "ctor" describes, into c->module; and of these arguments. */
void module_build(test_case *c, const char *name);
void module_build_of(test_case *c, const char *name, json_t *args, json_t *kwargs);

/* What reads the arguments of a constructor; a table ends with a NULL name. */
typedef struct {
    const char *name;
    tp_module *(*build)(test_case *c);
} module_builder;
extern const module_builder activation_builders[], space_builders[], loss_builders[], norm_builders[],
    recurrent_builders[];
/* optimizers.c */
bool optimizer_known(const char *op);
void run_optimizer(test_case *c);
/* schedules.c */
bool schedule_known(const char *op);
void run_schedule(test_case *c);
/* session.c */
bool session_known(const char *op);
void run_session(test_case *c);

#endif
