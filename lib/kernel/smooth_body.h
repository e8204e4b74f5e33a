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
CURVE V(logit_slope)(R x, R eps)
{
    R low = eps < 0 ? 0 : eps, v = 1 / (x * (1 - x));
    return V(pick)((x >= low) & (x <= 1 - low), v, eps < 0 ? (R)NAN : 0);
}
CURVE V(logit_bend)(R x, R eps)
{
    R w = V(logit_slope)(x, eps);
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

/* Straight above 20 */
CURVE V(softplus_slope)(R x) { return V(pick)(x > 20, 1, V(sigmoid)(x)); }
CURVE V(softplus_bend)(R x) { return V(pick)(x > 20, 0, V(sigmoid_slope)(x)); }
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
