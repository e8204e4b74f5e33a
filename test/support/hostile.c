/* hostile.c - files that are not what they claim. */
#include "support/hostile.h"
#include "support/support.h"

void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f && (n == 0 || fwrite(bytes, 1, n, f) == n) && fclose(f) == 0);
}

unsigned char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    ck_assert(f && fseek(f, 0, SEEK_END) == 0);
    *n = (size_t)ftell(f);
    unsigned char *bytes = malloc(*n + 1);
    rewind(f);
    ck_assert(bytes && fread(bytes, 1, *n, f) == *n);
    fclose(f);
    return bytes;
}

void each_damage(const char *path, void (*read)(size_t bytes, size_t whole))
{
    size_t n;
    unsigned char *bytes = read_file(path, &n);
    for (size_t m = 0; m < n; m++) {
        write_file(path, bytes, m);
        read(m, n);
    }
    for (size_t at = 0; at < n; at++) {
        unsigned char good = bytes[at];
        const unsigned char bad[] = {(unsigned char)(good ^ 1u << at % 8), (unsigned char)(good ^ 128u), 0, 255};
        for (size_t k = 0; k < LENGTH(bad); k++) {
            bytes[at] = bad[k];
            write_file(path, bytes, n);
            read(n, n);
        }
        bytes[at] = good;
    }
    free(bytes);
}
