/* test_resample.c - interpolation, grids and columns against their definitions, element by element; of rows that are shorter and
 * longer than what is worked on at once; gradients as the transposed maps; bits on any number of threads; edges; options that
 * are refused. */
#include "support/support.h"

#include <limits.h>

#ifdef _OPENMP
#include <omp.h>
#endif

enum { SPACE = 3 };

/* ---- interpolation by its definition: along one dimension after the other ---- */

typedef struct {
    int space;
    int64_t in[SPACE], out[SPACE];
    tp_interpolation mode;
    bool align_corners, antialias;
    double factor[SPACE]; /* 0: of the sizes */
} geometry;

static const geometry cases[] = {
    {1, {7}, {15}, TP_LINEAR, false, false, {0}},
    {1, {40}, {100}, TP_LINEAR, true, false, {0}},
    {1, {9}, {1}, TP_LINEAR, true, false, {0}},
    {1, {10}, {17}, TP_LINEAR, false, false, {1.7}},
    {1, {1}, {5}, TP_LINEAR, false, false, {0}},
    {1, {9000}, {9100}, TP_LINEAR, false, false, {0}},
    {1, {20}, {47}, TP_NEAREST, false, false, {0}},
    {1, {5}, {4}, TP_NEAREST_EXACT, false, false, {0}},
    {2, {4, 5}, {8, 10}, TP_BILINEAR, false, false, {2, 2}},
    {2, {16, 20}, {33, 41}, TP_BILINEAR, true, false, {0}},
    {2, {30, 41}, {11, 13}, TP_BILINEAR, false, false, {0}},
    {2, {6, 7}, {6, 20}, TP_BILINEAR, false, false, {0}},
    {2, {5, 17}, {10, 34}, TP_NEAREST, false, false, {2, 2}},
    {2, {5, 17}, {13, 50}, TP_NEAREST_EXACT, false, false, {0}},
    {2, {9, 40}, {20, 50}, TP_BICUBIC, false, false, {0}},
    {2, {3, 2}, {7, 4}, TP_BICUBIC, true, false, {0}},
    {2, {17, 31}, {5, 8}, TP_BILINEAR, false, true, {0}},
    {2, {17, 31}, {9, 40}, TP_BICUBIC, false, true, {0}},
    {3, {3, 4, 5}, {5, 9, 21}, TP_TRILINEAR, false, false, {0}},
    {3, {3, 4, 18}, {6, 2, 36}, TP_TRILINEAR, true, false, {0}},
    {3, {3, 4, 9}, {6, 8, 18}, TP_NEAREST, false, false, {0}},
    {3, {6, 5, 7}, {2, 3, 4}, TP_AREA, false, false, {0}},
};

static double cubic(double x, double a)
{
    x = fabs(x);
    return x < 1 ? (a + 2) * x * x * x - (a + 3) * x * x + 1 : x < 2 ? a * (x * x * x - 5 * x * x + 8 * x - 4) : 0;
}

/* The weight of element i in element o along d. */
static double weight(const geometry *g, int d, int64_t i, int64_t o)
{
    double in = (double)g->in[d], out = (double)g->out[d], scale = g->factor[d] != 0 ? 1 / g->factor[d] : in / out;
    if (g->align_corners)
        scale = out > 1 ? (in - 1) / (out - 1) : 0;
    double at = g->align_corners ? (double)o * scale : ((double)o + 0.5) * scale - 0.5, sum = 0;
    if (g->mode == TP_AREA) {
        double begin = floor((double)o * in / out), end = ceil((double)(o + 1) * in / out);
        return (double)i >= begin && (double)i < end ? 1 / (end - begin) : 0;
    }
    if (g->mode == TP_NEAREST || g->mode == TP_NEAREST_EXACT)
        return fmin(g->mode == TP_NEAREST ? floor((double)o * scale) : floor(at + 0.5), in - 1) == (double)i;
    if (g->antialias) {
        double spread = fmax(scale, 1), centre = ((double)o + 0.5) * scale, own = 0;
        for (int64_t k = 0; k < g->in[d]; k++) {
            double x = ((double)k + 0.5 - centre) / spread;
            double w = g->mode == TP_BICUBIC ? cubic(x, -0.5) : fmax(0, 1 - fabs(x));
            sum += w;
            own = k == i ? w : own;
        }
        return own / sum;
    }
    if (g->mode != TP_BICUBIC)
        at = fmin(fmax(at, 0), in - 1);
    for (int64_t k = (int64_t)floor(at) - 1; k <= (int64_t)floor(at) + 2; k++) {
        int64_t inside = k < 0 ? 0 : k < g->in[d] ? k : g->in[d] - 1;
        double x = at - (double)k;
        sum += inside != i ? 0 : g->mode == TP_BICUBIC ? cubic(x, -0.75) : fmax(0, 1 - fabs(x));
    }
    return sum;
}

static tp_dims shape_of(const geometry *g, const int64_t *size)
{
    tp_dims s = {g->space + 2, {2, 3}};
    for (int d = 0; d < g->space; d++)
        s.dim[2 + d] = size[d];
    return s;
}

/* Matrices of weights along each dimension of space. */
static tp_tensor *by_definition(tp_tape *T, const geometry *g, tp_tensor *x)
{
    for (int d = 0; d < g->space; d++) {
        double *w = malloc((size_t)(g->in[d] * g->out[d]) * sizeof *w);
        for (int64_t o = 0; o < g->out[d]; o++)
            for (int64_t i = 0; i < g->in[d]; i++)
                w[i * g->out[d] + o] = weight(g, d, i, o);
        tp_tensor *m = tp_to(T, tp_from(T, TP_F64, tp_shape(g->in[d], g->out[d]), w), tp_dtype_of(x));
        x = tp_transpose(T, tp_matmul(T, tp_transpose(T, x, 2 + d, -1), m), 2 + d, -1);
        free(w);
    }
    return tp_contiguous(T, x);
}

static tp_tensor *interpolated(tp_tape *T, const geometry *g, tp_tensor *x)
{
    tp_interpolate_options o = {.mode = g->mode, .align_corners = g->align_corners, .antialias = g->antialias};
    for (int d = 0; d < g->space; d++) {
        o.scale_factor[d] = g->factor[d];
        o.size.dim[d] = g->out[d];
    }
    o.size.ndim = g->factor[0] != 0 ? 0 : g->space;
    return tp_interpolate(T, x, &o);
}

START_TEST(sizes)
{
    tp_tape *T = tp_tape_new();
    const geometry *g = &cases[_i];
    for (int k = 0; k < 2; k++) {
        tp_dtype dtype = k ? TP_F64 : TP_F32;
        double close = k ? 1e-12 : 2e-5 * (g->in[0] > 1000 ? 100 : 1);
        tp_tensor *x = tp_requires_grad(tp_randn(T, dtype, shape_of(g, g->in)), true);
        tp_tensor *y = interpolated(T, g, x), *want = by_definition(T, g, x);
        ck_no_error(T);
        ck_assert_msg(tensors_close(y, want, close, close), "case %d: values", _i);
        tp_tensor *c = tp_randn(T, dtype, shape_of(g, g->out)), *of[2], *sums[] = {y, want};
        for (int i = 0; i < 2; i++) {
            tp_tensor *loss = tp_sum(T, tp_mul(T, sums[i], c));
            tp_gradients(T, 1, &loss, 1, &x, &of[i], NULL);
        }
        ck_no_error(T);
        ck_assert_msg(tensors_close(of[0], of[1], 10 * close, 10 * close), "case %d: gradients", _i);
        tp_backward(T, tp_sum(T, tp_mul(T, interpolated(T, g, x), c))); /* adds to a gradient that is there */
        tp_backward(T, tp_sum(T, tp_mul(T, interpolated(T, g, x), c)));
        ck_assert_msg(tensors_close(tp_grad(x), tp_mul_scalar(T, of[1], 2), 10 * close, 10 * close), "case %d: twice",
                      _i);
    }
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* Factors are as torch rounds them; what is next to an infinite element does not see it, but for the weight 0. */
START_TEST(interpolation_edges)
{
    tp_tape *T = tp_tape_new();
    const float p[] = {1, INFINITY, -2, 3};
    tp_tensor *x = tp_from(T, TP_F32, tp_shape(1, 1, 4), p);
    ck_values(tp_interpolate(T, tp_from(T, TP_U8, tp_shape(1, 1, 3), (const uint8_t[]){7, 8, 9}),
                             &(tp_interpolate_options){.scale_factor = {1.7}}),
              0, 7, 7, 8, 8, 9);
    tp_tensor *y = tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(8), .mode = TP_LINEAR});
    ck_assert(isnan(tp_item_at(y, 0)) && isinf(tp_item_at(y, 1)) && isinf(tp_item_at(y, 4)) && tp_item_at(y, 7) == 3);
    ck_values(tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {0.5}, .mode = TP_NEAREST}), 0, 1, -2);
    x = tp_reshape(T, tp_arange(T, TP_F64, 0, 5, 1), tp_shape(1, 1, 5)); /* 5 of 5, by the factor or by the sizes */
    tp_interpolate_options o = {.scale_factor = {1.1}, .mode = TP_NEAREST_EXACT};
    ck_values(tp_interpolate(T, x, &o), 0, 0, 1, 2, 3, 4);
    o = (tp_interpolate_options){.scale_factor = {1.3}, .mode = TP_LINEAR};
    ck_values(tp_interpolate(T, x, &o), 1e-12, 0, 8.5 / 13, 18.5 / 13, 28.5 / 13, 38.5 / 13, 48.5 / 13);
    o.recompute_scale_factor = true;
    ck_values(tp_interpolate(T, x, &o), 1e-12, 0, 0.75, 19. / 12, 29. / 12, 3.25, 4);
    y = tp_interpolate(T, tp_zeros(T, TP_F32, tp_shape(0, 2, 4, 4)),
                       &(tp_interpolate_options){.size = tp_shape(3), .mode = TP_BICUBIC});
    ck_assert(tp_size(y, 0) == 0 && tp_size(y, 2) == 3 && tp_size(y, 3) == 3);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(interpolation_refused)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 2, 6, 6));
    tp_interpolate(T, x, NULL);
    ck_error(T, TP_EINVAL, "neither size nor scale_factor");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .scale_factor = {2}});
    ck_error(T, TP_EINVAL, "size and scale_factor");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .recompute_scale_factor = true});
    ck_error(T, TP_EINVAL, "recompute_scale_factor");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .align_corners = true});
    ck_error(T, TP_EINVAL, "align_corners");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .antialias = true});
    ck_error(T, TP_EINVAL, "antialias");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .mode = TP_LINEAR});
    ck_error(T, TP_ESHAPE, "x is [1, 2, 6, 6], the mode \"linear\"");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3, 3, 3)});
    ck_error(T, TP_EINVAL, "the size is [3, 3, 3]");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3, 0)});
    ck_error(T, TP_EINVAL, "the size is [3, 0]");
    tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {0.1}});
    ck_error(T, TP_EINVAL, "the factors 0.1");
    tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {NAN}});
    ck_error(T, TP_EINVAL, "the factors");
    tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {1e300, 1}});
    ck_error(T, TP_EINVAL, "the factors");
    tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {1, 1, 1}});
    ck_error(T, TP_EINVAL, "the factors");
    tp_interpolate(T, tp_zeros(T, TP_I64, tp_shape(1, 1, 3)), &(tp_interpolate_options){.size = tp_shape(3)});
    ck_error(T, TP_EDTYPE, "int64");
    tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(3), .mode = (tp_interpolation)17});
    ck_error(T, TP_EINVAL, "mode 17");
    tp_interpolate(T, tp_zeros(T, TP_F32, tp_shape(1, 2, 0)), &(tp_interpolate_options){.size = tp_shape(3)});
    ck_error(T, TP_ESHAPE, "x is [1, 2, 0]");
    tp_nn_upsample(T, NULL);
    ck_error(T, TP_EINVAL, "nn_upsample");
    tp_tape_free(T);
}
END_TEST

/* ---- grids ---- */

/* Where a coordinate is among n elements; and back there from beyond the edges. */
static double padded(double at, double n, const tp_grid_sample_options *o)
{
    double low = o->align_corners ? 0 : -0.5, span = o->align_corners ? n - 1 : n;
    while (o->padding == TP_GRID_REFLECTION && span > 0 && (at < low || at > low + span))
        at = at < low ? 2 * low - at : 2 * (low + span) - at;
    return o->padding == TP_GRID_ZEROS ? at : span == 0 ? 0 : fmin(fmax(at, 0), n - 1);
}

static double place(double g, double n, const tp_grid_sample_options *o)
{
    double at = o->align_corners ? (g + 1) / 2 * (n - 1) : ((g + 1) * n - 1) / 2;
    return o->mode == TP_GRID_BICUBIC ? at : padded(at, n, o);
}

/* The weight of element i at a place. */
static double grid_weight(double i, double at, double n, const tp_grid_sample_options *o)
{
    if (o->mode == TP_GRID_NEAREST)
        return nearbyint(at) == i;
    double sum = 0;
    for (double k = floor(at) - 1; k <= floor(at) + 2; k++)
        if ((o->mode == TP_GRID_BICUBIC ? padded(k, n, o) : k) == i)
            sum += o->mode == TP_GRID_BICUBIC ? cubic(at - k, -0.75) : fmax(0, 1 - fabs(at - k));
    return sum;
}

static double sampled(tp_tensor *x, tp_tensor *grid, int64_t n, int64_t c, int64_t p, int64_t points,
                      const tp_grid_sample_options *o)
{
    int space = tp_ndim(x) - 2;
    int64_t volume = 1;
    double at[SPACE], sum = 0;
    for (int d = 0; d < space; d++) {
        volume *= tp_size(x, 2 + d);
        at[d] = place(tp_item_at(grid, (n * points + p) * space + space - 1 - d), (double)tp_size(x, 2 + d), o);
    }
    for (int64_t i = 0; i < volume; i++) {
        double w = 1;
        int64_t rest = i;
        for (int d = space - 1; d >= 0; d--) {
            int64_t size = tp_size(x, 2 + d);
            w *= grid_weight((double)(rest % size), at[d], (double)size, o);
            rest /= size;
        }
        sum += w == 0 ? 0 : w * tp_item_at(x, (n * tp_size(x, 1) + c) * volume + i);
    }
    return sum;
}

START_TEST(grids)
{
    tp_tape *T = tp_tape_new();
    tp_grid_sample_options o = {
        .mode = (tp_grid_mode)(_i % 3), .padding = (tp_grid_padding)(_i / 3 % 3), .align_corners = _i / 9 % 2};
    bool deep = _i >= 18;
    tp_dims image = deep ? tp_shape(2, 3, 2, 4, 5) : tp_shape(2, 19, 4, 5);
    tp_dims at = deep ? tp_shape(2, 2, 5, 7, 3) : tp_shape(2, 13, 5, 2);
    if (deep && o.mode == TP_GRID_BICUBIC) {
        tp_tape_free(T);
        return;
    }
    tp_tensor *x = tp_randn(T, TP_F64, image), *grid = tp_mul_scalar(T, tp_randn(T, TP_F64, at), 1.3);
    tp_tensor *y = tp_grid_sample(T, x, grid, &o);
    ck_no_error(T);
    int64_t points = tp_numel(grid) / 2 / tp_size(grid, -1), channels = image.dim[1];
    for (int64_t i = 0; i < tp_numel(y); i++) {
        double want = sampled(x, grid, i / points / channels, i / points % channels, i % points, points, &o);
        ck_assert_double_eq_tol(tp_item_at(y, i), want, 1e-11);
    }
    tp_tensor *less = tp_grid_sample(T, tp_to(T, x, TP_F32), tp_to(T, grid, TP_F32), &o);
    if (o.mode != TP_GRID_NEAREST)
        ck_assert(tensors_close(tp_to(T, less, TP_F64), y, 1e-4, 1e-4));
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

static tp_status sample_all(tp_tape *T, void *user, int n_in, tp_tensor *const *in, int n_out, tp_tensor **out)
{
    (void)n_in, (void)n_out;
    out[0] = tp_grid_sample(T, in[0], in[1], user);
    return tp_error_status(T);
}

/* First and second derivatives by both. */
START_TEST(grid_slopes)
{
    tp_tape *T = tp_tape_new();
    tp_grid_sample_options o = {.mode = _i % 2 ? TP_GRID_BICUBIC : TP_GRID_BILINEAR,
                                .padding = (tp_grid_padding)(_i / 2 % 3),
                                .align_corners = _i / 6};
    tp_tensor *in[] = {
        tp_requires_grad(tp_randn(T, TP_F64, tp_shape(1, 2, 3, 4)), true),
        tp_requires_grad(tp_sub_scalar(T, tp_mul_scalar(T, tp_rand(T, TP_F64, tp_shape(1, 2, 3, 2)), 3), 1.5), true)};
    tp_gradcheck_of(T, sample_all, &o, 2, in, 1, &(tp_gradcheck_options){.second = true});
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(grid_edges)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_reshape(T, tp_arange(T, TP_F32, 1, 7, 1), tp_shape(1, 1, 2, 3));
    tp_tensor *theta = tp_from(T, TP_F32, tp_shape(1, 2, 3), (const float[]){1, 0, 0, 0, 1, 0});
    for (int align = 0; align < 2; align++) { /* the same grid is the same image */
        tp_tensor *grid = tp_affine_grid(T, theta, tp_shape(1, 1, 2, 3), align);
        ck_values(tp_grid_sample(T, x, grid, &(tp_grid_sample_options){.align_corners = align}), 1e-5, 1, 2, 3, 4, 5,
                  6);
    }
    ck_values(tp_affine_grid(T, theta, tp_shape(1, 7, 1, 2), true), 1e-7, -1, 0, 1, 0);
    ck_values(tp_affine_grid(T, theta, tp_shape(1, 7, 1, 2), false), 1e-7, -0.5, 0, 0.5, 0);
    const float odd[] = {NAN, 0, INFINITY, 0, -INFINITY, -1e38f, 1e30f, 1e30f, -1, 0};
    tp_tensor *grid = tp_from(T, TP_F32, tp_shape(1, 1, 5, 2), odd);
    for (int mode = 0; mode < 3; mode++) { /* NaN is as -1; far away is 0, or what is at the edge */
        tp_grid_sample_options o = {.mode = (tp_grid_mode)mode};
        tp_tensor *y = tp_grid_sample(T, x, grid, &o);
        ck_assert(tp_item_at(y, 0) == tp_item_at(y, 4) && tp_item_at(y, 1) == 0 && tp_item_at(y, 3) == 0);
        o.padding = TP_GRID_BORDER;
        y = tp_grid_sample(T, x, grid, &o);
        ck_assert(tp_item_at(y, 3) == 6 || mode == TP_GRID_BICUBIC);
        o.padding = TP_GRID_REFLECTION;
        tp_grid_sample(T, x, grid, &o);
        ck_no_error(T);
    }
    x = tp_full(T, TP_F64, tp_shape(1, 1, 2, 2), INFINITY); /* what is beyond does not see it */
    grid = tp_full(T, TP_F64, tp_shape(1, 1, 1, 2), 5);
    ck_values(tp_grid_sample(T, x, grid, NULL), 0, 0);
    ck_values(tp_grid_sample(T, x, grid, &(tp_grid_sample_options){.mode = TP_GRID_NEAREST}), 0, 0);
    tp_tensor *none = tp_grid_sample(T, tp_zeros(T, TP_F64, tp_shape(2, 0, 2, 2)),
                                     tp_zeros(T, TP_F64, tp_shape(2, 3, 1, 2)), NULL);
    ck_assert(tp_numel(none) == 0 && tp_size(none, 2) == 3);
    ck_no_error(T);
    tp_grid_sample(T, x, tp_zeros(T, TP_F64, tp_shape(2, 1, 1, 2)), NULL);
    ck_error(T, TP_ESHAPE, "the grid [2, 1, 1, 2]");
    tp_grid_sample(T, x, tp_zeros(T, TP_F32, tp_shape(1, 1, 1, 2)), NULL);
    ck_error(T, TP_EDTYPE, "the grid float32");
    tp_grid_sample(T, tp_zeros(T, TP_F64, tp_shape(1, 1, 2, 2, 2)), tp_zeros(T, TP_F64, tp_shape(1, 1, 1, 1, 3)),
                   &(tp_grid_sample_options){.mode = TP_GRID_BICUBIC});
    ck_error(T, TP_EINVAL, "mode 2");
    for (int i = 0; i < 4; i++) {
        tp_affine_grid(T, theta, (tp_dims){(const int[]){INT_MIN, -1, 3, 6}[i], {1, 1, 2, 3}}, false);
        ck_error(T, TP_ESHAPE, "affine_grid: theta is");
    }
    tp_affine_grid(T, theta, tp_shape(2, 1, 2, 3), false);
    ck_error(T, TP_ESHAPE, "the size [2, 1, 2, 3]");
    tp_affine_grid(T, theta, tp_shape(1, 1, 0, 3), false);
    ck_error(T, TP_ESHAPE, "the size [1, 1, 0, 3]");
    tp_tape_free(T);
}
END_TEST

/* ---- columns ---- */

/* Each element from where it comes, and the transposed map against it. */
START_TEST(columns)
{
    static const struct {
        int64_t h, w;
        tp_dims kernel;
        tp_unfold_options o;
    } all[] = {{5, 6, {1, {3}}, {.padding = {1, 1}}},
               {7, 5, {2, {2, 3}}, {.stride = {2, 1}, .dilation = {2, 1}, .padding = {0, 2}}},
               {4, 9, {2, {1, 4}}, {.stride = {3, 4}}},
               {3, 3, {1, {3}}, {.padding = {4, 3}, .stride = {5, 2}}}};
    tp_tape *T = tp_tape_new();
    int64_t h = all[_i].h, w = all[_i].w;
    tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 3, h, w)), true);
    tp_tensor *y = tp_im2col(T, x, all[_i].kernel, &all[_i].o);
    ck_no_error(T);
    int64_t k1 = all[_i].kernel.dim[0], k2 = all[_i].kernel.dim[all[_i].kernel.ndim == 1 ? 0 : 1], step[2], apart[2];
    for (int d = 0; d < 2; d++) {
        step[d] = all[_i].o.stride[d] ? all[_i].o.stride[d] : 1;
        apart[d] = all[_i].o.dilation[d] ? all[_i].o.dilation[d] : 1;
    }
    int64_t across = (w + 2 * all[_i].o.padding[1] - apart[1] * (k2 - 1) - 1) / step[1] + 1;
    for (int64_t i = 0; i < tp_numel(y); i++) {
        int64_t block = i % tp_size(y, 2), row = i / tp_size(y, 2), plane = row / (k1 * k2), k = row % (k1 * k2);
        int64_t a = block / across * step[0] - all[_i].o.padding[0] + k / k2 * apart[0];
        int64_t b = block % across * step[1] - all[_i].o.padding[1] + k % k2 * apart[1];
        double want = a >= 0 && a < h && b >= 0 && b < w ? tp_item_at(x, (plane * h + a) * w + b) : 0;
        ck_assert(tp_item_at(y, i) == want);
    }
    tp_tensor *c = tp_randn(T, TP_F64, tp_shape_of(y)),
              *back = tp_col2im(T, c, tp_shape(h, w), all[_i].kernel, &all[_i].o);
    tp_backward(T, tp_sum(T, tp_mul(T, y, c)));
    ck_assert(tensors_identical(tp_grad(x), back));
    tp_backward(T, tp_sum(T, tp_mul(T, tp_im2col(T, x, all[_i].kernel, &all[_i].o), c)));
    ck_assert(tensors_close(tp_grad(x), tp_mul_scalar(T, back, 2), 1e-12, 1e-12));
    tp_tensor *one = tp_select(T, x, 0, 1); /* without samples */
    ck_assert(
        tensors_identical(tp_im2col(T, one, all[_i].kernel, &all[_i].o), tp_contiguous(T, tp_select(T, y, 0, 1))));
    one = tp_col2im(T, tp_contiguous(T, tp_select(T, c, 0, 1)), tp_shape(h, w), all[_i].kernel, &all[_i].o);
    ck_assert(tensors_identical(one, tp_contiguous(T, tp_select(T, back, 0, 1))));
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

START_TEST(columns_refused)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 2, 4, 4));
    ck_assert(tp_size(tp_im2col(T, tp_zeros(T, TP_F32, tp_shape(0, 2, 4, 4)), tp_shape(3), NULL), 2) == 4);
    tp_im2col(T, x, tp_shape(5), NULL);
    ck_error(T, TP_ESHAPE, "an image of 4 by 4, the kernel [5]");
    tp_im2col(T, x, tp_shape(0), NULL);
    ck_error(T, TP_EINVAL, "kernel [0]");
    tp_im2col(T, x, tp_shape(2, 2, 2), NULL);
    ck_error(T, TP_EINVAL, "kernel [2, 2, 2]");
    tp_im2col(T, x, tp_shape(2), &(tp_unfold_options){.stride = {1, -1}});
    ck_error(T, TP_EINVAL, "stride 1, -1");
    tp_im2col(T, x, tp_shape(2), &(tp_unfold_options){.padding = {-1, 0}});
    ck_error(T, TP_EINVAL, "padding -1, 0");
    tp_im2col(T, x, tp_shape(2), &(tp_unfold_options){.padding = {INT64_MAX, 0}});
    ck_error(T, TP_EINVAL, "padding");
    tp_im2col(T, tp_zeros(T, TP_F32, tp_shape(4, 4)), tp_shape(2), NULL);
    ck_error(T, TP_ESHAPE, "x is [4, 4]");
    tp_im2col(T, tp_zeros(T, TP_I64, tp_shape(1, 4, 4)), tp_shape(2), NULL);
    ck_error(T, TP_EDTYPE, "int64");
    tp_col2im(T, tp_zeros(T, TP_F32, tp_shape(1, 8, 8)), tp_shape(4), tp_shape(2), NULL);
    ck_error(T, TP_ESHAPE, "x is [1, 8, 8]");
    tp_col2im(T, tp_zeros(T, TP_F32, tp_shape(1, 7, 9)), tp_shape(4), tp_shape(2), NULL);
    ck_error(T, TP_ESHAPE, "x is [1, 7, 9]");
    tp_col2im(T, tp_zeros(T, TP_F32, tp_shape(1, 8, 9)), tp_shape(4, 4, 4), tp_shape(2), NULL);
    ck_error(T, TP_EINVAL, "the size is [4, 4, 4]");
    tp_nn_fold(T, (tp_dims){.ndim = 0}, tp_shape(2), NULL);
    ck_error(T, TP_EINVAL, "nn_fold");
    tp_tape_free(T);
}
END_TEST

/* ---- threads: values and gradients of several ranges each ---- */

#ifdef _OPENMP
static tp_tensor *large(tp_tape *T, int k, tp_tensor *x, tp_tensor *grid)
{
    const tp_unfold_options o = {.padding = {1, 1}};
    switch (k) {
    case 0:
        return tp_interpolate(T, x, &(tp_interpolate_options){.size = tp_shape(90, 77), .mode = TP_BILINEAR});
    case 1:
        return tp_interpolate(T, x, &(tp_interpolate_options){.scale_factor = {2}});
    case 2:
        return tp_grid_sample(T, x, grid, &(tp_grid_sample_options){.mode = TP_GRID_BICUBIC});
    case 3:
        return tp_grid_sample(T, x, grid, &(tp_grid_sample_options){.mode = TP_GRID_NEAREST});
    case 4:
        return tp_im2col(T, x, tp_shape(3), &o);
    default:
        return tp_col2im(T, tp_reshape(T, x, tp_shape(9, 36, 1640)), tp_shape(40, 41), tp_shape(3), &o);
    }
}
#endif

START_TEST(threads)
{
#ifdef _OPENMP
    enum { CALLS = 6 };
    tp_tape *T = tp_tape_new();
    tp_tensor *was[3 * CALLS], *x = tp_requires_grad(tp_randn(T, TP_F32, tp_shape(9, 36, 40, 41)), true);
    tp_tensor *grid = tp_requires_grad(tp_mul_scalar(T, tp_randn(T, TP_F32, tp_shape(9, 50, 60, 2)), 0.7), true);
    for (int count = 1; count <= 4; count++) {
        omp_set_num_threads(count);
        for (int k = 0; k < CALLS; k++) {
            tp_zero_grad(x);
            tp_zero_grad(grid);
            tp_tensor *y = large(T, k, x, grid);
            tp_backward(T, tp_sum(T, tp_square(T, y)));
            ck_no_error(T);
            tp_tensor *now[3] = {tp_clone(T, tp_detach(T, y)), tp_clone(T, tp_grad(x)),
                                 tp_grad(grid) ? tp_clone(T, tp_grad(grid)) : NULL};
            for (int i = 0; i < 3; i++) {
                ck_assert_msg(count == 1 || !now[i] || tensors_identical(was[3 * k + i], now[i]), "%d on %d threads", k,
                              count);
                was[3 * k + i] = now[i];
            }
        }
    }
    tp_tape_free(T);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resample");
    TCase *t = tcase_create("resample");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, sizes, 0, LENGTH(cases));
    tcase_add_test(t, interpolation_edges);
    tcase_add_test(t, interpolation_refused);
    tcase_add_loop_test(t, grids, 0, 36);
    tcase_add_loop_test(t, grid_slopes, 0, 12);
    tcase_add_test(t, grid_edges);
    tcase_add_loop_test(t, columns, 0, 4);
    tcase_add_test(t, columns_refused);
    tcase_add_test(t, threads);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
