/* loader.c - batches of samples, in the order of an epoch; from workers (team.c), or made by who asks. */
#include "data/loader.h"
#include "data/team.h"
#include "tape/state_dict.h"

#include <string.h>

enum { MOST_WORKERS = 1024, MOST_AHEAD = 65536, MESSAGE = 512 };

struct tp_loader {
    tp_loader_options o;
    tp_data_sampler *sampler;
    bool drop_last;
    tp__recipe recipe;
    tp__epoch epoch;
    int64_t batch;   /* the next one */
    tp_tensor *out;  /* headers of one */
    tp_tape *own;    /* where it is made in the caller's thread */
    tp__team *team;  /* NULL: no workers, or not yet */
    tp__busy busy;   /* one of the user's functions runs in the caller's thread */
    bool no_workers; /* there was no memory for them */
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static void destroy(tp_loader *l)
{
    if (l->team && tp__team_is_here(l->team))
        tp__team_free(l->team);
    tp_tape_free(l->own);
    tp_dataset_free(l->recipe.data);
    tp_sampler_free(l->sampler);
    tp__order_free(&l->epoch.order);
    tp__free(l->out);
    tp__free(l);
}

/* A fork's child finds the parent's workers, of which it has none: what they were at is lost, and made again. */
static void look_for_team(tp_loader *l)
{
    if (l->team && !tp__team_is_here(l->team))
        l->team = NULL;
}

static bool is_worker(tp_loader *l)
{
    look_for_team(l);
    return l->team && tp__team_has_this(l->team);
}

static tp_status refuse(tp_tape *T, const char *speaker)
{
    return tp_fail(T, TP_EINVAL, "%s: within one of the loader's own functions; another place is needed", speaker);
}

void tp_loader_free(tp_loader *l)
{
    if (l && !is_worker(l) && !tp__busy_doom(&l->busy))
        destroy(l);
}

static bool good_options(tp_tape *T, const char *speaker, const tp_loader_options *o)
{
    if (o->batch_size < 0)
        tp_fail(T, TP_EINVAL, "%s: batch_size is %lld; 1 or more is needed", speaker, (long long)o->batch_size);
    else if (o->num_workers < 0 || o->num_workers > MOST_WORKERS || o->prefetch_factor < 0 ||
             o->prefetch_factor > MOST_AHEAD)
        tp_fail(T, TP_EINVAL, "%s: %d workers, each %d batches ahead; 0 to %d, and 0 to %d, are needed", speaker,
                o->num_workers, o->prefetch_factor, MOST_WORKERS, MOST_AHEAD);
    else if (o->sampler && o->shuffle)
        tp_fail(T, TP_EINVAL, "%s: shuffle and a sampler; one of them is needed", speaker);
    else if (o->collate_width < 0 || (o->collate_width > 0 && o->collate == NULL))
        tp_fail(T, TP_EINVAL, "%s: collate_width is %d, collate %s; 0 is needed without it", speaker, o->collate_width,
                o->collate ? "is there" : "NULL");
    return T->status == TP_OK;
}

/* A sampler of batches takes the place of both. */
static bool good_batches(tp_tape *T, const char *speaker, tp_loader *l)
{
    bool drop_last, ends;
    int64_t size = tp__sampler_batch(l->sampler, &drop_last, &ends);
    if ((size > 0 || ends) && (l->o.batch_size > 1 || l->o.drop_last))
        tp_fail(T, TP_EINVAL, "%s: batch_size or drop_last, and a sampler that makes batches; one of them is needed",
                speaker);
    l->epoch.size = size ? size : l->o.batch_size ? l->o.batch_size : 1;
    l->drop_last = size ? drop_last : l->o.drop_last;
    return T->status == TP_OK;
}

static tp_data_sampler *sampler_of(tp_tape *T, const tp_loader_options *o, int64_t rows)
{
    if (o->sampler)
        return tp__sampler_hold(o->sampler);
    return o->shuffle && rows > 0 ? tp_random_sampler(T, rows, NULL) : tp_sequential_sampler(T, rows);
}

static tp_loader *make(tp_tape *T, const char *speaker, tp_dataset *data, const tp_loader_options *options)
{
    tp_loader_options o = options ? *options : (tp_loader_options){0};
    if (!good_options(T, speaker, &o))
        return NULL;
    tp_loader *l = tp__calloc(1, sizeof *l);
    if (l == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
        return NULL;
    }
    l->o = o;
    l->recipe.data = tp__dataset_hold(data);
    l->recipe.collate = o.collate;
    l->recipe.user = o.user;
    l->recipe.width = o.collate_width ? o.collate_width : data->width;
    l->epoch.order = (tp__order){.n = data->length, .in_order = true};
    l->sampler = sampler_of(T, &o, data->length);
    l->out = tp__calloc((size_t)l->recipe.width, sizeof *l->out);
    if (l->out == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    if (l->sampler && l->out && good_batches(T, speaker, l))
        return l;
    destroy(l);
    return NULL;
}

tp_loader *tp_loader_of(tp_tape *T, tp_dataset *dataset, const tp_loader_options *options)
{
    TP__NAMED(T, "loader_of");
    if (dataset == NULL)
        tp__missing(T, "loader_of", "the dataset");
    return tp__ok(T) && dataset ? make(T, "loader_of", dataset, options) : NULL;
}

tp_loader *tp_loader_new(tp_tape *T, int n, tp_tensor *const *tensors, const tp_loader_options *options)
{
    TP__NAMED(T, "loader_new");
    tp_dataset *data = tp_tensor_dataset(T, n, tensors);
    tp_loader *l = data ? make(T, "loader_new", data, options) : NULL;
    tp_dataset_free(data);
    return l;
}

/* ---- an epoch ------------------------------------------------------------------------------------------------------ */

static int64_t batches_of(const tp_loader *l, int64_t samples)
{
    return samples / l->epoch.size + (!l->drop_last && samples % l->epoch.size != 0);
}

int64_t tp_loader_length(const tp_loader *l)
{
    bool drop_last, ends;
    if (l == NULL)
        return 0;
    int64_t size = tp__sampler_batch(l->sampler, &drop_last, &ends), n = tp_sampler_length(l->sampler);
    return size > 0 || ends ? n : batches_of(l, n);
}

int tp_loader_width(const tp_loader *l) { return l ? l->recipe.width : 0; }

/* Makes the workers, where there is reason and memory. */
static void begin_team(tp_loader *l)
{
    look_for_team(l);
    if (l->o.num_workers > 0 && l->team == NULL && !l->no_workers) {
        int64_t ahead = (int64_t)l->o.num_workers * (l->o.prefetch_factor ? l->o.prefetch_factor : 2);
        int64_t length = tp_loader_length(l), most = length > l->epoch.batches ? length : l->epoch.batches;
        most = most < 1 ? 1 : most < ahead ? most : ahead;
        l->team = tp__team_new(&l->recipe, &l->epoch, l->o.num_workers, most);
        l->no_workers = l->team == NULL;
    }
    if (l->team)
        tp__team_begin(l->team, l->batch);
}

static void stop_team(tp_loader *l)
{
    look_for_team(l);
    if (l->team)
        tp__team_cancel(l->team);
}

/* Are all samples there? Those that count from the end are written out. */
static tp_status check_order(tp_tape *T, const char *speaker, const tp_loader *l, tp__order *o)
{
    int64_t rows = l->recipe.data->length;
    if (o->in_order && o->n > rows)
        return tp_fail(T, TP_EINDEX, "%s: the sampler has %lld samples, the dataset %lld; as many are needed", speaker,
                       (long long)o->n, (long long)rows);
    for (int64_t i = 0; !o->in_order && i < o->n; i++) {
        int64_t at = o->index[i] < 0 ? o->index[i] + rows : o->index[i];
        if (at < 0 || at >= rows)
            return tp_fail(T, TP_EINDEX, "%s: sample %lld of %lld; one from %lld to %lld is needed", speaker,
                           (long long)o->index[i], (long long)rows, -(long long)rows, (long long)rows - 1);
        o->index[i] = at;
    }
    return TP_OK;
}

static tp_status begin_epoch(tp_tape *T, tp_loader *l)
{
    tp__epoch *e = &l->epoch;
    stop_team(l);
    l->no_workers = false;
    e->batches = l->batch = e->first = 0;
    e->base_seed = tp__rng_u64(&T->rng) & INT64_MAX;
    tp_status status = tp__sampler_order(T, "loader_start", l->sampler, &e->order);
    if (status == TP_OK)
        status = check_order(T, "loader_start", l, &e->order);
    if (status != TP_OK) {
        e->order = (tp__order){.in_order = true,
                               .index = e->order.index,
                               .room = e->order.room,
                               .ends = e->order.ends,
                               .ends_room = e->order.ends_room};
        return status;
    }
    e->batches = e->order.has_ends ? e->order.batches : batches_of(l, e->order.n);
    begin_team(l);
    return TP_OK;
}

tp_status tp_loader_start(tp_tape *T, tp_loader *l)
{
    if (l == NULL)
        return tp__missing(T, "loader_start", "the loader");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (is_worker(l))
        return refuse(T, "loader_start");
    bool outermost = tp__busy_begin(&l->busy);
    tp_status status = outermost ? begin_epoch(T, l) : refuse(T, "loader_start");
    if (tp__busy_end(&l->busy, outermost))
        destroy(l);
    return status;
}

/* ---- batches ------------------------------------------------------------------------------------------------------- */

/* In this thread. */
static tp_status make_here(tp_tape *T, tp_loader *l)
{
    if (l->own == NULL && (l->own = tp_tape_new()) == NULL)
        return tp_fail(T, TP_ENOMEM, "loader_next: no memory");
    tp_status status = tp__batch_make(l->own, &l->recipe, &l->epoch, l->batch, l->out);
    return status == TP_OK ? TP_OK : tp_fail(T, status, "%s", tp_error(l->own));
}

static tp_status get_batch(tp_tape *T, tp_loader *l)
{
    char message[MESSAGE];
    tp_status status = TP_OK;
    if (l->team == NULL)
        return make_here(T, l);
    tp__taken taken = tp__team_take(l->team, l->batch, l->out, &status, message, sizeof message);
    if (taken == TP__FAILED)
        return tp_fail(T, status, "%s", message);
    if (taken == TP__TAKEN)
        return TP_OK;
    status = make_here(T, l);
    if (status == TP_OK)
        tp__team_passed(l->team);
    return status;
}

/* The headers become tensors of T. */
static bool hand_over(tp_tape *T, tp_loader *l, tp_tensor **batch)
{
    bool ok = true;
    for (int k = 0; k < l->recipe.width && ok; k++) {
        ok = (batch[k] = tp__tensor_join(T, &l->out[k])) != NULL;
        if (ok)
            l->out[k].storage = NULL;
    }
    tp__batch_drop(l->recipe.width, l->out);
    return ok;
}

static bool next_batch(tp_tape *T, tp_loader *l, tp_tensor **batch)
{
    bool another = l->team && !tp__team_is_here(l->team);
    if (another)
        begin_team(l);
    if (get_batch(T, l) != TP_OK)
        return false;
    l->batch++;
    if (hand_over(T, l, batch))
        return true;
    l->batch--; /* no memory for a header: the batch is made again */
    stop_team(l);
    if (l->team)
        begin_team(l);
    return false;
}

bool tp_loader_next(tp_tape *T, tp_loader *l, tp_tensor **batch)
{
    if (l && batch)
        memset(batch, 0, (size_t)l->recipe.width * sizeof *batch);
    if (l == NULL || batch == NULL)
        tp__missing(T, "loader_next", l ? "the batch" : "the loader");
    if (!tp__ok(T) || l == NULL || batch == NULL)
        return false;
    if (is_worker(l)) {
        refuse(T, "loader_next");
        return false;
    }
    bool outermost = tp__busy_begin(&l->busy), got = false;
    if (!outermost)
        refuse(T, "loader_next");
    else if (l->batch < l->epoch.batches)
        got = next_batch(T, l, batch);
    if (!got)
        memset(batch, 0, (size_t)l->recipe.width * sizeof *batch);
    if (tp__busy_end(&l->busy, outermost))
        destroy(l);
    return got;
}

/* ---- state --------------------------------------------------------------------------------------------------------- */

tp_state_dict *tp_loader_state_dict(tp_tape *T, const tp_loader *l)
{
    TP__NAMED(T, "loader_state_dict");
    tp__state_list list = {0};
    if (l == NULL)
        tp__missing(T, "loader_state_dict", "the loader");
    if (!tp__ok(T) || l == NULL)
        return NULL;
    const tp__order *o = &l->epoch.order;
    bool over = l->batch >= l->epoch.batches; /* or before the first epoch */
    tp_tensor *at = tp__tensor_owned(TP_I64, (tp_dims){0}), *seed = tp__tensor_owned(TP_I64, (tp_dims){0});
    tp_tensor *order = tp__tensor_owned(TP_I64, (tp_dims){.ndim = 1, .dim = {o->n}});
    if (at && seed) {
        *(int64_t *)at->data = over ? o->n : tp__epoch_at(&l->epoch, l->batch);
        *(int64_t *)seed->data = (int64_t)l->epoch.base_seed;
    }
    for (int64_t i = 0; order && i < o->n; i++)
        ((int64_t *)order->data)[i] = o->in_order ? i : o->index[i];
    tp__state_add(&list, at, "at");
    tp__state_add(&list, order, "order");
    tp__state_add(&list, seed, "base_seed");
    if (o->has_ends) {
        tp_tensor *ends = tp__tensor_owned(TP_I64, (tp_dims){.ndim = 1, .dim = {o->batches}});
        if (ends)
            memcpy(ends->data, o->ends, (size_t)o->batches * sizeof *o->ends);
        tp__state_add(&list, ends, "ends");
    }
    return tp__state_list_end(T, &list, "loader_state_dict");
}

/* What a load brings. */
typedef struct {
    const tp_tensor *at, *order, *base_seed, *ends; /* TP_I64, contiguous; the last two may be missing */
    int64_t batch;
} loaded;

/* All that is there is of these names, once, and whole numbers that lie side by side. */
static bool find_all(tp_tape *T, const char *speaker, int n, const char *const *names, tp_tensor *const *tensors,
                     loaded *in)
{
    static const char *const known[] = {"at", "order", "base_seed", "ends"};
    const tp_tensor **place[] = {&in->at, &in->order, &in->base_seed, &in->ends};
    if (n < 2 || names == NULL || tensors == NULL) {
        tp_fail(T, TP_EINVAL, "%s: %d tensors; \"at\" and \"order\" are needed", speaker, names && tensors ? n : 0);
        return false;
    }
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < 4 && (names[i] == NULL || strcmp(names[i], known[k]) != 0))
            k++;
        if (k == 4 || *place[k]) {
            tp_fail(T, TP_EINVAL,
                    "%s: \"%.100s\"; \"at\", \"order\", \"base_seed\" and \"ends\", once each, are needed", speaker,
                    names[i] ? names[i] : "");
            return false;
        }
        if (!tp__usable(T, speaker, tensors[i]))
            return false;
        *place[k] = tensors[i];
    }
    for (int k = 0; k < 4; k++)
        if ((*place[k] == NULL && k < 2) || (*place[k] && (*place[k])->dtype != TP_I64)) {
            tp_fail(T, TP_EINVAL, "%s: %s is not there, or not int64; it is needed", speaker, known[k]);
            return false;
        }
    return true;
}

static bool good_shapes(tp_tape *T, const char *speaker, const tp_loader *l, const loaded *in)
{
    bool drop_last, ends;
    int64_t count = tp__sampler_count(l->sampler);
    tp__sampler_batch(l->sampler, &drop_last, &ends);
    if (in->order->ndim != 1 || in->at->numel != 1 || !tp__contiguous(in->order) ||
        (count >= 0 && in->order->numel != count))
        tp_fail(T, TP_ESHAPE, "%s: at is %s, order %s; [] and [%lld] are needed", speaker, TP__SHAPE(in->at),
                TP__SHAPE(in->order), (long long)(count >= 0 ? count : in->order->numel));
    else if (in->base_seed && in->base_seed->numel != 1)
        tp_fail(T, TP_ESHAPE, "%s: base_seed is %s; [] is needed", speaker, TP__SHAPE(in->base_seed));
    else if ((in->ends != NULL) != ends)
        tp_fail(T, TP_EINVAL, "%s: %s; %s needed", speaker, in->ends ? "ends of batches" : "no ends of batches",
                ends ? "they are" : "none, of this sampler, are");
    else if (ends && (in->ends->ndim != 1 || !tp__contiguous(in->ends)))
        tp_fail(T, TP_ESHAPE, "%s: ends is %s; [batches], contiguous, is needed", speaker, TP__SHAPE(in->ends));
    return T->status == TP_OK;
}

/* Is every sample one of the dataset's, and once where the sampler says so? */
static bool good_order(tp_tape *T, const char *speaker, const tp_loader *l, const loaded *in)
{
    const int64_t *order = in->order->data;
    int64_t n = in->order->numel, rows = l->recipe.data->length;
    bool once = tp__sampler_permutes(l->sampler, rows), good = true;
    bool *seen = once ? tp__calloc((size_t)rows + 1, 1) : NULL;
    if (once && seen == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
        return false;
    }
    for (int64_t i = 0; i < n && good; i++) {
        good = order[i] >= 0 && order[i] < rows && !(seen && seen[order[i]]);
        if (good && seen)
            seen[order[i]] = true;
    }
    tp__free(seen);
    if (!good)
        tp_fail(T, TP_EINVAL, "%s: order has a row twice, or one that is not there; %s of 0 to %lld are needed",
                speaker, once ? "each" : "some", (long long)rows - 1);
    return good;
}

/* At the end of which batch is it? */
static bool find_batch(tp_tape *T, const char *speaker, const tp_loader *l, loaded *in)
{
    int64_t at = *(const int64_t *)in->at->data, n = in->order->numel, batches = in->ends ? in->ends->numel : 0;
    const int64_t *ends = in->ends ? in->ends->data : NULL;
    bool good = at >= 0 && at <= n;
    in->batch = ends ? (at == n ? batches : at == 0 ? 0 : -1) : at / l->epoch.size;
    for (int64_t b = 0; b < batches; b++) {
        good &= ends[b] > (b ? ends[b - 1] : 0) && ends[b] <= n;
        in->batch = ends[b] == at ? b + 1 : in->batch;
    }
    if (!good || in->batch < 0)
        tp_fail(T, TP_EINVAL, "%s: at is %lld, of %lld samples; 0, or where a batch ends, is needed", speaker,
                (long long)at, (long long)n);
    return T->status == TP_OK;
}

static void take_all(tp_loader *l, const loaded *in)
{
    tp__epoch *e = &l->epoch;
    int64_t n = in->order->numel;
    stop_team(l);
    if (n > 0)
        memcpy(e->order.index, in->order->data, (size_t)n * sizeof *e->order.index);
    e->order.n = n;
    e->order.in_order = false;
    e->order.has_ends = in->ends != NULL;
    e->order.batches = in->ends ? in->ends->numel : 0;
    if (e->order.batches > 0)
        memcpy(e->order.ends, in->ends->data, (size_t)e->order.batches * sizeof *e->order.ends);
    e->base_seed = in->base_seed ? *(const uint64_t *)in->base_seed->data : 0;
    e->first = in->ends ? 0 : *(const int64_t *)in->at->data % e->size;
    e->batches = in->ends ? e->order.batches : batches_of(l, n - e->first);
    l->batch = in->batch;
    begin_team(l);
}

/* Room for all, so that to take it cannot fail; workers read what may move. */
static void make_room(tp_tape *T, const char *speaker, tp_loader *l, const loaded *in)
{
    tp__order *o = &l->epoch.order;
    int64_t n = in->order->numel, ends = in->ends ? in->ends->numel : 0;
    if (n <= o->room && ends <= o->ends_room)
        return;
    stop_team(l);
    bool ok = tp__order_room(o, n, ends);
    if (l->team)
        begin_team(l);
    if (!ok)
        tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
}

tp_status tp__loader_load(tp_tape *T, const char *speaker, tp_loader *l, int n, const char *const *names,
                          tp_tensor *const *tensors, bool take)
{
    loaded in = {0};
    if (!tp__ok(T))
        return tp_error_status(T);
    if (is_worker(l) || tp__busy_runs(&l->busy))
        return refuse(T, speaker);
    bool good = find_all(T, speaker, n, names, tensors, &in) && good_shapes(T, speaker, l, &in) &&
                find_batch(T, speaker, l, &in);
    if (good && take)
        take_all(l, &in);
    else if (good && good_order(T, speaker, l, &in))
        make_room(T, speaker, l, &in);
    return T->status;
}

tp_status tp_loader_load_state_dict(tp_tape *T, tp_loader *l, int n, const char *const *names,
                                    tp_tensor *const *tensors)
{
    TP__NAMED(T, "loader_load_state_dict");
    if (l == NULL)
        return tp__missing(T, "loader_load_state_dict", "the loader");
    tp_status status = tp__loader_load(T, "loader_load_state_dict", l, n, names, tensors, false);
    return status == TP_OK ? tp__loader_load(T, "loader_load_state_dict", l, n, names, tensors, true) : status;
}
