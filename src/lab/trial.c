/* trial: data, and the options of a trial. */
#include "lab/trial.h"

#include <stdio.h>
#include <stdlib.h>
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
    struct dataset_builder builder = {.count = {images, 0}};
    letters_init(&builder, 1);
    letters_draw(&builder, 1, DATASET_TRAIN, 0, images);
    enum status st = dataset_write(&builder, path, true);
    dataset_builder_release(&builder);
    return st;
}

enum status trial_open_letters(struct comm *comm, int least, int batch,
                               struct dataset *dataset)
{
    const char *folder = getenv("TMPDIR");
    size_t images = (size_t)div_up(least, batch) * (size_t)batch;
    const bool train[DATASET_SPLITS] = {true, false};
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
        st = dataset_open(dataset, comm, path, train, 0);
    if (comm_node_rank(comm) == 0)
        unlink(path);
    log_set_replicated(replicated);
    return st;
}

float *trial_images(int count)
{
    size_t size = (size_t)SYNTH_SIZE * SYNTH_SIZE;
    float *x = mem_aligned((size_t)count * size, sizeof *x);
    uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE];
    for (int i = 0; i < count; i++) {
        synth_draw(1, 0, (uint64_t)i, pixels);
        for (size_t p = 0; p < size; p++)
            x[(size_t)i * size + p] = (float)pixels[p] / 128 - 0.3f;
    }
    return x;
}

/* Allocates input->images if it succeeds. */
static enum status trial_read_images(const struct dataset_info *info, int count,
                                     struct trial_input *input)
{
    const struct loader_input normal = {.mean = info->mean, .std = info->std};
    size_t size = (size_t)info->h * (size_t)info->w, have = info->count[DATASET_TRAIN];
    size_t rows = have < (size_t)count ? have : (size_t)count;
    uint8_t *pixels = mem_zeroed(rows, size);
    enum status st;
    TRY_TO(out, dataset_read_rows(info, DATASET_TRAIN, 0, rows, pixels, NULL));
    input->images = mem_aligned((size_t)count * size, sizeof *input->images);
    for (size_t i = 0; i < (size_t)count; i++) {
        float *x = input->images + i * size;
        for (size_t p = 0; p < size; p++)
            x[p] = (float)pixels[i % rows * size + p];
        loader_normalise(&normal, info->h, info->w, x);
    }
out:
    free(pixels);
    return st;
}

enum status trial_input(const char *data, int count, struct trial_input *input)
{
    *input =
        (struct trial_input){.in = {SYNTH_SIZE, SYNTH_SIZE, 1}, .classes = SYNTH_CLASSES};
    if (!data) {
        input->images = trial_images(count);
        return ST_OK;
    }
    struct dataset_info info;
    TRY(dataset_info_read(&info, data));
    input->in = (struct shape){info.h, info.w, 1};
    input->classes = info.classes;
    enum status st = trial_read_images(&info, count, input);
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
