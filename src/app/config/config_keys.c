#include "config_keys.h"

#include "app/config/config.h"
#include "comm/comm.h"

#define AT(field)  offsetof(struct config, field)
#define RUN(field) offsetof(struct config, run.field)

static const char *const optim_words[] = {"sgd", "adamw", NULL};
static const char *const schedule_words[] = {"constant", "step", "cosine", "onecycle",
                                             NULL};
static const char *const intra_words[] = {"auto", "batch", "channel", "hybrid", NULL};

/* A number, or auto: the index is the number plus 1. */
static const char *const prefetch_words[] = {
    "auto", "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",
    "9",    "10", "11", "12", "13", "14", "15", "16", NULL,
};

/* clang-format off */
const struct config_key config_keys[] = {
    {"data", "file", KEY_TEXT, false, AT(data.file), 0, 0, "", "data set (HDF5)", NULL},
    {"data", "memory", KEY_INT, false, AT(data.memory_mb), 0, 1e9, "0",
     "MB of images kept in memory per node, larger sets are read from the file; 0: half of the memory", NULL},
    {"data", "prefetch", KEY_WORD, false, RUN(input.prefetch), 0, 0, "auto",
     "batches read and augmented ahead of the one trained on, by threads of their own", prefetch_words},

    {"data", "shift_x", KEY_INT, true, RUN(input.shift_x), -10000, 10000, "0", "pixels by which every image is moved to the right", NULL},
    {"data", "shift_y", KEY_INT, true, RUN(input.shift_y), -10000, 10000, "0", "and down, also when the network is used", NULL},

    {"model", "layer", KEY_LAYERS, true, AT(model), 0, 0, "", "one line a layer, in order", NULL},

    {"train", "epochs", KEY_INT, false, RUN(train.epochs), 1, 1e6, "10", "passes over the training images", NULL},
    {"train", "steps", KEY_LONG, false, RUN(train.steps), 0, 1e15, "0", "steps instead of epochs; 0: by epochs", NULL},
    {"train", "batch", KEY_INT, true, RUN(train.batch), 1, 1e7, "256", "samples of a global batch, for any number of ranks", NULL},
    {"train", "grain", KEY_INT, true, RUN(train.grain), 1, 65536, "32", "samples computed together: the unit of work", NULL},
    {"train", "seed", KEY_U64, true, RUN(train.seed), 0, 0, "1", "of everything random", NULL},
    {"train", "label_smoothing", KEY_REAL, false, RUN(train.label_smoothing), 0, 0.999, "0", "share of the target spread over all classes", NULL},
    {"train", "clip", KEY_REAL, false, RUN(train.clip), 0, 1e9, "0", "largest norm of the gradient; 0: off", NULL},
    {"train", "ema", KEY_REAL, true, RUN(train.ema), 0, 0.999999, "0", "decay per step of averaged weights, used to evaluate (at most (1 + s) / (10 + s) at step s); 0: off", NULL},
    {"train", "eval_every", KEY_INT, false, RUN(train.eval_every), 1, 1e6, "1", "epochs between evaluations", NULL},

    {"optim", "kind", KEY_WORD, true, RUN(optim.kind), 0, 0, "sgd", "optimizer", optim_words},
    {"optim", "lr", KEY_REAL, false, RUN(optim.lr), 0, 1e6, "0.05", "learning rate (the schedule's peak)", NULL},
    {"optim", "momentum", KEY_REAL, false, RUN(optim.momentum), 0, 0.999999, "0.9", "sgd", NULL},
    {"optim", "nesterov", KEY_BOOL, false, RUN(optim.nesterov), 0, 0, "off", "sgd: Nesterov's momentum", NULL},
    {"optim", "weight_decay", KEY_REAL, false, RUN(optim.weight_decay), 0, 1e6, "0", "on weights, not on biases", NULL},
    {"optim", "beta1", KEY_REAL, false, RUN(optim.beta1), 0, 0.999999, "0.9", "adamw", NULL},
    {"optim", "beta2", KEY_REAL, false, RUN(optim.beta2), 0, 0.999999999, "0.999", "adamw", NULL},
    {"optim", "epsilon", KEY_REAL, false, RUN(optim.epsilon), 1e-30, 1, "1e-8", "adamw", NULL},

    {"schedule", "kind", KEY_WORD, false, RUN(schedule.kind), 0, 0, "constant", "learning rate over the run", schedule_words},
    {"schedule", "warmup", KEY_REAL, false, RUN(schedule.warmup), 0, 1e6, "0", "epochs of linear rise (not for onecycle)", NULL},
    {"schedule", "step_every", KEY_REAL, false, RUN(schedule.step_every), 1e-6, 1e6, "10", "step: epochs between two drops", NULL},
    {"schedule", "gamma", KEY_REAL, false, RUN(schedule.gamma), 0, 1, "0.1", "step: factor of a drop", NULL},
    {"schedule", "final", KEY_REAL, false, RUN(schedule.final), 0, 1, "0", "cosine: last rate as a share of lr", NULL},
    {"schedule", "pct_start", KEY_REAL, false, RUN(schedule.pct_start), 0, 1, "0.3", "onecycle: rising part of the run", NULL},
    {"schedule", "div", KEY_REAL, false, RUN(schedule.div), 1, 1e9, "25", "onecycle: first rate is lr / div", NULL},
    {"schedule", "final_div", KEY_REAL, false, RUN(schedule.final_div), 1, 1e12, "1e4", "onecycle: last rate is first / final_div", NULL},

    {"augment", "shift", KEY_REAL, false, RUN(augment.shift), 0, 1000, "0", "pixels, up to, both ways", NULL},
    {"augment", "rotate", KEY_REAL, false, RUN(augment.rotate), 0, 180, "0", "degrees, up to", NULL},
    {"augment", "scale", KEY_REAL, false, RUN(augment.scale), 0, 0.9, "0", "each axis by 1 - x to 1 + x", NULL},
    {"augment", "shear", KEY_REAL, false, RUN(augment.shear), 0, 2, "0", "x += k y, k up to", NULL},
    {"augment", "elastic", KEY_REAL, false, RUN(augment.elastic), 0, 100, "0", "smooth displacement, pixels, up to", NULL},

    {"checkpoint", "every_steps", KEY_LONG, false, RUN(checkpoint.every_steps), 0, 1e15, "0", "0: off", NULL},
    {"checkpoint", "every_epochs", KEY_REAL, false, RUN(checkpoint.every_epochs), 0, 1e6, "1", "0: off", NULL},
    {"checkpoint", "every_minutes", KEY_REAL, false, RUN(checkpoint.every_minutes), 0, 1e6, "10", "0: off", NULL},
    {"checkpoint", "keep", KEY_INT, false, RUN(checkpoint.keep), 1, 1e6, "3", "newest checkpoints kept", NULL},
    {"checkpoint", "keep_best", KEY_BOOL, false, RUN(checkpoint.keep_best), 0, 0, "on", "also keep the most accurate one (of equals, that of lowest loss), as best.h5", NULL},

    {"log", "every", KEY_INT, false, RUN(log.every), 1, 1e9, "100", "steps between two lines", NULL},

    {"early_stop", "patience", KEY_INT, false, RUN(early_stop.patience), 0, 1e6, "0", "evaluations without a better accuracy before stopping; 0: off", NULL},
    {"early_stop", "min_delta", KEY_REAL, false, RUN(early_stop.min_delta), 0, 1, "0", "what counts as better", NULL},

    {"parallel", "threads", KEY_INT, false, RUN(parallel.threads), 0, 4096, "0", "per rank; 0: the rank's share of the CPUs", NULL},
    {"parallel", "intra", KEY_WORD, false, RUN(parallel.intra), 0, 0, "auto", "what threads share: the batch's grains, each grain's channels, or some of both; auto: the fastest", intra_words},
    {"parallel", "reduce", KEY_WORD, false, RUN(parallel.reduce), 0, 0, "auto", "how ranks exchange what is summed, where it applies ('lockstep bench reduce'); auto: the fastest", comm_tree_names},
    {"parallel", "overlap", KEY_BOOL, false, RUN(parallel.overlap), 0, 0, "on", "ranks sum a gradient while the rest of it is computed; off: afterwards", NULL},
    {"parallel", "pipeline", KEY_INT, false, RUN(parallel.pipeline), 1, MODEL_LAYERS, "1", "ranks that share the layers, as stages of a pipeline; 1: every rank has all layers", NULL},
    {"parallel", "stages", KEY_TEXT, false, RUN(parallel.stages), 0, 0, "", "which stage has which layers: conv1+conv2 | conv3+linear1 | ...; empty: balanced by measured cost", NULL},
};
/* clang-format on */

const int config_key_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
               "raise CONFIG_KEYS_MAX");
