/* split.c - a tensor in parts, as views: how many there are, or -1 after a failure. */
#include "ops/ops.h"

/* The dimension to split along; -1 after a failure, which is also that there is no place for the parts. */
static int dim_to_split(tp_tape *T, const char *name, tp_tensor *x, int dim, int max, tp_tensor **out)
{
    return tp__has_dims(T, name, x, 1) && tp__listed(T, name, "places for parts", max, 0, out)
               ? tp__dim_of(T, name, x->ndim, dim)
               : -1;
}

static int part(tp_tape *T, const char *name, tp_tensor *x, int dim, int64_t at, int64_t length, int i, int max,
                tp_tensor **out)
{
    if (i >= max) {
        tp_fail(T, TP_EINVAL, "%s: more parts than places for them, %d; as many are needed", name, max);
        return -1;
    }
    out[i] = tp_narrow(T, x, dim, at, length);
    return out[i] ? i + 1 : -1;
}

int tp_split_with_sizes(tp_tape *T, tp_tensor *x, int n, const int64_t *sizes, int dim, int max, tp_tensor **out)
{
    TP__NAMED(T, "split_with_sizes");
    int d = dim_to_split(T, "split", x, dim, max, out), done = 0;
    if (d < 0 || !tp__listed(T, "split", "sizes", n, 0, sizes))
        return -1;
    int64_t at = 0, left = x->shape[d];
    for (int i = 0; i < n && left >= 0; i++)
        left = sizes[i] < 0 || sizes[i] > left ? -1 : left - sizes[i];
    if (left != 0) {
        tp_fail(T, TP_ESHAPE, "split: sizes with another sum than %lld, or negative ones; that sum is needed",
                (long long)x->shape[d]);
        return -1;
    }
    for (int i = 0; i < n && done >= 0; at += sizes[i++])
        done = part(T, "split", x, d, at, sizes[i], i, max, out);
    return done;
}

int tp_split(tp_tape *T, tp_tensor *x, int64_t size, int dim, int max, tp_tensor **out)
{
    int d = dim_to_split(T, "split", x, dim, max, out), done = 0;
    if (d >= 0 && (size < 0 || (size == 0 && x->shape[d] > 0)))
        tp_fail(T, TP_EINVAL, "split: into parts of %lld; 1 or more is needed", (long long)size);
    if (d < 0 || !tp__ok(T))
        return -1;
    int64_t at = 0, left = x->shape[d];
    do {
        int64_t length = left < size ? left : size;
        done = part(T, "split", x, d, at, length, done, max, out);
        at += length;
        left -= length;
    } while (left > 0 && done >= 0);
    return done;
}

int tp_chunk(tp_tape *T, tp_tensor *x, int64_t chunks, int dim, int max, tp_tensor **out)
{
    TP__NAMED(T, "chunk");
    int d = dim_to_split(T, "chunk", x, dim, max, out);
    if (d >= 0 && chunks <= 0)
        tp_fail(T, TP_EINVAL, "chunk: into %lld parts; 1 or more are needed", (long long)chunks);
    if (d < 0 || chunks <= 0)
        return -1;
    int64_t size = x->shape[d] / chunks + (x->shape[d] % chunks != 0);
    if (size > 0)
        return tp_split(T, x, size, d, max, out);
    int done = 0;
    for (int64_t i = 0; i < chunks && done >= 0; i++)
        done = part(T, "chunk", x, d, 0, 0, done, max, out);
    return done;
}

int tp_tensor_split(tp_tape *T, tp_tensor *x, int64_t sections, int dim, int max, tp_tensor **out)
{
    int d = dim_to_split(T, "tensor_split", x, dim, max, out), done = 0;
    if (d >= 0 && sections <= 0)
        tp_fail(T, TP_EINVAL, "tensor_split: into %lld parts; 1 or more are needed", (long long)sections);
    if (d < 0 || sections <= 0)
        return -1;
    int64_t size = x->shape[d] / sections, larger = x->shape[d] % sections, at = 0;
    for (int64_t i = 0; i < sections && done >= 0; i++) {
        done = part(T, "tensor_split", x, d, at, size + (i < larger), done, max, out);
        at += size + (i < larger);
    }
    return done;
}

int tp_tensor_split_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int dim, int max, tp_tensor **out)
{
    TP__NAMED(T, "tensor_split_at");
    int d = dim_to_split(T, "tensor_split", x, dim, max, out);
    if (d < 0 || !tp__listed(T, "tensor_split", "positions", n, 0, at))
        return -1;
    for (int i = 0; i <= n; i++) {
        if (i >= max) {
            tp_fail(T, TP_EINVAL, "tensor_split: %d parts, %d places for them; as many are needed", n + 1, max);
            return -1;
        }
        out[i] = tp_slice(T, x, d, i ? at[i - 1] : 0, i < n ? at[i] : INT64_MAX, 1);
        if (out[i] == NULL)
            return -1;
    }
    return n + 1;
}

int tp_unbind(tp_tape *T, tp_tensor *x, int dim, int max, tp_tensor **out)
{
    int d = dim_to_split(T, "unbind", x, dim, max, out);
    if (d < 0)
        return -1;
    if (x->shape[d] > max) {
        tp_fail(T, TP_EINVAL, "unbind: %lld parts, %d places for them; as many are needed", (long long)x->shape[d],
                max);
        return -1;
    }
    for (int i = 0; i < x->shape[d]; i++)
        if ((out[i] = tp_select(T, x, d, i)) == NULL)
            return -1;
    return (int)x->shape[d];
}

/* ---- NumPy's names: equal parts only ------------------------------------------------------------------------------- */

static int even(tp_tape *T, const char *name, tp_tensor *x, int least, int dim, int64_t sections, int max,
                tp_tensor **out)
{
    if (!tp__has_dims(T, name, x, least))
        return -1;
    if (sections <= 0 || x->shape[dim] % sections != 0) {
        tp_fail(T, TP_ESHAPE, "%s: %lld elements in %lld equal parts; a number of parts that divides them is needed",
                name, (long long)x->shape[dim], (long long)sections);
        return -1;
    }
    return tp_tensor_split(T, x, sections, dim, max, out);
}

int tp_hsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out)
{
    TP__NAMED(T, "hsplit");
    return even(T, "hsplit", x, 1, x && x->ndim > 1, sections, max, out);
}
int tp_vsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out)
{
    TP__NAMED(T, "vsplit");
    return even(T, "vsplit", x, 2, 0, sections, max, out);
}
int tp_dsplit(tp_tape *T, tp_tensor *x, int64_t sections, int max, tp_tensor **out)
{
    TP__NAMED(T, "dsplit");
    return even(T, "dsplit", x, 3, 2, sections, max, out);
}

static int cut_at(tp_tape *T, const char *name, tp_tensor *x, int least, int dim, int n, const int64_t *at, int max,
                  tp_tensor **out)
{
    return tp__has_dims(T, name, x, least) ? tp_tensor_split_at(T, x, n, at, dim, max, out) : -1;
}

int tp_hsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out)
{
    TP__NAMED(T, "hsplit_at");
    return cut_at(T, "hsplit", x, 1, x && x->ndim > 1, n, at, max, out);
}
int tp_vsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out)
{
    TP__NAMED(T, "vsplit_at");
    return cut_at(T, "vsplit", x, 2, 0, n, at, max, out);
}
int tp_dsplit_at(tp_tape *T, tp_tensor *x, int n, const int64_t *at, int max, tp_tensor **out)
{
    TP__NAMED(T, "dsplit_at");
    return cut_at(T, "dsplit", x, 3, 2, n, at, max, out);
}
