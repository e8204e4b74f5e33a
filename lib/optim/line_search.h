/* line_search.h - a step length that fulfils the strong Wolfe conditions. */
#ifndef TAPIR_OPTIM_LINE_SEARCH_H
#define TAPIR_OPTIM_LINE_SEARCH_H

#include <stdbool.h>

/* A point on the line: step, value, slope along the direction, and where its gradient is kept. */
typedef struct {
    double t, f, slope;
    int gradient;
} tp__line_point;

enum { TP__LINE_GRADIENTS = 5 };

typedef struct {
    /* Value and slope at step t, the gradient kept in slot `gradient`; false after a failure. */
    bool (*evaluate)(void *user, double t, int gradient, tp__line_point *at);
    void *user;
    double direction_norm; /* largest element of the direction */
    double tolerance;
    int evaluations; /* counted up */
} tp__line;

/* From `start` (t = 0, its gradient in slot 0), with first guess t. False after a failure. */
bool tp__strong_wolfe(tp__line *line, tp__line_point start, double t, tp__line_point *found);

#endif
