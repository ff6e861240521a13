#!/usr/bin/env bats
# Every kind of layer computes what PyTorch's does: layers.py makes all comparisons in one run.
# Each is of gradients, log-probabilities in training and evaluation, and running statistics.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks layers.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "batchnorm with all options, over the batch" { agrees batchnorm; }
@test "batchnorm over grains of unequal sizes" { agrees grains; }
@test "batchnorm of grains of one image" { agrees single; }
@test "batchnorm with frozen statistics" { agrees frozen; }
@test "groupnorm" { agrees groupnorm; }
@test "depthwise" { agrees depthwise; }
@test "windows of two sizes, strides, pads; padding that does not count" { agrees windows; }
@test "pad=same" { agrees same; }
@test "dilation" { agrees dilation; }
@test "maxpool" { agrees maxima; }
@test "windows of two sizes, pad=same, dilation, count_pad" { agrees mixed; }
@test "convolutions in groups" { agrees groups; }
@test "conv without bias, maxpool, batchnorm, activation: partly fused" { agrees pooled; }
@test "gelu, silu, sigmoid" { agrees smooth-activations; }
@test "relu, relu6, hardswish, hardsigmoid" { agrees kinked-activations; }
@test "mul of channels and of values, add" { agrees squeeze; }
@test "padchannels, globalavgpool, values with several readers" { agrees shortcuts; }
@test "dropout and droppath, with lockstep's masks" { agrees drops; }
@test "initial values" { agrees initial; }
@test "blocks with parameters" { agrees blocks; }
@test "resnet20, grains as large as the batch" { agrees resnet20-batch; }
@test "resnet20, statistics over grains" { agrees resnet20-grains; }
