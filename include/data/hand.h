/*
 * hand: writes a letter form as an unsteady hand does. Knots are displaced; strokes are
 * misplaced, shortened, lengthened, joined or hooked at their ends; the proportions of
 * ascenders and bodies vary; the line is rough and may have a gap.
 */
#ifndef LOCKSTEP_DATA_HAND_H
#define LOCKSTEP_DATA_HAND_H

#include "base/rng.h"
#include "data/glyphs.h"
#include "data/ink.h"

/* Replaces the content of ink by the form. Units are the form's (see glyphs.h); the pen's
   radius is 1. */
void hand_write(struct rng *rng, const struct glyph *form, struct ink *ink);

/* 1 with the given probability, else 0. */
int hand_chance(struct rng *rng, float probability);

/* Bell-shaped, mean 0, variance 1, absolute value below 3.5. (rng_normal uses libm, whose
   last bits differ between machines.) */
float hand_bell(struct rng *rng);

#endif
