#!/usr/bin/env bats
# ONNX Runtime, and PyTorch, answer as lockstep does: export.py makes all comparisons in one
# run.

setup_file() {
    NEEDS='onnxruntime, torch, h5py'
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks export.py
}

setup() {
    NEEDS='onnxruntime, torch, h5py'
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "letters" { agrees letters; }
@test "resnet20" { agrees resnet20; }
@test "mobilenetv2" { agrees mobilenetv2; }
@test "efficientnet_lite0 at its own size" { agrees efficientnet_lite0; }
@test "mobilenetv3_small" { agrees mobilenetv3_small; }
@test "efficientnet_b0" { agrees efficientnet_b0; }
@test "groups, dilation, norms of both kinds, activations; a part of the image, moved" { agrees norms; }
@test "average pools with padding, pad=same, depthwise" { agrees pools; }
@test "squeeze and excite, values of both ranks, dropout" { agrees squeeze; }
@test "images with several classes" { agrees several-classes; }
@test "PyTorch with the loader that --help prints" { agrees loader; }
