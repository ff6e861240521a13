#!/usr/bin/env bats
# A short form of `make soak`.

@test "memory, open files, threads and the log stay flat over 150 epochs" {
    source "$BATS_TEST_DIRNAME/../env.sh"
    run "$ROOT/tests/soak.sh" 150
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${lines[-1]}" = "7 passed, 0 failed, 0 skipped" ]
}
