/* vec_variance.c - sums for variances; compiled once an instruction set (TP__ISA). variance_body.h is read once for float
 * and once for double. The variance is taken about the mean, in a second pass. */
#include "kernel/variance.h"

enum { LANES = 32 };

/* The sum of the lanes, which are lost, by halves. */
static inline double fold(double *lane)
{
    for (int n = LANES / 2; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            lane[l] += lane[l + n];
    return lane[0];
}

#define TP__BODY "kernel/variance_body.h"
#include "kernel/per_float.h"

const tp__variance_table TP__OF_ISA(tp__variance_table) = {
    .sum = {sum_f32, sum_f64},
    .squares = {squares_f32, squares_f64},
    .columns = {columns_f32, columns_f64},
    .slope = {slope_f32, slope_f64},
    .slope_columns = {slope_columns_f32, slope_columns_f64},
};
