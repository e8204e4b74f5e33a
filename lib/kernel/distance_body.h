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
            y[w] = ROOT(sum[w]);
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

/* Gradients and distances of a block of rows of x and some partners: g is 0 where the distance is, which is 1 there; `tame`:
 * the distances are Euclid's, and g is divided by them already. */
typedef struct {
    REAL g[ROWS][WIDE], y[ROWS][WIDE];
    int64_t partners;
    bool tame;
} NAME(pairs);

static ALWAYS_INLINE int NAME(is_wild)(REAL x)
{
    REAL size = NAME(size)(x);
    return !((size <= MOST) & (size >= 1 / MOST)) & (size != 0);
}

/* Where y has the distance of row i and partner j; -1: it is not there. */
static int64_t NAME(place)(const tp__distances *t, int64_t i, int64_t j)
{
    if (t->triangle)
        return i < j ? pair_at(t->n, i, j) : j < i ? pair_at(t->n, j, i) : -1;
    return t->of_b ? j * t->m + i : i * t->m + j;
}

/* By whichever index is the inner one in memory. */
static void NAME(fetch)(const tp__distances *t, int64_t i, int64_t rows, int64_t j, const REAL *restrict of,
                        int64_t partners, REAL to[restrict ROWS][WIDE])
{
    const int64_t width = rows - i < WIDE ? rows - i : WIDE;
    if (t->of_b || (t->triangle && j + partners <= i)) {
        for (int64_t q = 0; q < partners; q++)
            memcpy(to[q], of + NAME(place)(t, i, j + q), (size_t)width * sizeof(REAL));
    } else if (!t->triangle || i + WIDE <= j) {
        for (int64_t w = 0; w < width; w++) {
            const REAL *row = of + NAME(place)(t, i + w, j);
            for (int64_t q = 0; q < partners; q++)
                to[q][w] = row[q];
        }
    } else {
        for (int64_t q = 0; q < partners; q++)
            for (int64_t w = 0; w < width; w++) {
                int64_t at = NAME(place)(t, i + w, j + q);
                to[q][w] = at < 0 ? 0 : of[at];
            }
    }
}

static void NAME(meet)(const tp__distances *t, int64_t i, int64_t rows, int64_t j, int64_t batch, NAME(pairs) * s)
{
    const int64_t offset = batch * t->n * t->m;
    int wild = t->metric != TP__EUCLID;
    if (i + WIDE > rows) {
        memset(s->g, 0, sizeof s->g);
        memset(s->y, 0, sizeof s->y);
    }
    NAME(fetch)(t, i, rows, j, (const REAL *)t->g + offset, s->partners, s->g);
    NAME(fetch)(t, i, rows, j, (const REAL *)t->y + offset, s->partners, s->y);
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++) {
            REAL y = s->y[q][w], g = y == 0 ? 0 : s->g[q][w];
            s->y[q][w] = y = y == 0 ? 1 : y;
            s->g[q][w] = g;
            wild |= NAME(is_wild)(y) | NAME(is_wild)(g);
        }
    s->tame = !wild;
    for (int64_t q = 0; q < s->partners && s->tame; q++)
        for (int w = 0; w < WIDE; w++)
            s->g[q][w] /= s->y[q][w];
}

/* acc[w] += the slope of the distances at x[w] - z, z from partner to partner d elements on, times g. */
static ALWAYS_INLINE void NAME(slopes)(const tp__metric metric, const bool tame, const NAME(pairs) * s,
                                       const REAL *restrict x, const REAL *restrict z, int64_t d, REAL *restrict acc)
{
    REAL sum[WIDE];
    for (int w = 0; w < WIDE; w++)
        sum[w] = 0;
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++) {
            REAL by = x[w] - z[q * d], g = s->g[q][w];
            if (metric == TP__EUCLID)
                sum[w] += tame ? by * g : by / s->y[q][w] * g;
            else if (metric == TP__LARGEST)
                g = NAME(size)(by) == s->y[q][w] ? g : 0;
            if (metric != TP__EUCLID)
                sum[w] += by > 0 ? g : by < 0 ? -g : 0;
        }
    for (int w = 0; w < WIDE; w++)
        acc[w] += sum[w];
}

/* sign(x - z) (|x - z| / y)^(p-1) g */
static NEVER_INLINE void NAME(power_slopes)(const tp__distances *t, const NAME(pairs) * s, const REAL *x, const REAL *z,
                                            REAL *acc)
{
    REAL share[ROWS][WIDE], power[ROWS][WIDE], sum[WIDE] = {0};
    const double order = t->p - 1;
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++) {
            REAL by = NAME(size)(x[w] - z[q * t->d]);
            share[q][w] = by == 0 ? 1 : by / s->y[q][w];
        }
    t->power(s->partners * WIDE, power, (const void *[1]){share}, &order);
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++) {
            REAL by = x[w] - z[q * t->d], slope = power[q][w] * s->g[q][w];
            sum[w] += by > 0 ? slope : by < 0 ? -slope : by;
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
        NAME(power_slopes)(t, s, x, z, acc);
}

/* Elements [from, from + deep) of the gradients of rows [i, i + WIDE). */
static void NAME(backward_rows)(const tp__distances *t, int64_t batch, int64_t i, int64_t from, int64_t deep)
{
    const int64_t rows = t->of_b ? t->m : t->n, partners = t->of_b ? t->n : t->m;
    const REAL *a = (const REAL *)t->a + batch * t->n * t->d, *b = (const REAL *)t->b + batch * t->m * t->d;
    const REAL *x = t->of_b ? b : a, *z = (t->of_b ? a : b) + from;
    REAL own[DEEP][WIDE], acc[DEEP][WIDE], *gx = (REAL *)t->gx + batch * rows * t->d + from;
    NAME(pairs) s;
    memset(acc, 0, sizeof acc);
    NAME(transpose)(x, rows, t->d, i, from, deep, own);
    for (int64_t j = 0; j < partners; j += ROWS) {
        s.partners = partners - j < ROWS ? partners - j : ROWS;
        NAME(meet)(t, i, rows, j, batch, &s);
        for (int64_t k = 0; k < deep; k++)
            NAME(slopes_of)(t, &s, own[k], z + j * t->d + k, acc[k]);
    }
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
