/* snapshot.c - a training in one file. A part is something that has a state: its tensors go under its name and a dot. A load
 * reads all, has every part say whether it fits, and only then has each take its own. */
#include "data/loader.h"
#include "io/file.h"
#include "nn/state.h"
#include "optim/schedule.h"
#include "tape/state_dict.h"
#include "tapir/io.h"
#include "tapir/random.h"
#include "tapir/snapshot.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum { MODULE, OPTIM, SCHEDULE, LOADER, TENSOR, I64, F64, GENERATOR } kind;

typedef struct {
    char *name;
    kind kind;
    void *object;
} part;

struct tp_snapshot {
    int n, room;
    part *parts;
};

static bool has_dict(kind k) { return k <= LOADER; }

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static tp_status add(tp_tape *T, tp_snapshot *s, const char *speaker, const char *name, kind k, void *object)
{
    if (s == NULL || name == NULL || object == NULL)
        return tp__missing(T, speaker, s == NULL ? "the snapshot" : name ? "what is to be saved" : "the name");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (*name == '\0' || strchr(name, '.'))
        return tp_fail(T, TP_EINVAL, "%s: the name is \"%.100s\"; one without dots is needed", speaker, name);
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->parts[i].name, name) == 0)
            return tp_fail(T, TP_EINVAL, "%s: \"%.100s\" is there already; another name is needed", speaker, name);
    if (s->n == s->room) {
        int room = s->room ? 2 * s->room : 8;
        part *parts = tp__realloc(s->parts, (size_t)room * sizeof *parts);
        if (parts == NULL)
            return tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
        s->parts = parts;
        s->room = room;
    }
    char *copy = tp__malloc(strlen(name) + 1);
    if (copy == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", speaker);
    s->parts[s->n++] = (part){strcpy(copy, name), k, object};
    return TP_OK;
}

tp_snapshot *tp_snapshot_new(tp_tape *T)
{
    TP__NAMED(T, "snapshot_new");
    tp_snapshot *s = tp__ok(T) ? tp__calloc(1, sizeof *s) : NULL;
    if (s == NULL) {
        tp_fail(T, TP_ENOMEM, "snapshot_new: no memory");
        return NULL;
    }
    if (add(T, s, "snapshot_new", "generator", GENERATOR, T) == TP_OK)
        return s;
    tp_snapshot_free(s);
    return NULL;
}

void tp_snapshot_free(tp_snapshot *s)
{
    for (int i = 0; s && i < s->n; i++)
        tp__free(s->parts[i].name);
    if (s)
        tp__free(s->parts);
    tp__free(s);
}

tp_status tp_snapshot_module(tp_tape *T, tp_snapshot *s, const char *name, tp_module *m)
{
    TP__NAMED(T, "snapshot_module");
    return add(T, s, "snapshot_module", name, MODULE, m);
}
tp_status tp_snapshot_optim(tp_tape *T, tp_snapshot *s, const char *name, tp_optim *o)
{
    TP__NAMED(T, "snapshot_optim");
    return add(T, s, "snapshot_optim", name, OPTIM, o);
}
tp_status tp_snapshot_schedule(tp_tape *T, tp_snapshot *s, const char *name, tp_schedule *schedule)
{
    TP__NAMED(T, "snapshot_schedule");
    return add(T, s, "snapshot_schedule", name, SCHEDULE, schedule);
}
tp_status tp_snapshot_loader(tp_tape *T, tp_snapshot *s, const char *name, tp_loader *loader)
{
    TP__NAMED(T, "snapshot_loader");
    return add(T, s, "snapshot_loader", name, LOADER, loader);
}
tp_status tp_snapshot_tensor(tp_tape *T, tp_snapshot *s, const char *name, tp_tensor *x)
{
    TP__NAMED(T, "snapshot_tensor");
    if (x && tp__ok(T) && !(x->flags & TP__OWNED))
        return tp_fail(T, TP_EINVAL, "snapshot_tensor: the tensor is the tape's; an owned one (tp_keep) is needed");
    return add(T, s, "snapshot_tensor", name, TENSOR, x);
}
tp_status tp_snapshot_i64(tp_tape *T, tp_snapshot *s, const char *name, int64_t *value)
{
    TP__NAMED(T, "snapshot_i64");
    return add(T, s, "snapshot_i64", name, I64, value);
}
tp_status tp_snapshot_f64(tp_tape *T, tp_snapshot *s, const char *name, double *value)
{
    TP__NAMED(T, "snapshot_f64");
    return add(T, s, "snapshot_f64", name, F64, value);
}

/* ---- out ------------------------------------------------------------------------------------------------------------ */

static tp_state_dict *dict_of(tp_tape *T, const part *p)
{
    return p->kind == MODULE     ? tp_module_state_dict(T, p->object)
           : p->kind == OPTIM    ? tp_optim_state_dict(T, p->object)
           : p->kind == SCHEDULE ? tp_schedule_state_dict(T, p->object)
                                 : tp_loader_state_dict(T, p->object);
}

/* A part that is one tensor, of the tape. */
static tp_tensor *tensor_of(tp_tape *T, const part *p)
{
    tp_tensor *x = p->kind == TENSOR      ? p->object
                   : p->kind == GENERATOR ? tp_get_rng_state(T)
                                          : tp__tensor_make(T, p->kind == I64 ? TP_I64 : TP_F64, (tp_dims){0});
    if (x && (p->kind == I64 || p->kind == F64))
        memcpy(x->data, p->object, 8);
    return x;
}

/* What is to be written, in the tape's arena. */
typedef struct {
    int n;
    const char **name;
    tp_tensor **tensor;
} content;

static bool fill(tp_tape *T, const tp_snapshot *s, tp_state_dict *const *dicts, content *c)
{
    size_t n = 0;
    for (int i = 0; i < s->n; i++)
        n += dicts[i] ? (size_t)dicts[i]->n : 1;
    c->name = tp__arena_alloc(&T->arena, n * sizeof *c->name);
    c->tensor = tp__arena_alloc(&T->arena, n * sizeof *c->tensor);
    for (int i = 0; i < s->n && c->name && c->tensor; i++) {
        size_t prefix = strlen(s->parts[i].name);
        for (int k = 0; dicts[i] && k < dicts[i]->n; k++, c->n++) {
            size_t length = strlen(dicts[i]->names[k]);
            char *name = tp__arena_alloc(&T->arena, prefix + length + 2);
            if (name == NULL)
                return false;
            memcpy(name, s->parts[i].name, prefix);
            name[prefix] = '.';
            memcpy(name + prefix + 1, dicts[i]->names[k], length + 1);
            c->name[c->n] = name;
            c->tensor[c->n] = dicts[i]->tensors[k];
        }
        if (dicts[i])
            continue;
        c->name[c->n] = s->parts[i].name;
        if ((c->tensor[c->n++] = tensor_of(T, &s->parts[i])) == NULL)
            return false;
    }
    return c->name && c->tensor;
}

/* path, path.1, ... move one on; path stays where it is, too, till a new one takes its place. */
static void rotate(tp_tape *T, const char *path, int keep)
{
    size_t room = strlen(path) + 16;
    char *from = tp__arena_alloc(&T->arena, room), *to = tp__arena_alloc(&T->arena, room);
    for (int i = keep; from && to && i >= 1; i--) {
        snprintf(to, room, "%s.%d", path, i);
        if (i > 1) {
            snprintf(from, room, "%s.%d", path, i - 1);
            (void)rename(from, to);
        } else {
            (void)unlink(to); /* where the one before could not be renamed */
            if (link(path, to) != 0 && errno != ENOENT)
                (void)rename(path, to); /* a file system without links */
        }
    }
}

tp_status tp_snapshot_save(tp_tape *T, tp_snapshot *s, const char *path, int keep)
{
    TP__NAMED(T, "snapshot_save");
    static const char *const key[] = {"format", "tapir.snapshot"}, *const value[] = {"pt", "1"};
    if (s == NULL || path == NULL)
        return tp__missing(T, "snapshot_save", s ? "the path" : "the snapshot");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (keep < 0 || keep > 9999)
        return tp_fail(T, TP_EINVAL, "snapshot_save: keep is %d; 0 to 9999 is needed", keep);
    tp_mark mark = tp_tape_mark(T);
    tp_state_dict **dicts = tp__calloc((size_t)s->n, sizeof(tp_state_dict *));
    content c = {0};
    for (int i = 0; dicts && i < s->n && T->status == TP_OK; i++)
        if (has_dict(s->parts[i].kind))
            dicts[i] = dict_of(T, &s->parts[i]);
    if (dicts == NULL || (T->status == TP_OK && !fill(T, s, dicts, &c)))
        tp_fail(T, TP_ENOMEM, "snapshot_save: no memory");
    if (T->status == TP_OK && keep > 0)
        rotate(T, path, keep);
    if (T->status == TP_OK)
        tp_safetensors_save(T, path, c.n, c.name, c.tensor, 2, key, value);
    for (int i = 0; dicts && i < s->n; i++)
        tp_state_dict_free(dicts[i]);
    tp__free(dicts);
    tp__rewind(T, mark);
    return T->status;
}

/* ---- in ------------------------------------------------------------------------------------------------------------- */

/* A part that is one tensor: does it fit? Then it may be taken. */
static tp_status load_one(tp_tape *T, const part *p, const content *c, bool take)
{
    static const char speaker[] = "snapshot_load";
    tp_tensor *x = c->n == 1 ? c->tensor[0] : NULL;
    if (x == NULL)
        return tp_fail(T, TP_EINVAL, "%s: Missing key: \"%.100s\"; it is needed", speaker, p->name);
    tp_dtype dtype = p->kind == I64         ? TP_I64
                     : p->kind == F64       ? TP_F64
                     : p->kind == GENERATOR ? TP_U8
                                            : ((tp_tensor *)p->object)->dtype;
    tp_dims shape = p->kind == TENSOR      ? tp__dims_of(p->object)
                    : p->kind == GENERATOR ? (tp_dims){1, {5056}}
                                           : (tp_dims){0};
    if (x->dtype != dtype || !tp__dims_equal(tp__dims_of(x), shape))
        return tp_fail(T, TP_ESHAPE, "%s: %.100s is %s %s; %s %s is needed", speaker, p->name, tp_dtype_name(x->dtype),
                       TP__SHAPE(x), tp_dtype_name(dtype), TP__DIMS(shape));
    if (p->kind == GENERATOR) { /* it says itself whether the bytes are a state */
        tp_tensor *now = take ? NULL : tp_get_rng_state(T);
        tp_set_rng_state(T, x);
        return take || T->status != TP_OK ? T->status : tp_set_rng_state(T, now);
    }
    if (!take)
        return TP_OK;
    if (p->kind == TENSOR)
        return tp_copy_into(T, p->object, x);
    memcpy(p->object, x->data, 8);
    return TP_OK;
}

static tp_status load_part(tp_tape *T, const part *p, const content *c, bool take)
{
    static const char speaker[] = "snapshot_load";
    switch (p->kind) {
    case MODULE:
        return tp__load_state(T, p->object, speaker, c->n, c->name, tp__source_list, c->tensor,
                              &(tp_load_options){.same_dtype = true}, take);
    case OPTIM:
        return tp__optim_load(T, speaker, p->object, c->n, c->name, c->tensor, take);
    case SCHEDULE:
        return tp__schedule_load(T, speaker, p->object, c->n, c->name, c->tensor, take);
    case LOADER:
        return tp__loader_load(T, speaker, p->object, c->n, c->name, c->tensor, take);
    default:
        return load_one(T, p, c, take);
    }
}

/* Which part a name of the file belongs to; -1: none. */
static int part_of(const tp_snapshot *s, const char *name)
{
    size_t length = strcspn(name, ".");
    for (int i = 0; i < s->n; i++)
        if (strlen(s->parts[i].name) == length && memcmp(s->parts[i].name, name, length) == 0 &&
            has_dict(s->parts[i].kind) == (name[length] == '.'))
            return i;
    return -1;
}

static bool read_all(tp_tape *T, const tp_snapshot *s, const tp_safetensors *f, content *parts)
{
    int n = tp_safetensors_length(f);
    for (int i = 0; i < s->n; i++) {
        parts[i].n = 0;
        parts[i].name = tp__arena_alloc(&T->arena, ((size_t)n + 1) * sizeof *parts[i].name);
        parts[i].tensor = tp__arena_alloc(&T->arena, ((size_t)n + 1) * sizeof *parts[i].tensor);
        if (parts[i].name == NULL || parts[i].tensor == NULL) {
            tp_fail(T, TP_ENOMEM, "snapshot_load: no memory");
            return false;
        }
    }
    for (int k = 0; k < n; k++) {
        const char *name = tp_safetensors_name(f, k);
        int i = part_of(s, name);
        if (i < 0) {
            tp_fail(T, TP_EINVAL, "snapshot_load: Unexpected key: \"%.200s\"; what was saved is needed", name);
            return false;
        }
        content *c = &parts[i];
        c->name[c->n] = has_dict(s->parts[i].kind) ? strchr(name, '.') + 1 : name;
        if ((c->tensor[c->n++] = tp_safetensors_get(T, f, name)) == NULL)
            return false;
    }
    return true;
}

static tp_status load(tp_tape *T, tp_snapshot *s, const char *path)
{
    tp_safetensors *f = tp_safetensors_open(T, path);
    if (f == NULL)
        return T->status;
    tp_mark mark = tp_tape_mark(T);
    bool recording = T->recording;
    T->recording = false;
    content *parts = tp__arena_alloc(&T->arena, (size_t)s->n * sizeof *parts);
    if (parts == NULL)
        tp_fail(T, TP_ENOMEM, "snapshot_load: no memory");
    if (parts && read_all(T, s, f, parts))
        for (int k = 0; k < 2 * s->n && T->status == TP_OK; k++)
            load_part(T, &s->parts[k % s->n], &parts[k % s->n], k >= s->n);
    T->recording = recording;
    tp__rewind(T, mark);
    tp_safetensors_close(f);
    return T->status;
}

tp_status tp_snapshot_load(tp_tape *T, tp_snapshot *s, const char *path)
{
    TP__NAMED(T, "snapshot_load");
    if (s == NULL || path == NULL)
        return tp__missing(T, "snapshot_load", s ? "the path" : "the snapshot");
    return tp__ok(T) ? load(T, s, path) : tp_error_status(T);
}

tp_status tp_snapshot_resume(tp_tape *T, tp_snapshot *s, const char *path, bool *resumed)
{
    TP__NAMED(T, "snapshot_resume");
    struct stat is;
    if (resumed)
        *resumed = false;
    if (s == NULL || path == NULL)
        return tp__missing(T, "snapshot_resume", s ? "the path" : "the snapshot");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (stat(path, &is) != 0 && errno == ENOENT)
        return TP_OK;
    bool good = load(T, s, path) == TP_OK;
    if (resumed)
        *resumed = good;
    return T->status;
}
