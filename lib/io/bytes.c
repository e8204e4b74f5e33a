/* bytes.c - bytes that gather one after the other. */
#include "io/bytes.h"

void tp__bytes_free(tp__bytes *b)
{
    tp__free(b->data);
    *b = (tp__bytes){0};
}

char *tp__bytes_room(tp__bytes *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->room - b->n <= n) { /* one more, for the zero */
        size_t need;
        b->failed = __builtin_add_overflow(b->n, n, &need) || need > SIZE_MAX / 2 - 256;
        size_t room = b->failed ? 0 : need + need / 2 + 256;
        char *larger = b->failed ? NULL : tp__realloc(b->data, room);
        b->failed = larger == NULL;
        if (b->failed)
            return NULL;
        b->data = larger;
        b->room = room;
    }
    b->data[b->n] = 0;
    return b->data + b->n;
}

void tp__bytes_put(tp__bytes *b, const void *data, size_t n)
{
    char *to = tp__bytes_room(b, n);
    if (to == NULL || n == 0)
        return;
    memcpy(to, data, n);
    b->n += n;
    b->data[b->n] = 0;
}

void tp__bytes_text(tp__bytes *b, const char *text) { tp__bytes_put(b, text, strlen(text)); }

void tp__bytes_repeat(tp__bytes *b, const char *text, int64_t times)
{
    for (int64_t i = 0; i < times && !b->failed; i++)
        tp__bytes_text(b, text);
}

void tp__bytes_print(tp__bytes *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = tp__vsnprintf(NULL, 0, format, args);
    char *to = n < 0 ? NULL : tp__bytes_room(b, (size_t)n);
    if (to) {
        tp__vsnprintf(to, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    b->failed |= n < 0;
    va_end(again);
    va_end(args);
}

int64_t tp__bytes_into(tp__bytes *b, char *buffer, size_t n)
{
    int64_t length = b->failed ? -1 : (int64_t)b->n;
    size_t fits = buffer == NULL || n == 0 ? 0 : b->failed ? 0 : b->n < n ? b->n : n - 1;
    if (fits > 0)
        memcpy(buffer, b->data, fits);
    if (buffer && n > 0)
        buffer[fits] = 0;
    tp__bytes_free(b);
    return length;
}
