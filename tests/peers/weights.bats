#!/usr/bin/env bats
# Imported weights give the answers of the programs that they are of: weights.py makes all
# comparisons in one run. What needs a package or real data that are not here says so.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks weights.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "EfficientNet-Lite0 of ImageNet, on photographs" { agrees lite0; }
@test "ResNet-18 with torchvision's names, from a pickle" { agrees resnet18; }
@test "timm's MobileNetV2" { agrees timm-mobilenetv2; }
@test "timm's EfficientNet-B0" { agrees timm-efficientnet_b0; }
@test "timm's EfficientNet-Lite0" { agrees timm-efficientnet_lite0; }
