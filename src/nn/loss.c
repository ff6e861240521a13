#include "nn/loss.h"

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

static double loss_focal_sample(const struct loss *loss, const float *logp, int classes,
                                int label, double weight, float *delta)
{
    double smoothing = (double)loss->label_smoothing, sum = 0;
    for (int k = 0; k < classes; k++) {
        double slope = 0, one = 0;
        double target = (k == label ? 1 - smoothing : 0) + smoothing / classes;
        if (target > 0)
            one = loss_focal((double)logp[k], (double)loss->focal, &slope);
        sum += target * one;
        if (delta)
            delta[k] = (float)(weight * target * slope);
    }
    return weight * sum;
}

double loss_of_sample(const struct loss *loss, const float *logp, int classes, int label,
                      float *delta)
{
    double smoothing = (double)loss->label_smoothing, all = 0.0;
    double weight = loss->class_weight ? (double)loss->class_weight[label] : 1.0;
    if (loss->focal > 0)
        return loss_focal_sample(loss, logp, classes, label, weight, delta);
    float off = (float)(weight * (-smoothing / classes));
    float on = (float)(weight * (-(1.0 - smoothing) - smoothing / classes));
    for (int k = 0; k < classes; k++)
        all += (double)logp[k];
    for (int k = 0; delta && k < classes; k++)
        delta[k] = k == label ? on : off;
    double plain = -(1.0 - smoothing) * (double)logp[label];
    return weight * (smoothing > 0.0 ? plain - smoothing / classes * all : plain);
}
