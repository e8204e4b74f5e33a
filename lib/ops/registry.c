/* registry.c - the built-in operators, family after family: the lists that files of operators end with, which the build finds
 * (families.h). */
#include "ops/ops.h"

#include <string.h>

#define TP__FAMILY(list) extern const tp_op *const list[];
#include "families.h"
#undef TP__FAMILY

#define TP__FAMILY(list) list,
static const tp_op *const *const families[] = {
#include "families.h"
};

const tp_op *tp_op_at(int i)
{
    for (size_t f = 0; i >= 0 && f < sizeof families / sizeof *families; f++)
        for (const tp_op *const *op = families[f]; *op; op++)
            if (i-- == 0)
                return *op;
    return NULL;
}

const tp_op *tp_op_find(const char *name)
{
    const tp_op *op;
    for (int i = 0; name && (op = tp_op_at(i)) != NULL; i++)
        if (strcmp(op->name, name) == 0)
            return op;
    return NULL;
}
