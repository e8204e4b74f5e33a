/* pixels.c - pixels out of channels and back: a row of pixels is made of r rows of channels, element by element in turn. */
#include "kernel/pixels.h"

enum { WORK = 32768 };

typedef struct {
    const tp__pixels *p;
    char *channels, *pixels;
    bool back;
} job;

#define TYPE uint8_t
#define NAME(f) f##1
#include "kernel/pixels_body.h"
#define TYPE uint16_t
#define NAME(f) f##2
#include "kernel/pixels_body.h"
#define TYPE uint32_t
#define NAME(f) f##4
#include "kernel/pixels_body.h"
#define TYPE uint64_t
#define NAME(f) f##8
#include "kernel/pixels_body.h"
#define TYPE tp__bits128
#define NAME(f) f##16
#include "kernel/pixels_body.h"

static void (*const row_of_size[])(const tp__pixels *, void *, void *, bool) = {
#define OF_SIZE(size, type) row##size,
    TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
};

/* Rows of channels of n, numbered [n, h]: r rows of pixels each. */
static void pixels_range(int64_t begin, int64_t end, void *user)
{
    const job *j = user;
    const tp__pixels *p = j->p;
    int64_t plane = p->h * p->w, row = p->w * p->r;
    void (*turn)(const tp__pixels *, void *, void *, bool) = row_of_size[tp__size_place(p->size)];
    for (int64_t i = begin; i < end; i++)
        for (int64_t k = 0; k < p->r; k++) {
            int64_t from = (i / p->h * p->r + k) * p->r * plane + i % p->h * p->w, to = (i * p->r + k) * row;
            turn(p, j->channels + (size_t)from * p->size, j->pixels + (size_t)to * p->size, j->back);
        }
}

static void over_rows(const tp__pixels *p, const void *channels, const void *pixels, bool back)
{
    job j = {p, (char *)(uintptr_t)channels, (char *)(uintptr_t)pixels, back};
    tp__parallel_for(p->n * p->h, 1 + WORK / p->r / p->r / (p->w + 1), pixels_range, &j);
}

void tp__pixels_of_channels(const tp__pixels *p, const void *channels, void *pixels)
{
    over_rows(p, channels, pixels, false);
}

void tp__channels_of_pixels(const tp__pixels *p, const void *pixels, void *channels)
{
    over_rows(p, channels, pixels, true);
}
