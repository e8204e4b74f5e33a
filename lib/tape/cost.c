/* cost.c - the multiply-adds of a call, by its operator and shapes: of products, that is; all else counts as none. */
#include "tape/watch.h"

static double size(const tp_tensor *x, int d)
{
    d = d < 0 ? d + x->ndim : d;
    return d >= 0 && d < x->ndim ? (double)x->shape[d] : 1;
}

/* Each element of the result is a sum over the last dimension of the first factor. */
static double of_product(const tp_call *c) { return (double)c->out[0]->numel * size(c->in[0], -1); }

/* weight [out, in / groups, ...]: each element of the result is a sum over all but its first dimension... */
static double of_convolution(const tp_call *c)
{
    const tp_tensor *w = c->in[1];
    return w->shape[0] > 0 ? (double)c->out[0]->numel * ((double)w->numel / (double)w->shape[0]) : 0;
}
/* ...and the other way round, weight [in, out / groups, ...]: each element of the input goes to as many. */
static double of_transposed(const tp_call *c)
{
    const tp_tensor *w = c->in[1];
    return w->shape[0] > 0 ? (double)c->in[0]->numel * ((double)w->numel / (double)w->shape[0]) : 0;
}

static const struct {
    const char *name;
    double (*cost)(const tp_call *c);
} costs[] = {{"linear", of_product},
             {"mm", of_product},
             {"bmm", of_product},
             {"mv", of_product},
             {"dot", of_product},
             {"convolution", of_convolution},
             {"convolution_by_input", of_transposed}};

double tp__mult_adds(const tp_call *c)
{
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        if (strcmp(costs[i].name, c->op->name) == 0 && c->n_out > 0 && c->n_in > 1 && c->in[1]->ndim > 0)
            return costs[i].cost(c);
    return 0;
}
