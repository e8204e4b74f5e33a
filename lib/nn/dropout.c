/* dropout.c - layers that drop elements, or channels, in training. */
#include "nn/nn.h"
#include "tapir/nn_functional.h"
#include "tapir/random.h"

typedef struct {
    tp_module_class type;
    tp_tensor *(*function)(tp_tape *T, tp_tensor *x, double p, bool training);
} dropping;

typedef struct {
    tp_module base;
    double p;
} dropout;

static tp_tensor *dropout_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return ((const dropping *)self->type)->function(T, x, ((dropout *)self)->p, self->training);
}

static int dropout_repr(const tp_module *self, char *buffer, size_t n)
{
    char p[32];
    tp__python_float(((const dropout *)self)->p, false, p);
    return tp__snprintf(buffer, n, "p=%s, inplace=False", p);
}

static tp_module *make(tp_tape *T, const dropping *type, const char *name, double p)
{
    if (!(p >= 0 && p <= 1)) {
        tp_fail(T, TP_EINVAL, "%s: p is %g; 0 to 1 is needed", name, p);
        return NULL;
    }
    dropout *m = (dropout *)tp_module_new(T, &type->type);
    if (m == NULL)
        return NULL;
    m->p = p;
    return &m->base;
}

/* clang-format off */
#define DROPOUT(f, Name)                                                                           \
    static const dropping f##_class = {                                                       \
        {.name = Name, .size = sizeof(dropout), .forward = dropout_forward, .extra_repr = dropout_repr}, tp_##f}; \
    tp_module *tp_nn_##f(tp_tape *T, double p) { return make(T, &f##_class, "nn_" #f, p); }

DROPOUT(dropout, "Dropout")
DROPOUT(dropout1d, "Dropout1d")
DROPOUT(dropout2d, "Dropout2d")
DROPOUT(dropout3d, "Dropout3d")
DROPOUT(alpha_dropout, "AlphaDropout")
DROPOUT(feature_alpha_dropout, "FeatureAlphaDropout")
/* clang-format on */
