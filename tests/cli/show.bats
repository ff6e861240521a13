#!/usr/bin/env bats
# lockstep show: what a file holds.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 120 30
    train 1 "$TINY" --run run --set train.epochs=2 --set train.ema=0.9 >out
    "$LOCKSTEP" eval run --data letters.h5 --out predictions.h5 >/dev/null
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

@test "show describes a checkpoint" {
    "$LOCKSTEP" show run/checkpoints/step-000000000004.h5 >shown
    cat shown
    grep -q '^run/checkpoints/step-000000000004.h5: a checkpoint$' shown
    state out >wanted
    grep -q "^step        4, epoch 2.00, state=$(<wanted)\$" shown
    grep -Eq '^best        accuracy [0-9.]+ % at step [24]$' shown
    grep -q '^weights     last and averaged (EMA)$' shown
    grep -q '^classes     26: A B C .* Z$' shown
    grep -Eq "^data        28x28 grey images, mean 0.[0-9]+, std 0.[0-9]+, hash $(sed -nE 's/^data .* hash ([0-9a-f]+)$/\1/p' out)\$" shown
    grep -q '^config      changed .* train.epochs=2 train.batch=100 train.ema=0.9' shown
    grep -Eq '^ +total +26 +13546 ' shown
}

@test "show describes a run" {
    "$LOCKSTEP" show run >shown
    [ "$(head -n 1 shown)" = "run: a run" ]
    grep -q 'metrics of a run, 2 log lines and 2 evaluations$' shown
    same_text "$(grep -o 'eval step .* %' shown)" \
        "$(grep -o '^eval step .* %' out | sed 's/ epoch [0-9.]*//')"
    grep -q '^  run/checkpoints/step-000000000004.h5$' shown
    grep -q '^run/checkpoints/best.h5: a checkpoint$' shown
}

@test "show describes metrics, a data set and predictions" {
    "$LOCKSTEP" show run/metrics.h5 | grep -q '^run/metrics.h5: metrics of a run'
    "$LOCKSTEP" show predictions.h5 | grep -q '^predictions.h5: lockstep-predictions$'
    same_text "$("$LOCKSTEP" show letters.h5)" "$("$LOCKSTEP" data info letters.h5)"
    "$LOCKSTEP" show letters.h5 | grep -q '^images     28 x 28 pixels, 120 for training, 30 '
}

@test "show refuses files that are not lockstep's" {
    /usr/bin/python3 -c 'import h5py; h5py.File("foreign.h5", "w")["x"] = 1'
    refused 1 "'foreign.h5' is an HDF5 file, but not one of lockstep's" "$LOCKSTEP" show foreign.h5
    refused 1 "'run/log.txt' is *, not an HDF5 file" "$LOCKSTEP" show run/log.txt
    refused 1 "'run/checkpoints' is a folder but not a run*" "$LOCKSTEP" show run/checkpoints
    refused 2 "'resnet18' is a network by name: 'lockstep models resnet18' prints its config, *" \
        "$LOCKSTEP" show resnet18
    refused 2 "'run/config.conf' is a config: 'lockstep train run/config.conf --check' prints *" \
        "$LOCKSTEP" show run/config.conf
    refused 1 "cannot open 'none': No such file or directory" "$LOCKSTEP" show none
    refused 2 "usage: lockstep show FILE*" "$LOCKSTEP" show
    head -c 9000 run/metrics.h5 >cut.h5
    refused 1 "*'cut.h5'*" "$LOCKSTEP" show cut.h5
}
