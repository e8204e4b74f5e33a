/* augment.c - pictures changed at random. What only moves pixels is one operator: row i of a result is row s i + t of the
 * picture, where s is 1 or -1, and its columns likewise, so that its derivative is the same the other way round. */
#include "tape/tape.h"
#include "tapir/augment.h"
#include "tapir/create.h"
#include "tapir/elementwise.h"
#include "tapir/nn_functional.h"
#include "tapir/index.h"
#include "tapir/random.h"

#include <math.h>
#include <string.h>

/* ---- an operator that moves pixels ------------------------------------------------------------------------------------ */

typedef struct {
    int64_t height, width; /* of the result */
    double fill;           /* what comes from outside */
} placing;

/* A picture's: the signs and shifts of rows and columns, [n, 4] in all. */
enum { ROW_SIGN, ROW_SHIFT, COLUMN_SIGN, COLUMN_SHIFT, PLACES };

typedef struct {
    const char *from;
    char *to, *fill; /* a row of what comes from outside */
    const int64_t *maps;
    int64_t channels, h, w, height, width;
    size_t size;
} move;

/* Elements begin to end - 1 of the row that the first one of `from` is at. */
static void turn_around(const char *from, char *to, int64_t n, size_t size)
{
    for (int64_t i = 0; i < n; i++, to += size, from -= size)
        if (size == 4)
            memcpy(to, from, 4);
        else if (size == 8)
            memcpy(to, from, 8);
        else
            *to = *from;
}

static void move_row(const move *m, const int64_t *map, const char *from, char *to)
{
    int64_t s = map[COLUMN_SIGN], t = map[COLUMN_SHIFT];
    int64_t begin = s > 0 ? -t : t - (m->w - 1), end = s > 0 ? m->w - t : t + 1; /* columns that come from inside */
    begin = begin < 0 ? 0 : begin > m->width ? m->width : begin;
    end = end < begin ? begin : end > m->width ? m->width : end;
    memcpy(to, m->fill, (size_t)begin * m->size);
    if (end > begin && s > 0)
        memcpy(to + (size_t)begin * m->size, from + (size_t)(begin + t) * m->size, (size_t)(end - begin) * m->size);
    else if (end > begin)
        turn_around(from + (size_t)(t - begin) * m->size, to + (size_t)begin * m->size, end - begin, m->size);
    memcpy(to + (size_t)end * m->size, m->fill, (size_t)(m->width - end) * m->size);
}

static void move_planes(int64_t begin, int64_t end, void *user)
{
    const move *m = user;
    for (int64_t p = begin; p < end; p++) {
        const int64_t *map = m->maps + p / m->channels * PLACES;
        const char *plane = m->from + (size_t)(p * m->h * m->w) * m->size;
        char *to = m->to + (size_t)(p * m->height * m->width) * m->size;
        for (int64_t i = 0; i < m->height; i++, to += (size_t)m->width * m->size) {
            int64_t row = map[ROW_SIGN] * i + map[ROW_SHIFT];
            if (row >= 0 && row < m->h)
                move_row(m, map, plane + (size_t)(row * m->w) * m->size, to);
            else
                memcpy(to, m->fill, (size_t)m->width * m->size);
        }
    }
}

static tp_status place_infer(tp_call *c)
{
    const placing *a = c->attr;
    tp_dims shape = tp__dims_of(c->in[0]);
    shape.dim[2] = a->height;
    shape.dim[3] = a->width;
    return tp_call_out(c, 0, c->in[0]->dtype, shape);
}

static tp_status place_forward(tp_call *c)
{
    enum { GRAIN = 32768 }; /* pixels */
    const placing *a = c->attr;
    const tp_tensor *x = c->in[0];
    tp_tensor *y = c->out[0];
    size_t size = tp_dtype_size(x->dtype);
    if (y->numel == 0)
        return TP_OK;
    move m = {.from = x->data,
              .to = y->data,
              .fill = tp_call_scratch(c, (size_t)a->width * size),
              .maps = c->in[1]->data,
              .channels = x->shape[1],
              .h = x->shape[2],
              .w = x->shape[3],
              .height = a->height,
              .width = a->width,
              .size = size};
    if (m.fill == NULL)
        return c->tape->status;
    for (int64_t j = 0; j < a->width; j++)
        tp__store(m.fill + (size_t)j * size, x->dtype, a->fill);
    tp__parallel_for(x->shape[0] * x->shape[1], GRAIN / (a->height * a->width) + 1, move_planes, &m);
    return TP_OK;
}

static tp_tensor *place(tp_tape *T, tp_tensor *x, tp_tensor *maps, placing a);

/* p = s i + t is i = s p - s t, for s is its own inverse. */
static tp_status place_vjp(tp_vjp *v)
{
    tp_tensor *back = tp__tensor_like(v->tape, v->in[1], TP_I64);
    if (back == NULL)
        return v->tape->status;
    const int64_t *map = v->in[1]->data;
    int64_t *to = back->data;
    for (int64_t i = 0; i < back->numel; i += 2) {
        to[i] = map[i];
        to[i + 1] = -map[i] * map[i + 1];
    }
    v->gin[0] = place(v->tape, v->gout[0], back, (placing){v->in[0]->shape[2], v->in[0]->shape[3], 0});
    return v->tape->status;
}

static const tp_op place_op = {.name = "data.place",
                               .n_in = 2,
                               .n_out = 1,
                               .attr_size = sizeof(placing),
                               .flags = TP_OP_FORGETS_OUT,
                               .grad_name = "PlaceBackward0",
                               .infer = place_infer,
                               .forward = place_forward,
                               .vjp = place_vjp};

static tp_tensor *place(tp_tape *T, tp_tensor *x, tp_tensor *maps, placing a)
{
    return tp_apply(T, &place_op, &a, 2, (tp_tensor *[]){x, maps});
}

/* ---- what all need ---------------------------------------------------------------------------------------------------- */

static bool are_floats(tp_tape *T, const char *name, const tp_tensor *x)
{
    if (!tp__usable(T, name, x))
        return false;
    if (!tp_dtype_is_float(x->dtype))
        tp_fail(T, TP_EDTYPE, "%s: x is %s; float32 or float64 is needed", name, tp_dtype_name(x->dtype));
    return T->status == TP_OK;
}

static bool are_pictures(tp_tape *T, const char *name, const tp_tensor *x, bool floats)
{
    if (!tp__usable(T, name, x))
        return false;
    if (x->ndim != 4)
        tp_fail(T, TP_ESHAPE, "%s: x is %s; [n, c, h, w] is needed", name, TP__SHAPE(x));
    return T->status == TP_OK && (!floats || are_floats(T, name, x));
}

static bool is_probability(tp_tape *T, const char *name, double p)
{
    if (!(p >= 0 && p <= 1))
        tp_fail(T, TP_EINVAL, "%s: p is %g; 0 to 1 is needed", name, p);
    return T->status == TP_OK;
}

static bool is_pixel(tp_tape *T, const char *name, const tp_tensor *x, double value)
{
    if (!tp__holds(x->dtype, value) || (!tp_dtype_is_float(x->dtype) && value != floor(value)))
        tp_fail(T, TP_EINVAL, "%s: the value beside the picture is %g; one that %s holds is needed", name, value,
                tp_dtype_name(x->dtype));
    return T->status == TP_OK;
}

/* Maps that leave n pictures as they are. */
static tp_tensor *maps_of(tp_tape *T, int64_t n)
{
    tp_tensor *maps = tp__tensor_make(T, TP_I64, (tp_dims){2, {n, PLACES}});
    for (int64_t i = 0; maps && i < maps->numel; i++)
        ((int64_t *)maps->data)[i] = i % 2 == 0;
    return maps;
}

/* ---- moved pixels ----------------------------------------------------------------------------------------------------- */

static tp_tensor *flip_some(tp_tape *T, const char *name, tp_tensor *x, double p, int sign, int64_t last)
{
    if (!is_probability(T, name, p))
        return NULL;
    tp_tensor *maps = maps_of(T, x->shape[0]), *u = maps ? tp_rand(T, TP_F32, (tp_dims){1, {x->shape[0]}}) : NULL;
    for (int64_t i = 0; u && i < u->numel; i++)
        if (((const float *)u->data)[i] < p) {
            int64_t *map = (int64_t *)maps->data + i * PLACES;
            map[sign] = -1;
            map[sign + 1] = last;
        }
    return u ? place(T, x, maps, (placing){x->shape[2], x->shape[3], 0}) : NULL;
}

tp_tensor *tp_random_horizontal_flip(tp_tape *T, tp_tensor *x, double p)
{
    TP__NAMED(T, "random_horizontal_flip");
    if (!are_pictures(T, "random_horizontal_flip", x, false))
        return NULL;
    return flip_some(T, "random_horizontal_flip", x, p, COLUMN_SIGN, x->shape[3] - 1);
}

tp_tensor *tp_random_vertical_flip(tp_tape *T, tp_tensor *x, double p)
{
    TP__NAMED(T, "random_vertical_flip");
    if (!are_pictures(T, "random_vertical_flip", x, false))
        return NULL;
    return flip_some(T, "random_vertical_flip", x, p, ROW_SIGN, x->shape[2] - 1);
}

tp_tensor *tp_random_crop(tp_tape *T, tp_tensor *x, int64_t height, int64_t width,
                          const tp_random_crop_options *options)
{
    static const char name[] = "random_crop";
    TP__NAMED(T, "random_crop");
    tp_random_crop_options o = options ? *options : (tp_random_crop_options){0};
    if (!are_pictures(T, name, x, false) || !is_pixel(T, name, x, o.fill))
        return NULL;
    if (o.padding < 0 || o.padding > INT32_MAX) {
        tp_fail(T, TP_EINVAL, "%s: padding is %lld; 0 to %d is needed", name, (long long)o.padding, INT32_MAX);
        return NULL;
    }
    int64_t rows = tp__add_clipped(x->shape[2], 2 * o.padding), columns = tp__add_clipped(x->shape[3], 2 * o.padding);
    if (height < 1 || width < 1 || height > rows || width > columns) {
        tp_fail(T, TP_ESHAPE, "%s: %lld x %lld of %s, padded by %lld; 1 or more, no more than there is, is needed",
                name, (long long)height, (long long)width, TP__SHAPE(x), (long long)o.padding);
        return NULL;
    }
    tp_dims n = {1, {x->shape[0]}};
    tp_tensor *maps = maps_of(T, x->shape[0]), *top = tp_randint(T, TP_I64, n, 0, rows - height + 1),
              *left = tp_randint(T, TP_I64, n, 0, columns - width + 1);
    for (int64_t i = 0; maps && top && left && i < x->shape[0]; i++) {
        int64_t *map = (int64_t *)maps->data + i * PLACES;
        map[ROW_SHIFT] = ((const int64_t *)top->data)[i] - o.padding;
        map[COLUMN_SHIFT] = ((const int64_t *)left->data)[i] - o.padding;
    }
    return left ? place(T, x, maps, (placing){height, width, o.fill}) : NULL;
}

/* ---- turned, noisy, blotted ------------------------------------------------------------------------------------------- */

/* Where a pixel of the result is in the picture, both from -1 to 1: turned clockwise, in units of pixels. */
static tp_tensor *turns(tp_tape *T, const tp_tensor *x, double low, double high)
{
    int64_t n = x->shape[0];
    double aspect = (double)x->shape[2] / (double)x->shape[3];
    tp_tensor *u = tp_rand(T, TP_F64, (tp_dims){1, {n}}),
              *theta = tp__tensor_make(T, x->dtype, (tp_dims){3, {n, 2, 3}});
    for (int64_t i = 0; u && theta && i < n; i++) {
        double angle = (low + (high - low) * ((const double *)u->data)[i]) * (3.14159265358979323846 / 180);
        double c = cos(angle), s = sin(angle), row[6] = {c, -s * aspect, 0, s / aspect, c, 0};
        for (int k = 0; k < 6; k++)
            tp__store((char *)theta->data + (size_t)(6 * i + k) * tp_dtype_size(x->dtype), x->dtype, row[k]);
    }
    return u ? theta : NULL;
}

tp_tensor *tp_random_rotation(tp_tape *T, tp_tensor *x, double low, double high,
                              const tp_random_rotation_options *options)
{
    static const char name[] = "random_rotation";
    TP__NAMED(T, "random_rotation");
    tp_random_rotation_options o = options ? *options : (tp_random_rotation_options){0};
    if (!are_pictures(T, name, x, true))
        return NULL;
    if (!(low <= high) || isinf(low) || isinf(high)) {
        tp_fail(T, TP_EINVAL, "%s: from %g to %g degrees; finite ones that rise are needed", name, low, high);
        return NULL;
    }
    if (x->numel == 0)
        return tp_clone(T, x);
    tp_tensor *theta = turns(T, x, low, high);
    tp_grid_sample_options how = {.mode = o.nearest ? TP_GRID_NEAREST : TP_GRID_BILINEAR};
    if (o.fill == 0)
        return tp_grid_sample(T, x, tp_affine_grid(T, theta, tp__dims_of(x), false), &how);
    tp_tensor *y = tp_sub_scalar(T, x, o.fill); /* what comes in is 0 */
    return tp_add_scalar(T, tp_grid_sample(T, y, tp_affine_grid(T, theta, tp__dims_of(x), false), &how), o.fill);
}

tp_tensor *tp_gaussian_noise(tp_tape *T, tp_tensor *x, double mean, double std)
{
    TP__NAMED(T, "gaussian_noise");
    if (!are_floats(T, "gaussian_noise", x))
        return NULL;
    if (!(std >= 0)) {
        tp_fail(T, TP_EINVAL, "gaussian_noise: std is %g; 0 or more is needed", std);
        return NULL;
    }
    return tp_add(T, x, tp_add_scalar(T, tp_mul_scalar(T, tp_randn_like(T, x), std), mean));
}

static int64_t rounded(double v, int64_t most) { return v < 1 ? 1 : v > (double)most ? most : (int64_t)(v + 0.5); }

/* True in a rectangle of a picture, [h, w]. */
static void blot(const tp_random_erasing_options *o, const double *u, int64_t h, int64_t w, uint8_t *blotted)
{
    double part = o->scale_low + (o->scale_high - o->scale_low) * u[1];
    double ratio = exp(log(o->ratio_low) + (log(o->ratio_high) - log(o->ratio_low)) * u[2]);
    double area = part * (double)h * (double)w;
    int64_t rows = rounded(sqrt(area * ratio), h), columns = rounded(sqrt(area / ratio), w);
    int64_t places = (w - columns + 1) * (h - rows + 1), at = (int64_t)(u[3] * (double)places);
    int64_t top = at / (w - columns + 1), left = at % (w - columns + 1);
    for (int64_t i = 0; i < rows; i++)
        memset(blotted + (top + i) * w + left, 1, (size_t)columns);
}

static bool good_erasing(tp_tape *T, const char *name, const tp_random_erasing_options *o)
{
    if (!(o->scale_low > 0 && o->scale_low <= o->scale_high && o->scale_high <= 1))
        tp_fail(T, TP_EINVAL, "%s: scale from %g to %g; above 0, rising, up to 1 is needed", name, o->scale_low,
                o->scale_high);
    else if (!(o->ratio_low > 0 && o->ratio_low <= o->ratio_high && o->ratio_high <= 1e6))
        tp_fail(T, TP_EINVAL, "%s: ratio from %g to %g; above 0, rising, up to 1e6 is needed", name, o->ratio_low,
                o->ratio_high);
    return T->status == TP_OK && is_probability(T, name, o->p);
}

tp_tensor *tp_random_erasing(tp_tape *T, tp_tensor *x, const tp_random_erasing_options *options)
{
    static const char name[] = "random_erasing";
    enum { DRAWS = 4 };
    TP__NAMED(T, "random_erasing");
    tp_random_erasing_options o = options ? *options : (tp_random_erasing_options){0};
    o.p = tp__option(o.p, 0.5);
    if (o.scale_low == 0 && o.scale_high == 0)
        o.scale_low = 0.02, o.scale_high = 0.33;
    if (o.ratio_low == 0 && o.ratio_high == 0)
        o.ratio_low = 0.3, o.ratio_high = 3.3;
    if (!are_pictures(T, name, x, false) || !is_pixel(T, name, x, o.value) || !good_erasing(T, name, &o))
        return NULL;
    int64_t n = x->shape[0], h = x->shape[2], w = x->shape[3];
    tp_tensor *u = tp_rand(T, TP_F64, (tp_dims){2, {n, DRAWS}}),
              *mask = tp_zeros(T, TP_BOOL, (tp_dims){4, {n, 1, h, w}});
    for (int64_t i = 0; u && mask && mask->numel > 0 && i < n; i++) {
        const double *draws = (const double *)u->data + DRAWS * i;
        if (draws[0] < o.p)
            blot(&o, draws, h, w, (uint8_t *)mask->data + i * h * w);
    }
    return u ? tp_masked_fill(T, x, mask, o.value) : NULL;
}
