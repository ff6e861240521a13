#!/usr/bin/env bats
# lrfind has the same losses, bit by bit, and so the same answer, for every layout.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# find_rate NAME RANKS OPTION...: into NAME.csv and NAME.out.
find_rate() {
    mpirun -n "$2" "$LOCKSTEP" lrfind "$TINY" --data letters.h5 --out "$1.csv" \
        --set train.grain=16 --steps 50 --from 1e-4 "${@:3}" </dev/null >"$1.out"
}

@test "ranks, threads and stages do not change the losses and the suggestion" {
    find_rate one 1 --threads 1
    find_rate two 2 --threads 1
    find_rate three 3 --threads 2
    find_rate staged 2 --threads 1 --set parallel.pipeline=2
    for name in two three staged; do
        cmp one.csv $name.csv
        same_text "$(grep '^suggested' one.out)" "$(grep '^suggested' $name.out)"
    done
    find_rate other 1 --threads 1 --set train.seed=5
    other_text "$(<one.csv)" "$(<other.csv)"
}

@test "bad input ends all ranks with one message" {
    for wrong in "--out a.txt" "--from 2 --to 1" "--set train.batch=0"; do
        # shellcheck disable=SC2086 # split into words
        run mpirun -n 2 "$LOCKSTEP" lrfind "$TINY" --data letters.h5 --threads 1 $wrong
        [ "$status" -eq 2 ]
        [ "$(grep -c '^lockstep: ' <<<"$output")" -eq 1 ]
    done
}
