#!/usr/bin/env bats
# ResNet-50 computes what a plain PyTorch definition does: named.py makes all comparisons in one
# run. As the network begins, by its rounding beside that of PyTorch (rounding.py); with small
# residual branches as all others (named.bats), and there an error of 1e-3 in any of several
# tensors must be noticed, whatever near ties could explain (kinks.py).

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks named.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "resnet50" { agrees resnet50; }
@test "resnet50_cifar" { agrees resnet50_cifar; }
