/* fuzz.c - what all drivers share: the file, the allocator that knows its size, what is expected of results. */
#define _GNU_SOURCE
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A deflated byte is 1032 at most, of which each has 8 pixels with 4 channels, or becomes an element of 8 bytes. */
enum { PROPORTION = 32 * 1100, FREE = 4 << 20 };

static size_t largest;
static volatile double seen;

void fuzz_expect(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user, (void)old_size;
    fuzz_expect(new_size <= largest, "memory is asked for in proportion to the file");
    if (new_size > 0)
        return realloc(block, new_size);
    free(block);
    return NULL;
}

static void look_at(const tp_tensor *x)
{
    for (int64_t i = 0; i < tp_numel(x); i++)
        seen += tp_item_at(x, i);
}

void fuzz_result(tp_tape *T, tp_tensor *x)
{
    fuzz_expect((x == NULL) == (tp_error(T) != NULL), "a result, or a message");
    look_at(x);
    tp_clear_error(T);
}

void fuzz_state_dict(tp_tape *T, tp_state_dict *d)
{
    fuzz_expect((d == NULL) == (tp_error(T) != NULL), "a list, or a message");
    for (int i = 0; d && i < d->n; i++) {
        seen += (double)strlen(d->names[i]);
        look_at(d->tensors[i]);
    }
    tp_state_dict_free(d);
    tp_clear_error(T);
}

static int make_file(const uint8_t *data, size_t size)
{
    int fd = memfd_create("tapir", MFD_CLOEXEC);
    bool ok = fd >= 0 && (fuzz_around.n_before == 0 || write(fd, fuzz_around.before, fuzz_around.n_before) > 0) &&
              (size == 0 || write(fd, data, size) == (ssize_t)size) &&
              (fuzz_around.n_behind == 0 || write(fd, fuzz_around.behind, fuzz_around.n_behind) > 0);
    fuzz_expect(ok, "the file could be written");
    return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[40];
    largest = FREE + PROPORTION * (size + fuzz_around.n_before + fuzz_around.n_behind);
    fuzz_expect(tp_set_allocator(allocate, NULL) == TP_OK, "nothing of the last one is left");
    tp_tape *T = tp_tape_new();
    int fd = make_file(data, size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fuzz_read(T, path);
    fuzz_expect(tp_tape_check(T, NULL, 0) == TP_OK, "the tape is in order");
    tp_tape_free(T);
    close(fd);
    return 0;
}
