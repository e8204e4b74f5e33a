/* png.c - PNG through libpng, of which errors come as jumps: what must be given back after one lies in a struct outside of the
 * function that is jumped to, and that function has no other variables. */
#include "io/image.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#ifdef HAVE_PNG
#include <png.h>
#include <setjmp.h>

typedef struct {
    const unsigned char *at, *end; /* what is read */
    tp__bytes *to;                 /* what is written */
    png_structp png;
    png_infop info;
    bool no_memory;
    char wrong[128];
} codec;

static void on_error(png_structp png, png_const_charp message)
{
    codec *c = png_get_error_ptr(png);
    tp__snprintf(c->wrong, sizeof c->wrong, "%s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static png_voidp take_memory(png_structp png, png_alloc_size_t n)
{
    codec *c = png_get_mem_ptr(png);
    void *p = tp__malloc(n);
    c->no_memory |= p == NULL;
    return p;
}

static void give_memory(png_structp png, png_voidp p)
{
    (void)png;
    tp__free(p);
}

static void on_read(png_structp png, png_bytep to, png_size_t n)
{
    codec *c = png_get_io_ptr(png);
    if (n > (size_t)(c->end - c->at))
        png_error(png, "it ends early");
    memcpy(to, c->at, n);
    c->at += n;
}

static void on_write(png_structp png, png_bytep from, png_size_t n)
{
    codec *c = png_get_io_ptr(png);
    tp__bytes_put(c->to, from, n);
    if (c->to->failed) {
        c->no_memory = true;
        png_error(png, "no memory");
    }
}

static void on_flush(png_structp png) { (void)png; }

static tp_status fail(tp_tape *T, const char *who, const char *path, const codec *c)
{
    if (c->no_memory)
        return tp_fail(T, TP_ENOMEM, "%s: %s: no memory", who, path);
    return tp_fail(T, TP_EIO, "%s: %s: %s", who, path, c->wrong);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

/* Text and profiles, which may be packed far smaller than they are, are passed over. */
static void pass_over(png_structp png)
{
#ifdef PNG_HANDLE_AS_UNKNOWN_SUPPORTED
    static const png_byte chunks[] = "iCCP\0tEXt\0zTXt\0iTXt\0sPLT\0eXIf\0hIST\0pCAL\0sCAL";
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, chunks, (int)(sizeof chunks / 5));
#endif
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_chunk_malloc_max(png, 1 << 20);
    png_set_chunk_cache_max(png, 16);
}

/* The head; every colour becomes gray or red, green and blue, of 8 or 16 bits, with alpha where some of it is clear. Deflate
 * makes a byte of 1032 at best (https://zlib.net/zlib_tech.html). */
static bool read_head(codec *c, tp__pixels *p, size_t bytes)
{
    size_t packed;
    if (setjmp(png_jmpbuf(c->png)))
        return false;
    pass_over(c->png);
    png_set_read_fn(c->png, c, on_read);
    png_read_info(c->png, c->info);
    p->height = png_get_image_height(c->png, c->info);
    p->width = png_get_image_width(c->png, c->info);
    if (!tp__mul_size(png_get_rowbytes(c->png, c->info), (size_t)p->height, &packed) || packed / 1032 > bytes)
        png_error(c->png, "it is shorter than its head says");
    png_set_expand(c->png);
    png_set_swap(c->png); /* its words have their high byte first */
    png_set_interlace_handling(c->png);
    png_read_update_info(c->png, c->info);
    p->channels = png_get_channels(c->png, c->info);
    p->depth = png_get_bit_depth(c->png, c->info);
    return true;
}

/* `dry`: into one row, only to see whether all are there. */
static bool read_rows(codec *c, tp__pixels *p, bool dry)
{
    if (setjmp(png_jmpbuf(c->png)))
        return false;
    for (int pass = png_get_interlace_type(c->png, c->info) == PNG_INTERLACE_ADAM7 ? 7 : 1; pass > 0; pass--)
        for (int64_t y = 0; y < p->height; y++)
            png_read_row(c->png, p->data + (dry ? 0 : (size_t)y * tp__pixels_row(p)), NULL);
    png_read_end(c->png, NULL);
    return true;
}

static bool make_room(codec *c, tp__pixels *p, bool dry)
{
    tp__pixels row = *p;
    row.height = 1;
    bool ok = tp__pixels_make(dry ? &row : p);
    if (dry)
        p->data = row.data;
    c->no_memory |= !ok;
    return ok;
}

static bool decode(codec *c, const unsigned char *bytes, size_t n, tp__pixels *p, bool dry)
{
    *c = (codec){.at = bytes, .end = bytes + n};
    *p = (tp__pixels){0};
    c->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, c, on_error, on_warning, c, take_memory, give_memory);
    c->info = c->png ? png_create_info_struct(c->png) : NULL;
    c->no_memory = c->info == NULL;
    bool ok = c->info && read_head(c, p, n) && make_room(c, p, dry) && read_rows(c, p, dry);
    png_destroy_read_struct(&c->png, &c->info, NULL);
    if (!ok || dry)
        tp__pixels_free(p);
    return ok;
}

/* Would it be far larger than the file? Its width and height are behind the signature and the beginning of the first chunk. */
static bool grows(const unsigned char *bytes, size_t n)
{
    size_t size[2] = {0}, pixels;
    for (int i = 0; i < 8 && n >= 24; i++)
        size[i / 4] = size[i / 4] << 8 | bytes[16 + i];
    return !tp__mul_size(size[0], size[1], &pixels) || pixels / 16 > n;
}

/* No memory for a picture is asked for before its pixels are there, where these would be many for such a file. */
bool tp__png_decode(tp_tape *T, const char *who, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p)
{
    codec c;
    if ((!grows(bytes, n) || decode(&c, bytes, n, p, true)) && decode(&c, bytes, n, p, false))
        return true;
    fail(T, who, path, &c);
    return false;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static bool write_png(codec *c, const tp__pixels *p, int compression)
{
    static const int colours[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(c->png)))
        return false;
    png_set_user_limits(c->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_write_fn(c->png, c, on_write, on_flush);
    png_set_compression_level(c->png, compression);
    png_set_IHDR(c->png, c->info, (png_uint_32)p->width, (png_uint_32)p->height, p->depth, colours[p->channels - 1],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_BASE, PNG_FILTER_TYPE_BASE);
    png_write_info(c->png, c->info);
    png_set_swap(c->png);
    for (int64_t y = 0; y < p->height; y++)
        png_write_row(c->png, p->data + (size_t)y * tp__pixels_row(p));
    png_write_end(c->png, NULL);
    return true;
}

tp_status tp__png_encode(tp_tape *T, const char *who, const tp__pixels *p, int compression, tp__bytes *to)
{
    codec c = {.to = to};
    c.png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &c, on_error, on_warning, &c, take_memory, give_memory);
    c.info = c.png ? png_create_info_struct(c.png) : NULL;
    c.no_memory = c.info == NULL;
    bool ok = c.info && write_png(&c, p, compression);
    png_destroy_write_struct(&c.png, &c.info);
    return ok ? TP_OK : fail(T, who, "the picture", &c);
}

#else
bool tp__png_decode(tp_tape *T, const char *who, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p)
{
    (void)bytes, (void)n, (void)p;
    tp_fail(T, TP_EUNSUPPORTED, "%s: %s: built without libpng; configure with --with-png", who, path);
    return false;
}

tp_status tp__png_encode(tp_tape *T, const char *who, const tp__pixels *p, int compression, tp__bytes *to)
{
    (void)p, (void)compression, (void)to;
    return tp_fail(T, TP_EUNSUPPORTED, "%s: built without libpng; configure with --with-png", who);
}
#endif
