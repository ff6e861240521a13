#include "nn/loss_set.h"

#include "base/label_set.h"
#include "base/portable_math.h"

#define LOGP_MOST   (-1e-38)  /* log p of a float that has become 0 */
#define LOGP_SERIES (-0.0625) /* from here on exp(log p) is too near to 1 */

/* A class of a sample. */
struct loss_answer {
    double logp, p, rest, log_rest; /* rest: 1 - p, not rounded to 0 */
};

/* 1 - exp(l), l < 0. */
static double loss_rest(double l)
{
    double sum = 0;
    if (l < LOGP_SERIES)
        return 1 - portable_exp(l);
    for (int i = 9; i >= 2; i--)
        sum = (sum + 1) * (l / i);
    return -l * (1 + sum);
}

/* NaN stays NaN. */
static struct loss_answer loss_answer(float logp)
{
    double l = (double)logp > LOGP_MOST ? LOGP_MOST : (double)logp;
    double rest = loss_rest(l);
    return (struct loss_answer){l, portable_exp(l), rest, portable_log(rest)};
}

static double loss_set_target(const struct loss *loss, const struct target *target,
                              int class)
{
    double share = (double)target->share, smoothing = (double)loss->label_smoothing;
    double t = target->set ? label_set_has(target->set, class) : class == target->label;
    if (share < 1) {
        double mixed = target->mixed_set ? label_set_has(target->mixed_set, class)
                                         : class == target->mixed;
        t = share * t + (1 - share) * mixed;
    }
    return t * (1 - smoothing) + smoothing / 2;
}

static double loss_set_focus(double x, double gamma)
{
    return x > 0 ? portable_pow(x, gamma) : 0;
}

/* The loss of one class; w: the weight of its positive term. *slope: the derivative with
   respect to x. */
static double loss_set_term(const struct loss *loss, const struct loss_answer *a,
                            double t, double w, double *slope)
{
    double gamma = (double)loss->focal, yes = w * t, no = 1 - t;
    if (gamma == 0) {
        *slope = no * a->p - yes * a->rest;
        return -yes * a->logp - no * a->log_rest;
    }
    double yes_focus = yes * loss_set_focus(a->rest, gamma);
    double no_focus = no * loss_set_focus(a->p, gamma);
    *slope = yes_focus * (gamma * a->p * a->logp - a->rest) +
             no_focus * (a->p - gamma * a->rest * a->log_rest);
    return -yes_focus * a->logp - no_focus * a->log_rest;
}

double loss_of_set(const struct loss *loss, const float *logp, int classes,
                   const struct target *target, float *delta)
{
    double weight = (double)target->weight, sum = 0;
    for (int k = 0; k < classes; k++) {
        const struct loss_answer answer = loss_answer(logp[k]);
        double w = loss->class_weight ? (double)loss->class_weight[k] : 1, slope;
        double t = loss_set_target(loss, target, k);
        sum += loss_set_term(loss, &answer, t, w, &slope);
        if (delta)
            delta[k] = (float)(weight * slope);
    }
    return weight * sum;
}

bool loss_set_is_right(const float *logp, int classes, const struct target *target)
{
    const float half = -0.693147182f; /* log(1/2) */
    for (int k = 0; k < classes; k++) {
        bool has = target->set ? label_set_has(target->set, k) : k == target->label;
        if ((logp[k] >= half) != has)
            return false;
    }
    return true;
}

float loss_set_logit(float logp)
{
    const struct loss_answer answer = loss_answer(logp);
    return (float)(answer.logp - answer.log_rest);
}
