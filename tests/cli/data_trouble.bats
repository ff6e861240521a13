#!/usr/bin/env bats
# lockstep data import of a folder with all kinds of trouble at once; the memory it takes; and
# predict, which treats pictures as the import did.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    /usr/bin/python3 -c 'import PIL' 2>/dev/null || skip "no python3-pil"
}

# 198 good pictures in train, 20 in val, 20 in test, and 18 kinds of trouble among them.
make_trouble() {
    py <<'END'
from pictures import *
folder("d/Train", ("caf\u00e9", "dog", "emu"), n=66, h=24, w=24)
folder("d/valid", ("cafe\u0301", "dog"), n=10, h=24, w=24, seed=1)  # 1: another form of Unicode
folder("d/TEST", ("caf\u00e9", "dog"), n=10, h=24, w=24, seed=2)  # 2: a class is missing
def keep(name, image, **how):
    image.save("d/Train/dog/" + name, **how)
rgb = Image.fromarray(noise(7, 24, 24))
keep("whole.jpg", Image.fromarray(noise(8, 64, 64)))
whole = open("d/Train/dog/whole.jpg", "rb").read()
os.remove("d/Train/dog/whole.jpg")
open("d/Train/dog/bad1.png", "wb").write(whole[:900])  # 3: cut short, and another kind
open("d/Train/dog/bad2.jpg", "w").write("404 Not Found\n")  # 4: not a picture
open("d/Train/dog/bad3.png", "w")  # 5: empty
keep("bad4.jpg", rgb, format="GIF")  # 6: a kind that is not read
keep("bad5.webp", rgb, save_all=True, append_images=[rgb.rotate(9)])  # 7: an animation
os.symlink("nowhere", "d/Train/dog/bad6.png")  # 8: a link that leads nowhere
for name in (".DS_Store", "emu/Thumbs.db", "emu/._00.png", "emu/notes.txt"):
    open("d/Train/" + name, "w").write("text")  # 9: files of other programs
save("d/__MACOSX/emu/1.png", noise(9))
exif = Image.Exif()
exif[0x112] = 6
keep("t turned.jpg", rgb, quality=95, exif=exif)  # 10
keep("u cmyk.jpg", rgb.convert("CMYK"), quality=95)  # 11
keep("v deep.tif", Image.fromarray(noise(7, 24, 24)[..., 0].astype(np.uint16) << 4))  # 12
white = np.full((24, 24, 4), 255, np.uint8)
white[5:9, 5:9, 3] = 0
keep("w hidden.png", Image.fromarray(white))  # 13: transparent, nothing but white
keep("x named.png", rgb, format="JPEG", quality=90)  # 14: a name of another kind
save("d/Train/dog/deep/down/y.png", noise((2, 0, 0), 24, 24), compress_level=1)  # 15, 16:
# in folders below the class, and in test with another label
save("d/Train/dog/z large.png", noise(10, 300, 200))  # 17: another size
keep("z pages.tif", Image.fromarray(noise(11, 24, 24)), save_all=True, append_images=[rgb])  # 18
END
}

told() { # REGEX: a line of $output fits
    grep -Eq "$1" <<<"$output" && return
    echo "not told: $1"
    return 1
}

@test "a folder with eighteen kinds of trouble becomes a data set, and each kind is told" {
    make_trouble
    run "$LOCKSTEP" data import d --out x.h5 --size 24
    echo "$output"
    [ "$status" -eq 1 ]
    [ "$(grep -c "^lockstep: .*'d/Train/dog/bad[1-6][.]" <<<"$output")" -eq 6 ]
    told "^lockstep: 6 of 252 files cannot be read, more than --max-bad 1%: nothing was written$"
    [ -z "$(compgen -G 'x.h5*')" ]
    run "$LOCKSTEP" data import d --out d.h5 --size 24 --max-bad 3%
    echo "$output"
    [ "$status" -eq 0 ]
    told "^note: left out: 'd/Train/dog/bad1.png' is a JPEG cut short"
    told "^note: left out: 'd/Train/dog/bad2.jpg' is a text file, not an image"
    told "^note: left out: 'd/Train/dog/bad3.png' is an empty file"
    told "^note: left out: 'd/Train/dog/bad4.jpg' is a GIF image, which lockstep cannot read yet"
    told "^note: left out: cannot read WebP image 'd/Train/dog/bad5.webp': it is an animation"
    told "^note: left out: cannot open 'd/Train/dog/bad6.png'"
    told "^note: passed over 4 hidden files and folders, and those of other programs"
    told "^note: passed over 1 file that is no picture, 'Train/emu/notes.txt'"
    told "has two labels: 'TEST/café/00.png' \(café\) and 'Train/dog/deep/down/y.png' \(dog\)"
    told "is in two splits: 'TEST/café/00.png' \(test\) and 'Train/dog/deep/down/y.png' \(train\)"
    told "^note: 1 picture is in more than one split"
    told "^note: 1 picture is transparent in places: laid on white, or on black"
    told "^note: 1 of them was laid on black"
    told "^note: 1 picture uses 12 of 16 bits at most, and becomes nearly black"
    told "^note: 1 file has several pages, of which the first is taken, like 'Train/dog/z pages.tif'"
    told "^note: no pictures in val of 1 class: 'emu'"
    told "^note: no pictures in test of 1 class: 'emu'"
    told "^sizes: 24 x 24 to 300 x 200, fitted and padded to 24 x 24"
    told "^ +café +66 +10 +10$"
    told "^ +all +206 +20 +20$"
    told "^left out: 6 of 252 files, listed in d.h5.skipped.csv"
    py <<'END'
import csv, h5py
from pictures import *
assert [r[0] for r in csv.reader(open("d.h5.skipped.csv"))] == ["path"] + [
    "Train/dog/bad%d.%s" % (i, e) for i, e in enumerate("png jpg png jpg webp png".split(), 1)]
f = h5py.File("d.h5", "r")
assert [c.decode() for c in f.attrs["classes"]] == ["caf\u00e9", "dog", "emu"]
same = 0
for split in "train", "val", "test":
    paths = bytes(f[split + "/paths"][:]).decode().split("\0")[:-1]
    for path, image in zip(paths, f[split + "/images"]):
        if "deep.tif" in path or "hidden" in path or "large" in path:
            continue
        want = np.asarray(Image.open("d/" + path).convert("RGB"))
        want = np.rot90(want, -1) if "turned" in path else want
        assert (want == image).all(), path
        same += 1
assert same == 243, same
END
}

@test "beyond --max-bad every unreadable file is named, however many there are" {
    py <<'END'
from pictures import *
folder("d", n=5)
for i in range(50):
    open("d/cat/x%02d.jpg" % i, "w").write("text")
END
    run "$LOCKSTEP" data import d --out x.h5
    [ "$status" -eq 1 ]
    [ "$(grep -c "^lockstep: 'd/cat/x[0-4][0-9].jpg' is a text file" <<<"$output")" -eq 50 ]
    [[ $output == *"50 of 60 files cannot be read"* ]]
    run "$LOCKSTEP" data import d --out d.h5 --max-bad 90%
    [ "$status" -eq 0 ]
    [ "$(grep -c "^note: left out: 'd/cat/" <<<"$output")" -eq 20 ]
    [[ $output == *"note: ... and 30 more"* ]]
    [ "$(grep -c '^"cat/x' d.h5.skipped.csv)" -eq 50 ]
}

# 3,000 pictures of 128x128 are 147 MB of pixels.
@test "memory does not grow with the number of pictures" {
    py <<'END'
from pictures import *
y, x = np.mgrid[0:128, 0:128]
a = np.dstack([x, y, (x + y) // 2]).astype(np.uint8)
for i in range(3000):
    a[0, 0] = i % 256, i // 256, 7
    save("d/%s/%04d.png" % ("ab"[i % 2], i), a, compress_level=1)
END
    for store in raw encoded; do
        py "$LOCKSTEP" $store <<'END'
import resource, subprocess, sys
subprocess.run([sys.argv[1], "data", "import", "d", "--out", sys.argv[2] + ".h5", "--store",
                sys.argv[2], "--threads", "2"], check=True)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(sys.argv[2], most, "MB")
assert most < 80, most
END
    done
    [ "$(stat -c %s raw.h5)" -gt 140000000 ]
}

# --- predict ---

small_config() {
    printf '%s\n' '[model]' 'layer = flatten' 'layer = linear classes' 'layer = logsoftmax' \
        '[train]' 'batch = 8' 'epochs = 2' >net.conf
}

# answers_agree SET FOLDER: after a training on SET, predict answers to the 16 pictures of
# FOLDER what eval answers to the test images of SET.
answers_agree() {
    rm -rf run
    "$LOCKSTEP" train net.conf --data "$1" --run run --tune=off --threads 1 >/dev/null
    "$LOCKSTEP" eval run --data "$1" --out eval.h5 --force >/dev/null
    "$LOCKSTEP" predict run --from "$2" --out answers.h5 --force
    py <<'END'
import h5py, numpy as np
said, f = np.exp(h5py.File("eval.h5")["logprobs"][:]), h5py.File("answers.h5")
top = np.take_along_axis(said, f["top"][:].astype(int), 1)
assert top.shape == (16, 2) and said.std() > 0.01, (top.shape, said.std())
worst = abs(top - f["top_probability"][:]).max()
assert worst < 1e-6, worst
END
}

imported_so() { # FOLDER OPTION...
    "$LOCKSTEP" data import "$1" --out set.h5 --force "${@:2}" >/dev/null
    echo "$*"
    answers_agree set.h5 "$1/test"
}

@test "predict treats a picture as the import did" {
    small_config
    py <<'END'
from pictures import *
for split, n in ("train", 16), ("test", 8):
    for k, name in enumerate("ab"):
        for i in range(n):
            a = 255 - noise((n, k, i), 20 + i, 26) // 4  # paper
            a[4:9, 4 + 8 * k:9 + 8 * k] = noise(i, 5, 5)  # ink
            save("paper/%s/%s/%02d.png" % (split, name, i), a)
            deep = noise((n, k, i), 20 + i, 26, 1).astype(np.uint16) << 4
            save("deep/%s/%s/%02d.tif" % (split, name, i), deep)
            big = np.kron(a, np.ones((5, 5, 1), np.uint8))
            save("big/%s/%s/%02d.jpg" % (split, name, i), big, quality=80)
END
    imported_so paper --size 16 --channels 1 # --invert auto: yes
    "$LOCKSTEP" data info set.h5 | grep 'invert=yes'
    imported_so paper --size 16 --channels 1 --invert no
    imported_so paper --size 16 # RGB: not inverted
    imported_so paper --size 16 --invert yes
    imported_so paper --size 12x16 --fit crop
    imported_so paper --size 12x16 --fit stretch --store encoded
    imported_so big --size 16 --fit crop # decoded at a part of the size
    imported_so deep --size 16 --range 0,4095
    imported_so deep --size 16 --range auto
}

@test "of IDX files and tables, predict expects pictures as they are" {
    small_config
    py <<'END'
import fixtures, numpy as np
rng = np.random.default_rng(1)
for split, n in ("train", 32), ("t10k", 16):
    labels = np.sort(np.arange(n) % 2).astype(np.uint8)
    images = 255 - rng.integers(0, 60, (n, 9, 9)).astype(np.uint8)  # a light border
    images[labels == 1, 3:6] //= 4
    fixtures.idx("%s-images-idx3-ubyte.gz" % split, images)
    fixtures.idx("%s-labels-idx1-ubyte.gz" % split, labels)
    rows = np.hstack([labels[:, None], images.reshape(n, -1)])
    np.savetxt(split + ".csv", rows, "%d", ",")
END
    "$LOCKSTEP" data import train-images-idx3-ubyte.gz --out idx.h5
    "$LOCKSTEP" data import-csv train.csv --test t10k.csv --out csv.h5
    for set in idx csv; do
        "$LOCKSTEP" data export $set.h5 $set
        answers_agree $set.h5 $set/test
    done
}
