/* trial: a network and data to measure with: what bench and lab share. */
#ifndef LOCKSTEP_APP_TRIAL_H
#define LOCKSTEP_APP_TRIAL_H

#include "app/config.h"

struct comm;

#define TRIAL_LIST 16
struct trial_list {
    int count, value[TRIAL_LIST];
};

/* "1,2,4": numbers from 1 to `most`, of the option `option`. */
enum status trial_parse_list(const char *option, const char *text, long long most,
                             struct trial_list *list) MUST_CHECK;

/* The network to measure: a file's, or (NULL) the reference network; trained plainly.
   grain: 0: as it is. The caller releases it, also in failure. */
enum status trial_read_config(const char *path, long long grain,
                              struct config *config) MUST_CHECK;

/* Built-in letters as a network sees them, (count, SYNTH_SIZE, SYNTH_SIZE, 1); the caller
   frees. */
float *trial_images(int count);

struct trial_rate {
    double median, low, high; /* images per second */
};

/* Whole steps on built-in letters: batch, threads and ranks are given. */
struct trial_row {
    int batch, threads, ranks, grain;
    struct trial_rate train, forward;
    double dense, truly; /* FLOPs of a training step per image */
};

/* Collective. */
enum status trial_steps(struct comm *comm, struct config *config, int repeats,
                        struct trial_row *row) MUST_CHECK;

#endif
