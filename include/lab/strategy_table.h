/*
 * strategy_table: times of every layer of a network, forward and backward, by every
 * strategy (lab/strategy.h).
 *
 * A subject is a layer by itself or, behind the last layer of a fused block, the block,
 * which is what training runs. All strategies of a pass take turns, round after round, so
 * that other work on the machine affects all of them alike. Each runs the pass once
 * before it is timed, so the data is warm. Rounds in which a thread lost its CPU to other
 * work are left out if there is a CPU for each thread and enough rounds remain. Threads
 * are started once a round and meet at barriers, as in training; the cost of starting
 * them is measured apart (lab/machine.h).
 */
#ifndef LOCKSTEP_LAB_STRATEGY_TABLE_H
#define LOCKSTEP_LAB_STRATEGY_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/machine.h"
#include "lab/strategy.h"
#include "nn/model.h"

#define STRATEGY_VERDICT 96

/* A layer or a block, on a batch. */
struct strategy_subject {
    char name[2 * LAYER_NAME]; /* "conv1", "conv1-gelu1" */
    struct shape in, out;
    bool block;
    bool measured[STRATEGY_PASSES]; /* not backward before the first weights, or of add */
    double flops[STRATEGY_PASSES];
    double bytes[STRATEGY_PASSES];             /* read and written once */
    enum machine_level level[STRATEGY_PASSES]; /* that holds these bytes */
};

struct strategy_row {
    int subject;
    enum strategy_pass pass;
    enum split split;
    int threads;
    struct sample time;
    double speedup, efficiency; /* over sequential; speedup / threads */
    double sums;                /* share of the time spent adding partial sums */
    int pieces;                 /* strategy_pieces */
    double disturbed;           /* share of the rounds disturbed by other work */
    double flop_share;          /* of its cores' peak; 0: no FLOPs */
    double band_share;          /* of the level's bandwidth; 0: unknown */
    bool best;                  /* of this subject, pass and number of threads */
    char verdict[STRATEGY_VERDICT];
};

struct strategy_table {
    int batch, subjects, rows;
    struct strategy_subject *subject; /* owned: (subjects), from input to output */
    struct strategy_row *row; /* owned: (rows), by subject, forward before backward */
};

/* Everything is borrowed. */
struct strategy_table_setup {
    const struct model_spec *spec;
    struct shape in;
    int classes, batch;
    const float *images;           /* (batch, in) */
    const struct machine *machine; /* its thread counts are tried */
    const char *layers;            /* a pattern for fnmatch; NULL: all */
    double seconds;                /* to spend on all rows, roughly */
    void (*progress)(const struct strategy_subject *subject); /* may be NULL */
};

/* ST_USAGE if the network is not valid or the pattern matches nothing. The caller
   releases the table, also after a failure. */
enum status strategy_table_measure(const struct strategy_table_setup *setup,
                                   struct strategy_table *table) MUST_CHECK;
void strategy_table_release(struct strategy_table *table);

/* NULL: there is no such strategy for this subject. */
const struct strategy_row *strategy_table_find(const struct strategy_table *table,
                                               int subject, enum strategy_pass pass,
                                               enum split split, int threads);

/* The fastest row with `threads` threads, or the sequential one if that is faster. */
const struct strategy_row *strategy_table_best(const struct strategy_table *table,
                                               int subject, enum strategy_pass pass,
                                               int threads);

/* Speed-up, shares, best and verdict of all rows, from their times. Called by
   strategy_table_measure. */
void strategy_table_judge(struct strategy_table *table, const struct machine *machine);

#endif
