/* mt19937.c - the random generator: MT19937 (Matsumoto and Nishimura, 1998), and PyTorch's ways from its
 * words to numbers, bit for bit. FEW: what one draw gives; BLOCKS of 16: what a large fill gives.
 *
 * All arithmetic is in the precision and order written here: contraction is off, a fused step is an fma.
 */
#include "core/core.h"

#include <math.h>
#include <string.h>

enum { N = 624, M = 397, BLOCK = 16, HALF = 8 };

/* Such loops are written once and compiled twice on x86: with the fma instruction, and with libm's
 * fma for processors without one. The bits are the same. */
#if defined(__x86_64__) && defined(__GNUC__)
/* clang-format off */
#define WITH_FMA(name, parameters, arguments)                                                      \
    __attribute__((target("avx2,fma"))) static void name##_fma parameters { name##_body arguments; } \
    static void name##_plain parameters { name##_body arguments; }                                 \
    static void name parameters                                                                    \
    { if (tp__cpu_isa() >= TP__ISA_AVX2) name##_fma arguments; else name##_plain arguments; }
/* clang-format on */
#else
#define WITH_FMA(name, parameters, arguments) \
    static void name parameters { name##_body arguments; }
#endif
#define BODY static inline __attribute__((always_inline)) void

/* ---- words ----------------------------------------------------------------------------------------------- */

void tp__rng_seed(tp__rng *g, uint64_t seed)
{
    memset(g, 0, sizeof *g);
    g->seed = seed;
    g->state[0] = (uint32_t)seed;
    for (uint32_t i = 1; i < N; i++)
        g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
}

static inline uint32_t twist(uint32_t u, uint32_t v)
{
    uint32_t mixed = (u & 0x80000000u) | (v & 0x7fffffffu);
    return (mixed >> 1) ^ ((0u - (v & 1u)) & 0x9908b0dfu);
}

static void refill(tp__rng *g)
{
    uint32_t *s = g->state;
    for (int i = 0; i < N - M; i++)
        s[i] = s[i + M] ^ twist(s[i], s[i + 1]);
    for (int i = N - M; i < N - 1; i++)
        s[i] = s[i + M - N] ^ twist(s[i], s[i + 1]);
    s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
    g->left = N;
    g->next = 0;
}

static inline uint32_t temper(uint32_t y)
{
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t tp__rng_u32(tp__rng *g)
{
    if (g->left == 0)
        refill(g);
    g->left--;
    return temper(g->state[g->next++]);
}

uint64_t tp__rng_u64(tp__rng *g)
{
    if (g->left >= 2) {
        const uint32_t *s = g->state + g->next;
        g->left -= 2;
        g->next += 2;
        return (uint64_t)temper(s[0]) << 32 | temper(s[1]);
    }
    uint64_t high = tp__rng_u32(g);
    return high << 32 | tp__rng_u32(g);
}

/* Ranges beyond 32 bits take two words. */
uint64_t tp__rng_below(tp__rng *g, uint64_t range)
{
    return range < (uint64_t)1 << 32 ? tp__rng_u32(g) % (uint32_t)range : tp__rng_u64(g) % range;
}

/* Places are drawn some ahead, so that what lies there is on its way when its turn comes. */
void tp__rng_shuffle(tp__rng *g, int64_t *order, int64_t n)
{
    enum { AHEAD = 32 };
    int64_t place[AHEAD];
    for (int64_t i = 0, stop; i < n - 1; i = stop) {
        stop = n - 1 - i < AHEAD ? n - 1 : i + AHEAD;
        for (int64_t k = i; k < stop; k++) {
            place[k - i] = k + (int64_t)tp__rng_below(g, (uint64_t)(n - k));
            __builtin_prefetch(&order[place[k - i]], 1);
        }
        for (int64_t k = i; k < stop; k++) {
            int64_t t = order[k];
            order[k] = order[place[k - i]];
            order[place[k - i]] = t;
        }
    }
}

/* ---- uniform ------------------------------------------------------------------------------------------------ */

static inline float u24(uint32_t word) { return (float)(word & 0xffffffu) * 0x1p-24f; }
/* Of two words; in halves that are exact, and that every processor converts: a signed one of the lower word. */
static inline double u53(uint32_t high, uint32_t low)
{
    double upper = (double)(int32_t)(high & 0x1fffffu) * 0x1p32 + 0x1p31;
    return (upper + (double)(int32_t)(low ^ 0x80000000u)) * 0x1p-53;
}

float tp__rng_uniform_f32(tp__rng *g) { return u24(tp__rng_u32(g)); }
double tp__rng_uniform_f64(tp__rng *g)
{
    uint64_t words = tp__rng_u64(g);
    return u53((uint32_t)(words >> 32), (uint32_t)words);
}

BODY u24_of_words_body(const uint32_t *words, int n, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = u24(temper(words[i]));
}
WITH_FMA(u24_of_words, (const uint32_t *words, int n, float *out), (words, n, out))

/* n draws in [0, 1), a stretch of the state at a time */
static void fill_u24(tp__rng *g, float *out, int64_t n)
{
    while (n > 0) {
        if (g->left == 0)
            refill(g);
        int m = n < g->left ? (int)n : g->left;
        u24_of_words(g->state + g->next, m, out);
        g->left -= m;
        g->next += m;
        out += m;
        n -= m;
    }
}

BODY u53_of_words_body(const uint32_t *words, int n, double *out)
{
    for (int i = 0; i < n; i++)
        out[i] = u53(temper(words[2 * i]), temper(words[2 * i + 1]));
}
WITH_FMA(u53_of_words, (const uint32_t *words, int n, double *out), (words, n, out))

static void fill_u53(tp__rng *g, double *out, int64_t n)
{
    while (n > 0) {
        if (g->left == 0)
            refill(g);
        int m = n < g->left / 2 ? (int)n : g->left / 2;
        u53_of_words(g->state + g->next, m, out);
        g->left -= 2 * m;
        g->next += 2 * m;
        if (n > m && g->left == 1) /* its second word is the next stretch's first */
            out[m++] = tp__rng_uniform_f64(g);
        out += m;
        n -= m;
    }
}

BODY scale_f32_body(float *x, int64_t n, float range, float low)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = fmaf(x[i], range, low);
}
WITH_FMA(scale_f32, (float *x, int64_t n, float range, float low), (x, n, range, low))

BODY scale_f64_body(double *x, int64_t n, double range, double low)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = fma(x[i], range, low);
}
WITH_FMA(scale_f64, (double *x, int64_t n, double range, double low), (x, n, range, low))

void tp__rng_fill_uniform(tp__rng *g, tp_dtype dtype, void *out, int64_t n, double low, double high)
{
    if (dtype == TP_F32) {
        fill_u24(g, out, n);
        if (low != 0 || high != 1)
            scale_f32(out, n, (float)high - (float)low, (float)low);
        return;
    }
    fill_u53(g, out, n);
    if (low != 0 || high != 1)
        scale_f64(out, n, high - low, low);
}

/* ---- normal: Box and Muller, 1958 ------------------------------------------------------------------------------ */

#define TWO_PI 6.283185307179586476925

/* FEW: pairs in double; the second of a pair waits for the next call. */
static double one_normal(tp__rng *g)
{
    if (g->has_normal) {
        g->has_normal = false;
        return g->normal;
    }
    double u1 = tp__rng_uniform_f64(g), u2 = tp__rng_uniform_f64(g);
    double r = sqrt(-2 * log(1 - u2)), theta = TWO_PI * u1;
    g->normal = r * sin(theta);
    g->has_normal = true;
    return r * cos(theta);
}

/* Bits for values: what the block loops choose, they choose by masks, for a branch would keep them scalar. */
static inline __attribute__((always_inline)) uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline __attribute__((always_inline)) float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* log x for 0 < x <= 1: a polynomial on [sqrt(1/2), sqrt(2)) (coefficients of the Cephes library, S. L. Moshier) */
static inline __attribute__((always_inline)) float log_f32(float x)
{
    static const float c[8] = {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
                               -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
    uint32_t bits = bits_of(x), half = (bits & 0x007fffffu) | 0x3f000000u;
    int32_t low = half < bits_of(0.707106781186547524f); /* then 2 m - 1 and a smaller e; both are exact */
    float e = (float)((int32_t)(bits >> 23) - 126 - low), m = float_of(half);
    m = (m - 1) + float_of(half & (0u - (uint32_t)low));
    float z = m * m, y = 7.0376836292e-2f;
    for (int k = 0; k < 8; k++)
        y = fmaf(y, m, c[k]);
    y = y * m;
    y = fmaf(y, z, e * -2.12194440e-4f);
    y = fmaf(-0.5f, z, y);
    return fmaf(e, 0.693359375f, m + y);
}

/* sin and cos of 0 <= x < 2 pi, by octants (Cephes) */
static inline __attribute__((always_inline)) void sincos_f32(float x, float *sine, float *cosine)
{
    int32_t j = (int32_t)(x * 1.27323954473516f);
    j = (j + 1) & ~1;
    float y = (float)j;
    x = fmaf(y, -0.78515625f, x);
    x = fmaf(y, -2.4187564849853515625e-4f, x);
    x = fmaf(y, -3.77489497744594108e-8f, x);
    float z = x * x;
    float p = fmaf(fmaf(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f) * z;
    p = fmaf(p, z, -0.5f * z) + 1;
    float q = fmaf(fmaf(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f) * z;
    q = fmaf(q, x, x);
    uint32_t odd = 0u - ((uint32_t)j >> 1 & 1u), swap = (bits_of(p) ^ bits_of(q)) & odd;
    *sine = float_of(bits_of(q) ^ swap ^ ((uint32_t)j & 4u) << 29);
    *cosine = float_of(bits_of(p) ^ swap ^ (~(uint32_t)(j - 2) & 4u) << 29);
}

/* BLOCKS: 16 uniforms become 16 normals, where they lie. */
BODY normal_blocks_f32_body(float *d, int64_t blocks, float mean, float std)
{
    for (int64_t b = 0; b < blocks; b++, d += BLOCK)
        for (int j = 0; j < HALF; j++) {
            float s, c, r = sqrtf(-2 * log_f32(1 - d[j]));
            sincos_f32((float)TWO_PI * d[j + HALF], &s, &c);
            d[j] = fmaf(r * c, std, mean);
            d[j + HALF] = fmaf(r * s, std, mean);
        }
}
WITH_FMA(normal_blocks_f32, (float *d, int64_t blocks, float mean, float std), (d, blocks, mean, std))

BODY normal_blocks_f64_body(double *d, int64_t blocks, double mean, double std)
{
    for (int64_t b = 0; b < blocks; b++, d += BLOCK)
        for (int j = 0; j < HALF; j++) {
            double r = sqrt(-2 * log(1 - d[j])), theta = TWO_PI * d[j + HALF];
            d[j] = fma(r * cos(theta), std, mean);
            d[j + HALF] = fma(r * sin(theta), std, mean);
        }
}
WITH_FMA(normal_blocks_f64, (double *d, int64_t blocks, double mean, double std), (d, blocks, mean, std))

/* What is left over after whole blocks: the last 16 are drawn again. */
void tp__rng_fill_normal(tp__rng *g, tp_dtype dtype, void *out, int64_t n, double mean, double std)
{
    if (n < BLOCK) {
        for (int64_t i = 0; i < n; i++)
            tp__store((char *)out + (size_t)i * tp_dtype_size(dtype), dtype, fma(one_normal(g), std, mean));
    } else if (dtype == TP_F32) {
        float *d = out;
        fill_u24(g, d, n);
        normal_blocks_f32(d, n / BLOCK, (float)mean, (float)std);
        if (n % BLOCK) {
            fill_u24(g, d + n - BLOCK, BLOCK);
            normal_blocks_f32(d + n - BLOCK, 1, (float)mean, (float)std);
        }
    } else {
        double *d = out;
        fill_u53(g, d, n);
        normal_blocks_f64(d, n / BLOCK, mean, std);
        if (n % BLOCK) {
            fill_u53(g, d + n - BLOCK, BLOCK);
            normal_blocks_f64(d + n - BLOCK, 1, mean, std);
        }
    }
}

double tp__rng_normal(tp__rng *g) { return one_normal(g); }

/* ---- the state as PyTorch lays it out: seed, words left and next, 624 words, the normal that waits -------------- */

typedef struct {
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next, state[N];
    double normal_x, normal, normal_rho;
    int32_t has_normal, gap;
    float next_float;
    int32_t has_next_float;
} saved_state;

_Static_assert(sizeof(saved_state) == TP__RNG_STATE, "the layout of PyTorch's generator");

void tp__rng_get(const tp__rng *g, void *to)
{
    saved_state s = {.seed = g->seed,
                     .left = g->left + 1, /* it counts before it draws */
                     .seeded = 1,
                     .next = (uint64_t)g->next,
                     .normal = g->has_normal ? g->normal : 0,
                     .has_normal = g->has_normal};
    for (int i = 0; i < N; i++)
        s.state[i] = g->state[i];
    memcpy(to, &s, sizeof s);
}

bool tp__rng_set(tp__rng *g, const void *from)
{
    saved_state s;
    memcpy(&s, from, sizeof s);
    bool whole = s.seeded == 1 && s.left >= 1 && s.left <= N + 1 && s.next <= N &&
                 (s.left == 1 ? true : s.next + (uint64_t)s.left == N + 1);
    if (!whole)
        return false;
    for (int i = 0; i < N; i++)
        g->state[i] = (uint32_t)s.state[i];
    g->seed = s.seed;
    g->left = s.left - 1;
    g->next = (int)s.next;
    g->has_normal = s.has_normal != 0;
    g->normal = s.normal;
    return true;
}
