/* plot_gnuplot.c - a plot as a script for gnuplot, with its data. What a program's user has written is in single quotes only,
 * within which gnuplot takes nothing for a command, a variable or markup; a quote is doubled, and lines are put together by "\n".
 * The picture goes to the standard output, so that no path is told.
 */
#include "io/plot.h"

static void put_text(tp__bytes *to, const char *text)
{
    tp__bytes_text(to, "'");
    for (const char *c = text; *c; c++)
        if (*c == '\n')
            tp__bytes_text(to, "'.\"\\n\".'");
        else
            tp__bytes_put(to, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
    tp__bytes_text(to, "'");
}

/* "set title 'text' noenhanced", where there is a text. */
static void set_text(tp__bytes *to, const char *what, const char *text)
{
    if (text == NULL)
        return;
    tp__bytes_print(to, "set %s ", what);
    put_text(to, text);
    tp__bytes_text(to, " noenhanced\n");
}

static void set_terminal(tp__bytes *to, const char *format, int width, int height)
{
    tp__bytes_text(to, "set encoding utf8\n");
    if (*format == 's')
        tp__bytes_print(to, "set terminal svg size %d,%d font 'sans,14' background rgb 'white'\n", width, height);
    else
        tp__bytes_print(
            to,
            "if (strstrt(GPVAL_TERMINALS, ' pngcairo ') > 0) { set terminal pngcairo size %d,%d font 'sans,11' "
            "background rgb 'white' } else { set terminal png size %d,%d }\n",
            width, height, width, height);
}

/* ---- curves -------------------------------------------------------------------------------------------------------- */

static const char *color_of(const tp__series *s, int k)
{
    static const char *const colors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                         "#e69f00", "#56b4e9", "#555555", "#8b5a2b"};
    return s->o.color ? s->color : colors[(size_t)k % (sizeof colors / sizeof *colors)];
}

static void put_style(tp__bytes *to, const tp__series *s, const char *color)
{
    double size = s->o.size > 0 ? s->o.size : 1;
    const char *dash = s->o.dashed ? "dt 2 " : "";
    if (s->kind == TP__BAND)
        tp__bytes_print(to, "using 1:2:3 with filledcurves fs transparent solid 0.3 noborder lc rgb '%s' ", color);
    else if (s->kind == TP__BARS)
        tp__bytes_print(to, "using 1:2:3 with boxes lc rgb '%s' fs transparent solid 0.6 border ", color);
    else if (s->o.style == TP_PLOT_POINTS)
        tp__bytes_print(to, "using 1:2 with points pt 7 ps %g lc rgb '%s' ", 0.6 * size, color);
    else if (s->o.style == TP_PLOT_LINE_POINTS)
        tp__bytes_print(to, "using 1:2 with linespoints lw %g pt 7 ps %g %slc rgb '%s' ", 2 * size, 0.8 * size, dash,
                        color);
    else
        tp__bytes_print(to, "using 1:2 with %s lw %g %slc rgb '%s' ", s->o.style == TP_PLOT_STEPS ? "steps" : "lines",
                        2 * size, dash, color);
}

/* A line a point; of a gap, an empty one. */
static void put_points(tp__bytes *to, const tp__series *s, const tp__axis axes[TP__AXES])
{
    bool gap = true, any = false;
    for (int64_t i = 0; i < s->n; i++) {
        bool drawn = tp__point_drawn(s, i, axes);
        if (!drawn && !gap && any)
            tp__bytes_text(to, "\n");
        gap = !drawn;
        any |= drawn;
        if (!drawn)
            continue;
        if (s->kind == TP__BARS) /* the middle, the height, the width */
            tp__bytes_print(to, "%.12g %.12g %.12g\n", s->x[i] + (s->high[i] - s->x[i]) / 2, s->y[i],
                            s->high[i] - s->x[i]);
        else if (s->kind == TP__BAND)
            tp__bytes_print(to, "%.12g %.12g %.12g\n", s->x[i], s->y[i], s->high[i]);
        else
            tp__bytes_print(to, "%.12g %.12g\n", s->x[i], s->y[i]);
    }
    tp__bytes_text(to, "e\n");
}

/* Gnuplot labels an axis of logarithms at powers of ten, of which a short one has few, or none. So more of the numbers between
 * are labelled, the fewer powers there are; and of less than a factor of two, the ends. */
static void set_log_tics(tp__bytes *to, const char *name, const tp__axis *a)
{
    double ratio = a->high / a->low;
    if (ratio < 2)
        tp__bytes_print(to, "set %stics add (%.12g, %.12g)\n", name, a->low, a->high);
    if (ratio < 2 || ratio >= 1000)
        return;
    const char *before = "";
    tp__bytes_print(to, "set %stics add (", name);
    for (int e = (int)floor(log10(a->low)); e <= (int)floor(log10(a->high)); e++)
        for (int digit = 2; digit <= (ratio < 10 ? 9 : 5); digit += digit == 2 && ratio >= 10 ? 3 : 1, before = ", ")
            tp__bytes_print(to, "%s%.12g", before, digit * pow(10, e));
    tp__bytes_text(to, ")\n");
}

/* Gnuplot makes an axis of logarithms end at powers of ten, so that most of a short one is empty: it ends just beyond the points. */
static void set_range(tp__bytes *to, const char *name, const tp__axis *a, bool from_zero)
{
    double ratio = a->log ? a->high / a->low : 1, more = ratio > 1 && ratio < 10 && *name == 'y' ? pow(ratio, 0.05) : 1;
    tp__bytes_print(to, "set %srange [", name);
    if (a->fixed_low || from_zero || more > 1)
        tp__bytes_print(to, "%.12g", a->fixed_low ? a->low : from_zero ? 0 : a->low / more);
    else
        tp__bytes_text(to, "*");
    tp__bytes_text(to, ":");
    if (a->fixed_high || more > 1)
        tp__bytes_print(to, "%.12g", a->fixed_high ? a->high : a->high * more);
    else
        tp__bytes_text(to, "*");
    tp__bytes_text(to, "]\n");
}

static void set_axis(tp__bytes *to, const char *name, const tp__axis *a, bool from_zero)
{
    if (!a->any)
        return;
    if (a->log) {
        tp__bytes_print(to, "set logscale %s\n", name);
        set_log_tics(to, name, a);
    }
    if (a->log && a->high / a->low >= 1000)
        tp__bytes_print(to, "set format %s '10^{%%T}'\n", name);
    else if (tp__axis_digits(a) > 6) /* which are gnuplot's */
        tp__bytes_print(to, "set format %s '%%.%dg'\n", name, tp__axis_digits(a));
    set_range(to, name, a, from_zero);
}

static void set_axes(tp__bytes *to, const tp_plot *p, const tp__axis axes[TP__AXES])
{
    bool bars[TP__AXES] = {false}, points = false;
    for (int k = 0; k < p->n_series; k++) {
        bars[p->series[k].o.y2 ? TP__Y2 : TP__Y] |= p->series[k].kind == TP__BARS;
        points |= p->series[k].kind == TP__CURVE && p->series[k].o.style == TP_PLOT_POINTS;
    }
    if (!points)
        tp__bytes_text(to, "set autoscale xfix\n");
    if (axes[TP__Y2].any)
        tp__bytes_text(to, "set ytics nomirror\nset y2tics\n");
    set_axis(to, "x", &axes[TP__X], false);
    set_axis(to, "y", &axes[TP__Y], bars[TP__Y] && !axes[TP__Y].log && axes[TP__Y].low == 0);
    set_axis(to, "y2", &axes[TP__Y2], bars[TP__Y2] && !axes[TP__Y2].log && axes[TP__Y2].low == 0);
}

static void put_curves(const tp_plot *p, const tp__axis axes[TP__AXES], tp__bytes *to)
{
    static const char *const keys[] = {"top right opaque",    "top left opaque",
                                       "center right opaque", "bottom right opaque",
                                       "bottom left opaque",  "below center horizontal noopaque height 1"};
    set_text(to, "title", p->title);
    set_text(to, "xlabel", p->xlabel);
    set_text(to, "ylabel", p->ylabel);
    set_text(to, "y2label", p->y2label);
    tp__bytes_print(to,
                    "set key %s noenhanced samplen 2 width 1\nset grid lt 1 lw 1 lc rgb '#e4e4e4'\nset border "
                    "lc rgb '#444444'\n",
                    keys[p->o.key]);
    set_axes(to, p, axes);
    const char *join = "plot ";
    for (int k = 0; k < p->n_series; k++) {
        const tp__series *s = &p->series[k];
        bool any = false;
        for (int64_t i = 0; i < s->n && !any; i++)
            any = tp__point_drawn(s, i, axes);
        if (!any) /* gnuplot takes it ill */
            continue;
        tp__bytes_print(to, "%s'-' ", join);
        put_style(to, s, color_of(s, k));
        tp__bytes_text(to, s->o.y2 ? "axes x1y2 " : "");
        tp__bytes_text(to, s->label ? "title " : "notitle");
        if (s->label)
            put_text(to, s->label);
        join = ", ";
    }
    tp__bytes_text(to, "\n");
    for (int k = 0; k < p->n_series; k++) {
        bool any = false;
        for (int64_t i = 0; i < p->series[k].n && !any; i++)
            any = tp__point_drawn(&p->series[k], i, axes);
        if (any)
            put_points(to, &p->series[k], axes);
    }
}

/* ---- images -------------------------------------------------------------------------------------------------------- */

enum { CHARACTER = 8, LINE = 17, EDGE = 10, MOST_PIXELS = 16384, MOST_RECTANGLES = 12000 };

/* How many columns and lines a text takes. */
static void measure(const char *text, int *columns, int *lines)
{
    int column = 0;
    *lines = 1;
    *columns = 0;
    for (const char *c = text; *c; c++) {
        column = *c == '\n' ? 0 : column + ((*c & 0xc0) != 0x80);
        *lines += *c == '\n';
        *columns = column > *columns ? column : *columns;
    }
}

static void measure_list(char *const *list, int64_t n, int *columns, int *lines)
{
    *columns = *lines = 0;
    for (int64_t i = 0; list && i < n; i++) {
        int c, l;
        measure(list[i], &c, &l);
        *columns = c > *columns ? c : *columns;
        *lines = l > *lines ? l : *lines;
    }
}

/* In pixels of the picture: where the images are, and how large a pixel of theirs is. */
typedef struct {
    int width, height, left, top, gap_x, gap_y;
    double scale;
    const char
        *pixels; /* " pixels": each a rectangle, in SVG, where a bitmap would be blurred, as long as they are few */
} layout;

static layout lay_out_images(const tp_plot *p)
{
    int columns, lines, row_columns, row_lines;
    measure_list(p->labels, p->n_labels, &columns, &lines);
    measure_list(p->row_labels, p->n_row_labels, &row_columns, &row_lines);
    layout l = {.left = EDGE + row_columns * CHARACTER + (row_columns ? 4 : 0),
                .top = p->title ? 2 * LINE + 4 : EDGE,
                .gap_x = lines ? 3 * EDGE : 4,
                .gap_y = lines * LINE + (lines ? EDGE : 4)};
    int64_t per_row = p->per_row, rows = (p->n + per_row - 1) / per_row;
    double wanted = columns * CHARACTER > 120 ? columns * CHARACTER : lines ? 120 : 84;
    l.scale = fmax(1, round(wanted / (double)p->columns));
    int around_x = l.left + EDGE, around_y = l.top + EDGE;
    double most_x = ((p->o.width ? p->o.width : MOST_PIXELS) - around_x - (double)(per_row * l.gap_x)) /
                    (double)(per_row * p->columns),
           most_y = ((p->o.height ? p->o.height : MOST_PIXELS) - around_y - (double)(rows * l.gap_y)) /
                    (double)(rows * p->rows);
    if (p->o.width || p->o.height || l.scale > fmin(most_x, most_y))
        l.scale = fmax(1e-3, fmin(most_x, most_y));
    double width = around_x + (double)per_row * ((double)p->columns * l.scale + l.gap_x),
           height = around_y + (double)rows * ((double)p->rows * l.scale + l.gap_y);
    l.width = p->o.width ? p->o.width : (int)fmin(MOST_PIXELS, ceil(width));
    l.height = p->o.height ? p->o.height : (int)fmin(MOST_PIXELS, ceil(height));
    return l;
}

static void put_label(tp__bytes *to, const char *text, double x, double y, const char *how)
{
    tp__bytes_text(to, "set label ");
    put_text(to, text);
    tp__bytes_print(to, " at %.6g,%.6g %s noenhanced front\n", x, y, how);
}

/* Its pixels, each with its middle; where there is one row or column of them, each twice, since gnuplot wants two by two. */
static void put_image(tp__bytes *to, const tp_plot *p, int64_t k, double x, double y, double scale)
{
    int copies = p->rows < 2 || p->columns < 2 ? 2 : 1;
    int64_t plane = p->rows * p->columns;
    const double *v = p->values + k * p->channels * plane;
    for (int64_t r = 0; r < p->rows * copies; r++)
        for (int64_t c = 0; c < p->columns * copies; c++) {
            const double *at = v + r / copies * p->columns + c / copies;
            tp__bytes_print(to, "%.7g %.7g %.0f %.0f %.0f\n", x + ((double)c + 0.5) * scale / copies,
                            y + ((double)r + 0.5) * scale / copies, at[0], at[p->channels == 3 ? plane : 0],
                            at[p->channels == 3 ? 2 * plane : 0]);
        }
    tp__bytes_text(to, "e\n");
}

static void put_images(const tp_plot *p, const layout *l, tp__bytes *to)
{
    double step_x = (double)p->columns * l->scale + l->gap_x, step_y = (double)p->rows * l->scale + l->gap_y;
    double first = l->top + l->gap_y; /* the labels are above */
    tp__bytes_print(
        to,
        "set lmargin at screen 0\nset rmargin at screen 1\nset tmargin at screen 1\nset bmargin at screen 0\n"
        "unset border\nunset tics\nunset key\nset xrange [0:%d]\nset yrange [%d:0]\n",
        l->width, l->height);
    if (p->title)
        put_label(to, p->title, l->width / 2.0, LINE, "center");
    for (int64_t k = 0; k < p->n && p->labels; k++) {
        int columns, lines;
        measure(p->labels[k], &columns, &lines);
        put_label(to, p->labels[k], l->left + (double)(k % p->per_row) * step_x + (double)p->columns * l->scale / 2,
                  first + (double)(k / p->per_row) * step_y - (lines - 0.5) * LINE - 5, "center");
    }
    for (int64_t r = 0; r < p->n_row_labels && p->row_labels; r++)
        put_label(to, p->row_labels[r], l->left - CHARACTER,
                  first + (double)r * step_y + (double)p->rows * l->scale / 2, "right");
    for (int64_t k = 0; k < p->n; k++)
        tp__bytes_print(to, "%s '-' using 1:2:3:4:5 with rgbimage%s", k == 0 ? "plot" : ",", l->pixels);
    tp__bytes_text(to, "\n");
    for (int64_t k = 0; k < p->n; k++)
        put_image(to, p, k, l->left + (double)(k % p->per_row) * step_x, first + (double)(k / p->per_row) * step_y,
                  l->scale);
}

/* ---- matrices ------------------------------------------------------------------------------------------------------ */

/* Labels of rows or columns, at 0, 1, ... */
static void set_labels(tp__bytes *to, const char *what, char *const *list, int64_t n, bool turned)
{
    enum { MOST = 20 };
    if (list == NULL && n > MOST)
        return;
    tp__bytes_print(to, "set %stics %s(", what, turned ? "rotate by 45 right " : "");
    for (int64_t i = 0; i < n; i++) {
        tp__bytes_text(to, i ? ", " : "");
        if (list)
            put_text(to, list[i]);
        else
            tp__bytes_print(to, "'%lld'", (long long)i);
        tp__bytes_print(to, " %lld", (long long)i);
    }
    tp__bytes_text(to, ") noenhanced\n");
}

static void put_numbers(const tp_plot *p, tp__bytes *to)
{
    const double *shade = p->shade ? p->shade : p->values;
    for (int64_t i = 0; i < p->rows * p->columns; i++) {
        char text[32];
        if (isnan(p->values[i]))
            continue;
        tp__snprintf(text, sizeof text, p->confusion ? "%.0f" : "%.3g", p->values[i]);
        double part = (shade[i] - p->low) / (p->high - p->low);
        bool dark = p->confusion ? part > 0.5 : part < 0.5;
        put_label(to, text, (double)(i % p->columns), (double)(i / p->columns),
                  dark ? "center tc rgb 'white'" : "center tc rgb 'black'");
    }
}

static layout lay_out_matrix(const tp_plot *p)
{
    int columns, lines, row_columns, row_lines;
    measure_list(p->labels, p->n_labels, &columns, &lines);
    measure_list(p->row_labels, p->n_row_labels, &row_columns, &row_lines);
    double most = (double)(p->rows > p->columns ? p->rows : p->columns),
           cell = fmin(64, fmax(p->numbers ? 44 : 1, 480 / most));
    int below = 3 * LINE + EDGE + (p->labels ? columns * CHARACTER * 3 / 4 : 0) +
                (p->xlabel || p->confusion ? LINE : 0);
    layout l = {.left = 4 * LINE + row_columns * CHARACTER + (p->ylabel || p->confusion ? LINE : 0),
                .top = p->title ? 2 * LINE + 6 : LINE,
                .gap_x = 110 + (p->bar_label ? LINE : 0),
                .gap_y = below};
    double width = l.left + cell * (double)p->columns + l.gap_x, height = l.top + cell * (double)p->rows + below;
    l.width = p->o.width ? p->o.width : (int)fmin(MOST_PIXELS, fmax(width, 300));
    l.height = p->o.height ? p->o.height : (int)fmin(MOST_PIXELS, fmax(height, 240));
    return l;
}

static void put_matrix(const tp_plot *p, const layout *l, tp__bytes *to)
{
    const double *shade = p->shade ? p->shade : p->values;
    int copies = p->rows < 2 || p->columns < 2 ? 2 : 1;
    tp__bytes_print(
        to,
        "set lmargin at screen %.5f\nset rmargin at screen %.5f\nset tmargin at screen %.5f\nset bmargin at screen "
        "%.5f\n",
        fmin(0.5, (double)l->left / l->width), fmax(0.55, 1 - (double)l->gap_x / l->width),
        fmax(0.55, 1 - (double)l->top / l->height), fmin(0.5, (double)l->gap_y / l->height));
    tp__bytes_text(
        to, p->confusion
                ? "set palette defined (0 '#f7fbff', 0.25 '#c6dbef', 0.5 '#6baed6', 0.75 '#2171b5', 1 '#08306b')\n"
                : "set palette defined (0 '#440154', 1 '#482878', 2 '#3e4989', 3 '#31688e', 4 '#26828e', 5 '#1f9e89', "
                  "6 '#35b779', 7 '#6ece58', 8 '#b5de2b', 9 '#fde725')\n");
    set_text(to, "title", p->title);
    set_text(to, "xlabel", p->xlabel ? p->xlabel : p->confusion ? "predicted" : NULL);
    set_text(to, "ylabel", p->ylabel ? p->ylabel : p->confusion ? "target" : NULL);
    set_text(to, "cblabel", p->bar_label ? p->bar_label : p->confusion ? "part of the row" : NULL);
    tp__bytes_print(to,
                    "unset key\nset tics out nomirror\nset xrange [-0.5:%lld.5]\nset yrange [%lld.5:-0.5]\nset cbrange "
                    "[%.12g:%.12g]\n",
                    (long long)p->columns - 1, (long long)p->rows - 1, p->low, p->high);
    set_labels(to, "x", p->labels, p->columns, p->labels != NULL);
    set_labels(to, "y", p->row_labels, p->rows, false);
    if (p->numbers)
        put_numbers(p, to);
    tp__bytes_print(to, "plot '-' using 1:2:3 with image%s\n", l->pixels);
    for (int64_t r = 0; r < p->rows * copies; r++)
        for (int64_t c = 0; c < p->columns * copies; c++) {
            double v = shade[r / copies * p->columns + c / copies];
            tp__bytes_print(to, isnan(v) ? "%.7g %.7g NaN\n" : "%.7g %.7g %.12g\n", ((double)c + 0.5) / copies - 0.5,
                            ((double)r + 0.5) / copies - 0.5, fmin(fmax(v, -1e300), 1e300));
        }
    tp__bytes_text(to, "e\n");
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

void tp__plot_script(const tp_plot *p, const tp__axis axes[TP__AXES], const char *format, tp__bytes *to)
{
    layout l = {.width = p->o.width ? p->o.width : 900, .height = p->o.height ? p->o.height : 540};
    if (p->kind == TP__IMAGES)
        l = lay_out_images(p);
    else if (p->kind == TP__MATRIX)
        l = lay_out_matrix(p);
    set_terminal(to, format, l.width, l.height);
    l.pixels = *format == 's' && p->n * p->rows * p->columns <= MOST_RECTANGLES ? " pixels" : "";
    if (p->kind == TP__SERIES)
        put_curves(p, axes, to);
    else if (p->kind == TP__IMAGES)
        put_images(p, &l, to);
    else
        put_matrix(p, &l, to);
    tp__bytes_text(to, "set output\nprint '" TP__DRAWN "'\n");
}
