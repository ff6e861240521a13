#!/usr/bin/env bats
# Averaged weights and batch normalisation: the averaged weights have running statistics of
# their own, with the same bits for any number of ranks, threads and stages, and after kills.
# Core: part of `make test`.

# 47 images in grains of 8: 6 grains of 8, 8, 8, 8, 8 and 7; 3 steps an epoch. 60 images in two
# batches of 30 give the statistics of the averaged weights.
OPTIONS=(--set train.batch=47 --set train.grain=8 --set train.steps=12 --set log.every=4
    --set optim.lr=0.02 --set schedule.kind=constant --set train.clip=5 --set train.ema=0.8
    --set train.ema_samples=60 --set augment.shift=2 --tune=off)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 100 40
    cp "$BATS_TEST_DIRNAME/graph.conf" .
    average reference 1
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# average RUN RANKS OPTION...
average() {
    train "$2" graph.conf --run "$1" "${OPTIONS[@]}" "${@:3}" >"$1.out"
}

@test "averaged weights have statistics of their own, in every checkpoint" {
    h5 reference/checkpoints/step-000000000012.h5 reference/checkpoints/best.h5 <<'END'
import numpy as np
for file in f:
    norms = [name for name in file["weights"] if "running_var" in file["weights"][name]]
    assert len(norms) == 8, norms
    for name in norms:
        for part in "running_mean", "running_var":
            ema, now = file["ema"][name][part][:], file["weights"][name][part][:]
            assert np.isfinite(ema).all() and (ema != now).mean() > 0.9, (name, part)
        assert (file["ema"][name]["running_var"][:] >= 0).all()
    assert not any("running" in part for state in file["optimizer"].values()
                   for layer in state.values() for part in layer)
END
    "$LOCKSTEP" eval reference --data letters.h5 >eval.out
    grep -q 'averaged weights' eval.out
    accuracy=$(sed -nE 's/^finished .*best accuracy ([0-9.]+ %).*/\1/p' reference.out)
    [[ $accuracy ]]
    grep -q "^accuracy $accuracy " eval.out
}

@test "ranks, threads and stages do not change the statistics of averaged weights" {
    average ranks 3
    average threads 2 --threads 2
    average teams 1 --threads 9 --set parallel.intra=channel
    average idle 7
    average stages 2 --set parallel.pipeline=2
    average both 4 --set parallel.pipeline=2 --threads 2
    same_run reference.out ranks.out threads.out teams.out idle.out stages.out both.out
}

@test "sets that are read as they are needed give the same statistics" {
    letters letters.h5 1500 40 --force
    average memory 1 --set checkpoint.every_steps=5
    average disk 2 --set checkpoint.every_steps=5 --set data.memory=1 2>disk.err
    grep -q 'reading them from' disk.err disk.out
    average place 2 --set data.memory=1 --set data.prefetch=0
    same_state memory.out disk.out place.out
}

# One batch of all images, whose mean is 0 and whose deviation is 1. Of the convolution
# w x + b the mean is b and the variance w^2.
@test "the statistics of averaged weights are those of their activations" {
    cat >line.conf <<'END'
[model]
layer = conv 3 kernel=1
layer = batchnorm
layer = flatten
layer = linear classes
layer = logsoftmax
END
    train 1 line.conf --run line --set train.batch=100 --set train.steps=5 --set train.ema=0.8 \
        --set optim.lr=0.5 --tune=off >line.out
    h5 line/checkpoints/step-000000000005.h5 <<'END'
ema, now = f[0]["ema"], f[0]["weights"]
w, b = ema["conv1/weight"][:].ravel(), ema["conv1/bias"][:]
norm = ema["batchnorm1"]
assert np.allclose(norm["running_mean"][:], b, atol=1e-5), (norm["running_mean"][:], b)
assert np.allclose(norm["running_var"][:], w * w, rtol=1e-4), (norm["running_var"][:], w * w)
assert not np.allclose(now["batchnorm1/running_mean"][:], b, atol=1e-2)
assert not np.allclose(now["conv1/weight"][:].ravel(), w, rtol=1e-3)
END
}

@test "a run that stops in the middle of an epoch and goes on elsewhere has the same bits" {
    average stopped 2 --set train.steps=5
    other_state stopped.out reference.out
    average stopped 3 --set train.steps=7 --resume
    average stopped 2 --resume --set parallel.pipeline=2
    same_state stopped.out reference.out
}

@test "checkpoints more often, and no evaluations, do not change the statistics" {
    average often 1 --set checkpoint.every_steps=1 --set train.eval_every=100
    same_state often.out reference.out
}

@test "a killed run goes on as an undisturbed one" {
    local all=("${OPTIONS[@]}" "${ENDLESS[@]}" --set checkpoint.every_steps=4 --set log.every=1)
    start 3 killed graph.conf "${all[@]}"
    until_lines killed 6
    kill -KILL "${PIDS[1]}"
    ends_with '[1-9]*' killed
    ends_as_undisturbed 2 killed graph.conf "${all[@]}" --set parallel.pipeline=2
}

@test "the number of images is part of the run" {
    average more 1 --set train.ema_samples=61
    other_state more.out reference.out
    average all 1 --set train.ema_samples=1000
    average exactly 1 --set train.ema_samples=100
    same_state all.out exactly.out
    refused 2 "cannot resume: train.ema_samples was '60' and is now '61'*" \
        average reference 1 --resume --set train.ema_samples=61
    refused 2 "*'ema_samples = 1': expected a whole number from 2*" average bad 1 --set train.ema_samples=1
}

@test "lookahead's slow weights have no statistics" {
    average slow 1 --set optim.lookahead=5
    average slower 2 --threads 2 --set optim.lookahead=5
    same_state slow.out slower.out
    other_state slow.out reference.out
    h5 slow/checkpoints/step-000000000012.h5 <<'END'
slow = f[0]["optimizer/slow"]
assert "weight" in slow["a.bn1"] and "running_var" not in slow["a.bn1"], list(slow["a.bn1"])
END
}
