#!/usr/bin/env bats
# lockstep data import: folders and lists of pictures.
# Core: part of `make test`.

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    /usr/bin/python3 -c 'import PIL' 2>/dev/null || skip "no python3-pil"
}

# imports STATUS ARGUMENT...: `lockstep data import ARGUMENT...` ends so; what it prints is
# in $output.
imports() {
    run "$LOCKSTEP" data import "${@:2}"
    echo "data import ${*:2}: $status: $output"
    [ "$status" -eq "$1" ]
    ((status == 0)) || [ -z "$(compgen -G 'x.h5*')" ]
}

says() { # TEXT, in which one blank stands for any number of them
    [[ $(tr -s ' ' <<<"$output") == *"$(tr -s ' ' <<<"$1")"* ]] && return
    echo "not said: $1"
    return 1
}

@test "import takes a folder of class folders, and keeps the pixels" {
    py <<'END'
from pictures import *
folder("d", n=20)
END
    imports 0 d --out d.h5
    says "  all     34    0     6"
    py <<'END'
from pictures import *
import h5py
f = h5py.File("d.h5", "r")
found = 0
for split in ("train", "test"):
    paths = bytes(f[split + "/paths"][:]).decode().split("\0")[:-1]
    assert paths == sorted(paths) and len(paths) == f[split + "/images"].shape[0]
    for path, image, label in zip(paths, f[split + "/images"], f[split + "/labels"]):
        assert (np.asarray(Image.open("d/" + path)) == image).all()
        assert path.startswith(("cat", "dog")[label])
        found += 1
assert found == 40
END
}

@test "the data set does not depend on the number of threads" {
    py <<'END'
from pictures import *
folder("d", n=100, h=20, w=30)
END
    imports 0 d --size 16 --out 1.h5 --threads 1
    imports 0 d --size 16 --out 2.h5 --threads 2
    imports 0 d --size 16 --out 7.h5 --threads 7
    cmp 1.h5 2.h5
    cmp 1.h5 7.h5
}

@test "folders train, val and test are splits, in any case and with any of their names" {
    py <<'END'
from pictures import *
folder("a/Training", n=5, seed=1)
folder("a/VALID", n=2, seed=2)
folder("a/Testing", n=3, seed=3)
folder("up/in/an/archive/train", n=5, seed=1)
folder("cars", ("train", "car", "tram"), n=7)
END
    imports 0 a --out a.h5
    says "  all     10    4     6"
    imports 0 up --out up.h5 --test 0
    says "  all     10    0     0"
    imports 0 cars --out cars.h5
    says "  train      6    0     1"
    imports 2 a --out x.h5 --val 10%
    says "has val pictures: --val makes no sense"
    mkdir -p a/Train
    imports 1 a --out x.h5
    says "two folders for one split, 'Train' and 'Training'"
    rm -r a/Train*
    imports 1 a --out x.h5
    says "'a' holds 'Testing', but no folder 'train'"
}

@test "files of other programs, nested folders and loops of links are no trouble" {
    py <<'END'
from pictures import *
folder("d", n=3)
folder("d/cat/more/and more", ("",), n=4, seed=5)
for name in (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini",
             "cat/._01.png", "dog/notes.txt"):
    open("d/" + name, "w").write("text")
for name in ("__MACOSX/cat", "@eaDir", ".git", "lost+found", "cat/@eaDir"):
    save("d/%s/1.png" % name, noise(9))
os.symlink("..", "d/dog/loop")
END
    imports 0 d --out d.h5 --test 0
    says "passed over 10 hidden files and folders, and those of other programs"
    says "passed over 1 links that lead back"
    says "passed over 1 file that is no picture, 'dog/notes.txt'"
    says "  cat        7    0     0"
    says "  dog        3    0     0"
}

# As git-annex and DVC leave links whose content was not fetched.
@test "a link that leads nowhere is a picture, or a class, that is missing" {
    py <<'END'
from pictures import *
folder("d", n=6)
os.symlink("nowhere", "d/dog/gone.png")
os.symlink("nowhere", "d/dog/annexed")
END
    imports 1 d --out x.h5
    says "cannot open 'd/dog/gone.png': No such file or directory"
    says "2 of 14 files cannot be read, more than --max-bad 1%"
    imports 0 d --out d.h5 --test 0 --max-bad 20%
    grep -q 'dog/gone.png' d.h5.skipped.csv
    rm d/dog/gone.png d/dog/annexed
    ln -s nowhere d/cow
    imports 1 d --out x.h5
    says "'d/cow' leads nowhere: it may have been the folder of a class"
    ln -sfn cow d/cow
    imports 1 d --out x.h5
    says "'d/cow' leads nowhere: it may have been the folder of a class"
    [ ! -e x.h5 ]
}

@test "unreadable files are named, listed and left out up to --max-bad" {
    py <<'END'
from pictures import *
folder("d", n=100)
save("whole.jpg", noise(1, 64, 64))
open("d/cat/cut.png", "wb").write(open("whole.jpg", "rb").read()[:700])
open("d/dog/text, \"quoted\".jpg", "w").write("this is text")
END
    imports 0 d --out d.h5 --test 0
    says "left out: "
    says "'d/cat/cut.png'"
    says "left out: 2 of 202 files, listed in d.h5.skipped.csv"
    says "  all    200    0     0"
    py <<'END'
import csv
rows = list(csv.reader(open("d.h5.skipped.csv")))
assert rows[0] == ["path", "reason"] and len(rows) == 3, rows
assert rows[1][0] == "cat/cut.png" and "JPEG" in rows[1][1], rows
assert rows[2][0] == 'dog/text, "quoted".jpg' and "not an image" in rows[2][1], rows
END
    : >d/dog/empty.png
    imports 1 d --out x.h5
    says "'d/dog/empty.png'"
    says "3 of 203 files cannot be read, more than --max-bad 1%"
    imports 1 d --out x.h5 --strict --max-bad 50%
    says "'d/cat/cut.png'"
    says "3 of 203 files cannot be read: nothing was written"
    imports 0 d --out d.h5 --force --max-bad 2%
    rm d/dog/empty.png d/cat/cut.png d/dog/text*
    imports 0 d --out d.h5 --force
    [ ! -e d.h5.skipped.csv ]
}

@test "class names match between splits after Unicode normalisation" {
    py <<'END'
from pictures import *
folder("d/train", ("caf\u00e9", "bar"), n=3)
folder("d/test", ("cafe\u0301", "bar"), n=2, seed=1)
END
    imports 0 d --out d.h5
    says "café"
    says "  all       6    0     4"
    [ "$("$LOCKSTEP" data info d.h5 | sed -n 's/^classes *//p')" -eq 2 ]
}

@test "a class in test alone is refused, one that is missing there is told" {
    py <<'END'
from pictures import *
folder("d/train", ("cat", "dog", "cow"), n=3)
folder("d/test", ("Cat", "dog"), n=2, seed=1)
os.makedirs("d/train/emu")
END
    imports 1 d --out x.h5
    says "class 'Cat' has no training images (2 of 5 classes are empty); is it 'cat'?"
    mv d/test/Cat d/test/cat
    imports 1 d --out x.h5
    says "class 'emu' has no training images (1 of 4 classes are empty)"
    rmdir d/train/emu
    imports 0 d --out d.h5
    says "no pictures in test of 1 class: 'cow'"
    mv d/test/cat d/test/gnu
    imports 0 d --out d.h5 --force --allow-empty
    says "no pictures in train of 1 class: 'gnu'"
}

@test "the same picture in two splits is told, and --dedupe keeps one" {
    py <<'END'
from pictures import *
folder("d/train", n=5)
folder("d/val", n=2, seed=1)
folder("d/test", n=3, seed=2)
save("d/train/cat/copy.png", noise((2, 0, 1)), compress_level=0)
save("d/val/cat/copy.png", noise((2, 0, 1)))
save("d/train/dog/copy.png", noise((0, 0, 2)))
END
    imports 0 d --out d.h5
    says "is in two splits: 'train/cat/copy.png' (train) and 'val/cat/copy.png' (val)"
    says "1 picture is in more than one split"
    says "has two labels: 'train/cat/02.png' (cat) and 'train/dog/copy.png' (dog)"
    says "  all     12    5     6"
    imports 0 d --out d.h5 --force --dedupe
    says "left out: 3 of 23 files"
    says "  all     10    4     6"
    grep '"train/cat/copy.png","the same picture as '\''test/cat/01.png'\''"' \
        d.h5.skipped.csv
}

@test "sizes that differ need --size; fit, channels and the record of them" {
    py <<'END'
from pictures import *
folder("d", n=3, h=40, w=60)
folder("e", n=3, h=40, w=60, c=1)
save("d/cat/large.png", noise(1, 100, 90))
END
    imports 1 d --out x.h5
    says "from 40 x 60 ('cat/00.png') to 100 x 90 ('cat/large.png')"
    says "for example --size 32"
    for fit in pad crop stretch; do
        imports 0 d --out d-$fit.h5 --size 32x24 --fit $fit
        says "sizes: 40 x 60 to 100 x 90, "
        "$LOCKSTEP" data info d-$fit.h5 | grep "fit=$fit"
    done
    other_hash d-pad.h5 d-crop.h5
    other_hash d-pad.h5 d-stretch.h5
    imports 0 d --out grey.h5 --size 32 --channels 1
    says "7 of 7 pictures have colour, of which the brightness is kept"
    imports 0 e --out e.h5
    h5 e.h5 <<<'assert f[0]["train/images"].shape[1:] == (40, 60)'
    imports 0 e --out e3.h5 --channels 3
    h5 e.h5 e3.h5 <<<'assert (f[0]["train/images"][:][..., None] == f[1]["train/images"][:]).all()'
}

@test "ink on paper is inverted for the whole set, photographs are not" {
    py <<'END'
from pictures import *
def letter(seed, paper):
    rng = np.random.default_rng(seed)
    a = np.full((12, 12), paper, np.uint8)
    a[3:9, 3:9] = 255 - paper
    a[4, rng.integers(3, 9)] = rng.integers(100, 150)
    return a
for i in range(10):
    save("ink/a/%d.png" % i, letter(i, 255))
    save("ink/b/%d.png" % i, letter(i + 50, 255))
    save("ink/c/%d.png" % i, letter(i + 90, 0))
    for k in "ab":
        save("light/%s/%d.png" % (k, i), noise((ord(k), i), 12, 12, 1) // 2 + 128)
        save("colour/%s/%d.png" % (k, i), np.full((8, 8, 3), (255, 250, ord(k) + i), np.uint8))
END
    imports 0 ink --out ink.h5 --test 0
    says "inverted all pictures, so that ink is bright on dark: 20 of 30 pictures have a plain, light border"
    says "class 'c' differs: 0 of its 10 pictures"
    h5 ink.h5 <<<'assert f[0]["train/images"][0, 0, 0] == 0'
    imports 0 ink --out ink.h5 --test 0 --invert no --force
    h5 ink.h5 <<<'assert f[0]["train/images"][0, 0, 0] == 255'
    "$LOCKSTEP" data info ink.h5 | grep 'invert=no'
    imports 0 light --out light.h5
    says "inverted nothing: 0 of 20 pictures have a plain, light border"
    imports 0 colour --out colour.h5
    [[ $output != *invert* ]]
    imports 0 colour --out colour.h5 --invert auto --force
    says "inverted all pictures"
}

@test "--val and --test take whole numbers of each class, by seed" {
    py <<'END'
from pictures import *
folder("d", ("big", "mid"), n=20)
folder("d", ("one",), n=1, seed=7)
END
    imports 0 d --out 1.h5 --val 10% --test 0.2
    says "  big      14    2     4"
    says "  one       1    0     0"
    imports 0 d --out 2.h5 --val 10% --test 20%
    cmp 1.h5 2.h5
    imports 0 d --out 3.h5 --val 10% --test 20% --seed 2
    other_hash 1.h5 3.h5
    imports 2 d --out x.h5 --val 10
    says "'--val 10': expected a part of all, like 10% or 0.1"
    imports 2 d --out x.h5 --val 50% --test 50%
    says "leave nothing for training"
}

@test "--group-by keeps the pictures of a group in one split" {
    py <<'END'
from pictures import *
for g in range(20):
    for k in ("ill", "well"):
        for i in range(1 + g % 3):
            save("d/%s/p%02d-%d.png" % (k, g, i), noise((g, i, ord(k[0]))))
END
    imports 0 d --out d.h5 --val 20% --test 20% --group-by 'p([0-9]+)-'
    py <<'END'
import h5py, re
f = h5py.File("d.h5", "r")
seen, total = {}, {}
for split in ("train", "val", "test"):
    paths = bytes(f[split + "/paths"][:]).decode().split("\0")[:-1]
    total[split] = len(paths)
    seen[split] = {re.search("p([0-9]+)-", p).group(1) for p in paths}
assert not seen["train"] & seen["val"] and not seen["train"] & seen["test"]
assert not seen["val"] & seen["test"] and sum(map(len, seen.values())) == 20
n = sum(total.values())
assert abs(total["val"] - 0.2 * n) <= 4 and abs(total["test"] - 0.2 * n) <= 4, total
END
    imports 1 d --out x.h5 --group-by 'p([0-8]+)-'
    says "does not match --group-by 'p([0-8]+)-'"
    imports 2 d --out x.h5 --group-by 'p('
    says "is not a regular expression"
}

@test "import takes a CSV list with quoted names, splits and groups" {
    py <<'END'
from pictures import *
import csv
os.makedirs("in")
with open("in/list.csv", "w", newline="") as f:
    w = csv.writer(f)
    w.writerow(["id", "label", "path", "split"])
    for i in range(12):
        name = 'pic, "%d".png' % i
        save("in/" + name, noise(i))
        w.writerow([i, ("b", "a")[i % 2], name, ("Train", "val", "TEST")[i % 3]])
END
    imports 0 in/list.csv --out d.h5
    says "'in/list.csv': column 'id' is not used"
    says "  a          2    2     2"
    printf 'path,label\nin/none.png,a\nin,b\n%s/in/pic\\, "1".png,b\n' "$PWD" >bad.csv
    imports 1 bad.csv --out x.h5
    says "3 of 3 files cannot be read"
    says "in/none.png"
    printf 'path;label;group\r\nin/a.png;x;1\r\n' >one.csv
    imports 1 one.csv --out x.h5
    says "all pictures in 'one.csv' have the label 'x'"
    printf 'path,label,split\na.png,x,training set\n' >bad.csv
    imports 1 bad.csv --out x.h5
    says "line 2 of 'bad.csv': split 'training set' is not train, val or test"
    printf 'path,label\n"a.png,x\n' >bad.csv
    imports 1 bad.csv --out x.h5
    says "line 2 of 'bad.csv': a quoted field has no end"
}

@test "import takes IDX files and tables as the old commands do" {
    emnist_like e
    mkdir e
    mv e-* e
    letters=(--transpose --label-base 1 --classes letters)
    imports 0 e "${letters[@]}" --out folder.h5
    imports 0 e/e-train-images-idx3-ubyte.gz "${letters[@]}" --out file.h5
    "$LOCKSTEP" data import-idx --images e/e-train-images-idx3-ubyte.gz \
        --labels e/e-train-labels-idx1-ubyte.gz --test-images e/e-test-images-idx3-ubyte.gz \
        --test-labels e/e-test-labels-idx1-ubyte.gz "${letters[@]}" --out old.h5
    cmp folder.h5 old.h5
    cmp file.h5 old.h5
    py <<'END'
import numpy as np
rows = np.random.default_rng(1).integers(0, 256, (40, 17))
rows[:, 0] %= 4
np.savetxt("t.csv", rows, "%d", ",")
END
    imports 0 t.csv --out t.h5
    "$LOCKSTEP" data import-csv t.csv --out t2.h5 >/dev/null
    cmp t.h5 t2.h5
    imports 0 t.csv --out t3.h5 --val 10%
    says "t3.h5: "
    imports 2 e --out x.h5 --fit crop
    says "'e' is a set of IDX files: --fit makes no sense"
    imports 2 e --out x.h5 --test 10% "${letters[@]}"
    says "has test pictures: --test makes no sense"
}

@test "what is no set of pictures is refused with what was expected" {
    mkdir -p empty flat/sub
    py <<'END'
from pictures import *
save("flat/1.png", noise(1))
END
    imports 1 nowhere --out x.h5
    says "cannot open 'nowhere'"
    imports 1 empty --out x.h5
    says "'empty' holds 0 folders and 0 files; one folder of pictures for each class"
    imports 1 flat --out x.h5
    says "'flat' holds 1 folder and 1 files"
    imports 1 flat/1.png --out x.h5
    says "'flat/1.png' is a PNG image"
    echo hello >text
    imports 1 text --out x.h5
    says "'text' is a text file, not a list of pictures"
    imports 2 flat --out x.h5 --fit squash
    says "'--fit squash': expected pad, crop or stretch"
    imports 2 flat --out x.h5 --range 5,4
    says "expected full, auto or LOW,HIGH"
}

@test "export writes PNG folders that import takes back unchanged" {
    py <<'END'
from pictures import *
folder("d/train", ("one/two".replace("/", " "), "dog"), n=5)
folder("d/val", ("dog",), n=2, seed=1)
folder("d/test", ("dog",), n=3, seed=2)
folder("g", n=9, c=1)
END
    imports 0 d --out d.h5
    imports 0 g --out g.h5
    for set in d g; do
        run "$LOCKSTEP" data export $set.h5 out/$set
        echo "$output"
        [ "$status" -eq 0 ]
        imports 0 out/$set --out $set-2.h5
        same_hash $set.h5 $set-2.h5
    done
    [ "$(ls out/d/val/dog)" = $'000000.png\n000001.png' ]
    fails 2 "folder 'out/d' is not empty" export d.h5 out/d
}

@test "what cameras and scanners make: EXIF, CMYK, 16 bits, palettes, transparency" {
    py <<'END'
from pictures import *
a = noise(1, 24, 24)
def keep(name, image, **how):
    os.makedirs("d/" + os.path.dirname(name), exist_ok=True)
    image.save("d/" + name, **how)
rgb = Image.fromarray(a)
exif = Image.Exif()
exif[0x112] = 6
keep("a/0 plain.jpg", rgb, quality=95)
keep("a/1 turned.jpg", rgb, quality=95, exif=exif)
keep("a/2 cmyk.jpg", rgb.convert("CMYK"), quality=95)
keep("a/3 progressive.jpeg", rgb, quality=95, progressive=True)
keep("a/4 palette.png", rgb.quantize(64))
keep("a/5 lossless.webp", rgb, lossless=True)
keep("a/6 jpeg named.png", rgb, format="JPEG", quality=95)
deep = (a[..., 0].astype(np.uint16) << 4)
keep("b/0 deep.tif", Image.fromarray(deep))
keep("b/1 lzw.tif", rgb, compression="tiff_lzw")
alpha = np.dstack([a, np.where(a[..., :1] > 99, 255, 0)]).astype(np.uint8)
keep("b/2 clear.png", Image.fromarray(alpha))
white = np.full((24, 24, 4), 255, np.uint8)
white[5:9, 5:9, 3] = 0
keep("b/3 hidden.png", Image.fromarray(white))
keep("b/4 grey.jpg", rgb.convert("L"), quality=95)
END
    imports 0 d --out d.h5 --test 0
    says "2 pictures are transparent in places: laid on white, or on black where white would"
    says "1 of them was laid on black"
    says "1 picture uses 12 of 16 bits at most, and becomes nearly black"
    imports 0 d --out r.h5 --test 0 --range 0,4095
    [[ $output != *"nearly black"* ]]
    py <<'END'
from pictures import *
import h5py
f = h5py.File("d.h5", "r")
image = dict(zip(bytes(f["train/paths"][:]).decode().split("\0"), f["train/images"]))
plain = np.asarray(Image.open("d/a/0 plain.jpg"))
same = lambda name, want: (image[name] == want).all() or exit(name)
same("a/0 plain.jpg", plain)
same("a/1 turned.jpg", np.rot90(plain, -1))
same("a/3 progressive.jpeg", np.asarray(Image.open("d/a/3 progressive.jpeg")))
same("a/4 palette.png", np.asarray(Image.open("d/a/4 palette.png").convert("RGB")))
same("a/5 lossless.webp", noise(1, 24, 24))
same("a/6 jpeg named.png", plain)
same("b/1 lzw.tif", noise(1, 24, 24))
a = noise(1, 24, 24)
same("b/2 clear.png", np.where(a[..., :1] > 99, a, 255))
same("b/4 grey.jpg", np.asarray(Image.open("d/b/4 grey.jpg").convert("RGB")))
assert image["b/0 deep.tif"].max() <= 16
assert set(image["b/3 hidden.png"].ravel()) == {0, 255}
deep = h5py.File("r.h5", "r")["train/images"][7].astype(int)
assert abs(deep - a[..., :1]).max() <= 1 and deep.max() > 200
END
}
