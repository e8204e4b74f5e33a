/* sampler.c - orders of samples, drawn as PyTorch's samplers draw them. */
#include "data/sampler.h"
#include "tape/tape.h"
#include "tapir/random.h"

#include <string.h>

typedef enum { SEQUENTIAL, RANDOM, SUBSET, WEIGHTED, BATCHES, DISTRIBUTED, CALLED } kind;

struct tp_data_sampler {
    atomic_int holds;
    kind kind;
    int64_t n, length;   /* samples to draw from; of an order */
    int64_t *indices;    /* SUBSET */
    tp_tensor *weights;  /* WEIGHTED: owned */
    tp_data_sampler *of; /* BATCHES */
    int64_t batch_size;
    bool drop_last, replacement;
    tp_tape *generator;
    tp_distributed_sampler_options shared;
    int64_t epoch;
    tp_sampler_draw_fn draw;
    void *user;
    bool batches;
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

tp_data_sampler *tp__sampler_hold(tp_data_sampler *s)
{
    atomic_fetch_add_explicit(&s->holds, 1, memory_order_relaxed);
    return s;
}

void tp_sampler_free(tp_data_sampler *s)
{
    if (s == NULL || atomic_fetch_sub_explicit(&s->holds, 1, memory_order_acq_rel) != 1)
        return;
    tp_sampler_free(s->of);
    tp_free(s->weights);
    tp__free(s->indices);
    tp__free(s);
}

static tp_data_sampler *make(tp_tape *T, const char *speaker, tp_data_sampler model)
{
    tp_data_sampler *s = tp__malloc(sizeof *s);
    if (s == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
        return NULL;
    }
    memcpy(s, &model, sizeof *s);
    atomic_init(&s->holds, 1);
    return s;
}

/* True, and T has failed, where n is below the least. */
static bool too_few(tp_tape *T, const char *speaker, const char *what, int64_t n, int64_t least)
{
    if (tp__ok(T) && n < least)
        tp_fail(T, TP_EINVAL, "%s: %s is %lld; %lld or more is needed", speaker, what, (long long)n, (long long)least);
    return !tp__ok(T);
}

tp_data_sampler *tp_sequential_sampler(tp_tape *T, int64_t n)
{
    TP__NAMED(T, "sequential_sampler");
    if (too_few(T, "sequential_sampler", "n", n, 0))
        return NULL;
    return make(T, "sequential_sampler", (tp_data_sampler){.kind = SEQUENTIAL, .n = n, .length = n});
}

tp_data_sampler *tp_random_sampler(tp_tape *T, int64_t n, const tp_random_sampler_options *options)
{
    TP__NAMED(T, "random_sampler");
    tp_random_sampler_options o = options ? *options : (tp_random_sampler_options){0};
    if (too_few(T, "random_sampler", "n", n, 1) || too_few(T, "random_sampler", "num_samples", o.num_samples, 0))
        return NULL;
    return make(T, "random_sampler",
                (tp_data_sampler){.kind = RANDOM,
                                  .n = n,
                                  .length = o.num_samples ? o.num_samples : n,
                                  .replacement = o.replacement,
                                  .generator = o.generator});
}

tp_data_sampler *tp_subset_random_sampler(tp_tape *T, int64_t n, const int64_t *indices)
{
    TP__NAMED(T, "subset_random_sampler");
    size_t bytes;
    if (tp__ok(T) && n > 0 && indices == NULL)
        tp__missing(T, "subset_random_sampler", "the list of samples");
    if (too_few(T, "subset_random_sampler", "n", n, 0))
        return NULL;
    tp_data_sampler *s = make(T, "subset_random_sampler", (tp_data_sampler){.kind = SUBSET, .n = n, .length = n});
    if (s == NULL)
        return NULL;
    s->indices = tp__mul_size((size_t)n + 1, sizeof *indices, &bytes) ? tp__malloc(bytes) : NULL;
    if (s->indices == NULL) {
        tp_sampler_free(s);
        tp_fail(T, TP_ENOMEM, "subset_random_sampler: no memory");
        return NULL;
    }
    if (n > 0)
        memcpy(s->indices, indices, (size_t)n * sizeof *indices);
    return s;
}

/* Weights that cannot be drawn from are noticed here, by a draw that is taken back. */
static bool can_draw(tp_tape *T, const tp_data_sampler *s)
{
    tp__rng before = T->rng;
    tp_mark mark = tp_tape_mark(T);
    tp_multinomial(T, s->weights, s->replacement ? 1 : s->length, s->replacement);
    T->rng = before;
    tp__rewind(T, mark);
    return T->status == TP_OK;
}

tp_data_sampler *tp_weighted_random_sampler(tp_tape *T, tp_tensor *weights, int64_t num_samples, bool replacement)
{
    TP__NAMED(T, "weighted_random_sampler");
    if (!tp__usable(T, "weighted_random_sampler", weights) ||
        too_few(T, "weighted_random_sampler", "num_samples", num_samples, 1))
        return NULL;
    if (weights->ndim != 1) {
        tp_fail(T, TP_ESHAPE, "weighted_random_sampler: weights are %s; [n] is needed", TP__SHAPE(weights));
        return NULL;
    }
    tp_data_sampler *s = make(
        T, "weighted_random_sampler",
        (tp_data_sampler){.kind = WEIGHTED, .n = weights->numel, .length = num_samples, .replacement = replacement});
    if (s == NULL)
        return NULL;
    s->weights = tp__tensor_owned(TP_F64, tp__dims_of(weights));
    if (s->weights == NULL)
        tp_fail(T, TP_ENOMEM, "weighted_random_sampler: no memory");
    else
        tp__copy_elements(weights, s->weights->data, TP_F64);
    if (s->weights && can_draw(T, s))
        return s;
    tp_sampler_free(s);
    return NULL;
}

tp_data_sampler *tp_batch_sampler(tp_tape *T, tp_data_sampler *of, int64_t batch_size, bool drop_last)
{
    TP__NAMED(T, "batch_sampler");
    if (of == NULL)
        tp__missing(T, "batch_sampler", "the sampler");
    if (too_few(T, "batch_sampler", "batch_size", batch_size, 1))
        return NULL;
    if (of->kind == BATCHES || of->batches) {
        tp_fail(T, TP_EINVAL, "batch_sampler: of a sampler that makes batches; one of samples is needed");
        return NULL;
    }
    tp_data_sampler *s = make(
        T, "batch_sampler",
        (tp_data_sampler){.kind = BATCHES, .n = of->n, .batch_size = batch_size, .drop_last = drop_last});
    if (s)
        s->of = tp__sampler_hold(of);
    return s;
}

tp_data_sampler *tp_distributed_sampler(tp_tape *T, int64_t n, const tp_distributed_sampler_options *options)
{
    TP__NAMED(T, "distributed_sampler");
    tp_distributed_sampler_options o = options ? *options : (tp_distributed_sampler_options){0};
    o.world_size = o.world_size ? o.world_size : 1;
    if (too_few(T, "distributed_sampler", "n", n, 1) ||
        too_few(T, "distributed_sampler", "world_size", o.world_size, 1))
        return NULL;
    if (o.rank < 0 || o.rank >= o.world_size || n > INT64_MAX - o.world_size) {
        tp_fail(T, TP_EINVAL, "distributed_sampler: rank %lld of %lld, of %lld samples; 0 to %lld is needed",
                (long long)o.rank, (long long)o.world_size, (long long)n, (long long)o.world_size - 1);
        return NULL;
    }
    int64_t each = n / o.world_size + (n % o.world_size != 0 && !o.drop_last);
    return make(T, "distributed_sampler", (tp_data_sampler){.kind = DISTRIBUTED, .n = n, .length = each, .shared = o});
}

void tp_sampler_set_epoch(tp_data_sampler *s, int64_t epoch)
{
    if (s && s->of)
        tp_sampler_set_epoch(s->of, epoch);
    if (s)
        s->epoch = epoch;
}

tp_data_sampler *tp_sampler_new(tp_tape *T, int64_t length, bool batches, tp_sampler_draw_fn draw, void *user)
{
    TP__NAMED(T, "sampler_new");
    if (draw == NULL)
        tp__missing(T, "sampler_new", "the function that draws");
    if (too_few(T, "sampler_new", "length", length, 0))
        return NULL;
    return make(T, "sampler_new",
                (tp_data_sampler){.kind = CALLED, .length = length, .batches = batches, .draw = draw, .user = user});
}

/* ---- what it says of itself ------------------------------------------------------------------------------------------ */

int64_t tp_sampler_length(const tp_data_sampler *s)
{
    if (s == NULL || s->kind != BATCHES)
        return s ? s->length : 0;
    return s->of->length / s->batch_size + (!s->drop_last && s->of->length % s->batch_size != 0);
}

int64_t tp__sampler_count(const tp_data_sampler *s)
{
    return s->kind == CALLED ? -1 : s->kind == BATCHES ? tp__sampler_count(s->of) : s->length;
}

int64_t tp__sampler_batch(const tp_data_sampler *s, bool *drop_last, bool *ends)
{
    *drop_last = s->drop_last;
    *ends = s->batches;
    return s->batch_size;
}

bool tp__sampler_permutes(const tp_data_sampler *s, int64_t n)
{
    if (s->kind == BATCHES)
        return tp__sampler_permutes(s->of, n);
    return (s->kind == SEQUENTIAL || s->kind == RANDOM) && s->n == n && s->length == n && !s->replacement;
}

/* ---- orders ---------------------------------------------------------------------------------------------------------- */

static bool grow(int64_t **list, int64_t *room, int64_t n)
{
    size_t bytes;
    if (n <= *room)
        return true;
    int64_t *more = tp__mul_size((size_t)n, sizeof *more, &bytes) ? tp__realloc(*list, bytes) : NULL;
    if (more == NULL)
        return false;
    *list = more;
    *room = n;
    return true;
}

bool tp__order_room(tp__order *o, int64_t n, int64_t ends)
{
    return grow(&o->index, &o->room, n) && grow(&o->ends, &o->ends_room, ends);
}

void tp__order_free(tp__order *o)
{
    tp__free(o->index);
    tp__free(o->ends);
}

static void count_up(int64_t *index, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        index[i] = i;
}

/* The first of a permutation of n, for which the order has no room. */
static bool draw_rest(tp__rng *g, int64_t n, int64_t some, int64_t *index)
{
    size_t bytes;
    int64_t *all = tp__mul_size((size_t)n, sizeof *all, &bytes) ? tp__malloc(bytes) : NULL;
    if (all == NULL)
        return false;
    count_up(all, n);
    tp__rng_shuffle(g, all, n);
    memcpy(index, all, (size_t)some * sizeof *all);
    tp__free(all);
    return true;
}

/* torch seeds a generator for the epoch with one draw of the default one. One that is given is drawn from at once, and for
 * one permutation more where permutations go up without rest. */
static bool random_order(tp_tape *T, const tp_data_sampler *s, int64_t *index)
{
    tp__rng own, *g = s->generator ? &s->generator->rng : &own;
    if (g == &own)
        tp__rng_seed(&own, tp__rng_u64(&T->rng) & INT64_MAX);
    if (s->replacement) {
        for (int64_t i = 0; i < s->length; i++)
            index[i] = (int64_t)tp__rng_below(g, (uint64_t)s->n);
        return true;
    }
    int64_t rest = s->length % s->n, whole = s->length - rest;
    for (int64_t i = 0; i < whole; i += s->n) {
        count_up(index + i, s->n);
        tp__rng_shuffle(g, index + i, s->n);
    }
    return (rest == 0 && g == &own) || draw_rest(g, s->n, rest, index + whole);
}

/* Every world_size-th of a permutation that all processes draw, from the rank on, which begins again where it is short. */
static bool distributed_order(const tp_data_sampler *s, int64_t *index)
{
    const tp_distributed_sampler_options *o = &s->shared;
    tp__rng g;
    size_t bytes;
    int64_t *all = tp__mul_size((size_t)s->n, sizeof *all, &bytes) ? tp__malloc(bytes) : NULL;
    if (all == NULL)
        return false;
    count_up(all, s->n);
    tp__rng_seed(&g, (uint64_t)o->seed + (uint64_t)s->epoch);
    if (!o->no_shuffle)
        tp__rng_shuffle(&g, all, s->n);
    for (int64_t i = 0; i < s->length; i++)
        index[i] = all[(o->rank + i * o->world_size) % s->n];
    tp__free(all);
    return true;
}

static bool weighted_order(tp_tape *T, const tp_data_sampler *s, int64_t *index)
{
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *drawn = tp_multinomial(T, s->weights, s->length, s->replacement);
    if (drawn)
        memcpy(index, drawn->data, (size_t)s->length * sizeof *index);
    tp__rewind(T, mark);
    return drawn != NULL;
}

static void subset_order(tp_tape *T, const tp_data_sampler *s, int64_t *index)
{
    count_up(index, s->n);
    tp__rng_shuffle(&T->rng, index, s->n);
    for (int64_t i = 0; i < s->n; i++)
        index[i] = s->indices[index[i]];
}

/* ---- orders of the user's --------------------------------------------------------------------------------------------- */

static bool is_list(tp_tape *T, const char *speaker, const char *what, const tp_tensor *x)
{
    if (x == NULL)
        tp_fail(T, TP_EUSER, "%s: the sampler's function gave no %s", speaker, what);
    else if (tp__usable(T, speaker, x) && (x->dtype != TP_I64 || x->ndim != 1))
        tp_fail(T, TP_EINVAL, "%s: the sampler's %s is %s of %s; [n] of int64 is needed", speaker, what, TP__SHAPE(x),
                tp_dtype_name(x->dtype));
    return T->status == TP_OK;
}

static tp_status take_called(tp_tape *T, const char *speaker, const tp_data_sampler *s, tp__order *o,
                             const tp_tensor *order, const tp_tensor *ends)
{
    if (!is_list(T, speaker, "order", order) || (s->batches && !is_list(T, speaker, "list of ends", ends)))
        return T->status;
    if (ends && !s->batches)
        return tp_fail(T, TP_EINVAL,
                       "%s: a sampler of samples gave ends; one that says that it makes batches is needed", speaker);
    int64_t batches = ends ? ends->numel : 0;
    if (!tp__order_room(o, order->numel, batches))
        return tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    o->n = order->numel;
    o->in_order = false;
    o->has_ends = s->batches;
    o->batches = batches;
    tp__copy_elements(order, o->index, TP_I64);
    if (ends)
        tp__copy_elements(ends, o->ends, TP_I64);
    for (int64_t i = 0; i < o->batches; i++)
        if (o->ends[i] <= (i ? o->ends[i - 1] : 0) || o->ends[i] > o->n)
            return tp_fail(T, TP_EINVAL, "%s: batch %lld ends at %lld; rising ends, from 1 to %lld, are needed",
                           speaker, (long long)i, (long long)o->ends[i], (long long)o->n);
    return TP_OK;
}

static tp_status called_order(tp_tape *T, const char *speaker, const tp_data_sampler *s, tp__order *o)
{
    tp__call_out call;
    tp_tensor *ends = NULL;
    tp_mark mark = tp_tape_mark(T);
    tp__enter(T, &call);
    tp_tensor *order = s->draw(T, s->user, &ends);
    tp__leave(&call);
    if (T->status == TP_OK)
        take_called(T, speaker, s, o, order, ends);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- any order --------------------------------------------------------------------------------------------------------- */

/* The number of batches is for who cuts them. */
tp_status tp__sampler_order(tp_tape *T, const char *speaker, tp_data_sampler *s, tp__order *o)
{
    if (s->kind == BATCHES)
        return tp__sampler_order(T, speaker, s->of, o);
    if (s->kind == CALLED)
        return called_order(T, speaker, s, o);
    o->n = s->length;
    o->in_order = s->kind == SEQUENTIAL;
    o->has_ends = false;
    if (o->in_order)
        return TP_OK;
    bool ok = tp__order_room(o, s->length, 0);
    if (ok && s->kind == RANDOM)
        ok = random_order(T, s, o->index);
    else if (ok && s->kind == WEIGHTED)
        ok = weighted_order(T, s, o->index);
    else if (ok && s->kind == DISTRIBUTED)
        ok = distributed_order(s, o->index);
    else if (ok)
        subset_order(T, s, o->index);
    return ok ? TP_OK : tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
}

static tp_tensor *list_of(tp_tape *T, int64_t n, const int64_t *values)
{
    tp_tensor *x = tp__tensor_make(T, TP_I64, (tp_dims){1, {n}});
    for (int64_t i = 0; x && i < n; i++)
        ((int64_t *)x->data)[i] = values ? values[i] : i;
    return x;
}

static tp_tensor *ends_of(tp_tape *T, const tp_data_sampler *s, const tp__order *o)
{
    if (o->has_ends)
        return list_of(T, o->batches, o->ends);
    int64_t whole = o->n / s->batch_size, n = whole + (!s->drop_last && o->n % s->batch_size != 0);
    tp_tensor *x = list_of(T, n, NULL);
    for (int64_t i = 0; x && i < n; i++)
        ((int64_t *)x->data)[i] = i < whole ? (i + 1) * s->batch_size : o->n;
    return x;
}

tp_tensor *tp_sampler_draw(tp_tape *T, tp_data_sampler *s, tp_tensor **ends)
{
    TP__NAMED(T, "sampler_draw");
    tp__order o = {0};
    tp_tensor *order = NULL;
    if (ends)
        *ends = NULL;
    if (s == NULL)
        tp__missing(T, "sampler_draw", "the sampler");
    if (tp__ok(T) && s && tp__sampler_order(T, "sampler_draw", s, &o) == TP_OK)
        order = list_of(T, o.n, o.in_order ? NULL : o.index);
    if (order && ends && (o.has_ends || s->kind == BATCHES))
        *ends = ends_of(T, s, &o);
    tp__order_free(&o);
    return tp__ok(T) ? order : NULL;
}
