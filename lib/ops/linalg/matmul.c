/* matmul.c - products of matrices and vectors, over one operator: a batch of matrices times a batch of
 * matrices. Transposed operands are passed to BLAS as they lie; nothing is copied to transpose it. */
#include "kernel/small_products.h"
#include "ops/ops.h"

#include <stdatomic.h>
#include <string.h>

/* ---- matrices as BLAS sees them ----------------------------------------------------------------------------- */

typedef struct {
    const char *data;
    bool transposed;
    int64_t ld;     /* in elements, as all strides */
    int batch_dims; /* those before the last two */
    const int64_t *batch_shape;
    int64_t batch_stride[TP_MAX_DIMS]; /* 0 where one matrix serves several entries */
    tp__storage *copy;                 /* where the layout is none of BLAS's */
} matrix;

/* Copies each matrix of x that is not another's repetition. */
static tp_status copy_matrices(tp_tape *T, const tp_tensor *x, matrix *m)
{
    tp_dims shape = tp__dims_of(x);
    int64_t numel = shape.dim[x->ndim - 2] * shape.dim[x->ndim - 1];
    for (int d = m->batch_dims - 1; d >= 0; d--) {
        shape.dim[d] = x->stride[d] == 0 && shape.dim[d] > 1 ? 1 : shape.dim[d];
        m->batch_stride[d] = shape.dim[d] == 1 ? 0 : numel;
        numel *= shape.dim[d];
    }
    m->copy = tp__pool_alloc(T->pool, (size_t)numel * tp_dtype_size(x->dtype));
    if (m->copy == NULL)
        return tp_fail(T, TP_ENOMEM, "matmul: no memory");
    tp__operand in = {.data = x->data, .dtype = x->dtype};
    memcpy(in.stride, x->stride, sizeof in.stride);
    tp__copy(shape, m->copy->data, x->dtype, &in);
    m->data = m->copy->data;
    return TP_OK;
}

/* The last two dimensions of x, as a batch where there are more. */
static tp_status as_matrix(tp_tape *T, const tp_tensor *x, matrix *m)
{
    int r = x->ndim - 2, c = x->ndim - 1;
    int64_t rows = x->shape[r], columns = x->shape[c];
    m->data = x->data;
    m->transposed = false;
    m->batch_dims = r;
    m->batch_shape = x->shape;
    m->copy = NULL;
    for (int d = 0; d < r; d++)
        m->batch_stride[d] = x->stride[d];
    if ((columns == 1 || x->stride[c] == 1) && (rows == 1 || x->stride[r] >= (columns > 1 ? columns : 1))) {
        m->ld = rows == 1 || x->stride[r] < columns ? (columns > 1 ? columns : 1) : x->stride[r];
        return TP_OK;
    }
    if ((rows == 1 || x->stride[r] == 1) && (columns == 1 || x->stride[c] >= rows)) {
        m->transposed = true;
        m->ld = columns == 1 ? rows : x->stride[c];
        return TP_OK;
    }
    m->ld = columns > 1 ? columns : 1;
    return copy_matrices(T, x, m);
}

static const void *entry(const matrix *m, int64_t i, size_t size)
{
    int64_t at = m->batch_dims == 0 ? 0 : tp__offset_at(m->batch_dims, m->batch_shape, m->batch_stride, i);
    return m->data + at * (int64_t)size;
}

/* ---- products of batches ------------------------------------------------------------------------------------ */

enum {
    SHARE = 1 << 20,  /* multiply-adds that are worth a thread of their own */
    WHOLE = 4 * SHARE /* so many in one product are divided in it; smaller ones are divided among the threads */
};

static tp_status not_multiplied(tp_tape *T, const char *name)
{
    tp_status status;
    const char *trouble = tp__blas_trouble(&status);
    return tp_fail(T, status, "%s: %s", name, trouble);
}

/* out [batch, n, m] (contiguous) = beta out + A [batch, n, k] B [batch, k, m], or without the batch */
typedef struct {
    matrix A, B;
    tp_dtype dtype;
    int64_t n, k, m;
    double beta;
    char *out;
    atomic_bool counted; /* BLAS could */
} products;

static void multiply_range(int64_t begin, int64_t end, void *user)
{
    products *p = user;
    size_t size = tp_dtype_size(p->dtype);
    bool counted = true;
    for (int64_t i = begin; i < end && counted; i++)
        counted = tp__gemm(p->dtype, p->A.transposed, p->B.transposed, p->n, p->m, p->k, 1, entry(&p->A, i, size),
                           p->A.ld, entry(&p->B, i, size), p->B.ld, p->beta, p->out + (size_t)(i * p->n * p->m) * size,
                           p->m > 1 ? p->m : 1);
    if (!counted)
        atomic_store(&p->counted, false);
}

/* Are the products small, and the matrices of both sides evenly apart? */
static bool are_small(const products *p, int64_t batch)
{
    const matrix *side[2] = {&p->A, &p->B};
    if (batch < 2 || p->n > TP__SMALL_SIDE || p->k > TP__SMALL_SIDE || p->m > TP__SMALL_SIDE)
        return false;
    for (int i = 0; i < 2; i++) {
        const matrix *m = side[i];
        for (int d = 0; d + 1 < m->batch_dims; d++)
            if (m->batch_stride[d] != m->batch_stride[d + 1] * m->batch_shape[d + 1])
                return false;
    }
    return true;
}

static void multiply_small_range(int64_t begin, int64_t end, void *user)
{
    const products *p = user;
    const matrix *A = &p->A, *B = &p->B;
    int64_t size = (int64_t)tp_dtype_size(p->dtype), a = A->batch_stride[A->batch_dims - 1],
            b = B->batch_stride[B->batch_dims - 1];
    tp__small_products s = {.count = end - begin,
                            .n = p->n,
                            .k = p->k,
                            .m = p->m,
                            .a_row = A->transposed ? 1 : A->ld,
                            .a_column = A->transposed ? A->ld : 1,
                            .a_step = a,
                            .b_row = B->transposed ? 1 : B->ld,
                            .b_column = B->transposed ? B->ld : 1,
                            .b_step = b,
                            .a = A->data + begin * a * size,
                            .b = B->data + begin * b * size,
                            .c = p->out + begin * p->n * p->m * size,
                            .accumulate = p->beta != 0};
    TP__PICK(tp__small_table)->multiply[p->dtype == TP_F64](&s);
}

static tp_status multiply(tp_tape *T, const char *name, const tp_tensor *a, const tp_tensor *b, double beta,
                          tp_tensor *out)
{
    products p = {.dtype = a->dtype,
                  .n = a->shape[a->ndim - 2],
                  .k = a->shape[a->ndim - 1],
                  .m = b->shape[b->ndim - 1],
                  .beta = beta,
                  .out = out->data};
    atomic_init(&p.counted, true);
    tp_status status = as_matrix(T, a, &p.A);
    p.B.copy = NULL;
    if (status == TP_OK)
        status = as_matrix(T, b, &p.B);
    if (status == TP_OK && out->numel > 0) {
        double work = (double)p.n * (double)p.m * (double)p.k;
        int64_t batch = out->numel / (p.n * p.m);
        if (are_small(&p, batch))
            tp__parallel_for(batch, 1 + (int64_t)((double)SHARE / 4 / (work + 8)), multiply_small_range, &p);
        else if (batch > 1 && work < (double)WHOLE)
            tp__parallel_for(batch, work > 0 ? 1 + (int64_t)((double)SHARE / work) : batch, multiply_range, &p);
        else
            multiply_range(0, batch, &p);
        if (!atomic_load(&p.counted))
            status = not_multiplied(T, name);
    }
    tp__storage_unref(p.A.copy);
    tp__storage_unref(p.B.copy);
    return status;
}

/* x^T of the last two dimensions, not recorded */
static tp_tensor *flipped(tp_tape *T, const tp_tensor *x)
{
    tp_dims shape = tp__dims_of(x);
    int64_t stride[TP_MAX_DIMS];
    int r = x->ndim - 2, c = x->ndim - 1;
    memcpy(stride, x->stride, sizeof stride);
    shape.dim[r] = x->shape[c];
    shape.dim[c] = x->shape[r];
    stride[r] = x->stride[c];
    stride[c] = x->stride[r];
    return tp__tensor_alias(T, x, shape, stride, 0);
}

/* ---- mm and bmm ------------------------------------------------------------------------------------------------- */

static const tp_op bmm_op;

static tp_status product_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    int rank = a->ndim;
    bool fits = (c->op == &bmm_op ? rank >= 3 : rank == 2) && b->ndim == rank &&
                a->shape[rank - 1] == b->shape[rank - 2];
    for (int d = 0; d < rank - 2 && fits; d++)
        fits = a->shape[d] == b->shape[d];
    if (!fits)
        return tp_call_fail(c, TP_ESHAPE, "a is %s, b is %s; %s are needed", TP__SHAPE(a), TP__SHAPE(b),
                            c->op == &bmm_op ? "[..., n, k] and [..., k, m]" : "[n, k] and [k, m]");
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "a is %s, b is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    tp_dims shape = tp__dims_of(a);
    shape.dim[rank - 1] = b->shape[rank - 1];
    return tp_call_out(c, 0, a->dtype, shape);
}

/* Rows of y [batch n, m], which hold zeros, = rows of a [batch n, k] times their b [k, m], wrapping. */
typedef struct {
    int64_t n, k, m;
    const uint64_t *a, *b;
    uint64_t *y;
} whole_product;

static void multiply_rows(int64_t begin, int64_t end, void *user)
{
    const whole_product *p = user;
    for (int64_t i = begin; i < end; i++) {
        const uint64_t *a = p->a + i * p->k, *b = p->b + i / p->n * p->k * p->m;
        uint64_t *restrict y = p->y + i * p->m;
        for (int64_t j = 0; j < p->k; j++)
            for (int64_t c = 0; c < p->m; c++)
                y[c] += a[j] * b[j * p->m + c];
    }
}

/* Whole numbers: BLAS has no product for them. They are multiplied as int64, of which narrower ones are the low bits. */
static tp_status integer_product(tp_call *c)
{
    tp_tape *T = c->tape;
    tp_tensor *y = c->out[0];
    tp_tensor *a = tp_contiguous(T, tp_to(T, c->in[0], TP_I64)), *b = tp_contiguous(T, tp_to(T, c->in[1], TP_I64));
    tp_tensor *sum = tp_zeros(T, TP_I64, tp__dims_of(y));
    if (a == NULL || b == NULL || sum == NULL)
        return T->status;
    whole_product p = {
        a->shape[a->ndim - 2], a->shape[a->ndim - 1], b->shape[b->ndim - 1], a->data, b->data, sum->data};
    double row = (double)p.k * (double)p.m;
    if (y->numel > 0 && row > 0)
        tp__parallel_for(y->numel / p.m, 1 + (int64_t)(SHARE / 8 / row), multiply_rows, &p);
    tp__convert(y->numel, y->data, y->dtype, sum->data, TP_I64);
    return TP_OK;
}

static tp_status product_forward(tp_call *c)
{
    if (!tp_dtype_is_float(c->in[0]->dtype))
        return integer_product(c);
    return multiply(c->tape, c->op->name, c->in[0], c->in[1], 0, c->out[0]);
}

static tp_status product_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp__apply2(T, v->op, NULL, v->gout[0], tp_transpose(T, v->in[1], -2, -1));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp__apply2(T, v->op, NULL, tp_transpose(T, v->in[0], -2, -1), v->gout[0]);
    return TP_OK;
}

static tp_status product_vjp_fused(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_status status = TP_OK;
    for (int i = 0; i < 2 && status == TP_OK; i++) {
        if (!v->gin[i])
            continue;
        tp_tensor *other = flipped(T, v->in[1 - i]);
        if (other == NULL)
            return T->status;
        double beta = (v->fresh >> i) & 1u ? 0 : 1;
        status = i == 0 ? multiply(T, v->op->name, v->gout[0], other, beta, v->gin[0])
                        : multiply(T, v->op->name, other, v->gout[0], beta, v->gin[1]);
    }
    return status;
}

static void mm_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){2, {4, 2}}, -1, 2)};
    tp_sample(s, NULL, 2, in);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {4, 1}}, -1, 2);
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {1, 4}}, -1, 2);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {4, 3}}, -1, 2);
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {2, 0}}, -1, 2);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {0, 3}}, -1, 2);
    tp_sample(s, NULL, 2, in);
}

static void bmm_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){3, {2, 3, 4}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){3, {2, 4, 2}}, -1, 2)};
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){4, {2, 3, 2, 4}}, -1, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){4, {2, 3, 4, 1}}, -1, 1);
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {0, 3, 4}}, -1, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){3, {0, 4, 2}}, -1, 1);
    tp_sample(s, NULL, 2, in);
}

#define PRODUCT_FLAGS (TP__OP_OURS | TP_OP_STRIDED | TP_OP_FORGETS_OUT | TP_OP_OVERWRITES)
/* clang-format off */
static const tp_op mm_op = {
    .name = "mm", .n_in = 2, .n_out = 1, .flags = PRODUCT_FLAGS, .grad_name = "MmBackward0",
    .infer = product_infer, .forward = product_forward, .vjp = product_vjp, .vjp_fused = product_vjp_fused,
    .samples = mm_samples};
static const tp_op bmm_op = {
    .name = "bmm", .n_in = 2, .n_out = 1, .flags = PRODUCT_FLAGS, .grad_name = "BmmBackward0",
    .infer = product_infer, .forward = product_forward, .vjp = product_vjp, .vjp_fused = product_vjp_fused,
    .samples = bmm_samples};
/* clang-format on */

tp_tensor *tp_mm(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &mm_op, NULL, a, b); }

/* The operator takes any number of batch dimensions, for matmul. */
tp_tensor *tp_bmm(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    if (tp__usable(T, "bmm", a) && tp__usable(T, "bmm", b) && (a->ndim != 3 || b->ndim != 3))
        tp_fail(T, TP_ESHAPE, "bmm: a is %s, b is %s; [b, n, k] and [b, k, m] are needed", TP__SHAPE(a), TP__SHAPE(b));
    return tp__apply2(T, &bmm_op, NULL, a, b);
}

/* ---- vectors: mv and dot ------------------------------------------------------------------------------------------ */

static tp_status mv_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *x = c->in[1];
    if (a->ndim != 2 || x->ndim != 1 || a->shape[1] != x->shape[0])
        return tp_call_fail(c, TP_ESHAPE, "a is %s, x is %s; [n, k] and [k] are needed", TP__SHAPE(a), TP__SHAPE(x));
    if (a->dtype != x->dtype)
        return tp_call_fail(c, TP_EDTYPE, "a is %s, x is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(x->dtype));
    return tp_call_out(c, 0, a->dtype, (tp_dims){1, {a->shape[0]}});
}

/* A vector as a column, not recorded. */
static tp_tensor *column(tp_tape *T, const tp_tensor *x)
{
    int64_t stride[2] = {x->stride[0], 1};
    return tp__tensor_alias(T, x, (tp_dims){2, {x->shape[0], 1}}, stride, 0);
}

/* x, or a copy where one value is repeated: BLAS takes no stride of 0. */
static tp_tensor *steady(tp_tape *T, tp_tensor *x) { return x->stride[0] == 0 && x->shape[0] > 1 ? tp_clone(T, x) : x; }

static tp_status mv_forward(tp_call *c)
{
    tp_tensor *y = c->out[0], *x = steady(c->tape, c->in[1]);
    if (x == NULL)
        return c->tape->status;
    if (tp_dtype_is_float(y->dtype)) {
        matrix A;
        tp_status status = as_matrix(c->tape, c->in[0], &A);
        int64_t n = c->in[0]->shape[0], k = c->in[0]->shape[1];
        if (status == TP_OK && !tp__gemv(y->dtype, A.transposed, A.transposed ? k : n, A.transposed ? n : k, 1, A.data,
                                         A.ld, x->data, k == 1 ? 1 : x->stride[0], 0, y->data, 1))
            status = not_multiplied(c->tape, "mv");
        tp__storage_unref(A.copy);
        return status;
    }
    tp_tensor *in[2] = {c->in[0], column(c->tape, x)}, *out[1] = {column(c->tape, y)};
    if (in[1] == NULL || out[0] == NULL)
        return c->tape->status;
    tp_call as_product = {c->tape, c->op, NULL, 2, 1, in, out};
    return integer_product(&as_product);
}

static tp_status mv_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(T, tp_unsqueeze(T, v->gout[0], 1), v->in[1]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mv(T, tp_t(T, v->in[0]), v->gout[0]);
    return TP_OK;
}

static void mv_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){1, {4}}, -1, 2)};
    tp_sample(s, NULL, 2, in);
}

/* clang-format off */
static const tp_op mv_op = {
    .name = "mv", .n_in = 2, .n_out = 1, .flags = TP_OP_STRIDED | TP_OP_FORGETS_OUT, .grad_name = "MvBackward0",
    .infer = mv_infer, .forward = mv_forward, .vjp = mv_vjp, .samples = mv_samples};
/* clang-format on */

tp_tensor *tp_mv(tp_tape *T, tp_tensor *a, tp_tensor *x) { return tp__apply2(T, &mv_op, NULL, a, x); }

static tp_status dot_infer(tp_call *c)
{
    const tp_tensor *a = c->in[0], *b = c->in[1];
    if (a->ndim != 1 || b->ndim != 1 || a->shape[0] != b->shape[0])
        return tp_call_fail(c, TP_ESHAPE, "a is %s, b is %s; two vectors of one size are needed", TP__SHAPE(a),
                            TP__SHAPE(b));
    if (a->dtype != b->dtype)
        return tp_call_fail(c, TP_EDTYPE, "a is %s, b is %s; one dtype is needed", tp_dtype_name(a->dtype),
                            tp_dtype_name(b->dtype));
    return tp_call_out(c, 0, a->dtype, TP_SCALAR);
}

static tp_status dot_forward(tp_call *c)
{
    const tp_tensor *a = steady(c->tape, c->in[0]), *b = steady(c->tape, c->in[1]);
    tp_tensor *y = c->out[0];
    if (a == NULL || b == NULL)
        return c->tape->status;
    if (tp_dtype_is_float(y->dtype)) {
        tp__store(y->data, y->dtype, tp__dot(a->dtype, a->numel, a->data, a->stride[0], b->data, b->stride[0]));
        return TP_OK;
    }
    int64_t row[2] = {a->numel * a->stride[0], a->stride[0]}, one[2] = {1, 1};
    tp_tensor *in[2] = {tp__tensor_alias(c->tape, a, (tp_dims){2, {1, a->numel}}, row, 0), column(c->tape, b)};
    tp_tensor *out[1] = {tp__tensor_alias(c->tape, y, (tp_dims){2, {1, 1}}, one, 0)};
    if (!in[0] || !in[1] || !out[0])
        return c->tape->status;
    tp_call as_product = {c->tape, c->op, NULL, 2, 1, in, out};
    return integer_product(&as_product);
}

static tp_status dot_vjp(tp_vjp *v)
{
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_mul(v->tape, v->gout[0], v->in[1]);
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mul(v->tape, v->gout[0], v->in[0]);
    return TP_OK;
}

static void dot_samples(tp_sampler *s)
{
    tp_tensor *in[2] = {tp_sample_tensor(s, (tp_dims){1, {5}}, -1, 1), tp_sample_tensor(s, (tp_dims){1, {5}}, -1, 2)};
    tp_sample(s, NULL, 2, in);
}

/* clang-format off */
static const tp_op dot_op = {
    .name = "dot", .n_in = 2, .n_out = 1, .flags = TP_OP_STRIDED | TP_OP_FORGETS_OUT, .grad_name = "DotBackward0",
    .infer = dot_infer, .forward = dot_forward, .vjp = dot_vjp, .samples = dot_samples};
/* clang-format on */

tp_tensor *tp_dot(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp__apply2(T, &dot_op, NULL, a, b); }

/* ---- matmul: any ranks --------------------------------------------------------------------------------------------- */

static tp_dims batch_of(const tp_tensor *x)
{
    tp_dims s = tp__dims_of(x);
    s.ndim -= 2;
    return s;
}

/* x [..., r, c] with its batch dimensions expanded */
static tp_tensor *batched(tp_tape *T, tp_tensor *x, tp_dims batch)
{
    batch.dim[batch.ndim++] = x->shape[x->ndim - 2];
    batch.dim[batch.ndim++] = x->shape[x->ndim - 1];
    return tp__dims_equal(tp__dims_of(x), batch) ? x : tp_expand(T, x, batch);
}

static int64_t length_of(tp_dims shape)
{
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    return n;
}

/* One matrix b for all of a: the batch is more rows. */
static tp_tensor *matmul_rows(tp_tape *T, tp_tensor *a, tp_tensor *b, tp_dims shape)
{
    int64_t k = a->shape[a->ndim - 1], m = shape.dim[shape.ndim - 1];
    tp_dims rows = {2, {length_of(batch_of(a)) * a->shape[a->ndim - 2], k}};
    tp_tensor *one = b->ndim == 2 ? b : tp_reshape(T, b, (tp_dims){2, {k, m}});
    return tp_reshape(T, tp_mm(T, tp_reshape(T, a, rows), one), shape);
}

static tp_tensor *matmul_batches(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    tp_dims batch;
    if (!tp__dims_broadcast(batch_of(a), batch_of(b), &batch)) {
        tp_fail(T, TP_ESHAPE, "matmul: a is %s, b is %s; leading dimensions that broadcast are needed", TP__SHAPE(a),
                TP__SHAPE(b));
        return NULL;
    }
    if (length_of(batch_of(b)) == 1) {
        tp_dims shape = batch;
        shape.dim[shape.ndim++] = a->shape[a->ndim - 2];
        shape.dim[shape.ndim++] = b->shape[b->ndim - 1];
        return matmul_rows(T, a, b, shape);
    }
    return tp__apply2(T, &bmm_op, NULL, batched(T, a, batch), batched(T, b, batch));
}

tp_tensor *tp_matmul(tp_tape *T, tp_tensor *a, tp_tensor *b)
{
    TP__NAMED(T, "matmul");
    if (!tp__usable(T, "matmul", a) || !tp__usable(T, "matmul", b))
        return NULL;
    if (a->ndim == 0 || b->ndim == 0 || a->shape[a->ndim - 1] != b->shape[b->ndim > 1 ? b->ndim - 2 : 0]) {
        tp_fail(T, TP_ESHAPE, "matmul: a is %s, b is %s; [..., n, k] and [..., k, m], or vectors [k], are needed",
                TP__SHAPE(a), TP__SHAPE(b));
        return NULL;
    }
    if (a->ndim == 1 && b->ndim == 1)
        return tp_dot(T, a, b);
    if (a->ndim == 2 && b->ndim == 1)
        return tp_mv(T, a, b);
    if (a->ndim == 1)
        return tp_squeeze_dim(T, tp_matmul(T, tp_unsqueeze(T, a, 0), b), -2);
    if (b->ndim == 1)
        return tp_squeeze_dim(T, tp_matmul(T, a, tp_unsqueeze(T, b, 1)), -1);
    if (a->ndim == 2 && b->ndim == 2)
        return tp_mm(T, a, b);
    return matmul_batches(T, a, b);
}

/* ---- linear: x [..., in], weight [out, in], bias [out] or NULL -------------------------------------------------------- */

static tp_status linear_infer(tp_call *c)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *b = c->n_in > 2 ? c->in[2] : NULL;
    tp_dims shape = tp__dims_of(x);
    if (w->ndim != 2 || x->ndim == 0)
        return tp_call_fail(c, TP_ESHAPE, "x is %s, weight is %s; [..., in] and [out, in] are needed", TP__DIMS(shape),
                            TP__SHAPE(w));
    if (x->shape[x->ndim - 1] != w->shape[1])
        return tp_call_fail(c, TP_ESHAPE, "x is %s, weight is %s: %lld != %lld; [..., in] and [out, in] are needed",
                            TP__DIMS(shape), TP__SHAPE(w), (long long)x->shape[x->ndim - 1], (long long)w->shape[1]);
    if (b && (b->ndim != 1 || b->shape[0] != w->shape[0]))
        return tp_call_fail(c, TP_ESHAPE, "bias is %s, weight is %s; [out] and [out, in] are needed", TP__SHAPE(b),
                            TP__SHAPE(w));
    if (!tp_dtype_is_float(x->dtype) || x->dtype != w->dtype || (b && b->dtype != x->dtype))
        return tp_call_fail(c, TP_EDTYPE, "x is %s, weight is %s%s%s; floats of one dtype are needed",
                            tp_dtype_name(x->dtype), tp_dtype_name(w->dtype), b ? ", bias is " : "",
                            b ? tp_dtype_name(b->dtype) : "");
    shape.dim[shape.ndim - 1] = w->shape[0];
    return tp_call_out(c, 0, x->dtype, shape);
}

typedef struct {
    int64_t rows, in, out;
} linear_size;

static linear_size size_of_linear(const tp_tensor *x, const tp_tensor *w)
{
    linear_size s = {1, w->shape[1], w->shape[0]};
    for (int d = 0; d < x->ndim - 1; d++)
        s.rows *= x->shape[d];
    return s;
}

static tp_status linear_forward(tp_call *c)
{
    const tp_tensor *x = c->in[0], *w = c->in[1], *b = c->n_in > 2 ? c->in[2] : NULL;
    tp_tensor *y = c->out[0];
    linear_size s = size_of_linear(x, w);
    if (b) { /* the product is added to the bias */
        tp__operand row = tp__operand_of(b, (tp_dims){2, {s.rows, s.out}});
        tp__copy((tp_dims){2, {s.rows, s.out}}, y->data, y->dtype, &row);
    }
    return tp__gemm(x->dtype, false, true, s.rows, s.out, s.in, 1, x->data, s.in ? s.in : 1, w->data, s.in ? s.in : 1,
                    b ? 1 : 0, y->data, s.out ? s.out : 1)
               ? TP_OK
               : not_multiplied(c->tape, "linear");
}

static tp_status linear_vjp(tp_vjp *v)
{
    tp_tape *T = v->tape;
    tp_tensor *x = v->in[0], *w = v->in[1];
    linear_size s = size_of_linear(x, w);
    tp_tensor *g = tp_reshape(T, v->gout[0], (tp_dims){2, {s.rows, s.out}});
    if (tp_vjp_needs(v, 0))
        v->gin[0] = tp_reshape(T, tp_mm(T, g, w), tp__dims_of(x));
    if (tp_vjp_needs(v, 1))
        v->gin[1] = tp_mm(T, tp_t(T, g), tp_reshape(T, x, (tp_dims){2, {s.rows, s.in}}));
    if (v->n_in > 2 && tp_vjp_needs(v, 2))
        v->gin[2] = tp_sum_dim(T, g, 0, false);
    return TP_OK;
}

static tp_status linear_vjp_fused(tp_vjp *v)
{
    const tp_tensor *x = v->in[0], *w = v->in[1], *g = v->gout[0];
    linear_size s = size_of_linear(x, w);
    tp_dtype dtype = x->dtype;
    int64_t in = s.in ? s.in : 1, out = s.out ? s.out : 1;
    bool ok = true;
    if (v->gin[0])
        ok = tp__gemm(dtype, false, false, s.rows, s.in, s.out, 1, g->data, out, w->data, in, v->fresh & 1u ? 0 : 1,
                      v->gin[0]->data, in);
    if (ok && v->gin[1])
        ok = tp__gemm(dtype, true, false, s.out, s.in, s.rows, 1, g->data, out, x->data, in, v->fresh & 2u ? 0 : 1,
                      v->gin[1]->data, in);
    if (ok && v->n_in > 2 && v->gin[2])
        tp__reduce(TP__SUM, dtype, 1, s.rows, s.out, g->data, v->gin[2]->data, !(v->fresh & 4u));
    return ok ? TP_OK : not_multiplied(v->tape, "linear");
}

static void linear_samples(tp_sampler *s)
{
    tp_tensor *in[3] = {tp_sample_tensor(s, (tp_dims){2, {3, 4}}, -1, 1),
                        tp_sample_tensor(s, (tp_dims){2, {2, 4}}, -1, 2),
                        tp_sample_tensor(s, (tp_dims){1, {2}}, -1, 1)};
    tp_sample(s, NULL, 3, in);
    tp_sample(s, NULL, 2, in);
    in[0] = tp_sample_tensor(s, (tp_dims){3, {2, 1, 4}}, -1, 1);
    in[1] = tp_sample_tensor(s, (tp_dims){2, {1, 4}}, -1, 1);
    in[2] = tp_sample_tensor(s, (tp_dims){1, {1}}, -1, 1);
    tp_sample(s, NULL, 3, in);
    in[0] = tp_sample_tensor(s, (tp_dims){1, {4}}, -1, 1);
    tp_sample(s, NULL, 3, in);
    in[0] = tp_sample_tensor(s, (tp_dims){2, {0, 4}}, -1, 1);
    tp_sample(s, NULL, 3, in);
}

/* clang-format off */
static const tp_op linear_op = {
    .name = "linear", .n_in = -2, .n_out = 1, .flags = TP__OP_OURS | TP_OP_FORGETS_OUT | TP_OP_OVERWRITES,
    .grad_name = "AddmmBackward0",
    .infer = linear_infer, .forward = linear_forward, .vjp = linear_vjp, .vjp_fused = linear_vjp_fused,
    .samples = linear_samples};
/* clang-format on */

/* A vector is one output, without a dimension; BLAS has no integers. */
static tp_tensor *linear_by_matmul(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias)
{
    TP__NAMED(T, "linear");
    if (!tp__usable_inputs(T, "linear", bias ? 3 : 2, (tp_tensor *[]){x, weight, bias}))
        return NULL;
    tp_tensor *y = tp_matmul(T, x, weight->ndim == 1 ? weight : tp_t(T, weight));
    return bias ? tp_add(T, y, bias) : y;
}

tp_tensor *tp_linear(tp_tape *T, tp_tensor *x, tp_tensor *weight, tp_tensor *bias)
{
    tp_tensor *in[3] = {x, weight, bias};
    bool whole = x && weight && !tp_dtype_is_float(x->dtype) && x->dtype == weight->dtype;
    if (x && weight && (whole || weight->ndim == 1))
        return linear_by_matmul(T, x, weight, bias);
    return tp_apply(T, &linear_op, NULL, bias ? 3 : 2, in);
}

const tp_op *const tp__ops_matmul[] = {
#include TP__OPERATORS
    NULL};
