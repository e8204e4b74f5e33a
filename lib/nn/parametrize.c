/* parametrize.c - parameters that are computed for each call of their module.
 *
 * A computed parameter is no entry of the module: what it is computed from is. The module's struct has pointers to it; which
 * these words are is noted when it becomes computed. A call then gives the class's function a copy of the struct, whose words
 * point to what was computed on this tape: so several threads may call the module, each on a tape of its own. The copy's entries
 * are what was computed; all else is found in the module. Between calls the words point to the tensor of that shape that it is
 * computed from. */
#include "nn/nn.h"
#include "ops/ops.h"
#include "tapir/elementwise.h"
#include "tapir/parametrize.h"

#include <string.h>

struct tp__computed {
    tp__computed *next;
    bool
        masked; /* NAME_orig times NAME_mask; otherwise the modules of parametrizations.NAME make it of its parameters */
    tp_dtype dtype;
    tp_dims shape;
    size_t n_words, bytes; /* of the whole block */
    const char *name;
    size_t word[]; /* where they are in the struct; the name is behind them */
};

/* ---- a module's list of them --------------------------------------------------------------------------------------- */

tp__computed *tp__computed_find(const tp_module *m, const char *name)
{
    tp__computed *c = m->use->computed;
    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    return c;
}

bool tp__computed_any(const tp_module *m, bool masked)
{
    const tp__computed *c = m->use->computed;
    while (c && c->masked != masked)
        c = c->next;
    return c != NULL;
}

bool tp__computed_is_masked(const tp__computed *c) { return c->masked; }

static size_t words_to(const tp_module *m, const tp_tensor *x, size_t *word)
{
    size_t n = 0;
    for (size_t at = sizeof *m; at + sizeof x <= m->type->size; at += sizeof x)
        if (memcmp((const char *)m + at, &x, sizeof x) == 0) {
            if (word)
                word[n] = at;
            n++;
        }
    return n;
}

tp__computed *tp__computed_new(tp_tape *T, const tp_module *m, const char *name, const tp_tensor *x, bool masked)
{
    size_t n = words_to(m, x, NULL), length = strlen(name) + 1;
    size_t bytes = sizeof(tp__computed) + n * sizeof(size_t) + length;
    if (n == 0 && !m->type->by_name) {
        tp_fail(T, TP_EUNSUPPORTED,
                "%s: the struct of %s does not point to %s; one whose forward reads it there is needed", T->speaker,
                m->type->name, name);
        return NULL;
    }
    tp__computed *c = tp__malloc(bytes);
    if (c == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", T->speaker);
        return NULL;
    }
    *c = (tp__computed){.masked = masked, .dtype = x->dtype, .shape = tp__dims_of(x), .n_words = n, .bytes = bytes};
    words_to(m, x, c->word);
    c->name = memcpy(&c->word[n], name, length);
    return c;
}

static void point(tp_module *m, const tp__computed *c, const tp_tensor *x)
{
    for (size_t i = 0; i < c->n_words; i++)
        memcpy((char *)m + c->word[i], &x, sizeof x);
}

void tp__computed_add(tp_module *m, tp__computed *c, const tp_tensor *from)
{
    c->next = m->use->computed;
    m->use->computed = c;
    point(m, c, from);
}

void tp__computed_remove(tp_module *m, tp__computed *c, const tp_tensor *x)
{
    tp__computed **at = &m->use->computed;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    point(m, c, x);
    tp__free(c);
}

void tp__computed_abandon(tp_module *m)
{
    while (m->use->computed) {
        tp__computed *c = m->use->computed;
        m->use->computed = c->next;
        tp__free(c);
    }
}

bool tp__computed_clone(tp_module *copy, const tp_module *from)
{
    tp__computed **end = &copy->use->computed;
    for (const tp__computed *c = from->use->computed; c; c = c->next, end = &(*end)->next) {
        if ((*end = tp__malloc(c->bytes)) == NULL)
            return false;
        memcpy(*end, c, c->bytes);
        (*end)->next = NULL;
        (*end)->name = (const char *)&(*end)->word[c->n_words];
    }
    return true;
}

/* ---- values -------------------------------------------------------------------------------------------------------- */

/* The list of modules that make it. */
static tp_module *makers_of(const tp_module *m, const tp__computed *c)
{
    return tp_module_child(tp_module_child((tp_module *)(uintptr_t)m, "parametrizations"), c->name);
}

/* The tensors it is made of: the list's own parameters, in order. */
static int originals_of(const tp_module *makers, tp_tensor **original)
{
    int n = 0;
    for (int i = 0; makers && i < makers->n_entries; i++)
        if (makers->entries[i].kind == TP__IS_PARAM && n < TP__MOST_ORIGINALS)
            original[n++] = makers->entries[i].tensor;
    return n;
}

static tp_tensor *made(tp_tape *T, const tp_module *m, const tp__computed *c)
{
    tp_module *makers = makers_of(m, c);
    tp_tensor *original[TP__MOST_ORIGINALS], *y = NULL;
    int n = originals_of(makers, original);
    for (int i = 0; makers && i < makers->n_entries && tp__ok(T); i++) {
        if (makers->entries[i].kind != TP__IS_CHILD)
            continue;
        if (y == NULL)
            tp_forward_n(T, makers->entries[i].child, n, original, 1, &y);
        else
            y = tp_forward(T, makers->entries[i].child, y);
    }
    return y;
}

static tp_tensor *masked(tp_tape *T, const tp_module *m, const tp__computed *c)
{
    tp_module *self = (tp_module *)(uintptr_t)m;
    return tp_mul(T, tp__param_after(self, c->name, "_orig"), tp__param_after(self, c->name, "_mask"));
}

tp_tensor *tp__computed_value(tp_tape *T, const tp_module *m, const tp__computed *c)
{
    tp_tensor *y = c->masked ? masked(T, m, c) : made(T, m, c);
    if (y == NULL)
        tp__missing(T, m->type->name, "what its parametrization makes");
    else if (tp__ok(T) && (y->dtype != c->dtype || !tp__dims_equal(tp__dims_of(y), c->shape)))
        tp_fail(T, TP_ESHAPE, "%s: its parametrization of %s makes %s %s; %s %s is needed", m->type->name, c->name,
                tp_dtype_name(y->dtype), TP__SHAPE(y), tp_dtype_name(c->dtype), TP__DIMS(c->shape));
    return tp__ok(T) ? y : NULL;
}

tp_tensor *tp__param_after(tp_module *m, const char *name, const char *suffix)
{
    size_t length = strlen(name);
    for (int i = 0; i < m->n_entries; i++) {
        const tp_module_entry *e = &m->entries[i];
        if (e->kind != TP__IS_CHILD && strncmp(e->name, name, length) == 0 && strcmp(e->name + length, suffix) == 0)
            return e->tensor;
    }
    return NULL;
}

/* ---- calls --------------------------------------------------------------------------------------------------------- */

tp_module *tp__computed_begin(tp_tape *T, tp_module *m)
{
    tp_module *copy = tp__arena_alloc(&T->arena, m->type->size);
    if (copy == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", m->type->name);
        return NULL;
    }
    memcpy(copy, m, m->type->size);
    copy->n_entries = 0;
    for (const tp__computed *c = m->use->computed; c; c = c->next)
        copy->n_entries++;
    copy->entries = tp__arena_alloc(&T->arena, (size_t)copy->n_entries * sizeof *copy->entries);
    if (copy->entries == NULL) {
        tp_fail(T, TP_ENOMEM, "%s: no memory", m->type->name);
        return NULL;
    }
    tp_module_entry *e = copy->entries;
    for (const tp__computed *c = m->use->computed; c; c = c->next, e++) {
        tp_tensor *y = tp__computed_value(T, m, c);
        if (y == NULL)
            return NULL;
        *e = (tp_module_entry){.name = (char *)(uintptr_t)c->name, .kind = TP__IS_PARAM, .tensor = y};
        point(copy, c, y);
    }
    return copy;
}

void tp__computed_end(tp_module *m, tp_module *copy)
{
    const size_t begin = sizeof *m, n = m->type->size - begin;
    for (tp__computed *c = m->use->computed; c; c = c->next)
        for (size_t i = 0; i < c->n_words; i++)
            memcpy((char *)copy + c->word[i], (const char *)m + c->word[i], sizeof(tp_tensor *));
    if (memcmp((const char *)m + begin, (const char *)copy + begin, n) != 0)
        memcpy((char *)m + begin, (const char *)copy + begin, n); /* what the function has changed */
}

/* ---- registration -------------------------------------------------------------------------------------------------- */

static const tp_module_class list_class = {.name = "ParametrizationList", .size = sizeof(tp_module)};

static int takes(const tp_module *by) { return by->type->forward_n && by->type->n_in > 1 ? by->type->n_in : 1; }

/* Does `by` make what can stand where x does, of these? */
static bool fits(tp_tape *T, tp_module *by, int n, tp_tensor *const *original, const tp_tensor *x)
{
    tp_tensor *y = NULL;
    if (tp_forward_n(T, by, n, original, 1, &y) != TP_OK)
        return false;
    if (y->dtype != x->dtype || !tp__dims_equal(tp__dims_of(y), tp__dims_of(x)))
        tp_fail(T, TP_ESHAPE, "parametrize: %s makes %s %s of a parameter that is %s %s; the same is needed",
                by->type->name, tp_dtype_name(y->dtype), TP__SHAPE(y), tp_dtype_name(x->dtype), TP__SHAPE(x));
    return tp__ok(T);
}

/* What x is computed from: x itself, or owned tensors that the inverse gives. */
static bool find_originals(tp_tape *T, tp_module *by, tp_right_inverse inverse, tp_tensor *x, int n,
                           tp_tensor **original)
{
    original[0] = x;
    if (inverse == NULL && n > 1)
        tp_fail(T, TP_EINVAL, "parametrize: %s takes %d tensors; with more than one a right inverse is needed",
                by->type->name, n);
    if (inverse == NULL || !tp__ok(T))
        return tp__ok(T);
    tp_tensor *y[TP__MOST_ORIGINALS] = {NULL};
    tp_status status = inverse(T, by, x, n, y);
    if (status != TP_OK)
        tp_fail(T, status, "parametrize: the right inverse of %s returned %s", by->type->name, tp_status_name(status));
    for (int i = 0; i < n; i++) {
        if (y[i] == NULL)
            tp__missing(T, "parametrize", "what the right inverse makes");
        original[i] = y[i] && tp__ok(T) ? tp__tensor_owned(y[i]->dtype, tp__dims_of(y[i])) : NULL;
        if (original[i])
            tp_copy_into(T, original[i], y[i]);
        else
            tp_fail(T, TP_ENOMEM, "parametrize: no memory");
    }
    return tp__ok(T);
}

static tp_module *dictionary_of(tp_tape *T, tp_module *m)
{
    tp_module *all = tp_module_child(m, "parametrizations");
    return all ? all : tp_module_add(T, m, "parametrizations", tp_nn_module_dict(T, 0, NULL, NULL));
}

/* Puts the list with its first module, which it owns from now on, into the tree, and the originals into the list. */
static bool install(tp_tape *T, tp_module *m, const char *name, tp_tensor *x, tp_module *by, int n,
                    tp_tensor **original)
{
    tp_module *all = dictionary_of(T, m), *list = all ? tp_module_new(T, &list_class) : NULL;
    char key[32] = "original";
    if (list == NULL) {
        tp_module_free(by);
        return false;
    }
    bool moves = original[0] == x;
    by = tp_module_add(T, list, "0", by);
    list = by ? tp_module_add(T, all, name, list) : (tp_module_free(list), NULL);
    if (list && moves && tp__module_move_entry(T, m, name, list, key))
        return true;
    int added = 0;
    for (; added < n && list && !moves && tp__ok(T); added++) {
        tp__snprintf(key, sizeof key, n > 1 ? "original%d" : "original", added);
        original[added] = tp_module_add_param(T, list, key, original[added]); /* which is freed where it fails */
    }
    if (list && tp__ok(T)) {
        tp__module_drop_entry(m, name);
        return true;
    }
    tp_module_free(list);
    for (int i = 0; i < added; i++)
        original[i] = NULL;
    return false;
}

/* The one that a call's struct points to between calls. */
static const tp_tensor *stand_in(const tp__computed *c, int n, tp_tensor *const *original)
{
    for (int i = 0; i < n; i++)
        if (original[i]->dtype == c->dtype && tp__dims_equal(tp__dims_of(original[i]), c->shape))
            return original[i];
    return original[0];
}

static tp_module *parametrize_first(tp_tape *T, tp_module *m, const char *name, tp_tensor *x, tp_module *by,
                                    tp_right_inverse inverse)
{
    tp_tensor *original[TP__MOST_ORIGINALS] = {NULL};
    const int n = takes(by);
    tp__aside a = tp__aside_begin(T);
    if (n > TP__MOST_ORIGINALS)
        tp_fail(T, TP_EINVAL, "parametrize: %s takes %d tensors; at most %d are possible", by->type->name, n,
                TP__MOST_ORIGINALS);
    tp__computed *c = tp__ok(T) ? tp__computed_new(T, m, name, x, false) : NULL;
    bool ok = c && find_originals(T, by, inverse, x, n, original) && fits(T, by, n, original, x);
    tp__aside_end(T, a);
    if (ok && install(T, m, name, x, by, n, original)) {
        tp__computed_add(m, c, stand_in(c, n, original));
        return by;
    }
    if (!ok)
        tp_module_free(by);
    for (int i = 0; i < n && n <= TP__MOST_ORIGINALS; i++)
        if (original[i] != x)
            tp_free(original[i]);
    tp__free(c);
    return NULL;
}

/* After the others of this parameter. */
static tp_module *parametrize_next(tp_tape *T, tp_module *m, const tp__computed *c, tp_module *by,
                                   tp_right_inverse inverse)
{
    tp_module *makers = makers_of(m, c);
    tp_tensor *original[TP__MOST_ORIGINALS], *x = NULL;
    char key[32];
    if (inverse)
        tp_fail(T, TP_EUNSUPPORTED, "parametrize: %s of %s is computed already; without a right inverse is needed",
                c->name, m->type->name);
    tp__aside a = tp__aside_begin(T);
    bool ok = tp__ok(T) && makers && (x = tp__computed_value(T, m, c)) != NULL && fits(T, by, 1, &x, x);
    tp__aside_end(T, a);
    if (!ok) {
        tp_module_free(by);
        return NULL;
    }
    tp__snprintf(key, sizeof key, "%d", makers->n_entries - originals_of(makers, original));
    return tp_module_add(T, makers, key, by);
}

tp_module *tp_parametrize(tp_tape *T, tp_module *m, const char *name, tp_module *by, tp_right_inverse inverse)
{
    TP__NAMED(T, "parametrize");
    if (m == NULL || by == NULL)
        tp__missing(T, "parametrize", m ? "the parametrization" : "the module");
    if (by && tp__ok(T) && by->parent)
        tp_fail(T, TP_EINVAL, "parametrize: %s has a parent already; a module without one is needed", by->type->name);
    if (by && tp__ok(T) && !by->type->forward && !by->type->forward_n)
        tp_fail(T, TP_EINVAL, "parametrize: %s has no forward; a module that makes one tensor is needed",
                by->type->name);
    tp__computed *c = NULL;
    tp_tensor *x = tp__ok(T) && m && by ? tp__module_parameter(T, &m, &name, &c, "parametrize") : NULL;
    if (c && c->masked)
        tp_fail(T, TP_EINVAL, "parametrize: %s of %s is pruned; tp_prune_remove is needed first", c->name,
                m->type->name);
    if (!tp__ok(T) || by == NULL || m == NULL) {
        if (by && by->parent == NULL)
            tp_module_free(by);
        return NULL;
    }
    return c ? parametrize_next(T, m, c, by, inverse) : parametrize_first(T, m, name, x, by, inverse);
}

tp_tensor *tp_parametrized(tp_tape *T, tp_module *m, const char *name)
{
    TP__NAMED(T, "parametrized");
    tp__computed *c = NULL;
    if (m == NULL)
        tp__missing(T, "parametrized", "the module");
    tp_tensor *x = m && tp__ok(T) ? tp__module_parameter(T, &m, &name, &c, "parametrized") : NULL;
    return c && tp__ok(T) ? tp__computed_value(T, m, c) : x;
}

bool tp_is_parametrized(const tp_module *m, const char *name)
{
    if (m == NULL || name == NULL)
        return m && tp__computed_any(m, false);
    const tp__computed *c = tp__computed_find(m, name);
    return c && !c->masked;
}

/* ---- removal ------------------------------------------------------------------------------------------------------- */

/* x is what the parameter is from now on. */
static bool keep_values(tp_tape *T, const tp_module *m, const tp__computed *c, tp_tensor *x)
{
    tp__aside a = tp__aside_begin(T);
    tp_tensor *y = tp__computed_value(T, m, c);
    if (y)
        tp_copy_into(T, x, y);
    tp__aside_end(T, a);
    return tp__ok(T);
}

tp_status tp_remove_parametrizations(tp_tape *T, tp_module *m, const char *name, bool leave_parametrized)
{
    TP__NAMED(T, "remove_parametrizations");
    tp__computed *c = NULL;
    if (m == NULL)
        tp__missing(T, "remove_parametrizations", "the module");
    if (m && tp__ok(T))
        tp__module_parameter(T, &m, &name, &c, "remove_parametrizations");
    if (tp__ok(T) && m && (c == NULL || c->masked))
        tp_fail(T, TP_EINVAL, "remove_parametrizations: %s of %s has none; a parametrized one is needed", name,
                m->type->name);
    if (!tp__ok(T) || c == NULL)
        return tp_error_status(T);
    tp_module *makers = makers_of(m, c), *all = makers ? makers->parent : NULL;
    tp_tensor *original[TP__MOST_ORIGINALS];
    const int n = originals_of(makers, original);
    tp_tensor *x = (tp_tensor *)(uintptr_t)(n > 0 ? stand_in(c, n, original) : NULL);
    if (n > 1 && !leave_parametrized)
        return tp_fail(T, TP_EINVAL,
                       "remove_parametrizations: %s is made of %d tensors; to leave it as it is is needed", name, n);
    if (x == NULL || x->dtype != c->dtype || !tp__dims_equal(tp__dims_of(x), c->shape))
        return tp_fail(T, TP_EUNSUPPORTED,
                       "remove_parametrizations: %s is made of no tensor of its shape; one is needed", name);
    if (leave_parametrized && !keep_values(T, m, c, x))
        return tp_error_status(T);
    const tp_module_entry *e = makers->entries;
    while (e->kind == TP__IS_CHILD || e->tensor != x)
        e++;
    if (!tp__module_move_entry(T, makers, e->name, m, c->name))
        return tp_error_status(T);
    tp__computed_remove(m, c, x);
    tp_module_free(makers);
    if (all && all->n_entries == 0)
        tp_module_free(all);
    return TP_OK;
}
