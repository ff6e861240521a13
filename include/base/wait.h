/*
 * wait: how one thread of the process waits for another.
 *
 * It spins for a short time and then sleeps in the kernel (futex) until it is woken. A
 * thread that sleeps leaves its CPU to the one it waits for, to other ranks and to other
 * users. A thread that spins goes on sooner: a wake-up takes some 5 to 100 microseconds.
 */
#ifndef LOCKSTEP_BASE_WAIT_H
#define LOCKSTEP_BASE_WAIT_H

#include <stdatomic.h>
#include <stdint.h>

/* A number that threads wait on; zero-initialised. Nobody may free it while a thread is
   inside wait_while or wait_change. */
struct wait_word {
    _Atomic uint32_t value;
    _Atomic uint32_t sleepers; /* threads that wait_change must wake */
};

/* Returns the value as soon as it is not `value`, and sees all that was written before
   the wait_change that made it so. */
uint32_t wait_while(struct wait_word *word, uint32_t value);

/* Sets the value and wakes all who wait for that. */
void wait_change(struct wait_word *word, uint32_t value);

/* A loop that asks again and again for what nobody announces, such as a message of
   another process. Zero at the start of each wait. */
struct wait_turns {
    int vain; /* turns so far */
};

/* Call after each turn in vain. At first it returns at once. Then it offers the CPU to
   others (sched_yield). Where others want it, which shows by the time that this takes and
   by how often the kernel took the CPU away, it sleeps for some 50 microseconds at a time
   instead: a thread that slept gets the CPU back sooner than one that offered it. */
void wait_turn(struct wait_turns *turns);

/* A waiting thread spins for this long before it sleeps. At first it is what
   OMP_WAIT_POLICY asks for: passive, 0; active, WAIT_ACTIVE; else WAIT_BRIEF. Less than
   0: that policy is read again. */
#define WAIT_BRIEF  200e-6
#define WAIT_ACTIVE 1.0
void wait_set_spin(double seconds);
double wait_spin(void);

/* Tells the CPU that this is a loop that only waits. */
static inline void wait_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb");
#endif
}

#endif
