/* progress.c - how far a loop is, how fast, and how long it will take. */
#define _POSIX_C_SOURCE 200809L
#include "core/core.h"
#include "tapir/data.h"

#include <stdio.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void tp_progress_start(tp_progress *p, int64_t total)
{
    if (p)
        *p = (tp_progress){.total = total, .start = now()};
}

bool tp_progress_add(tp_progress *p, int64_t n)
{
    if (p == NULL)
        return false;
    double t = now();
    p->done += n;
    if (t - p->last < 0.1 && p->done < p->total)
        return false;
    p->last = t;
    return true;
}

double tp_progress_seconds(const tp_progress *p) { return p ? now() - p->start : 0; }

enum { LINE = 66, SHORTEST = 4, LONGEST = 40 };

/* "[===>   ]" in `width` columns, or nothing where these are too few. */
static void draw_bar(char *bar, int width, double part)
{
    int cells = (width > LONGEST + 2 ? LONGEST + 2 : width) - 2, filled = (int)(part * cells);
    if (cells < SHORTEST)
        cells = 0;
    for (int i = 0; i < cells; i++)
        bar[1 + i] = i < filled ? '=' : i == filled ? '>' : ' ';
    if (cells > 0) {
        bar[0] = '[';
        bar[++cells] = ']';
        bar[++cells] = ' ';
        cells++;
    }
    bar[cells] = '\0';
}

int tp_progress_format(const tp_progress *p, double loss, char *buffer, size_t n)
{
    char bar[LONGEST + 4], figures[160];
    n = buffer ? n : 0;
    if (p == NULL)
        return snprintf(buffer, n, "%s", "");
    int64_t todo = p->done < p->total ? p->total - p->done : 0;
    double part = todo > 0 ? (double)p->done / (double)p->total : 1, seconds = tp_progress_seconds(p);
    double rate = seconds > 0 ? (double)p->done / seconds : 0;
    double left = rate > 0 ? (double)todo / rate : 0;
    if (left > 5999999) /* 99999:59 */
        left = 5999999;
    int width = p->width > 0 ? p->width : LINE;
    int used = tp__snprintf(figures, sizeof figures, "%3d %%  loss %.4f  %.0f samples/s  %d:%02d left",
                            (int)(100 * part), loss, rate, (int)left / 60, (int)left % 60);
    draw_bar(bar, used < width ? width - used - 1 : 0, part);
    return snprintf(buffer, n, "%s%.*s", bar, width, figures);
}
