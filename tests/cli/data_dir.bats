#!/usr/bin/env bats
# lockstep data import-dir: a folder of images for each class.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
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
    [[ $output == *"note: 20 of 40 images were dark on light and have been inverted"* ]]
    run "$LOCKSTEP" data info dir.h5
    [[ $output == *"12 x 16 pixels, 34 for training, 6 for testing"* ]]
    [[ $output == *"  dog       17     3"* ]]
}

@test "bad folders of images are refused" {
    mkdir -p empty one/a two/a two/b
    py <<'END'
import fixtures
fixtures.png("two/a/1.png", [[0, 255], [255, 0]])
fixtures.png("one/a/1.png", [[0, 255], [255, 0]])
END
    fails 1 "'empty' holds 0 folders" import-dir empty --out x.h5
    fails 1 "'one' holds 1 folders" import-dir one --out x.h5
    fails 1 "'two/b' holds no PNG images" import-dir two --out x.h5
    echo text >two/b/1.png
    fails 1 "'two/b/1.png' is a text file, not an image: lockstep reads PNG, JPEG, WebP and TIFF" import-dir two --out x.h5
    head -c 50 two/a/1.png >two/b/1.png
    fails 1 "'two/b/1.png' is a PNG cut short" import-dir two --out x.h5
    fails 1 "cannot read folder 'nowhere'" import-dir nowhere --out x.h5
}
