/*
 * where: this process's whereabouts, for those who wait for it: at which step, in which
 * part of it, in which layer, and whether it waits itself.
 *
 * Marks are made by one thread, the one that called where_attach: the main thread, which
 * is also thread 0 of its OpenMP team. Those of other threads do nothing, nor do any
 * while nothing is attached. A mark is a few relaxed stores, cheap enough for every layer
 * of every grain. The struct may lie in memory that several processes share: they then
 * see where a process is even when it does not run.
 */
#ifndef LOCKSTEP_BASE_WHERE_H
#define LOCKSTEP_BASE_WHERE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum where_part {
    WHERE_START,
    WHERE_LOAD,
    WHERE_READER, /* waiting for this process's reader, which other ranks cannot help */
    WHERE_FORWARD,
    WHERE_BACKWARD,
    WHERE_STAGE, /* at what comes from another stage of the pipeline */
    WHERE_REDUCE,
    WHERE_UPDATE,
    WHERE_EVALUATE,
    WHERE_CHECKPOINT,
    WHERE_END,
    WHERE_PARTS
};

/* Written by its process alone; plain memory otherwise. */
struct where {
    _Atomic uint64_t step;    /* as in the log: the first is 1; 0: before it */
    _Atomic uint64_t moves;   /* marks so far: who makes none stands still */
    _Atomic uint32_t place;   /* part and layer, see where_look */
    _Atomic uint32_t waiting; /* in a call that other ranks must join */
};

/* A copy, to be kept and compared. */
struct where_spot {
    uint64_t step, moves;
    uint32_t part; /* enum where_part */
    int32_t layer; /* -1: none */
    bool waiting;
};

/* From now on the calling thread's marks go to `where`, which starts at WHERE_START;
   NULL: nowhere. */
void where_attach(struct where *where);

void where_step(uint64_t step);
void where_mark(enum where_part part);
void where_layer(enum where_part part, int layer);
void where_wait(bool waiting);

/* Safe at any time, from any thread or process. */
void where_look(const struct where *where, struct where_spot *spot);

/* How layer `layer` is called in texts; for the main thread, before marks name it. Those
   without a name are numbers. layer < MODEL_LAYERS. Copied, the latest counts. */
void where_name_layer(int layer, const char *name);

/* The file that the reader reads, for the main thread; its last part is what is said. */
void where_name_file(const char *path);

/* "step 412, layer linear2 backward", "step 412, reduce", "start, load",
   "step 412, load, waiting for the reader of 'letters.h5'". */
#define WHERE_TEXT 160
void where_text(const struct where_spot *spot, char text[WHERE_TEXT]);

#endif
