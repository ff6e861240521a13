#include "base/wait.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/timer.h"

#define WAIT_LOOKS   16     /* between two looks at the clock */
#define WAIT_LEAST   1e-6   /* seconds */
#define WAIT_VAIN    200    /* turns before the CPU is offered to others */
#define WAIT_CROWDED 20     /* the same, if others want it */
#define WAIT_NAP     50e-6  /* seconds */
#define WAIT_LATE    150e-6 /* seconds: something else ran for so long */
#define WAIT_PROMPT  64     /* naps in time, after which it may not be crowded any more */

/* Nanoseconds; less than 0: not yet known. */
static _Atomic int64_t wait_spin_ns = -1;

void wait_set_spin(double seconds)
{
    atomic_store_explicit(&wait_spin_ns, (int64_t)(seconds * 1e9), memory_order_relaxed);
}

static double wait_policy(void)
{
    const char *policy = getenv("OMP_WAIT_POLICY");
    if (policy && strcasecmp(policy, "passive") == 0)
        return 0;
    return policy && strcasecmp(policy, "active") == 0 ? WAIT_ACTIVE : WAIT_BRIEF;
}

double wait_spin(void)
{
    int64_t ns = atomic_load_explicit(&wait_spin_ns, memory_order_relaxed);
    if (ns < 0) {
        wait_set_spin(wait_policy());
        ns = atomic_load_explicit(&wait_spin_ns, memory_order_relaxed);
    }
    return (double)ns / 1e9;
}

static uint32_t wait_read(struct wait_word *word)
{
    return atomic_load_explicit(&word->value, memory_order_acquire);
}

/* How long this thread spins the next time: half as long after it spun in vain, twice as
   long after it did not. So it spins where the other runs at the same time, and hardly
   where that one has to wait for a CPU. Starts at the most. */
static _Thread_local double wait_patience = WAIT_ACTIVE;

/* Time counts, not turns: a pause takes from 2 to 200 cycles, and a thread that lost its
   CPU while it was spinning has spun enough. */
static uint32_t wait_spinning(struct wait_word *word, uint32_t value)
{
    double most = wait_spin(), end = 0;
    double patience = wait_patience < most ? wait_patience : most;
    while (most > 0) {
        for (int i = 0; i < WAIT_LOOKS; i++) {
            uint32_t now = wait_read(word);
            if (now != value) {
                wait_patience = 2 * patience;
                return now;
            }
            wait_pause();
        }
        double now = timer_now();
        if (end == 0)
            end = now + patience;
        else if (now > end)
            break;
    }
    wait_patience = patience > 2 * WAIT_LEAST ? patience / 2 : WAIT_LEAST;
    return wait_read(word);
}

/* A sleeper announces itself and then looks at the value; a waker sets the value and then
   looks for sleepers. All four in one order (seq_cst): one of the two sees the other. */
uint32_t wait_while(struct wait_word *word, uint32_t value)
{
    uint32_t now = wait_spinning(word, value);
    if (now != value)
        return now;
    atomic_fetch_add(&word->sleepers, 1);
    while ((now = atomic_load(&word->value)) == value)
        syscall(SYS_futex, &word->value, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
    atomic_fetch_sub(&word->sleepers, 1);
    return now;
}

void wait_change(struct wait_word *word, uint32_t value)
{
    atomic_store(&word->value, value);
    if (atomic_load(&word->sleepers) > 0)
        syscall(SYS_futex, &word->value, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* --- waiting for what nobody announces --- */

/* Do others want this thread's CPU, and how many naps have ended in time since? */
static _Thread_local bool wait_crowded;
static _Thread_local int wait_prompt;

/* Has the kernel given the CPU to another thread since the last call? */
static bool wait_preempted(void)
{
    static _Thread_local long before;
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0 || usage.ru_nivcsw == before)
        return false;
    before = usage.ru_nivcsw;
    return true;
}

static void wait_nap(void)
{
    const struct timespec nap = {.tv_nsec = (long)(WAIT_NAP * 1e9)};
    nanosleep(&nap, NULL);
}

void wait_turn(struct wait_turns *turns)
{
    bool crowded = wait_crowded || wait_spin() <= 0;
    if (++turns->vain <= (crowded ? WAIT_CROWDED : WAIT_VAIN))
        return;
    if (wait_spin() >= WAIT_ACTIVE)
        return;
    crowded = wait_preempted() || crowded;
    double begin = timer_now();
    if (crowded)
        wait_nap();
    else
        sched_yield();
    bool late = timer_now() - begin > WAIT_LATE + (crowded ? WAIT_NAP : 0);
    wait_prompt = late ? 0 : wait_prompt + 1;
    wait_crowded = late || (crowded && wait_prompt < WAIT_PROMPT);
}
