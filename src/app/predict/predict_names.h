/*
 * predict_names: the names of pictures in blocks, some of which were answered before.
 */
#ifndef LOCKSTEP_APP_PREDICT_PREDICT_NAMES_H
#define LOCKSTEP_APP_PREDICT_PREDICT_NAMES_H

#include <stdbool.h>

#include "app/run/picture_names.h"

/* On rank 0. */
struct predict_names {
    struct picture_names source;
    char **returned; /* owned: (returned_count) names that come again, from next on */
    int returned_count, next;
    bool any; /* there was a name */
};

/* The next one, which the caller frees; NULL after the last one. */
enum status predict_names_next(struct predict_names *names, char **name) MUST_CHECK;

/* Takes over the array, of mem_zeroed, and the names: they come first. Once. */
void predict_names_return(struct predict_names *names, char **name, int count);

void predict_names_close(struct predict_names *names);

#endif
