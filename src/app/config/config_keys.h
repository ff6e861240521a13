/* config_keys: the table of config keys. */
#ifndef LOCKSTEP_APP_CONFIG_KEYS_H
#define LOCKSTEP_APP_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

enum key_kind {
    KEY_INT,
    KEY_LONG,
    KEY_U64,
    KEY_REAL,
    KEY_BOOL,
    KEY_TEXT,
    KEY_SIZE,   /* two ints, height and width; 0, 0: empty */
    KEY_LENGTH, /* two reals, pixels and a share of a side ("7%"), one of which is 0 */
    KEY_WORD,
    KEY_LAYERS
};

struct config_key {
    const char *section, *name;
    enum key_kind kind;
    bool fixed;    /* must not change in a run */
    size_t offset; /* of the field in struct config */
    double lo, hi; /* numbers: the range, inclusive */
    const char *initial;
    const char *help;
    const char *const *words; /* KEY_WORD: the value is an index into this */
};

/* augment.recipe (config_recipe.h). */
enum {
    CONFIG_RECIPE_NONE,
    CONFIG_RECIPE_LIGHT,
    CONFIG_RECIPE_STANDARD,
    CONFIG_RECIPE_STRONG,
    CONFIG_RECIPE_INK,
    CONFIG_RECIPES
};
extern const char *const config_recipe_words[];

#define CONFIG_SIDE     4096 /* pixels of an image, at most */
#define CONFIG_KEYS_MAX 128
extern const struct config_key config_keys[];
extern const int config_key_count;

/* NAME of a section "WORD NAME", "" if it is missing; NULL: another section. */
const char *config_section_name(const char *section, const char *word);

/* "[section]" or "[section NAME]" behind *text, after an empty line. */
void config_append_heading(char **text, const char *section, const char *name);

struct config;

/* ST_USAGE if no key is in the section; not for "block NAME" and "group NAME". */
enum status config_check_section(const char *section, const char *where) MUST_CHECK;

/* One assignment. where: "x.conf:3", for messages. In a section "block NAME" the latest
   block of the config gets it. */
enum status config_set_key(struct config *config, const char *section, const char *name,
                           const char *value, const char *where) MUST_CHECK;

#endif
