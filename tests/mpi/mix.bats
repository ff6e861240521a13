#!/usr/bin/env bats
# Images that are mixed in pairs: the same bits for every layout.
# Core: part of `make test`.

MIX=(--set train.mixup=0.4 --set train.cutmix=1)

# Grains of 7 and less: their middle images stay alone. 590 images in batches of 100 make 6
# steps an epoch, the last of 90. The stages of a pipeline mix images in the first one and targets in the last.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 590 60
    cat >net.conf <<'END'
[model]
layer = conv 6 kernel=5 stride=2
layer = batchnorm
layer = relu
layer = conv 8 kernel=3 stride=2
layer = relu
layer = flatten
layer = dropout p=0.2
layer = linear classes
layer = logsoftmax
[train]
epochs = 2
batch = 100
grain = 7
ema = 0.9
ema_samples = 100
label_smoothing = 0.1
[optim]
lr = 0.05
momentum = 0.9
[augment]
shift = 2
END
    train 1 net.conf --run plain >plain.out
    train 1 net.conf --run mixed "${MIX[@]}" >mixed.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "ranks, threads, teams and stages have the same bits" {
    train 1 net.conf --run one "${MIX[@]}" --threads 2 --set parallel.intra=channel >one.out
    train 2 net.conf --run two "${MIX[@]}" >two.out
    train 3 net.conf --run three "${MIX[@]}" --threads 2 --set data.prefetch=2 >three.out
    train 2 net.conf --run stages "${MIX[@]}" --set parallel.pipeline=2 >stages.out
    train 3 net.conf --run long "${MIX[@]}" --set parallel.pipeline=3 --threads 2 >long.out
    same_run mixed.out one.out two.out three.out stages.out long.out
    other_state mixed.out plain.out
}

@test "a run that is stopped goes on elsewhere with the same bits" {
    train 2 net.conf --run parts "${MIX[@]}" --set train.steps=3 >parts.out
    train 1 net.conf --run parts "${MIX[@]}" --set train.steps=8 --threads 2 --resume >parts.out
    train 2 net.conf --run parts "${MIX[@]}" --set parallel.pipeline=2 --resume >parts.out
    same_state mixed.out parts.out
}

@test "a run that is killed goes on with the same bits" {
    start 2 killed net.conf "${MIX[@]}" "${ENDLESS[@]}" --set checkpoint.every_steps=4 \
        --set log.every=1
    until_lines killed 10
    kill -KILL "${PIDS[1]}"
    ended || :
    ends_as_undisturbed 1 killed net.conf "${MIX[@]}" --set checkpoint.every_steps=4 \
        --set log.every=1
}

teardown() {
    end_job
}

@test "each way alone has bits of its own, with every loss" {
    train 1 net.conf --run mixup --set train.mixup=0.4 >mixup.out
    train 1 net.conf --run cutmix --set train.cutmix=1 >cutmix.out
    other_state mixup.out cutmix.out
    other_state mixup.out mixed.out
    other_state cutmix.out mixed.out
    loss=(--set train.loss=focal --set train.class_weights=A:3)
    train 1 net.conf --run focal "${MIX[@]}" "${loss[@]}" >focal.out
    train 2 net.conf --run focal-2 "${MIX[@]}" "${loss[@]}" --set parallel.pipeline=2 >focal-2.out
    same_state focal.out focal-2.out
    other_state focal.out mixed.out
}

@test "grains of one image are refused" {
    refused 2 "train.mixup mixes the images of a grain in pairs, and train.grain = 1 leaves*" \
        train 1 net.conf --run never "${MIX[@]}" --set train.grain=1
    refused 2 "train.cutmix mixes the images of a grain in pairs, and train.batch = 1 leaves*" \
        train 1 net.conf --run never --set train.cutmix=1 --set train.batch=1
    refused 2 "--set: 'mixup = 5': *" train 1 net.conf --run never --set train.mixup=5
    [ ! -e never ]
}
