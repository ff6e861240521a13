#include "train/weights.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/where.h"
#include "spread.h"
#include "train/checkpoint.h"

/* How rank 0 reads a file into the stream of the whole network's weights. */
struct weights_reader {
    enum status (*read)(void *context, const struct model *model,
                        const struct state_stream *to);
    void *context;
};

static enum status weights_spread(struct comm *comm, const struct stage *stage,
                                  const struct weights_reader *reader, float *params)
{
    const struct run_state weights = {.params = params};
    struct spread spread;
    enum status st = ST_OK;
    where_mark(WHERE_CHECKPOINT);
    spread_init(&spread, stage, &weights, 1);
    if (comm_rank(comm) == 0)
        st = reader->read(reader->context, stage->whole, &spread.stream);
    return spread_scatter(&spread, comm, st);
}

struct weights_file {
    const char *checkpoint;
    bool averaged; /* set */
};

static enum status weights_read_file(void *context, const struct model *model,
                                     const struct state_stream *to)
{
    struct weights_file *file = context;
    return checkpoint_read_weights(file->checkpoint, model, to, &file->averaged);
}

enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params, bool *averaged)
{
    struct weights_file file = {checkpoint, false};
    const struct weights_reader reader = {weights_read_file, &file};
    TRY(weights_spread(comm, stage, &reader, params));
    comm_bcast(comm, &file.averaged, sizeof file.averaged, 0);
    *averaged = file.averaged;
    return ST_OK;
}

/* Passes the tensors of a source on as those of the network. */
struct weights_translation {
    const struct weights_source *source;
    const struct model *model; /* the network, whole */
    const struct state_stream *to;
    float *fresh; /* room for a tensor */
};

/* A head of zeros answers all classes alike, so that the first steps carry no noise into
   the layers before it (Kolesnikov and others, Big Transfer, 2020, section 3.3). */
static const float *weights_begin_anew(const struct weights_translation *translation,
                                       struct tensor_name name)
{
    const struct layer *layer = translation->model->layer[name.layer];
    bool norm = layer->tensor[0].dims == 1;
    if (norm)
        model_init_tensor(translation->model, translation->source->seed, name.layer,
                          name.tensor, translation->fresh);
    else
        memset(translation->fresh, 0, layer->tensor[name.tensor].count * sizeof(float));
    return translation->fresh;
}

static void weights_translate(void *context, struct tensor_name name, const float *values)
{
    const struct weights_translation *translation = context;
    const struct weights_source *source = translation->source;
    name.layer = source->layer[name.layer];
    if (name.layer == source->head)
        values = weights_begin_anew(translation, name);
    translation->to->take(translation->to->context, name, values);
}

static enum status weights_read_source(void *context, const struct model *model,
                                       const struct state_stream *to)
{
    const struct weights_source *source = context;
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
    const struct weights_reader reader = {weights_read_source, (void *)(uintptr_t)source};
    return weights_spread(comm, stage, &reader, params);
}
