/* test_augment.c - pictures changed at random: the same as by other operators with the same draws, and their derivatives. */
#include "support/support.h"

static tp_tape *T;
static void setup(void) { T = tp_tape_new(); }
static void teardown(void)
{
    ck_no_error(T);
    tp_tape_free(T);
}

static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_I32, TP_I64, TP_U8, TP_BOOL};

/* [6, 2, 4, 5], all different where the dtype has as many */
static tp_tensor *pictures(tp_dtype dtype)
{
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F64, 0, 240, 1), tp_shape(6, 2, 4, 5));
    return dtype == TP_BOOL ? tp_lt_scalar(T, tp_remainder(T, x, tp_scalar(T, TP_F64, 7)), 3) : tp_to(T, x, dtype);
}

START_TEST(flips)
{
    for (size_t k = 0; k < LENGTH(dtypes); k++)
        for (int vertical = 0; vertical < 2; vertical++) {
            tp_tensor *x = pictures(dtypes[k]), *turned = tp_flip(T, x, 1, (const int[]){vertical ? 2 : 3});
            tp_manual_seed(T, 5);
            tp_tensor *some = tp_lt_scalar(T, tp_reshape(T, tp_rand(T, TP_F32, tp_shape(6)), tp_shape(6, 1, 1, 1)),
                                           0.5);
            ck_assert(tp_item(tp_any(T, some)) == 1 && tp_item(tp_all(T, some)) == 0);
            tp_manual_seed(T, 5);
            tp_tensor *y = vertical ? tp_random_vertical_flip(T, x, 0.5) : tp_random_horizontal_flip(T, x, 0.5);
            ck_assert(tensors_identical(y, tp_where(T, some, turned, x)));
            ck_assert(tensors_identical(tp_random_horizontal_flip(T, x, 0), x));
            ck_assert(tensors_identical(tp_random_vertical_flip(T, x, 1), tp_flip(T, x, 1, (const int[]){2})));
        }
}
END_TEST

/* Inside, moved over an edge, and larger than the picture was */
START_TEST(crops)
{
    static const int64_t size[][3] = {{4, 5, 0}, {2, 3, 0}, {4, 5, 2}, {3, 9, 2}, {12, 1, 4}, {1, 1, 9}};
    for (size_t k = 0; k < LENGTH(dtypes) * LENGTH(size); k++) {
        const int64_t *s = size[k % LENGTH(size)], h = s[0], w = s[1], p = s[2];
        tp_tensor *x = pictures(dtypes[k / LENGTH(size)]), *padded, *top, *left;
        padded = tp_full(T, tp_dtype_of(x), tp_shape(6, 2, 4 + 2 * p, 5 + 2 * p), 1);
        tp_copy_into(T, tp_narrow(T, tp_narrow(T, padded, 2, p, 4), 3, p, 5), x);
        tp_manual_seed(T, 5);
        top = tp_randint(T, TP_I64, tp_shape(6), 0, 4 + 2 * p - h + 1);
        left = tp_randint(T, TP_I64, tp_shape(6), 0, 5 + 2 * p - w + 1);
        tp_manual_seed(T, 5);
        tp_tensor *y = tp_random_crop(T, x, h, w, &(tp_random_crop_options){.padding = p, .fill = 1});
        ck_no_error(T);
        for (int i = 0; i < 6; i++) {
            tp_tensor *rows = tp_narrow(T, tp_select(T, padded, 0, i), 1, (int64_t)tp_item_at(top, i), h);
            tp_tensor *want = tp_contiguous(T, tp_narrow(T, rows, 2, (int64_t)tp_item_at(left, i), w));
            ck_assert(tensors_identical(tp_contiguous(T, tp_select(T, y, 0, i)), want));
        }
    }
}
END_TEST

START_TEST(rotations)
{
    tp_tensor *x = tp_rand(T, TP_F64, tp_shape(3, 2, 5, 5)), *y = tp_rand(T, TP_F32, tp_shape(3, 2, 4, 7));
    tp_tensor *quarter = tp_rot90(T, x, 1, 2, 3), *half = tp_flip(T, y, 2, (const int[]){2, 3});
    for (int nearest = 0; nearest < 2; nearest++) {
        tp_random_rotation_options o = {.nearest = nearest};
        ck_assert(tensors_close(tp_random_rotation(T, x, 90, 90, &o), quarter, 0, 1e-12));
        ck_assert(tensors_close(tp_random_rotation(T, y, 180, 180, &o), half, 0, 1e-5));
        ck_assert(tensors_close(tp_random_rotation(T, y, -360, -360, &o), y, 0, 1e-5));
        o.fill = 0.25; /* 4 x 7 turned by 90 degrees: columns at both ends come from outside */
        ck_assert(tensors_close(tp_random_rotation(T, x, 90, 90, &o), quarter, 0, 1e-12));
        tp_tensor *z = tp_random_rotation(T, y, 90, 90, &o);
        for (int64_t i = 0; i < 4; i++)
            ck_assert(fabs(tp_item_at(z, 7 * i) - 0.25) < 1e-6 && fabs(tp_item_at(z, 7 * i + 6) - 0.25) < 1e-6);
    }
    tp_manual_seed(T, 5); /* each by its own draw, in degrees */
    tp_tensor *u = tp_rand(T, TP_F64, tp_shape(3));
    tp_manual_seed(T, 5);
    tp_tensor *z = tp_random_rotation(T, x, -30, 60, NULL);
    for (int64_t i = 0; i < 3; i++) {
        double angle = -30 + 90 * tp_item_at(u, i);
        tp_tensor *one = tp_random_rotation(T, tp_narrow(T, x, 0, i, 1), angle, angle, NULL);
        ck_assert(tensors_close(tp_narrow(T, z, 0, i, 1), one, 0, 1e-12));
    }
}
END_TEST

/* Of a picture that is wider than high: a line from the middle to the right points up by 90, by 30 degrees as far up as its sine. */
START_TEST(rotation_has_square_pixels)
{
    tp_tensor *x = tp_zeros(T, TP_F64, tp_shape(1, 1, 21, 41));
    ((double *)tp_data(x))[10 * 41 + 30] = 1; /* ten pixels to the right */
    for (int degrees = 0; degrees < 360; degrees += 30) {
        double angle = degrees * 3.14159265358979323846 / 180, row = 0, column = 0, sum = 0;
        tp_tensor *y = tp_random_rotation(T, x, degrees, degrees, NULL);
        for (int64_t i = 0; i < 21 * 41; i++) {
            double v = tp_item_at(y, i);
            sum += v;
            row += v * (double)(i / 41 - 10);
            column += v * (double)(i % 41 - 20);
        }
        ck_assert(fabs(row / sum + 10 * sin(angle)) < 0.35 && fabs(column / sum - 10 * cos(angle)) < 0.35);
    }
}
END_TEST

START_TEST(noise)
{
    tp_tensor *x = pictures(TP_F32);
    tp_manual_seed(T, 5);
    tp_tensor *z = tp_randn(T, TP_F32, tp_shape_of(x));
    tp_manual_seed(T, 5);
    ck_assert(tensors_close(tp_gaussian_noise(T, x, 0.5, 2),
                            tp_add(T, x, tp_add_scalar(T, tp_mul_scalar(T, z, 2), 0.5)), 0, 1e-5));
    const tp_dims shapes[] = {TP_SCALAR, tp_shape(7, 3), tp_shape(1, 8, 8)}; /* a number, a table, a picture alone */
    for (size_t i = 0; i < LENGTH(shapes); i++) {
        tp_tensor *zeros = tp_zeros(T, TP_F64, shapes[i]), *y = tp_gaussian_noise(T, zeros, 5, 0);
        ck_assert_msg(y && tensors_close(y, tp_full_like(T, zeros, 5), 0, 0), "%s", tp_error(T));
    }
}
END_TEST

/* One rectangle of so many pixels in each that is drawn, at every place in turn */
START_TEST(erasing)
{
    for (size_t k = 0; k < LENGTH(dtypes); k++) {
        tp_tensor *x = tp_zeros(T, dtypes[k], tp_shape(400, 2, 8, 10)), *hits = tp_zeros(T, TP_F64, tp_shape(8, 10));
        tp_random_erasing_options o = {
            .p = 0.75, .scale_low = 0.1, .scale_high = 0.1, .ratio_low = 0.5, .ratio_high = 0.5, .value = 1};
        tp_manual_seed(T, 5);
        tp_tensor *u = tp_rand(T, TP_F64, tp_shape(400, 4));
        tp_manual_seed(T, 5);
        tp_tensor *y = tp_to(T, tp_random_erasing(T, x, &o), TP_F64);
        ck_no_error(T);
        for (int i = 0; i < 400; i++) { /* area 8: 2 x 4 */
            tp_tensor *one = tp_select(T, y, 0, i), *red = tp_select(T, one, 0, 0);
            ck_assert(tp_item(tp_sum(T, red)) == (tp_item_at(u, 4 * i) < 0.75 ? 8 : 0));
            ck_assert(tensors_identical(tp_contiguous(T, red), tp_contiguous(T, tp_select(T, one, 0, 1))));
            ck_assert(tp_item(tp_sum(T, tp_max_dim(T, red, 0, false, NULL))) <= 4); /* columns */
            hits = tp_add(T, hits, red);
        }
        ck_assert(tp_item(tp_min(T, hits)) > 0);
        ck_assert(
            tensors_identical(tp_random_erasing(T, x, &(tp_random_erasing_options){.p = TP_ZERO, .value = 1}), x));
        ck_assert(tp_item(tp_all(T, tp_to(T,
                                          tp_random_erasing(T, x,
                                                            &(tp_random_erasing_options){.p = 1,
                                                                                         .scale_low = 1,
                                                                                         .scale_high = 1,
                                                                                         .ratio_low = 0.8,
                                                                                         .ratio_high = 0.8,
                                                                                         .value = 1}),
                                          TP_BOOL))) == 1);
    }
}
END_TEST

static tp_status changed(tp_tape *t, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    ck_assert(n_in == 1 && n_out == 1);
    tp_manual_seed(t, 5);
    switch (*(int *)user) {
    case 0:
        out[0] = tp_random_horizontal_flip(t, in[0], 0.5);
        break;
    case 1:
        out[0] = tp_random_crop(t, tp_random_vertical_flip(t, in[0], 0.5), 3, 5,
                                &(tp_random_crop_options){.padding = 2, .fill = 3});
        break;
    case 2:
        out[0] = tp_random_rotation(t, in[0], -180, 180, &(tp_random_rotation_options){.fill = 1});
        break;
    case 3:
        out[0] = tp_gaussian_noise(t, in[0], 1, 2);
        break;
    default:
        out[0] = tp_random_erasing(t, in[0], NULL);
    }
    out[0] = tp_mul(t, out[0], out[0]);
    return tp_error_status(t);
}

START_TEST(derivatives)
{
    tp_tensor *x = tp_requires_grad(tp_rand(T, TP_F64, tp_shape(4, 2, 4, 3)), true);
    ck_assert_int_eq(tp_gradcheck_of(T, changed, &_i, 1, &x, 1, &(tp_gradcheck_options){.second = true}), TP_OK);
}
END_TEST

START_TEST(what_is_refused)
{
    tp_tensor *x = pictures(TP_F32), *bytes = pictures(TP_U8), *flat = tp_zeros(T, TP_F32, tp_shape(3, 4));
    ck_assert_ptr_null(tp_random_horizontal_flip(T, flat, 0.5));
    ck_error(T, TP_ESHAPE, "random_horizontal_flip: x is [3, 4]; [n, c, h, w] is needed");
    ck_assert_ptr_null(tp_random_vertical_flip(T, x, 1.5));
    ck_error(T, TP_EINVAL, "p is 1.5");
    ck_assert_ptr_null(tp_random_crop(T, x, 5, 5, NULL));
    ck_error(T, TP_ESHAPE, "random_crop: 5 x 5 of [6, 2, 4, 5], padded by 0");
    ck_assert_ptr_null(tp_random_crop(T, bytes, 4, 5, &(tp_random_crop_options){.fill = 0.5}));
    ck_error(T, TP_EINVAL, "is 0.5; one that uint8 holds");
    ck_assert_ptr_null(tp_random_rotation(T, bytes, 0, 1, NULL));
    ck_error(T, TP_EDTYPE, "x is uint8");
    ck_assert_ptr_null(tp_random_rotation(T, x, 1, NAN, NULL));
    ck_error(T, TP_EINVAL, "degrees");
    ck_assert_ptr_null(tp_gaussian_noise(T, x, 0, -1));
    ck_error(T, TP_EINVAL, "std is -1");
    ck_assert_ptr_null(tp_gaussian_noise(T, bytes, 0, 1));
    ck_error(T, TP_EDTYPE, "gaussian_noise: x is uint8");
    ck_assert_ptr_null(tp_random_erasing(T, x, &(tp_random_erasing_options){.scale_low = 0.5, .scale_high = 0.2}));
    ck_error(T, TP_EINVAL, "scale from 0.5 to 0.2");
    ck_assert_int_eq(tp_numel(tp_random_crop(T, tp_zeros(T, TP_F32, tp_shape(0, 3, 8, 8)), 4, 4, NULL)), 0);
    ck_assert_int_eq(tp_numel(tp_random_rotation(T, tp_zeros(T, TP_F32, tp_shape(0, 3, 8, 8)), 4, 4, NULL)), 0);
    ck_assert_int_eq(tp_numel(tp_random_erasing(T, tp_zeros(T, TP_F32, tp_shape(2, 3, 0, 8)), NULL)), 0);
}
END_TEST

/* Many planes, on any number of threads */
static void move_many(tp_tape *t, void *user, tp_tensor **out)
{
    tp_manual_seed(t, 1);
    out[0] = tp_random_crop(t, tp_random_horizontal_flip(t, user, 0.5), 40, 44,
                            &(tp_random_crop_options){.padding = 4});
}

START_TEST(threads)
{
    tp_tensor *x = tp_keep(tp_rand(T, TP_F32, tp_shape(64, 3, 40, 44)));
    ck_same_on_threads(T, 1, move_many, x);
    tp_free(x);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("augment");
    TCase *t = tcase_create("augment");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, flips);
    tcase_add_test(t, crops);
    tcase_add_test(t, rotations);
    tcase_add_test(t, rotation_has_square_pixels);
    tcase_add_test(t, noise);
    tcase_add_test(t, erasing);
    tcase_add_loop_test(t, derivatives, 0, 5);
    tcase_add_test(t, what_is_refused);
    tcase_add_test(t, threads);
    suite_add_tcase(s, t);
    return run_suite(s);
}
