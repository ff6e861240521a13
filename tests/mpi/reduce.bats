#!/usr/bin/env bats
# Every algorithm by which ranks sum a gradient gives the same bits (the sums themselves:
# tests/unit/comm/test_tree_sum.c); what `lockstep bench reduce` measures and `lockstep tune`
# tries. Speed is not tested.
# Core: part of `make test`.

# 71 samples make 7 grains; the 22nd batch has 9 samples, in one grain.
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=24 --set log.every=6
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off)
ALGORITHMS=(shared slices halving doubling)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1500 70
    train 1 "$LETTERS" --run reference "${OPTIONS[@]}" >reference.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# same RANKS ALGORITHM OPTION...: training gives the results of one rank.
same() {
    local run=$2-$1
    train "$1" "$LETTERS" --run "$run" "${OPTIONS[@]}" \
        --set parallel.reduce="$2" "${@:3}" >"$run.out"
    same_run reference.out "$run.out"
}

@test "every algorithm gives the same state on 2, 3 and 6 ranks" {
    for ranks in 2 3 6; do
        for algorithm in "${ALGORITHMS[@]}"; do
            same $ranks $algorithm
            grep -q "^reduce  *$algorithm, in pieces of 262 kB$" $algorithm-$ranks.out
        done
    done
}

@test "more ranks than grains and several threads give the same state" {
    same 8 shared
    same 8 halving
    same 3 auto --threads 2
    same 4 shared --threads 2
}

# Without overlap the ranks wait for all sums.
@test "parallel.overlap = off gives the same state and hides no sum" {
    same 2 slices --set parallel.overlap=off --run apart
    same 3 auto --threads 2 --set parallel.overlap=off --run apart-3
    grep -q '^config .* parallel.overlap=off' slices-2.out
    [ "$(sed -nE 's/^ +[0-9]+ +[0-9]+\.[0-9]+ .* ([0-9.]+)$/\1/p' slices-2.out |
        awk '$1 > 0' | wc -l)" -eq 0 ]
}

@test "an algorithm that does not apply to these ranks is not used" {
    same 1 shared
    run -1 grep -q '^reduce ' shared-1.out
    same 2 levels
    grep -q '^reduce .* (levels does not apply)$' levels-2.out
}

@test "unknown algorithms are refused" {
    refused 2 "*'reduce = ring': expected auto | shared | levels | levels-halving | levels-doubling | slices | halving | doubling" \
        train 1 "$TINY" --run never --set parallel.reduce=ring
    [ ! -e never ]
}

@test "bench reduce measures every algorithm and MPI_Allreduce, and marks the chosen one" {
    ranks 2 "$LOCKSTEP" bench reduce --bytes 4096,100004 --repeats 2 >out
    cat out
    for name in "${ALGORITHMS[@]}" MPI_Allreduce; do
        [ "$(grep -Ec "^ +2 +(4096|100004) +$name +[0-9]+\.[0-9] " out)" -eq 2 ]
    done
    [ "$(grep -c 'chosen$' out)" -eq 2 ]
}

@test "bench reduce --json prints JSON, also for more grains than ranks" {
    ranks 3 "$LOCKSTEP" bench reduce --bytes 4096 --grains 7 --repeats 3 --json >out.json
    /usr/bin/python3 - "${ALGORITHMS[@]}" MPI_Allreduce <<'END'
import json, sys
rows = json.load(open("out.json"))
assert sorted(row["algorithm"] for row in rows) == sorted(sys.argv[1:]), rows
assert sum(row["chosen"] for row in rows) == 1, rows
for row in rows:
    assert row["ranks"] == 3 and row["grains"] == 7 and row["bytes"] == 4096, row
    assert 0 < row["low"] <= row["seconds"] <= row["high"], row
    rate = row["bytes"] / row["seconds"] / 1e9
    assert abs(row["gigabytes_per_second"] - rate) < 1e-3 + 0.01 * rate, row
END
}

@test "bench reduce refuses bad arguments" {
    refused 2 "'bench reduce' needs several ranks: run it under mpirun" "$LOCKSTEP" bench reduce
    for list in 0 6 -4 '4096,' 4e3 99999999999; do
        refused 2 "'--bytes $list': expected multiples of 4*" \
            "$LOCKSTEP" bench reduce "--bytes=$list"
    done
}

@test "tune tries the algorithms that apply" {
    ranks 2 "$LOCKSTEP" tune --threads 1 --batch 64 >tune.out
    cat tune.out
    for name in slices halving doubling; do grep -q " $name " tune.out; done
    [ "$(grep -c 'chosen$' tune.out)" -eq 1 ]
}
