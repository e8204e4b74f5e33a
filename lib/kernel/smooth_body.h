/* smooth_body.h - see vec_smooth.h: the slopes f' and the bends f'' of functions of one number. R is the type, V(f) and M(f)
 * are its vectorized function and that of libm. */

#define CURVE static inline __attribute__((always_inline)) R

/* ---- of algebra: 1 / (1 + x^2) and the like. Beyond 2^30 the 1 is lost beside x^2, which is not formed there. ------- */

#define FAR_OUT ((R)0x1p30)

CURVE V(atan_slope)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, FAR_OUT), d = V(most)(a, FAR_OUT);
    return V(pick)(x == x, V(pick)(a > FAR_OUT, 1 / d / d, 1 / (1 + c * c)), x);
}
CURVE V(atan_bend)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, FAR_OUT), d = V(most)(a, FAR_OUT), w = 1 / (1 + c * c);
    return V(pick)(x == x, M(copysign)(V(pick)(a > FAR_OUT, 2 / d / d / d, 2 * c * w * w), -x), x);
}

CURVE V(asinh_slope)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, FAR_OUT), d = V(most)(a, FAR_OUT);
    return V(pick)(x == x, V(pick)(a > FAR_OUT, 1 / d, 1 / M(sqrt)(1 + c * c)), x);
}
CURVE V(asinh_bend)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, FAR_OUT), d = V(most)(a, FAR_OUT), q = 1 + c * c;
    return V(pick)(x == x, M(copysign)(V(pick)(a > FAR_OUT, 1 / d / d, c / (q * M(sqrt)(q))), -x), x);
}

CURVE V(acosh_slope)(R x)
{
    R c = V(least)(x, FAR_OUT), d = V(most)(x, FAR_OUT), near = 1 / M(sqrt)((c - 1) * (c + 1));
    return V(pick)(x == x, V(pick)(x > FAR_OUT, 1 / d, near), x);
}
CURVE V(acosh_bend)(R x)
{
    R c = V(least)(x, FAR_OUT), d = V(most)(x, FAR_OUT), q = (c - 1) * (c + 1);
    return V(pick)(x == x, -V(pick)(x > FAR_OUT, 1 / d / d, c / (q * M(sqrt)(q))), x);
}

#undef FAR_OUT

CURVE V(atanh_slope)(R x) { return 1 / ((1 - x) * (1 + x)); }
CURVE V(atanh_bend)(R x)
{
    R w = V(atanh_slope)(x);
    return 2 * x * w * w;
}

CURVE V(asin_slope)(R x) { return 1 / M(sqrt)((1 - x) * (1 + x)); }
CURVE V(asin_bend)(R x)
{
    R q = (1 - x) * (1 + x);
    return x / (q * M(sqrt)(q));
}

CURVE V(rsqrt_slope)(R x) { return (R)-0.5 / x / M(sqrt)(x); }
CURVE V(rsqrt_bend)(R x) { return (R)0.75 / x / x / M(sqrt)(x); }

CURVE V(log2_slope)(R x) { return (R)1.44269504088896340736 / x; }
CURVE V(log2_bend)(R x) { return (R)-1.44269504088896340736 / x / x; }
CURVE V(log10_slope)(R x) { return (R)0.43429448190325182765 / x; }
CURVE V(log10_bend)(R x) { return (R)-0.43429448190325182765 / x / x; }

/* Of x inside [eps, 1 - eps]; 0 outside, or NaN where there is no eps */
CURVE V(logit_slope)(R x, const double *at)
{
    R eps = (R)at[0], low = eps < 0 ? 0 : eps, v = 1 / (x * (1 - x));
    return V(pick)((x >= low) & (x <= 1 - low), v, eps < 0 ? (R)NAN : 0);
}
CURVE V(logit_bend)(R x, const double *at)
{
    R w = V(logit_slope)(x, at);
    return (2 * x - 1) * w * w;
}

/* ---- of exponentials ------------------------------------------------------------------------------------------------ */

CURVE V(expm1_slope)(R x) { return V(exp)(x); }
CURVE V(expm1_bend)(R x) { return V(exp)(x); }

/* ln 2 2^x as 2 ln 2 2^(x - 1), which is a number where 2^x may be none. */
CURVE V(exp2_slope)(R x)
{
    R less = x > 100 ? 1 : 0;
    return V(exp2_times)(x > 100 ? (R)1.38629436111989061883 : (R)0.69314718055994530942, x - less);
}
CURVE V(exp2_bend)(R x)
{
    R less = x > 100 ? 2 : 0;
    return V(exp2_times)(x > 100 ? (R)1.92181205567280569867 : (R)0.48045301391820142467, x - less);
}

/* The derivative of s(x) s(-x) for the sigmoid s is -tanh(x / 2) times that. */
CURVE V(sigmoid_bend)(R x) { return V(sigmoid_slope)(x) * -V(tanh)((R)0.5 * x); }

CURVE V(tanh_bend)(R x) { return -2 * V(tanh)(x) * V(tanh_slope)(x); }

CURVE V(log_sigmoid_slope)(R x) { return V(sigmoid)(-x); }
CURVE V(log_sigmoid_bend)(R x) { return -V(sigmoid_slope)(x); }

/* Of 2 / sqrt(pi) e^(-x^2) */
CURVE V(erf_slope)(R x) { return V(gauss)((R)1.12837916709551257390, x); }
CURVE V(erf_bend)(R x) { return M(copysign)(V(gauss)((R)2.25675833419102514780 * V(least)(M(fabs)(x), 30), x), -x); }

/* p(x) (2 - x^2) for the normal density p, which ends before the place given. */
CURVE V(gelu_bend)(R x)
{
    R c = V(least)(M(fabs)(x), sizeof(R) == sizeof(float) ? 15 : 39);
    return V(pick)(x == x, V(bell)((R)0.39894228040143267794 * (2 - c * c), c), x);
}

/* ---- activation functions of e^-|x|, with which the sign of x decides -------------------------------------------------- */

/* Beyond, |x| e^-|x| is 0. */
#define GONE ((R)(sizeof(R) == sizeof(float) ? 118 : 800))

/* |x|, up to there */
CURVE V(reach)(R x)
{
    R a = M(fabs)(x);
    return V(either)(a > GONE, GONE, a); /* keeps NaN */
}

/* x s(x) for the sigmoid s; s (1 + x s(-x)); s'(x) (2 - x tanh(x / 2)) */
CURVE V(silu)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0);
    return V(pick)(x < 0, V(exp_times)(-a, -a, 0), x) / (1 + t);
}
CURVE V(silu_slope)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0), d = 1 + t;
    return V(pick)(x < 0, V(exp_times)(d - a, -a, 0), d + a * t) / (d * d);
}
CURVE V(silu_bend)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0), d = 1 + t;
    return V(exp_times)(2 - a * ((1 - t) / d), -a, 0) / (d * d);
}

/* Misra, "Mish: a self regularized non-monotonic activation function", 2019: x h with h = tanh log(1 + e^x), which is
 * e (2 + e) / (2 + 2 e + e^2) of e = e^x, and (1 + 2 t) / (1 + 2 t + 2 t^2) of t = e^-x. */
CURVE V(mish)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0);
    return V(pick)(x < 0, V(exp_times)(-a * (2 + t), -a, 0) / (2 + t * (2 + t)),
                   x * (1 + 2 * t) / (1 + 2 * t * (1 + t)));
}
CURVE V(mish_slope)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0), d = V(pick)(x < 0, 2 + t * (2 + t), 1 + 2 * t * (1 + t));
    R left = V(exp_times)((2 + t) * d - 4 * a * (1 + t), -a, 0), right = (1 + 2 * t) * d + 4 * a * t * t * (1 + t);
    return V(pick)(x < 0, left, right) / (d * d);
}
CURVE V(mish_bend)(R x)
{
    R a = V(reach)(x), t = V(exp_times)(1, -a, 0), d = V(pick)(x < 0, 2 + t * (2 + t), 1 + 2 * t * (1 + t));
    R twice = 2 * (1 + t) * d, near = twice - a * (2 + t * (2 - t * (3 + 2 * t)));
    R far = twice - a * (2 + t * (3 - t * (2 + 2 * t)));
    return V(pick)(x < 0, V(exp_times)(4 * near, -a, 0), 4 * t * (t * far)) / (d * d * d);
}

/* ---- activation functions with numbers ------------------------------------------------------------------------------ */

/* x, up to where its product with a number of some size is still one */
CURVE V(in_range)(R x)
{
    R most = sizeof(R) == sizeof(float) ? (R)0x1p100 : (R)0x1p1000, b = V(either)(x < -most, -most, x);
    return V(either)(b > most, most, b); /* keeps NaN */
}

/* x (number + less), and what a product with the number lost, up to where e^x ends */
CURVE V(scaled_exponent)(R x, double number, double less, R *low)
{
    R in = V(in_range)(x), factor = (R)number, rest = (R)(number - (double)factor) + (R)less, v = in * factor;
    R top = sizeof(R) == sizeof(float) ? 89 : 710, lost = M(fma)(in, factor, -v) + in * rest;
    R b = V(either)(v < -GONE, -GONE, v), c = V(either)(b > top, top, b); /* keep NaN */
    *low = V(pick)(c == v, lost, 0);
    return c;
}

/* scale x above 0, coefficient (e^(inner x) - 1) up to there; at[] are scale, coefficient, inner, and the inner of slopes as a sum
 * of two */
CURVE V(elu)(R x, const double *at)
{
    R left = V(in_range)(V(either)(x > 0, 0, x)); /* keeps NaN */
    return V(pick)(x > 0, x * (R)at[0], V(power_less_one)(left * (R)at[2]) * (R)at[1]);
}
CURVE V(elu_slope)(R x, const double *at)
{
    R low, c = V(scaled_exponent)(V(either)(x > 0, 0, x), at[3], at[4], &low);
    return V(pick)(x > 0, (R)at[0], V(exp_times)((R)(at[1] * at[3]), c, low));
}
CURVE V(elu_bend)(R x, const double *at)
{
    R low, c = V(scaled_exponent)(V(either)(x > 0, 0, x), at[3], at[4], &low);
    return V(pick)(x > 0, 0, V(exp_times)((R)(at[1] * at[3] * at[3]), c, low));
}

/* log(1 + e^(beta x)) / beta, and x itself where beta x is above the threshold; at[] are beta and that */
CURVE V(softplus)(R x, const double *at)
{
    R beta = (R)at[0], v = V(in_range)(x) * beta;
    return V(pick)(v > (R)at[1], x, V(pick)(v > 0, x, 0) + V(log1p_exp)(M(fabs)(v)) / beta);
}
CURVE V(softplus_slope)(R x, const double *at)
{
    R low, c = V(scaled_exponent)(x, at[0], 0, &low), s = V(sigmoid)(c);
    return V(pick)(V(in_range)(x) * (R)at[0] > (R)at[1], 1, s + s * (1 - s) * low);
}
CURVE V(softplus_bend)(R x, const double *at)
{
    R low, c = V(scaled_exponent)(x, at[0], 0, &low), s = (R)at[0] * V(sigmoid_slope)(c);
    return V(pick)(V(in_range)(x) * (R)at[0] > (R)at[1], 0, s - s * M(copysign)(low, low * c));
}

#undef GONE

/* ---- activation functions of algebra, and what tanh leaves ------------------------------------------------------------- */

/* x (x + 3) / 6 between -3 and 3, 0 and x beyond */
CURVE V(hardswish)(R x)
{
    R b = V(either)(x < -3, -3, x), c = V(either)(b > 3, 3, b); /* keep NaN */
    return V(pick)(x > 3, x, c * ((c + 3) / 6));
}
CURVE V(hardswish_slope)(R x) { return V(pick)(x < -3, 0, V(pick)(x >= 3, 1, x / 3 + (R)0.5)); }
CURVE V(hardswish_bend)(R x) { return V(pick)(M(fabs)(x) < 3, (R)(1.0 / 3), x == x ? 0 : x); }

/* x / (1 + |x|) */
CURVE V(softsign)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, sizeof(R) == sizeof(float) ? (R)0x1p100 : (R)0x1p1000);
    return V(pick)(x == x, M(copysign)(c / (1 + c), x), x);
}
CURVE V(softsign_slope)(R x) { return 1 / (1 + M(fabs)(x)) / (1 + M(fabs)(x)); }
CURVE V(softsign_bend)(R x)
{
    R d = 1 + M(fabs)(x), bend = 2 / d / d / d;
    return V(pick)(x == 0, 0, M(copysign)(bend, -x));
}

/* x - tanh x, up to 1 as (x cosh x - sinh x) / cosh x, whose top has the series x^3 / 3 (1 + x^2 / 10 + ...) */
CURVE V(tanhshrink)(R x)
{
    R a = M(fabs)(x), c = V(least)(a, 1), u = c * c, t = V(exp_times)(1, -c, 0), p = 1;
    for (int k = 8; k >= 1; k--)
        p = 1 + u * p * (R)(1.0 / (2 * k * (2 * k + 3)));
    return V(pick)(a < 1, x * (u * p * (R)(2.0 / 3)) * t / (1 + t * t), x - V(tanh)(x));
}
CURVE V(tanhshrink_slope)(R x)
{
    R h = V(tanh)(x);
    return h * h;
}
CURVE V(tanhshrink_bend)(R x) { return 2 * V(tanh)(x) * V(tanh_slope)(x); }

/* ---- sinc: sin t / t with t = pi a, a = |x| -------------------------------------------------------------------------- */

#define TURN ((R)3.14159265358979323846)
#define INVERSE_TURN ((R)0.31830988618379067154)

CURVE V(sinc)(R x)
{
    R c, a = M(fabs)(x), s = V(sin_cos_pi)(a, &c);
    return V(pick)(x == 0, 1, s * INVERSE_TURN / V(most)(a, sizeof(R) == sizeof(float) ? (R)0x1p-149 : (R)0x1p-1074));
}

/* (cos t - sin t / t) / a, and the derivative of that, -(pi sin t + 2 f') / a; up to a = 1/2 by their series, which begin
 * with -pi t / 3 and -pi^2 / 3. */
CURVE V(sinc_slope)(R x)
{
    R a = M(fabs)(x), t = TURN * V(least)(a, (R)0.5), u = t * t, p = 1, c, s = V(sin_cos_pi)(a, &c);
    R d = V(most)(a, (R)0.5), far = (c - s * INVERSE_TURN / d) / d;
    for (int k = 11; k >= 1; k--)
        p = 1 - u * p * (R)(1.0 / (2 * k * (2 * k + 3)));
    R v = V(pick)(a < (R)0.5, t * p * (TURN / -3), far);
    return V(pick)(x < 0, -v, v);
}
CURVE V(sinc_bend)(R x)
{
    R a = M(fabs)(x), t = TURN * V(least)(a, (R)0.5), u = t * t, p = 1, c, s = V(sin_cos_pi)(a, &c);
    R d = V(most)(a, (R)0.5), far = -(TURN * s + 2 * (c - s * INVERSE_TURN / d) / d) / d;
    for (int k = 12; k >= 1; k--)
        p = 1 - u * p * (R)((2 * k + 1.0) / (2 * k * (2 * k - 1) * (2 * k + 3)));
    return V(pick)(a < (R)0.5, p * (TURN * TURN / -3), far);
}

#undef TURN
#undef INVERSE_TURN
#undef CURVE
