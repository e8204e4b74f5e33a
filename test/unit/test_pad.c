/* test_pad.c - padding by a value and by a tensor's own elements, against the definition; shuffled channels; the layers. */
#include "support/support.h"

static tp_tensor *counted(tp_tape *T, tp_dtype dtype, tp_dims shape)
{
    int64_t n = 1;
    for (int d = 0; d < shape.ndim; d++)
        n *= shape.dim[d];
    return tp_reshape(T, tp_arange(T, dtype, 0, (double)n, 1), shape);
}

START_TEST(values)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = counted(T, TP_F32, tp_shape(1, 1, 4));
    ck_values(tp_pad(T, x, tp_shape(2, 1), TP_PAD_ZEROS, 9), 0, 9, 9, 0, 1, 2, 3, 9);
    ck_values(tp_pad(T, x, tp_shape(-1, 2), TP_PAD_ZEROS, 9), 0, 1, 2, 3, 9, 9);
    ck_assert(tp_numel(tp_pad(T, x, tp_shape(-2, -2), TP_PAD_ZEROS, 9)) == 0);
    ck_values(tp_pad(T, x, tp_shape(3, 2), TP_PAD_REFLECT, 0), 0, 3, 2, 1, 0, 1, 2, 3, 2, 1);
    ck_values(tp_pad(T, x, tp_shape(2, 5), TP_PAD_REPLICATE, 0), 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 3);
    ck_values(tp_pad(T, x, tp_shape(4, 1), TP_PAD_CIRCULAR, 0), 0, 0, 1, 2, 3, 0, 1, 2, 3, 0);
    ck_values(tp_pad(T, x, tp_shape(-1, 2), TP_PAD_CIRCULAR, 0), 0, 1, 2, 3, 1, 2);
    ck_values(tp_pad(T, x, tp_shape(-1, 2), TP_PAD_REFLECT, 0), 0, 1, 2, 3, 2, 1);
    tp_tensor *square = counted(T, TP_I64, tp_shape(1, 2, 2));
    ck_values(tp_pad(T, square, tp_shape(1, 0, 0, 1), TP_PAD_CIRCULAR, 0), 0, 1, 0, 1, 3, 2, 3, 1, 0, 1);
    ck_values(tp_pad(T, square, tp_shape(1, 0, 0, 1), TP_PAD_ZEROS, -7), 0, -7, 0, 1, -7, 2, 3, -7, -7, -7);
    tp_tensor *odd = tp_from(T, TP_F32, tp_shape(1, 3), (const float[]){-0.0f, NAN, -INFINITY});
    tp_tensor *y = tp_pad(T, odd, tp_shape(1, 1), TP_PAD_REPLICATE, 0);
    ck_assert(signbit(tp_item_at(y, 0)) && isnan(tp_item_at(y, 2)) && tp_item_at(y, 4) == -(double)INFINITY);
    y = tp_pad(T, tp_zeros(T, TP_F32, tp_shape(0, 3)), tp_shape(0, 1, 1, 1), TP_PAD_ZEROS, 2);
    ck_values(y, 0, 2, 2, 2, 2, 2, 2, 2, 2);
    ck_values(tp_pad(T, tp_scalar(T, TP_F32, 5), (tp_dims){.ndim = 0}, TP_PAD_ZEROS, 2), 0, 5);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* A row a thread has more than one piece of, and a transposed operand. */
START_TEST(large)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_transpose(T, tp_randn(T, TP_F32, tp_shape(3, 300, 257)), 1, 2);
    tp_tensor *y = tp_pad(T, x, tp_shape(3, 2, 1, 4), TP_PAD_ZEROS, 0.5);
    ck_assert(
        tensors_identical(tp_contiguous(T, tp_narrow(T, tp_narrow(T, y, 1, 1, 257), 2, 3, 300)), tp_contiguous(T, x)));
    ck_assert(tp_item(tp_sum(T, tp_narrow(T, y, 1, 0, 1))) == 0.5 * 3 * 305);
    tp_tensor *z = tp_pad(T, x, tp_shape(3, 2, 1, 4), TP_PAD_CIRCULAR, 0);
    ck_assert(
        tensors_identical(tp_contiguous(T, tp_narrow(T, z, 1, 258, 4)), tp_contiguous(T, tp_narrow(T, z, 1, 1, 4))));
    ck_assert(
        tensors_identical(tp_contiguous(T, tp_narrow(T, z, 2, 0, 3)), tp_contiguous(T, tp_narrow(T, z, 2, 300, 3))));
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

static void padded(tp_tape *T, void *user, tp_tensor **out)
{
    tp_tensor *x = user;
    for (int mode = TP_PAD_ZEROS; mode <= TP_PAD_CIRCULAR; mode++)
        out[mode] = tp_pad(T, x, tp_shape(3, 2, 1, 4), (tp_pad_mode)mode, 2);
}

START_TEST(threads)
{
    tp_tape *T = tp_tape_new();
    ck_same_on_threads(T, 4, padded, tp_randn(T, TP_F32, tp_shape(7, 50, 257)));
    tp_tape_free(T);
}
END_TEST

/* As many dimensions as there may be, all padded, or only some in the middle. */
START_TEST(many_dimensions)
{
    tp_tape *T = tp_tape_new();
    tp_dims shape = {.ndim = TP_MAX_DIMS}, all = {.ndim = TP_MAX_DIMS},
            middle = {.ndim = 6, .dim = {0, 0, 0, 0, 1, -1}};
    for (int d = 0; d < TP_MAX_DIMS; d++) {
        shape.dim[d] = 2;
        all.dim[d] = d % 2;
    }
    tp_tensor *x = counted(T, TP_F64, shape), *y = tp_pad(T, x, all, TP_PAD_ZEROS, -1);
    ck_assert(tp_numel(y) == 32 * 243);
    ck_assert(tp_item(tp_sum(T, y)) == 1024 * 1023 / 2 - (32 * 243 - 1024));
    y = tp_pad(T, counted(T, TP_I32, tp_shape(2, 2, 1, 3)), middle, TP_PAD_ZEROS, 9);
    ck_values(y, 0, 9, 9, 9, 0, 1, 2, 9, 9, 9, 6, 7, 8);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(shuffled)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = counted(T, TP_F32, tp_shape(4, 1, 2));
    ck_values(tp_pixel_shuffle(T, x, 2), 0, 0, 2, 1, 3, 4, 6, 5, 7);
    tp_tensor *y = tp_pixel_shuffle(T, counted(T, TP_F64, tp_shape(2, 1, 18, 3, 2)), 3);
    ck_assert(tp_size(y, 2) == 2 && tp_size(y, 3) == 9 && tp_size(y, 4) == 6);
    ck_assert(tensors_identical(tp_pixel_unshuffle(T, y, 3), counted(T, TP_F64, tp_shape(2, 1, 18, 3, 2))));
    ck_values(tp_channel_shuffle(T, counted(T, TP_I64, tp_shape(1, 6, 1)), 2), 0, 0, 3, 1, 4, 2, 5);
    ck_no_error(T);
    tp_pixel_shuffle(T, x, 3);
    ck_error(T, TP_ESHAPE, "pixel_shuffle: x is [4, 1, 2], the factor 3");
    tp_pixel_unshuffle(T, x, 2);
    ck_error(T, TP_ESHAPE, "pixel_unshuffle");
    tp_channel_shuffle(T, x, 0);
    ck_error(T, TP_EINVAL, "the factor is 0");
    tp_tape_free(T);
}
END_TEST

START_TEST(refused)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 2, 4));
    tp_pad(T, x, tp_shape(1), TP_PAD_ZEROS, 0);
    ck_error(T, TP_EINVAL, "pad: 1 numbers");
    tp_pad(T, x, tp_shape(-3, -2), TP_PAD_ZEROS, 0);
    ck_error(T, TP_ESHAPE, "padded by -3 and -2");
    tp_pad(T, x, tp_shape(INT64_MAX, 0), TP_PAD_ZEROS, 0);
    ck_error(T, TP_ESHAPE, "sizes");
    tp_pad(T, x, tp_shape(1, 1, 1, 1, 1, 1, 1, 1), TP_PAD_ZEROS, 0);
    ck_error(T, TP_EINVAL, "two numbers a dimension");
    tp_pad(T, tp_zeros(T, TP_U8, tp_shape(2)), tp_shape(1, 1), TP_PAD_ZEROS, 256);
    ck_error(T, TP_EINVAL, "value");
    tp_pad(T, x, tp_shape(4, 0), TP_PAD_REFLECT, 0);
    ck_error(T, TP_ESHAPE, "less than the sizes");
    tp_pad(T, x, tp_shape(5, 0), TP_PAD_CIRCULAR, 0);
    ck_error(T, TP_ESHAPE, "no more than the sizes");
    tp_pad(T, tp_zeros(T, TP_F32, tp_shape(4)), tp_shape(1, 1), TP_PAD_REPLICATE, 0);
    ck_error(T, TP_ESHAPE, "x is [4]");
    tp_nn_zero_pad2d(T, tp_shape(1, 2, 3));
    ck_error(T, TP_EINVAL, "nn_zero_pad2d: 3 numbers");
    tp_tape_free(T);
}
END_TEST

START_TEST(layers)
{
    static const char *const printed[] = {"ConstantPad2d(padding=(1, 2, 0, 1), value=3.5)",
                                          "ZeroPad2d((1, 1, 1, 1))",
                                          "ReflectionPad2d((1, 1, 1, 1))",
                                          "ReplicationPad2d((2, 2, 2, 2))",
                                          "CircularPad2d((1, 2, 0, 1))",
                                          "PixelShuffle(upscale_factor=2)",
                                          "ChannelShuffle(groups=2)"};
    tp_tape *T = tp_tape_new();
    tp_dims sides = tp_shape(1, 2, 0, 1);
    tp_module *list[] = {tp_nn_constant_pad2d(T, sides, 3.5),
                         tp_nn_zero_pad2d(T, tp_shape(1)),
                         tp_nn_reflection_pad2d(T, tp_shape(1)),
                         tp_nn_replication_pad2d(T, tp_shape(2)),
                         tp_nn_circular_pad2d(T, sides),
                         tp_nn_pixel_shuffle(T, 2),
                         tp_nn_channel_shuffle(T, 2)};
    for (size_t i = 0; i < LENGTH(list); i++) {
        tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 4, 3, 2)), true);
        tp_gradcheck_of(T, forward_module, list[i], 1, &x, 1, &(tp_gradcheck_options){.second = true});
        ck_no_error(T);
        ck_printed(list[i], printed[i]);
    }
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pad");
    TCase *t = tcase_create("pad");
    tcase_add_test(t, values);
    tcase_add_test(t, large);
    tcase_add_test(t, threads);
    tcase_add_test(t, many_dimensions);
    tcase_add_test(t, shuffled);
    tcase_add_test(t, refused);
    tcase_add_test(t, layers);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
