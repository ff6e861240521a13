#!/usr/bin/env bats
# recipe.py trains a config's recipe in PyTorch.

setup() {
    source "$BATS_TEST_DIRNAME/peers.sh"
    cd "$BATS_TEST_TMPDIR" || return 1
    find_torch || skip_without_torch
    cat >small.conf <<'END'
[model]
layer = flatten
layer = linear 64
layer = gelu
layer = linear classes
layer = logsoftmax
[train]
epochs = 8
batch = 50
[optim]
kind = sgd
momentum = 0.9
nesterov = on
lr = 0.02
weight_decay = 5e-4
[schedule]
kind = onecycle
[augment]
crop = 1
END
}

recipe() {
    timeout 300 "$python" "$BATS_TEST_DIRNAME/recipe.py" "$@" --threads 1
}

accuracy() { # EPOCH FILE
    sed -nE "s/^(eval step .* )?epoch $1(\.00)? .*accuracy ([0-9]+)\..*/\3/p" "$2"
}

@test "a recipe gets as far in PyTorch as in lockstep" {
    "$LOCKSTEP" data synth --out letters.h5 --train 1500 --test 500 >/dev/null 2>&1
    recipe small.conf letters.h5 >theirs
    "$LOCKSTEP" train small.conf --data letters.h5 --threads 1 --run run >ours
    cat theirs ours
    theirs=$(accuracy 8 theirs) ours=$(accuracy 8 ours)
    ((ours > 30 && theirs > 30)) # 4 % by chance
    ((ours - theirs < 8 && theirs - ours < 8))
}

@test "what the script does not know is refused" {
    echo 'elastic = 1' >>small.conf
    run recipe small.conf letters.h5
    [ "$status" -eq 1 ]
    [ "$output" = "small.conf: this script does not know augment.elastic" ]
    sed -i 's/onecycle/cosine/' small.conf
    run recipe small.conf letters.h5
    [ "$output" = "small.conf: this script knows schedule.kind = onecycle only" ]
}
