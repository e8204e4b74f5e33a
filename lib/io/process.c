/* process.c - another program, run to its end. Its input is a socket, since a write to one can be asked not to raise SIGPIPE. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { IN, OUT, ERR, CHANNELS, MOST_OUT = 1 << 28, PIECE = 1 << 16 };

typedef struct {
    int ours[CHANNELS], theirs[CHANNELS]; /* -1: closed */
    pid_t pid;
    double end; /* when it has to be done */
    const char *in;
    size_t left;
    tp__bytes *out[CHANNELS];
} process;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Where the host has closed its own, the numbers 0 to 2 might be ours, and would be overwritten in the child. */
static bool lift(int *fd)
{
    int higher = *fd > STDERR_FILENO ? *fd : fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (higher != *fd)
        close(*fd);
    *fd = higher;
    return higher >= 0;
}

static bool open_channels(process *p)
{
    for (int i = 0; i < CHANNELS; i++)
        p->ours[i] = p->theirs[i] = -1;
    for (int i = 0; i < CHANNELS; i++) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
            return false;
        p->ours[i] = pair[0];
        p->theirs[i] = pair[1];
        if (!lift(&p->ours[i]) || !lift(&p->theirs[i]))
            return false;
    }
    return true;
}

/* The child has all signals as they are by default, whatever the host does with its own. */
static int start(process *p, char *const *argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attr) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return ENOMEM;
    }
    sigemptyset(&none);
    sigfillset(&all);
    int error = 0;
    for (int i = 0; i < CHANNELS && error == 0; i++)
        error = posix_spawn_file_actions_adddup2(&actions, p->theirs[i], i);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0)
        error = posix_spawnp(&p->pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void feed(process *p)
{
    ssize_t n = p->left ? send(p->ours[IN], p->in, p->left, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (n > 0) {
        p->in += n;
        p->left -= (size_t)n;
    }
    if (p->left == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        shut(&p->ours[IN]); /* it has all, or wants no more */
}

/* False: no memory, or more than a picture can be. */
static bool drain(process *p, int i)
{
    char *to = tp__bytes_room(p->out[i], PIECE);
    if (to == NULL || p->out[i]->n > MOST_OUT)
        return false;
    ssize_t n = recv(p->ours[i], to, PIECE, MSG_DONTWAIT);
    if (n > 0)
        p->out[i]->n += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        shut(&p->ours[i]);
    p->out[i]->data[p->out[i]->n] = 0;
    return true;
}

/* Until it has closed what it writes to. */
static int talk(process *p)
{
    while (p->ours[OUT] >= 0 || p->ours[ERR] >= 0) {
        struct pollfd fds[CHANNELS];
        double left = p->end - now();
        if (left <= 0)
            return ETIMEDOUT;
        for (int i = 0; i < CHANNELS; i++)
            fds[i] = (struct pollfd){.fd = p->ours[i], .events = i == IN ? POLLOUT : POLLIN};
        if (poll(fds, CHANNELS, left < 1000 ? (int)(left * 1000) + 1 : 1000000) < 0 && errno != EINTR)
            return errno;
        if (p->ours[IN] >= 0 && fds[IN].revents)
            feed(p);
        for (int i = OUT; i < CHANNELS; i++)
            if (p->ours[i] >= 0 && fds[i].revents && !drain(p, i))
                return ENOMEM;
    }
    return 0;
}

/* The child is gone when this returns; where the host has reaped it, it is gone already. */
static int finish(process *p, int error)
{
    for (;;) {
        pid_t got = waitpid(p->pid, NULL, WNOHANG);
        if (got == p->pid || (got < 0 && errno != EINTR))
            return error;
        if (error == 0 && now() > p->end)
            error = ETIMEDOUT;
        if (error)
            kill(p->pid, SIGKILL);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

int tp__process_run(char *const *argv, const void *in, size_t n, double seconds, tp__bytes *out, tp__bytes *err)
{
    process p = {.in = in, .left = n, .end = now() + seconds, .out = {NULL, out, err}};
    int error = open_channels(&p) ? start(&p, argv) : errno;
    for (int i = 0; i < CHANNELS; i++)
        shut(&p.theirs[i]);
    if (error == 0)
        error = finish(&p, talk(&p));
    for (int i = 0; i < CHANNELS; i++)
        shut(&p.ours[i]);
    return error;
}
