#!/usr/bin/env bats
# Data sets of RGB images with a val split: info, sheet, split, and predict of networks that
# were trained on them.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    tinted rgb.h5 12x14 60 150 train=300 test=60
    cat >rgb.conf <<'END'
[model]
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
batch = 30
epochs = 5
END
    "$LOCKSTEP" train rgb.conf --data rgb.h5 --run run --threads 1 >run.out 2>run.err
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "info says the channels; a hash of another program is not damage" {
    run "$LOCKSTEP" data info rgb.h5 --verify
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *$'\nimages     12 x 14 pixels, RGB, 300 for training, 60 for testing\n'* ]]
    [[ $output == *$'\nmean, std  0.'*' 0.'*' 0.'*' | 0.'*' 0.'*' 0.'* ]]
    [[ ${lines[-1]} == "cannot be verified: the content has the hash "* ]]
}

@test "a set without val is evaluated on test, and one note says that this is optimistic" {
    [ "$(grep -c "has no val images: evaluations use test" run.err)" -eq 1 ]
    grep -q '^eval step .* of 60)' run.out
}

@test "split makes a val split, by seed, that training then chooses by" {
    cp rgb.h5 other.h5
    "$LOCKSTEP" data split rgb.h5 --val 10%
    "$LOCKSTEP" data split other.h5 --val 0.1 --seed 2
    run "$LOCKSTEP" data info rgb.h5 --verify
    echo "$output"
    [[ $output == *"270 for training, 30 for validation, 60 for testing"* ]]
    [[ $output == *$'\n  red       90   10    20\n'* ]]
    [[ ${lines[-1]} == "verified: the content has this hash" ]]
    run -1 cmp -s rgb.h5 other.h5
    "$LOCKSTEP" train rgb.conf --data rgb.h5 --run val --threads 1 >val.out 2>val.err
    grep -q '^eval step .* of 30)' val.out
    run -1 grep -q 'optimistic' val.err
    "$LOCKSTEP" eval val --data rgb.h5 --split val
    refused 1 "'rgb.h5' has 30 val images already" "$LOCKSTEP" data split rgb.h5 --val 10%
    refused 2 "how much is missing: --val 10%" "$LOCKSTEP" data split rgb.h5
    refused 2 "'--val 0': expected more than nothing" "$LOCKSTEP" data split rgb.h5 --val 0
    refused 2 "'--split dev': expected train, val or test" \
        "$LOCKSTEP" eval val --data rgb.h5 --split dev
}

@test "predict spreads grey over three channels, and knows colours" {
    h5 <<'END'
for name, colour in (("red", (200, 30, 30)), ("green", (30, 200, 30)), ("blue", (30, 30, 200))):
    with open(name + ".ppm", "wb") as out:
        out.write(b"P6 14 12 255\n" + bytes(colour) * (14 * 12))
END
    /usr/bin/python3 -c 'import PIL' || skip "no Pillow"
    /usr/bin/python3 -c '
from PIL import Image
for name in "red", "green", "blue": Image.open(name + ".ppm").save(name + ".png")
Image.new("L", (14, 12), 120).save("grey.png")'
    run "$LOCKSTEP" predict run red.png green.png blue.png grey.png
    echo "$output"
    [ "$status" -eq 0 ]
    [[ ${lines[0]} == "red.png:  red 100.0 %"* ]]
    [[ ${lines[1]} == "green.png:  green 100.0 %"* ]]
    [[ ${lines[2]} == "blue.png:  blue 100.0 %"* ]]
    [[ ${lines[3]} == "grey.png:  "* ]]
    refused 2 "--crop looks for light ink: *" "$LOCKSTEP" predict run --crop red.png
}

@test "sheet is in colour; it shows some of many classes, and what the network sees" {
    run "$LOCKSTEP" data sheet rgb.h5 --out a.png --per-class 4 --classes 2
    echo "$output"
    [ "$output" = "a.png: a row for each of the first 2 of 3 classes, 'red' to 'green', up to 4 test images each
  row  class  images
    1  red        20
    2  green      20" ]
    printf '[augment]\nflip = random\nfill = mean\n' >>rgb.conf
    run "$LOCKSTEP" data sheet rgb.h5 --out b.png --per-class 4 --augmented rgb.conf
    echo "$output"
    [[ ${lines[0]} == *"up to 4 train images each, as the network sees them in the first epoch" ]]
    [[ ${lines[4]} == "    3  blue      100" ]]
    /usr/bin/python3 -c 'import PIL' || skip "no Pillow"
    h5 rgb.h5 <<'END'
from PIL import Image
sheet = np.array(Image.open("a.png"))
assert sheet.shape == (2 + 2 * 14, 2 + 4 * 16, 3), sheet.shape
for k in range(4):
    assert (sheet[2:14, 2 + 16 * k:16 + 16 * k] == f[0]["test/images"][3 * k]).all()
sheet = np.array(Image.open("b.png"))
flipped = 0
for k in range(4):
    cell, image = sheet[2:14, 2 + 16 * k:16 + 16 * k], f[0]["train/images"][3 * k]
    assert (cell == image).all() or (cell == image[:, ::-1]).all()
END
}
