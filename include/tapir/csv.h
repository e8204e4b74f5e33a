/* csv.h - tables in text: comma-separated values and their relatives. As of all files (io.h): nothing in them is trusted, and
 * what is written takes the place of the old file when it is whole. */
#ifndef TAPIR_CSV_H
#define TAPIR_CSV_H

#include "tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    TP_CSV_HEADER_AUTO, /* the first row is names where one of its fields is neither a number nor missing */
    TP_CSV_HEADER,
    TP_CSV_NO_HEADER
} tp_csv_header;

typedef struct {
    const char *separator; /* one character; NULL: "," (of files called .tsv or .tab a tab, with decimal commas ";") */
    const char *comment;   /* lines that begin with this character are passed over; NULL: there are none */
    const char *missing;   /* what stands for a missing value beside the usual; NULL: nothing more */
    bool        decimal_comma; /* 1,5 is one and a half */
    tp_csv_header header;
    int64_t       skip; /* lines at the beginning that are passed over, whatever is in them */
    TP_RESERVED(4);
} tp_csv_options;

/* The names of columns, for tp_csv_names_free; n is 0 where the file has none. */
typedef struct {
    int                n;
    const char *const *names;
} tp_csv_names;

/* The table as a tensor of the tape: TP_F64 [rows, columns]. Each number is the double next to what is written, as C's strtod
 * has it in the C locale. Fields may be quoted ("a ""b"""), and have blanks around them; those that are empty or NA, N/A, NaN, null or
 * None, in large letters or small, or ? are missing: NaN. Lines may end with CR LF; empty ones are passed over. options NULL: the
 * defaults. Where names is not NULL *names are the header's, or NULL after a failure. What is no number, and a row that is longer
 * or shorter than the first one, is TP_EIO with its line and column ("line 7, column 3"). */
TP_API tp_tensor *tp_csv_load(tp_tape *T, const char *path, const tp_csv_options *options, tp_csv_names **names);
TP_API void       tp_csv_names_free(tp_csv_names *names);
/* x [rows, columns], or [rows] as one column, in digits that read back the same; NaN is nan. names are those of the columns,
 * or NULL for no header. Of the options the separator and the decimal comma count. */
TP_API tp_status tp_csv_save(tp_tape *T, const char *path, tp_tensor *x, const char *const *names,
                             const tp_csv_options *options);

/* ---- a log: rows of numbers, one after the other -------------------------------------------------------------------------- */

typedef struct tp_csv_log tp_csv_log;
/* Opens a file that rows are appended to, of n numbers under these names. Where there is none it is made, with the names as its
 * first line; one that is there goes on: its first line has to be that one (TP_EINVAL), and a last row that was cut off, before its
 * line's end, is taken away. Of the options the separator and the decimal comma count. */
TP_API tp_csv_log *tp_csv_log_open(tp_tape *T, const char *path, int n, const char *const *names,
                                   const tp_csv_options *options);
TP_API void        tp_csv_log_close(tp_csv_log *log);
/* A row of n numbers, in digits that read back the same; NaN is nan. It is in the file when this returns: a reader sees whole
 * rows. */
TP_API tp_status tp_csv_log_row(tp_tape *T, tp_csv_log *log, int n, const double *values);
TP_API int64_t   tp_csv_log_rows(const tp_csv_log *log); /* there are in the file */
/* Takes away all rows but the first ones, as of a training that goes on from a snapshot which is older than the last row. */
TP_API tp_status tp_csv_log_keep(tp_tape *T, tp_csv_log *log, int64_t rows);

#ifdef __cplusplus
}
#endif
#endif
