#include "train_data_notes.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "data/loader.h"
#include "train/class_weights.h"
#include "train/options.h"

#define NOTES_LOOKED 64   /* training images that are looked at */
#define NOTES_UNEVEN 10.0 /* times as many images of a class as of another */
#define NOTES_HEAVY  2.0  /* a mean weight this far from 1 */
#define NOTES_TWICE  2.0  /* the same, where both remedies are used */

/* --- flat images --- */

/* Is each channel of x (h, w, c) of one value? */
static bool notes_is_flat(const float *x, struct shape shape)
{
    for (int p = shape.c; p < shape_size(shape); p++)
        if (x[p] != x[p - shape.c])
            return false;
    return true;
}

/* How many of the first `count` images of the epoch are flat as the network sees them. */
static enum status notes_count_flat(struct loader *loader, uint64_t count, uint64_t *flat)
{
    const struct shape in = loader_shape(loader);
    float *x = mem_zeroed((size_t)shape_size(in), sizeof *x);
    struct loader_sample sample;
    enum status st = loader_prepare(loader, 0, 0, count, count);
    *flat = 0;
    for (uint64_t i = 0; i < count && st == ST_OK; i++) {
        loader_fill(loader, i, x, &sample);
        *flat += notes_is_flat(x, in);
    }
    free(x);
    return st;
}

/* The same images three times: as they are, moved, and augmented. An image that cannot be
   read is left to the training, which says so. */
static void notes_on_flat_images(struct dataset *dataset,
                                 const struct run_options *options)
{
    static const struct augment_options none = {.flip = AUGMENT_FLIP_OFF};
    const struct dataset_info *info = &dataset->info;
    uint64_t count = info->count[DATASET_TRAIN], flat[3] = {0};
    enum status st = ST_OK;
    char why[STATUS_TEXT];
    count = count < NOTES_LOOKED ? count : NOTES_LOOKED;
    status_capture(why);
    for (int pass = 0; pass < 3 && st == ST_OK; pass++) {
        struct loader loader;
        loader_init(&loader, dataset, DATASET_TRAIN);
        loader_shuffle(&loader, options->train.seed,
                       pass == 2 ? &options->augment : &none);
        loader.input.crop = options->input.crop;
        if (pass == 0)
            loader.input.crop.shift_x = loader.input.crop.shift_y = 0;
        st = notes_count_flat(&loader, count, &flat[pass]);
        loader_release(&loader);
    }
    status_capture(NULL);
    if (st != ST_OK)
        return;
    if (2 * flat[0] > count)
        log_note("%d of %d training images of '%s' are of one flat colour", (int)flat[0],
                 (int)count, info->path);
    else if (2 * flat[1] > count)
        log_note(
            "data.shift_x = %d and data.shift_y = %d move the images out of sight: %d "
            "of %d are of one flat colour then",
            options->input.crop.shift_x, options->input.crop.shift_y, (int)flat[1],
            (int)count);
    else if (2 * flat[2] > count)
        log_note(
            "[augment] leaves nothing of the images: %d of %d are of one flat colour "
            "then; 'lockstep data sheet --augmented' shows them",
            (int)flat[2], (int)count);
}

/* --- twins --- */

/* A file that cannot be read is left to the training, which says so. */
static void notes_on_twins(const struct dataset *dataset)
{
    const struct dataset_info *info = &dataset->info;
    enum dataset_split choosing = dataset_choosing(info);
    size_t count = info->count[choosing], twins;
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = dataset_count_twins(dataset, choosing, DATASET_TRAIN, &twins);
    status_capture(NULL);
    if (st == ST_OK && twins > 0 && (double)twins >= DATASET_MANY_TWINS * (double)count)
        log_note("%zu of %zu %s images of '%s' are training images, too: the accuracy on "
                 "them says little about other images",
                 twins, count, dataset_split_name[choosing], info->path);
}

/* --- uneven classes --- */

static void notes_on_uneven_classes(const struct dataset *dataset,
                                    const struct run_options *options)
{
    int largest, smallest;
    double ratio = class_imbalance(dataset, &largest, &smallest);
    char **name = dataset->info.class_name;
    const char *weights = options->train.class_weights;
    bool balanced = options->input.sampling == SAMPLING_BALANCED;
    if (ratio > NOTES_UNEVEN && strcmp(weights, "none") == 0 && !balanced)
        log_note("class '%s' has %.0f times as many training images as '%s': the network "
                 "may neglect small classes; train.class_weights = auto lets %s",
                 name[largest], ratio, name[smallest],
                 dataset->info.multi_label
                     ? "images with and without a class count alike"
                     : "all count alike, data.sampling = balanced lets all come equally "
                       "often");
    else if (ratio >= NOTES_TWICE && strcmp(weights, "auto") == 0 && balanced)
        log_note("data.sampling = balanced and train.class_weights = auto add up: class "
                 "'%s' counts %.0f times as much as '%s'; use one of the two",
                 name[smallest], ratio, name[largest]);
}

/* --- weights --- */

static void notes_on_weights(const struct dataset *dataset)
{
    size_t count = dataset->info.count[DATASET_TRAIN];
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)dataset_weight(dataset, i);
    double mean = sum / (double)count;
    if (mean > NOTES_HEAVY || mean < 1 / NOTES_HEAVY)
        log_note("the mean weight of the training images of '%s' is %g: the gradient has "
                 "%g times its usual size; divide the weights by it, or choose optim.lr "
                 "for it",
                 dataset->info.path, mean, mean);
}

void train_note_data(struct dataset *dataset, const struct run_options *options)
{
    if (options->optim.lr == 0)
        log_note("optim.lr = 0: the weights stay as they are");
    notes_on_flat_images(dataset, options);
    notes_on_twins(dataset);
    notes_on_uneven_classes(dataset, options);
    notes_on_weights(dataset);
}
