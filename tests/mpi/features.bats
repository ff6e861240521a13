#!/usr/bin/env bats
# What frozen layers make of the images, computed once and kept: the same bits as without, for
# every layout.

# 308 images in batches of 48 make 7 steps an epoch.
OPTIONS=(--set train.epochs=3 --set log.every=5 --set train.seed=7)
AUGMENT=(--set augment.shift=2 --set augment.rotate=10)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1600 60
    cat >net.conf <<'END'
[model]
layer = conv 8 kernel=3 stride=2 as=stem
layer = batchnorm
layer = relu as=early
layer = conv 8 kernel=3 pad=1 as=deep.conv
layer = batchnorm as=deep.norm
layer = relu
layer = add from=early as=deep.sum
layer = conv 16 kernel=3 stride=2 as=late
layer = batchnorm
layer = relu
layer = globalavgpool
layer = dropout p=0.3
layer = linear classes
layer = logsoftmax
[train]
batch = 48
grain = 16
[optim]
lr = 0.05
momentum = 0.9
END
    train 2 net.conf --run whole --set train.epochs=1 >whole.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    DATA=letters.h5
}

# tune RANKS NAME [OPTION...]
tune() {
    train "$1" net.conf --run "$2" --pretrained whole "${OPTIONS[@]}" "${@:3}" >"$2.out" 2>"$2.err"
}

@test "kept or computed in every step, features have the same bits for every layout" {
    for freeze in deep backbone; do
        tune 1 $freeze-off --freeze $freeze --set finetune.features=off
        tune 1 $freeze-1 --freeze $freeze
        tune 2 $freeze-2 --freeze $freeze --threads 2
        tune 3 $freeze-3 --freeze $freeze
        tune 1 $freeze-4 --freeze $freeze --threads 2 --set parallel.intra=channel
        same_run $freeze-{off,1,2,3,4}.out
        run ! grep -q '^features ' $freeze-off.out
        grep -q '^features .* train images: .* computed in' $freeze-3.out
        grep -q '^features .* test images: .* computed in' $freeze-3.out
    done
}

@test "views of an image that augmentation draws come again" {
    tune 1 views-off --freeze backbone "${AUGMENT[@]}" --set train.views=2 --set finetune.features=off
    tune 2 views-on --freeze backbone "${AUGMENT[@]}" --set train.views=2 --threads 2
    same_state views-off.out views-on.out
    grep -q '^features .* train images in 2 views: ' views-on.out
    tune 1 views-none --freeze backbone "${AUGMENT[@]}"
    other_state views-none.out views-on.out
    grep -q 'augmented anew in every epoch' views-none.err
    run ! grep -q '^features ' views-none.out
    tune 1 views-once --freeze backbone "${AUGMENT[@]}" --set train.views=3
    run ! grep -q '^features ' views-once.out # three epochs see each of them once
    same_state views-once.out views-none.out
}

@test "balanced sampling and weighted classes take the same features" {
    more=(--freeze backbone "${AUGMENT[@]}" --set train.views=2 --set data.sampling=balanced
          --set train.class_weights=auto)
    tune 1 balanced-off "${more[@]}" --set finetune.features=off
    tune 2 balanced-on "${more[@]}"
    same_run balanced-off.out balanced-on.out
    grep -q '^features ' balanced-on.out
    # the images of a small class come several times in the first epoch
    tune 1 balanced-once --freeze backbone --set data.sampling=balanced --set train.epochs=1
    tune 1 shuffled-once --freeze backbone --set train.epochs=1
    grep -q '^features ' balanced-once.out
    run ! grep -q '^features ' shuffled-once.out
    tune 1 mixed --freeze backbone --set train.mixup=0.4
    grep -q 'mix images anew' mixed.err
    run ! grep -q '^features ' mixed.out
}

@test "averaged weights and several views in evaluation have the same bits with features" {
    more=(--freeze deep --set train.ema=0.9 --set eval.views=mirror)
    tune 1 ema-off "${more[@]}" --set finetune.features=off
    tune 2 ema-on "${more[@]}"
    same_run ema-off.out ema-on.out
    grep -q '^features .* test images in 2 views: ' ema-on.out
}

@test "a run that is stopped goes on with features, or without" {
    tune 1 through --freeze backbone
    tune 2 parts --freeze backbone --set train.steps=9
    tune 1 parts --freeze backbone --set train.steps=16 --set finetune.features=off --resume
    tune 3 parts --freeze backbone --resume
    same_state through.out parts.out
}

@test "later runs find the features in files, and other ones do not" {
    keep=(--freeze backbone --set finetune.cache=kept)
    tune 2 cold "${keep[@]}"
    [ "$(ls kept | wc -l)" = 2 ]
    file=$(find kept -type f | head -n 1)
    same_text "$("$LOCKSTEP" show "$file")" "$file: a file of kept features"
    tune 1 warm "${keep[@]}"
    [ "$(grep -c '^features .* read in' warm.out)" = 2 ]
    same_state cold.out warm.out
    train 1 net.conf --run other --set train.epochs=1 --set train.seed=9 >other.out
    train 1 net.conf --run else --pretrained other "${OPTIONS[@]}" "${keep[@]}" >else.out 2>else.err
    [ "$(grep -c '^features .* computed in' else.out)" = 2 ]
    [ "$(ls kept | wc -l)" = 4 ]
    for file in kept/*; do
        truncate -s 1000 "$file"
    done
    tune 1 damaged "${keep[@]}"
    grep -q 'features are computed anew' damaged.err
    same_state cold.out damaged.out
}

@test "a changed number in a file of features is noticed" {
    keep=(--freeze backbone --set finetune.cache=kept)
    tune 1 cold "${keep[@]}"
    for file in kept/*; do
        /usr/bin/python3 -c 'import h5py, sys
with h5py.File(sys.argv[1], "r+") as f: f["features"][3, 2] += 1' "$file"
    done
    tune 2 changed "${keep[@]}"
    [ "$(grep -c "features are computed anew: 'kept/features-.*' is damaged" changed.err)" = 2 ]
    tune 1 mended "${keep[@]}"
    [ "$(grep -c '^features .* read in' mended.out)" = 2 ]
    same_state cold.out changed.out mended.out
}

@test "each view has a file: later runs compute those that are missing" {
    keep=(--freeze backbone "${AUGMENT[@]}" --set finetune.cache=kept)
    tune 2 one "${keep[@]}" --set train.views=1
    tune 1 off "${keep[@]}" --set train.views=2 --set finetune.features=off
    tune 3 two "${keep[@]}" --set train.views=2
    grep -q '^features .* train images in 2 views: .* 1 of the views computed, the others read' two.out
    [ "$(ls kept | wc -l)" = 3 ]
    same_state off.out two.out
}

@test "files that cannot be written are no reason to end" {
    keep=(--freeze backbone --set finetune.cache=kept)
    tune 1 cold "${keep[@]}"
    for file in kept/*; do
        rm "$file"
        mkdir "$file"
    done
    tune 2 unkept "${keep[@]}"
    [ "$(grep -c 'features are not kept for later runs: ' unkept.err)" = 2 ]
    same_state cold.out unkept.out
}

@test "a stop while features are computed is one for all ranks, and the run goes on" {
    tune 1 through --freeze backbone
    run -75 tune 3 late --freeze backbone --max-time 0:01
    grep -q 'features were being computed, and none are kept' late.err
    grep -q '^stopped in time for --max-time' late.out
    tune 2 late --freeze backbone --resume
    same_state through.out late.out
}

# Whether the norm is folded through the pool depends on the signs of its factors, which learn:
# one of them begins below zero, and is above it in the last evaluation.
@test "a norm that can be folded into the frozen part at times only changes no result" {
    cat >pools.conf <<'END'
[data]
channels = 1
[model]
layer = conv 6 kernel=3 as=stem
layer = maxpool 2
layer = batchnorm as=norm
layer = silu
layer = globalavgpool
layer = linear classes
layer = logsoftmax
[train]
batch = 48
grain = 16
[optim]
lr = 0.2
momentum = 0.9
END
    train 1 pools.conf --run pools --set train.epochs=1 --set train.seed=3 >pools.out
    h5 pools/checkpoints/best.h5 <<'END'
with h5py.File("below.h5", "w") as out:
    for name in "stem", "norm", "linear1":
        for tensor, values in f[0]["weights/" + name].items():
            values = values[()]
            if (name, tensor) == ("norm", "weight"):
                values[0] = -0.05
            out[f"{name}.{tensor}"] = values
END
    "$LOCKSTEP" weights import below.h5 --as pools.conf --size 28 --preprocess 40,80 --out start.h5
    more=(--pretrained start.h5 --freeze stem --set train.epochs=5 --set train.seed=5
          --set checkpoint.keep=5)
    train 1 pools.conf --run never "${more[@]}" --set finetune.features=off >never.out
    train 2 pools.conf --run kept "${more[@]}" >kept.out
    h5 kept/checkpoints/step-*.h5 <<'END'
least = [file["weights/norm/weight"][:].min() for file in f]
assert len(least) == 5 and least[0] < 0 < least[-1], least
END
    grep -q '^features .* test images' kept.out
    same_run never.out kept.out
}

@test "what cannot keep features says so, and trains" {
    tune 2 stages --freeze backbone --set parallel.pipeline=2
    grep -q 'a pipeline computes its frozen layers in every epoch' stages.err
    tune 1 plain --freeze backbone
    same_state stages.out plain.out
    tune 1 blas --freeze backbone --set train.bits=blas
    grep -q 'train.bits = blas' blas.err
    touch file
    run -2 --separate-stderr tune 1 nofolder --freeze backbone --set finetune.cache=file
}
