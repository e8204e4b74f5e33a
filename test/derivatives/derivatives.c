/* derivatives.c - the largest error of the first and second derivatives of each elementwise operator over the whole
 * range of the floats, in units in the last place, as a table for doc/accuracy.md; and whether a right result raises a
 * floating-point exception. Fails where an error is above its bound, and where an operator has no row.
 *
 * usage: derivatives >> doc/accuracy.md
 *        derivatives [--short] [NAME ...]
 *        --short    fewer points
 *        NAME       of these operators alone, with what is wrong written out
 *
 * The first derivative is taken in both ways, as backward does it and so that it can be differentiated again; the second
 * one is the derivative of the latter. Points are of all binades and signs, more of them where functions bend, zero,
 * subnormals, infinities and NaN. References are the formulas of the tables (derivatives.h), in long double.
 */
#include "derivatives/derivatives.h"
#include "ops/elementwise/elementwise.h"
#include "support/ulp.h"

#include <fenv.h>
#include <float.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 32 }; /* so many elements fill the widest vectors; exceptions are asked for a group at a time */
enum { VALUE, FIRST, SECOND, STAGES };

static const char *const stage_name[STAGES] = {"value", "first derivative", "second derivative"};
static const char *const slope_name[5] = {"by x", "by y", "by x, x", "by x, y", "by y, y"};

typedef struct {
    tp_tape *T;
    tp_dtype dtype;
    float_format format;
    int n;
    double *x, *y; /* the points */
    bool loud;     /* say what is wrong */
    bool weighted; /* gradients of all sizes, not 1, come from above */
} scan;

typedef struct {
    double off, x, y;
} error;

/* ---- points --------------------------------------------------------------------------------------------------- */

static uint64_t random_bits(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ (*state >> 29);
}

/* The float of an exponent field and of a mantissa: of the smallest, the largest, the second, then any. */
static double float_at(tp_dtype dtype, int exponent, int which, bool negative, uint64_t *state)
{
    int digits = dtype == TP_F32 ? 23 : 52;
    uint64_t all = ((uint64_t)1 << digits) - 1;
    uint64_t mantissa = which == 0 ? 0 : which == 1 ? all : which == 2 ? 1 : random_bits(state) & all;
    uint64_t bits = (uint64_t)exponent << digits | mantissa;
    uint32_t narrow = (uint32_t)bits;
    float f;
    double v;
    memcpy(&f, &narrow, sizeof f);
    memcpy(&v, &bits, sizeof v);
    v = dtype == TP_F32 ? (double)f : v;
    return negative ? -v : v;
}

/* So many of each binade and sign, and eight times as many between 2^-12 and 2^12; what comes ever closer to places where
 * functions end or bend; infinities and NaN. */
static int points(tp_dtype dtype, int each, double *x)
{
    int middle = dtype == TP_F32 ? 127 : 1023, n = 0;
    uint64_t state = 1;
    for (int e = 0; e <= 2 * middle; e++)
        for (int i = 0; i < 2 * each * (abs(e - middle) <= 12 ? 8 : 1); i++, n++)
            if (x)
                x[n] = float_at(dtype, e, i / 2, i % 2, &state);
    const double places[] = {0.5, 1, 2, 20, 1.4142135623730951, 0.75179156, 0.70710678},
                 odd[] = {INFINITY, -INFINITY, NAN};
    for (int i = 0; i < 7 * 4 * 52; i++, n++)
        if (x) {
            double c = places[i / 208] * (1 + ldexp(i & 1 ? 1 : -1, -(i / 4 % 52))), v = i & 2 ? -c : c;
            x[n] = dtype == TP_F32 ? (double)(float)v : v;
        }
    for (int i = 0; i < 3; i++, n++)
        if (x)
            x[n] = odd[i];
    return n;
}

static tp_tensor *tensor_of(const scan *s, int n, const double *x)
{
    tp_tensor *t = tp_to(s->T, tp_from(s->T, TP_F64, tp_shape(n), x), s->dtype);
    return tp_requires_grad(tp_detach(s->T, t), true);
}

static double element(const scan *s, const tp_tensor *x, int i)
{
    const void *data = x ? tp_data((tp_tensor *)(uintptr_t)x) : NULL;
    return data == NULL ? 0 : s->dtype == TP_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

/* The first argument of a function of two, which may have no derivative by it */
static tp_tensor *first_of(const scan *s, const two_row *row, int n, const double *x)
{
    return tp_requires_grad(tensor_of(s, n, x), row->slope[0] != NULL || row->slope[1] == NULL);
}

/* ---- errors ----------------------------------------------------------------------------------------------------- */

static void note(scan *s, error *worst, const char *what, double got, real want, real slack, int i)
{
    double off = ulps_off(got, want, s->format, slack);
    if (off <= worst->off)
        return;
    *worst = (error){off, s->x[i], s->y ? s->y[i] : 0};
    if (s->loud && off > 8) {
        printf("    %s, %s at %.17g", tp_dtype_name(s->dtype), what, s->x[i]);
        if (s->y)
            printf(", %.17g", s->y[i]);
        printf(": %.17g, %.17Lg is right, %.3g ulp\n", got, want, off);
    }
}

/* What a change of x by four units does to f. */
static real conditioning(const scan *s, real (*f)(real), double x)
{
    real unit = 4 * ulp_at((real)x, s->format), here = f((real)x), up = f((real)x + unit), down = f((real)x - unit);
    real most = fmaxl(fabsl(up - here), fabsl(down - here));
    return isfinite(most) ? most : 0;
}

/* What comes from above at a point, for the first derivative and for the second: a power of 2 that may lift a derivative into
 * the range of the floats, or throw it out. */
static double weight(const scan *s, int i, int order)
{
    static const double share[] = {0, 0.95, -0.6, 0.3, -0.95};
    int k = order == 1 ? i % 5 : i / 5 % 5;
    return s->weighted ? ldexp(1, (int)(share[k] * (s->dtype == TP_F32 ? 120 : 1000))) : 1;
}

static tp_tensor *weights(const scan *s, tp_tensor *y, int order)
{
    if (!s->weighted)
        return tp_ones_like(s->T, y);
    double *w = malloc(sizeof(double) * (size_t)s->n);
    for (int i = 0; i < s->n; i++)
        w[i] = weight(s, i, order);
    tp_tensor *t = tp_detach(s->T, tensor_of(s, s->n, w));
    free(w);
    return t;
}

/* dy / dx, times what comes from above, where y may not depend on x at all. */
static tp_tensor *slope_of(const scan *s, tp_tensor *y, tp_tensor *x, int order, bool create_graph)
{
    tp_tape *T = s->T;
    tp_tensor *d = NULL, *ones;
    if (y == NULL || !tp_needs_grad(y) || !tp_needs_grad(x))
        return NULL;
    ones = weights(s, y, order);
    tp_gradients(T, 1, &y, 1, &x, &d,
                 &(tp_gradients_options){
                     .grad_outputs = &ones, .retain_graph = true, .create_graph = create_graph, .allow_unused = true});
    return d;
}

static void measure_one(scan *s, const one_row *row, error worst[2])
{
    tp_tensor *x = tensor_of(s, s->n, s->x), *y = row->fn(s->T, x);
    tp_tensor *plain = slope_of(s, y, x, 1, false), *d = slope_of(s, y, x, 1, true), *d2 = slope_of(s, d, x, 2, false);
    for (int i = 0; i < s->n && tp_error(s->T) == NULL; i++) {
        real w = (real)weight(s, i, 1), w2 = w * (real)weight(s, i, 2), slack = 0, slack2 = 0;
        real want = w * row->first((real)s->x[i]), want2 = w2 * row->second((real)s->x[i]);
        if (isnan(s->x[i]) ? (row->flags & FLAT) != 0 : isnan(want) != 0)
            continue;
        if (row->flags & CONDITIONED && isfinite(s->x[i])) {
            slack = w * conditioning(s, row->first, s->x[i]);
            slack2 = w2 * conditioning(s, row->second, s->x[i]);
        }
        note(s, &worst[0], "first derivative, as backward takes it", element(s, plain, i), want, slack, i);
        note(s, &worst[0], "first derivative, with a graph", element(s, d, i), want, slack, i);
        if (!isnan(want2) || isnan(s->x[i]))
            note(s, &worst[1], "second derivative", element(s, d2, i), want2, slack2, i);
    }
    tp_tape_reset(s->T);
}

/* The same of a function of two numbers: by a unit of either. */
static real conditioning_two(const scan *s, real (*f)(real, real), double x, double y)
{
    real a = (real)x, b = (real)y, here = f(a, b), up = f(a + ulp_at(a, s->format), b),
         right = f(a, b + ulp_at(b, s->format));
    real most = fmaxl(fabsl(up - here), fabsl(right - here));
    return isfinite(most) ? most : 0;
}

static void measure_two(scan *s, const two_row *row, error worst[2])
{
    tp_tensor *x = first_of(s, row, s->n, s->x), *y = tensor_of(s, s->n, s->y), *z = row->fn(s->T, x, y);
    tp_tensor *dx = slope_of(s, z, x, 1, true), *dy = slope_of(s, z, y, 1, true);
    tp_tensor *d[5] = {dx, dy, slope_of(s, dx, x, 2, false), slope_of(s, dx, y, 2, false),
                       slope_of(s, dy, y, 2, false)};
    tp_tensor *plain[2] = {slope_of(s, z, x, 1, false), slope_of(s, z, y, 1, false)};
    for (int i = 0; i < s->n && tp_error(s->T) == NULL; i++)
        for (int k = 0; k < 5; k++) {
            real w = (real)weight(s, i, 1) * (real)(k < 2 ? 1 : weight(s, i, 2));
            real want = row->slope[k] ? w * row->slope[k]((real)s->x[i], (real)s->y[i]) : (real)NAN;
            if (row->slope[k] == NULL ||
                (isnan(s->x[i]) || isnan(s->y[i]) ? (row->flags & FLAT) != 0 : isnan(want) != 0))
                continue;
            real slack = row->flags & CONDITIONED ? w * conditioning_two(s, row->slope[k], s->x[i], s->y[i]) : 0;
            note(s, &worst[k > 1], slope_name[k], element(s, d[k], i), want, slack, i);
            if (k < 2)
                note(s, &worst[0], "as backward takes it", element(s, plain[k], i), want, slack, i);
        }
    tp_tape_reset(s->T);
}

/* ---- exceptions --------------------------------------------------------------------------------------------------- */

static const char *exception_name(int raised)
{
    return raised & FE_INVALID     ? "invalid"
           : raised & FE_DIVBYZERO ? "divide by zero"
           : raised & FE_OVERFLOW  ? "overflow"
                                   : NULL;
}

/* A function of one number or of two, as one row or the other. */
typedef struct {
    const one_row *one;
    const two_row *two;
} subject;

/* The results of a stage: the value, or each derivative of that order; how many. */
static int results_of(scan *s, subject f, int stage, tp_tensor *x, tp_tensor *y, tp_tensor *out[3])
{
    tp_tensor *in[2] = {x, y}, *z = f.one ? f.one->fn(s->T, x) : f.two->fn(s->T, x, y);
    int n = 0;
    out[0] = z;
    if (stage == VALUE)
        return 1;
    for (int i = 0; i < (y ? 2 : 1); i++) {
        tp_tensor *d = slope_of(s, z, in[i], 1, stage == SECOND);
        if (stage == FIRST)
            out[n++] = d;
        for (int k = i; k < (y ? 2 : 1) && stage == SECOND; k++)
            out[n++] = slope_of(s, d, in[k], 2, false);
    }
    return n;
}

/* What a stage raises at these points; *finite: are all results of it finite? */
static int raised_by(scan *s, subject f, int stage, int n, const double *at, const double *beside, bool *finite)
{
    tp_tensor *x = f.two ? first_of(s, f.two, n, at) : tensor_of(s, n, at), *out[3];
    tp_tensor *y = f.two ? tensor_of(s, n, beside) : NULL;
    feclearexcept(FE_ALL_EXCEPT);
    int results = results_of(s, f, stage, x, y, out);
    int raised = fetestexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
    *finite = true;
    for (int k = 0; k < results; k++)
        for (int i = 0; i < n && out[k] && tp_dtype_of(out[k]) == s->dtype; i++)
            *finite &= isfinite(element(s, out[k], i)) != 0;
    tp_tape_reset(s->T);
    return raised;
}

/* Is there an exception where all results, also those on the way, are finite? Where a group raises one, each of its points
 * is tried alone. */
static bool raises_at(scan *s, subject f, int stage, double x, double y)
{
    double same[2][GROUP];
    bool finite = true, all = true;
    int raised = 0;
    for (int i = 0; i < GROUP; i++) {
        same[0][i] = x;
        same[1][i] = y;
    }
    for (int k = 0; k <= stage; k++) {
        raised = raised_by(s, f, k, GROUP, same[0], same[1], &finite);
        all &= finite;
    }
    if (all && raised && s->loud)
        printf("    %s, %s at %.17g, %.17g raises %s\n", tp_dtype_name(s->dtype), stage_name[stage], x, y,
               exception_name(raised));
    return all && raised;
}

/* Finite operands, in the domain as far as the row says */
static bool in_domain(const scan *s, subject f, int i)
{
    return isfinite(s->x[i]) && (f.one ? !isnan(f.one->first((real)s->x[i])) : isfinite(s->y[i]) != 0);
}

/* The stages that raise an exception, and where the last of them does. */
static int exceptions(scan *s, subject f, double *where)
{
    int found = 0;
    bool finite;
    for (int stage = VALUE; stage < STAGES; stage++)
        for (int i = 0, at_stage = 0; i < s->n && at_stage == 0; i += GROUP) {
            int n = 0;
            double at[GROUP], beside[GROUP];
            for (int k = i; k < i + GROUP && k < s->n; k++)
                if (in_domain(s, f, k)) {
                    at[n] = s->x[k];
                    beside[n++] = s->y ? s->y[k] : 0;
                }
            if (n == 0 || !raised_by(s, f, stage, n, at, beside, &finite))
                continue;
            for (int k = 0; k < n && at_stage == 0; k++)
                if (raises_at(s, f, stage, at[k], beside[k])) {
                    at_stage = 1;
                    where[0] = at[k];
                    where[1] = beside[k];
                }
            found += at_stage;
        }
    return found;
}

/* ---- all of it ---------------------------------------------------------------------------------------------------- */

static bool asked_for(const char *name, int n, char **names)
{
    for (int i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return n == 0;
}

static void print_row(const char *name, unsigned flags, double bound, error worst[2][2], bool bad)
{
    printf("| %-12s |", name);
    for (int d = 0; d < 2; d++)
        for (int order = 0; order < 2; order++)
            printf(" %8.3g | %10.4g |", worst[d][order].off, worst[d][order].x);
    printf(" %g%s |%s\n", bound, flags & CONDITIONED ? " c" : "",
           flags & OPEN ? " open"
           : bad        ? " above the bound"
                        : "");
    fflush(stdout);
}

/* In float32 and float64; is any of it wrong? */
static bool scan_row(scan s[2], subject f)
{
    const char *name = f.one ? f.one->name : f.two->name;
    unsigned flags = f.one ? f.one->flags : f.two->flags;
    error worst[2][2] = {{{0, 0, 0}, {0, 0, 0}}, {{0, 0, 0}, {0, 0, 0}}};
    double given = f.one ? f.one->bound : f.two->bound, bound = given > 0 ? given : 8, where[2][2] = {{0, 0}, {0, 0}};
    bool bad = false;
    int raises[2];
    for (int d = 0; d < 2; d++) {
        for (int weighted = 0; weighted <= (flags & ANY_GRADIENT ? 1 : 0); weighted++) {
            s[d].weighted = weighted == 1;
            if (f.one)
                measure_one(&s[d], f.one, worst[d]);
            else
                measure_two(&s[d], f.two, worst[d]);
        }
        s[d].weighted = false;
        raises[d] = exceptions(&s[d], f, where[d]);
        bad |= !(worst[d][0].off <= bound && worst[d][1].off <= bound) || raises[d];
    }
    if (!(flags & VALUES))
        print_row(name, flags, bound, worst, bad);
    for (int d = 0; d < 2; d++)
        if (raises[d])
            fprintf(stderr, "%s, in %s: an exception at %.17g, %.17g\n", name, tp_dtype_name(s[d].dtype), where[d][0],
                    where[d][1]);
    return bad && !(flags & OPEN);
}

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static bool has_row(const char *name)
{
    const one_row *const lists[] = {one_rows, special_rows};
    for (int k = 0; k < 2; k++)
        for (const one_row *r = lists[k]; r->name; r++)
            if (strcmp(r->name, name) == 0)
                return true;
    for (const two_row *r = two_rows; r->name; r++)
        if (strcmp(r->name, name) == 0)
            return true;
    for (int i = 0; needs_no_row[i]; i++)
        if (strcmp(needs_no_row[i], name) == 0)
            return true;
    return ends_with(name, "_backward"); /* of the row of the function that it is the derivative of */
}

/* Every elementwise operator of one or two arguments with a derivative has a row. */
static int without_row(void)
{
    int missing = 0;
    const tp_op *op;
    for (int i = 0; (op = tp_op_at(i)) != NULL; i++)
        if (op->forward == tp__map_forward && op->n_in <= 2 && !(op->flags & TP_OP_NO_GRAD) && !has_row(op->name)) {
            printf("%s has no row in test/derivatives\n", op->name);
            missing++;
        }
    return missing;
}

static const char heading[] =
    "\n## Derivatives\n\n"
    "The largest error of the first and the second derivative over the whole range of the "
    "floats, in units in the last\n"
    "place, and where (`test/derivatives`). c: near the roots of the derivative, what a "
    "change of x by four units in its\n"
    "last place does to it is forgiven. open: not yet right. Right results of finite operands raise no invalid,\n"
    "divide-by-zero or overflow exception, which is tried as well.\n\n"
    "| function     | f32, 1st |         at | f32, 2nd |         at | f64, 1st |         at "
    "| f64, 2nd |         at | bound |\n"
    "|--------------|---------:|-----------:|---------:|-----------:|---------:|-----------:|"
    "---------:|-----------:|------:|\n";

/* The ends of the range, with both signs: the smallest subnormal number and others, the smallest normal one, the largest. */
static double end_of_range(tp_dtype dtype, int i)
{
    int least = dtype == TP_F32 ? -149 : -1074, digits = dtype == TP_F32 ? 23 : 52, top = dtype == TP_F32 ? 128 : 1024;
    const double ends[8] = {ldexp(1, least),
                            ldexp(3, least),
                            ldexp(1.4375, least + digits / 2),
                            ldexp(1, least + digits - 2),
                            ldexp(1, least + digits) - ldexp(1, least),
                            ldexp(1, least + digits),
                            ldexp(1 - ldexp(0.5, -digits), top),
                            ldexp(0.703125, top)};
    double v = dtype == TP_F32 ? (double)(float)ends[i / 2] : ends[i / 2];
    return i % 2 ? -v : v;
}

/* The points of two arguments: each of a coarse list, and of the ends of the range, with each. */
static void pairs(scan *s, tp_dtype dtype)
{
    int m = points(dtype, 1, NULL), stride = m / 120 + 1, some = 0, ends = 16;
    double *x = malloc(sizeof(double) * (size_t)(m + ends));
    points(dtype, 1, x);
    for (int i = 0; i < m; i++)
        if (i % stride == 0 || i >= m - 3)
            x[some++] = x[i];
    for (int i = 0; i < ends; i++)
        x[some++] = end_of_range(dtype, i);
    s->n = some * some;
    s->x = malloc(sizeof(double) * (size_t)s->n);
    s->y = malloc(sizeof(double) * (size_t)s->n);
    for (int i = 0; i < s->n; i++) {
        s->x[i] = x[i % some];
        s->y[i] = x[i / some];
    }
    free(x);
}

int main(int argc, char **argv)
{
    bool shorter = argc > 1 && strcmp(argv[1], "--short") == 0;
    int bad = 0, names = argc - 1 - shorter;
    char **name = argv + 1 + shorter;
    scan one[2], two[2];
    if (LDBL_MANT_DIG < 64)
        return 77; /* the references would be no better than float64 */
    for (int d = 0; d < 2; d++) {
        tp_dtype dtype = d ? TP_F64 : TP_F32;
        int each = (shorter ? 4 : 32) * (d ? 1 : 4);
        one[d] = two[d] = (scan){.T = tp_tape_new(),
                                 .dtype = dtype,
                                 .format = d ? format64 : format32,
                                 .n = points(dtype, each, NULL),
                                 .loud = names > 0};
        one[d].x = malloc(sizeof(double) * (size_t)one[d].n);
        points(dtype, each, one[d].x);
        pairs(&two[d], dtype);
    }
    fputs(heading, stdout);
    const one_row *const lists[] = {one_rows, special_rows};
    for (int k = 0; k < 2; k++)
        for (const one_row *r = lists[k]; r->name; r++)
            if (asked_for(r->name, names, name))
                bad += scan_row(one, (subject){.one = r});
    for (const two_row *r = two_rows; r->name; r++)
        if (asked_for(r->name, names, name))
            bad += scan_row(two, (subject){.two = r});
    if (names == 0)
        bad += without_row();
    for (int d = 0; d < 2; d++) {
        if (tp_error(one[d].T)) {
            printf("%s\n", tp_error(one[d].T));
            bad++;
        }
        tp_tape_free(one[d].T);
        free(one[d].x);
        free(two[d].x);
        free(two[d].y);
    }
    return bad != 0;
}
