/* line_search.c - Nocedal and Wright, "Numerical optimization", 2006: algorithm 3.5 brackets a step that fulfils
 * the strong Wolfe conditions, 3.6 closes in on it, each guess from the cubic through two points (3.59). The
 * safeguards of the guesses are those of minFunc (M. Schmidt, 2005), which PyTorch follows as well.
 *
 * A point whose value or slope is infinite or NaN counts as infinitely high, so it can be an upper end of the bracket
 * and never what is found: the step that led there is cut until the function is finite again. */
#include "optim/line_search.h"

#include <math.h>

static const double C1 = 1e-4, C2 = 0.9;
enum { MOST = 25 };

/* The minimizer of the cubic through a and b with their slopes, in [low, high]. */
static double cubic(tp__line_point a, tp__line_point b, double low, double high)
{
    if (a.t > b.t) {
        tp__line_point swap = a;
        a = b;
        b = swap;
    }
    double d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t), square = d1 * d1 - a.slope * b.slope;
    if (!(square >= 0 && isfinite(square)))
        return (low + high) / 2;
    double d2 = sqrt(square), t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2));
    return t > high ? high : t < low ? low : t;
}

static bool falls_enough(tp__line_point start, tp__line_point p) { return !(p.f > start.f + C1 * p.t * start.slope); }

static bool is_flat(tp__line_point start, tp__line_point p) { return fabs(p.slope) <= -C2 * start.slope; }

/* A slot for a gradient that none of the points kept holds. */
static int free_slot(tp__line_point a, tp__line_point b, tp__line_point c)
{
    int slot = 1;
    while (slot == a.gradient || slot == b.gradient || slot == c.gradient)
        slot++;
    return slot;
}

static bool evaluate(tp__line *line, double t, int slot, tp__line_point *p)
{
    line->evaluations++;
    *p = (tp__line_point){.t = t, .gradient = slot};
    bool ok = line->evaluate(line->user, t, slot, p);
    if (!isfinite(p->f) || !isfinite(p->slope)) {
        p->f = INFINITY;
        p->slope = NAN;
    }
    return ok;
}

/* The guess between lo and a point that is not finite: near lo, as nothing is known of the way there. */
static double cut(tp__line_point lo, tp__line_point hi) { return lo.t + 0.1 * (hi.t - lo.t); }

/* Closes in between lo (the lower) and hi. A guess that comes too near an end twice is moved away from it. */
static bool zoom(tp__line *line, tp__line_point start, tp__line_point a, tp__line_point b, int used,
                 tp__line_point *found)
{
    tp__line_point lo = a.f <= b.f ? a : b, hi = a.f <= b.f ? b : a, p;
    bool stuck = false;
    for (; used < MOST && fabs(hi.t - lo.t) * line->direction_norm >= line->tolerance; used++) {
        double left = fmin(lo.t, hi.t), right = fmax(lo.t, hi.t), margin = 0.1 * (right - left);
        double t = cubic(lo, hi, left, right);
        if (isinf(hi.f)) {
            t = cut(lo, hi);
        } else if (fmin(right - t, t - left) < margin) {
            if (stuck || t >= right || t <= left) {
                t = fabs(t - right) < fabs(t - left) ? right - margin : left + margin;
                stuck = false;
            } else {
                stuck = true;
            }
        } else {
            stuck = false;
        }
        if (!evaluate(line, t, free_slot(start, lo, hi), &p))
            return false;
        if (!falls_enough(start, p) || p.f >= lo.f) {
            hi = p;
            if (hi.f < lo.f) {
                hi = lo;
                lo = p;
            }
            continue;
        }
        bool done = is_flat(start, p);
        if (!done && p.slope * (hi.t - lo.t) >= 0)
            hi = lo;
        lo = p;
        if (done)
            break;
    }
    *found = lo;
    return true;
}

bool tp__strong_wolfe(tp__line *line, tp__line_point start, double t, tp__line_point *found)
{
    tp__line_point before = start, p;
    if (!evaluate(line, t, free_slot(start, start, start), &p))
        return false;
    for (int used = 0; used < MOST; used++) {
        if (!falls_enough(start, p) || (used > 1 && p.f >= before.f))
            return zoom(line, start, before, p, used, found);
        if (is_flat(start, p)) {
            *found = p;
            return true;
        }
        if (p.slope >= 0)
            return zoom(line, start, before, p, used, found);
        double next = cubic(before, p, p.t + 0.01 * (p.t - before.t), 10 * p.t);
        before = p;
        if (!evaluate(line, next, free_slot(start, before, before), &p))
            return false;
    }
    *found = start.f <= p.f ? start : p;
    return true;
}
