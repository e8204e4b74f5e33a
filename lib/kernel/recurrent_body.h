/* recurrent_body.h - see vec_recurrent.c: REAL and NAME are the type at hand and its suffix. UNITS are those of a panel of
 * weights (recurrent.c), which most calls have. */
#if IS_F64
#define SIGMOID v_sigmoid
#define SIGMOID_SLOPE v_sigmoid_slope
#define TANH v_tanh
#define TANH_SLOPE v_tanh_slope
enum { UNITS_F64 = 8 };
#define UNITS UNITS_F64
#else
#define SIGMOID v_sigmoidf
#define SIGMOID_SLOPE v_sigmoid_slopef
#define TANH v_tanhf
#define TANH_SLOPE v_tanh_slopef
enum { UNITS_F32 = 16 };
#define UNITS UNITS_F32
#endif

/* ---- forward: a row ---- */

static ALWAYS_INLINE void NAME(plain_row)(int64_t n, bool relu, REAL *restrict a, const REAL *restrict rec,
                                          const REAL *restrict bias, REAL *restrict h)
{
    for (int64_t u = 0; u < n; u++) {
        a[u] += rec[u] + bias[u];
        h[u] = relu ? (a[u] < 0 ? 0 : a[u]) : TANH(a[u]);
    }
}

static ALWAYS_INLINE void NAME(lstm_row)(int64_t n, int64_t gate, REAL *restrict a, int64_t rec_gate,
                                         const REAL *restrict rec, const REAL *restrict bias, REAL *restrict c,
                                         REAL *restrict h)
{
    REAL *restrict ai = a, *restrict af = a + gate, *restrict ag = af + gate, *restrict ao = ag + gate;
    for (int64_t u = 0; u < n; u++) {
        REAL i = ai[u] + (rec[u] + bias[u]), f = af[u] + (rec[u + rec_gate] + bias[u + gate]);
        REAL g = ag[u] + (rec[u + 2 * rec_gate] + bias[u + 2 * gate]);
        REAL o = ao[u] + (rec[u + 3 * rec_gate] + bias[u + 3 * gate]);
        ai[u] = i;
        af[u] = f;
        ag[u] = g;
        ao[u] = o;
        c[u] = SIGMOID(f) * c[u] + SIGMOID(i) * TANH(g);
        h[u] = SIGMOID(o) * TANH(c[u]);
    }
}

/* What is kept is n, r, z, n_h; the sums over h' come as r, z, n. */
static ALWAYS_INLINE void NAME(gru_row)(int64_t count, int64_t gate, REAL *restrict a, int64_t rec_gate,
                                        const REAL *restrict rec, const REAL *restrict bias,
                                        const REAL *restrict before, REAL *restrict h)
{
    REAL *restrict an = a, *restrict ar = a + gate, *restrict az = ar + gate, *restrict ah = az + gate;
    for (int64_t u = 0; u < count; u++) {
        REAL r = ar[u] + (rec[u] + bias[u + gate]), z = az[u] + (rec[u + rec_gate] + bias[u + 2 * gate]);
        REAL over_h = rec[u + 2 * rec_gate] + bias[u + 3 * gate], n = an[u] + bias[u] + SIGMOID(r) * over_h;
        an[u] = n;
        ar[u] = r;
        az[u] = z;
        ah[u] = over_h;
        n = TANH(n);
        h[u] = n + SIGMOID(z) * (before[u] - n);
    }
}

/* ---- forward: a tile ---- */

static ALWAYS_INLINE void NAME(rows)(const tp__rnn_tile *t, tp__rnn_kind kind, int64_t n)
{
    REAL *a = t->kept, *h = t->h, *c = t->c;
    const REAL *rec = t->rec, *bias = t->bias, *before = t->before;
    for (int64_t r = 0; r < t->rows; r++, a += t->kept_row, rec += t->rec_row, h += t->h_row) {
        if (t->on && !t->on[r])
            continue;
        if (kind == TP__LSTM)
            NAME(lstm_row)(n, t->hidden, a, t->rec_gate, rec, bias, c + r * t->hidden, h);
        else if (kind == TP__GRU)
            NAME(gru_row)(n, t->hidden, a, t->rec_gate, rec, bias, before + r * t->h_row, h);
        else
            NAME(plain_row)(n, kind == TP__RNN_RELU, a, rec, bias, h);
    }
}

static void NAME(tanh)(const tp__rnn_tile *t) { NAME(rows)(t, TP__RNN_TANH, t->n); }
static void NAME(relu)(const tp__rnn_tile *t) { NAME(rows)(t, TP__RNN_RELU, t->n); }
static void NAME(lstm)(const tp__rnn_tile *t)
{
    if (t->n == UNITS)
        NAME(rows)(t, TP__LSTM, UNITS);
    else
        NAME(rows)(t, TP__LSTM, t->n);
}
static void NAME(gru)(const tp__rnn_tile *t)
{
    if (t->n == UNITS)
        NAME(rows)(t, TP__GRU, UNITS);
    else
        NAME(rows)(t, TP__GRU, t->n);
}

/* ---- backward: a row ---- (restrict holds for parameters of inlined functions) ---- */

static ALWAYS_INLINE void NAME(tanh_slope_row)(int64_t n, const REAL *restrict a, const REAL *restrict gh,
                                               REAL *restrict ga)
{
    for (int64_t u = 0; u < n; u++)
        ga[u] = gh[u] * TANH_SLOPE(a[u]);
}

static ALWAYS_INLINE void NAME(relu_slope_row)(int64_t n, const REAL *restrict a, const REAL *restrict gh,
                                               REAL *restrict ga)
{
    for (int64_t u = 0; u < n; u++)
        ga[u] = a[u] > 0 ? gh[u] : 0;
}

static ALWAYS_INLINE void NAME(lstm_slope_row)(int64_t n, const REAL *restrict i, const REAL *restrict f,
                                               const REAL *restrict g, const REAL *restrict o, const REAL *restrict c,
                                               const REAL *restrict before, const REAL *restrict gh, REAL *restrict gi,
                                               REAL *restrict gf, REAL *restrict gg, REAL *restrict go,
                                               REAL *restrict gc)
{
    for (int64_t u = 0; u < n; u++) {
        go[u] = gh[u] * TANH(c[u]) * SIGMOID_SLOPE(o[u]);
        REAL d = gc[u] + gh[u] * SIGMOID(o[u]) * TANH_SLOPE(c[u]);
        gi[u] = d * TANH(g[u]) * SIGMOID_SLOPE(i[u]);
        gf[u] = d * before[u] * SIGMOID_SLOPE(f[u]);
        gg[u] = d * SIGMOID(i[u]) * TANH_SLOPE(g[u]);
        gc[u] = d * SIGMOID(f[u]);
    }
}

static ALWAYS_INLINE void NAME(gru_slope_row)(int64_t count, const REAL *restrict n, const REAL *restrict r,
                                              const REAL *restrict z, const REAL *restrict over_h,
                                              const REAL *restrict before, REAL *restrict gn, REAL *restrict gr,
                                              REAL *restrict gz, REAL *restrict g_over_h, REAL *restrict gh)
{
    for (int64_t u = 0; u < count; u++) {
        REAL g = gh[u], by_n = g * SIGMOID(-z[u]) * TANH_SLOPE(n[u]);
        gn[u] = by_n;
        gr[u] = by_n * over_h[u] * SIGMOID_SLOPE(r[u]);
        gz[u] = g * (before[u] - TANH(n[u])) * SIGMOID_SLOPE(z[u]);
        g_over_h[u] = by_n * SIGMOID(r[u]);
        gh[u] = g * SIGMOID(z[u]);
    }
}

static void NAME(tanh_slope)(const tp__rnn_slope *s) { NAME(tanh_slope_row)(s->hidden, s->kept, s->gh, s->ga); }
static void NAME(relu_slope)(const tp__rnn_slope *s) { NAME(relu_slope_row)(s->hidden, s->kept, s->gh, s->ga); }
static void NAME(lstm_slope)(const tp__rnn_slope *s)
{
    int64_t n = s->hidden;
    const REAL *a = s->kept;
    REAL *g = s->ga;
    NAME(lstm_slope_row)
    (n, a, a + n, a + 2 * n, a + 3 * n, s->c, s->before, s->gh, g, g + n, g + 2 * n, g + 3 * n, s->gc);
}
static void NAME(gru_slope)(const tp__rnn_slope *s)
{
    int64_t n = s->hidden;
    const REAL *a = s->kept;
    REAL *g = s->ga;
    NAME(gru_slope_row)(n, a, a + n, a + 2 * n, a + 3 * n, s->before, g, g + n, g + 2 * n, g + 3 * n, s->gh);
}

static ALWAYS_INLINE void NAME(output_row)(int64_t n, const REAL *restrict o, const REAL *restrict c, REAL *restrict h)
{
    for (int64_t u = 0; u < n; u++)
        h[u] = SIGMOID(o[u]) * TANH(c[u]);
}
static void NAME(output)(int64_t n, const void *o, const void *c, void *h) { NAME(output_row)(n, o, c, h); }

#undef SIGMOID
#undef SIGMOID_SLOPE
#undef TANH
#undef TANH_SLOPE
#undef UNITS
