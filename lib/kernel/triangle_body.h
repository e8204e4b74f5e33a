/* triangle_body.h - see vec_triangle.c: REAL and NAME are the type at hand and its suffix. */

typedef REAL NAME(strip) __attribute__((vector_size(STRIP), aligned(sizeof(REAL)), may_alias));

/* Rows [p, p + 4) of a strip of columns, those before them being solved. */
static void NAME(solve_four)(int64_t p, const REAL *t, int64_t rs, int64_t cs, bool unit, REAL *b, int64_t ldb)
{
    NAME(strip) x[4];
    const REAL *row[4];
    for (int r = 0; r < 4; r++) {
        x[r] = *(const NAME(strip) *)(b + (p + r) * ldb);
        row[r] = t + (p + r) * rs;
    }
    for (int64_t q = 0; q < p; q++) {
        NAME(strip) y = *(const NAME(strip) *)(b + q * ldb);
        for (int r = 0; r < 4; r++)
            x[r] -= row[r][q * cs] * y;
    }
    for (int r = 0; r < 4; r++) {
        for (int s = 0; s < r; s++)
            x[r] -= row[r][(p + s) * cs] * x[s];
        if (!unit)
            x[r] /= row[r][(p + r) * cs];
        *(NAME(strip) *)(b + (p + r) * ldb) = x[r];
    }
}

static void NAME(solve_one)(int64_t p, const REAL *t, int64_t rs, int64_t cs, bool unit, REAL *b, int64_t ldb)
{
    NAME(strip) x = *(const NAME(strip) *)(b + p * ldb);
    for (int64_t q = 0; q < p; q++)
        x -= t[p * rs + q * cs] * *(const NAME(strip) *)(b + q * ldb);
    if (!unit)
        x /= t[p * rs + p * cs];
    *(NAME(strip) *)(b + p * ldb) = x;
}

static void NAME(solve_strip)(int64_t m, const tp__triangle *l, REAL *b, int64_t ldb)
{
    int64_t p = 0;
    for (; p + 4 <= m; p += 4)
        NAME(solve_four)(p, l->t, l->rs, l->cs, l->unit, b, ldb);
    for (; p < m; p++)
        NAME(solve_one)(p, l->t, l->rs, l->cs, l->unit, b, ldb);
}

/* Part of a strip, or all of it. */
static void NAME(copy)(int64_t width, REAL *to, const REAL *from)
{
    if (width == STRIP / sizeof(REAL))
        *(NAME(strip) *)to = *(const NAME(strip) *)from;
    else
        memcpy(to, from, (size_t)width * sizeof(REAL));
}

/* In a buffer: rows that are a large power of 2 apart would drive each other out of the cache. */
static void NAME(solve)(int64_t m, int64_t n, const tp__triangle *l, void *pb, int64_t ldb)
{
    enum { WIDTH = STRIP / sizeof(REAL) };
    _Alignas(STRIP) REAL strip[TP__TRIANGLE * WIDTH];
    REAL *b = pb;
    for (int64_t j = 0; j < n; j += WIDTH) {
        int64_t width = n - j < WIDTH ? n - j : WIDTH;
        if (width < WIDTH)
            memset(strip, 0, sizeof strip);
        for (int64_t i = 0; i < m; i++)
            NAME(copy)(width, strip + i * WIDTH, b + i * ldb + j);
        NAME(solve_strip)(m, l, strip, WIDTH);
        for (int64_t i = 0; i < m; i++)
            NAME(copy)(width, b + i * ldb + j, strip + i * WIDTH);
    }
}

/* By tiles that stay in registers. */
static void NAME(turn)(int64_t k, int64_t n, const void *from, int64_t ldf, void *to, int64_t ldt)
{
    const REAL *f = from;
    REAL *t = to;
    int64_t i = 0, j;
    for (; i + 4 <= k; i += 4) {
        for (j = 0; j + 4 <= n; j += 4) {
            REAL tile[4][4];
            for (int y = 0; y < 4; y++)
                for (int x = 0; x < 4; x++)
                    tile[x][y] = f[(j + y) * ldf + i + x];
            for (int x = 0; x < 4; x++)
                for (int y = 0; y < 4; y++)
                    t[(i + x) * ldt + j + y] = tile[x][y];
        }
        for (; j < n; j++)
            for (int x = 0; x < 4; x++)
                t[(i + x) * ldt + j] = f[j * ldf + i + x];
    }
    for (; i < k; i++)
        for (j = 0; j < n; j++)
            t[i * ldt + j] = f[j * ldf + i];
}

static inline void NAME(swap)(REAL *a, int64_t i, int64_t j)
{
    REAL x = a[i];
    a[i] = a[j];
    a[j] = x;
}

/* Rows are independent: four at a time keep more loads under way. */
static void NAME(exchange)(int64_t rows, void *pa, int64_t lda, const int *pivots, int64_t first, int64_t end)
{
    REAL *a = pa;
    for (; rows >= 4; rows -= 4, a += 4 * lda)
        for (int64_t i = first; i < end; i++)
            for (int r = 0; r < 4; r++)
                NAME(swap)(a + r * lda, i, pivots[i] - 1);
    for (; rows > 0; rows--, a += lda)
        for (int64_t i = first; i < end; i++)
            NAME(swap)(a, i, pivots[i] - 1);
}
