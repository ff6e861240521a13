#!/usr/bin/env bats
# The kernels in plain C on another architecture.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
}

@test "the kernels compile for aarch64 and pass their tests there" {
    command -v aarch64-linux-gnu-gcc || skip "no gcc-aarch64-linux-gnu"
    run "$ROOT/tests/cross.sh" "$BATS_TEST_TMPDIR/aarch64"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"compiled "*" files for aarch64"* ]]
    ! command -v qemu-aarch64 || [[ $output == *"test_reference: ok"* ]]
}
