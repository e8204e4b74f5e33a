/* embed_loader.c - a host leaves a loader lying in the middle of an epoch, with workers ahead and batches ready, and ends
 * its threads one after the other, the main one first, by pthread_exit: it has no thread any more then but the workers.
 *
 * Truth: the process ends. One that is still there after ten seconds is kept alive by the workers.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <tapir.h>
#include <unistd.h>

static tp_status get(tp_tape *T, void *user, int64_t index, tp_tensor **sample)
{
    (void)user;
    sample[0] = tp_add_scalar(T, tp_rand(T, TP_F32, tp_shape(3)), (double)index);
    return TP_OK;
}

static void *read_some(void *user)
{
    tp_tape    *T = tp_tape_new();
    tp_dataset *data = tp_dataset_new(T, 1000, 1, get, user, NULL);
    tp_loader  *loader = tp_loader_of(T, data, &(tp_loader_options){.batch_size = 10, .num_workers = 2});
    tp_tensor  *batch;
    tp_loader_start(T, loader);
    for (int i = 0; i < 3; i++)
        if (!tp_loader_next(T, loader, &batch)) {
            printf("%s\n", tp_error(T) ? tp_error(T) : "no batch");
            _exit(1);
        }
    return NULL;
}

int main(void)
{
    pthread_t thread;
    alarm(10);
    if (pthread_create(&thread, NULL, read_some, NULL) != 0) return 1;
    pthread_exit(NULL);
}
