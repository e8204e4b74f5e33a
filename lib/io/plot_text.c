/* plot_text.c - a plot as text, for a terminal or a log: a canvas of characters, in Unicode or in ASCII. */
#include "io/plot.h"

enum { COLUMNS = 80, ROWS = 20, SCALE = 10, NUMBER = 24 };

/* ---- numbers and texts --------------------------------------------------------------------------------------------- */

static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

/* The text on one line, in `columns` characters at most, with blanks before it so that all is `wide`. What is not ASCII becomes ?
 * where that is asked for. */
static void put(tp__bytes *to, const char *text, int wide, int columns, bool ascii)
{
    tp__bytes_repeat(to, " ", wide - width_of(text));
    for (int n = 0; *text; text++) {
        bool first = (*text & 0xc0) != 0x80;
        n += first;
        if (n > columns)
            return;
        if (*text == '\n')
            tp__bytes_text(to, " ");
        else if (ascii && (unsigned char)*text > 126)
            tp__bytes_text(to, first ? "?" : "");
        else
            tp__bytes_put(to, text, 1);
    }
}

static void put_centered(tp__bytes *to, const char *text, int columns, bool ascii)
{
    int n = width_of(text);
    if (n == 0)
        return;
    tp__bytes_repeat(to, " ", (columns - n) / 2);
    put(to, text, 0, columns, ascii);
    tp__bytes_text(to, "\n");
}

/* With so many digits, or as many as there is room for. */
static const char *number_with(double v, int digits, char text[NUMBER])
{
    do
        tp__snprintf(text, NUMBER, "%.*g", digits, v);
    while (strlen(text) > SCALE && --digits >= 4);
    return text;
}

static const char *number(double v, char text[NUMBER]) { return number_with(v, 4, text); }

/* ---- curves -------------------------------------------------------------------------------------------------------- */

typedef struct {
    int columns, rows;
    bool ascii;
    const char **cell; /* [rows, columns], the first row on top */
} canvas;

static void mark(canvas *c, int column, int row, const char *glyph)
{
    if (column >= 0 && column < c->columns && row >= 0 && row < c->rows)
        c->cell[(c->rows - 1 - row) * c->columns + column] = glyph;
}

/* Where v is on the axis, from 0 to 1 within its range. */
static double part_of(const tp__axis *a, double v)
{
    double low = a->log ? log10(a->low) : a->low, high = a->log ? log10(a->high) : a->high;
    v = a->log ? log10(v) : v;
    double half = high / 2 - low / 2; /* which may be more than a double has */
    return half > 0 ? (v / 2 - low / 2) / half : 0.5;
}

static int place(double part, int n) { return part < -0.01 ? -1 : part > 1.01 ? n : (int)lround(part * (n - 1)); }

static const char *glyph_of(const canvas *c, const tp_plot *p, int k)
{
    static const char *const unicode[] = {"•", "○", "+", "×", "◆", "□", "▲", "▽"}, *const ascii[] = {"*", "o", "+",
                                                                                                     "x", "#", "@",
                                                                                                     "%", "&"};
    if (p->series[k].kind == TP__BAND)
        return c->ascii ? ":" : "░";
    if (p->series[k].kind == TP__BARS)
        return c->ascii ? "#" : "█";
    return (c->ascii ? ascii : unicode)[k % 8];
}

/* The line to the next point, column by column. */
static void draw_line(canvas *c, double x0, double y0, double x1, double y1, bool steps, const char *glyph)
{
    int from = place(x0, c->columns), to = place(x1, c->columns);
    int step = to < from ? -1 : 1;
    for (int column = from + step; column != to + step && column >= -1 && column <= c->columns; column += step) {
        double at = to == from ? 1 : (double)(column - from) / (to - from);
        mark(c, column, place(steps ? y0 : y0 + (y1 - y0) * at, c->rows), glyph);
    }
}

static void draw_points(canvas *c, const tp__series *s, const tp__axis axes[TP__AXES], const char *glyph)
{
    const tp__axis *y_axis = tp__y_of(s, axes);
    double before_x = NAN, before_y = NAN;
    for (int64_t i = 0; i < s->n; i++) {
        double x = NAN, y = NAN;
        if (tp__point_drawn(s, i, axes)) {
            x = part_of(&axes[TP__X], s->x[i]);
            y = part_of(y_axis, s->y[i]);
            if (s->o.style != TP_PLOT_POINTS && !isnan(before_x))
                draw_line(c, before_x, before_y, x, y, s->o.style == TP_PLOT_STEPS, glyph);
            mark(c, place(x, c->columns), place(y, c->rows), glyph);
        }
        before_x = x;
        before_y = y;
    }
}

static void fill(canvas *c, int column, double low, double high, const char *glyph)
{
    int from = place(fmin(fmax(low, 0), 1), c->rows), to = place(fmin(fmax(high, 0), 1), c->rows);
    for (int row = from; row <= to; row++)
        mark(c, column, row, glyph);
}

/* Each column as the point that is last in it; columns between two points as lines have them. */
static void draw_band(canvas *c, const tp__series *s, const tp__axis axes[TP__AXES], const char *glyph)
{
    const tp__axis *y = tp__y_of(s, axes);
    for (int64_t i = 0; i < s->n; i++) {
        if (!tp__point_drawn(s, i, axes))
            continue;
        int64_t j = i + 1 < s->n && tp__point_drawn(s, i + 1, axes) ? i + 1 : i;
        int from = place(part_of(&axes[TP__X], s->x[i]), c->columns),
            to = place(part_of(&axes[TP__X], s->x[j]), c->columns);
        for (int column = from; column <= to; column++) {
            double at = to > from ? (double)(column - from) / (to - from) : 0;
            fill(c, column, part_of(y, s->y[i] + (s->y[j] - s->y[i]) * at),
                 part_of(y, s->high[i] + (s->high[j] - s->high[i]) * at), glyph);
        }
    }
}

/* A bar's top is a part of a block. */
static void draw_bars(canvas *c, const tp__series *s, const tp__axis axes[TP__AXES], const char *glyph)
{
    static const char *const eighths[] = {"", "▁", "▂", "▃", "▄", "▅", "▆", "▇"};
    const tp__axis *y = tp__y_of(s, axes);
    for (int64_t i = 0; i < s->n; i++) {
        if (!tp__point_drawn(s, i, axes) || s->y[i] == 0)
            continue;
        double height = fmax(0, fmin(1, part_of(y, s->y[i]))) * c->rows;
        int from = (int)lround(fmax(-1, part_of(&axes[TP__X], s->x[i])) * c->columns),
            to = (int)lround(fmin(2, part_of(&axes[TP__X], s->high[i])) * c->columns);
        for (int column = from; column < to || column == from; column++) {
            for (int row = 0; row < (int)height; row++)
                mark(c, column, row, glyph);
            int rest = (int)(8 * (height - floor(height)));
            if (!c->ascii && rest > 0)
                mark(c, column, (int)height, eighths[rest]);
        }
    }
}

/* A row of the canvas with the numbers of its axes: on top, at the bottom, and on each fifth row. */
static void put_row(tp__bytes *to, const canvas *c, int row, const tp__axis axes[TP__AXES])
{
    char text[NUMBER];
    int up = c->rows - 1 - row;
    bool told = up % 5 == 0 || row == 0;
    for (int k = TP__Y; k <= TP__Y2; k++) {
        const tp__axis *a = &axes[k];
        double low = a->log ? log10(a->low) : a->low, high = a->log ? log10(a->high) : a->high;
        double at = (double)up / (c->rows - 1), v = low * (1 - at) + high * at;
        const char *value = told && a->any ? number_with(a->log ? pow(10, v) : v, tp__axis_digits(a), text) : "";
        if (k == TP__Y) {
            put(to, value, SCALE, SCALE, c->ascii);
            tp__bytes_text(to, c->ascii ? (told ? " +" : " |") : (told ? " ┤" : " │"));
            for (int i = 0; i < c->columns; i++)
                tp__bytes_text(to, c->cell[row * c->columns + i]);
        } else if (a->any) {
            tp__bytes_text(to, c->ascii ? (told ? "+ " : "|") : (told ? "├ " : "│"));
            tp__bytes_text(to, value);
        }
    }
    while (to->n > 0 && !to->failed && to->data[to->n - 1] == ' ')
        to->data[--to->n] = 0;
    tp__bytes_text(to, "\n");
}

/* The axis of x, its ends, and its name between them. */
static void put_x(tp__bytes *to, const tp_plot *p, const canvas *c, const tp__axis *x)
{
    char low[NUMBER], high[NUMBER];
    number_with(x->low, tp__axis_digits(x), low);
    number_with(x->high, tp__axis_digits(x), high);
    int room = c->columns - width_of(low) - width_of(high) - 2;
    const char *name = p->xlabel && width_of(p->xlabel) <= room ? p->xlabel : "";
    int before = (room - width_of(name)) / 2 + 1;
    tp__bytes_repeat(to, " ", SCALE + 1);
    tp__bytes_text(to, c->ascii ? "+" : "└");
    tp__bytes_repeat(to, c->ascii ? "-" : "─", c->columns);
    tp__bytes_text(to, "\n");
    tp__bytes_repeat(to, " ", SCALE + 2);
    tp__bytes_text(to, low);
    tp__bytes_repeat(to, " ", before);
    put(to, name, 0, room, c->ascii);
    put(to, high, c->columns - width_of(low) - before - width_of(name), NUMBER, true);
    tp__bytes_text(to, "\n");
}

static void put_legend(tp__bytes *to, const tp_plot *p, const canvas *c, int columns)
{
    int used = 0;
    for (int k = 0; k < p->n_series; k++) {
        const tp__series *s = &p->series[k];
        if (s->label == NULL)
            continue;
        const char *axis = s->o.y2 ? " (right)" : "";
        int wide = width_of(s->label) + (int)strlen(axis) + 4;
        wide = wide < columns - 2 ? wide : columns - 2;
        if (used + wide > columns - 2) {
            tp__bytes_text(to, "\n");
            used = 0;
        }
        tp__bytes_text(to, "  ");
        tp__bytes_text(to, glyph_of(c, p, k));
        tp__bytes_text(to, " ");
        put(to, s->label, 0, wide - 4 - (int)strlen(axis), c->ascii);
        tp__bytes_text(to, axis);
        used += wide;
    }
    tp__bytes_text(to, used ? "\n" : "");
}

/* The names of the axes at the sides, on a line of their own. */
static void put_names(tp__bytes *to, const tp_plot *p, int columns, bool ascii)
{
    const char *left = p->ylabel ? p->ylabel : "", *right = p->y2label ? p->y2label : "";
    int half = *right ? columns / 2 - 1 : columns - 2;
    if (*left == 0 && *right == 0)
        return;
    tp__bytes_text(to, "  ");
    put(to, left, 0, half, ascii);
    int used = 2 + (width_of(left) < half ? width_of(left) : half);
    if (*right)
        put(to, right, columns - used, half, ascii);
    tp__bytes_text(to, "\n");
}

static void put_curves(tp__bytes *to, const tp_plot *p, int columns, const tp__axis axes[TP__AXES])
{
    static const char blank[] = " ";
    canvas c = {.rows = p->o.rows ? p->o.rows : ROWS,
                .ascii = p->o.ascii,
                .columns = columns - SCALE - 2 - (axes[TP__Y2].any ? SCALE + 2 : 0)};
    c.cell = tp__malloc((size_t)(c.rows * c.columns) * sizeof *c.cell);
    if (c.cell == NULL) {
        to->failed = true;
        return;
    }
    for (int i = 0; i < c.rows * c.columns; i++)
        c.cell[i] = blank;
    for (int k = 0; k < p->n_series; k++) {
        const tp__series *s = &p->series[k];
        const char *glyph = glyph_of(&c, p, k);
        (s->kind == TP__BAND ? draw_band : s->kind == TP__BARS ? draw_bars : draw_points)(&c, s, axes, glyph);
    }
    put_names(to, p, columns, c.ascii);
    for (int row = 0; row < c.rows; row++)
        put_row(to, &c, row, axes);
    put_x(to, p, &c, &axes[TP__X]);
    put_legend(to, p, &c, columns);
    tp__free(c.cell);
}

/* ---- images and matrices ------------------------------------------------------------------------------------------- */

/* From nothing to all of a cell. */
static const char *shade_of(double part, bool ascii)
{
    static const char *const blocks[] = {" ", "░", "▒", "▓", "█"}, *const letters[] = {" ", ".", ":", "-", "=",
                                                                                       "+", "*", "#", "%", "@"};
    int n = ascii ? 10 : 5, k = (int)(part * n);
    return (ascii ? letters : blocks)[k < 0 ? 0 : k < n ? k : n - 1];
}

/* The mean of the values that character (r, c) of `rows` x `columns` stands for. */
static double mean_of(const double *v, int64_t height, int64_t width, int rows, int columns, int r, int c)
{
    int64_t top = r * height / rows, left = c * width / columns;
    int64_t bottom = (r + 1) * height / rows, right = (c + 1) * width / columns, n = 0;
    double sum = 0;
    for (int64_t i = top; i < bottom || i == top; i++)
        for (int64_t j = left; j < right || j == left; j++)
            if (!isnan(v[i * width + j])) {
                sum += v[i * width + j];
                n++;
            }
    return n ? sum / (double)n : (double)NAN;
}

/* A row of images side by side: their labels, then their pixels, in characters that are twice as high as wide. */
static void put_images(tp__bytes *to, const tp_plot *p, int columns)
{
    int64_t most = columns / 8 < p->per_row ? columns / 8 : p->per_row;
    int wide = columns / (int)most - 1;
    wide = p->columns * 2 < wide ? (int)p->columns * 2 : wide;
    int high = (int)lround((double)wide * (double)p->rows / (double)p->columns / 2);
    high = high < 1 ? 1 : high > 200 ? 200 : high;
    int64_t plane = p->rows * p->columns;
    for (int64_t first = 0; first < p->n; first += most) {
        int64_t n = p->n - first < most ? p->n - first : most;
        for (int64_t k = first; k < first + n && p->labels; k++) {
            int length = width_of(p->labels[k]);
            put(to, p->labels[k], 0, wide, p->o.ascii);
            tp__bytes_repeat(to, " ", (length < wide ? wide - length : 0) + 1);
        }
        tp__bytes_text(to, p->labels ? "\n" : "");
        for (int r = 0; r < high; r++) {
            for (int64_t k = first; k < first + n; k++) {
                for (int c = 0; c < wide; c++)
                    tp__bytes_text(to, shade_of(mean_of(p->values + k * p->channels * plane, p->rows, p->columns, high,
                                                        wide, r, c) /
                                                    255,
                                                p->o.ascii));
                tp__bytes_text(to, k + 1 < first + n ? " " : "\n");
            }
        }
    }
}

static const char *name_of(char *const *list, int64_t i, char text[NUMBER])
{
    tp__snprintf(text, NUMBER, "%lld", (long long)i);
    return list ? list[i] : text;
}

static const char *cell_text(const tp_plot *p, int64_t i, char text[NUMBER])
{
    tp__snprintf(text, NUMBER, p->confusion ? "%.0f" : "%.3g", p->values[i]);
    return text;
}

/* The numbers, in as many columns as there is room for. */
static void put_table(tp__bytes *to, const tp_plot *p, int columns)
{
    enum { NAME = 14, LEAST = 7 };
    char text[NUMBER];
    int cell = LEAST;
    for (int64_t i = 0; i < p->rows * p->columns; i++) {
        int wide = width_of(cell_text(p, i, text));
        cell = wide > cell ? wide : cell;
    }
    int64_t room = (columns - NAME - 4) / (cell + 1), shown = room < p->columns ? room : p->columns;
    tp__bytes_repeat(to, " ", NAME);
    for (int64_t c = 0; c < shown; c++) {
        tp__bytes_text(to, " ");
        put(to, name_of(p->labels, c, text), cell, cell, p->o.ascii);
    }
    tp__bytes_text(to, shown < p->columns ? " ...\n" : "\n");
    for (int64_t r = 0; r < p->rows; r++) {
        put(to, name_of(p->row_labels, r, text), NAME, NAME, p->o.ascii);
        for (int64_t c = 0; c < shown; c++) {
            tp__bytes_text(to, " ");
            put(to, cell_text(p, r * p->columns + c, text), cell, cell, true);
        }
        tp__bytes_text(to, "\n");
    }
}

static void put_shades(tp__bytes *to, const tp_plot *p, int columns)
{
    enum { MOST_HIGH = 40 };
    char low[NUMBER], high[NUMBER];
    int wide = p->columns * 2 < columns ? (int)p->columns * 2 : columns;
    int rows = p->rows < MOST_HIGH ? (int)p->rows : MOST_HIGH;
    for (int r = 0; r < rows; r++) {
        for (int c = 0; c < wide; c++) {
            double v = mean_of(p->values, p->rows, p->columns, rows, wide, r, c);
            tp__bytes_text(to, isnan(v) ? "?" : shade_of((v - p->low) / (p->high - p->low), p->o.ascii));
        }
        tp__bytes_text(to, "\n");
    }
    tp__bytes_print(to, "  %s ", number(p->low, low));
    for (int k = 0; k < 20; k++)
        tp__bytes_text(to, shade_of(k / 20.0, p->o.ascii));
    tp__bytes_print(to, " %s\n", number(p->high, high));
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

int64_t tp_plot_format(const tp_plot *p, char *buffer, size_t n)
{
    tp__bytes to = {0};
    tp__axis axes[TP__AXES];
    if (p) {
        int columns = p->o.columns ? p->o.columns : COLUMNS;
        put_centered(&to, p->title ? p->title : "", columns, p->o.ascii);
        if (!tp__plot_axes(p, axes))
            tp__bytes_text(&to, "(no point can be drawn)\n");
        else if (p->kind == TP__SERIES)
            put_curves(&to, p, columns, axes);
        else if (p->kind == TP__IMAGES)
            put_images(&to, p, columns);
        else
            (p->numbers ? put_table : put_shades)(&to, p, columns);
    }
    return tp__bytes_into(&to, buffer, n);
}
