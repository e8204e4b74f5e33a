/* compare.c - is a result the stored one? |got - want| <= atol + rtol |want|; NaN equals NaN;
 * infinities, integers, dtype and shape exactly. */
#include "case.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 900 }; /* bytes of a tensor that a message shows */

static double float_at(const void *data, tp_dtype dtype, int64_t i)
{
    return dtype == TP_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static bool close_enough(double got, double want, tolerance allowed)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return got == want;
    return fabs(got - want) <= allowed.atol + allowed.rtol * fabs(want);
}

/* The first position where two contiguous tensors of one dtype and shape differ, or -1; how many do. */
static int64_t first_difference(const tp_tensor *got, const tp_tensor *want, tolerance allowed, int64_t *count)
{
    tp_dtype dtype = tp_dtype_of(want);
    size_t size = tp_dtype_size(dtype);
    const char *a = tp_data(got), *b = tp_data(want);
    int64_t first = -1, n = tp_numel(want);
    *count = 0;
    for (int64_t i = 0; i < n; i++) {
        bool same = tp_dtype_is_float(dtype) ? close_enough(float_at(a, dtype, i), float_at(b, dtype, i), allowed)
                                             : memcmp(a + (size_t)i * size, b + (size_t)i * size, size) == 0;
        if (same)
            continue;
        if ((*count)++ == 0)
            first = i;
    }
    return first;
}

static const char *shape_text(const tp_tensor *x, char *buffer, size_t n)
{
    tp_dims shape = tp_shape_of(x);
    size_t at = 0;
    buffer[0] = '\0';
    for (int i = 0; i < shape.ndim && at < n; i++)
        at += (size_t)snprintf(buffer + at, n - at, "%s%" PRId64, i > 0 ? ", " : "", shape.dim[i]);
    return buffer;
}

static void report_difference(test_case *c, const char *label, const tp_tensor *got, const tp_tensor *want,
                              int64_t first, int64_t count)
{
    char a[SHOWN], b[SHOWN];
    double g = tp_item_at(got, first), w = tp_item_at(want, first);
    tp_format(got, a, sizeof a);
    tp_format(want, b, sizeof b);
    case_fail(c,
              "%s: %" PRId64 " of %" PRId64 " differ, first at %" PRId64 ": got %.17g, want %.17g (off by %.3g)\n"
              "    got  %s\n    want %s",
              label, count, tp_numel(want), first, g, w, fabs(g - w), a, b);
}

static void compare(test_case *c, const char *label, tp_tensor *got, tp_tensor *want, tolerance allowed)
{
    char a[128], b[128];
    if (tp_dtype_of(got) != tp_dtype_of(want)) {
        case_fail(c, "%s: got %s, want %s", label, tp_dtype_name(tp_dtype_of(got)), tp_dtype_name(tp_dtype_of(want)));
        return;
    }
    shape_text(got, a, sizeof a);
    shape_text(want, b, sizeof b);
    if (tp_ndim(got) != tp_ndim(want) || strcmp(a, b) != 0) {
        case_fail(c, "%s: got shape [%s], want [%s]", label, a, b);
        return;
    }
    tp_tensor *flat_got = tp_contiguous(c->T, got), *flat_want = tp_contiguous(c->T, want);
    int64_t count;
    if (!case_ok(c))
        return;
    int64_t first = first_difference(flat_got, flat_want, allowed, &count);
    if (first >= 0)
        report_difference(c, label, flat_got, flat_want, first, count);
}

void check(test_case *c, const char *label, tp_tensor *got, tp_tensor *want, tolerance allowed)
{
    if (!case_ok(c))
        return;
    if (got == NULL || want == NULL) {
        case_fail(c, "%s: %s", label, got == NULL ? "no result" : "not in the file");
        return;
    }
    bool recorded = tp_tape_record(c->T, false);
    compare(c, label, got, want, allowed);
    tp_tape_record(c->T, recorded);
}

void check_stored(test_case *c, tp_tensor *got, const char *kind, const char *name, tolerance allowed)
{
    char label[256];
    snprintf(label, sizeof label, "%s%s%s", kind, kind[0] != '\0' ? "." : "", name);
    if (case_ok(c))
        check(c, label, got, case_tensor(c, kind, name), allowed);
}

void check_stored_at(test_case *c, tp_tensor *got, const char *kind, int k, tolerance allowed)
{
    char name[16];
    snprintf(name, sizeof name, "%d", k);
    check_stored(c, got, kind, name, allowed);
}

void check_text(test_case *c, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        case_fail(c, "got\n%s\nwant\n%s", got, want);
}
