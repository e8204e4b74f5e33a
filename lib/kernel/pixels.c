/* pixels.c - pixels out of channels and back: a row of pixels is made of r rows of channels, element by element in turn. */
#include "kernel/pixels.h"

enum { WORK = 32768 };

typedef struct {
    const tp__pixels *p;
    char *channels, *pixels;
    bool back;
} job;

/* r rows of w elements, `apart`, beside one another; the usual r as a constant. */
/* clang-format off */
#define ROWS(size, type)                                                                           \
    static inline __attribute__((always_inline)) void turn##size(int64_t r, int64_t w, type *rows, int64_t apart, type *row, bool back) \
    { for (int64_t x = 0; x < w; x++) for (int64_t k = 0; k < r; k++)                              \
          if (back) rows[k * apart + x] = row[x * r + k]; else row[x * r + k] = rows[k * apart + x]; } \
    static inline __attribute__((always_inline)) void pair##size(int64_t w, type *restrict a, type *restrict b, type *restrict row, bool back) \
    { for (int64_t x = 0; x < w; x++)                                                              \
          if (back) { a[x] = row[2 * x]; b[x] = row[2 * x + 1]; } else { row[2 * x] = a[x]; row[2 * x + 1] = b[x]; } } \
    static void row##size(const tp__pixels *p, void *rows, void *row, bool back)                   \
    { int64_t apart = p->h * p->w; type *many = rows, *one = row;                                  \
      if (p->r == 2 && back) pair##size(p->w, many, many + apart, one, true);                      \
      else if (p->r == 2) pair##size(p->w, many, many + apart, one, false);                        \
      else if (p->r == 4 && back) turn##size(4, p->w, many, apart, one, true);                     \
      else if (p->r == 4) turn##size(4, p->w, many, apart, one, false);                            \
      else if (p->r == 3 && back) turn##size(3, p->w, many, apart, one, true);                     \
      else if (p->r == 3) turn##size(3, p->w, many, apart, one, false);                            \
      else turn##size(p->r, p->w, many, apart, one, back); }
#define OF_SIZE(size, type) ROWS(size, type)
TP__SIZE_LIST(OF_SIZE)
#undef OF_SIZE
/* clang-format on */

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
