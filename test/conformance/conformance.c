/* conformance.c - runs case files against the library.
 *
 *     conformance [--op NAME] [--list] [--strided] FILE-OR-DIRECTORY...
 *
 * A line for each operator, why cases were skipped, and the sum of all. With --op only that operator, and why each case of it
 * failed or was skipped. With --list nothing is run: which operators there are, and how many cases.
 * With --strided the inputs are views that are not contiguous, with the same values. */
#define _POSIX_C_SOURCE 200809L

#include "calls.h"
#include "groups.h"

#include "tapir/io.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const case_group groups[] = {
    {"ops", call_known, run_operator, false},
    {"type_promotion", call_known, run_operator, true},
    {"errors", call_known, run_error, true},
    {"rng", random_known, run_random, false},
    {"printing", printing_known, run_printing, true},
    {"nn_modules", module_known, run_module, false},
    {"optimizers", optimizer_known, run_optimizer, false},
    {"seed_session", session_known, run_session, false},
    {"lr_schedulers", schedule_known, run_schedule, false},
};

/* ---- the count ------------------------------------------------------------------------------- */

typedef struct {
    char name[160];
    bool there;
    int count[3]; /* by outcome */
} tally;

/* One reason for which cases were skipped, and of which operators. */
typedef struct {
    char why[200], who[600];
    char latest[160];
    int count, others; /* cases; operators beyond those in `who` */
} excuse;

typedef struct {
    const char *only; /* --op */
    bool list, strided;
    int n, room;
    tally *tallies;
    int n_excuses, room_excuses;
    excuse *excuses;
    int broken; /* files that could not be read */
} session;

/* A list with room for one more. */
static void *grown(void *list, int n, int *room, size_t size)
{
    if (n < *room)
        return list;
    *room = *room > 0 ? 2 * *room : 64;
    void *more = realloc(list, (size_t)*room * size);
    if (more == NULL) {
        fputs("conformance: no memory\n", stderr);
        exit(2);
    }
    return more;
}

static tally *tally_of(session *s, const char *name)
{
    for (int i = s->n - 1; i >= 0; i--)
        if (strcmp(s->tallies[i].name, name) == 0)
            return &s->tallies[i];
    s->tallies = grown(s->tallies, s->n, &s->room, sizeof *s->tallies);
    tally *t = &s->tallies[s->n++];
    memset(t, 0, sizeof *t);
    snprintf(t->name, sizeof t->name, "%s", name);
    return t;
}

static void count_excuse(session *s, const char *why, const char *name)
{
    excuse *e = NULL;
    for (int i = 0; i < s->n_excuses && e == NULL; i++)
        if (strncmp(s->excuses[i].why, why, sizeof e->why - 1) == 0)
            e = &s->excuses[i];
    if (e == NULL) {
        s->excuses = grown(s->excuses, s->n_excuses, &s->room_excuses, sizeof *e);
        e = &s->excuses[s->n_excuses++];
        *e = (excuse){.count = 0};
        snprintf(e->why, sizeof e->why, "%.*s", (int)sizeof e->why - 1, why);
    }
    e->count++;
    if (strcmp(e->latest, name) == 0)
        return;
    snprintf(e->latest, sizeof e->latest, "%s", name);
    size_t used = strlen(e->who);
    if (used + strlen(name) + 2 < sizeof e->who)
        snprintf(e->who + used, sizeof e->who - used, "%s%s", used ? " " : "", name);
    else
        e->others++;
}

static int by_count(const void *a, const void *b) { return ((const excuse *)b)->count - ((const excuse *)a)->count; }

static void print_excuses(const session *s)
{
    if (s->n_excuses == 0)
        return;
    qsort(s->excuses, (size_t)s->n_excuses, sizeof *s->excuses, by_count);
    puts("\nskipped, and why:");
    for (int i = 0; i < s->n_excuses; i++) {
        const excuse *e = &s->excuses[i];
        printf("%5d  %s: %s", e->count, e->why[0] ? e->why : "no reason was given", e->who);
        printf(e->others ? " and %d more\n" : "\n", e->others);
    }
}

static void print_tallies(const session *s)
{
    int sum[3] = {0, 0, 0}, there = 0;
    for (int i = 0; i < s->n; i++) {
        const tally *t = &s->tallies[i];
        int cases = t->count[PASSED] + t->count[FAILED] + t->count[SKIPPED];
        there += t->there;
        for (int o = 0; o < 3; o++)
            sum[o] += t->count[o];
        if (s->list)
            printf("%-52s %5d cases  %s\n", t->name, cases, t->there ? "there" : "not there yet");
        else
            printf("%-52s %5d passed %5d failed %5d skipped\n", t->name, t->count[PASSED], t->count[FAILED],
                   t->count[SKIPPED]);
    }
    if (s->list)
        printf("%d operators, %d of them there, %d cases\n", s->n, there, sum[0] + sum[1] + sum[2]);
    else {
        print_excuses(s);
        printf("%d passed, %d failed, %d skipped\n", sum[PASSED], sum[FAILED], sum[SKIPPED]);
    }
}

/* ---- a case ---------------------------------------------------------------------------------- */

static const case_group *group_of(const tp_safetensors *file)
{
    const char *group = tp_safetensors_metadata(file, "group");
    if (group != NULL && strcmp(group, ".") == 0)
        group = tp_safetensors_metadata(file, "name");
    for (size_t i = 0; group != NULL && i < sizeof groups / sizeof groups[0]; i++)
        if (strcmp(groups[i].name, group) == 0)
            return &groups[i];
    return NULL;
}

/* What a case is listed under: the file in ops, otherwise its operator. */
static void listed_name(const case_group *g, const tp_safetensors *file, const char *op, char *name, size_t n)
{
    const char *entry = tp_safetensors_metadata(file, "name");
    if (strcmp(g->name, "ops") == 0 && entry != NULL)
        snprintf(name, n, "%s", entry);
    else
        snprintf(name, n, "%s%s%s", g->prefixed ? g->name : "", g->prefixed ? "." : "", op);
}

static void explain(const test_case *c, const char *name)
{
    char *args = json_dumps(json_object_get(c->json, "args"), JSON_COMPACT | JSON_ENCODE_ANY);
    char *kwargs = json_dumps(json_object_get(c->json, "kwargs"), JSON_COMPACT | JSON_ENCODE_ANY);
    printf("%s case %d (%s %s %s) %s: %s\n", name, c->number, case_text(c, "dtype"), args != NULL ? args : "",
           kwargs != NULL ? kwargs : "", c->came_to == FAILED ? "failed" : "skipped", c->why);
    free(args);
    free(kwargs);
}

/* --op takes the name that is listed, the operator's, or what of it is after the last dot: gelu of nn.functional.gelu. */
static bool asked_for(const session *s, const char *name, const char *op)
{
    const char *dot = strrchr(op, '.');
    return s->only == NULL || strcmp(s->only, name) == 0 || strcmp(s->only, op) == 0 ||
           (dot != NULL && strcmp(s->only, dot + 1) == 0);
}

static void run_case(session *s, const case_group *g, tp_tape *T, const tp_safetensors *file, int number)
{
    char name[160];
    test_case c;
    bool strided = s->strided && g->run != run_optimizer; /* parameters are contiguous */
    bool opened = case_open(&c, T, file, number, strided);
    listed_name(g, file, c.op, name, sizeof name);
    if (asked_for(s, name, c.op)) {
        tally *t = tally_of(s, name);
        t->there = g->knows(c.op);
        if (opened && !s->list) {
            g->run(&c);
            if (c.came_to == PASSED && tp_error(T) != NULL && g->run != run_error)
                case_ok(&c);
        }
        t->count[c.came_to]++;
        if (c.came_to == SKIPPED && !s->list)
            count_excuse(s, c.why, name);
        if (s->only != NULL && !s->list && c.came_to != PASSED)
            explain(&c, name);
    }
    case_close(&c);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void run_file(session *s, const char *path)
{
    tp_tape *T = tp_tape_new();
    tp_safetensors *file = tp_safetensors_open(T, path);
    const char *count = file != NULL ? tp_safetensors_metadata(file, "count") : NULL;
    const case_group *g = file != NULL ? group_of(file) : NULL;
    if (count == NULL || g == NULL) {
        const char *error = tp_error(T);
        printf("%s: %s\n", path, error != NULL ? error : "not a case file");
        s->broken++;
    }
    for (int i = 0; count != NULL && g != NULL && i < atoi(count); i++)
        run_case(s, g, T, file, i);
    tp_safetensors_close(file);
    tp_tape_free(T);
}

static int wanted(const struct dirent *entry) { return entry->d_name[0] != '.'; }

static void run_path(session *s, const char *path)
{
    struct stat about;
    struct dirent **entries;
    if (stat(path, &about) != 0) {
        perror(path);
        s->broken++;
        return;
    }
    if (!S_ISDIR(about.st_mode)) {
        run_file(s, path);
        return;
    }
    int n = scandir(path, &entries, wanted, alphasort);
    for (int i = 0; i < n; i++) {
        size_t length = strlen(path) + strlen(entries[i]->d_name) + 2;
        char *below = malloc(length);
        const char *ending = strrchr(entries[i]->d_name, '.');
        if (below != NULL) {
            snprintf(below, length, "%s/%s", path, entries[i]->d_name);
            if ((stat(below, &about) == 0 && S_ISDIR(about.st_mode)) ||
                (ending != NULL && strcmp(ending, ".safetensors") == 0))
                run_path(s, below);
        }
        free(below);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    session s = {.only = NULL};
    int failed = 0, paths = 0;
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--op") == 0 && i + 1 < argc)
            s.only = argv[++i];
        else if (strcmp(argv[i], "--list") == 0)
            s.list = true;
        else if (strcmp(argv[i], "--strided") == 0)
            s.strided = true;
        else
            argv[++paths] = argv[i];
    if (paths == 0) {
        fputs("usage: conformance [--op NAME] [--list] [--strided] FILE-OR-DIRECTORY...\n", stderr);
        return 2;
    }
    for (int i = 1; i <= paths; i++)
        run_path(&s, argv[i]);
    print_tallies(&s);
    for (int i = 0; i < s.n; i++)
        failed += s.tallies[i].count[FAILED];
    free(s.tallies);
    free(s.excuses);
    return failed > 0 || s.broken > 0;
}
