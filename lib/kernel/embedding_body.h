/* embedding_body.h - see embedding.c: REAL and NAME are the type at hand and its suffix. */

static void NAME(sum_bag)(const tp__bags *b, int64_t begin, int64_t end, REAL *restrict y)
{
    const REAL *w = b->weight, *factor = b->factor;
    int64_t n = b->columns;
    memset(y, 0, (size_t)n * sizeof *y);
    for (int64_t e = begin; e < end; e++) {
        const REAL *restrict row = w + b->index[e] * n;
        REAL f = factor ? factor[e] : 1;
        if (e + AHEAD < b->entries)
            tp__prefetch(w, b->index[e + AHEAD] * n, n, sizeof *w);
        if (b->index[e] != b->padding)
            for (int64_t i = 0; i < n; i++)
                y[i] += f * row[i];
    }
    REAL count = (REAL)counted(b, begin, end);
    for (int64_t i = 0; i < n && b->mode == TP__BAG_MEAN && count > 1; i++)
        y[i] /= count;
}

/* The first of the largest, NaN counting as the largest. */
static void NAME(largest)(const tp__bags *b, int64_t begin, int64_t end, REAL *restrict y, int64_t *restrict which)
{
    int64_t n = b->columns;
    for (int64_t i = 0; i < n; i++) {
        y[i] = 0;
        which[i] = -1;
    }
    for (int64_t e = begin; e < end; e++) {
        const REAL *restrict row = (const REAL *)b->weight + b->index[e] * n;
        for (int64_t i = 0; i < n && b->index[e] != b->padding; i++)
            if (which[i] < 0 || row[i] > y[i] || (row[i] != row[i] && y[i] == y[i])) {
                y[i] = row[i];
                which[i] = b->index[e];
            }
    }
}

static void NAME(forward)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    for (int64_t k = begin; k < end; k++) {
        int64_t first, last;
        bag(j->b, k, &first, &last);
        REAL *y = (REAL *)j->to + k * j->b->columns;
        if (j->b->mode == TP__BAG_MAX)
            NAME(largest)(j->b, first, last, y, j->which + k * j->b->columns);
        else
            NAME(sum_bag)(j->b, first, last, y);
    }
}

/* Some columns of all bags, so that rows which come several times are added up in order. */
static void NAME(backward)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__bags *b = j->b;
    const REAL *factor = b->factor;
    int64_t n = b->columns;
    for (int64_t k = 0; k < b->bags; k++) {
        int64_t first, last;
        bag(b, k, &first, &last);
        const REAL *restrict g = (const REAL *)j->g + k * n;
        REAL share = b->mode == TP__BAG_MEAN ? 1 / (REAL)most(1, counted(b, first, last)) : 1;
        for (int64_t e = first; e < last; e++) {
            REAL *restrict to = (REAL *)j->to + b->index[e] * n;
            REAL f = share * (factor ? factor[e] : 1);
            if (e + AHEAD < b->entries)
                tp__prefetch(j->to, b->index[e + AHEAD] * n + begin, end - begin, sizeof *to);
            if (b->index[e] == b->padding)
                continue;
            f = b->count ? f / (REAL)b->count[b->index[e]] : f;
            for (int64_t i = begin; i < end; i++)
                to[i] += f * g[i];
        }
    }
}

static void NAME(backward_largest)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    int64_t n = j->b->columns;
    for (int64_t k = 0; k < j->b->bags; k++)
        for (int64_t i = begin; i < end; i++)
            if (j->which[k * n + i] >= 0)
                ((REAL *)j->to)[j->which[k * n + i] * n + i] += ((const REAL *)j->g)[k * n + i];
}

static void NAME(factors)(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__bags *b = j->b;
    int64_t n = b->columns;
    for (int64_t k = begin; k < end; k++) {
        int64_t first, last;
        bag(b, k, &first, &last);
        for (int64_t e = first; e < last; e++) {
            const REAL *g = (const REAL *)j->g + k * n, *row = (const REAL *)b->weight + b->index[e] * n;
            REAL sum = 0, *to = (REAL *)j->to + e;
            for (int64_t i = 0; i < n && b->index[e] != b->padding; i++)
                sum += g[i] * row[i];
            *to = j->accumulate ? *to + sum : sum;
        }
    }
}
