#include "sink.h"

#include "comm/comm.h"

/* In the order in which they are told. */
static const struct sink_ops *const sink_table[SINKS] = {
    &sink_text, &sink_progress, &sink_json, &sink_tensorboard, &sink_mlperf,
};

/* Calls a member of each open sink that has it. */
#define SINKS_TELL(sinks, member, ...)                 \
    for (int i = 0; i < SINKS; i++)                    \
        if ((sinks)->self[i] && sink_table[i]->member) \
    sink_table[i]->member((sinks)->self[i], __VA_ARGS__)

void sinks_open(struct sinks *sinks, const struct train_run *run)
{
    if (comm_rank(run->setup.comm) != 0)
        return;
    for (int i = 0; i < SINKS; i++)
        sinks->self[i] = sink_table[i]->open(run);
}

void sinks_step(struct sinks *sinks, const struct train_run *run,
                const struct sink_step *event)
{
    SINKS_TELL(sinks, step, run, event);
}

void sinks_interval(struct sinks *sinks, const struct train_run *run,
                    const struct sink_interval *event)
{
    SINKS_TELL(sinks, interval, run, event);
}

void sinks_evaluating(struct sinks *sinks, const struct train_run *run)
{
    SINKS_TELL(sinks, evaluating, run);
}

void sinks_evaluation(struct sinks *sinks, const struct train_run *run,
                      const struct sink_evaluation *event)
{
    SINKS_TELL(sinks, evaluation, run, event);
}

void sinks_end(struct sinks *sinks, const struct train_run *run,
               const struct sink_end *event)
{
    SINKS_TELL(sinks, end, run, event);
}

void sinks_close(struct sinks *sinks)
{
    for (int i = 0; i < SINKS; i++) {
        if (sinks->self[i] && sink_table[i]->close)
            sink_table[i]->close(sinks->self[i]);
        sinks->self[i] = NULL;
    }
}
