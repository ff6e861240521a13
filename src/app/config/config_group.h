/* config_group: the sections [group NAME], tensors with a rate and a decay of their
   own. */
#ifndef LOCKSTEP_APP_CONFIG_GROUP_H
#define LOCKSTEP_APP_CONFIG_GROUP_H

#include "app/config/config.h"

/* NAME of a section "group NAME"; NULL: it is another one. */
const char *config_group_name(const char *section);

/* "[group NAME]" in a file: a new group, or ST_USAGE if there is one of this name. */
enum status config_begin_group(struct config *config, const char *name,
                               const char *where) MUST_CHECK;

/* The index of a key of the sections; -1: unknown. */
#define CONFIG_GROUP_KEYS 6
int config_group_key(const char *name);
/* The key as config_describe_key shows it; i < CONFIG_GROUP_KEYS. */
void config_describe_group_key(int i, struct config_key_help *help);

/* An assignment; a group that is not there yet is made, as --set may do. */
enum status config_set_group_key(struct config *config, const char *group,
                                 const char *name, const char *value,
                                 const char *where) MUST_CHECK;

/* The sections as INI text, behind *text. */
void config_append_groups(char **text, const struct param_groups *groups);

/* Calls show("group head.lr 10 -> 5") for each difference. */
void config_compare_groups(const struct param_groups *then,
                           const struct param_groups *now,
                           void (*show)(const char *line));

/* Calls show("group head.lr=10") for each key that is not at its default. */
void config_show_groups(const struct param_groups *groups,
                        void (*show)(const char *line));

#endif
