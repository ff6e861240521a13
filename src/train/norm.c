#include "train/norm.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "nn/optim.h"

void norm_init(struct norm *norm, const struct model *model)
{
    size_t most = model->params / NORM_CHUNK + (size_t)model->units;
    *norm = (struct norm){.units = model->units, .ranges = &model->ranges};
    norm->first = mem_zeroed((size_t)model->units + 1, sizeof *norm->first);
    norm->begin = mem_zeroed(most + 1, sizeof *norm->begin);
    norm->sum = mem_zeroed(most, sizeof *norm->sum);
    for (int u = 0; u < model->units; u++) {
        const struct model_unit *unit = &model->unit[u];
        norm->first[u] = norm->chunks;
        for (size_t at = unit->begin; at < unit->end; at += NORM_CHUNK)
            norm->begin[norm->chunks++] = at;
    }
    norm->first[model->units] = norm->chunks;
    norm->begin[norm->chunks] = model->params;
}

void norm_release(struct norm *norm)
{
    free(norm->begin);
    free(norm->sum);
    free(norm->first);
    *norm = (struct norm){0};
}

/* The first chunk that begins at `floats` or behind it. */
static int chunk_at(const struct norm *norm, size_t floats)
{
    int low = 0, high = norm->chunks;
    while (low < high) {
        int middle = (low + high) / 2;
        if (norm->begin[middle] < floats)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void norm_share(const struct norm *norm, const struct team *team, int *first, int *last)
{
    size_t floats = norm->begin[norm->chunks], size = (size_t)team->size;
    size_t index = (size_t)team->index;
    *first = chunk_at(norm, floats / size * index);
    *last =
        index + 1 == size ? norm->chunks : chunk_at(norm, floats / size * (index + 1));
}

void norm_square(struct norm *norm, const float *vector, int first, int last)
{
    for (int c = first; c < last; c++) {
        norm->sum[c] = 0;
        for (struct range range = {.end = norm->begin[c]};
             ranges_next(norm->ranges, RANGES_TRAINED, norm->begin[c + 1], &range);)
            norm->sum[c] +=
                optim_square_sum(vector + range.begin, range.end - range.begin);
    }
}

void norm_unit_sums(const struct norm *norm, double *unit_sum)
{
    for (int u = 0; u < norm->units; u++) {
        unit_sum[u] = 0;
        for (int c = norm->first[u]; c < norm->first[u + 1]; c++)
            unit_sum[u] += norm->sum[c];
    }
}
