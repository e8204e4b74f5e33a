/* einsum.c - sums of products by an equation, and tensordot: operand after operand, each step one batched product.
 *
 * A term is a tensor whose dimensions carry labels. Two terms are laid out as [batch, own, summed] times
 * [batch, summed, own] by permutation, which BLAS takes without a copy where the dimensions join. */
#include "ops/ops.h"

enum { LETTERS = 52, LABELS = LETTERS + TP_MAX_DIMS, OPERANDS = 16 };

typedef struct {
    tp_tensor *x;
    int n, label[TP_MAX_DIMS];
} term;

typedef struct {
    int n;
    term in[OPERANDS];
    int n_out, out[LABELS];
    int64_t size[LABELS];
} sum;

/* A to Z, then a to z; -1: none. */
static int letter(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? c - 'a' + 26 : -1; }

static int place_of(const term *t, int label)
{
    for (int d = 0; d < t->n; d++)
        if (t->label[d] == label)
            return d;
    return -1;
}

/* ---- the equation ------------------------------------------------------------------------------------------------ */

static bool bad(tp_tape *T, const char *equation, const char *why)
{
    tp_fail(T, TP_EINVAL, "einsum: \"%.80s\"; %s", equation, why);
    return false;
}

/* The labels of one operand from *p on, up to a comma or the arrow. An ellipsis counts its dimensions from the right. */
static bool read_term(tp_tape *T, const char *equation, const char **p, term *t)
{
    int before[TP_MAX_DIMS], n = 0, dots = -1;
    for (; **p && **p != ',' && strncmp(*p, "->", 2) != 0; ++*p) {
        if (tp__is_space(**p))
            continue;
        if (strncmp(*p, "...", 3) == 0 && dots < 0) {
            dots = n;
            *p += 2;
        } else if (letter(**p) < 0) {
            return bad(T, equation, "letters, at most one ellipsis a term, commas and one arrow are needed");
        } else if (n == TP_MAX_DIMS) {
            return bad(T, equation, "a term of fewer letters is needed");
        } else {
            before[n++] = letter(**p);
        }
    }
    int rest = t->x->ndim - n;
    if (rest < 0 || (rest > 0 && dots < 0))
        return bad(T, equation, "as many letters as an operand has dimensions are needed");
    for (int d = 0; d < t->x->ndim; d++)
        t->label[d] = dots < 0 || d < dots ? before[d]
                      : d < dots + rest    ? LETTERS + rest - 1 - (d - dots)
                                           : before[d - rest];
    t->n = t->x->ndim;
    return true;
}

/* Without an arrow: the dimensions of the ellipsis, then what occurs once, by letter. */
static void implied_output(sum *s)
{
    int count[LABELS] = {0};
    for (int i = 0; i < s->n; i++)
        for (int d = 0; d < s->in[i].n; d++)
            count[s->in[i].label[d]]++;
    for (int l = LABELS - 1; l >= LETTERS; l--)
        if (count[l])
            s->out[s->n_out++] = l;
    for (int l = 0; l < LETTERS; l++)
        if (count[l] == 1)
            s->out[s->n_out++] = l;
}

static bool read_output(tp_tape *T, const char *equation, const char *p, sum *s)
{
    bool known[LABELS] = {false}, used[LABELS] = {false};
    for (int i = 0; i < s->n; i++)
        for (int d = 0; d < s->in[i].n; d++)
            known[s->in[i].label[d]] = true;
    for (; *p; p++) {
        if (tp__is_space(*p))
            continue;
        if (strncmp(p, "...", 3) == 0) {
            for (int l = LABELS - 1; l >= LETTERS; l--)
                if (known[l] && !used[l]) {
                    used[l] = true;
                    s->out[s->n_out++] = l;
                }
            p += 2;
            continue;
        }
        int l = letter(*p);
        if (l < 0 || !known[l] || used[l])
            return bad(T, equation, "letters of the output that are in an operand, each once, are needed");
        used[l] = true;
        s->out[s->n_out++] = l;
    }
    return true;
}

static bool read_equation(tp_tape *T, const char *equation, int n, tp_tensor *const *x, sum *s)
{
    const char *p = equation;
    *s = (sum){.n = n};
    for (int i = 0; i < n; i++) {
        if (!tp__usable(T, "einsum", x[i]))
            return false;
        s->in[i].x = x[i];
        if (!read_term(T, equation, &p, &s->in[i]))
            return false;
        if (i + 1 < n ? *p++ != ',' : *p == ',')
            return bad(T, equation, "as many terms as operands are needed");
    }
    if (*p == '\0') {
        implied_output(s);
        return true;
    }
    return read_output(T, equation, p + 2, s);
}

/* ---- single terms -------------------------------------------------------------------------------------------------- */

/* Repeated labels become diagonals; dimensions of size 1 that others broadcast are dropped. */
static bool tidy(tp_tape *T, const char *equation, sum *s, term *t)
{
    for (int d = 0; d < t->n && t->x; d++)
        for (int e = d + 1; e < t->n && t->x; e++) {
            if (t->label[e] != t->label[d])
                continue;
            if (t->x->shape[d] != t->x->shape[e])
                return bad(T, equation, "one size for a letter that an operand has twice is needed");
            int label = t->label[d];
            t->x = tp_diagonal(T, t->x, 0, d, e); /* comes last */
            for (int k = e; k + 1 < t->n; k++)
                t->label[k] = t->label[k + 1];
            for (int k = d; k + 2 < t->n; k++)
                t->label[k] = t->label[k + 1];
            t->label[--t->n - 1] = label;
            d = -1;
            break;
        }
    for (int d = 0; d < t->n && t->x; d++) {
        int64_t *size = &s->size[t->label[d]], here = t->x->shape[d];
        if (*size == 0 || *size == 1 || *size == -1)
            *size = here == 0 ? -1 : here;
        else if (here != 1 && here != *size)
            return bad(T, equation, "one size for a letter is needed");
    }
    return t->x != NULL;
}

static void drop(term *t, int d)
{
    for (; d + 1 < t->n; d++)
        t->label[d] = t->label[d + 1];
    t->n--;
}

static bool kept(const sum *s, int label, int from)
{
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] == label)
            return true;
    for (int i = from; i < s->n; i++)
        if (place_of(&s->in[i], label) >= 0)
            return true;
    return false;
}

/* Sums over what neither the output nor an operand from `from` on, nor `other`, wants. */
static void sum_out(tp_tape *T, const sum *s, term *t, const term *other, int from)
{
    int dims[TP_MAX_DIMS], n = 0;
    term left = {.n = 0};
    for (int d = 0; d < t->n; d++)
        if (kept(s, t->label[d], from) || (other && place_of(other, t->label[d]) >= 0))
            left.label[left.n++] = t->label[d];
        else
            dims[n++] = d;
    if (n == 0)
        return;
    left.x = tp_sum_dims(T, t->x, n, dims, false);
    *t = left;
}

/* t with exactly these labels in this order; those it has not come in with size 1. */
static tp_tensor *laid_out(tp_tape *T, const term *t, int n, const int *label)
{
    tp_dims order = {.ndim = 0}, shape = {.ndim = n};
    for (int k = 0; k < n; k++) {
        int d = place_of(t, label[k]);
        shape.dim[k] = d < 0 ? 1 : t->x->shape[d];
        if (d >= 0)
            order.dim[order.ndim++] = d;
    }
    tp_tensor *y = tp_permute(T, t->x, order);
    return order.ndim == n ? y : tp_reshape(T, y, shape);
}

/* ---- two terms ------------------------------------------------------------------------------------------------------ */

typedef struct {
    int n, label[LABELS];
    int64_t size;
} group;

static void add(group *g, int label, int64_t size)
{
    g->label[g->n++] = label;
    g->size *= size;
}

/* t as [batch, rows, columns] of the labels of three groups */
static tp_tensor *as_batch(tp_tape *T, const term *t, const group *batch, const group *rows, const group *columns)
{
    const group *parts[3] = {batch, rows, columns};
    int label[LABELS], n = 0;
    for (int p = 0; p < 3; p++)
        for (int k = 0; k < parts[p]->n; k++)
            label[n++] = parts[p]->label[k];
    tp_tensor *y = laid_out(T, t, n, label);
    return tp_reshape(T, y, (tp_dims){3, {batch->size, rows->size, columns->size}});
}

/* A size-1 dimension that the other term has larger is dropped: it broadcasts. */
static void drop_singles(tp_tape *T, term *t, const term *other)
{
    for (int d = t->n - 1; d >= 0 && t->x; d--) {
        int e = place_of(other, t->label[d]);
        if (t->x->shape[d] == 1 && e >= 0 && other->x->shape[e] != 1) {
            t->x = tp_squeeze_dim(T, t->x, d);
            drop(t, d);
        }
    }
}

/* The product of a and b, summed over what is not wanted from operand `from` on. */
static term contract(tp_tape *T, const sum *s, term a, term b, int from)
{
    group batch = {.size = 1}, left = {.size = 1}, right = {.size = 1}, summed = {.size = 1};
    term y = {.n = 0};
    drop_singles(T, &a, &b);
    drop_singles(T, &b, &a);
    if (a.x == NULL || b.x == NULL)
        return y;
    sum_out(T, s, &a, &b, from);
    sum_out(T, s, &b, &a, from);
    for (int d = 0; d < a.n && a.x; d++) {
        int l = a.label[d], e = place_of(&b, l);
        add(e < 0 ? &left : kept(s, l, from) ? &batch : &summed, l, a.x->shape[d]);
    }
    for (int d = 0; d < b.n && b.x; d++)
        if (place_of(&a, b.label[d]) < 0)
            add(&right, b.label[d], b.x->shape[d]);
    if (a.x == NULL || b.x == NULL || batch.n + left.n + right.n > TP_MAX_DIMS) {
        if (tp__ok(T))
            tp_fail(T, TP_EUNSUPPORTED, "einsum: an intermediate result has %d dimensions; at most %d",
                    batch.n + left.n + right.n, TP_MAX_DIMS);
        return y;
    }
    tp_dims shape = {.ndim = 0};
    const group *parts[3] = {&batch, &left, &right};
    for (int p = 0; p < 3; p++)
        for (int k = 0; k < parts[p]->n; k++) {
            int d = place_of(&a, parts[p]->label[k]);
            shape.dim[shape.ndim++] = d >= 0 ? a.x->shape[d] : b.x->shape[place_of(&b, parts[p]->label[k])];
            y.label[y.n++] = parts[p]->label[k];
        }
    if (summed.n == 0) {
        y.x = tp_mul(T, laid_out(T, &a, y.n, y.label), laid_out(T, &b, y.n, y.label));
    } else if (batch.n == 0) { /* one product */
        tp_dims rows = {2, {left.size, summed.size}}, columns = {2, {summed.size, right.size}};
        tp_tensor *p = tp_reshape(T, as_batch(T, &a, &batch, &left, &summed), rows);
        y.x = tp_reshape(T, tp_mm(T, p, tp_reshape(T, as_batch(T, &b, &batch, &summed, &right), columns)), shape);
    } else {
        tp_tensor *p = as_batch(T, &a, &batch, &left, &summed);
        y.x = tp_reshape(T, tp_bmm(T, p, as_batch(T, &b, &batch, &summed, &right)), shape);
    }
    return y;
}

tp_tensor *tp_einsum(tp_tape *T, const char *equation, int n, tp_tensor *const *x)
{
    TP__NAMED(T, "einsum");
    sum s;
    if (!tp__listed(T, "einsum", "operands", n, 1, x))
        return NULL;
    if (equation == NULL || n > OPERANDS) {
        tp_fail(T, TP_EINVAL, "einsum: the equation is %s, of %d operands; one of 1 to %d is needed",
                equation ? "there" : "NULL", n, OPERANDS);
        return NULL;
    }
    if (!read_equation(T, equation, n, x, &s))
        return NULL;
    for (int i = 0; i < n; i++)
        if (!tidy(T, equation, &s, &s.in[i]))
            return NULL;
    term y = s.in[0];
    for (int i = 1; i < n && y.x; i++)
        y = contract(T, &s, y, s.in[i], i + 1);
    if (y.x)
        sum_out(T, &s, &y, NULL, n);
    if (y.x == NULL)
        return NULL;
    if (s.n_out > TP_MAX_DIMS) {
        tp_fail(T, TP_EUNSUPPORTED, "einsum: the result has %d dimensions; at most %d", s.n_out, TP_MAX_DIMS);
        return NULL;
    }
    return laid_out(T, &y, s.n_out, s.out);
}

/* ---- tensordot ------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_tensordot(tp_tape *T, tp_tensor *a, tp_tensor *b, int n, const int *dims_a, const int *dims_b)
{
    TP__NAMED(T, "tensordot");
    sum s = {.n = 2};
    if (!tp__usable(T, "tensordot", a) || !tp__usable(T, "tensordot", b) ||
        !tp__listed(T, "tensordot", "dimensions", n, 0, dims_a) ||
        !tp__listed(T, "tensordot", "dimensions", n, 0, dims_b))
        return NULL;
    bool in_b[TP_MAX_DIMS] = {false}, in_a[TP_MAX_DIMS] = {false};
    s.in[0] = (term){.x = a, .n = a->ndim};
    s.in[1] = (term){.x = b, .n = b->ndim};
    for (int d = 0; d < a->ndim; d++)
        s.in[0].label[d] = d;
    for (int d = 0; d < b->ndim; d++)
        s.in[1].label[d] = TP_MAX_DIMS + d;
    for (int i = 0; i < n; i++) {
        int p = tp__dim_of(T, "tensordot", a->ndim, dims_a[i]), q = tp__dim_of(T, "tensordot", b->ndim, dims_b[i]);
        if (p < 0 || q < 0)
            return NULL;
        if (in_a[p] || in_b[q] || (a->shape[p] != b->shape[q] && a->shape[p] != 1 && b->shape[q] != 1)) {
            tp_fail(T, TP_ESHAPE,
                    "tensordot: dimension %d of %s and %d of %s; one size is needed, and each dimension once", p,
                    TP__SHAPE(a), q, TP__SHAPE(b));
            return NULL;
        }
        in_a[p] = in_b[q] = true;
        s.in[1].label[q] = p;
    }
    for (int d = 0; d < a->ndim; d++)
        if (!in_a[d])
            s.out[s.n_out++] = d;
    for (int d = 0; d < b->ndim; d++)
        if (!in_b[d])
            s.out[s.n_out++] = TP_MAX_DIMS + d;
    term y = contract(T, &s, s.in[0], s.in[1], 2);
    return y.x ? laid_out(T, &y, s.n_out, s.out) : NULL;
}
