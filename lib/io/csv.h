/* csv.h - of csv.c what a log needs, too. */
#ifndef TAPIR_IO_CSV_H
#define TAPIR_IO_CSV_H

#include "io/bytes.h"
#include "tapir/csv.h"

/* The separator; 0 after a failure, of which T tells. */
char tp__csv_separator(tp_tape *T, const char *who, const char *path, const tp_csv_options *o);
/* A name, in quotes where it needs them; a number in digits that read back the same. */
void tp__csv_name(tp__bytes *to, const char *name, char separator);
void tp__csv_number(double v, char decimal, char text[40]);

#endif
