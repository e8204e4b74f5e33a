/* pnm.c - PBM, PGM and PPM: https://netpbm.sourceforge.net/doc/pnm.html. A head in text: "P6 width height largest" (PBM has no
 * largest value), with comments from # to the line's end; one blank; the samples, in digits (P1 to P3) or in binary (P4 to P6).
 * Of several pictures in a file the first is read. */
#include "io/image.h"

typedef struct {
    tp_tape *T;
    const char *who, *path;
    const unsigned char *begin, *at, *end;
} reader;

static bool refuse(const reader *r, const char *wrong)
{
    tp_fail(r->T, TP_EIO, "%s: %s: byte %lld: %s", r->who, r->path, (long long)(r->at - r->begin), wrong);
    return false;
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end && (tp__is_space((char)*r->at) || *r->at == '#'))
        if (*r->at++ == '#')
            while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
                r->at++;
}

/* The next number, from 0 to `most`. */
static bool take(reader *r, int64_t most, int64_t *v)
{
    skip_blanks(r);
    if (r->at == r->end || !tp__is_digit((char)*r->at))
        return refuse(r, r->at == r->end ? "it ends early" : "a number is needed");
    for (*v = 0; r->at < r->end && tp__is_digit((char)*r->at); r->at++)
        if ((*v = 10 * *v + (*r->at - '0')) > most)
            return refuse(r, "a number is too large");
    return true;
}

/* Samples of one bit follow each other without blanks, if they like. */
static bool take_bit(reader *r, int64_t *v)
{
    skip_blanks(r);
    if (r->at == r->end || (*r->at != '0' && *r->at != '1'))
        return refuse(r, r->at == r->end ? "it ends early" : "0 or 1 is needed");
    *v = *r->at++ - '0';
    return true;
}

/* The first `channels` of each pixel are there; samples are put as they are scaled. */
static void put(tp__pixels *p, int64_t i, int64_t v, int64_t largest)
{
    if (p->depth == 8)
        p->data[i] = (unsigned char)((v * 255 + largest / 2) / largest);
    else
        memcpy(p->data + 2 * i, &(uint16_t){(uint16_t)((v * 65535 + largest / 2) / largest)}, 2);
}

/* In a picture of one bit 1 is black. */
static bool read_ascii(reader *r, tp__pixels *p, int64_t largest)
{
    int64_t n = p->height * p->width * p->channels;
    for (int64_t i = 0, v; i < n; i++) {
        if (largest == 0 ? !take_bit(r, &v) : !take(r, largest, &v))
            return false;
        put(p, i, largest == 0 ? 1 - v : v, largest ? largest : 1);
    }
    return true;
}

static bool read_binary(reader *r, tp__pixels *p, int64_t largest)
{
    int64_t n = p->height * p->width * p->channels;
    int wide = largest > 255 ? 2 : 1;
    for (int64_t i = 0; i < n; i++, r->at += wide) {
        int64_t v = wide == 1 ? r->at[0] : r->at[0] << 8 | r->at[1];
        if (v > largest)
            return refuse(r, "a sample is above the largest value");
        put(p, i, v, largest);
    }
    return true;
}

/* A row begins with a byte, its highest bit the first pixel. */
static bool read_bits(reader *r, tp__pixels *p)
{
    int64_t row = (p->width + 7) / 8;
    for (int64_t y = 0; y < p->height; y++, r->at += row)
        for (int64_t x = 0; x < p->width; x++)
            put(p, y * p->width + x, !(r->at[x / 8] >> (7 - x % 8) & 1), 1);
    return true;
}

/* The bytes that the samples take at least; false: more than can be counted. */
static bool least_bytes(const tp__pixels *p, bool ascii, int64_t largest, size_t *bytes)
{
    size_t row = (size_t)p->width * (size_t)p->channels;
    if (largest == 0 && !ascii)
        row = (row + 7) / 8;
    else if (ascii ? largest > 0 : largest > 255)
        row *= 2; /* two bytes, or a digit and a blank */
    return tp__mul_size(row, (size_t)p->height, bytes);
}

bool tp__pnm_decode(tp_tape *T, const char *who, const char *path, const unsigned char *bytes, size_t n, tp__pixels *p)
{
    reader r = {T, who, path, bytes, bytes + 2, bytes + n};
    int kind = bytes[1] - '0';
    bool ascii = kind <= 3, bits = kind % 3 == 1;
    int64_t largest = 0;
    size_t least;
    *p = (tp__pixels){.channels = kind % 3 == 0 ? 3 : 1};
    if (!take(&r, INT32_MAX, &p->width) || !take(&r, INT32_MAX, &p->height) || (!bits && !take(&r, 65535, &largest)))
        return false;
    if (p->width == 0 || p->height == 0 || (!bits && largest == 0))
        return refuse(&r, "its width, its height or its largest value is 0");
    if (!ascii && (r.at == r.end || !tp__is_space((char)*r.at++)))
        return refuse(&r, "a blank is needed behind the head");
    p->depth = largest > 255 ? 16 : 8;
    if (!least_bytes(p, ascii, largest, &least) || least > (size_t)(r.end - r.at) + (ascii ? 1 : 0))
        return refuse(&r, "the file is shorter than its head says");
    if (!tp__pixels_make(p)) {
        tp_fail(T, TP_ENOMEM, "%s: %s: no memory", who, path);
        return false;
    }
    if (ascii ? read_ascii(&r, p, largest) : bits ? read_bits(&r, p) : read_binary(&r, p, largest))
        return true;
    tp__pixels_free(p);
    return false;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* Lines of digits, which are to be shorter than 70 characters. */
static void write_ascii(const tp__pixels *p, int copies, bool bits, tp__bytes *to)
{
    int64_t n = p->height * p->width * p->channels, column = 0, in_line = bits ? 30 : 11;
    for (int64_t i = 0; i < n; i++)
        for (int k = 0; k < copies; k++, column++) {
            int v = tp__pixels_at(p, i);
            tp__bytes_print(to, "%d%c", bits ? v < (p->depth == 8 ? 128 : 32768) : v,
                            column % in_line == in_line - 1 ? '\n' : ' ');
        }
    tp__bytes_text(to, "\n");
}

static void write_bits(const tp__pixels *p, tp__bytes *to)
{
    for (int64_t y = 0; y < p->height; y++)
        for (int64_t x = 0; x < p->width; x += 8) {
            unsigned char byte = 0;
            for (int64_t k = 0; k < 8 && x + k < p->width; k++)
                if (tp__pixels_at(p, y * p->width + x + k) < (p->depth == 8 ? 128 : 32768))
                    byte |= (unsigned char)(128 >> k);
            tp__bytes_put(to, &byte, 1);
        }
}

static void write_binary(const tp__pixels *p, int copies, tp__bytes *to)
{
    int64_t n = p->height * p->width * p->channels;
    for (int64_t i = 0; i < n; i++) {
        int32_t v = tp__pixels_at(p, i);
        unsigned char b[6];
        int wide = p->depth / 8;
        for (int k = 0; k < copies; k++) {
            b[k * wide] = (unsigned char)(wide == 2 ? v >> 8 : v);
            b[k * wide + wide - 1] = (unsigned char)v;
        }
        tp__bytes_put(to, b, (size_t)(copies * wide));
    }
}

void tp__pnm_encode(const tp__pixels *p, char kind, bool ascii, tp__bytes *to)
{
    bool bits = kind == 'b';
    int number = (bits ? 1 : kind == 'g' ? 2 : 3) + (ascii ? 0 : 3), copies = kind == 'p' && p->channels == 1 ? 3 : 1;
    tp__bytes_print(to, "P%d\n%lld %lld\n", number, (long long)p->width, (long long)p->height);
    if (!bits)
        tp__bytes_print(to, "%d\n", p->depth == 8 ? 255 : 65535);
    if (ascii)
        write_ascii(p, copies, bits, to);
    else if (bits)
        write_bits(p, to);
    else
        write_binary(p, copies, to);
}
