/* fuzz.h - what a driver is: it reads a file that says anything at all. libFuzzer calls it (make fuzz), or replay.c with the
 * files of test/fuzz/corpus (make check). What is looked at beside crashes: a failure has a message, a success does not, all
 * elements that a tensor says it has are there, and no request for memory is out of proportion to the file. */
#ifndef TAPIR_TEST_FUZZ_H
#define TAPIR_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <tapir.h>

/* The driver's own: reads the file at `path`, which is data[0] to data[size - 1]. */
void fuzz_read(tp_tape *T, const char *path);
/* What is to be in the file where that is not `data` alone; NULL: as it is. */
typedef struct {
    const char *before, *behind;
    size_t n_before, n_behind;
} fuzz_frame;
extern const fuzz_frame fuzz_around;

/* Looks at each element, and at the message: x is NULL exactly where there is one, which then goes. */
void fuzz_result(tp_tape *T, tp_tensor *x);
void fuzz_state_dict(tp_tape *T, tp_state_dict *d);
/* It ends the process where the condition does not hold. */
void fuzz_expect(bool holds, const char *what);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
