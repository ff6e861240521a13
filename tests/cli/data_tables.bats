#!/usr/bin/env bats
# lockstep data import: tables as Kaggle, numpy, pandas and R leave them, and what is no
# table.
# Core: part of `make test`.

# The same 60 images of 8x8 pixels, 0..16, in every form; labels 0..9.
setup_file() {
    source "$BATS_TEST_DIRNAME/data.sh"
    py <<'END'
import gzip, zipfile, numpy as np
rng = np.random.default_rng(1)
label = np.arange(60) % 10
pixel = rng.integers(0, 17, (60, 64))
pixel[:, [0, 63]] = 0
pixel[7, [0, 63]] = 3
np.save("pixel.npy", pixel)
first, last = np.c_[label, pixel], np.c_[pixel, label]
names = ["pixel%d" % i for i in range(64)]

def write(name, rows, head=None, sep=",", end="\n", code="utf-8"):
    lines = [sep.join(map(str, row)) + end for row in ([head] if head else []) + list(rows)]
    open(name, "wb").write("".join(lines).encode(code))

write("kaggle.csv", first, ["label"] + names)
write("tab.tsv", first, sep="\t", end="\r\n")
write("semicolon.csv", first, ["label"] + names, ";")
write("utf16.csv", first, ["label"] + names, code="utf-16")
write("mac.csv", first, ["label"] + names, end="\r")
write("mac16.csv", first, ["label"] + names, end="\r", code="utf-16")
for name, line in ("excel", 'sep=;\r\n'), ("quoted", '"sep=;"\n'):
    text = line + open("semicolon.csv").read()
    open(name + ".csv", "wb").write(text.encode())
    open(name + "16.csv", "wb").write(text.encode("utf-16"))
write("named-last.csv", last, names + ["Class"])
write("last.csv", last)
write("counting.csv", first, range(65))
write("index.csv", np.c_[np.arange(60), first], [""] + ["label"] + names)
write("index-counting.csv", np.c_[np.arange(60), first], [""] + list(range(65)))
write("index-alone.csv", np.c_[np.arange(60), last])
write("r.csv", [['"%d"' % (i + 1)] + list(row) for i, row in enumerate(first)],
      ['"label"'] + ['"V%d"' % i for i in range(64)])
np.savetxt("numpy.txt", last.astype(float))
np.savetxt("numpy.csv", first.astype(float), "%.1f", ",", header=",".join(["label"] + names))
open("kaggle.csv.gz", "wb").write(gzip.compress(open("kaggle.csv", "rb").read()))
write("unit.csv", [[a] + ["%.6f" % (x / 16) for x in row] for a, row in zip(label, pixel)])
write("comma.csv", [[a] + [("%.6f" % (x / 16)).replace(".", ",") for x in row]
                    for a, row in zip(label, pixel)], sep=";")
write("words.csv", [["jihgfedcba"[a]] + list(row) for a, row in zip(label, pixel)],
      ["label"] + list(range(64)))
write("test.csv", pixel, names)
write("one.csv", np.c_[label * 0, 15 * pixel])
write("emnist-letters-train.csv", np.c_[label + 1, pixel])
zipfile.ZipFile("zipped.csv", "w").writestr("t.csv", open("kaggle.csv").read())
np.savez("pixel.npz", pixel)
end = first.copy()
end[3, 5] = 17
write("above.csv", end)
mangled, seen = [], {}
for x in map(int, last[0]):
    seen[x] = seen.get(x, 0) + 1
    mangled.append(str(x) if seen[x] == 1 else "%d.%d" % (x, seen[x] - 1))
write("pandas.csv", last[1:], mangled)
END
}

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
}

# imports FILE ARGUMENT...: all images go to train; what is said is in $output.
imports() {
    run "$LOCKSTEP" data import "$1" --out "$1.h5" --force --test 0 "${@:2}"
    echo "$1: $output"
    [ "$status" -eq 0 ]
}

@test "every form of a table makes the same data set" {
    imports kaggle.csv
    [[ $output == *"note: the pixels of 'kaggle.csv' fill only 0..16 of 0..255; --max-value 16 scales them"* ]]
    h5 kaggle.csv.h5 <<'END'
import numpy
assert (f[0]["train/images"][:].reshape(60, 64) == numpy.load("pixel.npy")).all()
assert (f[0]["train/labels"][:] == numpy.arange(60) % 10).all()
END
    for file in tab.tsv semicolon.csv utf16.csv mac.csv mac16.csv excel.csv excel16.csv \
        quoted.csv quoted16.csv named-last.csv last.csv counting.csv \
        index.csv index-counting.csv index-alone.csv r.csv numpy.txt numpy.csv kaggle.csv.gz; do
        imports $file
        same_hash kaggle.csv.h5 $file.h5
        [[ $file != *index* && $file != r.csv || $output == *"the first column numbers the rows"* ]]
        [[ $file != last.csv || $output == *"the labels are in the last column"* ]]
    done
    "$LOCKSTEP" data import-csv last.csv --test-share 0 --out old.h5
    same_hash kaggle.csv.h5 old.h5
}

@test "--max-value scales, --label-column decides, words are classes" {
    imports kaggle.csv --max-value 16
    [[ $output != *"fill only"* ]]
    cp kaggle.csv.h5 scaled.h5
    h5 scaled.h5 <<'END'
import numpy
scaled = (numpy.load("pixel.npy") * 255 / 16 + 0.5).astype(int)
assert (f[0]["train/images"][:].reshape(60, 64) == scaled).all()
END
    for file in unit.csv comma.csv; do
        fails 1 "is not a whole number; if all are within 0..1, give --max-value 1" \
            import $file --out x.h5
        imports $file --max-value 1
        same_hash scaled.h5 $file.h5
    done
    fails 1 "line 4 of 'above.csv': pixel 17 in column 6 is not within 0..16" \
        import above.csv --max-value 16 --out x.h5
    imports last.csv --label-column 65 --max-value 16
    same_hash scaled.h5 last.csv.h5
    imports named-last.csv --label-column class --max-value 16
    same_hash scaled.h5 named-last.csv.h5
    fails 2 "has no such column; expected first, last, a name of its heading" \
        import last.csv --label-column kind --out x.h5
    imports words.csv
    h5 words.csv.h5 <<'END'
assert [c.decode() for c in f[0].attrs["classes"]] == list("abcdefghij")
assert (f[0]["train/labels"][:10] == range(9, -1, -1)).all()
END
}

@test "tables without labels, with one class, or of another kind are named" {
    fails 1 "'test.csv' has no labels: its 64 columns are the pixels of an image" \
        import test.csv --out x.h5
    fails 1 "all pictures in CSV file one.csv are of class '0': at least two classes" \
        import one.csv --out x.h5
    fails 1 "all pictures in CSV file one.csv are of class '0'" \
        import-csv one.csv --allow-empty --out x.h5
    for command in import import-csv; do
        fails 1 "'zipped.csv' is a zip archive, not a" $command zipped.csv --out x.h5
        fails 1 "'pixel.npz' is a NumPy archive (.npz), not a" $command pixel.npz --out x.h5
        fails 1 "'pixel.npy' is a NumPy array, not a" $command pixel.npy --out x.h5
    done
    fails 1 "'.': it is a folder" import-csv . --out x.h5
    imports kaggle.csv
    fails 1 "'kaggle.csv.h5' is a data set, not a list of pictures" \
        import kaggle.csv.h5 --out x.h5
    fails 1 "'kaggle.csv' is a text file, not an HDF5 file" info kaggle.csv
    imports pandas.csv
    [[ $output == *"line 1 of 'pandas.csv' is a heading that pandas made of an image"* ]]
}

@test "EMNIST's labels and columns are noted" {
    fails 1 "the labels of 'emnist-letters-train.csv' begin at 1: give --label-base 1" \
        import emnist-letters-train.csv --out x.h5
    imports emnist-letters-train.csv --label-base 1
    [[ $output == *"looks like EMNIST, whose images are stored column by column: --transpose"* ]]
    imports emnist-letters-train.csv --label-base 1 --transpose
    [[ $output != *"looks like EMNIST"* ]]
}

@test "tables and IDX files get the checks that folders get" {
    py <<'END'
import fixtures, numpy as np
rng = np.random.default_rng(2)
def image(n):
    return rng.integers(0, 256, (n, 6, 6)).astype(np.uint8)
train, test = image(40), image(8)
labels = np.array([0] * 30 + [1] * 8 + [2] * 2, np.uint8)
test_labels = np.array([0] * 4 + [1] * 4, np.uint8)
test[3] = train[5]
train[7] = 9
for name, x in (("train-images", train), ("train-labels", labels), ("t10k-images", test),
                ("t10k-labels", test_labels)):
    fixtures.idx(name, x)
for name, x, y in (("a.csv", train, labels), ("b.csv", test, test_labels)):
    np.savetxt(name, np.c_[y, x.reshape(len(x), -1)], "%d", ",")
END
    "$LOCKSTEP" data import train-images --out idx.h5 >idx.out 2>&1
    "$LOCKSTEP" data import-csv a.csv --test b.csv --out csv.h5 >csv.out 2>&1
    same_hash idx.h5 csv.h5
    for out in idx.out csv.out; do
        grep "the same picture is in two splits: 'train image 5' (train) and 'test image 3'" $out
        grep "1 picture is of one flat colour, like 'train image 7'" $out
        grep "no pictures in test of 1 class: '2'" $out
        grep "the classes are unbalanced: '0' has 30 pictures for training, '2' has 2; .* train.class_weights = auto lets all count alike, data.sampling = balanced lets " $out
    done
    "$LOCKSTEP" data import train-images --dedupe --out dedupe.h5 >dedupe.out
    grep '^dedupe.h5: 39 training, 0 validation and 8 test images' dedupe.out
}

@test "training refuses a data set with one class" {
    imports kaggle.csv
    h5 <<'END'
import shutil
shutil.copy("kaggle.csv.h5", "one.h5")
with h5py.File("one.h5", "r+") as one:
    one["train/labels"][:] = 4
    del one["train/hashes"], one.attrs["hash_kind"]  # as another program writes it
END
    for n in 1 2; do
        start=(mpirun -n "$n")
        ((n == 1)) && start=()
        run "${start[@]}" "$LOCKSTEP" train "$TINY" --data one.h5 --run never --threads 1
        echo "$output"
        [ "$status" -eq 1 ]
        [ "$(grep -c "all training images of 'one.h5' are of class '4'" <<<"$output")" -eq 1 ]
    done
    [ ! -e never ]
}

# weighted.csv: 20 pictures of two classes; number i has the weight i / 2, or 1 for 4.
weighted_list() {
    py <<'END'
import fixtures
with open("weighted.csv", "w") as f:
    f.write("path,label,weight\n")
    for i in range(20):
        fixtures.png("w%02d.png" % i, [[i, 255 - i], [7, 9]])
        f.write("w%02d.png,%s,%s\n" % (i, ('a', '"b,""c"""')[i % 2], "" if i == 4 else i / 2))
END
}

# have_weights FILE...: each image of the training split has the weight of its number.
have_weights() {
    h5 "$@" <<'END'
for file in f:
    w, images = file["train/weights"][:], file["train/images"][:]
    assert w.dtype == "float32" and len(w) == len(images) >= 14
    for weight, image in zip(w, images):
        i = int(image[0, 0])
        assert weight == (1 if i == 4 else i / 2), (i, weight)
END
}

@test "the weights of a list are kept, also by data split and data export" {
    weighted_list
    imports weighted.csv
    [[ $output != *"column 'weight'"* ]]
    "$LOCKSTEP" data info weighted.csv.h5 | grep -Eq '^weights    [0-9.]+ to 9.5 of the training images, mean [0-9.]+$'
    imports kaggle.csv
    run "$LOCKSTEP" data info kaggle.csv.h5
    [[ $status -eq 0 && $output != *weights* ]]
    "$LOCKSTEP" data export weighted.csv.h5 exported | grep -q 'import its list.csv to keep the weights'
    "$LOCKSTEP" data import exported/list.csv --test 0 --out again.h5
    "$LOCKSTEP" data import weighted.csv --test 0 --store encoded --out encoded.h5
    have_weights weighted.csv.h5 again.h5
    h5 weighted.csv.h5 encoded.h5 <<'END'
assert (f[0]["train/weights"][:] == f[1]["train/weights"][:]).all()
END
    same_hash weighted.csv.h5 again.h5
    "$LOCKSTEP" data split weighted.csv.h5 --val 15%
    have_weights weighted.csv.h5
    "$LOCKSTEP" data info weighted.csv.h5 --verify | grep -q '^verified'
}

@test "weights that cannot be used are refused" {
    weighted_list
    for bad in -1 nan inf 1e50 heavy; do
        sed "3s/,[0-9.]*$/,$bad/" weighted.csv >bad.csv
        fails 1 "line 3 of 'bad.csv': weight '$bad' is not a number of 0 or more" \
            import bad.csv --out x.h5
    done
    sed '2,$s/,[0-9.]*$/,0/' weighted.csv >zero.csv
    refused 1 "all training images of 'list zero.csv' have the weight 0*" \
        "$LOCKSTEP" data import zero.csv --out x.h5
    [ ! -e x.h5 ]
}

@test "weights that were changed are noticed, and accepted by rehash" {
    weighted_list
    imports weighted.csv
    h5 <<'END'
with h5py.File("weighted.csv.h5", "r+") as file:
    file["train/weights"][2] = 77
END
    damaged="'weighted.csv.h5' is damaged: the weights of its images are not as they were*"
    refused 1 "$damaged" "$LOCKSTEP" data info weighted.csv.h5
    refused 1 "$damaged" "$LOCKSTEP" data split weighted.csv.h5 --val 10%
    refused 1 "$damaged" "$LOCKSTEP" train "$TINY" --data weighted.csv.h5 --run never
    "$LOCKSTEP" data rehash weighted.csv.h5 | grep -q 'weights of images had another hash'
    "$LOCKSTEP" data info weighted.csv.h5 | grep -q '^weights .* to 77 of'
    "$LOCKSTEP" data rehash weighted.csv.h5 | grep -q 'all hashes are right'
    h5 <<'END'
with h5py.File("weighted.csv.h5", "r+") as file:
    file["train/weights"][2] = -1
    del file.attrs["weights_hash"]
END
    refused 1 "weight 2 in '/train/weights' of 'weighted.csv.h5' is -1" \
        "$LOCKSTEP" data info weighted.csv.h5
}

# Excel writes "CSV" in the code page of the country.
@test "labels that are not UTF-8 are refused, in tables and in lists" {
    py <<'END'
import fixtures
rows = ["Andr\xe9" if i % 2 else "b" for i in range(40)]
text = "".join("%s,%s\n" % (r, ",".join(str(i + j) for j in range(64))) for i, r in enumerate(rows))
open("latin.csv", "wb").write(("label," + ",".join("p%d" % i for i in range(64)) + "\n" + text)
                              .encode("latin-1"))
open("utf8.csv", "wb").write(open("latin.csv", "rb").read().decode("latin-1").encode())
for i in range(40):
    fixtures.png("%d.png" % i, [[i * 5 + j for j in range(8)]] * 8)
text = "path,label\n" + "".join("%d.png,%s\n" % (i, r) for i, r in enumerate(rows))
open("latin-list.csv", "wb").write(text.encode("latin-1"))
open("utf8-list.csv", "wb").write(text.encode())
for code in "utf-32", "utf-32-be", "utf-32-le":
    text = open("utf8.csv", "rb").read().decode().replace("\xe9", "e")
    open(code + ".csv", "wb").write(text.encode(code))
text = "path,label\n" + "".join("%d.png,%s\n" % (i, r) for i, r in enumerate(rows))
open("mac-list.csv", "wb").write(text.replace("\n", "\r").encode())
open("excel-list.csv", "wb").write(("sep=;\r\n" + text.replace(",", ";")).encode())
END
    for from in latin.csv latin-list.csv; do
        fails 1 "is not UTF-8: save the file as UTF-8" import $from --out x.h5
    done
    for code in utf-32 utf-32-be utf-32-le; do
        for command in import import-csv; do
            fails 1 "'$code.csv' is a text file in UTF-32" $command $code.csv --out x.h5
        done
    done
    for from in utf8.csv utf8-list.csv mac-list.csv excel-list.csv; do
        "$LOCKSTEP" data import $from --out x.h5 --force >/dev/null
        "$LOCKSTEP" data info x.h5 | grep -q 'André'
    done
}

# One folder was taken for the other.
@test "class folders whose names are not UTF-8 and differ stay different classes" {
    py <<'END'
import os, fixtures
for name, first in ((b"M\xfcller", 0), (b"M\xf6ller", 9)):
    os.makedirs(b"d/" + name)
    for i in range(8):
        fixtures.png(b"d/" + name + b"/%d.png" % i, [[first + i * 20 + j for j in range(8)]] * 8)
END
    "$LOCKSTEP" data import d --out x.h5 | grep -q ', 2 classes$'
}

@test "labels that are all different or too large are not labels" {
    py <<'END'
def write(name, label):
    open(name, "w").write("label," + ",".join("p%d" % i for i in range(64)) + "\n" + "".join(
        "%s,%s\n" % (label(i), ",".join(str((i * j) % 256) for j in range(64))) for i in range(40)))
write("lone.csv", lambda i: "name%d" % i)
write("large.csv", lambda i: i % 2 * 10000000000)
write("good.csv", lambda i: i % 2)
END
    "$LOCKSTEP" data import lone.csv --out x.h5 2>&1 >/dev/null |
        grep -q "each of the 40 pictures in .* has another label"
    "$LOCKSTEP" data import good.csv --out x.h5 --force 2>good.err >/dev/null
    run -1 grep 'another label' good.err
    rm x.h5
    fails 1 "the label 10000000000 in column 1 is too large" import large.csv --out x.h5
}
