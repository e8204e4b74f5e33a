/* text.c - text that is the same in every locale: numbers have a decimal point, letters are ASCII's. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/core.h"
#include "core/text.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Made once; threads that race here make the same, and one is kept. (glibc has it ready.) 0 without memory. */
static locale_t c_locale(void)
{
    static _Atomic(locale_t) made;
    locale_t c = atomic_load_explicit(&made, memory_order_acquire), none = (locale_t)0;
    if (c != (locale_t)0 || (c = newlocale(LC_ALL_MASK, "C", (locale_t)0)) == (locale_t)0)
        return c;
    if (atomic_compare_exchange_strong(&made, &none, c))
        return c;
    freelocale(c);
    return none;
}

/* This thread speaks C from here on, until it has its own locale back. */
static locale_t enter(void)
{
    locale_t c = c_locale();
    return c != (locale_t)0 ? uselocale(c) : (locale_t)0;
}

static void leave(locale_t own)
{
    if (own != (locale_t)0)
        uselocale(own);
}

int tp__vsnprintf(char *buffer, size_t n, const char *format, va_list args)
{
    locale_t own = enter();
    int length = vsnprintf(buffer, n, format, args);
    leave(own);
    return length;
}

int tp__snprintf(char *buffer, size_t n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = tp__vsnprintf(buffer, n, format, args);
    va_end(args);
    return length;
}

int tp__fprintf(FILE *to, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    locale_t own = enter();
    int length = vfprintf(to, format, args);
    leave(own);
    va_end(args);
    return length;
}

const char *tp__python_float(double v, bool whole, char text[32])
{
    locale_t own = enter();
    int digits = 0;
    if (isfinite(v)) {
        do
            snprintf(text, 32, "%.*e", digits++, v);
        while (digits < 17 && strtod(text, NULL) != v);
        int exponent = atoi(strchr(text, 'e') + 1), decimals = digits - 1 - exponent;
        if (exponent >= -4 && exponent < 16) /* otherwise it stands there */
            snprintf(text, 32, "%.*f", decimals > 0 ? decimals : !whole, v);
    } else {
        snprintf(text, 32, "%s", isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    }
    leave(own);
    return text;
}

double tp__strtod(const char *text)
{
    locale_t own = enter();
    double v = strtod(text, NULL);
    leave(own);
    return v;
}

const char *tp__error_text(int error)
{
    locale_t c = c_locale();
    return c != (locale_t)0 ? strerror_l(error, c) : "a system call failed";
}

#ifdef TP__ASSERTS
void tp__broken(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: this does not hold: %s\n", file, line, what);
    abort();
}
#endif
