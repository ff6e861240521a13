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

static enum status trial_write_letters(const char *path, size_t images)
{
    struct dataset_builder builder = {.count = {[DATASET_TRAIN] = images}};
    letters_init(&builder, 1);
    letters_draw(&builder, 1, DATASET_TRAIN, 0, images);
    enum status st = dataset_write(&builder, path, true);
    dataset_builder_release(&builder);
    return st;
}

static enum status trial_open_letters(struct comm *comm, int least, int batch,
                                      struct dataset *dataset)
{
    const char *folder = getenv("TMPDIR");
    size_t images = (size_t)div_up(least, batch) * (size_t)batch;
    const bool train[DATASET_SPLITS] = {[DATASET_TRAIN] = true};
    const struct dataset_use use = {.trusted = true};
    char path[FS_PATH];
    enum status st = ST_OK;
    snprintf(path, sizeof path, "%s/lockstep-trial-%d.h5", folder ? folder : "/tmp",
             (int)getpid());
    comm_bcast(comm, path, sizeof path, 0);
    bool replicated = log_set_replicated(false);
    if (comm_node_rank(comm) == 0)
        st = trial_write_letters(path, images);
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

enum status trial_open(struct comm *comm, const char *data, int least, int batch,
                       struct dataset *dataset)
{
    return data ? trial_open_data(comm, data, batch, dataset)
                : trial_open_letters(comm, least, batch, dataset);
}

static const struct shape trial_letter = {SYNTH_SIZE, SYNTH_SIZE, 1};

/* Built-in letters as a network sees them, (count, in). */
static float *trial_letters(int count, struct shape in)
{
    size_t size = (size_t)shape_size(in);
    float *x = mem_aligned((size_t)count * size, sizeof *x);
    uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE];
    for (int i = 0; i < count; i++) {
        synth_draw(1, 0, (uint64_t)i, pixels);
        view_cut(trial_letter, in, pixels, x + (size_t)i * size);
        for (size_t p = (size_t)i * size; p < ((size_t)i + 1) * size; p++)
            x[p] = x[p] / 128 - 0.3f;
    }
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

enum status trial_input(const char *data, const struct view *view, int count,
                        struct trial_input *input)
{
    *input = (struct trial_input){.classes = SYNTH_CLASSES};
    if (!data) {
        char name[] = "the built-in letters";
        const struct dataset_info letters = {.shape = trial_letter, .path = name};
        TRY(view_of_dataset(view, &letters, &input->in));
        input->images = trial_letters(count, input->in);
        return ST_OK;
    }
    struct dataset_info info;
    TRY(dataset_info_read(&info, data));
    info.trusted = true; /* only speed is measured */
    input->classes = info.classes;
    enum status st = view_of_dataset(view, &info, &input->in);
    if (st == ST_OK)
        st = trial_read_images(&info, count, input);
    dataset_info_release(&info);
    return st;
}

struct run_options trial_options(const struct run_options *run)
{
    struct run_options options = *run;
    options.train.epochs = TRIAL_EPOCHS; /* the schedule hardly moves */
    options.train.steps = 0;
    options.checkpoint.every_minutes = 0;
    return options;
}
