#!/usr/bin/env bats
# Data sets that hold the pictures' files: the same images as in a set of pixels, decoded by
# the threads that use them; the same bits for any of them.

SHORT=(--set train.epochs=1 --set checkpoint.keep_best=off)

# 180 pictures of four kinds and several sizes, turned by EXIF, grey or in colour; the largest
# are decoded at half their size.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    /usr/bin/python3 - <<'END'
import os
import numpy as np
from PIL import Image
rng = np.random.default_rng(7)
for split, n in ("train", 120), ("test", 60):
    for i in range(n):
        folder = f"pictures/{split}/{'abc'[i % 3]}"
        os.makedirs(folder, exist_ok=True)
        h, w = ((120, 160), (240, 320), (250, 190), (56, 40))[i % 4]
        y, x = np.mgrid[0:h, 0:w]
        base = 128 + 80 * np.sin(x / (3 + i % 3 * 4) + i) * np.cos(y / (5 + i % 7))
        pixels = base[:, :, None] + rng.normal(0, 30, (h, w, 3))
        image = Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))
        name = f"{folder}/{i:03}."
        if i % 10 == 9:
            image.save(name + "png")
        elif i % 10 == 8:
            image.save(name + "webp", quality=80)
        elif i % 10 == 7:
            image.save(name + "tif", compression="tiff_lzw")
        elif i % 10 == 6:
            image.convert("L").save(name + "jpg", quality=90)
        else:
            exif = Image.Exif()
            exif[0x0112] = 1 + i % 8
            image.save(name + "jpg", quality=90, exif=exif, progressive=i % 3 == 0)
END
    for store in raw encoded; do
        "$LOCKSTEP" data import pictures --out $store.h5 --size 56 --fit crop --store $store
    done
    cat >net.conf <<'END'
[model]
layer = conv 4 kernel=3
layer = maxpool 4
layer = gelu
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
batch = 30
grain = 4
[optim]
kind = sgd
lr = 0.01
[augment]
flip = random
crop = 4
END
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# learn SET RANKS OPTION...
learn() {
    train "$2" net.conf "${SHORT[@]}" --data "$1.h5" "${@:3}"
}

@test "pixels and files give the same state on 1, 2, 3 ranks and 1, 2 threads, prefetch 0 and 4" {
    learn raw 1 --run reference --set data.prefetch=0 >reference.out
    local i=0 outs=()
    for layout in "1 1 4 0" "1 2 0 0" "1 2 4 1" "2 1 0 1" "2 2 4 0" "3 1 4 1" "3 2 0 0"; do
        read -r ranks threads depth memory <<<"$layout"
        for store in raw encoded; do
            ((i += 1))
            learn $store "$ranks" --run $i --threads "$threads" \
                --set "data.prefetch=$depth" --set "data.memory=$memory" >$i.out
            outs+=("$i.out")
        done
    done
    same_run reference.out "${outs[@]}"
    grep -q '^data .* on disk,' 6.out # --set data.memory=1: neither store fits
    grep -q '^data .* on disk,' 5.out
}

@test "eval, sheet, export, split and plan know the files" {
    learn encoded 1 --run e >e.out
    "$LOCKSTEP" eval e --data raw.h5 --threads 1 | grep -o 'accuracy .* loss [0-9.]*' >raw.eval
    mpirun -n 2 "$LOCKSTEP" eval e --data encoded.h5 --threads 1 </dev/null |
        grep -o 'accuracy .* loss [0-9.]*' >encoded.eval
    cmp raw.eval encoded.eval
    for store in raw encoded; do
        "$LOCKSTEP" data sheet $store.h5 --out $store.png
        "$LOCKSTEP" data sheet $store.h5 --out $store-a.png --augmented net.conf
        "$LOCKSTEP" data export $store.h5 $store.out
        "$LOCKSTEP" data split $store.h5 --val 20% --seed 3
        "$LOCKSTEP" data info $store.h5 --verify >$store.info
        "$LOCKSTEP" data export $store.h5 $store.val
        learn $store 2 --run val-$store >val-$store.log
    done
    cmp raw.png encoded.png
    cmp raw-a.png encoded-a.png
    diff -r raw.out encoded.out
    diff -r raw.val encoded.val
    same_run val-raw.log val-encoded.log
    grep -E '^store +encoded, [0-9.]+ MB of files$' encoded.info
    diff <(grep -vE '^(data set|hash|store)' raw.info) \
        <(grep -vE '^(data set|hash|store)' encoded.info)
    "$LOCKSTEP" plan net.conf --data encoded.h5 --ranks 1,2 --network 10Gbit,20us --threads 1
}

@test "predict sees a picture as the import made it" {
    learn encoded 1 --run e >e.out
    # the same picture, as the set has it
    "$LOCKSTEP" data export raw.h5 out
    file=$(/usr/bin/python3 -c '
import h5py
print(bytes(h5py.File("raw.h5")["test/paths"][:]).split(b"\0")[1].decode())')
    "$LOCKSTEP" predict e "pictures/$file" | sed 's/^[^:]*//' >a
    "$LOCKSTEP" predict e out/test/a/000001.png | sed 's/^[^:]*//' >b
    cmp a b
}

@test "data import --store: words, auto, equal pictures, kinds without files" {
    refused 2 "*'--store files': expected auto, raw or encoded" \
        "$LOCKSTEP" data import pictures --out x.h5 --size 56 --store files
    cp pictures/train/a/000.jpg pictures/train/a/copy.jpg
    "$LOCKSTEP" data import pictures --out x.h5 --size 56 --store encoded --dedupe >x.out
    grep '120 training, 0 validation and 60 test' x.out
    "$LOCKSTEP" data import pictures --out auto.h5 --size 56
    run -1 grep -q '^store' <("$LOCKSTEP" data info auto.h5)
    printf '0,1,2,3,4\n1,5,6,7,8\n' >table.csv
    refused 2 "*'table.csv' is a table of pixels: --store makes no sense" \
        "$LOCKSTEP" data import table.csv --out t.h5 --store encoded
}

# hostile NAME TEXT CODE: encoded.h5, changed by Python CODE on f; one line with TEXT (a regular
# expression) ends the training, also on two ranks that read batch by batch.
hostile() {
    cp encoded.h5 "$1.h5"
    /usr/bin/python3 -c 'import sys, h5py, numpy as np
f = h5py.File(sys.argv[1], "r+")
exec(sys.argv[2])' "$1.h5" "$3"
    for layout in "1 0" "2 1"; do
        run learn "$1" "${layout% *}" --run "$1-${layout% *}" --set "data.memory=${layout#* }" \
            --set checkpoint.every_steps=1
        echo "$output"
        [ "$status" -eq 1 ]
        [ "$(grep -cE "'$1.h5'$2" <<<"$output")" -eq 1 ]
    done
}

@test "files and offsets that are wrong end in one line" {
    hostile back " is damaged: element 5 of '/train/offsets', 3, " 'f["train/offsets"][5] = 3'
    hostile beyond " is damaged: element 120 of '/train/offsets', " \
        'f["train/offsets"][120] = 1 << 60'
    hostile nothing " is damaged: element 10 of '/train/offsets', " \
        'f["train/offsets"][10] = f["train/offsets"][9]'
    hostile flip " is damaged: .* the first is image 7, of 'train/a/" \
        'i = int(f["train/offsets"][7]) + 200; f["train/encoded"][i] ^= 4'
    hostile size " holds images of 0 x 56 pixels of 3 channels" 'f.attrs["height"] = 0'
    hostile few " holds 118 train images but 120 labels" \
        'o = f["train/offsets"][:-2]; del f["train/offsets"]; f["train/offsets"] = o'
}

@test "a picture that cannot be decoded ends the run at its step, with its path" {
    local trust='
for s in "train", "test": del f[s + "/hashes"]
del f.attrs["hash_kind"]'
    hostile broken ", train image 7, of 'train/a/.*.jpg': " \
        'a, b = map(int, f["train/offsets"][7:9]); f["train/encoded"][a + 4:b] = 0 * f["train/encoded"][a + 4:b]'"$trust"
    refused 1 "'broken.h5', train image 7, of *" "$LOCKSTEP" data export broken.h5 out
    refused 1 "'broken.h5', train image 7, of *" "$LOCKSTEP" data split broken.h5 --val 50%
    learn encoded 1 --run e >e.out
    run mpirun -n 2 "$LOCKSTEP" eval e --data broken.h5 --split train --threads 1 </dev/null
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -c "'broken.h5', train image 7, of 'train/a/" <<<"$output")" -eq 1 ]
}

@test "another decoder is noted when a run is resumed" {
    learn encoded 1 --run r --set train.epochs=2 --set train.steps=2 >/dev/null
    /usr/bin/python3 - <<'END'
import h5py, glob
f = h5py.File(sorted(glob.glob("r/checkpoints/step-*.h5"))[-1], "r+")
decoder = f.attrs["decoder"]
assert b"libjpeg-turbo " in (decoder if isinstance(decoder, bytes) else decoder.encode()), decoder
f.attrs["decoder"] = b"libjpeg-turbo 1.0.0"
END
    learn encoded 1 --run r --set train.steps=4 --resume >/dev/null 2>err
    grep '^note: pictures are decoded by libjpeg-turbo .* now, and were by libjpeg-turbo 1.0.0' err
    learn encoded 1 --run r --set train.steps=5 --resume >/dev/null 2>err
    run -1 grep 'decoded by' err
}

@test "flowers of 224 x 224 give the same state from pixels and from files" {
    flowers=${LOCKSTEP_DATA:-$ROOT/../shared/data}/flowers/flowers12.tar
    [ -e "$flowers" ] || skip "no $flowers"
    mkdir flowers
    tar -xf "$flowers" -C flowers
    for store in raw encoded; do
        "$LOCKSTEP" data import flowers --out f-$store.h5 --store $store
        learn f-$store 2 --run f-$store --set train.steps=2 >f-$store.out
    done
    same_run f-raw.out f-encoded.out
}
