#!/usr/bin/env bats
# Training gives the same state with every instruction set that has fused multiply-adds, and
# the one that tests/golden.txt holds: also on other machines.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
}

# states ISA [NAME...]: the networks have the states of the file.
states() {
    LOCKSTEP_ISA=$1 "$ROOT/tests/golden_states.sh" "${@:2}" >"$BATS_TEST_TMPDIR/got"
    cat "$BATS_TEST_TMPDIR/got"
    [[ -s $BATS_TEST_TMPDIR/got ]]
    while read -r line; do
        grep -qxF "$line" "$ROOT/tests/golden.txt"
    done <"$BATS_TEST_TMPDIR/got"
}

@test "AVX2: letters, cifar-small, resnet20 and mobilenetv2 have their states" {
    "$LOCKSTEP" machine | grep -Eq 'v[34]' || skip "no AVX2"
    states v3
}

@test "AVX-512: they have the same" {
    grep -q avx512vl /proc/cpuinfo || skip "no AVX-512"
    states v4
}
