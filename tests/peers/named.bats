#!/usr/bin/env bats
# The networks by name compute what plain PyTorch definitions do: named.py makes all comparisons
# in one run. Each is of names and shapes of tensors, gradients and log-probabilities of three
# steps in training, running statistics after them, and log-probabilities in evaluation.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks named.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "letters" { agrees letters; }
@test "lenet5" { agrees lenet5; }
@test "resnet20" { agrees resnet20; }
@test "resnet32" { agrees resnet32; }
@test "resnet44" { agrees resnet44; }
@test "resnet56" { agrees resnet56; }
@test "resnet18_cifar" { agrees resnet18_cifar; }
@test "resnet34_cifar" { agrees resnet34_cifar; }
@test "vgg11_bn" { agrees vgg11_bn; }
@test "vgg16_bn" { agrees vgg16_bn; }

@test "the definitions are torchvision's" {
    agrees torchvision
    ! grep -q 'there is no torchvision here' "$BATS_FILE_TMPDIR/said" || skip "no torchvision here"
}
