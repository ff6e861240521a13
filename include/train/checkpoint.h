/*
 * checkpoint: everything that a run needs to go on, in one HDF5 file, which is either
 * complete or not there.
 *
 * Layout (format_version 1), all arrays float32 in PyTorch's shapes:
 *   /weights/LAYER/{weight,bias}   conv (O, I, H, W), linear (out, in), bias (out)
 *   /ema/LAYER/...                 averaged weights, when train.ema is on
 *   /optimizer/STATE/LAYER/...     momentum (sgd, lars), or m and v (adamw, lamb); slow
 *                                  (lookahead; also of statistics)
 *   /metrics/...                   history so far (train/metrics.h)
 * Root attributes: format, format_version, step, epoch, config (INI text), data_hash,
 * classes, height, width, channels, mean, std, treatment, lockstep, mpi, blas, isa, bits,
 * plan, temperature (if eval fitted one), state (as in the log), content_hash (over every
 * array and the attributes that a resume needs), and the fields of struct progress. There
 * is no random state: randomness is counter-based.
 *
 * Called on rank 0 only; nothing here is collective.
 */
#ifndef LOCKSTEP_TRAIN_CHECKPOINT_H
#define LOCKSTEP_TRAIN_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fs.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "train/metrics.h"
#include "train/state.h"

#define CHECKPOINT_FORMAT  "lockstep-checkpoint"
#define CHECKPOINT_VERSION 1

/* How far a run has come. Plain data: broadcast as bytes. */
struct progress {
    uint64_t step;           /* steps done */
    double epoch;            /* passes done */
    uint64_t evaluated_step; /* of the last evaluation; 0: none */
    uint64_t best_step;      /* best train.metric; of equal ones, lowest loss */
    double best_score;       /* of it (train/metric.h); "best_accuracy" in the file */
    uint64_t evals_without_gain;
    double interval_loss; /* sums since the last log line */
    uint64_t interval_correct, interval_samples;
    /* Steps since the averaged weights' statistics were taken (train.ema, batchnorm); as
       many as were done: never, and they are the running ones of the weights. */
    uint64_t ema_statistics_age;
};

/* What made the file, and for which data; strings are owned when read. */
struct checkpoint_info {
    char *config; /* effective config, INI text */
    char **class_name;
    int classes;
    struct shape shape; /* of an image */
    double mean[DATASET_CHANNELS],
        std[DATASET_CHANNELS]; /* of each channel: the network
                                  sees (x / 255 - mean) / std */
    char *treatment;           /* of pictures (data/treatment.h); "": not recorded */
    char *decoder;             /* image_decoders, if the data set holds files; or "" */
    uint64_t data_hash;
    uint64_t sample_weights_hash;      /* dataset_weights_hash */
    uint64_t state;                    /* hash of weights, averages and optimizer state */
    char *lockstep, *mpi, *blas, *isa; /* versions and instruction set that wrote it */
    char *bits; /* what its bits depend on (kernels/policy.h); "": not recorded */
    char *plan; /* of the run that wrote it (train/plan.h) */
    double
        temperature; /* of its probabilities (train/calibration.h); 0: none was fitted */
    struct progress progress;
};
void checkpoint_info_release(struct checkpoint_info *info);

/* Writes the vectors that `like` has, with the values that the stream gives. */
enum status checkpoint_write(const char *path, const struct checkpoint_info *info,
                             const struct model *model, const struct run_state *like,
                             const struct state_stream *from,
                             const struct metrics *metrics) MUST_CHECK;

/* The attributes, without the arrays. */
enum status checkpoint_read_info(const char *path,
                                 struct checkpoint_info *info) MUST_CHECK;

/* Gives a file that was read a temperature, in place of the one that it has. */
enum status checkpoint_set_temperature(const char *path, double temperature) MUST_CHECK;

/* Everything, verified against content_hash. If the file is of another network, the error
   names the first difference. metrics must be initialised for the file's classes, and
   its sets as the model is. */
enum status checkpoint_read(const char *path, const struct model *model,
                            const struct run_state *like, const struct state_stream *to,
                            struct metrics *metrics,
                            struct checkpoint_info *info) MUST_CHECK;

/* Only the weights to compute with, as vector 0: the averaged ones if the file has them
   (*averaged). The whole file is verified. to NULL: verify only. */
enum status checkpoint_read_weights(const char *path, const struct model *model,
                                    const struct state_stream *to,
                                    bool *averaged) MUST_CHECK;

/* --- the checkpoints of a run: FOLDER/step-000000000123.h5 and best.h5; FOLDER is
   RUN/checkpoints --- */

#define CHECKPOINT_FOLDER "checkpoints"

enum status checkpoint_path(char path[FS_PATH], const char *folder,
                            uint64_t step) MUST_CHECK;
/* Paths of all step-*.h5, newest first; fs_free_list. No folder: none. */
enum status checkpoint_list(const char *folder, char ***paths, int *count) MUST_CHECK;
/* The link RUN/last.h5 to RUN/checkpoints/step-....h5 of this step (fs_link). */
#define CHECKPOINT_LAST "last.h5"
enum status checkpoint_link(const char *run, uint64_t step) MUST_CHECK;
/* Removes all but the newest `keep` of the checkpoints up to `step`, the one just
   written, and temporary files of killed writers. Later checkpoints stay and are not
   counted: they exist only if they could not be read when the run resumed from an older
   one. */
enum status checkpoint_prune(const char *folder, int keep, uint64_t step) MUST_CHECK;

#endif
