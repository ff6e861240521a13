#!/usr/bin/env bats
# What train notes about data and config that can be trained, but mean nothing.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 2000 200
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# notes FILE OPTION...: the notes of a check of training, without the one on val.
notes() {
    "$LOCKSTEP" train "$TINY" --check --data "$1" --threads 1 "${@:2}" 2>&1 >/dev/null |
        grep '^note: ' | grep -vE 'has no val images|would not be noticed' || :
}

# twins FILE CODE: a copy of letters.h5 changed by Python CODE, where x and y are the
# training and the test images; the labels of both go from A to Z, again and again.
twins() {
    cp letters.h5 "$1"
    /usr/bin/python3 -c '
import h5py, sys
with h5py.File(sys.argv[1], "r+") as f:
    f.attrs.pop("hash_kind", None) # made by hand: nothing vouches for its content
    for split in "train", "test":
        f[split].pop("hashes", None)
    x, y = f["train/images"], f["test/images"]
    exec(sys.argv[2])' "$1" "$2"
}

@test "nothing is noted about a usual training" {
    [ -z "$(notes letters.h5)" ]
    [ -z "$(notes letters.h5 --set augment.rotate=10 --set augment.crop=3 --set data.shift_x=-3)" ]
}

@test "a learning rate of 0 is noted" {
    [ "$(notes letters.h5 --set optim.lr=0)" = "note: optim.lr = 0: the weights stay as they are" ]
    train 1 "$TINY" --run still --set optim.lr=0 --set train.steps=1 >/dev/null 2>err
    grep -qx 'note: optim.lr = 0: the weights stay as they are' err
}

@test "options of schedule and optim that have no effect are noted" {
    local kind
    for kind in onecycle triangle; do
        [ "$(notes letters.h5 --set schedule.kind=$kind --set schedule.warmup=1)" = \
            "note: schedule.warmup has no effect: $kind rises by itself, over the first schedule.pct_start of the run" ]
    done
    [ -z "$(notes letters.h5 --set schedule.kind=cosine --set schedule.warmup=1)" ]
    # 5 steps are an epoch
    local rise=(--set train.batch=400 --set train.steps=20)
    [ "$(notes letters.h5 "${rise[@]}" --set schedule.warmup=4)" = \
        "note: the run ends within schedule.warmup = 4: the rate rises in all of its 20 steps; lower schedule.warmup" ]
    [ -z "$(notes letters.h5 "${rise[@]}" --set schedule.warmup=3.9)" ]
    [ "$(notes letters.h5 --set optim.lookahead_power=2)" = \
        "note: optim.lookahead_power has no effect without optim.lookahead" ]
    local cycle=(--set optim.lookahead=20 --set train.steps=19)
    [ "$(notes letters.h5 "${cycle[@]}")" = \
        "note: optim.lookahead = 20 is more than the run's 19 steps: it has no effect" ]
    [ "$(notes letters.h5 "${cycle[@]}" --set optim.lookahead_power=3)" = \
        "note: optim.lookahead = 20 is more than the run's 19 steps: with lookahead_power it ends with the weights it began with" ]
    [ -z "$(notes letters.h5 "${cycle[@]}" --set optim.lookahead_power=3 --set train.steps=20)" ]
}

@test "sizes that do not scale images, and a grain larger than the batch, are noted" {
    [ "$(notes letters.h5 --set data.size=64)" = \
        "note: data.size has no effect: 'letters.h5' holds images of 28x28" ]
    [ -z "$(notes letters.h5 --set data.size=28)" ]
    [ "$(notes letters.h5 --image-size 22x25)" = \
        "note: the network sees a part of 22x25 of the images of 'letters.h5', which are 28x28; to scale them, import them with --size 22x25" ]
    [ -z "$(notes letters.h5 --image-size 28)" ]
    [ "$(notes letters.h5 --set train.grain=200)" = \
        "note: train.grain = 200 is more than train.batch = 100: a step needs memory for 200 images, but has 100; lower train.grain" ]
    [ -z "$(notes letters.h5 --set train.grain=100)" ]
    [ -z "$(notes letters.h5 --set train.batch=20)" ]
    mkdir -p pics/{train,test}/{a,b}
    "$LOCKSTEP" data export letters.h5 out >/dev/null 2>&1
    cp out/train/A/* pics/train/a
    cp out/train/B/* pics/train/b
    cp out/test/A/* pics/test/a
    cp out/test/B/* pics/test/b
    ! notes pics --image-size 32 | grep -E 'data.size|sees a part|--size' || return 1
}

@test "shifts and augmentations that leave nothing of the images are noted" {
    [ "$(notes letters.h5 --set data.shift_x=28)" = \
        "note: data.shift_x = 28 and data.shift_y = 0 move the images out of sight: 64 of 64 are of one flat colour then" ]
    [[ $(notes letters.h5 --set augment.shift=400) == \
        "note: [augment] leaves nothing of the images: "*" of 64 are of one flat colour then; 'lockstep data sheet --augmented' shows them" ]]
    twins flat.h5 'x[100:] = 7'
    [[ $(notes flat.h5) == "note: "*" of 64 training images of 'flat.h5' are of one flat colour" ]]
    # the same of a set of 1.6 MB that is read from its file
    [[ $(notes flat.h5 --set data.memory=1) == "note: "*" of 64 training images of 'flat.h5' are of one flat colour" ]]
}

@test "test images that are training images are noted" {
    twins same.h5 'y[:] = x[:200]'
    [ "$(notes same.h5)" = "note: 200 of 200 test images of 'same.h5' are training images, too: the accuracy on them says little about other images" ]
    twins some.h5 'y[50:81] = x[310:341]'
    [ "$(notes some.h5)" = "note: 31 of 200 test images of 'some.h5' are training images, too: the accuracy on them says little about other images" ]
    twins few.h5 'y[50:60] = x[310:320]'
    [ -z "$(notes few.h5)" ]
    # by the hashes of a file that is not in memory
    mkdir -p same/{train,test}/{a,b}
    "$LOCKSTEP" data export letters.h5 out >/dev/null 2>&1
    cp out/test/A/* same/train/a
    cp out/test/B/* same/train/b
    cp out/test/A/* same/test/a
    cp out/test/B/* same/test/b
    "$LOCKSTEP" data import same --out folder.h5 >/dev/null 2>&1
    [[ $(notes folder.h5) == "note: "*" test images of 'folder.h5' are training images, too: "* ]]
    train 1 "$TINY" --data folder.h5 --run own --set train.steps=1 >/dev/null 2>&1
    "$LOCKSTEP" eval own --data folder.h5 2>&1 >/dev/null |
        grep -q "^note: 'own' was trained on .* of these .* images, too: the accuracy says little about other images$"
    ranks 2 "$LOCKSTEP" train "$TINY" --check --data same.h5 --threads 1 2>&1 >/dev/null |
        grep -c 'are training images, too' | grep -qx 1
}

# frozen NAME OPTION...: a run of TINY whose convolution is frozen.
frozen() {
    train 1 "$TINY" --run "$1" --freeze conv1 --set train.steps=1 "${@:2}" >"$1.out" 2>"$1.err"
}

@test "layers that are frozen before anything trained them are noted" {
    frozen bare
    grep -qx 'note: finetune.freeze = conv1: the frozen layers are random, and stay so; begin with weights that were trained: --pretrained or --init' bare.err
    frozen bare --set train.steps=2 --resume
    frozen init --init bare
    frozen pretrained --pretrained bare
    frozen check --check --init bare
    ! grep 'layers are random' {bare,init,pretrained,check}.err || return 1
    "$LOCKSTEP" lrfind "$TINY" --data letters.h5 --threads 1 --freeze conv1 --steps 20 2>&1 |
        grep -q 'the frozen layers are random'
}

@test "a run that goes on is not advised to change what must not change" {
    frozen moved --set augment.shift=2
    grep -q 'with --set train.views=4 each image has 4 views' moved.err
    frozen moved --set augment.shift=2 --set train.steps=2 --resume
    frozen check --set augment.shift=2 --check --run moved --resume
    ! grep 'train.views' {moved,check}.err || return 1
}
