/* cholesky_body.h - see cholesky.c: REAL and NAME are the type at hand and its suffix. */

/* A diagonal block of order m, column by column: d is its diagonal element, c what is below it, r and b are the rows of
 * d and c before it.
 *     d' -= c c' / d;  d', c' /= d;  r' -= d' r + c' b;  b' -= c' r;  d' /= 2  */
static void NAME(block_back)(int64_t m, int64_t n, const void *factor, void *slope)
{
    const REAL *l = factor;
    REAL *restrict g = slope;
    for (int64_t k = m - 1; k >= 0; k--) {
        REAL d = l[k * n + k], rest = 0;
        for (int64_t i = k + 1; i < m; i++) {
            rest += l[i * n + k] * g[i * n + k];
            g[i * n + k] /= d;
        }
        REAL own = (g[k * n + k] - rest / d) / d;
        for (int64_t j = 0; j < k; j++)
            g[k * n + j] -= own * l[k * n + j];
        for (int64_t i = k + 1; i < m; i++) {
            REAL x = g[i * n + k];
            for (int64_t j = 0; j < k; j++)
                g[k * n + j] -= x * l[i * n + j];
            for (int64_t j = 0; j < k; j++)
                g[i * n + j] -= x * l[k * n + j];
        }
        g[k * n + k] = own / 2;
    }
}

/* The lower half of g -= that of the product. */
static void NAME(lower_less)(int64_t m, int64_t n, void *slope, const void *product)
{
    REAL *restrict g = slope;
    const REAL *less = product;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j <= i; j++)
            g[i * n + j] -= less[i * m + j];
}

/* sum = g + g^T of a lower half g */
static void NAME(both_halves)(int64_t m, int64_t n, const void *slope, void *sum)
{
    const REAL *g = slope;
    REAL *restrict s = sum;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j <= i; j++)
            s[i * m + j] = s[j * m + i] = i == j ? 2 * g[i * n + i] : g[i * n + j];
}

/* a (+)= (g + g^T) / 2 of a lower half g */
static void NAME(symmetric)(int64_t n, const void *slope, void *to, bool add)
{
    const REAL *g = slope;
    REAL *restrict a = to;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            REAL x = i == j ? g[i * n + i] : g[i * n + j] / 2;
            a[i * n + j] = add ? a[i * n + j] + x : x;
            if (i != j)
                a[j * n + i] = add ? a[j * n + i] + x : x;
        }
}
