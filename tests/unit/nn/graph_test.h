/* graph_test: networks with from=, for the tests of graphs. Include nn_test.h first. */
#ifndef LOCKSTEP_TESTS_GRAPH_TEST_H
#define LOCKSTEP_TESTS_GRAPH_TEST_H

/* Identity and projection shortcuts, and one that jumps over two layers. */
static const char *const residual[] = {"conv 12 kernel=3 pad=1",
                                       "relu",
                                       "conv 12 kernel=3 pad=1",
                                       "add from=relu1",
                                       "gelu as=trunk",
                                       "conv 20 kernel=3 stride=2 pad=1",
                                       "relu",
                                       "conv 20 kernel=3 pad=1 as=main",
                                       "conv 20 kernel=1 stride=2 from=trunk",
                                       "add from=main",
                                       "relu",
                                       "flatten",
                                       "linear 30 init=he",
                                       "relu as=wide",
                                       "linear 30",
                                       "gelu",
                                       "linear 30",
                                       "add from=wide",
                                       "linear classes",
                                       "logsoftmax",
                                       NULL};

/* Squeeze and excite, products, a value with four readers, and one that is added to
   itself. */
static const char *const excite[] = {"conv 17 kernel=3 pad=1",
                                     "gelu as=x",
                                     "avgpool 9",
                                     "conv 5 kernel=1",
                                     "gelu",
                                     "conv 17 kernel=1",
                                     "mul from=x,conv3",
                                     "add from=x",
                                     "add from=add1,add1 as=twice",
                                     "mul from=x as=square",
                                     "add from=x,square",
                                     "avgpool 3",
                                     "flatten",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

/* Blocks that may not be fused: what lies between conv, maxpool and activation is read by
   another layer. */
static const char *const unfusable[] = {"conv 8 kernel=3 pad=1 as=a",
                                        "maxpool 2",
                                        "relu",
                                        "avgpool 2 from=a",
                                        "add from=relu1",
                                        "conv 9 kernel=3 pad=1 as=b",
                                        "maxpool 2 as=p",
                                        "gelu",
                                        "add from=p",
                                        "conv 7 kernel=3 pad=1",
                                        "maxpool 2",
                                        "relu",
                                        "flatten",
                                        "linear classes",
                                        "logsoftmax",
                                        NULL};

/* Batch normalisation of every kind: of a shortcut, of vectors, without weights,
   frozen. */
static const char *const normed[] = {"conv 12 kernel=3 pad=1",
                                     "batchnorm",
                                     "relu as=x",
                                     "conv 12 kernel=3 pad=1",
                                     "batchnorm as=main",
                                     "conv 12 kernel=1 from=x",
                                     "batchnorm affine=off",
                                     "add from=main",
                                     "batchnorm eps=0.1",
                                     "gelu",
                                     "conv 5 kernel=3 stride=2",
                                     "scale by=2",
                                     "batchnorm frozen=on",
                                     "flatten",
                                     "linear 33",
                                     "batchnorm momentum=0.5 affine=bias",
                                     "gelu",
                                     "linear classes",
                                     "scale by=-0.7",
                                     "logsoftmax",
                                     NULL};

/* Norms before an add: with the other input before, between and behind them, without an
   activation, with one whose slope needs more than the output; a norm with two readers,
   and one that is followed by nothing to fuse. */
static const char *const shortcuts[] = {"conv 10 kernel=3 pad=1 bias=off",
                                        "batchnorm as=bn1",
                                        "relu as=relu1",
                                        "conv 10 kernel=3 pad=1 bias=off",
                                        "batchnorm as=bn2",
                                        "add from=relu1",
                                        "relu as=relu2",
                                        "conv 24 kernel=3 stride=2 pad=1 bias=off",
                                        "batchnorm as=bn3",
                                        "relu as=relu3",
                                        "conv 24 kernel=3 pad=1 bias=off",
                                        "batchnorm as=bn4",
                                        "avgpool 1 stride=2 from=relu2",
                                        "padchannels 24",
                                        "add from=bn4",
                                        "silu as=silu0",
                                        "conv 24 kernel=1 bias=off",
                                        "batchnorm as=bn5",
                                        "conv 24 kernel=1 bias=off from=silu0",
                                        "batchnorm as=bn6",
                                        "add from=bn5",
                                        "relu6 as=relu6.1",
                                        "conv 17 kernel=1 bias=off as=last",
                                        "batchnorm frozen=on as=bn7",
                                        "silu as=silu1",
                                        "conv 17 kernel=1 bias=off",
                                        "batchnorm as=bn8",
                                        "add from=silu1",
                                        "conv 17 kernel=1",
                                        "batchnorm as=bn9",
                                        "relu as=two",
                                        "add from=bn9",
                                        "batchnorm as=bn10",
                                        "globalavgpool",
                                        "linear classes",
                                        "logsoftmax",
                                        NULL};

/* Convolutions and frozen norms: with and without a bias, depthwise, strided, in groups,
   before a droppath, with an activation behind or none; and those that are no op of their
   own: before a sum, before silu, with weights that stay, with two readers. */
static const char *const given[] = {"conv 20 kernel=3 pad=1 stride=2 as=c1",
                                    "batchnorm frozen=on as=n1",
                                    "relu6 as=r1",
                                    "conv 36 kernel=1 bias=off as=c2",
                                    "batchnorm frozen=on eps=0.01 as=n2",
                                    "relu as=r2",
                                    "depthwise kernel=3 stride=2 pad=same bias=off as=d3",
                                    "batchnorm frozen=on as=n3",
                                    "relu6 as=r3",
                                    "conv 24 kernel=1 bias=off as=c4",
                                    "batchnorm frozen=on as=n4",
                                    "droppath p=0.25 as=drop",
                                    "conv 24 kernel=3 pad=1 groups=4 as=c5",
                                    "batchnorm frozen=on as=n5",
                                    "conv 24 kernel=3 pad=1 as=c6",
                                    "batchnorm frozen=on as=n6",
                                    "add from=drop",
                                    "conv 8 kernel=1 as=c7",
                                    "batchnorm frozen=on as=n7",
                                    "silu",
                                    "conv 9 kernel=1 frozen=weight as=c8",
                                    "batchnorm frozen=on as=n8",
                                    "conv 9 kernel=1 as=c9",
                                    "batchnorm frozen=on as=n9",
                                    "add from=c9",
                                    "globalavgpool",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};

/* Convolutions in groups, dilated, and with one filter for each channel. */
static const char *const grouped[] = {
    "conv 12 kernel=3 pad=1 groups=3",
    "gelu",
    "conv 20 kernel=3x2 pad=same groups=4 bias=off",
    "gelu as=x",
    "conv 20 kernel=3 pad=2x4 dilation=2x4 groups=20 init=he",
    "silu",
    "add from=x",
    "conv 40 kernel=3 stride=2 pad=same groups=20",
    "gelu",
    "conv 6 kernel=1 groups=2",
    "flatten",
    "linear classes",
    "logsoftmax",
    NULL};

/* The order of the fast CIFAR networks: the norm stands between pool and activation. */
static const char *const pooled[] = {"conv 18 kernel=3 pad=1 bias=off init=dirac",
                                     "maxpool 2",
                                     "batchnorm affine=off",
                                     "gelu",
                                     "conv 9 kernel=3 pad=1 bias=off",
                                     "maxpool 2",
                                     "relu",
                                     "flatten",
                                     "linear classes",
                                     "logsoftmax",
                                     NULL};

/* The other layers, each behind a value that is not flat; a kernel of 1x1 that pads. */
static const char *const mixed[] = {"conv 10 kernel=3 pad=1 bias=off",
                                    "groupnorm 2",
                                    "silu",
                                    "depthwise kernel=3 stride=2 pad=1 as=dw",
                                    "batchnorm",
                                    "hardswish as=x",
                                    "depthwise kernel=5 pad=2 bias=off",
                                    "relu6",
                                    "droppath p=0.3",
                                    "add from=x",
                                    "silu as=s",
                                    "globalavgpool",
                                    "conv 10 kernel=1",
                                    "sigmoid",
                                    "mul from=s,sigmoid1",
                                    "padchannels 13",
                                    "globalavgpool",
                                    "linear 30 bias=off init=he",
                                    "groupnorm 5",
                                    "hardsigmoid",
                                    "linear classes",
                                    "logsoftmax",
                                    NULL};

/* Every layer becomes an op. */
static inline void bench_unfuse(struct bench *b)
{
    model_unfuse(&b->model);
    workspace_release(&b->ws);
    workspace_init(&b->ws, &b->model, 1);
    free(b->packed);
    b->pass.packed = b->packed = model_packed(&b->model, b->params);
    fill_samples(&b->model, &b->ws, b->model.grain, 0);
}

#endif
