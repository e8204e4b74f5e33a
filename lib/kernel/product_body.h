/* product_body.h - see vec_product.c: REAL and NAME are the type at hand and its suffix. */

/* The factors of at most ROOM rows of columns, `stride` apart, taken in. */
static ALWAYS_INLINE void NAME(take_some)(int64_t rows, int64_t stride, int64_t columns, const REAL *x, tp__factors *f)
{
    int64_t power[LANES] = {0}, odd[LANES] = {0}, e, strange;
    double m[LANES];
    for (int64_t c = 0; c < columns; c++)
        m[c] = 1;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            m[c] *= split((double)x[r * stride + c], SMALL(REAL), &e, &strange);
            power[c] += e;
            odd[c] |= strange;
        }
    for (int64_t c = 0; c < columns; c++) {
        f->m[c] = split(f->m[c] * m[c], false, &e, &strange);
        f->e[c] += power[c] + e;
        f->odd[c] |= odd[c];
    }
}

static void NAME(count_kinds)(int64_t rows, int64_t stride, int64_t columns, const REAL *x, tp__factors *f)
{
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < (f->odd[c] ? rows : 0); r++)
            count_kind((double)x[r * stride + c], f, c);
}

/* Those of columns as f[0 ... columns - 1]. */
static void NAME(take)(int64_t rows, int64_t stride, int64_t columns, const REAL *x, tp__factors *f)
{
    start(columns, f);
    for (int64_t at = 0, m; at < rows; at += m) {
        m = rows - at < ROOM ? rows - at : ROOM;
        if (columns == LANES)
            NAME(take_some)(m, stride, LANES, x + at * stride, f);
        else
            NAME(take_some)(m, stride, columns, x + at * stride, f);
    }
    NAME(count_kinds)(rows, stride, columns, x, f);
}

/* Those of a row as f[0]. */
static void NAME(take_row)(int64_t n, const REAL *x, tp__factors *f)
{
    tp__factors rest;
    int64_t whole = n / LANES, over = n % LANES;
    NAME(take)(whole, LANES, whole > 0 ? LANES : 1, x, f);
    NAME(take)(over > 0, 0, over, x + whole * LANES, &rest);
    for (int64_t l = 1; l < (whole > 0 ? LANES : 1); l++)
        join(f, 0, l);
    for (int64_t l = 0; l < over; l++)
        join_from(f, 0, &rest, l);
}

/* gx (+)= g times the product of the others. `step` 0: one product and one g for all; 1: one for each column. */
static ALWAYS_INLINE void NAME(quotients)(int64_t n, int64_t step, const REAL *x, const REAL *g, const double *product,
                                          REAL *restrict gx, bool accumulate)
{
    for (int64_t i = 0; i < n; i++) {
        REAL d = (REAL)((double)g[i * step] * (product[i * step] / (double)x[i]));
        gx[i] = accumulate ? gx[i] + d : d;
    }
}

static ALWAYS_INLINE void NAME(of_parts)(int64_t n, int64_t step, const REAL *x, const REAL *g, const tp__factors *f,
                                         REAL *restrict gx, bool accumulate)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t e, odd;
        double m = f->m[i * step] / split((double)x[i], SMALL(REAL), &e, &odd);
        REAL d = (REAL)scaled((double)g[i * step] * m, f->e[i * step] - e);
        gx[i] = accumulate ? gx[i] + d : d;
    }
}

/* A column of n elements, each `stride` on. */
static void NAME(of_kinds)(int64_t n, int64_t stride, const REAL *x, REAL g, const tp__factors *f, int64_t c, REAL *gx,
                           bool accumulate)
{
    for (int64_t i = 0; i < n; i++) {
        REAL d = (REAL)((double)g * by_kind((double)x[i * stride], f, c));
        gx[i * stride] = accumulate ? gx[i * stride] + d : d;
    }
}

/* Of the elements [begin, end) of a row of n with the factors f[0]. */
static void NAME(row_slope)(const tp__product_slope *w, const REAL *x, const REAL *g, REAL *gx, const tp__factors *f,
                            int64_t begin, int64_t end)
{
    manner how = manner_of(1, f);
    double product = scaled(f->m[0], f->e[0]);
    if (how == BY_KIND)
        NAME(of_kinds)(end - begin, 1, x + begin, *g, f, 0, gx + begin, w->accumulate);
    else if (how == BY_PARTS)
        NAME(of_parts)(end - begin, 0, x + begin, g, f, gx + begin, w->accumulate);
    else if (w->accumulate)
        NAME(quotients)(end - begin, 0, x + begin, g, &product, gx + begin, true);
    else
        NAME(quotients)(end - begin, 0, x + begin, g, &product, gx + begin, false);
}

/* The product of a few elements that are all within the range that SHORT is for. */
static ALWAYS_INLINE bool NAME(short_product)(int64_t n, const REAL *x, double *product)
{
    bool within = true;
    double p = 1;
    for (int64_t i = 0; i < n; i++) {
        double v = (double)x[i];
        within &= (fabs(v) >= 0x1p-60) & (fabs(v) <= 0x1p60);
        p *= v;
    }
    *product = p;
    return within;
}

static void NAME(rows)(int64_t begin, int64_t end, void *user)
{
    const tp__product_slope *w = user;
    for (int64_t r = begin; r < end; r++) {
        const REAL *x = (const REAL *)w->x + r * w->n, *g = (const REAL *)w->g + r;
        REAL *gx = (REAL *)w->gx + r * w->n;
        double product;
        tp__factors f;
        if (w->n <= SHORT && NAME(short_product)(w->n, x, &product)) {
            NAME(quotients)(w->n, 0, x, g, &product, gx, w->accumulate);
            continue;
        }
        NAME(take_row)(w->n, x, &f);
        NAME(row_slope)(w, x, g, gx, &f, 0, w->n);
    }
}

static void NAME(column_slopes)(const tp__product_slope *w, int64_t columns, const REAL *x, const REAL *g, REAL *gx,
                                const tp__factors *f)
{
    manner how = manner_of(columns, f);
    double product[TP__FACTORS];
    for (int64_t c = 0; c < columns; c++)
        product[c] = scaled(f->m[c], f->e[c]);
    for (int64_t c = 0; c < (how == BY_KIND ? columns : 0); c++)
        NAME(of_kinds)(w->n, w->inner, x + c, g[c], f, c, gx + c, w->accumulate);
    for (int64_t k = 0; k < (how == BY_KIND ? 0 : w->n); k++)
        if (how == BY_PARTS)
            NAME(of_parts)(columns, 1, x + k * w->inner, g, f, gx + k * w->inner, w->accumulate);
        else
            NAME(quotients)(columns, 1, x + k * w->inner, g, product, gx + k * w->inner, w->accumulate);
}

/* Columns [begin, end), numbered through all outer slices. */
static void NAME(columns)(int64_t begin, int64_t end, void *user)
{
    const tp__product_slope *w = user;
    for (int64_t at = begin, m; at < end; at += m) {
        int64_t left = w->inner - at % w->inner, first = at / w->inner * w->n * w->inner + at % w->inner;
        const REAL *x = (const REAL *)w->x + first;
        tp__factors f;
        m = left < end - at ? left : end - at;
        m = m < TP__FACTORS ? m : TP__FACTORS;
        NAME(take)(w->n, w->inner, m, x, &f);
        NAME(column_slopes)(w, m, x, (const REAL *)w->g + at, (REAL *)w->gx + first, &f);
    }
}

/* Parts [begin, end) of a long row. */
static void NAME(parts)(int64_t begin, int64_t end, void *user)
{
    const tp__product_slope *w = user;
    for (int64_t k = begin; k < end; k++) {
        int64_t at = k * w->chunk;
        tp__factors f;
        NAME(take_row)(w->n - at < w->chunk ? w->n - at : w->chunk, (const REAL *)w->x + at, &f);
        start_at(w->part, k);
        join_from(w->part, k, &f, 0);
    }
}

static void NAME(elements)(int64_t begin, int64_t end, void *user)
{
    const tp__product_slope *w = user;
    NAME(row_slope)(w, w->x, w->g, w->gx, w->part, begin, end);
}
