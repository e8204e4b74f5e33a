/* pickle.c - Python's pickles, read by a machine with a stack: https://github.com/python/cpython/blob/main/Lib/pickletools.py
 * says what each opcode does. Here are those of protocols 2 to 4 that make numbers, texts and containers. */
#include "io/pickle.h"

enum { BLOCK = 64 * 1024 - 64 };

struct tp__pickle_block {
    struct tp__pickle_block *next;
    size_t used, room;
};

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static bool no_memory(tp__pickle *p)
{
    p->status = TP_ENOMEM;
    tp__snprintf(p->wrong, sizeof p->wrong, "no memory");
    return false;
}

static void *take_room(tp__pickle *p, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    struct tp__pickle_block *b = p->blocks;
    if (b == NULL || b->room - b->used < bytes) {
        size_t room = bytes > BLOCK ? bytes : BLOCK;
        b = tp__malloc(sizeof *b + room);
        if (b == NULL) {
            no_memory(p);
            return NULL;
        }
        *b = (struct tp__pickle_block){p->blocks, 0, room};
        p->blocks = b;
    }
    b->used += bytes;
    return (char *)(b + 1) + b->used - bytes;
}

/* The list of pointers with room for n. */
static bool reserve(tp__pickle *p, tp__pickled ***list, size_t *room, size_t n)
{
    if (n <= *room)
        return true;
    size_t more = 2 * n + 64;
    tp__pickled **larger = tp__realloc(*list, more * sizeof *larger);
    if (larger == NULL)
        return no_memory(p);
    *list = larger;
    *room = more;
    return true;
}

void tp__pickle_free(tp__pickle *p)
{
    while (p->blocks) {
        struct tp__pickle_block *next = p->blocks->next;
        tp__free(p->blocks);
        p->blocks = next;
    }
    tp__free(p->stack);
    tp__free(p->memo);
    tp__free(p->persistent);
    p->stack = p->memo = p->persistent = NULL;
    p->n = p->room = p->n_memo = p->room_memo = p->n_persistent = p->room_persistent = 0;
}

/* ---- the machine --------------------------------------------------------------------------------------------------- */

typedef struct {
    tp__pickle *p;
    const char *text, *at, *end;
    const char *op; /* the opcode that runs */
} machine;

static bool refuse(machine *m, const char *wrong)
{
    m->p->status = TP_EIO;
    tp__snprintf(m->p->wrong, sizeof m->p->wrong, "byte %zu of its pickle: %s", (size_t)(m->op - m->text), wrong);
    return false;
}

static bool push(machine *m, tp__pickled *v)
{
    if (v == NULL || !reserve(m->p, &m->p->stack, &m->p->room, m->p->n + 1))
        return false;
    m->p->stack[m->p->n++] = v;
    return true;
}

static tp__pickled *make(machine *m, tp__pickle_kind kind)
{
    tp__pickled *v = take_room(m->p, sizeof *v);
    if (v)
        *v = (tp__pickled){.kind = kind};
    return v;
}

static bool push_int(machine *m, tp__pickle_kind kind, int64_t i)
{
    tp__pickled *v = make(m, kind);
    if (v)
        v->i = i;
    return push(m, v);
}

/* The uppermost value; NULL where there is none, or a mark. */
static tp__pickled *pop(machine *m)
{
    if (m->p->n == 0 || m->p->stack[m->p->n - 1]->kind == TP__PK_MARK) {
        refuse(m, "its stack is empty");
        return NULL;
    }
    return m->p->stack[--m->p->n];
}

/* The values above the last mark, which goes with them: they stay where they are until something is pushed. */
static bool pop_mark(machine *m, tp__pickled ***values, size_t *n)
{
    size_t at = m->p->n;
    while (at > 0 && m->p->stack[at - 1]->kind != TP__PK_MARK)
        at--;
    if (at == 0)
        return refuse(m, "there is no mark");
    *values = m->p->stack + at;
    *n = m->p->n - at;
    m->p->n = at - 1;
    return true;
}

/* The next n bytes, or NULL. */
static const char *take(machine *m, uint64_t n)
{
    if ((uint64_t)(m->end - m->at) < n) {
        refuse(m, "it is cut short");
        return NULL;
    }
    m->at += n;
    return m->at - n;
}

/* The next bytes as a number, the low ones first. */
static bool take_number(machine *m, int bytes, uint64_t *v)
{
    const char *b = take(m, (uint64_t)bytes);
    *v = 0;
    for (int i = bytes - 1; b && i >= 0; i--)
        *v = *v << 8 | (unsigned char)b[i];
    return b != NULL;
}

static bool append(machine *m, tp__pickled *to, tp__pickled **values, size_t n)
{
    if (to->n + n > to->room) {
        size_t room = 2 * (to->n + n);
        tp__pickled **item = take_room(m->p, room * sizeof(tp__pickled *));
        if (item == NULL)
            return false;
        if (to->n > 0)
            memcpy(item, to->item, to->n * sizeof(tp__pickled *));
        to->item = item;
        to->room = room;
    }
    if (n > 0)
        memcpy(to->item + to->n, values, n * sizeof(tp__pickled *));
    to->n += n;
    return true;
}

static bool push_of(machine *m, tp__pickle_kind kind, tp__pickled **values, size_t n)
{
    tp__pickled *v = make(m, kind);
    return v && append(m, v, values, n) && push(m, v);
}

/* ---- opcodes ------------------------------------------------------------------------------------------------------- */

static bool push_text(machine *m, uint64_t n)
{
    const char *from = take(m, n);
    tp__pickled *v = from ? make(m, TP__PK_TEXT) : NULL;
    char *text = v ? take_room(m->p, (size_t)n + 1) : NULL;
    if (text == NULL)
        return false;
    memcpy(text, from, (size_t)n);
    text[n] = 0;
    v->text = text;
    v->n = (size_t)n;
    return push(m, v);
}

static bool take_text(machine *m, int width)
{
    uint64_t n;
    return take_number(m, width, &n) && push_text(m, n);
}

/* The value of a two's complement of any length */
static bool take_long(machine *m, int width)
{
    uint64_t n, v = 0;
    if (!take_number(m, width, &n))
        return false;
    const char *b = take(m, n);
    if (b == NULL)
        return false;
    bool negative = n > 0 && (unsigned char)b[n - 1] >= 128;
    bool big = false;
    for (uint64_t i = 0; i < n; i++)
        if (i < 8)
            v |= (uint64_t)(unsigned char)b[i] << (8 * i);
        else
            big |= (unsigned char)b[i] != (negative ? 255 : 0);
    if (negative && n < 8)
        v |= UINT64_MAX << (8 * n);
    big |= n > 8 && (v >> 63 != 0) != negative;
    return push_int(m, big ? TP__PK_BIG : TP__PK_INT, (int64_t)v);
}

/* The high bytes come first. */
static bool take_float(machine *m)
{
    const char *b = take(m, 8);
    tp__pickled *v = b ? make(m, TP__PK_FLOAT) : NULL;
    uint64_t bits = 0;
    for (int i = 0; b && i < 8; i++)
        bits = bits << 8 | (unsigned char)b[i];
    if (v)
        memcpy(&v->f, &bits, sizeof bits);
    return push(m, v);
}

static bool push_global(machine *m, const char *module, const char *name)
{
    int global = m->p->find_global(module, name);
    tp__pickled *v = global < 0 ? NULL : make(m, TP__PK_GLOBAL);
    if (global < 0) {
        m->p->status = TP_EUNSUPPORTED;
        tp__snprintf(m->p->wrong, sizeof m->p->wrong,
                     "byte %zu of its pickle: it has %.64s.%.64s; tensors, containers and numbers alone are needed",
                     (size_t)(m->op - m->text), module, name);
        return false;
    }
    if (v)
        v->global = global;
    return push(m, v);
}

/* A line, in a copy. */
static const char *take_line(machine *m)
{
    const char *end = memchr(m->at, '\n', (size_t)(m->end - m->at));
    if (end == NULL) {
        refuse(m, "it is cut short");
        return NULL;
    }
    size_t n = (size_t)(end - m->at);
    char *line = take_room(m->p, n + 1);
    if (line) {
        memcpy(line, m->at, n);
        line[n] = 0;
        m->at = end + 1;
    }
    return line;
}

static bool take_global(machine *m)
{
    const char *module = take_line(m), *name = module ? take_line(m) : NULL;
    return name && push_global(m, module, name);
}

static bool stack_global(machine *m)
{
    tp__pickled *name = pop(m), *module = name ? pop(m) : NULL;
    if (module == NULL)
        return false;
    if (name->kind != TP__PK_TEXT || module->kind != TP__PK_TEXT)
        return refuse(m, "a name is no text");
    return push_global(m, module->text, name->text);
}

/* An OrderedDict may be told its pairs at once, as a list of lists. */
static bool fill_dict(machine *m, tp__pickled *dict, const tp__pickled *args)
{
    const tp__pickled *pairs = args->n == 1 ? args->item[0] : NULL;
    if (args->n == 0)
        return true;
    if (pairs == NULL || pairs->kind != TP__PK_LIST)
        return refuse(m, "an OrderedDict is made of something else than pairs");
    for (size_t i = 0; i < pairs->n; i++) {
        const tp__pickled *pair = pairs->item[i];
        if ((pair->kind != TP__PK_LIST && pair->kind != TP__PK_TUPLE) || pair->n != 2)
            return refuse(m, "an OrderedDict is made of something else than pairs");
        if (!append(m, dict, pair->item, 2))
            return false;
    }
    return true;
}

static bool reduce(machine *m)
{
    tp__pickled *args = pop(m), *what = args ? pop(m) : NULL;
    if (what == NULL)
        return false;
    if (what->kind != TP__PK_GLOBAL || args->kind != TP__PK_TUPLE)
        return refuse(m, "what is called has no name, or no tuple of arguments");
    if (what->global == TP__GLOBAL_ORDERED_DICT) {
        tp__pickled *dict = make(m, TP__PK_DICT);
        return dict && fill_dict(m, dict, args) && push(m, dict);
    }
    tp__pickled *call = make(m, TP__PK_CALL);
    if (call)
        call->global = what->global;
    return call && append(m, call, &args, 1) && push(m, call);
}

/* What is set on an object afterwards: an OrderedDict's _metadata, a tensor's attributes. It goes. */
static bool build(machine *m)
{
    const tp__pickled *state = pop(m), *object = state ? pop(m) : NULL;
    if (object == NULL)
        return false;
    if (object->kind != TP__PK_DICT && object->kind != TP__PK_CALL)
        return refuse(m, "something is set on what takes nothing");
    m->p->n++; /* the object stays */
    return true;
}

static bool persistent(machine *m)
{
    tp__pickled *what = pop(m), *v = what ? make(m, TP__PK_PERSISTENT) : NULL;
    tp__pickle *p = m->p;
    if (v == NULL || !append(m, v, &what, 1) || !reserve(p, &p->persistent, &p->room_persistent, p->n_persistent + 1))
        return false;
    p->persistent[p->n_persistent++] = v;
    return push(m, v);
}

/* Into the container that lies below the values. */
static bool add_values(machine *m, tp__pickle_kind kind, tp__pickled **values, size_t n)
{
    tp__pickled *to = m->p->n > 0 ? m->p->stack[m->p->n - 1] : NULL;
    if (to == NULL || to->kind != kind || (kind == TP__PK_DICT && n % 2 != 0))
        return refuse(m, "values are added to what does not take them");
    return append(m, to, values, n);
}

static bool add_marked(machine *m, tp__pickle_kind kind)
{
    tp__pickled **values;
    size_t n;
    return pop_mark(m, &values, &n) && add_values(m, kind, values, n);
}

static bool add_few(machine *m, tp__pickle_kind kind, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pop(m) == NULL)
            return false;
    return add_values(m, kind, m->p->stack + m->p->n, n);
}

static bool tuple_of(machine *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (pop(m) == NULL)
            return false;
    return push_of(m, TP__PK_TUPLE, m->p->stack + m->p->n, n);
}

static bool tuple_of_marked(machine *m)
{
    tp__pickled **values;
    size_t n;
    return pop_mark(m, &values, &n) && push_of(m, TP__PK_TUPLE, values, n);
}

/* Places are counted up, each by an opcode of its own: one that is beyond the pickle's length is none. */
static bool remember(machine *m, uint64_t place)
{
    tp__pickle *p = m->p;
    if (p->n == 0 || place >= (uint64_t)(m->end - m->text))
        return refuse(m, "it keeps something at a place that there is not");
    if (!reserve(p, &p->memo, &p->room_memo, (size_t)place + 1))
        return false;
    while (p->n_memo <= place)
        p->memo[p->n_memo++] = NULL;
    p->memo[place] = p->stack[p->n - 1];
    return true;
}

static bool recall(machine *m, uint64_t place)
{
    if (place >= m->p->n_memo || m->p->memo[place] == NULL)
        return refuse(m, "it asks for something that it has not kept");
    return push(m, m->p->memo[place]);
}

static bool drop_marked(machine *m)
{
    tp__pickled **values;
    size_t n;
    return pop_mark(m, &values, &n);
}

/* Opcodes with a number behind them. */
static bool run_with_number(machine *m, unsigned char op)
{
    uint64_t v;
    int width = op == 'J' || op == 'r' || op == 'j' ? 4 : op == 'M' ? 2 : op == 0x95 ? 8 : 1;
    if (!take_number(m, width, &v))
        return false;
    switch (op) {
    case 'J':
        return push_int(m, TP__PK_INT, (int32_t)(uint32_t)v); /* BININT */
    case 'K':
    case 'M':
        return push_int(m, TP__PK_INT, (int64_t)v); /* BININT1, BININT2 */
    case 'q':
    case 'r':
        return remember(m, v); /* BINPUT, LONG_BINPUT */
    case 'h':
    case 'j':
        return recall(m, v); /* BINGET, LONG_BINGET */
    default:
        return true; /* PROTO, FRAME */
    }
}

static bool run_plain(machine *m, unsigned char op)
{
    switch (op) {
    case '(':
        return push(m, make(m, TP__PK_MARK)); /* MARK */
    case '0':
        return pop(m) != NULL; /* POP */
    case '1':
        return drop_marked(m); /* POP_MARK */
    case 'N':
        return push(m, make(m, TP__PK_NONE)); /* NONE */
    case 0x88:
        return push_int(m, TP__PK_BOOL, 1); /* NEWTRUE */
    case 0x89:
        return push_int(m, TP__PK_BOOL, 0); /* NEWFALSE */
    case 0x8a:
        return take_long(m, 1); /* LONG1 */
    case 0x8b:
        return take_long(m, 4); /* LONG4 */
    case 'G':
        return take_float(m); /* BINFLOAT */
    case 'X':
    case 'T':
    case 'B':
        return take_text(m, 4); /* BINUNICODE, BINSTRING, BINBYTES */
    case 0x8c:
    case 'U':
    case 'C':
        return take_text(m, 1); /* SHORT_ ... of them */
    case 0x8d:
        return take_text(m, 8); /* BINUNICODE8 */
    case ']':
        return push(m, make(m, TP__PK_LIST)); /* EMPTY_LIST */
    case '}':
        return push(m, make(m, TP__PK_DICT)); /* EMPTY_DICT */
    case ')':
        return push(m, make(m, TP__PK_TUPLE)); /* EMPTY_TUPLE */
    case 't':
        return tuple_of_marked(m); /* TUPLE */
    case 0x85:
    case 0x86:
    case 0x87:
        return tuple_of(m, op - 0x84u); /* TUPLE1 to TUPLE3 */
    case 'a':
        return add_few(m, TP__PK_LIST, 1); /* APPEND */
    case 'e':
        return add_marked(m, TP__PK_LIST); /* APPENDS */
    case 's':
        return add_few(m, TP__PK_DICT, 2); /* SETITEM */
    case 'u':
        return add_marked(m, TP__PK_DICT); /* SETITEMS */
    case 0x94:
        return remember(m, m->p->n_memo); /* MEMOIZE */
    case 'c':
        return take_global(m); /* GLOBAL */
    case 0x93:
        return stack_global(m); /* STACK_GLOBAL */
    case 'R':
        return reduce(m); /* REDUCE */
    case 'b':
        return build(m); /* BUILD */
    case 'Q':
        return persistent(m); /* BINPERSID */
    default:
        return refuse(m, "an opcode that tensors, containers and numbers do not need");
    }
}

static bool run(machine *m)
{
    while (m->at < m->end) {
        m->op = m->at++;
        unsigned char op = (unsigned char)*m->op;
        if (op == '.')
            return m->p->n == 1 && m->p->stack[0]->kind != TP__PK_MARK ? true : refuse(m, "it leaves no value");
        if (!(strchr("JKMqrhj\x80\x95", op) && op ? run_with_number(m, op) : run_plain(m, op)))
            return false;
    }
    m->op = m->at;
    return refuse(m, "it is cut short");
}

tp__pickled *tp__unpickle(tp__pickle *p, const char *text, size_t bytes, size_t *used)
{
    machine m = {p, text, text, text + bytes, text};
    p->n = p->n_memo = 0;
    p->status = TP_OK;
    if (!run(&m))
        return NULL;
    *used = (size_t)(m.at - text);
    return p->stack[0];
}
