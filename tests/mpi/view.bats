#!/usr/bin/env bats
# data.input: a network that sees less than the whole image. The same bits for any ranks and
# threads, in memory, by chunks and decoded; eval, predict, show and sheet see the same part.

OPTIONS=(--tune=off --set data.input=21x24 --set train.epochs=1)

# 900 images of 28x33, in colour, whose class is a tint: 2.5 MB, more than data.memory=1.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    /usr/bin/python3 - <<'END'
import os
import numpy as np
from PIL import Image
rng = np.random.default_rng(7)
for split, n in ("train", 900), ("test", 60):
    for i in range(n):
        folder = f"pictures/{split}/{'abc'[i % 3]}"
        os.makedirs(folder, exist_ok=True)
        pixels = rng.integers(0, 150, (28, 33, 3))
        pixels[:, :, i % 3] += 60
        Image.fromarray(pixels.astype("uint8")).save(f"{folder}/{i:03}.png")
END
    for store in raw encoded; do
        "$LOCKSTEP" data import pictures --out $store.h5 --size 28x33 --fit crop --store $store
    done
    cat >net.conf <<'END'
[model]
layer = conv 4 kernel=3
layer = maxpool 3
layer = gelu
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
batch = 90
grain = 8
[optim]
kind = sgd
lr = 0.02
END
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# learn SET RANKS OPTION...
learn() {
    train "$2" net.conf "${OPTIONS[@]}" --data "$1.h5" "${@:3}"
}

# answers FILE: file and answer of eval for the test pictures, in the order of the set.
answers() {
    h5 "$1" raw.h5 <<'END'
paths = bytes(f[1]["test/paths"][:]).split(b"\0")
for path, row in zip(paths, f[0]["logprobs"][:]):
    p = np.exp(row.astype(float))
    print("pictures/" + path.decode() + ":" + "".join(
        "  %s %.1f %%" % ("abc"[c], 100 * p[c]) for c in np.argsort(-p, kind="stable")))
END
}

@test "ranks, threads, prefetching, chunks and encoded sets give the same state" {
    local crop
    for crop in "" augment.random_crop=on augment.resized_crop=0.3; do
        local set=(--set augment.flip=random)
        [[ $crop ]] && set+=(--set "$crop")
        learn raw 1 "${set[@]}" --run one --set data.prefetch=0 >"one$crop.out"
        grep -q 'test images 28x33 RGB, of which the network sees 21x24, 3 classes' "one$crop.out"
        learn raw 2 "${set[@]}" --run two --threads 2 --set data.memory=1 >two.out
        same_run "one$crop.out" two.out
        learn encoded 2 "${set[@]}" --run three --set data.prefetch=2 >three.out
        same_state "one$crop.out" three.out
        learn encoded 1 "${set[@]}" --run four --threads 2 >four.out
        same_state "one$crop.out" four.out
        rm -r one two three four
    done
    other_state one.out oneaugment.random_crop=on.out
    other_state one.out oneaugment.resized_crop=0.3.out
    other_state oneaugment.random_crop=on.out oneaugment.resized_crop=0.3.out
}

@test "without a crop of its own, training takes the centre, as from a set of the centres" {
    h5 raw.h5 <<'END'
with h5py.File("centre.h5", "w") as out:
    for split in "train", "test":
        out[split + "/images"] = f[0][split + "/images"][:, 4:25, 4:28]  # 3.5 and 4.5: 4
        out[split + "/labels"] = f[0][split + "/labels"][:]
    for key in "classes", "source", "mean", "std", "format_version":
        out.attrs[key] = f[0].attrs[key]
    out.attrs["hash"] = "0123456789abcdef"
END
    learn raw 1 --run whole >whole.out
    learn centre 1 --run centre --set data.input= >centre.out
    same_state whole.out centre.out
    same_text "$(grep '^eval step' whole.out)" "$(grep '^eval step' centre.out)"
}

@test "eval, predict and show agree on the part of a picture" {
    learn raw 1 --run run >/dev/null
    for store in raw encoded; do
        "$LOCKSTEP" eval run --data $store.h5 --out $store-answers.h5 >/dev/null
        answers $store-answers.h5 >$store
    done
    [ "$(wc -l <raw)" -eq 60 ]
    diff raw encoded
    cut -d: -f1 raw | "$LOCKSTEP" predict run --from - >predicted
    diff raw predicted
    "$LOCKSTEP" show run >shown
    grep -q '^data        28x33 RGB images' shown
    grep -qx 'input       21x24: the centre of each image' shown
    grep -q ' data.input=21x24' shown
}

@test "a run is not resumed with another input" {
    learn raw 1 --run run --set train.steps=3 >/dev/null
    refused 2 "cannot resume: data.input was '21x24' and is now '21'*" \
        train 1 net.conf "${OPTIONS[@]}" --data raw.h5 --run run --resume --set data.input=21
}

@test "a sheet shows the network's input" {
    printf '[data]\ninput = 21x24\n[augment]\nrandom_crop = on\n' >part.conf
    cat net.conf >>part.conf
    "$LOCKSTEP" data sheet raw.h5 --augmented part.conf --per-class 4 --out sheet.png
    [[ $(file -b sheet.png) == "PNG image data, $((2 + 4 * 26)) x $((2 + 3 * 23)), 8-bit/color"* ]]
}

@test "an input larger than the images, and one that is no size, end with 2" {
    local larger="data.input = 21x34 is larger than the images of 'raw.h5', which are 28x33; *"
    refused 2 "$larger" learn raw 1 --run run --set data.input=21x34
    [ ! -e run/checkpoints ]
    printf '[data]\ninput = 29\n' | cat - net.conf >large.conf
    refused 2 "data.input = 29x29 is larger than the images of 'raw.h5', which are 28x33; *" \
        "$LOCKSTEP" data sheet raw.h5 --augmented large.conf --out sheet.png
    refused 2 "data.input = 29x29 is larger than the images of 'the built-in letters', *" \
        "$LOCKSTEP" bench layers large.conf
    local value
    for value in 0 -1 21x 21x24x3 4097 wide; do
        refused 2 "*'input = $value': expected pixels, like 28 or 32x24, up to 4096*" \
            learn raw 1 --run run --set data.input=$value
    done
}
