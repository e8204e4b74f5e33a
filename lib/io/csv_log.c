/* csv_log.c - a table that grows by rows. A row is written by one call, at the file's end. */
#define _POSIX_C_SOURCE 200809L
#include "io/csv.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 1 << 16 };

struct tp_csv_log {
    int fd, n;
    char separator, decimal;
    int64_t rows;
    int64_t head, end; /* bytes of the first line, and of all */
    char *path;
};

static tp_status fail(tp_tape *T, const char *who, const char *path, int error)
{
    return tp_fail(T, error == ENOMEM ? TP_ENOMEM : TP_EIO, "%s: %s: %s", who, path,
                   error == ENOMEM ? "no memory" : tp__error_text(error ? error : EIO));
}

void tp_csv_log_close(tp_csv_log *log)
{
    if (log == NULL)
        return;
    if (log->fd >= 0)
        close(log->fd);
    tp__free(log->path);
    tp__free(log);
}

/* The lines from `at` on, of which at most `most` count: how many, and *end is behind the last of them. Numbers have no
 * line's end within. */
static bool count_lines(int fd, int64_t at, int64_t most, int64_t *lines, int64_t *end)
{
    char *piece = tp__malloc(PIECE);
    ssize_t n = 0;
    *lines = 0;
    *end = at;
    errno = piece ? 0 : ENOMEM;
    while (piece && *lines < most && (n = pread(fd, piece, PIECE, at)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        for (ssize_t i = 0; i < n && *lines < most; i++)
            if (piece[i] == '\n') {
                *end = at + i + 1;
                ++*lines;
            }
        at += n > 0 ? n : 0;
    }
    tp__free(piece);
    return piece && n >= 0;
}

static bool make_head(tp__bytes *b, int n, const char *const *names, char separator)
{
    for (int i = 0; i < n; i++) {
        tp__csv_name(b, names[i], separator);
        tp__bytes_put(b, i + 1 < n ? &separator : "\n", 1);
    }
    return !b->failed;
}

/* Looks at what is there already: nothing, the beginning of the first line, or this line and rows. */
static tp_status go_on(tp_tape *T, tp_csv_log *log, const tp__bytes *head)
{
    static const char who[] = "csv_log_open";
    struct stat about;
    char *is = tp__malloc(head->n);
    ssize_t n = is ? pread(log->fd, is, head->n, 0) : -1;
    if (is == NULL || n < 0 || fstat(log->fd, &about) != 0)
        fail(T, who, log->path, is ? errno : ENOMEM);
    else if (!S_ISREG(about.st_mode))
        tp_fail(T, TP_EIO, "%s: %s: it is not a regular file", who, log->path);
    else if (memcmp(is, head->data, (size_t)n) != 0 || (about.st_size > n && (size_t)n < head->n))
        tp_fail(T, TP_EINVAL, "%s: %s: its first line is other names; %.*s is needed", who, log->path, (int)head->n - 1,
                head->data);
    else if ((size_t)n < head->n) { /* it was cut off in the first line */
        if (ftruncate(log->fd, 0) != 0 || !tp__append(log->fd, &log->end, head->data, head->n))
            fail(T, who, log->path, errno);
    } else if (!count_lines(log->fd, log->head, INT64_MAX, &log->rows, &log->end) ||
               (log->end < about.st_size && ftruncate(log->fd, log->end) != 0)) {
        fail(T, who, log->path, errno);
    }
    tp__free(is);
    return T->status;
}

static bool are_names(tp_tape *T, const char *path, int n, const char *const *names)
{
    static const char who[] = "csv_log_open";
    if (!tp__ok(T))
        return false;
    if (path == NULL)
        tp__missing(T, who, "the path");
    else if (n < 1 || names == NULL)
        tp_fail(T, TP_EINVAL, "%s: %s: %d names; one or more, in a list that is not NULL, are needed", who, path, n);
    for (int i = 0; T->status == TP_OK && i < n; i++)
        if (names[i] == NULL)
            tp_fail(T, TP_EINVAL, "%s: %s: name %d is NULL", who, path, i);
    return T->status == TP_OK;
}

/* Of a path where a FIFO is nobody waits for its other end. */
static tp_csv_log *open_log(tp_tape *T, const char *path, int n, char separator, bool comma)
{
    tp_csv_log *log = tp__calloc(1, sizeof *log);
    if (log && (log->path = tp__malloc(strlen(path) + 1)) != NULL) {
        strcpy(log->path, path);
        log->n = n;
        log->separator = separator;
        log->decimal = comma ? ',' : '.';
        log->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
        if (log->fd >= 0)
            return log;
        fail(T, "csv_log_open", path, errno);
    } else {
        fail(T, "csv_log_open", path, ENOMEM);
        if (log)
            log->fd = -1;
    }
    tp_csv_log_close(log);
    return NULL;
}

tp_csv_log *tp_csv_log_open(tp_tape *T, const char *path, int n, const char *const *names,
                            const tp_csv_options *options)
{
    static const tp_csv_options usual;
    const tp_csv_options *o = options ? options : &usual;
    tp__bytes head = {0};
    char separator = are_names(T, path, n, names) ? tp__csv_separator(T, "csv_log_open", path, o) : 0;
    if (separator == 0)
        return NULL;
    tp_csv_log *log = NULL;
    if (!make_head(&head, n, names, separator))
        fail(T, "csv_log_open", path, ENOMEM);
    else if ((log = open_log(T, path, n, separator, o->decimal_comma)) != NULL) {
        log->head = (int64_t)head.n;
        if (go_on(T, log, &head) != TP_OK) {
            tp_csv_log_close(log);
            log = NULL;
        }
    }
    tp__bytes_free(&head);
    return log;
}

int64_t tp_csv_log_rows(const tp_csv_log *log) { return log ? log->rows : 0; }

tp_status tp_csv_log_row(tp_tape *T, tp_csv_log *log, int n, const double *values)
{
    static const char who[] = "csv_log_row";
    if (!tp__ok(T))
        return tp_error_status(T);
    if (log == NULL || values == NULL)
        return tp__missing(T, who, log ? "the list of values" : "the log");
    if (n != log->n)
        return tp_fail(T, TP_EINVAL, "%s: %s: %d values; %d are needed", who, log->path, n, log->n);
    tp__bytes row = {0};
    for (int i = 0; i < n; i++) {
        char text[40];
        tp__csv_number(values[i], log->decimal, text);
        tp__bytes_text(&row, text);
        tp__bytes_put(&row, i + 1 < n ? &log->separator : "\n", 1);
    }
    if (row.failed)
        fail(T, who, log->path, ENOMEM);
    else if (!tp__append(log->fd, &log->end, row.data, row.n))
        fail(T, who, log->path, errno);
    else
        log->rows++;
    tp__bytes_free(&row);
    return T->status;
}

tp_status tp_csv_log_keep(tp_tape *T, tp_csv_log *log, int64_t rows)
{
    static const char who[] = "csv_log_keep";
    if (!tp__ok(T))
        return tp_error_status(T);
    if (log == NULL)
        return tp__missing(T, who, "the log");
    if (rows < 0 || rows > log->rows)
        return tp_fail(T, TP_EINVAL, "%s: %s: %lld rows of %lld; 0 to all are needed", who, log->path, (long long)rows,
                       (long long)log->rows);
    int64_t lines, end;
    if (!count_lines(log->fd, log->head, rows, &lines, &end) || ftruncate(log->fd, end) != 0)
        return fail(T, who, log->path, errno);
    log->rows = lines;
    log->end = end;
    return TP_OK;
}
