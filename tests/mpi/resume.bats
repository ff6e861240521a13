#!/usr/bin/env bats
# Runs and their folders: a run is refused, resumed, finished, extended, or started from the
# weights of another.
# Core: part of `make test`.

OPTIONS=(--set train.epochs=4 --set train.ema=0.99 --set log.every=5)

# 330 images in batches of 50 make 7 steps an epoch; the run ends at step 28.
setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
    letters others.h5 330 60 --seed 2
    sed 's/^batch = .*/batch = 50/' "$TINY" >tiny.conf
    train 1 tiny.conf --run whole "${OPTIONS[@]}" >whole.out
    # the same run, but its first 12 steps only
    train 1 tiny.conf --run half "${OPTIONS[@]}" --set train.steps=12 >half.out
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    JOB='' PIDS=()
}

teardown() {
    end_job
}

# half NAME: a fresh copy of the run `half`.
half() {
    rm -rf "$1"
    cp -r half "$1"
}

# resumes RANKS NAME STEP [OPTION...]: NAME resumes from STEP and ends as `whole` did.
resumes() {
    train "$1" tiny.conf --run "$2" "${OPTIONS[@]}" --resume "${@:4}" >"$2.out" 2>"$2.err"
    cat "$2.err"
    grep -q "^resumed from '$2/checkpoints/.*': step $3 of 28\$" "$2.out"
    grep -q "^finished step 28 of 28 " "$2.out"
    same_state "$2.out" whole.out
}

# saved NAME: prints the steps of its checkpoints.
saved() {
    find "$1/checkpoints" -name 'step-*' | sed 's/.*step-0*//; s/\.h5//' | sort -n | xargs
}

@test "a folder that holds a run is refused without --resume, and left untouched" {
    before=$(fingerprint whole)
    refused 2 "'whole' already holds a run; go on with it by --resume, or*" \
        train 1 tiny.conf --run whole "${OPTIONS[@]}"
    refused 2 "'whole' already holds a run*" \
        train 1 tiny.conf --run whole --init half/checkpoints/best.h5
    run train 3 tiny.conf --run whole "${OPTIONS[@]}"
    [ "$status" -eq 2 ]
    [ "$(grep -c "already holds a run" <<<"$output")" -eq 1 ]
    same_text "$(fingerprint whole)" "$before"
}

@test "--resume without a run starts one" {
    train 1 tiny.conf --run fresh "${OPTIONS[@]}" --resume >fresh.out 2>fresh.err
    grep -qx "note: no run in 'fresh' yet: starting from the beginning" fresh.err
    same_run fresh.out whole.out
    [ "$(grep -c 'no usable' fresh.err)" -eq 0 ]
}

@test "a longer run resumes where the shorter one ended; log and metrics continue" {
    half longer
    cp longer/log.txt before.txt
    resumes 3 longer 12
    head -c "$(stat -c %s before.txt)" longer/log.txt | cmp - before.txt
    grep -q '^note: resumed with a changed key: train.steps 12 -> 0$' longer.err
    h5 longer/metrics.h5 whole/metrics.h5 <<'END'
train, evals = (f[0]["metrics/%s/step" % part][:].tolist() for part in ("train", "eval"))
assert train == [5, 10, 12, 15, 20, 25, 28], train
assert evals == [7, 12, 14, 21, 28], evals
for name in ("loss", "accuracy"):
    old, new = f[1]["metrics/eval/" + name][:], f[0]["metrics/eval/" + name][:]
    assert np.array_equal(old, new[[0, 2, 3, 4]])
END
}

@test "a stopped and resumed run loses or repeats no line and no evaluation" {
    start 2 stopped tiny.conf "${OPTIONS[@]}" "${ENDLESS[@]}"
    until_step stopped 5
    kill -USR1 $JOB
    ends_with 75 stopped
    ends_as_undisturbed 1 stopped tiny.conf "${OPTIONS[@]}"
    same_trace stopped/log.txt calm/log.txt
}

@test "a damaged newest checkpoint is named, and the one before is used" {
    newest=step-000000000012.h5
    for harm in flipped truncated empty; do
        half $harm
        file=$harm/checkpoints/$newest
        case $harm in
        flipped) # in the middle of an array
            at=$(h5 $file <<<'print(f[0]["weights/linear1/weight"].id.get_offset())')
            printf '\xff\x01' | dd of=$file bs=1 seek=$((at + 1000)) conv=notrunc
            ;;
        truncated) truncate -s -3000 $file ;;
        empty) : >$file ;;
        esac
        resumes 1 $harm 7
        grep -q "^lockstep: .*'$file'" $harm.err
        grep -q "^note: '$file' cannot be used; looking for an older one" $harm.err
    done
}

@test "a data set in place of a checkpoint is named and kept" {
    half foreign
    cp letters.h5 foreign/checkpoints/step-000000000012.h5
    refused 2 "'foreign/checkpoints/step-000000000012.h5' cannot be written: it is a data set, not a checkpoint, and is not replaced" \
        train 1 tiny.conf --run foreign --resume
    cmp letters.h5 foreign/checkpoints/step-000000000012.h5
}

@test "when every checkpoint is damaged, the run starts again" {
    half ruined
    for file in ruined/checkpoints/*; do truncate -s 100 "$file"; done
    train 1 tiny.conf --run ruined "${OPTIONS[@]}" --resume >ruined.out 2>ruined.err
    grep -q "^note: no usable checkpoint in 'ruined': starting from" ruined.err
    same_state ruined.out whole.out
    same_history whole/metrics.h5 ruined/metrics.h5
}

@test "a changed attribute counts as damage" {
    half moved
    /usr/bin/python3 -c 'import h5py
with h5py.File("moved/checkpoints/step-000000000012.h5", "r+") as f:
    f.attrs.modify("step", 13)'
    resumes 1 moved 7
    grep -q "'moved/.*000012.h5' is damaged" moved.err
}

@test "another network, batch, seed, optimizer or data set is refused and the difference named" {
    half kept
    before=$(cd kept/checkpoints && sha256sum ./*)
    sed 's/conv 8 /conv 9 /' tiny.conf >wider.conf
    sed '/gelu/d' tiny.conf >shallow.conf
    resume=(--run kept "${OPTIONS[@]}" --resume)
    refused 2 "cannot resume: model.layer was 'conv 8 kernel=5' and is now 'conv 9 kernel=5'*" \
        train 1 wider.conf "${resume[@]}"
    refused 2 "cannot resume: model.layer was 'gelu' and is now 'flatten'*" \
        train 1 shallow.conf "${resume[@]}"
    refused 2 "cannot resume: train.batch was '50' and is now '60'; start a new run with another --run, or go on with this one as it was: lockstep train kept/config.conf --resume" \
        train 1 tiny.conf "${resume[@]}" --set train.batch=60
    # nothing is said to be resumed that is not
    train 1 tiny.conf "${resume[@]}" --set data.memory=7 --set train.seed=7 >out 2>&1 || :
    grep -q "cannot resume: train.seed was '1'" out
    run ! grep -q "resumed with" out
    refused 2 "cannot resume: train.grain was '32' and is now '16'*" \
        train 1 tiny.conf "${resume[@]}" --set train.grain=16
    refused 2 "cannot resume: train.seed was '1' and is now '7'*" \
        train 1 tiny.conf "${resume[@]}" --set train.seed=7
    refused 2 "cannot resume: optim.kind was 'sgd' and is now 'adamw'*" \
        train 1 tiny.conf "${resume[@]}" --set optim.kind=adamw
    refused 2 "cannot resume: train.ema was '0.99' and is now '0'*" \
        train 1 tiny.conf "${resume[@]}" --set train.ema=0
    refused 2 "cannot resume: data.shift_x was '0' and is now '2'*" \
        train 1 tiny.conf "${resume[@]}" --set data.shift_x=2
    refused 2 "cannot resume: the data set was *others.h5* is *" \
        train 1 tiny.conf "${resume[@]}" --data others.h5
    same_text "$(cd kept/checkpoints && sha256sum ./*)" "$before"
    resumes 2 kept 12
}

@test "a finished run that is resumed has nothing to do" {
    half done
    before=$(cd done/checkpoints && sha256sum ./*)
    cp done/metrics.h5 metrics-before.h5
    train 2 tiny.conf --run done "${OPTIONS[@]}" --set train.steps=12 --resume >done.out
    grep -q "^resumed from 'done/.*': step 12 of 12" done.out
    same_state done.out half.out
    same_text "$(cd done/checkpoints && sha256sum ./*)" "$before"
    same_history metrics-before.h5 done/metrics.h5
}

@test "the newest and the best checkpoints are kept" {
    [ "$(saved whole)" = "14 21 28" ]
    best=$(sed -nE 's/.*best accuracy .* \(step ([0-9]+)\).*/\1/p' whole.out)
    grep -q "^step  *$best, " <("$LOCKSTEP" show whole/checkpoints/best.h5)
    h5 whole/checkpoints/best.h5 whole/metrics.h5 <<'END'
accuracy = f[1]["metrics/eval/accuracy"][:]
assert f[0].attrs["best_accuracy"] == accuracy.max()
best = np.lexsort((f[1]["metrics/eval/loss"], -accuracy))[0]
assert f[0].attrs["step"] == f[1]["metrics/eval/step"][best]
END
    train 1 tiny.conf --run few "${OPTIONS[@]}" --set train.steps=20 \
        --set checkpoint.every_steps=3 --set checkpoint.every_epochs=0 \
        --set checkpoint.keep=2 --set checkpoint.keep_best=off >few.out
    [ "$(saved few)" = "18 20" ]
    [ ! -e few/checkpoints/best.h5 ]
}

@test "of equal accuracies the lowest loss, then the first is the best, also after a resume" {
    slow=("${OPTIONS[@]}" --set optim.lr=1e-6)
    train 1 tiny.conf --run slow "${slow[@]}" >slow.out
    train 2 tiny.conf --run again "${slow[@]}" --set train.steps=14 >again.out
    train 3 tiny.conf --run again "${slow[@]}" --resume >>again.out
    train 1 tiny.conf --run still "${OPTIONS[@]}" --set optim.lr=0 >still.out
    h5 {slow,again,still}/metrics.h5 {slow,again,still}/checkpoints/best.h5 <<'END'
best = []
for metrics, kept in zip(f[:3], f[3:]):
    of = metrics["metrics/eval"]
    accuracy, loss = of["accuracy"][:], of["loss"][:]
    assert len(accuracy) == 4 and (accuracy == accuracy[0]).all(), accuracy
    best.append(of["step"][np.lexsort((loss, -accuracy))[0]])
    assert kept.attrs["step"] == kept.attrs["best_step"] == best[-1], (best, loss)
assert best == [28, 28, 7], best
END
    same_state again.out slow.out
}

@test "checkpoints are written every so many steps, parts of epochs or minutes" {
    all=("${OPTIONS[@]}" --set checkpoint.keep=99 --set checkpoint.keep_best=off
        --set train.steps=9 --set checkpoint.every_epochs=0)
    train 1 tiny.conf --run steps "${all[@]}" --set checkpoint.every_steps=4 >steps.out
    [ "$(saved steps)" = "4 8 9" ]
    train 1 tiny.conf --run parts "${all[@]}" --set checkpoint.every_epochs=0.5 >parts.out
    [ "$(saved parts)" = "4 7 9" ]
    train 2 tiny.conf --run minutes "${all[@]}" --set checkpoint.every_minutes=1e-9 \
        >minutes.out # shorter than any step: due at each
    [ "$(saved minutes)" = "1 2 3 4 5 6 7 8 9" ]
    train 2 tiny.conf --run none "${all[@]}" >none.out
    [ "$(saved none)" = 9 ]
}

@test "temporary files of killed writers are removed" {
    half littered
    touch littered/checkpoints/{best.h5,step-000000000013.h5}.tmp.host.77
    touch littered/metrics.h5.tmp.host.77 littered/mine.txt
    resumes 1 littered 12
    [ "$(find littered -name '*.tmp.*' | wc -l)" -eq 0 ]
    [ -f littered/mine.txt ]
}

@test "--init starts a new run from the averaged weights of another" {
    train 1 tiny.conf --run tuned --init half/checkpoints/step-000000000012.h5 \
        --set train.steps=1 --set optim.lr=0 >tuned.out
    grep -q '^finished step 1 of 1 ' tuned.out
    h5 half/checkpoints/step-000000000012.h5 tuned/checkpoints/step-000000000001.h5 <<'END'
for name in ("conv1/weight", "conv1/bias", "linear1/weight", "linear1/bias"):
    assert np.array_equal(f[0]["ema/" + name][:], f[1]["weights/" + name][:]), name
assert f[1]["metrics/train/step"][:].tolist() == [1]
END
    train 3 tiny.conf --run tuned-3 --init half/checkpoints/step-000000000012.h5 \
        --set train.steps=1 --set optim.lr=0 >tuned-3.out
    same_state tuned.out tuned-3.out
}

@test "--init with a run's folder means its best checkpoint" {
    for from in half half/checkpoints/best.h5; do
        train 2 tiny.conf --run "from-${from##*/}" --init "$from" --set train.steps=1 \
            >"from-${from##*/}.out"
    done
    same_state from-half.out from-best.h5.out
}

@test "--init from what does not fit is refused and leaves nothing behind" {
    refused 2 "'half/checkpoints/best.h5' is of another network: 'conv1.weight' is 8x1x5x5 there and 9x1x5x5 here" \
        train 1 <(sed 's/conv 8 /conv 9 /' tiny.conf) --run misfit \
        --init half/checkpoints/best.h5
    [ ! -e misfit ]
    refused 1 "*'none.h5'*" train 1 tiny.conf --run misfit --init none.h5
    [ ! -e misfit ]
    refused 1 "'letters.h5' is a data set, not a checkpoint" \
        train 1 tiny.conf --run misfit --init letters.h5
    [ ! -e misfit ]
    refused 2 "--resume and --init exclude each other*" \
        train 1 tiny.conf --run misfit --resume --init half/checkpoints/best.h5
    [ ! -e misfit ]
}

@test "a second process on the same folder is refused" {
    start 2 shared tiny.conf "${OPTIONS[@]}" "${ENDLESS[@]}"
    until_step shared 5
    refused 2 "'shared' is in use by another lockstep: host $(hostname), pid ${PIDS[0]}, job none, since 20*; wait for it, or choose another one" \
        train 1 tiny.conf --run shared "${OPTIONS[@]}" --resume
    grep -qx "pid ${PIDS[0]}" shared/lock
    run train 2 tiny.conf --run shared "${OPTIONS[@]}" --resume
    [ "$status" -eq 2 ]
    kill -USR1 $JOB
    ends_with 75 shared
    [ "$(grep -c '^lockstep ' shared/log.txt)" -eq 1 ]
}

@test "early_stop ends a run without progress, and a resumed one at once" {
    stop=(--set train.epochs=50 --set optim.lr=0 --set early_stop.patience=2)
    train 1 tiny.conf --run patient "${stop[@]}" >patient.out
    grep -q '^stopped early: no better accuracy in 2 evaluations' patient.out
    grep -q '^stopped step 21 of 350 ' patient.out
    train 2 tiny.conf --run patient "${stop[@]}" --resume >patient-2.out
    [ "$(grep -c '^eval step' patient-2.out)" -eq 0 ]
    grep -q '^stopped step 21 of 350 ' patient-2.out
    same_state patient.out patient-2.out
}
