/* number.c - C numbers as elements, and elements as C numbers. core.h says how each conversion goes. */
#include "core/core.h"

#include <math.h>

bool tp__holds(tp_dtype dtype, double value)
{
    switch (dtype) {
    case TP_I32:
        return value >= -0x1p31 && value <= 0x1p31 - 1;
    case TP_I64:
        return value >= -0x1p63 && value < 0x1p63;
    case TP_U8:
        return value <= 255 && (value >= 0 || (value >= -255 && value == floor(value)));
    case TP_F32:
    case TP_F64:
    case TP_BOOL:
        return true;
    }
    return true;
}

int64_t tp__load_i64(const void *p, tp_dtype dtype)
{
    return dtype == TP_I64 ? *(const int64_t *)p : tp__to_i64(tp__load(p, dtype));
}

double tp__load(const void *p, tp_dtype dtype)
{
    switch (dtype) {
    case TP_F32:
        return (double)*(const float *)p;
    case TP_F64:
        return *(const double *)p;
    case TP_I32:
        return (double)*(const int32_t *)p;
    case TP_I64:
        return (double)*(const int64_t *)p;
    case TP_U8:
        return (double)*(const uint8_t *)p;
    case TP_BOOL:
        return (double)(*(const uint8_t *)p != 0);
    }
    return NAN;
}

void tp__store(void *p, tp_dtype dtype, double value)
{
    switch (dtype) {
    case TP_F32:
        *(float *)p = (float)value;
        break;
    case TP_F64:
        *(double *)p = value;
        break;
    case TP_I32:
        *(int32_t *)p = tp__to_i32(value);
        break;
    case TP_I64:
        *(int64_t *)p = tp__to_i64(value);
        break;
    case TP_U8:
        *(uint8_t *)p = (uint8_t)(uint64_t)tp__to_i64(value);
        break;
    case TP_BOOL:
        *(uint8_t *)p = value != 0;
        break;
    }
}

double tp__option(double value, double otherwise) { return value != 0 ? value : signbit(value) ? 0 : otherwise; }
