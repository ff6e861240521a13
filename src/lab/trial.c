/* trial: data, and the options of a trial. */
#include "lab/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/div.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "data/letters.h"
#include "data/loader.h"
#include "data/synth.h"

#define TRIAL_EPOCHS 1000000
#define TRIAL_BYTES  ((size_t)64 << 20) /* of letters, unless a batch is larger */

static const struct shape trial_letter = {SYNTH_SIZE, SYNTH_SIZE, 1};

static struct shape trial_letters_shape(const struct trial_source *source)
{
    return source->letters.h > 0 ? source->letters : trial_letter;
}

/* A letter in another size: pixels (shape). */
static void trial_scale(const uint8_t *letter, struct shape shape, uint8_t *pixels)
{
    for (int y = 0; y < shape.h; y++)
        for (int x = 0; x < shape.w; x++, pixels += shape.c)
            memset(
                pixels,
                letter[y * SYNTH_SIZE / shape.h * SYNTH_SIZE + x * SYNTH_SIZE / shape.w],
                (size_t)shape.c);
}

static void trial_scale_all(struct dataset_builder *builder, struct shape shape)
{
    size_t count = builder->count[DATASET_TRAIN], bytes = dataset_image_bytes(shape);
    uint8_t *letters = builder->images[DATASET_TRAIN];
    uint8_t *images = mem_zeroed(count, bytes);
    for (size_t i = 0; i < count; i++)
        trial_scale(letters + i * SYNTH_SIZE * SYNTH_SIZE, shape, images + i * bytes);
    free(letters);
    builder->images[DATASET_TRAIN] = images;
    builder->h = shape.h;
    builder->w = shape.w;
    builder->c = shape.c;
}

static enum status trial_write_letters(const char *path, struct shape shape,
                                       size_t images)
{
    struct dataset_builder builder = {.count = {[DATASET_TRAIN] = images}};
    letters_init(&builder, 1);
    letters_draw(&builder, 1, DATASET_TRAIN, 0, images);
    if (!shape_equal(shape, trial_letter))
        trial_scale_all(&builder, shape);
    enum status st = dataset_write(&builder, path, true);
    dataset_builder_release(&builder);
    return st;
}

/* Whole batches of `least` letters, or as many as have room. */
static size_t trial_letters_count(struct shape shape, int least, int batch)
{
    size_t room = TRIAL_BYTES / dataset_image_bytes(shape);
    size_t wanted = (size_t)least < room ? (size_t)least : room;
    size_t size = (size_t)batch, batches = div_up_u64(wanted, size);
    return (batches > 0 ? batches : 1) * size;
}

static enum status trial_open_letters(struct comm *comm, struct shape shape, int least,
                                      int batch, struct dataset *dataset)
{
    const char *folder = getenv("TMPDIR");
    size_t images = trial_letters_count(shape, least, batch);
    const bool train[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    const struct dataset_use use = {.trusted = true};
    char path[FS_PATH];
    enum status st = ST_OK;
    snprintf(path, sizeof path, "%s/lockstep-trial-%d.h5", folder ? folder : "/tmp",
             (int)getpid());
    comm_bcast(comm, path, sizeof path, 0);
    bool replicated = log_set_replicated(false);
    if (comm_node_rank(comm) == 0)
        st = trial_write_letters(path, shape, images);
    st = comm_agree(comm, st);
    if (st == ST_OK)
        st = dataset_open(dataset, comm, path, train, &use);
    if (comm_node_rank(comm) == 0)
        unlink(path);
    log_set_replicated(replicated);
    return st;
}

/* Images that do not fill a batch are left out: all steps are alike. */
static enum status trial_open_data(struct comm *comm, const char *data, int batch,
                                   struct dataset *dataset)
{
    const bool train[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    const struct dataset_use use = {.trusted = true}; /* only speed is measured */
    bool replicated = log_set_replicated(false);
    enum status st = dataset_open(dataset, comm, data, train, &use);
    log_set_replicated(replicated);
    TRY(st);
    size_t *count = &dataset->info.count[DATASET_TRAIN];
    if (*count < (size_t)batch)
        FAIL(ST_USAGE, "'%s' has %zu training images: too few for a batch of %d", data,
             *count, batch);
    *count -= *count % (size_t)batch;
    return ST_OK;
}

enum status trial_open(struct comm *comm, const struct trial_source *source, int least,
                       int batch, struct dataset *dataset)
{
    return source->data ? trial_open_data(comm, source->data, batch, dataset)
                        : trial_open_letters(comm, trial_letters_shape(source), least,
                                             batch, dataset);
}

/* Built-in letters of this shape as a network sees them, (count, in). */
static float *trial_letters(int count, struct shape shape, struct shape in)
{
    size_t size = (size_t)shape_size(in);
    float *x = mem_aligned((size_t)count * size, sizeof *x);
    uint8_t letter[SYNTH_SIZE * SYNTH_SIZE];
    uint8_t *pixels = mem_zeroed(dataset_image_bytes(shape), 1);
    for (int i = 0; i < count; i++) {
        synth_draw(1, 0, (uint64_t)i, letter);
        trial_scale(letter, shape, pixels);
        view_cut(shape, in, pixels, x + (size_t)i * size);
        for (size_t p = (size_t)i * size; p < ((size_t)i + 1) * size; p++)
            x[p] = x[p] / 128 - 0.3f;
    }
    free(pixels);
    return x;
}

/* Allocates input->images if it succeeds. */
static enum status trial_read_images(const struct dataset_info *info, int count,
                                     struct trial_input *input)
{
    struct loader_input normal = {0};
    size_t bytes = dataset_image_bytes(info->shape), size = (size_t)shape_size(input->in);
    size_t have = info->count[DATASET_TRAIN];
    size_t rows = have < (size_t)count ? have : (size_t)count;
    uint8_t *pixels = mem_zeroed(rows, bytes);
    memcpy(normal.mean, info->mean, sizeof normal.mean);
    memcpy(normal.std, info->std, sizeof normal.std);
    enum status st;
    TRY_TO(out, dataset_read_rows(info, DATASET_TRAIN, 0, rows, pixels, NULL));
    input->images = mem_aligned((size_t)count * size, sizeof *input->images);
    for (size_t i = 0; i < (size_t)count; i++) {
        float *x = input->images + i * size;
        view_cut(info->shape, input->in, pixels + i % rows * bytes, x);
        loader_normalise(&normal, input->in, x);
    }
out:
    free(pixels);
    return st;
}

enum status trial_input(const struct trial_source *source, const struct input_crop *crop,
                        int count, struct trial_input *input)
{
    *input = (struct trial_input){.classes = SYNTH_CLASSES};
    if (!source->data) {
        char name[] = "the built-in letters";
        struct shape shape = trial_letters_shape(source);
        const struct dataset_info letters = {.shape = shape, .path = name};
        TRY(input_crop_of_dataset(crop, &letters, &input->in));
        input->images = trial_letters(count, shape, input->in);
        return ST_OK;
    }
    struct dataset_info info;
    TRY(dataset_info_read(&info, source->data));
    info.trusted = true; /* only speed is measured */
    input->classes = info.classes;
    enum status st = input_crop_of_dataset(crop, &info, &input->in);
    if (st == ST_OK)
        st = trial_read_images(&info, count, input);
    dataset_info_release(&info);
    return st;
}

struct run_options trial_options(const struct run_options *run)
{
    struct run_options options = *run;
    options.optim.lr = 0;                /* a rate that needs its warmup would diverge */
    options.train.epochs = TRIAL_EPOCHS; /* the schedule hardly moves */
    options.train.steps = 0;
    options.checkpoint.every_minutes = 0;
    return options;
}
