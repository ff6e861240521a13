/* config_value: the value of a key as text, from text, and what it may be. */
#ifndef LOCKSTEP_APP_CONFIG_VALUE_H
#define LOCKSTEP_APP_CONFIG_VALUE_H

#include "app/config/config.h"
#include "base/fs.h"
#include "config_keys.h"

#define CONFIG_VALUE (FS_PATH + 64) /* bytes of a value as text */

/* How many values the key has: that of layers the number of lines, others 1. */
int config_value_count(const struct config *config, const struct config_key *key);

/* The value as text; of layers that of line `i`. */
void config_value_text(const struct config *config, const struct config_key *key, int i,
                       char text[CONFIG_VALUE]);

/* "a whole number from 1 to 65536". */
void config_value_range(const struct config_key *key, char text[CONFIG_RANGE]);

/* Returns false if the text is not a value of this key. where: of a layer's line. */
bool config_value_assign(struct config *config, const struct config_key *key,
                         const char *value, const char *where);

#endif
