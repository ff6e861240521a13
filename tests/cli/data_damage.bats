#!/usr/bin/env bats
# Data sets that are not as they were written: images, labels, and what a network is told
# about them; and `lockstep data rehash`, for those that were changed on purpose.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/data.sh"
    letters letters.h5 104 52
}

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

# change FILE: a program of the user's changes the data set f; stdin.
change() {
    /usr/bin/python3 -c '
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r+") as f:
    exec(sys.stdin.read())' "$1"
}

HEAD_DAMAGED="is damaged: its mean, std, class names, size or treatment are not as they were written"

# head_refused COMMAND...: one line, about the head.
head_refused() {
    run "$LOCKSTEP" "$@"
    echo "$*: $status: $output"
    [ "$status" -eq 1 ]
    [[ $output == *"lockstep: 'letters.h5' $HEAD_DAMAGED"*"'lockstep data rehash FILE'"* ]]
}

small_run=(--set train.steps=2 --set train.batch=26 --set train.grain=13)

@test "a damaged mean or class name is refused wherever images are used" {
    train 1 "$TINY" --run good "${small_run[@]}" >good.out
    best=$(ls good/checkpoints/*.h5 | head -n 1)
    cp letters.h5 whole.h5
    for damage in 'f.attrs.modify("mean", np.float64(0.25))' \
        'f.attrs.modify("std", np.float64(0.5))' \
        'c = f.attrs["classes"]; c[3] = b"x"; f.attrs.modify("classes", c)'; do
        cp whole.h5 letters.h5
        change letters.h5 <<<"$damage"
        head_refused train "$TINY" --data letters.h5 --run bad --threads 1
        [ ! -e bad/checkpoints ]
        head_refused eval "$best" --data letters.h5 --threads 1
        head_refused data export letters.h5 out
        head_refused data sheet letters.h5 --out out.png
        head_refused data split letters.h5 --val 25%
        head_refused data info letters.h5 --verify
        [ ! -e out ] && [ ! -e out.png ]
        "$LOCKSTEP" data info letters.h5
        "$LOCKSTEP" data sheet letters.h5 --out "$RANDOM.png" --no-verify
        train 1 "$TINY" --run "bad$RANDOM" "${small_run[@]}" --no-verify >bad.out
        train 1 "$TINY" --run "bad$RANDOM" "${small_run[@]}" --set data.verify=off
    done
}

@test "ranks name a damaged head once, and the job ends" {
    change letters.h5 <<<'f.attrs.modify("mean", np.float64(0.25))'
    run train 2 "$TINY" --run bad
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -c "$HEAD_DAMAGED" <<<"$output")" -eq 1 ]
}

@test "a set without a hash of the head is read as before" {
    train 1 "$TINY" --run new "${small_run[@]}" >new.out
    change letters.h5 <<<'del f.attrs["head_hash"]'
    train 1 "$TINY" --run old "${small_run[@]}" >old.out
    same_state new.out old.out
    "$LOCKSTEP" data info letters.h5 --verify | grep '^verified'
}

@test "every command that writes a data set writes the hash of the head" {
    "$LOCKSTEP" data export letters.h5 pictures
    "$LOCKSTEP" data import pictures --out folder.h5
    "$LOCKSTEP" data import-dir pictures --out plain.h5
    "$LOCKSTEP" data import pictures --out files.h5 --store encoded
    cp folder.h5 split.h5
    "$LOCKSTEP" data split split.h5 --val 25%
    for set in letters folder plain files split; do
        h5 $set.h5 <<<'assert len(f[0].attrs["head_hash"]) == 16'
        "$LOCKSTEP" data info $set.h5 --verify | grep '^verified'
    done
    h5 files.h5 folder.h5 <<<'assert f[0].attrs["head_hash"] == f[1].attrs["head_hash"]'
    change files.h5 <<<'f.attrs.modify("treatment", f.attrs["treatment"].replace(b"range=full", b"range=auto"))'
    run "$LOCKSTEP" data sheet files.h5 --out x.png
    echo "$output"
    [[ $status -eq 1 && $output == *"$HEAD_DAMAGED"* ]]
}

@test "rehash accepts what was changed on purpose, and keeps the rest of the file" {
    run "$LOCKSTEP" data rehash letters.h5
    [ "$status" -eq 0 ]
    [ "$output" = "letters.h5: all hashes are right: nothing was changed" ]
    before=$(hash_of letters.h5)
    change letters.h5 <<'END'
f["train/labels"][17] = 4
f["test/images"][3] = 9
f.attrs.modify("mean", np.float64(0.25))
f.attrs["mine"] = "kept"
f["notes"] = [1, 2, 3]
END
    run "$LOCKSTEP" data rehash letters.h5
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"1 of 104 train images, or their labels, had other hashes"* ]]
    [[ $output == *"1 of 52 test images, or their labels, had other hashes"* ]]
    [[ $output == *"mean, std, class names, size and treatment had another hash"* ]]
    other_text "$before" "$(hash_of letters.h5)"
    [[ $output == *"new hashes are written; hash $(hash_of letters.h5)" ]]
    "$LOCKSTEP" data info letters.h5 --verify | grep '^verified'
    h5 letters.h5 <<'END'
assert f[0].attrs["mine"] == "kept" and list(f[0]["notes"]) == [1, 2, 3]
assert f[0]["train/labels"][17] == 4 and (f[0]["test/images"][3] == 9).all()
assert f[0].attrs["mean"] == 0.25
END
    train 1 "$TINY" --run r "${small_run[@]}" >r.out
    [ -z "$(compgen -G 'letters.h5.*')" ]
}

@test "rehash gives a set of another program its hashes" {
    change letters.h5 <<'END'
for name in "train/hashes", "test/hashes":
    del f[name]
del f.attrs["hash_kind"], f.attrs["head_hash"]
f.attrs["hash"] = "0123456789abcdef"
END
    run "$LOCKSTEP" data rehash letters.h5
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"images had no hashes"*"size and treatment had no hash"*"new hashes"* ]]
    "$LOCKSTEP" data info letters.h5 --verify | grep '^verified'
    change letters.h5 <<<'f["train/images"][5] = 1'
    run train 1 "$TINY" --run r
    echo "$output"
    [[ $status -eq 1 && $output == *"of 104 train images that were read, 1 are not"* ]]
}

@test "rehash refuses what is not a data set, and leaves the file when the disk is full" {
    train 1 "$TINY" --run good "${small_run[@]}" >good.out
    fails 1 "is not a data set but a checkpoint" rehash good/checkpoints/best.h5
    fails 1 "cannot open 'nowhere.h5'" rehash nowhere.h5
    fails 2 "usage: lockstep data rehash FILE" rehash
    change letters.h5 <<<'f.attrs.modify("mean", np.float64(0.25))'
    sum=$(sha256sum <letters.h5)
    run bash -c "ulimit -f 20; '$LOCKSTEP' data rehash letters.h5"
    echo "$output"
    [[ $status -eq 1 && ${#lines[@]} -eq 1 && $output == *"File too large"* ]]
    same_text "$sum" "$(sha256sum <letters.h5)"
    [ -z "$(compgen -G 'letters.h5.*')" ]
}

@test "an image of no bytes is damage" {
    "$LOCKSTEP" data export letters.h5 pictures
    "$LOCKSTEP" data import pictures --out files.h5 --store encoded
    change files.h5 <<<'f["train/offsets"][:] = 0'
    for command in "data info files.h5 --verify" "data export files.h5 out" \
        "data rehash files.h5" "train $TINY --data files.h5 --run r --no-verify"; do
        run "$LOCKSTEP" $command
        echo "$command: $output"
        [ "$status" -eq 1 ]
        [[ $output == *"'files.h5' is damaged: element 1 of '/train/offsets', 0, is not where"* ]]
    done
}
