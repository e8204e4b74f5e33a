/* grid_sample.c - an image looked at in places that a grid names: of each, a weighted sum of its neighbours.
 *
 * Along each axis the weights are polynomials of the place between two elements, so what is asked for may as well be a
 * derivative by it, of any order: `order` counts them for each axis. There are two operators, sample, and scatter, which adds
 * where the other one reads. Each is linear in its first operand with the other one as its gradient, and the gradient of
 * either by the grid is a product of a sample of one order more: so derivatives of every order are there.
 */
#if defined(REAL)

/* What there is of a few points: for each tap (an element of the image, at < 0: beyond its edge) its place in the plane,
 * weight, and slopes of the weight by the point's coordinates; and the same of each axis alone, of which these are products. */
typedef struct {
    int32_t at[MOST][POINTS], axis_at[AXES][TAPS][POINTS];
    REAL weight[MOST][POINTS], axis_weight[AXES][TAPS][POINTS];
    REAL slope[2 * MOST][POINTS], axis_slope[AXES][TAPS][POINTS]; /* [axis][tap] */
    REAL place[POINTS], place_slope[POINTS], first[POINTS], power[POINTS];
    bool full;             /* no tap is beyond an edge */
    int64_t inside;        /* so many points, which have one tap, are not beyond it: */
    int32_t point[POINTS]; /* these */
} NAME(taps);

/* v mirrored at `low` and `low + span`, and the sign of its slope */
static ALWAYS_INLINE REAL NAME(mirrored)(REAL v, REAL low, REAL span, REAL *sign)
{
    REAL u = FN(fabs)(v - low), period = 2 * span, m = u - period * FN(floor)(u / period);
    *sign = (v < low) != (m >= span) ? -1 : 1;
    return (m < period - m ? m : period - m) + low;
}

/* A place as the padding has it: beyond edges the slope is 0, on them, too. */
static ALWAYS_INLINE REAL NAME(padded)(tp_grid_padding padding, bool align_corners, REAL v, REAL n, REAL *slope)
{
    REAL sign = 1, span = align_corners ? n - 1 : n, last = n - 1;
    if (padding == TP_GRID_ZEROS)
        return v;
    if (padding == TP_GRID_REFLECTION) {
        REAL m = NAME(mirrored)(v, align_corners ? 0 : (REAL)-0.5, span, &sign);
        v = span > 0 ? m : 0;
    }
    *slope = ((v > 0) & (v < last)) ? *slope * sign : 0;
    return v > 0 ? (v < last ? v : last) : 0;
}

/* Coordinates as places among n elements, and the slopes of that. NaN counts as -1. */
static ALWAYS_INLINE void NAME(find_as)(tp_grid_padding padding, bool align_corners, int64_t m, const REAL *grid,
                                        int64_t step, REAL n, NAME(taps) * t)
{
    for (int64_t p = 0; p < m; p++) {
        REAL g = grid[p * step], slope = (align_corners ? n - 1 : n) / 2;
        g = g == g ? g : -1;
        REAL v = align_corners ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
        v = NAME(padded)(padding, align_corners, v, n, &slope);
        t->place[p] = ((v > -FAR) & (v < FAR)) ? v : -FAR;
        t->place_slope[p] = slope;
    }
}

static void NAME(find)(const sampling *s, int64_t m, const REAL *grid, REAL n, NAME(taps) * t)
{
    tp_grid_padding padding = s->mode == TP_GRID_BICUBIC ? TP_GRID_ZEROS : s->padding; /* that is for taps */
    if (padding == TP_GRID_ZEROS)
        NAME(find_as)(TP_GRID_ZEROS, s->align_corners, m, grid, s->space, n, t);
    else if (padding == TP_GRID_BORDER)
        NAME(find_as)(TP_GRID_BORDER, s->align_corners, m, grid, s->space, n, t);
    else
        NAME(find_as)(TP_GRID_REFLECTION, s->align_corners, m, grid, s->space, n, t);
}

/* The polynomial's derivative of this order, as coefficients. */
static void NAME(derive)(const double *c, int order, REAL *to)
{
    for (int j = 0; j < TAPS; j++) {
        double f = j + order < TAPS ? c[j + order] : 0;
        for (int k = j + 1; k <= j + order; k++)
            f *= k;
        to[j] = (REAL)f;
    }
}

/* to = f(x) scale, for x from the first element on */
static void NAME(weigh)(const REAL *f, int64_t m, const NAME(taps) * t, const REAL *restrict scale, REAL *restrict to)
{
    for (int64_t p = 0; p < m; p++) {
        REAL x = t->place[p] - t->first[p];
        to[p] = (((f[3] * x + f[2]) * x + f[1]) * x + f[0]) * scale[p];
    }
}

/* Where the element `shift` from the first one is, among n that are `stride` apart; padded is for bicubic. */
static ALWAYS_INLINE bool NAME(put_as)(tp_grid_padding padding, bool align_corners, int64_t m, REAL shift, REAL n,
                                       int32_t stride, const REAL *restrict first, int32_t *restrict to)
{
    int full = 1;
    for (int64_t p = 0; p < m; p++) {
        REAL unused = 0, at = NAME(padded)(padding, align_corners, first[p] + shift, n, &unused);
        int there = (at >= 0) & (at < n);
        int32_t k = (int32_t)(there ? at : 0) * stride;
        to[p] = there ? k : -1;
        full &= there;
    }
    return full != 0;
}

static bool NAME(put)(const sampling *s, int64_t m, REAL shift, REAL n, int32_t stride, const REAL *first, int32_t *to)
{
    tp_grid_padding padding = s->mode == TP_GRID_BICUBIC ? s->padding : TP_GRID_ZEROS;
    if (padding == TP_GRID_ZEROS)
        return NAME(put_as)(TP_GRID_ZEROS, false, m, shift, n, stride, first, to);
    return NAME(put_as)(padding, s->align_corners, m, shift, n, stride, first, to);
}

static void NAME(fill_axis)(const sampling *s, int d, int64_t m, const REAL *grid, NAME(taps) * t, bool slopes)
{
    int taps = taps_of(s);
    REAL n = (REAL)s->size[d], f[TAPS];
    NAME(find)(s, m, grid + AXES - 1 - d, n, t);
    for (int64_t p = 0; p < m; p++) {
        t->first[p] = s->mode == TP_GRID_NEAREST ? FN(rint)(t->place[p]) : FN(floor)(t->place[p]);
        t->power[p] = 1;
    }
    for (int k = 0; k < s->order[d]; k++)
        for (int64_t p = 0; p < m; p++)
            t->power[p] *= t->place_slope[p];
    for (int i = 0; i < taps; i++) {
        if (taps > 1) {
            NAME(derive)(polynomial_of(s, i), s->order[d], f);
            NAME(weigh)(f, m, t, t->power, t->axis_weight[d][i]);
        }
        REAL shift = (REAL)(s->mode == TP_GRID_BICUBIC ? i - 1 : i);
        t->full &= NAME(put)(s, m, shift, n, (int32_t)stride_of(s, d), t->first, t->axis_at[d][i]);
    }
    for (int64_t p = 0; slopes && p < m; p++)
        t->power[p] *= t->place_slope[p];
    for (int i = 0; slopes && i < taps; i++) {
        NAME(derive)(polynomial_of(s, i), s->order[d] + 1, f);
        NAME(weigh)(f, m, t, t->power, t->axis_slope[d][i]);
    }
}

/* to = a b c, or without a depth b c */
static void NAME(join)(bool deep, int64_t m, const REAL *a, const REAL *b, const REAL *c, REAL *restrict to)
{
    if (deep)
        for (int64_t p = 0; p < m; p++)
            to[p] = a[p] * b[p] * c[p];
    else
        for (int64_t p = 0; p < m; p++)
            to[p] = b[p] * c[p];
}

/* The same of places, of which one beyond an edge is enough. */
static void NAME(join_places)(bool deep, int64_t m, const int32_t *a, const int32_t *b, const int32_t *c,
                              int32_t *restrict to)
{
    if (deep)
        for (int64_t p = 0; p < m; p++)
            to[p] = (a[p] | b[p] | c[p]) < 0 ? -1 : a[p] + b[p] + c[p];
    else
        for (int64_t p = 0; p < m; p++)
            to[p] = (b[p] | c[p]) < 0 ? -1 : b[p] + c[p];
}

/* Lists them, so that nobody has to foresee which ones they are. */
static void NAME(list_inside)(int64_t m, NAME(taps) * t)
{
    t->inside = 0;
    for (int64_t p = 0; p < m; p++) {
        t->point[t->inside] = (int32_t)p;
        t->inside += t->at[0][p] >= 0;
    }
}

static void NAME(fill)(const sampling *s, int64_t m, const REAL *grid, NAME(taps) * t, bool slopes)
{
    int taps = taps_of(s), all = all_taps_of(s), k = 0;
    bool deep = s->space == AXES;
    t->full = true;
    for (int d = AXES - s->space; d < AXES; d++)
        NAME(fill_axis)(s, d, m, grid, t, slopes);
    for (int z = 0; z < (deep ? taps : 1); z++)
        for (int y = 0; y < taps; y++)
            for (int x = 0; x < taps; x++, k++) {
                const REAL *w0 = t->axis_weight[0][z], *w1 = t->axis_weight[1][y], *w2 = t->axis_weight[2][x];
                NAME(join_places)(deep, m, t->axis_at[0][z], t->axis_at[1][y], t->axis_at[2][x], t->at[k]);
                if (taps > 1) /* a single one weighs 1 */
                    NAME(join)(deep, m, w0, w1, w2, t->weight[k]);
                if (slopes && deep)
                    NAME(join)(deep, m, t->axis_slope[0][z], w1, w2, t->slope[k]);
                if (slopes) {
                    NAME(join)(deep, m, w0, t->axis_slope[1][y], w2, t->slope[deep * all + k]);
                    NAME(join)(deep, m, w0, w1, t->axis_slope[2][x], t->slope[(deep + 1) * all + k]);
                }
            }
    if (all == 1)
        NAME(list_inside)(m, t);
}

/* ---- y (+)= the sums of one plane at m points */

static void NAME(take)(const NAME(taps) * t, int64_t m, const REAL *restrict x, REAL *restrict y, bool accumulate)
{
    for (int64_t p = 0; p < (accumulate ? 0 : m); p++)
        y[p] = 0;
    for (int64_t i = 0; i < t->inside; i++)
        y[t->point[i]] += x[t->at[0][t->point[i]]];
}

static ALWAYS_INLINE void NAME(sum_taps)(const NAME(taps) * t, int64_t m, const REAL *restrict x, REAL *restrict y,
                                         bool accumulate, int all, bool full)
{
    for (int64_t p = 0; p < m; p++) {
        REAL sum = 0;
        for (int k = 0; k < all; k++)
            sum += full || t->at[k][p] >= 0 ? t->weight[k][p] * x[t->at[k][p]] : 0;
        y[p] = accumulate ? y[p] + sum : sum;
    }
}

static void NAME(sum_plane)(const NAME(taps) * t, int all, int64_t m, const REAL *x, REAL *y, bool accumulate)
{
    if (t->full && all == 4)
        NAME(sum_taps)(t, m, x, y, accumulate, 4, true);
    else if (all == 4)
        NAME(sum_taps)(t, m, x, y, accumulate, 4, false);
    else if (all == 1)
        NAME(take)(t, m, x, y, accumulate);
    else
        NAME(sum_taps)(t, m, x, y, accumulate, all, false);
}

static void NAME(sample)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    NAME(taps) *t = tp__scratch_take();
    int all = all_taps_of(j->s);
    for (int64_t task = begin; task < end; task++) {
        int64_t n = task / j->groups, p = task % j->groups * POINTS,
                m = j->points - p < POINTS ? j->points - p : POINTS;
        NAME(fill)(j->s, m, (const REAL *)j->grid + (n * j->points + p) * j->s->space, t, false);
        for (int64_t c = n * j->channels; c < (n + 1) * j->channels; c++)
            NAME(sum_plane)
        (t, all, m, (const REAL *)j->x + c * j->volume, (REAL *)j->y + c * j->points + p, j->accumulate);
    }
    tp__scratch_give(t);
}

/* ---- x (+)= y at the places that a sum would read; a few planes at a time */

static void NAME(put_back)(const NAME(taps) * t, const REAL *restrict y, REAL *restrict x)
{
    for (int64_t i = 0; i < t->inside; i++)
        x[t->at[0][t->point[i]]] += y[t->point[i]];
}

static ALWAYS_INLINE void NAME(scatter_taps)(const NAME(taps) * t, int64_t m, const REAL *y, REAL *x, int all)
{
    for (int64_t p = 0; p < m; p++)
        for (int k = 0; k < all; k++)
            if (t->at[k][p] >= 0)
                x[t->at[k][p]] += t->weight[k][p] * y[p];
}

static void NAME(scatter)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    NAME(taps) *t = tp__scratch_take();
    int all = all_taps_of(j->s);
    for (int64_t task = begin; task < end; task++) {
        int64_t n = task / j->groups, from = n * j->channels + task % j->groups * PLANES, last = (n + 1) * j->channels;
        int64_t to = from + PLANES < last ? from + PLANES : last;
        if (!j->accumulate)
            memset((REAL *)j->x + from * j->volume, 0, (size_t)((to - from) * j->volume) * sizeof(REAL));
        for (int64_t p = 0, m; p < j->points; p += m) {
            m = j->points - p < POINTS ? j->points - p : POINTS;
            NAME(fill)(j->s, m, (const REAL *)j->grid + (n * j->points + p) * j->s->space, t, false);
            for (int64_t c = from; c < to; c++) {
                const REAL *y = (const REAL *)j->y + c * j->points + p;
                if (all == 1)
                    NAME(put_back)(t, y, (REAL *)j->x + c * j->volume);
                else if (all == 4)
                    NAME(scatter_taps)(t, m, y, (REAL *)j->x + c * j->volume, 4);
                else
                    NAME(scatter_taps)(t, m, y, (REAL *)j->x + c * j->volume, all);
            }
        }
    }
    tp__scratch_give(t);
}

/* ---- slopes by the grid: of each point the sum over planes of y times the slope of x's sum there */

static ALWAYS_INLINE void NAME(slope_taps)(const NAME(taps) * t, int64_t m, const REAL *restrict x,
                                           const REAL *restrict y, REAL (*restrict sum)[POINTS], int space, int all)
{
    for (int64_t p = 0; p < m; p++) {
        REAL slope[AXES] = {0};
        for (int k = 0; k < all; k++) {
            REAL v = t->at[k][p] >= 0 ? x[t->at[k][p]] : 0;
            for (int d = 0; d < space; d++)
                slope[d] += t->at[k][p] >= 0 ? t->slope[d * all + k][p] * v : 0;
        }
        for (int d = 0; d < space; d++)
            sum[d][p] += slope[d] * y[p];
    }
}

static void NAME(slopes)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    NAME(taps) *t = tp__scratch_take();
    int all = all_taps_of(j->s), space = j->s->space;
    REAL sum[AXES][POINTS];
    for (int64_t task = begin; task < end; task++) {
        int64_t n = task / j->groups, p = task % j->groups * POINTS,
                m = j->points - p < POINTS ? j->points - p : POINTS;
        bool flat = j->s->mode == TP_GRID_NEAREST;
        if (!flat)
            NAME(fill)(j->s, m, (const REAL *)j->grid + (n * j->points + p) * space, t, true);
        memset(sum, 0, sizeof sum);
        for (int64_t c = n * j->channels; c < (flat ? 0 : (n + 1) * j->channels); c++) {
            const REAL *x = (const REAL *)j->x + c * j->volume, *y = (const REAL *)j->y + c * j->points + p;
            if (all == 4)
                NAME(slope_taps)(t, m, x, y, sum, 2, 4);
            else if (all == 8)
                NAME(slope_taps)(t, m, x, y, sum, 3, 8);
            else
                NAME(slope_taps)(t, m, x, y, sum, 2, 16);
        }
        REAL *to = (REAL *)j->to + (n * j->points + p) * space;
        for (int64_t q = 0; q < m; q++)
            for (int d = 0; d < space; d++, to++) /* the last axis first */
                *to = j->accumulate ? *to + sum[space - 1 - d][q] : sum[space - 1 - d][q];
    }
    tp__scratch_give(t);
}

#else

#include "ops/ops.h"

#include <math.h>
#include <string.h>

#define ALWAYS_INLINE inline __attribute__((always_inline))
enum { AXES = 3, TAPS = 4, MOST = 16, POINTS = 64, PLANES = 16 };
#define FAR 1073741824 /* beyond all places, and an int32_t */

/* Sizes of the image, and orders, are of depth, height and width; without a depth that is 1 and 0. */
typedef struct {
    tp_grid_mode mode;
    tp_grid_padding padding;
    bool align_corners;
    int space, order[AXES];
    int64_t size[AXES];
} sampling;

/* x [n, channels, volume], y [n, channels, points] and the grid [n, points, space]; what is written is x, y, or `to`, which is
 * as the grid. A task is one of `groups` of points, or of planes, of each n. */
typedef struct {
    const sampling *s;
    int64_t n, channels, volume, points, groups;
    const void *grid;
    void *x, *y, *to;
    bool accumulate;
} job;

typedef struct {
    tp__range_fn sample[2], scatter[2], slopes[2];
} grid_table;

#if defined(TP__ISA)

static int taps_of(const sampling *s)
{
    return s->mode == TP_GRID_NEAREST ? 1 : s->mode == TP_GRID_BILINEAR ? 2 : TAPS;
}
static int all_taps_of(const sampling *s) { return taps_of(s) * taps_of(s) * (s->space == AXES ? taps_of(s) : 1); }
static int64_t stride_of(const sampling *s, int d)
{
    return d == 2 ? 1 : d == 1 ? s->size[2] : s->size[2] * s->size[1];
}

/* The weight of tap i, one of several, at x between two elements, as coefficients of powers of x. (Keys, "Cubic convolution interpolation for
 * digital image processing", 1981, with a = -3/4.) */
static const double *polynomial_of(const sampling *s, int i)
{
    static const double linear[2][TAPS] = {{1, -1}, {0, 1}};
    static const double cubic[TAPS][TAPS] = {
        {0, -0.75, 1.5, -0.75}, {1, 0, -2.25, 1.25}, {0, 0.75, 1.5, -1.25}, {0, 0, -0.75, 0.75}};
    return s->mode == TP_GRID_BILINEAR ? linear[i] : cubic[i];
}

#define TP__BODY "ops/nn/grid_sample.c"
#include "kernel/per_float.h"

const grid_table TP__OF_ISA(tp__grid) = {
    {sample_f32, sample_f64}, {scatter_f32, scatter_f64}, {slopes_f32, slopes_f64}};

#else

TP__TABLE_OF(grid_table, tp__grid);

/* ---- the operators ---------------------------------------------------------------------------------------------- */

static job job_of(const sampling *s, const tp_tensor *x, const tp_tensor *y, const tp_tensor *grid, bool accumulate)
{
    job j = {.s = s, .n = x->shape[0], .channels = x->shape[1], .volume = 1, .points = 1, .accumulate = accumulate};
    j.grid = grid->data;
    j.x = x->data;
    j.y = y->data;
    for (int d = 2; d < x->ndim; d++) {
        j.volume *= x->shape[d];
        j.points *= y->shape[d];
    }
    return j;
}

static int64_t work_of(const job *j) { return (j->s->mode == TP_GRID_BICUBIC ? 16 : 4) * POINTS * (j->channels + 4); }

/* y (+)= the sums of x at the grid's points */
static void sample(job j, tp_dtype dtype)
{
    j.groups = (j.points + POINTS - 1) / POINTS;
    if (j.channels > 0)
        tp__parallel_for(j.n * j.groups, 1 + 32768 / work_of(&j), TP__PICK(tp__grid)->sample[dtype == TP_F64], &j);
}
/* x (+)= y there */
static void scatter(job j, tp_dtype dtype)
{
    j.groups = (j.channels + PLANES - 1) / PLANES;
    tp__parallel_for(j.n * j.groups, 1, TP__PICK(tp__grid)->scatter[dtype == TP_F64], &j);
}
/* to (+)= the slopes of sum(x's sums times y) by the grid */
static void slopes(job j, tp_dtype dtype, void *to)
{
    j.to = to;
    j.groups = (j.points + POINTS - 1) / POINTS;
    tp__parallel_for(j.n * j.groups, 1 + 32768 / work_of(&j), TP__PICK(tp__grid)->slopes[dtype == TP_F64], &j);
}

/* Are these [n, c, sizes] and a grid of points of n? */
static tp_status check(const tp_call *c, const int64_t *sizes)
{
    const sampling *s = c->attr;
    const tp_tensor *x = c->in[0], *grid = c->in[1];
    bool fits = x->ndim == s->space + 2 && grid->ndim == x->ndim && grid->shape[0] == x->shape[0] &&
                grid->shape[s->space + 1] == s->space;
    for (int d = 0; fits && d < s->space; d++)
        fits = x->shape[2 + d] == sizes[d];
    if (!tp_dtype_is_float(x->dtype))
        return tp__no_float(c, x);
    if (!fits || grid->dtype != x->dtype)
        return tp_call_fail(c, TP_ESHAPE, "x is %s, the grid %s; sizes that fit, of one dtype, are needed",
                            TP__SHAPE(x), TP__SHAPE(grid));
    return TP_OK;
}

static tp_status grid_sample_infer(tp_call *c)
{
    const sampling *s = c->attr;
    const tp_tensor *x = c->in[0], *grid = c->in[1];
    tp_dims shape = tp__dims_of(x);
    tp_status status = check(c, s->size + AXES - s->space);
    if (status != TP_OK)
        return status;
    for (int d = 2; d < x->ndim; d++)
        shape.dim[d] = grid->shape[d - 1];
    return tp_call_out(c, 0, x->dtype, shape);
}

static tp_status grid_scatter_infer(tp_call *c)
{
    const sampling *s = c->attr;
    tp_dims shape = tp__dims_of(c->in[0]);
    tp_status status = check(c, c->in[1]->shape + 1);
    if (status != TP_OK)
        return status;
    for (int d = 2; d < shape.ndim; d++)
        shape.dim[d] = s->size[AXES - s->space + d - 2];
    return tp_call_out(c, 0, c->in[0]->dtype, shape);
}

static tp_status grid_sample_forward(tp_call *c)
{
    sample(job_of(c->attr, c->in[0], c->out[0], c->in[1], false), c->in[0]->dtype);
    return TP_OK;
}
static tp_status grid_scatter_forward(tp_call *c)
{
    scatter(job_of(c->attr, c->out[0], c->in[0], c->in[1], false), c->in[0]->dtype);
    return TP_OK;
}

static const tp_op grid_sample_op, grid_scatter_op;

/* Of sum(y sample(x, grid)) by the grid: along each axis, the last one first, the sum over planes of y times a sample of one
 * order more. */
static tp_tensor *by_grid(tp_tape *T, const sampling *s, tp_tensor *x, tp_tensor *y, tp_tensor *grid)
{
    tp_tensor *along[AXES];
    if (s->mode == TP_GRID_NEAREST)
        return tp_zeros_like(T, grid);
    for (int i = 0; i < s->space; i++) {
        sampling one_more = *s;
        one_more.order[AXES - 1 - i]++;
        tp_tensor *slope = tp__apply2(T, &grid_sample_op, &one_more, x, grid);
        along[i] = tp_sum_dims(T, tp_mul(T, slope, y), 1, (int[]){1}, false);
    }
    return tp_stack(T, s->space, along, -1);
}

static tp_status grid_sample_vjp(tp_vjp *v)
{
    tp_tensor *x = v->in[0], *grid = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__apply2(v->tape, &grid_scatter_op, v->attr, g, grid);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = by_grid(v->tape, v->attr, x, g, grid);
    return TP_OK;
}
static tp_status grid_scatter_vjp(tp_vjp *v)
{
    tp_tensor *y = v->in[0], *grid = v->in[1], *g = v->gout[0];
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__apply2(v->tape, &grid_sample_op, v->attr, g, grid);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = by_grid(v->tape, v->attr, g, y, grid);
    return TP_OK;
}

static tp_status grid_sample_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0], *grid = v->in[1], *g = v->gout[0];
    if (v->gin[0])
        scatter(job_of(v->attr, v->gin[0], g, grid, !(v->fresh & 1u)), g->dtype);
    if (v->gin[1])
        slopes(job_of(v->attr, x, g, grid, !(v->fresh & 2u)), g->dtype, v->gin[1]->data);
    return TP_OK;
}
static tp_status grid_scatter_vjp_fused(tp_vjp *v)
{
    const tp_tensor *y = v->in[0], *grid = v->in[1], *g = v->gout[0];
    if (v->gin[0])
        sample(job_of(v->attr, g, v->gin[0], grid, !(v->fresh & 1u)), g->dtype);
    if (v->gin[1])
        slopes(job_of(v->attr, g, y, grid, !(v->fresh & 2u)), g->dtype, v->gin[1]->data);
    return TP_OK;
}

/* Places between elements, and beyond edges, but not on either, where slopes jump. */
static void samples_of(tp_sampler *s, bool scatters)
{
    static const sampling all[] = {
        {TP_GRID_BILINEAR, TP_GRID_ZEROS, false, 2, {0, 0, 0}, {1, 3, 5}},
        {TP_GRID_BILINEAR, TP_GRID_REFLECTION, true, 2, {0, 0, 0}, {1, 3, 5}},
        {TP_GRID_BICUBIC, TP_GRID_BORDER, false, 2, {0, 1, 0}, {1, 3, 5}},
        {TP_GRID_BICUBIC, TP_GRID_REFLECTION, false, 2, {0, 0, 0}, {1, 3, 4}},
        {TP_GRID_NEAREST, TP_GRID_BORDER, true, 2, {0, 0, 0}, {1, 3, 5}},
        {TP_GRID_BILINEAR, TP_GRID_BORDER, false, 3, {0, 0, 0}, {2, 3, 4}},
        {TP_GRID_BILINEAR, TP_GRID_ZEROS, true, 3, {0, 1, 0}, {2, 3, 3}},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const sampling *a = &all[i];
        tp_dims image = {a->space + 2, {2, 3}}, grid = {a->space + 2, {2, 2, 3}}, at = {a->space + 2, {2, 3, 2, 3}};
        for (int d = 0; d < a->space; d++)
            image.dim[2 + d] = a->size[AXES - a->space + d];
        if (a->space == 3)
            grid.dim[3] = at.dim[4] = 2;
        grid.dim[a->space + 1] = a->space;
        tp_tensor *in[2] = {tp_sample_tensor(s, scatters ? at : image, -1.9, 2.1),
                            tp_sample_tensor(s, grid, -1.27, 1.33)};
        tp_sample(s, a, 2, in);
    }
}
static void grid_sample_samples(tp_sampler *s) { samples_of(s, false); }
static void grid_scatter_samples(tp_sampler *s) { samples_of(s, true); }

/* clang-format off */
static const tp_op grid_sample_op = {
    .name = "grid_sample", .n_in = 2, .n_out = 1, .attr_size = sizeof(sampling),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES, .grad_name = "GridSampler2DBackward0",
    .infer = grid_sample_infer, .forward = grid_sample_forward, .vjp = grid_sample_vjp,
    .vjp_fused = grid_sample_vjp_fused, .samples = grid_sample_samples};
static const tp_op grid_scatter_op = {
    .name = "grid_scatter", .n_in = 2, .n_out = 1, .attr_size = sizeof(sampling),
    .flags = TP_OP_FORGETS_OUT | TP_OP_OVERWRITES,
    .infer = grid_scatter_infer, .forward = grid_scatter_forward, .vjp = grid_scatter_vjp,
    .vjp_fused = grid_scatter_vjp_fused, .samples = grid_scatter_samples};
/* clang-format on */

/* ---- the functions ---------------------------------------------------------------------------------------------- */

/* Do x and the grid go together? Otherwise T fails. */
static bool grid_fits(tp_tape *T, const tp_tensor *x, const tp_tensor *grid)
{
    int64_t volume = 1;
    bool fits = (x->ndim == 4 || x->ndim == 5) && grid->ndim == x->ndim && grid->shape[0] == x->shape[0] &&
                grid->shape[x->ndim - 1] == x->ndim - 2;
    for (int d = 2; fits && d < x->ndim; d++)
        fits = x->shape[d] > 0 && !__builtin_mul_overflow(volume, x->shape[d], &volume) && volume <= INT32_MAX;
    if (!tp_dtype_is_float(x->dtype) || grid->dtype != x->dtype)
        tp_fail(T, TP_EDTYPE, "grid_sample: x is %s, the grid %s; floats of one dtype are needed",
                tp_dtype_name(x->dtype), tp_dtype_name(grid->dtype));
    else if (!fits)
        tp_fail(T, TP_ESHAPE,
                "grid_sample: x is %s, the grid %s; [n, c, h, w] and [n, h2, w2, 2], or [n, c, d, h, w] and [n, d2, "
                "h2, w2, "
                "3], with 1 to 2^31 - 1 elements in a plane, are needed",
                TP__SHAPE(x), TP__SHAPE(grid));
    return tp__ok(T);
}

tp_tensor *tp_grid_sample(tp_tape *T, tp_tensor *x, tp_tensor *grid, const tp_grid_sample_options *options)
{
    tp_grid_sample_options o = options ? *options : (tp_grid_sample_options){.align_corners = false};
    if (!tp__usable(T, "grid_sample", x) || !tp__usable_input(T, "grid_sample", 1, grid) || !grid_fits(T, x, grid))
        return NULL;
    if ((unsigned)o.mode > TP_GRID_BICUBIC || (unsigned)o.padding > TP_GRID_REFLECTION ||
        (o.mode == TP_GRID_BICUBIC && x->ndim == 5)) {
        tp_fail(T, TP_EINVAL,
                "grid_sample: x is %s, mode %d, padding %d; a tp_grid_mode, bicubic of images alone, and a "
                "tp_grid_padding are needed",
                TP__SHAPE(x), (int)o.mode, (int)o.padding);
        return NULL;
    }
    sampling s = {o.mode, o.padding, o.align_corners, x->ndim - 2, {0, 0, 0}, {1, 1, 1}};
    for (int d = 0; d < s.space; d++)
        s.size[AXES - s.space + d] = x->shape[2 + d];
    return tp__apply2(T, &grid_sample_op, &s, x, grid);
}

/* Element i of n places from -1 to 1, at their middles or their ends; torch has 0 of a single one. */
static double coordinate(int64_t i, int64_t n, bool align_corners)
{
    double at = n > 1 ? -1 + 2 * (double)i / (double)(n - 1) : 0;
    return align_corners ? at : at * (double)(n - 1) / (double)n;
}

/* [points, space + 1]: x, y, (z,) 1 of each point of these sizes. */
static tp_tensor *points_of(tp_tape *T, tp_dtype dtype, int space, const int64_t *size, int64_t points,
                            bool align_corners)
{
    tp_tensor *base = tp_empty(T, dtype, (tp_dims){2, {points, space + 1}});
    char *at = base ? base->data : NULL;
    for (int64_t p = 0; base && p < points; p++) {
        int64_t rest = p;
        for (int d = 0; d <= space; d++, at += tp_dtype_size(dtype)) {
            int64_t n = d < space ? size[space - 1 - d] : 1;
            tp__store(at, dtype, d < space ? coordinate(rest % n, n, align_corners) : 1);
            rest /= n;
        }
    }
    return base;
}

tp_tensor *tp_affine_grid(tp_tape *T, tp_tensor *theta, tp_dims size, bool align_corners)
{
    TP__NAMED(T, "affine_grid");
    if (!tp__usable(T, "affine_grid", theta))
        return NULL;
    int space = size.ndim == 4 ? 2 : 3;
    int64_t points = 1;
    bool fits = size.ndim == space + 2 && theta->ndim == 3 && theta->shape[0] == size.dim[0] &&
                theta->shape[1] == space && theta->shape[2] == space + 1;
    for (int d = 0; fits && d < size.ndim; d++)
        fits = size.dim[d] > 0 && (d < 2 || !__builtin_mul_overflow(points, size.dim[d], &points));
    if (!tp_dtype_is_float(theta->dtype) || !fits) {
        tp_fail(T, fits ? TP_EDTYPE : TP_ESHAPE,
                "affine_grid: theta is %s of %s, the size %s; floats [n, 2, 3] and [n, c, h, w], or [n, 3, 4] and [n, "
                "c, d, h, "
                "w], all above 0, are needed",
                TP__SHAPE(theta), tp_dtype_name(theta->dtype), TP__DIMS(size));
        return NULL;
    }
    tp_dims shape = {space + 2, {size.dim[0]}};
    for (int d = 0; d < space; d++)
        shape.dim[1 + d] = size.dim[2 + d];
    shape.dim[space + 1] = space;
    tp_tensor *base = points_of(T, theta->dtype, space, size.dim + 2, points, align_corners);
    return tp_reshape(T, tp_matmul(T, base, tp_transpose(T, theta, 1, 2)), shape);
}

const tp_op *const tp__ops_grid_sample[] = {
#include TP__OPERATORS
    NULL};

#endif
#endif
