/* image.c - PNG and PNM pictures, with the channels of the file and with others. */
#include "fuzz/fuzz.h"

const fuzz_frame fuzz_around = {NULL, NULL, 0, 0};

void fuzz_read(tp_tape *T, const char *path)
{
    fuzz_result(T, tp_image_load(T, path, TP_IMAGE_UNCHANGED));
    fuzz_result(T, tp_image_load(T, path, TP_IMAGE_RGB));
    fuzz_result(T, tp_image_load(T, path, TP_IMAGE_GRAY_ALPHA));
}
