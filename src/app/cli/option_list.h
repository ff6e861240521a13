/*
 * option_list: an option whose value is a list of numbers: "1,2,4".
 */
#ifndef LOCKSTEP_APP_OPTION_LIST_H
#define LOCKSTEP_APP_OPTION_LIST_H

#include "base/status.h"

#define OPTION_LIST 16

struct option_list {
    int count, value[OPTION_LIST];
};

/* Numbers from 1; option: its name without "--", for the message. */
enum status option_list_read(const char *option, const char *text,
                             struct option_list *list) MUST_CHECK;

#endif
