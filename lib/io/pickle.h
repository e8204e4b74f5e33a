/* pickle.h - Python's pickles, as far as tensors, containers and numbers need: a list of opcodes (pickle.c) that make values, and
 * names of functions and types that the reader of the values knows. Nothing that a pickle names is looked up or called. */
#ifndef TAPIR_IO_PICKLE_H
#define TAPIR_IO_PICKLE_H

#include "tape/tape.h"

typedef enum {
    TP__PK_NONE,
    TP__PK_BOOL,
    TP__PK_INT,
    TP__PK_FLOAT,
    TP__PK_BIG, /* an integer beyond int64 */
    TP__PK_TEXT,
    TP__PK_LIST,
    TP__PK_TUPLE,
    TP__PK_DICT,       /* keys and values in turn */
    TP__PK_GLOBAL,     /* a name that is known, by its number */
    TP__PK_CALL,       /* such a name and a tuple: what the reader makes of it */
    TP__PK_PERSISTENT, /* something that lies outside, by a tuple */
    TP__PK_MARK
} tp__pickle_kind;

typedef struct tp__pickled {
    tp__pickle_kind kind;
    int global;     /* of a global or a call */
    size_t n, room; /* of items; bytes of a text, which a zero follows */
    union {
        int64_t i;
        double f;
        const char *text;
        struct tp__pickled **item; /* of a call and of what lies outside: one, the tuple */
    };
} tp__pickled;

/* The number of the name, or -1: it is not known. */
typedef int (*tp__global_fn)(const char *module, const char *name);
enum { TP__GLOBAL_ORDERED_DICT = 0 }; /* this number is collections.OrderedDict's, which becomes a dict */

/* Its values lie in blocks of memory that go together. A value costs at least a byte of the pickle; it may be in several
 * places, even in itself. */
typedef struct {
    tp__global_fn find_global;
    struct tp__pickle_block *blocks;
    tp__pickled **stack, **memo, **persistent;
    size_t n, room, n_memo, room_memo, n_persistent, room_persistent;
    tp_status status;
    char wrong[256]; /* with the number of the byte */
} tp__pickle;

/* What the pickle at `text` is of; *used: its bytes. NULL: status and `wrong` say why. */
tp__pickled *tp__unpickle(tp__pickle *p, const char *text, size_t bytes, size_t *used);
void tp__pickle_free(tp__pickle *p);

#endif
