#include "lab/conv_rule.h"

#include <stddef.h>

#define RULE_GRAIN    32
#define RULE_ATTEMPTS 3

/* Where the rule may be wrong, and why. */
struct rule_exception {
    bool (*is)(const struct conv_shape *shape, enum conv_pass pass);
    const char *reason;
};

static const struct rule_exception rule_exceptions[] = {
    {NULL, NULL},
};

static const char *rule_reason(const struct conv_shape *shape, enum conv_pass pass)
{
    const struct rule_exception *exception = rule_exceptions;
    while (exception->is && !exception->is(shape, pass))
        exception++;
    return exception->reason;
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
        verdict->reason = rule_reason(&subject->shape, pass);
}
