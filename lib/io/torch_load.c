/* torch_load.c - what torch.save wrote. The newer format is an archive (stored, though packed ones are read) of NAME/data.pkl, a
 * pickle in which a tensor is a call of torch._utils._rebuild_tensor_v2 on a storage that lies outside, and NAME/data/KEY, the
 * storages' elements. The older one is a file of pickles (a magic number, a version, facts on the machine, the value, the
 * storages' keys), then for each key a number of elements and these. */
#define _POSIX_C_SOURCE 200809L
#include "io/element.h"
#include "io/file.h"
#include "io/pickle.h"
#include "io/zip.h"
#include "tape/state_dict.h"
#include "tapir/torch_file.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- names that pickles of tensors have ------------------------------------------------------------------------------ */

enum { REBUILD = 1, REBUILD_V3, PARAMETER, SIZE, IGNORED, STORAGE, DTYPE = STORAGE + 64 };
enum { UNTYPED = TP__STORED }; /* a storage of bytes */

static const struct {
    const char *module, *name;
    int global;
} globals[] = {
    {"collections", "OrderedDict", TP__GLOBAL_ORDERED_DICT},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD},
    {"torch._utils", "_rebuild_tensor", REBUILD},
    {"torch._utils", "_rebuild_tensor_v3", REBUILD_V3},
    {"torch._utils", "_rebuild_parameter", PARAMETER},
    {"torch._utils", "_rebuild_parameter_with_state", PARAMETER},
    {"torch", "Size", SIZE},
    {"torch", "device", IGNORED},
    {"torch.serialization", "_get_layout", IGNORED},
    {"torch", "FloatStorage", STORAGE + TP_F32},
    {"torch", "DoubleStorage", STORAGE + TP_F64},
    {"torch", "IntStorage", STORAGE + TP_I32},
    {"torch", "LongStorage", STORAGE + TP_I64},
    {"torch", "ByteStorage", STORAGE + TP_U8},
    {"torch", "BoolStorage", STORAGE + TP_BOOL},
    {"torch", "HalfStorage", STORAGE + TP__F16},
    {"torch", "BFloat16Storage", STORAGE + TP__BF16},
    {"torch", "CharStorage", STORAGE + TP__I8},
    {"torch", "ShortStorage", STORAGE + TP__I16},
    {"torch", "UntypedStorage", STORAGE + UNTYPED},
    {"torch.storage", "UntypedStorage", STORAGE + UNTYPED},
    {"torch", "float32", DTYPE + TP_F32},
    {"torch", "float64", DTYPE + TP_F64},
    {"torch", "int32", DTYPE + TP_I32},
    {"torch", "int64", DTYPE + TP_I64},
    {"torch", "uint8", DTYPE + TP_U8},
    {"torch", "bool", DTYPE + TP_BOOL},
    {"torch", "float16", DTYPE + TP__F16},
    {"torch", "bfloat16", DTYPE + TP__BF16},
    {"torch", "int8", DTYPE + TP__I8},
    {"torch", "int16", DTYPE + TP__I16},
    {"torch", "uint16", DTYPE + TP__U16},
    {"torch", "uint32", DTYPE + TP__U32},
    {"torch", "uint64", DTYPE + TP__U64},
};
TP__DTYPES_ARE(6);

static int find_global(const char *module, const char *name)
{
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (strcmp(globals[i].name, name) == 0 && strcmp(globals[i].module, module) == 0)
            return globals[i].global;
    return -1;
}

/* ---- the reader ---------------------------------------------------------------------------------------------------- */

/* A storage of which the pickle speaks; its elements are read when a tensor is made of them. */
typedef struct {
    const char *key;
    int stored; /* UNTYPED: what the first tensor says */
    uint64_t numel;
    const char *at; /* in an older file: where its elements are */
    tp__storage *loaded;
    int loaded_as;
} slot;

typedef struct {
    tp_tape *T;
    const char *path;
    tp__zip *zip;       /* NULL: the older format */
    char *file;         /* of that: all of it */
    const char *prefix; /* of the archive's entries */
    bool swap;
    tp__pickle pickle;
    size_t visits, text; /* how much of the value may be looked at yet: what refers to itself would be endless */
    slot *slots;
    size_t n;
    tp__state_list list;
    char name[4096];
} reader;

static const char who[] = "torch_load";

static bool refuse(reader *r, const char *wrong)
{
    tp_fail(r->T, TP_EIO, "%s: %s: %s%s%s", who, r->path, r->name, *r->name ? ": " : "", wrong);
    return false;
}

static bool unsupported(reader *r, const char *wrong)
{
    tp_fail(r->T, TP_EUNSUPPORTED, "%s: %s: %s%s%s; plain tensors and numbers are needed", who, r->path, r->name,
            *r->name ? ": " : "", wrong);
    return false;
}

static bool no_memory(reader *r)
{
    tp_fail(r->T, TP_ENOMEM, "%s: %s: no memory", who, r->path);
    return false;
}

static tp__pickled *unpickle(reader *r, const char *text, size_t bytes, size_t *used)
{
    tp__pickled *v = tp__unpickle(&r->pickle, text, bytes, used);
    if (v == NULL)
        tp_fail(r->T, r->pickle.status, "%s: %s: %s", who, r->path, r->pickle.wrong);
    return v;
}

/* ---- storages ------------------------------------------------------------------------------------------------------ */

static int by_key(const void *a, const void *b) { return strcmp(((const slot *)a)->key, ((const slot *)b)->key); }

static slot *find_slot(const reader *r, const char *key)
{
    const slot wanted = {.key = key};
    return r->n > 0 ? bsearch(&wanted, r->slots, r->n, sizeof wanted, by_key) : NULL;
}

/* ("storage", type, key, device, elements, and in older files None) */
static bool read_slot(reader *r, const tp__pickled *v, slot *s)
{
    const tp__pickled *t = v->item[0];
    if (t->kind != TP__PK_TUPLE || t->n < 5 || t->n > 6 || t->item[0]->kind != TP__PK_TEXT ||
        strcmp(t->item[0]->text, "storage") != 0 || t->item[1]->kind != TP__PK_GLOBAL || t->item[1]->global < STORAGE ||
        t->item[1]->global >= DTYPE || t->item[2]->kind != TP__PK_TEXT || strlen(t->item[2]->text) != t->item[2]->n ||
        t->item[4]->kind != TP__PK_INT || t->item[4]->i < 0)
        return refuse(r, "what it says of a storage is not what torch says");
    if (t->n == 6 && t->item[5]->kind != TP__PK_NONE)
        return unsupported(r, "a storage is a view of another");
    *s = (slot){.key = t->item[2]->text, .stored = t->item[1]->global - STORAGE, .numel = (uint64_t)t->item[4]->i};
    return true;
}

/* All that the pickle speaks of, once each. */
static bool list_slots(reader *r)
{
    size_t n = r->pickle.n_persistent, kept = 0;
    if (n > 0 && (r->slots = tp__malloc(n * sizeof *r->slots)) == NULL)
        return no_memory(r);
    for (size_t i = 0; i < n; i++)
        if (!read_slot(r, r->pickle.persistent[i], &r->slots[i]))
            return false;
    if (n > 0)
        qsort(r->slots, n, sizeof *r->slots, by_key);
    for (size_t i = 0; i < n; i++) {
        const slot *last = kept > 0 ? &r->slots[kept - 1] : NULL;
        if (last == NULL || by_key(last, &r->slots[i]) != 0)
            r->slots[kept++] = r->slots[i];
        else if (last->stored != r->slots[i].stored || last->numel != r->slots[i].numel)
            return refuse(r, "it says two things of a storage");
    }
    r->n = kept;
    return true;
}

/* The bytes of the storage, which have room for `to`, to its end. */
static bool read_entry(reader *r, const slot *s, char *to, size_t bytes)
{
    size_t length = strlen(r->prefix) + strlen(s->key) + 6;
    char *name = tp__malloc(length);
    if (name == NULL)
        return no_memory(r);
    tp__snprintf(name, length, "%sdata/%s", r->prefix, s->key);
    const tp__zip_entry *e = tp__zip_find(r->zip, name);
    tp__free(name);
    tp__stream stream;
    if (e == NULL || e->size != bytes)
        return refuse(r, e ? "its storage is of another size" : "its storage is not in the file");
    if (!tp__zip_stream(r->T, r->zip, e, &stream))
        return false;
    bool ok = tp__stream_read(&stream, to, bytes) && tp__stream_good(&stream);
    tp__stream_close(&stream);
    return ok || refuse(r, "its storage is damaged");
}

/* Is there so much in the file? Asked before memory is. */
static bool may_have(const reader *r, const slot *s, size_t bytes)
{
    return s->at != NULL || (r->zip && bytes / 1032 <= r->zip->bytes);
}

static bool load_slot(reader *r, slot *s, int stored)
{
    size_t numel = s->numel, size = tp__stored_size(stored), wide = tp_dtype_size(tp__stored_as(stored)), bytes, room;
    int64_t bad;
    if (s->stored == UNTYPED)
        numel /= size;
    if (!tp__mul_size(numel, wide, &room) || !tp__mul_size(numel, size, &bytes) || !may_have(r, s, bytes))
        return refuse(r, "its storage is larger than the file");
    tp__storage *storage = tp__storage_new(room);
    if (storage == NULL)
        return no_memory(r);
    s->loaded = storage;
    s->loaded_as = stored;
    char *from = (char *)storage->data + (room - bytes);
    if (bytes == 0)
        return true;
    if (s->at)
        memcpy(from, s->at, bytes);
    else if (!read_entry(r, s, from, bytes))
        return false;
    return tp__stored_convert(stored, r->swap, (int64_t)numel, from, storage->data, &bad) ||
           unsupported(r, "an element of uint64 is beyond int64");
}

/* ---- tensors ------------------------------------------------------------------------------------------------------- */

static bool read_dims(reader *r, const tp__pickled *v, tp_dims *d)
{
    if (v->kind == TP__PK_CALL && v->global == SIZE && v->item[0]->n == 1)
        v = v->item[0]->item[0];
    if (v->kind != TP__PK_TUPLE)
        return refuse(r, "a shape is no tuple");
    if (v->n > TP_MAX_DIMS)
        return unsupported(r, "it has too many dimensions");
    *d = (tp_dims){.ndim = (int)v->n};
    for (size_t i = 0; i < v->n; i++) {
        if (v->item[i]->kind != TP__PK_INT || v->item[i]->i < 0)
            return refuse(r, "a size is no number");
        d->dim[i] = v->item[i]->i;
    }
    return true;
}

/* Do all of its elements lie in the storage? */
static bool fits(tp_dims shape, tp_dims stride, int64_t offset, uint64_t numel)
{
    int64_t count, step, last = offset;
    if (!tp__dims_numel(shape, &count) || offset < 0 || (uint64_t)offset > numel)
        return false;
    for (int d = 0; count > 0 && d < shape.ndim; d++)
        if (__builtin_mul_overflow(shape.dim[d] - 1, stride.dim[d], &step) || __builtin_add_overflow(last, step, &last))
            return false;
    return count == 0 || (uint64_t)last < numel;
}

static bool add_tensor(reader *r, slot *s, tp_dims shape, tp_dims stride, int64_t offset)
{
    tp_dtype dtype = tp__stored_as(s->loaded_as);
    char *data = s->loaded->data;
    tp_tensor *x = tp__tensor_owned_on(dtype, shape, s->loaded, data + (size_t)offset * tp_dtype_size(dtype));
    if (x) {
        memcpy(x->stride, stride.dim, (size_t)shape.ndim * sizeof *x->stride);
        tp__tensor_note_layout(x);
    }
    tp__state_add(&r->list, x, "%s", r->name);
    return true;
}

/* (storage, offset, size, stride, requires_grad, hooks), then of v3 the dtype, then what it has besides. */
static bool read_tensor(reader *r, const tp__pickled *call)
{
    const tp__pickled *t = call->item[0];
    tp_dims shape, stride;
    size_t usual = call->global == REBUILD_V3 ? 7 : 6;
    if (t->n < 4 || t->item[0]->kind != TP__PK_PERSISTENT || t->item[1]->kind != TP__PK_INT ||
        (usual == 7 && (t->n < 7 || t->item[6]->kind != TP__PK_GLOBAL || t->item[6]->global < DTYPE)))
        return refuse(r, "a tensor is not made as torch makes one");
    if (t->n > usual && !(t->item[usual]->kind == TP__PK_DICT && t->item[usual]->n == 0))
        return unsupported(r, "it is conjugated, or negated in sign");
    if (!read_dims(r, t->item[2], &shape) || !read_dims(r, t->item[3], &stride))
        return false;
    slot *s = find_slot(r, t->item[0]->item[0]->item[2]->text);
    int stored = usual == 7 ? t->item[6]->global - DTYPE : s->stored;
    if (stored == UNTYPED || (s->stored != UNTYPED && s->stored != stored) || (s->loaded && s->loaded_as != stored))
        return unsupported(r, "its storage is of another dtype");
    int64_t offset = t->item[1]->i;
    uint64_t numel = s->stored == UNTYPED ? s->numel / tp__stored_size(stored) : s->numel;
    if (shape.ndim != stride.ndim || !fits(shape, stride, offset, numel))
        return refuse(r, "it reaches beyond its storage");
    return (s->loaded || load_slot(r, s, stored)) && add_tensor(r, s, shape, stride, offset);
}

/* ---- from the pickle's value to names --------------------------------------------------------------------------------- */

static bool is_number(const tp__pickled *v)
{
    return v->kind == TP__PK_BOOL || v->kind == TP__PK_INT || v->kind == TP__PK_FLOAT;
}

/* n numbers of a list as a tensor of their common dtype, or one number as a tensor without dimensions. */
static bool add_numbers(reader *r, tp__pickled *const *item, int ndim, size_t n)
{
    tp__pickle_kind widest = TP__PK_BOOL;
    for (size_t i = 0; i < n; i++)
        widest = item[i]->kind > widest ? item[i]->kind : widest;
    tp_dtype dtype = widest == TP__PK_FLOAT ? TP_F64 : n > 0 && widest == TP__PK_BOOL ? TP_BOOL : TP_I64;
    tp_tensor *x = tp__tensor_owned(dtype, (tp_dims){.ndim = ndim, .dim = {(int64_t)n}});
    for (size_t i = 0; x && i < n; i++)
        if (dtype == TP_F64)
            ((double *)x->data)[i] = item[i]->kind == TP__PK_FLOAT ? item[i]->f : (double)item[i]->i;
        else if (dtype == TP_I64)
            ((int64_t *)x->data)[i] = item[i]->i;
        else
            ((uint8_t *)x->data)[i] = item[i]->i != 0;
    tp__state_add(&r->list, x, "%s", r->name);
    return true;
}

/* The name of a part goes behind that of the whole; where that ends, or 0. */
static size_t enter(reader *r, size_t at, const tp__pickled *key, size_t i)
{
    int room = (int)(sizeof r->name - at), n;
    const char *point = at > 0 ? "." : "";
    if (key && key->kind == TP__PK_TEXT)
        n = strlen(key->text) == key->n ? tp__snprintf(r->name + at, (size_t)room, "%s%s", point, key->text) : room;
    else if (key && key->kind != TP__PK_INT)
        n = room;
    else
        n = tp__snprintf(r->name + at, (size_t)room, "%s%lld", point, key ? (long long)key->i : (long long)i);
    size_t length = at + (size_t)(n < 0 ? room : n);
    if (n >= room || n < 0 || length > r->text) {
        r->name[at] = 0;
        unsupported(r, "a key is neither a short text nor a number");
        return 0;
    }
    r->text -= length;
    return length + 1;
}

static bool flatten(reader *r, const tp__pickled *v, size_t at, int depth);

static bool flatten_parts(reader *r, const tp__pickled *v, size_t at, int depth)
{
    bool dict = v->kind == TP__PK_DICT;
    for (size_t i = 0; i < v->n; i += dict ? 2 : 1) {
        size_t end = enter(r, at, dict ? v->item[i] : NULL, i);
        if (end == 0 || !flatten(r, v->item[dict ? i + 1 : i], end - 1, depth + 1))
            return false;
        r->name[at] = 0;
    }
    return true;
}

static bool flatten_list(reader *r, const tp__pickled *v, size_t at, int depth)
{
    bool numbers = true;
    for (size_t i = 0; i < v->n && numbers; i++)
        numbers = is_number(v->item[i]);
    if (!numbers)
        return flatten_parts(r, v, at, depth);
    if (v->n > r->visits)
        return refuse(r, "it has more parts than its pickle has bytes");
    r->visits -= v->n;
    return add_numbers(r, v->item, 1, v->n);
}

static bool flatten_call(reader *r, const tp__pickled *v, size_t at, int depth)
{
    const tp__pickled *args = v->item[0];
    if (v->global == REBUILD || v->global == REBUILD_V3)
        return read_tensor(r, v);
    if (v->global == IGNORED)
        return true;
    if ((v->global != SIZE && v->global != PARAMETER) || args->n == 0)
        return refuse(r, "it calls what is not to be called");
    return flatten(r, args->item[0], at, depth + 1);
}

static bool flatten(reader *r, const tp__pickled *v, size_t at, int depth)
{
    enum { DEEPEST = 64 };
    if (depth > DEEPEST)
        return unsupported(r, "it is nested too deeply");
    if (r->visits-- == 0)
        return refuse(r, "it has more parts than its pickle has bytes");
    switch (v->kind) {
    case TP__PK_BOOL:
    case TP__PK_INT:
    case TP__PK_FLOAT:
        return add_numbers(r, (tp__pickled *const[]){(tp__pickled *)v}, 0, 1);
    case TP__PK_BIG:
        return unsupported(r, "an integer is beyond int64");
    case TP__PK_LIST:
    case TP__PK_TUPLE:
        return flatten_list(r, v, at, depth);
    case TP__PK_DICT:
        return flatten_parts(r, v, at, depth);
    case TP__PK_CALL:
        return flatten_call(r, v, at, depth);
    default:
        return true; /* text, None, a dtype, a storage by itself */
    }
}

/* A name that is there twice cannot be asked for. */
static bool check_names(reader *r)
{
    tp__given *given = r->list.n > 1 ? tp__malloc((size_t)r->list.n * sizeof *given) : NULL;
    if (r->list.n > 1 && given == NULL)
        return no_memory(r);
    bool ok = r->list.n < 2 || tp__given_sort(r->T, who, r->list.n, (const char *const *)r->list.name, given) == TP_OK;
    tp__free(given);
    return ok;
}

static bool read_value(reader *r, const tp__pickled *v, size_t bytes)
{
    r->visits = bytes;
    r->text = 64 * bytes + sizeof r->name;
    *r->name = 0;
    return flatten(r, v, 0, 0) && check_names(r);
}

/* ---- the two formats ------------------------------------------------------------------------------------------------ */

/* A whole entry in memory, and a zero after it; NULL after a failure. */
static char *slurp(reader *r, const tp__zip_entry *e)
{
    tp__stream s;
    if (e->size / 64 > r->zip->bytes) {
        refuse(r, "its pickle is larger than the file lets expect");
        return NULL;
    }
    char *text = tp__malloc((size_t)e->size + 1);
    if (text == NULL)
        no_memory(r);
    if (text == NULL || !tp__zip_stream(r->T, r->zip, e, &s)) {
        tp__free(text);
        return NULL;
    }
    text[e->size] = 0;
    bool ok = tp__stream_read(&s, text, (size_t)e->size) && tp__stream_good(&s);
    tp__stream_close(&s);
    if (ok)
        return text;
    refuse(r, "an entry is damaged");
    tp__free(text);
    return NULL;
}

/* The entry for the pickle: "NAME/data.pkl". */
static const tp__zip_entry *find_pickle(const tp__zip *z)
{
    for (int i = 0; i < z->n; i++) {
        const char *name = z->list[i].name, *slash = strchr(name, '/');
        if (strcmp(slash ? slash + 1 : name, "data.pkl") == 0)
            return &z->list[i];
    }
    return NULL;
}

static bool read_order(reader *r)
{
    char name[256];
    int n = tp__snprintf(name, sizeof name, "%sbyteorder", r->prefix);
    const tp__zip_entry *e = n < (int)sizeof name ? tp__zip_find(r->zip, name) : NULL;
    char *text = e ? slurp(r, e) : NULL;
    if (e && text == NULL)
        return false;
    r->swap = text && strcmp(text, "big") == 0;
    bool known = text == NULL || r->swap || strcmp(text, "little") == 0;
    tp__free(text);
    return known || refuse(r, "its order of bytes is neither little nor big");
}

static bool read_pickle(reader *r, const tp__zip_entry *e)
{
    char *text = slurp(r, e);
    size_t used;
    tp__pickled *v = text ? unpickle(r, text, (size_t)e->size, &used) : NULL;
    bool ok = v && list_slots(r) && read_order(r) && read_value(r, v, used);
    tp__free(text);
    return ok;
}

static bool read_archive(reader *r)
{
    const tp__zip_entry *e = find_pickle(r->zip);
    if (e == NULL)
        return refuse(r, "there is no data.pkl in it, as in torch's files");
    size_t length = strlen(e->name) - strlen("data.pkl");
    char *prefix = tp__malloc(length + 1);
    if (prefix == NULL)
        return no_memory(r);
    memcpy(prefix, e->name, length);
    prefix[length] = 0;
    r->prefix = prefix;
    bool ok = read_pickle(r, e);
    tp__free(prefix);
    return ok;
}

/* Where the elements of each storage begin: they come in the order of the keys. */
static bool place_storages(reader *r, const tp__pickled *keys, const char *at, const char *end)
{
    if (keys->kind != TP__PK_LIST)
        return refuse(r, "the storages' keys are no list");
    for (size_t i = 0; i < keys->n; i++) {
        const tp__pickled *key = keys->item[i];
        slot *s = key->kind == TP__PK_TEXT ? find_slot(r, key->text) : NULL;
        uint64_t numel = 0;
        size_t bytes;
        if (s == NULL || s->at || s->stored == UNTYPED)
            return refuse(r, "a storage is not one of which its pickle speaks, once");
        if (end - at < 8)
            return refuse(r, "it is cut short");
        memcpy(&numel, at, 8);
        at += 8;
        if (numel != s->numel || !tp__mul_size(numel, tp__stored_size(s->stored), &bytes) || bytes > (size_t)(end - at))
            return refuse(r, "a storage is of another size, or cut short");
        s->at = at;
        at += bytes;
    }
    return true;
}

static const char magic[14] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

/* A magic number, a version, facts on the machine, the value, the keys. */
static bool read_older(reader *r, size_t bytes)
{
    const char *at = r->file, *end = r->file + bytes;
    tp__pickled *v = NULL;
    size_t used, length = 0;
    for (int i = 0; i < 4; i++, at += used) {
        if ((v = unpickle(r, at, (size_t)(end - at), &used)) == NULL)
            return false;
        if (i == 1 && (v->kind != TP__PK_INT || v->i != 1001))
            return refuse(r, "its version is not 1001");
        length = used;
    }
    if (!list_slots(r))
        return false;
    const tp__pickled *keys = unpickle(r, at, (size_t)(end - at), &used);
    return keys && place_storages(r, keys, at + used, end) && read_value(r, v, length);
}

static bool slurp_older(reader *r, int fd, size_t bytes)
{
    r->file = bytes < SIZE_MAX ? tp__malloc(bytes + 1) : NULL;
    if (r->file == NULL)
        return no_memory(r);
    return tp__read_at(fd, 0, r->file, bytes) || refuse(r, "it could not be read");
}

static bool read_any(reader *r, int fd, size_t bytes)
{
    char head[sizeof magic];
    if (bytes >= sizeof head && tp__read_at(fd, 0, head, sizeof head) && head[0] == magic[0] &&
        memcmp(head + 2, magic + 2, sizeof head - 2) == 0) {
        bool ok = slurp_older(r, fd, bytes) && read_older(r, bytes);
        close(fd);
        tp__free(r->file);
        return ok;
    }
    tp__zip zip;
    if (!tp__zip_open(r->T, who, r->path, fd, bytes, &zip))
        return false;
    r->zip = &zip;
    bool ok = read_archive(r);
    tp__zip_close(&zip);
    return ok;
}

static tp_state_dict *finish(reader *r, bool ok)
{
    for (size_t i = 0; i < r->n; i++)
        tp__storage_unref(r->slots[i].loaded);
    tp__free(r->slots);
    tp__pickle_free(&r->pickle);
    r->list.failed |= !ok;
    return tp__state_list_end(r->T, &r->list, who);
}

tp_state_dict *tp_torch_load(tp_tape *T, const char *path)
{
    TP__NAMED(T, "torch_load");
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, who, "the path");
    int fd = tp__ok(T) ? tp__file_open(T, who, path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    reader *r = tp__calloc(1, sizeof *r); /* too large for a small stack */
    if (r == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: %s: no memory", who, path);
        close(fd);
        return NULL;
    }
    r->T = T;
    r->path = path;
    r->pickle.find_global = find_global;
    tp_state_dict *d = finish(r, read_any(r, fd, bytes));
    tp__free(r);
    return d;
}
