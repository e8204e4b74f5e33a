/* triangle.c - triangular systems with many right-hand sides: by halves, so that nearly all of the work is in products,
 * down to blocks that are solved in registers (BLAS's own solves of small orders run at a third of its products' rate).
 * No block is inverted: the errors are those of substitution (N. J. Higham, "Accuracy and stability of numerical
 * algorithms", 2002, chapter 8). */
#include "kernel/triangle.h"

typedef struct {
    tp_dtype dtype;
    bool upper, ta, unit; /* upper: op(A) is */
    int64_t m, n, lda, ldb;
    const char *a;
    char *b;
    int64_t block; /* columns of B that are a part */
} system;

/* op(A) from row i and column j on */
static const char *at(const system *s, int64_t i, int64_t j)
{
    return s->a + (s->ta ? j * s->lda + i : i * s->lda + j) * (int64_t)tp_dtype_size(s->dtype);
}

static char *row(const system *s, int64_t i) { return s->b + i * s->ldb * (int64_t)tp_dtype_size(s->dtype); }

/* An upper triangle is a lower one from the other end. */
static void solve_block(const system *s)
{
    tp__triangle t = {at(s, 0, 0), s->ta ? 1 : s->lda, s->ta ? s->lda : 1, s->unit};
    int64_t last = s->m - 1;
    if (s->upper) {
        t = (tp__triangle){at(s, last, last), -t.rs, -t.cs, t.unit};
        TP__PICK(tp__triangle_table)->solve[s->dtype == TP_F64](s->m, s->n, &t, row(s, last), -s->ldb);
    } else
        TP__PICK(tp__triangle_table)->solve[s->dtype == TP_F64](s->m, s->n, &t, row(s, 0), s->ldb);
}

/* Half of the unknowns, what they are in the other half's equations, and these. */
static void solve_halves(const system *s)
{
    if (s->m <= TP__TRIANGLE) {
        solve_block(s);
        return;
    }
    int64_t top = (s->m / 2 + TP__TRIANGLE - 1) / TP__TRIANGLE * TP__TRIANGLE, rest = s->m - top;
    system first = *s, second = *s;
    first.m = top;
    second.m = rest;
    second.a = at(s, top, top);
    second.b = row(s, top);
    if (s->upper) {
        solve_halves(&second);
        tp__gemm(s->dtype, s->ta, false, top, s->n, rest, -1, at(s, 0, top), s->lda, second.b, s->ldb, 1, first.b,
                 s->ldb);
        solve_halves(&first);
    } else {
        solve_halves(&first);
        tp__gemm(s->dtype, s->ta, false, rest, s->n, top, -1, at(s, top, 0), s->lda, first.b, s->ldb, 1, second.b,
                 s->ldb);
        solve_halves(&second);
    }
}

static void solve_columns(int64_t begin, int64_t end, void *user)
{
    const system *s = user;
    for (int64_t i = begin; i < end; i++) {
        system part = *s;
        part.b = s->b + i * s->block * (int64_t)tp_dtype_size(s->dtype);
        part.n = (i + 1) * s->block < s->n ? s->block : s->n - i * s->block;
        solve_halves(&part);
    }
}

bool tp__trsm(tp_dtype dtype, bool upper, bool ta, bool unit, int64_t m, int64_t n, const void *a, int64_t lda, void *b,
              int64_t ldb)
{
    enum { LINE = 64, LEAST = 1 << 20, MOST = 8 }; /* columns, and multiply-adds, of a part; parts */
    if (m == 0 || n == 0)
        return true;
    if (!tp__blas_ready(m, n, lda) || !tp__blas_counts(ldb, 0, 0))
        return false;
    if (n == 1 && ldb == 1)
        return tp__trsv(dtype, upper, ta, unit, m, a, lda, b);
    int64_t work = m * m / 2 * n, parts = 1 + work / LEAST < MOST ? 1 + work / LEAST : MOST;
    system s = {dtype, upper != ta, ta, unit, m, n, lda, ldb, a, b, 0};
    s.block = ((n + parts - 1) / parts + LINE - 1) / LINE * LINE;
    tp__parallel_for((n + s.block - 1) / s.block, 1, solve_columns, &s);
    return true;
}
