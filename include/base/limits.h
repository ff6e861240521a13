/*
 * limits: sizes that several modules must agree on.
 */
#ifndef LOCKSTEP_BASE_LIMITS_H
#define LOCKSTEP_BASE_LIMITS_H

/* Layers of a network. Types that are copied or broadcast as plain data have arrays of
   this length, 1 to 4 KB each: struct split_plan, model_cut, stages and scaling; the
   layer names of base/where.h take 32 KB. All other arrays are as long as the network at
   hand. Where a file format or a packed word depends on it, there is a static
   assertion. */
#define MODEL_LAYERS 512

#endif
