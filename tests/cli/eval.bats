#!/usr/bin/env bats
# lockstep eval: its figures and predictions, the same on any number of ranks; its refusals.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 205
    train 1 "$TINY" --run run --set train.epochs=4 --set train.ema=0.9 \
        --set data.shift_x=-2 --set data.shift_y=1 >out
    evaluate 1 run --data letters.h5 --out one.h5 >best.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

evaluate() { # RANKS ...
    local start=(mpirun -n "$1")
    (($1 == 1)) && start=()
    "${start[@]}" "$LOCKSTEP" eval "${@:2}" </dev/null
}

@test "eval finds the accuracy and loss that the run logged" {
    last=$(sed -nE 's/^eval step 24 .* loss ([0-9.]+) (accuracy .*\)) .*/\2 loss \1/p' out)
    [ -n "$last" ]
    evaluate 1 run/checkpoints/step-000000000024.h5 --data letters.h5 >last.out
    grep -Fq "$last in " last.out
    grep -q '^checkpoint run/checkpoints/step-000000000024.h5, step 24, averaged weights$' last.out
    grep -q '^data       letters.h5, 205 test images$' last.out
    grep -q '^confusions that cost most:' last.out
}

@test "--calibrate keeps a temperature, which eval and predict use; the answers stay the same" {
    cp letters.h5 with_val.h5
    "$LOCKSTEP" data split with_val.h5 --val 20% >/dev/null
    DATA=with_val.h5 train 1 "$TINY" --run hot --set train.epochs=6 >/dev/null
    evaluate 1 hot --split val --out raw.h5 >raw.out
    evaluate 2 hot --calibrate >calibrated.out
    cat calibrated.out
    grep -Eq '^temperature [0-9.]+, fitted on 130 val images: loss [0-9.]+ -> [0-9.]+; kept in hot/checkpoints/best.h5$' calibrated.out
    evaluate 1 hot --split val --out warm.h5 >warm.out
    grep -Eq '^temperature [0-9.]+ of the probabilities$' warm.out
    grep -E '^accuracy' raw.out | sed 's/ in .*//' >raw.accuracy
    grep -E '^accuracy' warm.out | sed 's/ in .*//' | diff raw.accuracy -
    "$LOCKSTEP" show hot/checkpoints/best.h5 | grep -Eq '^temperature [0-9.]+ '
    h5 raw.h5 warm.h5 hot/checkpoints/best.h5 <<'END'
t = f[2].attrs["temperature"]
z, y = f[0]["logprobs"][:].astype(float), f[0]["labels"][:]
def loss(t):
    s = z / t
    return (np.log(np.exp(s).sum(1)) - s[np.arange(len(y)), y]).mean()
assert 0.05 <= t <= 20
assert loss(t) <= min(loss(t * 1.01), loss(t / 1.01)) + 1e-9
wanted = z / t - np.log(np.exp(z / t).sum(1, keepdims=True))
assert np.abs(f[1]["logprobs"][:] - wanted).max() < 1e-4
assert (f[1]["predicted"][:] == f[0]["predicted"][:]).all()
END
    # predict says the same.
    "$LOCKSTEP" data export with_val.h5 pictures >/dev/null
    "$LOCKSTEP" predict hot --from pictures/val --out answers.jsonl --top 26 >/dev/null
    h5 warm.h5 <<'END'
import json
mine = sorted(max(t["p"] for t in json.loads(line)["top"]) for line in open("answers.jsonl"))
known = sorted(np.exp(f[0]["logprobs"][:].astype(float)).max(1))
assert np.abs(np.array(mine) - known).max() < 1e-3
END
    # Fitted again from the raw answers: the same; and the run goes on as before.
    first=$(sed -nE 's/^temperature ([0-9.]+), fitted.*/\1/p' calibrated.out)
    evaluate 1 hot --calibrate | grep -q "^temperature $first, fitted"
    DATA=with_val.h5 train 1 "$TINY" --run hot --set train.epochs=6 --resume | grep -q '^finished'
}

@test "--calibrate is refused where it would say nothing, or disturb" {
    refused 2 "'--split test': a temperature is fitted on val images*" \
        evaluate 1 run --calibrate --split test
    refused 2 "'--out p.csv': predictions are HDF5, FILE.h5; *" evaluate 1 run --out p.csv
    [ ! -e p.csv ]
    refused 2 "'--calibrate' writes no predictions*" evaluate 1 run --calibrate --out x.h5
    refused 1 "*val*" evaluate 1 run --calibrate --data letters.h5
    # A split that is made afterwards takes images that were trained on.
    cp letters.h5 kept.h5
    "$LOCKSTEP" data split letters.h5 --val 20% >/dev/null
    refused 1 "'letters.h5' has changed since the training: *" evaluate 1 run --calibrate
    mv kept.h5 letters.h5
    cp letters.h5 with_val.h5
    "$LOCKSTEP" data split with_val.h5 --val 20% >/dev/null
    "$LOCKSTEP" train "$TINY" --data with_val.h5 --run busy --threads 1 "${ENDLESS[@]}" \
        --set train.eval_every=1 >/dev/null 2>&1 & running=$!
    poll test -f busy/checkpoints/best.h5
    run --separate-stderr evaluate 1 busy --calibrate
    kill -TERM $running
    wait $running || :
    echo "$stderr"
    [ "$status" -eq 2 ]
    [[ $stderr == *"busy"* ]]
}

@test "a run's folder means its best checkpoint" {
    best=$(sed -nE 's/.*best (accuracy .* %) \(step ([0-9]+)\).*/\1 step \2/p' out)
    [ -n "$best" ]
    grep -Fq "${best% step*} (" best.out
    grep -Eq "^checkpoint run.*, step ${best##* }," best.out
}

@test "the file of predictions has the documented names, shapes, types and attributes" {
    grep -q '^predictions: one.h5$' best.out
    h5 one.h5 letters.h5 <<'END'
assert set(f[0]) == {"logprobs", "predicted", "labels"}
logprobs, predicted, labels = (f[0][n] for n in ("logprobs", "predicted", "labels"))
assert logprobs.shape == (205, 26) and logprobs.dtype == np.float32
assert predicted.shape == labels.shape == (205,) and predicted.dtype == np.uint16
assert np.abs(np.exp(logprobs[:].astype(float)).sum(1) - 1).max() < 1e-5
assert (logprobs[:].argmax(1) == predicted[:]).all()
assert (labels[:] == f[1]["test/labels"][:]).all()
assert f[0].attrs["format"] == b"lockstep-predictions" and f[0].attrs["split"] == b"test"
right = (labels[:] == predicted[:]).sum()
assert "(%d of 205)" % right in open("best.out").read()
END
}

@test "eval takes the training images, and several threads" {
    evaluate 1 run --data letters.h5 --split train --threads 3 --out train.h5 >train.out
    grep -q ' of 600) ' train.out
    grep -q '^data       letters.h5, 600 train images$' train.out
    h5 train.h5 letters.h5 <<<'assert (f[0]["labels"][:] == f[1]["train/labels"][:]).all()'
}

confusions() { # FILE
    sed -n '/^confusions/,$p' "$1" | grep -v '^predictions'
}

@test "under mpirun the predictions are the same to the bit" {
    for ranks in 2 3 9; do
        evaluate $ranks run --data letters.h5 --threads $((ranks % 2 + 1)) --out $ranks.h5 \
            >$ranks.out
        same_text "$(grep -o '^accuracy .* in' $ranks.out)" "$(grep -o '^accuracy .* in' best.out)"
        same_text "$(confusions $ranks.out)" "$(confusions best.out)"
    done
    h5 one.h5 {2,3,9}.h5 <<'END'
for other in f[1:]:
    for name in ("logprobs", "predicted", "labels"):
        assert other[name][:].tobytes() == f[0][name][:].tobytes()
END
}

# other NAME <CODE: NAME.h5 is a copy of letters.h5 changed by Python CODE, where f is the
# file; replace(SPLIT, IMAGES, LABELS) and classes(NAMES) are known.
other() {
    cp letters.h5 "$1.h5"
    /usr/bin/python3 -c '
import h5py, numpy as np, sys
f = h5py.File(sys.argv[1], "r+")
for split in "train", "test": # made by hand: nothing vouches for its content
    f[split].pop("hashes", None)
for attribute in "hash_kind", "head_hash":
    f.attrs.pop(attribute, None)
def replace(split, images, labels):
    for name, values in ("images", images), ("labels", labels):
        del f[split][name]
        f[split][name] = values
def classes(names):
    del f.attrs["classes"]
    f.attrs["classes"] = np.array([name.encode() for name in names])
letters = [chr(c) for c in range(65, 91)]
exec(sys.stdin.read())' "$1.h5"
}

@test "a data set with a class that the network does not know is refused by name" {
    other more <<<'classes(letters + ["AE"])'
    other lower <<<'classes(letters[:3] + ["d", "e", "f", "g", "h", "i", "j"] + letters[10:])'
    refused 1 "'run' does not know 1 of the 27 classes of 'more.h5': 'AE'; leave their images out, or train with them" \
        evaluate 1 run --data more.h5
    refused 1 "'run' does not know 7 of the 26 classes of 'lower.h5': 'd', 'e', 'f', 'g', 'h', ...; *" \
        evaluate 1 run --data lower.h5 --out never.h5
    [ ! -e never.h5 ]
    run evaluate 2 run --data more.h5
    [ "$status" -eq 1 ]
    [ "$(grep -c '^lockstep: ' <<<"$output")" -eq 1 ]
}

@test "classes in another order, or fewer of them, are matched by name" {
    other turned <<<'
classes(letters[::-1])
for split in "train", "test":
    replace(split, f[split]["images"][:], 25 - f[split]["labels"][:])'
    other few <<<'
classes(["Z", "C", "Q"])
for split in "train", "test":
    labels = f[split]["labels"][:]
    keep = np.isin(labels, [25, 2, 16])
    number = {25: 0, 2: 1, 16: 2}
    replace(split, f[split]["images"][:][keep],
            np.array([number[l] for l in labels[keep]], np.uint8))'
    evaluate 1 run --data turned.h5 --out turned-answers.h5 >turned.out 2>turned.err
    same_text "$(grep -o '^accuracy .* in' turned.out)" "$(grep -o '^accuracy .* in' best.out)"
    same_text "$(confusions turned.out)" "$(confusions best.out)"
    grep -qx "note: the classes of 'turned.h5' are in another order than those of 'run': they are matched by name" turned.err
    evaluate 2 run --data few.h5 --out few-answers.h5 >few.out 2>few.err
    grep -qx "note: 'few.h5' has 3 of the 26 classes of 'run': they are matched by name" few.err
    h5 one.h5 turned-answers.h5 few-answers.h5 <<'END'
for name in ("logprobs", "predicted", "labels"):
    assert f[0][name][:].tobytes() == f[1][name][:].tobytes()
keep = np.isin(f[0]["labels"][:], [25, 2, 16])
assert 3 < keep.sum() < 205
assert (f[2]["labels"][:] == f[0]["labels"][:][keep]).all()
assert np.abs(f[2]["logprobs"][:] - f[0]["logprobs"][:][keep]).max() < 1e-4
right = (f[2]["labels"][:] == f[2]["predicted"][:]).sum()
assert "(%d of %d)" % (right, keep.sum()) in open("few.out").read()
END
}

@test "images of another size or colour are fitted, as predict fits pictures" {
    other large <<<'
for split in "train", "test":
    replace(split, f[split]["images"][:].repeat(2, 1).repeat(2, 2), f[split]["labels"][:])'
    other wide <<<'
for split in "train", "test":
    replace(split, np.pad(f[split]["images"][:], ((0, 0), (0, 0), (9, 9))), f[split]["labels"][:])'
    other colour <<<'
for split in "train", "test":
    replace(split, np.stack([f[split]["images"][:]] * 3, 3), f[split]["labels"][:])'
    evaluate 1 run --data large.h5 --out large-answers.h5 >large.out 2>large.err
    same_text "$(grep -o '^accuracy .* in' large.out)" "$(grep -o '^accuracy .* in' best.out)"
    grep -qx "note: the images of 'large.h5' are 56x56: they are scaled and padded to 28x28, as pictures of the training were" large.err
    evaluate 2 run --data colour.h5 --out colour-answers.h5 >colour.out 2>colour.err
    grep -qx "note: the images of 'colour.h5' are RGB, and 'run' takes grey ones: they are converted" colour.err
    evaluate 1 run --data wide.h5 --out wide-answers.h5 >wide.out
    h5 one.h5 {large,colour,wide}-answers.h5 <<'END'
for other in f[1:3]:
    assert other["logprobs"][:].tobytes() == f[0]["logprobs"][:].tobytes()
assert f[3]["logprobs"].shape == (205, 26)
END
    "$LOCKSTEP" data export wide.h5 wide >/dev/null
    mapfile -t pictures < <(find wide/test -name '*.png' | sort | head -n 5)
    [ "${#pictures[@]}" -eq 5 ]
    "$LOCKSTEP" predict run "${pictures[@]}" >predicted
    h5 wide-answers.h5 <<<'
p = np.exp(f[0]["logprobs"][:].astype(float)).max(1)
seen = [float(line.split("  ")[1].split()[1]) for line in open("predicted")]
assert len(seen) == 5 and all(np.abs(100 * p - s).min() < 0.051 for s in seen)'
}

@test "evaluating on the images of the training is noted" {
    evaluate 1 run --data letters.h5 --split train >/dev/null 2>err
    grep -qx "note: 'run' was trained on these images: the accuracy on them says little about other images" err
    evaluate 1 run --data letters.h5 >/dev/null 2>err
    [ ! -s err ]
}

# harm FILE: changes two bytes of the averaged weights.
harm() {
    local at
    at=$(h5 "$1" <<<'print(f[0]["ema/linear1/weight"].id.get_offset())')
    printf '\xff\x01' | dd of="$1" bs=1 seek=$((at + 1000)) conv=notrunc status=none
}

@test "a damaged checkpoint is refused" {
    cp run/checkpoints/best.h5 harmed.h5
    harm harmed.h5
    refused 1 "'harmed.h5' is damaged*" evaluate 1 harmed.h5 --data letters.h5
    truncate -s 2000 harmed.h5
    refused 1 "*'harmed.h5'*" evaluate 1 harmed.h5 --data letters.h5
}

# names TEXT COMMAND...: it refuses the run's best checkpoint, and adds a note with TEXT.
names() {
    refused 1 "'harmed/checkpoints/best.h5' is damaged*" "${@:2}"
    [ "$(grep '^note: ' <<<"$stderr")" = "note: 'harmed/checkpoints/$1; give it instead of 'harmed'" ]
}

@test "no other checkpoint replaces a damaged best one silently; a whole one is named" {
    cp -r run harmed
    cd harmed/checkpoints
    best=$(sed -nE 's/.*best accuracy .* % \(step ([0-9]+)\).*/\1/p' ../../out)
    file=step-$(printf %012d "$best").h5
    cp best.h5 "$file"
    harm best.h5
    cd ../..
    names "$file' is whole: step $best, the best up to step 24" evaluate 1 harmed --data letters.h5
    names "$file' is whole: step $best, the best up to step 24" \
        "$LOCKSTEP" predict harmed none.png
    run evaluate 2 harmed --data letters.h5
    [ "$(grep -cE '^(lockstep|note): ' <<<"$output")" -eq 2 ]
    evaluate 1 "harmed/checkpoints/$file" --data letters.h5 >whole.out
    same_text "$(grep -o '^accuracy .* in' whole.out)" "$(grep -o '^accuracy .* in' best.out)"

    # no whole copy of the best: the newest whole one is named, even if once the best
    rm "harmed/checkpoints/$file"
    mapfile -t files < <(cd harmed/checkpoints && ls -r step-*)
    for file in "${files[@]}"; do
        step=$(sed -E 's/step-0*([0-9]+).h5/\1/' <<<"$file")
        text="$file' is whole: step $step"
        ((step < best)) || text+=" (the best until then was step $best)"
        ((step > best)) || text+=", the best up to step $step"
        names "$text" "$LOCKSTEP" show harmed
        names "$text" train 1 "$TINY" --run new --init harmed
        harm "harmed/checkpoints/$file"
    done
    ((${#files[@]} > 1))
    [ ! -e new ]
    refused 1 "'harmed/checkpoints/best.h5' is damaged*" evaluate 1 harmed --data letters.h5
    [ "$(grep -c '^note: ' <<<"$stderr")" -eq 0 ]
}

@test "eval refuses bad arguments in one line" {
    refused 2 "'--split tes': expected train, val or test" \
        evaluate 1 run --data letters.h5 --split tes
    refused 1 "cannot open 'none.h5': No such file or directory" \
        evaluate 1 none.h5 --data letters.h5
    refused 1 "'letters.h5' is a data set, not a checkpoint" evaluate 1 letters.h5 --data letters.h5
    refused 1 "'run/metrics.h5' is the metrics of a run, not a checkpoint" \
        evaluate 1 run/metrics.h5 --data letters.h5
    refused 1 "'run/checkpoints/best.h5' is not a data set but a checkpoint" \
        evaluate 1 run --data run/checkpoints/best.h5
    refused 1 "cannot write 'no/such.h5': *" evaluate 1 run --data letters.h5 --out no/such.h5
    mkdir hollow hollow/checkpoints
    refused 1 "'hollow' holds no checkpoint" evaluate 1 hollow --data letters.h5
}

@test "--out replaces no file without --force" {
    evaluate 1 run --data letters.h5 --split train --out precious.h5
    before=$(sha256sum <precious.h5)
    run evaluate 1 run --data letters.h5 --out precious.h5
    [ "$status" -eq 2 ]
    [[ $output == *"'precious.h5' exists already; use --force to replace it"* ]]
    same_text "$(sha256sum <precious.h5)" "$before"
    evaluate 2 run --data letters.h5 --out precious.h5 --force
    h5 precious.h5 <<<'assert f[0]["logprobs"].shape == (205, 26)'
    run evaluate 1 run --data letters.h5 --out missing/p.h5
    [ "$status" -eq 1 ]
    [[ $output != *accuracy* ]]
}

@test "a run knows its data set" {
    evaluate 1 run >known.out
    same_text "$(grep -o '^accuracy .* in' known.out)" "$(grep -o '^accuracy .* in' best.out)"
    grep -q '^data       letters.h5, 205 test images$' known.out
    mv letters.h5 moved.h5
    refused 2 "'run' was trained on 'letters.h5', which is not here: give --data PATH" \
        evaluate 1 run
    evaluate 2 run --data moved.h5 >moved.out
    same_text "$(grep -o '^accuracy .* in' moved.out)" "$(grep -o '^accuracy .* in' best.out)"
    run evaluate 2 run
    [ "$status" -eq 2 ]
    [ "$(grep -c "^lockstep: 'run' was trained on " <<<"$output")" -eq 1 ]
}

@test "the val images choose, those of test are for the last figure" {
    cp letters.h5 split.h5
    "$LOCKSTEP" data split split.h5 --val 20% >/dev/null
    evaluate 1 run --data split.h5 2>err >/dev/null
    grep -qx 'note: test images are for the last figure: compare runs with --split val' err
    evaluate 1 run --data split.h5 --split val 2>err >/dev/null
    run ! grep -q 'last figure' err
}

# figures FILE: what eval says behind the accuracy.
figures() {
    grep -A1 '^accuracy ' "$1" | tail -n 1
}

@test "interval, macro F1, top 5, calibration and the classes are what numpy finds" {
    figures best.out >line
    sed -n '/^  class/,/^$/p' best.out >classes
    h5 one.h5 <<'END'
p, y, k = f[0]["logprobs"][:].astype(float), f[0]["labels"][:], f[0]["predicted"][:]
n, right = len(y), k == y
z = 1.959963984540054
a = right.mean()
middle, half = (a + z * z / 2 / n), z * np.sqrt(a * (1 - a) / n + z * z / 4 / n / n)
scale = 1 + z * z / n
recall, precision, f1 = [], [], []
rows = [line.split() for line in open("classes") if line.strip()][1:]
for c in np.unique(y):
    hit, has, said = (right & (y == c)).sum(), (y == c).sum(), (k == c).sum()
    recall.append(hit / has)
    f1.append(2 * hit / (has + said))
    row = next(r for r in rows if r[0] == chr(65 + c))
    assert [int(v) for v in row[1:3]] == [has, said], row
    shares = [hit / said if said else None, recall[-1], f1[-1]]
    assert row[3:] == ["-" if v is None else "%.2f" % (100 * v) for v in shares], (row, shares)
top = (np.argsort(-p, 1, "stable")[:, :5] == y[:, None]).any(1).mean()
sure = np.exp(p.max(1))
bins = np.clip(np.ceil(sure * 15).astype(int) - 1, 0, 14)
error = sum(abs(right[bins == b].sum() - sure[bins == b].sum()) for b in range(15)) / n
want = ("95 %% interval from %.2f %% to %.2f %%, balanced accuracy %.2f %%, macro F1 %.2f %%, "
        "top-5 accuracy %.2f %%, expected calibration error %.2f %%" % tuple(100 * v for v in (
            (middle - half) / scale, (middle + half) / scale, np.mean(recall), np.mean(f1), top,
            error)))
assert open("line").read().strip() == want, want
END
}

@test "of two classes the area under the ROC curve, on any ranks" {
    other two <<<'
classes(["A", "B"])
for split in "train", "test":
    replace(split, f[split]["images"][:], (f[split]["labels"][:] % 2).astype(np.uint8))'
    DATA=two.h5 train 1 "$TINY" --run two --set train.epochs=2 >two.log
    for ranks in 1 2 3; do
        evaluate $ranks two --out two$ranks/ >two$ranks.out
        same_text "$(figures two$ranks.out)" "$(figures two1.out)"
        for file in report measures predictions; do
            cmp two1/$file.csv two$ranks/$file.csv
        done
    done
    h5 two1/predictions.h5 <<'END'
p, y = f[0]["logprobs"][:], f[0]["labels"][:]
margin = p[:, 1] - p[:, 0]
pos, neg = margin[y == 1][:, None], margin[y == 0][None]
auc = (pos > neg).mean() + (pos == neg).mean() / 2
said = dict(line.strip().split(",") for line in open("two1/measures.csv"))
assert abs(float(said["roc_auc"]) - auc) < 1e-8
assert "area under the ROC curve %.4f" % auc in open("two1.out").read()
END
}

@test "--out FOLDER/ holds tables of classes, measures and images" {
    "$LOCKSTEP" data export letters.h5 pictures >/dev/null
    "$LOCKSTEP" data import pictures --out named.h5 >/dev/null
    evaluate 2 run --data named.h5 --out report/ >named.out
    same_text "$(ls report)" "$(printf '%s\n' measures.csv predictions.csv predictions.h5 report.csv)"
    h5 report/predictions.h5 <<'END'
import csv
rows = list(csv.DictReader(open("report/predictions.csv")))
p, y, k = f[0]["logprobs"][:], f[0]["labels"][:], f[0]["predicted"][:]
assert len(rows) == len(y)
for row, logp, label, said in zip(rows, p, y, k):
    assert row["path"].startswith(f"test/{chr(65 + label)}/") and row["path"].endswith(".png"), row
    assert row["label"] == chr(65 + label) and row["predicted"] == chr(65 + said)
    assert abs(float(row["probability"]) - np.exp(logp.max())) < 1e-5
classes = list(csv.DictReader(open("report/report.csv")))
assert [row["class"] for row in classes] == [chr(65 + c) for c in range(26)]
for c, row in enumerate(classes):
    assert int(row["images"]) == (y == c).sum() and int(row["correct"]) == ((y == c) & (k == c)).sum()
    assert (row["precision"] == "") == (int(row["answers"]) == 0)
END
    refused 2 "'report/report.csv' exists already; use --force to replace it" \
        evaluate 1 run --out report/
    evaluate 1 run --data letters.h5 --out report/ --force >/dev/null
    grep -q '^test/0,' report/predictions.csv
    echo precious >report/measures.csv
    refused 2 "*report/measures.csv*" evaluate 1 run --out report/ --force
    same_text "$(<report/measures.csv)" precious
}

@test "a folder with pictures of one class is measured" {
    "$LOCKSTEP" data export letters.h5 pictures >export.out
    mkdir only && mv pictures/test/B only/B
    evaluate 1 run --data only | sed '/^accuracy /,$!d' >out
    grep -Eq "^  B +$(find only -name '*.png' | wc -l) " out
    [ "$(grep -Ec '^  [A-Z] +0 ' out)" -eq 25 ]
    refused 1 "*all pictures in folder only are of class 'B': at least two classes*" \
        "$LOCKSTEP" data import only --out only.h5
}
