#include "train/stage.h"

#include "base/status.h"

void stage_init_whole(struct stage *stage, struct comm *comm, const struct model *whole)
{
    *stage = (struct stage){
        .count = 1,
        .peers = comm,
        .whole = whole,
        .model = whole,
        .cut = {.parts = 1, .first = {0, whole->units}},
    };
}

static void stage_take_part(struct stage *stage, const struct model_cut *cut, int index)
{
    stage->cut = *cut;
    stage->count = cut->parts;
    stage->index = index;
    model_part(&stage->part, stage->whole, cut->first[index], cut->first[index + 1]);
    stage->model = &stage->part;
}

void stage_init(struct stage *stage, struct comm *comm, const struct model *whole,
                const struct model_cut *cut)
{
    stage_init_whole(stage, comm, whole);
    if (cut->parts == 1)
        return;
    ASSERT(comm_size(comm) % cut->parts == 0);
    stage_take_part(stage, cut, comm_rank(comm) % cut->parts);
    stage->peers = comm_split(comm, stage->index);
    stage->line = comm_split(comm, comm_rank(comm) / cut->parts);
}

void stage_init_first(struct stage *stage, struct comm *comm, const struct model *whole,
                      const struct model_cut *cut)
{
    stage_init_whole(stage, comm, whole);
    if (cut->parts > 1)
        stage_take_part(stage, cut, 0);
}

void stage_release(struct stage *stage)
{
    if (stage->line)
        comm_split_free(stage->peers);
    comm_split_free(stage->line);
    if (stage->count > 1)
        model_release(&stage->part);
    *stage = (struct stage){0};
}

bool stage_first(const struct stage *stage)
{
    return stage->index == 0;
}

bool stage_last(const struct stage *stage)
{
    return stage->index == stage->count - 1;
}

int stage_of_layer(const struct stage *stage, int layer)
{
    int s = 0;
    while (layer >= stage->whole->unit[stage->cut.first[s + 1] - 1].layer_end)
        s++;
    return s;
}

int stage_slots(const struct stage *stage)
{
    return stage->count == 1 ? 1 : stage->count - stage->index + 1;
}

/* First as many forward passes as fill the pipeline, then a backward pass after each
   forward one, then the backward passes that are left. */
struct stage_pass stage_pass_at(const struct stage *stage, int rounds, int index)
{
    int ahead = stage->count - 1 - stage->index; /* rounds before the first backward */
    if (ahead > rounds)
        ahead = rounds;
    int steady = index - ahead, pairs = rounds - ahead;
    if (steady < 0)
        return (struct stage_pass){index, false};
    if (steady >= 2 * pairs)
        return (struct stage_pass){steady - pairs, true};
    if (steady % 2)
        return (struct stage_pass){steady / 2, true};
    return (struct stage_pass){ahead + steady / 2, false};
}
