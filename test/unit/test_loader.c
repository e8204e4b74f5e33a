/* test_loader.c - datasets, samplers and loaders: orders that are PyTorch's, the same batches from any number of workers, and
 * what may happen in the middle of an epoch. */
#define _GNU_SOURCE
#include "support/alloc.h"
#include "support/support.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ck_values of what is made once, exactly */
/* clang-format off */
#define ck_is(x, ...) do { tp_tensor *made_ = (x); ck_values(made_, 0, __VA_ARGS__); } while (0)
/* clang-format on */

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void)
{
    ck_no_error(T);
    tp_tape_free(T);
}

/* ---- orders: torch's own, of torch.manual_seed(7) -------------------------------------------------------------------- */

/* What the generator gives next, as a float32 */
static void ck_next(double want)
{
    tp_tensor *x = tp_rand(T, TP_F32, tp_shape(1));
    ck_values(x, 1e-9, want);
}

/* What it draws, after manual_seed(7); frees it. */
static tp_tensor *drawn(tp_data_sampler *s)
{
    tp_manual_seed(T, 7);
    tp_tensor *order = tp_sampler_draw(T, s, NULL);
    ck_no_error(T);
    ck_assert(tp_size(order, 0) == tp_sampler_length(s));
    tp_sampler_free(s);
    return order;
}

START_TEST(samplers)
{
    const int64_t primes[] = {2, 3, 5, 7, 11, 13};
    const double weights[] = {0.1, 0.9, 0.4, 0.7, 3.0, 0.6};
    tp_tensor *w = tp_from(T, TP_F64, tp_shape(6), weights);
    ck_is(drawn(tp_sequential_sampler(T, 4)), 0, 1, 2, 3);
    ck_values(drawn(tp_random_sampler(T, 10, &(tp_random_sampler_options){.replacement = true, .num_samples = 40})), 0,
              3, 5, 7, 1, 0, 2, 3, 6, 1, 1, 6, 6, 0, 6, 0, 7, 4, 8, 6, 8, 0, 2, 4, 9, 6, 0, 4, 4, 1, 2, 7, 8, 8, 8, 1,
              5, 8, 1, 9, 3);
    ck_next(0.6592116951942444);
    ck_is(drawn(tp_random_sampler(T, 5, &(tp_random_sampler_options){.num_samples = 13})), 3, 4, 0, 1, 2, 0, 3, 2, 1, 4,
          1, 4, 0);
    ck_next(0.6592116951942444);
    ck_is(drawn(tp_weighted_random_sampler(T, w, 8, true)), 3, 3, 4, 4, 5, 4, 3, 4);
    ck_next(0.720380425453186);
    ck_is(drawn(tp_weighted_random_sampler(T, w, 4, false)), 1, 4, 3, 5);
    ck_next(0.28683900833129883);
    ck_is(drawn(tp_subset_random_sampler(T, 6, primes)), 7, 2, 3, 13, 5, 11);
    ck_next(0.4250614047050476);
}
END_TEST

/* RandomSampler(..., generator=torch.Generator().manual_seed(3)) */
START_TEST(samplers_with_a_generator)
{
    tp_tape *G = tp_tape_new();
    tp_random_sampler_options o = {.generator = G};
    tp_manual_seed(G, 3);
    ck_is(drawn(tp_random_sampler(T, 6, &o)), 4, 0, 3, 2, 1, 5);
    ck_is(tp_rand(G, TP_F32, tp_shape(1)), 0.45103132724761963);
    o.replacement = true;
    o.num_samples = 5;
    tp_manual_seed(G, 3);
    ck_is(drawn(tp_random_sampler(T, 6, &o)), 4, 2, 1, 3, 4);
    ck_is(tp_rand(G, TP_F32, tp_shape(1)), 0.06011629104614258);
    tp_tape_free(G);
}
END_TEST

/* DistributedSampler(10, 3, rank, shuffle, seed=5, drop_last), set_epoch(2) */
START_TEST(distributed_samplers)
{
    static const double want[2][2][3][4] = {
        {{{5, 4, 9, 2}, {0, 1, 6, 5}, {3, 7, 8, 0}}, {{5, 4, 9}, {0, 1, 6}, {3, 7, 8}}},
        {{{0, 3, 6, 9}, {1, 4, 7, 0}, {2, 5, 8, 1}}, {{0, 3, 6}, {1, 4, 7}, {2, 5, 8}}}};
    for (int k = 0; k < 12; k++) {
        tp_distributed_sampler_options o = {
            .world_size = 3, .rank = k % 3, .drop_last = k / 3 % 2, .no_shuffle = k / 6, .seed = 5};
        tp_data_sampler *s = tp_distributed_sampler(T, 10, &o);
        tp_sampler_set_epoch(s, 2);
        tp_tensor *order = drawn(s);
        ck_assert_int_eq(tp_numel(order), o.drop_last ? 3 : 4);
        for (int64_t i = 0; i < tp_numel(order); i++)
            ck_assert(tp_item_at(order, i) == want[o.no_shuffle][o.drop_last][o.rank][i]);
    }
    ck_is(drawn(tp_distributed_sampler(T, 2, &(tp_distributed_sampler_options){.world_size = 5, .rank = 4, .seed = 5})),
          1);
    ck_next(0.5349225401878357); /* nothing was drawn from the tape's */
}
END_TEST

static tp_dataset *numbers(int64_t n)
{
    tp_tensor *x = tp_arange(T, TP_I64, 0, (double)n, 1);
    return tp_tensor_dataset(T, 1, &x);
}

/* All samples of a dataset of numbers; frees it. */
static tp_tensor *all_of(tp_dataset *d)
{
    int64_t n = tp_dataset_length(d);
    tp_tensor *all = tp_zeros(T, TP_I64, tp_shape(n)), *x;
    for (int64_t i = 0; i < n; i++) {
        ck_assert_int_eq(tp_dataset_get(T, d, i, &x), TP_OK);
        ((int64_t *)tp_data(all))[i] = (int64_t)tp_item(x);
    }
    tp_dataset_free(d);
    return all;
}

START_TEST(random_parts)
{
    tp_dataset *d = numbers(10), *e = numbers(11), *part[3];
    tp_manual_seed(T, 7);
    ck_assert_int_eq(tp_random_split(T, d, 2, (const int64_t[]){3, 7}, part), TP_OK);
    ck_is(all_of(part[0]), 5, 0, 3);
    ck_is(all_of(part[1]), 4, 1, 7, 9, 6, 8, 2);
    ck_next(0.8512683510780334);
    tp_manual_seed(T, 7);
    ck_assert_int_eq(tp_random_split_fractions(T, d, 3, (const double[]){0.3, 0.3, 0.4}, part), TP_OK);
    ck_is(all_of(part[0]), 5, 0, 3);
    ck_is(all_of(part[1]), 4, 1, 7);
    ck_is(all_of(part[2]), 9, 6, 8, 2);
    tp_manual_seed(T, 7);
    ck_assert_int_eq(tp_random_split_fractions(T, e, 3, (const double[]){0.5, 0.25, 0.25}, part), TP_OK);
    ck_is(all_of(part[0]), 3, 0, 9, 2, 5, 8);
    ck_is(all_of(part[1]), 4, 10, 1);
    ck_is(all_of(part[2]), 7, 6);
    ck_assert_int_eq(tp_random_split(T, d, 2, (const int64_t[]){3, 8}, part), TP_EINVAL);
    ck_error(T, TP_EINVAL, "11 samples in all; 10 are needed");
    ck_assert(part[0] == NULL && part[1] == NULL);
    ck_assert_int_eq(tp_random_split_fractions(T, d, 2, (const double[]){0.5, 0.4}, part), TP_EINVAL);
    ck_error(T, TP_EINVAL, "add up to 0.9");
    ck_assert_int_eq(tp_random_split_fractions(T, d, 2, (const double[]){1.5, -0.5}, part), TP_EINVAL);
    ck_error(T, TP_EINVAL, "fraction 0 is 1.5");
    tp_dataset_free(d);
    tp_dataset_free(e);
}
END_TEST

/* An epoch of a loader of numbers: the batches one after the other, -1 after each. */
static tp_tensor *epoch_of(tp_loader *l)
{
    tp_tensor *all = tp_zeros(T, TP_I64, tp_shape(64)), *b;
    int64_t *to = tp_data(all), n = 0;
    ck_assert_int_eq(tp_loader_start(T, l), TP_OK);
    while (tp_loader_next(T, l, &b)) {
        for (int64_t i = 0; i < tp_numel(b); i++)
            to[n++] = (int64_t)tp_item_at(b, i);
        to[n++] = -1;
    }
    ck_no_error(T);
    return tp_narrow(T, all, 0, 0, n);
}

START_TEST(loader_orders)
{
    static const int64_t ten[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const double weights[] = {0.1, 0.9, 0.4, 0.7, 3.0, 0.6};
    tp_dataset *d = numbers(10), *six = numbers(6);
    tp_loader *l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4, .shuffle = true, .num_workers = _i});
    tp_manual_seed(T, 7);
    ck_is(epoch_of(l), 3, 2, 7, 8, -1, 6, 1, 5, 9, -1, 0, 4, -1);
    ck_is(epoch_of(l), 1, 3, 5, 2, -1, 8, 9, 6, 7, -1, 4, 0, -1);
    ck_next(0.36531615257263184);
    tp_loader_free(l);

    l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4, .num_workers = _i}); /* torch's draws here, too */
    tp_manual_seed(T, 7);
    ck_is(epoch_of(l), 0, 1, 2, 3, -1, 4, 5, 6, 7, -1, 8, 9, -1);
    ck_next(0.6592116951942444);
    tp_loader_free(l);

    tp_data_sampler *s = tp_subset_random_sampler(T, 10, ten);
    l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4, .sampler = s, .drop_last = true, .num_workers = _i});
    tp_sampler_free(s);
    tp_manual_seed(T, 7);
    ck_is(epoch_of(l), 1, 3, 5, 7, -1, 9, 4, 6, 2, -1);
    ck_next(0.5509352087974548);
    tp_loader_free(l);

    s = tp_weighted_random_sampler(T, tp_from(T, TP_F64, tp_shape(6), weights), 8, true);
    l = tp_loader_of(T, six, &(tp_loader_options){.batch_size = 3, .sampler = s, .num_workers = _i});
    tp_manual_seed(T, 7);
    ck_is(epoch_of(l), 3, 4, 4, -1, 5, 4, 3, -1, 4, 4, -1);
    ck_next(0.9699196219444275);
    tp_loader_free(l);
    tp_sampler_free(s);

    tp_data_sampler *r = tp_random_sampler(T, 10, NULL);
    s = tp_batch_sampler(T, r, 3, true);
    tp_sampler_free(r);
    l = tp_loader_of(T, d, &(tp_loader_options){.sampler = s, .num_workers = _i});
    ck_assert(tp_sampler_length(s) == 3 && tp_loader_length(l) == 3);
    tp_manual_seed(T, 7);
    ck_is(epoch_of(l), 3, 2, 7, -1, 8, 6, 1, -1, 5, 9, 0, -1);
    ck_next(0.23276156187057495);
    tp_loader_free(l);
    tp_sampler_free(s);

    tp_tape *G = tp_tape_new(); /* DataLoader(shuffle=True, generator=torch.Generator().manual_seed(3)) */
    tp_tensor *b;
    s = tp_random_sampler(T, 6, &(tp_random_sampler_options){.generator = G});
    l = tp_loader_of(T, six, &(tp_loader_options){.batch_size = 6, .sampler = s, .num_workers = _i});
    tp_manual_seed(G, 3);
    ck_assert(tp_loader_start(G, l) == TP_OK && tp_loader_next(T, l, &b));
    ck_values(b, 0, 1, 3, 2, 0, 4, 5);
    ck_assert(tp_loader_start(G, l) == TP_OK && tp_loader_next(T, l, &b));
    ck_values(b, 0, 0, 5, 1, 3, 4, 2);
    ck_is(tp_rand(G, TP_F32, tp_shape(1)), 0.1808772087097168);
    tp_loader_free(l);
    tp_sampler_free(s);
    tp_dataset_free(d);
    tp_dataset_free(six);
    tp_tape_free(G);
}
END_TEST

/* ---- samplers of one's own, and what does not fit -------------------------------------------------------------------- */

static tp_tensor *backwards(tp_tape *t, void *user, tp_tensor **ends)
{
    static const int64_t order[] = {-1, 5, 4, 3, 2, 1, 0}, at[] = {1, 3, 6};
    if (*(int *)user == 1)
        *ends = tp_from(t, TP_I64, tp_shape(3), at);
    if (*(int *)user == 2)
        *ends = tp_from(t, TP_I64, tp_shape(3), order);
    if (*(int *)user == 3)
        return NULL;
    return *(int *)user == 4 ? tp_ones(t, TP_F32, tp_shape(7)) : tp_from(t, TP_I64, tp_shape(7), order);
}

START_TEST(own_samplers)
{
    int how = 0;
    tp_dataset *d = numbers(7);
    tp_data_sampler *s = tp_sampler_new(T, 7, false, backwards, &how),
                    *batches = tp_sampler_new(T, 3, true, backwards, &how);
    tp_loader *l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 5, .sampler = s, .num_workers = _i}), *m;
    ck_assert_int_eq(tp_loader_length(l), 2);
    ck_is(epoch_of(l), 6, 5, 4, 3, 2, -1, 1, 0, -1);
    how = 1;
    ck_assert_int_eq(tp_loader_start(T, l), TP_EINVAL);
    ck_error(T, TP_EINVAL, "gave ends");
    m = tp_loader_of(T, d, &(tp_loader_options){.sampler = batches, .num_workers = _i});
    ck_assert_int_eq(tp_loader_length(m), 3);
    ck_is(epoch_of(m), 6, -1, 5, 4, -1, 3, 2, 1, -1);
    how = 2;
    ck_assert_int_eq(tp_loader_start(T, m), TP_EINVAL);
    ck_error(T, TP_EINVAL, "batch 0 ends at -1");
    how = 3;
    ck_assert_int_eq(tp_loader_start(T, m), TP_EUSER);
    ck_error(T, TP_EUSER, "gave no order");
    how = 4;
    ck_assert_int_eq(tp_loader_start(T, m), TP_EINVAL);
    ck_error(T, TP_EINVAL, "[7] of float32");
    ck_assert_ptr_null(tp_batch_sampler(T, batches, 2, false));
    ck_error(T, TP_EINVAL, "makes batches");
    ck_assert_ptr_null(tp_loader_of(T, d, &(tp_loader_options){.sampler = batches, .batch_size = 2}));
    ck_error(T, TP_EINVAL, "one of them is needed");
    ck_assert_ptr_null(tp_loader_of(T, d, &(tp_loader_options){.sampler = s, .shuffle = true}));
    ck_error(T, TP_EINVAL, "shuffle and a sampler");
    tp_loader_free(l);
    tp_loader_free(m);
    tp_data_sampler *more = tp_sequential_sampler(T, 8);
    l = tp_loader_of(T, d, &(tp_loader_options){.sampler = more});
    ck_assert_int_eq(tp_loader_start(T, l), TP_EINDEX);
    ck_error(T, TP_EINDEX, "the sampler has 8 samples");
    tp_tensor *b;
    ck_assert(!tp_loader_next(T, l, &b) && b == NULL);
    tp_loader_free(l);
    tp_sampler_free(more);
    tp_sampler_free(s);
    tp_sampler_free(batches);
    tp_dataset_free(d);
}
END_TEST

/* ---- datasets --------------------------------------------------------------------------------------------------------- */

START_TEST(nothing_is_copied)
{
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F32, 0, 24, 1), tp_shape(4, 6)), *t = tp_transpose(T, x, 0, 1),
              *row[2];
    tp_tensor *wide = tp_expand(T, tp_arange(T, TP_U8, 0, 6, 1), tp_shape(6, 6));
    tp_dataset *d = tp_tensor_dataset(T, 2, (tp_tensor *[]){t, wide});
    ck_assert_int_eq(tp_dataset_get(T, d, -1, row), TP_OK);
    ck_assert_ptr_eq(tp_data(row[0]), (char *)tp_data(x) + 5 * sizeof(float));
    ck_values(row[0], 0, 5, 11, 17, 23);
    ck_assert_ptr_eq(tp_data(row[1]), tp_data(wide));
    tp_loader *l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4});
    tp_loader_start(T, l);
    ck_assert(tp_loader_next(T, l, row));
    ck_assert(tensors_identical(row[0], tp_contiguous(T, tp_narrow(T, t, 0, 0, 4))));
    ck_assert(tensors_identical(row[1], tp_contiguous(T, tp_narrow(T, wide, 0, 0, 4))));
    ck_assert(tp_loader_next(T, l, row));
    ck_values(row[0], 0, 4, 10, 16, 22, 5, 11, 17, 23);
    tp_loader_free(l);
    ck_assert_int_eq(tp_dataset_get(T, d, 6, row), TP_EINDEX);
    ck_error(T, TP_EINDEX, "sample 6 of 6; one from -6 to 5");
    ck_assert(row[0] == NULL && row[1] == NULL);
    tp_dataset_free(d);
}
END_TEST

/* Rows of a file that is mapped are those of one that is read. */
START_TEST(mapped_rows)
{
    char path[64];
    tp_tensor *x = tp_rand(T, TP_F32, tp_shape(50, 7));
    snprintf(path, sizeof path, "/tmp/tapir_loader_%ld_%d.npy", (long)getpid(), _i);
    ck_assert_int_eq(tp_npy_save(T, path, x), TP_OK);
    tp_tensor *mapped = tp_from_file(T, path, NULL), *b, *c;
    tp_loader_options o = {.batch_size = 8, .shuffle = true, .num_workers = _i};
    tp_loader *l = tp_loader_new(T, 1, &x, &o), *m = tp_loader_new(T, 1, &mapped, &o);
    unlink(path);
    tp_manual_seed(T, 1);
    tp_loader_start(T, l);
    tp_manual_seed(T, 1);
    tp_loader_start(T, m);
    tp_tape_reset(T); /* the loader holds it */
    for (int i = 0; i < 7; i++)
        ck_assert(tp_loader_next(T, l, &b) && tp_loader_next(T, m, &c) && tensors_identical(b, c));
    tp_loader_free(l);
    tp_loader_free(m);
}
END_TEST

/* Rows of nothing, no rows, more to a batch than there are */
START_TEST(empty_ones)
{
    tp_tensor *x[2] = {tp_zeros(T, TP_F64, tp_shape(3, 0)), tp_arange(T, TP_I64, 0, 3, 1)}, *b[2];
    tp_loader *l = tp_loader_new(T, 2, x, &(tp_loader_options){.batch_size = 5, .num_workers = _i});
    tp_loader_start(T, l);
    ck_assert(tp_loader_next(T, l, b));
    ck_assert(tp_size(b[0], 0) == 3 && tp_numel(b[0]) == 0 && tp_numel(b[1]) == 3);
    ck_assert(!tp_loader_next(T, l, b));
    tp_loader_free(l);
    x[0] = tp_zeros(T, TP_F64, tp_shape(0, 4));
    l = tp_loader_new(T, 1, x, &(tp_loader_options){.shuffle = true, .num_workers = _i});
    ck_assert_int_eq(tp_loader_length(l), 0);
    tp_loader_start(T, l);
    ck_assert(!tp_loader_next(T, l, b));
    tp_loader_free(l);
    l = tp_loader_new(T, 1, &x[1], &(tp_loader_options){.batch_size = 5, .drop_last = true, .num_workers = _i});
    tp_loader_start(T, l);
    ck_assert(tp_loader_length(l) == 0 && !tp_loader_next(T, l, b));
    tp_loader_free(l);
}
END_TEST

/* index, then `index` numbers drawn from the tape's generator: samples of different lengths, to be stopped, counted, jumped
 * out of */
typedef struct {
    atomic_int calls, freed, fails; /* how often, of index 13 */
    int what;                       /* goes wrong at index 13 */
    bool ragged;
    tp_loader *loader;
    jmp_buf *out;
} source;
enum { NOTHING, FAILS, SAYS, LEAVES_NULL, OTHER_SHAPE, JUMPS, FREES, STARTS, NEXT, MASKED };

static tp_status get(tp_tape *t, void *user, int64_t index, tp_tensor **sample)
{
    source *s = user;
    tp_tensor *b[2];
    sigset_t mask;
    s->calls++;
    sample[0] = tp_add_scalar(t, tp_rand(t, TP_F32, tp_shape(s->ragged ? index % 4 + 1 : 3)), (double)index);
    sample[1] = tp_scalar(t, TP_I64, (double)index);
    if (index != 13 || s->fails == 0)
        return TP_OK;
    s->fails--;
    switch (s->what) {
    case FAILS:
        return TP_EIO;
    case SAYS:
        return tp_fail(t, TP_EUSER, "picture 13 is missing");
    case LEAVES_NULL:
        sample[1] = NULL;
        break;
    case OTHER_SHAPE:
        sample[0] = tp_ones(t, TP_F32, tp_shape(4));
        break;
    case JUMPS:
        longjmp(*s->out, 1);
    case FREES:
        tp_loader_free(s->loader);
        break;
    case STARTS:
        return tp_loader_start(t, s->loader);
    case NEXT:
        return tp_loader_next(t, s->loader, b) ? TP_OK : TP_EINVAL;
    case MASKED:
        pthread_sigmask(SIG_SETMASK, NULL, &mask);
        if (!sigismember(&mask, SIGINT) || !sigismember(&mask, SIGALRM) || sigismember(&mask, SIGSEGV))
            return tp_fail(t, TP_EUSER, "signals are not blocked");
        break;
    default:
        break;
    }
    return TP_OK;
}

static void count_free(void *user) { ((source *)user)->freed++; }

static tp_dataset *made_by(source *s, int64_t n)
{
    return tp_dataset_new(T, n, 2, get, s, &(tp_dataset_options){.free_user = count_free});
}

START_TEST(selections)
{
    source s = {0};
    tp_dataset *a = numbers(5), *b = numbers(3), *none = numbers(0), *c = made_by(&s, 20), *d, *e, *f;
    d = tp_concat_dataset(T, 4, (tp_dataset *[]){none, a, none, b});
    ck_assert_int_eq(tp_dataset_length(d), 8);
    e = tp_subset(T, d, 5, (const int64_t[]){7, -8, 4, 5, 5});
    f = tp_concat_dataset(T, 2, (tp_dataset *[]){e, a});
    tp_dataset_free(a);
    tp_dataset_free(b);
    tp_dataset_free(none);
    tp_dataset_free(d);
    tp_dataset_free(e);
    tp_loader *l = tp_loader_of(T, f, &(tp_loader_options){.batch_size = 6, .num_workers = _i});
    ck_is(epoch_of(l), 2, 0, 4, 0, 0, 0, -1, 1, 2, 3, 4, -1);
    ck_is(all_of(f), 2, 0, 4, 0, 0, 0, 1, 2, 3, 4);
    ck_is(epoch_of(l), 2, 0, 4, 0, 0, 0, -1, 1, 2, 3, 4, -1); /* the loader holds it */
    tp_loader_free(l);
    a = numbers(5);
    ck_assert_ptr_null(tp_concat_dataset(T, 2, (tp_dataset *[]){a, c}));
    ck_error(T, TP_EINVAL, "as many are needed");
    ck_assert_ptr_null(tp_subset(T, a, 1, (const int64_t[]){5}));
    ck_error(T, TP_EINDEX, "sample 5 of 5");
    for (int i = 0; i < 1000 && a; i++) {
        b = tp_subset(T, a, 5, (const int64_t[]){0, 1, 2, 3, 4});
        tp_dataset_free(a);
        a = b;
    }
    ck_error(T, TP_EINVAL, "levels");
    d = tp_subset(T, c, 2, (const int64_t[]){4, 13});
    tp_dataset_free(c);
    ck_assert_int_eq(s.freed, 0);
    tp_dataset_free(d);
    ck_assert_int_eq(s.freed, 1);
}
END_TEST

/* ---- any number of workers -------------------------------------------------------------------------------------------- */

/* A number of all the bits of the batches that come till the end, or till there are no more than `most`. */
static uint64_t bits_of_batches(tp_tape *t, tp_loader *l, int most)
{
    tp_tensor *b[2];
    uint64_t sum = 1469598103934665603u;
    for (int i = 0; i < most && tp_loader_next(t, l, b); i++) {
        for (int k = 0; k < tp_loader_width(l); k++)
            for (int64_t j = 0; j < tp_numel(b[k]) * (int64_t)tp_dtype_size(tp_dtype_of(b[k])); j++)
                sum = (sum ^ ((uint8_t *)tp_data(b[k]))[j]) * 1099511628211u;
        if (i % 3 == 2)
            tp_tape_reset(t);
    }
    return sum;
}

/* Rows as long as the longest, filled up with zeros; one owned tensor */
static tp_status pad_rows(tp_tape *t, void *user, int64_t n, int width, tp_tensor *const *samples, tp_tensor **batch)
{
    int64_t most = 0;
    ck_assert(width == 2 && user == NULL);
    for (int64_t i = 0; i < n; i++)
        most = tp_numel(samples[2 * i]) > most ? tp_numel(samples[2 * i]) : most;
    batch[0] = tp_zeros(t, TP_F32, tp_shape(n, most));
    for (int64_t i = 0; i < n; i++)
        tp_copy_into(t, tp_narrow(t, tp_select(t, batch[0], 0, i), 0, 0, tp_numel(samples[2 * i])), samples[2 * i]);
    static _Thread_local tp_tensor *label;
    tp_free(label);
    label = tp_keep(tp_full(t, TP_I64, tp_shape(1), tp_item(samples[1])));
    batch[1] = label;
    return TP_OK;
}

static tp_loader *some_loader(source *s, int kind, int workers)
{
    tp_loader_options o = {
        .batch_size = 4, .shuffle = true, .num_workers = workers, .prefetch_factor = kind == 1 ? 1 : 0};
    s->ragged = kind == 2;
    if (kind == 2)
        o.collate = pad_rows;
    if (kind > 0) {
        tp_dataset *d = made_by(s, 30);
        tp_loader *l = tp_loader_of(T, d, &o);
        tp_dataset_free(d);
        return l;
    }
    tp_tensor *x[2] = {tp_arange(T, TP_F32, 0, 30, 1), tp_reshape(T, tp_arange(T, TP_U8, 0, 210, 1), tp_shape(30, 7))};
    return tp_loader_new(T, 2, x, &o);
}

START_TEST(same_bits)
{
    uint64_t want[3];
    for (int workers = 0; workers <= 4; workers++) {
        source s = {0};
        tp_loader *l = some_loader(&s, _i, workers);
        ck_assert(tp_loader_length(l) == 8 && tp_loader_width(l) == 2);
        tp_manual_seed(T, 1);
        for (int epoch = 0; epoch < 3; epoch++) {
            ck_assert_int_eq(tp_loader_start(T, l), TP_OK);
            uint64_t bits = bits_of_batches(T, l, 100);
            ck_no_error(T);
            if (workers == 0)
                want[epoch] = bits;
            ck_assert(bits == want[epoch]);
            if (epoch == 1) /* the workers have gone */
                nanosleep(&(struct timespec){0, workers == 2 ? 250000000 : 0}, NULL);
        }
        ck_assert(want[0] != want[1] && want[1] != want[2]);
        tp_loader_free(l);
    }
}
END_TEST

/* Begun anew, loaded, or freed, after any number of batches */
START_TEST(cancelled)
{
    uint64_t want = 0;
    for (int after = 0; after <= 9; after++)
        for (int workers = 0; workers <= 4; workers += 2) {
            source s = {0};
            tp_loader *l = some_loader(&s, _i, workers);
            tp_loader_start(T, l);
            (void)bits_of_batches(T, l, after);
            tp_manual_seed(T, 1);
            tp_loader_start(T, l);
            uint64_t bits = bits_of_batches(T, l, 100);
            want = want ? want : bits;
            ck_assert(bits == want);
            tp_loader_start(T, l);
            (void)bits_of_batches(T, l, after);
            tp_loader_free(l);
            ck_assert_int_eq(s.freed, _i > 0);
        }
}
END_TEST

START_TEST(errors_come_in_their_turn)
{
    static const struct {
        int what;
        tp_status status;
        const char *part;
    } wrong[] = {{FAILS, TP_EIO, "sample 13"},
                 {SAYS, TP_EUSER, "picture 13 is missing"},
                 {LEAVES_NULL, TP_EINVAL, "tensor 1 of sample 13 is NULL"},
                 {OTHER_SHAPE, TP_ESHAPE, "float32 [4], of the batch's first one float32 [3]"}};
    for (size_t k = 0; k < LENGTH(wrong); k++) {
        source s = {.what = wrong[k].what, .fails = 2};
        tp_dataset *d = made_by(&s, 30);
        tp_loader *l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4, .num_workers = _i});
        tp_tensor *b[2];
        tp_loader_start(T, l);
        for (int i = 0; i < 8; i++) {
            for (int failures = i == 3 ? 2 : 0; failures > 0; failures--) { /* once a worker's, then the caller's */
                ck_assert(!tp_loader_next(T, l, b) && b[0] == NULL && b[1] == NULL);
                ck_error(T, wrong[k].status, wrong[k].part);
            }
            ck_assert(tp_loader_next(T, l, b));
            ck_assert(tp_item_at(b[1], 0) == 4 * i && tp_numel(b[1]) == (i == 7 ? 2 : 4));
        }
        ck_assert(!tp_loader_next(T, l, b));
        ck_no_error(T);
        tp_loader_free(l);
        tp_dataset_free(d);
    }
}
END_TEST

START_TEST(within_its_own_functions)
{
    for (volatile int what = JUMPS; what <= NEXT; what++) {
        source s = {.what = what, .fails = 1};
        jmp_buf out;
        tp_dataset *d = made_by(&s, 30);
        if (what == JUMPS && _i > 0) /* out of the one thread into the other */
            s.what = NOTHING;
        tp_loader *volatile l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 15, .num_workers = _i});
        tp_tensor *b[2];
        s.loader = l;
        s.out = &out;
        tp_loader_start(T, l);
        while (_i > 0 && s.calls == 0) /* the first batch is a worker's */
            nanosleep(&(struct timespec){0, 100000}, NULL);
        if (setjmp(out) == 0)
            ck_assert(tp_loader_next(T, l, b) == (what < STARTS));
        if (what == FREES && _i == 0) { /* with that batch it has gone */
            ck_assert_int_eq(tp_numel(b[1]), 15);
            l = NULL;
        }
        if (what >= STARTS)
            ck_error(T, TP_EINVAL, "within one of the loader's own functions");
        if (what >= STARTS || (what == JUMPS && _i == 0))
            ck_assert(tp_loader_next(T, l, b) && tp_item_at(b[1], 0) == 0);
        ck_assert(l == NULL || (tp_loader_next(T, l, b) && tp_item_at(b[1], 0) == 15));
        tp_loader_free(l);
        tp_dataset_free(d);
        ck_assert_int_eq(s.freed, 1);
    }
}
END_TEST

/* Workers leave the host's signals to it. */
START_TEST(signals_are_the_hosts)
{
    sigset_t before, after;
    source s = {.what = MASKED, .fails = 1000};
    tp_dataset *d = made_by(&s, 30), *e = tp_subset(T, d, 4, (const int64_t[]){0, 0, 0, 13});
    tp_loader *l = tp_loader_of(T, e, &(tp_loader_options){.num_workers = 1, .prefetch_factor = 4});
    tp_tensor *b[2];
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    for (int tries = 0; tries < 20; tries++) {
        s.calls = 0;
        tp_loader_start(T, l);
        while (s.calls < 4) /* else the caller would make some, whose signals are not blocked */
            nanosleep(&(struct timespec){0, 100000}, NULL);
        for (int i = 0; i < 4; i++)
            ck_assert(tp_loader_next(T, l, b));
        ck_no_error(T);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    ck_assert(sigismember(&before, SIGINT) == sigismember(&after, SIGINT));
    tp_loader_free(l);
    tp_dataset_free(d);
    tp_dataset_free(e);
}
END_TEST

/* A batch outlives its loader, its dataset, and kept, its tape. */
START_TEST(lives)
{
    source s = {0};
    tp_dataset *d = made_by(&s, 8);
    tp_loader *l = tp_loader_of(T, d, &(tp_loader_options){.batch_size = 4, .num_workers = _i});
    tp_tape *t = tp_tape_new();
    tp_tensor *b[2];
    tp_dataset_free(d);
    tp_loader_start(T, l);
    ck_assert(tp_loader_next(t, l, b));
    tp_tensor *kept = tp_keep(b[1]);
    ck_assert(tp_loader_next(t, l, b));
    tp_loader_free(l);
    ck_assert_int_eq(s.freed, 1);
    ck_values(b[1], 0, 4, 5, 6, 7);
    tp_requires_grad(b[0], true); /* a leaf like any other */
    ck_assert_int_eq(tp_backward(t, tp_sum(t, tp_square(t, b[0]))), TP_OK);
    tp_fill_(t, b[1], 3);
    ck_no_error(t);
    tp_tape_free(t);
    ck_values(kept, 0, 0, 1, 2, 3);
    tp_free(kept);
}
END_TEST

/* ---- state ------------------------------------------------------------------------------------------------------------ */

/* Goes on from any place with another number of workers, with the same draws. */
START_TEST(goes_on)
{
    for (int after = 0; after <= 8; after++) {
        source s = {0};
        tp_loader *l = some_loader(&s, _i, after % 3), *m = some_loader(&s, _i, (after + 1) % 3);
        tp_loader_start(T, l);
        (void)bits_of_batches(T, l, after);
        tp_state_dict *d = tp_loader_state_dict(T, l);
        ck_assert_int_eq(d->n, 3);
        ck_assert(tp_item(tp_state_dict_get(d, "at")) == (after < 8 ? 4 * after : 30));
        tp_loader_start(T, m);
        (void)bits_of_batches(T, m, 2);
        ck_assert_int_eq(tp_loader_load_state_dict(T, m, d->n, d->names, d->tensors), TP_OK);
        ck_assert(bits_of_batches(T, l, 100) == bits_of_batches(T, m, 100));
        ck_no_error(T);
        tp_state_dict_free(d);
        tp_loader_free(l);
        tp_loader_free(m);
    }
}
END_TEST

/* Orders with samples twice, ends of batches, and another size of batches than that before */
START_TEST(goes_on_with_samplers)
{
    int how = 1;
    tp_dataset *d = numbers(7);
    tp_tensor *b;
    tp_data_sampler *s[] = {
        tp_random_sampler(T, 7, &(tp_random_sampler_options){.replacement = true, .num_samples = 12}),
        tp_sampler_new(T, 3, true, backwards, &how), tp_random_sampler(T, 7, NULL)};
    for (int k = 0; k < 3; k++) {
        tp_loader_options o = {.sampler = s[k], .batch_size = k == 1 ? 0 : 2, .num_workers = _i};
        tp_loader *l = tp_loader_of(T, d, &o);
        o.batch_size = k == 2 ? 3 : o.batch_size;
        tp_loader *m = tp_loader_of(T, d, &o);
        tp_loader_start(T, l);
        ck_assert(tp_loader_next(T, l, &b) && tp_loader_next(T, l, &b));
        tp_state_dict *state = tp_loader_state_dict(T, l);
        ck_assert_int_eq(state->n, k == 1 ? 4 : 3);
        ck_assert_int_eq(tp_loader_load_state_dict(T, m, state->n, state->names, state->tensors), TP_OK);
        tp_tensor *order = tp_state_dict_get(state, "order");
        int64_t at = (int64_t)tp_item(tp_state_dict_get(state, "at"));
        ck_assert_int_eq(at, k == 1 ? 3 : 4);
        while (tp_loader_next(T, m, &b))
            for (int64_t i = 0; i < tp_numel(b); i++)
                ck_assert(tp_item_at(b, i) == tp_item_at(order, at++));
        ck_assert_int_eq(at, k == 1 ? 6 : tp_numel(order));
        tp_state_dict_free(state);
        tp_loader_free(l);
        tp_loader_free(m);
        tp_sampler_free(s[k]);
    }
    tp_dataset_free(d);
}
END_TEST

/* ---- a process that is the host's ----------------------------------------------------------------------------------------- */

/* The exit status of what a child does within 20 s. */
static int in_child(int (*run)(tp_loader *l), tp_loader *l)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(20);
        _exit(run(l));
    }
    waitpid(child, &status, 0);
    ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

static int rest_of(tp_loader *l)
{
    int rest = (int)(bits_of_batches(T, l, 100) % 251);
    tp_loader_start(T, l);
    (void)bits_of_batches(T, l, 3);
    tp_loader_free(l);
    return rest;
}

/* In the middle of an epoch; the child goes on, so does the parent. */
START_TEST(forks)
{
    for (int after = 0; after <= 8; after++) {
        source s = {0};
        tp_loader *l = some_loader(&s, 1, _i);
        tp_manual_seed(T, 3);
        tp_loader_start(T, l);
        (void)bits_of_batches(T, l, after);
        int child = in_child(rest_of, l);
        ck_assert_int_eq(child, rest_of(l));
    }
}
END_TEST

static int leaves_by_exit(tp_loader *l)
{
    tp_loader_start(T, l);
    (void)bits_of_batches(T, l, 2);
    exit(7);
}

START_TEST(leaves_in_the_middle)
{
    source s = {0};
    tp_loader *l = some_loader(&s, 1, 2);
    ck_assert_int_eq(in_child(leaves_by_exit, l), 7);
    tp_loader_free(l);
}
END_TEST

/* Where the system has no room for a thread's stack, the caller makes all. */
START_TEST(no_threads)
{
    source s = {0};
    pthread_attr_t before, huge;
    tp_loader *l = some_loader(&s, 1, 0), *m = some_loader(&s, 1, 3);
    pthread_getattr_default_np(&before);
    pthread_attr_init(&huge);
    pthread_attr_setstacksize(&huge, (size_t)1 << 46);
    ck_assert_int_eq(pthread_setattr_default_np(&huge), 0);
    for (int k = 0; k < 2; k++) {
        tp_manual_seed(T, 3);
        tp_loader_start(T, l);
        tp_manual_seed(T, 3);
        tp_loader_start(T, m);
        ck_assert(bits_of_batches(T, l, 100) == bits_of_batches(T, m, 100));
        ck_no_error(T);
        pthread_setattr_default_np(&before);
    }
    pthread_attr_destroy(&before);
    pthread_attr_destroy(&huge);
    tp_loader_free(l);
    tp_loader_free(m);
}
END_TEST

/* Any allocation fails, one or all from there on: the loader says so, and once there is memory goes on where it was. */
static bool survives(int kind, int workers, long n, bool alone, uint64_t want)
{
    source s = {0};
    uint64_t bits = 0;
    tp_tensor *b[2];
    tp_manual_seed(T, 3);
    (alone ? alloc_fail_at : alloc_fail_from)(n);
    tp_loader *l = some_loader(&s, kind, workers);
    if (l)
        tp_loader_start(T, l);
    tp_state_dict *d = l ? tp_loader_state_dict(T, l) : NULL;
    if (d)
        bits = bits_of_batches(T, l, 100);
    tp_status status = tp_error_status(T);
    bool reached = alloc_requests() >= n;
    alloc_fail_at(0);
    tp_clear_error(T);
    ck_assert_msg(status == TP_ENOMEM || (status == TP_OK && bits == want), "request %ld: %s", n,
                  tp_status_name(status));
    int left = 8, failures = 0;
    while (status == TP_ENOMEM && d && left > 0 && failures <= 4) /* workers have met it in some that were ahead */
        if (tp_loader_next(T, l, b))
            tp_tape_reset(T);
        else if (tp_error(T) && ++failures)
            tp_clear_error(T);
        else
            left = 0;
    ck_no_error(T);
    ck_assert(failures <= (workers ? 4 : 0));
    tp_state_dict_free(d);
    tp_loader_free(l);
    tp_tape_reset(T);
    return reached;
}

START_TEST(memory_fails)
{
    for (int workers = 0; workers <= 2; workers += 2) {
        source s = {0};
        tp_manual_seed(T, 3);
        tp_loader *l = some_loader(&s, _i, workers);
        tp_loader_start(T, l);
        uint64_t want = bits_of_batches(T, l, 100);
        tp_loader_free(l);
        tp_tape_reset(T);
        long long live = alloc_live();
        bool more = true;
        for (long n = 1; more || n < 60; n++) {
            more = survives(_i, workers, n, true, want);
            more |= survives(_i, workers, n, false, want);
        }
        ck_assert(_i == 2 || alloc_live() - live < 200); /* the tape's own rooms, no more */
    }
}
END_TEST

/* Buffers are used again: a warm epoch asks the system for nothing. */
START_TEST(warm_epochs_allocate_nothing)
{
    source s = {0};
    tp_loader *l = some_loader(&s, _i, 0);
    tp_tensor *b[2];
    for (int epoch = 0; epoch < 4; epoch++) {
        alloc_fail_at(0);
        tp_loader_start(T, l);
        while (tp_loader_next(T, l, b))
            tp_tape_reset(T);
        ck_assert(epoch < 2 || alloc_requests() == 0);
    }
    tp_loader_free(l);
    l = some_loader(&s, _i, 2); /* with workers: no more than so much */
    long long live = 0;
    for (int epoch = 0; epoch < 60; epoch++) {
        tp_loader_start(T, l);
        while (tp_loader_next(T, l, b))
            tp_tape_reset(T);
        if (epoch == 20)
            live = alloc_live();
    }
    ck_assert(alloc_live() - live < 64);
    tp_loader_free(l);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("loader");
    TCase *t = tcase_create("orders"), *w = tcase_create("workers"), *p = tcase_create("process");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, samplers);
    tcase_add_test(t, samplers_with_a_generator);
    tcase_add_test(t, distributed_samplers);
    tcase_add_test(t, random_parts);
    tcase_add_loop_test(t, loader_orders, 0, 3);
    tcase_add_loop_test(t, own_samplers, 0, 3);
    tcase_add_test(t, nothing_is_copied);
    tcase_add_loop_test(t, mapped_rows, 0, 2);
    tcase_add_loop_test(t, empty_ones, 0, 2);
    tcase_add_loop_test(t, selections, 0, 3);
    tcase_add_checked_fixture(w, setup, teardown);
    tcase_set_timeout(w, 60);
    tcase_add_loop_test(w, same_bits, 0, 3);
    tcase_add_loop_test(w, cancelled, 0, 3);
    tcase_add_loop_test(w, errors_come_in_their_turn, 0, 4);
    tcase_add_loop_test(w, within_its_own_functions, 0, 3);
    tcase_add_test(w, signals_are_the_hosts);
    tcase_add_loop_test(w, lives, 0, 3);
    tcase_add_loop_test(w, goes_on, 0, 3);
    tcase_add_loop_test(w, goes_on_with_samplers, 0, 3);
    tcase_add_loop_test(w, memory_fails, 0, 2);
    tcase_add_loop_test(w, warm_epochs_allocate_nothing, 0, 2);
    tcase_add_checked_fixture(p, setup, teardown);
    tcase_set_timeout(p, 60);
#if defined(__SANITIZE_ADDRESS__) /* its allocator may be locked by a worker when the process forks, for ever in the child */
    tcase_add_loop_test(p, forks, 0, 1);
#else
    tcase_add_loop_test(p, forks, 0, 3);
#endif
    tcase_add_test(p, leaves_in_the_middle);
    tcase_add_test(p, no_threads);
    suite_add_tcase(s, t);
    suite_add_tcase(s, w);
    suite_add_tcase(s, p);
    return run_suite(s);
}
