#include "base/portable_math.h"

#include <math.h>

/* ln 2 and pi / 2 in parts: k times all but the last are exact for small integers k. */
#define LN2_HIGH   0x1.62e42fee00000p-1
#define LN2_LOW    0x1.a39ef35793c76p-33
#define PIO2_HIGH  0x1.921fb54400000p+0
#define PIO2_MID   0x1.0b4611a600000p-34
#define PIO2_LOW   0x1.3198a2e037073p-69
#define LOG2_E     0x1.71547652b82fep+0
#define TWO_BY_PI  0x1.45f306dc9c883p-1
#define SQRT2_HALF 0x1.6a09e667f3bcdp-1

double portable_log(double x)
{
    int e;
    double m = frexp(x, &e);
    if (!(x > 0) || isinf(x))
        return x == 0 ? -INFINITY : x > 0 ? x : NAN;
    if (m < SQRT2_HALF) {
        m *= 2;
        e--;
    }
    double f = m - 1, s = f / (2 + f), z = s * s, sum = 0;
    for (int k = 23; k >= 3; k -= 2)
        sum = (sum + 1.0 / k) * z;
    /* 2 s = f - s f, and f is exact. */
    double rest = s * (2 * sum - f);
    return e * LN2_HIGH + (f + (rest + e * LN2_LOW));
}

double portable_exp(double x)
{
    if (!(x < 709.8))
        return x > 0 ? INFINITY : x;
    if (x < -690)
        return 0;
    double k = floor(x * LOG2_E + 0.5);
    double high = x - k * LN2_HIGH, low = k * LN2_LOW, r = high - low, sum = 0;
    for (int i = 14; i >= 2; i--)
        sum = (sum + 1.0) * (r / i);
    /* sum = (exp(r) - 1 - r) / r */
    return ldexp(1 + (high - (low - r * sum)), (int)k);
}

/* (-1)^i r^(2 i + first) / (2 i + first)!, i >= 1, summed. */
static double trig_tail(double r, int first)
{
    double z = r * r, sum = 0;
    for (int i = first + 18; i > first; i -= 2)
        sum = (sum + 1.0) * (-z / ((double)i * (i - 1)));
    return first ? r * sum : sum;
}

/* sin(x + quarter pi / 2) */
static double portable_trig(double x, int quarter)
{
    double k = floor(x * TWO_BY_PI + 0.5);
    double r = x - k * PIO2_HIGH - k * PIO2_MID - k * PIO2_LOW;
    int turn = ((int)k + quarter) & 3;
    double y = turn & 1 ? 1 + trig_tail(r, 0) : r + trig_tail(r, 1);
    return turn & 2 ? -y : y;
}

double portable_sin(double x)
{
    return portable_trig(x, 0);
}

double portable_cos(double x)
{
    return portable_trig(x, 1);
}

double portable_pow(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (x == 0)
        return y > 0 ? 0 : INFINITY;
    return portable_exp(y * portable_log(x));
}
