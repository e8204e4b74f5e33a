/* printing.c - the text of tensors and modules, character by character. */
#include "groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT = 1 << 16 };

/* ---- tensors made from a few numbers by an expression ---------------------------------------- */

static void shape_of_literal(const json_t *a, tp_dims *shape)
{
    shape->ndim = 0;
    for (; json_is_array(a) && shape->ndim < TP_MAX_DIMS; a = json_array_get(a, 0))
        shape->dim[shape->ndim++] = (int64_t)json_array_size(a);
}

static float *fill_from_literal(float *at, const json_t *a)
{
    if (!json_is_array(a)) {
        *at = (float)number_of(a);
        return at + 1;
    }
    for (size_t i = 0; i < json_array_size(a); i++)
        at = fill_from_literal(at, json_array_get(a, i));
    return at;
}

static tp_tensor *tensor_of_literal(test_case *c, const json_t *a)
{
    tp_dims shape;
    shape_of_literal(a, &shape);
    tp_tensor *x = tp_empty(c->T, TP_F32, shape);
    if (x != NULL)
        fill_from_literal(tp_data(x), a);
    return x;
}

static tp_tensor *square_of(tp_tape *T, tp_tensor *x) { return tp_pow_scalar(T, x, 2); }
static tp_tensor *third_of(tp_tape *T, tp_tensor *x) { return tp_div_scalar(T, x, 3); }
static tp_tensor *one_more(tp_tape *T, tp_tensor *x) { return tp_add_scalar(T, x, 1); }
static tp_tensor *twice(tp_tape *T, tp_tensor *x) { return tp_mul_scalar(T, x, 2); }
static tp_tensor *as_column(tp_tape *T, tp_tensor *x) { return tp_reshape(T, x, tp_shape(-1, 1)); }

static const struct {
    const char *text;
    tp_tensor *(*fn)(tp_tape *, tp_tensor *);
} expressions[] = {
    {"x.sum()", tp_sum},
    {"x.abs()", tp_abs},
    {"x.exp()", tp_exp},
    {"x.mean()", tp_mean},
    {"x.sqrt()", tp_sqrt},
    {"-x", tp_neg},
    {"x ** 2", square_of},
    {"x / 3", third_of},
    {"x + 1", one_more},
    {"x * 2", twice},
    {"x.reshape(-1, 1)", as_column},
};

static tp_tensor *made(test_case *c, const char *expression)
{
    tp_tensor *x = tp_requires_grad(tensor_of_literal(c, json_object_get(c->json, "x")), true);
    for (size_t i = 0; i < sizeof expressions / sizeof expressions[0]; i++)
        if (strcmp(expressions[i].text, expression) == 0)
            return expressions[i].fn(c->T, x);
    case_skip(c, "made by %s", expression);
    return NULL;
}

/* ---- tensors --------------------------------------------------------------------------------- */

/* torch.set_printoptions: a profile, and the rest on top of it. */
static tp_print_options options_of(const json_t *a)
{
    const char *profile = json_string_value(json_object_get(a, "profile"));
    tp_print_options o = {.precision = (int)json_integer_value(json_object_get(a, "precision")),
                          .threshold = (int)json_integer_value(json_object_get(a, "threshold")),
                          .edge_items = (int)json_integer_value(json_object_get(a, "edgeitems")),
                          .line_width = (int)json_integer_value(json_object_get(a, "linewidth")),
                          .sci_mode = json_is_true(json_object_get(a, "sci_mode"))    ? 1
                                      : json_is_false(json_object_get(a, "sci_mode")) ? -1
                                                                                      : 0};
    if (profile != NULL && strcmp(profile, "short") == 0) {
        o.precision = 2;
        o.edge_items = 2;
    } else if (profile != NULL && strcmp(profile, "full") == 0) {
        o.threshold = INT32_MAX;
    }
    return o;
}

/* Made a parameter by a module that has nothing else. */
static tp_tensor *parameter_of(test_case *c, tp_tensor *x)
{
    static const tp_module_class holder = {.name = "Holder", .size = sizeof(tp_module)};
    c->module = tp_module_new(c->T, &holder);
    return tp_module_add_param(c->T, c->module, "x", tp_keep(x));
}

static void run_tensor(test_case *c, char *text)
{
    const char *expression = case_text(c, "made");
    const json_t *options = json_object_get(c->json, "printoptions");
    tp_tensor *x = expression[0] != '\0' ? made(c, expression) : arg_tensor(c, 0, "x");
    if (json_is_true(json_object_get(c->json, "requires_grad")))
        tp_requires_grad(x, true);
    if (json_is_true(json_object_get(c->json, "parameter")))
        x = parameter_of(c, x);
    if (!case_ok(c))
        return;
    tp_print_options o = options_of(options);
    int64_t n = options != NULL ? tp_format_with(x, &o, text, TEXT) : tp_format(x, text, TEXT);
    if (n < 0 || n >= TEXT)
        case_fail(c, "the text has %lld bytes", (long long)n);
    else
        check_text(c, text, case_text(c, "repr"));
}

/* ---- modules: only the text is stored, so the module is read from it ------------------------- */

enum { MAX_CHILDREN = 16 };

static tp_module *read_module(test_case *c, const char **at);

/* Children and parameters by their names, as they are read. */
typedef struct {
    int n;
    char name[MAX_CHILDREN][64];
    const char *names[MAX_CHILDREN];
    tp_module *child[MAX_CHILDREN];
    tp_tensor *parameter[MAX_CHILDREN];
} members;

/* "(name): " of the next member; false at the closing parenthesis. */
static bool read_name(const char **at, members *m)
{
    *at += strspn(*at, " \n");
    const char *colon = **at == '(' ? strstr(*at, "): ") : NULL;
    if (colon == NULL || m->n == MAX_CHILDREN || colon - *at > (int)sizeof m->name[0])
        return false;
    snprintf(m->name[m->n], sizeof m->name[0], "%.*s", (int)(colon - *at - 1), *at + 1);
    m->names[m->n] = m->name[m->n];
    *at = colon + 3;
    return true;
}

/* What stands before the parenthesis, and a line "(0): module" for each child, up to the closing one */
static void read_children(test_case *c, const char **at, members *m)
{
    *at += strcspn(*at, "(") + 1;
    while (c->came_to == PASSED && read_name(at, m))
        m->child[m->n++] = read_module(c, at);
    *at += **at == ')';
}

/* The same of "(0): Parameter containing: [torch.float32 of size 3x4]", or "torch.FloatTensor of" */
static void read_parameters(test_case *c, const char **at, members *m)
{
    *at += strcspn(*at, "(") + 1;
    while (read_name(at, m)) {
        tp_dtype dtype = strstr(*at, "[torch.float64") == *at + 22 || strstr(*at, "[torch.Double") == *at + 22 ? TP_F64
                                                                                                               : TP_F32;
        tp_dims shape = {0};
        *at += strcspn(*at, "[");
        const char *digits = strstr(*at, "of size ");
        for (digits = digits ? digits + 8 : "]"; *digits >= '0' && *digits <= '9' && shape.ndim < TP_MAX_DIMS;) {
            char *end;
            shape.dim[shape.ndim++] = strtoll(digits, &end, 10);
            digits = *end == 'x' ? end + 1 : end;
        }
        m->parameter[m->n++] = tp_keep(tp_zeros(c->T, dtype, shape));
        *at += strcspn(*at, "]") + 1;
    }
    *at += **at == ')';
}

/* NULL where the text does not begin with a container. */
static tp_module *read_container(test_case *c, const char **at)
{
    members m = {0};
    const char *name = *at;
    if (strncmp(name, "ParameterList(", 14) == 0 || strncmp(name, "ParameterDict(", 14) == 0) {
        read_parameters(c, at, &m);
        return name[9] == 'L' ? tp_nn_parameter_list(c->T, m.n, m.parameter)
                              : tp_nn_parameter_dict(c->T, m.n, m.names, m.parameter);
    }
    bool chain = strncmp(name, "Sequential(", 11) == 0, dict = strncmp(name, "ModuleDict(", 11) == 0;
    if (!chain && !dict && strncmp(name, "ModuleList(", 11) != 0)
        return NULL;
    read_children(c, at, &m);
    return chain  ? tp_nn_sequential_of(c->T, m.n, m.child)
           : dict ? tp_nn_module_dict(c->T, m.n, m.names, m.child)
                  : tp_nn_module_list_of(c->T, m.n, m.child);
}

/* A value as Python prints it: a tuple, a string, None, a truth or a number. */
static json_t *read_value(const char **at)
{
    static const char *const word[] = {"None", "True", "False"};
    *at += strspn(*at, " ");
    if (**at == '(') {
        json_t *list = json_array();
        for (++*at; **at != ')' && **at != '\0'; *at += strspn(*at, ", "))
            json_array_append_new(list, read_value(at));
        *at += **at == ')';
        return list;
    }
    if (**at == '\'') {
        size_t n = strcspn(*at + 1, "'");
        json_t *text = json_stringn(*at + 1, n);
        *at += n + 2;
        return text;
    }
    for (int i = 0; i < 3; i++)
        if (strncmp(*at, word[i], strlen(word[i])) == 0) {
            *at += strlen(word[i]);
            return i == 0 ? json_null() : json_boolean(i == 1);
        }
    char *end;
    double v = strtod(*at, &end);
    bool whole = strcspn(*at, ".e") >= (size_t)(end - *at);
    *at = end > *at ? end : *at + strlen(*at);
    return whole ? json_integer((json_int_t)v) : json_real(v);
}

/* A word up to where one of `ends` stands, and past that; empty where there is none, or it is too long. */
static void read_word(const char **at, const char *ends, char word[64])
{
    size_t n = strcspn(*at, ends);
    bool fits = n < 64 && (*at)[n] != '\0';
    memcpy(word, *at, fits ? n : 0);
    word[fits ? n : 0] = '\0';
    *at += fits ? n + 1 : 0;
}

/* "Name(value, key=value)", of which the arguments are what the constructor takes; but for inplace=False. */
static tp_module *read_leaf(test_case *c, const char **at)
{
    char name[64], key[64];
    json_t *args = json_array(), *kwargs = json_object();
    read_word(at, "(", name);
    while (**at != ')' && **at != '\0') {
        size_t letters = strspn(*at, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if ((*at)[letters] == '=') {
            read_word(at, "=", key);
            json_object_set_new(kwargs, key, read_value(at));
        } else {
            json_array_append_new(args, read_value(at));
        }
        *at += strspn(*at, ", ");
    }
    *at += **at == ')';
    if (json_is_false(json_object_get(kwargs, "inplace")))
        json_object_del(kwargs, "inplace");
    module_build_of(c, name, args, kwargs);
    args_use(c, NULL, NULL);
    json_decref(args);
    json_decref(kwargs);
    tp_module *m = c->module;
    c->module = NULL;
    return m;
}

static tp_module *read_module(test_case *c, const char **at)
{
    const char *begin = *at;
    tp_module *m = read_container(c, at);
    return m != NULL || *at != begin ? m : read_leaf(c, at);
}

static void run_module_text(test_case *c, char *text)
{
    const char *at = case_text(c, "repr");
    c->module = read_module(c, &at);
    if (!case_ok(c))
        return;
    int64_t n = tp_module_format(c->module, text, TEXT);
    if (n < 0 || n >= TEXT)
        case_fail(c, "the text has %lld bytes", (long long)n);
    else
        check_text(c, text, case_text(c, "repr"));
}

bool printing_known(const char *op) { return strcmp(op, "repr") == 0 || strcmp(op, "repr.module") == 0; }

void run_printing(test_case *c)
{
    char *text = malloc(TEXT);
    if (text == NULL)
        case_fail(c, "no memory");
    else if (strcmp(c->op, "repr") == 0)
        run_tensor(c, text);
    else if (strcmp(c->op, "repr.module") == 0)
        run_module_text(c, text);
    else
        case_skip(c, "no text of it");
    free(text);
}
