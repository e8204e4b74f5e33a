/* element.h - elements as files have them: our dtypes, and others that are converted on the way in. */
#ifndef TAPIR_IO_ELEMENT_H
#define TAPIR_IO_ELEMENT_H

#include "tape/tape.h"

/* A tp_dtype, or one of these. */
enum { TP__F16 = TP_DTYPES, TP__BF16, TP__I8, TP__I16, TP__U16, TP__U32, TP__U64, TP__STORED };

size_t tp__stored_size(int stored);
/* The dtype that has all of its values; of uint64, those below 2^63. */
tp_dtype tp__stored_as(int stored);
/* n elements that lie in memory become those of tp__stored_as, at `to`, where `from` may be the end of that room (its last
 * n elements' bytes): no more memory is needed. `swap`: the bytes of each are the other way round. False where an element
 * has no place in that dtype: *bad is its number. */
bool tp__stored_convert(int stored, bool swap, int64_t n, const void *from, void *to, int64_t *bad);

/* x's elements in a row: where they are, or a copy that *copy holds, for tp__storage_unref. NULL: no memory. (No elements
 * lie anywhere but at NULL.) */
const void *tp__elements(tp_tape *T, tp_tensor *x, tp__storage **copy);

#endif
