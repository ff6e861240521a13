/*
 * share: which part of (images, rows, channels) of a result is a member's, by the team's
 * split, image by image:
 *
 *   struct share share = share_begin(team, &extent, 16);
 *   while (share_next(&share))
 *       kernel(share.image, share.rows, share.channels);
 *
 * Batch: some images. Channel: of every image some channels. Spatial: of every image some
 * rows. All else, hybrid: a stretch of the list of all images' channels.
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
    int width;          /* channels of a panel */
    struct span panels; /* of each image */
    struct span left;   /* of all these panels */
};

/* Channels are cut into panels of `width`: a cache line of floats, or what the kernel
   takes at once. */
struct share share_begin(const struct team *team, const struct share_extent *extent,
                         int width);
bool share_next(struct share *share);

/* The member's part of `count` things in whole pieces of `width`. */
struct span share_pieces(const struct team *team, int count, int width);

#endif
