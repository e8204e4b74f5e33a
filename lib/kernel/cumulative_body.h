/* cumulative_body.h - see cumulative.c: T, ACC, NAME and IS_NAN are the type at hand, what it gathers in, its suffix, and
 * whether it is none of the numbers. */

static inline void NAME(sums_of)(const walk *w, int64_t at, int64_t columns)
{
    ACC sum[COLUMNS] = {0};
    for (int64_t k = 0; k < w->n; k++) {
        int64_t row = at + (w->reverse ? w->n - 1 - k : k) * w->inner;
        for (int64_t c = 0; c < columns; c++)
            ((T *)w->out)[row + c] = (T)(sum[c] += (ACC)((const T *)w->in)[row + c]);
    }
}

static inline void NAME(products_of)(const walk *w, int64_t at, int64_t columns)
{
    ACC product[COLUMNS];
    for (int64_t c = 0; c < columns; c++)
        product[c] = 1;
    for (int64_t k = 0; k < w->n; k++) {
        int64_t row = at + (w->reverse ? w->n - 1 - k : k) * w->inner;
        for (int64_t c = 0; c < columns; c++)
            ((T *)w->out)[row + c] = (T)(product[c] *= (ACC)((const T *)w->in)[row + c]);
    }
}

/* The last of equal values; once NaN, always NaN, at its latest place. */
static inline void NAME(extremes_of)(const walk *w, int64_t at, int64_t columns)
{
    T best[COLUMNS];
    int64_t place[COLUMNS];
    for (int64_t c = 0; c < columns; c++) {
        best[c] = ((const T *)w->in)[at + c];
        place[c] = 0;
    }
    for (int64_t k = 0; k < w->n; k++) {
        int64_t row = at + k * w->inner;
        for (int64_t c = 0; c < columns; c++) {
            T x = ((const T *)w->in)[row + c];
            bool reaches = w->kind == TP__CUMMAX ? x >= best[c] : x <= best[c];
            bool better = IS_NAN(x) || (reaches && !IS_NAN(best[c]));
            best[c] = better ? x : best[c];
            place[c] = better ? k : place[c];
            ((T *)w->out)[row + c] = best[c];
            w->index[row + c] = place[c];
        }
    }
}

/* Lines that lie in a row are single columns: the loop over columns goes, and what gathers stays in a register. */
#define ONE_OR_MORE(f) \
    static void NAME(f)(const walk *w, int64_t at, int64_t columns) \
    { \
        if (columns == 1) \
            NAME(f##_of)(w, at, 1); \
        else \
            NAME(f##_of)(w, at, columns); \
    }
ONE_OR_MORE(sums)
ONE_OR_MORE(products)
ONE_OR_MORE(extremes)
#undef ONE_OR_MORE
