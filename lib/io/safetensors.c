/* safetensors.c - named tensors in a file: a length, a JSON header, the data. Format:
 * https://github.com/huggingface/safetensors. The header's object is taken apart here, member by member, and jansson reads
 * and writes the members; everything they say is checked against the length of the file before any of it is believed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "io/element.h"
#include "io/file.h"
#include "io/mapped.h"
#include "io/zip.h"
#include "tapir/io.h"
#include "tapir/share.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef HAVE_JANSSON
#include <jansson.h>

enum { LONGEST_HEADER = 100 * 1000 * 1000, LONGEST_RECORD = 16 * 1024 };

/* One tensor as the header has it. */
typedef struct {
    const char *name;
    int stored; /* as in element.h; -1: one that is not read */
    tp_dims shape;
    size_t begin, end;
} record;

typedef struct {
    const char *key, *value;
} text_pair;

/* Names, keys and values are decoded where they stand in the header's text, which has room for them: so what it takes
 * is a small multiple of its length, whatever it says. Elements are read from the file when they are asked for. */
struct tp_safetensors {
    int fd;
    char *header;       /* its text */
    size_t bytes, data; /* of the file; where the data begins */
    record *list;       /* in the order of their data */
    const record **by_name;
    text_pair *metadata; /* by key */
    int n, n_metadata, room, room_metadata;
    bool has_metadata;
    char path[]; /* for messages */
};

/* Ours, then those that are converted, then those that are known and not read. */
static const struct {
    const char *name;
    int stored;
    size_t size;
} dtypes[] = {
    {"F32", TP_F32, 4},   {"F64", TP_F64, 8},  {"I32", TP_I32, 4},    {"I64", TP_I64, 8}, {"U8", TP_U8, 1},
    {"BOOL", TP_BOOL, 1}, {"F16", TP__F16, 2}, {"BF16", TP__BF16, 2}, {"I8", TP__I8, 1},  {"I16", TP__I16, 2},
    {"U16", TP__U16, 2},  {"U32", TP__U32, 4}, {"U64", TP__U64, 8},   {"F8_E4M3", -1, 1}, {"F8_E5M2", -1, 1},
    {"F8_E8M0", -1, 1},   {"C64", -1, 8},
};
TP__DTYPES_ARE(6);
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- reading -------------------------------------------------------------------------------------------------- */

void tp_safetensors_close(tp_safetensors *f)
{
    if (f == NULL)
        return;
    tp__free(f->metadata);
    tp__free(f->by_name);
    tp__free(f->list);
    tp__free(f->header);
    if (f->fd >= 0)
        close(f->fd);
    tp__free(f);
}

/* What is being opened, for messages. */
typedef struct {
    tp_tape *T;
    const char *path;
    tp_safetensors *f;
} reader;

static bool refuse(const reader *r, const char *wrong)
{
    tp_fail(r->T, TP_EIO, "safetensors: %s: %s", r->path, wrong);
    return false;
}

static bool no_memory(const reader *r)
{
    tp_fail(r->T, TP_ENOMEM, "safetensors: %s: no memory", r->path);
    return false;
}

static uint64_t little_endian(const char *b)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | (unsigned char)b[i];
    return v;
}

/* ---- the members of a JSON object ---- */

typedef struct {
    char *at, *end;
} stretch;

static void skip_space(stretch *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* Behind the string that begins here; false where it does not end. */
static bool skip_string(stretch *s)
{
    if (s->at == s->end || *s->at != '"')
        return false;
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        if (*s->at == '\\' && s->at + 1 < s->end)
            s->at++;
    return s->at < s->end && *s->at++ == '"';
}

/* Behind the value that begins here, as far as brackets and strings tell: jansson reads it, which calls itself for each
 * bracket. */
static bool skip_value(stretch *s)
{
    enum { DEEPEST = 16 };
    int depth = 0;
    char *begin = s->at;
    while (s->at < s->end && depth <= DEEPEST) {
        char c = *s->at;
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            break;
        if (c == '"') {
            if (!skip_string(s))
                return false;
            continue;
        }
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        s->at++;
    }
    return depth == 0 && s->at > begin;
}

static bool take_char(stretch *s, char c)
{
    skip_space(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    skip_space(s);
    return true;
}

/* What the next member of the object has, where its place in it is given by s: +1, or 0 at the object's end, or -1. */
static int next_member(stretch *s, bool first, stretch *key, stretch *value)
{
    if (take_char(s, '}'))
        return 0;
    if (!first && !take_char(s, ','))
        return -1;
    key->at = s->at;
    if (!skip_string(s))
        return -1;
    key->end = s->at;
    if (!take_char(s, ':'))
        return -1;
    value->at = s->at;
    if (!skip_value(s))
        return -1;
    value->end = s->at;
    return 1;
}

/* Shows each member of the object that s is to visit, until one returns false. */
static bool each_member(const reader *r, stretch s, bool (*visit)(const reader *, stretch key, stretch value))
{
    stretch key, value;
    int more;
    if (!take_char(&s, '{'))
        return refuse(r, "its header is no JSON");
    for (bool first = true; (more = next_member(&s, first, &key, &value)) > 0; first = false)
        if (!visit(r, key, value))
            return false;
    return (more == 0 && s.at == s.end) || refuse(r, "its header is no JSON");
}

/* The value that lies there; NULL after a failure. */
static json_t *parse(const reader *r, stretch s)
{
    json_error_t error;
    errno = 0;
    json_t *j = json_loadb(s.at, (size_t)(s.end - s.at), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    if (j == NULL && errno == ENOMEM)
        no_memory(r);
    else if (j == NULL)
        refuse(r, "its header is no JSON");
    return j;
}

/* The string that lies there, decoded on the spot: it takes less room than in quotes. NULL after a failure. */
static const char *decode(const reader *r, stretch s)
{
    json_t *j = parse(r, s);
    const char *text = json_string_value(j);
    if (text)
        text = memcpy(s.at, text, json_string_length(j) + 1);
    else if (j)
        refuse(r, "its metadata is not all text");
    json_decref(j);
    return text;
}

/* The list with room for one more than n, by doubling; NULL after a failure, and the list stays. */
static void *grown(const reader *r, void *list, int n, int *room, size_t size)
{
    if (n < *room)
        return list;
    if (*room > INT_MAX / 2) {
        refuse(r, "it has too many tensors");
        return NULL;
    }
    int more = *room ? 2 * *room : 64;
    void *larger = tp__realloc(list, (size_t)more * size);
    if (larger == NULL)
        no_memory(r);
    else
        *room = more;
    return larger;
}

/* ---- what the header says ---- */

/* The shape, and the elements in it; of more dimensions than a tensor can have, those are counted alone. */
static const char *read_shape(const json_t *j, tp_dims *shape, size_t *numel)
{
    if (!json_is_array(j))
        return "a shape is no list";
    *shape = (tp_dims){.ndim = json_array_size(j) <= TP_MAX_DIMS ? (int)json_array_size(j) : TP_MAX_DIMS + 1};
    *numel = 1;
    for (size_t d = 0; d < json_array_size(j); d++) {
        const json_t *n = json_array_get(j, d);
        if (!json_is_integer(n) || json_integer_value(n) < 0)
            return "a size is no number";
        if (!tp__mul_size(*numel, (size_t)json_integer_value(n), numel))
            return "a shape is too large";
        if (d < TP_MAX_DIMS)
            shape->dim[d] = json_integer_value(n);
    }
    return NULL;
}

static const char *read_record(const json_t *j, size_t room, record *r)
{
    const char *dtype = json_string_value(json_object_get(j, "dtype"));
    const json_t *at = json_object_get(j, "data_offsets"), *begin = json_array_get(at, 0), *end = json_array_get(at, 1);
    size_t numel, bytes, k = 0;
    const char *wrong = read_shape(json_object_get(j, "shape"), &r->shape, &numel);
    if (wrong)
        return wrong;
    while (k < DTYPES && (dtype == NULL || strcmp(dtypes[k].name, dtype) != 0))
        k++;
    if (k == DTYPES)
        return "a dtype is not known";
    if (json_array_size(at) != 2 || !json_is_integer(begin) || !json_is_integer(end) || json_integer_value(begin) < 0 ||
        json_integer_value(end) < json_integer_value(begin) || (uint64_t)json_integer_value(end) > room)
        return "the data of a tensor lies outside the file";
    r->stored = dtypes[k].stored;
    r->begin = (size_t)json_integer_value(begin);
    r->end = (size_t)json_integer_value(end);
    if (!tp__mul_size(numel, dtypes[k].size, &bytes) || bytes != r->end - r->begin)
        return "the data of a tensor does not fit its shape";
    return NULL;
}

static bool metadata_member(const reader *r, stretch key, stretch value)
{
    tp_safetensors *f = r->f;
    text_pair *list = grown(r, f->metadata, f->n_metadata, &f->room_metadata, sizeof *list);
    if (list == NULL)
        return false;
    f->metadata = list;
    const char *k = decode(r, key), *v = k ? decode(r, value) : NULL;
    if (v)
        f->metadata[f->n_metadata++] = (text_pair){k, v};
    return v != NULL;
}

static bool tensor_member(const reader *r, const char *name, stretch value)
{
    tp_safetensors *f = r->f;
    if (value.end - value.at > LONGEST_RECORD)
        return refuse(r, "what it says of a tensor is too long");
    record *list = grown(r, f->list, f->n, &f->room, sizeof *list);
    if (list == NULL)
        return false;
    f->list = list;
    json_t *j = parse(r, value);
    if (j == NULL)
        return false;
    const char *wrong = read_record(j, f->bytes - f->data, &list[f->n]);
    json_decref(j);
    if (wrong)
        return refuse(r, wrong);
    list[f->n++].name = name;
    return true;
}

static bool header_member(const reader *r, stretch key, stretch value)
{
    const char *name = decode(r, key);
    if (name == NULL || strcmp(name, "__metadata__") != 0)
        return name && tensor_member(r, name, value);
    if (r->f->has_metadata)
        return refuse(r, "its header is no JSON: a name is there twice");
    r->f->has_metadata = true;
    return *value.at == '{' ? each_member(r, value, metadata_member) : refuse(r, "its metadata is no object");
}

static int by_place(const void *a, const void *b)
{
    const record *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return x->name < y->name ? -1 : 1; /* all in one text: in the order there */
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const record *const *)a)->name, (*(const record *const *)b)->name);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const text_pair *)a)->key, ((const text_pair *)b)->key);
}

/* The data is to lie without gaps or overlaps, up to the end of the file. */
static const char *check_layout(const tp_safetensors *f)
{
    size_t at = 0;
    for (int i = 0; i < f->n; at = f->list[i++].end)
        if (f->list[i].begin != at)
            return f->list[i].begin < at ? "the data of two tensors overlaps" : "there is a gap in its data";
    return at == f->bytes - f->data ? NULL : "there is more data than its tensors have";
}

/* Everything in its order; a name that is there twice is an error. */
static bool sort_all(const reader *r)
{
    tp_safetensors *f = r->f;
    bool twice = false;
    if ((f->by_name = tp__malloc(((size_t)f->n + 1) * sizeof *f->by_name)) == NULL)
        return no_memory(r);
    if (f->n > 0)
        qsort(f->list, (size_t)f->n, sizeof *f->list, by_place);
    for (int i = 0; i < f->n; i++)
        f->by_name[i] = &f->list[i];
    qsort(f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    for (int i = 1; i < f->n; i++)
        twice |= strcmp(f->by_name[i - 1]->name, f->by_name[i]->name) == 0;
    if (f->n_metadata > 0)
        qsort(f->metadata, (size_t)f->n_metadata, sizeof *f->metadata, by_key);
    for (int i = 1; i < f->n_metadata; i++)
        twice |= strcmp(f->metadata[i - 1].key, f->metadata[i].key) == 0;
    return !twice || refuse(r, "its header is no JSON: a name is there twice");
}

static bool read_header(const reader *r)
{
    tp_safetensors *f = r->f;
    char b[9] = {0};
    if (f->bytes < 8)
        return refuse(r, "it is too short");
    if (!tp__read_at(f->fd, 0, b, f->bytes < sizeof b ? 8 : sizeof b))
        return refuse(r, "it could not be read");
    uint64_t length = little_endian(b);
    if (length > f->bytes - 8 || length > LONGEST_HEADER)
        return refuse(r, b[8] == '{' ? "its header is longer than the file" /* which was cut off */
                                     : "it does not begin as a safetensors file does");
    f->data = 8 + (size_t)length;
    if ((f->header = tp__malloc((size_t)length + 1)) == NULL)
        return no_memory(r);
    if (!tp__read_at(f->fd, 8, f->header, (size_t)length))
        return refuse(r, "it could not be read");
    stretch header = {f->header, f->header + length};
    skip_space(&header);
    if (header.at < header.end && *header.at != '{')
        return refuse(r, "its header is no object");
    if (!each_member(r, header, header_member) || !sort_all(r))
        return false;
    const char *wrong = check_layout(f);
    return wrong == NULL || refuse(r, wrong);
}

tp_safetensors *tp_safetensors_open(tp_tape *T, const char *path)
{
    TP__NAMED(T, "safetensors_open");
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "safetensors", "the path");
    if (!tp__ok(T))
        return NULL;
    reader r = {T, path, tp__calloc(1, sizeof *r.f + strlen(path) + 1)};
    if (r.f == NULL) {
        no_memory(&r);
        return NULL;
    }
    memcpy(r.f->path, path, strlen(path) + 1);
    r.f->fd = tp__file_open(T, "safetensors", path, &r.f->bytes);
    if (r.f->fd >= 0 && read_header(&r))
        return r.f;
    tp_safetensors_close(r.f);
    return NULL;
}

int tp_safetensors_length(const tp_safetensors *f) { return f ? f->n : 0; }

const char *tp_safetensors_name(const tp_safetensors *f, int i)
{
    return f && i >= 0 && i < f->n ? f->list[i].name : NULL;
}

static const record *find(const tp_safetensors *f, const char *name)
{
    const record key = {.name = name}, *at = &key;
    if (f == NULL || name == NULL || f->n == 0)
        return NULL;
    const record *const *found = bsearch(&at, f->by_name, (size_t)f->n, sizeof *f->by_name, by_name);
    return found ? *found : NULL;
}

bool tp_safetensors_has(const tp_safetensors *f, const char *name) { return find(f, name) != NULL; }

/* The record of that name, of a tensor that is read; NULL after a failure. */
static const record *find_readable(tp_tape *T, const char *who, const tp_safetensors *f, const char *name)
{
    const record *r = find(f, name);
    if (f == NULL || name == NULL)
        tp__missing(T, who, f ? "the name" : "the file");
    if (!tp__ok(T) || f == NULL || name == NULL)
        return NULL;
    if (r && r->stored >= 0 && r->shape.ndim <= TP_MAX_DIMS)
        return r;
    tp_fail(T, r ? TP_EUNSUPPORTED : TP_EINVAL, "safetensors: %s %s", name,
            r == NULL ? "is not in the file; a name that is there is needed"
            : r->stored < 0
                ? "is of a dtype that is not read; bool, an integer or a float of 16, 32 or 64 bits is needed"
                : "has too many dimensions; at most TP_MAX_DIMS");
    return NULL;
}

/* The elements are read to the end of the room, and converted from there. */
tp_tensor *tp_safetensors_get(tp_tape *T, const tp_safetensors *f, const char *name)
{
    TP__NAMED(T, "safetensors_get");
    const record *r = find_readable(T, "safetensors_get", f, name);
    tp_tensor *x = r ? tp__tensor_make(T, tp__stored_as(r->stored), r->shape) : NULL;
    int64_t bad;
    if (x == NULL)
        return NULL;
    size_t bytes = r->end - r->begin, room = (size_t)x->numel * tp_dtype_size(x->dtype);
    char *from = bytes == 0 ? x->data : (char *)x->data + (room - bytes);
    if (!tp__read_at(f->fd, f->data + r->begin, from, bytes)) {
        tp_fail(T, TP_EIO, "safetensors: %s: %s: its data could not be read", f->path, name);
        return NULL;
    }
    if (tp__stored_convert(r->stored, false, x->numel, from, x->data, &bad))
        return x;
    tp_fail(T, TP_EUNSUPPORTED,
            "safetensors: element %lld of %s is beyond int64; uint64 is read where it is below 2^63", (long long)bad,
            name);
    return NULL;
}

tp_tensor *tp_safetensors_map(tp_tape *T, const tp_safetensors *f, const char *name)
{
    TP__NAMED(T, "safetensors_map");
    const record *r = find_readable(T, "safetensors_map", f, name);
    return r ? tp__map_file(T, f->fd,
                            &(tp__in_file){.who = "safetensors_map",
                                           .path = f->path,
                                           .name = name,
                                           .instead = "tp_safetensors_get reads it",
                                           .stored = r->stored,
                                           .shape = r->shape,
                                           .at = f->data + r->begin})
             : NULL;
}

const char *tp_safetensors_metadata(const tp_safetensors *f, const char *key)
{
    const text_pair wanted = {key, NULL};
    if (f == NULL || key == NULL || f->n_metadata == 0)
        return NULL;
    const text_pair *found = bsearch(&wanted, f->metadata, (size_t)f->n_metadata, sizeof *f->metadata, by_key);
    return found ? found->value : NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static const char *dtype_text(tp_dtype dtype)
{
    for (int k = 0; k < DTYPES; k++)
        if (dtypes[k].stored == (int)dtype)
            return dtypes[k].name;
    return NULL;
}

static bool write_string(FILE *file, const char *text)
{
    json_t *j = json_string_nocheck(text);
    if (j == NULL) {
        errno = ENOMEM;
        return false;
    }
    bool ok = json_dumpf(j, file, JSON_ENCODE_ANY) == 0;
    if (!ok && !ferror(file) && errno != ENOMEM)
        errno = EILSEQ; /* no UTF-8 */
    json_decref(j);
    return ok;
}

static bool write_record(FILE *file, const char *name, const tp_tensor *x, size_t begin, size_t end)
{
    if (!write_string(file, name) || fprintf(file, ":{\"dtype\":\"%s\",\"shape\":[", dtype_text(x->dtype)) < 0)
        return false;
    for (int d = 0; d < x->ndim; d++)
        if (fprintf(file, d ? ",%lld" : "%lld", (long long)x->shape[d]) < 0)
            return false;
    return fprintf(file, "],\"data_offsets\":[%zu,%zu]}", begin, end) > 0;
}

/* What is to be written. */
typedef struct {
    int n, m;
    const char *const *names, *const *keys, *const *values;
    tp_tensor *const *tensors;
} content;

static bool write_metadata(FILE *file, const content *c)
{
    bool ok = fputs("\"__metadata__\":{", file) >= 0;
    for (int i = 0; i < c->m && ok; i++)
        ok = (i == 0 || putc(',', file) == ',') && write_string(file, c->keys[i]) && putc(':', file) == ':' &&
             write_string(file, c->values[i]);
    return ok && fputs(c->n > 0 ? "}," : "}", file) >= 0;
}

/* Its length goes before it and is known after it. Spaces at the end bring the data to a multiple of 8. */
static bool write_header(FILE *file, const content *c)
{
    size_t at = 0;
    unsigned char length[8] = {0};
    bool ok = fwrite(length, 1, 8, file) == 8 && putc('{', file) == '{' && (c->m == 0 || write_metadata(file, c));
    for (int i = 0; i < c->n && ok; i++) {
        size_t end = at + (size_t)c->tensors[i]->numel * tp_dtype_size(c->tensors[i]->dtype);
        ok = (i == 0 || putc(',', file) == ',') && write_record(file, c->names[i], c->tensors[i], at, end);
        at = end;
    }
    ok = ok && putc('}', file) == '}';
    long bytes = ok ? ftell(file) : -1;
    for (; ok && bytes % 8 != 0; bytes++)
        ok = putc(' ', file) == ' ';
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)(bytes - 8) >> (8 * i));
    return ok && bytes > 8 && fseek(file, 0, SEEK_SET) == 0 && fwrite(length, 1, 8, file) == 8 &&
           fseek(file, 0, SEEK_END) == 0;
}

/* Row by row where it does not lie contiguously. */
static bool write_tensor(tp_tape *T, FILE *file, tp_tensor *x)
{
    size_t bytes = (size_t)x->numel * tp_dtype_size(x->dtype);
    if (tp__contiguous(x))
        return bytes == 0 || fwrite(x->data, 1, bytes, file) == bytes;
    tp__storage *dense = tp__dense_copy(T, x, x->dtype);
    if (dense == NULL) {
        errno = ENOMEM;
        return false;
    }
    bool ok = fwrite(dense->data, 1, bytes, file) == bytes;
    tp__storage_unref(dense);
    return ok;
}

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The first of n texts that is there twice, or NULL; false without memory. */
static bool find_twice(int n, const char *const *texts, const char **twice)
{
    *twice = NULL;
    const char **sorted = n > 1 ? tp__malloc((size_t)n * sizeof *sorted) : NULL;
    if (n <= 1)
        return true;
    if (sorted == NULL)
        return false;
    memcpy(sorted, texts, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; i < n && *twice == NULL; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            *twice = sorted[i];
    tp__free(sorted);
    return true;
}

static tp_status check_content(tp_tape *T, const char *path, const content *c)
{
    const char *name, *key;
    if (c->n < 0 || c->m < 0 || (c->n > 0 && (c->names == NULL || c->tensors == NULL)) ||
        (c->m > 0 && (c->keys == NULL || c->values == NULL)))
        return tp_fail(
            T, TP_EINVAL,
            "safetensors: %s: %d tensors and %d keys; 0 or more, and lists of them that are not NULL, are needed", path,
            c->n, c->m);
    for (int i = 0; i < c->n; i++) {
        if (c->tensors[i] == NULL || c->names[i] == NULL)
            return tp_fail(T, TP_EINVAL, "safetensors: tensor %d or its name is NULL", i);
        if (strcmp(c->names[i], "__metadata__") == 0)
            return tp_fail(T, TP_EINVAL, "safetensors: __metadata__ is a tensor's name; another is needed");
        if (!tp__usable(T, "safetensors", c->tensors[i]))
            return T->status;
    }
    for (int i = 0; i < c->m; i++)
        if (c->keys[i] == NULL || c->values[i] == NULL)
            return tp_fail(T, TP_EINVAL, "safetensors: key %d or its value is NULL", i);
    if (!find_twice(c->n, c->names, &name) || !find_twice(c->m, c->keys, &key))
        return tp_fail(T, TP_ENOMEM, "safetensors: %s: no memory for %d names", path, c->n + c->m);
    return name || key
               ? tp_fail(T, TP_EINVAL, "safetensors: %s is there twice; each name is needed once", name ? name : key)
               : TP_OK;
}

tp_status tp_safetensors_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors,
                              int m, const char *const *keys, const char *const *values)
{
    TP__NAMED(T, "safetensors_save");
    content c = {n, m, names, keys, values, tensors};
    tp__replacement r;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "safetensors", "the path");
    if (!tp__ok(T))
        return T && T->status != TP_OK ? T->status : TP_EINVAL;
    if (check_content(T, path, &c) != TP_OK || !tp__replace_begin(T, "safetensors", path, &r))
        return T->status;
    errno = 0;
    bool ok = write_header(r.file, &c);
    if (!ok && errno == EILSEQ)
        tp_fail(T, TP_EINVAL, "safetensors: %s: a name or the metadata is not UTF-8; it is needed", path);
    for (int i = 0; i < n && ok; i++)
        ok = write_tensor(T, r.file, tensors[i]);
    return tp__replace_end(T, "safetensors", path, &r, ok);
}

#else

static const char *const missing = "safetensors: %s: built without jansson; it is needed";

tp_safetensors *tp_safetensors_open(tp_tape *T, const char *path)
{
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "safetensors", "the path");
    int fd = tp__ok(T) ? tp__file_open(T, "safetensors", path, &bytes) : -1;
    if (fd >= 0)
        close(fd);
    tp_fail(T, TP_EUNSUPPORTED, missing, path ? path : "");
    return NULL;
}

tp_status tp_safetensors_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors,
                              int m, const char *const *keys, const char *const *values)
{
    (void)n, (void)names, (void)tensors, (void)m, (void)keys, (void)values;
    return tp_fail(T, TP_EUNSUPPORTED, missing, path ? path : "");
}

/* Without a file there is nothing to ask. */
void tp_safetensors_close(tp_safetensors *f) { (void)f; }
int tp_safetensors_length(const tp_safetensors *f)
{
    (void)f;
    return 0;
}
const char *tp_safetensors_name(const tp_safetensors *f, int i)
{
    (void)f, (void)i;
    return NULL;
}
tp_tensor *tp_safetensors_get(tp_tape *T, const tp_safetensors *f, const char *name)
{
    (void)T, (void)f, (void)name;
    return NULL;
}
tp_tensor *tp_safetensors_map(tp_tape *T, const tp_safetensors *f, const char *name)
{
    return tp_safetensors_get(T, f, name);
}
bool tp_safetensors_has(const tp_safetensors *f, const char *name)
{
    (void)f, (void)name;
    return false;
}
const char *tp_safetensors_metadata(const tp_safetensors *f, const char *key)
{
    (void)f, (void)key;
    return NULL;
}

#endif
