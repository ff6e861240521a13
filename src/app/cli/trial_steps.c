/* trial: whole training steps, timed. */
#include <stdlib.h>

#include "app/cli/commands.h"
#include "app/run/tuning.h"
#include "app/version.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "data/synth.h"
#include "train/trainer.h"
#include "trial.h"

#define IMAGES  2048 /* at least so many are gone through */
#define SECONDS 0.3  /* least length of one of the repeated runs */

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

static enum status read_images(const struct dataset_info *info, int count,
                               struct trial_input *input)
{
    const struct loader_input normal = {.mean = info->mean, .std = info->std};
    size_t size = (size_t)info->h * (size_t)info->w, have = info->count[DATASET_TRAIN];
    size_t rows = have < (size_t)count ? have : (size_t)count;
    uint8_t *pixels = mem_zeroed(rows, size);
    enum status st = dataset_read_rows(info, DATASET_TRAIN, 0, rows, pixels, NULL);
    input->images = mem_aligned((size_t)count * size, sizeof *input->images);
    for (size_t i = 0; st == ST_OK && i < (size_t)count; i++) {
        float *x = input->images + i * size;
        for (size_t p = 0; p < size; p++)
            x[p] = (float)pixels[i % rows * size + p];
        loader_normalise(&normal, info->h, info->w, x);
    }
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
    enum status st = read_images(&info, count, input);
    dataset_info_release(&info);
    return st;
}

static enum status measure(struct trainer *trainer, struct comm *comm, int batch,
                           int repeats, bool forward, struct trial_rate *rate)
{
    double seconds, *rates = mem_zeroed((size_t)repeats, sizeof *rates);
    enum status st;
    int count = 1;
    TRY_TO(out, trainer_time_steps(trainer, 2, forward, &seconds)); /* warm up */
    for (;; count *= 2) {
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        comm_max_f64(comm, &seconds, 1);
        if (seconds > SECONDS)
            break;
    }
    for (int i = 0; i < repeats; i++) {
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        rates[i] = (double)count * batch / seconds;
    }
    double median = timer_median(rates, repeats);
    *rate = (struct trial_rate){median, rates[0], rates[repeats - 1]};
out:
    free(rates);
    return st;
}

static void count_flops(const struct model *model, struct trial_row *row)
{
    for (int s = 0; s < model->ops; s++) {
        struct model_work work = model_op_work(model, s);
        row->dense += work.dense_forward + work.dense_backward;
        row->truly += work.true_forward + work.true_backward;
    }
}

/* The config's grain, but small enough that no thread of any rank goes without. */
static int grain_for(const struct trial_row *row, int grain)
{
    int workers = row->ranks * row->threads;
    int share = (row->batch + workers - 1) / workers;
    return share < grain ? share : grain;
}

enum status trial_steps(struct comm *comm, struct config *config, int repeats,
                        struct trial_row *row)
{
    struct dataset dataset = {0};
    struct model model = {0};
    int grain = config->run.train.grain;
    config->run.train.batch = row->batch;
    config->run.train.grain = row->grain = grain_for(row, grain);
    enum status st;
    TRY_TO(out, trial_open_letters(comm, IMAGES, row->batch, &dataset));
    TRY_TO(out,
           model_init(&model, &config->model, (struct shape){SYNTH_SIZE, SYNTH_SIZE, 1},
                      SYNTH_CLASSES, config->run.train.grain));
    struct parallel_plan plan;
    tuning_rule(&config->run.parallel, row->threads, &plan);
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &config->run,
        .plan = &plan,
        .folder = NULL,
        .config_text = "",
        .version = app_version(),
    };
    struct trainer *trainer = trainer_create(&setup);
    trainer_start(trainer);
    double begin = timer_now();
    st = measure(trainer, comm, row->batch, repeats, false, &row->train);
    row->reduce = trainer_phases(trainer)->seconds[PHASE_REDUCE] / (timer_now() - begin);
    row->bytes = trainer_bytes(&setup);
    if (st == ST_OK)
        st = measure(trainer, comm, row->batch, repeats, true, &row->forward);
    count_flops(&model, row);
    trainer_free(trainer);
out:
    model_release(&model);
    dataset_close(&dataset);
    config->run.train.grain = grain;
    return st;
}
