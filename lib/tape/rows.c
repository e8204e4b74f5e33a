/* rows.c - gradients of which few rows are not 0, as those of a table: a list of these rows beside the buffer.
 *
 * The buffer is what it always is, so that whoever knows nothing of the list reads the right numbers; rows that are not
 * listed hold 0. Who does know clears and updates listed rows alone. The list holds for one version of the buffer's storage:
 * after another writer, and once somebody has asked where the buffer is, any row counts until the gradient is begun anew. */
#include "tape/tape.h"

#include <string.h>

static bool may_have_rows(const tp_tensor *g)
{
    return (g->flags & TP__GRADIENT) && g->tape == NULL && g->ndim > 0 && g->numel > 0 && g->storage->pool == NULL;
}
static size_t words_of(const tp_tensor *g) { return ((size_t)g->shape[0] + 63) / 64; }
static size_t row_of(const tp_tensor *g) { return (size_t)(g->numel / g->shape[0]) * tp_dtype_size(g->dtype); }

const tp__row_list *tp__rows_of(const tp_tensor *g)
{
    const tp__row_list *r = g ? tp__rows_in(g->storage) : NULL;
    return r && !r->all && r->version == g->storage->version ? r : NULL;
}

/* A list for g, where there is none; NULL: it goes without. */
static tp__row_list *list_for(tp_tensor *g)
{
    tp__row_list *r = tp__rows_in(g->storage);
    if (r || !may_have_rows(g) || (r = tp__calloc(1, sizeof *r)) == NULL)
        return r;
    if ((r->seen = tp__calloc(words_of(g), sizeof *r->seen)) == NULL) {
        tp__free(r);
        return NULL;
    }
    r->all = true;
    return g->storage->rows = r;
}

static void clear_listed(tp_tensor *g, tp__row_list *r)
{
    size_t bytes = row_of(g);
    for (int64_t k = 0; k < r->n; k++) {
        if (k + 8 < r->n)
            tp__prefetch(g->data, r->at[k + 8], 1, bytes);
        memset((char *)g->data + (size_t)r->at[k] * bytes, 0, bytes);
        r->seen[r->at[k] / 64] = 0;
    }
}

void tp__rows_begin(tp_tensor *g, bool fresh, bool listed)
{
    tp__row_list *r = listed ? list_for(g) : tp__rows_in(g->storage);
    if (fresh && r && !r->all)
        clear_listed(g, r);
    else if (fresh && g->numel > 0)
        memset(g->data, 0, (size_t)g->numel * tp_dtype_size(g->dtype));
    if (r && fresh && r->all)
        memset(r->seen, 0, words_of(g) * sizeof *r->seen);
    if (r && fresh) {
        r->n = 0;
        r->all = false;
    }
    if (r && !listed)
        r->all = true;
}

void tp__rows_add(tp_tensor *g, int64_t row)
{
    tp__row_list *r = tp__rows_in(g->storage);
    uint64_t bit = UINT64_C(1) << (row % 64);
    if (r == NULL || r->all || (r->seen[row / 64] & bit))
        return;
    if (r->n == r->room) {
        int64_t room = r->room ? 2 * r->room : 256;
        int64_t *grown = tp__realloc(r->at, (size_t)room * sizeof *grown);
        if (grown == NULL) {
            r->all = true;
            return;
        }
        r->at = grown;
        r->room = room;
    }
    r->seen[row / 64] |= bit;
    r->at[r->n++] = row;
}

void tp__rows_end(tp_tensor *g)
{
    tp__row_list *r = tp__rows_in(g->storage);
    if (r)
        r->version = g->storage->version;
}
