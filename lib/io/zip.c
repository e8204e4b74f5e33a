/* zip.c - archives. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "io/zip.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef HAVE_ZLIB
#include <zlib.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Lengths of the headers' fixed parts, their signatures, and from where on a size has its place in 64 bits. */
enum { LOCAL = 30, CENTRAL = 46, END = 22, LOCATOR = 20, END64 = 56, LONGEST_COMMENT = 65535 };
enum { STORED = 0, DEFLATED = 8, UTF8 = 1 << 11, ENCRYPTED = 1, EXTRA64 = 1, PADDING = 0x4246, WAS_1980 = 1 << 5 | 1 };
#define SIGN_LOCAL UINT32_C(0x04034b50)
#define SIGN_CENTRAL UINT32_C(0x02014b50)
#define SIGN_END UINT32_C(0x06054b50)
#define SIGN_LOCATOR UINT32_C(0x07064b50)
#define SIGN_END64 UINT32_C(0x06064b50)
#define LARGE UINT64_C(0xffffffff)
#define NEARLY_LARGE UINT64_C(0xf0000000) /* what deflate makes of it may be larger */

/* ---- sums ------------------------------------------------------------------------------------------------------------ */

/* Of any bytes, one after the other. */
#ifdef HAVE_ZLIB
static uint32_t crc_of_some(uint32_t crc, const unsigned char *p, size_t n)
{
    uLong c = crc;
    while (n > 0) {
        unsigned part = n < (1u << 30) ? (unsigned)n : 1u << 30;
        c = crc32(c, p, part);
        p += part;
        n -= part;
    }
    return (uint32_t)c;
}
#else
/* The polynomial 0xedb88320, a byte at a time. */
static uint32_t crc_table[256];
static pthread_once_t crc_made = PTHREAD_ONCE_INIT;

static void make_crc_table(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        crc_table[b] = b;
        for (int k = 0; k < 8; k++)
            crc_table[b] = crc_table[b] & 1 ? crc_table[b] >> 1 ^ UINT32_C(0xedb88320) : crc_table[b] >> 1;
    }
}

static uint32_t crc_of_some(uint32_t crc, const unsigned char *p, size_t n)
{
    pthread_once(&crc_made, make_crc_table);
    for (crc = ~crc; n > 0; n--, p++)
        crc = crc >> 8 ^ crc_table[(crc ^ *p) & 255];
    return ~crc;
}
#endif

#if defined(__x86_64__)
#define CARRYLESS __attribute__((target("pclmul,sse4.1")))

/* What x is, modulo the polynomial, so many bits farther on; `by` has the two powers of x that this takes. */
CARRYLESS static inline __m128i moved(__m128i x, __m128i by)
{
    return _mm_xor_si128(_mm_clmulepi64_si128(x, by, 0x00), _mm_clmulepi64_si128(x, by, 0x11));
}

/* 16 bytes whose sum, begun at 0, is that of n bytes begun at crc; n is a multiple of 64, and not 0. Four vectors are moved
 * by 512 bits and what comes there is added; in the end each is moved by 128 bits onto the next. (Gopal et al., "Fast CRC
 * computation for generic polynomials using PCLMULQDQ instruction", 2009, which has the powers.) */
CARRYLESS static void folded(uint32_t crc, const unsigned char *p, size_t n, unsigned char rest[16])
{
    const __m128i by512 = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4),
                  by128 = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    __m128i x[4];
    for (int k = 0; k < 4; k++)
        x[k] = _mm_loadu_si128((const __m128i *)(const void *)p + k);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    for (p += 64, n -= 64; n > 0; p += 64, n -= 64)
        for (int k = 0; k < 4; k++)
            x[k] = _mm_xor_si128(moved(x[k], by512), _mm_loadu_si128((const __m128i *)(const void *)p + k));
    for (int k = 1; k < 4; k++)
        x[k] = _mm_xor_si128(moved(x[k - 1], by128), x[k]);
    _mm_storeu_si128((__m128i *)(void *)rest, x[3]);
}

uint32_t tp__crc32(uint32_t crc, const void *data, size_t n)
{
    const unsigned char *p = data;
    size_t most = n / 64 * 64;
    if (most >= 1024 && tp__cpu_isa() != TP__ISA_BASE && __builtin_cpu_supports("pclmul")) {
        unsigned char rest[16];
        folded(crc, p, most, rest);
        crc = crc_of_some(~UINT32_C(0), rest, sizeof rest);
        p += most;
        n -= most;
    }
    return crc_of_some(crc, p, n);
}
#else
uint32_t tp__crc32(uint32_t crc, const void *data, size_t n) { return crc_of_some(crc, data, n); }
#endif

/* ---- numbers, low bytes first ------------------------------------------------------------------------------------- */

static uint64_t number(const char *b, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | (unsigned char)b[i];
    return v;
}

static char *put(char *to, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *to++ = (char)(v >> (8 * i));
    return to;
}

bool tp__read_at(int fd, uint64_t at, void *to, size_t n)
{
    for (char *p = to; n > 0;) {
        ssize_t got = pread(fd, p, n < (1u << 30) ? n : 1u << 30, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return true;
}

/* ---- the directory ------------------------------------------------------------------------------------------------- */

typedef struct {
    uint64_t begin, bytes, entries;
} directory;

static bool refuse(tp_tape *T, const tp__zip *z, const char *wrong)
{
    tp_fail(T, TP_EIO, "%s: %s: %s", z->who, z->path, wrong);
    return false;
}

static bool no_memory(tp_tape *T, const tp__zip *z)
{
    tp_fail(T, TP_ENOMEM, "%s: %s: no memory", z->who, z->path);
    return false;
}

/* Where the record at the end of the file is, which has a comment of any length behind it. */
static bool find_end(const tp__zip *z, uint64_t *at)
{
    size_t length = z->bytes < END + LONGEST_COMMENT ? (size_t)z->bytes : END + LONGEST_COMMENT;
    char *tail = length < END ? NULL : tp__malloc(length);
    bool found = false;
    if (tail && tp__read_at(z->fd, z->bytes - length, tail, length))
        for (size_t i = length - END + 1; i-- > 0 && !found;)
            if (number(tail + i, 4) == SIGN_END && number(tail + i + 20, 2) == length - END - i) {
                *at = z->bytes - length + i;
                found = true;
            }
    tp__free(tail);
    return found;
}

/* What is wrong with the end, or NULL. */
static const char *read_end(const tp__zip *z, directory *d)
{
    char b[END64];
    uint64_t at, end;
    if (!find_end(z, &at) || !tp__read_at(z->fd, at, b, END))
        return "it is no zip archive, or cut short";
    *d = (directory){number(b + 16, 4), number(b + 12, 4), number(b + 10, 2)};
    end = at;
    if (at >= LOCATOR && tp__read_at(z->fd, at - LOCATOR, b, LOCATOR) && number(b, 4) == SIGN_LOCATOR) {
        end = number(b + 8, 8);
        if (end > at - LOCATOR || at - LOCATOR - end < END64 || !tp__read_at(z->fd, end, b, END64) ||
            number(b, 4) != SIGN_END64)
            return "the end of its directory is damaged";
        *d = (directory){number(b + 48, 8), number(b + 40, 8), number(b + 32, 8)};
    }
    if (d->begin > end || d->bytes > end - d->begin)
        return "its directory lies outside the file";
    if (d->entries > d->bytes / CENTRAL || d->entries > INT_MAX)
        return "its directory is shorter than its entries";
    return NULL;
}

/* Sizes that are too large for their places stand in an extra field, in this order. */
static bool read_extra(const char *extra, size_t length, tp__zip_entry *e)
{
    uint64_t *const wide[] = {&e->size, &e->packed, &e->local};
    bool wanted = e->size == LARGE || e->packed == LARGE || e->local == LARGE;
    while (wanted && length >= 4) {
        size_t bytes = (size_t)number(extra + 2, 2);
        const char *at = extra + 4, *end = at + bytes;
        if (bytes > length - 4)
            return false;
        for (int i = 0; number(extra, 2) == EXTRA64 && i < 3; i++)
            if (*wide[i] == LARGE) {
                if (end - at < 8)
                    return false;
                *wide[i] = number(at, 8);
                at += 8;
            }
        length -= 4 + bytes;
        extra = end;
    }
    return true;
}

/* The entry that stands there; returns where the next one does, or NULL. Its name is moved by a byte, to be ended. */
static char *read_entry(char *at, const char *end, tp__zip_entry *e)
{
    if (end - at < CENTRAL || number(at, 4) != SIGN_CENTRAL)
        return NULL;
    size_t name = (size_t)number(at + 28, 2), extra = (size_t)number(at + 30, 2), comment = (size_t)number(at + 32, 2);
    if ((size_t)(end - at - CENTRAL) < name + extra + comment)
        return NULL;
    *e = (tp__zip_entry){.flags = (uint16_t)number(at + 8, 2),
                         .method = (uint16_t)number(at + 10, 2),
                         .crc = (uint32_t)number(at + 16, 4),
                         .packed = number(at + 20, 4),
                         .size = number(at + 24, 4),
                         .local = number(at + 42, 4)};
    if (!read_extra(at + CENTRAL + name, extra, e) || memchr(at + CENTRAL, 0, name))
        return NULL;
    char *text = at + CENTRAL - 1;
    memmove(text, text + 1, name);
    text[name] = 0;
    e->name = text;
    return at + CENTRAL + name + extra + comment;
}

/* Deflate makes at most 1032 bytes of one (https://zlib.net/zlib_tech.html). Entries that lie upon each other would unpack
 * to more than the file could hold: together they are no longer than it. */
static const char *read_entries(tp__zip *z, const directory *d)
{
    char *at = z->directory, *end = at + d->bytes;
    uint64_t packed = 0;
    for (uint64_t i = 0; i < d->entries; i++) {
        tp__zip_entry *e = &z->list[z->n];
        if ((at = read_entry(at, end, e)) == NULL)
            return "its directory is damaged";
        if (e->packed > z->bytes - packed || e->local > z->bytes)
            return "an entry lies outside the file";
        packed += e->packed;
        if (e->method == STORED ? e->size != e->packed : e->size / 1032 > e->packed)
            return "an entry does not fit its size";
        z->by_name[z->n++] = e;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const tp__zip_entry *const *)a)->name, (*(const tp__zip_entry *const *)b)->name);
}

static bool read_directory(tp_tape *T, tp__zip *z)
{
    directory d;
    const char *wrong = read_end(z, &d);
    if (wrong)
        return refuse(T, z, wrong);
    z->directory = tp__malloc((size_t)d.bytes + 1);
    z->list = tp__malloc(((size_t)d.entries + 1) * sizeof *z->list);
    z->by_name = tp__malloc(((size_t)d.entries + 1) * sizeof *z->by_name);
    if (!z->directory || !z->list || !z->by_name)
        return no_memory(T, z);
    if (!tp__read_at(z->fd, d.begin, z->directory, (size_t)d.bytes))
        return refuse(T, z, "it could not be read");
    if ((wrong = read_entries(z, &d)) != NULL)
        return refuse(T, z, wrong);
    qsort(z->by_name, (size_t)z->n, sizeof *z->by_name, by_name);
    for (int i = 1; i < z->n; i++)
        if (by_name(&z->by_name[i - 1], &z->by_name[i]) == 0)
            return refuse(T, z, "an entry is there twice");
    return true;
}

bool tp__zip_open(tp_tape *T, const char *who, const char *path, int fd, size_t bytes, tp__zip *z)
{
    *z = (tp__zip){.fd = fd, .bytes = bytes, .who = who, .path = path};
    bool ok = read_directory(T, z);
    if (!ok)
        tp__zip_close(z);
    return ok;
}

void tp__zip_close(tp__zip *z)
{
    if (z->fd >= 0)
        close(z->fd);
    tp__free(z->directory);
    tp__free(z->list);
    tp__free(z->by_name);
    *z = (tp__zip){.fd = -1};
}

const tp__zip_entry *tp__zip_find(const tp__zip *z, const char *name)
{
    const tp__zip_entry key = {.name = name}, *at = &key;
    const tp__zip_entry *const *found = z->n > 0 ? bsearch(&at, z->by_name, (size_t)z->n, sizeof *z->by_name, by_name)
                                                 : NULL;
    return found ? *found : NULL;
}

/* ---- an entry's bytes ---------------------------------------------------------------------------------------------- */

enum { PIECE = 64 * 1024 };

#ifdef HAVE_ZLIB
static void *zlib_alloc(void *user, unsigned n, unsigned size)
{
    (void)user;
    return tp__calloc(n, size);
}

static void zlib_free(void *user, void *p)
{
    (void)user;
    tp__free(p);
}

struct tp__inflating {
    z_stream z;
    unsigned char piece[PIECE];
};

static struct tp__inflating *inflate_begin(void)
{
    struct tp__inflating *i = tp__calloc(1, sizeof *i);
    if (i == NULL)
        return NULL;
    i->z.zalloc = zlib_alloc;
    i->z.zfree = zlib_free;
    if (inflateInit2(&i->z, -MAX_WBITS) == Z_OK) /* without zlib's own head */
        return i;
    tp__free(i);
    return NULL;
}

static bool inflate_read(tp__stream *s, void *to, size_t n)
{
    z_stream *z = &s->inflating->z;
    for (unsigned char *at = to; n > 0;) {
        if (z->avail_in == 0 && s->packed > 0) {
            z->next_in = s->inflating->piece;
            z->avail_in = s->packed < PIECE ? (unsigned)s->packed : PIECE;
            if (!tp__read_at(s->fd, s->at, s->inflating->piece, z->avail_in))
                return false;
            s->at += z->avail_in;
            s->packed -= z->avail_in;
        }
        unsigned room = n < (1u << 30) ? (unsigned)n : 1u << 30;
        z->next_out = at;
        z->avail_out = room;
        int outcome = inflate(z, Z_NO_FLUSH);
        at += room - z->avail_out;
        n -= room - z->avail_out;
        if (n > 0 && outcome != Z_OK)
            return false;
    }
    return true;
}

static void inflate_end(struct tp__inflating *i)
{
    if (i)
        inflateEnd(&i->z);
    tp__free(i);
}
#else
static struct tp__inflating *inflate_begin(void) { return NULL; }
static bool inflate_read(tp__stream *s, void *to, size_t n)
{
    (void)s, (void)to, (void)n;
    return false;
}
static void inflate_end(struct tp__inflating *i) { (void)i; }
#endif

tp__stream tp__stream_of_file(int fd, uint64_t begin, uint64_t end)
{
    return (tp__stream){.fd = fd, .at = begin, .packed = end - begin, .left = end - begin};
}

static bool unsupported(tp_tape *T, const tp__zip *z, const tp__zip_entry *e, const char *what)
{
    tp_fail(T, TP_EUNSUPPORTED, "%s: %s: %s %s; one that is stored%s is needed", z->who, z->path, e->name, what,
#ifdef HAVE_ZLIB
            " or deflated"
#else
            " (zlib is not built in)"
#endif
    );
    return false;
}

bool tp__zip_stream(tp_tape *T, const tp__zip *z, const tp__zip_entry *e, tp__stream *s)
{
    char b[LOCAL];
    if (e->flags & ENCRYPTED)
        return unsupported(T, z, e, "is encrypted");
    if (e->method != STORED && e->method != DEFLATED)
        return unsupported(T, z, e, "is packed in another way");
    if (z->bytes < LOCAL || e->local > z->bytes - LOCAL || !tp__read_at(z->fd, e->local, b, LOCAL) ||
        number(b, 4) != SIGN_LOCAL)
        return refuse(T, z, "an entry is not where its directory says");
    uint64_t at = e->local + LOCAL + number(b + 26, 2) + number(b + 28, 2);
    if (at > z->bytes || e->packed > z->bytes - at)
        return refuse(T, z, "an entry lies outside the file");
    *s = (tp__stream){.fd = z->fd, .at = at, .packed = e->packed, .left = e->size, .want = e->crc, .summed = true};
    if (e->method == STORED)
        return true;
#ifndef HAVE_ZLIB
    return unsupported(T, z, e, "is deflated");
#endif
    s->inflating = inflate_begin();
    return s->inflating || no_memory(T, z);
}

/* In pieces, so that the sum is taken of what is still near. */
bool tp__stream_read(tp__stream *s, void *to, size_t n)
{
    if (n > s->left)
        return false;
    for (char *at = to; n > 0;) {
        size_t part = s->summed && n > 4 * PIECE ? 4 * PIECE : n;
        if (s->inflating ? !inflate_read(s, at, part) : !tp__read_at(s->fd, s->at, at, part))
            return false;
        if (s->inflating == NULL) {
            s->at += part;
            s->packed -= part;
        }
        if (s->summed)
            s->crc = tp__crc32(s->crc, at, part);
        s->left -= part;
        at += part;
        n -= part;
    }
    return true;
}

bool tp__stream_good(const tp__stream *s) { return s->left == 0 && (!s->summed || s->crc == s->want); }

void tp__stream_close(tp__stream *s)
{
    inflate_end(s->inflating);
    s->inflating = NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

struct tp__zip_record {
    char *name;
    uint64_t local, packed, size;
    uint32_t crc;
    uint16_t method, extra; /* bytes of the local header's extra fields */
};

#ifdef HAVE_ZLIB
struct tp__deflating {
    z_stream z;
    unsigned char piece[PIECE];
};

static struct tp__deflating *deflate_begin(void)
{
    struct tp__deflating *d = tp__calloc(1, sizeof *d);
    if (d == NULL)
        return NULL;
    d->z.zalloc = zlib_alloc;
    d->z.zfree = zlib_free;
    if (deflateInit2(&d->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY) ==
        Z_OK)
        return d;
    tp__free(d);
    return NULL;
}

static bool deflate_some(tp__zip_writer *w, const void *data, size_t n, bool last)
{
    z_stream *z = &w->deflating->z;
    const unsigned char *at = data;
    int outcome = Z_OK;
    do {
        if (z->avail_in == 0) {
            z->next_in = (unsigned char *)at; /* which zlib only reads */
            z->avail_in = n < (1u << 30) ? (unsigned)n : 1u << 30;
            at += z->avail_in;
            n -= z->avail_in;
        }
        z->next_out = w->deflating->piece;
        z->avail_out = PIECE;
        outcome = deflate(z, last && n == 0 ? Z_FINISH : Z_NO_FLUSH);
        size_t made = PIECE - z->avail_out;
        if (made > 0 && fwrite(w->deflating->piece, 1, made, w->file) != made)
            return false;
        w->packed += made;
    } while (last ? outcome != Z_STREAM_END : z->avail_in > 0 || n > 0);
    return true;
}

static void deflate_end(struct tp__deflating *d)
{
    if (d)
        deflateEnd(&d->z);
    tp__free(d);
}
#else
static struct tp__deflating *deflate_begin(void) { return NULL; }
static bool deflate_some(tp__zip_writer *w, const void *data, size_t n, bool last)
{
    (void)w, (void)data, (void)n, (void)last;
    return false;
}
static void deflate_end(struct tp__deflating *d) { (void)d; }
#endif

static void emit(tp__zip_writer *w, const void *data, size_t n)
{
    if (w->failed || n == 0)
        return;
    w->failed = fwrite(data, 1, n, w->file) != n;
    w->at += n;
}

static struct tp__zip_record *new_record(tp__zip_writer *w, const char *name)
{
    if (w->n == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        struct tp__zip_record *larger = tp__realloc(w->list, room * sizeof *larger);
        if (larger == NULL)
            return NULL;
        w->list = larger;
        w->room = room;
    }
    struct tp__zip_record *r = &w->list[w->n];
    size_t length = strlen(name);
    *r = (struct tp__zip_record){.name = length <= UINT16_MAX ? tp__malloc(length + 1) : NULL};
    if (r->name == NULL)
        return NULL;
    memcpy(r->name, name, length + 1);
    w->n++;
    return r;
}

/* From "version needed" to "length of the extra field", which local and central headers share. */
static char *put_common(char *to, const struct tp__zip_record *r, bool large, size_t extra)
{
    bool ascii = true;
    for (const char *c = r->name; *c; c++)
        ascii &= (unsigned char)*c < 128;
    to = put(to, large ? 45 : 20, 2);
    to = put(to, ascii ? 0 : UTF8, 2);
    to = put(to, r->method, 2);
    to = put(to, 0, 2); /* midnight, */
    to = put(to, WAS_1980, 2);
    to = put(to, r->crc, 4);
    to = put(to, large ? LARGE : r->packed, 4);
    to = put(to, large ? LARGE : r->size, 4);
    to = put(to, strlen(r->name), 2);
    return put(to, extra, 2);
}

static bool is_large(const struct tp__zip_record *r) { return r->size >= NEARLY_LARGE; }

/* The local header, as far as its sizes in 64 bits. */
static void emit_local(tp__zip_writer *w, const struct tp__zip_record *r)
{
    char b[LOCAL + 20], *at = put(b, SIGN_LOCAL, 4);
    emit(w, b, (size_t)(put_common(at, r, is_large(r), r->extra) - b));
    emit(w, r->name, strlen(r->name));
    if (is_large(r)) {
        at = put(put(b, EXTRA64, 2), 16, 2);
        emit(w, b, (size_t)(put(put(at, r->size, 8), r->packed, 8) - b));
    }
}

void tp__zip_entry_begin(tp__zip_writer *w, const char *name, uint64_t size, bool deflated, uint64_t align)
{
    struct tp__zip_record *r = w->failed ? NULL : new_record(w, name);
    if (deflated && r)
        w->deflating = deflate_begin();
    if (r == NULL || (deflated && w->deflating == NULL)) {
        errno = w->failed ? errno : ENOMEM;
        w->failed = true;
        return;
    }
    r->local = w->at;
    r->size = size;
    r->method = deflated ? DEFLATED : STORED;
    uint64_t wide = is_large(r) ? 20 : 0, data = w->at + LOCAL + strlen(name) + wide, padding = 0;
    if (align > 1 && data % align != 0)
        padding = 4 + (align - (data + 4) % align) % align;
    r->extra = (uint16_t)(wide + padding);
    emit_local(w, r);
    if (padding > 0) { /* a field of its own, as torch has it */
        char b[4], zero[256] = {0};
        put(put(b, PADDING, 2), padding - 4, 2);
        emit(w, b, 4);
        for (padding -= 4; padding > 0; padding -= padding < 256 ? padding : 256)
            emit(w, zero, padding < 256 ? (size_t)padding : 256);
    }
    w->crc = 0;
    w->packed = 0;
}

void tp__zip_entry_write(tp__zip_writer *w, const void *data, size_t n)
{
    enum { NEAR = 256 * 1024 };
    for (const char *at = data; !w->failed && n > 0;) {
        size_t part = n < NEAR ? n : NEAR;
        w->crc = tp__crc32(w->crc, at, part);
        if (w->deflating) {
            w->failed = !deflate_some(w, at, part, false);
        } else {
            emit(w, at, part);
            w->packed += part;
        }
        at += part;
        n -= part;
    }
}

/* What the local header could not know is written into it. */
void tp__zip_entry_end(tp__zip_writer *w)
{
    struct tp__zip_record *r = w->failed ? NULL : &w->list[w->n - 1];
    if (r && w->deflating) {
        w->failed = !deflate_some(w, "", 0, true);
        w->at += w->packed;
    }
    deflate_end(w->deflating);
    w->deflating = NULL;
    if (w->failed || r == NULL)
        return;
    r->crc = w->crc;
    r->packed = w->packed;
    uint64_t end = w->at;
    w->failed = fseeko(w->file, (off_t)r->local, SEEK_SET) != 0;
    emit_local(w, r);
    w->failed = w->failed || fseeko(w->file, (off_t)end, SEEK_SET) != 0;
    w->at = end;
}

static void emit_central(tp__zip_writer *w, const struct tp__zip_record *r)
{
    bool far = r->local >= LARGE;
    size_t extra = is_large(r) || far ? 4u + (is_large(r) ? 16u : 0u) + (far ? 8u : 0u) : 0;
    char b[CENTRAL + 32], *at = put(put(b, SIGN_CENTRAL, 4), 3 << 8 | 45, 2); /* made on Unix, by version 4.5 */
    at = put_common(at, r, is_large(r), extra);
    at = put(at, 0, 2 + 2 + 2);               /* no comment, the first disk, no kind */
    at = put(at, UINT64_C(0100644) << 16, 4); /* a file that its owner writes and all read */
    at = put(at, far ? LARGE : r->local, 4);
    emit(w, b, (size_t)(at - b));
    emit(w, r->name, strlen(r->name));
    if (extra == 0)
        return;
    at = put(put(b, EXTRA64, 2), extra - 4, 2);
    if (is_large(r))
        at = put(put(at, r->size, 8), r->packed, 8);
    if (far)
        at = put(at, r->local, 8);
    emit(w, b, extra);
}

static void emit_end(tp__zip_writer *w, uint64_t begin)
{
    char b[END64 + LOCATOR + END], *at = b;
    uint64_t end = w->at, bytes = end - begin, n = w->n;
    bool large = n >= UINT16_MAX || bytes >= LARGE || begin >= LARGE;
    if (large) {
        at = put(put(at, SIGN_END64, 4), END64 - 12, 8);
        at = put(put(put(put(at, 3 << 8 | 45, 2), 45, 2), 0, 4), 0, 4);
        at = put(put(put(put(at, n, 8), n, 8), bytes, 8), begin, 8);
        at = put(put(put(put(at, SIGN_LOCATOR, 4), 0, 4), end, 8), 1, 4);
    }
    at = put(put(at, SIGN_END, 4), 0, 4);
    at = put(put(at, large ? UINT16_MAX : n, 2), large ? UINT16_MAX : n, 2);
    at = put(put(put(at, large ? LARGE : bytes, 4), large ? LARGE : begin, 4), 0, 2);
    emit(w, b, (size_t)(at - b));
}

bool tp__zip_write_end(tp__zip_writer *w)
{
    uint64_t begin = w->at;
    for (size_t i = 0; i < w->n; i++)
        emit_central(w, &w->list[i]);
    emit_end(w, begin);
    for (size_t i = 0; i < w->n; i++)
        tp__free(w->list[i].name);
    tp__free(w->list);
    deflate_end(w->deflating);
    bool ok = !w->failed;
    *w = (tp__zip_writer){.failed = true};
    return ok;
}
