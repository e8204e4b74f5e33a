/* tiny_body.h - see tiny.c: REAL and NAME are the type at hand and its suffix. */

/* A^T = P L U, so each row k of the memory is a column of A^T: L's below the diagonal, which is U's, is to its right. */
static int NAME(getrf)(int64_t n, REAL *a, int *pivots)
{
    int info = 0;
    for (int64_t k = 0; k < n; k++) {
        REAL *column = a + k * n;
        int64_t p = k;
        for (int64_t i = k + 1; i < n; i++)
            p = FN(fabs)(column[i]) > FN(fabs)(column[p]) ? i : p;
        pivots[k] = (int)p + 1;
        if (column[p] == 0) {
            info = info == 0 ? (int)k + 1 : info;
            continue;
        }
        for (int64_t j = 0; j < n; j++) {
            REAL x = a[j * n + p];
            a[j * n + p] = a[j * n + k];
            a[j * n + k] = x;
        }
        for (int64_t i = k + 1; i < n; i++)
            column[i] /= column[k];
        for (int64_t j = k + 1; j < n; j++)
            for (int64_t i = k + 1; i < n; i++)
                a[j * n + i] -= column[i] * a[j * n + k];
    }
    return info;
}

/* A = L L^T, row by row of the lower half. */
static int NAME(potrf)(int64_t n, REAL *a)
{
    for (int64_t i = 0; i < n; i++) {
        REAL *row = a + i * n;
        for (int64_t j = 0; j <= i; j++) {
            REAL x = row[j];
            for (int64_t q = 0; q < j; q++)
                x -= row[q] * a[j * n + q];
            if (j == i && !(x > 0))
                return (int)i + 1;
            row[j] = j == i ? FN(sqrt)(x) : x / a[j * n + j];
        }
    }
    return 0;
}

/* Element (i, j) of the triangle, which is a lower one from `first` on in steps of `step`, is a[i rs + j cs]. */
static void NAME(trsv)(int64_t m, int64_t first, int64_t step, bool unit, const REAL *a, int64_t rs, int64_t cs,
                       REAL *x)
{
    for (int64_t k = 0, i = first; k < m; k++, i += step) {
        REAL y = x[i];
        for (int64_t q = 0, j = first; q < k; q++, j += step)
            y -= a[i * rs + j * cs] * x[j];
        x[i] = unit ? y : y / a[i * rs + i * cs];
    }
}
