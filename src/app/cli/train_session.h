/*
 * train_session: `lockstep train` while it is set up and runs, and `lockstep lrfind`,
 * which tries some steps of it.
 */
#ifndef LOCKSTEP_APP_TRAIN_SESSION_H
#define LOCKSTEP_APP_TRAIN_SESSION_H

#include <stdbool.h>

#include "app/cli/cli.h"
#include "app/config/config.h"
#include "app/run/placement.h"
#include "app/run/pretrained.h"
#include "app/run/run_folder.h"
#include "app/run/stages.h"
#include "app/run/tuning.h"
#include "base/fs.h"
#include "data/dataset.h"
#include "train/trainer.h"

struct comm;

/* Help texts of options that both commands have. */
#define TRAIN_DATA_HELP "data set, or a folder or list of pictures, instead of data.file"
#define TRAIN_PRETRAINED_HELP \
    "fine-tune these weights, of 'lockstep weights import' or of a run"
#define TRAIN_INIT_HELP \
    "start from the weights of this checkpoint or run; other classes: a new head"
#define TRAIN_FREEZE_HELP \
    "layers that are not trained: none, all but the head, or all up to this one"
#define TRAIN_THREADS_HELP "threads per rank, default the rank's share of the CPUs"
#define TRAIN_SET_HELP     "override a key of the config; may be repeated"

/* The command line. Borrows argv. */
struct train_request {
    const char *config, *data, *image_size, *run, *init, *max_time, *trace;
    const char *pretrained, *freeze;
    bool resume, check, elsewhere, no_verify, json;
    bool trial; /* of some steps: no run, nothing is written, the plan is by rule, all
                   else as in the training */
    enum tuning_mode tune;
    long long threads, stall_timeout;
    struct cli_texts set;
    int argc;
    char **argv;
};

/* Reads the command line. *help: it asked for help, which was printed. */
enum status train_request_parse(struct train_request *request, int argc, char **argv,
                                bool *help) MUST_CHECK;

struct train_session {
    struct comm *comm;
    const struct train_request *request;
    struct config config;
    char *config_text;               /* owned: as checkpoints store it */
    char *features_text;             /* owned: what features depend on */
    struct run_parameter *parameter; /* owned: (parameters) of the config, for logs */
    int parameters;
    struct placement placement;
    struct dataset dataset;
    struct model model; /* the whole network */
    struct stages stages;
    struct tuning tuning;
    float *class_weight;        /* owned: (classes); NULL: all 1 */
    struct trainer_setup setup; /* borrows from the members above */
    struct trainer *trainer;
    struct run_folder folder;
    bool goes_on; /* with a run, as rank 0 knows; of a --check: if --resume is given */
    double begin, deadline;  /* timer_now seconds; deadline 0: none */
    const char *begins_with; /* a file of weights, or a run; NULL: none */
    bool pretrained_open;    /* rank 0 has read about them: */
    struct pretrained pretrained;
};

/* Collective. All up to the trainer, which is not started (train_open.c). config is
   initialised; train_close also after a failure. */
enum status train_set_up(struct train_session *session) MUST_CHECK;
void train_close(struct train_session *session);

/* Collective. The trainer starts anew: with the weights to begin with, or random ones. */
enum status train_start_new(struct train_session *session) MUST_CHECK;

/* Collective. Opens the weights that the run begins with, if any; sets how images are
   normalised, class_weight, and config_text. */
enum status train_open_weights(struct train_session *session) MUST_CHECK;
/* Collective. The trainer starts with the weights. */
enum status train_start_weights(struct train_session *session) MUST_CHECK;
void train_close_weights(struct train_session *session);

/* The run's header: command, hardware, data, config, plan, network. With log_out. */
void train_print_header(const struct train_session *session);

/* Are features kept (train/features.h)? Why not, if a user might expect it.
   Collective. */
void train_note_features(const struct train_session *session);

/* A note on frozen layers that nothing has trained. */
void train_note_frozen(const struct train_session *session);

/* Notes on what can be trained, but is probably not what the user wants. */
void train_print_notes(struct train_session *session);

/* The end of a --check, and what it has written. */
void train_print_checked(const struct train_session *session);

/* What to do with the finished run. */
void train_print_next(const struct train_session *session);

#endif
