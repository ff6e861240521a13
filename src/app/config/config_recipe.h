/*
 * config_recipe: augment.recipe, a name for settings of all other keys of [augment].
 *
 * A key that the user gives keeps its value, before or after the recipe. In a config with
 * a recipe a key with the recipe's own value counts as the recipe's: so the stored text
 * of a run, which has all keys, is read back as the recipe and the exceptions from it.
 */
#ifndef LOCKSTEP_APP_CONFIG_RECIPE_H
#define LOCKSTEP_APP_CONFIG_RECIPE_H

#include "app/config/config.h"
#include "config_keys.h"

/* A key of the table was just set; before: the recipe until then. */
void config_recipe_follow(struct config *config, const struct config_key *key,
                          int before);

/* A config was read to its end; has_recipe: augment.recipe is in it. */
void config_recipe_end(struct config *config, bool has_recipe);

#endif
