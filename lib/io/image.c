/* image.c - pictures between files and tensors. */
#include "io/image.h"
#include "io/element.h"
#include "io/file.h"
#include "tapir/ops.h"

#include <errno.h>
#include <math.h>

static const char loader[] = "image_load", saver[] = "image_save";
enum { WHITE8 = 255, WHITE16 = 65535 };

/* ---- pixels -------------------------------------------------------------------------------------------------------- */

bool tp__pixels_make(tp__pixels *p)
{
    size_t n;
    p->data = NULL;
    if (p->height < 0 || p->width < 0 || !tp__mul_size((size_t)p->height, (size_t)p->width, &n) ||
        !tp__mul_size(n, (size_t)p->channels * (size_t)(p->depth / 8), &n))
        return false;
    p->data = tp__malloc(n ? n : 1);
    return p->data != NULL;
}

void tp__pixels_free(tp__pixels *p)
{
    tp__free(p->data);
    p->data = NULL;
}

int32_t tp__pixels_at(const tp__pixels *p, int64_t i)
{
    uint16_t v;
    if (p->depth == 8)
        return p->data[i];
    memcpy(&v, p->data + 2 * i, sizeof v);
    return v;
}

/* Channel k of the pixel at `at` in a picture that has n channels. */
static int32_t channel(const tp__pixels *p, int64_t at, int n, int k)
{
    bool alpha = p->channels % 2 == 0, wants_alpha = n % 2 == 0;
    const int64_t first = at * p->channels;
    if (wants_alpha && k == n - 1)
        return alpha ? tp__pixels_at(p, first + p->channels - 1) : p->depth == 8 ? WHITE8 : WHITE16;
    if (p->channels < 3)
        return tp__pixels_at(p, first);
    if (n >= 3)
        return tp__pixels_at(p, first + k);
    /* In 16 bits behind the point, as sums of integers. */
    return (int32_t)((19595 * (int64_t)tp__pixels_at(p, first) + 38470 * (int64_t)tp__pixels_at(p, first + 1) +
                      7471 * (int64_t)tp__pixels_at(p, first + 2) + 0x8000) >>
                     16);
}

static tp_tensor *tensor_of(tp_tape *T, const tp__pixels *p, int mode)
{
    int n = mode == TP_IMAGE_UNCHANGED ? p->channels : mode;
    tp_tensor *x = tp__tensor_make(T, p->depth == 8 ? TP_U8 : TP_I32, (tp_dims){3, {n, p->height, p->width}});
    int64_t plane = p->height * p->width;
    for (int k = 0; x && k < n; k++)
        for (int64_t i = 0; i < plane; i++)
            if (p->depth == 8)
                ((uint8_t *)x->data)[k * plane + i] = (uint8_t)channel(p, i, n, k);
            else
                ((int32_t *)x->data)[k * plane + i] = channel(p, i, n, k);
    return x;
}

/* A float as one of 8 bits. */
static int32_t of_float(double v) { return v > 0 ? v < 1 ? (int32_t)(WHITE8 * v + 0.5) : WHITE8 : 0; }

static tp_status fill(tp_tape *T, const char *who, const tp_tensor *x, const char *from, tp__pixels *p)
{
    int64_t plane = p->height * p->width;
    size_t size = tp__size_of(x->dtype);
    for (int64_t i = 0; i < plane * p->channels; i++) {
        const char *at = from + ((i % p->channels) * plane + i / p->channels) * (int64_t)size;
        int32_t v = tp__is_float(x->dtype) ? of_float(tp__load(at, x->dtype)) : (int32_t)tp__load_i64(at, x->dtype);
        if (p->depth == 8) {
            p->data[i] = (unsigned char)(x->dtype == TP_BOOL ? v * WHITE8 : v);
            continue;
        }
        if (v < 0 || v > WHITE16)
            return tp_fail(T, TP_EINVAL, "%s: an element is %d; 0 to 65535 is needed", who, v);
        memcpy(p->data + 2 * i, &(uint16_t){(uint16_t)v}, 2);
    }
    return TP_OK;
}

tp_status tp__pixels_of(tp_tape *T, const char *who, tp_tensor *x, tp__pixels *p)
{
    *p = (tp__pixels){.depth = 8};
    if (!tp__usable(T, who, x))
        return tp_error_status(T);
    if (x->dtype == TP_I64)
        return tp_fail(T, TP_EDTYPE, "%s: x is int64; uint8, bool, int32 (16 bits) or a float is needed", who);
    int64_t channels = x->ndim == 3 ? x->shape[0] : 1;
    if ((x->ndim != 2 && x->ndim != 3) || channels < 1 || channels > 4 || x->numel == 0)
        return tp_fail(T, TP_ESHAPE, "%s: x is %s; [1 to 4, height, width] or [height, width] is needed", who,
                       TP__SHAPE(x));
    p->channels = (int)channels;
    p->height = x->shape[x->ndim - 2];
    p->width = x->shape[x->ndim - 1];
    p->depth = x->dtype == TP_I32 ? 16 : 8;
    if (p->height > INT32_MAX || p->width > INT32_MAX)
        return tp_fail(T, TP_ESHAPE, "%s: x is %s; sizes below 2^31 are needed", who, TP__SHAPE(x));
    tp__storage *copy;
    const void *from = tp__elements(T, x, &copy);
    if (from == NULL || !tp__pixels_make(p))
        tp_fail(T, TP_ENOMEM, "%s: no memory", who);
    else
        fill(T, who, x, from, p);
    tp__storage_unref(copy);
    if (T->status != TP_OK)
        tp__pixels_free(p);
    return T->status;
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static bool decode(tp_tape *T, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p)
{
    if (n >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return tp__png_decode(T, loader, path, bytes, n, p);
    if (n >= 2 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6')
        return tp__pnm_decode(T, loader, path, bytes, n, p);
    tp_fail(T, TP_EIO, "%s: %s: it begins neither as a PNG file does nor as a PBM, PGM or PPM one", loader, path);
    return false;
}

tp_tensor *tp_image_load(tp_tape *T, const char *path, tp_image_mode mode)
{
    TP__NAMED(T, "image_load");
    if (tp__ok(T) && path == NULL)
        tp__missing(T, loader, "the path");
    if (tp__ok(T) && (unsigned)mode > TP_IMAGE_RGB_ALPHA)
        tp_fail(T, TP_EINVAL, "%s: the mode is %d; one of tp_image_mode is needed", loader, (int)mode);
    size_t n = 0;
    char *bytes = tp__ok(T) ? tp__file_read(T, loader, path, &n) : NULL;
    if (bytes == NULL)
        return NULL;
    tp__pixels p = {0};
    bool ok = decode(T, path, (const unsigned char *)bytes, n, &p);
    tp__free(bytes);
    tp_tensor *x = ok ? tensor_of(T, &p, (int)mode) : NULL;
    tp__pixels_free(&p);
    return x;
}

/* 'n' of .png, 'b', 'g', 'p' of PNM's; 0 after a failure. */
static char kind_of(tp_tape *T, const char *path, const tp__pixels *p)
{
    static const char *const ending[] = {".png", ".pbm", ".pgm", ".ppm", ".pnm"};
    char kind = 0;
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        if (tp__ends_with(path, ending[i]))
            kind = "nbgpm"[i];
    kind = kind == 'm' ? (p->channels > 1 ? 'p' : 'g') : kind;
    int most = kind == 'n' ? 4 : kind == 'p' ? 3 : 1;
    if (kind == 0)
        tp_fail(T, TP_EINVAL, "%s: %s; a path that ends in .png, .pbm, .pgm, .ppm or .pnm is needed", saver, path);
    else if (p->channels > most || (kind == 'p' && p->channels == 2))
        tp_fail(T, TP_ESHAPE, "%s: %s: x has %d channels; %s needed", saver, path, p->channels,
                kind == 'p' ? "1 or 3 are" : "1 is");
    else
        return kind;
    return 0;
}

static tp_status write_all(tp_tape *T, const char *path, const tp__bytes *b)
{
    tp__replacement r;
    if (b->failed)
        return tp_fail(T, TP_ENOMEM, "%s: %s: no memory", saver, path);
    if (!tp__replace_begin(T, saver, path, &r))
        return T->status;
    errno = 0;
    return tp__replace_end(T, saver, path, &r, fwrite(b->data, 1, b->n, r.file) == b->n);
}

tp_status tp_image_save(tp_tape *T, const char *path, tp_tensor *x, const tp_image_options *options)
{
    TP__NAMED(T, "image_save");
    static const tp_image_options usual;
    const tp_image_options *o = options ? options : &usual;
    tp__pixels p = {0};
    tp__bytes b = {0};
    if (tp__ok(T) && path == NULL)
        tp__missing(T, saver, "the path");
    if (!tp__ok(T))
        return tp_error_status(T);
    if (o->compression < 0 || o->compression > 9)
        return tp_fail(T, TP_EINVAL, "%s: compression is %d; 0 to 9 is needed", saver, o->compression);
    if (tp__pixels_of(T, saver, x, &p) != TP_OK)
        return T->status;
    char kind = kind_of(T, path, &p);
    if (kind == 'n')
        tp__png_encode(T, saver, &p, o->compression ? o->compression : 6, &b);
    else if (kind)
        tp__pnm_encode(&p, kind, o->ascii, &b);
    if (T->status == TP_OK)
        write_all(T, path, &b);
    tp__bytes_free(&b);
    tp__pixels_free(&p);
    return T->status;
}

/* ---- floats -------------------------------------------------------------------------------------------------------- */

tp_tensor *tp_image_to_float(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "image_to_float");
    if (!tp__ok(T) || !tp__usable(T, "image_to_float", x))
        return NULL;
    if (x->dtype == TP_I64) {
        tp_fail(T, TP_EDTYPE, "image_to_float: x is int64; uint8 or int32 (16 bits) is needed");
        return NULL;
    }
    tp_tensor *f = tp__is_float(x->dtype) ? x : tp_to(T, x, TP_F32);
    return x->dtype == TP_U8 ? tp_div_scalar(T, f, WHITE8) : x->dtype == TP_I32 ? tp_div_scalar(T, f, WHITE16) : f;
}

tp_tensor *tp_image_from_float(tp_tape *T, tp_tensor *x)
{
    TP__NAMED(T, "image_from_float");
    if (!tp__ok(T) || !tp__usable(T, "image_from_float", x))
        return NULL;
    if (!tp__is_float(x->dtype)) {
        tp_fail(T, TP_EDTYPE, "image_from_float: x is %s; a float is needed", tp_dtype_name(x->dtype));
        return NULL;
    }
    tp_tensor *out = tp__tensor_like(T, x, TP_U8);
    tp__storage *copy = NULL;
    const char *from = out ? tp__elements(T, x, &copy) : NULL;
    if (out && from == NULL && x->numel > 0)
        tp_fail(T, TP_ENOMEM, "image_from_float: no memory");
    for (int64_t i = 0; from && i < x->numel; i++)
        ((uint8_t *)out->data)[i] = (uint8_t)of_float(tp__load(from + i * (int64_t)tp__size_of(x->dtype), x->dtype));
    tp__storage_unref(copy);
    return T->status == TP_OK ? out : NULL;
}
