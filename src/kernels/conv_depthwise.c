#include "conv_depthwise.h"

#include "kernels/depthwise.h"

static size_t conv_depthwise_scratch(const struct conv_shape *shape, int team)
{
    (void)shape;
    (void)team;
    return 0;
}

static void conv_depthwise_run_forward(const struct team *team,
                                       const struct conv_shape *shape,
                                       const struct conv_operands *o)
{
    const struct depthwise_by by = {o->packed, o->bias, o->activation};
    depthwise_forward(team, shape, o->out, o->in, &by);
}

static void conv_depthwise_run_data(const struct team *team,
                                    const struct conv_shape *shape,
                                    const struct conv_operands *o)
{
    depthwise_backward_data(team, shape, o->out, o->in, o->packed);
}

static void conv_depthwise_run_weight(const struct team *team,
                                      const struct conv_shape *shape,
                                      const struct conv_operands *o)
{
    depthwise_backward_weight(team, shape, o->out, o->in, o->dy, o->goes_on);
}

const struct conv_algorithm conv_depthwise_forward = {.name = "depthwise",
                                                      .pass = CONV_FORWARD,
                                                      .activates = true,
                                                      .fits = conv_is_depthwise,
                                                      .scratch = conv_depthwise_scratch,
                                                      .run = conv_depthwise_run_forward};
const struct conv_algorithm conv_depthwise_data = {.name = "depthwise",
                                                   .pass = CONV_DATA,
                                                   .fits = conv_is_depthwise,
                                                   .scratch = conv_depthwise_scratch,
                                                   .run = conv_depthwise_run_data};
const struct conv_algorithm conv_depthwise_weight = {.name = "depthwise",
                                                     .pass = CONV_WEIGHT,
                                                     .fits = conv_is_depthwise,
                                                     .scratch = conv_depthwise_scratch,
                                                     .run = conv_depthwise_run_weight,
                                                     .goes_on = conv_is_depthwise};
