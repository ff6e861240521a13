#!/usr/bin/env bats
# ResNet-20 on colour pictures, with batch normalisation and averaged weights: one state for any
# number of ranks, threads and stages, with kills in between. LOCKSTEP_CIFAR=FILE takes a data
# set of RGB images of 32x32 in place of the drawn ones.

# 200 images are 7 grains: 29, 29, 29, 29, 28, 28 and 28. Of 900 images the last batch of an
# epoch has 100, in 4 grains of 25.
OPTIONS=(--set train.batch=200 --set train.steps=20 --set schedule.kind=constant
    --set optim.lr=0.05 --set train.clip=5 --set train.ema=0.9 --set train.ema_samples=100
    --set train.eval_every=2 --set checkpoint.every_epochs=0 --set log.every=1 --tune=off)
DATA=pictures.h5

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    if [[ ${LOCKSTEP_CIFAR-} ]]; then
        ln -s "$(realpath "$LOCKSTEP_CIFAR")" pictures.h5
    else
        draw
    fi
    resnet reference 1
    grep -q '^finished step 20 of 20 ' reference.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# draw: pictures of 10 classes; a class is the place and the colour of a spot.
draw() {
    h5 <<'END'
rng = np.random.default_rng(1)
with h5py.File("pictures.h5", "w") as out:
    for split, n in (("train", 900), ("val", 60), ("test", 20)):
        y = np.arange(n) % 10
        x = rng.integers(0, 120, (n, 32, 32, 3))
        for i, k in enumerate(y):
            x[i, k // 5 * 16:k // 5 * 16 + 16, k % 5 * 6:k % 5 * 6 + 6, k % 3] += 120
        out[split + "/images"], out[split + "/labels"] = x.astype("uint8"), y.astype("uint8")
        if split == "train":
            out.attrs.update(mean=x.mean((0, 1, 2)) / 255, std=x.std((0, 1, 2)) / 255)
    out.attrs.update(classes=[f"spot {k}" for k in range(10)], source="a test",
                     hash="0123456789abcdef", format_version=2)
END
}

# resnet RUN RANKS OPTION...
resnet() {
    train "$2" resnet20 --run "$1" "${OPTIONS[@]}" "${@:3}" >"$1.out"
}

# killed RUN STEP REPLICAS THREADS STAGES: goes on with RUN and is killed at STEP or a little
# later.
killed() {
    local number=$(($3 * $5))
    start "$number" "$1" resnet20 "${OPTIONS[@]}" --threads "$4" \
        --set "parallel.pipeline=$5" --set checkpoint.every_steps=1 --resume
    until_step "$1" "$2"
    kill -KILL "${PIDS[$((number / 2))]}"
    ends_with '[1-9]*' "$1"
}

# ends RUN REPLICAS THREADS STAGES: goes on to the end, with the state of the reference.
ends() {
    resnet "$1" $(($2 * $4)) --threads "$3" --set "parallel.pipeline=$4" --resume
    grep -qE "^resumed from '$1/checkpoints/.*': step [0-9]+ of 20$" "$1.out"
    same_state reference.out "$1.out"
    same_history reference/metrics.h5 "$1/metrics.h5"
}

@test "the reference learns, and its averaged weights have statistics of their own" {
    h5 reference/metrics.h5 <<'END'
loss = f[0]["metrics/train/loss"][:]
assert len(loss) == 20 and np.isfinite(loss).all() and loss[-1] < loss[0], loss
END
    h5 reference/checkpoints/step-000000000020.h5 <<'END'
ema, now = (f[0][group]["layer3.2.bn2/running_var"][:] for group in ("ema", "weights"))
assert np.isfinite(ema).all() and (ema > 0).all() and (ema != now).all()
END
}

@test "in one go: 3 ranks of 2 threads, and 2 replicas of 2 stages" {
    resnet ranks 3 --threads 2
    resnet stages 4 --set parallel.pipeline=2
    same_run reference.out ranks.out stages.out
}

@test "killed on 2, 5 and 3 ranks, with 1 and 2 threads, without stages" {
    killed one 5 2 1 1
    killed one 9 5 2 1
    killed one 14 3 1 1
    ends one 1 2 1
}

@test "killed on 5, 3 and 1 replicas of 2 stages, with 1 and 2 threads" {
    killed two 4 5 1 2
    killed two 8 3 2 2
    killed two 12 1 1 2
    killed two 16 2 2 2
    ends two 5 1 1
}

@test "killed with stages, ends without, and the other way round" {
    killed three 5 1 2 2
    killed three 9 2 2 1
    killed three 13 3 1 2
    ends three 2 1 2
}
