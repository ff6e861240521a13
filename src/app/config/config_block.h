/* config_block: the sections [block NAME], whose lines the network's lines stand for. */
#ifndef LOCKSTEP_APP_CONFIG_BLOCK_H
#define LOCKSTEP_APP_CONFIG_BLOCK_H

#include "app/config/config.h"

/* NAME of a section "block NAME"; NULL: it is another one. */
const char *config_block_name(const char *section);

/* An assignment in the latest block. */
enum status config_set_block_key(struct config *config, const char *name,
                                 const char *value, const char *where) MUST_CHECK;

/* The sections as INI text, behind *text. */
void config_append_blocks(char **text, const struct model_spec *spec);

/* ST_USAGE if the blocks differ. */
enum status config_compare_blocks(const struct model_spec *then,
                                  const struct model_spec *now) MUST_CHECK;

#endif
