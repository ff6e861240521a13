#include "train/weights.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/where.h"
#include "spread.h"
#include "train/checkpoint.h"

enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params, bool *averaged)
{
    const struct run_state weights = {.params = params};
    struct spread spread;
    enum status st = ST_OK;
    *averaged = false;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, stage, &weights, 1);
    if (comm_rank(comm) == 0)
        st = checkpoint_read_weights(checkpoint, stage->whole, &spread.stream, averaged);
    TRY(spread_scatter(&spread, comm, st));
    comm_bcast(comm, averaged, sizeof *averaged, 0);
    return ST_OK;
}

/* Passes the tensors of a source on as those of the network. */
struct weights_translation {
    const struct weights_source *source;
    const struct model *model; /* the network, whole */
    const struct state_stream *to;
    float *fresh; /* room for a tensor */
};

static void weights_translate(void *context, struct tensor_name name, const float *values)
{
    const struct weights_translation *translation = context;
    const struct weights_source *source = translation->source;
    name.layer = source->layer[name.layer];
    if (name.layer == source->head) {
        model_init_tensor(translation->model, source->seed, name.layer, name.tensor,
                          translation->fresh);
        values = translation->fresh;
    }
    translation->to->take(translation->to->context, name, values);
}

static enum status weights_read_source(const struct weights_source *source,
                                       const struct model *model,
                                       const struct state_stream *to)
{
    bool averaged;
    struct weights_translation translation = {
        source, model, to, mem_zeroed(state_largest(model), sizeof(float))};
    const struct state_stream stream = {.context = &translation,
                                        .take = weights_translate};
    enum status st =
        checkpoint_read_weights(source->checkpoint, source->model, &stream, &averaged);
    free(translation.fresh);
    return st;
}

enum status weights_take(struct comm *comm, const struct stage *stage,
                         const struct weights_source *source, float *params)
{
    const struct run_state weights = {.params = params};
    struct spread spread;
    enum status st = ST_OK;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, stage, &weights, 1);
    if (comm_rank(comm) == 0)
        st = weights_read_source(source, stage->whole, &spread.stream);
    return spread_scatter(&spread, comm, st);
}
