/* reduce_float_body.h - the reductions of floats, read by vec_reduce.c for each (per_float.h). */
#define R REAL
#define PLAIN 0

#define OWN(part) NAME(sum_##part)
#define LANE R
#define GATHERED double
#define ZERO 0
#define OF(e) (e)
#define STEP(a, x) ((a) + (x))
#define USUAL 1
#include "kernel/reducer_body.h"

#define OWN(part) NAME(prod_##part)
#define LANE double
#define GATHERED double
#define ZERO 1
#define OF(e) (e)
#define STEP(a, x) ((a) * (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(all_##part)
#define LANE R
#define GATHERED uint8_t
#define ZERO 1
#define OF(e) ((e) != 0)
#define STEP(a, x) (((a) != 0) & ((x) != 0))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(any_##part)
#define LANE R
#define GATHERED uint8_t
#define ZERO 0
#define OF(e) ((e) != 0)
#define STEP(a, x) (((a) != 0) | ((x) != 0))
#define USUAL 0
#include "kernel/reducer_body.h"

/* Of what is a number; and what norms are made of: float32 squares in double, where they stay in range. */
#define OWN(part) NAME(nansum_##part)
#define LANE R
#define GATHERED double
#define ZERO 0
#define OF(e) ((e) == (e) ? (e) : 0)
#define STEP(a, x) ((a) + (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(count_##part)
#define LANE R
#define GATHERED double
#define ZERO 0
#define OF(e) ((e) != 0)
#define STEP(a, x) ((a) + (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(absolutes_##part)
#define LANE R
#define GATHERED double
#define ZERO 0
#define OF(e) ((e) <= 0 ? 0 - (e) : (e))
#define STEP(a, x) ((a) + (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(squares_##part)
#define LANE double
#define GATHERED double
#define ZERO 0
#define OF(e) ((double)(e) * (double)(e))
#define STEP(a, x) ((a) + (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#if IS_F64
#define B uint64_t
#define WIDTH LANES
#else
#define B uint32_t
#define WIDTH MORE
#endif

#define OWN(part) NAME(max_##part)
#define ZERO -INFINITY
#define OF(e) (e)
#define BETTER(x, a) ((x) > (a))
#include "kernel/extreme_body.h"

#define OWN(part) NAME(min_##part)
#define ZERO INFINITY
#define OF(e) (e)
#define BETTER(x, a) ((x) < (a))
#include "kernel/extreme_body.h"

#define OWN(part) NAME(farthest_##part)
#define ZERO 0
#define OF(e) ((e) <= 0 ? 0 - (e) : (e))
#define BETTER(x, a) ((x) > (a))
#include "kernel/extreme_body.h"

#define OWN(part) NAME(nearest_##part)
#define ZERO INFINITY
#define OF(e) ((e) <= 0 ? 0 - (e) : (e))
#define BETTER(x, a) ((x) < (a))
#include "kernel/extreme_body.h"

#include "kernel/reduce_find_body.h"

#undef B
#undef WIDTH
#undef PLAIN
#undef R
