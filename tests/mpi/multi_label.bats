#!/usr/bin/env bats
# Images with several classes, or none: the same bits for every layout, stop and kill.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    source "$ROOT/tests/shapes.sh"
    shapes pictures 240
    shapes_config net.conf
    "$LOCKSTEP" data import pictures/list.csv --out shapes.h5 >/dev/null 2>&1
    DATA=shapes.h5 train 1 net.conf --run one "${OPTIONS[@]}" >one.out
}

OPTIONS=(--set train.epochs=2 --set log.every=5 --set train.class_weights=auto
         --set train.loss=focal --set train.label_smoothing=0.1 --set train.ema=0.9)

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    DATA=shapes.h5
}

teardown() {
    end_job
}

@test "ranks, threads and stages have the same bits and evaluations" {
    for ranks in 1 2 3; do
        for threads in 1 2; do
            train $ranks net.conf --run $ranks-$threads "${OPTIONS[@]}" --threads $threads >$ranks-$threads.out
        done
    done
    train 2 net.conf --run stages "${OPTIONS[@]}" --set parallel.pipeline=2 >stages.out
    train 1 net.conf --run channel "${OPTIONS[@]}" --threads 2 --set parallel.intra=channel >channel.out
    same_run one.out {1,2,3}-{1,2}.out stages.out channel.out
    same_history one/metrics.h5 {1,2,3}-{1,2}/metrics.h5 stages/metrics.h5
    h5 one/metrics.h5 <<'END'
eval = f[0]["metrics/eval"]
assert set(eval) == {"step", "loss", "accuracy", "average_precision", "class_counts"}
assert eval["class_counts"].shape == (2, 3, 3) and (eval["average_precision"][:] > 0).all()
END
}

@test "mixed images and a set that stays on disk have the same bits, too" {
    "$LOCKSTEP" data import pictures/list.csv --out encoded.h5 --store encoded >/dev/null 2>&1
    mix=("${OPTIONS[@]}" --set train.mixup=0.4 --set train.cutmix=1 --set train.grain=7)
    train 1 net.conf --run mix-1 "${mix[@]}" >mix-1.out
    train 3 net.conf --run mix-3 "${mix[@]}" --threads 2 >mix-3.out
    train 2 net.conf --run mix-p "${mix[@]}" --set parallel.pipeline=2 >mix-p.out
    DATA=encoded.h5 train 2 net.conf --run mix-e "${mix[@]}" >mix-e.out
    same_run mix-1.out mix-3.out mix-p.out mix-e.out
    other_state mix-1.out one.out
}

@test "a run that is stopped or killed goes on elsewhere with the same bits" {
    train 2 net.conf --run parts "${OPTIONS[@]}" --set train.steps=5 >parts.out
    train 1 net.conf --run parts "${OPTIONS[@]}" --set train.steps=9 --threads 2 --resume >parts.out
    train 3 net.conf --run parts "${OPTIONS[@]}" --resume >parts.out
    same_state one.out parts.out
    start 2 killed net.conf "${OPTIONS[@]}" "${ENDLESS[@]}" --set checkpoint.every_steps=3
    until_lines killed 3
    kill -KILL "$(pid_of 1)"
    ends_with '[1-9]*' killed
    ends_as_undisturbed 3 killed net.conf "${OPTIONS[@]}" --set checkpoint.every_steps=3
}

@test "a new head on frozen layers has the same bits, with and without kept features" {
    tune=(--init one --freeze backbone --set train.epochs=2 --set train.ema=0 --set train.seed=9)
    train 1 net.conf --run tuned-1 "${tune[@]}" >tuned-1.out
    train 3 net.conf --run tuned-3 "${tune[@]}" --threads 2 >tuned-3.out
    train 2 net.conf --run tuned-p "${tune[@]}" --set parallel.pipeline=2 >tuned-p.out
    train 1 net.conf --run tuned-f "${tune[@]}" --set finetune.features=off >tuned-f.out
    same_run tuned-1.out tuned-3.out tuned-p.out tuned-f.out
}

@test "eval has the same answers for every layout" {
    "$LOCKSTEP" eval one --data shapes.h5 --out 1.h5 >1.out
    for layout in "2 --threads 2" "3 --threads 1" "2 --pipeline 2"; do
        # shellcheck disable=SC2086
        set -- $layout
        ranks "$1" "$LOCKSTEP" eval one --data shapes.h5 --out other.h5 --force "${@:2}" >other.out
        same_text "$(sed -n '/^average/,/square/p' 1.out)" "$(sed -n '/^average/,/square/p' other.out)"
        h5 1.h5 other.h5 <<'END'
for name in ("probabilities", "predicted", "labels"):
    assert f[0][name][:].tobytes() == f[1][name][:].tobytes(), name
END
    done
}
