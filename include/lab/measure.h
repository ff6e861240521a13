/*
 * measure: every layer of a network, forward and backward, by every strategy.
 *
 * Each layer by itself, and behind the last layer of a fused block the block, which is
 * what training runs. The data of a pass is warm: all strategies of a pass take turns,
 * round after round, so that whatever else the machine does meets all alike; each goes
 * through the pass once before its time is taken. Rounds in which a thread lost its CPU
 * to other work do not count, if there is a CPU for each and enough rounds are left.
 * Threads are begun once a round and meet at barriers, as in training: what it costs to
 * wake them is told apart (lab/machine.h).
 */
#ifndef LOCKSTEP_LAB_MEASURE_H
#define LOCKSTEP_LAB_MEASURE_H

#include <stdbool.h>
#include <stddef.h>

#include "lab/machine.h"
#include "lab/strategy.h"
#include "nn/model.h"

#define MEASURE_VERDICT 96

/* A layer or a block, on a batch. */
struct measure_subject {
    char name[64]; /* "conv1", "conv1-gelu1" */
    struct shape in, out;
    bool block;
    bool measured[STRATEGY_PASSES]; /* no backward before the first weights */
    double flops[STRATEGY_PASSES];
    double bytes[STRATEGY_PASSES];             /* read and written once */
    enum machine_level level[STRATEGY_PASSES]; /* that holds them */
};

struct measure_row {
    int subject;
    enum strategy_pass pass;
    enum split split;
    int threads;
    struct sample time;
    double speedup, efficiency; /* over sequential; of its threads */
    double sums;                /* share of the time that went into partial sums */
    int pieces;                 /* strategy_pieces */
    double disturbed;           /* share of the rounds in which other work interfered */
    double flop_share;          /* of its cores' peak; 0: no FLOPs */
    double band_share;          /* of the level's bandwidth; 0: unknown */
    bool best;                  /* of this subject, pass and number of threads */
    char verdict[MEASURE_VERDICT];
};

struct measure_table {
    int batch, subjects, rows;
    struct measure_subject *subject; /* owned */
    struct measure_row *row; /* owned; from input to output, forward before backward */
};

struct measure_request {
    const struct model_spec *spec;
    struct shape in;
    int classes, batch;
    const float *images;           /* (batch, in) */
    const struct machine *machine; /* whose thread counts are tried */
    const char *layers;            /* a pattern of fnmatch; NULL: all */
    double seconds;                /* for all, roughly */
    void (*progress)(const struct measure_subject *subject); /* may be NULL */
};

/* ST_USAGE if the network is none, or the pattern matches nothing. */
enum status measure_layers(const struct measure_request *request,
                           struct measure_table *table) MUST_CHECK;
void measure_release(struct measure_table *table);

/* NULL: there is no such strategy for this subject. */
const struct measure_row *measure_find(const struct measure_table *table, int subject,
                                       enum strategy_pass pass, enum split split,
                                       int threads);

/* Best of all strategies for so many threads, sequential included. */
const struct measure_row *measure_best(const struct measure_table *table, int subject,
                                       enum strategy_pass pass, int threads);

/* Speed-up, shares, best and verdict of all rows, from their times: done by
   measure_layers. */
void measure_judge(struct measure_table *table, const struct machine *machine);

#endif
