/* csv.c - tables in text: the same file with several options. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    static const tp_csv_options options[] = {
        {.separator = NULL},
        {.decimal_comma = true, .comment = "#", .header = TP_CSV_NO_HEADER},
        {.separator = "\t", .missing = "-", .skip = 1, .header = TP_CSV_HEADER},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        tp_csv_names *names;
        tp_tensor *x = tp_csv_load(T, path, &options[i], &names);
        fuzz_expect((x == NULL) == (names == NULL), "names come with a table");
        fuzz_result(T, x);
        tp_csv_names_free(names);
    }
}
