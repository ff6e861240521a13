#include "nn/statistic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* A batch's sums, and the weight that its statistics get. */
struct statistic_batch {
    const float *sums;
    double samples, momentum;
};

static void statistic_update_mean(const struct statistic *s, float *params,
                                  const struct statistic_batch *batch, size_t c)
{
    double before = (double)params[s->mean + c];
    double change = (double)batch->sums[s->mean + c] / batch->samples; /* the batch's */
    params[s->mean + c] = (float)(before + batch->momentum * change);
}

static void statistic_update_variance(const struct statistic *s, float *params,
                                      const struct statistic_batch *batch, size_t c)
{
    double values = batch->samples * s->values_per_sample;
    double shift = (double)batch->sums[s->mean + c] / batch->samples;
    double biased = (double)batch->sums[s->variance + c] / batch->samples - shift * shift;
    double variance = (biased > 0 ? biased : 0) * values / (values - 1);
    double before = (double)params[s->variance + c];
    params[s->variance + c] = (float)(before + batch->momentum * (variance - before));
}

/* Those of floats [begin, end). */
static void statistic_update(const struct statistic *s, float *params,
                             const struct statistic_batch *batch, size_t begin,
                             size_t end)
{
    if (batch->samples * s->values_per_sample <= 1)
        return;
    for (size_t c = statistic_first(s->mean, begin);
         c < statistic_last(s->mean, s->channels, end); c++)
        statistic_update_mean(s, params, batch, c);
    for (size_t c = statistic_first(s->variance, begin);
         c < statistic_last(s->variance, s->channels, end); c++)
        statistic_update_variance(s, params, batch, c);
}

void statistics_update(const struct statistics *statistics, float *params,
                       const float *sums, double samples, size_t begin, size_t end)
{
    for (int i = 0; i < statistics->count; i++) {
        const struct statistic *s = &statistics->statistic[i];
        const struct statistic_batch batch = {sums, samples, s->momentum};
        statistic_update(s, params, &batch, begin, end);
    }
}

void statistics_average(const struct statistics *statistics, float *params,
                        const float *sums, double samples, double before)
{
    const struct statistic_batch batch = {sums, samples, samples / (before + samples)};
    for (int i = 0; i < statistics->count; i++)
        statistic_update(&statistics->statistic[i], params, &batch, 0, SIZE_MAX);
}

void statistics_copy(const struct statistics *statistics, float *to, const float *from)
{
    for (int i = 0; i < statistics->count; i++) {
        const struct statistic *s = &statistics->statistic[i];
        size_t bytes = s->channels * sizeof *to;
        memcpy(to + s->mean, from + s->mean, bytes);
        memcpy(to + s->variance, from + s->variance, bytes);
    }
}
