/* embed_rounding.c - a host changes the floating-point mode: flush to zero, or the direction of rounding.
 *
 * The mode is the calling thread's; a large loop is divided among helper threads, and the same call must give the same
 * bits each time, on each element, whoever computed it. A helper thread has the mode that its maker had when it was made,
 * before the host's change (or during a change that is over).
 *
 * Truth: all elements of the operand are equal, so all elements of the result are; and they are what C computes in this
 * thread.
 */
#include <fenv.h>
#include <stdio.h>
#include <string.h>
#include <tapir.h>
#ifdef _OPENMP
#include <omp.h>
#else
static void omp_set_num_threads(int n) { (void)n; }
#endif

enum { N = 1 << 21, ROUNDS = 20 };

/* 1 + 1e-30, in the direction that is set now */
static float here(void)
{
    volatile float one = 1, little = 1e-30f;
    return one + little;
}

static long different(tp_tape *T)
{
    long  bad = 0;
    float want = here();
    for (int r = 0; r < ROUNDS; r++) {
        const float *y = tp_data(tp_add_scalar(T, tp_full(T, TP_F32, tp_shape(N), 1e-30), 1));
        for (long i = 0; y && i < N; i++)
            bad += memcmp(&y[i], &want, sizeof want) != 0;
        tp_tape_reset(T);
    }
    return bad;
}

int main(void)
{
    static const struct { int mode; const char *name; } modes[] = {
        {FE_TONEAREST, "to nearest"}, {FE_UPWARD, "upward"}, {FE_TONEAREST, "to nearest again"}, {FE_DOWNWARD, "downward"}};
    tp_tape *T = tp_tape_new();
    int      bad = 0;
    omp_set_num_threads(4);
    for (unsigned i = 0; i < sizeof modes / sizeof *modes; i++) {
        fesetround(modes[i].mode);
        long n = different(T);
        if (fegetround() != modes[i].mode) { printf("%s: the mode of this thread is another now\n", modes[i].name); bad++; }
        if (n) { printf("%s: %ld of %ld elements are not %.9g\n", modes[i].name, n, (long)N * ROUNDS, here()); bad++; }
    }
    fesetround(FE_TONEAREST);
    if (tp_error(T)) { printf("%s\n", tp_error(T)); bad++; }
    tp_tape_free(T);
    return bad != 0;
}
