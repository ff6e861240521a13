#!/usr/bin/env bats
# scripts/supervise.sh starts a run again until it is done, or gives up.

OPTIONS=(--set train.batch=110 --set train.grain=16 --set log.every=1
    --set checkpoint.every_steps=5)

setup_file() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    letters letters.h5 330 60
}

setup() {
    source "$BATS_TEST_DIRNAME/../runs.sh"
    SUPERVISOR=''
    # `env` undoes that a shell's background jobs ignore INT.
    SUPERVISE=(env --default-signal=INT --default-signal=QUIT "$ROOT/scripts/supervise.sh")
}

# Ends what a failed test left running.
teardown() {
    [[ $SUPERVISOR ]] || return 0
    local left
    mapfile -t left < <(family "$SUPERVISOR")
    kill -KILL "${left[@]}" 2>/dev/null || :
}

supervise() {
    "${SUPERVISE[@]}" --delay 0.2 "$@"
}

# supervised RANKS RUN OPTION...: a supervised run in the background with pid SUPERVISOR.
supervised() {
    "${SUPERVISE[@]}" --delay 0.2 mpirun -n "$1" "$LOCKSTEP" train "$LETTERS" \
        --data letters.h5 --threads 1 --run "$2" "${@:3}" >>"$2.out" 2>>"$2.err" 3>&- &
    SUPERVISOR=$!
}

# starts RUN: prints how often the run was started.
starts() {
    grep -cs '^lockstep [0-9]' "$1/log.txt" || :
}

# stepping RUN START: the START-th start of the run has made a step.
stepping() {
    [[ $(starts "$1") == "$2" ]] || return
    tail -n 1 "$1/log.txt" | grep -qE '^ +[0-9]+ +[0-9.]+ '
}

# supervisor_ends STATUS: the supervisor ended with STATUS and left no process behind.
supervisor_ends() {
    local status=0 pid everybody
    mapfile -t everybody < <(family "$SUPERVISOR")
    echo "$(date +%T) ${everybody[*]}"
    wait "$SUPERVISOR" || status=$?
    SUPERVISOR=''
    echo "status $status, wanted $1"
    [ "$status" -eq "$1" ]
    for pid in "${everybody[@]}"; do poll dead "$pid"; done
}

# restarts RUN: the supervisor's lines.
restarts() {
    grep '^supervise: ' "$1.err"
}

# comes_to_its_end RANKS RUN: the supervised run, which is not running now, is started again
# with a number of steps, and ends as an undisturbed run.
comes_to_its_end() {
    local all=("${OPTIONS[@]}" "${ENDLESS[@]}" --set "train.steps=$(($(last_step "$2") + 10))")
    supervised "$1" "$2" "${all[@]}"
    supervisor_ends 0
    grep -q '^finished ' "$2/log.txt"
    is_as_undisturbed "$2" "$LETTERS" "${all[@]}"
}

@test "an undisturbed run is started once, and the supervisor prints nothing" {
    supervised 2 once "${OPTIONS[@]}" --set train.steps=40
    supervisor_ends 0
    [ "$(starts once)" -eq 1 ]
    run ! restarts once
    is_as_undisturbed once "$LETTERS" "${OPTIONS[@]}" --set train.steps=40
}

@test "a run whose ranks or mpirun are killed, or that is stopped, ends with the same state" {
    supervised 3 killed "${OPTIONS[@]}" "${ENDLESS[@]}"
    poll stepping killed 1
    kill -KILL "$(pgrep -P "$(pgrep -P "$SUPERVISOR")" | tail -n 1)"
    poll stepping killed 2
    mapfile -t pids < <(family "$(pgrep -P "$SUPERVISOR")")
    kill -KILL "${pids[@]}"
    poll stepping killed 3
    kill -USR1 "$(pgrep -P "$(pgrep -P "$SUPERVISOR")" | head -n 1)"
    poll stepping killed 4
    kill -KILL "$(pgrep -P "$SUPERVISOR")" # its ranks go on for two seconds
    poll stepping killed 5
    kill -TERM "$SUPERVISOR"
    supervisor_ends 75
    restarts killed
    going_on='going on from step [0-9]+ \(failures without .*: [01] of 5\)$'
    [ "$(restarts killed |
        grep -cE "killed by KILL at [-0-9]{10} [:0-9]{8}: $going_on")" -eq 3 ]
    [ "$(restarts killed | grep -c 'stopped early at .*: going on')" -eq 1 ]

    # the steps that the supervisor names are those that lockstep resumes from
    said=$(restarts killed | sed -nE 's/.* going on from step ([0-9]+) .*/\1/p')
    resumed=$(sed -nE 's/^resumed from .*: step ([0-9]+) of .*/\1/p' killed/log.txt)
    no_checkpoint=$(grep -c '^note: no usable checkpoint' killed/log.txt) || :
    same_text "$(grep -v '^0$' <<<"$said")" "$resumed"
    [ "$(grep -c '^0$' <<<"$said")" -eq "$no_checkpoint" ]
    comes_to_its_end 3 killed
}

@test "when the supervisor is killed its job ends, and the same command goes on" {
    setpriv --pdeathsig TERM true 2>/dev/null || skip "setpriv cannot do it here"
    supervised 2 orphaned "${OPTIONS[@]}" "${ENDLESS[@]}"
    poll stepping orphaned 1
    mapfile -t everybody < <(family "$SUPERVISOR")
    kill -KILL "$SUPERVISOR"
    wait "$SUPERVISOR" || :
    for pid in "${everybody[@]}"; do poll dead "$pid"; done
    SUPERVISOR=''
    comes_to_its_end 2 orphaned
}

@test "damaged checkpoints do not count as progress, but new ones after them do" {
    source "$ROOT/scripts/progress.sh"
    marred=("$LETTERS" --data letters.h5 --threads 1 --run marred "${OPTIONS[@]}"
        --set checkpoint.keep=99 --set checkpoint.every_epochs=0 --set train.steps=60)
    supervise "$LOCKSTEP" train "${marred[@]}" >marred.out
    [ "$(newest_step "$LOCKSTEP" marred)" -eq 60 ]
    truncate -s -1 marred/checkpoints/step-*{55,60}.h5
    run supervise --max-failures 1 "$LOCKSTEP" train "${marred[@]}" --data none.h5
    echo "$output"
    [ "$status" -eq 1 ]
    [[ $output == *': given up at step 50 ('*': 1 of 1)' ]]
    supervise "$LOCKSTEP" train "${marred[@]}" >marred.out
    grep -q "^resumed from 'marred/.*: step 50 of 60" marred.out
    [ "$(newest_step "$LOCKSTEP" marred)" -eq 60 ]
    fruitless=1
    count_try 50 60
    [ "$fruitless" -eq 0 ]
    count_try 60 60
    [ "$fruitless" -eq 1 ]
    truncate -s -1 marred/checkpoints/step-*.h5
    [ "$(newest_step "$LOCKSTEP" marred)" -eq \
        "$("$LOCKSTEP" show marred | sed -nE 's/^step +([0-9]+),.*/\1/p')" ]
    [ "$(newest_step ./no-such-program marred)" -eq 60 ]
    [ "$(newest_step "$LOCKSTEP" none)" -eq 0 ]
}

@test "signals that stop lockstep end with 75, and the same command goes on" {
    local signals=(TERM HUP QUIT XCPU PWR PROF)
    for signal in "${signals[@]}"; do
        supervised 2 stopped "${OPTIONS[@]}" "${ENDLESS[@]}"
        poll stepping stopped $(($(starts stopped) + 1))
        kill -$signal "$SUPERVISOR"
        supervisor_ends 75
        restarts stopped | tail -n 1
        at=$(sed -n 's/^stopped step \([0-9]*\) .*/\1/p' stopped/log.txt | tail -n 1)
        restarts stopped | tail -n 1 |
            grep -q "stopped by $signal, newest checkpoint: step $at\$"
    done
    [ "$(starts stopped)" -eq ${#signals[@]} ]
    comes_to_its_end 1 stopped
}

@test "a signal between two starts ends with 75 at once" {
    "${SUPERVISE[@]}" --delay 600 mpirun -n 2 "$LOCKSTEP" train "$LETTERS" \
        --data letters.h5 --threads 1 --run=between "${OPTIONS[@]}" "${ENDLESS[@]}" \
        >between.out 2>between.err 3>&- &
    SUPERVISOR=$!
    poll stepping between 1
    kill -USR1 "$(pgrep -P "$(pgrep -P "$SUPERVISOR")" | head -n 1)"
    poll pgrep -x -P "$SUPERVISOR" sleep >sleeping
    kill -TERM "$SUPERVISOR"
    supervisor_ends 75
    [ "$(starts between)" -eq 1 ]
}

# A stopped rank keeps the others from stopping in order.
@test "INT twice ends at once" {
    supervised 2 twice "${OPTIONS[@]}" "${ENDLESS[@]}"
    poll stepping twice 1
    kill -STOP "$(pgrep -P "$(pgrep -P "$SUPERVISOR")" | tail -n 1)"
    kill -INT "$SUPERVISOR"
    poll handled "$SUPERVISOR" INT
    kill -INT "$SUPERVISOR"
    supervisor_ends 130
    [ "$(starts twice)" -eq 1 ]
    restarts twice | grep -q 'ended by a second INT$'
}

@test "the supervisor waits for a folder that is in use" {
    start 2 busy "$LETTERS" "${OPTIONS[@]}" "${ENDLESS[@]}"
    until_step busy 5
    supervised 1 busy "${OPTIONS[@]}" "${ENDLESS[@]}" --set train.epochs=7
    poll grep -q 'exit status 2 at .*: going on from ' busy.err
    kill -USR1 "$JOB"
    ended || [ $? -eq 75 ]
    poll grep -q "^note: resumed with a changed key: train.epochs .* -> 7" busy.err
    poll stepping busy 2
    kill -TERM "$SUPERVISOR"
    supervisor_ends 75
    grep -q "'busy' is in use by another lockstep: host $(hostname), pid" busy.err
}

@test "the supervisor gives up on bad configs, missing programs and bad numbers" {
    run supervise "$LOCKSTEP" train "$LETTERS" --data none.h5 --run bad
    [ "$status" -eq 1 ]
    [ "$(grep -c '^supervise: ' <<<"$output")" -eq 5 ]
    run supervise "$LOCKSTEP" train "$LETTERS" --set train.batch=none
    echo "$output"
    [ "$status" -eq 2 ]
    [[ $output != *supervise:* ]]
    run -127 supervise ./no-such-program train "$LETTERS"
    wild=("$TINY" --data letters.h5 --threads 1 --run wild --set optim.lr=1e6)
    run supervise --max-failures 2 "$LOCKSTEP" train "${wild[@]}" --set log.every=1
    echo "$output"
    [ "$status" -eq 1 ]
    said="$(grep '^supervise: exit status 1 at ' <<<"$output")"
    [ "$(wc -l <<<"$said")" -eq 2 ]
    [[ $said == *': going on from step 0 ('*': 1 of 2)'* ]]
    [[ $said == *': given up at step 0 ('*': 2 of 2)' ]]
}

@test "wrong command lines of supervise.sh are refused" {
    for wrong in "--max-failures 0 lockstep train" "--delay x lockstep train" \
        "--no lockstep train" "lockstep eval run" "--max-failures" ""; do
        echo "supervise $wrong"
        # shellcheck disable=SC2086 # words
        run "$ROOT/scripts/supervise.sh" $wrong
        [ "$status" -eq 2 ]
        [[ ${lines[1]} == 'supervise: usage: supervise.sh '* ]]
    done
}

@test "the supervisor knows the run's folder, with --run or without" {
    mkdir configs
    cp "$TINY" configs/small.conf
    supervise "$LOCKSTEP" train --threads 1 configs/small.conf --data letters.h5 \
        --set train.steps=3 >small.out 2>&1
    [ -d runs/small/checkpoints ]
    # it knows the step only if it looks into the right folder
    supervise --max-failures 1 "$LOCKSTEP" train --threads 1 configs/small.conf \
        --data none.h5 2>&1 | tee small.err
    grep -q 'given up at step 3 ' small.err
}

# What supervise.sh and lockstep take for the run's folder, from the same words.
@test "the supervisor and lockstep agree on the run's folder" {
    train 1 "$TINY" --run old --set train.steps=3 >old.out
    cp "$TINY" plain.conf
    cp "$TINY" .conf
    mkdir other
    cp "$TINY" other/config.conf
    mkdir other/checkpoints
    # agree FOLDER CONFIG OPTION...
    agree() {
        local said
        said=$("$LOCKSTEP" train "${@:2}" --data "$BATS_TEST_TMPDIR/work/letters.h5" --check |
            sed -n 's/^run  *//p')
        eval "$(sed -n '/^wrote_config()/,/^}/p; /^run_folder()/,/^}/p' "$ROOT/scripts/supervise.sh")"
        same_text "$1" "$said" "$(run_folder "$LOCKSTEP" train "${@:2}")"
    }
    agree old old/config.conf
    agree runs/plain plain.conf
    agree runs/.conf .conf
    agree runs/config other/config.conf # no run wrote it
    agree there --no-verify --run there plain.conf
    agree last plain.conf --run=first --run last
    cd old
    agree . config.conf
    rm -r checkpoints
    agree . config.conf
    cp config.conf copy.conf
    agree runs/copy copy.conf
}
