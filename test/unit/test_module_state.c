/* test_module_state.c - the state of modules as names and tensors, and in files: what fits, what does not and how it is
 * told, tied parameters, extra state. */
#define _POSIX_C_SOURCE 200809L
#include "support/alloc.h"
#include "support/support.h"

#include <setjmp.h>
#include <unistd.h>

static tp_tape *T;
static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 7);
}
static void teardown(void) { tp_tape_free(T); }

static tp_module *net(void) { return tp_nn_sequential(T, tp_nn_linear(T, 2, 3, NULL), tp_nn_tanh(T)); }
static tp_tensor *ones(tp_dims shape) { return tp_ones(T, TP_F32, shape); }

static bool same_state(tp_module *a, tp_module *b)
{
    tp_state_dict *x = tp_module_state_dict(T, a), *y = tp_module_state_dict(T, b);
    bool same = x && y && x->n == y->n;
    for (int i = 0; same && i < x->n; i++)
        same = strcmp(x->names[i], y->names[i]) == 0 && tensors_identical(x->tensors[i], y->tensors[i]);
    tp_state_dict_free(x);
    tp_state_dict_free(y);
    return same;
}

/* ---- out -------------------------------------------------------------------------------------------------------------- */

START_TEST(dictionary)
{
    tp_module *m = net();
    tp_module_add_buffer(T, m, "steps", tp_keep(tp_zeros(T, TP_I64, tp_shape(1))));
    tp_module_add_unsaved_buffer(T, m, "mask", tp_keep(ones(tp_shape(1))));
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_no_error(T);
    ck_assert_int_eq(d->n, 3);
    ck_assert_str_eq(d->names[0], "steps");
    ck_assert_str_eq(d->names[1], "0.weight");
    ck_assert_str_eq(d->names[2], "0.bias");
    ck_assert_ptr_eq(tp_state_dict_get(d, "0.bias"), tp_module_param(m, "0.bias"));
    ck_assert_ptr_null(tp_state_dict_get(d, "mask"));
    ck_assert_ptr_null(tp_state_dict_get(d, NULL));
    ck_assert_ptr_null(tp_state_dict_get(NULL, "x"));
    ck_assert_int_eq(tp_module_to(T, m, TP_F64), TP_OK); /* the dictionary is no user that would be surprised */
    tp_tensor *bias = d->tensors[2];
    double was = tp_item_at(bias, 1);
    ck_assert_int_eq(tp_dtype_of(bias), TP_F64);
    tp_module_params(m); /* which moves them */
    ck_assert(tp_item_at(bias, 1) == was);
    tp_module_free(m);
    ck_assert(tp_item_at(bias, 1) == was); /* outlives the module */
    tp_free(bias);                         /* which is not for the user to free */
    ck_assert(tp_item_at(bias, 1) == was);
    tp_state_dict_free(d);
    tp_state_dict_free(NULL);
    ck_assert_ptr_null(tp_module_state_dict(T, NULL));
    ck_error(T, TP_EINVAL, "module_state_dict: the module is NULL");
}
END_TEST

/* ---- in --------------------------------------------------------------------------------------------------------------- */

START_TEST(whole)
{
    tp_module *m = net(), *n = net();
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_assert(!same_state(m, n));
    ck_assert_int_eq(tp_module_load_state_dict(T, n, d->n, d->names, d->tensors, NULL), TP_OK);
    ck_assert(same_state(m, n));
    ck_assert(tp_data(tp_module_param(m, "0.weight")) != tp_data(tp_module_param(n, "0.weight")));
    ck_assert(tp_needs_grad(tp_module_param(n, "0.weight")));
    ck_assert_int_eq(tp_module_load_state_dict(T, m, d->n, d->names, d->tensors, NULL), TP_OK); /* its own */
    /* of another dtype, and not contiguous */
    const char *names[] = {"0.bias", "0.weight"};
    tp_tensor *other[] = {tp_arange(T, TP_F64, 1, 4, 1), tp_t(T, tp_full(T, TP_I64, tp_shape(2, 3), 7))};
    ck_assert_int_eq(tp_module_load_state_dict(T, n, 2, names, other, NULL), TP_OK);
    ck_values(tp_module_param(n, "0.bias"), 0, 1, 2, 3);
    ck_values(tp_module_param(n, "0.weight"), 0, 7, 7, 7, 7, 7, 7);
    ck_assert_int_eq(tp_module_load_state_dict(T, n, 2, names, other, &(tp_load_options){.same_dtype = true}),
                     TP_EDTYPE);
    ck_error(T, TP_EDTYPE,
             "dtype mismatch for 0.weight: copying a param of int64 from checkpoint, that in current model is "
             "float32. dtype mismatch for 0.bias: ");
    tp_state_dict_free(d);
    tp_module_free(m);
    tp_module_free(n);
}
END_TEST

/* All that is wrong is told at once, and then nothing is changed. */
START_TEST(misfits)
{
    tp_module *m = net();
    double was = tp_item_at(tp_module_param(m, "0.weight"), 0);
    const char *names[] = {"y", "0.weight", "x"};
    tp_tensor *bad[] = {ones(tp_shape(1)), ones(tp_shape(4, 2)), ones(tp_shape(1))},
              *good[] = {bad[0], ones(tp_shape(3, 2)), bad[2]};
    const char
        *lacks = "Missing key(s) in state_dict: \"0.bias\". Unexpected key(s) in state_dict: \"y\", \"x\". ",
        *size = "size mismatch for 0.weight: copying a param with shape [4, 2] from checkpoint, the shape in current "
                "model is [3, 2]. ";
    char report[500], wanted[500];
    snprintf(wanted, sizeof wanted, "%s%s", lacks, size);
    ck_assert_int_eq(tp_module_load_state_dict(T, m, 3, names, bad,
                                               &(tp_load_options){.report = report, .report_room = sizeof report}),
                     TP_EINVAL);
    ck_assert_str_eq(report, wanted);
    wanted[strlen(wanted) - 1] = '\0';
    ck_error(T, TP_EINVAL, wanted);
    tp_module_load_state_dict(T, m, 3, names, good, NULL);
    ck_error(T, TP_EINVAL, "module_load_state_dict: Error(s) in loading state_dict for Sequential: Missing key(s)");
    ck_assert(tp_item_at(tp_module_param(m, "0.weight"), 0) == was);
    tp_load_options partial = {.partial = true, .report = report, .report_room = sizeof report};
    ck_assert_int_eq(tp_module_load_state_dict(T, m, 3, names, bad, &partial), TP_ESHAPE); /* also there */
    ck_error(T, TP_ESHAPE, "size mismatch for 0.weight");
    ck_assert(tp_item_at(tp_module_param(m, "0.weight"), 0) == was);
    ck_assert_int_eq(tp_module_load_state_dict(T, m, 3, names, good, &partial), TP_OK);
    ck_assert_str_eq(report, lacks);
    ck_values(tp_module_param(m, "0.weight"), 0, 1, 1, 1, 1, 1, 1);
    ck_assert_int_eq(tp_module_load_state_dict(T, m, 0, NULL, NULL, &partial), TP_OK);
    ck_assert_str_eq(report, "Missing key(s) in state_dict: \"0.weight\", \"0.bias\". ");
    tp_module_free(m);
}
END_TEST

START_TEST(refusals)
{
    tp_module *m = net();
    const char *twice[] = {"0.bias", "0.bias"}, *none[] = {"0.bias", NULL};
    tp_tensor *x[] = {ones(tp_shape(3)), NULL};
    tp_module_load_state_dict(T, m, 2, twice, x, NULL);
    ck_error(T, TP_EINVAL, "module_load_state_dict: 0.bias is there twice");
    tp_module_load_state_dict(T, m, 2, none, x, NULL);
    ck_error(T, TP_EINVAL, "name 1 is NULL");
    tp_module_load_state_dict(T, m, 2, (const char *[]){"0.weight", "0.bias"}, (tp_tensor *[]){NULL, x[0]}, NULL);
    ck_error(T, TP_EINVAL, "module_load_state_dict: the tensor of 0.weight is NULL");
    tp_module_load_state_dict(T, m, -1, twice, x, NULL);
    ck_error(T, TP_EINVAL, "-1 tensors");
    tp_module_load_state_dict(T, m, 1, NULL, x, NULL);
    ck_error(T, TP_EINVAL, "1 tensors");
    tp_module_load_state_dict(T, NULL, 1, twice, x, NULL);
    ck_error(T, TP_EINVAL, "the module is NULL");
    tp_module_free(m);
}
END_TEST

/* The error has room for a part, the report for the whole. */
START_TEST(many_keys)
{
    enum { N = 300 };
    tp_module *m = tp_nn_sequential_of(T, 0, NULL);
    for (int i = 0; i < N; i++)
        tp_nn_append(T, m, tp_nn_linear(T, 1, 1, NULL));
    static char report[N * 40];
    tp_module_load_state_dict(T, m, 0, NULL, NULL, &(tp_load_options){.report = report, .report_room = sizeof report});
    ck_assert(strstr(report, "\"299.bias\". ") != NULL);
    ck_error(T, TP_EINVAL, "...; the module's own keys are needed");
    tp_module_free(m);
}
END_TEST

/* ---- tied parameters ---------------------------------------------------------------------------------------------------- */

/* a and b have one weight: b's, so that the first by the alphabet is not the first by order. */
static tp_module *tied(void)
{
    tp_module *m = tp_nn_module_dict(
        T, 2, (const char *[]){"b", "a"},
        (tp_module *[]){tp_nn_parameter_list(T, 0, NULL), tp_nn_parameter_list(T, 0, NULL)});
    tp_tensor *w = tp_nn_append_param(T, tp_module_child(m, "b"), tp_keep(tp_randn(T, TP_F32, tp_shape(3))));
    tp_nn_append_param(T, tp_module_child(m, "a"), w);
    tp_nn_append_param(T, tp_module_child(m, "a"), tp_keep(tp_randn(T, TP_F32, tp_shape(2))));
    ck_no_error(T);
    return m;
}

START_TEST(tied_parameters)
{
    tp_module *m = tied(), *n = tied();
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_assert_int_eq(d->n, 3);
    ck_assert_ptr_eq(d->tensors[0], d->tensors[1]);
    ck_assert_int_eq(tp_module_load_state_dict(T, n, 2, d->names + 1, d->tensors + 1, NULL),
                     TP_OK); /* one name will do */
    ck_assert(same_state(m, n));
    tp_module_load_state_dict(T, n, 1, d->names + 2, d->tensors + 2, NULL);
    ck_error(T, TP_EINVAL, "Missing key(s) in state_dict: \"b.0\", \"a.0\".");
    tp_state_dict_free(d);
    tp_module_free(m);
    tp_module_free(n);
}
END_TEST

/* ---- extra state ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_module base;
    int64_t count;
} counter;
enum { RIGHT, NOTHING, JUMP, FREE, RESET };
static int deed;
static tp_module *root;
static jmp_buf outside;

static void misbehave(tp_tape *tape)
{
    if (deed == JUMP)
        longjmp(outside, 1);
    if (deed == FREE)
        tp_module_free(root);
    if (deed == RESET)
        tp_tape_reset(tape);
}
static tp_tensor *get_count(tp_tape *tape, tp_module *self)
{
    misbehave(tape);
    return deed == NOTHING ? NULL : tp_full(tape, TP_I64, tp_shape(1), (double)((counter *)self)->count);
}
static tp_status set_count(tp_tape *tape, tp_module *self, tp_tensor *state)
{
    misbehave(tape);
    if (deed == NOTHING)
        return TP_EUNSUPPORTED;
    ((counter *)self)->count = (int64_t)tp_item(state);
    return TP_OK;
}
static const tp_module_class counter_class = {
    .name = "Counter", .size = sizeof(counter), .get_extra_state = get_count, .set_extra_state = set_count};

static tp_module *counting(int64_t count)
{
    tp_module *m = tp_module_new(T, &counter_class);
    ((counter *)m)->count = count;
    tp_module_add_param(T, m, "w", tp_keep(tp_full(T, TP_F32, tp_shape(1), (double)count)));
    tp_module *child = tp_module_add(T, m, "child", tp_module_new(T, &counter_class));
    ((counter *)child)->count = count + 1;
    return m;
}

START_TEST(extra_state)
{
    deed = RIGHT;
    tp_module *m = counting(3), *n = counting(30);
    tp_state_dict *d = tp_module_state_dict(T, m);
    ck_assert_int_eq(d->n, 3);
    ck_assert_str_eq(d->names[1], "_extra_state");
    ck_assert_str_eq(d->names[2], "child._extra_state");
    tp_tape_reset(T); /* it is no tensor of the tape */
    ck_assert_int_eq(tp_module_load_state_dict(T, n, d->n, d->names, d->tensors, NULL), TP_OK);
    ck_assert(((counter *)n)->count == 3 && ((counter *)tp_module_child(n, "child"))->count == 4);
    tp_module_load_state_dict(T, n, 2, d->names, d->tensors, NULL);
    ck_error(T, TP_EINVAL, "Missing key(s) in state_dict: \"child._extra_state\".");
    tp_module *plain = tp_nn_parameter_dict(T, 1, (const char *[]){"w"}, (tp_tensor *[]){tp_keep(ones(tp_shape(1)))});
    tp_module_load_state_dict(T, plain, d->n, d->names, d->tensors, NULL);
    ck_error(T, TP_EINVAL, "Unexpected key(s) in state_dict: \"_extra_state\", \"child._extra_state\".");
    deed = NOTHING;
    ck_assert_ptr_null(tp_module_state_dict(T, m));
    ck_error(T, TP_EINVAL, "the result of its get_extra_state is NULL");
    tp_module_load_state_dict(T, n, d->n, d->names, d->tensors, NULL);
    ck_error(T, TP_EUNSUPPORTED, "set_extra_state of Counter returned");
    deed = RIGHT;
    tp_state_dict_free(d);
    tp_module_free(m);
    tp_module_free(n);
    tp_module_free(plain);
}
END_TEST

/* Functions that jump, free the module or reset the tape lose nothing and break nothing. */
START_TEST(extra_state_and_lifetimes)
{
    for (volatile int what = JUMP; what <= RESET; what++)
        for (volatile int way = 0; way < 2; way++) {
            deed = RIGHT;
            root = counting(3);
            tp_state_dict *volatile d = tp_module_state_dict(T, root);
            deed = what;
            if (setjmp(outside) == 0) {
                if (way == 0)
                    tp_state_dict_free(tp_module_state_dict(T, root));
                else
                    tp_module_load_state_dict(T, root, d->n, d->names, d->tensors, NULL);
            }
            tp_tape_reset(T);
            tp_clear_error(T);
            ck_assert_int_eq(tp_tape_check(T, NULL, 0), TP_OK);
            deed = RIGHT;
            if (what != FREE) {
                ck_assert_int_eq(tp_module_load_state_dict(T, root, d->n, d->names, d->tensors, NULL), TP_OK);
                tp_module_free(root);
            }
            tp_state_dict_free(d);
        }
}
END_TEST

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

/* Each request fails in turn: an error, or the right thing, and nothing is lost. */
START_TEST(failing_memory)
{
    tp_module *m = tied(), *n = tied();
    for (long k = 1; k < 40; k++) {
        tp_tape_reset(T);
        alloc_fail_from(k);
        tp_state_dict *d = tp_module_state_dict(T, m);
        alloc_fail_from(0);
        ck_assert(d != NULL || tp_error_status(T) == TP_ENOMEM);
        tp_clear_error(T);
        tp_state_dict_free(d);
        d = tp_module_state_dict(T, m);
        alloc_fail_from(k);
        tp_status status = tp_module_load_state_dict(T, n, d->n, d->names, d->tensors, NULL);
        alloc_fail_from(0);
        ck_assert(status == TP_OK || status == TP_ENOMEM);
        ck_assert(status != TP_OK || same_state(m, n));
        tp_clear_error(T);
        tp_state_dict_free(d);
    }
    tp_module_free(m);
    tp_module_free(n);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------------ */

#ifdef HAVE_JANSSON
START_TEST(files)
{
    char path[] = "/tmp/tapir_test_XXXXXX";
    close(mkstemp(path));
    deed = RIGHT;
    tp_module *m = tied(), *n = tied(), *c = counting(3), *e = counting(4);
    ck_assert_int_eq(tp_module_save(T, m, path), TP_OK);
    tp_safetensors *f = tp_safetensors_open(T, path);
    ck_assert_int_eq(tp_safetensors_length(f), 2); /* once, as torch's safetensors saves it */
    ck_assert(tp_safetensors_has(f, "a.0") && !tp_safetensors_has(f, "b.0"));
    ck_assert_str_eq(tp_safetensors_metadata(f, "b.0"), "a.0");
    ck_assert_str_eq(tp_safetensors_metadata(f, "format"), "pt");
    tp_safetensors_close(f);
    ck_assert_int_eq(tp_module_load(T, n, path), TP_OK);
    ck_assert(same_state(m, n));
    tp_module_load(T, e, path);
    ck_error(T, TP_EINVAL,
             "module_load: Error(s) in loading state_dict for Counter: Missing key(s) in state_dict: \"w\", ");
    char report[300];
    ck_assert_int_eq(
        tp_module_load_from(T, e, path,
                            &(tp_load_options){.partial = true, .report = report, .report_room = sizeof report}),
        TP_OK);
    ck_assert(strstr(report, "Unexpected key(s) in state_dict: \"a.0\", \"a.1\". ") != NULL);
    ck_assert_int_eq(tp_module_save(T, c, path), TP_OK);
    ck_assert_int_eq(tp_module_load(T, e, path), TP_OK);
    ck_assert(((counter *)e)->count == 3);
    tp_module_to(T, e, TP_F64);
    ck_assert_int_eq(tp_module_load(T, e, path), TP_EDTYPE);
    ck_error(T, TP_EDTYPE, "dtype mismatch for w");
    ck_assert_int_eq(tp_module_load_from(T, e, path, NULL), TP_OK);
    deed = JUMP;
    long long live = alloc_live();
    if (setjmp(outside) == 0)
        tp_module_load(T, e, path); /* the file is closed by then */
    tp_tape_reset(T);
    long long now = alloc_live();
    ck_assert_int_le(now, live);
    unlink(path);
    tp_module_free(m);
    tp_module_free(n);
    tp_module_free(c);
    tp_module_free(e);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("module_state");
    TCase *t = tcase_create("module_state");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, dictionary);
    tcase_add_test(t, whole);
    tcase_add_test(t, misfits);
    tcase_add_test(t, refusals);
    tcase_add_test(t, many_keys);
    tcase_add_test(t, tied_parameters);
    tcase_add_test(t, extra_state);
    tcase_add_test(t, extra_state_and_lifetimes);
    tcase_add_test(t, failing_memory);
#ifdef HAVE_JANSSON
    tcase_add_test(t, files);
#endif
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
