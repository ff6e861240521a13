#!/usr/bin/env bats
# scripts/sweep.sh: the points of a sweep, all or at random, and the runs.
# Core: part of `make test`.

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 200 50
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    export LOCKSTEP
}

sweep() {
    "$ROOT/scripts/sweep.sh" "$@"
}

@test "a sweep has all combinations, the last setting fastest" {
    diff - <(sweep --list --sweep train.seed=1,2 --sweep optim.lr=0.1,0.05,0.01 "$TINY") <<'END'
train.seed=1 optim.lr=0.1
train.seed=1 optim.lr=0.05
train.seed=1 optim.lr=0.01
train.seed=2 optim.lr=0.1
train.seed=2 optim.lr=0.05
train.seed=2 optim.lr=0.01
END
}

@test "random points are some of the combinations, none twice, the same for a seed" {
    all=(--sweep "train.seed=1,2,3,4,5" --sweep "train.batch=16,32,64" --list "$TINY")
    sweep --random 8:3 "${all[@]}" >first
    sweep --random 8:3 "${all[@]}" | diff first -
    [ "$(sort -u first | wc -l)" -eq 8 ]
    sweep "${all[@]}" | sort >grid
    [ "$(sort first | comm -12 - grid | wc -l)" -eq 8 ]
    run ! diff first <(sweep --random 8:4 "${all[@]}")
    sweep --random 15 "${all[@]}" | sort | diff - grid
    # More of them begin with the same ones.
    sweep --random 10:3 "${all[@]}" | head -n 8 | diff first -
}

@test "a range gives numbers between its ends, whole ones between whole ones" {
    sweep --random 200 --sweep optim.lr=0.001..0.1 --sweep train.batch=8..64 \
        --sweep train.label_smoothing=0..0.5 --sweep train.seed=1,2 --list "$TINY" >points
    [ "$(sort -u points | wc -l)" -eq 200 ]
    /usr/bin/python3 - <<'END'
import math
rows = [dict(p.split("=") for p in line.split()) for line in open("points")]
lr = [float(r["optim.lr"]) for r in rows]
assert all(0.001 <= x <= 0.1 for x in lr)
below = sum(x < 0.01 for x in lr)
assert 70 < below < 130, below  # half of them: uniform in the logarithm
batch = [int(r["train.batch"]) for r in rows]
assert all(8 <= b <= 64 for b in batch) and len(set(batch)) > 20
smooth = [float(r["train.label_smoothing"]) for r in rows]
assert all(0 <= s <= 0.5 for s in smooth) and 70 < sum(s < 0.25 for s in smooth) < 130
assert {r["train.seed"] for r in rows} == {"1", "2"}
END
}

@test "a range with few values gives each once" {
    sweep --random 3 --sweep train.seed=1..3 --list "$TINY" | sort >points
    printf 'train.seed=%d\n' 1 2 3 | diff - points
}

@test "a sweep trains every point, prints the table, and goes on where it ended" {
    words=(--ranks 1 --sweep "train.seed=1,2" --sweep "optim.lr=0.05,0.01" "$TINY" --data letters.h5
        --set train.epochs=1 --threads 1)
    sweep "${words[@]}" >out
    cat out
    [ "$(ls runs/tiny | wc -l)" -eq 4 ]
    for point in train.seed={1,2},optim.lr=0.{05,01}; do
        grep -q '^finished step ' "runs/tiny/$point/log.txt"
        grep -q "^$point " out || grep -q "$point" out
    done
    "$LOCKSTEP" train "$TINY" --data letters.h5 --set train.epochs=1 --threads 1 \
        --set train.seed=2 --set optim.lr=0.01 --run alone >alone.out
    same_state alone.out runs/tiny/train.seed=2,optim.lr=0.01/log.txt
    "$LOCKSTEP" runs runs/tiny | diff - <(tail -n "$("$LOCKSTEP" runs runs/tiny | wc -l)" out)
    # Only what is missing is trained again.
    rm -r runs/tiny/train.seed=1,optim.lr=0.05
    cp runs/tiny/train.seed=2,optim.lr=0.05/log.txt before.txt
    sweep "${words[@]}" >again
    same_state runs/tiny/train.seed=2,optim.lr=0.05/log.txt before.txt
    [ "$(grep -c '^step\|^ *step ' again)" -ge 1 ]
    grep -q '^finished step ' runs/tiny/train.seed=1,optim.lr=0.05/log.txt
}

@test "words that mean nothing are refused before anything is trained" {
    no() { # TEXT ARGUMENT...
        run --separate-stderr sweep "${@:2}"
        echo "$status: $stderr"
        [ "$status" -eq 2 ]
        # shellcheck disable=SC2053
        [[ $stderr == $1 ]]
        [ ! -e runs ]
    }
    no "sweep.sh: which config?*" --sweep train.seed=1
    no "sweep.sh: nothing varies: *" "$TINY"
    no "sweep.sh: the sweep has 'optim.lr=0.1' twice" --list --sweep optim.lr=0.1,0.1 "$TINY"
    no "sweep.sh: unknown option '--swep'*" --swep train.seed=1 "$TINY"
    no "sweep.sh: '--random 0': N or N:SEED is expected" --random 0 --sweep train.seed=1 "$TINY"
    no "sweep.sh: '--random 3': there are only 2 settings" --random 3 --sweep train.seed=1,2 "$TINY"
    no "sweep.sh: '--random 4': there are not so many different settings" \
        --random 4 --sweep train.seed=1..3 "$TINY"
    no "sweep.sh: '--sweep optim.lr=0.1..1': a range needs --random N" \
        --sweep optim.lr=0.1..1 "$TINY"
    no "sweep.sh: '--sweep seed=1': KEY=VALUE,VALUE,... is expected*" --sweep seed=1 "$TINY"
    no "lockstep: --set: unknown key 'sead'*" --sweep train.sead=1,2 "$TINY" --data letters.h5
    no "lockstep: *" --sweep train.seed=1 none.conf --data letters.h5
}
