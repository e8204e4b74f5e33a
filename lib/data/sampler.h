/* sampler.h - samplers from inside: the order of an epoch, in memory that is used again. */
#ifndef TAPIR_DATA_SAMPLER_H
#define TAPIR_DATA_SAMPLER_H

#include "core/core.h"
#include "tapir/dataset.h"

typedef struct {
    int64_t n;     /* samples */
    bool in_order; /* 0 to n - 1, of which there is no list */
    int64_t *index, room;
    bool has_ends;
    int64_t batches, *ends, ends_room;
} tp__order;
/* Room for so many samples and ends; what is there stays. False: no memory. */
bool tp__order_room(tp__order *o, int64_t n, int64_t ends);
void tp__order_free(tp__order *o);

tp_data_sampler *tp__sampler_hold(tp_data_sampler *s);
/* An epoch's order; nothing but T's generator and *o has changed when it has failed. */
tp_status tp__sampler_order(tp_tape *T, const char *speaker, tp_data_sampler *s, tp__order *o);
/* Batches of which size it makes; 0: it makes none, or says where they end. */
int64_t tp__sampler_batch(const tp_data_sampler *s, bool *drop_last, bool *ends);
/* Does every order have all of 0 to n - 1 once; samples of an order, -1 where that is not known. */
bool tp__sampler_permutes(const tp_data_sampler *s, int64_t n);
int64_t tp__sampler_count(const tp_data_sampler *s);

#endif
