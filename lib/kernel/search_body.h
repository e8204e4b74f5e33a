/* search_body.h - see search.c: TYPE is the dtype's, NAME(f) names a function for it, IS_FLOAT says whether it has bins. All are
 * gone afterwards.
 *
 * In [begin, end), the first boundary that is not below v, or `right` of it: above. The steps depend on how many there are
 * alone, and which half it is is no branch: one would be guessed wrong every other time. So several are looked for at once. */

static inline __attribute__((always_inline)) int64_t NAME(bisected)(const TYPE *bounds, int64_t begin, int64_t end,
                                                                    TYPE v, bool right)
{
    int64_t at = begin, half;
    for (int64_t n = end - begin; n > 0; n -= half) {
        half = (n + 1) >> 1;
        TYPE b = bounds[at + half - 1];
        at += half & -(int64_t) !(right ? b > v : b >= v);
    }
    return at;
}

static inline __attribute__((always_inline)) void NAME(bisect_all)(const TYPE *bounds, int64_t m, int64_t n,
                                                                   const TYPE *values, int64_t *index, bool right)
{
    int64_t i = 0;
    for (; i + AT_ONCE <= n; i += AT_ONCE) {
        int64_t at[AT_ONCE] = {0}, half;
        for (int64_t left = m; left > 0; left -= half) {
            half = (left + 1) >> 1;
            for (int k = 0; k < AT_ONCE; k++) {
                TYPE b = bounds[at[k] + half - 1], v = values[i + k];
                at[k] += half & -(int64_t) !(right ? b > v : b >= v);
            }
        }
        memcpy(index + i, at, sizeof at);
    }
    for (; i < n; i++)
        index[i] = NAME(bisected)(bounds, 0, m, values[i], right);
}

static void NAME(left_of_all)(const void *bounds, int64_t m, int64_t n, const void *values, int64_t *index)
{
    NAME(bisect_all)(bounds, m, n, values, index, false);
}
static void NAME(right_of_all)(const void *bounds, int64_t m, int64_t n, const void *values, int64_t *index)
{
    NAME(bisect_all)(bounds, m, n, values, index, true);
}

#if IS_FLOAT
/* The bin of v, or -1 outside of the edges. */
static int64_t NAME(bin)(tp__bin_rule rule, const TYPE *edge, int64_t bins, TYPE v)
{
    if (!(v >= edge[0] && v <= edge[bins]))
        return -1;
    int64_t at = rule == TP__BIN_SEARCH ? NAME(bisected)(edge, 0, bins + 1, v, true) - 1
                                        : tp__to_i64((v - edge[0]) * (TYPE)bins / (edge[bins] - edge[0]));
    if (rule == TP__BIN_NEAR)
        at = NAME(bisected)(edge, at > 0 ? at - 1 : 0, at + 2 < bins + 1 ? at + 2 : bins + 1, v, true) - 1;
    return at >= bins ? bins - 1 : at < 0 ? 0 : at;
}
#endif

#undef TYPE
#undef NAME
#undef IS_FLOAT
