/* combinations.c - the choices of r elements of a vector. */
#include "ops/ops.h"

/* n over r, or -1 where that is too large. */
static int64_t choices(int64_t n, int64_t r)
{
    int64_t count = 1;
    if (r > n)
        return 0;
    r = r > n - r ? n - r : r;
    for (int64_t i = 1; i <= r; i++) {
        if (count > INT64_MAX / (n - r + i))
            return -1;
        count = count * (n - r + i) / i;
    }
    return count;
}

/* The choice after `row`, in lexicographic order: the last entry that can grow grows, those after it start again. */
static void next_choice(int64_t n, int64_t r, bool again, const int64_t *row, int64_t *next)
{
    int64_t i = r - 1;
    while (i > 0 && row[i] == (again ? n - 1 : n - r + i))
        i--;
    for (int64_t k = 0; k < r; k++)
        next[k] = k < i ? row[k] : row[i] + 1 + (again ? 0 : k - i);
}

tp_tensor *tp_combinations(tp_tape *T, tp_tensor *x, int64_t r, bool with_replacement)
{
    if (!tp__usable(T, "combinations", x))
        return NULL;
    if (x->ndim != 1 || r < 0) {
        tp_fail(T, TP_EINVAL, "combinations: of %lld, x is %s; 0 or more of a vector are needed", (long long)r,
                TP__SHAPE(x));
        return NULL;
    }
    int64_t n = x->numel, count = 0;
    if (r == 0)
        return tp_empty(T, x->dtype, (tp_dims){1, {0}});
    if (n > 0)
        count = !with_replacement ? choices(n, r) : r > INT64_MAX - n ? -1 : choices(n + r - 1, r);
    if (count < 0 || count > INT64_MAX / r) {
        tp_fail(T, TP_ENOMEM, "combinations: too many");
        return NULL;
    }
    tp_tensor *at = tp_empty(T, TP_I64, (tp_dims){1, {count * r}});
    if (at == NULL)
        return NULL;
    int64_t *row = at->data;
    for (int64_t k = 0; k < r && count > 0; k++)
        row[k] = with_replacement ? 0 : k;
    for (int64_t i = 1; i < count; i++, row += r)
        next_choice(n, r, with_replacement, row, row + r);
    return tp_reshape(T, tp_index_select(T, x, 0, at), (tp_dims){2, {count, r}});
}
