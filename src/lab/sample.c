#include "lab/sample.h"

#include <math.h>

#include "base/timer.h"

int sample_rank(int count)
{
    double below = 0; /* P(B < j) */
    int j = 0;
    for (; j < count; j++) {
        double chance = exp(lgamma(count + 1.0) - lgamma(j + 1.0) -
                            lgamma(count - j + 1.0) - count * log(2.0));
        if (2 * (below + chance) > 0.05)
            break;
        below += chance;
    }
    return j;
}

struct sample sample_of(double *values, int count)
{
    double upper = timer_median(values, count);
    int rank = sample_rank(count), at = rank > 0 ? rank - 1 : 0;
    return (struct sample){
        .median = count % 2 ? upper : (values[count / 2 - 1] + upper) / 2,
        .low = values[at],
        .high = values[count - 1 - at],
        .count = count,
    };
}

void sample_add(struct sample_values *values, double value, bool clean)
{
    if (clean && values->clean < SAMPLE_MOST)
        values->value[values->clean++] = value;
    else if (!clean && values->disturbed < SAMPLE_MOST)
        values->doubtful[values->disturbed++] = value;
}

struct sample sample_take(struct sample_values *values)
{
    bool doubtful = values->clean < SAMPLE_LEAST;
    for (int i = 0; values->clean < SAMPLE_LEAST && i < values->disturbed; i++)
        values->value[values->clean++] = values->doubtful[i];
    struct sample sample = sample_of(values->value, values->clean);
    sample.doubtful = doubtful;
    return sample;
}
