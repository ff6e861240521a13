/*
 * timer: monotonic seconds, and the time that a run spends in each phase.
 */
#ifndef LOCKSTEP_BASE_TIMER_H
#define LOCKSTEP_BASE_TIMER_H

enum phase {
    PHASE_LOAD,      /* turning images into the network's input */
    PHASE_LOAD_WAIT, /* waiting for images to be read */
    PHASE_FORWARD,
    PHASE_BACKWARD,
    PHASE_STAGE, /* waiting for other pipeline stages */
    PHASE_REDUCE,
    PHASE_UPDATE,
    PHASE_CHECKPOINT,
    PHASE_EVALUATE,
    PHASE_REST, /* everything else: set by phases_close */
    PHASE_COUNT
};

extern const char *const phase_name[PHASE_COUNT];

struct phases {
    double seconds[PHASE_COUNT];
};

/* The median of values[0..count); sorts them in place. The upper one of two if count is
   even; count >= 1. */
double timer_median(double *values, int count);

/* Seconds on a monotonic clock with an arbitrary origin. */
double timer_now(void);

/* Seconds of CPU time of the calling thread: does not run while others have the CPU. */
double timer_thread(void);

/* The same of all threads of this process together. */
double timer_process(void);

/* Adds the time since `since` to `phase`, records it as a span of the trace, and returns
   the present time. */
double phases_add(struct phases *phases, enum phase phase, double since);

/* How long something takes, for people: "42 s", or from 100 s on "0:05:12"; "-" if it is
   not known (not finite). */
#define TIMER_TEXT 32
void timer_text(double seconds, char text[TIMER_TEXT]);

/* Books `seconds` of `from` under `to` instead. */
void phases_move(struct phases *phases, enum phase from, enum phase to, double seconds);

/* Sets PHASE_REST so that the phases sum to `wall` seconds. */
void phases_close(struct phases *phases, double wall);

#endif
