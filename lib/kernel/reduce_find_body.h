/* reduce_find_body.h - where a value is found first, NaN as well; read for each type R. A block is looked at as a whole, first;
 * columns from the last row up. */

static int64_t NAME(find)(int64_t n, const void *in, const void *best)
{
    const R *v = in, b = *(const R *)best;
    int64_t i = 0;
    for (int found = 0; i + 2 * LANES <= n; i += 2 * LANES) {
        for (int l = 0; l < 2 * LANES; l++)
            found |= (v[i + l] == b) | ((v[i + l] != v[i + l]) & (b != b));
        if (found)
            break;
    }
    for (; i < n - 1 && !(v[i] == b || (v[i] != v[i] && b != b)); i++)
        ;
    return i;
}

static void NAME(find_columns)(int64_t rows, int64_t stride, int64_t columns, const void *in, const void *best,
                               int64_t *index)
{
    const R *v = in, *b = best;
    for (int64_t c = 0; c < columns; c++)
        index[c] = rows - 1;
    for (int64_t r = rows - 1; r-- > 0;)
        for (int64_t c = 0; c < columns; c++) {
            R x = v[r * stride + c];
            index[c] = (x == b[c]) | ((x != x) & (b[c] != b[c])) ? r : index[c];
        }
}
