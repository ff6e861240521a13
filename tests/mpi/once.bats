#!/usr/bin/env bats
# An epoch and an evaluation use each sample exactly once, on any number of ranks.
# Core: part of `make test`.

RANKS=(1 2 3 4 7)

# A census: sample i is black except pixel i. In a network of one linear layer it changes
# column i of the weights alone, by a known amount.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    /usr/bin/python3 - <<'END'
import h5py, numpy as np
with h5py.File("letters.h5", "w") as f:
    for split, n in (("train", 700), ("test", 333)):
        images = np.zeros((n, 28, 28), "u1")
        images.reshape(n, 784)[np.arange(n), np.arange(n)] = 255
        f[split + "/images"] = images
        f[split + "/labels"] = (np.arange(n) * 7 % 10).astype("u1")
    f.attrs["classes"] = np.array([b"%d" % i for i in range(10)])
    f.attrs["mean"], f.attrs["std"] = 0.0, 1.0
    f.attrs["source"], f.attrs["hash"] = map(np.bytes_, ("census", "0123456789abcdef"))
    f.attrs["format_version"] = np.uint64(1)
END
    printf 'layer = %s\n' flatten 'linear classes' logsoftmax | sed '1i[model]' >one.conf
    for ranks in "${RANKS[@]}"; do
        census "$ranks" epochs-"$ranks"
    done
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# Batches of 97 samples in grains of 16 make 8 batches, the last of 21 samples.
census() {
    train "$1" one.conf --run "$2" --set train.batch=97 --set train.grain=16 \
        --set optim.lr=0.001 --set optim.momentum=0 --set train.epochs=2 \
        --set log.every=8 "${@:3}" >"$2.out"
}

@test "an epoch visits each sample exactly once, on 1, 2, 3, 4 and 7 ranks" {
    census 1 start --set train.steps=1 --set optim.lr=0
    for run in epochs-[0-9]; do
        echo "$run"
        h5 letters.h5 start/checkpoints/step-000000000001.h5 \
            "$run"/checkpoints/step-000000000008.h5 \
            "$run"/checkpoints/step-000000000016.h5 <<'END'
label = f[0]["train/labels"][:]
n = label.size
weight = [file["weights/linear1/weight"][:].astype(float) for file in f[1:]]
bias = [file["weights/linear1/bias"][:].astype(float) for file in f[1:]]
last = []
for epoch in (0, 1):
    change = (weight[epoch] - weight[epoch + 1]).T
    assert not change[n:].any()
    p = np.exp(weight[epoch].T[:n] + bias[epoch])
    p /= p.sum(1, keepdims=True)
    gradient = p - np.eye(10)[label]
    visits = (change[:n] * gradient).sum(1) / (gradient ** 2).sum(1) * 97 / 0.001
    assert (np.abs(change[:n] - visits[:, None] * gradient * 0.001 / 97) < 1e-7).all()
    once = np.abs(visits - 1) < 0.01
    short = np.abs(visits * 21 / 97 - 1) < 0.01
    assert once.sum() == 679 and short.sum() == 21, visits[~once & ~short]
    last.append(set(np.flatnonzero(short)))
assert last[0] != last[1]
END
    done
}

@test "an epoch that is read from the file in pieces gives the same state" {
    census 3 disk --threads 2 --set data.memory=1
    same_state disk.out epochs-1.out
}

@test "an evaluation counts each sample exactly once, on 1, 2, 3, 4 and 7 ranks" {
    for ranks in "${RANKS[@]}"; do
        mpirun -n "$ranks" "$LOCKSTEP" eval epochs-1/checkpoints/step-000000000016.h5 \
            --data letters.h5 --threads 1 --out "eval-$ranks.h5" </dev/null >eval.out
        grep -E '^accuracy .* of 333\) ' eval.out | sed 's/ in .*//' >>counts
    done
    cat counts
    [ "$(sort -u counts | wc -l)" -eq 1 ]
    h5 letters.h5 epochs-1/checkpoints/step-000000000016.h5 eval-{1,2,3,4,7}.h5 <<'END'
label = f[0]["test/labels"][:]
score = (f[1]["weights/linear1/weight"][:].T[:333] + f[1]["weights/linear1/bias"][:])
logprobs = score - np.log(np.exp(score.astype(float)).sum(1, keepdims=True))
for file in f[2:]:
    assert (file["labels"][:] == label).all()
    assert np.abs(file["logprobs"][:] - logprobs).max() < 1e-5
    assert (file["predicted"][:] == file["logprobs"][:].argmax(1)).all()
    assert file["logprobs"][:].tobytes() == f[2]["logprobs"][:].tobytes()
END
}

@test "the evaluations of a run count each sample of each class exactly once" {
    for ranks in "${RANKS[@]}"; do
        [ "$(grep -cE '^eval step .* of 333\) ' epochs-"$ranks".out)" -eq 2 ]
    done
    h5 letters.h5 epochs-{1,2,3,4,7}/metrics.h5 <<'END'
count = np.bincount(f[0]["test/labels"][:], minlength=10)
for file in f[1:]:
    confusion = file["metrics/eval/confusion"][:]
    assert (confusion.sum(2) == count).all() and len(confusion) == 2
    right = np.trace(confusion, axis1=1, axis2=2) / 333
    assert np.array_equal(file["metrics/eval/accuracy"][:], right)
END
}
