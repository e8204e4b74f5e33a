/* embedding.c - tables whose rows stand for words, or whatever has a number. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/nn_functional.h"
#include "tapir/random.h"

#include <string.h>

typedef struct {
    tp_module base;
    tp_tensor *weight;
    int64_t rows, columns;
    tp_nn_embedding_options o;
} embedding;

static tp_tensor *embedding_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    const embedding *m = (const embedding *)self;
    tp_embedding_options o = {.has_padding = m->o.has_padding,
                              .padding_idx = m->o.padding_idx,
                              .max_norm = m->o.max_norm,
                              .norm_type = m->o.norm_type,
                              .scale_grad_by_freq = m->o.scale_grad_by_freq,
                              .sparse = m->o.sparse};
    return tp_embedding(T, x, m->weight, &o);
}

static tp_status bag_forward(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    const embedding *m = (const embedding *)self;
    (void)n_out;
    tp_embedding_bag_options o = {.mode = m->o.mode,
                                  .offsets = n_in > 1 ? in[1] : NULL,
                                  .per_sample_weights = n_in > 2 ? in[2] : NULL,
                                  .include_last_offset = m->o.include_last_offset,
                                  .has_padding = m->o.has_padding,
                                  .padding_idx = m->o.padding_idx,
                                  .max_norm = m->o.max_norm,
                                  .norm_type = m->o.norm_type,
                                  .scale_grad_by_freq = m->o.scale_grad_by_freq,
                                  .sparse = m->o.sparse};
    out[0] = tp_embedding_bag(T, in[0], m->weight, &o);
    return T->status;
}

static void norm_text(const embedding *m, char text[100])
{
    char number[32], *at = text;
    *at = '\0';
    tp__python_float(m->o.max_norm, false, number);
    if (m->o.max_norm != 0)
        at += tp__snprintf(at, 50, ", max_norm=%s", number);
    tp__python_float(m->o.norm_type, false, number);
    if (m->o.norm_type != 0 && m->o.norm_type != 2)
        tp__snprintf(at, 50, ", norm_type=%s", number);
}

static void padding_text(const embedding *m, char text[50])
{
    text[0] = '\0';
    if (m->o.has_padding)
        tp__snprintf(text, 50, ", padding_idx=%lld", (long long)m->o.padding_idx);
}

static int embedding_repr(const tp_module *self, char *buffer, size_t n)
{
    const embedding *m = (const embedding *)self;
    char norm[100], padding[50];
    norm_text(m, norm);
    padding_text(m, padding);
    return tp__snprintf(buffer, n, "%lld, %lld%s%s%s%s", (long long)m->rows, (long long)m->columns, padding, norm,
                        m->o.scale_grad_by_freq ? ", scale_grad_by_freq=True" : "", m->o.sparse ? ", sparse=True" : "");
}

static int bag_repr(const tp_module *self, char *buffer, size_t n)
{
    static const char *const modes[] = {"mean", "sum", "max"};
    const embedding *m = (const embedding *)self;
    char norm[100], padding[50];
    norm_text(m, norm);
    padding_text(m, padding);
    return tp__snprintf(buffer, n, "%lld, %lld%s%s, mode=%s%s", (long long)m->rows, (long long)m->columns, norm,
                        m->o.scale_grad_by_freq ? ", scale_grad_by_freq=True" : "", modes[m->o.mode], padding);
}

static const tp_module_class embedding_class = {
    .name = "Embedding", .size = sizeof(embedding), .forward = embedding_forward, .extra_repr = embedding_repr};
static const tp_module_class bag_class = {.name = "EmbeddingBag",
                                          .size = sizeof(embedding),
                                          .forward_n = bag_forward,
                                          .n_in = 1,
                                          .max_in = 3,
                                          .extra_repr = bag_repr};

static bool good_options(tp_tape *T, const char *name, int64_t rows, int64_t columns, tp_nn_embedding_options *o)
{
    if (rows < 0 || columns < 0)
        tp_fail(T, TP_EINVAL, "%s: %lld rows of %lld; 0 or more are needed", name, (long long)rows, (long long)columns);
    else if (o->has_padding && (o->padding_idx < -rows || o->padding_idx >= rows))
        tp_fail(T, TP_EINDEX, "%s: padding_idx is %lld; %lld to %lld is needed", name, (long long)o->padding_idx,
                (long long)-rows, (long long)rows - 1);
    else if (!(o->max_norm >= 0) || !(o->norm_type >= 0))
        tp_fail(T, TP_EINVAL, "%s: max_norm is %g, norm_type is %g; numbers above 0 are needed", name, o->max_norm,
                o->norm_type);
    else if ((unsigned)o->mode > TP_BAG_MAX)
        tp_fail(T, TP_EINVAL, "%s: mode is %d; TP_BAG_MEAN, TP_BAG_SUM or TP_BAG_MAX is needed", name, (int)o->mode);
    if (o->has_padding && o->padding_idx < 0)
        o->padding_idx += rows;
    return tp__ok(T);
}

static embedding *make(tp_tape *T, const tp_module_class *type, const char *name, int64_t rows, int64_t columns,
                       const tp_nn_embedding_options *options)
{
    tp_nn_embedding_options o = options ? *options : (tp_nn_embedding_options){0};
    if (!tp__ok(T) || !good_options(T, name, rows, columns, &o))
        return NULL;
    embedding *m = (embedding *)tp_module_new(T, type);
    if (m == NULL)
        return NULL;
    m->rows = rows;
    m->columns = columns;
    m->o = o;
    m->weight = tp__param(T, &m->base, "weight", o.dtype, (tp_dims){2, {rows, columns}});
    return m;
}

/* Standard normal, but for the padding, which is 0. */
static tp_module *filled(tp_tape *T, embedding *m)
{
    if (m == NULL)
        return NULL;
    tp_normal_(T, m->weight, 0, 1);
    if (m->o.has_padding && tp__ok(T)) {
        size_t bytes = (size_t)m->columns * tp_dtype_size(m->weight->dtype);
        if (bytes)
            memset((char *)m->weight->data + (size_t)m->o.padding_idx * bytes, 0, bytes);
    }
    if (!tp_error(T))
        return &m->base;
    tp_module_free(&m->base);
    return NULL;
}

tp_module *tp_nn_embedding(tp_tape *T, int64_t rows, int64_t columns, const tp_nn_embedding_options *options)
{
    TP__NAMED(T, "nn_embedding");
    return filled(T, make(T, &embedding_class, "nn_embedding", rows, columns, options));
}

tp_module *tp_nn_embedding_bag(tp_tape *T, int64_t rows, int64_t columns, const tp_nn_embedding_options *options)
{
    TP__NAMED(T, "nn_embedding_bag");
    return filled(T, make(T, &bag_class, "nn_embedding_bag", rows, columns, options));
}
