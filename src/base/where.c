#include "base/where.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/status.h"

#define NAME_BYTES  64
#define FILE_BYTES  64
#define LAYER_SHIFT 16 /* where.place is part | (layer + 1) << LAYER_SHIFT */
_Static_assert(MODEL_LAYERS < 1 << (32 - LAYER_SHIFT), "a place holds any layer");

static _Thread_local struct where *attached; /* NULL: marks do nothing */

static const char *const part_name[WHERE_PARTS] = {
    "start",      "load",     "load, waiting for the reader",
    "forward",    "backward", "stage",
    "reduce",     "update",   "evaluate",
    "checkpoint", "end",
};

static char layer_name[MODEL_LAYERS][NAME_BYTES];
static atomic_bool layer_named[MODEL_LAYERS]; /* layer_name may be read */
static char file_name[FILE_BYTES];
static atomic_bool file_named;

void where_attach(struct where *where)
{
    attached = where;
    where_step(0);
    where_mark(WHERE_START);
    where_wait(false);
}

/* Only this thread writes: no atomic addition is needed. */
static void where_count_move(void)
{
    uint64_t moves = atomic_load_explicit(&attached->moves, memory_order_relaxed);
    atomic_store_explicit(&attached->moves, moves + 1, memory_order_relaxed);
}

void where_step(uint64_t step)
{
    if (!attached)
        return;
    atomic_store_explicit(&attached->step, step, memory_order_relaxed);
    where_count_move();
}

void where_mark(enum where_part part)
{
    where_layer(part, -1);
}

void where_layer(enum where_part part, int layer)
{
    if (!attached)
        return;
    uint32_t place = (uint32_t)part | (uint32_t)(layer + 1) << LAYER_SHIFT;
    atomic_store_explicit(&attached->place, place, memory_order_relaxed);
    where_count_move();
}

void where_wait(bool waiting)
{
    if (!attached)
        return;
    atomic_store_explicit(&attached->waiting, waiting, memory_order_relaxed);
    where_count_move();
}

void where_look(const struct where *where, struct where_spot *spot)
{
    uint32_t place = atomic_load_explicit(&where->place, memory_order_relaxed);
    *spot = (struct where_spot){
        .step = atomic_load_explicit(&where->step, memory_order_relaxed),
        .moves = atomic_load_explicit(&where->moves, memory_order_relaxed),
        .part = place & ((1u << LAYER_SHIFT) - 1),
        .layer = (int32_t)(place >> LAYER_SHIFT) - 1,
        .waiting = atomic_load_explicit(&where->waiting, memory_order_relaxed) != 0,
    };
}

void where_name_layer(int layer, const char *name)
{
    ASSERT(layer >= 0 && layer < MODEL_LAYERS);
    atomic_store_explicit(&layer_named[layer], false, memory_order_release);
    snprintf(layer_name[layer], NAME_BYTES, "%s", name);
    atomic_store_explicit(&layer_named[layer], true, memory_order_release);
}

void where_name_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    atomic_store_explicit(&file_named, false, memory_order_release);
    snprintf(file_name, FILE_BYTES, "%s", slash ? slash + 1 : path);
    atomic_store_explicit(&file_named, true, memory_order_release);
}

static void where_layer_text(int layer, char text[NAME_BYTES])
{
    if (layer < MODEL_LAYERS &&
        atomic_load_explicit(&layer_named[layer], memory_order_acquire))
        snprintf(text, NAME_BYTES, "%s", layer_name[layer]);
    else
        snprintf(text, NAME_BYTES, "%d", layer);
}

void where_text(const struct where_spot *spot, char text[WHERE_TEXT])
{
    char step[32] = "start", layer[NAME_BYTES];
    const char *part = spot->part < WHERE_PARTS ? part_name[spot->part] : "nowhere";
    if (spot->step > 0)
        snprintf(step, sizeof step, "step %llu", (unsigned long long)spot->step);
    if (spot->layer >= 0) {
        where_layer_text(spot->layer, layer);
        if (spot->part == WHERE_EVALUATE)
            snprintf(text, WHERE_TEXT, "%s, evaluate, layer %s", step, layer);
        else
            snprintf(text, WHERE_TEXT, "%s, layer %s %s", step, layer, part);
    } else if (spot->part == WHERE_START) {
        snprintf(text, WHERE_TEXT, "%s", step);
    } else if (spot->part == WHERE_READER &&
               atomic_load_explicit(&file_named, memory_order_acquire)) {
        snprintf(text, WHERE_TEXT, "%s, %s of '%s'", step, part, file_name);
    } else {
        snprintf(text, WHERE_TEXT, "%s, %s", step, part);
    }
}
