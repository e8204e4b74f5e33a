/* pickle.c - the pickle of a .pt file, in the older format, where no sum of an archive is in its way: what is given stands between
 * the file's heads and an empty list of storages. */
#include "fuzz/fuzz.h"

static const char heads[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.",
                  storages[] = "\x80\x02].";
const fuzz_frame fuzz_around = {heads, storages, sizeof heads - 1, sizeof storages - 1};

void fuzz_read(tp_tape *T, const char *path) { fuzz_state_dict(T, tp_torch_load(T, path)); }
