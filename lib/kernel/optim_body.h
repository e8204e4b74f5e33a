/* optim_body.h - see vec_optim.c: REAL, NAME and ROOT are the type at hand, its suffix and its square root.
 * Flags are constants of the inlined loops, so that each is free of branches. */

static inline __attribute__((always_inline)) void NAME(sgd_loop)(const tp__sgd_update *u, int64_t n, REAL *restrict p,
                                                                 const REAL *restrict g, REAL *restrict v,
                                                                 bool momentum, bool nesterov, bool first)
{
    REAL lr = (REAL)u->lr, mu = (REAL)u->momentum, fresh = (REAL)(1 - u->dampening), decay = (REAL)u->weight_decay;
    REAL sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL d = sign * g[i];
        d = decay != 0 ? d + decay * p[i] : d; /* where it is off, an infinite p does not come in as NaN */
        if (momentum) {
            v[i] = first ? d : mu * v[i] + fresh * d;
            d = nesterov ? d + mu * v[i] : v[i];
        }
        p[i] -= lr * d;
    }
}

static void NAME(sgd)(const tp__sgd_update *u, int64_t n, void *p, const void *g, void *v)
{
    if (u->momentum == 0)
        NAME(sgd_loop)(u, n, p, g, v, false, false, false);
    else if (u->first)
        NAME(sgd_loop)(u, n, p, g, v, true, u->nesterov, true);
    else if (u->nesterov)
        NAME(sgd_loop)(u, n, p, g, v, true, true, false);
    else
        NAME(sgd_loop)(u, n, p, g, v, true, false, false);
}

static inline __attribute__((always_inline)) void NAME(adam_loop)(const tp__adam_update *u, int64_t n, REAL *restrict p,
                                                                  const REAL *restrict grad, REAL *restrict m,
                                                                  REAL *restrict v, REAL *restrict largest,
                                                                  bool amsgrad)
{
    REAL b1 = (REAL)u->beta1, b2 = (REAL)u->beta2, c1 = (REAL)(1 - u->beta1), c2 = (REAL)(1 - u->beta2);
    REAL step = (REAL)u->step, root = (REAL)u->root, eps = (REAL)u->eps, decay = (REAL)u->weight_decay;
    REAL shrink = (REAL)u->shrink, sign = u->maximize ? -1 : 1;
    for (int64_t i = 0; i < n; i++) {
        REAL g = sign * grad[i];
        g = decay != 0 ? g + decay * p[i] : g;
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * g * g;
        REAL second = v[i];
        if (amsgrad)
            second = largest[i] = largest[i] > v[i] ? largest[i] : v[i];
        p[i] = shrink * p[i] - step * m[i] / (ROOT(second) / root + eps);
    }
}

static void NAME(adam)(const tp__adam_update *u, int64_t n, void *p, const void *g, void *m, void *v, void *largest)
{
    if (u->amsgrad)
        NAME(adam_loop)(u, n, p, g, m, v, largest, true);
    else
        NAME(adam_loop)(u, n, p, g, m, v, NULL, false);
}
