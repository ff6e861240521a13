#include "nn/loss.h"

#include <stdbool.h>

#include "base/portable_math.h"

/* (1 - p)^gamma with p = exp(logp); 0 where rounding leaves nothing of 1 - p. */
static double loss_focus(double rest, double gamma)
{
    return rest > 0 ? portable_pow(rest, gamma) : 0;
}

/* -(1 - p)^gamma logp, and *slope, its derivative with respect to logp. */
static double loss_focal(double logp, double gamma, double *slope)
{
    double p = portable_exp(logp), rest = 1 - p;
    double focus = loss_focus(rest, gamma);
    double inner = rest > 0 ? gamma * loss_focus(rest, gamma) / rest * p * logp : 0;
    *slope = inner - focus;
    return -focus * logp;
}

/* One class of a sample's target. */
struct loss_term {
    int label;
    double weight;
    bool first; /* it sets the gradient, to which the others add */
};

static void loss_set_slope(const struct loss_term *term, float *delta, float slope)
{
    *delta = term->first ? slope : *delta + slope;
}

static double loss_focal_term(const struct loss *loss, const float *logp, int classes,
                              const struct loss_term *term, float *delta)
{
    double smoothing = (double)loss->label_smoothing, sum = 0;
    for (int k = 0; k < classes; k++) {
        double slope = 0, one = 0;
        double target = (k == term->label ? 1 - smoothing : 0) + smoothing / classes;
        if (target > 0)
            one = loss_focal((double)logp[k], (double)loss->focal, &slope);
        sum += target * one;
        if (delta)
            loss_set_slope(term, &delta[k], (float)(term->weight * target * slope));
    }
    return term->weight * sum;
}

static double loss_entropy_term(const struct loss *loss, const float *logp, int classes,
                                const struct loss_term *term, float *delta)
{
    double smoothing = (double)loss->label_smoothing, weight = term->weight, all = 0.0;
    float off = (float)(weight * (-smoothing / classes));
    float on = (float)(weight * (-(1.0 - smoothing) - smoothing / classes));
    for (int k = 0; k < classes; k++)
        all += (double)logp[k];
    for (int k = 0; delta && k < classes; k++)
        loss_set_slope(term, &delta[k], k == term->label ? on : off);
    double plain = -(1.0 - smoothing) * (double)logp[term->label];
    return weight * (smoothing > 0.0 ? plain - smoothing / classes * all : plain);
}

static double loss_of_term(const struct loss *loss, const float *logp, int classes,
                           struct loss_term term, float *delta)
{
    if (loss->class_weight)
        term.weight *= (double)loss->class_weight[term.label];
    if (loss->focal > 0)
        return loss_focal_term(loss, logp, classes, &term, delta);
    return loss_entropy_term(loss, logp, classes, &term, delta);
}

struct target target_of_class(int label)
{
    return (struct target){.label = label, .mixed = label, .share = 1, .weight = 1};
}

double loss_of_sample(const struct loss *loss, const float *logp, int classes,
                      const struct target *target, float *delta)
{
    double share = (double)target->share, weight = (double)target->weight;
    struct loss_term label = {target->label, weight * share, .first = true};
    double sum = loss_of_term(loss, logp, classes, label, delta);
    if (share < 1) {
        struct loss_term mixed = {target->mixed, weight * (1 - share), .first = false};
        sum += loss_of_term(loss, logp, classes, mixed, delta);
    }
    return sum;
}
