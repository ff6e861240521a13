/* strategy: the layer as its strategies see it, and what a member of a team takes of
   it. */
#include "base/div.h"
#include "nn/layer_shape.h"
#include "strategy_impl.h"

size_t strategy_weights(const struct layer *layer)
{
    if (layer->tensors == 0)
        return 0;
    const struct layer_tensor *last = &layer->tensor[layer->tensors - 1];
    return last->offset + last->count - layer->tensor[0].offset;
}

bool strategy_conv(const struct strategy_task *task, struct conv_shape *shape)
{
    const struct layer *layer = task->layer;
    const struct conv_shape *conv = layer_conv_shape(layer);
    if (conv && conv_groups(conv) > 1)
        return false;
    if (conv)
        *shape = *conv;
    else if (layer->ops == &layer_linear)
        *shape = (struct conv_shape){
            .h = 1, .w = 1, .c = layer->in.c, .k = layer->out.c, WINDOW_SQUARE(1, 1, 0)};
    else
        return false;
    shape->n = task->n;
    conv_shape_complete(shape);
    return true;
}

void strategy_share(const struct team *team, size_t count, size_t *begin, size_t *end)
{
    enum { LINE = 16 };
    int first, last;
    team_split(team, (int)div_up_u64(count, LINE), &first, &last);
    *begin = (size_t)first * LINE < count ? (size_t)first * LINE : count;
    *end = (size_t)last * LINE < count ? (size_t)last * LINE : count;
}
