/*
 * limits: sizes that several modules must agree on.
 */
#ifndef LOCKSTEP_BASE_LIMITS_H
#define LOCKSTEP_BASE_LIMITS_H

/* Layers of a network. Where a file format or a packed word depends on it, a static
   assertion stands beside; arrays are as long as the network at hand. */
#define MODEL_LAYERS 512

#endif
