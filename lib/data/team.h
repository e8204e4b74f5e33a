/* team.h - workers that make batches ahead. */
#ifndef TAPIR_DATA_TEAM_H
#define TAPIR_DATA_TEAM_H

#include "data/batch.h"

typedef struct tp__team tp__team;
/* NULL: no memory. `most` is how many batches may be ahead. */
tp__team *tp__team_new(tp__recipe *r, const tp__epoch *e, int workers, int64_t most);
void tp__team_free(tp__team *t);
/* Is the team of the process in which it was made? A fork's child leaves it alone. */
bool tp__team_is_here(const tp__team *t);
/* Does one of its workers call this? */
bool tp__team_has_this(tp__team *t);
/* From batch b of the epoch on. */
void tp__team_begin(tp__team *t, int64_t b);
/* Nobody is at work when this returns, and nothing is ready. */
void tp__team_cancel(tp__team *t);
typedef enum { TP__TAKEN, TP__FAILED, TP__YOURS } tp__taken;
/* Batch b, which is the one after that of the last call: taken, as headers; its maker has failed W; or it is the caller's to
 * make, who says when that is done. What failed is the caller's the next time. */
tp__taken tp__team_take(tp__team *t, int64_t b, tp_tensor *out, tp_status *status, char *message, size_t room);
void tp__team_passed(tp__team *t);

#endif
