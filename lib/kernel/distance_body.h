/* distance_body.h - see vec_distance.c: REAL and NAME are the type at hand and its suffix. */

typedef REAL NAME(lanes) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));
typedef SIGNED NAME(masks) __attribute__((vector_size(VECTOR), aligned(sizeof(REAL)), may_alias));
typedef REAL NAME(few) __attribute__((vector_size(FEW * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
enum { NAME(LANES) = VECTOR / sizeof(REAL), NAME(LINES) = WIDE / NAME(LANES), NAME(MANY) = FACED / sizeof(REAL) };

static ALWAYS_INLINE REAL NAME(size)(REAL x) { return x < 0 ? -x : x; }

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

/* *sum takes in the terms of the differences x. */
static ALWAYS_INLINE void NAME(take_in)(const tp__metric metric, NAME(lanes) x, NAME(lanes) * sum)
{
    const NAME(lanes) zero = {0};
    NAME(lanes) size = (NAME(lanes))((NAME(masks))x & ~(NAME(masks))(-zero));
    if (metric == TP__EUCLID)
        *sum += x * x;
    else if (metric == TP__TAXICAB)
        *sum += size;
    else if (metric == TP__COUNT)
        *sum += (NAME(lanes))((NAME(masks))(zero + 1) & (x != zero));
    else {
        NAME(masks) larger = (size > *sum) | (size != size);
        *sum = (NAME(lanes))(((NAME(masks))size & larger) | ((NAME(masks)) * sum & ~larger));
    }
}

/* sum[w] of the terms of a stretch of elements, which are added up by themselves: rounding errors grow with the number of
 * stretches and with their length, not with the product. */
static ALWAYS_INLINE void NAME(add_up)(const tp__metric metric, int64_t deep, const REAL *a, REAL b[DEEP][WIDE],
                                       NAME(lanes) *restrict sum)
{
    NAME(lanes) s[NAME(LINES)] = {{0}};
    for (int64_t k = 0; k < deep; k++)
        for (int v = 0; v < NAME(LINES); v++)
            NAME(take_in)(metric, a[k] - *(const NAME(lanes) *)&b[k][v * NAME(LANES)], &s[v]);
    for (int v = 0; v < NAME(LINES); v++)
        sum[v] = s[v];
}

/* Rows a of t->d elements, the stretch of so many from `from` on: acc takes in what a stretch adds up to. */
static ALWAYS_INLINE void NAME(gather)(const tp__metric metric, const tp__distances *t, int64_t rows, int64_t deep,
                                       const REAL *a, REAL b[DEEP][WIDE], REAL acc[][WIDE])
{
    for (int64_t r = 0; r < rows; r++) {
        NAME(lanes) sum[NAME(LINES)];
        NAME(add_up)(metric, deep, a + r * t->d, b, sum);
        for (int v = 0; v < NAME(LINES); v++) {
            NAME(lanes) *to = (NAME(lanes) *)&acc[r][v * NAME(LANES)];
            if (metric == TP__LARGEST)
                NAME(take_in)(metric, sum[v], to);
            else
                *to += sum[v];
        }
    }
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

static void NAME(gather_rows)(const tp__distances *t, int64_t rows, int64_t deep, const REAL *a, REAL b[DEEP][WIDE],
                              REAL acc[][WIDE])
{
    switch (t->metric) {
    case TP__COUNT:
        NAME(gather)(TP__COUNT, t, rows, deep, a, b, acc);
        break;
    case TP__TAXICAB:
        NAME(gather)(TP__TAXICAB, t, rows, deep, a, b, acc);
        break;
    case TP__EUCLID:
        NAME(gather)(TP__EUCLID, t, rows, deep, a, b, acc);
        break;
    case TP__LARGEST:
        NAME(gather)(TP__LARGEST, t, rows, deep, a, b, acc);
        break;
    default:
        for (int64_t r = 0; r < rows; r++)
            NAME(gather_powers)(t, deep, a + r * t->d, b, acc[r]);
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

/* y = sqrt(sum); are they all sound? */
static ALWAYS_INLINE bool NAME(roots)(int64_t width, const REAL *restrict sum, REAL *restrict y)
{
    SIGNED sound = 1;
    for (int64_t w = 0; w < width; w++) {
        y[w] = FN(sqrt)(sum[w]);
        sound &= NAME(is_sound)(sum[w]);
    }
    return sound;
}

/* The distances from row a to the `width` rows from b on, of the sums. */
static void NAME(finish)(const tp__distances *t, const REAL *a, const REAL *b, int64_t width, const REAL *restrict sum,
                         REAL *restrict y)
{
    const double root = 1 / t->p;
    if (t->metric != TP__EUCLID && t->metric != TP__ANY_ORDER) {
        memcpy(y, sum, (size_t)width * sizeof *y);
        return;
    }
    if (t->metric == TP__ANY_ORDER)
        t->power(width, y, (const void *[1]){sum}, &root);
    else if (width == WIDE ? NAME(roots)(WIDE, sum, y) : NAME(roots)(width, sum, y))
        return;
    for (int64_t w = 0; w < width; w++)
        if (!NAME(is_sound)(sum[w]))
            y[w] = NAME(scaled)(t, a, b + w * t->d);
}

/* Rows [i, stop) of one pair of matrices beside the columns from j on. */
static void NAME(tile)(const tp__distances *t, const REAL *a, const REAL *b, int64_t i, int64_t stop, int64_t j,
                       REAL *y)
{
    REAL other[DEEP][WIDE], acc[TALL][WIDE];
    int64_t end = t->m - j < WIDE ? t->m : j + WIDE;
    memset(acc, 0, (size_t)(stop - i) * sizeof *acc);
    for (int64_t k = 0; k < t->d; k += DEEP) {
        int64_t deep = t->d - k < DEEP ? t->d - k : DEEP;
        NAME(transpose)(b, t->m, t->d, j, k, deep, other);
        NAME(gather_rows)(t, stop - i, deep, a + i * t->d + k, other, acc);
    }
    for (int64_t r = i; r < stop; r++) {
        int64_t first = t->triangle && j <= r ? r + 1 : j, at = t->triangle ? pair_at(t->n, r, first) : r * t->m + j;
        if (first < end)
            NAME(finish)(t, a + r * t->d, b + first * t->d, end - first, acc[r - i] + (first - j), y + at);
    }
}

/* Blocks that follow each other in one matrix go together, up to TALL rows: what they meet is transposed once. */
static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const tp__distances *t = user;
    const int64_t blocks = (t->n + ROWS - 1) / ROWS;
    for (int64_t k = begin, some; k < end; k += some) {
        int64_t batch = k / blocks, i = k % blocks * ROWS;
        some = end - k < blocks - k % blocks ? end - k : blocks - k % blocks;
        some = some < TALL / ROWS ? some : TALL / ROWS;
        const REAL *a = (const REAL *)t->a + batch * t->n * t->d, *b = (const REAL *)t->b + batch * t->m * t->d;
        int64_t stop = t->n - i < some * ROWS ? t->n : i + some * ROWS;
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
 * and g is divided by them already, y not there. */

/* Pairs that lie side by side, as they are in memory. */
typedef struct {
    const REAL *g, *y;
} NAME(row);

/* WIDE pairs, of which those of [first, first + count) are there, from `at` on; if not all are, in the buffers. */
static ALWAYS_INLINE NAME(row)
    NAME(look)(const tp__distances *t, int64_t at, int64_t first, int64_t count, REAL *restrict g, REAL *restrict y)
{
    NAME(row) row = {(const REAL *)t->g + at, (const REAL *)t->y + at};
    if (count == WIDE)
        return row;
    for (int64_t k = 0; k < WIDE; k++) {
        bool there = k >= first && k < first + count;
        g[k] = there ? row.g[k - first] : 0;
        y[k] = there ? row.y[k - first] : 1;
    }
    return (NAME(row)){g, y};
}

/* The signs of *wild become set where x is neither 0 nor between 1 / MOST and MOST, that is, cannot be multiplied three times,
 * or divided. */
static ALWAYS_INLINE void NAME(look_for_wild)(NAME(lanes) x, NAME(masks) * wild)
{
    const NAME(lanes) zero = {0};
    const NAME(masks) most = (NAME(masks))(zero + MOST), least = (NAME(masks))(zero + 1 / MOST);
    NAME(masks) size = (NAME(masks))x & ~(NAME(masks))(-zero);
    *wild |= (most - size) | ((size - least) & -size);
}

static ALWAYS_INLINE void NAME(look_through)(NAME(row) row, NAME(masks) wild[NAME(LINES)])
{
    for (int v = 0; v < NAME(LINES); v++) {
        NAME(look_for_wild)(*(const NAME(lanes) *)(row.g + v * NAME(LANES)), &wild[v]);
        NAME(look_for_wild)(*(const NAME(lanes) *)(row.y + v * NAME(LANES)), &wild[v]);
    }
}

static bool NAME(none)(const NAME(masks) wild[NAME(LINES)])
{
    SIGNED all = 0;
    for (int v = 0; v < NAME(LINES); v++)
        for (int l = 0; l < NAME(LANES); l++)
            all |= wild[v][l];
    return all >= 0;
}

static ALWAYS_INLINE void NAME(settle)(const bool divided, NAME(row) row, REAL *g, REAL *y)
{
    const NAME(lanes) zero = {0};
    for (int k = 0; k < WIDE; k += NAME(LANES)) {
        NAME(lanes) slope = *(const NAME(lanes) *)(row.g + k), size = *(const NAME(lanes) *)(row.y + k);
        NAME(masks) none = size == zero;
        slope = (NAME(lanes))((NAME(masks))slope & ~none);
        size = (NAME(lanes))((NAME(masks))size | ((NAME(masks))(zero + 1) & none));
        if (divided)
            slope /= size;
        else
            *(NAME(lanes) *)(y + k) = size;
        *(NAME(lanes) *)(g + k) = slope;
    }
}

/* Rows of pairs into g and y [rows, WIDE], which they may lie in already; returns whether they are tame. */
static ALWAYS_INLINE bool NAME(take)(const tp__distances *t, int64_t rows, const NAME(row) * row,
                                     const NAME(masks) * wild, REAL *g, REAL *y)
{
    bool tame = t->metric == TP__EUCLID && NAME(none)(wild);
    for (int64_t q = 0; q < rows; q++)
        if (tame)
            NAME(settle)(true, row[q], g + q * WIDE, y + q * WIDE);
        else
            NAME(settle)(false, row[q], g + q * WIDE, y + q * WIDE);
    return tame;
}

/* What x - z gets of the gradient g of their distance y, but for orders that need powers. */
static ALWAYS_INLINE REAL NAME(slope)(const tp__metric metric, REAL x, REAL z, REAL g, REAL y)
{
    REAL by = x - z;
    if (metric == TP__EUCLID)
        return by / y * g;
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
    /* Who is not there may have any element, and g 0. In two loops: compilers divide 0 by 0 where a quotient is not wanted. */
    for (int64_t k = 0; k < n; k++)
        power[k] = x[k * x_step] == z[k * z_step] || g[k] == 0 ? 1 : y[k];
    for (int64_t k = 0; k < n; k++)
        share[k] = NAME(size)(x[k * x_step] - z[k * z_step]) / power[k];
    for (int64_t k = 0; k < n; k++)
        share[k] = x[k * x_step] == z[k * z_step] || g[k] == 0 ? 1 : share[k];
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
    NAME(masks) wild[NAME(LINES)] = {{0}};
    NAME(row) row[ROWS];
    for (int64_t q = 0; q < s->partners; q++) {
        int64_t first = t->triangle && j + q >= i ? j + q - i + 1 : 0, count = first < width ? width - first : 0;
        int64_t at = offset + (t->triangle ? pair_at(t->n, j + q, i + first) : (j + q) * t->m + i);
        int64_t later = at +
                        ROWS * (t->triangle ? t->n - j - q - 1 - ROWS / 2 : t->m); /* of partner q + ROWS, nearly */
        tp__prefetch(t->g, later, WIDE, sizeof(REAL));
        tp__prefetch(t->y, later, WIDE, sizeof(REAL));
        row[q] = NAME(look)(t, at, first, count, s->g[q], s->y[q]);
        NAME(look_through)(row[q], wild);
    }
    s->tame = NAME(take)(t, s->partners, row, wild, s->g[0], s->y[0]);
}

/* acc[w] += (x[w] - z) g[w] of tame pairs, z from partner to partner d elements on. */
static ALWAYS_INLINE void NAME(tame_slopes)(const NAME(pairs) * s, const REAL *restrict x, const REAL *restrict z,
                                            int64_t d, REAL *restrict acc)
{
    NAME(lanes) own[NAME(LINES)], sum[NAME(LINES)] = {{0}};
    for (int v = 0; v < NAME(LINES); v++)
        own[v] = *(const NAME(lanes) *)(x + v * NAME(LANES));
    for (int64_t q = 0; q < s->partners; q++)
        for (int v = 0; v < NAME(LINES); v++)
            sum[v] += (own[v] - z[q * d]) * *(const NAME(lanes) *)(s->g[q] + v * NAME(LANES));
    for (int v = 0; v < NAME(LINES); v++)
        *(NAME(lanes) *)(acc + v * NAME(LANES)) += sum[v];
}

/* acc[w] += the slopes at x[w] - z. */
static ALWAYS_INLINE void NAME(slopes)(const tp__metric metric, const NAME(pairs) * s, const REAL *restrict x,
                                       const REAL *restrict z, int64_t d, REAL *restrict acc)
{
    REAL sum[WIDE];
    for (int w = 0; w < WIDE; w++)
        sum[w] = 0;
    for (int64_t q = 0; q < s->partners; q++)
        for (int w = 0; w < WIDE; w++)
            sum[w] += NAME(slope)(metric, x[w], z[q * d], s->g[q][w], s->y[q][w]);
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
        NAME(tame_slopes)(s, x, z, t->d, acc);
    else if (t->metric == TP__EUCLID)
        NAME(slopes)(TP__EUCLID, s, x, z, t->d, acc);
    else if (t->metric == TP__TAXICAB)
        NAME(slopes)(TP__TAXICAB, s, x, z, t->d, acc);
    else if (t->metric == TP__LARGEST)
        NAME(slopes)(TP__LARGEST, s, x, z, t->d, acc);
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
    REAL z[ROOM / sizeof(REAL)]; /* [deep, whole]: partners, transposed; the last one again where there are no more */
    REAL g[NAME(MANY)], y[NAME(MANY)]; /* of one row and them */
    int64_t count, whole;              /* of partners; the same in whole blocks of WIDE */
    int64_t start;                     /* of the first block in which the row has a partner */
    bool tame;
} NAME(crowd);

/* Calls the partners from j on. */
static void NAME(call)(const tp__distances *t, const REAL *b, int64_t j, int64_t from, int64_t deep, NAME(crowd) * c)
{
    const int64_t room = ROOM / (int64_t)sizeof(REAL) / deep / WIDE * WIDE,
                  most = room < NAME(MANY) ? room : NAME(MANY);
    c->count = t->m - j < most ? t->m - j : most;
    c->whole = (c->count + WIDE - 1) / WIDE * WIDE;
    for (int64_t q = 0; q < c->whole; q++) {
        const REAL *row = b + (j + (q < c->count ? q : c->count - 1)) * t->d + from;
        for (int64_t k = 0; k < deep; k++)
            c->z[k * c->whole + q] = row[k];
    }
}

/* The pairs of row i and the crowd, which is the partners from j on; in a triangle, those after the row. */
static void NAME(face)(const tp__distances *t, int64_t i, int64_t j, int64_t batch, NAME(crowd) * c)
{
    int64_t before = t->triangle && i >= j ? i - j + 1 : 0; /* so many of the crowd are no partners */
    int64_t at = batch * t->n * t->m + (t->triangle ? pair_at(t->n, i, j) : i * t->m + j), rows = 0;
    NAME(masks) wild[NAME(LINES)] = {{0}};
    NAME(row) row[NAME(MANY) / WIDE];
    c->start = before / WIDE * WIDE;
    for (int64_t q = c->start; q < c->whole; q += WIDE) {
        int64_t first = q < before ? before - q : 0, stop = c->count - q < WIDE ? c->count - q : WIDE;
        row[rows] = NAME(look)(t, at + q + first, first, first < stop ? stop - first : 0, c->g + q, c->y + q);
        NAME(look_through)(row[rows++], wild);
    }
    c->tame = NAME(take)(t, rows, row, wild, c->g + c->start, c->y + c->start);
}

static ALWAYS_INLINE REAL NAME(total)(const NAME(lanes) * sum)
{
    NAME(lanes) all = sum[0];
    NAME(few) few = {0};
    for (int v = 1; v < NAME(LINES); v++)
        all += sum[v];
    for (int l = 0; l < NAME(LANES); l += FEW)
        few += *(const NAME(few) *)((const REAL *)&all + l);
    return FEW == 2 ? few[0] + few[1] : (few[0] + few[2 % FEW]) + (few[1] + few[3 % FEW]);
}

/* The sum of the slopes at x - z. */
static ALWAYS_INLINE REAL NAME(sum_slopes)(const tp__metric metric, const NAME(crowd) * c, REAL x,
                                           const REAL *restrict z)
{
    NAME(lanes) sum[NAME(LINES)] = {{0}};
    for (int64_t q = c->start; q < c->whole; q += WIDE)
        for (int l = 0; l < WIDE; l++)
            ((REAL *)sum)[l] += NAME(slope)(metric, x, z[q + l], c->g[q + l], c->y[q + l]);
    return NAME(total)(sum);
}

static NEVER_INLINE REAL NAME(sum_by_power)(const tp__distances *t, const NAME(crowd) * c, REAL x, const REAL *z)
{
    REAL slope[WIDE], all = 0;
    for (int64_t q = c->start; q < c->whole; q += WIDE) {
        NAME(power_slopes)(t, WIDE, &x, 0, z + q, 1, c->g + q, c->y + q, slope);
        REAL sum = 0;
        for (int64_t w = 0; w < WIDE; w++)
            sum += slope[w];
        all += sum;
    }
    return all;
}

/* acc[k WIDE] += what row x gets of its pairs, of each of `deep` elements. */
static ALWAYS_INLINE void NAME(tame_sums)(const NAME(crowd) * c, int64_t deep, const REAL *x, REAL *acc)
{
    for (int64_t k = 0; k < deep; k++) {
        const REAL *z = c->z + k * c->whole;
        NAME(lanes) sum[NAME(LINES)] = {{0}};
        for (int64_t q = c->start; q < c->whole; q += WIDE)
            for (int v = 0; v < NAME(LINES); v++) {
                int64_t at = q + v * NAME(LANES);
                sum[v] += (x[k] - *(const NAME(lanes) *)(z + at)) * *(const NAME(lanes) *)(c->g + at);
            }
        acc[k * WIDE] += NAME(total)(sum);
    }
}

static ALWAYS_INLINE void NAME(sums)(const tp__metric metric, const NAME(crowd) * c, int64_t deep, const REAL *x,
                                     REAL *acc)
{
    for (int64_t k = 0; k < deep; k++)
        acc[k * WIDE] += NAME(sum_slopes)(metric, c, x[k], c->z + k * c->whole);
}

static void NAME(sums_of)(const tp__distances *t, const NAME(crowd) * c, int64_t deep, const REAL *x, REAL *acc)
{
    if (t->metric == TP__EUCLID && c->tame)
        NAME(tame_sums)(c, deep, x, acc);
    else if (t->metric == TP__EUCLID)
        NAME(sums)(TP__EUCLID, c, deep, x, acc);
    else if (t->metric == TP__TAXICAB)
        NAME(sums)(TP__TAXICAB, c, deep, x, acc);
    else if (t->metric == TP__LARGEST)
        NAME(sums)(TP__LARGEST, c, deep, x, acc);
    else if (t->metric == TP__ANY_ORDER)
        for (int64_t k = 0; k < deep; k++)
            acc[k * WIDE] += NAME(sum_by_power)(t, c, x[k], c->z + k * c->whole);
}

/* acc [deep][WIDE] += what rows [i, i + WIDE) of a get, of their elements from `from` on. */
static NEVER_INLINE void NAME(gather_across)(const tp__distances *t, int64_t batch, int64_t i, int64_t from,
                                             int64_t deep, REAL acc[DEEP][WIDE])
{
    const REAL *a = (const REAL *)t->a + batch * t->n * t->d + from, *b = (const REAL *)t->b + batch * t->m * t->d;
    const int64_t stop = t->n - i < WIDE ? t->n : i + WIDE;
    NAME(crowd) c;
    for (int64_t j = t->triangle ? i + 1 : 0; j < t->m; j += c.count) {
        NAME(call)(t, b, j, from, deep, &c);
        for (int64_t r = i; r < stop; r++) {
            NAME(face)(t, r, j, batch, &c);
            NAME(sums_of)(t, &c, deep, a + r * t->d, &acc[0][r - i]);
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
