/* pixels_body.h - see pixels.c: r rows of w elements, `apart`, beside one another, or back; TYPE is as wide as an element, NAME(f)
 * names a function for it. Both are gone afterwards. */

static inline __attribute__((always_inline)) void NAME(turn)(int64_t r, int64_t w, TYPE *rows, int64_t apart, TYPE *row,
                                                             bool back)
{
    for (int64_t x = 0; x < w; x++)
        for (int64_t k = 0; k < r; k++)
            if (back)
                rows[k * apart + x] = row[x * r + k];
            else
                row[x * r + k] = rows[k * apart + x];
}

static inline __attribute__((always_inline)) void NAME(pair)(int64_t w, TYPE *restrict a, TYPE *restrict b,
                                                             TYPE *restrict row, bool back)
{
    for (int64_t x = 0; x < w; x++)
        if (back) {
            a[x] = row[2 * x];
            b[x] = row[2 * x + 1];
        } else {
            row[2 * x] = a[x];
            row[2 * x + 1] = b[x];
        }
}

/* The usual r as a constant. */
static void NAME(row)(const tp__pixels *p, void *rows, void *row, bool back)
{
    int64_t apart = p->h * p->w;
    TYPE *many = rows, *one = row;
    if (p->r == 2 && back)
        NAME(pair)(p->w, many, many + apart, one, true);
    else if (p->r == 2)
        NAME(pair)(p->w, many, many + apart, one, false);
    else if (p->r == 4 && back)
        NAME(turn)(4, p->w, many, apart, one, true);
    else if (p->r == 4)
        NAME(turn)(4, p->w, many, apart, one, false);
    else if (p->r == 3 && back)
        NAME(turn)(3, p->w, many, apart, one, true);
    else if (p->r == 3)
        NAME(turn)(3, p->w, many, apart, one, false);
    else
        NAME(turn)(p->r, p->w, many, apart, one, back);
}

#undef TYPE
#undef NAME
