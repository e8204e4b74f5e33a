/* dtype.c - statuses and dtypes by name and size; promotion. */
#include "core/core.h"

const char *tp_status_name(tp_status status)
{
    static const char *const names[] = {
        "TP_OK",       "TP_ESHAPE", "TP_EDTYPE",   "TP_EINDEX", "TP_EINVAL",       "TP_ENOMEM", "TP_EFOREIGN",
        "TP_EMUTATED", "TP_EGRAPH", "TP_ENUMERIC", "TP_EIO",    "TP_EUNSUPPORTED", "TP_EUSER",
    };
    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown status";
}

static const struct {
    const char *name;
    size_t size;
} dtypes[TP_DTYPES] = {
    [TP_F32] = {"float32", 4}, [TP_F64] = {"float64", 8}, [TP_I32] = {"int32", 4},
    [TP_I64] = {"int64", 8},   [TP_U8] = {"uint8", 1},    [TP_BOOL] = {"bool", 1},
};

const char *tp_dtype_name(tp_dtype dtype) { return (unsigned)dtype < TP_DTYPES ? dtypes[dtype].name : "?"; }

size_t tp_dtype_size(tp_dtype dtype) { return (unsigned)dtype < TP_DTYPES ? dtypes[dtype].size : 0; }

bool tp_dtype_is_float(tp_dtype dtype) { return dtype == TP_F32 || dtype == TP_F64; }

bool tp_dtype_is_signed(tp_dtype dtype) { return dtype != TP_U8 && dtype != TP_BOOL; }

/* Booleans, integers, floats. */
static int kind_of(tp_dtype dtype) { return tp_dtype_is_float(dtype) ? 2 : dtype != TP_BOOL; }

bool tp_can_cast(tp_dtype from, tp_dtype to) { return kind_of(from) <= kind_of(to); }

tp_dtype tp_promote_types(tp_dtype a, tp_dtype b)
{
    static const uint8_t rank[TP_DTYPES] = {
        [TP_BOOL] = 0, [TP_U8] = 1, [TP_I32] = 2, [TP_I64] = 3, [TP_F32] = 4, [TP_F64] = 5};
    if ((unsigned)a >= TP_DTYPES || (unsigned)b >= TP_DTYPES)
        return TP_F32;
    return rank[a] >= rank[b] ? a : b;
}
