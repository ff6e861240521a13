#!/usr/bin/env bats
# Plain C gives the states of tests/golden.txt, too (golden.bats has the rest). It has a file of
# its own because it is slow, every fused multiply-add is a call, and a file's time is limited.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
}

# state NAME: the network has the state of the file.
state() {
    local line
    line=$(LOCKSTEP_ISA=plain "$ROOT/tests/golden_states.sh" "$1")
    echo "$line"
    [[ $line == "state-$1 "* ]]
    grep -qxF "$line" "$ROOT/tests/golden.txt"
}

@test "letters and cifar-small have their states" {
    state letters
    state cifar-small
}

@test "resnet20 has its state" {
    state resnet20
}

@test "mobilenetv2 has its state" {
    state mobilenetv2
}
