/* backward.c - the calls that differentiate what a tape has recorded. */
#include "autograd/sweep.h"

#include <string.h>

/* A sweep that leaves nothing on the tape but gradients: its headers are given back at the end. */
static tp_status run_and_rewind(tp__sweep *s, int n, tp_tensor *const *roots, tp_tensor *const *grads)
{
    tp_mark mark = tp_tape_mark(s->T);
    tp_status status = tp__sweep_run(s, n, roots, grads);
    if (!s->create)
        tp__rewind(s->T, mark);
    return status;
}

tp_status tp_backward(tp_tape *T, tp_tensor *loss)
{
    if (loss == NULL)
        return tp__missing(T, "backward", "the loss");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__sweep s = {.T = T, .name = "backward", .to_leaves = true};
    return run_and_rewind(&s, 1, &loss, NULL);
}

tp_status tp_backward_into(tp_tape *T, tp_tensor *loss, tp_grads *sink)
{
    if (loss == NULL || sink == NULL)
        return tp__missing(T, "backward_into", loss ? "the sink" : "the loss");
    if (!tp__ok(T))
        return tp_error_status(T);
    tp__sweep s = {.T = T, .name = "backward_into", .sink = sink};
    return run_and_rewind(&s, 1, &loss, NULL);
}

static tp_status gradients_to(tp_tape *T, const char *name, int n_outputs, tp_tensor *const *outputs, int n_inputs,
                              tp_tensor *const *inputs, tp_tensor **grads, tp_gradients_options o)
{
    if (n_outputs < 1 || n_inputs < 1 || !outputs || !inputs || !grads)
        return tp_fail(T, TP_EINVAL,
                       "%s: %d outputs, %d inputs; at least one of each is needed, and no list is "
                       "NULL",
                       name, outputs ? n_outputs : 0, inputs && grads ? n_inputs : 0);
    for (int i = 0; i < n_inputs; i++) {
        if (!tp__usable_input(T, name, i, inputs[i]))
            return T->status;
        if (!(inputs[i]->flags & TP__REQUIRES_GRAD))
            return tp_fail(T, TP_EGRAPH,
                           "%s: input %d asks for no gradient; tp_requires_grad is needed before it is used", name, i);
    }
    tp__sweep s = {.T = T,
                   .name = name,
                   .create = o.create_graph,
                   .retain = o.retain_graph || o.create_graph,
                   .n_targets = n_inputs,
                   .targets = inputs,
                   .results = grads};
    tp_status status = tp__sweep_run(&s, n_outputs, outputs, o.grad_outputs);
    for (int i = 0; i < n_inputs; i++) {
        for (int j = 0; j < i && grads[i] == NULL; j++)
            if (inputs[j] == inputs[i])
                grads[i] = grads[j];
        if (grads[i] == NULL && status == TP_OK && !o.allow_unused)
            status = tp_fail(T, TP_EGRAPH, "%s: input %d was not used by the outputs; see allow_unused", name, i);
    }
    return status;
}

static tp_status gradients(tp_tape *T, const char *name, int n_outputs, tp_tensor *const *outputs, int n_inputs,
                           tp_tensor *const *inputs, tp_tensor **grads, const tp_gradients_options *options)
{
    enum { FEW = 16 };
    tp_tensor *few[FEW] = {NULL}, **made = few; /* `grads` may be `outputs` or `inputs` */
    tp_status status = tp__ok(T) ? TP_OK : tp_error_status(T);
    if (status == TP_OK && grads && n_inputs > FEW) {
        made = tp__arena_alloc(&T->arena, (size_t)n_inputs * sizeof *made);
        if (made)
            memset(made, 0, (size_t)n_inputs * sizeof *made);
        else
            status = tp_fail(T, TP_ENOMEM, "%s: no memory", name);
    }
    if (status == TP_OK)
        status = gradients_to(T, name, n_outputs, outputs, n_inputs, inputs, grads ? made : NULL,
                              options ? *options : (tp_gradients_options){0});
    for (int i = 0; grads && i < n_inputs; i++)
        grads[i] = status == TP_OK ? made[i] : NULL;
    return status;
}

tp_status tp_gradients(tp_tape *T, int n_outputs, tp_tensor *const *outputs, int n_inputs, tp_tensor *const *inputs,
                       tp_tensor **grads, const tp_gradients_options *options)
{
    return gradients(T, "gradients", n_outputs, outputs, n_inputs, inputs, grads, options);
}

static tp_status backward_to_inputs(tp_tape *T, int n, tp_tensor *const *roots, const tp_backward_options *o)
{
    tp_mark mark = tp_tape_mark(T);
    tp_tensor **grads = tp__arena_alloc(&T->arena, (size_t)o->n_inputs * sizeof *grads);
    if (grads == NULL)
        return tp_fail(T, TP_ENOMEM, "backward_from: no memory");
    tp_gradients_options g = {.grad_outputs = o->grad_outputs,
                              .retain_graph = o->retain_graph,
                              .create_graph = o->create_graph,
                              .allow_unused = true};
    tp_status status = gradients(T, "backward_from", n, roots, o->n_inputs, o->inputs, grads, &g);
    bool was = tp_tape_record(T, o->create_graph);
    for (int i = 0; i < o->n_inputs && status == TP_OK; i++) {
        bool again = false; /* an input that was named before */
        for (int j = 0; j < i; j++)
            again |= o->inputs[j] == o->inputs[i];
        if (grads[i] && !again)
            status = tp__grad_accumulate(T, o->inputs[i], grads[i]);
    }
    tp_tape_record(T, was);
    if (!o->create_graph)
        tp__rewind(T, mark);
    return status;
}

tp_status tp_backward_from(tp_tape *T, int n, tp_tensor *const *roots, const tp_backward_options *options)
{
    tp_backward_options o = options ? *options : (tp_backward_options){0};
    if (!tp__ok(T))
        return tp_error_status(T);
    if (n < 1 || roots == NULL || o.n_inputs < 0 || (o.n_inputs > 0 && o.inputs == NULL))
        return tp_fail(T, TP_EINVAL,
                       "backward_from: %d roots, %d inputs; at least one root is needed, and no list is NULL",
                       roots ? n : 0, o.n_inputs);
    if (o.n_inputs > 0)
        return backward_to_inputs(T, n, roots, &o);
    tp__sweep s = {.T = T,
                   .name = "backward_from",
                   .to_leaves = true,
                   .create = o.create_graph,
                   .retain = o.retain_graph || o.create_graph};
    return run_and_rewind(&s, n, roots, o.grad_outputs);
}
