#include "data/letters.h"

#include "base/mem.h"
#include "base/stop.h"
#include "base/where.h"
#include "data/synth.h"

void letters_init(struct dataset_builder *builder, uint64_t seed)
{
    builder->h = builder->w = SYNTH_SIZE;
    builder->classes = SYNTH_CLASSES;
    builder->class_name = mem_zeroed(SYNTH_CLASSES, sizeof *builder->class_name);
    for (int i = 0; i < SYNTH_CLASSES; i++)
        builder->class_name[i] = mem_format("%c", 'A' + i);
    builder->source = mem_format("built-in letters, seed %llu", (unsigned long long)seed);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        builder->images[s] = mem_zeroed(builder->count[s], SYNTH_SIZE * SYNTH_SIZE);
        builder->labels[s] = mem_zeroed(builder->count[s], sizeof(uint16_t));
    }
}

void letters_draw(struct dataset_builder *builder, uint64_t seed,
                  enum dataset_split split, size_t begin, size_t end)
{
    for (size_t i = begin; i < end && !stop_requested(); i++) {
        where_mark(WHERE_LOAD); /* other ranks may wait for this one */
        uint8_t *pixels = builder->images[split] + i * SYNTH_SIZE * SYNTH_SIZE;
        builder->labels[split][i] =
            (uint16_t)synth_draw(seed, split != DATASET_TRAIN, i, pixels);
    }
}
