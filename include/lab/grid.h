/*
 * grid: training steps by ranks x threads. Each point of the grid is measured by
 * processes of its own: `lockstep bench step --lines`, started by mpirun if it has
 * several ranks.
 */
#ifndef LOCKSTEP_LAB_GRID_H
#define LOCKSTEP_LAB_GRID_H

#include <stdbool.h>

#include "base/status.h"

struct trial_row;

struct grid_point {
    int ranks, threads;     /* given */
    double rate, low, high; /* training, images per second: median and extremes */
};

/* Everything is borrowed. */
struct grid_setup {
    const char *config;     /* a file or a name; NULL: the reference network */
    const char *data;       /* a data set; NULL: built-in letters */
    const char *image_size; /* as --image-size; NULL: not given */
    long long batch, repeats;
    const char *hidden; /* an environment variable that the processes must not inherit */
};

/* Not collective: for one process that was not started by mpirun. */
enum status grid_measure(const struct grid_setup *setup, struct grid_point *points,
                         int count) MUST_CHECK;

/* A line of bench step --lines:
   "ranks=2 threads=1 batch=256 grain=32 train=12345.6 low=12000.1 high=12400.2".
   grid_read_line: false, and the point is unchanged, unless the line is one of its ranks
   and threads. */
void grid_print_line(const struct trial_row *row);
bool grid_read_line(const char *line, struct grid_point *point);

/* Ranks times threads. */
int grid_workers(const struct grid_point *point);

/* The fastest point with `workers` workers; NULL: there is none. */
const struct grid_point *grid_best(const struct grid_point *points, int count,
                                   int workers);

/* The number of workers from which doubling them brings less than GRID_GAIN; 0: none. */
#define GRID_GAIN 1.10
int grid_end(const struct grid_point *points, int count);

#endif
