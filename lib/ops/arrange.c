/* arrange.c - dimensions moved, parts in lists, copies side by side: functions made of views, cat and gather; flip. */
#include "ops/ops.h"

/* ---- flip ----------------------------------------------------------------------------------------------------- */

/* attr: bit d for dimension d. The copy walks these from the end. */
static tp_status flip_infer(tp_call *c)
{
    uint32_t mask = *(const uint32_t *)c->attr;
    return mask >> c->in[0]->ndim ? tp__no_such_dim(c, 31 - __builtin_clz(mask)) : tp__infer_like_first(c);
}

static tp_status flip_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0];
    uint32_t mask = *(const uint32_t *)c->attr;
    tp__operand in = tp__operand_of(x, tp__dims_of(x));
    int64_t offset = 0;
    for (int d = 0; d < x->ndim; d++)
        if ((mask >> d) & 1u && x->shape[d] > 0) {
            offset += (x->shape[d] - 1) * in.stride[d];
            in.stride[d] = -in.stride[d];
        }
    in.data = (const char *)in.data + offset * (int64_t)tp_dtype_size((tp_dtype)x->dtype);
    if (x->numel)
        tp__copy(tp__dims_of(x), c->out[0]->data, (tp_dtype)x->dtype, &in);
    return TP_OK;
}

static tp_status flip_vjp(tp_vjp *v);

static void flip_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){3, {2, 3, 4}}, &(uint32_t){5});
    tp__sample_one(s, (tp_dims){2, {0, 4}}, &(uint32_t){3});
    tp__sample_one(s, (tp_dims){.ndim = 0}, &(uint32_t){0});
}

static const tp_op flip_op = {.name = "flip",
                              .n_in = 1,
                              .n_out = 1,
                              .attr_size = sizeof(uint32_t),
                              .flags = TP_OP_STRIDED | TP__READS_NOTHING,
                              .infer = flip_infer,
                              .forward = flip_forward,
                              .vjp = flip_vjp,
                              .samples = flip_samples,
                              .grad_name = "FlipBackward0"};

static tp_status flip_vjp(tp_vjp *v)
{
    v->gin[0] = tp__apply1(v->tape, &flip_op, v->attr, v->gout[0]);
    return TP_OK;
}

tp_tensor *tp_flip(tp_tape *T, tp_tensor *x, int n, const int *dims)
{
    uint32_t mask = 0;
    tp_call c = {.tape = T, .op = &flip_op};
    if (!tp__usable(T, "flip", x) || (n > 0 && tp__dims_mask(&c, x->ndim, n, dims, &mask) != TP_OK))
        return NULL;
    return tp__apply1(T, &flip_op, &mask, x);
}

/* Fails where x has fewer dimensions than are needed. */
static bool has_dims(tp_tape *T, const char *name, const tp_tensor *x, int least)
{
    if (!tp__usable(T, name, x))
        return false;
    if (x->ndim < least)
        tp_fail(T, TP_ESHAPE, "%s: needs %d dimensions or more, not %d", name, least, x->ndim);
    return x->ndim >= least;
}

tp_tensor *tp_fliplr(tp_tape *T, tp_tensor *x)
{
    return has_dims(T, "fliplr", x, 2) ? tp_flip(T, x, 1, &(int){1}) : NULL;
}
tp_tensor *tp_flipud(tp_tape *T, tp_tensor *x)
{
    return has_dims(T, "flipud", x, 1) ? tp_flip(T, x, 1, &(int){0}) : NULL;
}

/* ---- dimensions ------------------------------------------------------------------------------------------------- */

tp_tensor *tp_movedim(tp_tape *T, tp_tensor *x, int n, const int *source, const int *destination)
{
    tp_dims order = {.ndim = 0};
    bool taken[TP_MAX_DIMS] = {false}, set[TP_MAX_DIMS] = {false};
    if (!tp__usable(T, "movedim", x))
        return NULL;
    order.ndim = x->ndim;
    for (int i = 0; i < n; i++) {
        int from = tp__dim_of(T, "movedim", x->ndim, source[i]), to = tp__dim_of(T, "movedim", x->ndim, destination[i]);
        if (from < 0 || to < 0)
            return NULL;
        if (taken[from] || set[to]) {
            tp_fail(T, TP_EINVAL, "movedim: a dimension is named twice");
            return NULL;
        }
        taken[from] = set[to] = true;
        order.dim[to] = from;
    }
    for (int d = 0, from = 0; d < x->ndim; d++) {
        if (set[d])
            continue;
        while (taken[from])
            from++;
        order.dim[d] = from++;
    }
    return tp_permute(T, x, order);
}

tp_tensor *tp_unflatten(tp_tape *T, tp_tensor *x, int dim, tp_dims sizes)
{
    if (!has_dims(T, "unflatten", x, 1))
        return NULL;
    int at = tp__dim_of(T, "unflatten", x->ndim, dim);
    if (at < 0)
        return NULL;
    tp_dims shape = {.ndim = x->ndim - 1 + sizes.ndim};
    int64_t known;
    int open = -1;
    if (sizes.ndim < 1 || shape.ndim > TP_MAX_DIMS) {
        tp_fail(T, TP_ESHAPE, "unflatten: to %d dimensions", shape.ndim);
        return NULL;
    }
    for (int d = 0; d < sizes.ndim; d++)
        if (sizes.dim[d] == -1 && open < 0)
            sizes.dim[open = d] = 1;
    bool fits = tp__dims_numel(sizes, &known);
    if (fits && open >= 0 && known > 0) {
        sizes.dim[open] = x->shape[at] / known;
        known *= sizes.dim[open];
    }
    if (!fits || known != x->shape[at] || (open >= 0 && known == 0 && sizes.dim[open] != 0)) {
        tp_fail(T, TP_ESHAPE, "unflatten: sizes do not multiply to %lld", (long long)x->shape[at]);
        return NULL;
    }
    for (int d = 0; d < shape.ndim; d++)
        shape.dim[d] = d < at ? x->shape[d] : d < at + sizes.ndim ? sizes.dim[d - at] : x->shape[d - sizes.ndim + 1];
    return tp_view(T, x, shape);
}

tp_tensor *tp_atleast(tp_tape *T, tp_tensor *x, int n)
{
    if (!tp__usable(T, "atleast", x))
        return NULL;
    if (x->ndim == 0 && n >= 1)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 1 && n >= 2)
        x = tp_unsqueeze(T, x, 0);
    if (x && x->ndim == 2 && n >= 3)
        x = tp_unsqueeze(T, x, -1);
    return x;
}

bool tp_broadcast_shapes(int n, const tp_dims *shapes, tp_dims *out)
{
    *out = (tp_dims){.ndim = 0};
    for (int i = 0; i < n; i++)
        if (!tp__dims_broadcast(*out, shapes[i], out))
            return false;
    return true;
}

tp_status tp_broadcast_tensors(tp_tape *T, int n, tp_tensor *const *x, tp_tensor **out)
{
    tp_dims shape = {.ndim = 0};
    char a[200], b[200];
    for (int i = 0; i < n; i++) {
        out[i] = NULL;
        if (!tp__usable(T, "broadcast_tensors", x[i]))
            return T ? T->status : TP_EINVAL;
        if (!tp__dims_broadcast(shape, tp__dims_of(x[i]), &shape))
            return tp_fail(T, TP_ESHAPE, "broadcast_tensors: %s and %s do not fit", tp__dims_text(shape, a, sizeof a),
                           tp__dims_text(tp__dims_of(x[i]), b, sizeof b));
    }
    for (int i = 0; i < n; i++)
        out[i] = tp_expand(T, x[i], shape);
    return T ? T->status : TP_EINVAL;
}

/* ---- parts in lists: how many there are, or -1 ------------------------------------------------------------------- */

static int part(tp_tape *T, const char *name, tp_tensor *x, int dim, int64_t at, int64_t length, int i, int max,
                tp_tensor **out)
{
    if (i >= max) {
        tp_fail(T, TP_EINVAL, "%s: more than %d parts", name, max);
        return -1;
    }
    out[i] = tp_narrow(T, x, dim, at, length);
    return out[i] ? i + 1 : -1;
}

int tp_split_with_sizes(tp_tape *T, tp_tensor *x, int n, const int64_t *sizes, int dim, int max, tp_tensor **out)
{
    if (!has_dims(T, "split", x, 1))
        return -1;
    int d = tp__dim_of(T, "split", x->ndim, dim), done = 0;
    if (d < 0)
        return -1;
    int64_t at = 0, left = x->shape[d];
    for (int i = 0; i < n && left >= 0; i++)
        left = sizes[i] < 0 || sizes[i] > left ? -1 : left - sizes[i];
    if (left != 0) {
        tp_fail(T, TP_ESHAPE, "split: the sizes do not add up to %lld", (long long)x->shape[d]);
        return -1;
    }
    for (int i = 0; i < n && done >= 0; at += sizes[i++])
        done = part(T, "split", x, d, at, sizes[i], i, max, out);
    return done;
}

int tp_split(tp_tape *T, tp_tensor *x, int64_t size, int dim, int max, tp_tensor **out)
{
    if (!has_dims(T, "split", x, 1))
        return -1;
    int d = tp__dim_of(T, "split", x->ndim, dim), done = 0;
    if (d >= 0 && (size < 0 || (size == 0 && x->shape[d] > 0)))
        tp_fail(T, TP_EINVAL, "split: into parts of %lld", (long long)size);
    if (d < 0 || !tp__ok(T))
        return -1;
    int64_t whole = x->shape[d];
    for (int64_t at = 0; (at < whole || at == 0) && done >= 0; at += size ? size : 1)
        done = part(T, "split", x, d, at, whole - at < size ? whole - at : size, done, max, out);
    return done;
}

int tp_chunk(tp_tape *T, tp_tensor *x, int64_t chunks, int dim, int max, tp_tensor **out)
{
    if (!has_dims(T, "chunk", x, 1))
        return -1;
    int d = tp__dim_of(T, "chunk", x->ndim, dim);
    if (d >= 0 && chunks <= 0)
        tp_fail(T, TP_EINVAL, "chunk: into %lld parts", (long long)chunks);
    if (d < 0 || chunks <= 0)
        return -1;
    int64_t size = (x->shape[d] + chunks - 1) / chunks;
    if (size > 0)
        return tp_split(T, x, size, d, max, out);
    int done = 0;
    for (int64_t i = 0; i < chunks && done >= 0; i++)
        done = part(T, "chunk", x, d, 0, 0, done, max, out);
    return done;
}

int tp_tensor_split(tp_tape *T, tp_tensor *x, int64_t sections, int dim, int max, tp_tensor **out)
{
    if (!has_dims(T, "tensor_split", x, 1))
        return -1;
    int d = tp__dim_of(T, "tensor_split", x->ndim, dim), done = 0;
    if (d >= 0 && sections <= 0)
        tp_fail(T, TP_EINVAL, "tensor_split: into %lld parts", (long long)sections);
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
    if (!has_dims(T, "tensor_split", x, 1))
        return -1;
    int d = tp__dim_of(T, "tensor_split", x->ndim, dim);
    if (d < 0)
        return -1;
    for (int i = 0; i <= n; i++) {
        if (i >= max) {
            tp_fail(T, TP_EINVAL, "tensor_split: more than %d parts", max);
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
    if (!has_dims(T, "unbind", x, 1))
        return -1;
    int d = tp__dim_of(T, "unbind", x->ndim, dim);
    if (d < 0)
        return -1;
    if (x->shape[d] > max) {
        tp_fail(T, TP_EINVAL, "unbind: %lld parts, more than %d", (long long)x->shape[d], max);
        return -1;
    }
    for (int i = 0; i < x->shape[d]; i++)
        if ((out[i] = tp_select(T, x, d, i)) == NULL)
            return -1;
    return (int)x->shape[d];
}

/* ---- side by side --------------------------------------------------------------------------------------------------- */

enum { MANY = 64 };

/* The tensors, made at least least-d, joined along dim. */
static tp_tensor *joined(tp_tape *T, const char *name, int n, tp_tensor *const *x, int least, int dim)
{
    tp_tensor *ready[MANY];
    if (n < 1 || n > MANY) {
        if (tp__ok(T))
            tp_fail(T, TP_EINVAL, "%s: of %d tensors, not 1 to %d", name, n, MANY);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        if ((ready[i] = tp_atleast(T, x[i], least)) == NULL)
            return NULL;
    return tp_cat(T, n, ready, dim < 0 ? (ready[0]->ndim > 1) : dim);
}

tp_tensor *tp_hstack(tp_tape *T, int n, tp_tensor *const *x) { return joined(T, "hstack", n, x, 1, -1); }
tp_tensor *tp_vstack(tp_tape *T, int n, tp_tensor *const *x) { return joined(T, "vstack", n, x, 2, 0); }
tp_tensor *tp_dstack(tp_tape *T, int n, tp_tensor *const *x) { return joined(T, "dstack", n, x, 3, 2); }

tp_tensor *tp_column_stack(tp_tape *T, int n, tp_tensor *const *x)
{
    tp_tensor *ready[MANY];
    for (int i = 0; i < n && i < MANY; i++)
        ready[i] = x[i] && x[i]->ndim < 2 ? tp_reshape(T, x[i], (tp_dims){2, {x[i]->numel, 1}}) : x[i];
    return joined(T, "column_stack", n, ready, 2, 1);
}

tp_tensor *tp_block_diag(tp_tape *T, int n, tp_tensor *const *x)
{
    tp_tensor *y = NULL;
    for (int i = 0; i < n; i++) {
        tp_tensor *block = tp_atleast(T, x[i], 2);
        if (block == NULL)
            return NULL;
        if (block->ndim != 2) {
            tp_fail(T, TP_ESHAPE, "block_diag: a %d-d block", block->ndim);
            return NULL;
        }
        if (y == NULL) {
            y = block;
            continue;
        }
        tp_dtype dtype = tp_promote_types((tp_dtype)y->dtype, (tp_dtype)block->dtype);
        tp_tensor *top[2] = {y, tp_zeros(T, dtype, (tp_dims){2, {y->shape[0], block->shape[1]}})};
        tp_tensor *bottom[2] = {tp_zeros(T, dtype, (tp_dims){2, {block->shape[0], y->shape[1]}}), block};
        tp_tensor *rows[2] = {tp_cat(T, 2, top, 1), tp_cat(T, 2, bottom, 1)};
        if ((y = tp_cat(T, 2, rows, 0)) == NULL)
            return NULL;
    }
    return y;
}

tp_status tp_meshgrid(tp_tape *T, int n, tp_tensor *const *x, bool xy, tp_tensor **out)
{
    tp_dims shape = {.ndim = n};
    for (int i = 0; i < n; i++)
        out[i] = NULL;
    if (n < 1 || n > TP_MAX_DIMS)
        return tp_fail(T, TP_EINVAL, "meshgrid: of %d tensors", n);
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "meshgrid", x[i]))
            return T ? T->status : TP_EINVAL;
        if (x[i]->ndim > 1 || x[i]->dtype != x[0]->dtype)
            return tp_fail(T, TP_ESHAPE, "meshgrid: vectors of one dtype are needed");
        shape.dim[i] = x[i]->numel;
    }
    bool swap = xy && n >= 2;
    for (int i = 0; i < n; i++) {
        tp_dims along = {.ndim = n};
        for (int d = 0; d < n; d++)
            along.dim[d] = d == i ? x[i]->numel : 1;
        out[i] = tp_expand(T, tp_reshape(T, x[i], along), shape);
        if (swap)
            out[i] = tp_transpose(T, out[i], 0, 1);
    }
    return T->status;
}

tp_tensor *tp_cartesian_prod(tp_tape *T, int n, tp_tensor *const *x)
{
    tp_tensor *grid[TP_MAX_DIMS];
    for (int i = 0; i < n; i++)
        if (!has_dims(T, "cartesian_prod", x[i], 1))
            return NULL;
    if (n == 1 && x[0]->ndim == 1)
        return x[0];
    if (tp_meshgrid(T, n, x, false, grid) != TP_OK)
        return NULL;
    for (int i = 0; i < n; i++)
        grid[i] = tp_reshape(T, grid[i], (tp_dims){1, {-1}});
    return tp_stack(T, n, grid, 1);
}

/* ---- moved around, repeated --------------------------------------------------------------------------------------- */

tp_tensor *tp_roll(tp_tape *T, tp_tensor *x, int n, const int64_t *shifts, const int *dims)
{
    if (!has_dims(T, "roll", x, dims && n > 0))
        return NULL;
    if (dims == NULL) { /* all of x as a vector */
        if (n != 1) {
            tp_fail(T, TP_EINVAL, "roll: %d shifts, and no dimensions", n);
            return NULL;
        }
        tp_tensor *flat = tp_roll(T, tp_reshape(T, x, (tp_dims){1, {-1}}), 1, shifts, &(int){0});
        return tp_reshape(T, flat, tp__dims_of(x));
    }
    tp_tensor *y = x;
    for (int i = 0; i < n && y; i++) {
        int d = tp__dim_of(T, "roll", x->ndim, dims[i]);
        if (d < 0)
            return NULL;
        int64_t size = x->shape[d], shift = size ? (shifts[i] % size + size) % size : 0;
        if (shift == 0)
            continue;
        tp_tensor *parts[2] = {tp_narrow(T, y, d, size - shift, shift), tp_narrow(T, y, d, 0, size - shift)};
        y = tp_cat(T, 2, parts, d);
    }
    return y == x ? tp_clone(T, x) : y;
}

tp_tensor *tp_rot90(tp_tape *T, tp_tensor *x, int k, int dim0, int dim1)
{
    if (!has_dims(T, "rot90", x, 2))
        return NULL;
    int a = tp__dim_of(T, "rot90", x->ndim, dim0), b = tp__dim_of(T, "rot90", x->ndim, dim1);
    if (a >= 0 && a == b)
        tp_fail(T, TP_EINVAL, "rot90: in the plane of dimension %d alone", a);
    if (a < 0 || b < 0 || a == b)
        return NULL;
    switch ((k % 4 + 4) % 4) {
    case 1:
        return tp_transpose(T, tp_flip(T, x, 1, &b), a, b);
    case 2:
        return tp_flip(T, x, 2, (const int[2]){a, b});
    case 3:
        return tp_transpose(T, tp_flip(T, x, 1, &a), a, b);
    default:
        return tp_clone(T, x);
    }
}

/* x repeated along one dimension: [n, size] as one of n size */
static tp_tensor *repeated(tp_tape *T, tp_tensor *x, int dim, int64_t times, bool each)
{
    tp_tensor *y = tp_unsqueeze(T, x, dim + each);
    if (y == NULL)
        return NULL;
    tp_dims shape = tp__dims_of(y);
    shape.dim[dim + each] = times;
    return tp_flatten(T, tp_expand(T, y, shape), dim, dim + 1);
}

tp_tensor *tp_repeat(tp_tape *T, tp_tensor *x, tp_dims times)
{
    if (!tp__usable(T, "repeat", x))
        return NULL;
    bool bad = times.ndim < x->ndim || times.ndim > TP_MAX_DIMS;
    for (int d = 0; d < times.ndim && !bad; d++)
        bad = times.dim[d] < 0;
    if (bad) {
        tp_fail(T, TP_EINVAL, "repeat: %d counts, none negative, are needed for a %d-d tensor", x->ndim, x->ndim);
        return NULL;
    }
    tp_tensor *y = x;
    while (y && y->ndim < times.ndim)
        y = tp_unsqueeze(T, y, 0);
    for (int d = 0; d < times.ndim && y; d++)
        if (times.dim[d] != 1)
            y = repeated(T, y, d, times.dim[d], false);
    return y && y->storage == x->storage ? tp_clone(T, y) : y;
}

tp_tensor *tp_tile(tp_tape *T, tp_tensor *x, tp_dims times)
{
    if (!tp__usable(T, "tile", x))
        return NULL;
    tp_dims padded = times;
    int lead = x->ndim - times.ndim;
    for (int d = 0; lead > 0 && d < x->ndim; d++)
        padded.dim[d] = d < lead ? 1 : times.dim[d - lead];
    padded.ndim = lead > 0 ? x->ndim : times.ndim;
    return tp_repeat(T, x, padded);
}

tp_tensor *tp_repeat_interleave(tp_tape *T, tp_tensor *x, int64_t times, int dim)
{
    if (!has_dims(T, "repeat_interleave", x, 1))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d >= 0 && times < 0)
        tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times", (long long)times);
    return d < 0 || times < 0 ? NULL : repeated(T, x, d, times, true);
}

tp_tensor *tp_repeat_interleave_tensor(tp_tape *T, tp_tensor *x, tp_tensor *times, int dim)
{
    if (!has_dims(T, "repeat_interleave", x, 1) || !tp__usable(T, "repeat_interleave", times))
        return NULL;
    int d = tp__dim_of(T, "repeat_interleave", x->ndim, dim);
    if (d < 0)
        return NULL;
    if (times->ndim > 1 || tp_dtype_is_float((tp_dtype)times->dtype) ||
        (times->numel != 1 && times->numel != x->shape[d])) {
        tp_fail(T, TP_EINVAL, "repeat_interleave: %lld counts of %s for %lld slices", (long long)times->numel,
                tp_dtype_name((tp_dtype)times->dtype), (long long)x->shape[d]);
        return NULL;
    }
    tp_tensor *count = tp_expand(T, tp_to(T, tp_reshape(T, times, (tp_dims){1, {-1}}), TP_I64),
                                 (tp_dims){1, {x->shape[d]}});
    if ((count = tp_contiguous(T, count)) == NULL)
        return NULL;
    const int64_t *each = count->data;
    int64_t total = 0;
    for (int64_t i = 0; i < count->numel; i++) {
        if (each[i] < 0 || each[i] > INT64_MAX / 64 - total) {
            tp_fail(T, TP_EINVAL, "repeat_interleave: %lld times", (long long)each[i]);
            return NULL;
        }
        total += each[i];
    }
    tp_tensor *index = tp_empty(T, TP_I64, (tp_dims){1, {total}});
    for (int64_t i = 0, at = 0; index && i < count->numel; i++)
        for (int64_t j = 0; j < each[i]; j++)
            ((int64_t *)index->data)[at++] = i;
    return tp_index_select(T, x, d, index);
}

tp_tensor *tp_sum_to_size(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    char a[200], b[200];
    int dims[TP_MAX_DIMS], n = 0;
    if (!tp__usable(T, "sum_to_size", x))
        return NULL;
    int lead = x->ndim - shape.ndim;
    bool fits = lead >= 0;
    for (int d = 0; d < x->ndim && fits; d++) {
        int64_t want = d < lead ? -1 : shape.dim[d - lead];
        fits = d < lead || want == x->shape[d] || want == 1;
        if (d < lead || (want == 1 && x->shape[d] != 1))
            dims[n++] = d;
    }
    if (!fits) {
        tp_fail(T, TP_ESHAPE, "sum_to_size: %s does not expand to %s", tp__dims_text(shape, a, sizeof a),
                tp__dims_text(tp__dims_of(x), b, sizeof b));
        return NULL;
    }
    if (shape.ndim == 0)
        return tp_sum(T, x);
    return n ? tp_reshape(T, tp_sum_dims(T, x, n, dims, true), shape) : x;
}

const tp_op *const tp__ops_arrange[] = {&flip_op, NULL};
