#include "data/loader.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/import_treatment.h"

void loader_init(struct loader *loader, struct dataset *dataset, enum dataset_split split)
{
    *loader = (struct loader){
        .dataset = dataset,
        .split = split,
    };
    memcpy(loader->input.mean, dataset->info.mean, sizeof loader->input.mean);
    memcpy(loader->input.std, dataset->info.std, sizeof loader->input.std);
}

void loader_shuffle(struct loader *loader, uint64_t seed,
                    const struct augment_options *augment)
{
    loader->shuffled = true;
    loader->seed = seed;
    loader->augment = augment && augment_enabled(augment) ? augment : NULL;
    sampler_init(&loader->sampler, seed, 0, loader->dataset->info.count[loader->split]);
}

void loader_release(struct loader *loader)
{
    free(loader->index);
    free(loader->at);
    free(loader->images);
    *loader = (struct loader){0};
}

/* What comes at a position: a sample, which came `pass` times before. */
struct loader_place {
    uint64_t sample, pass;
};

static struct loader_place loader_place_at(const struct loader *loader, uint64_t position)
{
    struct loader_place place = {.sample = position, .pass = loader->epoch};
    if (!loader->shuffled)
        return place;
    place.sample = sampler_at(&loader->sampler, position);
    if (loader->balance) {
        uint64_t before = (uint64_t)loader->epoch * loader->sampler.count;
        place.sample = balance_at(loader->balance, before + place.sample, &place.pass);
    }
    return place;
}

/* The view that augmentation draws. */
static uint32_t loader_view(const struct loader *loader, const struct loader_place *place)
{
    uint32_t pass = (uint32_t)place->pass;
    return loader->views > 0 ? pass % loader->views : pass;
}

/* Files differ in size: a batch of them is rarely a quarter larger than the mean. */
static size_t loader_image_bytes(const struct loader *loader)
{
    const struct dataset_info *info = &loader->dataset->info;
    size_t count = info->count[loader->split];
    if (!info->encoded || count == 0)
        return dataset_image_bytes(info->shape);
    return info->bytes[loader->split] / count * 5 / 4 + 1;
}

size_t loader_position_bytes(const struct loader *loader)
{
    return loader_image_bytes(loader) + sizeof *loader->index + sizeof *loader->at;
}

static void loader_make_room(struct loader *loader, size_t bytes)
{
    if (bytes <= loader->room)
        return;
    loader->room = bytes;
    loader->images = mem_resize(loader->images, bytes, 1);
}

void loader_reserve(struct loader *loader, uint64_t most)
{
    if (dataset_resident(loader->dataset, loader->split) || most <= loader->capacity)
        return;
    loader->capacity = most;
    loader->index = mem_resize(loader->index, most, sizeof *loader->index);
    loader->at = mem_resize(loader->at, most + 1, sizeof *loader->at);
    loader_make_room(loader, most * loader_image_bytes(loader));
    dataset_reserve(loader->dataset, loader->split, most);
}

enum status loader_prepare(struct loader *loader, uint32_t epoch, uint64_t first,
                           uint64_t count, uint64_t most)
{
    struct dataset *dataset = loader->dataset;
    enum dataset_split split = loader->split;
    size_t bytes = 0;
    if (loader->shuffled && epoch != loader->epoch)
        sampler_init(&loader->sampler, loader->seed, epoch, dataset->info.count[split]);
    loader->epoch = epoch;
    if (dataset_resident(dataset, split))
        return ST_OK;
    ASSERT(count <= most);
    loader_reserve(loader, most);
    for (uint64_t i = 0; i < count; i++) {
        loader->index[i] = loader_place_at(loader, first + i).sample;
        loader->at[i] = bytes;
        bytes += dataset_stored_bytes(dataset, split, loader->index[i]);
    }
    loader_make_room(loader, bytes);
    loader->first = first;
    loader->count = count;
    return dataset_fetch(dataset, split, loader->index, count, loader->images,
                         loader->reading);
}

/* count pixels of c channels. */
static void loader_set_all(float *x, int count, int c, const float *value)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < c; k++)
            x[i * c + k] = value[k];
}

/* In place: rows are processed in the order in which none is overwritten before it has
   been copied. */
static void loader_shift(const struct loader_input *input, struct shape shape, float *x,
                         const float *background)
{
    int h = shape.h, w = shape.w, c = shape.c;
    int dx = input->crop.shift_x, dy = input->crop.shift_y;
    int to = dx > 0 ? dx : 0, from = dx < 0 ? -dx : 0, kept = w - to - from;
    for (int i = 0; i < h; i++) {
        int y = dy > 0 ? h - 1 - i : i;
        float *row = x + (size_t)y * (size_t)(w * c);
        if (kept <= 0 || y - dy < 0 || y - dy >= h) {
            loader_set_all(row, w, c, background);
            continue;
        }
        memmove(row + to * c, row - dy * w * c + from * c,
                (size_t)(kept * c) * sizeof *x);
        loader_set_all(row, to, c, background);
        loader_set_all(row + (to + kept) * c, from, c, background);
    }
}

void loader_line(const struct loader_input *input, int channels,
                 float scale[DATASET_CHANNELS], float offset[DATASET_CHANNELS])
{
    for (int k = 0; k < channels; k++) {
        scale[k] = (float)(1 / (255 * input->std[k]));
        offset[k] = (float)(-input->mean[k] / input->std[k]);
    }
}

void loader_normalise(const struct loader_input *input, struct shape shape, float *x)
{
    float scale[DATASET_CHANNELS] = {0}, offset[DATASET_CHANNELS] = {0};
    int c = shape.c, size = shape_size(shape);
    loader_line(input, c, scale, offset);
    for (int p = 0; c == 1 && p < size; p++)
        x[p] = x[p] * scale[0] + offset[0];
    for (int p = 0; c == DATASET_CHANNELS && p < size; p += DATASET_CHANNELS)
        for (int k = 0; k < DATASET_CHANNELS; k++)
            x[p + k] = x[p + k] * scale[k] + offset[k];
    if (input->crop.shift_x || input->crop.shift_y)
        loader_shift(input, shape, x, offset);
}

/* What is stored of sample i, which is at `position`. */
static const uint8_t *loader_stored(const struct loader *loader, uint64_t position,
                                    uint64_t i)
{
    if (dataset_resident(loader->dataset, loader->split))
        return dataset_image(loader->dataset, loader->split, i);
    ASSERT(position - loader->first < loader->count);
    return loader->images + loader->at[position - loader->first];
}

/* The image with the shape of the network's images. Returns a copy, the caller's. */
static uint8_t *loader_fit(const struct loader_match *match, struct shape has,
                           const uint8_t *image)
{
    struct dataset_treatment treatment = match->treatment;
    size_t bytes = dataset_image_bytes(has);
    struct image copy = {has.h, has.w, has.c, mem_zeroed(bytes, 1)};
    uint8_t *fitted = mem_zeroed(dataset_image_bytes(match->shape), 1);
    treatment.invert = TREATMENT_KEEP; /* the data set's import has done that */
    memcpy(copy.pixel, image, bytes);
    treatment_apply(&treatment, &copy, match->shape, fitted);
    image_release(&copy);
    return fitted;
}

int loader_class(const struct loader *loader, uint64_t i)
{
    int label = dataset_label(loader->dataset, loader->split, i);
    return loader->match ? loader->match->class_of[label] : label;
}

const uint8_t *loader_label_set(const struct loader *loader, uint64_t i)
{
    const struct loader_match *match = loader->match;
    if (match && match->sets)
        return match->sets + i * match->set_bytes;
    return dataset_label_set(loader->dataset, loader->split, i);
}

/* The shape of the images once they are fitted. */
static struct shape loader_fitted_shape(const struct loader *loader)
{
    return loader->match ? loader->match->shape : loader->dataset->info.shape;
}

struct shape loader_shape(const struct loader *loader)
{
    struct shape in;
    ASSERT(input_crop_shape(&loader->input.crop, loader_fitted_shape(loader), &in));
    return in;
}

/* Pixels of the sample become the input. */
static void loader_input(const struct loader *loader, const struct loader_place *place,
                         const uint8_t *pixels, float *x)
{
    struct shape has = loader->dataset->info.shape;
    struct shape shape = loader_fitted_shape(loader), in = loader_shape(loader);
    uint8_t *fitted = NULL;
    if (!shape_equal(has, shape))
        pixels = fitted = loader_fit(loader->match, has, pixels);
    if (loader->augment) {
        const struct augment_sample augment = {
            .options = loader->augment,
            .seed = loader->seed,
            .epoch = loader_view(loader, place),
            .sample = place->sample,
            .shape = shape,
            .out = in,
            .mean = loader->input.mean,
        };
        augment_image(&augment, pixels, x);
    } else if (loader->view) {
        view_cut_moved(shape, in, loader->view, pixels, x);
    } else {
        view_cut(shape, in, pixels, x);
    }
    free(fitted);
    loader_normalise(&loader->input, in, x);
}

static struct loader_sample loader_sample_of(const struct loader *loader,
                                             uint64_t position,
                                             const struct loader_place *place)
{
    return (struct loader_sample){
        .number = place->sample,
        .key = loader->balance ? position : place->sample,
        .view = loader->augment ? loader_view(loader, place) : 0,
        .label = loader_class(loader, place->sample),
        .set = loader_label_set(loader, place->sample),
        .weight = loader->split == DATASET_TRAIN
                      ? dataset_weight(loader->dataset, place->sample)
                      : 1,
    };
}

bool loader_fill(const struct loader *loader, uint64_t position, float *x,
                 struct loader_sample *sample)
{
    struct dataset *dataset = loader->dataset;
    struct loader_place place = loader_place_at(loader, position);
    uint64_t i = place.sample;
    const uint8_t *stored = loader_stored(loader, position, i);
    *sample = loader_sample_of(loader, position, &place);
    if (!dataset->info.encoded) {
        loader_input(loader, &place, stored, x);
        return true;
    }
    size_t bytes = dataset_image_bytes(dataset->info.shape);
    uint8_t *pixels = mem_zeroed(bytes, 1);
    bool good = dataset_decode_sample(dataset, loader->split, i, stored, pixels);
    loader_input(loader, &place, pixels, x);
    free(pixels);
    return good;
}

struct loader_sample loader_look(const struct loader *loader, uint64_t position)
{
    struct loader_place place = loader_place_at(loader, position);
    return loader_sample_of(loader, position, &place);
}
