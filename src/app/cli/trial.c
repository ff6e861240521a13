#include "trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"
#include "letters.h"

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

enum status trial_read_config(const char *path, long long grain, struct config *config)
{
    char option[64];
    config_init(config);
    if (path)
        TRY(config_read(config, path));
    else
        TRY(config_parse(config, reference, "the reference network"));
    snprintf(option, sizeof option, "train.grain=%lld", grain);
    if (grain > 0)
        TRY(config_set(config, option));
    config->run.train.epochs = 1000000; /* the schedule hardly moves */
    config->run.checkpoint.every_minutes = 0;
    return ST_OK;
}

enum status trial_read_list(const char *option, const char *text, struct trial_list *list)
{
    char *copy = mem_strdup(text), *rest = copy;
    list->count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        long long value;
        if (list->count == TRIAL_LIST || !parse_int(word, 1, 1 << 20, &value)) {
            free(copy);
            FAIL(ST_USAGE, "'--%s %s': expected numbers from 1, with commas", option,
                 text);
        }
        list->value[list->count++] = (int)value;
    }
    free(copy);
    return ST_OK;
}

static enum status write_letters(const char *path, size_t images)
{
    struct dataset_builder builder = {.count = {images, 0}};
    letters_draw(&builder, 1, 1);
    enum status st = dataset_write(&builder, path, true);
    dataset_builder_release(&builder);
    return st;
}

/* The same file on every node, each in a temporary folder of its own; gone again once it
   is open. */
enum status trial_open_letters(struct comm *comm, int least, int batch,
                               struct dataset *dataset)
{
    const char *folder = getenv("TMPDIR");
    size_t images = (size_t)((least + batch - 1) / batch) * (size_t)batch;
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
