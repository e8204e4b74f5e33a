/* sort_body.h - sorting and selecting pairs of a key and where it was: included once for each width. KEY is the
 * unsigned type of a key, AT that of a position, S(name) the name for this width. */

typedef struct {
    KEY key;
    AT at;
} S(pair);

/* Stable, in place; for few. */
static void S(insert)(int64_t n, S(pair) * a)
{
    for (int64_t i = 1; i < n; i++) {
        S(pair) p = a[i];
        int64_t j = i;
        for (; j > 0 && a[j - 1].key > p.key; j--)
            a[j] = a[j - 1];
        a[j] = p;
    }
}

static void S(merge)(const S(pair) * a, int64_t na, const S(pair) * b, int64_t nb, S(pair) * out)
{
    while (na > 0 && nb > 0) {
        bool second = b->key < a->key;
        *out++ = second ? *b : *a;
        a += !second;
        na -= !second;
        b += second;
        nb -= second;
    }
    memcpy(out, na > 0 ? a : b, (size_t)(na > 0 ? na : nb) * sizeof *out);
}

/* Two runs of one length, from both ends at once: neither waits for the other, and none comes to its end before it is done. */
static void S(merge_even)(int64_t n, const S(pair) * a, S(pair) * out)
{
    const S(pair) *b = a + n, *last_a = b - 1, *last_b = b + n - 1;
    S(pair) *last = out + 2 * n - 1;
    for (int64_t i = 0; i < n; i++) {
        bool second = b->key < a->key, first = last_b->key < last_a->key;
        *out++ = second ? *b : *a;
        a += !second;
        b += second;
        *last-- = first ? *last_a : *last_b;
        last_a -= first;
        last_b -= !first;
    }
}

/* Runs of FEW, then merged by twos, from a to b and back; returns where the result lies. */
static S(pair) * S(merge_sort)(int64_t n, S(pair) * a, S(pair) * b)
{
    for (int64_t i = 0; i < n; i += FEW)
        S(insert)(n - i < FEW ? n - i : FEW, a + i);
    for (int64_t width = FEW; width < n; width *= 2) {
        for (int64_t i = 0; i < n; i += 2 * width) {
            int64_t left = n - i < width ? n - i : width, right = n - i - left < width ? n - i - left : width;
            if (left == right)
                S(merge_even)(left, a + i, b + i);
            else
                S(merge)(a + i, left, a + i + left, right, b + i);
        }
        S(pair) *t = a;
        a = b;
        b = t;
    }
    return a;
}

/* By digits of 8 bits from the lowest on: those in `differ`, the bits in which any two keys differ. */
static S(pair) * S(radix_sort)(int64_t n, S(pair) * a, S(pair) * b, KEY differ)
{
    for (int shift = 0; shift < 8 * (int)sizeof(KEY); shift += 8) {
        int64_t count[256] = {0}, at = 0;
        if ((differ >> shift & 255) == 0)
            continue;
        for (int64_t i = 0; i < n; i++)
            count[a[i].key >> shift & 255]++;
        for (int v = 0; v < 256; v++) {
            int64_t here = count[v];
            count[v] = at;
            at += here;
        }
        for (int64_t i = 0; i < n; i++)
            b[count[a[i].key >> shift & 255]++] = a[i];
        S(pair) *t = a;
        a = b;
        b = t;
    }
    return a;
}

/* Stable; what is sorted lies in a or b, and the other is overwritten. */
static S(pair) * S(sort)(int64_t n, S(pair) * a, S(pair) * b)
{
    KEY differ = 0;
    int64_t digits = 0;
    for (int64_t i = 1; i < n; i++)
        differ |= a[i].key ^ a[0].key;
    for (KEY left = differ; left; left >>= 8)
        digits += (left & 255) != 0;
    return n < MANY * digits ? S(merge_sort)(n, a, b) : S(radix_sort)(n, a, b, differ);
}

/* The k-th (from 0) of a in stable order: by digits from the highest on, those that share them gathered in b. */
static S(pair) S(nth)(int64_t n, const S(pair) * a, S(pair) * b, int64_t k)
{
    for (int shift = 8 * (int)sizeof(KEY) - 8; n > FEW && shift >= 0; shift -= 8) {
        int64_t count[256] = {0}, odd[256] = {0}, m = 0, i = 0;
        unsigned digit = 0;
        for (; i + 1 < n; i += 2) { /* neighbours apart: one place would wait for itself */
            count[a[i].key >> shift & 255]++;
            odd[a[i + 1].key >> shift & 255]++;
        }
        if (i < n)
            count[a[i].key >> shift & 255]++;
        for (; k >= count[digit] + odd[digit]; digit++)
            k -= count[digit] + odd[digit];
        for (i = 0; i < n; i++) { /* without a branch, which would often be guessed wrong */
            b[m] = a[i];
            m += (a[i].key >> shift & 255) == digit;
        }
        n = m;
        a = b;
    }
    if (n > FEW) /* all equal */
        return a[k];
    if (a != b)
        memcpy(b, a, (size_t)n * sizeof *b);
    S(insert)(n, b);
    return b[k];
}

/* The first k in order, in b, for small k: each element is compared with the last of the best so far. */
static S(pair) * S(few_first)(int64_t n, const S(pair) * a, S(pair) * b, int64_t k)
{
    memcpy(b, a, (size_t)k * sizeof *b);
    S(insert)(k, b);
    for (int64_t i = k; i < n; i++) {
        int64_t j = k - 1;
        if (a[i].key >= b[j].key)
            continue;
        for (; j > 0 && b[j - 1].key > a[i].key; j--)
            b[j] = b[j - 1];
        b[j] = a[i];
    }
    return b;
}

/* The first k in order, in b or a. */
static S(pair) * S(top)(int64_t n, S(pair) * a, S(pair) * b, int64_t k)
{
    if (k == 0 || k == n)
        return S(sort)(k, a, b);
    if (k <= FEW_FIRST)
        return S(few_first)(n, a, b, k);
    S(pair) last = S(nth)(n, a, b, k - 1);
    for (int64_t i = 0, m = 0; m < k; i++) {
        b[m] = a[i];
        m += (a[i].key < last.key) | ((a[i].key == last.key) & (a[i].at <= last.at));
    }
    return S(sort)(k, b, a);
}

/* The last of the longest run. */
static S(pair) * S(mode)(int64_t n, S(pair) * a, S(pair) * b, bool floats)
{
    int64_t best = 0, most = 0, run = 0;
    a = S(sort)(n, a, b);
    for (int64_t i = 0; i < n; i++) {
        bool more = i > 0 && a[i].key == a[i - 1].key && !(floats && a[i].key == (KEY)-1);
        run = more ? run + 1 : 1;
        if (run > most) {
            most = run;
            best = i;
        }
    }
    return a + best;
}

static S(pair) * S(median)(int64_t n, S(pair) * a, S(pair) * b, bool floats, bool skip_nan)
{
    int64_t valid = n;
    for (int64_t i = 0; floats && i < n; i++)
        valid -= a[i].key == (KEY)-1;
    int64_t k = valid == n || (skip_nan && valid > 0) ? (valid - 1) / 2 : skip_nan ? 0 : valid;
    *b = S(nth)(n, a, b, k);
    return b;
}

static const S(pair) * S(line)(const job *j, S(pair) * a, S(pair) * b)
{
    int64_t n = j->l->n;
    bool floats = tp_dtype_is_float(j->l->dtype);
    switch (j->what) {
    case TP__SORT:
        return S(sort)(n, a, b);
    case TP__TOP:
        return S(top)(n, a, b, j->k);
    case TP__MODE:
        return S(mode)(n, a, b, floats);
    case TP__MEDIAN:
        return S(median)(n, a, b, floats, false);
    case TP__NANMEDIAN:
        return S(median)(n, a, b, floats, true);
    default:
        break;
    }
    *b = S(nth)(n, a, b, j->k);
    return b;
}

/* The keys of n elements `stride` apart, those at `at` or all; all bits of `flip` set turn the order around. */
typedef void (*S(load_fn))(int64_t n, const void *x, int64_t stride, const int64_t *at, KEY flip, S(pair) * out);
/* What is at the positions of n pairs, all `stride` apart. */
typedef void (*S(fetch_fn))(int64_t n, const void *x, int64_t stride, const S(pair) * p, void *out);
/* clang-format off */
#define LOAD(id, type, key_of)                                                                     \
    static void S(load_##id)(int64_t n, const void *x, int64_t stride, const int64_t *at, KEY flip, S(pair) *out) \
    { const type *v = x;                                                                           \
      for (int64_t i = 0; i < n; i++) { int64_t p = at ? at[i] : i; out[i] = (S(pair)){key_of(v[p * stride], KEY) ^ flip, (AT)p}; } }
#define FETCH(id, type)                                                                            \
    static void S(fetch_##id)(int64_t n, const void *x, int64_t stride, const S(pair) *p, void *out) \
    { const type *v = x; type *y = out; for (int64_t i = 0; i < n; i++) y[i * stride] = v[(int64_t)p[i].at * stride]; }
/* clang-format on */
LOADERS
TP__SIZE_LIST(FETCH)
static const S(load_fn) S(loaders)[TP_DTYPES] = {LOADER_TABLE};
TP__DTYPES_ARE(6);
static const S(fetch_fn) S(fetchers)[] = {S(fetch_1), S(fetch_2), S(fetch_4), S(fetch_8), S(fetch_16)};
#undef LOAD
#undef FETCH

/* Lines [begin, end), in the space of one task. */
static void S(lines)(const job *j, int64_t begin, int64_t end, void *space)
{
    const tp__lines *l = j->l;
    S(pair) *a = space, *b = a + l->n;
    size_t size = tp_dtype_size(l->dtype);
    int64_t m = tp__selected(j->what, l->n, j->k);
    for (int64_t line = begin; line < end; line++) {
        int64_t outer = line / l->inner, column = line % l->inner, to = outer * m * l->inner + column;
        const char *x = (const char *)l->x + (size_t)(outer * l->n * l->inner + column) * size;
        S(loaders)[l->dtype](l->n, x, l->inner, NULL, j->descending ? (KEY)-1 : 0, a);
        const S(pair) *p = S(line)(j, a, b);
        for (int64_t i = 0; j->index && i < m; i++)
            j->index[to + i * l->inner] = (int64_t)p[i].at;
        if (j->values)
            S(fetchers)[tp__size_place(size)](m, x, l->inner, p, (char *)j->values + (size_t)to * size);
    }
}

/* One more element of each slice, at x, to tell those in a run apart; false once no two are in one run. first[i]
 * says that i starts a run. NaN is apart from all. */
static bool S(refine)(const tp__lines *l, const void *x, int64_t *order, uint8_t *first, void *space)
{
    S(pair) *a = space, *b = a + l->n;
    bool floats = tp_dtype_is_float(l->dtype), more = false;
    for (int64_t begin = 0, end; begin < l->n; begin = end) {
        for (end = begin + 1; end < l->n && !first[end];)
            end++;
        int64_t n = end - begin;
        if (n == 1)
            continue;
        S(loaders)[l->dtype](n, x, l->inner, order + begin, 0, a);
        const S(pair) *p = S(sort)(n, a, b);
        for (int64_t i = 0; i < n; i++) {
            order[begin + i] = (int64_t)p[i].at;
            first[begin + i] = i == 0 || p[i].key != p[i - 1].key || (floats && p[i].key == (KEY)-1);
        }
        more = true;
    }
    return more;
}
