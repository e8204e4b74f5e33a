/* numpy.c - NumPy's files. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html: a magic text,
 * a version, the length of the head, which is a Python dict in text, the elements. */
#define _POSIX_C_SOURCE 200809L
#include "io/element.h"
#include "io/file.h"
#include "io/mapped.h"
#include "io/zip.h"
#include "tape/state_dict.h"
#include "tapir/numpy.h"
#include "tapir/share.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <unistd.h>

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};
enum { LONGEST_HEAD = 65535, LONGEST_DESCR = 32 };

/* By their code without the order of bytes; theirs that become ours first are those that are written. */
static const struct {
    const char *code;
    int stored;
} dtypes[] = {
    {"f4", TP_F32},  {"f8", TP_F64}, {"i4", TP_I32},  {"i8", TP_I64},  {"u1", TP_U8},   {"b1", TP_BOOL},
    {"f2", TP__F16}, {"i1", TP__I8}, {"i2", TP__I16}, {"u2", TP__U16}, {"u4", TP__U32}, {"u8", TP__U64},
};
TP__DTYPES_ARE(6);

/* ---- the head ------------------------------------------------------------------------------------------------------ */

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };
typedef struct {
    char descr[LONGEST_DESCR];
    int stored; /* -1: one that is not read */
    bool swap, fortran;
    tp_dims shape; /* of more than TP_MAX_DIMS dimensions the number alone */
    unsigned seen; /* of these */
} head;

static void skip_space(const char **at)
{
    while (tp__is_space(**at))
        ++*at;
}

/* The character, after spaces; those behind it go, too. */
static bool take(const char **at, char c)
{
    skip_space(at);
    if (**at != c)
        return false;
    ++*at;
    skip_space(at);
    return true;
}

static bool take_word(const char **at, const char *word)
{
    size_t n = strlen(word);
    skip_space(at);
    if (strncmp(*at, word, n) != 0)
        return false;
    *at += n;
    return true;
}

/* A text in quotes; false where it is none, or longer than there is room. */
static bool take_text(const char **at, char *to, size_t room)
{
    skip_space(at);
    char quote = **at;
    if (quote != '\'' && quote != '"')
        return false;
    for (++*at; **at && **at != quote && room > 1; room--)
        *to++ = *(*at)++;
    *to = 0;
    return take(at, quote);
}

/* A size; Python 2 wrote it with an L. */
static bool take_size(const char **at, int64_t *n)
{
    skip_space(at);
    if (!tp__is_digit(**at))
        return false;
    for (*n = 0; tp__is_digit(**at); ++*at)
        if (*n > (INT64_MAX - (**at - '0')) / 10)
            return false;
        else
            *n = *n * 10 + (**at - '0');
    *at += **at == 'L';
    return true;
}

static bool take_shape(const char **at, tp_dims *shape)
{
    *shape = (tp_dims){0};
    if (!take(at, '('))
        return false;
    while (!take(at, ')')) {
        int64_t n;
        if (!take_size(at, &n))
            return false;
        if (shape->ndim < TP_MAX_DIMS)
            shape->dim[shape->ndim] = n;
        shape->ndim++;
        if (!take(at, ',') && **at != ')')
            return false;
    }
    return true;
}

static void find_dtype(head *h)
{
    const char *code = h->descr;
    h->swap = *code == '>';
    code += *code && strchr("<>|=", *code) ? 1 : 0;
    h->stored = -1;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (strcmp(dtypes[i].code, code) == 0)
            h->stored = dtypes[i].stored;
}

/* What comes after a key. A dtype that is no text is a list of fields, and the rest of the head is not looked at. */
static const char *take_value(const char **at, const char *key, head *h)
{
    unsigned what = strcmp(key, "descr") == 0 ? DESCR : strcmp(key, "fortran_order") == 0 ? ORDER : SHAPE;
    if (what == SHAPE && strcmp(key, "shape") != 0)
        return "its head has a key that is not known";
    if (h->seen & what)
        return "its head has a key twice";
    h->seen |= what;
    if (what == SHAPE)
        return take_shape(at, &h->shape) ? NULL : "its shape is none";
    if (what == ORDER) {
        h->fortran = take_word(at, "True");
        return h->fortran || take_word(at, "False") ? NULL : "its order is neither True nor False";
    }
    if (!take_text(at, h->descr, sizeof h->descr))
        memcpy(h->descr, "a record", 9);
    find_dtype(h);
    return NULL;
}

static const char *parse_head(const char *at, head *h)
{
    char key[16];
    *h = (head){.stored = -1};
    if (!take(&at, '{'))
        return "its head is no dict";
    while (!take(&at, '}')) {
        if (!take_text(&at, key, sizeof key) || !take(&at, ':'))
            return "its head is no dict of texts";
        const char *wrong = take_value(&at, key, h);
        if (wrong || ((h->seen & DESCR) && h->stored < 0))
            return wrong;
        if (!take(&at, ',') && *at != '}')
            return "its head is no dict";
    }
    return *at ? "more than a dict is in its head" : h->seen == (DESCR | ORDER | SHAPE) ? NULL : "its head lacks a key";
}

/* NULL, or what is wrong. */
static const char *read_head(tp__stream *s, head *h, bool *no_memory)
{
    unsigned char b[12] = {0};
    if (!tp__stream_read(s, b, 8) || memcmp(b, magic, sizeof magic) != 0)
        return "it does not begin as an .npy file does";
    if (b[6] < 1 || b[6] > 3)
        return "its version is none of 1, 2, 3";
    size_t wide = b[6] == 1 ? 2 : 4;
    if (!tp__stream_read(s, b + 8, wide))
        return "it is shorter than its head";
    size_t length = (size_t)b[8] | (size_t)b[9] << 8 | (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (length > s->left || length > LONGEST_HEAD)
        return length > s->left ? "it is shorter than its head" : "its head is too long";
    char *text = tp__malloc(length + 1);
    *no_memory = text == NULL;
    if (text == NULL)
        return "no memory";
    text[length] = 0;
    const char *wrong = !tp__stream_read(s, text, length) ? "its head could not be read"
                        : memchr(text, 0, length) != NULL ? "its head is no text"
                                                          : parse_head(text, h);
    tp__free(text);
    return wrong;
}

/* ---- the elements -------------------------------------------------------------------------------------------------- */

/* Who reads what, for messages; `entry` is "" where the file is the array. */
typedef struct {
    tp_tape *T;
    const char *who, *path, *entry;
} reader;

static bool refuse(const reader *r, tp_status status, const char *wrong)
{
    tp_fail(r->T, status, "%s: %s%s%s: %s", r->who, r->path, *r->entry ? ": " : "", r->entry, wrong);
    return false;
}

static bool refuse_kind(const reader *r, const head *h)
{
    if (h->stored < 0)
        tp_fail(r->T, TP_EUNSUPPORTED,
                "%s: %s%s%s: its dtype is %s; bool, an integer, float16, float32 or float64 is needed", r->who, r->path,
                *r->entry ? ": " : "", r->entry, h->descr);
    else
        tp_fail(r->T, TP_EUNSUPPORTED, "%s: %s%s%s: it has %d dimensions; at most %d are possible", r->who, r->path,
                *r->entry ? ": " : "", r->entry, h->shape.ndim, TP_MAX_DIMS);
    return false;
}

/* Elements in the order of the file; they are read to the end of the room, and converted from there. */
static tp_tensor *read_elements(const reader *r, tp__stream *s, const head *h, tp_dims shape, int64_t numel)
{
    size_t size = tp__stored_size(h->stored), bytes = (size_t)numel * size;
    tp_tensor *x = tp__tensor_make(r->T, tp__stored_as(h->stored), shape);
    int64_t bad;
    if (x == NULL)
        return NULL;
    char *from = numel == 0 ? x->data : (char *)x->data + (size_t)numel * tp_dtype_size(x->dtype) - bytes;
    if (!tp__stream_read(s, from, bytes) || !tp__stream_good(s)) {
        refuse(r, TP_EIO, "its data is damaged, or cut short");
        return NULL;
    }
    if (tp__stored_convert(h->stored, h->swap, numel, from, x->data, &bad))
        return x;
    tp_fail(r->T, TP_EUNSUPPORTED, "%s: %s%s%s: element %lld is beyond int64; uint64 is read where it is below 2^63",
            r->who, r->path, *r->entry ? ": " : "", r->entry, (long long)bad);
    return NULL;
}

/* Read with its dimensions the other way round, Fortran's order is C's. */
static tp_tensor *read_fortran(const reader *r, tp__stream *s, const head *h, int64_t numel)
{
    tp_dims turned = h->shape;
    int64_t stride[TP_MAX_DIMS];
    int n = h->shape.ndim;
    for (int d = 0; d < n; d++)
        turned.dim[d] = h->shape.dim[n - 1 - d];
    tp_tensor *x = read_elements(r, s, h, turned, numel), *view, *y;
    if (x == NULL)
        return NULL;
    for (int d = 0; d < n; d++)
        stride[d] = x->stride[n - 1 - d];
    view = tp__tensor_alias(r->T, x, h->shape, stride, 0);
    y = view ? tp__tensor_make(r->T, x->dtype, h->shape) : NULL;
    if (y)
        tp__copy_elements(view, y->data, y->dtype);
    return y;
}

/* The head, of an array that is read here and as long as it says; the stream is at its elements then. */
static bool read_good_head(const reader *r, tp__stream *s, head *h, int64_t *numel)
{
    size_t bytes;
    bool no_memory = false;
    const char *wrong = read_head(s, h, &no_memory);
    if (wrong)
        return refuse(r, no_memory ? TP_ENOMEM : TP_EIO, wrong);
    if (h->stored < 0 || h->shape.ndim > TP_MAX_DIMS)
        return refuse_kind(r, h);
    return (tp__dims_numel(h->shape, numel) && tp__mul_size((size_t)*numel, tp__stored_size(h->stored), &bytes) &&
            bytes == s->left) ||
           refuse(r, TP_EIO, "its length does not fit its shape");
}

static tp_tensor *read_array(const reader *r, tp__stream *s)
{
    head h;
    int64_t numel;
    if (!read_good_head(r, s, &h, &numel))
        return NULL;
    return h.fortran && h.shape.ndim > 1 ? read_fortran(r, s, &h, numel) : read_elements(r, s, &h, h.shape, numel);
}

static tp_tensor *map_array(const reader *r, tp__stream *s, const char *instead)
{
    head h;
    int64_t numel;
    if (!read_good_head(r, s, &h, &numel))
        return NULL;
    const tp__in_file a = {.who = r->who,
                           .path = r->path,
                           .name = r->entry,
                           .instead = instead,
                           .stored = h.stored,
                           .swap = h.swap,
                           .fortran = h.fortran,
                           .shape = h.shape,
                           .at = s->at};
    return tp__map_file(r->T, s->fd, &a);
}

tp_tensor *tp__npy_map(tp_tape *T, const char *who, const char *path, int fd, size_t bytes)
{
    tp__stream s = tp__stream_of_file(fd, 0, bytes);
    return map_array(&(reader){T, who, path, ""}, &s, "tp_npy_load reads it");
}

tp_tensor *tp_npy_load(tp_tape *T, const char *path)
{
    TP__NAMED(T, "npy_load");
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "npy_load", "the path");
    int fd = tp__ok(T) ? tp__file_open(T, "npy_load", path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    tp__stream s = tp__stream_of_file(fd, 0, bytes);
    tp_tensor *x = read_array(&(reader){T, "npy_load", path, ""}, &s);
    close(fd);
    return x;
}

/* ---- archives ------------------------------------------------------------------------------------------------------ */

struct tp_npz {
    tp__zip zip;
    int n;
    const tp__zip_entry **entry; /* those that are arrays */
    const char **name;
    tp__given *sorted;
    char path[];
};

void tp_npz_close(tp_npz *f)
{
    if (f == NULL)
        return;
    tp__zip_close(&f->zip);
    tp__free(f->entry);
    tp__free(f->name);
    tp__free(f->sorted);
    tp__free(f);
}

/* The entries that are arrays lose ".npy". */
static bool list_arrays(tp_tape *T, tp_npz *f)
{
    size_t n = (size_t)f->zip.n + 1;
    f->entry = tp__malloc(n * sizeof *f->entry);
    f->name = tp__malloc(n * sizeof *f->name);
    f->sorted = tp__malloc(n * sizeof *f->sorted);
    if (!f->entry || !f->name || !f->sorted) {
        tp_fail(T, TP_ENOMEM, "npz: %s: no memory for %d names", f->path, f->zip.n);
        return false;
    }
    for (int i = 0; i < f->zip.n; i++) {
        size_t length = strlen(f->zip.list[i].name);
        if (length < 4 || strcmp(f->zip.list[i].name + length - 4, ".npy") != 0)
            continue;
        ((char *)f->zip.list[i].name)[length - 4] = 0; /* it is in the directory's text, which is ours */
        f->entry[f->n] = &f->zip.list[i];
        f->name[f->n++] = f->zip.list[i].name;
    }
    return tp__given_sort(T, "npz", f->n, f->name, f->sorted) == TP_OK;
}

tp_npz *tp_npz_open(tp_tape *T, const char *path)
{
    TP__NAMED(T, "npz_open");
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "npz_open", "the path");
    int fd = tp__ok(T) ? tp__file_open(T, "npz", path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    tp_npz *f = tp__calloc(1, sizeof *f + strlen(path) + 1);
    if (f == NULL) {
        tp_fail(T, TP_ENOMEM, "npz: %s: no memory", path);
        close(fd);
        return NULL;
    }
    memcpy(f->path, path, strlen(path) + 1);
    if (tp__zip_open(T, "npz", f->path, fd, bytes, &f->zip) && list_arrays(T, f))
        return f;
    tp_npz_close(f);
    return NULL;
}

int tp_npz_length(const tp_npz *f) { return f ? f->n : 0; }
const char *tp_npz_name(const tp_npz *f, int i) { return f && i >= 0 && i < f->n ? f->name[i] : NULL; }

bool tp_npz_has(const tp_npz *f, const char *name)
{
    return f && name && tp__given_find(f->sorted, f->n, name) != NULL;
}

/* The entry of that name, to be read; false after a failure. */
static bool open_entry(tp_tape *T, const char *who, const tp_npz *f, const char *name, tp__stream *s)
{
    if (f == NULL || name == NULL)
        tp__missing(T, who, f ? "the name" : "the file");
    if (!tp__ok(T) || f == NULL || name == NULL)
        return false;
    const tp__given *found = tp__given_find(f->sorted, f->n, name);
    if (found == NULL)
        tp_fail(T, TP_EINVAL, "npz: %s is not in %s; a name that is there is needed", name, f->path);
    return found && tp__zip_stream(T, &f->zip, f->entry[found->i], s);
}

tp_tensor *tp_npz_get(tp_tape *T, const tp_npz *f, const char *name)
{
    TP__NAMED(T, "npz_get");
    tp__stream s;
    if (!open_entry(T, "npz_get", f, name, &s))
        return NULL;
    tp_tensor *x = read_array(&(reader){T, "npz", f->path, name}, &s);
    tp__stream_close(&s);
    return x;
}

tp_tensor *tp_npz_map(tp_tape *T, const tp_npz *f, const char *name)
{
    TP__NAMED(T, "npz_map");
    tp__stream s;
    tp_tensor *x = NULL;
    if (!open_entry(T, "npz_map", f, name, &s))
        return NULL;
    if (s.inflating)
        tp_fail(T, TP_EUNSUPPORTED, "npz: %s: %s: it is packed; tp_npz_get reads it", f->path, name);
    else
        x = map_array(&(reader){T, "npz", f->path, name}, &s, "tp_npz_get reads it");
    tp__stream_close(&s);
    return x;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

enum { HEAD_ROOM = 512 };

/* The head, of a length that is a multiple of 64; returns it. */
static size_t make_head(const tp_tensor *x, char text[HEAD_ROOM])
{
    const char *code = "";
    for (size_t i = sizeof dtypes / sizeof *dtypes; i-- > 0;)
        if (dtypes[i].stored == (int)x->dtype)
            code = dtypes[i].code;
    size_t at = 10;
    at += (size_t)snprintf(text + at, HEAD_ROOM - at, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                           tp_dtype_size(x->dtype) == 1 ? '|' : '<', code);
    for (int d = 0; d < x->ndim; d++)
        at += (size_t)snprintf(text + at, HEAD_ROOM - at, d ? " %lld," : "%lld,", (long long)x->shape[d]);
    at -= x->ndim > 1; /* but (3,) */
    at += (size_t)snprintf(text + at, HEAD_ROOM - at, "), }");
    size_t length = (at + 1 + 63) / 64 * 64;
    memset(text + at, ' ', length - at);
    text[length - 1] = '\n';
    memcpy(text, magic, sizeof magic);
    text[6] = 1;
    text[7] = 0;
    text[8] = (char)((length - 10) & 255);
    text[9] = (char)((length - 10) >> 8);
    return length;
}

static bool write_npy(tp_tape *T, FILE *file, tp_tensor *x)
{
    char text[HEAD_ROOM];
    size_t length = make_head(x, text), bytes = (size_t)x->numel * tp_dtype_size(x->dtype);
    tp__storage *copy;
    const void *data = tp__elements(T, x, &copy);
    if (data == NULL && bytes > 0)
        errno = ENOMEM;
    bool ok = (data || bytes == 0) && fwrite(text, 1, length, file) == length &&
              (bytes == 0 || fwrite(data, 1, bytes, file) == bytes);
    tp__storage_unref(copy);
    return ok;
}

tp_status tp_npy_save(tp_tape *T, const char *path, tp_tensor *x)
{
    TP__NAMED(T, "npy_save");
    tp__replacement r;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "npy_save", "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (!tp__usable(T, "npy_save", x) || !tp__replace_begin(T, "npy_save", path, &r))
        return T->status;
    errno = 0;
    return tp__replace_end(T, "npy_save", path, &r, write_npy(T, r.file, x));
}

static bool write_entry(tp_tape *T, tp__zip_writer *w, const char *name, tp_tensor *x, bool packed)
{
    char text[HEAD_ROOM];
    size_t length = make_head(x, text), bytes = (size_t)x->numel * tp_dtype_size(x->dtype), letters = strlen(name);
    tp__storage *copy = NULL;
    char *entry = tp__malloc(letters + 5);
    const void *data = entry ? tp__elements(T, x, &copy) : NULL;
    bool ok = entry && (data || bytes == 0);
    if (ok) {
        memcpy(entry, name, letters);
        memcpy(entry + letters, ".npy", 5);
        tp__zip_entry_begin(w, entry, length + bytes, packed, 64); /* the elements, too, for who maps the file */
        tp__zip_entry_write(w, text, length);
        tp__zip_entry_write(w, data, bytes);
        tp__zip_entry_end(w);
    } else {
        errno = ENOMEM;
    }
    tp__free(entry);
    tp__storage_unref(copy);
    return ok && !w->failed;
}

static tp_status save(tp_tape *T, const char *who, const char *path, int n, const char *const *names,
                      tp_tensor *const *tensors, bool packed)
{
    tp__replacement r;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, who, "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
#ifndef HAVE_ZLIB
    if (packed)
        return tp_fail(T, TP_EUNSUPPORTED, "%s: %s: built without zlib; it is needed", who, path);
#endif
    if (tp__file_check(T, who, path, n, names, tensors) != TP_OK || !tp__replace_begin(T, who, path, &r))
        return T->status;
    errno = 0;
    tp__zip_writer w = {.file = r.file};
    bool ok = true;
    for (int i = 0; i < n && ok; i++)
        ok = write_entry(T, &w, names[i], tensors[i], packed);
    ok = tp__zip_write_end(&w) && ok;
    return tp__replace_end(T, who, path, &r, ok);
}

tp_status tp_npz_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors)
{
    TP__NAMED(T, "npz_save");
    return save(T, "npz_save", path, n, names, tensors, false);
}

tp_status tp_npz_save_compressed(tp_tape *T, const char *path, int n, const char *const *names,
                                 tp_tensor *const *tensors)
{
    TP__NAMED(T, "npz_save_compressed");
    return save(T, "npz_save_compressed", path, n, names, tensors, true);
}
