/* plot.h - what the examples share of pictures. */
#ifndef EXAMPLES_PLOT_H
#define EXAMPLES_PLOT_H

#include <stdio.h>
#include <tapir.h>

/* Draws the plot to a file, or, where there is no gnuplot, prints it as text; frees it. */
static inline void plot_finish(tp_tape *T, tp_plot *p, const char *path, const char *what)
{
    static char text[30000];
    int64_t n = tp_plot_show(T, p, path, text, sizeof text);
    if (n > 0)
        printf("\n%s", text);
    else if (n == 0)
        printf("%s: %s\n", what, path);
    tp_plot_free(p);
}

#endif
