#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/commands.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/timer.h"
#include "cmd_data.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "data/synth.h"
#include "train/trainer.h"

#define IMAGES  2048 /* at least so many are gone through */
#define SECONDS 0.3  /* least length of one of the repeated runs */

/* The reference network (configs/letters.conf), trained plainly. */
static const char reference[] = "[model]\n"
                                "layer = conv 32 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = conv 64 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = conv 128 kernel=3\nlayer = maxpool 2\n"
                                "layer = gelu\n"
                                "layer = flatten\n"
                                "layer = linear 512\nlayer = gelu\n"
                                "layer = linear 256\nlayer = gelu\n"
                                "layer = linear classes\nlayer = logsoftmax\n"
                                "[optim]\nlr = 0.01\n";

enum status trial_parse_list(const char *option, const char *text, long long most,
                             struct trial_list *list)
{
    char *copy = mem_strdup(text), *rest = copy;
    list->count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (list->count == TRIAL_LIST || !parse_int(word, 1, most, &value)) {
            free(copy);
            FAIL(ST_USAGE, "'--%s %s': expected numbers from 1, with commas", option,
                 text);
        }
        list->value[list->count++] = (int)value;
    }
    free(copy);
    return ST_OK;
}

enum status trial_read_config(const char *path, long long grain, struct config *config)
{
    char setting[64];
    config_init(config);
    if (path)
        TRY(config_read(config, path));
    else
        TRY(config_parse(config, reference, "the reference network"));
    snprintf(setting, sizeof setting, "train.grain=%lld", grain);
    if (grain > 0)
        TRY(config_set(config, setting));
    config->run.train.epochs = 1000000; /* the schedule hardly moves */
    config->run.checkpoint.every_minutes = 0;
    return ST_OK;
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

/* --- data: the built-in letters, in a file that is gone again once it is open --- */

static enum status write_letters(const char *path, size_t images)
{
    struct dataset_builder builder = {.count = {images, 0}};
    data_draw_letters(&builder, 1, 1);
    enum status st = dataset_write(&builder, path, true);
    dataset_builder_release(&builder);
    return st;
}

/* The same file on every node, each in a temporary folder of its own. */
static enum status open_letters(struct comm *comm, size_t images, struct dataset *dataset)
{
    const char *folder = getenv("TMPDIR");
    const bool train[DATASET_SPLITS] = {true, false};
    char path[FS_PATH];
    enum status st = ST_OK;
    snprintf(path, sizeof path, "%s/lockstep-trial-%d.h5", folder ? folder : "/tmp",
             (int)getpid());
    comm_bcast(comm, path, sizeof path, 0);
    log_set_replicated(false);
    if (comm_node_rank(comm) == 0)
        st = write_letters(path, images);
    st = comm_agree(comm, st);
    if (st == ST_OK)
        st = dataset_open(dataset, comm, path, train, 0);
    if (comm_node_rank(comm) == 0)
        unlink(path);
    log_set_replicated(true);
    return st;
}

/* --- steps --- */

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
    for (int s = 0; s < model->steps; s++) {
        struct model_work work = model_step_work(model, s);
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
    size_t images = (size_t)((IMAGES + row->batch - 1) / row->batch * row->batch);
    int grain = config->run.train.grain;
    config->run.train.batch = row->batch;
    config->run.train.grain = row->grain = grain_for(row, grain);
    enum status st;
    TRY_TO(out, open_letters(comm, images, &dataset));
    TRY_TO(out,
           model_init(&model, &config->model, (struct shape){SYNTH_SIZE, SYNTH_SIZE, 1},
                      SYNTH_CLASSES, config->run.train.grain));
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &config->run,
        .threads = row->threads,
        .folder = NULL,
        .config_text = "",
        .version = app_version(),
    };
    struct trainer *trainer = trainer_create(&setup);
    trainer_start(trainer);
    st = measure(trainer, comm, row->batch, repeats, false, &row->train);
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
