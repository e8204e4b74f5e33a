/* sweep.c - measures the rows of rows.def; bench/operators asks it, beside PyTorch.
 *
 * usage: tapir-sweep --list      the rows, a JSON object a line
 *        tapir-sweep --missing   the registry's operators that no row calls, forward or backward
 *        tapir-sweep             says which BLAS it has; then, for each line "NAME f32|f64 N fwd|bwd SECONDS" that it
 *                                reads, seconds of CPU a call and a checksum of the result, or "none" where there is
 *                                no gradient, or "error ..."
 *
 * fwd is a call that records nothing; bwd a sweep through the recorded call, whose graph is kept. */
#define _GNU_SOURCE
#include "sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    tp_tape *T;
    const sweep_row *row;
    tp_dtype dtype;
    sweep_sizes z;
    tp_tensor *in[SWEEP_MAX_INPUTS];
    int n_in;
    tp_tensor *out, *cotangent; /* recorded, for bwd */
} state;

static void forward(state *s)
{
    s->row->call(s->T, s->in, &s->z);
    tp_tape_reset(s->T);
}

/* Gradients of those inputs that ask for one: how many. */
static int gradients(state *s, bool create_graph, tp_tensor **grads)
{
    tp_tensor *leaves[SWEEP_MAX_INPUTS];
    int n = 0;
    for (int i = 0; i < s->n_in; i++)
        if (tp_needs_grad(s->in[i]))
            leaves[n++] = s->in[i];
    tp_gradients_options o = {.grad_outputs = &s->cotangent, .retain_graph = true, .create_graph = create_graph};
    return tp_gradients(s->T, 1, &s->out, n, leaves, grads, &o) == TP_OK ? n : 0;
}

static void backward(state *s)
{
    tp_tensor *grads[SWEEP_MAX_INPUTS];
    tp_mark mark = tp_tape_mark(s->T);
    gradients(s, false, grads);
    tp_tape_rewind(s->T, mark);
}

/* ---- time ---- */

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double sample(void (*run)(state *), state *s, int64_t calls)
{
    double start = cpu_seconds();
    for (int64_t i = 0; i < calls; i++)
        run(s);
    return (cpu_seconds() - start) / (double)calls;
}

/* The least of several samples of some 200 us, or of single calls that take longer. */
static double least(void (*run)(state *), state *s, double budget)
{
    run(s);
    double once = sample(run, s, 1), best = once, spent = once;
    int64_t calls = once < 2e-4 ? (int64_t)(2e-4 / (once > 1e-8 ? once : 1e-8)) : 1;
    while (spent < budget && tp_error(s->T) == NULL) {
        double t = sample(run, s, calls);
        spent += t * (double)calls;
        best = t < best ? t : best;
    }
    return best;
}

/* ---- a row ---- */

static void close_row(state *s)
{
    for (int i = 0; i < s->n_in; i++)
        tp_free(s->in[i]);
    tp_free(s->cotangent);
    tp_tape_free(s->T);
    *s = (state){0};
}

static bool open_row(state *s, const sweep_row *row, tp_dtype dtype, int64_t n)
{
    if (s->row == row && s->dtype == dtype && s->z.n == n)
        return true;
    close_row(s);
    *s = (state){.T = tp_tape_new(), .row = row, .dtype = dtype, .z = sweep_sizes_of(n)};
    s->n_in = sweep_inputs(s->T, row->inputs, dtype, &s->z, s->in);
    return s->n_in >= 0;
}

static double sum_of_sizes(tp_tape *T, tp_tensor *x)
{
    return tp_item(tp_nansum(T, tp_abs(T, tp_to(T, tp_detach(T, x), TP_F64)), 0, NULL, false));
}

static double forward_checksum(state *s)
{
    double sum = sum_of_sizes(s->T, s->row->call(s->T, s->in, &s->z));
    tp_tape_reset(s->T);
    return sum;
}

/* Records the call and makes a cotangent; false where the result needs no gradient. */
static bool open_backward(state *s)
{
    s->out = s->row->call(s->T, s->in, &s->z);
    if (s->out == NULL || !tp_needs_grad(s->out))
        return false;
    if (s->cotangent == NULL) {
        tp_manual_seed(s->T, 1);
        s->cotangent = tp_keep(tp_rand_like(s->T, s->out));
    }
    return s->cotangent != NULL;
}

static double backward_checksum(state *s)
{
    double sum = 0;
    tp_tensor *grads[SWEEP_MAX_INPUTS];
    for (int n = gradients(s, false, grads); n > 0; n--)
        sum += sum_of_sizes(s->T, grads[n - 1]);
    return sum;
}

static const sweep_row *find_row(const char *name)
{
    const sweep_row *r = sweep_rows;
    while (r->name && strcmp(r->name, name) != 0)
        r++;
    return r->name ? r : NULL;
}

static void answer(state *s, const sweep_row *row, tp_dtype dtype, int64_t n, bool back, double budget)
{
    double seconds = -1, sum = 0;
    if (open_row(s, row, dtype, n) && !back) {
        tp_tape_record(s->T, false);
        seconds = least(forward, s, budget);
        sum = forward_checksum(s);
        tp_tape_record(s->T, true);
    } else if (s->n_in >= 0 && open_backward(s)) {
        seconds = least(backward, s, budget);
        sum = backward_checksum(s);
    }
    if (tp_error(s->T))
        printf("error %s\n", tp_error(s->T));
    else if (seconds < 0)
        printf("none\n");
    else
        printf("%.9g %.17g\n", seconds, sum);
    if (tp_error(s->T))
        close_row(s);
    else
        tp_tape_reset(s->T);
    fflush(stdout);
}

static void serve(void)
{
    state s = {0};
    char name[64], dtype[8], pass[8];
    long long n;
    double budget;
    printf("%s\n", tp_blas_info());
    fflush(stdout);
    while (scanf("%63s %7s %lld %7s %lf", name, dtype, &n, pass, &budget) == 5) {
        const sweep_row *row = find_row(name);
        if (row)
            answer(&s, row, strcmp(dtype, "f32") == 0 ? TP_F32 : TP_F64, n, strcmp(pass, "bwd") == 0, budget);
        else
            printf("error no such row\n"), fflush(stdout);
    }
    close_row(&s);
}

/* ---- what is there ---- */

static void list(void)
{
    for (const sweep_row *r = sweep_rows; r->name; r++)
        printf("{\"family\": \"%s\", \"name\": \"%s\", \"inputs\": \"%s\", \"torch\": \"%s\"}\n", r->family, r->name,
               r->inputs, r->torch);
}

/* Marks the operators that a row ran: the first words of the lines of its profile. */
static bool mark_used(const sweep_row *row, bool *used)
{
    state s = {0};
    char *text = NULL, *rest = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (f == NULL || !open_row(&s, row, TP_F64, 1000) || !tp_tape_profile(s.T, true))
        return false;
    tp_tensor *grads[SWEEP_MAX_INPUTS];
    if (open_backward(&s))
        gradients(&s, true, grads);
    tp_profile_print(s.T, f);
    if (tp_error(s.T))
        fprintf(stderr, "%s: %s\n", row->name, tp_error(s.T));
    fclose(f);
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        line[strcspn(line, " ")] = '\0';
        for (int i = 0; tp_op_at(i); i++)
            used[i] |= strcmp(tp_op_at(i)->name, line) == 0;
    }
    free(text);
    close_row(&s);
    return true;
}

static int missing(void)
{
    static bool used[4096];
    int n = 0;
    for (const sweep_row *r = sweep_rows; r->name; r++)
        if (!mark_used(r, used))
            return 1;
    for (int i = 0; tp_op_at(i); i++)
        if (!used[i])
            printf("%s\n", tp_op_at(i)->name), n++;
    return n > 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--missing") == 0)
        return missing();
    if (argc > 1 && strcmp(argv[1], "--list") == 0)
        list();
    else
        serve();
    return 0;
}
