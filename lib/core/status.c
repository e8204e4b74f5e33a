/* status.c - statuses by name and in words; the version. */
#include "core/core.h"

static const char *const names[] = {
#define NAME_OF(id, text) [id] = #id,
    TP_STATUS_LIST(NAME_OF)};
static const char *const texts[] = {
#define TEXT_OF(id, text) [id] = text,
    TP_STATUS_LIST(TEXT_OF)};

const char *tp_status_name(tp_status status)
{
    return (unsigned)status < TP_STATUSES ? names[status] : "unknown status";
}

const char *tp_status_text(tp_status status)
{
    return (unsigned)status < TP_STATUSES ? texts[status] : "unknown status";
}

const char *tp_version(void) { return TP_VERSION; }
