/* reducer_body.h - a reducer's functions (reduce.h): start and join, row and rows, columns; read by the lists of reducers.
 *
 * R: element; LANE: lane; GATHERED: what is gathered in; ZERO: neutral element; OF(e): what counts of the element e; STEP(a, x): a
 * with such an x taken in; USUAL: are there functions for the usual widths of columns? PLAIN: of integers, which the compiler
 * may take in any order: the lanes of a row are its own. OWN(part): the functions' names. All are gone afterwards.
 */

static void OWN(start)(void *acc) { *(GATHERED *)acc = (GATHERED)(ZERO); }
static void OWN(join)(const void *from, void *acc)
{
    GATHERED x = *(const GATHERED *)from, a = *(GATHERED *)acc;
    *(GATHERED *)acc = (GATHERED)STEP(a, x);
}

#if PLAIN
static void OWN(row)(int64_t n, const void *in, void *acc)
{
    const R *v = in;
    LANE a = (LANE) * (GATHERED *)acc;
    for (int64_t i = 0; i < n; i++) {
        R e = v[i];
        LANE x = (LANE)OF(e);
        a = (LANE)STEP(a, x);
    }
    *(GATHERED *)acc = (GATHERED)a;
}
#else
/* Half of the lanes into the others. */
static ALWAYS_INLINE void OWN(fold)(int n, GATHERED *part)
{
    for (int l = 0; l < n; l++) {
        GATHERED a = part[l], x = part[l + n];
        part[l] = (GATHERED)STEP(a, x);
    }
}

static void OWN(row)(int64_t n, const void *in, void *acc)
{
    const R *v = in;
    LANE lane[LANES], few[FEW];
    GATHERED part[LANES / 2], last = (GATHERED)(ZERO);
    int64_t i = 0;
    for (int l = 0; l < LANES; l++)
        lane[l] = (LANE)(ZERO);
    for (; i + LANES <= n; i += LANES)
        for (int l = 0; l < LANES; l++) {
            R e = v[i + l];
            LANE a = lane[l], x = (LANE)OF(e);
            lane[l] = (LANE)STEP(a, x);
        }
    const bool more = i < n;
    if (more) {
        for (int l = 0; l < FEW; l++)
            few[l] = (LANE)(ZERO);
        for (; i + FEW <= n; i += FEW)
            for (int l = 0; l < FEW; l++) {
                R e = v[i + l];
                LANE a = few[l], x = (LANE)OF(e);
                few[l] = (LANE)STEP(a, x);
            }
        for (; i < n; i++) {
            R e = v[i];
            GATHERED a = last, x = (GATHERED)(LANE)OF(e);
            last = (GATHERED)STEP(a, x);
        }
    }
    for (int l = 0; l < LANES / 2; l++) {
        GATHERED a = (GATHERED)lane[l], x = (GATHERED)lane[l + LANES / 2];
        part[l] = (GATHERED)STEP(a, x);
    }
    OWN(fold)(8, part);
    for (int l = 0; l < (more ? FEW : 0); l++) {
        GATHERED a = part[l], x = (GATHERED)few[l];
        part[l] = (GATHERED)STEP(a, x);
    }
    OWN(fold)(4, part);
    OWN(fold)(2, part);
    OWN(fold)(1, part);
    if (more) {
        GATHERED a = part[0], x = last;
        part[0] = (GATHERED)STEP(a, x);
    }
    OWN(join)(part, acc);
}
#endif

static void OWN(rows)(int64_t rows, int64_t apart, int64_t n, const void *in, void *acc)
{
    const R *v = in;
    GATHERED *a = acc;
    for (int64_t r = 0; r < rows; r++) {
        OWN(start)(&a[r]);
        OWN(row)(n, v + r * apart, &a[r]);
    }
}

#include "kernel/reducer_columns_body.h"

#undef OWN
#undef LANE
#undef GATHERED
#undef ZERO
#undef OF
#undef STEP
#undef USUAL
