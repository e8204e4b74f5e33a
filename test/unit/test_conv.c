/* test_conv.c - convolutions and transposed ones of many shapes against the definition, with both gradients; their bits on any
 * number of threads; options that are refused; the layers. */
#include "support/support.h"

enum { SPACE = 3 };

/* Sizes of space from the first dimension on; 0 past the last. */
typedef struct {
    int64_t n, groups, in, out; /* channels of a group */
    int64_t size[SPACE], kernel[SPACE], stride[SPACE], padding[SPACE], dilation[SPACE], output_padding[SPACE];
    tp_padding_kind kind;
} geometry;

/* What a small kernel, a large one, many channels, many pixels, few, and the ends of all of them come to. */
static const geometry cases[] = {
    {2, 1, 3, 5, {17}, {3}, {1}, {1}, {1}, {0}, TP_PADDING_SIZES},
    {1, 1, 1, 1, {700}, {600}, {1}, {3}, {1}, {0}, TP_PADDING_SIZES},
    {3, 2, 4, 6, {200}, {5}, {3}, {2}, {2}, {1}, TP_PADDING_SIZES},
    {2, 1, 2, 3, {9}, {4}, {1}, {0}, {3}, {0}, TP_PADDING_SAME},
    {2, 1, 8, 16, {13, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {3, 1, 32, 48, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {3, 1, 33, 40, {9, 70}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, TP_PADDING_SIZES},
    {2, 1, 40, 300, {5, 6}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {70, 1, 12, 20, {3, 3}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {4, 1, 6, 16, {14, 14}, {5, 5}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 1, 64, 24, {10, 12}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 1, 1, 32, {28, 28}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 16, 1, 1, {15, 19}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 5, 1, 2, {15, 19}, {3, 5}, {2, 1}, {1, 4}, {1, 2}, {1, 0}, TP_PADDING_SIZES},
    {2, 3, 20, 17, {8, 9}, {3, 2}, {1, 2}, {2, 1}, {2, 1}, {0, 1}, TP_PADDING_SIZES},
    {1, 1, 2, 3, {4, 3}, {3, 3}, {3, 3}, {5, 6}, {4, 5}, {3, 2}, TP_PADDING_SIZES},
    {1, 1, 2, 4, {5, 6, 7}, {3, 2, 3}, {1, 2, 1}, {1, 0, 2}, {1, 1, 2}, {0, 1, 0}, TP_PADDING_SIZES},
    {2, 2, 3, 2, {4, 5, 6}, {2, 2, 2}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {0, 0, 0}, TP_PADDING_SAME},
    {2, 3, 1, 2, {90, 300}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {1, 1, 2, 3, {20000}, {5}, {1}, {7}, {1}, {0}, TP_PADDING_SIZES},
    {1, 2, 2, 1, {9, 40, 50}, {2, 3, 3}, {1, 1, 1}, {1, 1, 0}, {3, 2, 1}, {0, 0, 0}, TP_PADDING_SIZES},
    {2, 1, 3, 6, {2, 500}, {2, 9}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SAME},
    {1, 1, 2, 9, {8, 9, 10}, {7, 7, 7}, {1, 1, 1}, {3, 3, 3}, {1, 1, 1}, {0, 0, 0}, TP_PADDING_SIZES},
    /* Planes of one channel: rows of less than a vector, of a few, strips of them; strides, each remainder; several outputs. */
    {3, 7, 1, 1, {8, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {5, 3, 1, 1, {1, 5}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 6, 1, 1, {18, 33}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, TP_PADDING_SIZES},
    {2, 4, 1, 3, {17, 30}, {5, 4}, {2, 3}, {2, 1}, {1, 2}, {1, 0}, TP_PADDING_SIZES},
    {2, 2, 1, 1, {120, 150}, {5, 3}, {3, 2}, {2, 2}, {2, 1}, {1, 1}, TP_PADDING_SIZES},
    {2, 3, 1, 1, {40, 70}, {3, 3}, {1, 1}, {6, 4}, {3, 2}, {0, 0}, TP_PADDING_SIZES},
    {2, 4, 1, 1, {60}, {9}, {4}, {3}, {1}, {2}, TP_PADDING_SIZES},
    /* Few channels in rows that fill vectors, and that nearly do. */
    {3, 1, 3, 21, {7, 32}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 2, 4, 7, {5, 30}, {3, 5}, {1, 1}, {1, 2}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 1, 5, 33, {64}, {5}, {1}, {2}, {1}, {0}, TP_PADDING_SIZES},
    {1, 1, 3, 6, {3, 40, 48}, {2, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, TP_PADDING_SIZES},
    /* By weight some stretches of channels a block. */
    {6, 1, 70, 20, {20, 21}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 0}, TP_PADDING_SIZES},
};

static int space_of(const geometry *g)
{
    int n = 0;
    while (n < SPACE && g->size[n])
        n++;
    return n;
}

static tp_conv_options options_of(const geometry *g, bool transposed)
{
    tp_conv_options o = {.groups = g->groups, .padding_kind = g->kind};
    for (int d = 0; d < space_of(g); d++) {
        o.stride[d] = g->stride[d];
        o.padding[d] = g->padding[d];
        o.dilation[d] = g->dilation[d];
        o.output_padding[d] = transposed ? g->output_padding[d] : 0;
    }
    return o;
}

typedef tp_tensor *(*conv_fn)(tp_tape *, tp_tensor *, tp_tensor *, tp_tensor *, const tp_conv_options *);
static const conv_fn functions[2][SPACE] = {{tp_conv1d, tp_conv2d, tp_conv3d},
                                            {tp_conv_transpose1d, tp_conv_transpose2d, tp_conv_transpose3d}};

/* Adds a b to c wherever y's pixel at p reads x's at q: which of x, w and y those are is the caller's. Offsets in elements. */
typedef struct {
    int64_t in[SPACE], out[SPACE], kernel[SPACE], stride[SPACE], front[SPACE], dilation[SPACE];
} grid;

/* The place that output p reads with tap k along dimension d; -1 outside. */
static int64_t place(const grid *g, int d, int64_t p, int64_t k)
{
    int64_t q = p * g->stride[d] - g->front[d] + k * g->dilation[d];
    return q >= 0 && q < g->in[d] ? q : -1;
}

typedef struct {
    double *x, *w, *y;
} trio;

/* what: 0 y += x w, 1 x += y w, 2 w += x y, over one pair of channels */
static void accumulate(const grid *g, int what, trio t)
{
    int64_t p[SPACE], k[SPACE];
    double *x = t.x, *w = t.w, *y = t.y;
    for (p[0] = 0; p[0] < g->out[0]; p[0]++)
        for (p[1] = 0; p[1] < g->out[1]; p[1]++)
            for (p[2] = 0; p[2] < g->out[2]; p[2]++, y++)
                for (k[0] = 0, w = t.w; k[0] < g->kernel[0]; k[0]++)
                    for (k[1] = 0; k[1] < g->kernel[1]; k[1]++)
                        for (k[2] = 0; k[2] < g->kernel[2]; k[2]++, w++) {
                            int64_t q[SPACE] = {place(g, 0, p[0], k[0]), place(g, 1, p[1], k[1]),
                                                place(g, 2, p[2], k[2])};
                            if (q[0] < 0 || q[1] < 0 || q[2] < 0)
                                continue;
                            double *at = x + (q[0] * g->in[1] + q[1]) * g->in[2] + q[2];
                            *(what == 0   ? y
                              : what == 1 ? at
                                          : w) += what == 0   ? *at * *w
                                                  : what == 1 ? *y * *w
                                                              : *at * *y;
                        }
}

static int64_t volume(const int64_t *n) { return n[0] * n[1] * n[2]; }

/* One of the three from the two others, all channels; in float64. */
static void by_definition(const geometry *c, const grid *g, int what, double *x, double *w, double *y)
{
    int64_t in = volume(g->in), out = volume(g->out), kernel = volume(g->kernel);
    for (int64_t n = 0; n < c->n; n++)
        for (int64_t group = 0; group < c->groups; group++)
            for (int64_t o = 0; o < c->out; o++)
                for (int64_t i = 0; i < c->in; i++) {
                    int64_t from = (n * c->groups + group) * c->in + i, to = (n * c->groups + group) * c->out + o;
                    accumulate(g, what,
                               (trio){x + from * in, w + ((group * c->out + o) * c->in + i) * kernel, y + to * out});
                }
}

static grid grid_of(const geometry *c, const tp_tensor *x, const tp_tensor *y)
{
    int space = space_of(c);
    grid g = {{1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}};
    for (int d = 0; d < space; d++) {
        int k = SPACE - space + d;
        g.in[k] = tp_size(x, 2 + d);
        g.out[k] = tp_size(y, 2 + d);
        g.kernel[k] = c->kernel[d];
        g.stride[k] = c->stride[d];
        g.dilation[k] = c->dilation[d];
        g.front[k] = c->kind == TP_PADDING_SAME ? c->dilation[d] * (c->kernel[d] - 1) / 2 : c->padding[d];
    }
    return g;
}

static double *doubles(tp_tape *T, tp_tensor *x) { return tp_data(tp_contiguous(T, tp_to(T, x, TP_F64))); }

/* A sum of so many products, each about 1: rounding adds up to no more than about the last place of each sum on the way. */
static void check_close(const char *what, int number, const tp_tensor *got, const double *want, double terms)
{
    double unit = tp_dtype_of(got) == TP_F32 ? 6e-8 : 1.2e-16, most = 0;
    for (int64_t i = 0; i < tp_numel(got); i++)
        most = fmax(most, fabs(tp_item_at(got, i) - want[i]) / (unit * (8 + 8 * fabs(want[i]) + 4 * terms)));
    ck_assert_msg(most <= 1, "case %d, %s: %s is off by %g times what is allowed", number,
                  tp_dtype_name(tp_dtype_of(got)), what, most);
}

/* A function of x and w; x and y of the operator are its input and result, the other way round where it is transposed. */
static void check_function(tp_tape *T, const geometry *c, int number, bool transposed, tp_dtype dtype)
{
    int space = space_of(c);
    tp_dims sx = {2 + space, {c->n, c->groups * (transposed ? c->out : c->in)}},
            sw = {2 + space, {c->groups * c->out, c->in}};
    for (int d = 0; d < space; d++) {
        sx.dim[2 + d] = c->size[d];
        sw.dim[2 + d] = c->kernel[d];
    }
    tp_conv_options o = options_of(c, transposed);
    tp_tensor *x = tp_requires_grad(tp_randn(T, dtype, sx), true), *w = tp_requires_grad(tp_randn(T, dtype, sw), true);
    tp_tensor *b = tp_requires_grad(tp_randn(T, dtype, tp_shape(c->groups * (transposed ? c->in : c->out))), true);
    tp_tensor *y = functions[transposed][space - 1](T, x, w, b, &o);
    ck_no_error(T);
    tp_tensor *g = tp_randn(T, dtype, tp_shape_of(y));
    tp_backward(T, tp_sum(T, tp_mul(T, y, g)));
    ck_no_error(T);
    double *px = doubles(T, x), *pw = doubles(T, w), *pg = doubles(T, g), *pb = doubles(T, b);
    grid at = grid_of(c, transposed ? y : x, transposed ? x : y);
    double *wy = calloc((size_t)tp_numel(y), sizeof(double)), *wx = calloc((size_t)tp_numel(x), sizeof(double)),
           *ww = calloc((size_t)tp_numel(w), sizeof(double));
    for (int64_t i = 0, plane = volume(transposed ? at.in : at.out); i < tp_numel(y); i++)
        wy[i] = pb[i / plane % tp_numel(b)];
    by_definition(c, &at, transposed, transposed ? wy : px, pw, transposed ? px : wy);
    by_definition(c, &at, !transposed, transposed ? pg : wx, pw, transposed ? wx : pg);
    by_definition(c, &at, 2, transposed ? pg : px, ww, transposed ? px : pg);
    double terms = (double)(c->in > c->out ? c->in : c->out) * (double)volume(at.kernel);
    check_close("y", number, y, wy, terms);
    check_close("the gradient of x", number, tp_grad(x), wx, terms);
    check_close("the gradient of weight", number, tp_grad(w), ww, (double)(c->n * volume(at.out)));
    free(wy);
    free(wx);
    free(ww);
    tp_tape_reset(T);
}

START_TEST(by_the_definition)
{
    tp_tape *T = tp_tape_new();
    tp_tape_use_winograd(T, false); /* test_winograd.c */
    for (int form = 0; form < 4; form++)
        if (!(form & 1) || cases[_i].kind == TP_PADDING_SIZES)
            check_function(T, &cases[_i], _i, form & 1, form & 2 ? TP_F64 : TP_F32);
    tp_tape_free(T);
}
END_TEST

/* Forward and both gradients, of each case and a few larger ones, on one thread and on several. */
static const geometry large[] = {
    {9, 1, 64, 70, {20, 30}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {16, 1, 3, 16, {40, 40}, {5, 5}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {8, 64, 1, 1, {33, 35}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {4, 1, 128, 256, {16, 16}, {1, 1}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {2, 1, 8, 8, {12, 13, 14}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, TP_PADDING_SIZES},
    {17, 40, 1, 1, {30, 31}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, TP_PADDING_SIZES},
    {20, 1, 1, 24, {28, 28}, {3, 3}, {1, 1}, {0, 0}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {16, 1, 3, 40, {32, 32}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, TP_PADDING_SIZES},
    {16, 1, 64, 128, {16, 16}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, TP_PADDING_SIZES},
};

typedef struct {
    const geometry *c;
    tp_tensor *x, *w;
} operands;

static void conv_and_back(tp_tape *T, void *user, tp_tensor **out)
{
    const operands *p = user;
    tp_conv_options o = options_of(p->c, false);
    out[0] = functions[0][space_of(p->c) - 1](T, p->x, p->w, NULL, &o);
    tp_zero_grad(p->x);
    tp_zero_grad(p->w);
    tp_backward(T, tp_sum(T, tp_square(T, out[0])));
    out[1] = tp_grad(p->x);
    out[2] = tp_grad(p->w);
}

START_TEST(threads)
{
    tp_tape *T = tp_tape_new();
    const geometry *c = &large[_i];
    int space = space_of(c);
    tp_dims sx = {2 + space, {c->n, c->groups * c->in}}, sw = {2 + space, {c->groups * c->out, c->in}};
    for (int d = 0; d < space; d++) {
        sx.dim[2 + d] = c->size[d];
        sw.dim[2 + d] = c->kernel[d];
    }
    operands p = {c, tp_requires_grad(tp_randn(T, TP_F32, sx), true), tp_requires_grad(tp_randn(T, TP_F32, sw), true)};
    ck_same_on_threads(T, 3, conv_and_back, &p);
    tp_tape_free(T);
}
END_TEST

START_TEST(integers)
{
    tp_tape *T = tp_tape_new();
    const int64_t px[] = {1, 2, 3, 4}, pw[] = {1, 10, 100};
    tp_tensor *x = tp_from(T, TP_I64, tp_shape(1, 1, 4), px), *w = tp_from(T, TP_I64, tp_shape(1, 1, 3), pw);
    ck_values(tp_conv1d(T, x, w, NULL, NULL), 0, 321, 432);
    ck_values(tp_conv_transpose1d(T, x, w, NULL, NULL), 0, 1, 12, 123, 234, 340, 400);
    tp_tensor *y = tp_conv1d(T, tp_to(T, x, TP_U8), tp_to(T, w, TP_U8), NULL, NULL);
    ck_values(y, 0, 321 - 256, 432 - 256);
    ck_values(tp_conv1d(T, tp_to(T, x, TP_I32), tp_to(T, w, TP_I32), NULL, NULL), 0, 321, 432);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* No images, no batch, no channels, numbers that are not finite: what sees them has them, and nothing else. */
START_TEST(edges)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *w = tp_ones(T, TP_F32, tp_shape(2, 1, 3)), *b = tp_from(T, TP_F32, tp_shape(2), (const float[]){5, 7});
    tp_tensor *y = tp_conv1d(T, tp_zeros(T, TP_F32, tp_shape(0, 1, 5)), w, b, NULL);
    ck_no_error(T);
    ck_assert(tp_ndim(y) == 3 && tp_size(y, 0) == 0 && tp_size(y, 1) == 2 && tp_size(y, 2) == 3);
    tp_tensor *x = tp_from(T, TP_F32, tp_shape(1, 5), (const float[]){1, 1, 1, NAN, INFINITY});
    y = tp_conv1d(T, x, w, b, NULL);
    ck_assert(tp_ndim(y) == 2 && tp_item_at(y, 0) == 8 && isnan(tp_item_at(y, 1)) && tp_item_at(y, 3) == 10);
    y = tp_conv1d(T, tp_zeros(T, TP_F32, tp_shape(1, 0, 5)), tp_zeros(T, TP_F32, tp_shape(2, 0, 3)), b, NULL);
    ck_values(y, 0, 5, 5, 5, 7, 7, 7);
    ck_no_error(T);
    tp_tape_free(T);
}
END_TEST

/* An infinite number in the first column of a plane: the last column of the kernel never sees it, nor do rows further down. */
START_TEST(infinite_in_a_plane)
{
    tp_tape *T = tp_tape_new();
    for (int64_t stride = 1; stride <= 2; stride++)
        for (int64_t columns = 5; columns <= 37; columns += 16) {
            tp_tensor *x = tp_ones(T, TP_F32, tp_shape(1, 2, 6, columns));
            ((float *)tp_data(x))[0] = INFINITY;
            tp_tensor *w = tp_requires_grad(tp_ones(T, TP_F32, tp_shape(2, 1, 3, 3)), true);
            tp_tensor *y = tp_conv2d(T, x, w, NULL,
                                     &(tp_conv_options){.groups = 2, .padding = {1, 1}, .stride = {stride, stride}});
            tp_backward(T, tp_sum(T, y));
            tp_tensor *g = tp_grad(w);
            ck_no_error(T);
            for (int64_t k = 0; k < 18; k++) {
                bool sees = k < 9 && (stride == 1 ? k / 3 < 2 && k % 3 < 2 : k == 4);
                ck_assert(!isfinite(tp_item_at(g, k)) == sees);
            }
            for (int64_t i = 0; i < tp_numel(y); i++) {
                int64_t row = i / tp_size(y, 3), column = i % tp_size(y, 3), see = stride == 1 ? 2 : 1;
                ck_assert(isfinite(tp_item_at(y, i)) == !(row < see && column < see));
            }
        }
    tp_tape_free(T);
}
END_TEST

START_TEST(refused)
{
    tp_tape *T = tp_tape_new();
    tp_tensor *x = tp_zeros(T, TP_F32, tp_shape(1, 4, 6, 6)), *w = tp_zeros(T, TP_F32, tp_shape(2, 4, 3, 3));
    tp_conv2d(T, tp_zeros(T, TP_F32, tp_shape(1, 3, 6, 6)), w, NULL, NULL);
    ck_error(T, TP_ESHAPE, "conv2d: x is [1, 3, 6, 6], weight is [2, 4, 3, 3]");
    tp_conv1d(T, x, w, NULL, NULL);
    ck_error(T, TP_ESHAPE, "conv1d: x is [1, 4, 6, 6]");
    tp_conv2d(T, x, tp_zeros(T, TP_F64, tp_shape(2, 4, 3, 3)), NULL, NULL);
    ck_error(T, TP_EDTYPE, "weight is float64");
    tp_conv2d(T, x, w, tp_zeros(T, TP_F32, tp_shape(3)), NULL);
    ck_error(T, TP_ESHAPE, "bias is [3]");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.groups = 2});
    ck_error(T, TP_ESHAPE, "groups are 2");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.groups = -1});
    ck_error(T, TP_EINVAL, "groups");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.stride = {1, -1}});
    ck_error(T, TP_EINVAL, "option");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.stride = {1, 1, 1}});
    ck_error(T, TP_EINVAL, "2 dimensions");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.stride = {2}, .padding_kind = TP_PADDING_SAME});
    ck_error(T, TP_EINVAL, "the padding `same`");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.output_padding = {1}});
    ck_error(T, TP_EINVAL, "output_padding");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.dilation = {3}});
    ck_error(T, TP_ESHAPE, "no output along dimension 0");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.dilation = {INT64_MAX}});
    ck_error(T, TP_ESHAPE, "no output");
    tp_conv2d(T, x, w, NULL, &(tp_conv_options){.padding = {INT64_MAX}});
    ck_error(T, TP_ESHAPE, "no output");
    tp_tensor *wt = tp_zeros(T, TP_F32, tp_shape(4, 2, 3, 3));
    tp_conv_transpose2d(T, x, wt, NULL, &(tp_conv_options){.output_padding = {1}});
    ck_error(T, TP_EINVAL, "conv_transpose2d: output_padding is 1");
    tp_conv_transpose2d(T, x, wt, NULL, &(tp_conv_options){.padding = {4}});
    ck_error(T, TP_ESHAPE, "less padding");
    tp_conv_transpose2d(T, x, wt, NULL, &(tp_conv_options){.stride = {INT64_MAX / 2}});
    ck_error(T, TP_ESHAPE, "no output");
    tp_nn_conv2d(T, 3, 4, tp_shape(3), &(tp_nn_conv_options){.groups = 2});
    ck_error(T, TP_EINVAL, "nn_conv2d: 3 and 4 channels, 2 groups");
    tp_nn_conv_transpose1d(T, 2, 4, tp_shape(3), &(tp_nn_conv_options){.padding_mode = TP_PAD_CIRCULAR});
    ck_error(T, TP_EINVAL, "nn_conv_transpose1d");
    const struct {
        tp_nn_conv_options o;
        const char *said;
    } layers[] = {{{.stride = {1, -2}}, "nn_conv2d: stride[1] is -2"},
                  {{.stride = {2}, .padding_kind = TP_PADDING_SAME}, "nn_conv2d: stride[0] is 2; 1, as the padding"},
                  {{.stride = {1, 1, 1}}, "nn_conv2d: stride[2] is 1; 0, beyond"},
                  {{.padding = {0, 1}, .padding_kind = TP_PADDING_VALID}, "nn_conv2d: padding[1] is 1; 0 beside"},
                  {{.padding = {INT64_MAX}}, "nn_conv2d: padding[0] is 9223372036854775807"},
                  {{.dilation = {-1}}, "nn_conv2d: dilation[0] is -1"},
                  {{.output_padding = {1}}, "nn_conv2d: output_padding[0] is 1; 0, but for transposed"},
                  {{.padding_mode = (tp_pad_mode)9}, "nn_conv2d: padding_kind is 0, padding_mode 9"}};
    for (size_t i = 0; i < LENGTH(layers); i++) {
        ck_assert_ptr_null(tp_nn_conv2d(T, 4, 4, tp_shape(3), &layers[i].o));
        ck_error(T, TP_EINVAL, layers[i].said);
    }
    ck_assert_ptr_null(tp_nn_conv2d(T, 4, 4, tp_shape(3, 0), NULL));
    ck_error(T, TP_EINVAL, "nn_conv2d: kernel[1] is 0");
    tp_module *m = tp_nn_conv1d(T, 1, 1, tp_shape(3),
                                &(tp_nn_conv_options){.padding = {3}, .padding_mode = TP_PAD_REFLECT});
    tp_forward(T, m, tp_zeros(T, TP_F32, tp_shape(1, 1, 3)));
    ck_error(T, TP_ESHAPE, "Conv1d: x is [1, 1, 3], the padding [3, 3]; less than the sizes");
    tp_module_free(m);
    tp_tape_free(T);
}
END_TEST

/* ---- the layers ---- */

START_TEST(layers)
{
    static const tp_nn_conv_options modes[] = {
        {.dtype = TP_F64, .padding = {1, 2}, .stride = {2, 1}, .groups = 2},
        {.dtype = TP_F64, .padding = {2, 1}, .padding_mode = TP_PAD_REFLECT},
        {.dtype = TP_F64, .padding = {2, 3}, .padding_mode = TP_PAD_REPLICATE, .dilation = {2, 1}},
        {.dtype = TP_F64, .padding_kind = TP_PADDING_SAME, .padding_mode = TP_PAD_CIRCULAR, .no_bias = true}};
    tp_tape *T = tp_tape_new();
    for (int transposed = 0; transposed < 2; transposed++)
        for (size_t i = 0; i < (transposed ? 1 : LENGTH(modes)); i++) {
            tp_module *m = (transposed ? tp_nn_conv_transpose2d : tp_nn_conv2d)(T, 2, 4, tp_shape(3, 2), &modes[i]);
            tp_tensor *x = tp_requires_grad(tp_randn(T, TP_F64, tp_shape(2, 5, 4)), true);
            tp_tensor *in[3] = {x, tp_module_param(m, "weight"), tp_module_param(m, "bias")};
            tp_gradcheck_of(T, forward_module, m, in[2] ? 3 : 2, in, 1, &(tp_gradcheck_options){.second = true});
            ck_no_error(T);
            tp_module_train(m, false);
            ck_assert(tensors_identical(tp_forward(T, m, x), tp_forward(T, m, x)));
            tp_tape_reset(T);
            tp_module_free(m);
        }
    tp_tape_free(T);
}
END_TEST

START_TEST(printed)
{
    tp_tape *T = tp_tape_new();
    const tp_nn_conv_options circular = {.padding_kind = TP_PADDING_SAME, .padding_mode = TP_PAD_CIRCULAR};
    const tp_nn_conv_options twice = {
        .stride = {2, 2}, .output_padding = {1, 1}, .groups = 2, .no_bias = true, .dilation = {3, 3}};
    ck_printed(tp_nn_conv1d(T, 2, 4, tp_shape(3), &circular),
               "Conv1d(2, 4, kernel_size=(3,), stride=(1,), padding=same, padding_mode=circular)");
    ck_printed(tp_nn_conv_transpose2d(T, 2, 4, tp_shape(3), &twice),
               "ConvTranspose2d(2, 4, kernel_size=(3, 3), stride=(2, 2), dilation=(3, 3), "
               "output_padding=(1, 1), groups=2, bias=False)");
    tp_tape_free(T);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conv");
    TCase *t = tcase_create("conv");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, by_the_definition, 0, (int)LENGTH(cases));
    tcase_add_test(t, infinite_in_a_plane);
    tcase_add_loop_test(t, threads, 0, (int)LENGTH(large));
    tcase_add_test(t, integers);
    tcase_add_test(t, edges);
    tcase_add_test(t, refused);
    tcase_add_test(t, layers);
    tcase_add_test(t, printed);
    suite_add_tcase(suite, t);
    return run_suite(suite);
}
