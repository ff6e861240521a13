/*
 * hand: a letter form as an unsteady hand writes it. Knots stray, strokes are misplaced,
 * cut short, overshot, joined or hooked at their ends, the proportions of ascenders and
 * bodies vary, the line is rough, and the pen may leave the paper for a moment.
 */
#ifndef LOCKSTEP_DATA_HAND_H
#define LOCKSTEP_DATA_HAND_H

#include "base/rng.h"
#include "data/glyphs.h"
#include "data/ink.h"

/* Write the form into ink, what was there is lost. Units are the form's (see glyphs.h);
   the pen's radius is left at 1. */
void hand_write(struct rng *rng, const struct glyph *form, struct ink *ink);

/* True with the given probability. */
int hand_chance(struct rng *rng, float probability);

/* Bell-shaped, mean 0, variance 1, never beyond 3.5: rng_normal needs libm, whose last
   bits differ from machine to machine. */
float hand_bell(struct rng *rng);

#endif
