#include "letters.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/stop.h"
#include "base/where.h"
#include "data/synth.h"
#include "kernels/team.h"

struct letters_task {
    struct dataset_builder *builder;
    uint64_t seed;
    int threads;
    enum dataset_split split;
};

static void letters_draw_share(void *context, int thread)
{
    struct letters_task *task = context;
    size_t count = task->builder->count[task->split], threads = (size_t)task->threads;
    size_t begin = count * (size_t)thread / threads;
    size_t end = count * ((size_t)thread + 1) / threads;
    for (size_t i = begin; i < end && !stop_requested(); i++) {
        where_mark(WHERE_LOAD); /* progress, for the ranks that wait in bench and tune */
        uint8_t *pixels =
            task->builder->images[task->split] + i * SYNTH_SIZE * SYNTH_SIZE;
        task->builder->labels[task->split][i] =
            (uint16_t)synth_draw(task->seed, task->split, i, pixels);
    }
}

void letters_draw(struct dataset_builder *builder, uint64_t seed, int threads)
{
    builder->h = builder->w = SYNTH_SIZE;
    builder->classes = SYNTH_CLASSES;
    builder->class_name = mem_zeroed(SYNTH_CLASSES, sizeof *builder->class_name);
    for (int i = 0; i < SYNTH_CLASSES; i++)
        builder->class_name[i] = mem_format("%c", 'A' + i);
    builder->source = mem_format("built-in letters, seed %llu", (unsigned long long)seed);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct letters_task task = {builder, seed, threads, s};
        builder->images[s] = mem_zeroed(builder->count[s], SYNTH_SIZE * SYNTH_SIZE);
        builder->labels[s] = mem_zeroed(builder->count[s], sizeof(uint16_t));
        team_run(threads, letters_draw_share, &task);
    }
}
