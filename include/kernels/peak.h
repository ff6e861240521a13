/*
 * peak: the highest speed of one core of this machine, measured by the CPU time of
 * a thread, to compare kernels with.
 */
#ifndef LOCKSTEP_KERNELS_PEAK_H
#define LOCKSTEP_KERNELS_PEAK_H

/* FLOP/s of fused multiply-adds on registers, in the instruction set in use. */
double peak_registers(void);

/* FLOP/s of a large square sgemm (1024), one thread. */
double peak_sgemm(void);

#endif
