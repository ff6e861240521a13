#include "data/loader.h"

#include <stdlib.h>

#include "base/mem.h"

void loader_init(struct loader *loader, struct dataset *dataset, enum dataset_split split)
{
    *loader = (struct loader){
        .dataset = dataset,
        .split = split,
        .mean = dataset->info.mean,
        .std = dataset->info.std,
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

static uint64_t sample_at(const struct loader *loader, uint64_t position)
{
    return loader->shuffled ? sampler_at(&loader->sampler, position) : position;
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
    if (most > loader->capacity) {
        loader->capacity = most;
        loader->index = mem_resize(loader->index, most, sizeof *loader->index);
        loader->images =
            mem_resize(loader->images, most, (size_t)info->h * (size_t)info->w);
    }
    for (uint64_t i = 0; i < count; i++)
        loader->index[i] = sample_at(loader, first + i);
    loader->first = first;
    loader->count = count;
    return dataset_fetch(loader->dataset, loader->split, loader->index, count,
                         loader->images);
}

void loader_fill(const struct loader *loader, uint64_t position, float *x, int *label,
                 uint64_t *sample)
{
    const struct dataset_info *info = &loader->dataset->info;
    int h = info->h, w = info->w, size = h * w;
    uint64_t i = sample_at(loader, position);
    const uint8_t *image;
    if (dataset_resident(loader->dataset, loader->split)) {
        image = dataset_image(loader->dataset, loader->split, i);
    } else {
        ASSERT(position - loader->first < loader->count);
        image = loader->images + (position - loader->first) * (uint64_t)size;
    }
    float scale = (float)(1 / (255 * loader->std));
    float offset = (float)(-loader->mean / loader->std);
    if (loader->augment) {
        augment_apply(loader->augment, loader->seed, loader->epoch, i, h, w, image, x);
        for (int p = 0; p < size; p++)
            x[p] = x[p] * scale + offset;
    } else {
        for (int p = 0; p < size; p++)
            x[p] = (float)image[p] * scale + offset;
    }
    *label = dataset_label(loader->dataset, loader->split, i);
    *sample = i;
}
