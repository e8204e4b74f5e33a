/* test_random.c - draws after a seed, and printed tensors, against what PyTorch gives. More of both, from PyTorch's
 * own samples, is in the conformance set. */
#include "support/support.h"

static tp_tape *T;

static void setup(void)
{
    T = tp_tape_new();
    tp_manual_seed(T, 7);
}
static void teardown(void) { tp_tape_free(T); }

/* The last elements of a tensor, exactly. */
static void expect_tail(const tp_tensor *x, int n, const double *want)
{
    for (int i = 0; i < n; i++)
        ck_assert_msg(tp_item_at(x, tp_numel(x) - n + i) == want[i], "%d: %.17g, not %.17g", i,
                      tp_item_at(x, tp_numel(x) - n + i), want[i]);
}

START_TEST(uniform)
{
    tp_tensor *x = tp_keep(tp_zeros(T, TP_F32, tp_shape(20))), *y = tp_keep(tp_zeros(T, TP_F64, tp_shape(20)));
    tp_uniform_(T, x, 0.1, 0.7);
    expect_tail(x, 4,
                (const double[]){0.5322282314300537, 0.14383116364479065, 0.6819517612457275, 0.1646719127893448});
    tp_manual_seed(T, 7);
    tp_uniform_(T, y, 0.1, 0.7);
    expect_tail(y, 3, (const double[]){0.6699174679359979, 0.16596153142464884, 0.69617016337282});
    ck_assert_int_eq(tp_uniform_(T, x, 1, 0), TP_EINVAL);
    ck_error(T, TP_EINVAL, "uniform_");
    tp_free(x);
    tp_free(y);
}
END_TEST

START_TEST(normal)
{
    tp_tensor *x = tp_keep(tp_zeros(T, TP_F32, tp_shape(17)));
    tp_normal_(T, x, 1.5, 0.3);
    expect_tail(x, 4, (const double[]){1.7022302150726318, 1.1029962301254272, 1.0920692682266235, 1.2399895191192627});
    ck_assert_int_eq(tp_normal_(T, x, 0, -1), TP_EINVAL);
    ck_error(T, TP_EINVAL, "std is -1");
    tp_free(x);
}
END_TEST

/* One after the other, from one generator. */
START_TEST(sequence)
{
    expect_tail(tp_randn(T, TP_F64, tp_shape(3)), 3,
                (const double[]){-0.1467950974849952, 0.7861412987235358, 0.9468216090039564});
    expect_tail(tp_rand(T, TP_F32, tp_shape(2)), 2, (const double[]){0.36531615257263184, 0.8512683510780334});
    expect_tail(tp_randperm(T, 6), 6, (const double[]){4, 2, 1, 3, 0, 5});
    expect_tail(tp_randint(T, TP_I64, tp_shape(2), -5, (int64_t)1 << 40), 2,
                (const double[]){181506383603, 586261196579});
    expect_tail(tp_bernoulli(T, tp_full(T, TP_F32, tp_shape(8), 0.5)), 8, (const double[]){1, 0, 1, 0, 0, 0, 0, 0});
    ck_no_error(T);
    ck_assert(tp_initial_seed(T) == 7);
    ck_assert_ptr_null(tp_randint(T, TP_I64, tp_shape(1), 3, 3));
    ck_error(T, TP_EINVAL, "randint");
    ck_assert_ptr_null(tp_rand(T, TP_I32, tp_shape(1)));
    ck_error(T, TP_EDTYPE, "int32");
    ck_assert_ptr_null(tp_bernoulli(T, tp_full(T, TP_F32, tp_shape(1), 2)));
    ck_error(T, TP_EINVAL, "probability");
}
END_TEST

static void expect_text(const tp_tensor *x, const tp_print_options *o, const char *want)
{
    char text[4000];
    int64_t n = tp_format_with(x, o, text, sizeof text);
    ck_assert_str_eq(text, want);
    ck_assert_int_eq(n, (int64_t)strlen(want));
}

START_TEST(text)
{
    const double small[] = {1e-5, 1, 100}, odd[] = {NAN, 1, -INFINITY};
    expect_text(tp_from(T, TP_F64, tp_shape(3), small), NULL,
                "tensor([1.0000e-05, 1.0000e+00, 1.0000e+02], dtype=torch.float64)");
    expect_text(tp_to(T, tp_from(T, TP_F64, tp_shape(3), odd), TP_F32), NULL, "tensor([nan, 1., -inf])");
    expect_text(tp_zeros(T, TP_F32, tp_shape(0, 3)), NULL, "tensor([], size=(0, 3))");
    expect_text(tp_ne(T, tp_arange(T, TP_F32, 1, -1, -1), tp_scalar(T, TP_F32, 0)), NULL, "tensor([ True, False])");
    expect_text(tp_full(T, TP_U8, TP_SCALAR, 7), NULL, "tensor(7, dtype=torch.uint8)");
    expect_text(tp_zeros(T, TP_F32, tp_shape(2)), &(tp_print_options){.sci_mode = true}, "tensor([0., 0.])");
    expect_text(tp_requires_grad(tp_full(T, TP_F64, tp_shape(2, 3), -1.25), true), NULL,
                "tensor([[-1.2500, -1.2500, -1.2500],\n"
                "        [-1.2500, -1.2500, -1.2500]], dtype=torch.float64, requires_grad=True)");
    expect_text(tp_t(T, tp_reshape(T, tp_arange(T, TP_I64, 0, 6, 1), tp_shape(2, 3))), NULL,
                "tensor([[0, 3],\n"
                "        [1, 4],\n"
                "        [2, 5]])");
    expect_text(tp_reshape(T, tp_arange(T, TP_F32, 0, 1500, 1), tp_shape(30, 50)), NULL,
                "tensor([[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 4.7000e+01, 4.8000e+01,\n"
                "         4.9000e+01],\n"
                "        [5.0000e+01, 5.1000e+01, 5.2000e+01,  ..., 9.7000e+01, 9.8000e+01,\n"
                "         9.9000e+01],\n"
                "        [1.0000e+02, 1.0100e+02, 1.0200e+02,  ..., 1.4700e+02, 1.4800e+02,\n"
                "         1.4900e+02],\n"
                "        ...,\n"
                "        [1.3500e+03, 1.3510e+03, 1.3520e+03,  ..., 1.3970e+03, 1.3980e+03,\n"
                "         1.3990e+03],\n"
                "        [1.4000e+03, 1.4010e+03, 1.4020e+03,  ..., 1.4470e+03, 1.4480e+03,\n"
                "         1.4490e+03],\n"
                "        [1.4500e+03, 1.4510e+03, 1.4520e+03,  ..., 1.4970e+03, 1.4980e+03,\n"
                "         1.4990e+03]])");
    expect_text(NULL, NULL, "None");
    char cut[6];
    tp_format(tp_zeros(T, TP_F32, tp_shape(2)), cut, sizeof cut);
    ck_assert_str_eq(cut, "tenso");
}
END_TEST

START_TEST(grad_fn)
{
    tp_tensor *x = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(1)), true);
    expect_text(tp_sigmoid(T, x), NULL, "tensor([0.7311], grad_fn=<SigmoidBackward0>)");
    expect_text(tp_sum(T, x), NULL, "tensor(1., grad_fn=<SumBackward0>)");
    expect_text(tp_index(T, x, "0"), NULL, "tensor(1., grad_fn=<SelectBackward0>)");
}
END_TEST

/* What torch.poisson gives after seed 7: both ways to draw, and nothing drawn for a rate of 0. */
START_TEST(poisson)
{
    const double rates[] = {0.5, 3, 20, 100, 0, 1e6};
    tp_tensor *y = tp_poisson(T, tp_from(T, TP_F64, tp_shape(6), rates));
    ck_values(y, 0, 0, 5, 21, 108, 0, 997915);
    ck_assert(tp_item(tp_rand(T, TP_F32, TP_SCALAR)) == 0.8797041773796082);
    ck_assert_ptr_null(tp_poisson(T, tp_full(T, TP_F64, TP_SCALAR, -1)));
    ck_error(T, TP_EINVAL, "the rate at 0 is -1");
}
END_TEST

/* The last of 1501 after an odd number of words, as PyTorch gives them: a double's two words lie in different stretches of
 * the state, and what draws by blocks has drawn neither more nor less than one by one. */
enum { MANY = 1501 };
static tp_tensor *many(tp_dtype dtype)
{
    tp_manual_seed(T, 7);
    tp_rand(T, TP_F32, tp_shape(5));
    return tp_zeros(T, dtype, tp_shape(MANY));
}
static tp_tensor *slopes_of(tp_dtype dtype) /* -1.5 to 1.5, by halves */
{
    tp_tensor *i = tp_remainder(T, tp_arange(T, dtype, 0, MANY, 1), tp_scalar(T, dtype, 7));
    return tp_mul_scalar(T, tp_sub_scalar(T, i, 3), 0.5);
}

START_TEST(blocks)
{
    tp_tensor *x = many(TP_F64);
    expect_tail(tp_rand_like(T, x), 3, (const double[]){0.8058047035644557, 0.9518877315376731, 0.624367526115496});
    expect_tail(tp_randn_like(T, many(TP_F64)), 3,
                (const double[]){0.644077312756789, 1.0468711869824439, 0.05756185070333018});
    tp_uniform_(T, x = many(TP_F64), -1, 2);
    expect_tail(x, 3, (const double[]){1.4174141106933669, 1.8556631946130193, 0.8731025783464879});
    tp_exponential_(T, x = many(TP_F64), 2);
    expect_tail(x, 3, (const double[]){0.819445471813273, 1.5171090364031306, 0.48957203834696433});
    tp_bernoulli_(T, x = many(TP_I64), 0.3);
    ck_assert(tp_item(tp_sum(T, x)) == 451);
    ck_assert(tp_item(tp_sum(T, tp_bernoulli(T, tp_add_scalar(T, many(TP_F32), 0.3)))) == 458);
    ck_assert(tp_item(tp_sum(T, tp_bernoulli(T, tp_add_scalar(T, many(TP_F64), 0.3)))) == 451);
    expect_tail(tp_poisson(T, tp_add_scalar(T, many(TP_F32), 1.5)), 3, (const double[]){1, 0, 3});
    many(TP_F64);
    expect_tail(tp_randperm(T, MANY), 3, (const double[]){181, 851, 669});
    ck_no_error(T);
}
END_TEST

START_TEST(blocks_of_layers)
{
    many(TP_F64);
    expect_tail(tp_rrelu(T, slopes_of(TP_F64), 1. / 8, 1. / 3, true), 3,
                (const double[]){-0.2886729888095634, -0.18848874609539473, -0.12097374399969385});
    many(TP_F64);
    expect_tail(tp_rrelu(T, slopes_of(TP_F32), 1. / 8, 1. / 3, true), 3,
                (const double[]){-0.2886729836463928, -0.18848875164985657, -0.12097374349832535});
    many(TP_F64);
    expect_tail(tp_dropout(T, slopes_of(TP_F64), 0.3, true), 3, (const double[]){0, 0, -0.7142857142857143});
    many(TP_F64);
    tp_tensor *y = tp_dropout(T, slopes_of(TP_F32), 0.3, true);
    expect_tail(y, 3, (const double[]){0, 0, -0.7142857313156128});
    ck_assert(tp_item(tp_sum(T, tp_to(T, y, TP_F64))) == -22.14285671710968);
    ck_no_error(T);
}
END_TEST

START_TEST(seeds)
{
    uint64_t a = tp_seed(T), b;
    ck_assert(tp_initial_seed(T) == a);
    tp_tensor *x = tp_rand(T, TP_F64, tp_shape(3));
    b = tp_seed(T); /* equal once in 2^64 */
    ck_assert(a != b);
    tp_manual_seed(T, a);
    ck_assert(tensors_identical(x, tp_rand(T, TP_F64, tp_shape(3))));
    ck_assert(tp_seed(NULL) == 0);

    tp_manual_seed(T, 7);
    x = tp_randint(T, TP_I32, tp_shape(2, 3), -4, 5);
    tp_manual_seed(T, 7);
    ck_assert(tensors_identical(x, tp_randint_like(T, tp_zeros(T, TP_I32, tp_shape(2, 3)), -4, 5)));
    ck_no_error(T);
}
END_TEST

/* Options belong to the tape; what an option says nothing of is as ever. */
START_TEST(print_options)
{
    static const struct {
        tp_dtype dtype;
        const char *usual, *set;
    } texts[] = {
        {TP_F32, "tensor([0., 1., 2., 3., 4.])", "tensor([0.0e+00, 1.0e+00,  ..., 3.0e+00, 4.0e+00])"},
        {TP_F64, "tensor([0., 1., 2., 3., 4.], dtype=torch.float64)",
         "tensor([0.0e+00, 1.0e+00,  ..., 3.0e+00, 4.0e+00], dtype=torch.float64)"},
        {TP_I32, "tensor([0, 1, 2, 3, 4], dtype=torch.int32)", "tensor([0, 1,  ..., 3, 4], dtype=torch.int32)"},
        {TP_I64, "tensor([0, 1, 2, 3, 4])", "tensor([0, 1,  ..., 3, 4])"},
        {TP_U8, "tensor([0, 1, 2, 3, 4], dtype=torch.uint8)", "tensor([0, 1,  ..., 3, 4], dtype=torch.uint8)"},
        {TP_BOOL, "tensor([False,  True,  True,  True,  True])", "tensor([False,  True,  ...,  True,  True])"},
    };
    for (size_t i = 0; i < LENGTH(texts); i++) {
        tp_tensor *x = tp_to(T, tp_arange(T, TP_I64, 0, 5, 1), texts[i].dtype), *kept = tp_keep(x);
        expect_text(x, NULL, texts[i].usual);
        tp_set_printoptions(
            T, &(tp_print_options){.precision = 1, .threshold = 4, .edge_items = 2, .line_width = 99, .sci_mode = 1});
        expect_text(x, NULL, texts[i].set);
        expect_text(kept, NULL, texts[i].usual);
        tp_tape_reset(T); /* they stay */
        x = tp_to(T, tp_arange(T, TP_I64, 0, 5, 1), texts[i].dtype);
        expect_text(x, NULL, texts[i].set);
        expect_text(x, &(tp_print_options){.precision = 0}, texts[i].usual);
        tp_set_printoptions(T, NULL);
        expect_text(x, NULL, texts[i].usual);
        tp_free(kept);
    }
    tp_set_printoptions(NULL, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *t = tcase_create("random");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, uniform);
    tcase_add_test(t, normal);
    tcase_add_test(t, sequence);
    tcase_add_test(t, text);
    tcase_add_test(t, grad_fn);
    tcase_add_test(t, poisson);
    tcase_add_test(t, blocks);
    tcase_add_test(t, blocks_of_layers);
    tcase_add_test(t, seeds);
    tcase_add_test(t, print_options);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
