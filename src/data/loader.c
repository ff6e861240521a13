#include "data/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void loader_init(struct loader *loader, struct dataset *dataset, enum dataset_split split)
{
    *loader = (struct loader){
        .dataset = dataset,
        .split = split,
        .input = {.mean = dataset->info.mean, .std = dataset->info.std},
    };
}

void loader_shuffle(struct loader *loader, uint64_t seed,
                    const struct augment_options *augment)
{
    loader->shuffled = true;
    loader->seed = seed;
    loader->augment = augment_enabled(augment) ? augment : NULL;
    sampler_init(&loader->sampler, seed, 0, loader->dataset->info.count[loader->split]);
}

void loader_release(struct loader *loader)
{
    free(loader->index);
    free(loader->images);
    *loader = (struct loader){0};
}

static uint64_t loader_sample_at(const struct loader *loader, uint64_t position)
{
    return loader->shuffled ? sampler_at(&loader->sampler, position) : position;
}

void loader_reserve(struct loader *loader, uint64_t most)
{
    const struct dataset_info *info = &loader->dataset->info;
    if (dataset_resident(loader->dataset, loader->split) || most <= loader->capacity)
        return;
    loader->capacity = most;
    loader->index = mem_resize(loader->index, most, sizeof *loader->index);
    loader->images =
        mem_resize(loader->images, most, dataset_image_bytes(info->h, info->w));
    dataset_reserve(loader->dataset, loader->split, most);
}

enum status loader_prepare(struct loader *loader, uint32_t epoch, uint64_t first,
                           uint64_t count, uint64_t most)
{
    const struct dataset_info *info = &loader->dataset->info;
    if (loader->shuffled && epoch != loader->epoch)
        sampler_init(&loader->sampler, loader->seed, epoch, info->count[loader->split]);
    loader->epoch = epoch;
    if (dataset_resident(loader->dataset, loader->split))
        return ST_OK;
    ASSERT(count <= most);
    loader_reserve(loader, most);
    for (uint64_t i = 0; i < count; i++)
        loader->index[i] = loader_sample_at(loader, first + i);
    loader->first = first;
    loader->count = count;
    return dataset_fetch(loader->dataset, loader->split, loader->index, count,
                         loader->images, loader->reading);
}

static void loader_set_all(float *x, int count, float value)
{
    for (int i = 0; i < count; i++)
        x[i] = value;
}

/* In place: rows are processed in the order in which none is overwritten before it has
   been copied. */
static void loader_shift(const struct loader_input *input, int h, int w, float *x,
                         float background)
{
    int dx = input->shift_x, dy = input->shift_y;
    int to = dx > 0 ? dx : 0, from = dx < 0 ? -dx : 0, kept = w - to - from;
    for (int i = 0; i < h; i++) {
        int y = dy > 0 ? h - 1 - i : i;
        float *row = x + y * w;
        if (kept <= 0 || y - dy < 0 || y - dy >= h) {
            loader_set_all(row, w, background);
            continue;
        }
        memmove(row + to, row - dy * w + from, (size_t)kept * sizeof *x);
        loader_set_all(row, to, background);
        loader_set_all(row + to + kept, from, background);
    }
}

void loader_normalise(const struct loader_input *input, int h, int w, float *x)
{
    float scale = (float)(1 / (255 * input->std));
    float offset = (float)(-input->mean / input->std);
    for (int p = 0; p < h * w; p++)
        x[p] = x[p] * scale + offset;
    if (input->shift_x || input->shift_y)
        loader_shift(input, h, w, x, offset);
}

void loader_fill(const struct loader *loader, uint64_t position, float *x, int *label,
                 uint64_t *sample)
{
    const struct dataset_info *info = &loader->dataset->info;
    int h = info->h, w = info->w, size = h * w;
    uint64_t i = loader_sample_at(loader, position);
    const uint8_t *image;
    if (dataset_resident(loader->dataset, loader->split)) {
        image = dataset_image(loader->dataset, loader->split, i);
    } else {
        ASSERT(position - loader->first < loader->count);
        image = loader->images + (position - loader->first) * (uint64_t)size;
    }
    if (loader->augment) {
        struct augment_draw draw;
        augment_draw(loader->augment, loader->seed, loader->epoch, i, &draw);
        augment_warp(&draw, h, w, image, x);
    } else {
        for (int p = 0; p < size; p++)
            x[p] = (float)image[p];
    }
    loader_normalise(&loader->input, h, w, x);
    *label = dataset_label(loader->dataset, loader->split, i);
    *sample = i;
}

void loader_label(const struct loader *loader, uint64_t position, int *label,
                  uint64_t *sample)
{
    *sample = loader_sample_at(loader, position);
    *label = dataset_label(loader->dataset, loader->split, *sample);
}
