/* small_products_body.h - see vec_small_products.c: REAL and NAME are the type at hand and its suffix. */

/* One product, for a number of columns that the compiler knows. */
static inline __attribute__((always_inline)) void NAME(one)(const tp__small_products *p, const REAL *a, const REAL *b,
                                                            int64_t b_row, REAL *c, const int m)
{
    for (int64_t i = 0; i < p->n; i++, a += p->a_row, c += m) {
        REAL sum[TP__SMALL_SIDE];
        for (int j = 0; j < m; j++)
            sum[j] = 0;
        for (int64_t q = 0; q < p->k; q++)
            for (int j = 0; j < m; j++)
                sum[j] += a[q * p->a_column] * b[q * b_row + j];
        for (int j = 0; j < m; j++)
            c[j] = p->accumulate ? c[j] + sum[j] : sum[j];
    }
}

static inline __attribute__((always_inline)) void NAME(all)(const tp__small_products *p, const int m)
{
    const REAL *a = p->a, *b = p->b;
    REAL *c = p->c, rows[TP__SMALL_SIDE * TP__SMALL_SIDE];
    for (int64_t i = 0; i < p->count; i++, a += p->a_step, b += p->b_step, c += p->n * m) {
        const bool across = p->b_column != 1;
        for (int64_t q = 0; q < p->k && across; q++)
            for (int j = 0; j < m; j++)
                rows[q * m + j] = b[q * p->b_row + j * p->b_column];
        NAME(one)(p, a, across ? rows : b, across ? m : p->b_row, c, m);
    }
}

static void NAME(multiply)(const tp__small_products *p)
{
    switch (p->m) {
    case 1:
        NAME(all)(p, 1);
        break;
    case 2:
        NAME(all)(p, 2);
        break;
    case 3:
        NAME(all)(p, 3);
        break;
    case 4:
        NAME(all)(p, 4);
        break;
    case 5:
        NAME(all)(p, 5);
        break;
    case 6:
        NAME(all)(p, 6);
        break;
    case 7:
        NAME(all)(p, 7);
        break;
    default:
        NAME(all)(p, 8);
    }
}
