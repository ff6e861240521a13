#!/usr/bin/env bats
# Thousands of classes: training, evaluation, predictions, show and sheet stay bounded.

CLASSES=5000

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    # Images of 8x8 whose pixels are their class's number in binary; two for training and
    # one for testing in each class.
    /usr/bin/python3 - $CLASSES <<'END'
import h5py, numpy as np, sys
classes = int(sys.argv[1])
bits = (np.arange(classes)[:, None] >> np.arange(16) & 1).astype(np.uint8) * 255
images = bits.repeat(4, 1).reshape(-1, 8, 8)
with h5py.File("many.h5", "w") as f:
    for split, n in ("train", 2), ("test", 1):
        f[split + "/images"] = images.repeat(n, 0)
        f[split + "/labels"] = np.arange(classes, dtype=np.uint16).repeat(n)
    f.attrs["classes"] = np.array([b"class-%04d" % c for c in range(classes)])
    f.attrs["mean"], f.attrs["std"] = images.mean() / 255, images.std() / 255
    f.attrs["source"], f.attrs["hash"] = b"made by hand", b"0123456789abcdef"
    f.attrs["format_version"] = np.uint64(1)
END
    cat >many.conf <<'END'
[model]
layer = flatten
layer = linear classes
layer = logsoftmax
[train]
epochs = 5
batch = 500
[optim]
kind = adamw
lr = 0.02
END
    train 1 many.conf --data many.h5 --run run >out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "thousands of classes train; the metrics keep counts, not a matrix of all pairs" {
    [ "$(grep -c '^eval step ' out)" -eq 5 ]
    # Of five evaluations the matrices alone would take 500 MB.
    (($(stat -c %s run/metrics.h5) < 2000000))
    (($(stat -c %s run/checkpoints/best.h5) < 8000000))
    h5 run/metrics.h5 <<'END'
evals = f[0]["metrics/eval"]
assert "confusion" not in evals and evals["class_counts"].shape == (5, 3, 5000)
assert (evals["class_counts"][:, 0] == 1).all()
END
}

@test "eval answers with thousands of classes, on one rank and on two" {
    "$LOCKSTEP" eval run --data many.h5 --out one.h5 >one.out
    ranks 2 "$LOCKSTEP" eval run --data many.h5 --out two.h5 >two.out
    same_text "$(grep -o '^accuracy .* in' one.out)" "$(grep -o '^accuracy .* in' two.out)"
    h5 one.h5 two.h5 <<'END'
assert f[0]["logprobs"].shape == (5000, 5000)
assert f[0]["logprobs"][:].tobytes() == f[1]["logprobs"][:].tobytes()
assert "(%d of 5000)" % (f[0]["predicted"][:] == f[0]["labels"][:]).sum() in open("one.out").read()
END
}

@test "memory for the answers is counted before the evaluation" {
    evaluate=("$LOCKSTEP" eval run --data many.h5 --split train --threads 1)
    export OMP_NUM_THREADS=1
    ulimit -v 600000
    "${evaluate[@]}" >/dev/null
    refused 2 "evaluating takes 2* MB in this process, which may have * MB (ulimit -v); give it more memory*" \
        "${evaluate[@]}" --out never.h5
    [ ! -e never.h5 ]
}

@test "show names some of thousands of classes and says how many more there are" {
    "$LOCKSTEP" show run >shown
    grep -qx 'classes     5000: class-0000 .* class-0039 ... and 4960 more' shown
    (($(wc -c <shown) < 4000))
}

@test "a sheet shows some of thousands of classes, as wide as their images need" {
    "$LOCKSTEP" data sheet many.h5 --split train --out sheet.png >out
    grep -q "^sheet.png: a row for each of the first 100 of 5000 classes, 'class-0000' to 'class-0099', up to 2 train images each$" out
    [ "$(file -b sheet.png)" = "PNG image data, 22 x 1002, 8-bit grayscale, non-interlaced" ]
    "$LOCKSTEP" data sheet many.h5 --split train --out narrow.png --per-class 1 --classes 3
    [ "$(file -b narrow.png)" = "PNG image data, 12 x 32, 8-bit grayscale, non-interlaced" ]
    "$LOCKSTEP" data sheet many.h5 --split train --out all.png --classes 10000 >out
    grep -q "^all.png: a row for each of 5000 classes" out
    [ "$(file -b all.png)" = "PNG image data, 22 x 50002, 8-bit grayscale, non-interlaced" ]
}
