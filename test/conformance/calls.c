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
    {"bitwise_not", tp_bitwise_not},
    {"negative", tp_neg},
    {"absolute", tp_abs},
    {"fix", tp_trunc},
    {"sgn", tp_sign},
    {"exp2", tp_exp2},
    {"asinh", tp_asinh},
    {"acosh", tp_acosh},
    {"atanh", tp_atanh},
    {"arcsin", tp_asin},
    {"arccos", tp_acos},
    {"arctan", tp_atan},
    {"arcsinh", tp_asinh},
    {"arccosh", tp_acosh},
    {"arctanh", tp_atanh},
    {"erfc", tp_erfc},
    {"erfinv", tp_erfinv},
    {"lgamma", tp_lgamma},
    {"digamma", tp_digamma},
    {"frac", tp_frac},
    {"sinc", tp_sinc},
    {"deg2rad", tp_deg2rad},
    {"rad2deg", tp_rad2deg},
    {"signbit", tp_signbit},
    {"isposinf", tp_isposinf},
    {"isneginf", tp_isneginf},
    {"special.expit", tp_sigmoid},
    {"special.erf", tp_erf},
    {"special.erfc", tp_erfc},
    {"special.erfinv", tp_erfinv},
    {"special.expm1", tp_expm1},
    {"special.log1p", tp_log1p},
    {"special.exp2", tp_exp2},
    {"special.gammaln", tp_lgamma},
    {"special.digamma", tp_digamma},
    {"special.psi", tp_digamma},
    {"special.sinc", tp_sinc},
    {"special.ndtr", tp_ndtr},
    {"special.log_ndtr", tp_log_ndtr},
    {"special.ndtri", tp_ndtri},
    {"special.erfcx", tp_erfcx},
    {"special.entr", tp_entr},
    {"i0", tp_i0},
    {"special.i0", tp_i0},
    {"special.modified_bessel_i0", tp_i0},
    {"special.i0e", tp_i0e},
    {"special.i1", tp_i1},
    {"special.modified_bessel_i1", tp_i1},
    {"special.i1e", tp_i1e},
    {"sigmoid", tp_sigmoid},
    {"relu", tp_relu},
    {"nn.functional.relu", tp_relu},
    {"isnan", tp_isnan},
    {"isinf", tp_isinf},
    {"isfinite", tp_isfinite},
    {"isreal", tp_isreal},
    {"angle", tp_angle},
    {"special.bessel_j0", tp_bessel_j0},
    {"special.bessel_j1", tp_bessel_j1},
    {"special.bessel_y0", tp_bessel_y0},
    {"special.bessel_y1", tp_bessel_y1},
    {"clone", tp_clone},
    {"contiguous", tp_contiguous},
    {"t", tp_t},
    {"nn.functional.logsigmoid", tp_log_sigmoid},
    {"nn.functional.relu6", tp_relu6},
    {"nn.functional.selu", tp_selu},
    {"nn.functional.silu", tp_silu},
    {"nn.functional.mish", tp_mish},
    {"nn.functional.hardsigmoid", tp_hardsigmoid},
    {"nn.functional.hardswish", tp_hardswish},
    {"nn.functional.softsign", tp_softsign},
    {"nn.functional.tanhshrink", tp_tanhshrink},
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
    {"not_equal", tp_ne, NULL, false, true},
    {"less", tp_lt, NULL, false, true},
    {"less_equal", tp_le, NULL, false, true},
    {"greater", tp_gt, NULL, false, true},
    {"greater_equal", tp_ge, NULL, false, true},
    {"subtract", tp_sub, tp_sub_scalar, false, true},
    {"multiply", tp_mul, tp_mul_scalar, false, true},
    {"atan2", tp_atan2, NULL, false, false},
    {"arctan2", tp_atan2, NULL, false, false},
    {"maximum", tp_maximum, NULL, false, false},
    {"minimum", tp_minimum, NULL, false, false},
    {"fmax", tp_fmax, NULL, false, false},
    {"fmin", tp_fmin, NULL, false, false},
    {"logical_and", tp_logical_and, NULL, false, false},
    {"logical_or", tp_logical_or, NULL, false, false},
    {"logical_xor", tp_logical_xor, NULL, false, false},
    {"floor_divide", tp_floor_divide, NULL, false, true},
    {"remainder", tp_remainder, NULL, false, true},
    {"fmod", tp_fmod, NULL, false, true},
    {"__rmod__", tp_remainder, NULL, true, true},
    {"__rand__", tp_bitwise_and, NULL, true, true},
    {"__ror__", tp_bitwise_or, NULL, true, true},
    {"__rxor__", tp_bitwise_xor, NULL, true, true},
    {"bitwise_and", tp_bitwise_and, NULL, false, true},
    {"bitwise_or", tp_bitwise_or, NULL, false, true},
    {"bitwise_xor", tp_bitwise_xor, NULL, false, true},
    {"bitwise_left_shift", tp_bitwise_left_shift, NULL, false, true},
    {"bitwise_right_shift", tp_bitwise_right_shift, NULL, false, true},
    {"gcd", tp_gcd, NULL, false, false},
    {"lcm", tp_lcm, NULL, false, false},
    {"hypot", tp_hypot, NULL, false, false},
    {"copysign", tp_copysign, NULL, false, true},
    {"logaddexp", tp_logaddexp, NULL, false, false},
    {"logaddexp2", tp_logaddexp2, NULL, false, false},
    {"xlogy", tp_xlogy, NULL, false, true},
    {"special.xlogy", tp_xlogy, NULL, false, true},
    {"special.xlog1py", tp_xlog1py, NULL, false, true},
    {"heaviside", tp_heaviside, NULL, false, false},
    {"special.zeta", tp_zeta, NULL, false, true},
    {"igamma", tp_igamma, NULL, false, false},
    {"igammac", tp_igammac, NULL, false, false},
    {"special.gammainc", tp_igamma, NULL, false, false},
    {"special.gammaincc", tp_igammac, NULL, false, false},
    {"nextafter", tp_nextafter, NULL, false, false},
    {"float_power", tp_float_power, NULL, false, true},
    {"ldexp", tp_ldexp, NULL, false, false},
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
        case_skip(c, "a number in place of a tensor: C has no such call");
    if (b->with_number != NULL && alpha == 1 && as_c_number(second, x))
        return b->with_number(c->T, x, number_of(second));
    tp_tensor *y = arg_operand(c, 1, "other", x);
    tp_tensor *left = b->swapped ? y : x, *right = b->swapped ? x : y;
    if (strcmp(b->name, "__rdiv__") == 0) /* so PyTorch does it */
        return tp_mul(c->T, tp_reciprocal(c->T, x), y);
    if (alpha != 1 && left && right && tp_result_type(left, right) != TP_BOOL && (b->fn == tp_add || b->fn == tp_sub))
        return (b->fn == tp_add ? tp_add_alpha : tp_sub_alpha)(c->T, left, right, alpha);
    if (alpha != 1 && left && right) /* the product is in the result's dtype */
        right = tp_to(c->T, right, tp_result_type(left, right));
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
    const json_t *bottom = low > 0 ? arg(c, low, "min") : NULL, *top = high > 0 ? arg(c, high, "max") : NULL;
    if (arg_is_tensor(bottom) || arg_is_tensor(top))
        return tp_clamp_tensor(c->T, x, bottom ? arg_operand(c, low, "min", x) : NULL,
                               top ? arg_operand(c, high, "max", x) : NULL);
    double from = low > 0 ? arg_double(c, low, "min", -(double)INFINITY) : -(double)INFINITY;
    double to = high > 0 ? arg_double(c, high, "max", (double)INFINITY) : (double)INFINITY;
    return tp_clamp(c->T, x, from, to);
}
static tp_tensor *call_clamp(test_case *c) { return clamp_between(c, 1, 2); }
static tp_tensor *call_clamp_min(test_case *c) { return clamp_between(c, 1, 0); }
static tp_tensor *call_clamp_max(test_case *c) { return clamp_between(c, 0, 1); }

static tp_tensor *call_round(test_case *c)
{
    return tp_round_decimals(c->T, arg_tensor(c, 0, "input"), (int)arg_int(c, -1, "decimals", 0));
}

/* div(x, y, rounding_mode=None | "floor" | "trunc") */
static tp_tensor *call_div(test_case *c)
{
    static const binary_call forms[] = {{"div", tp_div, tp_div_scalar, false, true},
                                        {"div", tp_floor_divide, NULL, false, true},
                                        {"div", tp_trunc_divide, NULL, false, true}};
    const char *mode = arg_string(c, -1, "rounding_mode", "");
    return call_binary(c, &forms[strcmp(mode, "floor") == 0 ? 1 : strcmp(mode, "trunc") == 0 ? 2 : 0]);
}

static tp_tensor *call_lerp(test_case *c)
{
    tp_tensor *start = arg_tensor(c, 0, "input"), *end = arg_tensor(c, 1, "end");
    if (arg_is_tensor(arg(c, 2, "weight")))
        return tp_lerp(c->T, start, end, arg_tensor(c, 2, "weight"));
    return tp_lerp_scalar(c->T, start, end, arg_double(c, 2, "weight", 0));
}

typedef tp_tensor *(*three_fn)(tp_tape *, tp_tensor *, tp_tensor *, tp_tensor *, double);
static tp_tensor *call_three(test_case *c, three_fn f)
{
    tp_tensor *x = arg_tensor(c, 0, "input"), *a = arg_tensor(c, 1, "tensor1"), *b = arg_tensor(c, 2, "tensor2");
    return f(c->T, x, a, b, arg_double(c, -1, "value", 1));
}
static tp_tensor *call_addcmul(test_case *c) { return call_three(c, tp_addcmul); }
static tp_tensor *call_addcdiv(test_case *c) { return call_three(c, tp_addcdiv); }

static tp_tensor *call_logit(test_case *c)
{
    return tp_logit(c->T, arg_tensor(c, 0, "input"), arg_double(c, 1, "eps", 0));
}

static tp_tensor *call_polygamma(test_case *c)
{
    int n = (int)arg_int(c, 0, "n", 0);
    return tp_polygamma(c->T, n, arg_tensor(c, 1, "input"));
}

static tp_tensor *call_mvlgamma(test_case *c)
{
    return tp_mvlgamma(c->T, arg_tensor(c, 0, "input"), (int)arg_int(c, 1, "p", 1));
}

static tp_tensor *call_nan_to_num(test_case *c)
{
    tp_nan_to_num_options o = {.nan = arg_double(c, 1, "nan", 0),
                               .has_posinf = arg(c, 2, "posinf") != NULL,
                               .has_neginf = arg(c, 3, "neginf") != NULL};
    o.posinf = arg_double(c, 2, "posinf", 0);
    o.neginf = arg_double(c, 3, "neginf", 0);
    return tp_nan_to_num(c->T, arg_tensor(c, 0, "input"), &o);
}

static tp_tensor *truth(test_case *c, bool value) { return tp_full(c->T, TP_BOOL, (tp_dims){.ndim = 0}, value); }

static tp_tensor *call_equal(test_case *c)
{
    return truth(c, tp_equal(c->T, arg_tensor(c, 0, "input"), arg_tensor(c, 1, "other")));
}

typedef struct {
    tp_tensor *a, *b;
    double rtol, atol;
    bool equal_nan;
} nearness;

static nearness nearness_asked(test_case *c)
{
    return (nearness){arg_tensor(c, 0, "input"), arg_tensor(c, 1, "other"), arg_double(c, 2, "rtol", 1e-5),
                      arg_double(c, 3, "atol", 1e-8), arg_bool(c, 4, "equal_nan", false)};
}

static tp_tensor *call_isclose(test_case *c)
{
    nearness n = nearness_asked(c);
    return tp_isclose(c->T, n.a, n.b, n.rtol, n.atol, n.equal_nan);
}

static tp_tensor *call_allclose(test_case *c)
{
    nearness n = nearness_asked(c);
    return truth(c, tp_allclose(c->T, n.a, n.b, n.rtol, n.atol, n.equal_nan));
}

static tp_tensor *call_frexp(test_case *c)
{
    c->n_out = 2;
    return tp_frexp(c->T, arg_tensor(c, 0, "input"), &c->out[1]);
}

static tp_tensor *call_positive(test_case *c) { return arg_tensor(c, 0, "input"); }

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
    {"where", call_where},
    {"clamp", call_clamp},
    {"clamp_min", call_clamp_min},
    {"clamp_max", call_clamp_max},
    {"div", call_div},
    {"divide", call_div},
    {"clip", call_clamp},
    {"lerp", call_lerp},
    {"addcmul", call_addcmul},
    {"addcdiv", call_addcdiv},
    {"logit", call_logit},
    {"special.logit", call_logit},
    {"polygamma", call_polygamma},
    {"special.polygamma", call_polygamma},
    {"mvlgamma", call_mvlgamma},
    {"special.multigammaln", call_mvlgamma},
    {"nan_to_num", call_nan_to_num},
    {"equal", call_equal},
    {"isclose", call_isclose},
    {"allclose", call_allclose},
    {"frexp", call_frexp},
    {"positive", call_positive},
    {"real", call_positive},
    {"conj", call_positive},
    {"conj_physical", call_positive},
    {"resolve_conj", call_positive},
    {"resolve_neg", call_positive},
    {"special.round", call_round},
    {"round", call_round},
    {"to", call_to},
    {"float", call_float},
    {"double", call_double},
    {"int", call_int},
    {"long", call_long},
    {"byte", call_byte},
    {"bool", call_bool},
    {NULL, NULL},
};

/* ---- by name --------------------------------------------------------------------------------- */

static call_fn find_call(const char *op)
{
    const call_entry *const tables[] = {pointwise_calls, arrange_calls, products_calls,     reduce_calls,
                                        shape_calls,     create_calls,  nn_calls,           linalg_calls,
                                        sort_calls,      space_calls,   decomposition_calls};
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
