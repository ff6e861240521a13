/* The weights that a run begins with, how its images are normalised, and what classes
   weigh in the loss. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/normal.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "nn/whiten.h"
#include "train/class_weights.h"
#include "train/weights.h"
#include "train_session.h"

#define CONFIG_NORMAL 128 /* bytes of three numbers as text */

/* Mean and deviation as texts, which checkpoints keep. */
struct train_normal {
    char mean[CONFIG_NORMAL], std[CONFIG_NORMAL];
};

/* Those of the weights. */
static void train_normal_of_weights(const struct pretrained *pretrained,
                                    struct train_normal *normal)
{
    const struct checkpoint_info *info = &pretrained->network.info;
    char *mean = normal_text(info->mean, info->shape.c);
    char *std = normal_text(info->std, info->shape.c);
    snprintf(normal->mean, sizeof normal->mean, "%s", mean);
    snprintf(normal->std, sizeof normal->std, "%s", std);
    free(mean);
    free(std);
}

/* Those of the run that is resumed. False: it has no checkpoint that can be read. */
static bool train_normal_of_run(const char *folder, struct train_normal *normal)
{
    struct network run;
    char why[STATUS_TEXT];
    status_capture(why);
    bool there = network_describe(&run, folder) == ST_OK;
    status_capture(NULL);
    if (!there)
        return false;
    snprintf(normal->mean, sizeof normal->mean, "%s", run.config.data.mean);
    snprintf(normal->std, sizeof normal->std, "%s", run.config.data.std);
    network_close(&run);
    return true;
}

/* On rank 0. A run that goes on from a checkpoint does not need the file. */
static enum status train_open_pretrained(struct train_session *session,
                                         struct train_normal *normal)
{
    if (session->request->resume && normal &&
        train_normal_of_run(session->folder.path, normal))
        return ST_OK;
    TRY(pretrained_open(&session->pretrained, session->begins_with, &session->model,
                        &session->dataset.info));
    session->pretrained_open = true;
    if (normal)
        train_normal_of_weights(&session->pretrained, normal);
    return ST_OK;
}

static void train_keep_text(char **key, const char *text)
{
    if (**key)
        return;
    free(*key);
    *key = mem_strdup(text);
}

/* With finetune.pretrained, images are normalised as those that the weights were trained
   on, unless the config says how. */
enum status train_open_weights(struct train_session *session)
{
    struct data_options *data = &session->config.data;
    const char *finetune = session->config.finetune.pretrained;
    struct train_normal normal = {"", ""};
    enum status st = ST_OK;
    session->begins_with = *finetune ? finetune : session->request->init;
    if (session->begins_with && comm_rank(session->comm) == 0)
        st = train_open_pretrained(session, &normal);
    TRY(comm_agree(session->comm, st));
    comm_bcast(session->comm, &normal, sizeof normal, 0);
    if (*finetune) {
        train_keep_text(&data->mean, normal.mean);
        train_keep_text(&data->std, normal.std);
    }
    TRY(normal_apply(data, &session->dataset.info));
    TRY(class_weights_read(session->config.run.train.class_weights, &session->dataset,
                           &session->class_weight));
    session->config_text = config_text(&session->config);
    session->features_text = config_features_text(&session->config);
    return ST_OK;
}

enum status train_start_weights(struct train_session *session)
{
    enum status st = ST_OK;
    if (comm_rank(session->comm) == 0 && !session->pretrained_open)
        st = train_open_pretrained(session, NULL);
    TRY(comm_agree(session->comm, st));
    const struct weights_source source =
        pretrained_source(&session->pretrained, session->config.run.train.seed);
    return trainer_start_from(session->trainer, &source);
}

/* Whitened weights are made from the images. */
static bool train_freezes_random(const struct model *model)
{
    for (int l = 0; model->still && l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        if (layer->tensors > 0 && layer->tensor[0].rule == RANGE_FROZEN &&
            whiten_next(model, l) != l)
            return true;
    }
    return false;
}

void train_note_frozen(const struct train_session *session)
{
    if (!session->begins_with && !session->goes_on &&
        train_freezes_random(&session->model))
        log_note("finetune.freeze = %s: the frozen layers are random, and stay so; begin "
                 "with weights that were trained: --pretrained or --init",
                 session->config.model.freeze.until);
}

void train_close_weights(struct train_session *session)
{
    if (session->pretrained_open)
        pretrained_close(&session->pretrained);
    free(session->class_weight);
}
