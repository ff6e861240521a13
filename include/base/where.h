/*
 * where: the position of this process, for the processes that wait for it: its step, the
 * part of the step, the layer, and whether it is waiting itself.
 *
 * Only the thread that called where_attach makes marks: the main thread, which is also
 * thread 0 of its OpenMP team. Calls by other threads do nothing. A mark is a few relaxed
 * stores, cheap enough for every layer of every grain. The struct may be in memory shared
 * by several processes, which then see the position of a process that does not run.
 */
#ifndef LOCKSTEP_BASE_WHERE_H
#define LOCKSTEP_BASE_WHERE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum where_part {
    WHERE_START,
    WHERE_LOAD,
    WHERE_READER, /* waiting for this process's own reader thread */
    WHERE_FORWARD,
    WHERE_BACKWARD,
    WHERE_STAGE, /* receiving from or sending to another pipeline stage */
    WHERE_REDUCE,
    WHERE_UPDATE,
    WHERE_EVALUATE,
    WHERE_CHECKPOINT,
    WHERE_END,
    WHERE_PARTS
};

/* Only its own process writes it. May be zeroed memory at first. */
struct where {
    _Atomic uint64_t step;    /* as in the log: the first is 1; 0: before the first */
    _Atomic uint64_t moves;   /* number of marks; constant while a process stands still */
    _Atomic uint32_t place;   /* part and layer, see where_look */
    _Atomic uint32_t waiting; /* in a call that other ranks must join */
};

/* A copy of struct where, for comparison later. */
struct where_spot {
    uint64_t step, moves;
    uint32_t part; /* enum where_part */
    int32_t layer; /* -1: none */
    bool waiting;
};

/* From now on the calling thread's marks go to `where`, which is set to WHERE_START;
   NULL: marks do nothing. */
void where_attach(struct where *where);

void where_step(uint64_t step);
void where_mark(enum where_part part);
void where_layer(enum where_part part, int layer);
void where_wait(bool waiting);

/* Copies the position. Any thread or process, at any time. */
void where_look(const struct where *where, struct where_spot *spot);

/* Sets the name of layer `layer` (< MODEL_LAYERS) in texts, by default its number.
   Copied; the latest call counts. Main thread, before a mark uses the layer. */
void where_name_layer(int layer, const char *name);

/* Sets the file that the reader thread reads; texts show its name. Main thread. */
void where_name_file(const char *path);

/* "step 412, layer linear2 backward", "step 412, reduce", "start, load",
   "step 412, load, waiting for the reader of 'letters.h5'". */
#define WHERE_TEXT 160
void where_text(const struct where_spot *spot, char text[WHERE_TEXT]);

#endif
