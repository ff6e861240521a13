#!/usr/bin/env bats
# lockstep data: making, importing and looking at data sets.

setup() {
    source "$BATS_TEST_DIRNAME/../env.sh"
    cd "$TMPDIR" || exit 1
}

py() {
    PYTHONPATH=$TMPDIR /usr/bin/python3 - "$@"
}

# fixtures.py: files as others write them.
fixtures() {
    cat >fixtures.py <<'END'
import gzip, struct, zlib

def idx(path, array, pack=gzip.open):
    with pack(path, "wb") as f:
        f.write(struct.pack(">BBBB%dI" % array.ndim, 0, 0, 8, array.ndim, *array.shape))
        f.write(array.tobytes())

def png(path, rows):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    h, w = len(rows), len(rows[0])
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n")
        f.write(chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 0, 0, 0, 0)))
        f.write(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + bytes(r) for r in rows))))
        f.write(chunk(b"IEND", b""))
END
}

# Images and labels as EMNIST Letters has them: transposed, labels 1..26.
emnist_like() { # PREFIX
    fixtures
    py "$1" <<'END'
import sys, numpy as np, fixtures
rng = np.random.default_rng(1)
for split, n in (("train", 130), ("test", 52)):
    labels = (np.arange(n) % 26 + 1).astype(np.uint8)
    upright = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
    upright[:, 0, :] = labels[:, None]  # the first row holds the label
    images = np.ascontiguousarray(upright.transpose(0, 2, 1))
    fixtures.idx("%s-%s-images-idx3-ubyte.gz" % (sys.argv[1], split), images)
    fixtures.idx("%s-%s-labels-idx1-ubyte.gz" % (sys.argv[1], split), labels)
    np.save("%s-upright.npy" % split, upright)
END
}

check_emnist_like() { # FILE
    py "$1" <<'END'
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "r") as f:
    for split in ("train", "test"):
        upright = np.load(split + "-upright.npy")
        assert f[split]["images"].dtype == np.uint8 and f[split]["labels"].dtype == np.uint8
        assert f[split]["images"].chunks is None and f[split]["images"].compression is None
        assert (f[split]["images"][:] == upright).all()
        assert (f[split]["labels"][:] == upright[:, 0, 0] - 1).all()
    x = f["train/images"][:] / 255.0
    assert abs(f.attrs["mean"] - x.mean()) < 1e-9 and abs(f.attrs["std"] - x.std()) < 1e-9
    assert [c.decode() for c in f.attrs["classes"]] == list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert f.attrs["format_version"] == 1 and len(f.attrs["hash"]) == 16
END
}

# fails STATUS TEXT ARGUMENT...: one line that says so, and no file x.h5 or a part of it.
fails() {
    run "$LOCKSTEP" data "${@:3}"
    echo "data ${*:3}: $status: $output"
    [ "$status" -eq "$1" ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "lockstep: "*"$2"* ]]
    [ -z "$(compgen -G 'x.h5*')" ]
}

hash_of() {
    "$LOCKSTEP" data info "$1" | sed -n 's/^hash *//p'
}

# --- made elsewhere ---

# own.h5, as a user would write it; packed.h5, the same with compressed images.
own_set() {
    py <<'END'
import h5py, numpy as np
rng = np.random.default_rng(3)
with h5py.File("own.h5", "w") as f:
    for split, n in (("train", 90), ("test", 30)):
        f[split + "/images"] = rng.integers(0, 256, (n, 28, 28), np.uint8)
        f[split + "/labels"] = (np.arange(n) % 3).astype(np.uint8)
    f.attrs["classes"] = ["\u00e4", "b", "see"]
    f.attrs["source"] = "made by hand"
    f.attrs["hash"] = "0123456789abcdef"
    f.attrs["mean"], f.attrs["std"], f.attrs["format_version"] = 0.5, 0.29, 1
    assert h5py.check_string_dtype(f.attrs.get_id("source").dtype).length is None
with h5py.File("own.h5") as old, h5py.File("packed.h5", "w") as new:
    for name in "train", "test":
        new.create_dataset(name + "/images", data=old[name + "/images"], compression="gzip")
        new[name + "/labels"] = old[name + "/labels"][:]
    for name, value in old.attrs.items():
        new.attrs[name] = value
END
}

@test "a data set as h5py writes it: texts of variable length" {
    own_set
    run "$LOCKSTEP" data info own.h5
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *$'\nsource     made by hand\n'*$'\nhash       0123456789abcdef\n'* ]]
    [[ $output == *ä*see* ]]
    train=("$LOCKSTEP" train "$ROOT/configs/tiny.conf" --data own.h5 --set train.steps=2
        --set train.batch=20 --threads 1)
    "${train[@]}" --run own >one.out
    mpirun -n 2 "${train[@]}" --run own2 >two.out
    [ "$(sed -n 's/^finished.*state=//p' one.out)" = \
        "$(sed -n 's/^finished.*state=//p' two.out)" ]
    run "$LOCKSTEP" data info packed.h5
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"is stored in chunks or compressed; "*"'h5repack -l CONTI -f NONE'"* ]]
    command -v h5repack || return 0
    h5repack -l CONTI -f NONE packed.h5 plain.h5
    "$LOCKSTEP" data info plain.h5
}

# HDF5 keeps such texts in heaps that begin with GCOL, and believes what they say.
@test "damaged texts of variable length end in a message" {
    own_set
    heap=$(grep -abo GCOL own.h5 | head -n 1 | cut -d: -f1)
    for ((i = 0; i < ${FLIPS:-60}; i++)); do
        cp own.h5 bad.h5
        where=$((heap + SRANDOM % 200))
        printf "\\x$(printf %02x $((SRANDOM % 256)))" |
            dd of=bad.h5 bs=1 seek=$where conv=notrunc status=none
        run "$LOCKSTEP" data info bad.h5
        echo "byte $where: status $status: $output"
        ((status <= 1))
        ((status == 0)) || [[ $output == "lockstep: "*"'bad.h5'"* ]]
    done
}

# --- synth ---

@test "synth draws the same bytes with any number of threads, others with another seed" {
    "$LOCKSTEP" data synth --train 300 --test 60 --threads 1 --out one.h5
    "$LOCKSTEP" data synth --train 300 --test 60 --threads 3 --out three.h5
    cmp one.h5 three.h5
    "$LOCKSTEP" data synth --train 300 --test 60 --seed 2 --out other.h5
    [ "$(hash_of one.h5)" = "$(hash_of three.h5)" ]
    [ "$(hash_of one.h5)" != "$(hash_of other.h5)" ]
}

@test "synth's file is read by h5dump and h5py, classes are balanced, train and test differ" {
    run "$LOCKSTEP" data synth --train 520 --test 52 --out s.h5
    [ "$status" -eq 0 ]
    [ "$output" = "s.h5: 520 training and 52 test images of 28 x 28 pixels, 26 classes" ]
    h5dump -H -p s.h5 >dump
    grep -A3 'DATASET "images"' dump | grep -q 'DATATYPE  H5T_STD_U8LE'
    grep -q '( 520, 28, 28 ) / ( 520, 28, 28 )' dump
    [ "$(grep -c CONTIGUOUS dump)" -eq 4 ]
    h5dump -a classes s.h5 | grep -q '"A", "B", "C"'
    py <<'END'
import h5py, numpy as np
with h5py.File("s.h5", "r") as f:
    assert (np.bincount(f["train/labels"][:]) == 20).all()
    assert (np.bincount(f["test/labels"][:]) == 2).all()
    train = {x.tobytes() for x in f["train/images"][:]}
    test = {x.tobytes() for x in f["test/images"][:]}
    assert len(train) == 520 and len(test) == 52 and not train & test
    assert 0.05 < f.attrs["mean"] < 0.4
END
}

@test "nothing is written over without --force" {
    echo precious >x.txt
    run "$LOCKSTEP" data synth --train 26 --test 0 --out x.txt
    [ "$status" -eq 2 ]
    [ "$output" = "lockstep: 'x.txt' exists already; use --force to replace it" ]
    [ "$(cat x.txt)" = precious ]
    "$LOCKSTEP" data synth --train 26 --test 0 --out x.txt --force
    h5dump -n x.txt | grep -q /train/images
    run "$LOCKSTEP" data sheet x.txt --split train --out x.txt
    [ "$status" -eq 2 ]
    h5dump -n x.txt | grep -q /train/images
}

# --- imports ---

@test "import-idx reads EMNIST's transposed images and labels from 1" {
    emnist_like e
    run "$LOCKSTEP" data import-idx --transpose --label-base 1 --classes letters \
        --images e-train-images-idx3-ubyte.gz --labels e-train-labels-idx1-ubyte.gz \
        --test-images e-test-images-idx3-ubyte.gz \
        --test-labels e-test-labels-idx1-ubyte.gz --out e.h5
    echo "$output"
    [ "$status" -eq 0 ]
    check_emnist_like e.h5
    "$LOCKSTEP" data info e.h5 --verify | grep -q '^verified'
}

@test "the same images as IDX, as plain IDX, as CSV and as PNG have one hash" {
    emnist_like e
    py <<'END'
import gzip, os, numpy as np, fixtures
for split in ("train", "test"):
    for kind in ("images-idx3", "labels-idx1"):
        name = "e-%s-%s-ubyte" % (split, kind)
        open(name, "wb").write(gzip.open(name + ".gz").read())
    upright = np.load(split + "-upright.npy")
    labels = upright[:, 0, 0]
    with open(split + ".csv", "w") as f:
        f.write("label," + ",".join("pixel%d" % i for i in range(784)) + "\n")
        for x, label in zip(upright, labels):
            f.write("%d,%s\r\n" % (label - 1, ",".join(map(str, x.reshape(-1)))))
    order = np.argsort(labels, kind="stable")
    with open(split + "-sorted.csv", "w") as f:
        for i in order:
            f.write("%d,%s\n" % (labels[i] - 1, ",".join(map(str, upright[i].reshape(-1)))))
    for i, x in enumerate(upright):
        folder = "png/%s/%s" % (split, chr(ord("A") + labels[i] - 1))
        os.makedirs(folder, exist_ok=True)
        fixtures.png("%s/%05d.png" % (folder, i), x)
END
    for z in .gz ''; do
        "$LOCKSTEP" data import-idx --transpose --label-base 1 --classes letters \
            --images e-train-images-idx3-ubyte$z --labels e-train-labels-idx1-ubyte$z \
            --test-images e-test-images-idx3-ubyte$z \
            --test-labels e-test-labels-idx1-ubyte$z --out idx$z.h5
    done
    "$LOCKSTEP" data import-csv train.csv --test test.csv --classes letters --out csv.h5
    "$LOCKSTEP" data import-csv train-sorted.csv --test test-sorted.csv --classes letters \
        --out sorted.h5
    "$LOCKSTEP" data import-dir png --invert no --out png.h5
    [ "$(hash_of idx.h5)" = "$(hash_of idx.gz.h5)" ]
    [ "$(hash_of idx.h5)" = "$(hash_of csv.h5)" ]
    [ "$(hash_of idx.h5)" != "$(hash_of sorted.h5)" ]
    [ "$(hash_of png.h5)" = "$(hash_of sorted.h5)" ]
}

@test "import-csv and import-dir keep a share of each class for testing" {
    fixtures
    py <<'END'
import os, fixtures
with open("t.csv", "w") as f:
    for i in range(200):
        f.write("%d,%d,1,2,%d\n" % (i % 2, i, 255 - i))
for c in ("cat", "dog"):
    os.makedirs("d/" + c)
    for i in range(20):
        fixtures.png("d/%s/%d.png" % (c, i), [[255] * 30] * 40 if i % 2 else [[0, 9]])
END
    "$LOCKSTEP" data import-csv t.csv --test-share 0.25 --out csv.h5
    run "$LOCKSTEP" data info csv.h5
    [[ $output == *"150 for training, 50 for testing"* ]]
    [[ $output == *"  0         75    25"* ]]
    "$LOCKSTEP" data import-csv t.csv --test-share 0.25 --seed 2 --out seed.h5
    [ "$(hash_of csv.h5)" != "$(hash_of seed.h5)" ]
    run "$LOCKSTEP" data import-dir d --size 12x16 --out dir.h5
    [[ $output == *"note: 20 of 40 images were dark on light and have been inverted"* ]]
    run "$LOCKSTEP" data info dir.h5
    [[ $output == *"12 x 16 pixels, 34 for training, 6 for testing"* ]]
    [[ $output == *"  dog       17     3"* ]]
}

@test "what is imported can be many classes: labels become uint16" {
    py <<'END'
with open("t.csv", "w") as f:
    for i in range(300):
        f.write("%d,%d,1,2,%d\n" % (i, i % 256, i // 2))
END
    "$LOCKSTEP" data import-csv t.csv --test-share 0 --out t.h5
    h5dump -d /train/labels -s 299 -c 1 t.h5 >dump
    grep -q H5T_STD_U16LE dump
    grep -q '(299): 299' dump
}

# --- looking ---

@test "info counts, names and verifies; a changed pixel is found" {
    "$LOCKSTEP" data synth --train 53 --test 26 --out s.h5
    run "$LOCKSTEP" data info s.h5
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "data set   s.h5" ]
    [ "${lines[1]}" = "source     built-in letters, seed 1" ]
    [ "${lines[2]}" = "images     28 x 28 pixels, 53 for training, 26 for testing" ]
    [[ $output == *"  A          3     1"* ]]
    [[ ${lines[-1]} == "  all       53    26" ]]
    py <<'END'
import h5py
with h5py.File("s.h5", "r+") as f:
    f["train/images"][7, 3, 3] ^= 1
END
    "$LOCKSTEP" data info s.h5
    run "$LOCKSTEP" data info s.h5 --verify
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == "lockstep: data set 's.h5' is damaged: its content has the hash "* ]]
}

@test "sheet draws each class in its row" {
    "$LOCKSTEP" data synth --train 260 --test 0 --out s.h5
    run "$LOCKSTEP" data sheet s.h5 --split train --per-class 5 --out sheet.png
    echo "$output"
    [ "$status" -eq 0 ]
    py <<'END'
import struct, zlib, h5py, numpy as np
data = open("sheet.png", "rb").read()
w, h, depth, color = struct.unpack(">IIBB", data[16:26])
assert (w, h, depth, color) == (2 + 5 * 30, 2 + 26 * 30, 8, 0)
raw, at = b"", 8
while at < len(data):
    n, kind = struct.unpack(">I4s", data[at:at + 8])
    raw += data[at + 8:at + 8 + n] if kind == b"IDAT" else b""
    at += 12 + n
raw = np.frombuffer(zlib.decompress(raw), np.uint8).reshape(h, w + 1).astype(int)
sheet = np.zeros((h, w), int)
for y in range(h):  # undo the filters
    for x in range(w):
        left = sheet[y, x - 1] if x else 0
        up = sheet[y - 1, x] if y else 0
        corner = sheet[y - 1, x - 1] if x and y else 0
        p = left + up - corner
        paeth = min((abs(p - left), 0, left), (abs(p - up), 1, up), (abs(p - corner), 2, corner))[2]
        guess = (0, left, up, (left + up) // 2, paeth)[raw[y, 0]]
        sheet[y, x] = (raw[y, x + 1] + guess) % 256
with h5py.File("s.h5", "r") as f:
    labels = f["train/labels"][:]
    for c in range(26):
        for k, i in enumerate(np.flatnonzero(labels == c)[:5]):
            cell = sheet[2 + 30 * c:30 + 30 * c, 2 + 30 * k:30 + 30 * k]
            assert (cell == f["train/images"][i]).all()
END
}

# --- trouble ---

@test "bad IDX files are refused with one line, and nothing is written" {
    emnist_like e
    image=e-train-images-idx3-ubyte.gz label=e-train-labels-idx1-ubyte.gz
    import="import-idx --label-base 1 --classes letters --out x.h5"
    printf 'hello, world' >text
    head -c 20000 $image >short.gz
    gunzip -c $image | head -c 5000 >short
    { gunzip -c $image && printf x; } >long
    { cat $image && printf junk; } >junk.gz
    printf '\0\0\10\3\377\377\377\377\377\377\377\377\377\377\377\377' >absurd
    printf '\0\0\10\3\177\377\377\377\0\0\0\34\0\0\0\34abc' >huge
    printf '\0\0\15\1\0\0\0\1abcd' >float
    : >empty
    fails 1 "'text' is not an IDX file (wrong magic number)" $import --images text --labels $label
    fails 1 "'empty' is not an IDX file" $import --images empty --labels $label
    fails 1 "gzip file 'short.gz' is cut short" $import --images short.gz --labels $label
    fails 1 "IDX file 'short' is cut short" $import --images short --labels $label
    fails 1 "'long' goes on after" $import --images long --labels $label
    fails 1 "bytes after the end of the gzip data in 'junk.gz'" $import --images junk.gz --labels $label
    fails 1 "impossible size" $import --images absurd --labels $label
    fails 1 "announces 1683627179248 bytes of data, it holds 3" $import --images huge --labels $label
    fails 1 "holds type 0x0d" $import --images $image --labels float
    fails 1 "No such file" $import --images $image --labels nowhere.gz
    fails 1 "holds 130 images but 'e-test-labels-idx1-ubyte.gz' 52 labels" \
        $import --images $image --labels e-test-labels-idx1-ubyte.gz
    fails 1 "the wrong way round" $import --images $label --labels $image
}

@test "an absurd size in a header takes no memory" {
    ldd "$LOCKSTEP" | grep -q libasan && skip "sanitizers take address space themselves"
    printf '\0\0\10\3\177\377\377\377\0\0\0\34\0\0\0\34abc' >huge
    ulimit -v 2000000
    fails 1 "bytes of data, it holds 3" import-idx --images huge --labels huge --out x.h5
}

@test "labels out of range and empty classes are refused" {
    emnist_like e
    import="import-idx --images e-train-images-idx3-ubyte.gz --labels e-train-labels-idx1-ubyte.gz --out x.h5"
    fails 1 "label 26 at item 25 of 'e-train-labels-idx1-ubyte.gz' is out of range: 26 classes with label base 0 have labels 0 to 25" \
        $import --classes letters
    fails 1 "label 1 at item 0 of 'e-train-labels-idx1-ubyte.gz' is below the label base 2" \
        $import --label-base 2
    fails 1 "class '0' has no training images (1 of 27 classes are empty); say --allow-empty" \
        $import
    "$LOCKSTEP" data $import --allow-empty
    [ -f x.h5 ]
}

@test "bad CSV rows are refused with their line" {
    row=7,1,2,3,4
    csv() { printf "$1" >t.csv && fails 1 "$2" import-csv t.csv --out x.h5; }
    csv "$row\n7,1,2,3\n" "line 2 of 't.csv' has 4 columns, but line 1 has 5"
    csv "label,a,b,c,d\n$row\n$row\n7,1,256,3,4\n" "line 4 of 't.csv': pixel 256 in column 3 is not within 0..255"
    csv "$row\n7,1,-1,3,4\n" "line 2 of 't.csv': pixel -1 in column 3 is not within 0..255"
    csv "$row\n7,1,abc,3,4\n" "line 2 of 't.csv': 'abc' in column 3 is not a whole number"
    csv "7,1,2,3\n" "3 pixels in 't.csv' do not make a square image"
    csv "70000,1,2,3,4\n" "label 70000 at line 1 of 't.csv' is out of range"
    csv "" "'t.csv' holds no images"
}

@test "bad folders of images are refused" {
    fixtures
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
    fails 1 "'two/b/1.png' is not a PNG image" import-dir two --out x.h5
    head -c 50 two/a/1.png >two/b/1.png
    fails 1 "cannot read PNG image 'two/b/1.png'" import-dir two --out x.h5
    fails 1 "cannot read folder 'nowhere'" import-dir nowhere --out x.h5
}

@test "HDF5 files of another kind, damaged ones and others are refused" {
    "$LOCKSTEP" data synth --train 26 --test 26 --out good.h5
    py <<'END'
import h5py, shutil
with h5py.File("other.h5", "w") as f:
    f["x"] = [1, 2, 3]
for name, spoil in (("nolabels", lambda f: f.pop("test/labels")),
                    ("nomean", lambda f: f.attrs.pop("mean"))):
    shutil.copy("good.h5", name + ".h5")
    with h5py.File(name + ".h5", "r+") as f:
        spoil(f)
END
    head -c 20000 good.h5 >cut.h5
    echo text >text.h5
    fails 1 "'other.h5' is not a data set: it holds no '/train/images'" info other.h5
    fails 1 "'nolabels.h5' holds no '/test/labels'" info nolabels.h5
    fails 1 "'nomean.h5' has no attribute 'mean'" info nomean.h5
    fails 1 "cannot open 'cut.h5': the HDF5 file is damaged or cut short" info cut.h5
    fails 1 "'text.h5' is not an HDF5 file" info text.h5
    fails 1 "cannot open 'nowhere.h5': No such file" sheet nowhere.h5 --out x.png
    fails 1 "it is a folder" info .
}

@test "a wrong command line is told, with exit status 2" {
    fails 2 "which data command?"
    fails 2 "unknown data command 'import-idy'; did you mean 'import-idx'?" import-idy
    fails 2 "where to write is missing: --out FILE" synth
    fails 2 "unknown option '--trian'; did you mean '--train'?" synth --trian 5 --out x.h5
    fails 2 "--train 3" synth --train 3 --out x.h5
    fails 2 "--images FILE --labels FILE" import-idx --out x.h5
    fails 2 "must be given together" import-idx --images a --labels b --test-images c --out x.h5
    fails 2 "class 'A' is listed twice" import-csv t.csv --classes A,A --out x.h5
    fails 2 "'--size 28by28'" import-csv t.csv --size 28by28 --out x.h5
    fails 2 "'--test-share 1.5'" import-csv t.csv --test-share 1.5 --out x.h5
    fails 2 "--test-share makes no sense" import-csv t.csv --test u --test-share 0.1 --out x.h5
    fails 2 "'--invert maybe'" import-dir d --invert maybe --out x.h5
    fails 2 "'--split dev'" sheet s.h5 --split dev --out x.png
    fails 1 "there is no folder 'no/such'" synth --out no/such/x.h5
    run "$LOCKSTEP" data import-idx --help
    [ "$status" -eq 0 ]
    [[ $output == *"--label-base N"* ]]
}

@test "a signal stops the work, and nothing is written" {
    fixtures
    mkdir -p d/a d/b
    py <<'END'
import fixtures
for i in range(400):
    fixtures.png("d/%s/%d.png" % ("ab"[i % 2], i), [[i % 256] * 1000] * 500)
END
    for work in "synth --train 3000000 --test 0" "import-dir d"; do
        "$LOCKSTEP" data $work --out x.h5 2>said &
        until ((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' /proc/$!/status) & 0x4000)); do
            sleep 0.05 # its handler is not there yet
        done
        kill -TERM $!
        status=0
        wait $! || status=$?
        cat said
        [ "$status" -eq 1 ]
        grep -q '^lockstep: interrupted: nothing was written$' said
        [ -z "$(compgen -G 'x.h5*')" ]
    done
}

@test "a full disk leaves what was there, and nothing half-written" {
    mkdir full
    mount -t tmpfs -o size=2m tmpfs full 2>/dev/null || skip "no right to mount a small disk"
    echo precious >full/x.h5
    for kilobytes in 0 1000 1900 2048; do # of the disk taken by others
        head -c ${kilobytes}K /dev/zero >full/other 2>/dev/null || true
        run "$LOCKSTEP" data synth --train 4000 --test 26 --out full/x.h5 --force
        listing=$(ls full)
        kept=$(cat full/x.h5)
        [[ $status -eq 1 && ${#lines[@]} -eq 1 ]] || break
        [[ $output == "lockstep: cannot write 'full/x.h5': No space left on device"* ]] || break
    done
    "$LOCKSTEP" data synth --train 26 --test 26 --out s.h5
    sheet=$("$LOCKSTEP" data sheet s.h5 --out full/s.png 2>&1 || true)
    after=$(ls full)
    umount full
    echo "$kilobytes: $status: $output; $listing; $sheet; $after"
    [ "$kilobytes" -eq 2048 ]
    [ "$status" -eq 1 ]
    [ "$listing" = $'other\nx.h5' ]
    [ "$kept" = precious ]
    [ "$sheet" = "lockstep: cannot write 'full/s.png': No space left on device" ]
    [ "$after" = $'other\nx.h5' ]
}

# --- several ranks, EMNIST, real data ---

@test "data sets are read by one, two and three ranks, in memory and from the file" {
    for n in 1 2 3; do
        run ranks $n "$LOCKSTEP_BUILD/tests/data/test_dataset"
        echo "$output"
        [ "$status" -eq 0 ]
        [ "$(grep -c 'PASSED  \] 10 test' <<<"$output")" -eq "$n" ]
    done
}

@test "under mpirun one rank does the work of data commands" {
    run ranks 3 "$LOCKSTEP" data synth --train 26 --test 26 --out s.h5
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq 1 ]
    [ -f s.h5 ]
}

@test "get_emnist.sh imports a downloaded archive, and refuses another" {
    mkdir gzip
    emnist_like gzip/emnist-letters
    /usr/bin/python3 -m zipfile -c emnist.zip gzip
    run "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *"'emnist.zip' is not what was expected"* ]]
    export EMNIST_MD5
    EMNIST_MD5=$(md5sum <emnist.zip | cut -d' ' -f1)
    "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    check_emnist_like out/letters.h5
    [ "$(ls out)" = letters.h5 ]
    run "$ROOT/scripts/get_emnist.sh" --zip emnist.zip out/letters.h5
    [ "$status" -eq 1 ]
    [[ $output == *"exists already"* ]]
    EMNIST_URL=file://$PWD/emnist.zip "$ROOT/scripts/get_emnist.sh" fetched/letters.h5
    check_emnist_like fetched/letters.h5
    run "$ROOT/scripts/get_emnist.sh" --help
    [ "$status" -eq 2 ]
}

@test "real letters and digits are imported with the counts they are known to have" {
    need_data
    d=$LOCKSTEP_DATA/letters/letters
    "$LOCKSTEP" data import-idx --classes letters --out l.h5 \
        --images "$d-train-images-idx3-ubyte.gz" --labels "$d-train-labels-idx1-ubyte.gz" \
        --test-images "$d-test-images-idx3-ubyte.gz" \
        --test-labels "$d-test-labels-idx1-ubyte.gz"
    run "$LOCKSTEP" data info l.h5 --verify
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"28 x 28 pixels, 74979 for training, 12496 for testing"* ]]
    [[ $output == *"  A       4643    "* && $output == *"  Z       1608    "* ]]
    d=$LOCKSTEP_DATA/mnist
    "$LOCKSTEP" data import-idx --classes digits --out d.h5 \
        --images "$d/train-images-idx3-ubyte.gz" --labels "$d/train-labels-idx1-ubyte.gz" \
        --test-images "$d/t10k-images-idx3-ubyte.gz" \
        --test-labels "$d/t10k-labels-idx1-ubyte.gz"
    py "$d" <<'END'
import gzip, sys, h5py, numpy as np
raw = gzip.open(sys.argv[1] + "/t10k-images-idx3-ubyte.gz").read()
with h5py.File("d.h5", "r") as f:
    assert (f["test/images"][:].reshape(-1) == np.frombuffer(raw, np.uint8)[16:]).all()
    assert abs(f.attrs["mean"] - 0.1307) < 1e-4 and abs(f.attrs["std"] - 0.3081) < 1e-4
END
}
