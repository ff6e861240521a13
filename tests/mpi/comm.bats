#!/usr/bin/env bats
# The unit tests of comm on several ranks: collectives, the shared window, and the fixed
# tree's bits. They fail on all ranks if they fail on one (tests/unit/comm/ranks.h).
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
    tests=$LOCKSTEP_BUILD/tests/comm
}

# passes RANKS PROGRAM TESTS: all its tests pass, and there are TESTS of them.
passes() {
    EXPECTED_RANKS=$1 CMOCKA_MESSAGE_OUTPUT=tap run timeout 300 \
        mpirun -n "$1" "$tests/$2" </dev/null
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -c '^ok ' <<<"$output")" -eq "$3" ]
}

on_ranks() {
    passes "$1" test_comm 10
    passes "$1" test_tree_sum 7
}

@test "comm on 1 rank" { on_ranks 1; }
@test "comm on 2 ranks" { on_ranks 2; }
@test "comm on 3 ranks" { on_ranks 3; }
@test "comm on 4 ranks" { on_ranks 4; }
@test "comm on 5 ranks" { on_ranks 5; }
@test "comm on 6 ranks" { on_ranks 6; }
@test "comm on 7 ranks" { on_ranks 7; }
@test "comm on 8 ranks" { on_ranks 8; }

@test "a bug on one rank ends the whole job with exit code 3" {
    run timeout 300 mpirun -n 3 "$tests/test_comm" --bug </dev/null
    echo "$output"
    [ "$status" -eq 3 ]
    [[ $output == *"test_comm.c"*"expected rank < size - 1"* ]]
}
