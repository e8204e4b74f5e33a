/* plot.h - pictures by gnuplot, for the examples. */
#ifndef EXAMPLES_PLOT_H
#define EXAMPLES_PLOT_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* A pipe to gnuplot, which is to draw to a file; NULL where there is none. pclose says whether it has. */
static inline FILE *plot_open(const char *path, int width, int height)
{
    FILE *g = system("command -v gnuplot >/dev/null 2>&1") == 0 ? popen("gnuplot >/dev/null 2>&1", "w") : NULL;
    if (g == NULL)
        return NULL;
    signal(SIGPIPE, SIG_IGN); /* where gnuplot gives up before it has read everything, pclose says so */
    fprintf(g, "set terminal pngcairo size %d,%d font 'sans,11'\nset output '", width, height);
    for (const char *c = path; *c; c++) /* a quote is doubled */
        fprintf(g, *c == '\'' ? "''" : "%c", *c);
    fprintf(g, "'\n");
    return g;
}

/* Pixels of rows * columns, row by row, as what `plot '-' matrix with image` reads. */
static inline void plot_pixels(FILE *g, int rows, int columns, const float *pixel)
{
    for (int i = 0; i < rows * columns; i++)
        fprintf(g, "%g%c", (double)pixel[i], i % columns == columns - 1 ? '\n' : ' ');
    fprintf(g, "e\n");
}

#endif
