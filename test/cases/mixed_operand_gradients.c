/* A float beside a bool, an integer or the other float: forward takes them, so backward gives the float its gradient, the
 * same as if the other operand had been converted by hand, also when it is differentiated again. (It failed with the
 * message of another operator.) Then scatter_add with a 0-d index, which counts as 1-d. */
#include <math.h>
#include <stdio.h>
#include <tapir.h>

typedef tp_tensor *(*fn)(tp_tape *, tp_tensor *, tp_tensor *);
static tp_tensor *addcmul_(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp_addcmul(T, a, b, a, 0.5); }
static tp_tensor *addcdiv_(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp_addcdiv(T, a, b, a, 0.5); }
static tp_tensor *where_(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp_where(T, tp_gt(T, a, tp_scalar(T, TP_F64, 1)), a, b); }
static tp_tensor *clamp_(tp_tape *T, tp_tensor *a, tp_tensor *b) { return tp_clamp_tensor(T, a, b, NULL); }

static const struct { const char *name; fn f; int truths; } functions[] = {
    {"pow", tp_pow, 1}, {"logaddexp", tp_logaddexp, 1}, {"logaddexp2", tp_logaddexp2, 1}, {"atan2", tp_atan2, 1},
    {"hypot", tp_hypot, 1}, {"xlogy", tp_xlogy, 1}, {"xlog1py", tp_xlog1py, 1}, {"fmod", tp_fmod, 1},
    {"remainder", tp_remainder, 1}, {"copysign", tp_copysign, 1}, {"mul", tp_mul, 1}, {"div", tp_div, 1},
    {"add", tp_add, 1}, {"sub", tp_sub, 0}, {"maximum", tp_maximum, 1}, {"minimum", tp_minimum, 1}, {"fmax", tp_fmax, 1},
    {"fmin", tp_fmin, 1}, {"clamp_min", tp_clamp_min, 1}, {"clamp_max", tp_clamp_max, 1}, {"float_power", tp_float_power, 1},
    {"ldexp", tp_ldexp, 1}, {"addcmul", addcmul_, 1}, {"addcdiv", addcdiv_, 1}, {"where", where_, 1}, {"clamp", clamp_, 1},
};

/* The derivative by x of f(x, other) or f(other, x), and what it is differentiated to. */
static int slopes(tp_tape *T, fn f, int side, tp_tensor *other, double d[4])
{
    tp_tensor *x = tp_requires_grad(tp_from(T, TP_F64, tp_shape(2), (double[]){0.75, 1.5}), true), *g = NULL, *h = NULL;
    tp_tensor *y = tp_sum(T, tp_square(T, side ? f(T, other, x) : f(T, x, other)));
    tp_gradients(T, 1, &y, 1, &x, &g, NULL);
    for (int i = 0; g && i < 2; i++) d[i] = tp_item_at(g, i);
    y = tp_sum(T, tp_square(T, side ? f(T, other, x) : f(T, x, other)));
    tp_gradients(T, 1, &y, 1, &x, &g, &(tp_gradients_options){.create_graph = true});
    tp_tensor *s = tp_sum(T, g);
    if (s && tp_needs_grad(s)) tp_gradients(T, 1, &s, 1, &x, &h, &(tp_gradients_options){.allow_unused = true});
    for (int i = 0; i < 2; i++) d[2 + i] = h ? tp_item_at(h, i) : 0;
    return tp_error(T) == NULL;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    int bad = 0;
    const tp_dtype kinds[] = {TP_BOOL, TP_U8, TP_I32, TP_I64, TP_F32};
    for (unsigned k = 0; k < sizeof functions / sizeof *functions; k++)
        for (int side = 0; side < 2; side++)
            for (int kind = 0; kind < 5; kind++) {
                double got[4], want[4];
                tp_tensor *one = tp_to(T, tp_from(T, TP_F64, tp_shape(2), (double[]){1, 1}), kinds[kind]);
                if (!functions[k].truths && kinds[kind] == TP_BOOL) continue;
                int ok = slopes(T, functions[k].f, side, one, got);
                if (!ok) printf("%s beside %s: %s\n", functions[k].name, tp_dtype_name(kinds[kind]), tp_error(T));
                tp_clear_error(T);
                ok &= slopes(T, functions[k].f, side, tp_to(T, one, TP_F64), want);
                for (int i = 0; ok && i < 4; i++)
                    if (fabs(got[i] - want[i]) > 1e-12 * fabs(want[i]) && !(isnan(got[i]) && isnan(want[i]))) {
                        printf("%s beside %s, side %d: %g, %g is right\n", functions[k].name, tp_dtype_name(kinds[kind]), side, got[i], want[i]);
                        ok = 0;
                    }
                bad += !ok;
                tp_clear_error(T);
                tp_tape_reset(T);
            }
    for (int rule = 0; rule < 2; rule++) {
        tp_tensor *x = tp_requires_grad(tp_zeros(T, TP_F64, tp_shape(2)), true), *g[2] = {NULL, NULL};
        tp_tensor *s = tp_requires_grad(tp_ones(T, TP_F64, tp_shape(2)), true), *in[2] = {x, s};
        tp_tensor *y = tp_sum(T, tp_scatter(T, x, 0, tp_scalar(T, TP_I64, 1), s, rule ? TP_SCATTER_ADD : TP_SCATTER_PUT));
        for (int graph = 0; graph < 2; graph++) {
            tp_gradients(T, 1, &y, 2, in, g, &(tp_gradients_options){.retain_graph = true, .create_graph = graph});
            if (tp_error(T) || tp_item_at(g[0], 1) != rule || tp_item_at(g[1], 0) != 1 || tp_numel(g[1]) != 2 || tp_item_at(g[1], 1) != 0) {
                printf("scatter, rule %d, graph %d: %s\n", rule, graph, tp_error(T) ? tp_error(T) : "wrong gradient");
                bad++;
            }
            tp_clear_error(T);
        }
    }
    tp_tape_free(T);
    return bad != 0;
}
