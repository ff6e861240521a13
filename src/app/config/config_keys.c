#include "config_keys.h"

#include <ctype.h>
#include <string.h>

#include "app/config/config.h"
#include "base/mem.h"
#include "base/parse.h"
#include "comm/comm.h"
#include "data/randaugment.h"
#include "nn/optim.h"
#include "train/metric.h"

#define AT(field)  offsetof(struct config, field)
#define RUN(field) offsetof(struct config, run.field)

static const char *const schedule_words[] = {
    [SCHEDULE_CONSTANT] = "constant", [SCHEDULE_STEP] = "step",
    [SCHEDULE_COSINE] = "cosine",     [SCHEDULE_ONECYCLE] = "onecycle",
    [SCHEDULE_LINEAR] = "linear",     [SCHEDULE_POLYNOMIAL] = "polynomial",
    [SCHEDULE_TRIANGLE] = "triangle", [SCHEDULE_TRIANGLE + 1] = NULL,
};
static const char *const loss_words[] = {
    [LOSS_CROSS_ENTROPY] = "cross_entropy", [LOSS_FOCAL] = "focal", NULL};
static const char *const bits_words[] = {"portable", "blas", NULL};
static const char *const winograd_words[] = {"auto", "f2", "off", NULL};
static const char *const anneal_words[] = {"cosine", "linear", NULL};
static const char *const detail_words[] = {
    [LOG_DETAIL_NORMAL] = "normal", [LOG_DETAIL_PARALLEL] = "parallel", NULL};
static const char *const intra_words[] = {"auto", "batch", "channel", "hybrid", NULL};

const char *const config_recipe_words[] = {
    [CONFIG_RECIPE_NONE] = "none",         [CONFIG_RECIPE_LIGHT] = "light",
    [CONFIG_RECIPE_STANDARD] = "standard", [CONFIG_RECIPE_STRONG] = "strong",
    [CONFIG_RECIPE_INK] = "ink",           [CONFIG_RECIPES] = NULL,
};
static const char *const flip_words[] = {"off", "random", "alternate", NULL};
static const char *const fill_words[] = {"auto", "black",   "border",
                                         "mean", "reflect", NULL};

/* auto, or a number: its index is the number plus 1. */
static const char *const prefetch_words[] = {
    "auto", "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",
    "9",    "10", "11", "12", "13", "14", "15", "16", NULL,
};

/* In the order of enum treatment_fit. */
static const char *const fit_words[] = {"pad", "crop", "stretch", NULL};
static const char *const sampling_words[] = {"shuffled", "balanced", NULL};
static const char *const statistics_words[] = {"auto", "trained", "frozen", NULL};
static const char *const channel_words[] = {"auto", "1", "3", NULL};

/* clang-format off */
const struct config_key config_keys[] = {
    {"data", "file", KEY_TEXT, false, AT(data.file), 0, 0, "",
     "data set (HDF5), or a folder or list of pictures, which is imported once", NULL},
    {"data", "size", KEY_SIZE, false, AT(data.h), 0, CONFIG_SIDE, "",
     "size of imported pictures, N or HEIGHTxWIDTH pixels; empty: as they are", NULL},
    {"data", "channels", KEY_WORD, false, AT(data.channels), 0, 0, "auto",
     "imported pictures become grey or RGB; auto: RGB if a picture has colour",
     channel_words},
    {"data", "fit", KEY_WORD, false, AT(data.fit), 0, 0, "pad",
     "how imported pictures are brought to that size", fit_words},
    {"data", "val", KEY_REAL, false, AT(data.val), 0, 0.9, "0",
     "part of each class of imported pictures that is for validation", NULL},
    {"data", "multi_label", KEY_BOOL, false, AT(data.multi_label), 0, 0, "off",
     "pictures of an imported list may have several classes, or none; also set by a "
     "label with ';'", NULL},
    {"data", "memory", KEY_INT, false, AT(data.memory_mb), 0, 1e9, "0",
     "MB of images kept in memory per node; a larger data set is read from its file "
     "as needed; 0: half of the memory", NULL},
    {"data", "verify", KEY_BOOL, false, AT(data.verify), 0, 0, "on",
     "stop if images are not as they were written", NULL},
    {"data", "prefetch", KEY_WORD, false, RUN(input.prefetch), 0, 0, "auto",
     "batches that helper threads read and augment ahead of the "
     "current one", prefetch_words},

    {"data", "sampling", KEY_WORD, true, RUN(input.sampling), 0, 0, "shuffled",
     "training images of an epoch: shuffled: each one once; balanced: as many, but all "
     "classes equally often", sampling_words},

    {"data", "input", KEY_SIZE, true, RUN(input.crop.h), 0, CONFIG_SIDE, "",
     "part of an image that the network sees, N or HEIGHTxWIDTH pixels: the centre, or "
     "in training what [augment] selects; empty: the whole image", NULL},
    {"data", "shift_x", KEY_INT, true, RUN(input.crop.shift_x), -10000, 10000, "0",
     "pixels by which every image is moved to the right, in training and use", NULL},
    {"data", "shift_y", KEY_INT, true, RUN(input.crop.shift_y), -10000, 10000, "0",
     "pixels by which every image is moved down, in training and use", NULL},

    {"data", "mean", KEY_TEXT, true, AT(data.mean), 0, 0, "",
     "mean of the pixels (0 to 255) by which images are normalised, one number or one "
     "for each channel; empty: the data set's, or that of finetune.pretrained", NULL},
    {"data", "std", KEY_TEXT, true, AT(data.std), 0, 0, "",
     "standard deviation of the pixels, given in the same way", NULL},

    {"finetune", "pretrained", KEY_TEXT, false, AT(finetune.pretrained), 0, 0, "",
     "weights to begin with: a file of 'lockstep weights import', a checkpoint or a run; "
     "a head for other classes begins anew", NULL},
    {"finetune", "freeze", KEY_TEXT, true, AT(model.freeze.until), 0, 0, "none",
     "layers that are not trained: none, backbone (all but the head), or the name of "
     "the last one", NULL},
    {"finetune", "statistics", KEY_WORD, true, AT(finetune.statistics), 0, 0, "auto",
     "batchnorm: trained: with statistics of the grain; frozen: with running "
     "statistics, which do not change; auto: frozen with finetune.pretrained",
     statistics_words},
    {"finetune", "features", KEY_BOOL, false, RUN(features.keep), 0, 0, "on",
     "compute the outputs of frozen layers once and keep them, if they are the same in "
     "every epoch", NULL},
    {"finetune", "cache", KEY_TEXT, false, RUN(features.folder), 0, 0, "",
     "folder in which these outputs are kept for later runs; empty: none", NULL},

    {"model", "layer", KEY_LAYERS, true, AT(model), 0, 0, "",
     "one line per layer, in order; a layer, or the name of a [block]", NULL},

    {"train", "epochs", KEY_REAL, false, RUN(train.epochs), 0.001, 1e6, "10",
     "passes over the training images; the last one may be a part, like 9.9", NULL},
    {"train", "steps", KEY_LONG, false, RUN(train.steps), 0, 1e15, "0",
     "number of steps; 0: epochs sets it", NULL},
    {"train", "batch", KEY_INT, true, RUN(train.batch), 1, 1e7, "256",
     "samples in a global batch, whatever the number of ranks", NULL},
    {"train", "grain", KEY_INT, true, RUN(train.grain), 1, 65536, "32",
     "images that are computed together: the micro-batch (grain), unit of work", NULL},
    {"train", "seed", KEY_U64, true, RUN(train.seed), 0, 0, "1",
     "seed of everything random", NULL},
    {"train", "bits", KEY_WORD, true, AT(model.policy.bits), 0, 0, "portable",
     "portable: the same bits on every CPU with FMA; blas: products by OpenBLAS, whose "
     "bits belong to the kind of CPU", bits_words},
    {"train", "winograd", KEY_WORD, true, AT(model.policy.winograd), 0, 0, "auto",
     "convolutions 3x3 by Winograd's algorithm where it pays: auto: F(4x4) or F(2x2); "
     "f2: F(2x2), with the errors of a sum; off", winograd_words},
    {"train", "loss", KEY_WORD, false, RUN(train.loss), 0, 0, "cross_entropy",
     "what training minimises; focal: images that are classified well count less",
     loss_words},
    {"train", "focal", KEY_REAL, false, RUN(train.focal), 0, 10, "2",
     "focal loss: the exponent gamma of 1 - p; 0: cross_entropy", NULL},
    {"train", "class_weights", KEY_TEXT, false, RUN(train.class_weights), 0, 0, "none",
     "factor of the loss of each class: none: 1; auto: all classes count equally, "
     "however many images they have; or NAME:WEIGHT, ..., 1 for others", NULL},
    {"train", "sample_weights", KEY_BOOL, false, RUN(train.sample_weights), 0, 0, "on",
     "multiply the loss of each training image by its weight, if the data set holds "
     "weights", NULL},
    {"train", "label_smoothing", KEY_REAL, false, RUN(train.label_smoothing), 0, 0.999,
     "0", "share of the target that is spread over all classes", NULL},
    {"train", "mixup", KEY_REAL, false, RUN(train.mixup), 0, 4, "0",
     "mix the images of a grain in pairs, with shares from Beta(x, x); 0: off", NULL},
    {"train", "cutmix", KEY_REAL, false, RUN(train.cutmix), 0, 4, "0",
     "exchange a box between the images of a pair, with a share of the area from "
     "Beta(x, x); with mixup: each pair gets one of the two; 0: off", NULL},
    {"train", "clip", KEY_REAL, false, RUN(train.clip), 0, 1e9, "0",
     "largest norm of the gradient; 0: off", NULL},
    {"train", "ema", KEY_REAL, true, RUN(train.ema), 0, 0.999999, "0",
     "decay per step of the averaged weights, which evaluations use (at most (1 + s) "
     "/ (10 + s) at step s); 0: off", NULL},
    {"train", "ema_samples", KEY_INT, true, RUN(train.ema_samples), 2, 1e9, "2048",
     "training images from which batchnorm's statistics of averaged weights are taken",
     NULL},
    {"train", "metric", KEY_WORD, true, RUN(train.metric), 0, 0, "accuracy",
     "score by which evaluations are compared, for best.h5 and early_stop; for images "
     "with several classes accuracy means average_precision", metric_words},
    {"train", "views", KEY_INT, true, RUN(train.views), 0, 10000, "0",
     "augmented views of each image: epoch e uses view e mod views; 0: a new view in "
     "every epoch", NULL},
    {"train", "eval_every", KEY_INT, false, RUN(train.eval_every), 1, 1e6, "1",
     "epochs between evaluations", NULL},

    {"eval", "views", KEY_WORD, false, RUN(eval.views), 0, 0, "none",
     "evaluations and predictions average the answers to several views of an image: "
     "mirror: the image and its mirror image; mirror+shift: also both moved by a pixel",
     view_set_words},
    {"eval", "threshold", KEY_REAL, false, RUN(eval.threshold), 0, 1, "0.5",
     "for images with several classes: the least probability of an answer",
     NULL},

    {"optim", "kind", KEY_WORD, true, RUN(optim.kind), 0, 0, "sgd",
     "optimizer", optim_words},
    {"optim", "lr", KEY_REAL, false, RUN(optim.lr), 0, 1e6, "0.05",
     "learning rate (the peak of the schedule)", NULL},
    {"optim", "momentum", KEY_REAL, false, RUN(optim.momentum), 0, 0.999999, "0.9",
     "sgd, lars: momentum", NULL},
    {"optim", "nesterov", KEY_BOOL, false, RUN(optim.nesterov), 0, 0, "off",
     "sgd, lars: use Nesterov momentum", NULL},
    {"optim", "weight_decay", KEY_REAL, false, RUN(optim.weight_decay), 0, 1e6, "0",
     "decay of the weights; biases and norms have none", NULL},
    {"optim", "layer_decay", KEY_REAL, false, RUN(optim.layer_decay), 0.01, 1, "1",
     "factor of the learning rate for each block of layers between a layer and the "
     "output: early layers learn more slowly", NULL},
    {"optim", "beta1", KEY_REAL, false, RUN(optim.beta1), 0, 0.999999, "0.9",
     "adamw, lamb: decay of the first moment", NULL},
    {"optim", "beta2", KEY_REAL, false, RUN(optim.beta2), 0, 0.999999999, "0.999",
     "adamw, lamb: decay of the second moment", NULL},
    {"optim", "epsilon", KEY_REAL, false, RUN(optim.epsilon), 1e-30, 1, "1e-8",
     "adamw, lamb: added to the denominator", NULL},
    {"optim", "trust", KEY_REAL, false, RUN(optim.trust), 1e-9, 1e6, "0.001",
     "lars: trust coefficient, the norm of a tensor's step as a share of its weights', "
     "at lr = 1", NULL},
    {"optim", "lookahead", KEY_INT, true, RUN(optim.lookahead), 0, 1e6, "0",
     "steps between two updates of the slow weights, which then become the weights; 0: "
     "off", NULL},
    {"optim", "lookahead_alpha", KEY_REAL, false, RUN(optim.lookahead_alpha), 0, 1, "0.5",
     "lookahead: part of the way that the slow weights move", NULL},
    {"optim", "lookahead_power", KEY_REAL, false, RUN(optim.lookahead_power), 0, 100, "0",
     "lookahead: the part falls from 1 to lookahead_alpha over the run; exponent of the "
     "part of the run that is done; 0: always lookahead_alpha",
     NULL},

    {"schedule", "kind", KEY_WORD, false, RUN(schedule.kind), 0, 0, "constant",
     "how the learning rate changes over the run", schedule_words},
    {"schedule", "warmup", KEY_REAL, false, RUN(schedule.warmup), 0, 1e6, "0",
     "epochs of linear rise at the start; not for onecycle and triangle, which have a "
     "rise of their own",
     NULL},
    {"schedule", "step_every", KEY_REAL, false, RUN(schedule.step_every), 1e-6, 1e6, "10",
     "step: epochs between two drops", NULL},
    {"schedule", "gamma", KEY_REAL, false, RUN(schedule.gamma), 0, 1, "0.1",
     "step: factor of each drop", NULL},
    {"schedule", "start", KEY_REAL, false, RUN(schedule.start), 0, 1, "0",
     "triangle: first rate as a share of lr", NULL},
    {"schedule", "final", KEY_REAL, false, RUN(schedule.final), 0, 1, "0",
     "cosine, linear, polynomial, triangle: last rate as a share of lr", NULL},
    {"schedule", "power", KEY_REAL, false, RUN(schedule.power), 0.01, 100, "2",
     "polynomial: exponent of what is left of the run", NULL},
    {"schedule", "pct_start", KEY_REAL, false, RUN(schedule.pct_start), 0, 1, "0.3",
     "onecycle, triangle: share of the run in which the rate rises", NULL},
    {"schedule", "div", KEY_REAL, false, RUN(schedule.div), 1, 1e9, "25",
     "onecycle: first rate is lr / div", NULL},
    {"schedule", "final_div", KEY_REAL, false, RUN(schedule.final_div), 1, 1e12, "1e4",
     "onecycle: last rate is first / final_div", NULL},
    {"schedule", "anneal", KEY_WORD, false, RUN(schedule.anneal), 0, 0, "cosine",
     "onecycle: the shape of rise and fall", anneal_words},

    {"augment", "recipe", KEY_WORD, false, AT(recipe.name), 0, 0, "none",
     "values for all other keys of [augment] (docs/data.md); keys that you set keep "
     "your values", config_recipe_words},
    {"augment", "shift", KEY_LENGTH, false, RUN(augment.shift), 0, 1000, "0",
     "largest random shift along each axis, in pixels or as a part of the network's "
     "input", NULL},
    {"augment", "rotate", KEY_REAL, false, RUN(augment.rotate), 0, 180, "0",
     "largest random rotation, in degrees", NULL},
    {"augment", "scale", KEY_REAL, false, RUN(augment.scale), 0, 0.9, "0",
     "each axis is scaled by a random factor from 1 - scale to 1 + scale", NULL},
    {"augment", "shear", KEY_REAL, false, RUN(augment.shear), 0, 2, "0",
     "largest random k in x += k y", NULL},
    {"augment", "elastic", KEY_REAL, false, RUN(augment.elastic), 0, 100, "0",
     "largest random smooth displacement, in pixels", NULL},
    {"augment", "flip", KEY_WORD, false, RUN(augment.flip), 0, 0, "off",
     "flip images left to right: random: half of them; alternate: each one in every "
     "other epoch", flip_words},
    {"augment", "flip_vertical", KEY_BOOL, false, RUN(augment.flip_vertical), 0, 0, "off",
     "turn half of the images upside down", NULL},
    {"augment", "random_crop", KEY_BOOL, false, RUN(augment.random_crop), 0, 0, "off",
     "take the part of data.input's size from anywhere in the image, not from its centre",
     NULL},
    {"augment", "crop", KEY_INT, false, RUN(augment.crop), 0, 10000, "0",
     "pixels of padding on each side, before a part of data.input's size is taken from "
     "anywhere", NULL},
    {"augment", "resized_crop", KEY_REAL, false, RUN(augment.resized_crop), 0, 1, "0",
     "least share of the area of a random part of the image, which is scaled to "
     "data.input; 0: off", NULL},
    {"augment", "brightness", KEY_REAL, false, RUN(augment.brightness), 0, 1, "0",
     "brightness is multiplied by a random factor from 1 - x to 1 + x", NULL},
    {"augment", "contrast", KEY_REAL, false, RUN(augment.contrast), 0, 1, "0",
     "the same for the contrast", NULL},
    {"augment", "saturation", KEY_REAL, false, RUN(augment.saturation), 0, 1, "0",
     "the same for the saturation of colours", NULL},
    {"augment", "hue", KEY_REAL, false, RUN(augment.hue), 0, 0.5, "0",
     "largest random turn of the hue; 0.5: half a turn of the colour circle", NULL},
    {"augment", "randaugment", KEY_INT, false, RUN(augment.randaugment), 0, 100, "0",
     "operations of RandAugment that are drawn for each image; 0: off", NULL},
    {"augment", "magnitude", KEY_REAL, false, RUN(augment.magnitude), 0,
     RANDAUGMENT_MOST, "9", "their strength", NULL},
    {"augment", "erase", KEY_REAL, false, RUN(augment.erase), 0, 1, "0",
     "share of the images in which a random rectangle is set to the mean", NULL},
    {"augment", "fill", KEY_WORD, false, RUN(augment.fill), 0, 0, "auto",
     "what fills the outside of a distorted image: black, its border, the data set's "
     "mean or its mirror image; auto: black for grey images, border for RGB", fill_words},

    {"checkpoint", "every_steps", KEY_LONG, false, RUN(checkpoint.every_steps), 0, 1e15,
     "0", "steps between two checkpoints; 0: off", NULL},
    {"checkpoint", "every_epochs", KEY_REAL, false, RUN(checkpoint.every_epochs), 0, 1e6,
     "1", "epochs between two checkpoints; 0: off", NULL},
    {"checkpoint", "every_minutes", KEY_REAL, false, RUN(checkpoint.every_minutes), 0,
     1e6, "10", "minutes between two checkpoints; 0: off", NULL},
    {"checkpoint", "keep", KEY_INT, false, RUN(checkpoint.keep), 1, 1e6, "3",
     "number of newest checkpoints to keep", NULL},
    {"checkpoint", "keep_best", KEY_BOOL, false, RUN(checkpoint.keep_best), 0, 0, "on",
     "also keep the checkpoint with the best train.metric, of equal ones that with the "
     "lowest loss, as best.h5", NULL},

    {"log", "every", KEY_INT, false, RUN(log.every), 1, 1e9, "100",
     "steps between two log lines; with fewer than one for each evaluation, those come "
     "before evaluations", NULL},
    {"log", "detail", KEY_WORD, false, RUN(log.detail), 0, 0, "normal",
     "parallel: log lines also have the time of a step, the share of communication, and "
     "how much of that was hidden", detail_words},
    {"log", "tensorboard", KEY_BOOL, false, RUN(log.tensorboard), 0, 0, "off",
     "write event files for TensorBoard to tensorboard/ in the run's folder", NULL},
    {"log", "mlperf", KEY_TEXT, false, RUN(log.mlperf), 0, 0, "",
     "file for the lines of MLPerf's logging; empty: none", NULL},

    {"early_stop", "patience", KEY_INT, false, RUN(early_stop.patience), 0, 1e6, "0",
     "stop after so many evaluations without a better train.metric; 0: off", NULL},
    {"early_stop", "min_delta", KEY_REAL, false, RUN(early_stop.min_delta), 0, 1, "0",
     "least gain of train.metric that counts as better", NULL},

    {"parallel", "threads", KEY_INT, false, RUN(parallel.threads), 0, 4096, "0",
     "threads per rank; 0: the rank's share of the CPUs", NULL},
    {"parallel", "intra", KEY_WORD, false, RUN(parallel.intra), 0, 0, "auto",
     "what the threads of a rank share: the grains of the batch, the channels of "
     "each grain, or both; auto: the fastest", intra_words},
    {"parallel", "reduce", KEY_WORD, false, RUN(parallel.reduce), 0, 0, "auto",
     "algorithm by which ranks sum gradients, where it applies (see 'lockstep bench "
     "reduce'); auto: the fastest", comm_tree_names},
    {"parallel", "overlap", KEY_BOOL, false, RUN(parallel.overlap), 0, 0, "on",
     "sum gradients of ranks during the backward pass; off: after it", NULL},
    {"parallel", "pipeline", KEY_INT, false, RUN(parallel.pipeline), 1, MODEL_LAYERS, "1",
     "number of pipeline stages: ranks that share the layers; 1: every rank has all "
     "layers", NULL},
    {"parallel", "stages", KEY_TEXT, false, RUN(parallel.stages), 0, 0, "",
     "layers of each stage: conv1+conv2 | conv3+linear1 | ...; empty: balanced by "
     "measured cost", NULL},
};
/* clang-format on */

const int config_key_count = sizeof config_keys / sizeof config_keys[0];
_Static_assert(sizeof config_keys / sizeof config_keys[0] <= CONFIG_KEYS_MAX,
               "raise CONFIG_KEYS_MAX");

const char *config_section_name(const char *section, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(section, word, length) != 0)
        return NULL;
    if (section[length] && !isspace((unsigned char)section[length]))
        return NULL;
    section += length;
    return section + strspn(section, " \t");
}

enum status config_check_section(const char *section, const char *where)
{
    const char *sections[CONFIG_KEYS_MAX];
    for (int i = 0; i < config_key_count; i++) {
        sections[i] = config_keys[i].section;
        if (strcmp(sections[i], section) == 0)
            return ST_OK;
    }
    const char *near = parse_nearest(section, sections, config_key_count);
    if (near)
        FAIL(ST_USAGE, "%s: unknown section '%s'; did you mean '%s'?", where, section,
             near);
    FAIL(ST_USAGE, "%s: unknown section '%s'; see 'lockstep train --help'", where,
         section);
}

void config_append_heading(char **text, const char *section, const char *name)
{
    mem_append(text, "%s[%s%s%s]\n", **text ? "\n" : "", section, *name ? " " : "", name);
}
