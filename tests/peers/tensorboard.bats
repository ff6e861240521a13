#!/usr/bin/env bats
# TensorBoard's own reader finds in a run's event files what the run has logged, also after
# a kill.

OPTIONS=(--set train.batch=50 --set log.every=3 --set log.tensorboard=on)

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
    for python in ${PYTHON:+"$PYTHON"} python3 /usr/bin/python3; do
        "$python" -c 'import tensorboard, h5py, PIL' 2>/dev/null && return
    done
    skip "no python3 has tensorboard, h5py and PIL: 'pip install tensorboard h5py pillow'"
}

teardown() {
    end_job
}

found() {
    "$python" "$BATS_TEST_DIRNAME/events.py" "$@"
}

@test "scalars, hyper-parameters and the confusion matrix" {
    letters letters.h5 330 60
    train 1 "$TINY" --run run "${OPTIONS[@]}" --set train.epochs=3 >/dev/null
    found scalars run
    found hparams run
    found image run 416 # 26 classes, 16 pixels each
}

@test "what a killed run had logged beyond its checkpoint is gone after the resume" {
    letters letters.h5 330 60
    endless=("${OPTIONS[@]}" "${ENDLESS[@]}" --set checkpoint.every_steps=50)
    start 2 killed "$TINY" "${endless[@]}"
    until_step killed 75
    kill -KILL "${PIDS[@]}"
    ends_with 137 killed
    ends_as_undisturbed 2 killed "$TINY" "${endless[@]}"
    [ "$(find killed/tensorboard -type f | wc -l)" -eq 2 ]
    found scalars killed
    found hparams killed
}
