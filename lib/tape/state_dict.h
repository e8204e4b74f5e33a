/* state_dict.h - lists of tensors by name: made, and searched. */
#ifndef TAPIR_TAPE_STATE_DICT_H
#define TAPIR_TAPE_STATE_DICT_H

#include "core/core.h"
#include "tapir/state.h"

/* One block: the list, its arrays, the names' text; the tensors are as given. NULL: no memory. */
tp_state_dict *tp__state_dict_new(int n, char *const *names, tp_tensor *const *tensors);

/* A list that grows, of owned tensors. */
typedef struct {
    int n, room;
    bool failed; /* no memory, for one or for a tensor */
    char **name;
    tp_tensor **tensor;
} tp__state_list;
/* The list takes x over; NULL, or a name it has no memory for, fails it. */
void tp__state_add(tp__state_list *l, tp_tensor *x, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A copy of n numbers, converted. ndim 0 or 1. */
void tp__state_add_numbers(tp__state_list *l, tp_dtype dtype, int ndim, int64_t n, const double *values,
                           const char *format, ...) __attribute__((format(printf, 6, 7)));
/* What was listed; the list is empty afterwards. NULL: no memory, and T has failed. */
tp_state_dict *tp__state_list_end(tp_tape *T, tp__state_list *l, const char *speaker);

/* Names that are looked up; each has been used or not. */
typedef struct {
    const char *name;
    int i; /* its place among those given */
    bool used;
} tp__given;
/* Fills n entries, sorted; fails T where a name is NULL or is there twice. */
tp_status tp__given_sort(tp_tape *T, const char *speaker, int n, const char *const *names, tp__given *given);
tp__given *tp__given_find(tp__given *given, int n, const char *name);

#endif
