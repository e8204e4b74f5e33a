/* test_module_clone.c - deep copies: nothing is shared with the original, what was tied is tied, and structs of one's own
 * point into the copy. */
#include "support/alloc.h"
#include "support/support.h"

#include <stdlib.h>

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 9);
}
static void teardown(void) { tp_tape_free(T); }

/* A network of one's own: children and a tied weight by pointer, one of them twice, a pointer into itself, numbers. */
typedef struct {
    tp_module base;
    tp_module *first, *second, *again;
    tp_tensor *tied, *scale;
    double *inside, factor;
    char text[5];
} net;

static tp_tensor *net_forward(tp_tape *tape, tp_module *self, tp_tensor *x)
{
    net *m = (net *)self;
    x = tp_tanh(tape, tp_forward(tape, m->first, x));
    x = tp_add(tape, tp_forward(tape, m->second, x), tp_forward(tape, m->again, x));
    return tp_mul_scalar(tape, tp_mul(tape, tp_matmul(tape, x, m->tied), m->scale), *m->inside);
}
static const tp_module_class net_class = {.name = "Net", .size = sizeof(net), .forward = net_forward};

static net *make(void)
{
    net *m = (net *)tp_module_new(T, &net_class);
    m->first = tp_module_add(T, &m->base, "first", tp_nn_linear(T, 3, 3, NULL));
    m->second = tp_module_add(T, &m->base, "second",
                              tp_nn_sequential(T, tp_nn_dropout(T, 0.5), tp_nn_linear(T, 3, 3, NULL)));
    m->again = m->first;
    m->tied = tp_module_add_param(T, &m->base, "tied", tp_module_param(m->first, "weight"));
    m->scale = tp_module_add_buffer(T, &m->base, "scale", tp_keep(tp_full(T, TP_F32, tp_shape(3), 2)));
    tp_module_add_unsaved_buffer(T, m->second, "mask", tp_keep(tp_ones(T, TP_I64, tp_shape(2))));
    m->factor = 1.5;
    m->inside = &m->factor;
    memcpy(m->text, "text", 5);
    tp_module_eval(m->second);
    tp_module_requires_grad(m->second, false);
    ck_no_error(T);
    return m;
}

START_TEST(all_of_it)
{
    net *m = make(), *c = (net *)tp_module_clone(T, &m->base);
    ck_no_error(T);
    tp_tensor *x = tp_randn(T, TP_F32, tp_shape(4, 3)), *y = tp_forward(T, &m->base, x),
              *z = tp_forward(T, &c->base, x);
    ck_assert(tensors_identical(y, z));
    ck_assert(c->first != m->first && c->first == tp_module_child(&c->base, "first") && c->again == c->first);
    ck_assert(c->tied != m->tied && c->tied == tp_module_param(c->first, "weight"));
    ck_assert(c->inside == &c->factor && c->factor == 1.5 && strcmp(c->text, "text") == 0);
    ck_assert(c->base.training && !c->second->training && !tp_module_child(c->second, "1")->training);
    ck_assert(tp_needs_grad(c->tied) && !tp_needs_grad(tp_module_param(c->second, "1.weight")) &&
              !tp_needs_grad(c->scale));
    ck_assert_int_eq(tp_params_length(tp_module_params(&c->base)), 4);
    tp_state_dict *of_m = tp_module_state_dict(T, &m->base), *of_c = tp_module_state_dict(T, &c->base);
    ck_assert_int_eq(of_m->n, of_c->n); /* the mask is in neither */
    for (int i = 0; i < of_m->n; i++) {
        ck_assert_str_eq(of_m->names[i], of_c->names[i]);
        ck_assert(tensors_identical(of_m->tensors[i], of_c->tensors[i]));
        ck_assert(tp_data(of_m->tensors[i]) != tp_data(of_c->tensors[i]));
    }
    tp_state_dict_free(of_m);
    tp_state_dict_free(of_c);
    tp_backward(T, tp_sum(T, z)); /* touches the copy alone */
    ck_assert(tp_grad(c->tied) && !tp_grad(m->tied));
    net *d = (net *)tp_module_clone(T, &c->base); /* out of a slab, with gradients */
    ck_assert(!tp_grad(d->tied) && tensors_identical(d->tied, c->tied));
    tp_module_free(&c->base);
    tp_module_free(&m->base);
    ck_assert(tensors_identical(tp_forward(T, &d->base, x), y));
    tp_module_free(&d->base);
    ck_no_error(T);
}
END_TEST

/* A part of a network: what it shares with the rest it then has for itself; it has no parent. */
START_TEST(part)
{
    net *m = make();
    tp_module *c = tp_module_clone(T, m->first);
    ck_assert(c->parent == NULL && tp_module_param(c, "weight") != m->tied);
    ck_assert(tensors_identical(tp_module_param(c, "weight"), m->tied));
    tp_module *both = tp_nn_sequential(T, c, tp_module_clone(T, m->second));
    ck_assert_int_eq(tp_params_length(tp_module_params(both)), 4);
    tp_module_free(both);
    tp_module_free(&m->base);
    ck_assert_ptr_null(tp_module_clone(T, NULL));
    ck_error(T, TP_EINVAL, "module_clone: the module is NULL");
}
END_TEST

/* ---- classes that own memory --------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    char *text;
} holder;
static int frees;
static bool refuse, alike = true; /* did the copies come with the words of the original? */

static void holder_free(tp_module *self)
{
    frees++;
    free(((holder *)self)->text);
}
static tp_status holder_clone(tp_tape *tape, tp_module *copy, const tp_module *from)
{
    const char *text = ((const holder *)from)->text;
    alike &= ((holder *)copy)->text == text;
    if (refuse)
        return TP_EUNSUPPORTED;
    char *own = malloc(strlen(text) + 1);
    if (own == NULL)
        return tp_fail(tape, TP_ENOMEM, "holder: no memory");
    ((holder *)copy)->text = strcpy(own, text);
    return TP_OK;
}
static const tp_module_class holder_class = {
    .name = "Holder", .size = sizeof(holder), .free = holder_free, .clone = holder_clone};
static const tp_module_class selfish_class = {.name = "Selfish", .size = sizeof(holder), .free = holder_free};

static tp_module *make_holder(const tp_module_class *type)
{
    tp_module *m = tp_module_new(T, type);
    char *text = malloc(6);
    ((holder *)m)->text = strcpy(text, "mine!");
    return m;
}

START_TEST(memory_of_its_own)
{
    tp_module *m = tp_nn_module_list(T, make_holder(&holder_class), make_holder(&holder_class)),
              *c = tp_module_clone(T, m);
    ck_no_error(T);
    tp_module_free(m);
    ck_assert_str_eq(((holder *)tp_nn_at(c, 1))->text, "mine!");
    ck_assert_int_eq(frees, 2);
    refuse = true;
    ck_assert_ptr_null(tp_module_clone(T, c));
    ck_error(T, TP_EUNSUPPORTED, "module_clone: clone of Holder returned");
    ck_assert_int_eq(frees, 2); /* the half copies owned nothing */
    refuse = false;
    tp_nn_append(T, c, make_holder(&selfish_class));
    ck_assert_ptr_null(tp_module_clone(T, c));
    ck_error(T, TP_EUNSUPPORTED, "module_clone: Selfish has a free and no clone");
    tp_module_free(c);
    ck_assert_int_eq(frees, 5);
    ck_assert(alike);
}
END_TEST

/* Each request fails in turn: no copy, an error, and nothing is lost. */
START_TEST(failing_memory)
{
    net *m = make();
    tp_nn_append(T, m->second, make_holder(&holder_class));
    tp_clear_error(T); /* it has no forward, which a Sequential says */
    tp_module_add(T, m->second, "holder", make_holder(&holder_class));
    tp_module_free(tp_module_clone(T, &m->base));
    ck_no_error(T);
    bool whole = false;
    for (long k = 1; k < 200 && !whole; k++) {
        long long live = alloc_live();
        alloc_fail_at(k);
        tp_module *c = tp_module_clone(T, &m->base);
        alloc_fail_at(0);
        whole = c != NULL;
        tp_module_free(c);
        long long now = alloc_live();
        ck_assert_int_eq(now, live);
        ck_assert_int_eq(tp_error_status(T), whole ? TP_OK : TP_ENOMEM);
        tp_clear_error(T);
    }
    ck_assert(whole);
    tp_module_free(&m->base);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("module_clone");
    TCase *t = tcase_create("module_clone");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, all_of_it);
    tcase_add_test(t, part);
    tcase_add_test(t, memory_of_its_own);
    tcase_add_test(t, failing_memory);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
