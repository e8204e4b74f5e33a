/* reduce_integer_body.h - the reductions of integers, read by vec_reduce.c for each: R is the type, from LEAST to MOST, NAME(f) the
 * name of a function. Sums and products wrap. */
#define PLAIN 1

#define OWN(part) NAME(sum_##part)
#define LANE uint64_t
#define GATHERED int64_t
#define ZERO 0
#define OF(e) (e)
#define STEP(a, x) ((a) + (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(prod_##part)
#define LANE uint64_t
#define GATHERED int64_t
#define ZERO 1
#define OF(e) (e)
#define STEP(a, x) ((a) * (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(max_##part)
#define LANE R
#define GATHERED R
#define ZERO LEAST
#define OF(e) (e)
#define STEP(a, x) ((x) > (a) ? (x) : (a))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(min_##part)
#define LANE R
#define GATHERED R
#define ZERO MOST
#define OF(e) (e)
#define STEP(a, x) ((x) < (a) ? (x) : (a))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(all_##part)
#define LANE uint8_t
#define GATHERED uint8_t
#define ZERO 1
#define OF(e) ((e) != 0)
#define STEP(a, x) ((a) & (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#define OWN(part) NAME(any_##part)
#define LANE uint8_t
#define GATHERED uint8_t
#define ZERO 0
#define OF(e) ((e) != 0)
#define STEP(a, x) ((a) | (x))
#define USUAL 0
#include "kernel/reducer_body.h"

#include "kernel/reduce_find_body.h"

#undef PLAIN
#undef R
#undef NAME
#undef LEAST
#undef MOST
