/* hostile.h - files that are not what they claim. */
#ifndef TEST_SUPPORT_HOSTILE_H
#define TEST_SUPPORT_HOSTILE_H

#include <stddef.h>

void write_file(const char *path, const void *bytes, size_t n);
/* The file's bytes, for free(); its length. */
unsigned char *read_file(const char *path, size_t *n);
/* The file is cut at every byte; then each byte has one of its bits turned, its highest bit, and is 0 and 255. `read` looks at
 * it each time, and is told how many bytes were left of it. */
void each_damage(const char *path, void (*read)(size_t bytes, size_t whole));

#endif
