/* vec_window.c - rows of sums, and of the largest elements, of windows; compiled once an instruction set (TP__ISA).
 * window_body.h is read for float and double (per_float.h). */
#include "kernel/window.h"

/* What rows and windows of a row of the result there are. */
typedef struct {
    int64_t from, depth_begin, depth_end, height_begin, height_end; /* `from`: where the plane of x begins */
} rows;

static rows rows_at(const tp__windows *w, int64_t row)
{
    const tp__axis *d = &w->axis[0], *h = &w->axis[1];
    int64_t of_plane = d->n_out * h->n_out, in = row % of_plane, z = in / h->n_out, y = in % h->n_out;
    return (rows){row / of_plane * d->n_in * h->n_in * w->axis[2].n_in, d->start[z], d->start[z + 1], h->start[y],
                  h->start[y + 1]};
}

/* Where the row of x of these two elements begins in its plane. */
static int64_t row_place(const tp__windows *w, int64_t z, int64_t y)
{
    return (w->axis[0].at[z] * w->axis[1].n_in + w->axis[1].at[y]) * w->axis[2].n_in;
}

#define TP__BODY "kernel/window_body.h"
#include "kernel/per_float.h"

const tp__window_table TP__OF_ISA(tp__window_table) = {
    .sum = {sum_f32, sum_f64},
    .largest = {largest_f32, largest_f64},
};
