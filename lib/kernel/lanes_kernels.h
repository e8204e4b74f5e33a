/* lanes_kernels.h - see lanes_body.h: V is a vector, of a matrix in each lane, or a number, of a matrix alone; OF names what
 * is of either. All sums go in one order, by the same operations. */

typedef struct {
    V *at;
    int64_t row, column; /* strides */
} OF(matrix);

static ALWAYS_INLINE V *OF(e)(OF(matrix) a, int64_t i, int64_t j) { return a.at + i * a.row + j * a.column; }
static ALWAYS_INLINE OF(matrix) OF(from)(OF(matrix) a, int64_t i, int64_t j)
{
    return (OF(matrix)){OF(e)(a, i, j), a.row, a.column};
}
static ALWAYS_INLINE OF(matrix) OF(turned)(OF(matrix) a) { return (OF(matrix)){a.at, a.column, a.row}; }
static ALWAYS_INLINE OF(matrix) OF(rows)(V *at, int64_t columns) { return (OF(matrix)){at, columns, 1}; }

/* y -= A x, A [n, k]; the strides of x and y. */
static ALWAYS_INLINE void OF(subtract_rows)(const int n, int64_t k, OF(matrix) a, const V *x, int64_t xs, V *y,
                                            int64_t ys)
{
    V sum[4];
#pragma GCC unroll 16
    for (int r = 0; r < n; r++)
        sum[r] = y[r * ys];
    for (int64_t q = 0; q < k; q++, a.at += a.column, x += xs)
#pragma GCC unroll 16
        for (int r = 0; r < n; r++)
            sum[r] = OF(less)(sum[r], a.at[r * a.row], *x);
#pragma GCC unroll 16
    for (int r = 0; r < n; r++)
        y[r * ys] = sum[r];
}

static NEVER_INLINE void OF(subtract)(int64_t n, int64_t k, OF(matrix) a, const V *x, int64_t xs, V *y, int64_t ys)
{
    for (; n >= 4; n -= 4, a.at += 4 * a.row, y += 4 * ys)
        OF(subtract_rows)(4, k, a, x, xs, y, ys);
    for (; n > 0; n--, a.at += a.row, y += ys)
        OF(subtract_rows)(1, k, a, x, xs, y, ys);
}

/* x /= d, by the inverse of d where that keeps all digits */
static void OF(divide)(int64_t n, V *x, int64_t xs, V d)
{
    M good = MASK(OF(size)(d) > LEAST) & MASK(OF(size)(d) < MOST);
    V scale = 1 / d;
    bool all = !OF(any)(~good);
    for (int64_t i = 0; i < n; i++, x += xs)
        if (all)
            *x = *x * scale;
        else
            *x = OF(pick)(good, *x * scale, *x / d);
}

/* L X = B in place, B [n, k]: four rows of all columns after the other, since what a column becomes waits for nothing of
 * the others. */
static NEVER_INLINE void OF(substitute)(int64_t n, int64_t k, OF(matrix) l, bool unit, OF(matrix) b)
{
    for (int64_t i = 0; i < n; i += 4) {
        int64_t end = least(i + 4, n);
        for (int64_t j = 0; j < k && i > 0; j++)
            OF(subtract)(end - i, i, OF(from)(l, i, 0), OF(e)(b, 0, j), b.row, OF(e)(b, i, j), b.row);
        for (int64_t r = i; r < end; r++) {
            for (int64_t j = 0; j < k && r > i; j++) {
                V y = *OF(e)(b, r, j);
                for (int64_t q = i; q < r; q++)
                    y = OF(less)(y, *OF(e)(l, r, q), *OF(e)(b, q, j));
                *OF(e)(b, r, j) = y;
            }
            if (!unit)
                OF(divide)(k, OF(e)(b, r, 0), b.column, *OF(e)(l, r, r));
        }
    }
}

/* A X = B in place, B [n, k]; an upper triangle is a lower one from the other end. */
static void OF(solve)(int64_t n, int64_t k, OF(matrix) a, bool upper, bool unit, OF(matrix) b)
{
    if (upper) {
        a = (OF(matrix)){OF(e)(a, n - 1, n - 1), -a.row, -a.column};
        b = (OF(matrix)){OF(e)(b, n - 1, 0), -b.row, b.column};
    }
    OF(substitute)(n, k, a, unit, b);
}

/* Row k of each lane changes places with its row p >= k, of A [n, m]. */
static NEVER_INLINE void OF(exchange)(M p, int64_t k, int64_t n, int64_t m, OF(matrix) a)
{
    M here[ORDER];
    V *other[ORDER];
    int rows = 0;
    for (int64_t i = k + 1; i < n; i++) {
        here[rows] = MASK(p == (NAME(sign))i);
        other[rows] = OF(e)(a, i, 0);
        rows += OF(any)(here[rows]);
    }
    V *row = OF(e)(a, k, 0);
    for (int64_t j = 0; j < m && rows > 0; j++) {
        V old = row[j * a.column], new = old;
        for (int i = 0; i < rows; i++) {
            V *x = other[i] + j * a.column, y = *x;
            *x = OF(pick)(here[i], old, y);
            new = OF(pick)(here[i], y, new);
        }
        row[j * a.column] = new;
    }
}

/* The exchanges of P^T, or of P, in the rows of B [n, k]. */
static NEVER_INLINE void OF(permute)(bool backwards, int64_t n, const M *p, int64_t k, OF(matrix) b)
{
    for (int64_t s = 0; s < n; s++) {
        int64_t i = backwards ? n - 1 - s : s;
        OF(exchange)(p[i], i, n, k, b);
    }
}

/* ---- LU, four columns at a time -------------------------------------------------------------------------------------- */

/* Which row of column k has the largest element, from row k on: the first of them. */
static M OF(pivot)(int64_t k, int64_t n, OF(matrix) a)
{
    V most = OF(size)(*OF(e)(a, k, k));
    M p = (M){0} + (NAME(sign))k;
    for (int64_t i = k + 1; i < n; i++) {
        V x = OF(size)(*OF(e)(a, i, k));
        M larger = MASK(x > most), other = (M){0} + (NAME(sign))i;
        most = OF(pick)(larger, x, most);
        p = (larger & other) | (~larger & p);
    }
    return p;
}

/* Column k of A [n, m]: its pivot, which is 0 for the first time: *info, the rows exchanged, L below it. */
static void OF(eliminate)(int64_t k, int64_t n, int64_t m, OF(matrix) a, M *p, M *info)
{
    p[k] = OF(pivot)(k, n, a);
    OF(exchange)(p[k], k, n, m, a);
    V pivot = *OF(e)(a, k, k);
    M none = MASK(pivot == 0), first = none & MASK(*info == 0), at = (M){0} + (NAME(sign))(k + 1);
    *info = (first & at) | (~first & *info);
    OF(divide)(n - k - 1, OF(e)(a, k + 1, k), a.row, OF(pick)(none, (V){0} + 1, pivot));
}

/* A [n, m] = P L U in place. */
static NEVER_INLINE void OF(factor)(int64_t n, int64_t m, OF(matrix) a, M *p, M *info)
{
    int64_t pivots = least(n, m), end;
    for (int64_t k = 0; k < pivots; k = end) {
        end = least(k + 4, pivots);
        for (int64_t i = k; i < end; i++) {
            OF(eliminate)(i, n, m, a, p, info);
            for (int64_t j = i + 1; j < end; j++)
                OF(subtract)(n - i - 1, 1, OF(from)(a, i + 1, i), OF(e)(a, i, j), a.row, OF(e)(a, i + 1, j), a.row);
        }
        for (int64_t j = end; j < m; j++) {
            for (int64_t i = k + 1; i < end; i++) {
                V u = *OF(e)(a, i, j);
                for (int64_t q = k; q < i; q++)
                    u = OF(less)(u, *OF(e)(a, i, q), *OF(e)(a, q, j));
                *OF(e)(a, i, j) = u;
            }
            OF(subtract)(n - end, end - k, OF(from)(a, end, k), OF(e)(a, k, j), a.row, OF(e)(a, end, j), a.row);
        }
    }
}

static void OF(lu)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    OF(factor)(j->n, j->k, OF(rows)(x[0], j->k), p, info);
}

/* With L^-1 P^T dA U^-1 = X, dL = L tril(X, -1) and dU = triu(X) U: P L^-T (tril(L^T G, -1) + triu(G U^T)) U^-T. */
static void OF(lu_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)info;
    int64_t n = j->n;
    OF(matrix) lu = OF(rows)(x[0], n), g = OF(rows)(x[1], n), s = OF(rows)(x[2], n);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t c = 0; c < i; c++)
            *OF(e)(s, i, c) = -*OF(e)(g, i, c);
        OF(subtract)(i, n - i - 1, OF(turned)(OF(from)(g, i + 1, 0)), OF(e)(lu, i + 1, i), n, OF(e)(s, i, 0), 1);
    }
    for (int64_t c = 0; c < n; c++) {
        for (int64_t i = 0; i <= c; i++)
            *OF(e)(s, i, c) = (V){0};
        OF(subtract)(c + 1, n - c, OF(from)(g, 0, c), OF(e)(lu, c, c), 1, OF(e)(s, 0, c), n);
    }
    OF(solve)(n, n, lu, true, false, OF(turned)(s));
    OF(solve)(n, n, OF(turned)(lu), true, true, s);
    OF(permute)(true, n, p, n, s);
    for (int64_t i = 0; i < n * n; i++)
        x[1][i] = -x[2][i];
}

static void OF(lu_solve)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    OF(matrix) a = OF(rows)(x[0], j->n), b = OF(rows)(x[1], j->k);
    OF(factor)(j->n, j->n, a, p, info);
    OF(permute)(false, j->n, p, j->k, b);
    OF(solve)(j->n, j->k, a, false, true, b);
    OF(solve)(j->n, j->k, a, true, false, b);
}

/* C [n, n] = -G X^T, of G and X [n, k]; the elements (i, j) with begin <= i - j < end, the others 0. */
static NEVER_INLINE void OF(slope)(int64_t n, int64_t k, OF(matrix) g, OF(matrix) x, int64_t begin, int64_t end, V *c)
{
    for (int64_t j = 0; j < n; j++) {
        int64_t from = j + begin > 0 ? j + begin : 0, to = least(j + end, n);
        for (int64_t i = 0; i < n; i++)
            c[i * n + j] = (V){0};
        OF(subtract)(to - from, k, OF(from)(g, from, 0), OF(e)(x, j, 0), x.column, c + from * n + j, n);
    }
}

static void OF(lu_solve_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)info;
    OF(matrix) lu = OF(turned)(OF(rows)(x[0], j->n)), g = OF(rows)(x[1], j->k);
    OF(solve)(j->n, j->k, lu, false, false, g);
    OF(solve)(j->n, j->k, lu, true, true, g);
    OF(permute)(true, j->n, p, j->k, g);
    if (j->x[3].to)
        OF(slope)(j->n, j->k, g, OF(rows)(x[2], j->k), -j->n, j->n, x[3]);
}

/* ---- triangles --------------------------------------------------------------------------------------------------- */

static void OF(triangular)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    OF(solve)(j->n, j->k, OF(rows)(x[0], j->n), j->upper, j->unit, OF(rows)(x[1], j->k));
}

static void OF(triangular_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    int64_t n = j->n, first = j->unit ? 1 : 0;
    OF(matrix) g = OF(rows)(x[1], j->k);
    OF(solve)(n, j->k, OF(turned)(OF(rows)(x[0], n)), !j->upper, j->unit, g);
    if (j->x[3].to)
        OF(slope)(n, j->k, g, OF(rows)(x[2], j->k), j->upper ? -n : first, j->upper ? 1 - first : n, x[3]);
}

/* ---- Cholesky ---------------------------------------------------------------------------------------------------- */

/* A column after the other; where a matrix is not positive definite, it stays as it is from that column on. */
static void OF(cholesky)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p;
    int64_t n = j->n;
    OF(matrix) a = OF(rows)(x[0], n);
    for (int64_t k = 0; k < n; k++) {
        V column[ORDER];
        for (int64_t i = k; i < n; i++)
            column[i] = *OF(e)(a, i, k);
        OF(subtract)(n - k, k, OF(from)(a, k, 0), OF(e)(a, k, 0), 1, column + k, 1);
        M fails = MASK(*info == 0) & ~MASK(column[k] > 0), at = (M){0} + (NAME(sign))(k + 1);
        *info = (fails & at) | (~fails & *info);
        M good = MASK(*info == 0);
        V root = OF(root)(OF(pick)(good, column[k], (V){0} + 1)), scale = 1 / root;
        *OF(e)(a, k, k) = OF(pick)(good, root, *OF(e)(a, k, k));
        for (int64_t i = k + 1; i < n; i++) {
            *OF(e)(a, i, k) = OF(pick)(good, column[i] * scale, *OF(e)(a, i, k));
            *OF(e)(a, k, i) = (V){0};
        }
    }
}

/* The gradient S of A, of which both halves are made, by that of L, G: from the last column to the first, with what is
 * below and right of the diagonal done,
 *     d s' = g / 2 - S l;  d s = g_d / 2 - l . s'
 * of the element d of L's diagonal and l below it, s and s' of S (the sums of I. Murray, "Differentiation of the Cholesky
 * decomposition", arXiv:1602.07527, 2016, section 3). */
static void OF(cholesky_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    int64_t n = j->n;
    OF(matrix) l = OF(rows)(x[0], n), s = OF(rows)(x[1], n);
    for (int64_t k = n - 1; k >= 0; k--) {
        V *below = OF(e)(s, k + 1, k), *right = OF(e)(s, k, k + 1), *factor = OF(e)(l, k + 1, k);
        V scale = 1 / *OF(e)(l, k, k), own = *OF(e)(s, k, k) * (REAL)0.5;
        int64_t left = n - k - 1;
        for (int64_t i = 0; i < left; i++)
            below[i * n] = below[i * n] * (REAL)0.5;
        OF(subtract)(left, left, OF(from)(s, k + 1, k + 1), factor, n, below, n);
        for (int64_t i = 0; i < left; i++) {
            below[i * n] = right[i] = below[i * n] * scale;
            own = OF(less)(own, factor[i * n], right[i]);
        }
        *OF(e)(s, k, k) = own * scale;
    }
}

static void OF(cholesky_solve)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    OF(matrix) f = OF(rows)(x[0], j->n), b = OF(rows)(x[1], j->k);
    OF(solve)(j->n, j->k, j->upper ? OF(turned)(f) : f, false, false, b);
    OF(solve)(j->n, j->k, j->upper ? f : OF(turned)(f), true, false, b);
}

/* gF = -(gB X^T + X gB^T) F, of all of F, and the same turned where it is upper */
static void OF(cholesky_solve_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    int64_t n = j->n, k = j->k;
    OF(cholesky_solve)(j, x, p, info);
    OF(matrix) f = OF(rows)(x[0], n), to = OF(rows)(x[3], n), pair[2] = {OF(rows)(x[1], k), OF(rows)(x[2], k)};
    if (j->upper) {
        f = OF(turned)(f);
        to = OF(turned)(to);
    }
    for (int64_t c = 0; c < n && j->x[3].to; c++) {
        for (int64_t i = 0; i < n; i++)
            *OF(e)(to, i, c) = (V){0};
        for (int side = 0; side < 2; side++) {
            V product[ORDER];
            for (int64_t i = 0; i < k; i++)
                product[i] = (V){0};
            OF(subtract)(k, n, OF(turned)(pair[!side]), OF(e)(f, 0, c), f.row, product, 1);
            for (int64_t i = 0; i < k; i++)
                product[i] = -product[i];
            OF(subtract)(n, k, pair[side], product, 1, OF(e)(to, 0, c), to.row);
        }
    }
}

/* ---- inverses and determinants ----------------------------------------------------------------------------------- */

/* Y = A^-1 = U^-1 L^-1 P^T, NaN where A is singular; A becomes L U. */
static NEVER_INLINE void OF(invert)(int64_t n, OF(matrix) a, OF(matrix) y, M *p, M *info)
{
    OF(factor)(n, n, a, p, info);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < n; i++)
            *OF(e)(y, i, j) = (V){0} + (REAL)(i == j);
        OF(substitute)(n - j, 1, OF(from)(a, j, j), true, OF(from)(y, j, j));
    }
    for (int64_t i = 0; i < n; i++)
        *OF(e)(a, i, i) = OF(pick)(MASK(*info == 0), *OF(e)(a, i, i), (V){0} + (REAL)NAN);
    OF(solve)(n, n, a, true, false, y);
    OF(permute)(true, n, p, n, OF(turned)(y));
}

static void OF(inverse)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    OF(invert)(j->n, OF(rows)(x[0], j->n), OF(rows)(x[1], j->n), p, info);
}

/* -Y^T G Y^T */
static void OF(inverse_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    int64_t n = j->n;
    OF(matrix) y = OF(rows)(x[0], n), g = OF(rows)(x[1], n), s = OF(rows)(x[2], n);
    for (int64_t c = 0; c < n; c++) {
        V column[ORDER];
        for (int64_t i = 0; i < n; i++)
            column[i] = *OF(e)(s, i, c) = (V){0};
        OF(subtract)(n, n, g, OF(e)(y, c, 0), 1, column, 1);
        for (int64_t i = 0; i < n; i++)
            column[i] = -column[i];
        OF(subtract)(n, n, OF(turned)(y), column, 1, OF(e)(s, 0, c), n);
    }
}

/* The diagonal of U, with the signs of the exchanges. */
static void OF(determinant)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    int64_t n = j->n;
    OF(factor)(n, n, OF(rows)(x[0], n), p, info);
    for (int64_t i = 0; i < n; i++) {
        V u = x[0][i * (n + 1)];
        x[1][i] = OF(pick)(MASK(p[i] == (NAME(sign))i), u, -u);
    }
}

static void OF(determinant_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    int64_t n = j->n;
    OF(invert)(n, OF(rows)(x[0], n), OF(turned)(OF(rows)(x[3], n)), p, info);
    for (int64_t i = 0; i < n * n; i++)
        x[3][i] = OF(pick)(MASK(x[2][1] == 0), (V){0}, x[3][i] * x[2][0]);
}

/* ---- QR ------------------------------------------------------------------------------------------------------------- */

/* The reflector H = I - tau v v^T that takes column c of A [n, .] to its diagonal, as LAPACK's larfg makes it: v begins with a 1 in
 * row c, the rest is left below the diagonal. The column is measured in units of its largest element. */
static NEVER_INLINE V OF(reflect)(int64_t c, int64_t n, OF(matrix) a)
{
    V alpha = *OF(e)(a, c, c), below = (V){0}, parts[ORDER];
    parts[0] = OF(size)(alpha);
    for (int64_t i = c + 1; i < n; i++) {
        V x = parts[i - c] = OF(size)(*OF(e)(a, i, c));
        below = OF(pick)(MASK(x > below) | MASK(x != x), x, below);
    }
    V most = OF(pick)(MASK(parts[0] > below), parts[0], below), sum = (V){0};
    M none = MASK(below == 0);
    OF(divide)(n - c, parts, 1, OF(pick)(none, (V){0} + 1, most));
    for (int64_t i = n - c - 1; i >= 0; i--)
        sum = OF(less)(sum, -parts[i], parts[i]);
    V beta = -OF(signed)(most * OF(root)(sum), alpha), one = (V){0} + 1;
    OF(divide)(n - c - 1, OF(e)(a, c + 1, c), a.row, OF(pick)(none, one, alpha - beta));
    *OF(e)(a, c, c) = OF(pick)(none, alpha, beta);
    return OF(pick)(none, (V){0}, (beta - alpha) / OF(pick)(none, one, beta));
}

/* Columns [from, to) of B become H B, by column c of A. */
static NEVER_INLINE void OF(apply)(int64_t c, int64_t n, OF(matrix) a, V tau, OF(matrix) b, int64_t from, int64_t to)
{
    V w[ORDER];
    for (int64_t j = from; j < to; j++)
        w[j] = -*OF(e)(b, c, j);
    OF(subtract)(to - from, n - c - 1, OF(turned)(OF(from)(b, c + 1, from)), OF(e)(a, c + 1, c), a.row, w + from, 1);
    for (int64_t j = from; j < to; j++) {
        w[j] = -w[j] * tau;
        *OF(e)(b, c, j) = *OF(e)(b, c, j) - w[j];
        OF(subtract)(n - c - 1, 1, OF(from)(a, c + 1, c), w + j, 1, OF(e)(b, c + 1, j), b.row);
    }
}

static void OF(reflect_all)(int64_t n, int64_t m, OF(matrix) a, V *tau)
{
    for (int64_t c = 0; c < least(n, m); c++) {
        tau[c] = OF(reflect)(c, n, a);
        OF(apply)(c, n, a, tau[c], a, c + 1, m);
    }
}

static void OF(reflectors)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    OF(reflect_all)(j->n, j->k, OF(rows)(x[0], j->k), x[1]);
}

static void OF(qr)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    int64_t n = j->n, m = j->k, k = least(n, m);
    OF(matrix) a = OF(rows)(x[0], m), q = OF(rows)(x[1], k), r = OF(rows)(x[2], m);
    V tau[ORDER];
    OF(reflect_all)(n, m, a, tau);
    for (int64_t i = 0; i < k; i++)
        for (int64_t c = 0; c < m; c++)
            if (c < i)
                *OF(e)(r, i, c) = (V){0};
            else
                *OF(e)(r, i, c) = *OF(e)(a, i, c);
    for (int64_t i = 0; i < n * k; i++)
        x[1][i] = (V){0} + (REAL)(i / k == i % k);
    for (int64_t c = k - 1; c >= 0; c--)
        OF(apply)(c, n, a, tau[c], q, c, k);
}

/* (gQ + Q sym(triu(gR R^T - Q^T gQ))) R^-T: see qr.c. */
static void OF(qr_back)(const tp__lanes_job *j, V *const *x, M *p, M *info)
{
    (void)p, (void)info;
    int64_t n = j->n, k = j->k;
    OF(matrix) q = OF(rows)(x[0], k), r = OF(rows)(x[1], k), gq = OF(rows)(x[2], k), m = OF(rows)(x[3], k);
    for (int64_t i = 0; i < k; i++) { /* -M, a row in place of that of gR; rows before it are done */
        V row[ORDER];
        for (int64_t c = i; c < k; c++)
            row[c] = (V){0};
        OF(subtract)(k - i, k - i, OF(from)(r, i, i), OF(e)(m, i, i), 1, row + i, 1);
        for (int64_t c = i; c < k; c++)
            row[c] = -row[c];
        OF(subtract)(k - i, n, OF(turned)(OF(from)(gq, 0, i)), OF(e)(q, 0, i), k, row + i, 1);
        for (int64_t c = i; c < k; c++)
            *OF(e)(m, i, c) = -row[c];
    }
    for (int64_t i = 0; i < k; i++)
        for (int64_t c = 0; c < i; c++)
            *OF(e)(m, i, c) = *OF(e)(m, c, i);
    for (int64_t i = 0; i < n; i++)
        OF(subtract)(k, k, m, OF(e)(q, i, 0), 1, OF(e)(gq, i, 0), 1);
    OF(solve)(k, n, r, true, false, OF(turned)(gq));
}

static void (*const OF(kernels)[TP__LANES_KERNELS])(const tp__lanes_job *j, V *const *x, M *p, M *info) = {
    [TP__LANES_LU] = OF(lu),
    [TP__LANES_LU_BACK] = OF(lu_back),
    [TP__LANES_SOLVE] = OF(lu_solve),
    [TP__LANES_SOLVE_BACK] = OF(lu_solve_back),
    [TP__LANES_TRIANGULAR] = OF(triangular),
    [TP__LANES_TRIANGULAR_BACK] = OF(triangular_back),
    [TP__LANES_CHOLESKY] = OF(cholesky),
    [TP__LANES_CHOLESKY_BACK] = OF(cholesky_back),
    [TP__LANES_CHOLESKY_SOLVE] = OF(cholesky_solve),
    [TP__LANES_CHOLESKY_SOLVE_BACK] = OF(cholesky_solve_back),
    [TP__LANES_INVERSE] = OF(inverse),
    [TP__LANES_INVERSE_BACK] = OF(inverse_back),
    [TP__LANES_DETERMINANT] = OF(determinant),
    [TP__LANES_DETERMINANT_BACK] = OF(determinant_back),
    [TP__LANES_REFLECTORS] = OF(reflectors),
    [TP__LANES_QR] = OF(qr),
    [TP__LANES_QR_BACK] = OF(qr_back),
};
