#!/usr/bin/env bats
# How threads share the work is chosen by rule or measured and kept; it never changes a bit.

SHORT=(--set train.steps=7 --set train.batch=100 --set train.grain=32
    --set checkpoint.every_epochs=0 --set log.every=3)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 230 60
    # batches of 100 and, at the end of an epoch, of 30 images
    train 1 "$LETTERS" "${SHORT[@]}" --run alone --tune off >alone.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# plan_of RUN: the newest plan in its log.
plan_of() {
    sed -nE 's/^plan +//p' "$1/log.txt" | tail -n 1
}

same_as_alone() {
    echo "$1: $(plan_of "$1")"
    same_run "$1/log.txt" alone/log.txt
}

# train_with RANKS THREADS RUN ...: trains the letters' network.
train_with() {
    train "$1" "$LETTERS" "${SHORT[@]}" --run "$3" --threads "$2" "${@:4}" >/dev/null
}

@test "parallel.intra with any threads and ranks gives the same bits" {
    for intra in auto batch channel hybrid; do
        for threads in 1 2 3 4; do
            train_with 1 $threads "$intra-$threads" --set parallel.intra=$intra
            same_as_alone "$intra-$threads"
            [[ $(plan_of "$intra-$threads") == *"(by rule"* ]]
        done
    done
    train_with 3 2 three --set parallel.intra=hybrid
    same_as_alone three
}

# keep_plan WORDS SPLIT: replaces the kept plans, as if this one had been measured.
keep_plan() {
    local file splits
    for file in "$XDG_CACHE_HOME"/lockstep/plan-*; do
        splits=$(sed -nE "/^threads=/{s/.* (forward=.*)/\1/; s/(=|,)[a-z]+/\1$2/g; p}" "$file")
        sed -i "s/^threads=.*/$1 $splits/" "$file"
    done
}

@test "every split of a measured plan gives the same bits" {
    for threads in 2 4; do
        rm -rf "$XDG_CACHE_HOME"
        train_with 1 $threads "measured-$threads" --tune force
        same_as_alone "measured-$threads"
        [[ $(plan_of "measured-$threads") == *"(measured now in "* ]]
        for split in auto sequential batch channel spatial filter hybrid feature element; do
            for ((lanes = 1; lanes < threads; lanes++)); do
                keep_plan "threads=$threads lanes=$lanes teams=on bucket=65536 align=1 reduce=auto" $split
                train_with 1 $threads "$split-$threads-$lanes"
                same_as_alone "$split-$threads-$lanes"
                [[ $(plan_of "$split-$threads-$lanes") == *"(measured before"* ]]
                grep -q "lanes=$lanes .* backward=.*$split" "$split-$threads-$lanes/log.txt"
            done
        done
    done
}

@test "sums in buckets of any size give the same bits" {
    rm -rf "$XDG_CACHE_HOME"
    train_with 2 1 measured --tune force
    same_as_alone measured
    for bucket in 1 20000 100000000; do
        keep_plan "threads=1 lanes=1 teams=on bucket=$bucket align=1 reduce=auto" auto
        train_with 2 1 "bucket-$bucket"
        same_as_alone "bucket-$bucket"
        [[ $(plan_of "bucket-$bucket") == *"(measured before"* ]]
    done
}

# With shares that are multiples of four grains the second rank has no work.
@test "shares of ranks that are multiples of some grains give the same bits" {
    rm -rf "$XDG_CACHE_HOME"
    train_with 2 1 unmeasured --tune force
    for align in 2 3 4; do
        keep_plan "threads=1 lanes=1 teams=on bucket=20000 align=$align reduce=auto" auto
        train_with 2 1 "align-$align"
        same_as_alone "align-$align"
        [[ $(plan_of "align-$align") == *"(measured before"* ]]
    done
}

@test "a plan is kept for its own settings only, and is stored in the checkpoint" {
    rm -rf "$XDG_CACHE_HOME"
    train_with 1 2 first --tune force
    [ "$(find "$XDG_CACHE_HOME/lockstep" -type f | wc -l)" -eq 1 ]
    train_with 1 2 again
    [[ $(plan_of again) == *"(measured before"* ]]
    train_with 1 2 ruled --tune off
    [[ $(plan_of ruled) == *"(by rule)" ]]
    train_with 1 2 smaller --set train.batch=99
    [[ $(plan_of smaller) == *"(by rule: the "*" to be "*"measur"*")" ]]
    train_with 1 2 other --tune force --set train.batch=99
    [ "$(find "$XDG_CACHE_HOME/lockstep" -type f | wc -l)" -eq 2 ]
    "$LOCKSTEP" show first | grep -q '^plan  *threads='
    h5 <<'END'
import glob, h5py
plan = h5py.File(glob.glob("first/checkpoints/step-*.h5")[0]).attrs["plan"]
assert plan.decode().startswith("threads="), plan
END
}

@test "a damaged plan is measured again, and a cache that cannot be written is tolerated" {
    rm -rf "$XDG_CACHE_HOME"
    train_with 1 2 fine --tune force
    file=$(echo "$XDG_CACHE_HOME"/lockstep/plan-*)
    sed -i '/^threads=/s/auto/rows/' "$file"
    train_with 1 2 damaged 2>damaged.err
    grep -q "^note: '$file' is damaged" damaged.err
    same_as_alone damaged
    rm -rf "$XDG_CACHE_HOME"
    : >"$XDG_CACHE_HOME"
    train_with 1 2 unkept --tune force 2>unkept.err
    grep -q '^note: the plan is not kept: ' unkept.err
    same_as_alone unkept
    rm "$XDG_CACHE_HOME"
    (
        unset HOME XDG_CACHE_HOME
        train_with 1 2 homeless --tune force
    )
    same_as_alone homeless
}

@test "bad arguments of tune are refused in one line" {
    refused 2 "plan of threads 'maybe': expected off, cached or force" \
        train 1 "$TINY" --run never --tune maybe
    refused 2 "*'intra = rows': expected auto | batch | channel | hybrid" train 1 "$TINY" --run never --set parallel.intra=rows
    refused 2 "'--batch 0': expected numbers from 1, with commas" "$LOCKSTEP" tune --batch 0
    refused 2 "*none.conf*" "$LOCKSTEP" tune none.conf
    refused 2 "*threads*" "$LOCKSTEP" tune --threads 1000000
    [ ! -e never ]
}

@test "lockstep tune measures for train" {
    rm -rf "$XDG_CACHE_HOME"
    "$LOCKSTEP" tune "$LETTERS" --threads 2 --batch 1,100 >tune.out
    [ "$(grep -c 'chosen$' tune.out)" -eq 2 ]
    grep -qE '^  conv1 +forward( +[0-9.]+){2}' tune.out
    grep -q '^2 threads that share a grain of 1 images' tune.out
    train_with 1 2 tuned
    [[ $(plan_of tuned) == *"(measured before"* ]]
    "$LOCKSTEP" tune --threads 1 >one.out
    grep -q 'nothing to choose$' one.out
    ranks 2 "$LOCKSTEP" tune --threads 1 --batch 64 >two.out
    grep -q 'buckets' two.out
    [ "$(grep -c 'chosen$' two.out)" -eq 1 ]
}

@test "a network for which one host lacks memory is refused on all ranks, without a wait" {
    echo "[model]" >huge.conf
    printf 'layer = %s\n' flatten "linear 500000" "linear classes" logsoftmax >>huge.conf
    on_ranks() {
        timeout 60 mpirun -n 2 bash -c '
            [[ $OMPI_COMM_WORLD_RANK == 1 ]] && ulimit -d 1000000
            exec "$0" "$@"' "$LOCKSTEP" "$@" </dev/null
    }
    for command in "tune huge.conf --batch 32" "bench step huge.conf --batch 32"; do
        # shellcheck disable=SC2086 # split into words
        OMP_NUM_THREADS=1 run --separate-stderr on_ranks $command --threads 1
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        grep -q '^\[rank 1 .*\] huge.conf:.: the network takes 1' <<<"$stderr"
        [ "$(grep -c 'the network takes' <<<"$stderr")" -eq 1 ]
    done
}
