/* reducer_columns_body.h - columns of a reducer, as reducer_body.h has it: lanes of a block of them, row by row. */

static ALWAYS_INLINE void OWN(lanes)(int64_t rows, int64_t stride, int64_t columns, const R *v, GATHERED *restrict to,
                                     bool fresh)
{
    LANE lane[TP__COLUMNS];
    for (int64_t c = 0; c < (fresh ? columns : 0); c++)
        to[c] = (GATHERED)(ZERO);
    for (int64_t c = 0; c < columns; c++)
        lane[c] = (LANE)(ZERO);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) {
            R e = v[r * stride + c];
            LANE a = lane[c], x = (LANE)OF(e);
            lane[c] = (LANE)STEP(a, x);
        }
    for (int64_t c = 0; c < columns; c++) {
        GATHERED a = to[c], x = (GATHERED)lane[c];
        to[c] = (GATHERED)STEP(a, x);
    }
}

static void OWN(columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, void *acc, bool fresh)
{
#if USUAL
    if (columns == TP__COLUMNS)
        OWN(lanes)(rows, stride, TP__COLUMNS, in, acc, fresh);
    else if (columns == TP__COLUMNS / 2)
        OWN(lanes)(rows, stride, TP__COLUMNS / 2, in, acc, fresh);
    else if (columns == 8)
        OWN(lanes)(rows, stride, 8, in, acc, fresh);
    else
#endif
        OWN(lanes)(rows, stride, columns, in, acc, fresh);
}
