/* blas_kind.c - which BLAS answers, how wide its integers are, and which of its kernels run.
 *
 * An OpenBLAS that was built for many processors picks kernels when it is loaded. One that is older than the processor
 * may not know it and picks those of the oldest: an eighth of the speed. So, when this library is loaded, what was picked
 * is held against what the processor says it can do, and where it is a class below, OpenBLAS is asked to pick again, by
 * name. That is safe only while no other thread computes or reads the environment, so it is done where the process has
 * no other thread, and never where the user has chosen (OPENBLAS_CORETYPE) or does not want it (TAPIR_BLAS_CORE=off).
 */
#define _GNU_SOURCE /* dladdr */
#include "kernel/blas_kind.h"

#include <cblas.h>
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

/* OpenBLAS's own; another CBLAS has none. From a static library the linker takes what something else needs, which may be
 * the last three alone; tapir.pc asks for the others. */
extern char *openblas_get_config(void) __attribute__((weak));
extern char *openblas_get_corename(void) __attribute__((weak));
extern int openblas_get_parallel(void) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));
extern char *gotoblas_corename(void) __attribute__((weak));
extern void gotoblas_dynamic_init(void) __attribute__((weak));
extern void gotoblas_dynamic_quit(void) __attribute__((weak));

static struct {
    bool wide;          /* integers of 64 bits */
    bool small_kernels; /* see blas.c */
    char before[24];    /* the kernels that OpenBLAS had picked, where others run now; else empty */
    const char *better; /* what should run, and does not; NULL: nothing */
    const char *why;    /* ... and why not */
} kind;

/* ---- integers ----------------------------------------------------------------------------------------------------- */

/* Asks for a product of vectors whose length is 1 in the lower 32 bits of a register and negative in all 64: whoever
 * counts with 64 does nothing. */
__attribute__((no_sanitize("undefined"))) static bool has_wide_integers(void)
{
    typedef double (*wide_dot)(int64_t n, const double *x, int64_t incx, const double *y, int64_t incy);
    wide_dot dot = (wide_dot)(void (*)(void))cblas_ddot;
    double one = 1;
    return dot(INT64_MIN + 1, &one, 1, &one, 1) != 1;
}

bool tp__blas_counts(int64_t a, int64_t b, int64_t c)
{
    return a <= INT_MAX && b <= INT_MAX && c <= INT_MAX && !kind.wide;
}

bool tp__blas_ready(int64_t a, int64_t b, int64_t c) { return tp__blas_counts(a, b, c) && tp__blas_has_room(); }

const char *tp__blas_trouble(tp_status *status)
{
    *status = !kind.wide && tp__blas_was_refused() ? TP_ENOMEM : TP_EUNSUPPORTED;
    if (kind.wide)
        return "the BLAS at hand has 64-bit integers (ILP64); one with 32-bit integers (LP64) is needed";
    return *status == TP_ENOMEM ? "no address space is left for OpenBLAS's buffer, which takes 128 MiB (ulimit -v)"
                                : "a size beyond what this BLAS can count";
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

static const char *core(void)
{
    return openblas_get_corename ? openblas_get_corename() : gotoblas_corename ? gotoblas_corename() : "";
}

/* What a set of kernels needs. A name that is not here is of a newer OpenBLAS, or of another kind of processor. */
enum { UNKNOWN = TP__ISA_AVX512 + 1 };

static int class_of(const char *name)
{
    static const char *const names[][24] = {[TP__ISA_BASE] = {"Katmai",      "Coppermine", "Northwood",  "Prescott",
                                                              "Banias",      "Core2",      "Penryn",     "Dunnington",
                                                              "Nehalem",     "Athlon",     "Opteron",    "Opteron_SSE3",
                                                              "Barcelona",   "Bobcat",     "Atom",       "Nano",
                                                              "Sandybridge", "Bulldozer",  "Piledriver", "Steamroller"},
                                            [TP__ISA_AVX2] = {"Haswell", "Zen", "Excavator"},
                                            [TP__ISA_AVX512] = {"SkylakeX", "Cooperlake", "SapphireRapids"}};
    for (int k = 0; k < UNKNOWN; k++)
        for (int i = 0; names[k][i]; i++)
            if (strcasecmp(name, names[k][i]) == 0)
                return k;
    return UNKNOWN;
}

const char *tp__blas_core_for(tp__processor p)
{
    if (p.isa == TP__ISA_AVX512)
        return p.bf16 ? "Cooperlake" : "SkylakeX";
    return p.isa == TP__ISA_AVX2 ? (p.vendor == TP__AMD ? "Zen" : "Haswell") : NULL;
}

bool tp__blas_use_core(const char *name)
{
    const char *was = getenv("OPENBLAS_CORETYPE");
    char *before = was ? strdup(was) : NULL;
    if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit || (was && !before))
        return false;
    if (setenv("OPENBLAS_CORETYPE", name, 1) == 0) {
        gotoblas_dynamic_quit();
        gotoblas_dynamic_init();
        kind.small_kernels = class_of(core()) == TP__ISA_AVX512;
    }
    if (before)
        setenv("OPENBLAS_CORETYPE", before, 1); /* which needs no memory: the other value was longer or took a place */
    else
        unsetenv("OPENBLAS_CORETYPE");
    free(before);
    return strcasecmp(core(), name) == 0;
}

/* Threads of the process but for this one and BLAS's own; -1: not known. */
static int other_threads(void)
{
    struct stat tasks; /* a directory for each, and its own two links */
    if (stat("/proc/self/task", &tasks) != 0 || tasks.st_nlink < 3)
        return -1;
    int own = tp__blas_has_threads() && openblas_get_num_threads ? openblas_get_num_threads() - 1 : 0;
    int others = (int)tasks.st_nlink - 3;
    return others > own ? others - own : 0;
}

/* Why the kernels stay as they are; NULL where nothing speaks against others. */
static const char *reason_to_stay(void)
{
    const char *wish = getenv("TAPIR_BLAS_CORE");
    if (getenv("OPENBLAS_CORETYPE"))
        return "OPENBLAS_CORETYPE is set";
    if (wish && strcmp(wish, "off") == 0)
        return "TAPIR_BLAS_CORE is off";
    if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit)
        return "this OpenBLAS has no others";
    return other_threads() == 0 ? NULL : "threads were at work at load";
}

/* The best of the names that this OpenBLAS has, or what it had picked. */
static void pick_again(tp__processor p, const char *before)
{
    const char *const names[] = {kind.better, "SkylakeX", "Haswell", before};
    const tp__isa needs[] = {p.isa, TP__ISA_AVX512, TP__ISA_AVX2, TP__ISA_BASE};
    for (int i = 0; i < 4; i++)
        if (needs[i] <= p.isa && (class_of(names[i]) > class_of(before) || i == 3) && tp__blas_use_core(names[i]))
            break;
}

void tp__blas_choose_core(void)
{
    tp__processor p = tp__cpu();
    const char *best = tp__blas_core_for(p);
    char before[sizeof kind.before];
    snprintf(before, sizeof before, "%s", core());
    kind.better = kind.why = NULL;
    kind.before[0] = '\0';
    if (best == NULL || class_of(before) >= (int)p.isa)
        return;
    kind.better = best;
    kind.why = reason_to_stay();
    if (kind.why)
        return;
    pick_again(p, before);
    if (strcmp(core(), before) != 0)
        memcpy(kind.before, before, sizeof before);
    kind.better = class_of(core()) < (int)p.isa ? best : NULL;
    kind.why = kind.better ? "this OpenBLAS has none" : NULL;
}

/* OpenBLAS's own constructor has run, but for one that is linked statically: there it is yet to, and leaves what it
 * finds done. */
__attribute__((constructor)) static void look(void)
{
    if (gotoblas_dynamic_init)
        gotoblas_dynamic_init();
    kind.wide = has_wide_integers();
    kind.small_kernels = class_of(core()) == TP__ISA_AVX512;
    tp__blas_choose_core();
}

bool tp__blas_has_small_kernels(void) { return kind.small_kernels; }

bool tp__blas_takes_buffers(void) { return core()[0] != '\0'; }

/* The pthread flavour. */
bool tp__blas_has_threads(void) { return openblas_get_parallel && openblas_get_parallel() == 1; }

/* ---- in words ----------------------------------------------------------------------------------------------------- */

typedef struct {
    char text[640];
    size_t used;
} words;

static void say(words *w, const char *format, const char *a, const char *b)
{
    int n = snprintf(w->text + w->used, sizeof w->text - w->used, format, a, b);
    if (n > 0)
        w->used = w->used + (size_t)n < sizeof w->text ? w->used + (size_t)n : sizeof w->text - 1;
}

/* "OpenBLAS 0.3.21" of a configuration that goes on. */
static void say_openblas(words *w)
{
    static const char *const threading[] = {"one thread", "pthreads", "openmp"};
    int threads = openblas_get_parallel ? openblas_get_parallel() : -1;
    const char *config = openblas_get_config ? openblas_get_config() : "OpenBLAS";
    const char *second = strchr(config, ' '), *end = second ? strchr(second + 1, ' ') : NULL;
    char name[64];
    snprintf(name, sizeof name, "%.*s", end ? (int)(end - config) : (int)sizeof name - 1, config);
    say(w, "%s", name, NULL);
    if (threads >= 0 && threads <= 2)
        say(w, ", %s", threading[threads], NULL);
    say(w, ", %s", core(), NULL);
    if (kind.before[0])
        say(w, " (instead of %s)", kind.before, NULL);
}

const char *tp__blas_info(void)
{
    static _Thread_local words w;
    Dl_info library;
    w.used = 0;
    if (core()[0])
        say_openblas(&w);
    else
        say(&w, "CBLAS", NULL, NULL);
    if (kind.wide)
        say(&w, ", 64-bit integers: not usable", NULL, NULL);
    bool found = dladdr((void *)(uintptr_t)cblas_dgemm, &library) != 0 && library.dli_fname;
    say(&w, "; %s", found ? library.dli_fname : "file not known", NULL);
    if (kind.better)
        say(&w, "; %s kernels would suit this processor: %s", kind.better, kind.why);
    if (kind.better)
        say(&w, "; OPENBLAS_CORETYPE=%s in the environment chooses them", kind.better, NULL);
    return w.text;
}
