#!/usr/bin/env bats
# lockstep eval --pipeline: ranks that share the layers of a trained network give the same
# answers as one rank with all layers; none of them ever holds all weights.

# 205 images make 19 grains, the last of 7.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 205
    train 3 "$LETTERS" --run named --set train.steps=9 --set train.grain=11 \
        --set train.batch=60 --set train.ema=0.9 --set parallel.pipeline=3 \
        --set "parallel.stages=$NAMED" >named.out
    plain >plain.conf
    train 1 plain.conf --run plain --set train.steps=9 --set train.grain=11 \
        --set train.batch=60 >plain.out
    for run in named plain; do
        evaluate 1 $run --out $run.h5 >$run.eval
    done
    wide >wide.conf
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

NAMED='conv1+conv2 | conv3+linear1 | linear2+linear3'

# Dropout, layers without parameters at the front, convolutions that are not fused.
plain() {
    echo "[model]"
    printf 'layer = %s\n' "avgpool 2" "dropout p=0.1" "conv 12 kernel=3 stride=2" relu \
        "conv 9 kernel=3 pad=1" "maxpool 2" gelu flatten "linear 40" gelu "dropout p=0.3" \
        "linear classes" logsoftmax
}

# 35 million parameters, 17 MB in the largest array.
wide() {
    printf '%s\n' "[model]" "layer = flatten"
    for _ in 1 2 3 4 5 6 7 8 9; do
        printf 'layer = %s\n' "linear 2048" gelu
    done
    printf 'layer = %s\n' "linear classes" logsoftmax
}

# evaluate RANKS RUN [OPTION...]
evaluate() {
    local start=(mpirun -n "$1")
    (($1 == 1)) && start=()
    "${start[@]}" "$LOCKSTEP" eval "$2" --data letters.h5 --threads 1 "${@:3}" </dev/null
}

# answers FILE: the output of eval without the lines about ranks and speed.
answers() {
    sed -E -e '/^(parallel|pipeline|predictions| +[0-9]+ ranks? x)/d' -e 's/ in [0-9.]+ s, .*//' "$1"
}

# same RANKS STAGES RUN [OPTION...]: the answers are those of RUN.eval and RUN.h5.
same() {
    evaluate "$1" "$3" --pipeline "$2" --out "$3-$1-$2.h5" --force "${@:4}" >"$3-$1-$2.eval"
    equal "$3" "$3-$1-$2"
}

equal() {
    same_text "$(answers "$1.eval")" "$(answers "$2.eval")"
    h5 "$1.h5" "$2.h5" <<'PYTHON'
for name in ("logprobs", "predicted", "labels"):
    assert f[0][name][:].tobytes() == f[1][name][:].tobytes(), name
PYTHON
}

@test "1, 2, 3 replicas of 2, 3 or all stages give the same answers and predictions" {
    for run in named plain; do
        grep -q '^accuracy .* of 205) ' $run.eval
        for ranks in "2 2" "4 2" "6 2" "3 3" "6 3" "9 3" "3 1"; do
            # shellcheck disable=SC2086
            same $ranks $run
        done
    done
    same 6 6 named
    same 4 4 plain
}

@test "threads and replicas with and without grains give the same answers" {
    same 3 3 named --threads 2
    same 2 2 plain --threads 3
    mixed=("$LOCKSTEP" eval plain --data letters.h5 --pipeline 2 --out mixed.h5 --threads)
    mpirun -n 1 "${mixed[@]}" 1 : -n 1 "${mixed[@]}" 3 </dev/null >mixed.eval
    equal plain mixed
    train 1 plain.conf --run few --set train.steps=3 --set train.grain=150 >few.out
    evaluate 1 few --out few.h5 --split train >few.eval
    same 12 2 few --split train --threads 3
}

@test "stages are those of the training if as many are asked for, else balanced by weights" {
    grep -q '; next: mpirun -n 3 lockstep eval named --data letters.h5 --pipeline 3$' named.out
    same 3 3 named
    grep -Fqx "pipeline   1 replica x 3 stages: $NAMED" named-3-3.eval
    same 4 2 named
    grep -Eq '^pipeline +2 replicas x 2 stages: conv1.*linear3 \([0-9]+ \| [0-9]+ % of the weights\)$' \
        named-4-2.eval
    # linear2 has 131,328 of the 296,730 parameters: two stages can be nearly equal
    shares=$(sed -nE 's/^pipeline .* \(([0-9]+) \| ([0-9]+) % .*/\1 \2/p' named-4-2.eval)
    [ "$shares" = "53 47" ]
    same 3 1 named
    run grep '^pipeline' named-3-1.eval
    [ "$status" -eq 1 ]
}

@test "a damaged checkpoint is refused in one line, and one that is whole is named" {
    cp -r named damaged
    at=$(h5 damaged/checkpoints/best.h5 <<<'print(f[0]["ema/linear1/weight"].id.get_offset())')
    printf '\xff\x01' | dd of=damaged/checkpoints/best.h5 bs=1 seek=$((at + 1000)) \
        conv=notrunc status=none
    run --separate-stderr evaluate 6 damaged --pipeline 3
    echo "$stderr"
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "$(grep -c '^lockstep: ' <<<"$stderr")" -eq 1 ]
    grep -q "^lockstep: 'damaged/checkpoints/best.h5' is damaged" <<<"$stderr"
    [ "$(grep -c "^note: .*step-000000000009.h5' is whole" <<<"$stderr")" -eq 1 ]
}

# The limits are per process, which uses 0.28 GB before it begins. The weights of all layers
# take 0.14 GB; training holds four vectors of that size.
@test "a network that one rank cannot hold is trained, resumed, copied and evaluated" {
    train_wide() {
        train "$1" wide.conf --set train.batch=48 --set train.grain=16 \
            --set optim.lr=0.01 --set checkpoint.keep_best=no --set checkpoint.keep=1 \
            --set "parallel.pipeline=$1" "${@:2}"
    }
    export OMP_NUM_THREADS=2 # OpenBLAS takes 128 MiB for each
    (
        ulimit -d 800000
        refused 2 "training takes *" train_wide 1 --run none
        train_wide 3 --run wide --set train.steps=1 >wide.out
        train_wide 3 --run wide --set train.steps=2 --resume >wide-2.out
        grep -q '^resumed from .*: step 1 of 2' wide-2.out
        train_wide 3 --run copy --set train.steps=1 --init wide >copy.out
    )
    rm -r copy
    evaluate 1 wide --out wide.h5 >wide.eval
    (
        ulimit -d 410000
        refused 2 "evaluating takes 16[0-9] MB in this process, *; give it more memory, or let \
more ranks share its layers (--pipeline [23])" evaluate 1 wide
        evaluate 3 wide --pipeline 3 --out wide-3.h5 >wide-3.eval
        "$LOCKSTEP" show wide >show.out
    )
    equal wide wide-3
    grep -q '^ *total .* 35231770 ' show.out
    rm -r wide
}

@test "what cannot be is refused in one line" {
    stages() {
        run --separate-stderr evaluate "$1" named --pipeline "$2" --out never.h5
        echo "status $status: $stderr"
        [ "$status" -eq 2 ]
        said=$(grep '^lockstep: ' <<<"$stderr") # mpirun has its own to say
        # shellcheck disable=SC2053
        [[ $said != *$'\n'* && $said == "lockstep: "$3 ]]
        [ ! -e never.h5 ]
    }
    stages 7 7 "--pipeline 7: the network can be cut into 6 stages at most: *"
    stages 1 2 "--pipeline 2 does not divide the number of ranks, 1: start 2, or a multiple*"
    stages 4 3 "--pipeline 3 does not divide the number of ranks, 4: start 3, or a multiple*"
    stages 1 0 "'--pipeline 0': expected a whole number from 1"
    stages 2 -1 "'--pipeline -1': expected a whole number from *"
    stages 1 two "'--pipeline two': expected a whole number from *"
}
