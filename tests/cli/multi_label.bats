#!/usr/bin/env bats
# Images with several classes, or none: data sets, training, eval, predict.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    source "$ROOT/tests/shapes.sh"
    shapes pictures 480
    shapes_config net.conf
    "$LOCKSTEP" data import pictures/list.csv --out shapes.h5 --val 10% 2>import.err >import.out
    train_on shapes.h5 run >run.out 2>run.err
    letters letters.h5 300 60
}

# train_on DATA RUN OPTION...
train_on() {
    DATA=$1 train 1 net.conf --run "$2" "${@:3}"
}

setup() {
    source "$BATS_TEST_DIRNAME/data.sh"
    source "$ROOT/tests/shapes.sh"
}

@test "a ';' in a label makes a multi-label set, and a note says so" {
    grep -Eq "^note: 'pictures/list.csv' has labels with ';' \(line [0-9]+: '[a-z;]+'\): its pictures may have several" import.err
    h5 shapes.h5 <<'END'
import csv
rows = list(csv.DictReader(open("pictures/list.csv")))
classes = [c.decode() for c in f[0].attrs["classes"]]
assert classes == ["disc", "line", "square"] and f[0].attrs["format_version"] == 3
found = {}
for split in ("train", "val", "test"):
    sets = f[0][split + "/labels"]
    assert sets.dtype == np.uint8 and sets.shape[1] == 1
    bits = np.unpackbits(sets[:], axis=1, count=3, bitorder="little")
    paths = bytes(f[0][split + "/paths"][:]).decode().split("\0")
    for path, row in zip(paths, bits):
        found[path] = {classes[c] for c in range(3) if row[c]}
assert len(found) == len(rows) == 480
for row in rows:
    assert found[row["path"]] == set(filter(None, row["label"].split(";"))), row
assert len(f[0]["test/labels"]) == 120 and 34 <= len(f[0]["val/labels"]) <= 38
END
}

@test "data info counts the images of each class, those without, and labels per image" {
    "$LOCKSTEP" data info shapes.h5 --verify >out
    cat out
    grep -qx 'classes    3, several or none for each image' out
    grep -Eqx '  \(no class\) +[0-9]+ +[0-9]+ +[0-9]+' out
    grep -Eqx '  all +32[0-9] +3[0-9] +120' out
    grep -Eqx 'labels     1\.[0-9]+ of an image on average, at most 3' out
    grep -qx 'verified: the content has this hash' out
    # of each class and of those without any, a tenth went to val
    awk '$1 == "disc" || $1 == "square" || $1 == "(no" { n = NF; share = $(n - 1) / ($(n - 1) + $(n - 2))
        if (share < 0.05 || share > 0.16) exit 1 }' out
}

@test "export writes a list, which import takes back as the same set" {
    "$LOCKSTEP" data export shapes.h5 out
    [ "$(find out -name '*.png' | wc -l)" -eq 480 ]
    "$LOCKSTEP" data import out/list.csv --out back.h5 --multi-label
    same_hash shapes.h5 back.h5
    printf 'path,label\ntest/000000.png,disc\ntest/000001.png,\n' >out/none.csv
    fails 1 "line 3 of 'out/none.csv' has no label" import out/none.csv --out x.h5
}

@test "a list of single labels is a multi-label set on demand, also with one class" {
    printf 'path,label\n' >pictures/one.csv
    for i in 001 002 003 005 006 007 009 010; do
        printf '%s.png,%s\n' $i "$([ $((10#$i % 2)) = 0 ] && echo odd)" >>pictures/one.csv
    done
    fails 1 "line 2 of 'pictures/one.csv' has no label" import pictures/one.csv --out x.h5
    "$LOCKSTEP" data import pictures/one.csv --out one.h5 --multi-label --test 25%
    "$LOCKSTEP" data info one.h5 | grep -qx 'classes    1, several or none for each image'
    train_on one.h5 single --set train.batch=4 --set train.grain=4 --set train.epochs=2 >single.out
    grep -q '^finished step 4 of 4' single.out
    mkdir -p folder/a folder/b
    cp pictures/001.png folder/a
    cp pictures/002.png folder/b
    fails 2 "'folder' is a folder of pictures: --multi-label makes no sense" import folder --out x.h5 --multi-label
}

@test "sheet shows an image in the row of each of its classes" {
    "$LOCKSTEP" data sheet shapes.h5 --out sheet.png --per-class 4 | grep -q "a row for each of 3 classes, 'disc' to 'square', up to 4"
    /usr/bin/python3 -c '
import numpy as np
from PIL import Image
sheet = np.array(Image.open("sheet.png")).astype(int)
assert sheet.shape == (2 + 3 * 18, 2 + 4 * 18, 3)
for row, colour in enumerate((2, 1, 0)):  # disc blue, line green, square red
    part = sheet[2 + 18 * row:18 * (row + 1), 2:]
    others = [c for c in range(3) if c != colour]
    strong = (part[:, :, colour] - part[:, :, others].max(2)) > 80
    for column in range(4):
        assert strong[:, 18 * column:18 * column + 16].any(), (row, column)'
}

@test "split and rehash keep the labels" {
    "$LOCKSTEP" data import pictures/list.csv --out all.h5 >/dev/null 2>&1
    "$LOCKSTEP" data split all.h5 --val 10%
    same_hash shapes.h5 all.h5
    /usr/bin/python3 -c "import h5py; h5py.File('all.h5', 'r+')['train/labels'][17] ^= 1"
    run "$LOCKSTEP" data info all.h5 --verify
    [ "$status" -eq 1 ]
    [[ $output == *"damaged: 1 of "*" train images, or their labels; the first is image 17"* ]]
    "$LOCKSTEP" data rehash all.h5
    "$LOCKSTEP" data info all.h5 --verify | grep -q '^verified'
    other_hash shapes.h5 all.h5
}

@test "the network ends in logsigmoid, and learns" {
    grep -Eqx '  logsigmoid1 +3' run.out
    grep -q ' train.metric=average_precision' run.out
    grep -qx 'layer = logsigmoid' run/config.conf
    grep -Eq '^eval step .* accuracy [0-9.]+ % \([0-9]+ of 3[0-9]\) average precision [0-9.]+ % state=' run.out
    grep -Eq '^finished .* best average precision (100.00|9[0-9]\.[0-9]+) % ' run.out
    "$LOCKSTEP" show run >show.out
    grep -Eq '^best        average precision [0-9.]+ % at step' show.out
    grep -Eq '^  eval step [0-9]+ loss [0-9.]+ accuracy [0-9.]+ % average precision [0-9.]+ %$' show.out
    grep -q '^classes     3, several or none for each image: disc line square' show.out
}

@test "eval prints the classes, and writes probabilities and labels" {
    "$LOCKSTEP" eval run --data shapes.h5 --out answers.h5 >eval.out
    cat eval.out
    run ! grep -q confusion eval.out
    h5 answers.h5 shapes.h5 <<'END'
p, answers, labels = (f[0][n][:] for n in ("probabilities", "predicted", "labels"))
assert p.shape == answers.shape == labels.shape == (120, 3) and f[0].attrs["threshold"] == 0.5
bits = np.unpackbits(f[1]["test/labels"][:], axis=1, count=3, bitorder="little")
assert np.array_equal(labels, bits) and np.array_equal(answers, p >= 0.5)
def ap(score, has):
    order = np.argsort(-score, kind="stable")
    found, n = np.cumsum(has[order]), np.arange(1, len(has) + 1)
    last = np.append(np.diff(score[order]) != 0, True)  # of samples with the same score
    recall = found[last] / has.sum()
    return (np.diff(recall, prepend=0) * (found[last] / n[last])).sum()
text = open("eval.out").read()
right = (answers == labels).all(1)
assert "accuracy %.2f %% (%d of 120)" % (100 * right.mean(), right.sum()) in text
assert "average precision %.2f %%" % (100 * np.mean([ap(p[:, c], labels[:, c]) for c in range(3)])) in text
tp, said, has = (answers & labels).sum(0), answers.sum(0), labels.sum(0)
f1 = 2 * tp / (said + has)
assert "micro F1 %.2f %%, macro F1 %.2f %%" % (200 * tp.sum() / (said + has).sum(), 100 * f1.mean()) in text
rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith("  ")}
for c, name in enumerate(("disc", "line", "square")):
    want = [100 * ap(p[:, c], labels[:, c]), 100 * tp[c] / said[c], 100 * tp[c] / has[c], 100 * f1[c]]
    assert rows[name] == ["%d" % has[c], "%d" % said[c]] + ["%.2f" % w for w in want], (rows, want)
END
    grep -Eq '^accuracy (9[0-9]|100)' eval.out
}

@test "a threshold changes answers, not the ranking" {
    "$LOCKSTEP" eval run --data shapes.h5 --threshold 0.999 --out high.h5 >high.out
    "$LOCKSTEP" eval run --data shapes.h5 >plain.out
    grep -q 'answers with p >= 0.999$' high.out
    same_text "$(grep -o '^average precision [0-9.]*' plain.out)" "$(grep -o '^average precision [0-9.]*' high.out)"
    h5 high.h5 <<<'assert (f[0]["predicted"][:] == (f[0]["probabilities"][:] >= np.float32(0.999))).mean() > 0.99
assert f[0]["predicted"][:].sum() < (f[0]["probabilities"][:] >= 0.5).sum()'
    for data in shapes.h5 no-such-file; do # before anything is read
        refused 2 "'--threshold 2': expected a probability, from 0 to 1" \
            "$LOCKSTEP" eval run --data $data --threshold 2
    done
    refused 2 "'--threshold 1.5': expected a probability, from 0 to 1" \
        "$LOCKSTEP" predict run pictures/004.png --threshold 1.5
}

@test "views, lists of pictures and other orders of the classes are evaluated" {
    "$LOCKSTEP" eval run --data shapes.h5 --views mirror+shift >views.out
    grep -Eq '^average precision (9[0-9]|100)' views.out
    "$LOCKSTEP" eval run --data shapes.h5 | grep -v '^data\|images/s\|^parallel' >plain.out
    "$LOCKSTEP" eval run --data pictures/list.csv >/dev/null 2>&1 # imports it
    "$LOCKSTEP" eval run --data pictures/list.csv 2>list.err | grep -v '^data\|images/s\|^parallel' >list.out
    diff plain.out list.out
    # the same images, classes in another order and one more bit
    h5 shapes.h5 <<'END'
order = [2, 0, 1]
with h5py.File("turned.h5", "w") as out:
    for split in ("train", "test"):
        bits = np.unpackbits(f[0][split + "/labels"][:], axis=1, count=3, bitorder="little")
        out[split + "/images"] = f[0][split + "/images"][:]
        out[split + "/labels"] = np.packbits(bits[:, order], axis=1, bitorder="little")
    for name in ("mean", "std", "source"):
        out.attrs[name] = f[0].attrs[name]
    out.attrs.update(hash="0123456789abcdef", format_version=3,
                     classes=[f[0].attrs["classes"][c] for c in order])
END
    "$LOCKSTEP" eval run --data turned.h5 2>turned.err | grep -v '^data\|images/s\|^parallel' >turned.out
    diff plain.out turned.out
    grep -q "are in another order" turned.err
}

@test "predict prints the classes with the threshold, or none" {
    "$LOCKSTEP" eval run --data shapes.h5 --split test --out answers.h5 >/dev/null
    "$LOCKSTEP" predict run pictures/{000,004,008,012,016,020,024}.png >out
    cat out
    h5 answers.h5 >want <<'END'
names = [c.decode() for c in f[0].attrs["classes"]]
def line(i, shown):
    return "pictures/%03d.png:" % (4 * i) + "".join("  %s %.1f %%" % (names[c], 100 * f[0]["probabilities"][i][c]) for c in shown)
for i in range(7):
    p = f[0]["probabilities"][i].astype(float)
    shown = [c for c in np.argsort(-p, kind="stable") if p[c] >= 0.5]
    print(line(i, shown) if shown else "pictures/%03d.png:  none" % (4 * i))
END
    diff want out
    grep -q '%.*%' out
    grep -q ':  none$' out
    "$LOCKSTEP" predict run pictures/004.png --threshold 0 | grep -Eq '(  [a-z]+ [0-9.]+ %){3}$'
    "$LOCKSTEP" predict run pictures/004.png --top 1 | grep -Eq ':  [a-z]+ [0-9.]+ %$'
    refused 2 "--top and --threshold exclude each other*" \
        "$LOCKSTEP" predict run pictures/004.png --top 1 --threshold 0.1
    refused 2 "'--top 0': expected a whole number from 1 to 65536" \
        "$LOCKSTEP" predict run pictures/004.png --top 0
}

@test "the labels and the network must be of one kind" {
    sed 's/logsoftmax/logsigmoid/' net.conf >sigmoid.conf
    sed '/logsoftmax/d' net.conf >endless.conf
    train 1 "$TINY" --run single --set train.epochs=1 >/dev/null 2>&1
    refused 2 "sigmoid.conf: the network ends in 'logsigmoid', for images with several classes, but each image of 'letters.h5' has one: write 'layer = logsoftmax'" \
        train 1 sigmoid.conf --run never
    refused 2 "endless.conf: images of 'shapes.h5' have several classes, or none: the last line of \[model\] must be 'layer = logsigmoid'" \
        "$LOCKSTEP" train endless.conf --data shapes.h5 --run never
    refused 2 "train.metric = average_precision is for images with several classes, but each image of 'letters.h5' has one" \
        train 1 "$TINY" --run never --set train.metric=average_precision
    refused 2 "data.sampling = balanced is for images of one class, but those of 'shapes.h5' have several, or none*" \
        "$LOCKSTEP" train net.conf --data shapes.h5 --run never --set data.sampling=balanced
    refused 2 "'single' gives an image one class, but those of 'shapes.h5' have several, or none*" \
        "$LOCKSTEP" eval single --data shapes.h5
    refused 2 "'run' tells which of several classes an image has, or none, but each image of 'letters.h5' has one*" \
        "$LOCKSTEP" eval run --data letters.h5
    refused 2 "'single' gives an image one class: --threshold makes no sense" \
        "$LOCKSTEP" eval single --data letters.h5 --threshold 0.4
    refused 2 "'single' gives an image one class: --threshold makes no sense" \
        env XDG_CACHE_HOME="$PWD/cache" "$LOCKSTEP" eval single --data pictures --threshold 0.4
    [ ! -e cache ] # no picture was imported
    [ ! -e never ]
    DATA=shapes.h5 train 1 sigmoid.conf --run same >same.out
    same_state run.out same.out
}

@test "class weights, focal loss, smoothing and metrics" {
    for metric in subset_accuracy macro_f1 balanced_accuracy loss; do
        train_on shapes.h5 $metric --set train.metric=$metric >$metric.out
        same_state run.out $metric.out
    done
    grep -Eq '^eval step .* accuracy [0-9.]+ % \(.*\) average precision [0-9.]+ % state=' subset_accuracy.out
    grep -Eq '^finished .* best accuracy [0-9.]+ %' subset_accuracy.out
    grep -Eq '^eval step .* macro F1 [0-9.]+ % state=' macro_f1.out
    grep -Eq '^finished .* best loss ' loss.out
    train_on shapes.h5 auto --set train.class_weights=auto >auto.out
    h5 shapes.h5 >weights <<'END'
bits = np.unpackbits(f[0]["train/labels"][:], axis=1, count=3, bitorder="little")
has = bits.sum(0).astype(float)
print(",".join("%s:%.17g" % (c.decode(), (len(bits) - n) / n) for c, n in zip(f[0].attrs["classes"], has)))
END
    train_on shapes.h5 named --set "train.class_weights=$(<weights)" >named.out
    same_state auto.out named.out
    other_state auto.out run.out
    train_on shapes.h5 zero --set train.loss=focal --set train.focal=0 >zero.out
    same_state zero.out run.out
    train_on shapes.h5 focal --set train.loss=focal --set train.label_smoothing=0.05 >focal.out
    grep -Eq '^finished .* best average precision (100.00|9[0-9]\.[0-9]+) % ' focal.out
    refused 2 "train.class_weights: 'shapes.h5' has no class 'cat'*" \
        train_on shapes.h5 never --set train.class_weights=cat:2
}

# one_class FILE CLASS...: the pictures with the number of their square and disc as classes.
one_class() {
    h5 shapes.h5 <<END
with h5py.File("$1", "w") as out:
    for split in ("train", "test"):
        bits = np.unpackbits(f[0][split + "/labels"][:], axis=1, count=3, bitorder="little")
        out[split + "/images"] = f[0][split + "/images"][:]
        out[split + "/labels"] = bits[:, 0] + bits[:, 2]
    for name in ("mean", "std", "source"):
        out.attrs[name] = f[0].attrs[name]
    out.attrs.update(hash="0123456789abcdef", format_version=2, classes="${*:2}".split())
END
}

@test "weights of a network for single classes are fine-tuned, with a new head" {
    one_class single.h5 none one two
    train_on single.h5 single --set train.epochs=2 --set optim.lr=0.05 >/dev/null 2>&1
    train_on shapes.h5 tuned --pretrained single --set optim.lr=0.05 >tuned.out
    grep -Eq "^weights    [0-9]+ tensors of 'single/checkpoints/.*', head new for 3 classes" tuned.out
    grep -Eqx '  logsigmoid1 +3' tuned.out
    "$LOCKSTEP" eval tuned --data shapes.h5 | grep -Eq '^average precision (100|9[0-9]|8[0-9])'
    # with the same classes the head is new, too: its outputs meant something else
    one_class same.h5 disc line square
    train_on same.h5 same --set train.epochs=1 --set optim.lr=0.05 >/dev/null 2>&1
    train_on shapes.h5 again --init same --set train.epochs=1 >again.out
    grep -q ", head new for 3 classes" again.out
    train_on shapes.h5 more --init run --set train.epochs=1 >more.out
    run ! grep -q "head new" more.out
    "$LOCKSTEP" weights export run --out run.safetensors | grep -q tensors
    grep -aq '"lockstep.multi_label":"yes"' run.safetensors
    "$LOCKSTEP" weights export single --out single.safetensors | grep -q tensors
    run ! grep -aq 'lockstep.multi_label' single.safetensors
}

@test "a report shows the mistakes that are furthest off" {
    "$LOCKSTEP" report run --out report.html >/dev/null
    "$LOCKSTEP" eval run --split val --out answers.h5 >/dev/null
    h5 answers.h5 <<'END'
import re
page = open("report.html", encoding="utf-8").read()
names = [c.decode() for c in f[0].attrs["classes"]]
p, answered, labels = (f[0][n][:] for n in ("probabilities", "predicted", "labels"))
worst = []
for i in range(len(p)):
    wrong = np.flatnonzero(answered[i] != labels[i])
    if len(wrong):
        worst.append(max((p[i, c] if answered[i, c] else 1 - p[i, c],
                          ("" if answered[i, c] else "no ") + names[c]) for c in wrong))
shown = re.findall(r"<figcaption><b>([a-z ]+) ([0-9.]+) %</b><br>is ([a-z, ]+)<br>", page)
assert worst and len(shown) == min(len(worst), 24), (len(worst), len(shown))
for (confidence, words), (said, percent, _) in zip(sorted(worst, reverse=True), shown):
    assert said == words and abs(100 * confidence - float(percent)) < 0.06
END
}

@test "a list is trained on as it is" {
    train_on pictures/list.csv listed --set train.epochs=1 >listed.out 2>listed.err
    grep -q "its pictures may have several classes, or none" listed.err
    grep -Eqx '  logsigmoid1 +3' listed.out
    awk -F, 'NR == 1 || $2 !~ /;/' pictures/list.csv >pictures/few.csv
    refused 1 "line * of 'pictures/few.csv' has no label" train_on pictures/few.csv never
    train_on pictures/few.csv few --set data.multi_label=on --set train.epochs=1 >few.out 2>&1
    grep -Eqx '  logsigmoid1 +3' few.out
    mkdir -p folder/a folder/b
    cp pictures/001.png folder/a
    cp pictures/002.png folder/b
    refused 2 "'folder' is a folder, whose pictures have one class each: *" \
        train_on folder never --set data.multi_label=on
    refused 2 "'folder' is a folder, whose pictures have one class each: *" \
        "$LOCKSTEP" eval run --data folder
}

@test "weights of a list go with sets of classes" {
    awk -F, -v OFS=, '{ sub(/\r$/, "") } NR == 1 { print $0, "weight"; next } { print $0, $3 == "train" ? NR % 4 / 2 + 0.5 : "" }' \
        pictures/list.csv >pictures/weighted.csv
    "$LOCKSTEP" data import pictures/weighted.csv --out weighted.h5 >/dev/null 2>&1
    "$LOCKSTEP" data export weighted.h5 out >/dev/null
    head -n 1 out/list.csv | grep -qx 'path,label,split,weight'
    "$LOCKSTEP" data import out/list.csv --out back.h5 >/dev/null 2>&1
    same_hash weighted.h5 back.h5
    h5 weighted.h5 back.h5 <<<'assert f[0]["train/weights"][:].tobytes() == f[1]["train/weights"][:].tobytes()'
    "$LOCKSTEP" data import pictures/list.csv --out plain.h5 >/dev/null 2>&1
    train_on weighted.h5 weighted --set train.epochs=2 >weighted.out
    train_on plain.h5 plain --set train.epochs=2 >plain.out
    train_on weighted.h5 off --set train.epochs=2 --set train.sample_weights=off >off.out
    other_state weighted.out plain.out
    same_state plain.out off.out
}

@test "networks by name are trained and tuned" {
    "$LOCKSTEP" train mobilenetv2 --data shapes.h5 --run never --check >check.out 2>&1
    grep -Eq '^  logsigmoid1 +3$' check.out
    "$LOCKSTEP" tune net.conf --data shapes.h5 --threads 2 >/dev/null
    DATA=shapes.h5 train 1 net.conf --run tuned --threads 2 --tune=cached >tuned.out
    same_state run.out tuned.out
}

@test "lrfind tries rates on such a set" {
    "$LOCKSTEP" lrfind net.conf --data shapes.h5 --threads 1 --steps 40 --out rates.csv >rates.out
    grep -q '^suggested optim.lr = 0' rates.out
    [ "$(head -n 1 rates.csv)" = step,lr,loss,smoothed ]
    [ "$(wc -l <rates.csv)" -gt 20 ]
}
