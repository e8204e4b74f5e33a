/* safetensors.c - named tensors in a file: a length, a JSON header, the data. Format:
 * https://github.com/huggingface/safetensors. jansson reads and writes the JSON; everything it says is checked
 * against the length of the file before any of it is believed. */
#define _POSIX_C_SOURCE 200809L
#include "tape/internal.h"
#include "tapir/io.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifdef HAVE_JANSSON
#include <jansson.h>

enum { LONGEST_HEADER = 100 * 1000 * 1000 };

/* One tensor as the header has it. */
typedef struct {
    const char *name; /* in the JSON */
    int dtype;        /* -1: one that this library has not */
    tp_dims shape;
    size_t begin, end;
} record;

struct tp_safetensors {
    unsigned char *file; /* all of it */
    size_t bytes, data;  /* where the data begins */
    json_t *header;
    record *list;
    int n;
};

static const struct {
    const char *name;
    int dtype;
    size_t size;
} dtypes[] = {
    {"F32", TP_F32, 4},   {"F64", TP_F64, 8}, {"I32", TP_I32, 4}, {"I64", TP_I64, 8}, {"U8", TP_U8, 1},
    {"BOOL", TP_BOOL, 1}, {"F16", -1, 2},     {"BF16", -1, 2},    {"I16", -1, 2},     {"U16", -1, 2},
    {"U32", -1, 4},       {"U64", -1, 8},     {"I8", -1, 1},      {"F8_E4M3", -1, 1}, {"F8_E5M2", -1, 1},
    {"F8_E8M0", -1, 1},   {"C64", -1, 8},
};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

/* ---- reading -------------------------------------------------------------------------------------------------- */

void tp_safetensors_close(tp_safetensors *f)
{
    if (f == NULL)
        return;
    json_decref(f->header);
    free(f->list);
    free(f->file);
    free(f);
}

/* The whole file in memory; NULL is no failure of the format: errno says what went wrong. */
static unsigned char *slurp(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    unsigned char *all = NULL;
    struct stat about;
    if (file == NULL)
        return NULL;
    if (fstat(fileno(file), &about) == 0) {
        if (!S_ISREG(about.st_mode))
            errno = S_ISDIR(about.st_mode) ? EISDIR : ESPIPE;
        else if ((uint64_t)about.st_size < SIZE_MAX)
            all = malloc((size_t)about.st_size + 1);
    }
    if (all) {
        *bytes = (size_t)about.st_size;
        if (fread(all, 1, *bytes, file) != *bytes) {
            free(all);
            all = NULL;
            errno = EIO;
        }
    }
    fclose(file);
    return all;
}

static uint64_t little_endian(const unsigned char *b)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | b[i];
    return v;
}

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
    r->dtype = dtypes[k].dtype;
    r->begin = (size_t)json_integer_value(begin);
    r->end = (size_t)json_integer_value(end);
    if (!tp__mul_size(numel, dtypes[k].size, &bytes) || bytes != r->end - r->begin)
        return "the data of a tensor does not fit its shape";
    return NULL;
}

static int by_place(const void *a, const void *b)
{
    const record *x = a, *y = b;
    return x->begin != y->begin ? (x->begin < y->begin ? -1 : 1) : x->end != y->end ? (x->end < y->end ? -1 : 1) : 0;
}

static const char *read_metadata(json_t *j)
{
    const char *key;
    json_t *value;
    if (!json_is_object(j))
        return "its metadata is no object";
    json_object_foreach(j, key, value) if (!json_is_string(value)) return "its metadata is not all text";
    return NULL;
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

/* The records, in the order of their data; what is wrong with them, or NULL. */
static const char *read_records(tp_safetensors *f)
{
    const char *name, *wrong = NULL;
    json_t *value;
    f->list = calloc(json_object_size(f->header) + 1, sizeof *f->list);
    if (f->list == NULL)
        return "no memory";
    json_object_foreach(f->header, name, value)
    {
        if (strcmp(name, "__metadata__") == 0) {
            if ((wrong = read_metadata(value)) != NULL)
                return wrong;
            continue;
        }
        record *r = &f->list[f->n++];
        r->name = name;
        if ((wrong = read_record(value, f->bytes - f->data, r)) != NULL)
            return wrong;
    }
    qsort(f->list, (size_t)f->n, sizeof *f->list, by_place);
    return check_layout(f);
}

static const char *read_header(tp_safetensors *f)
{
    json_error_t error;
    if (f->bytes < 8)
        return "it is too short";
    uint64_t length = little_endian(f->file);
    errno = 0;
    if (length > f->bytes - 8 || length > LONGEST_HEADER)
        return "its header is longer than the file";
    f->data = 8 + (size_t)length;
    f->header = json_loadb((const char *)f->file + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (f->header == NULL) /* without memory, jansson may say nothing, or that a token is invalid */
        return errno == ENOMEM || error.text[0] == '\0' ? "no memory" : "its header is no JSON";
    return json_is_object(f->header) ? read_records(f) : "its header is no object";
}

tp_safetensors *tp_safetensors_open(tp_tape *T, const char *path)
{
    if (path == NULL)
        tp__missing(T, "safetensors_open", "the path");
    if (!tp__ok(T) || path == NULL)
        return NULL;
    tp_safetensors *f = calloc(1, sizeof *f);
    errno = 0;
    if (f == NULL || (f->file = slurp(path, &f->bytes)) == NULL) {
        bool memory = f == NULL || errno == ENOMEM || errno == 0;
        tp_fail(T, memory ? TP_ENOMEM : TP_EIO, "safetensors: %s: %s", path, memory ? "no memory" : strerror(errno));
        tp_safetensors_close(f);
        return NULL;
    }
    const char *wrong = read_header(f);
    if (wrong) {
        tp_fail(T, strcmp(wrong, "no memory") == 0 ? TP_ENOMEM : TP_EIO, "safetensors: %s: %s", path, wrong);
        tp_safetensors_close(f);
        return NULL;
    }
    return f;
}

int tp_safetensors_length(const tp_safetensors *f) { return f ? f->n : 0; }

const char *tp_safetensors_name(const tp_safetensors *f, int i)
{
    return f && i >= 0 && i < f->n ? f->list[i].name : NULL;
}

static const record *find(const tp_safetensors *f, const char *name)
{
    for (int i = 0; f && name && i < f->n; i++)
        if (strcmp(f->list[i].name, name) == 0)
            return &f->list[i];
    return NULL;
}

bool tp_safetensors_has(const tp_safetensors *f, const char *name) { return find(f, name) != NULL; }

tp_tensor *tp_safetensors_get(tp_tape *T, const tp_safetensors *f, const char *name)
{
    const record *r = find(f, name);
    if (f == NULL || name == NULL)
        tp__missing(T, "safetensors_get", f ? "the name" : "the file");
    if (!tp__ok(T) || f == NULL || name == NULL)
        return NULL;
    if (r == NULL || r->dtype < 0 || r->shape.ndim > TP_MAX_DIMS) {
        tp_fail(T, r ? TP_EUNSUPPORTED : TP_EINVAL, "safetensors: %s %s", name,
                r == NULL      ? "is not in the file"
                : r->dtype < 0 ? "has a dtype that is not supported"
                               : "has too many dimensions");
        return NULL;
    }
    tp_tensor *x = tp__tensor_make(T, (tp_dtype)r->dtype, r->shape);
    if (x == NULL)
        return NULL;
    if (r->end > r->begin)
        memcpy(x->data, f->file + f->data + r->begin, r->end - r->begin);
    for (int64_t i = 0; r->dtype == TP_BOOL && i < x->numel; i++)
        ((uint8_t *)x->data)[i] = ((uint8_t *)x->data)[i] != 0;
    return x;
}

const char *tp_safetensors_metadata(const tp_safetensors *f, const char *key)
{
    return f && key ? json_string_value(json_object_get(json_object_get(f->header, "__metadata__"), key)) : NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

static const char *dtype_text(tp_dtype dtype)
{
    for (int k = 0; k < DTYPES; k++)
        if (dtypes[k].dtype == (int)dtype)
            return dtypes[k].name;
    return NULL;
}

static json_t *record_json(const tp_tensor *x, size_t begin, size_t end)
{
    json_t *shape = json_array();
    for (int d = 0; d < x->ndim; d++)
        if (json_array_append_new(shape, json_integer(x->shape[d])) != 0) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_text((tp_dtype)x->dtype), "shape", shape, "data_offsets",
                     (json_int_t)begin, (json_int_t)end);
}

/* NULL without memory; or, with errno EILSEQ, where a name or the metadata is no UTF-8. */
static char *header_text(int n, const char *const *names, tp_tensor *const *tensors, int m, const char *const *keys,
                         const char *const *values)
{
    json_t *header = json_object(), *metadata = json_object();
    size_t at = 0;
    bool ok = header && metadata;
    errno = 0;
    for (int i = 0; i < m && ok; i++)
        ok = json_object_set_new(metadata, keys[i], json_string(values[i])) == 0;
    if (m > 0 && ok)
        ok = json_object_set(header, "__metadata__", metadata) == 0;
    for (int i = 0; i < n && ok; i++) {
        size_t bytes = (size_t)tensors[i]->numel * tp_dtype_size((tp_dtype)tensors[i]->dtype);
        ok = json_object_set_new(header, names[i], record_json(tensors[i], at, at + bytes)) == 0;
        at += bytes;
    }
    if (!ok && header && metadata && errno != ENOMEM)
        errno = EILSEQ;
    size_t flags = JSON_COMPACT | JSON_PRESERVE_ORDER, length = ok ? json_dumpb(header, NULL, 0, flags) : 0;
    char *text = length ? malloc(length + 1) : NULL;
    if (text && json_dumpb(header, text, length, flags) == length) {
        text[length] = '\0';
    } else {
        free(text);
        text = NULL;
    }
    json_decref(metadata);
    json_decref(header);
    return text;
}

static bool write_header(FILE *file, const char *text)
{
    size_t length = strlen(text), padded = (length + 7) & ~(size_t)7;
    unsigned char head[8];
    for (int i = 0; i < 8; i++)
        head[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    bool ok = fwrite(head, 1, 8, file) == 8 && fwrite(text, 1, length, file) == length;
    for (; ok && length < padded; length++)
        ok = fputc(' ', file) == ' ';
    return ok;
}

/* Row by row where it does not lie contiguously. */
static bool write_tensor(tp_tape *T, FILE *file, tp_tensor *x)
{
    size_t bytes = (size_t)x->numel * tp_dtype_size((tp_dtype)x->dtype);
    if (tp__contiguous(x))
        return bytes == 0 || fwrite(x->data, 1, bytes, file) == bytes;
    tp__storage *dense = tp__pool_alloc(T->pool, bytes);
    tp__operand in = {.data = x->data, .dtype = (tp_dtype)x->dtype};
    if (dense == NULL) {
        errno = ENOMEM;
        return false;
    }
    memcpy(in.stride, x->stride, sizeof in.stride);
    tp__copy(tp__dims_of(x), dense->data, in.dtype, &in);
    bool ok = fwrite(dense->data, 1, bytes, file) == bytes;
    tp__storage_unref(dense);
    return ok;
}

static tp_status write_file(tp_tape *T, const char *path, const char *beside, const char *text, int n,
                            tp_tensor *const *tensors)
{
    errno = 0;
    FILE *file = fopen(beside, "wb");
    bool ok = file && write_header(file, text);
    for (int i = 0; i < n && ok; i++)
        ok = write_tensor(T, file, tensors[i]);
    if (file && fclose(file) != 0)
        ok = false;
    if (ok && rename(beside, path) == 0)
        return TP_OK;
    tp_fail(T, errno == ENOMEM ? TP_ENOMEM : TP_EIO, "safetensors: %s: %s", path,
            errno ? strerror(errno) : "it could not be written");
    if (file)
        remove(beside);
    return T->status;
}

static tp_status check_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors)
{
    struct stat about;
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode)) /* a device would be replaced, not written to */
        return tp_fail(T, TP_EIO, "safetensors: %s: it is there and is not a regular file", path);
    for (int i = 0; i < n; i++) {
        if (tensors[i] == NULL || names[i] == NULL)
            return tp_fail(T, TP_EINVAL, "safetensors: tensor %d or its name is NULL", i);
        if (strcmp(names[i], "__metadata__") == 0)
            return tp_fail(T, TP_EINVAL, "safetensors: __metadata__ cannot be a tensor's name");
        if (!tp__usable(T, "safetensors", tensors[i]))
            return T->status;
        for (int j = 0; j < i; j++)
            if (strcmp(names[i], names[j]) == 0)
                return tp_fail(T, TP_EINVAL, "safetensors: %s is there twice", names[i]);
    }
    return TP_OK;
}

tp_status tp_safetensors_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors,
                              int m, const char *const *keys, const char *const *values)
{
    if (path == NULL)
        return tp__missing(T, "safetensors_save", "the path");
    if (!tp__ok(T))
        return tp_error_status(T);
    if ((n > 0 && (names == NULL || tensors == NULL)) || (m > 0 && (keys == NULL || values == NULL)))
        return tp_fail(T, TP_EINVAL, "safetensors: %s: names, tensors, keys or values are NULL", path);
    if (check_save(T, path, n, names, tensors) != TP_OK)
        return T->status;
    size_t room = strlen(path) + 8;
    char *beside = malloc(room), *text = header_text(n, names, tensors, m, keys, values);
    tp_status status = TP_OK;
    if (beside == NULL || text == NULL) {
        bool text_is_wrong = text == NULL && errno == EILSEQ;
        status = tp_fail(T, text_is_wrong ? TP_EINVAL : TP_ENOMEM, "safetensors: %s: %s", path,
                         text_is_wrong ? "a name or the metadata is no UTF-8" : "no memory for the header");
    } else {
        snprintf(beside, room, "%s.part", path);
        status = write_file(T, path, beside, text, n, tensors);
    }
    free(beside);
    free(text);
    return status;
}

#else

static const char *const missing = "safetensors: %s: built without jansson";

tp_safetensors *tp_safetensors_open(tp_tape *T, const char *path)
{
    FILE *file = tp__ok(T) && path ? fopen(path, "rb") : NULL;
    if (file)
        fclose(file);
    if (tp__ok(T) && path && file == NULL)
        tp_fail(T, TP_EIO, "safetensors: %s: %s", path, strerror(errno));
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
