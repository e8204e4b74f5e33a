/* values.h - values of every kind of argument: number 0 is a sensible one, the others are extreme or wrong. */
#ifndef TEST_CALLS_VALUES_H
#define TEST_CALLS_VALUES_H

#include <dirent.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>

typedef struct {
    const char *name;
    int count;
} kind;

/* A kind `k` has count values, which get_k(0 ... count - 1) makes. */
#define KIND(name, count) \
    enum { N_##name = count }; \
    static const kind kind_##name = {#name, count};
#define FROM(name, type, ...) \
    static inline type get_##name(int v) { return (type const[]){__VA_ARGS__}[v]; } \
    KIND(name, (int)(sizeof((type const[]){__VA_ARGS__}) / sizeof(type)))

enum { MANY = 512, ROOM = 65536 };

static tp_tape *T, *failed_tape, *other_tape; /* the call's own, and two others */
static int base;                              /* what the tensors are like */
static const char *directory = "/tmp";
static char scratch[ROOM];

/* ---- what must be freed after the call ------------------------------------------------------------------------------ */

typedef struct {
    void *object;
    void (*give_back)(void *);
} holding;
static holding held[64];
static int n_held;

static inline void *hold(void *object, void (*give_back)(void *))
{
    if (object && n_held < 64)
        held[n_held++] = (holding){object, give_back};
    return object;
}
static inline void free_tensor(void *x) { tp_free(x); }
static inline void free_module(void *x) { tp_module_free(x); }
static inline void free_params(void *x) { tp_params_free(x); }
static inline void free_grads(void *x) { tp_grads_free(x); }
static inline void free_optim(void *x) { tp_optim_free(x); }
static inline void free_loader(void *x) { tp_loader_free(x); }
static inline void free_safetensors(void *x) { tp_safetensors_close(x); }
static inline void free_npz(void *x) { tp_npz_close(x); }
static inline void free_file(void *x) { fclose(x); }

/* ---- tensors -------------------------------------------------------------------------------------------------------- */

static inline tp_tensor *square(tp_tape *tape, tp_dtype dtype)
{
    const double v[9] = {2, 0.5, 0.25, 0.5, 3, 0.125, 0.25, 0.125, 1};
    const double whole[9] = {2, 1, 0, 1, 3, 1, 0, 1, 2};
    bool floats = dtype == TP_F32 || dtype == TP_F64;
    tp_tensor *x = tp_to(tape, tp_from(tape, TP_F64, tp_shape(3, 3), floats ? v : whole), dtype);
    return floats ? tp_requires_grad(tp_detach(tape, x), true) : x;
}

enum { BASES = 15 };
static const char *const base_names[BASES] = {
    "float64 [3, 3]", "float32 [3, 3]", "strided",      "expanded", "empty", "0-d",       "int64 [3, 3]", "bool",
    "float64 [3]",    "[2, 2, 2]",      "uint8 [3, 3]", "int32 []", "owned", "int64 [2]", "[0, 2^62]"};

static inline tp_tensor *tensor_like(int k)
{
    switch (k) {
    case 0:
        return square(T, TP_F64);
    case 1:
        return square(T, TP_F32);
    case 2:
        return tp_slice(T, tp_transpose(T, square(T, TP_F64), 0, 1), 0, 0, 3, 2);
    case 3:
        return tp_expand(T, tp_ones(T, TP_F32, tp_shape(3, 1)), tp_shape(3, 3));
    case 4:
        return tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(0, 3)), true);
    case 5:
        return tp_requires_grad(tp_scalar(T, TP_F64, 0.5), true);
    case 6:
        return square(T, TP_I64);
    case 7:
        return square(T, TP_BOOL);
    case 8:
        return tp_requires_grad(tp_linspace(T, TP_F64, 0.25, 1, 3), true);
    case 9:
        return tp_reshape(T, tp_linspace(T, TP_F64, 0.25, 2, 8), tp_shape(2, 2, 2));
    case 10:
        return square(T, TP_U8);
    case 11:
        return tp_scalar(T, TP_I32, 1);
    case 12:
        return hold(tp_keep(square(T, TP_F32)), free_tensor);
    case 13:
        return tp_arange(T, TP_I64, 0, 2, 1);
    default:
        return tp_zeros(T, TP_F32, tp_shape(0, INT64_C(1) << 62));
    }
}

static inline tp_tensor *odd_tensor(int v)
{
    return v == 0 ? NULL : v == 1 ? tp_ones(other_tape, TP_F64, tp_shape(3, 3)) : tensor_like(v - 2);
}
static inline tp_tensor *get_tensor(int v) { return v == 0 ? tensor_like(base) : odd_tensor(v - 1); }
KIND(tensor, 3 + BASES)
static inline tp_tensor *get_index(int v)
{
    return v == 0   ? tp_zeros(T, TP_I64, tp_shape(2))
           : v == 1 ? tp_full(T, TP_I64, tp_shape(2), -0x1p63)
           : v == 2 ? tp_full(T, TP_I64, tp_shape(2), 0x1.fffffffffffffp62)
           : v == 3 ? tp_full(T, TP_I64, tp_shape(3, 3), 2)
                    : odd_tensor(v - 4);
}
KIND(index, 6 + BASES)
/* Rows of three that are exchanged; some that are not there. */
static inline tp_tensor *get_pivots(int v)
{
    const int32_t rows[][3] = {{2, 3, 3}, {0, 1, 2}, {4, 1, 1}, {INT32_MIN, INT32_MAX, 1}, {-2, -2, 3}};
    return v < 5 ? tp_from(T, TP_I32, tp_shape(3), rows[v]) : odd_tensor(v - 5);
}
KIND(pivots, 7 + BASES)
static inline tp_tensor *get_vector(int v) { return v == 0 ? tensor_like(8) : odd_tensor(v - 1); }
KIND(vector, 3 + BASES)
/* Weights of a GRU's and an LSTM's cell beside [3, 3], and their biases. */
static inline tp_tensor *get_three_gates(int v)
{
    return v == 0 ? tp_ones(T, TP_F64, tp_shape(9, 3)) : odd_tensor(v - 1);
}
KIND(three_gates, 3 + BASES)
static inline tp_tensor *get_four_gates(int v)
{
    return v == 0 ? tp_ones(T, TP_F64, tp_shape(12, 3)) : odd_tensor(v - 1);
}
KIND(four_gates, 3 + BASES)
static inline tp_tensor *get_nine_numbers(int v)
{
    return v == 0 ? tp_ones(T, TP_F64, tp_shape(9)) : odd_tensor(v - 1);
}
KIND(nine_numbers, 3 + BASES)
static inline tp_tensor *get_twelve_numbers(int v)
{
    return v == 0 ? tp_ones(T, TP_F64, tp_shape(12)) : odd_tensor(v - 1);
}
KIND(twelve_numbers, 3 + BASES)
static inline tp_tensor *get_batch(int v) { return v == 0 ? tensor_like(9) : odd_tensor(v - 1); }
KIND(batch, 3 + BASES)
static inline tp_tensor *get_state(int v) { return v == 0 ? tp_get_rng_state(T) : odd_tensor(v - 1); }
KIND(state, 3 + BASES)
static inline tp_tensor *get_labels(int v) { return v == 0 ? tp_zeros(T, TP_I64, tp_shape(3)) : odd_tensor(v - 1); }
KIND(labels, 3 + BASES)
static inline tp_tensor *get_classes(int v)
{
    return v == 0 ? tp_full(T, TP_I64, tp_shape(3, 3), 2) : odd_tensor(v - 1);
}
KIND(classes, 3 + BASES)
static inline tp_tensor *get_single(int v) { return v == 0 ? tp_ones(T, TP_I64, tp_shape(1)) : odd_tensor(v - 1); }
KIND(single, 3 + BASES)
static inline tp_tensor *get_mask(int v) { return v == 0 ? square(T, TP_BOOL) : odd_tensor(v - 1); }
KIND(mask, 3 + BASES)

/* What a convolution takes: [1, 2, 5..], [2, 2, 3..] and [2]. */
static inline tp_tensor *filled(int space, int64_t first, int64_t size)
{
    tp_dims shape = {2 + space, {first, 2, size, size, size}};
    return tp_requires_grad(tp_full(T, TP_F64, shape, 0.5), true);
}
static inline tp_tensor *get_image1(int v) { return v == 0 ? filled(1, 1, 5) : odd_tensor(v - 1); }
KIND(image1, 3 + BASES)
static inline tp_tensor *get_image2(int v) { return v == 0 ? filled(2, 1, 5) : odd_tensor(v - 1); }
KIND(image2, 3 + BASES)
static inline tp_tensor *get_image3(int v) { return v == 0 ? filled(3, 1, 5) : odd_tensor(v - 1); }
KIND(image3, 3 + BASES)
/* A grid for such an image, a map of the plane for an affine one, and columns that are blocks of 3 by 3 of one of 5 by 5. */
static inline tp_tensor *get_grid(int v)
{
    return v == 0 ? tp_rand(T, TP_F64, tp_shape(1, 2, 4, 2)) : odd_tensor(v - 1);
}
KIND(grid, 3 + BASES)
static inline tp_tensor *get_affine(int v)
{
    return v == 0 ? tp_rand(T, TP_F32, tp_shape(1, 2, 3)) : odd_tensor(v - 1);
}
KIND(affine, 3 + BASES)
static inline tp_tensor *get_columns(int v)
{
    return v == 0 ? tp_rand(T, TP_F32, tp_shape(2, 9, 9)) : odd_tensor(v - 1);
}
KIND(columns, 3 + BASES)
/* Indices for such an image. */
static inline tp_tensor *mapped(int space) { return tp_to(T, filled(space, 1, 5), TP_I64); }
static inline tp_tensor *get_map1(int v) { return v == 0 ? mapped(1) : odd_tensor(v - 1); }
KIND(map1, 3 + BASES)
static inline tp_tensor *get_map2(int v) { return v == 0 ? mapped(2) : odd_tensor(v - 1); }
KIND(map2, 3 + BASES)
static inline tp_tensor *get_map3(int v) { return v == 0 ? mapped(3) : odd_tensor(v - 1); }
KIND(map3, 3 + BASES)
static inline tp_tensor *get_filter1(int v) { return v == 0 ? filled(1, 2, 3) : odd_tensor(v - 1); }
KIND(filter1, 3 + BASES)
static inline tp_tensor *get_filter2(int v) { return v == 0 ? filled(2, 2, 3) : odd_tensor(v - 1); }
KIND(filter2, 3 + BASES)
static inline tp_tensor *get_filter3(int v) { return v == 0 ? filled(3, 2, 3) : odd_tensor(v - 1); }
KIND(filter3, 3 + BASES)
static inline tp_tensor *get_pair(int v) { return v == 0 ? tp_ones(T, TP_F64, tp_shape(2)) : odd_tensor(v - 1); }
KIND(pair, 3 + BASES)

static inline tp_tensor *const *get_tensors(int v)
{
    static tp_tensor *list[MANY];
    tp_tensor *x = tensor_like(v < 3 ? base : (v - 3) % BASES);
    for (int i = 0; i < MANY; i++)
        list[i] = x;
    if (v == 2)
        list[1] = NULL;
    if (v > 2)
        list[1] = tensor_like(0);
    return v == 1 ? NULL : list;
}
KIND(tensors, 3 + BASES)
static inline tp_tensor **get_outputs(int v)
{
    static tp_tensor *lists[8][MANY]; /* a call may ask for several */
    static int turn;
    tp_tensor **list = lists[turn++ % 8];
    memset(list, 0, sizeof *lists);
    return v ? NULL : list;
}
KIND(outputs, 2)

/* ---- numbers -------------------------------------------------------------------------------------------------------- */

FROM(int, int, 0, 1, 2, 3, -1, -2, 11, 1000, INT_MAX, INT_MAX - 1, INT_MIN, INT_MIN + 1)
FROM(second, int, 1, 0, 2, -1, -2, INT_MAX, INT_MIN)
FROM(count, int, 2, 0, 1, 3, 4, 9, 11, 17, 400, -1, INT_MIN)
FROM(side, int, 2, 0, 1, 3, 9, 17, -1, INT_MIN)
FROM(max, int, MANY, 0, 1, 2, -1, INT_MIN)
FROM(int64, int64_t, 1, 0, -1, 2, 3, -2, 100, INT64_MAX, INT64_MAX - 1, INT64_MAX / 2, INT64_MIN, INT64_MIN + 1,
     INT64_MIN / 2, INT64_C(1) << 31, INT64_C(1) << 33, INT64_C(1) << 47, INT64_C(1) << 60)
FROM(few, int64_t, 3, 0, 1, -1, INT64_MIN)
FROM(uint64, uint64_t, 1, 0, UINT64_MAX, UINT64_C(1) << 63)
FROM(truth, bool, false, true)
FROM(double, double, 0.5, 0, 1, -1, 2, 3, -0.0, 1e-3, 1e300, -1e300, 1e-300, 9.3e18, -9.3e18, 0x1p63, -0x1p63, 1e9,
     (double)NAN, INFINITY, -INFINITY)
FROM(room, size_t, ROOM, 0, 1, 2)
FROM(dtype, tp_dtype, TP_F32, TP_F64, TP_I32, TP_I64, TP_U8, TP_BOOL, (tp_dtype)6, (tp_dtype)-1, (tp_dtype)INT_MAX)
FROM(choice, int, 0, 1, 2, 3, 4, 5, 50, -1, INT_MAX, INT_MIN)

static inline tp_dims get_dims(int v)
{
    const tp_dims odd[] = {{0, {0}},
                           {1, {0}},
                           {1, {9}},
                           {2, {1, 0}},
                           {2, {-1, 3}},
                           {2, {-1, -1}},
                           {1, {-7}},
                           {-1, {3}},
                           {TP_MAX_DIMS + 1, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
                           {TP_MAX_DIMS, {2, 2, 2, 2, 2, 2, 2, 2, 2, 2}},
                           {INT_MAX, {3}},
                           {INT_MIN, {3}},
                           {1, {INT64_MAX}},
                           {1, {INT64_MIN}},
                           {2, {INT64_MAX, INT64_MAX}},
                           {2, {INT64_MAX, 0}},
                           {2, {0, INT64_MIN}},
                           {3, {0, INT64_MAX, INT64_MAX}},
                           {3, {INT64_C(1) << 31, INT64_C(1) << 31, 4}}};
    return v == 0 ? tp_shape_of(tensor_like(base)) : odd[v - 1];
}
KIND(dims, 20)
static inline const tp_dims *get_shapes(int v)
{
    static tp_dims list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = i == 1 && v > 1 ? get_dims(v - 1) : get_dims(0);
    return v == 1 ? NULL : list;
}
KIND(shapes, 21)
static inline tp_dims get_window(int v) { return v == 0 ? tp_shape(3) : get_dims(v - 1); }
KIND(window, 1 + N_dims)
static inline tp_dims get_five(int v) { return v == 0 ? tp_shape(5) : get_dims(v - 1); }
KIND(five, 1 + N_dims)
static inline tp_dims get_plane(int v) { return v == 0 ? tp_shape(1, 2, 5, 5) : get_dims(v - 1); }
KIND(plane, 1 + N_dims)
static inline tp_dims get_sides(int v) { return v == 0 ? tp_shape(1, 2) : get_dims(v - 1); }
KIND(sides, 1 + N_dims)
static inline tp_dims *get_shape_out(int v)
{
    static tp_dims s;
    return v ? NULL : &s;
}
KIND(shape_out, 2)

#define LIST_OF(name, type, ...) \
    static inline const type *get_##name(int v) \
    { \
        static type list[MANY]; \
        const type odd[] = {0, __VA_ARGS__}; \
        for (int i = 0; i < MANY; i++) \
            list[i] = v < 2 ? (type)(i % 3) : v == 2 ? 1 : odd[v - 2]; \
        return v == 1 ? NULL : list; \
    } \
    KIND(name, (int)(sizeof((const type[]){0, __VA_ARGS__}) / sizeof(type)) + 2)
LIST_OF(ints, int, -1, 7, INT_MAX, INT_MIN)
LIST_OF(int64s, int64_t, -1, 7, INT64_MAX, INT64_MIN, INT64_MIN + 1, INT64_C(1) << 62)
LIST_OF(doubles, double, -1, (double)NAN, INFINITY, 1e300)

/* ---- memory and text ------------------------------------------------------------------------------------------------ */

static inline void *get_memory(int v) { return v ? NULL : memset(scratch, 0, sizeof scratch); }
KIND(memory, 2)
static inline int64_t *get_counts(int v) { return get_memory(v); }
KIND(counts, 2)
static inline void *const *get_memories(int v)
{
    static void *list[MANY];
    return v ? NULL : list;
}
KIND(memories, 2)

static char long_text[4000]; /* filled by main */
#define STRANGE \
    NULL, "", "%s%s%n", "\x01\xff", "@", "@, @", "...", "..., ...", "9223372036854775807", "-9223372036854775808", \
        "99999999999999999999", "::0", "-9223372036854775808:9223372036854775807:9223372036854775807", \
        "None, None, None, None, None, None, None, None, None, None, None", ":,:,:,:,:,:,:,:,:,:,:,:", long_text
FROM(text, const char *, "0", "weight", STRANGE)
FROM(places, const char *, "@, @", "0", "@, 1:", STRANGE)
FROM(equation, const char *, "ij,jk->ik", "ii->i", "->", ",", "...,...->...", "ij->ijij", "a,b,c,d,e,f,g,h,i,j,k",
     STRANGE)
static inline const char *get_path(int v)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, v == 0 ? "calls.tmp" : v == 1 ? "no/such/directory" : "");
    return v < 3 ? path : (const char *[]){NULL, "", "/dev/null", "/dev/full", long_text}[v - 3];
}
KIND(path, 8)
static inline const char *get_stored(int v)
{
    tp_tensor *x = tp_ones(other_tape, TP_F32, tp_shape(2));
    if (v == 0)
        tp_safetensors_save(other_tape, get_path(0), 1, (const char *const[]){"0"}, &x, 0, NULL, NULL);
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(stored, 8)
static inline const char *get_array(int v)
{
    if (v == 0)
        tp_npy_save(other_tape, get_path(0), tp_ones(other_tape, TP_F32, tp_shape(2)));
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(array, 8)
static inline const char *get_arrays(int v)
{
    tp_tensor *x = tp_ones(other_tape, TP_F32, tp_shape(2));
    if (v == 0)
        tp_npz_save(other_tape, get_path(0), 1, (const char *const[]){"0"}, &x);
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(arrays, 8)
static inline const char *get_weights(int v)
{
    tp_tensor *x = tp_ones(other_tape, TP_F32, tp_shape(2));
    if (v == 0)
        tp_torch_save(other_tape, get_path(0), 1, (const char *const[]){"0"}, &x);
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(weights, 8)
static inline const char *get_numbers(int v)
{
    if (v == 0)
        tp_csv_save(other_tape, get_path(0), tp_ones(other_tape, TP_F32, tp_shape(2, 2)), NULL, NULL);
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(numbers, 8)
static inline const char *get_picture_path(int v)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/calls.pgm", directory);
    return v == 0 ? path : get_path(v);
}
KIND(picture_path, 8)
static inline const char *get_picture(int v)
{
    if (v == 0)
        tp_image_save(other_tape, get_picture_path(0), tp_ones(other_tape, TP_F32, tp_shape(2, 2)), NULL);
    tp_clear_error(other_tape);
    return get_picture_path(v);
}
KIND(picture, 8)
static inline void free_plot(void *x) { tp_plot_free(x); }
static inline tp_plot *get_empty_plot(int v)
{
    const tp_plot_options o = {.title = "t", .gnuplot = "/no/such/program"};
    return v == 0 ? hold(tp_plot_new(T, &o), free_plot) : NULL;
}
KIND(empty_plot, 2)
static inline tp_plot *get_plot(int v)
{
    tp_plot *p = get_empty_plot(v);
    if (p)
        (void)tp_plot_curve(T, p, NULL, tp_linspace(T, TP_F64, 1, 3, 5), NULL);
    return p;
}
KIND(plot, 2)
static inline const char *get_plot_path(int v)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/calls.txt", directory);
    return v == 0 ? path : get_path(v);
}
KIND(plot_path, 8)
static inline const char *get_log_path(int v)
{
    if (v == 0)
        remove(get_path(0));
    return get_path(v);
}
KIND(log_path, 8)
static inline void free_csv_log(void *x) { tp_csv_log_close(x); }
static inline tp_csv_log *get_csv_log(int v)
{
    static const char *const names[] = {"one", "two"};
    return v ? NULL : hold(tp_csv_log_open(T, get_log_path(0), 2, names, NULL), free_csv_log);
}
KIND(csv_log, 2)
/* A folder of their own: what the last call has left there goes. */
static inline const char *get_events_directory(int v)
{
    static char path[4096];
    if (v > 0)
        return get_path(v);
    snprintf(path, sizeof path, "%s/calls_events", directory);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char name[8192];
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (e->d_name[0] == 'e')
            remove(name);
    }
    if (d)
        closedir(d);
    return path;
}
KIND(events_directory, 8)
static inline void free_events(void *x)
{
    remove(tp_events_path(x));
    tp_events_close(x);
}
static inline tp_events *get_events(int v)
{
    return v ? NULL : hold(tp_events_open(T, get_events_directory(0)), free_events);
}
KIND(events, 2)
static inline const tp_lr_range *get_lr_range(int v)
{
    static tp_lr_range r;
    r = (tp_lr_range){.suggestion = v == 2 ? (double)NAN : 1};
    r.lr = tp_linspace(T, TP_F64, 1, 3, 5);
    r.loss = v == 3 ? NULL : r.lr;
    r.mean = v == 4 ? tp_zeros(T, TP_F32, tp_shape(2)) : r.lr;
    return v == 1 ? NULL : &r;
}
KIND(lr_range, 5)
static inline tp_csv_names **get_csv_names_out(int v)
{
    static tp_csv_names *names;
    tp_csv_names_free(names);
    names = NULL;
    return v ? NULL : &names;
}
KIND(csv_names_out, 2)
/* The smallest IDX file there is, and the paths above. */
static inline const char *get_idx(int v)
{
    static const unsigned char small[9] = {0, 0, 8, 1, 0, 0, 0, 1, 42};
    FILE *f = v == 0 ? fopen(get_path(0), "wb") : NULL;
    if (f) {
        fwrite(small, 1, sizeof small, f);
        fclose(f);
    }
    return get_path(v);
}
KIND(idx, 8)
static inline const char *const *get_texts(int v)
{
    static const char *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = v == 2 ? NULL : v == 3 ? "" : i % 2 ? "one" : "two";
    return v == 1 ? NULL : list;
}
KIND(texts, 4)

/* A softmax of nine classes with two cutoffs */
FROM(nine, int64_t, 9, 0, -1, 5)
static const int64_t two_cutoffs[MANY] = {2, 5}; /* as many as a count may say */
FROM(cutoffs, const int64_t *, two_cutoffs, NULL)
static inline tp_module *get_adaptive(int v)
{
    return v ? NULL : hold(tp_nn_adaptive_log_softmax_with_loss(T, 3, 9, 2, two_cutoffs, NULL), free_module);
}
KIND(adaptive, 2)
static inline tp_module *get_recurrent(int v)
{
    tp_rnn_options o = {.dtype = TP_F64, .bidirectional = v == 1};
    return v > 1 ? NULL : hold((v ? tp_nn_gru : tp_nn_lstm)(T, 2, 2, &o), free_module);
}
KIND(recurrent, 3)
static inline tp_rnn_state *get_rnn_state(int v)
{
    static tp_rnn_state state;
    tp_tensor *zeros = tp_zeros(T, TP_F64, tp_shape(1, 2, 2));
    state = (tp_rnn_state){v < 2 ? zeros : odd_tensor(v - 3), v == 0 ? zeros : NULL};
    return v == 2 ? NULL : &state;
}
KIND(rnn_state, 5 + BASES)

/* ---- functions of the caller's --------------------------------------------------------------------------------------- */

static inline tp_status squares(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)user;
    for (int i = 0; i < n_out; i++)
        out[i] = n_in > 0 ? tp_sum(tape, tp_square(tape, in[i % n_in])) : tp_scalar(tape, TP_F64, 1);
    return TP_OK;
}
static inline tp_status refuses(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)tape, (void)user, (void)n_in, (void)in, (void)n_out, (void)out;
    return TP_EUSER;
}
static inline tp_status makes_none(tp_tape *tape, void *user, int n_in, tp_tensor *const *in, int n_out,
                                   tp_tensor **out)
{
    (void)tape, (void)user, (void)n_in, (void)in, (void)n_out, (void)out;
    return TP_OK;
}
FROM(function, tp_function, squares, NULL, refuses, makes_none)
static inline const tp_function *get_functions(int v)
{
    static tp_function list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = v < 2 ? squares : get_function(v - 1);
    return v == 1 ? NULL : list;
}
KIND(functions, 5)
static inline tp_tensor *no_distance(tp_tape *tape, tp_tensor *a, tp_tensor *b, void *user)
{
    (void)tape, (void)a, (void)b, (void)user;
    return NULL;
}
FROM(distance, tp_distance_fn, NULL, no_distance)
static inline tp_status one_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state,
                                 tp_tensor **next)
{
    (void)user, (void)step;
    for (int i = 0; i < n; i++)
        next[i] = tp_mul_scalar(tape, state[i], 0.5);
    return TP_OK;
}
static inline tp_status no_step(tp_tape *tape, void *user, int64_t step, int n, tp_tensor *const *state,
                                tp_tensor **next)
{
    (void)tape, (void)user, (void)step, (void)n, (void)state, (void)next;
    return TP_OK;
}
FROM(step, tp_step_function, one_step, NULL, no_step)
static inline tp_tensor *same_gradient(tp_tape *tape, tp_tensor *g, void *user)
{
    (void)tape, (void)user;
    return g;
}
FROM(hook, tp_hook, same_gradient, NULL)
static inline double no_loss(tp_tape *tape, void *user)
{
    (void)tape, (void)user;
    return (double)NAN;
}
static inline double some_loss(tp_tape *tape, void *user)
{
    (void)tape, (void)user;
    return 1;
}
FROM(closure, tp_closure, some_loss, NULL, no_loss)
static inline tp_status visit(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)name, (void)x, (void)is_param, (void)user;
    return TP_OK;
}
FROM(visitor, tp_module_visitor, visit, NULL)
static inline tp_status visit_module(const char *name, tp_module *m, void *user)
{
    (void)name, (void)m, (void)user;
    return TP_OK;
}
FROM(submodule_visitor, tp_submodule_visitor, visit_module, NULL)
static inline tp_status before(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)user;
    return TP_OK;
}
FROM(forward_pre_hook, tp_forward_pre_hook, before, NULL)
static inline tp_status after(tp_tape *tape, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out,
                              void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)n_out, (void)out, (void)user;
    return TP_OK;
}
FROM(forward_hook, tp_forward_hook, after, NULL)
static inline tp_status back(tp_tape *tape, tp_module *m, int n_in, tp_tensor **in, int n_out, tp_tensor *const *out,
                             void *user)
{
    (void)tape, (void)m, (void)n_in, (void)in, (void)n_out, (void)out, (void)user;
    return TP_OK;
}
FROM(backward_hook, tp_backward_hook, back, NULL)
static inline void hear(void *user, const char *message) { (void)message, (void)user; }
FROM(handler, tp_warning_handler, hear, NULL)
FROM(alloc, tp_alloc, NULL, NULL)
FROM(vjp, tp_vjp *, NULL, NULL)
static inline double half(double x, void *user)
{
    (void)user;
    return x / 2;
}
static inline double far(double x, void *user)
{
    (void)x, (void)user;
    return 1e300;
}
typedef double (*apply_function)(double x, void *user);
FROM(apply, apply_function, half, NULL, far)
static inline double product(double x, double y, void *user)
{
    (void)user;
    return x * y;
}
typedef double (*map_function)(double x, double y, void *user);
FROM(map, map_function, product, NULL)

/* ---- operators ------------------------------------------------------------------------------------------------------ */

static inline tp_status op_infer(tp_call *c)
{
    for (int i = 0; i < c->n_out; i++)
        if (tp_call_out(c, i, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])) != TP_OK)
            return TP_EUSER;
    return TP_OK;
}
static inline tp_status op_nothing(tp_call *c)
{
    (void)c;
    return TP_OK;
}
static inline tp_status op_first(tp_call *c) { return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0])); }
static inline tp_status op_forward(tp_call *c)
{
    for (int i = 0; i < c->n_out; i++)
        if (tp_numel(c->out[i]))
            memset(tp_data(c->out[i]), 0, (size_t)tp_numel(c->out[i]) * tp_dtype_size(tp_dtype_of(c->out[i])));
    return TP_OK;
}
static inline tp_status op_vjp(tp_vjp *v)
{
    for (int i = 0; i < v->n_in; i++)
        if (tp_vjp_needs(v, i))
            v->gin[i] = tp_zeros_like(v->tape, v->in[i]);
    return TP_OK;
}
static inline tp_status vjp_nothing(tp_vjp *v)
{
    (void)v;
    return TP_OK;
}
static inline const tp_op *get_op(int v)
{
    static const tp_op good = {
        .name = "user.calls", .n_in = -1, .n_out = 1, .infer = op_infer, .forward = op_forward, .vjp = op_vjp};
    static const int outputs[] = {0, -1, TP_MAX_OUT, TP_MAX_OUT + 1, INT_MAX};
    static tp_op made;
    made = good;
    if (v >= 2 && v < 7)
        made.n_out = outputs[v - 2];
    made.n_in = v == 7 ? INT_MIN : v == 8 ? 0 : -1;
    made.infer = v == 9 ? NULL : v == 10 || v == 11 ? op_nothing : v == 12 ? op_first : op_infer;
    made.forward = v == 11 || v == 12 ? op_nothing : v == 13 ? NULL : op_forward;
    made.n_out = v == 12 ? 2 : made.n_out;
    made.vjp = v == 14 ? NULL : v == 15 ? vjp_nothing : op_vjp;
    made.vjp_fused = v == 16 ? vjp_nothing : NULL;
    made.name = v == 17 ? NULL : v == 18 ? "" : good.name;
    made.attr_size = v == 19 ? 64 : v == 20 ? (size_t)ROOM : 0;
    made.constant_out = v == 21 ? UINT32_MAX : 0;
    made.flags = v == 22 ? TP_OP_VIEW : v == 23 ? UINT32_MAX & ~(1u << 30) : 0;
    return v == 1 ? NULL : &made;
}
KIND(op, 24)
static inline tp_call *get_call(int v)
{
    static tp_tensor *in[1], *out[1];
    static tp_call c;
    in[0] = tensor_like(base);
    out[0] = NULL;
    c = (tp_call){.tape = T, .op = get_op(0), .n_in = 1, .n_out = 1, .in = in, .out = out};
    return v ? NULL : &c;
}
KIND(call, 2)
static inline void no_run(tp_sampler *s, const void *attr, int n, tp_tensor *const *in)
{
    (void)s, (void)attr, (void)n, (void)in;
}
static inline tp_sampler *get_sampler(int v)
{
    static tp_sampler s;
    s = (tp_sampler){.tape = T, .dtype = TP_F64, .run = v == 2 ? NULL : no_run};
    return v == 1 ? NULL : &s;
}
KIND(sampler, 3)

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static inline tp_tape *get_tape(int v) { return v == 0 ? T : v == 1 ? NULL : failed_tape; }
KIND(tape, 3)
static inline const tp_tape *get_reader(int v) { return get_tape(v); }
KIND(reader, 3)
static inline tp_mark get_mark(int v)
{
    tp_mark m = tp_tape_mark(T);
    if (v)
        memset(&m, v == 1 ? 0 : 255, sizeof m);
    return m;
}
KIND(mark, 3)
static inline tp_scope get_scope(int v) { return (tp_scope){get_mark(v)}; }
KIND(scope, 3)
static inline FILE *get_file(int v) { return v ? NULL : hold(fopen("/dev/null", "w"), free_file); }
KIND(file, 2)
static inline tp_progress *get_progress(int v)
{
    static tp_progress p;
    tp_progress_start(&p, v == 2 ? INT64_MIN : v == 3 ? INT64_MAX : v == 4 ? 0 : 100);
    if (v == 5)
        p = (tp_progress){0};
    return v == 1 ? NULL : &p;
}
KIND(progress, 6)

static inline tp_module *network(void)
{
    tp_module *m = tp_nn_sequential(T, tp_nn_linear(T, 3, 3, NULL), tp_nn_relu(T), tp_nn_linear(T, 3, 1, NULL));
    tp_module_add_buffer(T, m, "mean", tp_keep(tp_zeros(T, TP_F64, tp_shape(3))));
    return m;
}
FROM(parameter, const char *, "2.bias", NULL, "2", ".", "mean")
static inline tp_tensor *get_own_bias(int v)
{
    return v == 0 ? tp_keep(tp_ones(T, TP_F32, tp_shape(1))) : odd_tensor(v - 1);
}
KIND(own_bias, 3 + BASES)
FROM(buffer, const char *, "mean", NULL, "2", "", "2.bias")
/* Of any number of inputs, any number of outputs. */
static inline tp_status class_forward_n(tp_tape *tape, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                        tp_tensor **out)
{
    (void)tape, (void)self, (void)n_in;
    for (int i = 0; i < n_out; i++)
        out[i] = in[0];
    return TP_OK;
}
static const tp_module_class any_class = {
    .name = "Any", .size = sizeof(tp_module), .forward_n = class_forward_n, .max_in = INT_MAX, .max_out = INT_MAX};
static inline tp_module *get_module(int v)
{
    return v == 0   ? hold(network(), free_module)
           : v == 1 ? NULL
           : v == 2 ? hold(tp_nn_flatten(T, INT_MIN, INT_MAX), free_module)
           : v == 3 ? hold(tp_nn_bilinear(T, 3, 3, 2, NULL), free_module)
                    : hold(tp_module_new(T, &any_class), free_module);
}
KIND(module, 5)
static inline tp_module *const *get_modules(int v)
{
    static tp_module *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = i < 3 && v != 2 ? tp_nn_relu(T) : NULL;
    return v == 1 ? NULL : list;
}
KIND(modules, 3)
/* What may be pruned or parametrized: a weight of two dimensions. */
FROM(weight_name, const char *, "2.weight", NULL, "2", "2.bias", ".", "no.weight")
static inline tp_tensor *get_own_weight(int v)
{
    return v == 0 ? tp_ones_like(T, tp_module_param(get_module(0), "2.weight")) : get_tensor(v - 1);
}
KIND(own_weight, 1 + N_tensor)
static inline tp_module *get_same(int v) { return v == 0 ? tp_nn_identity(T) : v == 1 ? NULL : get_module(4); }
KIND(same, 3)
static inline tp_module *get_pruned(int v)
{
    tp_module *m = get_module(v);
    if (v == 0)
        (void)tp_prune_identity(T, m, "2.weight");
    return m;
}
KIND(pruned, 5)
static inline tp_module *get_parametrized(int v)
{
    tp_module *m = get_module(v);
    if (v == 0)
        (void)tp_weight_norm(T, m, "2.weight", 0);
    return m;
}
KIND(parametrized, 5)
static inline tp_module *const *get_networks(int v)
{
    static tp_module *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = v != 2 ? get_module(0) : NULL;
    return v == 1 ? NULL : list;
}
KIND(networks, 3)
static inline const char *const *get_weight_names(int v)
{
    static const char *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = v != 2 ? "2.weight" : NULL;
    return v == 1 ? NULL : list;
}
KIND(weight_names, 3)
static inline void free_state(void *x) { tp_state_dict_free(x); }
static inline tp_state_dict *get_state_dict(int v)
{
    return v == 0 ? hold(tp_module_state_dict(T, get_module(0)), free_state) : NULL;
}
KIND(state_dict, 2)
static inline tp_state_dict *const *get_state_dicts(int v)
{
    static tp_state_dict *list[MANY];
    tp_state_dict *d = get_state_dict(0);
    for (int i = 0; i < MANY; i++)
        list[i] = v == 2 && i == 1 ? NULL : d;
    return v == 1 ? NULL : list;
}
KIND(state_dicts, 3)
static inline tp_params *get_params(int v)
{
    tp_module *m = v == 0 ? get_module(0) : NULL;
    tp_tensor *x = v == 2 ? tensor_like(12) : NULL;
    return m ? tp_module_params(m) : x ? hold(tp_params_of(T, 1, &x), free_params) : NULL;
}
KIND(params, 3)
static inline tp_grads *get_grads(int v) { return v ? NULL : hold(tp_grads_new(get_params(0)), free_grads); }
KIND(grads, 2)
static inline tp_optim *get_optim(int v)
{
    return v == 0   ? hold(tp_optim_sgd(T, get_params(0), &(tp_sgd_options){.lr = 0.1}), free_optim)
           : v == 1 ? NULL
           : v == 2 ? hold(tp_optim_adam(T, get_params(2), NULL), free_optim)
                    : hold(tp_optim_lbfgs(T, get_params(0), NULL), free_optim);
}
KIND(optim, 4)
/* An optimizer of each kind, then others. */
#define OPTIM(name) \
    static inline tp_optim *get_##name(int v) \
    { \
        return v == 0 ? hold(tp_optim_##name(T, get_params(0), NULL), free_optim) : get_optim(v - 1); \
    } \
    KIND(name, 5)
OPTIM(adam)
OPTIM(adamw)
OPTIM(sparse_adam)
OPTIM(adamax)
OPTIM(nadam)
OPTIM(radam)
OPTIM(adagrad)
OPTIM(adadelta)
OPTIM(rmsprop)
OPTIM(rprop)
OPTIM(asgd)
OPTIM(lion)
OPTIM(lamb)
OPTIM(adafactor)
static inline tp_params *get_matrices(int v)
{
    tp_tensor *x = v == 0 ? hold(tp_keep(tp_full(T, TP_F64, tp_shape(3, 2), 1)), free_tensor) : NULL;
    return x ? hold(tp_params_of(T, 1, (tp_tensor *[]){tp_requires_grad(x, true)}), free_params) : get_params(v - 1);
}
KIND(matrices, 4)
static inline tp_optim *get_muon(int v)
{
    return v == 0 ? hold(tp_optim_muon(T, get_matrices(0), NULL), free_optim) : get_optim(v - 1);
}
KIND(muon, 5)
FROM(option, const char *, "lr", NULL, "", "momentum", "beta1", "nesterov")

static inline tp_tensor *no_batches(tp_tape *tape, void *user)
{
    (void)tape, (void)user;
    return NULL;
}
FROM(batches, tp_batches, no_batches, NULL)
static inline tp_status no_inverse(tp_tape *tape, tp_module *by, tp_tensor *value, int n, tp_tensor **out)
{
    (void)tape, (void)by, (void)value, (void)n, (void)out;
    return TP_OK;
}
FROM(inverse, tp_right_inverse, NULL, no_inverse)
static inline tp_module *get_averaged(int v)
{
    return v == 0 ? hold(tp_nn_averaged_model(T, get_module(0), NULL), free_module) : get_module(v - 1);
}
KIND(averaged, 6)
static inline tp_tensor *get_all_values(int v)
{
    return v == 0 ? tp_zeros(T, TP_F32, tp_shape(tp_params_count(get_params(0)))) : get_tensor(v - 1);
}
KIND(all_values, 1 + N_tensor)

static inline double half_rate(int64_t epoch, int group, void *user)
{
    (void)epoch, (void)group, (void)user;
    return 0.5;
}
static inline double no_rate(int64_t epoch, int group, void *user)
{
    (void)epoch, (void)group, (void)user;
    return NAN;
}
FROM(rate, tp_lr_fn, half_rate, NULL, no_rate)
static inline void free_schedule(void *x) { tp_schedule_free(x); }
static inline tp_schedule *get_schedule(int v)
{
    return v == 0   ? hold(tp_step_lr(T, get_optim(0), 2, 0), free_schedule)
           : v == 1 ? NULL
           : v == 2 ? hold(tp_lambda_lr(T, get_optim(0), half_rate, NULL), free_schedule)
                    : hold(tp_reduce_lr_on_plateau(T, get_optim(0), NULL), free_schedule);
}
KIND(schedule, 4)
static inline tp_schedule *get_plateau(int v) { return get_schedule(v == 0 ? 3 : v - 1); }
KIND(plateau, 5)
static inline tp_schedule *const *get_schedules(int v)
{
    static tp_schedule *list[MANY];
    tp_optim *o = get_optim(0);
    memset(list, 0, sizeof list);
    for (int i = 0; i < 3; i++)
        list[i] = v == 2 ? NULL : tp_exponential_lr(T, v == 3 && i == 1 ? get_optim(0) : o, 0.9);
    return v == 1 ? (tp_schedule_free(list[0]), tp_schedule_free(list[1]), tp_schedule_free(list[2]), NULL) : list;
}
KIND(schedules, 4)
FROM(schedule_count, int, 3, 0, 1, 2, -1, INT_MIN)
static inline const char *const *get_schedule_names(int v)
{
    static const char *const list[] = {"last_epoch", "base_lrs", "_last_lr", "more"};
    return v == 1 ? NULL : v == 0 ? list : list + 1;
}
KIND(schedule_names, 3)
static inline tp_tensor *const *get_schedule_values(int v)
{
    static tp_tensor *list[3];
    for (int i = 0; i < 3; i++)
        list[i] = tp_full(T, v == 2 ? TP_I64 : TP_F64, tp_shape(v == 3 ? 2 : 1), i == 0 && v == 4 ? NAN : 1);
    return v == 1 ? NULL : list;
}
KIND(schedule_values, 5)

static inline tp_loader *get_loader(int v)
{
    tp_tensor *x = tensor_like(base);
    return v ? NULL : hold(tp_loader_new(T, 1, &x, NULL), free_loader);
}
KIND(loader, 2)
static inline tp_status a_sample(tp_tape *tape, void *user, int64_t index, tp_tensor **sample)
{
    (void)user;
    sample[0] = tp_scalar(tape, TP_F64, (double)index);
    return TP_OK;
}
static inline tp_status no_sample(tp_tape *tape, void *user, int64_t index, tp_tensor **sample)
{
    (void)tape, (void)user, (void)index, (void)sample;
    return TP_EUSER;
}
FROM(get_sample, tp_dataset_get_fn, a_sample, NULL, no_sample)
static inline tp_status first_sample(tp_tape *tape, void *user, int64_t n, int width, tp_tensor *const *samples,
                                     tp_tensor **batch)
{
    (void)tape, (void)user, (void)n;
    memcpy(batch, samples, (size_t)width * sizeof *batch);
    return TP_OK;
}
FROM(collate, tp_collate_fn, first_sample, NULL)
static inline tp_tensor *no_order(tp_tape *tape, void *user, tp_tensor **ends)
{
    (void)user;
    *ends = tp_scalar(tape, TP_F64, 0);
    return NULL;
}
FROM(draw_order, tp_sampler_draw_fn, no_order, NULL)
static inline void keep_it(void *user) { (void)user; }
typedef void (*giver)(void *);
FROM(give_back, giver, keep_it, NULL)
static inline void free_dataset(void *x) { tp_dataset_free(x); }
static inline void free_data_sampler(void *x) { tp_sampler_free(x); }
static inline tp_dataset *get_dataset(int v)
{
    tp_tensor *x = tensor_like(base);
    return v == 1 ? NULL
                  : hold(v == 0 ? tp_tensor_dataset(T, 1, &x) : tp_dataset_new(T, INT64_MAX, 1, no_sample, NULL, NULL),
                         free_dataset);
}
KIND(dataset, 3)
static inline tp_dataset *const *get_datasets(int v)
{
    static tp_dataset *list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = i < 3 && v != 2 ? get_dataset(v == 3 ? 2 : 0) : NULL;
    return v == 1 ? NULL : list;
}
KIND(datasets, 4)
static inline tp_dataset **get_parts(int v)
{
    static tp_dataset *list[MANY];
    return v == 0 ? list : NULL;
}
KIND(parts, 2)
static inline tp_data_sampler *get_data_sampler(int v)
{
    const double weights[] = {1, 2, 3};
    return v == 0   ? hold(tp_random_sampler(T, 3, NULL), free_data_sampler)
           : v == 1 ? NULL
           : v == 2 ? hold(tp_sampler_new(T, INT64_MAX, true, no_order, NULL), free_data_sampler)
                    : hold(tp_weighted_random_sampler(T, tp_from(T, TP_F64, tp_shape(3), weights), 2, true),
                           free_data_sampler);
}
KIND(data_sampler, 4)
static inline const int64_t *get_few_rows(int v)
{
    static const int64_t rows[][32] = {{0, 1}, {0}, {-1, 0}, {INT64_MAX}, {INT64_MIN}};
    return v == 1 ? NULL : rows[v];
}
KIND(few_rows, 5)
static inline const int64_t *get_lengths(int v)
{
    static const int64_t lengths[][MANY] = {{1, 2}, {0}, {3, 0}, {-1, 4}, {INT64_MAX, INT64_MAX}};
    return v == 1 ? NULL : lengths[v];
}
KIND(lengths, 5)
static inline const double *get_fractions(int v)
{
    static const double fractions[][MANY] = {{0.5, 0.5}, {0}, {1, 0}, {NAN, 1}, {1e300, -1e300}};
    return v == 1 ? NULL : fractions[v];
}
KIND(fractions, 5)
/* counts of two classes, and of no more */
static inline const int64_t *get_table(int v)
{
    static const int64_t counts[4] = {5, 1, 2, INT64_MAX};
    return v ? NULL : counts;
}
KIND(table, 2)
FROM(two, int64_t, 2, 1, 0, -1, INT64_MIN)
FROM(three, int64_t, 3, 1, 0, -1, 4, INT64_MIN)
FROM(few_folds, int64_t, 1, 0, 2, -1, INT64_MAX)
static inline tp_tensor *get_yes_or_no(int v)
{
    return v == 0 ? tp_from(T, TP_I64, tp_shape(3), (const int64_t[]){0, 1, 1}) : get_tensor(v - 1);
}
KIND(yes_or_no, 1 + N_tensor)
static inline tp_tensor *get_order(int v) { return v == 0 ? tp_randperm(T, 3) : v == 1 ? NULL : get_tensor(v - 2); }
KIND(order, 2 + N_tensor)
static inline tp_running_mean *get_running_mean(int v)
{
    static tp_running_mean m;
    m = (tp_running_mean){0};
    return v ? NULL : &m;
}
KIND(running_mean, 2)
static inline tp_early_stopping *get_early_stopping(int v)
{
    static tp_early_stopping s;
    s = (tp_early_stopping){.patience = v == 2 ? INT64_MIN : 3};
    return v == 1 ? NULL : &s;
}
KIND(early_stopping, 3)
static inline const char *const *get_loader_names(int v)
{
    static const char *const list[] = {"at", "order", "at", NULL};
    return v == 1 ? NULL : list + (v > 1 ? v - 1 : 0);
}
KIND(loader_names, 4)
static inline tp_tensor *const *get_loader_values(int v)
{
    static tp_tensor *list[3];
    list[0] = tp_full(T, v == 2 ? TP_F64 : TP_I64, tp_shape(), v == 3 ? -1e18 : 1);
    list[1] = tp_arange(T, TP_I64, v == 4 ? 1 : 0, v == 4 ? 4 : 3, 1);
    return v == 1 ? NULL : list;
}
KIND(loader_values, 5)
static inline void free_snapshot(void *x) { tp_snapshot_free(x); }
static inline tp_snapshot *get_snapshot(int v)
{
    static int64_t step;
    tp_snapshot *s = v == 0 ? hold(tp_snapshot_new(T), free_snapshot) : NULL;
    if (s)
        (void)tp_snapshot_i64(T, s, "step", &step);
    return s;
}
KIND(snapshot, 2)
static inline const char *get_snapshot_path(int v)
{
    int64_t step = 3;
    tp_snapshot *s = v == 0 ? tp_snapshot_new(other_tape) : NULL;
    if (s) {
        (void)tp_snapshot_i64(other_tape, s, "step", &step);
        (void)tp_snapshot_save(other_tape, s, get_path(0), 0);
    }
    tp_snapshot_free(s);
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(snapshot_path, 8)
static inline tp_tensor *get_owned(int v) { return v == 0 ? tensor_like(12) : get_tensor(v - 1); }
KIND(owned, 1 + N_tensor)
static inline tp_safetensors *get_safetensors(int v)
{
    return v ? NULL : hold(tp_safetensors_open(T, get_stored(0)), free_safetensors);
}
KIND(safetensors, 2)
static inline void free_csv_names(void *x) { tp_csv_names_free(x); }
static inline tp_csv_names *get_csv_names(int v)
{
    tp_csv_names *names = NULL;
    if (v == 0)
        tp_csv_load(T, get_numbers(0), NULL, &names);
    return v ? NULL : hold(names, free_csv_names);
}
KIND(csv_names, 2)
static inline void free_hdf5(void *x) { tp_hdf5_close(x); }
static inline const char *get_groups(int v)
{
    tp_tensor *x = tp_ones(other_tape, TP_F32, tp_shape(2));
    if (v == 0)
        tp_hdf5_save(other_tape, get_path(0), 1, (const char *const[]){"0"}, &x, 1, &(tp_hdf5_attr){"0", "0", x, NULL});
    tp_clear_error(other_tape);
    return get_path(v);
}
KIND(groups, 8)
static inline tp_hdf5 *get_hdf5(int v) { return v ? NULL : hold(tp_hdf5_open(T, get_groups(0)), free_hdf5); }
KIND(hdf5, 2)
static inline const tp_hdf5_attr *get_attrs(int v)
{
    static tp_hdf5_attr list[MANY];
    for (int i = 0; i < MANY; i++)
        list[i] = (tp_hdf5_attr){v == 2   ? NULL
                                 : v == 3 ? "none"
                                          : "",
                                 v == 4 ? "" : "key", NULL, v == 5 ? NULL : "text"};
    return v == 1 ? NULL : list;
}
KIND(attrs, 6)
static inline tp_npz *get_npz(int v) { return v ? NULL : hold(tp_npz_open(T, get_arrays(0)), free_npz); }
KIND(npz, 2)
/* They are taken over, and only once. */
static inline struct DLManagedTensor *get_managed(int v)
{
    return v ? NULL : tp_to_dlpack(other_tape, tp_ones(other_tape, TP_F32, tp_shape(2)));
}
KIND(managed, 2)
static inline struct DLManagedTensorVersioned *get_managed_versioned(int v)
{
    return v ? NULL : tp_to_dlpack_versioned(other_tape, tp_ones(other_tape, TP_F32, tp_shape(2)));
}
KIND(managed_versioned, 2)
static inline tp_tensor *get_detached(int v) { return v == 0 ? tp_detach(T, tensor_like(base)) : odd_tensor(v - 1); }
KIND(detached, 3 + BASES)
FROM(nothing, tp_dims, {1, {2}}, {1, {-1}}, {11, {1}}, {2, {INT64_MAX, INT64_MAX}}, {1, {INT64_MAX / 4}})
static inline void delete_nothing(void *user) { (void)user; }
typedef void (*deleter_fn)(void *);
FROM(deleter, deleter_fn, NULL, delete_nothing)
static inline tp_tensor *class_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    (void)tape, (void)self;
    return x;
}
static inline const tp_module_class *get_class(int v)
{
    static tp_module_class made;
    const tp_module_class all[] = {{.name = "Same", .size = sizeof(tp_module), .forward = class_forward},
                                   {.name = "Same", .size = sizeof(tp_module)},
                                   {.size = sizeof(tp_module), .forward = class_forward},
                                   {.name = "Same",
                                    .size = sizeof(tp_module),
                                    .forward_n = class_forward_n,
                                    .n_in = INT_MIN,
                                    .max_in = INT_MAX,
                                    .n_out = INT_MAX,
                                    .max_out = INT_MIN},
                                   {.name = "Same", .size = 0, .forward = class_forward},
                                   {.name = "Same", .size = SIZE_MAX, .forward = class_forward}};
    made = all[v ? v - 1 : 0];
    return v == 1 ? NULL : &made;
}
KIND(class, 7)

#endif
