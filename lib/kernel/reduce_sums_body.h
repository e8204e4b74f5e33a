/* reduce_sums_body.h - sums of a few rows, straight to where they belong, and slopes of norms; see vec_reduce.c: REAL and NAME are
 * the type at hand and its suffix. */

/* The sums of a column are those that a reducer makes, without a place for them in between. False: one is not finite. */
static ALWAYS_INLINE bool NAME(so_many_rows)(int64_t rows, int64_t stride, int64_t columns, const REAL *v,
                                             REAL *restrict out)
{
    uint64_t strange = 0;
    for (int64_t c = 0; c < columns; c++) {
        double sum = 0;
        uint64_t b;
        for (int64_t r = 0; r < rows; r++)
            sum += (double)v[r * stride + c];
        out[c] = (REAL)sum;
        memcpy(&b, &sum, sizeof b);
        strange |= -(uint64_t)((b << 1) >= (uint64_t)0x7ff << 53);
    }
    return strange == 0;
}

static bool NAME(few_rows)(int64_t rows, int64_t stride, int64_t columns, const void *in, void *out)
{
    switch (rows) {
    case 2:
        return NAME(so_many_rows)(2, stride, columns, in, out);
    case 3:
        return NAME(so_many_rows)(3, stride, columns, in, out);
    case 4:
        return NAME(so_many_rows)(4, stride, columns, in, out);
    case 5:
        return NAME(so_many_rows)(5, stride, columns, in, out);
    case 6:
        return NAME(so_many_rows)(6, stride, columns, in, out);
    case 7:
        return NAME(so_many_rows)(7, stride, columns, in, out);
    default:
        return NAME(so_many_rows)(8, stride, columns, in, out);
    }
}

/* ---- slopes of norms: signs, with 0 where x is; a result that is 0 passes nothing on --------------------------------- */

static ALWAYS_INLINE REAL NAME(signed_as)(REAL x, REAL g) { return x > 0 ? g : x < 0 ? -g : 0; }

/* Of orders 1 and 2, m elements of one row. */
static void NAME(row_slope)(const tp__slopes *w, int64_t at, int64_t m, int64_t k)
{
    const REAL *x = (const REAL *)w->x + at;
    REAL *restrict gx = (REAL *)w->gx + at;
    REAL y = ((const REAL *)w->y)[k], g = y == 0 ? 0 : ((const REAL *)w->g)[k], by = y == 0 ? 1 : y;
    if (w->p == 2 && !w->accumulate)
        for (int64_t i = 0; i < m; i++)
            gx[i] = x[i] / by * g;
    else if (w->p == 2)
        for (int64_t i = 0; i < m; i++)
            gx[i] += x[i] / by * g;
    else if (!w->accumulate)
        for (int64_t i = 0; i < m; i++)
            gx[i] = NAME(signed_as)(x[i], g);
    else
        for (int64_t i = 0; i < m; i++)
            gx[i] += NAME(signed_as)(x[i], g);
}

/* (|x| / y)^(p-1), with its sign, times g */
static void NAME(power_slope)(const tp__slopes *w, int64_t m, const REAL *x, const REAL *by, const REAL *g,
                              REAL *restrict power)
{
    REAL share[TP__SLOPES];
    double order = w->p - 1;
    for (int64_t i = 0; i < m; i++)
        share[i] = (x[i] < 0 ? -x[i] : x[i]) / by[i];
    for (int64_t i = 0; i < m; i++) /* on its own: compilers divide 0 by 0 where a quotient is not wanted */
        share[i] = x[i] == 0 ? 1 : share[i];
    if (order == 2)
        for (int64_t i = 0; i < m; i++)
            power[i] = share[i] * share[i];
    else
        w->power(m, power, (const void *[1]){share}, &order);
    for (int64_t i = 0; i < m; i++)
        power[i] = NAME(signed_as)(x[i], 1) * power[i] * g[i];
}

/* Of any order, m elements, each of a result `step` from the last one's. */
static void NAME(slope)(const tp__slopes *w, int64_t at, int64_t m, int64_t k, int64_t step)
{
    const REAL *x = (const REAL *)w->x + at, *y = (const REAL *)w->y + k, *g = (const REAL *)w->g + k;
    REAL *gx = (REAL *)w->gx + at, power[TP__SLOPES], by[TP__SLOPES], of[TP__SLOPES];
    for (int64_t i = 0; i < (step ? 0 : m); i++) {
        by[i] = *y;
        of[i] = *g;
    }
    if (step != 0) {
        memcpy(by, y, (size_t)m * sizeof *by);
        memcpy(of, g, (size_t)m * sizeof *of);
    }
    for (int64_t i = 0; i < m; i++) {
        of[i] = by[i] == 0 ? 0 : of[i];
        by[i] = by[i] == 0 ? 1 : by[i];
    }
    if (w->p == 2)
        for (int64_t i = 0; i < m; i++)
            power[i] = x[i] / by[i] * of[i];
    else if (w->p == 1)
        for (int64_t i = 0; i < m; i++)
            power[i] = NAME(signed_as)(x[i], 1) * of[i];
    else
        NAME(power_slope)(w, m, x, by, of, power);
    if (w->accumulate)
        for (int64_t i = 0; i < m; i++)
            gx[i] += power[i];
    else
        memcpy(gx, power, (size_t)m * sizeof *gx);
}
