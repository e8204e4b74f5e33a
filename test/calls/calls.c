/* calls.c - calls every public function with every argument in turn NULL, extreme or out of range, the others being
 * sensible, on tensors of many kinds.
 *
 *     calls [--directory DIR] [--seconds N] [--bases N] [FUNCTION ...]
 *
 * A call may give any answer or fail, but it may not crash, take more than a second, or return nothing without saying
 * why. What it returns is printed and differentiated. calls_list.h is made from the headers by generate.awk, so a
 * function that is new is called, too. Calls run in a child; where it dies the next one goes on after that call. */
#define _DEFAULT_SOURCE

#include "values.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 16, FAULTS_OF_ONE = 4 };

typedef struct {
    const char *name;
    void (*call)(const int *v);
    int n;
    const kind *kinds[MAX_ARGUMENTS];
} function;

/* Where the child is, in memory that it shares with its parent. */
typedef struct {
    int function, base, argument, value; /* argument -1: all are sensible */
    long calls, faults;
    int faults_of_one;
    bool judged, succeeds; /* the function says how it went; it goes well with sensible arguments */
    char message[256];     /* what it says where it does not */
} progress;
static progress *at;
static const function *now;
static int seconds = 1;

/* ---- judging what came of a call ------------------------------------------------------------------------------------ */

static void where(FILE *to)
{
    fprintf(to, "%s on %s", now->name, base_names[at->base]);
    if (at->argument >= 0)
        fprintf(to, ", argument %d (%s %d)", at->argument, now->kinds[at->argument]->name, at->value);
}

static void fault(const char *what, const char *more)
{
    at->faults++;
    if (at->faults_of_one++ >= FAULTS_OF_ONE)
        return;
    where(stdout);
    printf(": %s%s%s\n", what, more ? ": " : "", more ? more : "");
    fflush(stdout);
}

/* Was the call made on a tape that was well, and might so be expected to say why it failed? */
static bool on_tape(void)
{
    for (int i = 0; i < now->n; i++)
        if (now->kinds[i] == &kind_tape)
            return !(at->argument == i && at->value > 0);
    return false;
}

/* The arguments are there: did one of them fail to be made? */
static bool made_well;
static void made(void) { made_well = tp_error(T) == NULL; }

/* The names that may stand before a message, the function's own aside: of what is called for the caller. */
static const char *const spokesmen[][2] = {{"tp_apply", "user.calls"},
                                           {"tp_apply_all", "user.calls"},
                                           {"tp_apply_all", "apply"},
                                           {"tp_gradcheck", "user.calls"},
                                           {"tp_gradcheck", "apply"},
                                           {"tp_call_out", "user.calls"},
                                           {"tp_gradcheck_of", "square"},
                                           {"tp_forward", "linear"},
                                           {"tp_forward", "flatten"},
                                           {"tp_forward", "Sequential"},
                                           {"tp_forward", "Bilinear"},
                                           {"tp_forward_n", "linear"},
                                           {"tp_forward_n", "flatten"},
                                           {"tp_forward_n", "bilinear"},
                                           {"tp_forward_n", "Sequential"},
                                           {"tp_rnn_forward", "LSTM"},
                                           {"tp_rnn_forward", "GRU"},
                                           {"tp_forward_n", "Flatten"},
                                           {"tp_forward_n", "Bilinear"},
                                           {"tp_forward_n", "Any"},
                                           {"tp_nn_sequential_of", "nn_sequential"},
                                           {"tp_nn_module_list_of", "nn_module_list"}};

static bool begins(const char *message, const char *name)
{
    return strncmp(message, name, strlen(name)) == 0 && message[strlen(name)] == ':';
}

/* Argument i is which of the tensors? */
static int place_of(int i)
{
    const kind *of_one[] = {&kind_tensor,  &kind_index,   &kind_pivots, &kind_vector, &kind_batch,  &kind_state,
                            &kind_labels,  &kind_mask,    &kind_image1, &kind_image2, &kind_image3, &kind_filter1,
                            &kind_filter2, &kind_filter3, &kind_pair,   &kind_map1,   &kind_map2,   &kind_map3};
    int before = 0;
    for (int k = 0; k <= i; k++)
        for (size_t n = 0; n < sizeof of_one / sizeof *of_one; n++)
            if (now->kinds[k] == of_one[n] && before++ >= 0 && k == i)
                return before - 1;
    return -1;
}

/* A message begins with the name of the function that was called, and counts its inputs as it does. */
static void judge_message(void)
{
    const char *message = tp_error(T), *input = message ? strstr(message, ": input ") : NULL;
    if (!made_well || message == NULL)
        return;
    bool own = begins(message, now->name + strlen("tp_"));
    for (size_t i = 0; i < sizeof spokesmen / sizeof *spokesmen && !own; i++)
        own = strcmp(spokesmen[i][0], now->name) == 0 && begins(message, spokesmen[i][1]);
    if (!own)
        fault("another's name", message);
    int place = at->argument >= 0 ? place_of(at->argument) : -1;
    if (input && place >= 0 && atoi(input + strlen(": input ")) != place)
        fault("another input", message);
}

static void judge(bool good)
{
    judge_message();
    at->judged |= on_tape() && tp_error_status(T) != TP_EUNSUPPORTED;
    at->succeeds |= good;
    if (!good && at->argument < 0)
        snprintf(at->message, sizeof at->message, "%s", tp_error(T) ? tp_error(T) : "no message");
    if (on_tape() && good && tp_error(T))
        fault("a result, and an error", tp_error(T));
    if (on_tape() && !good && !tp_error(T))
        fault("nothing, without an error", NULL);
}

static void judge_tensor(tp_tensor *y)
{
    char text[256];
    judge(y != NULL);
    tp_clear_error(T);
    tp_format(y, text, sizeof text);
    if (y && tp_needs_grad(y) && tp_numel(y) < 10000)
        tp_backward(T, tp_sum(T, tp_to(T, y, TP_F64)));
}
static void judge_status(tp_status status)
{
    judge(status == TP_OK);
    if (on_tape() && status != TP_OK && tp_error(T) && status != tp_error_status(T))
        fault("another status than the tape's", tp_status_name(status));
}
static void judge_parts(int n) { judge(n >= 0); }
static void judge_object(const void *object) { judge(object != NULL); }
static void judge_managed(struct DLManagedTensor *m)
{
    judge(m != NULL);
    if (m)
        tp_from_dlpack(other_tape, m);
}
static void judge_managed_versioned(struct DLManagedTensorVersioned *m)
{
    judge(m != NULL);
    if (m)
        tp_from_dlpack_versioned(other_tape, m);
}

#pragma GCC diagnostic ignored "-Wunused-result" /* looked at or not, nothing may happen */
#include "calls_list.h"

enum { FUNCTIONS = sizeof functions / sizeof *functions };

/* ---- one call --------------------------------------------------------------------------------------------------------- */

static void limit(int of)
{
    setitimer(ITIMER_PROF, &(struct itimerval){.it_value.tv_sec = of}, NULL);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value.tv_sec = 60 * of}, NULL);
}

static bool any_of(const char *name, const char *const *part)
{
    for (; *part; part++)
        if (strstr(name, *part))
            return true;
    return false;
}

static void call_once(void)
{
    /* What these are given they own, or have freed. */
    static const char *const takers[] = {"_free",          "_close",         "module_add",  "module_set_param",
                                         "sequential_of",  "module_list_of", "module_dict", "parameter_list",
                                         "parameter_dict", "nn_append",      "nn_insert",   "nn_extend",
                                         "sequential_lr",  "chained_lr",     "tp_parametrize", NULL};
    int v[MAX_ARGUMENTS] = {0};
    if (at->argument >= 0)
        v[at->argument] = at->value;
    T = tp_tape_new();
    base = at->base;
    n_held = 0;
    limit(seconds);
    now->call(v);
    limit(0);
    at->calls++;
    for (int i = n_held; i-- > 0 && !any_of(now->name, takers);)
        held[i].give_back(held[i].object);
    if (strcmp(now->name, "tp_tape_free") != 0)
        tp_tape_free(T);
}

/* ---- all calls -------------------------------------------------------------------------------------------------------- */

static int bases = BASES;

static bool takes_tensors(const function *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->kinds[i] == &kind_tensor || f->kinds[i] == &kind_tensors || f->kinds[i] == &kind_loader)
            return true;
    return false;
}

/* Steps to the next call; false past the last one of the function. */
static bool next_call(const function *f)
{
    if (at->argument >= 0 && ++at->value < f->kinds[at->argument]->count)
        return true;
    at->value = 1;
    if (++at->argument < f->n)
        return f->kinds[at->argument]->count > 1 || next_call(f);
    at->argument = -1;
    at->base++;
    if (at->base ==
        bases - 1) /* the last of fewer is the last of all: no elements, in a size beyond what can be counted with */
        at->base = BASES - 1;
    return at->base < BASES && takes_tensors(f);
}

static void child(void)
{
    const struct rlimit space = {(rlim_t)3 << 30, (rlim_t)3 << 30}, none = {0, 0};
#ifndef __SANITIZE_ADDRESS__
    setrlimit(RLIMIT_AS, &space);
#endif
    (void)space;
    setrlimit(RLIMIT_CORE, &none);
    if (!freopen("/dev/null", "r", stdin))
        _exit(2);
    signal(SIGPIPE, SIG_IGN);
    failed_tape = tp_tape_new();
    other_tape = tp_tape_new();
    tp_fail(failed_tape, TP_EUSER, "failed before");
    now = &functions[at->function];
    do
        call_once();
    while (next_call(now));
    fflush(stdout);
    _exit(0);
}

/* The calls of one function, in as many children as it takes. */
static void run_function(int i)
{
    *at = (progress){.function = i, .argument = -1, .calls = at->calls, .faults = at->faults};
    now = &functions[i];
    bool more = true;
    while (more) {
        int status;
        fflush(stdout);
        pid_t id = fork();
        if (id == 0)
            child();
        if (id < 0 || waitpid(id, &status, 0) != id) {
            perror("calls");
            exit(2);
        }
        more = !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        if (!more)
            break;
        int by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        fault(by == SIGPROF || by == SIGALRM ? "takes too long" : by ? "dies" : "exits", by ? strsignal(by) : NULL);
        more = at->faults_of_one < FAULTS_OF_ONE && next_call(now);
    }
    if (at->judged && !at->succeeds && bases == BASES) {
        at->faults++;
        printf("%s: never succeeds: %s\n", now->name, at->message);
    }
    if (at->faults_of_one > FAULTS_OF_ONE)
        printf("%s: %d more\n", now->name, at->faults_of_one - FAULTS_OF_ONE);
}

static bool wanted(const char *name, char **names)
{
    bool any = *names == NULL;
    for (; *names && !any; names++)
        any = strcmp(*names, name) == 0;
    return any;
}

int main(int argc, char **argv)
{
    char **rest = argv + 1;
    for (; *rest && strncmp(*rest, "--", 2) == 0 && rest[1]; rest += 2) {
        if (strcmp(*rest, "--directory") == 0)
            directory = rest[1];
        else if (strcmp(*rest, "--seconds") == 0)
            seconds = atoi(rest[1]);
        else if (strcmp(*rest, "--bases") == 0)
            bases = atoi(rest[1]);
    }
    (void)argc;
    at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return 2;
    at->calls = at->faults = 0;
    memset(long_text, 'a', sizeof long_text - 1);
    for (int i = 0; i < FUNCTIONS; i++)
        if (wanted(functions[i].name, rest))
            run_function(i);
    printf("%d functions, %ld calls, %ld faults\n", FUNCTIONS, at->calls, at->faults);
    return at->faults != 0;
}
