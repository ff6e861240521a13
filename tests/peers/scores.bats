#!/usr/bin/env bats
# The figures of `lockstep eval` are those of scikit-learn.

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        "$python" -c 'import sklearn, h5py' 2>/dev/null && return
    done
    skip "no python3 has sklearn and h5py: type 'scripts/setup.sh peers'"
}

# compare FOLDER CLASSES: with what scikit-learn makes of FOLDER/predictions.h5.
compare() {
    "$python" - "$@" <<'END'
import csv, sys
import h5py, numpy as np
from sklearn import metrics
folder, classes = sys.argv[1], int(sys.argv[2])
file = h5py.File(f"{folder}/predictions.h5")
p, y, k = np.exp(file["logprobs"][:].astype(float)), file["labels"][:], file["predicted"][:]
said = dict(line.strip().split(",") for line in open(f"{folder}/measures.csv"))
near = lambda name, value: np.testing.assert_allclose(float(said[name]), value, atol=1e-6)
near("accuracy", metrics.accuracy_score(y, k))
near("balanced_accuracy", metrics.balanced_accuracy_score(y, k))
present = np.unique(y)
near("macro_f1", metrics.f1_score(y, k, labels=present, average="macro", zero_division=0))
near("loss", metrics.log_loss(y, p / p.sum(1, keepdims=True), labels=range(classes)))
if classes > 5:
    near("top5_accuracy", metrics.top_k_accuracy_score(y, p, k=5, labels=range(classes)))
if classes == 2:
    near("roc_auc", metrics.roc_auc_score(y, file["logprobs"][:, 1] - file["logprobs"][:, 0]))
table = metrics.precision_recall_fscore_support(y, k, labels=range(classes), zero_division=0)
for row, *values in zip(csv.DictReader(open(f"{folder}/report.csv")), *table):
    for name, value in zip(("precision", "recall", "f1", "images"), values):
        np.testing.assert_allclose(float(row[name] or 0), value, atol=1e-6)
END
}

@test "of CIFAR's photographs" {
    source "$ROOT/tests/cifar.sh"
    cifar cifar.h5 || skip "no CIFAR-10: CIFAR=FILE.h5 or LOCKSTEP_DATA names it"
    DATA=cifar.h5 train 1 "$ROOT/configs/cifar-small.conf" --run run --set train.steps=30 \
        --set schedule.kind=constant --set optim.lr=0.02 --set train.eval_every=100 >/dev/null
    "$LOCKSTEP" eval run --out report/ >/dev/null
    compare report 10
}

@test "of 26 classes" {
    letters letters.h5 1200 800
    train 1 "$TINY" --run run --set train.epochs=3 >/dev/null
    "$LOCKSTEP" eval run --out report/ >/dev/null
    compare report 26
}

@test "of two classes" {
    letters letters.h5 1200 800
    /usr/bin/python3 -c '
import h5py, numpy as np
with h5py.File("letters.h5", "r+") as f:
    for split in "train", "test":
        f[split].pop("hashes", None)
        f[split]["labels"][:] %= 2
    for name in "hash_kind", "head_hash", "classes":
        f.attrs.pop(name, None)
    f.attrs["classes"] = np.array([b"odd", b"even"])'
    train 1 "$TINY" --run run --set train.epochs=2 >/dev/null
    "$LOCKSTEP" eval run --out report/ >/dev/null
    compare report 2
}
