/* dtype.c - dtypes by name, size and kind; promotion. */
#include "core/core.h"

typedef enum { BOOLEAN, INTEGER, FLOAT } kind;

typedef struct {
    const char *name;
    size_t size;
} layout;
static const layout layouts[TP_DTYPES] = {
#define LAYOUT(id, name, type) [id] = {name, sizeof(type)},
    TP_DTYPE_LIST(LAYOUT)};

#define MOVABLE(id, name, type) \
    _Static_assert(sizeof(type) <= TP__WIDEST && (sizeof(type) & (sizeof(type) - 1)) == 0, \
                   "elements of " name " are not moved (TP__SIZE_LIST)");
TP_DTYPE_LIST(MOVABLE)

typedef struct {
    kind kind;
    int rank; /* of two, the higher one is computed in */
    bool is_signed;
} nature;
static const nature natures[] = {
    [TP_F32] = {FLOAT, 4, true},   [TP_F64] = {FLOAT, 5, true},   [TP_I32] = {INTEGER, 2, true},
    [TP_I64] = {INTEGER, 3, true}, [TP_U8] = {INTEGER, 1, false}, [TP_BOOL] = {BOOLEAN, 0, false},
};
TP__DTYPES_ARE(6);

static bool is_one(tp_dtype dtype) { return (unsigned)dtype < TP_DTYPES; }

const char *tp_dtype_name(tp_dtype dtype) { return is_one(dtype) ? layouts[dtype].name : "?"; }

size_t tp_dtype_size(tp_dtype dtype) { return is_one(dtype) ? layouts[dtype].size : 0; }

bool tp_dtype_is_float(tp_dtype dtype) { return tp__is_float(dtype); }

bool tp_dtype_is_signed(tp_dtype dtype) { return !is_one(dtype) || natures[dtype].is_signed; }

bool tp_can_cast(tp_dtype from, tp_dtype to)
{
    return (is_one(from) ? natures[from].kind : INTEGER) <= (is_one(to) ? natures[to].kind : INTEGER);
}

tp_dtype tp_promote_types(tp_dtype a, tp_dtype b)
{
    if (!is_one(a) || !is_one(b))
        return TP_F32;
    return natures[a].rank >= natures[b].rank ? a : b;
}
