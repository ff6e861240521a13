/*
 * check_pictures: pictures on which an exported network is checked.
 */
#ifndef LOCKSTEP_APP_EXPORT_CHECK_PICTURES_H
#define LOCKSTEP_APP_EXPORT_CHECK_PICTURES_H

#include "app/run/network.h"

/* At most `count` of the images on which the training chose, evenly from all of them, or
   random ones: pixels (count, h, w, c) of network->info.shape. Returns how many; *what,
   which the caller frees, says which. A note says why if they are random. */
int check_pictures(const struct network *network, int count, uint8_t *pixels,
                   char **what);

#endif
