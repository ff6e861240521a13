#include "nn/statistic.h"

#include <stdlib.h>

#include "base/mem.h"

void statistics_add(struct statistics *statistics, const struct statistic *statistic)
{
    statistics->statistic =
        mem_resize(statistics->statistic, (size_t)statistics->count + 1,
                   sizeof *statistics->statistic);
    statistics->statistic[statistics->count++] = *statistic;
}

void statistics_release(struct statistics *statistics)
{
    free(statistics->statistic);
    *statistics = (struct statistics){0};
}

/* The channels of a tensor that begins at `tensor` which lie in floats [begin, end). */
static size_t statistic_first(size_t tensor, size_t begin)
{
    return begin > tensor ? begin - tensor : 0;
}

static size_t statistic_last(size_t tensor, size_t channels, size_t end)
{
    size_t last = end > tensor ? end - tensor : 0;
    return last < channels ? last : channels;
}

static void statistic_update_mean(const struct statistic *s, float *params,
                                  const float *sums, double samples, size_t c)
{
    double before = (double)params[s->mean + c];
    double change = (double)sums[s->mean + c] / samples; /* the batch's, about `before` */
    params[s->mean + c] = (float)(before + s->momentum * change);
}

static void statistic_update_variance(const struct statistic *s, float *params,
                                      const float *sums, double samples, size_t c)
{
    double values = samples * s->values_per_sample;
    double shift = (double)sums[s->mean + c] / samples;
    double biased = (double)sums[s->variance + c] / samples - shift * shift;
    double variance = (biased > 0 ? biased : 0) * values / (values - 1);
    double before = (double)params[s->variance + c];
    params[s->variance + c] = (float)(before + s->momentum * (variance - before));
}

void statistics_update(const struct statistics *statistics, float *params,
                       const float *sums, double samples, size_t begin, size_t end)
{
    for (int i = 0; i < statistics->count; i++) {
        const struct statistic *s = &statistics->statistic[i];
        if (samples * s->values_per_sample <= 1)
            continue;
        for (size_t c = statistic_first(s->mean, begin);
             c < statistic_last(s->mean, s->channels, end); c++)
            statistic_update_mean(s, params, sums, samples, c);
        for (size_t c = statistic_first(s->variance, begin);
             c < statistic_last(s->variance, s->channels, end); c++)
            statistic_update_variance(s, params, sums, samples, c);
    }
}
