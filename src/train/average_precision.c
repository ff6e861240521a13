#include "train/average_precision.h"

#include <math.h>
#include <stdlib.h>

static int scored_by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

double average_precision(struct scored *sample, size_t n)
{
    size_t all = 0, right = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(sample[i].score))
            sample[i].score = -INFINITY;
        all += sample[i].has;
    }
    if (all == 0)
        return NAN;
    qsort(sample, n, sizeof *sample, scored_by_score);
    for (size_t i = 0, end; i < n; i = end) {
        size_t more = 0;
        for (end = i; end < n && sample[end].score == sample[i].score; end++)
            more += sample[end].has;
        right += more;
        sum += (double)more / (double)all * ((double)right / (double)end);
    }
    return sum;
}
