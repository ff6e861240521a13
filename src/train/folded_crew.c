#include "train/folded_crew.h"

static void folded_crew_enter(struct folded_crew *folded, const struct stage *stage)
{
    folded->stage = *stage;
    folded->stage.model = &folded->fold.model;
}

void folded_crew_init(struct folded_crew *folded, const struct stage *stage,
                      const struct parallel_plan *plan, const float *params, int value)
{
    struct fold *fold = &folded->fold;
    fold_init(fold, stage->model, params);
    if (value > 0)
        fold->model.begin = fold->model.feature;
    folded_crew_enter(folded, stage);
    crew_init(&folded->crew, &folded->stage, plan);
    crew_pack(&folded->crew, folded->fold.params);
}

void folded_crew_release(struct folded_crew *folded)
{
    crew_release(&folded->crew);
    fold_release(&folded->fold);
}

static size_t folded_crew_bytes_with(const struct stage *stage,
                                     const struct parallel_plan *plan,
                                     enum fold_pools pools)
{
    struct folded_crew folded;
    fold_describe(&folded.fold, stage->model, pools);
    folded_crew_enter(&folded, stage);
    size_t bytes = folded.fold.bytes + crew_bytes(&folded.stage, plan);
    fold_release(&folded.fold);
    return bytes;
}

size_t folded_crew_bytes(const struct stage *stage, const struct parallel_plan *plan)
{
    size_t stops = folded_crew_bytes_with(stage, plan, FOLD_STOPS_AT_POOLS);
    size_t passes = folded_crew_bytes_with(stage, plan, FOLD_PASSES_POOLS);
    return stops > passes ? stops : passes;
}
