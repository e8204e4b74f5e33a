/* extreme_body.h - the largest or smallest of floats, BETTER(x, a) than the others; OWN, ZERO, OF, WIDTH (lanes of a row) and the
 * type B of as many bits as R are given, and gone afterwards but for B. Among numbers the choice is an instruction; where one is
 * none (odd), that is the result.
 */
#define CHOSEN(a, x) (BETTER(x, a) ? (x) : (a))
#define STEP(a, x) (BETTER(x, a) || (x) != (x) ? (x) : (a))
#define LANE R
#define GATHERED R

static void OWN(start)(void *acc) { *(R *)acc = (R)(ZERO); }
static void OWN(join)(const void *from, void *acc)
{
    R x = *(const R *)from, a = *(R *)acc;
    *(R *)acc = STEP(a, x);
}

#define USUAL 0
#include "kernel/reducer_columns_body.h"
#undef USUAL

static ALWAYS_INLINE void OWN(fold)(int n, R *lane)
{
    for (int l = 0; l < n; l++)
        lane[l] = CHOSEN(lane[l], lane[l + n]);
}

static ALWAYS_INLINE void OWN(fold_odd)(int n, R *lane, B *odd)
{
    OWN(fold)(n, lane);
    for (int l = 0; l < n; l++)
        odd[l] |= odd[l + n];
}

/* The lanes of a chunk of so many at once; what is no number leaves a mark. */
static ALWAYS_INLINE int64_t OWN(taken)(int width, int64_t i, int64_t n, const R *v, R *lane, B *odd)
{
    for (; i + width <= n; i += width)
        for (int l = 0; l < width; l++) {
            R e = v[i + l], a = lane[l], x = OF(e);
            lane[l] = CHOSEN(a, x);
            odd[l] |= (B)0 - (B)(x != x);
        }
    return i;
}

static void OWN(row)(int64_t n, const void *in, void *acc)
{
    const R *v = in;
    R lane[WIDTH], few[FEW], last = (ZERO);
    B odd[WIDTH], any = 0;
    int64_t i = 0;
    for (int l = 0; l < WIDTH; l++) {
        lane[l] = (ZERO);
        odd[l] = 0;
    }
    for (int l = 0; l < FEW; l++)
        few[l] = (ZERO);
    i = OWN(taken)(WIDTH, i, n, v, lane, odd);
    i = OWN(taken)(FEW, i, n, v, few, odd);
    for (; i < n; i++) {
        R e = v[i], x = OF(e);
        last = CHOSEN(last, x);
        any |= (B)(x != x);
    }
    for (int half = WIDTH / 2; half >= FEW; half /= 2)
        OWN(fold_odd)(half, lane, odd);
    for (int l = 0; l < FEW; l++) {
        few[l] = CHOSEN(few[l], lane[l]);
        any |= odd[l];
    }
    for (i = 0; any; i++) {
        R e = v[i], x = OF(e);
        if (x != x) {
            *(R *)acc = x;
            return;
        }
    }
    OWN(fold)(4, few);
    OWN(fold)(2, few);
    OWN(fold)(1, few);
    few[0] = CHOSEN(few[0], last);
    OWN(join)(few, acc);
}

static void OWN(rows)(int64_t rows, int64_t apart, int64_t n, const void *in, void *acc)
{
    const R *v = in;
    R *a = acc;
    for (int64_t r = 0; r < rows; r++) {
        OWN(start)(&a[r]);
        OWN(row)(n, v + r * apart, &a[r]);
    }
}

#undef CHOSEN
#undef STEP
#undef LANE
#undef GATHERED
#undef OWN
#undef ZERO
#undef OF
#undef BETTER
