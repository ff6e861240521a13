/*
 * options: what the config says about a training run, section by section. Filled in by
 * app/config.
 */
#ifndef LOCKSTEP_TRAIN_OPTIONS_H
#define LOCKSTEP_TRAIN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "data/augment.h"
#include "data/view.h"
#include "nn/optim.h"
#include "nn/schedule.h"

enum intra_kind { INTRA_AUTO, INTRA_BATCH, INTRA_CHANNEL, INTRA_HYBRID };

enum loss_kind { LOSS_CROSS_ENTROPY, LOSS_FOCAL };

struct train_options {
    double epochs;   /* the last one may be a part */
    long long steps; /* 0: by epochs */
    int batch;       /* samples of the global batch, whatever the number of ranks */
    int grain;       /* samples that are computed together, at most (base/grain.h) */
    uint64_t seed;
    int loss;            /* enum loss_kind */
    double focal;        /* gamma of the focal loss */
    char *class_weights; /* owned by the config: "none", "auto" or "A:3,B:1" */
    bool sample_weights; /* those of the data set count */
    double label_smoothing;
    double mixup, cutmix; /* A of Beta(A, A), from which images are mixed; 0: off */
    double clip;          /* largest L2 norm of the mean gradient; 0: off */
    double ema;           /* decay per step of the averaged weights; 0: off */
    int ema_samples; /* training images that their norms' statistics are taken from */
    int views;       /* that augmentation draws of an image; 0: one in every epoch */
    int eval_every;  /* epochs */
    int metric;      /* enum metric: by what evaluations are compared */
};

struct parallel_options {
    int threads;  /* per rank; 0: the allowed CPUs, shared with the node's other ranks */
    int intra;    /* enum intra_kind: how threads share a rank's grains */
    int reduce;   /* index into comm_tree_names: how ranks sum a gradient */
    bool overlap; /* sum while the rest of backward is computed */
    int pipeline; /* ranks that share the layers; 1: every rank has all layers */
    char *stages; /* owned by the config: the layers of each stage; "": the fastest cut */
};

struct checkpoint_options {
    long long every_steps; /* 0: off, also below */
    double every_epochs;
    double every_minutes;
    int keep; /* newest ones kept */
    bool keep_best;
};

/* PARALLEL: lines also say what a step takes, and how much of it is communication. */
enum log_detail { LOG_DETAIL_NORMAL, LOG_DETAIL_PARALLEL };

#define MLPERF_HEAD ":::MLLOG " /* what each line of log.mlperf begins with */

struct log_options {
    int every;        /* steps between two lines */
    int detail;       /* enum log_detail */
    bool tensorboard; /* event files in the run's folder */
    char *mlperf;     /* owned by the config: a file of MLPerf's lines; "": none */
};

struct early_stop_options {
    int patience;     /* evaluations without a better accuracy; 0: off */
    double min_delta; /* train.metric is better if it is so by more than this */
};

/* BALANCED: as data/balance.h. */
enum sampling { SAMPLING_SHUFFLED, SAMPLING_BALANCED };

struct input_options {
    int sampling;           /* enum sampling: which images come in an epoch */
    struct input_crop crop; /* what the network sees of an image */
    int prefetch;           /* batches read ahead, plus 1; 0: chosen by rule */
};

/* What frozen layers make of the images (train/features.h). */
struct feature_options {
    bool keep;    /* computed once */
    char *folder; /* owned by the config: of files for later runs; "": none */
};

struct eval_options {
    int views;        /* enum view_set */
    double threshold; /* of images with several classes: the least probability of one */
};

struct run_options {
    struct input_options input;
    struct train_options train;
    struct feature_options features;
    struct eval_options eval;
    struct parallel_options parallel;
    struct optim_options optim;
    struct schedule_options schedule;
    struct augment_options augment;
    struct checkpoint_options checkpoint;
    struct log_options log;
    struct early_stop_options early_stop;
};

#endif
