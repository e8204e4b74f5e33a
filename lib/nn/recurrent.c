/* recurrent.c - recurrent layers and their cells. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/create.h"
#include "tapir/nn_functional.h"
#include "tapir/random.h"

static int64_t gates_of(tp__rnn_kind kind) { return kind == TP__LSTM ? 4 : kind == TP__GRU ? 3 : 1; }

/* Weights by name, each uniform on +-1/sqrt(hidden), as torch has them. */
static void add_weight(tp_tape *T, tp_module *m, const char *name, const char *suffix, tp_dtype dtype, tp_dims shape,
                       int64_t hidden)
{
    char text[80];
    tp__snprintf(text, sizeof text, "%s%s", name, suffix);
    tp__init_fan_in_(T, tp__param(T, m, text, dtype, shape), hidden);
}

static void add_weights(tp_tape *T, tp_module *m, tp__rnn_kind kind, const char *suffix, int64_t in, int64_t hidden,
                        int64_t projected, bool biased, tp_dtype dtype)
{
    int64_t rows = gates_of(kind) * hidden;
    add_weight(T, m, "weight_ih", suffix, dtype, (tp_dims){2, {rows, in}}, hidden);
    add_weight(T, m, "weight_hh", suffix, dtype, (tp_dims){2, {rows, projected ? projected : hidden}}, hidden);
    if (biased) {
        add_weight(T, m, "bias_ih", suffix, dtype, (tp_dims){1, {rows}}, hidden);
        add_weight(T, m, "bias_hh", suffix, dtype, (tp_dims){1, {rows}}, hidden);
    }
    if (projected)
        add_weight(T, m, "weight_hr", suffix, dtype, (tp_dims){2, {projected, hidden}}, hidden);
}

static bool good_sizes(tp_tape *T, const char *name, int64_t in, int64_t hidden)
{
    if (in < 0)
        tp_fail(T, TP_EINVAL, "%s: %lld inputs; 0 or more are needed", name, (long long)in);
    else if (hidden < 1 || hidden > INT64_MAX / 4)
        tp_fail(T, TP_EINVAL, "%s: hidden is %lld; 1 or more is needed", name, (long long)hidden);
    return tp__ok(T);
}

static tp_module *made(tp_tape *T, tp_module *m)
{
    if (!tp_error(T))
        return m;
    tp_module_free(m);
    return NULL;
}

/* ---- layers ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module_class type;
    tp__rnn_kind kind;
    const char *call;
} layers_class;

typedef struct {
    tp_module base;
    tp__rnn_kind kind;
    int64_t in, hidden, projected; /* projected 0: not */
    int layers, directions;
    bool biased, batch_first;
    double dropout;
} layers;

static bool is_lstm(const layers *m) { return m->kind == TP__LSTM; }

/* What a call is given: x [steps, batch, in], states [layers directions, batch, ...], NULL: 0. */
typedef struct {
    tp_tensor *x, *h, *c, *lengths;
    bool unbatched;
} call;

/* "_l0", "_l0_reverse" */
typedef struct {
    char text[40];
} ending;
static ending ending_of(int layer, int direction)
{
    ending s;
    tp__snprintf(s.text, sizeof s.text, "_l%d%s", layer, direction ? "_reverse" : "");
    return s;
}

static tp_tensor *weight(const layers *m, const char *name, const ending *s)
{
    char text[60];
    tp__snprintf(text, sizeof text, "%s%s", name, s->text);
    return tp_module_param((tp_module *)(uintptr_t)&m->base, text);
}

/* Of a layer in a direction. */
static void take_weights(const layers *m, int layer, int direction, tp__recurrent *r)
{
    ending s = ending_of(layer, direction);
    r->weight_ih = weight(m, "weight_ih", &s);
    r->weight_hh = weight(m, "weight_hh", &s);
    r->bias_ih = m->biased ? weight(m, "bias_ih", &s) : NULL;
    r->bias_hh = m->biased ? weight(m, "bias_hh", &s) : NULL;
    r->weight_hr = m->projected ? weight(m, "weight_hr", &s) : NULL;
}

static bool check_state(tp_tape *T, const layers *m, const char *name, const tp_tensor *s, int64_t batch, int64_t n,
                        bool unbatched)
{
    int64_t rows = (int64_t)m->layers * m->directions;
    tp_dims needed = unbatched ? (tp_dims){2, {rows, n}} : (tp_dims){3, {rows, batch, n}};
    if (s && !tp__dims_equal(tp__dims_of(s), needed))
        tp_fail(T, TP_ESHAPE, "%s: %s is %s; %s is needed", m->base.type->name, name, TP__SHAPE(s), TP__DIMS(needed));
    return tp__ok(T);
}

/* Inputs in the order x, h, of an LSTM c, lengths; as [steps, batch, ...]. */
static bool arrange(tp_tape *T, const layers *m, int n, tp_tensor *const *in, call *k)
{
    int at = 1 + is_lstm(m);
    *k = (call){.x = in[0],
                .h = n > 1 ? in[1] : NULL,
                .c = is_lstm(m) && n > 2 ? in[2] : NULL,
                .lengths = n > at + 1 ? in[at + 1] : NULL,
                .unbatched = in[0]->ndim == 2};
    if ((in[0]->ndim != 2 && in[0]->ndim != 3) || in[0]->shape[in[0]->ndim - 1] != m->in) {
        tp_fail(T, TP_ESHAPE, "%s: x is %s; %s or [steps, in], in being %lld, is needed", m->base.type->name,
                TP__SHAPE(in[0]), m->batch_first ? "[batch, steps, in]" : "[steps, batch, in]", (long long)m->in);
        return false;
    }
    if (is_lstm(m) && (k->h == NULL) != (k->c == NULL))
        tp__missing(T, m->base.type->name, k->h ? "c" : "h");
    if (k->unbatched)
        k->x = tp_unsqueeze(T, k->x, 1);
    else if (m->batch_first)
        k->x = tp_transpose(T, k->x, 0, 1);
    if (k->x == NULL ||
        !check_state(T, m, "h", k->h, k->x->shape[1], m->projected ? m->projected : m->hidden, k->unbatched) ||
        !check_state(T, m, "c", k->c, k->x->shape[1], m->hidden, k->unbatched))
        return false;
    if (k->unbatched && k->h)
        k->h = tp_unsqueeze(T, k->h, 1);
    if (k->unbatched && k->c)
        k->c = tp_unsqueeze(T, k->c, 1);
    return tp__ok(T);
}

static tp_tensor *state_of(tp_tape *T, tp_tensor *all, tp_tensor *zeros, int64_t k)
{
    return all ? tp_select(T, all, 0, k) : zeros;
}

/* All layers; the states after each go to h and c. Returns y [steps, batch, ...]. */
static tp_tensor *run_layers(tp_tape *T, const layers *m, const call *k, tp_tensor **h, tp_tensor **c)
{
    int64_t batch = k->x->shape[1], out = m->projected ? m->projected : m->hidden;
    tp_dtype dtype = k->x->dtype;
    tp_tensor *x = k->x, *y[2] = {NULL, NULL};
    tp_tensor *no_h = k->h ? NULL : tp_zeros(T, dtype, (tp_dims){2, {batch, out}});
    tp_tensor *no_c = k->c || !is_lstm(m) ? NULL : tp_zeros(T, dtype, (tp_dims){2, {batch, m->hidden}});
    for (int layer = 0; layer < m->layers && tp__ok(T); layer++) {
        for (int d = 0; d < m->directions; d++) {
            int64_t i = (int64_t)layer * m->directions + d;
            tp__recurrent r = {.kind = m->kind,
                               .reverse = d == 1,
                               .x = x,
                               .h = state_of(T, k->h, no_h, i),
                               .c = is_lstm(m) ? state_of(T, k->c, no_c, i) : NULL,
                               .lengths = k->lengths};
            take_weights(m, layer, d, &r);
            y[d] = tp__recurrent_layer(T, &r, &h[i], &c[i]);
        }
        x = m->directions == 2 ? tp_cat(T, 2, y, 2) : y[0];
        if (layer + 1 < m->layers && m->dropout > 0)
            x = tp_dropout(T, x, m->dropout, m->base.training);
    }
    return x;
}

/* The states of all layers in one. */
static tp_tensor *join(tp_tape *T, const layers *m, tp_tensor **of, bool unbatched)
{
    tp_tensor *s = m->layers * m->directions == 1 ? tp_unsqueeze(T, of[0], 0)
                                                  : tp_stack(T, m->layers * m->directions, of, 0);
    return unbatched ? tp_squeeze_dim(T, s, 1) : s;
}

static tp_status layers_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const layers *m = (const layers *)self;
    TP__NAMED(T, self->type->name);
    size_t n = (size_t)m->layers * (size_t)m->directions;
    tp_tensor **h = tp__arena_alloc(&T->arena, 2 * n * sizeof *h);
    call k;
    if (h == NULL)
        return tp_fail(T, TP_ENOMEM, "%s: no memory for its states", self->type->name);
    if (!arrange(T, m, n_in, in, &k))
        return T->status;
    tp_tensor *y = run_layers(T, m, &k, h, h + n);
    if (!tp__ok(T))
        return T->status;
    if (k.unbatched)
        y = tp_squeeze_dim(T, y, 1);
    else if (m->batch_first)
        y = tp_transpose(T, y, 0, 1);
    out[0] = y;
    if (n_out > 1)
        out[1] = join(T, m, h, k.unbatched);
    if (n_out > 2)
        out[2] = join(T, m, h + n, k.unbatched);
    return T->status;
}

static int layers_repr(const tp_module *self, char *buffer, size_t room)
{
    const layers *m = (const layers *)self;
    char p[32], projected[48] = "", count[48] = "", rest[120] = "", *at = rest;
    if (m->projected)
        tp__snprintf(projected, sizeof projected, ", proj_size=%lld", (long long)m->projected);
    if (m->layers != 1)
        tp__snprintf(count, sizeof count, ", num_layers=%d", m->layers);
    tp__python_float(m->dropout, false, p);
    if (m->dropout != 0)
        at += tp__snprintf(at, 60, ", dropout=%s", p);
    if (m->directions == 2)
        tp__snprintf(at, 40, ", bidirectional=True");
    return tp__snprintf(buffer, room, "%lld, %lld%s%s%s%s%s", (long long)m->in, (long long)m->hidden, projected, count,
                        m->biased ? "" : ", bias=False", m->batch_first ? ", batch_first=True" : "", rest);
}

/* clang-format off */
#define LAYERS(f, Name, kind, states)                                                                                 \
    static const layers_class f##_class = {                                                                           \
        {.name = Name, .size = sizeof(layers), .forward_n = layers_forward, .n_in = 1, .max_in = 2 + (states),        \
         .n_out = 1, .max_out = 1 + (states), .extra_repr = layers_repr, .by_name = true}, kind, "nn_" #f};
LAYERS(rnn, "RNN", TP__RNN_TANH, 1)
LAYERS(lstm, "LSTM", TP__LSTM, 2)
LAYERS(gru, "GRU", TP__GRU, 1)
/* clang-format on */

static bool good_options(tp_tape *T, const layers_class *type, int64_t hidden, const tp_rnn_options *o)
{
    const char *name = type->call;
    if (o->num_layers < 0 || o->num_layers > TP__DEEPEST)
        tp_fail(T, TP_EINVAL, "%s: num_layers is %d; 1 to %d is needed", name, o->num_layers, TP__DEEPEST);
    else if (!(o->dropout >= 0 && o->dropout <= 1))
        tp_fail(T, TP_EINVAL, "%s: dropout is %g; 0 to 1 is needed", name, o->dropout);
    else if (o->proj_size < 0 || o->proj_size >= hidden)
        tp_fail(T, TP_EINVAL, "%s: proj_size is %lld, hidden is %lld; 0, or less than hidden, is needed", name,
                (long long)o->proj_size, (long long)hidden);
    else if (o->proj_size > 0 && type->kind != TP__LSTM)
        tp_fail(T, TP_EINVAL, "%s: proj_size is %lld; 0 is needed of all but an LSTM", name, (long long)o->proj_size);
    else if (o->relu && type->kind != TP__RNN_TANH)
        tp_fail(T, TP_EINVAL, "%s: relu is for an RNN; false is needed", name);
    return tp__ok(T);
}

static tp_module *make_layers(tp_tape *T, const layers_class *type, int64_t in, int64_t hidden,
                              const tp_rnn_options *options)
{
    TP__NAMED(T, type->call);
    tp_rnn_options o = options ? *options : (tp_rnn_options){0};
    if (!tp__ok(T) || !good_sizes(T, type->call, in, hidden) || !good_options(T, type, hidden, &o))
        return NULL;
    layers *m = (layers *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->kind = o.relu ? TP__RNN_RELU : type->kind;
    m->in = in;
    m->hidden = hidden;
    m->projected = o.proj_size;
    m->layers = o.num_layers ? o.num_layers : 1;
    m->directions = o.bidirectional ? 2 : 1;
    m->biased = !o.no_bias;
    m->batch_first = o.batch_first;
    m->dropout = o.dropout;
    int64_t out = (o.proj_size ? o.proj_size : hidden) * m->directions;
    for (int layer = 0; layer < m->layers && tp__ok(T); layer++)
        for (int d = 0; d < m->directions; d++) {
            ending s = ending_of(layer, d);
            add_weights(T, &m->base, m->kind, s.text, layer ? out : in, hidden, o.proj_size, m->biased, o.dtype);
        }
    return made(T, &m->base);
}

tp_module *tp_nn_rnn(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options)
{
    return make_layers(T, &rnn_class, in, hidden, options);
}
tp_module *tp_nn_lstm(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options)
{
    return make_layers(T, &lstm_class, in, hidden, options);
}
tp_module *tp_nn_gru(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_options *options)
{
    return make_layers(T, &gru_class, in, hidden, options);
}

tp_tensor *tp_rnn_forward(tp_tape *T, tp_module *m, tp_tensor *x, tp_tensor *lengths, const tp_rnn_state *before,
                          tp_rnn_state *after)
{
    tp_rnn_state s = before ? *before : (tp_rnn_state){NULL, NULL};
    tp_tensor *out[3] = {NULL, NULL, NULL};
    if (after)
        *after = (tp_rnn_state){NULL, NULL};
    if (m == NULL)
        tp__missing(T, "rnn_forward", "the module");
    if (!tp__ok(T) || m == NULL)
        return NULL;
    if (m->type->forward_n != layers_forward) {
        tp_fail(T, TP_EINVAL, "rnn_forward: the module is %s; RNN, LSTM or GRU is needed", m->type->name);
        return NULL;
    }
    bool lstm = is_lstm((const layers *)m);
    tp_tensor *const given[4] = {x, lengths, s.h, lstm ? s.c : NULL};
    for (int i = 0; i < 4; i++)
        if ((i == 0 || given[i]) && !tp__usable(T, "rnn_forward", given[i]))
            return NULL;
    tp_tensor *in[4] = {x, s.h, lstm ? s.c : lengths, lengths};
    if (tp_forward_n(T, m, 3 + lstm, in, after ? 2 + lstm : 1, out) != TP_OK)
        return NULL;
    if (after)
        *after = (tp_rnn_state){out[1], out[2]};
    return out[0];
}

/* ---- cells ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module_class type;
    tp__rnn_kind kind;
    const char *call;
} cell_class;

typedef struct {
    tp_module base;
    tp_tensor *weight_ih, *weight_hh, *bias_ih, *bias_hh;
    int64_t in, hidden;
    tp__rnn_kind kind;
} cell;

/* States that are not given are 0. */
static tp_status cell_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const cell *m = (const cell *)self;
    const char *name = self->type->name;
    tp_tensor *x = in[0], *h = n_in > 1 ? in[1] : NULL, *c = n_in > 2 ? in[2] : NULL;
    if ((x->ndim != 1 && x->ndim != 2) || x->shape[x->ndim - 1] != m->in)
        return tp_fail(T, TP_ESHAPE, "%s: x is %s; [batch, %lld] or [%lld] is needed", name, TP__SHAPE(x),
                       (long long)m->in, (long long)m->in);
    if (m->kind == TP__LSTM && (h == NULL) != (c == NULL))
        return tp__missing(T, name, h ? "c" : "h");
    tp_dims shape = tp__dims_of(x);
    shape.dim[shape.ndim - 1] = m->hidden;
    tp_tensor *zeros = h ? NULL : tp_zeros(T, x->dtype, shape);
    tp__recurrent r = {.kind = m->kind,
                       .x = x,
                       .h = h ? h : zeros,
                       .c = m->kind == TP__LSTM ? (c ? c : zeros) : NULL,
                       .weight_ih = m->weight_ih,
                       .weight_hh = m->weight_hh,
                       .bias_ih = m->bias_ih,
                       .bias_hh = m->bias_hh};
    out[0] = tp__recurrent_cell(T, name, &r, n_out > 1 ? &out[1] : NULL);
    return T->status;
}

static int cell_repr(const tp_module *self, char *buffer, size_t n)
{
    const cell *m = (const cell *)self;
    return tp__snprintf(buffer, n, "%lld, %lld%s%s", (long long)m->in, (long long)m->hidden,
                        m->bias_ih ? "" : ", bias=False", m->kind == TP__RNN_RELU ? ", nonlinearity=relu" : "");
}

/* clang-format off */
#define CELL(f, Name, kind, states)                                                                                   \
    static const cell_class f##_class = {                                                                             \
        {.name = Name, .size = sizeof(cell), .forward_n = cell_forward, .n_in = 1, .max_in = 1 + (states),            \
         .n_out = 1, .max_out = (states), .extra_repr = cell_repr}, kind, "nn_" #f};
CELL(rnn_cell, "RNNCell", TP__RNN_TANH, 1)
CELL(lstm_cell, "LSTMCell", TP__LSTM, 2)
CELL(gru_cell, "GRUCell", TP__GRU, 1)
/* clang-format on */

static tp_module *make_cell(tp_tape *T, const cell_class *type, int64_t in, int64_t hidden,
                            const tp_rnn_cell_options *options)
{
    TP__NAMED(T, type->call);
    tp_rnn_cell_options o = options ? *options : (tp_rnn_cell_options){0};
    if (!tp__ok(T) || !good_sizes(T, type->call, in, hidden))
        return NULL;
    if (o.relu && type->kind != TP__RNN_TANH) {
        tp_fail(T, TP_EINVAL, "%s: relu is for an RNNCell; false is needed", type->call);
        return NULL;
    }
    cell *m = (cell *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->kind = o.relu ? TP__RNN_RELU : type->kind;
    m->in = in;
    m->hidden = hidden;
    add_weights(T, &m->base, m->kind, "", in, hidden, 0, !o.no_bias, o.dtype);
    m->weight_ih = tp_module_param(&m->base, "weight_ih");
    m->weight_hh = tp_module_param(&m->base, "weight_hh");
    m->bias_ih = tp_module_param(&m->base, "bias_ih");
    m->bias_hh = tp_module_param(&m->base, "bias_hh");
    return made(T, &m->base);
}

tp_module *tp_nn_rnn_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options)
{
    return make_cell(T, &rnn_cell_class, in, hidden, options);
}
tp_module *tp_nn_lstm_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options)
{
    return make_cell(T, &lstm_cell_class, in, hidden, options);
}
tp_module *tp_nn_gru_cell(tp_tape *T, int64_t in, int64_t hidden, const tp_rnn_cell_options *options)
{
    return make_cell(T, &gru_cell_class, in, hidden, options);
}
