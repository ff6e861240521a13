#!/usr/bin/env bats
# lockstep data import: outside things that fail half-way (EIO of a folder, of a list, of
# pictures and tables) end in an error, never in a smaller data set.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    strace -qq -o /dev/null -e trace=none true 2>/dev/null || skip "cannot trace"
}

# injected PATH CALL WHEN ARGUMENT...: `lockstep data ARGUMENT...`, whose calls on PATH fail
# with EIO from number WHEN on; it ends with 1 and leaves nothing.
injected() {
    run strace -f -qq -o traced -P "$1" -e trace="$2" -e inject="$2:error=EIO:when=$3+" \
        "$LOCKSTEP" data "${@:4}"
    echo "$1 $2 $3: $status: $output"
    grep -q INJECTED traced
    [ "$status" -eq 1 ]
    [ -z "$(compgen -G 'x.h5*')" ]
}

folders() {
    py <<'END'
import os, fixtures
for split in ("train", "test"):
    for c in ("cat", "dog"):
        os.makedirs("d/%s/%s/deep" % (split, c))
        for i in range(6):
            fixtures.png("d/%s/%s/%s%d.png" % (split, c, "deep/" if i > 3 else "", i),
                         [[i, len(split) + ord(c[0])], [7, 9]])
END
}

@test "a folder whose listing fails half-way is not imported in part" {
    folders
    for folder in d d/train d/test/dog d/train/cat/deep; do
        for when in 1 2; do
            injected "$folder" getdents64 $when import d --out x.h5
            [[ $output == *"cannot read folder '$folder': Input/output error"* ]]
            injected "$folder" getdents64 $when import-dir d --out x.h5
        done
    done
    run "$LOCKSTEP" data import d --out whole.h5
    [[ $output == *"whole.h5: 12 training, 0 validation and 12 test images"* ]]
}

@test "a folder that fails while it is imported for train is not cached in part" {
    folders
    export XDG_CACHE_HOME=$PWD/cache
    run strace -f -qq -o traced -P d/train/dog -e trace=getdents64 \
        -e inject=getdents64:error=EIO:when=2+ "$LOCKSTEP" train "$TINY" --data d --run r \
        --threads 1
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"cannot read folder 'd/train/dog': Input/output error"* ]]
    [ -z "$(ls cache/lockstep 2>/dev/null)" ] && [ ! -e r ]
}

@test "a picture that cannot be read is named and counts as one" {
    folders
    injected d/train/cat/1.png read 1 import d --out x.h5
    [[ $output == *"cannot read 'd/train/cat/1.png': Input/output error"* ]]
    [[ $output == *"1 of 24 files cannot be read, more than --max-bad 1%"* ]]
    mv d/train/cat/1.png d/train/cat/picture
    injected d/train/cat/picture read 1 import d --out x.h5
    [[ $output == *"cannot read 'd/train/cat/picture': Input/output error"* ]]
}

@test "tables, lists and IDX files that fail half-way are not imported in part" {
    py <<'END'
import gzip, random, fixtures, numpy as np
rng = np.random.default_rng(1)
with open("t.csv", "w") as f:
    for i in range(900):
        f.write("%d,%s\n" % (i % 3, ",".join(map(str, rng.integers(0, 256, 784)))))
gzip.open("t.csv.gz", "wb").write(open("t.csv", "rb").read())
with open("list.csv", "w") as f:
    f.write("path,label\n" + "".join("%s%d.png,%d\n" % ("a" * 90, i, i % 2)
                                     for i in range(9000)))
fixtures.idx("train-images", rng.integers(0, 256, (900, 28, 28)).astype(np.uint8))
fixtures.idx("train-labels", (np.arange(900) % 3).astype(np.uint8))
END
    for file in t.csv t.csv.gz list.csv train-images; do
        for when in 1 3; do
            injected $file read $when import $file --out x.h5
            [[ $output == *"cannot read '$file': Input/output error"* ]]
        done
    done
    injected train-labels read 1 import train-images --out x.h5
}

@test "the reason of a failed renaming is that of the renaming" {
    for error in EDQUOT EROFS ENOSPC; do
        run strace -f -qq -o traced -e trace=rename -e inject=rename:error=$error \
            "$LOCKSTEP" data synth --out x.h5 --train 60 --test 30
        echo "$error: $status: $output"
        grep -q INJECTED traced
        [ "$status" -eq 1 ]
        [[ $output == "lockstep: cannot write 'x.h5': "* ]]
        [[ $output != *"No such file"* ]]
        [ -z "$(compgen -G 'x.h5*')" ]
    done
}
