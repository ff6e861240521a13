#!/usr/bin/env bats
# lockstep data import of real photographs: the CIFAR-10 JPEGs and the flowers, from the folder
# with the data (LOCKSTEP_DATA). Their pixels are those that Pillow's libjpeg-turbo decodes.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    /usr/bin/python3 -c 'import PIL' 2>/dev/null || skip "no python3-pil"
    need_data
}

unpack() { # ARCHIVE FOLDER
    [ -e "$LOCKSTEP_DATA/$1" ] || skip "no $LOCKSTEP_DATA/$1"
    mkdir "$2"
    tar -xf "$LOCKSTEP_DATA/$1" -C "$2"
}

# as_pillow SET FOLDER COUNT: every image of SET is what Pillow makes of its file.
as_pillow() {
    py "$@" <<'END'
import h5py, sys
from pictures import *
f, n = h5py.File(sys.argv[1], "r"), 0
for split in "train", "val", "test":
    if split not in f:
        continue
    paths = bytes(f[split + "/paths"][:]).decode().split("\0")[:-1]
    images, labels = f[split + "/images"][:], f[split + "/labels"][:]
    assert len(paths) == len(images)
    for path, image, label in zip(paths, images, labels):
        want = np.asarray(Image.open(sys.argv[2] + "/" + path).convert("RGB"))
        assert (want == image).all(), path
        assert path.split("/")[-2] == f.attrs["classes"][label].decode(), path
        n += 1
assert n == int(sys.argv[3]), n
END
}

@test "60,000 JPEGs of CIFAR-10 are imported with Pillow's pixels" {
    unpack cifar10/cifar10-jpeg.tar.xz cifar
    run "$LOCKSTEP" data import cifar --out cifar.h5 --store raw
    echo "$output"
    [ "$status" -eq 0 ]
    grep -Eq '^ +airplane +5000 +0 +1000$' <<<"$output"
    grep -Eq '^ +all +50000 +0 +10000$' <<<"$output"
    as_pillow cifar.h5 cifar 60000
}

@test "the flowers are imported with Pillow's pixels, as a folder and as a list" {
    unpack flowers/flowers12.tar flowers
    "$LOCKSTEP" data import flowers --out flowers.h5 --store raw
    as_pillow flowers.h5 flowers 960
    (cd flowers && echo path,label,split && for file in */*/*.jpg; do
        class=${file#*/} && echo "$file,${class%/*},${file%%/*}"
    done) >list.csv
    mv list.csv flowers
    "$LOCKSTEP" data import flowers/list.csv --out list.h5 --store raw
    as_pillow list.h5 flowers 960
    same_hash flowers.h5 list.h5
}
