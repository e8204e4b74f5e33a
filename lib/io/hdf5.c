/* hdf5.c - HDF5 files, by the HDF Group's library, of which every call stands between enter() and leave(): one thread at a time,
 * no messages, no filters that would be loaded. Names that are asked for are those that a walk over the file's own (hard) links
 * found, so that no link leads out of the file. */
#define _POSIX_C_SOURCE 200809L
#include "tapir/hdf5.h"
#include "io/element.h"
#include "io/file.h"
#include "tape/state_dict.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#ifdef HAVE_HDF5
#define H5_USE_110_API
#include <hdf5.h>

enum { DEFLATED_MOST = 1032, FREE = 1 << 20, NAME = 200 };

/* ---- the library --------------------------------------------------------------------------------------------------- */

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* What the program had set. */
typedef struct {
    H5E_auto2_t print;
    void *user;
    unsigned loading;
} settings;

static settings enter(void)
{
    settings s = {NULL, NULL, 0};
    pthread_mutex_lock(&one_at_a_time);
    H5Eget_auto2(H5E_DEFAULT, &s.print, &s.user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLget_loading_state(&s.loading);
    H5PLset_loading_state(0);
    return s;
}

static void leave(settings s)
{
    H5PLset_loading_state(s.loading);
    H5Eset_auto2(H5E_DEFAULT, s.print, s.user);
    pthread_mutex_unlock(&one_at_a_time);
}

static herr_t first_reason(unsigned n, const H5E_error2_t *e, void *user)
{
    if (n == 0)
        tp__snprintf(user, NAME, "%s", e->desc ? e->desc : "it failed");
    return 0;
}

/* What the last call that failed says: of the innermost function. */
static const char *reason(char text[NAME])
{
    tp__snprintf(text, NAME, "%s", "it failed");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first_reason, text);
    return text;
}

/* ---- a file -------------------------------------------------------------------------------------------------------- */

typedef struct {
    char *name;
    bool dataset; /* else a group */
} object;

struct tp_hdf5 {
    hid_t file;
    size_t bytes;
    object *list; /* in the order of the walk */
    int n, room, n_datasets;
    bool no_memory;
    const char **names; /* of the datasets */
    tp__given *sorted;  /* and by name */
    char path[];
};

void tp_hdf5_close(tp_hdf5 *f)
{
    if (f == NULL)
        return;
    if (f->file >= 0) {
        settings s = enter();
        H5Fclose(f->file);
        leave(s);
    }
    for (int i = 0; i < f->n; i++)
        tp__free(f->list[i].name);
    tp__free(f->list);
    tp__free(f->names);
    tp__free(f->sorted);
    tp__free(f);
}

static bool add_object(tp_hdf5 *f, const char *name, bool dataset)
{
    if (f->n == f->room) {
        int room = f->room ? 2 * f->room : 32;
        object *larger = f->room > INT_MAX / 2 ? NULL : tp__realloc(f->list, (size_t)room * sizeof *larger);
        if (larger == NULL)
            return false;
        f->list = larger;
        f->room = room;
    }
    size_t length = strlen(name) + 1;
    char *copy = tp__malloc(length);
    if (copy == NULL)
        return false;
    f->list[f->n++] = (object){memcpy(copy, name, length), dataset};
    f->n_datasets += dataset;
    return true;
}

/* Below 0 ends the walk. */
static herr_t list_object(hid_t of, const char *name, const H5O_info_t *about, void *user)
{
    tp_hdf5 *f = user;
    (void)of;
    if (strcmp(name, ".") == 0 || (about->type != H5O_TYPE_DATASET && about->type != H5O_TYPE_GROUP))
        return 0;
    f->no_memory = !add_object(f, name, about->type == H5O_TYPE_DATASET);
    return f->no_memory ? -1 : 0;
}

static bool sort_names(tp_tape *T, tp_hdf5 *f)
{
    int n = 0;
    f->names = tp__malloc(((size_t)f->n_datasets + 1) * sizeof *f->names);
    f->sorted = tp__malloc(((size_t)f->n_datasets + 1) * sizeof *f->sorted);
    if (f->names == NULL || f->sorted == NULL) {
        tp_fail(T, TP_ENOMEM, "hdf5_open: %s: no memory", f->path);
        return false;
    }
    for (int i = 0; i < f->n; i++)
        if (f->list[i].dataset)
            f->names[n++] = f->list[i].name;
    return tp__given_sort(T, "hdf5_open", n, f->names, f->sorted) == TP_OK;
}

/* Opens it, and walks over what it has. */
static bool open_file(tp_tape *T, tp_hdf5 *f)
{
    char why[NAME] = "";
    settings s = enter();
    f->file = H5Fopen(f->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    bool ok = f->file >= 0 && H5Ovisit(f->file, H5_INDEX_NAME, H5_ITER_INC, list_object, f) >= 0;
    if (!ok)
        reason(why);
    leave(s);
    if (f->no_memory)
        tp_fail(T, TP_ENOMEM, "hdf5_open: %s: no memory", f->path);
    else if (!ok)
        tp_fail(T, TP_EIO, "hdf5_open: %s: %s; an HDF5 file is needed", f->path, why);
    return ok && sort_names(T, f);
}

tp_hdf5 *tp_hdf5_open(tp_tape *T, const char *path)
{
    TP__NAMED(T, "hdf5_open");
    size_t bytes;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, "hdf5_open", "the path");
    int fd = tp__ok(T) ? tp__file_open(T, "hdf5_open", path, &bytes) : -1;
    if (fd < 0)
        return NULL;
    close(fd);
    tp_hdf5 *f = tp__calloc(1, sizeof *f + strlen(path) + 1);
    if (f == NULL) {
        tp_fail(T, TP_ENOMEM, "hdf5_open: %s: no memory", path);
        return NULL;
    }
    f->bytes = bytes;
    memcpy(f->path, path, strlen(path) + 1);
    if (open_file(T, f))
        return f;
    tp_hdf5_close(f);
    return NULL;
}

int tp_hdf5_length(const tp_hdf5 *f) { return f ? f->n_datasets : 0; }
const char *tp_hdf5_name(const tp_hdf5 *f, int i) { return f && i >= 0 && i < f->n_datasets ? f->names[i] : NULL; }

/* With points for slashes. */
static bool is_dotted(const char *name, const char *dotted)
{
    while (*name && (*name == *dotted || (*name == '/' && *dotted == '.')))
        name++, dotted++;
    return *name == *dotted;
}

/* The dataset's own name; NULL: there is none. */
static const char *find_dataset(const tp_hdf5 *f, const char *name)
{
    const tp__given *exact = f && name ? tp__given_find(f->sorted, f->n_datasets, name) : NULL;
    if (exact)
        return exact->name;
    for (int i = 0; f && name && i < f->n_datasets; i++)
        if (is_dotted(f->names[i], name))
            return f->names[i];
    return NULL;
}

/* The same of groups, too, and of the file itself. */
static const char *find_object(const tp_hdf5 *f, const char *name)
{
    const char *dataset = find_dataset(f, name);
    if (dataset || f == NULL || name == NULL)
        return dataset;
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->list[i].name, name) == 0 || is_dotted(f->list[i].name, name))
            return f->list[i].name;
    return *name ? NULL : ".";
}

bool tp_hdf5_has(const tp_hdf5 *f, const char *name) { return find_dataset(f, name) != NULL; }

/* ---- what is to be read -------------------------------------------------------------------------------------------- */

/* The name that is asked for, in a file, for messages; and what of HDF5's is open for it. */
typedef struct {
    tp_tape *T;
    const char *who, *name;
    const tp_hdf5 *f;
    hid_t at, type, space, plan; /* a dataset or an attribute, what it is of; < 0: not open */
    bool attribute;
} reader;

static bool refuse(const reader *r, tp_status status, const char *wrong)
{
    tp_fail(r->T, status, "%s: %s: %s: %s", r->who, r->f->path, r->name, wrong);
    return false;
}

static bool failed(const reader *r)
{
    char why[NAME];
    return refuse(r, TP_EIO, reason(why));
}

/* An integer's kind: the dtype that has all of its values, or that of uint64. */
static int kind_of_integer(size_t size, bool is_signed)
{
    return size == 1 && !is_signed                ? TP_U8
           : size < 4 || (size == 4 && is_signed) ? TP_I32
           : size < 8 || (size == 8 && is_signed) ? TP_I64
           : size == 8                            ? (int)TP__U64
                                                  : -1;
}

/* By the widths of exponent and fraction: float32 has 8 and 23, float64 11 and 52. */
static int kind_of_float(hid_t type)
{
    size_t sign, e, width, m, digits;
    if (H5Tget_fields(type, &sign, &e, &width, &m, &digits) < 0)
        return -1;
    return width <= 8 && digits <= 23 ? TP_F32 : width <= 11 && digits <= 52 ? TP_F64 : -1;
}

/* TP_BOOL for what h5py has for booleans: an enumeration of FALSE and TRUE in a byte. */
static int kind_of(hid_t type)
{
    size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        return kind_of_integer(size, H5Tget_sign(type) == H5T_SGN_2);
    case H5T_FLOAT:
        return kind_of_float(type);
    case H5T_ENUM:
        return size == 1 && H5Tget_nmembers(type) == 2 && H5Tget_member_index(type, "FALSE") >= 0 &&
                       H5Tget_member_index(type, "TRUE") >= 0
                   ? TP_BOOL
                   : -1;
    default:
        return -1;
    }
}

static bool read_shape(const reader *r, tp_dims *shape, int64_t *numel)
{
    hsize_t size[TP_MAX_DIMS];
    int n = H5Sget_simple_extent_type(r->space) == H5S_NULL ? -1 : H5Sget_simple_extent_ndims(r->space);
    if (n < 0 || n > TP_MAX_DIMS)
        return refuse(r, TP_EUNSUPPORTED,
                      n < 0 ? "it has no shape; one is needed" : "it has too many dimensions; at most TP_MAX_DIMS");
    if (H5Sget_simple_extent_dims(r->space, size, NULL) < 0)
        return failed(r);
    shape->ndim = n;
    for (int d = 0; d < n; d++)
        shape->dim[d] = size[d] <= INT64_MAX ? (int64_t)size[d] : -1;
    return tp__dims_numel(*shape, numel) || refuse(r, TP_EIO, "it has more elements than can be addressed");
}

/* Can so many bytes be in the file, packed as tightly as deflate can? */
static bool in_proportion(const reader *r, size_t bytes)
{
    return bytes / DEFLATED_MOST <= r->f->bytes + FREE / DEFLATED_MOST ||
           refuse(r, TP_EIO, "it says that it is larger than it can be in this file");
}

/* Where a dataset's data are; a chunk is in memory as a whole. */
static bool check_storage(const reader *r, size_t size)
{
    hsize_t chunk[H5S_MAX_RANK];
    size_t bytes = size;
    H5D_layout_t layout = H5Pget_layout(r->plan);
    if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(r->plan) != 0))
        return refuse(r, TP_EUNSUPPORTED, "its data lie in other files; they are needed in this one");
    int n = layout == H5D_CHUNKED ? H5Pget_chunk(r->plan, H5S_MAX_RANK, chunk) : 0;
    for (int d = 0; d < n && d < H5S_MAX_RANK; d++)
        if (!tp__mul_size(bytes, chunk[d], &bytes))
            return refuse(r, TP_EIO, "a chunk of it is larger than can be addressed");
    return in_proportion(r, bytes);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

static void close_all(const reader *r)
{
    if (r->plan >= 0)
        H5Pclose(r->plan);
    if (r->space >= 0)
        H5Sclose(r->space);
    if (r->type >= 0)
        H5Tclose(r->type);
    if (r->at >= 0)
        (r->attribute ? H5Aclose : H5Dclose)(r->at);
}

/* What it is in memory; booleans are bytes in the file, too. */
static hid_t in_memory(int kind, hid_t type)
{
    return kind == TP_F32    ? H5T_NATIVE_FLOAT
           : kind == TP_F64  ? H5T_NATIVE_DOUBLE
           : kind == TP_I32  ? H5T_NATIVE_INT32
           : kind == TP_I64  ? H5T_NATIVE_INT64
           : kind == TP_U8   ? H5T_NATIVE_UINT8
           : kind == TP__U64 ? H5T_NATIVE_UINT64
                             : type;
}

static tp_tensor *read_open(const reader *r)
{
    tp_dims shape = {0};
    int64_t numel, bad;
    size_t bytes;
    int kind = kind_of(r->type);
    if (kind < 0) {
        refuse(r, TP_EUNSUPPORTED,
               "its dtype is not read; a boolean, an integer or a float of up to 64 bits is needed");
        return NULL;
    }
    if (!read_shape(r, &shape, &numel) || (!r->attribute && !check_storage(r, H5Tget_size(r->type))))
        return NULL;
    if (!tp__mul_size((size_t)numel, H5Tget_size(r->type), &bytes) || !in_proportion(r, bytes)) {
        refuse(r, TP_EIO, "it has more elements than can be addressed");
        return NULL;
    }
    tp_tensor *x = tp__tensor_make(r->T, tp__stored_as(kind), shape);
    hid_t to = in_memory(kind, r->type);
    if (x == NULL || numel == 0)
        return x;
    if ((r->attribute ? H5Aread(r->at, to, x->data) : H5Dread(r->at, to, H5S_ALL, H5S_ALL, H5P_DEFAULT, x->data)) < 0) {
        failed(r);
        return NULL;
    }
    if (tp__stored_convert(kind, false, numel, x->data, x->data, &bad))
        return x;
    refuse(r, TP_EUNSUPPORTED, "an element is beyond int64; uint64 is read where it is below 2^63");
    return NULL;
}

tp_tensor *tp_hdf5_get(tp_tape *T, const tp_hdf5 *f, const char *name)
{
    TP__NAMED(T, "hdf5_get");
    const char *own = find_dataset(f, name);
    if (f == NULL || name == NULL)
        tp__missing(T, "hdf5_get", f ? "the name" : "the file");
    else if (tp__ok(T) && own == NULL)
        tp_fail(T, TP_EINVAL, "hdf5_get: %s is not in %s; a name that is there is needed", name, f->path);
    if (!tp__ok(T) || own == NULL)
        return NULL;
    settings s = enter();
    reader r = {.T = T, .who = "hdf5_get", .name = own, .f = f, .at = H5Dopen2(f->file, own, H5P_DEFAULT)};
    r.type = r.at < 0 ? -1 : H5Dget_type(r.at);
    r.space = r.type < 0 ? -1 : H5Dget_space(r.at);
    r.plan = r.space < 0 ? -1 : H5Dget_create_plist(r.at);
    tp_tensor *x = NULL;
    if (r.plan < 0)
        failed(&r);
    else
        x = read_open(&r);
    close_all(&r);
    leave(s);
    return x;
}

/* r.at, type and space of an attribute; false: there is none, or it cannot be opened. */
static bool open_attribute(reader *r, const char *of, const char *key)
{
    r->at = r->type = r->space = r->plan = -1;
    r->attribute = true;
    if (H5Aexists_by_name(r->f->file, of, key, H5P_DEFAULT) > 0)
        r->at = H5Aopen_by_name(r->f->file, of, key, H5P_DEFAULT, H5P_DEFAULT);
    r->type = r->at < 0 ? -1 : H5Aget_type(r->at);
    r->space = r->type < 0 ? -1 : H5Aget_space(r->at);
    return r->space >= 0;
}

tp_tensor *tp_hdf5_attribute(tp_tape *T, const tp_hdf5 *f, const char *name, const char *key)
{
    static const char who[] = "hdf5_attribute";
    TP__NAMED(T, who);
    const char *own = find_object(f, name);
    if (f == NULL || name == NULL || key == NULL)
        tp__missing(T, who, f == NULL ? "the file" : name == NULL ? "the name" : "the key");
    else if (tp__ok(T) && own == NULL)
        tp_fail(T, TP_EINVAL, "%s: %s is not in %s; a name that is there is needed", who, name, f->path);
    if (!tp__ok(T) || own == NULL || key == NULL)
        return NULL;
    settings s = enter();
    reader r = {.T = T, .who = who, .name = key, .f = f};
    tp_tensor *x = NULL;
    if (!open_attribute(&r, own, key))
        tp_fail(T, TP_EINVAL, "%s: %s: %s has no attribute %s; one that is there is needed", who, f->path,
                *name ? name : "the file", key);
    else
        x = read_open(&r);
    close_all(&r);
    leave(s);
    return x;
}

/* The attribute's text, for tp__free; NULL where it is none. */
static char *read_text(const reader *r)
{
    size_t size = H5Tget_size(r->type);
    bool variable = H5Tis_variable_str(r->type) > 0;
    char *text = NULL, *theirs = NULL;
    if (H5Tget_class(r->type) != H5T_STRING || H5Sget_simple_extent_npoints(r->space) != 1)
        return NULL;
    if (variable ? H5Aread(r->at, r->type, &theirs) < 0 || theirs == NULL : size > r->f->bytes)
        return NULL;
    size = variable ? strlen(theirs) : size;
    if ((text = tp__calloc(1, size + 1)) != NULL) {
        if (variable) {
            memcpy(text, theirs, size);
        } else if (H5Aread(r->at, r->type, text) < 0) {
            tp__free(text);
            text = NULL;
        }
    }
    if (theirs)
        H5free_memory(theirs);
    return text;
}

int64_t tp_hdf5_text(const tp_hdf5 *f, const char *name, const char *key, char *buffer, size_t n)
{
    const char *own = find_object(f, name);
    int64_t length = -1;
    if (buffer && n > 0)
        *buffer = 0;
    if (own == NULL || key == NULL)
        return -1;
    settings s = enter();
    reader r = {.f = f};
    char *text = open_attribute(&r, own, key) ? read_text(&r) : NULL;
    close_all(&r);
    leave(s);
    if (text) {
        length = (int64_t)strlen(text);
        if (buffer && n > 0)
            tp__snprintf(buffer, n, "%s", text);
    }
    tp__free(text);
    return length;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* What is to be written. */
typedef struct {
    tp_tape *T;
    const char *path;
    int n, m;
    const char *const *names;
    tp_tensor *const *tensors;
    const tp_hdf5_attr *attributes;
    hid_t file, links; /* how names become groups */
} writer;

static const char saver[] = "hdf5_save";

/* A type to be closed. */
static hid_t file_type(tp_dtype dtype)
{
    static const int8_t truth[2] = {0, 1};
    if (dtype != TP_BOOL)
        return H5Tcopy(in_memory((int)dtype, -1));
    hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
    if (type >= 0 && (H5Tenum_insert(type, "FALSE", &truth[0]) < 0 || H5Tenum_insert(type, "TRUE", &truth[1]) < 0)) {
        H5Tclose(type);
        return -1;
    }
    return type;
}

static hid_t space_of(const tp_tensor *x)
{
    hsize_t size[TP_MAX_DIMS];
    for (int d = 0; d < x->ndim; d++)
        size[d] = (hsize_t)x->shape[d];
    return x->ndim == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(x->ndim, size, NULL);
}

/* A dataset, or an attribute of the object `of`. */
static bool write_elements(const writer *w, hid_t of, const char *name, tp_tensor *x)
{
    tp__storage *copy;
    const void *data = tp__elements(w->T, x, &copy);
    hid_t type = file_type(x->dtype), space = space_of(x), plan = H5Pcreate(H5P_DATASET_CREATE), at = -1;
    bool attribute = of >= 0, ok = (data || x->numel == 0) && type >= 0 && space >= 0 && plan >= 0;
    if (ok) {
        H5Pset_obj_track_times(plan, false); /* the same file each time */
        at = attribute ? H5Acreate2(of, name, type, space, H5P_DEFAULT, H5P_DEFAULT)
                       : H5Dcreate2(w->file, name, type, space, w->links, plan, H5P_DEFAULT);
    }
    if (at >= 0 && x->numel > 0)
        ok = (attribute ? H5Awrite(at, type, data) : H5Dwrite(at, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data)) >= 0;
    ok = ok && at >= 0;
    char why[NAME];
    if (!ok)
        tp_fail(w->T, data == NULL && x->numel > 0 ? TP_ENOMEM : TP_EIO, "%s: %s: %s: %s; another name may be needed",
                saver, w->path, name, reason(why));
    close_all(&(reader){.at = at, .type = type, .space = space, .plan = plan, .attribute = attribute});
    tp__storage_unref(copy);
    return ok;
}

static bool write_text(const writer *w, hid_t of, const char *key, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), at = -1;
    char why[NAME];
    if (type >= 0 && space >= 0 && H5Tset_size(type, *text ? strlen(text) : 1) >= 0 &&
        H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0)
        at = H5Acreate2(of, key, type, space, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = at >= 0 && H5Awrite(at, type, text) >= 0;
    if (!ok)
        tp_fail(w->T, TP_EIO, "%s: %s: %s: %s; another key may be needed", saver, w->path, key, reason(why));
    close_all(&(reader){.at = at, .type = type, .space = space, .plan = -1, .attribute = true});
    return ok;
}

static bool write_attribute(const writer *w, const tp_hdf5_attr *a)
{
    hid_t of = H5Oopen(w->file, *a->name ? a->name : ".", H5P_DEFAULT);
    if (of < 0) {
        tp_fail(w->T, TP_EINVAL,
                "%s: %s: %s, which is to have the attribute %s, is not written; a tensor or its group is needed", saver,
                w->path, a->name, a->key);
        return false;
    }
    bool ok = a->value ? write_elements(w, of, a->key, a->value) : write_text(w, of, a->key, a->text);
    H5Oclose(of);
    return ok;
}

/* All of it, to the file of that name, which is there and empty. */
static bool write_all(writer *w, const char *beside)
{
    char why[NAME];
    w->links = H5Pcreate(H5P_LINK_CREATE);
    w->file = H5Fcreate(beside, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    bool ok = w->file >= 0 && w->links >= 0 && H5Pset_create_intermediate_group(w->links, 1) >= 0 &&
              H5Pset_char_encoding(w->links, H5T_CSET_UTF8) >= 0;
    if (!ok)
        tp_fail(w->T, TP_EIO, "%s: %s: %s", saver, w->path, reason(why));
    for (int i = 0; i < w->n && ok; i++)
        ok = write_elements(w, -1, w->names[i], w->tensors[i]);
    for (int i = 0; i < w->m && ok; i++)
        ok = write_attribute(w, &w->attributes[i]);
    if (w->links >= 0)
        H5Pclose(w->links);
    if (w->file >= 0 && H5Fclose(w->file) < 0 && ok) {
        ok = false;
        tp_fail(w->T, TP_EIO, "%s: %s: %s", saver, w->path, reason(why));
    }
    return ok;
}

/* A path in a file: parts that are not empty nor ".". */
static bool is_path(const char *name)
{
    for (const char *at = name;; at++) {
        size_t n = strcspn(at, "/");
        if (n == 0 || (n == 1 && *at == '.'))
            return false;
        if (*(at += n) == 0)
            return true;
    }
}

static tp_status check_content(tp_tape *T, const writer *w)
{
    if (tp__file_check(T, saver, w->path, w->n, w->names, w->tensors) != TP_OK)
        return T->status;
    for (int i = 0; i < w->n; i++)
        if (!is_path(w->names[i]))
            return tp_fail(T, TP_EINVAL, "%s: the name %d is \"%s\"; parts with slashes between them are needed", saver,
                           i, w->names[i]);
    if (w->m < 0 || (w->m > 0 && w->attributes == NULL))
        return tp_fail(T, TP_EINVAL, "%s: %s: %d attributes; 0 or more, and a list that is not NULL, are needed", saver,
                       w->path, w->m);
    for (int i = 0; i < w->m; i++) {
        const tp_hdf5_attr *a = &w->attributes[i];
        if (a->name == NULL || a->key == NULL || *a->key == 0 || (a->value == NULL && a->text == NULL))
            return tp_fail(T, TP_EINVAL, "%s: attribute %d lacks its name, its key or its value; all are needed", saver,
                           i);
        if (a->value && !tp__usable(T, saver, a->value))
            return T->status;
    }
    return TP_OK;
}

tp_status tp_hdf5_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors, int m,
                       const tp_hdf5_attr *attributes)
{
    TP__NAMED(T, saver);
    tp__replacement r;
    writer w = {T, path, n, m, names, tensors, attributes, -1, -1};
    if (tp__ok(T) && path == NULL)
        tp__missing(T, saver, "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (check_content(T, &w) != TP_OK || !tp__replace_begin(T, saver, path, &r))
        return T->status;
    settings s = enter();
    bool ok = write_all(&w, r.beside);
    leave(s);
    errno = 0;
    return tp__replace_end(T, saver, path, &r, ok);
}

#else

static tp_status not_there(tp_tape *T, const char *who)
{
    return tp_fail(T, TP_EUNSUPPORTED,
                   "%s: built without HDF5; a library that was configured with --with-hdf5 is needed", who);
}

tp_hdf5 *tp_hdf5_open(tp_tape *T, const char *path)
{
    (void)path;
    not_there(T, "hdf5_open");
    return NULL;
}

tp_status tp_hdf5_save(tp_tape *T, const char *path, int n, const char *const *names, tp_tensor *const *tensors, int m,
                       const tp_hdf5_attr *attributes)
{
    (void)path, (void)n, (void)names, (void)tensors, (void)m, (void)attributes;
    return not_there(T, "hdf5_save");
}

/* Without a file there is nothing to ask. */
void tp_hdf5_close(tp_hdf5 *f) { (void)f; }
int tp_hdf5_length(const tp_hdf5 *f)
{
    (void)f;
    return 0;
}
const char *tp_hdf5_name(const tp_hdf5 *f, int i)
{
    (void)f, (void)i;
    return NULL;
}
bool tp_hdf5_has(const tp_hdf5 *f, const char *name)
{
    (void)f, (void)name;
    return false;
}
tp_tensor *tp_hdf5_get(tp_tape *T, const tp_hdf5 *f, const char *name)
{
    (void)f, (void)name;
    not_there(T, "hdf5_get");
    return NULL;
}
tp_tensor *tp_hdf5_attribute(tp_tape *T, const tp_hdf5 *f, const char *name, const char *key)
{
    (void)f, (void)name, (void)key;
    not_there(T, "hdf5_attribute");
    return NULL;
}
int64_t tp_hdf5_text(const tp_hdf5 *f, const char *name, const char *key, char *buffer, size_t n)
{
    (void)f, (void)name, (void)key;
    if (buffer && n > 0)
        *buffer = 0;
    return -1;
}

#endif
