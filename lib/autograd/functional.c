/* functional.c - derivatives of whole functions: products with J and H, and the matrices.
 *
 * Every one of them is a job: the function is called once on inputs of its own, sweeps follow, and what came of it is
 * carried over a rewind.
 */
#include "tapir/functional.h"
#include "ops/ops.h"

#include <string.h>

typedef struct {
    tp_tape *T;
    const char *name;
    tp_functional_options o;
    int n_in, n_out;
    tp_tensor *const *in;
    tp_tensor **x, **y; /* its own inputs, and what the function made of them */
    tp_tensor **keep;   /* what outlives the job, n_keep of room */
    int n_keep;
    tp_tensor *room;
    tp_mark mark;
    uint32_t begin; /* nodes before the function's */
    bool was_recording;
    tp__frame frame; /* of the public function, which has the job */
    tp__call_out call;
} job;

/* ---- entering, leaving -------------------------------------------------------------------------------------------------- */

static tp_status check_inputs(const job *j)
{
    for (int i = 0; i < j->n_in; i++) {
        if (!tp__usable_input(j->T, j->name, i, j->in[i]))
            return j->T->status;
        if (!tp_dtype_is_float(j->in[i]->dtype))
            return tp_fail(j->T, TP_EDTYPE, "%s: input %d is %s; float32 or float64 is needed", j->name, i,
                           tp_dtype_name(j->in[i]->dtype));
    }
    return TP_OK;
}

/* Inputs of its own: what the function finds elsewhere of the same tensors does not count. */
static tp_tensor *own_input(const job *j, tp_tensor *x)
{
    if (j->o.create_graph && tp_needs_grad(x))
        return tp_expand(j->T, x, tp__dims_of(x));
    return tp_requires_grad(tp_detach(j->T, x), true);
}

static tp_status call_function(job *j, tp_function f, void *user)
{
    tp_tape *T = j->T;
    for (int i = 0; i < j->n_in; i++)
        if ((j->x[i] = own_input(j, j->in[i])) == NULL)
            return T->status;
    tp_status status = f(T, user, j->n_in, j->x, j->n_out, j->y);
    if (status != TP_OK && T->status == TP_OK)
        return tp_fail(T, status, "%s: the function failed", j->name);
    for (int k = 0; k < j->n_out && T->status == TP_OK; k++) {
        if (j->y[k] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: output %d is NULL; the function must set it", j->name, k);
        if (!tp__usable(T, j->name, j->y[k]))
            return T->status;
        if (!tp_dtype_is_float(j->y[k]->dtype))
            return tp_fail(T, TP_EDTYPE, "%s: output %d is %s; float32 or float64 is needed", j->name, k,
                           tp_dtype_name(j->y[k]->dtype));
    }
    return T->status;
}

/* Calls the function; there is room for n_keep tensors that outlive the job. */
static tp_status enter(job *j, tp_function f, void *user, int n_keep, const tp_functional_options *options)
{
    tp_tape *T = j->T;
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    if (f == NULL || j->n_in < 1 || j->n_out < 1 || j->in == NULL)
        return tp_fail(T, TP_EINVAL, "%s: the function is %s, of %d inputs and %d outputs; one of 1 or more is needed",
                       j->name, f ? "there" : "NULL", j->in ? j->n_in : 0, j->n_out);
    if (check_inputs(j) != TP_OK)
        return T->status;
    if (options)
        j->o = *options;
    size_t n_in = (size_t)j->n_in, n_out = (size_t)j->n_out, n = (size_t)n_keep, bytes;
    bool fits = tp__mul_size(n, sizeof *j->room, &bytes);
    j->x = tp__arena_alloc(&T->arena, (n_in + n_out + n) * sizeof *j->x);
    j->room = fits && j->x ? tp__arena_alloc(&T->arena, bytes) : NULL;
    if (j->room == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", j->name);
    memset(j->x, 0, (n_in + n_out + n) * sizeof *j->x);
    j->y = j->x + n_in;
    j->keep = j->y + n_out;
    j->n_keep = n_keep;
    j->mark = tp_tape_mark(T);
    j->begin = T->n_nodes;
    tp__enter_from(T, &j->call, j->frame);
    j->was_recording = tp_tape_record(T, true);
    call_function(j, f, user);
    T->speaker = j->name; /* until tp__leave; what its function said it said itself */
    return T->status;
}

/* Gives back all but `keep`. */
static tp_status leave(job *j)
{
    tp_tape *T = j->T;
    if (j->room == NULL)
        return T && T->status == TP_OK ? TP_EINVAL : tp_error_status(T);
    tp_tape_record(T, j->was_recording);
    tp__leave(&j->call);
    if (!j->o.create_graph || T->status != TP_OK) {
        tp__rewind_keep(T, j->mark, j->n_keep, j->keep, j->room);
    }
    return T->status;
}

/* After leaving: n of those kept go where they are wanted, which may be where the inputs were. After a failure NULL does. */
static void hand_out(const job *j, int from, int n, tp_tensor **to)
{
    bool there = j->room && j->T->status == TP_OK;
    for (int i = 0; to && i < n; i++)
        to[i] = there ? j->keep[from + i] : NULL;
}

static void clear(int n, tp_tensor **list)
{
    for (int i = 0; list && i < n; i++)
        list[i] = NULL;
}

/* ---- pieces --------------------------------------------------------------------------------------------------------------- */

static bool depends(const tp_tensor *x) { return x && (x->flags & TP__REQUIRES_GRAD); }

/* v must be there, or one element be all there is; and be of the shapes of x. */
static tp_status check_vectors(const job *j, int n, tp_tensor *const *v, tp_tensor *const *x)
{
    if (v == NULL && (n != 1 || x[0]->numel != 1))
        return tp_fail(j->T, TP_EINVAL, "%s: v is NULL; it is needed but for a single tensor of one element", j->name);
    for (int i = 0; i < n && v; i++) {
        if (v[i] == NULL)
            return tp_fail(j->T, TP_EINVAL, "%s: v[%d] is NULL", j->name, i);
        if (!tp__usable(j->T, j->name, v[i]))
            return j->T->status;
        if (!tp__same_shape(v[i], x[i]))
            return tp_fail(j->T, TP_ESHAPE, "%s: v[%d] is %s; %s is needed", j->name, i, TP__SHAPE(v[i]),
                           TP__SHAPE(x[i]));
    }
    return TP_OK;
}

/* g = sum of v . dy/dx over the y that depend on anything; NULL where none does on x. v NULL: ones. `retain`: the graph
 * is needed again. */
static tp_status gradients(const job *j, int n_y, tp_tensor *const *y, tp_tensor *const *v, int n_x,
                           tp_tensor *const *x, tp_tensor **g, bool create, bool retain)
{
    tp_tape *T = j->T;
    size_t n = (size_t)n_y;
    tp_tensor **roots = tp__arena_alloc(&T->arena, 2 * n * sizeof *roots), **weights = roots + n;
    int n_roots = 0;
    clear(n_x, g);
    if (roots == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", j->name);
    for (int k = 0; k < n_y; k++)
        if (depends(y[k])) {
            roots[n_roots] = y[k];
            weights[n_roots] = v ? v[k] : tp_ones_like(T, y[k]);
            if (weights[n_roots++] == NULL)
                return T->status;
        }
    tp_gradients_options o = {
        .grad_outputs = weights, .retain_graph = retain, .create_graph = create, .allow_unused = true};
    return n_roots ? tp_gradients(T, n_roots, roots, n_x, x, g, &o) : T->status;
}

static tp_status independent(const job *j, const char *of, int k, int i)
{
    return tp_fail(j->T, TP_EGRAPH, "%s: %s %d does not depend on input %d; with `strict` it must", j->name, of, k, i);
}

/* Zeros for what is missing, unless that is an error. */
static tp_status fill_in(const job *j, const char *what, int n, tp_tensor **g, tp_tensor *const *like)
{
    for (int i = 0; i < n && j->T->status == TP_OK; i++)
        if (g[i] == NULL) {
            if (j->o.strict)
                return tp_fail(j->T, TP_EGRAPH, "%s: %s %d; with `strict` they must", j->name, what, i);
            g[i] = tp_zeros_like(j->T, like[i]);
        }
    return j->T->status;
}

static tp_status check_outputs(const job *j)
{
    for (int k = 0; k < j->n_out && j->o.strict; k++)
        if (!depends(j->y[k]))
            return independent(j, "output", k, 0);
    return TP_OK;
}

static tp_status check_scalar(const job *j)
{
    return j->y[0]->numel == 1
               ? TP_OK
               : tp_fail(j->T, TP_ESHAPE, "%s: the output is %s; one element is needed", j->name, TP__SHAPE(j->y[0]));
}

/* ---- products -------------------------------------------------------------------------------------------------------------- */

tp_status tp_vjp_of(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                    tp_tensor *const *v, tp_tensor **values, tp_tensor **result, const tp_functional_options *options)
{
    job j = {.T = T, .frame = tp__frame_here(), .name = "vjp_of", .n_in = n_in, .n_out = n_out, .in = in};
    if (enter(&j, f, user, n_out + n_in, options) == TP_OK && check_vectors(&j, n_out, v, j.y) == TP_OK &&
        check_outputs(&j) == TP_OK) {
        tp_tensor **g = j.keep + n_out;
        memcpy(j.keep, j.y, (size_t)n_out * sizeof *j.keep);
        if (gradients(&j, n_out, j.y, v, n_in, j.x, g, j.o.create_graph, false) == TP_OK)
            fill_in(&j, "the outputs do not depend on input", n_in, g, j.x);
    }
    tp_status status = leave(&j);
    hand_out(&j, 0, n_out, values);
    hand_out(&j, n_out, n_in, result);
    return status;
}

/* g(u) = u^T J, with u for differentiating: then J v = d(g . v)/du. */
static tp_status transpose(const job *j, tp_tensor **u, tp_tensor **g)
{
    for (int k = 0; k < j->n_out; k++)
        if ((u[k] = tp_requires_grad(tp_zeros_like(j->T, j->y[k]), true)) == NULL)
            return j->T->status;
    return gradients(j, j->n_out, j->y, u, j->n_in, j->x, g, true, true);
}

tp_status tp_jvp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor *const *v,
                 tp_tensor **values, tp_tensor **result, const tp_functional_options *options)
{
    job j = {.T = T, .frame = tp__frame_here(), .name = "jvp", .n_in = n_in, .n_out = n_out, .in = in};
    if (enter(&j, f, user, n_out > 0 ? 2 * n_out : 0, options) == TP_OK && check_vectors(&j, n_in, v, j.x) == TP_OK &&
        check_outputs(&j) == TP_OK) {
        tp_tensor **u = tp__arena_alloc(&T->arena, (size_t)(n_in + n_out) * sizeof *u);
        memcpy(j.keep, j.y, (size_t)n_out * sizeof *j.keep);
        if (u == NULL)
            tp_fail(T, TP_ENOMEM, "jvp: no memory");
        else if (transpose(&j, u, u + n_out) == TP_OK &&
                 gradients(&j, n_in, u + n_out, v, n_out, u, j.keep + n_out, j.o.create_graph, false) == TP_OK)
            fill_in(&j, "the inputs do not reach output", n_out, j.keep + n_out, j.y);
    }
    tp_status status = leave(&j);
    hand_out(&j, 0, n_out, values);
    hand_out(&j, n_out, n_out, result);
    return status;
}

/* H v as the gradient of (gradient . v). */
static tp_status hessian_product(const char *name, tp_tape *T, tp_function f, void *user, int n_in,
                                 tp_tensor *const *in, tp_tensor *const *v, tp_tensor **value, tp_tensor **result,
                                 const tp_functional_options *options)
{
    job j = {.T = T, .frame = tp__frame_here(), .name = name, .n_in = n_in, .n_out = 1, .in = in};
    if (enter(&j, f, user, 1 + n_in, options) == TP_OK && check_scalar(&j) == TP_OK &&
        check_vectors(&j, n_in, v, j.x) == TP_OK && check_outputs(&j) == TP_OK) {
        tp_tensor **g = tp__arena_alloc(&T->arena, (size_t)n_in * sizeof *g), **hv = j.keep + 1;
        j.keep[0] = j.y[0];
        if (g == NULL)
            tp_fail(T, TP_ENOMEM, "%s: no memory", name);
        else if (gradients(&j, 1, j.y, NULL, n_in, j.x, g, true, true) == TP_OK &&
                 gradients(&j, n_in, g, v, n_in, j.x, hv, j.o.create_graph, false) == TP_OK)
            fill_in(&j, "no elements of the gradient depend on input", n_in, hv, j.x);
    }
    tp_status status = leave(&j);
    hand_out(&j, 0, 1, value);
    hand_out(&j, 1, n_in, result);
    return status;
}

tp_status tp_hvp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor *const *v,
                 tp_tensor **value, tp_tensor **result, const tp_functional_options *options)
{
    return hessian_product("hvp", T, f, user, n_in, in, v, value, result, options);
}

tp_status tp_vhp(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor *const *v,
                 tp_tensor **value, tp_tensor **result, const tp_functional_options *options)
{
    return hessian_product("vhp", T, f, user, n_in, in, v, value, result, options);
}

/* ---- matrices ----------------------------------------------------------------------------------------------------------------
 *
 * A matrix is gathered from vectors: rows (the gradient of one element of an output, for all inputs) or columns. Without a
 * graph they are copied into blocks that are there before; with one they are stacked in the end. */

typedef struct {
    const job *j;
    int n_y, n_x; /* blocks[k * n_x + i] = dy_k/dx_i */
    tp_tensor *const *y, *const *x;
    tp_tensor **blocks;
    tp_tensor ***vectors; /* under create_graph: of each block, its rows or columns */
    bool forward;
} matrix;

static int64_t lines_of(const matrix *m, int k, int i) { return m->forward ? m->x[i]->numel : m->y[k]->numel; }

static bool joined_shape(const tp_tensor *y, const tp_tensor *x, tp_dims *shape)
{
    *shape = tp__dims_of(y);
    if (y->ndim + x->ndim > TP_MAX_DIMS)
        return false;
    for (int d = 0; d < x->ndim; d++)
        shape->dim[shape->ndim++] = x->shape[d];
    return true;
}

static tp_status make_blocks(matrix *m)
{
    tp_tape *T = m->j->T;
    size_t n = (size_t)m->n_y * (size_t)m->n_x;
    if (m->j->o.create_graph && (m->vectors = tp__arena_alloc(&T->arena, n * sizeof *m->vectors)) == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", m->j->name);
    for (int k = 0; k < m->n_y; k++)
        for (int i = 0; i < m->n_x; i++) {
            int at = k * m->n_x + i;
            tp_dims shape;
            if (!joined_shape(m->y[k], m->x[i], &shape))
                return tp_fail(T, TP_ESHAPE, "%s: block %d, %d has %d dimensions; at most %d", m->j->name, k, i,
                               m->y[k]->ndim + m->x[i]->ndim, TP_MAX_DIMS);
            if ((m->blocks[at] = tp_zeros(T, m->x[i]->dtype, shape)) == NULL)
                return T->status;
            if (m->vectors == NULL)
                continue;
            m->vectors[at] = tp__arena_alloc(&T->arena, ((size_t)lines_of(m, k, i) + 1) * sizeof **m->vectors);
            if (m->vectors[at] == NULL)
                return tp_fail(T, TP_ENOMEM, "%s: no memory", m->j->name);
        }
    return TP_OK;
}

/* Vector g is line `at` of block (k, i); NULL is zeros. */
static tp_status put_line(const matrix *m, int k, int i, int64_t at, tp_tensor *g)
{
    tp_tape *T = m->j->T;
    tp_tensor *block = m->blocks[k * m->n_x + i];
    if (g == NULL && m->j->o.strict)
        return independent(m->j, "output", k, i);
    if (m->vectors) {
        tp_dims flat = {1, {m->forward ? m->y[k]->numel : m->x[i]->numel}};
        tp_tensor *line = g ? tp_reshape(T, tp_to(T, g, block->dtype), flat) : tp_zeros(T, block->dtype, flat);
        m->vectors[k * m->n_x + i][at] = line;
        return T->status;
    }
    if (g == NULL || (g = tp_contiguous(T, tp_to(T, g, block->dtype))) == NULL)
        return T->status;
    int64_t rows = m->y[k]->numel, columns = m->x[i]->numel, stride = m->forward ? columns : 1;
    size_t size = tp_dtype_size(block->dtype);
    char *to = (char *)block->data + (size_t)(m->forward ? at : at * columns) * size;
    tp_tensor line, from;
    tp__tensor_span(&line, block->dtype, m->forward ? rows : columns, to, block->storage);
    tp__tensor_span(&from, g->dtype, g->numel, g->data, g->storage);
    line.stride[0] = stride;
    tp__tensor_note_layout(&line);
    return tp__copy_into(T, &line, &from);
}

/* 1 at one element of x's shape, 0 elsewhere. */
static tp_tensor *unit(tp_tape *T, tp_tensor *x, int64_t at)
{
    tp_tensor *e = tp_zeros(T, x->dtype, tp__dims_of(x));
    if (e)
        tp__store((char *)e->data + (size_t)at * tp_dtype_size(e->dtype), e->dtype, 1);
    return e;
}

/* One sweep: the line `at` that starts at `from`, in all blocks that `from` and the n_to tensors `to` have. */
static tp_status sweep_line(const matrix *m, int of, int64_t at, tp_tensor *from, int n_to, tp_tensor *const *to,
                            tp_tensor **g)
{
    tp_tape *T = m->j->T;
    tp_mark mark = tp_tape_mark(T);
    tp_tensor *e = unit(T, m->forward ? m->x[of] : from, at);
    if (e)
        gradients(m->j, 1, &from, &e, n_to, to, g, m->j->o.create_graph, true);
    for (int l = 0; l < n_to && T->status == TP_OK; l++)
        put_line(m, m->forward ? l : of, m->forward ? of : l, at, g[l]);
    if (!m->j->o.create_graph)
        tp__rewind(T, mark);
    return T->status;
}

/* Lines from each of n_from tensors to all of n_to. */
static tp_status sweep_lines(const matrix *m, int n_from, tp_tensor *const *from, int n_to, tp_tensor *const *to)
{
    tp_tape *T = m->j->T;
    tp_tensor **g = tp__arena_alloc(&T->arena, (size_t)n_to * sizeof *g);
    if (g == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", m->j->name);
    clear(n_to, g);
    for (int f = 0; f < n_from; f++) {
        int64_t n = m->forward ? m->x[f]->numel : m->y[f]->numel;
        for (int64_t at = 0; at < n && T->status == TP_OK; at++) {
            if (depends(from[f]))
                sweep_line(m, f, at, from[f], n_to, to, g);
            for (int l = 0; l < n_to && !depends(from[f]) && T->status == TP_OK; l++)
                put_line(m, m->forward ? l : f, m->forward ? f : l, at, NULL);
        }
    }
    return T->status;
}

static tp_status stack_lines(const matrix *m)
{
    tp_tape *T = m->j->T;
    for (int k = 0; k < m->n_y; k++)
        for (int i = 0; i < m->n_x && T->status == TP_OK; i++) {
            int64_t n = lines_of(m, k, i);
            tp_tensor **block = &m->blocks[k * m->n_x + i];
            if (n > INT32_MAX)
                return tp_fail(T, TP_ENOMEM, "%s: %lld lines are too many to be recorded", m->j->name, (long long)n);
            if (n > 0)
                *block = tp_reshape(T, tp_stack(T, (int)n, m->vectors[k * m->n_x + i], m->forward ? 1 : 0),
                                    tp__dims_of(*block));
        }
    return T->status;
}

static int64_t count(int n, tp_tensor *const *x)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i]->numel;
    return sum;
}

/* Can the sweep itself be differentiated? */
static bool has_second(const job *j)
{
    for (uint32_t k = j->begin; k < j->T->n_nodes; k++)
        if (j->T->nodes[k]->op->vjp == NULL)
            return false;
    return true;
}

static tp_status fill_matrix(matrix *m)
{
    tp_tape *T = m->j->T;
    if (!m->forward)
        return sweep_lines(m, m->n_y, m->y, m->n_x, m->x);
    tp_tensor **u = tp__arena_alloc(&T->arena, ((size_t)m->n_y + (size_t)m->n_x) * sizeof *u), **g = u + m->n_y;
    if (u == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory", m->j->name);
    return transpose(m->j, u, g) == TP_OK ? sweep_lines(m, m->n_x, g, m->n_y, u) : T->status;
}

static tp_status compute(matrix *m)
{
    if (make_blocks(m) == TP_OK && fill_matrix(m) == TP_OK && m->vectors)
        stack_lines(m);
    return m->j->T->status;
}

/* Blocks are as many as n * n_in; false where that is more than there can be. */
static bool square(tp_tape *T, const char *name, int64_t n, int n_in, int *blocks)
{
    if (n < 0 || n_in < 0 || n * n_in > INT32_MAX / 2) {
        tp_fail(T, TP_EINVAL, "%s: %lld outputs and %d inputs; 0 or more, and fewer, are needed", name, (long long)n,
                n_in);
        return false;
    }
    *blocks = (int)n * n_in;
    return true;
}

tp_status tp_jacobian(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, int n_out,
                      tp_tensor **blocks, const tp_functional_options *options)
{
    job j = {.T = T, .frame = tp__frame_here(), .name = "jacobian", .n_in = n_in, .n_out = n_out, .in = in};
    tp_tensor **values = options ? options->values : NULL;
    int n;
    if (!square(T, j.name, n_out, n_in, &n))
        return T ? T->status : TP_EINVAL;
    if (enter(&j, f, user, n_out + n, options) == TP_OK) {
        memcpy(j.keep, j.y, (size_t)n_out * sizeof *j.keep);
        matrix m = {.j = &j, .n_y = n_out, .n_x = n_in, .y = j.y, .x = j.x, .blocks = j.keep + n_out};
        m.forward = j.o.mode == TP_FORWARD ||
                    (j.o.mode == TP_CHEAPER && count(n_in, j.x) + 1 < count(n_out, j.y) && has_second(&j));
        compute(&m);
    }
    tp_status status = leave(&j);
    hand_out(&j, 0, n_out, values);
    hand_out(&j, n_out, n, blocks);
    return status;
}

tp_status tp_hessian(tp_tape *T, tp_function f, void *user, int n_in, tp_tensor *const *in, tp_tensor **blocks,
                     const tp_functional_options *options)
{
    job j = {.T = T, .frame = tp__frame_here(), .name = "hessian", .n_in = n_in, .n_out = 1, .in = in};
    tp_tensor **value = options ? options->values : NULL, **gradient = options ? options->gradient : NULL;
    int n;
    if (!square(T, j.name, (int64_t)n_in + 1, n_in, &n)) /* the gradient is a row more */
        return T ? T->status : TP_EINVAL;
    if (enter(&j, f, user, 1 + n, options) == TP_OK && check_scalar(&j) == TP_OK && check_outputs(&j) == TP_OK) {
        tp_tensor **g = j.keep + 1;
        matrix m = {.j = &j, .n_y = n_in, .n_x = n_in, .y = g, .x = j.x, .blocks = g + n_in};
        j.keep[0] = j.y[0];
        if (gradients(&j, 1, j.y, NULL, n_in, j.x, g, true, true) == TP_OK) {
            for (int i = 0; i < n_in && T->status == TP_OK; i++)
                if (g[i] == NULL)
                    g[i] = tp_zeros_like(T, j.x[i]);
            if (T->status == TP_OK)
                compute(&m);
        }
    }
    tp_status status = leave(&j);
    hand_out(&j, 0, 1, value);
    hand_out(&j, 1, n_in, gradient);
    hand_out(&j, 1 + n_in, n - n_in, blocks);
    return status;
}
