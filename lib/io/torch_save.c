/* torch_save.c - writes what torch.load reads, a state or several in a dict: an archive of archive/data.pkl, a pickle of protocol 2 in which each tensor is
 * torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict()), archive/data/KEY, the elements that the
 * tensors of one storage reach, archive/byteorder and archive/version. */
#define _POSIX_C_SOURCE 200809L
#include "io/element.h"
#include "io/file.h"
#include "io/zip.h"
#include "tapir/torch_file.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* By dtype */
static const char *const storage_names[] = {"FloatStorage", "DoubleStorage", "IntStorage",
                                            "LongStorage",  "ByteStorage",   "BoolStorage"};
TP__DTYPES_ARE(sizeof storage_names / sizeof *storage_names);

/* A tensor, and what is written of the storage it lies in. */
typedef struct {
    tp_tensor *x;
    const char *name;
    int i;             /* its place among those given */
    const char *begin; /* of its elements */
    const char *end;
    tp__storage *copy; /* where it is written in another order than it lies in: of its own */
    int key;           /* of the storage */
    int64_t offset;    /* in that, in elements */
} piece;

/* The part of a storage that is written. */
typedef struct {
    const char *begin, *end;
} stretch;

typedef struct {
    tp_tape *T;
    int n, n_stretches;
    piece *pieces; /* in the order given */
    stretch *stretches;
    char *pickle;
    size_t bytes, room;
    bool failed; /* no memory */
} writer;

/* ---- storages ------------------------------------------------------------------------------------------------------ */

/* From the first element in memory to behind the last. torch has no strides below 0: such a tensor is copied. */
static bool find_extent(writer *w, piece *p)
{
    const tp_tensor *x = p->x;
    int64_t first = 0, end = 0;
    tp__dims_extent(tp__dims_of(x), x->stride, &first, &end);
    p->begin = x->data;
    if (first < 0) {
        if ((p->copy = tp__dense_copy(w->T, x, x->dtype)) == NULL)
            return false;
        p->begin = p->copy->data;
        end = x->numel;
    }
    p->end = end == 0 ? p->begin : p->begin + (size_t)end * tp_dtype_size(x->dtype);
    return true;
}

static const tp__storage *storage_of(const piece *p) { return p->copy ? p->copy : p->x->storage; }

static int by_storage(const void *a, const void *b)
{
    const piece *x = *(const piece *const *)a, *y = *(const piece *const *)b;
    const tp__storage *s = storage_of(x), *t = storage_of(y);
    if (s != t)
        return s < t ? -1 : 1;
    if (x->x->dtype != y->x->dtype)
        return x->x->dtype < y->x->dtype ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* Pieces of one storage and dtype get one key, and their place in the part that is written. */
static void share(writer *w, piece **sorted)
{
    for (int i = 0, end; i < w->n; i = end) {
        stretch s = {sorted[i]->begin, sorted[i]->end};
        for (end = i + 1; end < w->n && storage_of(sorted[end]) == storage_of(sorted[i]) &&
                          sorted[end]->x->dtype == sorted[i]->x->dtype;
             end++)
            if (sorted[end]->begin != sorted[end]->end) {
                bool none = s.begin == s.end;
                s.begin = none || sorted[end]->begin < s.begin ? sorted[end]->begin : s.begin;
                s.end = none || sorted[end]->end > s.end ? sorted[end]->end : s.end;
            }
        for (int k = i; k < end; k++) {
            size_t size = tp_dtype_size(sorted[k]->x->dtype);
            bool empty = sorted[k]->begin == sorted[k]->end;
            sorted[k]->key = w->n_stretches;
            sorted[k]->offset = empty ? 0 : (sorted[k]->begin - s.begin) / (int64_t)size;
        }
        w->stretches[w->n_stretches++] = s;
    }
}

/* The tensors of n states, one after the other; `count` in all. */
static bool list_pieces(writer *w, int n, tp_state_dict *const *states, size_t count)
{
    piece **sorted = tp__malloc((count + 1) * sizeof(piece *));
    w->pieces = tp__calloc(count + 1, sizeof *w->pieces);
    w->stretches = tp__malloc((count + 1) * sizeof *w->stretches);
    bool ok = sorted && w->pieces && w->stretches;
    for (int k = 0; k < n && ok; k++)
        for (int i = 0; i < states[k]->n && ok; i++, w->n++) {
            piece *p = sorted[w->n] = &w->pieces[w->n];
            *p = (piece){.x = states[k]->tensors[i], .name = states[k]->names[i], .i = w->n};
            ok = find_extent(w, p);
        }
    if (ok && w->n > 0)
        qsort(sorted, (size_t)w->n, sizeof(piece *), by_storage);
    if (ok)
        share(w, sorted);
    tp__free(sorted);
    return ok;
}

/* ---- the pickle ---------------------------------------------------------------------------------------------------- */

static void emit(writer *w, const void *bytes, size_t n)
{
    if (w->failed)
        return;
    if (n > w->room - w->bytes) {
        size_t room = 2 * (w->bytes + n) + 1024;
        char *larger = tp__realloc(w->pickle, room);
        w->failed = larger == NULL;
        if (w->failed)
            return;
        w->pickle = larger;
        w->room = room;
    }
    memcpy(w->pickle + w->bytes, bytes, n);
    w->bytes += n;
}

static void emit_code(writer *w, const char *opcodes) { emit(w, opcodes, strlen(opcodes)); }

static void emit_number(writer *w, char opcode, uint64_t v, size_t bytes)
{
    char b[9] = {opcode};
    for (size_t i = 0; i < bytes; i++)
        b[1 + i] = (char)(v >> (8 * i));
    emit(w, b, 1 + bytes);
}

static void emit_text(writer *w, const char *text)
{
    size_t n = strlen(text);
    emit_number(w, 'X', n, 4); /* BINUNICODE */
    emit(w, text, n);
}

static void emit_int(writer *w, int64_t v)
{
    if (v >= 0 && v < 256) {
        emit_number(w, 'K', (uint64_t)v, 1); /* BININT1 */
    } else if (v >= INT32_MIN && v <= INT32_MAX) {
        emit_number(w, 'J', (uint64_t)v, 4); /* BININT */
    } else {
        emit_code(w, "\x8a"); /* LONG1 */
        emit_number(w, 8, (uint64_t)v, 8);
    }
}

/* BINFLOAT has the high bytes first. */
static void emit_float(writer *w, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    emit_number(w, 'G', __builtin_bswap64(bits), 8);
}

static void emit_dims(writer *w, int n, const int64_t *dim)
{
    emit_code(w, "("); /* MARK ... TUPLE */
    for (int d = 0; d < n; d++)
        emit_int(w, dim[d]);
    emit_code(w, "t");
}

static const char ordered_dict[] = "ccollections\nOrderedDict\n)R"; /* GLOBAL, EMPTY_TUPLE, REDUCE */

static void emit_tensor(writer *w, const piece *p)
{
    const tp_tensor *x = p->x;
    const stretch *s = &w->stretches[p->key];
    char text[80];
    int64_t dense[TP_MAX_DIMS], step = 1;
    for (int d = x->ndim - 1; d >= 0; step *= x->shape[d] > 1 ? x->shape[d] : 1, d--)
        dense[d] = step;
    emit_code(w, "ctorch._utils\n_rebuild_tensor_v2\n((");
    emit_text(w, "storage");
    tp__snprintf(text, sizeof text, "ctorch\n%s\n", storage_names[x->dtype]);
    emit_code(w, text);
    tp__snprintf(text, sizeof text, "%d", p->key);
    emit_text(w, text);
    emit_text(w, "cpu");
    emit_int(w, (s->end - s->begin) / (int64_t)tp_dtype_size(x->dtype));
    emit_code(w, "tQ"); /* TUPLE BINPERSID */
    emit_int(w, p->offset);
    emit_dims(w, x->ndim, x->shape);
    emit_dims(w, x->ndim, p->copy || x->numel == 0 ? dense : x->stride);
    emit_code(w, "\x89"); /* NEWFALSE: asks for no gradient */
    emit_code(w, ordered_dict);
    emit_code(w, "tR");
}

/* ---- an optimizer's state -------------------------------------------------------------------------------------------- */

/* What "state.3.exp_avg" or "param_groups.0.lr" is of; false for any other name. */
typedef struct {
    const piece *p;
    bool group;
    int64_t of;
    const char *key;
} part;

static bool read_part(const piece *p, part *out)
{
    static const char *const begins[] = {"state.", "param_groups."};
    for (int k = 0; k < 2; k++) {
        size_t n = strlen(begins[k]);
        const char *at = p->name + n;
        if (strncmp(p->name, begins[k], n) != 0)
            continue;
        *out = (part){p, k == 1, 0, NULL};
        for (; tp__is_digit(*at) && out->of < INT32_MAX; at++)
            out->of = 10 * out->of + (*at - '0');
        out->key = at + 1;
        return at > p->name + n && *at == '.' && out->of < INT32_MAX && *out->key && strchr(out->key, '.') == NULL;
    }
    return false;
}

static int by_part(const void *a, const void *b)
{
    const part *x = a, *y = b;
    if (x->group != y->group)
        return x->group ? 1 : -1;
    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return x->p->i < y->p->i ? -1 : x->p->i > y->p->i;
}

static void emit_element(writer *w, const tp_tensor *x, int64_t i)
{
    const char *at = (const char *)x->data +
                     tp__offset_at(x->ndim, x->shape, x->stride, i) * (int64_t)tp_dtype_size(x->dtype);
    if (x->dtype == TP_BOOL)
        emit_code(w, *(const uint8_t *)at ? "\x88" : "\x89");
    else if (tp_dtype_is_float(x->dtype))
        emit_float(w, tp__load(at, x->dtype));
    else
        emit_int(w, tp__load_i64(at, x->dtype));
}

/* An option: a number, the list "params", or a tuple (betas). */
static void emit_option(writer *w, const part *o)
{
    const tp_tensor *x = o->p->x;
    bool list = strcmp(o->key, "params") == 0;
    if (x->ndim == 0) {
        emit_element(w, x, 0);
        return;
    }
    emit_code(w, list ? "](" : "(");
    for (int64_t i = 0; i < x->numel; i++)
        emit_element(w, x, i);
    emit_code(w, list ? "e" : "t"); /* APPENDS, TUPLE */
}

/* The parts of one parameter or one group as a dict; returns where the next begin. */
static int emit_parts(writer *w, const part *parts, int n, int at)
{
    int64_t of = parts[at].of;
    bool group = parts[at].group;
    emit_code(w, "}("); /* EMPTY_DICT MARK ... SETITEMS */
    for (; at < n && parts[at].of == of && parts[at].group == group; at++) {
        emit_text(w, parts[at].key);
        if (group)
            emit_option(w, &parts[at]);
        else
            emit_tensor(w, parts[at].p);
    }
    emit_code(w, "u");
    return at;
}

/* {"state": {0: {...}, ...}, "param_groups": [{...}, ...]} */
static void emit_optimizer(writer *w, const part *parts, int n)
{
    int at = 0;
    emit_code(w, "}(");
    emit_text(w, "state");
    emit_code(w, "}(");
    while (at < n && !parts[at].group) {
        emit_int(w, parts[at].of);
        at = emit_parts(w, parts, n, at);
    }
    emit_code(w, "u");
    emit_text(w, "param_groups");
    emit_code(w, "](");
    while (at < n)
        at = emit_parts(w, parts, n, at);
    emit_code(w, "eu");
}

/* Are all names an optimizer's, with options that are numbers, and groups that are counted from 0? Then they are sorted. */
static bool is_optimizer(const piece *pieces, int n, part *parts)
{
    int64_t groups = 0;
    for (int i = 0; i < n; i++)
        if (!read_part(&pieces[i], &parts[i]) || (parts[i].group && pieces[i].x->ndim > 1))
            return false;
    if (n > 0)
        qsort(parts, (size_t)n, sizeof *parts, by_part);
    for (int i = 0; i < n; i++)
        if (parts[i].group && parts[i].of > groups)
            return false;
        else if (parts[i].group)
            groups = parts[i].of + 1;
    return groups > 0;
}

/* A state: an optimizer's, or a dict of tensors; `parts` is room for n. */
static void emit_state(writer *w, const piece *pieces, int n, part *parts)
{
    if (is_optimizer(pieces, n, parts)) {
        emit_optimizer(w, parts, n);
        return;
    }
    emit_code(w, ordered_dict);
    emit_code(w, "(");
    for (int i = 0; i < n; i++) {
        emit_text(w, pieces[i].name);
        emit_tensor(w, &pieces[i]);
    }
    emit_code(w, "u");
}

/* What stands under one key of several: a state, or one value that has no name. */
static void emit_under_key(writer *w, const piece *pieces, int n, part *parts)
{
    if (n != 1 || *pieces->name)
        emit_state(w, pieces, n, parts);
    else if (pieces->x->ndim == 0)
        emit_element(w, pieces->x, 0);
    else
        emit_tensor(w, pieces);
}

/* Several states by key; keys NULL: one, which is all there is. */
static bool make_pickle(writer *w, int n, const char *const *keys, tp_state_dict *const *states)
{
    part *parts = tp__malloc(((size_t)w->n + 1) * sizeof *parts);
    if (parts == NULL)
        return false;
    emit_code(w, "\x80\x02"); /* PROTO 2 */
    if (keys) {
        const piece *at = w->pieces;
        emit_code(w, "}(");
        for (int k = 0; k < n; at += states[k++]->n) {
            emit_text(w, keys[k]);
            emit_under_key(w, at, states[k]->n, parts);
        }
        emit_code(w, "u");
    } else {
        emit_state(w, w->pieces, w->n, parts);
    }
    emit_code(w, ".");
    tp__free(parts);
    return !w->failed;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

static void write_entry(tp__zip_writer *z, const char *name, const void *data, size_t n)
{
    tp__zip_entry_begin(z, name, n, false, 64); /* as torch has it, for who maps the file */
    tp__zip_entry_write(z, data, n);
    tp__zip_entry_end(z);
}

static bool write_archive(writer *w, FILE *file)
{
    tp__zip_writer z = {.file = file};
    char name[40];
    write_entry(&z, "archive/data.pkl", w->pickle, w->bytes);
    write_entry(&z, "archive/byteorder", "little", 6);
    for (int k = 0; k < w->n_stretches; k++) {
        const stretch *s = &w->stretches[k];
        tp__snprintf(name, sizeof name, "archive/data/%d", k);
        write_entry(&z, name, s->begin, (size_t)(s->end - s->begin));
    }
    write_entry(&z, "archive/version", "3\n", 2);
    return tp__zip_write_end(&z);
}

static void drop(writer *w)
{
    for (int i = 0; w->pieces && i < w->n; i++)
        tp__storage_unref(w->pieces[i].copy);
    tp__free(w->pieces);
    tp__free(w->stretches);
    tp__free(w->pickle);
}

static tp_status save(tp_tape *T, const char *who, const char *path, int n, const char *const *keys,
                      tp_state_dict *const *states)
{
    tp__replacement r;
    writer w = {.T = T};
    size_t count = 0;
    for (int k = 0; k < n; k++) {
        if (tp__file_check(T, who, path, states[k]->n, states[k]->names, states[k]->tensors) != TP_OK)
            return T->status;
        count += (size_t)states[k]->n;
    }
    if (count > INT_MAX)
        return tp_fail(T, TP_EINVAL, "%s: %s: %zu tensors; fewer than 2^31 are needed", who, path, count);
    if (!list_pieces(&w, n, states, count) || !make_pickle(&w, n, keys, states)) {
        tp_fail(T, TP_ENOMEM, "%s: %s: no memory", who, path);
    } else if (tp__replace_begin(T, who, path, &r)) {
        errno = 0;
        tp__replace_end(T, who, path, &r, write_archive(&w, r.file));
    }
    drop(&w);
    return T->status;
}

tp_status tp_torch_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors)
{
    TP__NAMED(T, "torch_save");
    tp_state_dict d = {n, names, tensors}, *state = &d;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "torch_save", "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    return save(T, "torch_save", path, 1, NULL, &state);
}

tp_status tp_torch_save_parts(tp_tape *T, const char *path, int n, const char *const *keys, tp_state_dict *const *parts)
{
    static const char who[] = "torch_save_parts";
    TP__NAMED(T, who);
    if (tp__ok(T) && path == NULL)
        tp__missing(T, who, "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (n < 0 || (n > 0 && (keys == NULL || parts == NULL)))
        return tp_fail(T, TP_EINVAL, "%s: %s: %d parts; 0 or more, and lists of them that are not NULL, are needed",
                       who, path, n);
    for (int k = 0; k < n; k++)
        if (parts[k] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: part %d is NULL", who, k);
    if (tp__file_check_names(T, who, path, n, keys) != TP_OK)
        return T->status;
    return save(T, who, path, n, keys ? keys : (const char *const[]){NULL}, parts);
}
