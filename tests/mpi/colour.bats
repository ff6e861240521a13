#!/usr/bin/env bats
# A network of RGB images has the same bits for any number of ranks and threads, for images in
# memory and read by chunks, with and without prefetching.
# Core: part of `make test`.

# 900 images of 24x24 RGB are 1.6 MB: more than data.memory=1. 71 images in grains of 11 make
# 7 grains. All that augmentation can draw is drawn.
OPTIONS=(--set train.batch=71 --set train.grain=11 --set train.steps=30 --set log.every=7
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off
    --set schedule.kind=constant --set optim.lr=0.005 --set augment.flip=alternate --set augment.crop=3
    --set augment.rotate=10 --set augment.resized_crop=0.5 --set augment.brightness=0.2
    --set augment.contrast=0.2 --set augment.saturation=0.3 --set augment.hue=0.1
    --set augment.erase=0.3 --set augment.shift=10% --set augment.randaugment=2
    --set augment.magnitude=5 --set data.shift_x=1)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    tinted colour.h5 24x24 150 40 train=900 val=90 test=60
    colour reference 1 --threads 1 --set data.prefetch=0
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# colour RUN RANKS OPTION...
colour() {
    mpirun -n "$2" "$LOCKSTEP" train "$ROOT/configs/cifar-small.conf" --data colour.h5 \
        --run "$1" "${OPTIONS[@]}" "${@:3}" >"$1.out" </dev/null
}

# same RUN RANKS OPTION...: gives the results of the reference.
same() {
    colour "$@"
    same_run reference.out "$1.out"
}

@test "the reference evaluates on val, and augments" {
    grep -q '^data .* 900 train + 90 val + 60 test images 24x24 RGB, 3 classes' reference.out
    grep -q '^eval step 13 .* of 90)' reference.out
    grep -q ' augment.hue=0.1' reference.out
    colour plain 1 --threads 1 --set augment.hue=0
    other_state plain.out reference.out
}

@test "1, 2 and 3 ranks of one and two threads give the same state" {
    for ranks in 1 2 3; do
        for threads in 1 2; do
            same "r$ranks-t$threads" $ranks --threads $threads
        done
    done
}

@test "prefetch of 0 and 4 batches, in memory and by chunks, gives the same state" {
    for depth in 0 4; do
        same "memory-$depth" 2 --threads 2 --set data.prefetch=$depth
        same "chunks-$depth" 2 --threads 1 --set data.prefetch=$depth --set data.memory=1
        grep -q '^data .* on disk,' "chunks-$depth.out"
    done
}

@test "a resumed run of a colour network gives the same state" {
    colour half 1 --threads 2 --set train.steps=20 --set checkpoint.every_steps=20
    colour half 2 --threads 1 --resume
    same_state reference.out half.out
}

@test "eval and show know the channels; eval converts images of another colour" {
    colour kept 1 --threads 2 --set checkpoint.every_steps=30
    "$LOCKSTEP" eval kept --data colour.h5 --split val >one.out
    mpirun -n 3 "$LOCKSTEP" eval kept --data colour.h5 --split val --threads 1 >three.out
    same_text "$(grep -o '^accuracy.*loss [0-9.]*' one.out)" \
        "$(grep -o '^accuracy.*loss [0-9.]*' three.out)"
    "$LOCKSTEP" show kept | grep '24x24 RGB images, mean 0\.[0-9]* 0\.[0-9]* 0\.[0-9]*, std'
    h5 colour.h5 <<'END'
with h5py.File("grey.h5", "w") as out:
    for split in "train", "test":
        out[split + "/images"] = f[0][split + "/images"][:, :, :, 0]
        out[split + "/labels"] = f[0][split + "/labels"][:]
    out.attrs.update(f[0].attrs)
    out.attrs.update(mean=0.4, std=0.2)
END
    run "$LOCKSTEP" eval kept --data grey.h5
    [ "$status" -eq 0 ]
    grep -q "^note: the images of 'grey.h5' are grey, and 'kept' takes RGB ones: they are converted" \
        <<<"$output"
    grep -q '^accuracy .* of 60' <<<"$output"
}
