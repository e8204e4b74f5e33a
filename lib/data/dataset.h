/* dataset.h - datasets from inside: a tree whose leaves have samples, and whose other parts say where a sample is. */
#ifndef TAPIR_DATA_DATASET_H
#define TAPIR_DATA_DATASET_H

#include "tape/tape.h"
#include "tapir/dataset.h"

typedef enum { TP__ROWS, TP__CALLED, TP__SUBSET, TP__CONCAT } tp__dataset_kind;

/* Nothing of it changes once it is made, but the count. */
struct tp_dataset {
    atomic_int holds;
    tp__dataset_kind kind;
    int width, depth;
    int64_t length;
    bool calls;          /* somewhere below is one of the user's functions */
    tp_tensor **tensors; /* TP__ROWS: owned */
    bool dense;          /* each row's elements lie side by side */
    tp_dataset_get_fn get;
    void *user;
    void (*free_user)(void *user);
    int n; /* parts: of TP__SUBSET one */
    tp_dataset **parts;
    int64_t *map; /* TP__SUBSET: indices; TP__CONCAT: where the parts end */
};

tp_dataset *tp__dataset_hold(const tp_dataset *d);

/* A leaf, and which of its samples. */
typedef struct {
    const tp_dataset *leaf;
    int64_t index;
} tp__place;
tp__place tp__dataset_place(const tp_dataset *d, int64_t index);
/* A sample of a leaf that is one of the user's functions; its tensors are all usable, or T has failed. */
tp_status tp__dataset_call(tp_tape *T, const tp_dataset *leaf, int64_t index, tp_tensor **sample);
/* The sample at a place. */
tp_status tp__dataset_sample(tp_tape *T, tp__place p, tp_tensor **sample);

#endif
