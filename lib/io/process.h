/* process.h - another program, run to its end. */
#ifndef TAPIR_IO_PROCESS_H
#define TAPIR_IO_PROCESS_H

#include "io/bytes.h"

/* Runs argv[0], looked for along PATH, without a shell: what it reads is `in`, what it writes comes into `out` and `err`. Whether
 * it went well is for these to say: a host that reaps its children leaves us no status. No handler, no mask and no disposition
 * of a signal is changed. 0, or an errno: that of starting it, ENOMEM, or ETIMEDOUT, after which it is gone. */
int tp__process_run(char *const *argv, const void *in, size_t n, double seconds, tp__bytes *out, tp__bytes *err);

#endif
