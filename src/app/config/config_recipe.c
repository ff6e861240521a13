#include "config_recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "config_value.h"

/* The table of docs/data.md#recipes. Keys that are missing, and values that are NULL, are
   at their defaults. */
/* clang-format off */
static const struct recipe_row {
    const char *key;
    const char *value[CONFIG_RECIPES];
} recipe_rows[] = {
    /*               none   light     standard  strong    ink */
    {"flip",         {NULL, "random", "random", "random", NULL}},
    {"resized_crop", {NULL, "0.8",    "0.5",    "0.5",    NULL}},
    {"brightness",   {NULL, NULL,     "0.2",    "0.2",    NULL}},
    {"contrast",     {NULL, NULL,     "0.2",    "0.2",    NULL}},
    {"saturation",   {NULL, NULL,     "0.2",    "0.2",    NULL}},
    {"randaugment",  {NULL, NULL,     NULL,     "2",      NULL}},
    {"magnitude",    {NULL, NULL,     NULL,     "5",      NULL}},
    {"erase",        {NULL, NULL,     NULL,     "0.25",   NULL}},
    {"shift",        {NULL, NULL,     NULL,     NULL,     "5%"}},
    {"rotate",       {NULL, NULL,     NULL,     NULL,     "8"}},
    {"scale",        {NULL, NULL,     NULL,     NULL,     "0.1"}},
    {"shear",        {NULL, NULL,     NULL,     NULL,     "0.1"}},
    {"elastic",      {NULL, NULL,     NULL,     NULL,     "1.5"}},
};
/* clang-format on */

static bool recipe_concerns(const struct config_key *key)
{
    return strcmp(key->section, "augment") == 0;
}

/* The bit of a key of [augment]; 0: it is the recipe itself, or in another section. */
static uint32_t recipe_bit(const struct config_key *key)
{
    const struct config_key *first = key;
    while (recipe_concerns(key) && strcmp(first->name, "recipe") != 0)
        first--;
    if (first == key)
        return 0;
    ASSERT(key - first < 32); /* bits of struct config_recipe */
    return (uint32_t)1 << (key - first);
}

/* What a recipe says of a key. */
static const char *recipe_value(int recipe, const struct config_key *key)
{
    const char *value = NULL;
    for (size_t i = 0; i < sizeof recipe_rows / sizeof recipe_rows[0]; i++)
        if (strcmp(recipe_rows[i].key, key->name) == 0)
            value = recipe_rows[i].value[recipe];
    return value ? value : key->initial;
}

static void recipe_apply(struct config *config)
{
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        uint32_t bit = recipe_bit(key);
        if (bit && !(config->recipe.given & bit))
            ASSERT(config_value_assign(config, key,
                                       recipe_value(config->recipe.name, key), ""));
    }
}

/* Without any recipe, before and now, nothing changes. */
void config_recipe_follow(struct config *config, const struct config_key *key, int before)
{
    struct config_recipe *recipe = &config->recipe;
    uint32_t bit = recipe_bit(key);
    recipe->given |= bit;
    recipe->given_in_config &= ~bit;
    if (recipe_concerns(key) && !bit &&
        (before != CONFIG_RECIPE_NONE || recipe->name != CONFIG_RECIPE_NONE))
        recipe_apply(config);
}

/* Does the key have the value that the recipe gives it? */
static bool recipe_agrees(const struct config *config, const struct config_key *key)
{
    char value[CONFIG_VALUE];
    config_value_text(config, key, 0, value);
    return strcmp(value, recipe_value(config->recipe.name, key)) == 0;
}

void config_recipe_end(struct config *config, bool has_recipe)
{
    struct config_recipe *recipe = &config->recipe;
    for (int i = 0; i < config_key_count && has_recipe; i++) {
        uint32_t bit = recipe_bit(&config_keys[i]);
        if (bit && recipe_agrees(config, &config_keys[i]))
            recipe->given &= ~bit;
    }
    recipe->given_in_config = recipe->name == CONFIG_RECIPE_NONE ? recipe->given : 0;
}

void config_recipe_replaces(struct config *config)
{
    config->recipe.given = config->recipe.given_in_config = 0;
}

void config_note_recipe(const struct config *config, const char *name)
{
    const struct config_recipe *recipe = &config->recipe;
    char *list = mem_strdup("");
    for (int i = 0; i < config_key_count; i++) {
        const struct config_key *key = &config_keys[i];
        char value[CONFIG_VALUE];
        if (!(recipe->given_in_config & recipe_bit(key)) || recipe_agrees(config, key))
            continue;
        config_value_text(config, key, 0, value);
        mem_append(&list, "%s%s = %s", *list ? ", " : "", key->name, value);
    }
    if (*list && recipe->name != CONFIG_RECIPE_NONE)
        log_note("augment.recipe = %s leaves what '%s' says: %s",
                 config_recipe_words[recipe->name], name, list);
    free(list);
}
