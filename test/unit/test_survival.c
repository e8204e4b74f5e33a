/* test_survival.c - a tape survives everything: a step fails at its n-th allocation, or at the n-th call of something of
 * the user's, for every n; then, on the same tape, the step is taken undisturbed, and every number is the same bits as if
 * nothing had been.
 *
 * The step has what a step can have: broadcasting, views, shared inputs, an operator that owns its attributes, hooks on
 * owned and computed tensors, a retained gradient, checkpoints with a sweep of their own inside, recorded sweeps, a
 * sink, several roots.
 */
#include "support/alloc.h"
#include "support/support.h"

enum { PARAMS = 3, MOST = 512 };

typedef struct {
    int n;
    double at[MOST];
} numbers;

static void note(numbers *r, const tp_tensor *x)
{
    for (int64_t i = 0; i < tp_numel(x) && r->n < MOST; i++)
        r->at[r->n++] = tp_item_at(x, i);
}

/* ---- what fails ------------------------------------------------------------------------------------------------------ */

typedef enum { IN_INFER, IN_FORWARD, IN_VJP, IN_FUSED, IN_HOOK, IN_FUNCTION, PLACES } place;
typedef enum { WITH_MESSAGE, WITHOUT, WRONG_RESULT, MANNERS } manner;

/* Goes off at the n-th call at its place; n = 0: never. */
static struct {
    place place;
    manner manner;
    int n, calls;
    int owned; /* attributes that are neither freed nor the tape's */
} fuse;

static bool goes_off(place p) { return p == fuse.place && ++fuse.calls == fuse.n; }

static tp_status refuse(tp_tape *T)
{
    return fuse.manner == WITH_MESSAGE ? tp_fail(T, TP_EUSER, "the fuse went off") : TP_EUSER;
}

typedef struct {
    double *factor; /* of malloc */
} scaling;

static void free_scaling(void *attr)
{
    free(((scaling *)attr)->factor);
    fuse.owned--;
}

static tp_status scale_infer(tp_call *c)
{
    if (!goes_off(IN_INFER))
        return tp_call_out(c, 0, tp_dtype_of(c->in[0]), tp_shape_of(c->in[0]));
    if (fuse.manner == WRONG_RESULT)
        return tp_call_out(c, 7, TP_F64, TP_SCALAR);
    return refuse(c->tape);
}

static tp_status scale_forward(tp_call *c)
{
    const scaling *a = c->attr;
    const double *x = tp_data(c->in[0]);
    double *y = tp_data(c->out[0]);
    for (int64_t i = 0; i < tp_numel(c->in[0]); i++)
        y[i] = *a->factor * x[i];
    return goes_off(IN_FORWARD) ? refuse(c->tape) : TP_OK;
}

static tp_status scale_vjp(tp_vjp *v)
{
    const scaling *a = v->attr;
    bool off = goes_off(IN_VJP);
    if (off && fuse.manner != WRONG_RESULT)
        return refuse(v->tape);
    v->gin[0] = tp_mul_scalar(v->tape, v->gout[0], *a->factor);
    if (off) /* a gradient that does not fit */
        v->gin[0] = tp_zeros(v->tape, TP_F64, tp_shape(5, 7));
    return TP_OK;
}

static tp_status scale_fused(tp_vjp *v)
{
    const scaling *a = v->attr;
    const double *g = tp_data(v->gout[0]);
    double *into = tp_data(v->gin[0]);
    for (int64_t i = 0; i < tp_numel(v->gin[0]); i++)
        into[i] += *a->factor * g[i];
    return goes_off(IN_FUSED) ? refuse(v->tape) : TP_OK;
}

static const tp_op scale_op = {.name = "user.scale",
                               .n_in = 1,
                               .n_out = 1,
                               .attr_size = sizeof(scaling),
                               .infer = scale_infer,
                               .forward = scale_forward,
                               .vjp = scale_vjp,
                               .vjp_fused = scale_fused,
                               .free_attr = free_scaling};

static tp_tensor *scale(tp_tape *T, tp_tensor *x, double factor)
{
    scaling a = {malloc(sizeof(double))};
    if (a.factor == NULL) {
        tp_fail(T, TP_ENOMEM, "user.scale: no memory");
        return NULL;
    }
    fuse.owned++;
    *a.factor = factor;
    return tp_apply(T, &scale_op, &a, 1, &x);
}

static tp_tensor *hook(tp_tape *T, tp_tensor *g, void *user)
{
    bool off = goes_off(IN_HOOK);
    (void)user;
    if (off && fuse.manner == WRONG_RESULT)
        return tp_zeros(T, TP_F64, tp_shape(5, 7));
    if (off) {
        tp_fail(T, TP_EUSER, "the fuse went off");
        return NULL;
    }
    return tp_mul_scalar(T, g, 1.5);
}

/* ---- the step ------------------------------------------------------------------------------------------------------------- */

/* out = something of in[0] and of the parameter behind `user`, with a derivative inside. */
static tp_status function(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    tp_tensor *w = user, *h = scale(T, tp_tanh(T, tp_mul(T, in[0], w)), 0.75), *energy = tp_sum(T, tp_square(T, h)), *g;
    (void)n_in, (void)n_out;
    if (goes_off(IN_FUNCTION) && fuse.manner != WRONG_RESULT)
        return refuse(T);
    if (tp_gradients(T, 1, &energy, 1, &w, &g, &(tp_gradients_options){.create_graph = true}) != TP_OK)
        return tp_error_status(T);
    out[0] = tp_add(T, h, tp_mul_scalar(T, g, 0.1));
    return tp_error_status(T);
}

static tp_status recurrence(tp_tape *T, void *user, int64_t step, int n, tp_tensor *const *state, tp_tensor **next)
{
    (void)n, (void)step;
    bool off = goes_off(IN_FUNCTION);
    if (off && fuse.manner != WRONG_RESULT)
        return refuse(T);
    next[0] = tp_sin(T, tp_add(T, state[0], scale(T, user, 0.5)));
    if (off)
        next[0] = tp_zeros(T, TP_F64, tp_shape(5, 7));
    return tp_error_status(T);
}

/* A row of three, a column of two, and a matrix [2, 3]. */
static void make_params(tp_tape *T, tp_tensor **p)
{
    const tp_dims shape[PARAMS] = {tp_shape(3), tp_shape(2, 1), tp_shape(2, 3)};
    tp_manual_seed(T, 11);
    for (int i = 0; i < PARAMS; i++)
        p[i] = tp_requires_grad(tp_keep(tp_rand(T, TP_F64, shape[i])), true);
    tp_tape_reset(T);
}

static void step(tp_tape *T, tp_tensor *const *p, tp_tensor *x, tp_grads *sink, numbers *r)
{
    tp_tensor *y, *z, *state, *loss, *g[2];
    r->n = 0;
    tp_zero_grad(x);
    for (int i = 0; i < PARAMS; i++)
        tp_zero_grad(p[i]);
    tp_grads_zero(sink);
    int64_t on_owned = tp_register_hook(T, p[0], hook, NULL);
    tp_tensor *a = tp_retain_grad(scale(T, tp_mul(T, tp_add(T, p[0], p[1]), tp_t(T, tp_t(T, p[2]))), 2));
    tp_register_hook(T, a, hook, NULL);
    int64_t on_leaf = tp_register_hook(T, x, hook, NULL);
    tp_checkpoint(T, function, p[2], 1, (tp_tensor *[]){tp_mul(T, a, x)}, 1, &y);
    state = tp_narrow(T, y, 0, 0, 1);
    tp_checkpoint_steps(T, recurrence, p[0], 6, 2, 1, &state, &z);
    loss = tp_add(T, tp_mean(T, tp_square(T, tp_add(T, z, a))), tp_sum(T, tp_mul(T, y, y)));

    tp_tensor *in[2] = {a, p[1]}, *roots[2] = {loss, tp_sum(T, a)};
    tp_gradients(T, 1, &loss, 2, in, g, &(tp_gradients_options){.create_graph = true});
    tp_tensor *penalty = tp_error(T) ? NULL : tp_sum(T, tp_square(T, g[1]));
    tp_backward_into(T, tp_sum(T, tp_exp(T, scale(T, p[2], 0.5))), sink);
    if (penalty)
        tp_backward_from(T, 1, &penalty, &(tp_backward_options){.retain_graph = true});
    tp_backward_from(T, 2, roots, NULL);
    tp_remove_hook(T, on_owned);
    tp_remove_hook(T, on_leaf);

    if (tp_error(T))
        return;
    note(r, loss);
    note(r, penalty);
    for (int i = 0; i < PARAMS; i++) {
        note(r, tp_grad(p[i]));
        note(r, tp_grads_at(sink, i));
    }
    note(r, tp_grad(x));
    note(r, tp_grad(a));
}

/* ---- the test -------------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tape *T;
    tp_tensor *p[PARAMS], *x; /* x is a leaf of the tape */
    tp_params *set;
    tp_grads *sink;
    numbers want;
} scene;

static void reset(scene *s)
{
    tp_tape_reset(s->T);
    s->x = tp_requires_grad(tp_full(s->T, TP_F64, tp_shape(2, 3), 0.3), true);
}

/* Without Check, which allocates for itself. */
static void set_scene(scene *s)
{
    memset(&fuse, 0, sizeof fuse);
    s->T = tp_tape_new();
    make_params(s->T, s->p);
    s->set = tp_params_of(s->T, PARAMS, s->p);
    s->sink = tp_grads_new(s->set);
    reset(s);
    step(s->T, s->p, s->x, s->sink, &s->want);
}

static void open_scene(scene *s)
{
    set_scene(s);
    ck_no_error(s->T);
    ck_assert_int_gt(s->want.n, 30);
    for (int i = 0; i < s->want.n; i++)
        ck_assert(isfinite(s->want.at[i]));
    reset(s);
}

static void close_scene(scene *s)
{
    tp_tape_free(s->T);
    tp_grads_free(s->sink);
    tp_params_free(s->set);
    for (int i = 0; i < PARAMS; i++)
        tp_free(s->p[i]);
}

/* After a failure, by way of a reset, of a rewind, or of nothing at all, the step is what it was. */
static void expect_recovery(scene *s, tp_mark mark, const char *what, long n)
{
    numbers r;
    ck_assert_msg(tp_error(s->T) && strlen(tp_error(s->T)) > 5, "%s, %ld: no message", what, n);
    ck_assert_msg(tp_tape_is_recording(s->T), "%s, %ld: the tape records no more", what, n);
    tp_clear_error(s->T);
    if (s->x == NULL || n % 3 == 0)
        reset(s);
    else if (n % 3 == 1)
        tp_tape_rewind(s->T, mark);
    ck_assert_msg(fuse.owned == 0 || n % 3 == 2, "%s, %ld: %d attributes are not freed", what, n, fuse.owned);
    step(s->T, s->p, s->x, s->sink, &r);
    ck_assert_msg(tp_error(s->T) == NULL, "%s, %ld: afterwards: %s", what, n, tp_error(s->T));
    ck_assert_int_eq(r.n, s->want.n);
    for (int i = 0; i < r.n; i++)
        ck_assert_msg(r.at[i] == s->want.at[i], "%s, %ld: number %d is %.17g, not %.17g", what, n, i, r.at[i],
                      s->want.at[i]);
    reset(s);
}

START_TEST(users)
{
    static const char *const places[] = {"infer", "forward", "vjp", "vjp_fused", "a hook", "a function"};
    scene s;
    numbers r;
    place where = (place)(_i / MANNERS);
    manner how = (manner)(_i % MANNERS);
    if (how == WRONG_RESULT && (where == IN_FORWARD || where == IN_FUSED)) /* cannot be told */
        return;
    open_scene(&s);
    int n = 1;
    for (;; n++) {
        fuse.place = where;
        fuse.manner = how;
        fuse.n = n;
        fuse.calls = 0;
        tp_mark mark = tp_tape_mark(s.T);
        step(s.T, s.p, s.x, s.sink, &r);
        bool reached = fuse.calls >= n;
        fuse.n = 0;
        if (!reached)
            break;
        if (tp_error(s.T) == NULL) { /* a wrong result of a function that does not look at it */
            ck_assert_msg(how == WRONG_RESULT && where == IN_FUNCTION, "%s, %d: passes", places[where], n);
            reset(&s);
            continue;
        }
        expect_recovery(&s, mark, places[where], n);
    }
    ck_assert_msg(n > 3, "%s is called %d times only", places[where], n - 1);
    close_scene(&s);
    ck_assert_int_eq(fuse.owned, 0);
}
END_TEST

/* Each allocation fails alone, and with all that come after it, on a tape that has nothing yet, plain and watched. */
START_TEST(memory)
{
    scene s;
    numbers r;
    open_scene(&s);
    for (long n = 1;; n++) {
        ck_assert_int_lt(n, 10000);
        tp_tape_free(s.T);
        s.T = tp_tape_new();
        tp_tape_anomaly(s.T, _i >= 2);
        tp_tape_profile(s.T, _i >= 2);
        (_i % 2 ? alloc_fail_from : alloc_fail_at)(n);
        reset(&s);
        tp_mark mark = tp_tape_mark(s.T);
        step(s.T, s.p, s.x, s.sink, &r);
        bool reached = alloc_requests() >= n;
        alloc_fail_at(0);
        if (!reached)
            break;
        if (tp_error(s.T)) { /* what is not needed, as a place in a report, may fail unseen */
            ck_assert_int_eq(tp_error_status(s.T), TP_ENOMEM);
            expect_recovery(&s, mark, "allocation", n);
        } else {
            ck_assert_msg(_i >= 2, "allocation %ld: fails unseen", n);
        }
    }
    close_scene(&s);
    ck_assert_int_eq(fuse.owned, 0);
}
END_TEST

START_TEST(leaks)
{
    static scene s;
    static numbers r;
    long long before = alloc_live();
    for (int n = 0; n < PLACES; n++) {
        set_scene(&s);
        fuse.place = (place)n;
        fuse.n = 2;
        step(s.T, s.p, s.x, s.sink, &r);
        close_scene(&s);
    }
    long long leaked = alloc_live() - before;
    ck_assert_int_eq(leaked, 0);
    ck_assert_int_eq(fuse.owned, 0);
}
END_TEST

/* Looking changes nothing. */
START_TEST(watched)
{
    scene s;
    numbers r;
    open_scene(&s);
    tp_tape_anomaly(s.T, true);
    tp_tape_profile(s.T, true);
    for (int k = 0; k < 2; k++) {
        step(s.T, s.p, s.x, s.sink, &r);
        ck_no_error(s.T);
        ck_assert_int_eq(r.n, s.want.n);
        ck_assert_mem_eq(r.at, s.want.at, (size_t)r.n * sizeof *r.at);
        reset(&s);
    }
    close_scene(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("survival");
    TCase *t = tcase_create("survival");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, users, 0, PLACES * MANNERS);
    tcase_add_loop_test(t, memory, 0, 4);
    tcase_add_test(t, leaks);
    tcase_add_test(t, watched);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
