/* replay.c - a driver on files that are named: those of test/fuzz/corpus, or one that libFuzzer found. A folder is all files in it. */
#define _DEFAULT_SOURCE
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int files;

static bool replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    long size = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
    uint8_t *data = size >= 0 ? malloc((size_t)size + 1) : NULL;
    bool ok = data && fseek(f, 0, SEEK_SET) == 0 && fread(data, 1, (size_t)size, f) == (size_t)size;
    if (f)
        fclose(f);
    if (ok)
        LLVMFuzzerTestOneInput(data, (size_t)size);
    else
        fprintf(stderr, "%s could not be read\n", path);
    free(data);
    files += ok;
    return ok;
}

static bool replay(const char *path)
{
    DIR *folder = opendir(path);
    bool ok = folder != NULL;
    if (folder == NULL)
        return replay_file(path);
    for (struct dirent *e; ok && (e = readdir(folder)) != NULL;) {
        char file[1024];
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        ok = e->d_name[0] == '.' || replay_file(file);
    }
    closedir(folder);
    return ok;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (!replay(argv[i]))
            return 1;
    printf("%d files\n", files);
    return files == 0;
}
