/*
 * config: one table of keys is the parser of config files and --set, the help, the
 * printed effective config and what a checkpoint stores.
 *
 * A config is INI text: sections data, model, train, ...; one "layer = conv 32 kernel=3"
 * line a layer. Strict: unknown, misplaced, repeated or out-of-range keys are refused
 * with file, line and a "did you mean".
 */
#ifndef LOCKSTEP_APP_CONFIG_CONFIG_H
#define LOCKSTEP_APP_CONFIG_CONFIG_H

#include <stdbool.h>

#include "base/status.h"
#include "nn/model.h"
#include "train/options.h"

#define CONFIG_RANGE 256 /* bytes of a description of the values of a key */

struct data_options {
    char *file;    /* owned; "" when not given */
    int memory_mb; /* images are kept in memory up to this, per node; 0: half of it */
};

struct config {
    struct data_options data;
    struct model_spec model;
    struct run_options run;
};

/* Every key at its default, no layers. */
void config_init(struct config *config);
void config_release(struct config *config);

/* A file's text, to be handed to config_parse; the caller frees. */
enum status config_load(const char *path, char **text, size_t *bytes) MUST_CHECK;

/* From a file; or from text, called `name` in messages. */
enum status config_read(struct config *config, const char *path) MUST_CHECK;
enum status config_parse(struct config *config, const char *text,
                         const char *name) MUST_CHECK;

/* "train.batch=64", as --set gives it. */
enum status config_set(struct config *config, const char *assignment) MUST_CHECK;

/* What no single key can know: is there a network, is there a data set? */
enum status config_check(const struct config *config, const char *name) MUST_CHECK;

/* The whole effective config as INI text that config_parse reads back; caller frees. */
char *config_text(const struct config *config);

/* Keys that differ, as "train.epochs 3 -> 5" a line, printed by show(); returns
   ST_USAGE, with the first difference named, if one of them must not change in a run
   (network, batch, grain, seed, optimizer). */
enum status config_compare(const struct config *then, const struct config *now,
                           void (*show)(const char *line)) MUST_CHECK;

/* The non-default keys, one per show() call: "train.batch=64". */
void config_show_changed(const struct config *config, void (*show)(const char *line));

/* What the help says about key `i`; false: there are no more. Pointers to static text. */
struct config_key_help {
    const char *section, *name, *initial, *help;
    char range[CONFIG_RANGE]; /* "a whole number from 1 to 65536" */
};
bool config_describe_key(int i, struct config_key_help *key);

#endif
