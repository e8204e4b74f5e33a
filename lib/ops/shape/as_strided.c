/* as_strided.c - views whose dimensions are sums of x's: diagonals, windows, and any strides; and the opposite, values put
 * where such a view looks. */
#include "kernel/strided.h"
#include "ops/index/index.h"

#include <string.h>

/* Dimension k of the view steps coef[k] along x's dimension from[k][0], and from[k][1] where that is not -1, at once. */
typedef struct {
    tp_dims whole, shape; /* x's and the view's */
    int from[TP_MAX_DIMS][2];
    int64_t coef[TP_MAX_DIMS];
    int64_t start[TP_MAX_DIMS]; /* in x's dimensions */
} look;

/* Strides of the view and its offset where x has these strides. */
static int64_t geometry(const look *v, const int64_t *x_stride, int64_t *stride)
{
    int64_t offset = 0;
    for (int d = 0; d < v->whole.ndim; d++)
        offset += v->start[d] * x_stride[d];
    for (int k = 0; k < v->shape.ndim; k++) {
        int second = v->from[k][1];
        stride[k] = v->coef[k] * (x_stride[v->from[k][0]] + (second >= 0 ? x_stride[second] : 0));
    }
    return offset;
}

/* The view that leaves all dimensions as they are. */
static look whole_of(tp_dims x)
{
    look v = {.whole = x, .shape = x};
    for (int d = 0; d < x.ndim; d++) {
        v.from[d][0] = d;
        v.from[d][1] = -1;
        v.coef[d] = 1;
    }
    return v;
}

/* May two elements lie at one place? Taken by growing strides, each must step over all before it. */
static bool overlaps(tp_dims shape, const int64_t *stride)
{
    int64_t far = 0;
    uint32_t seen = 0;
    for (int i = 0; i < shape.ndim; i++) {
        int next = -1;
        for (int d = 0; d < shape.ndim; d++)
            if (!((seen >> d) & 1u) && (next < 0 || stride[d] < stride[next]))
                next = d;
        seen |= 1u << next;
        if (shape.dim[next] > 1 && stride[next] <= far)
            return true;
        far += (shape.dim[next] - 1) * stride[next];
    }
    return false;
}

/* Does the view look at each of its places once? */
static bool apart(const look *v)
{
    int64_t whole[TP_MAX_DIMS], stride[TP_MAX_DIMS], places = 1;
    for (int d = v->whole.ndim - 1; d >= 0; places *= v->whole.dim[d--])
        whole[d] = places;
    geometry(v, whole, stride);
    return !overlaps(v->shape, stride);
}

static void drop_dim(look *v, int dim)
{
    for (int d = dim; d + 1 < v->shape.ndim; d++) {
        v->shape.dim[d] = v->shape.dim[d + 1];
        v->from[d][0] = v->from[d + 1][0];
        v->from[d][1] = v->from[d + 1][1];
        v->coef[d] = v->coef[d + 1];
    }
    v->shape.ndim--;
}

/* ---- the view, and its adjoint: values added among zeros ----------------------------------------------------- */

static tp_tensor *put_back(tp_tape *T, const look *v, tp_tensor *g);

static tp_status look_infer(tp_call *c)
{
    const look *v = c->attr;
    int64_t stride[TP_MAX_DIMS];
    char a[200], b[200];
    if (!tp__dims_equal(v->whole, tp__dims_of(c->in[0])))
        return tp_call_fail(c, TP_ESHAPE, "made for %s, given %s", tp__dims_text(v->whole, a, sizeof a),
                            tp__dims_text(tp__dims_of(c->in[0]), b, sizeof b));
    int64_t offset = geometry(v, c->in[0]->stride, stride), n = 1;
    for (int k = 0; k < v->shape.ndim; k++)
        n *= v->shape.dim[k];
    return tp__infer_view(c, v->shape, stride, n ? offset : 0);
}

static tp_status look_vjp(tp_vjp *v)
{
    v->gin[0] = put_back(v->tape, v->attr, v->gout[0]);
    return TP_OK;
}

static tp_status put_back_infer(tp_call *c)
{
    const look *v = c->attr;
    if (!tp__dims_equal(v->shape, tp__dims_of(c->in[0])))
        return tp_call_fail(c, TP_ESHAPE, "values are not of the view's shape");
    if (!tp_dtype_is_float(c->in[0]->dtype) && !apart(v))
        return tp_call_fail(c, TP_EDTYPE, "takes float32 or float64, not %s", tp_dtype_name(c->in[0]->dtype));
    return tp_call_out(c, 0, c->in[0]->dtype, v->whole);
}

/* A view that walks y's first dimension as it is, and looks at each place once, is put back by stretches of that
 * dimension, each cleared just before. */
typedef struct {
    const look *v;
    tp_tensor *y;
    const char *g;
    int64_t stride[TP_MAX_DIMS], offset, stretch; /* g's elements in a step of the first dimension */
} stretching;

static void put_back_range(int64_t begin, int64_t end, void *user)
{
    const stretching *p = user;
    tp_dtype dtype = p->y->dtype;
    int64_t size = (int64_t)tp_dtype_size(dtype), step = p->y->stride[0], few = 1 + 32768 / step;
    tp_dims shape = p->v->shape;
    for (int64_t at = begin; at < end; at += few) {
        char *to = (char *)p->y->data + at * step * size;
        shape.dim[0] = end - at < few ? end - at : few;
        memset(to, 0, (size_t)(shape.dim[0] * step * size));
        tp__copy_out(shape, to + p->offset * size, p->stride, p->g + at * p->stretch * size, dtype);
    }
}

static bool by_stretches(const look *v)
{
    bool free = v->shape.ndim > 1 && v->from[0][0] == 0 && v->from[0][1] < 0 && v->coef[0] == 1 && v->start[0] == 0 &&
                v->shape.dim[0] == v->whole.dim[0];
    for (int k = 1; k < v->shape.ndim && free; k++)
        free = v->from[k][0] != 0 && v->from[k][1] != 0;
    return free && apart(v);
}

static tp_status put_back_forward(tp_call *c)
{
    const look *v = c->attr;
    const tp_tensor *g = c->in[0];
    tp_tensor *y = c->out[0];
    stretching p = {v, y, g->data, {0}, 0, 1};
    p.offset = geometry(v, y->stride, p.stride);
    if (g->numel && by_stretches(v)) {
        p.stretch = g->numel / v->shape.dim[0];
        tp__parallel_for(v->shape.dim[0], 1 + 32768 / y->stride[0], put_back_range, &p);
        return TP_OK;
    }
    tp__fill(y->numel, y->data, y->dtype, 0);
    char *to = (char *)y->data + p.offset * (int64_t)tp_dtype_size(y->dtype);
    if (g->numel && apart(v))
        tp__copy_out(v->shape, to, p.stride, g->data, y->dtype);
    else if (g->numel)
        tp__add_strided(y->dtype, v->shape, to, p.stride, g->data);
    return TP_OK;
}

static tp_tensor *look_at(tp_tape *T, const tp_op *op, const look *v, tp_tensor *x) { return tp__apply1(T, op, v, x); }

static tp_status put_back_vjp(tp_vjp *v);

static void diagonal_samples(tp_sampler *s);
static void window_samples(tp_sampler *s);
static void put_back_samples(tp_sampler *s);

/* clang-format off */
#define LOOK(id, SAMPLES, PRINTED) \
    static const tp_op id##_op = { \
        .name = #id, .n_in = 1, .n_out = 1, .attr_size = sizeof(look), \
        .flags = TP__VIEW_FLAGS, .infer = look_infer, .vjp = look_vjp, .samples = SAMPLES, \
        .grad_name = PRINTED};
LOOK(diagonal, diagonal_samples, "DiagonalBackward0")
LOOK(unfold, window_samples, "UnfoldBackward0")
/* clang-format on */

static const tp_op put_back_op = {.name = "put_back",
                                  .n_in = 1,
                                  .n_out = 1,
                                  .attr_size = sizeof(look),
                                  .flags = TP__READS_NOTHING,
                                  .infer = put_back_infer,
                                  .forward = put_back_forward,
                                  .vjp = put_back_vjp,
                                  .samples = put_back_samples};

static tp_tensor *put_back(tp_tape *T, const look *v, tp_tensor *g) { return tp__apply1(T, &put_back_op, v, g); }

static tp_status put_back_vjp(tp_vjp *v)
{
    v->gin[0] = look_at(v->tape, &unfold_op, v->attr, v->gout[0]);
    return TP_OK;
}

/* ---- a copy with values in place of what the view shows -------------------------------------------------------- */

static tp_status replace_infer(tp_call *c)
{
    const look *v = c->attr;
    char a[200], b[200];
    if (!tp__dims_equal(v->whole, tp__dims_of(c->in[0])) || !tp__dims_equal(v->shape, tp__dims_of(c->in[1])))
        return tp_call_fail(c, TP_ESHAPE, "values of shape %s for a part of shape %s",
                            tp__dims_text(tp__dims_of(c->in[1]), a, sizeof a), tp__dims_text(v->shape, b, sizeof b));
    if (c->in[0]->dtype != c->in[1]->dtype)
        return tp_call_fail(c, TP_EDTYPE, "%s into %s", tp_dtype_name(c->in[1]->dtype), tp_dtype_name(c->in[0]->dtype));
    return tp__infer_like_first(c);
}

static tp_status replace_forward(tp_call *c)
{
    const look *v = c->attr;
    tp_tensor *y = c->out[0];
    int64_t stride[TP_MAX_DIMS], size = (int64_t)tp_dtype_size(y->dtype);
    int64_t offset = geometry(v, y->stride, stride);
    if (y->numel)
        memcpy(y->data, c->in[0]->data, (size_t)(y->numel * size));
    if (c->in[1]->numel == 0)
        return TP_OK;
    (overlaps(v->shape, stride) ? tp__put_strided : tp__copy_out)(v->shape, (char *)y->data + offset * size, stride,
                                                                  c->in[1]->data, y->dtype);
    return TP_OK;
}

static tp_tensor *replace(tp_tape *T, const look *v, tp_tensor *x, tp_tensor *values);

/* g where the value that was put there is there in the end */
static tp_tensor *of_survivors(tp_tape *T, const look *v, tp_tensor *g)
{
    int64_t whole[TP_MAX_DIMS], stride[TP_MAX_DIMS], places = 1;
    if (g == NULL || g->numel == 0 || apart(v))
        return g;
    for (int d = v->whole.ndim - 1; d >= 0; places *= v->whole.dim[d--])
        whole[d] = places;
    geometry(v, whole, stride);
    return tp__of_survivors(T, g, v->shape, stride, -1, NULL, places);
}

static tp_status replace_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = replace(T, v->attr, v->gout[0], tp_zeros_like(T, v->in[1]));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = of_survivors(T, v->attr, look_at(T, &unfold_op, v->attr, v->gout[0]));
    return T->status;
}

static void replace_samples(tp_sampler *s);

static const tp_op replace_op = {.name = "view_scatter",
                                 .n_in = 2,
                                 .n_out = 1,
                                 .attr_size = sizeof(look),
                                 .flags = TP__READS_NOTHING,
                                 .infer = replace_infer,
                                 .forward = replace_forward,
                                 .vjp = replace_vjp,
                                 .samples = replace_samples};

static tp_tensor *replace(tp_tape *T, const look *v, tp_tensor *x, tp_tensor *values)
{
    return tp__apply2(T, &replace_op, v, x, values);
}

static bool is_shape(tp_tape *T, const char *name, tp_dims shape, int64_t *numel)
{
    char text[200];
    if (tp__dims_numel(shape, numel))
        return true;
    tp_fail(T, TP_ESHAPE, "%s: %s of %d dimensions is no shape", name, tp__dims_text(shape, text, sizeof text),
            shape.ndim);
    return false;
}

/* ---- diagonals ---------------------------------------------------------------------------------------------------- */

/* The view of the diagonal of what has this shape: dimensions a and b go, the diagonal comes last. */
static look diagonal_in(tp_dims shape, int64_t offset, int a, int b)
{
    int64_t rows = tp__add_clipped(shape.dim[a], offset < 0 ? offset : 0);
    int64_t columns = shape.dim[b] - (offset > 0 ? offset : 0), n = rows < columns ? rows : columns;
    look view = whole_of(shape), *v = &view;
    drop_dim(v, a > b ? a : b);
    drop_dim(v, a > b ? b : a);
    int k = v->shape.ndim++;
    v->shape.dim[k] = n > 0 ? n : 0;
    v->from[k][0] = a;
    v->from[k][1] = b;
    v->coef[k] = 1;
    v->start[a] = n > 0 && offset < 0 ? -offset : 0;
    v->start[b] = n > 0 && offset > 0 ? offset : 0;
    return view;
}

/* The same of x. False after a failure. */
static bool diagonal_of(tp_tape *T, const char *name, const tp_tensor *x, int64_t offset, int dim1, int dim2, look *v)
{
    if (!tp__usable(T, name, x))
        return false;
    int a = tp__dim_of(T, name, x->ndim, dim1), b = tp__dim_of(T, name, x->ndim, dim2);
    if (x->ndim < 2 || a == b)
        tp_fail(T, TP_EINDEX, "%s: dimensions %d and %d of a %d-d tensor", name, dim1, dim2, x->ndim);
    if (a < 0 || b < 0 || x->ndim < 2 || a == b)
        return false;
    *v = diagonal_in(tp__dims_of(x), offset, a, b);
    return true;
}

tp_tensor *tp_diagonal(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    look v;
    return diagonal_of(T, "diagonal", x, offset, dim1, dim2, &v) ? look_at(T, &diagonal_op, &v, x) : NULL;
}

tp_tensor *tp_diagonal_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int64_t offset, int dim1, int dim2)
{
    TP__NAMED(T, "diagonal_scatter");
    look v;
    return diagonal_of(T, "diagonal_scatter", x, offset, dim1, dim2, &v) ? replace(T, &v, x, src) : NULL;
}

tp_tensor *tp_diag_embed(tp_tape *T, tp_tensor *x, int64_t offset, int dim1, int dim2)
{
    TP__NAMED(T, "diag_embed");
    int64_t n;
    if (!tp__usable(T, "diag_embed", x))
        return NULL;
    int a = tp__dim_of(T, "diag_embed", x->ndim + 1, dim1), b = tp__dim_of(T, "diag_embed", x->ndim + 1, dim2);
    if (a == b || x->ndim == 0 || x->ndim == TP_MAX_DIMS)
        tp_fail(T, TP_EINDEX, "diag_embed: dimensions %d and %d from a %d-d tensor", dim1, dim2, x->ndim);
    if (a < 0 || b < 0 || tp__ok(T) == false)
        return NULL;
    tp_dims shape = {.ndim = x->ndim + 1};
    int64_t side = tp__add_clipped(x->shape[x->ndim - 1], offset < -INT64_MAX ? INT64_MAX
                                                          : offset < 0        ? -offset
                                                                              : offset);
    for (int d = 0, from = 0; d < shape.ndim; d++)
        shape.dim[d] = d == a || d == b ? side : x->shape[from++];
    if (!is_shape(T, "diag_embed", shape, &n))
        return NULL;
    look v = diagonal_in(shape, offset, a, b);
    return put_back(T, &v, x);
}

tp_tensor *tp_diag(tp_tape *T, tp_tensor *x, int64_t offset)
{
    TP__NAMED(T, "diag");
    if (!tp__usable(T, "diag", x))
        return NULL;
    if (x->ndim == 1)
        return tp_diag_embed(T, x, offset, 0, 1);
    if (x->ndim == 2)
        return tp_diagonal(T, x, offset, 0, 1);
    tp_fail(T, TP_ESHAPE, "diag: of a %d-d tensor, where a vector or a matrix is needed", x->ndim);
    return NULL;
}

tp_tensor *tp_diagflat(tp_tape *T, tp_tensor *x, int64_t offset)
{
    TP__NAMED(T, "diagflat");
    return tp_diag_embed(T, tp_reshape(T, x, (tp_dims){1, {-1}}), offset, 0, 1);
}

/* ---- windows ------------------------------------------------------------------------------------------------------ */

tp_tensor *tp_unfold(tp_tape *T, tp_tensor *x, int dim, int64_t size, int64_t step)
{
    if (!tp__usable(T, "unfold", x))
        return NULL;
    int at = tp__dim_of(T, "unfold", x->ndim ? x->ndim : 1, dim);
    int64_t length = x->ndim && at >= 0 ? x->shape[at] : 1;
    if (at < 0)
        return NULL;
    if (step <= 0 || size < 0 || size > length || x->ndim == TP_MAX_DIMS) {
        tp_fail(T, TP_EINVAL, "unfold: windows of %lld, %lld apart, in a dimension of %lld", (long long)size,
                (long long)step, (long long)length);
        return NULL;
    }
    if (x->ndim == 0) /* one window of one element, or none */
        return tp_narrow(T, tp_reshape(T, x, (tp_dims){1, {1}}), 0, 0, size);
    look v = whole_of(tp__dims_of(x));
    int k = v.shape.ndim++;
    v.shape.dim[at] = (length - size) / step + 1;
    v.coef[at] = v.shape.dim[at] > 1 ? step : 1;
    v.shape.dim[k] = size;
    v.from[k][0] = at;
    v.from[k][1] = -1;
    v.coef[k] = 1;
    return look_at(T, &unfold_op, &v, x);
}

/* ---- slices and positions, replaced -------------------------------------------------------------------------------- */

tp_tensor *tp_slice_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t start, int64_t stop,
                            int64_t step)
{
    TP__NAMED(T, "slice_scatter");
    tp_tensor *part = tp_slice(T, x, dim, start, stop, step);
    if (part == NULL)
        return NULL;
    int at = tp__dim_of(T, "slice_scatter", x->ndim, dim);
    look v = whole_of(tp__dims_of(x));
    v.shape.dim[at] = part->shape[at];
    v.coef[at] = part->shape[at] > 1 ? step : 1;
    v.start[at] = start < 0 ? (start + x->shape[at] > 0 ? start + x->shape[at] : 0) : start;
    if (part->shape[at] == 0)
        v.start[at] = 0;
    return replace(T, &v, x, src);
}

tp_tensor *tp_select_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, int dim, int64_t index)
{
    TP__NAMED(T, "select_scatter");
    if (tp_select(T, x, dim, index) == NULL) /* it says what is wrong */
        return NULL;
    int at = tp__dim_of(T, "select_scatter", x->ndim, dim);
    look v = whole_of(tp__dims_of(x));
    v.start[at] = index < 0 ? index + x->shape[at] : index;
    drop_dim(&v, at);
    return replace(T, &v, x, src);
}

/* ---- any strides --------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_dims shape;
    int64_t stride[TP_MAX_DIMS], offset; /* in elements from x's first */
    int64_t extent;                      /* elements of x's storage that x or the view may reach, from x's first on */
} strides;

/* The farthest element from the first, or INT64_MAX; negative strides, which are refused, lead nowhere. */
static int64_t reach(tp_dims shape, const int64_t *stride)
{
    int64_t last = 0;
    for (int d = 0; d < shape.ndim; d++) {
        int64_t steps = shape.dim[d] > 0 ? shape.dim[d] - 1 : 0, stride_here = stride[d] > 0 ? stride[d] : 0;
        bool far = stride_here > 0 && steps > INT64_MAX / stride_here;
        last = far ? INT64_MAX : tp__add_clipped(last, steps * stride_here);
    }
    return tp__add_clipped(last, 1);
}

static tp_status as_strided_infer(tp_call *c)
{
    const strides *a = c->attr;
    const tp_tensor *x = c->in[0];
    int64_t n;
    char text[200];
    if (!tp__dims_numel(a->shape, &n))
        return tp_call_fail(c, TP_ESHAPE, "%s is no shape", tp__dims_text(a->shape, text, sizeof text));
    int64_t size = (int64_t)tp_dtype_size(x->dtype);
    int64_t before = ((char *)x->data - (char *)x->storage->data) / size; /* elements of the storage before x */
    int64_t after = (int64_t)x->storage->bytes / size - before;
    for (int d = 0; d < a->shape.ndim; d++)
        if (a->stride[d] < 0)
            return tp_call_fail(c, TP_EINVAL, "a stride of %lld; none may be negative", (long long)a->stride[d]);
    int64_t last = n ? tp__add_clipped(a->offset, reach(a->shape, a->stride)) : 0;
    if (a->offset < -before || a->offset > after || last > after)
        return tp_call_fail(c, TP_EINDEX, "%s reaches outside of the storage",
                            tp__dims_text(a->shape, text, sizeof text));
    return tp__infer_view(c, a->shape, a->stride, a->offset);
}

/* Zeros for the storage from x's first element on, g added where a view of this geometry looks. */
static tp_tensor *added_up(tp_tape *T, int64_t extent, tp_dims shape, const int64_t *stride, int64_t offset,
                           tp_tensor *g)
{
    look flat = {.whole = {1, {extent}}, .shape = shape};
    for (int k = 0; k < shape.ndim; k++) {
        flat.from[k][1] = -1;
        flat.coef[k] = stride[k];
    }
    flat.start[0] = offset;
    return put_back(T, &flat, g);
}

/* x's own view of the storage's gradient, which elements at one place share evenly. */
static tp_status as_strided_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    const strides *a = v->attr;
    tp_tensor *x = v->in[0];
    int64_t stride[TP_MAX_DIMS];
    if (a->offset < 0)
        return tp_fail(T, TP_EUNSUPPORTED, "as_strided: no gradient of what lies before x");
    if (x->numel == 0) {
        v->gin[0] = tp_zeros_like(T, x);
        return TP_OK;
    }
    memcpy(stride, x->stride, sizeof stride);
    tp_tensor *sum = added_up(T, a->extent, a->shape, a->stride, a->offset, v->gout[0]);
    tp_tensor *mine = tp_as_strided(T, sum, tp__dims_of(x), stride, 0);
    if (overlaps(tp__dims_of(x), x->stride)) {
        tp_tensor *shares = added_up(T, a->extent, tp__dims_of(x), stride, 0, tp_ones_like(T, x));
        mine = tp_div(T, mine, tp_as_strided(T, shares, tp__dims_of(x), stride, 0));
    }
    v->gin[0] = mine;
    return TP_OK;
}

static void as_strided_samples(tp_sampler *s)
{
    tp__sample_one(s, (tp_dims){2, {3, 4}}, &(strides){{2, {2, 3}}, {2, 1}, 1, 12});
    tp__sample_one(s, (tp_dims){1, {6}}, &(strides){{2, {4, 3}}, {1, 1}, 0, 6});
}

static const tp_op as_strided_op = {.name = "as_strided",
                                    .n_in = 1,
                                    .n_out = 1,
                                    .attr_size = sizeof(strides),
                                    .flags = TP__VIEW_FLAGS,
                                    .infer = as_strided_infer,
                                    .vjp = as_strided_vjp,
                                    .samples = as_strided_samples,
                                    .grad_name = "AsStridedBackward0"};

tp_tensor *tp_as_strided(tp_tape *T, tp_tensor *x, tp_dims shape, const int64_t *stride, int64_t offset)
{
    strides a = {.shape = shape, .offset = offset};
    int64_t n;
    if (!tp__usable(T, "as_strided", x) || !is_shape(T, "as_strided", shape, &n) ||
        !tp__listed(T, "as_strided", "strides", shape.ndim, 0, stride))
        return NULL;
    for (int d = 0; d < shape.ndim; d++)
        a.stride[d] = stride[d];
    int64_t own = reach(tp__dims_of(x), x->stride), far = tp__add_clipped(offset, reach(shape, a.stride));
    a.extent = own > far ? own : far;
    return tp__apply1(T, &as_strided_op, &a, x);
}

tp_tensor *tp_as_strided_scatter(tp_tape *T, tp_tensor *x, tp_tensor *src, tp_dims shape, const int64_t *stride,
                                 int64_t offset)
{
    TP__NAMED(T, "as_strided_scatter");
    int64_t n;
    if (!tp__usable(T, "as_strided_scatter", x) || !is_shape(T, "as_strided_scatter", shape, &n) ||
        !tp__listed(T, "as_strided_scatter", "strides", shape.ndim, 0, stride))
        return NULL;
    bool inside = offset >= 0 && offset <= x->numel;
    look v = {.whole = {1, {x->numel}}, .shape = shape, .start = {offset}};
    for (int k = 0; k < shape.ndim && inside; k++) {
        v.from[k][1] = -1;
        v.coef[k] = stride[k];
        inside = stride[k] >= 0 && shape.dim[k] <= x->numel + 1 && stride[k] <= x->numel;
    }
    if (!inside || (n > 0 && tp__add_clipped(offset, reach(shape, v.coef)) > x->numel)) {
        tp_fail(T, TP_EINDEX, "as_strided_scatter: reaches outside of %lld elements", (long long)x->numel);
        return NULL;
    }
    return tp_reshape(T, replace(T, &v, tp_reshape(T, x, v.whole), src), tp__dims_of(x));
}

tp_tensor *tp_resize(tp_tape *T, tp_tensor *x, tp_dims shape)
{
    TP__NAMED(T, "resize");
    int64_t stride[TP_MAX_DIMS], step = 1, n;
    if (!tp__usable(T, "resize", x) || !is_shape(T, "resize", shape, &n))
        return NULL;
    for (int d = shape.ndim - 1; d >= 0; d--) {
        stride[d] = step;
        step *= n > 0 ? shape.dim[d] : 1;
    }
    return tp_as_strided(T, x, shape, stride, 0);
}

/* ---- samples -------------------------------------------------------------------------------------------------------- */

static const tp_dims block = {3, {3, 4, 2}}, column = {2, {5, 2}};

static look diagonal_look(void)
{
    look v = whole_of(block);
    drop_dim(&v, 1);
    drop_dim(&v, 0);
    v.shape.dim[1] = 2;
    v.shape.ndim = 2;
    v.from[1][0] = 0;
    v.from[1][1] = 1;
    v.coef[1] = 1;
    v.start[1] = 1;
    return v;
}

static look window_look(void)
{
    look v = whole_of(column);
    v.shape = (tp_dims){3, {3, 2, 3}};
    v.from[2][0] = 0;
    v.from[2][1] = -1;
    v.coef[2] = 1;
    return v;
}

static void one(tp_sampler *s, tp_dims shape, look v)
{
    tp_tensor *x = tp_sample_tensor(s, shape, -1, 2);
    tp_sample(s, &v, 1, &x);
}

static void diagonal_samples(tp_sampler *s) { one(s, block, diagonal_look()); }
static void window_samples(tp_sampler *s) { one(s, column, window_look()); }
static void put_back_samples(tp_sampler *s)
{
    one(s, window_look().shape, window_look());
    one(s, diagonal_look().shape, diagonal_look());
}

static void replace_samples(tp_sampler *s)
{
    look v = diagonal_look();
    tp_tensor *in[2] = {tp_sample_tensor(s, block, -1, 2), tp_sample_tensor(s, v.shape, -1, 2)};
    tp_sample(s, &v, 2, in);
    v = window_look(); /* whose elements are put over each other */
    in[0] = tp_sample_tensor(s, column, -1, 2);
    in[1] = tp_sample_tensor(s, v.shape, -1, 2);
    tp_sample(s, &v, 2, in);
}

const tp_op *const tp__ops_strided[] = {
#include TP__OPERATORS
    NULL};
