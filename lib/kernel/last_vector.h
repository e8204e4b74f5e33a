/* last_vector.h - for functions.h, read for float and double: the elements beyond the whole vectors of n, of n_in operands, by
 * fn on one whole vector. That ends where they end, or is filled up with copies of the last. */
__attribute__((unused, noinline)) static void NAME(last_vector)(tp__block_fn fn, int n_in, int64_t n, size_t out_size,
                                                                void *out, const void *const *in, const void *attr)
{
    enum { WHOLE = VECTOR / sizeof(ELEM) };
    _Alignas(VECTOR) ELEM x[4][WHOLE], y[WHOLE];
    const void *from[4];
    const int64_t rest = n % WHOLE, before = n > WHOLE ? WHOLE - rest : 0;
    for (int k = 0; k < n_in; k++) {
        const ELEM *end = (const ELEM *)in[k] + n;
        from[k] = before ? end - WHOLE : x[k];
        for (int64_t i = 0; i < WHOLE && !before; i++)
            x[k][i] = end[i < n ? i - n : -1];
    }
    fn(WHOLE, y, from, attr);
    memcpy((char *)out + (size_t)(n - rest) * out_size, (char *)y + (size_t)before * out_size, (size_t)rest * out_size);
}
