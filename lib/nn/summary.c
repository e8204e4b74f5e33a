/* summary.c - a table of a module's layers: what they give for an input, and what they take. The input goes through the
 * module once, with nothing recorded and in evaluation, so that neither statistics nor the generator move.
 *
 * What is noted on the way lies with the tape: where forward is left by a jump, hooks of ours stay at the modules that find
 * nothing to note any more. */
#include "nn/nn.h"
#include "tape/watch.h"

#include <string.h>

enum { SHAPES = 3 }; /* of a layer's outputs are shown */

typedef struct {
    const tp_module *m;
    bool training; /* as it was */
    bool called;
    int n_out;
    tp_dims shape[SHAPES];
    double work, inside; /* multiply-adds of its calls, and of those the calls of others within */
    double began;        /* the tape's count then */
    int above;           /* the row whose call it is in */
    int64_t params, trainable, bytes, out_bytes;
} row;

struct tp__survey {
    int n, now; /* the row whose call runs; -1 */
    row rows[];
};

static row *row_of(const tp_tape *T, const tp_module *m)
{
    struct tp__survey *s = T->watch ? T->watch->survey : NULL;
    for (int i = 0; s && i < s->n; i++)
        if (s->rows[i].m == m)
            return &s->rows[i];
    return NULL;
}

/* ---- what the hooks note ------------------------------------------------------------------------------------------------ */

static tp_status note_begin(tp_tape *T, tp_module *m, int n_in, tp_tensor **in, void *user)
{
    row *r = row_of(T, m);
    (void)n_in, (void)in, (void)user;
    if (r) {
        struct tp__survey *s = T->watch->survey;
        r->above = s->now;
        r->began = T->watch->mult_adds;
        s->now = (int)(r - s->rows);
    }
    return TP_OK;
}

static tp_status note_end(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out,
                          void *user)
{
    row *r = row_of(T, m);
    (void)n_in, (void)in, (void)user;
    if (r == NULL)
        return TP_OK;
    struct tp__survey *s = T->watch->survey;
    double work = T->watch->mult_adds - r->began;
    r->work += work;
    if (r->above >= 0)
        s->rows[r->above].inside += work;
    s->now = r->above;
    r->called = true;
    r->n_out = n_out;
    for (int i = 0; i < n_out; i++)
        if (out[i]) {
            if (i < SHAPES)
                r->shape[i] = tp__dims_of(out[i]);
            r->out_bytes += out[i]->numel * (int64_t)tp_dtype_size(out[i]->dtype);
        }
    return TP_OK;
}

/* ---- what the modules have ------------------------------------------------------------------------------------------------ */

typedef struct {
    tp_tape *T;
    struct tp__survey *s; /* NULL: counting */
    int n;
} survey_walk;

static tp_status note_module(const char *name, tp_module *m, void *user)
{
    survey_walk *w = user;
    (void)name;
    if (w->s) {
        row *r = &w->s->rows[w->n];
        *r = (row){.m = m, .training = m->training, .above = -1};
        m->training = false;
        tp__module_forget_hooks(m, note_begin, note_end); /* of one that was left by a jump */
        tp_module_register_forward_pre_hook(w->T, m, note_begin, NULL);
        tp_module_register_forward_hook(w->T, m, note_end, NULL);
    }
    w->n++;
    return TP_OK;
}

/* Tied ones count where they are first. */
static tp_status note_tensor(const char *name, tp_tensor *x, bool is_param, void *user)
{
    survey_walk *w = user;
    (void)name;
    if (w->s == NULL)
        return TP_OK;
    row *r = &w->s->rows[w->n - 1];
    r->params += is_param ? x->numel : 0;
    r->trainable += is_param && (x->flags & TP__REQUIRES_GRAD) ? x->numel : 0;
    r->bytes += x->numel * (int64_t)tp_dtype_size(x->dtype);
    return TP_OK;
}

static tp_status let_go(const char *name, tp_module *m, void *user)
{
    row *r = row_of(((survey_walk *)user)->T, m);
    (void)name;
    if (r)
        m->training = r->training;
    tp__module_forget_hooks(m, note_begin, note_end);
    return TP_OK;
}

static bool begin(tp_tape *T, tp_module *m)
{
    survey_walk s = {.T = T};
    tp__walk w = {.before = note_module,
                  .tensor = note_tensor,
                  .of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = true},
                  .once = true,
                  .user = &s};
    tp__module_walk(m, &w, false);
    tp__watch *watch = tp__watch_of(T);
    if (watch == NULL)
        return false;
    tp__free(watch->survey);
    watch->survey = s.s = tp__calloc(1, sizeof *s.s + (size_t)s.n * sizeof(row));
    if (s.s == NULL) {
        tp_fail(T, TP_ENOMEM, "module_summary: no memory");
        return false;
    }
    s.s->n = s.n;
    s.s->now = -1;
    s.n = 0;
    tp__module_walk(m, &w, false);
    return tp__ok(T);
}

static void end(tp_tape *T, tp_module *m)
{
    survey_walk s = {.T = T};
    tp__walk w = {.before = let_go, .user = &s};
    if (m)
        tp__module_walk(m, &w, false);
    if (T->watch) {
        tp__free(T->watch->survey);
        T->watch->survey = NULL;
    }
}

/* ---- the table ------------------------------------------------------------------------------------------------------------ */

enum { COLUMNS = 5, CELL = 200 };
typedef struct {
    tp_tape *T;
    char *buffer;
    size_t n;
    int64_t length;
    int width[COLUMNS];
    bool measures;
    row total;
} table;

static void put(table *t, const char *text, int n)
{
    for (int i = 0; i < n; i++, t->length++)
        if ((size_t)t->length + 1 < t->n)
            t->buffer[t->length] = text[i];
}
static void put_fill(table *t, char c, int n)
{
    for (int i = 0; i < n; i++)
        put(t, &c, 1);
}

/* 1,234,567 */
static void number_text(char *text, double value)
{
    char digits[40];
    int n = tp__snprintf(digits, sizeof digits, "%.0f", value), at = 0;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
}
static void number_or_dash(char *text, double value)
{
    if (value > 0)
        number_text(text, value);
    else
        strcpy(text, "-");
}

/* Texts to the left, numbers to the right; nothing behind the last column that has something. */
static void put_line(table *t, char cell[COLUMNS][CELL])
{
    int last = COLUMNS - 1;
    while (last > 0 && cell[last][0] == '\0')
        last--;
    for (int c = 0; c <= last; c++) {
        int n = (int)strlen(cell[c]), room = t->width[c] - n;
        if (t->measures)
            t->width[c] = room < 0 ? n : t->width[c];
        else {
            put_fill(t, ' ', (c > 0 ? 2 : 0) + (c > 1 ? room : 0));
            put(t, cell[c], n);
            put_fill(t, ' ', c < 2 && c < last ? room : 0);
        }
    }
    if (!t->measures)
        put(t, "\n", 1);
}

static void put_rule(table *t)
{
    int all = 2 * (COLUMNS - 1);
    for (int c = 0; c < COLUMNS; c++)
        all += t->width[c];
    if (!t->measures) {
        put_fill(t, '-', all);
        put(t, "\n", 1);
    }
}

static void shapes_text(char *text, const row *r)
{
    int at = 0;
    if (!r->called)
        strcpy(text, "-");
    for (int i = 0; r->called && i < r->n_out && i < SHAPES; i++)
        at += snprintf(text + at, (size_t)(CELL - at), "%s%.48s%s", i ? ", " : "", TP__DIMS(r->shape[i]),
                       i + 1 == SHAPES && r->n_out > SHAPES ? ", ..." : "");
}

static tp_status put_module(const char *name, tp_module *m, void *user)
{
    table *t = user;
    const row *r = row_of(t->T, m);
    char cell[COLUMNS][CELL];
    int depth = *name != '\0';
    const char *own = name;
    for (const char *dot = name; (dot = strchr(dot, '.')) != NULL; own = ++dot)
        depth++;
    if (r == NULL)
        return TP_OK;
    snprintf(cell[0], CELL, depth ? "%*s(%.60s): %.60s" : "%*s%s%.60s", depth < 20 ? 2 * depth : 40, "", own,
             m->type->name);
    shapes_text(cell[1], r);
    number_or_dash(cell[2], (double)r->params);
    number_or_dash(cell[3], (double)r->bytes);
    number_or_dash(cell[4], r->work - r->inside);
    put_line(t, cell);
    bool leaf = true; /* what others give is mostly what these gave */
    for (int i = 0; i < m->n_entries; i++)
        leaf &= m->entries[i].kind != TP__IS_CHILD;
    t->total.params += r->params;
    t->total.trainable += r->trainable;
    t->total.bytes += r->bytes;
    t->total.out_bytes += leaf ? r->out_bytes : 0;
    t->total.work += r->work - r->inside;
    return TP_OK;
}

static void put_total(table *t, const char *name, int column, double value)
{
    char cell[COLUMNS][CELL] = {""};
    snprintf(cell[0], CELL, "%s", name);
    number_text(cell[column], value);
    put_line(t, cell);
}

static tp_status put_table(table *t, tp_module *m, double in_bytes)
{
    char head[COLUMNS][CELL] = {"Layer", "Output shape", "Parameters", "Bytes", "Multiply-adds"},
         sum[COLUMNS][CELL] = {"Total"};
    tp__walk w = {.before = put_module, .user = t};
    t->total = (row){.m = m};
    put_line(t, head);
    put_rule(t);
    tp_status status = tp__module_walk(m, &w, true);
    put_rule(t);
    number_text(sum[2], (double)t->total.params);
    number_text(sum[3], (double)t->total.bytes);
    number_text(sum[4], t->total.work);
    put_line(t, sum);
    put_total(t, "Trainable", 2, (double)t->total.trainable);
    put_total(t, "Not trainable", 2, (double)(t->total.params - t->total.trainable));
    put_total(t, "Input", 3, in_bytes);
    put_total(t, "Outputs of layers", 3, (double)t->total.out_bytes);
    put_total(t, "All together", 3, (double)(t->total.bytes + t->total.out_bytes) + in_bytes);
    return status;
}

static int64_t write_table(tp_tape *T, tp_module *m, double in_bytes, char *buffer, size_t n)
{
    table t = {.T = T, .buffer = buffer, .n = buffer ? n : 0, .measures = true};
    tp_status status = put_table(&t, m, in_bytes);
    t.measures = false;
    if (status == TP_OK)
        status = put_table(&t, m, in_bytes);
    if (status != TP_OK) {
        tp_fail(T, status, "module_summary: no memory for names");
        return -1;
    }
    if (t.n > 0)
        buffer[(size_t)t.length < t.n ? (size_t)t.length : t.n - 1] = '\0';
    return t.length;
}

/* ---- the call ------------------------------------------------------------------------------------------------------------- */

static bool call_once(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in)
{
    int n_out = m->type->forward_n && m->type->n_out > 1 ? m->type->n_out : 1;
    tp_tensor **out = tp__arena_alloc(&T->arena, (size_t)n_out * sizeof *out);
    if (out == NULL) {
        tp_fail(T, TP_ENOMEM, "module_summary: no memory for %d outputs", n_out);
        return false;
    }
    T->watch->counts = true;
    tp_status status = tp_forward_n(T, m, n_in, in, n_out, out);
    if (T->watch)
        T->watch->counts = false;
    return status == TP_OK;
}

int64_t tp_module_summary(tp_tape *T, tp_module *m, int n_in, tp_tensor *const *in, char *buffer, size_t n)
{
    int64_t length = -1;
    double in_bytes = 0;
    if (m == NULL || (n_in > 0 && in == NULL))
        tp__missing(T, "module_summary", m ? "the list of inputs" : "the module");
    if (!tp__ok(T) || m == NULL || (n_in > 0 && in == NULL))
        return -1;
    if (T->watch && T->watch->counts && tp__inside(T)) {
        tp_fail(T, TP_EINVAL, "module_summary: within the forward of one; a call outside of it is needed");
        return -1;
    }
    for (int i = 0; i < n_in; i++)
        in_bytes += in[i] ? (double)in[i]->numel * (double)tp_dtype_size(in[i]->dtype) : 0;
    tp_mark mark = tp_tape_mark(T);
    tp__rng rng = T->rng;
    bool was = tp_tape_record(T, false), outermost = tp__module_use(m);
    if (begin(T, m) && call_once(T, m, n_in, in))
        length = write_table(T, m, in_bytes, buffer, n);
    end(T, m);
    tp__module_let_go(m, outermost);
    tp_tape_record(T, was);
    T->rng = rng;
    tp__rewind(T, mark);
    return length;
}
