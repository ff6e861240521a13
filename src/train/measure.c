/* measure: steps that are no part of a run, without log, evaluations and checkpoints. */
#include <math.h>

#include "comm/comm.h"
#include "diagnose.h"
#include "trainer_impl.h"

static const struct step_flags measure_on = {.stop = false};

enum status trainer_time_steps(struct trainer *trainer, int count, bool forward,
                               double *seconds)
{
    struct comm *comm = trainer->run.setup.comm;
    comm_barrier(comm);
    double begin = timer_now();
    for (int i = 0; i < count; i++, trainer->run.progress.step++) {
        struct train_step step;
        if (forward)
            TRY(stepper_forward(&trainer->stepper, &step));
        else
            TRY(stepper_step(&trainer->stepper, measure_on, &step));
        if (step.bad)
            FAIL(ST_FAIL, "the numbers went bad while they were timed");
    }
    comm_barrier(comm);
    *seconds = timer_now() - begin;
    return ST_OK;
}

enum status trainer_try_rate(struct trainer *trainer, double rate, double *loss)
{
    struct stepper *stepper = &trainer->stepper;
    struct train_step step;
    stepper->rate = &rate;
    enum status st = stepper_step(stepper, measure_on, &step);
    stepper->rate = NULL;
    TRY(st);
    TRY(diagnose_images(stepper, &step));
    trainer->run.progress.step++;
    *loss = step.bad ? (double)NAN : step.loss / (double)step.batch.grains.samples;
    return ST_OK;
}
