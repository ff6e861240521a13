#!/usr/bin/env bats
# A residual network with batch normalisation has the same bits for any number of ranks, threads
# and stages, and after a run that was resumed on another layout.
# Core: part of `make test`.

# 47 images in grains of 8: 6 grains of 8, 8, 8, 8, 8 and 7. The last batch of an epoch of 100
# has 6 images.
OPTIONS=(--set train.batch=47 --set train.grain=8 --set train.steps=12 --set log.every=4
    --set checkpoint.keep_best=off --set optim.lr=0.02 --set schedule.kind=constant
    --set train.clip=5 --tune=off)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 100 40
    cp "$BATS_TEST_DIRNAME/graph.conf" .
    graph reference 1
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# graph RUN RANKS OPTION...
graph() {
    train "$2" graph.conf --run "$1" "${OPTIONS[@]}" "${@:3}" >"$1.out"
}

same_as_reference() {
    same_run "$1.out" reference.out
}

@test "ranks, threads and splits do not change the bits of a residual network" {
    graph ranks 3
    same_as_reference ranks
    graph threads 2 --threads 2
    same_as_reference threads
    graph teams 1 --threads 9 --set parallel.intra=channel
    same_as_reference teams
}

@test "stages are cut between residual blocks, with the same bits" {
    graph two 2 --set parallel.pipeline=2
    same_as_reference two
    grep -qE '^pipeline .* \| ' two.out
    graph named 3 --set parallel.pipeline=3 \
        --set 'parallel.stages=conv1+a.conv1 | b.0.conv1+b.1.conv1 | linear1+linear2'
    same_as_reference named
    refused 2 "parallel.stages: 'a.conv2' is not where a stage can begin: it goes with 'a.conv1'*" \
        graph bad 1 --check --set parallel.pipeline=2 \
        --set 'parallel.stages=conv1+a.conv1+a.conv2 | b.0.conv1+b.1.conv1+linear1+linear2'
}

@test "a run that stops and goes on elsewhere has the same bits and running statistics" {
    graph stopped 2 --set train.steps=5
    mv stopped.out first.out
    graph stopped 3 --resume
    same_state stopped.out reference.out
    other_state first.out reference.out
    h5dump -d /weights/a.bn1/running_var stopped/checkpoints/step-*12.h5 | sed 1d >stopped.var
    h5dump -d /weights/a.bn1/running_var reference/checkpoints/step-*12.h5 | sed 1d >all.var
    grep -q '(0):' all.var
    cmp stopped.var all.var
}

@test "what batchnorm makes of small grains is said" {
    graph small 1 --set train.batch=9 --set train.grain=3 --set train.steps=1 2>small.err
    grep -q 'batchnorm takes its statistics over grains of 3 images' small.out small.err
    grep -q 'the last batch of an epoch is of one image' small.out small.err
    graph single 1 --set train.batch=2 --set train.grain=1 --set train.steps=1 \
        --set optim.lr=0.001 2>single.err
    [ "$(cat single.out single.err | grep -c 'batchnorm uses its running')" -eq 1 ]
    cat single.out single.err | grep -q 'note: grains are of one image: batchnorm'
    ! grep -q 'make them noisy' single.out single.err
}
