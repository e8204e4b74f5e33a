/* print.c - tensors as text, as PyTorch writes them: one width for all elements, scientific notation where
 * the range asks for it, the middle left out of large tensors, and what is special about them at the end. */
#include "tape/tape.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- where the text goes ------------------------------------------------------------------------------------ */

typedef struct {
    FILE *file; /* or */
    char *buffer;
    size_t n;
    int64_t length;  /* so far */
    int64_t newline; /* where the last one was; -1: nowhere */
} writer;

static void put(writer *w, const char *text)
{
    for (; *text; text++, w->length++) {
        if (*text == '\n')
            w->newline = w->length;
        if (w->file)
            fputc(*text, w->file);
        else if ((size_t)w->length + 1 < w->n)
            w->buffer[w->length] = *text;
    }
}

static void put_repeated(writer *w, const char *text, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        put(w, text);
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_print_options o;
    tp_dtype dtype;
    bool whole, scientific;
    int width;
    bool summarize;
    /* gathered on the first pass */
    bool any;
    double smallest, largest; /* finite and not zero, without sign */
} format;

enum { NUMBER = 512 };

static void float_text(const format *f, double v, char *text)
{
    if (isnan(v))
        tp__snprintf(text, NUMBER, "nan");
    else if (isinf(v))
        tp__snprintf(text, NUMBER, v < 0 ? "-inf" : "inf");
    else if (f->scientific)
        tp__snprintf(text, NUMBER, "%.*e", f->o.precision, v);
    else if (f->whole)
        tp__snprintf(text, NUMBER, "%.0f.", v);
    else
        tp__snprintf(text, NUMBER, "%.*f", f->o.precision, v);
}

static void number_text(const format *f, const void *p, char *text)
{
    switch (f->dtype) {
    case TP_BOOL:
        tp__snprintf(text, NUMBER, *(const uint8_t *)p ? "True" : "False");
        break;
    case TP_I64:
        tp__snprintf(text, NUMBER, "%lld", (long long)*(const int64_t *)p);
        break;
    case TP_I32:
    case TP_U8:
        tp__snprintf(text, NUMBER, "%.0f", tp__load(p, f->dtype));
        break;
    case TP_F32:
    case TP_F64:
        float_text(f, tp__load(p, f->dtype), text);
    }
}

static void measure_range(format *f, const void *p)
{
    double v = tp__load(p, f->dtype), size = fabs(v);
    if (!isfinite(v) || v == 0)
        return;
    f->smallest = f->any && f->smallest < size ? f->smallest : size;
    f->largest = f->any && f->largest > size ? f->largest : size;
    f->whole &= v == ceil(v);
    f->any = true;
}

static void measure_width(format *f, const void *p)
{
    char text[NUMBER];
    double v = tp__load(p, f->dtype);
    if (tp_dtype_is_float(f->dtype) && (!isfinite(v) || v == 0))
        return;
    number_text(f, p, text);
    int width = (int)strlen(text);
    f->width = width > f->width ? width : f->width;
}

/* ---- walking --------------------------------------------------------------------------------------------------- */

static const void *element(const tp_tensor *x, int64_t offset)
{
    return (const char *)x->data + offset * (int64_t)tp_dtype_size(x->dtype);
}

/* Is index i of a dimension of size n left out? */
static bool left_out(const format *f, int64_t i, int64_t n)
{
    return f->summarize && n > 2 * (int64_t)f->o.edge_items && i >= f->o.edge_items && i < n - f->o.edge_items;
}

/* The next index that is shown after i. */
static int64_t next_shown(const format *f, int64_t i, int64_t n)
{
    return left_out(f, i + 1, n) ? n - f->o.edge_items : i + 1;
}

static void for_each_shown(format *f, const tp_tensor *x, int d, int64_t offset, void (*what)(format *, const void *))
{
    if (d == x->ndim) {
        what(f, element(x, offset));
        return;
    }
    for (int64_t i = 0; i < x->shape[d]; i = next_shown(f, i, x->shape[d]))
        for_each_shown(f, x, d + 1, offset + i * x->stride[d], what);
}

static void put_number(writer *w, const format *f, const void *p)
{
    char text[NUMBER];
    number_text(f, p, text);
    put_repeated(w, " ", f->width - (int64_t)strlen(text));
    put(w, text);
}

/* The last dimension, in lines. */
static void put_vector(writer *w, const format *f, const tp_tensor *x, int64_t offset, int indent)
{
    int d = x->ndim - 1, per_line = (f->o.line_width - indent) / (f->width + 2), on_line = 0;
    int64_t n = x->shape[d];
    put(w, "[");
    for (int64_t i = 0; i < n; i = next_shown(f, i, n)) {
        bool gap = i > 0 && left_out(f, i - 1, n);
        for (int item = gap ? 0 : 1; item < 2; item++) { /* the dots count as an element */
            if (on_line == (per_line > 0 ? per_line : 1)) {
                put(w, ",\n");
                put_repeated(w, " ", indent + 1);
                on_line = 0;
            } else if (i > 0) {
                put(w, ", ");
            }
            if (item == 0)
                put(w, " ...");
            else
                put_number(w, f, element(x, offset + i * x->stride[d]));
            on_line++;
        }
    }
    put(w, "]");
}

static void put_tensor(writer *w, const format *f, const tp_tensor *x, int d, int64_t offset, int indent)
{
    if (x->ndim == 0) {
        put_number(w, f, element(x, offset));
        return;
    }
    if (d == x->ndim - 1) {
        put_vector(w, f, x, offset, indent);
        return;
    }
    put(w, "[");
    for (int64_t i = 0; i < x->shape[d]; i = next_shown(f, i, x->shape[d])) {
        for (int item = i > 0 && left_out(f, i - 1, x->shape[d]) ? 0 : 1; item < 2; item++) {
            if (i > 0) {
                put(w, ",");
                put_repeated(w, "\n", x->ndim - d - 1);
                put_repeated(w, " ", indent + 1);
            }
            if (item == 0)
                put(w, "...");
            else
                put_tensor(w, f, x, d + 1, offset + i * x->stride[d], indent + 1);
        }
    }
    put(w, "]");
}

/* ---- what stands behind the numbers -------------------------------------------------------------------------------- */

static void put_suffix(writer *w, const format *f, int64_t *line, const char *text)
{
    int64_t n = (int64_t)strlen(text), indent = (int64_t)strlen("tensor(");
    if (*line + n + 2 > f->o.line_width) {
        put(w, ",\n");
        put_repeated(w, " ", indent);
        *line = indent + n;
    } else {
        put(w, ", ");
        *line += n + 2;
    }
    put(w, text);
}

/* "user.decay_chain" -> "DecayChainBackward0" */
static void made_name(const char *op, char *text, size_t n)
{
    const char *dot = strrchr(op, '.');
    size_t at = 0;
    bool start = true;
    for (const char *p = dot ? dot + 1 : op; *p && at + 1 < n; p++) {
        if (*p != '_')
            text[at++] = start ? tp__upper(*p) : *p;
        start = *p == '_';
    }
    text[at] = '\0';
}

/* torch's name of what made x, which is not a leaf. */
static void grad_fn_text(const tp_tensor *x, char *text, size_t n)
{
    const tp_op *op = x->node->op;
    if (op->grad_name) {
        snprintf(text, n, "%s", op->grad_name);
        return;
    }
    made_name(op->name, text, n - 12);
    strcat(text, "Backward0");
}

int64_t tp_grad_fn(const tp_tensor *x, char *buffer, size_t n)
{
    char name[200] = "";
    if (x && x->node)
        grad_fn_text(x, name, sizeof name);
    if (buffer && n > 0)
        snprintf(buffer, n, "%s", name);
    return (int64_t)strlen(name);
}

static void put_suffixes(writer *w, const format *f, const tp_tensor *x)
{
    char text[300], name[200];
    int64_t line = w->length - w->newline + 1;
    bool usual = x->dtype == TP_F32 || (x->numel > 0 && (x->dtype == TP_I64 || x->dtype == TP_BOOL));
    if (x->numel == 0 && x->ndim != 1) {
        tp__dims_text(tp__dims_of(x), name, sizeof name);
        name[strlen(name) - 1] = '\0';
        snprintf(text, sizeof text, "size=(%s)", name + 1);
        put_suffix(w, f, &line, text);
    }
    if (!usual) {
        snprintf(text, sizeof text, "dtype=torch.%s", tp_dtype_name(x->dtype));
        put_suffix(w, f, &line, text);
    }
    if (x->node) {
        grad_fn_text(x, name, sizeof name);
        snprintf(text, sizeof text, "grad_fn=<%s>", name);
        put_suffix(w, f, &line, text);
    } else if (x->flags & TP__REQUIRES_GRAD) {
        put_suffix(w, f, &line, "requires_grad=True");
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

static format format_for(const tp_tensor *x, const tp_print_options *options)
{
    format f = {.dtype = x->dtype, .width = 1, .whole = true};
    if (options || x->tape)
        f.o = options ? *options : x->tape->print;
    f.o.precision = f.o.precision > 0 ? (f.o.precision < 100 ? f.o.precision : 100) : 4;
    f.o.threshold = f.o.threshold > 0 ? f.o.threshold : 1000;
    f.o.edge_items = f.o.edge_items > 0 ? f.o.edge_items : 3;
    f.o.line_width = f.o.line_width > 0 ? f.o.line_width : 80;
    f.summarize = x->numel > f.o.threshold;
    if (x->numel == 0)
        return f;
    if (tp_dtype_is_float(f.dtype)) {
        for_each_shown(&f, x, 0, 0, measure_range);
        f.scientific = f.any && (f.largest / f.smallest > 1000 || f.largest > 1e8 || (!f.whole && f.smallest < 1e-4));
    }
    for_each_shown(&f, x, 0, 0, measure_width);
    if (f.any && f.o.sci_mode) /* zeros, nan and inf alone stay as they are; widths are measured before, as in torch */
        f.scientific = f.o.sci_mode > 0;
    return f;
}

static void write_tensor(writer *w, const tp_tensor *x, const tp_print_options *options)
{
    if (x == NULL) {
        put(w, "None");
        return;
    }
    if (x->flags & TP__PARAMETER)
        put(w, "Parameter containing:\n");
    put(w, "tensor(");
    if (x->data == NULL && x->numel > 0) {
        put(w, x->flags & TP__BY_RESET    ? "<given back by tp_tape_reset>)"
               : x->flags & TP__BY_REWIND ? "<given back by tp_tape_rewind>)"
                                          : "<its scope has ended>)");
        return;
    }
    format f = format_for(x, options);
    if (x->numel == 0)
        put(w, "[]");
    else
        put_tensor(w, &f, x, 0, 0, (int)strlen("tensor("));
    put_suffixes(w, &f, x);
    put(w, ")");
}

void tp_set_printoptions(tp_tape *T, const tp_print_options *options)
{
    if (T)
        T->print = options ? *options : (tp_print_options){0};
}

int64_t tp_format_with(const tp_tensor *x, const tp_print_options *options, char *buffer, size_t n)
{
    writer w = {.buffer = buffer, .n = buffer ? n : 0, .newline = -1};
    write_tensor(&w, x, options);
    if (w.n > 0)
        buffer[(size_t)w.length < w.n ? (size_t)w.length : w.n - 1] = '\0';
    return w.length;
}

int64_t tp_format(const tp_tensor *x, char *buffer, size_t n) { return tp_format_with(x, NULL, buffer, n); }

void tp_print_with(const tp_tensor *x, const tp_print_options *options)
{
    writer w = {.file = stdout, .newline = -1};
    write_tensor(&w, x, options);
    put(&w, "\n");
}

void tp_print(const tp_tensor *x) { tp_print_with(x, NULL); }
