/*
 * share: what a team member computes of (images, rows, channels) of a result, by the
 * team's split, image by image:
 *
 *   struct share share = share_begin(team, &extent, 16);
 *   while (share_next(&share))
 *       kernel(share.image, share.rows, share.channels);
 *
 * - batch: some images
 *
 * - channel: some channels of every image
 *
 * - spatial: some rows of every image
 *
 * - hybrid and all others: a contiguous range of the list of all images' panels
 */
#ifndef LOCKSTEP_KERNELS_SHARE_H
#define LOCKSTEP_KERNELS_SHARE_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/team.h"

struct share_extent {
    int images, rows, channels;
};

struct share {
    int image;
    struct span rows, channels;
    struct share_extent extent;
    int width;          /* channels in a panel */
    struct span panels; /* this member's, of each image */
    struct span left;   /* not yet returned, in the list of all images' panels */
};

/* Channels are cut into panels of `width`: a cache line of floats, or what the kernel
   computes at once. */
struct share share_begin(const struct team *team, const struct share_extent *extent,
                         int width);
bool share_next(struct share *share);

/* This member's items of `count`, in whole panels of `width`. */
struct span share_panels(const struct team *team, int count, int width);

#endif
