/*
 * synth: synthetic handwritten letters: stroke skeletons, distorted and drawn. The same
 * seed gives the same bytes on any machine: only + - * / sqrt on IEEE floats (no libm, no
 * contraction), and all random numbers from Philox streams named by (split, image).
 */
#ifndef LOCKSTEP_DATA_SYNTH_H
#define LOCKSTEP_DATA_SYNTH_H

#include <stdint.h>

#define SYNTH_SIZE    28 /* pixels, both ways */
#define SYNTH_CLASSES 26 /* A..Z, upper and lower case in one class */

/* Draws image number `index` of split 0 (train) or 1 (test): pixels (28, 28), ink 255 on
   background 0. Returns its class, index % 26. Thread-safe. */
int synth_draw(uint64_t seed, int split, uint64_t index,
               uint8_t pixels[SYNTH_SIZE * SYNTH_SIZE]);

#endif
