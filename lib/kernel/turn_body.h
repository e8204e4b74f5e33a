/* turn_body.h - see vec_turn.c: REAL and NAME are the type at hand and its suffix. */

/* TURN rows; where n is a constant the compiler turns whole vectors. */
static ALWAYS_INLINE void NAME(turn_sized)(int64_t n, const REAL *restrict x, REAL *restrict t)
{
    for (int r = 0; r < TURN; r++)
        for (int64_t k = 0; k < n; k++)
            t[k * TURN + r] = x[r * n + k];
}

static void NAME(turn)(int64_t n, int64_t count, const void *rows, void *turned)
{
    const REAL *restrict x = rows;
    REAL *restrict t = turned;
    bool whole = count == TURN && tp__turns_whole(n, sizeof(REAL));
    if (whole && n == 8)
        NAME(turn_sized)(8, x, t);
    else if (whole)
        NAME(turn_sized)(16, x, t);
    for (int64_t r = 0; r < (whole ? 0 : TURN); r++) {
        const REAL *row = x + (r < count ? r : 0) * n;
        for (int64_t k = 0; k < n; k++)
            t[k * TURN + r] = row[k];
    }
}

static ALWAYS_INLINE void NAME(turn_back_sized)(int64_t n, const REAL *restrict t, REAL *restrict y)
{
    for (int r = 0; r < TURN; r++)
        for (int64_t k = 0; k < n; k++)
            y[r * n + k] = t[k * TURN + r];
}

static void NAME(turn_back)(int64_t n, int64_t count, const void *turned, void *rows, bool accumulate)
{
    const REAL *restrict t = turned;
    REAL *restrict y = rows;
    bool whole = count == TURN && !accumulate && tp__turns_whole(n, sizeof(REAL));
    if (whole && n == 8)
        NAME(turn_back_sized)(8, t, y);
    else if (whole)
        NAME(turn_back_sized)(16, t, y);
    for (int64_t r = 0; r < (whole ? 0 : count); r++, y += n)
        for (int64_t k = 0; k < n; k++)
            y[k] = accumulate ? y[k] + t[k * TURN + r] : t[k * TURN + r];
}
