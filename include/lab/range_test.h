/*
 * range_test: the learning rate range test: L. N. Smith, "Cyclical learning rates for
 * training neural networks", WACV 2017, section 3.3, with rates that grow by a constant
 * factor from step to step, as fastai has it.
 *
 *   rate(i)     from (to / from)^(i / (steps - 1)), i = 0 .. steps - 1
 *   smooth(i)   the straight line over i that fits the losses of the steps within
 *               `reach` of i best (least squares), at i; its slope is slope(i)
 *   least       the i of the smallest smooth(i)
 *   steepest    the i <= least of the smallest slope(i): its rate is suggested
 *
 * The test ends early when the numbers go bad, or when the mean loss of the latest
 * `reach` steps is RANGE_TEST_RISE times the smallest such mean. There is no suggestion
 * if the loss falls, from the first step to the least, by less than RANGE_TEST_CLEAR
 * times the median distance of the losses from their smooth values, or by less than
 * RANGE_TEST_FALL of itself.
 */
#ifndef LOCKSTEP_LAB_RANGE_TEST_H
#define LOCKSTEP_LAB_RANGE_TEST_H

#include <stdbool.h>

#include "base/status.h"

struct trainer;

#define RANGE_TEST_LEAST 20 /* steps */
#define RANGE_TEST_MOST  100000
#define RANGE_TEST_RISE  4.0
#define RANGE_TEST_CLEAR 4.0
#define RANGE_TEST_FALL  0.01

enum range_test_end {
    RANGE_TEST_DONE, /* all steps */
    RANGE_TEST_ROSE, /* the loss rose too far */
    RANGE_TEST_BAD   /* the loss or the gradient was not finite */
};

struct range_test {
    double from, to;
    int steps, reach;
    int count;                    /* steps that were done, with a finite loss */
    double *rate, *loss, *smooth; /* owned: (steps); smooth is set by the end */
    double mean;                  /* the smallest one of the latest losses */
    enum range_test_end end;
    int least, steepest; /* steepest -1: no suggestion */
};

void range_test_init(struct range_test *test, double from, double to, int steps);
void range_test_release(struct range_test *test);

/* Collective. All of it; the trainer has been started. */
enum status range_test_run(struct range_test *test, struct trainer *trainer) MUST_CHECK;

/* --- its parts --- */

/* The loss of the next step. Returns false if it was the last one. */
bool range_test_add(struct range_test *test, double loss);
/* Smooths, and chooses. */
void range_test_finish(struct range_test *test);

#endif
