#!/usr/bin/env bats
# The networks by name for 224x224 compute what plain PyTorch definitions do: named.py makes all comparisons
# in one run. Each is of names and shapes of tensors, gradients and log-probabilities of three
# steps in training, running statistics after them, and log-probabilities in evaluation.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks named.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "resnet18" { agrees resnet18; }
@test "resnet34" { agrees resnet34; }
@test "mobilenetv2" { agrees mobilenetv2; }
@test "mobilenetv3_small" { agrees mobilenetv3_small; }
@test "mobilenetv3_large" { agrees mobilenetv3_large; }
@test "efficientnet_lite0" { agrees efficientnet_lite0; }
@test "efficientnet_b0" { agrees efficientnet_b0; }
@test "mobilenetv3_small for small images" { agrees mobilenetv3_small-36; }
@test "efficientnet_lite0 for small images" { agrees efficientnet_lite0-33; }
