/*
 * portable_math: elementary functions with the same bits on every CPU.
 *
 * The C library chooses its variant of these by the CPU (with or without fused
 * multiply-adds), and the last bit can differ. What goes into weights, learning rates or
 * images comes from here: IEEE additions, multiplications and divisions in a written
 * order. sqrt, floor and the like round correctly everywhere and need no substitute.
 *
 *   log(x)    = e ln 2 + 2 atanh((m - 1) / (m + 1)), x = m 2^e, m in [sqrt(1/2), sqrt(2))
 *   exp(x)    = 2^k exp(r), r = x - k ln 2
 *   sin, cos    of r = x - k pi / 2
 *   pow(x, y) = exp(y log(x))
 *
 * by Taylor's polynomials. Errors: at most 2 units in the last place for log and exp;
 * below 3e-16 for sin and cos; for pow relative to the result below
 * (2 + |y log(x)|) 4.5e-16. Domains: log of x > 0, normal; exp as the C library's, but
 * for results below 1e-300, which are 0; sin and cos of |x| < 1e5; pow of x >= 0.
 */
#ifndef LOCKSTEP_BASE_PORTABLE_MATH_H
#define LOCKSTEP_BASE_PORTABLE_MATH_H

double portable_log(double x);
double portable_exp(double x);
double portable_sin(double x);
double portable_cos(double x);
double portable_pow(double x, double y);

#endif
