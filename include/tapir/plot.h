/* plot.h - pictures of what a program has found: curves, histograms, images in a grid, heat maps, confusion matrices.
 *
 *     tp_plot *p = tp_plot_new(T, &(tp_plot_options){.title = "training", .xlabel = "epoch", .log_y = true});
 *     tp_plot_curve(T, p, NULL, losses, &(tp_series_options){.label = "loss"});
 *     tp_plot_save(T, p, "loss.png");
 *     tp_plot_free(p);
 *
 * A plot copies what it is given. It is drawn by gnuplot, which is run as a program (no shell; nothing in a title, a label or a
 * path is taken for a command; the host's signals and their handlers are left alone), as PNG or SVG, or as text for a terminal,
 * which needs no gnuplot. Texts are UTF-8, lines are parted by \n. Points that are NaN or infinite, and on a logarithmic axis those
 * that are not positive, are gaps.
 */
#ifndef TAPIR_PLOT_H
#define TAPIR_PLOT_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_plot tp_plot;

/* Where the legend is. */
typedef enum {
    TP_PLOT_TOP_RIGHT,
    TP_PLOT_TOP_LEFT,
    TP_PLOT_CENTER_RIGHT,
    TP_PLOT_BOTTOM_RIGHT,
    TP_PLOT_BOTTOM_LEFT,
    TP_PLOT_BELOW
} tp_plot_key;

typedef struct {
    const char *title;
    const char *xlabel;
    const char *ylabel;
    const char *y2label;       /* of the axis on the right */
    int         width, height; /* in pixels; 0: 900 by 540, or what images and matrices need */
    double      x_min, x_max;  /* 0: the data's; TP_ZERO is zero */
    double      y_min, y_max, y2_min, y2_max;
    bool        log_x, log_y, log_y2;
    tp_plot_key key;
    int         columns, rows; /* of the text; 0: 80, 20 for the curves alone */
    bool        ascii;         /* text without other characters */
    double      seconds;       /* that gnuplot may take; 0: 60 */
    const char *gnuplot;       /* the program; NULL: gnuplot, looked for along PATH */
    TP_RESERVED(4);
} tp_plot_options;
/* NULL after a failure, as of options that make no sense (TP_EINVAL). */
TP_API tp_plot *tp_plot_new(tp_tape *T, const tp_plot_options *options);
TP_API void     tp_plot_free(tp_plot *p);

/* ---- curves: any number of these in a plot ------------------------------------------------------------------------------ */

typedef enum { TP_PLOT_LINE, TP_PLOT_POINTS, TP_PLOT_LINE_POINTS, TP_PLOT_STEPS } tp_plot_style;
typedef struct {
    const char   *label; /* in the legend; NULL: it is not there */
    tp_plot_style style;
    bool          y2; /* by the axis on the right */
    bool          dashed;
    double        size;  /* of lines and points; 0: 1 */
    const char   *color; /* "#rrggbb"; NULL: the next of a list */
    TP_RESERVED(4);
} tp_series_options;
/* y [n] over x [n], or over 0, 1, ... where x is NULL. A series without points is TP_ESHAPE, here and below. */
TP_API tp_status tp_plot_curve(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *y, const tp_series_options *options);
/* The same with points alone. */
TP_API tp_status tp_plot_scatter(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *y, const tp_series_options *options);
/* What is between low [n] and high [n], in a light colour. */
TP_API tp_status tp_plot_band(tp_tape *T, tp_plot *p, tp_tensor *x, tp_tensor *low, tp_tensor *high,
                              const tp_series_options *options);
/* How many elements of x, of any shape, are in each of `bins` stretches of one length from the smallest to the largest; those that
 * are not finite are passed over. bins 0: 2 n^(1/3), 200 at most. */
TP_API tp_status tp_plot_histogram(tp_tape *T, tp_plot *p, tp_tensor *x, int64_t bins,
                                   const tp_series_options *options);

/* ---- pictures: one of these is a plot ------------------------------------------------------------------------------------ */

typedef struct {
    int                columns;    /* 0: as many as look well */
    const char *const *labels;     /* [n], above each; NULL: none, as is one of them that is NULL */
    const char *const *row_labels; /* at the left of each row */
    double             low, high;  /* what is black, and white; both 0: 0 and 1, 255 of TP_U8, 65535 of TP_I32 */
    bool               negative;   /* the other way round */
    TP_RESERVED(4);
} tp_plot_images_options;
/* n pictures side by side, row by row: x [n, height, width], or [n, channels, height, width] of 1 or 3 channels. */
TP_API tp_status tp_plot_images(tp_tape *T, tp_plot *p, tp_tensor *x, const tp_plot_images_options *options);

typedef struct {
    const char *const *row_labels; /* NULL: numbers from 0 on */
    const char *const *column_labels;
    const char        *bar_label; /* of the colours' scale */
    double             low, high; /* of the colours; both 0: of the data */
    bool               numbers;   /* in the cells, of which there are 2500 at most then */
    TP_RESERVED(4);
} tp_plot_heatmap_options;
/* x [rows, columns] as colours, the first row on top. */
TP_API tp_status tp_plot_heatmap(tp_tape *T, tp_plot *p, tp_tensor *x, const tp_plot_heatmap_options *options);
/* counts [classes, classes] as of tp_confusion_add (metrics.h): a row for each target, of which the colours show the part of each
 * prediction, with the counts in the cells. names [classes], or NULL: numbers. 50 classes at most. */
TP_API tp_status tp_plot_confusion(tp_tape *T, tp_plot *p, const int64_t *counts, int64_t classes,
                                   const char *const *names);

/* ---- drawing ------------------------------------------------------------------------------------------------------------- */

/* Draws it to a file, in the format of the path's ending: .png, .svg, or .txt, which is the text. As of all files (io.h) it takes
 * the old one's place when it is whole. TP_EUNSUPPORTED where there is no gnuplot, TP_EIO where it failed or took too long,
 * TP_EINVAL of a plot that has no point which can be drawn. */
TP_API tp_status tp_plot_save(tp_tape *T, const tp_plot *p, const char *path);
/* The text, as snprintf; -1: no memory. Lines end with \n, and are of `columns` characters at most. */
TP_API int64_t tp_plot_format(const tp_plot *p, char *buffer, size_t n);
/* The picture, and an empty text; where there is no gnuplot, or path is NULL, the text (a KiB or two for curves). Returns the
 * length of the text, 0: it is in the file, -1: neither. */
TP_API int64_t tp_plot_show(tp_tape *T, const tp_plot *p, const char *path, char *buffer, size_t n);

#ifdef __cplusplus
}
#endif
#endif
