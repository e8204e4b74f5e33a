/* calls.c - finding a call by its name, and the elementwise families. */
#include "calls.h"

#include <math.h>
#include <string.h>

/* ---- one operand ----------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unary_fn fn;
} unary_calls[] = {
    {"neg", tp_neg},
    {"abs", tp_abs},
    {"sign", tp_sign},
    {"square", tp_square},
    {"sqrt", tp_sqrt},
    {"rsqrt", tp_rsqrt},
    {"exp", tp_exp},
    {"expm1", tp_expm1},
    {"reciprocal", tp_reciprocal},
    {"log", tp_log},
    {"log1p", tp_log1p},
    {"log2", tp_log2},
    {"log10", tp_log10},
    {"sin", tp_sin},
    {"cos", tp_cos},
    {"tan", tp_tan},
    {"sinh", tp_sinh},
    {"cosh", tp_cosh},
    {"tanh", tp_tanh},
    {"asin", tp_asin},
    {"acos", tp_acos},
    {"atan", tp_atan},
    {"erf", tp_erf},
    {"floor", tp_floor},
    {"ceil", tp_ceil},
    {"trunc", tp_trunc},
    {"logical_not", tp_logical_not},
    {"sigmoid", tp_sigmoid},
    {"relu", tp_relu},
    {"nn.functional.relu", tp_relu},
    {"isnan", tp_isnan},
    {"isinf", tp_isinf},
    {"isfinite", tp_isfinite},
    {"clone", tp_clone},
    {"contiguous", tp_contiguous},
    {"t", tp_t},
    {"nn.functional.logsigmoid", tp_log_sigmoid},
};
enum { UNARY_CALLS = sizeof unary_calls / sizeof unary_calls[0] };

static int find_unary(const char *op)
{
    for (int i = 0; i < UNARY_CALLS; i++)
        if (strcmp(unary_calls[i].name, op) == 0)
            return i;
    return -1;
}

/* ---- two operands ---------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    binary_fn fn;
    tp_tensor *(*with_number)(tp_tape *, tp_tensor *, double);
    bool swapped; /* fn(second, first) */
    bool numbers; /* takes a number as second operand */
} binary_call;

static const binary_call binary_calls[] = {
    {"add", tp_add, tp_add_scalar, false, true},
    {"sub", tp_sub, tp_sub_scalar, false, true},
    {"mul", tp_mul, tp_mul_scalar, false, true},
    {"div", tp_div, tp_div_scalar, false, true},
    {"true_divide", tp_div, tp_div_scalar, false, true},
    {"pow", tp_pow, tp_pow_scalar, false, true},
    {"__radd__", tp_add, tp_add_scalar, false, true},
    {"__rmul__", tp_mul, tp_mul_scalar, false, true},
    {"rsub", tp_sub, tp_rsub_scalar, true, true},
    {"__rsub__", tp_sub, tp_rsub_scalar, true, true},
    {"__rdiv__", tp_div, NULL, true, true},
    {"__rpow__", tp_pow, NULL, true, true},
    {"eq", tp_eq, NULL, false, true},
    {"ne", tp_ne, NULL, false, true},
    {"lt", tp_lt, NULL, false, true},
    {"le", tp_le, NULL, false, true},
    {"gt", tp_gt, NULL, false, true},
    {"ge", tp_ge, NULL, false, true},
    {"atan2", tp_atan2, NULL, false, false},
    {"maximum", tp_maximum, NULL, false, false},
    {"minimum", tp_minimum, NULL, false, false},
    {"logical_and", tp_logical_and, NULL, false, false},
    {"logical_or", tp_logical_or, NULL, false, false},
    {"matmul", tp_matmul, NULL, false, false},
    {"__rmatmul__", tp_matmul, NULL, true, false},
    {"mm", tp_mm, NULL, false, false},
    {"mv", tp_mv, NULL, false, false},
    {"bmm", tp_bmm, NULL, false, false},
    {"dot", tp_dot, NULL, false, false},
    {"vdot", tp_dot, NULL, false, false},
};

static const binary_call *find_binary(const char *op)
{
    for (size_t i = 0; i < sizeof binary_calls / sizeof binary_calls[0]; i++)
        if (strcmp(binary_calls[i].name, op) == 0)
            return &binary_calls[i];
    return NULL;
}

/* A C number says the same as the Python one: neither a whole float nor a bool beside integers, which
 * C cannot tell from an int. */
static bool as_c_number(const json_t *a, const tp_tensor *x)
{
    if (!arg_is_number(a))
        return false;
    if (tp_dtype_is_float(tp_dtype_of(x)) || json_is_integer(a))
        return true;
    return json_is_real(a) && number_of(a) != rint(number_of(a));
}

static tp_tensor *call_binary(test_case *c, const binary_call *b)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    const json_t *second = arg(c, 1, "other");
    double alpha = arg_double(c, -1, "alpha", 1);
    if (arg_is_number(second) && !b->numbers)
        case_skip(c, "other is a number");
    if (b->with_number != NULL && alpha == 1 && as_c_number(second, x))
        return b->with_number(c->T, x, number_of(second));
    tp_tensor *y = arg_operand(c, 1, "other", x);
    tp_tensor *left = b->swapped ? y : x, *right = b->swapped ? x : y;
    return b->fn(c->T, left, times_alpha(c, right));
}

/* ---- the rest of the elementwise ones -------------------------------------------------------- */

static tp_tensor *call_where(test_case *c)
{
    tp_tensor *condition = arg_tensor(c, 0, "condition");
    tp_tensor *a = arg_is_tensor(arg(c, 1, "self")) ? arg_tensor(c, 1, "self") : NULL;
    tp_tensor *b = arg_operand(c, 2, "other", a);
    return tp_where(c->T, condition, arg_operand(c, 1, "self", b), b);
}

static tp_tensor *clamp_between(test_case *c, int low, int high)
{
    tp_tensor *x = arg_tensor(c, 0, "input");
    double from = low > 0 ? arg_double(c, low, "min", -(double)INFINITY) : -(double)INFINITY;
    double to = high > 0 ? arg_double(c, high, "max", (double)INFINITY) : (double)INFINITY;
    return tp_clamp(c->T, x, from, to);
}
static tp_tensor *call_clamp(test_case *c) { return clamp_between(c, 1, 2); }
static tp_tensor *call_clamp_min(test_case *c) { return clamp_between(c, 1, 0); }
static tp_tensor *call_clamp_max(test_case *c) { return clamp_between(c, 0, 1); }

static tp_tensor *call_round(test_case *c)
{
    if (arg_int(c, -1, "decimals", 0) != 0)
        case_skip(c, "decimals");
    return tp_round(c->T, arg_tensor(c, 0, "input"));
}

static tp_tensor *call_to(test_case *c)
{
    tp_dtype dtype = arg_dtype(c, 2, "dtype", TP_F32);
    bool copy = arg_bool(c, 4, "copy", false);
    tp_tensor *x = arg_tensor(c, 0, "input");
    arg(c, 1, "device");
    arg(c, 3, "non_blocking");
    return copy && dtype == tp_dtype_of(x) ? tp_clone(c->T, x) : tp_to(c->T, x, dtype);
}
static tp_tensor *call_float(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_F32); }
static tp_tensor *call_double(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_F64); }
static tp_tensor *call_int(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_I32); }
static tp_tensor *call_long(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_I64); }
static tp_tensor *call_byte(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_U8); }
static tp_tensor *call_bool(test_case *c) { return tp_to(c->T, arg_tensor(c, 0, "input"), TP_BOOL); }

static const call_entry pointwise_calls[] = {
    {"where", call_where}, {"clamp", call_clamp}, {"clamp_min", call_clamp_min}, {"clamp_max", call_clamp_max},
    {"round", call_round}, {"to", call_to},       {"float", call_float},         {"double", call_double},
    {"int", call_int},     {"long", call_long},   {"byte", call_byte},           {"bool", call_bool},
    {NULL, NULL},
};

/* ---- by name --------------------------------------------------------------------------------- */

static call_fn find_call(const char *op)
{
    const call_entry *const tables[] = {pointwise_calls, reduce_calls, shape_calls,
                                        create_calls,    nn_calls,     linalg_calls};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const call_entry *e = tables[t]; e->name != NULL; e++)
            if (strcmp(e->name, op) == 0)
                return e->fn;
    return NULL;
}

bool call_known(const char *op) { return find_unary(op) >= 0 || find_binary(op) != NULL || find_call(op) != NULL; }

void call_operator(test_case *c)
{
    int unary = find_unary(c->op);
    const binary_call *binary = find_binary(c->op);
    call_fn call = find_call(c->op);
    c->n_out = 1;
    if (unary >= 0)
        c->out[0] = unary_calls[unary].fn(c->T, arg_tensor(c, 0, "input"));
    else if (binary != NULL)
        c->out[0] = call_binary(c, binary);
    else if (call != NULL)
        c->out[0] = call(c);
    else
        case_skip(c, "no such operator");
    args_done(c);
}
