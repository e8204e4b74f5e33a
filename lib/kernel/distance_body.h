/* distance_body.h - see vec_distance.c: REAL and NAME are the type at hand and its suffix. */

static ALWAYS_INLINE REAL NAME(size)(REAL x) { return x < 0 ? -x : x; }

static ALWAYS_INLINE REAL NAME(larger)(REAL a, REAL b) { return b > a || b != b ? b : a; }

/* to[k][w] = x[first + w][k], repeating the last row where there are no more. */
static void NAME(transpose)(const REAL *x, int64_t rows, int64_t d, int64_t first, int64_t from, int64_t deep,
                            REAL to[DEEP][WIDE])
{
    for (int w = 0; w < WIDE; w++) {
        const REAL *row = x + (first + w < rows ? first + w : rows - 1) * d + from;
        for (int64_t k = 0; k < deep; k++)
            to[k][w] = row[k];
    }
}

/* ---- forward ------------------------------------------------------------------------------------------------------ */

/* acc[w] and the terms of a stretch of elements, added up by themselves first: rounding errors grow with the number of
 * stretches and with their length, not with the product. */
static ALWAYS_INLINE void NAME(gather)(const tp__metric metric, int64_t deep, const REAL *restrict a,
                                       REAL b[restrict DEEP][WIDE], REAL *restrict acc)
{
    REAL sum[WIDE];
    for (int w = 0; w < WIDE; w++)
        sum[w] = 0;
    for (int64_t k = 0; k < deep; k++)
        for (int w = 0; w < WIDE; w++) {
            REAL x = a[k] - b[k][w];
            if (metric == TP__EUCLID)
                sum[w] += x * x;
            else if (metric == TP__TAXICAB)
                sum[w] += NAME(size)(x);
            else if (metric == TP__LARGEST)
                sum[w] = NAME(larger)(sum[w], NAME(size)(x));
            else
                sum[w] += x != 0 ? (REAL)1 : (REAL)0;
        }
    for (int w = 0; w < WIDE; w++)
        acc[w] = metric == TP__LARGEST ? NAME(larger)(acc[w], sum[w]) : acc[w] + sum[w];
}

static NEVER_INLINE void NAME(gather_powers)(const tp__distances *t, int64_t deep, const REAL *a, REAL b[DEEP][WIDE],
                                             REAL *acc)
{
    REAL size[DEEP][WIDE], power[DEEP][WIDE], sum[WIDE] = {0};
    for (int64_t k = 0; k < deep; k++)
        for (int w = 0; w < WIDE; w++)
            size[k][w] = NAME(size)(a[k] - b[k][w]);
    t->power(deep * WIDE, power, (const void *[1]){size}, &t->p);
    for (int64_t k = 0; k < deep; k++)
        for (int w = 0; w < WIDE; w++)
            sum[w] += power[k][w];
    for (int w = 0; w < WIDE; w++)
        acc[w] += sum[w];
}

static void NAME(gather_row)(const tp__distances *t, int64_t deep, const REAL *a, REAL b[DEEP][WIDE], REAL *acc)
{
    switch (t->metric) {
    case TP__COUNT:
        NAME(gather)(TP__COUNT, deep, a, b, acc);
        break;
    case TP__TAXICAB:
        NAME(gather)(TP__TAXICAB, deep, a, b, acc);
        break;
    case TP__EUCLID:
        NAME(gather)(TP__EUCLID, deep, a, b, acc);
        break;
    case TP__LARGEST:
        NAME(gather)(TP__LARGEST, deep, a, b, acc);
        break;
    default:
        NAME(gather_powers)(t, deep, a, b, acc);
    }
}

/* A distance whose powers left the range: of differences divided by the largest. */
static REAL NAME(scaled)(const tp__distances *t, const REAL *a, const REAL *b)
{
    double top = 0, sum = 0;
    for (int64_t k = 0; k < t->d; k++) {
        double x = fabs((double)a[k] - (double)b[k]);
        top = x > top || x != x ? x : top;
    }
    if (!(top > 0 && top < (double)INFINITY))
        return (REAL)top;
    for (int64_t k = 0; k < t->d; k++) {
        double x = fabs((double)a[k] - (double)b[k]) / top;
        sum += t->metric == TP__EUCLID ? x * x : pow(x, t->p);
    }
    double half = t->metric == TP__EUCLID ? sqrt(sqrt(sum)) : pow(sum, 0.5 / t->p); /* half top may be in range alone */
    return (REAL)(half * top * half);
}

static ALWAYS_INLINE int NAME(is_sound)(REAL sum) { return (sum >= LEAST_SUM) & (sum < (REAL)INFINITY); }

/* The distances from row a to the `width` rows from b on, of the sums. */
static void NAME(finish)(const tp__distances *t, const REAL *a, const REAL *b, int64_t width, const REAL *restrict sum,
                         REAL *restrict y)
{
    const double root = 1 / t->p;
    int sound = 1;
    if (t->metric != TP__EUCLID && t->metric != TP__ANY_ORDER) {
        memcpy(y, sum, (size_t)width * sizeof *y);
        return;
    }
    if (t->metric == TP__ANY_ORDER)
        t->power(width, y, (const void *[1]){sum}, &root);
    else
        for (int64_t w = 0; w < width; w++)
            y[w] = FN(sqrt)(sum[w]);
    for (int64_t w = 0; w < width; w++)
        sound &= NAME(is_sound)(sum[w]);
    for (int64_t w = 0; w < width && !sound; w++)
        if (!NAME(is_sound)(sum[w]))
            y[w] = NAME(scaled)(t, a, b + w * t->d);
}

/* Rows [i, stop) of one pair of matrices beside the columns from j on. */
static void NAME(tile)(const tp__distances *t, const REAL *a, const REAL *b, int64_t i, int64_t stop, int64_t j,
                       REAL *y)
{
    REAL other[DEEP][WIDE], acc[ROWS][WIDE];
    int64_t end = t->m - j < WIDE ? t->m : j + WIDE;
    memset(acc, 0, sizeof acc);
    for (int64_t k = 0; k < t->d; k += DEEP) {
        int64_t deep = t->d - k < DEEP ? t->d - k : DEEP;
        NAME(transpose)(b, t->m, t->d, j, k, deep, other);
        for (int64_t r = i; r < stop; r++)
            NAME(gather_row)(t, deep, a + r * t->d + k, other, acc[r - i]);
    }
    for (int64_t r = i; r < stop; r++) {
        int64_t first = t->triangle && j <= r ? r + 1 : j, at = t->triangle ? pair_at(t->n, r, first) : r * t->m + j;
        if (first < end)
            NAME(finish)(t, a + r * t->d, b + first * t->d, end - first, acc[r - i] + (first - j), y + at);
    }
}

static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const tp__distances *t = user;
    const int64_t blocks = (t->n + ROWS - 1) / ROWS;
    for (int64_t k = begin; k < end; k++) {
        int64_t batch = k / blocks, i = k % blocks * ROWS, stop = t->n - i < ROWS ? t->n : i + ROWS;
        const REAL *a = (const REAL *)t->a + batch * t->n * t->d, *b = (const REAL *)t->b + batch * t->m * t->d;
        for (int64_t j = t->triangle ? i : 0; j < t->m; j += WIDE)
            NAME(tile)(t, a, b, i, stop, j, (REAL *)t->y + batch * t->n * t->m);
    }
}

/* ---- backward ------------------------------------------------------------------------------------------------------ */

/* Gradients flow to a row of b from all rows of a, whose distances to WIDE neighbours lie side by side in y: these are worked on
 * beside each other. To a row of a they flow from all rows of b, and it is the partners that lie side by side. In a triangle
 * a row has partners of both kinds.
 *
 * Gradients and distances of some pairs: g is 0 where the distance is, which is 1 there; tame: the distances are Euclid's,
 * and g is divided by them already. */

/* 0 where x is 0 or can be multiplied three times, otherwise 1. */
static ALWAYS_INLINE REAL NAME(wildness)(REAL x)
{
    REAL size = x == 0 ? 1 : NAME(size)(x), low = size >= 1 / MOST ? (REAL)0 : 1;
    return size <= MOST ? low : 1;
}

static ALWAYS_INLINE REAL NAME(total)(REAL lane[LANES])
{
    for (int l = 0; l < LANES / 2; l++)
        lane[l] += lane[l + LANES / 2];
    for (int l = 0; l < LANES / 4; l++)
        lane[l] += lane[l + LANES / 4];
    return (lane[0] + lane[2]) + (lane[1] + lane[3]);
}

/* The gradient and the distance of a pair, 0 and 1 where it is 0; returns 0 where they are tame. */
static ALWAYS_INLINE REAL NAME(take)(REAL slope, REAL size, REAL *g, REAL *y)
{
    slope = size == 0 ? 0 : slope;
    size = size == 0 ? 1 : size;
    *g = slope;
    *y = size;
    return NAME(wildness)(size) + NAME(wildness)(slope);
}

/* Those of n pairs, of which [first, first + count) are there, from `from` elements on in memory. */
static REAL NAME(settle)(const tp__distances *t, int64_t from, int64_t first, int64_t count, int64_t n,
                         REAL *restrict g, REAL *restrict y)
{
    const REAL *in_g = (const REAL *)t->g + from, *in_y = (const REAL *)t->y + from;
    REAL wild[LANES], all = 0;
    int64_t k = 0;
    for (int64_t q = 0; q < n && count < n; q++) {
        g[q] = 0;
        y[q] = 1;
    }
    for (int l = 0; l < LANES; l++)
        wild[l] = 0;
    g += first;
    y += first;
    for (; k + LANES <= count; k += LANES)
        for (int l = 0; l < LANES; l++)
            wild[l] += NAME(take)(in_g[k + l], in_y[k + l], &g[k + l], &y[k + l]);
    for (; k < count; k++)
        all += NAME(take)(in_g[k], in_y[k], &g[k], &y[k]);
    return all + NAME(total)(wild);
}

static void NAME(divide)(int64_t n, REAL *restrict g, const REAL *restrict y)
{
    for (int64_t k = 0; k < n; k++)
        g[k] /= y[k];
}

/* What x - z gets of the gradient g of their distance y, but for orders that need powers. */
static ALWAYS_INLINE REAL NAME(slope)(const tp__metric metric, const bool tame, REAL x, REAL z, REAL g, REAL y)
{
    REAL by = x - z;
    if (metric == TP__EUCLID)
        return tame ? by * g : by / y * g;
    if (metric == TP__LARGEST)
        g = NAME(size)(by) == y ? g : 0;
    return by > 0 ? g : by < 0 ? -g : 0;
}

/* slope = sign(x - z) (|x - z| / y)^(p-1) g of n pairs, x and z of each or one for all */
static void NAME(power_slopes)(const tp__distances *t, int64_t n, const REAL *x, int64_t x_step, const REAL *z,
                               int64_t z_step, const REAL *g, const REAL *y, REAL *slope)
{
    REAL share[WIDE], power[WIDE];
    const double order = t->p - 1;
    for (int64_t k = 0; k < n; k++) {
        REAL by = NAME(size)(x[k * x_step] - z[k * z_step]);
        share[k] = by == 0 || g[k] == 0 ? 1 : by / y[k]; /* who is not there may have any element, and g 0 */
    }
    t->power(n, power, (const void *[1]){share}, &order);
    for (int64_t k = 0; k < n; k++) {
        REAL by = x[k * x_step] - z[k * z_step], s = power[k] * g[k];
        slope[k] = by > 0 ? s : by < 0 ? -s : by;
    }
}

/* ---- rows beside each other ---- */

typedef struct {
    REAL g[ROWS][WIDE], y[ROWS][WIDE];
    int64_t partners;
    bool tame;
} NAME(pairs);

/* Of rows [i, i + WIDE) and the partners from j on; in a triangle, of those before them. */
static void NAME(meet)(const tp__distances *t, int64_t i, int64_t j, int64_t batch, NAME(pairs) * s)
{
    const int64_t offset = batch * t->n * t->m, width = t->m - i < WIDE ? t->m - i : WIDE;
    REAL wild = 0;
    for (int64_t q = 0; q < s->partners; q++) {
        int64_t first = t->triangle && j + q >= i ? j + q - i + 1 : 0, count = first < width ? width - first : 0;
        int64_t at = offset + (t->triangle ? pair_at(t->n, j + q, i + first) : (j + q) * t->m + i);
        int64_t later = at +
                        ROWS * (t->triangle ? t->n - j - q - 1 - ROWS / 2 : t->m); /* of partner q + ROWS, nearly */
        tp__prefetch(t->g, later, WIDE, sizeof(REAL));
        tp__prefetch(t->y, later, WIDE, sizeof(REAL));
        wild += NAME(settle)(t, at, first, count, WIDE, s->g[q], s->y[q]);
    }
    s->tame = t->metric == TP__EUCLID && wild == 0;
    if (s->tame)
        NAME(divide)(s->partners * WIDE, s->g[0], s->y[0]);
}

/* acc[w] += the slopes at x[w] - z, z from partner to partner d elements on. */
static ALWAYS_INLINE void NAME(slopes)(const tp__metric metric, const bool tame, const NAME(pairs) * s,
                                       const REAL *restrict x, const REAL *restrict z, int64_t d, REAL *restrict acc)
{
    REAL sum[WIDE];
    for (int w = 0; w < WIDE; w++)
        sum[w] = 0;
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++)
            sum[w] += NAME(slope)(metric, tame, x[w], z[q * d], s->g[q][w], s->y[q][w]);
    for (int w = 0; w < WIDE; w++)
        acc[w] += sum[w];
}

static NEVER_INLINE void NAME(slopes_by_power)(const tp__distances *t, const NAME(pairs) * s, const REAL *x,
                                               const REAL *z, REAL *acc)
{
    REAL slope[WIDE], sum[WIDE] = {0};
    for (int64_t q = 0; q < s->partners; q++) {
        NAME(power_slopes)(t, WIDE, x, 1, z + q * t->d, 0, s->g[q], s->y[q], slope);
        for (int w = 0; w < WIDE; w++)
            sum[w] += slope[w];
    }
    for (int w = 0; w < WIDE; w++)
        acc[w] += sum[w];
}

static void NAME(slopes_of)(const tp__distances *t, const NAME(pairs) * s, const REAL *x, const REAL *z, REAL *acc)
{
    if (t->metric == TP__EUCLID && s->tame)
        NAME(slopes)(TP__EUCLID, true, s, x, z, t->d, acc);
    else if (t->metric == TP__EUCLID)
        NAME(slopes)(TP__EUCLID, false, s, x, z, t->d, acc);
    else if (t->metric == TP__TAXICAB)
        NAME(slopes)(TP__TAXICAB, false, s, x, z, t->d, acc);
    else if (t->metric == TP__LARGEST)
        NAME(slopes)(TP__LARGEST, false, s, x, z, t->d, acc);
    else if (t->metric == TP__ANY_ORDER)
        NAME(slopes_by_power)(t, s, x, z, acc);
}

/* acc [deep][WIDE] += what rows [i, i + WIDE) of b get, of their elements from `from` on. */
static NEVER_INLINE void NAME(gather_beside)(const tp__distances *t, int64_t batch, int64_t i, int64_t from,
                                             int64_t deep, REAL acc[DEEP][WIDE])
{
    const REAL *z = (const REAL *)t->a + batch * t->n * t->d + from, *x = (const REAL *)t->b + batch * t->m * t->d;
    const int64_t partners = t->triangle && i + WIDE < t->n ? i + WIDE : t->n;
    REAL own[DEEP][WIDE];
    NAME(pairs) s;
    NAME(transpose)(x, t->m, t->d, i, from, deep, own);
    for (int64_t j = 0; j < partners; j += ROWS) {
        s.partners = partners - j < ROWS ? partners - j : ROWS;
        NAME(meet)(t, i, j, batch, &s);
        for (int64_t k = 0; k < deep; k++)
            NAME(slopes_of)(t, &s, own[k], z + j * t->d + k, acc[k]);
    }
}

/* ---- partners beside each other ---- */

typedef struct {
    REAL z[DEEP][MANY];    /* partners, transposed; the last one again where there are no more */
    REAL g[MANY], y[MANY]; /* of one row and them */
    int64_t count, whole;  /* of partners; the same in whole lanes */
    bool tame;
} NAME(crowd);

/* Calls the partners from j on. */
static void NAME(call)(const tp__distances *t, const REAL *b, int64_t j, int64_t from, int64_t deep, NAME(crowd) * c)
{
    c->count = t->m - j < MANY ? t->m - j : MANY;
    c->whole = (c->count + LANES - 1) / LANES * LANES;
    for (int64_t q = 0; q < c->whole; q++) {
        const REAL *row = b + (j + (q < c->count ? q : c->count - 1)) * t->d + from;
        for (int64_t k = 0; k < deep; k++)
            c->z[k][q] = row[k];
    }
}

/* The pairs of row i and the crowd, which is the partners from j on; in a triangle, those after the row. */
static void NAME(face)(const tp__distances *t, int64_t i, int64_t j, int64_t batch, NAME(crowd) * c)
{
    int64_t first = t->triangle && i >= j ? i - j + 1 : 0, count = first < c->count ? c->count - first : 0;
    int64_t at = batch * t->n * t->m + (t->triangle ? pair_at(t->n, i, j + first) : i * t->m + j);
    REAL wild = NAME(settle)(t, at, first, count, c->whole, c->g, c->y);
    c->tame = t->metric == TP__EUCLID && wild == 0;
    if (c->tame)
        NAME(divide)(c->whole, c->g, c->y);
}

/* The sum of the slopes at x - z. */
static ALWAYS_INLINE REAL NAME(sum_slopes)(const tp__metric metric, const bool tame, const NAME(crowd) * c, REAL x,
                                           const REAL *restrict z)
{
    REAL sum[LANES];
    for (int l = 0; l < LANES; l++)
        sum[l] = 0;
    for (int64_t q = 0; q < c->whole; q += LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += NAME(slope)(metric, tame, x, z[q + l], c->g[q + l], c->y[q + l]);
    return NAME(total)(sum);
}

static NEVER_INLINE REAL NAME(sum_by_power)(const tp__distances *t, const NAME(crowd) * c, REAL x, const REAL *z)
{
    REAL slope[WIDE], all = 0;
    for (int64_t q = 0; q < c->whole; q += WIDE) {
        int64_t n = c->whole - q < WIDE ? c->whole - q : WIDE;
        NAME(power_slopes)(t, n, &x, 0, z + q, 1, c->g + q, c->y + q, slope);
        REAL sum = 0;
        for (int64_t w = 0; w < n; w++)
            sum += slope[w];
        all += sum;
    }
    return all;
}

static REAL NAME(sum_of)(const tp__distances *t, const NAME(crowd) * c, REAL x, const REAL *z)
{
    if (t->metric == TP__EUCLID)
        return c->tame ? NAME(sum_slopes)(TP__EUCLID, true, c, x, z) : NAME(sum_slopes)(TP__EUCLID, false, c, x, z);
    if (t->metric == TP__TAXICAB)
        return NAME(sum_slopes)(TP__TAXICAB, false, c, x, z);
    if (t->metric == TP__LARGEST)
        return NAME(sum_slopes)(TP__LARGEST, false, c, x, z);
    return t->metric == TP__ANY_ORDER ? NAME(sum_by_power)(t, c, x, z) : 0;
}

/* acc [deep][WIDE] += what rows [i, i + WIDE) of a get, of their elements from `from` on. */
static NEVER_INLINE void NAME(gather_across)(const tp__distances *t, int64_t batch, int64_t i, int64_t from,
                                             int64_t deep, REAL acc[DEEP][WIDE])
{
    const REAL *a = (const REAL *)t->a + batch * t->n * t->d + from, *b = (const REAL *)t->b + batch * t->m * t->d;
    const int64_t stop = t->n - i < WIDE ? t->n : i + WIDE;
    NAME(crowd) c;
    for (int64_t j = t->triangle ? i + 1 : 0; j < t->m; j += MANY) {
        NAME(call)(t, b, j, from, deep, &c);
        for (int64_t r = i; r < stop; r++) {
            NAME(face)(t, r, j, batch, &c);
            for (int64_t k = 0; k < deep; k++)
                acc[k][r - i] += NAME(sum_of)(t, &c, a[r * t->d + k], c.z[k]);
        }
    }
}

/* Elements [from, from + deep) of the gradients of rows [i, i + WIDE). */
static void NAME(backward_rows)(const tp__distances *t, int64_t batch, int64_t i, int64_t from, int64_t deep)
{
    const int64_t rows = t->of_b ? t->m : t->n;
    REAL acc[DEEP][WIDE], *gx = (REAL *)t->gx + batch * rows * t->d + from;
    memset(acc, 0, sizeof acc);
    if (t->of_b || t->triangle)
        NAME(gather_beside)(t, batch, i, from, deep, acc);
    if (!t->of_b)
        NAME(gather_across)(t, batch, i, from, deep, acc);
    for (int64_t w = 0; w < WIDE && i + w < rows; w++)
        for (int64_t k = 0; k < deep; k++)
            gx[(i + w) * t->d + k] = acc[k][w] + (t->accumulate ? gx[(i + w) * t->d + k] : 0);
}

static void NAME(backward)(int64_t begin, int64_t end, void *user)
{
    const tp__distances *t = user;
    const int64_t blocks = ((t->of_b ? t->m : t->n) + WIDE - 1) / WIDE;
    for (int64_t k = begin; k < end; k++)
        for (int64_t from = 0; from < t->d; from += DEEP)
            NAME(backward_rows)(t, k / blocks, k % blocks * WIDE, from, t->d - from < DEEP ? t->d - from : DEEP);
}
