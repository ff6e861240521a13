/* trainer_impl: what the sources of trainer share among themselves. */
#ifndef LOCKSTEP_TRAIN_TRAINER_IMPL_H
#define LOCKSTEP_TRAIN_TRAINER_IMPL_H

#include "comm/comm.h"
#include "data/loader.h"
#include "data/prefetch.h"
#include "flow.h"
#include "overlap.h"
#include "spread.h"
#include "train/crew.h"
#include "train/evaluate.h"
#include "train/norm.h"
#include "train/reduce.h"
#include "train/trainer.h"
#include "train/writer.h"

/* What the log's next line needs besides struct progress: times of this process only. */
struct interval {
    double seconds;         /* in steps */
    double reduce;          /* of these in communication */
    double load_wait;       /* and for images to be read */
    double spanned, waited; /* by the gradients' sums under way: see struct overlap */
    uint64_t steps, samples;
};

struct trainer {
    struct trainer_setup setup;
    const struct stage *stage; /* setup's, or `alone` */
    struct stage alone;
    const struct model *model; /* what this rank computes: the stage's */
    struct crew crew;
    struct flow flow;
    struct spread spread; /* of what is saved; stage->count > 1 */
    struct reduce reduce;
    struct overlap overlap;
    struct loader train, test;
    struct prefetch *prefetch; /* owned: of train */
    double *waits;             /* owned: for images to be read, by rank */
    bool reading_slow;         /* as was said */
    bool has_test;
    uint64_t epoch_steps, total_steps;

    struct run_state state; /* its vectors are owned, model->params floats each */
    float *sum;             /* owned: the batch's gradient and tail (train/reduce.h) */
    struct norm norm;

    struct progress progress;
    struct metrics metrics; /* used on rank 0 */
    struct interval interval;
    struct phases phases;
    struct checkpoint_info info; /* of the checkpoints; strings borrowed or static */
    struct writer *writer;       /* owned: on rank 0 of a run with a folder, else NULL */
    bool best_due;               /* the last evaluation was the best */
    uint64_t saved_step;         /* of the newest checkpoint; UINT64_MAX: none yet */
    double saved_at, metrics_at; /* seconds */
    double slowest_step, slowest_evaluation; /* seconds */
    uint64_t *confusion; /* owned: of the last evaluation; NULL: none */
};

/* One step's batch and what came of it. */
struct step {
    uint32_t epoch;
    uint64_t first; /* position in the epoch's order */
    int samples;
    int grains, begin, end; /* of the batch, and this rank's share */
    int lanes;
    double lr;
    double loss; /* sum over the samples */
    uint64_t correct;
    double grad_norm; /* L2, of the mean gradient, before clipping */
    bool bad;         /* loss or gradient is not finite: nothing was updated */
    bool stop;        /* some rank was asked to stop, or time is up */
    bool checkpoint;  /* rank 0's clock asks for one */
};

/* Compute, reduce, update. Does not touch progress. */
enum status trainer_do_step(struct trainer *trainer, struct step *step) MUST_CHECK;

/* timer_now seconds at which the last checkpoint has to be begun to be on disk before the
   deadline: by rank 0's clock, INFINITY on the others and without a deadline. */
double trainer_latest(const struct trainer *trainer);

/* --- a step's images (input.c) --- */

void trainer_input_init(struct trainer *trainer);
void trainer_input_release(struct trainer *trainer);
/* A note if it cannot be as it was asked for. */
void trainer_input_begin(const struct trainer *trainer);

/* Which images step `number`, from 0, has, and which of them are this rank's; of *step
   that alone is set, the rest is zero. Any thread. */
void trainer_share(const struct trainer *trainer, uint64_t number, struct step *step);
int trainer_grain_samples(const struct trainer *trainer, const struct step *step,
                          int grain);

/* Collective: the images of the next step are at hand on all ranks. */
enum status trainer_prepare(struct trainer *trainer) MUST_CHECK;
/* A grain of this step into one of the lane's workspaces, by the lane's whole team; where
   the images are another stage's, its labels alone. */
void trainer_load_grain(const struct trainer *trainer, const struct step *step,
                        const struct lane *lane, struct workspace *ws, int grain);

/* What a grain's passes are given. */
struct grain_pass trainer_grain_pass(const struct trainer *trainer,
                                     const struct step *step, const struct lane *lane,
                                     int grain);

/* After the sums: norm, then update, each thread of its chunks; by all threads, *update
   is theirs. */
void trainer_update(struct trainer *trainer, struct step *step,
                    struct optim_update *update, int thread);

/* Collective: the log's state=, of this step. */
uint64_t trainer_state(const struct trainer *trainer);

/* Collective: a note if the steps of the log's interval, on any rank, waited for the
   file; and what there is to say of the whole run, below the table of phases. */
void trainer_input_news(struct trainer *trainer);
void trainer_input_foot(struct trainer *trainer, double slowest_wait, double wall);

/* The layer nearest to the loss with a NaN or Inf in its part of `vector` (the weights or
   their gradient: backward meets it first there), or NULL. Collective. */
const char *trainer_bad_layer(const struct trainer *trainer, const float *vector);

/* Say where the bad numbers of `step` came from. */
void trainer_explain_bad(struct trainer *trainer, const struct step *step);

/* Hands a checkpoint of this step (due), and the best one if it is that, to the writer.
   ST_FAIL: the weights are bad, on all ranks alike. */
enum status trainer_save(struct trainer *trainer, bool due) MUST_CHECK;
/* metrics.h5 alone, if nothing else is being written. */
void trainer_save_metrics(struct trainer *trainer);
/* Collective: all that was handed over is on disk, or was said not to be. */
enum status trainer_settle(struct trainer *trainer) MUST_CHECK;
void trainer_saver_init(struct trainer *trainer);
void trainer_saver_release(struct trainer *trainer);

/* --- what the log says (rank 0 prints) --- */
void report_table_head(void);
void report_interval(const struct trainer *trainer, const struct metrics_train *entry);
void report_evaluation(const struct trainer *trainer,
                       const struct evaluation *evaluation);
/* The last lines: totals, phases (collective), costly confusions. wall in seconds. */
void report_end(struct trainer *trainer, double wall);

#endif
