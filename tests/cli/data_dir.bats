#!/usr/bin/env bats
# lockstep data import-dir: a folder of images for each class, `data import` with other
# defaults. The hashes are those of data sets that older versions made.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

# Grey images of several sizes, with dark and light borders.
make_folders() {
    py <<'END'
import os, fixtures
for split in ("d", "both/train", "both/test", "other"):
    for k, c in enumerate(("10", "9", "2")):
        os.makedirs("%s/%s" % (split, c))
        for i in range(12 + k):
            v, w = len(split) + 40 * k + i, 9 + i
            rows = [[(v * x + y * y) % 256 for x in range(w)] for y in range(12)]
            if i % 2:
                rows = [[255 if x in (0, w - 1) or y in (0, 11) else p
                         for x, p in enumerate(row)] for y, row in enumerate(rows)]
            fixtures.png("%s/%s/%d.%s" % (split, c, i, "PNG" if i == 3 else "png"), rows)
END
}

@test "import-dir keeps a share of each class for testing, and inverts dark on light" {
    py <<'END'
import os, fixtures
for c in ("cat", "dog"):
    os.makedirs("d/" + c)
    for i in range(20):
        fixtures.png("d/%s/%d.png" % (c, i), [[255] * 30] * 40 if i % 2 else [[0, 9]])
END
    run "$LOCKSTEP" data import-dir d --size 12x16 --out dir.h5
    [[ $output == *"note: 20 of 40 pictures were dark on light and have been inverted"* ]]
    [[ $output == *"note: 20 pictures are of one flat colour, like 'cat/1.png'"* ]]
    run "$LOCKSTEP" data info dir.h5
    [[ $output == *"12 x 16 pixels, 34 for training, 6 for testing"* ]]
    [[ $output == *"  dog       17     3"* ]]
}

@test "import-dir makes the data sets that it always made" {
    make_folders
    is() { # HASH ARGUMENT...
        "$LOCKSTEP" data import-dir "${@:2}" --out x.h5 --force
        same_text "$1" "$(hash_of x.h5)"
    }
    is f9331c1f0c8a0688 d
    is aeb64b48023f2300 d --size 12x16 --invert no --seed 4
    is ed326170c74dfa40 d --test-share 0 --invert yes
    is ba3989adbefe6bbf both
    is 01600e732905947b d --test-dir other --size 20
}

@test "import-dir takes pictures in folders below a class, and by their content" {
    py <<'END'
import os, fixtures
for i in range(8):
    for c in "ab":
        folder = "d/%s/more" % c if i % 2 else "d/%s" % c
        os.makedirs(folder, exist_ok=True)
        fixtures.png("%s/%d.%s" % (folder, i, "png" if i < 6 else "dat"), [[ord(c), i]])
END
    run "$LOCKSTEP" data import-dir d --test-share 0 --out d.h5
    echo "$output"
    [[ $output == *"d.h5: 16 training, 0 validation and 0 test images"* ]]
}

@test "bad folders of images are refused" {
    mkdir -p empty one/a two/a two/b test/a test/b test/c
    py <<'END'
import fixtures
for name in ("two/a/1", "one/a/1", "test/a/1"):
    fixtures.png(name + ".png", [[0, 255], [255, 0]])
END
    fails 1 "'empty' holds 0 folders" import-dir empty --out x.h5
    fails 1 "all pictures in folder one are of class 'a'" import-dir one --out x.h5
    fails 1 "all pictures in folder two are of class 'a'" import-dir two --out x.h5
    echo text >two/b/1.png
    run "$LOCKSTEP" data import-dir two --out x.h5
    [[ $status -eq 1 && ! -e x.h5 ]]
    [[ ${lines[0]} == *"'two/b/1.png' is a text file, not an image: lockstep reads PNG"* ]]
    [[ ${lines[1]} == *"1 of 2 files cannot be read: nothing was written" ]]
    head -c 50 test/a/1.png >two/b/1.png
    run "$LOCKSTEP" data import-dir two --out x.h5
    [[ ${lines[0]} == *"'two/b/1.png' is a PNG cut short"* ]]
    fails 1 "cannot read folder 'nowhere'" import-dir nowhere --out x.h5
}

@test "a test class that holds only files of another kind is refused" {
    mkdir -p train/a train/b test/a test/b
    py <<'END'
import fixtures
for i, name in enumerate(("train/a/1", "train/b/1", "test/a/1")):
    fixtures.png(name + ".png", [[0, 255], [250, i]])
END
    echo notes >test/b/notes.txt
    fails 1 "'test/b' holds files, but no pictures; use --allow-empty to accept this" \
        import-dir train --test-dir test --out x.h5
    rm test/b/notes.txt
    "$LOCKSTEP" data import-dir train --test-dir test --out d.h5 2>err
    grep "no pictures in test of 1 class: 'b'" err
    mkdir test/c
    fails 1 "class 'c' has no training images" \
        import-dir train --test-dir test --out x.h5
    rm -r test/c test/a/1.png
    fails 1 "'test' holds no test pictures" import-dir train --test-dir test --out x.h5
}
