/* averaged.c - a copy of a model whose parameters are the means of the model's (Polyak and Juditsky, 1992; Izmailov et al.,
 * "Averaging weights leads to wider optima", 2018). */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/elementwise.h"
#include "tapir/inplace.h"

#include <limits.h>

typedef struct {
    tp_module base;
    tp_module *module;
    tp_tensor *n_averaged;
    double decay; /* 0: the mean of all */
    bool use_buffers;
} averaged;

static tp_tensor *averaged_forward(tp_tape *T, tp_module *self, tp_tensor *x)
{
    return tp_forward(T, ((averaged *)self)->module, x);
}

static tp_status averaged_forward_n(tp_tape *T, tp_module *self, int n_in, tp_tensor *const *in, int n_out,
                                    tp_tensor **out)
{
    return tp_forward_n(T, ((averaged *)self)->module, n_in, in, n_out, out);
}

static const tp_module_class averaged_class = {.name = "AveragedModel",
                                               .size = sizeof(averaged),
                                               .forward = averaged_forward,
                                               .forward_n = averaged_forward_n,
                                               .max_in = INT_MAX,
                                               .max_out = INT_MAX};

tp_module *tp_nn_averaged_model(tp_tape *T, tp_module *model, const tp_averaged_options *options)
{
    TP__NAMED(T, "nn_averaged_model");
    tp_averaged_options o = options ? *options : (tp_averaged_options){0};
    if (model == NULL)
        tp__missing(T, "nn_averaged_model", "the model");
    else if (!(o.decay >= 0 && o.decay < 1))
        tp_fail(T, TP_EINVAL, "nn_averaged_model: decay is %g; a number in [0, 1) is needed", o.decay);
    averaged *m = tp__ok(T) && model ? (averaged *)tp_module_new(T, &averaged_class) : NULL;
    if (m == NULL)
        return NULL;
    m->decay = o.decay;
    m->use_buffers = o.use_buffers;
    m->module = tp_module_add(T, &m->base, "module", tp_module_clone(T, model));
    tp_tensor *count = tp__tensor_owned(TP_I64, (tp_dims){0});
    if (count == NULL)
        tp_fail(T, TP_ENOMEM, "nn_averaged_model: no memory");
    m->n_averaged = tp_module_add_buffer(T, &m->base, "n_averaged", count);
    if (!tp_error(T))
        return &m->base;
    tp_module_free(&m->base);
    return NULL;
}

/* ---- an update ----------------------------------------------------------------------------------------------------- */

/* The tensors of a module in torch's order. */
typedef struct {
    int n;
    tp_tensor **at; /* NULL: counts only */
    bool *is_param;
} listing;

static tp_status note(const char *name, tp_tensor *x, bool is_param, void *user)
{
    listing *l = user;
    (void)name;
    if (l->at) {
        l->at[l->n] = x;
        l->is_param[l->n] = is_param;
    }
    l->n++;
    return TP_OK;
}

static bool list(tp_tape *T, tp_module *m, listing *l)
{
    *l = (listing){0};
    tp__walk w = {.tensor = note, .of = {[TP__IS_PARAM] = true, [TP__IS_BUFFER] = true}, .user = l};
    tp__module_walk(m, &w, false);
    l->at = tp__arena_alloc(&T->arena, ((size_t)l->n + 1) * sizeof *l->at);
    l->is_param = tp__arena_alloc(&T->arena, (size_t)l->n + 1);
    l->n = 0;
    if (l->at == NULL || l->is_param == NULL) {
        tp_fail(T, TP_ENOMEM, "averaged_update: no memory");
        return false;
    }
    tp__module_walk(m, &w, false);
    return true;
}

static bool fits(tp_tape *T, const listing *to, const listing *from)
{
    if (to->n != from->n) {
        tp_fail(T, TP_EINVAL, "averaged_update: the model has %d parameters and buffers; %d are needed", from->n,
                to->n);
        return false;
    }
    for (int i = 0; i < to->n; i++)
        if (!tp__dims_equal(tp__dims_of(to->at[i]), tp__dims_of(from->at[i]))) {
            tp_fail(T, TP_ESHAPE, "averaged_update: tensor %d of the model is %s; %s is needed", i,
                    TP__SHAPE(from->at[i]), TP__SHAPE(to->at[i]));
            return false;
        }
    return true;
}

/* torch's avg_fn of the mean, and of the exponential one. */
static void move(tp_tape *T, const averaged *m, double before, tp_tensor *mean, tp_tensor *x, bool is_param)
{
    tp__scope scope = tp__scope_open(T);
    if (before > 0 && tp_dtype_is_float(mean->dtype) && (is_param || m->use_buffers))
        x = m->decay > 0 ? tp_add(T, tp_mul_scalar(T, mean, m->decay), tp_mul_scalar(T, x, 1 - m->decay))
                         : tp_add(T, mean, tp_div_scalar(T, tp_sub(T, x, mean), before + 1));
    if (x)
        tp_copy_into(T, mean, x);
    tp__scope_close(T, scope, 0, NULL);
}

tp_status tp_averaged_update(tp_tape *T, tp_module *module, tp_module *model)
{
    TP__NAMED(T, "averaged_update");
    if (module == NULL || model == NULL)
        return tp__missing(T, "averaged_update", module ? "the model" : "the averaged model");
    if (!tp__ok(T))
        return tp_error_status(T);
    averaged *m = (averaged *)module;
    if (module->type != &averaged_class)
        return tp_fail(T, TP_EINVAL, "averaged_update: the first module is a %s; an AveragedModel is needed",
                       module->type->name);
    bool recording = T->recording;
    tp_mark mark = tp_tape_mark(T);
    listing to, from;
    T->recording = false;
    double before = (double)*(const int64_t *)m->n_averaged->data;
    if (list(T, m->module, &to) && list(T, model, &from) && fits(T, &to, &from)) {
        for (int i = 0; i < to.n && T->status == TP_OK; i++)
            move(T, m, before, to.at[i], from.at[i], to.is_param[i]);
        if (T->status == TP_OK)
            tp_fill_(T, m->n_averaged, before + 1);
    }
    tp__rewind(T, mark);
    T->recording = recording;
    return T->status;
}
