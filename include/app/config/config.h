/*
 * config: one table of keys serves the parser of config files and --set, the help, the
 * printed config and the text that checkpoints store.
 *
 * A config is INI text: sections [data], [model], [train], ..., "key = value" lines, and
 * comments from '#' or ';' at the start of a line or after a blank. Each layer is a line
 * "layer = conv 32 kernel=3"; [block NAME] and [group NAME] are sections that the user
 * names. Unknown, misplaced, repeated or out-of-range keys are ST_USAGE, with file, line
 * and a "did you mean".
 */
#ifndef LOCKSTEP_APP_CONFIG_CONFIG_H
#define LOCKSTEP_APP_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "nn/model.h"
#include "train/options.h"

#define CONFIG_RANGE 256 /* bytes of a description of the values of a key */

struct data_options {
    char *file;   /* owned; "" when not given */
    int h, w;     /* of imported pictures; 0, 0: as they are */
    int channels; /* of imported pictures: 0 auto, 1 grey, 2 RGB (index of the word) */
    int fit;      /* enum treatment_fit */
    double val;   /* part of the imported pictures that is for validation */
    bool multi_label; /* pictures of an imported list have several classes, or none */
    char *mean, *std; /* owned: of pixels, "127" or "124,116,104"; "": the data set's */
    int memory_mb;    /* for images, per node; 0: half of the memory */
    bool verify;      /* images are compared with their hashes */
};

/* Fine-tuning; model.freeze has the rest. */
enum finetune_statistics { STATISTICS_AUTO, STATISTICS_TRAINED, STATISTICS_FROZEN };
struct finetune_options {
    char *pretrained; /* owned: a file of weights, or a run; "": none */
    int statistics;   /* enum finetune_statistics; auto: frozen if there is such a file */
};

/* augment.recipe. Bits stand for keys of [augment], in their order. */
struct config_recipe {
    int name;                 /* index of the word */
    uint32_t given;           /* keys that the user has set: no recipe sets them */
    uint32_t given_in_config; /* those of them that a config without a recipe sets */
};

struct config {
    struct data_options data;
    struct config_recipe recipe;
    struct finetune_options finetune;
    struct model_spec model;
    struct run_options run;
};

/* Sets every key to its default; no layers. */
void config_init(struct config *config);
void config_release(struct config *config);

/* The text of a file, for config_parse, or of a network by name (nn/named_network.h) if
   there is no such file; the caller frees. */
enum status config_load(const char *path, char **text, size_t *bytes) MUST_CHECK;

/* Reports that there is no network of this name; file: nor a file, which would do too.
   Returns ST_USAGE. */
enum status config_unknown_network(const char *name, bool file) MUST_CHECK;

/* Both read into an initialised config: a file or a network by name; text that messages
   call `name`. */
enum status config_read(struct config *config, const char *path) MUST_CHECK;
enum status config_parse(struct config *config, const char *text,
                         const char *name) MUST_CHECK;

/* Notes on blocks that no line uses, and on parameters that no line of a block has. */
void config_note_unused(const struct config *config);

/* From now on augment.recipe replaces what [augment] has said so far: the config is that
   of a network by name, not the user's. */
void config_recipe_replaces(struct config *config);
/* A note on keys of the config `name` that keep their values beside augment.recipe, which
   was set by --set. */
void config_note_recipe(const struct config *config, const char *name);

/* "train.batch=64", as --set gives it. */
enum status config_set(struct config *config, const char *assignment) MUST_CHECK;

/* The value of the option --image-size: what the network sees of an image, and the size
   of imported pictures and of built-in letters. NULL: not given, nothing changes. */
enum status config_set_image_size(struct config *config, const char *text) MUST_CHECK;

/* Sets what follows from other keys: model.freeze.statistics. config_parse calls it; call
   it again after changes. */
void config_settle(struct config *config);

/* Checks what concerns more than one key: ST_USAGE without a network or a data set. */
enum status config_check(const struct config *config, const char *name) MUST_CHECK;

/* The whole effective config as INI text that config_parse reads back; caller frees. It
   has augment.recipe and the values of all keys. */
char *config_text(const struct config *config);
/* The part of it on which features depend, besides weights and images (train/features.h);
   caller frees. */
char *config_features_text(const struct config *config);

/* Calls show("train.epochs 3 -> 5") for each key that differs. ST_USAGE, with the first
   difference and no call, if one of them must not change in a run (network, batch, grain,
   seed, optimizer). */
enum status config_compare(const struct config *then, const struct config *now,
                           void (*show)(const char *line)) MUST_CHECK;

/* Calls show("train.batch=64") for each key that is not at its default. */
void config_show_changed(const struct config *config, void (*show)(const char *line));

/* The help of key `i`; returns false after the last one. Pointers to static text. */
struct config_key_help {
    const char *section, *name, *initial, *help;
    char range[CONFIG_RANGE]; /* "a whole number from 1 to 65536" */
};
bool config_describe_key(int i, struct config_key_help *key);

/* The value of key `i` as text, NULL for layers and groups; and the groups, as in
   config_text. The caller frees both. */
char *config_key_text(const struct config *config, int i);
char *config_groups_text(const struct config *config);

#endif
