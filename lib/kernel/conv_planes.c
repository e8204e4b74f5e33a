/* conv_planes.c - convolutions of floats by 1 x 1 weights, stride 1, without padding: a product of the weights with planes as
 * they lie, forward and by input. A job is some panels of pixels of one image: their columns of x are laid together, as planes may be
 * a power of two apart, longer runs of them at once than a panel has, as memory gives few bytes of many pages slowly; what is
 * made goes to where it belongs. Jobs are cut by the sizes alone. */
#include "kernel/conv.h"
#include "kernel/placed.h"

#include <string.h>

enum {
    PANEL_BYTES = TP__PLACED_PANEL_BYTES,
    DEPTH = TP__CONV_ROOM / PANEL_BYTES,
    FEW = 4,
    TOGETHER = 4,
    SHARE = 1 << 20
};

typedef struct {
    const tp__conv_job *job;
    const tp__placed_kernels *kernels;
    int64_t size, plane, panel, together; /* of an element; pixels; of a panel; panels of a job */
    int64_t from, to, parts, jobs;        /* channels that are read and made; jobs of an image's group; all */
    int32_t *row, *column;                /* places in the weights of what is made, and of what is read */
    tp__conv_slots slots;
} plan;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool make_plan(plan *p, const tp__conv_job *job)
{
    const tp__conv *c = &job->shape;
    bool by_input = job->pass == TP__CONV_BY_INPUT;
    if (!tp__is_float(job->dtype) || job->pass == TP__CONV_BY_WEIGHT || c->cin * c->cout > INT32_MAX || c->cin == 0 ||
        c->cout == 0)
        return false;
    for (int d = 0; d < TP__SPACE; d++)
        if (c->kernel[d] != 1 || c->stride[d] != 1 || c->pad[d] != 0 || c->in[d] != c->out[d])
            return false;
    memset(p, 0, sizeof *p);
    p->job = job;
    p->kernels = &TP__PICK(tp__placed_table)->of[job->dtype == TP_F64];
    p->size = (int64_t)tp_dtype_size(job->dtype);
    p->plane = c->in[0] * c->in[1] * c->in[2];
    p->panel = PANEL_BYTES / p->size;
    p->from = by_input ? c->cout : c->cin;
    p->to = by_input ? c->cin : c->cout;
    p->together = p->from * TOGETHER <= DEPTH ? TOGETHER : 1;
    p->parts = (p->plane - 1) / (p->panel * p->together) + 1;
    p->jobs = c->batch * c->groups * p->parts;
    p->slots.count = tp__conv_slot_count(p->jobs);
    p->slots.size = TP__CONV_ROOM;
    return p->to >= FEW && p->plane > 0 && p->plane % TP__PLACED_LANES == 0 && p->jobs > 0;
}

bool tp__conv_planes_room(const tp__conv_job *job, size_t *room)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    *room = (size_t)(p.slots.count * TP__CONV_ROOM) + (size_t)(p.from + p.to) * sizeof(int32_t);
    return true;
}

/* The bias, where the products are added to. */
static void begin_rows(const plan *p, int64_t channel, int64_t n, char *y)
{
    for (int64_t i = 0; i < p->to; i++, y += p->plane * p->size)
        for (int64_t k = 0; k < n; k++)
            if (p->size == 4) {
                float *to = (float *)(void *)y + k, b = ((const float *)p->job->bias)[channel + i];
                *to = p->job->accumulate ? *to + b : b;
            } else {
                double *to = (double *)(void *)y + k, b = ((const double *)p->job->bias)[channel + i];
                *to = p->job->accumulate ? *to + b : b;
            }
}

/* Rows of k channels, n pixels each, as panels [k, panel]. */
static void pack(const plan *p, const char *from, int64_t k, int64_t n, char *x)
{
    int64_t row = p->plane * p->size, bytes = n * p->size;
    for (int64_t r = 0; r < k; r++)
        for (int64_t at = 0; at < bytes; at += PANEL_BYTES)
            tp__copy_bytes(x + at * k + r * PANEL_BYTES, from + r * row + at, (size_t)least(PANEL_BYTES, bytes - at));
}

static void run_panels(const plan *p, int64_t i, char *x)
{
    const tp__conv_job *job = p->job;
    int64_t pixels = p->panel * p->together, at = i % p->parts * pixels, n = least(pixels, p->plane - at);
    int64_t image = i / p->parts, group = image % job->shape.groups;
    const char *from = (const char *)job->a + (image * p->from * p->plane + at) * p->size;
    const char *w = (const char *)job->b + group * p->from * p->to * p->size;
    char *y = (char *)job->to + (image * p->to * p->plane + at) * p->size;
    bool accumulate = job->accumulate || job->bias;
    if (job->bias)
        begin_rows(p, group * p->to, n, y);
    for (int64_t c = 0; c < p->from; c += DEPTH) {
        int64_t k = least(DEPTH, p->from - c);
        pack(p, from + c * p->plane * p->size, k, n, x);
        for (int64_t q = 0; q < n; q += p->panel)
            p->kernels->multiply(p->to, least(p->panel, n - q), k, w, p->row, p->column + c, x + q * p->size * k,
                                 p->panel, accumulate || c > 0, y + q * p->size, p->plane);
    }
}

static void run_jobs(int64_t begin, int64_t end, void *user)
{
    plan *p = user;
    char *room = tp__conv_take_room(&p->slots);
    for (int64_t i = begin; i < end; i++)
        run_panels(p, i, room);
    tp__conv_give_room(&p->slots, room);
}

bool tp__conv_planes(const tp__conv_job *job)
{
    plan p;
    if (!make_plan(&p, job))
        return false;
    bool by_input = job->pass == TP__CONV_BY_INPUT;
    p.slots.room = job->room;
    p.row = (int32_t *)(void *)(p.slots.room + p.slots.count * TP__CONV_ROOM);
    p.column = p.row + p.to;
    for (int64_t i = 0; i < p.to; i++)
        p.row[i] = (int32_t)(by_input ? i : i * p.from);
    for (int64_t i = 0; i < p.from; i++)
        p.column[i] = (int32_t)(by_input ? i * p.to : i);
    tp__parallel_for(p.jobs, 1 + SHARE / (p.panel * p.together * p.from * p.to + 1), run_jobs, &p);
    return true;
}
