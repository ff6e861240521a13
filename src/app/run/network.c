#include "app/run/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/run_files.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"

enum status network_find(char checkpoint[FS_PATH], const char *path)
{
    char folder[FS_PATH], **paths;
    int count;
    if (!fs_is_folder(path)) {
        snprintf(checkpoint, FS_PATH, "%s", path);
        return ST_OK;
    }
    TRY(fs_join(folder, path, RUN_CHECKPOINTS));
    TRY(fs_join(checkpoint, folder, "best.h5"));
    if (fs_is_file(checkpoint))
        return ST_OK;
    TRY(checkpoint_list(folder, &paths, &count));
    if (count > 0)
        snprintf(checkpoint, FS_PATH, "%s", paths[0]);
    fs_free_list(paths, count);
    if (count == 0)
        FAIL(ST_FAIL, "'%s' holds no checkpoint", path);
    return ST_OK;
}

/* The config in the file may claim any size: compare it with the size of the file and
   with the memory here. Arrays are read one at a time. */
static enum status network_check_sizes(const struct network *network)
{
    const struct model *model = &network->model;
    size_t params = model_param_count(model);
    double largest = 4.0 * (double)state_largest(model), limit = (double)mem_limit();
    if (params > fs_bytes(network->checkpoint))
        FAIL(ST_FAIL,
             "'%s' is damaged: it is too short for the %zu parameters that its config "
             "describes",
             network->checkpoint, params);
    if (largest > limit)
        FAIL(ST_FAIL, "'%s' has an array of %s, a process may have %s here",
             network->checkpoint, bytes_text(largest).text, bytes_text(limit).text);
    return ST_OK;
}

/* whole: this process will hold all weights. */
static enum status network_read_info(struct network *network, const char *path,
                                     bool whole)
{
    *network = (struct network){0};
    config_init(&network->config);
    TRY(network_find(network->checkpoint, path));
    TRY(checkpoint_read_info(network->checkpoint, &network->info));
    TRY(config_parse(&network->config, network->info.config, network->checkpoint));
    struct shape in;
    if (!input_crop_shape(&network->config.run.input.crop, network->info.shape, &in))
        FAIL(ST_FAIL, "'%s' is damaged: its data.input is larger than its images",
             network->checkpoint);
    TRY((whole ? model_init : model_describe)(&network->model, &network->config.model, in,
                                              network->info.classes,
                                              network->config.run.train.grain));
    return network_check_sizes(network);
}

static enum status network_read_weights(struct network *network)
{
    network->params = mem_aligned(network->model.params, sizeof(float));
    const struct run_state weights = {.params = network->params};
    struct state_store store = {&network->model, &weights};
    const struct state_stream to = state_stream_of(&store);
    return checkpoint_read_weights(network->checkpoint, &network->model, &to,
                                   &network->averaged);
}

static enum status network_close_if_failed(struct network *network, const char *path,
                                           enum status st)
{
    if (st == ST_OK)
        return ST_OK;
    network_close(network);
    network_tell_whole(path);
    return st;
}

double network_temperature(const struct network *network)
{
    return network->model.multi_label ? 0 : network->info.temperature;
}

enum status network_describe(struct network *network, const char *path)
{
    return network_close_if_failed(network, path,
                                   network_read_info(network, path, false));
}

enum status network_open(struct network *network, const char *path)
{
    enum status st = network_read_info(network, path, true);
    if (st == ST_OK)
        st = network_read_weights(network);
    return network_close_if_failed(network, path, st);
}

enum status network_check(struct network *network, const char *path)
{
    enum status st = network_read_info(network, path, false);
    if (st == ST_OK)
        st = checkpoint_read_weights(network->checkpoint, &network->model, NULL,
                                     &network->averaged);
    return network_close_if_failed(network, path, st);
}

/* Prints nothing. */
static bool network_is_whole(const char *checkpoint, struct progress *progress)
{
    struct network network;
    char why[STATUS_TEXT];
    status_capture(why);
    bool whole = network_check(&network, checkpoint) == ST_OK;
    status_capture(NULL);
    if (whole) {
        *progress = network.info.progress;
        network_close(&network);
    }
    return whole;
}

/* Names the checkpoint of the best step if it is there and whole, otherwise the newest
   whole one. */
static void network_tell_best(const char *folder, char *const *paths, int count)
{
    struct progress newest = {0}, best = {0};
    char path[FS_PATH], checkpoints[FS_PATH], which[64] = "";
    int i = 0;
    while (i < count && !network_is_whole(paths[i], &newest))
        i++;
    if (i == count || fs_join(checkpoints, folder, RUN_CHECKPOINTS) != ST_OK ||
        checkpoint_path(path, checkpoints, newest.best_step) != ST_OK)
        return;
    bool there = fs_is_file(path) && network_is_whole(path, &best);
    if (newest.evaluated_step > 0)
        snprintf(which, sizeof which,
                 there ? ", the best up to step %llu"
                       : " (the best until then was step %llu)",
                 (unsigned long long)(there ? newest.step : newest.best_step));
    log_note("'%s' is whole: step %llu%s; give it instead of '%s'",
             there ? path : paths[i],
             (unsigned long long)(there ? best.step : newest.step), which, folder);
}

void network_tell_whole(const char *folder)
{
    struct progress progress;
    char meant[FS_PATH], checkpoints[FS_PATH], **paths;
    int count;
    if (!fs_is_folder(folder))
        return;
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = network_find(meant, folder);
    if (st == ST_OK)
        st = fs_join(checkpoints, folder, RUN_CHECKPOINTS);
    if (st == ST_OK)
        st = checkpoint_list(checkpoints, &paths, &count);
    status_capture(NULL);
    if (st != ST_OK)
        return;
    if (!network_is_whole(meant, &progress))
        network_tell_best(folder, paths, count);
    fs_free_list(paths, count);
}

void network_statistics_text(const struct progress *progress,
                             char text[NETWORK_STATISTICS])
{
    uint64_t age = progress->ema_statistics_age;
    text[0] = '\0';
    if (age > 0 && age < progress->step)
        snprintf(text, NETWORK_STATISTICS, "batchnorm's statistics of step %llu",
                 (unsigned long long)(progress->step - age));
    else if (age > 0)
        snprintf(text, NETWORK_STATISTICS, "batchnorm's running statistics");
}

void network_note_statistics(const char *checkpoint, const struct progress *progress)
{
    char text[NETWORK_STATISTICS];
    network_statistics_text(progress, text);
    if (*text)
        log_note("'%s' was saved between evaluations: its averaged weights have %s, and "
                 "may answer worse; use best.h5, or go on with --resume to an evaluation",
                 checkpoint, text);
}

const char *network_colour(struct shape shape)
{
    return shape.c == 1 ? "grey" : "RGB";
}

struct loader_input network_input(const struct network *network)
{
    struct loader_input input = {.crop = network->config.run.input.crop};
    memcpy(input.mean, network->info.mean, sizeof input.mean);
    memcpy(input.std, network->info.std, sizeof input.std);
    return input;
}

void network_close(struct network *network)
{
    checkpoint_info_release(&network->info);
    config_release(&network->config);
    model_release(&network->model);
    free(network->params);
    *network = (struct network){0};
}
