/* element.c - elements as files have them. */
#include "io/element.h"

static const struct {
    uint8_t size, as;
} stored_types[TP__STORED] = {
    [TP_F32] = {4, TP_F32},  [TP_F64] = {8, TP_F64},   [TP_I32] = {4, TP_I32},  [TP_I64] = {8, TP_I64},
    [TP_U8] = {1, TP_U8},    [TP_BOOL] = {1, TP_BOOL}, [TP__F16] = {2, TP_F32}, [TP__BF16] = {2, TP_F32},
    [TP__I8] = {1, TP_I32},  [TP__I16] = {2, TP_I32},  [TP__U16] = {2, TP_I32}, [TP__U32] = {4, TP_I64},
    [TP__U64] = {8, TP_I64},
};
TP__DTYPES_ARE(6);

size_t tp__stored_size(int stored) { return stored_types[stored].size; }
tp_dtype tp__stored_as(int stored) { return (tp_dtype)stored_types[stored].as; }

static float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* IEEE 754's binary16: a sign, 5 bits of exponent with a bias of 15, 10 of fraction; float32 has 8, 127 and 23. */
static float half(uint32_t h)
{
    uint32_t sign = (h & 0x8000) << 16, rest = (h & 0x7fff) << 13;
    if (rest >= 0x0f800000) /* infinity, NaN */
        return float_of_bits(sign | rest | 0x7f800000);
    if (rest < 0x00800000) /* subnormal there, normal here */
        return (sign ? -1.0f : 1.0f) * (float)(h & 0x3ff) * 0x1p-24f;
    return float_of_bits(sign | (rest + ((127 - 15) << 23)));
}

static void swap_bytes(char *at, size_t size, int64_t n)
{
    for (int64_t i = 0; i < n; i++, at += size)
        for (size_t a = 0, b = size - 1; a < b; a++, b--) {
            char c = at[a];
            at[a] = at[b];
            at[b] = c;
        }
}

/* The bytes of one element as an unsigned number. */
static uint64_t bits_of(const unsigned char *p, size_t size, bool swap)
{
    uint64_t v = 0;
    for (size_t k = 0; k < size; k++)
        v = v << 8 | p[swap ? k : size - 1 - k];
    return v;
}

static void put_i32(char *to, int64_t i, int32_t v) { memcpy(to + i * 4, &v, sizeof v); }
static void put_i64(char *to, int64_t i, int64_t v) { memcpy(to + i * 8, &v, sizeof v); }
static void put_f32(char *to, int64_t i, float v) { memcpy(to + i * 4, &v, sizeof v); }

static bool convert_one(int stored, uint64_t v, char *to, int64_t i)
{
    switch (stored) {
    case TP__F16:
        put_f32(to, i, half((uint32_t)v));
        break;
    case TP__BF16:
        put_f32(to, i, float_of_bits((uint32_t)v << 16));
        break;
    case TP__I8:
        put_i32(to, i, (int8_t)v);
        break;
    case TP__I16:
        put_i32(to, i, (int16_t)v);
        break;
    case TP__U16:
        put_i32(to, i, (int32_t)v);
        break;
    default:
        put_i64(to, i, (int64_t)v);
        break; /* unsigned ones */
    }
    return v <= INT64_MAX;
}

bool tp__stored_convert(int stored, bool swap, int64_t n, const void *from, void *to, int64_t *bad)
{
    size_t size = tp__stored_size(stored);
    if (stored < TP_DTYPES) {
        if (n > 0 && to != from)
            memmove(to, from, (size_t)n * size);
        if (swap && size > 1)
            swap_bytes(to, size, n);
        for (int64_t i = 0; stored == TP_BOOL && i < n; i++)
            ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
        return true;
    }
    for (int64_t i = 0; i < n; i++)
        if (!convert_one(stored, bits_of((const unsigned char *)from + (size_t)i * size, size, swap), to, i)) {
            *bad = i;
            return false;
        }
    return true;
}

const void *tp__elements(tp_tape *T, tp_tensor *x, tp__storage **copy)
{
    *copy = NULL;
    if (tp__contiguous(x))
        return x->data;
    *copy = tp__dense_copy(T, x, x->dtype);
    return *copy ? (*copy)->data : NULL;
}
