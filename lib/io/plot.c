/* plot.c - what is in a plot, and having it drawn. All that is given is copied, and checked, before the plot is changed. */
#include "io/plot.h"
#include "io/element.h"
#include "io/file.h"
#include "io/process.h"

#include <errno.h>

/* ---- texts --------------------------------------------------------------------------------------------------------- */

/* How many bytes the character takes that begins here; 0: it is none. */
static size_t character(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t n = c[0] < 0x80                   ? 1
               : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
               : (c[0] & 0xf0) == 0xe0       ? 3
               : (c[0] & 0xf8) == 0xf0       ? 4
                                             : 0;
    for (size_t k = 1; k < n; k++)
        if ((c[k] & 0xc0) != 0x80)
            return 0;
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
        c[0] > 0xf4 || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return n;
}

/* A copy as plots have it; what is no character becomes ?, a control character a blank. False: no memory. */
static bool copy_text(const char *text, char **to)
{
    *to = text ? tp__malloc(strlen(text) + 1) : NULL;
    if (text == NULL || *to == NULL)
        return text == NULL;
    for (char *at = *to;; at++) {
        size_t n = character(text);
        if (n == 1)
            *at = *text == '\n' || *text == 0 ? *text : (unsigned char)*text < ' ' || *text == 127 ? ' ' : *text;
        else if (n == 0)
            *at = '?';
        else
            memcpy(at, text, n);
        if (*text == 0)
            return true;
        at += n > 1 ? n - 1 : 0;
        text += n > 1 ? n : 1;
    }
}

static void free_list(char **list, int64_t n)
{
    for (int64_t i = 0; list && i < n; i++)
        tp__free(list[i]);
    tp__free(list);
}

/* n of them, of which those that are NULL are empty; false after a failure, with none left. */
static bool copy_list(tp_tape *T, const char *who, int64_t n, const char *const *list, char ***to)
{
    *to = list ? tp__calloc((size_t)n + 1, sizeof **to) : NULL;
    bool ok = list == NULL || *to;
    for (int64_t i = 0; ok && list && i < n; i++)
        ok = copy_text(list[i] ? list[i] : "", &(*to)[i]);
    if (ok)
        return true;
    free_list(*to, n);
    *to = NULL;
    tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    return false;
}

/* ---- plots --------------------------------------------------------------------------------------------------------- */

static void free_series(tp__series *s)
{
    tp__free(s->label);
    tp__free(s->x);
}

void tp_plot_free(tp_plot *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->n_series; i++)
        free_series(&p->series[i]);
    tp__free(p->series);
    tp__free(p->title);
    tp__free(p->xlabel);
    tp__free(p->ylabel);
    tp__free(p->y2label);
    tp__free(p->program);
    tp__free(p->bar_label);
    tp__free(p->values);
    tp__free(p->shade);
    free_list(p->labels, p->n_labels);
    free_list(p->row_labels, p->n_row_labels);
    tp__free(p);
}

/* Both ends given, or one, or none; TP_ZERO is zero. */
static bool range_is_good(double low, double high, bool log)
{
    bool both = low != 0 && high != 0;
    return isfinite(low) && isfinite(high) && (!both || low < high) && (!log || (low >= 0 && high >= 0));
}

static bool options_are_good(tp_tape *T, const tp_plot_options *o)
{
    enum { MOST_PIXELS = 16384, MOST_COLUMNS = 1000 };
    if (o->width < 0 || o->width > MOST_PIXELS || o->height < 0 || o->height > MOST_PIXELS)
        tp_fail(T, TP_EINVAL, "plot_new: %d by %d pixels; 0 to %d are needed", o->width, o->height, MOST_PIXELS);
    else if (o->columns < 0 || o->columns > MOST_COLUMNS || (o->columns > 0 && o->columns < 40) || o->rows < 0 ||
             o->rows > MOST_COLUMNS || (o->rows > 0 && o->rows < 4))
        tp_fail(T, TP_EINVAL, "plot_new: %d columns, %d rows of text; 40 to %d, 4 to %d, or 0 are needed", o->columns,
                o->rows, MOST_COLUMNS, MOST_COLUMNS);
    else if (!range_is_good(o->x_min, o->x_max, o->log_x) || !range_is_good(o->y_min, o->y_max, o->log_y) ||
             !range_is_good(o->y2_min, o->y2_max, o->log_y2))
        tp_fail(T, TP_EINVAL,
                "plot_new: x from %g to %g, y from %g to %g, y2 from %g to %g; finite ends, the lower "
                "first, above 0 on logarithmic axes, are needed",
                o->x_min, o->x_max, o->y_min, o->y_max, o->y2_min, o->y2_max);
    else if ((unsigned)o->key > TP_PLOT_BELOW)
        tp_fail(T, TP_EINVAL, "plot_new: key is %d; one of tp_plot_key is needed", (int)o->key);
    else if (!(o->seconds >= 0 && o->seconds <= 1e6))
        tp_fail(T, TP_EINVAL, "plot_new: %g seconds; 0 to 1e6 are needed", o->seconds);
    return T->status == TP_OK;
}

tp_plot *tp_plot_new(tp_tape *T, const tp_plot_options *options)
{
    static const tp_plot_options usual;
    const tp_plot_options *o = options ? options : &usual;
    if (!tp__ok(T) || !options_are_good(T, o))
        return NULL;
    tp_plot *p = tp__calloc(1, sizeof *p);
    if (p && copy_text(o->title, &p->title) && copy_text(o->xlabel, &p->xlabel) && copy_text(o->ylabel, &p->ylabel) &&
        copy_text(o->y2label, &p->y2label) && copy_text(o->gnuplot ? o->gnuplot : "gnuplot", &p->program)) {
        p->o = *o;
        return p;
    }
    tp_plot_free(p);
    tp_fail(T, TP_ENOMEM, "plot_new: no memory");
    return NULL;
}

/* May p have more of this kind? Curves stand side by side, the others alone. */
static bool may_have(tp_tape *T, const char *who, const tp_plot *p, tp__plot_kind kind)
{
    static const char *const has[] = {"nothing", "curves", "images", "a matrix"};
    if (!tp__ok(T))
        return false;
    if (p == NULL)
        tp__missing(T, who, "the plot");
    else if (p->kind != TP__NOTHING && (p->kind != kind || kind != TP__SERIES))
        tp_fail(T, TP_EINVAL, "%s: the plot has %s; one of its own is needed", who, has[p->kind]);
    return T->status == TP_OK;
}

/* ---- curves -------------------------------------------------------------------------------------------------------- */

static bool is_color(const char *c)
{
    if (*c != '#')
        return false;
    size_t n = strspn(c + 1, "0123456789abcdefABCDEF");
    return n == 6 && c[7] == 0;
}

static bool series_options_are_good(tp_tape *T, const char *who, const tp_series_options *o)
{
    if (!(o->size >= 0 && o->size <= 100))
        tp_fail(T, TP_EINVAL, "%s: size is %g; 0 to 100 is needed", who, o->size);
    else if ((unsigned)o->style > TP_PLOT_STEPS)
        tp_fail(T, TP_EINVAL, "%s: style is %d; one of tp_plot_style is needed", who, (int)o->style);
    else if (o->color && !is_color(o->color))
        tp_fail(T, TP_EINVAL, "%s: the color is \"%.20s\"; #rrggbb is needed", who, o->color);
    return T->status == TP_OK;
}

/* Room for n points, as the plot's next series, which it is not yet: *s is the caller's until it counts it. */
static bool next_series(tp_tape *T, const char *who, tp_plot *p, tp__series_kind kind, int64_t n,
                        const tp_series_options *options, tp__series *s)
{
    static const tp_series_options usual;
    *s = (tp__series){.kind = kind, .o = options ? *options : usual, .n = n};
    if (!series_options_are_good(T, who, &s->o))
        return false;
    if (p->n_series == p->room) {
        int room = p->room ? 2 * p->room : 8;
        tp__series *larger = p->room > 10000 ? NULL : tp__realloc(p->series, (size_t)room * sizeof *larger);
        if (larger == NULL) {
            tp_fail(T, TP_ENOMEM, "%s: no memory for another series", who);
            return false;
        }
        p->series = larger;
        p->room = room;
    }
    size_t bytes;
    if (s->o.color)
        memcpy(s->color, s->o.color, sizeof s->color);
    if (copy_text(s->o.label, &s->label) && tp__mul_size((size_t)n, 3 * sizeof(double), &bytes) &&
        (s->x = tp__malloc(bytes)) != NULL) {
        s->y = s->x + n;
        s->high = s->y + n;
        return true;
    }
    free_series(s);
    tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    return false;
}

static void take_series(tp_plot *p, const tp__series *s)
{
    p->series[p->n_series++] = *s;
    p->kind = TP__SERIES;
}

static bool is_list(tp_tape *T, const char *who, const char *what, const tp_tensor *x, int64_t n)
{
    if (!tp__usable(T, who, x))
        return false;
    if (x->ndim == 1 && x->numel > 0 && (n < 0 || x->numel == n))
        return true;
    if (n < 0)
        tp_fail(T, TP_ESHAPE, "%s: %s is %s; [n] of one point or more is needed", who, what, TP__SHAPE(x));
    else
        tp_fail(T, TP_ESHAPE, "%s: %s is %s, y [%lld]; as many are needed", who, what, TP__SHAPE(x), (long long)n);
    return false;
}

static void read_list(const tp_tensor *x, int64_t n, double *to)
{
    if (x)
        tp__copy_elements(x, to, TP_F64);
    else
        for (int64_t i = 0; i < n; i++)
            to[i] = (double)i;
}

static tp_status add(tp_tape *T, const char *who, tp_plot *p, tp__series_kind kind, tp_tensor *x, tp_tensor *y,
                     tp_tensor *high, const tp_series_options *options)
{
    tp__series s;
    if (!may_have(T, who, p, TP__SERIES) || !is_list(T, who, kind == TP__BAND ? "low" : "y", y, -1) ||
        (x && !is_list(T, who, "x", x, y->numel)) || (kind == TP__BAND && !is_list(T, who, "high", high, y->numel)) ||
        !next_series(T, who, p, kind, y->numel, options, &s))
        return tp_error_status(T);
    read_list(x, s.n, s.x);
    read_list(y, s.n, s.y);
    if (high)
        read_list(high, s.n, s.high);
    take_series(p, &s);
    return TP_OK;
}

tp_status tp_plot_curve(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *y, const tp_series_options *options)
{
    return add(T, "plot_curve", p, TP__CURVE, x, y, NULL, options);
}

tp_status tp_plot_scatter(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *y, const tp_series_options *options)
{
    tp_series_options o = options ? *options : (tp_series_options){0};
    o.style = TP_PLOT_POINTS;
    return add(T, "plot_scatter", p, TP__CURVE, x, y, NULL, &o);
}

tp_status tp_plot_band(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *low, tp_tensor *high,
                       const tp_series_options *options)
{
    return add(T, "plot_band", p, TP__BAND, x, low, high, options);
}

/* The smallest and the largest of the finite ones, and how many these are. */
static int64_t range_of(int64_t n, const double *v, double *low, double *high)
{
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) {
            *low = finite == 0 || v[i] < *low ? v[i] : *low;
            *high = finite == 0 || v[i] > *high ? v[i] : *high;
            finite++;
        }
    return finite;
}

static void count(const double *v, int64_t n, double low, double high, tp__series *s)
{
    double step = (high / (double)s->n - low / (double)s->n);
    for (int64_t i = 0; i < s->n; i++) {
        s->x[i] = low + step * (double)i;
        s->high[i] = low + step * (double)(i + 1);
        s->y[i] = 0;
    }
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) {
            double at = step > 0 ? (v[i] - low) / step : 0;
            s->y[at < (double)s->n ? (int64_t)at : s->n - 1]++;
        }
}

tp_status tp_plot_histogram(tp_tape *T, tp_plot *p, tp_tensor *x, int64_t bins, const tp_series_options *options)
{
    static const char who[] = "plot_histogram";
    enum { MOST = 100000, MOST_USUAL = 200 };
    if (!may_have(T, who, p, TP__SERIES) || !tp__usable(T, who, x))
        return tp_error_status(T);
    if (bins < 0 || bins > MOST)
        return tp_fail(T, TP_EINVAL, "%s: %lld bins; 0 to %d are needed", who, (long long)bins, MOST);
    double low = 0, high = 0, *v = tp__malloc((size_t)x->numel * sizeof *v + 1);
    if (v == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    tp__copy_elements(x, v, TP_F64);
    int64_t finite = range_of(x->numel, v, &low, &high), usual = (int64_t)ceil(2 * cbrt((double)finite));
    tp__series s;
    if (finite == 0)
        tp_fail(T, TP_ESHAPE, "%s: x is %s, and no element is finite; one or more are needed", who, TP__SHAPE(x));
    else if (next_series(T, who, p, TP__BARS, bins ? bins : usual < MOST_USUAL ? usual : MOST_USUAL, options, &s)) {
        double half = low == high ? 0.5 * fmax(1, fabs(low)) : 0;
        count(v, x->numel, low - half, high + half, &s);
        take_series(p, &s);
    }
    tp__free(v);
    return T->status;
}

/* ---- images and matrices ------------------------------------------------------------------------------------------- */

enum { MOST_CELLS = 1 << 24, MOST_NUMBERS = 2500, MOST_CLASSES = 50 };

static bool image_shape(tp_tape *T, const tp_tensor *x, tp_plot *to)
{
    int64_t n = x->ndim > 0 ? x->shape[0] : 0, c = x->ndim == 4 ? x->shape[1] : 1;
    if ((x->ndim == 3 || x->ndim == 4) && x->numel > 0 && x->numel <= MOST_CELLS && (c == 1 || c == 3)) {
        to->n = n;
        to->channels = c;
        to->rows = x->shape[x->ndim - 2];
        to->columns = x->shape[x->ndim - 1];
        return true;
    }
    tp_fail(T, TP_ESHAPE,
            "plot_images: x is %s; [n, height, width] or [n, 1 or 3, height, width], 2^24 numbers at most, "
            "is needed",
            TP__SHAPE(x));
    return false;
}

/* From 0, black, to 255; NaN is black. */
static void scale_images(const tp_tensor *x, const tp_plot_images_options *o, double *v)
{
    double low = o->low, high = o->high;
    if (low == 0 && high == 0)
        high = x->dtype == TP_U8 ? 255 : x->dtype == TP_I32 ? 65535 : 1;
    for (int64_t i = 0; i < x->numel; i++) {
        double part = (v[i] - low) / (high - low);
        part = part > 0 ? part < 1 ? part : 1 : 0;
        v[i] = round(255 * (o->negative ? 1 - part : part));
    }
}

/* As many in a row as make the whole half as wide again as it is high. */
static int64_t usual_per_row(const tp_plot *p)
{
    double k = sqrt(1.5 * (double)p->n * (double)p->rows / (double)p->columns);
    return k < 1 ? 1 : k > (double)p->n ? p->n : (int64_t)ceil(k);
}

/* What has been gathered in `from` becomes the plot's. */
static void take_picture(tp_plot *p, tp_plot *from, tp__plot_kind kind)
{
    p->kind = kind;
    p->n = from->n;
    p->rows = from->rows;
    p->columns = from->columns;
    p->channels = from->channels;
    p->per_row = from->per_row;
    p->values = from->values;
    p->shade = from->shade;
    p->low = from->low;
    p->high = from->high;
    p->numbers = from->numbers;
    p->confusion = from->confusion;
    p->labels = from->labels;
    p->row_labels = from->row_labels;
    p->n_labels = from->n_labels;
    p->n_row_labels = from->n_row_labels;
    p->bar_label = from->bar_label;
}

static void drop_picture(tp_plot *from)
{
    tp__free(from->values);
    tp__free(from->shade);
    tp__free(from->bar_label);
    free_list(from->labels, from->n_labels);
    free_list(from->row_labels, from->n_row_labels);
}

tp_status tp_plot_images(tp_tape *T, tp_plot *p, tp_tensor *x, const tp_plot_images_options *options)
{
    static const char who[] = "plot_images";
    static const tp_plot_images_options usual;
    const tp_plot_images_options *o = options ? options : &usual;
    tp_plot from = {0};
    if (!may_have(T, who, p, TP__IMAGES) || !tp__usable(T, who, x) || !image_shape(T, x, &from))
        return tp_error_status(T);
    bool unset = o->low == 0 && o->high == 0;
    if (o->columns < 0 || (!unset && !(isfinite(o->low) && isfinite(o->high) && o->low < o->high)))
        return tp_fail(T, TP_EINVAL, "%s: columns is %d, low %g, high %g; 0 or more, and a low below high, are needed",
                       who, o->columns, o->low, o->high);
    from.per_row = o->columns == 0 ? usual_per_row(&from) : o->columns < from.n ? o->columns : from.n;
    from.n_labels = from.n;
    from.n_row_labels = (from.n + from.per_row - 1) / from.per_row;
    if (!copy_list(T, who, from.n_labels, o->labels, &from.labels) ||
        !copy_list(T, who, from.n_row_labels, o->row_labels, &from.row_labels)) {
        drop_picture(&from);
        return T->status;
    }
    if ((from.values = tp__malloc((size_t)x->numel * sizeof(double))) == NULL) {
        drop_picture(&from);
        return tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    }
    tp__copy_elements(x, from.values, TP_F64);
    scale_images(x, o, from.values);
    take_picture(p, &from, TP__IMAGES);
    return TP_OK;
}

static bool heatmap_is_good(tp_tape *T, const char *who, const tp_tensor *x, const tp_plot_heatmap_options *o)
{
    bool unset = o->low == 0 && o->high == 0;
    if (!tp__usable(T, who, x))
        return false;
    if (x->ndim != 2 || x->numel == 0 || x->numel > (o->numbers ? MOST_NUMBERS : MOST_CELLS))
        tp_fail(T, TP_ESHAPE, "%s: x is %s; [rows, columns] of 1 to %d cells is needed", who, TP__SHAPE(x),
                o->numbers ? MOST_NUMBERS : MOST_CELLS);
    else if (!unset && !(isfinite(o->low) && isfinite(o->high) && o->low < o->high))
        tp_fail(T, TP_EINVAL, "%s: low is %g, high %g; a low below high is needed", who, o->low, o->high);
    return T->status == TP_OK;
}

tp_status tp_plot_heatmap(tp_tape *T, tp_plot *p, tp_tensor *x, const tp_plot_heatmap_options *options)
{
    static const char who[] = "plot_heatmap";
    static const tp_plot_heatmap_options usual;
    const tp_plot_heatmap_options *o = options ? options : &usual;
    if (!may_have(T, who, p, TP__MATRIX) || !heatmap_is_good(T, who, x, o))
        return tp_error_status(T);
    tp_plot from = {.n = 1,
                    .channels = 1,
                    .rows = x->shape[0],
                    .columns = x->shape[1],
                    .per_row = 1,
                    .low = o->low,
                    .high = o->high,
                    .numbers = o->numbers,
                    .n_labels = x->shape[1],
                    .n_row_labels = x->shape[0]};
    from.values = tp__malloc((size_t)x->numel * sizeof(double));
    if (from.values == NULL || !copy_text(o->bar_label, &from.bar_label))
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    if (T->status != TP_OK || !copy_list(T, who, from.n_labels, o->column_labels, &from.labels) ||
        !copy_list(T, who, from.n_row_labels, o->row_labels, &from.row_labels)) {
        drop_picture(&from);
        return T->status;
    }
    tp__copy_elements(x, from.values, TP_F64);
    if (o->low == 0 && o->high == 0 && range_of(x->numel, from.values, &from.low, &from.high) == 0)
        from.high = 1;
    if (!(from.low < from.high)) /* one value */
        from.high = from.low + fmax(1, fabs(from.low));
    take_picture(p, &from, TP__MATRIX);
    return TP_OK;
}

/* Counts, and each as the part of its row. */
static void fill_confusion(const int64_t *counts, int64_t n, double *value, double *shade)
{
    for (int64_t i = 0; i < n; i++) {
        double all = 0;
        for (int64_t j = 0; j < n; j++)
            all += value[i * n + j] = (double)counts[i * n + j];
        for (int64_t j = 0; j < n; j++)
            shade[i * n + j] = all > 0 ? value[i * n + j] / all : 0;
    }
}

tp_status tp_plot_confusion(tp_tape *T, tp_plot *p, const int64_t *counts, int64_t classes, const char *const *names)
{
    static const char who[] = "plot_confusion";
    if (!may_have(T, who, p, TP__MATRIX))
        return tp_error_status(T);
    if (counts == NULL)
        return tp__missing(T, who, "the table of counts");
    if (classes < 1 || classes > MOST_CLASSES)
        return tp_fail(T, TP_EINVAL, "%s: %lld classes; 1 to %d are needed", who, (long long)classes, MOST_CLASSES);
    size_t bytes = (size_t)(classes * classes) * sizeof(double);
    tp_plot from = {.n = 1,
                    .channels = 1,
                    .rows = classes,
                    .columns = classes,
                    .per_row = 1,
                    .high = 1,
                    .numbers = true,
                    .confusion = true,
                    .n_labels = classes,
                    .n_row_labels = classes};
    from.values = tp__malloc(bytes);
    from.shade = tp__malloc(bytes);
    if (from.values == NULL || from.shade == NULL)
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    if (T->status != TP_OK || !copy_list(T, who, classes, names, &from.labels) ||
        !copy_list(T, who, classes, names, &from.row_labels)) {
        drop_picture(&from);
        return T->status;
    }
    fill_confusion(counts, classes, from.values, from.shade);
    take_picture(p, &from, TP__MATRIX);
    return TP_OK;
}

/* ---- axes ---------------------------------------------------------------------------------------------------------- */

static void widen(tp__axis *a, double v)
{
    if (!tp__on_axis(a, v))
        return;
    if (!a->fixed_low && (!a->any || v < a->low))
        a->low = v;
    if (!a->fixed_high && (!a->any || v > a->high))
        a->high = v;
    a->any = true;
}

static tp__axis axis_of(double low, double high, bool log)
{
    return (tp__axis){.log = log,
                      .fixed_low = low != 0 || signbit(low),
                      .fixed_high = high != 0 || signbit(high),
                      .low = low + 0.0,
                      .high = high + 0.0};
}

bool tp__point_drawn(const tp__series *s, int64_t i, const tp__axis axes[TP__AXES])
{
    const tp__axis *y = tp__y_of(s, axes);
    return tp__on_axis(&axes[TP__X], s->x[i]) && tp__on_axis(y, s->y[i]) &&
           (s->kind != TP__BAND || tp__on_axis(y, s->high[i])) &&
           (s->kind != TP__BARS || tp__on_axis(&axes[TP__X], s->high[i]));
}

bool tp__plot_axes(const tp_plot *p, tp__axis axes[TP__AXES])
{
    const tp_plot_options *o = &p->o;
    axes[TP__X] = axis_of(o->x_min, o->x_max, o->log_x);
    axes[TP__Y] = axis_of(o->y_min, o->y_max, o->log_y);
    axes[TP__Y2] = axis_of(o->y2_min, o->y2_max, o->log_y2);
    bool any = false;
    for (int k = 0; k < p->n_series; k++) {
        const tp__series *s = &p->series[k];
        tp__axis *y = &axes[s->o.y2 ? TP__Y2 : TP__Y];
        for (int64_t i = 0; i < s->n; i++)
            if (tp__point_drawn(s, i, axes)) {
                any = true;
                widen(&axes[TP__X], s->x[i]);
                widen(y, s->y[i]);
                if (s->kind == TP__BAND)
                    widen(y, s->high[i]);
                if (s->kind == TP__BARS)
                    widen(&axes[TP__X], s->high[i]);
            }
        if (s->kind == TP__BARS && any && !y->log) /* bars stand on zero */
            widen(y, 0);
    }
    return any || p->kind == TP__IMAGES || p->kind == TP__MATRIX;
}

/* ---- drawing ------------------------------------------------------------------------------------------------------- */

static const char drawer[] = "plot_save";

static tp_status write_file(tp_tape *T, const char *path, const char *data, size_t n)
{
    tp__replacement r;
    if (!tp__replace_begin(T, drawer, path, &r))
        return T->status;
    errno = 0;
    return tp__replace_end(T, drawer, path, &r, fwrite(data, 1, n, r.file) == n);
}

static tp_status save_text(tp_tape *T, const tp_plot *p, const char *path)
{
    int64_t n = tp_plot_format(p, NULL, 0);
    char *text = n < 0 ? NULL : tp__malloc((size_t)n + 1);
    if (text == NULL || tp_plot_format(p, text, (size_t)n + 1) < 0)
        tp_fail(T, TP_ENOMEM, "%s: no memory", drawer);
    else
        write_file(T, path, text, (size_t)n);
    tp__free(text);
    return T->status;
}

/* Why gnuplot has not drawn: what it says first, on one line. */
static tp_status explain(tp_tape *T, const tp_plot *p, int error, const tp__bytes *said)
{
    char line[160] = "it has drawn nothing";
    if (error == ENOENT || error == EACCES || error == ENOTDIR)
        return tp_fail(T, TP_EUNSUPPORTED,
                       "%s: %s could not be run (%s); gnuplot, or a path that ends in .txt, is needed", drawer,
                       p->program, tp__error_text(error));
    if (error == ETIMEDOUT)
        return tp_fail(T, TP_EIO, "%s: %s took more than %g seconds", drawer, p->program,
                       p->o.seconds > 0 ? p->o.seconds : 60);
    if (error)
        return tp_fail(T, error == ENOMEM ? TP_ENOMEM : TP_EIO, "%s: %s: %s", drawer, p->program,
                       tp__error_text(error));
    size_t n = 0;
    for (const char *c = said->data; c && *c && n + 1 < sizeof line; c++)
        if (!tp__is_space(*c) || (n > 0 && line[n - 1] != ' '))
            line[n++] = tp__is_space(*c) ? ' ' : *c;
    if (n > 0)
        line[n] = 0;
    return tp_fail(T, TP_EIO, "%s: %s failed: %s", drawer, p->program, line);
}

static bool is_whole(const tp__bytes *picture, const tp__bytes *said, bool svg)
{
    const char *begin = svg ? "<?xml" : "\x89PNG", *end = svg ? "</svg>" : "IEND";
    size_t n = picture->n, tail = n < 64 ? n : 64, k = strlen(end);
    if (n < 64 || memcmp(picture->data, begin, strlen(begin)) != 0 || said->data == NULL ||
        strstr(said->data, TP__DRAWN) == NULL)
        return false;
    for (size_t i = n - tail; i + k <= n; i++)
        if (memcmp(picture->data + i, end, k) == 0)
            return true;
    return false;
}

static tp_status draw(tp_tape *T, const tp_plot *p, const tp__axis *axes, const char *path, bool svg)
{
    tp__bytes script = {0}, picture = {0}, said = {0};
    char dash[] = "-d", *argv[] = {p->program, dash, NULL}; /* without the user's settings */
    tp__plot_script(p, axes, svg ? "svg" : "png", &script);
    int error = script.failed ? ENOMEM
                              : tp__process_run(argv, script.data, script.n, p->o.seconds > 0 ? p->o.seconds : 60,
                                                &picture, &said);
    if (error || !is_whole(&picture, &said, svg))
        explain(T, p, error, &said);
    else
        write_file(T, path, picture.data, picture.n);
    tp__bytes_free(&script);
    tp__bytes_free(&picture);
    tp__bytes_free(&said);
    return T->status;
}

tp_status tp_plot_save(tp_tape *T, const tp_plot *p, const char *path)
{
    TP__NAMED(T, "plot_save");
    tp__axis axes[TP__AXES];
    if (!tp__ok(T))
        return tp_error_status(T);
    if (p == NULL || path == NULL)
        return tp__missing(T, drawer, p ? "the path" : "the plot");
    bool svg = tp__ends_with(path, ".svg"), text = tp__ends_with(path, ".txt");
    if (!svg && !text && !tp__ends_with(path, ".png"))
        return tp_fail(T, TP_EINVAL, "%s: %s; a path that ends in .png, .svg or .txt is needed", drawer, path);
    if (p->kind == TP__NOTHING)
        return tp_fail(T, TP_EINVAL, "%s: nothing is in the plot; a curve, images or a matrix are needed", drawer);
    if (!tp__plot_axes(p, axes))
        return tp_fail(T, TP_EINVAL,
                       "%s: no point of the plot can be drawn; finite ones, on logarithmic axes above 0, are needed",
                       drawer);
    return text ? save_text(T, p, path) : draw(T, p, axes, path, svg);
}

int64_t tp_plot_show(tp_tape *T, const tp_plot *p, const char *path, char *buffer, size_t n)
{
    if (buffer && n > 0)
        *buffer = 0;
    if (!tp__ok(T) || p == NULL)
        return -1;
    if (path && tp_plot_save(T, p, path) == TP_OK)
        return 0;
    if (path && T->status != TP_EUNSUPPORTED)
        return -1;
    if (path)
        tp_clear_error(T);
    return tp_plot_format(p, buffer, n);
}
