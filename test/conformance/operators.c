/* operators.c - an operator's outputs, gradients and second gradients; calls that must fail. */
#include "calls.h"
#include "groups.h"

#include <stdio.h>

enum { MAX_GRADS = CASE_MAX_IN };

/* ---- outputs --------------------------------------------------------------------------------- */

static void ask_for_gradients(test_case *c)
{
    int k[MAX_GRADS];
    int n = case_numbers(c, "grads", MAX_GRADS, k);
    for (int i = 0; i < n; i++)
        if (k[i] < c->n_in)
            tp_requires_grad(c->in[k[i]], true);
}

void check_outputs(test_case *c)
{
    int want = (int)json_integer_value(json_object_get(c->json, "outputs"));
    if (c->n_out != want)
        case_fail(c, "%d outputs, want %d", c->n_out, want);
    for (int k = 0; k < c->n_out; k++)
        check_stored_at(c, c->out[k], "out", k, case_tolerance(c, ""));
}

/* Where PyTorch gives a view of a contiguous input, the output's first element lies in the input. */
static void check_views(test_case *c)
{
    const json_t *pairs = json_object_get(c->json, "view_of");
    for (size_t i = 0; i < json_array_size(pairs); i++) {
        const json_t *pair = json_array_get(pairs, i);
        json_int_t o = json_integer_value(json_array_get(pair, 0));
        json_int_t k = json_integer_value(json_array_get(pair, 1));
        if (o >= c->n_out || k >= c->n_in || tp_numel(c->out[o]) == 0 || !tp_is_contiguous(c->in[k]))
            continue;
        const char *at = tp_data(c->out[o]), *start = tp_data(c->in[k]);
        size_t size = (size_t)tp_numel(c->in[k]) * tp_dtype_size(tp_dtype_of(c->in[k]));
        if (at < start || at >= start + size)
            case_fail(c, "out.%d is not a view of in.%d", (int)o, (int)k);
    }
}

/* ---- derivatives ----------------------------------------------------------------------------- */

typedef struct {
    int n;
    tp_tensor *of[MAX_GRADS], *grad[MAX_GRADS];
    char name[MAX_GRADS][64];
} gradient_list;

/* A gradient that did not arrive is zero. */
static tp_tensor *or_zeros(test_case *c, tp_tensor *g, tp_tensor *of)
{
    return g != NULL || !case_ok(c) ? g : tp_zeros_like(c->T, of);
}

static void check_list(test_case *c, const gradient_list *list, const char *when, tolerance allowed)
{
    char label[128];
    for (int i = 0; i < list->n && case_ok(c); i++) {
        snprintf(label, sizeof label, "%s (%s)", list->name[i], when);
        tp_tensor *want = case_tensor(c, "", list->name[i]);
        check(c, label, or_zeros(c, list->grad[i], list->of[i]), want, allowed);
    }
}

static void differentiate(test_case *c, gradient_list *list, bool create_graph)
{
    int k[CASE_MAX_OUT];
    int n = case_numbers(c, "gouts", CASE_MAX_OUT, k);
    tp_tensor *out[CASE_MAX_OUT], *gout[CASE_MAX_OUT];
    for (int i = 0; i < n; i++) {
        out[i] = k[i] < c->n_out ? c->out[k[i]] : NULL;
        gout[i] = case_tensor_at(c, "gout", k[i]);
    }
    tp_gradients_options options = {
        .grad_outputs = gout, .retain_graph = true, .create_graph = create_graph, .allow_unused = true};
    if (case_ok(c))
        tp_gradients(c->T, n, out, list->n, list->of, list->grad, &options);
}

/* gg.k: the derivative by in.k of the sum over ggrs of (grad_k ggr_k). A gradient that does not depend
 * on any input adds nothing. */
static void check_second(test_case *c, const gradient_list *first)
{
    int k[MAX_GRADS];
    int n = case_numbers(c, "ggrs", MAX_GRADS, k), roots = 0;
    tp_tensor *root[MAX_GRADS], *seed[MAX_GRADS];
    gradient_list second = {.n = 0};
    for (int i = 0; i < n; i++)
        for (int j = 0; j < first->n; j++)
            if (first->of[j] == c->in[k[i]] && tp_needs_grad(first->grad[j])) {
                root[roots] = first->grad[j];
                seed[roots++] = case_tensor_at(c, "ggr", k[i]);
                break;
            }
    second.n = case_numbers(c, "ggs", MAX_GRADS, k);
    for (int i = 0; i < second.n; i++) {
        second.of[i] = c->in[k[i]];
        second.grad[i] = NULL;
        snprintf(second.name[i], sizeof second.name[i], "gg.%d", k[i]);
    }
    tp_gradients_options options = {.grad_outputs = seed, .allow_unused = true};
    if (case_ok(c) && roots > 0)
        tp_gradients(c->T, roots, root, second.n, second.of, second.grad, &options);
    check_list(c, &second, "second", case_tolerance(c, "gg_"));
}

void check_gradients(test_case *c, int n, tp_tensor *const *more, const char *const *names)
{
    int k[MAX_GRADS];
    gradient_list list = {.n = case_numbers(c, "grads", MAX_GRADS, k)};
    for (int i = 0; i < list.n; i++) {
        list.of[i] = c->in[k[i]];
        snprintf(list.name[i], sizeof list.name[i], "grad.%d", k[i]);
    }
    if (list.n + n > MAX_GRADS)
        case_fail(c, "%d gradients; there is room for %d", list.n + n, MAX_GRADS);
    for (int i = 0; i < n && list.n < MAX_GRADS; i++, list.n++) {
        list.of[list.n] = more[i];
        snprintf(list.name[list.n], sizeof list.name[list.n], "pgrad.%s", names[i]);
    }
    if (list.n == 0 || !case_ok(c))
        return;
    differentiate(c, &list, false);
    check_list(c, &list, "swept", case_tolerance(c, "grad_"));
    if (!case_ok(c))
        return;
    differentiate(c, &list, true);
    check_list(c, &list, "recorded", case_tolerance(c, "grad_"));
    if (case_ok(c) && json_array_size(json_object_get(c->json, "ggs")) > 0)
        check_second(c, &list);
}

/* ---- the groups ------------------------------------------------------------------------------ */

void run_operator(test_case *c)
{
    ask_for_gradients(c);
    call_operator(c);
    if (!case_ok(c))
        return;
    check_outputs(c);
    if (case_ok(c))
        check_views(c);
    if (case_ok(c))
        check_gradients(c, 0, NULL, NULL);
}

void run_error(test_case *c)
{
    call_operator(c);
    const char *message = tp_error(c->T);
    if (tp_error_status(c->T) == TP_OK)
        case_fail(c, "no error, want \"%s\"", case_text(c, "message"));
    else if (c->out[0] != NULL || message == NULL || message[0] == '\0')
        case_fail(c, "an error without a message, or with a result");
}
