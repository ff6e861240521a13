#include "lab/conv_rule.h"

#include <stddef.h>
#include <string.h>

#define RULE_GRAIN    32
#define RULE_ATTEMPTS 3

/* Where another algorithm is known to be faster, how much, and why it is not chosen. blas
   never is: its bits belong to the kind of CPU. */
struct rule_exception {
    bool (*is)(const struct conv_shape *shape, enum conv_pass pass, const char *best);
    double most;
    const char *reason;
};

static bool rule_is_weight(const struct conv_shape *shape, enum conv_pass pass,
                           const char *best)
{
    (void)shape;
    return pass == CONV_WEIGHT && strcmp(best, "blas") == 0;
}

static bool rule_is_strided_data(const struct conv_shape *shape, enum conv_pass pass,
                                 const char *best)
{
    return pass == CONV_DATA && strcmp(best, "blas") == 0 &&
           (shape->r.stride > shape->r.size || shape->s.stride > shape->s.size);
}

static bool rule_is_thin(const struct conv_shape *shape, enum conv_pass pass,
                         const char *best)
{
    int outs = pass == CONV_DATA ? shape->c : shape->k;
    int each = outs / conv_groups(shape);
    return strcmp(best, "blas") == 0 && (each % 64 != 0 || each < 128);
}

static bool rule_is_small_frame(const struct conv_shape *shape, enum conv_pass pass,
                                const char *best)
{
    return pass == CONV_DATA && strcmp(best, "blas") == 0 &&
           4 * shape->p * shape->q < 3 * shape->h * shape->w;
}

static const struct rule_exception rule_exceptions[] = {
    {rule_is_weight, 1.8, "bits: the weight product of direct is slower than sgemm"},
    {rule_is_strided_data, 1.4, "bits: direct is slower where most of dx is 0"},
    {rule_is_small_frame, 2.0, "bits: without padding, dx multiplies many zeros"},
    {rule_is_thin, 1.5, "bits: few channels, or no whole panels of 64"},
};

static const char *rule_reason(const struct conv_verdict *verdict,
                               const struct conv_shape *shape, enum conv_pass pass)
{
    const char *best = verdict->speed.way[verdict->best].way->name;
    for (size_t i = 0; i < sizeof rule_exceptions / sizeof *rule_exceptions; i++) {
        const struct rule_exception *exception = &rule_exceptions[i];
        if (verdict->ratio <= exception->most && exception->is(shape, pass, best))
            return exception->reason;
    }
    return NULL;
}

double conv_rule_seconds(const struct conv_way_speed *speed)
{
    return speed->seconds + speed->pack / CONV_RULE_BATCH;
}

static void rule_judge(struct conv_verdict *verdict)
{
    const struct conv_speed *speed = &verdict->speed;
    verdict->chosen = verdict->best = 0;
    for (int w = 0; w < speed->ways; w++) {
        if (speed->way[w].chosen)
            verdict->chosen = w;
        if (conv_rule_seconds(&speed->way[w]) <
            conv_rule_seconds(&speed->way[verdict->best]))
            verdict->best = w;
    }
    verdict->ratio = conv_rule_seconds(&speed->way[verdict->chosen]) /
                     conv_rule_seconds(&speed->way[verdict->best]);
}

void conv_rule_check(struct conv_verdict *verdict, const struct conv_subject *subject,
                     enum conv_pass pass)
{
    struct conv_verdict again;
    *verdict = (struct conv_verdict){.reason = NULL};
    conv_speed_measure(&verdict->speed, subject, pass, RULE_GRAIN, 1);
    rule_judge(verdict);
    for (int i = 1; i < RULE_ATTEMPTS && verdict->ratio > CONV_RULE_SLACK; i++) {
        again = *verdict;
        conv_speed_measure(&again.speed, subject, pass, RULE_GRAIN, 1 + i);
        rule_judge(&again);
        if (again.ratio < verdict->ratio)
            *verdict = again;
    }
    if (verdict->ratio > CONV_RULE_SLACK)
        verdict->reason = rule_reason(verdict, &subject->shape, pass);
}
