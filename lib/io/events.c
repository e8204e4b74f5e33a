/* events.c - TensorBoard's event files. A file is TFRecords: the length in 8 bytes, its sum, the data, their sum
 * (https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details), where a sum is a CRC-32C (RFC 3720, B.4),
 * masked. The data are messages in Protocol Buffers' encoding (https://protobuf.dev/programming-guides/encoding), whose fields
 * are those of event.proto, summary.proto, graph.proto, node_def.proto and attr_value.proto of TensorFlow. A record is written by one
 * call, at the file's end. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tapir/events.h"
#include "io/file.h"
#include "io/image.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct tp_events {
    int fd;
    int64_t end; /* where the next record comes */
    char *path;
};

/* ---- messages ------------------------------------------------------------------------------------------------------ */

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put_varint(tp__bytes *b, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        tp__bytes_put(b, &(unsigned char){(unsigned char)(v | 128)}, 1);
    tp__bytes_put(b, &(unsigned char){(unsigned char)v}, 1);
}

static void put_key(tp__bytes *b, unsigned field, unsigned type) { put_varint(b, field << 3 | type); }

static void put_int(tp__bytes *b, unsigned field, int64_t v)
{
    put_key(b, field, VARINT);
    put_varint(b, (uint64_t)v);
}

static void put_double(tp__bytes *b, unsigned field, double v)
{
    put_key(b, field, FIXED64);
    tp__bytes_put(b, &v, sizeof v);
}

static void put_data(tp__bytes *b, unsigned field, const void *data, size_t n)
{
    put_key(b, field, LENGTH);
    put_varint(b, n);
    tp__bytes_put(b, data, n);
}

static void put_string(tp__bytes *b, unsigned field, const char *text) { put_data(b, field, text, strlen(text)); }

/* A message or a text within another, whose bytes it takes over. */
static void put_message(tp__bytes *b, unsigned field, tp__bytes *inner)
{
    b->failed |= inner->failed;
    if (!b->failed)
        put_data(b, field, inner->data ? inner->data : "", inner->n);
    tp__bytes_free(inner);
}

/* ---- records ------------------------------------------------------------------------------------------------------- */

/* Four bits at a time. */
static uint32_t crc32c(const void *data, size_t n)
{
    static const uint32_t of[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                    0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                    0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const unsigned char *at = data;
    uint32_t c = UINT32_MAX;
    for (; n > 0; n--, at++) {
        c = c >> 4 ^ of[(c ^ *at) & 15];
        c = c >> 4 ^ of[(c ^ *at >> 4) & 15];
    }
    return ~c;
}

static void put_sum(tp__bytes *b, const void *data, size_t n)
{
    uint32_t c = crc32c(data, n), masked = (c >> 15 | c << 17) + 0xa282ead8u;
    tp__bytes_put(b, &masked, sizeof masked);
}

/* Writes an event as a record, and frees it. */
static tp_status put_record(tp_tape *T, const char *who, tp_events *e, tp__bytes *event)
{
    tp__bytes record = {.failed = event->failed};
    uint64_t n = event->n;
    tp__bytes_put(&record, &n, sizeof n);
    put_sum(&record, &n, sizeof n);
    if (n > 0)
        tp__bytes_put(&record, event->data, event->n);
    put_sum(&record, event->data, event->n);
    if (record.failed)
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    else if (!tp__append(e->fd, &e->end, record.data, record.n))
        tp_fail(T, TP_EIO, "%s: %s: %s", who, e->path, tp__error_text(errno ? errno : EIO));
    tp__bytes_free(&record);
    tp__bytes_free(event);
    return T->status;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* An event that is now. */
static tp__bytes event_at(int64_t step)
{
    struct timespec t;
    tp__bytes b = {0};
    clock_gettime(CLOCK_REALTIME, &t);
    put_double(&b, 1, (double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
    if (step != 0)
        put_int(&b, 2, step);
    return b;
}

void tp_events_close(tp_events *e)
{
    if (e == NULL)
        return;
    if (e->fd >= 0)
        close(e->fd);
    tp__free(e->path);
    tp__free(e);
}

const char *tp_events_path(const tp_events *e) { return e ? e->path : NULL; }

/* The names that TensorBoard looks for: events.out.tfevents, the time, the machine, and what tells two from each other. */
static int create(const char *directory, char *path, size_t room)
{
    static atomic_uint calls;
    char host[64] = "localhost";
    if (gethostname(host, sizeof host) != 0 || strchr(host, '/'))
        strcpy(host, "localhost");
    host[sizeof host - 1] = 0;
    int fd = -1;
    for (int attempt = 0; attempt < 100; attempt++) {
        tp__snprintf(path, room, "%s/events.out.tfevents.%010lld.%s.%ld.%u", directory, (long long)time(NULL), host,
                     (long)getpid(), atomic_fetch_add(&calls, 1));
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            break;
    }
    return fd;
}

tp_events *tp_events_open(tp_tape *T, const char *directory)
{
    static const char who[] = "events_open";
    if (!tp__ok(T))
        return NULL;
    if (directory == NULL) {
        tp__missing(T, who, "the directory");
        return NULL;
    }
    size_t room = strlen(directory) + 160;
    tp_events *e = tp__calloc(1, sizeof *e);
    if (e == NULL || (e->path = tp__malloc(room)) == NULL) {
        tp__free(e);
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
        return NULL;
    }
    bool made = mkdir(directory, 0777) == 0 || errno == EEXIST;
    e->fd = made ? create(directory, e->path, room) : -1;
    if (e->fd < 0)
        tp_fail(T, TP_EIO, "%s: %s: %s", who, directory, tp__error_text(errno));
    tp__bytes b = event_at(0);
    put_string(&b, 3, "brain.Event:2");
    if (T->status == TP_OK && put_record(T, who, e, &b) == TP_OK)
        return e;
    tp__bytes_free(&b);
    tp_events_close(e);
    return NULL;
}

/* ---- summaries ----------------------------------------------------------------------------------------------------- */

static bool is_usable(tp_tape *T, const char *who, const tp_events *e, const char *tag)
{
    if (!tp__ok(T))
        return false;
    if (e == NULL || tag == NULL)
        tp__missing(T, who, e ? "the tag" : "the log");
    return T->status == TP_OK;
}

/* An event with a summary of one value: its tag, and what is in `value` already. */
static tp_status put_summary(tp_tape *T, const char *who, tp_events *e, const char *tag, int64_t step, tp__bytes *value)
{
    tp__bytes all = {0}, summary = {0}, event = event_at(step);
    put_string(&all, 1, tag);
    all.failed |= value->failed;
    if (value->n > 0)
        tp__bytes_put(&all, value->data, value->n);
    tp__bytes_free(value);
    put_message(&summary, 1, &all);
    put_message(&event, 5, &summary);
    return put_record(T, who, e, &event);
}

tp_status tp_events_scalar(tp_tape *T, tp_events *e, const char *tag, double value, int64_t step)
{
    tp__bytes b = {0};
    float v = (float)value;
    if (!is_usable(T, "events_scalar", e, tag))
        return tp_error_status(T);
    put_key(&b, 2, FIXED32);
    tp__bytes_put(&b, &v, sizeof v);
    return put_summary(T, "events_scalar", e, tag, step, &b);
}

/* TensorBoard's ends of bins: 0, and 1e-12 1.1^k below 1e20, of both signs; ascending. */
enum { POWERS = 775, ENDS = 2 * POWERS + 1 };
static int make_ends(double *end)
{
    int n = 0;
    end[POWERS] = 0;
    for (double v = 1e-12; v < 1e20 && n < POWERS; v *= 1.1, n++) {
        end[POWERS + 1 + n] = v;
        end[POWERS - 1 - n] = -v;
    }
    return n;
}

/* The bin of v: from end[i] on, below end[i + 1]; what is beyond is in the first or the last. */
static int bin_of(const double *end, int n, double v)
{
    int low = 0, high = n - 1;
    while (high - low > 1) {
        int middle = (low + high) / 2;
        *(v >= end[middle] ? &low : &high) = middle;
    }
    return low;
}

typedef struct {
    double min, max, n, sum, squares;
} moments;

static moments spread(const double *v, int64_t n, const double *end, int ends, double *count)
{
    moments m = {0};
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(v[i]))
            continue;
        m.min = m.n == 0 || v[i] < m.min ? v[i] : m.min;
        m.max = m.n == 0 || v[i] > m.max ? v[i] : m.max;
        m.n++;
        m.sum += v[i];
        m.squares += v[i] * v[i];
        count[bin_of(end, ends, v[i])]++;
    }
    return m;
}

/* A HistogramProto: the bins from the one before the first that has something to the last, each with its upper end. */
static void put_histogram(tp__bytes *b, const moments *m, const double *end, int ends, const double *count)
{
    const double all[] = {m->min, m->max, m->n, m->sum, m->squares};
    int first = 0, last = ends - 2;
    for (unsigned i = 0; i < 5; i++)
        put_double(b, i + 1, all[i]);
    while (first < last && count[first] == 0)
        first++;
    while (last > first && count[last] == 0)
        last--;
    first -= first > 0;
    size_t bytes = (size_t)(last - first + 1) * sizeof(double);
    put_data(b, 6, end + first + 1, bytes);
    put_data(b, 7, count + first, bytes);
}

tp_status tp_events_histogram(tp_tape *T, tp_events *e, const char *tag, tp_tensor *x, int64_t step)
{
    static const char who[] = "events_histogram";
    if (!is_usable(T, who, e, tag) || !tp__usable(T, who, x))
        return tp_error_status(T);
    double *v = tp__malloc((size_t)x->numel * sizeof *v + 1), *end = tp__malloc(ENDS * sizeof *end),
           *count = tp__calloc(ENDS, sizeof *count);
    if (v == NULL || end == NULL || count == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    } else {
        tp__bytes histogram = {0}, value = {0};
        int powers = make_ends(end), ends = 2 * powers + 1;
        tp__copy_elements(x, v, TP_F64);
        moments m = spread(v, x->numel, end + POWERS - powers, ends, count);
        put_histogram(&histogram, &m, end + POWERS - powers, ends, count);
        put_message(&value, 5, &histogram);
        put_summary(T, who, e, tag, step, &value);
    }
    tp__free(v);
    tp__free(end);
    tp__free(count);
    return T->status;
}

tp_status tp_events_image(tp_tape *T, tp_events *e, const char *tag, tp_tensor *x, int64_t step)
{
    static const char who[] = "events_image";
    tp__pixels p;
    if (!is_usable(T, who, e, tag) || tp__pixels_of(T, who, x, &p) != TP_OK)
        return tp_error_status(T);
    tp__bytes png = {0}, image = {0}, value = {0};
    if (tp__png_encode(T, who, &p, 6, &png) == TP_OK) {
        put_int(&image, 1, p.height);
        put_int(&image, 2, p.width);
        put_int(&image, 3, p.channels);
        put_message(&image, 4, &png);
        put_message(&value, 4, &image);
        put_summary(T, who, e, tag, step, &value);
    }
    tp__bytes_free(&png);
    tp__pixels_free(&p);
    return T->status;
}

/* ---- graphs -------------------------------------------------------------------------------------------------------- */

/* Tensors that no recorded call made, by their addresses, with names where a module has one. */
typedef struct {
    const tp_tensor *x;
    char *name;
} leaf;
typedef struct {
    tp_tape *T;
    leaf *list;
    size_t n;
} leaves;

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const leaf *)a)->x, y = (uintptr_t)((const leaf *)b)->x;
    return (x > y) - (x < y);
}

static leaf *find(const leaves *l, const tp_tensor *x)
{
    return l->n ? bsearch(&(leaf){x, NULL}, l->list, l->n, sizeof *l->list, by_address) : NULL;
}

static bool gather(tp_tape *T, leaves *l)
{
    size_t most = 0;
    for (uint32_t k = 0; k < T->n_nodes; k++)
        most += T->nodes[k]->n_in;
    *l = (leaves){.T = T, .list = tp__calloc(most + 1, sizeof *l->list)};
    if (l->list == NULL)
        return false;
    for (uint32_t k = 0; k < T->n_nodes; k++)
        for (uint32_t i = 0; i < T->nodes[k]->n_in; i++) {
            const tp_tensor *x = T->nodes[k]->in[i];
            if (x && x->node == NULL)
                l->list[l->n++].x = x;
        }
    qsort(l->list, l->n, sizeof *l->list, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < l->n; i++)
        if (kept == 0 || l->list[i].x != l->list[kept - 1].x)
            l->list[kept++].x = l->list[i].x;
    l->n = kept;
    return true;
}

static tp_status name_leaf(const char *name, tp_tensor *x, bool is_param, void *user)
{
    (void)is_param;
    leaves *l = user;
    leaf *at = find(l, x);
    if (at == NULL || at->name)
        return TP_OK;
    at->name = tp__malloc(strlen(name) + 1);
    if (at->name == NULL)
        return tp_fail(l->T, TP_ENOMEM, "events_graph: no memory");
    strcpy(at->name, name);
    return TP_OK;
}

/* Names of nodes are letters, digits and . _ - / > alone; the dots of parameters' names part what TensorBoard opens. */
static void put_name(tp__bytes *to, const char *before, const char *name, uint64_t number)
{
    tp__bytes_text(to, before);
    for (const char *c = name; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || tp__is_digit(*c) || *c == '_' || *c == '-';
        tp__bytes_put(to, plain ? c : *c == '.' ? "/" : "_", 1);
    }
    if (number != UINT64_MAX)
        tp__bytes_print(to, "_%llu", (unsigned long long)number);
}

static void put_leaf_name(tp__bytes *to, const leaves *l, const leaf *at)
{
    if (at->name)
        put_name(to, "parameters/", at->name, UINT64_MAX);
    else
        put_name(to, "leaves/", at->x->flags & TP__REQUIRES_GRAD ? "leaf" : "constant", (uint64_t)(at - l->list));
}

/* TensorFlow's numbers of dtypes (types.proto). */
static const int dtype_number[] = {[TP_F32] = 1, [TP_F64] = 2, [TP_I32] = 3, [TP_I64] = 9, [TP_U8] = 4, [TP_BOOL] = 10};
TP__DTYPES_ARE(6);

static void put_attr(tp__bytes *node, const char *key, unsigned field, tp__bytes *value)
{
    tp__bytes entry = {0}, attr = {0};
    put_message(&attr, field, value);
    put_string(&entry, 1, key);
    put_message(&entry, 2, &attr);
    put_message(node, 5, &entry);
}

static void put_type(tp__bytes *node, const tp_tensor *x)
{
    tp__bytes entry = {0}, attr = {0};
    put_int(&attr, 6, dtype_number[x->dtype]);
    put_string(&entry, 1, "T");
    put_message(&entry, 2, &attr);
    put_message(node, 5, &entry);
}

/* "_output_shapes", a list of them. */
static void put_shapes(tp__bytes *node, uint32_t n, tp_tensor *const *x)
{
    tp__bytes list = {0};
    for (uint32_t i = 0; i < n; i++) {
        tp__bytes shape = {0};
        for (int d = 0; x[i] && d < x[i]->ndim; d++) {
            tp__bytes dim = {0};
            put_int(&dim, 1, x[i]->shape[d]);
            put_message(&shape, 2, &dim);
        }
        put_message(&list, 7, &shape);
    }
    put_attr(node, "_output_shapes", 1, &list);
}

static void put_input(tp__bytes *node, const leaves *l, const tp_tensor *x)
{
    tp__bytes name = {0};
    if (x->node == NULL) {
        put_leaf_name(&name, l, find(l, x));
    } else {
        put_name(&name, "", x->node->op->name, x->node->index);
        for (uint32_t i = 1; i < x->node->n_out; i++)
            if (x->node->out[i] == x)
                tp__bytes_print(&name, ":%lu", (unsigned long)i);
    }
    put_message(node, 3, &name);
}

static void put_call(tp__bytes *graph, const leaves *l, const tp__node *call)
{
    tp__bytes node = {0}, name = {0};
    put_name(&name, "", call->op->name, call->index);
    put_message(&node, 1, &name);
    put_string(&node, 2, call->op->name);
    for (uint32_t i = 0; i < call->n_in; i++)
        if (call->in[i])
            put_input(&node, l, call->in[i]);
    if (call->n_out > 0 && call->out[0])
        put_type(&node, call->out[0]);
    put_shapes(&node, call->n_out, call->out);
    put_message(graph, 1, &node);
}

static void put_leaf(tp__bytes *graph, const leaves *l, const leaf *at)
{
    tp__bytes node = {0}, name = {0};
    tp_tensor *x = (tp_tensor *)(uintptr_t)at->x;
    put_leaf_name(&name, l, at);
    put_message(&node, 1, &name);
    put_string(&node, 2, at->name ? "Parameter" : x->flags & TP__REQUIRES_GRAD ? "Leaf" : "Const");
    put_type(&node, x);
    put_shapes(&node, 1, &x);
    put_message(graph, 1, &node);
}

tp_status tp_events_graph(tp_tape *T, tp_events *e, tp_module *m)
{
    static const char who[] = "events_graph";
    leaves l;
    if (!is_usable(T, who, e, ""))
        return tp_error_status(T);
    if (!gather(T, &l))
        return tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    tp__bytes graph = {0}, event = event_at(0), versions = {0};
    if (m == NULL || tp_module_visit(m, name_leaf, &l) == TP_OK) {
        for (size_t i = 0; i < l.n; i++)
            put_leaf(&graph, &l, &l.list[i]);
        for (uint32_t k = 0; k < T->n_nodes; k++)
            put_call(&graph, &l, T->nodes[k]);
        put_int(&versions, 1, 22); /* what TensorBoard wants at least */
        put_message(&graph, 4, &versions);
        put_message(&event, 4, &graph);
        put_record(T, who, e, &event);
    }
    tp__bytes_free(&graph);
    tp__bytes_free(&event);
    for (size_t i = 0; i < l.n; i++)
        tp__free(l.list[i].name);
    tp__free(l.list);
    return T->status;
}
