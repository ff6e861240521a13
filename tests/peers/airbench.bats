#!/usr/bin/env bats
# The network cifar_fast is airbench94: airbench.py makes all comparisons in one run.

setup_file() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    make_checks airbench.py
}

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
}

@test "filters that whiten the patches" { agrees whitening; }
@test "filters that begin as copies" { agrees dirac; }
@test "a step with means instead of maxima, strictly" { agrees smooth; }
@test "a step: weights and running statistics" { agrees step; }
@test "seven steps with means, lookahead, and a bias that is trained for three" { agrees steps; }
@test "answers to one, two and six views" { agrees views; }
