#!/usr/bin/env bats
# lars, lamb, lookahead and groups: the same bits with any number of ranks, threads and
# stages, and after a stop in the middle of a lookahead cycle.

FEW=(--set train.batch=71 --set train.grain=11 --set train.clip=1 --set train.steps=13
    --set checkpoint.every_epochs=0 --set checkpoint.keep_best=off --tune=off
    --set schedule.kind=polynomial --set schedule.warmup=0.2)
LARS=(--set optim.kind=lars --set optim.lr=2 --set optim.weight_decay=0.01
    --set optim.trust=0.02)
LAMB=(--set optim.kind=lamb --set optim.lr=0.01 --set optim.weight_decay=0.1
    --set optim.lookahead=5 --set train.ema=0.9)
ADAMW=(--set optim.kind=adamw --set optim.lr=0.002 --set optim.weight_decay=0.1
    --set optim.lookahead=4 --set 'group last.match=linear3'
    --set 'group last.lr=5' --set 'group bias.match=*.bias'
    --set 'group bias.lr=0.5')

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 600 70
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
}

teardown() {
    end_job
}

# layouts OPTION...: one state on any layout, and not that of plain sgd.
layouts() {
    train 1 "$LETTERS" --run one "${FEW[@]}" "$@" >one.out
    train 1 "$LETTERS" --run plain "${FEW[@]}" >plain.out
    other_state one.out plain.out
    train 2 "$LETTERS" --run two "${FEW[@]}" "$@" --threads 2 >two.out
    train 3 "$LETTERS" --run three "${FEW[@]}" "$@" >three.out
    train 1 "$LETTERS" --run threads "${FEW[@]}" "$@" --threads 3 >threads.out
    train 2 "$LETTERS" --run stages "${FEW[@]}" "$@" --set parallel.pipeline=2 >stages.out
    same_run one.out two.out three.out threads.out stages.out
}

@test "lars has one state on any layout" {
    layouts "${LARS[@]}"
}

@test "lamb with lookahead and averages has one state on any layout" {
    layouts "${LAMB[@]}"
}

@test "adamw with lookahead and groups has one state on any layout" {
    layouts "${ADAMW[@]}"
}

# part RANKS STEPS OPTION...: goes on with the run `part` until STEPS; the schedule is that
# of a constant rate, which does not depend on the end of the run.
part() {
    train "$1" "$LETTERS" --run part "${FEW[@]}" --set schedule.kind=constant \
        "${@:3}" --resume --set "train.steps=$2" >>part.out
}

@test "a run that ends in the middle of a lookahead cycle goes on as an undisturbed one" {
    local all=("${FEW[@]}" "${LAMB[@]}" --set schedule.kind=constant)
    train 1 "$LETTERS" --run whole "${all[@]}" >whole.out
    part 1 3 "${LAMB[@]}"
    part 2 8 "${LAMB[@]}" --threads 2
    part 2 13 "${LAMB[@]}" --set parallel.pipeline=2
    same_state whole.out part.out
    h5 part/checkpoints/step-000000000013.h5 <<'END'
assert sorted(f[0]["optimizer"]) == ["m", "slow", "v"], list(f[0]["optimizer"])
slow, now = f[0]["optimizer/slow/conv1/weight"][:], f[0]["weights/conv1/weight"][:]
assert slow.shape == now.shape and (slow != now).any() and (slow != 0).all()
END
    "$LOCKSTEP" eval part --data letters.h5 >eval.out
    grep -q accuracy eval.out
}

@test "other factors of a group are named on resume; another lookahead is refused" {
    part 1 3 "${ADAMW[@]}"
    grep -qE 'group last.match=linear3 .*group last.lr=5 .*group bias.lr=0.5' part.out
    part 1 4 "${ADAMW[@]}" --set 'group last.lr=3' 2>&1
    cat part/log.txt
    grep -q 'group last.lr 5 -> 3' part/log.txt
    grep -qE '^groups +last: linear3: 2 tensors, [0-9]+ parameters, lr x 3, ' part/log.txt
    grep -qE '^ +bias: \*\.bias: 5 tensors, ' part/log.txt
    refused 2 "cannot resume: optim.lookahead was '4' and is now '3'*" \
        part 1 5 "${ADAMW[@]}" --set optim.lookahead=3
}

@test "a pattern that matches nothing is refused, with a guess, before anything is written" {
    sed '$a [group head]\nmatch = linaer*\nlr = 10' "$LETTERS" >typo.conf
    refused 2 "typo.conf:*: group 'head': 'linaer\*' matches no trained tensor; did you mean 'linear1'?" \
        train 1 typo.conf --run typo "${FEW[@]}"
    run --separate-stderr train 2 typo.conf --run typo "${FEW[@]}" \
        --set parallel.pipeline=2
    [ "$status" -eq 2 ]
    [ "$(grep -c "group 'head': 'linaer\*' matches no trained tensor" <<<"$stderr")" -eq 1 ]
    [ ! -e typo ]
    train 1 typo.conf --run typo "${FEW[@]}" --set 'group head.match=linear*' --check >out
    grep -qE '^groups +head: linear\*: 6 tensors, [0-9]+ parameters, lr x 10, weight decay x 1' out
}
