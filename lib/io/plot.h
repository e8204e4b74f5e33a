/* plot.h - a plot, as what draws it sees it. Texts are UTF-8, and have no control characters but \n. */
#ifndef TAPIR_IO_PLOT_H
#define TAPIR_IO_PLOT_H

#include "io/bytes.h"
#include "tape/tape.h"
#include "tapir/plot.h"

#include <math.h>

typedef enum { TP__CURVE, TP__BAND, TP__BARS } tp__series_kind;

/* A band is from y to high; a bar from x to high, of height y. */
typedef struct {
    tp__series_kind kind;
    tp_series_options o;
    char *label, color[8];
    int64_t n;
    double *x, *y, *high; /* in one block */
} tp__series;

typedef enum { TP__NOTHING, TP__SERIES, TP__IMAGES, TP__MATRIX } tp__plot_kind;

/* Images are n pictures of rows x columns x channels, from 0 to 255; a matrix is one, and its labels are those of columns. */
struct tp_plot {
    tp_plot_options o;
    char *title, *xlabel, *ylabel, *y2label, *program, *bar_label;
    tp__plot_kind kind;
    int n_series, room;
    tp__series *series;
    int64_t n, rows, columns, channels, per_row;
    double *values, *shade; /* a matrix's colours, where they are not its values */
    double low, high;
    bool numbers, confusion;
    int64_t n_labels, n_row_labels;
    char **labels, **row_labels; /* NULL: none */
};

/* ---- axes ---------------------------------------------------------------------------------------------------------- */

enum { TP__X, TP__Y, TP__Y2, TP__AXES };
typedef struct {
    bool log, any, fixed_low, fixed_high;
    double low, high;
} tp__axis;
/* The ranges that the points take, as far as the options leave them open; false: there is no point that can be drawn. */
bool tp__plot_axes(const tp_plot *p, tp__axis axes[TP__AXES]);
/* How many digits numbers along it need to differ; 4 at least. */
static inline int tp__axis_digits(const tp__axis *a)
{
    double most = fmax(fabs(a->low), fabs(a->high)), span = a->high / 2 - a->low / 2;
    return most > 0 && span > 0 && most / span > 50 ? (int)fmin(17, ceil(log10(most / span / 2)) + 2) : 4;
}
static inline bool tp__on_axis(const tp__axis *a, double v) { return isfinite(v) && (!a->log || v > 0); }
static inline const tp__axis *tp__y_of(const tp__series *s, const tp__axis axes[TP__AXES])
{
    return &axes[s->o.y2 ? TP__Y2 : TP__Y];
}
/* Point i has a place, on all of its axes. */
bool tp__point_drawn(const tp__series *s, int64_t i, const tp__axis axes[TP__AXES]);

/* ---- drawing ------------------------------------------------------------------------------------------------------- */

/* What gnuplot is to do, drawing to its standard output; "png" or "svg". */
void tp__plot_script(const tp_plot *p, const tp__axis axes[TP__AXES], const char *format, tp__bytes *to);
/* What it says on its standard error when all has been drawn. */
#define TP__DRAWN "tapir: drawn"

#endif
