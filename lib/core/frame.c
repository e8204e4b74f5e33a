/* frame.c - does a function still run, or was it left by a jump (longjmp, an exception)? Nobody tells of a jump, so the stack
 * is gone through, as a debugger does: a function that runs is among the callers, with the same end of its frame and the
 * same place to come back to. What unwinds is the compiler's own library, where the process has it. */
#include "core/core.h"

#include <unwind.h>

#pragma weak _Unwind_Backtrace
#pragma weak _Unwind_GetCFA
#pragma weak _Unwind_GetIP

typedef struct {
    tp__frame frame;
    bool passed; /* its place is another's, or nobody's */
} search;

/* Called for each caller: where its stack ended when it called, which is where the frame of what it called ends. */
static _Unwind_Reason_Code look(struct _Unwind_Context *caller, void *user)
{
    search *s = user;
    uintptr_t end = (uintptr_t)_Unwind_GetCFA(caller), back = (uintptr_t)_Unwind_GetIP(caller);
    if (end == (uintptr_t)s->frame.end && back == (uintptr_t)s->frame.back)
        return _URC_NORMAL_STOP;
    s->passed = end > (uintptr_t)s->frame.end;
    return s->passed ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

__attribute__((noinline)) bool tp__frame_lives(tp__frame frame)
{
    search s = {frame, false};
    if ((uintptr_t)__builtin_frame_address(0) >= (uintptr_t)frame.end)
        return false;
    if (_Unwind_Backtrace == NULL) /* deeper ones count as called by it */
        return true;
    _Unwind_Backtrace(look, &s);
    return !s.passed; /* nor where the callers cannot be seen */
}

/* ---- objects ---------------------------------------------------------------------------------------------------------- */

bool tp__busy_runs(const tp__busy *b) { return tp__busy_here(b) && tp__frame_lives(tp__busy_frame(b)); }

bool tp__busy_doom(tp__busy *b)
{
    if (!tp__busy_runs(b))
        return false;
    b->doomed = true;
    return true;
}
