/* safetensors_in_proportion.c - time and memory go with the size of a file, whatever is in it.
 *
 * 1. 60,000 small tensors are written, opened and found by name within seconds.
 * 2. To open a file with a header of 15 MB takes at most ten times that in memory, also where the header is made to be
 *    expensive: deep or long lists, very many members, very many words of metadata.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <tapir.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 60000, HEADER = 15 << 20 };
static char path[] = "/tmp/tapir_proportion_XXXXXX";

static double cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int many(void)
{
    tp_tape    *T = tp_tape_new();
    char       (*name)[16] = malloc(MANY * sizeof *name);
    const char **names = malloc(MANY * sizeof *names);
    tp_tensor  **tensors = malloc(MANY * sizeof *tensors), *one = tp_ones(T, TP_F32, tp_shape(1));
    int          bad = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "t%d", i * 7 % MANY);
        names[i] = name[i];
        tensors[i] = one;
    }
    double start = cpu();
    tp_status status = tp_safetensors_save(T, path, MANY, names, tensors, 0, NULL, NULL);
    if (status == TP_EUNSUPPORTED) exit(77); /* built without jansson */
    tp_safetensors *f = tp_safetensors_open(T, path);
    for (int i = 0; i < MANY; i++)
        bad += !tp_safetensors_has(f, names[i]);
    bad += tp_safetensors_has(f, "t") || tp_safetensors_length(f) != MANY;
    tp_safetensors_close(f);
    if (bad) printf("%d names of %d are lost; %s\n", bad, (int)MANY, tp_error(T) ? tp_error(T) : "");
    if (cpu() - start > 5) { printf("%d tensors take %.1f s\n", (int)MANY, cpu() - start); bad++; }
    tp_tape_free(T);
    free(name);
    free(names);
    free(tensors);
    return bad != 0;
}

/* The most memory of a child that opens the file, in MB */
static double peak(bool really)
{
    pid_t child = fork();
    if (child == 0) {
        tp_tape *T = tp_tape_new();
        if (really) tp_safetensors_close(tp_safetensors_open(T, path));
        tp_tape_free(T);
        _exit(0);
    }
    struct rusage used;
    int status = 0;
    wait4(child, &status, 0, &used);
    return status == 0 ? (double)used.ru_maxrss / 1024 : 1e9;
}

/* before, then `part` again and again, then after */
static int hostile(const char *what, const char *before, const char *part, bool numbered, const char *after)
{
    FILE  *f = fopen(path, "wb");
    size_t n = strlen(before);
    fwrite("\0\0\0\0\0\0\0\0", 1, 8, f);
    fputs(before, f);
    for (int i = 0; n + 100 < HEADER; i++)
        n += (size_t)(numbered ? fprintf(f, part, i) : fprintf(f, "%s", part));
    n += strlen(after);
    fputs(after, f);
    rewind(f);
    for (int i = 0; i < 8; i++)
        putc((int)(n >> (8 * i) & 255), f);
    fclose(f);
#ifdef __SANITIZE_ADDRESS__
    double most = 60.0 * HEADER / 1048576; /* each block has red zones, and is kept for a while after free */
#else
    double most = 10.0 * HEADER / 1048576;
#endif
    double before_it = peak(false), with_it = peak(true);
    if (with_it - before_it > most) printf("%s: %.0f MB\n", what, with_it - before_it);
    return with_it - before_it > most;
}

int main(void)
{
    close(mkstemp(path));
    int bad = many();
    bad += hostile("long lists", "{\"x\":{\"dtype\":\"U8\",\"shape\":[", "0,", false, "0],\"data_offsets\":[0,0]}}");
    bad += hostile("deep lists", "{\"x\":{\"dtype\":\"U8\",\"shape\":", "[", false, "");
    bad += hostile("empty lists", "{\"x\":[", "[],", false, "[]]}");
    bad += hostile("many members", "{", "\"%d\":{},", true, "\"x\":{}}");
    bad += hostile("many tensors", "{", "\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},", true, "\"x\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    bad += hostile("much metadata", "{\"__metadata__\":{", "\"%d\":\"\",", true, "\"x\":\"\"}}");
    bad += hostile("long metadata", "{\"__metadata__\":{\"x\":\"", "y", false, "\"}}");
    bad += hostile("much of a member", "{\"x\":{", "\"%d\":0,", true, "\"y\":0}}");
    unlink(path);
    return bad != 0;
}
