/*
 * mix: the training images of a grain are mixed in pairs. Image i and image j = n - 1 - i
 * of a grain of n are a pair, as in timm's Mixup; the middle one of an odd grain stays as
 * it is. With l from Beta(A, A):
 *
 *   mixup: x_i' = l x_i + (1 - l) x_j, and x_j' = l x_j + (1 - l) x_i (H. Zhang et al.,
 *   "mixup: Beyond empirical risk minimization", ICLR 2018).
 *
 *   cutmix: a box of sides sqrt(1 - l) times the image's, about a uniform centre, clipped
 *   to the image, is exchanged; then l is the share of the area that stays (S. Yun et
 *   al., "CutMix: Regularization strategy to train strong classifiers with localizable
 *   features", ICCV 2019, appendix A; whole pixels as in its authors' program).
 *
 * With both, each pair is mixed by one or the other, with probability 1/2. The target of
 * a mixed image is its own class with share l and the other's with 1 - l, each with the
 * weight of the image that it comes from. The draws of a pair are a function of (seed,
 * epoch, position of image i): of each rank, team and stage.
 */
#ifndef LOCKSTEP_TRAIN_MIX_H
#define LOCKSTEP_TRAIN_MIX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/shape.h"
#include "kernels/team.h"
#include "nn/loss.h"

struct mix {
    double mixup, cutmix; /* A; 0: off */
    uint64_t seed;
    struct shape shape; /* of an image */
};

bool mix_enabled(const struct mix *mix);

/* How a pair is mixed. */
struct mix_draw {
    float share;                  /* l */
    bool box;                     /* of rows [top, bottom), columns [left, right) */
    int top, left, bottom, right; /* may be empty: share is 1 */
};

/* position: in the epoch's order, of the pair's first image. */
struct mix_draw mix_draw(const struct mix *mix, uint32_t epoch, uint64_t position);

/* Which grain it is: n samples from position `first` of the epoch's order on. */
struct mix_grain {
    uint32_t epoch;
    uint64_t first;
    int n;
};

/* In place, by all members of the team, each of which takes some pairs. x: (n, shape), or
   NULL: another stage has the images. target: (n), with nothing mixed in. The caller
   waits for the team before and after. */
void mix_images(const struct mix *mix, const struct team *team,
                const struct mix_grain *grain, float *x, struct target *target);

#endif
