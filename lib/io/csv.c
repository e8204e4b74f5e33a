/* csv.c - tables in text. The file lies in memory and is taken apart where it stands: numbers are read at once; what does not
 * look like one is a field of text, which is unquoted in its place. */
#define _POSIX_C_SOURCE 200809L
#include "core/text.h"
#include "io/csv.h"
#include "io/element.h"
#include "io/file.h"

#include <errno.h>
#include <float.h>
#include <limits.h>
#include <math.h>

static const char loader[] = "csv_load", saver[] = "csv_save";

/* ---- numbers ------------------------------------------------------------------------------------------------------- */

#if LDBL_MANT_DIG == 64
enum { MOST_TENS = 27 }; /* powers that 64 bits hold exactly */
static const long double tens[] = {1e0L,  1e1L,  1e2L,  1e3L,  1e4L,  1e5L,  1e6L,  1e7L,  1e8L,  1e9L,
                                   1e10L, 1e11L, 1e12L, 1e13L, 1e14L, 1e15L, 1e16L, 1e17L, 1e18L, 1e19L,
                                   1e20L, 1e21L, 1e22L, 1e23L, 1e24L, 1e25L, 1e26L, 1e27L};
#endif

/* m 10^e, rounded once, or false: strtod has to say. Where both are exact, one operation of doubles rounds as IEEE 754 does
 * (Clinger, "How to read floating point numbers accurately", 1990). Of the 64 bits of x87's long double, which is off by half of
 * its last place at most, the lowest 11 say how a double rounds unless they are a half. */
static bool scaled(uint64_t m, int e, double *v)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (m <= UINT64_C(1) << 53 && e >= -22 && e <= 22) {
        *v = e < 0 ? (double)m / ten[-e] : (double)m * ten[e];
        return true;
    }
#if LDBL_MANT_DIG == 64
    if (e >= -MOST_TENS && e <= MOST_TENS) {
        long double x = e < 0 ? (long double)m / tens[-e] : (long double)m * tens[e];
        uint64_t bits;
        memcpy(&bits, &x, sizeof bits);
        *v = (double)x;
        return (bits & 2047) != 1024;
    }
#endif
    return false;
}

/* A number as it is found: its digits, as far as they fit 64 bits, and what they are to be multiplied with. */
typedef struct {
    uint64_t m;
    int e;
    bool negative, any, cut; /* has it digits; some that do not fit */
    char *point;
} digits;

static char *take_digits(char *at, digits *d, int step)
{
    for (; tp__is_digit(*at); at++) {
        d->any = true;
        if (d->m <= (UINT64_MAX - 9) / 10) {
            d->m = 10 * d->m + (uint64_t)(*at - '0');
            d->e += step;
        } else {
            d->cut = true;
        }
    }
    return at;
}

/* The exponent behind the digits, if there is one. */
static char *take_exponent(char *at, digits *d)
{
    char *p = at + 1;
    if (*at != 'e' && *at != 'E')
        return at;
    bool negative = *p == '-';
    p += *p == '-' || *p == '+';
    if (!tp__is_digit(*p))
        return at;
    int e = 0;
    for (; tp__is_digit(*p); p++)
        e = e < 100000 ? 10 * e + (*p - '0') : e;
    d->e += negative ? -e : e;
    return p;
}

/* Behind the number that begins here, or NULL where none does. The text may be written to, and ends with a zero. */
static char *take_number(char *begin, char decimal, double *v)
{
    digits d = {0};
    char *at = begin;
    d.negative = *at == '-';
    at = take_digits(at + (*at == '-' || *at == '+'), &d, 0);
    if (*at == decimal) {
        d.point = at;
        at = take_digits(at + 1, &d, -1);
    }
    if (!d.any)
        return NULL;
    at = take_exponent(at, &d);
    if (!d.cut && scaled(d.m, d.e, v)) {
        *v = d.negative ? -*v : *v;
        return at;
    }
    char last = *at;
    *at = 0;
    if (d.point)
        *d.point = '.';
    *v = tp__strtod(begin);
    if (d.point)
        *d.point = decimal;
    *at = last;
    return at;
}

/* ---- fields -------------------------------------------------------------------------------------------------------- */

typedef struct {
    tp_tape *T;
    const char *path, *missing;
    char separator, comment, decimal;
    char *at, *end; /* a zero is there */
    int64_t line, column;
    bool in_row; /* more of the row is to come */
} reader;

static bool refuse(const reader *r, const char *wrong)
{
    tp_fail(r->T, TP_EIO, "%s: %s: line %lld, column %lld: %s", loader, r->path, (long long)r->line,
            (long long)r->column, wrong);
    return false;
}

static bool no_memory(tp_tape *T, const char *path)
{
    tp_fail(T, TP_ENOMEM, "%s: %s: no memory", loader, path);
    return false;
}

static char *skip_blanks(const reader *r, char *at)
{
    while ((*at == ' ' || *at == '\t') && *at != r->separator)
        at++;
    return at;
}

/* The length of the end of a field that stands there: 0 where there is none. The file's end has no length, and is looked at
 * first. */
static size_t field_end(const reader *r, const char *at)
{
    return *at == r->separator || *at == '\n' ? 1 : *at == '\r' && at[1] == '\n' ? 2 : 0;
}

/* On behind the field, which ends at `at`; false where it does not. */
static bool leave_field(reader *r, char *at)
{
    size_t n = at == r->end ? 0 : field_end(r, at);
    if (n == 0 && at != r->end)
        return false;
    r->in_row = at != r->end && *at == r->separator;
    if (!r->in_row)
        r->line += at != r->end;
    r->at = at + n;
    return true;
}

/* The text in quotes that begins behind one, moved together; NULL: it does not end. */
static char *unquote(reader *r, char *at, char **end)
{
    char *begin = at, *to = at;
    for (; at < r->end; at++) {
        if (*at == '"' && at[1] != '"')
            break;
        at += *at == '"';
        r->line += *at == '\n';
        *to++ = *at;
    }
    if (at >= r->end)
        return NULL;
    *end = skip_blanks(r, at + 1);
    *to = 0;
    return begin;
}

/* The field as text, which a zero ends. */
static bool take_field(reader *r, char **text)
{
    char *at = skip_blanks(r, r->at), *end;
    if (*at == '"') {
        int64_t line = r->line;
        if ((*text = unquote(r, at + 1, &end)) == NULL) {
            r->line = line;
            return refuse(r, "a quote is not closed");
        }
        return leave_field(r, end) || refuse(r, "text comes behind a closing quote");
    }
    *text = at;
    for (end = at; end < r->end && field_end(r, end) == 0; end++)
        ;
    char *behind = end;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    leave_field(r, behind);
    *end = 0;
    return true;
}

static bool is_word(const char *text, const char *word)
{
    while (*word && tp__upper(*text) == *word)
        text++, word++;
    return *text == 0 && *word == 0;
}

/* The value of a field of text; false where it has none. */
static bool value_of(const reader *r, char *text, double *v)
{
    static const char *const missing[] = {"", "NAN", "NA", "N/A", "NULL", "NONE", "?", "#N/A", "<NA>", "-NAN"};
    bool none = r->missing && strcmp(text, r->missing) == 0;
    text = skip_blanks(r, text);
    char *end = none ? NULL : take_number(text, r->decimal, v);
    if (end && *skip_blanks(r, end) == 0)
        return true;
    *v = NAN;
    if (none)
        return true;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
        if (is_word(text, missing[i]))
            return true;
    bool negative = *text == '-';
    text += *text == '-' || *text == '+';
    *v = negative ? -INFINITY : INFINITY;
    return is_word(text, "INF") || is_word(text, "INFINITY");
}

static bool take_value(reader *r, double *v)
{
    char *text = skip_blanks(r, r->at), *end = take_number(text, r->decimal, v);
    if (end && (r->missing == NULL || strlen(r->missing) != (size_t)(end - text) ||
                memcmp(text, r->missing, (size_t)(end - text)) != 0)) {
        end = skip_blanks(r, end);
        if (leave_field(r, end))
            return true;
    }
    int64_t line = r->line;
    if (!take_field(r, &text))
        return false;
    if (value_of(r, text, v))
        return true;
    tp_fail(r->T, TP_EIO, "%s: %s: line %lld, column %lld: \"%.40s\" is no number", loader, r->path, (long long)line,
            (long long)r->column, text);
    return false;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

static void skip_line(reader *r)
{
    char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    r->at = end ? end + 1 : r->end;
    r->line++;
}

/* Is there a row more? Empty lines and comments are passed over. */
static bool next_row(reader *r)
{
    while (r->at < r->end) {
        char *at = skip_blanks(r, r->at);
        bool empty = at == r->end || *at == '\n' || (*at == '\r' && at[1] == '\n');
        if (!empty && (r->comment == 0 || *at != r->comment))
            return true;
        skip_line(r);
    }
    return false;
}

/* What is read of the file: the first row as text, the numbers. */
typedef struct {
    char **field;
    int n, room;
    bool header;
    int64_t line;     /* where the first row is */
    tp_tensor *cells; /* in a row, as many as there can be */
    int64_t rows;
} table;

static bool first_row(reader *r, table *t)
{
    t->line = r->line;
    for (r->column = 1, r->in_row = true; r->in_row; r->column++) {
        if (t->n == t->room) {
            int room = t->room ? 2 * t->room : 64;
            char **larger = t->room > INT_MAX / 2 ? NULL : tp__realloc(t->field, (size_t)room * sizeof *larger);
            if (larger == NULL)
                return no_memory(r->T, r->path);
            t->field = larger;
            t->room = room;
        }
        if (!take_field(r, &t->field[t->n++]))
            return false;
    }
    return true;
}

/* The first row's values, where it is no header. */
static bool first_values(reader *r, table *t, tp_csv_header header, double *to)
{
    t->header = header == TP_CSV_HEADER;
    for (int i = 0; i < t->n && !t->header; i++)
        if (!value_of(r, t->field[i], &to[i])) {
            t->header = true;
            if (header == TP_CSV_NO_HEADER) {
                tp_fail(r->T, TP_EIO, "%s: %s: line %lld, column %d: \"%.40s\" is no number", loader, r->path,
                        (long long)t->line, i + 1, t->field[i]);
                return false;
            }
        }
    t->rows = t->header ? 0 : 1;
    return true;
}

static bool one_row(reader *r, int n, double *to)
{
    int64_t line = r->line;
    for (r->column = 1, r->in_row = true; r->in_row; r->column++) {
        double extra;
        if (!take_value(r, r->column <= n ? &to[r->column - 1] : &extra))
            return false;
        if (!r->in_row && r->column != n) {
            tp_fail(r->T, TP_EIO, "%s: %s: line %lld has %lld columns, the first row %d", loader, r->path,
                    (long long)line, (long long)r->column, n);
            return false;
        }
    }
    return true;
}

/* A field ends at a separator or a line's end: there are no more than these, and one. */
static bool make_cells(reader *r, table *t)
{
    int64_t n = 1;
    for (const char *at = r->at; at < r->end; at++)
        n += (*at == r->separator) + (*at == '\n');
    t->cells = tp__tensor_make(r->T, TP_F64, (tp_dims){.ndim = 1, .dim = {n}});
    return t->cells != NULL;
}

static bool read_table(reader *r, table *t, const tp_csv_options *o)
{
    for (int64_t i = 0; i < o->skip && r->at < r->end; i++)
        skip_line(r);
    if (!make_cells(r, t))
        return false;
    double *cells = t->cells->data;
    if (memchr(r->at, 0, (size_t)(r->end - r->at)))
        return refuse(r, "a byte of the file is 0: it is no text");
    if (next_row(r) && (!first_row(r, t) || !first_values(r, t, o->header, cells)))
        return false;
    while (next_row(r))
        if (!one_row(r, t->n, cells + t->rows++ * t->n))
            return false;
    return true;
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

static bool is_sign(const char *text) { return strlen(text) == 1 && strchr("\"\r\n0123456789.+-", *text) == NULL; }

char tp__csv_separator(tp_tape *T, const char *who, const char *path, const tp_csv_options *o)
{
    const char *usual = tp__ends_with(path, ".tsv") || tp__ends_with(path, ".tab") ? "\t"
                        : o->decimal_comma                                         ? ";"
                                                                                   : ",",
               *s = o->separator ? o->separator : usual;
    if (is_sign(s) && !(o->decimal_comma && *s == ','))
        return *s;
    tp_fail(
        T, TP_EINVAL,
        "%s: the separator is \"%.8s\"; one character that is not in a number, nor a quote or a line's end, is needed",
        who, s);
    return 0;
}

static bool set_options(reader *r, const tp_csv_options *o)
{
    r->separator = tp__csv_separator(r->T, loader, r->path, o);
    r->decimal = o->decimal_comma ? ',' : '.';
    r->missing = o->missing;
    r->comment = o->comment ? *o->comment : 0;
    if (r->separator == 0)
        return false;
    if (o->comment && (!is_sign(o->comment) || *o->comment == r->separator)) {
        tp_fail(r->T, TP_EINVAL, "%s: comments begin with \"%.8s\"; one character that begins no number is needed",
                loader, o->comment);
        return false;
    }
    if (o->skip >= 0 && (unsigned)o->header <= TP_CSV_NO_HEADER)
        return true;
    tp_fail(r->T, TP_EINVAL, "%s: skip is %lld, header is %d; 0 or more and one of tp_csv_header are needed", loader,
            (long long)o->skip, (int)o->header);
    return false;
}

/* ---- the file ------------------------------------------------------------------------------------------------------ */

/* One block, with the names' text. */
static tp_csv_names *make_names(const table *t)
{
    size_t n = t->header ? (size_t)t->n : 0, text = 0;
    for (size_t i = 0; i < n; i++)
        text += strlen(t->field[i]) + 1;
    tp_csv_names *names = tp__malloc(sizeof *names + n * sizeof(char *) + text);
    if (names == NULL)
        return NULL;
    const char **list = (const char **)(void *)(names + 1);
    char *at = (char *)(void *)(list + n);
    *names = (tp_csv_names){(int)n, list};
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(t->field[i]) + 1;
        list[i] = memcpy(at, t->field[i], length);
        at += length;
    }
    return names;
}

void tp_csv_names_free(tp_csv_names *names) { tp__free(names); }

/* The cells that were filled, as rows. */
static tp_tensor *finish(reader *r, const table *t, tp_csv_names **names)
{
    tp_dims shape = {.ndim = 2, .dim = {t->rows, t->n}};
    const int64_t stride[] = {t->n > 0 ? t->n : 1, 1};
    tp_tensor *x = tp__tensor_alias(r->T, t->cells, shape, stride, 0);
    if (x && names && (*names = make_names(t)) == NULL) {
        no_memory(r->T, r->path);
        return NULL;
    }
    return x;
}

tp_tensor *tp_csv_load(tp_tape *T, const char *path, const tp_csv_options *options, tp_csv_names **names)
{
    TP__NAMED(T, "csv_load");
    static const tp_csv_options usual;
    const tp_csv_options *o = options ? options : &usual;
    if (names)
        *names = NULL;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, loader, "the path");
    if (!tp__ok(T))
        return NULL;
    reader r = {.T = T, .path = path, .line = 1};
    size_t bytes;
    char *text = set_options(&r, o) ? tp__file_read(T, loader, path, &bytes) : NULL;
    if (text == NULL)
        return NULL;
    r.at = text;
    r.end = text + bytes;
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) /* the mark that some programs begin UTF-8 with */
        r.at += 3;
    table t = {0};
    tp_tensor *x = read_table(&r, &t, o) ? finish(&r, &t, names) : NULL;
    tp__free(t.field);
    tp__free(text);
    return x;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

/* n in digits, with `least` of them at least, 20 at most; returns the end. */
static char *put_digits(char *to, uint64_t n, int least)
{
    char digit[22], *at = digit + sizeof digit;
    for (; n >= 100; n /= 100) { /* two at a time */
        unsigned two = (unsigned)(n % 100);
        *--at = (char)('0' + two % 10);
        *--at = (char)('0' + two / 10);
    }
    for (; n > 0; n /= 10)
        *--at = (char)('0' + n % 10);
    while (digit + sizeof digit - at < least)
        *--at = '0';
    size_t length = (size_t)(digit + sizeof digit - at);
    memcpy(to, at, length);
    return to + length;
}

#if LDBL_MANT_DIG == 64
static const int64_t units[] = {1,
                                10,
                                100,
                                1000,
                                10000,
                                100000,
                                1000000,
                                10000000,
                                100000000,
                                1000000000,
                                10000000000,
                                100000000000,
                                1000000000000,
                                10000000000000,
                                100000000000000,
                                1000000000000000,
                                10000000000000000,
                                100000000000000000};

/* The number of n digits that is next to a, which is from 10^x on and below 10^(x + 1), where this is sure: one
 * product of 64 bits is off by less than 0.004 where n is 17, and by a tenth of that for each digit less. */
static bool nearest(double a, int x, int n, int64_t *m)
{
    long double y = (long double)a * tens[n - 1 - x];
    *m = llrintl(y);
    long double off = y - (long double)*m, sure = n == 17 ? 0.496L : 0.4996L;
    return off < sure && off > -sure && *m >= units[n - 1] && *m < units[n];
}

/* What the loop of tp__csv_number would find, of numbers that are written without an exponent; false: it has to look. */
static bool write_plain(double v, char *text)
{
    double a = fabs(v), back = 0;
    if (!(a >= 1e-4 && a < 1e15))
        return false;
    int64_t m;
    int x = a >= 1 ? 0 : a >= 1e-1 ? -1 : a >= 1e-2 ? -2 : a >= 1e-3 ? -3 : -4, n = 15;
    while (x >= 0 && x < 14 && a >= (double)units[x + 1])
        x++;
    for (; n <= 17; n++) {
        if (!nearest(a, x, n, &m) || !scaled((uint64_t)m, x + 1 - n, &back))
            return false;
        if (back == a)
            break;
    }
    if (n > 17)
        return false;
    int behind = n - 1 - x; /* the point */
    for (; behind > 0 && m % 10 == 0; behind--)
        m /= 10;
    int64_t unit = x < 0 ? 1 : units[behind], whole = x < 0 ? 0 : m / unit;
    if (signbit(v))
        *text++ = '-';
    text = put_digits(text, (uint64_t)whole, 1);
    if (behind > 0) {
        *text++ = '.';
        text = put_digits(text, (uint64_t)(m - whole * unit), behind);
    }
    *text = 0;
    return true;
}
#else
static bool write_plain(double v, char *text)
{
    (void)v, (void)text;
    return false;
}
#endif

/* In 15 digits, 16 or 17: the first that read back. */
void tp__csv_number(double v, char decimal, char text[40])
{
    if (!isfinite(v)) {
        tp__python_float(v, true, text);
        return;
    }
    bool written = write_plain(v, text);
    for (int precision = 15; precision <= 17 && !written; precision++) {
        double back = 0;
        tp__snprintf(text, 40, "%.*g", precision, v);
        written = take_number(text, '.', &back) && back == v;
    }
    char *point = decimal == '.' ? NULL : strchr(text, '.');
    if (point)
        *point = decimal;
}

static void put_cell(tp__bytes *to, const char *at, tp_dtype dtype, char decimal)
{
    char text[40], *end = text;
    int64_t i = tp_dtype_is_float(dtype) ? 0 : tp__load_i64(at, dtype);
    if (tp_dtype_is_float(dtype)) {
        tp__csv_number(tp__load(at, dtype), decimal, text);
        end = text + strlen(text);
    } else {
        if (i < 0)
            *end++ = '-';
        end = put_digits(end, i < 0 ? -(uint64_t)i : (uint64_t)i, 1);
    }
    tp__bytes_put(to, text, (size_t)(end - text));
}

void tp__csv_name(tp__bytes *to, const char *name, char separator)
{
    bool plain = strpbrk(name, "\"\r\n") == NULL && strchr(name, separator) == NULL && *name != ' ' && *name != 0;
    plain = plain && name[strlen(name) - 1] != ' ';
    tp__bytes_text(to, plain ? "" : "\"");
    for (; *name; name++)
        tp__bytes_put(to, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
    tp__bytes_text(to, plain ? "" : "\"");
}

/* Writes what has gathered, where that is much, or is the end. */
static bool pass_on(tp__bytes *b, FILE *file, bool last)
{
    enum { MUCH = 1 << 16 };
    if (b->failed)
        errno = ENOMEM;
    if (b->failed || (b->n < MUCH && !last))
        return !b->failed;
    bool ok = fwrite(b->data, 1, b->n, file) == b->n;
    b->n = 0;
    return ok;
}

static bool write_table(FILE *file, const tp_tensor *x, const char *at, const char *const *names, char separator,
                        char decimal)
{
    int64_t rows = x->shape[0], columns = x->ndim == 2 ? x->shape[1] : 1;
    tp__bytes b = {0};
    bool ok = true;
    for (int64_t c = 0; c < columns && names; c++) {
        tp__csv_name(&b, names[c], separator);
        tp__bytes_put(&b, c + 1 < columns ? &separator : "\n", 1);
    }
    for (int64_t i = 0; i < rows && ok; i++)
        for (int64_t c = 0; c < columns && ok; c++, at += tp_dtype_size(x->dtype)) {
            put_cell(&b, at, x->dtype, decimal);
            tp__bytes_put(&b, c + 1 < columns ? &separator : "\n", 1);
            ok = pass_on(&b, file, false);
        }
    ok = ok && pass_on(&b, file, true);
    tp__bytes_free(&b);
    return ok;
}

static tp_status check_save(tp_tape *T, tp_tensor *x, const char *const *names)
{
    if (!tp__usable(T, saver, x))
        return T->status;
    if (x->ndim != 1 && x->ndim != 2)
        return tp_fail(T, TP_ESHAPE, "%s: x is %s; [rows, columns] is needed", saver, TP__SHAPE(x));
    for (int64_t c = 0; names && c < (x->ndim == 2 ? x->shape[1] : 1); c++)
        if (names[c] == NULL)
            return tp_fail(T, TP_EINVAL, "%s: the name of column %lld is NULL", saver, (long long)c);
    return TP_OK;
}

tp_status tp_csv_save(tp_tape *T, const char *path, tp_tensor *x, const char *const *names,
                      const tp_csv_options *options)
{
    TP__NAMED(T, "csv_save");
    static const tp_csv_options usual;
    const tp_csv_options *o = options ? options : &usual;
    tp__replacement r;
    if (tp__ok(T) && path == NULL)
        tp__missing(T, saver, "the path");
    if (!tp__ok(T))
        return T ? T->status : TP_EINVAL;
    char separator = tp__csv_separator(T, saver, path, o);
    if (separator == 0 || check_save(T, x, names) != TP_OK)
        return T->status;
    tp__storage *copy;
    const void *data = tp__elements(T, x, &copy);
    if (data == NULL && x->numel > 0)
        tp_fail(T, TP_ENOMEM, "%s: %s: no memory", saver, path);
    else if (tp__replace_begin(T, saver, path, &r)) {
        errno = 0;
        bool ok = write_table(r.file, x, data, names, separator, o->decimal_comma ? ',' : '.');
        tp__replace_end(T, saver, path, &r, ok);
    }
    tp__storage_unref(copy);
    return T->status;
}
