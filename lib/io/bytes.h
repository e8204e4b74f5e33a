/* bytes.h - bytes that gather one after the other. What cannot be had is noted, and all later calls do nothing. */
#ifndef TAPIR_IO_BYTES_H
#define TAPIR_IO_BYTES_H

#include "core/core.h"

typedef struct {
    char *data; /* NULL, or n bytes and a zero */
    size_t n, room;
    bool failed; /* there was no memory */
} tp__bytes;

void tp__bytes_put(tp__bytes *b, const void *data, size_t n);
void tp__bytes_text(tp__bytes *b, const char *text);
void tp__bytes_print(tp__bytes *b, const char *format, ...) TP_PRINTF(2, 3);
void tp__bytes_repeat(tp__bytes *b, const char *text, int64_t times);
/* Room for n more bytes, at the end; NULL: no memory. Whoever fills it adds to b->n. */
char *tp__bytes_room(tp__bytes *b, size_t n);
/* As snprintf does: what fits, a zero, and the length of all; frees b. -1: there was no memory. */
int64_t tp__bytes_into(tp__bytes *b, char *buffer, size_t n);
void tp__bytes_free(tp__bytes *b);

#endif
