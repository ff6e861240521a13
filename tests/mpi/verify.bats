#!/usr/bin/env bats
# Images are compared with their hashes whenever they are read: a data set of which a copy
# lost or changed parts is not trained on.
# Core: part of `make test`.

# 1,600 letters do not fit into 1 MB: they are read batch by batch.
DISK=(--set data.memory=1)
SHORT=(--set train.epochs=1 --set checkpoint.keep_best=off)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 1600 52
    /usr/bin/python3 - <<'END'
import h5py, shutil
def harm(name, what):
    shutil.copy("letters.h5", name + ".h5")
    with h5py.File(name + ".h5", "r+") as f:
        what(f)
def images(f): f["train/images"][700:704] = 0
def labels(f): f["train/labels"][1201:1260] = 0
def bit(f): f["train/images"][1599, 27, 27] ^= 1
def test_bit(f): f["test/images"][3, 14, 14] ^= 128
def old(f):
    for split in "train", "test":
        del f[split + "/hashes"]
for kind in images, labels, bit, test_bit, old:
    harm(kind.__name__, kind)
    harm("old_" + kind.__name__, lambda f: (kind(f), kind is old or old(f)))
END
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# spoilt RANKS SET TEXT OPTION...: training on the set ends with one line that has the text.
spoilt() {
    local start=(mpirun -n "$1") said
    (($1 == 1)) && start=()
    run "${start[@]}" "$LOCKSTEP" train "$TINY" --data "$2" --threads 1 --run "run-$2-$1" \
        "${SHORT[@]}" "${@:4}" </dev/null
    echo "status $status, wanted '$3': $output"
    [ "$status" -eq 1 ]
    said=$(grep '^lockstep: ' <<<"$output")
    [[ $said != *$'\n'* ]]
    # shellcheck disable=SC2053
    [[ $said == "lockstep: "$3 ]]
}

@test "zeros in images, zeros for labels and a single bit are found while a set is loaded" {
    spoilt 1 images.h5 "'images.h5' is damaged: of 1600 train images*, 4 are not*image 700;*"
    spoilt 2 images.h5 "'images.h5' is damaged: of 1600 train images*, 4 are not*image 700;*"
    # two or three of the 59 labels were 0 before
    spoilt 1 labels.h5 "'labels.h5' is damaged: of 1600 train images*, 5[67] are not*"
    spoilt 2 bit.h5 "'bit.h5' is damaged: of 1600 train images*, 1 are not*image 1599;*"
    spoilt 1 test_bit.h5 "'test_bit.h5' is damaged: of 52 test images*, 1 are not*image 3;*"
    [ ! -e run-images.h5-1 ]
}

# Rank 0 or 1 may be the one that reads the image. The run keeps its last checkpoint.
@test "of a set that is read batch by batch, damage ends the run when it is read" {
    spoilt 1 images.h5 "*'images.h5' is damaged: of 100 train images*" "${DISK[@]}"
    spoilt 1 labels.h5 "*'labels.h5' is damaged: of 100 train images*" "${DISK[@]}"
    spoilt 1 bit.h5 "*'bit.h5' is damaged: *, 1 are not*image 1599;*" "${DISK[@]}" \
        --set checkpoint.every_steps=1 --set data.prefetch=0
    spoilt 2 bit.h5 "*'bit.h5' is damaged: *, 1 are not*image 1599;*" "${DISK[@]}"
    spoilt 3 bit.h5 "*'bit.h5' is damaged: *, 1 are not*image 1599;*" "${DISK[@]}"
}

@test "sets without hashes of images are compared as a whole, or a note says that they are not" {
    train 1 "$TINY" --data old.h5 --run old "${SHORT[@]}" >old.out 2>old.err
    run -1 grep 'holds no hashes' old.err
    train 2 "$TINY" --run new "${SHORT[@]}" >new.out
    same_state old.out new.out
    local how="is damaged: its images, labels or classes are not as they were written; *"
    spoilt 1 old_bit.h5 "'old_bit.h5' $how"
    spoilt 2 old_labels.h5 "'old_labels.h5' $how"
    spoilt 1 old_test_bit.h5 "'old_test_bit.h5' $how"
    train 1 "$TINY" --data old_bit.h5 --run disk "${SHORT[@]}" "${DISK[@]}" >/dev/null 2>disk.err
    grep "^note: 'old_bit.h5' holds no hashes .* --verify' looks for it" disk.err
    /usr/bin/python3 -c 'import h5py; f = h5py.File("old.h5", "r+"); del f.attrs["hash_kind"]'
    train 1 "$TINY" --data old.h5 --run other "${SHORT[@]}" >/dev/null 2>other.err
    [ "$(grep -c "^note: 'old.h5' holds no hashes .* would not be noticed$" other.err)" -eq 1 ]
}

@test "--no-verify and data.verify = off use a damaged set as it is" {
    train 1 "$TINY" --data bit.h5 --run a "${SHORT[@]}" --no-verify >a.out
    train 2 "$TINY" --data old_bit.h5 --run b "${SHORT[@]}" --set data.verify=off >b.out 2>b.err
    train 1 "$TINY" --data bit.h5 --run c "${SHORT[@]}" "${DISK[@]}" --no-verify >c.out
    same_state a.out b.out c.out
    run -1 grep 'holds no hashes' b.err
    refused 1 "'test_bit.h5' is damaged*" "$LOCKSTEP" eval a --data test_bit.h5
    "$LOCKSTEP" eval a --data test_bit.h5 --no-verify
    "$LOCKSTEP" eval a --data images.h5
}

@test "commands that look at images find the damage, too" {
    refused 1 "'images.h5' is damaged: *image 700;*" "$LOCKSTEP" data export images.h5 out
    refused 1 "'old_images.h5' is damaged: *" "$LOCKSTEP" data export old_images.h5 out2
    [ ! -e out2 ]
    refused 1 "'test_bit.h5' is damaged: of * test images*" \
        "$LOCKSTEP" data sheet test_bit.h5 --out sheet.png
    "$LOCKSTEP" data sheet test_bit.h5 --out sheet.png --no-verify
    cp bit.h5 before.h5
    refused 1 "'bit.h5' is damaged: *image 1599;*" "$LOCKSTEP" data split bit.h5 --val 10%
    refused 1 "'old_labels.h5' is damaged: *" "$LOCKSTEP" data split old_labels.h5 --val 10%
    cmp bit.h5 before.h5
    "$LOCKSTEP" data export images.h5 rescued --no-verify
    [ "$(find rescued -name '*.png' | wc -l)" -eq 1652 ]
}

@test "info --verify says which images are damaged; a split keeps the hashes right" {
    refused 1 "data set 'images.h5' is damaged: its content has the hash *" \
        "$LOCKSTEP" data info images.h5 --verify
    grep -x 'damaged: 4 of 1600 train images, or their labels; the first is image 700' \
        <<<"$output"
    "$LOCKSTEP" data split letters.h5 --val 10%
    "$LOCKSTEP" data info letters.h5 --verify
    /usr/bin/python3 - <<'END'
import h5py
with h5py.File("letters.h5", "r+") as f:
    assert [len(f[s + "/hashes"]) for s in ("train", "val", "test")] == [1444, 156, 52]
    f["val/hashes"][5] = 1
END
    refused 1 "data set 'letters.h5' is damaged: *the hashes of its images are others" \
        "$LOCKSTEP" data info letters.h5 --verify
    grep 'damaged: 1 of .* val images, or their labels; the first is image 5' <<<"$output"
}

@test "hashes of another number or type are refused" {
    cp letters.h5 short.h5
    cp letters.h5 wide.h5
    /usr/bin/python3 - <<'END'
import h5py
for name, change in (("short", lambda x: x[1:]), ("wide", lambda x: x.astype("int32"))):
    with h5py.File(name + ".h5", "r+") as f:
        x = f["train/hashes"][:]
        del f["train/hashes"]
        f["train/hashes"] = change(x)
END
    for name in short wide; do
        refused 1 "'/train/hashes' in '$name.h5' does not hold a hash for each of 1600 images*" \
            "$LOCKSTEP" data info $name.h5
    done
}
