#!/usr/bin/env bats
# Classes with very different numbers of images: weights of the loss, the focal loss, balanced
# sampling, weights of a list, and by what evaluations are compared.
# Core: part of `make test`.

OPTIONS=(--set train.epochs=2 --set train.ema=0)

# uneven.h5: of A 120 training images, of B 30, of C 6; of each 20 test images.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 4000 800
    "$LOCKSTEP" data export letters.h5 pictures >/dev/null
    for of in A:120 B:30 C:6; do
        mkdir -p "uneven/train/${of%:*}" "uneven/test/${of%:*}"
        find "pictures/train/${of%:*}" -name '*.png' | sort | head -n "${of#*:}" |
            xargs cp -t "uneven/train/${of%:*}"
        find "pictures/test/${of%:*}" -name '*.png' | sort | head -n 20 |
            xargs cp -t "uneven/test/${of%:*}"
    done
    "$LOCKSTEP" data import uneven --out uneven.h5 >/dev/null
    train 1 "$TINY" --data uneven.h5 "${OPTIONS[@]}" --run plain >plain.out 2>plain.err
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    DATA=uneven.h5
}

@test "auto is N / (C n), and weights of 1 change no bit" {
    # 156 / (3 * 120) = 0.43333..., as a float; 156 / (3 * 30); 156 / (3 * 6)
    train 1 "$TINY" "${OPTIONS[@]}" --run auto --set train.class_weights=auto >auto.out
    train 1 "$TINY" "${OPTIONS[@]}" --run named \
        --set train.class_weights='A:0.43333333333333335, B : 1.7333333333333334,C:8.666666666666666' \
        >named.out
    train 1 "$TINY" "${OPTIONS[@]}" --run ones --set 'train.class_weights=A:1,B:1' >ones.out
    same_state auto.out named.out
    same_state plain.out ones.out
    grep -qx 'loss       A x 0.433, B x 1.73, C x 8.67' auto.out
    [ "$(grep -c '^loss  ' plain.out)" = 0 ]
    grep -qx 'loss       all classes x 1' ones.out
    train 1 "$TINY" --run some --check --set train.class_weights=C:4 >some.out
    grep -qx 'loss       C x 4, others x 1' some.out
    DATA=letters.h5 train 1 "$TINY" --run many --check --set train.class_weights=auto >many.out
    grep -Eqx 'loss       [A-Z] x 0\.[0-9]+ to [A-Z] x 1[0-9.]*, 26 classes' many.out
    other_state auto.out plain.out
}

@test "weights and focal loss have the same bits for every layout" {
    loss=(--set train.class_weights=auto --set train.loss=focal --set train.focal=1.5
          --set train.label_smoothing=0.1)
    train 1 "$TINY" "${OPTIONS[@]}" --run one "${loss[@]}" >one.out
    train 3 "$TINY" "${OPTIONS[@]}" --run three --threads 2 "${loss[@]}" >three.out
    train 2 "$TINY" "${OPTIONS[@]}" --run stages "${loss[@]}" --set parallel.pipeline=2 >stages.out
    train 2 "$TINY" "${OPTIONS[@]}" --run parts "${loss[@]}" --set train.steps=3 >parts.out
    train 1 "$TINY" "${OPTIONS[@]}" --run parts "${loss[@]}" --resume >parts.out
    same_state one.out three.out stages.out parts.out
    other_state one.out plain.out
}

@test "gamma 0 is cross-entropy to the bit" {
    train 1 "$TINY" "${OPTIONS[@]}" --run zero --set train.loss=focal --set train.focal=0 >zero.out
    same_state zero.out plain.out
}

@test "a note says that classes are uneven, unless they are weighed" {
    grep -q "^note: class 'A' has 20 times as many training images as 'C': .*class_weights = auto" plain.err
    train 1 "$TINY" "${OPTIONS[@]}" --run weighed --set train.class_weights=auto 2>weighed.err >/dev/null
    run ! grep -q "times as many" weighed.err
}

@test "evaluations are compared by train.metric, which the log, show and the checkpoint tell" {
    for metric in balanced_accuracy macro_f1 loss; do
        train 2 "$TINY" "${OPTIONS[@]}" --run $metric --set train.metric=$metric >$metric.out
        same_state plain.out $metric.out
    done
    grep -Eq '^eval step .* % \([0-9]+ of 60\) balanced accuracy [0-9.]+ % state=' balanced_accuracy.out
    grep -Eq '^finished .* best macro F1 [0-9.]+ % \(step [0-9]+\) state=' macro_f1.out
    "$LOCKSTEP" show loss | grep -Eq '^best        loss [0-9.]+ at step'
    h5 balanced_accuracy/checkpoints/best.h5 macro_f1/checkpoints/best.h5 loss/checkpoints/best.h5 <<'END'
for file, metric in zip(f, ("balanced", "f1", "loss")):
    matrix = file["metrics/eval/confusion"][:].astype(float)  # [evaluation][label][predicted]
    right, of, answers = matrix.diagonal(axis1=1, axis2=2), matrix.sum(2), matrix.sum(1)
    score = {"balanced": (right / of).mean(1), "f1": (2 * right / (of + answers)).mean(1),
             "loss": -file["metrics/eval/loss"][:]}[metric]
    assert abs(file.attrs["best_accuracy"] - score.max()) < 1e-12, metric
END
    refused 2 "cannot resume: train.metric was 'loss' and is now 'accuracy'*" \
        train 1 "$TINY" "${OPTIONS[@]}" --run loss --resume
}

@test "wrong weights are refused in a line" {
    refused 2 "train.class_weights: 'uneven.h5' has no class 'D'*" \
        train 1 "$TINY" --run never --set train.class_weights=A:2,D:1
    refused 2 "train.class_weights: 'A': expected none, auto or NAME:WEIGHT, ..., with weights from 0 to 1e+06" \
        train 1 "$TINY" --run never --set train.class_weights=A
    refused 2 "train.class_weights: 'A:-1': expected*" \
        train 1 "$TINY" --run never --set train.class_weights=A:-1
    refused 2 "train.class_weights: 'B' has two weights" \
        train 1 "$TINY" --run never --set train.class_weights=B:2,A:3,B:1
    refused 2 "--set: 'loss = hinge': expected cross_entropy | focal" \
        train 1 "$TINY" --run never --set train.loss=hinge
    [ ! -e never ]
}

# The pictures at a size at which data.memory=1 has no room for them.
@test "balanced sampling has the same bits for every layout, store and stop" {
    for store in raw encoded; do
        "$LOCKSTEP" data import uneven --out $store.h5 --size 84 --store $store >/dev/null
    done
    cat >net.conf <<'END'
[model]
layer = conv 6 kernel=5 stride=4
layer = batchnorm
layer = relu
layer = flatten
layer = dropout p=0.3
layer = linear classes
layer = logsoftmax
[data]
sampling = balanced
[train]
epochs = 2
batch = 50
grain = 8
ema = 0.9
ema_samples = 60
[augment]
shift = 2
flip = alternate
[optim]
lr = 0.05
[log]
every = 1
END
    DATA=raw.h5
    train 1 net.conf --run one >one.out 2>one.err
    train 3 net.conf --run three --threads 2 --set data.prefetch=2 >three.out
    train 2 net.conf --run disk --set data.memory=1 >disk.out
    train 2 net.conf --run stages --set parallel.pipeline=2 >stages.out
    DATA=encoded.h5 train 2 net.conf --run files >files.out
    train 2 net.conf --run parts --set train.steps=3 >parts.out
    train 1 net.conf --run parts --threads 2 --set data.memory=1 --resume >parts.out
    grep -q '^data .* on disk,' disk.out
    same_run one.out three.out disk.out stages.out files.out
    same_state one.out parts.out
    grep -q '^data .* 3 classes, balanced, in memory,' one.out
    run ! grep -q 'times as' one.err
}

@test "balanced sampling is another order, which stays for the whole run" {
    train 1 "$TINY" "${OPTIONS[@]}" --run even --set data.sampling=balanced >even.out
    other_state even.out plain.out
    train 1 "$TINY" "${OPTIONS[@]}" --run given --set data.sampling=shuffled >given.out
    same_state plain.out given.out
    refused 2 "cannot resume: data.sampling was 'balanced' and is now 'shuffled'*" \
        train 1 "$TINY" "${OPTIONS[@]}" --run even --resume
    train 1 "$TINY" --run twice --check --set data.sampling=balanced \
        --set train.class_weights=auto 2>twice.err >/dev/null
    grep -q "^note: data.sampling = balanced and .* class 'C' counts 20 times as much as 'A'" twice.err
}

# list FILE RULE: a list of the pictures of `uneven`, each with the weight that the Python
# expression RULE gives for its class `c` and its number `i`.
list() {
    /usr/bin/python3 - "$@" <<'END'
import glob, sys
name, rule = sys.argv[1:]
with open(name, "w") as out:
    out.write("path,label,split,weight\n")
    for i, path in enumerate(sorted(glob.glob("uneven/*/*/*.png"))):
        split, c = path.split("/")[1:3]
        out.write(f"{path},{c},{split},{eval(rule)}\n")
END
    "$LOCKSTEP" data import "$1" --out "${1%.csv}.h5" >/dev/null
}

@test "weights of a list multiply the loss, as those of classes do" {
    list classes.csv '{"A": 1, "B": 2.5, "C": 7}[c]'
    list ones.csv 1
    DATA=classes.h5 train 1 "$TINY" "${OPTIONS[@]}" --run listed >listed.out
    train 1 "$TINY" "${OPTIONS[@]}" --run named --set train.class_weights=B:2.5,C:7 >named.out
    same_state listed.out named.out
    grep -q '^data .* 3 classes, weighted, in memory,' listed.out
    DATA=classes.h5 train 1 "$TINY" "${OPTIONS[@]}" --run without --set train.sample_weights=off \
        >without.out
    DATA=ones.h5 train 1 "$TINY" "${OPTIONS[@]}" --run ones >ones.out
    same_state plain.out without.out ones.out
    other_state plain.out listed.out
}

@test "weights of a list have the same bits for every layout, store and stop" {
    list some.csv '(i * 7 % 11) / 5'
    "$LOCKSTEP" data import some.csv --out large.h5 --size 84 >/dev/null
    sed 's/^layer = conv .*/layer = conv 8 kernel=5 stride=4/' "$TINY" >net.conf
    loss=("${OPTIONS[@]}" --set train.grain=8 --set train.mixup=1 --set train.class_weights=C:2
          --set train.label_smoothing=0.1 --set train.batch=50)
    DATA=large.h5
    train 1 net.conf --run one "${loss[@]}" >one.out
    train 3 net.conf --run three --threads 2 "${loss[@]}" >three.out
    train 2 net.conf --run disk "${loss[@]}" --set data.memory=1 >disk.out
    train 2 net.conf --run stages "${loss[@]}" --set parallel.pipeline=2 >stages.out
    train 2 net.conf --run parts "${loss[@]}" --set train.steps=3 >parts.out
    train 1 net.conf --run parts "${loss[@]}" --set data.memory=1 --resume >parts.out
    grep -q '^data .* weighted, on disk,' disk.out
    same_state one.out three.out disk.out stages.out parts.out
    train 1 net.conf --run off "${loss[@]}" --set train.sample_weights=off >off.out
    other_state one.out off.out
}

@test "a run does not go on with other weights, and says if it goes on without them" {
    list some.csv '(i * 7 % 11) / 5'
    list other.csv '(i * 7 % 11) / 4'
    part=("${OPTIONS[@]}" --run part --set train.epochs=1)
    DATA=some.h5 train 1 "$TINY" "${part[@]}" >part.out
    DATA=other.h5 refused 2 "cannot resume: the training images of 'other.h5' have other weights*" \
        train 1 "$TINY" "${OPTIONS[@]}" --run part --resume
    DATA=some.h5 train 1 "$TINY" "${OPTIONS[@]}" --run part --set train.sample_weights=off \
        --resume 2>part.err >part.out
    grep -q "^note: the training images of 'some.h5' were weighted, and are not from now on" part.err
    list heavy.csv 5
    DATA=heavy.h5 train 1 "$TINY" --run heavy --check 2>heavy.err >/dev/null
    grep -q "^note: the mean weight of the training images of 'heavy.h5' is 5:" heavy.err
}
