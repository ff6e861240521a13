/*
 * timer: monotonic seconds, and where a run's time went, phase by phase.
 */
#ifndef LOCKSTEP_BASE_TIMER_H
#define LOCKSTEP_BASE_TIMER_H

enum phase {
    PHASE_LOAD,      /* making the network's input of images */
    PHASE_LOAD_WAIT, /* for images that must be read */
    PHASE_FORWARD,
    PHASE_BACKWARD,
    PHASE_STAGE, /* waiting for other stages of the pipeline */
    PHASE_REDUCE,
    PHASE_UPDATE,
    PHASE_CHECKPOINT,
    PHASE_EVALUATE,
    PHASE_REST, /* all that the others do not name: filled in by phases_close */
    PHASE_COUNT
};

extern const char *const phase_name[PHASE_COUNT];

struct phases {
    double seconds[PHASE_COUNT];
};

/* The median of values[0 .. count), which are sorted in place; count >= 1. */
double timer_median(double *values, int count);

/* Seconds on a monotonic clock with an arbitrary zero. */
double timer_now(void);

/* Add to `phase` the time since `since` and return now. A span of the trace, too. */
double phases_add(struct phases *phases, enum phase phase, double since);

/* Of the seconds added to `from`, so many belong to `to`. */
void phases_move(struct phases *phases, enum phase from, enum phase to, double seconds);

/* Set PHASE_REST so that the phases sum to `wall` seconds. */
void phases_close(struct phases *phases, double wall);

#endif
