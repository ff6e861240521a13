/*
 * trial: what the commands that measure train on: a network and the built-in letters.
 */
#ifndef LOCKSTEP_APP_TRIAL_H
#define LOCKSTEP_APP_TRIAL_H

#include "app/config/config.h"
#include "data/dataset.h"

struct comm;

/* The network of the config file `path`, or the reference network (NULL); grain > 0
   replaces the config's. */
enum status trial_read_config(const char *path, long long grain,
                              struct config *config) MUST_CHECK;

/* Collective. At least `least` images for training, a whole number of batches. */
enum status trial_open_letters(struct comm *comm, int least, int batch,
                               struct dataset *dataset) MUST_CHECK;

/* "1,2,4" */
#define TRIAL_LIST 16
struct trial_list {
    int count, value[TRIAL_LIST];
};
enum status trial_read_list(const char *option, const char *text,
                            struct trial_list *list) MUST_CHECK;

/* Built-in letters as a network sees them, (count, SYNTH_SIZE, SYNTH_SIZE, 1); the caller
   frees. */
float *trial_images(int count);

/* Images and classes to build a network for: of a data set's training images the first
   `count`, again and again if it has fewer; built-in letters (NULL). */
struct trial_input {
    struct shape in;
    int classes;
    float *images; /* owned: (count, in) */
};
enum status trial_input(const char *data, int count,
                        struct trial_input *input) MUST_CHECK;

struct trial_rate {
    double median, low, high; /* images per second */
};

/* Whole steps on built-in letters; batch, threads, ranks and train_only are given. */
struct trial_row {
    int batch, threads, ranks, grain;
    bool train_only; /* forward alone is not timed */
    struct trial_rate train, forward;
    double dense, truly; /* FLOPs of a training step per image */
    double reduce;       /* share of a step in adding up gradients, this rank's */
    size_t bytes;        /* of workspaces and vectors, this rank's */
};

/* Collective. The grain is the config's, or less, so that no thread goes without. */
enum status trial_steps(struct comm *comm, struct config *config, int repeats,
                        struct trial_row *row) MUST_CHECK;

#endif
