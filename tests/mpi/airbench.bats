#!/usr/bin/env bats
# What the network cifar_fast is made of, in a small network: the same bits with any number of
# ranks, threads and stages, for images in memory and read by chunks, and after a stop.

OPTIONS=(--set log.every=7 --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off
    --tune=off)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    # 900 images of 24x24 RGB are 1.6 MB: more than data.memory=1
    tinted colour.h5 24x24 150 40 train=900 test=90
    # 71 images in grains of 11 make 7 grains, 13 steps an epoch, 2.3 epochs 30 steps
    "$LOCKSTEP" models cifar_fast >whole.conf
    sed -e 's/channels=64/channels=8/; s/channels=256/channels=12/; s/maxpool 3/maxpool 2/; s/^epochs = 9.9/epochs = 2.3/' \
        -e 's/^batch = .*/batch = 71\nclip = 20/; s/^grain = 32/grain = 11/' \
        -e 's/^epochs = 3/epochs = 1.5/' \
        -e 's/^lr = 1.5/lr = 0.1/' whole.conf >small.conf
    fast reference 1 --threads 1 --set data.prefetch=0 --set checkpoint.every_steps=30
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

# fast RUN RANKS OPTION...
fast() {
    mpirun -n "$2" "$LOCKSTEP" train small.conf --data colour.h5 --run "$1" "${OPTIONS[@]}" \
        "${@:3}" >"$1.out" </dev/null
}

# same RUN RANKS OPTION...: gives the results of the reference.
same() {
    fast "$@"
    same_run reference.out "$1.out"
}

# differs RUN OPTION...: the option matters.
differs() {
    fast "$1" 1 --threads 2 "${@:2}"
    other_state reference.out "$1.out"
}

@test "the reference does all of it" {
    grep -q '^finished step 30 of 30 epoch 2.31 ' reference.out
    grep -q '^groups .* lr x 64, weight decay x 0.015625 of all$' reference.out
    grep -q '^ .* of all, for 1.5 epochs$' reference.out
    differs seed --set train.seed=2
    differs views --set optim.lookahead_power=0
    differs epochs --set 'group whiten.epochs=0'
    differs decay --set 'group norms.decay=weights'
    differs fill --set augment.fill=border
    differs schedule --set schedule.start=0.3
}

@test "1, 2 and 3 ranks of one and two threads give the same state" {
    for ranks in 1 2 3; do
        for threads in 1 2; do
            same "r$ranks-t$threads" $ranks --threads $threads
        done
    done
}

@test "stages of a pipeline give the same state" {
    same stages 2 --threads 1 --set parallel.pipeline=2
    same wide 3 --threads 2 --set parallel.pipeline=3
}

@test "images read by chunks give the same state" {
    same chunks 2 --threads 2 --set data.memory=1
    grep -q '^data .* on disk,' chunks.out
}

@test "a run stopped and resumed on other layouts gives the same state" {
    fast half 1 --threads 2 --set checkpoint.every_steps=12 # in the middle of a cycle
    rm half/checkpoints/step-000000000{024,030}.h5
    fast half 3 --threads 1 --resume
    same_state reference.out half.out
}

@test "the filters whiten the patches of the images that the run begins with, and stay" {
    h5 reference/checkpoints/step-000000000030.h5 colour.h5 <<'END'
w = f[0]["weights/whiten/weight"][:].reshape(24, 12)
assert (w[:12] == -w[12:]).all()
x = (f[1]["train/images"][:] / 255 - f[1].attrs["mean"]) / f[1].attrs["std"]
p = np.stack([x[:, i:23 + i, j:23 + j] for i in (0, 1) for j in (0, 1)], -1)  # n h w c 4
p = p.reshape(-1, 12)
moment = w[:12] @ (p.T @ p / len(p)) @ w[:12].T
assert abs(moment - np.eye(12)).max() < 5e-3, moment
assert f[0]["weights/whiten/bias"][:].any()
END
}

@test "eval looks at images in the same ways on any layout" {
    for views in none mirror mirror+shift; do
        "$LOCKSTEP" eval reference --data colour.h5 --views "$views" --out "$views.h5" \
            >"$views.out"
        mpirun -n 3 "$LOCKSTEP" eval reference --data colour.h5 --views "$views" --threads 2 \
            --out "$views-3.h5" >"$views-3.out"
        mpirun -n 2 "$LOCKSTEP" eval reference --data colour.h5 --views "$views" --pipeline 2 \
            --out "$views-p.h5" >"$views-p.out"
        for other in 3 p; do
            same_text "$(grep -o '^accuracy.*loss [0-9.]*' "$views.out")" \
                "$(grep -o '^accuracy.*loss [0-9.]*' "$views-$other.out")"
            h5 "$views.h5" "$views-$other.h5" <<'END'
a, b = (file["logprobs"][:] for file in f)
assert len(a) == 90 and (a == b).all()
assert abs(np.exp(a).sum(1) - 1).max() < 1e-5
END
        done
    done
    other_text "$(sha256sum <none.h5)" "$(sha256sum <mirror.h5)"
    "$LOCKSTEP" eval reference --data colour.h5 >default.out # as in the training
    grep -q '^views  *mirror+shift$' default.out
    same_text "$(grep -o '^accuracy.*loss [0-9.]*' mirror+shift.out)" \
        "$(grep -o '^accuracy.*loss [0-9.]*' default.out)"
    grep -o 'loss [0-9.]* accuracy [0-9.]*' reference.out | tail -n 1 >in-training
    same_text "$(awk '{ print $2 }' in-training)" \
        "$(sed -n 's/^accuracy.*loss \([0-9.]*\) .*/\1/p' default.out)"
}
